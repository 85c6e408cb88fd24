"""DIP-SURE: a network that is given y, and fitted by an unbiased estimate of its own error."""

import torch

from dil_course import runtime
from dil_course.fitting import Descent
from dil_course.fitting.risks import gsure, probe
from dil_course.from_scratch.given import adjoint_of, prepare
from dil_course.networks import small_skip_network
from dil_course.signals import Identity
from dil_course.signals.validation import check_function, check_observation, check_sigma, pinv_of


def dip_sure(
    y,
    sigma,
    A=None,
    pinv=None,
    extra_noise=0.0,
    network=None,
    iterations=None,
    learning_rate=0.01,
    seed=0,
    fast=True,
    risk=None,
):
    """Minimise over theta the generalized SURE of f_theta(A^T y), by one fresh probe at each iteration.

    A network as small as the one made here overfits late, not never: at 128 pixels the average of one run
    lost 2.6 dB between its iterations 800 and 3000. Jo, Chun and Choi, "Rethinking Deep Image Prior for
    Denoising" (ICCV 2021), keep a large one and stop it. SURE as the loss of a network: Soltanayev and Chun,
    "Training deep learning based denoisers without ground truth data" (NeurIPS 2018),
    and, for a single image too, Metzler et al., "Unsupervised Learning with Stein's Unbiased Risk Estimator"
    (arXiv 1805.10531). With an operator: Abu-Hussein, Tirer, Chun, Eldar and Giryes, "Image Restoration
    by Deep Projected GSURE" (WACV 2022), section 3. The network must act on y, not on a fixed z: otherwise
    its derivative with respect to y is zero, and nothing keeps it from fitting the noise. Built in lesson 06.

    Args:
        y: observation (1,C,h,w), computed on its own device.
        sigma: standard deviation of its white Gaussian noise, on the scale of y.
        A: forward model; None is the identity.
        pinv: stands in for A.pinv where that amplifies noise too much (see `fitting.risks.gsure`).
        extra_noise: standard deviation of fresh noise that is added to the network's input: eSURE. Zero is
            SURE.
        network: module that maps (1,C,H,W) to (1,C,H,W), with attributes `input_channels`, `output_channels`
            (both C) and `scales`; fitted in place. None makes a small skip network from the seed, 12 wide
            with 2 in the skip branch: the estimate of the error is unbiased for a fixed f, but the fit of a
            large network finds weights for which it happens to be too low.
        iterations: None takes 1000 in the quick profile and 3000 in the full one.
        learning_rate: of Adam.
        seed: of the network that is made here, of the probes and the extra noise.
        fast: False computes as the textbook does (see `fitting.Engine`). Never bfloat16: the derivative needs
            more digits.
        risk: what to minimise instead, a function of f, y, the probe and f(y): `lambda f, y, b, output:
            pure(f, y, peak, b=b, output=output)`.

    Returns:
        Generator of Steps: the risk before the iteration's update, and the estimate (1,C,H,W) that it was
        taken at.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, or the picture has
            fewer than 2**(scales + 1) or more than 2048 pixels a side.
    """
    A = Identity() if A is None else A
    iterations = runtime.pick(quick=1000, full=3000) if iterations is None else iterations
    start, pinv = _checked(y, sigma, A, pinv, extra_noise, risk)
    engine = prepare(start, network, iterations, learning_rate, seed, fast, make=tiny_network)
    engine.bfloat16 = False

    generator = runtime.generator(seed, "probe", y.device)

    def estimated_error(f, y, b, output):
        return gsure(f, y, A, sigma, pinv, b, output=output)

    def objective(iteration):
        w = 0.0
        if extra_noise:
            w = extra_noise * torch.randn(y.shape, generator=generator, device=y.device)
        b = probe(y, generator)

        def f(y):
            return engine(A.adjoint(y + w))

        output = f(y)
        return (risk or estimated_error)(f, y, b, output), output

    return Descent(engine, objective, iterations, {"probe": generator})


def _checked(y, sigma, A, pinv, extra_noise, risk):
    """A^T y, which the network is given, and the pseudo-inverse that the risk needs."""
    check_observation(y)
    check_sigma(sigma)
    check_sigma(extra_noise, "extra_noise")
    start = adjoint_of(y, A)
    if risk is not None:
        check_function(risk, "risk")
    return start, pinv_of(A, pinv) if risk is None or pinv is not None else None


def tiny_network(channels):
    """A network too small to find many functions whose estimated error is too low by chance."""
    return small_skip_network(channels, channels, width=12, skip=2)
