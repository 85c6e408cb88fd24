# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 05 · When to stop, and why it works
#
# Six tasks to [lesson 05](../../notebooks/05_when_to_stop.ipynb) and one open question, for 20 points in all.
#
# - Write your lines in place of `raise NotImplementedError()`, and add cells of your own anywhere you like.
# - The cell after each task checks your answer at once. It says *which* mistake it sees, and gives a hint.
#   **Run it again, and the hint says more**; asking costs no points.
# - The last line of that cell is your number of points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells.
# - The set takes about two and a half hours, of which the computer needs less than two minutes.

# %%
import math

import torch

from dil_course import runtime
from dil_course.checks import ps05
from dil_course.figures import show_curves, show_images
from dil_course.fitting import run
from dil_course.from_scratch import Posterior, deep_image_prior, sgld_dip
from dil_course.networks import deep_decoder
from dil_course.signals import Mask, add_gaussian, picture, psnr

# For such small images a second thread costs more than it brings.
torch.set_num_threads(1)
x = picture("coffee", side=48)
sigma = 25 / 255
y = add_gaussian(x, sigma, seed=0)


def watched(y, x, iterations=150):
    """One run of the deep image prior: all its outputs (iterations,3,48,48), and their
    PSNRs.
    """
    outputs = torch.cat(
        [step.estimate for step in deep_image_prior(y, iterations=iterations)]
    )
    return outputs, [psnr(output[None], x) for output in outputs]


# %% [markdown]
# ## Task 1. Where does the run rest? (3 points, 20 minutes)
#
# A run changes its output while the image comes in, and it changes it again while the noise comes in. In between the output changes least: the run **rests**.
# Wang and others stop there (arXiv 2112.06074), although they know neither the truth nor the noise. What they need is a number that says how much the outputs change.
#
# Take the last $W$ outputs, a **window**. In it, each single value of the image occurs $W$ times, so that it has a variance over the window:
# a mean of squared deviations, divided by $W$. Then take the mean of these variances over all values of the image.
#
# Write `windowed_variance(outputs, window)`:
#
# - `outputs` is (T,C,H,W) and holds the outputs of the iterations 1 to T, and `window` is a whole number from 2 to T.
# - Return one value for each iteration at which a window is full. The first value belongs to iteration number `window`, and the last one to T.


# %% nbgrader={"solution": true, "grade_id": "windowed_variance_answer"}
def windowed_variance(outputs, window):
    ### BEGIN SOLUTION
    ends = range(window, len(outputs) + 1)
    return torch.stack(
        [outputs[end - window : end].var(dim=0, correction=0).mean() for end in ends]
    )
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "windowed_variance", "points": 3}
from dil_course.checks import ps05

