"""Random phantoms: bodies of ellipses, the images that tomography has been tried on since Shepp and Logan."""

import math

import torch

from dil_course import runtime
from dil_course.signals.ellipses import inside
from dil_course.signals.validation import LARGEST_SIDE, check_integer


def phantoms(count, height, width=None, seed=0):
    """Random phantoms (count,1,height,width) in [0,1]: a bright rim, a body, and 4 to 12 ellipses in it.

    Shepp and Logan, "The Fourier reconstruction of a head section" (IEEE Transactions on Nuclear Science
    1974), drew one such head; here each is drawn anew.

    Args:
        count: how many.
        height, width: in pixels; None is as wide as high.
        seed: of the draw.

    Raises:
        TypeError, ValueError: a number is no whole number, or out of range.
    """
    count = check_integer(count, "count", 1, 10_000)
    height = check_integer(height, "height", 8, LARGEST_SIDE)
    width = height if width is None else check_integer(width, "width", 8, LARGEST_SIDE)
    generator = runtime.generator(seed, "phantoms")
    return torch.cat([phantom(height, width, generator) for _ in range(count)])


def phantom(height, width, generator):
    """One of them (1,1,height,width)."""

    def draw(low, high):
        return low + (high - low) * torch.rand((), generator=generator).item()

    across, down = draw(0.7, 0.95), draw(0.7, 0.95)
    angle, body = draw(0, math.pi), draw(0.2, 0.5)
    rim = draw(0.04, 0.12)
    x = draw(0.6, 1) * ellipse(height, width, 0, 0, across, down, angle)
    inside = ellipse(height, width, 0, 0, across - rim, down - rim, angle)
    x = x * (1 - inside)
    y = body * torch.ones_like(x)
    for _ in range(int(draw(4, 13))):
        radius, turn = draw(0, 0.6), draw(0, 2 * math.pi)
        place = radius * math.cos(turn), radius * math.sin(turn)
        y = y + draw(-0.4, 0.4) * ellipse(
            height, width, *place, draw(0.03, 0.35), draw(0.03, 0.35), draw(0, math.pi)
        )
    return (x + inside * y).clamp(0, 1)


def ellipse(height, width, row, column, across, down, angle):
    """1 inside, 0 outside (1,1,height,width); all lengths in halves of the image's sides."""
    rows, columns = (torch.linspace(-1, 1, side) - place for side, place in ((height, row), (width, column)))
    half_axes_and_angle = torch.tensor([across, down, angle])
    return inside(rows[:, None], columns[None], *half_axes_and_angle, min(height, width))[None, None]
