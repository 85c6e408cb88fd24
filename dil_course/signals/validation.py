"""Errors that say what came, what is wanted and the likely fix, raised before any compute."""

import math

import numpy as np
import torch

LARGEST_SIDE = 2048
LARGEST_MEMORY = 8e9  # bytes of one result
LARGEST_WIDTH = 1024  # channels of a network: a mistyped number must not ask for all the memory there is
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class NotFiniteError(ValueError):
    """Values are NaN or infinite: in the middle of a run a sign that it diverged, not of a wrong input."""


def describe(value):
    """What came, in a few words: type, shape and dtype."""
    if isinstance(value, torch.Tensor) or type(value).__module__ == "numpy" and hasattr(value, "shape"):
        sparse = ", sparse" if getattr(value, "layout", torch.strided) != torch.strided else ""
        empty = ", without values (meta)" if getattr(value, "is_meta", False) else ""
        dtype = str(value.dtype).removeprefix("torch.")
        return f"{type(value).__name__} of {dtype} {tuple(value.shape)}{sparse}{empty}"
    return f"{type(value).__name__} {value!r:.60}"


# Tensors: form and values.


def is_float(x):
    """Is it a tensor of real floating-point numbers to compute with: neither sparse nor an empty shell?"""
    return isinstance(x, torch.Tensor) and x.dtype in FLOATS and x.layout == torch.strided and not x.is_meta


def is_finite(x):
    """Is there no NaN and no infinity in a tensor? Both survive a sum, which is ten times faster."""
    return math.isfinite(x.detach().sum(dtype=torch.float32))


def check_finite(x, name):
    """Refuse NaN and infinity in a tensor (NotFiniteError)."""
    if not is_finite(x):
        bad = int((~torch.isfinite(x)).sum())
        large = f"values up to {x.abs().max():.0e} are too large to be added up, expected about [0,1]"
        raise NotFiniteError(f"{name}: {bad} values are NaN or infinite" if bad else f"{name}: {large}")


def check_range(x, name, fix=None):
    """Refuse values outside [0,1] (ValueError). None guesses the fix from the scale of the values."""
    low, high = x.min().item(), x.max().item()
    if low < 0 or high > 1:
        raise ValueError(
            f"{name}: expected values in [0,1], got [{low:.3g}, {high:.3g}]: {fix or likely_scale(low, high)}"
        )


def likely_scale(low, high):
    """How to bring values of this range into [0,1]."""
    if max(-low, high) > 16:
        return "divide 8-bit values by 255"
    if -1.05 < low < -0.25 and high < 1.05:
        return "for images on the scale [-1,1] write (x + 1) / 2"
    return "clip them with x.clamp(0, 1)"


def check_scale(x, name):
    """Refuse a clean image on the scale 0..255 or [-1,1] (ValueError). Values may leave [0,1] a little.

    Not for observations: those of scanners and of derivative filters have as many negative values.
    """
    largest = x.detach().abs().max().item()
    if largest > 16:
        raise ValueError(
            f"{name}: expected an image in [0,1], this looks like values up to 255 (got {largest:.0f}): "
            "divide by 255"
        )
    negative = (x.detach() < -0.4).float().mean().item()
    if negative > 0.02:
        raise ValueError(
            f"{name}: expected an image in [0,1], got {negative:.0%} of its values below -0.4, "
            "as on the scale [-1,1]: write (x + 1) / 2"
        )


def check_stack(x, name="pictures"):
    """Refuse what is not a finite float tensor (N,C,H,W), N of at least 1.

    Raises:
        TypeError: not a floating-point torch tensor.
        ValueError: wrong shape, an empty tensor, NaN or infinity.
    """
    if not is_float(x):
        raise TypeError(f"{name}: expected a float tensor (N,C,H,W), got {describe(x)}: call load_image(...)")
    if x.ndim != 4 or x.numel() == 0:
        raise ValueError(
            f"{name}: expected images (N,C,H,W), got {describe(x)}: for a single one, write x[None]"
        )
    check_finite(x, name)


