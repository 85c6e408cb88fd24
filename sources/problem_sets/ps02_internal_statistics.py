# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 02 · Internal statistics
#
# Six tasks on [lesson 02](../../notebooks/02_internal_statistics.ipynb), and one open question, for 20 points in all.
#
# - Write your lines in place of `raise NotImplementedError()`. You may add cells of your own anywhere.
# - The cell after each task checks your answer at once, says *which* mistake it sees, and gives a hint.
#   **If you run it again, the hint says more**, and asking costs no points.
# - The last line of that cell gives your points. When your work is marked, the same check runs on other numbers.
# - Please do not delete, copy or edit the check cells, because the marking relies on them.
# - The set takes about two and a half hours, of which the computing takes less than a minute.

# %%
import math

import torch

from dil_course import runtime
from dil_course.checks import ps02
from dil_course.figures import show_curves, show_images
from dil_course.from_scratch import non_local_means
from dil_course.signals import nearest, patches, picture, places, psnr

# For such small images a second thread costs more than it brings.
torch.set_num_threads(1)
x = picture("camera", side=64).mean(1, keepdim=True)  # gray
sigma = 20 / 255
y = x + sigma * torch.randn(x.shape, generator=runtime.generator(0, "noise"))

# %% [markdown]
# ## Task 1. How similar are the neighbours? (2 points, 20 minutes)
#
# A **patch** is a small square window of an image, and the patch around a pixel has that pixel in its centre.
# If we compare the patch around one pixel with the patches around all pixels near it, we get a map that is dark wherever the image looks the same.
#
# Write `distance_map(y, row, column, reach, size)`:
#
# - `y` is (1,C,H,W); `size` is odd, the side of a patch; all patches that you need lie inside `y`;
# - return a tensor (2 reach + 1, 2 reach + 1). Its central entry belongs to the patch itself, and the entry `[reach + down, reach + right]` to the patch around `(row + down, column + right)`;
# - each entry is the **mean squared difference** of the two patches, over all of their numbers.


# %% nbgrader={"solution": true, "grade_id": "distance_map_answer"}
def distance_map(y, row, column, reach, size):
    ### BEGIN SOLUTION
    def cut(row, column):
        top, left = row - size // 2, column - size // 2
        return y[..., top : top + size, left : left + size]

    shifts, here = range(-reach, reach + 1), cut(row, column)
    return torch.stack(
        [
            torch.stack(
                [
                    (cut(row + down, column + right) - here).square().mean()
                    for right in shifts
                ]
            )
            for down in shifts
        ]
    )
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "distance_map", "points": 2}
from dil_course.checks import ps02

ps02.distance_map(distance_map)
### BEGIN HIDDEN TESTS
ps02.distance_map(distance_map, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# See it at work on the clean image `x`, with patches of 5 pixels and a reach of 12. Take a pixel in the sky, (16, 16), and two pixels with much detail around them, (24, 42) and (31, 44).
# **Predict before you run:** what shape does the dark region have for a flat place, for an edge, and for a place that resembles no other?

# %% nbgrader={"solution": true, "grade_id": "distance_map_seen"}
### BEGIN SOLUTION
maps = {"image": x}
for row, column in ((16, 16), (24, 42), (31, 44)):
    distance = distance_map(x, row, column, 12, 5).sqrt()
    maps[f"({row}, {column})"] = (4 * distance)[None, None].clamp(0, 1)
show_images(
    maps,
    alt=(
        "The photograph, and three maps of distances: dark nearly everywhere for a flat"
        " place, a dark line along an edge for the two others."
    ),
)
print(
    "A flat place looks like all of its surroundings. An edge looks like itself only"
    " along its own direction."
)
### END SOLUTION

# %% [markdown]
# ## Task 2. How close are two noisy copies? (3 points, 30 minutes)
#
# Take two patches that are equal, and add white noise of standard deviation $\sigma$ to each, so that they are no longer equal.
# Their mean squared difference over the $n$ numbers of a patch, $D$, is then a random variable. What is its mean, and what is its standard deviation?
#
# Write `noise_distance(sigma, numbers)`, which returns two numbers, `(mean, spread)`: the mean of $D$ and its standard deviation.
#
# Two facts are enough. The variances of independent numbers add, and the square of a Gaussian number with mean 0 and variance $v$ has the mean $v$ and the **variance** $2 v^2$.


# %% nbgrader={"solution": true, "grade_id": "noise_distance_answer"}
def noise_distance(sigma, numbers):
    ### BEGIN SOLUTION
    # In each pixel the two noises differ by a Gaussian number of variance v = 2
    # sigma^2. D is a mean of n of its squares.
    v = 2 * sigma**2
    return v, v * math.sqrt(2 / numbers)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "noise_distance", "points": 3}
