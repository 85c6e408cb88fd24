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
# A denoiser that knows *every* noise level, from none to so much that the eye finds little of the image, can be run backwards: start from noise, remove a little, and repeat. An image appears that nobody photographed.
# Can it be made to draw the image behind *your* measurement? And what does it draw if it was trained on something else?
#
# **What you will be able to do**
# - say why a denoiser is all that a diffusion model needs, and draw images with a loop of six lines;
# - build DDNM and DPS, which make the drawn image agree with an observation, and DDPG, which turns a dial between two ways to do so;
# - say what the data cannot decide, and check whether the spread of ten samples can be trusted;
# - recognise what a prior invents when it meets an image of another kind, adapt it to the one observation at hand, and say when that is needed;
# - choose between one sample, a mean of samples, and a classical method.
#
# **Before you start.** Lesson 03 (the deep image prior), lesson 04 (the pseudo-inverse $A^+$, back-projection, total variation), lesson 05 (Morozov's rule), lesson 06 (Tweedie's formula), lesson 12 (IDBP, which alternates a denoiser with back-projection; low-rank updates). The tomography is in lesson 04, section 6, and lesson 11, section 5.
#
# **Time.** About two minutes of computing on one CPU core, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
from functools import partial

import torch

from dil_course import runtime
from dil_course.adaptation import free, idbp
from dil_course.checks import compare
from dil_course.diffusion import ddnm, ddpg, dps, noise_levels, sample, scd
from dil_course.diffusion import tune_on_neighbours
from dil_course.diffusion.sampling import back_projected, noise_source, renoised
from dil_course.diffusion.sampling import squared_norm
from dil_course.diffusion.scd import toward_data
from dil_course.figures import Film, explore, images_figure, show_images
from dil_course.fitting import Step, watch
from dil_course.from_scratch import total_variation, tv
from dil_course.networks import trained
from dil_course.signals import Downsample, Mask, Radon, add_gaussian, luma, mr_slice
from dil_course.signals import picture, psnr, random_ellipses

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
# At each level they were trained to make the squared error small, so that $D(x; s)$ approximates the *mean* of all clean images that could lie behind $x$. Move the level: what does this mean look like when the eye sees little?

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
    return images_figure(
        {f"noise {level}": noisy, "denoised": made, "truth": world[:1]}, 3, 3
    )


alt = "Ellipses with noise, and what the network makes of them: sharp at weak noise, "
alt += "blurred without any edge at noise of standard deviation one."
explore(
    look, alt, level=[0.05, 0.1, 0.2, 0.4, 0.7, 1.0], static={"level": [0.1, 0.4, 1.0]}
)

# %% [markdown]
# At level 1 the edges have become a blur, because a mean over many possible images is blurred. It is nevertheless the right direction. **Tweedie's formula**, which we derived in lesson 06, says for the density $p_s$ of noisy images that
#
# $$D(x; s) = x + s^2 \, \nabla \log p_s(x) .$$
#
# The step from $x$ to $D(x; s)$ climbs toward images that are more probable at this noise level. The gradient is called the **score**, and whoever has a denoiser for each level has the score of each $p_s$. Diffusion models use it in small steps: go to $D$, return most of the way by adding back the noise of a slightly lower level $s'$, and repeat:
#
# $$x_0 = D(x; s), \qquad x \leftarrow x_0 + s' \big( \sqrt{1 - f^2}\; \tfrac{x - x_0}{s} + f \, n \big), \qquad n \text{ new noise} .$$
#
# The direction $(x - x_0)/s$ is the noise that the denoiser sees in $x$. The share $f$ of **fresh** noise is a free choice. With $f = 0$ the path is determined by its start (DDIM of Song, Meng and Ermon); with $f = 1$ all noise is replaced in each step; $0.85$, which we use most, is the value in the code of DDNM. The levels fall geometrically, from 1 to 0.01.
# A state that is a clean image plus $s n$ is called **variance-exploding**. Most papers weight the clean image by $\sqrt{a}$ and the noise by $\sqrt{1-a}$, for images in $[-1,1]$, which is the same state times $\sqrt a$, with $s = \tfrac12 \sqrt{(1-a)/a}$ in our units; a forgotten factor $\tfrac12$ can spoil a comparison.


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
# **Predict before you run.** The ellipse network starts from noise around a flat gray of the right mean brightness, which even this noise does not hide (exercise 1). Will it draw ellipses, and does it matter how much of the noise is fresh?

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
for name, prior, mean in (
    ("ellipses", ellipses, 0.16),
    ("photographs", photographs, 0.45),
):
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
# It draws smooth, mottled objects on a black ground, away from the border, but hardly an ellipse, and darker than those of the program. With no fresh noise the objects are crumbs. People expect a diffusion model to draw photographs, because the well-known ones do; those are hundreds of times larger, have seen millions of images, and start at noise some forty times as strong; ours was trained for nine minutes, and its level 1 still shows a large object (the figure above), so that a flat start says that there is none. The photograph network draws soft surfaces with a few dark spots, since at this size a "photograph" is mostly a surface.
#
# The crumbs have a likely reason: the network errs a little in each step. What it leaves in the state at one level is mistaken for signal at the next, whereas new noise covers such errors, so that later steps can correct them. Section 4 shows what this costs.
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
    start = back_projected(y, A, 0.01 * squared_norm(A, y))
    noise, levels = noise_source(seed, start), noise_levels(iterations)
    x = start + levels[0] * noise()
    for k, level in enumerate(levels):
        with torch.no_grad():
            x0 = prior(x, level)
        misfit = A(x0) - y
        corrected = x0 - A.pinv(misfit)
        loss, shown = misfit.square().mean(), corrected.clamp(0, 1)
        yield Step(k + 1, iterations, loss, shown, averaged=True)
        if k + 1 < iterations:
            old, new = (x - x0) / level, noise()
            x = levels[k + 1] * ((1 - fresh**2) ** 0.5 * old + fresh * new)
            x = corrected + x


# %% [markdown]
# The start is $A^+ y$ plus noise. (`back_projected` computes $A^T (A A^T + \varepsilon I)^{-1} y$ by conjugate gradients, which works for any linear $A$.) Where a pixel is missing this start is black, but each step sets the measured pixels right. Of a cat's eye only three pixels in ten have been measured. Watch the others condense out of noise.

# %%
steps_of = runtime.pick(quick=100, full=200)
cat = luma(picture("chelsea", 64)).to(device)
drawn = torch.Generator().manual_seed(0)
A = Mask((torch.rand(1, 1, 64, 64, generator=drawn) < 0.3).to(device))
y = A(cat)
film = Film(truth=cat)
steps = restore(y, A, photographs, iterations=steps_of)
result = await watch(film.record("DDNM", steps), truth=cat)
alt = "A cat's eye condenses out of noise in a hundred steps."
film.show(alt, at=(1, 20, 40, 60, 80, 100))

