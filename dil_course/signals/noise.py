"""Noise: the n of y = A(x) + n, drawn anew for each image of a batch (N,C,H,W)."""

import io

import numpy as np
import torch
from PIL import Image

from dil_course import runtime
from dil_course.signals.images import quarters, scaled, to_array
from dil_course.signals.operators import check_kernel, filter_spectrum, spectrum
from dil_course.signals.validation import (
    check_integer,
    check_number,
    check_observations,
    check_pictures,
    check_share,
    check_sigma,
)

LARGEST_JPEG = 65_500  # pixels a side: libjpeg writes no more


def add_gaussian(x, sigma, seed=0):
    """x plus white Gaussian noise of standard deviation sigma, not clipped.

    Args:
        x: (N,C,H,W), usually a picture in [0,1] or a measurement A(x).
        sigma: noise level on the [0,1] scale; the field's "sigma 25" is 25 / 255.
        seed: of the noise; the same on every device.

    Raises:
        TypeError, ValueError: x is no finite (N,C,H,W) tensor; sigma is not in [0,1].
    """
    check_observations(x, "x")
    check_sigma(sigma)
    check_integer(seed, "seed")
    noise = torch.randn(x.shape, generator=runtime.generator(seed, "noise"))
    return x + sigma * noise.to(x)


def add_correlated(x, sigma, kernel, seed=0):
    """x plus correlated Gaussian noise of standard deviation sigma: white noise, blurred by a kernel.

    Args:
        x: (N,C,H,W), usually a picture in [0,1].
        sigma: standard deviation of the noise at each pixel, on the [0,1] scale.
        kernel: float tensor (height,width) that blurs the white noise, such as `gaussian_kernel(5, 0.7)`. A
            factor on it has no effect. Borders wrap around.
        seed: of the noise; the same on every device.

    Raises:
        TypeError, ValueError: x is no finite (N,C,H,W) tensor, sigma is not in [0,1], or the kernel is none
            or larger than x.
    """
    check_observations(x, "x")
    check_sigma(sigma)
    check_integer(seed, "seed")
    check_kernel(kernel)
    kernel = kernel.detach().cpu().double()
    white = torch.randn(x.shape, generator=runtime.generator(seed, "noise"))
    mixed = filter_spectrum(white, spectrum(kernel, *x.shape[-2:]))
    return x + sigma * (mixed / kernel.norm()).to(x)


def estimate_sigma(y):
    """Standard deviation of white Gaussian noise, from y alone: median |d| / 0.6745 of its finest details d.

    d = (a - b - c + e) / 2 over each cell of 2 x 2 pixels, so that d has the standard deviation of the noise,
    while flat parts, ramps, and edges along rows or columns cancel. The median is robust to a few large
    values, which come from corners and texture. Donoho and Johnstone, "Ideal spatial adaptation by wavelet
    shrinkage" (Biometrika 1994), section 4.2, with Haar's wavelet. Built in lesson 06.

    Args:
        y: noisy pictures (N,C,H,W) of at least 2x2 pixels; all images and channels together, for noise of one
            level.

    Returns:
        float. Too large where fine texture covers the picture, far too small for correlated noise.

    Raises:
        TypeError, ValueError: y is no finite (N,C,H,W) tensor, or smaller than 2x2 pixels.
    """
    check_observations(y)
    check_integer(min(y.shape[-2:]), "sides of y", 2)
    a, b, c, e = quarters(y)
    return ((a - b - c + e) / 2).abs().median().item() / 0.6745


def add_poisson(x, peak, seed=0):
    """Photon counts of a picture, scaled back to [0,1]: Poisson(peak x) / peak, not clipped.

    Args:
        x: pictures (N,C,H,W) in [0,1].
        peak: mean number of photons at a white pixel. Fewer photons, more noise: variance x / peak.
        seed: of the counts; the same on every device.

    Raises:
        TypeError, ValueError: x is no picture in [0,1]; peak is not a finite number of at least 0.01.
    """
    check_pictures(x, "x")
    check_number(peak, "peak", low=0.01, high=1e9)
    check_integer(seed, "seed")
    counts = torch.poisson(peak * x.cpu().double(), generator=runtime.generator(seed, "noise"))
    return (counts / peak).to(x)


def add_salt_and_pepper(x, share, seed=0):
    """Each pixel turns black or white, all its channels at once, with probability `share`; half of each.

    Args:
        x: pictures (N,C,H,W) in [0,1].
        share: of the pixels, in [0,1].
        seed: of the draw; the same on every device.

    Raises:
        TypeError, ValueError: x is no picture in [0,1]; share is not in [0,1].
    """
    check_pictures(x, "x")
    check_share(share, "share")
    check_integer(seed, "seed")
    drawn = torch.rand(len(x), 1, *x.shape[-2:], generator=runtime.generator(seed, "noise")).to(x.device)
    return torch.where(drawn < share / 2, 0.0, torch.where(drawn < share, 1.0, x)).to(x)


def compress_jpeg(x, quality):
    """Pictures after saving each as JPEG: blocks of 8x8 pixels, whose high frequencies are rounded coarsely.

    Args:
        x: pictures (N,C,H,W) in [0,1], gray or in colour.
        quality: of the file, from 1 to 95, as Pillow counts it.

    Raises:
        TypeError, ValueError: x is no picture in [0,1], or too large for JPEG; quality is no whole number
            from 1 to 95.
    """
    check_pictures(x, "x")
    if max(x.shape[-2:]) > LARGEST_JPEG:
        raise ValueError(
            f"x: JPEG holds at most {LARGEST_JPEG} pixels a side, got {x.shape[-2]}x{x.shape[-1]}"
        )
    quality = check_integer(quality, "quality (1 to 95)", 1, 95)
    return torch.cat([_through_jpeg(picture, quality) for picture in x.split(1)]).to(x)


def _through_jpeg(x, quality):
    file = io.BytesIO()
    Image.fromarray(to_array(x)).save(file, "JPEG", quality=quality)
    return scaled(np.asarray(Image.open(file)))
