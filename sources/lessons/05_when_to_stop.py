# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · When to stop, and why it works
#
# The deep image prior fits the image first and the noise later, so that it has to be stopped in between.
# But *when* is that, if nobody knows the clean image? And *why* does the image come first?
#
# A photographer knows the problem from the developer tray: the image appears, becomes clear, and then the paper turns to fog.
# What saves the print is the *stop bath*, and the art lies in the moment. In this lesson we take that moment apart, explain it, and find rules for it.
#
# **What you will be able to do**
# - split the error of a method into bias and variance by repeating it with fresh noise;
# - measure how soon each frequency of the image and of the noise is learned, and separate what edges, strength and colour contribute;
# - compute, for a small network, what gradient descent will do before it is run, and say when that prediction fails;
# - stop a run without the truth by three rules, and say what each of them assumes;
# - build a Deep Decoder, and say what it gains and loses by having fewer weights than the image has values;
# - tell what is proven about this method from what is only repeated.
#
# **Before you start.** Lesson 03 (the deep image prior, its average, the *oracle peak*), and from lesson 01 least squares, Landweber's iteration, semi-convergence, the discrepancy principle, masks, and the spectrum of an image.
#
# **Time.** About two minutes of computing on 2 CPU cores, about an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import functools
import math

import torch
from matplotlib.figure import Figure
from torch import nn

from dil_course import runtime
from dil_course.checks import compare
from dil_course.figures import Diagram, Film, draw_curves, explore, figure_with
from dil_course.figures import show_curves, show_figure, show_images
from dil_course.fitting import run, stop_by_eye, stopping
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import deep_decoder, small_skip_network
from dil_course.signals import Mask, add_gaussian, picture, psnr

device = runtime.device()
x = picture("coffee", side=64).to(device)
sigma = 25 / 255


# %% [markdown]
# ## 1. The curve taken apart: bias and variance
#
# Lesson 03 has shown the curve of a run: the error falls, has a minimum, and rises. Lesson 01 found the same shape for Landweber's iteration, and called it **semi-convergence**.
# Its explanation there was that a sum of two errors has a minimum where one falls as fast as the other rises. Is this true of the network as well?
#
# To find out, we repeat the experiment. The image, the network's first weights and its input $z$ stay the same, and only the noise is drawn anew.
# After $i$ iterations this gives several estimates $\hat x_i$, one for each draw, with a mean $\mathbb{E}\,\hat x_i$ over the draws. The mean squared error then splits without a remainder:
#
# $$\underbrace{\mathbb{E}\,\| \hat x_i - x \|^2}_{\text{error}} = \underbrace{\| \mathbb{E}\,\hat x_i - x \|^2}_{\text{bias}^2} + \underbrace{\mathbb{E}\,\| \hat x_i - \mathbb{E}\,\hat x_i \|^2}_{\text{variance}} .$$
#
# The **bias** is what all estimates get wrong together: the part of the image that has not been learned yet. The **variance** is what differs from draw to draw, and hence what the noise has done: for a linear method it is the part of the noise that has been learned already, and for a network also whatever the noise has changed on the way.
#
# With few draws, one correction is needed. The mean of $K$ estimates still contains a $K$-th part of their variance, which must be subtracted from the squared bias; and the variance is divided by $K - 1$, as usual.
# To see the mechanism alone, we leave out the two helpers of lesson 03: there is no noise on $z$, and we look at single outputs.


# %%
def small_network(seed=0):
    with runtime.seeded(seed):
        return small_skip_network().to(device)


def outputs(steps):
    return torch.cat([step.estimate for step in steps])


def alone(target, iterations):
    options = dict(network=small_network(), input_noise=0)
    return deep_image_prior(target, iterations=iterations, **options)


def bias_and_variance(estimates, truth):
    """Mean bias^2 and variance; the draws lie along the first axis."""
    draws, mean = len(estimates), estimates.mean(0)
    variance = (estimates - mean).square().sum(0) / (draws - 1)
    bias = (mean - truth).square() - variance / draws
    return bias.flatten(1).mean(1), variance.flatten(1).mean(1)


# %% [markdown]
# **Predict before you run.** Sketch bias, variance and their sum over 250 iterations, on logarithmic axes. Is there a moment at which the network "turns to the noise", or does the noise come in from the start?
# Six runs take about half a minute.

# %%
draws, iterations = 6, runtime.pick(quick=250, full=500)
noisy = [add_gaussian(x, sigma, seed=seed) for seed in range(draws)]
film = Film(truth=x)
runs = [outputs(film.record("one draw", alone(noisy[0], iterations)))]
runs += [outputs(alone(y, iterations)) for y in noisy[1:]]
runs = torch.stack(runs)
print("draws, iterations, channels, height, width:", tuple(runs.shape))

bias, variance = bias_and_variance(runs, x)
error = (runs - x).square().mean((0, 2, 3, 4))
best = int(error.argmin())
same_sum = compare("bias^2 + variance, error", bias + variance, error)

