"""A network that was trained for another forward model, as a regulariser for this one."""

import torch

from dil_course.adaptation.reconstruction import check_reconstructs
from dil_course.fitting import Step
from dil_course.from_scratch.given import adjoint_of, check_fit
from dil_course.signals.operators import conjugate_gradients
from dil_course.signals.validation import check_module, check_number, check_operator


def reuse_and_regularize(y, A, network, trained_for, weight=0.1, iterations=30):
    """Repeat x <- argmin over z of |A z - y|^2 + weight |z - f(A_0 x)|^2, with a trained f.

    f reconstructs what its own forward model A_0 measures, so that f(A_0 x) = x for images like those of its
    training: x -> f(A_0 x) cleans other images, as a denoiser does. After an idea of Gilton,
    Ongie and Willett, "Model Adaptation for Inverse Problems in Imaging" (IEEE Transactions on Computational
    Imaging 2021); the fixed-point steps are those of regularisation by denoising (Romano, Elad and Milanfar,
    SIAM Journal on Imaging Sciences 2017). Nothing is learned. Built in lesson 17.

    Args:
        y: observation (1,C,h,w), computed on its own device.
        A: its forward model.
        network: trained for other measurements, called with these and their forward model; left as it is.
        trained_for: A_0, which measures images of the size of this one.
        weight: of the second term, above 0.
        iterations: how many.

    Returns:
        Generator of Steps: the mean squared misfit to y, and the estimate (1,C,H,W).

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form.
    """
    iterations = check_fit(y, iterations, learning_rate=1, seed=0)
    x = adjoint_of(y, A)
    check_operator(trained_for)
    check_number(weight, "weight", low=1e-9)
    check_module(network, "network, a trained one")
    check_reconstructs(network, trained_for(x), trained_for, x)
    return alternate(y, A, network, trained_for, weight, iterations)


@torch.no_grad()
def alternate(y, A, network, trained_for, weight, iterations):
    x = A.adjoint(y)
    for iteration in range(1, iterations + 1):
        cleaned = network(trained_for(x), trained_for)
        x = nearest(cleaned, y, A, weight)
        yield Step(iteration, iterations, (A(x) - y).square().mean(), x, averaged=True)


def nearest(x, y, A, weight, iterations=20):
    """The z that minimises |A z - y|^2 + weight |z - x|^2, by conjugate gradients from x."""

    def multiply(z):
        return A.adjoint(A(z)) + weight * z

    return conjugate_gradients(multiply, x, A.adjoint(y - A(x)), iterations)
