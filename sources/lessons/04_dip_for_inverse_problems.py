# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · One loop for many inverse problems
#
# Lesson 03 removed noise, although nothing in its loop mentions noise. If we put a forward model behind the network, the
# same loop enlarges images, fills holes, sharpens, and reconstructs from the data of a scanner. This lesson builds that loop, and
# then compares it, task by task, with the best classical method that we know for the task.
#
# **What you will be able to do**
# - restore an image from any linear measurement with one loop;
# - make an estimate agree with noiseless data exactly, and say what that gains;
# - explain why blurred images are learned slowly, derive the back-projection loss, and choose its $\varepsilon$ for a noise level;
# - compare a network fairly, with the strongest classical method and with the same post-processing;
# - say when the network is worth its time, and name images, holes and kernels for which it fails.
#
# **Before you start.** Lesson 01 (operators, adjoint, pseudo-inverse, Tikhonov, total variation) and lesson 03 (the loop, and why it must be stopped).
#
# **Time.** About three minutes of computing on 2 CPU cores, about an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import torch

from dil_course import runtime
from dil_course.checks import compare
from dil_course.figures import (
    Diagram,
    Film,
    explore,
    figure_with,
    images_figure,
    show_curves,
    show_error_map,
    show_figure,
    show_images,
    swipe,
)
from dil_course.fitting import Step, run, watch
from dil_course.from_scratch import bp_tv, tv
from dil_course.networks import small_skip_network
from dil_course.signals import Blur, Downsample, Fourier, Mask, Radon, add_gaussian
from dil_course.signals import compress_jpeg, enlarge, gaussian_kernel, line_mask
from dil_course.signals import picture, psnr

device = runtime.device()

# %% [markdown]
# Three helpers keep the comparisons fair. Every image is clipped to $[0, 1]$ before it is scored. A classical method gets the best
# of a few weights, found with the truth, because the iterations of the network were chosen by looking at such curves, too.
# The scores of all tasks are collected, so that section 10 can put them side by side.

# %%
scores = {}


def score(x, truth):
    return psnr(x.clamp(0, 1), truth)


def best(estimates, truth):
    return max(estimates, key=lambda x: score(x, truth))


def show(pictures, truth, alt, **options):
    titles = {f"{name}, {score(x, truth):.1f} dB": x for name, x in pictures.items()}
    show_images(titles | {"truth": truth}, alt, **options)


# %% [markdown]
# ## 1. The loop, with a camera in it
#
# We observe $y = A(x) + n$, and the network makes an image $f_\theta(z)$. We cannot compare that image with $x$, because nobody has it.
# But we can send it through a model of the same camera, and compare the result with $y$:
#
# $$\min_\theta \; \| A(f_\theta(z)) - y \|^2 .$$

# %%
diagram = Diagram(8.6, 1.9)
z = diagram.box(0.1, 0.9, 1, 0.7, "z, fixed", 1)
network = diagram.box(1.9, 0.9, 1.5, 0.7, "network $f_\\theta$", 0)
camera = diagram.box(4.9, 0.9, 1, 0.7, "A", 2)
compared = diagram.box(7.1, 0.9, 1.3, 0.7, "loss", 3)
diagram.arrow(z[1], network[0])
diagram.arrow(network[1], camera[0], "estimate")
diagram.arrow(camera[1], compared[0], "A(estimate)")
diagram.arrow((7.75, 0.3), compared[3])
diagram.text(7.45, 0.3, "y")
diagram.text(3.4, 0.35, "the gradient flows back through A into the weights")
diagram.show("From z through the network and A to the loss, where y enters.")

# %% [markdown]
# One call of $A$ is all that is new. The shape of $z$ comes from $A^T y$, which has the shape of the image to restore.


