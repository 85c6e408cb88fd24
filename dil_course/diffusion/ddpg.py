"""DDPG: a dial between back-projection and least squares, turned while the noise level falls."""

import torch

from dil_course.diffusion.sampling import STRONGEST, WEAKEST, back_projected, guided, renoised, squared_norm
from dil_course.fitting import Step
from dil_course.signals.validation import check_flag, check_number, check_share, check_sigma


def ddpg(
    y,
    A,
    prior,
    sigma,
    gamma=8.0,
    fresh=1.0,
    regularisation=3.0,
    dial=None,
    inject=True,
    iterations=50,
    strongest=STRONGEST,
    weakest=WEAKEST,
    seed=0,
):
    """Sample an image whose guidance turns from back-projection to least squares.

    Garber and Tirer, "Image Restoration by Denoising Diffusion Models with Iteratively Preconditioned
    Guidance" (CVPR 2024). With D the denoised image, r = A x0 - y, and d between 0 and 1,

        x0 = D(x; s),
        x0' = x0 - (1 - d) A^T (A A^T + e I)^-1 r - d c A^T r,
        x <- x0' + s' (fresh noise + sqrt(1 - fresh^2) d (x - x0') / s),

    where c = 1, or 1 / |A|^2 where A enlarges. Their dial is d = a'^gamma; in the variance-exploding form
    a' = 1 / (1 + 4 s'^2) for images in [0,1]: near 0 at first, when back-projection converges fast and the
    noise that it amplifies drowns in that of the state, and near 1 at the end. Without noise, d = 0 and all
    of the noise's direction is kept. With `inject` False and no noise in y it is IDBP of lesson 12. Built in
    lesson 16.

    Here e = regularisation sigma^2, for images in [0,1]. Their code can also shorten the whole correction as
    the level falls, by (1 - a') / (1 - a), which is left out here.

    Args:
        y: observation (1,C,h,w), computed on its own device.
        A: forward model.
        prior: trained network, or any function of an image and a noise level. It is copied, never changed.
        sigma: standard deviation of the noise of y, in [0,1].
        gamma: the larger, the later the dial turns. The authors' scripts set it for each task, from 3 to 300.
        fresh: share in [0,1] of new noise; its square is their zeta, from 0.4 to 1 in their scripts.
        regularisation: their eta-tilde, from 0.3 to 6 in their scripts; sigma^2 times it is at least 1e-4.
        dial: a number in [0,1] holds d there in all iterations. None turns it.
        inject: False adds no noise: x <- x0', their IDPG, an estimate and no sample.
        iterations: how many noise levels.
        strongest, weakest: first and last level, in [1e-4,1].
        seed: of all noise.

    Returns:
        Generator of Steps. The estimate (1,C,H,W) in [0,1] is x0 where y has noise, as the authors return
        it, and x0' where it has none; the loss is the mean squared misfit of x0 to y.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form.
    """
    check_sigma(sigma)
    gamma = check_number(gamma, "gamma", high=1e4)
    check_share(fresh, "fresh")
    epsilon = max(1e-4, check_number(regularisation, "regularisation", high=1e4) * sigma**2)
    if dial is not None:
        check_share(dial, "dial")
    check_flag(inject, "inject")
    prior, start, levels, noise = guided(y, A, prior, iterations, strongest, weakest, seed)
    return _ddpg(y, A, prior, sigma, gamma, fresh, epsilon, dial, inject, levels, start, noise)


def turned(level, gamma):
    """d = (1 + 4 s^2)^-gamma: where the dial stands at noise level s."""
    return (1 + 4 * level**2) ** -gamma


def _ddpg(y, A, prior, sigma, gamma, fresh, epsilon, dial, inject, levels, start, noise):
    c, noiseless = min(1.0, 1 / squared_norm(A, y)), sigma == 0 and dial is None
    x = start + inject * levels[0] * noise()
    for iteration, level in enumerate(levels, 1):
        following = levels[iteration] if iteration < len(levels) else 0.0
        d = turned(following, gamma) if dial is None and sigma else dial or 0.0
        with torch.no_grad():
            x0 = prior(x, level)
        misfit = A(x0) - y
        corrected = x0 - (1 - d) * back_projected(misfit, A, epsilon) - d * c * A.adjoint(misfit)
        shown = x0 if sigma else corrected
        yield Step(iteration, len(levels), misfit.square().mean(), shown.clamp(0, 1), averaged=True)
        direction = (1.0 if noiseless else d) * (x - corrected) / level
        x = renoised(corrected, direction, following, fresh, noise()) if inject else corrected
