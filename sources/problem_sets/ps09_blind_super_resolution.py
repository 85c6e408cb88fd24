# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 09 · Blind super-resolution
#
# Six tasks on [lesson 09](../../notebooks/09_blind_super_resolution.ipynb) and one open question, for 20 points in all.
#
# - Write your lines in place of `raise NotImplementedError()`. You may add cells of your own anywhere.
# - The cell after each task checks your answer at once, says *which* mistake it sees, and gives a hint.
#   **If you run it again, the hint says more**, and nothing is lost by asking.
# - The last line of that cell is your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells, because they are marked.
# - The set takes about three and a half hours, of which the computing is less than a minute.

# %%
import math

import torch
import torch.nn.functional as F

from dil_course import runtime
from dil_course.checks import compare, ps09
from dil_course.figures import show_curves, show_images
from dil_course.from_scratch import kernel_recurrence
from dil_course.from_scratch.kernel_gan import (
    LinearGenerator,
    centre_of_mass,
    kernel_at_scale_4,
)
from dil_course.signals import BlurDownsample, gaussian_kernel, patches, psnr

# For such small pictures a second thread costs more than it brings.
torch.set_num_threads(1)
x = ps09.photograph("camera", 192)  # gray, at half size: sharp in each pixel
camera = gaussian_kernel(14, (1.8, 0.8), angle=30)
y = BlurDownsample(camera, 2)(x)

# %% [markdown]
# ## Task 1. Many layers, one kernel (3 points, 30 minutes)
#
# The generator of KernelGAN is a chain of convolutions without bias or nonlinearity, and such a chain is one correlation with one kernel. In the lesson only the last layer had a stride.
# Here **each** layer may have one, which makes the question more interesting: two neighbouring numbers behind a layer of stride 2 come from places of the image that are two pixels apart.
#
# Write `collapse(weights, strides)`. The weights of layer $l$ are `weights[l]`, (out, in, height, width), as `F.conv2d` takes them, and `strides[l]` is its stride; no layer pads. Return the one kernel,
# (out of the last, in of the first, height, width), with which `F.conv2d(x, kernel, stride=product of the strides)` gives what the chain gives.
#
# Begin with two layers in one dimension: follow one tap of the second layer through the first, and ask which pixels of the image it reaches.


# %% nbgrader={"solution": true, "grade_id": "collapse_answer"}
def collapse(weights, strides):
    ### BEGIN SOLUTION
    kernel, apart = weights[0], strides[0]
    for weight, stride in zip(weights[1:], strides[1:]):
        # Tap j of this layer reaches tap k of all before it at pixel j * apart + k.
        kernel = F.conv_transpose2d(weight, kernel, stride=apart)
        apart *= stride
    return kernel
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "collapse", "points": 3}

