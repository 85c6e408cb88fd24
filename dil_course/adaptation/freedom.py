"""Which weights of a trained network may change: all, its norms, one gain a channel, a low-rank update."""

import copy

import torch
from torch import nn
from torch.nn.utils import parametrize

from dil_course.signals.validation import check_choice, check_module

FREEDOMS = ("all", "norm", "gain", "low-rank")
RANK = 4  # of the low-rank update


class Gain(nn.Module):
    """One factor for each output channel of a convolution.

    Mohan et al., "Adaptive Denoising via GainTuning" (NeurIPS 2021), section 3.
    """

    def __init__(self, weight):
        super().__init__()
        self.gain = nn.Parameter(torch.ones_like(weight[:, :1, :1, :1]))

    def forward(self, weight):
        return self.gain * weight


class LowRank(nn.Module):
    """An update B A of rank 4 at most, zero at first.

    Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (ICLR 2022), section 4.1.
    """

    def __init__(self, weight):
        super().__init__()
        outputs, inputs = weight.flatten(1).shape
        self.A = nn.Parameter(torch.randn(RANK, inputs, device=weight.device) / inputs**0.5)
        self.B = nn.Parameter(torch.zeros(outputs, RANK, device=weight.device))

    def forward(self, weight):
        return weight + (self.B @ self.A).view_as(weight)


def free(network, what):
    """A copy of a trained network, in which only a part can change. The network itself is never touched.

    Batch norm keeps the statistics of the training: the copy is in evaluation mode.

    Args:
        network: any module with convolutions.
        what: "all" weights; "norm", scale and shift of each batch norm; "gain", one factor for each output
            channel of each convolution; "low-rank", an update of rank 4 for each convolution.

    Raises:
        TypeError, ValueError: network is no module, `what` is none of these, the network has no such part, or
            it cannot be copied.
    """
    parts_of(network, what)  # refuses before anything is copied
    network = copied(network).eval().requires_grad_(what == "all")
    for part in parts_of(network, what):
        if what == "norm":
            part.requires_grad_()
        elif what == "gain":
            parametrize.register_parametrization(part, "weight", Gain(part.weight))
        elif what == "low-rank":
            parametrize.register_parametrization(part, "weight", LowRank(part.weight))
    return network


def copied(network):
    """A deep copy of a network (ValueError where it cannot be copied)."""
    try:
        return copy.deepcopy(network)
    except Exception as problem:  # whatever it is that this network holds
        raise ValueError(
            f"network: this {type(network).__name__} cannot be copied: where it has "
            "torch.nn.utils.weight_norm, take torch.nn.utils.parametrizations.weight_norm: "
            f"{type(problem).__name__}: {problem}"
        ) from problem


def parts_of(network, what):
    """The batch norms or convolutions of a network that `what` is about. Raises as `free` does."""
    check_module(network, "trained network")
    check_choice(what, FREEDOMS, "what")
    kind = nn.BatchNorm2d if what == "norm" else nn.Conv2d
    parts = [module for module in network.modules() if isinstance(module, kind)]
    if not parts:
        raise ValueError(f"what={what!r}: this network has no {kind.__name__}")
    return parts


def count(network):
    """How many parameters of the network can change."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
