"""The training set inside one image: pairs of a father and its son, which is the father made smaller by A.

For `zero_shot_sr`: Shocher, Cohen and Irani (CVPR 2018), section 3. Built in lesson 08.
"""

import math

import torch

from dil_course.signals import Downsample, enlarge
from dil_course.signals.operators import fitting_sides

SMALLEST = 18  # pixels a side: no father is made smaller than that
MARGIN = 8  # of repeated edge pixels around a father, in pixels of its son: an operator may wrap around there
TRIES = 3  # random windows, of which one is used


def turns_of(A):
    """The numbers of the turns and flips (see `turn`) that commute with A: all eight, four, or one."""
    if not isinstance(A, Downsample):
        return (0,)
    return tuple(range(8)) if A.scales[0] == A.scales[1] else (0, 2, 4, 6)


def turn(x, number):
    """x turned by number % 4 right angles, anticlockwise, and then mirrored where number > 3."""
    turned = x.rot90(number % 4, (-2, -1))
    return turned.flip(-1) if number > 3 else turned


def random_window(images, side, generator):
    """A random window (1,C,side,side) of one of the images, turned and mirrored."""

    def draw(end):
        return int(torch.randint(end, (), generator=generator, device=generator.device))

    x = images[draw(len(images))]
    top, left = (draw(length - side + 1) for length in x.shape[-2:])
    return turn(x[..., top : top + side, left : left + side], draw(4) + 4 * draw(2))


def turn_back(x, number):
    """Undo `turn`."""
    return (x.flip(-1) if number > 3 else x).rot90(-(number % 4), (-2, -1))


def some_fathers(fathers, draw, count=8):
    """Yield `count` fathers: the newest one as it is, then smaller versions of any of them.

    The smaller ones have at least half of the sides, and at least SMALLEST pixels a side.
    """
    yield fathers[-1]
    for _ in range(count - 1):
        father = fathers[draw.integers(len(fathers))]
        shrink = draw.uniform(max(0.5, SMALLEST / min(father.shape[-2:])), 1)
        yield resized(father, [round(shrink * side) for side in father.shape[-2:]])


def resized(x, shape):
    """x (1,C,H,W) at height and width `shape`, by antialiased bicubic interpolation."""
    return torch.nn.functional.interpolate(x, size=tuple(shape), mode="bicubic", antialias=True)


def pair(father, A, noise=0.0, draw=None):
    """(son enlarged to its father's size, father), both (1,C,H,W). `noise` is added to the son.

    The father's edge pixels are repeated first, because an A with circular borders would wrap around there.
    """
    height, width = father.shape[-2:]
    margin = MARGIN * math.ceil(max(A.scales))
    padded = torch.nn.functional.pad(father, [margin] * 4, mode="replicate")
    rows, columns = fitting_sides(padded.shape, A.scales)
    son = A(padded[..., :rows, :columns])
    if noise:
        son = son + noise * torch.from_numpy(draw.standard_normal(son.shape)).to(son)
    return enlarge(son, A)[..., margin : margin + height, margin : margin + width], father


def window(pairs, side, turns, draw):
    """A window of at most side x side pixels, the same of son and father, and turned at random.

    Half of the time it is cut from the first pair. Of three random windows it is the one in which son and
    father differ most, because flat parts teach little.
    """
    son, father = pairs[0 if draw.random() < 0.5 else draw.integers(len(pairs))]
    corners = [[draw.integers(max(size - side, 0) + 1) for size in father.shape[-2:]] for _ in range(TRIES)]
    windows = [[x[..., top : top + side, left : left + side] for x in (son, father)] for top, left in corners]
    chosen = max(windows, key=lambda window: float((window[0] - window[1]).abs().mean()))
    number = turns[draw.integers(len(turns))]
    return [turn(x, number) for x in chosen]
