"""Random ellipses: images whose distribution is known, because we wrote it down."""

import torch

from dil_course import runtime
from dil_course.signals.validation import check_integer, check_memory

FEWEST, MOST = 3, 12  # ellipses of an image
REACH = 0.95  # all lie in a disk of this radius, in halves of the side: the disk that `Radon` sees
SMALLEST, LARGEST = 0.06, 0.6  # half axes, in halves of the side


def random_ellipses(count, side=64, seed=0):
    """Images of 3 to 12 filled ellipses on black, each painted over those before it.

    Gray values, half axes (from 0.06 to 0.6 of half of the side), directions and places are uniform; each
    ellipse lies in the disk of 0.95 of the largest radius. Edges are smoothed over about a pixel,
    at the tips of thin ellipses over more.

    Args:
        count: N, how many images.
        side: of each image, in pixels.
        seed: of all draws.

    Returns:
        (N,1,side,side) in [0,1].

    Raises:
        TypeError, ValueError: a number is no whole number, or out of range.
    """
    count, side = check_integer(count, "count", 1), check_integer(side, "side", 8, 1024)
    check_memory(8 * MOST * count * side**2, "count and side", "draw fewer at a time")
    drawn = runtime.generator(seed, "ellipses")

    def uniform(low, high):
        return low + (high - low) * torch.rand(MOST, count, 1, 1, generator=drawn)

    long, short = uniform(SMALLEST, LARGEST), uniform(SMALLEST, LARGEST)
    angle, around, gray = uniform(0, torch.pi), uniform(0, 2 * torch.pi), uniform(0, 1)
    away = uniform(0, 1).sqrt() * (REACH - torch.maximum(long, short))
    number = torch.randint(FEWEST, MOST + 1, (count, 1, 1), generator=drawn)
    steps = (torch.arange(side) + 0.5) * 2 / side - 1
    down, right = steps[:, None] - away * around.sin(), steps - away * around.cos()
    along = (right * angle.cos() + down * angle.sin()) / long
    across = (down * angle.cos() - right * angle.sin()) / short
    # The distance to the edge, in pixels, as far as a circle of the shorter half axis would tell.
    distance = (1 - (along**2 + across**2).sqrt()) * torch.minimum(long, short) * side / 2
    covered = (distance + 0.5).clamp(0, 1)
    x = torch.zeros(count, side, side)
    for order in range(MOST):
        share = covered[order] * (order < number)
        x = x + share * (gray[order] - x)
    return x[:, None]
