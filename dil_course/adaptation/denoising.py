"""Adapt a trained denoiser to the one noisy picture at hand: by SURE, hidden pixels, or its own result."""

import torch

from dil_course import runtime
from dil_course.adaptation.fallback import first_where_it_fails
from dil_course.adaptation.freedom import free
from dil_course.fitting import Engine, Step
from dil_course.fitting.risks import probe, sure
from dil_course.from_scratch.internal_pairs import random_window
from dil_course.from_scratch.self_supervised.blind_spot import WIDTH, grid, masked_mean, neighbour_mean
from dil_course.signals.validation import (
    check_integer,
    check_maps,
    check_module,
    check_number,
    check_side,
    check_sigma,
    check_target,
)

SIDE = 40  # of the patches that a network is adapted on, in pixels
PATCHES = 8  # that it sees at a time
SCALES = (1, 0.9)  # of the picture that they are cut from, as structures recur at slightly smaller scales


def tune_by_sure(y, denoiser, sigma, what="gain", iterations=None, learning_rate=None, seed=0):
    """Adapt by Stein's unbiased risk estimate of the denoiser on y (see `fitting.risks.sure`).

    Mohan et al., "Adaptive Denoising via GainTuning" (NeurIPS 2021), section 3, with `what="gain"`. Built in
    lesson 12.

    Args:
        y: noisy picture (1,C,H,W), computed on its own device.
        denoiser: trained network, called with y and sigma, such as `trained("denoiser_gray")`. It is copied,
            and never changed.
        sigma: standard deviation of the noise, in [0,1]; `estimate_sigma(y)` where it is not known.
        what: may change: "all", "norm", "gain" or "low-rank" (see `free`).
        iterations: None takes 100 in the quick profile and 300 in the full one.
        learning_rate: of Adam; None takes 1e-4 for all weights, 1e-3 for a part of them.
        seed: of the probes, and of a low-rank update's first values.

    Returns:
        Generator of Steps. Each estimate (1,C,H,W) is the output of the network as it stands; the first is
        the trained network's own. `step.network` is the adapted copy, for stopping rules such as `LeastRisk`.
        The loss is the risk plus sigma^2: the expected error to a second noisy picture. Where a loss is not
        finite, the run ends with the trained network's own result.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, or y has fewer than
            16 or more than 2048 pixels a side.
    """
    engine, f, iterations = prepare(y, denoiser, sigma, what, iterations, learning_rate, seed)
    generator = runtime.generator(seed, "probe", y.device)

    def objective():
        estimate = f(y)
        loss = sure(f, y, sigma, probe(y, generator), output=estimate) + sigma**2
        return loss, estimate

    return first_where_it_fails(descend(engine, objective, iterations))


def tune_by_masking(y, denoiser, sigma, what="gain", iterations=None, learning_rate=None, seed=0):
    """Adapt by hidden pixels: minimise the mean of (f(y') - y)^2 over a grid that y' does not show.

    As in `noise2self`. It needs no true sigma, because only the denoiser uses the value that is given here.

    Args, Returns, Raises: as `tune_by_sure`. The loss is the mean squared error to y over the grid.
    """
    engine, f, iterations = prepare(y, denoiser, sigma, what, iterations, learning_rate, seed)
    generator = runtime.generator(seed, "grids", y.device)
    neighbours = neighbour_mean(y)

    def objective():
        hidden = grid(y, int(torch.randint(WIDTH**2, (), generator=generator, device=y.device)))
        blind = f(torch.where(hidden, neighbours, y))
        with torch.no_grad():
            estimate = f(y)
        return masked_mean((blind - y) ** 2, hidden), estimate

    return first_where_it_fails(descend(engine, objective, iterations))


