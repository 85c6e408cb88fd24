"""What all self-supervised methods begin with."""

from dil_course import runtime
from dil_course.fitting import Engine
from dil_course.from_scratch.given import check_sizes
from dil_course.networks import small_skip_network
from dil_course.signals.validation import check_integer, check_number, check_side, check_target


def prepare(y, network, iterations, learning_rate, seed, fast, make=None, smaller=1):
    """Check the arguments that all methods share, and return the engine of the network that will be fitted.

    Args:
        y, network, iterations, learning_rate, seed, fast: as the methods have them.
        make: function of the number of channels that makes the network where none is given; None makes a
            small skip network.
        smaller: how many times smaller than y the pictures are that the network learns from.

    Raises:
        TypeError, ValueError: an argument is not of its form, the network maps other channels, or y is too
            small for it.
    """
    check_target(y)
    check_integer(iterations, "iterations", 1)
    check_number(learning_rate, "learning_rate", low=1e-12, high=1e3)
    check_integer(seed, "seed")
    channels = y.shape[1]
    if network is None:
        with runtime.seeded(seed):
            network = make(channels) if make else small_skip_network(channels, channels)
    check_sizes(network, "input_channels", "output_channels", "scales")
    if (network.input_channels, network.output_channels) != (channels, channels):
        made = f"{network.input_channels} to {network.output_channels}"
        raise ValueError(
            f"the network maps {made} channels, but y has {channels}, and must be mapped to as many"
        )
    if getattr(network, "reduction", 1) != 1:
        raise ValueError(
            f"the network makes pictures {network.reduction} times larger, but y must be mapped to one of "
            "its own size"
        )
    check_side(y.shape, smaller * max(8, 2 ** (network.scales + 1)), "y")
    return Engine(network.to(y.device), learning_rate, fast)