ps09.collapse(collapse)
### BEGIN HIDDEN TESTS
ps09.collapse(collapse, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Use it twice. First collapse the library's `LinearGenerator()`, whose `layers` have the strides 1, 1, 1, 1, 1, 2, and compare with its method `kernel()`. Count the products for one window of 64 × 64 pixels, layer by layer and with the one kernel:
# **predict before you run** how many times fewer they are.
#
# Then let a camera act twice, with stride 2 each time. What your function makes of these two layers is the kernel of the camera for scale 4. Compare it with the library's `kernel_at_scale_4(camera)`.
# Both turn the kernel around in the same way, so that you need not care about the difference between correlation and convolution.

# %% nbgrader={"solution": true, "grade_id": "collapse_seen"}
### BEGIN SOLUTION
with runtime.seeded(0):
    generator = LinearGenerator()
weights = [layer.weight.detach() for layer in generator.layers]
kernel = collapse(weights, [1, 1, 1, 1, 1, 2])
compare("generator", kernel, generator.kernel().detach())
side, products = 64, 0
for weight in weights[:-1]:
    side -= weight.shape[-1] - 1
    products += weight.numel() * side**2
side = (side - 1) // 2 + 1
products += weights[-1].numel() * side**2
once = kernel.numel() * side**2
print(
    f"{products / 1e6:.0f} million products layer by layer, {once / 1e6:.2f} with one"
)
k = camera[None, None]
compare("scale 4", collapse([k, k], [2, 2])[0, 0], kernel_at_scale_4(camera))
# The collapse itself costs about twenty million products at this width. They do not
# grow with the window, and the penalties need the collapsed kernel anyway.
### END SOLUTION

# %% [markdown]
# ## Task 2. What the sum pushes (3 points, 35 minutes)
#
# A blur keeps brightness, so that its kernel sums to one. KernelGAN pulls towards this with the term $|s - 1|$, where $s$ is the sum of the collapsed kernel. Derive its gradient with respect to the weights of one layer.
# How does the sum of a convolution depend on the sums of its factors? And what is this in the case of several channels?
#
# Write `sum_gradient(weights, number)`. The chain `weights` begins and ends with one channel, and has the form of task 1; the strides do not matter for the sum. Return $\partial |s - 1| / \partial$ `weights[number]`, in the shape of `weights[number]`.
# Please do without autograd, which would give the numbers and hide the idea. The sum $s$ is never exactly one.


# %% nbgrader={"solution": true, "grade_id": "sum_gradient_answer"}
def sum_gradient(weights, number):
    ### BEGIN SOLUTION
    sums = [weight.sum((2, 3)) for weight in weights]  # s is the product of these
    before = after = torch.ones(1, 1, dtype=sums[0].dtype)
    for matrix in sums[:number]:
        before = matrix @ before  # (in,1)
    for matrix in sums[:number:-1]:
        after = after @ matrix  # (1,out)
    s = after @ sums[number] @ before
    gradient = torch.sign(s - 1) * after.T @ before.T
    return gradient[..., None, None].expand_as(weights[number])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "sum_gradient", "points": 3}
from dil_course.checks import ps09

ps09.sum_gradient(sum_gradient)
### BEGIN HIDDEN TESTS
ps09.sum_gradient(sum_gradient, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Follow this term alone for 60 steps of plain gradient descent, with the weights of a `LinearGenerator(width=8)` and a rate of 0.001 for all layers. Draw the sum of the kernel over the steps, and do the same with the square $(s - 1)^2$, whose gradient is $2 |s - 1|$ times yours.
# **Predict before you run:** which of the two sums comes to rest at one, what does the other do, and what does the optimiser's learning rate have to do with it?

# %% nbgrader={"solution": true, "grade_id": "sum_gradient_seen"}
### BEGIN SOLUTION
with runtime.seeded(0):
    start = [layer.weight.detach() for layer in LinearGenerator(width=8).layers]
curves = {}
for name in ("|s - 1|", "(s - 1) squared"):
    weights, sums = [weight.clone() for weight in start], []
    for _ in range(60):
        s = collapse(weights, [1] * 6).sum().item()
        sums.append(s)
        factor = 1 if name == "|s - 1|" else 2 * abs(s - 1)
        steps = [factor * sum_gradient(weights, number) for number in range(6)]
        weights = [weight - 0.001 * step for weight, step in zip(weights, steps)]
    curves[name] = (range(60), sums)
    print(f"{name:16} the last three sums:", *(f"{s:.2f}" for s in sums[-3:]))
alt = (
    "Two sums that come to one: one of them settles there, and the other jumps up "
    "and down around it."
)
show_curves(curves, "step", "sum of the kernel", alt)
# The slope of |s - 1| is as steep beside its minimum as anywhere, so that each step
# goes too far: the sum jumps around one, by an amount that grows with the rate. The
# library divides each kernel by its sum, so that these jumps do no harm.
### END SOLUTION

# %% [markdown]
# ## Task 3. Why are the critic's patches so small? (2 points, 30 minutes)
#
# The critic of KernelGAN sees patches of 7 × 7 pixels. Why not more, when the generator's kernel has 13 × 13? To see what patches of any size can reveal, we replace the network by the **best critic that can exist**, which has counted all patches.
# Let a patch be one of $K$ kinds. Kind $k$ makes up a share $p_k$ of the real patches and $q_k$ of the fakes, and gets the score $D_k$. The critic minimises the least-squares loss
#
# $$L(D) = \tfrac12 \sum_k p_k \, (D_k - 1)^2 + \tfrac12 \sum_k q_k \, D_k^2 .$$
#
# Write `best_critic(real, fake)`. It takes the numbers of patches of each kind, two tensors (K,) of counts, whose sums may differ. It returns `(scores, loss)`: the scores (K,) that minimise $L$, and the least $L$ itself.
# A kind that was never seen, neither real nor fake, gets the score 0.5.


# %% nbgrader={"solution": true, "grade_id": "best_critic_answer"}
def best_critic(real, fake):
    ### BEGIN SOLUTION
    p, q = real / real.sum(), fake / fake.sum()
    # For each kind p (D - 1) + q D = 0.
    scores = torch.where(p + q > 0, p / (p + q), 0.5)
    loss = (p * (scores - 1) ** 2 + q * scores**2).sum() / 2
    return scores, loss
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "best_critic", "points": 2}
from dil_course.checks import ps09

