# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Internal statistics: patches recur within and across scales
#
# Cut a photograph into small windows. Many of them come again, elsewhere in the same photograph, and at other sizes.
# So one picture is not one example. It is thousands. This lesson measures how far that is true, and where it ends.
#
# **What you will be able to do**
# - find the nearest neighbours of a patch in the picture, and in a smaller copy of it;
# - compare the picture's own patches with those of other pictures, and say which side wins where;
# - explain why averaging similar patches removes noise, and what limits it;
# - build non-local means, choose its strength, and put it beside a stronger method;
# - draw a map of what is unique in a picture, and predict from it where such methods fail.
#
# **Before you start.** Lesson 01: noise, PSNR, downsampling. Nothing about patches is assumed.
#
# **Time.** About a minute of computing on one CPU core (it uses one only), an hour with reading and predicting.
# On a GPU: not measured. The pictures are small, so this lesson stays on the CPU everywhere.

# %%
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from dil_course import runtime
from dil_course.figures import COLOURS, STYLES, draw_boxes, draw_curves, draw_picture
from dil_course.figures import show_figure, show_images
from dil_course.signals import Downsample, add_gaussian, nearest, patches, picture
from dil_course.signals import places, psnr

# For such small pictures a second thread costs more than it brings
torch.set_num_threads(1)


def gray(name, side=128):
    return picture(name, side).mean(1, keepdim=True)


face = gray("camera")

# %% [markdown]
# ## 1. Does a patch come again?
#
# A **patch** is a small square window of a picture, here of 5 × 5 pixels. Patches overlap: one starts at every pixel.
# We write each as a row of 25 numbers. Then a picture is a table, and the distance of two patches is the distance of
# two rows. We take the root mean square (RMS) difference, because it is on the scale of the gray values:
#
# $$d(p, q) = \sqrt{\tfrac{1}{25} \textstyle\sum_i (p_i - q_i)^2} .$$


# %%
def by_hand(x, size):
    height, width = x.shape[-2:]
    rows = []
    for top in range(height - size + 1):
        for left in range(width - size + 1):
            rows.append(x[0, :, top : top + size, left : left + size].flatten())
    return torch.stack(rows)


def distances_by_hand(query, rows):
    return (rows - query).square().mean(1).sqrt()


rows, where = patches(face, 5), places(face, 5)
print(
    f"{len(rows)} patches of {rows.shape[1]} numbers in {face.shape[-2]} x "
    f"{face.shape[-1]} pixels"
)

# %% [markdown]
# The library does the same: `patches(x, size)` gives the rows, `places(x, size)` says where each one starts, and
# `nearest(queries, database)` searches. It compares every query with every row, so its answer is exact.
#
# One trap: the nearest patch is the patch itself, and the next ones are the same patch moved by one pixel.
# They would tell us nothing. So we ask for neighbours that start at least 5 pixels `apart`: they share no pixel.

# %% tags=["nbval-check-output"]
query = 4000
all_distances = distances_by_hand(rows[query], rows)
all_distances[(where - where[query]).abs().amax(1) < 5] = torch.inf
this = slice(query, query + 1)
found, number = nearest(
    rows[this], rows, k=1, apart=5, query_places=where[this], database_places=where
)
print("our table of patches is the library's:", torch.equal(by_hand(face, 5), rows))
print(
    "our search finds the library's neighbour:",
    all_distances.argmin().item() == number.item(),
)
print("and its distance:", torch.allclose(all_distances.min(), found[0, 0], atol=1e-5))

# %% [markdown]
# The nearest patches often lie in a heap, each moved by one pixel. To see different places, we go down the list and
# keep a patch only if it lies apart from those that we kept.


# %%
def spread_out(numbers, where, apart, count):
    kept = []
    for number in numbers.tolist():
        if all((where[number] - where[other]).abs().max() >= apart for other in kept):
            kept.append(number)
    return kept[:count]


def neighbours(x, corner, size, count=5):
    rows, where = patches(x, size), places(x, size)
    query = (where == torch.tensor(corner)).all(1)
    distances, numbers = nearest(rows[query], rows, 300, size, where[query], where)
    kept = spread_out(numbers[0], where, size, count)
    distances = dict(zip(numbers[0].tolist(), distances[0].tolist(), strict=True))
    return [(where[number].tolist(), distances[number]) for number in kept]


# %% [markdown]
# We look at three patches of a photograph: a cheek, the long edge under a telescope, an eye.
# For each we show five near ones in the same picture.
#
# **Predict before you run.** Which of the three has good neighbours? Where do they lie?

