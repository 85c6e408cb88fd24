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
# Cut a photograph into small windows. Many of these patches recur elsewhere in the same image, and at other scales.
# A single image is therefore not a single example but a collection of thousands. This lesson measures how far that
# is true, and where it ends.
#
# Think of a jigsaw puzzle without its box. The pieces of sky are hard to place because each of them fits almost anywhere,
# whereas the one piece with the eye fits in one place only. Here the difficulty is reversed: if a piece of sky is dirty, fifty others
# show what it should look like, but if the piece with the eye is dirty, no other piece can help.
#
# **What you will be able to do**
# - find the nearest neighbours of a patch in the image, and in a half-size copy of it;
# - compare an image's own patches with those of other images, and say which side wins where;
# - explain why averaging similar patches removes noise, and what limits the gain;
# - build non-local means, choose its strength, and compare it with BM3D;
# - map what is unique in an image, and test whether the map predicts where such methods fail.
#
# **Before you start.** Lesson 01: noise, PSNR, downsampling. Nothing about patches is assumed.
#
# **Time.** About a minute of computing on one CPU core (it uses one only), two hours with reading and predicting; section 5 is a good place for a break.
# On a GPU: not measured. The images are small, so this lesson stays on the CPU everywhere.

# %%
import itertools

import torch
from torch.nn import functional as F

from dil_course import runtime
from dil_course.figures import Diagram, curves_figure, draw_boxes, explore
from dil_course.figures import images_figure
from dil_course.figures import show_curves, show_figure, show_images
from dil_course.signals import Downsample, add_gaussian, centres, nearest, patches
from dil_course.signals import picture, places, psnr

# For such small images a second thread costs more than it brings
torch.set_num_threads(1)
# One colour for each image, in all curves of this lesson
COLOUR = {
    "brick": 0,
    "coffee": 1,
    "chelsea": 2,
    "astronaut": 3,
    "grass": 4,
    "camera": 5,
}


def gray(name, side=128):
    return picture(name, side).mean(1, keepdim=True)


# %%
def show_over(ticks, curves, x_label, y_label, alt, looks, y_ticks=None):
    """Curves over a logarithmic axis that is labelled at these values."""
    log_y = y_ticks is not None
    figure = curves_figure(
        curves, x_label, y_label, log_x=True, log_y=log_y, looks=looks
    )
    axes = figure.axes[0]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    if log_y:
        axes.set_yticks(y_ticks, [f"{tick:g}" for tick in y_ticks])
    axes.minorticks_off()
    show_figure(figure, alt)


face = gray("camera")

# %% [markdown]
# ## 1. Does a patch recur?
#
# A **patch** is a small square window of an image, here of 5 × 5 pixels. Patches overlap: one starts at every pixel.
# We write each patch as a row of 25 numbers, so that an image becomes a table and the distance of two patches is the distance
# of two rows. We use the root-mean-square (RMS) difference because it is on the scale of the gray values:
#
# $$d(p, q) = \sqrt{\tfrac{1}{25} \textstyle\sum_i (p_i - q_i)^2} .$$


# %%
def patches_by_hand(x, size):
    height, width = x.shape[-2:]
    rows = []
    for top in range(height - size + 1):
        for left in range(width - size + 1):
            rows.append(x[0, :, top : top + size, left : left + size].flatten())
    return torch.stack(rows)


def distances_by_hand(query, rows):
    return (rows - query).square().mean(1).sqrt()


rows, where = patches(face, 5), places(face, 5)
print("image:", tuple(face.shape), "  patches:", tuple(rows.shape))
print("places:", tuple(where.shape), "  the last one:", where[-1].tolist())

# %% [markdown]
# The library does the same: `patches(x, size)` gives the rows, and `places(x, size)` says where each one starts. The function
# `nearest(queries, database, k, apart, query_places, database_places)` compares every query with every row, so that its answer is exact. It returns the distances of
# the `k` nearest rows and their numbers.
#
# There is one trap. The nearest patch is the patch itself, and the next ones are the same patch moved by one pixel,
# which tells us nothing about recurrence. We therefore ask for neighbours that start at least 5 pixels `apart`, so that they share no
# pixel with the query.

# %% tags=["nbval-check-output"]
query = 4000
distances = distances_by_hand(rows[query], rows)
overlaps = (where - where[query]).abs().amax(1) < 5
distances[overlaps] = torch.inf
one = slice(query, query + 1)
found, number = nearest(rows[one], rows, 1, 5, where[one], where)
print(
    "our table of patches is the library's:",
    torch.equal(patches_by_hand(face, 5), rows),
)
print("our nearest patch is the library's:", distances.argmin().item() == number.item())
print(
    "our distance is the library's:", torch.allclose(distances.min(), found, atol=1e-5)
)

# %% [markdown]
# The nearest patches often lie in a cluster, each moved by one pixel from the next. To see different places, we go down the list and
# keep a patch only if it does not overlap the ones already kept.


# %%
def spread_out(numbers, where, apart, count):
    kept, corners = [], []
    for number in numbers.tolist():
        row, column = where[number].tolist()
        gaps = [max(abs(row - r), abs(column - c)) for r, c in corners]
        if all(gap >= apart for gap in gaps):
            kept.append(number)
            corners.append((row, column))
        if len(kept) == count:
            break
    return kept


def neighbours(x, corner, size, count=5):
    rows, where = patches(x, size), places(x, size)
    query = (where == torch.tensor(corner)).all(1)
    distances, numbers = nearest(rows[query], rows, 300, size, where[query], where)
    kept = spread_out(numbers[0], where, size, count)
    distance_of = dict(zip(numbers[0].tolist(), distances[0].tolist(), strict=True))
    return {tuple(where[number].tolist()): distance_of[number] for number in kept}


# %% [markdown]
# We look at three patches of a photograph, and at five near ones for each: a cheek, an edge below the camera, and an eye.
#
# **Predict before you run.** Which of the three has good neighbours, and where do they lie?

# %%
queries, size = {"cheek": (72, 38), "edge": (98, 80), "eye": (59, 56)}, 5
figure = images_figure({"queries (thick) and their neighbours": face}, zoom=4)
windows = {}
for index, (name, corner) in enumerate(queries.items()):
    near = neighbours(face, corner, size)
    draw_boxes(figure.axes[0], [corner], size, index, width=2.5)
    draw_boxes(figure.axes[0], list(near), size, index)
    titles = {f"{name}, query": corner}
    for number, (place, distance) in enumerate(near.items(), start=1):
        titles[f"{name} {number}: {distance:.3f}"] = place
    for title, (row, column) in titles.items():
        windows[title] = face[..., row : row + size, column : column + size]

# %%
alt = "A man's face in profile at a camera. The cheek's neighbours lie on the cheek, "
alt += "all but one of the edge's along that edge; the eye's are scattered."
show_figure(figure, alt)
alt = "Three rows of patches: the neighbours of cheek and edge look like their query, "
alt += "those of the eye do not."
show_images(windows, alt, columns=6, zoom=20)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The cheek and the edge have good neighbours, and the eye has none. (Each number is an RMS distance.) The cheek finds other parts of the cheek that differ by a few gray levels only. The edge finds itself *along the edge*, because a long straight edge is one patch
# repeated many times. After four neighbours this edge is used up, and the fifth, on the camera, is much farther. The eye's five are merely the least bad candidates.
#
# Most people expect the neighbours of a patch to lie on *another object of the same kind*. In a small photograph the
# same surface and the same edge supply nearly all of them.
#
# </details>
#
# Three chosen patches prove nothing, so we now take many at random. From here to the end of section 3, and in section 7, we
# **subtract its mean from each patch**, because a neighbour that is the same but brighter is just as useful there. What remains is the *shape* of the patch, and its RMS is
# the patch's **contrast**.
#
# How small must a distance be before we may speak of recurrence? A random patch of the same image is a first yardstick, but a weak one, because the nearest of 15,000 candidates is
# closer than a single one even where nothing recurs. We therefore need a control, and repeat the search in the same gray values *in random order*.


# %%
DRAWS = range(5)


def shapes(x, size=5):
    rows = patches(x, size)
    return rows - rows.mean(1, keepdim=True)


