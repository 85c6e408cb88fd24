"""What every method does before its first iteration: it checks what it was given, and makes what it was not.

All of it raises TypeError or ValueError before any compute.
"""

from dil_course import runtime
from dil_course.fitting import Engine
from dil_course.networks import SkipNetwork, signal_skip_network, small_skip_network
from dil_course.signals.validation import (
    check_batch,
    check_function,
    check_integer,
    check_module,
    check_number,
    check_observation,
    check_operator,
    check_returned,
    check_side,
    check_sigma,
    check_target,
)


def check_fit(y, iterations, learning_rate, seed):
    """The iterations as Python's own number, where this y can be fitted with these settings."""
    check_target(y)
    check_number(learning_rate, "learning_rate", low=1e-12, high=1e3)
    check_integer(seed, "seed")
    return check_integer(iterations, "iterations", 1)


def adjoint_of(y, A):
    """A.adjoint(y), an image of the shape of the one to restore, where A is a forward model that fits y.

    Raises:
        TypeError, ValueError: A is no forward model, or A(x) has not the shape of y, so that there is no
            misfit A(x) - y.
    """
    check_operator(A)
    x = A.adjoint(y)
    check_batch(x, "A.adjoint(y)")
    check_returned(A(x), y, "A(x)", "y")
    return x


def prepare_pixels(y, A, weight, iterations, learning_rate):
    """Check what a method without a network was given. Returns the image it starts from, and the iterations.

    Args:
        all as `variational.tv` has them, A filled in.
    """
    iterations = check_fit(y, iterations, learning_rate, seed=0)
    check_number(weight, "weight")
    x = adjoint_of(y, A)
    check_side(x.shape, 2, "the image to restore")
    return x, iterations


def check_sizes(network, *names):
    """Refuse what is no torch module with these attributes, whole numbers that say what sizes it takes."""
    check_module(network, attributes=names)
    for name in names:
        check_integer(getattr(network, name), f"network.{name}", low=0 if name == "scales" else 1)


def network_or(network, make, seed):
    """The caller's network; where that is None, what `make` makes with weights from the seed."""
    if network is not None:
        return network
    with runtime.seeded(seed):
        return make()


def prepare_prior(y, A, network, iterations, learning_rate, input_noise, seed, z, loss):
    """Check what the deep image prior was given. Returns its network on y's device, and the shape of z.

    Args:
        all as `deep_image_prior` has them; A and iterations with their defaults filled in.
    """
    check_fit(y, iterations, learning_rate, seed)
    check_sigma(input_noise, "input_noise")
    _, channels, height, width = adjoint_of(y, A).shape
    usual = runtime.pick(quick=small_skip_network, full=SkipNetwork)
    make = signal_skip_network if height == 1 else usual
    network = network_or(network, lambda: make(channels), seed)
    check_sizes(network, "input_channels", "output_channels", "scales", "reduction")
    if network.output_channels != channels:
        raise ValueError(
            f"the network makes {network.output_channels} channels, but the image to restore has {channels}"
        )
    # Of a signal (1,C,1,N) only the columns are halved, by networks that are made for one row.
    sides = (width, width) if height == 1 and getattr(network, "one_row", False) else (height, width)
    check_side(sides, 2 ** (network.scales + 1), "the image to restore")
    reduction = network.reduction
    if height % reduction or width % reduction:
        raise ValueError(
            f"the network makes sides that are multiples of {reduction}, the image has {height}x{width}"
        )
    z_shape = (1, network.input_channels, height // reduction, width // reduction)
    if z is not None:
        check_observation(z, "z")
        if z.shape != z_shape:
            raise ValueError(f"z is {tuple(z.shape)}, but this network and this image take {z_shape}")
    if loss is not None:
        check_function(loss, "loss")
    return network.to(y.device), z_shape


def prepare(y, network, iterations, learning_rate, seed, fast, make=None, smaller=1):
    """Check what a method was given whose network maps y itself. Returns the engine of that network.

    Args:
        y, network, iterations, learning_rate, seed, fast: as the methods have them.
        make: function of the number of channels that makes the network where none is given; None makes a
            small skip network.
        smaller: how many times smaller than y the images are that the network learns from.
    """
    check_fit(y, iterations, learning_rate, seed)
    channels = y.shape[1]
    make = make or (lambda channels: small_skip_network(channels, channels))
    network = network_or(network, lambda: make(channels), seed)
    check_sizes(network, "input_channels", "output_channels", "scales")
    if (network.input_channels, network.output_channels) != (channels, channels):
        raise ValueError(
            f"the network maps {network.input_channels} to {network.output_channels} channels, but y has "
            f"{channels}, and must be mapped to as many"
        )
    if getattr(network, "reduction", 1) != 1:
        raise ValueError(
            f"the network makes images {network.reduction} times larger, but the output must be as large as y"
        )
    check_side(y.shape, smaller * max(8, 2 ** (network.scales + 1)), "y")
    return Engine(network.to(y.device), learning_rate, fast)
