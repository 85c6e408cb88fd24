"""Errors that say what came, what is wanted and the likely mend, raised before any compute."""

import math

import numpy as np
import torch

LARGEST_SIDE = 2048
LARGEST_MEMORY = 8e9  # bytes of one result
LARGEST_WIDTH = 1024  # channels of a network: a mistyped number must not ask for all the memory there is
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class NotFiniteError(ValueError):
    """Values are NaN or infinite. In the middle of a run it means that the run has diverged, and not that its
    input is wrong.
    """


def describe(value):
    """What came, in a few words: type, shape and dtype."""
    if isinstance(value, torch.Tensor) or type(value).__module__ == "numpy" and hasattr(value, "shape"):
        sparse = ", sparse" if getattr(value, "layout", torch.strided) != torch.strided else ""
        empty = ", without values (meta)" if getattr(value, "is_meta", False) else ""
        return f"{type(value).__name__} of {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}{sparse}{empty}"
    return f"{type(value).__name__} {value!r:.60}"


def is_float(x):
    """Is it a tensor of real floating-point numbers to compute with: not sparse, not the empty shell that
    torch calls meta?
    """
    return isinstance(x, torch.Tensor) and x.dtype in FLOATS and x.layout == torch.strided and not x.is_meta


def is_finite(x):
    """No NaN and no infinity in a tensor. Both survive a sum, and a sum is ten times faster than asking every
    value.
    """
    return math.isfinite(x.detach().sum(dtype=torch.float32))


def check_finite(x, name):
    """Refuse NaN and infinity in a tensor (NotFiniteError)."""
    if not is_finite(x):
        bad = int((~torch.isfinite(x)).sum())
        large = f"values up to {x.abs().max():.0e} are too large to be added up, expected about [0,1]"
        raise NotFiniteError(f"{name}: {bad} values are NaN or infinite" if bad else f"{name}: {large}")


def check_range(x, name, mend):
    """Refuse values outside [0,1] (ValueError)."""
    if x.min() < 0 or x.max() > 1:
        low, high = x.min().item(), x.max().item()
        raise ValueError(f"{name}: expected values in [0,1], got [{low:.3g}, {high:.3g}]: {mend}")


def check_scale(x, name):
    """Refuse a picture on the scale 0..255 (ValueError). Noise may leave [0,1], but no value by so far."""
    largest = x.detach().abs().max().item()
    if largest > 16:
        raise ValueError(
            f"{name}: expected a picture in [0,1], this looks like values up to 255 (got {largest:.0f}): "
            "divide by 255"
        )


def check_batch(x, name):
    """Refuse what is not a finite float tensor (1,C,H,W) with 1, 3 or any other positive number of channels.

    Raises:
        TypeError: not a floating-point torch tensor.
        ValueError: wrong shape, an empty tensor, NaN or infinity.
    """
    if not is_float(x):
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


def check_stack(pictures, name="pictures"):
    """Refuse what is not a finite float tensor (N,C,H,W), N of at least 1.

    Raises:
        TypeError: not a floating-point torch tensor.
        ValueError: wrong shape, an empty tensor, NaN or infinity.
    """
    if not is_float(pictures):
        raise TypeError(f"{name}: expected a float tensor (N,C,H,W) in [0,1], got {describe(pictures)}")
    if pictures.ndim != 4 or pictures.numel() == 0:
        raise ValueError(
            f"{name}: expected pictures (N,C,H,W), got {describe(pictures)}: for a single one, write x[None]"
        )
    check_finite(pictures, name)


def check_pictures(pictures, name="pictures"):
    """Refuse what is not a batch of pictures: float (N,C,H,W) in [0,1], N of at least 1.

    Raises:
        TypeError, ValueError: as `check_stack`; ValueError also for values outside [0,1].
    """
    check_stack(pictures, name)
    check_range(pictures, name, "divide 8-bit values by 255, or clip")


def check_observation(y, name="y"):
    """Refuse what cannot be an observation of a picture in [0,1]. Noise may leave [0,1], but not by far.

    Raises:
        TypeError, ValueError: as `check_batch`; ValueError also where the root mean square is above 10.
            Single values may be larger: the constant wave of a Fourier transform is.
    """
    check_batch(y, name)
    size = y.square().mean().sqrt()
    if size > 10:
        raise ValueError(
            f"{name}: values of about {size:.0f} are far outside [0,1]: divide 8-bit values by 255"
        )


def check_target(y, name="y"):
    """Refuse what a network cannot be fitted to: as `check_observation`, and what is not float32 or is part
    of a graph of gradients.
    """
    check_observation(y, name)
    if y.dtype != torch.float32:
        raise TypeError(
            f"{name}: expected float32, as the weights of networks are, got {describe(y)}: call y.float()"
        )
    if y.requires_grad:
        raise ValueError(
            f"{name}: expected a tensor without gradients, got one that requires them: call y.detach()"
        )


def check_same_shape(a, b, name_a, name_b):
    """Refuse two pictures of different shapes (ValueError), and what is no tensor at all (TypeError)."""
    for value, name in ((a, name_a), (b, name_b)):
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name}: expected a tensor, got {describe(value)}")
    if a.shape != b.shape:
        raise ValueError(f"{name_a} is {tuple(a.shape)} but {name_b} is {tuple(b.shape)}: they must be equal")


def check_returned(value, like, name, like_name="its input"):
    """Refuse what a function of the caller's returned, where it is no finite picture of the shape of `like`
    (TypeError, ValueError).
    """
    check_batch(value, name)
    check_same_shape(value, like, name, like_name)


