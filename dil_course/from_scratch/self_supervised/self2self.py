"""Self2Self: predict dropped values from kept ones by a network with dropout, and average its outputs."""

import torch

from dil_course import runtime
from dil_course.fitting import Descent
from dil_course.from_scratch.given import prepare
from dil_course.networks.partial import PartialUNet
from dil_course.signals.validation import check_number


def self2self(y, keep=0.7, network=None, iterations=None, learning_rate=None, seed=0, fast=True):
    """Keep each value of y with probability `keep`, and predict those that were dropped.

    Minimises the mean of (f(m y) - y)^2 where the mask m is 0. Quan, Chen, Pang and Ji, "Self2Self With
    Dropout: Learning Self-Supervised Denoising From Single Image" (CVPR 2020), equation 9. Each estimate is
    the output for one mask and one draw of the dropout, so single estimates are poor; the method's result is
    their mean. The paper averages 100 at the end, here the run's average does. It assumes noise of mean zero
    that is independent from pixel to pixel, and between colours; it needs no sigma. Built in lesson 07.

    Args:
        y: noisy picture (1,C,H,W), computed on its own device.
        keep: probability, in (0, 1]. 1 hides nothing and takes the loss over all values, so that the identity
            would be the best solution, and only the dropout keeps the network from it.
        network: a `PartialUNet`; fitted in place. None makes one from the seed, 16 wide with 2 halvings in
            the quick profile, the paper's 48 and 5 in the full one, beginning at the mean of y.
        iterations: None takes 500 in the quick profile, and the 150,000 of the authors' code in the full one.
        learning_rate: of Adam; None takes 6e-3 in the quick profile and the paper's 1e-4 in the full one.
        seed: of the network that is made here, of the masks and the dropout.
        fast: as in `noise2noise`.

    Returns, Raises: as `noise2noise`; also ValueError where keep is not in (0, 1].
    """
    iterations = runtime.pick(quick=500, full=150_000) if iterations is None else iterations
    learning_rate = runtime.pick(quick=6e-3, full=1e-4) if learning_rate is None else learning_rate
    check_number(keep, "keep", low=1e-6, high=1)
    if not isinstance(network, PartialUNet | None):
        raise TypeError(
            "network: expected a PartialUNet, which also takes the mask of known values, got "
            f"{type(network).__name__}"
        )
    engine = prepare(y, network, iterations, learning_rate, seed, fast, make=lambda channels: _network(y))

    generator = runtime.generator(seed, "kept", y.device)
    forgets = runtime.generator(seed, "forgotten", y.device)

    def objective(iteration):
        kept = (torch.rand(y.shape, generator=generator, device=y.device) < keep).to(y)
        judged = 1 - kept if keep < 1 else kept
        estimate = engine.network(y * kept, kept, forgets)
        return torch.sum(judged * (estimate - y) ** 2) / judged.sum().clamp(min=1), estimate

    return Descent(engine, objective, iterations, {"kept": generator, "forgotten": forgets})


def _network(y):
    """A network whose first outputs are close to the mean of each channel of y.

    Without batch norm, the output of freshly drawn weights is nearly black or white everywhere, or the first
    steps of Adam, all in one direction, drive it there; the sigmoid then passes no gradient, and the run
    stays white (`page`) or black (`shepp_logan_phantom`).
    """
    network = PartialUNet(y.shape[1], **runtime.pick(quick={"width": 16, "scales": 2}, full={}))
    with torch.no_grad():
        network.to_picture.weight *= 0.1
        network.to_picture.bias += torch.logit(y.mean((0, 2, 3)), eps=0.02).cpu()
    return network
