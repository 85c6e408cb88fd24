# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · SURE: the error without the truth
#
# You have denoised an image. How large is your error? It is the distance to the clean image, which you do not have.
# Yet if the noise is Gaussian, the error can be **estimated from the noisy image alone**, and what can be estimated can be minimised.
#
# **What you will be able to do**
# - prove Stein's lemma for one number, and say which functions it excludes;
# - measure the divergence of any denoiser with a random probe, and read it as degrees of freedom;
# - choose a parameter of a classical denoiser without the truth;
# - train a network on one noisy image without a clean target, and say why the error that it reports is too small;
# - predict what a wrong $\sigma$ does, estimate $\sigma$, and do without it (UNSURE);
# - adapt the formula to correlated noise, to photon counts, and to an operator that hides a part of the image.
#
# **Before you start.** From lesson 01 you need forward models, the null space and Tikhonov's inverse, from lesson 02 non-local means and BM3D, from lesson 03 the loop and the small skip network, from lesson 04 total variation, and from lesson 05 early stopping.
# You know the density of a Gaussian, and integration by parts.
#
# **Time.** About 3 minutes of computing on 2 CPU cores, about two hours with reading and predicting.
# On a GPU: not measured.

# %%
import math

import torch

from dil_course import runtime
from dil_course.checks import compare, note_if_stopped
from dil_course.figures import Diagram, Film, curves_figure, explore, figure_with
from dil_course.figures import show_curves, show_images
from dil_course.fitting import Step, run, watch
from dil_course.networks import small_skip_network
from dil_course.signals import Blur, add_gaussian, gaussian_kernel, picture, psnr

device = runtime.device()
sigma = 25 / 255

# %% [markdown]
# ## 1. One number
#
# We begin with the smallest case. Nature has one number $x$, and we see $y = x + n$, where the noise $n$ is Gaussian with mean 0 and standard deviation $\sigma$.
# An estimator $f$ makes a guess $f(y)$. Its **risk** is the mean squared error $\mathbb E \, (f(y) - x)^2$, where the mean is taken over the noise.
#
# Since $x = y - n$, we can write $f - x = (f - y) + n$ and expand the square:
#
# $$\mathbb E (f - x)^2 = \mathbb E (f - y)^2 + 2 \, \mathbb E \, n f(y) - 2 \, \mathbb E \, n y + \mathbb E \, n^2 .$$
#
# The first term can be computed from $y$, and the last two are known, because $\mathbb E \, n y = \mathbb E \, n^2 = \sigma^2$. What remains is $\mathbb E \, n f(y)$: how much of the noise does the estimator let through?
#
# **Stein's lemma** answers this question. The density of the noise is $p(n) \propto e^{-n^2 / 2 \sigma^2}$, so that $n \, p(n) = - \sigma^2 p'(n)$. We integrate by parts, and $p f$ vanishes at infinity:
#
# $$\mathbb E \, n f(x + n) = - \sigma^2 \! \int p'(n) f(x + n) \, dn = \sigma^2 \! \int p(n) f'(x + n) \, dn = \sigma^2 \, \mathbb E f'(y) .$$
#
# Two conditions are hidden here. The function $f$ must be **weakly differentiable**, which allows kinks but no jumps, and $\mathbb E |f'(y)|$ must be finite; then the boundary term vanishes as well.
# The right side contains neither $n$ nor $x$. How strongly $f$ reacts to a change of $y$ says how much noise comes through, and that reaction can be measured. If we nudge one grain of noise and the output follows, the output is copying.
#
# We take the **soft threshold**, which pulls every number towards zero by $t$ and sets the small ones to zero. Its derivative is 1 outside and 0 inside. Move $x$ and $t$, and compare the areas under the two integrands:


# %%
def soft(y, t=1.0):
    return torch.sign(y) * (y.abs() - t).clamp(min=0)


def soft_slope(y, t=1.0):
    return (y.abs() > t).double()


n = torch.linspace(-4, 4, 2001, dtype=torch.float64)
density = torch.exp(-(n**2) / 2) / math.sqrt(2 * math.pi)


def both_sides(x, t):
    left = n * soft(x + n, t) * density
    right = soft_slope(x + n, t) * density
    return left, right, *(torch.trapezoid(part, n).item() for part in (left, right))


# %%
def draw(x, t):
    left, right, area_left, area_right = both_sides(x, t)
    curves = {
        f"n f(x + n) p(n), area {area_left:.3f}": (n, left),
        f"σ² f'(x + n) p(n), area {area_right:.3f}": (n, right),
    }
    labels = "noise n, for sigma = 1", "integrand"
    return curves_figure(curves, *labels, y_range=(-0.3, 0.9))


alt = "Two integrands over the noise for two values of x: one has two humps, the other "
alt += "is cut from a bell. Their shapes differ, and the areas in the legend agree."
values = [0, 0.25, 0.5, 1, 1.5, 2, 3]
explore(draw, alt, x=values, t=[0, 0.5, 1, 1.5, 2], static={"x": [0.5, 2], "t": [1]})

# %% [markdown]
# The two curves have nothing in common but their area. With Stein's lemma, every term of the expansion can be computed from $y$:
#
# $$\mathrm{SURE}(y) = (f(y) - y)^2 - \sigma^2 + 2 \sigma^2 f'(y) , \qquad \mathbb E \; \mathrm{SURE}(y) = \mathbb E (f(y) - x)^2 .$$
#
# This is **Stein's unbiased risk estimate** (Stein 1981). *Unbiased* means right on average; a single value can be far off, and it can even be negative.
#
# We test it against the truth for many $x$. We also try the **hard threshold**, which keeps numbers above $t$ as they are and sets the others to zero. Its slope is also 1 or 0.
#
# **Predict before you run.** The hard threshold *jumps* at $t$. Which step of the proof fails there, and will SURE be too high or too low?


# %%
def hard(y, t=1.0):
    return y * (y.abs() > t)


def risk_and_sure(f, slope, x, draws=200_000):
    chance = runtime.generator(0, "stein")
    y = x + torch.randn(draws, generator=chance, dtype=torch.float64)
    estimated = (f(y) - y) ** 2 - 1 + 2 * slope(y)
    return (f(y) - x).square().mean().item(), estimated.mean().item()


def jump_term(x, t=1.0):
    heights = [math.exp(-((edge - x) ** 2) / 2) for edge in (t, -t)]
    return 2 * t * sum(heights) / math.sqrt(2 * math.pi)


# %%
values = [0.25 * i for i in range(17)]
both, curves = {}, {}
for name, f in {"soft": soft, "hard": hard}.items():
    both[name] = [risk_and_sure(f, soft_slope, x) for x in values]
    risk, expected = zip(*both[name])
    curves[f"{name}, true risk"] = values, risk
    curves[f"{name}, mean of SURE"] = values, expected
repaired = [said + jump_term(x) for x, (_, said) in zip(values, both["hard"])]
curves["hard, with the jumps"] = values, repaired
looks = {"soft, true risk": (0, 0), "soft, mean of SURE": (1, 1)}
looks |= {"hard, true risk": (2, 0), "hard, mean of SURE": (3, 1)}
looks["hard, with the jumps"] = (5, 2)
alt = "Risk over x. For the soft threshold SURE covers the true risk. For the hard one "
alt += "it lies far below up to x = 2; with the jumps counted it covers the risk again."
labels = "x, for sigma = 1 and threshold 1", "mean squared error"
show_curves(curves, *labels, alt, looks=looks)

# %% [markdown]
# <details><summary>Answer</summary>
#
# For soft thresholding, SURE matches the true risk at every $x$, although its formula never uses $x$. For the hard threshold, SURE is far too low for every $x$ up to about two, that is, wherever $y$ often falls near a jump, and most at $x = 0$, where both jumps are in reach. Integration by parts needs an $f$ without jumps: at a jump, the slope is zero on both sides, so that the formula does not notice how much the output changes there.
#
# Many people expect the *slope* to be the problem, because it is "infinite" at the jump. It can be counted as a spike of area $t$: a jump of height $t$ contributes $t$ times the density of $y$ at that place. The missing term is therefore $2 \sigma^2 t \, (p(t - x) + p(-t - x))$, and the black curve shows that SURE is right again with it. But this term contains $x$, so that it cannot be computed from $y$ alone.
#
# </details>

# %% tags=["nbval-check-output"]
_, _, area_left, area_right = both_sides(0.5, 1.0)
print("Stein: both areas agree to a hundredth:", abs(area_left - area_right) < 0.01)
soft_gap = max(abs(risk - said) for risk, said in both["soft"])
hard_gap = max(risk - said for risk, said in both["hard"])
jump_gap = max(abs(risk - said) for (risk, _), said in zip(both["hard"], repaired))
print("soft: SURE is right to two hundredths, for every x:", soft_gap < 0.02)
print("hard: SURE is too low, by more than a quarter:", hard_gap > 0.25)
print("hard, jumps counted: right to two hundredths again:", jump_gap < 0.02)

# %% [markdown]
# ## 2. A whole image
#
# An image has $N$ values (pixels times channels), each with its own noise. We add up the formula over all of them and divide by $N$:
#
# $$\mathrm{SURE}(y) = \frac{\| f(y) - y \|^2}{N} - \sigma^2 + \frac{2 \sigma^2}{N} \operatorname{div} f(y) , \qquad \operatorname{div} f(y) = \sum_i \frac{\partial f_i}{\partial y_i} = \operatorname{tr} J .$$
#
# The **divergence** adds up how strongly each output value reacts to *its own* input value. It is the trace of the Jacobian $J$, the matrix of all derivatives $\partial f_i / \partial y_j$.
#
# Statisticians know the two parts under other names. The misfit of $f(y)$ to $y$ itself is smaller than its misfit to a new draw of the noise would be, and Efron calls the expected difference the **optimism** of the fit. It equals $2 \sigma^2 / N$ times the **degrees of freedom** of $f$, which are the expected divergence.
# A linear projection onto $k$ dimensions has divergence $k$, the usual count of parameters. The identity has $N$ degrees of freedom, and a constant output has none. SURE is therefore the misfit, corrected for its optimism, minus $\sigma^2$.
#
# The number of values is good news. In section 1 we had to average over 200,000 draws, whereas here a *single* image averages over its $N$ values.
#
# But how do we get the trace? An image of 96x96 pixels in colour has a Jacobian with almost $10^9$ entries. Hutchinson (1990) found a way around it: we take an image $b$ of random signs, a **probe**. Then
#
# $$\mathbb E \; b^T J \, b = \sum_{ij} J_{ij} \, \mathbb E \, b_i b_j = \sum_i J_{ii} , \qquad J b \approx \frac{f(y + \epsilon b) - f(y)}{\epsilon} .$$
#
# Ramani, Blu and Unser combined this trace with the finite difference on the right and called the result Monte-Carlo SURE. It takes two calls of $f$, and $f$ may be a black box. The step $\epsilon$ must be small against what makes $f$ bend, yet large against the rounding of 32-bit numbers; $10^{-3}$ lies well between (problem set 06 measures both ends).
# For a blur the divergence is known, because each pixel reacts to itself by the central weight of the kernel.


