# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 04 · Deep image prior for inverse problems
#
# Six tasks on [lesson 04](../../notebooks/04_dip_for_inverse_problems.ipynb) and one open question are worth 20 points in all.
#
# - Write your lines in place of `raise NotImplementedError()`; you may add cells of your own anywhere.
# - The cell after each task checks your answer at once, says *which* mistake it sees, and gives a hint.
#   **Run it again, and the hint says more:** nothing is lost by asking.
# - The last line of that cell gives your points, and when your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells.
# - Allow about two and a half hours, of which the computing takes about a minute.

# %%
import math

import torch

from dil_course import runtime
from dil_course.checks import ps04
from dil_course.figures import show_curves, show_images
from dil_course.fitting import run
from dil_course.from_scratch import bp_dip, deep_image_prior
from dil_course.signals import (
    Blur,
    Downsample,
    Fourier,
    Mask,
    Radon,
    add_gaussian,
    gaussian_kernel,
    line_mask,
    picture,
    psnr,
)

# For such small images a second thread costs more than it brings.
torch.set_num_threads(1)
x = picture("coffee", side=48)

# %% [markdown]
# ## Task 1. Explain the data exactly (2 points, 15 minutes)
#
# A network's estimate $\hat x$ explains the data $y = A(x)$ only approximately. If the data are free of noise, this can be corrected:
# among all images that explain $y$ exactly, take the one **nearest to** $\hat x$, which leaves everything that $A$ cannot see as the network made it.
#
# You know the pseudo-inverse $A^+$ from lesson 01: $A^+ r$ is the *shortest* image that $A$ turns into $r$.
# Assume that some image explains the data, so that $A A^+ r = r$ for all $r$ that you meet here.
#
# Write `consistent(estimate, y, A)`. You may use `A(...)`, `A.adjoint(...)` and `A.pinv(...)`.


# %% nbgrader={"solution": true, "grade_id": "consistent_answer"}
def consistent(estimate, y, A):
    ### BEGIN SOLUTION
    # The change must turn A(estimate) into y, and be the shortest that does.
    return estimate + A.pinv(y - A(estimate))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "consistent", "points": 2}
from dil_course.checks import ps04

ps04.consistent(consistent)
### BEGIN HIDDEN TESTS
ps04.consistent(consistent, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Measure what it gains, with half of the pixels and with an image four times smaller. **Predict first:** which gains more, and what does the correction gain once the data have noise with a standard deviation of 10/255, and why?

# %% nbgrader={"solution": true, "grade_id": "consistent_seen"}
### BEGIN SOLUTION
half = Mask(
    (torch.rand(1, 1, 48, 48, generator=runtime.generator(0, "holes")) < 0.5).float()
)
for name, A in {
    "half of the pixels": half,
    "four times smaller": Downsample(4),
}.items():
    for sigma in (0, 10 / 255):
        y = add_gaussian(A(x), sigma, seed=0) if sigma else A(x)
        y = A(y) if A is half else y  # no noise where there is no datum
        estimate = run(deep_image_prior(y, A, iterations=100)).estimate
        corrected = consistent(estimate, y, A)
        print(
            f"{name}, noise {255 * sigma:2.0f}/255: estimate {psnr(estimate, x):.2f}"
            f" dB, made consistent {psnr(corrected, x):.2f} dB"
        )
        if A is not half and not sigma:
            shown = {
                "y": y,
                f"estimate, {psnr(estimate, x):.1f} dB": estimate,
                f"consistent, {psnr(corrected, x):.1f} dB": corrected,
                "truth": x,
            }
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "consistent_shown"}
### BEGIN SOLUTION
show_images(
    shown,
    alt=(
        "A detail of a coffee cup four times smaller, the network's estimate, the same"
        " made consistent, and the truth."
    ),
)
print(
    "Half of the pixels: whole pixels become right. With noise, the correction brings"
    " the noise of y into the estimate."
)
### END SOLUTION

# %% [markdown]
# ## Task 2. How bad does the truth look? (2 points, 15 minutes)
#
# The **back-projection loss** of lesson 04 measures the misfit in image space, as the mean of $\big(A^+(A(\hat x) - y)\big)^2$.
# It is fast, but with an $\varepsilon$ that is too small for the noise it fails, and to see why, we evaluate both losses at the *true* image.
#
# $A$ is a blur, which multiplies each frequency of the image by a number $K$, the spectrum of the kernel, and $y = A(x) + n$.
# The noise is white with standard deviation $\sigma$, so that the least-squares loss of the truth is $\sigma^2$ on average. In place of $A^+$ we use its regularised version, which multiplies each frequency by
#
# $$\frac{\overline{K}}{|K|^2 + \varepsilon} .$$
#
# Here the bar is the complex conjugate. Write `truth_loss(K, sigma, epsilon)`, the back-projection loss of the truth, on average over the noise, where
# `K` is a complex tensor $(H, W)$ with one number for each frequency (all frequencies, as `torch.fft.fft2` gives them).
#
# You need one fact, **Parseval's theorem**: the mean square of an image is the mean square of its Fourier coefficients, up to a factor that is the same for all images of this size.


