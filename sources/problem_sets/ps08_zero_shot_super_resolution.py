# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 08 · Zero-shot super-resolution
#
# Six tasks on [lesson 08](../../notebooks/08_zero_shot_super_resolution.ipynb) and one open question, for 20 points in all.
#
# - Write your lines in place of `raise NotImplementedError()`. You may add cells of your own anywhere.
# - The cell after each task checks your answer at once, says *which* mistake it sees, and gives a hint.
#   **If you run it again, the hint says more**, and nothing is lost by asking.
# - The last line of that cell is your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells, because they are marked.
# - The set takes about two and a half hours, of which the computing is less than two minutes.

# %%
import math

import torch

from dil_course import runtime
from dil_course.checks import ps08
from dil_course.figures import show_curves, show_images
from dil_course.fitting import run
from dil_course.from_scratch import zero_shot_sr
from dil_course.from_scratch.zero_shot_sr import turn
from dil_course.networks import ResidualNetwork
from dil_course.signals import (
    BlurDownsample,
    Downsample,
    add_gaussian,
    enlarge,
    gaussian_kernel,
    luma,
    picture,
    psnr,
)

# For such small pictures a second thread costs more than it brings.
torch.set_num_threads(1)
x = luma(picture("astronaut", side=96))  # gray: one channel
A = Downsample(2)
y = A(x)


# %%
def small_network():
    with runtime.seeded(0):
        return ResidualNetwork(1, width=16, depth=6)


# %% [markdown]
# ## Task 1. A father and its son (3 points, 25 minutes)
#
# Nobody can give us a large image for our small $y$, so the lesson went **down** instead: the camera $A$ makes a still smaller image $A(y)$, the **son**.
# For the son we know the larger image, which is $y$ itself, the **father**. The network learns the step from the son, enlarged to the size of its father, to the father.
# It sees small windows of both, which are turned and flipped at random.
#
# Write `training_pair(y, A, top, left, side, number)`. It returns two windows, `(son, father)`:
#
# - both show the rows `top` to `top + side - 1` and the columns `left` to `left + side - 1` of the father;
# - `enlarge(small, A)` enlarges an image by bicubic interpolation, and `turn(window, number)` turns and flips it;
# - shrink and enlarge the **whole** image before you cut. You need not think about what happens at the border of `y`, because the library does that.


# %% nbgrader={"solution": true, "grade_id": "training_pair_answer"}
def training_pair(y, A, top, left, side, number):
    ### BEGIN SOLUTION
    son, father = enlarge(A(y), A), y
    return [
        turn(z[..., top : top + side, left : left + side], number)
        for z in (son, father)
    ]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "training_pair", "points": 3}

ps08.training_pair(training_pair)
### BEGIN HIDDEN TESTS
ps08.training_pair(training_pair, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Now see it at work: fit `small_network()` to 300 of your pairs, with windows of 24 pixels (Adam, learning rate 0.003, mean absolute error).
# Then pass the enlarged `y` through it, and compare the result with bicubic. **Predict before you run:** which of the two is ahead, and by how much?

# %% nbgrader={"solution": true, "grade_id": "training_pair_seen"}
### BEGIN SOLUTION
network, draw = small_network(), runtime.generator(0, "windows")
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
for _ in range(300):
    top, left, number = (
        int(torch.randint(0, end, (), generator=draw)) for end in (25, 25, 8)
    )
    son, father = training_pair(y, A, top, left, 24, number)
    loss = (network(son) - father).abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
bicubic = enlarge(y, A)
learned = network(bicubic).detach()
shown = {f"bicubic, {psnr(bicubic, x):.2f} dB": bicubic}
shown |= {f"network, {psnr(learned, x):.2f} dB": learned, "truth": x}
alt = (
    "A face, enlarged twice: bicubic is soft, the network's edges are a little "
    "sharper, and the truth."
)
show_images(shown, alt=alt)
### END SOLUTION

# %% [markdown]
# ## Task 2. What may be turned? (3 points, 25 minutes)
#
# Eight turns and flips make eight pairs out of one. But a turned pair is still a true pair only if its son is what the camera makes of its father, that is, if
#
# $$A(\mathrm{turn}(x)) = \mathrm{turn}(A(x)) \quad \text{for every image } x .$$
#
# In this case we say that the turn **commutes** with $A$. A camera with a slanted kernel blurs a turned image in another direction, so that some turns do not. Which are left?
#
# Write `allowed_turns(A, side)`. It returns the list of all numbers from 0 to 7 whose turn commutes with `A` on gray images (1,1,side,side).
# You may find them by trying, if you choose the image well on which you try. Note that `A` may shrink rows and columns by different factors.
#
# `turn(x, number)` turns by `number % 4` right angles; numbers above 3 mirror the result as well.


# %% nbgrader={"solution": true, "grade_id": "allowed_turns_answer"}
def allowed_turns(A, side):
    ### BEGIN SOLUTION
    x = torch.rand(1, 1, side, side)  # without any symmetry of its own
    pairs = [(A(turn(x, number)), turn(A(x), number)) for number in range(8)]
    return [
        number
        for number, (a, b) in enumerate(pairs)
        if a.shape == b.shape and torch.allclose(a, b, atol=1e-5)
    ]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "allowed_turns", "points": 3}
