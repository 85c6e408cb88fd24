# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 09 · Blind super-resolution: which camera made this image?
#
# An image is too small, and this time you do not know how it was made smaller. Lesson 08 ended with a warning: the right kernel gains decibels, and a small misfit does not reveal which kernel is right.
# Can one small image reveal the camera that blurred it? To a degree that you will measure it can, because an image shows similar things at different sizes.
#
# **What you will be able to do**
# - measure what a wrong kernel costs, with one solver for all of them;
# - find a Gaussian kernel by the recurrence of patches across scales, without a network;
# - build KernelGAN by hand: a deep linear generator that *is* one kernel, a critic of 7 × 7 patches, and their game;
# - centre a kernel to a fraction of a pixel, and say what half a pixel costs;
# - compare the game with its cheaper competitors over several seeds, and find out how much of its gain the critic has earned;
# - say on which images and kernels all of them fail.
#
# **Before you start.** Lesson 01 (operators, Tikhonov), lesson 02 (nearest patches across scales), and lesson 08 (zero-shot super-resolution, the open question about its kernel).
#
# **Time.** About one minute of computing on 2 CPU cores, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from dil_course import runtime
from dil_course.checks import compare, note_if_stopped
from dil_course.figures import Diagram, Film, explore, images_figure, show_curves
from dil_course.figures import show_images, swipe
from dil_course.fitting import Step, run, watch
from dil_course.from_scratch import kernel_gan, kernel_recurrence, zero_shot_sr
from dil_course.from_scratch.kernel_gan import windows
from dil_course.signals import BlurDownsample, Downsample, enlarge
from dil_course.signals import gaussian_kernel, nearest, patches, picture, psnr

device = runtime.device()


def score(estimate, truth):
    return psnr(estimate.clamp(0, 1), truth, shave=8)


def seen(kernel):
    return (kernel / kernel.max()).clamp(0, 1)[None, None]


def widths(kernel):
    """Its standard deviations along and across, in pixels."""
    steps = torch.arange(len(kernel))
    places = torch.stack(torch.meshgrid(steps, steps, indexing="ij")).flatten(1)
    weights = kernel.clamp(min=0).flatten().cpu()
    covariance = places.double().cov(correction=0, aweights=weights.double())
    across, along = torch.linalg.eigvalsh(covariance).sqrt().tolist()
    return f"{along:.1f} and {across:.1f} px"


# %% [markdown]
# ## 1. The cost of a wrong kernel
#
# The camera blurs the scene $x$ by a kernel $k$ and keeps every second pixel, $y = (k * x)\downarrow_2$. Our kernel is a Gaussian with standard deviations of 2.5 and 1.0 pixels, whose long axis rises at 45 degrees. From here on we pretend not to know it.
#
# The scene is a gray photograph at half its size. We shrink it first because a full photograph is soft per pixel: the blur of its own lens would mix with ours, and nobody could say which of the two had been found.

# %%
x = Downsample(2)(picture("camera")).to(device)
k = gaussian_kernel(14, (2.5, 1.0), angle=45)
y = BlurDownsample(k, 2)(x)
print("x:", tuple(x.shape), " y:", tuple(y.shape), " kernel:", tuple(k.shape))
alt = "A man at a camera at 256 pixels, the same at 128 pixels and blurred along a "
alt += "diagonal, and the kernel: a bright bar from lower left to upper right."
show_images({"x (unknown)": x, "y": y, "k (unknown)": seen(k)}, alt)

# %% [markdown]
# To compare kernels fairly we need a solver that treats them all in the same way, without seeds and without training. We take least squares with a small **Tikhonov** term, as in lesson 01, here on the gradient of $x$, because it then prefers smooth images and not dark ones:
#
# $$\hat x = \arg\min_x \; \| A x - y \|^2 + \lambda \| \nabla x \|^2 \quad\Longleftrightarrow\quad (A^\top A - \lambda \Delta)\, \hat x = A^\top y , \qquad \lambda = 0.001 .$$
#
# Thirty iterations of **conjugate gradients** (Hestenes and Stiefel, 1952) solve it, from bicubic interpolation. They need nothing but $A$, $A^\top$ and the Laplacian $\Delta = -\nabla^\top \nabla$: each step goes along a direction that spoils none of the steps before it.


# %%
def normal(x, A, weight):  # 4 x minus its four neighbours is -Laplacian(x)
    neighbours = sum(x.roll(step, axis) for step in (-1, 1) for axis in (-2, -1))
    return A.adjoint(A(x)) + weight * (4 * x - neighbours)


def solve(y, A, weight=1e-3, iterations=30):
    x = enlarge(y, A)
    residual = A.adjoint(y) - normal(x, A, weight)
    direction, power = residual, residual.square().sum()
    for _ in range(iterations):
        mapped = normal(direction, A, weight)
        length = power / (direction * mapped).sum()  # to the least value on this line
        x, residual = x + length * direction, residual - length * mapped
        power, before = residual.square().sum(), power
        direction = residual + power / before * direction
    return x.clamp(0, 1)


# %% [markdown]
# **Predict before you run.** We restore $x$ four times: with bicubic shrinking assumed, with the right kernel, with a kernel of the right shape in the wrong direction, and with one that is half as long. Order the four. Is a wrong kernel better than none?

# %%
assumed = {
    "bicubic": Downsample(2),
    "wrong direction": BlurDownsample(gaussian_kernel(14, (2.5, 1.0), 135), 2),
    "too short": BlurDownsample(gaussian_kernel(14, (1.25, 1.0), 45), 2),
    "right kernel": BlurDownsample(k, 2),
}
restored = {name: solve(y, A) for name, A in assumed.items()}
quality = {name: score(estimate, x) for name, estimate in restored.items()}
alt = "Four restorations of the camera man: blurred with bicubic assumed, covered by "
alt += "ripples with the wrong direction, a little soft with the short kernel, sharp "
alt += "with the right one."
titles = {f"{n}, {quality[n]:.1f} dB": v for n, v in restored.items()}
show_images(titles, alt, crop=(24, 84, 64))
for name, A in assumed.items():
    misfit = 255 * (A(restored[name]) - y).square().mean().sqrt().item()
    print(f"{name:16} {quality[name]:.2f} dB, misfit {misfit:.2f} gray levels")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The right kernel gains three decibels over bicubic. The short one gains one of them, because it is wrong on the harmless side. The wrong direction is far *below* bicubic. The solver amplifies the frequencies that the assumed kernel suppresses. But the true kernel had left them in place, so that they stand in the result as ripples.
