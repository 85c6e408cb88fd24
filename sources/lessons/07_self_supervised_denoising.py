# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Self-supervised denoising: the noisy picture is its own teacher
#
# Lesson 06 needed to know the noise level. This lesson asks for less: only that the noise of one pixel tells nothing about the noise of another.
# From that alone, half a dozen methods make a training target out of the noisy picture itself.
#
# **What you will be able to do**
# - prove why a noisy target is as good as a clean one;
# - prove why a network that cannot see a pixel may be judged by it, and check that by numbers;
# - build Noise2Self and Zero-Shot Noise2Noise, and use Noise2Void, Neighbor2Neighbor, Noise2Fast, Recorrupted-to-Recorrupted and Self2Self;
# - say which independence each of them uses, and break each of them;
# - choose one for a picture of your own.
#
# **Before you start.** Lesson 03 (the loop), lesson 02 for non-local means. Lesson 06 helps: we compare with SURE.
#
# **Time.** About two and a half minutes of computing on 2 CPU cores, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import time

import torch
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.checks import compare
from dil_course.figures import show_curves, show_images
from dil_course.fitting import Step, run, watch
from dil_course.networks import small_skip_network
from dil_course.signals import add_correlated, add_gaussian, gaussian_kernel, picture
from dil_course.signals import psnr

device = runtime.device()

# %% [markdown]
# One noisy picture serves the whole lesson, and one kind of network. `show` puts its PSNR above each picture.

# %%
sigma = 25 / 255
x = picture("astronaut", side=96).to(device)
y = add_gaussian(x, sigma, seed=0)


def network(seed=0):
    with runtime.seeded(seed):
        return small_skip_network(3, 3).to(device)


def show(pictures, alt):
    titles = {f"{name}: {psnr(z, x):.1f} dB": z for name, z in pictures.items()}
    show_images(titles, alt)


# %% [markdown]
# ## 1. A noisy target is as good as a clean one
#
# Suppose that you have *two* noisy pictures of one scene, $y_1 = x + n_1$ and $y_2 = x + n_2$, with independent noise of mean zero.
# Train a network to predict the second from the first. It sounds absurd: why predict noise? Expand the square.
#
# $$\mathbb E \|f(y_1) - y_2\|^2 = \mathbb E \|f(y_1) - x\|^2 + \mathbb E \|n_2\|^2 - 2 \, \mathbb E \langle f(y_1) - x, \; n_2 \rangle .$$
#
# The last term is zero: $f(y_1) - x$ knows only $n_1$, and $n_2$ is independent of it. The middle one does not depend on $f$.
# **So both losses have the same best $f$.** This is **Noise2Noise**. Noise that cannot be predicted does no harm.
#
# Check the formula on non-local means: the loss to a noisy target, minus $\sigma^2$, should be the error to the clean one. And what if the target is $y_1$ itself?

# %%
from dil_course.from_scratch import noise2noise, non_local_means

y2 = add_gaussian(x, sigma, seed=100)
strengths = [0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.4, 2.0]
estimates = [non_local_means(y, sigma, strength=strength) for strength in strengths]


def squared(target):
    return [(f - target).square().mean().item() for f in estimates]


to_x = squared(x)
second = [value - sigma**2 for value in squared(y2)]
same = [value - sigma**2 for value in squared(y)]
curves = {
    "error to the clean x": (strengths, to_x),
    "loss to the second y, less sigma²": (strengths, second),
    "loss to the same y, less sigma²": (strengths, same),
}
alt = "Two curves with a common valley, and a third one far below that only rises."
show_curves(curves, "strength of non-local means", "mean squared", alt)

# %% [markdown]
# We observe that the loss to a second noisy picture follows the true error. The loss to the *same* picture is far too low, since there the last term is not zero: $f(y)$ contains some of the noise that it is judged by.
# Its best choice is to change nothing. Remember this as the **identity trap**.
#
# Now train a network on the pair. **Predict before you run.** It is trained on noise only. Will its output be noisy?