from dil_course.checks import ps08

ps08.allowed_turns(allowed_turns)
### BEGIN HIDDEN TESTS
ps08.allowed_turns(allowed_turns, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# A kernel of standard deviations 2.0 and 0.6 pixels can lie along the rows, at 45 degrees, or at 20 degrees. **Predict** the list for each of the three, and then let your function answer.
# The library turns nothing when it is given a kernel, which is safe but wastes pairs. For which of these kernels does it waste the most?
#
# Then measure how wrong a pair is that should not have been turned. For the kernel at 45 degrees, print the root mean square of
# $A(\mathrm{turn}(x)) - \mathrm{turn}(A(x))$ on the photograph, in gray levels of 255.

# %% nbgrader={"solution": true, "grade_id": "allowed_turns_seen"}
### BEGIN SOLUTION
for angle in (0, 45, 20):
    camera = BlurDownsample(gaussian_kernel(11, (2.0, 0.6), angle=angle), 2)
    print(f"kernel at {angle:2} degrees:", allowed_turns(camera, 48))
slanted = BlurDownsample(gaussian_kernel(11, (2.0, 0.6), angle=45), 2)
print("kernel at 45 degrees, gray levels between the two:", end=" ")
for number in range(8):
    gap = slanted(turn(x, number)) - turn(slanted(x), number)
    print(f"{number}: {255 * gap.square().mean().sqrt():.1f}", end=", ")
print()
# A Gaussian is the same after half a turn. Along an axis or a diagonal it has two
# mirrors as well: there the library wastes four turns of eight.
### END SOLUTION

# %% [markdown]
# ## Task 3. How many rounds? (2 points, 20 minutes)
#
# The result of a network need not agree with $y$. **Back-projection** (Irani and Peleg, 1991) makes it agree, because it adds the enlarged misfit, again and again:
#
# $$x \leftarrow x + E\,(y - A x) ,$$
#
# where $E$ is `enlarge`. To see why that works and how fast, look at one frequency of the small image. Suppose that enlarging and shrinking multiplies it by a number, $A E = q$, and ask
# what a round does to its misfit $r = y - A x$.
#
# Write `rounds_needed(q, share)`, which returns the smallest number of rounds after which the misfit $|r|$ of this frequency is at most `share` times what it was.
# Here $q$ is between 0 and 2 and not equal to 1, `share` is between 0 and 1, and a result that is exactly whole does not occur.


# %% nbgrader={"solution": true, "grade_id": "rounds_needed_answer"}
def rounds_needed(q, share):
    ### BEGIN SOLUTION
    # r <- y - A (x + E r) = r - q r: each round leaves the factor 1 - q.
    # So |1 - q|^t <= share.
    return math.ceil(math.log(share) / math.log(abs(1 - q)))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "rounds_needed", "points": 2}
from dil_course.checks import ps08