def check_batch(x, name):
    """Refuse what is not a finite float tensor (1,C,H,W): for all that is made for one image.

    Raises:
        TypeError: not a floating-point torch tensor.
        ValueError: wrong shape, more than one image, an empty tensor, NaN or infinity.
    """
    if not is_float(x):
        raise TypeError(f"{name}: expected a float tensor (1,C,H,W), got {describe(x)}: call load_image(...)")
    if x.ndim != 4 or x.shape[0] != 1 or x.numel() == 0:
        several = x.ndim == 4 and x.shape[0] > 1
        fix = "take one after the other, x[:1], x[1:2], ..." if several else "call load_image(...)"
        raise ValueError(f"{name}: expected one picture (1,C,H,W), got {describe(x)}: {fix}")
    check_finite(x, name)


def check_image(x, name="image"):
    """Refuse what is not one clean image: float (1,C,H,W) in [0,1] (TypeError, ValueError)."""
    check_batch(x, name)
    check_range(x, name)


def check_pictures(pictures, name="pictures"):
    """Refuse what is not a batch of clean images: float (N,C,H,W) in [0,1] (TypeError, ValueError)."""
    check_stack(pictures, name)
    check_range(pictures, name)


def check_observation(y, name="y"):
    """Refuse what cannot be an observation (1,C,H,W) of an image in [0,1]. Values may leave [0,1].

    Raises:
        TypeError, ValueError: as `check_batch`; ValueError also where the root mean square is above 10.
            Single values may be larger: the zero frequency of a Fourier transform is.
    """
    check_batch(y, name)
    check_strength(y, name)


def check_observations(y, name="y"):
    """As `check_observation`, for a batch (N,C,H,W): the limit holds for each image."""
    check_stack(y, name)
    check_strength(y, name)


def check_strength(y, name):
    """Refuse observations whose root mean square is above 10, as on the scale 0..255 (ValueError)."""
    size = y.detach().square().mean((1, 2, 3)).max().sqrt()
    if size > 10:
        raise ValueError(
            f"{name}: values of about {size:.0f} are far outside [0,1]: divide 8-bit values by 255"
        )


def check_target(y, name="y"):
    """Refuse what no network can fit: as `check_observation`; also other than float32, or with gradients."""
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
    """Refuse two tensors of different shapes (ValueError), and what is no tensor at all (TypeError)."""
    for value, name in ((a, name_a), (b, name_b)):
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name}: expected a tensor, got {describe(value)}")
    if a.shape != b.shape:
        raise ValueError(f"{name_a} is {tuple(a.shape)} but {name_b} is {tuple(b.shape)}: they must be equal")


def check_returned(value, like, name, like_name="its input"):
    """Refuse what is no finite float tensor (N,C,H,W) of the shape of `like` (TypeError, ValueError)."""
    check_stack(value, name)
    check_same_shape(value, like, name, like_name)


# Numbers, words and switches.


def check_number(value, name, low=0.0, high=1e18):
    """The number as Python's own, whose sums do not overflow; beyond 1e18 torch takes no whole numbers.

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
    """The noise level as Python's own number, on the scale of images in [0,1].

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


def check_generator(generator):
    """Refuse what is no generator of random numbers (TypeError)."""
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            'generator: expected a torch.Generator, such as runtime.generator(0, "jitter"), '
            f"got {describe(generator)}"
        )


def check_levels(sigma):
    """Standard deviations of noise, one number or a tensor of them, each as `check_sigma` wants it."""
    for value in [limit.item() for limit in sigma.aminmax()] if isinstance(sigma, torch.Tensor) else [sigma]:
        check_sigma(value)


def check_share(value, name):
    """The share or probability as Python's own number.

    Raises:
        TypeError: not a number.
        ValueError: NaN, negative, or above 1, as in percent.
    """
    value = check_number(value, name)
    if value > 1:
        raise ValueError(
            f"{name}: expected a share in [0,1], got {value:g}: write {value:g} / 100 for {value:g} percent"
        )
    return value


def check_angles(values, name):
    """The angles as Python's own numbers, in degrees from -360 to 360.

    Radians are recognised where all angles lie in [-2 pi, 2 pi] and one is a fraction of pi, such as pi / 4,
    or three or more are given and one is no multiple of 1/4: together they would span a few degrees only.

    Raises:
        TypeError: not numbers.
        ValueError: NaN, out of range, or in radians.
    """
    values = [check_number(value, name, low=-360, high=360) for value in values]
    odd = [value for value in values if 4 * value % 1]
    turned = [math.degrees(value) * len(values) for value in odd]
    fraction_of_pi = any(abs(value - round(value)) < 1e-5 * abs(value) for value in turned)
    if all(abs(value) < 6.2832 for value in values) and (fraction_of_pi or len(values) > 2 and odd):
        raise ValueError(
            f"{name}: expected degrees, got {odd[0]:g}, which looks like radians: write "
            f"math.degrees({odd[0]:g})"
        )
    return values


