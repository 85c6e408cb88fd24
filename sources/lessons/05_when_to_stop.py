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
# The deep image prior fits the picture first and the noise later. Between the two it must be stopped.
# But *when* is that, if nobody knows the clean picture? And *why* does the picture come first?
#
# **What you will be able to do**
# - split the error of a run into what is still missing and the noise that is already learned;
# - measure which frequencies come first;
# - compute, for a small network, what training will do before it is done, and say when that fails;
# - stop a run without the truth, by three rules, and say what each of them believes;
# - build a network that needs no stopping, and say what it pays;
# - tell what is proven about this method from what is only repeated.
#
# **Before you start.** Lesson 03 (the deep image prior). You have met eigenvectors and the Fourier transform.
#
# **Time.** About two and a half minutes of computing on 2 CPU cores, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import math

import torch

from dil_course import runtime
from dil_course.figures import show_curves, show_images
from dil_course.fitting import run, watch
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import small_skip_network
from dil_course.signals import Mask, add_gaussian, picture, psnr

device = runtime.device()
x = picture("coffee", side=64).to(device)
sigma = 25 / 255
y = add_gaussian(x, sigma, seed=0)
n = y - x


def small_network(seed=0):
    with runtime.seeded(seed):
        return small_skip_network().to(device)


# %% [markdown]
# ## 1. The curve taken apart
#
# A run makes estimates $\hat x_i$. Each differs from the truth for two reasons. Part of the picture is **missing** still.
# And part of the noise is **learned** already. We know $x$ and $n$ here, so we can separate them.
#
# Ask how much of the noise $n$ is in the error, by a scalar product:
#
# $$c_i = \frac{\langle \hat x_i - x, \, n \rangle}{\|n\|^2} , \qquad
# \underbrace{\| \hat x_i - x \|^2}_{\text{error}} = \underbrace{c_i^2 \, \|n\|^2}_{\text{learned noise}} + \underbrace{\text{rest}}_{\text{mostly missing picture}} .$$
#
# $c = 0$: no noise learned. $c = 1$: all of it, and $\hat x = y$.
# To see the mechanism alone, we leave out the two helpers of lesson 03: no noise on $z$, no average.
#
# **Predict before you run.** Sketch both parts over the iterations, and their sum.

# %%
iterations = runtime.pick(quick=400, full=1500)
settings = dict(network=small_network(), iterations=iterations, input_noise=0)
estimates = [step.estimate for step in deep_image_prior(y, **settings)]
error = torch.stack([(estimate - x).square().mean() for estimate in estimates])
learned = [((estimate - x) * n).sum() / n.square().sum() for estimate in estimates]
learned = torch.stack(learned)
noise_part = learned**2 * n.square().mean()
parts = {"error": error, "learned noise": noise_part, "rest": error - noise_part}
late = range(10, iterations)
parts = {name: (late, values[10:].tolist()) for name, values in parts.items()}
alt = "The rest falls steeply and then lies low, the learned noise rises, and their "
alt += "sum has the shape of a U."
show_curves(parts, "iteration, from 10 on", "mean squared error", alt)

# %% [markdown]
# We observe that the rest falls and the learned noise rises, from the first iterations on. There is no moment at which the network "turns to the noise".
# The error has the shape of a U because a falling curve and a rising one add up to that. The best moment is where the two slopes cancel.
#
# So stopping is a compromise, always. We could stop later if the noise came in more slowly, or if the picture came in faster.
#
# One detail: the rest does not fall all the way. It has a low hump in the middle. One number $c$ says that all noise comes in evenly, and that is not so, as the next section shows.

