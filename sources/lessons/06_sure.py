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
# You have denoised a picture. How large is your error? The error is the distance to the clean picture, and you do not have that.
# It sounds hopeless. But if the noise is Gaussian, the error can be **estimated from the noisy picture alone**. And what can be estimated can be minimised.
#
# **What you will be able to do**
# - prove Stein's lemma for one number, and see both of its sides;
# - measure the divergence of any denoiser with one random probe;
# - choose a parameter of a classical denoiser without the truth;
# - train a network on one noisy picture with no clean target and no early stop;
# - say what a wrong $\sigma$ does, and estimate $\sigma$;
# - say what can, and what cannot, be known when an operator hides a part of the picture.
#
# **Before you start.** Lesson 03 (the loop), lesson 02 for non-local means. You know the density of a Gaussian and integration by parts.
#
# **Time.** About two minutes of computing on 2 CPU cores, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import math

import torch

from dil_course import runtime
from dil_course.checks import compare
from dil_course.figures import show_curves, show_images
from dil_course.fitting import Step, run, watch
from dil_course.networks import small_skip_network
from dil_course.signals import add_gaussian, picture, psnr

device = runtime.device()
sigma = 25 / 255

# %% [markdown]
# ## 1. One number
#
# Begin as small as possible. Nature has one number $x$. We see $y = x + n$, where $n$ is Gaussian with mean 0 and standard deviation $\sigma$.
# An estimator $f$ makes a guess $f(y)$ of $x$. Its **risk** is the mean squared error $\mathbb E \, (f(y) - x)^2$, the mean over the noise.
#
# Since $x = y - n$, we can write $f - x = (f - y) + n$, and expand the square:
#
# $$\mathbb E (f - x)^2 = \mathbb E (f - y)^2 + 2 \, \mathbb E \, n f(y) - 2 \, \mathbb E \, n y + \mathbb E \, n^2 .$$
#
# The last two are known: $\mathbb E \, n y = \mathbb E \, n^2 = \sigma^2$. The first one we can compute. One unknown is left:
#
# $$\mathbb E \, n f(y) : \quad \text{how much of the noise does the estimator let through?}$$
#
# **Stein's lemma** answers it. The density of the noise is $p(n) \propto e^{-n^2 / 2 \sigma^2}$, so $n \, p(n) = - \sigma^2 p'(n)$. Integrate by parts:
#
# $$\mathbb E \, n f(x + n) = \int n \, p(n) f(x + n) \, dn = - \sigma^2 \! \int p'(n) f(x + n) \, dn = \sigma^2 \! \int p(n) f'(x + n) \, dn = \sigma^2 \, \mathbb E f'(y) .$$
#
# The right side has no $n$ and no $x$ in it. **How strongly does $f$ react to a change of $y$?** That tells how much noise comes through, and we can measure it.
#
# We take the **soft threshold**: it pulls every number towards zero by $t$, and small ones become zero. Its derivative is 1 outside and 0 inside.


# %%
def soft(y, t=1.0):
    return torch.sign(y) * (y.abs() - t).clamp(min=0)


def soft_slope(y, t=1.0):
    return (y.abs() > t).double()


n = torch.linspace(-4, 4, 2001, dtype=torch.float64)
density = torch.exp(-(n**2) / 2) / math.sqrt(2 * math.pi)
x = 0.5
left, right = n * soft(x + n) * density, soft_slope(x + n) * density
curves = {"n f(x + n) p(n)": (n, left), "sigma² f'(x + n) p(n)": (n, right)}
alt = "Two curves of quite different shapes: one with two humps, one cut from a bell. "
alt += "The areas under both are equal."
show_curves(
    curves,
    "noise n, with sigma = 1 and x = 0.5",
    "integrand",
    alt,
    title="Stein's lemma: the same area under both",
)
area_left, area_right = [torch.trapezoid(part, n).item() for part in (left, right)]
print(f"areas: {area_left:.4f} and {area_right:.4f}")

