"""A few steps of gradient descent on y and its own smaller version, from a start that was learned for it."""

import itertools

import numpy as np
import torch
from torch.func import functional_call

from dil_course.adaptation.freedom import copied
from dil_course.adaptation.meta_learning import inner_steps
from dil_course.fitting import Step
from dil_course.from_scratch.given import adjoint_of, check_fit
from dil_course.from_scratch.internal_pairs import SMALLEST, pair
from dil_course.signals import enlarge
from dil_course.signals.validation import check_integer, check_maps, check_module, check_side, check_sigma


def mzsr(y, A, network, updates=10, learning_rate=3.0, noise=0.0, seed=0):
    """Zero-shot super-resolution in a few updates.

    Soh, Cho and Cho, "Meta-Transfer Learning for Zero-Shot Super-Resolution" (MZSR, CVPR 2020), section 4.3.
    Each update is a step of plain gradient descent on the mean squared error of y, restored from its son
    A(y), whole. There are no windows, no turns, and no back-projection. The paper takes the absolute error,
    whose gradient is as long near the goal as far from it; here one step has to be of the right length. Built
    in lesson 14.

    Args:
        y: small picture (1,C,h,w), computed on its own device.
        A: what made y smaller, with `scales`, such as `BlurDownsample(kernel, 2)`.
        network: the start; maps (1,C,H,W) to (1,C,H,W) and has attribute `channels`. It is copied, and never
            changed.
        updates: how many.
        learning_rate: of the descent; a learned start wants the one it was learned with, about
            (`trained("meta_kernels")`: 3).
        noise: standard deviation of noise that is added to the son, for a y that is noisy itself.
        seed: of this noise.

    Returns:
        Generator of Steps, one more than there are updates: the estimate of Step n, in [0,1], and its loss
        are of the network after n-1 updates, so that the first one shows the start itself.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, or y is too small.
    """
    check_fit(y, 1, learning_rate, seed)
    updates = check_integer(updates, "updates", 1)
    check_sigma(noise, "noise")
    if not hasattr(A, "scales"):
        raise TypeError(
            "A: expected an operator that makes images smaller, such as Downsample(2), got "
            f"{type(A).__name__}"
        )
    adjoint_of(y, A)
    check_side(y.shape, SMALLEST, "y")
    check_module(network, attributes=("channels",))
    if network.channels != y.shape[1]:
        raise ValueError(f"the network is made for {network.channels} channels, but y has {y.shape[1]}")
    network = copied(network).eval().to(y.device)
    check_maps(network, (enlarge(y, A),), "network")
    return _steps(y, A, network, updates, learning_rate, noise, np.random.default_rng([seed, 14]))


def _steps(y, A, network, updates, learning_rate, noise, draw):
    (son, father), enlarged = pair(y, A, noise, draw), enlarge(y, A)

    def loss(weights, pair):
        son, father = pair
        return (functional_call(network, weights, (son,)) - father).square().mean()

    start = {name: value.detach() for name, value in network.named_parameters()}
    descent = inner_steps(loss, start, (son, father), learning_rate, updates, second_order=False)
    for number, weights in enumerate(itertools.chain([start], descent), 1):
        with torch.no_grad():
            estimate = functional_call(network, weights, (enlarged,))
            misfit = loss(weights, (son, father))
        yield Step(number, updates + 1, misfit, estimate.clamp(0, 1), averaged=True)
