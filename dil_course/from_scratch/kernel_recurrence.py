"""The blur kernel of one image from its own recurrence across scales: the classical way. No network."""

import itertools
import math

import torch

from dil_course import runtime
from dil_course.signals import BlurDownsample, gaussian_kernel, nearest, patches
from dil_course.signals.validation import check_integer, check_side, check_target

SIZE = 14  # pixels a side of the kernel: even, so that it is centred on the blocks of 2 x 2 pixels
SIGMAS = (0.5, 0.8, 1.2, 1.8, 2.6)  # of the grid, in pixels of the image to restore
ANGLES = (0, 45, 90, 135)  # of the grid, in degrees
SMALLEST = 32  # pixels a side of y: the smaller version would have no patches to find
LEAST, MOST = math.log(0.3), math.log(3.5)  # a narrower Gaussian is a point here, a wider one is cut off
FLAT = 1e-3  # contrast below which a patch says nothing about blur


def kernel_recurrence(y, patch=5, count=400, seed=0):
    """The Gaussian kernel k for which (k * y), at half the size, holds the patches of y most closely.

    Small patches of a photograph recur in it at other sizes. A smaller version of y resembles y itself only
    if it was blurred as y was: with too wide a kernel its edges are too soft, with too narrow a one too hard.
    Michaeli and Irani, "Nonparametric Blind Super-resolution" (ICCV 2013). They solve for all values of the
    kernel; here it is a Gaussian of three parameters, two standard deviations and an angle. The loss is taken
    on a grid, and then around its least value with steps that are halved. Built in lesson 09.

    Args:
        y: small image (1,C,h,w); its channels are averaged. At least 32 pixels a side.
        patch: side of the patches in pixels.
        count: how many patches of y are searched for in the smaller version. They are drawn with
            probabilities in proportion to their variances, because flat patches recur under any kernel.
        seed: of the patches that are drawn.

    Returns:
        kernel (14,14) that sums to one, float32, for `BlurDownsample(kernel, 2)`: its centre of mass lies in
        the middle of the array.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, y is too small, or
            no patch of y has any contrast.
    """
    gray, queries = _checked(y, patch, count, seed)

    seen = {}

    def loss(narrow, wide, angle):
        """The error of the parameters: logarithms of the standard deviations, and degrees."""
        key = (round(narrow, 6), round(wide, 6), round(angle % 180, 6))
        if key not in seen:
            seen[key] = cross_scale_error(gray, kernel_of(*key), queries)
        return seen[key]

    grid = [
        (math.log(narrow), math.log(wide), angle)
        for narrow in SIGMAS
        for wide in SIGMAS
        for angle in ANGLES
        if narrow < wide or narrow == wide and angle == 0
    ]
    best = min(grid, key=lambda parameters: loss(*parameters))
    for step in (0.2, 0.1, 0.05):
        best = _descended(loss, best, (step, step, 100 * step))
    return kernel_of(*best).to(y.device)


def kernel_of(narrow, wide, angle):
    """The Gaussian kernel (14,14) of the logarithms of two standard deviations, and an angle in degrees."""
    return gaussian_kernel(SIZE, (math.exp(wide), math.exp(narrow)), angle % 180)


def cross_scale_error(y, kernel, queries):
    """How far patches of y are from their nearest neighbours in y, blurred by the kernel, at half the size.

    Args:
        y: gray image (1,1,h,w).
        kernel: (height,width).
        queries: patches (Q,size*size) of y without their means.

    Returns:
        float: root mean square distance, relative to each patch's own contrast, on the average of all.
    """
    rows, columns = (side // 2 * 2 for side in y.shape[-2:])
    smaller = BlurDownsample(kernel, 2)(y[..., :rows, :columns])
    database = centred(patches(smaller, math.isqrt(queries.shape[1])))
    distances, _ = nearest(queries, database)
    return float((distances[:, 0] / queries.square().mean(1).sqrt()).mean())


def centred(rows):
    """Patches (N,D) without their means: the same edge in light and in shadow is one patch."""
    return rows - rows.mean(1, keepdim=True)


def _descended(loss, best, steps):
    """From the parameters `best` to the neighbour with the smallest loss, until no neighbour has less."""
    while True:
        moves = [best]
        for i, sign in itertools.product(range(3), (-1, 1)):
            move = (*best[:i], best[i] + sign * steps[i], *best[i + 1 :])
            if min(move[:2]) >= LEAST and max(move[:2]) <= MOST:
                moves.append(move)
        chosen = min(moves, key=lambda parameters: loss(*parameters))
        if chosen == best:
            return best
        best = chosen


def _checked(y, patch, count, seed):
    """y in gray and the patches to search for, where all arguments are in order."""
    check_target(y)
    patch = check_integer(patch, "patch", 3, 11)
    count = check_integer(count, "count", 10, 10_000)
    check_integer(seed, "seed")
    check_side(y.shape, SMALLEST, "y")
    gray = y.detach().mean(1, keepdim=True)
    rows = centred(patches(gray, patch))
    variances = rows.square().mean(1)
    seen = int((variances > FLAT**2).sum())
    if not seen:
        raise ValueError("y: no patch has any contrast, so that no kernel can be seen in it")
    draw = runtime.generator(seed, "patches")
    weights = variances.cpu() * (variances.cpu() > FLAT**2)
    return gray, rows[torch.multinomial(weights, min(count, seen), generator=draw).to(rows.device)]