# %% [markdown]
# We observe two very different curves with the same area. Put Stein's lemma into the expansion above. Everything on the right is known:
#
# $$\mathrm{SURE}(y) = (f(y) - y)^2 - \sigma^2 + 2 \sigma^2 f'(y) , \qquad \mathbb E \; \mathrm{SURE}(y) = \mathbb E (f(y) - x)^2 .$$
#
# This is **Stein's unbiased risk estimate**. Unbiased means: right in the mean. A single value can be far off, it can even be negative.
#
# Test it against the truth, for many $x$. And try the **hard threshold** too: it keeps numbers above $t$ as they are, and puts the others to zero. Its slope is also 1 or 0.
#
# **Predict before you run.** The hard threshold *jumps* at $t$. Which step of the proof breaks there?


# %%
def hard(y, t=1.0):
    return y * (y.abs() > t)


def risk_and_sure(f, slope, x, draws=200_000):
    chance = runtime.generator(0, "stein")
    y = x + torch.randn(draws, generator=chance, dtype=torch.float64)
    sure = (f(y) - y) ** 2 - 1 + 2 * slope(y)
    return (f(y) - x).square().mean().item(), sure.mean().item()


values = [0.25 * i for i in range(17)]
both, curves = {}, {}
for name, f in {"soft": soft, "hard": hard}.items():
    both[name] = [risk_and_sure(f, soft_slope, x) for x in values]
    risk, expected = zip(*both[name])
    curves[f"{name}, true risk"] = values, risk
    curves[f"{name}, mean of SURE"] = values, expected
alt = "Risk over x. For the soft threshold both curves coincide. For the hard one the "
alt += "mean of SURE lies far below the risk, where x is near the threshold."
show_curves(curves, "x, with sigma = 1 and threshold 1", "mean squared error", alt)

# %% [markdown]
# We observe that SURE is right for the soft threshold, at every $x$, without ever using it. For the hard threshold it is far too low.
# A jump has no slope, but it lets noise through: integration by parts forgets it. So $f$ may have kinks, but **no jumps**.

# %% tags=["nbval-check-output"]
soft_gap = max(abs(risk - sure) for risk, sure in both["soft"])
hard_gap = max(risk - sure for risk, sure in both["hard"])
print(
    "both sides of Stein's lemma have the same area, to a hundredth:",
    abs(area_left - area_right) < 0.01,
)
print("soft threshold: SURE is right to two hundredths, for every x:", soft_gap < 0.02)
print("hard threshold: SURE is too low, by more than a quarter:", hard_gap > 0.25)

# %% [markdown]
# ## 2. A whole picture
#
# A picture has $n$ pixels, each with its own noise. Add up the formula of each pixel, and divide by $n$:
#
# $$\mathrm{SURE}(y) = \frac{\| f(y) - y \|^2}{n} - \sigma^2 + \frac{2 \sigma^2}{n} \underbrace{\sum_i \frac{\partial f_i}{\partial y_i}}_{\text{divergence}} .$$
#
# The **divergence** adds up how much each output pixel reacts to *its own* input pixel. It is the trace of the Jacobian $J$.
#
# There is good news in the number of pixels. In section 1 we had to average over 200,000 draws. Here **one** picture averages over its $n$ pixels by itself.
#
# But how do we get the trace? A picture of 100 × 100 pixels has a Jacobian with $10^8$ entries. The trick: take a picture $b$ of random signs. Then
#
# $$\mathbb E \; b^T J \, b = \sum_{ij} J_{ij} \, \mathbb E \, b_i b_j = \sum_i J_{ii} , \qquad J b \approx \frac{f(y + \epsilon b) - f(y)}{\epsilon} .$$
#
# Two calls of $f$ are enough, and $f$ may be a black box. For a blur we know the answer: each pixel reacts to itself by the middle value of the kernel.


# %%
def divergence(f, y, generator, epsilon=1e-3):
    b = 2.0 * torch.randint(0, 2, y.shape, generator=generator, device=y.device) - 1
    return torch.sum(b * (f(y + epsilon * b) - f(y))) / epsilon


def sure(f, y, sigma, generator):
    return (
        torch.mean((f(y) - y) ** 2)
        - sigma**2
        + 2 * sigma**2 * divergence(f, y, generator) / y.numel()
    )


