"""Make pairs by taking pixels apart: Neighbor2Neighbor, Zero-Shot Noise2Noise and Noise2Fast.

Neighbouring pixels of the clean image are nearly equal, and their noise is independent. So two smaller
images that are made from different pixels are nearly a pair for Noise2Noise. All three methods assume such
noise, and that the image changes little from pixel to pixel. Compared in lesson 07.
"""

import torch
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.fitting import Descent, Engine
from dil_course.from_scratch.given import check_fit, network_or, prepare
from dil_course.signals.images import quarters
from dil_course.signals.validation import (
    check_finite,
    check_maps,
    check_module,
    check_number,
    check_range,
    check_side,
)

PATIENCE = 100  # iterations without a better fit to y after which Noise2Fast ends


def two_of_each_cell(y, pairs):
    """Two images (1,C,H//2,W//2): of each cell of y the pixels, 0 to 3, that `pairs` (2,H//2,W//2) names."""
    cells = torch.stack(quarters(y))
    return [cells.gather(0, chosen.expand(1, *cells.shape[1:]))[0] for chosen in pairs]


def neighbor2neighbor(y, gamma=2.0, network=None, iterations=None, learning_rate=0.01, seed=0, fast=True):
    """Of each cell of 2 x 2 pixels, predict one pixel from another one beside it.

        mean (f(g1 y) - g2 y)^2 + gamma mean (f(g1 y) - g2 y - (g1 f(y) - g2 f(y)))^2

    g1 and g2 choose two pixels of each cell that share a side, at random. The second term corrects for the
    difference that these two have without noise; its weight rises linearly to gamma over the run. Huang et
    al., "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images" (CVPR 2021), equation 11. The
    authors train on a data set; here on one image, so the run must be short, before the network learns the
    noise of these pairs.

    Args:
        y: noisy picture (1,C,H,W), computed on its own device.
        gamma: weight of the second term at the end.
        network, learning_rate, fast: as in `noise2noise`.
        iterations: None takes 150 in the quick profile and 400 in the full one.
        seed: of the network that is made here, and of the chosen pixels.

    Returns, Raises: as `noise2noise`, but the least number of pixels a side is twice as large.
    """
    iterations = runtime.pick(quick=150, full=400) if iterations is None else iterations
    engine = prepare(y, network, iterations, learning_rate, seed, fast, smaller=2)
    check_number(gamma, "gamma")

    generator = runtime.generator(seed, "cells", y.device)
    touching = torch.tensor([(0, 1), (0, 2), (1, 3), (2, 3), (1, 0), (2, 0), (3, 1), (3, 2)], device=y.device)
    shape = quarters(y)[0].shape[-2:]

    def objective(iteration):
        drawn = torch.randint(len(touching), shape, generator=generator, device=y.device)
        pairs = touching[drawn].permute(2, 0, 1)
        with torch.no_grad():
            estimate = engine(y)
        g1, g2 = two_of_each_cell(y, pairs)
        f1, f2 = two_of_each_cell(estimate, pairs)
        difference = engine(g1) - g2
        excess = difference - (f1 - f2)
        weight = gamma * iteration / iterations
        return difference.square().mean() + weight * excess.square().mean(), estimate

    return Descent(engine, objective, iterations, {"cells": generator})


def diagonals(y):
    """Two pictures (1,C,H//2,W//2): the means of the two diagonals of each cell of 2 x 2 pixels."""
    upper_left, upper_right, lower_left, lower_right = quarters(y)
    return (upper_right + lower_left) / 2, (upper_left + lower_right) / 2


