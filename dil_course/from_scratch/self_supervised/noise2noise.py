"""Learn from pairs of noisy images: two observations (Noise2Noise), or two that are made from one."""

import torch

from dil_course import runtime
from dil_course.fitting import Descent
from dil_course.from_scratch.given import prepare
from dil_course.signals.validation import check_number, check_same_shape, check_sigma, check_target


def noise2noise(y, other, network=None, iterations=None, learning_rate=0.01, seed=0, fast=True):
    """Predict one noisy image of a scene from another one: minimise the mean of (f(y) - other)^2.

    Source and target change places at each iteration. Lehtinen et al., "Noise2Noise: Learning Image
    Restoration without Clean Data" (ICML 2018), section 2, on a single pair. It assumes that the noise of
    `other` has mean zero and is independent of that of y. Built in lesson 07.

    Args:
        y: noisy picture (1,C,H,W), computed on its own device.
        other: second noisy picture (1,C,H,W) of the same scene, aligned to the pixel.
        network: module that maps (1,C,H,W) to (1,C,H,W), with attributes `input_channels`, `output_channels`
            (both C) and `scales`; fitted in place, and left in training mode. None makes
            `small_skip_network(C, C)` from the seed.
        iterations: None takes 400 in the quick profile and 1500 in the full one. With many more the network
            learns the noise of this one pair as well.
        learning_rate: of Adam.
        seed: of the network that is made here.
        fast: False computes as the textbook does (see `fitting.Engine`).

    Returns:
        Generator of Steps: the loss before the iteration's update, and the estimate (1,C,H,W) that it was
        taken at.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, or the picture has
            fewer than 2**(scales + 1) or more than 2048 pixels a side.
    """
    iterations = runtime.pick(quick=400, full=1500) if iterations is None else iterations
    engine = prepare(y, network, iterations, learning_rate, seed, fast)
    check_target(other, "other")
    check_same_shape(other, y, "other", "y")

    def objective(iteration):
        source, target = (y, other) if iteration % 2 else (other, y)
        estimate = engine(source)
        return torch.mean((estimate - target) ** 2), estimate

    return Descent(engine, objective, iterations)


def recorrupt(y, z, alpha):
    """y + alpha z and y - z / alpha: two noisier versions of y, uncorrelated if z is as noisy as y.

    Cov(n + alpha z, n - z / alpha) = sigma^2 - sigma_z^2. Pang et al., equation 5, with D = alpha I.
    """
    return y + alpha * z, y - z / alpha


def recorrupted2recorrupted(
    y, sigma, alpha=0.5, network=None, iterations=None, learning_rate=0.01, seed=0, fast=True
):
    """Make a pair from one noisy image: minimise the mean of (f(y + alpha z) - (y - z / alpha))^2.

    Pang, Zheng, Quan and Ji, "Recorrupted-to-Recorrupted: Unsupervised Deep Learning for Image Denoising"
    (CVPR 2021). z is drawn anew at each iteration. The estimate is the output for one noisier input; the
    paper averages 50 of them at the end, here the run's average does. It assumes white Gaussian noise of
    known sigma. Built in lesson 07.

    Args:
        y: noisy picture (1,C,H,W), computed on its own device.
        sigma: standard deviation of its noise, on the scale of y.
        alpha: more makes the input noisier, less the target.
        network, iterations, learning_rate, fast: as in `noise2noise`.
        seed: of the network that is made here, and of z.

    Returns, Raises: as `noise2noise`.
    """
    iterations = runtime.pick(quick=400, full=1500) if iterations is None else iterations
    engine = prepare(y, network, iterations, learning_rate, seed, fast)
    check_sigma(sigma)
    check_number(alpha, "alpha", low=1e-3, high=1e3)

    generator = runtime.generator(seed, "recorrupted", y.device)

    def objective(iteration):
        z = sigma * torch.randn(y.shape, generator=generator, device=y.device)
        source, target = recorrupt(y, z, alpha)
        estimate = engine(source)
        return torch.mean((estimate - target) ** 2), estimate

    return Descent(engine, objective, iterations, {"recorrupted": generator})