# %%
parts = {"error": error, "bias squared": bias, "variance": variance}
curves = {name: (range(1, iterations + 1), v.tolist()) for name, v in parts.items()}
curves["variance of y"] = ([1, iterations], 2 * [sigma**2])
alt = "Mean squared error over iterations: the squared bias falls, the variance rises "
alt += "from about iteration 25 on, and their sum is a U with its least value near 65."
axes = dict(log_x=True, log_y=True, x_range=(10, iterations), y_range=(1e-4, 2e-2))
axes["marks"] = {f"least error, iteration {best + 1}": (best + 1, error[best].item())}
show_curves(curves, "iteration", "mean over all values", alt, **axes)
for i in (best // 2, best, 2 * best, 3 * best):
    print(
        f"iteration {i + 1:3}: bias^2 {bias[i] / sigma**2:.3f}, "
        f"variance {variance[i] / sigma**2:.3f}, in units of sigma^2"
    )

# %% [markdown]
# <details><summary>Answer</summary>
#
# There is no such moment. The bias falls all the way, and from about iteration 25 on the variance rises, while the image is still being learned. Before that, the variance is another thing than learned noise: the first steps turn a small difference of the noise into other colours and shapes, which later steps correct.
# The error is least where one curve falls as fast as the other rises, so that the best estimate has *both* faults: a remaining blur, and some noise. (This is not where they cross. On logarithmic axes a gentle rise of the larger curve balances a steep fall of the smaller one.) Most people imagine two phases, first the image and then the noise, because that is how the film looks.
#
# </details>
#
# The printed numbers say which fault is the larger one. At the best iteration, more of the error is variance than bias: to the right of it, nearly all of it is, and the variance goes on towards $\sigma^2$, the variance of $y$ itself.
# Stopping is therefore a compromise, and the compromise is a **bias-variance trade-off**. It becomes better if the image comes in sooner, or the noise later.
#
# The film shows one of the six runs, the rim of a cup of coffee from near, and its error below:

# %%
alt = "One run at five iterations: a blurred rim of a cup, sharp near iteration 60, "
alt += "and then grain; below, the error, first along the edges, at the end everywhere."
film.show(alt, at=(10, 25, 60, 100, 250), error=True)

# %% [markdown]
# The error changes its *place*: early it lies along the edges, where it is bias, and late it is spread evenly, as the noise is.
# The next figure follows the same run by frequency. Move the slider, and watch the spectrum of the estimate grow from left to right, first along the spectrum of $x$, and then beyond it.


# %%
def spectrum(image, rings=16):
    """Frequencies, and the mean power of the image in rings around each of them."""
    power = torch.fft.fft2(image, norm="ortho").abs().square().mean((0, 1))
    f = torch.fft.fftfreq(64, device=image.device)
    ring = (2 * rings * torch.hypot(f[:, None], f)).long()
    middle = (torch.arange(rings) + 0.5) / (2 * rings)
    return middle, [power[ring == r].mean().item() for r in range(rings)]


fixed = {"x": spectrum(x), "y": spectrum(noisy[0])}


def draw(iteration):
    estimate = runs[:1, iteration - 1]
    names = f"estimate, {psnr(estimate, x):.1f} dB", "its error, zero is gray"
    pictures = dict(zip(names, (estimate, 0.5 + 2 * (estimate - x)), strict=True))
    curves = {"estimate": spectrum(estimate)} | fixed
    axes = dict(log_y=True, y_range=(3e-4, 1), zoom=2)
    axes["looks"] = {"estimate": (0, 0), "x": (2, 1), "y": (5, 3)}
    labels = "cycles per pixel", "mean power"
    return figure_with(pictures, curves, *labels, **axes)


# %%
alt = "Estimate, error and spectrum at three iterations: at 20 the spectrum lies below "
alt += "that of x for high frequencies, near the best iteration it follows it, and at "
alt += "the end it comes close to that of the noisy image."
steps = [1, 3, 6, 10, 15, 20, 30, 40, 50, 65, 80, 100, 130, 160, 200, iterations]
explore(draw, alt, iteration=steps, static={"iteration": [20, 65, iterations]})

# %% [markdown]
# Early, the error is an image of the missing edges. Near the best iteration the estimate has the power of $x$ in nearly all rings, although at the highest frequencies the target $y$ has more than ten times as much. At the end the spectrum comes close to that of $y$, and so does the estimate.
# But power does not say whose it is. Where the estimate has the power of $x$, a part of it can be noise and an equal part of the image can be missing. To separate the two is the next step.

# %% tags=["nbval-check-output"]
rising = variance[best // 2 :: 20]
print("bias^2 and variance add up to the error:", same_sum)
print(
    "the best iteration is neither among the first 20 nor the last 100:",
    20 < best < iterations - 100,
)
print("the variance rises from half of it on:", bool((rising.diff() > 0).all()))
print(
    "the bias falls to a fifth or less from half of it to the end:",
    bool(bias[-20:].mean() < bias[best // 2] / 5),
)
print(
    "at the best iteration both are at least a sixth of the error:",
    bool(min(bias[best], variance[best]) > error[best] / 6),
)
print(
    "at the end nearly all of the error is variance:",
    bool(variance[-1] > 0.9 * error[-1]),
)

# %% [markdown]
# ## 2. Which frequencies come first, and of what?
#
# The spectrum grew from left to right. That networks learn low frequencies first is called their **spectral bias** (Rahaman and others, 2019); Chakrabarty and Maji (2019) and Shi and others (2022) measured it for the deep image prior, the latter band by band, as we do now.
#
# We sort the frequencies into four **bands**, in cycles per pixel; the highest frequency along a row is 1/2. For each band and each iteration we ask two questions: which share of the *image* is in the estimate, and which share of the *noise*?
# The answer is the coefficient of a regression. For two images $a$ and $b$ with the Fourier coefficients $A$ and $B$ in a band, it is
#
# $$\text{share of } b \text{ in } a \;=\; \frac{\mathrm{Re} \sum A \, \overline{B}}{\sum |B|^2} ,$$
#
# which is 0 if $a$ holds nothing of $b$, and 1 if it holds all of it; a regression can also leave this range a little. For the image we take $a = \mathbb{E}\,\hat x_i$ and $b = x$, without its mean colour.
# For the noise we take, for each draw, $a = \hat x_i - \mathbb{E}\,\hat x_i$ and $b$ as this draw's noise minus the mean noise, so that the image cannot disturb the answer.
#
# **Predict before you run.** White noise is equally strong in all bands. Will its bands come in together? And within *one* band, will the image and the noise come in together?

# %%
edges = (0, 1 / 16, 1 / 8, 1 / 4, 1)
names = ["below 1/16", "1/16 to 1/8", "1/8 to 1/4", "above 1/4"]
f = torch.fft.fftfreq(64, device=device)
radius = torch.hypot(f[:, None], f)
bands = [(radius > low) & (radius <= high) for low, high in zip(edges, edges[1:])]


def shares(a, b, weight=1):
    """The share of b (1,C,H,W) in each a (N,C,H,W), per band: a list of tensors (N)."""
    a, b = torch.fft.fft2(a), torch.fft.fft2(b)
    product, power = weight * (a * b.conj()).real, weight * b.abs().square()
    return [product[..., m].sum((1, 2)) / power[..., m].sum() for m in bands]


def mean_shares(pairs, weight=1):
    rows = [shares(a, b, weight) for a, b in pairs]
    return [torch.stack(band).mean(0) for band in zip(*rows)]


def half(share):
    """First iteration from which on more than half is in (inf: never in this run)."""
    at = 1 + max((share <= 0.5).nonzero().flatten().tolist(), default=-1)
    return at + 1 if at < len(share) else math.inf


# %%
centre = runs.mean(0)
without_mean = x - x.mean((2, 3), keepdim=True)
of_image = shares(centre, without_mean)
noise = torch.cat(noisy) - x
differences = [
    (runs[k] - centre, noise[k : k + 1] - noise.mean(0)) for k in range(draws)
]
of_noise = mean_shares(differences)
halves = {"image": [half(s) for s in of_image]}

curves, looks = {}, {}
for band, name in enumerate(names):
    for style, (what, values) in enumerate(
        {"image": of_image, "noise": of_noise}.items()
    ):
        label = f"{what}, {name}"
        curves[label] = (range(1, iterations + 1), values[band].tolist())
        looks[label] = (band, style)
alt = "Share learned over iterations, for the image (solid) and the noise (dashed) in "
alt += "four bands of frequency. Low bands come first; in each band the image comes "
alt += "several times sooner than the noise."
axes = dict(log_x=True, looks=looks, x_range=(3, iterations), y_range=(-0.1, 1.15))
show_curves(curves, "iteration", "share that is learned", alt, **axes)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Neither. Low frequencies come before high ones, for the image and for the noise, as spectral bias says. But within each band the image (solid) comes several times sooner than the noise (dashed) of the *same* frequencies.
# The usual summary, "the network learns low frequencies first, and noise has high frequencies", explains the first fact only.
#
# </details>
#
# The second fact is worth a pause. A filter (a convolution) multiplies each frequency by a factor, and asks not where it came from. What is different about the image? Three things are. At low frequencies it is *stronger* than the noise; it has *structure*, for its frequencies are aligned to edges; and its *colours* go together, whereas the noise of the three channels is independent.
#
# ### The decisive runs
#
# We can take the structure away and leave the rest: give each Fourier coefficient of $x$ the phase of a white-noise image. (Its phases are random, and opposite at opposite frequencies, so that the result is real.) The outcome, which we call *clouds*, has exactly the spectrum of the image, in every single frequency, but no edges. The three channels get the same phase, so that their colours still go together.
# In the same way we can take the image away: the last target is the noise alone, on uniform gray.
#
# The colours need no further run. The **main colour** of $x$ is the direction in the three-dimensional space of colours along which its pixels vary most, that is, the first eigenvector of their 3 × 3 covariance; the other two eigenvectors are the *other colours*. We measure the share of the noise along each. And because the power of $x$ lies at the lower end of each band, we also measure it with every frequency weighed by the power that $x$ has there.
#
# **Predict before you run.** Will the clouds come in as soon as the image, as late as the noise, or in between? Will the noise come sooner or later when there is no image? And does a colour matter to it?


# %%
def with_random_phases(x, seed):
    white = torch.randn(x.shape[-2:], generator=runtime.generator(seed, "phases"))
    phases = torch.fft.fft2(white.to(x))
    phases = phases / phases.abs()
    mean = x.mean((2, 3), keepdim=True)
    return mean + torch.fft.ifft2(torch.fft.fft2(x - mean) * phases).real


shuffled = [with_random_phases(x, seed) for seed in range(2)]
shuffled_runs = [outputs(alone(s + noise[:1], iterations)) for s in shuffled]
pairs = [(r, s - s.mean((2, 3), keepdim=True)) for r, s in zip(shuffled_runs, shuffled)]
halves["clouds"] = [half(s) for s in mean_shares(pairs)]
noise_run = outputs(alone(0.5 + noise[:1], 150))

# %%
_, colours = torch.linalg.eigh(torch.cov(x[0].flatten(1)))  # the main colour is last


def along(images, which):
    return torch.einsum("nchw,ck->nkhw", images, colours[:, which])


main, others = slice(2, 3), slice(0, 2)
for name, pairs in {
    "noise": differences,
    "noise, no image": [(noise_run, noise[:1])],
}.items():
    halves[name] = [half(s) for s in mean_shares(pairs)]
    for part, which in {"main colour": main, "other colours": others}.items():
        turned = [(along(a, which), along(b, which)) for a, b in pairs]
        halves[f"{name}, {part}"] = [half(s) for s in mean_shares(turned)]
        if name == "noise" and which == main:
            power = torch.fft.fft2(along(x, main)).abs().square()
            halves["  weighed as x"] = [half(s) for s in mean_shares(turned, power)]

# %% [markdown]
# All that is left is to print. The first line compares image and noise in strength, and the others say after how many iterations more than half is in for good (inf: not within this run).


# %%
def lead(of):
    """How many times sooner the main colour comes, in the two middle bands."""
    pairs = zip(halves[f"{of}, main colour"], halves[f"{of}, other colours"])
    return [other / main for main, other in pairs][1:3]


power = torch.fft.fft2(without_mean, norm="ortho").abs().square() / sigma**2
strength = [power[..., m].mean().item() for m in bands]
print(f"{'':30}" + "".join(f"{name:>14}" for name in names))
print(f"{'mean power of x / sigma^2':30}" + "".join(f"{s:14.2f}" for s in strength))
print("half learned at iteration")
for what, row in halves.items():
    print(f"{what:30}" + "".join(f"{i:14}" for i in row))


# %% [markdown]
# The lowest band holds few frequencies, so that its column is the least certain, above all where they are weighed. The table is about speed. What is it worth in decibels? We take the best single output of each run, chosen with the truth.


# %%
def best_output(outputs, target):
    return max(outputs.split(1), key=lambda image: psnr(image, target))


of_x, of_s = best_output(runs[0], x), best_output(shuffled_runs[0], shuffled[0])
peaks = [
    [psnr(best_output(r, t), t) for r, t in zip(rs, ts)]
    for rs, ts in ((runs, draws * [x]), (shuffled_runs, shuffled))
]
print(f"noisy {psnr(noisy[0], x):.1f} dB; best outputs: image", end=" ")
print(*(f"{p:.1f}" for p in peaks[0]), end=" dB; clouds ")
print(*(f"{p:.1f}" for p in peaks[1]), "dB")
shown = {
    "x": x,
    f"best output, {psnr(of_x, x):.1f} dB": of_x,
    "clouds": shuffled[0],
    f"best output, {psnr(of_s, shuffled[0]):.1f} dB": of_s,
}
alt = (
    "The cup, and the best output of a run on it; clouds with the cup's spectrum, and "
)
alt += "the best output of a run on them, as smooth as the clouds are."
show_images(shown, alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The clouds come in somewhat later than the image, and clearly before the noise, so that edges explain only a part of the head start. Strength does not explain the rest. In the highest band the image is more than ten times weaker than the noise, and yet image and clouds come first.
# The colours explain more. Noise in the main colour of the image is learned much sooner than noise in the other colours; if it is weighed as the image is, it comes not long after the clouds. Without an image it has no such lead, and the noise as a whole comes sooner. So the same noise is treated differently beside an image, which no map that is linear in $y$ could do: the run adapts to the image, learns the image's main colour first, and the noise of that colour comes in with it.
# Many people take spectral bias for a property of the frequency alone, or think that the network waits for edges. Neither fits this table.
#
# </details>
#
# A plausible reason, which we did not test: the gradient of the squared error is proportional to what is still missing, so that the first steps are spent on what is strongest in $y$, the low frequencies of the image in its main colour. What the layers have turned to by then lets through more of the same kind.
#
# How far does it go? On the eye of section 4 the colours do the same, but edges count for far more; and on a gray cup, where there is no colour to lead, the clouds have almost no head start over noise that is weighed as they are (`benchmarks/RESULTS.md`).
#
# The line above the images gives the value of structure in decibels. Each run on the image peaks higher than each run on the clouds, by about one to two and a half decibels; but the clouds, too, gain more than six over the noisy image.
# Hence the honest statement is: *this network also denoises what has only the spectrum and the colours of a photograph, and it does so better if there are edges*. It also says where it must fail, on images with strong high frequencies such as the grass of lesson 03.

# %% tags=["nbval-check-output"]
h, upper = halves, range(1, 4)
print(
    "in the upper bands, the image needs at most half the iterations of the noise:",
    all(2 * h["image"][b] <= h["noise"][b] for b in upper),
)
print(
    "each band of the noise comes later than the one below it:",
    h["noise"] == sorted(h["noise"]) and h["noise"][3] > 1.2 * h["noise"][2],
)
print(
    "the clouds are closer to the image than to the noise, by ratio:",
    all(h["clouds"][b] ** 2 < h["image"][b] * h["noise"][b] for b in upper),
)
print(
    "above 1/4 the image is less than half as strong as the noise:",
    bool(strength[3] < 1 / 2),
)
print(
    "beside the image, its main colour of the noise comes far sooner than the others:",
    min(lead("noise")) > 1.5,
)
print("without the image, it hardly does:", max(lead("noise, no image")) < 1.25)
print(
    "without an image, the finest noise comes in at most two thirds of the time:",
    h["noise, no image"][3] < h["noise"][3] * 2 / 3,
)
print(
    "structure is worth more than half a decibel:", min(peaks[0]) > max(peaks[1]) + 0.5
)

# %% [markdown]
# ## 3. A case that can be computed exactly
#
# Why are high frequencies slow at all? We take a case so small that nothing stays hidden, the model of Heckel and Soltanolkotabi (2020). The signal is a line of 128 samples, and the network has one layer of $k$ channels:
#
# $$f(C) = \mathrm{ReLU}(U C) \, v .$$
#
# $U$ is a fixed smoothing, like the upsampling in a decoder, with rows of length 1; $C$ holds the weights, 128 for each channel; and $v$ holds fixed signs $\pm 1/\sqrt k$.
# Here we start with every channel twice, once with each sign, so that the output begins at zero and there is no initial output to unlearn.

# %%
position = torch.arange(128)
inside = (position > 77) & (position < 115)
bump = torch.where(inside, torch.sin((position - 77) / 38 * math.pi), 0.0)
line = bump + ((position > 25) & (position < 58)).float()
line_noise = 0.3 * torch.randn(200, 128, generator=runtime.generator(0, "noise"))
noisy_lines = line + line_noise


def smoothing(width):
    distance = (position[:, None] - position).abs()
    # The line is closed to a ring, so that all samples have as many neighbours
    distance = torch.minimum(distance, 128 - distance)
    U = torch.exp(-(distance**2) / (2 * width**2))
    return U / U.norm(dim=1, keepdim=True)


def start(k, seed=0):
    C = torch.randn(128, k // 2, generator=runtime.generator(seed, "weights"))
    return torch.cat([C, C], dim=1)


def network(U, C):
    k = C.shape[1]
    v = torch.ones(k) / math.sqrt(k)
    v[k // 2 :] *= -1
    return torch.relu(U @ C) @ v


# %% [markdown]
# **The idea.** If the weights move only a little, the network is almost linear in them: $f(C) \approx J (C - C_0)$, where $C$ is read as a vector of $128 \, k$ weights, $J$ is the Jacobian at the start (128 rows, $128 \, k$ columns), and $f(C_0) = 0$.
# One step of gradient descent on $\frac12 \|f - y\|^2$ with step size $\eta$ changes the weights by $-\eta J^T (f - y)$, and hence the output by $-\eta J J^T (f - y)$. After $t$ steps
#
# $$f_t - y = -(I - \eta \, J J^T)^t \, y , \qquad f_t = \big( I - (I - \eta \, J J^T)^t \big) \, y .$$
#
# You know this formula: it is **Landweber's iteration** of lesson 01 with $J$ in the place of $A$, and its factor $1 - (1 - \eta \lambda)^t$ is the filter that you found there, with an eigenvalue $\lambda$ of $J J^T$ in the place of $|K|^2$.
# Along an eigenvector, the distance to $y$ shrinks by the factor $1 - \eta\lambda$ in each step. A large eigenvalue is learned fast, a small one slowly, and a run that is stopped in between has *semi-converged*. That stopping such a descent regularises is old knowledge in inverse problems; Yao, Rosasco and Caponnetto (2007) proved what it gains in learning.
#
# The matrix $J J^T$ is called the **neural tangent kernel** (Jacot and others, 2018). Here it can be written down. The weight $C_{jc}$ reaches the output $f_i$ only where channel $c$ is positive, so that $\partial f_i / \partial C_{jc} = v_c \, U_{ij}$ where $(UC)_{ic} > 0$, and 0 elsewhere. The sum over all weights, with $v_c^2 = 1/k$, is
#
# $$(J J^T)_{ij} = (U U^T)_{ij} \; \cdot \; \text{share of channels that are positive at both } i \text{ and } j .$$
#
# For many channels, the share becomes a probability. For two rows of $U$ at an angle $\theta_{ij}$ it is $(\pi - \theta_{ij}) / 2\pi$ (Cho and Saul, 2009), so that nothing random is left.


# %%
def tangent_kernel(U, C):
    active = (U @ C > 0).float()
    return (U @ U.T) * (active @ active.T) / C.shape[1]


def wide_kernel(U):
    """The same for infinitely many channels."""
    cosine = (U @ U.T).clamp(-1, 1)
    return cosine * (math.pi - torch.arccos(cosine)) / (2 * math.pi)


def along_sines(kernel):
    """v^T kernel v for a sine or cosine v of each whole number of periods, 0 to 64."""
    fourier = torch.fft.fft(torch.eye(128), norm="ortho")
    return ((fourier.conj() @ kernel.to(fourier.dtype)) * fourier).sum(1).real[:65]


U = smoothing(2)
kernels = {f"k infinite, width {w}": wide_kernel(smoothing(w)) for w in (1, 2, 4)}
kernels["k = 32, width 2"] = tangent_kernel(U, start(32))
speeds = {name: along_sines(kernel) for name, kernel in kernels.items()}
curves = {name: (torch.arange(65) / 128, v / v[0]) for name, v in speeds.items()}
alt = "Eigenvalue over frequency: it falls about twenty-fold for width 1, and sooner "
alt += "and deeper for a wider one. With 32 channels the curve is nearly the same."
axes = dict(log_y=True, looks={"k = 32, width 2": (5, 5)})
show_curves(curves, "cycles per sample", "speed of a sine / largest", alt, **axes)

# %% [markdown]
# In the limit, the kernel depends only on the distance of two samples, so that it is a convolution, and its eigenvectors are sines and cosines (lesson 01). Nobody put sines into this network.
# Their eigenvalues fall with the frequency, and the width of the smoothing says how early: what $U$ weakens in the output is weak in the gradient, too. The curves end in a floor above zero, which is the work of the ReLU's mask, so that high frequencies are learned slowly, but not never. (With 32 channels the sines are only nearly eigenvectors; the curve shows $v^T J J^T v$ for each sine $v$.)
#
# ### A playground
#
# The next figure is computed from the formula for infinitely many channels, with 200 draws of noise. The left panel shows one estimate, and the right panel bias and variance over the draws, with a mark at the chosen step. The step size is 0.1 divided by the largest eigenvalue.
#
# **Predict before you move the sliders.** Which arm of the U is moved by a wider smoothing? And which smoothing is best for this signal, which has both edges and a smooth bump?


# %%
@functools.cache
def modes(width):
    eigenvalues, vectors = torch.linalg.eigh(wide_kernel(smoothing(width)))
    return 0.1 * eigenvalues.clamp(min=0) / eigenvalues[-1], vectors


def after(steps, width, lines):
    """What the linear model makes of lines (N,128) in so many steps."""
    speeds, vectors = modes(width)
    return ((lines @ vectors) * (1 - (1 - speeds) ** steps)) @ vectors.T


ladder = [round(2 ** (i / 2)) for i in (0, *range(2, 25))]  # 1 to 4096


@functools.cache
def u_curve(width):
    """Mean bias^2 and variance over the steps of the ladder."""
    estimates = [after(steps, width, noisy_lines) for steps in ladder]
    return bias_and_variance(torch.stack(estimates, dim=1)[..., None], line[:, None])


# %%
def draw(smoothing, steps):
    figure = Figure(figsize=(10.5, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    estimate = after(steps, smoothing, noisy_lines[:1])[0]
    curves = {"y": noisy_lines[0], "truth": line, "estimate": estimate}
    looks = {"y": (3, 3), "truth": (5, 1), "estimate": (0, 0)}
    draw_curves(left, curves, "sample", "value", looks=looks)
    left.set_ylim(-0.8, 1.8)
    bias, variance = u_curve(smoothing)
    curves = {"error": bias + variance, "bias squared": bias, "variance": variance}
    curves = {name: (ladder, values) for name, values in curves.items()}
    here = (bias + variance)[ladder.index(steps)].item()
    marks = {f"here: {here:.3f}": (steps, here)}
    draw_curves(right, curves, "step", "mean over samples and draws", marks=marks)
    right.set(xscale="log", yscale="log", ylim=(1e-3, 0.5))
    return figure


alt = "Smoothing of width 1 and of width 4, after 8 and after 512 steps: after 8 both "
alt += (
    "estimates are too low, and after 512 that of width 1 follows the noise, whereas "
)
alt += "that of width 4 follows the signal; its variance rises later."
choices = dict(smoothing=[0.5, 1, 2, 4, 8, 16], steps=ladder)
explore(draw, alt, static={"smoothing": [1, 4], "steps": [8, 512]}, **choices)
table = {w: sum(u_curve(w)) for w in choices["smoothing"]}
for w, total in table.items():
    at = ladder[int(total.argmin())]
    print(f"smoothing {w:3}: least error {total.min():.4f} near step {at}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# A wider smoothing moves the rising arm, the variance, to the right, because most frequencies of the noise become slow. It moves the falling arm less, as long as the signal itself is made of lower frequencies, so that the valley becomes deeper and wider, and the moment of stopping matters less.
# The printed table says where this ends. From a width of 4 on, the edges of the signal are slow as well: the least error hardly changes any more, but it takes many times as many steps to reach it. It is tempting to say "the smoother, the better", or to expect that too wide a smoothing blurs the edges. Neither happens, because a frequency that is slow is learned all the same, if the run is only stopped later.
#
# </details>
#
# ### Does the formula describe a real run?
#
# The formula is exact for a network that is linear in its weights. Ours has a ReLU. We train it by gradient descent for 2000 steps on one noisy line, and compare; the formula gets the noisy line and the first weights, and nothing else of that run.
#
# **Predict before you run.** Will formula and run agree better with 32 channels or with 1024?


# %%
def descend(k, y, steps=2000):
    C, kernel = start(k), tangent_kernel(U, start(k))
    eigenvalues, vectors = torch.linalg.eigh(kernel)
    step_size = 0.1 / eigenvalues[-1]
    real, formula = [], []
    for t in range(steps):
        C.requires_grad_()
        output = network(U, C)
        (gradient,) = torch.autograd.grad((output - y).square().sum() / 2, C)
        C = C.detach() - step_size * gradient
        learned = 1 - (1 - step_size * eigenvalues) ** t
        real.append(output.detach())
        formula.append(vectors @ (learned * (vectors.T @ y)))
    return torch.stack(real), torch.stack(formula)


# %%
errors, deviation, looks = {}, {}, {}
for colour, k in enumerate((32, 1024)):
    pair = descend(k, noisy_lines[0])
    for style, (name, values) in enumerate(zip(("run", "formula"), pair, strict=True)):
        label = f"{name}, k = {k}"
        errors[label] = (values - line).square().mean(1)[1:]
        looks[label] = (colour, style)
    distance = (pair[0] - pair[1]).norm(dim=1).max() / noisy_lines[0].norm()
    deviation[k] = distance.item()
    print(f"k = {k:4}: they differ by at most {deviation[k]:.1%} of y, at any step")
curves = {name: (range(1, 2000), values.tolist()) for name, values in errors.items()}
alt = "Error over steps, a run and its formula for two widths. With 1024 channels they "
alt += "are close throughout; with 32 the run ends clearly below its formula."
labels = ("step of gradient descent", "mean squared error to the truth", alt)
show_curves(curves, *labels, log_x=True, log_y=True, looks=looks)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With 1024 channels they agree to a few per cent of the norm of $y$, whereas with 32 they part once the noise is being learned. (A wrong formula does not mean a bad run: here the run with 32 channels takes in *less* noise than its formula says.) Each of many weights hardly has to move, so that the kernel of the start stays valid; each of a few has to move far, and the kernel changes on the way.
# One might expect the small network to be the simpler case. For this theory it is the other way round: width makes a network *linear in its weights* ("lazy", in the words of Chizat, Oyallon and Bach, 2019).
#
# </details>
#
# Now be careful about what this explains. The deep image prior has some twenty channels, a dozen layers, batch normalization, and Adam, and none of them is in the formula.
# The formula says *why a smooth architecture is slow on high frequencies*. It is linear in $y$, so that it gives image and noise of one frequency the same share at the same time; and section 2 has just shown that our network does not. The formula explains the order of the bands, and not how the run adapts to the image.

# %% tags=["nbval-check-output"]
wide = [speed for name, speed in speeds.items() if "infinite" in name]
print(
    "the eigenvalue falls with the frequency, twenty-fold or more from width 2 on:",
    all(bool((s.diff() < 1e-4 * s[0]).all() and s[0] > 20 * s[-1]) for s in wide[1:]),
)
moments = {width: ladder[int(total.argmin())] for width, total in table.items()}
print(
    "a wider smoothing never has an earlier best step:",
    list(moments.values()) == sorted(moments.values()) and moments[8] > moments[1],
)
print(
    "with 1024 channels the formula is right to a tenth of y at every step:",
    deviation[1024] < 0.1,
)
print(
    "with 32 channels it is at least twice as far off:",
    deviation[32] > 2 * deviation[1024],
)
wide_run = errors["run, k = 1024"]
print(
    "semi-convergence: the error ends at more than twice its least value:",
    bool(wide_run[-1] > 2 * wide_run.min() and wide_run[0] > 2 * wide_run.min()),
)

# %% [markdown]
# ## 4. Three rules that do not see the truth
#
# A **stopping rule** watches a run and ends it. Without the truth, each rule has to assume something in its place.
#
# | rule | it stops where | it assumes |
# | --- | --- | --- |
# | discrepancy principle (Morozov; lesson 01) | the residual is as small as the noise: mean of $(\bar x_i - y)^2 \le \sigma^2$ | that you know $\sigma$ |
# | held-out pixels | the pixels that took no part in the fit are predicted best | that the noise of different pixels is independent |
# | windowed variance | the last outputs differ least from one another | that the output changes most slowly between fitting the image and fitting the noise |
#
# Here $\bar x_i$ is the running average of the outputs (lesson 03). The second rule is the **validation set** of machine learning, made of pixels. The third is by Wang and others (2021), and needs to know nothing about the noise:
# while the image comes in, outputs change; while the noise comes in, they change again; in between they change least. So we keep the last $W$ outputs, take the variance of each value over them, and average. We return the running average $\bar x_i$ at the end of the window in which this is least.


# %%
class WindowedVariance:
    iteration = estimate = None
    why = "the outputs differ least there"

    def __init__(self, window=40, patience=150):
        self.window, self.patience, self.copies = window, patience, []
        self.variances, self.least = [], math.inf

    def observe(self, step, average):
        small = nn.functional.adaptive_avg_pool2d(step.estimate, 32)
        self.copies = [*self.copies[-self.window + 1 :], small]
        if len(self.copies) == self.window:
            variance = torch.cat(self.copies).var(dim=0, correction=0).mean().item()
            self.variances.append(variance)
            if variance < self.least:
                self.least, self.iteration = variance, step.iteration
                self.estimate = average
        return bool(self.variances) and step.iteration >= self.iteration + self.patience


# %% [markdown]
# `patience` is how long the rule waits for a smaller variance before it ends the run. The paper uses a window of 100 outputs and a patience of 1000 iterations; here both are shorter, because our runs are. They were tuned with the truth, together with the copies of 32 × 32 pixels, on three photographs at the noise levels 15, 25 and 50, and then tested on other kinds of noise (`benchmarks/RESULTS.md`). The two photographs of this section were among the three, in a larger window, so that here the rule plays on its own ground; the other rules had no such tuning.
#
# ### You against the rules
#
# Now play. The next cell restores an image with noise of $\sigma = 25/255$, and shows neither truth nor curves. Press *Stop* when the image looks best. Five rules watch the same run: our windowed variance and the library's, held-out pixels, and the discrepancy twice, once with the true $\sigma$ and once with a $\sigma$ that is 20 % too small.
#
# So that held-out pixels can take part, 5 % of the pixels are taken from the fit of *all* rules by a mask $A$. At these pixels both $A(\bar x_i)$ and $A(y)$ are zero, so that they add nothing to the mean of the discrepancy, whose target is therefore $0.95 \, \sigma^2$.
#
# **Predict before you run.** Which of the rules will stop too late?


# %%
def judged(x, level, seed=0):
    """A noisy observation with held-out pixels, its mask, and fresh rules."""
    y = add_gaussian(x, level, seed=seed)
    chance = torch.rand(1, 1, *x.shape[2:], generator=runtime.generator(0, "held out"))
    held_out = (chance < 0.05).float().to(x)
    A = Mask(1 - held_out)
    known = math.sqrt(1 - held_out.mean().item()) * level
    rules = {
        "windowed variance": WindowedVariance(),
        "held-out pixels": stopping.HeldOut(y, held_out),
        "discrepancy": stopping.Discrepancy(A(y), A, known),
        "discrepancy, sigma 20 % too small": stopping.Discrepancy(A(y), A, 0.8 * known),
    }
    return A(y), A, rules


hidden = picture("chelsea", side=64).to(device)
seen, A, rules = judged(hidden, sigma)
rules["windowed variance, library"] = stopping.WindowedVariance()
steps = deep_image_prior(seen, A, iterations=runtime.pick(quick=450, full=1800))
choice = await stop_by_eye(steps, truth=hidden, rules=rules)

# %%
mine, theirs = rules["windowed variance"], rules["windowed variance, library"]
print("windowed variance: ours stops at", mine.iteration, "the library's at", end=" ")
print(theirs.iteration)
window = range(40, 40 + len(mine.variances))
figure = Figure(figsize=(10.5, 2.9), layout="constrained")
left, right = figure.subplots(1, 2, sharex=True)
marks = {f"least, iteration {mine.iteration}": (mine.iteration, mine.least)}
curves = {"last 40 outputs": (window, mine.variances)}
draw_curves(left, curves, "iteration", "variance", marks=marks)
history = choice.history["iteration"], choice.history["psnr_average"]
draw_curves(right, {"average": history}, "iteration", "PSNR (dB)")
left.set(xlim=(40, window[-1]), ylim=(0, 5 * mine.least))
right.set(ylim=(choice.stops["the oracle"][1] - 4, choice.stops["the oracle"][1] + 0.5))
alt = "The windowed variance falls steeply, has a flat valley, and rises a little; the "
alt += "PSNR of the average has its top near the valley, and falls faster after it."
show_figure(figure, alt)
shown = {"noisy, with held-out pixels": seen}
for name in ("discrepancy", "windowed variance", "discrepancy, sigma 20 % too small"):
    shown[f"{name}, {choice.stops[name][1]:.1f} dB"] = rules[name].estimate
show_images(shown, "What was seen, and three stops: a little soft, clear, and grainy.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The discrepancy with the $\sigma$ that is too small: it asks for a residual that the run reaches only when much of the noise has been fitted. With the right $\sigma$ it stops too *early*, here and in each of 27 runs (`benchmarks/RESULTS.md`). At the peak the estimate already holds some noise, which is missing in its residual, so that the mean of $(\bar x - y)^2$ is below $\sigma^2$ by then. How much it is below is what lesson 06 computes. Too large a $\sigma$ is worse still, because the rule then stops in the blur of the first iterations: with 50 % too much, it lost 7 dB or more in each of the 27. And in practice $\sigma$ itself has to be estimated, which lesson 06 does, too.
# Many people expect the rule without any knowledge of the noise to be the worst. Its valley is flat, so that the exact iteration is a matter of luck; but near the peak the PSNR of the average is flat, too.
#
# </details>
#
# Where did you stop, and why there: did the grain in flat areas disturb you first, or did you wait for the finest lines? Both are rules, with assumptions of their own.
#
# ### More and less noise
#
# One image at one noise level is one run. We let the rules watch two more runs, on the cup, with less and with more noise.

# %%
lost, ends = {}, {}
for level in (15, 50):
    seen, A, rules = judged(x, level / 255)
    steps = deep_image_prior(seen, A, iterations=runtime.pick(quick=400, full=1500))
    average, quality, running = None, [], set(rules)
    for step in steps:
        weight = min(0.99, step.iteration / (step.iteration + 10))
        new = step.estimate
        average = new if average is None else average.lerp(new, 1 - weight)
        quality.append(psnr(average, x))
        running -= {name for name in running if rules[name].observe(step, average)}
    peak, ends[level] = max(quality), max(quality) - quality[-1]
    print(
        f"sigma {level}: oracle peak {peak:.2f} dB at {quality.index(peak) + 1}", end=""
    )
    print(f", the end of the run {ends[level]:.2f} dB below")
    for name, rule in rules.items():
        lost[level, name] = peak - quality[rule.iteration - 1]
        print(f"    {name:34} at {rule.iteration:3}, {lost[level, name]:5.2f} dB below")

# %% [markdown]
# With less noise, hardly anything depends on the rule, because the curve of the average is flat; with more noise, the three rules land near the peak, and many decibels above the end of the run. Which of them is nearest differs from run to run: `benchmarks/RESULTS.md` lists 27 such runs (three images, three noise levels, three seeds), in which no rule is the best on all of them, and each misses the peak by more than 1 dB at least once.
# The oracle of these tables looks at the truth; it is a yardstick and no rule.

# %% tags=["nbval-check-output"]
right = ("windowed variance", "held-out pixels", "discrepancy")
wrong = "discrepancy, sigma 20 % too small"
oracle = choice.stops["the oracle"][1]
game = {name: oracle - choice.stops[name][1] for name in (*right, wrong)}
print(
    "the cells and the library stop at the same iteration:",
    mine.iteration == theirs.iteration and mine.estimate is not None,
)
print(
    "the game: each of the three rules is within a dB and a half of the oracle:",
    max(game[name] for name in right) < 1.5,
)
print(
    "with more noise, each of them beats the end of the run by at least 3 dB:",
    all(lost[50, name] < ends[50] - 3 for name in right),
)
print(
    "with less noise, each of them is within a dB and a half of the oracle:",
    all(lost[15, name] < 1.5 for name in right),
)
print(
    "a sigma that is too small costs more than the right one, in all three runs:",
    game[wrong] > game["discrepancy"]
    and all(lost[v, wrong] > lost[v, "discrepancy"] for v in (15, 50)),
)

# %% [markdown]
# ## 5. A network with less room: the Deep Decoder
#
# A run must be stopped because the network has room for the noise. So take the room away, as Heckel and Hand did in 2019.
# Their **Deep Decoder** enlarges a small random input step by step. Each step is a 1 × 1 convolution, bilinear doubling of the sides, a ReLU, and batch normalization:

# %%
diagram = Diagram(9.6, 1.5)
texts = ("z, fixed\nk, 8 × 8", "step 1\nk, 16 × 16", "step 2\nk, 32 × 32")
texts += ("step 3\nk, 64 × 64", "1 × 1, ReLU,\nnorm", "1 × 1, sigmoid\n3, 64 × 64")
boxes = [
    diagram.box(0.1 + 1.6 * i, 0.4, 1.35, 0.8, text, (5, 0, 0, 0, 1, 2)[i])
    for i, text in enumerate(texts)
]
for left, right_box in zip(boxes, boxes[1:]):
    diagram.arrow(left.right, right_box.left)
diagram.show(
    alt="A row of boxes: the input z of k channels with 8 by 8 pixels, three steps "
    "that double the sides to 64, a layer without doubling, and the image."
)

# %% [markdown]
# A 1 × 1 convolution mixes the channels of a pixel, and never looks at its neighbours. Neighbours are tied together by the bilinear doubling alone (nearest-neighbour doubling would only make blocks). The number of channels $k$ decides how many weights there are.


# %%
class Decoder(nn.Module):
    input_channels = property(lambda self: self.to_picture.in_channels)
    output_channels, scales, reduction = 3, 3, 8

    def __init__(self, k):
        super().__init__()
        layers = []
        for scale in range(4):
            layers.append(nn.Conv2d(k, k, 1, bias=False))
            if scale < 3:
                layers.append(nn.Upsample(scale_factor=2, mode="bilinear"))
            layers += [nn.ReLU(), nn.BatchNorm2d(k)]
        self.body, self.to_picture = nn.Sequential(*layers), nn.Conv2d(k, 3, 1)

    def forward(self, z):
        return torch.sigmoid(self.to_picture(self.body(z)))


# %% [markdown]
# The classes `Decoder` and `deep_decoder` are fitted by the loop of lesson 03, without noise on $z$. From the same seed they must give the same estimate.


# %%
def decode(y, k, iterations, make=Decoder, **options):
    with runtime.seeded(0):
        decoder = make(k).to(y.device)
    options |= dict(network=decoder, input_noise=0, iterations=iterations)
    return deep_image_prior(y, **options)


def from_library(k):
    return deep_decoder(3, width=k, scales=3)


pair = [
    list(decode(noisy[0], 16, 10, make, fast=False))[-1].estimate
    for make in (Decoder, from_library)
]
same_decoder = compare("estimate, iteration 10", *pair)

# %% [markdown]
# How much noise fits into so many weights? Suppose for a moment that a model with $p$ weights were a flat subspace of dimension $p$ in the $N$ dimensions of all images. The best fit would project $y$ onto it, and because white noise is equally strong in all directions, a share $p / N$ of its energy would stay.
# A decoder is no flat subspace, but we can test the number: fit the decoder to *noise alone*, for as long as it takes, and measure the share of the noise that it has learned. This separates "it has no room" from "it is slow".
#
# **Predict before you run.** For $k$ = 8, 16 and 32, the counts $p/N$ are 3 %, 10 % and 36 %. Are these walls, at which the shares stop? And for more noise, should $k$ be larger or smaller?

# %%
widths, room = (8, 16, 32), {}
for k in widths:
    weights = sum(p.numel() for p in Decoder(k).parameters())
    learned = []
    for step in decode(0.5 + noise[:1], k, runtime.pick(quick=800, full=3000)):
        if step.iteration in (100, 400, step.total):
            product = ((step.estimate - 0.5) * noise[:1]).sum()
            learned.append((product / noise[:1].square().sum()).item())
    room[k] = weights / x.numel(), learned
    row = ", ".join(f"{share:.3f}" for share in learned)
    print(
        f"k = {k:2}: p/N = {room[k][0]:.3f}; noise learned after 100, 400 and", end=" "
    )
    print(f"{step.total} iterations: {row}")

# %%
decoded = {}
for level in (10, 25, 50):
    y = add_gaussian(x, level / 255, seed=0)
    for k in widths:
        history = run(decode(y, k, 600), truth=x).history
        decoded[level, k] = history["iteration"], history["psnr_average"]
    row = ", ".join(f"k = {k:2}: {decoded[level, k][1][-1]:.2f}" for k in widths)
    print(f"sigma {level:2}, after 600 iterations: {row} dB")
skip = run(deep_image_prior(noisy[0], iterations=400), truth=x).history
curves = {f"Deep Decoder, k = {k}": decoded[25, k] for k in widths}
curves["skip network"] = skip["iteration"], skip["psnr_average"]
alt = "PSNR over iterations: the decoder with 8 channels rises slowly to the end, that "
alt += "with 16 is level, that with 32 peaks and falls; the skip network rises "
alt += "highest and falls farthest."
axes = dict(log_x=True, x_range=(10, 600), y_range=(18, 33))
show_curves(curves, "iteration", "PSNR of the average (dB), sigma 25", alt, **axes)

# %% [markdown]
# <details><summary>Answer</summary>
#
# No, $p/N$ is no wall: with $k = 16$ the share has passed it, and none of the three has quite stopped. But it is a good estimate of where the share becomes slow; in one longer run of 2000 iterations for each width (`benchmarks/RESULTS.md`) it ended within a fifth of $p/N$. So a count of weights that is made before the run says roughly how much variance to expect in the end, about $\sigma^2 p / N$.
# For more noise, $k$ should be smaller, as the table shows, because the variance grows with $\sigma^2$, whereas the bias of a narrow decoder does not. People often expect that a harder problem needs a larger network.
#
# </details>
#
# The count also explains the curves. With 32 channels, a third of the noise fits, so that this decoder peaks and falls like any other network, only less deep. With 8 channels almost no noise fits, but the image does not fit either: its curve is still rising when it ends, and even after 2000 iterations it stayed below 26 dB in one run.
# The skip network rises highest, and has to be stopped.
#
# So the question "when to stop" did not go away: it became "how many channels", with the same trade-off of bias against variance. In this one run the best stopped skip network is better than each of the decoders. What the count gains is that it can be made *before* the run, without the truth and without a validation set.

# %% tags=["nbval-check-output"]
final = {key: values[-1] for key, (_, values) in decoded.items()}
best_k = {level: max(widths, key=lambda k: final[level, k]) for level in (10, 25, 50)}
fall = {k: max(decoded[25, k][1]) - final[25, k] for k in widths}
print("our decoder and the library's give the same estimate:", same_decoder)
print(
    "for noise alone, the share learned is within a factor of one and a half of p/N:",
    all(1 / 1.5 < learned[-1] / count < 1.5 for count, learned in room.values()),
)
print(
    "the best k never grows with the noise, and is smaller at 50 than at 10:",
    best_k[10] >= best_k[25] >= best_k[50] < best_k[10],
)
print("the widest decoder falls by half a decibel or more:", fall[32] > 0.5)
print(
    "the skip network peaks higher than each decoder, and falls by 1 dB or more:",
    max(skip["psnr_average"]) > max(max(decoded[25, k][1]) for k in widths)
    and max(skip["psnr_average"]) > skip["psnr_average"][-1] + 1,
)

# %% [markdown]
# ## 6. What is proven, and what is repeated
#
# | statement | status |
# | --- | --- |
# | In a model that is linear in its weights, gradient descent learns each eigenvector at its own speed. | Proven; the formula of section 3. |
# | Infinitely wide networks, suitably scaled, follow their linear model under gradient descent. | Proven in that limit (Jacot and others, 2018). At $k = 1024$ we measured a few per cent. |
# | A wide convolutional generator of two layers, fitted by gradient descent and stopped early, denoises smooth signals. | Proven for that network (Heckel and Soltanolkotabi, 2020). |
# | A decoder with few weights can hold only little noise. | Proven for a decoder of one layer (Heckel and Hand, 2019); measured above for four. |
# | Low frequencies come first in the networks that we use. | Measured, here and elsewhere. Not proven for Adam with batch normalization. |
# | The wide limit explains the deep image prior. | Not with Adam: the weights of hidden layers move further, and the filter adapts to the image during the run (Tachella, Tang and Davies, 2021). Section 2 saw an adaptation, too: beside an image, the same noise is learned at another speed, and in another colour first. |
# | "The architecture knows natural images." | Half true. Clouds with the spectrum and the colours of a photograph are denoised as well; structure adds a decibel or two (section 2). |
# | The valley of the windowed variance lies at the peak. | Often true, measured; nothing guarantees it. |
# | The spread of a network's outputs under weight noise (SGLD) shows how sure it is. | Not as commonly run (appendix B). |

# %% [markdown]
# ## Appendix A. Make the fall smaller
#
# If nobody can say when to stop, it should not matter so much. Two additions to the loss resist the noise while it comes in. The next cell imports both methods, and does not build them.
#
# - **DIP + TV** (Liu and others, 2019) adds the total variation of the output, which lesson 01 defined. Noise makes neighbours differ everywhere, so that it is penalised everywhere.
# - **DeepRED** (Mataev, Elad and Milanfar, 2019) keeps a second image $v$. Two terms act on it: $v$ must stay close to the network's output, and a classical denoiser applied to $v$ must change it little. Here the denoiser is non-local means (NLM).
#
# **Predict before you run.** Will they change the peak, the fall, or both? And will they beat NLM by itself?

# %%
from dil_course.from_scratch import deep_red, dip_tv, non_local_means


def nlm(image):
    return non_local_means(image, sigma, strength=0.8)


penalised = {
    "DIP + TV": dip_tv(noisy[0], iterations=400),
    "DeepRED": deep_red(noisy[0], nlm, iterations=400),
}
histories = {name: run(steps, truth=x).history for name, steps in penalised.items()}
histories = {"plain": skip} | histories
curves = {n: (h["iteration"], h["psnr_average"]) for n, h in histories.items()}
strengths = [non_local_means(noisy[0], sigma, strength=s) for s in (0.6, 0.8, 1)]
classical = max(psnr(image, x) for image in strengths)
curves["NLM, best of three strengths"] = ([1, 400], 2 * [classical])
alt = (
    "PSNR over iterations: the plain run peaks and falls far, DeepRED peaks lower and "
)
alt += "falls less, DIP + TV peaks highest and hardly falls."
axes = dict(x_range=(30, 400), y_range=(25, 34))
show_curves(curves, "iteration", "PSNR of the average (dB)", alt, **axes)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both slow the decline. Total variation also raises the peak, and DeepRED *lowers* it. NLM by itself, at the best of three strengths, is above the best average of DeepRED and even of the plain run; only DIP + TV is better. (Strength and peaks are all chosen with the truth.) In three more runs, on two images (`benchmarks/RESULTS.md`), DeepRED was below the plain run as well; on the face, both were above NLM. A penalty that resists the noise resists detail as well, and which of the two it resists more depends on the image.
# Many people expect every regulariser to help, because each of these papers reports that it does, on its own images and with its own weights.
#
# </details>
#
# This rim of a cup, with its smooth areas and long edges, is what total variation likes. We took the library's weights as they come; each method brings a weight that must be chosen, so that the choice has again moved to another place. DeepRED also needs $\sigma$ for its denoiser.

# %% tags=["nbval-check-output"]
top = {name: max(h["psnr_average"]) for name, h in histories.items()}
falls = {name: top[name] - h["psnr_average"][-1] for name, h in histories.items()}
print(
    "total variation makes the fall less than half as deep:",
    falls["DIP + TV"] < falls["plain"] / 2,
)
print(
    "DeepRED makes it at least a quarter less deep:",
    falls["DeepRED"] < 0.75 * falls["plain"],
)
print(
    "total variation has the highest peak, DeepRED the lowest:",
    top["DIP + TV"] > top["plain"] > top["DeepRED"],
)

# %% [markdown]
# ## Appendix B. How sure is it?
#
# One more way not to stop is never to settle. **Stochastic gradient Langevin dynamics** (SGLD; for this prior, Cheng and others, 2019) adds noise to the *weights* after each step, so that they wander, and the outputs with them. After a burn-in of 250 steps, a number that we chose, the outputs are averaged.
# Their standard deviation, per value, is offered as an error bar: where the outputs disagree, the network is unsure.
#
# In theory, such a walk draws from a **posterior**, the distribution of all images that fit the data and the prior. If in addition the errors were Gaussian, the truth would lie within two standard deviations of the mean for 95 % of all values.
# An error bar should be right *where it is used*, and not only on average. We therefore count the **coverage** separately at edges (the steepest fifth of the pixels of $x$) and in flat parts (the flattest half).
#
# **Predict before you run.** We walk twice: with the authors' strength of the weight noise, twice the learning rate, and with a quarter of it. If the standard deviation measures uncertainty about the image, should it depend on how much noise we inject? And will the coverage be the same at edges and in flat parts?

# %%
from dil_course.from_scratch import Posterior, sgld_dip

walks = {}
for weight_noise in (2.0, 0.5):
    walks[weight_noise] = posterior = Posterior(burn_in=250, every=5)
    options = dict(
        weight_noise=weight_noise, iterations=runtime.pick(quick=500, full=4000)
    )
    run(sgld_dip(noisy[0], **options), stop=posterior)

# %%
gray = x.mean(1, keepdim=True)
slope = torch.hypot(*torch.gradient(gray[0, 0]))
places = {"edges": slope > slope.quantile(0.8), "flat": slope < slope.quantile(0.5)}
places["all"] = torch.ones_like(slope, dtype=torch.bool)
covered, shown = {}, {}
for weight_noise, posterior in walks.items():
    wrong_by = (posterior.estimate - x).abs()
    print(f"weight noise {weight_noise}: mean {psnr(posterior.estimate, x):.1f} dB")
    for place, mask in places.items():
        here, deviation_here = wrong_by[..., mask], posterior.spread[..., mask]
        share = (here <= 2 * deviation_here).float().mean().item()
        covered[weight_noise, place] = share
        print(f"    {place:5} covered {share:.1%}, standard deviation", end=" ")
        print(
            f"{deviation_here.mean():.3f}, rms error {here.square().mean().sqrt():.3f}"
        )
    shown[f"standard deviation, weight noise {weight_noise}"] = posterior.spread
    shown[f"error, weight noise {weight_noise}"] = wrong_by
maps = {name: image.mean(1, keepdim=True) / 0.1 for name, image in shown.items()}
alt = "Standard deviation and error of two walks, black is 0 and white is 0.1 or more. "
alt += "At edges the errors are larger than the standard deviations; in flat parts of "
alt += "the first walk they are smaller."
show_images(maps, alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# It should not depend on it. In this run the standard deviations of the two walks are indeed nearly the same, which proves little, because a walk that drifts towards $y$ also spreads (we did not separate drift from wander). Their means are not equally good: with less weight noise, the walk follows the noise of $y$, the errors are larger, and the same error bar covers less. And in neither walk is the coverage the same at edges and in flat parts.
# With the authors' strength, the average over all values is near 95 %, because two errors cancel: flat parts are covered too often, and edges too rarely. At the edges, where one would like to know, the error is larger than the standard deviation says.
#
# </details>
#
# The mean of the stronger walk is about as good as the peak of the plain run, although nobody chose the iteration, only the burn-in; that alone can be worth the walk. The map is useful as a rough *ranking*, because it tends to be large where the error is large. (In the figure, black is 0 and white 0.1 or more.) As an error bar it is right only on average, and for one setting.
# There are two reasons. Noise after a step of Adam is not the Langevin dynamics of the theory; and what *all* outputs of a walk get wrong together, which is the bias of section 1, their differences cannot show. Edges are where that bias lies. Each row is one walk on one image. On a second image, a face, two walks with the authors' strength covered only 90 and 92 % of all values (`benchmarks/RESULTS.md`), so that the 95 % belong to this cup.

# %% tags=["nbval-check-output"]
posterior = walks[2.0]
wrong_by = (posterior.estimate - x).abs()
both = torch.stack([m.mean(1).flatten() for m in (posterior.spread, wrong_by)])
print(
    "where the standard deviation is larger, the error is larger (correlation > 1/4):",
    bool(torch.corrcoef(both)[0, 1] > 1 / 4),
)
print(
    "edges are covered less often than flat parts, in both walks:",
    covered[2.0, "edges"] < covered[2.0, "flat"] - 0.03
    and covered[0.5, "edges"] < covered[0.5, "flat"] - 0.01,
)
print(
    "with less weight noise, fewer values are covered:",
    covered[0.5, "all"] < covered[2.0, "all"] - 0.02,
)
print(
    "the mean of the first walk is within 1 dB of the peak of the plain run:",
    psnr(posterior.estimate, x) > top["plain"] - 1,
)

# %% [markdown]
# ## Quiz
#
# Choose an answer to each question and open it, by a click or with *Tab* and *Enter*. Below it stands whether it is right, and why. The other answers are worth opening, too.
#
# **1.** You repeat a run with six draws of the noise and split its error. What does the error consist of at the best iteration?
#
# <details><summary>A. Of bias and of variance: the image is not complete yet, and some noise is already in.</summary>
#
# **Right.** The best moment is where one part falls as fast as the other rises, and not where one of them is zero. In section 1 both were a sizeable share of the error.
#
# </details>
# <details><summary>B. Of bias and variance in equal parts, because the best moment is where their curves cross.</summary>
#
# **Wrong.** The minimum of a sum is where the *slopes* cancel. On logarithmic axes a gentle rise of the larger part balances a steep fall of the smaller one.
#
# </details>
# <details><summary>C. Of bias only, because the noise begins to come in after the best moment.</summary>
#
# **Wrong.** There is no moment at which the network turns to the noise. The variance rises long before the best iteration, while the image is still being learned.
#
# </details>
# <details><summary>D. Of variance only, because the image has been learned completely by then.</summary>
#
# **Wrong.** The bias falls during the whole run, also after the best iteration. Some of the image is always missing when it is best to stop.
#
# </details>
# <br>
#
# **2.** "The network learns low frequencies first, and noise has high frequencies. That is why it denoises." Which observation of the lesson shows that this is not the whole truth?
#
# <details><summary>A. Clouds with the spectrum of the photograph, but without its edges, are denoised as well.</summary>
#
# **Wrong.** This agrees with the sentence, since the clouds have nothing but the spectrum and the colours of the photograph.
#
# </details>
# <details><summary>B. The coarse part of the noise comes in sooner than its fine part does.</summary>
#
# **Wrong.** This agrees with the sentence: of the noise, too, the low frequencies come first.
#
# </details>
# <details><summary>C. The variance begins to rise while the bias is still falling.</summary>
#
# **Wrong.** This contradicts the idea of two phases, but it says nothing about frequencies.
#
# </details>
# <details><summary>D. Within one band of frequencies, the image comes in several times sooner than the noise.</summary>
#
# **Right.** A map that only looked at the frequency would treat image and noise of the same band in the same way. Structure and colour matter as well.
#
# </details>
# <br>
#
# **3.** You use the discrepancy principle with a σ that is 50 % too large. What happens to the run?
#
# <details><summary>A. It stops at the right moment, because the residual depends on the image and not on σ.</summary>
#
# **Wrong.** The residual indeed depends on the run only, but the number that it is compared with is $\sigma$.
#
# </details>
# <details><summary>B. It stops far too early, because the blurred output already agrees with the data to within σ.</summary>
#
# **Right.** The rule ends the run when the residual is as small as the noise is thought to be. A large $\sigma$ is reached in the first iterations, when most of the image is still missing.
#
# </details>
# <details><summary>C. It stops far too late, because the rule now has more noise to wait for.</summary>
#
# **Wrong.** A rule that waits longer is one with too *small* a $\sigma$: it asks for a residual that is reached only when noise has been fitted.
#
# </details>
# <details><summary>D. It stops somewhat late, and the estimate keeps half of the noise.</summary>
#
# **Wrong.** Half too much does not mean that half of the noise stays. The residual is compared with a larger number, and it comes below this number sooner.
#
# </details>
# <br>
#
# **4.** The noise of your camera is correlated between neighbouring pixels. What do you expect of the rule that holds out single pixels at random?
#
# <details><summary>A. It is not affected, because it does not need to know σ.</summary>
#
# **Wrong.** That a rule does not need $\sigma$ is no protection. It needs another assumption in its place, and here this assumption is violated.
#
# </details>
# <details><summary>B. It is not affected, because the held-out pixels take no part in the fit.</summary>
#
# **Wrong.** They take no part, but their neighbours do, and these contain a part of the same noise.
#
# </details>
# <details><summary>C. It may stop too late, because the noise of a held-out pixel can be predicted from its neighbours.</summary>
#
# **Right.** The rule assumes that the noise of different pixels is independent. Otherwise the prediction of held-out pixels goes on improving while noise is being learned.
#
# </details>
# <details><summary>D. It stops too early, because correlated noise is learned more slowly than white noise.</summary>
#
# **Wrong.** Noise that neighbours share has more power at low frequencies, which are learned sooner, not later.
#
# </details>
# <br>
#
# **5.** For noise of 25/255 a Deep Decoder with 16 channels is better than those with 8 and 32. Now the noise is twice as strong. Which direction is worth trying?
#
# <details><summary>A. Fewer channels, because the variance grows with the noise and the bias does not.</summary>
#
# **Right.** A decoder with $p$ weights holds about the share $p/N$ of the noise. With stronger noise the best compromise moves to a smaller $p$.
#
# </details>
# <details><summary>B. More channels, because a harder problem needs a larger network.</summary>
#
# **Wrong.** More weights have more room for noise. What is hard here is to keep the noise out, and not to represent the image.
#
# </details>
# <details><summary>C. More channels, provided that one does not stop the run early.</summary>
#
# **Wrong.** Without an early stop, the wide decoder fits its share of the noise completely, and this share grows with the number of weights.
#
# </details>
# <details><summary>D. The same number, because the image has not changed and still needs as many weights.</summary>
#
# **Wrong.** The image needs as many weights as before, but each of them now lets in more noise. The compromise between the two has moved.
#
# </details>

# %% [markdown]
# ## Exercises
#
# 1. **The best step, beforehand.** Suppose that the noise of section 3 had a standard deviation of 0.15 instead of 0.3. Compute the best step from `after` and `bias_and_variance`, on a finer ladder, for both noise levels. Then run `descend(1024, ...)` with `line + 0.5 * line_noise[0]`, and compare.
# 2. **What does averaging reduce?** Replace the single outputs in `runs` by their running average (weights as in lesson 03), and compute bias and variance again. Which of them does the average lower, at the best iteration and at the end?
# 3. **The other half of the image.** Section 2 kept the strength of the frequencies and removed the structure. Do the opposite: keep the phases of $x$, and give every coefficient the same strength (a *whitened* image, around 0.5 with a standard deviation of 0.1, which the sigmoid can follow). Predict whether `alone(white + noise[:1], iterations)` learns it like the image or like the noise.
#
# <details><summary>Solution 1</summary>
#
# ```python
# steps = list(range(1, 400))
# for level in (1, 0.5):
#     lines = line + level * line_noise
#     e = torch.stack([after(t, 2, lines) for t in steps], dim=1)[..., None]
#     total = sum(bias_and_variance(e, line[:, None]))
#     real, _ = descend(1024, line + level * line_noise[0], steps=400)
#     measured = (real - line).square().mean(1).argmin()
#     print(0.3 * level, steps[int(total.argmin())], int(measured))
# ```
#
# With half the noise, the best step comes about one and a half times as late, in the formula and in the run. A single line differs from the expectation by some steps, because the formula averages over 200 draws. This is the finding of lesson 03 (more noise, earlier peak), now computed before the run.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# ```python
# average, averages = runs[:, 0], []
# for i in range(iterations):
#     weight = min(0.99, (i + 1) / (i + 11)) if i else 0
#     average = average.lerp(runs[:, i], 1 - weight)
#     averages.append(average)
# b, v = bias_and_variance(torch.stack(averages, dim=1), x)
# at = int((b + v).argmin())
# for i, j in ((best, at), (-1, -1)):
#     print(f"single {bias[i]:.5f} {variance[i]:.5f}, average {b[j]:.5f} {v[j]:.5f}")
# ```
#
# It lowers the variance, because outputs of different iterations carry different parts of the noise, and because the average lags behind, so that it still contains outputs from before the noise. It does not lower the bias: at the end it even raises it, since the average keeps some of the early blur. With $z$ fixed, neighbouring outputs are nearly equal, so that the gain is small; with noise on $z$ it is larger (lesson 03).
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# ```python
# spectrum_of_x = torch.fft.fft2(x - x.mean((2, 3), keepdim=True))
# white = torch.fft.ifft2(spectrum_of_x / spectrum_of_x.abs().clamp(min=1e-6)).real
# white = 0.5 + 0.1 * white / white.std()
# white_run = outputs(alone(white + noise[:1], iterations))
# for part in (white - 0.5, noise[:1]):
#     print([half(s) for s in shares(white_run, part)])
# print(max(psnr(image, white) for image in white_run.split(1)), psnr(white + noise[:1], white))
# ```
#
# Like neither. Its bands still come sooner than the noise of the same band, except the lowest, and the highest comes sooner than that of the image, because it is now as strong as the others. But the noise no longer waits: in the upper bands it comes at about half of the iterations that it needs beside $x$. In our run the best output gained between 2 and 3 dB over the noisy image, where the cup gains more than 8. Edges and colours are still there; without a falling spectrum they help this network only a little to denoise.
#
# </details>
#
# ## Summary
#
# 1. The error of a run is bias plus variance. The bias falls, the variance rises, and the best moment is where their slopes cancel: semi-convergence, as for Landweber's iteration.
# 2. Low frequencies come before high ones. Within a band, the image comes sooner than the noise even where it is weaker, partly because it has structure, and on colour images also because its colours go together: the run adapts to the image, and noise of the same colour comes in with it.
# 3. For a wide, shallow network and gradient descent, the run can be computed beforehand from the eigenvalues of the tangent kernel $J J^T$. That formula is linear in $y$, and the deep image prior is not.
# 4. Three rules stop without the truth, by a known $\sigma$, by held-out pixels, or by the rest of the outputs. Check what a rule assumes before you rely on it.
# 5. A Deep Decoder holds about a share $p/N$ of the noise. It replaces the choice of an iteration by the choice of a width.
# 6. **What breaks it:** fine texture, a wrong $\sigma$, noise that neighbours share, and error bars taken at face value.
#
# **Papers.** H. Wang and others, [*Early Stopping for Deep Image Prior*](https://arxiv.org/abs/2112.06074), 2021: the windowed variance.
# L. Landweber, [*An Iteration Formula for Fredholm Integral Equations of the First Kind*](https://doi.org/10.2307/2372313), American Journal of Mathematics 1951: the descent of section 3.
# Y. Yao, L. Rosasco, A. Caponnetto, [*On Early Stopping in Gradient Descent Learning*](https://doi.org/10.1007/s00365-006-0663-2), Constructive Approximation 2007: stopping as a bias-variance trade-off, with proofs.
# N. Rahaman and others, [*On the Spectral Bias of Neural Networks*](https://arxiv.org/abs/1806.08734), ICML 2019: low frequencies come first in fully connected networks.
# P. Chakrabarty, S. Maji, [*The Spectral Bias of the Deep Image Prior*](https://arxiv.org/abs/1912.08905), 2019: the same for this prior.
# Z. Shi, P. Mettes, S. Maji, C. Snoek, [*On Measuring and Controlling the Spectral Bias of the Deep Image Prior*](https://arxiv.org/abs/2107.01125), IJCV 2022: the measure per band, and layers that control it.
# A. Jacot, F. Gabriel, C. Hongler, [*Neural Tangent Kernel*](https://arxiv.org/abs/1806.07572), NeurIPS 2018: the kernel, in the limit of infinite width.
# L. Chizat, E. Oyallon, F. Bach, [*On Lazy Training in Differentiable Programming*](https://arxiv.org/abs/1812.07956), NeurIPS 2019: when a model stays close to its linearisation.
# Y. Cho, L. Saul, *Kernel Methods for Deep Learning*, NeurIPS 2009: the probability in the kernel of section 3.
# R. Heckel, M. Soltanolkotabi, [*Denoising and Regularization via Exploiting the Structural Bias of Convolutional Generators*](https://arxiv.org/abs/1910.14634), ICLR 2020: the model of section 3, and a proof that stopping it early denoises.
# J. Tachella, J. Tang, M. Davies, [*The Neural Tangent Link Between CNN Denoisers and Non-Local Filters*](https://arxiv.org/abs/2006.02379), CVPR 2021: the kernel of a convolutional network is a non-local filter, which Adam changes.
# R. Heckel, P. Hand, [*Deep Decoder*](https://arxiv.org/abs/1810.03982), ICLR 2019: the network of section 5.
# J. Liu and others, [*Image Restoration using Total Variation Regularized Deep Image Prior*](https://arxiv.org/abs/1810.12864), ICASSP 2019, and G. Mataev, M. Elad, P. Milanfar, [*DeepRED*](https://arxiv.org/abs/1903.10176), ICCV Workshops 2019: the two penalties of appendix A.
# Z. Cheng and others, [*A Bayesian Perspective on the Deep Image Prior*](https://arxiv.org/abs/1904.07457), CVPR 2019: the walk of appendix B.
#
# **Next.** Lesson 06 estimates the error itself without the truth, so that the best iteration can be read off.
#
# **Problem set.** [Problem set 05](../exercises/ps05_when_to_stop/ps05_when_to_stop.ipynb): windowed variance, the U derived, how wide a decoder may be, honest error bars, three runs that end badly.