def check_integer(value, name, low=0, high=2**63 - 1):
    """The whole number as Python's own, whose sums do not overflow (else TypeError, ValueError)."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: expected a whole number, got {describe(value)}")
    if not low <= value <= high:
        limits = f"of at least {low}" if value < low else f"of at most {high}"
        raise ValueError(f"{name}: expected a whole number {limits}, got {value}")
    return int(value)


def check_flag(value, name):
    """Refuse what is neither True nor False (TypeError): a number there is mostly a setting that slipped."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {describe(value)}")


def check_choice(value, choices, name):
    """Refuse what is not one of the words (TypeError, ValueError)."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected one of {', '.join(choices)}, got {describe(value)}")
    if value not in choices:
        raise ValueError(f"{name}: there is no {value!r}, expected one of {', '.join(choices)}")


# Functions, networks and forward models.


def check_function(value, name):
    """Refuse what cannot be called (TypeError)."""
    if not callable(value) or isinstance(value, type):
        raise TypeError(f"{name}: expected a function, got {describe(value)}")


def check_module(network, name="network", attributes=(), dtypes=(torch.float32,)):
    """Refuse what is no torch module with these attributes and weight types (TypeError, ValueError)."""
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
    """Refuse a network that makes no image of one (ValueError): tried once, on 64 x 64 pixels at most."""
    x, *others = inputs
    corner = x[..., :64, :64]
    refusal = f"{name}: this {type(network).__name__} does not take a picture like y"
    made = tried(lambda: network(corner, *others).shape, refusal)
    if made != corner.shape:
        raise ValueError(
            f"{name}: makes {tuple(made)} of a picture {tuple(corner.shape)}, they must be equal"
        )


def tried(call, refusal):
    """What a call of a network makes; where it fails, a ValueError with the refusal and the reason."""
    try:
        with torch.no_grad():
            return call()
    except Exception as problem:  # whatever it is that this network cannot do
        raise ValueError(f"{refusal}: {type(problem).__name__}: {problem}") from problem


def check_operator(A):
    """Refuse what is no forward model (TypeError)."""
    if not callable(A) or isinstance(A, type) or not callable(getattr(A, "adjoint", None)):
        raise TypeError(
            f"A: expected a forward model with A(x) and A.adjoint(y), such as Identity(), got {describe(A)}"
        )


def pinv_of(A, pinv=None):
    """The pseudo-inverse of a forward model, or the function that stands in for it (TypeError if neither)."""
    check_operator(A)
    if pinv is None and not callable(getattr(A, "pinv", None)):
        raise TypeError(
            "A: expected a forward model with A.pinv(y), its pseudo-inverse, "
            f"but this {type(A).__name__} has no pinv"
        )
    pinv = A.pinv if pinv is None else pinv
    check_function(pinv, "pinv")
    return pinv


# What would take too long or too much memory.


def check_memory(needed, name, fix):
    """Refuse to make what takes more bytes than any lesson needs by far (ValueError)."""
    if needed > LARGEST_MEMORY:
        raise ValueError(
            f"{name}: this would need {needed / 1e9:.0f} GB of memory, the most is "
            f"{LARGEST_MEMORY / 1e9:.0f} GB: {fix}"
        )


def check_side(shape, smallest, name):
    """Refuse images too small for a network, or too large to fit in minutes or memory (ValueError)."""
    height, width = shape[-2:]
    if min(height, width) < smallest:
        raise ValueError(
            f"{name}: {height}x{width} pixels are too few, this needs at least {smallest}x{smallest}"
        )
    if max(height, width) > LARGEST_SIDE:
        fix = "shrink it with load_image(..., max_side=512) or cut a part with crop(x, 512)"
        raise ValueError(
            f"{name}: {height}x{width} pixels are too many, the most is {LARGEST_SIDE} a side: {fix}"
        )