def noise_network(channels, width=48):
    """The network of Zero-Shot Noise2Noise, which predicts the noise: 22,275 weights for colour images."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(width, width, 3, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(width, channels, 1),
    )


def zero_shot_noise2noise(y, network=None, iterations=None, learning_rate=1e-3, seed=0, fast=True):
    """Predict the mean of one diagonal of each cell from the other, and be consistent at full size.

    With f(y) = y - network(y), and D1, D2 the two `diagonals`, half of the sum of

        |f(D1 y) - D2 y|^2 + |f(D2 y) - D1 y|^2     (residual)
        |f(D1 y) - D1 f(y)|^2 + |f(D2 y) - D2 f(y)|^2     (consistency)

    as means. Mansour and Heckel, "Zero-Shot Noise2Noise: Efficient Image Denoising without any Data" (CVPR
    2023), section 3. The learning rate is halved in the middle of the run. It needs no sigma, and its network
    is too small to overfit fast.

    Args:
        y: noisy picture (1,C,H,W), computed on its own device.
        network: module that maps (1,C,H,W) to the noise (1,C,H,W); fitted in place. None makes the
            `noise_network`.
        iterations: None takes 500 in the quick profile and the paper's 2000 in the full one.
        learning_rate, seed, fast: as in `noise2noise`.

    Returns, Raises: as `noise2noise`; the picture must have at least 4 pixels a side.
    """
    iterations = runtime.pick(quick=500, full=2000) if iterations is None else iterations
    engine = _engine_of_noise(y, network, iterations, learning_rate, seed, fast)

    y1, y2 = diagonals(y)

    def squares(a, b):
        return (a - b).square().mean() / 2

    def objective(iteration):
        engine.learning_rate = learning_rate if iteration <= iterations / 2 else learning_rate / 2
        f, f1, f2 = y - engine(y), y1 - engine(y1), y2 - engine(y2)
        d1, d2 = diagonals(f)
        return squares(f1, y2) + squares(f2, y1) + squares(f1, d1) + squares(f2, d2), f

    return Descent(engine, objective, iterations)


def _engine_of_noise(y, network, iterations, learning_rate, seed, fast):
    """The engine of a network that maps images to their noise; it need not tell its sizes."""
    check_fit(y, iterations, learning_rate, seed)
    check_side(y.shape, 4, "y")
    network = network_or(network, lambda: noise_network(y.shape[1]), seed)
    check_module(network)
    network = network.to(y.device)
    check_maps(network, (y.clone(),), "network")  # a network may work in place
    return Engine(network, learning_rate, fast)


def chequerboard(y):
    """Two images (1,C,H,W//2) of every second pixel, the black and the white fields of a chequerboard."""
    height, width = (side // 2 * 2 for side in y.shape[-2:])
    even, odd = y[..., 0:height:2, :width], y[..., 1:height:2, :width]

    def rows(first, second):
        return torch.stack([even[..., first::2], odd[..., second::2]], -2).flatten(-3, -2)

    return rows(0, 1), rows(1, 0)


def noise2fast(y, network=None, iterations=None, learning_rate=0.01, seed=0, fast=True):
    """Predict the white fields of a chequerboard from the black ones, and the other way round.

    The fields of one colour are squeezed together along rows, or along columns. Lequyer, Philip, Sharma, Hsu
    and Pelletier, "A fast blind zero-shot denoiser" (Nature Machine Intelligence 2022). Of the four pairs one
    is drawn at each iteration; the loss is the binary cross-entropy of images that are stretched to [0,1].
    The run ends when f(y) has come no closer to y for 100 iterations. It needs no sigma.

    Args:
        y: noisy picture (1,C,H,W), computed on its own device.
        network, learning_rate, fast: as in `noise2noise`; the network's outputs lie in [0,1].
        iterations: at most so many; None takes 400 in the quick profile and 1500 in the full one.
        seed: of the network that is made here, and of the order of the pairs.

    Returns, Raises: as `noise2noise`, but the least number of pixels a side is twice as large; also
        ValueError where y is constant.
    """
    iterations = runtime.pick(quick=400, full=1500) if iterations is None else iterations
    engine = prepare(y, network, iterations, learning_rate, seed, fast, smaller=2)
    darkest, span = y.min(), y.max() - y.min()
    if not span:
        raise ValueError("y: all values are equal, so there is nothing to learn from")

    stretched = (y - darkest) / span
    black, white = chequerboard(stretched)
    black_columns, white_columns = (half.mT for half in chequerboard(stretched.mT))
    pairs = [
        (black, white),
        (white, black),
        (black_columns, white_columns),
        (white_columns, black_columns),
    ]
    generator = runtime.generator(seed, "pairs", y.device)

    def objective(iteration):
        source, target = pairs[int(torch.randint(4, (), generator=generator, device=y.device))]
        with torch.no_grad():
            estimate = engine(stretched)
        predicted = engine(source)
        check_finite(predicted, "the network's output")
        check_range(predicted, "the network's output", "end the network with a sigmoid")
        return F.binary_cross_entropy(predicted, target), darkest + span * estimate

    return _until_it_rests(Descent(engine, objective, iterations), y)


def _until_it_rests(steps, y):
    """The steps, up to PATIENCE after the one whose estimate is closest to y."""
    least, best = float("inf"), 0
    for step in steps:
        yield step
        misfit = (step.estimate - y).square().mean().item()
        if misfit < least:
            least, best = misfit, step.iteration
        if step.iteration - best >= PATIENCE:
            return