# Many people expect any deblurring to be better than none. But the errors are not symmetric: a kernel that is too small leaves some blur, whereas one that suppresses frequencies which the camera has passed makes the solver invent structure.
#
# </details>
#
# The misfits expose the wrong direction, but they cannot rank the others. Each result is judged through its own assumed kernel, and the right kernel has a larger misfit than two kernels that restore less, as lesson 08 warned. We need a different witness.
#
# ## 2. Similar at another scale, under the right kernel
#
# Think of two windows in the scene, one near and one twice as far away. To the camera the far one is half as large, but it is blurred by the same kernel, measured in pixels of the camera. So patches of $y$ show near and far things with *the same* blur.
# Now shrink $y$ by a kernel $k'$ of your choice. The near window becomes as small as the far one. Does it also look like it? With $k'$ too wide it is softer per pixel than the far window, and with $k'$ too narrow it is crisper. Therefore Michaeli and Irani (2013) look for the kernel under which
#
# $$y' = (k' * y)\downarrow_2 \quad\text{holds the patches of}\quad y .$$
#
# We measure this as in lesson 02: for the 400 patches of $y$ with most contrast, each without its mean, the distance to the nearest patch of $y'$, relative to the contrast of the patch.


# %%
def centred_patches(image, size=5):
    rows = patches(image, size)
    return rows - rows.mean(1, keepdim=True)


rows = centred_patches(y)
queries = rows[rows.square().mean(1).topk(400).indices]


def distance_across(kernel):
    smaller = BlurDownsample(kernel, 2)(y)
    distance, _ = nearest(queries, centred_patches(smaller))
    return (distance[:, 0] / queries.square().mean(1).sqrt()).mean().item()


# %% [markdown]
# Here are 24 kernels as in lesson 08, eight directions and three lengths. There the misfit named a wrong one.
#
# **Predict before you run.** The explorer shows $y'$ for each of them. Under which of them does $y'$ look like a smaller photograph by the same camera, neither softer nor crisper than $y$ itself, in every direction? Does your eye tell the lengths apart, or the directions only?

# %%
angles, lengths = [22.5 * i for i in range(8)], [1.5, 2.5, 3.5]
dial = {(a, s): gaussian_kernel(14, (s, 1.0), a) for s in lengths for a in angles}
across = {choice: distance_across(kernel) for choice, kernel in dial.items()}
gained = {c: score(solve(y, BlurDownsample(v, 2)), x) for c, v in dial.items()}


def shrunk(angle, length):
    choice = (angle, length)
    smaller = BlurDownsample(dial[choice], 2)(y)
    part = y[..., 44:108, 40:104]
    titles = {"k'": seen(dial[choice]), "y'": smaller, "y, a part": part}
    return images_figure(titles, zoom=2)


alt = (
    "For a kernel k', the shrunken y beside a part of y: at 45 degrees and length 2.5 "
)
alt += "their edges look equally soft; other kernels make y' crisper or softer."
choices = dict(angle=angles, length=lengths)
explore(shrunk, alt, static={"angle": [45.0, 135.0], "length": lengths}, **choices)

# %%
named = {f"length {length}": length for length in lengths}
for values, label in ((across, "distance across scales"), (gained, "PSNR (dB)")):
    curves = {n: (angles, [values[a, s] for a in angles]) for n, s in named.items()}
    alt = f"{label} over the angle of the kernel, for three lengths: the best values "
    alt += "lie near 45 degrees."
    show_curves(curves, "assumed angle (degrees)", label, alt)
nearest_choice, best_choice = min(across, key=across.get), max(gained, key=gained.get)
print("least distance across scales: angle, length", nearest_choice)
print("best PSNR:                    angle, length", best_choice)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Among all 24, the distance is least for the true kernel, and so is the error. Yet the distance needed no $x$: both images under comparison come from $y$. Compare the tripod and the edge of the coat: in $y'$ under kernels that lie across the true one, they are smeared in a direction in which $y$ is sharp. The lengths are harder to tell apart by eye, and for the distance, too, the lead over the next kernel is small. Nor does the distance predict the PSNR of every kernel: the longest one at 45 degrees is no further away than the shortest one at 0, but restores two decibels less.
# People often expect a blur to be invisible from within, as there is no sharp image to compare with. But the image contains its own standard: the far window shows how soft a small thing has to look.
#
# </details>
#
# ### The classical method
#
# This is already a method. Try Gaussians on a grid of two standard deviations and an angle, take the one with the least distance, and refine it by small steps until none of them helps. The grid is one cell; the library's `kernel_recurrence` adds the refinement.

# %%
sigmas = (0.5, 0.8, 1.2, 1.8, 2.6)
pairs = [(a, b) for a in sigmas for b in sigmas if a <= b]
grid = {
    (narrow, wide, angle): gaussian_kernel(14, (wide, narrow), angle)
    for narrow, wide in pairs
    for angle in ((0, 45, 90, 135) if narrow < wide else (0,))
}
coarse = min(grid, key=lambda choice: distance_across(grid[choice]))
start = time.perf_counter()
recurrent = kernel_recurrence(y)
print(f"refined in {time.perf_counter() - start:.1f} s; on the grid: {coarse}")
kernels = {"true": k, "on the grid": grid[coarse], "refined": recurrent}
for name, kernel in kernels.items():
    print(f"{name:12} standard deviations {widths(kernel)}")
results = {n: score(solve(y, BlurDownsample(v, 2)), x) for n, v in kernels.items()}
alt = "Three kernels, each a bar along the same diagonal; the refined one is rounder "
alt += "than the true one."
titles = {f"{n}: {results[n]:.1f} dB": seen(v) for n, v in kernels.items()}
show_images(titles, alt, columns=3, zoom=10)

# %% [markdown]
# The direction is right, the long axis is a little too short, and most of the lost decibels are back, after a few seconds and without a network. Why too short? Are the edges of $y'$ not blurred twice, once by the camera and once by $k'$? They are, and we can calculate what follows, for scenes in which far things have edges as crisp as near ones. Say that the camera blurs by the variance $\sigma^2$, in pixels of $x$. In pixels of $y$ each edge then has the variance $\sigma^2 / 4$. In $y'$, the same edge was blurred by $k'$ as well (variance $\sigma'^2$, in pixels of $y$) and then shrunk, so that it has $(\sigma^2/4 + \sigma'^2)/4$. Edges of $y'$ and of $y$ are equally soft if
#
# $$\sigma'^2 = \tfrac34\, \sigma^2 .$$
#
# So the kernel that makes $y$ recur is a little *narrower* than the camera's: of 2.5 pixels, 2.2 remain, as the cell has found. (Of the 24 kernels above, the true one lay nearest to that, which is why it won.) In the narrow direction something else acts: the photograph has a blur of its own, and this blur counts as the camera's.
# Michaeli and Irani conclude that the camera's kernel is the wrong one for super-resolution. This does not contradict section 1, because they look for another $x$: the image that a camera of twice the resolution would take, with a blur of its own that is half as wide. From that $x$ to $y$ the missing blur is $\sigma^2 - \sigma^2/4$, which is our $\sigma'^2$. Here $x$ is the unblurred photograph, and so the camera's own kernel is the right one.