# %%
from dil_course.signals import Blur, gaussian_kernel

x = picture("astronaut", side=96).to(device)
y = add_gaussian(x, sigma, seed=0)
kernel = gaussian_kernel(5, 0.8)
blur = Blur(kernel)
generator = runtime.generator(0, "probe", y.device)
probed = torch.stack([divergence(blur, y, generator) / y.numel() for _ in range(20)])
print(
    f"divergence of the blur, a pixel: {kernel[2, 2]:.4f} exactly; one probe "
    f"{probed[0]:.4f}; 20 probes scatter by {probed.std():.4f}"
)
draws = [add_gaussian(x, sigma, seed=seed) for seed in range(40)]
said = torch.stack([sure(blur, y, sigma, generator) for y in draws])
errors = torch.stack([(blur(y) - x).square().mean() for y in draws])
print(
    f"over 40 noisy pictures: mean of SURE {said.mean():.6f}, mean error "
    f"{errors.mean():.6f}; they differ by {(said - errors).std():.6f} in a single one"
)

# %% [markdown]
# We observe that one probe is right to about a hundredth. And SURE of a single picture is off by only a few per cent of the error.
#
# The library's `fitting.risks.sure` is this function. Same probe, same numbers?

# %%
from dil_course.fitting import risks

b = risks.probe(y, runtime.generator(0, "probe", y.device))
same_sure = compare(
    "SURE of the blur",
    sure(blur, y, sigma, runtime.generator(0, "probe", y.device)),
    risks.sure(blur, y, sigma, b),
)

# %% tags=["nbval-check-output"]
difference = said - errors
print("my SURE and the library's agree:", same_sure)
print(
    "one probe finds the divergence of the blur to a tenth:",
    bool((probed[0] / kernel[2, 2] - 1).abs() < 0.1),
)
print(
    "over 40 pictures SURE is right, within four standard errors:",
    bool(difference.mean().abs() < 4 * difference.std() / math.sqrt(40)),
)

# %% [markdown]
# ## 3. Choose a parameter: non-local means
#
# Non-local means (lesson 02) has a parameter, its `strength`. Too small, and noise stays. Too large, and details go. Which one is best *for this picture*?
# With the truth you would try several, and take the best. With SURE you do the same, without the truth.
#
# **Predict before you run.** How close will the two choices be?

# %%
from dil_course.from_scratch import non_local_means

strengths = [0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0]


def true_and_estimated(strength):
    def f(y):
        return non_local_means(y, sigma, strength=strength)

    # The same probe for all
    estimated = sure(f, y, sigma, runtime.generator(0, "probe", y.device)).item()
    error, distance = ((f(y) - z).square().mean().item() for z in (x, y))
    return error, estimated, distance


scores = list(zip(*[true_and_estimated(strength) for strength in strengths]))
names = ("true error", "SURE", "squared distance to y")
curves = {name: (strengths, values) for name, values in zip(names, scores)}
alt = "True error and SURE over the strength: "
alt += "two curves with a valley at the same place. The distance to y only rises."
show_curves(curves, "strength of non-local means", "mean squared", alt)

# %% [markdown]
# We observe that SURE follows the true error, and has its valley at the same place. The distance to $y$ has no valley: it would choose the smallest strength, that is, no denoising.
# The divergence is the price that keeps us from that.
#
# Here SURE lies a little too low, by nearly the same amount everywhere: $\|n\|^2 / n$ of this one picture happens to be a little smaller than $\sigma^2$. A constant does not change which strength is best.

# %% tags=["nbval-check-output"]
chosen, best = (
    min(range(len(strengths)), key=values.__getitem__)
    for values in (scores[1], scores[0])
)
loss = 10 * math.log10(scores[0][chosen] / scores[0][best])
print("SURE's strength loses less than a tenth of a decibel to the best:", loss < 0.1)
offsets = [s - t for t, s in zip(*scores[:2])]
print(
    "SURE is off by nearly the same at every strength, to three hundredths of the "
    "variance:",
    max(offsets) - min(offsets) < 0.03 * sigma**2,
)
print(
    "the distance to y would choose the smallest strength:",
    scores[2].index(min(scores[2])) == 0,
)