# %%
pair = await watch(
    noise2noise(
        y, y2, network=network(), iterations=runtime.pick(quick=250, full=1000)
    ),
    truth=x,
    observed=y,
)

# %% tags=["nbval-check-output"]
gaps = [abs(a - b) for a, b in zip(to_x, second)]
print(
    "the loss to a second noisy picture is the error plus sigma squared, to a "
    "twentieth of that:",
    max(gaps) < sigma**2 / 20,
)
print(
    "the loss to the same picture would choose to change nothing:",
    same.index(min(same)) == 0,
)
print(
    "trained on noisy targets, the network gains 7 dB or more:",
    psnr(pair.estimate, x) > psnr(y, x) + 7,
)

# %% [markdown]
# ## 2. One picture: judge by what was hidden
#
# Mostly you have one noisy picture, not two. But if the noise of each pixel is independent, then **one pixel is a second look that its neighbours have not seen**.
#
# Call a denoiser $f$ **J-invariant** if no pixel of its output depends on the same pixel of its input. It must guess each pixel from the others. The proof takes five lines.
#
# 1. $f(y)_i$ does not depend on $y_i$, so it does not depend on $n_i$: it is a function of the other pixels.
# 2. The noise is independent from pixel to pixel, with mean zero. So $n_i$ is independent of $f(y)_i - x_i$.
# 3. Hence $\mathbb E \, n_i (f(y)_i - x_i) = \mathbb E \, n_i \cdot \mathbb E (f(y)_i - x_i) = 0$.
# 4. Expand the square: $\mathbb E (f(y)_i - y_i)^2 = \mathbb E (f(y)_i - x_i)^2 + \sigma^2 - 2 \cdot 0$.
# 5. Sum over $i$: $\quad \mathbb E \|f(y) - y\|^2 = \mathbb E \|f(y) - x\|^2 + \mathbb E \|y - x\|^2$.
#
# The loss to $y$ *itself* is now the true error plus a constant. **The noise level is not needed.**
#
# Any denoiser can be made J-invariant: hide every fourth pixel of every fourth row, put the mean of their neighbours in their place, denoise, keep the result at the hidden pixels only. Do that for all 16 such grids.


