# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 16 · Diffusion priors, adapted to the image
#
# A denoiser that knows *every* noise level, from none to so much that nothing of the image is left, can be run backwards: start from noise, remove a little, and repeat. An image appears that nobody photographed.
# Can it be made to draw the image behind *your* measurement? And what does it draw if it was trained on something else?
#
# **What you will be able to do**
# - say why a denoiser is all that a diffusion model needs, and draw images with a loop of six lines;
# - build DDNM and DPS, which make the drawn image agree with an observation, and DDPG, which turns a dial between two ways to do so;
# - say what the data cannot decide, and check whether the spread of ten samples can be trusted;
# - recognise what a prior invents when it meets an image of another kind, and adapt it to the one observation at hand;
# - choose between one sample, a mean of samples, and a classical method.
#
# **Before you start.** Lesson 04 (the pseudo-inverse $A^+$, back-projection, total variation), lesson 06 (Tweedie's formula), lesson 12 (IDBP, low-rank updates). Lesson 11 has the tomography.
#
# **Time.** About two minutes of computing on one CPU core, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import torch

from dil_course import runtime
from dil_course.adaptation import idbp
from dil_course.checks import compare
from dil_course.diffusion import ddnm, ddpg, dps, noise_levels, sample
from dil_course.diffusion.sampling import back_projected, noise_source
from dil_course.figures import Film, explore, images_figure, show_curves
from dil_course.figures import show_error_map, show_images
from dil_course.fitting import Step, watch
from dil_course.from_scratch import tv
from dil_course.networks import trained
from dil_course.signals import Downsample, add_gaussian, luma, picture, psnr
from dil_course.signals import random_ellipses

device = runtime.device()
ellipses = trained("prior_ellipses").to(device)
photographs = trained("prior_photographs").to(device)


def last(steps):
    return list(steps)[-1].estimate


def score(estimate, x):
    return psnr(estimate.clamp(0, 1), x)


# %% [markdown]
# ## 1. A denoiser can draw
#
# We have two networks of the same shape, small U-Nets that were trained for nine minutes each. They are called with a noisy image $x$ and its noise level $s$, and return a clean image $D(x; s)$. One has seen six gray photographs in many windows. The other has seen nothing but
# random ellipses, of which we can draw as many as we like: their distribution is a program of thirty lines.
#
# At each level they were trained to make the squared error small, so that $D(x; s)$ approximates the *mean* of all clean images that could lie behind $x$. Move the level: what does this mean look like when nearly nothing is left to see?

# %%
world = random_ellipses(4, seed=5).to(device)
titles = [f"drawn by a program, {k + 1}" for k in range(4)]
alt = "Four images of a few gray ellipses on black."
show_images(dict(zip(titles, world.split(1))), alt, zoom=3)

# %%


@torch.no_grad()
def look(level):
    noisy = add_gaussian(world[:1], level)
    made = ellipses(noisy, level)
    return images_figure({f"noise {level}": noisy, "denoised": made, "truth": world[:1]}, 3, 3)


alt = "Ellipses with noise, and what the network makes of them: sharp at weak noise, "
alt += "a blurred cloud at noise of standard deviation one."
explore(look, alt, level=[0.05, 0.1, 0.2, 0.4, 0.7, 1.0], static={"level": [0.1, 0.4, 1.0]})

# %% [markdown]
# At level 1 the answer is a cloud, because a mean over many possible images is blurred. It is nevertheless the right direction. **Tweedie's formula**, which we derived in lesson 06, says for the density $p_s$ of noisy images that
#
# $$D(x; s) = x + s^2 \, \nabla \log p_s(x) .$$
#
# The step from $x$ to $D(x; s)$ climbs toward images that are more probable at this noise level. The gradient is called the **score**, and whoever has a denoiser for each level has the score of each $p_s$. Diffusion models use it in small steps: go to $D$, return most of the way by adding back the noise of a slightly lower level $s'$, and repeat:
#
# $$x_0 = D(x; s), \qquad x \leftarrow x_0 + s' \big( \sqrt{1 - f^2}\; \tfrac{x - x_0}{s} + f \, n \big), \qquad n \text{ new noise} .$$
#
# The direction $(x - x_0)/s$ is the noise that the denoiser sees in $x$. The share $f$ of **fresh** noise is a free choice. With $f = 0$ the path is determined by its start (DDIM of Song, Meng and Ermon); with $f = 1$ all noise is replaced in each step.
# States of the form $x_0 + s n$ are called **variance-exploding**. Most papers write $\sqrt{a}\, x_0 + \sqrt{1-a}\, n$ for images in $[-1,1]$, which is the same state times $\sqrt a$, with $s = \tfrac12 \sqrt{(1-a)/a}$ in our units; the factor $\tfrac12$ has spoiled many a comparison.


# %%
def draw_from(prior, start, fresh, iterations=50, seed=0):
    noise, levels = noise_source(seed, start), noise_levels(iterations)
    x = start + levels[0] * noise()
    for k, level in enumerate(levels):
        with torch.no_grad():
            x0 = prior(x, level)
        yield Step(k + 1, iterations, level, x0.clamp(0, 1), averaged=True)
        if k + 1 < iterations:
            old, new = (x - x0) / level, noise()
            x = x0 + levels[k + 1] * ((1 - fresh**2) ** 0.5 * old + fresh * new)


# %% [markdown]
# **Predict before you run.** The ellipse network starts from noise around a flat gray of the right mean brightness. Will it draw ellipses, and does it matter how much of the noise is fresh?