# %% [markdown]
# ## 4. Train a network with it
#
# Now the step that makes this a lesson on deep learning. SURE has a gradient. So let a *network* be $f$, feed it $y$, and minimise SURE over its weights.
# One noisy picture, no target at all.
#
# First, the naive way: minimise the distance to $y$. Then the same with SURE. Only the loss differs.


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


# %% [markdown]
# The two losses, and a network small enough for a laptop:


# %%
def distance_to_y(network, y, estimate, generator):
    return torch.mean((estimate - y) ** 2)


def steins_risk(network, y, estimate, generator, sigma=sigma, epsilon=1e-3):
    b = risks.probe(y, generator)
    change = (network(y + epsilon * b) - estimate) / epsilon
    distance = torch.mean((estimate - y) ** 2)
    return distance - sigma**2 + 2 * sigma**2 * torch.mean(b * change)


def small_network(seed=0):
    with runtime.seeded(seed):
        return small_skip_network(3, 3, width=12, skip=2).to(device)


# %% [markdown]
# The network is a small relative of the one in lesson 03. Its input is not a fixed random $z$, but $y$ itself.
# That matters. With a fixed $z$ the output does not depend on $y$ at all, the divergence is zero, and nothing holds the network back.
#
# **Predict before you run.** What does the network learn if only the distance to $y$ counts? How long does it take?

# %%
x = picture("coffee", side=128).to(device)
y = add_gaussian(x, sigma, seed=0)
plain = await watch(
    fit(y, small_network(), distance_to_y, iterations=400), truth=x, observed=y
)

# %% [markdown]
# We observe a short, sharp peak, and then a collapse. After a hundred iterations the network hands its input through: it has become the identity. Its loss is nearly zero, and so is its use.
#
# Now SURE. A thousand iterations, and nobody stops it.

# %%
stein = await watch(
    fit(
        y, small_network(), steins_risk, iterations=runtime.pick(quick=1000, full=3000)
    ),
    truth=x,
    observed=y,
)

# %%
curves = {
    "distance to y": (plain.history["iteration"], plain.history["psnr"]),
    "SURE, single outputs": (stein.history["iteration"], stein.history["psnr"]),
    "SURE, average": (stein.history["iteration"], stein.history["psnr_average"]),
}
alt = "PSNR over the iterations. The plain loss peaks early and falls to the noisy "
alt += "picture. SURE rises far above that peak and stays."
show_curves(curves, "iteration", "PSNR (dB)", alt, log_x=True)
estimated = [10 * math.log10(1 / max(loss, 1e-6)) for loss in stein.history["loss"]]
curves = {
    "true PSNR": (stein.history["iteration"], stein.history["psnr"]),
    "PSNR that SURE says": (stein.history["iteration"], estimated),
}
alt = "The PSNR that SURE says lies about the true one, at first close, later above "
alt += "it."
show_curves(curves, "iteration", "dB", alt, log_x=True)

# %% [markdown]
# We observe that the network with SURE climbs far above the peak of the plain one, and **stays there**. Lesson 05 needed a rule for stopping; here the loss itself knows.
#
# The second figure is honest about it: in the end SURE says a better PSNR than there is. SURE is unbiased for a *given* $f$. But we *chose* this $f$ because its SURE is low, on this one noisy picture.
# Among many functions we find some whose SURE is low by luck. The larger the network, the more luck there is to find. That is why this one is small: 12 channels.
# With 16 channels, and 8 in the skip branch, we saw the average fall by a decibel on this cup.
#
# The library has this as `dip_sure`. Same numbers?

# %%
from dil_course.from_scratch import dip_sure

mine = run(fit(y, small_network(), steins_risk, iterations=5))
library = run(dip_sure(y, sigma, iterations=5, fast=False))
same_fit = compare("estimate after 5 its", mine.estimate, library.estimate)

