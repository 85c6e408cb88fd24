"""IDBP: restore by denoising and back-projection in turn; on the way, the denoiser may be adapted."""

import math

import torch

from dil_course.adaptation.denoising import tune_on_restored
from dil_course.adaptation.freedom import copied, parts_of
from dil_course.fitting import Step
from dil_course.signals.validation import (
    check_function,
    check_integer,
    check_maps,
    check_module,
    check_number,
    check_returned,
    check_same_shape,
    check_sigma,
    check_target,
    pinv_of,
)

ADAPT_BELOW = 12 / 255  # the denoiser is adapted once for the last rounds, whose levels are below this


def idbp(
    y,
    A,
    denoiser,
    sigma=0.0,
    adapt=None,
    iterations=30,
    strongest=49 / 255,
    weakest=2 / 255,
    pinv=None,
    seed=0,
):
    """Iterative denoising and backward projections: z = D(x; s), x = z + A^+ (y - A z), for falling levels s.

    Tirer and Giryes, "Image Restoration by Iterative Denoising and Backward Projections" (IEEE Transactions
    on Image Processing 2019), algorithm 1. There the level is fixed, sigma plus a constant; the authors' code
    for super-resolution lets it fall geometrically, from 24/255 to 2/255 at scale 2; here it falls from
    49/255. With a denoiser that is adapted to the image for the last, weak levels, it is a variant
    of IDBP-CNN-IA of the same authors, "Super-Resolution via Image-Adapted Denoising CNNs" (IEEE Signal
    Processing Letters 2019). They cut its patches from y; here they come from the estimate as it stands,
    which suits any A, and for A = Downsample(2) measured better on three of four images, too (worse on the
    phantom). Built in lesson 12.

    Args:
        y: observation (1,C,h,w), computed on its own device.
        A: forward model with `pinv`.
        denoiser: trained network, called with a picture and a noise level. It is copied, and never changed.
            Where nothing is adapted, any function will do.
        sigma: standard deviation of the noise of y, in [0,1]. Its square is added to that of each level,
            because back-projection brings this noise back.
        adapt: what may change in the denoiser: "all", "norm", "gain", "low-rank"; None leaves it as trained.
        iterations: rounds of denoising and back-projection.
        strongest, weakest: first and last level, in [1e-6,1].
        pinv: stands in for A.pinv where that amplifies noise too much: `lambda r: A.pinv(r, epsilon=1e-3)`
            for a blur.
        seed: of the adaptation.

    Returns:
        Generator of Steps. The estimate (1,C,H,W) is the denoiser's output; in the last Step, where sigma is
        0, it is back-projected. The loss is the mean squared misfit to y.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form.
    """
    denoiser, iterations, pinv = _checked(
        y, A, denoiser, sigma, adapt, iterations, strongest, weakest, pinv, seed
    )
    return rounds(y, A, denoiser, sigma, adapt, levels(strongest, weakest, iterations), pinv, seed)


def _checked(y, A, denoiser, sigma, adapt, iterations, strongest, weakest, pinv, seed):
    """The denoiser (a copy on y's device, where it is a network), the iterations and the pseudo-inverse."""
    check_target(y)
    pinv = pinv_of(A, pinv)
    check_sigma(sigma)
    iterations = check_integer(iterations, "iterations", 1, 10**6)
    check_sigma(strongest, "strongest", low=1e-6)
    check_sigma(weakest, "weakest", low=1e-6)
    check_number(weakest, "weakest", high=strongest)
    check_number(
        math.hypot(strongest, sigma), "strongest and sigma together, sqrt(strongest^2 + sigma^2)", high=1
    )
    check_integer(seed, "seed")
    check_function(denoiser, "denoiser")
    if adapt is not None:
        parts_of(denoiser, adapt)  # refuses now what `free` would refuse in the middle of the run
    if isinstance(denoiser, torch.nn.Module):
        check_module(denoiser, "denoiser")
        denoiser = copied(denoiser).eval().to(y.device)
        check_maps(denoiser, (A.adjoint(y).clone(), strongest), "denoiser")
    return denoiser, iterations, pinv


def levels(strongest, weakest, iterations):
    """List of `iterations` noise levels that fall geometrically from the strongest to the weakest."""
    steps = torch.linspace(math.log(strongest), math.log(weakest), iterations)
    return steps.exp().tolist()


def rounds(y, A, denoiser, sigma, adapt, falling, pinv, seed):
    """Yield one Step a round, for the list of `falling` noise levels; the arguments are those of `idbp`."""
    x = start(y, A, pinv)
    for iteration, level in enumerate(falling, 1):
        total = math.hypot(level, sigma)
        if adapt and level < ADAPT_BELOW:
            denoiser, adapt = adapted(x, denoiser, total, adapt, seed), None
        estimate = denoise(denoiser, x, total)
        misfit = y - A(estimate)
        x = estimate + pinv(misfit)
        shown = x if iteration == len(falling) and not sigma else estimate
        yield Step(iteration, len(falling), misfit.square().mean(), shown.clamp(0, 1), averaged=True)


def start(y, A, pinv):
    """A^+ y, refused where the shapes that A and pinv return do not fit."""
    x = pinv(y.clone())  # pinv may return its input, and the denoiser may write into that
    check_returned(x, A.adjoint(y), "the result of pinv", "what A sees")
    check_same_shape(A(x), y, "A(x)", "y")
    return x


@torch.no_grad()
def denoise(denoiser, x, level):
    """What the denoiser makes of x, refused where its shape is another: any function may be a denoiser."""
    estimate = denoiser(x, level)
    check_same_shape(estimate, x, "the result of the denoiser", "its input")
    return estimate


def adapted(x, denoiser, sigma, what, seed):
    """A copy of the denoiser after `tune_on_restored` on x; the trained one where that failed."""
    for step in tune_on_restored(x, denoiser, sigma, what, seed=seed):
        network = step.network or denoiser
    return network
