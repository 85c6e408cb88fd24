# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 03 · Deep image prior
#
# Six tasks to [lesson 03](../../notebooks/03_deep_image_prior.ipynb), and one open question. 20 points.
#
# - Write your lines in place of `raise NotImplementedError()`. You may add cells of your own anywhere.
# - The cell after each task checks your answer at once. It says *which* mistake it sees, and gives a hint.
#   **Run it again, and the hint says more.** Nothing is lost by asking.
# - That cell's last line is your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells.
# - A bit more than two hours. The computing takes about a minute in all.

# %%
import torch

from dil_course import runtime
from dil_course.checks import ps03
from dil_course.figures import show_curves, show_images
from dil_course.fitting import run
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import small_skip_network
from dil_course.signals import Blur, Mask, add_gaussian, gaussian_kernel, picture, psnr

# For such small images a second thread costs more than it brings.
torch.set_num_threads(1)
x = picture("coffee", side=48)
sigma = 25 / 255

# %% [markdown]
# ## Task 1. The loop, with a camera in it (3 points, 30 minutes)
#
# Lesson 03 removed noise. The same loop can do more: fill holes, sharpen, enlarge. Only the loss changes.
# We observe $y = A(x)$. The network makes a picture. What must be compared with $y$ is not that picture, but what the camera $A$ would make of it:
#
# $$\text{loss} = \text{mean of } \big(A(f_\theta(z + \text{noise} / 30)) - y\big)^2 .$$
#
# Write `fit(y, A, network, z, noises)`:
#
# - `noises` is a sequence of tensors like $z$, drawn from the standard normal distribution. Make one iteration for each.
# - In an iteration the network sees $z + \text{noise} / 30$, with this iteration's noise. $z$ itself stays as it is.
# - Update the weights by Adam with learning rate 0.01. Make the optimizer once, before the loop.
# - Return the last iteration's estimate: the one that its loss was computed of, before its update.