# %%
size = 5
figure = Figure(figsize=(10, 4.3), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.4))
draw_picture(whole := left.subplots(), face)
grid = right.subplots(3, 6)
for index, corner in enumerate([(72, 38), (98, 80), (59, 56)]):
    near = neighbours(face, corner, size)
    draw_boxes(whole, [corner], size, index, width=3)
    draw_boxes(whole, [place for place, _ in near], size, index)
    titles = {"query": corner}
    for number, (place, distance) in enumerate(near, start=1):
        titles[f"{number}: {distance:.3f}"] = place
    for axes, (title, (row, column)) in zip(grid[index], titles.items(), strict=True):
        draw_picture(axes, face[..., row : row + size, column : column + size], title)
alt = "A man at a telescope. The cheek's neighbours lie on the cheek, those of an "
alt += "edge along it. The eye's neighbours are no eyes."
show_figure(figure, alt)

# %% [markdown]
# We observe three kinds of patches (thick box: the query; thin boxes of the same colour and line style: its neighbours).
# The number is the RMS distance.
# - The cheek has neighbours on the cheek, along a band of equal light. They differ by a few shades only.
# - The edge finds itself again *along the edge*. A long edge is one patch, many times. Where it ends, the distance jumps.
# - The eye has no equal. Its "neighbours" are the least bad of what there is: none of them is an eye.
#
# Three patches prove nothing. So we take many, at random, and three pictures. A neighbour that is the same but brighter
# is as useful, so from here to section 3 we take the mean out of each patch. What is left is its *shape*.
#
# The yardstick is a random patch of the same picture: how near would one come without searching?


# %%
def shapes(x, size=5):
    rows = patches(x, size)
    return rows - rows.mean(1, keepdim=True)


def draw_queries(x, seed=0, count=runtime.pick(quick=600, full=3000)):
    draw = runtime.generator(seed, "queries")
    order = torch.randperm(len(patches(x, 5)), generator=draw)
    return order[:count], order[-count:]  # queries, and as many random patches


photographs, curves = ["brick", "coffee", "camera"], {}
for name in photographs:
    x = gray(name)
    rows, where, (some, others) = shapes(x), places(x, 5), draw_queries(x)
    inside = nearest(rows[some], rows, 1, 5, where[some], where)[0][:, 0]
    blind = (rows[some] - rows[others]).square().mean(1).sqrt()
    curves[name] = inside, blind
    medians = f"nearest {inside.median():.3f}, random {blind.median():.3f}"
    print(f"{name:8} median distance: {medians}")

# %%
figure = Figure(figsize=(10, 3.2), layout="constrained")
share = torch.arange(1, len(inside) + 1) / len(inside)
for axes, name in zip(figure.subplots(1, 3, sharey=True), photographs, strict=True):
    lines = zip(("nearest", "random"), curves[name], strict=True)
    draw_curves(
        axes,
        {label: (values.sort().values, share) for label, values in lines},
        "distance",
        "share of patches below",
    )
    axes.set(title=name, xscale="log", xlim=(1e-3, 0.5))
alt = "Three panels of rising curves: "
alt += "the nearest patch's distance lies left of the random one's in each."
show_figure(figure, alt)

# %% [markdown]
# We observe that searching pays on all three pictures. On the bricks half of all patches have a neighbour that
# differs by a few thousandths of the gray scale. Noise of "sigma 25" has an RMS of 25/255, about a tenth.
#
# But a part of this is cheap: flat patches are near to each other without any recurrence. Section 3 takes that apart.

# %% tags=["nbval-check-output"]
for name, (inside, blind) in curves.items():
    print(
        f"{name}: the nearest is nearer than a random patch for nine patches of ten: "
        f"{(inside < blind).float().mean().item() > 0.9}"
    )
    print(
        f"{name}: in the median it is less than half as far: "
        f"{inside.median().item() < blind.median().item() / 2}"
    )

# %% [markdown]
# ## 2. And at another size?
#
# Now shrink the picture to half its size, and search *there*. A patch that is found in the small copy has a **parent**:
# the window in the original from which it was made, with twice the side. So the parent shows
# *how such a patch looks with twice the pixels*.
#
# Glasner, Bagon and Irani (2009) built super-resolution from one picture on this: look the patch up in a smaller copy,
# and take the parent's detail. Lesson 08 trains a network on the same pairs.
#
# We look up two edges and the eye. To see more, the patches have 7 × 7 pixels here, and their parents 14 × 14.
#
# **Predict before you run.** A straight edge, shrunken: what does it look like? And a corner? And an eye?