def check_number(value, name, low=0.0, high=1e18):
    """The number as Python's own, whose sums do not overflow; refused is what is not a finite real number in
    [low, high].

    Beyond 1e18 torch takes no whole numbers.

    Raises:
        TypeError: not a number.
        ValueError: NaN, infinite, or outside [low, high].
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected a number, got {describe(value)}")
    if not low <= value <= high:
        raise ValueError(f"{name}: expected a finite number in [{low:g}, {high:g}], got {value}")
    return int(value) if isinstance(value, int | np.integer) else float(value)


def check_sigma(value, name="sigma", low=0.0):
    """The noise level as Python's own number, on the scale of pictures in [0,1]; refused is what is not in
    [low, 1].

    Raises:
        TypeError: not a number.
        ValueError: NaN, below `low`, or above 1, as on the scale 0..255.
    """
    value = check_number(value, name, low)
    if value > 1:
        raise ValueError(
            f"{name}: expected a standard deviation on the scale of pictures in [0,1], got {value:g}: "
            f"write {value:g} / 255 for one on the scale 0..255"
        )
    return value


def check_integer(value, name, low=0, high=2**63 - 1):
    """The number as Python's own, whose sums do not overflow; refused is what is no whole number in [low,
    high] (TypeError, ValueError).
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: expected a whole number, got {describe(value)}")
    if not low <= value <= high:
        limits = f"of at least {low}" if value < low else f"of at most {high}"
        raise ValueError(f"{name}: expected a whole number {limits}, got {value}")
    return int(value)


def check_flag(value, name):
    """Refuse what is neither True nor False (TypeError): a number in place of a switch is mostly a setting
    that slipped.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {describe(value)}")


def check_choice(value, choices, name):
    """Refuse what is not one of the words (TypeError, ValueError)."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected one of {', '.join(choices)}, got {describe(value)}")
    if value not in choices:
        raise ValueError(f"{name}: there is no {value!r}, expected one of {', '.join(choices)}")


def check_module(network, name="network", attributes=(), dtypes=(torch.float32,)):
    """Refuse what is no torch module with weights of these types, or has not these attributes (TypeError,
    ValueError).
    """
    if not isinstance(network, torch.nn.Module):
        raise TypeError(f"{name}: expected a torch module, got {describe(network)}")
    missing = [attribute for attribute in attributes if not hasattr(network, attribute)]
    if missing:
        raise TypeError(
            f"{name}: expected a module with {', '.join(attributes)}, this {type(network).__name__} has no "
            f"{', '.join(missing)}"
        )
    wrong = [
        weights for weights in network.parameters() if not is_float(weights) or weights.dtype not in dtypes
    ]
    if wrong:
        raise ValueError(
            f"{name}: expected weights of float32, got {describe(wrong[0])}: call network.float()"
        )


def check_maps(network, inputs, name):
    """Refuse a network that does not make a picture of such a one (ValueError). It is tried once, on 64 x 64
    pixels at most.
    """
    x, *others = inputs
    corner = x[..., :64, :64]
    try:
        with torch.no_grad():
            made = network(corner, *others).shape
    except Exception as problem:  # whatever it is that this network of the caller's cannot do
        raise ValueError(
            f"{name}: this {type(network).__name__} does not take a picture like y: "
            f"{type(problem).__name__}: {problem}"
        ) from problem
    if made != corner.shape:
        raise ValueError(
            f"{name}: makes {tuple(made)} of a picture {tuple(corner.shape)}, they must be equal"
        )


def check_function(value, name):
    """Refuse what cannot be called (TypeError)."""
    if not callable(value) or isinstance(value, type):
        raise TypeError(f"{name}: expected a function, got {describe(value)}")


def check_operator(A):
    """Refuse what is no forward model (TypeError)."""
    if not callable(A) or isinstance(A, type) or not callable(getattr(A, "adjoint", None)):
        raise TypeError(
            f"A: expected a forward model with A(x) and A.adjoint(y), such as Identity(), got {describe(A)}"
        )


def pinv_of(A, pinv=None):
    """The pseudo-inverse of a forward model, or the function that stands in for it (TypeError where there is
    neither).
    """
    check_operator(A)
    if pinv is None and not callable(getattr(A, "pinv", None)):
        raise TypeError(
            f"A: expected a forward model with A.pinv(y), its pseudo-inverse, but this {type(A).__name__} "
            "has no pinv"
        )
    pinv = A.pinv if pinv is None else pinv
    check_function(pinv, "pinv")
    return pinv


def check_memory(needed, name, mend):
    """Refuse to make what takes more bytes than any lesson needs by far (ValueError)."""
    if needed > LARGEST_MEMORY:
        raise ValueError(
            f"{name}: this would need {needed / 1e9:.0f} GB of memory, the most is "
            f"{LARGEST_MEMORY / 1e9:.0f} GB: {mend}"
        )


def check_side(shape, smallest, name):
    """Refuse pictures that are too small for a network, or too large to fit in minutes or memory
    (ValueError).
    """
    height, width = shape[-2:]
    if min(height, width) < smallest:
        raise ValueError(
            f"{name}: {height}x{width} pixels are too few, this needs at least {smallest}x{smallest}"
        )
    if max(height, width) > LARGEST_SIDE:
        mend = "shrink it with load_image(..., max_side=512) or cut a part with crop(x, 512)"
        raise ValueError(
            f"{name}: {height}x{width} pixels are too many, the most is {LARGEST_SIDE} a side: {mend}"
        )
