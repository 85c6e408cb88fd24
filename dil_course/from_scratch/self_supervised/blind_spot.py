"""Learn to predict pixels from their surroundings: Noise2Void, Noise2Self, and any denoiser made blind."""

from collections.abc import Collection

import torch
from torch.nn import functional as F

from dil_course import runtime
from dil_course.fitting import Descent
from dil_course.from_scratch.given import prepare
from dil_course.signals.validation import (
    check_function,
    check_integer,
    check_number,
    check_observation,
    check_returned,
    check_scale,
    describe,
)

WIDTH = 4  # of the grid: one pixel of 16 is hidden at a time
RADIUS = 5  # pixels: the largest shift, in each direction, to the pixel that Noise2Void shows in place of one


def noise2void(y, share=0.015, network=None, iterations=None, learning_rate=0.01, seed=0, fast=True):
    """Hide a few random pixels, and predict them: minimise the mean of (f(y') - y)^2 over the hidden pixels.

    Krull, Buchholz and Jug, "Noise2Void: Learning Denoising from Single Noisy Images" (CVPR 2019), section
    3.4. In y' each hidden pixel shows the colour of a random other one at most 5 pixels away, never its own.
    It assumes noise of mean zero that is independent from pixel to pixel. Built in lesson 07.

    Args:
        y: noisy picture (1,C,H,W), computed on its own device.
        share: expected fraction of the pixels that are hidden at a time, in (0, 1).
        network, learning_rate, fast: as in `noise2noise`.
        iterations: None takes 600 in the quick profile and 3000 in the full one.
        seed: of the network that is made here, and of the pixels.

    Returns, Raises: as `noise2noise`; also ValueError where share is not in (0, 1).
    """
    iterations = runtime.pick(quick=600, full=3000) if iterations is None else iterations
    engine = prepare(y, network, iterations, learning_rate, seed, fast)
    check_number(share, "share", low=1e-6, high=1 - 1e-6)

    generator = runtime.generator(seed, "hidden", y.device)

    def objective(iteration):
        hidden = hide(y, share, generator)
        estimate = engine(torch.where(hidden, strangers(y, generator), y))
        return masked_mean((estimate - y) ** 2, hidden), estimate

    return Descent(engine, objective, iterations, {"hidden": generator})


def hide(y, share, generator):
    """Random pixels (1,1,H,W), True with probability `share`, at least one of them."""
    drawn = torch.rand(1, 1, *y.shape[-2:], generator=generator, device=y.device)
    return drawn <= torch.clamp(drawn.min(), min=share)


