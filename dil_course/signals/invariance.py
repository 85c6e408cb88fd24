"""What a set of signals that is closed under some transformations adds to an observation: counted as a rank.

If T x is as plausible as x, then A sees the signal through A T as well. Chen, Tachella and Davies,
"Equivariant Imaging: Learning Beyond the Range Space" (ICCV 2021).
"""

import math

import torch
from torch.nn import functional as F

from dil_course.signals.validation import (
    check_function,
    check_integer,
    check_number,
    check_operator,
    check_returned,
    check_stack,
)


def stacked_rank(A, transforms, side):
    """Rank of A and all A T, stacked as one matrix, on pictures (1,1,side,side): at most side * side.

    It counts the dimensions of the picture space that are seen by A, or by A after one of the
    transformations. Full rank is necessary for learning the rest from invariance, and not sufficient. Where
    T only permutes or turns what A measures, as a shift does with Fourier coefficients, nothing is added.

    Args:
        A: linear forward model that computes in float64 where its input does, as those of the library do.
        transforms: functions x -> T x for batches (N,1,side,side), linear, each returns the shape it got.
            The identity need not be among them; of an empty list, the rank of A itself is returned.
        side: of the square pictures, at most 32 pixels.

    Raises:
        TypeError, ValueError: no forward model, no list of functions, a side out of range, or a
            transformation that returns something else than a batch of the shape that it got.
    """
    check_operator(A)
    if not isinstance(transforms, list | tuple):
        raise TypeError(f"transforms: expected a list of functions, got {type(transforms).__name__}")
    for transform in transforms:
        check_function(transform, "transforms")
    side = check_integer(side, "side", 2, 32)
    units = torch.eye(side**2, dtype=torch.float64).reshape(side**2, 1, side, side)
    columns = [A(units)]
    for transform in transforms:
        moved = transform(units)
        check_returned(moved, units, "the result of a transformation")
        columns.append(A(moved))
    for column in columns:
        check_stack(column, "the result of A")
    return int(torch.linalg.matrix_rank(torch.cat([column.flatten(1) for column in columns], dim=1)))


def rotated(x, degrees):
    """The images x (N,C,H,W), turned anticlockwise about their middle; bilinear, black beyond the borders.

    Linear in x. Multiples of 90 degrees are exact for square images, between them the image gets softer.

    Raises:
        TypeError, ValueError: x is no batch of images, or the angle no finite number.
    """
    check_stack(x, "x")
    turn = math.radians(check_number(degrees, "degrees", low=-1e6, high=1e6))
    height, width = x.shape[-2:]
    cosine, sine = math.cos(turn), math.sin(turn)
    # Where each pixel is taken from, in units of half a side: hence the ratio of the sides.
    matrix = [[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]]
    theta = torch.tensor([matrix], dtype=x.dtype, device=x.device).expand(len(x), 2, 3)
    places = F.affine_grid(theta, x.shape, align_corners=False)
    return F.grid_sample(x, places, align_corners=False)