def span(values, digits=3):
    """The smallest and the largest of several draws, as text."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def compare(x, seed, count=runtime.pick(quick=600, full=3000)):
    """Median distance of random patches to their nearest one, and to a random one."""
    rows, where = shapes(x), places(x, 5)
    order = torch.randperm(len(rows), generator=runtime.generator(seed, "queries"))
    some, others = order[:count], order[-count:]
    found = nearest(rows[some], rows, 1, 5, where[some], where)[0][:, 0]
    blind = (rows[some] - rows[others]).square().mean(1).sqrt()
    return found.median().item(), blind.median().item()


def shuffled(x, seed):
    order = torch.randperm(x.numel(), generator=runtime.generator(seed, "shuffle"))
    return x.flatten()[order].reshape(x.shape)


# %%
compared = {}
print("five draws: median distance to the nearest | to a random one | ratio |")
print("the same ratio if the pixels are shuffled")
for name in ("brick", "coffee", "camera"):
    draws = []
    for seed in DRAWS:
        near, blind = compare(gray(name), seed)
        control = compare(shuffled(gray(name), seed), seed)
        draws.append((near, blind, near / blind, control[0] / control[1]))
    compared[name] = list(zip(*draws, strict=True))
    print(f"{name:8}", " | ".join(span(values) for values in compared[name]))

# %% [markdown]
# Shuffled pixels have no structure left, and still their nearest patch is only a third to a half as far as a random one. That much is due to the number of candidates alone. In the photographs
# the ratio is clearly smaller, and on the bricks five times smaller. There half of the patches have a neighbour within a few thousandths of the gray scale.
#
# Part of this is easy, however, because a photograph has many flat patches, and these are close to one another. From now on we therefore separate smooth from detailed patches.

# %% tags=["nbval-check-output"]
for name, (_, _, ratios, controls) in compared.items():
    print(
        f"{name}: relative to a random patch, the nearest is closer by a quarter or "
        f"more than in shuffled pixels: {max(ratios) < 0.75 * min(controls)}"
    )

# %% [markdown]
# ### Are neighbours near?
#
# Zontak and Irani (2011) measured where similar patches lie, and found that their density decays rapidly with the spatial
# distance from the query, and also as the query's gradient content grows. We test both statements.
#
# We measure the **gradient strength** of a patch as the RMS difference of neighbouring pixels, and sort the queries by it. The first quarter we call *smooth*, the last *detailed*. For each query we take its 150 nearest patches, about one per cent of all, and ask how far away in the image they lie. We count them in four square rings around the query and
# divide by the share of all patches that the ring contains. A relative density of 1 then means that matches are as frequent in that ring as anywhere.


# %%
RINGS = (5, 10, 20, 40, 80)  # in pixels, along rows or columns


def gradient_strength(rows):
    window = rows.reshape(-1, 5, 5)
    down, right = window.diff(dim=1), window.diff(dim=2)
    return (down.square().mean((1, 2)) + right.square().mean((1, 2))).sqrt()


def sorted_queries(name, seed, count):
    """Numbers of random patches, the smoothest first."""
    rows = shapes(gray(name))
    order = torch.randperm(len(rows), generator=runtime.generator(seed, "queries"))
    some = order[:count]
    return some[gradient_strength(rows[some]).argsort()]


def density(name, seed, count=400):
    """Relative density of matches: a row for each ring, a column for each quarter."""
    rows, where = shapes(gray(name)), places(gray(name), 5)
    some = sorted_queries(name, seed, count)
    distances, number = nearest(rows[some], rows, 150, 5, where[some], where)
    gaps = torch.cdist(where[some].float(), where.float(), p=torch.inf)
    match_gaps, result = gaps.gather(1, number), []
    for near, far in itertools.pairwise(RINGS):
        matches = ((match_gaps >= near) & (match_gaps < far)).sum(1) / 150
        everything = ((gaps >= near) & (gaps < far)).sum(1) / (gaps >= 5).sum(1)
        quarters = [values.reshape(4, -1).mean(1) for values in (matches, everything)]
        result.append(quarters[0] / quarters[1])
    return torch.stack(result), distances.reshape(4, -1).mean(1)


# %% [markdown]
# **Predict before you run.** How does the density change from the nearest ring to the farthest, for smooth and for detailed patches? Is there an image on which it stays flat?

# %%
rings, matches, curves, looks = {}, {}, {}, {}
middles = [(near * far) ** 0.5 for near, far in itertools.pairwise(RINGS)]
for name in ("astronaut", "coffee", "chelsea", "grass"):
    pairs = [density(name, seed) for seed in range(3)]
    densities, distances = (torch.stack(values) for values in zip(*pairs, strict=True))
    for style, (kind, quarter) in enumerate({"detailed": 3, "smooth": 0}.items()):
        rings[name, kind] = densities[..., quarter]
        matches[name, kind] = distances[:, quarter]
        curves[f"{name}, {kind}"] = (middles, densities[..., quarter].mean(0))
        looks[f"{name}, {kind}"] = COLOUR[name], style

# %%
alt = "Density of matches over spatial distance: falling from 4 to 8 near the query "
alt += "to 1 or less far from it on three images, and flat near 1 on the grass."
x_label, y_label = "spatial distance (pixels)", "relative density of matches"
show_over(RINGS, curves, x_label, y_label, alt, looks)
print("three draws: density in the nearest ring | in the farthest ring |")
print("mean RMS distance of the 150 matches")
for (name, kind), values in rings.items():
    cells = [span(values[:, i].tolist(), 1) for i in (0, -1)]
    cells.append(span(matches[name, kind].tolist()))
    print(f"{name:9} {kind:8}", " | ".join(cells))

# %% [markdown]
# <details><summary>Answer</summary>
#
# On the three photographs of objects, matches are several times denser next to the query than on average, and no denser than that beyond 40 pixels. The decay holds for smooth and for detailed patches.
# The effect of the gradient shows in the last column: the 150 best matches of a detailed patch are on average three to seven times as far from it (as an RMS difference) as those of a smooth one, so that within a fixed distance there are far fewer of them. Both agree with Zontak and Irani.
#
# The lawn is the exception. Its density stays close to 1 in all rings for detailed patches, because its blades are spread evenly over the image. "Near is better" is therefore a property of images with objects in
# them and not a law. It is nevertheless a good reason to search a window around the pixel instead of the whole image.
#
# </details>

# %% tags=["nbval-check-output"]
objects = [v for (name, _), v in rings.items() if name != "grass"]
print(
    "astronaut, coffee, chelsea, smooth and detailed: matches are twice as dense in "
    "the nearest ring as in the farthest, in each draw:",
    all(bool((v[:, 0] > 2 * v[:, -1]).all()) for v in objects),
)
values = rings["grass", "detailed"]
print(
    "grass, detailed: nearest and farthest ring differ by less than half:",
    bool(((values[:, 0] / values[:, -1] - 1).abs() < 0.5).all()),
)
print(
    "matches of detailed patches are farther than those of smooth ones:",
    all(bool((matches[n, "detailed"] > matches[n, "smooth"]).all()) for n, _ in rings),
)

# %% [markdown]
# ## 2. And at another scale?
#
# Now shrink the image to half its size, and search *there*. A patch that is found in the small copy has a **parent**:
# the window of the original that it covers, with twice the side. The parent therefore shows
# *what such a patch looks like with twice the resolution*.
#
# Glasner, Bagon and Irani (2009) built super-resolution from a single image on this idea: look the patch up in a smaller copy,
# and take the detail of its parent. Lesson 08 trains a network on the same pairs.
#
# The trap of section 1 returns in another form. The small copy also contains the query's *own place*, and an edge there still looks like the same edge, but
# its parent contains the query and shows nothing that we do not already have. Candidates whose parent shares a pixel with the query must be left out. The function
# `centres(x, size, scale)` gives the middle of each patch in pixels of the full-size image. A query of side $s$ and a parent of side $2s$ are disjoint if their middles
# are at least $\tfrac{3}{2} s$ apart along rows or columns.

# %%
half = Downsample(2)(face)
print("image:", tuple(face.shape), "  half size:", tuple(half.shape))


def across_scales(x, half, queries, size, exclude=True):
    """Distance to the nearest patch of the half-size copy, and its number."""
    settings = {}
    if exclude:
        settings["apart"] = 1.5 * size
        settings["query_places"] = centres(x, size)[queries]
        settings["database_places"] = centres(half, size, scale=2)
    return nearest(shapes(x, size)[queries], shapes(half, size), 1, **settings)


# %% [markdown]
# We look up the edge of a rod at the bottom, a corner of the camera, and the eye. To show more, the patches have 7 × 7 pixels here, and their parents 14 × 14. They are compared, and shown, without their means, so that the match of a dark edge may be a bright one.
#
# **Predict before you run.** What does a straight edge look like after it is shrunk? What about a corner, and an eye?


# %%
def without_mean(window):
    return window - window.mean() + 0.5


size, queries = 7, {"edge": (120, 92), "corner": (86, 79), "eye": (57, 55)}
figure = images_figure({"queries (thick) and parents": face}, zoom=4)
windows, where, half_where = {}, places(face, size), places(half, size)
for index, (name, corner) in enumerate(queries.items()):
    query = (where == torch.tensor(corner)).all(1)
    distance, number = across_scales(face, half, query, size)
    (row, column), (top, left) = half_where[number[0, 0]].tolist(), corner
    draw_boxes(figure.axes[0], [corner], size, index, width=2.5)
    draw_boxes(figure.axes[0], [(2 * row, 2 * column)], 2 * size, index)
    window = face[..., top : top + 7, left : left + 7]
    title = f"{name}: contrast {window.std(correction=0):.2f}"
    windows[title] = without_mean(window)
    window = half[..., row : row + 7, column : column + 7]
    windows[f"{name}: match, {distance.item():.3f}"] = without_mean(window)
    parent = face[..., 2 * row : 2 * row + 14, 2 * column : 2 * column + 14]
    windows[f"{name}, parent"] = without_mean(parent)

# %%
alt = "The face with three queries and their parents, none of which overlap: the "
alt += (
    "edge's parent is another edge, the corner's another corner, the eye's is no eye."
)
show_figure(figure, alt)
alt = "Three rows of query, match and parent: edge and corner look similar at both "
alt += "scales, and their parents are sharper; the match of the eye is a plain edge."
show_images(windows, alt, columns=3, zoom=10)

# %% [markdown]
# <details><summary>Answer</summary>
#
# A straight edge stays a straight edge when it is shrunk, and a corner stays a corner, so both find a good match whose parent shows the same structure with
# four times the pixels. The eye does not survive: its details disappear, and what was found for it is no eye. (The numbers are the query's contrast and the distance of the match.)
#
# A common mistake is to judge by the distances alone. Where there is much contrast all differences are large. The corner's distance is the largest of the three, and it is
# nevertheless a better match than the eye's, because the corner has twice the contrast. Section 7 divides by the contrast.
#
# </details>
#
# How often would we have fallen into the trap? We count the queries whose match, without the exclusion, has a parent that overlaps the query. A random match would
# lie there in about one case of seventy, because 7 of the 60 rows and 7 of the 60 columns of the half-size copy give an overlap.


# %%
def own_place(name, exclude, seed=0, size=5):
    """Share of 600 queries that were found at their own place."""
    x = gray(name)
    half = Downsample(2)(x)
    draw = runtime.generator(seed, "queries")
    some = torch.randperm(len(patches(x, size)), generator=draw)[:600]
    _, number = across_scales(x, half, some, size, exclude)
    parent = 2 * places(half, size)[number[:, 0]]
    query = places(x, size)[some]
    overlaps = (parent < query + size) & (query < parent + 2 * size)
    return overlaps.all(1).float().mean().item()


own = {}
for name in ("brick", "coffee", "chelsea", "astronaut"):
    own[name] = [own_place(name, exclude) for exclude in (False, True)]
    print(f"{name:9} {own[name][0]:.0%} at their own place, then {own[name][1]:.0%}")

# %% [markdown]
# The trap is real, since such matches are at least four times as frequent as by chance, and the exclusion removes all of them.

# %% tags=["nbval-check-output"]
print(
    "on all four images more than one match of twenty is at the query's own place:",
    min(kept for kept, _ in own.values()) > 0.05,
)
print("none is, if it is left out:", max(left for _, left in own.values()) == 0)

# %% [markdown]
# **Explore.** Choose the corner of a 7 × 7 patch with two sliders. The first panel shows the query (solid) and its five neighbours, the second the match in the half-size copy (shown at twice
# the zoom), and the third the distance from the query to every patch: black means equal, white means an RMS distance of 0.2 or more. Look for a query whose map has one dark spot only, and for one whose
# map is dark along a line.

# %%
size = 7
rows, where = shapes(face, size), places(face, size)
match_distance, match = across_scales(face, half, slice(None), size)


def pick(row, column):
    query = row * (face.shape[-1] - size + 1) + column
    distance = distances_by_hand(rows[query], rows)
    apart = (where - where[query]).abs().amax(1) >= size
    order = distance.masked_fill(~apart, torch.inf).topk(200, largest=False).indices
    top, left = half_where[match[query, 0]].tolist()
    ground = (5 * distance).reshape(1, 1, face.shape[-2] - size + 1, -1)
    title = f"match at half size: {match_distance[query, 0]:.3f}"
    figure = images_figure(
        {"query, neighbours, parent": face, title: half, "distance map": ground}, zoom=2
    )
    draw_boxes(figure.axes[0], [(row, column)], size, 0, width=2)
    draw_boxes(figure.axes[0], where[spread_out(order, where, size, 5)], size, 1)
    draw_boxes(figure.axes[0], [(2 * top, 2 * left)], 2 * size, 2)
    draw_boxes(figure.axes[1], [(top, left)], size, 2)
    return figure


# %%
alt = "A chosen patch with its five neighbours, its match in the half-size copy with "
alt += "the parent, and the map of distances: dark over smooth places or along an edge."
explore(
    pick,
    alt,
    static={"row": [20, 55, 98], "column": [80]},
    row=list(range(122)),
    column=list(range(122)),
)

# %% [markdown]
# ## 3. Inside or outside?
#
# Why should a method look inside the image at all, when it could bring a database of patches, or a network, from many other images? The survey that this
# course follows (Tirer et al., 2024) asks when looking inside is the better choice.
#
# To find out, we let the two compete. Inside are the image's own patches. Outside are patches of nine other bundled images (256 × 256 pixels of each, at their original scale), in random order and in growing
# number: a quarter of the inside's number, then as many, 4 times and 16 times as many. The queries are sorted by gradient strength into four quarters, from the smoothest to the most
# detailed.


# %%
BUNDLED = ["brick", "coffee", "chelsea", "astronaut", "grass"]
BUNDLED += ["rocket", "camera", "coins", "moon", "gravel"]
TIMES = (0.25, 1, 4, 16)
everything = torch.cat([shapes(gray(name, 256)) for name in BUNDLED])
owner = torch.arange(len(BUNDLED)).repeat_interleave(252**2)  # whose patch it is


def outside(name, seed, count):
    """So many random patches of the other images."""
    draw = runtime.generator(seed, "outside")
    order = torch.randperm(len(everything), generator=draw)
    order = order[owner[order] != BUNDLED.index(name)]
    return everything[order[:count]]


# %% [markdown]
# `race` returns the mean distance of each quarter to its nearest patches outside, divided by the mean distance to its nearest patches inside. Where the ratio is above 1 the inside is nearer.


# %%
def race(name, seed, count=runtime.pick(quick=240, full=2400)):
    rows, where = shapes(gray(name)), places(gray(name), 5)
    some = sorted_queries(name, seed, count)
    inside = nearest(rows[some], rows, 1, 5, where[some], where)[0]
    inside = inside.reshape(4, -1).mean(1)
    others = outside(name, seed, int(max(TIMES) * len(rows)))
    ratios = []
    for times in TIMES:
        found = nearest(rows[some], others[: int(times * len(rows))])[0]
        ratios.append(found.reshape(4, -1).mean(1) / inside)
    return torch.stack(ratios)  # a row for each size, a column for each quarter


# %% [markdown]
# **Predict before you run.** With as many patches outside as inside, which side wins for smooth patches, and which for
# detailed ones? How many times as many must the outside have to draw level?

# %%
FIVE = BUNDLED[:5]
raced = {}
for name in FIVE:
    raced[name] = torch.stack([race(name, seed) for seed in range(3)])
curves, looks = {}, {}
for style, (kind, quarter) in enumerate({"detailed": 3, "smooth": 0}.items()):
    for name, ratios in raced.items():
        curves[f"{name}, {kind}"] = (TIMES, ratios[..., quarter].mean(0))
        looks[f"{name}, {kind}"] = COLOUR[name], style
curves["draws level"], looks["draws level"] = (TIMES, [1] * 4), (5, 3)
alt = "Distance outside over distance inside against the size of the outside: falling "
alt += "curves; detailed ones start higher, and that of the bricks stays above 1.5."
x_label, y_label = "patches outside : inside", "distance outside : inside"
show_over(TIMES, curves, x_label, y_label, alt, looks, (0.8, 1, 1.25, 1.6, 2, 2.5))

# %%
print("distance outside : inside, three draws, for 1, 4 and 16 times as many patches")
for kind, quarter in {"smooth": 0, "detailed": 3}.items():
    for name, ratios in raced.items():
        cells = [span(ratios[:, size, quarter].tolist(), 2) for size in (1, 2, 3)]
        print(f"{kind:9}{name:10}", " | ".join(cells))

# %% [markdown]
# <details><summary>Answer</summary>
#
# For detailed patches the inside is nearer on every image, whereas for smooth patches neither side leads by as much as a tenth, because smooth is smooth everywhere. The outside comes
# nearer as it grows. With 4 times as many patches it is level or ahead for smooth patches, and with 16 times as many it has overtaken the inside there on all five images. For detailed patches, 16 times as many bring it level on coffee, chelsea and grass, and past the inside on the astronaut. On the bricks it remains
# far behind, because no other image has these joints.
#
# The usual wrong answer is that a large enough database always wins, and wins everywhere at the same size. It wins first where there is least to be gained.
#
# Zontak and Irani (2011) report that an external database of hundreds of images is needed to find equally good representatives for *all* patches of an image, and that this is particularly true of very detailed ones. Our
# factors are smaller. An image of 128 pixels a side does not have much inside, and some of the bundled images resemble each other (for the grass, the outside contains gravel); both may explain it.
#
# </details>
#
# ### The half-size copy against the outside
#
# The half-size copy has only about a quarter of the patches, so we compare it with a quarter as many patches of other images. The query's own place is left out. We use all ten bundled images and five draws, because the
# differences are small.


# %%
def margin(name, seed, count=runtime.pick(quick=600, full=3000)):
    """Per cent by which the outside is farther: own place left out, and kept."""
    x = gray(name)
    half = Downsample(2)(x)
    some = sorted_queries(name, seed, count)
    others = outside(name, seed, len(patches(half, 5)))
    far = nearest(shapes(x)[some], others)[0].mean()
    left_out = across_scales(x, half, some, 5)[0].mean()
    kept = across_scales(x, half, some, 5, exclude=False)[0].mean()
    return [100 * (far / near - 1).item() for near in (left_out, kept)]


# %%
margins = {}
print("by how many per cent the outside is farther than the half-size copy:")
print("mean of five draws, range | mean if the query's own place is kept")
for name in BUNDLED:
    pairs = [margin(name, seed) for seed in DRAWS]
    margins[name], kept = zip(*pairs, strict=True)
    means = [sum(values) / 5 for values in (margins[name], kept)]
    spread = span(margins[name], 1)
    print(f"{name:10}{means[0]:6.1f}   {spread:14} |{means[1]:6.1f}")

# %% [markdown]
# The copy at half size is clearly nearer, in every draw, on five of the ten images: brick, coffee, chelsea, coins and moon. On astronaut, rocket and camera the lead of one or two per cent is about as large as the spread of the draws, which we call a tie. On grass and gravel there is no lead at all. Measured against
# other images, recurrence *across* scales is therefore clear on some photographs and weak on others, whereas the two irregular textures gain nothing from it.
#
# The last column shows what the trap would have cost: with the query's own place in the database, the three ties would show a mean lead of four to seven per cent and pass for successes. Lesson 08 learns super-resolution from these pairs.

# %% tags=["nbval-check-output"]
print(
    "on all five images the inside is nearer than as many outside for detailed "
    "patches, in each draw:",
    all(bool((ratios[:, 1, 3] > 1).all()) for ratios in raced.values()),
)
print(
    "sixteen times as many outside replace the inside for all smoothest quarters:",
    all(bool((ratios[:, 3, 0] < 1).all()) for ratios in raced.values()),
)
print(
    "sixteen times as many do not replace the most detailed quarter of the bricks:",
    bool((raced["brick"][:, 3, 3] > 1.3).all()),
)
print(
    "the half-size copy is nearer in each draw on brick, coffee, chelsea, coins, moon:",
    all(min(margins[n]) > 1 for n in ("brick", "coffee", "chelsea", "coins", "moon")),
)
print(
    "on grass and gravel it is no nearer in the mean:",
    all(sum(margins[name]) / 5 < 0.5 for name in ("grass", "gravel")),
)

# %% [markdown]
# ## 4. Neighbours remove noise
#
# Efros and Leung (1999) used neighbours to synthesise texture: they fill an image pixel by pixel, each time copying the central pixel of a place whose neighbourhood resembles what is already
# drawn. Denoising needs only one change: instead of copying one central pixel, take the mean of many.
#
# To see what a mean can gain, suppose that we had $k$ noisy copies of one image, each with noise of its own. Their mean shows
# the same image, and the variance of its noise is $\sigma^2 / k$. In decibels the gain is $10 \log_{10} k$.
#
# We have one noisy image only, but a patch that recurs *is* a noisy copy. So for each pixel we take the patch around it, find the $k$ nearest patches, and average their central pixels.
# The search includes the pixel itself, as the first neighbour, and patches that overlap its own. Section 1 excluded them because they prove no recurrence, but here they are welcome, since every
# pixel has noise of its own. The patches keep their mean, because only pixels of equal brightness may be averaged.
#
# Two effects pull in opposite directions. With few neighbours little noise is averaged away, whereas with many the later ones are less similar, so that the mean is blurred.
#
# A third effect is hidden, because we must *search in the noisy image*. To measure it we search once more in the clean one, as a yardstick and not as a method.


# %%
SIGMA = 25 / 255
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)


def search(image):
    """Numbers of the pixels whose 5 x 5 patches are nearest to that of each pixel."""
    rows = patches(F.pad(image, (2, 2, 2, 2), mode="reflect"), 5)
    return nearest(rows, rows, k=max(COUNTS))[1]


def qualities(estimates, x):
    return torch.tensor([psnr(estimate, x) for estimate in estimates])


def averaged(y, numbers, x):
    """PSNR of the mean over the pixels of y with the first k of these numbers."""
    pixels = y[0].flatten(1)
    means = [pixels[:, numbers[:, :k]].mean(2).reshape(y.shape) for k in COUNTS]
    return qualities(means, x)


# %%
AVERAGED = ("brick", "chelsea", "grass")
KINDS = ("clean", "noisy", "noisy, fresh")
quality = {}
for name in AVERAGED:
    x = gray(name, 64)
    draws = [add_gaussian(x, SIGMA, seed) for seed in range(3)]
    stack = torch.stack([add_gaussian(x, SIGMA, seed) for seed in range(max(COUNTS))])
    quality[name, "copies"] = qualities([stack[:k].mean(0) for k in COUNTS], x)
    in_clean = search(x)
    values = {kind: [] for kind in KINDS}
    for seed, y in enumerate(draws):
        in_noisy = search(y)
        values["clean"].append(averaged(y, in_clean, x))
        values["noisy"].append(averaged(y, in_noisy, x))
        fresh = averaged(draws[(seed + 1) % 3], in_noisy, x)
        values["noisy, fresh"].append(fresh)
    for kind, many in values.items():
        quality[name, kind] = torch.stack(many).mean(0)

# %% [markdown]
# **Predict before you run.** Sketch three curves of the PSNR over $k$: true copies, neighbours found in the clean image, and
# neighbours found in the noisy image. Which of them bend down?

# %%
curves = {"true copies": (COUNTS, quality["brick", "copies"])}
looks = {"true copies": (5, 3)}
for name in AVERAGED:
    for style, kind in enumerate(("clean", "noisy")):
        label = f"{name}, found in the {kind} image"
        curves[label] = (COUNTS, quality[name, kind])
        looks[label] = COLOUR[name], style
alt = "PSNR over the number of neighbours. True copies rise steadily; neighbours found "
alt += "in the clean image rise and bend, those found in the noisy one stay lower."
show_over(COUNTS, curves, "neighbours k", "PSNR (dB)", alt, looks)

# %%
print("PSNR in dB, mean of three draws, for neighbours found in the clean image |")
print("found in the noisy image | found there, but averaged over another draw's noise")
for name in AVERAGED:
    for k in (16, 128):
        values = [quality[name, kind][COUNTS.index(k)] for kind in KINDS]
        print(f"{name:8} k = {k:3}  ", " | ".join(f"{value:.1f}" for value in values))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only true copies rise for ever, by 3 dB with each doubling. Neighbours found in the clean image follow them for a while and then fall behind, as soon as the patch has no further good neighbours. The
# bricks keep up longest, the cat comes next, and the lawn turns down after about ten neighbours. Found in the noisy image, only the lawn's neighbours turn down within 128.
#
# Searching in the noisy image costs several decibels on bricks and cat, for two reasons that the last column separates. It averages the pixels of *another* noisy image at the places found in the noisy one.
# From the first column to the last the loss is due to *wrong places*, and from the last to the second it is due to *selection*: the search prefers patches whose noise happens to be similar, and that
# part of the noise is not averaged away. For the bricks at $k = 128$ the places cost about 4 dB and selection another 3.
#
# Most people name the wrong places only. They are right about the cat at $k = 128$. On the grass selection even *helps*, and a likely reason is that the same preference keeps some of the pixel's own detail.
#
# </details>

# %% tags=["nbval-check-output"]
gain = quality["brick", "copies"][4] - quality["brick", "copies"][0]
print(
    "sixteen true copies gain twelve decibels, within a half:",
    abs(gain.item() - 12) < 0.5,
)
loss = [
    quality[name, "clean"].max() - quality[name, "noisy"].max() for name in AVERAGED
]
print(
    "bricks, cat, grass: searching in the noisy image loses over 1 dB at the best k:",
    bool(min(loss) > 1),
)
print(
    "bricks and cat still gain 4 dB or more from the noisy image's own neighbours:",
    all(
        bool(quality[n, "noisy"].max() > quality[n, "noisy"][0] + 4)
        for n in AVERAGED[:2]
    ),
)
grass = quality["grass", "clean"]
print(
    "grass: 128 neighbours are 1 dB worse than fewer, also from the clean image:",
    bool(grass[-1] < grass.max() - 1),
)
behind = quality["brick", "copies"][:5] - quality["brick", "clean"][:5]
print(
    "bricks: up to 16 neighbours stay within 1 dB of true copies:",
    bool(behind.max() < 1),
)

# %% [markdown]
# ## 5. Non-local means
#
# A fixed $k$ is a poor choice, because the cheek has many good neighbours and the eye has none. It is better to weight each neighbour by its similarity.
# This is **non-local means** (Buades, Coll and Morel, 2005). The pixel $p$ becomes a weighted mean:
#
# $$\hat x(p) = \frac{\sum_q w(p, q) \, y(q)}{\sum_q w(p, q)} .$$
#
# With $d^2(p, q)$ for the mean squared difference of the noisy patches around $p$ and $q$, the same authors published two weights:
#
# | | weight $w(p, q)$ | the rule for a similar pair |
# | --- | --- | --- |
# | 2005 (CVPR) | $\exp(-d^2 / h^2)$ | the smaller $d^2$, the better |
# | 2011 (IPOL) | $\exp(-\max(d^2 - 2 \sigma^2, \, 0) / h^2)$ | all $d^2$ below $2 \sigma^2$ are equally good |
#
# - Two *equal* patches differ by $2\sigma^2$ on average, because each has its own noise. The later weight subtracts this amount, so that about half of the exact copies count
#   fully, and most others nearly so.
# - $h$ is the **strength**: how much dissimilarity is tolerated. We write it as a multiple of $\sigma$.
# - $q$ runs over a window around $p$. The papers use 21 × 21 pixels or more, here it has 13 × 13 to save time.
#
# The paper of 2005 weights the pixels of the patch with a Gaussian, the one of 2011 uses a plain mean over all channels together. The code published with the latter also gives the pixel itself only the largest weight among its neighbours. Here we take the plain mean for both, and the pixel itself has weight 1, so that only the rule of the table differs.
#
# ### The computation
#
# A loop over all pairs of pixels is slow. We loop over the 169 *shifts* $t$ instead. For one shift the whole image is moved by $t$, subtracted from itself and squared. The value at each pixel is then $(y(p) - y(p + t))^2$,
# and $d^2$ is its mean over the 5 × 5 pixels around $p$. A **box filter** computes that mean for all pixels at once: it replaces each pixel by the mean of its square neighbourhood.

# %%
flow = Diagram(9.6, 1.7)
y_box = flow.box(0.1, 0.9, 1.2, 0.6, "y(p)", 0)
moved_box = flow.box(0.1, 0.1, 1.2, 0.6, "y(p + t)", 0)
square = flow.box(2.6, 0.5, 1.9, 0.6, "(y(p) – y(p + t))²", 1)
mean = flow.box(5.8, 0.5, 1.0, 0.6, "d²(p, p + t)", 2)
weight = flow.box(8.1, 0.5, 1.3, 0.6, "w(p, p + t)", 3)
flow.arrow(y_box.right, square.left)
flow.arrow(moved_box.right, square.left)
flow.arrow(square.right, mean.left, "5 × 5 box")
flow.arrow(mean.right, weight.left, "exp(...)")
flow.show(
    "For one shift t: image and moved image are subtracted and squared, a 5 x 5 "
    "box filter makes the distance of all patches, an exponential makes the weights."
)

# %% [markdown]
# In code, `shifts` returns all 169 moved images and all their distances as two tensors.


# %%
def shifts(y, patch=5, reach=6):
    """The image moved by each shift (169,C,H,W), and d^2 of all patches (169,1,H,W)."""
    border = reach + patch // 2
    mirrored = F.pad(y, [border] * 4, mode="reflect")
    inside = slice(border, -border)
    moved, squared = [], []
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            other = mirrored.roll((-down, -right), dims=(-2, -1))
            difference = (other - mirrored).square().mean(1, keepdim=True)
            box = F.avg_pool2d(difference, patch, stride=1, padding=patch // 2)
            moved.append(other[..., inside, inside])
            squared.append(box[..., inside, inside])
    return torch.cat(moved), torch.cat(squared)


# %%
def weight_2005(squared, sigma, strength):
    return torch.exp(-squared / (strength * sigma) ** 2)


def weight_2011(squared, sigma, strength):
    excess = (squared - 2 * sigma**2).clamp(min=0)
    return torch.exp(-excess / (strength * sigma) ** 2)


def weighted_mean(moved, weights):
    total = (weights * moved).sum(0, keepdim=True)
    return total / weights.sum(0, keepdim=True)


# %% [markdown]
# The sum of the weights counts how many of the 169 pixels took part, the **votes**: a pixel always votes for itself with weight 1.
#
# **Predict before you run.** Where in the image are there many votes, and where few? Where will the error be large?

# %%
x = picture("camera", 128)
y = add_gaussian(x, SIGMA)
moved, squared = shifts(y)
weights = weight_2011(squared, SIGMA, strength=0.8)
estimate, votes = weighted_mean(moved, weights), weights.sum(0, keepdim=True)
print("moved:", tuple(moved.shape), "  weights:", tuple(weights.shape))
shown = {
    f"y, {psnr(y, x):.1f} dB": y,
    f"estimate, {psnr(estimate, x):.1f} dB": estimate,
    "votes / 169": votes / 169,
    "|error| × 5": 5 * (estimate - x).abs(),
}
REGIONS = {  # upper row, left column, side
    "sky": (4, 100, 24),
    "cheek": (66, 28, 20),
    "hair": (4, 14, 20),
    "eye": (55, 53, 9),
    "ear": (44, 2, 18),
}
figure = images_figure(shown, columns=2)
for index, (row, column, side) in enumerate(REGIONS.values()):
    draw_boxes(figure.axes[1], [(row, column)], side, index)

# %%
alt = (
    "A noisy face and its estimate with five regions. Votes are many in the sky, fewer "
)
alt += "on cheek and hair, few in eye, ear and edges; errors are large at edges."
show_figure(figure, alt)

# %% [markdown]
# The map of votes does not tell us *why* an estimate is wrong. The error has two parts, which several draws of the noise can separate: the part that stays the same in all draws is **lost detail** (the bias), and the part that changes
# from draw to draw is **noise that is left**. We measure both in the five regions outlined in the estimate: sky, cheek, hair, eye and ear.

# %%
estimates, votes_of = [], []
for seed in range(8):
    moved, squared = shifts(add_gaussian(x, SIGMA, seed))
    weights = weight_2011(squared, SIGMA, strength=0.8)
    estimates.append(weighted_mean(moved, weights) - x)
    votes_of.append(weights.sum(0)[0] / 169)
errors, votes_of = torch.cat(estimates)[:, 0], torch.stack(votes_of)

# %%
region = {}
print(
    f"eight draws      votes / 169  lost detail  noise left   (noise in y {SIGMA:.3f})"
)
for name, (row, column, side) in REGIONS.items():
    place = slice(row, row + side), slice(column, column + side)
    part = errors[:, *place]
    noise = part.var(0).mean()
    # the mean of eight draws still has an eighth of the variance
    detail = (part.mean(0).square().mean() - noise / 8).clamp(min=0)
    region[name] = {
        "votes": votes_of[:, *place].median().item(),
        "detail": detail.sqrt().item(),
        "noise": noise.sqrt().item(),
    }
    print(f"{name:8}", "".join(f"{value:13.3f}" for value in region[name].values()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The sky has the most votes, and its error is almost gone. Eye, ear and all strong edges have few votes, because hardly any patch resembles theirs. There the noise that is left is more than twice that of the cheek, and detail is lost as well.
#
# Many people say the same of the hair. It has three quarters of the votes of the cheek and hardly more noise left, but it loses almost three times as much
# detail. Its strands differ by less than the noise does, so that *different* strands pass for equal and are averaged. The eye has too few votes, so that it keeps noise and loses detail about equally. The hair has too many, so that nearly all of its error is lost detail.
#
# </details>
#
# The library's `non_local_means` uses the weight of 2011, and we use it below where a single estimate is wanted.
# The next cell also adds a constant to the image: as the weights sum to one, the result must rise by that constant.

# %% tags=["nbval-check-output"]
from dil_course.from_scratch import non_local_means

theirs = non_local_means(y, SIGMA)
print("the library gives our numbers:", torch.allclose(estimate, theirs, atol=1e-5))
moved, squared = shifts(y + 0.1)
brighter = weighted_mean(moved, weight_2011(squared, SIGMA, strength=0.8))
print("the weights sum to one:", torch.allclose(brighter, estimate + 0.1, atol=1e-4))
print(
    "eye and ear have less than a third of the votes of hair and cheek:",
    max(region[n]["votes"] for n in ("eye", "ear"))
    < min(region[n]["votes"] for n in ("hair", "cheek")) / 3,
)
print(
    "hair loses more than twice the detail of the cheek, with most of its votes:",
    region["hair"]["detail"] > 2 * region["cheek"]["detail"]
    and region["hair"]["votes"] > 0.6 * region["cheek"]["votes"],
)
print(
    "eye and ear keep more noise than the hair:",
    min(region[n]["noise"] for n in ("eye", "ear")) > region["hair"]["noise"],
)

# %% [markdown]
# ### The weights of single pixels
#
# A pixel's weights form an image of 13 × 13 pixels. **Predict before you run:** what do they look like for a cheek, for an edge, for an eye?

# %%
y = add_gaussian(x, SIGMA)
moved, squared = shifts(y)
weights = weight_2011(squared, SIGMA, strength=0.8)


def weight_map(weights, row, column):
    return weights[:, 0, row, column].reshape(1, 1, 13, 13)


PIXELS = {"cheek": (74, 40), "edge": (100, 82), "eye": (62, 59), "hair": (14, 16)}
shown = {}
for name, (row, column) in PIXELS.items():
    total = weights[:, 0, row, column].sum()
    title = f"{name}: weights, {total:.0f} votes"
    shown[title] = weight_map(weights, row, column)
    clean = x[..., row - 6 : row + 7, column - 6 : column + 7]
    clean = (clean - clean.min()) / (clean.max() - clean.min())
    shown[f"{name}: clean, stretched"] = clean
alt = "Weights of four pixels beside their surroundings: many for cheek and hair, a "
alt += "horizontal stripe for the edge, a small spot around the pixel for the eye."
show_images(shown, alt, columns=4, zoom=14)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The cheek averages over most of its window, and the edge over a horizontal stripe, which is the edge itself. The pixel in the eye has its votes in a small spot around itself, from patches that overlap its own; nothing else in the window resembles it.
# The hair is the revealing case: the clean image shows strands of different brightness, yet many of them receive a large weight.
#
# A common guess is that weights fall off with the spatial distance, as in a blur. Nothing in the formula depends on that distance; the stripe ends only where the window does.
#
# </details>
#
# ### How strong, and which weight?
#
# **Predict before you run.** Consider the PSNR over the strength $h / \sigma$. Is there one best value for all images? And will the weight of 2005 need a larger or a smaller one?

# %%
STRENGTHS = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.6)


def weight_capped(squared, sigma, strength):
    """That of 2005, but the pixel itself gets the largest weight of the others."""
    weights, itself = weight_2005(squared, sigma, strength), len(squared) // 2
    weights[itself] = 0
    weights[itself] = weights.amax(0).clamp(min=1e-30)
    return weights


WEIGHTS = {"2011": weight_2011, "2005": weight_2005, "2005, capped": weight_capped}


def over_strengths(name, seed):
    """PSNR for all weights (3, number of strengths)."""
    x = gray(name, 96)
    moved, squared = shifts(add_gaussian(x, SIGMA, seed))
    table = []
    for weight in WEIGHTS.values():
        many = [weighted_mean(moved, weight(squared, SIGMA, s)) for s in STRENGTHS]
        table.append(qualities(many, x))
    return torch.stack(table)


tuned, curves, looks = {}, {}, {}
for name in ("coffee", "camera", "chelsea", "grass"):
    tuned[name] = torch.stack([over_strengths(name, seed) for seed in range(3)])
    for style, year in enumerate(("2011", "2005")):
        curves[f"{name}, {year}"] = (STRENGTHS, tuned[name][:, style].mean(0))
        looks[f"{name}, {year}"] = COLOUR[name], style

# %%
alt = "PSNR over strength: a hump for each image near 0.7 to 0.8 with the weight of "
alt += "2011, and one near 1, mostly lower, with that of 2005."
show_curves(curves, "strength h / σ", "PSNR (dB)", alt, looks=looks)
print("PSNR at the best strength (found with the truth), three draws:")
print("2011 | 2005 | 2005, own weight capped")
for name, values in tuned.items():
    cells = [span(values[:, style].amax(1).tolist(), 2) for style in range(3)]
    print(f"{name:8}", " | ".join(cells))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Each image has one hump, and with the weight of 2011 all four lie at 0.7 or 0.8. With $h$ in units of $\sigma$, one strength therefore serves all four images.
# The weight of 2005 needs a *larger* strength, near 1. With a small $h$ it collapses to the noisy image, because even an exact copy has $d^2 \approx 2 \sigma^2$ and gets a weight of only
# $\exp(-2 / 0.16)$ at strength 0.4, whereas the pixel itself has $d^2 = 0$ and weight 1. Tuned, it stays 0.1 to 0.6 dB behind on three of the images, and is ahead by less on the grass.
# The last column caps the pixel's own weight, as the authors' code of 2011 does. This changes the best PSNR by about 0.3 dB at most, and on the coffee by nothing.
#
# The *height* of the curves says more than the place of the hump: the ten decibels between coffee and grass are a property of the images.
#
# </details>
#
# Without the truth the strength can still be judged. We denoise a cat's eye, in colour, with three strengths, and look at what was taken away.

# %%
x = picture("chelsea", 96)
y = add_gaussian(x, SIGMA)
shown, noises = {}, {}
for strength in (0.2, 0.6, 2.0):
    estimate = non_local_means(y, SIGMA, strength=strength)
    shown[f"strength {strength}: {psnr(estimate, x):.1f} dB"] = estimate
    noises[f"method noise, {strength}"] = 0.5 + 2 * (y - estimate)
alt = "A cat's eye at three strengths, and the method noise below: noise with flat "
alt += "holes; noise; noise with the outline of the eye."
show_images(shown | noises, alt, columns=3)

# %% [markdown]
# The second row shows a test that needs no truth. Buades, Coll and Morel call $y - \hat x$ the **method noise**: what the method has taken away. It should look like noise.
# With strength 2 the eye is visible in it, which means that detail was removed. With strength 0.2 it has flat holes, where
# nothing was taken away and the noise stayed.

# %% tags=["nbval-check-output"]
best = {name: values.amax(2) for name, values in tuned.items()}
default = {name: v[:, 0, STRENGTHS.index(0.8)] for name, v in tuned.items()}
ends = {name: v[:, 0, [0, -1]].amax(1) for name, v in tuned.items()}
print(
    "2011, each image and draw: the best strength is a decibel above both ends:",
    all(bool((best[name][:, 0] > ends[name] + 1).all()) for name in tuned),
)
print(
    "2011, each image and draw: the default strength is within a third of a decibel "
    "of the best:",
    all(bool((default[name] > best[name][:, 0] - 0.3).all()) for name in tuned),
)
for name in ("coffee", "camera", "chelsea"):
    print(
        f"{name}: the weight of 2011 beats that of 2005, both tuned, in each draw: "
        f"{bool((best[name][:, 0] > best[name][:, 1]).all())}"
    )
print(
    "the coffee's best is 9 dB above the grass's:",
    bool((best["coffee"][:, 0] > best["grass"][:, 0] + 9).all()),
)

# %% [markdown]
# **Explore.** Move the strength, and choose a pixel (outlined in the estimate). Watch when the weights spread from the pixel to its edge and beyond it, and when the method noise begins to show the face.

# %%
x_small = gray("camera", 96)
y_small = add_gaussian(x_small, SIGMA)
moved_small, squared_small = shifts(y_small)
SMALL = {"cheek": (58, 24), "edge": (84, 66), "eye": (46, 43), "hair": (6, 10)}


def denoised(strength, pixel):
    row, column = SMALL[pixel]
    weights = weight_2011(squared_small, SIGMA, strength)
    estimate = weighted_mean(moved_small, weights)
    shown = {f"estimate, {psnr(estimate, x_small):.1f} dB": estimate}
    shown["method noise"] = 0.5 + 2 * (y_small - estimate)
    shown[f"weights of the {pixel}"] = weight_map(weights, row, column)
    figure = images_figure(shown, zoom=2)
    draw_boxes(figure.axes[0], [(row - 6, column - 6)], 13, 1)
    return figure


# %%
alt = "Estimate, method noise and the weights of one pixel: with more strength the "
alt += "weights spread, and the method noise begins to show the face."
explore(
    denoised,
    alt,
    static={"strength": [0.2, 0.8, 2.0], "pixel": ["edge"]},
    strength=[*STRENGTHS, 2.0, 3.0],
    pixel=list(SMALL),
)

# %% [markdown]
# ## 6. A strong reference: BM3D
#
# Non-local means estimates one pixel at a time. **BM3D** (Dabov, Foi, Katkovnik and Egiazarian, 2007), short for block matching and 3-D filtering, takes the same idea further:
#
# 1. **Group.** For a reference patch, find similar patches nearby and stack them into a 3-D block.
# 2. **Transform** the block in all three dimensions, for example by cosine transforms. The structure that all its patches share collapses into a few large coefficients, whereas white noise stays spread evenly over all of them.
# 3. **Shrink.** Set the small coefficients to zero, transform back, and return each patch to its place. Where patches overlap, a weighted mean of their estimates is taken.
# 4. **Repeat** once: group by the first estimate, which is nearly free of noise, but transform the *noisy* patches again, and shrink by a **Wiener filter** instead of the threshold. With $S$ for a
#    coefficient of the first estimate, it multiplies the noisy coefficient by $S^2 / (S^2 + \sigma^2)$, that is, by the share of its energy that is signal.

# %%
flow = Diagram(10.6, 2.3)
names = ["noisy image", "group similar\npatches", "3-D\ntransform"]
names += ["shrink\ncoefficients", "invert,\naverage"]
boxes = []
for index, name in enumerate(names):
    boxes.append(flow.box(0.1 + 2.15 * index, 1.3, 1.6, 0.8, name, index % 4))
for left, right in itertools.pairwise(boxes):
    flow.arrow(left.right, right.left)
flow.arrow((9.5, 1.3), (9.5, 0.5))
second = "second pass: the noisy patches, grouped by the first estimate"
flow.arrow((9.5, 0.5), (3.05, 0.5), second)
flow.arrow((3.05, 0.5), (3.05, 1.3))
flow.show(
    "BM3D: similar patches of the noisy image are grouped, transformed in three "
    "dimensions, shrunk and put back; a second pass groups by the first estimate."
)

# %% [markdown]
# For years before networks it was the method to beat, and it remains the right baseline here, because **it sees one image only and needs no network**.
# We use its authors' package `bm3d`, whose licence allows non-commercial use only.

# %%
import bm3d


def denoise_bm3d(y, sigma):
    array = y[0].permute(1, 2, 0).double().numpy()
    if array.shape[2] == 3:
        result = bm3d.bm3d_rgb(array, sigma)
    else:
        result = bm3d.bm3d(array[..., 0], sigma)[..., None]
    return torch.from_numpy(result).float().permute(2, 0, 1)[None]


# %% [markdown]
# We compare the two on five gray images of different difficulty, with three draws of the noise each. Non-local means gets the best of nine settings, three strengths with patches of three sizes, chosen with the truth for each draw, whereas BM3D runs with its defaults.
# The squared errors are kept for section 7.

# %%
FIVE_SMALL = ("coffee", "chelsea", "astronaut", "camera", "grass")
table, squared_errors, examples = {}, {}, {}
for name, seed in itertools.product(FIVE_SMALL, range(3)):
    x = gray(name, 96)
    y = add_gaussian(x, SIGMA, seed)
    settings = itertools.product((3, 5, 7), (0.6, 0.7, 0.8))
    tries = [non_local_means(y, SIGMA, p, strength=s) for p, s in settings]
    best = max(tries, key=lambda estimate: psnr(estimate, x))
    examples[name] = {"": x, ", noisy": y}
    for method, estimate in {"NLM": best, "BM3D": denoise_bm3d(y, SIGMA)}.items():
        table.setdefault((name, method), []).append(psnr(estimate, x))
        squared_errors.setdefault((name, method), []).append((estimate - x).square())
        examples[name][f", {method}"] = estimate
for name in FIVE_SMALL:
    cells = [f"{method} {span(table[name, method], 2)}" for method in ("NLM", "BM3D")]
    print(f"{name:10}", " | ".join(cells), "dB")

# %%
shown = {}
for name in ("chelsea", "camera", "grass"):
    shown |= {name + title: x for title, x in examples[name].items()}
alt = "Three rows: a cat's eye, a face, grass; each clean, noisy, by non-local means "
alt += "and by BM3D, which is smoother and leaves fewer specks at edges."
show_images(shown, alt, zoom=2)

# %% [markdown]
# BM3D is ahead on all five images and in every draw, although non-local means was tuned with the truth. In one further trial a window of 21 × 21 pixels gained non-local means nothing. The lead is about half a decibel on grass and coffee, and about one on astronaut and cameraman. Both methods follow the image: coffee is easy, and grass is hard for both.
# When a network of a later lesson denoises, this is the number to compare it with.

# %% tags=["nbval-check-output"]
for name in FIVE_SMALL:
    gains = torch.tensor(table[name, "BM3D"]) - torch.tensor(table[name, "NLM"])
    ahead = bool((gains > 0).all())
    print(f"{name}: BM3D is ahead of the tuned NLM in each draw: {ahead}")
for method in ("NLM", "BM3D"):
    means = {name: sum(table[name, method]) / 3 for name in FIVE_SMALL}
    print(
        f"{method} finds coffee easiest and grass hardest:",
        max(means, key=means.get) == "coffee" and min(means, key=means.get) == "grass",
    )

# %% [markdown]
# ## 7. Where nothing recurs
#
# We now map what limits these methods. For each patch we ask how far its nearest neighbour in the image is. Bright means far, that is, **unique**.
#
# One number for a whole image needs more care, because a strong edge has large distances merely through its large values.
#
# - We divide the distance by the contrast of the patch and call the ratio the **novelty**.
# - At novelty 0 the patch recurs exactly. At novelty 1 its nearest neighbour is no closer than a flat patch, which is all zeros without its mean.
# - Flat patches contain only camera noise, which never recurs. We leave out patches with a contrast below 0.03.
# - The novelty of an image is the median over its remaining patches.
#
# **Predict before you run.** Order these by novelty: a brick wall, a lawn, the astronaut's face, a cup of coffee, the moon.


# %%
def uniqueness(x):
    """Distance of each patch to its nearest neighbour, and the patch's contrast."""
    rows, where = shapes(x), places(x, 5)
    distance = nearest(rows, rows, 1, 5, where, where)[0][:, 0]
    return distance, rows.square().mean(1).sqrt()