def strangers(y, generator):
    """For each pixel of y the colour of a random other one, at most RADIUS away in each direction: (1,C,H,W).

    Beyond the border the image is mirrored.
    """
    height, width = y.shape[-2:]
    side = 2 * RADIUS + 1
    drawn = torch.randint(side**2 - 1, (height, width), generator=generator, device=y.device)
    drawn = drawn + (drawn >= side**2 // 2)  # leaves out the middle: a pixel never stands in for itself
    own_row, own_column = torch.arange(height, device=y.device)[:, None], torch.arange(width, device=y.device)
    row = mirror(own_row + drawn // side - RADIUS, height)
    column = mirror(own_column + drawn % side - RADIUS, width)
    itself = (row == own_row) & (column == own_column)  # the mirror may lead back
    return y[..., row, torch.where(itself, mirror(column + 1, width), column)]


def mirror(index, size):
    """Indices outside 0 .. size - 1, mirrored at the first and the last one."""
    return (size - 1) - ((size - 1) - index.abs()).abs()


def masked_mean(x, mask):
    """Mean of x (1,C,H,W) where the mask (1,1,H,W) is True."""
    return torch.sum(x * mask) / (x.shape[1] * mask.sum())


def grid(y, phase):
    """Mask (1,1,H,W) of every fourth pixel in every fourth row, the `phase`-th of 16 ways to begin."""
    rows, columns = (torch.arange(side, device=y.device) % WIDTH for side in y.shape[-2:])
    return ((rows[:, None] == phase // WIDTH) & (columns == phase % WIDTH))[None, None]


def held_out(y):
    """Mask (1,1,H,W) of the pixels that `noise2self` predicts, but never learns from: for `HeldOut`."""
    check_observation(y)
    return grid(y, WIDTH**2 - 1)


def neighbour_mean(y):
    """Each pixel's mean over its eight neighbours, of which those that share a side with it count twice."""
    kernel = torch.tensor([[1, 2, 1], [2, 0, 2], [1, 2, 1]], dtype=y.dtype, device=y.device) / 12
    mirrored = F.pad(y, (1, 1, 1, 1), mode="reflect")
    return F.conv2d(mirrored.transpose(0, 1), kernel[None, None]).transpose(0, 1)


def noise2self(y, network=None, iterations=None, learning_rate=0.01, seed=0, fast=True):
    """Hide a grid of pixels, and predict it from all others: minimise the mean of (f(y') - y)^2 over it.

    Batson and Royer, "Noise2Self: Blind Denoising by Self-Supervision" (ICML 2019), section 3.1: 16 grids of
    every fourth pixel, of which one is drawn at each iteration; in y' the hidden pixels show the mean of
    their neighbours. The estimate is J-invariant: each of its pixels was predicted without that pixel of y.
    One grid never enters the loss and is only predicted, for the rule `HeldOut(y, held_out(y))`. It assumes
    noise of mean zero that is independent from pixel to pixel. Built in lesson 07.

    Args:
        y: noisy picture (1,C,H,W), computed on its own device.
        network, iterations, learning_rate, fast: as in `noise2noise`.
        seed: of the network that is made here, and of the order of the grids.

    Returns, Raises: as `noise2noise`.
    """
    iterations = runtime.pick(quick=400, full=1500) if iterations is None else iterations
    engine = prepare(y, network, iterations, learning_rate, seed, fast)

    generator = runtime.generator(seed, "grids", y.device)
    grids = [grid(y, phase) for phase in range(WIDTH**2)]
    neighbours = neighbour_mean(y)
    shown = {"estimate": neighbours}

    def objective(iteration):
        hidden = grids[int(torch.randint(WIDTH**2 - 1, (), generator=generator, device=y.device))]
        output = engine(torch.where(hidden, neighbours, y))
        estimate = torch.where(hidden, output.detach(), shown["estimate"])
        if iteration % WIDTH**2 == 1:
            last = grids[-1]
            with torch.no_grad():
                estimate = torch.where(last, engine(torch.where(last, neighbours, y)), estimate)
        shown["estimate"] = estimate
        # A clone is the caller's to change: the next estimate is made of our own.
        return masked_mean((output - y) ** 2, hidden), estimate.clone()

    return Descent(engine, objective, iterations, {"grids": generator, "shown": shown})


def blind(denoiser):
    """The J-invariant version of any denoiser: no pixel of its output depends on the same pixel of its input.

    Batson and Royer, equation 3, with the 16 grids and the mean of the neighbours in place of the hidden
    pixels. It calls the denoiser 16 times.

    Args:
        denoiser: function of a picture (1,C,H,W) that returns one.
    """
    check_function(denoiser, "denoiser")

    def blinded(y):
        check_observation(y)
        check_integer(min(y.shape[-2:]), "sides of y", WIDTH)
        neighbours, result = neighbour_mean(y), torch.zeros_like(y)
        for phase in range(WIDTH**2):
            hidden = grid(y, phase)
            denoised = denoiser(torch.where(hidden, neighbours, y))
            check_returned(denoised, y, "the result of the denoiser", "y")
            check_scale(denoised, "the result of the denoiser")
            result = torch.where(hidden, denoised, result)
        return result

    return blinded


def calibrate(denoiser, y, values):
    """Choose a denoiser's parameter by the error of its blind version to y, without truth or sigma.

    Batson and Royer, section 2.1: for a J-invariant f, the mean of (f(y) - y)^2 is that of (f(y) - x)^2 plus
    sigma^2 in expectation, so both are least for the same parameter.

    Args:
        denoiser: function of a picture (1,C,H,W) and the parameter.
        y: noisy picture (1,C,H,W).
        values: candidates for the parameter.

    Returns:
        the best value, and the list of errors (mean squared, to y).

    Raises:
        TypeError, ValueError: y is no finite (1,C,H,W) tensor, has fewer than 4x4 pixels, or there are no
            values.
    """
    check_function(denoiser, "denoiser")
    check_observation(y)
    if not isinstance(values, Collection) or getattr(values, "ndim", 1) != 1:
        raise TypeError(f"values: expected some to try, such as [0.5, 1.0], got {describe(values)}")
    values = list(values)
    check_integer(len(values), "number of values", 1)

    errors = []
    for value in values:
        f = blind(lambda picture, value=value: denoiser(picture, value))
        errors.append((f(y) - y).square().mean().item())
    return values[errors.index(min(errors))], errors