# %% [markdown]
# **Predict before you run.** We draw three samples with different noise. Beside them stand two estimates: IDBP with the *same* network, which is the same loop, started at level 0.5 and without any noise, and total variation with the best of three weights, found with the truth. All of them explain the data. Will the samples be the same image? Which of the five has the best PSNR?

# %%
shown, settings = {}, dict(iterations=steps_of)
for seed in range(3):
    shown[f"sample {seed + 1}"] = last(ddnm(y, A, photographs, seed=seed, **settings))
steps = idbp(y, A, photographs, strongest=0.5, weakest=0.01, **settings)
shown["IDBP"] = last(steps)
smooth = [last(tv(y, A, weight)) for weight in (3e-4, 1e-3, 3e-3)]
shown["total variation"] = max(smooth, key=lambda z: score(z, cat))
quality = {name: score(z, cat) for name, z in shown.items()}
misfits = {name: float((A(z) - y).square().mean().sqrt()) for name, z in shown.items()}
for name in shown:
    print(f"{name:16} {quality[name]:.2f} dB, misfit to y {misfits[name]:.5f}")
three = [shown[f"sample {k}"] for k in (1, 2, 3)]
apart = float((three[0] - three[1]).square().mean().sqrt())
print(f"samples 1 and 2 differ by {apart:.3f}")
mine = last(restore(y, A, photographs, iterations=20))
library = last(ddnm(y, A, photographs, iterations=20))
same_ddnm = compare("my DDNM", mine, library)

# %%
titled = {"measured": y} | {f"{k}: {quality[k]:.1f} dB": z for k, z in shown.items()}
alt = "The measured pixels, three samples, IDBP, total variation and the truth: the "
alt += "dark rim of the eye, enlarged, is broken in another way in each but the truth."
show_images(titled | {"truth": cat}, alt, columns=4, crop=(40, 0, 24))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The samples are three different images. They agree at the measured pixels and differ elsewhere by several hundredths at single pixels (in the enlarged parts all break the dark rim of the eye where no pixel of it was measured, but each in its own way), while their misfit to $y$ is zero. The data misfit therefore cannot tell which of them is right, nor whether any of them is: it would also be zero for a wrong eye.
#
# IDBP has the best PSNR, total variation comes close to it, and each sample is below both. People expect the sharpest-looking image to be the nearest to the truth. A sample contains texture that the prior finds plausible, and PSNR punishes plausible texture in the wrong place. Section 4 puts a number on that. The bright glint in the pupil, which lies between the measured pixels, is in none of the five.
#
# </details>
#
# Total variation, which has learned nothing, is within half a decibel of a network of 600,000 weights. On the two other photographs of `benchmarks/RESULTS.md` IDBP with this prior is ahead by more than a decibel, and the samples by a third to a half of one, so that the training is worth something, but not as much as the elaborate loop suggests.
#
# **DDRM** (Kawar and others, 2022) does the same in the singular basis of $A$, where each component can be weighed against the noise separately. It needs the singular value decomposition, which DDNM does not.

# %% tags=["nbval-check-output"]
print("my draw and my DDNM are the library's:", same_draw and same_ddnm)
exact = [name for name in misfits if name != "total variation"]
print(
    "samples and IDBP agree with y to a thousandth:",
    max(misfits[name] for name in exact) < 1e-3,
)
print("yet two samples differ by much more than that:", apart > 0.01)
print(
    "each sample has a lower PSNR than IDBP with the same network:",
    max(quality[f"sample {k}"] for k in (1, 2, 3)) < quality["IDBP"],
)

# %% [markdown]
# ## 3. Noise in the data: DPS, DDPG, and a dial
#
# Now a cup of coffee at half size, with noise of standard deviation 0.05. DDNM makes its samples agree with $y$, noise included. Its authors' DDNM+ and DDRM weaken the correction where the noise demands it; we build two other remedies.
#
# **DPS** (Chung and others, 2023) does not invert $A$ at all. It takes the prior's step, and then a step down the gradient of the misfit, *through the denoiser*:
#
# $$x \leftarrow (\text{the prior's next state}) - \zeta \, \nabla_x \, \| y - A D(x; s) \| .$$
#
# It is the norm, not its square. The gradient of the norm has about the same size whether the misfit is large or small, so that one $\zeta$ serves all levels. This works for any $A$ that can be differentiated, linear or not, but each step needs a backward pass, and $\zeta$ has to be found.
#
# **DDPG** (Garber and Tirer, 2024) asks what else one can do with the residual $r = A x_0 - y$. Back-projection $A^+ r$ reduces it at once but amplifies noise wherever $A$ has small singular values; least squares, $A^T r$, is gentle and slow. Hence a dial $d$ between the two:
#
# $$x_0' = x_0 - (1 - d) \, A^T (A A^T + \varepsilon I)^{-1} r \; - \; d \, c \, A^T r .$$
#
# Here $c$ is a step size, 1 because our $A$ does not enlarge, and $\varepsilon$ is a small multiple of the noise's variance, as in the authors' code. The dial turns from 0 to 1 as the level falls. Early, amplified noise does no harm, because it drowns in the noise of the state. The schedule is $d = (1 + 4 s'^2)^{-\gamma}$, with $\gamma = 8$ here; the authors choose it for each task.


# %%
def dps_step(x, y, A, prior, level, next_level, zeta, noise):
    x.requires_grad_()
    x0 = prior(x, level)
    (gradient,) = torch.autograd.grad((y - A(x0)).norm(), x)
    x, x0 = x.detach(), x0.detach()
    old = (x - x0) / level
    x = x0 + next_level * ((1 - 0.85**2) ** 0.5 * old + 0.85 * noise)
    return x - zeta * gradient, x0


def ddpg_step(x, y, A, prior, level, next_level, sigma, noise, gamma=8):
    d = (1 + 4 * next_level**2) ** -gamma
    with torch.no_grad():
        x0 = prior(x, level)
    r = A(x0) - y
    inverted = back_projected(r, A, 3 * sigma**2)
    corrected = x0 - (1 - d) * inverted - d * A.adjoint(r)
    return corrected + next_level * noise, x0


