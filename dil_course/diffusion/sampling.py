"""Sampling from a denoiser alone, and what all samplers share: levels, start, the step between two."""

import math

import torch

from dil_course import runtime
from dil_course.adaptation.freedom import copied
from dil_course.adaptation.idbp import levels as falling_levels
from dil_course.fitting import Step
from dil_course.signals.operators import conjugate_gradients
from dil_course.signals.validation import (
    check_function,
    check_image,
    check_integer,
    check_maps,
    check_module,
    check_number,
    check_operator,
    check_same_shape,
    check_share,
    check_sigma,
    check_target,
)

STRONGEST, WEAKEST = 1.0, 0.01  # the first and the last noise level of a run


def noise_levels(iterations=50, strongest=STRONGEST, weakest=WEAKEST):
    """List of noise levels s_1 > ... > s_n that fall geometrically from the strongest to the weakest.

    Args:
        iterations: n, at least 2.
        strongest, weakest: standard deviations in [1e-4,1], on the scale of images in [0,1].

    Raises:
        TypeError, ValueError: a number is out of range, or the weakest is not below the strongest.
    """
    iterations = check_integer(iterations, "iterations", 2, 10**6)
    check_sigma(strongest, "strongest", low=1e-4)
    check_sigma(weakest, "weakest", low=1e-4)
    if weakest >= strongest:
        raise ValueError(f"weakest: expected less than the strongest level {strongest}, got {weakest}")
    return falling_levels(strongest, weakest, iterations)


def renoised(x0, direction, level, fresh, noise):
    """The next state, at noise level s': x0 + s' (sqrt(1 - fresh^2) direction + fresh noise).

    Song, Meng and Ermon, "Denoising Diffusion Implicit Models" (ICLR 2021), in its variance-exploding form:
    fresh = 0 goes on along the noise that is in the state, fresh = 1 replaces all of it. `fresh` is the eta
    of DDNM's code; in the paper on DDIM, eta shares out differently.

    Args:
        x0: estimate of the clean image, (1,C,H,W).
        direction: the noise in the state, as far as the denoiser sees it, of standard deviation one.
        level: s'.
        fresh: share in [0,1] of new noise.
        noise: new noise of standard deviation one.
    """
    return x0 + level * (math.sqrt(1 - fresh**2) * direction + fresh * noise)


def sample(prior, start, fresh=0.0, iterations=50, strongest=STRONGEST, weakest=WEAKEST, seed=0):
    """Draw an image from the distribution that a denoiser was trained on.

    The denoiser D gives the score by Tweedie's formula (lesson 06): grad log p_s(x) = (D(x; s) - x) / s^2.
    Each iteration denoises, and adds back the noise of the next lower level:

        x0 = D(x; s),   x <- x0 + s' ((x - x0) / s or new noise).

    Song and Ermon, "Generative Modeling by Estimating Gradients of the Data Distribution" (NeurIPS 2019), for
    the principle; the step is that of DDIM, see `renoised`. Built in lesson 16.

    Args:
        prior: trained network, or any function of an image and a noise level. It is copied, never changed.
        start: image (1,C,H,W) in [0,1] about which the first state is drawn, usually flat. At level 1 the
            noise hides all details but not the mean brightness of a whole image, which is why it matters.
        fresh: share in [0,1] of new noise in each step.
        iterations: how many noise levels.
        strongest, weakest: first and last level, in [1e-4,1].
        seed: of all noise.

    Returns:
        Generator of Steps. The estimate (1,C,H,W) in [0,1] is the denoised image; the loss is the level.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form.
    """
    check_image(start, "start")
    check_share(fresh, "fresh")
    levels = noise_levels(iterations, strongest, weakest)
    prior = prior_for(prior, start, strongest)
    return _sample(prior, start, fresh, levels, noise_source(seed, start))


def _sample(prior, start, fresh, levels, noise):
    x = start + levels[0] * noise()
    for iteration, level in enumerate(levels, 1):
        with torch.no_grad():
            x0 = prior(x, level)
        yield Step(iteration, len(levels), level, x0.clamp(0, 1), averaged=True)
        if iteration < len(levels):
            x = renoised(x0, (x - x0) / level, levels[iteration], fresh, noise())


def noise_source(seed, like):
    """A function that returns new white noise of standard deviation one at each call, shaped as `like`."""
    drawn = runtime.generator(check_integer(seed, "seed"), "diffusion")
    return lambda: torch.randn(like.shape, generator=drawn).to(like)


def prior_for(prior, x, level):
    """The prior, tried once on x (1,C,H,W); of a network a copy in evaluation mode, on x's device.

    Raises:
        TypeError, ValueError: it is no function, or makes no image of one.
    """
    check_function(prior, "prior")
    if not isinstance(prior, torch.nn.Module):
        with torch.no_grad():
            check_same_shape(prior(x.clone(), level), x, "the result of the prior", "its input")
        return prior
    check_module(prior, "prior")
    prior = copied(prior).eval().requires_grad_(False).to(x.device)
    check_maps(prior, (x, level), "prior")
    return prior


def guided(y, A, prior, iterations, strongest, weakest, seed):
    """What each guided sampler needs, its arguments checked: prior, start, levels, source of noise.

    The start is A^+ y, regularised: about it the first noise is drawn, so that the mean brightness, which no
    noise hides, is that of the observation.
    """
    check_target(y)
    check_operator(A)
    levels = noise_levels(iterations, strongest, weakest)
    start = back_projected(y, A, 0.01 * squared_norm(A, y))
    check_same_shape(A(start), y, "A(x)", "y")
    return prior_for(prior, start, strongest), start, levels, noise_source(seed, start)


def back_projected(r, A, epsilon, iterations=60):
    """A^T (A A^T + epsilon I)^-1 r by conjugate gradients: A^+ r, but amplifying noise less.

    Garber and Tirer, "Image Restoration by Denoising Diffusion Models with Iteratively Preconditioned
    Guidance" (CVPR 2024): one end of its preconditioner.

    Args:
        r: (1,C,h,w), a residual or an observation.
        A: forward model.
        epsilon: above 0, in units of the squares of A's singular values.
        iterations: of the conjugate gradients, at most.

    Raises:
        TypeError, ValueError: epsilon is no number of at least 1e-10.
    """
    epsilon = check_number(epsilon, "epsilon", low=1e-10)

    def multiply(direction):
        return A(A.adjoint(direction)) + epsilon * direction

    return A.adjoint(conjugate_gradients(multiply, torch.zeros_like(r), r, iterations))


def squared_norm(A, y, iterations=20):
    """|A|^2, the largest eigenvalue of A A^T, by the power method; y (1,C,h,w) gives the shape.

    It starts near a flat image, because most cameras let that through best.
    """
    r = 1 + 0.1 * torch.randn(y.shape, generator=runtime.generator(0, "power method")).to(y)
    for _ in range(iterations):
        r = A(A.adjoint(r / r.norm()))
    return float(r.norm())