ps05.windowed_variance(windowed_variance)
### BEGIN HIDDEN TESTS
ps05.windowed_variance(windowed_variance, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# See it at work on a real run, with a window of 40. At which iteration is the variance least?
# And how far is the output of that iteration from the **oracle peak**, the best PSNR of the run, which only the truth knows?

# %% nbgrader={"solution": true, "grade_id": "windowed_variance_seen"}
### BEGIN SOLUTION
outputs, quality = watched(y, x)
variance = windowed_variance(outputs, 40)
stopped, best = int(variance.argmin()) + 40, max(quality)
print(f"least variance at iteration {stopped}: {quality[stopped - 1]:.2f} dB")
print(
    f"oracle peak at iteration {quality.index(best) + 1}: {best:.2f} dB; at the end"
    f" {quality[-1]:.2f} dB"
)
since = range(40, 151)
alt = (
    "The variance over 40 outputs falls, has a flat valley near iteration 100, and"
    " rises slowly."
)
show_curves(
    {"over 40 outputs": (since, variance.tolist())},
    "iteration",
    "windowed variance",
    alt,
    log_y=True,
)
alt = (
    "The PSNR of the output has a flat peak a little before iteration 100, with jitter"
    " on it."
)
show_curves({"output": (since, quality[39:])}, "iteration", "PSNR (dB)", alt)
### END SOLUTION

# %% [markdown]
# ## Task 2. The shape of the U, derived (4 points, 30 minutes)
#
# Why is there a best moment at all? Lesson 05 measured it for the network, and found a case that can be computed: a model that is **linear** in its weights, $f = J\theta$, which is fitted by gradient descent with step size $\eta$.
# It starts at $f = 0$, and each step changes the output by $-\eta\, J J^T (f - y)$, which is Landweber's iteration.
#
# Take the eigenvectors of $J J^T$, and call each one a **mode**. Along a mode with eigenvalue $\lambda$, everything is a single number:
# $x$ for the truth, $n$ for the noise, $y = x + n$ for the observation, and the step is
#
# $$f \leftarrow f - \eta \lambda \, (f - y) .$$
#
# The noise $n$ is random, with mean 0 and variance $\sigma^2$, so that the error $(f - x)^2$ after $t$ steps is random as well. What is its mean?
# As in the lesson, it has two parts, a squared bias and a variance; but here you can write both of them down without a single run.
#
# Write `expected_error(t, eta, eigenvalues, signal, sigma)`, which returns the mean of $(f - x)^2$ after `t` steps, **summed over all modes**.
# `eigenvalues` and `signal` are tensors with one number for each mode, $\lambda$ and $x$, and all $\eta\lambda$ are below 1.


# %% nbgrader={"solution": true, "grade_id": "expected_error_answer"}
def expected_error(t, eta, eigenvalues, signal, sigma):
    ### BEGIN SOLUTION
    # Each step shrinks f - y by 1 - eta lambda. From f = 0: f = (1 - left) (x + n), so
    # f - x = -left x + (1 - left) n.
    left = (1 - eta * eigenvalues) ** t
    return ((left * signal) ** 2 + sigma**2 * (1 - left) ** 2).sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "expected_error", "points": 4}
from dil_course.checks import ps05

ps05.expected_error(expected_error)
### BEGIN HIDDEN TESTS
ps05.expected_error(expected_error, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Test your formula against real runs. The truth is one row of a photograph, and `kernel` is $J J^T$ for a model whose $J$ is a smoothing, as in lesson 05.
# Make 200 runs of gradient descent with $\eta = 0.1$, each with noise of its own ($\sigma = 0.2$), for 200 steps. Draw the mean of their errors and your formula, and also bias and variance by themselves.
# **Predict before you run:** the smoothing makes high frequencies slow. Which part falls late because of that, and which rises late?

# %%
row = picture("astronaut", side=48)[0, 0, 24]
row = row - row.mean()
apart = (torch.arange(48)[:, None] - torch.arange(48)).abs()
smoothing = torch.exp(-(torch.minimum(apart, 48 - apart) ** 2) / 2)
kernel = smoothing @ smoothing.T
kernel = kernel / torch.linalg.eigvalsh(kernel).max()
eigenvalues, modes = torch.linalg.eigh(kernel)
eigenvalues = eigenvalues.clamp(min=0)  # rounding can make the smallest ones negative
signal = modes.T @ row  # the row, mode by mode

# %% nbgrader={"solution": true, "grade_id": "expected_error_measured"}
### BEGIN SOLUTION
noisy_rows = row + 0.2 * torch.randn(200, 48, generator=runtime.generator(0, "rows"))
f, measured = torch.zeros_like(noisy_rows), []
for _ in range(200):
    f = f - 0.1 * (f - noisy_rows) @ kernel
    measured.append(((f - row) ** 2).sum(1).mean().item())
formula = [
    expected_error(t, 0.1, eigenvalues, signal, 0.2).item() for t in range(1, 201)
]
bias = [expected_error(t, 0.1, eigenvalues, signal, 0.0).item() for t in range(1, 201)]
variance_alone = [
    expected_error(t, 0.1, eigenvalues, 0 * signal, 0.2).item() for t in range(1, 201)
]
print(
    f"least error after {formula.index(min(formula)) + 1} steps by the formula,"
    f" {measured.index(min(measured)) + 1} measured;",
    "largest difference"
    f" {max(abs(a / b - 1) for a, b in zip(formula, measured, strict=True)):.1%}",
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "expected_error_drawn"}
### BEGIN SOLUTION
curves = {
    "200 runs, mean": measured,
    "formula": formula,
    "bias squared": bias,
    "variance": variance_alone,
}
curves = {name: (range(1, 201), values) for name, values in curves.items()}
show_curves(
    curves,
    "step",
    "squared error",
    log_x=True,
    alt=(
        "The squared bias falls, the variance rises, their sum is a U; the mean"
        " of 200 runs lies on the formula."
    ),
)
### END SOLUTION

# %% [markdown]
# ## Task 3. The best moment (2 points, 20 minutes)
#
# Now look at **one** mode. Its error falls and then rises, so that there must be a number of steps after which it is least.
#
# Write `best_moment(eta, eigenvalue, x, sigma)`, which returns that number of steps. All four arguments are positive numbers, and $\eta\lambda$ is below 1.
# Leave the result as it comes; 7.3 steps is a good answer. Give $(1 - \eta\lambda)^t$ a name of its own, and the derivation is short.


# %% nbgrader={"solution": true, "grade_id": "best_moment_answer"}
def best_moment(eta, eigenvalue, x, sigma):
    ### BEGIN SOLUTION
    # The error is q^2 x^2 + (1 - q)^2 sigma^2. Its derivative is zero at q = sigma^2 /
    # (x^2 + sigma^2).
    q = sigma**2 / (x**2 + sigma**2)
    return math.log(q) / math.log(1 - eta * eigenvalue)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "best_moment", "points": 2}