# %%
half, sigma = Downsample(2), 0.05
coffee = luma(picture("coffee", 64)).to(device)
noisy = add_gaussian(half(coffee), sigma)
mine = {}
for name, step, setting in (("DPS", dps_step, 1.0), ("DDPG", ddpg_step, sigma)):
    start = back_projected(noisy, half, 0.01 * squared_norm(half, noisy))
    noise, levels = noise_source(0, start), noise_levels(30)
    x = start + levels[0] * noise()
    for level, following in zip(levels, levels[1:] + [levels[-1]]):
        n = noise()
        x, x0 = step(x, noisy, half, photographs, level, following, setting, n)
    mine[name] = x0.clamp(0, 1)
found = {"DPS": last(dps(noisy, half, photographs, iterations=30))}
found["DDPG"] = last(ddpg(noisy, half, photographs, sigma, iterations=30))
same = [compare(name, mine[name], found[name]) for name in mine]

# %% [markdown]
# The lines in `ddpg_step` replace all noise in each step, which gave the best PSNR here (section 4 says why); the authors' mixture of old and fresh noise is in the library, too. Before the comparison, the dial by itself. We hold $d$ at a fixed value through the whole run, or let it turn, and we allow eight steps or thirty.
#
# **Predict before you run.** Back-projection all the time ($d = 0$), least squares all the time ($d = 1$), or turning: which is best after eight steps, and which after thirty?

# %%
dials = {"0": 0.0, "0.5": 0.5, "1": 1.0, "turning": None}
turned = {}
for steps in (8, 30):
    for name, dial in dials.items():
        settings = dict(dial=dial, iterations=steps)
        run_of = ddpg(noisy, half, photographs, sigma, **settings)
        turned[name, steps] = last(run_of)
        print(f"{steps:3} steps, dial {name:8}", end=" ")
        print(f"{score(turned[name, steps], coffee):.2f} dB")


def at(dial, steps):
    z = turned[dial, steps]
    title = f"dial {dial}, {steps} steps: {score(z, coffee):.1f} dB"
    return images_figure({title: z, "truth": coffee}, 2, 4)


alt = (
    "A cup restored with the dial at back-projection, noisy; at least squares, blurred "
)
alt += "after eight steps; and turning, clean and sharper."
static = {"dial": ["0", "1", "turning"], "steps": [8, 30]}
explore(at, alt, static=static, dial=list(dials), steps=[8, 30])

# %% [markdown]
# <details><summary>Answer</summary>
#
# Back-projection alone is the worst, with eight steps and with thirty, and half of it is hardly better, because it brings the noise of $y$ back each time. After eight steps the turning dial is ahead of least squares; after thirty least squares is slightly ahead. People expect that the dial's mixture must be best in the end. It is an *acceleration*: back-projection puts the coarse image in place within a few steps, which least squares also achieves when it has the time.
#
# </details>
#
# On the other two images the pattern is the same at half size; for a blur it is reversed: there least squares is ahead after eight steps already, by 0.1 to 1.1 dB (`benchmarks/RESULTS.md`). The authors compare other networks, in a hundred steps.
#
# Now the other methods. IDBP gets the regularised inverse, with the best of three $\varepsilon$, and total variation the best of three weights; both were found with the truth of this image. The samplers' $\zeta$, $\gamma$ and $\varepsilon$ were found with the truth of two other images, so that the comparison leans a little toward IDBP and total variation. DPS gets fifty steps, where its authors take a thousand.

# %%
found["DDNM"] = last(ddnm(noisy, half, photographs, iterations=30))
found["DPS"] = last(dps(noisy, half, photographs))
bridged, levels = [], dict(strongest=0.5, weakest=0.01)
for epsilon in (0.01, 0.05, 0.2):
    inverse = partial(back_projected, A=half, epsilon=epsilon)
    steps = idbp(noisy, half, photographs, sigma, pinv=inverse, **levels)
    bridged.append(last(steps))
found["IDBP"] = max(bridged, key=lambda z: score(z, coffee))
smooth = [last(tv(noisy, half, weight)) for weight in (0.005, 0.01, 0.02)]
found["total variation"] = max(smooth, key=lambda z: score(z, coffee))
noise_scores = {name: score(z, coffee) for name, z in found.items()}
for name, value in noise_scores.items():
    print(f"{name:16} {value:.2f} dB")
titled = {f"{name}: {noise_scores[name]:.1f} dB": z for name, z in found.items()}
alt = "The cup by five methods: DDNM grainy, DPS less so, DDPG softly mottled, "
alt += "IDBP with a fine checkerboard, total variation smooth."
show_images(titled | {"truth": coffee}, alt, columns=3, crop=(20, 20, 24))

# %% [markdown]
# Plain DDNM returns the noise that it was given, DPS keeps a part of it, and DDPG leaves only soft mottling. DDPG needs no backward pass, though it has its $\gamma$ to choose. (The checkerboard of IDBP vanishes at half size, so that $y$ cannot forbid it.) On this cup, however, total variation is ahead of every sampler, by more than a decibel over DDPG, and for a blur the deep image prior with total variation in its loss (DIP+TV) is first on all three images of `benchmarks/RESULTS.md`; on one row of its six, the portrait at half size, are samplers and IDBP first, by about a quarter of a decibel over total variation. Our prior is small, the image is small, and halving the size leaves little to invent.
#
# One more line ties this lesson to lesson 12. Where $y$ has no noise, there is none to amplify, so that the authors hold the dial at back-projection, $d = 0$. Without injected noise DDPG should then be IDBP, up to the small $\varepsilon$:

# %%
idpg = ddpg(half(coffee), half, photographs, 0.0, inject=False, iterations=20)
limit = idbp(
    half(coffee), half, photographs, iterations=20, strongest=1.0, weakest=0.01
)
bridge = compare("DDPG without noise, and IDBP", last(idpg), last(limit), 0.01)

# %% tags=["nbval-check-output"]
print("my DPS and DDPG are the library's:", all(same))
print("without any noise DDPG is IDBP, nearly:", bridge)
print(
    "in noise DDPG is three decibels or more ahead of DDNM:",
    noise_scores["DDPG"] > noise_scores["DDNM"] + 3,
)
eight = {name: score(turned[name, 8], coffee) for name in dials}
print(
    "after eight steps the turning dial is ahead of both its ends:",
    eight["turning"] > max(eight["0"], eight["1"]) + 0.2,
)
print(
    "and total variation is ahead of every sample here:",
    noise_scores["total variation"]
    > max(noise_scores[name] for name in ("DDNM", "DPS", "DDPG")),
)

