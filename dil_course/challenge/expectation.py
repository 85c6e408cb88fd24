"""What a method can expect to reach, without the truth: for the second half of an answer, and for refusing."""

import math

import torch

from dil_course import runtime
from dil_course.fitting.risks import probe, sure
from dil_course.signals import Blur, Fourier, Identity, Mask, add_gaussian, split_lines
from dil_course.signals.validation import (
    check_choice,
    check_function,
    check_integer,
    check_number,
    check_observation,
    check_sigma,
)

SPREAD = 0.25  # standard deviation of the pixels of an image, about
HELD_OUT = 0.1  # share of the measurements that is kept from the method


def capacity(y, A, sigma):
    """Bits a pixel that y can carry about the image, at most: Shannon's capacity, 1/2 log2(1 + s^2/sigma^2).

    Summed over what A measures, with s the standard deviation of pixels, 1/4, times the singular value of A.
    A photograph needs about one bit a pixel; below a tenth there is nothing that a method could restore.

    Args:
        y: observation.
        A: `Identity`, `Mask`, `Blur` or `Fourier`.
        sigma: standard deviation of the noise on [0,1].

    Raises:
        TypeError, ValueError: y, A or sigma is not of this form.
    """
    check_observation(y)
    check_kind(A)
    check_sigma(sigma, low=1e-6)
    if isinstance(A, Blur):
        gains = torch.fft.fft2(A(dot(y))).abs() ** 2
    else:
        gains = torch.ones(y.numel() if isinstance(A, Identity) else int(A.mask.sum()))
    bits = 0.5 * torch.log2(1 + gains * (SPREAD / sigma) ** 2).sum().item()
    return bits / (y.shape[-2] * y.shape[-1])


def dot(y):
    x = torch.zeros_like(y)
    x[..., 0, 0] = 1
    return x


def check_kind(A):
    check_choice(type(A).__name__, ("Identity", "Mask", "Blur", "Fourier"), "A")


def expected_psnr(method, y, A, sigma, optimism=0.0, seed=0):
    """PSNR in dB that a method can expect on y, from a second run of it.

    - `Identity`: SURE with one probe (lesson 06).
    - `Mask`, `Fourier`: a tenth of the pixels or lines is kept from the method, which has to predict them
      (lessons 05 and 07); their error stands for that of all that was not measured.
    - `Blur`: the estimate is blurred and noised anew and restored again, and compared with itself. Such a
      simulation is too easy, because the estimate is smoother than the truth: `optimism` is subtracted.

    Args:
        method: function of (y, A, sigma) that returns an estimate (1,1,H,W).
        y: observation.
        A: `Identity`, `Mask`, `Blur` or `Fourier`.
        sigma: standard deviation of the noise on [0,1].
        optimism: in dB, for a blur; measured where the truth is known.
        seed: of the probe, of what is held out, and of the new noise.

    Raises:
        TypeError, ValueError: an argument is not of this form.
    """
    check_function(method, "method")
    check_observation(y)
    check_kind(A)
    check_sigma(sigma, low=1e-6)
    check_number(optimism, "optimism", low=-20, high=20)
    seed = check_integer(seed, "seed")
    if isinstance(A, Identity):
        b = probe(y, runtime.generator(seed, "probe"))
        error = sure(lambda y: method(y, A, sigma), y, sigma, b, epsilon=1e-2).item()
    elif isinstance(A, Blur):
        estimate = method(y, A, sigma)
        again = method(add_gaussian(A(estimate), sigma, seed + 1), A, sigma)
        error = (again - estimate).square().mean().item() * 10 ** (optimism / 10)
    else:
        error = held_out_error(method, y, A, sigma, seed)
    return -10 * math.log10(min(max(error, 1e-6), 1.0))


def held_out_error(method, y, A, sigma, seed):
    """Mean squared error over the image, from how well a tenth of the measurements is predicted."""
    share = A.mask.mean().item()
    if isinstance(A, Mask):
        drawn = torch.rand(A.mask.shape, generator=runtime.generator(seed, "held out"))
        held = A.mask * (drawn < HELD_OUT)
        part = Mask(A.mask - held)
    else:
        kept, held = split_lines(A.mask, HELD_OUT, keep=A.mask.shape[-1] // 24, seed=seed)
        part = Fourier(kept)
    predicted = A(method(part.mask * y, part, sigma))
    numbers = held.sum().item() * y.shape[1]
    missed = (held * (predicted - y)).square().sum().item() / numbers - sigma**2
    # The two parts of a coefficient add up; where the image was measured, about half of the noise is left.
    return (1 - share) * max(missed, 0) * y.shape[1] + share * y.shape[1] * sigma**2 / 2
