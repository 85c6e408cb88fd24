"""Tasks to fit a sine, and a small network for them: the first example of learning to adapt.

Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning" (ICML 2017), section 5.1. Built in lesson 14.
"""

import math

import torch

from dil_course import runtime
from dil_course.signals.validation import check_generator, check_integer


def sinusoids(count, generator, points=10):
    """Tasks to fit a sine: amplitude from 0.1 to 5, phase from 0 to pi, x from -5 to 5.

    Finn, Abbeel and Levine, section 5.1.

    Args:
        count: how many tasks.
        generator: torch.Generator.
        points: in the support, and as many in the query.

    Returns:
        (support, query), each (x, y), each of these (count,points,1).

    Raises:
        TypeError, ValueError: an argument is not of this form.
    """
    count, points = check_integer(count, "count", 1), check_integer(points, "points", 1)
    check_generator(generator)
    amplitude = 0.1 + 4.9 * torch.rand(count, 1, 1, generator=generator)
    phase = math.pi * torch.rand(count, 1, 1, generator=generator)
    x = 10 * torch.rand(count, 2 * points, 1, generator=generator) - 5
    y = amplitude * torch.sin(x - phase)
    return (x[:, :points], y[:, :points]), (x[:, points:], y[:, points:])


def sine_network(seed=0, width=40):
    """Weights of a network 1-width-width-1 with ReLU between, for `fitted_sine`: {name: tensor}.

    Drawn as by `torch.nn.Linear`. (The larger weights that He et al. recommend for ReLU are too steep for
    descent at a rate of 0.01 where x reaches 5: it diverges.)
    """
    width = check_integer(width, "width", 1, 10_000)
    sides, weights = (1, width, width, 1), {}
    generator = runtime.generator(seed, "sine network")
    for number, (inputs, outputs) in enumerate(zip(sides, sides[1:], strict=False)):
        for part, shape in (("weight", (outputs, inputs)), ("bias", (outputs,))):
            uniform = 2 * torch.rand(shape, generator=generator) - 1
            weights[f"{part} {number}"] = uniform / math.sqrt(inputs)
    return weights


def fitted_sine(weights, x):
    """What a network with these weights makes of x (...,1)."""
    for number in range(3):
        x = torch.nn.functional.linear(x, weights[f"weight {number}"], weights[f"bias {number}"])
        x = x.relu() if number < 2 else x
    return x


def squared_error(weights, data):
    """Mean squared error of `fitted_sine` for data (x, y)."""
    x, y = data
    return (fitted_sine(weights, x) - y).square().mean()