# %% [markdown]
# ## 4. A sample is not an estimate
#
# Why does a single sample lose to IDBP with the same network? Suppose that the sampler were perfect, and drew from the true distribution of images given $y$. For mean $\mu$ and covariance $\Sigma$ of this posterior and the truth $x^*$, the mean squared error of a *sample* $x$ and of the *mean* are
#
# $$\mathbb{E} \|x - x^*\|^2 = 2\, \mathrm{tr}\, \Sigma, \qquad \mathbb{E} \|\mu - x^*\|^2 = \mathrm{tr}\, \Sigma ,$$
#
# because truth and sample are two independent draws from the same distribution. A perfect sample is thus 3 dB *worse* than the mean (Blau and Michaeli, 2018), and no better network can avoid that: details that the data do not determine are drawn at random. (IDBP is no posterior mean, but without random draws it is likely to stay nearer to one.) What samples offer in return is their spread.
#
# **Predict before you run.** Ten samples of the eye. By how much does their mean improve on one of them? At how many of the unmeasured pixels does the truth lie within two standard deviations of the mean?

# %%
settings = dict(iterations=steps_of)
more = [last(ddnm(y, A, photographs, seed=k, **settings)) for k in range(3, 10)]
ten = torch.cat(three + more)
mean, spread = ten.mean(0, keepdim=True), ten.std(0, keepdim=True)
unseen = A.mask == 0
one = sorted(score(z, cat) for z in ten.split(1))
within = 100 * ((mean - cat).abs() < 2 * spread)[unseen].float().mean().item()
print(
    f"one sample {one[0]:.2f} to {one[-1]:.2f} dB, their mean {score(mean, cat):.2f} dB"
)
print(f"truth within two standard deviations: {within:.0f} % of the unmeasured pixels")