# %% tags=["nbval-check-output"]
right, plain = quality["right kernel"], quality["bicubic"]
print("the right kernel gains more than three decibels:", right > plain + 3)
print(
    "the wrong direction is worse than bicubic:", quality["wrong direction"] < plain - 1
)
print(
    "the distance across scales is least for the true kernel:",
    nearest_choice == (45, 2.5),
)
print("and so is the error of the restored x:", best_choice == nearest_choice)
print("the recurrent kernel gains more than a decibel:", results["refined"] > plain + 1)
print("and stays below the true one:", results["refined"] < right - 0.3)

# %% [markdown]
# ## 3. A network that is a kernel
#
# The classical method compares patches one by one, and our form of it searches a family of kernels. (Michaeli and Irani need no family: they solve for all values of the kernel.) KernelGAN (Bell-Kligler, Shocher and Irani, 2019) does without the comparison one by one and without a family. It uses a **generative adversarial network**, which is a pair of networks with opposite aims. A **generator** makes $y$ smaller in any linear way, without a family. A **critic** looks at patches and learns by itself what distinguishes $y'$ from $y$. The hope is that the generator has become the camera, up to the factor $\tfrac34$ of section 2, when the critic finds no difference any more.

# %%
diagram = Diagram(11.4, 2.5)
for place, words, colour in (
    ((0.1, 1.3, 1.6, 0.9), "window of y\n64 px", 0),
    ((3.3, 1.3, 2.0, 0.9), "generator\n= one kernel", 1),
    ((6.5, 1.3, 1.6, 0.9), "fake\n26 px", 2),
    ((9.4, 0.7, 1.9, 0.9), "critic\n7 x 7 patches", 3),
    ((6.5, 0.1, 1.6, 0.9), "window of y\n26 px", 0),
):
    diagram.box(*place, words, colour)
diagram.arrow((1.7, 1.75), (3.3, 1.75))
diagram.arrow((5.3, 1.75), (6.5, 1.75), "half size")
diagram.arrow((8.1, 1.7), (9.4, 1.3))
diagram.arrow((8.1, 0.6), (9.4, 1.0))
diagram.show(
    "A window of y goes through the generator and comes out at half the size; the "
    "critic compares its patches with those of another window of y."
)

# %% [markdown]
# The generator has six convolutions, with kernels of 7, 5, 3, 1, 1 and 1 pixels and many channels between them (the paper 64, here 32), no bias and *no nonlinearity*. The last one keeps every second pixel. None of them pads: of 64 pixels the border takes 12, and half of the other 52 are 26.


# %%
class Generator(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        sides, channels = (7, 5, 3, 1, 1, 1), [1, *[width] * 5, 1]
        self.layers = nn.ModuleList(
            nn.Conv2d(*channels[i : i + 2], side, bias=False)
            for i, side in enumerate(sides)
        )
        for layer in self.layers:
            nn.init.xavier_normal_(layer.weight)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x)
        return F.conv2d(x, self.layers[-1].weight, stride=2)


# %% [markdown]
# A chain of linear maps is a linear map. All six layers together are therefore *one* correlation with *one* kernel, of $1 + 6 + 4 + 2 = 13$ pixels a side. We find it by convolving the layers with each other. Two layers show how: the second one sums over the channels $c$ of the first, so that their common kernel is $\sum_c a_c * b_c$. In the code, the first layer's output channels become the channels of an image of 7 × 7 pixels, which each further layer widens. The flip is there because `conv2d` correlates, whereas we need a convolution.
#
# **Predict before you run.** The network has tens of thousands of weights, its kernel has 169 values. How much time does the collapsed form save in a step of training, forward and backward? And can it still learn *all* the weights?


# %%
def collapse(generator):
    kernel = generator.layers[0].weight.transpose(0, 1)
    for layer in generator.layers[1:]:
        flipped = layer.weight.flip(2, 3)
        kernel = F.conv2d(kernel, flipped, padding=flipped.shape[-1] - 1)
    return kernel


# %% [markdown]
# To see whether this is the same network, we compare outputs and gradients, with random weights.

# %%
with runtime.seeded(0):
    generator = Generator().to(device)
window = y[..., :64, :64]
forms = {
    "layer by layer": lambda: generator(window),
    "collapsed": lambda: F.conv2d(window, collapse(generator), stride=2),
}
weights, made, gradients = list(generator.parameters()), {}, {}
for name, form in forms.items():
    start = time.perf_counter()
    for _ in range(5):
        made[name] = form()
        gradients[name] = torch.autograd.grad(made[name].square().sum(), weights)
    print(f"{name:15} {200 * (time.perf_counter() - start):.0f} ms a step")
print("weights:", sum(w.numel() for w in weights), "kernel:", collapse(generator).shape)
same_output = compare("output", *made.values(), tolerance=1e-6)
same_gradients = [
    bool((a - b).norm() < 1e-4 * b.norm())
    for a, b in zip(*gradients.values(), strict=True)
]

# %% [markdown]
# <details><summary>Answer</summary>
#
# The outputs agree to rounding, and so do the gradients of every layer, because the collapsed kernel is itself computed from the weights, and the chain rule passes through it. For one window, the collapsed form needs about twenty times fewer multiplications. The printed milliseconds gain less, since small convolutions have their overhead.
# A frequent guess is that a collapsed network could only learn its 169 values. What is collapsed is the *evaluation*, at each step anew. The parameters remain the layers.
#
# </details>
#
# If the layers only make a kernel, why not learn the 169 values directly? Because descent on a product of layers takes another path: a step in one layer changes all values of the kernel together. Which of all possible kernels such a path prefers is called the *implicit bias* of deep linear networks. Exercise 1 tries the game without the layers.
#
# ## 4. A critic that sees patches
#
# The critic must judge *patches*, as the recurrence of section 2 does, and not the scene. A fake window shows twice as much of the scene as a real one, so that a critic with a wide view would soon recognise the fakes by their content. Therefore its first layer sees 7 × 7 pixels, and all others are 1 × 1: they think about the patch without looking further.


# %%
def make_critic(width=32):
    layers = [spectral_norm(nn.Conv2d(1, width, 7))]
    for _ in range(5):
        layers += [spectral_norm(nn.Conv2d(width, width, 1))]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(
        *layers, spectral_norm(nn.Conv2d(width, 1, 1)), nn.Sigmoid()
    ).to(device)


with runtime.seeded(0):
    generator, critic = Generator().to(device), make_critic()
probe = y[..., :26, :26].clone().requires_grad_()
opinion = critic.eval()(probe)
critic.train()
(slope,) = torch.autograd.grad(opinion[0, 0, 5, 6], probe)
print("of 26 x 26 pixels the critic judges", tuple(opinion.shape[-2:]), "patches;")
print("one judgement depends on", int((slope != 0).sum()), "pixels")