# %% tags=["nbval-check-output"]
print("my loop and the library's agree:", same_fit)
print(
    "the plain loss falls at least 4 dB from its peak:",
    max(plain.history["psnr"]) - plain.history["psnr"][-1] > 4,
)
print(
    "SURE ends at most three tenths of a decibel below its own peak:",
    max(stein.history["psnr_average"]) - stein.history["psnr_average"][-1] < 0.3,
)
print(
    "SURE ends at least 4 dB above the plain loss at its best:",
    stein.history["psnr_average"][-1] > max(plain.history["psnr"]) + 4,
)

# %% [markdown]
# ## 5. The wrong sigma
#
# SURE has to be told $\sigma$. What if it is told half of it, or twice as much?
#
# **Predict before you run.** Look at the formula: $\sigma$ sets the price of the divergence. Which of the two results will be noisy, and what happens to the other one?
#
# We also measure which share of the noise is in the estimate, as in lesson 05: $c = \langle \hat x - x, n \rangle / \|n\|^2$.

# %%
face = picture("astronaut", side=96).to(device)
noisy_face = add_gaussian(face, sigma, seed=0)
told = {}
iterations = runtime.pick(quick=400, full=1500)
for name, factor in {"half of sigma": 0.5, "sigma": 1, "twice sigma": 2}.items():
    steps = dip_sure(noisy_face, factor * sigma, iterations=iterations)
    told[name] = run(steps).estimate
noise, share = noisy_face - face, {}
titles = {f"noisy: {psnr(noisy_face, face):.1f} dB": noisy_face}
for name, estimate in told.items():
    share[name] = (((estimate - face) * noise).sum() / noise.square().sum()).item()
    titles[f"told {name}: {psnr(estimate, face):.1f} dB"] = estimate
alt = "A face: noisy; with noise left; clean; and with loud noise in opposite colours."
show_images(titles, alt)
shares = "; ".join(f"told {name}: {c:.2f}" for name, c in share.items())
print("share of the noise in the estimate:", shares)

# %% [markdown]
# We observe that half of $\sigma$ leaves noise. Did you expect the other one to be blurred? It is **noisier than before**, and its noise has the opposite sign.
#
# The formula says why. Suppose that the network makes $\hat x = x + c \, n$, and is told $\sigma'$. The distance to $y$ is $(c - 1)^2 \sigma^2$ a pixel, and the divergence is $c$.
# So SURE is $(c - 1)^2 \sigma^2 + 2 \sigma'^2 c$ and a constant. It is least at
#
# $$c = 1 - \sigma'^2 / \sigma^2 .$$
#
# For $\sigma' = \sigma$ that is 0. For half of $\sigma$ it is 3/4: much noise stays. For twice $\sigma$ it is $-3$: a *negative* divergence earns more than the distance costs. The runs are on their way there.
#
# So $\sigma$ must be known, or **estimated**. Where a picture is flat, all that changes from pixel to pixel is noise. Take cells of 2 × 2 pixels, and their difference along both directions:
#
# $$d = \tfrac12 (a - b - c + e) , \qquad \begin{matrix} a & b \\ c & e \end{matrix} .$$
#
# Flat parts and straight edges cancel. Four noises with weights $\pm \frac12$ have the variance $4 \cdot \frac14 \sigma^2 = \sigma^2$. Corners and texture remain, so we do not take the mean of $d^2$, but the **median** of $|d|$:
# it does not mind a few large values. For a Gaussian the median of $|d|$ is $0.6745 \, \sigma$.


# %%
def estimate_sigma(y):
    a, b, c, e = (y[..., row::2, column::2] for row in (0, 1) for column in (0, 1))
    return ((a - b - c + e) / 2).abs().median().item() / 0.6745


from dil_course.signals import add_correlated, estimate_sigma as library_sigma

mine, theirs = estimate_sigma(noisy_face), library_sigma(noisy_face)
same_sigma = compare("estimated sigma", mine, theirs)


# %% [markdown]
# Now four clean photographs, to each of which we add noise of known strength:

# %%
guesses = {}
for name in ("coffee", "astronaut", "chelsea", "grass"):
    clean = picture(name, side=128).to(device)
    inputs = [add_gaussian(clean, level / 255, seed=1) for level in (0, 10, 25, 50)]
    guesses[name] = [255 * estimate_sigma(noisy) for noisy in inputs]
    found = "  ".join(f"{guess:5.1f}" for guess in guesses[name])
    print(f"{name:10} sigma 0, 10, 25, 50 of 255; estimated: {found}")