from dil_course.checks import ps05

ps05.best_moment(best_moment)
### BEGIN HIDDEN TESTS
ps05.best_moment(best_moment, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# **Predict:** how many steps earlier is the best moment when $\sigma$ doubles? Take a strong mode, with $x$ much larger than $\sigma$. Does your answer depend on $x$, and does it depend on $\lambda$?
#
# Then measure where the oracle peak of a deep image prior lies at $\sigma$ = 25/255, and where at 50/255. Which part of your prediction still holds for the network, and which does not?

# %% nbgrader={"solution": true, "grade_id": "best_moment_measured"}
### BEGIN SOLUTION
for strength in (5.0, 20.0):
    steps = [best_moment(0.5, 0.1, strength, level) for level in (0.5, 1.0, 2.0)]
    print(
        f"one mode, x = {strength:4}, sigma 0.5, 1, 2: best after",
        ", ".join(f"{t:.0f}" for t in steps),
        "steps",
    )
print(
    f"x much larger than sigma: {math.log(4) / -math.log(1 - 0.05):.0f} steps earlier,"
    " whatever x is: log 4 / -log(1 - eta lambda)."
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "best_moment_network"}
### BEGIN SOLUTION
curves = {
    "sigma 25": quality,
    "sigma 50": watched(add_gaussian(x, 50 / 255, seed=0), x)[1],
}
for name, values in curves.items():
    print(
        f"{name}: oracle peak {max(values):.2f} dB at iteration"
        f" {values.index(max(values)) + 1}"
    )
show_curves(
    curves,
    "iteration",
    "PSNR (dB)",
    alt="PSNR of two runs: with more noise the peak is lower and earlier.",
)
print(
    "More noise, earlier peak: still true. How much earlier, the formula cannot say:"
    " modes of all speeds add up, and Adam is no gradient descent."
)
### END SOLUTION

# %% [markdown]
# ## Task 4. How wide may a decoder be? (2 points, 20 minutes)
#
# The Deep Decoder of lesson 05 is meant to do without a stopping rule, because it has too few weights to hold the noise. Whether that is so can be checked by counting them.
#
# `deep_decoder(channels, width=k, scales=scales)` consists of
#
# - a block for each scale: a 1 × 1 convolution from $k$ to $k$ channels without bias, doubling, ReLU, batch norm with its factor and shift for each channel;
# - one more such block, without the doubling;
# - a last 1 × 1 convolution from $k$ channels to those of the image, with bias.
#
# Write `largest_width(share, side, scales, channels)`. It returns two numbers, `(k, weights)`: the largest $k$ for which all weights together are **at most** `share` times
# as many as the values of the image, and the number of weights of that decoder.
# The image has `channels` channels of `side` × `side` pixels, and `share` is a number such as 0.2. There is always room for $k = 1$.


# %% nbgrader={"solution": true, "grade_id": "largest_width_answer"}
def largest_width(share, side, scales, channels):
    ### BEGIN SOLUTION
    k = 1
    while (scales + 1) * ((k + 1) ** 2 + 2 * (k + 1)) + channels * (
        k + 2
    ) <= share * channels * side**2:
        k = k + 1
    return k, (scales + 1) * (k**2 + 2 * k) + channels * (k + 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "largest_width", "points": 2}
from dil_course.checks import ps05

ps05.largest_width(largest_width)
### BEGIN HIDDEN TESTS
ps05.largest_width(largest_width, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# What does the share say? Suppose that a model with $p$ weights were a flat subspace of $p$ dimensions in the $N$ dimensions of all images.
# The best fit projects $y$ onto it, and because white noise is equally strong in all directions, a share $p / N$ of its energy would stay.
#
# The lesson tested this on noise alone, with long runs. Here the noise lies on an image, and the run is short. Measure the share of the noise that is learned by the regression $c = \langle \hat x - x, n \rangle / \|n\|^2$.
# For the projection, $c$ would be about $p / N$. Take shares of 0.05, 0.2 and 0.65, and 300 iterations.
# **Predict before you run:** which width is best at $\sigma = 25/255$, and on which side of $p/N$ will $c$ lie?

# %% nbgrader={"solution": true, "grade_id": "largest_width_measured"}
### BEGIN SOLUTION
for share in (0.05, 0.2, 0.65):
    k, p = largest_width(share, 48, 3, 3)
    with runtime.seeded(0):
        decoder = deep_decoder(3, width=k, scales=3)
    *_, last = deep_image_prior(y, network=decoder, input_noise=0, iterations=300)
    c = ((last.estimate - x) * (y - x)).sum() / (y - x).square().sum()
    print(
        f"k = {k:2}: p / N = {p / x.numel():.2f}, learned noise c = {c:.2f},"
        f" {psnr(last.estimate, x):.2f} dB"
    )
print(
    "More weights, more noise, as the count says. But c stays below p / N, because 300"
    " iterations on an image are not enough to fill a decoder with noise."
)
### END SOLUTION

# %% [markdown]
# ## Task 5. Is the error bar honest? (2 points, 15 minutes)
#
# SGLD does not stop. It walks about, and returns the mean of its outputs and a **spread**, which is a standard deviation for each value of the image.
# Whether such a spread can be trusted is a matter of counting: how many values of the truth lie within one spread of the mean, and how many within two?
#
# Write `coverage(mean, spread, truth, z)`, the share of all values whose truth is at most `z` spreads away from the mean.
# `mean`, `spread` and `truth` are (1,C,H,W), and the share is between 0 and 1.


# %% nbgrader={"solution": true, "grade_id": "coverage_answer"}
def coverage(mean, spread, truth, z):
    ### BEGIN SOLUTION
    return ((truth - mean).abs() <= z * spread).double().mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "coverage", "points": 2}
from dil_course.checks import ps05

ps05.coverage(coverage)
### BEGIN HIDDEN TESTS
ps05.coverage(coverage, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# If the errors were Gaussian and the spreads were right, the share would be $\mathrm{erf}(z / \sqrt 2)$ (`math.erf`). Print that number for $z$ = 1 and 2.
# Beside it print the share of two walks: one with `weight_noise=2.0`, as published, and one with 0.5. A burn-in of 120 iterations and 250 in all will do.
# **Predict before you run:** which of the two walks has the smaller spread relative to its errors?

# %% nbgrader={"solution": true, "grade_id": "coverage_measured"}
### BEGIN SOLUTION
print(
    "honest Gaussian:  ",
    "  ".join(f"z = {z}: {math.erf(z / math.sqrt(2)):.1%}" for z in (1, 2)),
)
for weight_noise in (2.0, 0.5):
    walk = Posterior(burn_in=120, every=5)
    run(sgld_dip(y, weight_noise=weight_noise, iterations=250), stop=walk)
    shares = "  ".join(
        f"z = {z}: {coverage(walk.estimate, walk.spread, x, z):.1%}" for z in (1, 2)
    )
    print(
        f"weight noise {weight_noise}: ",
        shares,
        f" mean {psnr(walk.estimate, x):.2f} dB",
    )
    if weight_noise == 2.0:
        maps = {"spread x 8": walk.spread, "error x 8": (walk.estimate - x).abs()}
        shown = {"mean": walk.estimate} | {
            name: 8 * values.mean(1, keepdim=True) for name, values in maps.items()
        }
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "coverage_shown"}
### BEGIN SOLUTION
show_images(
    shown,
    alt=(
        "The mean of the walk, a map of its spread, and a map of its error. Both maps"
        " are bright at edges."
    ),
)
print(
    "The spread of the strong walk is too large for its errors, that of the weak one"
    " too small. Both saw the same data, so that the scale was set by us."
)
### END SOLUTION

# %% [markdown]
# ## Task 6. Three runs that end badly: find out why (3 points, 25 minutes)
#
# `ps05.failing_run("A")` is a deep image prior on a noisy photograph of 48x48 pixels, and so are "B" and "C". A rule, or the lack of one, chose when to stop.
# What each run returned is far from good, each time for a reason of its own. A run is a dictionary that holds
#
# - `outputs` (150,3,48,48), and the list `loss`, one entry an iteration; `sigma`, and how many `weights` the network has;
# - `variances`: what the rule computed, one number for each full window. `None` means that no rule watched. A rule takes the least variance;
# - `stop`, the iteration that was chosen (counted from 1), and `estimate`: an average of the outputs from the first up to there, $\bar x_i = w\,\bar x_{i-1} + (1 - w)\,\hat x_i$.
#
# A good run returns 30 dB here, whereas none of these reaches 27. Look at numbers before you guess.

# %%
runs = {letter: ps05.failing_run(letter) for letter in "ABC"}
for cause, meaning in ps05.CAUSES.items():
    print(f"{cause:24} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
qualities = {
    letter: [psnr(output[None], x) for output in r["outputs"]]
    for letter, r in runs.items()
}
for letter, r in runs.items():
    window = len(r["outputs"]) - len(r["variances"]) + 1 if r["variances"] else "none"
    stop, q = r["stop"], qualities[letter]
    print(
        f"{letter}: window {window}, stop {stop}, returned {psnr(r['estimate'], x):.1f}"
        f" dB, output there {q[stop - 1]:.1f} dB,",
        f"best output {max(q):.1f} dB at {q.index(max(q)) + 1},",
        f"loss at the stop {r['loss'][stop - 1] / r['sigma'] ** 2:.2f} sigma^2,"
        f" {r['weights']} weights for {x.numel()} numbers",
    )
show_curves(
    {f"run {letter}": q for letter, q in qualities.items()},
    "iteration",
    "PSNR of the output (dB)",
    alt=(
        "PSNR of the outputs of three runs. A and B are the same curve. C has a lower"
        " peak, earlier, and then sinks by 3 dB."
    ),
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "..."}
### BEGIN SOLUTION
causes = {"A": "window too short", "B": "average too slow", "C": "room for the noise"}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 3}
from dil_course.checks import ps05

ps05.causes(causes)

# %% [markdown]
# ## Open question (4 points, 30 minutes)
#
# `y, truth = ps05.mystery()` is a noisy photograph of 48x48 pixels, and **nothing is said about its noise**. Look at `y` first: is the noise equally strong everywhere, and do neighbours share it?
#
# Choose a rule to stop a run on it: the discrepancy with a $\sigma$ that you estimated, held-out pixels, windowed variance, a narrow decoder, or one of your own.
# **Write down your choice, and by how many decibels it will miss the oracle peak, before you look at `truth`.** Then measure your rule and at least one other, on `ps05.mystery(seed)` for three seeds.
# The truth may judge your rule, but it may not choose.
#
# You will be marked on this:
#
# | points | for |
# | --- | --- |
# | 1 | what you found out about the noise from `y` alone, with a number |
# | 1 | a choice that follows from it: what your rule assumes, and why that holds here |
# | 1 | the prediction, written before the measurement, and the measurement of two rules or more on three seeds |
# | 1 | what would prove you wrong: one weakness of your own experiment |


# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
def differences(y):
    """Half the difference of diagonals in blocks of 2x2: of a smooth picture little is
    left, of white noise all of sigma.
    """
    return (
        y[..., ::2, ::2] + y[..., 1::2, 1::2] - y[..., ::2, 1::2] - y[..., 1::2, ::2]
    ) / 2


def race(y, truth, iterations=150):
    """PSNRs of one run, and where each of three rules stops. A tenth of the pixels is
    held out, for all of them.
    """
    held_out = (
        torch.rand(1, 1, 48, 48, generator=runtime.generator(0, "held out")) < 0.1
    ).float()
    A = Mask(1 - held_out)
    steps = list(deep_image_prior(A(y), A, iterations=iterations))
    outputs = torch.cat([step.estimate for step in steps])
    told = (
        differences(y).abs().median() / 0.6745
    )  # the median of |n| is 0.6745 sigma for Gaussian noise
    bound = told**2 * (1 - held_out.mean())  # the loss is a mean over all pixels
    below = [i for i, step in enumerate(steps) if step.loss <= bound]
    stops = {
        "discrepancy, sigma estimated": below[0] if below else iterations - 1,
        "held-out pixels": int((held_out * (outputs - y) ** 2).sum((1, 2, 3)).argmin()),
        "windowed variance": int(windowed_variance(outputs, 40).argmin()) + 39,
    }
    return [psnr(output[None], truth) for output in outputs], stops


### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "open_question_race"}
### BEGIN SOLUTION
for seed in range(3):
    mystery, truth = ps05.mystery(seed)
    d, brightness = differences(mystery), torch.nn.functional.avg_pool2d(mystery, 2)
    dark, bright = (
        (d[part].abs().median() / 0.6745).item()
        for part in (brightness < 0.3, brightness > 0.6)
    )
    steps = mystery.diff(
        dim=-1
    )  # white noise: neighbouring steps share one number, with opposite signs, so -0.5
    alike = torch.corrcoef(
        torch.stack([steps[..., 1:].flatten(), steps[..., :-1].flatten()])
    )[0, 1]
    print(
        f"seed {seed}: neighbouring steps have a correlation of {alike:.2f};",
        f"sigma where it is dark {dark:.3f}, bright {bright:.3f}, over all"
        f" {d.abs().median() / 0.6745:.3f}",
    )
    q, stops = race(mystery, truth)
    print(
        f"    oracle peak {max(q):.2f} dB at {q.index(max(q)) + 1};",
        "; ".join(f"{rule} {q[i]:.2f} dB at {i + 1}" for rule, i in stops.items()),
    )
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 4}
# ### BEGIN SOLUTION
# **A good answer, measured.** I took `ps05.mystery` with the seeds 0, 1 and 2 and runs of 150 iterations, with a tenth of the pixels held out for all rules. Ranges are over the seeds.
#
# *The noise, from `y` alone.* Differences of diagonals in blocks of 2 × 2 give $\sigma$ = 0.04 to 0.06 where the image is dark, and 0.14 to 0.15 where it is bright, so that there is no single $\sigma$.
# Steps from pixel to pixel and the steps next to them have a correlation of -0.45 to -0.47. White noise alone gives -0.5, and noise that neighbours share gives more,
# so that I take the noise as independent from pixel to pixel.
#
# *Choice.* I choose held-out pixels. They assume that the noise of a held-out pixel is independent of the noise of the others, whereas its strength does not enter:
# in the expectation, $\sigma^2$ is only a constant, a sum over pixels that may be as different as they like.
# The discrepancy needs a single number. The median of the differences gives about 0.12 to 0.13, but the loss needs the mean of the squares, and the two differ if the noise is uneven.
#
# *Prediction.* Held-out pixels miss the oracle peak by less than half a decibel, and the discrepancy misses it by 1 to 2 dB. Windowed variance assumes nothing about the strength of the noise, so that I expect half a decibel, too.
#
# *Measured.* Held-out pixels miss the peak by 0.0 to 0.5 dB, windowed variance by 0.2 to 0.3 dB, and the discrepancy by 0.5 to 2.1 dB. The peaks are at 25.6 to 25.9 dB.
# So my choice was better than the discrepancy, as expected, but no better than windowed variance. Its assumption was right, but it sees too little, because one tenth of the pixels is a small sample of a noise that is strong.
# On seed 2 that cost half a decibel. Next time I would take windowed variance, or average the outputs before I judge them.
#
# *Weakness.* I measured one photograph and one network, and three seeds show that there is a scatter, but not its size. The outputs jitter, so that the oracle peak is also a lucky one, and I did not count what the loss of the tenth itself cost.
# ### END SOLUTION
