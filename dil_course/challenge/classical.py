"""The baseline of every rung, without a network and without the truth: what a gain is counted from."""

import math

import torch
from skimage.restoration import inpaint_biharmonic

from dil_course import runtime
from dil_course.challenge.cases import check_forward
from dil_course.fitting import run
from dil_course.from_scratch.variational import tv
from dil_course.playground.pieces import bm3d
from dil_course.signals import Blur, Fourier, Identity, Mask, estimate_sigma, gaussian_kernel
from dil_course.signals.validation import (
    check_integer,
    check_observation,
    check_sigma,
    check_target,
)

FEW = 0.02  # share of known pixels below which there is nothing to draw edges from
# Of total variation, in units of sigma: best on average over windows of coins, rocket, brick, moon and
# coffee, with the truth; on these as good as Morozov's discrepancy principle, or better by up to 0.4 dB.
WEIGHT = {Mask: 0.4, Blur: 0.1, Fourier: 0.3}
ITERATIONS = 200  # of total variation


def classical(y, A=None, sigma=None):
    """The classical estimate from what a rung hands over.

    - Denoising (A is `Identity`): BM3D; where sigma is None, it is estimated from y.
    - A is None: a Gaussian blur, whose width `gaussian_width` reads from the spectrum; then total variation.
    - A is a `Blur` or `Fourier`: total variation, with a weight that was chosen on other images.
    - A `Mask`: total variation, or biharmonic interpolation followed by BM3D, whichever predicts a fifth of
      the known pixels better from the others.
    - A `Mask` that knows less than 2 % of the pixels: a weighted mean of the known ones, whose width is that
      which predicts each known pixel best from the others.

    Args:
        y: observation (1,C,h,w), float32.
        A: `Identity`, `Mask`, `Blur` or `Fourier`; None is an unknown Gaussian blur.
        sigma: standard deviation of the noise on [0,1]; None is unknown, for denoising only.

    Returns:
        estimate (1,C,H,W) in [0,1].

    Raises:
        TypeError, ValueError: y, A or sigma is not of this form, or sigma is None and A is no `Identity`.
    """
    check_target(y)
    if sigma is not None:
        check_sigma(sigma, low=1e-6)
    elif not isinstance(A, Identity):
        raise ValueError("sigma: None, an unknown noise level, is for denoising only, where A is Identity()")
    if A is not None:
        check_forward(A)
        A.adjoint(y)  # refuses a mask or a kernel that does not fit y
    if isinstance(A, Identity):
        estimate = bm3d(y, max(estimate_sigma(y) if sigma is None else sigma, 1e-3))
    elif isinstance(A, Mask) and A.mask.mean() < FEW:
        estimate = smooth(y, A.mask)
    elif isinstance(A, Mask):
        estimate = inpainted(y, A, sigma)
    else:
        A = Blur(gaussian_kernel(15, gaussian_width(y, sigma))) if A is None else A
        estimate = total_variation(y, A, WEIGHT[type(A)] * sigma)
    return estimate.clamp(0, 1)


def total_variation(y, A, weight):
    return run(tv(y, A, weight, ITERATIONS)).estimate


def inpainted(y, A, sigma):
    """Total variation, or biharmonic interpolation and BM3D: whichever predicts held-out pixels better."""
    drawn = torch.rand(A.mask.shape, generator=runtime.generator(0, "held out"))
    part = Mask(A.mask * (drawn >= 0.2))
    held = A.mask - part.mask

    def interpolated(y, A):
        missing = (A.mask[0, 0] == 0).numpy()
        filled = inpaint_biharmonic(y[0].double().numpy(), missing, channel_axis=0)
        return bm3d(torch.from_numpy(filled)[None], sigma).to(y)

    candidates = [lambda y, A: total_variation(y, A, WEIGHT[Mask] * sigma), interpolated]
    errors = [((f(part.mask * y, part) - y) * held).square().sum().item() for f in candidates]
    return candidates[errors.index(min(errors))](y, A)


def smooth(y, mask):
    """Mean of the known pixels, weighted by a Gaussian of their distance; its width by leaving one out."""
    places = mask[0, 0].nonzero().double()
    values = y[mask.expand_as(y) > 0].double()
    height, width = y.shape[-2:]
    pixels = torch.cartesian_prod(torch.arange(height), torch.arange(width)).double()
    between = torch.cdist(places, places) ** 2

    def mean(squared, spread, alone=False):
        # A little of the mean of all, so that a pixel far from the known ones is not that of the nearest one.
        weights = torch.exp(-squared / (2 * spread**2))
        weights = weights - torch.diag(weights.diagonal()) if alone else weights
        return (weights @ values + 0.1 * values.mean()) / (weights.sum(1) + 0.1)

    widths = [side * max(height, width) for side in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)]
    errors = [((mean(between, spread, alone=True) - values) ** 2).mean().item() for spread in widths]
    best = widths[errors.index(min(errors))]
    return mean(torch.cdist(pixels, places) ** 2, best).reshape(1, 1, height, width).to(y)


def gaussian_width(y, sigma):
    """Standard deviation in pixels of the Gaussian blur of y, read from its spectrum.

    Photographs have a power spectrum near c / f^2 (Field, "Relations between the statistics of natural images
    and the response properties of cortical cells", JOSA A 1987); on eight small windows, an exponent of 2.5
    left no bias here. Blurred and noisy it is S(f) = c exp(-(2 pi f w)^2) / f^2.5 + sigma^2, and w and c are
    those of the largest Whittle likelihood, the least sum over f of log S + |Y|^2 / S, over a grid.

    Args:
        y: blurred image (1,C,H,W), at least 32 pixels a side.
        sigma: standard deviation of its noise on [0,1].

    Returns:
        float from 0.3 to 4.

    Raises:
        TypeError, ValueError: y or sigma is not of this form.
    """
    check_observation(y)
    check_sigma(sigma, low=1e-6)
    for side in y.shape[-2:]:
        check_integer(side, "sides of y", 32)
    power = torch.fft.fft2(y.double(), norm="ortho").abs().square().mean((0, 1)).cpu()
    rows, columns = (torch.fft.fftfreq(side, dtype=torch.float64) for side in y.shape[-2:])
    squared = rows[:, None] ** 2 + columns**2
    use = squared > 0
    power, squared = power[use], squared[use]
    best = (math.inf, 0.3)
    for width in torch.arange(0.3, 4.01, 0.05).tolist():
        shape = torch.exp(-((2 * math.pi * width) ** 2) * squared) / squared**1.25
        for log_c in torch.arange(-12, 0, 0.25).tolist():
            model = math.exp(log_c) * shape + sigma**2
            best = min(best, ((model.log() + power / model).mean().item(), width))
    return best[1]
