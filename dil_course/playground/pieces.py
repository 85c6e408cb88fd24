"""Small functions that recipes use, so that each stays one line."""

import torch

from dil_course.fitting import Step
from dil_course.signals import Identity


def denoiser_for(y):
    """Name of the trained denoiser that fits the channels of y."""
    return "denoiser_gray" if y.shape[1] == 1 else "denoiser_colour"


def denoised(y, denoiser, sigma):
    """One pass of a trained denoiser."""
    with torch.no_grad():
        return denoiser.to(y.device)(y, sigma)


def tv_weight(A, sigma):
    """A weight for total variation that needs no truth: sigma for denoising, a tenth of it otherwise.

    At least 1e-3, as data without noise still leave the null space of A open.
    """
    return max(sigma if isinstance(A, Identity) else sigma / 10, 1e-3)


def stable_pinv(A, sigma):
    """A.pinv, damped for a blur, which otherwise amplifies noise without bound.

    The damping is the ratio of the variances of noise and image, the latter taken as 0.2^2.
    """
    if not hasattr(A, "spectrum"):
        return None
    return lambda residual: A.pinv(residual, epsilon=max(sigma, 1 / 255) ** 2 / 0.2**2)


def steps_of(made):
    """Steps, whatever a method makes: its own generator, or one Step of an estimate (1,C,H,W)."""
    if isinstance(made, torch.Tensor):
        return iter([Step(1, 1, 0.0, made, averaged=True)])
    return made
