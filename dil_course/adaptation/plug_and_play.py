"""Plug-and-play: a denoiser in the place of a regulariser, and its adaptation at the fixed point."""

import torch

from dil_course.adaptation.freedom import copied, free
from dil_course.fitting import Engine, Step
from dil_course.from_scratch.given import adjoint_of, check_fit
from dil_course.signals.validation import check_integer, check_maps, check_module, check_number, check_sigma


def plug_and_play(
    y, A, denoiser, sigma=10 / 255, adapt=None, iterations=30, inner=10, length=1.0, learning_rate=1e-4
):
    """Repeat x <- D(x - length A^T (A x - y); sigma) to its fixed point; there, D may be adapted to y.

    Venkatakrishnan, Bouman and Wohlberg, "Plug-and-Play Priors for Model Based Reconstruction" (GlobalSIP
    2013), with the proximal gradient steps of Kamilov, Mansour and Wohlberg (IEEE Signal Processing Letters
    2017). Chandler, Shoushtari, Liu, Asif and Kamilov, "Overcoming Distribution Shifts in Plug-and-Play
    Methods with Test-Time Training" (CAMSAP 2023), train D at the fixed point by the misfit to y, by the
    derivatives of deep equilibrium models. Here these are cut off after one application of D: Fung et al.,
    "JFB: Jacobian-Free Backpropagation for Implicit Networks" (AAAI 2022). Built in lesson 17.

    Args:
        y: observation (1,C,h,w), computed on its own device.
        A: forward model of norm 1 at most.
        denoiser: trained network, called with an image and a noise level, such as `trained("denoiser_gray")`.
            It is copied, and never changed.
        sigma: level that the denoiser is given, in [0,1]: the strength of the regulariser.
        adapt: what may change in the denoiser (see `free`); None leaves it as trained.
        iterations: how many times `inner` applications of D are followed by an update of D.
        inner: applications of D from one Step to the next. The image is carried on.
        length: of the gradient step.
        learning_rate: of Adam.

    Returns:
        Generator of Steps: the loss |A x - y|^2 / |y|^2 and the image x (1,C,H,W) that D made last.
        `step.network` is the copy of the denoiser.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form.
    """
    iterations = check_fit(y, iterations, learning_rate, seed=0)
    inner = check_integer(inner, "inner", 1)
    check_sigma(sigma)
    check_number(length, "length", low=1e-6, high=2)
    x = adjoint_of(y, A)
    check_module(denoiser, "denoiser, a trained network")
    network = copied(denoiser).eval() if adapt is None else free(denoiser, adapt)
    network = network.to(y.device)
    check_maps(network, (x.clone(), sigma), "denoiser")
    engine = None if adapt is None else Engine(network, learning_rate, training=False)

    def apply(x):
        return network(x - length * A.adjoint(A(x) - y), sigma)

    return fixed_points(x, y, A, apply, network, engine, iterations, inner)


def fixed_points(x, y, A, apply, network, engine, iterations, inner):
    """Yield one Step after each `inner` applications, of which an engine learns from the last one."""
    for iteration in range(1, iterations + 1):
        with torch.no_grad():
            for _ in range(inner - 1):
                x = apply(x)
        x = apply(x) if engine else apply(x).detach()
        loss = (A(x) - y).square().sum() / y.square().sum()
        yield Step(iteration, iterations, loss.detach(), x.detach(), True, network)
        if engine:
            engine.update(loss)
        x = x.detach()