def novelty_of(distance, contrast):
    return (distance / contrast)[contrast > 0.03].median().item()


MAPPED = ("brick", "moon", *FIVE_SMALL)
maps = {name: uniqueness(gray(name, 96)) for name in MAPPED}
novelty = {name: novelty_of(*pair) for name, pair in maps.items()}
print(", ".join(f"{name} {value:.2f}" for name, value in novelty.items()))

# %%
shown, corners = {}, {}
for name in ("brick", "moon", "astronaut", "coffee", "grass"):
    distance, _ = maps[name]
    shown[name], where = gray(name, 96), places(gray(name, 96), 5)
    corners[name] = where[spread_out(distance.topk(300).indices, where, 5, 6)]
for name in corners:
    title = f"distances; novelty {novelty[name]:.2f}"
    shown[title] = maps[name][0].reshape(1, 1, 92, 92) / 0.12
figure = images_figure(shown, columns=5, zoom=2)
for axes, places_of in zip(figure.axes, corners.values(), strict=False):
    draw_boxes(axes, places_of, 5, 1)
alt = "Five images with boxes on their six most unique patches, and maps of distances: "
alt += "bricks and moon are dark, the lawn is bright, the face has bright eyes."
show_figure(figure, alt)

# %% [markdown]
# <details><summary>Answer</summary>
#
# From the lowest novelty to the highest: bricks, coffee, moon, face, grass. The maps show the *distance*, not yet divided by the contrast (white: 0.12 or more).
#
# - The **bricks** recur best by far. Their most unique patches lie along the joints, mostly at corners.
# - The **coffee** recurs along its rings, and its most unique patches lie on the bright rim.
# - The **moon** is dark in the map because it has little contrast, but its novelty is not small: a faint patch is not a recurring one.
# - The **face** has unique eyes and a unique mouth on skin that recurs.
# - The **grass** has the *highest* novelty, which surprises most people. No blade lies exactly as another one does, so that its patches do not
#   recur pixel by pixel. What recurs is their statistics, and a mean of blades is no blade.
#
# "Texture recurs, objects do not" is therefore too simple. Regular texture recurs, whereas irregular texture recurs only in a sense that averaging cannot use.
#
# </details>
#
# ### Does the map predict the error?
#
# The map was made from the clean image, without any noise or method. If it predicts where non-local means and BM3D fail, then the limit lies in the image. However, any method makes larger errors where there is more contrast, and the distance
# grows with the contrast as well. We need a **control**, so we sort the pixels once by the distance and once by the plain contrast of their patch, and compare the RMS errors of the highest and the lowest quarter.