# %%
def divergence(f, y, generator, epsilon=1e-3):
    b = 2.0 * torch.randint(0, 2, y.shape, generator=generator, device=y.device) - 1
    return torch.sum(b * (f(y + epsilon * b) - f(y))) / epsilon


def sure(f, y, sigma, generator):
    misfit = torch.mean((f(y) - y) ** 2)
    optimism = 2 * sigma**2 * divergence(f, y, generator) / y.numel()
    return misfit - sigma**2 + optimism


# %%
x = picture("astronaut", side=96).to(device)
y = add_gaussian(x, sigma, seed=0)
kernel = gaussian_kernel(5, 0.8)
blur = Blur(kernel)
generator = runtime.generator(0, "probe", y.device)
probed = torch.stack([divergence(blur, y, generator) / y.numel() for _ in range(20)])
print(f"divergence of the blur, per value: {kernel[2, 2]:.4f} exactly,", end=" ")
print(f"{probed[0]:.4f} by one probe; 20 probes scatter by {probed.std():.4f}")

draws = [add_gaussian(x, sigma, seed=seed) for seed in range(40)]
estimated = torch.stack([sure(blur, draw, sigma, generator) for draw in draws])
errors = torch.stack([(blur(draw) - x).square().mean() for draw in draws])
print(f"40 noisy images: mean of SURE {estimated.mean():.6f},", end=" ")
print(f"mean error {errors.mean():.6f};", end=" ")
print(f"in a single image they differ by {(estimated - errors).std():.6f}")

# %% [markdown]
# One probe finds the divergence to about a hundredth, and SURE of a single image is off by only a few per cent of the error.
#
# The library's `fitting.risks.sure` is this function. We give both the same probe and compare. (Another order of the sums changes the last digits of 32-bit numbers.)

# %%
from dil_course.fitting import risks

b = risks.probe(y, runtime.generator(0, "probe", y.device))
by_hand = sure(blur, y, sigma, runtime.generator(0, "probe", y.device))
same_sure = compare("SURE of the blur", by_hand, risks.sure(blur, y, sigma, b))

# %% tags=["nbval-check-output"]
difference = estimated - errors
print("my SURE and the library's agree:", same_sure)
print(
    "one probe finds the divergence of the blur to a tenth:",
    bool((probed[0] / kernel[2, 2] - 1).abs() < 0.1),
)
print(
    "over 40 images SURE is right, within four standard errors:",
    bool(difference.mean().abs() < 4 * difference.std() / math.sqrt(40)),
)

# %% [markdown]
# > **A surprise of 1961.** Is $y$ itself not the best guess of $x$, as long as nothing is known about $x$? Stein showed in 1956 that it is not, and James and Stein found a better one. Consider $f(y) = (1 - a / \|y\|^2) \, y$, which pulls all values a little towards zero. Since $\partial (y_i / \|y\|^2) / \partial y_i = 1 / \|y\|^2 - 2 y_i^2 / \|y\|^4$, its divergence is $N - (N - 2) \, a / \|y\|^2$, so that its SURE, summed over the $N$ values, is
# >
# > $$N \sigma^2 + \frac{a^2 - 2 a \, (N - 2) \, \sigma^2}{\|y\|^2} .$$
# >
# > For $a = (N - 2) \, \sigma^2$ and $N \ge 3$ the fraction is negative for every $y$ (for $N = 1$ it is too, but there $f$ jumps at zero), and the risk of $y$ itself is $N \sigma^2$. So the **James-Stein estimator** beats $y$ in total for *every* $x$, even where the values are unrelated, although a single value may fare worse. Exercise 1 measures it.

# %% [markdown]
# ## 3. Choose a parameter: non-local means
#
# Non-local means (lesson 02) has a `strength`. When it is too small, noise stays, and when it is too large, details are lost. With the truth, you would try several strengths and take the best. With SURE you do the same without the truth.
# SURE has long served this purpose: Donoho and Johnstone choose the threshold of each scale of wavelet coefficients by it (**SureShrink**, 1995; problem set 06 lets you find the rule), and Van De Ville and Kocher (2009) choose the strength of non-local means, as we do here.
#
# **Predict before you run.** How many decibels will the choice by SURE lose against the best strength? And which strength would the distance to $y$ choose?

# %%
from dil_course.from_scratch import non_local_means

strengths = [0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0]
scores = {"true error": [], "SURE": [], "misfit to y": []}
for strength in strengths:

    def f(y, strength=strength):
        return non_local_means(y, sigma, strength=strength)

    output = f(y)
    same_probe = runtime.generator(0, "probe", y.device)
    scores["true error"].append((output - x).square().mean().item())
    scores["SURE"].append(sure(f, y, sigma, same_probe).item())
    scores["misfit to y"].append((output - y).square().mean().item())

