"""DDNM: the sampler takes what y determines from y, and leaves to the prior only what y cannot see."""

import torch

from dil_course.diffusion.sampling import STRONGEST, WEAKEST, guided, renoised
from dil_course.fitting import Step
from dil_course.signals.validation import check_same_shape, check_share, pinv_of


def ddnm(y, A, prior, fresh=0.85, iterations=50, strongest=STRONGEST, weakest=WEAKEST, pinv=None, seed=0):
    """Sample an image whose part in the range of A^T is that of A^+ y, and whose rest comes from the prior.

    Wang, Yu and Zhang, "Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model" (ICLR 2023),
    section 3, algorithm 1:

        x0 = D(x; s),   x0' = x0 - A^+ (A x0 - y),   x <- x0' + s' (noise),

    where the noise is new to the share `fresh` and otherwise the one that the denoiser saw (see `renoised`).
    There are 100 iterations of a network for images in [-1,1]; here 50, variance-exploding, in [0,1]. Made
    for data without noise, which A^+ would bring into the result. Built in lesson 16.

    Args:
        y: observation (1,C,h,w), computed on its own device.
        A: forward model with `pinv`.
        prior: trained network, or any function of an image and a noise level. It is copied, never changed.
        fresh: share in [0,1] of new noise in each step.
        iterations: how many noise levels.
        strongest, weakest: first and last level, in [1e-4,1].
        pinv: stands in for A.pinv, where that is missing or amplifies noise too much.
        seed: of all noise.

    Returns:
        Generator of Steps. The estimate (1,C,H,W) is x0', clipped to [0,1]; the loss is the mean squared
        misfit of x0 to y, before the correction.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form.
    """
    pinv = pinv_of(A, pinv)
    check_share(fresh, "fresh")
    prior, start, levels, noise = guided(y, A, prior, iterations, strongest, weakest, seed)
    check_same_shape(pinv(y.clone()), start, "the result of pinv", "what A sees")
    return _ddnm(y, A, prior, fresh, levels, pinv, start, noise)


def _ddnm(y, A, prior, fresh, levels, pinv, start, noise):
    x = start + levels[0] * noise()
    for iteration, level in enumerate(levels, 1):
        with torch.no_grad():
            x0 = prior(x, level)
        misfit = A(x0) - y
        corrected = x0 - pinv(misfit)
        yield Step(iteration, len(levels), misfit.square().mean(), corrected.clamp(0, 1), averaged=True)
        if iteration < len(levels):
            x = renoised(corrected, (x - x0) / level, levels[iteration], fresh, noise())