# %%
def by_quarter(error, key):
    return [part.mean().sqrt().item() for part in error[key.argsort()].chunk(4)]


errors = {}
for key, draws in squared_errors.items():
    mean = torch.cat(draws).mean(0)
    errors[key] = mean[..., 2:-2, 2:-2].flatten()  # the centres of the patches
sorted_by = {}
for (name, method), error in errors.items():
    for label, values in zip(("distance", "contrast"), maps[name], strict=True):
        sorted_by[name, method, label] = by_quarter(error, values)

# %%
print("RMS error of the highest quarter : lowest quarter")
print("by distance | by contrast")
rises = {}
for name, method in errors:
    rows = [sorted_by[name, method, label] for label in ("distance", "contrast")]
    rises[name, method] = [row[3] / row[0] for row in rows]
    cells = [f"{rise:.1f}" for rise in rises[name, method]]
    print(f"{name:10}{method:5}", " | ".join(cells))

# %% [markdown]
# Where the distance is large, the error is larger on every image. However, the plain contrast sorts the errors nearly as well. The question is therefore whether the distance tells us something *beyond* the contrast. We divide the pixels into ten groups of nearly equal contrast, and within each group compute the rank correlation
# between distance and error: 0 means that the map says nothing more, 1 that it sorts the errors perfectly. (The highest group is the widest and keeps some contrast.)


