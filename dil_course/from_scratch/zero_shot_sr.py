"""Zero-shot super-resolution: a network learns from one image to restore what making it smaller removes."""

import math

import numpy as np
import torch

from dil_course import runtime
from dil_course.fitting import Engine, Step
from dil_course.from_scratch.given import adjoint_of, check_fit, network_or
from dil_course.from_scratch.internal_pairs import (
    SMALLEST,
    pair,
    resized,
    some_fathers,
    turn,
    turn_back,
    turns_of,
    window,
)
from dil_course.networks import ResidualNetwork
from dil_course.signals import Downsample, enlarge
from dil_course.signals.validation import (
    check_flag,
    check_integer,
    check_maps,
    check_module,
    check_side,
    check_sigma,
)

LAST_ERRORS = 5  # as many of the last reconstruction errors are fitted by a line
LAST_RATE = 9e-6  # the run ends when the learning rate has come down to this
WARM_UP = 50  # iterations in which the learning rate rises: else some seeds lose most of their ReLUs at once


def zero_shot_sr(
    y,
    A=None,
    network=None,
    iterations=None,
    learning_rate=None,
    side=None,
    every=None,
    noise=0.0,
    gradual=None,
    seed=0,
    fast=True,
    trained=False,
):
    """Learn to undo A from pairs of y and A(y), then undo A on y itself.

    Shocher, Cohen and Irani, "Zero-Shot Super-Resolution Using Deep Internal Learning" (CVPR 2018). Built in
    lesson 08. "Fathers" are y and smaller versions of it; a "son" is what A makes of a father. The network
    maps the enlarged son to its father, mean absolute error, on windows. At the end the picture is the mean
    over all ways to turn and flip it that leave A as it is, and is back-projected (Irani and Peleg, 1991)
    so that A(picture) is close to y.

    Where this differs from the paper: it takes windows at random, and we the one of three in which most is
    missing. It starts at the full learning rate, and ours rises over the first 50 iterations. When the errors
    of y, restored from its own son, stall, the paper divides the rate by 10, and we by 1.5. (Whether they
    stall is asked as in the authors' code: 1.5 times the slope of a line through the last errors against its
    standard error.) The paper takes the median of the eight views, each back-projected before, and
    back-projects it again. No difference is worth more than a tenth of a decibel (benchmarks/RESULTS.md).

    Args:
        y: small picture (1,C,h,w), computed on its own device.
        A: what made y smaller, with `scales` (see `Downsample`, `BlurDownsample`); None is Downsample(2).
            With any other operator than Downsample nothing is turned or flipped: its kernel would turn too.
        network: module that maps (1,C,H,W) to (1,C,H,W), with attribute `channels`; fitted in place. None
            makes a `ResidualNetwork`, 32 wide in the quick profile and 64, the paper's, in the full one, from
            the seed.
        iterations: at most so many for each step of the scale; None takes 2000 in the quick profile, 1500 in
            the full one (the paper has 3000 at most).
        learning_rate: at the start, of Adam; None takes 3e-3 or the paper's 1e-3.
        side: of the windows in pixels; None takes 48, or 64 in the full profile (the paper has 128).
        every: iterations between two looks at the reconstruction error; None takes 40 or the paper's 50.
        noise: standard deviation of noise that is added to sons, for a y that is noisy itself (the paper
            takes 0.0125). Above 0 the correction at the end is left out: it would reintroduce the noise of y.
        gradual: in how many steps to enlarge, all by the same ratio: scale 2 in three steps passes through
            2^(1/3) and 2^(2/3). Each result is a father of the next. None takes one step in the quick profile
            and three, for Downsample, in the full one (the paper has six). From scale 3 on three gain a
            decibel or more.
        seed: of the network that is made here, the windows, fathers and noise.
        fast: False computes as the textbook does (see `fitting.Engine`).
        trained: the network has learned elsewhere. It stays in evaluation mode, and the first estimate is its
            own; else that is bicubic interpolation.

    Returns:
        Generator of Steps. The estimate (1,C,H,W), in [0,1], is made anew now and then, and by all turns in
        the last Step; so it is no single output to be averaged by `run`.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, or y is too small:
            its son must have at least 8 pixels a side, and y at least 18.
    """
    A = Downsample(2) if A is None else A
    steps = runtime.pick(quick=1, full=3) if isinstance(A, Downsample) else 1
    iterations = runtime.pick(quick=2000, full=1500) if iterations is None else iterations
    learning_rate = runtime.pick(quick=3e-3, full=1e-3) if learning_rate is None else learning_rate
    side = runtime.pick(quick=48, full=64) if side is None else side
    every = runtime.pick(quick=40, full=50) if every is None else every
    gradual = check_integer(steps if gradual is None else gradual, "gradual", 1, 100)
    settings = _checked(y, A, iterations, learning_rate, side, every, noise, gradual, seed, trained)
    network = _network(y, A, network, seed)

    draw = np.random.default_rng([seed, 8])
    return _steps_of_scale(y, A, network, gradual, learning_rate, fast, draw, settings)


