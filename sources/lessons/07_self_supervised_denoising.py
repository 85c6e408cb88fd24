# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Self-supervised denoising: the noisy image is its own teacher
#
# Lesson 06 needed the noise level. The methods of this lesson make a training target out of noisy data alone, and most of them need no noise level at all.
# What they need instead is that the noise has mean zero and that *some part of the data* carries noise that is independent of the rest: another exposure, another pixel, or noise that we add ourselves.
#
# **What you will be able to do**
# - prove why a noisy target is as good as a clean one, and when it is not;
# - define J-invariance for a partition of the pixels, check it in the Jacobian, and say how it relates to SURE;
# - build Noise2Self, Zero-Shot Noise2Noise and Recorrupted-to-Recorrupted, and predict what a wrong $\sigma$ does to the last;
# - use Noise2Void, Neighbor2Neighbor, Noise2Fast and Self2Self, and say which independence each of them needs;
# - decide from two numbers which of them suits an image of your own.
#
# **Before you start.** Lesson 03 (the loop), lesson 02 (non-local means, BM3D) and lesson 06 (the divergence, SURE).
#
# **Time.** About three minutes of computing on 2 CPU cores, about an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.checks import compare, note_if_stopped
from dil_course.figures import curves_figure, explore, images_figure, show_curves
from dil_course.figures import show_images, show_pairs
from dil_course.fitting import Step, run, watch
from dil_course.networks import small_skip_network
from dil_course.signals import add_correlated, add_gaussian, gaussian_kernel, picture
from dil_course.signals import psnr

device = runtime.device()
sigma = 25 / 255
x = picture("astronaut", side=64).to(device)
y = add_gaussian(x, sigma, seed=0)


def network(seed=0):
    with runtime.seeded(seed):
        return small_skip_network(3, 3).to(device)


def show(pictures, alt, **options):
    titles = {f"{name}, {psnr(z, x):.1f} dB": z for name, z in pictures.items()}
    show_images(titles, alt, **options)


# %% [markdown]
# ## 1. A noisy target is as good as a clean one
#
# Suppose that you have *two* noisy images of one scene, $y = x + n$ and $y_2 = x + n_2$, with independent noise of mean zero.
# Train a network to predict the second from the first. It sounds absurd to predict noise, so expand the square:
#
# $$\mathbb E \|f(y) - y_2\|^2 = \mathbb E \|f(y) - x\|^2 + \mathbb E \|n_2\|^2 - 2 \, \mathbb E \langle f(y) - x, \; n_2 \rangle .$$
#
# The last term is zero, because $f(y) - x$ depends on $n$ only, and $n_2$ is independent of $n$ with mean zero. The middle term does not depend on $f$.
# **So both losses have the same best $f$.** This is **Noise2Noise**. It is a statement about expectations: on a *single* pair, a network that is trained for long can memorise $n_2$ itself, as section 3 shows.
#
# We check the formula on non-local means of several strengths $h$. What if the target is $y$ itself?

# %%
from dil_course.from_scratch import noise2noise, non_local_means

y2 = add_gaussian(x, sigma, seed=100)
strengths = [0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2]
estimates = [non_local_means(y, 0, h=h) for h in strengths]


def distances(target):
    return [(f - target).square().mean().item() for f in estimates]


to_x = distances(x)
to_y2 = [d - sigma**2 for d in distances(y2)]
to_y = [d - sigma**2 for d in distances(y)]
curves = {
    "error to the clean x": (strengths, to_x),
    "loss to y2, minus sigma²": (strengths, to_y2),
    "loss to y itself, minus sigma²": (strengths, to_y),
}
alt = "Two curves that coincide, with one valley, and a third, far below, that rises."
show_curves(curves, "h of non-local means", "mean squared", alt)

# %% [markdown]
# The loss to a second noisy image follows the true error. The loss to the *same* image is far too low, because there the last term is not zero: $f(y)$ contains a part of the noise that it is compared with.
# This loss prefers the weakest denoiser. (The curves are negative where $\sigma^2$ is more than the loss: at the identity, on the left, the loss to $y$ is zero.) We call that the **identity trap**.
#
# Now train a network on the pair. The library swaps source and target at each iteration, so that the running average mixes $f(y)$ and $f(y_2)$. A fair baseline also gets both images: the plain mean $(y + y_2)/2$, which halves the variance of the noise without any network, and in section 7 the best classical denoiser of that mean.
#
# **Predict before you run.** The network sees only noisy targets. Will its output be noisy? And how many decibels does the plain mean gain?

