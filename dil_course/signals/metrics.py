"""How close an estimate is to the truth. For evaluation only: no method, no stopping rule may use these."""

import statistics

import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dil_course.signals.validation import check_integer, check_same_shape, check_scale, check_stack


def _arrays(estimate, truth, shave):
    """List of pairs (truth, estimate), one for each image: arrays (C,H,W) of float64 without the border."""
    check_stack(estimate, "estimate")
    check_stack(truth, "truth")
    check_same_shape(estimate, truth, "estimate", "truth")
    # Not the estimate: that of a run that diverges may be anywhere, and gets its low score.
    check_scale(truth, "truth")
    shave = check_integer(shave, "shave")
    if 2 * shave >= min(truth.shape[-2:]):
        raise ValueError(f"shave={shave}: nothing is left of {truth.shape[-2]}x{truth.shape[-1]} pixels")
    rows, columns = (slice(shave, side - shave) for side in truth.shape[-2:])
    # First to the CPU, then to double precision, which Apple's GPUs do not have.
    arrays = (x.detach()[..., rows, columns].cpu().double().numpy() for x in (truth, estimate))
    return list(zip(*arrays, strict=True))


def _psnr(truth, estimate):
    if (truth == estimate).all():
        return float("inf")
    return float(peak_signal_noise_ratio(truth, estimate, data_range=1))


def psnr(estimate, truth, shave=0):
    """Peak signal-to-noise ratio in dB, peak 1: -10 log10(mean squared error over all pixels and channels).

    Values are taken as they are, not clipped. Infinite for equal pictures. Of a batch, the mean of the
    images' PSNRs, as the field reports it for a data set, not the PSNR of their mean squared error, which is
    lower.

    Args:
        estimate, truth: (N,C,H,W).
        shave: border of that many pixels left out; the field shaves `scale` pixels in super-resolution.

    Raises:
        TypeError, ValueError: not finite tensors of one shape (N,C,H,W), a truth on the scale 0..255 or
            [-1,1], or nothing left inside the border.
    """
    return statistics.fmean(_psnr(*pair) for pair in _arrays(estimate, truth, shave))


def ssim(estimate, truth, shave=0):
    """Structural similarity with the Gaussian window of Wang et al. (2004), data range 1.

    The mean over channels, and over the images of a batch.

    Args and errors: as `psnr`; also ValueError below 11x11 pixels, the size of the window.
    """
    pairs = _arrays(estimate, truth, shave)
    height, width = pairs[0][0].shape[1:]
    if min(height, width) < 11:
        raise ValueError(f"SSIM looks through an 11x11 window, larger than {height}x{width} pixels")
    settings = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    scores = (structural_similarity(*pair, data_range=1, channel_axis=0, **settings) for pair in pairs)
    return float(statistics.fmean(scores))


def luma(x):
    """Y of YCbCr (ITU-R BT.601, 16..235 of 255), on which super-resolution is scored.

    Args:
        x: (N,3,H,W) RGB, or (N,1,H,W) which comes back as it is.

    Raises:
        TypeError, ValueError: not a finite (N,C,H,W) tensor of 1 or 3 channels, or on the scale 0..255 or
            [-1,1].
    """
    check_stack(x, "x")
    check_scale(x, "x")
    if x.shape[1] == 1:
        return x
    if x.shape[1] != 3:
        raise ValueError(f"x: expected 1 or 3 channels, got {x.shape[1]}")
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=x.dtype, device=x.device) / 255
    return 16 / 255 + torch.einsum("c,bchw->bhw", weights, x)[:, None]