# %%
def grid(y, phase):
    rows, columns = (torch.arange(side, device=y.device) % 4 for side in y.shape[-2:])
    return ((rows[:, None] == phase // 4) & (columns == phase % 4))[None, None]


def neighbour_mean(y):
    kernel = torch.tensor([[1.0, 2, 1], [2, 0, 2], [1, 2, 1]], device=y.device) / 12
    channels = F.pad(y, (1, 1, 1, 1), mode="reflect").transpose(0, 1)
    return F.conv2d(channels, kernel[None, None]).transpose(0, 1)


def blind(denoiser):
    def blinded(y):
        result = torch.zeros_like(y)
        for phase in range(16):
            hidden = grid(y, phase)
            estimate = denoiser(torch.where(hidden, neighbour_mean(y), y))
            result = torch.where(hidden, estimate, result)
        return result

    return blinded


# %% [markdown]
# First: is it really blind? Change one pixel of the input a lot, and see whether the same pixel of the output moves.
# Then the loss to $y$ over the strength again, this time for the blind version. **Predict:** where is its valley?


# %%
def nlm(y, strength=0.8):
    return non_local_means(y, sigma, strength=strength)


poked = y.clone()
poked[..., 40, 52] += 0.5
moved = {}
for name, f in {"non-local means": nlm, "blind version": blind(nlm)}.items():
    moved[name] = (f(poked) - f(y))[..., 40, 52].abs().max().item()
    print(f"{name:16} the poked pixel's own output moves by {moved[name]:.4f}")
blinded = [blind(lambda y, s=s: nlm(y, s))(y) for s in strengths]
errors = [(f - x).square().mean().item() for f in blinded]
losses = [(f - y).square().mean().item() for f in blinded]
curves = {
    "loss to y": (strengths, losses),
    "error + sigma²": (strengths, [error + sigma**2 for error in errors]),
}
alt = "Two curves that lie nearly on each other, with the same valley."
show_curves(curves, "strength, blind version", "mean squared", alt)

# %% [markdown]
# We observe that the two curves share their shape and their valley. (The small gap between them is the same everywhere: in one picture $\|n\|^2 / n$ is not exactly $\sigma^2$.) So a parameter of a classical denoiser can be **calibrated** on one noisy picture, without the truth and without $\sigma$.
# The library's `calibrate` does just that, and `blind` is the function above.

# %%
from dil_course.from_scratch import blind as library_blind
from dil_course.from_scratch import calibrate

same_blind = compare(
    "blind",
    blind(lambda y: non_local_means(y, sigma))(y),
    library_blind(lambda y: non_local_means(y, sigma))(y),
)
chosen, _ = calibrate(
    lambda y, strength: non_local_means(y, sigma, strength=strength), y, strengths
)
print("chosen strength:", chosen)

# %% tags=["nbval-check-output"]
print("my blind version and the library's agree:", same_blind)
print(
    "blind: the pixel's own output does not move at all:",
    moved["blind version"] == 0 and moved["non-local means"] > 0.001,
)
print(
    "loss to y is error plus sigma squared, to a twentieth of that:",
    max(abs(a - b - sigma**2) for a, b in zip(losses, errors)) < sigma**2 / 20,
)
print(
    "the calibrated strength is the best one, or one beside it:",
    abs(strengths.index(chosen) - errors.index(min(errors))) <= 1,
)

# %% [markdown]
# ## 3. Noise2Self: the same for a network
#
# Take the blind loss as a training loss. At each iteration hide one of the grids, and judge the network **at the hidden pixels only**.
# One of the 16 grids is never used for training. Its error is an honest judge: it says when to stop.


# %%
def fit(y, network, iterations, seed=0):
    generator = runtime.generator(seed, "grids", y.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    neighbours = estimate = neighbour_mean(y)
    for iteration in range(1, iterations + 1):
        phase = torch.randint(15, (), generator=generator, device=y.device)
        hidden = grid(y, int(phase))
        output = network(torch.where(hidden, neighbours, y))
        loss = torch.sum(hidden * (output - y) ** 2) / (3 * hidden.sum())
        # Each pixel as it was guessed blindly
        estimate = torch.where(hidden, output.detach(), estimate)
        if iteration % 16 == 1:
            last = grid(y, 15)
            with torch.no_grad():
                guess = network(torch.where(last, neighbours, y))
            estimate = torch.where(last, guess, estimate)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Step(iteration, iterations, loss.detach(), estimate)


# %% [markdown]
# The rule `HeldOut` of lesson 05 watches the last grid. **Predict before you run.** The network has 72,000 weights. Can it learn the noise by heart, although each pixel was hidden when it was asked for?

# %%
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import held_out, noise2self

iterations = runtime.pick(quick=400, full=1500)
blind_network = network()
steps, stop = fit(y, blind_network, iterations), HeldOut(y, held_out(y), patience=100)
self_taught = await watch(steps, truth=x, observed=y, stop=stop)
with torch.no_grad():
    seeing = blind_network(y)
shown = {"noisy": y, "Noise2Self, blind": self_taught.estimate}
alt = "A face: noisy, and two clean versions; the second has a little more detail."
show(shown | {"same network, seeing": seeing}, alt)
mine = run(fit(y, network(), 20)).estimate
theirs = run(noise2self(y, network=network(), iterations=20, fast=False)).estimate
same_fit = compare("after 20 iterations", mine, theirs)

# %% [markdown]
# We observe a rise, without sigma and without truth. Then the held-out grid ends the run. It judges by one pixel in 16, so it is an honest judge, but an unsure one: here it is a little early.
# Why stop at all? The proof is about a fixed $f$. Trained for long on one picture, the network learns these targets by heart. On the cup of lesson 03 (128 pixels) we saw it lose 1.5 dB by iteration 600.
#
# The price of blindness: the pixel itself is information, and it is thrown away. "Seeing" is the trained network fed the whole $y$, after the training.
# The proof does not cover that, but it can be better, since the network then has one more look at each place. It depends on the run; measure, do not assume.
#
# **The identity trap again.** Judge the network at *all* pixels, hidden or not. Then 15 of 16 targets stand in the input, ready to be copied.

# %%
from dil_course.from_scratch import dip_sure


def seen_pixels(f, y, b, output):
    return (output - y).square().mean()


steps = dip_sure(y, sigma, network=network(), iterations=300, risk=seen_pixels)
copied = run(steps, average=0)
print(
    f"judged at pixels that the network sees: {psnr(copied.estimate, x):.1f} dB; the "
    f"noisy picture has {psnr(y, x):.1f} dB"
)

# %% tags=["nbval-check-output"]
print("my Noise2Self and the library's agree:", same_fit)
print(
    "Noise2Self gains 5 dB or more without truth or sigma:",
    psnr(self_taught.estimate, x) > psnr(y, x) + 5,
)
print(
    "without a mask the network ends within 2 dB of its noisy input:",
    psnr(copied.estimate, x) < psnr(y, x) + 2,
)

# %% [markdown]
# **Noise2Void** is the older sister: it hides 1.5 % of the pixels at random places, and puts the colour of a random neighbour there. Never the pixel's own colour, or the trap is open again.
#
# ## 4. Take the picture apart: two small ones out of one
#
# Another way to a pair. Neighbouring pixels show nearly the same thing, with independent noise. So split each cell of 2 × 2 pixels:
#
# $$D_1 y = \tfrac12 (\text{upper right} + \text{lower left}) , \qquad D_2 y = \tfrac12 (\text{upper left} + \text{lower right}) .$$
#
# These are two small pictures of nearly one scene, with independent noise: food for Noise2Noise. **Zero-Shot Noise2Noise** trains a tiny network on them, three layers deep.
# It predicts the noise, $f(y) = y - \text{network}(y)$. A second loss asks that denoising and taking apart can be exchanged, $f(D y) \approx D f(y)$: without it the network would know small pictures only.


# %%
def diagonals(y):
    a, b, c, e = (y[..., row::2, column::2] for row in (0, 1) for column in (0, 1))
    return (b + c) / 2, (a + e) / 2


def zero_shot_loss(noise_of, y):
    y1, y2 = diagonals(y)
    f, f1, f2 = y - noise_of(y), y1 - noise_of(y1), y2 - noise_of(y2)
    d1, d2 = diagonals(f)
    residual = (f1 - y2).square().mean() + (f2 - y1).square().mean()
    consistency = (f1 - d1).square().mean() + (f2 - d2).square().mean()
    return (residual + consistency) / 2, f


def tiny_network(width=48):
    with runtime.seeded(0):
        layers = (
            nn.Conv2d(3, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 3, 1),
        )
    return nn.Sequential(*layers).to(device)


# %%
from dil_course.from_scratch import zero_shot_noise2noise

first = next(iter(zero_shot_noise2noise(y, network=tiny_network(), fast=False)))
same_loss = compare("first loss", zero_shot_loss(tiny_network(), y)[0], first.loss)
print("weights:", sum(weights.numel() for weights in tiny_network().parameters()))
zero_shot = await watch(
    zero_shot_noise2noise(
        y, network=tiny_network(), iterations=runtime.pick(quick=400, full=2000)
    ),
    truth=x,
    observed=y,
)

# %% [markdown]
# We observe a curve that rises and hardly falls. A network of 22,275 weights cannot learn a picture by heart so soon. It also cannot look far: five pixels in all directions, no more.
#
# Two relatives: **Neighbor2Neighbor** draws two touching pixels of each cell at random. **Noise2Fast** takes the black and the white fields of a chequerboard, and stops when its output comes no closer to $y$.
#
# ## 5. Add noise: Recorrupted-to-Recorrupted
#
# And a third way. If you know $\sigma$, draw noise $z$ with the same $\sigma$, and make the pair
#
# $$y + \alpha z , \qquad y - z / \alpha .$$
#
# Their noises are $n + \alpha z$ and $n - z / \alpha$, with the covariance $\sigma^2 - \sigma_z^2$. That is zero if $z$ is as strong as $n$, and for Gaussian numbers that means independent.
#
# **Predict before you run.** We tell it half of $\sigma$, and twice $\sigma$. What is in the targets then that should not be?

# %%
from dil_course.from_scratch import recorrupted2recorrupted
from dil_course.from_scratch.self_supervised.noise2noise import recorrupt

recorrupted, iterations = {}, runtime.pick(quick=250, full=1000)
for name, factor in {"half of sigma": 0.5, "sigma": 1, "twice sigma": 2}.items():
    told, generator = factor * sigma, runtime.generator(0, "z")
    z = told * torch.randn(y.shape, generator=generator).to(y)
    a, b = recorrupt(y, z, alpha=0.5)
    covariance = ((a - x) * (b - x)).mean() / sigma**2
    steps = recorrupted2recorrupted(y, told, network=network(), iterations=iterations)
    recorrupted[name] = run(steps).estimate
    print(
        f"told {name:13} covariance of the two noises, over sigma²: "
        f"{covariance:+.2f}; formula {1 - factor**2:+.2f}"
    )
show(
    {"noisy": y} | {f"told {name}": z for name, z in recorrupted.items()},
    "A face: noisy; with noise left; clean; with noise of opposite colours.",
)

# %% tags=["nbval-check-output"]
print("my loss and the library's agree:", same_loss)
print(
    "Zero-Shot Noise2Noise gains 5 dB or more:",
    psnr(zero_shot.estimate, x) > psnr(y, x) + 5,
)
print(
    "half of sigma and twice sigma each cost Recorrupted-to-Recorrupted 2 dB or more:",
    min(
        psnr(recorrupted["sigma"], x) - psnr(recorrupted[name], x)
        for name in ("half of sigma", "twice sigma")
    )
    > 2,
)

# %% [markdown]
# ## 6. Self2Self: drop, forget, and average
#
# Self2Self keeps each number of $y$ with probability 0.7, and judges the network on the others. Three more ideas make it strong:
#
# - **Dropout** in the network: it forgets 30 % of its own numbers at random. So it cannot learn the noise by heart.
# - **An ensemble.** Each mask and each dropout gives another answer. Their mean is better than any of them.
# - **Partial convolutions**: they count how many of the numbers in their window are known, and make up for the rest.
#
# **Predict before you run.** We take them away, in a short run. Which loss hurts most?

# %%
from dil_course.from_scratch import self2self
from dil_course.networks import PartialUNet


def forgetful(dropout=0.3, partial=True):
    with runtime.seeded(0):
        network = PartialUNet(3, 16, scales=2, dropout=dropout, partial=partial)
    return network.to(device)


small_x = picture("astronaut", side=64).to(device)
small_y = add_gaussian(small_x, sigma, seed=0)

# %% [markdown]
# The full method, and four versions from which something was taken away:

# %%
settings = dict(iterations=runtime.pick(quick=400, full=5000), learning_rate=2e-3)
runs = {
    "all of it": dict(network=forgetful()),
    "no mask": dict(network=forgetful(), keep=1),
    "no dropout": dict(network=forgetful(dropout=0)),
    "no mask, no dropout": dict(network=forgetful(dropout=0), keep=1),
    "ordinary convolutions": dict(network=forgetful(partial=False)),
}
taken_away, curves = {}, {}
print(f"noisy                  {psnr(small_y, small_x):.1f} dB")
for name, given in runs.items():
    history = run(self2self(small_y, **given, **settings), truth=small_x).history
    taken_away[name] = history
    curves[name] = history["iteration"], history["psnr_average"]
    ensemble, single = history["psnr_average"][-1], history["psnr"][-1]
    print(f"{name:22} {ensemble:.1f} dB; without the ensemble {single:.1f} dB")
alt = "Four curves that still rise, and one, without mask and dropout, that peaks and "
alt += "falls to the noisy picture."
show_curves(curves, "iteration", "PSNR of the average (dB)", alt)

# %% [markdown]
# We observe two things. The ensemble is worth more than a decibel. And without mask **and** dropout the network falls into the identity trap: it peaks and collapses.
#
# But with only *one* of the two brakes, the short run does better than with both! Is the mask useless, then? Look at the curves: all of these still rise. A brake makes a run slower, and we stopped it early.
# The paper trains for 150,000 iterations, and there each part that is taken away costs decibels. We have not run that. **A short run cannot tell which brake a long run needs.**

# %% tags=["nbval-check-output"]
whole = taken_away["all of it"]
print(
    "Self2Self gains 4 dB or more:",
    whole["psnr_average"][-1] > psnr(small_y, small_x) + 4,
)
print(
    "its ensemble is worth more than a decibel:",
    whole["psnr_average"][-1] > whole["psnr"][-1] + 1,
)
trapped = taken_away["no mask, no dropout"]["psnr_average"]
print(
    "without mask and dropout it peaks, and falls by 3 dB or more:",
    max(trapped) - trapped[-1] > 3,
)

# %% [markdown]
# ## 7. The family tree, and what fells it
#
# | method | pair made of | independence that it uses | needs $\sigma$? |
# | --- | --- | --- | --- |
# | Noise2Noise | two pictures | between the two pictures | no |
# | Noise2Void, Noise2Self, Self2Self | a pixel and its surroundings | between pixels | no |
# | Neighbor2Neighbor, Zero-Shot Noise2Noise, Noise2Fast | neighbouring pixels | between pixels, and a picture that changes slowly | no |
# | Recorrupted-to-Recorrupted | $y$ and added noise | none; Gaussian and white | yes |
# | SURE (lesson 06) | $y$ and a probe | none; Gaussian and white | yes |
#
# Now noise that neighbours **share**: white noise, blurred a little, as many cameras make it when they compute colours. It has the same strength as before.
#
# **Predict before you run.** Which method survives?

# %%
from dil_course.from_scratch import neighbor2neighbor, noise2fast, noise2void

quick = runtime.profile() == "quick"
few, some, many = (100, 200, 300) if quick else (300, 1000, 2000)
methods = {
    "Noise2Noise": lambda y, y2: noise2noise(y, y2, iterations=some),
    "Noise2Void": lambda y, y2: noise2void(y, iterations=300 if quick else 3000),
    "Noise2Self": lambda y, y2: noise2self(y, iterations=some),
    "Neighbor2Neighbor": lambda y, y2: neighbor2neighbor(y, iterations=few),
    "Zero-Shot Noise2Noise": lambda y, y2: zero_shot_noise2noise(y, iterations=many),
    "Noise2Fast": lambda y, y2: noise2fast(y),
    "Recorrupted-to-Recorrupted": lambda y, y2: recorrupted2recorrupted(
        y, sigma, iterations=some
    ),
    "SURE": lambda y, y2: dip_sure(y, sigma, iterations=400 if quick else 2000),
    "Self2Self": lambda y, y2: self2self(y, iterations=400 if quick else 5000),
}


# %% [markdown]
# Each method gets the same noisy picture; Noise2Noise alone gets a second one, too.


# %%
def all_methods(add):
    noisy, second = add(small_x, seed=0), add(small_x, seed=100)
    rows = {}
    for name, method in methods.items():
        started = time.perf_counter()
        estimate = run(method(noisy, second)).estimate
        seconds = time.perf_counter() - started
        rows[name] = psnr(estimate, small_x) - psnr(noisy, small_x), seconds
    return rows


# %%
white = all_methods(lambda x, seed: add_gaussian(x, sigma, seed))
shared = all_methods(
    lambda x, seed: add_correlated(x, sigma, gaussian_kernel(5, 0.7), seed)
)
print("gain over the noisy picture            white noise    shared noise    seconds")
for name in methods:
    print(
        f"{name:36} {white[name][0]:8.1f} dB {shared[name][0]:12.1f} dB "
        f"{white[name][1]:9.1f}"
    )

# %% [markdown]
# We observe that most of them lose most of their gain. The neighbours know the noise of a pixel now, so it can be predicted, and it is. SURE is hit hardest: its price for the divergence no longer fits.
#
# Noise2Noise needs two pictures, but it does not care what the noise *inside* one of them looks like: it only wants the two to be independent. (On one pair, the network learns some of it by heart all the same.)
#
# And Self2Self? It loses little. Not because its assumption holds: its run is so short that it has not learned fine detail yet, neither the picture's nor the noise's.
# We let it run on: with shared noise it peaked near iteration 900 and had lost 1.8 dB at 2500 (`benchmarks/RESULTS.md`).
#
# Where noise is shared, look for an independence that is left: between pictures, between distant pixels, between colours.

# %% tags=["nbval-check-output"]
others = [name for name in methods if name not in ("Noise2Noise", "Self2Self")]
print(
    "white noise: every method gains 3 dB or more:",
    min(gain for gain, _ in white.values()) > 3,
)
print(
    "shared noise: all but Noise2Noise and the short Self2Self lose more than half of "
    "their gain:",
    all(shared[name][0] < white[name][0] / 2 for name in others),
)
print(
    "Noise2Noise keeps at least 2 dB more than each of these:",
    shared["Noise2Noise"][0] > max(shared[name][0] for name in others) + 2,
)

# %% [markdown]
# ## 8. Which one when?
#
# - You can take the picture twice: **Noise2Noise**. Nothing else is as good.
# - You know $\sigma$, and the noise is white and Gaussian: **Recorrupted-to-Recorrupted** or **SURE**. SURE needs no early stop.
# - You do not know $\sigma$: **Noise2Self**, since its held-out pixels also tell you when to stop; or **Zero-Shot Noise2Noise**, where the network must be tiny.
# - You have hours: **Self2Self** is made for long runs, and the paper's figures come from those.
# - You have a second: a classical denoiser, **calibrated** by its blind version.
#
# And the classical yardsticks, told the true $\sigma$. In the table of `benchmarks/RESULTS.md` (three photographs, three noise levels, quick profile) BM3D beats every method that has one picture, and takes seconds.
# At $\sigma$ = 15 and 25 even non-local means beats those that hide or split pixels, on two of the three photographs; at 50 it does not.
# What you gain here is not decibels yet. It is freedom from a fixed model of pictures: a network learns whatever structure there is, and the loss tells you how well it does.

# %% [markdown]
# ## Summary
#
# 1. A noisy target is as good as a clean one, if its noise cannot be predicted from the input.
# 2. One picture contains such targets: hidden pixels, neighbouring pixels, or $y$ with added noise.
# 3. J-invariance: $\mathbb E \|f(y) - y\|^2 = \mathbb E \|f(y) - x\|^2 + \mathbb E\|y - x\|^2$, for an $f$ that does not see the pixel it guesses.
# 4. Each method is an assumption about what is independent of what.
# 5. **What breaks it:** noise that neighbours share, a loss at pixels that the network sees, a wrong $\sigma$ where one is needed, and too long a training on one picture.
#
# **Papers.** J. Lehtinen and others, *Noise2Noise*, ICML 2018. A. Krull, T.-O. Buchholz, F. Jug, *Noise2Void*, CVPR 2019. J. Batson, L. Royer, *Noise2Self*, ICML 2019.
# Y. Quan, M. Chen, T. Pang, H. Ji, *Self2Self With Dropout*, CVPR 2020. T. Huang and others, *Neighbor2Neighbor*, CVPR 2021. T. Pang, H. Zheng, Y. Quan, H. Ji, *Recorrupted-to-Recorrupted*, CVPR 2021.
# J. Lequyer and others, *A fast blind zero-shot denoiser*, Nature Machine Intelligence 2022 (Noise2Fast). Y. Mansour, R. Heckel, *Zero-Shot Noise2Noise*, CVPR 2023.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, *Deep Internal Learning*, IEEE Signal Processing Magazine 2024.
#
# **Next.** Lesson 08 makes a training set of one picture for another task: super-resolution.
#
# **Problem set.** [Problem set 07](../exercises/ps07_self_supervised_denoising/ps07_self_supervised_denoising.ipynb): the masked loss, strangers, self-influence, what a loss to a noisy target measures, four runs that fail.