# %%
def rank_correlation(a, b):
    ranks = [values.argsort().argsort().double() for values in (a, b)]
    return torch.corrcoef(torch.stack(ranks))[0, 1].item()


within = {}
print(
    "rank correlation within ten groups of equal contrast: mean, range over the groups"
)
for name, method in errors:
    distance, contrast = maps[name]
    groups = contrast.argsort().chunk(10)
    values = [rank_correlation(distance[g], errors[name, method][g]) for g in groups]
    within[name, method] = sum(values) / 10
    print(f"{name:10}{method:5} {within[name, method]:6.2f}   {span(values, 2)}")

# %% [markdown]
# At equal contrast the distance still sorts the errors of both methods on astronaut, cat and cameraman, with a mean correlation of about 0.3. On the
# grass it says less, and on the coffee next to nothing about the error of BM3D.
#
# So the map predicts the errors of these two methods partly because unique patches have more contrast, and partly because they are unique. Whether it does so for other methods was not tested.

# %% tags=["nbval-check-output"]
print("bricks have the lowest novelty:", novelty["brick"] == min(novelty.values()))
print("grass has the highest novelty:", novelty["grass"] == max(novelty.values()))
print(
    "the last quarter by distance has far more error than the first, on each image, "
    "for both methods:",
    min(distance for distance, _ in rises.values()) > 1.4,
)
print(
    "plain contrast reaches two thirds of that ratio each time:",
    all(contrast > 2 / 3 * distance for distance, contrast in rises.values()),
)
for method in ("NLM", "BM3D"):
    inside = [within[name, method] for name in ("astronaut", "chelsea", "camera")]
    print(
        f"{method}: at equal contrast the map sorts the errors of astronaut, cat and "
        f"cameraman: {min(inside) > 0.12}"
    )