# %% [markdown]
# Two further details keep the critic in check. **Spectral normalisation** divides each weight matrix by its largest singular value, so that no convolution by itself amplifies a change of the patch without limit. **Batch normalisation** rescales each channel to mean zero and variance one over the batch. (The count above is for fixed statistics, in `eval` mode. During the game each judgement also depends on the mean and variance of the batch.)
# The second one hides a trap. If real and fake windows go through the critic one after the other, as in the authors' code, each kind is rescaled *by its own* variance. But a wrong blur shows first of all in the variance of a patch, that is, in its contrast! We therefore put both kinds into one batch. (Judged one after the other, the kernel broke away after 200 to 300 iterations in the two runs that we tried, one each on two images of at most 128 pixels. The paper's images are larger.)
#
# ## 5. What each of them wants
#
# For the critic $D$, a real patch should get 1 and a fake one 0; the generator wants its fakes to get 1. Both take squares (the **least-squares GAN** of Mao et al., 2017):
#
# $$\min_D \tfrac12 \Big[ \operatorname{mean}\,(D(y) - 1)^2 + \operatorname{mean} D(y')^2 \Big] , \qquad \min_G \operatorname{mean}\,(D(y') - 1)^2 + R(k') .$$
#
# The critic's opinion alone does not determine a kernel. A displaced kernel, for example, makes displaced windows, whose patches are as real as before. The terms $R$ add what we expect of a kernel before we see the image: they favour compact kernels in the middle. Remember them, because in section 8 you will see what they achieve without the critic. The paper and this lesson differ, mostly because our images are smaller.
#
# | term | the paper | here |
# | --- | --- | --- |
# | sum to one, $\lvert \sum k' - 1 \rvert$ | weight 0.5 | the same |
# | nothing at the border | 0.5, a Gaussian mask | 3, growing with the sixth power of the distance from the middle |
# | near bicubic shrinking | 5, down to $5 \cdot 10^{-6}$ in steps | 5 for 100 iterations, then 0.5 |
# | centre of mass, sparse values | from the middle of the run on | none; we centre at the end |
# | rates of Adam | 0.0002 for both | 0.0005, and 0.0003 for the critic |
# | the estimate | the last kernel, small values cut off | a moving average |
# | length | 3000 iterations, one window each | 400 (full profile 1500), two windows each |
#
# The values on the right were chosen with the truth in view, on a few runs with the three photographs of section 8. Two of the nine cases in the table there were among these runs, so that the table is not quite a test on new data.


# %%
def regulariser(kernel):
    steps = (torch.arange(13, device=kernel.device) - 6).abs() / 6
    away = torch.maximum(steps[:, None], steps[None, :])
    border = (kernel.abs() * away**6).sum()
    return 0.5 * (kernel.sum() - 1).abs() + 3 * border


def losses(kernel, fake, bicubic, of_real, of_fake, iteration):
    pull = 5 if iteration < 100 else 0.5
    generators = (of_fake - 1).square().mean() + regulariser(kernel)
    generators = generators + pull * (fake - bicubic).square().mean()
    critics = ((of_real - 1).square().mean() + of_fake.square().mean()) / 2
    return generators, critics


# %% [markdown]
# ## 6. The game
#
# One iteration draws two windows for the generator and two for the critic, at places with many edges, because flat patches recur under any kernel. Both networks then take one step, each down its own loss. What the critic sees also gets a little noise, so that it cannot hold on to the last digits.


# %%
def step_of(adam, network, loss):
    weights = list(network.parameters())
    gradients = torch.autograd.grad(loss, weights, retain_graph=True)
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient
    adam.step()


# %% [markdown]
# `play` is the whole game. Both networks see images in [-1, 1], and `windows` prefers places with many edges. `play` yields the loss, the moving average of the kernels, and what the critic saw and thought. With `critic_rate=0` the critic never learns, which section 8 needs.


# %%
def play(y, generator, critic, iterations, seed=0, critic_rate=3e-4):
    y, draw = 2 * y - 1, runtime.generator(seed, "windows")
    noise, average = runtime.generator(seed, "noise", y.device), None
    settings = dict(betas=(0.5, 0.999), fused=True)
    adams = [
        torch.optim.Adam(network.parameters(), rate, **settings)
        for network, rate in ((generator, 5e-4), (critic, critic_rate))
    ]
    for iteration in range(1, iterations + 1):
        large, real = windows(y, 64, 2, draw), windows(y, 26, 2, draw)
        kernel = collapse(generator)
        fake = F.conv2d(large, kernel, stride=2)
        both = torch.cat([real, fake])
        grain = torch.randn(both.shape, generator=noise, device=y.device)
        of_real, of_fake = critic(both + 2 / 255 * grain).chunk(2)
        bicubic = Downsample(2)(large)[..., 3:29, 3:29]
        wants = losses(kernel, fake, bicubic, of_real, of_fake, iteration)
        step_of(adams[0], generator, wants[0])
        if critic_rate > 0:
            step_of(adams[1], critic, wants[1])
        kernel = kernel.detach() / kernel.detach().sum()
        share = max(1 / iteration, 0.1)
        average = kernel if average is None else average.lerp(kernel, share)
        yield wants[0].detach(), average, (real, fake, of_real, of_fake)


# %% [markdown]
# For the live view we put five small images side by side: the kernel; a window of $y$ and the critic's opinion of each of its patches; a fake window and the opinion of that. An opinion of 0.3 or less is black, one of 0.7 or more is white (real).
#
# **Predict before you run.** The kernel starts as random values. In which order will it show where its centre is, how wide it is, and which direction it has? And what will the critic say at the end, if the generator does well?


# %%
def board(kernel, real, fake, of_real, of_fake):
    tiles = [F.pad(kernel / kernel.max(), [4, 3, 4, 3])]
    for image, opinion in ((real, of_real), (fake, of_fake)):
        tiles += [(image[:1, :, 3:-3, 3:-3] + 1) / 2, (opinion[:1] - 0.3) / 0.4]
    tiles = [F.pad(tile.detach().clamp(0, 1), [1] * 4, value=1) for tile in tiles]
    return F.interpolate(torch.cat(tiles, 3), scale_factor=4)


def shown(game, iterations, kept):
    for iteration, (loss, kernel, views) in enumerate(game, 1):
        kept[iteration] = kernel, views[2].mean().item(), views[3].mean().item()
        picture_of = board(kernel, *views)
        yield Step(iteration, iterations, loss, picture_of, averaged=True)


kept, film = {}, Film()
iterations = runtime.pick(quick=400, full=1500)
with runtime.seeded(0):
    generator, critic = Generator().to(device), make_critic()
steps = shown(play(y, generator, critic, iterations), iterations, kept)
game = await watch(film.record("kernel, window, opinion, fake, opinion", steps))

