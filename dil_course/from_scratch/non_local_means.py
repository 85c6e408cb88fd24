"""Non-local means: each pixel becomes a mean of pixels with similar surroundings. Built in lesson 02."""

import torch
import torch.nn.functional as F

from dil_course.signals.validation import check_integer, check_number, check_observation, check_sigma


def non_local_means(y, sigma, patch=5, reach=6, strength=0.8, h=None):
    """Denoise y: each pixel becomes a mean over shifts t of at most `reach`, weighted by patch similarity.

        x(p) = sum_t w(p,t) y(p+t) / sum_t w(p,t),   w(p,t) = exp(-max(d(p,t)^2 - 2 sigma^2, 0) / h^2),

    with h = strength * sigma unless h is given. d^2 is the mean squared difference of the patches around p
    and p + t, all channels together. 2 sigma^2 of it comes from the noise alone, so it is subtracted.

    Buades, Coll and Morel, "A non-local algorithm for image denoising" (CVPR 2005); the subtraction is from
    the same authors' "Non-Local Means Denoising" (Image Processing On Line, 2011). The border is mirrored.

    Args:
        y: noisy picture (1,C,H,W).
        sigma: standard deviation of the noise, on the scale of y; with an h of its own it may be 0, so that
            no noise level is needed.
        patch: side of the compared windows in pixels. An even one reaches one pixel further down and to the
            right.
        reach: largest shift, in pixels, in each direction.
        strength: h in units of sigma; more averages over less similar patches.
        h: in place of strength * sigma, on the scale of y.

    Returns:
        the estimate (1,C,H,W).

    Raises:
        TypeError, ValueError: y is no finite (1,C,H,W) tensor; a number is out of range; the picture is too
            small to be mirrored so far.
    """
    patch, reach, margin = _checked(y, sigma, patch, reach, strength, h)
    h = strength * sigma if h is None else h

    height, width = y.shape[-2:]
    before, after = (patch - 1) // 2, patch // 2
    mirrored = F.pad(y, (margin,) * 4, mode="reflect")

    def moved(down, right, before=0, after=0):
        top, left = margin + down, margin + right
        return mirrored[..., top - before : top + height + after, left - before : left + width + after]

    # One shift of the whole image at a time: a box filter gives the distances of all its patches at once.
    total = votes = 0
    here = moved(0, 0, before, after)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            squared = (moved(down, right, before, after) - here).square().mean(1, keepdim=True)
            distance = F.avg_pool2d(squared, patch, stride=1)
            weight = torch.exp(-(distance - 2 * sigma**2).clamp(min=0) / h**2)
            total, votes = total + weight * moved(down, right), votes + weight
    return total / votes


def _checked(y, sigma, patch, reach, strength, h):
    """Patch and reach as Python's own numbers, and how many pixels are mirrored around y."""
    check_observation(y)
    check_sigma(sigma, low=1e-6 if h is None else 0)
    patch = check_integer(patch, "patch", 1, 64)
    reach = check_integer(reach, "reach", 1, 1024)
    check_number(strength, "strength", low=1e-3, high=1e3)
    if h is not None:
        check_number(h, "h", low=1e-6, high=1e3)
    margin = reach + patch // 2
    height, width = y.shape[-2:]
    if margin >= min(height, width):
        raise ValueError(
            f"{height}x{width} pixels are too few for patch={patch} and reach={reach}: at least {margin + 1} "
            "a side are needed"
        )
    return patch, reach, margin
