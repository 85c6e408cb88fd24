# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Beyond images
#
# So far nearly every signal in this course was a photograph. A heartbeat, a video and a scan have patterns, too, and nothing in the deep image prior asks for a photograph.
# In this lesson you carry internal learning to other signals, set a strong classical method beside it each time, and ask one question throughout: **which prior carries over, and when does it add information that the data do not hold?**
#
# **What you will be able to do**
# - build an implicit representation (SIREN, Fourier features) by hand, and say from the spacing of the samples which scales are too large;
# - denoise an electrocardiogram and fill its gaps, and say which gaps no smooth prior can fill;
# - remove flicker from a video with one network for all frames, and stop it by frames that it has not seen;
# - reconstruct a scan from a quarter of its measurements, and stop by measurements that were held out;
# - compute which symmetry can add information to a forward model, and which cannot;
# - separate two layers, and say why a second mixture is worth more than a second network.
#
# **Before you start.** Lesson 01 (operators, total variation), lesson 02 (recurrence, non-local means), lesson 03 (deep image prior) and lesson 05 (held-out pixels, spectral bias).
#
# **Time.** About two minutes of computing on 2 CPU cores, three hours with reading and predicting.
# On a GPU: not measured.

# %%
import io

import numpy as np
import torch
from PIL import Image
from scipy.interpolate import CubicSpline, RectBivariateSpline
from scipy.interpolate import make_smoothing_spline
from torch import nn

from dil_course import runtime
from dil_course.checks import compare, note_if_stopped
from dil_course.figures import Film, explore, figure_with
from dil_course.figures import show_curves, show_images
from dil_course.fitting import Step, run, watch
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import FourierFeatures, Siren, coordinates, small_skip_network
from dil_course.signals import Mask, add_gaussian, ecg, picture, psnr, to_array

device = runtime.device()


def score(estimate, truth):
    return psnr(estimate.clamp(0, 1), truth)


# %% [markdown]
# ## 1. An image as a function of the place
#
# A convolutional network makes all pixels at once, and each depends on its neighbours. Here is the opposite: a small perceptron receives one *place* $v = (\text{row}, \text{column})$ and returns the value there,
#
# $$f_\theta : v \in [-1, 1]^2 \;\longmapsto\; x(v) .$$
#
# The weights *are* the image, which is why this is called an **implicit representation**. It knows no pixel grid, so that it can be asked between the samples, and a signal of any dimension is as good as an image: only the number of coordinates changes.
#
# An ordinary perceptron with ReLU learns low frequencies first and high ones hardly at all: the spectral bias of lesson 05, which Rahaman and others found in just such networks. There are two well-known remedies.
#
# **Fourier features** (Tancik and others, 2020) hand the perceptron sines and cosines of the place instead of the place itself,
#
# $$\gamma(v) = \big(\cos 2\pi B v, \; \sin 2\pi B v\big), \qquad B_{ij} \sim \mathcal N(0, s^2),$$
#
# with a fixed random matrix $B$ and the place rescaled to $[0,1]^2$. The **scale** $s$ is the standard deviation of its frequencies, in periods per side of the image. **SIREN** (Sitzmann and others, 2020) has sines as activations, $\sin(\omega_0 (W v + b))$, in every layer, and $\omega_0$ plays the part of the scale.
# Both are a dozen lines. Convolutions of 1 × 1 pixel apply the same perceptron to every place.


# %%
class MyFeatures(nn.Module):
    def __init__(self, scale, count=64, width=64):
        super().__init__()
        self.register_buffer("B", scale * torch.randn(count, 2))
        layers, sides = [], [2 * count, width, width, width]
        for a, b in zip(sides, sides[1:]):
            layers += [nn.Conv2d(a, b, 1), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(width, 1, 1), nn.Sigmoid())

    def forward(self, v):
        phases = 2 * torch.pi * torch.einsum("fc,nchw->nfhw", self.B, (v + 1) / 2)
        return self.body(torch.cat([phases.cos(), phases.sin()], 1))


# %%
class MySiren(nn.Module):
    def __init__(self, frequency, width=64, depth=4):
        super().__init__()
        self.frequency, sides = frequency, [2, *[width] * depth]
        self.sines = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(sides, sides[1:]))
        self.last = nn.Conv2d(width, 1, 1)
        for layer in (*self.sines, self.last):
            bound = (6 / layer.in_channels) ** 0.5 / frequency
            bound = 1 / layer.in_channels if layer is self.sines[0] else bound
            nn.init.uniform_(layer.weight, -bound, bound)

    def forward(self, v):
        for layer in self.sines:
            v = torch.sin(self.frequency * layer(v))
        return (1 + self.last(v)) / 2


# %% [markdown]
# The initial weights of SIREN look odd, but they matter: with these bounds the sines of every layer have about the same distribution, however deep the network is. The library has both as `FourierFeatures` and `Siren`.

# %%
side = 96
places = coordinates(side, side).to(device)
pairs = {
    "Fourier features": (MyFeatures, FourierFeatures, {"scale": 5}),
    "SIREN": (MySiren, Siren, {"frequency": 30}),
}
same = []
for name, (*classes, settings) in pairs.items():
    outputs = []
    for make in classes:
        with runtime.seeded(0):
            outputs.append(make(**settings).to(device)(places).detach())
    same.append(compare(name, *outputs))

# %% [markdown]
# ### Every other pixel
#
# Now the experiment of Tancik and others, at a laptop's size. We show the network every other pixel of every other row, a quarter of the image, and ask it for all of them. Its loss is the mean squared error on the pixels it has seen.
#
# **Predict before you run.** The network is fitted with $s = 1$, $s = 3$ and $s = 20$. Which one fits the *seen* pixels best, and which one predicts the *others* best?


# %%
man = picture("camera", side=side).mean(1, keepdim=True).to(device)
seen = torch.zeros_like(man)
seen[..., ::2, ::2] = 1