# %%
film.show(
    "A kernel that grows from random values into a small spot, beside the critic's "
    "opinions of a window of y and of a fake window.",
    at=(1, iterations),
)
marks = (1, 25, 100, 200, 300, iterations)
alt = "The kernel at six iterations: random, a small spot, then slowly a wider and "
alt += "nearly round one."
show_images({f"{i}": seen(kept[i][0][0, 0]) for i in marks}, alt, columns=6, zoom=7)
for i in marks:
    print(f"iteration {i:3}: standard deviations {widths(kept[i][0][0, 0])}")
rows = torch.tensor([row[1:] for row in kept.values()])
smooth = rows.unfold(0, 20, 1).mean(-1)
opinions = {"of windows of y": smooth[:, 0], "of fakes": smooth[:, 1]}
alt = "The critic's opinion of real and of fake patches, mean of 20 iterations: both "
alt += "stay near one half, real ones a little above it and fakes a little below."
show_curves(opinions, "iteration", "opinion (1 is real)", alt, y_range=(0.3, 0.7))

# %% [markdown]
# <details><summary>Answer</summary>
#
# First the place, then the width. Both come within 100 iterations, while the pull towards bicubic is strong, so the critic need not have had a part in them. After that the spot grows by no more than a tenth of a pixel. Section 8 asks how much of all this is the critic's doing. The direction hardly comes at all. At the end the spot is still nearly round.
# The critic should end at 0.5 for both kinds, if the textbook of generative adversarial networks holds: it could then only guess. It stays near that, but real patches keep a small lead. A fake differs from $y$ in more than its blur (it has twice as many edges, for example), and no kernel can remove those differences.
#
# </details>
#
# This small lead is the weak point of the game. What the critic sees beyond blur still makes gradients, and they push the kernel somewhere. The live view shows how faint the signal is: the opinions of single patches scatter far more widely than the two means differ.
#
# ## 7. Half a pixel
#
# The kernel of the game is not yet a camera. Only the terms $R$ have held its centre of mass near the middle, and a displaced kernel displaces the whole restored image.
#
# **Predict before you run.** We shift the *true* kernel by fractions of a pixel and restore with it. How many decibels does half a pixel cost, and how many does a whole one?


# %%
def centre_of_mass(kernel):
    steps = torch.arange(len(kernel)).to(kernel)
    return torch.stack([kernel.sum(1) @ steps, kernel.sum(0) @ steps]) / kernel.sum()


def moved(kernel, down, right):
    frequencies = 2 * torch.pi * torch.fft.fftfreq(len(kernel)).to(kernel)
    phase = frequencies[:, None] * down + frequencies[None, :] * right
    shifted = torch.fft.ifft2(torch.fft.fft2(kernel) * torch.exp(-1j * phase)).real
    shifted = shifted.clamp(min=0)
    return shifted / shifted.sum()


# %% [markdown]
# With `moved` we displace the true kernel downwards.

# %%
shifts = [0, 0.1, 0.25, 0.5, 0.75, 1.0]
costs = []
for shift in shifts:
    displaced = moved(k.double(), shift, 0).float()
    costs.append(score(solve(y, BlurDownsample(displaced, 2)), x))
