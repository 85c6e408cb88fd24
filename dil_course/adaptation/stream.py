"""What all methods that adapt a classifier share: batches of pictures, answered in turn, without labels."""

import dataclasses
from collections.abc import Iterable

import torch
from torch import nn

from dil_course.adaptation.freedom import copied
from dil_course.signals.validation import (
    check_flag,
    check_integer,
    check_module,
    check_number,
    check_pictures,
    describe,
    is_finite,
    tried,
)


class Diverged(ArithmeticError):
    """An adaptation met a loss that is not finite."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a method yields for each batch.

    Attributes:
        logits: (N,classes), detached, in the order of the pictures. A method that averages probabilities
            gives their logarithms.
        network: the adapted network, as it stands after this batch; the method goes on with it, so copy what
            you keep.
        failed: how many pictures were answered by the trained network, because their adaptation gave NaN or
            infinity.
    """

    logits: torch.Tensor
    network: nn.Module
    failed: int


def check_settings(network, turns=False, fewest=1, **settings):
    """Refuse a network or a setting that a method cannot work with (TypeError, ValueError).

    Args:
        network: as in `check_network`, with `turns`.
        fewest: copies of a picture that the method needs.
        settings: under the names that they have in the methods.
    """
    check_network(network, turns)
    for name, value in settings.items():
        if name == "iterations":
            check_integer(value, name, 1)
        elif name == "copies":
            check_integer(value, name, fewest, 4096)
        elif name == "seed":
            check_integer(value, name)
        elif name == "reset":
            check_flag(value, name)
        else:  # a learning rate, or a share
            check_number(value, name, high=10 if name == "learning_rate" else 1)


def check_network(network, turns=False):
    """Refuse what has no batch norm, or, where a method needs it, no turn head (TypeError, ValueError)."""
    check_module(network)
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d) and part is not network]
    if not norms:
        raise ValueError(
            f"network: this {type(network).__name__} has no BatchNorm2d, whose statistics could be adapted"
        )
    if turns:
        check_turns(network)
    if any(part is None for norm in norms for part in (norm.weight, norm.bias, norm.running_mean)):
        raise ValueError(
            f"network: a BatchNorm2d of this {type(network).__name__} is without its scale, shift and "
            "trained statistics: it was made with affine=False or track_running_stats=False"
        )


def check_turns(network):
    """Refuse what has no turn head, or no trunk that could learn (TypeError, ValueError)."""
    if getattr(network, "turn_head", None) is None:
        raise ValueError(
            'network: it has no turn head: take trained("digits_rotation"), or train Classifier(turns=True)'
        )
    check_module(network, attributes=("trunk", "turn_logits"))
    check_module(network.trunk, "network.trunk")
    if not list(network.trunk.parameters()):
        raise ValueError("network: its trunk has no weights that could learn")


def check_batch_of(network, batch, square):
    """Refuse what is no batch of float32 pictures (N,C,H,W) in [0,1] with the network's number of channels.

    Args:
        square: refuse pictures that are not square, too.

    Raises:
        TypeError, ValueError: as said.
    """
    check_pictures(batch, "batch")
    if batch.dtype != torch.float32:
        raise TypeError(
            f"batch: expected float32, as the network's weights are, got {describe(batch)}: call "
            "batch.float()"
        )
    channels = next(
        (part.in_channels for part in network.modules() if isinstance(part, nn.Conv2d)), batch.shape[1]
    )
    if batch.shape[1] != channels:
        raise ValueError(f"batch: the network takes pictures of {channels} channels, got {describe(batch)}")
    if square and batch.shape[-2] != batch.shape[-1]:
        raise ValueError(f"batch: expected square pictures, which can be turned, got {describe(batch)}")


def check_logits(network, batch):
    """Refuse a network that makes no logits for pictures of this shape (ValueError). Tries it on two."""
    few = batch[:2]
    refusal = f"network: this {type(network).__name__} does not take {describe(batch)}"
    made = tried(lambda: network(few), refusal)
    if not isinstance(made, torch.Tensor) or made.ndim != 2 or len(made) != len(few):
        expected = f"expected logits ({len(few)},classes) of {len(few)} pictures"
        raise ValueError(
            f"network: this {type(network).__name__} is no classifier: {expected}, got {describe(made)}"
        )


def answers(network, batches, begin, reset=False, single=False, square=False):
    """Yield an Answer for each batch.

    Args:
        network: trained; only copies of it are adapted.
        batches: iterable of pictures (N,C,H,W) in [0,1].
        begin: function that returns a fresh adapted copy of the network, and a function that learns from
            pictures and returns their logits.
        reset: begin anew before each batch, or each picture; else carry on with what was learned.
        single: learn from one picture (1,C,H,W) at a time.
        square: refuse pictures that are not square.
    """
    if not isinstance(batches, Iterable) or isinstance(batches, torch.Tensor):
        raise TypeError(
            "batches: expected an iterable of pictures (N,C,H,W), such as [pictures], got "
            f"{describe(batches)}"
        )
    source, tried = copied(network).eval(), None
    adapted, learn = begin()
    for batch in batches:
        check_batch_of(network, batch, square)
        # No gradient passes through pictures of inference mode.
        batch = batch.clone() if batch.is_inference() else batch.detach()
        if batch.shape[1:] != tried:
            check_logits(source, batch)
            tried = batch.shape[1:]
        logits, failed = [], 0
        for pictures in batch.split(1) if single else [batch]:
            if reset:
                adapted, learn = begin()
            try:
                found = learn(pictures).detach()
                good = is_finite(found)
            except Diverged:
                good = False
            if not good:  # what diverged is of no use for the pictures to come either
                adapted, learn = begin()
                failed += len(pictures)
                with torch.no_grad():
                    found = source(pictures)
            logits.append(found)
        yield Answer(torch.cat(logits), adapted, failed)


def descend_once(optimizer, loss):
    """One step down the loss.

    Raises:
        Diverged: the loss is not finite.
        ValueError: nothing can be learned from it.
    """
    if not loss.requires_grad:
        fix = "iterate outside torch.no_grad() and torch.inference_mode(), and detach nothing in forward"
        raise ValueError(f"network: its loss has no gradient: {fix}")
    if not is_finite(loss):
        raise Diverged
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
