"""A diffusion model of one image's patches, in closed form: no network, no training."""

import torch

from dil_course import runtime
from dil_course.fitting import Step
from dil_course.from_scratch.gpnn import (
    BLOCK,
    check_generation,
    overlap_mean,
    resized_by,
    scales,
    sides_of,
)
from dil_course.from_scratch.internal_pairs import resized
from dil_course.signals import patches
from dil_course.signals.validation import check_integer, check_number, check_observation

FIRST_SIGMA = 3.0  # of the noise that the coarsest scale starts from: it hides where a patch came from
LAST_SIGMA = 0.01  # where each scale ends: below the differences of most neighbouring patches


def patch_diffusion(x, shape=None, patch=7, coarsest=14, ratio=0.75, iterations=10, seed=0):
    """Draw an image like x by running the optimal denoiser of its patches backwards, coarse to fine.

    If the patches of a clean image are drawn at random from those of x, the least mean squared error from
    noise of standard deviation sigma is that of the posterior mean (see `posterior_mean`), which needs no
    training. Here the denoised patches are put together by the mean of their overlaps, and noise is taken
    away in small steps by the deterministic rule of Song, Meng and Ermon, "Denoising Diffusion Implicit
    Models" (ICLR 2021), in its variance-exploding form: with D the denoised image,

        z <- D + (next sigma / sigma) (z - D).

    The coarsest scale starts from noise alone around the mean of x. Each finer one starts from the enlarged
    result plus noise as large as what enlarging does to x itself, the root mean square of their difference.
    That idea is from Kulikov, Yadin, Kleiner and Michaeli, "SinDDM: A Single Image Denoising Diffusion Model"
    (ICML 2023), where a network with a limited receptive field is trained in place of the posterior mean.

    As sigma goes to 0, the posterior mean becomes the nearest neighbour: then a step is that of `gpnn` with a
    large alpha.

    Args:
        x: source image (1,C,H,W) in [0,1].
        shape: height and width of the result; None takes those of x.
        patch: side of the patches in pixels.
        coarsest: shorter side of x at the coarsest scale, in pixels.
        ratio: of the sides from one scale to the next coarser one, at most (see `gpnn`).
        iterations: so many noise levels at each scale, in geometric progression.
        seed: of all noise.

    Returns:
        Generator of Steps, one for each noise level of each scale. The estimate (1,C,*shape) in [0,1] is the
        denoised image D, enlarged to the full size; the loss is the mean squared difference between z and D.

    Raises:
        TypeError, ValueError: before any compute, where x is no image, a number is out of range, or the
            coarsest scale has no room for a patch.
    """
    shape, settings = check_generation(x, shape, patch, coarsest, ratio)
    iterations = check_integer(iterations, "iterations", 2)
    drawn = runtime.generator(seed, "patch diffusion")
    return _scale_by_scale(x, shape, drawn, iterations, **settings)


def _scale_by_scale(x, shape, drawn, iterations, patch, coarsest, ratio):
    """The whole run, arguments checked."""
    shrinks = scales(x, coarsest, ratio)
    denoised, coarser, sigma = x.mean((2, 3), keepdim=True).expand(1, -1, *shape), None, FIRST_SIGMA
    for number, shrink in enumerate(shrinks):
        source, sides = resized_by(x, shrink), sides_of(shape, shrink)
        z = resized(denoised, sides)
        if coarser is not None:
            blurred = resized(coarser, source.shape[-2:])
            sigma = max(float((blurred - source).square().mean().sqrt()), 2 * LAST_SIGMA)
        z = z + sigma * torch.randn(z.shape, generator=drawn).to(x)
        levels = torch.logspace(0, 1, iterations, base=LAST_SIGMA / sigma) * sigma
        for level, sigma in enumerate(levels.tolist()):
            denoised = optimal_denoiser(z, source, sigma, patch)
            loss = (z - denoised).square().mean()
            iteration = number * iterations + level + 1
            shown = resized(denoised, shape).clamp(0, 1)
            yield Step(iteration, len(shrinks) * iterations, loss, shown, averaged=True)
            if level + 1 < iterations:
                z = denoised + levels[level + 1] / sigma * (z - denoised)
        coarser = source


def optimal_denoiser(z, source, sigma, patch=7):
    """Each patch of z becomes its posterior mean among the patches of the source; overlaps are averaged.

    Args:
        z: noisy image (1,C,h,w), of any size.
        source: clean image (1,C,H,W).
        sigma: standard deviation of the noise in z.
        patch: side of the patches in pixels.

    Returns:
        the estimate (1,C,h,w).

    Raises:
        TypeError, ValueError: no images of the same number of channels, a patch that does not fit, or sigma
            out of range.
    """
    check_observation(z, "z")
    check_observation(source, "source")
    if z.shape[1] != source.shape[1] or z.dtype != source.dtype:
        raise ValueError(
            f"z is {z.dtype} of {z.shape[1]} channels but source {source.dtype} of {source.shape[1]}: they "
            "must be equal"
        )
    sigma = check_number(sigma, "sigma", low=1e-3, high=10)
    means = posterior_mean(patches(z, patch), patches(source, patch), sigma)
    return overlap_mean(means, z.shape[-2:], patch)


def posterior_mean(queries, database, sigma):
    """E[p | q] for q = p + noise, where p is a row of the database, each as likely as the others.

        sum_j w_j p_j / sum_j w_j,   w_j = exp(-|q - p_j|^2 / (2 sigma^2)).

    Args:
        queries, database: (Q,D) and (N,D).
        sigma: standard deviation of the white Gaussian noise in the queries.

    Returns:
        (Q,D).
    """
    # |q|^2 is the same for all j and cancels. About a common centre fewer digits are lost.
    centre = database.mean(0)
    queries, database = queries - centre, database - centre
    lengths = database.square().sum(1)
    means = []
    for some in queries.split(max(1, BLOCK // len(database))):
        squared = torch.addmm(lengths, some, database.T, alpha=-2)
        means.append(torch.softmax(squared.mul_(-1 / (2 * sigma**2)), 1) @ database)
    return torch.cat(means) + centre
