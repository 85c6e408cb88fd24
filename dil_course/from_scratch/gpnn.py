"""Generate images like a given one from its patches alone: nearest neighbours, coarse to fine. No network."""

import math

import torch
import torch.nn.functional as F

from dil_course import runtime
from dil_course.fitting import Step
from dil_course.from_scratch.internal_pairs import resized
from dil_course.signals import patches
from dil_course.signals.validation import check_image, check_integer, check_number, check_side, check_target

BLOCK = 2**21  # distances, or weights made of them, held at a time: 8 MB


def gpnn(
    x,
    shape=None,
    start=None,
    noise=2.0,
    alpha=0.005,
    patch=5,
    coarsest=14,
    ratio=0.75,
    iterations=10,
    seed=0,
):
    """Replace each patch by one of x, again and again, from a small version of x up to the full size.

    Granot, Feinstein, Shocher, Bagon and Irani, "Drop the GAN: In Defense of Patches Nearest Neighbors as
    Single Image Generative Models" (CVPR 2022). At the coarsest scale the queries are the patches of a first
    guess plus noise. At each finer scale they are those of the enlarged result, and the keys, with which they
    are compared, those of the equally blurred x: its coarser version, enlarged. From the second iteration
    of a scale on, the result is compared with x of that scale itself. What is put in place of a query is the
    sharp patch of x at its key's place, and where patches overlap, their mean.

    Without noise, at the size of x and from no other start, x comes back: each query is one of the keys.

    Args:
        x: source image (1,C,H,W) in [0,1].
        shape: height and width of the result; None takes those of `start`, or of x. Another aspect ratio
            retargets x; that is done with noise=0.
        start: image (1,C,h,w) in [0,1] in place of x as the first guess: an edited x, or one with the layout
            that is wanted. It is resized to the coarsest scale, so a larger `coarsest` keeps more of it.
        noise: standard deviation of the noise on the first guess, on the scale of x. If it is too small to
            hide where each patch of the coarsest scale came from, the result is a copy of x.
        alpha: of the normalised score (see `normalised_nearest`). A small one makes the result use more
            patches of x, once it is near to them; a large one gives plain nearest neighbours.
        patch: side of the patches in pixels.
        coarsest: shorter side of x at the coarsest scale, in pixels.
        ratio: of the sides from one scale to the next coarser one, at most: so many scales are taken that
            equal ratios reach `coarsest` exactly.
        iterations: at most so many at each scale. It ends earlier where no neighbour changes any more.
        seed: of the noise.

    Returns:
        Generator of Steps, one for each scale. The estimate (1,C,*shape) in [0,1] is enlarged to the full
        size; the loss is the mean squared difference between the last queries and their keys.

    Raises:
        TypeError, ValueError: before any compute, where x or start is no image, they differ in channels, a
            number is out of range, or the coarsest scale has no room for a patch.
    """
    shape, settings = _checked(x, shape, start, noise, alpha, patch, coarsest, ratio, iterations)
    drawn = runtime.generator(seed, "gpnn")
    return _scale_by_scale(x, x if start is None else start, shape, drawn, **settings)


def _scale_by_scale(x, start, shape, drawn, noise, alpha, patch, coarsest, ratio, iterations):
    """The whole run, arguments checked."""
    shrinks = scales(x, coarsest, ratio)
    estimate, coarser = start, None
    for number, shrink in enumerate(shrinks):
        source, sides = resized_by(x, shrink), sides_of(shape, shrink)
        queries = resized(estimate, sides)
        if coarser is None:
            queries, keys = queries + noise * torch.randn(queries.shape, generator=drawn).to(x), source
        else:
            keys = resized(coarser, source.shape[-2:])
        values, before = patches(source, patch), None
        for _ in range(iterations):
            distances, found = normalised_nearest(patches(queries, patch), patches(keys, patch), alpha)
            if before is not None and torch.equal(found, before):
                break
            queries, keys = overlap_mean(values[found], sides, patch), source
            before = found
        estimate, coarser = queries, source
        yield Step(
            number + 1, len(shrinks), distances.mean(), resized(estimate, shape).clamp(0, 1), averaged=True
        )


