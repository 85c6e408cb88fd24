"""Adapt a network that reconstructs to the one scan at hand, by the measurements of that scan alone."""

import itertools

import torch

from dil_course import runtime
from dil_course.adaptation.denoising import descend
from dil_course.adaptation.fallback import first_where_it_fails
from dil_course.adaptation.freedom import free
from dil_course.fitting import Engine
from dil_course.from_scratch.given import adjoint_of, check_fit
from dil_course.signals import Fourier, split_lines
from dil_course.signals.validation import check_module, check_number, check_share, describe, tried


def adapt_reconstruction(y, A, network, what="all", iterations=None, learning_rate=1e-4, anchor=0.0, seed=0):
    """Test-time training: minimise over theta |A f_theta(y) - y|_1 / |y|_1 + anchor |theta - theta_0|^2.

    Darestani, Liu and Heckel, "Test-Time Training Can Close the Natural Distribution Shift Performance Gap in
    Deep Learning Based Compressed Sensing" (ICML 2022), without the anchor; they adapt all weights.
    With another A than the network was trained for, and an anchor at the trained weights theta_0, it follows
    Gilton, Ongie and Willett, "Model Adaptation for Inverse Problems in Imaging" (IEEE Transactions on
    Computational Imaging 2021). A^+ itself has loss zero where y is free of noise, so that long runs approach
    it: the loss sees nothing of the null space of A. To stop, hold lines out: hand over `y * fit` and
    `Fourier(fit)`, with masks of `split_lines`, and judge by `HeldOut(y, held_out, A=A)`. Built in lesson 17.

    Args:
        y: observation (1,C,h,w), computed on its own device.
        A: its forward model.
        network: trained, called with y and A, such as `trained("reconstruction_phantoms_joint")`. It is
            copied, and never changed.
        what: may change: "all", "gain" or "low-rank" (see `free`).
        iterations: None takes 100 in the quick profile and 500 in the full one.
        learning_rate: of Adam.
        anchor: weight of the sum of squared changes of the weights.
        seed: of a low-rank update's first values.

    Returns:
        Generator of Steps. Each estimate (1,C,H,W) is the output of the network as it stands, the first the
        trained network's own; `step.network` is the adapted copy. Where a loss is not finite, the run ends
        with the trained network's result.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form or the network does
            not take y and A.
    """
    engine, iterations = prepare(y, A, network, what, iterations, learning_rate, seed)
    check_number(anchor, "anchor")
    weights = [weight for weight in engine.network.parameters() if weight.requires_grad]
    first = [weight.detach().clone() for weight in weights]

    def objective():
        estimate = engine.network(y, A)
        loss = (A(estimate) - y).abs().sum() / y.abs().sum()
        if anchor:
            changes = (weight - start for weight, start in zip(weights, first, strict=True))
            loss = loss + anchor * sum(change.square().sum() for change in changes)
        return loss, estimate

    return first_where_it_fails(descend(engine, objective, iterations, averaged=True))


def adapt_by_splitting(y, A, network, share=0.4, what="all", iterations=None, learning_rate=1e-3, seed=0):
    """Predict some of the measured lines from the others: other lines at each iteration.

        |M A f(y - M y) - M y|_1 / (2 |M y|_1) + |M A f(y - M y) - M y|_2 / (2 |M y|_2)

    Yaman, Hosseini and Akcakaya, "Zero-Shot Self-Supervised Learning for MRI Reconstruction" (ICLR 2022).
    Their network is untrained or trained, their scans have several coils and 25 divisions of single
    coefficients; here M is a draw of whole lines by `split_lines` at each iteration. Unlike in
    `adapt_reconstruction`, the network must say something about lines that it is not given. Built in lesson
    17.

    Args:
        y: observation (1,2C,H,W), computed on its own device.
        A: `Fourier` of whole lines, as `line_mask` draws them.
        network: called with y and A, trained or not. It is copied, and never changed.
        share: of the lines, to be predicted.
        what, iterations, learning_rate: as `adapt_reconstruction`.
        seed: of the draws.

    Returns, Raises: as `adapt_reconstruction`. Each estimate is made from all lines of y.
    """
    if not isinstance(A, Fourier):
        raise TypeError(f"A: expected Fourier(line_mask(...)), got {describe(A)}")
    check_share(share, "share")
    split_lines(A.mask, share)  # refuses now what it would refuse in the middle of the run
    engine, iterations = prepare(y, A, network, what, iterations, learning_rate, seed)
    draws = itertools.count(1000 * seed + 1)

    def objective():
        given, wanted = split_lines(A.mask, share, seed=next(draws))
        given, wanted = given.to(y), wanted.to(y)
        missed, size = wanted * (A(engine.network(y * given, Fourier(given))) - y), wanted * y
        absolute = missed.abs().sum() / size.abs().sum()
        squared = missed.square().sum().sqrt() / size.square().sum().sqrt()
        with torch.no_grad():
            estimate = engine.network(y, A)
        return (absolute + squared) / 2, estimate

    return first_where_it_fails(descend(engine, objective, iterations, averaged=True))


def prepare(y, A, network, what, iterations, learning_rate, seed):
    """Check what both methods were given. Returns the engine of a copy of the network, and the iterations."""
    iterations = runtime.pick(quick=100, full=500) if iterations is None else iterations
    iterations = check_fit(y, iterations, learning_rate, seed)
    x = adjoint_of(y, A)
    check_module(network, "network, a trained one")
    with runtime.seeded(seed):
        network = free(network, what).to(y.device)
    check_reconstructs(network, y, A, x)
    return Engine(network, learning_rate, training=False), iterations


def check_reconstructs(network, y, A, x):
    """Refuse a network that makes no image of y and A (ValueError): tried once."""
    refusal = f"network: this {type(network).__name__} does not take y and A"
    made = tried(lambda: network(y, A).shape, refusal)
    if made != x.shape:
        raise ValueError(f"network: makes {tuple(made)} of y, but A takes {tuple(x.shape)}")