# %% tags=["nbval-check-output"]
best = int(error.argmin())
print(
    "the best iteration is neither among the first twenty nor the last twenty:",
    20 < best < iterations - 20,
)
print(
    "learned noise grows five-fold from the best iteration to the end:",
    bool(noise_part[-1] > 5 * noise_part[best]),
)
print(
    "the rest at the end is smaller than at a third of the way to the best:",
    bool((error - noise_part)[-1] < (error - noise_part)[best // 3]),
)

# %% [markdown]
# ## 2. Which frequencies come first?
#
# A picture is a sum of waves, coarse and fine. We sort them into four **bands** by their frequency, in cycles per pixel.
# The finest wave that pixels can show has 1/2.
#
# In each band we ask the same question twice: which share of the picture's waves is in the estimate, and which share of the noise's?
#
# **Predict before you run.** White noise has the same strength in all bands. Will all bands of it come in at the same time?


# %%
edges = (0, 1 / 16, 1 / 8, 1 / 4, 1)
frequency = torch.fft.fftfreq(64, device=device)
radius = (frequency[:, None] ** 2 + frequency**2).sqrt()
bands = [(radius >= low) & (radius < high) for low, high in zip(edges, edges[1:])]


def shares(a, b):
    a, b = torch.fft.fft2(a), torch.fft.fft2(b)
    return [
        (
            (a * b.conj()).real[..., band].sum() / b.abs().square()[..., band].sum()
        ).item()
        for band in bands
    ]


# %%
names = ["below 1/16", "1/16 to 1/8", "1/8 to 1/4", "above 1/4"]
of_picture = dict(zip(names, zip(*[shares(estimate, x) for estimate in estimates])))
of_noise = dict(zip(names, zip(*[shares(estimate - x, n) for estimate in estimates])))
alt = "Rising curves, the coarsest band first."
labels = ("iteration", "share that is in", alt)
curves = {name: list(values) for name, values in of_picture.items()}
show_curves(curves, *labels, title="the picture, by frequency", log_x=True)
curves = {name: list(values) for name, values in of_noise.items() if name != names[0]}
show_curves(curves, *labels, title="the noise, by frequency", log_x=True)

# %% [markdown]
# We observe an order: coarse waves first, fine waves last. That holds for the picture **and for the noise**. This is called **spectral bias**.
#
# (The coarsest band is left out of the second figure. There the picture is so much stronger than the noise that the scalar product mostly measures what is missing.)
#
# So the network does not know what is noise. It is slow on fine waves, whatever they belong to. It denoises for a reason that lies in the picture:
# photographs keep nearly all of their strength in coarse waves, and white noise spreads its own evenly.
# This also says where it must fail: on pictures with strong fine waves. Remember the grass of lesson 03.

# %% tags=["nbval-check-output"]
half = [
    next(i for i, share in enumerate(of_picture[name]) if share > 0.5) for name in names
]
print(
    "half of each band of the picture comes in later than half of the coarser one:",
    half[0] <= half[1] <= half[2] < half[3],
)
print(
    "at the best iteration, less of the finest noise is in than of the next coarser:",
    of_noise[names[3]][best] < of_noise[names[2]][best],
)
print(
    "at the best iteration, less than a third of the finest noise is in:",
    of_noise[names[3]][best] < 1 / 3,
)

# %% [markdown]
# ## 3. A case that can be computed exactly
#
# Why are fine waves slow? We take a case so small that nothing stays hidden. The signal is a line of 128 samples.
# The network has one layer with $k$ channels:
#
# $$f(C) = \mathrm{ReLU}(U C) \, v .$$
#
# $U$ is a fixed smoothing, like the upsampling in a decoder. $C$ holds the weights, 128 × $k$ of them. $v$ holds fixed signs $\pm 1/\sqrt k$.

# %%
position = torch.arange(128) / 128
step_edge = ((position > 0.2) & (position < 0.45)).float()
inside = (position > 0.6) & (position < 0.9)
bump = torch.where(inside, torch.sin((position - 0.6) / 0.3 * math.pi), 0.0)
line = step_edge + bump
noisy_line = line + 0.3 * torch.randn(128, generator=runtime.generator(0, "noise"))

distance = (position[:, None] - position).abs()
distance = 128 * torch.minimum(distance, 1 - distance)
U = torch.exp(-(distance**2) / 8)
U = U / U.norm(dim=1, keepdim=True)


def network(C):
    k = C.shape[1]
    signs = (torch.arange(k) % 2 * 2 - 1) / math.sqrt(k)
    return torch.relu(U @ C) @ signs


# %% [markdown]
# **The idea.** If the weights move only a little, the network is almost linear in them: $f(C) \approx f(C_0) + J \, (C - C_0)$, with
# the Jacobian $J$ at the start. For a linear model, gradient descent with step $\eta$ has a closed form.
# One step on $\frac12 \|f - y\|^2$ changes the weights by $-\eta J^T (f - y)$, hence the output by $-\eta J J^T (f - y)$. After $t$ steps
#
# $$f_t - y = (I - \eta \, J J^T)^t \, (f_0 - y) .$$
#
# The matrix $J J^T$ is called the **neural tangent kernel** (NTK). Take its eigenvectors. Along the one with eigenvalue $\lambda$,
# the distance to $y$ shrinks by $(1 - \eta \lambda)$ in each step. **Large eigenvalue: learned fast. Small eigenvalue: learned slowly.**
#
# Here $J J^T$ can be written down. A channel contributes where it is above zero:


# %%
def tangent_kernel(C):
    active = (U @ C > 0).float()
    return (U @ U.T) * (active @ active.T) / C.shape[1]


def start(k):
    return torch.randn(128, k, generator=runtime.generator(0, "weights"))


eigenvalues, eigenvectors = torch.linalg.eigh(tangent_kernel(start(1024)))
waves = {
    f"number {i}, eigenvalue {eigenvalues[-i]:.2f}": eigenvectors[:, -i].tolist()
    for i in (1, 5, 20)
}
alt = "Three eigenvectors of the kernel: waves, ever finer."
show_curves(waves, "position", "eigenvector", alt)

# %% [markdown]
# We observe that the eigenvectors are waves, and that finer waves have smaller eigenvalues. Nobody put waves into this network.
# They come from $U$: smoothing weakens fine waves, and what is weak in the output is weak in the gradient.
#
# That was theory about the *first* step. Does it describe a whole run? We train the real network by gradient descent, 400 steps.
# The formula knows nothing of that run.
#
# **Predict before you run.** Will formula and run agree better with 32 channels or with 1024?


# %%
def descend(k, steps=400):
    C, H = start(k), tangent_kernel(start(k))
    eigenvalues, vectors = torch.linalg.eigh(H)
    step_size = 1 / eigenvalues[-1]
    first = vectors.T @ (network(C) - noisy_line)
    real, formula = [], []
    for t in range(steps):
        C.requires_grad_()
        output = network(C)
        (gradient,) = torch.autograd.grad((output - noisy_line).square().sum() / 2, C)
        C = C.detach() - step_size * gradient
        real.append(output.detach())
        formula.append(
            noisy_line + vectors @ ((1 - step_size * eigenvalues) ** t * first)
        )
    return torch.stack(real), torch.stack(formula)


# %%
errors, deviation = {}, {}
for k in (32, 1024):
    real, formula = descend(k)
    errors[f"run, k = {k}"] = (real - line).square().mean(1).tolist()
    errors[f"formula, k = {k}"] = (formula - line).square().mean(1).tolist()
    deviation[k] = ((real - formula).norm(dim=1) / noisy_line.norm()).max().item()
    print(
        f"k = {k:4}: formula and run differ by at most {deviation[k]:.1%} of the "
        "signal, at any step"
    )
alt = "Two U-shaped curves and their formulas. "
alt += "With 1024 channels formula and run lie on each other; with 32 they part."
labels = ("step of gradient descent", "mean squared error to the clean line", alt)
show_curves(errors, *labels, log_x=True, log_y=True)

# %% [markdown]
# We observe the U again, now *computed before the run*. With 1024 channels the formula is right to a few per cent: each weight hardly has to move.
# With 32 channels each weight moves far, the kernel itself changes, and the formula drifts away.
#
# Now be careful. The deep image prior of lesson 03 has 24 channels, a dozen layers, batch norm, and Adam. None of that is in this formula.
# The formula explains *why smooth architectures are slow on fine waves*. It does not predict the runs of this course.

# %% tags=["nbval-check-output"]
print(
    "with 1024 channels the formula is right to 10 % at every step:",
    deviation[1024] < 0.1,
)
print(
    "with 32 channels it is at least twice as far off:",
    deviation[32] > 2 * deviation[1024],
)
wide = errors["run, k = 1024"]
print(
    "the error falls, then rises to more than twice its least value:",
    wide[-1] > 2 * min(wide) and wide[0] > 2 * min(wide),
)

# %% [markdown]
# ## 4. Three rules that do not see the truth
#
# A **stopping rule** watches a run and says when to end it. Each rule believes something.
#
# | rule | it stops where | it believes |
# | --- | --- | --- |
# | discrepancy | the misfit is as small as the noise: mean of $(\bar x - y)^2 \le \sigma^2$ | that you know $\sigma$ |
# | held-out pixels | pixels that took no part in the fit are predicted best | that neighbours' noise is independent |
# | windowed variance | the last outputs differ least from one another | that the run rests between picture and noise |
#
# You know the first two from problem set 03. The third is younger (Wang et al., arXiv 2112.06074), and needs to know nothing about the noise.
# While the picture comes in, outputs change. While the noise comes in, they change. In between, they change least.
# So: keep the last $W$ outputs, take the variance of each pixel over them, and average.


# %%
class WindowedVariance:
    def __init__(self, window=40, patience=150):
        self.window, self.patience, self.copies = window, patience, []
        self.variances, self.iteration, self.least = [], None, math.inf

    def observe(self, step, average):
        small = torch.nn.functional.adaptive_avg_pool2d(step.estimate, 32)
        self.copies = [*self.copies[-self.window + 1 :], small]
        if len(self.copies) == self.window:
            variance = torch.cat(self.copies).var(dim=0, correction=0).mean().item()
            self.variances.append(variance)
            if variance < self.least:
                self.iteration, self.least = step.iteration, variance
        found = self.iteration is not None
        return found and step.iteration >= self.iteration + self.patience


# %% [markdown]
# Small copies of 32 × 32 pixels are enough, and better: averaging over pixels takes away the jitter of the noise on $z$, and leaves the drift.
# `patience` is how long the rule waits for a smaller variance before it ends the run.
#
# The library's version is `fitting.stopping.WindowedVariance`. Give it to `watch` or `run` as `stop`, and the result's estimate is the rule's choice.

# %%
from dil_course.fitting import stopping

mine = WindowedVariance()
for step in deep_image_prior(y, iterations=700):
    if mine.observe(step, None):
        break
result = await watch(
    deep_image_prior(y, iterations=700),
    truth=x,
    observed=y,
    stop=stopping.WindowedVariance(),
)
print("mine stops at", mine.iteration, "and the library's at", result.iteration)

# %%
curves = {
    "variance of the last 40 outputs": (
        range(40, 40 + len(mine.variances)),
        mine.variances,
    )
}
alt = "The variance falls steeply, has a flat valley, and rises slowly."
show_curves(curves, "iteration", "windowed variance", alt, log_y=True)
peak = max(result.history["psnr_average"])
print(f"at the stop {psnr(result.estimate, x):.2f} dB, oracle peak {peak:.2f} dB")

# %% [markdown]
# We observe the valley. Its floor is flat, so the exact iteration is a matter of luck; the PSNR is flat there, too, so that hardly matters.

# %% tags=["nbval-check-output"]
print(
    "the cells and the library stop at the same iteration:",
    mine.iteration == result.iteration,
)
print(
    "the stop is within 1 dB of the oracle peak:", psnr(result.estimate, x) > peak - 1
)

# %% [markdown]
# ### All rules on the same runs
#
# Now a race. Four rules watch *the same* run, at three noise levels. To be fair, 5 % of the pixels are held out for all of them.
# The fourth rule is the discrepancy again, but it was told $1.5 \, \sigma$: in practice nobody knows $\sigma$ exactly.


# %%
def race(x, sigma, iterations):
    y = add_gaussian(x, sigma, seed=1)
    chance = torch.rand(1, 1, 64, 64, generator=runtime.generator(0, "held out"))
    held_out = (chance < 0.05).float().to(device)
    A = Mask(1 - held_out)
    # The discrepancy's mean runs over all pixels
    share = math.sqrt(1 - held_out.mean().item())
    rules = {
        "windowed variance": stopping.WindowedVariance(),
        "held-out pixels": stopping.HeldOut(y, held_out),
        "discrepancy": stopping.Discrepancy(A(y), A, share * sigma),
    }
    told = 1.5 * share * sigma
    rules["discrepancy, told 1.5 sigma"] = stopping.Discrepancy(A(y), A, told)
    running, average, qualities = set(rules), None, []
    for step in deep_image_prior(A(y), A, iterations=iterations):
        weight = min(0.99, step.iteration / (step.iteration + 10))
        new = step.estimate
        average = new if average is None else average.lerp(new, 1 - weight)
        qualities.append(psnr(average, x))
        running -= {name for name in running if rules[name].observe(step, average)}
    return qualities, {name: rule.iteration for name, rule in rules.items()}


# %%
lost = {}
for level in (15, 25, 50):
    qualities, stops = race(x, level / 255, runtime.pick(quick=480, full=2000))
    peak = max(qualities)
    print(
        f"sigma {level}: oracle peak {peak:.2f} dB at iteration "
        f"{qualities.index(peak) + 1}"
    )
    for name, iteration in stops.items():
        lost[level, name] = peak - qualities[iteration - 1]
        print(
            f"    {name:28} stops at {iteration:3}, {lost[level, name]:.2f} dB below "
            "the peak"
        )

# %% [markdown]
# We observe:
#
# - All three rules land near the peak when what they believe is true. The curve of the average is flat there, so tens of iterations do not matter.
# - The discrepancy with a wrong $\sigma$ stops far too soon. It is exact, and it trusts you.
# - None is best at all levels. The oracle looks at the truth; it is a yardstick, not a rule.
#
# We tuned the window and the patience on three photographs, three noise levels and three seeds, and counted the runs that land within 1 dB.
# The whole list stands in `benchmarks/RESULTS.md`, with two kinds of noise on which nothing was tuned.

# %% tags=["nbval-check-output"]
rules = ("windowed variance", "held-out pixels", "discrepancy")
print(
    "windowed variance lands within 1 dB of the peak at every level:",
    all(lost[level, rules[0]] < 1 for level in (15, 25, 50)),
)
print(
    "held-out pixels land within 1 dB of the peak at every level:",
    all(lost[level, rules[1]] < 1 for level in (15, 25, 50)),
)
print(
    "the wrong sigma costs more than the right one at every level:",
    all(
        lost[v, "discrepancy, told 1.5 sigma"] > lost[v, rules[2]] for v in (15, 25, 50)
    ),
)

# %% [markdown]
# ## 5. Make the fall smaller
#
# If nobody tells us when to stop, it should not matter so much. Two additions to the loss work against the noise while it comes in.
#
# - **Total variation** (DIP + TV): a price on differences between neighbours. Noise differs everywhere, so noise is expensive.
# - **Regularization by denoising** (DeepRED): a second picture $x$ is kept beside the network's. A classical denoiser leaves it almost alone, and both must agree.
#
# **Predict before you run.** Will they change the peak, the fall, or both?

# %%
from skimage.restoration import denoise_nl_means

from dil_course.from_scratch import deep_red, dip_tv


def nlm(picture):
    array = picture[0].permute(1, 2, 0).cpu().numpy()
    settings = dict(patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma)
    array = denoise_nl_means(array, channel_axis=-1, **settings)
    return torch.from_numpy(array).permute(2, 0, 1)[None].to(picture)


priced = {
    "plain": deep_image_prior(y, iterations=400),
    "DIP + TV": dip_tv(y, iterations=400),
    "DeepRED": deep_red(y, nlm, iterations=400),
}
priced = {name: run(steps, truth=x).history for name, steps in priced.items()}

# %%
curves = {
    name: (history["iteration"], history["psnr_average"])
    for name, history in priced.items()
}
alt = "PSNR over iterations: the plain run falls far, DeepRED less, DIP + TV hardly."
show_curves(curves, "iteration", "PSNR of the average (dB)", alt)

# %% [markdown]
# We observe that both hold the fall, and total variation also lifts the peak a little. On this picture: smooth areas and one edge are what total variation likes.
#
# Nothing is free. Each brings a weight that must be chosen, and what it takes for noise may be texture. DeepRED also needs $\sigma$, for its denoiser.

# %% tags=["nbval-check-output"]
falls = {
    name: max(history["psnr_average"]) - history["psnr_average"][-1]
    for name, history in priced.items()
}
print(
    "total variation makes the fall less than half as deep:",
    falls["DIP + TV"] < falls["plain"] / 2,
)
print(
    "DeepRED makes it at least a quarter less deep:",
    falls["DeepRED"] < 0.75 * falls["plain"],
)

# %% [markdown]
# ## 6. A network that need not be stopped: the deep decoder
#
# A run must be stopped because the network has room for the noise. So take the room away.
# The **Deep Decoder** enlarges a tiny random input step by step: 1 × 1 convolutions with $k$ channels, doubling of the sides, ReLU, batch norm.
# A 1 × 1 convolution mixes channels and never looks at a neighbour. Neighbours are tied by the doubling alone.
#
# $k$ decides how many weights there are, and so how much of the noise fits in.
#
# **Predict before you run.** For more noise, should $k$ be larger or smaller?

# %%
from dil_course.networks import deep_decoder

decoded = {}
for level in (10, 25, 50):
    for k in (8, 16, 32):
        with runtime.seeded(0):
            decoder = deep_decoder(width=k, scales=3).to(device)
        settings = dict(network=decoder, input_noise=0, iterations=400)
        steps = deep_image_prior(add_gaussian(x, level / 255), **settings)
        decoded[level, k] = run(steps, truth=x).history["psnr_average"]
    ends = ",  ".join(f"k = {k:2}: {decoded[level, k][-1]:.2f} dB" for k in (8, 16, 32))
    print(f"sigma {level:2}:  after 400 iterations  {ends}")
decoders = {k: deep_decoder(width=k, scales=3) for k in (8, 16, 32)}
sizes = {k: sum(p.numel() for p in d.parameters()) for k, d in decoders.items()}
print("weights:", sizes, "for", x.numel(), "numbers in the picture")

# %%
skip = priced["plain"]  # the run of section 5: the same picture, the same noise
curves = {f"Deep Decoder, k = {k}": decoded[25, k] for k in (8, 16, 32)} | {
    "skip network": skip["psnr_average"]
}
curves = {name: (skip["iteration"], values) for name, values in curves.items()}
alt = "PSNR over iterations: "
alt += "the narrow decoders end flat, the wide one and the skip network fall."
show_curves(curves, "iteration", "PSNR of the average (dB), sigma 25", alt)

# %% [markdown]
# We observe that the narrowest decoder never falls: it can wait forever. It also never gets far, because it has no room for the picture either.
# The widest one rises higher and sooner, and falls again. The middle one ends best here. The skip network rises highest, and falls.
#
# The best $k$ falls as the noise rises. So the question "when to stop" did not go away: it turned into "how many channels".
# But $k$ is easier to choose: a number of weights can be compared with a number of pixels before the run.

# %% tags=["nbval-check-output"]
best_k = {
    level: max((8, 16, 32), key=lambda k: decoded[level, k][-1])
    for level in (10, 25, 50)
}
print(
    "the best k never grows with the noise, and is smaller at 50 than at 10:",
    best_k[10] >= best_k[25] >= best_k[50] < best_k[10],
)
print(
    "the narrowest decoder ends within a third of a decibel of its own peak:",
    all(max(d) - d[-1] < 1 / 3 for (_, k), d in decoded.items() if k == 8),
)
print(
    "the skip network falls by more than 1 dB:",
    max(skip["psnr_average"]) - skip["psnr_average"][-1] > 1,
)

# %% [markdown]
# ## 7. How sure is it?
#
# One more way not to stop: never settle. **SGLD** (stochastic gradient Langevin dynamics) adds noise to the *weights* after each step.
# The weights walk about, and the outputs with them. After a burn-in of 300 steps we average what we see.
# Where the outputs disagree, the network is unsure. That gives a **spread** for each pixel.
#
# In theory such a walk draws pictures from a *posterior*: all pictures that fit the data and the prior, each as often as it is probable.
# Then the spread would be an honest error bar, and 95 % of all pixels would lie within two spreads of the truth.
#
# **Predict before you run.** We walk twice: with weight noise as published (2 learning rates), and with a quarter of it.
# If the spread tells something about the *picture*, which of its numbers may change?

# %%
from dil_course.from_scratch import Posterior, sgld_dip

walks = {}
for weight_noise in (2.0, 0.5):
    walks[weight_noise] = posterior = Posterior(burn_in=300, every=5)
    run(
        sgld_dip(
            y, weight_noise=weight_noise, iterations=runtime.pick(quick=650, full=4000)
        ),
        stop=posterior,
    )

# %%
covered = {}
for weight_noise, posterior in walks.items():
    actual = (posterior.estimate - x).abs()
    covered[weight_noise] = (actual < 2 * posterior.spread).float().mean().item()
    print(
        f"weight noise {weight_noise}: mean {psnr(posterior.estimate, x):.1f} dB, "
        f"{covered[weight_noise]:.0%} within two spreads"
    )
posterior = walks[2.0]
actual = (posterior.estimate - x).abs()
shown = {
    f"mean, {psnr(posterior.estimate, x):.1f} dB": posterior.estimate,
    "spread x 8": 8 * posterior.spread.mean(1, keepdim=True),
}
alt = "The mean picture; a map of its spread; a map of its error. "
alt += "Both are bright at edges."
show_images(shown | {"actual error x 8": 8 * actual.mean(1, keepdim=True)}, alt=alt)

# %% [markdown]
# We observe three things.
#
# - The mean is as good as the plain run at its oracle peak, and nobody stopped it. That alone is worth the walk.
# - The map is useful: the spread is large at edges, and so is the error.
# - The *scale* depends on our setting. Less weight noise: the walk follows the noise of $y$, the mean is worse, **and it is surer of itself than it should be**.
#   An honest error bar would not change with the way we walk.
#
# Why? Noise after a step of Adam is not the Langevin dynamics of the theory. And a walk explores one neighbourhood; what *all* its pictures get wrong, its spread cannot show.
# With the published setting the share is near 95 % here. That is a tuned number, not a proof. So call it a spread, and not a posterior.

# %% tags=["nbval-check-output"]
maps = torch.stack([posterior.spread.mean(1).flatten(), actual.mean(1).flatten()])
print(
    "where the spread is larger, the error is larger (correlation above a third):",
    bool(torch.corrcoef(maps)[0, 1] > 1 / 3),
)
print(
    "the same picture, walked otherwise, is covered less:",
    covered[0.5] < covered[2.0] - 0.03,
)
print(
    "the mean is within half a decibel of the oracle peak of the plain run:",
    psnr(posterior.estimate, x) > max(skip["psnr_average"]) - 0.5,
)

# %% [markdown]
# ## 8. What is proven, and what is repeated
#
# | statement | status |
# | --- | --- |
# | In a linear model, gradient descent learns each eigenvector at its own speed. | Proven; three lines above. |
# | Very wide networks with small steps stay close to their linear model. | Proven (Jacot et al. 2018). We saw a few per cent at $k = 1024$. |
# | Convolutional decoders of one kind fit smooth signals first, and denoise when stopped early. | Proven for such networks, wide, under gradient descent (Heckel and Soltanolkotabi 2020). |
# | A decoder with few weights can hold only little noise. | Proven for a layer of it (Heckel and Hand 2019). |
# | Fine waves come last in the networks that we use. | Measured, here and elsewhere. Not proven for Adam and batch norm. |
# | The wide limit explains the deep image prior. | Not with Adam: the weights move further, and the kernel no longer predicts the run (Tachella et al. 2021). |
# | "The architecture knows natural images." | Folklore. It is slow on fine waves, and natural images have few. |
# | The valley of the windowed variance lies at the peak. | Often true, measured; nothing guarantees it. |
# | SGLD gives the posterior. | Folklore, as far as its scale goes. |

# %% [markdown]
# ## Summary
#
# 1. A run's error is missing picture plus learned noise. One falls, one rises, and the best moment is a compromise.
# 2. Coarse waves come first, of the picture and of the noise. Photographs gain because they are made of coarse waves.
# 3. For a wide, shallow network and gradient descent, the whole run can be computed from the eigenvalues of $J J^T$.
# 4. Three rules stop without the truth. Each believes something about the noise: check that before you trust it.
# 5. **What breaks it:** fine texture, a wrong $\sigma$, noise that neighbours share, and error bars taken at face value.
#
# **Papers.** H. Wang et al., *Early Stopping for Deep Image Prior*, arXiv 2112.06074. R. Heckel, P. Hand, *Deep Decoder*, ICLR 2019.
# J. Liu et al., *Image Restoration using Total Variation Regularized Deep Image Prior*, ICASSP 2019. G. Mataev, M. Elad, P. Milanfar, *DeepRED*, ICCV Workshops 2019.
# R. Heckel, M. Soltanolkotabi, *Denoising and Regularization via Exploiting the Structural Bias of Convolutional Generators*, ICLR 2020.
# J. Tachella, J. Tang, M. Davies, *The Neural Tangent Link Between CNN Denoisers and Non-Local Filters*, CVPR 2021.
# A. Jacot, F. Gabriel, C. Hongler, *Neural Tangent Kernel*, NeurIPS 2018. Z. Cheng et al., *A Bayesian Perspective on the Deep Image Prior*, CVPR 2019.
#
# **Next.** Lesson 06 estimates the error itself without the truth, and so needs no stopping rule.
#
# **Problem set.** [Problem set 05](../exercises/ps05_when_to_stop/ps05_when_to_stop.ipynb): windowed variance, the U derived, how wide a decoder may be, honest error bars, three runs that end badly.
