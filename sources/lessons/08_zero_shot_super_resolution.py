# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · Zero-shot super-resolution
#
# An image is too small, and you want it twice as large. Networks usually learn this from thousands of pairs of a small and a large image.
# You have one small image and no large one. In this lesson that image becomes its own training set, and you measure what this idea is worth.
#
# **What you will be able to do**
# - make a training set from a single image, and say what recurs in it across scales;
# - build zero-shot super-resolution (ZSSR) by hand, down to its learning rate and its eight views;
# - say what each of its tricks gains, and compare the whole with back-projection, unsharp masking and total variation;
# - show that wrong kernels explain $y$ as well, so that a small misfit does not prove a kernel right;
# - compute, from $y$ alone, one warning sign that the network may sharpen too much.
#
# **Before you start.** Lesson 01 (operators, total variation), lesson 02 (nearest patches across scales) and lesson 04 (back-projection, the same post-processing for all methods). Lesson 03 helps.
#
# **Time.** About two minutes of computing on 2 CPU cores, an hour and a half with reading and predicting.
# On a GPU: not measured.

# %%
import numpy as np
import torch
from torch import nn

from dil_course import runtime
from dil_course.checks import compare, note_if_stopped
from dil_course.figures import (
    Diagram,
    Film,
    draw_boxes,
    explore,
    images_figure,
    show_curves,
    show_images,
    swipe,
)
from dil_course.fitting import Step, run, watch
from dil_course.signals import BlurDownsample, Downsample, add_gaussian, centres
from dil_course.signals import enlarge, gaussian_kernel, nearest, patches, picture
from dil_course.signals import places, psnr

device = runtime.device()


def score(estimate, truth, shave=2):
    return psnr(estimate.clamp(0, 1), truth, shave=shave)


def show(pictures, truth, alt, **options):
    titles = {f"{name}, {score(x, truth):.1f} dB": x for name, x in pictures.items()}
    show_images(titles | {"truth": truth}, alt, **options)


# %% [markdown]
# ## 1. A training set of one image
#
# The camera $A$ makes images twice smaller: $y = A(x)$. We observe $y$ and want $x$.
# We cannot learn to undo $A$ on $y$ directly, because we do not have $x$. But we can shrink $y$ once more, and learn to undo *that* step, because its answer is known: it is $y$.
#
# $$\underbrace{A(y)}_{\text{son}} \;\longrightarrow\; \underbrace{y}_{\text{father}} .$$
#
# *Fathers* and *sons* are the words of the paper (Shocher, Cohen and Irani, 2018). Then the network takes the same step from $y$, into the unknown. It is as if you practised for an exam on an older one whose answers you hold.
# The method is called **zero-shot**, because the network has never seen a single example of a large image.

# %%
diagram = Diagram(11.4, 1.5)
son_box = diagram.box(0.1, 0.3, 1.8, 0.9, "son A(y)\n36 px", 1)
father_box = diagram.box(4.8, 0.3, 1.8, 0.9, "father y\n72 px", 0)
large_box = diagram.box(9.5, 0.3, 1.8, 0.9, "estimate of x\n144 px", 2)
diagram.arrow((1.9, 0.95), (4.8, 0.95), "learn: the answer is known")
diagram.arrow((4.8, 0.5), (1.9, 0.5), "A")
diagram.arrow((6.6, 0.95), (9.5, 0.95), "apply: the same network")
diagram.show(
    "The network learns the step from the son A(y) to its father y, and then takes the "
    "same step from y to an estimate of x."
)

# %%
coins = picture("coins", side=144).to(device)
A = Downsample(2)
y = A(coins)
son = A(y)
missing = {
    "missing in the son: known": 0.5 + 2 * (y - enlarge(son, A)),
    "missing in y: unknown": 0.5 + 2 * (coins - enlarge(y, A)),
}
alt = "Coins at three sizes: the truth, y, and the son, coarser each time."
show_images({"truth x (unknown)": coins, "y": y, "its son A(y)": son}, alt)
alt = "Two maps of what bicubic interpolation misses, amplified: dark and bright lines "
alt += "along the rims of the coins in both; the left one is coarser."
show_images(missing, alt, columns=2)

# %% [markdown]
# Bicubic interpolation brings the son back to the size of $y$, and $y$ to the size of $x$. The maps show what it misses in each case. At both sizes a rim leaves a dark and a bright line, and the left map, which we know, is our training set for the right one.
#
# This can work only as far as structure *recurs across scales*, which lesson 02 measured. Here you can look for it yourself: choose a patch of 5 × 5 pixels of $y$ (blue), and see its nearest neighbours in $y$ (orange) and in $A(y)$ (green), each at another place of the scene. The distance is the root mean square difference of the pixels.
#
# **Predict before you run.** The coins differ in size by a factor of about 1.3, not by 2. What can recur in a coin at half its size?

# %%
size = 5
rows, where, middles = patches(y, size), places(y, size), centres(y, size)
small_rows, small_where = patches(son, size), places(son, size)
across = dict(apart=1.5 * size, database_places=centres(son, size, scale=2))


def pick(row, column):
    query = row * (y.shape[-1] - size + 1) + column
    one = slice(query, query + 1)
    same, number = nearest(rows[one], rows, 1, size, where[one], where)
    other, small = nearest(
        rows[one], small_rows, 1, query_places=middles[one], **across
    )
    titles = {f"y: neighbour at {same.item():.3f}": y}
    titles |= {f"A(y): neighbour at {other.item():.3f}": son}
    figure = images_figure(titles, zoom=4)
    draw_boxes(figure.axes[0], [(row, column)], size, 0, width=2.5)
    draw_boxes(figure.axes[0], where[number[0]], size, 1)
    draw_boxes(figure.axes[1], small_where[small[0]], size, 2, width=2)
    return figure


