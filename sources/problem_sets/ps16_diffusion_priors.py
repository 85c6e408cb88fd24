# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 16 · Diffusion priors
#
# Six tasks to [lesson 16](../../notebooks/16_diffusion_priors.ipynb), and one open question. 20 points.
#
# - Write your lines in place of `raise NotImplementedError()`. You may add cells of your own anywhere.
# - The cell after each task checks your answer at once, and it says *which* mistake it sees and gives a hint. **If you run it again, the hint says more**, and you lose nothing by asking.
# - The last line of that cell is your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells, because your points are counted from them.
# - The set takes about three hours, of which the computer needs less than a minute.
#
# The lesson draws with trained networks, of which nobody knows what they should have drawn. Here we mostly draw from **clouds**, a Gaussian prior for which the best denoiser, the posterior mean and the posterior standard deviation are known exactly, so that every deviation is the sampler's. The noise level of a state, which the lesson calls $s$, is $\sigma$ here.

# %%
import math

import torch

from dil_course import runtime
from dil_course.checks import ps16
from dil_course.figures import show_curves, show_images
from dil_course.signals import Downsample, Mask, digits, psnr

# For such small pictures a second thread costs more than it brings.
torch.set_num_threads(1)
clouds = ps16.Clouds(24)  # called with an image and its noise level, it denoises
truth = clouds.draw(1, runtime.generator(0, "truth"))
show_images(
    {
        "a cloud": truth.clamp(0, 1),
        "another one": clouds.draw(1, runtime.generator(1, "truth")).clamp(0, 1),
    },
    "Two smooth gray images without any object, like clouds.",
)


