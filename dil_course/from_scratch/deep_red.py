"""DeepRED: the deep image prior, regularised by a classical denoiser (ADMM)."""

import torch

from dil_course.from_scratch.deep_image_prior import deep_image_prior
from dil_course.signals import Identity
from dil_course.signals.validation import (
    check_function,
    check_integer,
    check_number,
    check_returned,
    check_scale,
)


def deep_red(y, denoiser, A=None, mu=0.5, beta=0.5, every=10, learning_rate=0.008, **settings):
    """Split the estimate in two: f_theta(z), which explains y, and x, which the denoiser leaves almost alone.

    Mataev, Elad and Milanfar, "DeepRED: Deep Image Prior Powered by RED" (ICCV Workshops 2019). Adam
    minimises |A(f) - y|^2 + mu |f - (x - u)|^2 over theta, both norms as means. Once in `every` iterations a
    fixed-point step of regularisation by denoising updates x, and u, the scaled dual variable of ADMM, adds
    up the difference of f and x:

        x <- (beta D(x) + mu (f + u)) / (beta + mu),   u <- u + f - x

    The denoiser is given the last x, not f + u as in plug-and-play methods; at the first call x is f.

    Args:
        y: observation (1,C,h,w).
        denoiser: function D of a picture (1,C,H,W), such as non-local means.
        A: forward model; None is the identity.
        mu: weight of the difference between f and x - u, relative to the misfit.
        beta: strength of the denoiser.
        every: iterations between two calls of the denoiser.
        learning_rate: of Adam.
        settings: of `deep_image_prior`.

    Returns, Raises: as `deep_image_prior`; also where mu, beta or every is out of range.
    """
    check_function(denoiser, "denoiser")
    check_number(mu, "mu", low=1e-12)
    check_number(beta, "beta")
    every = check_integer(every, "every", 1)
    A = Identity() if A is None else A

    split = {}  # x and u, from the first call of the denoiser on

    def loss(estimate):
        misfit = (A(estimate) - y).square().mean()
        return misfit + mu * (estimate - (split["x"] - split["u"])).square().mean() if split else misfit

    def alternate(step):
        if step.iteration % every == 0:
            f = step.estimate
            x, u = (split["x"], split["u"]) if split else (f, torch.zeros_like(f))
            denoised = denoiser(x)
            check_returned(denoised, x, "the result of the denoiser")
            check_scale(denoised, "the result of the denoiser")
            split["x"] = (beta * denoised + mu * (f + u)) / (beta + mu)
            split["u"] = u + f - split["x"]

    steps = deep_image_prior(y, A, learning_rate=learning_rate, loss=loss, **settings)
    steps.memory["split"], steps.after = split, alternate
    return steps