from dil_course.checks import ps02

ps02.noise_distance(noise_distance)
### BEGIN HIDDEN TESTS
ps02.noise_distance(noise_distance, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Test it on 4000 pairs of noisy flat patches, for patches of 1, 3, 5 and 7 pixels a side, and print the mean and the spread that you measure beside your formula.
#
# Now suppose that two patches differ by 25 gray levels of 255 everywhere, and that $\sigma$ = 20/255, which adds $(25/255)^2$ to the mean of $D$. By **how many spreads** is $D$ larger than for equal patches?
# Print this for the four sizes. From which size on can the two cases be distinguished?

# %% nbgrader={"solution": true, "grade_id": "noise_distance_seen"}
### BEGIN SOLUTION
draw = runtime.generator(0, "pairs")
for size in (1, 3, 5, 7):
    mean, spread = noise_distance(sigma, size**2)
    D = (
        (
            sigma * torch.randn(4000, size**2, generator=draw)
            - sigma * torch.randn(4000, size**2, generator=draw)
        )
        .square()
        .mean(1)
    )
    print(
        f"size {size}: mean {mean:.5f}, measured {D.mean():.5f}; spread {spread:.5f},"
        f" measured {D.std():.5f};",
        f"25 gray levels are {(25 / 255) ** 2 / spread:.1f} spreads",
    )
print(
    "One pixel cannot distinguish them, and 5 x 5 pixels nearly always can. But the"
    " larger a patch is, the fewer others resemble it."
)
### END SOLUTION

# %% [markdown]
# ## Task 3. The weights of non-local means (2 points, 20 minutes)
#
# **Non-local means** replaces a pixel by a weighted mean of its neighbours, whose weight is larger the more similar the patches are. With the weight of 2011 (lesson 02 compares it with that of 2005) it reads
#
# $$w_i \propto \exp\!\Big( - \frac{\max(d_i^2 - 2 \sigma^2, \, 0)}{h^2} \Big) , \qquad h = \mathrm{strength} \cdot \sigma , \qquad \sum_i w_i = 1 .$$
#
# Here $d_i^2$ is the mean squared difference of the two patches, and task 2 explains why $2 \sigma^2$ is subtracted.
#
# Write `vote_weights(squared, sigma, strength)`. The tensor `squared` holds the $d_i^2$ of some patches, in any order and any shape, such as a list or a map. Return their weights in the same shape.


# %% nbgrader={"solution": true, "grade_id": "vote_weights_answer"}
def vote_weights(squared, sigma, strength):
    ### BEGIN SOLUTION
    weights = torch.exp(
        -(squared - 2 * sigma**2).clamp(min=0) / (strength * sigma) ** 2
    )
    return weights / weights.sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "vote_weights", "points": 2}
from dil_course.checks import ps02