# %% nbgrader={"solution": true, "grade_id": "truth_loss_answer"}
def truth_loss(K, sigma, epsilon):
    ### BEGIN SOLUTION
    # White noise has the same mean square at all frequencies. The filter changes it
    # by its own square.
    power = K.abs() ** 2
    return sigma**2 * torch.mean(power / (power + epsilon) ** 2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "truth_loss", "points": 2}
from dil_course.checks import ps04

ps04.truth_loss(truth_loss)
### BEGIN HIDDEN TESTS
ps04.truth_loss(truth_loss, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Now measure it: blur the photograph, add noise, compute the back-projection loss of the truth for some $\varepsilon$, and say how many times larger than $\sigma^2$ it is.

# %% nbgrader={"solution": true, "grade_id": "truth_loss_measured"}
### BEGIN SOLUTION
sigma, blur = 5 / 255, Blur(gaussian_kernel(9, 1.0))
dot = torch.zeros(1, 1, 48, 48)
dot[..., 0, 0] = 1
K = torch.fft.fft2(blur(dot))[
    0, 0
]  # what the camera makes of one bright pixel: its kernel
y = add_gaussian(blur(x), sigma, seed=0)
for epsilon in (1e-4, 1e-3, 1e-2, 1e-1):
    measured = blur.pinv(blur(x) - y, epsilon=epsilon).square().mean()
    print(
        f"epsilon {epsilon:.0e}: formula"
        f" {truth_loss(K, sigma, epsilon) / sigma**2:8.2f} sigma^2, measured"
        f" {measured / sigma**2:8.2f} sigma^2"
    )
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "truth_loss_drawn"}
### BEGIN SOLUTION
epsilons = [10 ** (-4 + i / 10) for i in range(31)]
curves = {
    "back-projection": (epsilons, [float(truth_loss(K, 1, e)) for e in epsilons]),
    "least squares": (epsilons, [1] * 31),
}
show_curves(
    curves,
    "epsilon",
    "loss of the truth / sigma^2",
    log_x=True,
    log_y=True,
    alt=(
        "The back-projection loss of the truth falls from hundreds of sigma squared to"
        " about one as epsilon grows; least squares is always at one."
    ),
)
### END SOLUTION

# %% [markdown]
# ## Task 3. Waiting for a frequency (2 points, 20 minutes)
#
# To see why back-projection is fast, leave out the network for a moment, and change the pixels themselves by plain gradient descent with step 1 (Landweber's iteration, of either loss):
#
# $$\hat x \leftarrow \hat x - \text{gradient}, \qquad \text{of} \quad \tfrac12 \,\lVert A \hat x - y \rVert^2 \quad \text{or of} \quad \tfrac12 \,\lVert B (A \hat x - y) \rVert^2 .$$
#
# $A$ is a blur that multiplies a certain frequency by $k$, a number between 0 and 1, and $B$ multiplies it by $k / (k^2 + \varepsilon)$, and there is no noise.
# The gradients are $A^T (A \hat x - y)$ and $A^T B^T B (A \hat x - y)$, where the transpose multiplies by the same number.
#
# If we begin with $\hat x = 0$, how many iterations does it take until the **error** at this frequency, the difference to the true image's coefficient, is at most 1 % of what it was at the start?
# Write `waits(k, epsilon)`, which returns a pair of whole numbers, first for least squares, then for back-projection.


# %% nbgrader={"solution": true, "grade_id": "waits_answer"}
def waits(k, epsilon):
    ### BEGIN SOLUTION
    p = k * k / (k * k + epsilon)  # what B A makes of this frequency
    # One iteration multiplies the error by 1 - k^2, or by 1 - p^2.
    return tuple(
        math.ceil(math.log(0.01) / math.log(1 - eigenvalue))
        for eigenvalue in (k * k, p * p)
    )
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "waits", "points": 2}
from dil_course.checks import ps04

