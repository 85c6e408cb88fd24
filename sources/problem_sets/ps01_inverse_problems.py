# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 01 · Inverse problems and forward models
#
# Seven tasks on [lesson 01](../../notebooks/01_inverse_problems.ipynb) and one open question are worth 20 points together.
#
# - Write your lines in place of `raise NotImplementedError()`, and add cells of your own wherever you like.
# - The cell after each task checks your answer at once, says *which* mistake it sees, and gives a hint.
#   **If you run it again, the hint says more**, and asking costs no points.
# - The last line of that cell is the number of your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells, because the marks are computed from them.
# - The set takes about two hours, of which the computing takes seconds.

# %%
import torch

from dil_course.checks import ps01
from dil_course.figures import show_curves, show_images
from dil_course.signals import Blur, add_gaussian, gaussian_kernel, picture, psnr

# For such small pictures a second thread costs more than it brings.
torch.set_num_threads(1)
x = picture("camera", side=64)

# %% [markdown]
# ## Task 1. The adjoint of an interlaced camera (3 points, 20 minutes)
#
# Old television cameras read every second row of an image, and ours shakes, too. Its forward model first blurs, with
# circular borders, and then keeps the rows 1, 3, 5, and so on:


# %%
def interlaced(x, kernel):
    return Blur(kernel)(x)[..., 1::2, :]


shaky = torch.tensor([[0.0, 0.1, 0.2], [0.0, 0.4, 0.3]])
show_images(
    {"x": x, "y = A(x)": interlaced(x, shaky)},
    alt="A photograph, and the same at half its height.",
)

# %% [markdown]
# Write its adjoint: a function of `y` (1,C,H/2,W) that returns an image (1,C,H,W) and treats each channel in the same way.
# You may use the adjoint that the library has, `Blur(kernel).adjoint`, or turn the kernel yourself. If you turn it, take
# care of kernels such as `shaky`, which has two rows, so that none of them is in the middle.


# %% nbgrader={"solution": true, "grade_id": "interlaced_adjoint_answer"}
def interlaced_adjoint(y, kernel):
    ### BEGIN SOLUTION
    filled = torch.zeros(*y.shape[:-2], 2 * y.shape[-2], y.shape[-1])
    filled[..., 1::2, :] = y
    return Blur(kernel).adjoint(filled)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "interlaced_adjoint", "points": 3}
from dil_course.checks import ps01

ps01.interlaced_adjoint(interlaced_adjoint)
### BEGIN HIDDEN TESTS
ps01.interlaced_adjoint(interlaced_adjoint, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2. Prove it numerically (2 points, 20 minutes)
#
# A check of ours said "right", but you should not have to trust it, so write the **dot-product test** yourself. `A` and
# `adjoint` are functions, and `shape` is the shape of $x$. Return `True` when
# $\langle Ax, y\rangle = \langle x, A^T y\rangle$ up to rounding, else `False`. Section 3 of the lesson shows how far
# above rounding a wrong adjoint is, and therefore which tolerance makes sense.
#
# Your function will be called with fourteen pairs, among them right and wrong ones, and operators with very large and very small values.


# %% nbgrader={"solution": true, "grade_id": "passes_dot_product_test_answer"}
def passes_dot_product_test(A, adjoint, shape):
    ### BEGIN SOLUTION
    x = torch.randn(shape)
    y = torch.randn(A(x).shape)
    gap = torch.sum(A(x) * y) - torch.sum(x * adjoint(y))
    return bool(gap.abs() < 1e-6 * A(x).norm() * y.norm())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "passes_dot_product_test", "points": 2}
from dil_course.checks import ps01

ps01.passes_dot_product_test(passes_dot_product_test)
### BEGIN HIDDEN TESTS
ps01.passes_dot_product_test(passes_dot_product_test, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Now let it judge your own adjoint, and one that forgets to turn the kernel. **Predict before you run**, in two words,
# what it prints for each.

# %% nbgrader={"solution": true, "grade_id": "own_adjoint_judged"}
### BEGIN SOLUTION
turned = shaky.flip(0, 1)
for name, kernel in {"mine": shaky, "kernel not turned": turned}.items():
    passes = passes_dot_product_test(
        lambda x: interlaced(x, shaky), lambda y: interlaced_adjoint(y, kernel), x.shape
    )
    print(f"{name}: {passes}")
### END SOLUTION

# %% [markdown]
# ## Task 3. Decibels of noise (1 point, 5 minutes)
#
# Gaussian noise with a standard deviation of `sigma` gray levels (of 255) is added to an image in [0, 1], and nothing is
# clipped. What is the PSNR of the noisy image? Write the formula, for which no image is needed.


# %% nbgrader={"solution": true, "grade_id": "psnr_of_noise_answer"}
def psnr_of_noise(sigma):
    ### BEGIN SOLUTION
    mean_squared_error = torch.tensor(sigma / 255) ** 2
    return -10 * torch.log10(mean_squared_error)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "psnr_of_noise", "points": 1}