# %%
def fit(y, A, network, iterations, input_noise=1 / 30, seed=0):
    generator = runtime.generator(seed, "z", y.device)
    sides = A.adjoint(y).shape[-2:]
    z = 0.1 * torch.rand(1, 16, *sides, generator=generator, device=y.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for iteration in range(1, iterations + 1):
        noise = torch.randn(z.shape, generator=generator, device=y.device)
        estimate = network(z + input_noise * noise)
        # The camera: the only change to lesson 03
        loss = torch.mean((A(estimate) - y) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Step(iteration, iterations, loss.detach(), estimate.detach())


# %% [markdown]
# **How the iterations were chosen.** The number of iterations is a setting of the prior, as lesson 03 has shown. In this lesson each number was
# fixed once, on the picture of its section, by looking at the PSNR curve of a run with the truth: where noise makes the curve fall, near its peak
# (section 8 runs past it, to show the fall); elsewhere, where the time of a lesson ends, although the curve still rises slowly. So these numbers have seen the truth, as the classical weights have,
# and "the network" means the network at this budget. With more iterations it gains something: the table of `benchmarks/RESULTS.md` gives the deblurring 500, for instance, and TV stays ahead.
#
# As in lesson 03, `run` and `watch` also keep a running average of the outputs. All scores below are of this average, which is a decibel or so better than the single outputs that `fit` yields.

# %% [markdown]
# ## 2. Super-resolution
#
# The first camera smooths the image with a bicubic kernel, widened four times against aliasing, and keeps one pixel of 4 × 4, so that there are sixteen unknowns for each number that we have.
# The classical answer is bicubic interpolation, which draws a smooth surface through the known values.
#
# **Predict before you run.** Infinitely many images shrink to $y$. Which of them will the network choose, and will its PSNR fall after a peak, as it did in lesson 03?

# %%
coffee = picture("coffee", side=128).to(device)
A = Downsample(4)
y = A(coffee)  # no noise


def small_network(channels=3):
    with runtime.seeded(0):
        return small_skip_network(channels).to(device)


enlarged = await watch(fit(y, A, small_network(), 280), truth=coffee)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The curve still rises when the run ends, and shows no peak. People often expect the fall of lesson 03, but that fall came from fitting the noise of $y$, and this $y$ has none.
# Among the images that explain $y$ the network chooses one that its architecture makes easily: smooth areas with connected, sharp edges.
#
# </details>
#
# The library's `deep_image_prior` takes an operator as its second argument. We compare it with the loop above.

# %%
from dil_course.from_scratch import deep_image_prior

mine = list(fit(y, A, small_network(), 10))[-1]
library = list(deep_image_prior(y, A, small_network(), 10, fast=False))[-1]
same = compare("estimate, iteration 10", mine.estimate, library.estimate)

# %% [markdown]
# ### Agree with the data, exactly
#
# The run was stopped, so that $A(\hat x)$ is near $y$ but not equal to it. Here $y$ has no noise, and hence we *know* these numbers.
# We therefore move $\hat x$ to the nearest image that explains $y$. The pseudo-inverse of lesson 01 does that:
#
# $$\hat x \;+\; A^+ \big( y - A(\hat x) \big) .$$
#
# What the camera sees is now taken from $y$, whereas what it does not see remains the estimate's. This is called **hard data consistency**,
# and in super-resolution **back-projection** (Irani and Peleg, 1991). It works for any estimate, so a fair comparison gives it to all of them.
# Our third method is total variation (TV) on the pixels, as in lesson 01: the library's `tv`, which adds the squared gradients of the three colours under one root, so that their edges coincide.
#
# **Predict before you run.** Which of bicubic, TV and network gains most from consistency?


# %%
def consistent(x, y, A):
    return x + A.pinv(y - A(x))


estimates = {
    "bicubic": enlarge(y, A),
    "TV": run(tv(y, A, weight=3e-4)).estimate,  # best of 3e-4, 1e-3, 3e-3
    "network": enlarged.estimate,
}
exact = {name: consistent(x, y, A) for name, x in estimates.items()}
for name in estimates:
    before, after = (score(x[name], coffee) for x in (estimates, exact))
    misfits = [float((A(x[name]) - y).abs().max()) for x in (estimates, exact)]
    print(f"{name:8} {before:5.2f} dB, consistent {after:5.2f} dB;", end="  ")
    print(f"largest misfit {misfits[0]:.5f}, then {misfits[1]:.7f}")


def lead(network, bicubic):
    ahead = score(network["network"], coffee) - score(bicubic["bicubic"], coffee)
    return f"{ahead:.2f} dB"


print("The network's lead over bicubic: neither is consistent", end=" ")
print(f"{lead(estimates, estimates)}, both {lead(exact, exact)},", end=" ")
print(f"only the network {lead(exact, estimates)}.")


# %%
def show_part(pictures, truth, alt, row, column, side, **options):
    # PSNR of the whole image, below the title a part of it
    titles = {f"{name}, {score(x, truth):.1f} dB": x for name, x in pictures.items()}
    part = {
        title: x[..., row : row + side, column : column + side]
        for title, x in (titles | {"truth": truth}).items()
    }
    show_images(part, alt, **options)


alt = "The cup's rim enlarged: bicubic is blurred, TV and network are sharper."
show_part(exact, coffee, alt, 46, 64, 48)
part = {name: exact[name][..., 24:104, 48:128] for name in ("bicubic", "network")}
swipe(part, "Bicubic | network.")
scores["super-resolution x4"] = {
    "classical": score(exact["bicubic"], coffee),
    "TV": score(exact["TV"], coffee),
    "network": score(exact["network"], coffee),
}

# %% [markdown]
# <details><summary>Answer</summary>
#
# Bicubic gains about as much as the network, whereas TV hardly gains, since its loss has nearly met the data already. In the literature bicubic is
# usually printed *without* this one line of post-processing. The last line above shows what that does: a lead counted with one network made consistent and one bicubic that is not is about twice the fair one.
#
# </details>
#
# The network's rim of the cup is sharper than bicubic's, and TV comes close: before consistency TV is ahead of the network, after it the network is ahead of TV.
# Fine texture that the camera has lost comes back with none of the three.
#
# Look at the network's flat areas: they carry a fine grain, with a hatching from row to row. How can that be, when the network agrees with $y$? We split each image
# into the part that $A$ sees, $A^+ A \hat x$, and the rest, which lies in the null space of $A$ (lesson 01), and compare that rest with the truth's: along the rim, and in a flat area.
#
# **Predict before you run.** Where will the rest correlate with that of the truth?

# %%
D = Downsample(4)
unseen = {name: x - D.pinv(D(x)) for name, x in (exact | {"truth": coffee}).items()}
places = {"rim": (48, 60, 42, 55), "flat": (80, 40, 40, 40)}


def window(x, place):
    row, column, height, width = places[place]
    return x[..., row : row + height, column : column + width]


def correlation(name, place):
    a, b = (window(unseen[n], place).flatten() for n in (name, "truth"))
    return float(a @ b / (a.norm() * b.norm()).clamp(min=1e-6))


# %%
for place in places:
    alt = (
        f"What A cannot see, amplified four times, {place}: on the rim the network's is"
    )
    alt += " like the truth's; in the flat area it is a grain of its own."
    shown = {
        f"{name}, {place}": 0.5 + 4 * window(x, place) for name, x in unseen.items()
    }
    show_images(shown, alt, zoom=3)
for name in ("TV", "network"):
    print(f"{name:8}" + ", ".join(f"{p} {correlation(name, p):.2f}" for p in places))

# %% [markdown]
# <details><summary>Answer</summary>
#
# On the rim, in this run, the network's unseen part correlates better with the truth's than TV's does: *this* is what the prior knows, that an edge goes on as an edge. TV's rings look cleaner, but a clean ring in a slightly wrong place
# correlates badly. In the flat area the correlation is nearly zero. There the network draws a grain of its own, and the truth has another one. Bicubic interpolation puts hardly anything into the null space: once consistent, it is nearly $A^+ y$.
#
# </details>
#
# No loss on $A(\hat x)$ can remove the grain, because it is invisible to the camera; and as neither $y$ nor the truth contains it, it is the network's own. In the null space the prior alone decides, and it has good habits and idle ones.

# %% tags=["nbval-check-output"]
gains = {
    name: score(exact[name], coffee) - score(estimates[name], coffee) for name in exact
}
left = max(float((D(x) - D(coffee)).abs().max()) for x in exact.values())
print("the cells and the library give the same estimate:", same)
print(
    "consistency gains for bicubic and for the network, and leaves no misfit:",
    min(gains["bicubic"], gains["network"]) > 0.1 and left < 1e-4,
)
print(
    "one run: the network is ahead of bicubic with the same post-processing:",
    score(exact["network"], coffee) > score(exact["bicubic"], coffee) + 0.1,
)
print(
    "the unseen part is like the truth's on the rim, and not in the flat area:",
    correlation("network", "rim") > 0.1 + correlation("TV", "rim")
    and abs(correlation("network", "flat")) < 0.2,
)

# %% [markdown]
# ## 3. Inpainting
#
# The second camera loses half of its pixels and adds noise to the others, so that the operator is a mask.
# The classical answer is *biharmonic* inpainting: among all surfaces $u$ through the known pixels take the one that bends least, which solves
# $\Delta^2 u = 0$ in the holes, where $\Delta$ is the Laplacian. (A thin elastic plate that is pinned at the known values takes this shape.)
# Where the data are noisy, a denoiser has to follow. We take the non-local means of lesson 02 with the true $\sigma$.
#
# **Predict before you run.** The surface passes through every known pixel. What does it do with their noise? And will the chain *fill, then denoise* beat the network, which does both at once?

# %%
from skimage.restoration import inpaint_biharmonic

from dil_course.from_scratch import non_local_means

sigma = 10 / 255  # known
astronaut = picture("astronaut", side=96).to(device)
kept = torch.rand(1, 1, 96, 96, generator=runtime.generator(0, "mask")) < 0.5


def biharmonic(y, kept):
    known = y[0].permute(1, 2, 0).cpu().numpy()
    filled = inpaint_biharmonic(known, ~kept[0, 0].cpu().numpy(), channel_axis=-1)
    return torch.from_numpy(filled).permute(2, 0, 1)[None].to(y).clamp(0, 1)


# %%
A = Mask(kept)
y = A(add_gaussian(astronaut, sigma, seed=0))
filled = {"biharmonic": biharmonic(y, kept)}
denoised = [
    non_local_means(filled["biharmonic"], sigma, strength=h) for h in (0.6, 0.8, 1)
]
filled["biharmonic, then NLM"] = best(denoised, astronaut)
variations = [run(tv(y, A, weight)).estimate for weight in (0.01, 0.02, 0.04)]
filled["TV"] = best(variations, astronaut)
filled["network"] = run(deep_image_prior(y, A, iterations=400)).estimate
alt = (
    "Part of a face with half of its pixels lost: biharmonic is noisy, TV blotchy, the"
)
alt += " chain and the network are clean."
show_part({"observed": y} | filled, astronaut, alt, 14, 24, 48, columns=3)
scores["half the pixels, noise"] = {
    "classical": score(filled["biharmonic, then NLM"], astronaut),
    "TV": score(filled["TV"], astronaut),
    "network": score(filled["network"], astronaut),
}

# %% [markdown]
# <details><summary>Answer</summary>
#
# The surface copies the noise of every known pixel, and so a lesson that stopped there would declare the network the winner. The chain of two classical steps
# is a fairer opponent: on this face it is level with the network, or a little ahead. Over three pictures and three seeds each of them wins somewhere
# (`benchmarks/RESULTS.md`): the network on the smooth cup, the chain on the face, and on the cat they tie.
#
# </details>
#
# Next we remove the noise. The known pixels are then exact, and every hole has known pixels nearby.

# %%
small = picture("astronaut", side=64).to(device)
A_small, kept_small = Mask(kept[..., :64, :64]), kept[..., :64, :64]
y_small = A_small(small)
result = run(deep_image_prior(y_small, A_small, iterations=300))
clean = {
    "classical": biharmonic(y_small, kept_small),
    # Weights from 3e-4 to 3e-3 are level here
    "TV": consistent(run(tv(y_small, A_small, 3e-4)).estimate, y_small, A_small),
    "network": consistent(result.estimate, y_small, A_small),
}
scores["half the pixels, clean"] = {name: score(x, small) for name, x in clean.items()}
for name, value in scores["half the pixels, clean"].items():
    print(f"64 x 64, without noise: {name:10} {value:.2f} dB")

# %% [markdown]
# Without noise the biharmonic surface is level with the network in this one run, and it needs a fraction of a second. Over three pictures and three seeds it wins on two and loses on the
# smooth cup. The authors of the deep image prior use a network thirty times larger and 11,000 iterations for this task. On a laptop, think before you train.

# %% tags=["nbval-check-output"]
print(
    "biharmonic inpainting copies the noise, and the network beats it:",
    score(filled["network"], astronaut) > score(filled["biharmonic"], astronaut) + 1,
)
chain = scores["half the pixels, noise"]
print(
    "followed by a denoiser, it is at least level with the network:",
    chain["classical"] > chain["network"] - 0.3,
)
print("with noise the network beats TV:", chain["network"] > chain["TV"] + 0.2)
plain = scores["half the pixels, clean"]
print(
    "without noise the network is at most level with the biharmonic one:",
    plain["network"] < plain["classical"] + 0.3,
)

# %% [markdown]
# ## 4. Deblurring, and why it is slow
#
# The third camera blurs with a Gaussian kernel, as the turbulence of the air does in a long exposure, and adds a little noise. (A lens out of focus has a
# kernel of another form: the image of its aperture, a disc. Exercise 1 tries it.) The classical answers are those of lesson 01: Tikhonov's filter, which for
# a blur with wrapped borders, as our `Blur` has, is one formula in the Fourier domain, and TV, each with the best of a few weights.
#
# **Predict before you run.** Order the three: Tikhonov, TV, and the network after 200 iterations.

# %%
x = picture("coffee", side=64).to(device)
A = Blur(gaussian_kernel(9, 1.6))
y = add_gaussian(A(x), 1 / 255)
film = Film(truth=x)
steps = film.record("least squares", deep_image_prior(y, A, iterations=200))
least_squares = run(steps, truth=x)
epsilons = (3e-4, 1e-3, 3e-3, 1e-2)
tikhonov = best([A.pinv(y, epsilon=e) for e in epsilons], x)
variation = best([run(tv(y, A, weight)).estimate for weight in (1e-4, 3e-4, 1e-3)], x)
shown = {"blurred": y, "Tikhonov": tikhonov, "TV": variation}
shown["network"] = least_squares.estimate
alt = "A detail of the cup: blurred; Tikhonov with grain; TV sharp; the network soft."
show(shown, x, alt, columns=3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# TV is first, Tikhonov second, and the network *last*. Those who have seen it denoise expect it to win here as well.
# Its image is better than the blurred one, but still soft.
#
# </details>
#
# Why is the network so slow here? A blur multiplies each frequency of the image by a number, its spectrum $K$ (lesson 01), and $|K|$ is small for high frequencies.
# Let the estimate be wrong by $e$ at one frequency:
#
# - the error in $y$ is $K e$;
# - the squared error is $|K|^2 |e|^2$, and that is what the loss sees.
#
# Where $|K| = 0.1$, the loss sees a hundredth of the error, so the high frequencies are learned last. Two causes add up: the prior takes them late anyway (lesson 03), and the
# *loss* hardly asks for them. We can change the second.
#
# ### The back-projection loss
#
# Bring the misfit back into image space first, with the pseudo-inverse, and square it there:
#
# $$\| A^+ (A f_\theta(z) - y) \|^2 .$$
#
# Now every frequency counts by what is missing *in the image*. The method is **BP-DIP** (Zukerman, Tirer and Giryes, 2020).
# For a blur the plain $A^+$ divides by tiny numbers, so we take a regularised version, $A^T (A A^T + \varepsilon I)^{-1}$ with $\varepsilon = 0.001$.
# Where does that form come from? In lesson 01 Tikhonov's matrix was $(A^T A + \varepsilon I)^{-1} A^T$. The two are the same, because
#
# $$A^T (A A^T + \varepsilon I) = A^T A A^T + \varepsilon A^T = (A^T A + \varepsilon I) A^T ,$$
#
# and multiplying by the two inverses, one from each side, gives the **push-through identity** $(A^T A + \varepsilon I)^{-1} A^T = A^T (A A^T + \varepsilon I)^{-1}$.
# So BP-DIP is a deep image prior with Tikhonov's filter *inside* the loss.
#
# Two remarks put the method in its place. For a mask $A^+ = A^T$, and the misfit is zero at the lost pixels anyway: the two losses are *equal*, and back-projection gains nothing. And in general,
# noiseless data $y$ lie in the range of $A$, and hence so does the residual $r = A f - y$, on which $A^+$ loses nothing: $A^+ r = 0$ only if $r = 0$.
# Where the network can bring the misfit to zero, both losses then have the same minimisers; what differs is how fast each frequency gets there. Back-projection is **preconditioning**, a change
# of the metric in which the descent is made, not of its goal. With noise, and with a run that is stopped early, the difference in speed becomes a difference in the result.


# %%
def fit_back_projection(y, A, iterations, epsilon=1e-3, seed=0):
    def loss(estimate):
        return A.pinv(A(estimate) - y, epsilon=epsilon).square().mean()

    return deep_image_prior(y, A, iterations=iterations, loss=loss, seed=seed)


K = A.spectrum(x).abs().flatten().sort().values
K = K[K > 1e-3]
share = {
    "least squares": (K, K**2),
    "back-projection": (K, (K**2 / (K**2 + 1e-3)) ** 2),
}
# One colour a loss, through the whole section
looks = {"least squares": (0, 0), "back-projection": (1, 1)}
alt = "Two rising curves. At |K| = 0.1 back-projection counts an error almost fully,"
alt += " least squares by a hundredth."
labels = ("|K| of a frequency", "share of its error in the loss", alt)
show_curves(share, *labels, log_x=True, log_y=True, looks=looks)

# %% [markdown]
# In the figure, the regularised loss counts an error by $\big(|K|^2 / (|K|^2 + \varepsilon)\big)^2$: once $|K|$ for the misfit, and $|K| / (|K|^2 + \varepsilon)$ for the filter, squared. This is nearly one above $|K| = \sqrt{\varepsilon}$, about 0.03.
# Below it falls as $|K|^4$, and near $|K| = \varepsilon$, at the left edge, it meets least squares: these frequencies are given up.
#
# **Predict before you run.** We give back-projection the same network, image and number of iterations. After how many iterations is it where least squares ends?

# %%
steps = film.record("back-projection", fit_back_projection(y, A, 200))
back_projection = run(steps, truth=x)
runs = {"least squares": least_squares, "back-projection": back_projection}
for name, r in runs.items():
    print(f"{name}: {score(r.estimate, x):.2f} dB after {r.seconds:.1f} seconds")
end = max(least_squares.history["psnr_average"])
curve = back_projection.history["psnr_average"]
reached = next(i for i, value in enumerate(curve) if value > end)
print("ahead of least squares' best at", back_projection.history["iteration"][reached])

# %%
alt = "Two runs at iterations 5, 50 and 200; back-projection shows the rim of"
alt += " the cup sharply while least squares is still soft."
film.show(alt, at=(5, 50, 200))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The line above the film says it: back-projection passes the end of the other run after a fraction of the iterations. Each of its iterations takes hardly longer, since
# two more Fourier transforms are little beside the network.
#
# </details>
#
# The library has this loss as `bp_dip`. The loss does not care who makes the image, so it can also be used without any network, with TV on the pixels: **BP-TV**
# (Tirer and Giryes, 2020). The paper minimises exact TV by proximal steps, here smoothed TV is minimised by Adam. Is it the loss, or the network, that makes BP-DIP good?

# %%
from dil_course.from_scratch import bp_dip


def regularised(misfit):
    return A.pinv(misfit, epsilon=1e-3)


mine = list(fit_back_projection(y, A, 5))[-1]
library = list(bp_dip(y, A, pinv=regularised, iterations=5))[-1]
same = compare("estimate, iteration 5", mine.estimate, library.estimate)
weights = (0.01, 0.02, 0.04)
bp_variation = best([run(bp_tv(y, A, w, regularised)).estimate for w in weights], x)
deblurred = {"Tikhonov": tikhonov, "TV": variation, "BP-TV": bp_variation}
deblurred |= {
    "least squares": least_squares.estimate,
    "BP-DIP": back_projection.estimate,
}
for name, estimate in deblurred.items():
    print(f"{name:14} {score(estimate, x):.2f} dB")

# %% [markdown]
# The two TV methods are level at this noise. Their problem is convex and solved to its end, so that it does not matter which frequency comes first, and the loss only changes the balance between data and penalty.
# That balance can also go wrong: at $20/255$ BP-TV with a fixed $\varepsilon$ is 1.2 to 2.3 dB behind TV (`benchmarks/RESULTS.md`).
# For the network, which is stopped long before its end, the loss makes a difference of decibels. With it the network comes within half a decibel of TV, but not past it.

# %%
kinds = {"classical": "Tikhonov", "TV": "TV", "network": "BP-DIP"}
scores["blur, noise 1/255"] = {
    kind: score(deblurred[n], x) for kind, n in kinds.items()
}
alt = "The cup: Tikhonov, BP-TV and BP-DIP, and where each is wrong: along the rim."
show_error_map(
    {name: deblurred[name] for name in ("Tikhonov", "BP-TV", "BP-DIP")}, x, alt
)
exact = Blur(gaussian_kernel(9, 1.6))(x.double())
spectrum = A.spectrum(x)
divided = torch.fft.irfft2(torch.fft.rfft2(exact.cpu()) / spectrum, s=x.shape[-2:])
print(f"without noise, y divided by K: error {(divided - x.cpu()).abs().max():.0e}")
rounded = torch.fft.irfft2(
    torch.fft.rfft2(exact.cpu().float()) / spectrum, s=x.shape[-2:]
)
print(f"the same, y rounded to 32 bits: {score(rounded.float(), x.cpu()):.1f} dB")

# %% [markdown]
# The last two lines are a warning. **Without noise this problem needs no prior at all**: divide by $K$ in the Fourier domain, and the image returns to the last digit, as in lesson 01. Rounding $y$ to 32 bits already costs
# as much as noise of $1/255$ costs Tikhonov's filter, because the smallest $|K|$ of this kernel is about $10^{-8}$. So a comparison of priors on noiseless blur, which one meets in papers, compares answers to a question that nobody has.
#
# ### What the noise does
#
# The misfit holds the noise, too. Back-projection multiplies the noise at a frequency by $|K| / (|K|^2 + \varepsilon)$. Move the sliders: $\varepsilon$ trades noise against sharpness. The lines below the figure give the best $\varepsilon$ (chosen with the truth) for some $\sigma$: it grows with the noise.

# %%
# Names that no later cell uses, because the sliders ask for them again
cup, camera_blur = x, Blur(gaussian_kernel(9, 1.6))
noise = add_gaussian(torch.zeros_like(cup), 1.0)


def draw(epsilon, sigma):
    y = camera_blur(cup) + sigma / 255 * noise
    restored = camera_blur.pinv(y, epsilon=epsilon)
    pictures = {
        f"y, sigma {sigma}/255": y,
        f"Tikhonov, {score(restored, cup):.1f} dB": restored,
    }
    curves = {
        "gain of the noise": (K, K / (K**2 + epsilon)),
        "share of the image kept": (K, K**2 / (K**2 + epsilon)),
    }
    labels = ("|K|", "factor")
    return figure_with(
        pictures, curves, *labels, log_x=True, log_y=True, zoom=2, y_range=(1e-3, 100)
    )


alt = (
    "Blurred image, Tikhonov's restoration and the gain of the noise for two epsilons:"
)
alt += " the smaller epsilon, the sharper and noisier."
explore(
    draw,
    alt,
    epsilon=[1e-5, 1e-4, 1e-3, 1e-2, 0.1],
    sigma=[0, 1, 2, 5, 20],
    static={"epsilon": [1e-3, 0.1], "sigma": [2]},
)

# %%
best_epsilon = {}
for sigma in (0.5, 1, 2, 5, 20):
    y_here = camera_blur(cup) + sigma / 255 * noise
    found = {
        e: score(camera_blur.pinv(y_here, epsilon=e), cup)
        for e in (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)
    }
    best_epsilon[sigma] = max(found, key=found.get)
    print(f"sigma {sigma:4}/255: best epsilon of Tikhonov {best_epsilon[sigma]}")

# %% [markdown]
# **Predict before you run.** At which $|K|$ is the gain of the noise largest, and how large is it for $\varepsilon = 0.001$?
# (Set the derivative to zero.) Then guess from which noise level on least squares will be better, and whether an $\varepsilon$ that grows with $\sigma^2$ changes that.
# We measure on a smaller window, with three losses: least squares, back-projection with $\varepsilon = 0.001$, and with $\varepsilon = 0.001 + 40 \sigma^2$.
# (The authors' own code also lets $\varepsilon$ grow with $\sigma^2$; the factor 40 is ours, and was not tuned.)

# %%
levels = (0, 0.5, 1, 2, 3, 5, 20)
tiny = picture("coffee", side=48).to(device)
ends = {"least squares": [], "back-projection": [], "epsilon grows": []}
for level in levels:
    sigma = level / 255
    y_level = add_gaussian(A(tiny), sigma)
    steps = {
        "least squares": deep_image_prior(y_level, A, iterations=150),
        "back-projection": fit_back_projection(y_level, A, 150),
        "epsilon grows": fit_back_projection(y_level, A, 150, 1e-3 + 40 * sigma**2),
    }
    for name in ends:
        ends[name].append(score(run(steps[name]).estimate, tiny))
    row = ", ".join(f"{name} {values[-1]:5.2f}" for name, values in ends.items())
    print(f"sigma {level:4}/255: {row} dB")

# %%
places = [max(level, 0.25) for level in levels]
alt = "PSNR over noise. Fixed back-projection starts high and falls below the others"
alt += " at a few 255ths; with growing epsilon it stays close to the better one."
labels = ("noise level sigma, of 255 (0 drawn at 0.25)", "PSNR (dB)", alt)
looks |= {"epsilon grows": (1, 2)}
curves = {name: (places, values) for name, values in ends.items()}
show_curves(curves, *labels, log_x=True, looks=looks, y_range=(16, 33))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The derivative of $|K| / (|K|^2 + \varepsilon)$ by $|K|$ is $(\varepsilon - |K|^2) / (|K|^2 + \varepsilon)^2$. It is zero at $|K| = \sqrt{\varepsilon}$, where the noise is multiplied by $1 / (2 \sqrt{\varepsilon})$, almost 16.
# With a fixed $\varepsilon$ the curves cross at a few 255ths, and at 20, off the axis, the loss asks the network for little but amplified noise.
# It would be wrong to conclude that back-projection is for low noise only: the culprit is the fixed $\varepsilon$. If it grows with $\sigma^2$, back-projection stays ahead up to $5/255$, and at $20/255$ the two losses are within a decibel.
#
# </details>
#
# Least squares moves little between 0 and 5, and at some levels it is even better than with less noise. That is not a benefit of noise. These runs are limited by their 150 iterations, since the
# high frequencies have not come yet, and their scatter of about half a decibel is what one run differs from the next.

# %% tags=["nbval-check-output"]
fixed = [
    a - b for a, b in zip(ends["back-projection"], ends["least squares"], strict=True)
]
grown = [
    a - b for a, b in zip(ends["epsilon grows"], ends["least squares"], strict=True)
]
print("the cells and the library's bp_dip agree:", same)
growing = list(best_epsilon.values())
print(
    "the best epsilon of Tikhonov grows with the noise, at least tenfold:",
    growing == sorted(growing) and growing[-1] >= 10 * growing[0],
)
print("without noise, back-projection is at least 1 dB ahead:", fixed[0] > 1)
print("with a fixed epsilon it is at least 5 dB behind at sigma 20:", fixed[-1] < -5)
print(
    "with a growing epsilon it is ahead up to sigma 5, and at 20 within 1 dB:",
    min(grown[:-1]) > 0 and abs(grown[-1]) < 1,
)
one = scores["blur, noise 1/255"]
print(
    "at sigma 1, TV beats Tikhonov by 1 dB, and the network is near TV:",
    one["TV"] > one["classical"] + 1 and abs(one["network"] - one["TV"]) < 1.5,
)
print(
    "dividing exact data by K gives the image back:",
    float((divided - x.cpu()).abs().max()) < 1e-5,
)

# %% [markdown]
# ## 5. Blocks of a JPEG file
#
# A JPEG file cuts the image into blocks of 8 × 8 pixels and rounds the coefficients of each block's cosine transform. The two channels of colour are first halved in size, so that their blocks cover 16 × 16 pixels. That is not linear, and no $A$ of ours describes it.
# We treat it as noise, with the identity for $A$: the "noise" is the pattern of blocks, and the loop must stop before it draws them.
#
# **Predict before you run.** This noise is not white: it follows the image, and it is strongly correlated within a block. Will the network or TV remove more of it?

# %%
face = picture("astronaut", side=96).to(device)
y = compress_jpeg(face, quality=10)
deblocked = run(deep_image_prior(y, iterations=300), truth=face)
smooth = best([run(tv(y, None, w)).estimate for w in (0.02, 0.04, 0.06)], face)
alt = "Part of a face with blocks and false colours; TV and network have fewer edges of"
alt += " blocks, and keep coloured patches under the eye."
shown = {"JPEG, quality 10": y, "TV": smooth, "network": deblocked.estimate}
show_part(shown, face, alt, 14, 2, 64)
scores["JPEG, quality 10"] = {
    "classical": score(y, face), "TV": score(smooth, face),
    "network": score(deblocked.estimate, face),
}  # fmt: skip

# %% [markdown]
# <details><summary>Answer</summary>
#
# They end close to each other in PSNR, but they look different. TV erases the weak edges between blocks, and keeps the strong ones around the pink patch on the cheek; the network blurs those, too. Both keep the false *colour*,
# because an error over a whole block of 16 pixels is as smooth as the skin itself. It is tempting to call the blocks "gone"; the pictures show that they are not.
#
# </details>
#
# The gain over the file is small for either method, and over three pictures (`benchmarks/RESULTS.md`) the network wins on two and TV on one, all by 0.1 to 0.2 dB, which is next to nothing. A decoder that knows the rounding intervals of the coefficients could do better, since these intervals are the true data of this problem.

# %% [markdown]
# ## 6. Tomography
#
# In a CT scanner, rays pass through the body and are weakened along the way. By the law of Beer and Lambert a detector pixel receives $I = I_0 \exp(-\int \mu)$, where $\mu$ is the attenuation
# along the ray. Hence $-\log(I / I_0)$ is the *sum of $\mu$ along a line*, which is linear in the image that we want. All sums at all angles form the **sinogram**, a column for each angle.
# The noise of the photons is Poisson's in $I$; that we add Gaussian noise to the sinogram is a choice of model, fair for strong beams and thin bodies.
#
# We take the standard phantom of Shepp and Logan, a drawing of a head, at 30 angles instead of hundreds. The classical answer is *filtered back-projection* (FBP):
# multiply each column's frequencies by $|\omega|$ (the **ramp**, which undoes the blur that we shall see below), and smear it back over the image. A warning on words: that "back-projection" is the adjoint $A^T$, whereas in section 4 the word stood for $A^+$.
#
# **Predict before you run.** What does one bright point draw in the sinogram? And what does the smear of a single column look like?

# %%
phantom = Downsample(4)(picture("shepp_logan_phantom", side=384)).clamp(0, 1).to(device)
angles = list(range(0, 180, 6))
A = Radon(96, angles)
y = add_gaussian(A(phantom), 0.005)
scanner, sinogram = A, y  # for the slider, as later cells take other A and y
stripes = torch.zeros_like(y)
stripes[..., 4::12, :] = 1


def only(whole, columns):
    part = torch.zeros_like(whole)
    part[..., columns] = whole[..., columns]
    return part


def draw(angle):
    k = angles.index(angle)
    rays, smear = (scanner.adjoint(only(s, [k])) for s in (stripes, sinogram))
    so_far = only(sinogram, list(range(k + 1)))
    total = scanner.adjoint(so_far)
    return images_figure({
        f"rays at {angle} degrees": 0.6 * phantom + 0.4 * rays / rays.max(),
        "columns so far, widened": so_far.repeat_interleave(3, -1) / so_far.max(),
        "smear of this column": smear / smear.max(),
        "sum of the smears so far": total / total.max(),
    }, zoom=2)  # fmt: skip


alt = "Rays through a head, the sinogram up to that angle, the smear of one column,"
alt += " and the sum of smears, which becomes a blurred head."
explore(draw, alt, static={"angle": [60, 174]}, angle=angles)

# %% [markdown]
# <details><summary>Answer</summary>
#
# A point draws a sine curve over the angles, because its distance from the centre of the detector is that of a point on a turning wheel; hence the name *sinogram*. The smear of a column has stripes along the rays, since the
# column does not say *where* on a ray the mass lies. The sum of all smears, $A^T y$, is a blurred head, because low frequencies lie on more of the smears than high ones; the ramp of FBP weighs them down again.
#
# </details>

# %%
from matplotlib.figure import Figure

points = torch.zeros_like(phantom)
points[..., 20, 40] = points[..., 60, 75] = 1
figure = Figure(figsize=(8, 2.6), layout="constrained")
shown = {"of two points": A(points), "of the phantom": y}
for axes, title in zip(figure.subplots(1, 2), shown, strict=True):
    seen = shown[title][0, 0].cpu()
    axes.imshow(seen, extent=(0, 180, 96, 0), aspect="auto", cmap="gray")
    axes.set(title=title, xlabel="angle (degrees)", ylabel="detector pixel")
show_figure(figure, "Sinograms: two points give two sine curves, a head gives many.")

# %% [markdown]
# FBP comes in five common windows on its ramp, which damp the noise more or less; we take the best. TV gets the better of two weights.
# The network runs with less input noise than usual (0.01), which was better here on one look at the curve.
#
# **Predict before you run.** The phantom consists of flat pieces. Which method has the assumption that fits it best? And what happens to the three smallest ellipses near the bottom?

# %%
from skimage.transform import iradon


def filtered_back_projection(y, window):
    # Our rays hold means, scikit-image's sums
    sums = 96 * y[0, 0].cpu().numpy()
    image = iradon(sums, theta=A.angles, filter_name=window, circle=True)
    return torch.from_numpy(image)[None, None].to(y)


windows = ("ramp", "shepp-logan", "cosine", "hamming", "hann")
fbp = best([filtered_back_projection(y, window) for window in windows], phantom)
fitted = [run(tv(y, A, w, learning_rate=0.2)).estimate for w in (1e-4, 2e-4)]
smooth = best(fitted, phantom)
reconstructed = run(deep_image_prior(y, A, iterations=320, input_noise=0.01))
head = {"FBP": fbp, "TV": smooth, "network": reconstructed.estimate}
kinds = {"classical": "FBP", "TV": "TV", "network": "network"}
scores["tomography"] = {
    kind: score(head[name], phantom) for kind, name in kinds.items()
}

# %%
alt = "The phantom by FBP, with grain; by TV, nearly right; by the network, soft."
alt += " Below, the three small ellipses: a blot at best."
show(head, phantom, alt, crop=(66, 34, 28))
errors = {name: head[name] for name in ("TV", "network")}
show_error_map(errors, phantom, "Errors of TV, a thin line, and network, a wide ring.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# TV assumes flat pieces, so it wins by decibels. But look at the windows below the pictures. **The three small ellipses are lost by every method**: FBP hides them in grain, TV melts them
# into one blot, and in the network's image nobody would pick them out. The network also widens and dims the bright rim of the skull, which leaves the wide ring in its error map.
#
# Two causes hold the network back. $A$ weakens high frequencies here as well (that is what the ramp undoes), so that least squares learns them late, as in section 4; and nothing in the network prefers areas that are exactly flat.
#
# </details>
#
# In medicine this is the headline, not the decibels. The small ellipses hardly count in the mean squared error, yet they may be what the patient came for. A prior fills in what is *usual*, and a finding is by definition unusual.
# On images that are not flat expect less of TV, too. With two photographs in the phantom's place (`benchmarks/RESULTS.md`, three seeds) TV leads the best FBP by 1.7 and 0.1 dB, and the network is *behind* FBP on both.

# %% [markdown]
# ## 7. Magnetic resonance
#
# An MRI scanner measures Fourier coefficients of the body (its **k-space**), line by line. Lines take time, and patients move, so that one would like to measure only a quarter of them.
# The classical first answer is *zero-filling*: take the missing coefficients as zero, and transform back, which is $A^+ y$. (Our image is real, so that coefficients of opposite frequencies are conjugate, and $A^+$ fills in the second of a pair.
# A quarter of random lines therefore knows more than a quarter; the images of real scanners are complex, and do not have this gift.) But which quarter should it be?
# Our `line_mask` takes a block of lines around the centre, where images have most of their energy, and draws the others at random.
#
# **Predict before you run.** Every fourth line, evenly spaced, is the obvious choice. What does zero-filling make of it? (The convolution theorem gives the exact answer.)

# %%
camera = picture("camera", side=96).to(device)


def regular_mask(lines):
    mask = torch.zeros(1, 1, 96, 96)
    # 48 is the zero frequency
    mask[..., 48 % (96 // lines) :: 96 // lines] = 1
    return mask


def draw(lines, kind):
    mask = regular_mask(lines) if kind == "regular" else line_mask(96, 96, 96 / lines)
    A = Fourier(mask.to(device))
    y = A(camera)
    measured = torch.hypot(*y.chunk(2, 1)).add(1e-3).log()
    measured = (measured - measured.min()) / (measured.max() - measured.min())
    filled = A.pinv(y)
    title = f"zero-filled, {score(filled, camera):.1f} dB"
    return images_figure(
        {"mask": mask, "k-space | measured": measured, title: filled}, zoom=2
    )


alt = (
    "Mask, measured k-space and zero-filled image: regular lines give copies of the man"
)
alt += " side by side, random lines give streaks."
explore(
    draw,
    alt,
    static={"lines": [24], "kind": ["regular", "random"]},
    lines=[12, 16, 24, 32, 48],
    kind=["regular", "random"],
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The mask is a comb, and its Fourier transform is again a comb, of four spikes. Multiplying by the one is convolving with the other, so that we get the mean of *four copies* of the image, each moved sideways by a quarter of its width:
# **coherent ghosts**, as sharp as the image itself, so that a prior has little to tell them by. The random lines spread what they lose over the whole image as **incoherent streaks**, which look like noise. They also lose less, because they include the centre.
#
# </details>
#
# That is why compressed sensing asks for random lines (Lustig, Donoho and Pauly, 2007): a prior that removes noise can remove streaks, but hardly ghosts.
# But the two masks above differ in *two* things, the randomness and the block in the centre. A third mask separates them: every fifth line, evenly spaced, and the same centre.
#
# **Predict before you run.** How much does TV gain over zero-filling with each of the three masks, and which of the two things matters more?


# %%
def gain_of_tv(mask):
    A = Fourier(mask.to(device))
    y = A(camera)
    restored = consistent(run(tv(y, A, 1e-3)).estimate, y, A)
    return score(A.pinv(y), camera), score(restored, camera)


centred = torch.zeros(1, 1, 96, 96)
centred[..., 3::5] = centred[..., 44:52] = 1
masks = {
    "every fourth line": regular_mask(24),
    "every fifth and centre": centred,
    "random and centre": line_mask(96, 96, 4),
}
gains = {name: gain_of_tv(mask) for name, mask in masks.items()}
for name, (before, after) in gains.items():
    lines = int(masks[name][0, 0, 0].sum())
    print(f"{name:23}({lines} lines): zero-filled {before:.1f} dB, TV {after:.1f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# TV cannot remove the ghosts of every fourth line: it gains a fraction of a decibel. With the centre it gains decibels, and then evenly spaced lines, two more of them, end about a decibel behind this draw of random ones, and level with other draws. So most of the rescue comes from the
# *centre*, which tells ghost from image at low frequencies. People often credit randomness with all of it; in practice evenly spaced lines with a centre are a common choice.
#
# </details>
#
# Now the three reconstructions from a random quarter; all of them are made consistent, since the data are free of noise.
#
# **Predict before you run.** Zero-filling, TV, network: who wins on a photograph?

# %%
mask = line_mask(96, 96, acceleration=4).to(device)
A = Fourier(mask)
y = A(camera)
scanned = run(deep_image_prior(y, A, iterations=300), truth=camera)
fitted = [run(tv(y, A, weight)).estimate for weight in (1e-3, 3e-3)]
resonance = {
    "zero-filled": A.pinv(y),
    "TV": best([consistent(estimate, y, A) for estimate in fitted], camera),
    "network": consistent(scanned.estimate, y, A),
}
kinds = {"classical": "zero-filled", "TV": "TV", "network": "network"}
scores["resonance, a quarter"] = {
    k: score(resonance[n], camera) for k, n in kinds.items()
}

# %%
alt = "A man with a camera: zero-filled with streaks, TV clean, the network in between."
show(resonance, camera, alt, crop=(16, 36, 36))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The network is ahead of zero-filling, which is the comparison that one often sees, but TV is decibels ahead of the network. The streaks have small gradients everywhere, and that is just what TV counts.
# Back-projection would not help the network here: the rows of the Fourier transform are orthogonal, so that $A A^T$ is the identity up to the conjugate pairs, and no measured frequency is weaker than another by more than a factor of two.
# What is missing lies in the null space, where the prior alone decides.
#
# </details>
#
# Real scanners have several coils, each with a sensitivity of its own, and complex images. Networks made for them, such as the ConvDecoder (a decoder without input noise and skips;
# `networks.conv_decoder`), are larger, and they finish with consistency as we did (Darestani and Heckel, 2021).

# %% tags=["nbval-check-output"]
every = Fourier(regular_mask(24).to(device))
copies = sum(camera.roll(24 * k, -1) for k in range(4)) / 4
gained = {name: after - before for name, (before, after) in gains.items()}
print(
    "TV gains under 1 dB on ghosts, and at least 3 dB with a centre and on streaks:",
    gained["every fourth line"] < 1
    and min(gained["every fifth and centre"], gained["random and centre"]) > 3,
)
print(
    "every fourth line gives the mean of four moved copies:",
    float((every.adjoint(every(camera)) - copies).abs().max()) < 1e-4,
)
jpeg, ct, mri = (
    scores[k] for k in ("JPEG, quality 10", "tomography", "resonance, a quarter")
)
print(
    "JPEG: network and TV both beat the file, and end within half a decibel:",
    min(jpeg["TV"], jpeg["network"]) > jpeg["classical"] + 0.2
    and abs(jpeg["TV"] - jpeg["network"]) < 0.5,
)
print(
    "tomography: TV beats the best FBP and the network by 1 dB:",
    ct["TV"] > max(ct["classical"], ct["network"]) + 1,
)
print(
    "resonance: the network beats zero-filling, and TV the network, by 1 dB each:",
    mri["TV"] - 1 > mri["network"] > mri["classical"] + 1,
)
small_ones = phantom[..., 76:81, 41:53]
contrast = lambda p: float(p[..., 76:81, 41:53].std() / small_ones.std())
print(
    "tomography: TV loses a third of the contrast of the small ellipses:",
    contrast(head["TV"]) < 2 / 3,
)

# %% [markdown]
# ## 8. Tell the network where the edges are
#
# Until now $z$ was random. What if we know another image of the same scene? In a dark room we take two photographs:
# one **without flash**, with the right light and much noise, and one **with flash**, sharp, with the wrong light.
# Ulyanov, Vedaldi and Lempitsky use the flash image as $z$ (in the paper with a larger network, here with the small one). The edges are in it, so that the network only has to learn the light.
#
# We make the pair ourselves: a warm lamp from the left, and a cold flash from the front. The flash image is the clean truth behind a curve of tone, free of noise and without
# shadows of its own, so that whatever we measure here is an **upper bound by construction**. A real pair is harder.
#
# The classical opponent is the **guided filter** (He, Sun and Tang, 2010): in each small window it fits the noisy image by an affine function of the flash image, $a^T \text{flash} + b$, by least squares.
#
# **Predict before you run.** Rank: TV without the flash, network with random $z$, network with the flash as $z$, guided filter.

# %%
from dil_course.from_scratch import guided_filter


def colour(*values):
    return torch.tensor(values, device=device).view(1, 3, 1, 1)


lamp = torch.linspace(1, 0.35, 96, device=device) * colour(1, 0.8, 0.55)
flash = (0.15 + 0.85 * face**0.6) * colour(0.8, 0.9, 1)
ambient = face * lamp
y = add_gaussian(ambient, 40 / 255)  # dark
with runtime.seeded(0):
    network = small_skip_network(input_channels=3).to(device)
steps = deep_image_prior(y, network=network, z=flash, iterations=200)
guided = run(steps, truth=ambient)
unguided = run(deep_image_prior(y, iterations=200), truth=ambient)

# %%
filters = [guided_filter(y, flash, radius, 1e-3) for radius in (4, 8, 16)]
flat = best([run(tv(y, None, w)).estimate for w in (0.15, 0.2, 0.3)], ambient)
pictures = {"no flash": y, "TV": flat, "random z": unguided.estimate}
pictures |= {"z = flash": guided.estimate, "guided filter": best(filters, ambient)}
alt = "Part of the face: noisy, restored without the flash, and sharper with it."
show_part(pictures, ambient, alt, 14, 24, 48, columns=3)
alt = "The flash image: the same part, sharp and cold."
show_images({"flash, another light": flash[..., 14:62, 24:72]}, alt, zoom=5)
curves = {
    name: (r.history["iteration"], r.history["psnr_average"])
    for name, r in {"random z": unguided, "z = flash": guided}.items()
}
peaks = {name: max(zip(*c[::-1], strict=True)) for name, c in curves.items()}
marks = {f"peak, {name}": (at, value) for name, (value, at) in peaks.items()}
alt = "With the flash as z the PSNR rises faster, to a higher peak, and falls after it."
show_curves(curves, "iteration", "PSNR (dB)", alt, marks=marks, y_range=(20, 36))
scores["flash, noise 40/255"] = {
    "classical": score(pictures["guided filter"], ambient),
    "TV": score(flat, ambient), "network": peaks["z = flash"][0],
}  # fmt: skip

# %% [markdown]
# <details><summary>Answer</summary>
#
# The two that see the flash are far ahead of the two that do not, as expected. But the guided filter, a few lines of linear algebra, beats the network by decibels, even at the network's peak. It must: in our pair the
# truth *is* nearly an affine function of the flash in every window, which is exactly its assumption. The image of the network above is the one after 200 iterations, with patches of false colour from the noise that it has begun to fit.
#
# </details>
#
# The curves show that the flash gives the network a higher peak and an earlier one, after which the noise comes. (The table of section 10 takes the value at the peak, in the network's favour.)
# Either method may carry over what the flash alone shows, such as a faint reflection or shadow: where its contrast is below the noise, $y$ cannot contradict it.

# %% tags=["nbval-check-output"]
print(
    "the flash as z raises the peak by at least 2 dB:",
    peaks["z = flash"][0] > peaks["random z"][0] + 2,
)
print(
    "the guided filter beats the network at its peak by at least 1 dB:",
    scores["flash, noise 40/255"]["classical"] > peaks["z = flash"][0] + 1,
)

# %% [markdown]
# ## 9. Where it fails
#
# **A hole.** Of a face, 44 × 44 pixels are lost. Below are three images that agree with everything that is left.
#
# **Predict before you run.** Which of them is the truth, and what would you measure to find out?

# %%
hole = torch.ones(1, 1, 96, 96, device=device)
hole[..., 20:64, 40:84] = 0
A = Mask(hole)
y = A(face)
holed = run(deep_image_prior(y, A, iterations=250), truth=face)
mirrored = consistent(face.flip(-1), y, A)
fills = {
    "a": consistent(mirrored, y, A),
    "b": consistent(holed.estimate, y, A),
    "c": face,
}
show_images({"what is left": y} | fills, "A hole over a face, and three fillings.")
for name, fill in fills.items():
    print(f"{name}: largest misfit {float((A(fill) - y).abs().max()):.7f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# c is the truth, b the network's, a the mirror image of the photograph pasted into the hole. *The data cannot tell*: the misfit of all three is zero, as the lines below the pictures show. You could dismiss a by its seams and b by its
# blur only because you have seen many faces, and the network has seen none. It continues colours from the border, since the image has no second face to learn from.
#
# </details>
#
# Networks trained on many faces do fill such a hole with a face, and a convincing one. It is an invention all the same, which has the same misfit of zero.
#
# **A wrong kernel.** Next, we deblur with a kernel that is assumed too wide, 2.4 pixels instead of 1.6.
#
# **Predict before you run.** Will the loss of the wrong kernel give it away?

# %%
y = add_gaussian(Blur(gaussian_kernel(9, 1.6))(x), 1 / 255)
kernels = {
    "right kernel": gaussian_kernel(9, 1.6),
    "kernel too wide": gaussian_kernel(15, 2.4),
}
sharpened = {}
for name, kernel in kernels.items():
    A = Blur(kernel)
    sharpened[name] = run(deep_image_prior(y, A, iterations=300), truth=x).estimate
    misfit = float((A(sharpened[name]) - y).square().mean().sqrt())
    truths = float((A(x) - y).square().mean().sqrt())
    print(
        f"{name:16} misfit {255 * misfit:.2f}/255, of the truth {255 * truths:.2f}/255"
    )
alt = "The cup sharpened with the right kernel, and with one too wide: "
alt += "dark and bright seams along the edges."
show({"blurred": y} | sharpened, x, alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Hardly. The misfit of the wrong kernel is somewhat larger, printed above, but without the other run beside it nobody would notice, since a run that is stopped early ends above the noise level with the right kernel, too. The data are explained, by an image with seams along its edges
# that is decibels worse. Look at the last column: under the wrong kernel the wrong image explains the data *better than the truth does*. A small loss is no proof that $A$ is right.
#
# </details>

# %% tags=["nbval-check-output"]
inside = (hole == 0).expand_as(face)
wrong = float((fills["b"] - face)[inside].square().mean().sqrt())
print("inside the hole the error is above a tenth of the range:", wrong > 0.1)
print(
    "all three fillings agree with the data:",
    max(float((Mask(hole)(f) - Mask(hole)(face)).abs().max()) for f in fills.values())
    < 1e-6,
)
misfits = {name: float((Blur(k)(sharpened[name]) - y).square().mean().sqrt()) * 255
           for name, k in kernels.items()}  # fmt: skip
print(
    "the wrong kernel costs at least 2 dB, and less than 1/255 in the misfit:",
    score(sharpened["kernel too wide"], x) < score(sharpened["right kernel"], x) - 2
    and misfits["kernel too wide"] < misfits["right kernel"] + 1,
)

# %% [markdown]
# ## 10. The scoreboard
#
# All comparisons of this lesson in one table: one run each, and for the winner a star. Whatever is within 0.1 dB of the winner shares it.
#
# **Predict before you run.** Count the stars of the network before you look. Where will they be?

# %%
methods = ("bicubic", "biharmonic, NLM", "biharmonic", "Tikhonov")
methods += ("the file", "FBP", "zero-filling", "guided filter")
print(f"{'task':24}{'classical':>9}{'TV':>26}{'network':>10}")
for (task, row), method in zip(scores.items(), methods, strict=True):
    top = max(row.values())
    cells = [f"{v:.1f}{'*' if v > top - 0.1 else ' '}" for v in row.values()]
    print(f"{task:24}{cells[0]:>9} {method:16}{cells[1]:>9}{cells[2]:>10}")

# %% [markdown]
# One run each is no ranking. `benchmarks/RESULTS.md` has these and similar tasks for three pictures and three seeds, on windows of 96 or 64 pixels. Its means, in dB, and on how many of the three pictures each kind of method has the best mean (a tie counts for both):
#
# | task | best classical | TV | network | best on: classical, TV, network |
# | --- | --- | --- | --- | --- |
# | super-resolution x4 | 27.98 bicubic | 28.02 | 28.19 | 2, 2, 1 |
# | super-resolution x8 | 24.15 bicubic | 24.31 | 24.18 | 1, 2, 1 |
# | half the pixels, clean | 33.32 biharmonic | 32.44 | 33.23 | 2, 0, 1 |
# | half the pixels, noise 10/255 | 31.01 biharmonic, NLM | 30.03 | 30.99 | 2, 0, 2 |
# | blur, noise 2/255 | 29.84 Tikhonov | 31.03 | 30.55 | 0, 3, 0 |
# | blur, noise 20/255 | 22.40 Tikhonov | 26.47 | 26.64 | 0, 1, 2 |
# | JPEG, quality 10 | 26.78 the file | 27.30 | 27.37 | 0, 1, 2 |
# | tomography | 23.50 FBP | 29.97 | 27.71 | 1, 3, 0 |
# | resonance, a quarter | 22.03 zero-filling | 32.73 | 27.35 | 0, 3, 0 |
# | flash, noise 40/255 | 35.99 guided filter | 29.42 | 31.76 | 3, 0, 0 |
#
# The answer below uses both tables.
#
# <details><summary>Answer</summary>
#
# TV or another classical method takes both tasks of the scanners, the blur and the flash, mostly by decibels. The network has its stars on the smooth cup and for JPEG, where its opponents are the untouched file and TV and the lead is two tenths of a decibel, and it shares the clean inpainting.
# Over three pictures and three seeds the pattern holds, and it is less kind: in super-resolution x4 and in clean inpainting the network wins on the smooth cup, and loses on the face and on the cat.
#
# </details>
#
# **When is the network worth its time?**
#
# The numbers below are from `benchmarks/RESULTS.md`, three pictures and three seeds.
#
# - **In noise.** Without noise biharmonic inpainting beats the network on two of three pictures; with noise of $10/255$ the network is ahead of TV on all three, by 0.7 to 1.2 dB, and level with a chain of two classical methods. For the blur at $2/255$ TV wins on all three pictures;
#   at $20/255$ the network wins on two of them, by 0.4 and 0.5 dB, and loses on the third by 0.4. Nobody has to know $\sigma$ for it, but somebody has to stop it.
# - **In colour.** One network makes all channels, so that an edge in one is an edge in all. At $20/255$, after the same 250 iterations, the network stands 0.6 dB better against a coupled TV in colour than on gray versions of the same three pictures:
#   in colour it is ahead on two of them by 0.4 dB, in gray behind on all three. Most of the difference comes from the gray runs, which have passed their peak by then, so that a run in colour is also easier to stop. TV has to couple the channels, too:
#   without that it loses 0.4 to 0.8 dB, and the network looks better than it is.
# - **Where data are missing and the scene is smooth.** On the cup, in a window of 96 pixels, the network leads the best other method by 1.5 dB for x4 and by 1.1 dB for half of the pixels without noise: long clean edges are what it knows, as the null space of section 2 has shown.
#   The advantage is not robust: on the 128 pixels of section 2 it was a few tenths, and for x8 TV is ahead on the cup by 0.6 dB.
# - **Not** where data are nearly clean and the object is piecewise flat or the operator is that of a scanner. There TV is better by decibels, has no seed, and takes seconds. It is also the first thing to try, because it tells you what the network would have to beat.

# %% tags=["nbval-check-output"]
won = {task: max(row, key=row.get) for task, row in scores.items()}
print(
    "TV or a classical method wins blur, tomography, resonance and flash:",
    all(
        won[task] != "network"
        for task in won
        if task.startswith(("blur", "tomo", "reso", "flash"))
    ),
)
print(
    "one run: the network beats bicubic, Tikhonov and FBP, which do not know TV:",
    all(
        scores[task]["network"] > scores[task]["classical"]
        for task in ("super-resolution x4", "blur, noise 1/255", "tomography")
    ),
)

# %% [markdown]
# ## Quiz
#
# Choose an answer to each question and open it, by a click or with *Tab* and *Enter*. Below it stands whether it is right, and why. The other answers are worth opening, too.
#
# **1.** Super-resolution without noise: bicubic interpolation has 31.0 dB. A network, after back-projection onto the data, has 32.1 dB. What is unfair?
#
# <details><summary>A. Back-projection uses the truth, which no method is allowed to see.</summary>
#
# **Wrong.** It uses $y$ and $A$ only. Without noise, the data are known to be exact, so that agreeing with them is right.
#
# </details>
# <details><summary>B. Bicubic interpolation could have had the same back-projection, which costs one line.</summary>
#
# **Right.** Hard consistency works for any estimate. In section 2 it gained bicubic interpolation about as much as the network, so that the lead halved.
#
# </details>
# <details><summary>C. Nothing, since both of them see the same data and are measured by the same PSNR.</summary>
#
# **Wrong.** The two results were treated differently before they were measured. Half of the difference in section 2 came from this.
#
# </details>
# <details><summary>D. The network has many more parameters than bicubic interpolation has.</summary>
#
# **Wrong.** The number of parameters may differ, since this is what is being compared. What has to be equal is what is done to the results afterwards.
#
# </details>
# <br>
#
# **2.** You fill lost pixels by a deep image prior, and you replace the least-squares loss by the back-projection loss of BP-DIP. What changes?
#
# <details><summary>A. Fine detail comes sooner, as it did in the deblurring of section 4.</summary>
#
# **Wrong.** There it came sooner because the blur had weakened it in the loss. A mask weakens no frequency, it removes pixels.
#
# </details>
# <details><summary>B. Nothing, because for a mask the two losses are equal.</summary>
#
# **Right.** For a mask $A^+ = A^T$, and the misfit is zero at the lost pixels anyway. There is no weak frequency that would have to be strengthened.
#
# </details>
# <details><summary>C. The lost pixels now count as well, so that the holes are filled sooner.</summary>
#
# **Wrong.** No loss on the data can say anything about the lost pixels. The pseudo-inverse of a mask leaves zeros there.
#
# </details>
# <details><summary>D. The noise of the known pixels is amplified, so that ε has to be larger.</summary>
#
# **Wrong.** The pseudo-inverse amplifies noise where singular values are small. Those of a mask are 1 and 0.
#
# </details>
# <br>
#
# **3.** BP-DIP deblurs well at a noise of 1/255. At 20/255, with the same ε, it ends far below least squares. What is the reason?
#
# <details><summary>A. At this noise the blur has removed so much of the image that no prior can bring it back.</summary>
#
# **Wrong.** Least squares, with the same blur and the same noise, ended many decibels higher. What the blur has removed is the same for both.
#
# </details>
# <details><summary>B. Back-projection asks for exact data and is therefore of use without noise only.</summary>
#
# **Wrong.** With a growing $\varepsilon$ it stayed ahead up to 5/255. The fixed $\varepsilon$ is to blame and not the idea.
#
# </details>
# <details><summary>C. The pseudo-inverse amplifies the noise of weak frequencies, and ε should grow with σ².</summary>
#
# **Right.** The gain of the noise is $|K| / (|K|^2 + \varepsilon)$ and reaches $1 / (2 \sqrt \varepsilon)$. With an $\varepsilon$ that grows with $\sigma^2$, the two losses were within a decibel at 20/255.
#
# </details>
# <details><summary>D. With more noise the network needs more iterations than the run gives it.</summary>
#
# **Wrong.** More noise makes the best moment come earlier. Here the loss itself asks for amplified noise, from the first iteration on.
#
# </details>
# <br>
#
# **4.** An MRI scanner measures every *second* line of k-space, evenly spaced, and nothing else. The other lines are taken as zero. What does the image show?
#
# <details><summary>A. The body at half its contrast, and otherwise unchanged</summary>
#
# **Wrong.** Half of the contrast has not disappeared but makes a second copy, which appears where the body was not.
#
# </details>
# <details><summary>B. The body with streaks that look like noise over the whole image</summary>
#
# **Wrong.** Incoherent streaks come from lines that are drawn at random. An even spacing gives coherent ghosts, which are as sharp as the image.
#
# </details>
# <details><summary>C. The body without its fine detail, as if it had been blurred</summary>
#
# **Wrong.** Detail would be lost if only the central lines had been measured. Every second line reaches out to the finest frequencies.
#
# </details>
# <details><summary>D. Two copies of the body, one of them moved by half the width</summary>
#
# **Right.** The mask is a comb, whose Fourier transform is a comb of two spikes. Multiplying by the one is convolving with the other, which gives the mean of two shifted copies.
#
# </details>
# <br>
#
# **5.** You deblur with a kernel that you have guessed. At the end the misfit is close to the noise level. What does this say about the kernel?
#
# <details><summary>A. It is right, because no image could explain the data so well under a wrong kernel.</summary>
#
# **Wrong.** The image is free to make up for the kernel, with dark and bright seams along its edges. The misfit hardly shows this.
#
# </details>
# <details><summary>B. It is too narrow, because a wide kernel always leaves a larger misfit.</summary>
#
# **Wrong.** The kernel of section 9 was too wide, and its misfit was larger by less than one gray level. The size of the misfit does not say in which direction a kernel is wrong.
#
# </details>
# <details><summary>C. It is wrong, because with the right kernel the misfit would be nearly zero.</summary>
#
# **Wrong.** With the right kernel a good estimate leaves the noise, and a run that is stopped early even leaves somewhat more than that.
#
# </details>
# <details><summary>D. Little, because an image that is wrong in the right way explains the data as well.</summary>
#
# **Right.** In section 9, under a kernel that was too wide, the wrong image explained the data better than the truth did. A small misfit is no proof that $A$ is right.
#
# </details>

# %% [markdown]
# ## Exercises
#
# **1. A lens out of focus.** Its kernel is a disc. Make one of radius 3 pixels, `steps = torch.arange(-4.0, 5)`, `disc = (steps[:, None]**2 + steps**2 <= 9).float()`, divided by its sum, and repeat section 4 with it.
# (Section 9 has left a wrong kernel in `A`, so give `A` a new value in all three exercises.) First plot the spectrum against that of the Gaussian. Which of the two blurs is harder, and for which frequencies?
#
# <details><summary>Solution</summary>
#
# The Gaussian's $|K|$ falls smoothly to almost nothing, whereas the disc's falls more slowly but passes *through zero* on rings and rises again. The frequencies on the rings are lost, as those of a null space are; those between the rings are not.
# With the same $\varepsilon$ the Gaussian is the harder blur, above all at high frequencies. Compare `Blur(disc / disc.sum()).spectrum(x).abs()` with the Gaussian's: the share above $\sqrt{\varepsilon}$ says how much can return. It is 79 % for the disc and 22 % for the Gaussian, and the best TV reaches 35.5 dB instead of 32.9.
#
# </details>
#
# **2. A weight without the truth.** The weights of TV in this lesson were chosen with the truth. Choose the one in section 4 by Morozov's discrepancy principle instead: the largest weight with
# $\mathrm{mean}\,(A \hat x - y)^2 \le \sigma^2$. How many decibels does honesty cost?
#
# <details><summary>Solution</summary>
#
# ```python
# A, sigma = Blur(gaussian_kernel(9, 1.6)), 1 / 255
# for weight in (1e-4, 3e-4, 6e-4, 1e-3, 3e-3):
#     estimate = run(tv(y, A, weight)).estimate
#     misfit = float((A(estimate) - y).square().mean().sqrt())
#     print(weight, f"{misfit / sigma:.2f} sigma, {score(estimate, x):.2f} dB")
# ```
#
# Among these weights the principle takes 0.001, with 32.0 dB, where the best weight has 32.9 dB. Morozov's rule smooths too much, since the residual of a good estimate is *smaller* than $\sigma$: the estimate has fitted a part of the noise.
#
# </details>
#
# **3. Both losses at once.** Give `deep_image_prior` the loss of BP-DIP plus a weight times total variation. (The survey calls this BP-TV, too, since there the penalty is put on an untrained network.) Does TV help the network, or the network TV?
#
# <details><summary>Solution</summary>
#
# ```python
# from dil_course.from_scratch.variational import variation as length
#
# A = Blur(gaussian_kernel(9, 1.6))
#
# def loss(estimate):
#     misfit = regularised(A(estimate) - y).square().mean()
#     return misfit + 2 * 0.01 * length(estimate) / x.numel()
#
# result = run(deep_image_prior(y, A, iterations=200, loss=loss), truth=x)
# ```
#
# (`tv` weighs half the *sum* of squares against the length, and our loss is a *mean* of squares: hence the 2 and the division by the number of values.)
#
# Over three seeds BP-DIP reached 32.1 to 32.5 dB and with the penalty 32.6 to 32.8 dB, whereas TV and BP-TV alone reached 32.9 to 33.2 dB. So TV helps the network by half a decibel, and the network does not help TV.
#
# </details>
#
# ## Summary
#
# 1. One loop restores from any linear measurement: put $A$ into the loss, and only there.
# 2. With noiseless data, finish with $\hat x + A^+(y - A \hat x)$, and do so for the baseline as well.
# 3. Least squares learns last what $A$ weakens. The back-projection loss is preconditioning: it asks for these frequencies at once, and for their noise, unless $\varepsilon$ grows with $\sigma^2$.
# 4. The strongest classical method, tuned, wins most of these tasks, TV above all where data are nearly clean. The network earns its time in strong noise, in colour, and on smooth scenes with missing data, each time by tenths of a decibel or about one.
# 5. **What breaks it:** holes larger than the structure around them, a wrong forward model with a small loss, findings too small to weigh in the loss, and impatience.
#
# **Papers.**
# D. Ulyanov, A. Vedaldi, V. Lempitsky, [*Deep Image Prior*](https://arxiv.org/abs/1711.10925), CVPR 2018: the loop, with super-resolution, inpainting and flash.
# J. Zukerman, T. Tirer, R. Giryes, [*BP-DIP: A Backprojection Based Deep Image Prior*](https://arxiv.org/abs/2003.05417), EUSIPCO 2020: the back-projection loss for networks.
# T. Tirer, R. Giryes, [*Back-Projection Based Fidelity Term for Ill-Posed Linear Inverse Problems*](https://arxiv.org/abs/1906.06794), IEEE Transactions on Image Processing 2020: the same loss with TV and other priors, and when it is better.
# M. Lustig, D. Donoho, J. Pauly, *Sparse MRI*, Magnetic Resonance in Medicine 2007: why lines should be drawn at random.
# M. Z. Darestani, R. Heckel, [*Accelerated MRI with Un-trained Neural Networks*](https://arxiv.org/abs/2007.02471), IEEE Transactions on Computational Imaging 2021: the ConvDecoder on data of real scanners.
# K. He, J. Sun, X. Tang, *Guided Image Filtering*, ECCV 2010: the opponent of section 8.
# M. Irani, S. Peleg, *Improving Resolution by Image Registration*, CVGIP 1991: back-projection for super-resolution.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, [*Deep Internal Learning*](https://arxiv.org/abs/2312.07425), IEEE Signal Processing Magazine 2024: the survey that this course follows.
#
# **Next.** Lesson 05 asks when to stop, without the truth, and why any of this works.
#
# **Problem set.** [Problem set 04](../exercises/ps04_dip_for_inverse_problems/ps04_dip_for_inverse_problems.ipynb): make data fit exactly, why back-projection is fast and why it fails, a patient who moved, four runs that fail.