ps09.best_critic(best_critic)
### BEGIN HIDDEN TESTS
ps09.best_critic(best_critic, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Where both shares agree for every kind, all scores are 1/2, and the loss is at its largest, 1/4: the critic sees no difference. **Predict before you run:** how does the loss change with the side of the patches, for the right kernel and for a wrong one?
#
# Round the gray values of `y` to 8 levels, and count its patches by `torch.unique(..., dim=0, return_inverse=True)`. The fakes are patches of `y`, blurred and made smaller once more, first with a kernel that is hardly any blur ($\sigma$ = 0.3),
# then with `camera`, and then with one that is too wide ($\sigma$ = 2.5). Print the least loss of all three for patches of 1, 2, 3, 4, 5 and 7 pixels a side.

# %% nbgrader={"solution": true, "grade_id": "best_critic_seen"}
### BEGIN SOLUTION
kernels = {"too sharp": gaussian_kernel(14, 0.3), "camera": camera}
kernels["too wide"] = gaussian_kernel(14, 2.5)
for side in (1, 2, 3, 4, 5, 7):
    losses, line = {}, f"{side} x {side}: "
    for name, kernel in kernels.items():
        smaller = BlurDownsample(kernel, 2)(y)
        rows = [(8 * patches(z, side)).floor() for z in (y, smaller)]
        kinds, index = torch.unique(torch.cat(rows), dim=0, return_inverse=True)
        counts = [
            torch.bincount(part, minlength=len(kinds)).double()
            for part in index.split([len(row) for row in rows])
        ]
        losses[name] = best_critic(*counts)[1].item()
        line += f"{name} {losses[name]:.3f}, "
    wrong = max(losses["too sharp"], losses["too wide"])
    print(f"{line}lead of the camera {losses['camera'] - wrong:+.3f}")
print(
    "Single pixels are nearly blind to blur: the three losses are close to 1/4. The "
    "larger the patches, the lower all losses, because a large patch is one of a "
    "kind, and recurs under no kernel. The lead of the right kernel is largest in "
    "between, where a patch holds an edge and still recurs. A network can use more "
    "pixels than this table, because it shares what it learned among similar patches."
)
### END SOLUTION

# %% [markdown]
# ## Task 4. The centre of mass (2 points, 25 minutes)
#
# The critic sees patches without their places, so that it cannot show the generator where the middle is: if the kernel moves by a pixel, the fakes move with it, and their patches stay the same.
# Only the weak pull towards bicubic downsampling holds the kernel near the middle. The library therefore moves each kernel afterwards, until its **centre of mass** lies in the middle of the array.
#
# Write `centred(kernel)`, which does this for a kernel (height, width) that sums to one. The result has the same shape, the same form and the sum one, and its centre of mass is within 0.05 pixels of the middle, which is at $(\text{side} - 1) / 2$ along each side.
# The middle of 14 pixels lies between two of them. `centre_of_mass(kernel)` of the library returns the row and the column, counted from zero. You can take any interpolation, and there is enough empty space around the kernel.


# %% nbgrader={"solution": true, "grade_id": "centred_answer"}
def centred(kernel):
    ### BEGIN SOLUTION
    for axis, side in enumerate(kernel.shape):
        move = (side - 1) / 2 - centre_of_mass(kernel)[axis].item()
        whole = math.floor(move)
        part = move - whole
        near, far = kernel.roll(whole, axis), kernel.roll(whole + 1, axis)
        kernel = (1 - part) * near + part * far
    return kernel
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "centred", "points": 2}
from dil_course.checks import ps09