def _steps_of_scale(y, A, network, gradual, learning_rate, fast, draw, settings):
    """The whole run: for each intermediate scale, learn, enlarge y, and keep the result as a new father."""
    fathers, before, total = [y], 0, gradual * settings["iterations"]
    for number in range(1, gradual + 1):
        scales = tuple(scale ** (number / gradual) for scale in A.scales)
        part = A if number == gradual else Downsample(scales)
        engine = Engine(network, learning_rate, fast, training=not settings["trained"])
        for iteration, loss, estimate in _learn(y, fathers, part, engine, draw, **settings):
            shown = estimate if number == gradual else resized(estimate, A.adjoint(y).shape[-2:])
            yield Step(before + iteration, total, loss, shown.clamp(0, 1), averaged=True)
        before += iteration
        fathers.append(estimate.clamp(0, 1))


def _learn(y, fathers, A, engine, draw, iterations, side, every, noise, trained):
    """Fit the network to pairs for one A. Yields (iteration, loss, estimate); the last uses all turns."""
    turns = turns_of(A)
    estimate = restore(engine, y, A, corrected=not noise) if trained else enlarge(y, A)
    errors, rate = [], engine.learning_rate
    # Iterations between two estimates, so that making them takes about a tenth of the time.
    look = max(every, 4 * estimate[0, 0].numel() // side**2)
    for iteration in range(1, iterations + 1):
        if iteration % every == 1 or every == 1:
            pairs = [pair(father, A, noise, draw) for father in some_fathers(fathers, draw)]
        son, father = window(pairs, side, turns, draw)
        loss = torch.mean((engine(son) - father).abs())
        engine.learning_rate = rate * min(1, iteration / WARM_UP)
        engine.update(loss)
        if iteration % every == 0:
            errors.append(reconstruction_error(engine, y, A))
            rate = rate / 1.5 if stalls(errors) else rate
        last = iteration == iterations or rate < LAST_RATE
        if last or iteration % look == 0:
            estimate = restore(engine, y, A, turns if last else turns[:1], corrected=not noise)
        yield iteration, loss.detach(), estimate
        if last:
            return


@torch.no_grad()
def reconstruction_error(network, y, A):
    """Mean squared error of y, as the network restores it from y's own son."""
    son, father = pair(y, A)
    return float(torch.mean((network(son) - father) ** 2))


def stalls(errors):
    """Does the line through the last errors fall no more clearly than they scatter about it?"""
    if len(errors) < LAST_ERRORS:
        return False
    (slope, _), covariance = np.polyfit(range(LAST_ERRORS), errors[-LAST_ERRORS:], 1, cov=True)
    return -1.5 * slope <= math.sqrt(covariance[0, 0])


@torch.no_grad()
def restore(network, y, A, turns=(0,), corrected=True):
    """y enlarged by the network: the mean over `turns`, then back-projected until A of it is close to y."""
    enlarged = enlarge(y, A)
    x = torch.stack([turn_back(network(turn(enlarged, number)), number) for number in turns]).mean(0)
    return back_projected(x, y, A) if corrected else x


@torch.no_grad()
def back_projected(x, y, A, rounds=10):
    """x, to which what A of it lacks of y has been added so many times, enlarged by bicubic interpolation."""
    for _ in range(rounds):
        x = x + enlarge(y - A(x), A)
    return x


def _checked(y, A, iterations, learning_rate, side, every, noise, gradual, seed, trained):
    """Settings of `_learn`, where all arguments are in order and y is large enough for a father and a son."""
    iterations = check_fit(y, iterations, learning_rate, seed)
    if not hasattr(A, "scales"):
        raise TypeError(
            "A: expected an operator that makes images smaller, such as Downsample(2), got "
            f"{type(A).__name__}"
        )
    smallest = max(SMALLEST, math.ceil(8 * max(A.scales)))
    height, width = y.shape[-2:]
    if min(height, width) < smallest:
        raise ValueError(
            f"y: {height}x{width} pixels are too few, this needs at least {smallest}x{smallest}: the network "
            "learns from y and its own smaller version, which would be too small"
        )
    check_side(adjoint_of(y, A).shape, smallest, "the enlarged image")
    side = check_integer(side, "side", 9)
    every = check_integer(every, "every", 1)
    check_sigma(noise, "noise")
    check_flag(trained, "trained")
    if gradual > 1 and not isinstance(A, Downsample):
        raise ValueError(
            "gradual: only Downsample can be taken in several steps: for any other A leave gradual at 1"
        )
    return {"iterations": iterations, "side": side, "every": every, "noise": noise, "trained": trained}


def _network(y, A, network, seed):
    """The network on y's device, which maps the enlarged y to an image of its shape."""
    width = runtime.pick(quick=32, full=64)
    network = network_or(network, lambda: ResidualNetwork(y.shape[1], width), seed)
    check_module(network, attributes=("channels",))
    if network.channels != y.shape[1]:
        raise ValueError(f"the network is made for {network.channels} channels, but y has {y.shape[1]}")
    network = network.to(y.device)
    check_maps(network, (enlarge(y, A),), "network")
    return network