# %%
curves = {name: (strengths, values) for name, values in scores.items()}
alt = "True error and SURE over the strength: "
alt += "two valleys at the same place, SURE slightly lower. The misfit only rises."
show_curves(curves, "strength of non-local means", "mean square", alt)
found = {name: values.index(min(values)) for name, values in scores.items()}
best = found["true error"]
gap = scores["SURE"][best] - scores["true error"][best]
luck = (y - x).square().mean().item() - sigma**2
print(f"SURE minus the true error: {gap:.6f}, of which the noise's own {luck:.6f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# SURE follows the true error so closely that both valleys lie at the same place; the choice loses less than a tenth of a decibel. The misfit has no valley. It would choose the weakest denoising on the list, and it is the optimism term that prevents this. (Even a strength near zero is not the identity here, because this version still averages patches that differ by no more than the noise.)
#
# A common guess is that SURE of one image must be too uncertain to choose by. But we compare strengths *on the same noise*, so that most of the chance is common to all of them.
#
# </details>
#
# In the figure SURE lies a little too low. The printed line says where the gap comes from. If we expand the true error for *this* noise instead of its mean, we find
#
# $$\mathrm{SURE} - \frac{\|f - x\|^2}{N} = \Big( \frac{\|n\|^2}{N} - \sigma^2 \Big) + \frac{2}{N} \big( \sigma^2 \operatorname{div} f - \langle f - x , n \rangle \big) ,$$
#
# where $\|n\|^2$ is the energy of the noise and $N$ the number of values. The first bracket is the same for all $f$: the noise of this image happens to be a little weaker than $\sigma$ says. It explains half of the gap; the rest is the second bracket, the chance correlation of this $f$ with this noise, and the error of the probe.

# %% tags=["nbval-check-output"]
loss = 10 * math.log10(scores["true error"][found["SURE"]] / scores["true error"][best])
print("SURE's strength loses less than a tenth of a decibel:", loss < 0.1)
print("the misfit to y would choose the smallest strength:", found["misfit to y"] == 0)
offsets = [s - t for s, t in zip(scores["SURE"], scores["true error"])]
print(
    "SURE's offset varies over the strengths by less than a fifth of the true error:",
    max(offsets) - min(offsets)
    < (max(scores["true error"]) - min(scores["true error"])) / 5,
)

# %% [markdown]
# ## 4. Train a network with it
#
# SURE has a gradient. So let a *network* be $f$, feed it $y$, and minimise SURE over its weights: one noisy image and no target at all. Soltanayev and Chun (2018) trained denoisers by SURE on sets of noisy images, and Metzler and others (2018) also fitted a network to a single one, as we do here.
#
# First comes the naive way, which minimises the misfit to $y$, and then SURE. Only the loss differs.


# %%
def fit(y, network, loss_of, iterations, seed=0):
    generator = runtime.generator(seed, "probe", y.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for iteration in range(1, iterations + 1):
        estimate = network(y)
        loss = loss_of(network, y, estimate, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Step(iteration, iterations, loss.detach(), estimate.detach())


# %%
def misfit_to_y(network, y, estimate, generator):
    return torch.mean((estimate - y) ** 2)


def steins_risk(network, y, estimate, generator, sigma=sigma, epsilon=1e-3):
    b = risks.probe(y, generator)
    change = (network(y + epsilon * b) - estimate) / epsilon
    misfit = torch.mean((estimate - y) ** 2)
    return misfit - sigma**2 + 2 * sigma**2 * torch.mean(b * change)


def small_network(seed=0):
    with runtime.seeded(seed):
        return small_skip_network(3, 3, width=12, skip=2).to(device)


# %% [markdown]
# The network is a small relative of the one in lesson 03, with 12 channels. Its input is $y$ itself and not a fixed random $z$, and this matters. The divergence in the loss is that of the network with its weights held still. With a fixed $z$, such a network does not depend on $y$ at all (only its weights do, by way of the fit), its divergence is zero, and SURE is the plain misfit.
# Batch normalization also reacts to $y$, because it divides by a standard deviation that is computed from it. The probe includes this reaction, since it calls the whole network.
#
# **Predict before you run.** What does the network learn if only the misfit to $y$ counts, and how does its PSNR develop? Will SURE need to be stopped?

# %%
x = picture("coffee", side=128).to(device)
y = add_gaussian(x, sigma, seed=0)
film = Film(truth=x, crop=(28, 40, 48))
plain_network, stein_network = small_network(), small_network()
steps = fit(y, plain_network, misfit_to_y, iterations=400)
plain = run(film.record("misfit to y", steps), truth=x)

# %%
steps = fit(y, stein_network, steins_risk, iterations=1000)
stein = await watch(film.record("SURE", steps), truth=x, observed=y)

# %% [markdown]
# The film shows a window of 48 pixels; move its slider to compare the two runs at the same iteration.

# %%
film.show(
    at=(10, 30, 60, 150, 400),
    alt="A window of the cup, single outputs of two runs. Both emerge from a blur; "
    "with the misfit alone noise returns by iteration 60 and covers the cup at 400; "
    "with SURE the rim becomes sharp and the image stays clean.",
)

# %% [markdown]
# Here are the curves, beside BM3D, the classical method to beat, which is given $\sigma$ as SURE is:

# %%
import bm3d

array = bm3d.bm3d_rgb(y[0].permute(1, 2, 0).cpu().numpy(), sigma)
by_bm3d = psnr(torch.from_numpy(array).permute(2, 0, 1)[None].to(y), x)
end = stein.history["iteration"][-1]
curves = {
    "misfit to y, single": (plain.history["iteration"], plain.history["psnr"]),
    "misfit to y, average": (plain.history["iteration"], plain.history["psnr_average"]),
    "SURE, single": (stein.history["iteration"], stein.history["psnr"]),
    "SURE, average": (stein.history["iteration"], stein.history["psnr_average"]),
    f"BM3D: {by_bm3d:.1f} dB": ([1, end], 2 * [by_bm3d]),
}
alt = "PSNR over iterations. The misfit alone peaks early and falls towards the noisy "
alt += "image. SURE rises far above that peak and levels off; BM3D is 1 dB higher."
looks = {"misfit to y, single": (1, 1), "SURE, single": (0, 1)}
looks |= {"misfit to y, average": (1, 0)}
looks |= {"SURE, average": (0, 0), f"BM3D: {by_bm3d:.1f} dB": (5, 3)}
axes = dict(log_x=True, x_range=(5, end), y_range=(15, 37), looks=looks)
show_curves(curves, "iteration", "PSNR (dB)", alt, **axes)


# %% [markdown]
# <details><summary>Answer</summary>
#
# With the misfit alone, the PSNR peaks early and falls; with SURE, the average climbs far above that peak and stays close to its own best until the end. Does it need no stop, then? It does, only much later: when we let one such run go on to 3000 iterations, its average fell from 34.4 to 31.8 dB (`benchmarks/RESULTS.md`). Our 1000 iterations *are* a stop. BM3D, which needs no training, is still better by about a decibel.
# A common answer is that the first network becomes the identity. It moves towards it, but slowly: at the end it has not arrived, as a cell below measures.
#
# </details>
#
# The misfit alone is a weak opponent, because a network that is fed $y$ can copy it. A fair one is the prior of lesson 05 with its fixed $z$, stopped by the windowed variance. In nine runs with this noise (three images, three seeds, `benchmarks/RESULTS.md`) SURE ends 0.3 to 1.5 dB above it. But SURE is given $\sigma$, its width and its 1000 iterations were found with the truth, and the prior had at most 600 iterations, which five of its runs used up.
#
# Is the error that SURE reports right? We judge both trained networks, each by the mean of 20 probes. We print the **share of the noise** that is kept, $\langle f - x, n \rangle / \|n\|^2$, which for a given $f$ is $\operatorname{div} f / N$ on average by Stein's lemma; then $\operatorname{div} f / N$ itself, and the error that SURE reports beside the true one.
# Then we do something that the training never did: we draw *new* noise, and ask the same networks again.


# %%
def share_of_noise(estimate, clean, noisy):
    noise = noisy - clean
    return (((estimate - clean) * noise).sum() / noise.square().sum()).item()


@torch.no_grad()
def judged(network, inputs, probes):
    """Share of the noise, div f / N, SURE, and the true error, averaged."""
    generator, rows = runtime.generator(1, "probe", y.device), []
    for noisy in inputs:
        output = network(noisy)
        kept = share_of_noise(output, x, noisy)
        error = (output - x).square().mean().item()
        for _ in range(probes):
            share = divergence(network, noisy, generator).item() / noisy.numel()
            misfit = (output - noisy).square().mean().item()
            said = misfit - sigma**2 + 2 * sigma**2 * share
            rows.append([kept, share, said, error])
    return torch.tensor(rows).mean(0).tolist()


def decibels(mean_square):
    return 10 * math.log10(1 / max(mean_square, 1e-9))


# %%
new_noise = [add_gaussian(x, sigma, seed=100 + seed) for seed in range(8)]
kept, freedom, said, true = {}, {}, {}, {}
for name, network in {"misfit": plain_network, "SURE": stein_network}.items():
    for on, inputs, probes in (("its noise", [y], 20), ("new noise", new_noise, 3)):
        where = f"{name}, {on}"
        row = judged(network, inputs, probes)
        kept[where], freedom[where], said[where], true[where] = row
        print(
            f"{where:17}: noise kept {row[0]:.3f}, div f / N {row[1]:.3f}, SURE "
            f"{decibels(row[2]):.1f} dB, truth {decibels(row[3]):.1f} dB"
        )
print(f"last misfit over the variance: {plain.history['loss'][-1] / sigma**2:.2f}")

# %% [markdown]
# After 400 iterations, the misfit has come down to a third of $\sigma^2$, and the first network lets two thirds of the noise through; the identity would let through all of it. SURE judges this bad network correctly. The network that was fitted *by* SURE has hardly any degrees of freedom left, and yet SURE reports an error for it that is several times too small. On its own noise it keeps clearly more than its divergence says, and by the identity of section 3 this difference, times $2 \sigma^2$, is most of the gap; the rest is the first bracket there. On new noise the two shares agree, and the same SURE is right to a few per cent.
#
# Why? SURE is unbiased for a *given* $f$, whereas this $f$ was *chosen*, among all functions that the network can form, because its SURE is low on this one $y$. Some functions have a low SURE by luck, and the search finds them. In other words, the divergence of the whole procedure, search included, is larger than that of the trained network, which is all that our probe sees. Tibshirani and Rosset call the difference **excess optimism**. On new noise the network is a given function again, and SURE is right again.
#
# How does the gap develop? The next figure divides the true error of single outputs by the SURE of the same iteration, both averaged over nine neighbouring points of the recorded curves.


# %%
def smoothed(values, window=9):
    return torch.tensor(values).unfold(0, window, 1).mean(1)


errors = [10 ** (-decibel / 10) for decibel in stein.history["psnr"]]
ratio = (smoothed(errors) / smoothed(stein.history["loss"])).tolist()
at = stein.history["iteration"][4:-4]
curves = {"true error / SURE": (at, ratio), "unbiased": ([at[0], end], [1, 1])}
alt = "The true error over the error that SURE reports: near one at first, then "
alt += "rising, not evenly, to a factor of several."
axes = dict(looks={"true error / SURE": (0, 0), "unbiased": (5, 3)})
show_curves(curves, "iteration", "ratio", alt, **axes)

# %% [markdown]
# The ratio starts near 1 and grows, though not evenly, even when the true error of single outputs no longer falls. So SURE is a good loss and, on the image that it was minimised on, a bad report: the number to quote is the one on new noise, or a baseline that was measured in the same way.
#
# The longer the search and the larger the network, the more luck there is to find. That is why this network is small, and it is a choice: 12 channels delay the overfitting, and we found them, and the 1000 iterations, with the truth. The Deep Decoder of lesson 05 makes the same trade.
# Jo, Chun and Choi (2021) make the other one: they keep a large network and use the estimated degrees of freedom to stop it. Another warning that needs no truth is SURE itself: in the run to 3000 iterations it was below zero at every point that we looked at from iteration 1400 on, as no error can be. Exercise 2 shows a wider network.
#
# The library has the loop as `dip_sure` (named after the deep image prior, although its network is fed $y$ in place of $z$). Are these the same numbers?

# %%
from dil_course.from_scratch import dip_sure

mine = run(fit(y, small_network(), steins_risk, iterations=5))
library = run(dip_sure(y, sigma, iterations=5, fast=False))
same_fit = compare("estimate, iteration 5", mine.estimate, library.estimate)

# %% tags=["nbval-check-output"]
note_if_stopped(stein)
print("my loop and the library's agree:", same_fit)
print(
    "the misfit alone falls at least 4 dB from its peak:",
    max(plain.history["psnr"]) - plain.history["psnr"][-1] > 4,
)
averages = stein.history["psnr_average"]
print(
    "after 1000 iterations SURE is at most half a decibel below its own peak:",
    max(averages) - averages[-1] < 0.5,
)
print(
    "it ends at least 4 dB above the best of the misfit alone, single or average:",
    averages[-1] > max(plain.history["psnr"] + plain.history["psnr_average"]) + 4,
)
print(
    "on its own noise the network's error is at least twice what SURE reports:",
    true["SURE, its noise"] > 2 * said["SURE, its noise"],
)
print(
    "on new noise SURE is right to a tenth:",
    abs(said["SURE, new noise"] / true["SURE, new noise"] - 1) < 0.1,
)
print(
    "the noise kept is div f / N on new noise, to a hundredth, and more on its own:",
    abs(kept["SURE, new noise"] - freedom["SURE, new noise"]) < 0.01
    and kept["SURE, its noise"] > kept["SURE, new noise"] + 0.005,
)
print(
    "the misfit alone leaves at least five times as many degrees of freedom:",
    freedom["misfit, new noise"] > 5 * abs(freedom["SURE, new noise"]),
)

# %% [markdown]
# ## 5. The wrong sigma
#
# SURE needs $\sigma$. What happens if it is given another value, $\sigma'$?
#
# A small model answers this at once. Let $f$ be a filter that multiplies each frequency of $y$ by a real weight, the same weight $w_r$ for all frequencies within one ring $r$ of the spectrum (lesson 03). Each frequency reacts to itself by its weight, so that the divergence is the sum of the weights (as long as they are fixed; that we take them from $y$ changes little, since nearly every ring has many values). With $P_r$, the mean power of $y$ in the ring, SURE becomes
#
# $$\mathrm{SURE} = \frac1N \sum_r N_r \big[ (w_r - 1)^2 P_r + 2 \sigma'^2 w_r \big] - \sigma'^2 , \qquad \text{least at} \quad w_r = 1 - \frac{\sigma'^2}{P_r} ,$$
#
# where $N_r$ is the number of values in the ring. With the true $\sigma$ this is the **Wiener filter**, with the spectrum estimated from $y$ itself. In practice one clips negative weights to zero; we leave them free to see what SURE alone asks for.
#
# **Predict before you run.** In the outer rings $y$ is almost pure noise, so that $P_r \approx \sigma^2$. What do the weights become there for half of $\sigma$, and what for twice $\sigma$? What will you see in the image?

# %%
face = picture("astronaut", side=96).to(device)
noisy_face = add_gaussian(face, sigma, seed=0)
frequency = torch.fft.fftfreq(96, device=device)
rings = (48 * torch.hypot(frequency[:, None], frequency[None])).long()


def ring_power(y):
    """Mean power of y in the ring of each frequency, of the shape (96,96)."""
    power = torch.fft.fft2(y, norm="ortho").abs().square().mean((0, 1)).flatten()
    sums, counts = (
        torch.bincount(rings.flatten(), power),
        torch.bincount(rings.flatten()),
    )
    return (sums / counts)[rings]


def filtered(y, weights):
    return torch.fft.ifft2(weights * torch.fft.fft2(y, norm="ortho"), norm="ortho").real


# %%
power = ring_power(noisy_face)


def draw(given):
    weights = 1 - (given * sigma) ** 2 / power
    estimate = filtered(noisy_face, weights)
    share = share_of_noise(estimate, face, noisy_face)
    title = f"{psnr(estimate, face):.1f} dB, noise kept {share:.2f}"
    at = [k / 48 for k in range(48)]
    curves = {"weight": (at, weights[0, :48].tolist())}
    axes = dict(y_range=(-3.2, 1.2), zoom=2)
    return figure_with(
        {title: estimate}, curves, "frequency / highest", "weight w", **axes
    )


alt = "A face filtered with sigma given as half, right, twice: noisy; clean and soft; "
alt += "covered by grain. The weights at the highest frequencies: 0.8, 0.1 and -2.8."
given = [0, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2]
explore(draw, alt, static={"given": [0.5, 1, 2]}, given=given)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The weight at high frequencies is about $1 - \sigma'^2 / \sigma^2$. Half of $\sigma$ gives about 3/4, so that most of the noise stays. Twice $\sigma$ gives nearly $-3$: the image is covered by the *negative* of the noise, almost three times as strong.
#
# Nearly everybody expects that too large a $\sigma$ blurs, since most denoisers smooth more when they are given more noise. With weights clipped to $[0, 1]$ it would: what a wrong $\sigma$ does depends on what $f$ is able to do. For a free $f$, a negative divergence lowers SURE by $2 \sigma'^2$ for each degree of freedom, and for $\sigma' > \sigma$ this gain exceeds what the misfit loses.
#
# </details>
#
# > **Tweedie's formula.** So far $x$ was one fixed image. Now let $x$ be drawn from a distribution of images, and let $\mathbb E$ run over $x$ and $n$; SURE stays unbiased, because it is so for each $x$. Which $f$ has the smallest expected SURE among *all* functions? For the true $\sigma$ it must be the one with the smallest risk, which is the posterior mean. Integration by parts, once more, turns $\mathbb E \operatorname{div} f$ into $- \mathbb E \langle f, \nabla \log p(y) \rangle$, where $p(y)$ is the density of noisy images. SURE is then quadratic in $f$, with its minimum at
# >
# > $$\mathbb E[x \mid y] = y + \sigma^2 \nabla \log p(y) .$$
# >
# > This is **Tweedie's formula** (Robbins published it in 1956 and named Tweedie as its author). A denoiser with the least mean squared error knows the gradient of the log density of noisy images, the **score**. Diffusion models train a denoiser for the sake of that score. For a stationary Gaussian $p$ of mean zero and power spectrum $P$, the formula is the Wiener filter above.
#
# With the wrong $\sigma'$, the same minimisation ends at $y + \sigma'^2 \nabla \log p(y)$, that is, at
#
# $$f(y) = y - \frac{\sigma'^2}{\sigma^2} \big( y - \mathbb E[x \mid y] \big) .$$
#
# SURE subtracts the *right* estimate of the noise, but $\sigma'^2 / \sigma^2$ times. Which share of the noise does the result keep, on average? We write $m = \mathbb E[x \mid y]$ and $\mathrm{MMSE} = \mathbb E \|m - x\|^2 / N$, the minimum mean squared error. The share in $y$ is 1. The error $m - x$ is uncorrelated with every function of $y$, in particular with $y - m$, so that
#
# $$\mathbb E \langle m - x , n \rangle = \mathbb E \langle m - x , (y - m) + (m - x) \rangle = N \, \mathrm{MMSE} , \qquad \text{and the share in } m \text{ is} \quad q = \mathrm{MMSE} / \sigma^2 .$$
#
# As $f$ mixes the two, it keeps the share $c = 1 - (1 - q) \, \sigma'^2 / \sigma^2$. Does a network obey this law? Nobody knows the MMSE of a face, so that we put the network's own error at the true $\sigma$ into $q$.

# %%
small_face = picture("astronaut", side=64).to(device)
small_noisy = add_gaussian(small_face, sigma, seed=0)
given_share, given_psnr, shown = {}, {}, {}
iterations = runtime.pick(quick=300, full=900)
for factor in (0.5, 1, 2):
    steps = dip_sure(small_noisy, factor * sigma, iterations=iterations)
    estimate = run(steps).estimate
    given_share[factor] = share_of_noise(estimate, small_face, small_noisy)
    given_psnr[factor] = psnr(estimate, small_face)
    shown[f"given {factor:g} sigma: {given_psnr[factor]:.1f} dB"] = estimate
alt = "The face by networks trained with half of sigma, sigma, and twice sigma: noise "
alt += "is left; clean; covered by strong grain."
show_images(shown, alt, crop=(10, 16, 24))
q = 10 ** (-given_psnr[1] / 10) / sigma**2
for factor, share in given_share.items():
    law = 1 - (1 - q) * factor**2
    clipped = (small_face + law * (small_noisy - small_face)).clamp(0, 1)
    possible = share_of_noise(clipped, small_face, small_noisy)
    print(f"given {factor:3g} sigma: noise kept {share:5.2f},", end=" ")
    print(f"by the law {law:5.2f}, clipped to [0, 1] {possible:5.2f}")

# %% [markdown]
# Not in 300 iterations: the signs and the order are those of the law, but the network falls short of both extremes. The law describes the minimum over *all* functions, whereas this network has a sigmoid, which confines its output to $[0, 1]$ (the last column shows what clipping alone does). And like the first network of section 4, it learns only slowly to pass noise on. After 900 iterations the shares were 0.65 and $-1.87$ (`benchmarks/RESULTS.md`), so that the runs are on their way. The damage is done long before: either way, a wrong $\sigma$ costs many decibels.
#
# ### Estimate sigma
#
# So $\sigma$ must be known, or **estimated**. Where an image is flat, all that changes from pixel to pixel is noise. We take cells of 2x2 pixels and the difference along both directions:
#
# $$d = \tfrac12 (u_{00} - u_{01} - u_{10} + u_{11}) , \qquad \begin{matrix} u_{00} & u_{01} \\ u_{10} & u_{11} \end{matrix} .$$
#
# Flat parts, ramps, and edges along rows or columns cancel; of a diagonal edge through the cell, half of its height remains. Four noises with the weights $\pm \frac12$ have the variance $4 \cdot \frac14 \sigma^2 = \sigma^2$.
# Donoho and Johnstone (1994) take the **median** of $|d|$ instead of the mean of $d^2$, because the median is hardly moved by the few large values that corners and texture leave. For a Gaussian it is $0.6745 \, \sigma$.
#
# **Predict before you run.** For which images, and for which noise levels, will the estimate be too high? And what if neighbours share their noise?


# %%
def estimate_sigma(y):
    u00, u01, u10, u11 = (y[..., i::2, j::2] for i in (0, 1) for j in (0, 1))
    d = (u00 - u01 - u10 + u11) / 2
    return d.abs().median().item() / 0.6745


from dil_course.signals import add_correlated
from dil_course.signals import estimate_sigma as library_sigma

mine, theirs = estimate_sigma(noisy_face), library_sigma(noisy_face)
same_sigma = compare("estimated sigma", mine, theirs)

# %%
levels = (0, 10, 25, 50)
guesses = {}
print("true sigma   " + "  ".join(f"{level:5}" for level in levels))
for name in ("coffee", "astronaut", "chelsea", "grass"):
    clean = picture(name, side=128).to(device)
    inputs = [add_gaussian(clean, level / 255, seed=1) for level in levels]
    guesses[name] = [255 * estimate_sigma(noisy) for noisy in inputs]
    print(f"{name:12} " + "  ".join(f"{guess:5.1f}" for guess in guesses[name]))
shared_kernel = gaussian_kernel(5, 0.7)
shared = add_correlated(face, sigma, shared_kernel, seed=0)
print(f"noise of sigma 25 that neighbours share: {255 * estimate_sigma(shared):.1f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# All estimates are too high when the noise is weak, because image detail counts as noise: for $\sigma = 10/255$ by a few per cent on the cup, by more than a tenth on the other photographs, and by two thirds on grass. Without any noise, the estimator still reports some. For $\sigma = 25/255$ and above, it is right to a few per cent on the photographs; on grass it needs still stronger noise.
#
# People often say that the median "ignores" detail. It ignores *rare* detail; where detail is everywhere, as in grass, the median consists of it.
#
# </details>
#
# Noise that neighbours **share** (here white noise, blurred a little and scaled to the same strength) cancels in $d$, so that the estimate is far too low. Section 7 returns to such noise.

# %% tags=["nbval-check-output"]
kept = {}
for k in (0.5, 1, 2):
    estimate = filtered(noisy_face, 1 - (k * sigma) ** 2 / power)
    kept[k] = share_of_noise(estimate, face, noisy_face)
print(
    "the filter keeps noise by the law, to a tenth, for half and twice sigma:",
    all(abs(kept[k] - (1 - (1 - kept[1]) * k**2)) < 0.1 for k in (0.5, 2)),
)
print(
    "networks: a wrong sigma costs more than two decibels either way:",
    given_psnr[1] - max(given_psnr[0.5], given_psnr[2]) > 2,
)
print(
    "half of sigma leaves over a third of the noise, twice sigma turns its sign:",
    given_share[0.5] > 1 / 3 and given_share[2] < -1 / 3,
)
print("my estimate of sigma and the library's agree:", same_sigma)
photographs = [guesses[name] for name in ("coffee", "astronaut", "chelsea")]
print(
    "photographs: sigma 25 is found to a tenth:",
    all(abs(found[2] / 25 - 1) < 0.1 for found in photographs),
)
print(
    "weak noise is overestimated on all four images, on two by over a tenth:",
    all(found[1] > 10 for found in guesses.values())
    and sum(found[1] > 11 for found in photographs) >= 2,
)
print(
    "shared noise: less than two thirds of it is found:",
    estimate_sigma(shared) < 2 / 3 * sigma,
)

# %% [markdown]
# ## 6. Without sigma: UNSURE
#
# There is a way to do without $\sigma$ altogether. In SURE, $\sigma$ matters only as the factor of the divergence. If we allow only functions whose divergence is **zero**, the factor has no effect, and the plain misfit ranks them correctly:
#
# $$\operatorname{div} f = 0 \quad \Longrightarrow \quad \mathrm{SURE} = \frac{\|f(y) - y\|^2}{N} - \sigma^2 .$$
#
# Which functions have no divergence? The strictest answer is a function in which no output $f_i$ depends on its own input $y_i$. Then *every* term $\partial f_i / \partial y_i$ is zero. Such a function is called **blind**; **Noise2Self** and its relatives (lesson 07) use it, and cross-validation is its ancestor.
# A blur whose kernel has a hole in the middle is the simplest example:

# %%
hollow = gaussian_kernel(5, 0.8)
hollow[2, 2] = 0
blind_blur = Blur(hollow / hollow.sum())
generator = runtime.generator(0, "probe", device)
free = (divergence(blind_blur, noisy_face, generator) / noisy_face.numel()).item()
output = blind_blur(noisy_face)
reported = (output - noisy_face).square().mean().item() - sigma**2
true_error = (output - face).square().mean().item()
print(f"blind blur: div f / N {free:.4f}; misfit - sigma² {reported:.5f},", end=" ")
print(f"true error {true_error:.5f}")

# %% [markdown]
# But blindness wastes information, because $y_i$ is the best single witness of $x_i$. Tachella, Davies and Jacques (2025) ask for less: only the *sum* of the terms has to vanish, and only on average. Their **UNSURE** is the missing link between SURE and Noise2Self:

# %%
diagram = Diagram(9.2, 3.3)
outer = "all functions: SURE. White Gaussian noise, σ known"
middle = r"sum of the $\partial f_i / \partial y_i$ zero: UNSURE. "
middle += "White Gaussian noise, σ unknown"
inner = r"each $\partial f_i / \partial y_i$ zero (blind): Noise2Self."
inner += "\nAny independent noise of mean 0"
diagram.box(0.1, 0.1, 9.0, 3.1, outer + 13 * "\n", 1)
diagram.box(0.7, 0.3, 7.8, 2.1, middle + 8 * "\n", 0)
diagram.box(1.5, 0.5, 6.2, 1.1, inner, 2)
diagram.show(
    alt="Three nested boxes: blind functions (Noise2Self) inside functions of zero "
    "divergence (UNSURE) inside all functions (SURE); in each, what the method assumes "
    "about the noise."
)

# %% [markdown]
# A constraint is enforced by a **Lagrange multiplier** $\eta$:
#
# $$\max_\eta \; \min_f \; \frac{\mathbb E \|f(y) - y\|^2}{N} + \frac{2 \eta}{N} \, \mathbb E \operatorname{div} f(y) .$$
#
# The inner problem is SURE with $\eta$ in place of $\sigma^2$, apart from a constant. By the box on Tweedie, its solution is $y + \eta \, \nabla \log p(y)$, and the constraint fixes $\eta$. The result can be computed without any network:
#
# $$\frac1\eta = \frac1N \, \mathbb E \| \nabla \log p(y) \|^2 , \qquad \eta = \frac{\sigma^2}{1 - q} , \qquad \mathrm{MSE} = \frac{\mathrm{MMSE}}{1 - q} , \qquad q = \frac{\mathrm{MMSE}}{\sigma^2} .$$
#
# So $\sqrt \eta$ is an estimate of $\sigma$, at this optimum never too low, and the loss against SURE with the true $\sigma$ is $-10 \log_{10} (1 - q)$ dB, which is small where denoising works well.
#
# <details><summary>Where the three formulas come from</summary>
#
# With $s = \nabla \log p(y)$, integration by parts gives $\mathbb E \operatorname{div} s = - \mathbb E \|s\|^2$. So the divergence of $y + \eta s$ is on average $N - \eta \, \mathbb E \|s\|^2$, and it vanishes for the first formula.
# By Tweedie, $s = (m - y) / \sigma^2$. Since $n = (y - m) + (m - x)$ splits into uncorrelated parts, $\mathbb E \|y - m\|^2 = N (\sigma^2 - \mathrm{MMSE})$, hence $\mathbb E \|s\|^2 = N (1 - q) / \sigma^2$, which is the second.
# The error of $f = y + \eta s$ is $f - x = (1 - r) (y - m) + (m - x)$ with $r = \eta / \sigma^2 = 1 / (1 - q)$. Its parts are uncorrelated again, so that $\mathrm{MSE} = (1 - r)^2 (1 - q) \, \sigma^2 + q \, \sigma^2 = q \, \sigma^2 / (1 - q)$, the third. The paper proves them too.
#
# </details>
#
# For the filter of section 5, where $\nabla \log p$ is $-Y / P$ for each frequency, $\eta$ is simply the *harmonic* mean of the power spectrum. For this filter both laws hold by algebra, apart from the chance of one noise, so that the next cell checks our formulas and shows how much is lost. The network after it is the test.
#
# **Predict before you run.** On which of the four images will the filter without $\sigma$ lose most, and why?

# %%
losses = {}
for name in ("coffee", "chelsea", "astronaut", "grass"):
    clean = picture(name, side=96).to(device)
    noisy = add_gaussian(clean, sigma, seed=0)
    spectrum = ring_power(noisy)
    eta = 1 / (1 / spectrum).mean()
    with_sigma = psnr(filtered(noisy, 1 - sigma**2 / spectrum), clean)
    without = psnr(filtered(noisy, 1 - eta / spectrum), clean)
    q = 10 ** (-with_sigma / 10) / sigma**2
    losses[name] = with_sigma - without, -10 * math.log10(1 - q)
    print(f"{name:10} root of eta {255 * eta.sqrt():.1f}", end=" ")
    print(f"(by the law {25 / math.sqrt(1 - q):.1f});", end=" ")
    print(f"with sigma {with_sigma:.2f} dB, without {without:.2f} dB;", end=" ")
    print("loss {:.2f} dB, by the law {:.2f} dB".format(*losses[name]))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Grass loses most, because its $q$ is largest: the filter can remove only about half of the noise there, so that a function without divergence has to give up much of the image. On the cup it costs little more than half a decibel. Both laws hold to a few hundredths of a decibel, as they must for this filter.
#
# A common answer is "the image with the strongest noise", but the level does not matter by itself; what counts is how much of the noise the best denoiser leaves.
#
# </details>
#
# Now a network. The paper alternates between both players, as we do: a step of Adam down in the weights, and a step of plain gradient *ascent* in $\eta$, whose derivative is $2 \operatorname{div} f / N$. The step of the ascent, 3e-4, is a choice of ours; 1e-4 and 1e-3 end within a decibel of it (`benchmarks/RESULTS.md`). The paper trains on a set of noisy images; here the $N$ values of one image average in place of the set.
# We start from $\eta = 0$, which is the plain misfit of section 4. As soon as the network begins to let noise through, its divergence is positive, $\eta$ grows, and the loss pushes back.


# %%
def fit_without_sigma(y, network, iterations, notes, ascent=3e-4, eta=0.0, seed=0):
    generator = runtime.generator(seed, "probe", y.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for iteration in range(1, iterations + 1):
        estimate = network(y)
        b = risks.probe(y, generator)
        share = torch.mean(b * (network(y + 1e-3 * b) - estimate)) / 1e-3
        loss = torch.mean((estimate - y) ** 2) + 2 * eta * share
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        eta = eta + ascent * 2 * share.item()
        notes.append((eta, share.item()))
        yield Step(iteration, iterations, loss.detach(), estimate.detach())


# %% [markdown]
# **Predict before you run.** Will $\eta$ climb to its value and stay there, or pass it first? The image is the cup again, at 96 pixels.

# %%
cup = picture("coffee", side=96).to(device)
noisy_cup = add_gaussian(cup, sigma, seed=0)
iterations = 500
notes = {"from 0": [], "from (2 sigma)²": []}
steps = fit_without_sigma(noisy_cup, small_network(), iterations, notes["from 0"])
without = run(steps, truth=cup)
steps = fit_without_sigma(
    noisy_cup, small_network(), iterations, notes["from (2 sigma)²"], eta=4 * sigma**2
)
from_above = run(steps, truth=cup)
with_sigma = run(dip_sure(noisy_cup, sigma, iterations=iterations), truth=cup)

# %%
curves = {
    name: [255 * math.sqrt(max(eta, 0)) for eta, _ in pairs]
    for name, pairs in notes.items()
}
curves["true sigma"] = ([0, iterations], [25, 25])
alt = (
    "The root of eta over iterations: from 0 it rises above the true sigma and swings "
)
alt += "back, from twice sigma it falls and dips slightly; both settle close to it."
looks = {"from 0": (0, 0), "from (2 sigma)²": (1, 1), "true sigma": (5, 3)}
show_curves(curves, "iteration", "255 times the root of eta", alt, looks=looks)
ends = {"SURE, true sigma": with_sigma, "UNSURE from 0": without}
ends["UNSURE from (2 sigma)²"] = from_above
shown = {f"{k}: {psnr(r.estimate, cup):.1f} dB": r.estimate for k, r in ends.items()}
alt = "The cup by SURE with the true sigma and by UNSURE from two starts: all three "
alt += "nearly clean, with more or less faint grain on the pale wall in the window."
show_images(shown, alt, crop=(2, 60, 32))

# %% [markdown]
# What did each start find? We average over the last hundred iterations, because each divergence comes from a single probe.

# %%
found, last_share = {}, {}
for name, pairs in notes.items():
    late = pairs[-100:]
    found[name] = 255 * math.sqrt(sum(eta for eta, _ in late) / len(late))
    last_share[name] = sum(share for _, share in late) / len(late)
    print(f"{name:16} sigma found {found[name]:.1f} of 255,", end=" ")
    print(f"div f / N {last_share[name]:.3f}, mean of the last 100 iterations")
print(f"estimate_sigma, for comparison: {255 * estimate_sigma(noisy_cup):.1f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Coming from 0, $\eta$ passes its final value and swings back. The two players react to each other with a delay, because the network needs iterations to follow a new $\eta$; such oscillations are common in min-max problems. From above, $\eta$ falls and dips a little below its end. Both starts end near the same value.
# The common expectation of a smooth climb would be right if the network were always at its minimum.
#
# </details>
#
# Without being given $\sigma$, the network comes within about a decibel of SURE with the true one, from either start. The law predicts a loss of about a fifth of a decibel on this image. One run is too little to see it, because two runs of the same method easily differ by more.
#
# Why not simply estimate $\sigma$ first and then use SURE? For white noise on a smooth image one can, as the last printed line shows. The multiplier becomes interesting where no such estimator is at hand: the paper gives versions with several multipliers, for correlated noise of unknown covariance and for Poisson-Gaussian noise. And it fails where the law says so, on texture (exercise 3).
#
# The library's `unsure` is this loop. It keeps the multiplier as `steps.memory["multiplier"]["eta"]`.

# %%
from dil_course.from_scratch import unsure

by_hand = []
mine = run(fit_without_sigma(noisy_cup, small_network(), 5, by_hand))
steps = unsure(noisy_cup, iterations=5, fast=False)
library = run(steps)
same_unsure = compare("estimate, iteration 5", mine.estimate, library.estimate)
eta = steps.memory["multiplier"]["eta"]
same_eta = compare("eta, iteration 5", torch.tensor(by_hand[-1][0]), eta.cpu())

# %% tags=["nbval-check-output"]
print("the blind blur has no divergence:", abs(free) < 0.01)
print(
    "its misfit minus sigma² is its error, to a tenth:",
    abs(reported / true_error - 1) < 0.1,
)
print(
    "filter: the loss obeys the law to a tenth of a decibel on all four images:",
    all(abs(loss - law) < 0.1 for loss, law in losses.values()),
)
print("filter: grass loses most:", max(losses, key=lambda k: losses[k][0]) == "grass")
print("my loop and the library's agree:", same_unsure and same_eta)
print(
    "network: both starts end with a divergence below a twentieth per value:",
    all(abs(share) < 0.05 for share in last_share.values()),
)
print(
    "network: both find sigma to 15 %:",
    all(abs(value / 25 - 1) < 0.15 for value in found.values()),
)
quality = {name: psnr(result.estimate, cup) for name, result in ends.items()}
print(
    "network: without sigma it loses less than 2 dB against SURE, and gains 10:",
    quality["SURE, true sigma"] - quality["UNSURE from 0"] < 2
    and quality["UNSURE from 0"] > psnr(noisy_cup, cup) + 10,
)

# %% [markdown]
# ## 7. Other noise: neighbours that share it, and photons
#
# Stein's lemma for many values reads $\mathbb E \langle n , f(y) \rangle = \operatorname{tr}(\Sigma \, \mathbb E J)$, where $\Sigma$ is the covariance matrix of the Gaussian noise. So far it was $\sigma^2$ times the identity.
# If neighbours share their noise and $\Sigma$ is known, we replace $\sigma^2 \operatorname{div} f$ by $\operatorname{tr}(\Sigma J)$. Even the probe remains: for a random $b$ with $\mathbb E \, b b^T = \Sigma$ we have $\mathbb E \, b^T J b = \operatorname{tr}(\Sigma J)$, so that $b$ is simply another draw of *the noise itself*, $b \sim \mathcal N(0, \Sigma)$. (For white noise, signs are better than Gaussian numbers, because $b_i^2 = 1$ exactly.)
#
# We take the shared noise of section 5, scaled to variance 1 as `risks.sure` wants its probe, and choose the width of a blur.
#
# **Predict before you run.** SURE with the usual probe assumes white noise. Will it be too high or too low, and which width will it choose?

# %%
widths = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.4, 1.7, 2.0]
nothing = torch.zeros_like(face)
probe_of_noise = add_correlated(nothing, 1, shared_kernel, seed=7)
signs = risks.probe(face, runtime.generator(0, "probe", device))
rows = {"true error": [], "white probe": [], "probe of the noise": []}
for width in widths:
    f = Blur(gaussian_kernel(13, width))
    rows["true error"].append((f(shared) - face).square().mean().item())
    for name, b in {"white probe": signs, "probe of the noise": probe_of_noise}.items():
        rows[name].append(risks.sure(f, shared, sigma, b=b).item())
curves = {name: (widths, values) for name, values in rows.items()}
alt = "Over the width of the blur: the true error and SURE with a probe of the noise "
alt += (
    "lie close together, least near 1.4; with a white probe SURE lies far below, under "
)
alt += "zero at most widths, and is least near 0.9."
looks = {"true error": (0, 0), "white probe": (1, 1), "probe of the noise": (2, 2)}
show_curves(curves, "width of the blur (pixels)", "mean square", alt, looks=looks)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Far too low: with the usual probe, SURE reports a *negative* error for most widths, because the blur lets through more of this noise than the trace of $J$ says. Its valley lies at too narrow a blur as well, so that it would choose the wrong width. With a probe of the noise, SURE follows the true error and finds its valley.
#
# It is tempting to think that only the strength of the noise matters. But a blur passes noise that is already smooth, and the trace of $J$ alone does not notice this.
#
# </details>
#
# ### Photons
#
# A camera counts photons, and counts follow Poisson's law. Bright pixels are noisier than dark ones: for an image in $[0, 1]$ whose white is `peak` photons, the variance of $y_i$ is $x_i / \text{peak}$.
# There is a lemma for this law too: $\mathbb E \, x_i f(y) = \mathbb E \, y_i f(y - e_i / \text{peak})$, where $e_i / \text{peak}$ is one photon in pixel $i$. If one photon changes $f$ little, we may replace the difference by a derivative. Then the lemma says: replace $\sigma^2$ by each pixel's own variance $v_i$, for which $y_i / \text{peak}$ is an unbiased estimate. The result is called **PURE** (Luisier, Blu and Unser; with a probe: Le Montagner and others):
#
# $$\mathrm{PURE}(y) = \frac1N \Big( \|f(y) - y\|^2 - \sum_i v_i + 2 \sum_i v_i \frac{\partial f_i}{\partial y_i} \Big) .$$
#
# A plain blur treats all pixels the same, so that only the *mean* variance matters to it, and SURE with that mean is right as well. We therefore take a denoiser that does not: it leaves pixels above 0.5 as they are and blurs the rest, with a smooth transition.
#
# **Predict before you run.** For this denoiser, will SURE with the mean variance report too much or too little error?

# %%
from dil_course.signals import add_poisson


def blur_the_dark(y):
    bright = torch.sigmoid(20 * (Blur(gaussian_kernel(9, 1.5))(y) - 0.5))
    return bright * y + (1 - bright) * Blur(gaussian_kernel(9, 0.8))(y)


peak, ratios = 60, {"PURE": [], "SURE, mean variance": []}
for seed in range(10):
    y_photons = add_poisson(face, peak, seed=seed)
    average_sigma = math.sqrt(y_photons.mean().item() / peak)
    b = risks.probe(y_photons, runtime.generator(seed, "probe", device))
    error = (blur_the_dark(y_photons) - face).square().mean()
    pure = risks.pure(blur_the_dark, y_photons, peak, b=b)
    as_gaussian = risks.sure(blur_the_dark, y_photons, average_sigma, b=b)
    ratios["PURE"].append((pure / error).item())
    ratios["SURE, mean variance"].append((as_gaussian / error).item())
photon_ratio = {name: sum(values) / 10 for name, values in ratios.items()}
for name, value in photon_ratio.items():
    print(f"{name:20} reported / true error, mean of 10: {value:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Too little. The derivative is large exactly where the pixels are bright, and there the variance is above its mean, so that more noise comes through than SURE with one $\sigma$ assumes. PURE weighs each derivative with the variance of its own pixel and is right.
# "Both are right, because the mean variance is right" is the usual answer. It holds only for denoisers that treat bright and dark pixels the same.
#
# </details>

# %% tags=["nbval-check-output"]
valley = {name: row.index(min(row)) for name, row in rows.items()}
lowest = valley["true error"]
print(
    "shared noise, white probe: SURE falls below zero and chooses too narrow a blur:",
    min(rows["white probe"]) < 0 and valley["white probe"] < lowest,
)
print(
    "shared noise, probe of the noise: right to 15 % at the best width:",
    abs(rows["probe of the noise"][lowest] / rows["true error"][lowest] - 1) < 0.15,
)
print("photons: PURE is right to 5 %:", abs(photon_ratio["PURE"] - 1) < 0.05)
print(
    "photons: SURE with the mean variance is at least 10 % too low:",
    photon_ratio["SURE, mean variance"] < 0.9,
)

# %% [markdown]
# ## 8. With an operator: what can be known at all
#
# Now $y = A(x) + n$. Some part of $x$ may leave no trace in $y$: the **null space** of $A$ (lesson 01), for example the pixels under a mask.
# No formula that looks at $y$ alone can judge an estimate there. What can be judged is the rest, the projection $P = A^+ A$ of the image onto what $A$ sees.
#
# **GSURE**, generalized SURE (Eldar 2009), estimates exactly that part of the error, the mean of $|P f(y) - P x|^2$. With one probe $b$, of the shape of $y$, and with $J$ the Jacobian of $f$, which maps observations to images, it reads
#
# $$\mathrm{GSURE}(y) = \frac1N \Big( \| A^+ (A f(y) - y) \|^2 + 2 \sigma^2 \, \langle A^+ b , \, P J b \rangle - \sigma^2 \| A^+ b \|^2 \Big) .$$
#
# Since $A^+ y = P x + A^+ n$, we have $P f - P x = (P f - A^+ y) + A^+ n$. This is the expansion of section 1 for the noise $A^+ n$, which has the covariance $\sigma^2 A^+ A^{+T}$; the probe $A^+ b$ is the one of section 7. For $A = I$ it is SURE.
#
# We take a mask that hides half of the pixels, and two estimates that agree where the mask sees and differ where it does not. **Predict before you run:** which one will GSURE prefer?

# %%
from dil_course.signals import Mask

seen = torch.rand(1, 1, 96, 96, generator=runtime.generator(0, "mask")) < 0.5
A = Mask(seen.to(device))
y_masked = A(add_gaussian(A(face), sigma, seed=3))


def smooth(y):
    return Blur(gaussian_kernel(9, 1.0))(A(y)) / 0.5


def smooth_and_black(y):
    return A(smooth(y))


# %%
b, reported = risks.probe(y_masked, runtime.generator(0, "probe", device)), {}
for f in (smooth, smooth_and_black):
    reported[f] = risks.gsure(f, y_masked, A, sigma, b=b).item()
    difference = f(y_masked) - face
    visible, whole = (d.square().mean().item() for d in (A(difference), difference))
    print(f"{f.__name__:17} GSURE {reported[f]:.5f};", end=" ")
    print(f"seen pixels' part of the error {visible:.5f}, whole error {whole:.5f}")
blind_to_null_space = reported[smooth] == reported[smooth_and_black]
pictures = {"y": y_masked} | {f.__name__: f(y_masked) for f in reported}
alt = "The face with half of its pixels black; a blotchy, smoothed face; the same one, "
alt += "black where the mask hides it."
show_images(pictures, alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Neither: GSURE is the same for both, and close to the part of the error that the seen pixels make up (all numbers are divided by all $N$ values). One of the two estimates has black holes, which GSURE cannot notice. What stands in the null space comes from the estimator alone, that is, from its prior.
# The frequent answer "the smooth one, because it looks better" confuses the reader's prior with what the data say.
#
# </details>
#
# A **blur** is kinder: it weakens high frequencies but hides few of them entirely. There GSURE can train a network, as in the work of Abu-Hussein and others (2022): we feed it $A^T y$ and minimise GSURE.
# $A^+$ would amplify the noise at weak frequencies without bound, so that we replace it by Tikhonov's inverse $W$ with a rather large $\epsilon$ (lesson 01). GSURE then estimates $\| W A (f - x) \|^2 / N$, where weak frequencies count less; $P = A^+ A$ becomes $W A$:
#
# $$\frac1N \Big( \| W (A f(y) - y) \|^2 + 2 \sigma^2 \, \langle W b , \, W A J b \rangle - \sigma^2 \| W b \|^2 \Big) .$$
#
# Beside it we run the same network with the back-projected misfit $\| W (A f - y) \|^2$ alone. The classical competitors are Tikhonov's method and total variation (TV, lesson 04), each with the best of five weights, *chosen with the truth*. GSURE sees no truth in its fit, but it is given $\sigma$, and the width of its network, $\epsilon$ and the number of iterations are settings that we made with truths at hand.
# Tikhonov's method penalises the squared *differences* of neighbours here, because `A.pinv` with a large $\epsilon$ pulls the whole image towards black: for each frequency, $K^* / (|K|^2 + \lambda |D|^2)$, where $K$ is the spectrum of the kernel and $D$ that of the differences.
#
# **Predict before you run.** With which of the two losses does the PSNR rise and then fall, and towards what? Will GSURE beat the best of the classical two?

# %%
A = Blur(gaussian_kernel(9, 1.0))
blur_sigma = 20 / 255
y_blurred = add_gaussian(A(face), blur_sigma, seed=0)


def W(r):
    return A.pinv(r, epsilon=0.1)


def misfit_alone(f, y, b, output):
    return W(A(output) - y).square().mean()


def gsure_loss(f, y, b, output):
    change = A(f(y + 1e-3 * b) - output) / 1e-3
    optimism = 2 * (W(b) * W(change)).mean() - W(b).square().mean()
    return misfit_alone(f, y, b, output) + blur_sigma**2 * optimism


iterations, runs = 400, {}
for name, risk in {"misfit alone": misfit_alone, "GSURE": gsure_loss}.items():
    steps = dip_sure(y_blurred, blur_sigma, A, iterations=iterations, risk=risk)
    runs[name] = run(steps, truth=face)

# %% [markdown]
# The spectra $K$ and $D$ give Tikhonov's estimate in one line; TV is the library's, from lesson 04.

# %%
from dil_course.from_scratch import tv

impulse = torch.zeros_like(face)
impulse[..., 0, 0] = 1
K = torch.fft.fft2(A(impulse))
steps_of = 4 * torch.sin(math.pi * frequency) ** 2
D2 = steps_of[:, None] + steps_of[None]


def smooth_tikhonov(y, weight):
    """Minimise the misfit plus weight times the squared differences of neighbours."""
    Y = torch.fft.fft2(y)
    return torch.fft.ifft2(K.conj() * Y / (K.abs() ** 2 + weight * D2)).real


candidates = {
    "Tikhonov": [smooth_tikhonov(y_blurred, w) for w in (0.05, 0.1, 0.3, 0.5, 1)],
    "TV": [run(tv(y_blurred, A, w)).estimate for w in (3e-3, 6e-3, 0.012, 0.025, 0.05)],
}
restored = {"blurred and noisy": y_blurred}
for name, estimates in candidates.items():
    restored[f"best {name}"] = max(estimates, key=lambda z: psnr(z, face))
restored |= {name: result.estimate for name, result in runs.items()}
restored["truth"] = face
scores = {k: psnr(z, face) for k, z in restored.items() if k != "truth"}
titles = {
    f"{k}: {scores[k]:.1f} dB" if k in scores else k: z for k, z in restored.items()
}
alt = "A face: blurred and noisy; by Tikhonov, soft with faint blobs; by TV, clean and "
alt += "flat; by the misfit alone, covered by harsh grain; by GSURE, clean; the truth."
show_images(titles, alt, columns=3, crop=(16, 30, 32))

# %%
curves = {
    name: (result.history["iteration"], result.history["psnr_average"])
    for name, result in runs.items()
}
for name in ("best Tikhonov", "best TV"):
    curves[name] = ([1, iterations], 2 * [scores[name]])
looks = {"misfit alone": (1, 1), "GSURE": (0, 0)}
looks |= {"best Tikhonov": (5, 3), "best TV": (4, 2)}
alt = "PSNR over iterations. The misfit alone peaks early and is still falling at the "
alt += "end; GSURE rises above the line of Tikhonov and reaches that of TV."
axes = dict(log_x=True, x_range=(5, iterations), y_range=(18, 29), looks=looks)
show_curves(curves, "iteration", "PSNR of the average (dB)", alt, **axes)
peaks = {name: max(result.history["psnr_average"]) for name, result in runs.items()}
print(", ".join(f"peak of {name}: {peak:.1f} dB" for name, peak in peaks.items()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The misfit alone peaks and falls, and at the last iteration it is still falling. It is zero where $A f = y$, so that the network heads for the *untamed* inverse of the blur, in which the noise is amplified without bound; the weighting by $W$ only sets the order in which it gets there. GSURE rises and stays, as far as we let it run. There it beats Tikhonov by about a decibel and draws level with TV (one run): to the eye, TV is flat where the network keeps shading. But compare the printed peaks: stopped at its best, the misfit alone would be nearly as good. GSURE does not climb much higher here. What it brings is time: the misfit has lost nearly 5 dB by its 400th iteration, whereas GSURE, run on to 1500, falls from 26.7 to 24.8 dB (`benchmarks/RESULTS.md`). Neither is free of a stop.
#
# That a network must beat TV is a common belief. Against a regulariser that suits the image, with its weight chosen by the truth, a tie is a good result for a network whose weights have seen only $y$.
#
# </details>

# %% tags=["nbval-check-output"]
history = {name: result.history["psnr_average"] for name, result in runs.items()}
fall = {name: max(values) - values[-1] for name, values in history.items()}
print("GSURE is the same whatever stands in the hidden pixels:", blind_to_null_space)
print("the misfit alone falls at least 3 dB from its peak:", fall["misfit alone"] > 3)
print("GSURE ends at most half a decibel below its peak:", fall["GSURE"] < 0.5)
print(
    "it ends at least 3 dB above y, and above the best Tikhonov:",
    history["GSURE"][-1]
    > max(scores["blurred and noisy"] + 3, scores["best Tikhonov"]),
)

# %% [markdown]
# ## Quiz
#
# Choose an answer to each question and open it, by a click or with *Tab* and *Enter*. Below it stands whether it is right, and why. The other answers are worth opening, too.
#
# **1.** To which of these denoisers may you not apply SURE as it stands?
#
# <details><summary>A. It averages similar patches with weights that fall smoothly with the distance.</summary>
#
# **Wrong.** The weights of non-local means change continuously with the image. Section 3 chooses its strength by SURE.
#
# </details>
# <details><summary>B. It draws all coefficients towards zero by t, and those below t become zero.</summary>
#
# **Wrong.** The soft threshold has kinks but no jumps, and Stein's lemma allows kinks. In section 1 its SURE matched the risk for every value.
#
# </details>
# <details><summary>C. It is a convolutional network with ReLUs whose weights were fixed beforehand.</summary>
#
# **Wrong.** A ReLU has a kink and no jump, so that the network is weakly differentiable. For fixed weights SURE is unbiased.
#
# </details>
# <details><summary>D. It keeps a coefficient above a threshold as it is, and sets all others to zero.</summary>
#
# **Right.** This hard threshold jumps, and integration by parts does not notice a jump. SURE comes out too low.
#
# </details>
# <br>
#
# **2.** A network has minimised SURE on one noisy image. On this image SURE reports a much smaller error than the true one. On new noise it reports the right one. What is the reason?
#
# <details><summary>A. A single probe is too inaccurate for a network with so many weights.</summary>
#
# **Wrong.** The probe does not know how many weights there are, and its error goes either way. The lesson took the mean of twenty.
#
# </details>
# <details><summary>B. SURE is unbiased for linear denoisers only, and a network is not linear.</summary>
#
# **Wrong.** Linearity is not needed. On new noise the same network is judged correctly.
#
# </details>
# <details><summary>C. The network was chosen for its low SURE on this noise, among many that have a low SURE by luck.</summary>
#
# **Right.** SURE is unbiased for a *given* function. The search for the function is not seen by the probe, which is why this is called excess optimism.
#
# </details>
# <details><summary>D. The noise level was overestimated, so that SURE subtracts too much.</summary>
#
# **Wrong.** With a wrong $\sigma$ the report would be wrong on new noise as well.
#
# </details>
# <br>
#
# **3.** A network is trained by SURE, but it is given twice the true σ. What will its output tend to look like?
#
# <details><summary>A. It is as with the right σ, because the misfit decides about the image.</summary>
#
# **Wrong.** The misfit alone would lead to the noisy image. It is the balance with the divergence that makes a denoiser, and this balance is wrong.
#
# </details>
# <details><summary>B. It is blurred, because the network is made to expect more noise than there is.</summary>
#
# **Wrong.** Most denoisers smooth more when they are given a larger $\sigma$. A free function does something else, because SURE now rewards a negative divergence.
#
# </details>
# <details><summary>C. It is covered by grain, because the noise is subtracted several times.</summary>
#
# **Right.** The minimum of SURE subtracts the estimated noise $\sigma'^2 / \sigma^2$ times, hence four times. What remains is noise of the opposite sign.
#
# </details>
# <details><summary>D. It is nearly the noisy image, because the penalty has become too weak.</summary>
#
# **Wrong.** Noise is left where $\sigma$ is too *small*. With twice $\sigma$ the penalty on the divergence is four times too strong.
#
# </details>
# <br>
#
# **4.** You take the deep image prior with its fixed random input z and replace its loss by SURE. The probe disturbs y. What do you gain?
#
# <details><summary>A. Nothing, because with fixed weights the output does not depend on y at all.</summary>
#
# **Right.** The divergence of the network is zero, so that SURE is the plain misfit minus a constant. The dependence on $y$ runs through the fit, which the probe does not see.
#
# </details>
# <details><summary>B. The error is now known in each iteration, so that one can stop at its minimum.</summary>
#
# **Wrong.** The value reported is the misfit minus $\sigma^2$, which falls during the whole run. Its minimum is at the end.
#
# </details>
# <details><summary>C. The result is better, but each iteration takes twice as long as before.</summary>
#
# **Wrong.** A second pass for the probe would take time indeed, but it would find no reaction and change nothing.
#
# </details>
# <details><summary>D. The run no longer has to be stopped, because SURE penalises the noise.</summary>
#
# **Wrong.** The penalty is the divergence, and it is zero for a network that is fed $z$. The run overfits as before.
#
# </details>
# <br>
#
# **5.** Half of the pixels are masked. Two estimates are equal where pixels were seen; in the holes one is smooth, and the other is black. What does GSURE say?
#
# <details><summary>A. It is the same for both, because it judges only what the operator sees.</summary>
#
# **Right.** What stands in the null space leaves no trace in the data. No formula that looks at $y$ alone can judge it.
#
# </details>
# <details><summary>B. It prefers the black one, because its divergence in the holes is zero.</summary>
#
# **Wrong.** Only the reaction within the seen part enters, and it is the same for both.
#
# </details>
# <details><summary>C. It prefers the smooth one, because black holes contradict the neighbouring pixels.</summary>
#
# **Wrong.** A contradiction with the neighbours is one with our expectations. The data hold nothing about the holes.
#
# </details>
# <details><summary>D. It prefers the smooth one, because natural images are smooth.</summary>
#
# **Wrong.** This is the prior of the reader. GSURE contains no knowledge of images.
#
# </details>

# %% [markdown]
# ## Exercises
#
# 1. **James and Stein.** Measure the risk of the estimator of section 2 for $N = 1, 2, 3, 10$, with $x = (1, \dots, 1)$ and $\sigma = 1$, over 100,000 draws. For which $N$ does it beat $y$?
# 2. **More room for luck.** Repeat the SURE run of section 4 with `small_skip_network(3, 3, width=16, skip=8)`. Predict how its final PSNR and the gap between SURE and truth change.
# 3. **UNSURE on texture.** Fit `picture("grass", side=64)` with noise of $\sigma = 25/255$, once by `unsure` and once by `dip_sure` with the true $\sigma$, 500 iterations each. Predict both the loss and $\sqrt \eta$ from the PSNR of the second run.
#
# <details><summary>Solution 1</summary>
#
# ```python
# for N in (1, 2, 3, 10):
#     y = 1 + torch.randn(100_000, N)
#     shrunk = (1 - (N - 2) / y.square().sum(1, keepdim=True)) * y
#     print(N, (shrunk - 1).square().sum(1).mean() / N)
# ```
#
# For three values, the mean squared error per value is 0.86, and for ten it is 0.62, whereas $y$ has 1. For $N = 2$ the factor is 1 and nothing changes. For $N = 1$, the estimator pushes $y$ *away* from zero, and it has a jump at zero, so that Stein's lemma does not apply: the measured risk is huge.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# ```python
# with runtime.seeded(0):
#     wide = small_skip_network(3, 3, width=16, skip=8).to(device)
# x = picture("coffee", side=128).to(device)
# y = add_gaussian(x, sigma, seed=0)
# result = run(fit(y, wide, steins_risk, 1000), truth=x)
# average, reported = result.history["psnr_average"], result.history["loss"]
# print("peak", max(average), "end", average[-1], "SURE", sum(reported[-20:]) / 20)
# ```
#
# The wider network has more functions to choose from. In one run the average peaked at 34.4 dB near iteration 500 and ended at 33.5 dB, while the error that SURE reports went to zero and below. Over several noises the fall was between 0.1 and 1.2 dB (`benchmarks/RESULTS.md`). A rule for stopping is needed again. A held-out criterion cannot be SURE on the same $y$, since that is what was overfitted.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# ```python
# grass = picture("grass", side=64)
# noisy = add_gaussian(grass, sigma, seed=0)
# known = run(dip_sure(noisy, sigma, iterations=500))
# steps = unsure(noisy, iterations=500)
# unknown = run(steps)
# q = 10 ** (-psnr(known.estimate, grass) / 10) / sigma**2
# print("loss", psnr(known.estimate, grass) - psnr(unknown.estimate, grass))
# print("by the law", -10 * math.log10(1 - q), 25 / math.sqrt(1 - q))
# print("root of eta", 255 * steps.memory["multiplier"]["eta"].sqrt())
# ```
#
# SURE leaves more than two fifths of the noise here, so that the law predicts a loss of 2.5 dB and $\sqrt \eta = 33$. In one run we found 2.0 dB and 32. On such an image the constraint is too strict: the best denoiser has to let much of $y$ through, and a function without divergence may not.
#
# </details>
#
# ## Summary
#
# 1. Stein's lemma, $\mathbb E \, n f(y) = \sigma^2 \, \mathbb E f'(y)$: how $f$ reacts to $y$ tells how much noise it lets through, provided that $f$ has no jumps.
# 2. So the error can be estimated without the truth: the misfit to $y$, minus $\sigma^2$, plus an optimism of $2 \sigma^2 / N$ for each degree of freedom. A random probe measures these for any denoiser.
# 3. A network that is fed $y$ and minimises SURE needs no clean target. It reports too small an error on its own noise (excess optimism). A small network delays the overfitting, but does not abolish it.
# 4. With the wrong $\sigma$, SURE subtracts the noise $\sigma'^2 / \sigma^2$ times. UNSURE does without $\sigma$: it holds the divergence at zero, and loses little where denoising works well.
# 5. The recipe extends to correlated noise (a probe of the noise itself), photons (PURE), and operators (GSURE), which judges only what the operator sees.
# 6. **What breaks it:** a wrong $\sigma$, noise whose covariance is not known, an $f$ with jumps, a large network or a long search, and a null space, about which nothing can be known.
#
# **Papers.** C. Stein, [*Estimation of the Mean of a Multivariate Normal Distribution*](https://doi.org/10.1214/aos/1176345632), Annals of Statistics 1981: the lemma and the estimate.
# B. Efron, [*The Estimation of Prediction Error*](https://doi.org/10.1198/016214504000000692), Journal of the American Statistical Association 2004: optimism and degrees of freedom, and how they relate to cross-validation.
# R. J. Tibshirani, S. Rosset, [*Excess Optimism*](https://arxiv.org/abs/1612.09415), 2016: how biased SURE is for an estimator that was tuned by it.
# M. F. Hutchinson, [*A Stochastic Estimator of the Trace of the Influence Matrix for Laplacian Smoothing Splines*](https://doi.org/10.1080/03610919008812866), Communications in Statistics 1990: the probe of random signs.
# S. Ramani, T. Blu, M. Unser, [*Monte-Carlo SURE*](https://doi.org/10.1109/TIP.2008.2001404), IEEE Transactions on Image Processing 2008: the probe for any denoiser, as a black box.
# D. L. Donoho, I. M. Johnstone, [*Adapting to Unknown Smoothness via Wavelet Shrinkage*](https://doi.org/10.1080/01621459.1995.10476626), Journal of the American Statistical Association 1995: SureShrink; their paper of 1994 in Biometrika has the median estimate of $\sigma$.
# S. Soltanayev, S. Y. Chun, [*Training Deep Learning Based Denoisers without Ground Truth Data*](https://arxiv.org/abs/1803.01314), NeurIPS 2018: SURE as the loss of a network.
# C. Metzler and others, [*Unsupervised Learning with Stein's Unbiased Risk Estimator*](https://arxiv.org/abs/1805.10531), 2018: the same idea, also for a single image.
# M. Zhussip, S. Soltanayev, S. Y. Chun, [*Extending Stein's Unbiased Risk Estimator*](https://arxiv.org/abs/1902.02452), NeurIPS 2019: eSURE, with extra noise on the input (`risks.esure`).
# Y. Jo, S. Y. Chun, J. Choi, *Rethinking Deep Image Prior for Denoising*, ICCV 2021: degrees of freedom to stop a large network.
# J. Tachella, M. Davies, L. Jacques, [*UNSURE*](https://arxiv.org/abs/2409.01985), ICLR 2025: the divergence held at zero in place of a known $\sigma$.
# F. Luisier, T. Blu, M. Unser, [*Image Denoising in Mixed Poisson-Gaussian Noise*](https://doi.org/10.1109/TIP.2010.2073477), IEEE Transactions on Image Processing 2011: PURE; Y. Le Montagner, E. D. Angelini and J.-C. Olivo-Marin added the probe (same journal, 2014).
# Y. C. Eldar, [*Generalized SURE for Exponential Families*](https://ieeexplore.ieee.org/document/4663926), IEEE Transactions on Signal Processing 2009: GSURE.
# S. Abu-Hussein and others, *Image Restoration by Deep Projected GSURE*, WACV 2022: GSURE as the loss of a network.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, [*Deep Internal Learning*](https://arxiv.org/abs/2312.07425), IEEE Signal Processing Magazine 2024: the map of the field.
#
# **Next.** Lesson 07 takes the innermost box of the diagram: it hides pixels from the network, so that it is blind, and lets it predict them.
#
# **Problem set.** [Problem set 06](../exercises/ps06_sure/ps06_sure.ipynb): divergences by hand and by probe, the threshold that SURE chooses, photons and holes, four runs that fail.
