"""DPS: the sampler follows the prior, and the gradient of the misfit to y through the denoiser."""

import torch

from dil_course.diffusion.sampling import STRONGEST, WEAKEST, guided, renoised
from dil_course.fitting import Step
from dil_course.signals.validation import check_number, check_share


def dps(y, A, prior, step=1.0, fresh=0.85, iterations=50, strongest=STRONGEST, weakest=WEAKEST, seed=0):
    """Sample an image near what y says, by gradient steps on the norm of the misfit.

    Chung, Kim, McCann, Klasky and Ye, "Diffusion Posterior Sampling for General Noisy Inverse Problems"
    (ICLR 2023), algorithm 1. With D the denoised image,

        x <- (the prior's next state) - step grad_x |y - A D(x; s)|,

    with the gradient through the denoiser. It is the norm and not its square: divided by the size of the
    misfit, the step neither explodes at first nor vanishes at the end. A needs neither an inverse nor to be
    linear. There are 1000 iterations, and steps of 0.3 to 1 for images in [-1,1], variance-preserving, where
    a state is smaller by 1 / sqrt(1 + 4 s^2); here 50, and the step is as long as it is. Built in lesson 16.

    Args:
        y: observation (1,C,h,w), computed on its own device.
        A: forward model that can be differentiated.
        prior: trained network, or any function of an image and a noise level, that can be differentiated.
            It is copied, never changed.
        step: length of the steps, above 0.
        fresh: share in [0,1] of new noise in each step.
        iterations: how many noise levels.
        strongest, weakest: first and last level, in [1e-4,1].
        seed: of all noise.

    Returns:
        Generator of Steps. The estimate (1,C,H,W) in [0,1] is the denoised image; the loss is its mean
        squared misfit to y.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form.
    """
    step = check_number(step, "step", high=1e3)
    check_share(fresh, "fresh")
    prior, start, levels, noise = guided(y, A, prior, iterations, strongest, weakest, seed)
    return _dps(y, A, prior, step, fresh, levels, start, noise)


def _dps(y, A, prior, step, fresh, levels, start, noise):
    x = start + levels[0] * noise()
    for iteration, level in enumerate(levels, 1):
        x.requires_grad_()
        x0 = prior(x, level)
        misfit = y - A(x0)
        (gradient,) = torch.autograd.grad(misfit.norm(), x)
        x, x0 = x.detach(), x0.detach()
        yield Step(iteration, len(levels), misfit.detach().square().mean(), x0.clamp(0, 1), averaged=True)
        if iteration < len(levels):
            x = renoised(x0, (x - x0) / level, levels[iteration], fresh, noise()) - step * gradient
