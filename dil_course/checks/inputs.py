"""What the checks of more than one problem set have in common: inputs, and the form of their tables."""

import torch


def shared_noise(shape, generator):
    """Noise of standard deviation one that neighbours share: each number is a mean of 3 x 3 white ones.

    Borders wrap around.
    """
    white = torch.randn(shape, generator=generator)
    mixed = torch.nn.functional.avg_pool2d(
        torch.nn.functional.pad(white, [1] * 4, mode="circular"), 3, stride=1
    )
    return mixed / mixed.std()


def with_hints(*groups):
    """A table of mistakes for `tasks.match`, from groups of mistakes that get the same hints.

    Args:
        groups: pairs (hints, {what it looks like: the result of that mistake}).
    """
    return {says: (result, *hints) for hints, results in groups for says, result in results.items()}
