"""The forward model of compressed sensing: a few random sums of all pixels. Built in lesson 15."""

import functools
import math

import torch

from dil_course import runtime
from dil_course.signals.operators import exact
from dil_course.signals.validation import LARGEST_SIDE, check_integer, check_memory, check_stack


class Gaussian:
    """A(x): `measurements` weighted sums of all pixels, with independent Gaussian weights of variance 1/m.

    With variance 1/m, for m measurements, the sum of the squares of A(x) is that of x on average, as in Bora,
    Jalal, Price and Dimakis, "Compressed Sensing using Generative Models" (ICML 2017). The three calls are
    those of `operators`: `A(x)`, `A.adjoint(y)`, `A.pinv(y)`; each channel is measured alone, by the same
    weights. The pseudo-inverse is exact.

    Args:
        measurements: how many, at most as many as the picture has pixels.
        sides: height and width of the picture.
        seed: of the weights.

    y is (N,C,1,measurements).

    Raises:
        TypeError, ValueError: of these numbers; when used, a picture or observation of another shape.
    """

    def __init__(self, measurements, sides, seed=0):
        if not isinstance(sides, tuple | list | torch.Size) or len(sides) != 2:
            raise TypeError(f"sides: expected (height, width), got {sides!r:.60}")
        self.sides = tuple(check_integer(side, "sides", 1, LARGEST_SIDE) for side in sides)
        pixels = math.prod(self.sides)
        self.measurements = check_integer(measurements, "measurements", 1, pixels)
        check_memory(8 * pixels * self.measurements, "measurements", "take a smaller picture, or fewer")
        drawn = torch.randn(
            self.measurements, pixels, generator=runtime.generator(seed, "measurements"), dtype=torch.float64
        )
        self.matrix = drawn / math.sqrt(self.measurements)

    @functools.cached_property
    def inverse(self):
        """A^+ as a matrix (pixels, measurements): A^T (A A^T)^-1, as the rows are independent."""
        return torch.linalg.pinv(self.matrix)

    def __call__(self, x):
        self._check(x, "x", self.sides)
        return multiply(x, self.matrix, (1, self.measurements))

    def adjoint(self, y):
        self._check(y, "y", (1, self.measurements))
        return multiply(y, self.matrix.T, self.sides)

    def pinv(self, y):
        self._check(y, "y", (1, self.measurements))
        return multiply(y, self.inverse, self.sides)

    @staticmethod
    def _check(x, name, sides):
        check_stack(x, name)
        if tuple(x.shape[-2:]) != sides:
            raise ValueError(f"{name}: expected (N,C,{sides[0]},{sides[1]}), got {tuple(x.shape)}")


def multiply(x, matrix, sides):
    """The matrix times each channel of x (N,C,H,W), written as a column; the result as (N,C,*sides)."""
    columns = exact(x).flatten(2)
    product = columns @ matrix.to(columns).T
    return product.unflatten(2, sides).to(x.dtype)