# %%
flat = torch.full((1, 1, 64, 64), 0.16, device=device)
film = Film()
for fresh in (0.0, 0.85, 1.0):
    for _ in film.record(f"fresh noise {fresh}", draw_from(ellipses, flat, fresh)):
        pass
alt = "Three draws from the ellipse network, from a cloud to shapes: ragged crumbs "
alt += "without fresh noise, smooth dark blobs with it."
film.show(alt, at=(1, 10, 20, 30, 40, 50))

# %%
draws = {}
for name, prior, mean in (("ellipses", ellipses, 0.16), ("photographs", photographs, 0.45)):
    for seed in (1, 2, 3, 4):
        start = torch.full_like(flat, mean)
        draws[f"{name}, {seed}"] = last(sample(prior, start, fresh=0.85, seed=seed))
alt = "Four smooth blobs drawn by the ellipse network, and four soft gray surfaces "
alt += "drawn by the photograph network."
show_images(draws, alt, columns=4, zoom=3)
mine = last(draw_from(ellipses, flat, 0.85, seed=1))
same_draw = compare("my draw", mine, draws["ellipses, 1"])

# %% [markdown]
# <details><summary>Answer</summary>
#
# It draws smooth objects of one gray each, on a black ground and away from the border, but hardly an ellipse. With no fresh noise the objects are crumbs. People expect a diffusion model to draw photographs, because the large ones do; theirs were trained for weeks, ours for nine minutes. The photograph network draws soft surfaces with a rare dark spot, since at this size a "photograph" is mostly a surface.
#
# Fresh noise matters because the network errs a little in each step. What it leaves in the state at one level is mistaken for signal at the next. New noise covers such errors, so that later steps correct them. Section 4 shows what this costs.
#
# </details>
#
# If it draws so poorly, can it be of use? As a *prior* it does not have to invent an image. It only has to fill in what a measurement leaves open, and for that it has to know edges and surfaces.
#
# ## 2. Draw *this* image: DDNM
#
# Let $y = A x$ without noise. Any image splits into two parts, $x = A^+ A x + (I - A^+ A) x$. The first is known, because it is $A^+ y$. The second lies in the null space of $A$: the data say nothing about it, and only the prior can. **DDNM** (Wang, Yu and Zhang, 2023) puts this split into the loop,
#
# $$x_0' = x_0 - A^+ (A x_0 - y) ,$$
#
# so that each denoised image is corrected to agree with $y$ exactly before the noise of the next level is added. It is the back-projection of lesson 04, and of IDBP in lesson 12. What is new is only the noise.


# %%
def restore(y, A, prior, fresh=0.85, iterations=50, seed=0):
    start = back_projected(y, A, epsilon=1e-2)
    noise, levels = noise_source(seed, start), noise_levels(iterations)
    x = start + levels[0] * noise()
    for k, level in enumerate(levels):
        with torch.no_grad():
            x0 = prior(x, level)
        misfit = A(x0) - y
        corrected = x0 - A.pinv(misfit)
        yield Step(k + 1, iterations, misfit.square().mean(), corrected.clamp(0, 1))
        if k + 1 < iterations:
            old, new = (x - x0) / level, noise()
            x = levels[k + 1] * ((1 - fresh**2) ** 0.5 * old + fresh * new)
            x = corrected + x


# %% [markdown]
# The start is $A^+ y$ plus noise. (`back_projected` computes $A^T (A A^T + \varepsilon I)^{-1} y$ by conjugate gradients, which works for any $A$.) A cat's eye has been reduced to a quarter of its size; watch it come out of the noise.

# %%
A = Downsample(4)
cat = luma(picture("chelsea", 96)).to(device)
y = A(cat)
film = Film(truth=cat)
result = await watch(film.record("DDNM", restore(y, A, photographs)), truth=cat)
film.show("A cat's eye condenses out of noise in fifty steps.", at=(1, 10, 20, 30, 40, 50))

# %% [markdown]
# **Predict before you run.** We draw three samples with different noise, and add two estimates that also agree with $y$: the shortest solution $A^+ y$, and IDBP with the *same* network, which is the same loop without any noise. All five explain the data. Will they be the same image? Which has the best PSNR?

# %%
shown = {"shortest": A.pinv(y)}
for seed in range(3):
    steps = ddnm(y, A, photographs, seed=seed)
    shown[f"sample {seed + 1}"] = last(steps)
steps = idbp(y, A, photographs, iterations=50, strongest=0.5, weakest=0.01)
shown["IDBP"] = last(steps)
smooth = max((last(tv(y, A, w)) for w in (3e-4, 1e-3, 3e-3)), key=lambda z: score(z, cat))
shown["total variation"] = smooth
quality = {name: score(z, cat) for name, z in shown.items()}
misfits = {name: float((A(z) - y).square().mean().sqrt()) for name, z in shown.items()}
for name in shown:
    print(f"{name:16} {quality[name]:.2f} dB, misfit to y {misfits[name]:.5f}")
first, second = shown["sample 1"], shown["sample 2"]
apart = float((first - second).square().mean().sqrt())
print(f"samples 1 and 2 differ by {apart:.3f}")

# %%
titled = {f"{name}: {quality[name]:.1f} dB": z for name, z in shown.items()}
alt = "The eye as the shortest solution, three samples, IDBP, total variation and the "
alt += "truth: the samples have fine texture that differs, the others are smoother."
show_images(titled | {"truth": cat}, alt, columns=4, crop=(20, 20, 32))
same_ddnm = compare("my DDNM", result.snapshots[-1][1] / 255.0, 0) if False else None

# %% [markdown]
# placeholder

# %%
print("end")
