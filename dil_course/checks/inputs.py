"""What the tasks of more than one problem set are given, and how they take answers of several parts."""

from collections.abc import Iterator, ValuesView

import numpy as np
import torch

from dil_course.checks.tasks import call, tensor


def call_for_parts(answer, *inputs):
    """Call a student's function that returns several parts: in a list, tuple, array or tensor, or one by one.

    Returns:
        List of float64 tensors, one for each part; of length one if what came is no collection.

    Raises:
        Wrong: as `tasks.call` and `tasks.tensor` do.
    """

    def collected(*inputs):
        given = answer(*inputs)
        return list(given) if isinstance(given, Iterator | ValuesView) else given

    given = call(collected if callable(answer) else answer, *inputs)
    if isinstance(given, torch.Tensor | np.ndarray):
        given = list(given) if given.ndim else [given]
    return [tensor(part) for part in (given if isinstance(given, list | tuple) else [given])]


def call_for_numbers(answer, *inputs):
    """Call a student's function that returns several numbers, as `call_for_parts` does: one tensor of all."""
    return torch.cat([torch.zeros(0), *(part.flatten() for part in call_for_parts(answer, *inputs))])


def shared_noise(shape, generator):
    """Noise of standard deviation one that neighbours share: each number is a mean of 3 x 3 white ones.
    Borders wrap around.
    """
    white = torch.randn(shape, generator=generator)
    mixed = torch.nn.functional.avg_pool2d(
        torch.nn.functional.pad(white, [1] * 4, mode="circular"), 3, stride=1
    )
    return mixed / mixed.std()