ps02.vote_weights(vote_weights)
### BEGIN HIDDEN TESTS
ps02.vote_weights(vote_weights, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Your map of distances, your weights and a weighted mean together are non-local means. Show the weights around the three pixels of task 1 on the noisy `y`, with a reach of 6, patches of 5 pixels and the strength 0.8.
# A mean of $N$ equal votes has $\sum w^2 = 1/N$, so that $1 / \sum w^2$ says how many pixels take part. Print this number for the three pixels, and denoise them.

# %% nbgrader={"solution": true, "grade_id": "vote_weights_seen"}
### BEGIN SOLUTION
votes = {}
for row, column in ((16, 16), (24, 42), (31, 44)):
    weights = vote_weights(distance_map(y, row, column, 6, 5), sigma, 0.8)
    estimate = (weights * y[0, 0, row - 6 : row + 7, column - 6 : column + 7]).sum()
    print(
        f"({row}, {column}): {1 / weights.square().sum():5.1f} pixels take part; noisy"
        f" {y[0, 0, row, column]:.3f}, mean {estimate:.3f}, truth"
        f" {x[0, 0, row, column]:.3f}"
    )
    votes[f"({row}, {column})"] = (weights / weights.max())[None, None]
show_images(
    votes,
    alt=(
        "Three maps of weights: nearly all pixels vote in a flat place, few at an edge,"
        " in a line along it."
    ),
)
### END SOLUTION

# %% [markdown]
# ## Task 4. What a mean gains, and what it costs (2 points, 25 minutes)
#
# A pixel has the true value $x$, and its neighbours have the true values $x + \delta_i$, each with its own noise of standard deviation $\sigma$. We take their weighted mean, with fixed weights that add up to one:
#
# $$\hat x = \sum_i w_i \, (x + \delta_i + n_i) .$$
#
# What is the expected squared error, that is, the mean of $(\hat x - x)^2$ over the noise? Write `error_of_mean(differences, weights, sigma)`, where `differences` holds the $\delta_i$.


# %% nbgrader={"solution": true, "grade_id": "error_of_mean_answer"}
def error_of_mean(differences, weights, sigma):
    ### BEGIN SOLUTION
    # x^ - x = sum w delta + sum w n: a fixed part, and a random one with variance
    # sigma^2 sum w^2.
    return (weights * differences).sum() ** 2 + sigma**2 * weights.square().sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "error_of_mean", "points": 2}
from dil_course.checks import ps02

ps02.error_of_mean(error_of_mean)
### BEGIN HIDDEN TESTS
ps02.error_of_mean(error_of_mean, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# More neighbours are therefore not always better, because the noise falls while the differences grow. Which number is best?
#
# For 200 random patches of 5 × 5 pixels of the clean `x`, find the 64 nearest neighbours with `nearest` (they include the patch itself, at distance 0).
# The $\delta_i$ are the differences of the central pixels. Take equal weights for the first $k$, average your formula over the 200 patches,
# and draw its root over $k$ for $\sigma$ = 5, 20 and 50 (of 255). **Predict before you run:** how does the best $k$ move with the noise?

# %% nbgrader={"solution": true, "grade_id": "error_of_mean_seen"}
### BEGIN SOLUTION
rows = patches(x, 5)
chosen = torch.randperm(len(rows), generator=runtime.generator(0, "patches"))[:200]
_, found = nearest(rows[chosen], rows, 64)
middle = rows[:, 12]
differences = middle[found] - middle[chosen][:, None]
counts, curves = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64], {}
for level in (5, 20, 50):
    errors = [
        sum(
            error_of_mean(d[:k], torch.full((k,), 1 / k), level / 255)
            for d in differences
        ).item()
        / 200
        for k in counts
    ]
    curves[f"sigma {level}"] = (counts, [255 * math.sqrt(error) for error in errors])
    print(
        f"sigma {level:2}: best k = {counts[errors.index(min(errors))]:2}, root mean"
        f" squared error {255 * math.sqrt(min(errors)):.1f} gray levels"
    )
show_curves(
    curves,
    "neighbours k",
    "error (gray levels)",
    "Three curves over the number of neighbours: each falls and then rises or flattens;"
    " with more noise the lowest point moves right.",
    log_x=True,
)
print(
    "The more noise, the more neighbours. But these were found in the clean image:"
    " a search in the noisy one finds worse neighbours."
)
### END SOLUTION

# %% [markdown]
# ## Task 5. Find the forgery (3 points, 30 minutes)
#
# A part of a photograph has been hidden under a copy of another part of it, and then the file received a little noise. You have this image alone. Try your function on `y, truth = ps02.forged(seed)`, where the part has 18 × 18 pixels. The check uses images of its own.
# The similar neighbours of natural patches lie here and there. A copied patch has a nearly equal one, and all patches of the copy have theirs **in the same direction and at the same distance**.
#
# Write `find_copy(y, size, apart)`, which returns two whole numbers, `(down, right)`: the offset from the upper place to the lower one. The first is positive, and `right` is negative if the lower one lies further left.
# The patches to compare have the side `size`, and a neighbour has to be `apart` pixels away, because otherwise a patch finds itself.
#
# `rows = patches(y, size)` are all patches, one to a row, and `corners = places(y, size)` are the row and column of each. `nearest(rows, rows, 1, apart, corners, corners)` gives distances and indices, both (N,1).