ps09.centred(centred)
### BEGIN HIDDEN TESTS
ps09.centred(centred, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Now see what a shift costs. Move `camera` to the right by 0, 0.25, 0.5, 1 and 2 pixels, by linear interpolation, and restore `y` with each of these kernels: `ps09.restored(y, kernel)` is the solver of the lesson, which treats all kernels in the same way.
# Print the PSNR (8 pixels shaved). In a second column, print it after `centred` has done its work on the kernel.
#
# **Predict before you run:** in which direction does the restored image move when the kernel moves to the right? And where does the small loss come from that remains in the second column?

# %% nbgrader={"solution": true, "grade_id": "centred_seen"}
### BEGIN SOLUTION
shown = {}
for move in (0, 0.25, 0.5, 1, 2):
    whole, part = int(move), move - int(move)
    kernel = (1 - part) * camera.roll(whole, 1) + part * camera.roll(whole + 1, 1)
    off, back = (ps09.restored(y, k) for k in (kernel, centred(kernel)))
    print(f"{move:4} pixels: {psnr(off, x, shave=8):.2f} dB,", end=" ")
    print(f"centred {psnr(back, x, shave=8):.2f} dB")
    shown[f"moved by {move}"] = off
alt = (
    "Five restorations of one photograph that look equally sharp; each is shifted "
    "a little further to the left."
)
show_images(shown, alt=alt, columns=5)
# The image moves to the left: seen through a kernel that moves everything to the
# right, it must show y. The eye does not notice it, but the PSNR does. What remains is
# the blur of linear interpolation, a variance of part * (1 - part) pixels^2, twice.
### END SOLUTION

# %% [markdown]
# ## Task 5. Which kernel recurs? (2 points, 25 minutes)
#
# The search across scales blurs $y$ by a kernel $k'$, makes it smaller, and asks whether the result looks like $y$. Is the best $k'$ the camera's kernel? Assume a scene that is **the same at every scale**, up to a blur of its own: an edge in it has the width of that blur.
# Blurs are described by their covariance matrices, which add up when blurs follow one another, and which are divided by $\text{scale}^2$ when the image is made smaller, because they are then counted in larger pixels.
#
# Write `recurring_covariance(camera, own, scale)`. Here `camera` and `own` are the covariances (2,2) of the camera's kernel and of the scene's own blur, both in pixels of $x$. Return the covariance of the kernel $k'$, in pixels of $y$,
# with which $y$, blurred by $k'$ and made smaller by `scale`, has edges as wide as those of $y$ itself.


# %% nbgrader={"solution": true, "grade_id": "recurring_covariance_answer"}
def recurring_covariance(camera, own, scale):
    ### BEGIN SOLUTION
    blur_of_y = (camera + own) / scale**2
    # (blur_of_y + k') / scale^2 = blur_of_y
    return (scale**2 - 1) * blur_of_y
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "recurring_covariance", "points": 2}
from dil_course.checks import ps09