def tune_on_restored(y, denoiser, sigma, what="all", iterations=None, learning_rate=None, seed=0):
    """Adapt on patches p of the denoiser's own result: minimise the mean of |f(p + fresh noise) - p|.

    Vaksman, Elad and Milanfar, "LIDIA: Lightweight Learned Image Denoising with Instance Adaptation" (CVPR
    Workshops 2020); Lee and others, "Restore-from-Restored" (2020). All patches are cut from the first
    result, that of the network as trained; results of the adapted network never become targets. Patches are
    cut at two sizes, turned and mirrored, as in Tirer and Giryes, "Super-Resolution via Image-Adapted
    Denoising CNNs" (IEEE Signal Processing Letters 2019); they take 32 at a time, here 8 do. Built in lesson
    12.

    Args:
        y, denoiser, what, seed: as in `tune_by_sure`.
        sigma: standard deviation in [0,1] of the noise of y, and of the noise that is added.
        iterations: None takes 100 in the quick profile, and the 320 of Tirer and Giryes in the full one.
        learning_rate: None takes the 3e-4 of Tirer and Giryes for all weights, 1e-3 for a part of them.

    Returns, Raises: as `tune_by_sure`. The loss is the mean absolute error on the patches.
    """
    iterations = runtime.pick(quick=100, full=320) if iterations is None else iterations
    learning_rate = 3e-4 if learning_rate is None and what == "all" else learning_rate
    engine, f, iterations = prepare(y, denoiser, sigma, what, iterations, learning_rate, seed)
    generator = runtime.generator(seed, "patches", y.device)
    sources = []

    def objective():
        with torch.no_grad():
            estimate = f(y)
        if not sources:
            sources.extend(sizes(estimate))
        patches = torch.cat([patch(sources, generator) for _ in range(PATCHES)])
        noisy = patches + sigma * torch.randn(patches.shape, generator=generator, device=y.device)
        return (f(noisy) - patches).abs().mean(), estimate

    return first_where_it_fails(descend(engine, objective, iterations))


def sizes(x):
    """The picture at its own size, and a little smaller."""
    return [
        x if s == 1 else torch.nn.functional.interpolate(x, scale_factor=s, mode="bicubic", antialias=True)
        for s in SCALES
    ]


def patch(sources, generator):
    """A random window (1,C,side,side) of one of the pictures, turned and mirrored; all are of one size."""
    return random_window(sources, min(SIDE, *(min(x.shape[-2:]) for x in sources)), generator)


def prepare(y, denoiser, sigma, what, iterations, learning_rate, seed):
    """Check the arguments that all methods share, and fill in their defaults.

    Returns:
        The engine of a copy of the denoiser, in which `what` may change; the function f(y), this copy at
        sigma; and the number of iterations.
    """
    check_target(y)
    check_sigma(sigma)
    check_integer(seed, "seed")
    check_side(y.shape, 16, "y")
    check_module(denoiser, "denoiser, a trained network")
    if getattr(denoiser, "channels", y.shape[1]) != y.shape[1]:
        raise ValueError(f"the denoiser is made for {denoiser.channels} channels, but y has {y.shape[1]}")
    iterations = runtime.pick(quick=100, full=300) if iterations is None else iterations
    iterations = check_integer(iterations, "iterations", 1)
    learning_rate = (1e-4 if what == "all" else 1e-3) if learning_rate is None else learning_rate
    check_number(learning_rate, "learning_rate", low=1e-12, high=1e3)
    with runtime.seeded(seed):
        network = free(denoiser, what).to(y.device)
    check_maps(network, (y.clone(), sigma), "denoiser")
    # Of a clone: a network may write into its input.
    return Engine(network, learning_rate, training=False), lambda y: network(y.clone(), sigma), iterations


def descend(engine, objective, iterations, averaged=False):
    """Steps down an objective. Unlike in `Descent`, each comes before its update: the first is as trained.

    Those that are `averaged` are not averaged by `run`, so that an estimate belongs to its network.
    """
    for iteration in range(1, iterations + 1):
        loss, estimate = objective()
        yield Step(iteration, iterations, loss.detach(), estimate.detach(), averaged, engine.network)
        engine.update(loss)