def normalised_nearest(queries, keys, alpha):
    """For each query the key j of the smallest score d(q, j) / (alpha + min over queries q' of d(q', j)).

    d is the mean squared difference. A key that no query is close to has a large divisor, so that the query
    that is closest to it prefers it: patches of the source that are missing so far are called for.

    Args:
        queries, keys: (Q,D) and (K,D), such as `signals.patches` gives.
        alpha: of the order of a squared difference that counts as equal.

    Returns:
        distances (Q) to the key that was chosen, and its index (Q).
    """
    # |q - k|^2 = |q|^2 - 2 q k + |k|^2 is a product of matrices. It is made twice, in blocks of rows, because
    # all distances of an image of 128 x 128 pixels together would take 0.9 GB.
    centre, size = keys.mean(0), keys.shape[1]
    queries, keys = queries - centre, keys - centre
    lengths = keys.square().sum(1)
    blocks = queries.split(max(1, BLOCK // len(keys)))

    def squared_distances(some):
        products = torch.addmm(lengths, some, keys.T, alpha=-2)
        return products.add_(some.square().sum(1, keepdim=True)).div_(size)

    closest = torch.stack([squared_distances(some).amin(0) for some in blocks]).amin(0).clamp(min=0)
    divisors = alpha + closest
    scores, found = zip(*((squared_distances(some) / divisors).min(1) for some in blocks), strict=True)
    found = torch.cat(found)
    return (torch.cat(scores) * divisors[found]).clamp(min=0), found


def overlap_mean(rows, sides, patch):
    """The image (1,C,*sides) whose patches are `rows` (N, C*patch*patch): where they overlap, their mean."""
    votes = F.fold(torch.ones_like(rows[:, : patch**2]).T[None], sides, patch)
    return F.fold(rows.T[None], sides, patch) / votes


def scales(x, coarsest, ratio):
    """By how much x is shrunk at each scale, the coarsest first: 1 is the last."""
    smallest = coarsest / min(x.shape[-2:])
    count = math.ceil(math.log(smallest) / math.log(ratio) - 1e-9)
    return [smallest ** (number / count) for number in range(count, 0, -1)] + [1.0]


def sides_of(shape, shrink):
    """Height and width, shrunk."""
    return [max(1, round(shrink * side)) for side in shape]


def resized_by(x, shrink):
    """x, shrunk, in [0,1]."""
    return x if shrink == 1 else resized(x, sides_of(x.shape[-2:], shrink)).clamp(0, 1)


def check_pair(shape, most=2**63 - 1):
    """Height and width of a result as Python's own numbers, each from 1 to `most`, or an error."""
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise TypeError(f"shape: expected a pair (height, width), got {type(shape).__name__} {shape!r:.60}")
    return tuple(check_integer(side, "shape", 1, most) for side in shape)


def check_generation(x, shape, patch, coarsest, ratio):
    """The shape of the result and the other numbers as Python's own, where they fit x and each other."""
    check_target(x, "x")
    check_image(x, "x")
    patch = check_integer(patch, "patch", 1, 64)
    coarsest = check_integer(coarsest, "coarsest", patch, min(x.shape[-2:]))
    ratio = check_number(ratio, "ratio", low=0.1, high=0.99)
    shape = x.shape[-2:] if shape is None else shape
    shape = check_pair(shape)
    check_side(x.shape, patch, "x")
    check_side(shape, patch, "shape")
    smallest = sides_of(shape, coarsest / min(x.shape[-2:]))
    if min(smallest) < patch:
        raise ValueError(
            f"coarsest={coarsest}: the result would have {smallest[0]}x{smallest[1]} pixels at this scale, "
            f"but patches have {patch}x{patch}: take a larger coarsest or a smaller patch"
        )
    return shape, {"patch": patch, "coarsest": coarsest, "ratio": ratio}


def _checked(x, shape, start, noise, alpha, patch, coarsest, ratio, iterations):
    """The shape of the result, and the settings of `_scale_by_scale`."""
    if start is not None:
        check_target(start, "start")
        check_image(start, "start")
    shape = start.shape[-2:] if shape is None and start is not None else shape
    shape, settings = check_generation(x, shape, patch, coarsest, ratio)
    if start is not None and start.shape[1] != x.shape[1]:
        raise ValueError(f"start has {start.shape[1]} channels but x has {x.shape[1]}: they must be equal")
    settings["noise"] = check_number(noise, "noise", high=10)
    settings["alpha"] = check_number(alpha, "alpha", low=1e-8, high=1e6)
    settings["iterations"] = check_integer(iterations, "iterations", 1)
    return shape, settings