from dil_course.checks import ps01

ps01.psnr_of_noise(psnr_of_noise)
### BEGIN HIDDEN TESTS
ps01.psnr_of_noise(psnr_of_noise, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Measure it as well. Does the formula hold, and why is the measured number not exactly that of your formula?

# %% nbgrader={"solution": true, "grade_id": "psnr_of_noise_measured"}
### BEGIN SOLUTION
for sigma in (5, 25, 80):
    measured = psnr(add_gaussian(x, sigma / 255), x)
    print(
        f"sigma {sigma}: formula {float(psnr_of_noise(sigma)):.2f} dB, measured "
        f"{measured:.2f} dB"
    )
### END SOLUTION

# %% [markdown]
# ## Task 4. Smooth deblurring in closed form (3 points, 25 minutes)
#
# Lesson 01 penalized *squared differences* of neighbours and found the minimum by 200 steps of Adam. If the differences
# have circular borders as well, no iteration is needed. Find the $x$ that minimizes
#
# $$\|k * x - y\|^2 + \lambda \, \left(\|D_\text{down}\, x\|^2 + \|D_\text{right}\, x\|^2\right)$$
#
# where $D_\text{down}$ and $D_\text{right}$ are differences of neighbours, with circular borders:
# $(D_\text{right}\, x)[i, j] = x[i, j + 1] - x[i, j]$. Every operator in this formula is a circular convolution, so
# everything is diagonal in the frequencies.
#
# This is not quite the lesson's minimum, for two reasons. The lesson writes a ½ before the misfit, so its weight $w$ is
# $\lambda = 2w$ here. And its differences stop at the border, so they do not ask the left edge of the photograph to resemble the
# right one, which is worth more than one decibel there.
#
# `y` is (1,C,H,W), and so is the result; `kernel` is the same for all channels. Take care of the place of the kernel,
# since its centre belongs at (0, 0): the blur of one bright point at (0, 0) has the right spectrum.


# %% nbgrader={"solution": true, "grade_id": "smooth_deblur_answer"}
def smooth_deblur(y, kernel, weight):
    ### BEGIN SOLUTION
    point = torch.zeros_like(y)
    point[..., 0, 0] = 1
    K = torch.fft.fft2(Blur(kernel)(point))
    down = torch.fft.fft2(point.roll(-1, -2) - point)
    right = torch.fft.fft2(point.roll(-1, -1) - point)
    penalty = weight * (down.abs() ** 2 + right.abs() ** 2)
    filtered = K.conj() * torch.fft.fft2(y) / (K.abs() ** 2 + penalty)
    return torch.fft.ifft2(filtered).real
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "smooth_deblur", "points": 3}
from dil_course.checks import ps01

ps01.smooth_deblur(smooth_deblur)
### BEGIN HIDDEN TESTS
ps01.smooth_deblur(smooth_deblur, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Look at its results for several weights. Which weight would you take, and what goes wrong on either side of it?

# %% nbgrader={"solution": true, "grade_id": "smooth_deblur_seen"}
### BEGIN SOLUTION
soft = gaussian_kernel(9, 1.2)
blurred = add_gaussian(Blur(soft)(x), 5 / 255)
shown = {f"y, {psnr(blurred, x):.1f} dB": blurred}
for weight in (1e-4, 1e-2, 1.0):
    restored = smooth_deblur(blurred, soft, weight)
    shown[f"weight {weight:g}, {psnr(restored, x):.1f} dB"] = restored
show_images(
    shown,
    alt="A blurred, noisy photograph; restorations with grain, with firm edges, "
    "and too smooth.",
)
### END SOLUTION

# %% [markdown]
# ## Task 5. How strong will the noise be? (2 points, 15 minutes)
#
# Lesson 01 computed the error of the plain inverse beforehand, $\sigma^2 \cdot \text{mean}(1/|K|^2)$. Do the same for Tikhonov,
#
# $$\hat X = \frac{\overline K\, Y}{|K|^2 + \lambda}\,, \qquad y = k * x + n .$$
#
# The result is a sum of two parts, one from $x$ and one from $n$, and you return the mean squared value of the part from
# $n$. `K` is the spectrum of the kernel, a complex tensor, and `sigma` is the standard deviation of the white noise.


# %% nbgrader={"solution": true, "grade_id": "noise_after_tikhonov_answer"}
def noise_after_tikhonov(K, sigma, weight):
    ### BEGIN SOLUTION
    gain = K.abs() / (K.abs() ** 2 + weight)
    return sigma**2 * (gain**2).mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "noise_after_tikhonov", "points": 2}
from dil_course.checks import ps01

