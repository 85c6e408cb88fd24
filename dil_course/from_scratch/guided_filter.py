"""The guided filter: a noisy image smoothed along the edges of another one of the same scene. No network."""

import torch
import torch.nn.functional as F

from dil_course.signals.validation import check_integer, check_number, check_observation


def guided_filter(y, guide, radius=4, epsilon=1e-3):
    """Fit y by an affine function of the guide in each window, by least squares; return the mean of the fits.

    He, Sun and Tang, "Guided image filtering" (ECCV 2010), with a colour guide (their equations 14 to 16):
    in a window of side 2 radius + 1 the estimate is a^T guide + b, where a ridge of epsilon holds a small.
    A flat window gives the mean of y; an edge of the guide remains an edge.

    Args:
        y: noisy image (1,C,H,W).
        guide: clean image of the same scene, (1,G,H,W).
        radius: of the windows in pixels. At the border they are smaller.
        epsilon: variance of the guide below which a window counts as flat.

    Returns:
        the estimate (1,C,H,W).

    Raises:
        TypeError, ValueError: y or guide is no finite image, they differ in size or dtype, or a number is out
            of range.
    """
    radius = _checked(y, guide, radius, epsilon)

    def mean(x):
        return F.avg_pool2d(x, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)

    def covariance(a, b):  # (H,W,A,B): of each channel of a with each of b, in the window around each pixel
        products = torch.einsum("nahw,nbhw->nabhw", a, b)
        means = torch.einsum("nahw,nbhw->nabhw", mean(a), mean(b))
        return (mean(products.flatten(1, 2)).reshape(means.shape) - means)[0].permute(2, 3, 0, 1)

    ridge = epsilon * torch.eye(guide.shape[1]).to(y)
    slope = torch.linalg.solve(covariance(guide, guide) + ridge, covariance(guide, y))
    slope = slope.permute(2, 3, 0, 1)  # (G,C,H,W)
    offset = mean(y) - torch.einsum("gchw,nghw->nchw", slope, mean(guide))
    # Each pixel lies in many windows: the mean of their fits.
    return torch.einsum("gchw,nghw->nchw", mean(slope), guide) + mean(offset)


def _checked(y, guide, radius, epsilon):
    """The radius as Python's own number."""
    check_observation(y)
    check_observation(guide, "guide")
    if guide.shape[-2:] != y.shape[-2:]:
        raise ValueError(f"guide: {tuple(guide.shape)} must have the height and width of y {tuple(y.shape)}")
    if guide.dtype != y.dtype or y.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"guide: expected float32 as y, got {guide.dtype} and {y.dtype}: call .float()")
    check_number(epsilon, "epsilon", low=1e-8, high=1e6)
    return check_integer(radius, "radius", 1, (min(y.shape[-2:]) - 1) // 2)
