"""Deep image prior: an untrained network, fitted to one observation, restores it."""

import torch

from dil_course import runtime
from dil_course.fitting import Descent, Engine
from dil_course.from_scratch.given import prepare_prior
from dil_course.signals import Identity


def deep_image_prior(
    y,
    A=None,
    network=None,
    iterations=None,
    learning_rate=0.01,
    input_noise=1 / 30,
    seed=0,
    fast=True,
    z=None,
    loss=None,
):
    """Minimise over theta the mean of (A(f_theta(z + noise)) - y)^2 by Adam, for a fixed random z.

    Ulyanov, Vedaldi and Lempitsky, "Deep Image Prior" (CVPR 2018), equation 2, with the settings that their
    supplementary material gives for denoising: z uniform in [0, 0.1], fresh noise on z at each iteration.
    Built in lesson 03. The network fits the picture before it fits the noise, so more iterations are not
    always better.

    Args:
        y: observation (1,C,h,w), computed on y's own device.
        A: forward model (see `signals.operators`); None is the identity, denoising.
        network: module that maps z (1,input_channels,h,w) to (1,C,H,W) in [0,1], with attributes
            `input_channels`, `output_channels`, `scales` and `reduction` = H / h = W / w; fitted in place,
            and left in training mode. None makes a small skip network in the quick profile and the paper's in
            the full one, from the seed; for a signal (1,C,1,N), the small one for signals.
        iterations: None takes 350, which suits the small network, in the quick profile and the paper's 1800
            in the full one.
        learning_rate: of Adam.
        input_noise: standard deviation of the noise on z.
        seed: of z, of its noise and of the network that is made here.
        fast: False computes as the textbook does (see `fitting.Engine`).
        z: the network's input (1,input_channels,h,w), where it is to carry information, such as another
            picture of the same scene; None draws it.
        loss: function of the estimate (1,C,H,W), to minimise instead of the mean of (A(estimate) - y)^2; how
            `bp_dip`, `dip_tv` and `deep_red` are made.

    Returns:
        Generator of Steps: the loss before the iteration's update and the estimate (1,C,H,W) that it was
        taken at.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, the picture has
            fewer than 2**(scales + 1) or more than 2048 pixels a side, or `reduction` does not divide them.
    """
    A = Identity() if A is None else A
    iterations = runtime.pick(quick=350, full=1800) if iterations is None else iterations
    network, z_shape = prepare_prior(y, A, network, iterations, learning_rate, input_noise, seed, z, loss)

    generator = runtime.generator(seed, "z", y.device)
    if z is None:
        z = 0.1 * torch.rand(z_shape, generator=generator, device=y.device)
    z = z.detach().to(y)
    engine = Engine(network, learning_rate, fast)

    def least_squares(estimate):
        return torch.mean((A(estimate) - y) ** 2)

    def objective(iteration):
        noise = torch.randn(z.shape, generator=generator, device=y.device)
        estimate = engine(z + input_noise * noise)
        return (loss or least_squares)(estimate), estimate

    return Descent(engine, objective, iterations, {"z": generator})