# %% [markdown]
# ## 8. What this means for networks
#
# To train a network on one image seems absurd, with one example for thousands of weights. It is not:
# **its training set is the set of the image's patches**, more than 15,000 of them in 128 × 128 pixels, and many show the same thing again.
#
# | what recurs | what can be made of it | lesson |
# | --- | --- | --- |
# | patches with *fresh noise* | predict a noisy pixel from its surroundings | 07 |
# | patches, at another scale | pairs small and large, to learn super-resolution from | 08 |
# | statistics of patches, at all scales | new images with the same patches | 10 |
#
# Lesson 03 is a weaker case, because its network maps a fixed random input to the image. There are no pairs of patches to learn from, and the lesson does not test whether recurrence helps it.
#
# Learning from one image ends at what the image contains only once, where knowledge from outside is needed. The second
# half of this course adapts a network trained outside to the inside.

# %% [markdown]
# ## Quiz
#
# Choose an answer to each question and open it, by a click or with *Tab* and *Enter*. Below it stands whether it is right, and why. The other answers are worth opening, too.
#
# **1.** On some image the nearest patch is on average at a third of the distance of a random one. Does this show that its patches recur?
#
# <details><summary>A. No, because recurrence would mean that the nearest patch has a distance of zero.</summary>
#
# **Wrong.** Noise alone prevents a distance of zero. The question is whether the neighbours are nearer than in an image without structure.
#
# </details>
# <details><summary>B. Not by itself, because the nearest of thousands of candidates is close by chance, too.</summary>
#
# **Right.** Shuffled pixels contain no structure, and still their nearest patch is only a third to a half as far as a random one. Only a smaller ratio than in this control shows recurrence.
#
# </details>
# <details><summary>C. Yes, because a patch that does not recur would be as far from all others as from a random one.</summary>
#
# **Wrong.** The nearest is the minimum over thousands of distances. Such a minimum lies well below a typical distance even for patches without any structure.
#
# </details>
# <details><summary>D. Yes, provided that overlapping patches were left out when the nearest was searched.</summary>
#
# **Wrong.** Leaving them out is necessary, but it does not remove the effect of the many candidates, which a control has to measure.
#
# </details>
# <br>
#
# **2.** To measure recurrence, we left out patches that overlap the query. For denoising we let them in. Why?
#
# <details><summary>A. Denoising compares patches with their means, and then an overlap has no effect.</summary>
#
# **Wrong.** The mean has nothing to do with the overlap. It is kept because only pixels of equal brightness may be averaged.
#
# </details>
# <details><summary>B. Denoising needs as many neighbours as possible, and their quality hardly matters.</summary>
#
# **Wrong.** Quality matters: the later neighbours are less similar, and on the lawn the average becomes worse after about ten of them.
#
# </details>
# <details><summary>C. In a noisy image overlapping patches no longer resemble each other, so that they do no harm.</summary>
#
# **Wrong.** They still share most of their pixels, noise included, so that they resemble each other very much. They are welcome because their central pixels differ in noise.
#
# </details>
# <details><summary>D. They share pixels with the query and prove nothing, but each pixel has noise of its own.</summary>
#
# **Right.** A shifted copy of the same pixels is no recurrence. For an average, however, only the noise of the *central* pixels has to be independent, and it is.
#
# </details>
# <br>
#
# **3.** You average each pixel over 16 neighbours that were found in the noisy image. More noise is left than σ²/16, even where the places are good. Why?
#
# <details><summary>A. The neighbours overlap each other, so that all of them contain the same noisy pixels.</summary>
#
# **Wrong.** Only the central pixels are averaged, and these are 16 different pixels with noise of their own.
#
# </details>
# <details><summary>B. The noise leads the search to places that show something else than the query, and this adds noise.</summary>
#
# **Wrong.** Wrong places do occur, but they blur the image. What they cost is lost detail and not noise that is left.
#
# </details>
# <details><summary>C. The search prefers patches whose noise resembles that of the query, and such noise stays.</summary>
#
# **Right.** This is the *selection* of section 4. It disappears if the places are kept and the pixels are taken from another draw of the noise.
#
# </details>
# <details><summary>D. The variance of a mean falls with the square root of the number of copies, so to σ²/4.</summary>
#
# **Wrong.** The *standard deviation* falls with the square root. For independent noise the variance falls to $\sigma^2 / 16$.
#
# </details>
# <br>
#
# **4.** You denoise a photograph by non-local means, and in the method noise (noisy image minus estimate) you recognise the outline of the eyes. What do you change?
#
# <details><summary>A. I enlarge the search window, so that more patches are found for the eyes.</summary>
#
# **Wrong.** What is there only once finds no partner in a larger window either, and with too large a strength more dissimilar patches would be averaged.
#
# </details>
# <details><summary>B. I lower the strength, because detail of the image was taken away.</summary>
#
# **Right.** What was removed should look like noise. Structure in it means that different patches passed for equal and were averaged.
#
# </details>
# <details><summary>C. I raise the strength, because noise has remained around the eyes.</summary>
#
# **Wrong.** Noise that remains shows as *flat holes* in the method noise, where nothing was taken away. An outline shows the opposite.
#
# </details>
# <details><summary>D. Nothing, because it proves that the method has found the important edges.</summary>
#
# **Wrong.** The method noise shows what the estimate has lost. If the eyes appear there, they are missing in the estimate.
#
# </details>
# <br>
#
# **5.** A lawn contains thousands of similar blades. How well does averaging similar patches denoise it?
#
# <details><summary>A. Poorly, because no blade lies like another, so that a mean of them is no blade.</summary>
#
# **Right.** The lawn has the highest novelty of all images of section 7. What recurs there are the statistics of the patches, and averaging cannot use them.
#
# </details>
# <details><summary>B. Poorly, because the contrast of the blades is too small for a comparison of patches.</summary>
#
# **Wrong.** The moon has little contrast, and it recurs better than the lawn. What counts is the distance in relation to the contrast.
#
# </details>
# <details><summary>C. Very well, because texture recurs everywhere and a face does not.</summary>
#
# **Wrong.** This holds for *regular* texture such as bricks. The patches of an irregular texture do not recur pixel by pixel.
#
# </details>
# <details><summary>D. Well, if the neighbours are searched in the clean image, where the places are right.</summary>
#
# **Wrong.** Even with places from the clean image the PSNR turns down after about ten neighbours. The good copies do not exist.
#
# </details>