# %%
half = Downsample(2)(face)
size, half_rows, half_where = 7, shapes(half, 7), places(half, 7)
figure = Figure(figsize=(10, 4.3), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=(2, 1, 1.6))
draw_picture(whole := left.subplots(), face, "picture: query, parent")
draw_picture(small := middle.subplots(), half, "half size: neighbour")
grid = right.subplots(3, 3)
for index, corner in enumerate([(97, 80), (30, 88), (57, 55)]):
    query = patches(face[..., corner[0] : corner[0] + 7, corner[1] : corner[1] + 7], 7)
    distance, number = nearest(query - query.mean(), half_rows)
    row, column = half_where[number[0, 0]].tolist()
    draw_boxes(whole, [corner], 7, index, width=3)
    draw_boxes(whole, [(2 * row, 2 * column)], 14, index)
    draw_boxes(small, [(row, column)], 7, index)
    trio = [query.reshape(1, 1, 7, 7), half[..., row : row + 7, column : column + 7]]
    trio += [face[..., 2 * row : 2 * row + 14, 2 * column : 2 * column + 14]]
    titles = ["query", f"found, {distance.item():.3f}", "parent"]
    for axes, title, window in zip(grid[index], titles, trio, strict=True):
        draw_picture(axes, window, title)
alt = "Two edges of the picture are found in its half-size copy, and their parents "
alt += "show sharper edges; an eye is not."
show_figure(figure, alt)

# %% [markdown]
# We observe that edges look alike at both sizes, and their parents are edges with more pixels. What was found for the eye is no eye.
# (The distances alone do not say so: where there is much contrast, differences are large. Section 7 divides by the contrast.)
#
# There is a reason: a straight edge stays a straight edge when it is shrunk, and a corner stays a corner.
# An eye does not: its details disappear. Things of one kind, near to the camera and far from it, give such pairs, too.
#
# How good is that in numbers? The half-size copy has only a quarter of the patches. To be fair we compare it with a
# quarter of the patches of *other* pictures. That is the next section.
#
# ## 3. Inside or outside?
#
# Why should a method look inside? It could carry a database of patches of other pictures. Networks trained on large
# sets do that, in their weights. The survey that this course follows (Tirer et al., 2024) is about when it is better not to.
#
# So let us race. Inside: the picture's own patches. Outside: patches of nine other bundled pictures, in random order.
# We enlarge the outside step by step: a quarter of the inside's number, then as many, 4 and 16 times as many.
#
# We sort the queries by their **gradient strength**, the RMS difference of neighbouring pixels, into four quarters:
# from the smoothest to the most detailed.


# %%
BUNDLED = ["astronaut", "coffee", "chelsea", "rocket", "camera"]
BUNDLED += ["coins", "moon", "brick", "grass", "gravel"]
TIMES = (0.25, 1, 4, 16)
outside = {name: shapes(gray(name, 256)) for name in BUNDLED}


def gradient_strength(rows):
    window = rows.reshape(-1, 5, 5)
    down, right = window.diff(dim=1), window.diff(dim=2)
    return (down.square().mean((1, 2)) + right.square().mean((1, 2))).sqrt()


# %% [markdown]
# For each query, `race` measures the distance to the nearest patch in three places: the picture itself, its half-size copy,
# and a growing set of patches from the other pictures.


# %%
def race(name, seed=0):
    x = gray(name)
    rows, where, some = shapes(x), places(x, 5), draw_queries(x, seed)[0]
    some = some[gradient_strength(rows[some]).argsort()]  # the smoothest first
    result = {"inside": nearest(rows[some], rows, 1, 5, where[some], where)[0]}
    result["half size"] = nearest(rows[some], shapes(Downsample(2)(x)))[0]
    others = torch.cat([outside[other] for other in BUNDLED if other != name])
    draw = runtime.generator(seed, "outside")
    others = others[torch.randperm(len(others), generator=draw)]
    best, start = torch.inf, 0
    # A larger database can only come nearer, so only its new part is searched
    for times in TIMES:
        stop = int(times * len(rows))
        best = nearest(rows[some], others[start:stop])[0].clamp(max=best)
        result[times], start = best, stop
    quarters = {key: values[:, 0].chunk(4) for key, values in result.items()}
    return {
        key: torch.stack([q.mean() for q in four]) for key, four in quarters.items()
    }


# %% [markdown]
# **Predict before you run.** With as many patches outside as inside: which side wins for smooth patches, and which for
# detailed ones? How many times more must the outside have to draw level?

# %%
raced = ["brick", "coffee", "chelsea", "astronaut", "grass"]
raced = {name: race(name) for name in raced}


def draw_race(axes, result, quarter, index, label):
    values, look = [result[times][quarter] for times in TIMES], {"c": COLOURS[index]}
    axes.plot(TIMES, values, "o", ls=STYLES[0], label=f"{label}, outside", **look)
    look["ls"] = STYLES[1 + 2 * index]
    axes.axhline(result["inside"][quarter], label=f"{label}, inside", **look)