def normal(shape, generator):
    """Numbers of mean zero and standard deviation one, float64 as the clouds are."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)


# %% [markdown]
# ## Task 1. Tweedie by hand (3 points, 35 minutes)
#
# Suppose that a clean image is one of $K$ known images $x_1, \dots, x_K$, each equally likely, and that $x$ is such an image with white Gaussian noise of standard deviation $\sigma$. Its density is a sum of $K$ bells,
#
# $$p_\sigma(x) \propto \sum_{k=1}^{K} \exp\left( - \frac{\|x - x_k\|^2}{2 \sigma^2} \right) .$$
#
# Two things can be computed from it. The **best denoiser** is the mean $E[x_0 \mid x]$ of the clean image once $x$ has been seen, and the **score** is $\nabla \log p_\sigma(x)$. Derive both by hand, and convince yourself of Tweedie's formula, $E[x_0 \mid x] = x + \sigma^2 \, \nabla \log p_\sigma(x)$.
#
# Write `tweedie(x, images, sigma)`, in which `x` is (N,C,H,W) and `images` is (K,C,H,W). It returns the pair `denoised, score`, both (N,C,H,W), and does so without autograd. Your function must also work where $\sigma$ is so small that the computer takes every $\exp(\cdot)$ for zero.


# %% nbgrader={"solution": true, "grade_id": "tweedie_answer"}
def tweedie(x, images, sigma):
    ### BEGIN SOLUTION
    distances = (x[:, None] - images).flatten(2).square().sum(2)
    weights = torch.softmax(-distances / (2 * sigma**2), dim=1)
    denoised = torch.tensordot(weights, images, 1)
    return denoised, (denoised - x) / sigma**2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "tweedie", "points": 3}
from dil_course.checks import ps16

ps16.tweedie(tweedie)
### BEGIN HIDDEN TESTS
ps16.tweedie(tweedie, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# A denoiser that knows all levels can draw. Start from noise, $x = 3 n$, and for the falling levels $\sigma$ of `ps16.levels(3, 0.01, 40)` step to the next one, $\sigma'$, by
#
# $$x \leftarrow D(x; \sigma) + \frac{\sigma'}{\sigma} \, \big( x - D(x; \sigma) \big) .$$
#
# Take eight handwritten digits as the images, and draw eight samples. **Predict before you run:** your denoiser is perfect for these eight images. What will it draw? What does that say about a network that is trained on a small set until its denoising cannot be improved?

# %% nbgrader={"solution": true, "grade_id": "tweedie_seen"}
### BEGIN SOLUTION
known = digits("test")[0][:8].double()
x = 3 * normal(known.shape, runtime.generator(0, "drawn digits"))
falling = ps16.levels(3, 0.01, 40)
for sigma, following in zip(falling, [*falling[1:], 0]):
    denoised, _ = tweedie(x, known, sigma)
    x = denoised + following / sigma * (x - denoised)
show_images(
    {f"sample {n}": x[n : n + 1] for n in range(8)},
    "Eight samples, each of them a clean handwritten digit.",
    zoom=4,
)
nearest = (x[:, None] - known).flatten(2).norm(dim=2).min(1)
print(f"largest distance of a sample to its nearest digit: {nearest.values.max():.1g}")
print("the digits that were drawn:", sorted(nearest.indices.tolist()))
print(
    "It draws the eight digits, and nothing else, some of them more than once. A "
    "denoiser that is perfect on its training set can only copy it. Networks draw "
    "new images because they cannot do as well as that: what they average over is "
    "decided by their architecture."
)
### END SOLUTION

# %% [markdown]
# ## Task 2. The three lines of DDNM (3 points, 30 minutes)
#
# DDNM draws images that agree with noiseless data $y = A x$. Each step has three lines: denoise, put the data back, and add noise of the next level, which is partly old and partly new,
#
# $$x_0 = D(x; \sigma) , \qquad \hat x = x_0 - A^+ (A x_0 - y) , \qquad x' = \hat x + \sigma' \left( \sqrt{1 - \eta^2} \; \frac{x - x_0}{\sigma} + \eta \, n \right) .$$
#
# Write `ddnm_step(x, sigma, next_sigma, denoiser, A, y, noise, eta)`, which returns the pair `estimate, state`, that is $\hat x$ and $x'$. The denoiser is called as `denoiser(x, sigma)`, `A` has `A.pinv` and `A.adjoint`, and `noise` is the $n$ of the formula. The share $\eta$ of new noise is the $f$ of the lesson, and `fresh` in the library.


# %% nbgrader={"solution": true, "grade_id": "ddnm_step_answer"}
def ddnm_step(x, sigma, next_sigma, denoiser, A, y, noise, eta):
    ### BEGIN SOLUTION
    denoised = denoiser(x, sigma)
    estimate = denoised - A.pinv(A(denoised) - y)
    old = (x - denoised) / sigma
    return estimate, estimate + next_sigma * (math.sqrt(1 - eta**2) * old + eta * noise)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "ddnm_step", "points": 3}
from dil_course.checks import ps16

ps16.ddnm_step(ddnm_step)
### BEGIN HIDDEN TESTS
ps16.ddnm_step(ddnm_step, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Draw 100 clouds of which a version four times smaller is known, `A = Downsample(4)`, with 60 levels from 1 to 0.005 and $\eta = 0.85$, all in one batch. The exact posterior of the same data is `clouds.posterior(y, A)`, a mean and a standard deviation for each pixel.
#
# **Predict before you run:** how well will the samples agree with $y$? Will their mean be that of the posterior? Will their standard deviation be too small, right, or too large?


# %% nbgrader={"solution": true, "grade_id": "ddnm_step_seen"}
### BEGIN SOLUTION
def draw(count, A, y, eta=0.85, seed=0, prior=clouds, steps=60):
    """Samples (count,1,side,side) of DDNM."""
    generator = runtime.generator(seed, "DDNM")
    falling, shape = ps16.levels(1, 0.005, steps), (count, 1, prior.side, prior.side)
    x = 0.5 + falling[0] * normal(shape, generator)
    for sigma, following in zip(falling, [*falling[1:], 0]):
        noise = normal(shape, generator)
        _, x = ddnm_step(x, sigma, following, prior, A, y, noise, eta)
    return x


A = Downsample(4)
y = A(truth)
samples, (mean, deviation) = draw(100, A, y), clouds.posterior(y, A)
offset = (samples.mean(0) - mean).square().mean().sqrt()
print(f"misfit of the data: at most {(A(samples) - y).abs().max():.1g}")
print(f"mean of the samples: {offset / deviation.mean():.2f} deviations away")
spread = samples.std(0).square().mean().sqrt() / deviation.square().mean().sqrt()
print(f"spread of the samples: {spread:.2f} of the exact one")
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "ddnm_step_pictures"}
### BEGIN SOLUTION
show_images(
    {
        "truth": truth.clamp(0, 1),
        "posterior mean": mean.clamp(0, 1),
        "a sample": samples[:1].clamp(0, 1),
        "another sample": samples[1:2].clamp(0, 1),
    },
    "A cloud; a smooth version of it; two samples as rough as the cloud.",
)
print(
    "The samples agree with y, because the last step puts it back and adds no noise. "
    "Their mean is right but for chance. Their spread is too small, although the "
    "denoiser is perfect: it returns a mean, which varies less than the images do, "
    "and independent new noise does not make up for that."
)
### END SOLUTION

# %% [markdown]
# ## Task 3. The norm or its square? (3 points, 35 minutes)
#
# DPS goes down the misfit of the *denoised* image, so that the gradient has to pass through the denoiser. Its authors take the gradient of the norm, not of the squared norm. For a Gaussian prior the denoiser is linear, $D(x) = \mu + W (x - \mu)$ with a matrix $W$, and both gradients can be written down.
#
# Write `guidance(x, y, A, W, mean)`, in which `A` (m,n) and `W` (n,n) are matrices, `x` and `mean` have $n$ numbers and `y` has $m$. It returns the pair `of_norm, of_square`,
#
# $$\nabla_x \, \| y - A D(x) \| \qquad \text{and} \qquad \nabla_x \, \| y - A D(x) \|^2 ,$$
#
# with $n$ numbers each. Please do without autograd, and do not assume that $W$ is symmetric.


# %% nbgrader={"solution": true, "grade_id": "guidance_answer"}
def guidance(x, y, A, W, mean):
    ### BEGIN SOLUTION
    residual = y - A @ (mean + W @ (x - mean))
    of_square = -2 * W.T @ (A.T @ residual)
    return of_square / (2 * residual.norm()), of_square
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "guidance", "points": 3}
from dil_course.checks import ps16

ps16.guidance(guidance)
### BEGIN HIDDEN TESTS
ps16.guidance(guidance, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Now both of them steer a sampler. A signal of 48 numbers has the mean 1/2 and the covariance $C_{ij} = 0.15^2 \exp(-|i - j| / 4)$, so that $W = C (C + \sigma^2)^{-1}$. We know every fourth number of it, in noise of standard deviation 0.01. For 100 levels from 1 to 0.01, a step is
#
# $$x \leftarrow D(x) + \frac{\sigma'^2}{\sigma^2} \, (x - D(x)) + \sigma' \sqrt{1 - \sigma'^2 / \sigma^2} \; n \; - \; \zeta \, g ,$$
#
# in which $g$ is one of your two gradients at $x$. Draw the misfit of the denoised signal at the last level (root mean square over the 12 data) over $\zeta$ from 0.01 to 3, for both gradients. Then give $y$ and $A$ in units twice as large, so that both are multiplied by 2, and divide the misfit by 2 again.
#
# **Predict before you run:** which of the two has a cliff, beyond which the run diverges, and where does it go in the other units? How does the misfit of the other one depend on $\zeta$, once $\zeta$ is large? Does either gradient know how strong the noise of the data is?


# %% nbgrader={"solution": true, "grade_id": "guidance_sampler"}
### BEGIN SOLUTION
place = torch.arange(48, dtype=torch.float64)
covariance = 0.15**2 * torch.exp(-(place[:, None] - place).abs() / 4)
level = torch.full((48,), 0.5, dtype=torch.float64)
unity = torch.eye(48, dtype=torch.float64)


def last_misfit(zeta, which, units=1.0, seed=0):
    """Of DPS with gradient number `which`, in units of the first experiment."""
    generator = runtime.generator(seed, "DPS")
    signal = level + torch.linalg.cholesky(covariance) @ normal(48, generator)
    A = units * unity[1::4]
    y = A @ signal + units * 0.01 * normal(12, generator)
    falling = ps16.levels(1, 0.01, 100)
    x = level + normal(48, generator)
    for sigma, following in zip(falling, [*falling[1:], 0]):
        W = torch.linalg.solve(covariance + sigma**2 * unity, covariance).T
        denoised, share = level + W @ (x - level), (following / sigma) ** 2
        gradient = guidance(x, y, A, W, level)[which]
        fresh = following * math.sqrt(1 - share) * normal(48, generator)
        x = denoised + share * (x - denoised) + fresh - zeta * gradient
    return (A @ denoised - y).square().mean().sqrt().item() / units


### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "guidance_seen"}
### BEGIN SOLUTION
steps, curves, looks = [0.01, 0.03, 0.1, 0.3, 0.6, 1.0, 1.5, 3.0], {}, {}
for units in (1, 2):
    for which, name in enumerate(("norm", "square")):
        found = [last_misfit(zeta, which, units) for zeta in steps]
        label = f"{name}, units x {units}"
        curves[label] = (steps, [min(m, 10) for m in found])
        looks[label] = (which, units - 1)
curves["noise of the data"] = (steps, [0.01] * len(steps))
show_curves(
    curves,
    "zeta",
    "misfit (10 and more: diverged)",
    "Two curves of the norm that fall and then rise in proportion to zeta; two of "
    "the square that fall below the noise and end at a cliff, which comes earlier in "
    "doubled units.",
    log_x=True,
    log_y=True,
    looks=looks,
)
print(
    "The square has a cliff, where a step overshoots by more than it corrects: with "
    "the gradient 2 (D(x) - y) that is beyond zeta = 1, and in doubled units beyond "
    "a quarter of it. Before the cliff the misfit is below the noise, which is thus "
    "fitted. The step of the norm has a bounded length, so that it never diverges. "
    "But it does not shrink with the residual either, so that it never settles: the "
    "misfit grows in proportion to zeta. Neither gradient knows the noise level, and "
    "both need a zeta that somebody has tuned."
)
### END SOLUTION

# %% [markdown]
# ## Task 4. What the data misfit cannot tell (2 points, 20 minutes)
#
# The data show only a part of an image. Of the error $e = \hat x - x$ the data see $A^+ A e$, and they do not see the rest, $e - A^+ A e$. The two parts are orthogonal, so that their mean squares add up to the mean squared error.
#
# Write `split_error(estimate, truth, A)`, which returns the pair `seen, unseen`: the mean over all pixels of the square of each part. The images are (1,C,H,W).


# %% nbgrader={"solution": true, "grade_id": "split_error_answer"}
def split_error(estimate, truth, A):
    ### BEGIN SOLUTION
    error = estimate - truth
    seen = A.pinv(A(error))
    return seen.square().mean(), (error - seen).square().mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "split_error", "points": 2}
from dil_course.checks import ps16

ps16.split_error(split_error)
### BEGIN HIDDEN TESTS
ps16.split_error(split_error, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Compare five images that could be reported as *the* reconstruction of the cloud of task 2, of which the version four times smaller is known: the minimum-norm solution $A^+ y$; the exact posterior mean; one sample of DDNM; one sample of DDNM with a wrong prior, `ps16.Clouds(24, reach=0.5)`, whose pixels hardly resemble one another; and the true cloud with an error that the data do see, `truth + 0.02 * pattern`, in which `pattern` is `A.pinv(A(...))` of some noise, divided by its own standard deviation.
#
# **Predict before you run:** which of the five has the largest misfit of the data, and which one the largest error?

# %% nbgrader={"solution": true, "grade_id": "split_error_seen"}
### BEGIN SOLUTION
pattern = A.pinv(A(normal(truth.shape, runtime.generator(0, "pattern"))))
candidates = {
    "minimum norm": A.pinv(y),
    "posterior mean": mean,
    "sample": draw(1, A, y),
    "sample, wrong prior": draw(1, A, y, prior=ps16.Clouds(24, reach=0.5)),
    "truth, disturbed": truth + 0.02 * pattern / pattern.std(),
}
for name, estimate in candidates.items():
    seen, unseen = split_error(estimate, truth, A)
    print(
        f"{name:20} misfit {(A(estimate) - y).square().mean().sqrt():.4f}; error "
        f"{(seen + unseen).sqrt():.4f}, of which seen {seen.sqrt():.4f}, "
        f"unseen {unseen.sqrt():.4f}"
    )
show_images(
    {name: estimate.clamp(0, 1) for name, estimate in candidates.items()},
    "Five images: two smooth ones, one like a cloud, one with much grain, and the "
    "true cloud.",
    columns=3,
)
print(
    "The only one with a misfit is the best of the five. The other four have none at "
    "all, and the largest of their errors is more than twice the smallest, because "
    "all of it lies where the data see nothing. A misfit can refute an image. It "
    "cannot choose among those that it does not refute: the prior does that, right "
    "or wrong."
)
### END SOLUTION

# %% [markdown]
# ## Task 5. A low-rank update, and its reset (2 points, 30 minutes)
#
# Adapting a prior to an image, SCD gives each layer a low-rank update, $W + U D$ with $U$ (out,r) and $D$ (r,in). At first $U$ is zero and $D$ is random, so that the adapted network begins as the trained one. **For each image the update begins anew.**
#
# Write `adapt_each(weight, down, pairs, steps, rate)`. Here `weight` is $W$, `down` is the first $D$, and `pairs` is a list with a pair `x, y` for each image, in which `x` is (in,N) and `y` is (out,N). For each image, do `steps` steps of gradient descent with the step size `rate` on
#
# $$\tfrac12 \, \| (W + U D) \, x - y \|^2 \quad \text{(a sum over all numbers)} ,$$
#
# in which $U$ **and** $D$ learn, both from their gradients at the same place. Derive the two gradients by hand, because the check refuses autograd. Your function returns the adapted matrices $W + U D$, one for each image, (K,out,in).


# %% nbgrader={"solution": true, "grade_id": "adapt_each_answer"}
def adapt_each(weight, down, pairs, steps, rate):
    ### BEGIN SOLUTION
    adapted = []
    for x, y in pairs:
        U, D = weight.new_zeros(len(weight), len(down)), down
        for _ in range(steps):
            G = ((weight + U @ D) @ x - y) @ x.T
            U, D = U - rate * G @ D.T, D - rate * U.T @ G
        adapted.append(weight + U @ D)
    return torch.stack(adapted)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "adapt_each", "points": 2}
from dil_course.checks import ps16

ps16.adapt_each(adapt_each)
### BEGIN HIDDEN TESTS
ps16.adapt_each(adapt_each, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# The matrix `weight` below is a linear denoiser for windows of 4 × 4 pixels, the best one for a cloud. Now an image of stripes comes in, and then another cloud. Adapt to both by `adapt_each` with `steps=100, rate=1e-3`, on pairs of noisy and clean windows. Then do the same without the reset: adapt to the stripes, and take the matrix that comes out as the trained one for the clouds.
#
# Print the root mean square error on other windows of both images, before and after, and that of the cloud without the reset. Finally, start with a $D$ of zeros. **Predict before you run:** which of the two images gains from adapting? What harm does the forgotten reset do, and what do zeros in both factors do?

# %%
generator = runtime.generator(0, "windows")
stripes = (0.35 + 0.3 * (torch.arange(24.0) // 2 % 2)).double().expand(1, 1, 24, 24)


def windows(image, count=400):
    """A noisy and a clean window of 4 x 4 in each column, (16,count), minus 1/2."""
    cut = torch.nn.functional.unfold(image - 0.5, 4)[0]
    clean = cut[:, torch.randint(cut.shape[1], (count,), generator=generator)]
    return clean + 0.1 * normal(clean.shape, generator), clean


noisy, clean = windows(clouds.draw(1, generator), 4000)
weight = clean @ noisy.T @ torch.linalg.inv(noisy @ noisy.T)
down = normal((2, 16), generator) / 4


# %% nbgrader={"solution": true, "grade_id": "adapt_each_seen"}
### BEGIN SOLUTION
def error_of(matrix, pair):
    return (matrix @ pair[0] - pair[1]).square().mean().sqrt().item()


cloud = clouds.draw(1, generator)
first, second = windows(stripes), windows(cloud)
of_stripes, of_cloud = adapt_each(weight, down, [first, second], 100, 1e-3)
kept = adapt_each(of_stripes, down, [second], 100, 1e-3)[0]
dead = adapt_each(weight, torch.zeros_like(down), [first, second], 100, 1e-3)
other_stripes, other = windows(stripes), windows(cloud)
print(f"stripes, trained:         {error_of(weight, other_stripes):.4f}")
print(f"stripes, adapted:         {error_of(of_stripes, other_stripes):.4f}")
print(f"cloud, trained:           {error_of(weight, other):.4f}")
print(f"cloud, adapted:           {error_of(of_cloud, other):.4f}")
print(f"cloud, without the reset: {error_of(kept, other):.4f}")
print(f"zeros in both: changed by {(dead - weight).abs().max():.1g}")
print(
    "The stripes gain much, and the cloud gains next to nothing, because the trained "
    "matrix is already the best for clouds. Without the reset the cloud begins from "
    "what the stripes have left, and ends worse than without any adaptation: the "
    "result depends on the order of the images. With zeros in both factors, each "
    "gradient is a product with the other factor, hence zero, and nothing ever "
    "learns. A reset sets U to zero and D to its first values, not both to zero."
)
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 30 minutes)
#
# In `ps16.failing_run("A")` DDNM draws four clouds of 64 × 64 pixels, of which the version four times smaller is known, `Downsample(4)`, without noise. One thing is wrong. The runs "B", "C" and "D" suffer from another fault each.
# In a good run the samples agree with $y$ up to rounding, each of them has about 27 dB, their mean has more than a decibel more, and their standard deviation is about as large as the error of the mean. A run is a dictionary:
#
# - `truth`, `y`, and `samples`, of which there are four, in a batch;
# - `levels`: list of the noise levels; `denoiser`: the function that the run denoised with, called with an image and a level;
# - `states`: list of the noisy images $x$, before they are denoised, and `denoised`: list of the images that came out, an entry for each level.
#
# The best denoiser for these images is `ps16.Clouds(64, reach=5.0)`. Look at the images first, and then find for each run the measurement that proves your cause. **Which of the four could you have found without the truth?**

# %%
runs = {letter: ps16.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps16.CAUSES.items():
    print(f"{cause:24} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_pictures"}
### BEGIN SOLUTION
show_images(
    {
        f"{letter}, sample {n}": r["samples"][n : n + 1].clamp(0, 1)
        for letter, r in runs.items()
        for n in range(2)
    },
    "Two samples of each run: those of A are equal, those of B have too much grain, "
    "those of C have flat spots with sharp edges and bands along the border, and those "
    "of D are pale.",
    zoom=2,
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
for letter, r in runs.items():
    x, samples, denoise = r["truth"], r["samples"], r["denoiser"]
    each = sum(psnr(sample[None], x) for sample in samples) / 4
    misfit = (Downsample(4)(samples) - r["y"]).abs().max()
    asked = denoise(r["states"][9], r["levels"][9])
    noise = 0.1 * normal(x.shape, runtime.generator(0, "trial"))
    print(
        f"{letter}: each {each:.1f} dB, mean {psnr(samples.mean(0)[None], x):.1f} dB; "
        f"misfit {misfit:.1g}; spread {samples.std(0).mean():.3f}; first level "
        f"{r['levels'][0]:.1f}; denoised again, differs by "
        f"{(asked - r['denoised'][9]).abs().max():.1g}; its denoiser on the truth in "
        f"noise {psnr(denoise(x + noise, 0.1), x):.1f} dB"
    )
print(
    "A, B and D show without the truth: equal samples, other denoised images than "
    "the denoiser gives at this level, a misfit. Run C does all that it should, and "
    "it agrees with the data. Its flat spots look odd to an eye that knows clouds, "
    "but only the truth proves that its prior was made for other images: it is the "
    "lesson's prior of ellipses. Its samples differ by less than they err."
)
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "one seed",
    "B": "level in other units",
    "C": "prior of other images",
    "D": "adjoint",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps16

ps16.causes(causes)

# %% [markdown]
# ## Open question (3 points, 40 minutes)
#
# Samples are often shown as an answer to the question how certain a reconstruction is: where they differ, one should doubt. **How far can the spread of DDNM's samples be trusted as an error bar?**
#
# Take clouds of 16 × 16 pixels, `ps16.Clouds(16)`, hide the middle 8 × 8 pixels (`Mask`), and draw 50 samples of each of three clouds, for $\eta$ = 0, 0.5, 0.85 and 1, with 30 levels and with 120. The exact posterior is known. Measure three things in the hidden pixels: how far the mean of the samples lies from the exact mean; how large their spread is, as a share of the exact one;
# and the **calibration**, the root mean square of (truth minus mean of the samples) divided by the spread of each pixel, which should be about one.
# **Write down, before you run, in which of the eight cases the spread will be too small, and whether more levels help.** Then take a prior with another `reach`, which an honest user could have chosen, and measure the calibration again.
#
# Your answer will be marked by these three criteria:
#
# | points | for |
# | --- | --- |
# | 1 | predictions for the eight cases that follow from a reason, written before the measurement |
# | 1 | the three quantities for the eight cases, on three clouds, and an explanation of what differs |
# | 1 | the wrong prior: does the spread, or the misfit, warn of it? What that means for samples as error bars, and one weakness of your experiment |


# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
small, known = ps16.Clouds(16), torch.ones(1, 1, 16, 16)
known[..., 4:12, 4:12] = 0
hole, hidden = Mask(known), known[0, 0] == 0
three = [small.draw(1, runtime.generator(seed, "hidden")) for seed in range(3)]
exact = [
    [each[0, 0, hidden] for each in small.posterior(hole(cloud), hole)]
    for cloud in three
]


def judged(eta, steps, prior=small):
    """Offset of the mean, spread and calibration, each for three clouds."""
    rows = []
    for seed, (cloud, (mean, deviation)) in enumerate(zip(three, exact)):
        samples = draw(50, hole, hole(cloud), eta, seed, prior, steps)[:, 0, hidden]
        centre, spread = samples.mean(0), samples.std(0)
        scale = deviation.square().mean().sqrt()
        found = (
            (centre - mean).square().mean().sqrt() / scale,
            spread.square().mean().sqrt() / scale,
            ((cloud[0, 0, hidden] - centre) / spread).square().mean().sqrt(),
        )
        rows.append(torch.stack(found))
    return torch.stack(rows).T


def say(name, found):
    texts = [f"{row.mean():.2f} ({row.min():.2f} to {row.max():.2f})" for row in found]
    print(f"{name}: offset {texts[0]}, spread {texts[1]}, calibration {texts[2]}")


### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "open_question_cases"}
### BEGIN SOLUTION
for eta in (0.0, 0.5, 0.85, 1.0):
    for steps in (30, 120):
        say(f"eta {eta:4}, {steps:3} levels", judged(eta, steps))
for reach in (1.5, 6.0):
    other = ps16.Clouds(16, reach=reach)
    say(f"reach {reach}, eta 0.5, 120 levels", judged(0.5, 120, other))
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 3}
# ### BEGIN SOLUTION
# **A good answer, measured** on three clouds with 50 samples each. Offset and spread are shares of the exact standard deviation, and brackets give the range over the clouds.
#
# *Prediction.* A denoiser returns a mean, and a mean varies less than what it is the mean of. The old noise $(x - x_0) / \sigma$ makes up for that, because it is correlated with $x_0$; fresh noise is not. So I expect the spread to be right for $\eta = 0$, and the smaller the larger $\eta$ is.
# Ancestral sampling, which is exact in the limit of many levels, takes $\eta = \sqrt{1 - \sigma'^2 / \sigma^2}$, which is 0.55 for 30 levels and 0.29 for 120. With a fixed $\eta$ above that, *more* levels should make the spread smaller, and not better. The mean should profit from more levels in all cases.
#
# | $\eta$ | levels | offset of the mean | spread | calibration |
# | --- | --- | --- | --- | --- |
# | 0 | 30 | 0.56 (0.28 to 1.00) | 1.15 (1.10 to 1.18) | 1.03 (0.79 to 1.37) |
# | 0 | 120 | 0.43 (0.20 to 0.76) | 1.08 (1.04 to 1.10) | 1.03 (0.84 to 1.31) |
# | 0.5 | 30 | 0.44 (0.21 to 0.82) | 1.17 (1.11 to 1.21) | 0.97 (0.77 to 1.21) |
# | 0.5 | 120 | 0.32 (0.27 to 0.36) | 1.07 (1.03 to 1.09) | 1.00 (0.89 to 1.08) |
# | 0.85 | 30 | 0.42 (0.24 to 0.72) | 1.06 (1.04 to 1.09) | 1.07 (0.88 to 1.28) |
# | 0.85 | 120 | 0.31 (0.23 to 0.37) | 0.96 (0.93 to 0.98) | 1.09 (0.95 to 1.22) |
# | 1 | 30 | 0.43 (0.29 to 0.71) | 0.84 (0.83 to 0.85) | 1.32 (1.11 to 1.57) |
# | 1 | 120 | 0.32 (0.20 to 0.37) | 0.77 (0.75 to 0.79) | 1.34 (1.16 to 1.49) |
#
# *What differs.* For $\eta = 1$ the spread is too small by about a fifth, and more levels make it smaller still, as predicted. For the others it is at most 17 per cent away from the exact one. I did not predict that it is too large for $\eta$ = 0 and 0.5, even with 120 levels.
# The mean is off by more than chance, which would be $1 / \sqrt{50}$ = 0.14. The reason is that DDNM puts back the known pixels and leaves the hidden ones to the denoiser, which at high levels sees the known pixels through noise, as if they were uncertain. What it decides there in the hidden pixels without fresh noise is never revised: $\eta = 0$ is farthest off.
#
# *The wrong prior.* With $\eta$ = 0.5, 120 levels and a reach of 1.5 in place of 3, the spread is 1.61 of the exact one and the calibration 0.72: too cautious. With a reach of 6 the spread is 0.43 and the calibration 2.40, so that the error is more than twice what the samples suggest. The misfit is zero in all of these cases and warns of nothing, and a small spread looks like certainty. One could hide some known pixels and compare the samples with those.
# Hence the spread of samples says how much the *prior* leaves open, as far as the sampler is right. It says nothing of whether the prior is.
#
# *Weakness.* One shape of hole, one Gaussian prior, and a calibration that averages over 64 hidden pixels which resemble one another, so that three clouds are few: its range over them is wider than most of the differences in that column. The spread hardly varies between clouds, and its order can be trusted.
# ### END SOLUTION