ps08.rounds_needed(rounds_needed)
### BEGIN HIDDEN TESTS
ps08.rounds_needed(rounds_needed, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# An image has many frequencies, each with a $q$ of its own. Make 30 rounds on the enlarged `y`, and draw the misfit (root mean square) over the rounds, with a logarithmic axis.
# **Predict before you run:** is the curve a straight line, and which $q$ decides its end?
#
# Do it for `y` and for `y` with noise of $\sigma$ = 8/255, and print the PSNR before and after for both. What does a perfect fit to a noisy $y$ bring?

# %% nbgrader={"solution": true, "grade_id": "rounds_needed_seen"}
### BEGIN SOLUTION
curves = {}
for name, small in {"clean y": y, "noisy y": add_gaussian(y, 8 / 255)}.items():
    z, misfits = enlarge(small, A), []
    for _ in range(30):
        misfits.append((small - A(z)).square().mean().sqrt().item())
        z = z + enlarge(small - A(z), A)
    curves[name] = (range(30), misfits)
    left = [b / a for a, b in zip(misfits, misfits[1:])]
    print(f"{name}: PSNR {psnr(enlarge(small, A), x):.2f} dB before,", end=" ")
    print(f"{psnr(z, x):.2f} dB after;", end=" ")
    print(f"a round leaves {left[0]:.2f} at first, {left[-1]:.2f} at the end")
alt = (
    "The misfit falls steeply at first, and then ever more slowly. "
    "With noise it starts higher and falls alike."
)
show_curves(curves, "round", "misfit (root mean square)", alt, log_y=True)
# No straight line: frequencies with q near 1 are fitted at once, those with a small q
# stay to the end. With noise, each round puts back more of it.
### END SOLUTION

# %% [markdown]
# ## Task 4. Half a pixel (2 points, 25 minutes)
#
# The most common error in this field is silent. Somebody makes the small image by `x[..., ::scale, ::scale]`, and enlarges it with a function that takes each small pixel as
# the **centre** of its block. But the sample was the top left pixel of the block, so that the image comes back shifted.
#
# By how many pixels of the large image is it shifted, and what does that cost? Take a cosine along the rows, $a \cos(2 \pi c / p)$ in column $c$, with amplitude $a$ and period $p$ pixels,
# and compare it with itself after the shift. The mean of the squared difference over whole periods is the error that the shift alone makes.
#
# Write `psnr_of_shift(scale, amplitude, period)`, which returns the PSNR that belongs to this error, $-10 \log_{10}$ of the mean square.


# %% nbgrader={"solution": true, "grade_id": "psnr_of_shift_answer"}
def psnr_of_shift(scale, amplitude, period):
    ### BEGIN SOLUTION
    # The block's centre is at (scale - 1) / 2 from its first pixel.
    # cos(t) - cos(t - b) is a wave of amplitude 2 sin(b / 2).
    shift = (scale - 1) / 2
    return -10 * math.log10(2 * amplitude**2 * math.sin(math.pi * shift / period) ** 2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "psnr_of_shift", "points": 2}
from dil_course.checks import ps08

ps08.psnr_of_shift(psnr_of_shift)
### BEGIN HIDDEN TESTS
ps08.psnr_of_shift(psnr_of_shift, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Now measure it for the scales 2, 3 and 4, on a cosine of amplitude 0.4 and period 24 with 96x96 pixels. Sample it at the corners, enlarge it, and compare the PSNR (8 pixels shaved)
# with your formula. Then do the same with `Downsample(scale)`, which samples at the centres.

# %% nbgrader={"solution": true, "grade_id": "psnr_of_shift_seen"}
### BEGIN SOLUTION
wave = 0.5 + 0.4 * torch.cos(2 * math.pi * torch.arange(96) / 24)
wave = wave.expand(1, 1, 96, 96)
for scale in (2, 3, 4):
    camera = Downsample(scale)
    corners = enlarge(wave[..., ::scale, ::scale], camera)
    centres = enlarge(camera(wave), camera)
    print(f"scale {scale}: formula {psnr_of_shift(scale, 0.4, 24):.2f} dB,", end=" ")
    print(f"corners {psnr(corners, wave, shave=8):.2f} dB,", end=" ")
    print(f"centres {psnr(centres, wave, shave=8):.2f} dB")
shown = {"sampled at corners": corners, "truth": wave}
shown["difference + 1/2"] = corners - wave + 0.5
alt = (
    "Two waves that look alike, and their difference: strong stripes where the wave "
    "is steep."
)
show_images(shown, alt=alt)
print("Both pictures look right. Only the number tells, or the difference.")
### END SOLUTION

# %% [markdown]
# ## Task 5. Why a son is cleaner than its father (2 points, 20 minutes)
#
# A small image is cleaner than a large one, because each of its values is a weighted sum of many. That is pleasant, and it is a trap:
# noisy fathers and cleaner sons teach the network to **amplify** noise.
#
# Write `noise_of_son(A, sigma)`. The noise of `y` is white, which means that each value has its own, independent of the others, with standard deviation `sigma`.
# Return the standard deviation of the noise in $A(y)$, far from the border. `A` is linear, and takes 36x36 pixels if you need a size. An error of up to one percent does not matter.
#
# To find the weights of one value of $A(y)$, ask what `A.adjoint` makes of an image that is zero but for one dot.


# %% nbgrader={"solution": true, "grade_id": "noise_of_son_answer"}
def noise_of_son(A, sigma):
    ### BEGIN SOLUTION
    dot = torch.zeros_like(A(torch.zeros(1, 1, 36, 36)))
    dot[..., dot.shape[-2] // 2, dot.shape[-1] // 2] = 1
    return sigma * A.adjoint(dot).square().sum().sqrt()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "noise_of_son", "points": 2}
from dil_course.checks import ps08

ps08.noise_of_son(noise_of_son)
### BEGIN HIDDEN TESTS
ps08.noise_of_son(noise_of_son, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# The lesson adds noise to the sons, `zero_shot_sr(..., noise=...)`. How much should it be? Your function gives a guess, which is as much as makes son and father equally noisy, where variances add.
# Take `y` with noise of $\sigma$ = 10/255, compute that guess, and run 200 iterations each with next to no noise (1e-6), with your guess, and with $\sigma$ itself
# (`small_network()`, `side=24`). An exact 0 would also switch back-projection on, which costs far more on a noisy `y` than clean sons do. **Predict the order before you run**, and compare all three with bicubic.

# %% nbgrader={"solution": true, "grade_id": "noise_of_son_seen"}
### BEGIN SOLUTION
sigma = 10 / 255
noisy = add_gaussian(y, sigma)
guess = math.sqrt(sigma**2 - float(noise_of_son(A, sigma)) ** 2)
shown = {f"bicubic, {psnr(enlarge(noisy, A), x):.2f} dB": enlarge(noisy, A)}
noises = {"clean sons": 1e-6, f"noise {255 * guess:.1f} / 255": guess}
noises["noise 10.0 / 255"] = sigma
for name, noise in noises.items():
    steps = zero_shot_sr(
        noisy, A, small_network(), iterations=200, side=24, noise=noise
    )
    result = run(steps).estimate
    shown[f"{name}, {psnr(result, x):.2f} dB"] = result
alt = (
    "Four enlargements of a noisy face: bicubic is grainy, clean sons make the grain "
    "stronger, noisy sons make it weaker."
)
show_images(shown, alt=alt)
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 30 minutes)
#
# `ps08.failing_run("A")` is a run of zero-shot super-resolution on a small gray photograph, with one thing wrong, and "B", "C" and "D" are runs with another fault each.
# A good run gains 0.7 dB over bicubic here, whereas none of these gains a third of that, and two lose. A run is a dictionary:
#
# - `truth` (1,1,96,96), `y` (1,1,48,48), and `A`, the camera that the run **assumed**;
# - `estimate` and `bicubic` (1,1,96,96);
# - `windows`: the pairs (son, father) that the network got, one for each iteration;
# - the lists `loss` (one entry an iteration) and `errors` (the error of `y`, restored from its own son, every 20 iterations).
#
# Look at the images and at the numbers before you guess.

# %%
runs = {letter: ps08.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps08.CAUSES.items():
    print(f"{cause:22} {meaning}")


# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
def gray_levels(z):
    """The root mean square, of 255."""
    return 255 * z.square().mean().sqrt()


for letter, r in runs.items():
    misfit, (son, father) = r["A"](r["truth"]) - r["y"], r["windows"][-1]
    shown = {f"{letter}: son": son, "father": father}
    shown |= {"A(truth) - y, x 4": 4 * misfit + 0.5, "estimate": r["estimate"]}
    alt = f"Run {letter}: a son, its father, what the assumed camera leaves of y, "
    show_images(shown, alt=alt + "and the estimate.")
    gain = psnr(r["estimate"], r["truth"]) - psnr(r["bicubic"], r["truth"])
    print(f"{letter}: gain {gain:+.2f} dB;", end=" ")
    print(f"A(truth) - y has {gray_levels(misfit):.1f} gray levels,", end=" ")
    print(f"father - son {gray_levels(father - son):.1f};", end=" ")
    print(f"loss {r['loss'][0]:.4f} to {r['loss'][-1]:.4f}")
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "noisy y, clean sons",
    "B": "sons not shrunk",
    "C": "wrong kernel",
    "D": "only sons turned",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps08

ps08.causes(causes)

# %% [markdown]
# ## Open question (4 points, 30 minutes)
#
# `y, truth, name = ps08.mystery(seed)` is a small image that one of eight cameras made. `ps08.KERNELS` holds their kernels, in four directions with two widths each.
# **Which one was it? Find out from `y` alone.** A run with the wrong kernel leaves a small misfit too, as the lesson has shown, so that the misfit is a weak witness. What else does a wrong kernel do to an image?
#
# Choose a number that you can compute from `y` and a kernel. **Before you look, write down for how many of the seeds 0 to 5 it will name the right direction, and for how many the right kernel.**
# Then count. You may use `name` and `truth` to judge your number, but not to choose the kernel.
#
# You will be marked on this:
#
# | points | for |
# | --- | --- |
# | 1 | the number, and why it should be small (or large) for the right kernel |
# | 1 | the prediction, written before the measurement |
# | 1 | the count over six seeds, direction and width apart |
# | 1 | what the number cannot tell, and why; one weakness of your own experiment |


# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
def roughness(z):
    """Total variation: the mean absolute step down and across."""
    return (z.diff(dim=-2).abs().mean() + z.diff(dim=-1).abs().mean()).item()


def explained(y, A, rounds=30):
    """An enlarged picture that agrees with y as seen through A."""
    z = enlarge(y, A)
    for _ in range(rounds):
        z = z + enlarge(y - A(z), A)
    return z


### END SOLUTION


# %% nbgrader={"solution": true, "grade_id": "open_question_counted"}
### BEGIN SOLUTION
cameras = {name: BlurDownsample(kernel, 2) for name, kernel in ps08.KERNELS.items()}
directions = kernels = 0
for seed in range(6):
    small, truth, name = ps08.mystery(seed)
    results = {other: explained(small, camera) for other, camera in cameras.items()}
    rough = {other: roughness(result) for other, result in results.items()}
    chosen = min(rough, key=rough.get)
    directions += chosen.split(",")[0] == name.split(",")[0]
    kernels += chosen == name
    print(f"seed {seed}:", end=" ")
    for kind, other in {"chosen": chosen, "true": name}.items():
        print(f"{kind} {other:18} {rough[other]:.3f},", end=" ")
        print(f"{psnr(results[other], truth):.1f} dB", end="; ")
    print()
print(f"right direction {directions} of 6, right kernel {kernels} of 6")
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 4}
# ### BEGIN SOLUTION
# **A good answer, measured.** For `ps08.mystery` with the seeds 0 to 5, we make 30 rounds of back-projection with each of the eight cameras, and take the total variation of the result.
#
# *The number.* Every camera can explain `y`, because back-projection sees to that. But a wrong kernel has to add frequencies that cancel in its own blur, and these show as seams along edges.
# So we take the image that agrees with `y` as seen through each camera, and measure its total variation, the mean absolute difference of neighbours. Seams make it larger, so that we choose the least.
#
# *Prediction.* We expect the right direction for 6 of 6, because a kernel at a right angle to the true one sharpens where nothing was blurred, and the right width for most of them.
#
# *Measured.* The direction was right for 6 of 6, and the kernel for 4 of 6. The number named the narrow kernel each time, and four of the six happened to be narrow, so that it says nothing about the width.
#
# *What it cannot tell.* A kernel that is too narrow leaves the image soft, and soft images have little total variation, so that the number prefers them. On the two wide seeds the narrow kernel had 0.019 and 0.044, and
# the true one 0.021 and 0.062. Yet the images with the true one were better, 29.8 against 29.3 dB and 25.4 against 23.2 dB. A number for the width has to punish softness as well.
# The recurrence of patches across scales (lesson 02) does that, because with the true kernel the small copy of the image has patches like those of `y`.
#
# *Weakness.* These are six photographs without noise, and the true kernel was always among the eight.
# ### END SOLUTION