ps01.noise_after_tikhonov(noise_after_tikhonov)
### BEGIN HIDDEN TESTS
ps01.noise_after_tikhonov(noise_after_tikhonov, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6. Correct a guess (2 points, 15 minutes)
#
# Somebody hands you a beautiful image, `guess` (1,C,H,W), which may come from a network. It looks right, but it does not explain your
# data. Return the image that is **closest to the guess** and explains $y$ **exactly**, $A(\hat x) = y$.
#
# `A` is an operator of the library, with `A(x)`, `A.adjoint(y)` and `A.pinv(y)`. One line is enough, and later lessons use it everywhere.


# %% nbgrader={"solution": true, "grade_id": "make_consistent_answer"}
def make_consistent(guess, y, A):
    ### BEGIN SOLUTION
    return guess + A.pinv(y - A(guess))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "make_consistent", "points": 2}
from dil_course.checks import ps01

ps01.make_consistent(make_consistent)
### BEGIN HIDDEN TESTS
ps01.make_consistent(make_consistent, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7. Four runs that fail: find out why (3 points, 25 minutes)
#
# `ps01.failing_run("A")` runs gradient descent on a blurred, noisy photograph, and so do "B", "C" and "D". None of the
# four ends well, each for a reason of its own. A run is a dictionary that holds `y`, `A`, the `adjoint` that was used,
# `sigma`, `estimate`, and the lists `misfit` (root mean square of $A(x) - y$) and `psnr`.
#
# Your tools are the curves, the dot-product test and the noise level. `ps01.failing_run("A", iterations=40)` makes a
# shorter or longer run.

# %%
runs = {letter: ps01.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps01.CAUSES.items():
    print(f"{cause:16} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
for letter, run in runs.items():
    fits = passes_dot_product_test(run["A"], run["adjoint"], run["y"].shape)
    print(
        f"{letter}: last misfit {run['misfit'][-1]:.3g}, sigma {run['sigma']}, "
        f"adjoint passes: {fits}"
    )
show_curves(
    {f"run {letter}": run["misfit"] for letter, run in runs.items()},
    "iteration",
    "misfit",
    log_y=True,
    alt="Misfit of four runs: A and D grow without end, B and C fall to a floor.",
)
show_curves(
    {f"run {letter}": runs[letter]["psnr"] for letter in "BC"},
    "iteration",
    "PSNR (dB)",
    alt="PSNR of runs B and C: both rise for a few iterations, then fall.",
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "step too large",
    "B": "fits the noise",
    "C": "wrong kernel",
    "D": "wrong adjoint",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 3}
from dil_course.checks import ps01

ps01.causes(causes)

# %% [markdown]
# ## Open question (4 points, 20 minutes)
#
# Lesson 01 compared three priors: Tikhonov (small values), smoothness (small squared differences), and total variation
# (short differences). Find or make **one image on which total variation loses against smoothness**, and one on which it
# wins by more than on the photograph. Show both with numbers, and explain in a few sentences what each prior assumes
# about images. Would the order stay the same if the noise were three times as strong? Predict the answer before you measure it.
#
# You will be marked by this table:
#
# | points | for |
# | --- | --- |
# | 1 | two images with PSNRs of both methods, at a weight that was chosen in the same fair way for both |
# | 1 | an explanation that follows from the formulas, not from the names |
# | 1 | a prediction for stronger noise, written before the measurement, and the measurement |
# | 1 | what would prove you wrong: one weakness of your own experiment |

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 4}
# ### BEGIN SOLUTION
# **A good answer.** We blurred two images of 64x64 pixels with a Gaussian (1.2 pixels), added noise (5/255), and restored
# them with the lesson's `fit_pixels`. Each method had the best of six weights, found with the truth.
#
# | image | smoothness | total variation | with noise three times as strong |
# | --- | --- | --- | --- |
# | a ramp with a sine on it | **36.9 dB** | 32.9 dB | 32.3 and 29.1 dB |
# | a drawing: a disc, a corner, flat ground | 26.3 dB | **31.3 dB** | 24.7 and 28.6 dB |
# | the photograph | 26.3 dB | **27.0 dB** | 24.0 and 24.6 dB |
#
# A slope costs TV its total rise, however the rise is spread. Stairs are therefore as cheap as the ramp, and the noise
# decides where they go. Smoothness pays the square of each step, so it spreads the rise evenly, which is right for the
# ramp. The edge of the drawing is one large step. Smoothness pays its square and rounds it, whereas TV pays its height,
# which it cannot lower by rounding.
#
# Our prediction was that the order stays, since the assumptions do not change. It does stay, but both gaps shrink, from 4.0 to
# 3.2 and from 5.0 to 4.0 dB, because with more noise both methods need more weight and both lose detail. One weakness is that
# the weights were chosen with the truth, on a coarse grid, and that only one draw of the noise was used.
# ### END SOLUTION