# %%
figure = Figure(figsize=(10, 3.1), layout="constrained")
for axes, (name, result) in zip(figure.subplots(1, 5), raced.items(), strict=True):
    draw_race(axes, result, 0, 0, "smoothest")
    draw_race(axes, result, 3, 1, "most detailed")
    axes.set(xscale="log", title=name, xlabel="outside : inside", ylim=(0, None))
    axes.set_xticks(TIMES, ["1/4", "1", "4", "16"], minor=False)
    axes.minorticks_off()
figure.axes[0].set_ylabel("mean distance")
handles = figure.axes[0].get_legend_handles_labels()
figure.legend(*handles, loc="outside lower center", ncols=4, fontsize=9)
alt = "Five panels: falling curves of the outside distance reach the flat inside line "
alt += "late for detailed patches, or not at all."
show_figure(figure, alt)


# %% [markdown]
# The same in numbers: how many times more patches must the outside have to come as near as the inside?


# %%
def replaced_by(result, quarter):
    target = result["inside"][quarter]
    enough = [times for times in TIMES if result[times][quarter] <= target]
    return f"{min(enough):g}" if enough else "> 16"


print(
    "times as many patches outside as inside that come as near, by quarter from "
    "smooth to detailed"
)
for name, result in raced.items():
    print(f"{name:10}", *[f"{replaced_by(result, quarter):>6}" for quarter in range(4)])
print(
    "\nmean distance: half-size copy | a quarter as many patches outside, the same "
    "number"
)
for name, result in raced.items():
    print(f"{name:10} {result['half size'].mean():.4f} | {result[0.25].mean():.4f}")

# %% [markdown]
# We observe:
# - for the most detailed quarter, the inside wins against as many patches from outside, on every picture;
# - for smooth patches the two lie close together. On some pictures the outside wins with equal numbers, on all of them with
#   four times as many. Smooth is smooth everywhere. Nobody needs the picture itself for that;
# - the outside keeps coming nearer as it grows. With 16 times as many patches it has drawn level on four pictures, also for
#   detailed patches. On the bricks it has not: no other picture has these joints;
# - the half-size copy is nearer than as many patches from outside, on four of five pictures. So the recurrence *across* scales is
#   real, too. On the grass it is a draw.
#
# Zontak and Irani (2011) measured this on larger photographs. They write that hundreds of external images are needed to replace the
# inside for all patches, and that it holds above all for detailed ones. Our factors are smaller, and our pictures are,
# too: 128 pixels a side do not have much inside. Some of the bundled pictures are also much alike: grass and gravel, for example.
#
# **Try it.** We took the mean out of every patch, which helps the outside: it need not have the right brightness.
# Make `shapes` return the patches as they are, and run the race again. Which side gains?

# %% tags=["nbval-check-output"]
for name, result in raced.items():
    ahead = bool(result["inside"][3] < result[1][3])
    print(
        f"{name}: inside is nearer than as many patches outside, for the most "
        f"detailed quarter: {ahead}"
    )
smooth = sum(bool(result[4][0] <= result["inside"][0]) for result in raced.values())
print(
    "four times as many patches outside replace the inside for the smoothest quarter "
    "of three pictures or more:",
    smooth >= 3,
)
print(
    "sixteen times as many do not replace the most detailed quarter of the bricks:",
    bool(raced["brick"][16][3] > raced["brick"]["inside"][3]),
)
across = sum(
    bool(result["half size"].mean() < result[0.25].mean()) for result in raced.values()
)
print(
    "the half-size copy is nearer than as many patches outside, on four of five "
    "pictures or more:",
    across >= 4,
)

# %% [markdown]
# ## 4. Neighbours remove noise
#
# What are neighbours good for? Suppose that somebody gave us $k$ noisy copies of one picture, each with its own noise. Their mean has
# the same picture, and the variance of its noise is $\sigma^2 / k$. In decibels the gain is $10 \log_{10} k$.
#
# We have one noisy picture only. But a patch that recurs *is* a noisy copy. So:
# for each pixel take the patch around it, find the $k$ nearest patches, and average their middle pixels.
#
# There are two costs, and they pull in opposite directions. Take few neighbours: little noise is averaged away.
# Take many: the later ones are less alike, and the mean is blurred.
#
# A third cost is hidden: we must *search in the noisy picture*. To see it, we search once more in the clean one. That is
# no method, as nobody has the clean picture. It is a yardstick.


# %%
def average_of_nearest(y, searched, counts):
    # A 5 x 5 patch around every pixel
    around = F.pad(searched, (2, 2, 2, 2), mode="reflect")
    numbers = nearest(patches(around, 5), patches(around, 5), k=max(counts))[1]
    pixels = y[0].flatten(1)
    return {k: pixels[:, numbers[:, :k]].mean(2).reshape(y.shape) for k in counts}


