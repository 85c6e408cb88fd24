"""Equivariant imaging: a set of images that is closed under a group tells what the data do not hold."""

import torch

from dil_course import runtime
from dil_course.fitting import Descent
from dil_course.from_scratch.given import adjoint_of, prepare
from dil_course.signals import rotated
from dil_course.signals.validation import check_function, check_number, check_returned, pinv_of


def equivariant_imaging(
    y,
    A,
    weight=1.0,
    transform=None,
    pinv=None,
    network=None,
    iterations=None,
    learning_rate=0.01,
    seed=0,
    fast=True,
):
    """Fit a reconstruction f so that it explains y, and restores its own estimate from another point of view.

        mean (A x1 - y)^2 + weight mean (f(A T x1) - T x1)^2,   x1 = f(y),   f = network after A^+

    T is drawn anew at each iteration. The second term adds information only where A does not commute with T
    (see `signals.stacked_rank`). Chen, Tachella and Davies, "Equivariant Imaging: Learning Beyond the Range
    Space" (ICCV 2021), section 3. The paper fits one network to a set of observations by the same A, and
    restores new ones; here the set is a single observation, so this is an adaptation of it. With a weight of
    zero it is measurement consistency alone: the deep image prior whose z is A^+ y. Built in lesson 11.

    Args:
        y: observation (1,C,h,w), computed on its own device; the method takes it to be free of noise.
        A: forward model.
        weight: of the second term, the alpha of the paper.
        transform: function of an image (1,C,H,W) and a random generator that returns T of the image, of the
            same shape, with gradients; None turns it by any angle (`signals.rotated`).
        pinv: stands in for A.pinv where that takes long: `A.fbp` for `Radon`.
        network: module that maps (1,C,H,W) to (1,C,H,W), with attributes `input_channels`, `output_channels`
            (both C) and `scales`; fitted in place. None makes a small skip network from the seed.
        iterations: None takes 400 in the quick profile and 2000 in the full one.
        learning_rate: of Adam.
        seed: of the network that is made here, and of the transformations.
        fast: False computes as the textbook does (see `fitting.Engine`).

    Returns:
        Generator of Steps: the loss before the iteration's update and the estimate x1 (1,C,H,W).

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, A does not fit y, or
            the image has fewer than 2**(scales + 1) or more than 2048 pixels a side; on the way, where the
            transformation returns another shape.
    """
    iterations = runtime.pick(quick=400, full=2000) if iterations is None else iterations
    transform = turned_at_random if transform is None else transform
    start, pinv = _checked(y, A, weight, transform, pinv)
    engine = prepare(start, network, iterations, learning_rate, seed, fast)
    generator = runtime.generator(seed, "transform", y.device)

    def objective(iteration):
        estimate = engine(start)
        loss = (A(estimate) - y).square().mean()
        if weight:
            moved = transform(estimate, generator)
            check_returned(moved, estimate, "the result of transform")
            loss = loss + weight * (engine(pinv(A(moved))) - moved).square().mean()
        return loss, estimate

    return Descent(engine, objective, iterations, {"transform": generator})


def turned_at_random(x, generator):
    """The image x (1,C,H,W), turned about its middle by an angle that is drawn uniformly from the circle."""
    return rotated(x, 360 * torch.rand((), generator=generator, device=x.device).item())


def _checked(y, A, weight, transform, pinv):
    """A^+ y, which the network is given, and the function that makes it."""
    adjoint_of(y, A)
    check_number(weight, "weight")
    check_function(transform, "transform")
    pinv = pinv_of(A, pinv)
    start = pinv(y)
    check_returned(start, A.adjoint(y), "the result of pinv", "A.adjoint(y)")
    return start, pinv