def fit_places(network, iterations=150, learning_rate=3e-3):
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    known, target = places[..., ::2, ::2], man[..., ::2, ::2]
    for iteration in range(1, iterations + 1):
        loss = (network(known) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration % 5 == 1 or iteration == iterations:
            with torch.no_grad():
                estimate = network(places)
        yield Step(iteration, iterations, loss.detach(), estimate, averaged=True)


def split_score(estimate):
    squares = (estimate.clamp(0, 1) - man).square()
    return [-10 * squares[seen == s].mean().log10().item() for s in (1, 0)]


# %%
film, results = Film(truth=man, crop=(18, 30, 36)), {}
for scale in (1, 3, 20):
    with runtime.seeded(0):
        network = FourierFeatures(scale=scale).to(device)
    steps = film.record(f"scale {scale}", fit_places(network))
    results[scale] = await watch(steps, truth=man)
film.show(
    "A man at a camera from every other pixel: blurred at scale 1, sharp at scale 3, "
    "and covered with noise between the samples at scale 20.",
    at=(1, 11, 31, 76, 150),
)

# %% [markdown]
# The cubic spline through the same samples is the classical answer. Here are the scores on both kinds of pixels.

# %%
grid = np.arange(0, side, 2)
small = man[0, 0, ::2, ::2].cpu().numpy()
spline = RectBivariateSpline(grid, grid, small)(np.arange(side), np.arange(side))
spline = torch.from_numpy(spline).to(man)[None, None]
table = {f"scale {s}": result.estimate for s, result in results.items()}
table["cubic spline"] = spline
scores = {name: split_score(x) for name, x in table.items()}
for name, (on_seen, on_rest) in scores.items():
    known = "exact " if on_seen > 90 else f"{on_seen:.1f} dB"
    print(f"{name:14} seen pixels {known}, the others {on_rest:.1f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Of the three, the largest scale fits the seen pixels best, and predicts the others no better than a constant gray image would. Many expect a network with a lower training error to be the better one, and here this goes wrong by some 15 dB.
# After these 150 iterations scale 1 is underfitted (its curve still rises), scale 20 overfitted, and the middle one is good, **just as good as a cubic spline**.
#
# </details>
#
# Where does a scale become too large? In a *linear* model on the features, the inner product of the features of two places says how much one place learns from the other; for the perceptron behind them it is a guide. Since $\cos a \cos b + \sin a \sin b = \cos(a - b)$, and the mean of a cosine under a Gaussian is a Gaussian, for many features and up to a constant factor
#
# $$\gamma(v) \cdot \gamma(v') \;\to\; e^{-2 \pi^2 s^2 \|v - v'\|^2} ,$$
#
# a Gaussian that falls to $1/e$ at a distance of $1 / (\sqrt 2 \pi s)$ sides. The samples are two pixels apart. The next explorer prints this reach in pixels: move the scale, and look for the point at which neighbours no longer inform each other.

# %%
scales = (0.5, 1, 2, 3, 5, 8, 12, 20)
by_scale = {}
for scale in scales:
    with runtime.seeded(0):
        network = FourierFeatures(scale=scale).to(device)
    by_scale[scale] = run(fit_places(network)).estimate
both = np.array([split_score(by_scale[scale]) for scale in scales])
sweep = {"seen pixels": (scales, both[:, 0]), "the others": (scales, both[:, 1])}


def draw(scale):
    reach = side / (2**0.5 * torch.pi * scale)
    pictures = {f"scale {scale}: reach {reach:.1f} px": by_scale[scale]}
    here = {"here": (scale, both[scales.index(scale), 1])}
    labels = ("scale s, periods per side", "PSNR (dB)")
    return figure_with(pictures, sweep, *labels, columns=1, log_x=True, marks=here)


alt = "Beside the estimate, PSNR over the scale: on the seen pixels it rises and stays "
alt += "high, on the others it peaks near scale 3 and then falls far below."
explore(draw, alt, static={"scale": [3, 20]}, scale=list(scales))

# %% [markdown]
# The peak lies where the reach is several pixels. Once the reach falls below the spacing of the samples, the fit to them says little about the pixels between them. The film of scale 20 begins with a flat gray; as the samples are fitted, noise grows everywhere else.
# So the scale is a **bandwidth**, chosen by us. In lesson 05 the bias towards low frequencies came with the convolutional network, and early stopping made use of it; here we set it before the fit, whereas stopping early helped little at scale 20.
#
# Did the network add information? Its prior is smoothness, and a spline has the same. In `benchmarks/RESULTS.md` the spline is compared with several scales of both networks on three images. The best network, chosen with the truth, was level with it on the photograph and 0.7 dB ahead on an image of text; on an MR slice SIREN was level and Fourier features stayed 3 dB behind. The spline has nothing to choose.

# %% tags=["nbval-check-output"]
print("both networks by hand agree with the library's:", all(same))
print(
    "scale 1 is too smooth: scale 3 is better on both kinds of pixels:",
    bool((np.array(scores["scale 3"]) > np.array(scores["scale 1"]) + 1).all()),
)
print(
    "scale 20 fits seen pixels 20 dB better than the others:",
    scores["scale 20"][0] > scores["scale 20"][1] + 20,
)
print(
    "on the others scale 3 beats it by 10 dB:",
    scores["scale 3"][1] > scores["scale 20"][1] + 10,
)
print(
    "but not the cubic spline, by more than half a decibel:",
    scores["scale 3"][1] < scores["cubic spline"][1] + 0.5,
)

# %% [markdown]
# ### The weights as a file
#
# If the weights are the image, we can store them in its place. **COIN** (Dupont and others, 2021) fits a small SIREN, rounds its weights to 16 bits, and calls that a compressed image. The number of weights sets the size of the file.
#
# **Predict before you run.** JPEG is from 1992, and neither of the two has learned from other images. At one bit per pixel, which is ahead?


# %%
def coin(width, iterations=400):
    with runtime.seeded(0):
        network = Siren(1, 2, width, depth=3).to(device)
    optimizer = torch.optim.Adam(network.parameters())
    for iteration in range(iterations):
        optimizer.param_groups[0]["lr"] = 5e-3 * (1 - iteration / iterations)
        loss = (network(places) - man).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.half().float()  # what 16 bits keep of the weights
    count = sum(weights.numel() for weights in network.parameters())
    return 16 * count / man.numel(), score(network(places).detach(), man)


# %%
def jpeg(quality):
    file = io.BytesIO()
    options = dict(quality=quality, optimize=True)
    Image.fromarray(to_array(man.cpu())).save(file, "JPEG", **options)
    read = torch.from_numpy(np.array(Image.open(file)))[None, None] / 255
    return 8 * len(file.getvalue()) / man.numel(), score(read.to(man), man)


coins = np.array([coin(width) for width in (10, 16, 22)])
jpegs = np.array([jpeg(quality) for quality in (2, 5, 10, 20, 40, 60, 80, 85)])
alt = "PSNR over bits per pixel: both rise, and JPEG lies several decibels above the "
alt += "implicit representation at all three sizes."
curves = {"implicit (COIN)": tuple(coins.T), "JPEG": tuple(jpegs.T)}
show_curves(curves, "bits per pixel", "PSNR (dB)", alt)
behind = np.interp(coins[:, 0], *jpegs.T) - coins[:, 1]
print("JPEG is ahead by", ", ".join(f"{b:.1f}" for b in behind), "dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# JPEG, by several decibels, although its headers count in these small files. It is one image, one start and 400 iterations; in similar runs, 2000 iterations in place of 500 gained a decibel at most.
# The paper fits far larger photographs (Kodak) with 50,000 iterations, and reports gains over JPEG at low rates.
#
# </details>

# %% tags=["nbval-check-output"]
print("JPEG is ahead by 2 dB at all three sizes:", bool((behind > 2).all()))

# %% [markdown]
# ## 2. A heartbeat
#
# A signal with $N$ samples is an image of one row, `(1, 1, 1, N)`. Operators, noise, metrics and the deep image prior take it as it is, and convolutions of 1 × 3 replace those of 3 × 3. Our signal is an electrocardiogram (ECG) with three tall spikes, the *R peaks*, some 330 samples apart. The beats recur, although they are not copies.
#
# ### Noise
#
# We add noise of $\sigma = 0.05$ and compare five methods, each with its own prior. A **smoothing spline** assumes one degree of smoothness, and chooses it by generalised cross-validation, that is from the noisy samples alone. **Wavelet thresholding** (Donoho and Johnstone, 1994) assumes that the signal is *sparse*: it splits the signal into differences at several scales, and deletes those below $\sqrt{2 \ln N}$ times their own standard deviation of noise. Here the differences are Haar's, taken at every shift, as Coifman and Donoho proposed. **Non-local means** (lesson 02) assumes recurrence. SIREN assumes a bandwidth, and the 1-D deep prior (Ravula and Dimakis, 2019) has what its convolutions bring.


# %%
heart = ecg().to(device)
count, sigma = heart.shape[-1], 0.05
time = np.arange(count)
noisy = add_gaussian(heart, sigma)


def as_signal(values):
    return torch.as_tensor(values).to(heart)[None, None, None]


def samples(x):
    return x[0, 0, 0].cpu().numpy().astype(float)


curves = {"noisy": (time, samples(noisy)), "truth": (time, samples(heart))}
alt = "An electrocardiogram of 1024 samples with tall spikes near samples 190, 518 "
alt += "and 848 and low bumps between them, and the same with noise."
show_curves(curves, "sample", "ECG, scaled to [0,1]", alt)

# %% [markdown]
# **Predict before you run.** Rank the five. And which of the two networks loses more if nobody stops it?


# %%
def wavelets(y, levels=4, level=0):
    if level == levels:
        return y
    later = y.roll(-(2**level), -1)
    smooth, detail = (y + later) / 2, (y - later) / 2
    size = sigma * 2 ** (-(level + 1) / 2) * (2 * np.log(y.numel())) ** 0.5
    detail = detail * (detail.abs() > size)
    smooth = wavelets(smooth, levels, level + 1)
    return (smooth + detail + (smooth - detail).roll(2**level, -1)) / 2


def non_local_means(y, size=15, strength=0.8):
    padded = nn.functional.pad(y, (size // 2, size // 2, 0, 0), mode="reflect")
    rows = padded[0, 0, 0].unfold(0, size, 1)
    apart = torch.cdist(rows, rows).square() / size - 2 * sigma**2
    weights = torch.exp(-apart.clamp(min=0) / (strength * sigma) ** 2)
    return as_signal(weights @ y[0, 0, 0] / weights.sum(1))


# %%
on_line = coordinates(1, count).to(device)


def fit_siren(y, A=None, iterations=300, frequency=10):
    with runtime.seeded(0):
        network = Siren(1, 1, frequency=frequency).to(device)
    settings = dict(learning_rate=1e-3, input_noise=0, z=on_line)
    return deep_image_prior(y, A, network, iterations, **settings)


first = await watch(fit_siren(noisy), truth=heart)
second = await watch(deep_image_prior(noisy, iterations=400), truth=heart)

# %% [markdown]
# Both curves have a peak, which the truth shows and we may not use. Hence the rule of lesson 05: hide one sample in ten from the fit, and keep the iterate that predicts these best.

# %%
hidden = torch.rand(heart.shape, generator=runtime.generator(0, "hidden")) < 0.1
hidden = hidden.float().to(device)


def stopped(make):
    rule = HeldOut(noisy, hidden, patience=150)
    return run(make(noisy, Mask(1 - hidden)), stop=rule).estimate


def prior(y, A=None):
    return deep_image_prior(y, A, iterations=400)


estimates = {
    "smoothing spline": as_signal(make_smoothing_spline(time, samples(noisy))(time)),
    "wavelet thresholding": wavelets(noisy),
    "non-local means": non_local_means(noisy),
    "SIREN, held out": stopped(fit_siren),
    "1-D prior, held out": stopped(prior),
}
quality = {name: score(x, heart) for name, x in estimates.items()}
print(f"noisy {score(noisy, heart):.1f} dB")
for name, value in quality.items():
    print(f"{name:20} {value:.1f} dB")
peaks = [max(r.history["psnr_average"]) for r in (first, second)]
print(f"with the truth: SIREN {peaks[0]:.1f} dB, 1-D prior {peaks[1]:.1f} dB")

# %%
part = slice(430, 620)
chosen = ("smoothing spline", "wavelet thresholding", "SIREN, held out")
curves = {"truth": (time[part], samples(heart)[part])}
curves |= {name: (time[part], samples(estimates[name])[part]) for name in chosen}
alt = "The lower part of one heartbeat: the smoothing spline has the largest ripples, "
alt += "SIREN smaller ones, and wavelet thresholding hardly any."
show_curves(curves, "sample", "ECG, scaled to [0,1]", alt, y_range=(0, 0.4))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Wavelet thresholding first, the smoothing spline last. In the medians of three noise seeds (`benchmarks/RESULTS.md`) the wavelets have 35.3 dB, SIREN 34.0, the 1-D prior 33.6, non-local means 33.3 and the spline 32.5. A heartbeat is quiet most of the time and steep for a moment, so that few differences matter. The spline has one degree of smoothness for the whole signal: what keeps the R peak also keeps ripples on the flat parts. If the truth stops it, SIREN reaches 34.7 dB.
# Many expect the 1-D prior to fit a smooth curve for good, as the spline does. Yet it has to be stopped: without a rule the median falls from 34.0 dB at its best to 31.2 at the end (the run above is the mildest of the three). SIREN loses less, some 0.6 dB of its best. After all 300 iterations it has 34.1 dB, as much as with the rule, because its bandwidth holds back most of the noise, and the rule takes a tenth of the samples from the fit.
# The setting of non-local means (windows of 15 samples, $h = 0.8\,\sigma$) and $\omega_0 = 10$ of SIREN were found with the truth on one noise seed, and so were the wavelets' four levels: with five they have 34.2 dB, a mere 0.3 dB more than SIREN with its rule. The wavelets and non-local means are also given $\sigma$, which the other three are not. The spline needed no truth.
#
# </details>
#
# ### Gaps
#
# Now the samples are clean, but some are missing: first half of them, at random, then whole blocks of 40, one of which takes an R peak away. A cubic spline is the baseline for the first task. For the second we need something that knows about beats: for each gap, **copy** the same part of another beat. The period is the lag at which the known samples differ least. Around one or two periods away, forwards or backwards, we look for the shift whose 64 samples on each side of the gap fit best, up to a constant. It is lesson 02's recurrence, searched where a heart makes it likely.
#
# **Predict before you run.** Which of the four methods can restore an R peak that it has not seen?


# %%
def period(v, k):
    def apart(lag):
        both = k[lag:] & k[:-lag]
        return (v[lag:] - v[:-lag])[both].square().mean()

    return min(range(150, 500), key=apart)


def copied(v, k, a, b, shifts, context=64):
    """Samples a to b, from where the surroundings fit best."""
    here = torch.arange(max(a - context, 0), min(b + context, len(v)))
    gap, best = (here >= a) & (here < b), (torch.inf, None)
    for shift in shifts:
        there = here + shift
        if there[0] >= 0 and there[-1] < len(v) and k[there][gap].all():
            both = k[there] & k[here]
            offset = (v[there] - v[here])[both].mean()
            error = (v[there] - v[here] - offset)[both].square().mean()
            best = min(best, (error, v[there][gap] - offset), key=lambda pair: pair[0])
    return best[1]


# %%
def copy_beats(y, known):
    filled, v, k = y.cpu().clone(), y[0, 0, 0].cpu(), known[0, 0, 0].cpu() > 0
    lag = period(v, k)
    shifts = [n * lag + d for n in (-2, -1, 1, 2) for d in range(-8, 9)]
    edges = torch.diff(k.int())
    starts, ends = (edges == -1).nonzero() + 1, (edges == 1).nonzero() + 1
    for a, b in zip(starts[:, 0].tolist(), ends[:, 0].tolist()):
        values = copied(v, k, a, b, shifts)
        filled[0, 0, 0, a:b] = v[a - 1] if values is None else values
    return filled.to(y), lag


# %% [markdown]
# Now both kinds of gaps. The error is the root mean square over the *missing* samples; a copy makes sense for blocks only.

# %%
scattered = torch.rand(heart.shape, generator=runtime.generator(0, "gaps")) > 0.5
blocks = torch.ones_like(heart)
for start in (60, 300, 500, 690, 900):
    blocks[..., start : start + 40] = 0
errors, filled = {}, {}
for kind, known in (("scattered", scattered.to(heart)), ("blocks", blocks)):
    known[..., [0, -1]] = 1
    y, A, at = known * heart, Mask(known), samples(known) == 1
    filled[kind] = {
        "spline": as_signal(CubicSpline(time[at], samples(heart)[at])(time)),
        "SIREN": run(fit_siren(y, A)).estimate,
        "1-D prior": run(prior(y, A)).estimate,
    }
    if kind == "blocks":
        filled[kind]["copy"], lag = copy_beats(y, known)
        print("period found in the known samples:", lag)
    for name, x in filled[kind].items():
        off = (x.clamp(0, 1) - heart)[known == 0].square().mean().sqrt().item()
        errors[kind, name] = off
        print(f"{kind:10} {name:10} error {off:.3f}")

# %%
part = slice(450, 590)
curves = {"truth": (time[part], samples(heart)[part])}
for name, x in filled["blocks"].items():
    curves[name] = (time[part], samples(x)[part])
alt = "The gap from sample 500 to 540 holds an R peak. The spline, SIREN and the 1-D "
alt += "prior cross it without a peak; the copied window has one, nearly in place."
show_curves(curves, "sample", "ECG, scaled to [0,1]", alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the copy. It finds the period in the known samples, takes the R peak from the beat after, and places it with an error of a sample or two. The spline, SIREN and the 1-D prior cross the gap quietly. Many people expect more of the deep prior, because it has "seen" the other R peaks. It has, but nothing in its loss or its weights asks for a beat every 330 samples, or at all.
# Scattered gaps are another matter. There the spline and SIREN are equally good, and the spline takes a millisecond and has nothing to tune; the 1-D prior, which also has to average out its own input noise, is worse.
# The copy is no safe winner either. Over five masks with blocks at random places (`benchmarks/RESULTS.md`) it has the smallest error in three, shares the lead in one and comes last in one. There an R peak lies at the edge of its gap, and the copy puts a second one beside it: a spike in the wrong place costs more than none. Its 64 samples of context were chosen with the truth.
#
# </details>

# %% tags=["nbval-check-output"]
note_if_stopped(first)
note_if_stopped(second)
print(
    "wavelet thresholding beats both networks by half a decibel:",
    quality["wavelet thresholding"]
    > max(quality[f"{name}, held out"] for name in ("SIREN", "1-D prior")) + 0.5,
)
print(
    "stopped by held-out samples, both networks beat the smoothing spline:",
    min(quality[f"{name}, held out"] for name in ("SIREN", "1-D prior"))
    > quality["smoothing spline"],
)
print(
    "both have lost a third of a decibel or more of their best at the end:",
    all(
        r.history["psnr_average"][-1] < max(r.history["psnr_average"]) - 1 / 3
        for r in (first, second)
    ),
)
print(
    "scattered gaps: no network is clearly better than the spline:",
    min(errors["scattered", name] for name in ("SIREN", "1-D prior"))
    > 0.85 * errors["scattered", "spline"],
)
print(
    "blocks: the copy makes less than half the error of the best of the others:",
    errors["blocks", "copy"]
    < min(errors["blocks", name] for name in ("spline", "SIREN", "1-D prior")) / 2,
)
gap = slice(500, 540)
heights = {name: samples(x)[gap].max() for name, x in filled["blocks"].items()}
print(
    "the missing R peak: the copy has a peak, no other method has half of it:",
    all(2 * v < heights["copy"] for name, v in heights.items() if name != "copy"),
)

# %% [markdown]
# ## 3. A video that flickers
#
# Image processing that is applied frame by frame often flickers, since each frame is treated a little differently. Take colouring: a camera gives gray frames $g_t$ without flicker, and some method makes coloured ones, $p_t$, whose colours wander from frame to frame and from place to place.
#
# **Deep video prior** (Lei, Xing and Chen, 2020) fits *one* network to all frames, $f_\theta(g_t) \approx p_t$. Why does this help? The same piece of the scene appears in several frames with about the same gray values, but with another cast of colour each time. A network that depends on the gray frame alone has to give similar answers, and hence a compromise: their mean for a squared loss, as in lesson 07, and their median for the absolute loss that we use below.
#
# Our video is synthetic: a window moves over a photograph, and smooth random fields multiply the colours of each frame: $1$ plus noise of standard deviation 0.15 at 4 × 4 places, interpolated.

# %%
frames, size = 12, 64
scene = picture("coffee", side=128).to(device)
clean = torch.cat(
    [scene[..., 8 + 2 * t :, 8 + 3 * t :][..., :size, :size] for t in range(frames)]
)
gray = clean.mean(1, keepdim=True)
fields = torch.randn(frames, 3, 4, 4, generator=runtime.generator(0, "flicker"))
fields = nn.functional.interpolate(0.15 * fields, size=size, mode="bilinear")
flicker = (clean * (1 + fields.to(device))).clamp(0, 1)
alt = "Three gray frames of a cup of coffee that moves, and the coloured frames, each "
alt += "with another cast of colours."
titles = {f"gray, frame {t}": gray[t : t + 1] for t in (0, 5, 11)}
titles |= {f"coloured, frame {t}": flicker[t : t + 1] for t in (0, 5, 11)}
show_images(titles, alt, columns=3, zoom=3)


# %% [markdown]
# The network is a small ladder with skips: three times down, three times up. It adds colour to the gray frame. One frame is drawn per iteration. Three of the twelve frames are *never* shown to it: they will tell us when to stop. Every iteration moves the network towards one frame, so that its output sways; we follow a running average of the outputs.


# %%
class Colour(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.down = nn.ModuleList(
            nn.Conv2d(1 if n == 0 else width, width, 3, 1 if n == 0 else 2, 1)
            for n in range(4)
        )
        self.up = nn.ModuleList(nn.Conv2d(2 * width, width, 3, 1, 1) for _ in range(3))
        self.last = nn.Conv2d(width, 3, 1)

    def forward(self, gray):
        x, seen = gray, []
        for layer in self.down:
            x = nn.functional.leaky_relu(layer(x), 0.2)
            seen.append(x)
        for layer, before in zip(self.up, seen[-2::-1]):
            x = nn.functional.interpolate(x, scale_factor=2)
            x = nn.functional.leaky_relu(layer(torch.cat([x, before], 1)), 0.2)
        return gray + self.last(x)


# %%
kept = [2, 5, 8]  # held out
shown = [t for t in range(frames) if t not in kept]


def video_prior(followed, iterations=1000, every=20, seed=0):
    with runtime.seeded(seed):
        network = Colour().to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    draw, video = np.random.default_rng(seed), None
    for iteration in range(1, iterations + 1):
        t = draw.choice(shown)
        loss = (network(gray[t : t + 1]) - flicker[t : t + 1]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration % every == 1:
            with torch.no_grad():
                new = network(gray).clamp(0, 1)
            video = new if video is None else 0.8 * video + 0.2 * new
            followed.append((iteration, video))
        yield Step(iteration, iterations, loss.detach(), video[6:7], averaged=True)


# %% [markdown]
# **Predict before you run.** What will the PSNR of frame 6 do over the iterations, and why?

# %%
followed, film = [], Film(truth=clean[6:7])
steps = film.record("frame 6", video_prior(followed))
moving = await watch(steps, truth=clean[6:7])
film.show(
    "Frame 6: bluish gray at first, then with the colours of the scene, and at the end "
    "with patches of the cast that its coloured version had.",
    at=(1, 100, 240, 480, 1000),
)

# %%
numbers = [iteration for iteration, _ in followed]
truth_curve = [score(video, clean) for _, video in followed]
held_curve = [score(video[kept], flicker[kept]) for _, video in followed]
shown_curve = [score(video[shown], flicker[shown]) for _, video in followed]
stop = int(np.argmax(held_curve))
alt = (
    "PSNR over the iterations: to the truth and to the held-out frames the curves rise "
)
alt += "and then fall, to the frames that are fitted it keeps rising."
curves = {
    "to the truth": (numbers, truth_curve),
    "to the held-out coloured frames": (numbers, held_curve),
    "to the fitted coloured frames": (numbers, shown_curve),
}
marks = {"stop by held-out frames": (numbers[stop], truth_curve[stop])}
show_curves(curves, "iteration", "PSNR (dB)", alt, marks=marks)

# %% [markdown]
# <details><summary>Answer</summary>
#
# It rises, peaks, and then falls slowly: the network first learns the colours that all frames share, and later the flicker of each frame. It can, because no two gray frames are equal, so that their differences identify them. The third curve shows it: the frames that are fitted are reproduced better and better, flicker included. (The film has the PSNR of frame 6, the curves that of several frames.)
# Many expect no decline, since one network "cannot" give two answers to one input.
# The curve of the held-out frames needs no truth. Their flicker is independent of what the network has learned, so that, apart from clipping, their squared error is on average the true one plus a constant, as for the second noisy image of lesson 07. It is a weak signal, though: three frames only, and a constant so large that the curve looks flat. The rule still stops within a decibel of the peak.
# The authors stop after a fixed number of epochs (25 in the example of their code); here the held-out frames decide.
#
# </details>
#
# ### Classical flicker removal
#
# Three baselines. The **temporal median** of each pixel is the obvious one, and the scene moves. The **registered mean** undoes the motion first (here it is known exactly, in practice it has to be estimated) and then averages all frames that show the same point. The third uses the gray frames as the network does: one **colour curve** for each channel, a polynomial of the gray value, fitted to all frames by least squares. And since the gray frames have no flicker, the gray of any result can be *restored*: we shift the three channels of each pixel together until their mean is the gray value again.


# %%
def registered(video):
    canvas = torch.full((frames, 3, 128, 128), torch.nan, device=device)
    for t in range(frames):
        rows, columns = slice(2 * t, 2 * t + size), slice(3 * t, 3 * t + size)
        canvas[t, :, rows, columns] = video[t]
    mean = canvas.nanmean(0)
    return torch.stack(
        [mean[:, 2 * t :, 3 * t :][:, :size, :size] for t in range(frames)]
    )


def gray_restored(video):
    return video + gray - video.mean(1, keepdim=True)


powers = torch.cat([gray**n for n in range(6)], 1).movedim(1, -1).reshape(-1, 6)
colours = flicker.movedim(1, -1).reshape(-1, 3)
curve = powers @ torch.linalg.lstsq(powers, colours).solution
videos = {
    "flickering": flicker,
    "temporal median": flicker.median(0, keepdim=True).values.expand_as(clean),
    "colour curve": curve.reshape(frames, size, size, 3).movedim(-1, 1),
    "registered mean": registered(flicker),
    "video prior, held-out stop": followed[stop][1],
    "video prior, at the end": followed[-1][1],
}
deflickered = {name: score(video, clean) for name, video in videos.items()}
restored = {name: score(gray_restored(v), clean) for name, v in videos.items()}
for name, value in deflickered.items():
    print(f"{name:27} {value:.1f} dB, gray restored {restored[name]:.1f} dB")
print(f"video prior, at its best (with the truth) {max(truth_curve):.1f} dB")

# %%
alt = (
    "Frame 9 in six versions: the temporal median is smeared, the colour curve has one "
)
alt += "colour for each gray, and the network's stopped result is close to the truth."
nine = {name: video[9:10] for name, video in videos.items()}
show_images(nine | {"truth": clean[9:10]}, alt, columns=4, zoom=3)

# %% [markdown]
# The temporal median loses to the flicker itself, but on this scene it is ahead once the gray is restored, because most of its smear is in the gray. Among the others the order depends on the scene. In the medians of three flickers, all with the gray restored (`benchmarks/RESULTS.md`), the network (33.9 dB) and the registered mean (33.6) are level on this one; on a cat the registered mean is ahead, by 36.3 to 32.5; on the astronaut, whose colours nearly follow from the gray, the network (35.0) and the colour curve (34.3) are close. So on each scene one of the two classical methods is level or ahead, but not the same one. What the network brings is that it needs neither a known motion nor a simple law of colour. The registered mean averages at most twelve values for each point of the scene, and near its border only one or two; the colour curve averages over all pixels, but can give only *one* colour to each gray value. The network lies between the two: it averages over all places that *look* the same, in all frames.
# That is also its limit. It needs gray frames without flicker, and as soon as it can tell the frames apart it learns what it was meant to remove.

# %% tags=["nbval-check-output"]
note_if_stopped(moving)
print(
    "the video prior beats its flickering target by 3 dB:",
    deflickered["video prior, held-out stop"] > deflickered["flickering"] + 3,
)
print(
    "with too many iterations it loses a decibel or more of its best:",
    truth_curve[-1] < max(truth_curve) - 1,
)
print(
    "while it fits the shown frames better and better:",
    shown_curve[-1] > shown_curve[stop] + 0.5,
)
print(
    "restoring the gray helps the registered mean and the network by half a decibel:",
    all(
        restored[name] > deflickered[name] + 0.5
        for name in ("registered mean", "video prior, held-out stop")
    ),
)
print(
    "the temporal median loses to the flicker itself, because the scene moves:",
    deflickered["temporal median"] < deflickered["flickering"],
)

# %% [markdown]
# ## 4. A scan from few lines: MRI
#
# An MRI scanner measures the Fourier coefficients of a body (its **k-space**), one line at a time, and every line costs time in which the patient must lie still. Lesson 04 tried a quarter of the lines of a *photograph*, and total variation beat the network. Does a network made for this task do better on a real slice, and can it stop without the truth?
#
# First a warning, because such experiments are easily read as more than they are. Our slice comes from a scanner, but it is a **magnitude image**: the scanner measured complex coefficients with several coils, and its software combined them, took absolute values and resampled the result. We now compute "measurements" from this finished image, with the same operator that the reconstruction uses. This is called an **inverse crime**. Our k-space belongs to a real image with one ideal coil, and its outer part is nearly empty, so that the task is easier than the real one. No figure below compares with a figure from raw data. The simplest reconstruction is *zero-filled*: coefficients that the measured ones do not determine are set to zero.

# %%
from dataclasses import replace

from dil_course.from_scratch import equivariant_imaging, tv
from dil_course.networks import conv_decoder
from dil_course.signals import Downsample, Fourier, Radon, consistent, line_mask
from dil_course.signals import mr_slice, rotated, split_lines, stacked_rank

body = mr_slice().to(device)
lines = line_mask(128, 128, acceleration=4, seed=2).to(device)
scanner = Fourier(lines)
noise = torch.randn(1, 2, 128, 128, generator=runtime.generator(2, "noise"))
k_space = scanner(body) + lines * 0.01 * noise.to(device)
zero_filled = scanner.pinv(k_space)
title = f"zero-filled, {psnr(zero_filled, body):.1f} dB"
alt = "The measured lines, the zero-filled image with streaks, and the abdomen."
show_images({"lines": lines, title: zero_filled, "truth": body}, alt, columns=3)

# %% [markdown]
# ### The network
#
# The **ConvDecoder** (Darestani and Heckel, 2021) has no encoder and no skips. It starts from a small random $z$ and enlarges it step by step: each step is a 3 × 3 convolution, a doubling of the pixels, a ReLU and batch normalisation. The paper doubles before it convolves and uses 160 to 256 channels in 7 or 8 layers; here the convolution comes first, where it is four times cheaper, with 32 channels and four doublings.


# %%
def convolution(width):
    settings = dict(padding=1, padding_mode="reflect", bias=False)
    return nn.Conv2d(width, width, 3, **settings)


class ConvDecoder(nn.Module):
    input_channels, output_channels, scales, reduction = 32, 1, 4, 16

    def __init__(self, width=32):
        super().__init__()
        layers = []
        for _ in range(self.scales):
            layers += [convolution(width), nn.Upsample(scale_factor=2)]
            layers += [nn.ReLU(), nn.BatchNorm2d(width)]
        layers += [convolution(width), nn.ReLU(), nn.BatchNorm2d(width)]
        self.body, self.last = nn.Sequential(*layers), nn.Conv2d(width, 1, 1)

    def forward(self, z):
        return torch.sigmoid(self.last(self.body(z)))


# %%
decoders = []
for make in (ConvDecoder, lambda: conv_decoder(1, 32)):
    with runtime.seeded(0):
        decoders.append(make().to(device))
z = torch.rand(1, 32, 8, 8, generator=runtime.generator(0, "z")).to(device)
same_decoder = compare("output", decoders[0](z), decoders[1](z))

# %% [markdown]
# ### When to stop, without the truth
#
# Lesson 05 held out pixels; here we hold out *lines*. The network is fitted to the other lines, and at each iteration we ask how well it predicts those that it has never seen. The idea is that of zero-shot self-supervised MRI (Yaman, Hosseini and Akçakaya, 2022), which holds out single coefficients of data from several coils; here it is whole lines, since whole lines are what is missing.
#
# Two leaks have to be closed. The obvious one is to leave the held-out lines in the fit: then the "prediction" is a copy. The other comes from our real image, whose coefficients at opposite frequencies are complex conjugates of each other.
#
# **Predict before you run.** We hold out one line next to the zero frequency, but keep its mirror image on the other side of the zero frequency. How large is the error of its prediction by *zero-filling*, without any network?

# %%
columns = lines[0, 0, 0].nonzero()[:, 0].tolist()
pairs = [k for k in columns if k > 64 and 128 - k in columns]
one_line = torch.zeros_like(lines)
one_line[..., pairs[0]] = 1
both_lines = one_line.clone()
both_lines[..., 128 - pairs[0]] = 1
leaks = {}
kinds = {"left in": 0 * lines, "its mirror stays": one_line, "both out": both_lines}
for name, gone in kinds.items():
    rest = Fourier(lines - gone)
    guess = scanner(rest.pinv(k_space * (lines - gone)))
    missed, energy = (one_line * v for v in (guess - k_space, k_space))
    leaks[name] = float(missed.square().sum() / energy.square().sum())
    print(f"{name}: squared error / energy of the line {leaks[name]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# As small as if the line had been left in: noise alone. Of a real image, a measured line determines its mirror image, and `pinv` makes use of that, so that the "prediction" tells nothing about a network. (To leave the line at zero and take the real part would still fill in half of each coefficient, and leave a quarter of the energy.) Most people think only of the lines that they hold out themselves. With both lines out, zero-filling predicts zero and misses all of the energy. Therefore `split_lines` holds out both or none.
#
# </details>
#
# A second point is easily overlooked. The PSNR also rises because the network fits the *measured* lines better, of which held-out lines know nothing. Therefore we make each estimate consistent with the fitted lines before we judge it (`consistent` puts the measured values in the place of its own), as the paper on the ConvDecoder does at the end. What is left to judge is what the network adds in the null space.
#
# **Predict before you run.** The noise is very weak, and each estimate explains the data to within it. Can the PSNR still fall during the run?


# %%
def made_consistent(steps, y, A, errors):
    for step in steps:
        estimate = consistent(step.estimate, y, A)
        missed = held_out * (scanner(estimate) - k_space)
        errors.append(
            float(missed.square().sum() / (held_out * k_space).square().sum())
        )
        yield replace(step, estimate=estimate)


fit, held_out = split_lines(lines, share=0.25)
part, errors, length = k_space * fit, [], runtime.pick(quick=200, full=400)
steps = deep_image_prior(part, Fourier(fit), decoders[0], length, input_noise=0)
film = Film(truth=body, crop=(30, 30, 64))
steps = film.record("estimate", made_consistent(steps, part, Fourier(fit), errors))
rule = HeldOut(k_space, held_out, patience=length, A=scanner)
decoded = await watch(steps, truth=body, stop=rule)

# %%
film.show(
    "A window of the abdomen: noise, then soft, best after about ten iterations, at "
    "the end sharper and with light and dark patches in wrong places.",
    at=(1, 4, 10, 40, length),
)
curve = decoded.history["psnr_average"]
alt = "Squared error on the held-out lines over the iterations, relative to their "
alt += "energy: it falls steeply, is lowest before iteration ten, then rises above one."
numbers = range(1, length + 1)
marks = {"lowest": (1 + np.argmin(errors), min(errors))}
labels = "iteration", "relative squared error"
show_curves({"held-out lines": (numbers, errors)}, *labels, alt, marks=marks)
chosen = psnr(decoded.estimate, body)
print(f"stopped at {decoded.iteration}: {chosen:.2f} dB, best {max(curve):.2f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# It can, and it does. There is next to no noise to overfit. What happens lies between the measured lines: many images explain them, and the network goes on to one that puts something wrong there. To the eye the last image is even the sharper one, which makes its error dangerous. People who think of early stopping as a matter of noise do not expect this.
#
# </details>
#
# Of the six runs of `benchmarks/RESULTS.md`, three masks with two splits each, this is the one in which the fall is largest; in one run there is none. With two other starts of the network on these lines it was 0.0 and 1.3 dB. In all six the rule stops within 0.12 dB of the best iterate. It needs enough lines for that: with 15 % of them held out in place of 25 %, one run of the six stopped 1.2 dB below its best. (We chose 25 % after we had seen both.)
#
# Now the costs. Held-out lines are not reconstructed from, and some carry much energy, so that the fit starts decibels below what all lines would give by zero-filling. In practice one fits all lines afterwards, for about as many iterations; on this mask that gave 26.5 dB, as much as the whole run (one start). And read the curve: it is relative to the energy of the unseen lines, so that 1 is the error of predicting zero. (It shows single outputs; the rule judges their moving average, which is best an iteration or two later.) At its best the network misses half of the energy, and at the end of this run it is worse than zero: it *invents* something. (The two other starts stayed below one.) In data of several coils each line also tells of its neighbours; the method was made for those.
#
# ### Beside total variation

# %%
smooth = {w: run(tv(k_space, scanner, w)).estimate for w in (1e-3, 3e-3, 1e-2)}
smooth = max(smooth.values(), key=lambda estimate: psnr(estimate, body))
with runtime.seeded(0):
    fresh = ConvDecoder().to(device)
whole = run(deep_image_prior(k_space, scanner, fresh, length, input_noise=0))
scans = {
    "zero-filled": zero_filled,
    "TV": smooth,
    "ConvDecoder": consistent(whole.estimate, k_space, scanner),
}
named = {f"{name}, {psnr(scan, body):.1f} dB": scan for name, scan in scans.items()}
alt = "Zero-filled with streaks; TV smooth; ConvDecoder with faint streaks; the truth."
show_images(named | {"truth": body}, alt, crop=(30, 30, 48))

# %% [markdown]
# Here the network gets all lines and the whole run, and TV the best of three weights by the truth. TV is ahead. The table has the medians of three masks, with the smallest and the largest value (`benchmarks/RESULTS.md`):
#
# | lines, $\sigma$ | zero-filled | TV | ConvDecoder |
# | --- | --- | --- | --- |
# | one in four, 0.01 | 25.8 (25.1 to 27.7) | **29.4** (28.4 to 31.4) | 26.9 (26.6 to 30.0) |
# | one in eight, 0.02 | 23.7 (23.2 to 23.9) | **26.8** (25.9 to 26.8) | 23.8 (22.9 to 24.5) |
# | one in two, 0.05 | 24.1 (23.4 to 25.1) | **30.1** (29.2 to 31.2) | 28.4 (28.1 to 31.6) |
#
# Each method is scored with or without consistency at the end, whichever is better for it. TV wins all three medians, and with one line in eight the network, which nobody stopped, is no better than zero-filling. Stopped with the truth it gains 0.2 and 1.7 dB on two of these masks, where TV stays ahead, and less than 0.1 dB with one line in two. In one of the nine runs the network is ahead, by 0.4 dB, where half of the lines are measured with more noise; had we run only that mask, the table would say the opposite. The large networks of the paper, fitted to raw data of several coils, are another matter, of which a laptop's run on a finished image says nothing.

# %% tags=["nbval-check-output"]
note_if_stopped(decoded)
print("my ConvDecoder is the library's:", same_decoder)
print(
    "a line whose mirror image stays in the fit is predicted without a network:",
    max(leaks["left in"], leaks["its mirror stays"]) < 0.1 < 0.9 < leaks["both out"],
)
print(
    "in this run the image gets worse by a decibel:",
    curve[-1] < max(curve) - 1,
)
residual = fit * (scanner(decoded.estimate) - k_space)
print(
    "though it explains the fitted lines to within their noise:",
    bool(residual.square().sum() / (2 * fit.sum()) < 0.01**2),
)
print(
    "held-out lines stop within half a decibel of the best iterate:",
    chosen > max(curve) - 0.5,
)

# %% [markdown]
# ## 5. Equivariant imaging
#
# What $A$ does not measure, no loss on $y$ can teach. Where else could information come from? From a symmetry: a body that is turned by ten degrees is as plausible as before. So if $T$ is a rotation, then the scanner could have measured $Tx$, and a good reconstruction $f_\theta$ should restore that just as well. This is **equivariant imaging** (Chen, Tachella and Davies, 2021):
#
# $$\min_\theta\; \|A x_1 - y\|^2 + \alpha\, \| f_\theta(A T x_1) - T x_1 \|^2, \qquad x_1 = f_\theta(y).$$
#
# Through $T$ the signal is seen by $A T$ as well. How much more is that? We count dimensions: the rank of $A$ and of all $A T$, stacked into one matrix.
#
# **Predict before you run.** Which of these four gain something: pixels with holes under shifts, Fourier lines under shifts, Fourier lines under quarter turns, a CT scanner with four angles under quarter turns?


# %%
def rank(A, transforms, side):
    units = torch.eye(side**2, dtype=torch.float64).reshape(-1, 1, side, side)
    seen = [A(units).flatten(1)] + [A(T(units)).flatten(1) for T in transforms]
    return int(torch.linalg.matrix_rank(torch.cat(seen, 1)))


known = torch.zeros(256)
known[torch.randperm(256, generator=runtime.generator(5, "mask"))[:163]] = 1
holes = Mask(known.reshape(1, 1, 16, 16))
few, ct = Fourier(line_mask(16, 16, 4)), Radon(15, [0, 45, 90, 135])
shifts = [lambda x, d=d: x.roll(d, (-2, -1)) for d in ((0, 1), (1, 0), (1, 1))]
turns = [lambda x, k=k: x.rot90(k, (-2, -1)) for k in (1, 2, 3)]
half_way = [lambda x: rotated(x, 22.5)]

# %%
cases = {
    "163 of 256 pixels, three shifts": (holes, shifts, 16),
    "4 of 16 Fourier lines, three shifts": (few, shifts, 16),
    "4 of 16 Fourier lines, quarter turns": (few, turns, 16),
    "CT at 4 angles, 15 px, quarter turns": (ct, turns, 15),
    "CT at 4 angles, 15 px, turned by 22.5": (ct, half_way, 15),
}
ranks = {name: (rank(A, [], s), rank(A, T, s)) for name, (A, T, s) in cases.items()}
for name, (before, after) in ranks.items():
    print(f"{name:38} {before:3} -> {after}")
A, T, pixels = cases["4 of 16 Fourier lines, quarter turns"]
same_rank = compare("rank", rank(A, T, pixels), stacked_rank(A, T, pixels))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Shifts fill most of the holes (251 is one draw; others give 248 to 254), but they add nothing to Fourier lines, which surprises most people. A shift only turns the phase of each coefficient, so that $A T = U A$ with an invertible $U$: the shifted signal shows the scanner what it has seen before. (The zero line of a real image gives 16 numbers, and three others 32 each: 112.) Quarter turns bring in the same rows beside the columns, which share 49 numbers with them, and so stop at 175 of 256. For the CT scanner they exchange its four angles and add nothing, whereas a turn by half the spacing doubles the rank.
# The rule is: **if $A T = U A$ with an invertible $U$, then $T$ adds nothing.** It helps only where it moves images out of the null space of $A$. If the data and the symmetry alone are to determine every image, full rank is necessary, but it does not say that a network finds that image.
#
# </details>
#
# ### The loss, by hand
#
# The paper trains one $f_\theta$ on a *set* of measurements. We have a single one, so that what follows is an **adaptation to one measurement**: $f_\theta$ is a small skip network behind a cheap inverse $A^+$. With $\alpha = 0$ this is the deep image prior with $z = A^+ y$, in the words of the paper *measurement consistency* alone.


# %%
def equivariant_by_hand(y, A, weight, move, network, iterations):
    draw = runtime.generator(0, "transform", y.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for iteration in range(1, iterations + 1):
        x1 = network(A.pinv(y))
        x2 = move(x1, draw)
        again = network(A.pinv(A(x2)))
        loss = (A(x1) - y).square().mean() + weight * (again - x2).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Step(iteration, iterations, loss.detach(), x1.detach())


def shifted(x, draw):
    rows, across = torch.randint(x.shape[-1], (2,), generator=draw).tolist()
    return x.roll((rows, across), (-2, -1))


# %% [markdown]
# We begin with a case that is made for it: stripes, of which 30 % of the pixels are known, and shifts.
#
# **Predict before you run.** A deep image prior fills holes well (lesson 04). How much can the second term add?

# %%
stripes = 0.5 + 0.4 * torch.sin(torch.arange(32) * torch.pi / 4)
stripes = stripes.expand(1, 1, 32, 32).to(device)
given = torch.rand(1, 1, 32, 32, generator=runtime.generator(0, "mask")) < 0.3
holes = Mask(given.to(device))
filled = {}
for name, weight in {"consistency": 0.0, "equivariant": 1.0}.items():
    steps = equivariant_imaging(
        holes(stripes), holes, weight, transform=shifted, iterations=200
    )
    filled[name] = run(steps).estimate
with runtime.seeded(0):
    mine = small_skip_network(1, 1).to(device)
by_hand = list(equivariant_by_hand(holes(stripes), holes, 1.0, shifted, mine, 3))
library = list(
    equivariant_imaging(
        holes(stripes), holes, 1.0, transform=shifted, iterations=3, fast=False
    )
)
same_loss = compare("loss", by_hand[-1].loss, library[-1].loss, 1e-4)

# %% [markdown]
# The classical answer is section 2's copy, now along all shifts that agree with every known pixel.


# %%
def copied_along_shifts(y, known):
    total, copies = torch.zeros_like(y), torch.zeros_like(y)
    for move in [(rows, across) for rows in range(32) for across in range(32)]:
        v, k = y.roll(move, (-2, -1)), known.roll(move, (-2, -1))
        if ((v - y) * k * known).abs().max() < 1e-3:
            total, copies = total + v * k, copies + k
    return total / copies.clamp(min=1)


filled["copy"] = copied_along_shifts(holes(stripes), given.to(stripes))
named = {f"{n}, {min(psnr(x, stripes), 99):.1f} dB": x for n, x in filled.items()}
alt = "Stripes with holes, filled by consistency alone with blotches, by equivariant "
alt += "imaging almost perfectly, by the copy perfectly."
named = {"y": holes(stripes)} | named | {"truth": stripes}
show_images(named, alt, columns=5, zoom=5)

# %% [markdown]
# <details><summary>Answer</summary>
#
# More than ten decibels in this run and in one with another mask. Consistency alone may fill a hole with anything, as long as the network can draw it. The second term asks the same network to fill *other* holes, since the shifted stripes have other pixels hidden, with an answer that it knows. That is a training set made of one image, as in lesson 08. Yet the copy is exact (99 dB stands for more), since these stripes recur exactly, which we have assumed and the network has not.
# It has its limit: with 10 % of the pixels known, the same term made the result worse by 3 dB, twice, because it then learned from its own wrong estimate; the copy stayed exact.
#
# </details>
#
# ### A slice from twelve angles
#
# Now tomography. The MR slice, shrunk to 64 pixels, plays the body; the scanner sees it from 12 angles, without noise. $T$ turns by any angle, so that the rank is no obstacle. As a cheap inverse we take filtered back-projection (FBP, lesson 04). The weight 0.01 was chosen on a photograph, not on the slice.

# %%
middle = torch.arange(64) - 32
disk = (middle[:, None] ** 2 + middle**2 < 32**2).float().to(device)
section = Downsample(2)(body).clamp(0, 1) * disk
ct = Radon(64, [15 * k for k in range(12)])
sinogram = ct(section)
views = {"FBP": ct.fbp(sinogram).clamp(0, 1)}
fitted = [run(tv(sinogram, ct, w, learning_rate=0.1)).estimate for w in (1e-4, 3e-4)]
views["TV"] = max(fitted, key=lambda estimate: psnr(estimate * disk, section))
length = runtime.pick(quick=200, full=300)
for name, weight in {"consistency": 0.0, "equivariant": 0.01}.items():
    steps = equivariant_imaging(sinogram, ct, weight, pinv=ct.fbp, iterations=length)
    views[name] = run(steps).estimate
scored = {name: psnr(x * disk, section) for name, x in views.items()}

# %%
named = {f"{n}, {scored[n]:.1f} dB": x * disk for n, x in views.items()}
alt = "FBP with streaks; TV clean; the two networks in between and hard to tell apart."
show_images(named | {"truth": section}, alt, columns=3)

# %% [markdown]
# This is an honest no. With 300 iterations and three seeds, the second term changed the PSNR by $-0.06$, $+0.27$ and $-0.15$ dB (`benchmarks/RESULTS.md`): nothing beyond the spread of the runs, while TV, with its weight chosen by the truth, is one to two decibels ahead of both. On their *set* of measurements the authors report more than 5 dB, and two differences come to mind. A set shows the network many bodies, and one slice shows only itself. And consistency alone leaves much less open here, since the skip network is a prior of its own. Full rank says that the information could be there; it does not say that one image can teach it.

# %% tags=["nbval-check-output"]
print("my rank and loss are the library's:", same_rank and same_loss)
print(
    "shifts add to holes, and nothing to Fourier lines:",
    ranks["163 of 256 pixels, three shifts"] == (163, 251)
    and ranks["4 of 16 Fourier lines, three shifts"] == (112, 112),
)
print(
    "turns help only where they do not exchange what is measured:",
    ranks["4 of 16 Fourier lines, quarter turns"] == (112, 175)
    and len(set(ranks["CT at 4 angles, 15 px, quarter turns"])) == 1,
)
print(
    "on stripes with shifts the second term gains six decibels:",
    psnr(filled["equivariant"], stripes) > psnr(filled["consistency"], stripes) + 6,
)
print(
    "and the copy along shifts is exact:",
    psnr(filled["copy"], stripes) > 60,
)
print(
    "on the CT slice TV beats both networks by half a decibel:",
    scored["TV"] > max(scored["consistency"], scored["equivariant"]) + 0.5,
)

# %% [markdown]
# ## 6. Layers
#
# A window pane shows what lies behind it, and reflects what lies before it: $y = a x_1 + (1 - a) x_2$. Can we take the two layers apart? **Double-DIP** (Gandelsman, Shocher and Irani, 2019) fits *two* deep image priors, one for each layer, so that their mixture gives $y$. The idea is that a pure layer has more recurrence within itself than a mixture has, and should be simpler for a network.
#
# **Predict before you run.** We fit two networks to *one* mixture with $a = 1/2$, from three random starts. Will they find the layers? Will they agree?

# %%
small_side = 48
layer_1 = picture("camera", side=small_side).mean(1, keepdim=True).to(device)
layer_2 = picture("coins", side=small_side).mean(1, keepdim=True).to(device)
layers = torch.cat([layer_1, layer_2])


def two_priors(mixtures, shares, iterations, seed, weight=0.01):
    """mixtures (K,1,H,W); share of layer 1 in each: known, or None to be learned."""
    with runtime.seeded(seed):
        networks = [small_skip_network(1).to(device) for _ in range(2)]
        z = [0.1 * torch.rand(1, 16, *mixtures.shape[-2:]) for _ in range(2)]
    logits = torch.tensor([0.4, -0.4], device=device, requires_grad=shares is None)
    numbers = [p for network in networks for p in network.parameters()]
    optimizer = torch.optim.Adam([*numbers, logits], lr=0.01)
    for _ in range(iterations):
        noisy_z = [x.to(device) + torch.randn_like(x).to(device) / 30 for x in z]
        a, b = (network(x) for network, x in zip(networks, noisy_z))
        share = logits.sigmoid() if shares is None else shares
        share = share.view(-1, 1, 1, 1)
        misfit = (share * a + (1 - share) * b - mixtures).square().mean()
        loss = misfit + weight * exclusion(a, b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.cat([a, b]).detach(), share.detach().flatten(), misfit.item()


# %% [markdown]
# One more term is in the loss. Edges of two independent layers rarely lie at the same place, and the **exclusion loss** (Zhang, Ng and Chen, 2018, in the form of Double-DIP, whose weight is 0.1 and here 0.01) punishes those which do: it is the product of the two gradients, each squashed by a hyperbolic tangent, at several scales.


# %%
def slopes(x):
    return x.diff(dim=-1)[..., :-1, :], x.diff(dim=-2)[..., :-1]


def exclusion(a, b, levels=3):
    total = 0
    for _ in range(levels):
        for p, q in zip(slopes(a), slopes(b)):
            product = p.tanh().square() * q.tanh().square()
            total = total + (product.mean() + 1e-12) ** 0.25
        a, b = (nn.functional.avg_pool2d(x, 2) for x in (a, b))
    return total / (2 * levels)


def layer_scores(found):
    """PSNR of the worse layer, in the better of the two orders."""
    orders = (found, found.flip(0))
    return max(
        min(score(a, b) for a, b in zip(f.split(1), layers.split(1))) for f in orders
    )


# %%
half = layers.mean(0, keepdim=True)
one = [two_priors(half, torch.tensor([0.5]).to(device), 200, s) for s in (0, 1, 2)]
titles = {"mixture": half, "layer 1": layers[:1], "layer 2": layers[1:]}
for seed, (found, _, misfit) in enumerate(one):
    mean = found.mean(0, keepdim=True)
    titles |= {f"start {seed}: mixture": mean}
    titles |= {f"start {seed}: one": found[:1], f"start {seed}: two": found[1:]}
    print(f"start {seed}: misfit {misfit**0.5:.3f},", end=" ")
    print(f"worse layer {layer_scores(found):.1f} dB")
alt = (
    "The mixture and its layers; below, three pairs of estimates with their mixtures. "
)
alt += "Each mixture is right, and the pairs are three different wrong splits."
show_images(titles, alt, columns=3, zoom=3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# They explain the mixture to within a few hundredths each, and they do not find the layers. Nor do they agree: each start ends in another split, in which the face and the coin are still mixed. Many people expect the networks to prefer the true layers, since these are simpler than mixtures. But a constant image beside a full mixture is simple, too, and so are many other pairs.
#
# </details>
#
# This is no weakness of the optimiser. If $(x_1, x_2)$ explains $y$ at $a = 1/2$, then so does $(x_1 + h, \, x_2 - h)$ for *every* image $h$ that keeps both within the range: as many unknown numbers are free as there are pixels. The authors' demonstration of transparency therefore has a *second* mixture of the same layers, with other shares. Now there are two equations per pixel, and only the *two shares* remain unknown:
#
# $$y_1 = a_1 x_1 + (1 - a_1) x_2, \qquad y_2 = a_2 x_1 + (1 - a_2) x_2 .$$
#
# For known shares with $a_1 \neq a_2$ these are two linear equations with two unknowns in each pixel, and they have one solution. And the shares can be found without a network, by **independent component analysis** (ICA; Comon, 1994). A mixture of independent signals is, as a rule, closer to a Gaussian than the signals themselves, so ICA looks for the two combinations of the mixtures that are least Gaussian (at most one of the signals may be Gaussian). We apply it to the gradients, which are sparse in a pure layer: most are near zero and a few are large.
# First we *whiten*: we combine the gradients of the mixtures into two signals of variance one that are uncorrelated. All other such pairs are rotations of these, so that only an angle is unknown, and after a quarter turn the pair repeats. At fixed variance the sparsest pair has the smallest mean absolute value. ICA leaves order, sign and scale of the layers open; here the shares of each mixture sum to one, which settles sign and scale.


# %%
def ica(mixtures):
    edges = torch.stack([torch.cat([s.flatten() for s in slopes(y)]) for y in mixtures])
    edges = (edges - edges.mean(1, keepdim=True)).double().cpu()
    values, vectors = torch.linalg.eigh(edges @ edges.T / edges.shape[1])
    whitener = (vectors / values.sqrt()).T  # rows: uncorrelated, of variance 1
    whitened, best = whitener @ edges, None
    for angle in torch.linspace(0, torch.pi / 2, 361).double():
        c, s = angle.cos(), angle.sin()
        turned = torch.stack([torch.stack([c, s]), torch.stack([-s, c])])
        size = (turned @ whitened).abs().mean()
        if best is None or size < best[0]:
            best = size, torch.linalg.inv(turned @ whitener)
    mixing = best[1]
    return mixing * torch.linalg.solve(mixing, torch.ones(2).double())


# %%
shares = torch.tensor([0.7, 0.35], device=device)
weights = torch.stack([shares, 1 - shares], 1)
mixed = (weights @ layers.flatten(1)).view_as(layers)
mixing = ica(mixed)
pulled = torch.linalg.solve(mixing, mixed.flatten(1).double().cpu())
pulled = pulled.view_as(layers).to(mixed)
double, found_shares, _ = two_priors(mixed, None, 300, seed=0)
print("shares: true 0.70 and 0.35; by two networks", end=" ")
print(*[f"{s:.2f}" for s in found_shares])
separated = {"the mixtures": mixed, "two networks": double, "ICA": pulled}
worst = {name: layer_scores(x) for name, x in separated.items()}
for name, value in worst.items():
    print(f"{name:14} worse layer {value:.1f} dB")
titles = {"mixture 1": mixed[:1], "mixture 2": mixed[1:]}
titles |= {"networks: one": double[:1], "networks: two": double[1:]}
titles |= {"ICA: one": pulled[:1], "ICA: two": pulled[1:]}
titles |= {"truth: layer 1": layers[:1], "truth: layer 2": layers[1:]}
alt = "Two mixtures, the layers by two networks, nearly clean, those by ICA, in the "
alt += "other order and like the truth, and the truth."
show_images(titles, alt, columns=2, zoom=3)

# %% [markdown]
# With the second mixture the networks find the layers and, by gradient descent on two more numbers, their shares. ICA finds them better still, in a fraction of a second, and it did so for both pairs of images in `benchmarks/RESULTS.md`. (There is no noise in these mixtures.) What separates the layers here is the second measurement. The networks have two errors. Their shares are off by about 0.02, and exact arithmetic with these shares would leave some 33 dB; and, as every deep image prior after a few hundred iterations, they do not reproduce the images exactly. ICA has only the first kind, since its images are linear combinations of what was measured.
# The exclusion loss did not help at this weight: without it the networks were as good or better, in each of the four cases of the table. Networks become useful where the mixture is *not* linear with two fixed shares: where the share varies over the image, as in the segmentations and the haze of the paper.

# %% tags=["nbval-check-output"]
apart = (one[0][0] - one[1][0]).square().mean().sqrt().item()
swapped = (one[0][0].flip(0) - one[1][0]).square().mean().sqrt().item()
print(
    "one mixture: two starts differ by more than twice either one's misfit:",
    min(apart, swapped) > 2 * max(one[0][2], one[1][2]) ** 0.5,
)
print(
    "one mixture: the worse layer of no start reaches 20 dB:",
    max(layer_scores(found) for found, _, _ in one) < 20,
)
print(
    "a second mixture brings the networks 5 dB or more:",
    worst["two networks"] > max(layer_scores(found) for found, _, _ in one) + 5,
)
print("ICA beats them by 5 dB:", worst["ICA"] > worst["two networks"] + 5)

# %% [markdown]
# ## 7. Sound
#
# Sound is a signal of one row as well, but long: one second has 16,000 samples or more. Many methods therefore fit a network to its *spectrogram*, an image of frequency over time. Deep Audio Prior (Tian, Xu and Li, 2019) separates two sounds there as section 6 separates two layers. On the waveform itself Michelashvili and Wolf (2019) fit a one-dimensional network to a noisy recording, and look at which parts of its output fluctuate during the fit. No recording with a licence that suits this course was at hand, so we run neither.
#
# ## Exercises
#
# 1. **A larger image.** Set `side = 128` in section 1, which shows more of the man at the same size of pixels, and run its cells again. Predict which scale is best, in periods per side and in pixels of reach. Then measure it.
# 2. **Which gap is worst?** In section 2, move the third block from sample 500 to sample 560, so that no R peak is lost, and compare the four methods again. What happens to the lead of the copy? Then delete *all* R peaks, with blocks at 170, 498, 690 and 828.
# 3. **A cast that stays.** In section 3, use the same random field for all frames, `fields[:1].expand(12, -1, -1, -1)`. Does the network still correct the colours, and do the held-out frames still say when to stop? Say what its prior is from the answer.
#
# <details><summary>Solution 1</summary>
#
# The same *reach in pixels* must cover the spacing, which is two pixels as before. A reach of $r$ pixels means $s = n / (\sqrt 2 \pi r)$ for $n$ pixels a side, so that the best scale grows with $n$, by a third here, from about 3 to 4. Between neighbouring scales the curve is flat, so that a single run may prefer either. The scale has to be chosen anew whenever the number of pixels changes.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# With the third block moved, all errors fall, since no R peak is lost. In one run they were 0.042 for the spline, 0.043 for SIREN, 0.048 for the 1-D prior and 0.013 for the copy. The copy still leads, because the beats recur in their smaller parts, too. With blocks at 170, 498, 690 and 828 every R peak is gone. Then the lag with the smallest difference is 168, about half the true period, and the copy (0.254) lies among the others (0.235 to 0.265). Recurrence restores only what occurs elsewhere *in the data*; nobody can learn from them that a heart has R peaks.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# A little, and not for long. The scene moves under the field, so that the same piece of it still appears in several colours. In one run the frames were at 23.6 dB, the network reached 26.7 dB at best, and fell to 24.1. But now the held-out frames do not warn, because they have the same cast as the others: the rule stopped at 24.4 dB. Nothing in the network knows which colours are right. It removes what varies for one gray appearance, and keeps what the frames share, right or wrong.
#
# </details>
#
# ## Summary
#
# | signal | prior that carries over | did it add information? | the best classical method that we tried |
# | --- | --- | --- | --- |
# | image as a function | bandwidth, chosen by the scale | no: as much as a cubic spline | spline, as good; JPEG for files, better |
# | ECG, noise | bandwidth, early stopping | yes, about a decibel over one smoothness for all | wavelet thresholding, better |
# | ECG, scattered gaps | smoothness | no | cubic spline |
# | ECG, block with an R peak | recurrence | yes, by copying; smooth priors did not | copy from another beat |
# | video | one map for all frames | yes: twelve frames show the same scene | registered mean or colour curve, gray restored: one of them level or better |
# | MRI, a quarter of the lines | an untrained decoder | a little: at its best it misses half of the energy of unseen lines | TV, better |
# | stripes with holes, shifts | a symmetry that moves the null space | yes | copy along shifts, exact |
# | CT of one slice, turns | the same | not beyond the spread of the runs | TV, better |
# | two layers, one mixture | none is enough | no | none |
# | two layers, two mixtures | independence of edges | the second mixture did | ICA, far better |
#
# 1. The flow of this course carries over to any signal on a grid: only the operator and the network's shape change, and one row is enough.
# 2. A prior can choose among the signals that explain the data. It adds something right where the signal really has what the prior assumes: recurrence fills a missing R peak, and smoothness does not.
# 3. The scale of an implicit representation is a bandwidth. If its reach is shorter than the spacing of the samples, the seen samples are fitted well and the others not at all.
# 4. Wherever a network can fit the noise or the flicker, or invent what was not measured, it has to be stopped, unless its bandwidth holds it back. Data that were held out say when, be it pixels, samples, frames or lines of the Fourier plane, provided that there are enough of them and that they do not share the error of the data that are fitted.
# 5. A second measurement is worth more than a second network. Count the unknowns before you fit.
# 6. **What breaks it:** a gap in which everything recurring is gone, flicker that all frames share, a symmetry under which the scanner sees the same again, and one mixture of two layers.
#
# **Papers.** V. Sitzmann and others, [*Implicit Neural Representations with Periodic Activation Functions*](https://arxiv.org/abs/2006.09661), NeurIPS 2020: SIREN and its initial weights.
# M. Tancik and others, [*Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains*](https://arxiv.org/abs/2006.10739), NeurIPS 2020: the scale as a bandwidth, and every other pixel.
# N. Rahaman and others, [*On the Spectral Bias of Neural Networks*](https://arxiv.org/abs/1806.08734), ICML 2019: low frequencies come first in fully connected networks.
# E. Dupont and others, [*COIN: COmpression with Implicit Neural representations*](https://arxiv.org/abs/2103.03123), 2021: weights as a file.
# D. L. Donoho, I. M. Johnstone, [*Ideal Spatial Adaptation by Wavelet Shrinkage*](https://doi.org/10.1093/biomet/81.3.425), Biometrika 1994, and R. R. Coifman, D. L. Donoho, [*Translation-Invariant De-Noising*](https://doi.org/10.1007/978-1-4612-2544-7_9), 1995: the threshold, and all shifts.
# S. Ravula, A. G. Dimakis, [*One-dimensional Deep Image Prior for Time Series Inverse Problems*](https://arxiv.org/abs/1904.08594), 2019: the prior for signals of one row.
# C. Lei, Y. Xing, Q. Chen, [*Blind Video Temporal Consistency via Deep Video Prior*](https://arxiv.org/abs/2010.11838), NeurIPS 2020: one network for all frames, stopped early.
# Y. Gandelsman, A. Shocher, M. Irani, [*"Double-DIP"*](https://arxiv.org/abs/1812.00467), CVPR 2019: several priors for several layers.
# X. Zhang, R. Ng, Q. Chen, [*Single Image Reflection Separation with Perceptual Losses*](https://arxiv.org/abs/1806.05376), CVPR 2018: the exclusion loss.
# P. Comon, [*Independent Component Analysis, A New Concept?*](https://doi.org/10.1016/0165-1684(94)90029-9), Signal Processing 1994: ICA.
# M. Z. Darestani, R. Heckel, [*Accelerated MRI with Un-trained Neural Networks*](https://arxiv.org/abs/2007.02471), IEEE Transactions on Computational Imaging 2021: the ConvDecoder.
# B. Yaman, S. A. H. Hosseini, M. Akçakaya, [*Zero-Shot Self-Supervised Learning for MRI Reconstruction*](https://arxiv.org/abs/2102.07737), ICLR 2022: a scan that is its own training and validation set.
# D. Chen, J. Tachella, M. E. Davies, [*Equivariant Imaging: Learning Beyond the Range Space*](https://arxiv.org/abs/2103.14756), ICCV 2021: a symmetry in place of the truth.
# Y. Tian, C. Xu, D. Li, [*Deep Audio Prior*](https://arxiv.org/abs/1912.10292), 2019, and M. Michelashvili, L. Wolf, [*Audio Denoising with Deep Network Priors*](https://arxiv.org/abs/1904.07612), 2019: sound.
#
# **Next.** Lesson 12 begins the second part of the field: a *trained* network adapts to one image.
#
# **Problem set.** [Problem set 11](../exercises/ps11_beyond_images/ps11_beyond_images.ipynb): rank and equivariance, held-out lines, Fourier features as a kernel, spline against prior, the exclusion loss, and four runs that fail.
