"""The ladder: five rungs, each of which hands over less of what a method would like to know."""

import dataclasses
import functools

import torch

from dil_course import runtime
from dil_course.challenge.classical import classical
from dil_course.signals import Blur, Fourier, Identity, Mask, add_gaussian, gaussian_kernel, line_mask
from dil_course.signals.validation import check_choice, check_image, check_integer

RUNGS = {
    "known": "two thirds of the pixels are missing; A and sigma are known",
    "noise": "noise of unknown strength: sigma is None",
    "kernel": "a Gaussian blur of unknown width: A is None",
    "scan": "a third of the lines of a Fourier scan, of an image that is no photograph",
    "nobody": "half a percent of the pixels, under strong noise: to refuse scores",
}
SMALLEST, LARGEST = 32, 512  # pixels a side


@dataclasses.dataclass(frozen=True)
class Posed:
    """One case of the challenge.

    Attributes:
        rung: one of `RUNGS`.
        y: observation (1,1,H,W); of "scan" (1,2,H,W), as `Fourier` makes it.
        A: forward model, or None on the rung "kernel".
        sigma: standard deviation of the noise on [0,1], or None on the rung "noise".
        truth: the image (1,1,H,W). Kept apart, like the two that follow.
        forward: the forward model, always.
        level: the standard deviation of the noise, always.
    """

    rung: str
    y: torch.Tensor
    A: object
    sigma: float | None
    truth: torch.Tensor
    forward: object
    level: float

    @functools.cached_property
    def baseline(self):
        """The classical estimate (1,1,H,W) from what is handed over; computed when it is first asked for."""
        return classical(self.y, self.A, self.sigma)


def pose(rung, x, seed=0):
    """Measure an image as the rung has it.

    Args:
        rung: one of `RUNGS`.
        x: image (1,C,H,W) in [0,1], 32 to 512 pixels a side; of a colour image, the mean of its channels.
        seed: of the forward model, the level of the noise, and the noise.

    Returns:
        a `Posed`.

    Raises:
        TypeError, ValueError: another rung, no image in [0,1], or one of another size.
    """
    check_choice(rung, RUNGS, "rung")
    check_image(x, "x")
    seed = check_integer(seed, "seed")
    height, width = (check_integer(side, "sides of x", SMALLEST, LARGEST) for side in x.shape[-2:])
    x = x.detach().cpu().float().mean(1, keepdim=True)
    generator = runtime.generator(seed, f"challenge {rung}")

    def uniform(low, high):
        return low + (high - low) * torch.rand((), generator=generator).item()

    def known(share):
        kept = torch.randperm(height * width, generator=generator)[: round(share * height * width)]
        return Mask(torch.zeros(height * width).index_fill(0, kept, 1).reshape(1, 1, height, width))

    if rung == "known":
        A, sigma = known(1 / 3), 10 / 255
    elif rung == "noise":
        A, sigma = Identity(), uniform(15, 50) / 255
    elif rung == "kernel":
        A, sigma = Blur(gaussian_kernel(15, uniform(1.0, 2.0))), 2 / 255
    elif rung == "scan":
        A, sigma = Fourier(line_mask(height, width, 3, seed=seed)), 5 / 255
    else:
        A, sigma = known(0.005), 50 / 255
    y = add_gaussian(A(x), sigma, seed) * getattr(A, "mask", 1)  # no noise where nothing is measured
    return Posed(rung, y, None if rung == "kernel" else A, None if rung == "noise" else sigma, x, A, sigma)


def sanity_image(side=96, seed=0):
    """A test card (1,1,side,side) in [0,1]: overlapping flat rectangles and a grating, drawn from the seed.

    It resembles neither a photograph nor a scan. A method that always draws the kind of image it was trained
    on fails here, whereas the bar (`passes`) is low for one that restores what was measured.

    Raises:
        TypeError, ValueError: side is not from 32 to 512, or the seed is no whole number.
    """
    side = check_integer(side, "side", SMALLEST, LARGEST)
    generator = runtime.generator(check_integer(seed, "seed"), "sanity image")
    x = torch.rand((), generator=generator).expand(side, side).clone()
    for _ in range(10):
        top, left = torch.randint(0, side - side // 8, (2,), generator=generator).tolist()
        height, width = torch.randint(side // 8, side // 2, (2,), generator=generator).tolist()
        x[top : top + height, left : left + width] = torch.rand((), generator=generator)
    # Periods that a third of the pixels can still show, so that a constant image is far below the baseline.
    period, column = torch.randint(10, 16, (2,), generator=generator).tolist()
    # Its stripes lie across the columns of Fourier coefficients that a scan reads, so that they are measured.
    stripes = (torch.arange(side) % period < period // 2).float()
    x[:, column : column + side // 4] = stripes[:, None]
    return x[None, None]