# %% nbgrader={"solution": true, "grade_id": "fit_answer"}
def fit(y, A, network, z, noises):
    ### BEGIN SOLUTION
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for noise in noises:
        estimate = network(z + noise / 30)
        loss = torch.mean((A(estimate) - y) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return estimate.detach()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fit", "points": 3}
from dil_course.checks import ps03

ps03.fit(fit)
### BEGIN HIDDEN TESTS
ps03.fit(fit, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# See it at work. We throw away half of the pixels, and the network fills them in. It has seen no other picture.
# **Predict before you run:** where will it go wrong?

# %% nbgrader={"solution": true, "grade_id": "fit_seen"}
### BEGIN SOLUTION
half_seen = Mask(
    (torch.rand(1, 1, 48, 48, generator=runtime.generator(0, "holes")) < 0.5).float()
)
draw = runtime.generator(0, "z")
z, noises = (
    0.1 * torch.rand(1, 16, 48, 48, generator=draw),
    torch.randn(250, 1, 16, 48, 48, generator=draw),
)
with runtime.seeded(0):
    network = small_skip_network()
filled = fit(half_seen(x), half_seen, network, z, noises)
shown = {
    "half of the pixels": half_seen(x),
    f"filled, {psnr(filled, x):.1f} dB": filled,
    "truth": x,
}
show_images(
    shown,
    alt=(
        "A detail of a coffee cup with half of its pixels black, the same filled by the"
        " network, and the truth."
    ),
)
### END SOLUTION

# %% [markdown]
# ## Task 2. What an average could do (2 points, 15 minutes)
#
# Lesson 03 averaged the network's outputs $\hat x_i$ with a weight $w$ for the past, in the end 0.99:
#
# $$\bar x_i = w \, \bar x_{i-1} + (1 - w) \, \hat x_i .$$
#
# That gained a decibel or two. Is that much or little? Suppose the best case. Each output is the picture plus noise of its own,
# **independent** of all others, and all with the same variance. The average has run for so long that its start is forgotten.
#
# Write `noise_left(weight)`: the variance of the noise in the average, divided by the variance in one output. `weight` is a number $w$ from 0 to below 1.


# %% nbgrader={"solution": true, "grade_id": "noise_left_answer"}
def noise_left(weight):
    ### BEGIN SOLUTION
    # Output i steps ago has the weight (1-w) w^i. Its square, summed over all i, is
    # (1-w)^2 / (1-w^2).
    return (1 - weight) / (1 + weight)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "noise_left", "points": 2}
from dil_course.checks import ps03

ps03.noise_left(noise_left)
### BEGIN HIDDEN TESTS
ps03.noise_left(noise_left, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Measure it with random numbers. Then turn your share for $w = 0.99$ into decibels. Why is the gain in lesson 03 so much smaller?

# %% nbgrader={"solution": true, "grade_id": "noise_left_measured"}
### BEGIN SOLUTION
for weight in (0.5, 0.9, 0.99):
    average = torch.zeros(10_000)
    for _ in range(700):
        average = weight * average + (1 - weight) * torch.randn(10_000)
    print(
        f"weight {weight}: formula {noise_left(weight):.4f}, measured"
        f" {average.var():.4f}"
    )
print(
    f"{-10 * torch.tensor(noise_left(0.99)).log10():.0f} dB, were the errors"
    " independent. They are not: all outputs learned from the same noise."
)
### END SOLUTION

# %% [markdown]
# ## Task 3. Two runs are better than one (2 points, 15 minutes)
#
# So errors of different outputs resemble each other. Here is a number for that. Two estimates have the errors $a$ and $b$.
# Both have the same mean square, $m$. Their **correlation** is
#
# $$\rho = \frac{\text{mean of } a\,b}{m} .$$
#
# 1 means: the same error. 0 means: they have nothing in common.
# Both estimates have the PSNR `one` (in dB). Write `psnr_of_mean(one, rho)`: the PSNR of the mean of the two estimates.


# %% nbgrader={"solution": true, "grade_id": "psnr_of_mean_answer"}
def psnr_of_mean(one, rho):
    ### BEGIN SOLUTION
    # The mean of ((a + b) / 2)^2 is (m + m + 2 rho m) / 4.
    return one - 10 * torch.log10(torch.tensor((1 + rho) / 2))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "psnr_of_mean", "points": 2}
from dil_course.checks import ps03

ps03.psnr_of_mean(psnr_of_mean)
### BEGIN HIDDEN TESTS
ps03.psnr_of_mean(psnr_of_mean, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# The paper reports 30.43 dB for one run with averaged outputs, and 31.00 dB for the mean of two such runs.
# These are means over several pictures. Take them as one picture: which $\rho$ do they imply? Solve your formula for it.
#
# Then make two runs with two seeds yourself. Measure $\rho$, and compare the PSNR of their mean with your formula.

# %% nbgrader={"solution": true, "grade_id": "psnr_of_mean_measured"}
### BEGIN SOLUTION
print(f"the paper: rho = {2 * 10 ** (-(31.00 - 30.43) / 10) - 1:.2f}")
y = add_gaussian(x, sigma, seed=0)
first, second = (
    run(deep_image_prior(y, iterations=100, seed=seed)).estimate for seed in (0, 1)
)
a, b = first - x, second - x
rho = (a * b).mean() / ((a**2).mean() * (b**2).mean()).sqrt()
one = (psnr(first, x) + psnr(second, x)) / 2
print(
    f"ours: rho = {rho:.2f}, one run {one:.2f} dB, formula"
    f" {psnr_of_mean(one, rho.item()):.2f} dB, measured"
    f" {psnr((first + second) / 2, x):.2f} dB"
)
### END SOLUTION

# %% [markdown]
# ## Task 4. Stop where the noise explains the rest (2 points, 10 minutes)
#
# When should a run stop? You cannot see its PSNR, but you see its loss. Suppose that you know the noise: its standard deviation is $\sigma$.
# The *true* picture would leave a loss of
#
# $$\text{mean of } (x - y)^2 = \text{mean of } n^2 \approx \sigma^2 .$$
#
# A loss below $\sigma^2$ explains the data better than the truth does. So the run must have learned noise.
# This rule is called the **discrepancy principle**. It is far older than neural networks (V. A. Morozov, 1966).
#
# Write `stop(losses, sigma)`. `losses` is a list of numbers, the losses of iterations 1, 2, 3, ...
# Return the first iteration whose loss is at most $\sigma^2$. Count from 1. If there is none, return the last iteration, `len(losses)`.


# %% nbgrader={"solution": true, "grade_id": "stop_answer"}
def stop(losses, sigma):
    ### BEGIN SOLUTION
    for iteration, loss in enumerate(losses, start=1):
        if loss <= sigma**2:
            return iteration
    return len(losses)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "stop", "points": 2}
from dil_course.checks import ps03

ps03.stop(stop)
### BEGIN HIDDEN TESTS
ps03.stop(stop, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Let it stop a real run on a noisy photograph. How far from the **oracle peak** does it stop? That is the best PSNR of the run, which only the truth knows.

# %% nbgrader={"solution": true, "grade_id": "stop_seen"}
### BEGIN SOLUTION
y = add_gaussian(x, sigma, seed=0)
losses, quality = [], []
for step in deep_image_prior(y, iterations=200):
    losses.append(float(step.loss))
    quality.append(psnr(step.estimate, x))
stopped, best = stop(losses, sigma), max(quality)
print(f"stopped at iteration {stopped}: {quality[stopped - 1]:.2f} dB")
print(
    f"oracle peak at iteration {quality.index(best) + 1}: {best:.2f} dB; at the end"
    f" {quality[-1]:.2f} dB"
)
show_curves(
    {"loss / sigma^2": [loss / sigma**2 for loss in losses], "1": [1] * 200},
    "iteration",
    "loss / sigma^2",
    log_y=True,
    alt=(
        "The loss in units of sigma squared falls steeply, then slowly, and crosses 1"
        " near iteration 90."
    ),
)
### END SOLUTION

# %% [markdown]
# ## Task 5. Hide some pixels, and judge by them (3 points, 15 minutes)
#
# What if you do not know $\sigma$? Then hold some pixels back. The network is fitted to the others.
# It never sees the noise $n$ of the pixels held out, so it cannot learn it. If the noise of each pixel is independent of the others', then on the pixels held out
#
# $$\text{mean of } (\hat x - y)^2 \approx \text{mean of } (\hat x - x)^2 + \sigma^2 .$$
#
# The last term is a constant. So this **held-out loss** is smallest where the true error is smallest, and you can compute it without the truth.
#
# Write `hold_out(mask, share, seed)`. It returns two masks, `(to_fit, held_out)`:
#
# - `mask` is (1,1,H,W): 1 where a pixel is seen, 0 where not. Both results have its shape, and hold 0 and 1.
# - Each seen pixel is held out at random, a share of `share` of them. `share` is a number between 0 and 1.
# - Each seen pixel is in one of the two masks, never in both. Pixels that are not seen are in neither.
# - The same `seed` gives the same masks, another seed gives others.


# %% nbgrader={"solution": true, "grade_id": "hold_out_answer"}
def hold_out(mask, share, seed):
    ### BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    held_out = mask * (torch.rand(mask.shape, generator=generator) < share)
    return mask - held_out, held_out
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "hold_out", "points": 3}
from dil_course.checks import ps03

ps03.hold_out(hold_out)
### BEGIN HIDDEN TESTS
ps03.hold_out(hold_out, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Hold out a tenth of the noisy photograph, and make a run on the rest. Draw both losses. Where is the smallest held-out loss, and where the oracle peak?
# What did the tenth cost?


# %% nbgrader={"solution": true, "grade_id": "hold_out_run"}
### BEGIN SOLUTION
def held_out_run(y, share=0.1, seed=0):
    """Lists over iterations: loss on fitted pixels, loss on those held out, PSNR."""
    to_fit, held_out = hold_out(torch.ones_like(y[:, :1]), share, seed)
    fitted, judged, quality = [], [], []
    for step in deep_image_prior(to_fit * y, Mask(to_fit), iterations=200, seed=seed):
        squares = ((step.estimate - y) ** 2).mean(1, keepdim=True)
        fitted.append(float((to_fit * squares).sum() / to_fit.sum()))
        judged.append(float((held_out * squares).sum() / held_out.sum()))
        quality.append(psnr(step.estimate, x))
    return fitted, judged, quality


def report(name, fitted, judged, quality, sigma):
    stops = {
        "oracle peak": quality.index(max(quality)) + 1,
        "sigma": stop(fitted, sigma),
        "held out": judged.index(min(judged)) + 1,
    }
    print(
        f"{name:28}",
        "   ".join(
            f"{rule} {quality[i - 1]:.2f} dB at {i}" for rule, i in stops.items()
        ),
    )


### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "hold_out_seen"}
### BEGIN SOLUTION
white = held_out_run(y)
report("a tenth held out", *white, sigma)
print(f"{'nothing held out':28} oracle peak {best:.2f} dB")
show_curves(
    {"fitted pixels": white[0], "pixels held out": white[1]},
    "iteration",
    "loss",
    log_y=True,
    alt=(
        "The loss on fitted pixels falls all the time; that on pixels held out falls,"
        " is flat near iteration 90, and rises."
    ),
)
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 25 minutes)
#
# `ps03.failing_run("A")` is a deep image prior on a noisy photograph of 48x48 pixels, made with `small_skip_network`. So are "B", "C" and "D".
# None of the four ends well, each for a reason of its own. A run is a dictionary:
#
# - `y`, `sigma`, the input `z`, and the last `estimate`;
# - the lists `loss`, `psnr` and `distance`, one entry an iteration. `distance` says how far the weights have moved from their start:
#   the norm of the change of all weights together.
#
# A good run reaches 28 dB here. Look at numbers before you guess. `ps03.failing_run("A", iterations=20)` runs shorter or longer.

# %%
runs = {letter: ps03.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps03.CAUSES.items():
    print(f"{cause:22} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
weights = sum(p.numel() for p in small_skip_network().parameters())
for letter, r in runs.items():
    alike = (
        torch.corrcoef(torch.cat([r["z"][0].flatten(1), r["y"][0].flatten(1)]))[
            :16, 16:
        ]
        .abs()
        .max()
    )
    print(
        f"{letter}: y from {r['y'].min():.1f} to {r['y'].max():.1f}, last loss /"
        f" sigma^2 {r['loss'][-1] / r['sigma'] ** 2:.2g}, z and y alike {alike:.2f},",
        f"first step of a weight {r['distance'][0] / weights**0.5:.3f}, best PSNR"
        f" {max(r['psnr']):.1f}",
    )
show_curves(
    {f"run {letter}": r["psnr"] for letter, r in runs.items()},
    "iteration",
    "PSNR (dB)",
    alt=(
        "PSNR of four runs: A rises to 22 dB and sinks to 21, B and D stay at 10, C"
        " sinks to 4."
    ),
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "z holds the noise",
    "B": "weights never change",
    "C": "y has another range",
    "D": "learning rate too high",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps03

ps03.causes(causes)

# %% [markdown]
# ## Open question (4 points, 25 minutes)
#
# You have two rules to stop a run. Task 4 must know $\sigma$. Task 5 pays with pixels. Each of them believes something about the noise.
#
# Find **one case in which the rule of task 4 stops more than 1 dB below the oracle peak**, and **one in which held-out pixels do**.
# A case is a picture, a noise, and what you were told about it. Give the numbers of both rules in both cases. Explain what each rule believes, and how your case breaks it.
#
# Then **predict before you measure**: you hold out a half of the pixels, not a tenth. What happens to the oracle peak, and how far from it do the two rules stop?
#
# You will be marked on this:
#
# | points | for |
# | --- | --- |
# | 1 | two cases with the PSNRs of both rules and of the oracle peak, all taken from the same run |
# | 1 | an explanation that follows from the two formulas, not from the names |
# | 1 | the prediction for a half, written before the measurement, and the measurement |
# | 1 | what would prove you wrong: one weakness of your own experiment |

# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
for told in (0.9, 1.1):
    report(f"told sigma x {told}", *white, told * sigma)
grain = Blur(gaussian_kernel(7, 1.0))(add_gaussian(torch.zeros_like(x), 1.0, seed=0))
report(
    "noise of neighbours alike", *held_out_run(x + sigma * grain / grain.std()), sigma
)
report("half held out", *held_out_run(y, share=0.5), sigma)
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 4}
# ### BEGIN SOLUTION
# **A good answer, measured.** Our photograph, three seeds each, runs of 200 iterations; ranges are over the seeds.
#
# *White noise, but I was told 0.9 times its $\sigma$.* Oracle peak 29.2 to 29.6 dB. Task 4 stops at 26.6 to 27.0 dB, held-out pixels at 29.1 to 29.2 dB.
# Told 1.1 times $\sigma$, task 4 stops at 25.9 to 26.3 dB. The rule believes one number. Near the peak the loss is almost flat:
# from $\sigma^2$ to $(0.9\,\sigma)^2$ it takes 90 to 110 iterations, more than the whole way before. So a small mistake in $\sigma$ is a large one in time. Held-out pixels never ask for $\sigma$.
#
# *Noise that neighbours share*: white noise, blurred by a Gaussian of one pixel, with the same $\sigma$. Neighbouring pixels have a correlation of 0.77.
# Oracle peak 24.7 to 25.6 dB. Task 4 stops at 24.2 to 24.9 dB, held-out pixels at 21.2 to 21.4 dB, in the last iterations of the run. On the pixels held out,
# the mean of $(\hat x - y)^2$ is the mean of $(\hat x - x)^2 + n^2 - 2\,(\hat x - x)\,n$. The last term vanishes only if the estimate knows nothing of $n$ there.
# Here the neighbours tell it. So noise that is learned makes the held-out loss smaller, too. Task 4 believes only in the size of the noise, and that has not changed.
#
# *Half held out.* Prediction: the network gets half of the data. Were all its error noise, the peak would fall by 3 dB; part of it is blur, so I say 1 to 2 dB.
# No belief is broken, so both rules stay within half a decibel of the new peak.
# Measured: the peak falls to 27.8 to 28.1 dB. Task 4 stops 0.0 to 0.6 dB below it, held-out pixels 0.0 to 0.2 dB. Right, but for one tenth of a decibel.
#
# *Weakness.* One photograph, one network, 48 pixels. PSNRs of single outputs jitter by a few tenths of a decibel, so an oracle peak is also a lucky one.
# In the second case the held-out rule stopped only because the run was over: its loss depends on the length that I chose.
# ### END SOLUTION
