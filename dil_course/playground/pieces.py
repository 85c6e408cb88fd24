"""Small functions that recipes use, so that each stays one line."""

import numpy as np
import torch

from dil_course.signals import Identity


def denoiser_for(y):
    """Name of the trained denoiser that fits the channels of y."""
    return "denoiser_gray" if y.shape[1] == 1 else "denoiser_colour"


def denoised(y, denoiser, sigma):
    """One pass of a trained denoiser."""
    with torch.no_grad():
        return denoiser.to(y.device)(y, sigma)


def bm3d(y, sigma):
    """BM3D of y (1,C,H,W), by its authors' package, whose licence allows non-commercial use only.

    On one thread: several add up in another order each time, and a saved picture would differ here and there.

    Raises:
        ImportError, OSError: the package has no library for this machine's processor.
    """
    import bm3d as package  # Here: where it cannot be loaded, all other methods still run.

    profile = package.BM3DProfile()
    profile.num_threads = 1
    array = y[0].permute(1, 2, 0).cpu().numpy()
    if array.shape[2] == 1:
        made = np.atleast_3d(package.bm3d(array[..., 0], sigma, profile))
    else:
        made = package.bm3d_rgb(array, sigma, profile)
    return torch.from_numpy(made).permute(2, 0, 1)[None].to(y)


def tv_weight(A, sigma):
    """A weight for total variation that needs no truth: sigma for denoising, a tenth of it otherwise.

    At least 1e-3, as data without noise still leave the null space of A open.
    """
    return max(sigma if isinstance(A, Identity) else sigma / 10, 1e-3)


def stable_pinv(A, sigma):
    """A.pinv, damped for a blur, which otherwise amplifies noise without bound; else None, which is A.pinv.

    The damping is the ratio of the variances of noise and picture, the latter taken as 0.2^2.
    """
    if not hasattr(A, "spectrum"):
        return None
    return lambda residual: A.pinv(residual, epsilon=max(sigma, 1 / 255) ** 2 / 0.2**2)
