# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · Inverse problems and forward models
#
# A camera shakes, a sensor is noisy, a scan is torn: we have the degraded image and want the original. This lesson
# says what that question means, answers it with the classical methods, and shows where these methods stop.
#
# **What you will be able to do**
# - write a degradation as $y = A(x) + n$, and say what each letter stands for;
# - build the operators of this course (mask, blur, downsampling) and their adjoints, and test an adjoint with a tolerance that you can justify;
# - name Hadamard's three conditions, and show the two troubles behind them: many images fit the data, and noise is amplified;
# - restore an image by least squares, by Tikhonov regularization and by total variation, and compare the first two by their filter factors;
# - say what each method assumes about images, and find an image on which the assumption fails.
#
# **Before you start.** You know matrices, the transpose, the gradient of a function, the absolute value and the
# conjugate of a complex number, and a little PyTorch. Section 6 explains the Fourier transform as far as this lesson
# needs it, and nothing about image restoration is assumed.
#
# **Time.** Under a minute of computing on 2 CPU cores. On a GPU: not measured, because the images are so small that
# this lesson stays on the CPU everywhere. Reading and predicting take two sittings of about an hour: part one
# (sections 1 to 5) is about operators, part two (sections 6 to 10) about noise and regularization.

# %%
import torch
from matplotlib.figure import Figure

from dil_course import runtime
from dil_course.checks import compare
from dil_course.figures import (
    COLOURS,
    explore,
    images_figure,
    show_curves,
    show_figure,
    show_images,
    swipe,
)
from dil_course.from_scratch import tv
from dil_course.signals import Blur, BlurDownsample, Downsample, Identity, Mask
from dil_course.signals import add_gaussian, gaussian_kernel, picture, psnr

# On such small images a second thread costs more time than it saves.
torch.set_num_threads(1)
clean = picture("camera", side=126)
show_images(
    {"x, the image that we want": clean},
    alt="The head of a man in profile, looking into a camera on a tripod.",
)

# %% [markdown]
# # ## Part one: forward models
#
# ## 1. Four ways to degrade an image
#
# In this lesson $x$ is the image that we want and never see. Instead we see
#
# $$y = A(x) + n .$$
#
# - $A$ is the **forward model**, or *operator*: what the camera does to the image. In most of this course we assume
#   that it is known.
# - $n$ is the **noise**, of which we know only statistics, for example its standard deviation $\sigma$. The values of
#   our images lie in [0, 1]. Because image files count in 255 steps from black to white, one writes $\sigma = 25/255$
#   for noise of 25 such steps.
#
# Going from $x$ to $y$ is the *forward problem*, and it is easy, because the camera solves it for us. Going back from
# $y$ to $x$ is the **inverse problem**, and it is what this course is about.
#
# Three operators return in every lesson, and we build them by hand. The first one hides pixels, and the second one is
# a blur, which replaces each pixel by a weighted mean of its neighbours. In other words, a blur adds up shifted
# copies of the image, and the *kernel* holds the weight of each shift.


# %%
def hide(x, kept):
    return kept * x


def blur(x, kernel):
    centre = len(kernel) // 2
    y = torch.zeros_like(x)
    for row, weights in enumerate(kernel):
        for column, weight in enumerate(weights):
            y += weight * torch.roll(x, (row - centre, column - centre), dims=(-2, -1))
    return y


# %% [markdown]
# `torch.roll` shifts the image, and whatever leaves on the right returns on the left. Our blur therefore has
# *circular borders*, which no real camera has. They keep the mathematics short, and only pixels near the border are
# affected.
#
# The third operator makes the image three times smaller: it blurs, and then keeps the middle pixel of each block of 3
# × 3. Keeping every third pixel and dropping the others is called *decimation*. Our kernel has 9 × 9 weights that
# follow a bell-shaped Gaussian function, whose *width* is its standard deviation, 1.2 pixels.


# %%
def shrink(x, kernel, scale=3):
    return blur(x, kernel)[..., scale // 2 :: scale, scale // 2 :: scale]


with runtime.seeded(0):
    kept = (torch.rand(clean.shape) < 0.5).float()
kernel = gaussian_kernel(9, 1.2)
small = shrink(clean, kernel)
degraded = {"mask: half of the pixels": hide(clean, kept), "blur": blur(clean, kernel)}
degraded["a third of the size"] = small
degraded["noise, sigma 25/255"] = add_gaussian(clean, 25 / 255)
show_images(
    degraded,
    alt="One photograph four times: half of its pixels black; blurred; with nine "
    "times fewer pixels; noisy.",
)

# %% [markdown]
# Each of the four degradations has a name when we try to undo it:
#
# | operator $A$ | size of $y$ | the inverse problem is called |
# | --- | --- | --- |
# | mask | as $x$, but only some pixels carry data | inpainting |
# | blur | as $x$ | deblurring, deconvolution |
# | blur and decimation | nine times fewer pixels | super-resolution |
# | identity, $A(x) = x$ | as $x$ | denoising |
#
# ## 2. An operator is a matrix
#
# All these operators are **linear**: $A(ax + bz) = aA(x) + bA(z)$. Every linear map between finite lists of numbers
# is a matrix, and there is a simple way to find it. We feed in a signal that is 1 at one place and 0 elsewhere, and
# what comes out is one column of the matrix. We do this for signals with 24 samples, so that the whole matrix can be
# displayed.


# %%
def blur_line(x):
    return sum(
        weight / 16 * x.roll(shift)
        for shift, weight in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True)
    )


kept_line = (torch.arange(24) % 4 != 0).float()
operators = {"blur": blur_line, "mask": lambda x: kept_line * x}
operators["blur, keep every third"] = lambda x: blur_line(x)[1::3]
matrices = {
    name: torch.stack([A(impulse) for impulse in torch.eye(24)], dim=1)
    for name, A in operators.items()
}

# %% [markdown]
# **Predict before you run.** Sketch the three matrices: where are the entries that are not zero, and what shape has
# the third?

# %%
figure = Figure(figsize=(9, 3.6), layout="constrained")
places = [["blur", "mask", "blur, keep every third"], ["blur", "mask", "kernel"]]
axes = figure.subplot_mosaic(places)
for name, matrix in matrices.items():
    rows, columns = matrix.shape
    axes[name].imshow(matrix, cmap="viridis", vmin=0, vmax=1)
    axes[name].set(title=f"{name}: {rows} x {columns}", xlabel="sample of x")