shared = add_correlated(face, sigma, gaussian_kernel(5, 0.7), seed=0)
found = f"{255 * estimate_sigma(shared):.1f}"
print("noise that neighbours share, sigma 25: estimated", found)

# %% [markdown]
# We observe estimates within a few per cent on photographs. Two failures are worth remembering.
# Grass is texture everywhere, so its own details are taken for noise. And noise that neighbours **share** (here white noise, blurred a little, of the same strength) cancels in $d$: the estimate is far too low.
# SURE has the same blind spot: its formula assumes that the noise of each pixel is independent.

# %% tags=["nbval-check-output"]
quality = {name: psnr(estimate, face) for name, estimate in told.items()}
print(
    "half of sigma and twice sigma cost more than two decibels each:",
    quality["sigma"] - max(quality["half of sigma"], quality["twice sigma"]) > 2,
)
print(
    "half of sigma leaves more than a third of the noise, twice sigma turns it round:",
    share["half of sigma"] > 1 / 3 and share["twice sigma"] < -1 / 3,
)
print("my estimate of sigma and the library's agree:", same_sigma)
photographs = [guesses[name][2] for name in ("coffee", "astronaut", "chelsea")]
print(
    "on the photographs sigma 25 is found to a tenth:",
    all(abs(guess / 25 - 1) < 0.1 for guess in photographs),
)
print(
    "where neighbours share the noise, less than two thirds of it is found:",
    estimate_sigma(shared) < 2 / 3 * sigma,
)

# %% [markdown]
# ## 6. With an operator: what can be known at all
#
# Now $y = A(x) + n$. Some part of $x$ may leave no trace in $y$: the **null space** of $A$, for example the pixels under a mask.
# No formula that looks at $y$ alone can judge an estimate there. What can be judged is the rest: the projection $P = A^+ A$ of the picture onto what $A$ sees.
#
# **GSURE**, generalized SURE, estimates exactly that, the mean of $|P f(y) - P x|^2$:
#
# $$\mathrm{GSURE}(y) = \frac1n \Big( \| A^+ (A f(y) - y) \|^2 + 2 \sigma^2 \, \langle A^+ b , \, P J b \rangle - \sigma^2 \| A^+ b \|^2 \Big) .$$
#
# It is the same expansion as in section 1, with the noise $A^+ n$, which $A^+$ has put into the picture. For $A = I$ it is SURE.
#
# Take a mask that hides half of the pixels. We make two estimates that agree where the mask sees, and differ where it does not. What does GSURE say?

# %%
from dil_course.signals import Mask

hole = torch.rand(1, 1, 96, 96, generator=runtime.generator(0, "mask")) < 0.5
A = Mask(hole.to(device))
y_masked = add_gaussian(A(face), sigma, seed=3)
y_masked = A(y_masked)


def smooth(y):
    return Blur(gaussian_kernel(9, 1.0))(A(y)) / 0.5


def smooth_and_black(y):
    return A(smooth(y))


# %% [markdown]
# We let GSURE judge both, and compare with the true errors, in the seen pixels and in all:

# %%
b, said = risks.probe(y_masked, runtime.generator(0, "probe", device)), {}
for f in (smooth, smooth_and_black):
    name = "smooth" if f is smooth else "smooth, hidden pixels black"
    said[f] = risks.gsure(f, y_masked, A, sigma, b=b).item()
    difference = f(y_masked) - face
    seen, whole = (d.square().mean().item() for d in (A(difference), difference))
    print(
        f"{name:28} GSURE {said[f]:.5f}   error in seen pixels {seen:.5f}   error in "
        f"all pixels {whole:.5f}"
    )
blind_to_null_space = said[smooth] == said[smooth_and_black]

