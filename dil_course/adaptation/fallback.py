"""What an adaptation returns when it fails: the result of the trained network with which it began."""

import torch

from dil_course.fitting import Step
from dil_course.signals.validation import NotFiniteError


def first_where_it_fails(steps):
    """The steps; where a loss is not finite, the first one's result once more, as the last one.

    Args:
        steps: iterator of Steps, of which the first holds the trained network's own estimate.

    Returns:
        Generator of Steps. One that stands in for a failure holds the first estimate, its loss (0 where that
        was not finite either) and no network.
    """
    first, iteration = None, 0
    try:
        for step in steps:
            first, iteration = first or step, step.iteration
            if not torch.isfinite(step.loss):
                break
            yield step
        else:
            return
    except NotFiniteError:  # a risk refuses estimates that are not finite
        if first is None:
            raise
        iteration += 1
    yield Step(iteration, first.total, first.loss.nan_to_num(0, 0, 0), first.estimate, averaged=True)
