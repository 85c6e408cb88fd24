"""Learn a start from which a few steps suffice: MAML, its first-order form, Reptile, and joint training.

A task is a pair (support, query), each whatever the loss takes as data: the steps see the support, and the
start is judged on the query. Weights are dictionaries {name: tensor}, so that the loss is a plain function of
them, as torch.func wants it. Built in lesson 14.
"""

import math

import torch
from torch.func import grad, vmap

from dil_course.signals.validation import (
    check_choice,
    check_flag,
    check_function,
    check_integer,
    check_number,
    describe,
    is_float,
)

STARTS = ("maml", "first-order", "reptile", "joint")


def inner_steps(loss, weights, data, rate, steps=1, second_order=True):
    """Steps of gradient descent from `weights`: the inner loop of MAML, kept differentiable.

    Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning" (ICML 2017), section 2.2.

    Args:
        loss: function of weights and data that returns a scalar tensor.
        weights: {name: float tensor} to begin with; never changed.
        data: of one task, passed on to the loss.
        rate: of the descent.
        steps: how many.
        second_order: False takes the gradients of the steps as constants, so that whoever differentiates the
            result with respect to `weights` misses the second derivatives (the paper's section 5.2).

    Returns:
        Generator of the weights after each step.

    Raises:
        TypeError, ValueError: an argument is not of this form.
    """
    check_function(loss, "loss")
    check_weights(weights)
    check_number(rate, "rate", high=1e3)
    steps = check_integer(steps, "steps", 1)
    check_flag(second_order, "second_order")
    return _descend(loss, weights, data, rate, steps, second_order)


def _descend(loss, weights, data, rate, steps, second_order):
    for _ in range(steps):
        gradients = grad(loss)(weights, data)
        if not second_order:
            gradients = {name: gradient.detach() for name, gradient in gradients.items()}
        weights = {name: value - rate * gradients[name] for name, value in weights.items()}
        yield weights


def meta_gradient(method, loss, weights, tasks, rate, steps=1):
    """How the start should move: the gradient for Adam, or another descent, of its weights. And its loss.

    - "maml" and "first-order": of the query loss after the inner steps (Finn, Abbeel and Levine, ICML 2017).
    - "reptile": the start less the mean of where the steps end, over the rate (Nichol, Achiam and Schulman,
      "On First-Order Meta-Learning Algorithms", 2018). The steps see support and query in turn, as two
      batches of one task; the loss that is returned is of the query after them.
    - "joint": of the query loss before any step, which is plain training on all tasks at once.

    Args:
        method: one of STARTS.
        loss, weights, rate, steps: as of `inner_steps`.
        tasks: pair (support, query), each a tensor or a tuple of tensors, whose first axis counts the tasks.

    Returns:
        ({name: gradient}, mean loss over the tasks), neither with a graph.

    Raises:
        TypeError, ValueError: an argument is not of this form.
    """
    steps = _check(method, loss, weights, rate, steps)
    if not isinstance(tasks, tuple | list) or len(tasks) != 2:
        raise TypeError(f"tasks: expected a pair (support, query), got {describe(tasks)}")
    weights = {name: value.detach() for name, value in weights.items()}
    if method == "reptile":
        return _reptile(loss, weights, tasks, rate, steps)

    def after(weights, support, query):
        if method != "joint":
            *_, weights = _descend(loss, weights, support, rate, steps, method == "maml")
        return loss(weights, query)

    def mean(weights):
        return vmap(after, in_dims=(None, 0, 0))(weights, *tasks).mean()

    return torch.func.grad_and_value(mean)(weights)


def _check(method, loss, weights, rate, steps):
    check_choice(method, STARTS, "method")
    check_function(loss, "loss")
    check_weights(weights)
    check_number(rate, "rate", low=1e-9, high=1e3)
    return check_integer(steps, "steps", 1)


def _reptile(loss, weights, tasks, rate, steps):
    def end(support, query):
        ending = weights
        for step in range(steps):
            *_, ending = _descend(loss, ending, (support, query)[step % 2], rate, 1, False)
        return ending, loss(ending, query)

    ends, losses = vmap(end)(*tasks)
    return {name: (value - ends[name].mean(0)) / rate for name, value in weights.items()}, losses.mean()


def learn_start(method, loss, weights, draw, iterations, rate, steps=1, meta_rate=1e-3):
    """Meta-training: descend along `meta_gradient` by Adam, whose rate falls along a cosine.

    Args:
        method, loss, weights, rate, steps: as of `meta_gradient`.
        draw: function without arguments that returns the tasks of one update.
        iterations: how many updates.
        meta_rate: Adam's rate at the beginning.

    Returns:
        Generator of (weights, loss) after each update: always the same dictionary, whose tensors are updated
        in place, and the loss that `meta_gradient` gave before this update.

    Raises:
        TypeError, ValueError: an argument is not of this form.
    """
    steps = _check(method, loss, weights, rate, steps)
    check_function(draw, "draw")
    iterations = check_integer(iterations, "iterations", 1)
    check_number(meta_rate, "meta_rate", high=1e3)
    weights = {name: value.detach().clone() for name, value in weights.items()}
    optimizer = torch.optim.Adam(list(weights.values()), lr=meta_rate)
    return _learn(method, loss, weights, draw, iterations, rate, steps, meta_rate, optimizer)


def _learn(method, loss, weights, draw, iterations, rate, steps, meta_rate, optimizer):
    for iteration in range(iterations):
        gradients, value = meta_gradient(method, loss, weights, draw(), rate, steps)
        for name, weight in weights.items():
            weight.grad = gradients[name]
        optimizer.param_groups[0]["lr"] = meta_rate * (1 + math.cos(math.pi * iteration / iterations)) / 2
        optimizer.step()
        yield weights, value


def check_weights(weights):
    """Refuse what is no dictionary of float tensors (TypeError)."""
    if not isinstance(weights, dict) or not weights or not all(map(is_float, weights.values())):
        raise TypeError(
            f"weights: expected a dictionary of float tensors, got {describe(weights)}: write "
            "dict(network.named_parameters())"
        )
