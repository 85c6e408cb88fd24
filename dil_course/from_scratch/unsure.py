"""UNSURE: a network that is given y, and fitted without the noise level: its divergence is held at zero."""

import torch

from dil_course import runtime
from dil_course.fitting import Descent
from dil_course.fitting.risks import EPSILON, probe
from dil_course.from_scratch.dip_sure import tiny_network
from dil_course.from_scratch.given import prepare
from dil_course.signals.validation import check_number, check_observation, check_sigma


def unsure(
    y,
    ascent=3e-4,
    first_sigma=0.0,
    network=None,
    iterations=None,
    learning_rate=0.01,
    seed=0,
    fast=True,
):
    """Minimise over theta the misfit of f_theta(y) among functions of divergence zero: SURE without sigma.

        max over eta, min over theta:   mean (f(y) - y)^2 + 2 eta div f(y) / N

    The Lagrange multiplier eta stands where SURE has sigma^2. Adam descends in theta, while eta climbs along
    its own derivative, 2 div f(y) / N, one probe each. Tachella, Davies and Jacques, "UNSURE: self-supervised
    learning with Unknown Noise level and Stein's Unbiased Risk Estimate" (ICLR 2025), which fits a network
    to a set of noisy images; here it is one image, whose N values average in place of the set. The noise must
    be white and Gaussian. Built in lesson 06.

    Args:
        y: noisy picture (1,C,H,W), computed on its own device.
        ascent: step of the multiplier: eta changes by `ascent` times its derivative at each iteration.
        first_sigma: the multiplier starts at its square. Zero is the plain misfit; any start within a factor
            of two of the noise level leads to the same end.
        network: as in `dip_sure`; it must act on y.
        iterations: None takes 1000 in the quick profile and 3000 in the full one.
        learning_rate: of Adam.
        seed: of the network that is made here, and of the probes.
        fast: False computes as the textbook does (see `fitting.Engine`). Never bfloat16.

    Returns:
        Generator of Steps: the Lagrangian before the iteration's update, and the estimate (1,C,H,W). Its
        `memory["multiplier"]["eta"]` is the multiplier (0-d tensor, in squared units of y), which ends
        somewhat above the variance of the noise: the harder the image is to denoise, the further.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, or the picture has
            fewer than 2**(scales + 1) or more than 2048 pixels a side.
    """
    check_observation(y)
    check_number(ascent, "ascent", high=1.0)
    check_sigma(first_sigma, "first_sigma")
    iterations = runtime.pick(quick=1000, full=3000) if iterations is None else iterations
    engine = prepare(y, network, iterations, learning_rate, seed, fast, make=tiny_network)
    engine.bfloat16 = False

    generator = runtime.generator(seed, "probe", y.device)
    multiplier = {"eta": torch.tensor(first_sigma**2, dtype=y.dtype, device=y.device)}

    def objective(iteration):
        b, eta = probe(y, generator), multiplier["eta"]
        output = engine(y)
        divergence = (b * (engine(y + EPSILON * b) - output)).mean() / EPSILON
        multiplier["eta"] = eta + ascent * 2 * divergence.detach()
        return (output - y).square().mean() + 2 * eta * divergence, output

    return Descent(engine, objective, iterations, {"probe": generator, "multiplier": multiplier})