# %% [markdown]
# We observe the same GSURE for both, close to the error in the pixels that are seen. One of the two has black holes, and GSURE does not mind.
# What stands in the null space comes from the estimator alone: from the network's prior.
#
# A **blur** is kinder. It weakens fine waves, but hides few of them entirely. There GSURE can train a network: feed it $A^T y$, and minimise GSURE.
# $A^+$ would amplify the noise in weak waves without bound. So we take its tame relative with a Tikhonov term (lesson 01). Then the weak waves count less in the error that is estimated.
#
# **Predict before you run.** We compare with the same network and the back-projected misfit $\|A^+ (A f - y)\|^2$ alone, without the price for the divergence. Which curve falls, and how far?

# %%
A = Blur(gaussian_kernel(9, 1.0))
blur_sigma = 20 / 255
y_blurred = add_gaussian(A(face), blur_sigma, seed=0)


def tame(r):
    return A.pinv(r, epsilon=0.1)


def misfit_alone(f, y, b, output):
    return tame(A(output) - y).square().mean()


iterations, runs, curves = runtime.pick(quick=500, full=1500), {}, {}
for name, risk in {"misfit alone": misfit_alone, "GSURE": None}.items():
    steps = dip_sure(y_blurred, blur_sigma, A, tame, iterations=iterations, risk=risk)
    runs[name] = run(steps, truth=face)
    history = runs[name].history
    curves[name] = history["iteration"], history["psnr_average"]
alt = "The misfit alone rises and then falls far. GSURE rises and stays."
show_curves(curves, "iteration", "PSNR (dB)", alt, log_x=True)

# %% [markdown]
# The two estimates, beside $y$ and the Tikhonov estimate, which is the same $A^+$ applied to $y$:

# %%
restored = {"blurred and noisy": y_blurred, "Tikhonov": tame(y_blurred)}
restored |= {name: result.estimate for name, result in runs.items()}
show_images(
    {f"{name}: {psnr(z, face):.1f} dB": z for name, z in restored.items()},
    "A face: blurred and noisy; noisy; noisy again; and sharper and clean.",
)

# %% [markdown]
# We observe that the misfit alone ends where Tikhonov ends: in the noisy inverse. Its network learned to compute the inverse filter. GSURE stays near its peak.

# %% tags=["nbval-check-output"]
ends = {name: result.history["psnr_average"] for name, result in runs.items()}
print("GSURE is the same whatever stands in the hidden pixels:", blind_to_null_space)
print(
    "the misfit alone falls at least three decibels from its peak:",
    max(ends["misfit alone"]) - ends["misfit alone"][-1] > 3,
)
print(
    "GSURE ends at most three tenths of a decibel below its peak:",
    max(ends["GSURE"]) - ends["GSURE"][-1] < 0.3,
)
print(
    "GSURE ends at least four decibels above y and above Tikhonov:",
    ends["GSURE"][-1] > max(psnr(y_blurred, face), psnr(tame(y_blurred), face)) + 4,
)

# %% [markdown]
# ## 7. Photons
#
# A camera counts photons, and the counts follow Poisson's law. Bright pixels are noisier than dark ones: the variance of $y_i$ is $x_i / \text{peak}$.
# There is a lemma for this law, too. To first order it says: replace $\sigma^2$ by each pixel's own variance $v_i$, estimated by $y_i / \text{peak}$. The result is called **PURE**:
#
# $$\mathrm{PURE}(y) = \frac1n \Big( \|f(y) - y\|^2 - \sum_i v_i + 2 \sum_i v_i \frac{\partial f_i}{\partial y_i} \Big) .$$
#
# Choose the width of a blur for a picture with few photons. SURE is told the mean variance. **Predict:** will it fail?

# %%
from dil_course.signals import add_poisson

peak = 60
y_photons = add_poisson(face, peak)
widths = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.4]
average_sigma = math.sqrt(y_photons.mean().item() / peak)
b = risks.probe(y_photons, runtime.generator(0, "probe", device))
rows = {"true error": [], "PURE": [], "SURE, mean variance": []}
for width in widths:
    f = Blur(gaussian_kernel(9, width))
    rows["true error"].append((f(y_photons) - face).square().mean().item())
    rows["PURE"].append(risks.pure(f, y_photons, peak, b=b).item())
    as_gaussian = risks.sure(f, y_photons, average_sigma, b=b)
    rows["SURE, mean variance"].append(as_gaussian.item())
