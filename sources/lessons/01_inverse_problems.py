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
# A camera shakes, a sensor is noisy, a scan is torn. We hold the damaged picture and want the other one.
# This lesson says what that question means, solves it in the classical ways, and shows where they stop.
#
# **What you will be able to do**
# - write a degradation as `y = A(x) + n`, and say what each letter is;
# - build the operators of this course (mask, blur, downsampling) and their adjoints, and test an adjoint;
# - explain the two ways in which inverting fails: noise is amplified, and many answers fit;
# - restore a picture with least squares, Tikhonov regularization and total variation;
# - say what each of them assumes, and find a picture on which it fails.
#
# **Before you start.** You know matrices, the transpose, the gradient of a function, and a little PyTorch.
# You have heard of the Fourier transform. Nothing about image restoration is assumed.
#
# **Time.** Under a minute of computing on 2 CPU cores, and an hour or more of reading and predicting.
# On a GPU: not measured. The pictures are small, so this lesson stays on the CPU everywhere.

# %%
import torch
from matplotlib.figure import Figure

from dil_course import runtime
from dil_course.checks import compare
from dil_course.figures import show_curves, show_figure, show_images
from dil_course.signals import Blur, BlurDownsample, Downsample, Identity, Mask
from dil_course.signals import add_gaussian, gaussian_kernel, picture, psnr

# For such small pictures a second thread costs more than it brings
torch.set_num_threads(1)
clean = picture("camera", side=126)
show_images(
    {"x, the picture we want": clean},
    alt="The head of a man in profile, looking into a camera on a tripod.",
)

# %% [markdown]
# ## 1. Four ways to lose a picture
#
# In this lesson $x$ is the picture that we want. We never see it. We see
#
# $$y = A(x) + n .$$
#
# - $A$ is the **forward model**, or *operator*: what the camera does to the picture. We assume that we know it.
# - $n$ is the **noise**: what we know only statistically, for example its standard deviation $\sigma$.
#
# Going from $x$ to $y$ is the *forward* problem. It is easy: run the camera.
# Going from $y$ back to $x$ is the **inverse problem**. It is what this course is about.
#
# Three operators come back in every lesson. We build them by hand.
# The first hides pixels. The second is a blur: each pixel becomes a weighted mean of its neighbours.
# A blur adds up shifted copies of the picture, and the *kernel* holds the weight of each shift.


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
# `torch.roll` shifts the picture, and what leaves on the right comes back on the left.
# So our blur has *circular borders*. No real camera has them. They make the mathematics short, and only the
# outermost pixels notice.
#
# The third operator makes the picture three times smaller: blur it, then keep the middle pixel of each block of
# 3 × 3. Keeping every third pixel only is called *decimation*.