axes["blur"].set_ylabel("sample of y")
arrow = {"arrowprops": {"arrowstyle": "->", "color": "white"}, "color": "white"}
axes["blur"].annotate("wraps around", (22, 0.6), (11, 4), **arrow)
axes["blur"].annotate("wraps around", (0.6, 22), (2, 18), **arrow)
axes["kernel"].stem(matrices["blur"][12])
axes["kernel"].set(title="row 12 of the blur: the kernel", xlabel="sample of x")
show_figure(
    figure,
    alt="Three matrices: a band that wraps around in two corners; a diagonal with "
    "gaps; a wide, flat staircase; below it one row of the band, a small bell.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The blur is a band, because each row holds the same kernel, moved by one sample, and in two corners the band wraps
# around. The mask is diagonal, with a 0 for each hidden sample. Decimation keeps every third row of the blur, so the
# matrix is wide: 24 unknowns, but only 8 equations. Many people draw the third matrix tall, because they think of the
# step from the small image back to the large one. That step is the transpose, and we need it in section 3.
# </details>
#
# Why do we not always write down the matrix? Our image has 126 × 126 = 15,876 pixels, so its blur matrix would have
# 252 million entries, about 1 GB of 32-bit numbers, nearly all of them zero. A function computes the same product
# without storing any of them. From here on $A$ is therefore a *function*, although we keep thinking of it as a
# matrix.

# %% tags=["nbval-check-output"]
with runtime.seeded(1):
    signal = torch.rand(24)
for name, A in operators.items():
    print(
        f"{name}: matrix times signal is the operator's output: "
        f"{torch.allclose(matrices[name] @ signal, A(signal))}"
    )

# %% [markdown]
# ## 3. The adjoint: the transpose without the matrix
#
# Most ways of solving for $x$ need the transpose $A^T$, and without a matrix there is nothing to transpose. The
# **adjoint** is the function that does what the transpose would do. One property defines it:
#
# $$\langle A x,\, y \rangle = \langle x,\, A^T y \rangle \quad \text{for all } x \text{ and } y ,$$
#
# where $\langle a, b \rangle$ is the sum of the products of all entries. If $A$ carries a pixel of $x$ to a pixel of
# $y$ with some weight, then $A^T$ carries that pixel of $y$ back to that pixel of $x$ *with the same weight*. It does
# not divide by the weight, so the adjoint is not the inverse.
#
# - **Mask.** The matrix is diagonal, so $A^T = A$.
# - **Blur.** A shift by two pixels to the right becomes one by two pixels to the left, so the adjoint blurs with the
#   kernel turned by 180°.
# - **Blur and decimation.** $A = SB$ with a blur $B$ and a decimation $S$, so $A^T = B^T S^T$: the order reverses.
#   Since $S$ takes pixel (1, 1) of each block, $S^T$ puts it back *at (1, 1)* and leaves zeros elsewhere, which is
#   called *zero-filling*.


# %%
def blur_adjoint(y, kernel):
    return blur(y, kernel.flip(0, 1))


def shrink_adjoint(y, kernel, scale=3):
    zero_filled = torch.zeros(*y.shape[:-2], y.shape[-2] * scale, y.shape[-1] * scale)
    zero_filled[..., scale // 2 :: scale, scale // 2 :: scale] = y
    return blur_adjoint(zero_filled, kernel)


# %% [markdown]
# How do we know that an adjoint is right? We draw random $x$ and $y$ and compute both sides of the definition. This
# is the **dot-product test**, and it takes four lines. It needs a kernel that is not symmetric: turning a Gaussian by
# 180° changes nothing, so the test could not notice that somebody forgot to turn it. We use the blur of a camera that
# moves to the right and accelerates.


# %%
def dot_product_gap(A, adjoint, seed=0, side=126):
    with runtime.seeded(seed):
        x = torch.randn(1, 1, side, side)
        y = torch.randn(A(x).shape)
        difference = torch.sum(A(x) * y) - torch.sum(x * adjoint(y))
    return float(difference.abs() / (A(x).norm() * y.norm()))


motion = torch.zeros(9, 9)
motion[4] = torch.arange(1, 10) / 45
pairs = {
    "mask": (lambda x: hide(x, kept), lambda y: hide(y, kept)),
    "blur": (lambda x: blur(x, motion), lambda y: blur_adjoint(y, motion)),
    "shrink": (lambda x: shrink(x, motion), lambda y: shrink_adjoint(y, motion)),
}
gaps = {name: dot_product_gap(*pair) for name, pair in pairs.items()}
print("\n".join(f"{name}: relative gap {gap:.1e}" for name, gap in gaps.items()))

# %% [markdown]
# These gaps are rounding. They are even smaller than the $6 \cdot 10^{-8}$ to which a 32-bit number is rounded,
# because the errors of thousands of products partly cancel. But how large would the gap of a *wrong* adjoint be? We
# make four mistakes on purpose:
# 1. the kernel is not turned;
# 2. the pixels are put back at (0, 0) of each block, although they were taken from (1, 1);
# 3. the small image is enlarged by repeating each pixel, because that "looks like" the opposite of shrinking;
# 4. everything is right, but half a percent too large.
#
# For comparison, a fifth function ignores $y$ altogether: it returns the adjoint of random data.
#
# **Predict before you run.** We divide the gap by $\|Ax\|\,\|y\|$, the largest value that the left side could have.
# Is the gap of the function that ignores $y$ therefore near 1? Which of the five would pass with a tolerance of 0.01?


# %%
def misplaced(y):
    return shrink_adjoint(y, motion).roll((-1, -1), dims=(-2, -1))


def repeated(y):
    return y.repeat_interleave(3, dim=-2).repeat_interleave(3, dim=-1)


blur_pair, shrink_pair = pairs["blur"], pairs["shrink"]
wrong_pairs = {
    "kernel not turned": (blur_pair[0], blur_pair[0]),
    "pixels put back at (0, 0)": (shrink_pair[0], misplaced),
    "pixels repeated": (shrink_pair[0], repeated),
    "half a percent too large": (blur_pair[0], lambda y: 1.005 * blur_pair[1](y)),
    "of random data": (blur_pair[0], lambda y: blur_pair[1](torch.randn_like(y))),
}

# %% [markdown]
# The gap depends on the draw, so we take eleven draws, print the middle and the largest gap, and count how many would
# pass with a tolerance of $10^{-2}$ and of $10^{-6}$.


# %%
def gaps_of(A, adjoint):
    return sorted(dot_product_gap(A, adjoint, seed) for seed in range(11))


right = {f"right: {name}": gaps_of(*pair) for name, pair in pairs.items()}
wrong = {name: gaps_of(*pair) for name, pair in wrong_pairs.items()}
print(f"1 / sqrt(n) = {1 / 126:.1e}\n{'gap of 11 draws':26}  middle  largest", end="")
print("   below 1e-2   below 1e-6")
for name, gap in (right | wrong).items():
    loose, strict = sum(g < 1e-2 for g in gap), sum(g < 1e-6 for g in gap)
    print(f"{name:26} {gap[5]:7.0e} {gap[10]:8.0e} {loose:9} of 11 {strict:6} of 11")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Most people expect a wrong adjoint to have a gap near 1, and take a tolerance of one percent. But
# $\langle Ax, y \rangle$ divided by both norms is the cosine of the angle between two random directions. In $n$
# dimensions the square of this cosine is $1/n$ on average, so the cosine itself is of the size $1/\sqrt n = 0.008$
# for our 15,876 pixels. Even the function that ignores $y$ therefore has a gap of about one percent only. The gap of
# the unturned kernel is no larger, so as far as the test can see, it is as wrong as an answer to another question.
# With a tolerance of 0.01 it passes most draws, as the scaled adjoint does, and random data pass many. The two
# mistakes with the small image are easier to see, because its $y$ has only 1,764 pixels, where $1/\sqrt n = 0.024$,
# and because the repeated image is also much too bright.
#
# The factor 1.005 is harder to catch, since its gap is only 0.005 times that cosine. What the tolerance has to be
# compared with is therefore not 1, but rounding. A tolerance of $10^{-6}$ leaves the right adjoints plenty of room,
# and it refuses every wrong function in nearly every draw. A wrong adjoint can be lucky in one draw, which is why
# careful people take three.
# </details>
#
# The third mistake is tempting, because its output is a good-looking image. The output of the true adjoint need not
# look good. It is dark, because it shares each value among all the pixels that contributed to it: one pixel of $y$ for
# nine of $x$, so we also show it nine times brighter. And it is uneven, because pixels between two kept ones
# contributed less.

# %%
carried_back = shrink_adjoint(small, kernel)
shown = {"y": small, "adjoint of y": carried_back, "9 x adjoint of y": 9 * carried_back}
show_images(
    shown | {"pixels repeated: not the adjoint": repeated(small)},
    alt="A small image; its adjoint, very dark; the same nine times brighter, with a "
    "grid; a blocky enlargement.",
)

# %% tags=["nbval-check-output"]
largest_right = max(gap[-1] for gap in right.values())
typical_wrong = min(gap[5] for gap in wrong.values())
unturned = wrong["kernel not turned"][5] / wrong["of random data"][5]
print(f"all right adjoints stay below a millionth: {largest_right < 1e-6}")
print(f"each wrong one exceeds it in most draws: {typical_wrong > 1e-6}")
print(
    "the unturned kernel is no more wrong than the adjoint of random data, within a "
    f"factor of ten: {0.1 < unturned < 10}"
)

# %% [markdown]
# The library has these operators too: `A(x)` applies one, and `A.adjoint(y)` applies its adjoint. It computes blurs
# by the fast Fourier transform instead of our loop, so we check that the numbers are the same before we use it from
# here on.

# %%
same = [compare("mask", Mask(kept)(clean), hide(clean, kept))]
same += [compare("blur", Blur(motion)(clean), blur(clean, motion))]
adjoint = blur_adjoint(clean, motion)
same += [compare("blur, adjoint", Blur(motion).adjoint(clean), adjoint)]
shrinking, adjoint = BlurDownsample(motion, 3), shrink_adjoint(small, motion)
same += [compare("shrink", shrinking(clean), shrink(clean, motion))]
same += [compare("shrink, adjoint", shrinking.adjoint(small), adjoint)]

# %% [markdown]
# `Downsample(scale)` is a fourth operator, the *antialiased bicubic* downsampling with which the super-resolution
# literature makes its test images. **Aliasing** means that detail too fine for the small grid shows up there as a
# false coarse pattern, as on a striped shirt on television. To prevent this, the fine detail is averaged away
# *before* decimation. In `BlurDownsample` you choose the weights of this average, whereas in `Downsample` they are
# fixed: they follow a curve of cubic polynomials in both directions (hence *bi*cubic), which is four pixels of the
# small image wide. In this lesson we only test it, since later lessons use it for super-resolution.

# %% tags=["nbval-check-output"]
print(f"library and hand-built operators give the same numbers: {all(same)}")
for A in (Mask(kept), Blur(motion), BlurDownsample(motion, 3), Downsample(3)):
    print(
        f"{type(A).__name__} passes the dot-product test: "
        f"{dot_product_gap(A, A.adjoint) < 1e-6}"
    )

# %% [markdown]
# ## 4. Least squares
#
# Which $x$ explains $y$? A first idea is the one whose simulated measurement is closest to the real one:
#
# $$\min_x \; \tfrac12 \|A x - y\|^2 .$$
#
# The gradient is $A^T(Ax - y)$: we simulate the measurement, take the difference to the data (the **residual**), and
# carry it back by the adjoint. **Gradient descent** repeats $x \leftarrow x - \text{step} \cdot A^T(Ax - y)$, which
# for least squares is **Landweber's iteration** of 1951.


# %%
def least_squares(y, A, step, iterations):
    x = torch.zeros_like(A.adjoint(y))
    for _ in range(iterations):
        x = x - step * A.adjoint(A(x) - y)
    return x


# %% [markdown]
# PyTorch can differentiate too, and it must find the same gradient, because backpropagation through a linear layer
# *is* the adjoint of this layer.

# %%
A_small = BlurDownsample(kernel, 3)
unknown = torch.zeros_like(clean, requires_grad=True)
misfit = 0.5 * torch.sum((A_small(unknown) - small) ** 2)
misfit.backward()
by_hand = A_small.adjoint(A_small(torch.zeros_like(clean)) - small)
gradient_is_adjoint = compare("gradient", unknown.grad, by_hand)

# %% [markdown]
# How large may the step be? Let $\hat x$ be a least-squares solution, where the gradient is zero, and $e = x - \hat x$
# the error. A step turns $e$ into $e - \text{step} \cdot A^T A\, e$. Along a direction that $A$ stretches by a factor
# $s$, and hence $A^T A$ by $s^2$, the error is therefore multiplied by $1 - \text{step} \cdot s^2$. It shrinks if this
# number lies between −1 and 1. So gradient descent converges when the step is below $2 / \|A\|^2$, where $\|A\|$ is
# the largest $s$ of all. We measure it by *power iteration*: when $A^T A$ is applied again and again, the direction
# that is stretched most wins.
#
# **Predict before you run.** What does a step of $2.5/\|A\|^2$ do, compared with one of $1/\|A\|^2$?


# %%
def squared_norm(A, x):
    for _ in range(50):
        x = A.adjoint(A(x))
        x = x / x.norm()
    return float(A(x).norm() ** 2)


norm = squared_norm(A_small, clean)
misfits = {}
for factor in (1.0, 2.5):
    estimate = least_squares(small, A_small, factor / norm, iterations=100)
    misfits[factor] = float((A_small(estimate) - small).norm())
    print(f"step {factor} / |A|^2: misfit |Ax - y| = {misfits[factor]:.1e}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# With the first step size, descent explains the data up to rounding, whereas with the second it overshoots further at
# every step and diverges. A common guess is that a large step merely oscillates. It oscillates *with growing
# amplitude*: along the direction that is stretched most, each step multiplies the error by $1 - 2.5 = -1.5$. When a
# run of your own explodes, try a smaller step first.
# </details>
#
# Many solutions may fit the data, and gradient descent from zero finds a particular one. Let $v$ be an image that the
# camera cannot see, $Av = 0$. Then two lines show which one it is:
#
# 1. Every update has the form $A^T w$, and $\langle A^T w, v\rangle = \langle w, Av\rangle = 0$. So the iterates stay
#    orthogonal to every such $v$.
# 2. Any other solution is $\hat x + v$ with some $v$ of this kind, and by Pythagoras
#    $\|\hat x + v\|^2 = \|\hat x\|^2 + \|v\|^2 \ge \|\hat x\|^2$.
#
# Gradient descent from zero therefore arrives at the solution of **smallest norm**. This solution is linear in $y$,
# it is written $A^+ y$, and $A^+$ is called the **pseudo-inverse** of Moore and Penrose. The library computes it
# directly, as `A.pinv(y)`. (Only for a blur it leaves out the tiniest singular values, for which section 6 gives the
# reason.)

# %%
estimate = least_squares(small, A_small, 1 / norm, iterations=200)
pinv = A_small.pinv(small)
gap_to_pinv = float((estimate - pinv).abs().max())
show_images(
    {"x": clean, "y": small, "gradient descent": estimate, "pseudo-inverse": pinv},
    alt="The photograph, its small version, and two equal enlargements, soft, with a "
    "grid over bright areas.",
)
print(f"largest difference between the two: {gap_to_pinv:.1e}")
print(f"pseudo-inverse: {psnr(pinv, clean):.1f} dB")

# %% [markdown]
# The last number is the **PSNR**, the peak signal-to-noise ratio. For images in [0, 1] it is $-10 \log_{10}$ of the
# mean squared error, so higher is better, and six decibels more mean half the root-mean-square error.
#
# The two estimates agree. Yet they are soft, and a grid covers the bright areas, although they explain $y$ *exactly*.
# Section 5 shows how a wrong image can explain the data exactly.

# %% tags=["nbval-check-output"]
print(f"autograd's gradient is the adjoint of the residual: {gradient_is_adjoint}")
print(f"the small step converges: {misfits[1.0] < 1e-2}")
print(f"the large one diverges: {misfits[2.5] > 1e3}")
print(f"gradient descent from zero arrives at the pseudo-inverse: {gap_to_pinv < 1e-3}")
for A in (Mask(kept), A_small, Downsample(3)):
    y = A(clean)
    fits = torch.allclose(A(A.pinv(y)), y, atol=1e-4)
    print(f"{type(A).__name__}: A(pinv(y)) = y: {fits}")

# %% [markdown]
# ## 5. First trouble: many images fit
#
# In 1902 Jacques Hadamard asked what makes a problem *well posed*. His answer, to which stability was added later,
# demands three things:
#
# 1. **existence**: there is a solution;
# 2. **uniqueness**: there is only one;
# 3. **stability**: it depends continuously on the data, so that a tiny change of $y$ cannot change $x$ much.
#
# A problem that violates one of them is called **ill-posed**. Least squares takes care of the first condition: when
# noise moves $y$ to a place that no $Ax$ reaches, it takes the closest $Ax$ instead. This section is about the second
# condition, and section 6 about the third, which a matrix can miss only narrowly: it amplifies noise by a factor that
# is finite, but may be huge.
#
# All images $v$ with $Av = 0$ make up the **null space** of $A$. If $x$ explains the data, then so does $x + v$,
# since $A(x + v) = Ax + Av = Ax$. For a mask, $v$ is anything that lives in the holes. For shrinking, the null space
# is large, because there are 15,876 unknowns and only 1,764 equations. A member is easy to make: take any image $u$
# and remove what the camera sees of it, $v = u - A^+ A u$.
#
# **Predict before you run.** We hide a piece of lawn in the null space, and add $t$ times the result to the
# photograph. The slider turns $t$. What changes in $x + tv$, and what in $A(x + tv)$?

# %%
lawn = picture("grass", side=126)
unseen = lawn - A_small.pinv(A_small(lawn))


def knob(t):
    x = clean + t * unseen
    shown = {f"x {t:+.1f} v": x, f"A(x {t:+.1f} v)": A_small(x)}
    return images_figure(shown, columns=2)


explore(
    knob,
    alt="For each t two images: the photograph with more and more grass over it, and "
    "the small image that the camera records, always the same.",
    static={"t": [0.0, 2.0]},
    t=[step / 2 for step in range(-6, 7)],
)
data_change = float((A_small(clean + 2 * unseen) - A_small(clean)).abs().max())
print(f"largest change of the data at t = 2: {data_change:.1e}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The image on the left changes everywhere: blades of grass and a grid grow over the face. The image on the right
# stands still, up to rounding. Most people expect that a change as large as this must leave at least a trace in the
# data. It leaves none, because we removed beforehand exactly what would have left one.
# </details>
#
# This is the heart of the matter: **the data alone cannot say which image is right.** A smaller misfit is no help,
# because every one of these images has misfit zero. To prefer one of them, we need knowledge that is not in $y$. The
# pseudo-inverse makes a choice too, namely "the unseen part is zero". It is a poor choice: it leaves holes black, and
# it made the grid that you saw in section 4. The image of smallest norm puts brightness where it changes the data
# most, which is at the kept pixels. Those in between have less weight in the data, so they stay darker.

# %% tags=["nbval-check-output"]
patched = clean + hide(lawn, 1 - kept)
apart = psnr(clean + unseen, clean)
print(f"shrinking: 2 v leaves the data unchanged: {data_change < 1e-4}")
print(f"shrinking: x + v is a bad image, below 22 dB: {apart < 22}")
print(
    "mask: grass in the holes leaves the data unchanged: "
    f"{torch.equal(Mask(kept)(patched), Mask(kept)(clean))}"
)

# %% [markdown]
# **Part one in three sentences.** A degradation is a linear operator, and its adjoint carries residuals back to the
# image. Gradient descent from zero finds the smallest image that explains the data. Infinitely many others explain
# them just as well.
#
# This is a good place to stop and to come back another day.
#
# ---
#
# ## Part two: noise and regularization
#
# ## 6. Second trouble: noise is amplified
#
# Our blur has as many equations as unknowns, so one might think that deblurring is easy. To see why it is not, we
# need one tool. A **frequency** is an image of parallel stripes whose brightness follows a cosine, so many cycles
# down the image and so many across. The **Fourier transform** writes any image as a sum of such stripes. Its result,
# the **spectrum**, holds one complex number for each frequency: its absolute value is the strength of these stripes,
# and its angle, the *phase*, says where they lie. We draw its absolute values with frequency (0, 0), the mean
# brightness, in the centre and the finest frequencies at the border. The scale is logarithmic, because otherwise the
# centre would outshine everything else.
#
# **Predict before you run.** The first two images below are single frequencies, and the third is their sum. How many
# bright points has the spectrum of each, and what does a blur do to stripes?


# %%
def stripes(down, right, side=42):
    steps = 2 * torch.pi * torch.arange(side) / side
    return 0.5 + 0.2 * torch.cos(down * steps[:, None] + right * steps)[None, None]


def spectrum_image(x):
    strength = torch.fft.fftshift(torch.fft.fft2(x).abs(), dim=(-2, -1))
    return (1 + strength).log() / (1 + strength).log().max()


coarse, fine = stripes(1, 3), stripes(8, 12)
examples = {"1 down, 3 across": coarse, "8 down, 12 across": fine}
examples |= {"their sum": coarse + fine - 0.5, "photograph": picture("camera", side=42)}
shown = dict(examples)
shown |= {f"spectrum: {name}": spectrum_image(x) for name, x in examples.items()}
shown |= {f"blurred: {name}": blur(x, kernel) for name, x in examples.items()}
show_images(
    shown,
    alt="Coarse stripes, fine stripes, their sum, a photograph. Below, their spectra: "
    "two points about the centre, two points further out, all four, a bright cross. "
    "Below, blurred: the coarse stripes remain, the fine ones are gone.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# One frequency gives *two* points beside the centre, because $\cos a = (e^{ia} + e^{-ia})/2$: the Fourier transform
# works with complex stripes, and a real one is a pair of them. The sum has all points of both. A photograph has all
# frequencies, and the coarse ones are far stronger than the fine ones. The bright cross comes from the border, because
# the transform takes the image for periodic, so it sees an edge where the right side meets the left.
#
# Many people say that a blur smears stripes into something else. But the mean of shifted copies of a cosine is a
# cosine of the same frequency. A circular blur can only weaken the stripes (and, if the kernel is not symmetric, move
# them).
# </details>
#
# So a circular blur does one simple thing to each frequency: it multiplies it by a number. This number is the
# *kernel's* spectrum $K$ at that frequency, as two measurements show.

# %%
point = torch.zeros(1, 1, 42, 42)
point[..., 0, 0] = 1
K_42 = torch.fft.fft2(blur(point, kernel)).abs()
kept_contrast = {}
for (down, across), x in {(1, 3): coarse, (8, 12): fine}.items():
    measured, K_there = blur(x, kernel).std() / x.std(), K_42[0, 0, down, across]
    kept_contrast[down, across] = abs(float(measured - K_there)) < 1e-3
    print(
        f"{down} down, {across} across: the blur keeps {measured:.4f} of the contrast"
    )
    print(f"{'':20} and |K| is {K_there:.4f} there")

# %% [markdown]
# The **singular values** of a matrix are the factors by which it stretches its own special directions. For a circular
# blur these directions are the frequencies, and the factors are $|K|$. Because the kernel's weights are positive and
# sum to 1, no frequency is amplified: the largest factor is $|K| = 1$, for the mean brightness. Hence $\|A\| = 1$,
# and gradient descent may take the step 1.
#
# To obtain $K$, we blur one bright point at pixel (0, 0) and transform the result. Before the blur all frequencies of
# this point are exactly 1, so that afterwards they are $K$, phase included. We use 64-bit numbers, because rounding
# would hide the small factors, and draw the sorted $|K|$, the largest first, for our blur and for a weaker one.

# %%
point = torch.zeros_like(clean, dtype=torch.float64)
point[..., 0, 0] = 1
K = torch.fft.fft2(blur(point, kernel))
weaker = Blur(gaussian_kernel(9, 0.8)).spectrum(clean).abs()
curves = {}
for name, s in {"blur, width 1.2": K.abs(), "blur, width 0.8": weaker}.items():
    values = s.flatten().sort(descending=True).values
    curves[name] = torch.linspace(0, 100, len(values)), values
show_curves(
    curves,
    "percent of the singular values, largest first",
    "singular value |K|",
    alt="Both curves fall from 1, the stronger blur to 0.000003, the weaker to 0.007.",
    log_y=True,
)
for side, size, width in ((63, 5, 0.6), (126, 9, 1.2), (252, 17, 2.4)):
    A = Blur(gaussian_kernel(size, width))
    s = A.spectrum(torch.zeros(1, 1, side, side)).abs()
    condition = float(s.max() / s.min())
    print(f"{side} pixels, width {width}: condition number {condition:.1e}")

# %% [markdown]
# Our blur multiplies its finest frequencies by three millionths, so they are not gone, but nearly, whereas the weaker
# blur leaves them somewhat less than a hundredth. The ratio of the largest to the smallest singular value is the
# **condition number**, here about 320,000. A matrix with a large one is called **ill-conditioned**: a small relative
# change of $y$ can make a huge relative change of $x$.
#
# What has this to do with Hadamard's third condition? A matrix without a zero singular value has a continuous inverse,
# so strictly it never violates stability, but it can come as close as you like. The three printed lines show how. They
# photograph the same blurred scene with more and more pixels, so that the same blur is wider in pixels, and the
# condition number grows from 9 to more than ten billion (the last value also depends on where the kernel is cut off).
# In the limit, the blur of *light* before any pixel, the factors fall to zero towards ever finer frequencies. Then no
# bound holds, and the problem is ill-posed. An ill-conditioned matrix is what an ill-posed problem becomes in a
# computer.
#
# To invert the blur, we divide by $K$, which multiplies the noise in the finest frequencies by 320,000 as well.
#
# **Predict before you run.** We blur and invert (a) exactly, (b) after rounding $y$ to the 256 gray levels of a file,
# (c) after adding noise with $\sigma = 5/255$. In $y$ nobody sees a difference between (a) and (b), and the noise of
# (c) is faint. What do the three inverses look like?


# %%
def invert(y):
    return torch.fft.ifft2(torch.fft.fft2(y) / K).real


blurred, sigma = blur(clean.double(), kernel), 5 / 255
noisy = add_gaussian(blurred, sigma)
rounded = (blurred * 255).round() / 255
inputs = {"exact": blurred, "256 levels": rounded, "sigma 5/255": noisy}
inverted = {name: psnr(invert(y), clean.double()) for name, y in inputs.items()}
print({name: f"{quality:.0f} dB" for name, quality in inverted.items()})
shown = {f"y, {name}": y for name, y in inputs.items()}
shown["x"] = clean
shown |= {f"inverse, {name}": invert(y) for name, y in inputs.items()}
shown["spectrum of the last error"] = spectrum_image(invert(noisy) - clean)
show_images(
    shown,
    alt="Three blurred photographs that look the same, the last with faint grain; the "
    "truth. Below, their inverses: a perfect photograph, and twice black and white "
    "specks; a spectrum, bright in the four corners, dark in the centre.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# From exact data the inverse is perfect. Saving $y$ as an ordinary 8-bit file is enough to destroy it, and so is the
# faint noise, which gives the same specks, only stronger. The figure cannot show how strong, since it stops at black
# and white. A PSNR of −29 dB means errors 28 times as large as the whole range from black to white, and −54 dB means
# 500 times. People who know that noise is amplified still underestimate by how much, because they think of a typical
# frequency. The weakest ones decide: the spectrum of the error grows towards the corners, the finest frequencies in
# both directions, and on a scale that is not logarithmic only the corners would be visible.
# </details>
#
# The size of the disaster can be computed beforehand. **White** noise has the same variance $\sigma^2$ at each
# frequency (with the Fourier transform scaled so that it keeps the sum of squares), and inverting multiplies this
# variance by $1/|K|^2$. The mean squared error is therefore $\sigma^2 \cdot \text{mean}(1/|K|^2)$.
#
# Now we run gradient descent on the same noisy data, with step 1. **Predict before you run.** The misfit falls at
# every step; draw the PSNR over 300 iterations, with a logarithmic axis, since most happens early.

# %%
noisy = noisy.float()
A, estimate, quality, misfit = Blur(kernel), torch.zeros_like(clean), [], []
for _ in range(300):
    estimate = estimate - A.adjoint(A(estimate) - noisy)
    quality.append(psnr(estimate, clean))
    misfit.append(float((A(estimate) - noisy).square().mean().sqrt()))
best, steps = max(range(300), key=quality.__getitem__), range(1, 301)
show_curves(
    {
        "gradient descent": (steps, quality),
        "the blurred, noisy y": (steps, [psnr(noisy, clean)] * 300),
    },
    "iteration",
    "PSNR (dB)",
    alt="PSNR rises in 16 iterations to 26 dB, then falls to 20 dB, below that of y.",
    title="The fit improves at every step, the image does not",
    marks={f"peak, iteration {best + 1}": (best + 1, quality[best])},
    log_x=True,
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The PSNR rises, peaks after some fifteen iterations, and then falls until it ends far below that of $y$ itself. A
# smaller misfit is usually taken for a better image. After the peak, however, the fit improves because the *noise* is
# being fitted. The next figure shows the misfit of the same run. It falls at every step, and it crosses the level
# $\sigma$ of the noise some iterations before the peak.
# </details>

# %%
show_curves(
    {"misfit, root mean square": (steps, misfit), "sigma": (steps, [sigma] * 300)},
    "iteration",
    "misfit",
    alt="The misfit falls at every step, steeply until it crosses sigma at iteration "
    "6, then slowly.",
    log_x=True,
    looks={"misfit, root mean square": (0, 0), "sigma": (3, 3)},
)

# %% [markdown]
# The shape of the PSNR curve is called **semi-convergence**. Its reason is the factor of section 4: with step 1 and
# $s = |K|$, each step multiplies the part of a frequency that is still missing by $1 - |K|^2$. Strong frequencies are
# therefore fitted in the first steps, and weak ones, where the noise wins, very late, so that stopping early leaves
# these alone. Remember this curve, because lesson 03 finds the same shape with a network.

# %% tags=["nbval-check-output"]
predicted = -10 * torch.log10(sigma**2 * (1 / K.abs() ** 2).mean())
line_factors = torch.fft.fft(matrices["blur"][:, 0]).abs().sort(descending=True).values
exact = torch.linalg.svdvals(matrices["blur"])
same_values = torch.allclose(exact, line_factors, atol=1e-5)
print(f"the blur multiplies stripes by |K|: {all(kept_contrast.values())}")
print(f"singular values by SVD are the size of the spectrum: {same_values}")
print(f"exact data invert, above 60 dB: {inverted['exact'] > 60}")
print(f"noisy data do not, below 0 dB: {inverted['sigma 5/255'] < 0}")
close = abs(float(predicted) - inverted["sigma 5/255"]) < 1
print(f"the formula predicts the error within 1 dB: {close}")
falls = all(later < earlier for earlier, later in zip(misfit, misfit[1:], strict=False))
print(f"the misfit falls at every step: {falls}")
rise, fall = quality[best] - quality[0], quality[best] - quality[-1]
print(
    f"the PSNR rises by 2 dB or more, then falls by 4 or more: {rise > 2 and fall > 4}"
)

# %% [markdown]
# ## 7. Tikhonov: a penalty on large values
#
# The remedy for both troubles is to say what we *prefer*, and to add it to the misfit, which is called
# **regularization**. Phillips (1962) penalized second differences, and Tikhonov (1963) a function together with its
# derivative. The simplest penalty that bears Tikhonov's name prefers small values. Statisticians call it *ridge
# regression*, and machine learning *weight decay*:
#
# $$\min_x \; \tfrac12 \|A x - y\|^2 + \tfrac{\lambda}{2} \|x\|^2
# \quad\Rightarrow\quad \hat x = (A^T A + \lambda I)^{-1} A^T y ,$$
#
# because at the minimum the gradient $A^T (A \hat x - y) + \lambda \hat x$ is zero.
#
# **Two unknowns, one drawing.** Two people, of 80 and 60 kg, only ever step on a scale together, and we have two such
# scales. The first scale shows the mean of their weights, the second one almost the same mean:
#
# $$A = \begin{pmatrix} 0.50 & 0.50 \\ 0.55 & 0.45 \end{pmatrix}, \qquad \text{singular values 1.00 and 0.05.}$$
#
# We learn their sum at once, but their difference only from the small disagreement of the two scales. And the scales
# are wrong by about 1 kg.
#
# **Predict before you run.** How wrong will the two weights be, and where does gradient descent go first and last?

# %%
scales = torch.tensor([[0.50, 0.50], [0.55, 0.45]], dtype=torch.float64)
weights = torch.tensor([0.8, 0.6], dtype=torch.float64)  # in units of 100 kg
with runtime.seeded(10):
    readings = scales @ weights + 0.01 * torch.randn(30, 2, dtype=torch.float64)
exact_fits = torch.linalg.solve(scales, readings.T)
reading = readings[0]
descent = [torch.zeros(2, dtype=torch.float64)]
for _ in range(3000):
    descent.append(descent[-1] - scales.T @ (scales @ descent[-1] - reading))
descent = torch.stack(descent, dim=1)
normal = scales.T @ scales
tikhonov_path = torch.stack(
    [
        torch.linalg.solve(normal + v * torch.eye(2), scales.T @ reading)
        for v in torch.logspace(-5, 1, 61)
    ],
    dim=1,
)
spread = exact_fits.std(dim=1) * 100
print(
    f"standard deviation of the exact fits: {spread[0]:.0f} kg and {spread[1]:.0f} kg"
)

# %% [markdown]
# The level lines of the misfit are drawn in gray. Along each of them, all pairs of weights explain the reading
# equally well.

# %%
across, up = torch.meshgrid(
    torch.linspace(0.4, 1.3, 200).double(),
    torch.linspace(0.1, 1, 200).double(),
    indexing="xy",
)
misfits_ = scales @ torch.stack([across.flatten(), up.flatten()]) - reading[:, None]
figure = Figure(figsize=(8.2, 4.4), layout="constrained")
axes = figure.subplots()
levels = [0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2]
misfits_ = misfits_.norm(dim=0).reshape(200, 200)
axes.contour(across, up, misfits_, levels, colors="0.75", linewidths=1)
axes.plot(*exact_fits, ".", color="0.5", label="exact fits of 30 weighings")
axes.plot(*descent, "-", color=COLOURS[0], label="gradient descent")
for step in (1, 100, 1000):
    axes.plot(*descent[:, step], "o", color=COLOURS[0])
    at = descent[:, step] + torch.tensor([0.03, 0.03])
    axes.text(*at, f"step {step}", color=COLOURS[0])
axes.plot(*tikhonov_path, "--", color=COLOURS[1], label="Tikhonov, all lambda")
axes.plot(*tikhonov_path[:, 30], "D", color=COLOURS[1], label="Tikhonov, lambda 0.01")
axes.plot(*exact_fits[:, 0], "s", color="black", label="exact fit of this weighing")
axes.plot(*weights, "*", color=COLOURS[2], markersize=14, label="truth")
axes.set(xlim=(0.4, 1.3), ylim=(0.1, 1), aspect="equal")
axes.set(xlabel="first person (100 kg)", ylabel="second person (100 kg)")
axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)
show_figure(
    figure,
    alt="Level lines form one long, narrow valley that falls from the upper left to "
    "the lower right. Exact fits scatter along it. Descent reaches the valley near the "
    "truth in one step, then creeps along it past the truth, which it passes near step "
    "100, to the exact fit. Tikhonov's path bends into the same valley.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The misfit has one long, narrow valley. Across it the data decide, and the *sum* is known to a kilogram or two.
# Along it they hardly decide: an error of 1 kg is divided by 0.05 and becomes 20 kg along the valley, so we expect
# about 14 kg for each person, and the thirty exact fits scatter by as much. Many people expect errors of about 1 kg in
# each weight, because that is how good the scales are.
#
# Gradient descent jumps to the floor in one step and then creeps along it. In this weighing, which we chose because
# it shows the effect, descent passes near the truth and ends far from it, at the exact fit. This is semi-convergence
# in two dimensions. Tikhonov's path bends into the same valley. At $\lambda = 0.01$ it has gone a fifth of the way
# from the entry to the exact fit, since going further would gain little misfit and cost a larger $\|x\|^2$. That the
# truth lies just there is luck.
# </details>
#
# Does every descent pass the truth? We compare, along the valley, the way to the exact fit with the way to the truth.

# %%
valley = torch.linalg.svd(scales).Vh[1]  # the direction that is stretched least
along, needed = valley @ exact_fits, valley @ weights
passes = int((along / needed > 1).sum())
wrong_way = int((along / needed < 0).sum())
print(f"of 30 descents {passes} pass the truth, {wrong_way} start the wrong way,")
print(f"and {30 - passes - wrong_way} stop before it")

# %% [markdown]
# Descents that start the wrong way have their best point at the entry to the valley, because the noise points away
# from the truth. Those that stop before the truth are best at their end. By the normal distribution of the noise, we
# expect half of all weighings to pass the truth, a third to start the wrong way, and the rest to stop before it.
# Thirty are few, so our counts deviate from these shares.
#
# If both scales were the same, the valley floor would be exactly level. Every point on it would fit equally well, and
# the direction $(1, -1)$ along it would be the **null space**. So ill-conditioning is a null space that is not quite
# one, and the same remedy serves against both.

# %% [markdown]
# **Back to images.** For a circular blur everything is diagonal in the frequencies. Let $X$ and $Y$ be the spectra of
# $x$ and $y$. Then $A$ multiplies a frequency by $K$, and $A^T$ by the conjugate $\bar K$, so Tikhonov's formula
# becomes
#
# $$\hat X = \frac{\bar K\, Y}{|K|^2 + \lambda} = \frac{|K|^2}{|K|^2 + \lambda} \cdot \frac{Y}{K} .$$
#
# Each method multiplies the plain inverse $Y/K$ by such a **filter factor** between 0 and 1, which says how much of a
# frequency it lets through:
#
# | method | filter factor |
# | --- | --- |
# | gradient descent from zero, step 1, $k$ iterations | $1 - (1 - \lvert K\rvert^2)^k$ |
# | Tikhonov | $\lvert K\rvert^2 / (\lvert K\rvert^2 + \lambda)$ |
# | truncated singular values | 1 where $\lvert K\rvert$ exceeds a threshold, else 0 |
#
# In the first line, $k$ steps have multiplied what is missing by $(1 - |K|^2)^k$, and the factor is the rest. The last
# line simply drops what is too weak.

# %%
X = torch.fft.fft2(clean.double(), norm="ortho")


def tikhonov_factors(weight, gain):
    return gain**2 / (gain**2 + weight)


def descent_factors(k, gain):
    return 1 - (1 - gain**2) ** k


def truncated_factors(threshold, gain):
    return (gain > threshold).double()


def restore(factors, y):
    return torch.fft.ifft2(factors * torch.fft.fft2(y.double()) / K).real.float()


# %% [markdown]
# **Predict before you run.** Each method has one number to choose, and we give each its best one, found with the
# truth. Do the three curves resemble each other, which method comes out first, and which of them changes the mean
# brightness, $|K| = 1$?

# %%
lambdas = [float(f"{10 ** (step / 8):.2g}") for step in range(-32, 1)]
iterations = sorted({round(10 ** (step / 10)) for step in range(31)})
methods = {
    "Tikhonov, lambda": (tikhonov_factors, lambdas),
    "descent, iterations": (descent_factors, iterations),
    "truncation, |K| above": (truncated_factors, lambdas[16:]),
}
gain, curves, best_of_method = torch.logspace(-2, 0, 200), {}, {}
for name, (factors, settings) in methods.items():
    tried = {v: psnr(restore(factors(v, K.abs()), noisy), clean) for v in settings}
    v = max(tried, key=tried.get)
    best_of_method[name] = v, tried[v]
    curves[f"{name} {v:.2g}: {tried[v]:.1f} dB"] = gain, factors(v, gain)
show_curves(
    curves,
    "|K|",
    "filter factor",
    alt="Three curves from 0 at small |K| to 1 at |K| = 1: Tikhonov rises slowly, "
    "descent faster, truncation in one jump, all three near |K| = 0.2.",
    log_x=True,
    looks=dict(zip(curves, [(1, 1), (0, 0), (2, 2)], strict=True)),
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The three curves have the same form: they let strong frequencies through and block weak ones, and they differ mainly
# in how sharply they change. For small $|K|$ descent lets $k\,|K|^2$ through and Tikhonov $|K|^2/\lambda$, so **the
# number of iterations plays the part of $1/\lambda$**. This is why stopping early *is* regularization, and not a mere
# saving of time. The match holds only where $|K|$ is small. Elsewhere the two curves differ, so the best $k$ and the
# best $1/\lambda$ of the legend have the same order of magnitude, but not the same value.
#
# The common guess is that Tikhonov wins, because it minimizes something whereas descent merely stops. Yet on this
# image, in this one run, descent has the better PSNR. One reason is at $|K| = 1$: Tikhonov multiplies even the mean
# brightness by $1/(1+\lambda)$, so it darkens the image by two or three percent.
# </details>
#
# **Bias and noise.** On average over the noise, the squared error of each method is a sum of two parts. What the
# filter takes away from the image is the (squared) **bias**, $\text{mean}\,|(1-\varphi)X|^2$ with the filter factor
# $\varphi$. What it lets through of the noise is the **variance**, $\sigma^2\,\text{mean}\,(\varphi/|K|)^2$. With
# growing $\lambda$ the first part grows and the second shrinks.

# %%
white = (noisy.double() - blurred) / sigma  # the same noise at standard deviation 1
sigmas = [0.005, 0.01, 0.02, 0.04, 0.08]  # the third is close to the 5/255 above


def two_parts(factors, v):
    """Bias, and noise at standard deviation 1, as mean squared errors."""
    phi = factors(v, K.abs())
    bias = ((1 - phi) * X).abs().square().mean()
    return float(bias), float((phi / K.abs()).square().mean())


parts = {
    name: {v: two_parts(factors, v) for v in settings}
    for name, (factors, settings) in methods.items()
}

# %% [markdown]
# The explorer below has two sliders, one for the weight $\lambda$ and one for $\sigma$. On the left it shows the
# restored image, in the middle the filter factors, and on the right the two parts of the error with their sum. The
# dot is the error that was measured, and the gray curves are the sums for the other values of $\sigma$. (The first
# slider is called *weight*, because `lambda` is a reserved word in Python.)


# %%
def look(name, v, sigma):
    factors, settings = methods[name]
    restored = restore(factors(v, K.abs()), blurred + sigma * white)
    figure = Figure(figsize=(8.4, 2.6), layout="constrained")
    image, middle, error = figure.subplots(1, 3)
    image.imshow(restored[0, 0], cmap="gray", vmin=0, vmax=1)
    image.set_title(f"sigma {sigma:g}: {psnr(restored, clean):.1f} dB")
    image.axis("off")
    middle.semilogx(gain, factors(v, gain), color=COLOURS[0])
    middle.set(title="filter factor", xlabel="|K|", ylim=(-0.05, 1.05))
    bias, noise = torch.tensor([parts[name][one] for one in settings]).T
    others = bias[:, None] + torch.tensor(sigmas) ** 2 * noise[:, None]
    error.loglog(settings, others, color="0.8", linewidth=1)
    error.plot(settings, bias, "--", color=COLOURS[1])
    error.plot(settings, sigma**2 * noise, ":", color=COLOURS[2])
    error.plot(settings, bias + sigma**2 * noise, color=COLOURS[0])
    error.plot(v, float((restored - clean).square().mean()), "ko")
    error.set(title="error: bias (--) + noise (:)", xlabel=name, ylim=(1e-4, 1))
    for axes in (middle, error):  # minor ticks and powers take half of the drawing time
        axes.minorticks_off()
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
    return figure


# %% [markdown]
# **Predict before you move the sliders.** What does the error look like at both ends of $\lambda$, and why? With more
# noise, does the best $\lambda$ move to the left or to the right?

# %%
explore(
    lambda weight, sigma: look("Tikhonov, lambda", weight, sigma),
    alt="Tikhonov for three values of lambda: an image buried in noise, a good one "
    "with some grain, a dark and blurred one; the filter factor moves to the right; "
    "the error is a U, the sum of a falling and a rising part, with the dot upon it, "
    "among gray Us whose lowest points move to the right with more noise.",
    static={"weight": [lambdas[i] for i in (4, 20, 32)]},
    weight=lambdas,
    sigma=sigmas,
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The error is U-shaped. On the left the noise dominates, on the right the bias, and the best $\lambda$ is where one
# begins to grow faster than the other shrinks. More noise lifts the falling part and leaves the rising one where it
# is, so the minimum moves to the right, as the gray curves show: noisy data need more regularization. A popular
# answer is that a stronger penalty is always safer. It is safe from noise, but at $\lambda = 1$ what is left of the
# image is dark and soft.
# </details>
#
# The same explorer for gradient descent, whose slider is the number of iterations $k$. **Predict before you move
# it.** On which side of the U is the noise now?

# %%
explore(
    lambda iterations, sigma: look("descent, iterations", iterations, sigma),
    alt="Gradient descent for three numbers of iterations: a soft image, a good one, a "
    "noisy one; the filter factor moves to the left; the error is a U.",
    static={"iterations": [1, 16, 1000]},
    iterations=iterations,
    sigma=sigmas,
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# It is on the right: few iterations leave bias and many let noise in, because $k$ plays the part of $1/\lambda$. Many
# people expect bias there, because they take more iterations for more regularization. The fall of the PSNR in section
# 6 was the right arm of this U.
# </details>
#
# Every "best" so far used the truth, which nobody has in practice. An honest rule is **Morozov's discrepancy
# principle**: the true image would leave a misfit of $\sigma$ per pixel, so a smaller misfit is a sign that noise is
# being fitted. We therefore take the largest $\lambda$, or the first iteration, whose misfit is at most $\sigma$.
# This rule needs $\sigma$, but not the truth.


# %%
def rms_misfit(x):
    return float((A(x) - noisy).square().mean().sqrt())


tikhonov = {v: restore(tikhonov_factors(v, K.abs()), noisy) for v in lambdas}
honest = max(v for v, x in tikhonov.items() if rms_misfit(x) <= sigma)
stop = next(k for k in range(300) if misfit[k] <= sigma)
best_weight, best_tikhonov = best_of_method["Tikhonov, lambda"]
honest_psnr = psnr(tikhonov[honest], clean)
print(f"Tikhonov, discrepancy principle: lambda {honest:.3f}, {honest_psnr:.1f} dB")
print(f"Tikhonov, with the truth: lambda {best_weight:.3f}, {best_tikhonov:.1f} dB")
print(f"descent, discrepancy principle: iteration {stop + 1}, {quality[stop]:.1f} dB")
print(f"descent, with the truth: iteration {best + 1}, {quality[best]:.1f} dB")
darker = float(tikhonov[best_weight].mean() / clean.mean())
print(f"brightness of the best Tikhonov: {darker:.3f} of that of x")

# %% [markdown]
# Against the best choice, the honest one loses a fifth of a decibel for Tikhonov and about half a decibel for descent
# in this run. It stops descent too early, because the best estimate has already fitted the noise of the strong
# frequencies, so that its misfit lies below $\sigma$. Later lessons look for such rules again and again.
#
# **Where Tikhonov fails.** It knows nothing about images: when all pixels are shuffled, $\|x\|^2$ stays the same.
# After a blur, all it can do is weaken frequencies, and an edge needs all frequencies, so it has to choose between
# grain and soft edges. For inpainting it is of no use at all. A hole adds least to $\|x\|^2$ when it is black, so
# holes stay black.

# %% tags=["nbval-check-output"]
plain = psnr(A.pinv(noisy), clean)
wins = best_tikhonov > plain + 5
print(f"the best Tikhonov beats the library's least squares by 5 dB or more: {wins}")
sums = [b + sigma**2 * n for b, n in parts["Tikhonov, lambda"].values()]
measured = [float((x - clean).square().mean()) for x in tikhonov.values()]
close = all(abs(s / m - 1) < 0.1 for s, m in zip(sums, measured, strict=True))
print(f"bias and noise add up to the measured error within a tenth: {close}")
u_shaped = 2 * min(measured) < min(measured[0], measured[-1])
print(f"the error is a U, 3 dB lower than at both ends: {u_shaped}")
formula = restore(descent_factors(300, K.abs()), noisy)
same = torch.allclose(formula, estimate, atol=1e-3)
print(f"300 steps of descent are one filter 1 - (1 - |K|^2)^300: {same}")
close = best_tikhonov - honest_psnr < 1 and quality[best] - quality[stop] < 1
print(f"the discrepancy principle lands within 1 dB of the best: {close}")

# %% [markdown]
# A remark on the first line: the library's `Blur.pinv` is gentler than our `invert`, because it drops the frequencies
# whose $|K|$ is below a thousandth of the largest. It is the truncated filter of the table with a very low threshold,
# and noise that is amplified a thousand times is still noise.
#
# ## 8. Total variation: a penalty on change
#
# One thing that we know about images is that neighbouring pixels mostly have similar values, so we penalize the
# *differences* of neighbours. There are two ways, and a small difference in the formula makes a large one in the
# image:
#
# - **smoothness**: the sum of *squared* differences. This is Tikhonov's idea again, with differences in place of $x$;
# - **total variation (TV)**: the sum of their *lengths*, $\sum \sqrt{d_\text{down}^2 + d_\text{right}^2}$. Rudin,
#   Osher and Fatemi introduced it in 1992.
#
# Suppose that a line of pixels goes from 0 to 1, in one jump or in ten steps of 0.1. Squared differences add up to 1
# for the jump and to $10 \cdot 0.1^2 = 0.1$ for the steps, so smoothness avoids edges. The lengths add up to 1 both
# ways, so TV is indifferent to how steep an edge is. It charges an edge for its height, in an image times its length,
# and therefore prefers short, straight outlines. Above all it penalizes *wiggles*, which go up and come down again and
# are charged both ways.


# %%
def differences(x):
    down = torch.diff(x, dim=-2, append=x[..., -1:, :])
    right = torch.diff(x, dim=-1, append=x[..., -1:])
    return down, right


def smoothness(x):
    down, right = differences(x)
    return torch.sum(down**2 + right**2)


def total_variation(x):
    down, right = differences(x)
    return torch.sum(torch.sqrt(down**2 + right**2 + 1e-6))


# %% [markdown]
# The `1e-6` rounds off the tip of the square root, which has no slope at zero; this is *smoothed* TV. Since its
# minimizer has no closed form, we do what later lessons do with networks: we make the unknown a tensor with a
# gradient, let autograd differentiate, and let the optimizer Adam take the steps. Here the unknown is the image
# itself, one number a pixel. The quick profile takes 200 steps, and the full one 1,000.


# %%
ITERATIONS = runtime.pick(quick=200, full=1000)


def fit_pixels(y, A, penalty, weight, learning_rate=0.02, iterations=ITERATIONS):
    x = A.adjoint(y).clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=learning_rate)
    for _ in range(iterations):
        loss = 0.5 * torch.sum((A(x) - y) ** 2) + weight * penalty(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return x.detach()


# %% [markdown]
# A comparison is fair only if each method gets its best weight. We try several of them, print what each one gives,
# and keep the best. This search uses the truth, so it shows each method nearly at its best, and not what you would
# obtain without the truth.


# %%
def best_of(y, A, penalty, weights, truth, **options):
    tried = {w: fit_pixels(y, A, penalty, w, **options) for w in weights}
    quality = {w: psnr(x, truth) for w, x in tried.items()}
    shown = ", ".join(f"{w}: {dB:.1f}" for w, dB in quality.items())
    print(f"{penalty.__name__:16} dB by weight  {shown}")
    best = max(quality, key=quality.get)
    return tried[best], best


# %% [markdown]
# We begin with deblurring. **Predict before you run.** In which order will Tikhonov, smoothness and TV come, and
# where in the image will they differ?

# %%
results, weight = {"Tikhonov": tikhonov[best_weight]}, {}
tried = {smoothness: (0.003, 0.01, 0.03), total_variation: (0.001, 0.003, 0.01)}
for penalty, weights_ in tried.items():
    name = penalty.__name__
    results[name], weight[name] = best_of(noisy, A, penalty, weights_, clean)
deblurred = {name: psnr(x, clean) for name, x in results.items()}
print(f"y: {psnr(noisy, clean):.1f} dB")
shown = {"x": clean}
shown |= {
    f"{name.replace('_', ' ')}: {deblurred[name]:.1f} dB": x
    for name, x in results.items()
}
show_images(
    shown,
    alt="The truth; Tikhonov with grain and soft edges; smoothness with less grain; "
    "total variation with flat areas and firm edges. Below, enlarged: the cheek.",
    crop=(58, 30, 40),
)
for penalty in tried:
    name = penalty.__name__
    longer = fit_pixels(noisy, A, penalty, weight[name], iterations=3 * ITERATIONS)
    gain_of_three = psnr(longer, clean) - deblurred[name]
    print(f"{name}: three times as many steps change it by {gain_of_three:+.2f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Each method gains over the one before. Smoothness has less grain than Tikhonov, but its edges are still soft, whereas
# TV has flat areas without grain and the firmest edges. In this run, a penalty that knows a little about images is
# therefore worth about three decibels over Tikhonov, and more than two over descent at its best. Many people put
# smoothness ahead of TV, because a little grain looks less wrong than patches, and the enlarged cheek shows what they
# mean: TV has made patches of it, to which we return in section 9.
#
# Since section 6 you may suspect that so few steps of Adam are early stopping in disguise. They are not: with three
# times as many steps, the PSNR stays the same to a tenth of a decibel. Here the penalty regularizes, and not the
# number of steps.
# </details>

# %% [markdown]
# The library has this method too, as `tv`, which minimizes the same sum with steps of decreasing length. For
# denoising this sum is strictly convex, so it has a single minimizer, at which any two ways of minimizing it must
# arrive. We take 600 short steps.

# %%
y = add_gaussian(clean, 25 / 255)
by_hand = fit_pixels(y, Identity(), total_variation, 0.07, 0.005, iterations=600)
*_, step = tv(y, Identity(), weight=0.07)
tv_is_library = compare("total variation", by_hand, step.estimate, tolerance=0.02)

# %% [markdown]
# Next, we inpaint without noise, both the photograph and a drawing that is made of flat areas. For a mask, Tikhonov
# has a closed form: known pixels become $y / (1 + \lambda)$ and holes become 0.
#
# **Predict before you run.** For which of the two images is TV far ahead of smoothness?

# %%
across = torch.linspace(-1, 1, 126)
down, right_ = torch.meshgrid(across, across, indexing="ij")
drawing = 0.15 + 0.55 * ((right_ + 0.3) ** 2 + (down + 0.2) ** 2 < 0.25).float()
drawing[(right_ + down - 0.7).abs() < 0.2] = 0.95
originals = {"photograph": clean, "drawing": drawing[None, None]}
shown, filled = {}, {}
tried = {smoothness: (0.001, 0.01), total_variation: (0.001, 0.01)}
for name, x in originals.items():
    y = hide(x, kept)
    shown[f"{name}, y"] = y
    shown[f"{name}, Tikhonov: {psnr(y / (1 + 0.01), x):.1f} dB"] = y / (1 + 0.01)
    for penalty, weights_ in tried.items():
        estimate, _ = best_of(y, Mask(kept), penalty, weights_, x)
        method = penalty.__name__
        filled[name, method] = psnr(estimate, x)
        title = f"{name}, {method.replace('_', ' ')}: {filled[name, method]:.1f} dB"
        shown[title] = estimate
show_images(
    shown,
    alt="A photograph and a drawing, each half black; still half black; filled, edges "
    "frayed; filled.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Tikhonov leaves the holes black, as predicted. On the drawing TV wins by far, because flat areas with edges are
# exactly what it assumes. On the photograph TV and smoothness *tie*, although most people expect the better deblurrer
# to win again. With half of the pixels known, a hole has on average two known direct neighbours, and only one hole in
# sixteen has none. A mean of the neighbours is then hard to beat.
# </details>
#
# So "TV is better" is not a law. TV is better **where its assumption fits the image**. All of this is one run, with
# one mask and one draw of the noise.

# %% tags=["nbval-check-output"]
print(f"our total variation and the library's give the same image: {tv_is_library}")
ahead = deblurred["total_variation"] - deblurred["smoothness"]
print(f"deblurring: TV beats smoothness by half a decibel or more: {ahead > 0.5}")
ahead = deblurred["total_variation"] - deblurred["Tikhonov"]
print(f"deblurring: TV beats Tikhonov by 2 dB or more: {ahead > 2}")
lead = {
    name: filled[name, "total_variation"] - filled[name, "smoothness"]
    for name in originals
}
far, tied = lead["drawing"] > 4, abs(lead["photograph"]) < 1
print(f"inpainting the drawing: TV beats smoothness by 4 dB or more: {far}")
print(f"inpainting the photograph: they tie within 1 dB: {tied}")

# %% [markdown]
# ## 9. Where these methods fail
#
# TV assumes that the world is made of flat areas. Two things are not: texture and gentle slopes. And all methods
# assume that $A$ is known.
#
# **Texture.** We add noise with $\sigma = 25/255$ to the photograph and to a lawn, and denoise both. Nothing is
# blurred, so everything that is lost was lost by the method.
#
# **Predict before you run.** On the photograph TV gains about 7 dB over $y$. How much does it gain on the lawn, and
# where do the blades go?

# %%
tried = {smoothness: (0.1, 0.2, 0.3, 0.5), total_variation: (0.03, 0.05, 0.07, 0.1)}
shown, gained, correlation = {}, {}, {}
for name, x in {"photograph": clean, "lawn": lawn}.items():
    y = add_gaussian(x, 25 / 255)
    for penalty, weights_ in tried.items():
        estimate, v = best_of(y, Identity(), penalty, weights_, x)
        gained[name, penalty.__name__] = psnr(estimate, x) - psnr(y, x)
    shown |= {f"{name}, y": y, f"{name}, TV: {psnr(estimate, x):.1f} dB": estimate}
    taken = x - fit_pixels(x, Identity(), total_variation, v)
    shown[f"{name}: 3 (x - TV(x)), plus a half"] = 3 * taken + 0.5
    removed = torch.stack([(y - estimate).flatten(), x.flatten()])
    correlation[name] = float(torch.corrcoef(removed)[0, 1])
    print(f"{name}: TV gains {gained[name, 'total_variation']:.1f} dB over y,", end=" ")
    print(f"smoothness {gained[name, 'smoothness']:.1f}; what TV removed has")
    print(f"{'':{len(name)}}  correlation {correlation[name]:.2f} with x")
show_images(
    shown,
    alt="A noisy photograph, its restoration by total variation, and what the method "
    "takes from the truth, outlines and hair; a noisy lawn, its restoration in "
    "patches, and what the method takes from the truth: blades everywhere.",
    columns=3,
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# On the lawn TV gains less than half as many decibels, and its lead over smoothness nearly vanishes. A blade of grass
# *is* a wiggle: up on one side, down on the other. TV cannot tell it from noise and removes some of both. What it
# removed, $y - \text{TV}$, therefore correlates with the lawn (see the printed numbers), and much less with the
# photograph. In $y - \text{TV}$ the noise would hide this from the eye. The last column therefore shows, three times
# stronger, what the same TV takes from the image *without* noise, which Buades, Coll and Morel (2005) call the
# **method noise**: blades all over the lawn, but of the photograph mainly outlines and hair. In the restored lawn the
# thin blades have merged into patches.
#
# The usual explanation is that a lawn is simply full of edges. But an edge costs TV no more than a gentle rise of the
# same height. What it resists are edges that turn back two pixels later, because they cost twice and lead nowhere.
# You, looking at the rest of the lawn, know what a blade looks like. Lesson 02 turns this into a method.
# </details>
#
# **Slopes.** Now we take one line of pixels that rises evenly, first with noise and then without it.
#
# **Predict before you run.** What does TV make of the noisy line?

# %%
ramp = torch.linspace(0.1, 0.9, 128).reshape(1, 1, 1, 128)
ramp_y = add_gaussian(ramp, 0.1)
options = {"learning_rate": 0.005, "iterations": 600}
lines, ramp_weight = {"y": ramp_y, "truth": ramp}, {}
for penalty, tried in {
    total_variation: (0.2, 0.4, 0.8),
    smoothness: (5, 20, 80),
}.items():
    name = penalty.__name__
    lines[name], ramp_weight[name] = best_of(
        ramp_y, Identity(), penalty, tried, ramp, **options
    )
show_curves(
    {name.replace("_", " "): x.flatten() for name, x in lines.items()},
    "pixel",
    "gray value",
    alt="Noise about a straight line; total variation follows the line in flat steps "
    "with jumps; smoothness undulates gently.",
    title="A noisy slope becomes a staircase",
    looks={
        "y": (3, 3),
        "truth": (5, 2),
        "total variation": (1, 0),
        "smoothness": (2, 1),
    },
    x_range=(20, 110),
    y_range=(0.15, 0.9),
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The noisy slope becomes a staircase of plateaus with jumps between them, which is called **staircasing**.
# Smoothness, by contrast, undulates gently about the truth and has the better PSNR. In photographs, cheeks and skies
# get such false edges from TV.
# </details>
#
# **Predict before you run.** What does the same TV, with the same weight, make of the line without noise?

# %%
v = ramp_weight["total_variation"]
no_noise = fit_pixels(ramp, Identity(), total_variation, v, **options)
inside = float((no_noise - ramp)[..., 20:-20].abs().max())
print(f"TV without noise: largest error {inside:.3f}, 20 pixels or more from the ends")
show_curves(
    {"truth": ramp.flatten(), "total variation": no_noise.flatten()},
    "pixel",
    "gray value",
    alt="Without noise the curve of total variation lies on the straight line, except "
    "at the two ends, where it is flat.",
    title="A slope without noise stays a slope",
    looks={"truth": (5, 2), "total variation": (1, 0)},
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without noise TV keeps the slope, and only cuts off its two ends: the lengths of a rising line add up to its end
# minus its start, so it pays to bring these two closer together. Most people blame TV for disliking slopes, but an
# even slope and a staircase of the same height have the same total variation. TV is indifferent, and so the noise
# decides where the steps go.
# </details>
#
# **A wrong forward model.** So far we made $y$ with exactly the $A$ that we inverted, circular borders included. This
# is known as the **inverse crime**, and it makes every result look better than a real camera allows. Now we deblur
# the same $y$ with kernels that are too narrow or too wide, and give each method its best weight for each kernel.
#
# **Predict before you run.** The true blur has a width of 1.2. Which is worse, to assume 0.8 or 1.6, and is Tikhonov
# hurt more than TV?

# %%
Y, tv_by_width, tikhonov_by_width = torch.fft.fft2(noisy.double()), {}, {}
for width in (0.8, 1.0, 1.2, 1.4, 1.6):
    assumed = gaussian_kernel(9, width)
    K_wrong = torch.fft.fft2(blur(point, assumed))
    tikhonov_by_width[width] = max(
        psnr(
            torch.fft.ifft2(
                tikhonov_factors(v, K_wrong.abs()) * Y / K_wrong
            ).real.float(),
            clean,
        )
        for v in lambdas
    )
    print(f"assumed {width}: Tikhonov {tikhonov_by_width[width]:.1f} dB")
    tv_by_width[width], _ = best_of(
        noisy, Blur(assumed), total_variation, (0.003, 0.01, 0.03), clean
    )

# %%
for width, x in tv_by_width.items():
    losses = psnr(tv_by_width[1.2], clean) - psnr(x, clean), tikhonov_by_width[1.2]
    print(f"width {width}: TV loses {losses[0]:.1f} dB,", end=" ")
    print(f"Tikhonov {losses[1] - tikhonov_by_width[width]:.1f} dB")
swipe(
    {"TV, width 0.8": tv_by_width[0.8], "TV, width 1.6": tv_by_width[1.6]},
    alt="Two restorations with a wrong kernel: one that is still blurred, and one with "
    "exaggerated contrast at its edges and a dark and bright frame along the border.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# A narrow kernel leaves the image blurred. A wide one exaggerates: next to an edge, dark becomes darker and bright
# becomes brighter, and a frame appears along the border (move the line to compare; section 8 showed the restoration
# with the true kernel). For TV both errors cost about the same here: about one decibel for a kernel that is off by
# 0.2, and about two for one that is off by 0.4.
#
# Many people expect that the simpler method is hurt more. With a kernel that is too narrow, the two lose about
# equally much, so TV keeps its lead. With one that is too wide, Tikhonov hardly suffers, and at 1.4 it is even
# *better* than with the true kernel. A likely reason is that its penalty weakens the middle frequencies, and dividing
# by a smaller $|K|$ makes up for that.
# </details>


# %% tags=["nbval-check-output"]
def flat_share(x, slope=0.8 / 127):
    return float((torch.diff(x).abs() < slope / 4).float().mean())


photograph, grass = (gained[name, "total_variation"] for name in ("photograph", "lawn"))
less = 0 < grass < 0.6 * photograph
print(f"TV gains less than 60 percent as much on the lawn as on the photograph: {less}")
print(f"what TV removes from the lawn resembles the lawn: {correlation['lawn'] > 0.3}")
print(f"and less so for the photograph: {correlation['photograph'] < 0.2}")
stairs, soft = (flat_share(lines[name]) for name in ("total_variation", "smoothness"))
print(f"TV makes more than half of the noisy slope flat: {stairs > 1 / 2}")
print(f"smoothness less than a quarter: {soft < 1 / 4}")
print(f"without noise, TV keeps the slope away from its ends: {inside < 0.01}")
loss = {
    w: psnr(tv_by_width[1.2], clean) - psnr(x, clean) for w, x in tv_by_width.items()
}
far = min(loss[0.8], loss[1.6]) > 1
print(f"a kernel off by a third costs TV more than a decibel, on either side: {far}")

# %% [markdown]
# ## 10. A prior is needed: could a network be one?
#
# All penalties so far fit one formula:
#
# $$\min_x \; \underbrace{\tfrac12\|A x - y\|^2}_{\text{explain the data}} \; + \;
# \lambda \underbrace{R(x)}_{\text{resemble an image}} .$$
#
# The first part comes from physics, and the second one, $R$, is called the **prior**. The word comes from
# probability, as four lines show. In them $R(x)$ is any penalty, such as Tikhonov's $\tfrac12\|x\|^2$:
#
# 1. Bayes' rule: $p(x \mid y) \propto p(y \mid x)\, p(x)$, where $p(x)$ says how plausible an image is *before* there
#    are any data.
# 2. Gaussian noise: $p(y \mid x) \propto \exp\big(-\|Ax - y\|^2 / 2\sigma^2\big)$.
# 3. Write the plausibility as $p(x) \propto \exp(-\beta R(x))$: an image with a large penalty is improbable.
# 4. The most probable image minimizes $-\log p(x \mid y) = \|Ax - y\|^2 / 2\sigma^2 + \beta R(x)$ plus a constant.
#    Multiplied by $\sigma^2$, this is the formula above with $\lambda = \sigma^2 \beta$.
#
# So more noise needs more regularization, as the explorer showed. This is **MAP** estimation, the *maximum a
# posteriori*. In Tikhonov's case the prior says that pixels are independent Gaussian numbers with mean 0 and some
# variance $s^2$, so that $\beta = 1/s^2$ and $\lambda = \sigma^2 / s^2$. If each frequency may have its own variance,
# the filter is that of Wiener. Do not read too much into the word: images that are drawn at random from such a prior look
# nothing like photographs, for any of our penalties. The three priors that we tried are:
#
# | prior $R(x)$ | assumes that | fails on |
# | --- | --- | --- |
# | $\tfrac12\|x\|^2$ (Tikhonov) | values are small | holes, edges |
# | squared differences (smoothness) | the image is soft everywhere | edges |
# | total variation | flat areas meet at edges | texture, noisy slopes |
#
# Nobody can write down a formula for "looks like a photograph". Two ideas lead on from here:
# - **Look in the image itself.** Its small patches recur, at the same scale and at others, which is the subject of
#   lesson 02.
# - **Let a network be the prior.** Instead of the pixels $x$, we look for the weights $\theta$ of an untrained
#   convolutional network $f_\theta$ with a fixed input $z$, and minimize $\|A f_\theta(z) - y\|^2$. There are no
#   training images and no $R$. The network can come close to almost any image, noise included, so why should it
#   prefer good ones? Lesson 03, the deep image prior, answers.
#
# You already have what lesson 03 needs: an operator, its adjoint (autograd's), Adam, and a curve that rises and
# falls.
#
# > **Who found what.** *Hadamard* asked in 1902 which problems are well posed, and held that physics poses no others.
# > *Moore* (1920) and *Penrose* (1955) defined the pseudo-inverse. *Wiener* (1949) derived the best linear filter for
# > a known spectrum, and *Landweber* (1951) the iteration. *Phillips* (1962) and *Tikhonov* (1963) added a penalty to
# > the misfit, and *Morozov* (1966) chose its weight by the discrepancy principle. *Rudin, Osher and Fatemi* (1992)
# > replaced the squares by total variation.

# %% [markdown]
# ## Quiz
#
# Choose an answer to each question and open it, by a click or with *Tab* and *Enter*. Below it stands whether it is right, and why. The other answers are worth opening, too.
#
# **1.** You have written an adjoint for images of about 16,000 pixels. In the dot-product test, with 32-bit numbers, its relative gap is 0.005. What do you conclude?
#
# <details><summary>A. It is right, because a wrong adjoint would have a gap near one.</summary>
#
# **Wrong.** The gap is divided by the largest value that the product could have, and random directions never come near that value. Even a wrong adjoint has a gap of about a hundredth.
#
# </details>
# <details><summary>B. It is right up to half a percent, which is accurate enough for gradient descent.</summary>
#
# **Wrong.** The gap is no percentage of the error. A function that ignores its argument has a gap of about one percent as well.
#
# </details>
# <details><summary>C. It is wrong, since an unrelated function would have a gap of this size.</summary>
#
# **Right.** Two random directions in $n$ dimensions have a cosine of about $1/\sqrt n$, which is 0.008 here. The gap of a right adjoint is rounding, far below a millionth.
#
# </details>
# <details><summary>D. Nothing can be said after one draw, because the gap depends on chance.</summary>
#
# **Wrong.** The gap of a *wrong* adjoint depends on chance. That of a right one is rounding in every draw, so that one large gap is enough to refuse it.
#
# </details>
# <br>
#
# **2.** Half of the pixels of an image are lost, and the others are free of noise. A restoration agrees with all known pixels exactly. What does this say about its quality?
#
# <details><summary>A. It is as good as it can be, because no other image can have a smaller misfit.</summary>
#
# **Wrong.** Infinitely many images have the same misfit of zero, among them one with black holes and one with a lawn in the holes.
#
# </details>
# <details><summary>B. It is close to the truth, provided that the known pixels lie evenly over the image.</summary>
#
# **Wrong.** Evenly spread pixels make it easier for a prior to fill the holes, but the misfit is zero for good and for bad fillings.
#
# </details>
# <details><summary>C. It must have fitted noise, because a good restoration leaves a misfit of about σ.</summary>
#
# **Wrong.** The known pixels have no noise here, so that agreeing with them exactly is right. The rule about $\sigma$ is meant for noisy data.
#
# </details>
# <details><summary>D. Nothing about the lost pixels, which may have any value at the same misfit.</summary>
#
# **Right.** Whatever lives in the holes lies in the null space of the mask. Only knowledge that is not in the data can prefer one filling to another.
#
# </details>
# <br>
#
# **3.** You deblur by gradient descent, and the PSNR has its peak after 16 iterations. Now the noise is ten times weaker. Where is the peak?
#
# <details><summary>A. At the same iteration, because the factor 1 − |K|² by which errors shrink has not changed.</summary>
#
# **Wrong.** The pace of each frequency is indeed the same, but the noise that comes in with it is smaller. The peak lies where gain and noise balance, and this balance has moved.
#
# </details>
# <details><summary>B. Earlier, because there is less noise to be removed, so that fewer iterations do it.</summary>
#
# **Wrong.** Iterations do not remove noise, they let it in, frequency by frequency. With little noise one can afford more of them.
#
# </details>
# <details><summary>C. Later, because weaker frequencies can be fitted before their noise outweighs their gain.</summary>
#
# **Right.** The number of iterations plays the part of $1/\lambda$. Less noise needs less regularization, so that the best number of iterations grows.
#
# </details>
# <details><summary>D. Nowhere, because with so little noise the PSNR rises for as long as one iterates.</summary>
#
# **Wrong.** The finest frequencies are still amplified by a factor of hundreds of thousands if one waits long enough, so that even weak noise wins in the end.
#
# </details>
# <br>
#
# **4.** Which of these noisy images would you rather give to the smoothness penalty than to total variation, each with its best weight?
#
# <details><summary>A. A bare wall that becomes brighter from left to right</summary>
#
# **Right.** Total variation turns a noisy slope into a staircase, because it does not matter to it where the rise takes place. Squared differences favour an even rise.
#
# </details>
# <details><summary>B. A dark building in front of a cloudless sky that is evenly bright</summary>
#
# **Wrong.** One strong edge between two flat areas suits total variation. The smoothness penalty would have to choose between grain and a soft edge.
#
# </details>
# <details><summary>C. A drawing of large areas that are flat and have sharp outlines</summary>
#
# **Wrong.** This is exactly what total variation assumes, and there it leads by decibels. Squared differences would blur the outlines.
#
# </details>
# <details><summary>D. A page with large black letters on white paper, evenly lit</summary>
#
# **Wrong.** Letters are flat areas with edges. The penalty on squared differences makes each jump expensive and therefore blurs it.
#
# </details>
# <br>
#
# **5.** In a comparison, total variation has the best of ten weights, each judged with the truth, and leads by 4 dB over Tikhonov, whose weight was taken from an earlier experiment. What would make the comparison fair?
#
# <details><summary>A. To give both of them the same number as their weight, such as 0.01</summary>
#
# **Wrong.** The two penalties have different units, so that the same number means a different strength. An equal number is not an equal chance.
#
# </details>
# <details><summary>B. To repeat both on many more images, each with the weight that it now has</summary>
#
# **Wrong.** More images make the same unfairness more certain. Tikhonov would still run at a weight that was chosen for something else.
#
# </details>
# <details><summary>C. To report the misfit of both in place of the PSNR, since it needs no truth</summary>
#
# **Wrong.** A smaller misfit is no better image, because the misfit also falls when noise is being fitted.
#
# </details>
# <details><summary>D. To search the weight of Tikhonov as widely, and in the same way</summary>
#
# **Right.** A part of the lead may come from the search and not from the penalty. Only if both have the same search does the difference belong to the penalties.
#
# </details>

# %% [markdown]
# ## Exercises
#
# **1. The adjoint of a derivative.** Write the adjoint of `differences`, a function of two images that returns one,
# and test it. Which image do you get from `differences_adjoint(*differences(x))`, and where have you met it? Hint:
# `differences` has two outputs, so the left side of the definition is the sum of two inner products. And in its last
# row or column a difference is always zero, whatever $x$ is.
#
# <details><summary>Solution</summary>
#
# ```python
# def differences_adjoint(down, right):
#     down, right = down.clone(), right.clone()
#     down[..., -1, :], right[..., -1] = 0, 0  # the last differences are always zero
#     from_above = torch.nn.functional.pad(down, (0, 0, 1, 0))[..., :-1, :]
#     from_left = torch.nn.functional.pad(right, (1, 0))[..., :-1]
#     return from_above - down + from_left - right
#
# x, p, q = torch.randn(3, 1, 1, 9, 9)
# down, right = differences(x)
# print(torch.sum(down * p) + torch.sum(right * q), torch.sum(x * differences_adjoint(p, q)))
# ```
#
# Each difference $x_{i+1} - x_i$ carries its value back with weight 1 to pixel $i+1$ and with weight $-1$ to pixel
# $i$. (Vector analysis knows this adjoint as minus the *divergence*.) Applied to the differences of $x$ it is half
# the gradient of `smoothness`, as autograd would find, and inside the image it is minus the Laplacian: four times the
# pixel minus its four neighbours.
# </details>
#
# **2. Which matrix to invert?** Show that $(A^T A + \lambda I)^{-1} A^T = A^T (A A^T + \lambda I)^{-1}$, and check it
# for the 8 × 24 matrix of section 2. Which of the two sides would you compute, and why?
#
# <details><summary>Solution</summary>
#
# Both $(A^T A + \lambda I) A^T$ and $A^T (A A^T + \lambda I)$ are $A^T A A^T + \lambda A^T$, so they are equal.
# Multiply by the first inverse from the left and by the second one from the right.
#
# ```python
# M = matrices["blur, keep every third"]
# left = torch.linalg.solve(M.T @ M + 0.01 * torch.eye(24), M.T)
# right = M.T @ torch.linalg.inv(M @ M.T + 0.01 * torch.eye(8))
# print(torch.allclose(left, right, atol=1e-4))
# ```
#
# The right side inverts a matrix of 8 × 8 instead of 24 × 24, so it is cheaper where there are fewer data than
# unknowns. As $\lambda$ goes to 0, both become $A^+$. Lesson 04 uses the right side to keep a pseudo-inverse from
# amplifying noise.
# </details>
#
# **3. A better target.** Tikhonov pulls all values towards 0 and darkens the image. Change the penalty to
# $\|x - m\|^2$ with the mean brightness $m$ of $y$. How does the solution change, and how many decibels does it gain
# at the best $\lambda$? Predict the number before you measure it.
#
# <details><summary>Solution</summary>
#
# Substitute $u = x - m$ and use that $Am = m$, because the kernel sums to 1. Then $u$ is Tikhonov's solution for the
# data $y - m$, and $m$ is added at the end.
#
# ```python
# m = noisy.mean()
# better = {v: restore(tikhonov_factors(v, K.abs()), noisy - m) + m for v in lambdas}
# print(max(psnr(x, clean) for x in better.values()))
# ```
#
# It gains about a quarter of a decibel over Tikhonov, and this is half of the distance to gradient descent. Most
# people expect more, because the darkening is the one error that can be put in words. But it only concerns one
# frequency of 15,876. The other half comes from the shape of the filter.
# </details>
#
# ## Summary
#
# 1. An inverse problem asks for $x$ in $y = A(x) + n$. Here $A$ is known and linear: mask, blur, downsampling.
# 2. The adjoint carries residuals back: $A^T(Ax - y)$ is the gradient. The dot-product test needs a tolerance near
#    rounding.
# 3. A null space lets many images fit exactly, so Hadamard's uniqueness fails. Small singular values amplify noise, so
#    stability nearly fails.
# 4. Early stopping, truncation and Tikhonov are filters of the same form. Their error is bias plus noise, and
#    U-shaped.
# 5. Squared differences blur edges, whereas total variation keeps them, but removes texture and turns noisy slopes
#    into stairs.
#
# **What breaks it.** A wrong $A$: a kernel off by a third costs TV about two decibels. Noise of another kind or
# strength than assumed. A weight chosen with the truth, as in our comparisons. Images that differ from what the prior
# assumes.
#
# **Papers**
# - J. Hadamard, *Sur les problèmes aux dérivées partielles et leur signification physique*, Princeton University
#   Bulletin, 1902: what a problem needs to have a meaning in physics.
# - L. Landweber, [*An iteration formula for Fredholm integral equations of the first
#   kind*](https://doi.org/10.2307/2372313), American Journal of Mathematics, 1951: gradient descent on the misfit.
# - D. L. Phillips, [*A technique for the numerical solution of certain integral equations of the first
#   kind*](https://doi.org/10.1145/321105.321114), Journal of the ACM, 1962: a penalty on second differences.
# - A. N. Tikhonov, *Solution of incorrectly formulated problems and the regularization method*, Soviet Mathematics
#   Doklady, 1963: the penalty as a general method.
# - V. A. Morozov, *On the solution of functional equations by the method of regularization*, Soviet Mathematics
#   Doklady, 1966: the discrepancy principle.
# - L. I. Rudin, S. Osher, E. Fatemi, [*Nonlinear total variation based noise removal
#   algorithms*](https://doi.org/10.1016/0167-2789(92)90242-F), Physica D, 1992: lengths instead of squares.
# - H. W. Engl, M. Hanke, A. Neubauer, *Regularization of Inverse Problems*, Kluwer, 1996: the textbook, with the
#   proofs.
# - D. Ulyanov, A. Vedaldi, V. Lempitsky, [*Deep Image Prior*](https://arxiv.org/abs/1711.10925), CVPR 2018: where
#   lesson 03 goes.
#
# **Problem set.** [Problem set 01](../exercises/ps01_inverse_problems/ps01_inverse_problems.ipynb): write an adjoint
# and prove it, predict noise, find out why four runs fail.