sigma, counts, searched = 25 / 255, (1, 2, 4, 8, 16, 32, 64, 128), {}
copies = {}
for name in ("camera", "brick"):
    x = gray(name, 96)
    y = add_gaussian(x, sigma)
    searched[name, "noisy"] = average_of_nearest(y, y, counts)
    searched[name, "clean"] = average_of_nearest(y, x, counts)
    stack = torch.stack([add_gaussian(x, sigma, seed) for seed in range(max(counts))])
    copies[name] = [psnr(stack[:k].mean(0), x) for k in counts]

# %% [markdown]
# **Predict before you run.** Draw three curves of the PSNR over $k$: true copies, neighbours searched in the clean picture,
# neighbours searched in the noisy picture. Which of them bend down?

# %%
figure = Figure(figsize=(10, 3.4), layout="constrained")
quality = {
    key: [psnr(estimate, gray(key[0], 96)) for estimate in results.values()]
    for key, results in searched.items()
}
for axes, name in zip(figure.subplots(1, 2, sharey=True), copies, strict=True):
    lines = {"true copies": (counts, copies[name])}
    for kind in ("clean", "noisy"):
        lines[f"searched in the {kind} picture"] = counts, quality[name, kind]
    draw_curves(axes, lines, "k", "PSNR (dB)")
    axes.set(title=name, xscale="log")
    axes.set_xticks(counts, counts)
    axes.minorticks_off()
alt = "True copies rise in a straight line. Neighbours from the clean picture follow "
alt += "and bend; those from the noisy one stay lower."
show_figure(figure, alt)

# %% [markdown]
# We observe:
# - true copies gain 3 dB with each doubling, for ever;
# - neighbours that were searched in the clean picture follow for a while, then fall behind: there are not that many alike.
#   On the face this comes early. The bricks have a hundred good neighbours;
# - searching in noise costs several decibels. The patch with the smallest distance is the one whose *noise* happens to be alike,
#   and that noise is then not averaged away.

# %% tags=["nbval-check-output"]
gain = copies["camera"][4] - copies["camera"][0]
print("sixteen true copies gain twelve decibels, within a half:", abs(gain - 12) < 0.5)
for name in copies:
    clean, noisy = quality[name, "clean"], quality[name, "noisy"]
    print(
        f"{name}: searching in noise costs more than 1 dB at the best k: "
        f"{max(clean) > max(noisy) + 1}"
    )
    print(
        f"{name}: the noisy picture's own neighbours still gain 4 dB or more: "
        f"{max(noisy) > noisy[0] + 4}"
    )
print(
    "camera: more neighbours become harmful, also in the clean picture:",
    quality["camera", "clean"][-1] < max(quality["camera", "clean"]) - 1,
)

# %% [markdown]
# ## 5. Non-local means
#
# A fixed $k$ is a poor choice: the cheek has many good neighbours, the eye has none. Better let each neighbour count as much as
# it is alike. This is **non-local means** (Buades, Coll, Morel, 2005). The pixel $p$ becomes a weighted mean:
#
# $$\hat x(p) = \frac{\sum_q w(p, q) \, y(q)}{\sum_q w(p, q)} , \qquad
# w(p, q) = \exp\!\Big( -\frac{\max(d^2(p, q) - 2 \sigma^2, \, 0)}{h^2} \Big) .$$
#
# - $d^2(p, q)$ is the mean squared difference of the noisy patches around $p$ and $q$.
# - $2\sigma^2$ is what two *equal* patches differ by, on average, because each has its own noise. So it is subtracted.
# - $h$ is the **strength**: how much unlikeness we forgive. We write it as a multiple of $\sigma$.
# - $q$ runs over a window around $p$. A whole picture would cost too much, and neighbours are often near.
#
# Now the trick of the code. A loop over all pairs of pixels is slow. Loop over the *shifts* instead: move the whole picture,
# subtract it from itself, square. A box filter then gives $d^2$ for all pixels at once.