# %% nbgrader={"solution": true, "grade_id": "find_copy_answer"}
def find_copy(y, size, apart):
    ### BEGIN SOLUTION
    rows, corners = patches(y, size), places(y, size)
    _, found = nearest(rows, rows, 1, apart, corners, corners)
    offsets = corners[found[:, 0]] - corners
    offsets = torch.where(
        offsets[:, :1] < 0, -offsets, offsets
    )  # an offset and its opposite are the same pair
    values, counts = offsets.unique(dim=0, return_counts=True)
    down, right = values[counts.argmax()].tolist()
    return down, right
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "find_copy", "points": 3}
from dil_course.checks import ps02

ps02.find_copy(find_copy)
### BEGIN HIDDEN TESTS
ps02.find_copy(find_copy, seed=2357)
### END HIDDEN TESTS

# %% [markdown]
# Mark the forgery: show `ps02.forged(1)`, and beside it a map of all patches whose nearest neighbour lies at the offset that you found or at its opposite.
# Then make the task harder by adding more noise to the image, with $\sigma$ = 5, 10, 20 and 40 of 255. **Predict** where your function fails, by comparing the noise with the differences between natural patches.

# %% nbgrader={"solution": true, "grade_id": "find_copy_seen"}
### BEGIN SOLUTION
forged, truth = ps02.forged(1)
rows, corners = patches(forged, 7), places(forged, 7)
_, found = nearest(rows, rows, 1, 10, corners, corners)
offsets = corners[found[:, 0]] - corners
marked = torch.zeros_like(forged)
for (row, column), offset in zip(corners.tolist(), offsets.tolist(), strict=True):
    marked[..., row + 3, column + 3] = float(
        abs(offset[0]) == abs(truth[0])
        and offset[1] * truth[1] * offset[0] * truth[0] >= 0
        and abs(offset[1]) == abs(truth[1])
    )
show_images(
    {"forged": forged, "patches that found the copy": marked},
    alt=(
        "A photograph that looks natural, and two white squares where the copied part"
        " is and where it came from."
    ),
)
for level in (0, 5, 10, 20, 40):
    right = 0
    for seed in range(8):
        clean, truth = ps02.forged(seed)
        right += (
            find_copy(
                clean
                + level
                / 255
                * torch.randn(
                    clean.shape, generator=runtime.generator(seed, "more noise")
                ),
                7,
                10,
            )
            == truth
        )
    print(f"more noise of sigma {level:2}: found in {right} of 8 pictures")
### END SOLUTION

# %% [markdown]
# ## Task 6. Four runs that fail: find out why (4 points, 30 minutes)
#
# `ps02.failing_run("A")` is non-local means on a noisy photograph, with one thing wrong, and so are "B", "C" and "D", each with a different fault. A good run reaches 27.8 dB here, whereas none of these reaches 25.5. A run is a dictionary:
#
# - `truth`, `y` and `estimate` (1,1,64,64), and `sigma`, the true standard deviation of the noise;
# - `votes`, a function: `votes(row, column)` is the map (13,13) of the weights of the pixels around that pixel, before they are divided by their sum.
#
# Look at the images, at the votes, and at the noise `y - truth` before you decide.

# %%
runs = {letter: ps02.failing_run(letter) for letter in "ABCD"}
for cause, meaning in ps02.CAUSES.items():
    print(f"{cause:28} {meaning}")

# %% nbgrader={"solution": true, "grade_id": "causes_investigation"}
### BEGIN SOLUTION
for letter, r in runs.items():
    flat, edge, noise = r["votes"](10, 10), r["votes"](24, 42), r["y"] - r["truth"]
    alike = torch.corrcoef(
        torch.stack([noise[..., 1:].flatten(), noise[..., :-1].flatten()])
    )[0, 1]
    shown = {
        f"{letter}: y": r["y"],
        f"estimate, {psnr(r['estimate'], r['truth']):.1f} dB": r["estimate"],
        "votes, flat place": flat[None, None],
        "votes, edge": edge[None, None],
    }
    show_images(
        shown,
        alt=(
            f"Run {letter}: the noisy image, the estimate, and the votes around a flat"
            " place and an edge."
        ),
    )
    print(
        f"{letter}: {flat.sum() ** 2 / flat.square().sum():.0f} of 169 pixels vote in a"
        f" flat place, {edge.sum() ** 2 / edge.square().sum():.0f} at an edge;",
        f"correlation of neighbouring noise {alike:.2f}",
    )
