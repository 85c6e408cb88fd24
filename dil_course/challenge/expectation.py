"""What a method can expect to reach, without the truth: half of an answer, and a reason to refuse."""

import math

import torch

from dil_course import runtime
from dil_course.challenge.cases import check_forward
from dil_course.signals import Blur, Fourier, Identity, Mask, add_gaussian, split_lines
from dil_course.signals.validation import (
    check_function,
    check_integer,
    check_number,
    check_observation,
    check_returned,
    check_sigma,
    check_target,
)

SPREAD = 0.25  # standard deviation of the pixels of an image, about


def capacity(y, A, sigma):
    """Bits a pixel that y can carry about the image, after Shannon: 1/2 log2(1 + s^2/sigma^2).

    Summed over what A measures, with s the standard deviation of pixels, 1/4, times the singular value of A.
    For `Identity` and `Mask` no image of this standard deviation carries more; for the other two it is a
    rough figure, because images put most of their variance where a blur leaves it, and because each
    coefficient of a scan counts once. Where it is below a tenth, hardly anything is left to restore from.

    Args:
        y: observation.
        A: `Identity`, `Mask`, `Blur` or `Fourier`.
        sigma: standard deviation of the noise on [0,1].

    Raises:
        TypeError, ValueError: y, A or sigma is not of this form.
    """
    check_observation(y)
    check_forward(A)
    check_sigma(sigma, low=1e-6)
    if isinstance(A, Blur):
        gains = torch.fft.fft2(A(impulse(y)).float()).abs() ** 2
    else:
        gains = torch.ones(y.numel() if isinstance(A, Identity) else int(A.mask.sum()))
    bits = 0.5 * torch.log2(1 + gains * (SPREAD / sigma) ** 2).sum().item()
    return bits / (y.shape[-2] * y.shape[-1])


def impulse(y):
    x = torch.zeros_like(y)
    x[..., 0, 0] = 1
    return x


def expected_psnr(method, y, A, sigma, optimism=0.0, estimate=None, seed=0):
    """PSNR in dB that a method can expect on y, from a second run of it.

    - `Mask`, `Fourier`: a tenth of the pixels, or a quarter of the lines, is kept from the method, which has
      to predict them (lessons 05 and 07); their error stands for that of all that was not measured.
    - `Identity`, `Blur`: the estimate is measured anew, with new noise, restored again, and compared with
      itself. Such a simulation is too easy, because the estimate is smoother than the truth: `optimism` is
      subtracted. SURE (lesson 06) needs no such correction, but a sigma that is known: an estimated one that
      is 5 % too large makes it several dB too confident here.

    Args:
        method: function of (y, A, sigma) that returns an estimate (1,1,H,W).
        y: observation.
        A: `Identity`, `Mask`, `Blur` or `Fourier`.
        sigma: standard deviation of the noise on [0,1].
        optimism: in dB, of the simulation; measured where the truth is known.
        estimate: method(y, A, sigma), where the caller has it.
        seed: of what is held out, and of the new noise.

    Raises:
        TypeError, ValueError: an argument is not of this form.
    """
    check_function(method, "method")
    check_target(y)
    check_forward(A)
    seen = A.adjoint(y)  # refuses a mask or a kernel that does not fit y
    check_sigma(sigma, low=1e-6)
    check_number(optimism, "optimism", low=-20, high=20)
    seed = check_integer(seed, "seed")
    if isinstance(A, Identity | Blur):
        estimate = method(y, A, sigma) if estimate is None else estimate
        check_returned(estimate, seen, "the estimate", "what A sees")
        again = method(add_gaussian(A(estimate), sigma, seed + 1), A, sigma)
        check_returned(again, estimate, "the result of method", "the estimate")
        error = (again - estimate).square().mean().item() * 10 ** (optimism / 10)
    else:
        error = held_out_error(method, y, A, sigma, seed)
    return -10 * math.log10(min(max(error, 1e-6), 1.0))


def held_out_error(method, y, A, sigma, seed):
    """Mean squared error over the image, from how well a part of the measurements is predicted.

    What is held out stands for all that was not measured. Errors of a scan fall with the distance k of a line
    from the zero frequency, about as 1 / k^2, so that they are compared in units of that.
    """
    mask, pixels = A.mask, A.mask[0, 0].numel()
    if not (mask == 0).any():
        raise ValueError("A: everything is measured, so that nothing is to be predicted: take Identity()")
    if isinstance(A, Mask):
        drawn = torch.rand(mask.shape, generator=runtime.generator(seed, "held out"))
        held, weight = mask * (drawn < 0.1), torch.ones_like(mask)
        part, unknown = Mask(mask - held), 1 - mask
    else:
        width = mask.shape[-1]
        kept, held = split_lines(mask, 0.25, keep=width // 24, seed=seed)
        distance = (torch.arange(width) - width // 2).abs().clamp(min=1)
        weight = (1 / distance**2).expand_as(mask)
        known = mask[..., (width - torch.arange(width)) % width].maximum(mask)  # of opposite frequencies
        part, unknown = Fourier(kept), 1 - known
    estimate = method(part.mask * y, part, sigma)
    check_returned(estimate, A.adjoint(y), "the result of method", "what A sees")
    predicted = A(estimate)
    parts = y.shape[1]  # of a number: real and imaginary
    missed = (held * (predicted - y)).square().sum() - parts * sigma**2 * held.sum()
    missed = missed.clamp(min=0) / (held * weight).sum() * (unknown * weight).sum()
    # Where the image was measured, about half of the noise is left.
    return ((missed + sigma**2 / 2 * (1 - unknown).sum()) / pixels).item()