# %%
error = (mean - cat).abs()
low, high = (torch.quantile(spread[unseen], q) for q in (0.25, 0.75))
calm, unsure = error[unseen & (spread < low)], error[unseen & (spread > high)]
ratio = float(unsure.mean() / calm.mean())
print(f"error in the widest quarter: {ratio:.1f} times that in the narrowest")
alt = (
    "The error of the mean of ten samples and their spread, both eight times as large "
)
alt += "as they are: both are large above the pupil and below the lid; bright "
alt += "errors in the pupil are dark in the spread."
maps = {"error of the mean, x 8": 8 * error, "spread, x 8": 8 * spread}
show_images(maps | {"truth": cat}, alt, columns=3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The mean of ten is a decibel better than a typical sample, and here ahead of IDBP and total variation as well. (On two other images it is level with IDBP or behind it, see `benchmarks/RESULTS.md`.) For a perfect sampler the formula promises 3 dB, 2.6 where ten samples stand for the mean; the gain is smaller here, because part of the error is shared by all samples: what the prior does not know, such as the glint in the pupil, is missing from all ten in the same way.
#
# For Gaussian errors, 95 of 100 pixels should lie within two standard deviations of the mean, and 91 where ten samples estimate both. About three quarters do. Where the samples disagree most, the error is several times what it is where they agree, so that the spread is a useful *map*. As a *number* it promises too much (at the glint it is large, and still far below the error), and where all samples err in the same way, as at the faint reflection low in the pupil, the map is dark as well.
#
# </details>
#
# Is the network to blame, which does not know cats' eyes? Partly. But let us test the sampler alone, in a world in which the best denoiser is known exactly. Let all pixels be independent and Gaussian, with mean $0.5$ and standard deviation $0.1$. Then $D(x; s) = 0.5 + \frac{0.1^2}{0.1^2 + s^2} (x - 0.5)$, and each of 10,000 pixels is a draw of its own.
#
# **Predict before you run.** The denoiser is perfect, the levels are fine. Will the draws have the standard deviation $0.1$, whatever the share of fresh noise?


# %%
def gaussian(x, level, variance=0.1**2):
    return 0.5 + variance / (variance + level**2) * (x - 0.5)


pixels = torch.full((1, 1, 100, 100), 0.5, device=device)
widths = {}
for fresh, count in ((0.0, 200), (0.5, 200), (0.85, 200), (1.0, 200), (1.0, 800)):
    steps = sample(gaussian, pixels, fresh=fresh, iterations=count, weakest=0.005)
    widths[fresh] = float(last(steps).std())
    print(f"fresh noise {fresh}, {count} steps: standard deviation {widths[fresh]:.3f}")
fall = 0.005 ** (1 / 199)  # s' / s for 200 levels from 1 to 0.005
steps = sample(
    gaussian, pixels, fresh=(1 - fall**2) ** 0.5, iterations=200, weakest=0.005
)
widths["exact"] = float(last(steps).std())
print(f"fresh noise by the fall of the level: {widths['exact']:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Of the fixed shares, only 0 comes out right. With all noise fresh the draws are about 30 % too narrow, and four times as many steps do not help. The state at level $s$ should have variance $0.1^2 + s^2$. The denoised value has only the variance $0.1^4/(0.1^2 + s^2)$, since a mean varies less than what it is the mean of. The difference sits in $x - x_0$, which is correlated with the image. With independent noise in its place the next state has variance $0.1^4/(0.1^2 + s^2) + s'^2$, which is less than $0.1^2 + s'^2$: some of the image's own variance is lost in each step. The last line of the output exchanges only as much noise as the fall of the level allows, $f^2 = 1 - s'^2/s^2$ (the ancestral sampling of Ho, Jain and Abbeel's DDPM, 2020), and loses next to nothing.
#
# People take the noise schedule for a detail of implementation. It decides what the spread means.
#
# </details>
#
# This is a real conflict: fresh noise seems to repair the errors of the network (section 1), and beyond the exact share it makes the spread too small. On three images of half the size, without noise and in thirty steps, we found (`benchmarks/RESULTS.md`; least to most):
#
# | share of fresh noise | PSNR of one sample | truth within two standard deviations |
# | --- | --- | --- |
# | 0.5 | 29.6 to 31.0 dB | 91 to 98 % |
# | 0.85 | 31.1 to 33.8 dB | 77 to 90 % |
# | 1 | 32.0 to 35.6 dB | 62 to 78 % |
#
# Honest error bars (0.5 is nearly the exact share for thirty levels) cost a single sample decibels, but the mean of ten less than one. With noise in the data it is worse: in a Gaussian world with an exact posterior, described there too, the width of DPS is what $\zeta$ makes it, and DDPG's is a quarter of the right one at measured pixels, at the settings tried there. A sampler's spread should be checked on such a world before somebody reads it as an error bar.

# %% tags=["nbval-check-output"]
print(
    "the mean of ten is ahead of the best of them by a third of a decibel:",
    score(mean, cat) > one[-1] + 1 / 3,
)
print("fewer than 91 in 100 pixels lie within two standard deviations:", within < 91)
print(
    "where the samples disagree most, the error is twice as large or more:", ratio > 2
)
print(
    "the draws have the right width without fresh noise, and with the exact share:",
    abs(widths[0.0] - 0.1) < 0.006 and abs(widths["exact"] - 0.1) < 0.006,
)
print(
    "and with fresh noise alone they are a fifth too narrow or more:",
    widths[1.0] < 0.08,
)

# %% [markdown]
# ## 5. The ellipse prior meets an abdomen
#
# A scanner sends rays through a body from twenty directions, with little noise. Our prior has seen ellipses and nothing else, and now the scan is one of an abdomen (the magnetic resonance image of lesson 11, as if it were a density) or of a few strokes of writing.
#
# We use the sampler **DDS** (Chung, Lee and Ye, 2024). It denoises, and then moves the result toward the data by solving, nearly,
#
# $$x_0' = \arg\min_z \; \|z - x_0\|^2 + \gamma \, \|A z - y\|^2 / \|A\|^2 .$$
#
# The weight $\gamma$ (not DDPG's) says how far the data may overrule the prior. The solution is $x_0' = x_0 - A^T (A A^T + \varepsilon I)^{-1} (A x_0 - y)$ with $\varepsilon = \|A\|^2 / \gamma$, the back-projection of the last sections again: it leaves the prior alone for $\gamma = 0$, and becomes DDNM's step for $\gamma \to \infty$.
# In the library this sampler is `scd(..., updates=0)`; its name will make sense in the next section.

# %%
scanner = Radon(64, range(0, 180, 9))
place = torch.arange(64, device=device) - 32
disk = (place[:, None] ** 2 + place**2 < 31**2).float()  # seen from every angle
bodies = {
    "abdomen": Downsample(2)(mr_slice().to(device)).clamp(0, 1) * disk,
    "letters": picture("text", 64).to(device) * disk,
    "ellipses": random_ellipses(1, 64, seed=0).to(device),
}
scans = {name: add_gaussian(scanner(x), 0.005) for name, x in bodies.items()}


def frozen(name, gamma, iterations=30):
    settings = dict(updates=0, gamma=gamma, iterations=iterations)
    return last(scd(scans[name], scanner, ellipses, **settings))


def misfit(name, estimate):  # in units of the noise
    return float((scanner(estimate) - scans[name]).square().mean().sqrt()) / 0.005


# %% [markdown]
# **Predict before you run.** Will the prior draw ellipses into the abdomen? And what is better for an abdomen: no prior at all (the regularised inverse $A^T (A A^T + \varepsilon I)^{-1} y$), a prior of ellipses, or total variation? For the first and the last the weight is chosen with the truth; the prior gets a weak and a strong step, two values of $\gamma$ chosen with the truth of the abdomen.

# %%
drawn, size = {}, squared_norm(scanner, scans["abdomen"])
for name, x in bodies.items():
    scan, best = scans[name], partial(max, key=partial(score, x=x))
    plain = best(back_projected(scan, scanner, c * size) for c in (1e-3, 3e-3, 1e-2))
    smooth = [tv(scan, scanner, w, learning_rate=0.3) for w in (1e-4, 3e-4)]
    smooth = best(map(last, smooth))
    drawn[name] = {"no prior": plain, "TV": smooth}
    drawn[name] |= {"weak": frozen(name, 0.5), "strong": frozen(name, 32)}
    for way, z in drawn[name].items():
        print(f"{name:9} {way:9} {score(z, x):.2f} dB,", end=" ")
        print(f"misfit {misfit(name, z):.1f} times the noise")

# %%
titled = {}
for name in ("abdomen", "letters"):
    for way, z in drawn[name].items():
        titled[f"{name}, {way}: {score(z, bodies[name]):.1f} dB"] = z
    titled[f"{name}, truth"] = bodies[name]
alt = "An abdomen and strokes of letters: grainy without a prior; by TV, with flat "
alt += "patches; by the prior with a weak step, blobs without a stroke; with a strong "
alt += "step, like the truth, with grain; and the truth."
show_images(titled, alt, columns=5, zoom=3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# It depends on $\gamma$. With the weak step the prior replaces the organs by smooth blobs, and of the letters not a stroke is left: this is what papers call hallucination. It is far worse than no prior at all.
#
# With the strong step the same network, which has never seen an abdomen, does no harm and even helps: it is ahead of the regularised inverse by more than a decibel, on its own ellipses by four. A network that has learned smooth regions with closed edges can use that on other images. But total variation, which says much the same in one line, is ahead of this one sample on all three bodies, the ellipses included, since a few flat areas are just what it prefers; the mean of several samples, which section 4 would advise, was not tried here.
#
# In our own first draft it was the other way round. After 120 iterations total variation stood at 24.7 dB on the abdomen, so that the strong step seemed to win by more than a decibel; with few rays it takes some 800 iterations to converge, or 300 at six times the rate, as here. People take care of their own method's settings, and a baseline has to be run to its end, too.
#
# Without the truth, the misfit speaks against the weak step: it is three to seven times the noise, which no right answer could leave (Morozov, lesson 05). The better estimates, total variation included, go to the other side: with more pixels than rays, an image can fit a part of the noise and look no worse. Exercise 3 asks what Morozov's rule would cost.
#
# </details>
#
# So there are two ways out when a prior does not fit: listen more to the data, or change the prior.
#
# ## 6. Let the prior learn from the scan
#
# **Steerable conditional diffusion** (SCD; Barbano, Denker, Chung and others, 2025) changes the prior *while it samples*. At each noise level $s$ a low-rank update of the network (LoRA, lesson 12) is fitted to the one scan:
#
# $$\min_{\Delta} \; \operatorname{mean} \big(A x_0' - y\big)^2 + \alpha \, \mathrm{TV}(x_0') , \qquad x_0' = \text{step toward the data from } D_{\theta + \Delta}(x; s) .$$
#
# The update $\Delta$ starts at zero for each image and is carried from level to level. What the sampler adds back as old noise comes from the network as trained, so that the adapted network changes only the estimate.
# If you read this as a deep image prior whose network is already trained, whose input is the current state, and whose loss has total variation, you are right: Chung and Ye (2024) call their version, which has no total variation and takes the noise from the adapted network too, **deep diffusion image prior**.


# %%
def steered(y, A, prior, updates, gamma, alpha=5e-3, iterations=8, seed=0):
    with runtime.seeded(seed):
        adapted = free(prior, "low-rank")
    changeable = [w for w in adapted.parameters() if w.requires_grad]
    optimizer = torch.optim.Adam(changeable, lr=0.01)
    size = squared_norm(A, y)
    start, levels = back_projected(y, A, 0.01 * size), noise_levels(iterations)
    noise = noise_source(seed, start)
    x = start + levels[0] * noise()
    for level, following in zip(levels, [*levels[1:], 0.0], strict=True):
        with torch.no_grad():
            direction = (x - prior(x, level)) / level  # of the network as trained
        for _ in range(updates):
            x0 = toward_data(adapted(x, level), y, A, gamma / size)
            loss = (A(x0) - y).square().mean() + alpha * total_variation(x0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            x0 = toward_data(adapted(x, level), y, A, gamma / size)
        x = renoised(x0, direction, following, 0.85, noise())
    return x0.clamp(0, 1)


# %% [markdown]
# (`toward_data` solves the small problem above by four steps of conjugate gradients; it is only imported. For their walnut the authors of SCD make 16 updates at a few of many levels, of rank 8 and with a rate of $10^{-4}$; here there are 12 updates at each of 8 levels, of rank 4 and with a rate of 0.01, a hundred times theirs; these and $\alpha$ were found with the truth of the abdomen, and the run without total variation keeps them.)

# %%
scan = scans["abdomen"]
mine = steered(scan, scanner, ellipses, updates=3, gamma=0.5, iterations=2)
library = last(scd(scan, scanner, ellipses, updates=3, gamma=0.5, iterations=2))
same_scd = compare("SCD, two levels", mine, library, 1e-4)
mine = steered(scan, scanner, ellipses, updates=0, gamma=0.5, iterations=4)
library = last(scd(scan, scanner, ellipses, updates=0, gamma=0.5, iterations=4))
none = compare("no updates", mine, library)

# %% [markdown]
# **Predict before you run.** We adapt with the weak step and with the strong one. Where does it help, on the letters or also on ellipses? And what does the total variation in the loss contribute?

# %%
letters, film = bodies["letters"], Film(truth=bodies["letters"])
settings = dict(updates=12, gamma=0.5)
steps = scd(scans["letters"], scanner, ellipses, **settings)
live = await watch(film.record("weak step, adapted", steps), truth=letters)
alt = "Blobs become a nearly even gray disk, without the strokes of the letters."
film.show(alt, at=(1, 13, 26, 52, 104))

# %% [markdown]
# The film has 8 levels of 13 estimates each, and the curves jump where the level changes. Now all three bodies, at eight levels in every case: frozen, adapted without total variation in the loss ($\alpha = 0$), and adapted with it.

# %%
made, ways = {}, {"adapted, no TV": 0.0, "adapted": 5e-3}
for name, x in bodies.items():
    for step, gamma in {"weak": 0.5, "strong": 32}.items():
        settings = dict(updates=12, gamma=gamma)
        made[name, step] = {"frozen": frozen(name, gamma, iterations=8)}
        for way, weight in ways.items():
            steps = scd(scans[name], scanner, ellipses, tv=weight, **settings)
            made[name, step][way] = last(steps)
        print(f"{name:9} {step:7}", end="")
        for way, z in made[name, step].items():
            print(f" {way} {score(z, x):.2f} dB (misfit {misfit(name, z):.1f})", end="")
        print()

# %%
titled = {
    f"{way}: {score(z, letters):.1f} dB": z
    for way, z in made["letters", "weak"].items()
}
alt = "Letters with the weak step: blobs by the frozen prior; a grainy disk by the "
alt += "adapted one without total variation, even with it; strokes only in the truth."
show_images(titled | {"truth": letters}, alt, columns=4, zoom=3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With the weak step, and at the same eight levels, adapting alone gains three decibels on the abdomen and more on the letters; total variation adds half a decibel on these two. But look at the pictures: the gain is an even disk in the place of blobs, and not one stroke has come back. It gains five on the ellipses, too, which *are* what the prior was trained on. So it is not the shift that is repaired, but a sampler that follows the data too little, whatever the image.
#
# With the strong step adapting alone *costs* three decibels or more on all three. It does not fit the noise better, since its misfit is larger than the frozen one's; a likelier cause is that a hundred updates at this high rate disturb a network that did no harm. With total variation in the loss the result is about level with the frozen one on the abdomen and the letters, so that the total variation does the work. (On the ellipses it is behind, in our runs by anything from nothing to more than two decibels: a hundred updates amplify rounding errors.)
#
# Papers show the first half of this, from which it is tempting to conclude that a shifted prior must be adapted. In the SCD paper's comparison on a walnut, a sampler that follows the data by gradient steps only (DPS) reaches 22.07 dB, one with the step above (DDS) 24.00, SCD 26.68, and DIP+TV, which needs no training at all, 26.67: there, too, a part of the gap is closed by the step toward the data, and the rest by what DIP+TV can do as well. Larger networks on larger images may need adapting more than ours. A fair comparison gives the frozen sampler the best step and the same number of levels, and says what total variation gains by itself.
#
# </details>

# %% tags=["nbval-check-output"]
print("my SCD and the library's are the same:", same_scd and none)
reached = {n: {way: score(z, bodies[n]) for way, z in drawn[n].items()} for n in bodies}
print(
    "with a strong step the frozen prior is better than none, on all three:",
    all(reached[n]["strong"] > reached[n]["no prior"] + 0.5 for n in bodies),
)
print(
    "and total variation, run to its end, is better than both:",
    all(reached[n]["TV"] > reached[n]["strong"] + 0.5 for n in bodies),
)
change = {
    key: score(found["adapted, no TV"], bodies[key[0]])
    - score(found["frozen"], bodies[key[0]])
    for key, found in made.items()
}
print(
    "with a weak step adapting alone gains a decibel or more, on ellipses too:",
    min(change[n, "weak"] for n in bodies) > 1,
)
print(
    "with a strong step it costs a decibel or more:",
    max(change[n, "strong"] for n in bodies) < -1,
)

# %% [markdown]
# ## 7. Adapt before sampling: neighbours
#
# **ADIR** (Abu-Hussein, Tirer and Giryes, 2022) adapts *before* it samples. It searches a large collection for images that resemble $y$, and continues the prior's training on these neighbours: noise of a random level is added to a window, and the network has to remove it. Then any sampler may follow; here DDNM with all noise fresh, for the PSNR. The paper retrieves the neighbours with a vision-language model and tunes a low-rank update; here we choose the neighbours ourselves, and all weights may change, which worked better.
#
# Of a small window of a handwritten sheet three pixels in ten are known. There are three sets of neighbours: other parts of the same sheet, which do not overlap the window; the scan of *another* page, a printed one; and grass, gravel and bricks.
#
# **Predict before you run.** Which of the three help, and can neighbours do harm?

# %%
sheet, text = picture("text").to(device), picture("text", 64).to(device)
known = A(text)


def gray(name):
    return picture(name, 160).mean(1, keepdim=True).to(device)


neighbours = {
    "same sheet": [sheet[..., :180], sheet[..., -180:]],
    "another page": [gray("page")],
    "textures": [gray(name) for name in ("grass", "gravel", "brick")],
}
priors, settings = {"as trained": photographs}, dict(iterations=80, learning_rate=3e-4)
for name, images in neighbours.items():
    steps = tune_on_neighbours(photographs, images, "all", **settings)
    priors[name] = list(steps)[-1].network

# %%
written, level_of = {}, {}
for name, prior in priors.items():
    settings = dict(fresh=1.0, iterations=50)
    three = [last(ddnm(known, A, prior, seed=seed, **settings)) for seed in range(3)]
    written[name] = three[0]
    level_of[name] = [score(z, text) for z in three]
    print(f"{name:13}", *(f"{value:.2f}" for value in level_of[name]), "dB")
smooth = max(score(last(tv(known, A, w)), text) for w in (3e-4, 1e-3, 3e-3))
print(f"total variation {smooth:.2f} dB")
titled = {f"{k}: {level_of[k][0]:.1f} dB": z for k, z in written.items()}
alt = (
    "Strokes of letters, restored by the prior as trained and after tuning on the same "
)
alt += "sheet, on another page, and on textures; and the truth."
show_images(titled | {"truth": text}, alt, columns=5, zoom=3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Neighbours from the same sheet gain about a decibel. Textures change little. The other page, which is writing on paper as well, *costs* about four decibels, and black specks appear where the paper is empty. A search by words might well return it; in its pixels it is something else: it is printed, its letters have another size and contrast, and its paper is unevenly lit.
#
# People expect that some adaptation is better than none. A network that is tuned on images of another kind expects that kind, whether it is there or not. Which neighbours are good is decided by the retrieval, and the misfit to the data that were used cannot tell, since it is zero in all four cases; a few known pixels, withheld from the sampler, could.
#
# </details>
#
# Their other strategy takes $y$ itself as the only neighbour. On this text it gains a decibel at a quarter of the size (`benchmarks/RESULTS.md`), where $y$ still shows strokes; with scattered pixels, and zeros in between, it ruins the prior (12 dB), because the prior learns the zeros.

# %% tags=["nbval-check-output"]
gains = {
    name: [a - b for a, b in zip(values, level_of["as trained"])]
    for name, values in level_of.items()
}
print(
    "tuned on the same sheet, each of three samples gains:",
    min(gains["same sheet"]) > 0.2,
)
print(
    "tuned on another page, each loses a decibel or more:",
    max(gains["another page"]) < -1,
)

# %% [markdown]
# ## 8. Where it fails
#
# **A wrong level.** All samplers hand the network a noise level, and trust that the state has it. We pass the network a multiple of the level instead, on the noisy cup and on the incomplete eye.
#
# **Predict before you run.** Which is worse, half the true level or twice the true level?


# %%
def misled(prior, factor):
    return lambda x, level: prior(x, min(1.0, factor * level))


wrong = {}
for factor in (0.5, 1.0, 2.0):
    prior = misled(photographs, factor)
    cup = last(ddpg(noisy, half, prior, sigma, iterations=30))
    eye = last(ddnm(y, A, prior, iterations=steps_of))
    wrong[factor] = cup, eye
    print(f"level times {factor}: the cup {score(cup, coffee):.2f} dB,", end=" ")
    print(f"the eye {score(eye, cat):.2f} dB")

# %%
titled = {f"cup, level x {k}": wrong[k][0] for k in (0.5, 1.0, 2.0)}
titled |= {f"eye, level x {k}": wrong[k][1] for k in (0.5, 1.0, 2.0)}
alt = "The cup and the eye: covered with grain at half of the level, with texture at "
alt += "the right one, and smooth at twice the level."
show_images(titled, alt, columns=3, zoom=3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Half the level is a disaster: the network leaves a part of the noise in place, the next step counts it as signal, and it accumulates. Twice the level not only does no harm, it *raises* the PSNR, on the cup by more than a decibel, which brings it level with total variation or ahead of it.
#
# People expect the true level to be the best. It is, for drawing samples. A network that is given too high a level smooths more than it should at each step, so that the run probably ends nearer to a mean than to a draw: less texture and a better PSNR. If PSNR is the aim, this may be a cheap substitute for ten samples; as a sampler it is broken. A method's score does not say whether it does what its name says.
#
# </details>
#
# **A wrong scale.** Most published networks expect images in $[-1,1]$, where the same noise has twice the standard deviation. Neither a wrong level nor a wrong range stops a program. Here $y$ comes in $[-1,1]$, while the network and the clipping of the result remain in $[0,1]$; nothing complains, and the result looks like an image, in which all that is darker than middle gray has been cut off.

# %%
other_scale = ddpg(2 * noisy - 1, half, photographs, 2 * sigma, iterations=30)
mixed = (last(other_scale) + 1) / 2
print(f"right scale {noise_scores['DDPG']:.2f} dB, mixed {score(mixed, coffee):.2f} dB")
show_images(
    {"[0,1] throughout": found["DDPG"], "network [0,1], data [-1,1]": mixed},
    alt="The cup restored rightly, and on mixed scales, where its shades are lost.",
    columns=2,
)

# %% tags=["nbval-check-output"]
cup = {k: score(pair[0], coffee) for k, pair in wrong.items()}
eye = {k: score(pair[1], cat) for k, pair in wrong.items()}
print(
    "half of the level costs three decibels or more, on both:",
    cup[0.5] < cup[1.0] - 3 and eye[0.5] < eye[1.0] - 3,
)
print(
    "twice the level does no harm to the PSNR of either:",
    cup[2.0] > cup[1.0] and eye[2.0] > eye[1.0] - 0.2,
)
print(
    "mixed scales cost three decibels, without an error:",
    score(mixed, coffee) < noise_scores["DDPG"] - 3,
)

# %% [markdown]
# **Cost and benefit.** A sample takes 30 to 100 calls of the network, which on one core take about as long as total variation, a second or a few; ten samples take ten times that, and adapting to one scan five times. In decibels, on one image a task, the runs at a wrong level left out:
#
# | task | first | second | one sample |
# | --- | --- | --- | --- |
# | eye, three pixels in ten | mean of ten | IDBP | below total variation |
# | cup, half size, noise | total variation | IDBP | more than a decibel below |
# | twenty projections | total variation | strong step, frozen | (the strong step is one) |
# | sheet, three pixels in ten | tuned on the same sheet | untuned | ahead of total variation |
#
# In this table a single sample comes first only where the prior was tuned on the same sheet, and there no mean and no IDBP was tried. What a diffusion prior offers beyond decibels is a *set* of answers, which shows what the data leave open, and large networks offer texture that looks real. Both can be trusted only as far as the prior fits the image.
#
# ## Exercises
#
# 1. **Where the start matters.** Draw ellipses with `sample(ellipses, flat, fresh=0.85)` for flat images of brightness 0.05, 0.16 and 0.5. Predict how the draws differ, and say why noise of standard deviation 1 does not hide the brightness of 4096 pixels.
# 2. **The mean of ten noisy ones.** Average ten DDPG samples of the noisy cup. Does the mean catch up with IDBP and total variation?
# 3. **Which $\gamma$?** Run `frozen("abdomen", gamma)` for $\gamma$ = 0.5, 2, 8, 32 and 128, and print PSNR and misfit. Which $\gamma$ would Morozov choose, and what does that cost?
#
# <details><summary>Solution 1</summary>
#
# The mean of 4096 noise values has a standard deviation of $1/64$, so that a brightness of 0.5 differs plainly from one of 0.16 even at the strongest level. From 0.5 the objects are about twice as large and several times as bright in our runs, though darker than the start; from 0.05 and from 0.16 the draws hardly differ. A start at a much stronger level would hide it; then the network would have to be trained there, too.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# ```python
# many = [last(ddpg(noisy, half, photographs, sigma, iterations=30, seed=s)) for s in range(10)]
# print(score(torch.cat(many).mean(0, keepdim=True), coffee))
# ```
#
# It gains about 0.4 dB over one sample: 28.4 dB in our run, still below both. With all noise fresh the samples differ little, so that their mean has little to average.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# ```python
# for gamma in (0.5, 2, 8, 32, 128):
#     z = frozen("abdomen", gamma)
#     print(gamma, score(z, bodies["abdomen"]), misfit("abdomen", z))
# ```
#
# The misfit falls from five times the noise to 0.6 times, and crosses one between $\gamma = 2$ (22.7 dB in our run) and $\gamma = 8$ (25.9 dB). The best of the five is 32 with 26.3 dB. Of the five, Morozov would take 8, whose misfit is nearest to one, 0.4 dB below the best; a $\gamma$ at which it is exactly one is smaller and costs more: the rule asks for a misfit of one, and with fewer rays than pixels the best image may fit a part of the noise.
#
# </details>
#
# ## Summary
#
# 1. A denoiser for all noise levels is a diffusion model: by Tweedie's formula it points along the score, and a loop of six lines draws images.
# 2. DDNM takes from $y$ what $y$ determines, by back-projection; with noise, DPS follows a gradient through the network, and DDPG turns a dial from back-projection to least squares, which saves steps where the inverse is mild. Without noise in the data and without injected noise, DDPG is IDBP.
# 3. A sample is not an estimate. Samples that agree with $y$ differ from one another; their mean has the better PSNR; their spread is a rough map of *where* to doubt, blind to what all samples miss, and with much fresh noise too small to say how much.
# 4. A prior invents what it was trained on. A strong step toward the data keeps it in check, and here needed no adapting; where that step is missing, adapting gains decibels on images of any kind. Neighbours help where they resemble the image in its pixels; on our handwritten sheet a page of print did harm.
# 5. **What breaks it:** a level that is stated too low, $[-1,1]$ against $[0,1]$, noise that DDNM takes for signal, a prior of the wrong kind, a baseline that was stopped early, and a score that rewards smoothness.
#
# **Papers.**
# Y. Song, S. Ermon, [*Generative Modeling by Estimating Gradients of the Data Distribution*](https://arxiv.org/abs/1907.05600), NeurIPS 2019: sampling along the score.
# J. Ho, A. Jain, P. Abbeel, [*Denoising Diffusion Probabilistic Models*](https://arxiv.org/abs/2006.11239), NeurIPS 2020: ancestral sampling.
# Y. Blau, T. Michaeli, [*The Perception-Distortion Tradeoff*](https://arxiv.org/abs/1711.06077), CVPR 2018: what a perfect sample costs.
# J. Song, C. Meng, S. Ermon, [*Denoising Diffusion Implicit Models*](https://arxiv.org/abs/2010.02502), ICLR 2021: the step with old and fresh noise.
# T. Karras and others, [*Elucidating the Design Space of Diffusion-Based Generative Models*](https://arxiv.org/abs/2206.00364), NeurIPS 2022: how our networks scale their inputs and outputs.
# B. Kawar and others, [*Denoising Diffusion Restoration Models*](https://arxiv.org/abs/2201.11793), NeurIPS 2022: DDRM.
# Y. Wang, J. Yu, J. Zhang, [*Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model*](https://arxiv.org/abs/2212.00490), ICLR 2023: DDNM.
# H. Chung and others, [*Diffusion Posterior Sampling for General Noisy Inverse Problems*](https://arxiv.org/abs/2209.14687), ICLR 2023: DPS.
# T. Garber, T. Tirer, [*Image Restoration by Denoising Diffusion Models with Iteratively Preconditioned Guidance*](https://arxiv.org/abs/2312.16519), CVPR 2024: DDPG.
# H. Chung, S. Lee, J. C. Ye, [*Decomposed Diffusion Sampler for Accelerating Large-Scale Inverse Problems*](https://arxiv.org/abs/2303.05754), ICLR 2024: DDS.
# R. Barbano and others, [*Steerable Conditional Diffusion for Out-of-Distribution Adaptation in Medical Image Reconstruction*](https://arxiv.org/abs/2308.14409), IEEE Transactions on Medical Imaging 2025: SCD.
# H. Chung, J. C. Ye, [*Deep Diffusion Image Prior for Efficient OOD Adaptation in 3D Inverse Problems*](https://arxiv.org/abs/2407.10641), ECCV 2024: DDIP.
# S. Abu-Hussein, T. Tirer, R. Giryes, [*ADIR: Adaptive Diffusion for Image Reconstruction*](https://arxiv.org/abs/2212.03221), 2022: fine-tuning on neighbours.
#
# **Next.** Lesson 17 adapts networks that reconstruct in a single pass.
#
# **Problem set.** [Problem set 16](../exercises/ps16_diffusion_priors/ps16_diffusion_priors.ipynb): Tweedie by hand, the three lines of DDNM, norm against squared norm, what the misfit cannot tell, resetting an adaptation.
