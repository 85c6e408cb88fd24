"""Errors that say what came, what is wanted and the likely mend, raised before any compute."""

import math
import numbers

import torch

LARGEST_SIDE = 2048


def describe(value):
    """What came, in a few words: type, shape and dtype."""
    if isinstance(value, torch.Tensor) or type(value).__module__ == "numpy" and hasattr(value, "shape"):
        return f"{type(value).__name__} of {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return f"{type(value).__name__} {value!r:.60}"


def is_finite(x):
    """No NaN and no infinity in a tensor. Both survive a sum, and a sum is ten times faster than asking every value."""
    return math.isfinite(x.detach().sum(dtype=torch.float32))


def check_finite(x, name):
    """Refuse NaN and infinity in a tensor (ValueError)."""
    if not is_finite(x):
        raise ValueError(f"{name}: {int((~torch.isfinite(x)).sum())} values are NaN or infinite")


def check_range(x, name, mend):
    """Refuse values outside [0,1] (ValueError)."""
    if x.min() < 0 or x.max() > 1:
        low, high = x.min().item(), x.max().item()
        raise ValueError(f"{name}: expected values in [0,1], got [{low:.3g}, {high:.3g}]: {mend}")


def check_batch(x, name):
    """Refuse what is not a finite float tensor (1,C,H,W) with 1, 3 or any other positive number of channels.

    Raises:
        TypeError: not a floating-point torch tensor.
        ValueError: wrong shape, an empty tensor, NaN or infinity.
    """
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(f"{name}: expected a float tensor (1,C,H,W), got {describe(x)}: call load_image(...)")
    if x.ndim != 4 or x.shape[0] != 1 or x.numel() == 0:
        raise ValueError(f"{name}: expected one picture (1,C,H,W), got {describe(x)}: call load_image(...)")
    check_finite(x, name)


def check_image(x, name="image"):
    """Refuse what is not a clean picture: float (1,C,H,W) in [0,1].

    Raises:
        TypeError, ValueError: as `check_batch`; ValueError also for values outside [0,1].
    """
    check_batch(x, name)
    check_range(x, name, "divide 8-bit values by 255")


def check_pictures(pictures, name="pictures"):
    """Refuse what is not a batch of pictures: float (N,C,H,W) in [0,1], N of at least 1.

    Raises:
        TypeError: not a floating-point torch tensor.
        ValueError: wrong shape, an empty tensor, NaN or infinity, or values outside [0,1].
    """
    if not isinstance(pictures, torch.Tensor) or not pictures.is_floating_point():
        raise TypeError(f"{name}: expected a float tensor (N,C,H,W) in [0,1], got {describe(pictures)}")
    if pictures.ndim != 4 or pictures.numel() == 0:
        raise ValueError(f"{name}: expected pictures (N,C,H,W), got {describe(pictures)}: for a single one, write x[None]")
    check_finite(pictures, name)
    check_range(pictures, name, "divide 8-bit values by 255, or clip")


def check_observation(y, name="y"):
    """Refuse what cannot be an observation of a picture in [0,1]. Noise may leave [0,1], but not by far.

    Raises:
        TypeError, ValueError: as `check_batch`; ValueError also where the root mean square is above 10. Single values
            may be larger: the constant wave of a Fourier transform is.
    """
    check_batch(y, name)
    size = y.square().mean().sqrt()
    if size > 10:
        raise ValueError(f"{name}: values of about {size:.0f} are far outside [0,1]: divide 8-bit values by 255")


def check_same_shape(a, b, name_a, name_b):
    """Refuse two pictures of different shapes (ValueError)."""
    if a.shape != b.shape:
        raise ValueError(f"{name_a} is {tuple(a.shape)} but {name_b} is {tuple(b.shape)}: they must be equal")


def check_number(value, name, low=0.0, high=math.inf):
    """Refuse what is not a finite real number in [low, high].

    Raises:
        TypeError: not a number.
        ValueError: NaN, infinite, or outside [low, high].
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a number, got {describe(value)}")
    if not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"{name}: expected a finite number in [{low:g}, {high:g}], got {value}")


def check_integer(value, name, low=0, high=2**63 - 1):
    """Refuse what is not a whole number in [low, high] (TypeError, ValueError)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected a whole number, got {describe(value)}")
    if not low <= value <= high:
        raise ValueError(f"{name}: expected a whole number of at least {low}, got {value}")


def check_side(shape, smallest, name):
    """Refuse pictures that are too small for a network, or too large to fit in minutes or memory (ValueError)."""
    height, width = shape[-2:]
    if min(height, width) < smallest:
        raise ValueError(f"{name}: {height}x{width} pixels are too few, this needs at least {smallest}x{smallest}")
    if max(height, width) > LARGEST_SIDE:
        mend = "shrink it with load_image(..., max_side=512) or cut a part with crop(x, 512)"
        raise ValueError(f"{name}: {height}x{width} pixels are too many, the most is {LARGEST_SIDE} a side: {mend}")