# %%
def shrink(x, kernel, scale=3):
    return blur(x, kernel)[..., scale // 2 :: scale, scale // 2 :: scale]


with runtime.seeded(0):
    kept = (torch.rand(clean.shape) < 0.5).float()
kernel = gaussian_kernel(9, 1.2)
lost = {"mask: half of the pixels": hide(clean, kept), "blur": blur(clean, kernel)}
lost |= {
    "a third of the size": shrink(clean, kernel),
    "noise, sigma 25/255": add_gaussian(clean, 25 / 255),
}
alt = "One photograph four times: half of its pixels black; blurred; "
alt += "made of few pixels; noisy."
show_images(lost, alt=alt)

# %% [markdown]
# We observe four damages, and each has a name when we try to undo it:
#
# | operator $A$ | size of $y$ | the inverse problem is called |
# | --- | --- | --- |
# | mask | as $x$, but only some pixels say something | inpainting |
# | blur | as $x$ | deblurring, deconvolution |
# | blur and decimation | nine times fewer pixels | super-resolution |
# | identity, $A(x) = x$ | as $x$ | denoising |
#
# ## 2. An operator is a matrix
#
# All three operators are **linear**: $A(ax + bz) = aA(x) + bA(z)$. A linear map of numbers to numbers is a matrix.
# Here is how to find it. Feed in a signal that is 1 at one place and 0 elsewhere. What comes out is one column.
#
# We do this for signals with 24 samples on a line. Then the whole matrix can be looked at.


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
# **Predict before you run.** Sketch the three matrices: where are the entries that are not zero?
# What shape has the third?

# %%
figure = Figure(figsize=(10, 3.6), layout="constrained")
for place, (name, matrix) in enumerate(matrices.items(), start=1):
    axes = figure.add_subplot(1, 3, place)
    shown = axes.imshow(matrix, cmap="viridis", vmin=0, vmax=1)
    axes.set(
        title=f"{name}: {matrix.shape[0]} x {matrix.shape[1]}",
        xlabel="sample of x",
        ylabel="sample of y",
    )
figure.colorbar(shown, ax=figure.axes, shrink=0.8)
show_figure(
    figure, alt="Three matrices: a band; a diagonal with gaps; a wide, flat staircase."
)

# %% [markdown]
# We observe:
# - the blur is a band. Each row is the same kernel, moved by one. In two corners it wraps around;
# - the mask is diagonal, with a 0 for each hidden sample;
# - decimation keeps every third row of the blur. The matrix is wide: 24 unknowns, 8 equations.
#
# Why do we not always write the matrix? Our picture has 126 × 126 = 15,876 pixels. Its blur matrix would have
# 252 million entries, about 1 GB, nearly all of them zero. A function does the same and needs no memory.
# So from here on $A$ is a *function*, but we think of it as a matrix.

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
# Solving for $x$ needs $A^T$, the transpose. Without a matrix there is nothing to transpose. The **adjoint** is the
# function that does what the transpose would do. One property defines it:
#
# $$\langle A x,\, y \rangle = \langle x,\, A^T y \rangle \quad \text{for all } x \text{ and } y ,$$
#
# where $\langle a, b \rangle$ is the sum of all products of entries. Read it so: $A$ carries each pixel of $x$ to some
# pixels of $y$ with some weights. $A^T$ walks the same roads backwards, *with the same weights*. It is not the inverse.
#
# - **Mask.** Diagonal, so $A^T = A$.
# - **Blur.** A shift forward by three becomes a shift back by three. So: blur with the kernel turned by 180°.
# - **Blur and decimation.** $A = SB$ with blur $B$ and decimation $S$, so $A^T = B^T S^T$: the order turns round.
#   $S$ moves pixel (1, 1) of each block to the small picture. So $S^T$ puts it back *at (1, 1)*, and leaves zeros
#   elsewhere. This is called *zero-filling*.


# %%
def blur_adjoint(y, kernel):
    return blur(y, kernel.flip(0, 1))


def shrink_adjoint(y, kernel, scale=3):
    zero_filled = torch.zeros(*y.shape[:-2], y.shape[-2] * scale, y.shape[-1] * scale)
    zero_filled[..., scale // 2 :: scale, scale // 2 :: scale] = y
    return blur_adjoint(zero_filled, kernel)


# %% [markdown]
# How do we know that an adjoint is right? Draw random $x$ and $y$, and compute both sides of the definition.
# This is the **dot-product test**. It takes four lines, and nearly every mistake fails it.
# A kernel that is not symmetric is the better test: turning a Gaussian by 180° changes nothing, so we would not
# notice that we forgot to. We take the blur of a camera that moves to the right and speeds up.


# %%
def dot_product_gap(A, adjoint, side=126):
    with runtime.seeded(2):
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
# We observe gaps of $10^{-8}$ or less. That is the rounding of 32-bit numbers: all three adjoints are right.
#
# Now three mistakes that people really make:
# 1. blurring with the kernel as it is, not turned;
# 2. putting the pixels back at (0, 0) of each block, though they were taken from (1, 1);
# 3. enlarging the small picture by repeating each pixel, because it "looks like" the opposite of shrinking.
#
# **Predict before you run.** Which of the three fail the test? How large is the gap: near 0.1, 0.001, or rounding?


# %%
def misplaced(y):
    return shrink_adjoint(y, motion).roll((-1, -1), dims=(-2, -1))


def repeated(y):
    return y.repeat_interleave(3, dim=-2).repeat_interleave(3, dim=-1)


pairs = {
    "kernel not turned": (lambda x: blur(x, motion), lambda y: blur(y, motion)),
    "pixels put back at (0, 0)": (lambda x: shrink(x, motion), misplaced),
    "pixels repeated": (lambda x: shrink(x, motion), repeated),
}
wrong = {name: dot_product_gap(*pair) for name, pair in pairs.items()}
print("\n".join(f"{name}: relative gap {gap:.1e}" for name, gap in wrong.items()))

# %% [markdown]
# We observe gaps that are hundreds of thousands of times larger than rounding. All three fail.
# The third one is tempting because its output is a pretty picture. The output of a true adjoint need not be pretty.
# Look: the adjoint of shrinking is dark, since it shares each value among all the pixels that it came from. And it is
# uneven: pixels between two kept ones got less.

# %%
small = shrink(clean, kernel)
carried_back = shrink_adjoint(small, kernel)
shown = {"y": small, "adjoint of y": carried_back, "9 x adjoint of y": 9 * carried_back}
alt = "A small picture; its adjoint, very dark; "
alt += "the same nine times brighter, with a grid; a blocky enlargement."
show_images(shown | {"pixels repeated: not the adjoint": repeated(small)}, alt=alt)

# %% tags=["nbval-check-output"]
print(f"our three adjoints pass the dot-product test: {max(gaps.values()) < 1e-6}")
print(f"all three mistakes fail it: {min(wrong.values()) > 1e-4}")

# %% [markdown]
# The library has these operators too. `A(x)` applies one, `A.adjoint(y)` its adjoint. It computes blurs by the fast
# Fourier transform, so it does not go through our loop. We check that it gives our numbers. From here on we use it.

# %%
same = [compare("mask", Mask(kept)(clean), hide(clean, kept))]
same += [compare("blur", Blur(motion)(clean), blur(clean, motion))]
adjoint = blur_adjoint(clean, motion)
same += [compare("blur, adjoint", Blur(motion).adjoint(clean), adjoint)]
shrinking, adjoint = BlurDownsample(motion, 3), shrink_adjoint(small, motion)
same += [compare("shrink", shrinking(clean), shrink(clean, motion))]
same += [compare("shrink, adjoint", shrinking.adjoint(small), adjoint)]

# %% [markdown]
# `Downsample(scale)` is a fourth operator. It is the antialiased bicubic shrinking with which the super-resolution
# literature makes its test pictures. Its kernel is a cubic instead of a Gaussian. It must pass the same test.

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
# Which $x$ explains $y$? A first idea: the one whose simulated measurement is closest to the real one,
#
# $$\min_x \; \tfrac12 \|A x - y\|^2 .$$
#
# The gradient is $A^T(Ax - y)$. In words: simulate, compare, carry the error back by the adjoint.
# **Gradient descent** repeats $x \leftarrow x - \text{step} \cdot A^T(Ax - y)$.
#
# PyTorch can differentiate too. It must find the same gradient, because backpropagation through a linear layer *is*
# its adjoint. Here is least squares with our own hands:


# %%
def least_squares(y, A, step, iterations):
    x = torch.zeros_like(A.adjoint(y))
    for _ in range(iterations):
        x = x - step * A.adjoint(A(x) - y)
    return x


A_small = BlurDownsample(kernel, 3)
unknown = torch.zeros_like(clean, requires_grad=True)
(0.5 * torch.sum((A_small(unknown) - small) ** 2)).backward()
gradient_is_adjoint = compare(
    "gradient", unknown.grad, A_small.adjoint(A_small(unknown.detach()) - small)
)

# %% [markdown]
# How large may the step be? Gradient descent converges when the step is below $2 / \|A\|^2$, where $\|A\|$ is the
# largest factor by which $A$ stretches any picture. We measure it by *power iteration*: apply $A^T A$ again and again,
# and the direction that is stretched most wins.
#
# **Predict before you run.** We take the steps $1/\|A\|^2$ and $2.5/\|A\|^2$. What does the second one do?


# %%
def squared_norm(A, x):
    for _ in range(50):
        x = A.adjoint(A(x))
        x = x / x.norm()
    return float(A(x).norm() ** 2)


norm = squared_norm(A_small, clean)
for factor in (1.0, 2.5):
    estimate = least_squares(small, A_small, factor / norm, iterations=100)
    print(
        f"step {factor} / |A|^2: misfit |Ax - y| = "
        f"{(A_small(estimate) - small).norm():.1e}"
    )

# %% [markdown]
# We observe that the first step explains the data to rounding. The second one overshoots, each time by more, and ends
# in numbers without sense. A run that explodes is most often a step that is too large.
#
# Started at zero, gradient descent does not go to just any solution. Each update is $A^T$ of something. So of all
# solutions it finds the one of smallest norm $\|x\|$. This solution is linear in $y$ and has a name:
# the **pseudo-inverse** $A^+ y$. The library knows it as `A.pinv(y)`.

# %%
estimate = least_squares(small, A_small, 1 / norm, iterations=200)
gap_to_pinv = float((estimate - A_small.pinv(small)).abs().max())
shown = {
    "x": clean,
    "y": small,
    "gradient descent": estimate,
    "pseudo-inverse": A_small.pinv(small),
}
alt = "The photograph, its small version, and two equal enlargements, soft, with a "
alt += "grid over bright areas."
show_images(shown, alt=alt)
print(f"largest difference between the two: {gap_to_pinv:.1e}")
print(f"pseudo-inverse: {psnr(A_small.pinv(small), clean):.1f} dB")

# %% [markdown]
# The last number is the **PSNR**, the peak signal-to-noise ratio: $-10 \log_{10}$ of the mean squared error, for
# pictures in [0, 1]. Higher is better. Six decibels more means half the root-mean-square error.
#
# We observe that the two agree. But the result is soft, and a grid lies over the bright areas, although it explains
# $y$ *exactly*. How can a picture that is wrong explain the data exactly? Section 5 answers.

# %% tags=["nbval-check-output"]
print(f"autograd's gradient is the adjoint of the misfit: {gradient_is_adjoint}")
print(f"gradient descent from zero arrives at the pseudo-inverse: {gap_to_pinv < 1e-3}")
for A in (Mask(kept), A_small, Downsample(3)):
    y = A(clean)
    print(
        f"{type(A).__name__}: A(pinv(y)) = y: "
        f"{torch.allclose(A(A.pinv(y)), y, atol=1e-4)}"
    )

# %% [markdown]
# ## 5. First trouble: many pictures fit
#
# Let $v$ be a picture that the camera cannot see: $A v = 0$. All such pictures make up the **null space** of $A$.
# If $x$ explains the data, then so does $x + v$, since $A(x + v) = Ax + Av = Ax$.
#
# For a mask, $v$ is anything that lives in the holes. For shrinking, the null space is large: 15,876 unknowns,
# 1,764 equations. It is easy to make a member: take any picture $u$ and remove what the camera sees of it,
# $v = u - A^+ A u$.
#
# **Predict before you run.** We hide a piece of lawn in the null space and add it to the photograph.
# How much do the data change? Will you see the lawn?

# %%
lawn = picture("grass", side=126)
unseen = lawn - A_small.pinv(A_small(lawn))
other = clean + unseen
shown = {"x": clean, "v, plus a half": unseen + 0.5, "x + v": other}
alt = "The photograph; fine blades and a grid; their sum, a face under grass; "
alt += "the same small picture as before."
show_images(shown | {"A(x + v)": A_small(other)}, alt=alt)
data_change = float((A_small(other) - A_small(clean)).abs().max())
print(
    f"x and x + v are {psnr(other, clean):.1f} dB apart; largest change of the data: "
    f"{data_change:.1e}"
)

# %% [markdown]
# We observe two pictures that differ everywhere, and a camera that cannot tell them apart.
#
# This is the heart of the matter. **The data alone cannot say which picture is right.** A smaller misfit is no help:
# both have misfit zero. Whoever prefers one of them uses knowledge that is not in $y$. The pseudo-inverse, too, has
# made a choice: "the unseen part is zero". It is a poor choice. It leaves holes black, and it made the grid that you
# saw in section 4.

# %% tags=["nbval-check-output"]
patched = clean + hide(lawn, 1 - kept)
print(
    f"shrinking: a null-space picture leaves the data unchanged: {data_change < 1e-4}"
)
print(
    f"shrinking: the two pictures are less than 30 dB apart: {psnr(other, clean) < 30}"
)
print(
    "mask: grass in the holes leaves the data unchanged: "
    f"{torch.equal(Mask(kept)(patched), Mask(kept)(clean))}"
)

# %% [markdown]
# ## 6. Second trouble: noise is amplified
#
# Our blur has as many equations as unknowns. Is deblurring easy, then?
#
# A circular blur does one simple thing to each frequency: it multiplies it by a number. This number is the kernel's
# *spectrum* $K$, its Fourier transform. The **singular values** of a matrix are the factors by which it
# stretches its own special directions. For a circular blur these directions are the waves, and the factors are $|K|$.
#
# To get $K$ without trouble about where the centre is: blur one bright point and transform. We use 64-bit numbers
# here, so that rounding does not hide the small ones.

# %%
point = torch.zeros_like(clean, dtype=torch.float64)
point[..., 0, 0] = 1
K = torch.fft.fft2(blur(point, kernel))
weaker = Blur(gaussian_kernel(9, 0.8)).spectrum(clean).abs()
curves = {}
for name, s in {"blur with sigma 1.2": K.abs(), "blur with sigma 0.8": weaker}.items():
    values = s.flatten().sort(descending=True).values
    curves[name] = torch.linspace(0, 100, len(values)), values
alt = "Both curves fall from 1, the stronger blur to 0.000003, the weaker to 0.008."
labels = ("percent of the singular values", "singular value", alt)
show_curves(curves, *labels, title="Two blurs", log_y=True)

# %% [markdown]
# We observe that the stronger blur multiplies its finest waves by three millionths. They are not gone, but nearly.
# The ratio of the largest to the smallest singular value is the *condition number*, here about 330,000.
# A problem with a large one is called **ill-posed** (or, strictly, ill-conditioned): tiny changes of $y$ make huge
# changes of $x$.
#
# To invert the blur, divide by $K$. The noise in the finest waves is then multiplied by 330,000 as well.
#
# **Predict before you run.** We blur and invert (a) exactly, (b) after rounding $y$ to the 256 gray levels of a file,
# (c) after adding weak noise with $\sigma = 5/255$. In $y$ nobody sees the difference between (a) and (b), and the
# noise of (c) is faint. Will you see it in the result?


# %%
def invert(y):
    return torch.fft.ifft2(torch.fft.fft2(y) / K).real


blurred, sigma = blur(clean.double(), kernel), 5 / 255
noisy = add_gaussian(blurred, sigma)
inputs = {
    "exact": blurred,
    "rounded to 256 levels": (blurred * 255).round() / 255,
    "sigma 5/255": noisy,
}
inverted = {name: psnr(invert(y), clean.double()) for name, y in inputs.items()}
shown = {"y, sigma 5/255": noisy}
shown |= {f"{name}: {inverted[name]:.0f} dB": invert(y) for name, y in inputs.items()}
alt = "A blurred photograph; its perfect inversion; "
alt += "two inversions that are only specks."
show_images(shown, alt=alt)

# %% [markdown]
# We observe a perfect picture from exact data. Saving $y$ as an ordinary 8-bit file is enough to destroy it.
# A PSNR of −29 dB means errors 28 times as large as the whole range from black to white; −54 dB, 500 times.
#
# The size of the disaster can be computed beforehand. White noise has the variance $\sigma^2$ in each wave, and
# inverting multiplies it by $1/|K|^2$. So the mean squared error is $\sigma^2 \cdot \text{mean}(1/|K|^2)$.
#
# Now look at gradient descent on the same noisy data. It fits strong waves first and weak waves late.
#
# **Predict before you run.** The misfit falls at every step. Draw the PSNR over 300 iterations.

# %%
noisy = noisy.float()
A, estimate, quality, misfit = Blur(kernel), torch.zeros_like(clean), [], []
for _ in range(300):
    estimate = estimate - A.adjoint(A(estimate) - noisy)
    quality.append(psnr(estimate, clean))
    misfit.append(float((A(estimate) - noisy).norm()))
best = max(range(300), key=quality.__getitem__)
alt = "PSNR rises in 15 iterations to 26 dB, then falls to 20 dB, below that of y."
show_curves(
    {"gradient descent": quality, "the blurred, noisy y": [psnr(noisy, clean)] * 300},
    x_label="iteration",
    y_label="PSNR (dB)",
    title="The fit gets better all the time, the picture does not",
    alt=alt,
)

# %% [markdown]
# We observe a rise, a peak after some fifteen iterations, and a long fall that ends far below $y$ itself. The fit to
# $y$ gets better all the way, but after the peak it is the *noise* that is being fitted. This is called
# **semi-convergence**. Stopping early is a cure: it leaves the weak, noisy waves alone. Remember this curve.
# Lesson 03 finds the same shape with a network.

# %% tags=["nbval-check-output"]
predicted = -10 * torch.log10(sigma**2 * (1 / K.abs() ** 2).mean())
line_factors = torch.fft.fft(matrices["blur"][:, 0]).abs().sort(descending=True).values
exact = torch.linalg.svdvals(matrices["blur"])
print(
    "singular values by SVD are the size of the spectrum: "
    f"{torch.allclose(exact, line_factors, atol=1e-5)}"
)
print(f"exact data invert, above 60 dB: {inverted['exact'] > 60}")
print(f"noisy data do not, below 0 dB: {inverted['sigma 5/255'] < 0}")
print(
    "the formula predicts the error within 1 dB: "
    f"{abs(float(predicted) - inverted['sigma 5/255']) < 1}"
)
print(f"the misfit falls to the end: {misfit[-1] < misfit[best] < misfit[0]}")
peak = quality[best]
print(
    "the PSNR rises by 2 dB or more, then falls by 4 dB or more: "
    f"{peak > quality[0] + 2 and quality[-1] < peak - 4}"
)

# %% [markdown]
# ## 7. Tikhonov: a price on large pictures
#
# The remedy for both troubles is to say what we *prefer*, and to add it to the misfit. This is **regularization**.
# Tikhonov's version prefers small values:
#
# $$\min_x \; \|A x - y\|^2 + \lambda \|x\|^2
# \quad\Rightarrow\quad \hat x = (A^T A + \lambda I)^{-1} A^T y .$$
#
# For a circular blur all of this is diagonal in the waves: $\hat X = \overline{K}\, Y / (|K|^2 + \lambda)$.
# Where $|K|^2 \gg \lambda$, this divides by $K$, as before. Where $|K|^2 \ll \lambda$, it gives nearly zero.
# The weak waves are switched off, and the noise goes with them.
#
# **Predict before you run.** We try 41 values of $\lambda$, from $10^{-8}$ to 1. What does the *error* look like at
# both ends, and why?


# %%
def tikhonov(y, weight):
    spectrum = K.conj() * torch.fft.fft2(y) / (K.abs() ** 2 + weight)
    return torch.fft.ifft2(spectrum).real.float()


weights = torch.logspace(-8, 0, 41).tolist()
errors = [float(torch.mean((tikhonov(noisy, w) - clean) ** 2)) for w in weights]
lowest = min(range(len(weights)), key=errors.__getitem__)
alt = "The error falls as lambda grows, to a minimum near 0.03, then rises again."
curves = {
    "Tikhonov": (weights, errors),
    "y itself": (weights, [float(torch.mean((noisy - clean) ** 2))] * 41),
}
labels = ("weight lambda", "mean squared error", alt)
show_curves(curves, *labels, log_x=True, log_y=True)

# %% [markdown]
# We observe the letter U. On the left the noise is amplified. On the right the picture itself is switched off.
# Between them is a compromise, and only there do we gain over $y$ itself. Here are three places on the curve.

# %%
shown = {"y": noisy}
for name, weight in {
    "too small": 1e-4,
    "best": weights[lowest],
    "too large": 1.0,
}.items():
    restored = tikhonov(noisy, weight)
    shown[f"{name}: {weight:.1g}, {psnr(restored, clean):.1f} dB"] = restored
alt = "The blurred photograph; a restoration buried in noise; one with some grain; "
alt += "a dark one."
show_images(shown, alt=alt)

# %% [markdown]
# We observe that even the best one is not good. It still has grain, its edges are soft, and it is a bit too dark,
# because $\lambda$ pulls all values towards zero. It gains only about 1.5 dB over $y$.
#
# There is a catch. "Best" used the truth, and in real life we do not have it. One honest rule is the **discrepancy
# principle**: the true picture would leave a misfit of $\sigma$ per pixel. So do not fit better than that. Take
# the largest $\lambda$ whose misfit is at most $\sigma$. It needs $\sigma$, but not the truth.


# %%
def rms_misfit(x):
    return float((A(x) - noisy).square().mean().sqrt())


allowed = [weight for weight in weights if rms_misfit(tikhonov(noisy, weight)) <= sigma]
honest, best_tikhonov = (
    psnr(tikhonov(noisy, weight), clean) for weight in (max(allowed), weights[lowest])
)
print(f"discrepancy principle: lambda {max(allowed):.1e}, {honest:.1f} dB")
print(f"with the truth:        lambda {weights[lowest]:.1e}, {best_tikhonov:.1f} dB")

# %% [markdown]
# We observe that the honest choice costs less than half a decibel. Later lessons look for such rules again and again.
#
# **Where Tikhonov fails.** It knows nothing about pictures: shuffle all pixels, and $\|x\|^2$ stays the same.
# It can only switch waves off, and an edge needs all waves. So it must choose between grain and soft edges.
# For inpainting it is of no use at all: a hole costs nothing when it is black, so holes stay black.

# %% tags=["nbval-check-output"]
plain = psnr(A.pinv(noisy), clean)
print(
    "the best Tikhonov beats the library's least squares by 5 dB or more: "
    f"{best_tikhonov > plain + 5}"
)
print(
    "the error is a U, 3 dB lower than at both ends: "
    f"{2 * errors[lowest] < min(errors[0], errors[-1])}"
)
print(
    "the discrepancy principle lands within 1 dB of the best: "
    f"{best_tikhonov - honest < 1}"
)

# %% [markdown]
# One remark on this check. The library's `Blur.pinv` is kinder than our `invert`: it drops the waves whose $|K|$ is
# below a thousandth of the largest. Thousandfold noise is still noise. Dropping waves is a form of
# regularization, too: the *truncated* pseudo-inverse.
#
# ## 8. Total variation: a price on change
#
# What do we know about pictures? Neighbouring pixels are mostly alike. So let us put the price on *differences* of
# neighbours. There are two ways, and the small difference in the formula makes a large one in the picture:
#
# - **smoothness**: the sum of *squared* differences. This is Tikhonov's idea again, with differences in place of $x$;
# - **total variation (TV)**: the sum of their *lengths*, $\sum \sqrt{d_\text{down}^2 + d_\text{right}^2}$.
#
# Go from 0 to 1 along a line, in one jump or in ten steps of 0.1. Squared differences cost 1 for the jump and
# $10 \cdot 0.1^2 = 0.1$ for the steps, so smoothness hates edges. The lengths add up to 1 both ways: TV does not mind
# an edge. It minds *wiggles*, which go up and come down again.


# %%
def differences(x):
    return torch.diff(x, dim=-2, append=x[..., -1:, :]), torch.diff(
        x, dim=-1, append=x[..., -1:]
    )


def smoothness(x):
    down, right = differences(x)
    return torch.sum(down**2 + right**2)


def total_variation(x):
    down, right = differences(x)
    return torch.sum(torch.sqrt(down**2 + right**2 + 1e-6))


# %% [markdown]
# The `1e-6` rounds off the tip of the square root, which has no slope at zero. That is *smoothed* TV.
# TV has no closed form. So we do what later lessons do with networks: make the unknown a tensor with a gradient, let
# autograd differentiate, and let the optimizer Adam step. The unknown here is the picture itself, one number a pixel.


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
# First, deblurring. To be fair, each method gets the best of a few weights for this picture, found with the truth.
#
# **Predict before you run.** Order the three: Tikhonov, smoothness, TV. Where in the picture will they differ?

# %%
results = {"Tikhonov": tikhonov(noisy, weights[lowest])}
results["smoothness"] = fit_pixels(noisy, A, smoothness, weight=0.01)
results["TV"] = fit_pixels(noisy, A, total_variation, weight=0.003)
deblurred = {name: psnr(x, clean) for name, x in results.items()}
shown = {f"y: {psnr(noisy, clean):.1f} dB": noisy}
shown |= {f"{name}: {deblurred[name]:.1f} dB": x for name, x in results.items()}
alt = "Blurred and noisy; Tikhonov with grain; smoothness, soft; "
alt += "TV with flat areas and firm edges."
show_images(shown, alt=alt)

# %% [markdown]
# We observe that each gains over the one before. TV has flat areas without grain and the firmest edges. A price
# that knows a little about pictures is worth several decibels. But look at the cheek: TV made patches of it.
# We come back to that in section 9.
#
# Next, inpainting, without noise, and with one fixed weight for each method. We take the photograph and a drawing
# made of flat areas.
#
# **Predict before you run.** In which of the two pictures is TV far ahead of smoothness?

# %%
across = torch.linspace(-1, 1, 126)
down, right = torch.meshgrid(across, across, indexing="ij")
drawing = 0.15 + 0.55 * ((right + 0.3) ** 2 + (down + 0.2) ** 2 < 0.25).float()
drawing[(right + down - 0.7).abs() < 0.2] = 0.95
shown, filled = {}, {}
for name, x in {"photograph": clean, "drawing": drawing[None, None]}.items():
    y = hide(x, kept)
    fits = {"smoothness": (smoothness, 0.01), "TV": (total_variation, 0.002)}
    shown[f"{name}, y"] = y
    shown[f"{name}, Tikhonov: {psnr(y / 1.01, x):.1f} dB"] = y / 1.01
    for method, (penalty, weight) in fits.items():
        estimate = fit_pixels(y, Mask(kept), penalty, weight)
        filled[name, method] = psnr(estimate, x)
        shown[f"{name}, {method}: {filled[name, method]:.1f} dB"] = estimate
alt = "A photograph and a drawing, each half black; still half black; "
alt += "filled, edges frayed; filled."
show_images(shown, alt=alt)

# %% [markdown]
# We observe:
# - Tikhonov leaves the holes black, as predicted;
# - on the drawing TV wins by far: flat areas with edges are just what it assumes;
# - on the photograph TV and smoothness *tie*. With half of the pixels known, every hole has known neighbours, and a
#   mean of neighbours is hard to beat.
#
# So "TV is better" is not a law. It is better **where its assumption fits the picture**.

# %% tags=["nbval-check-output"]
print(
    "deblurring: TV beats smoothness by half a decibel or more: "
    f"{deblurred['TV'] > deblurred['smoothness'] + 0.5}"
)
print(
    "deblurring: TV beats Tikhonov by 2 dB or more: "
    f"{deblurred['TV'] > deblurred['Tikhonov'] + 2}"
)
names = ("photograph", "drawing")
lead = {name: filled[name, "TV"] - filled[name, "smoothness"] for name in names}
print(
    "inpainting the drawing: TV beats smoothness by 4 dB or more: "
    f"{lead['drawing'] > 4}"
)
print(f"inpainting the photograph: they tie within 1 dB: {abs(lead['photograph']) < 1}")

# %% [markdown]
# ## 9. Where total variation fails
#
# TV believes that the world is made of flat areas. Two things are not: texture, and gentle slopes.
#
# **Texture.** We blur a lawn just as we blurred the photograph, and restore it just so.
#
# **Predict before you run.** On the photograph TV gained more than 4 dB over $y$. What will the lawn gain?

# %%
lawn_y = add_gaussian(A(lawn), sigma)
lawn_results = {"TV": fit_pixels(lawn_y, A, total_variation, weight=0.003)}
lawn_results["smoothness"] = fit_pixels(lawn_y, A, smoothness, weight=0.01)
shown = {"lawn": lawn, f"y: {psnr(lawn_y, lawn):.1f} dB": lawn_y}
shown |= {f"{name}: {psnr(x, lawn):.1f} dB": x for name, x in lawn_results.items()}
alt = "Grass; blurred and noisy; TV turns blades into flat patches; "
alt += "smoothness leaves them soft."
show_images(shown, alt=alt)
lawn_gain = psnr(lawn_results["TV"], lawn) - psnr(lawn_y, lawn)
photograph_gain = deblurred["TV"] - psnr(noisy, clean)

# %% [markdown]
# We observe less than half of the gain, and TV is no better than smoothness. A blade of grass *is* a wiggle. TV cannot
# tell it from noise, so it irons both away. Yet you, looking at the rest of the lawn, know how a blade looks.
# Lesson 02 makes something of that.
#
# **Slopes.** Now one line of pixels that rises evenly, with noise. Nothing is blurred or hidden.
#
# **Predict before you run.** Draw what TV makes of it.

# %%
ramp = torch.linspace(0.1, 0.9, 128).reshape(1, 1, 1, 128)
ramp_y = add_gaussian(ramp, 0.1)
lines = {
    "truth": ramp,
    "TV": fit_pixels(ramp_y, Identity(), total_variation, 0.2, learning_rate=0.005),
    "smoothness": fit_pixels(ramp_y, Identity(), smoothness, 5.0, learning_rate=0.005),
}
alt = "A straight line; TV follows it in flat steps with jumps; "
alt += "smoothness waves gently."
curves = {name: x.flatten() for name, x in lines.items()}
title = "An even slope becomes a staircase"
show_curves(curves, "pixel", "gray value", alt, title=title)

# %% [markdown]
# We observe **staircasing**: plateaus, with jumps between them. A slope in one jump costs TV no more than an even
# slope, and plateaus have no wiggles. In photographs, cheeks and skies get such false edges.


# %% tags=["nbval-check-output"]
def flat_share(x, slope=0.8 / 127):
    return float((torch.diff(x).abs() < slope / 4).float().mean())


print(
    "TV gains less than half as much on the lawn as on the photograph: "
    f"{0 < lawn_gain < photograph_gain / 2}"
)
lawn_lead = psnr(lawn_results["TV"], lawn) - psnr(lawn_results["smoothness"], lawn)
print(
    "on the lawn, TV leads smoothness by less than a fifth of a decibel, if at all: "
    f"{lawn_lead < 0.2}"
)
print(f"TV makes more than half of the slope flat: {flat_share(lines['TV']) > 1 / 2}")
print(f"smoothness less than a quarter: {flat_share(lines['smoothness']) < 1 / 4}")

# %% [markdown]
# ## 10. A prior is needed: could a network be one?
#
# All regularized methods so far are one formula (a factor of ½ only changes the scale of $\lambda$):
#
# $$\min_x \; \underbrace{\tfrac12\|A x - y\|^2}_{\text{explain the data}} \; + \;
# \lambda \underbrace{R(x)}_{\text{look like a picture}} .$$
#
# The first part comes from physics. The second, $R$, is the **prior**: what we believe about pictures before we see
# any data. It alone chooses among the pictures that fit. We tried three:
#
# | prior $R(x)$ | believes | fails on |
# | --- | --- | --- |
# | $\|x\|^2$ (Tikhonov) | values are small | holes, edges |
# | squared differences (smoothness) | everything is soft | edges |
# | total variation | flat areas with edges | texture, slopes |
#
# Nobody can write down a formula for "looks like a photograph". Two ideas lead on from here:
# - **Look in the picture itself.** Its small patches recur, at the same size and at others. This is lesson 02.
# - **Let a network be the prior.** Do not ask for the pixels $x$. Ask for the weights $\theta$ of an untrained
#   convolutional network $f_\theta$ with a fixed input $z$, and fit $\min_\theta \|A f_\theta(z) - y\|^2$. No training
#   pictures, no $R$. Can it work? The network can produce *any* picture. So why should it prefer good ones?
#   This is lesson 03, the deep image prior.
#
# You already have what lesson 03 needs: an operator, an adjoint (autograd's), Adam, and a curve that rises and falls.
#
# ## Summary
#
# 1. An inverse problem asks for $x$ in $y = A(x) + n$. $A$ is known and linear here: mask, blur, downsampling.
# 2. The adjoint carries errors back: $A^T(Ax - y)$ is the gradient. The dot-product test tells whether it is right.
# 3. Two troubles: small singular values amplify noise, and a null space lets many pictures fit exactly.
# 4. Regularization adds a prior. Its weight is a compromise, and the error is a U.
# 5. Squared differences blur edges. Total variation keeps them, but irons texture and makes stairs of slopes.
#
# **What breaks it.** A wrong $A$: a kernel that is a bit off ruins every method here. Noise of another kind or
# strength than assumed. A weight chosen with the truth, as we did for the comparisons. Pictures unlike the prior.
#
# **Papers**
# - A. N. Tikhonov, *Solution of incorrectly formulated problems and the regularization method*, 1963.
# - L. I. Rudin, S. Osher, E. Fatemi, *Nonlinear total variation based noise removal algorithms*, Physica D, 1992.
# - H. W. Engl, M. Hanke, A. Neubauer, *Regularization of Inverse Problems*, Kluwer, 1996 (the textbook).
# - D. Ulyanov, A. Vedaldi, V. Lempitsky, *Deep Image Prior*, CVPR 2018 (where lesson 03 goes).
#
# **Problem set.** [Problem set 01](../exercises/ps01_inverse_problems/ps01_inverse_problems.ipynb): write an adjoint and prove it, predict noise, find out why four runs fail.