ps04.waits(waits)
### BEGIN HIDDEN TESTS
ps04.waits(waits, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# First print your numbers for some $k$. Then see whether a network behaves in the same way: fit it to a blurred photograph with very little noise, 1/255, by both losses, and draw the PSNR.

# %% nbgrader={"solution": true, "grade_id": "waits_seen"}
### BEGIN SOLUTION
for k in (0.9, 0.5, 0.2, 0.1):
    print(
        f"k = {k}: least squares {waits(k, 0.01)[0]:4} iterations, back-projection"
        f" {waits(k, 0.01)[1]:4}"
    )
little = add_gaussian(blur(x), 1 / 255, seed=0)
quality = {
    "least squares": [
        psnr(step.estimate, x)
        for step in deep_image_prior(little, blur, iterations=120)
    ],
    "back-projection": [
        psnr(step.estimate, x)
        for step in bp_dip(
            little, blur, pinv=lambda r: blur.pinv(r, epsilon=0.01), iterations=120
        )
    ],
}
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "waits_drawn"}
### BEGIN SOLUTION
for name, values in quality.items():
    print(
        f"{name:16} first above 28 dB at iteration"
        f" {next((i for i, q in enumerate(values, 1) if q > 28), None)}, at the end"
        f" {values[-1]:.2f} dB"
    )
show_curves(
    quality,
    "iteration",
    "PSNR (dB)",
    alt=(
        "Both curves rise; the one of back-projection rises faster and lies about two"
        " decibels higher from iteration 50 on."
    ),
)
### END SOLUTION

# %% [markdown]
# ## Task 4. What the scanner did not measure (3 points, 25 minutes)
#
# A magnetic resonance scanner measures some of the image's Fourier coefficients, and the simplest reconstruction takes all others as zero.
# How good that is can be computed without transforming back.
#
# - `coefficients` is a complex tensor $(H, W)$, the Fourier coefficients of a gray image, whose zero frequency stands in the middle, at $(H // 2, W // 2)$.
#   The transform keeps lengths: the sum of squares of the image is the sum of $|\text{coefficient}|^2$.
# - `mask` is $(H, W)$, and 1 where a coefficient was measured.
# - The image is real, so that the coefficient of a frequency and that of the **opposite** frequency are complex conjugates.
#   Hence either of the two determines the other, and the estimate $A^+ y$ makes use of that.
#
# Write `zero_filled(coefficients, mask)`: the PSNR of $A^+ y$ in dB. Images lie in $[0, 1]$, so PSNR is $-10 \log_{10}$ of the mean squared error. $H$ and $W$ are even.
#
# Mind the middle: which place is opposite to the zero frequency? Draw a row of six places on paper.


# %% nbgrader={"solution": true, "grade_id": "zero_filled_answer"}
def zero_filled(coefficients, mask):
    ### BEGIN SOLUTION
    # Turned by 180 degrees, the middle (H // 2, W // 2) of an even side comes to lie
    # one place too early.
    opposite = mask.flip((0, 1)).roll((1, 1), (0, 1))
    lost = (1 - mask) * (1 - opposite) * coefficients.abs() ** 2
    return -10 * torch.log10(lost.mean())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "zero_filled", "points": 3}
from dil_course.checks import ps04