# %%
pair = await watch(
    noise2noise(y, y2, network=network(), iterations=runtime.pick(quick=200, full=800)),
    truth=x,
    observed=y,
)
mean_of_two = (y + y2) / 2
alt = "A face: noisy, the mean of two exposures, and the clean output of Noise2Noise."
show({"y": y, "(y + y2) / 2": mean_of_two, "Noise2Noise": pair.estimate}, alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The output is clean. People expect a noisy output because the targets are noisy, but the noise of the target cannot be predicted from the input, and the best prediction under a squared loss is the conditional mean. The loss curve shows it, too: it levels off near $\sigma^2 \approx 0.01$, the power of the target's noise. A loss far below that would be memorised noise.
# The plain mean gains 3 dB ($10 \log_{10} 2$) without a network. The rest of the gain comes from the network, which prefers images to noise (lesson 03).
#
# </details>

# %% tags=["nbval-check-output"]
note_if_stopped(pair)
gaps = [abs(a - b) for a, b in zip(to_x, to_y2)]
print(
    "the loss to y2 is the error plus sigma squared, to a twentieth of sigma squared:",
    max(gaps) < sigma**2 / 20,
)
print(
    "the loss to y would choose the weakest denoiser:",
    to_y.index(min(to_y)) == 0 and to_x.index(min(to_x)) > 0,
)
print(
    "Noise2Noise gains 4 dB or more over the mean of the two images:",
    psnr(pair.estimate, x) > psnr(mean_of_two, x) + 4,
)

# %% [markdown]
# ## 2. One image: judge a pixel that was hidden
#
# Usually there is one noisy image. But if the noise is independent from pixel to pixel, then each pixel is a second observation whose noise its neighbours have not seen.
# It is like a crossword, in which a missing letter is guessed from the words that cross it; in statistics it is leave-one-out cross-validation (Stone, 1974).
#
# Let $\mathcal J$ be a **partition** of the pixels into sets $S$. A function $f$ is **$\mathcal J$-invariant** if, for each $S \in \mathcal J$, the output $f(y)_S$ does not depend on the input $y_S$. Batson and Royer's argument takes four lines:
#
# 1. For a pixel $i \in S$, the value $f(y)_i$ depends only on pixels outside $S$, and hence not on $n_i$.
# 2. The noise has mean zero and is independent between pixels, so that $\mathbb E \, n_i (f(y)_i - x_i) = \mathbb E \, n_i \cdot \mathbb E (f(y)_i - x_i) = 0$.
# 3. Expand the square: $\mathbb E (f(y)_i - y_i)^2 = \mathbb E (f(y)_i - x_i)^2 + \mathbb E \, n_i^2$.
# 4. Sum over all pixels: $\mathbb E \|f(y) - y\|^2 = \mathbb E \|f(y) - x\|^2 + \mathbb E \|n\|^2$.
#
# The loss to $y$ *itself* is now the true error plus a constant, and $\sigma$ appears nowhere. The variance may even differ from pixel to pixel, as it does for photon noise.
#
# **The link to lesson 06.** An $f(y)_i$ that does not depend on $y_i$ has $\partial f_i / \partial y_i = 0$. The Jacobian $J$ of a $\mathcal J$-invariant function therefore has a zero diagonal, and its divergence is zero. Insert this into SURE, and the penalty vanishes:
#
# $$\mathrm{SURE}(y) = \tfrac1N \|f(y) - y\|^2 - \sigma^2 + \tfrac{2 \sigma^2}{N} \underbrace{\operatorname{tr} J}_{=\,0} .$$
#
# **$\mathcal J$-invariant means zero divergence, and that is SURE without its penalty.** (UNSURE of lesson 06 asks only that the *trace* vanishes in expectation; here each of its terms does, always.) The cost is that the best witness of $x_i$, the pixel itself, goes unused.
#
# Any denoiser can be made $\mathcal J$-invariant: hide every fourth pixel of every fourth row by putting the mean of its neighbours in its place, denoise, keep the result at the hidden pixels only, and repeat for all 16 such grids.


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
# Move the slider to let the 16 grids hide in turn. In the left image the hidden pixels are marked in red; in the middle image they show the mean of their neighbours, which is what the denoiser sees.
# On the right, the result grows as more grids are done.

# %%
window = y[..., 8:40, 20:52].clone()
guesses = [
    torch.where(grid(window, p), neighbour_mean(window), window) for p in range(16)
]
red = torch.tensor([1.0, 0, 0], device=device)[:, None, None]


def draw(grids_done):
    result = torch.zeros_like(window)
    for phase in range(grids_done):
        guess = non_local_means(guesses[phase], 0, reach=3, h=0.08)
        result = torch.where(grid(window, phase), guess, result)
    hidden = grid(window, grids_done - 1)
    return images_figure({
        "hidden": torch.where(hidden, red, window),
        "what f sees": guesses[grids_done - 1],
        "results so far": result,
    }, zoom=5)  # fmt: skip


alt = "A noisy window with a grid of hidden pixels, the same with the pixels filled "
alt += "in, and the result, which grows from one grid to all sixteen."
explore(draw, alt, grids_done=list(range(1, 17)), static={"grids_done": [1, 6, 16]})

# %% [markdown]
# Is it really blind? A row of the Jacobian answers that: it says how one output pixel reacts to each of the input pixels. We compute it for non-local means and for its blind version, at one pixel between the eyes.
#
# **Predict before you run.** What does the blind row look like in the middle? And where will the valley of the loss to $y$ lie, over the strengths of the blind version?


# %%
def nlm(y, h=0.08):
    return non_local_means(y, 0, h=h)


def jacobian_row(f, y, row, column):
    y = y.clone().requires_grad_()
    f(y)[0, 1, row, column].backward()
    return y.grad[:, 1:2, row - 7 : row + 8, column - 7 : column + 8]


rows = {
    name: jacobian_row(f, y, 24, 30)
    for name, f in {"non-local means": nlm, "blind version": blind(nlm)}.items()
}
for name, entries in rows.items():
    print(f"{name:16} reaction to its own pixel {entries[0, 0, 7, 7]:.4f}")
shown = {name: 0.5 + entries / 0.3 for name, entries in rows.items()}
alt = "Two rows of a Jacobian as images. Non-local means has a bright middle; in the "
alt += "blind version the middle is gray, which is zero, and its neighbours are bright."
show_images(shown, alt, zoom=14)

# %%
blinded = [blind(lambda y, h=h: nlm(y, h))(y) for h in strengths]
errors = [(f - x).square().mean().item() for f in blinded]
losses = [(f - y).square().mean().item() for f in blinded]
noise_power = (y - x).square().mean().item()
curves = {
    "error": (strengths, errors),
    "loss to y, minus |n|²/N": (strengths, [loss - noise_power for loss in losses]),
}
alt = "Two curves of the same shape, close together, with the same valley."
show_curves(curves, "h, blind version", "mean squared", alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In the middle of the blind row stands an exact zero, and the weight has moved to the neighbours. The two curves have the same shape and the same valley, so that the loss to $y$ can be trusted to choose $h$. (We subtracted the noise power $\|n\|^2/N$ of this draw to lay them over each other; a constant does not move the valley.)
# It is a common mistake to think that the loss must now be small for a good denoiser. It never falls below about $\sigma^2$, except by overfitting.
#
# </details>
#
# So a parameter of a classical denoiser can be **calibrated** on one noisy image, without the truth and without $\sigma$. Nothing above uses a noise level: our non-local means takes $h$ directly and subtracts nothing. The library's `calibrate` does just this, and its `blind` is the function above.

# %%
from dil_course.from_scratch import blind as library_blind
from dil_course.from_scratch import calibrate

same_blind = compare("blind", blind(nlm)(y), library_blind(nlm)(y))
chosen, _ = calibrate(nlm, y, strengths)
calibrated = blinded[strengths.index(chosen)]
print(f"chosen h: {chosen}, {psnr(calibrated, x):.2f} dB")
print(f"non-local means, true sigma: {psnr(non_local_means(y, sigma), x):.2f} dB")

# %% [markdown]
# The calibrated version is blind, and it loses some of the quality of non-local means with the true $\sigma$. In exchange, it needs no number from us. Do not carry $h$ over to the version that sees: in the two figures above, their valleys lie at different places.

# %% tags=["nbval-check-output"]
own = {name: entries[0, 0, 7, 7].item() for name, entries in rows.items()}
print("my blind version and the library's agree:", same_blind)
print(
    "the diagonal of the blind Jacobian is zero, that of the seeing one is not:",
    own["blind version"] == 0 and own["non-local means"] > 0.02,
)
offsets = [loss - error for loss, error in zip(losses, errors)]
print(
    "loss minus error is the noise power, to a tenth of it, for every h:",
    max(abs(offset - noise_power) for offset in offsets) < noise_power / 10,
)
print(
    "the calibrated h loses less than two tenths of a decibel to the best blind one:",
    psnr(calibrated, x) > max(psnr(f, x) for f in blinded) - 0.2,
)

# %% [markdown]
# ## 3. Noise2Self: the same for a network
#
# Take the blind loss as a training loss. At each iteration hide one of the grids, and judge the network **at the hidden pixels only**.
# One of the 16 grids is never used for training. It is our **validation set**: its error says when to stop.


# %%
def fit(y, network, iterations, everywhere=False, seed=0):
    generator = runtime.generator(seed, "grids", y.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    neighbours = estimate = neighbour_mean(y)
    for iteration in range(1, iterations + 1):
        phase = torch.randint(15, (), generator=generator, device=y.device)
        hidden = grid(y, int(phase))
        output = network(torch.where(hidden, neighbours, y))
        judged = torch.ones_like(hidden) if everywhere else hidden
        loss = torch.sum(judged * (output - y) ** 2) / (3 * judged.sum())
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
# The estimate is a mosaic: each grid is replaced only when it is drawn, and the validation grid every 16 iterations. Hence the early PSNR climbs like a staircase, and single estimates show faint dots in the rhythm of the grids.
#
# Now let it run for too long, on a window of a cup of coffee. `stop_by_eye` (lesson 03) shows the image without any curve, and lets the rule `HeldOut` compete with you. `noting` records the squared error at the training pixels and at the validation pixels.
#
# **Predict before you run.** The network has more than five weights for each of the 12,288 values of the image. Can it memorise the noise, even though every pixel it is scored on was hidden? Which of the two errors will show it?

# %%
from dil_course.fitting import stop_by_eye
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import held_out, noise2self

cup = picture("coffee", side=64).to(device)
cup_noisy = add_gaussian(cup, sigma, seed=0)
iterations, notes = runtime.pick(quick=600, full=1500), []


def noting(steps):
    last = grid(cup_noisy, 15).expand_as(cup)
    for step in steps:
        squared = (step.estimate - cup_noisy) ** 2 / sigma**2
        quality = psnr(step.estimate, cup)
        notes.append(
            (squared[~last].mean().item(), squared[last].mean().item(), quality)
        )
        yield step


steps = noting(fit(cup_noisy, network(), iterations))
rules = {"validation grid": HeldOut(cup_noisy, held_out(cup_noisy), patience=100)}
choice = await stop_by_eye(steps, truth=cup, rules=rules)

# %%
training, validation, quality = zip(*notes)
at = list(range(1, iterations + 1))
curves = {"training pixels": (at, training), "validation pixels": (at, validation)}
curves["noise"] = ([1, iterations], [1, 1])
alt = (
    "Squared error to y over iterations: at the training pixels it keeps falling, far "
)
alt += "below the noise; at the validation pixels it levels off and rises slightly."
labels = "iteration", "squared error to y / sigma²"
show_curves(curves, *labels, alt, x_range=(20, iterations), y_range=(0.4, 1.6))
alt = "PSNR of single outputs: it rises, stays, and falls by several decibels."
curves = {"single outputs": (at, quality)}
axes = dict(x_range=(20, iterations), y_range=(19, 31))
show_curves(curves, "iteration", "PSNR (dB)", alt, **axes)

# %% [markdown]
# <details><summary>Answer</summary>
#
# It can. The error at the training pixels falls below the noise power, which no honest prediction can do, while the validation error stops falling; the PSNR drops by several decibels. The usual argument, "each pixel was hidden, so its noise cannot be learned", holds for a fixed $f$ and fails for a trained one.
# Over many iterations the network learns which neighbourhood belongs to which pixel, and it memorises each pixel's noise as an answer to that neighbourhood. That is ordinary **overfitting**.
#
# </details>
#
# The rule needs neither $\sigma$ nor the truth. It judges by one pixel in 16. Each of its errors is therefore unbiased, up to the constant, but noisy, so that the least of them may lie somewhat early or late; here it lost what the figure above shows.
#
# **The identity trap again.** Now keep the mask on the input, but judge *all* pixels. Then 15 of 16 targets stand in the input, ready to be copied.
#
# **Predict before you run.** What will this network return for the whole $y$, and what will its loss be?

# %%
trapped, losses_all = network(), []
for step in fit(y, trapped, runtime.pick(quick=250, full=600), everywhere=True):
    losses_all.append(step.loss.item() / sigma**2)
with torch.no_grad():
    copied = trapped(y)
print(
    f"loss {losses_all[-1]:.2f} sigma²; output for y {psnr(copied, x):.1f} dB;", end=""
)
print(f" y itself {psnr(y, x):.1f} dB")
mine = run(fit(y, network(), 20)).estimate
theirs = run(noise2self(y, network=network(), iterations=20, fast=False)).estimate
same_fit = compare("after 20 iterations", mine, theirs)

# %% [markdown]
# <details><summary>Answer</summary>
#
# It returns almost $y$, and its loss is far below the noise power. A mask on the input protects nothing where the loss looks at pixels that the network sees. In code, this is a forgotten index, and the low loss makes it look like a success.
#
# </details>
#
# **Noise2Void** is the older sister of Noise2Self: it hides 1.5 % of the pixels at random places, and puts the value of a random *other* pixel nearby in each. If the pixel itself may be drawn, the trap is open again.

# %% tags=["nbval-check-output"]
ends = {who: decibels for who, (_, decibels) in choice.stops.items()}
print("my Noise2Self and the library's agree:", same_fit)
print(
    "the network memorises: its training error falls to four fifths of the noise:",
    min(training[-50:]) < 0.8,
)
print("its validation error does not:", min(validation[-50:]) > 0.9)
print(
    "the end of the run is at least 2 dB below the oracle:",
    ends["the end of the run"] < ends["the oracle"] - 2,
)
print(
    "the validation grid stops within 1 dB of the oracle:",
    ends["validation grid"] > ends["the oracle"] - 1,
)
print(
    "judged at pixels that it sees, the network ends within 3 dB of y:",
    psnr(copied, x) < psnr(y, x) + 3 and losses_all[-1] < 0.7,
)

# %% [markdown]
# ## 4. Split the image: two small ones out of one
#
# Neighbouring pixels show nearly the same thing, with independent noise. So split each cell of 2 × 2 pixels into its two diagonals:
#
# $$D_1 y = \tfrac12 (\text{upper right} + \text{lower left}) , \qquad D_2 y = \tfrac12 (\text{upper left} + \text{lower right}) .$$
#
# These are two small images of nearly one scene, with independent noise: a pair for Noise2Noise. **Zero-Shot Noise2Noise** trains a tiny network on them, which predicts the noise, $f(y) = y - \text{network}(y)$. A second loss asks for consistency, $f(D y) \approx D f(y)$, because otherwise the network would have seen small images only.


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
    return (residual + consistency) / 2


def tiny_network(width=48):
    with runtime.seeded(0):
        return nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 3, 1),
        ).to(device)


# %% [markdown]
# **Predict before you run.** How far can this network see, that is, how large is its **receptive field**, the set of input pixels that one output pixel depends on?

# %%
from dil_course.from_scratch import zero_shot_noise2noise

probe = y.clone().requires_grad_()
tiny_network()(probe)[..., 30, 30].sum().backward()
reached = probe.grad.abs().sum((0, 1)) > 0
field = tuple(int(reached.any(side).sum()) for side in (1, 0))
print(f"receptive field: {field[0]} x {field[1]} pixels;", end=" ")
print("weights:", sum(weights.numel() for weights in tiny_network().parameters()))
first = next(iter(zero_shot_noise2noise(y, network=tiny_network(), fast=False)))
same_loss = compare("first loss", zero_shot_loss(tiny_network(), y), first.loss)
iterations = runtime.pick(quick=300, full=2000)
steps = zero_shot_noise2noise(y, network=tiny_network(), iterations=iterations)
zero_shot = await watch(steps, truth=x, observed=y)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The receptive field is 5 × 5: each of the two 3 × 3 convolutions adds one pixel in each direction, and the 1 × 1 convolution adds none. A common answer is 7 × 7, from three layers.
#
# </details>
#
# A network of 22,275 weights that sees two pixels in each direction overfits slowly, which is why this method can do without a stopping rule for a while. It also cannot average over large flat areas, which limits it where the noise is strong.
#
# Two relatives split differently. **Neighbor2Neighbor** draws two adjacent pixels of each cell at random, and **Noise2Fast** takes the black and the white fields of a chequerboard.
#
# ## 5. Add noise: Recorrupted-to-Recorrupted
#
# The third way needs $\sigma$. Draw noise $z$ with standard deviation $\tau$, ideally $\tau = \sigma$, and make the pair
#
# $$\text{in: } y + \alpha z , \qquad \text{target: } y - z / \alpha .$$
#
# Their noises $n + \alpha z$ and $n - z/\alpha$ have covariance $\sigma^2 - \tau^2$, which is zero if $\tau = \sigma$; for jointly Gaussian variables, as here, that means independent. The idea works for any known covariance of the noise, since $z$ only has to have the same.
# It is not free. The loss is about $f(y + \alpha z)$ and not about $f(y)$, and the target's noise has variance $(1 + 1/\alpha^2)\sigma^2$, which for $\alpha = 1/2$ is $5\sigma^2$: a smaller $\alpha$ spares the input and spoils the target. A fresh $z$ is drawn at each iteration, and the estimate is the running average of the outputs $f(y + \alpha z)$.
#
# **What does a wrong $\tau$ do?** Where the image contributes nothing, the best linear prediction of the target's noise from the input's noise has the slope covariance over variance:
#
# $$k = \frac{\sigma^2 - \tau^2}{\sigma^2 + \alpha^2 \tau^2} .$$
#
# After averaging over $z$, the estimate should keep $k \, n$. The numerator is the one that a wrong $\sigma$ leaves in SURE (lesson 06).
# At a frequency where the image has the power $P$, the same computation gives $(P + \sigma^2 - \tau^2) / (P + \sigma^2 + \alpha^2 \tau^2)$, which approaches 1. So we measure the slope at high frequencies, where photographs have little power.
#
# **Predict before you run.** Compute $k$ for $\tau = \sigma/2$, $\sigma$ and $2\sigma$ with $\alpha = 1/2$. What does a negative $k$ look like?

# %%
from dil_course.from_scratch import recorrupted2recorrupted
from dil_course.from_scratch.self_supervised.noise2noise import recorrupt

factors, alpha = (0.5, 0.75, 1, 1.5, 2), 0.5
iterations = runtime.pick(quick=200, full=800)
frequency = torch.fft.fftfreq(64, device=device)
high = torch.hypot(frequency[:, None], frequency[None]) > 0.35


def kept_noise(estimate):
    """Slope of the estimate's error on the noise of y, at high frequencies."""
    error, noise = (torch.fft.fft2(a - x)[..., high] for a in (estimate, y))
    return ((error * noise.conj()).real.sum() / noise.abs().square().sum()).item()


def law(factor):
    return (1 - factor**2) / (1 + alpha**2 * factor**2)


# %%
recorrupted, covariances = {}, {}
for factor in factors:
    tau = factor * sigma
    z = tau * torch.randn(y.shape, generator=runtime.generator(0, "z")).to(y)
    source, target = recorrupt(y, z, alpha)
    covariances[factor] = ((source - x) * (target - x)).mean().item() / sigma**2
    steps = recorrupted2recorrupted(y, tau, network=network(), iterations=iterations)
    recorrupted[factor] = run(steps).estimate
    print(
        f"tau = {factor:4} sigma: covariance {covariances[factor]:+.2f} sigma²", end=""
    )
    print(
        f" ({1 - factor**2:+.2f}); noise kept {kept_noise(recorrupted[factor]):+.2f}",
        end="",
    )
    print(f" (law {law(factor):+.2f}); {psnr(recorrupted[factor], x):.1f} dB")
fine = [0.25 + 0.05 * i for i in range(41)]
measured = [kept_noise(z) for z in recorrupted.values()]
curves = {"law": (fine, [law(f) for f in fine]), "measured": (factors, measured)}
alt = "The slope k over tau / sigma: the law falls from 0.9 through zero at one to "
alt += "minus two; the measured values follow it, and lag behind where it is negative."
show_curves(curves, "tau / sigma", "k, share of the noise kept", alt)
shown = {f"tau = {f} sigma": recorrupted[f] for f in (0.5, 1, 2)}
alt = "A face: with the noise left in, clean, and with noise of opposite sign."
show({"y": y} | shown, alt, crop=(20, 14, 28))

# %% [markdown]
# <details><summary>Answer</summary>
#
# $k$ is $+0.71$, $0$ and $-1.5$. With $\tau$ too small, the target contains a part of the input's noise, and the estimate keeps the share that the law predicts. With $\tau$ too large, the two noises are negatively correlated: the loss rewards the *opposite* of the noise, so that bright specks turn dark. The result is not too smooth, as people expect from "too much noise assumed"; it has a pattern of its own, with fine detail inverted along with the noise.
#
# </details>
#
# For $\tau \le \sigma$ the measured slopes lie close to the law. For $\tau > \sigma$ they have its sign but only a part of its size. Two causes offer themselves, which this run does not separate: the image has some power $P$ even at high frequencies, and a short run of a smooth network may not reach a filter that inverts high frequencies and passes low ones.

# %% tags=["nbval-check-output"]
note_if_stopped(zero_shot)
slopes = dict(zip(factors, measured))
print("my zero-shot loss and the library's agree:", same_loss)
print("the receptive field is 5 x 5:", field == (5, 5))
print(
    "Zero-Shot Noise2Noise gains 5 dB or more:",
    psnr(zero_shot.estimate, x) > psnr(y, x) + 5,
)
print(
    "the covariances are sigma² - tau², to a tenth of sigma²:",
    all(abs(covariances[f] - 1 + f**2) < 0.1 * max(1, f**2) for f in factors),
)
print(
    "for tau up to sigma, the noise kept is that of the law, to an eighth:",
    all(abs(slopes[f] - law(f)) < 1 / 8 for f in (0.5, 0.75, 1)),
)
print(
    "for tau above sigma it is negative, below minus a quarter:",
    max(slopes[1.5], slopes[2]) < -0.25,
)
print(
    "half of sigma and twice sigma each cost 4 dB or more:",
    psnr(recorrupted[1], x)
    > 4 + max(psnr(recorrupted[0.5], x), psnr(recorrupted[2], x)),
)

# %% [markdown]
# ## 6. Self2Self: drop, forget, and average
#
# **Self2Self** keeps each value of $y$ with probability 0.7 and judges the network on the others. Its network has **dropout**: it also forgets 30 % of the activations in its decoder at random. Each mask and each dropout gives another output, and the result is their mean, an **ensemble**.
# (Partial convolutions, which rescale by the number of known values in the window, complete the method; in short runs of ours they made no difference.)
#
# Write the error of one output as bias plus a random part with variance $v$. Then the mean of $m$ independent outputs has the error $\text{bias}^2 + v/m$: the ensemble removes variance, and leaves the bias. (We measure both with the truth.)
#
# **Predict before you run.** How does the PSNR grow from $m = 1$ to $m = 64$? And what happens when mask and dropout are both removed?

# %%
from dil_course.from_scratch import self2self
from dil_course.networks import PartialUNet


def forgetful(dropout=0.3):
    with runtime.seeded(0):
        return PartialUNet(3, 16, scales=2, dropout=dropout).to(device)


settings = dict(iterations=runtime.pick(quick=350, full=5000), learning_rate=2e-3)
whole, bare = forgetful(), forgetful(dropout=0)
runs = {
    "Self2Self": run(self2self(y, network=whole, **settings), truth=x),
    "no mask, no dropout": run(self2self(y, network=bare, keep=1, **settings), truth=x),
}
generator, outputs = runtime.generator(5, "kept"), []
with torch.no_grad():
    for _ in range(64):
        kept = (torch.rand(y.shape, generator=generator) < 0.7).to(y)
        outputs.append(whole(y * kept, kept, generator))
outputs = torch.stack(outputs)

# %%
variance = outputs.var(0).mean().item()
squared_bias = (outputs.mean(0) - x).square().mean().item() - variance / 64
sizes = (1, 2, 4, 8, 16, 32, 64)
found = [psnr(outputs[:m].mean(0), x) for m in sizes]
predicted = [-10 * np.log10(squared_bias + variance / m) for m in sizes]
curves = {"measured": (sizes, found), "bias² + v/m": (sizes, predicted)}
alt = (
    "PSNR over the size of the ensemble: both curves rise steeply at first, and level "
)
alt += "off after about sixteen outputs."
show_curves(curves, "outputs in the mean, m", "PSNR (dB)", alt, log_x=True)
curves = {
    name: (r.history["iteration"], r.history["psnr_average"])
    for name, r in runs.items()
}
alt = "PSNR of the average over iterations: Self2Self rises to the end; without mask "
alt += "and dropout the curve peaks higher, but early, and falls far below."
show_curves(curves, "iteration", "PSNR of the average (dB)", alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The first few outputs bring most of the gain, because $v/m$ falls fast; after sixteen or so the bias is all that is left. People expect 64 outputs to be far better than 16.
# Without mask and dropout, the network is fed every pixel and judged at every pixel, so that it falls into the identity trap: the curve peaks early and comes down towards the noisy image.
#
# </details>
#
# The bare network's *peak* is higher than the end of our Self2Self run, but that peak must be found, with the truth or by a stopping rule (lesson 05). What mask and dropout buy here is a run that needs no stopping at this length.
# Our run is short. It shows the ensemble and the trap, and it does not show which part a long run needs: the library's full setting is the 150,000 iterations of the authors' code, which take hours.

# %% tags=["nbval-check-output"]
gap = max(abs(a - b) for a, b in zip(found, predicted))
bare_curve = runs["no mask, no dropout"].history["psnr_average"]
print("the ensemble's PSNR follows bias² + v/m to three tenths of a dB:", gap < 0.3)
print("64 outputs are worth more than a decibel:", found[-1] > found[0] + 1)
print(
    "without mask and dropout, the run falls by 3 dB or more:",
    max(bare_curve) - bare_curve[-1] > 3,
)

# %% [markdown]
# ## 7. Nine methods, and what each of them assumes
#
# All of them compare the output with something noisy. For each method, the left grid shows what goes in, and the right grid shows which pixels the output is compared with.

# %%
kinds = {
    "y": ("a pixel of y", 0),
    "2": ("a pixel of a second image", 2),
    "m": ("hidden: shows the mean of its neighbours", 3),
    "s": ("hidden: shows another pixel nearby", 3),
    "0": ("dropped", 1),
    "+": ("y + alpha z", 4),
    "-": ("y - z / alpha", 4),
    ".": ("not used", None),
}

# %% [markdown]
# Noise2Void and Self2Self draw their pixels at random; the grids show one draw.

# %%
full = " ".join(["yyyyyy"] * 6)
fields, others = (" ".join([two] * 3) for two in ("y.y.y. .y.y.y", ".y.y.y y.y.y."))
pairs = {
    "Noise2Noise": (full, full.replace("y", "2")),
    "Noise2Void": (
        "yyyyyy yysyyy yyyyyy yyyyyy yyyysy yyyyyy",
        "...... ..y... ...... ...... ....y. ......",
    ),
    "Noise2Self": (
        "yyyyyy ymyyym yyyyyy yyyyyy yyyyyy ymyyym",
        "...... .y...y ...... ...... ...... .y...y",
    ),
    "Self2Self": (
        "yy0yyy 0yyy0y yyyyy0 y0yyyy yyy0y0 0yyyyy",
        "..y... y...y. .....y .y.... ...y.y y.....",
    ),
    "Neighbor2Neighbor": (
        "y..y.. ....y. y....y ..y... .y.... ...yy.",
        ".y..y. ...y.. ..y.y. y..... ....y. .yy...",
    ),
    "Zero-Shot N2N": (others, fields),
    "Noise2Fast": (fields, others),
    "Recorrupted": (full.replace("y", "+"), full.replace("y", "-")),
    "SURE, plus penalty": (full, full),
}  # fmt: skip
alt = "For nine methods, a grid of what goes in and a grid of what is judged: a second "
alt += "image, hidden pixels, other pixels of each cell, or the image with added noise."
show_pairs(pairs, kinds, alt)

# %% [markdown]
# Zero-Shot Noise2Noise averages the two pixels of a diagonal in each cell, whereas Noise2Fast squeezes the fields together as they are, so that the same grids mean different inputs.
#
# | method | independence that it uses | needs $\sigma$? |
# | --- | --- | --- |
# | Noise2Noise | between two images | no |
# | Noise2Void, Noise2Self, Self2Self | between pixels | no |
# | Neighbor2Neighbor, Zero-Shot Noise2Noise, Noise2Fast | between pixels, and an image that changes slowly | no |
# | Recorrupted-to-Recorrupted | between $n + \alpha z$ and $n - z/\alpha$: Gaussian noise of known covariance | yes |
# | SURE (lesson 06) | none: Gaussian noise of known covariance | yes |
#
# All of them also need noise of mean zero. With known covariance we mean that the last two can be adapted to correlated noise; as built here, both assume white noise.
#
# Now take noise that neighbours *share*: white noise, slightly blurred, as it arises where a camera interpolates colours. It has the same $\sigma$ in each pixel. The slider sets the width of the blur.

# %%
gray = torch.full((1, 1, 64, 64), 0.5)


def draw(blur_width):
    kernel = gaussian_kernel(9, blur_width) if blur_width else torch.ones(1, 1)
    noise = add_correlated(gray, sigma, kernel) - gray
    shifts = list(range(6))
    power = noise.square().mean()
    found = [(noise * noise.roll(s, -1)).mean() / power for s in shifts]
    curves = {"autocorrelation": (shifts, [float(value) for value in found])}
    return curves_figure(curves, "shift (pixels)", "correlation", y_range=(-0.2, 1.05))


alt = "Autocorrelation of the noise for three widths of the blur: a single peak at "
alt += "shift zero without blur, and positive values at one and two pixels with blur."
widths = [0, 0.3, 0.5, 0.7, 1.0, 1.5]
explore(draw, alt, blur_width=widths, static={"blur_width": [0, 0.7, 1.5]})

# %% [markdown]
# We take a width of 0.7 pixels. The classical baselines get every advantage: non-local means and BM3D get the true $\sigma$, and BM3D is also run with the true *spectrum* of the noise. The calibrated non-local means gets no number. For two images, BM3D gets their mean, with half of the variance or half of the spectrum.

# %%
import bm3d

from dil_course.from_scratch import dip_sure, neighbor2neighbor, noise2fast, noise2void

np.trapz = np.trapezoid  # bm3d calls it by the name that it had before NumPy 2
kernels = {"white": torch.ones(1, 1), "shared": gaussian_kernel(5, 0.7)}


def block_matching(y, level):
    array = bm3d.bm3d_rgb(y[0].permute(1, 2, 0).cpu().numpy(), level)
    return torch.from_numpy(array).permute(2, 0, 1)[None].to(y)


def spectrum(kernel):
    power = torch.fft.fft2(kernel / kernel.norm(), s=(64, 64)).abs().square()
    return (sigma**2 * 64 * 64 * power)[..., None].numpy()


def classical(y, y2, kernel):
    h, _ = calibrate(nlm, y, strengths[1:6])
    mean, power = (y + y2) / 2, spectrum(kernel)
    return {
        "(y + y2) / 2": mean,
        "NLM, calibrated": library_blind(lambda y: nlm(y, h))(y),
        "NLM, true sigma": non_local_means(y, sigma),
        "BM3D, true sigma": block_matching(y, sigma),
        "BM3D, true spectrum": block_matching(y, power),
        "BM3D of the mean, sigma": block_matching(mean, sigma / 2**0.5),
        "BM3D of the mean, spectrum": block_matching(mean, power / 2),
    }


# %% [markdown]
# **Predict before you run.** Which methods survive when neighbours share the noise?

# %%
quick = runtime.profile() == "quick"
few, some, many = (100, 200, 300) if quick else (300, 800, 2000)
methods = {
    "Noise2Noise": lambda y, y2: noise2noise(y, y2, iterations=some),
    "Noise2Void": lambda y, y2: noise2void(y, iterations=many),
    "Noise2Self": lambda y, y2: noise2self(y, iterations=some),
    "Self2Self": lambda y, y2: self2self(y, network=forgetful(), **settings),
    "Neighbor2Neighbor": lambda y, y2: neighbor2neighbor(y, iterations=few),
    "Zero-Shot N2N": lambda y, y2: zero_shot_noise2noise(y, iterations=many),
    "Noise2Fast": lambda y, y2: noise2fast(y, iterations=many),
    "Recorrupted": lambda y, y2: recorrupted2recorrupted(y, sigma, iterations=some),
    "SURE": lambda y, y2: dip_sure(y, sigma, iterations=many),
}  # fmt: skip
noisy, results, seconds = {}, {}, {}
for kind, kernel in kernels.items():
    noisy[kind], second = (add_correlated(x, sigma, kernel, seed=s) for s in (0, 100))
    results[kind] = classical(noisy[kind], second, kernel)
    for name, method in methods.items():
        started = time.perf_counter()
        results[kind][name] = run(method(noisy[kind], second)).estimate
        seconds[name] = time.perf_counter() - started

# %%
gains = {
    kind: {name: psnr(z, x) - psnr(noisy[kind], x) for name, z in made.items()}
    for kind, made in results.items()
}
print("one run, gain over y in dB  white  shared")
for name in results["white"]:
    print(f"{name:26}{gains['white'][name]:7.1f}{gains['shared'][name]:8.1f}")
print("seconds:", ", ".join(f"{name} {spent:.0f}" for name, spent in seconds.items()))

# %% [markdown]
# The nine estimates for each kind of noise:

# %%
for kind, made in results.items():
    alt = f"{kind} noise: the noisy face and the estimates of nine methods. "
    if kind == "white":
        alt += "All are much cleaner than y; Self2Self is the smoothest."
    else:
        alt += "Most of them still show the noise; Noise2Noise is far cleaner, and "
        alt += "SURE has a pattern like a chequerboard."
    shown = {f"y, {kind} noise": noisy[kind]} | {name: made[name] for name in methods}
    show(shown, alt, columns=5, zoom=3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Nothing keeps its whole gain: blurred noise has its power at low frequencies, where the image has its own, so that even BM3D with the true spectrum loses some decibels.
# Of the nine methods, only Noise2Noise survives by its assumption, because its two noises are still independent of each other. In expectation, the correlation inside one image does not matter to it; on one pair it still costs several decibels, since smooth noise is harder to tell from an image.
# The methods that hide or split pixels lose most of their gain: neighbouring pixels now carry information about each other's noise, so that the network can predict the noise, and does. The calibrated non-local means hides pixels, too, and is misled in the same way. Even BM3D with $\sigma$ alone loses more than half of its gain.
# SURE and Recorrupted-to-Recorrupted fail as well, since their formulae assume white noise; here SURE ends below $y$ itself, with a pattern like a chequerboard.
#
# </details>
#
# Noise2Noise is not the best that two images can give. BM3D of their mean is ahead of it where it gets the true spectrum, for white noise as for shared noise; with $\sigma$ alone, it has no such lead under shared noise. The advantage of Noise2Noise is that it needs to know nothing about the noise.
#
# Self2Self seems to survive, too. That is not because its assumption holds: its run is so short that it has not learned fine detail yet, neither the image's nor the noise's. In a longer run with shared noise it peaked and then lost 1.8 dB (`benchmarks/RESULTS.md`).
#
# The table is **one run on one image**. Differences of a few tenths of a decibel in it rank nothing, and several methods would gain from more iterations. `benchmarks/RESULTS.md` has the comparison over three images and three seeds, with its command: in white noise, BM3D is ahead of every method with one image, and the order of the methods without $\sigma$ changes with the image.
# Where noise is shared, look for an independence that is left: between exposures, between distant pixels, between colours.

# %% tags=["nbval-check-output"]
splitting = (
    "Noise2Void",
    "Noise2Self",
    "Neighbor2Neighbor",
    "Zero-Shot N2N",
    "Noise2Fast",
)
print(
    "white noise: every one of the nine methods gains 3 dB or more:",
    min(gains["white"][name] for name in methods) > 3,
)
print(
    "shared noise: those that hide or split pixels, Recorrupted and SURE lose more "
    "than half:",
    all(
        gains["shared"][name] < gains["white"][name] / 2
        for name in (*splitting, "Recorrupted", "SURE")
    ),
)
print(
    "shared noise: Noise2Noise gains 1 dB or more over the mean of its two images:",
    gains["shared"]["Noise2Noise"] > gains["shared"]["(y + y2) / 2"] + 1,
)
print(
    "shared noise: BM3D of that mean, with the true spectrum, gains still more:",
    gains["shared"]["BM3D of the mean, spectrum"] > gains["shared"]["Noise2Noise"],
)
print(
    "white noise: BM3D beats all that have one image and no sigma:",
    gains["white"]["BM3D, true sigma"]
    > max(
        gains["white"][name] for name in (*splitting, "Self2Self", "NLM, calibrated")
    ),
)

# %% [markdown]
# ## 8. Which one for your image?
#
# Two numbers decide, and neither needs the truth.
#
# 1. **Two estimates of $\sigma$.** `estimate_sigma` (lesson 06) looks at differences of adjacent pixels, in which shared noise cancels. On every second pixel of every second row, the noise is nearly white again. If the second estimate is much larger than the first, neighbours share the noise, or the image is full of fine texture.
# 2. **The autocorrelation of what was removed.** Denoise by non-local means with the larger estimate, and correlate the residual with itself, shifted by one pixel. White noise gives nearly 0, shared noise far more.

# %%
import ipywidgets

from dil_course.signals import estimate_sigma, load_image, uploaded

if "upload" not in globals():
    upload = ipywidgets.FileUpload(
        accept="image/*", multiple=False, description="Choose a picture"
    )  # fmt: skip
upload


# %%
def deciding_numbers(y):
    sigmas = estimate_sigma(y), estimate_sigma(y[..., ::2, ::2])
    removed = y - non_local_means(y, max(*sigmas, 1 / 255))
    removed = removed - removed.mean((2, 3), keepdim=True)
    shifted = [(removed * removed.roll(1, axis)).mean() for axis in (2, 3)]
    return *sigmas, (sum(shifted) / 2 / removed.square().mean()).item()


chosen_file = uploaded(upload)
images = {f"face, {kind} noise": z for kind, z in noisy.items()}
if chosen_file:
    own_image = load_image(chosen_file[1], max_side=192).to(device)
    images = {chosen_file[0]: own_image} | images
else:
    print("no image was chosen")
numbers = {name: deciding_numbers(z) for name, z in images.items()}
for name, (fine_sigma, coarse_sigma, correlation) in numbers.items():
    print(f"{name}: sigma {255 * fine_sigma:.0f}/255, on every second pixel", end=" ")
    print(f"{255 * coarse_sigma:.0f}/255; removed: correlation {correlation:+.2f}")

# %% [markdown]
# Noise2Self restores the first of these images, with the validation grid as the judge:

# %%
first_name, first_image = next(iter(images.items()))
stop = HeldOut(first_image, held_out(first_image), patience=100)
steps = noise2self(first_image, iterations=runtime.pick(quick=200, full=1000))
own_result = await watch(steps, observed=first_image, stop=stop)

# %% [markdown]
# The numbers are a rule of thumb. For white and for shared noise on five photographs, they separate the two clearly (`benchmarks/RESULTS.md`); on grass they do not, because its fine texture is itself correlated, and much of it ends in the residual.
#
# If the correlation is near zero (below 0.1 or so), choose among the following:
#
# - **You know $\sigma$, or trust its estimate, and the noise is white and Gaussian:** BM3D first, which takes seconds. In the tables for white noise of `benchmarks/RESULTS.md` it beats every method that has one image. Among the networks, Recorrupted-to-Recorrupted and SURE lead, but both can overfit a single image: at $\sigma = 50/255$ and with many iterations, Recorrupted-to-Recorrupted and Noise2Noise end decibels below their own short runs. A small network delays the overfitting of SURE, but does not abolish it (lesson 06).
# - **You do not know $\sigma$, or it varies over the image:** Noise2Self, since its validation set says when to stop and how large the error is, up to the constant $\sigma^2$; or Zero-Shot Noise2Noise, whose tiny network is the protection. Which one of them is better depends on image and noise; at $\sigma = 50/255$ non-local means with the true $\sigma$ beats some of them.
# - **You can spare one second of computing:** a classical denoiser, calibrated by its blind version.
#
# If the correlation is large, all of these will leave noise in the image. Take **a second exposure** and use Noise2Noise, or, if you know the spectrum of the noise, give it to BM3D, with the mean of the exposures. With one image and no spectrum, shrink the image until its noise is white.

# %% tags=["nbval-check-output"]
note_if_stopped(own_result)
white_numbers, shared_numbers = (
    numbers[f"face, {kind} noise"] for kind in ("white", "shared")
)
print(
    "white noise: both estimates of sigma are right to a tenth:",
    all(abs(s / sigma - 1) < 0.1 for s in white_numbers[:2]),
)
print(
    "shared noise: the first estimate is less than two thirds of the second:",
    shared_numbers[0] < shared_numbers[1] * 2 / 3,
)
print(
    "what was removed correlates by less than a tenth, and over a quarter if shared:",
    abs(white_numbers[2]) < 0.1 and shared_numbers[2] > 0.25,
)

# %% [markdown]
# ## Quiz
#
# Choose an answer to each question and open it, by a click or with *Tab* and *Enter*. Below it stands whether it is right, and why. The other answers are worth opening, too.
#
# **1.** A network learns to predict a second exposure from a first one. The noise of both is independent, but the second exposure is brighter by 0.1 everywhere. What is its output?
#
# <details><summary>A. Clean, and brighter by about 0.1</summary>
#
# **Right.** The best prediction under a squared loss is the conditional mean of the target. Noise of mean zero drops out of it, and a constant stays.
#
# </details>
# <details><summary>B. Clean, and of the right brightness</summary>
#
# **Wrong.** The brightness of the target can be predicted from the first exposure, so that the network learns it. Only what cannot be predicted drops out.
#
# </details>
# <details><summary>C. Noisy, because its targets are noisy</summary>
#
# **Wrong.** The noise of the target is independent of the input, so that the best prediction contains none of it, as long as the network does not memorise.
#
# </details>
# <details><summary>D. Noisy in the bright parts of the image only</summary>
#
# **Wrong.** A constant does not turn into noise. The network adds it as it adds everything else that is predictable.
#
# </details>
# <br>
#
# **2.** Somebody hides every sixteenth pixel from the network, but computes the loss over all pixels. The loss becomes very small. What has happened?
#
# <details><summary>A. The mask was too sparse, and hiding every fourth pixel would be enough.</summary>
#
# **Wrong.** Then three of four targets would still stand in the input. What has to change is where the loss looks.
#
# </details>
# <details><summary>B. The network copies the pixels that it sees, and hardly denoises at all.</summary>
#
# **Right.** At fifteen of sixteen pixels the target stands in the input. A mask protects only if the loss is confined to the hidden pixels.
#
# </details>
# <details><summary>C. The network denoises well, because a small loss is what was aimed at.</summary>
#
# **Wrong.** For an honest prediction the loss cannot fall below about the noise power. A very small loss is a warning here.
#
# </details>
# <details><summary>D. The network has overfitted, so that it should be stopped sooner.</summary>
#
# **Wrong.** An earlier stop does not help. The loss asks for the identity from the first iteration on.
#
# </details>
# <br>
#
# **3.** In a long run of Noise2Self, the error at the hidden training pixels falls to 0.6 σ². What does this tell you?
#
# <details><summary>A. It has become very good, because its true error must be below 0.6 σ².</summary>
#
# **Wrong.** The true error is not a part of this number any more, because the independence of prediction and noise has been lost.
#
# </details>
# <details><summary>B. It has memorised noise, since no honest prediction has an error below σ².</summary>
#
# **Right.** The error to the noisy pixel is the true error plus the noise power. Over many iterations a network can learn which neighbourhood belongs to which noise value.
#
# </details>
# <details><summary>C. The noise level was assumed too large, and the true one is lower.</summary>
#
# **Wrong.** Noise2Self assumes no noise level. The validation pixels, which were never trained on, would show that the noise has not become smaller.
#
# </details>
# <details><summary>D. This is impossible, because each pixel was hidden when it was judged.</summary>
#
# **Wrong.** That argument holds for a *fixed* function. A trained one has seen the same pixel as a target in earlier iterations.
#
# </details>
# <br>
#
# **4.** In your images neighbouring pixels share their noise. You can take as many exposures as you like. Which method keeps its assumption?
#
# <details><summary>A. Noise2Noise between two exposures</summary>
#
# **Right.** The noise of one exposure is independent of that of another, whatever its correlation within an exposure is.
#
# </details>
# <details><summary>B. Noise2Self with a finer grid of hidden pixels</summary>
#
# **Wrong.** The neighbours of a hidden pixel still carry information about its noise, whichever grid is used.
#
# </details>
# <details><summary>C. SURE with the true standard deviation</summary>
#
# **Wrong.** The formula as built here assumes white noise. It would need the covariance, and not only the standard deviation.
#
# </details>
# <details><summary>D. Zero-Shot Noise2Noise on the two diagonals</summary>
#
# **Wrong.** The two diagonals consist of adjacent pixels, and these share their noise.
#
# </details>
# <br>
#
# **5.** "With two exposures, Noise2Noise reaches 1 dB more than BM3D does with one of them." What would be a fair opponent?
#
# <details><summary>A. BM3D of the better of the two exposures</summary>
#
# **Wrong.** Neither exposure is better by more than chance. Their mean has half of the variance, and this is what the opponent lacks.
#
# </details>
# <details><summary>B. BM3D of the mean of both exposures</summary>
#
# **Right.** Both methods then have the same data. In section 7 this opponent was ahead of Noise2Noise under white noise.
#
# </details>
# <details><summary>C. BM3D with its parameters tuned on the truth</summary>
#
# **Wrong.** Tuning does not replace the second exposure. The main unfairness is that one method has twice as much data.
#
# </details>
# <details><summary>D. Noise2Self with one of the two exposures</summary>
#
# **Wrong.** This would compare two networks, and again one of them would have one exposure and the other would have two.
#
# </details>

# %% [markdown]
# ## Exercises
#
# 1. **The identity by accident.** In `blind`, replace `neighbour_mean(y)` by a mean of all nine pixels, the middle one included. Predict the diagonal of the Jacobian and the strength that calibration chooses, and then measure both.
# 2. **Another target.** Noise2Noise holds for the squared loss, whose best prediction is the conditional mean. What is the best prediction under the absolute loss $|f(y) - y_2|$? Think of a noise for which it fails although its mean is zero, and one for which it is better.
# 3. **A wider grid.** With shared noise of width 0.7 pixels, hide a pixel *and its eight neighbours* from the denoiser, by putting a mean of pixels farther away in their place. Which assumption is restored, and what does it cost?
#
# <details><summary>Solution 1</summary>
#
# The hidden pixel now enters its own stand-in with weight 1/9, so that the diagonal is no longer zero: at our pixel it is about two hundredths, a ninth of the reaction of the version that sees. The loss to $y$ gets a bonus for keeping noise, and calibration takes the smallest $h$ in the list. There the loss is lower than any blind one, and the estimate is about half a decibel worse than that of the calibrated blind version.
# The leak itself is no harm: at $h = 0.08$ this estimate is even better than the blind one, because it uses a little of the pixel. What is lost is the honest judge.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# Under the absolute loss it is the conditional *median* of $y_2$. For noise of mean zero and another median, such as exponential noise minus its mean, the estimate is biased. For symmetric noise with rare large outliers, median and mean agree, and the absolute loss is the more robust one. The Noise2Noise paper uses the absolute loss to remove random text.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# At a distance of two pixels the correlation of this noise is small, so that the hidden pixel's noise is again almost independent of what the denoiser sees, and the loss to $y$ is nearly honest. The cost is information: the nearest pixels, which say most about the image, are lost as well, so that fine detail goes.
#
# </details>
#
# ## Summary
#
# 1. In expectation, a noisy target is as good as a clean one if its noise has mean zero and cannot be predicted from the input.
# 2. One image contains such targets: hidden pixels, neighbouring pixels, or $y$ with added noise.
# 3. $\mathcal J$-invariant means zero divergence, that is, SURE without its penalty: $\mathbb E \|f(y) - y\|^2 = \mathbb E \|f(y) - x\|^2 + \mathbb E\|n\|^2$.
# 4. A wrong $\sigma$ makes Recorrupted-to-Recorrupted keep about the share $k = (\sigma^2 - \tau^2)/(\sigma^2 + \alpha^2\tau^2)$ of the noise where $k > 0$, and add a part of its opposite where $k < 0$.
# 5. Each method is an assumption about what is independent of what; on one image a network also overfits, and a validation set shows it.
# 6. **What breaks it:** noise that neighbours share, a loss at pixels that the network sees, a wrong $\sigma$ where one is needed, and too many iterations on one image.
#
# **Papers.** J. Lehtinen and others, [*Noise2Noise*](https://arxiv.org/abs/1803.04189), ICML 2018: noisy targets.
# A. Krull, T.-O. Buchholz, F. Jug, [*Noise2Void*](https://arxiv.org/abs/1811.10980), CVPR 2019: random hidden pixels.
# J. Batson, L. Royer, [*Noise2Self*](https://arxiv.org/abs/1901.11365), ICML 2019: $\mathcal J$-invariance and calibration.
# Y. Quan, M. Chen, T. Pang, H. Ji, [*Self2Self With Dropout*](https://openaccess.thecvf.com/content_CVPR_2020/html/Quan_Self2Self_With_Dropout_Learning_Self-Supervised_Denoising_From_Single_Image_CVPR_2020_paper.html), CVPR 2020: dropout and an ensemble.
# T. Huang and others, [*Neighbor2Neighbor*](https://arxiv.org/abs/2101.02824), CVPR 2021: adjacent pixels as a pair.
# T. Pang, H. Zheng, Y. Quan, H. Ji, [*Recorrupted-to-Recorrupted*](https://openaccess.thecvf.com/content/CVPR2021/html/Pang_Recorrupted-to-Recorrupted_Unsupervised_Deep_Learning_for_Image_Denoising_CVPR_2021_paper.html), CVPR 2021: added noise makes a pair.
# J. Lequyer and others, [*A fast blind zero-shot denoiser*](https://doi.org/10.1038/s42256-022-00547-8), Nature Machine Intelligence 2022: Noise2Fast.
# Y. Mansour, R. Heckel, [*Zero-Shot Noise2Noise*](https://arxiv.org/abs/2303.11253), CVPR 2023: diagonals and a tiny network.
# M. Stone, [*Cross-Validatory Choice and Assessment of Statistical Predictions*](https://doi.org/10.1111/j.2517-6161.1974.tb00994.x), Journal of the Royal Statistical Society B 1974: leaving out what one is judged by.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, [*Deep Internal Learning*](https://arxiv.org/abs/2312.07425), IEEE Signal Processing Magazine 2024: the map of the field.
#
# **Next.** Lesson 08 makes a training set of one image for another task: super-resolution.
#
# **Problem set.** [Problem set 07](../exercises/ps07_self_supervised_denoising/ps07_self_supervised_denoising.ipynb): the masked loss, hidden pixels that show another pixel's colour, whether a pixel looks at itself, what a loss to a noisy target measures, a pair made of one image, four runs that fail.
