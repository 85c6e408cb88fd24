"""What cameras, weather and storage do to pictures: seven corruptions for a classifier, in five severities.

In the manner of CIFAR-10-C: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations" (ICLR 2019), section 3. The strengths are our own, for digits of 24 x 24
pixels, and grade garments of 28 x 28 as well. Each function takes pictures x (N,C,H,W) in [0,1], its
strength, and a generator of random numbers.
"""

import torch
from torch.nn import functional as F

from dil_course import runtime
from dil_course.signals.noise import compress_jpeg
from dil_course.signals.operators import gaussian_kernel
from dil_course.signals.validation import check_choice, check_integer, check_pictures


def gaussian_noise(x, sigma, generator):
    """White Gaussian noise of standard deviation sigma."""
    return x + sigma * torch.randn(x.shape, generator=generator).to(x)


def impulse_noise(x, share, generator):
    """Each pixel turns black or white with probability `share`, half of each."""
    drawn = torch.rand(x.shape, generator=generator).to(x.device)
    return torch.where(drawn < share / 2, 0.0, torch.where(drawn < share, 1.0, x))


def blur(x, width, generator):
    """Gaussian blur of standard deviation `width` in pixels; edge pixels are repeated."""
    kernel = gaussian_kernel(2 * round(3 * width) + 1, width).to(x)
    padded = F.pad(x, [len(kernel) // 2] * 4, mode="replicate")
    return F.conv2d(padded.flatten(0, 1)[:, None], kernel[None, None]).view(x.shape)


def contrast(x, factor, generator):
    """Each picture's differences from its own mean, times `factor`."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + factor * (x - mean)


def brightness(x, added, generator):
    """The same number added to all pixels."""
    return x + added


def pixelate(x, side, generator):
    """side x side pixels, each the mean of its area, enlarged again as squares."""
    # On the CPU: Apple's GPUs take the means only where the sides are multiples of those of the blocks.
    small = F.interpolate(x.cpu(), size=(side, side), mode="area")
    return F.interpolate(small, size=x.shape[-2:], mode="nearest").to(x)


def jpeg(x, quality, generator):
    """Each picture after saving it as a JPEG of this quality."""
    return torch.cat([compress_jpeg(picture[None], quality) for picture in x])


# Name: (function, its strength at severities 1 to 5).
CORRUPTIONS = {
    "gaussian noise": (gaussian_noise, (0.08, 0.13, 0.18, 0.24, 0.3)),
    "impulse noise": (impulse_noise, (0.02, 0.05, 0.08, 0.12, 0.16)),
    "blur": (blur, (0.8, 1.2, 1.5, 1.75, 2.0)),
    "contrast": (contrast, (0.95, 0.88, 0.8, 0.7, 0.6)),
    "brightness": (brightness, (0.03, 0.06, 0.1, 0.14, 0.18)),
    "pixelate": (pixelate, (12, 10, 9, 7, 5)),
    "jpeg": (jpeg, (20, 10, 5, 2, 1)),
}


def corrupt(pictures, name, severity, seed=0):
    """Pictures (N,C,H,W) in [0,1], each corrupted, and clipped to [0,1] again.

    Args:
        pictures: all of one size, clean.
        name: one of `CORRUPTIONS`.
        severity: 1, mild, to 5.
        seed: of the noises; the same on every device.

    Raises:
        TypeError, ValueError: the pictures are none in [0,1], there is no corruption of that name, or no such
            severity.
    """
    check_pictures(pictures, "pictures")
    check_choice(name, CORRUPTIONS, "corruption")
    check_integer(severity, "severity", 1, 5)
    check_integer(seed, "seed")
    function, strengths = CORRUPTIONS[name]
    return function(pictures, strengths[severity - 1], runtime.generator(seed, name)).clamp(0, 1)