alt = "Three curves over the width of the blur, which lie nearly on each other, with "
alt += "the same lowest point."
curves = {name: (widths, values) for name, values in rows.items()}
show_curves(curves, "width of the blur (pixels)", "mean squared error", alt)

# %% [markdown]
# We observe that PURE follows the true error. So does SURE with the mean variance: a blur treats all pixels alike, so only the mean counts.
# That is luck. Let $f$ treat bright pixels otherwise than dark ones: leave everything above 0.5 as it is, and blur the rest, with a smooth transition.


# %%
def blur_the_dark(y):
    bright = torch.sigmoid(20 * (Blur(gaussian_kernel(9, 1.5))(y) - 0.5))
    return bright * y + (1 - bright) * Blur(gaussian_kernel(9, 0.8))(y)


photo_errors = []
for seed in range(10):
    y_seed = add_poisson(face, peak, seed=seed)
    b = risks.probe(y_seed, runtime.generator(seed, "probe", device))
    truth = (blur_the_dark(y_seed) - face).square().mean()
    pure = risks.pure(blur_the_dark, y_seed, peak, b=b)
    as_gaussian = risks.sure(blur_the_dark, y_seed, average_sigma, b=b)
    photo_errors.append([pure / truth, as_gaussian / truth])
pure_ratio, sure_ratio = torch.tensor(photo_errors).mean(0).tolist()
print(
    f"said over true error, mean of 10: PURE {pure_ratio:.3f}, SURE with the mean "
    f"variance {sure_ratio:.3f}"
)

# %% tags=["nbval-check-output"]
print(
    "PURE chooses the best width, or one beside it:",
    abs(
        rows["PURE"].index(min(rows["PURE"]))
        - rows["true error"].index(min(rows["true error"]))
    )
    <= 1,
)
print(
    "PURE is right to a twentieth where bright pixels are treated otherwise:",
    abs(pure_ratio - 1) < 0.05,
)
print(
    "SURE with one sigma is off by more than a tenth there:", abs(sure_ratio - 1) > 0.1
)

# %% [markdown]
# ## Summary
#
# 1. Stein's lemma: $\mathbb E \, n f(y) = \sigma^2 \, \mathbb E f'(y)$. How $f$ reacts to $y$ tells how much noise it lets through.
# 2. So the error can be estimated without the truth: distance to $y$, minus $\sigma^2$, plus a price for the divergence.
# 3. One random probe measures the divergence of any denoiser, also of a network during training.
# 4. A network that is fed $y$ and minimises SURE needs no clean target and no early stop, if it is small enough.
# 5. **What breaks it:** a wrong $\sigma$, noise that neighbours share, an $f$ with jumps, a large network that finds a lucky SURE, and a null space: nothing is known there.
#
# **Papers.** C. Stein, *Estimation of the Mean of a Multivariate Normal Distribution*, Annals of Statistics 1981.
# S. Ramani, T. Blu, M. Unser, *Monte-Carlo SURE*, IEEE Transactions on Image Processing 2008 (the probe).
# Y. C. Eldar, *Generalized SURE for Exponential Families*, IEEE Transactions on Signal Processing 2009.
# C. Metzler and others, *Unsupervised Learning with Stein's Unbiased Risk Estimator*, arXiv 1805.10531 (SURE as a loss).
# M. Zhussip, S. Soltanayev, S. Y. Chun, *Extending Stein's Unbiased Risk Estimator*, NeurIPS 2019 (eSURE: with extra noise on the input, `risks.esure`).
# S. Abu-Hussein and others, *Image Restoration by Deep Projected GSURE*, WACV 2022.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, *Deep Internal Learning*, IEEE Signal Processing Magazine 2024.
#
# **Next.** Lesson 07 does without $\sigma$: it hides pixels from the network, and lets it predict them.
#
# **Problem set.** [Problem set 06](../exercises/ps06_sure/ps06_sure.ipynb): divergences by hand and by probe, the threshold that SURE chooses, photons and holes, four runs that fail.