ps04.zero_filled(zero_filled)
### BEGIN HIDDEN TESTS
ps04.zero_filled(zero_filled, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Compare with a real reconstruction, `Fourier(mask).pinv(y)`. **Predict:** if you may measure a quarter of the columns, is it better to take them all from one side of the middle?

# %% nbgrader={"solution": true, "grade_id": "zero_filled_measured"}
### BEGIN SOLUTION
gray = picture("camera", side=64)
coefficients = torch.fft.fftshift(torch.fft.fft2(gray[0, 0], norm="ortho"))
around, one_side = torch.zeros(2, 1, 1, 64, 64)
around[..., 24:40] = 1
one_side[..., 32:48] = 1
shown = {"truth": gray}
for name, mask in {
    "random columns": line_mask(64, 64, 4),
    "around the middle": around,
    "one side of it": one_side,
}.items():
    A = Fourier(mask)
    estimate = A.pinv(A(gray))
    print(
        f"{name:18} predicted {zero_filled(coefficients, mask[0, 0]):.2f} dB, measured"
        f" {psnr(estimate, gray):.2f} dB"
    )
    shown[f"{name}, {psnr(estimate, gray):.1f} dB"] = estimate
show_images(
    shown,
    alt=(
        "A face seen from the side, and three reconstructions from a quarter of the"
        " Fourier columns; the one from one side of the middle is the sharpest."
    ),
)
### END SOLUTION

# %% [markdown]
# ## Task 5. When did the patient move? (3 points, 25 minutes)
#
# After the logarithm of Beer and Lambert's law, a CT scanner gives sums of the image along parallel rays, at many angles. Each column of the **sinogram** holds the sums of one angle.
# The patient must lie still, but at **one** angle this patient did not: the body had slid along the detector by a pixel or more, and then slid back. Your task is to find that angle, which may also be the first one or the last.
#
# Think of the body's **centre of mass**. In the image it is one point, and in a column of the sinogram it is the mean row number, weighted by the values of that column.
# Where does this mean lie at the angle $\theta$? The scanner turns about the row `side // 2` of the detector, so count rows from there.
#
# There is one more difficulty: the scale of each column is wrong by an unknown factor, as when the calibration of the detector drifts.
#
# Write `moved(sinogram, angles)`, where the sinogram is `(1, 1, side, number of angles)` and `angles` is a list in degrees, not evenly spaced; return the index of the angle at which the patient had moved. The check brings scans of its own, of several sides and numbers of angles.


# %% nbgrader={"solution": true, "grade_id": "moved_answer"}
def moved(sinogram, angles):
    ### BEGIN SOLUTION
    p = sinogram[0, 0]
    rows = torch.arange(p.shape[0]) - p.shape[0] // 2
    centres = (rows[:, None] * p).sum(0) / p.sum(
        0
    )  # dividing by the sum, we lose the unknown factor
    theta = torch.tensor(angles) * math.pi / 180
    # A point turns on a circle: its place on the detector is a cos + b sin.
    waves = torch.stack([torch.cos(theta), torch.sin(theta)], dim=1)
    fit = waves @ torch.linalg.lstsq(waves, centres[:, None]).solution
    return int((centres - fit[:, 0]).abs().argmax())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "moved", "points": 3}
from dil_course.checks import ps04

ps04.moved(moved)
### BEGIN HIDDEN TESTS
ps04.moved(moved, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# To see it at work, `ps04.scan(seed)` returns an image, its sinogram, the angles and the index of the moved one.
# Give all columns the same sum, and reconstruct the image with all angles, and then without the one that you found.

# %% nbgrader={"solution": true, "grade_id": "moved_seen"}
### BEGIN SOLUTION
body, sinogram, angles, truth = ps04.scan(seed=12)
found = moved(sinogram, angles)
print(f"found {found}, truth {truth}")
even = (
    sinogram / sinogram.sum(2, keepdim=True) * body.sum() / 32
)  # at each angle, the sum of a column is the body's sum / side
kept = [i for i in range(len(angles)) if i != found]
with_it = Radon(32, angles).pinv(even, iterations=20)
without = Radon(32, [angles[i] for i in kept]).pinv(even[..., kept], iterations=20)
shown = {"sinogram": sinogram / sinogram.max(), "truth": body}
shown |= {
    f"all angles, {psnr(with_it, body):.1f} dB": with_it,
    f"without it, {psnr(without, body):.1f} dB": without,
}
show_images(
    shown,
    alt=(
        "A sinogram with one column out of line, some blobs, their reconstruction on a"
        " noisy ground, and one on a black ground without that column."
    ),
)
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 25 minutes)
#
# `ps04.failing_run("A")` is a deep image prior for an inverse problem, whose truth is our photograph `x`, and so are "B", "C" and "D".
# In each of the four something is wrong, and each time something else. A run is a dictionary with these entries:
#
# - `y` and `sigma`, the standard deviation of its noise;
# - `A`, the forward model that the run was given, **although the camera itself may be another**;
# - `loss_of`, the loss that it minimised, as a function of an image;
# - the last `estimate`, and the lists `loss` and `psnr`, one entry an iteration.
#
# Look at numbers before you guess: because you know the truth, you can compute what `A` and `loss_of` make of it. `ps04.failing_run("A", iterations=20)` runs shorter or longer.