### END SOLUTION

# %% nbgrader={"solution": true, "grade_id": "causes_answer"}
causes = {"A": "...", "B": "...", "C": "...", "D": "..."}
### BEGIN SOLUTION
causes = {
    "A": "patches of one pixel",
    "B": "strength far too large",
    "C": "noise that neighbours share",
    "D": "sigma too small",
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causes", "points": 4}
from dil_course.checks import ps02

ps02.causes(causes)

# %% [markdown]
# ## Open question (4 points, 30 minutes)
#
# `noisy, sigma, truths = ps02.three_pictures(seed)` are three noisy photographs of 64 × 64 pixels: a brick wall, a man with a camera, and a cat.
# For each, compute from the noisy image **alone** a number that says how well it repeats itself. **Write down, before you denoise anything,** the order of the three by what `non_local_means(y, sigma)` will gain (PSNR after minus PSNR before), and the gains that you expect.
# Then measure with three seeds. The clean `truths` may be used to judge your number, but not to compute it.
#
# You will be marked on this:
#
# | points | for |
# | --- | --- |
# | 1 | the number, and why it should go with the gain |
# | 1 | the prediction in decibels, written before the measurement |
# | 1 | the measurement on three seeds, beside the number |
# | 1 | what the number misses, or what would prove you wrong |


# %% nbgrader={"solution": true, "grade_id": "open_question_measured"}
### BEGIN SOLUTION
def voters(y, sigma):
    """The mean over 60 pixels of sum w^2, and the gain that it would mean if noise were
    all.
    """
    draw, left = runtime.generator(0, "pixels"), []
    for row, column in torch.randint(8, 56, (60, 2), generator=draw).tolist():
        left.append(
            vote_weights(distance_map(y, row, column, 6, 5), sigma, 0.8)
            .square()
            .sum()
            .item()
        )
    return -10 * math.log10(sum(left) / len(left))


for seed in range(3):
    noisy, sigma, truths = ps02.three_pictures(seed)
    for name, z in noisy.items():
        gain = psnr(non_local_means(z, sigma), truths[name]) - psnr(z, truths[name])
        print(
            f"seed {seed}, {name:8} the number {voters(z, sigma):5.2f} dB, gain"
            f" {gain:5.2f} dB"
        )
### END SOLUTION

# %% [markdown] nbgrader={"grade": true, "solution": true, "grade_id": "open_question", "points": 4}
# ### BEGIN SOLUTION
# **A good answer, measured.** `ps02.three_pictures` with the seeds 0, 1 and 2; 60 random pixels of each image; ranges are over the seeds.
#
# *The number.* For each pixel I compute the weights of non-local means from the noisy image alone. With fixed weights the noise that stays is $\sigma^2 \sum w^2$ (task 4).
# I take the mean of $\sum w^2$ over the pixels and write it as a gain, $-10 \log_{10}$ of it. An image that repeats itself has many voters, and therefore a small sum.
#
# *Prediction.* The number counts the noise alone. Neighbours differ as well, so I expect about two thirds of it: the wall 12 dB, the cat 10 dB, the man 7 dB, in this order.
#
# *Measured.* The order is right for all seeds. The wall: number 17.4 to 17.6 dB, gain 12.1 to 12.3 dB. The cat: 14.4 to 16.8 dB, gain 7.8 to 8.3 dB. The man: 10.5 to 11.0 dB, gain 5.5 to 5.9 dB.
# So two thirds was right for the wall, and too much for the two others: about a half.
#
# *What it misses.* It misses the first part of task 4, the differences of the neighbours. The cat has many voters because its fur is about as strong as the noise, so that different patches pass for similar ones and the fur is averaged away.
# It would prove me wrong if an image of pure fine texture had a large number and no gain. Moreover, weights that were computed from the noisy image are not fixed weights.
# ### END SOLUTION
