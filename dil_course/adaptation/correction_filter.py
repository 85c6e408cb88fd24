"""Adapt the input, not the network: filter y until it looks as if the network's own kernel had made it."""

import torch

from dil_course.signals import BlurDownsample
from dil_course.signals.operators import cubic, exact, filter_spectrum, spectrum
from dil_course.signals.validation import check_number, check_observation, describe


def correction_filter(y, A, epsilon=1e-6):
    """What bicubic downsampling would have made of the image that A made y from, as far as y can tell.

    Abu Hussein, Tirer and Giryes, "Correction Filter for Single Image Super-Resolution" (CVPR 2020), for a
    known kernel. Let S be A, and R enlarge by the bicubic kernel, so that R^T is bicubic downsampling. If the
    image were R z for some small z, then y = S R z, and bicubic downsampling would give R^T R z. Hence the
    corrected y is R^T R (S R)^-1 y. With circular borders S R and R^T R are convolutions of small images, so
    that all is one filter. Built in lesson 12.

    Args:
        y: small image (1,C,h,w), computed on its own device.
        A: `BlurDownsample(kernel, scale)` that made y.
        epsilon: keeps 1 / q from growing where q, the spectrum of S R, is small: conj(q) / (|q|^2 + epsilon).
            (The authors' code sets frequencies with |q|^2 below a threshold to zero.) Larger for noisy y.

    Returns:
        The corrected y (1,C,h,w), not clipped.

    Raises:
        TypeError, ValueError: y is no finite image, A is no `BlurDownsample`, epsilon is not above 0, or the
            kernel is larger than the image.
    """
    check_observation(y)
    if not isinstance(A, BlurDownsample):
        raise TypeError(f"A: expected BlurDownsample(kernel, scale), got {describe(A)}")
    check_number(epsilon, "epsilon", low=1e-12)
    sides = tuple(side * A.scale for side in y.shape[-2:])
    S = spectrum(A.blur.kernel, *sides)
    R = spectrum(bicubic_kernel(A.scale), *sides)
    wanted, q = small_spectrum(R * R.conj(), sides, A.scale), small_spectrum(S * R.conj(), sides, A.scale)
    return filter_spectrum(exact(y), wanted * q.conj() / (q.abs() ** 2 + epsilon)).to(y.dtype)


def small_spectrum(factor, sides, scale):
    """Spectrum of what remains of a convolution when every scale-th pixel of its kernel is kept."""
    return torch.fft.rfft2(torch.fft.irfft2(factor, s=sides)[::scale, ::scale])


def bicubic_kernel(scale):
    """The kernel (size,size) of antialiased bicubic downsampling, centred on a block of scale pixels."""
    size = 4 * scale + scale % 2
    line = cubic((torch.arange(size, dtype=torch.float64) - (size - 1) / 2) / scale)
    line = line / line.sum()
    return line[:, None] * line