# %%
alt = (
    "A patch of y (solid), its nearest neighbour in y and that in A(y): rims are found "
)
alt += (
    "on other rims, at both sizes; a figure inside a coin finds no neighbour as near."
)
explore(
    pick,
    alt,
    static={"row": [13, 24, 55], "column": [45]},
    row=list(range(68)),
    column=list(range(68)),
)
in_y = nearest(rows, rows, 1, size, where, where)[0][:, 0]
in_son = nearest(rows, small_rows, 1, query_places=middles, **across)[0][:, 0]
rough = rows.std(1) > rows.std(1).quantile(0.75)
print("the quarter of patches with most contrast, median distance to the nearest:")
print(
    f"in y {in_y[rough].median():.3f}, in A(y) {in_son[rough].median():.3f},", end=" "
)
print(f"contrast of a patch {rows.std(1)[rough].median():.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not a coin, but a piece of its rim. An edge that is shrunk remains an edge, and a short arc of a large circle looks much like one of a small circle. Most people think of whole objects that recur at half the size, and a photograph rarely has those.
# The distance is printed for the patches with most contrast: their nearest neighbour at half the size is somewhat farther than the one at the same size, yet much nearer than the contrast of the patch. (Besides, $A(y)$ offers four times fewer patches to choose from.)
#
# </details>
#
# ## 2. The network
#
# The network receives the *enlarged* son, and adds what is missing, so that it has to learn a **residual** only. Eight convolutions of 3 × 3 pixels are enough, and we use 32 channels between them (the paper 64).
# Its **receptive field** is 17 × 17 pixels, one pixel on each side for each of eight layers: that is all of the enlarged image on which a pixel of the result depends. Small as it is, the network has ten times more weights than $y$ has values. Section 3 asks whether it overfits.


# %%
class Residual(nn.Module):
    def __init__(self, channels, width, depth=8):
        super().__init__()
        sides = [channels, *[width] * (depth - 1), channels]
        layers = []
        for a, b in zip(sides, sides[1:]):
            layers += [nn.Conv2d(a, b, 3), nn.ReLU()]
        self.depth, self.body = depth, nn.Sequential(*layers[:-1])
        for convolution in self.body[::2]:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
        self.body[-1].weight.data *= 0.1  # begin near bicubic: add little

    def forward(self, x):
        return x + self.body(nn.functional.pad(x, [self.depth] * 4, mode="reflect"))


# %% [markdown]
# Each convolution makes the image two pixels smaller, because it has no padding of its own. Therefore we mirror the image at its borders once, by eight pixels. The library's `ResidualNetwork` is the same class:

# %%
from dil_course.networks import ResidualNetwork

networks = []
for make in (Residual, ResidualNetwork):
    with runtime.seeded(0):
        networks.append(make(1, 32).to(device))
same_network = compare("output", networks[0](y), networks[1](y))
print("weights:", sum(weights.numel() for weights in networks[0].parameters()))
print("values in y:", y.numel())

# %% [markdown]
# ## 3. The loop
#
# One pair of images is little data, so we make more of it. Each iteration sees another **window** of 32 × 32 pixels, and this window is **turned and mirrored** at random, into one of eight positions. Both are in the paper.
# A mirrored image is still an image, and turning commutes with our $A$; problem set 08 asks what happens where it does not.
#
# The loss is the mean *absolute* error, because squares would give most weight to a few pixels with large errors.


# %%
def turn(x, number):
    turned = x.rot90(number % 4, (-2, -1))
    return turned.flip(-1) if number > 3 else turned


def window_of(pair, side, draw):
    top, left = (draw.integers(size - side + 1) for size in pair.shape[-2:])
    window = pair[..., top : top + side, left : left + side]
    return turn(window, draw.integers(8)).split(1)


# %%
def fit(y, A, network, iterations, seen, side=32):
    pair, draw = torch.cat([enlarge(A(y), A), y]), np.random.default_rng(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for iteration in range(1, iterations + 1):
        son, father = window_of(pair, side, draw)
        prediction = network(son)
        loss = (prediction - father).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append((son, prediction.detach(), father))
        if iteration % 20 == 1:
            with torch.no_grad():
                estimate = network(enlarge(y, A))  # the step into the unknown
        yield Step(iteration, iterations, loss.detach(), estimate, averaged=True)


# %% [markdown]
# An estimate of the whole image takes as long as an iteration or more. Therefore we make one every 20 iterations only, and the curve of the PSNR is a staircase. `averaged=True` switches off the averaging over iterations that `watch` does otherwise, so that there is only one curve.
#
# **Predict before you run.** Sketch the PSNR over the iterations. Will it fall at the end, as in lesson 03?

# %%
seen, film = [], Film(truth=coins, crop=(84, 30, 56))
iterations = runtime.pick(quick=400, full=1500)
steps = fit(y, A, networks[0], iterations, seen)
first = await watch(film.record("estimate", steps), truth=coins)

# %% [markdown]
# What did the network see? Below are three of its exercises, at the first iteration, at the fiftieth, and at the last. Then come its estimates of $x$ on the way, one coin enlarged.

# %%
exercises = {}
for number in (1, 50, iterations):
    names = (f"son, {number}", f"prediction, {number}", f"father, {number}")
    exercises |= dict(zip(names, seen[number - 1], strict=True))
alt = "Three windows: an enlarged son, the network's prediction, and the father. The "
alt += "first prediction is like its son; in the last the rim is nearly as sharp as in "
alt += "its father, and the figure inside the coin is not."
show_images(exercises, alt, columns=3, zoom=4)
film.show(
    "A coin in the estimate: soft and uneven at first, then with a crisp rim.",
    at=(1, 25, 60, 150, iterations),
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The PSNR rises steeply and then stays, with jitter. There is no fall as in lesson 03, although many expect one from any network that is fitted to one image.
# In lesson 03 the target was noisy, so that a perfect fit was a bad result. Here the target $y$ is clean, and what the network could still overfit is the *pair*: it could memorise which detail belongs to which surroundings, and learn no rule that holds elsewhere. Three things make that difficult: it sees a new window each time, each window comes in eight positions, and each output sees 17 × 17 pixels only.
#
# </details>
#
# Those are reasons for a slow fall, not a proof that there is none. `benchmarks/RESULTS.md` has one run of 5000 iterations on the coins at 96 px, with one father and a constant learning rate of 0.003: the PSNR reaches 27.1 dB after 800 iterations, and then sinks slowly, to 26.7. So there is no cliff, but there is a slope. Exercise 2 takes the first two obstacles away.
#
# What does the network add? Below is its residual, the output minus bicubic, beside what is really missing.

# %%
bicubic = enlarge(y, A)
added = {
    "added": first.estimate - bicubic,
    "really missing": coins - bicubic,
}
residual, wanted = (values.flatten() for values in added.values())
likeness = torch.corrcoef(torch.stack([residual, wanted]))[0, 1].item()
alt = "Two maps: clear lines along the rims of the coins in both; what is missing also "
alt += "has fine grain inside the coins."
maps = {name: 0.5 + 2 * values for name, values in added.items()}
show_images(maps, alt, columns=2, crop=(84, 30, 56))
print(f"correlation of the two: {likeness:.2f}")

# %% [markdown]
# The rims are there, in the right places, whereas the grain inside the coins has not come. Shrinking removes it, and what remains around a pixel does not tell which grain was there, so that no pair could teach it.

# %% tags=["nbval-check-output"]
note_if_stopped(first)
history = torch.tensor(first.history["psnr"])
print("my network and the library's are the same:", same_network)
print(
    "trained on one small image, it beats bicubic by more than a decibel:",
    score(first.estimate, coins) > score(bicubic, coins) + 1,
)
print(
    "the last quarter of the run stays within half a decibel of the best:",
    bool(history[-len(history) // 4 :].mean() > history.max() - 0.5),
)
print("what it adds correlates with what was missing:", likeness > 0.5)

# %% [markdown]
# ## 4. The whole method, by hand
#
# The paper surrounds this loop with further tricks. The library's `zero_shot_sr` follows it, with some settings of its own, chosen for speed on a CPU:
#
# | trick | the paper | here |
# | --- | --- | --- |
# | more fathers | smaller versions of $y$ are fathers, too | eight at a time, drawn anew every 40 iterations |
# | windows | at random, 128 px | of three random ones the one in which son and father differ most, 24 to 48 px |
# | start | learning rate 0.001 | 0.003, rising over the first 50 iterations |
# | falling rate | if the error of $y$, restored from its son, stalls: divided by **10** | divided by **1.5** |
# | eight views | **median** of eight, each back-projected | **mean** of eight |
# | back-projection | of each view, and of the result | of the result, ten rounds |
#
# The error of $y$, restored from its own son, is known without the truth. A line is fitted to its last values; the errors stall if the slope is no longer clear against its standard error. In the authors' code the test is $-1.5 \cdot \text{slope} < \text{standard error}$, and ours is the same. (This 1.5 has nothing to do with our divisor.)
#
# We write all of it by hand. First the pairs: fathers are $y$ and smaller versions of it, and each father's edge pixels are repeated before it is shrunk, so that $A$ sees no border there.


# %%
def pair_of(father, A, margin=16):
    height, width = father.shape[-2:]
    padded = nn.functional.pad(father, [margin] * 4, mode="replicate")
    even = [side // 2 * 2 for side in padded.shape[-2:]]
    son = enlarge(A(padded[..., : even[0], : even[1]]), A)
    return son[..., margin : margin + height, margin : margin + width], father


def fathers_of(y, draw, count=8):
    fathers = [y]
    for _ in range(count - 1):
        shrink = draw.uniform(max(0.5, 18 / min(y.shape[-2:])), 1)
        size = [round(shrink * side) for side in y.shape[-2:]]
        settings = dict(size=size, mode="bicubic", antialias=True)
        fathers.append(nn.functional.interpolate(y, **settings))
    return fathers


# %%
def best_window(pairs, side, draw, tries=3):
    son, father = pairs[0 if draw.random() < 0.5 else draw.integers(len(pairs))]
    windows = []
    for _ in range(tries):
        top, left = (draw.integers(max(n - side, 0) + 1) for n in father.shape[-2:])
        part = (..., slice(top, top + side), slice(left, left + side))
        windows.append((son[part], father[part]))
    son, father = max(windows, key=lambda w: float((w[0] - w[1]).abs().mean()))
    number = draw.integers(8)
    return turn(son, number), turn(father, number)


# %% [markdown]
# Then the rule for the learning rate, and the end: eight views of $y$ are enlarged and turned back, and the result is **back-projected** (Irani and Peleg, 1991): what $A(\hat x)$ still lacks of $y$ is enlarged and added,
#
# $$\hat x \leftarrow \hat x + E\,\big(y - A(\hat x)\big) ,$$
#
# where $E$ is bicubic enlarging. Problem set 08 derives how fast this converges.


# %%
def stalled(errors):
    if len(errors) < 5:
        return False
    (slope, _), covariance = np.polyfit(range(5), errors[-5:], 1, cov=True)
    return -1.5 * slope <= covariance[0, 0] ** 0.5


def back_projected(x, y, A, rounds=10):
    for _ in range(rounds):
        x = x + enlarge(y - A(x), A)
    return x


@torch.no_grad()
def views_of(network, y, A):
    views = []
    for number in range(8):
        view = network(turn(enlarge(y, A), number))
        view = view.flip(-1) if number > 3 else view
        views.append(view.rot90(-(number % 4), (-2, -1)))
    return torch.stack(views)


# %% [markdown]
# The loop itself has become little longer:


# %%
def zssr(y, A, network, iterations, side=48, every=40, rate=3e-3, seed=0):
    draw, errors = np.random.default_rng([seed, 8]), []
    optimizer = torch.optim.Adam(network.parameters())
    for iteration in range(1, iterations + 1):
        if iteration % every == 1:
            pairs = [pair_of(father, A) for father in fathers_of(y, draw)]
        son, father = best_window(pairs, side, draw)
        loss = (network(son) - father).abs().mean()
        optimizer.param_groups[0]["lr"] = rate * min(1, iteration / 50)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration % every == 0:
            with torch.no_grad():
                restored, father = network(pair_of(y, A)[0]), y
            errors.append(float((restored - father).square().mean()))
            rate = rate / 1.5 if stalled(errors) else rate
    return rate


# %% [markdown]
# Does this equal the library's version? Both get the same weights and the same seed, and look at their errors every five iterations, so that the rule for the rate has to act.

# %%
from dil_course.from_scratch import zero_shot_sr

settings = dict(side=32, every=5, seed=1)
twins = []
for _ in range(2):
    with runtime.seeded(1):
        twins.append(Residual(1, 32).to(device))
final_rate = zssr(y, A, twins[0], 100, **settings)
mine = back_projected(views_of(twins[0], y, A).mean(0), y, A).clamp(0, 1)
twins[1].channels = 1
steps = zero_shot_sr(
    y, A, twins[1], 100, learning_rate=3e-3, gradual=1, fast=False, **settings
)
same_estimate = compare("estimate, iteration 100", mine, run(steps).estimate)
rate_fell = final_rate < 3e-3

# %% [markdown]
# Now the tricks at the end. We train three networks, which differ in their seeds, and finish each in every way.
#
# **Predict before you run.** Order these five: bicubic; bicubic, back-projected; one view of the network; one view, back-projected; eight views, back-projected. Which step gains most?

# %%
finished = {}
for seed in range(3):
    with runtime.seeded(seed):
        network = ResidualNetwork(1, 32).to(device)
    zssr(y, A, network, runtime.pick(quick=250, full=1500), side=32, seed=seed)
    views = views_of(network, y, A)
    corrected = torch.stack([back_projected(view, y, A) for view in views])
    middle = corrected.quantile(0.5, dim=0)
    ways = {
        "bicubic": bicubic,
        "bicubic, back-projected": back_projected(bicubic, y, A),
    }
    ways |= {"one view": views[0], "one view, back-projected": corrected[0]}
    ways |= {"mean of eight views": views.mean(0)}
    ways["mean of eight, back-projected"] = back_projected(views.mean(0), y, A)
    ways["the paper's median, back-projected"] = back_projected(middle, y, A)
    for name, estimate in ways.items():
        finished.setdefault(name, []).append(score(estimate, coins))
for name, scores in finished.items():
    print(f"{name:35} {np.mean(scores):.2f} dB, {min(scores):.2f} to {max(scores):.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The five rise in the order of the question. The network gains most. But back-projection alone, which learns nothing, already gains most of a decibel on bicubic, and each further step on the network's result brings a tenth or a few. Mean and median of the views are level.
#
# </details>
#
# `benchmarks/RESULTS.md` leaves out the tricks of the training one at a time, on three images with three seeds each, with 96 px and 250 iterations:
#
# | trained | coins | astronaut | gravel | mean |
# | --- | --- | --- | --- | --- |
# | with all tricks | 27.48 | 31.02 | 29.20 | 29.23 |
# | one father, $y$ itself | 27.50 | 30.96 | 29.21 | 29.22 |
# | windows at random | 27.36 | 31.01 | 29.14 | 29.17 |
# | nothing turned | 27.40 | 31.01 | 29.22 | 29.21 |
# | no warm-up of the rate | 27.38 | 30.91 | 29.13 | 29.14 |
# | *bicubic, back-projected* | 25.93 | 30.82 | 28.60 | 28.45 |
# | *bicubic* | 25.14 | 29.75 | 27.23 | 27.37 |
#
# At this budget no trick of the training, left out alone, costs more than a tenth of a decibel, which is about the difference between two seeds. Three rules for the rate (constant, divided by 1.5, divided by 10 as in the paper) end within 0.01 dB of one another after 700 iterations, on coins and gravel with three seeds. Tricks that are left out together can cost more, as exercise 2 shows for the windows and the turns.
# So the idea itself, to learn from $A(y)$ and $y$, does nearly all of the work, together with back-projection. Note the last two rows. Measured from bicubic, ZSSR gains 1.3 dB on the astronaut; measured from back-projected bicubic, it gains two tenths.

# %% tags=["nbval-check-output"]
gain = {name: np.array(scores) for name, scores in finished.items()}
print("the cells and the library give the same estimate:", same_estimate)
print("the rule has lowered the rate on the way:", rate_fell)
print(
    "in each of three seeds, eight views are better than one:",
    bool((gain["mean of eight views"] > gain["one view"]).all()),
)
print(
    "in each, back-projection gains on the mean of eight:",
    bool((gain["mean of eight, back-projected"] > gain["mean of eight views"]).all()),
)
print(
    "in each, the network adds a decibel to back-projected bicubic:",
    bool(
        (
            gain["mean of eight, back-projected"] > gain["bicubic, back-projected"] + 1
        ).all()
    ),
)
middle, mean = (
    gain["the paper's median, back-projected"],
    gain["mean of eight, back-projected"],
)
print(
    "median and mean of the views differ by less than a tenth of a decibel:",
    bool((abs(middle - mean) < 0.1).all()),
)

# %% [markdown]
# ## 5. An honest race
#
# On three photographs ZSSR meets bicubic interpolation and three other methods. Two of these need no network at all:
#
# - **Unsharp masking** adds what a blur removes, $b + a\,(b - G_s b)$ for the bicubic image $b$ and a Gaussian $G_s$. Strength and width need tuning, and here the son is useful again: we choose the pair that restores $y$ best from its son, back-projected, without the truth.
# - **Total variation** (TV), as in lesson 04, with the best of three weights, which *is* chosen with the truth.
#
# The third is the deep image prior of lesson 04, on the first image only, because it is slow; it also knows nothing but $y$. All results are back-projected, since all can be.


# %%
def blurred(x, s):
    kernel = gaussian_kernel(2 * int(3 * s) + 3, s).to(x)
    padded = nn.functional.pad(x, [kernel.shape[0] // 2] * 4, mode="reflect")
    weights = kernel.expand(x.shape[1], 1, *kernel.shape)
    return nn.functional.conv2d(padded, weights, groups=x.shape[1])


def unsharp(y, A, s, strength):
    b = enlarge(y, A)
    return b + strength * (b - blurred(b, s))


def tuned_unsharp(y, A):
    choices = [(s, strength) for s in (0.7, 1, 1.4) for strength in (0.2, 0.4, 0.7, 1)]
    small = A(y)

    def restored(choice):
        return back_projected(unsharp(small, A, *choice), small, A)

    return unsharp(y, A, *max(choices, key=lambda choice: score(restored(choice), y)))


# %% [markdown]
# **Predict before you run.** Which method comes nearest to ZSSR on each image, and does any of them beat it?

# %%
from dil_course.from_scratch import deep_image_prior, tv

race, estimates = {}, {}
budget = runtime.pick(quick=250, full=1500)
for name in ("camera", "coins", "astronaut"):
    x = picture(name, side=128).to(device)
    small = A(x)
    made = {"bicubic": enlarge(small, A), "unsharp masking": tuned_unsharp(small, A)}
    weights = (5e-4, 1e-3, 2e-3)
    variations = [run(tv(small, A, w, iterations=150)).estimate for w in weights]
    made["TV"] = max(variations, key=lambda v: score(back_projected(v, small, A), x))
    if name == "camera":
        prior = run(
            deep_image_prior(small, A, iterations=runtime.pick(quick=250, full=1800)),
            truth=x,
        )
        made["deep image prior"] = prior.estimate
    made["ZSSR"] = run(
        zero_shot_sr(small, A, iterations=budget, side=32, gradual=1)
    ).estimate
    final = {method: back_projected(v, small, A) for method, v in made.items()}
    estimates[name] = final | {"truth": x}
    race[name] = {method: score(v, x) for method, v in final.items()}
    race[name]["bicubic as it is"] = score(enlarge(small, A), x)

# %%
methods = ("bicubic as it is", *race["camera"])
for method in dict.fromkeys(methods):
    cells = [
        f"{row[method]:9.2f}" if method in row else 9 * " " for row in race.values()
    ]
    print(f"{method:18}", *cells)
print(f"{'':18}", *[f"{name:>9}" for name in race])
history = prior.history
alt = "The deep image prior, not back-projected, still rises when its run ends, and is "
alt += "then far below bicubic."
level = [race["camera"]["bicubic as it is"]] * 2
show_curves(
    {
        "deep image prior": (history["iteration"], history["psnr_average"]),
        "bicubic": (history["iteration"][:: len(history["iteration"]) - 1], level),
    },
    "iteration",
    "PSNR before back-projection (dB)",
    alt,
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# TV comes nearest. On the camera and the astronaut the two are level to a tenth or so, and either can be ahead; on the coins, with their long rims, ZSSR has its only clear lead. Many expect the deep image prior to be near, as it is the other network.
# But its curve, drawn before back-projection, still rises when the run ends, and is then below bicubic. What its row of the table shows is mostly back-projection, so that this race says nothing about its worth with a longer run.
#
# </details>
#
# Unsharp masking, with the strength that its son recommends, brings nothing on bicubic once both are back-projected, because back-projection sharpens by itself. These are single runs. On 13 of the 16 bundled images back-projection makes more than half of ZSSR's gain over bicubic; the coins are one of the exceptions. On Set5, five test images that the field uses, our quick version gains 3.3 dB over bicubic for a factor of 2 and the published value is 3.7, on the brightness alone (all in `benchmarks/RESULTS.md`).
#
# Move the line in the two figures below, at a magnification of 2 or 4. The profile of the face and the edges of the camera are crisper by ZSSR, whereas the hair is as soft as before: the network has learned edges, and not hair.

# %%
pair = estimates["camera"]
swipe(
    {"bicubic, back-projected": pair["bicubic"], "ZSSR": pair["ZSSR"]},
    "A man at a camera: back-projected bicubic on the left, ZSSR on the right.",
)
swipe(
    {"ZSSR": pair["ZSSR"], "truth": pair["truth"]},
    "A man at a camera: ZSSR on the left, the truth on the right.",
)

# %% tags=["nbval-check-output"]
print(
    "on camera and coins ZSSR beats back-projected bicubic by a third of a decibel:",
    all(
        race[name]["ZSSR"] > race[name]["bicubic"] + 1 / 3
        for name in ("camera", "coins")
    ),
)
print(
    "on the coins it leads TV, with the best weight, by a tenth or more:",
    race["coins"]["ZSSR"] > race["coins"]["TV"] + 0.1,
)
print(
    "on camera and astronaut TV is within three tenths of ZSSR, or ahead:",
    all(
        race[name]["TV"] > race[name]["ZSSR"] - 0.3 for name in ("camera", "astronaut")
    ),
)
print(
    "bicubic gains at least half a decibel by back-projection alone:",
    all(row["bicubic"] > row["bicubic as it is"] + 0.5 for row in race.values()),
)
print(
    "the deep image prior still rises at the end of its run:",
    history["psnr_average"][-1] > history["psnr_average"][-50] + 0.02,
)

# %% [markdown]
# ## 6. The right kernel
#
# Until now $A$ was the field's bicubic shrinking, and the network knew it. Real cameras blur in ways of their own. A network that was trained on a thousand *bicubic* pairs cannot follow them, whereas ZSSR makes its sons with whatever kernel you pass to it.
#
# Here the blur is a Gaussian that is long in one direction and short in the other, as if the camera had moved along a slanted line. One run gets this kernel, and another assumes bicubic. With a kernel of its own nothing is turned or mirrored, because the kernel would turn as well. (The authors' code does the same.)
#
# **Predict before you run.** How many decibels does the right kernel gain? And how many does it gain for back-projection without any network?

# %%
B = BlurDownsample(gaussian_kernel(15, (2.5, 0.8), angle=45), 2)
cat = picture("chelsea", side=112).to(device)
slanted = B(cat)
kernels = {}
for name, assumed in {"bicubic": A, "right kernel": B}.items():
    steps = zero_shot_sr(slanted, assumed, iterations=budget, side=32, gradual=1)
    kernels[f"ZSSR, {name}"] = run(steps).estimate
x = kernels["ZSSR, right kernel"]
kernels["ZSSR, 100 rounds"] = back_projected(x, slanted, B, rounds=90)
for name, assumed in {"bicubic": A, "right kernel": B}.items():
    start = enlarge(slanted, assumed)
    alone = back_projected(start, slanted, assumed, rounds=100)
    kernels[f"no network, {name}"] = alone
alt = "The eye of a cat: blurred along one diagonal where bicubic was assumed, sharp "
alt += "where the kernel was right, with ZSSR and without a network."
sharp = {name: score(x, cat, shave=8) for name, x in kernels.items()}
eye = (..., slice(28, 84), slice(28, 84))
titles = {f"{name}, {sharp[name]:.1f} dB": x[eye] for name, x in kernels.items()}
show_images(titles | {"truth": cat[eye]}, alt, columns=3, zoom=4)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The right kernel gains decibels, for both. But back-projection alone, cut short after ten rounds, is level with ZSSR, which makes ten rounds as well, to a tenth of a decibel (30.6 dB in a trial of ours). A hundred rounds alone end *above* ZSSR without any training, and if ZSSR's result gets a hundred as well, it does not come out ahead. Most people, we included, credited the network with a gain that the equation $y = A(x)$ makes on its own.
# The reason is that $y$ holds the lower half of the frequencies, along rows and columns, and this kernel weakens many of them without erasing any. Back-projection restores them, round by round, because the data are clean; from noisy data, so many rounds would amplify the noise (semi-convergence, lesson 01). The upper half of the frequencies stays open, and there is room for wrong kernels, as we see next.
#
# </details>
#
# The table of `benchmarks/RESULTS.md`, with 256 px and longer runs, says the same: the right kernel gains 1.8 to 3.9 dB for ZSSR on three photographs, and a hundred rounds of back-projection alone end 0.2 to 0.4 dB above it.
#
# ### Which kernel was it?
#
# If you do not know the kernel, can $y$ tell? It is tempting to try several, and to keep the one whose result explains $y$ best, so that the misfit of $A(\hat x)$ to $y$ is smallest. We try 24 kernels: eight directions, and three lengths (standard deviations along the bar, in pixels). A small network and 100 iterations are enough here.

# %%
gray = cat.mean(1, keepdim=True)[..., 8:104, 8:104]
blurry = B(gray)
angles, lengths = [22.5 * i for i in range(8)], [1.5, 2.5, 3.5]
dial = {}
for length in lengths:
    for angle in angles:
        shape = gaussian_kernel(15, (length, 0.8), angle=angle)
        assumed = BlurDownsample(shape, 2)
        with runtime.seeded(0):
            network = ResidualNetwork(1, 16, 6).to(device)
        steps = zero_shot_sr(blurry, assumed, network, 100, side=24, gradual=1)
        x = run(steps).estimate
        misfit = 255 * (assumed(x) - blurry).square().mean().sqrt().item()
        quality = score(x, gray, shave=8)
        dial[angle, length] = dict(x=x, kernel=shape, misfit=misfit, psnr=quality)

# %% [markdown]
# **Predict before you run.** Each result is judged by *its own* kernel. How many gray levels is the misfit of the right kernel below that of the wrong ones?


# %%
def turned_to(angle, length):
    entry = dial[angle, length]
    shape = entry["kernel"][None, None] / entry["kernel"].max()
    quality = f"estimate, {entry['psnr']:.1f} dB"
    titles = {
        "kernel": shape,
        f"{quality}, misfit {entry['misfit']:.2f}/255": entry["x"],
    }
    return images_figure(titles, zoom=2)


alt = (
    "A kernel as a bright bar, and the estimate made with it: sharp at 45 degrees and "
)
alt += (
    "length 2.5; soft with a short bar; with ripples along the edges if the bar is too "
)
alt += "long or lies across the true one."
explore(
    turned_to,
    alt,
    static={"angle": [0.0, 45.0, 135.0], "length": lengths},
    angle=angles,
    length=lengths,
)

# %%
for what, label in {"psnr": "PSNR (dB)", "misfit": "misfit (of 255)"}.items():
    curves = {
        f"length {length}": (angles, [dial[angle, length][what] for angle in angles])
        for length in lengths
    }
    alt = (
        f"{label} over the assumed angle: the best is at 45 degrees; for the misfit it "
    )
    alt += "belongs to the shortest kernel, and for the PSNR to the one of length 2.5."
    show_curves(curves, "assumed angle (degrees)", label, alt, log_y=what == "misfit")
least = min(dial, key=lambda key: dial[key]["misfit"])
best = max(dial, key=lambda key: dial[key]["psnr"])
print(f"smallest misfit: {least}, {dial[least]['misfit']:.2f}/255")
print(f"best PSNR: {best}, misfit {dial[best]['misfit']:.2f}/255")
low = [key for key, entry in dial.items() if entry["misfit"] < 1]
print(f"misfit below one gray level: {len(low)} of {len(dial)} kernels")

# %% [markdown]
# <details><summary>Answer</summary>
#
# It is not below them. The smallest misfit belongs to a kernel that is too *short*, and several short kernels in wrong directions have a smaller misfit than the right one. Within one length, the misfit is smallest in the right direction, where $y$ is weak in the very frequencies that the kernel suppresses. Across it, $y$ is strong in them, and ten rounds of back-projection do not finish. With more rounds, the misfit of the short kernels goes to zero in every direction.
# People expect a wrong kernel to contradict the data. But back-projection changes the image until it agrees with $y$ as seen through the *assumed* kernel, and there is room enough, with four unknowns for each number.
#
# </details>
#
# So a small misfit does not prove a kernel right, and the smallest one names a wrong kernel here. The misfit under the *true* kernel would separate the results, but this kernel is the one thing that we do not have. The wrong results differ in another way. Kernels that are too long, or lie across the true one, leave **ripples** along the edges, since back-projection amplifies the frequencies that they suppress; short kernels leave a blur, which looks harmless. The open question of problem set 08 looks for a number that sees this, and lesson 09 finds the kernel from $y$ alone.

# %% tags=["nbval-check-output"]
right, wrong = (sharp[f"ZSSR, {name}"] for name in ("right kernel", "bicubic"))
print("the right kernel gains ZSSR two decibels or more:", right > wrong + 2)
print(
    "back-projection alone, with the right kernel, is ahead of ZSSR:",
    sharp["no network, right kernel"] > right,
)
print("of 24 kernels the right one gives the best PSNR:", best == (45.0, 2.5))
print("the smallest misfit belongs to another one:", least != best)
short_ones = [entry["misfit"] for (_, length), entry in dial.items() if length == 1.5]
print("every short kernel explains y to half a gray level:", max(short_ones) < 0.5)

# %% [markdown]
# ## 7. A noisy image
#
# Small images from a camera have noise, and two steps of the method suffer from it.
#
# - **Sons.** Shrinking averages over several pixels, so that a son has less noise than its father, and what it has is smooth. To restore the father, the network learns to sharpen noise along with edges. Then it gets $y$, and sharpens its noise.
# - **Back-projection** asks for an image that explains $y$ exactly, with its noise.
#
# The paper adds noise to the sons, and the authors' code for real photographs also skips back-projection. They take a standard deviation of 0.0125 where the noise is unknown. Here we know $\sigma = 8/255$, and use it. In the library one setting does both, `noise=sigma`. To know which of the two matters, we take them apart.
#
# The competitor is a chain of two steps that know the same $\sigma$: BM3D denoises $y$ (lesson 02), and the result is enlarged.
#
# **Predict before you run.** Which does more harm here, clean sons or back-projection? And where does BM3D with bicubic end?

# %%
import bm3d

sigma = 8 / 255
noisy = add_gaussian(A(cat), sigma, seed=0)
array = noisy[0].permute(1, 2, 0).cpu().numpy()
denoised = torch.from_numpy(bm3d.bm3d_rgb(array, sigma)).permute(2, 0, 1)[None]
denoised = denoised.to(noisy).clamp(0, 1)
options = dict(iterations=runtime.pick(quick=200, full=1500), side=32, gradual=1)
cleaned = {"bicubic": enlarge(noisy, A), "BM3D, bicubic": enlarge(denoised, A)}
cleaned["bicubic, back-projected"] = back_projected(enlarge(noisy, A), noisy, A)
amplified = {}
for name, noise in {"clean sons": 0.0, "noisy sons": sigma}.items():
    with runtime.seeded(0):
        network = ResidualNetwork(3, 32).to(device)
    run(zero_shot_sr(noisy, A, network, noise=noise, **options))
    cleaned[name] = views_of(network, noisy, A).mean(0)
    cleaned[f"{name}, back-projected"] = back_projected(cleaned[name], noisy, A)
    grain = cleaned[name] - views_of(network, A(cat), A).mean(0)
    amplified[name] = (grain.std() / enlarge(noisy - A(cat), A).std()).item()
dirty = {name: score(x, cat) for name, x in cleaned.items()}

# %%
for name, quality in dirty.items():
    print(f"{name:28} {quality:.2f} dB")
for name, gain in amplified.items():
    print(f"noise of y in the result, {name}: {gain:.2f} times that of bicubic")
names = ("bicubic", "clean sons, back-projected", "clean sons", "noisy sons")
alt = (
    "A noisy cat's eye enlarged: grainy by bicubic, far grainier if back-projected, a "
)
alt += (
    "little less so with noisy sons than with clean ones, clean where BM3D came first."
)
titles = {f"{n}, {dirty[n]:.1f} dB": cleaned[n] for n in (*names, "BM3D, bicubic")}
titles = {name: x[eye] for name, x in titles.items()}
show_images(titles | {"truth": cat[eye]}, alt, columns=3, zoom=4)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Back-projection does. It costs two decibels, with the network or without, and the rest is small beside it: clean sons amplify the noise by about a tenth more than bicubic does, and noisy sons hardly do. It is easy to blame the sons for all of it, because the usual comparison changes both steps at once.
# In runs that we tried besides, the sons matter more with time and with noise: at 800 iterations noisy sons are 0.6 dB ahead of clean ones, and with $\sigma = 16/255$ they are 2.5 dB ahead at 200. BM3D first, and then bicubic, is a decibel better than noisy sons here. So the fix limits the harm, but it is no denoiser. The authors propose it for images whose noise is unknown, where BM3D has no $\sigma$ to work with.
#
# </details>

# %% tags=["nbval-check-output"]
print(
    "back-projection costs bicubic and both networks a decibel or more:",
    all(
        dirty[name] > dirty[f"{name}, back-projected"] + 1
        for name in ("bicubic", "clean sons", "noisy sons")
    ),
)
print("clean sons amplify noise more than bicubic:", amplified["clean sons"] > 1.03)
print(
    "noisy sons amplify it less than clean ones:",
    amplified["noisy sons"] < amplified["clean sons"] - 0.03,
)
print(
    "BM3D, then bicubic, beats noisy sons by half a decibel:",
    dirty["BM3D, bicubic"] > dirty["noisy sons"] + 0.5,
)

# %% [markdown]
# ## 8. Where it fails, and how to tell beforehand
#
# A brick wall looks like the best case there is: brick after brick, all of one kind.
#
# **Predict before you run.** How much will ZSSR gain on the wall, over back-projected bicubic?

# %%
short = dict(iterations=runtime.pick(quick=150, full=1500), side=48)


def learned(y):
    """Bicubic, and what a fresh network adds to it: the mean of eight views."""
    with runtime.seeded(0):
        network = ResidualNetwork(1, 32).to(device)
    zssr(y, A, network, **short)
    return enlarge(y, A), views_of(network, y, A).mean(0) - enlarge(y, A)


def grayscale(name):
    return picture(name, side=128).mean(1, keepdim=True).to(device)


wall = grayscale("brick")
base, added = learned(A(wall))
built = {"bicubic, back-projected": back_projected(base, A(wall), A)}
built["ZSSR"] = back_projected(base + added, A(wall), A)
alt = "A brick wall by back-projected bicubic, by ZSSR and the truth, hard to tell "
alt += "apart: ZSSR has faint stripes beside the joints, which the truth does not have."
show(built, wall, alt, crop=(40, 40, 44))
errors = {f"error, {name}": 0.5 + 6 * (x - wall) for name, x in built.items()}
alt = (
    "The errors of both, amplified: those of ZSSR are bright and dark lines along each "
)
alt += "joint, far stronger than those of back-projected bicubic."
show_images(errors, alt, columns=2)

# %% [markdown]
# <details><summary>Answer</summary>
#
# It *loses*. Most people see the regular pattern and expect a large gain. But the bricks recur at the *same* size (lesson 02 measured it), and what the network needs is the same structure at another size.
# How much it loses varies from run to run, between 0.6 and 4 dB in all that we made (`benchmarks/RESULTS.md`). In one of them the loss was 3.1 dB after 150 iterations, as here, and 1.2 dB after 1000.
#
# </details>
#
# What is wrong with the result? The images are hard to tell apart, but the errors are not: along each joint ZSSR has drawn a bright and a dark line that the truth does not have. These are **halos**, the signs of too much sharpening. To make sure, we scale its residual by a factor before we add it. The best factor in the sense of least squares is $\langle r, x - b \rangle / \|r\|^2$ for the residual $r$ and the bicubic image $b$; it needs the truth, so it is a diagnosis and not a method.

# %%
factors = np.arange(0, 1.6, 0.1)


def scaled(x):
    small = A(x)
    base, added = learned(small)
    best = float((added * (x - base)).sum() / added.square().sum())
    made = [back_projected(base + f * added, small, A) for f in factors]
    return best, [score(m, x) for m in made]


names = ("brick", "gravel", "text", "grass", "camera", "coins")
factor_of, curve_of = {}, {}
for name in names:
    factor_of[name], curve_of[name] = scaled(grayscale(name))
curves = {
    name: (factors, np.array(curve_of[name]) - curve_of[name][0])
    for name in ("brick", "camera", "coins")
}
alt = "PSNR over the factor of the residual: for the wall it only falls, for coins it "
alt += "peaks near 1, and for the camera it still rises slowly there."
show_curves(
    curves, "factor of the residual", "gain over back-projected bicubic (dB)", alt
)

# %% [markdown]
# On the coins the best factor is about 1. On the wall it is far below 1 (printed below; it grew to a half within 1000 iterations in the run above), and after back-projection no residual at all is best here. So most of what the network adds there was not missing, and the question is why its exercises taught it that. They are sons and fathers. Look at how sharp these are, *pixel for pixel*. If every edge were a step, blurred by a Gaussian of standard deviation $s$, then
#
# $$s^2 = \frac{1}{2}\,\frac{\text{mean squared slope}}{\text{mean squared curvature}}$$
#
# along rows and columns. The slope of such an edge is a Gaussian $g$ with $g' = -(t/s^2)\,g$, and $g^2$ is a Gaussian of variance $s^2/2$; therefore the mean of $g'^2$ is $1/(2 s^2)$ times that of $g^2$. This **edge width** is four lines of code.


# %%
def edge_width(x):
    slopes = {-1: x.diff(dim=-1), -2: x.diff(dim=-2)}
    slope = sum(s.square().mean() for s in slopes.values())
    curvature = sum(s.diff(dim=d).square().mean() for d, s in slopes.items())
    return (slope / (2 * curvature)).sqrt().item()


step = torch.arange(-40.0, 41).expand(1, 1, 81, 81)
print(
    f"a test edge of width 3: {edge_width(torch.erf(step / (3 * 2**0.5))):.2f} px,",
    end="",
)
print(f" a perfect step: {edge_width((step > 0).float()):.2f} px")
print(f"{'':8} widths of x, y, A(y) in px | y / A(y) | best factor")
ratios = {}
for name in names:
    x = grayscale(name)
    widths = [edge_width(image) for image in (x, A(x), A(A(x)))]
    ratios[name] = widths[1] / widths[2]
    text = ", ".join(f"{width:.2f}" for width in widths)
    print(f"{name:8} {text:>26} | {ratios[name]:8.2f} | {factor_of[name]:.2f}")

# %% [markdown]
# All these widths are below one pixel, and there the number is only an index: a perfect step gives 0.5, and thin lines and grain give less. But it can be compared. The photograph of the wall is soft at the level of single pixels, and its joints are wide. Shrunk once, they become sharper per pixel, and shrunk twice, thin lines. In its exercises the network therefore saw sons that are *sharper* than $y$, pixel for pixel, and learned how much is missing there. This would explain why it adds too much to $y$.
#
# The ratio of the edge width of $y$ to that of $A(y)$ needs no truth and no training. It is the promised warning: **well above 1, expect too much sharpening.**
#
# How far can it be trusted? `benchmarks/RESULTS.md` has all 16 bundled images, one run each. The wall has by far the largest ratio (1.28; next comes gravel with 1.12), and over all images the ratio has a rank correlation of $-0.5$ with the best factor. But it does not predict the *gain*, with which the correlation is $-0.2$. ZSSR lost about half a decibel on three images, the wall, the moon and the cup of coffee, and the ratio warned of the first only; the other two are so smooth that bicubic misses very little. A ratio above 1.2 is therefore a reason for distrust, whereas a ratio near 1 is no promise. And the 1.2 itself was drawn between the wall and the rest after we had seen them; it has been tested on no other image.

# %% tags=["nbval-check-output"]
print(
    "on the wall ZSSR is worse than back-projected bicubic by half a decibel:",
    score(built["ZSSR"], wall) < score(built["bicubic, back-projected"], wall) - 0.5,
)
print(
    "there the best factor of the residual is below two thirds:",
    factor_of["brick"] < 2 / 3,
)
print(
    "on coins and camera it is above two thirds:",
    min(factor_of["coins"], factor_of["camera"]) > 2 / 3,
)
print(
    "of six images the wall has the largest ratio of edge widths:",
    ratios["brick"] > sorted(ratios.values())[-2] + 0.1,
)
print(
    "the wall's y is softer per pixel than its son, by a fifth or more:",
    ratios["brick"] > 1.2,
)

# %% [markdown]
# There are more ways to fail:
#
# - **Large factors.** For a factor of 4 a son has 16 times fewer pixels than $y$, so that little is left to learn from. Several steps help, `gradual=3`: each result becomes a father of the next. On Set5 this gains 2.4 dB over bicubic, quick profile (`benchmarks/RESULTS.md`).
# - **A wrong kernel**, as in section 6, which no misfit reveals.
# - **Structure that does not recur**, such as the grain inside the coins, or a face. ZSSR does not invent it, as a network trained on faces would, but it does not restore it either.
#
# ## 9. Your own small image
#
# Press the button and choose a small image, or run the next cells without: then they take a page of a book at 88 × 88 pixels, whose truth we have. First comes the warning of section 8, and then the enlarged image, with a window in which you can see something.

# %%
import ipywidgets

from dil_course.signals import load_image, save_image, uploaded

upload = ipywidgets.FileUpload(
    accept="image/*", multiple=False, description="Choose an image"
)
upload

# %% [markdown]
# A photograph from a phone, or a JPEG, has noise. Therefore your own image gets `noise=0.0125`, as the authors take, and no back-projection. For a clean drawing write 0 instead.

# %%
chosen = uploaded(upload)
page = A(picture("page", side=176))
own = (load_image(chosen[1], max_side=256) if chosen else page).to(device)
even = own[..., : own.shape[-2] // 2 * 2, : own.shape[-1] // 2 * 2]
ratio = edge_width(own) / edge_width(A(even))
print(f"edge width of y over that of A(y): {ratio:.2f}", end=" ")
print("(expect halos)" if ratio > 1.2 else "(no warning)")
large = await watch(
    zero_shot_sr(own, A, iterations=budget, noise=0.0125 if chosen else 0.0, gradual=1)
)

# %%
plain = enlarge(own, A)
plain = plain if chosen else back_projected(plain, own, A)
side = min(plain.shape[-2:]) // 3
corner = [(size - side) // 2 for size in plain.shape[-2:]]
alt = "Your image enlarged by bicubic interpolation and by ZSSR, with a window of its "
alt += "middle. On the page the letters are somewhat crisper by ZSSR."
show_images({"bicubic": plain, "ZSSR": large.estimate}, alt, crop=(*corner, side))
if not chosen:
    text = picture("page", side=176).to(device)
    print(f"bicubic, back-projected {score(plain, text):.2f} dB,", end=" ")
    print(f"ZSSR {score(large.estimate, text):.2f} dB")
save_image(large.estimate, "my_picture_enlarged.png")
print("saved beside this notebook: my_picture_enlarged.png")

# %% [markdown]
# Is it better, or only sharper? On the page the truth answers that. Without it nobody can say by looking. A letter that could not be read in $y$ may come out crisp and wrong, because a crisp edge is what the network has learned to make, and the misfit to $y$ would not show it.

# %% [markdown]
# ## Quiz
#
# Choose an answer to each question and open it, by a click or with *Tab* and *Enter*. Below it stands whether it is right, and why. The other answers are worth opening, too.
#
# **1.** A report says that zero-shot super-resolution gains 1.3 dB over bicubic interpolation on a photograph. Which number do you ask for first?
#
# <details><summary>A. That of a network with twice as many channels</summary>
#
# **Wrong.** The question is not whether the network could be larger, but how much of the gain is due to it.
#
# </details>
# <details><summary>B. That of bicubic interpolation after the same back-projection</summary>
#
# **Right.** Back-projection needs no network and is a part of the method. In section 4, on the astronaut, it accounted for all but two tenths of the 1.3 dB.
#
# </details>
# <details><summary>C. That of the network on ten more photographs</summary>
#
# **Wrong.** More images are needed for a ranking. They would repeat the same confusion of two steps.
#
# </details>
# <details><summary>D. The misfit of both results to the small image</summary>
#
# **Wrong.** After back-projection the misfit is close to zero for right and wrong results. It does not measure quality.
#
# </details>
# <br>
#
# **2.** The PSNR of ZSSR shows no steep fall like that of the deep image prior. Why?
#
# <details><summary>A. Its learning rate falls during the run, and this keeps it from going on to overfit.</summary>
#
# **Wrong.** The loop of section 3 has a constant rate and shows no steep fall either.
#
# </details>
# <details><summary>B. Its network is too small to overfit, because it has fewer weights than y has values.</summary>
#
# **Wrong.** It has ten times more weights than $y$ has values. What it can memorise is limited by the task and not by the count.
#
# </details>
# <details><summary>C. Its output is back-projected, and this removes what the network has overfitted.</summary>
#
# **Wrong.** The curve of section 3 was drawn without back-projection.
#
# </details>
# <details><summary>D. Its target is clean, and changing windows and turns make the pair hard to memorise.</summary>
#
# **Right.** What it could overfit is which detail belongs to which surroundings. A slow fall remains possible, as exercise 2 shows.
#
# </details>
# <br>
#
# **3.** You do not know the kernel of your camera. You try twenty kernels and keep the one whose result has the smallest misfit to y, each judged by its own kernel. What do you get?
#
# <details><summary>A. Probably one that is too long, because it leaves more freedom to the image.</summary>
#
# **Wrong.** Long kernels suppress frequencies in which $y$ may be strong, so that ten rounds leave a larger misfit.
#
# </details>
# <details><summary>B. Probably one that is too short, because such kernels are easiest to satisfy.</summary>
#
# **Right.** Back-projection changes the image until it agrees with $y$ through the *assumed* kernel. In section 6 the smallest misfit belonged to a kernel that was too short.
#
# </details>
# <details><summary>C. The right one, because every wrong kernel contradicts the data.</summary>
#
# **Wrong.** There are four unknowns for each number in $y$, so that the image can make up for a wrong kernel.
#
# </details>
# <details><summary>D. The right one, provided that the image is free of noise.</summary>
#
# **Wrong.** The images of section 6 were free of noise, and 13 of 24 kernels had a misfit below one gray level.
#
# </details>
# <br>
#
# **4.** A wall of equal tiles is photographed from the front. How much will ZSSR gain over back-projected bicubic interpolation?
#
# <details><summary>A. About as much as for a face, because neither contains its own half-size copy.</summary>
#
# **Wrong.** What counts is whether edges have the same width per pixel at both sizes. The wall had by far the worst ratio of all images.
#
# </details>
# <details><summary>B. Little, or it even loses, because the tiles recur at the same size only.</summary>
#
# **Right.** The network learns from pairs of two *sizes*. On the bricks of section 8, which recur at the same size, it lost.
#
# </details>
# <details><summary>C. Very much, because no other image contains so many equal patches.</summary>
#
# **Wrong.** Patches of equal size are what non-local means needs. For super-resolution the same structure has to appear at half the size.
#
# </details>
# <details><summary>D. Very much, because straight edges look the same at every size.</summary>
#
# **Wrong.** The edges of the wall were wide, and became sharper per pixel when they were shrunk. The network learned to sharpen too much.
#
# </details>
# <br>
#
# **5.** Your small image is noisy. ZSSR makes the noise stronger. Which step do you leave out first?
#
# <details><summary>A. The back-projection onto y, because it demands that the noise be explained as well</summary>
#
# **Right.** In section 7 it cost about two decibels, with the network or without it.
#
# </details>
# <details><summary>B. The eight views, because each of them brings in noise of its own</summary>
#
# **Wrong.** All views come from the same $y$. Averaging over them rather calms the result.
#
# </details>
# <details><summary>C. The random windows, because the noise is different in each of them</summary>
#
# **Wrong.** Different windows make memorising harder. They do not decide how much noise reaches the result.
#
# </details>
# <details><summary>D. The shrinking to sons, because it makes the noise of neighbours correlated</summary>
#
# **Wrong.** Without sons there is nothing to train on. Noise can be added to them, which helped less than leaving out back-projection.
#
# </details>

# %% [markdown]
# ## Exercises
#
# 1. **Poisoned sons.** In `fit` of section 3, shift the son by one pixel, `torch.cat([enlarge(A(y), A).roll(1, -1), y])`, and train again, once with `window` in place of `turn(window, ...)` and once with the turns. Predict both residual maps before you draw them.
# 2. **One pair, memorised.** Does a fall appear if the first two obstacles of section 3 go? Use `side=72`, so that the window is the whole image, and leave out `turn`. Run 1000 iterations and follow the PSNR. Then put the turns back: which of the two obstacles was the important one?
# 3. **Half a residual.** Choose the factor of section 8 without the truth: learn the step from $A(A(y))$ to $A(y)$, apply it to $A(y)$, and compute the best factor there, where the answer $y$ is known. Does it foresee the wall?
#
# <details><summary>Solution 1</summary>
#
# Without turns the network learns to undo the shift as well, since it is the same in each window. Applied to $y$, it moves a well-placed image by one pixel. The residual map then shows a bright line on one side of each rim and a dark line on the other, as the derivative of the image does. With turns the shift comes from every side, so that no single correction fits; what remains is a weaker map with lines on both sides. In one run of 250 iterations the PSNR was 28.0 dB with good sons, 26.9 with poisoned ones and turns, and 21.8 without turns. A shift of half a pixel costs decibels and can hardly be seen; problem set 08 computes how many.
#
# </details>
#
# <details><summary>Solution 2</summary>
#
# A slow fall appears. In one run with a learning rate of 0.003 (`benchmarks/RESULTS.md`), the whole pair without turns reaches 27.8 dB after 200 iterations and is back at 27.5 after 1000. Meanwhile the error on $y$, restored from its son, comes down from 5.1 to 2.7 gray levels: the network memorises which detail belongs to which surroundings of 17 × 17 pixels.
# With the turns back, the whole pair reaches 28.2 dB after 200 iterations and 28.4 after 400, more than the small windows do (27.7 and 27.9). So the turns are the important obstacle here. The windows save time, because one of 32 px has a fifth of the pixels.
#
# </details>
#
# <details><summary>Solution 3</summary>
#
# ```python
# small = A(A(wall))
# base, added = learned(small)
# print(float((added * (A(wall) - base)).sum() / added.square().sum()))
# ```
#
# It comes out at about two thirds for the wall and above 1 for the coins (one run each), so that it warns, but too mildly. As a rehearsal of the gain it is worse than useless: in the step from $A(A(y))$ to $A(y)$, ZSSR *gains* more than a decibel on the wall, because the edges of $A(y)$ are only a tenth wider than those of its own son. What holds at one scale need not hold at the next.
#
# </details>
#
# ## Summary
#
# 1. Shrink $y$ once more, and you know how to undo *that* step: the image is its own training set, as far as its structure recurs across scales.
# 2. A small residual network learns the step in seconds. At these budgets no trick of the training, left out alone, costs more than a tenth of a decibel; eight views and back-projection each bring a little more.
# 3. Measure from back-projected bicubic, not from bicubic: back-projection makes more than half of the gain on 13 of the 16 bundled images. Over a tuned TV, ZSSR had a clear lead on one image of three only, the coins with their long rims.
# 4. The sons must be made as $y$ was made, with its kernel and its noise, and a noisy $y$ must not be back-projected. Wrong kernels explain $y$ as well, so that a small misfit does not prove a kernel right.
# 5. If the edges of $y$ are wider, per pixel, than those of $A(y)$, the sons may teach too much sharpening: a warning that has been right once.
# 6. **What breaks it:** structure that does not recur at a smaller size, a soft $y$, noise, large factors in one step, and a wrong kernel.
#
# **Papers.** A. Shocher, N. Cohen, M. Irani, [*"Zero-Shot" Super-Resolution Using Deep Internal Learning*](https://arxiv.org/abs/1712.06087), CVPR 2018: the method, with [the authors' code](https://github.com/assafshocher/ZSSR).
# M. Irani, S. Peleg, *Improving Resolution by Image Registration*, CVGIP: Graphical Models and Image Processing 1991: back-projection.
# D. Glasner, S. Bagon, M. Irani, *Super-Resolution from a Single Image*, ICCV 2009: recurrence across scales, used without a network.
# T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, [*Deep Internal Learning*](https://arxiv.org/abs/2312.07425), IEEE Signal Processing Magazine 2024: the survey that this course follows.
#
# **Next.** Lesson 09 finds the kernel from $y$ alone.
#
# **Problem set.** [Problem set 08](../exercises/ps08_zero_shot_super_resolution/ps08_zero_shot_super_resolution.ipynb): fathers and sons with their turns, how often to correct, the half pixel, why a son is cleaner than its father, four runs that fail.