# %%
runs = {letter: ps04.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps04.CAUSES.items():
    print(f"{cause:22} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
for letter, r in runs.items():
    misfit, e = (r["A"](x) - r["y"]).square().mean() / r["sigma"] ** 2, r["estimate"]
    aside = max(
        (psnr(e.roll((d, s), (2, 3)), x), d, s)
        for d in range(-4, 5)
        for s in range(-4, 5)
    )
    print(
        f"{letter}: at the truth mean (A(x) - y)^2 = {misfit:.3g} sigma^2 and the loss"
        f" = {r['loss_of'](x) / r['sigma'] ** 2:.3g} sigma^2,",
        f"black in y {(r['y'] == 0).float().mean():.2f}, best PSNR"
        f" {max(r['psnr']):.1f}, last {r['psnr'][-1]:.1f}, moved by {aside[1:]}"
        f" {aside[0]:.1f}",
    )
show_images(
    {
        f"run {letter}, {r['psnr'][-1]:.1f} dB": r["estimate"]
        for letter, r in runs.items()
    },
    alt=(
        "Four estimates of a cup: A with dark and bright rims, B nothing but coloured"
        " noise, C with black dots, D good but moved to the left."
    ),
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "kernel too wide",
    "B": "loss amplifies noise",
    "C": "holes taken for black",
    "D": "A looks aside",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps04

ps04.causes(causes)

# %% [markdown]
# ## Open question (4 points, 25 minutes)
#
# You get a blurred photograph, the kernel and the noise level $\sigma$, but **you do not get the truth.** Choose the loss (least squares, or back-projection with an $\varepsilon$) and the moment to stop.
#
# State a rule that turns $\sigma$ and $K$ into these choices; tasks 2 and 3 give you two numbers to build it from. **Predict** what it gains over least squares at $\sigma = 1/255$ and at $25/255$.
# Then measure, and defend your rule or improve it; the truth may judge your rule, but it may not choose.
#
# You will be marked on this:
#
# | points | for |
# | --- | --- |
# | 1 | a rule that another student could follow, and that never looks at the truth |
# | 1 | a reason for it that follows from the formulas of tasks 2 and 3 |
# | 1 | the prediction, written before the measurement, and the measurement at both noise levels |
# | 1 | what would prove you wrong: one weakness of your own experiment |

# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
for sigma in (1 / 255, 25 / 255):
    y = add_gaussian(blur(x), sigma, seed=0)
    for epsilon in (None, 1e-3, 1e-2, 1e-1):
        if epsilon is None:
            bound, steps = sigma**2, deep_image_prior(y, blur, iterations=150)
        else:
            bound = float(truth_loss(K, sigma, epsilon))
            steps = bp_dip(
                y,
                blur,
                pinv=lambda r, epsilon=epsilon: blur.pinv(r, epsilon=epsilon),
                iterations=150,
            )
        losses, quality = zip(
            *[(float(step.loss), psnr(step.estimate, x)) for step in steps], strict=True
        )
        reached = [i for i, loss in enumerate(losses) if loss <= bound]
        stop = reached[0] if reached else 149
        name = "least squares" if epsilon is None else f"epsilon {epsilon:.0e}"
        print(
            f"sigma {255 * sigma:2.0f}/255, {name:13} truth's loss"
            f" {bound / sigma**2:6.2f} sigma^2, {'stops' if reached else 'time over'}"
            f" at {stop + 1}: {quality[stop]:.2f} dB,",
            f"oracle peak {max(quality):.2f} dB at {quality.index(max(quality)) + 1}",
        )
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 4}
# ### BEGIN SOLUTION
# **A good answer, measured** on our photograph, with one noise and one network, in runs of 150 iterations.
#
# *Rule.* `truth_loss` says how much noise the loss would see in the truth. Take the smallest $\varepsilon$ of 0.001, 0.01 and 0.1 for which it is at most 0.001, which corresponds to 30 dB;
# if there is none, take least squares. Stop at the first iteration whose loss is at most that of the truth, or when the time is over.
#
# *Reason.* Task 3: a small $\varepsilon$ saves waiting. At $k = 0.2$ a frequency takes 113 iterations by least squares, and 5 with $\varepsilon = 0.01$.
# Task 2: a small $\varepsilon$ makes noise count more than the image, so that we take the smallest that the noise permits.
#
# *Prediction.* At 1/255 `truth_loss` is 0.0013, 0.00012 and 0.00001: the rule says $\varepsilon = 0.01$, and I expect 1 dB more than least squares in the same time, because the frequencies with small $|K|$ come sooner.
# At 25/255 it is 0.8, 0.08 and 0.007: the rule says least squares, so it gains nothing.
#
# *Measured at 1/255.* $\varepsilon = 0.01$ gives 32.0 dB, least squares 30.0 dB. Because $\varepsilon = 0.001$ would have given 32.2 dB, the rule was too careful, and no run reached its bound.
#
# *Measured at 25/255.* Least squares stops at 27.1 dB, 0.1 dB below its oracle peak, the best PSNR of the run. The three back-projections stop at 17.7, 24.2 and 25.8 dB,
# and their own oracle peaks are 20.0, 24.4 and 26.7 dB: no moment to stop makes them better than least squares here.
#
# *Weakness.* The bound of 0.001 was my choice, and I tried it on the picture that judges it; moreover, one kernel and one noise are few. The gain at 1/255 depends on the time:
# least squares was still rising when it was over, so that a longer run might reverse the order.
# ### END SOLUTION