# %% [markdown]
# ## Exercises
#
# 1. **Leave the mean in.** We subtracted the mean from every patch. Let `shapes` return the patches as they are and repeat the race of section 3 with as many patches outside as inside. Which side gains, and why? Undo the change afterwards, because exercise 2 needs `shapes` as it was.
#
# <details><summary>Solution</summary>
#
# Replace the function by one that returns `patches(x, size)`, and run the cells of section 3 again, from `everything = ...` on. On four of the five images the inside gains in every quarter, because the light of the image is an internal statistic as well: patches from outside now need the right brightness in addition to the right shape. On the grass nothing changes; its patches are dominated by their shape.
#
# </details>
#
# 2. **Eight orientations.** An image can be mirrored and turned by quarters, which gives seven more versions of all its patches. For the most detailed quarter of the queries, are the nearest patches of the seven turned versions
#    nearer than those of the original? And nearer than as many patches outside?
#
# <details><summary>Solution</summary>
#
# ```python
# x, some = gray("astronaut"), sorted_queries("astronaut", 0, 400)
# turned = []
# for mirror in (False, True):
#     for turns in range(4):
#         if mirror or turns:
#             z = x.flip(-1) if mirror else x
#             turned.append(shapes(torch.rot90(z, turns, (-2, -1))))
# turned = torch.cat(turned)
# for database in (turned, outside("astronaut", 0, len(turned))):
#     print(nearest(shapes(x)[some], database)[0].reshape(4, -1).mean(1))
# ```
#
# On all five images of section 3 the turned versions are nearer than the original in every quarter. Part of this is trivial, because the database is seven times as large, and because a symmetrical patch finds its own mirrored copy. The second line is the fair one. For the most detailed quarter the turned versions are also nearer than as many patches outside, on all five images. Lesson 08 uses the eight orientations for its training pairs.
#
# </details>
#
# 3. **Fill a hole, as Efros and Leung would.** Erase 8 × 8 pixels of an image. Find the window elsewhere whose border of 4 pixels around the hole fits best, and copy its inside. Compare the error with that of filling
#    in the mean of the border, for 30 random holes. On which images does copying win? (To compare borders only, search among some columns of the table: `rows[:, known]`.)
#
# <details><summary>Solution</summary>
#
# ```python
# def fill(x, top, left, hole=8, border=4):
#     side = hole + 2 * border
#     rows, where = patches(x, side), places(x, side)
#     known = torch.ones(side, side, dtype=torch.bool)
#     known[border:-border, border:-border] = False
#     known = known.flatten()
#     query = (where == torch.tensor((top - border, left - border))).all(1)
#     found = nearest(
#         rows[query][:, known], rows[:, known], 1, side, where[query], where
#     )[1]
#     row, column = (where[found[0, 0]] + border).tolist()
#     filled = x.clone()
#     inside = x[..., row : row + hole, column : column + hole]
#     filled[..., top : top + hole, left : left + hole] = inside
#     return filled
# ```
#
# For the other estimate, replace the inside by the mean of the border's pixels, and draw the upper left pixel of each hole from 4 to 115. On the bricks copying wins most of the holes, with a third of the RMS error of the mean. On the coffee it is ahead by less. On faces and cat the two
# are about equal, and which is ahead depends on the holes. On the grass copying is clearly worse in RMS error although it looks more like grass: the mean of many blades is the safer guess, but it is no blade.
#
# </details>
#
# ## Summary
#
# 1. Patches of a photograph have nearer neighbours in it than the same pixels in random order would give. Matches are densest near the query where the image shows objects, and about equally dense everywhere on a lawn.
# 2. They recur across scales on some images (clearly on five of our ten), and the parent of a patch found in a smaller copy shows how it looks with more pixels. The query's own place must be left out.
# 3. For detailed patches the inside beats as many patches from outside. A larger outside catches up, soonest for smooth patches, and on the bricks not at all with 16 times as many.
# 4. Neighbours are noisy copies, so averaging them denoises. Non-local means weights each by its similarity, and BM3D transforms them together.
# 5. **What breaks it:** what is there only once (eyes, single objects) keeps noise and loses detail, and detail weaker than the noise (hair, fur, grass) is averaged away.
#
# **Papers**
# - A. A. Efros, T. K. Leung, [*Texture Synthesis by Non-parametric Sampling*](https://doi.org/10.1109/ICCV.1999.790383), ICCV 1999, grows a texture pixel by pixel from the best matching neighbourhoods of a sample.
# - A. Buades, B. Coll, J.-M. Morel, [*A Non-Local Algorithm for Image Denoising*](https://doi.org/10.1109/CVPR.2005.38), CVPR 2005, introduces non-local means and the method noise.
# - A. Buades, B. Coll, J.-M. Morel, [*Non-Local Means Denoising*](https://doi.org/10.5201/ipol.2011.bcm_nlm), Image Processing On Line, 2011, subtracts $2\sigma^2$ in the weight and comes with code.
# - K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, [*Image Denoising by Sparse 3-D Transform-Domain Collaborative Filtering*](https://doi.org/10.1109/TIP.2007.901238),
#   IEEE Transactions on Image Processing, 2007, is BM3D.
# - D. Glasner, S. Bagon, M. Irani, [*Super-Resolution from a Single Image*](https://doi.org/10.1109/ICCV.2009.5459271), ICCV 2009, uses recurrence within and across scales together.
# - M. Zontak, M. Irani, [*Internal Statistics of a Single Natural Image*](https://doi.org/10.1109/CVPR.2011.5995401), CVPR 2011, measures how recurrence depends on spatial distance and gradient, and compares inside with outside.
# - T. Tirer, R. Giryes, S. Y. Chun, Y. C. Eldar, *Deep Internal Learning: Deep Learning from a Single Input*, IEEE Signal Processing Magazine, 2024, is the survey that this course follows.
#
# **Next.** Lesson 03 fits an untrained network to one image, and shows that the network alone prefers images to noise.
#
# **Problem set.** [Problem set 02](../exercises/ps02_internal_statistics/ps02_internal_statistics.ipynb): how near noise comes, what a mean gains and costs, a forgery found by its nearest neighbours, four runs that fail.