level = ([0, 1], [plain, plain])
curves = {"true kernel, shifted": (shifts, costs), "bicubic assumed": level}
alt = (
    "PSNR over the shift of the true kernel: flat at first, then it falls, and at one "
)
alt += "pixel it is close to the level of bicubic."
show_curves(curves, "shift down (pixels)", "PSNR (dB)", alt)
print(f"a shift of 0.1 px costs {costs[0] - costs[1]:.1f} dB,", end=" ")
print(f"of 0.5 px {costs[0] - costs[3]:.1f} dB, of 1 px {costs[0] - costs[5]:.1f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Half a pixel costs a quarter of what the right kernel gained, and a whole pixel costs four fifths of it, whereas a tenth costs next to nothing. The loss grows with the square of the shift at first. Nobody sees that an image has moved by a pixel, but the PSNR compares pixel by pixel.
# The usual reaction is to blame the estimated *shape*. If a good kernel scores badly, look at its centre of mass first.
#
# </details>
#
# The cure is a shift theorem. A phase in the Fourier domain moves the kernel by any fraction of a pixel, so that its centre of mass lies in the middle. Negative values are cut off, which moves the centre a little, so we repeat it. And one row and column more make the side even. The camera keeps one pixel for each block of 2 × 2, and the centre of such a block lies between pixels, as the middle of 14 does. (`flip` turns what `conv2d` correlates with into a kernel for a convolution.)


# %%
def camera_kernel(kernel, rounds=3):
    turned = F.pad(kernel[0, 0].flip(0, 1), (1, 0, 1, 0)).cpu().double().clamp(min=0)
    for _ in range(rounds):
        turned = moved(turned, *((len(turned) - 1) / 2 - centre_of_mass(turned)))
    return (turned / turned.sum()).float()


raw, found = (camera_kernel(kept[len(kept)][0], rounds) for rounds in (0, 3))
before = score(solve(y, BlurDownsample(raw, 2)), x)
off = (centre_of_mass(raw) - 6.5).abs().max().item()
print(f"centre of mass off by {off:.2f} px: {before:.2f} dB")
off = (centre_of_mass(found) - 6.5).abs().max().item()
quality["KernelGAN"] = score(solve(y, BlurDownsample(found, 2)), x)
print(f"centre of mass off by {off:.4f} px")
for name in ("bicubic", "KernelGAN", "right kernel"):
    print(f"{name:14} {quality[name]:.2f} dB")
alt = (
    "Three restorations of the camera man: soft with bicubic assumed, crisper with the "
)
alt += "estimated kernel, sharpest with the right one."
restored["KernelGAN"] = solve(y, BlurDownsample(found, 2))
names = ("bicubic", "KernelGAN", "right kernel")
titles = {f"{n}, {quality[n]:.1f} dB": restored[n] for n in names}
show_images(titles, alt, columns=3, crop=(24, 84, 64))

# %% [markdown]
# Our kernel was off by a fifth of a pixel, and centring it was worth almost two tenths of a decibel. It now gains more than a decibel over bicubic. How much of that comes from $y$, and how much from the terms $R$? Section 8 has two controls. The library's `kernel_gan` plays the same game. Twelve iterations with the same seed show that our cells and the library agree.

# %%
with runtime.seeded(5):
    pair = Generator(8).to(device), make_critic(8)
*_, (_, mine, _) = play(y, *pair, 12, seed=5)
theirs = run(kernel_gan(y, iterations=12, width=8, seed=5)).estimate
same_kernel = compare("kernel", camera_kernel(mine), theirs[0, 0].cpu())

# %% tags=["nbval-check-output"]
note_if_stopped(game)
print("collapsed and layer by layer, the outputs agree:", same_output)
print("so do the gradients of all six layers:", all(same_gradients))
print("the critic sees 49 pixels:", int((slope != 0).sum()) == 49)
print(
    "half a pixel costs over half a decibel, a whole one over two:",
    costs[0] - costs[3] > 0.5 and costs[0] - costs[5] > 2,
)
print("the estimate is centred to a hundredth of a pixel:", off < 0.01)
print(
    "it gains more than half a decibel over bicubic:",
    quality["KernelGAN"] > plain + 0.5,
)
print("the library plays the same game:", same_kernel)

# %% [markdown]
# ## 8. The competitors, and the seeds
#
# One run is no result, least of all for a game. We play it again with two other seeds. And before we thank the critic for the gain, we ask what is left without it:
#
# - the **critic frozen**: the same three games, but the critic keeps its random weights, so that initialisation and $R$ decide almost alone;
# - a **fixed spot**: a round Gaussian with a standard deviation of 1.2 pixels, the middle of the grid of section 2, for every image. It has not seen $y$ at all.
#
# The other competitors are the recurrence of section 2, and the game with a generator of three parameters, a Gaussian of any widths and direction. (Liang et al., 2021, restrict the generator in a similar way, by a flow network that was trained on Gaussian kernels.)
#
# **Predict before you run.** Order the five methods. How much of KernelGAN's gain over bicubic remains when its critic never learns? How much of it does the spot reach, which has not seen $y$?

# %%
estimates = {"KernelGAN, seed 0": found}
for seed in (1, 2):
    played = run(kernel_gan(y, iterations, seed=seed))
    estimates[f"KernelGAN, seed {seed}"] = played.estimate[0, 0]
estimates["fixed spot"] = gaussian_kernel(14, 1.2)
estimates["recurrence"] = recurrent
for seed in range(3):
    with runtime.seeded(seed):
        pair = Generator().to(device), make_critic()
    for _, kernel, _ in play(y, *pair, iterations, seed, critic_rate=0):
        pass
    print(f"frozen, seed {seed}: standard deviations {widths(kernel[0, 0])}")
    estimates[f"frozen, seed {seed}"] = camera_kernel(kernel)
played = run(kernel_gan(y, iterations, gaussian=True))
estimates["game, Gaussian"] = played.estimate[0, 0]
estimates["true"] = k

# %%
scores = {n: score(solve(y, BlurDownsample(v, 2)), x) for n, v in estimates.items()}
alt = "Ten kernels: spots with and without a learning critic, which look alike seed by "
alt += "seed, and like the fixed spot; bars of the recurrence and of the true kernel."
show_images({n: seen(v) for n, v in estimates.items()}, alt, columns=5, zoom=9)
print(f"bicubic assumed   {plain:.2f} dB")
for name in estimates:
    print(f"{name:17} {scores[name]:.2f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The recurrence comes nearest, and it is the cheapest of those that look at $y$. (It has an advantage here: it searches among Gaussians, the true kernel is one of them, and its direction lies on the grid. In the table below no direction does.) The three games end within a tenth of a decibel of each other, but look at the kernels: all are nearly round, so that the game did not find the direction. Whether their size was found in $y$, the controls will say. The Gaussian of the game is long in the *wrong* direction, and gains nevertheless, because it is small.
# And the controls? The fixed spot, which has not seen $y$, is level with the games. Now compare the two rows of the figure: seed by seed, the kernels with and without a learning critic look much alike, so that even the pattern within the spot comes mostly from the seed, that is, from the random start and the windows drawn. With a frozen critic the spot stays a little smaller, and most of the gain remains. On this image, the critic's share is two or three tenths of a decibel.
# Many people stop at "ahead of bicubic" and credit the network with all of it. But where the true kernel is wider than bicubic shrinking, a small spot is mostly ahead, and initialisation and $R$ make a small spot without any help of the critic. (The width of the fixed spot matters: of seven widths, 1.2 pixels is the best on the nine cases below, and a spot of 1.6 pixels gains next to nothing there.)
#
# </details>
#
# One image and one kernel decide nothing either. Here are three photographs and three kernels (standard deviations along and across, in pixels, and the angle): PSNR in dB after 500 iterations, the median of three seeds where there is a seed. `benchmarks/RESULTS.md` has their ranges.
#
# | image | kernel | bicubic | fixed spot | critic frozen | KernelGAN | game, Gaussian | recurrence | true |
# | --- | --- | --- | --- | --- | --- | --- | --- | --- |
# | astronaut | 1.8, 0.8 at 20 | 24.71 | 26.36 | 25.88 | 26.44 | 26.93 | 26.21 | 28.37 |
# | astronaut | 2.5, 1.0 at 65 | 23.07 | 24.34 | 24.14 | 24.74 | 24.92 | 26.05 | 26.92 |
# | astronaut | 2.2, 0.6 at 130 | 24.48 | 25.13 | 25.82 | 25.45 | 25.74 | 27.66 | 28.37 |
# | camera | 1.8, 0.8 at 20 | 26.17 | 27.53 | 27.13 | 27.25 | 27.06 | 28.47 | 29.27 |
# | camera | 2.5, 1.0 at 65 | 25.50 | 26.80 | 26.66 | 26.82 | 26.38 | 28.35 | 28.83 |
# | camera | 2.2, 0.6 at 130 | 25.79 | 26.08 | 26.77 | 27.00 | 27.58 | 28.52 | 29.33 |
# | coffee | 1.8, 0.8 at 20 | 27.11 | 28.37 | 28.40 | 28.62 | 27.76 | 28.82 | 29.68 |
# | coffee | 2.5, 1.0 at 65 | 24.86 | 25.91 | 25.80 | 25.74 | 25.63 | 27.12 | 28.38 |
# | coffee | 2.2, 0.6 at 130 | 26.17 | 26.11 | 26.58 | 27.30 | 26.96 | 27.27 | 29.65 |
#
# KernelGAN is ahead of bicubic on nine of nine, by 0.9 to 1.7 dB, and 1.1 to 2.9 dB behind the true kernel. But that is not the comparison that counts. On the average of the nine cases the spot gains 1.0 dB, the game with a frozen critic 1.0, and KernelGAN 1.3. So about four fifths of its gain need no critic that learns. The critic adds 0.1 to 0.7 dB on seven of nine cases and takes something on the other two, and on two cases only do all three games with a learning critic end above all three without. Against the spot, KernelGAN lies between 0.3 dB behind and 1.2 dB ahead.
# The recurrence is ahead of the spot on eight of nine, by 0.4 to 2.5 dB, and ahead of KernelGAN on seven of nine, by 0.2 to 2.2 dB. All nine kernels are Gaussians, which favours the recurrence, but the game with a Gaussian searches the same family and gains 1.2 dB on the average, against 2.3. So $y$ does reveal a Gaussian camera, and our short game hears little of what it says. (The paper has larger images and longer runs, and lets the pull towards bicubic fade away. Whether its critic does more, our experiment cannot say.)
# KernelGAN and the recurrence both have cases in which one seed is a decibel or more away from another, although the seed of the recurrence chooses nothing but the 400 patches. In practice this matters, because nobody without $x$ knows which seed was the good one.
#
# A better kernel is worth its decibels to another method, too. Here is `zero_shot_sr` of lesson 08, which makes its sons with the kernel that it gets:

# %%
options = dict(iterations=runtime.pick(quick=200, full=1500), side=32)
learned = {}
for name in ("bicubic", "KernelGAN", "recurrence", "right kernel"):
    kernel = {"KernelGAN": found, "recurrence": recurrent}.get(name)
    A = assumed[name] if kernel is None else BlurDownsample(kernel, 2)
    learned[name] = run(zero_shot_sr(y, A, **options)).estimate
zero_shot = {name: score(estimate, x) for name, estimate in learned.items()}
for name, decibels in zero_shot.items():
    print(f"zero-shot super-resolution, {name:13} {decibels:.2f} dB")
swipe(
    {n: learned[n][..., 16:112, 72:168] for n in ("bicubic", "recurrence")},
    "The head of the camera man by zero-shot super-resolution: soft where bicubic was "
    "assumed, crisper with the kernel from y.",
    zoom=4,
)

# %% [markdown]
# Compare these values with those of the solver above: with the same kernel, the two methods end within a few tenths of a decibel, whereas the kernel decides about three. "Using the correct SR-kernel is often more important than using a sophisticated SR algorithm", as the authors of KernelFusion put it (see below).

# %% tags=["nbval-check-output"]
games = [v for n, v in scores.items() if n.startswith("KernelGAN")]
frozen = [v for n, v in scores.items() if n.startswith("frozen")]
print("each of three games gains more than half a decibel:", min(games) > plain + 0.5)
print("so does each with a frozen critic:", min(frozen) > plain + 0.5)
print(
    "on this image and with each seed, the critic gains over a frozen one:",
    all(a > b + 0.05 for a, b in zip(games, frozen, strict=True)),
)
print(
    "a spot that has not seen y is less than half a decibel behind the games:",
    scores["fixed spot"] > max(games) - 0.5,
)
print(
    "the recurrence is more than half a decibel ahead of all these:",
    scores["recurrence"] > max(*games, *frozen, scores["fixed spot"]) + 0.5,
)
print("the true kernel is ahead of all:", max(scores, key=scores.get) == "true")
print(
    "zero-shot super-resolution gains by either estimate:",
    min(zero_shot["KernelGAN"], zero_shot["recurrence"]) > zero_shot["bicubic"] + 0.5,
)

# %% [markdown]
# ## 9. Where it fails
#
# ### A camera that moved
#
# Nothing in the game says that the kernel is a Gaussian. So the free generator should be at an advantage where it is not: when the camera moved along an L, say.
#
# **Predict before you run.** Which method sees the L?


# %%
def dot(row, column, spread=0.5):
    steps = torch.arange(14) - 6.5
    away = (steps[:, None] - row) ** 2 + (steps[None, :] - column) ** 2
    return torch.exp(-away / (2 * spread**2))


strokes = torch.linspace(0, 6, 61)
corner = sum(dot(s - 4.5, -1.5) + dot(1.5, s - 1.5) for s in strokes)
corner = corner / corner.sum()
moved_y = BlurDownsample(corner, 2)(x)
played = run(kernel_gan(moved_y, iterations))
bent = {"true": corner, "KernelGAN": played.estimate[0, 0]}
bent["recurrence"] = kernel_recurrence(moved_y)
bends = {n: score(solve(moved_y, BlurDownsample(v, 2)), x) for n, v in bent.items()}
bends["bicubic"] = score(solve(moved_y, Downsample(2)), x)
alt = (
    "The true kernel is an L; KernelGAN's is a spot, and that of the recurrence a bar."
)
show_images({n: seen(v) for n, v in bent.items()}, alt, columns=3, zoom=9)
for name, decibels in bends.items():
    print(f"{name:10} {decibels:.2f} dB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Neither. KernelGAN returns a spot, the recurrence with its family of Gaussians returns a bar, and *both end below bicubic*, by two and three decibels. The true kernel would gain six. How can a spot that is smaller than the L be worse than none? What counts is the frequencies. The strokes of the L are thin, so that it passes fine detail which a round spot suppresses. The solver amplifies what the spot would have suppressed, and ripples appear, as with the wrong direction in section 1.
# The expectation that a free generator finds a free shape overlooks that 169 values are to be determined by a faint signal. What decides is the pull of the regularisers and of the deep linear network towards compact spots, as section 8 has shown.
#
# </details>
#
# This is a limit of the field and not of our short run alone. The authors of KernelFusion (2026), two of whom wrote KernelGAN as well, [state](https://talzimb.github.io/KernelFusion/) that for kernels that are not Gaussian the leading blind methods do worse than simple interpolation. They propose another comparison of patches, by a diffusion model.
# Of their own method the authors of KernelGAN say in an [answer to a user](https://github.com/sefibk/KernelGAN/issues/84) that there are "definitely misses", and that the distance between two kernels is almost meaningless as a measure: a kernel should be judged by the super-resolution that it makes possible, as we do here.
#
# ### An image that shows nothing
#
# The first condition was a kernel that is a blob. The second is that there are edges, in all directions and at several sizes. Here are two windows of $y$ at 64 × 64 pixels, one with the man's head, and one with little but grass.

# %%
small = {"head": y[..., 0:64, 32:96], "grass": y[..., 64:128, 64:128]}
alt = "The man's head with strong edges, and grass with the legs of the tripod."
show_images(small, alt, zoom=2)
print("full image:", f"{results['refined'] - plain:+.2f} dB over bicubic")
for name, part in small.items():
    guess = kernel_recurrence(part)
    gain = score(solve(y, BlurDownsample(guess, 2)), x) - plain
    print(f"{name:5} contrast {part.std():.2f}, its kernel: {gain:+.2f} dB on all of y")

# %% [markdown]
# Both windows still name a kernel that is better than bicubic, but both gain less than the full image, and the window with less contrast gains least. (This is one seed, and section 8 has cases in which another seed alone moves the recurrence by as much.) The library's game refuses images of less than 48 pixels a side, and an author of the flow prior [writes](https://github.com/JingyunLiang/FKP/issues/5) that KernelGAN "is not suitable for small images by design". An image without any contrast is refused, since it looks the same under every kernel.
#
# ## 10. Your own photograph
#
# Press the button and choose a small image. If you choose none, the next cells take a photograph at its full size, which is not sharp per pixel. Nobody has blurred it, so that this is the case of Michaeli and Irani (section 2): the kernel leads here from the image of a camera of twice the resolution, and it is narrower than the blur of the lens itself. A real photograph also has noise and traces of JPEG, which the solver would amplify. Therefore we take a ten times larger $\lambda$ than above.

# %%
import ipywidgets

from dil_course.signals import load_image, save_image, uploaded

upload = ipywidgets.FileUpload(
    accept="image/*", multiple=False, description="Choose an image"
)
upload

# %%
chosen = uploaded(upload)
own = load_image(chosen[1], max_side=256) if chosen else picture("coffee", side=160)
own = own.to(device)
kernel = kernel_recurrence(own)
sharper = {
    "bicubic": enlarge(own, Downsample(2)),
    "solved, bicubic assumed": solve(own, Downsample(2), weight=0.01),
    "solved, its own kernel": solve(own, BlurDownsample(kernel, 2), weight=0.01),
}
side = min(sharper["bicubic"].shape[-2:]) // 3
corner_of = [(n - side) // 2 for n in sharper["bicubic"].shape[-2:]]
alt = "An image enlarged in three ways, and a window of its middle."
show_images(sharper, alt, columns=3, crop=(*corner_of, side))
show_images({"its kernel": seen(kernel)}, "The estimated kernel, a spot.", zoom=9)
save_image(sharper["solved, its own kernel"], "my_picture_enlarged.png")
print("saved beside this notebook: my_picture_enlarged.png")

# %% [markdown]
# The kernel of a photograph that nobody blurred is a spot, here wider along the rows than across. The result is crisper, and the rim of the coffee has gained contrast. So has the grain, and near the border there are ripples, because the blur is assumed to be circular. There is no truth to decide which of it was in the cup.
#
# ## Exercises
#
# 1. **One layer.** Replace the generator by a single convolution of 13 × 13 pixels (`collapse` then returns its weight) and play 400 iterations. Is the kernel better, worse, or of another kind?
# 2. **One after the other.** In `play`, judge `real` and `fake` by two calls of the critic in place of one. Loop over its steps with fresh networks, and every 50 iterations restore with the kernel's `camera_kernel` and print the `score`. Does the kernel improve to the end?
# 3. **A soft photograph.** Take `picture("camera", side=256)` as $x$, a window of the photograph at its full size. Blur and shrink it as in section 1, and estimate the kernel by recurrence. Predict first: does the photograph's own blur make the estimate wider or narrower, and does the estimate still gain?
#
# <details><summary>Solution 1</summary>
#
# `collapse` returns `generator.weight`, and the generator is `nn.Conv2d(1, 1, 13, bias=False)` with the same initialisation. In one run of 400 iterations on the camera man the kernel is worth 19 dB, six below bicubic: it remains a fog over all 169 values, with a standard deviation of 2.6 pixels in both directions. Adam moves each value by itself and rarely by more than its learning rate, so that the random values at the start disappear slowly. (The kernel was still improving, by a decibel in the last hundred iterations; we tried neither a longer run nor a higher rate.) Through the layers the same steps move the whole kernel. Depth adds no kernel that one layer could not represent, but it changes which of them the descent finds.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# Replace the call by `of_real, of_fake = critic(real + ...), critic(fake + ...)`. In one run of 400 iterations on the camera man, the kernel is worth 26.3 dB after 300, as much as with one batch, and then breaks away to 24.3, below bicubic. Each kind of window is rescaled by its own variance, so that the critic has lost the contrast and looks for other differences. On the coffee cup, with another kernel, the same happens between 200 and 300 iterations.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# ```python
# sharp = picture("camera", side=256)
# soft_y = BlurDownsample(k, 2)(sharp)
# guess = BlurDownsample(kernel_recurrence(soft_y), 2)
# for A in (Downsample(2), guess, BlurDownsample(k, 2)):
#     print(score(solve(soft_y, A), sharp))
# ```
#
# The estimate is nearly as wide as the true kernel, wider than it was in section 2: the photograph's own blur counts as the camera's, and here it makes up for the factor of $\tfrac34$. The gain is more than three decibels, and the true kernel is only 0.3 dB ahead (one run). What this says about the lens is another matter: estimate and truth agree because two errors cancel.
#
# </details>
#
# ## Summary
#
# 1. A wrong kernel costs decibels. One that is too long, or long in a direction far from the true one, was worse than bicubic; short ones were ahead of it in every direction. A shift of a pixel costs most of what the right kernel gains.
# 2. Patches of $y$ recur most closely in the shrunken $y$ under a kernel a little narrower than the camera's. This names a kernel where the misfit cannot, as long as the camera's kernel is a blob.
# 3. KernelGAN plays that comparison as a game: its generator is one kernel made by a deep linear network, its critic sees 7 × 7 patches.
# 4. Ahead of bicubic is not enough. The game gains 0.9 to 1.7 dB on nine cases, but a fixed round spot that has not seen $y$ reaches most of it on most of them, and so does the game with a critic that never learns. The recurrence of patches, with three parameters and no network, is clearly ahead of the spot on eight of nine.
# 5. Judge a kernel by what it restores, with one solver for all, and against a guess that has not seen the image.
# 6. **What breaks it:** kernels that are no blobs. **What weakens it:** flat or small images, and the seed, for the game and for the recurrence. And in a photograph that is soft by itself, the estimate cannot tell that softness from the camera's.
#
# **Papers.** T. Michaeli, M. Irani, *Nonparametric Blind Super-Resolution*, ICCV 2013: the kernel from the recurrence of patches across scales.
# S. Bell-Kligler, A. Shocher, M. Irani, [*Blind Super-Resolution Kernel Estimation using an Internal-GAN*](https://arxiv.org/abs/1909.06581), NeurIPS 2019: KernelGAN, with [the authors' code](https://github.com/sefibk/KernelGAN).
# X. Mao, Q. Li, H. Xie, R. Lau, Z. Wang, S. P. Smolley, [*Least Squares Generative Adversarial Networks*](https://arxiv.org/abs/1611.04076), ICCV 2017: squares in place of logarithms.
# J. Liang, K. Zhang, S. Gu, L. Van Gool, R. Timofte, [*Flow-based Kernel Prior with Application to Blind Super-Resolution*](https://arxiv.org/abs/2103.15977), CVPR 2021: the generator restricted to Gaussian kernels by a trained flow.
# O. Heinimann, A. Shocher, T. Zimbalist, M. Irani, [*KernelFusion*](https://arxiv.org/abs/2503.21907), ICLR 2026: a patch diffusion model in place of the critic, for kernels of any shape.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, [*Deep Internal Learning*](https://arxiv.org/abs/2312.07425), IEEE Signal Processing Magazine 2024: the survey that this course follows.
#
# **Next.** Lesson 10 asks for more than one patch at a time, and generates whole images from a single one.
#
# **Problem set.** [Problem set 09](../exercises/ps09_blind_super_resolution/ps09_blind_super_resolution.ipynb): the collapse of linear layers, the gradient of the sum-to-one term, why patches of 7 × 7, centres of mass and shifts, four searches that fail.