ps09.recurring_covariance(recurring_covariance)
### BEGIN HIDDEN TESTS
ps09.recurring_covariance(recurring_covariance, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Does a photograph obey? Blur `x` by round Gaussians of variance 0.5, 1, 2, 3 and 4 pixels², and let `kernel_recurrence` find the kernel. Draw its mean variance (half the trace of its covariance) over that of the camera, beside your formula without any own blur, and beside the line on which both are equal.
# **Predict before you run:** on which side of that line are sharp cameras, on which side blurry ones, and which own blur of the photograph would explain it?


# %% nbgrader={"solution": true, "grade_id": "recurring_covariance_seen"}
### BEGIN SOLUTION
def mean_variance(kernel):
    """Half the trace of the covariance, in pixels^2, of a centred kernel."""
    steps = torch.arange(len(kernel)) - (len(kernel) - 1) / 2
    return ((kernel.sum(0) + kernel.sum(1)) * steps**2).sum().item() / 2


variances, found = [0.5, 1, 2, 3, 4], []
for variance in variances:
    small = BlurDownsample(gaussian_kernel(14, math.sqrt(variance)), 2)(x)
    found.append(mean_variance(kernel_recurrence(small)))
    own = 4 / 3 * found[-1] - variance
    print(f"camera {variance:3}: found {found[-1]:.2f}, so an own blur of {own:.2f}")
one = torch.eye(2)
formula = [recurring_covariance(v * one, 0 * one, 2)[0, 0].item() for v in variances]
curves = {"found": (variances, found), "formula, no own blur": (variances, formula)}
curves["as the camera"] = (variances, variances)
alt = (
    "Three lines that rise: the variance that was found begins above that of the "
    "camera, and ends below it, a little above the formula."
)
show_curves(curves, "variance of the camera", "variance of the kernel", alt)
### END SOLUTION

# %% [markdown]
# ## Task 6. Four searches that fail: find out why (4 points, 30 minutes)
#
# `ps09.failing_run("A")` is a search for the kernel across scales, as `kernel_recurrence` makes it, on a small gray photograph, with one thing wrong. The searches "B", "C" and "D" suffer from another fault each.
# Restored with the kernel of a good search, this photograph gains more than 2 dB over the kernel of bicubic downsampling, whereas all four of these kernels lose. A run is a dictionary:
#
# - `truth` (1,1,192,192), `y` (1,1,96,96), `camera` and `kernel` (14,14), which are the true kernel and the estimate;
# - `patches`: the 300 patches of `y` that were searched for, and `smaller`, the version of `y` in which they were searched for, at the kernel that was found;
# - `errors`: the error of each kernel that was tried, {(standard deviation across, along, angle): error}, and `found`, the three numbers of the kernel;
# - `estimate` and `with bicubic` (1,1,192,192): `y`, restored with the kernel and with that of bicubic downsampling.
#
# Look at the images and at the numbers before you guess.

# %%
runs = {letter: ps09.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps09.CAUSES.items():
    print(f"{cause:20} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
for letter, r in runs.items():
    gain = psnr(r["estimate"], r["truth"], shave=8)
    gain -= psnr(r["with bicubic"], r["truth"], shave=8)
    misfit = BlurDownsample(r["camera"], 2)(r["truth"]) - r["y"]
    spread = r["patches"].std((2, 3)).mean()
    row, column = centre_of_mass(r["kernel"]).tolist()
    least = min(r["errors"], key=r["errors"].get)
    print(f"{letter}: gain {gain:+.1f} dB; found {r['found']}, least {least};", end=" ")
    print(f"centre {row:.1f}, {column:.1f};", end=" ")
    print(f"smaller {tuple(r['smaller'].shape[2:])};", end=" ")
    print(
        f"patches {tuple(r['patches'].shape[2:])}, {255 * spread:.1f} levels;", end=" "
    )
    print(f"camera(truth) - y at most {255 * misfit.abs().max():.1f} levels")
shown = {
    f"{letter}: kernel": r["kernel"][None, None] * 20 for letter, r in runs.items()
}
shown |= {f"{letter}: estimate": r["estimate"] for letter, r in runs.items()}
alt = (
    "Four kernels, of which two are wide blobs, one is a dot and one lies beside the "
    "middle; and the photograph, restored with each of them."
)
show_images(shown, alt=alt)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "flat patches",
    "B": "kernel not centred",
    "C": "not made smaller",
    "D": "patches too large",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps09

ps09.causes(causes)

# %% [markdown]
# ## Open question (4 points, 35 minutes)
#
# `y, worlds = ps09.two_worlds(seed)` is one small image with two histories. In the first world a sharp scene was taken by a camera with a wide kernel, and in the second the scene itself was soft and the camera's kernel narrow.
# `worlds` is a dictionary {name: (truth, kernel)}. **Can one image reveal the camera that blurred it?**
#
# Show first that both worlds make the same `y`. Then **write down, before you measure:** which of the two cameras will `kernel_recurrence(y)` name, or neither? And which of three kernels, the wide one, the narrow one and the one that was found, will restore `y` best in each of the two worlds?
# Measure it for the seeds 0, 1 and 2, which are three photographs.
#
# You will be marked on this:
#
# | points | for |
# | --- | --- |
# | 1 | that both worlds make the same `y`, why they do, and what follows for every method that sees `y` alone |
# | 1 | the prediction, written before the measurement, with its reason |
# | 1 | the measurement in both worlds, for three kernels and three photographs |
# | 1 | what an estimator has to assume in order to decide; one weakness of your own experiment |


# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
for seed in range(3):
    small, worlds = ps09.two_worlds(seed)
    again = [BlurDownsample(kernel, 2)(truth) for truth, kernel in worlds.values()]
    gap = 255 * (again[0] - again[1]).abs().max()
    kernels = {name.split(", ")[1]: kernel for name, (_, kernel) in worlds.items()}
    kernels["found"] = kernel_recurrence(small)
    spreads = [f"{name} {mean_variance(k):.2f}" for name, k in kernels.items()]
    print(f"seed {seed}: the two y differ by {gap:.4f} gray levels at most;", end=" ")
    print("mean variance:", ", ".join(spreads))
    for world, (truth, _) in worlds.items():
        scores = [
            f"{name} {psnr(ps09.restored(small, kernel), truth, shave=8):.1f} dB"
            for name, kernel in kernels.items()
        ]
        print(f"  {world:26} restored with:", ", ".join(scores))
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 4}
# ### BEGIN SOLUTION
# **A good answer, measured** with the seeds 0, 1 and 2.
#
# *One y.* The two images differ by 0.0001 gray levels, which is rounding. The scene of the second world is that of the first, blurred by a Gaussian $b$, and its camera has the kernel $k$; the wide kernel of the first world is $b * k$.
# Since $(x * b) * k = x * (b * k)$, the two worlds agree in every value of $y$. A method that sees $y$ alone therefore gives the same answer in both, and is wrong in one of them at least.
#
# *Prediction* (here it is written with the result at hand, whereas yours comes before it). By task 5 the search finds 3/4 of all the blur in $y$, the camera's and the scene's together. The photographs have a little blur of their own besides, so that the result should lie close to the wide kernel, in either world.
# The wide kernel should win in the sharp world, and the narrow one in the soft world, each by several decibels.
#
# *Measured.* The wide kernel has a mean variance of 3.0, the narrow one 1.6, and the search found 2.6, 3.2 and 2.4. It names the wide camera, roughly. This table shows the PSNR in decibels for the three photographs:
#
# | restored with | wide kernel | narrow kernel | found |
# | --- | --- | --- | --- |
# | sharp scene | 27.2, 27.9, 30.3 | 25.4, 25.8, 28.3 | 26.8, 27.1, 29.9 |
# | soft scene | 31.7, 31.4, 34.3 | 45.6, 45.1, 48.2 | 34.6, 28.6, 38.0 |
#
# With the same image and the same kernel, the estimate is 0.4 to 0.8 dB from the best in one world, and more than 10 dB from it in the other. The estimate does not know the difference. It "restores" a sharpness which the soft scene never had.
#
# *What has to be assumed.* The search assumes that the scene looks the same at every scale down to its last pixel, so that all blur is the camera's. A soft scene breaks this assumption: it has a scale, the width of its own blur. One could also assume sharp edges, or know the camera from another image taken with it.
# For a viewer who wants a sharp picture the answer of the first world may be the right one even in the second, but it is no measurement of the camera.
#
# *Weakness.* The worlds are simulated with exactly Gaussian blurs and without noise. The 45 dB of the narrow kernel in the soft world need this: noise would limit them.
# ### END SOLUTION