# %%
def nlm(y, sigma, patch=5, reach=6, strength=0.8):
    border = reach + patch // 2
    mirrored = F.pad(y, [border] * 4, mode="reflect")
    total = votes = 0
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            moved = mirrored.roll((-down, -right), dims=(-2, -1))
            squared = (moved - mirrored).square().mean(1, keepdim=True)
            distance = F.avg_pool2d(squared, patch, stride=1, padding=patch // 2)
            excess = (distance - 2 * sigma**2).clamp(min=0)
            weight = torch.exp(-excess / (strength * sigma) ** 2)
            total, votes = total + weight * moved, votes + weight
    inside = slice(border, -border)
    return (total / votes)[..., inside, inside], votes[..., inside, inside]


# %% [markdown]
# `votes` is the sum of the weights. A pixel always votes for itself with weight 1. So it counts how many pixels took part,
# of the 169 in the window.
#
# **Predict before you run.** Where in the picture are there many votes, and where few? What will the error look like?

# %%
x = picture("camera", 128)
y = add_gaussian(x, sigma)
estimate, votes = nlm(y, sigma)
shown = {
    f"y, {psnr(y, x):.1f} dB": y,
    f"estimate, {psnr(estimate, x):.1f} dB": estimate,
    "votes / 169": votes / 169,
}
alt = "A noisy face; the same, clean on cheek and sky; "
alt += "votes are many there, few in hair and at edges; the error is the opposite."
show_images(shown | {"|error| x 5": 5 * (estimate - x).abs()}, alt)

# %% [markdown]
# We observe that sky and cheek have many votes and become clean. Hair, eye and edges have few, and there the error stays.
#
# The library's `non_local_means` cuts windows out instead of rolling. The numbers are the same. From here on we use it.
# A second check adds a constant to the picture: as the weights sum to one, the result must go up by that constant.

# %% tags=["nbval-check-output"]
from dil_course.from_scratch import non_local_means

print(
    "the library gives our numbers:",
    torch.allclose(estimate, non_local_means(y, sigma), atol=1e-5),
)
shifted = non_local_means(y + 0.1, sigma)
print(
    "the weights sum to one:",
    torch.allclose(shifted, non_local_means(y, sigma) + 0.1, atol=1e-4),
)
quarters = (estimate - x).square().flatten()[votes.flatten().argsort()].chunk(4)
few, many = quarters[0].mean().item(), quarters[3].mean().item()
print(
    "the quarter of pixels with the fewest votes has four times the error of the one "
    "with the most:",
    few > 4 * many,
)

# %% [markdown]
# ### How strong?
#
# **Predict before you run.** PSNR over the strength $h / \sigma$: one best value for all pictures, or not?

# %%
strengths = [0.2, 0.4, 0.6, 0.8, 1.0, 1.4, 2.0]
curves = {}
for name in ("coffee", "camera", "chelsea", "grass"):
    x = picture(name, 96)
    y = add_gaussian(x, sigma)
    estimates = [non_local_means(y, sigma, strength=strength) for strength in strengths]
    curves[name] = (strengths, [psnr(estimate, x) for estimate in estimates])
figure = Figure(figsize=(6.4, 3.6), layout="constrained")
draw_curves(axes := figure.subplots(), curves, "strength h / sigma", "PSNR (dB)")
axes.set_ylim(18, 36.5)
axes.legend(ncols=4, fontsize=9, loc="upper center")
alt = "Four curves with one hump each, near 0.6 to 0.8; "
alt += "the smooth coffee highest, the grass lowest."
show_figure(figure, alt)

# %% [markdown]
# We observe one hump for each picture, and nearly at one place. That is worth much: with $h$ in units of $\sigma$, 0.8 serves all four.
# Too weak: few votes, noise stays. Too strong: unlike patches vote too, and detail goes.
#
# Look at the *height* of the curves. The method is the same, the noise is the same. What differs is the picture.

# %%
x = picture("chelsea", 96)
y = add_gaussian(x, sigma)
shown = {}
for strength in (0.2, 0.6, 2.0):
    estimate = non_local_means(y, sigma, strength=strength)
    shown[f"strength {strength}: {psnr(estimate, x):.1f} dB"] = estimate
    shown[f"taken away, {strength}"] = 0.5 + 2 * (y - estimate)
alt = "A cat's eye at three strengths, and what was taken away: noise with holes; "
alt += "noise; noise with the outline of the eye."
show_images(shown, alt, columns=2)

# %% [markdown]
# We observe a useful test that needs no truth: **look at what was taken away**, $y - \hat x$. It should look like noise.
# With strength 2 you can see the eye in it. That is detail which we removed. With strength 0.2 there are flat holes in it:
# there nothing was taken away, and the noise stayed.
#
# **Where it fails.** In two ways, and they are opposite. Where a patch has no neighbours, it keeps its noise. Where patches
# differ by less than the noise does, they are averaged although they differ. So the fine fur goes first.

# %% tags=["nbval-check-output"]
best = {name: max(values) for name, (_, values) in curves.items()}
ends = {name: max(values[0], values[-1]) for name, (_, values) in curves.items()}
default = {name: values[strengths.index(0.8)] for name, (_, values) in curves.items()}
print(
    "every picture does best inside the range, half a decibel above both ends:",
    all(best[name] > ends[name] + 0.5 for name in best),
)
print(
    "the library's default strength is within half a decibel of the best:",
    all(default[name] > best[name] - 0.5 for name in best),
)
print("the coffee gains 5 dB more than the grass:", best["coffee"] > best["grass"] + 5)

# %% [markdown]
# ## 6. A strong reference: BM3D
#
# Non-local means moves one pixel at a time. **BM3D** (Dabov, Foi, Katkovnik, Egiazarian, 2007) goes further with the same idea.
# It stacks alike patches to a block, transforms the whole block in three dimensions, and keeps only the large coefficients. Patches
# that share a structure then share their coefficients. It does this twice, the second time guided by the first result.
#
# Before networks it was the method to beat, and it is still the honest baseline: **it learns from one picture, without a network**.
# We use its authors' package `bm3d`. Its licence allows non-commercial use only.

# %%
import bm3d


def denoise_bm3d(y, sigma):
    array = y[0].permute(1, 2, 0).double().numpy()
    colour = array.shape[2] == 3
    array = bm3d.bm3d_rgb(array, sigma) if colour else bm3d.bm3d(array[..., 0], sigma)
    rows = torch.from_numpy(array).float().reshape(*array.shape[:2], -1)
    return rows.permute(2, 0, 1)[None]


# %% [markdown]
# Three pictures of different difficulty, the same noise for both methods:

# %%
table, shown = {}, {}
for name in ("coffee", "camera", "grass"):
    x = picture(name, 96)
    y = add_gaussian(x, sigma)
    results = {"noisy": y, "NLM": non_local_means(y, sigma)}
    results["BM3D"] = denoise_bm3d(y, sigma)
    table[name] = {method: psnr(estimate, x) for method, estimate in results.items()}
    shown[name] = x
    for method, estimate in results.items():
        shown[f"{name}, {method}: {table[name][method]:.1f} dB"] = estimate
    values = [f"{method} {value:.2f} dB" for method, value in table[name].items()]
    print(f"{name:8}", "   ".join(values))

# %%
alt = "Three rows: coffee, a face, grass; each clean, noisy, by non-local means, by "
alt += "BM3D. BM3D keeps more of hair and blades."
show_images(shown, alt=alt)

# %% [markdown]
# We observe that BM3D is ahead on all three, by about one decibel. Both follow the picture: coffee is easy, grass is hard for both.
# When a network of a later lesson denoises, this is the number to put beside it.

# %% tags=["nbval-check-output"]
for name, row in table.items():
    print(
        f"{name}: noisy < NLM < BM3D: "
        f"{row['noisy'] + 2 < row['NLM'] < row['BM3D'] - 0.3}"
    )
print(
    "both find coffee easiest and grass hardest:",
    all(
        table["coffee"][m] > table["camera"][m] > table["grass"][m]
        for m in ("NLM", "BM3D")
    ),
)

# %% [markdown]
# ## 7. Where nothing recurs
#
# Now the map that predicts all this. For each patch: how far is its nearest neighbour in the picture? Bright means far: **unique**.
#
# One number for a picture needs care. A strong edge has large distances because it has large values. So divide the distance by the patch's
# own contrast (the RMS of its shape). We call it the **novelty**: 0 means that the patch recurs exactly. 1 means that the neighbour
# explains no more than a flat patch does. Flat patches hold only camera noise, which never recurs, so we count patches with contrast.
#
# **Predict before you run.** Order these by novelty: a brick wall, a lawn, a face, the inside of a coffee cup, the moon.


# %%
def uniqueness(x):
    rows, where = shapes(x), places(x, 5)
    distance = nearest(rows, rows, 1, 5, where, where)[0][:, 0]
    contrast = rows.square().mean(1).sqrt()
    novelty = (distance / contrast)[contrast > 0.03].median().item()
    return distance.reshape(x.shape[-2] - 4, -1), novelty


maps, novelty = {}, {}
for name in ("brick", "grass", "astronaut", "coffee", "moon"):
    maps[name], novelty[name] = uniqueness(gray(name, 96))

# %%
figure = Figure(figsize=(11, 4.6), layout="constrained")
axes = figure.subplots(2, 5)
for column, (name, distance) in enumerate(maps.items()):
    draw_picture(axes[0, column], x := gray(name, 96), name)
    top = spread_out(distance.flatten().topk(300).indices, places(x, 5), 5, count=6)
    draw_boxes(axes[0, column], places(x, 5)[top].tolist(), 5, 1, width=1.5)
    shown = axes[1, column].imshow(distance, cmap="viridis", vmin=0, vmax=0.12)
    axes[1, column].set_title(f"novelty {novelty[name]:.2f}", fontsize=10)
    axes[1, column].axis("off")
figure.colorbar(shown, ax=axes, label="distance", shrink=0.7)
alt = "Five pictures with boxes on their six most unique patches, and maps: "
alt += "bricks and moon are dark, the lawn is bright, the face has bright eyes."
show_figure(figure, alt)

# %% [markdown]
# We observe:
# - the **bricks** recur best, by far. Their most unique places are where joints meet;
# - the **coffee** recurs along its rings. Its most unique places are spots on the bright ring;
# - the **moon** is dark in the map because it has little contrast. Its most unique places are dark spots;
# - the **face** has unique eyes and a unique mouth, on a skin that recurs;
# - the **grass** surprises: it has the *highest* novelty. To us a lawn is "the same everywhere". But no blade
#   lies as another one does. Pixel by pixel it does not recur. What recurs is its statistics, and a mean of
#   blades is no blade.
#
# So "texture recurs, objects do not" is too simple. Regular texture recurs. Irregular texture does so only in a sense that averaging cannot use.
#
# Does the map predict where non-local means fails? We compare its error with the map, on the face.

# %%
x = gray("astronaut", 96)
restored = [non_local_means(add_gaussian(x, sigma, seed), sigma) for seed in range(3)]
error = torch.stack([(estimate - x).square() for estimate in restored]).mean(0)
error = error[..., 2:-2, 2:-2].flatten()
order = maps["astronaut"].flatten().argsort()
by_quarter = [quarter.mean().sqrt().item() for quarter in error[order].chunk(4)]
print(
    "RMS error of non-local means, from the quarter that recurs best to the most "
    "unique one:"
)
print("   ".join(f"{value:.3f}" for value in by_quarter), f"   (noise: {sigma:.3f})")

# %% [markdown]
# We observe that the error rises with uniqueness, from quarter to quarter. The map was made from the clean picture. It knows nothing
# of the noise or of the method. It is a property of the picture. It limits every method that averages what it finds inside.

# %% tags=["nbval-check-output"]
print(
    "bricks have the lowest novelty of the five:",
    novelty["brick"] == min(novelty.values()),
)
print(
    "grass has the highest, above the face:",
    novelty["grass"] == max(novelty.values())
    and novelty["astronaut"] < novelty["grass"],
)
print(
    "the error rises from each quarter to the next more unique one:",
    by_quarter == sorted(by_quarter),
)
print(
    "and more than doubles from the first to the last:",
    by_quarter[3] > 2 * by_quarter[0],
)

# %% [markdown]
# ## 8. What this means for networks
#
# A network trained on one picture seems absurd: one example, and thousands of weights. Now we can say why it is not.
# **Its training set is the picture's patches**: more than 15,000 in 128 × 128 pixels, and many show the same thing again.
#
# | what recurs | what can be made of it | lesson |
# | --- | --- | --- |
# | patches, at the same size | small filters, the same everywhere: all patches fit the same weights | 03 |
# | patches with *fresh noise* | predict a noisy pixel from its surroundings | 07 |
# | patches, at another size | pairs small and large, to learn super-resolution from | 08 |
# | statistics of patches, at all sizes | new pictures with the same patches | 10 |
#
# And we can say where it has to end: at what is in the picture once. There, knowledge from outside is needed. The second
# half of this course starts from a network trained outside, and adapts it to the inside.
#
# ## Summary
#
# 1. Most patches of a photograph have near neighbours in it: smooth ones everywhere, edges along themselves.
# 2. They recur across scales, too, and the parent of a patch found in a smaller copy shows how it looks with more pixels.
# 3. For detailed patches the inside beats as many patches from outside. A larger outside catches up, soonest for smooth patches.
# 4. Neighbours are noisy copies: averaging them denoises. Non-local means weights each by how alike it is, BM3D transforms them together.
# 5. **What breaks it:** what is there once (eyes, single objects), irregular texture, detail weaker than the noise, and noise that neighbours share.
#
# **Papers**
# - A. Buades, B. Coll, J.-M. Morel, *A Non-Local Algorithm for Image Denoising*, CVPR 2005.
# - K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, *Image Denoising by Sparse 3-D Transform-Domain Collaborative Filtering*,
#   IEEE Transactions on Image Processing, 2007.
# - D. Glasner, S. Bagon, M. Irani, *Super-Resolution from a Single Image*, ICCV 2009.
# - M. Zontak, M. Irani, *Internal Statistics of a Single Natural Image*, CVPR 2011.
# - T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, *Deep Internal Learning: Deep Learning from a Single Input*, IEEE Signal Processing Magazine, 2024.
#
# **Next.** Lesson 03 fits an untrained network to one picture, and shows that the network alone prefers pictures to noise.
#
# **Problem set.** [Problem set 02](../exercises/ps02_internal_statistics/ps02_internal_statistics.ipynb): how near noise comes, what a mean gains and costs, a forgery found by its nearest neighbours, four runs that fail.
