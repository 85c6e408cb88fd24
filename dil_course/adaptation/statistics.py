"""Batch norm with the statistics of the pictures at hand: the simplest adaptation, and a part of others."""

import torch
from torch import nn

from dil_course.adaptation.freedom import copied
from dil_course.adaptation.stream import answers, check_settings


class MixedNorm(nn.Module):
    """Batch norm, whose mean and variance are a mixture of the trained ones and those of the batch.

    Args:
        norm: trained nn.BatchNorm2d; its scale and shift are taken over.
        trained: weight of the trained statistics, in [0,1].
    """

    def __init__(self, norm, trained):
        super().__init__()
        self.weight, self.bias, self.eps, self.trained = norm.weight, norm.bias, norm.eps, trained
        self.register_buffer("mean", norm.running_mean.clone())
        self.register_buffer("variance", norm.running_var.clone())

    def forward(self, x):
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        mean = self.mean.lerp(mean, 1 - self.trained)
        variance = self.variance.lerp(variance, 1 - self.trained)
        # scale (x - mean) + bias, in one multiplication and one addition a value
        scale = self.weight / (variance + self.eps).sqrt()
        return x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


def mix_statistics(network, trained=0.0):
    """A copy of a network in evaluation mode, in which each BatchNorm2d is replaced by a MixedNorm."""
    network = copied(network).eval()
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, MixedNorm(child, trained))
    return network


def batch_statistics(network, batches, trained=0.0):
    """Replace the trained mean and variance of each batch norm by those of the batch. Nothing is learned.

    Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation" (NeurIPS
    2020), section 3; Nado et al., "Evaluating Prediction-Time Batch Normalization for Robustness under
    Covariate Shift" (2020). It assumes that the batch is large, and that its classes are mixed as in
    training. Built in lesson 13.

    Args:
        network: trained classifier with BatchNorm2d.
        batches: iterable of pictures (N,C,H,W) in [0,1].
        trained: weight of the trained statistics, in [0,1]: 0 takes those of the batch alone, 1 none of them.
            Schneider et al. take n / (n + N) for N pictures, with n about 16.

    Returns:
        Generator of Answers, one a batch.

    Raises:
        TypeError, ValueError: network is no classifier with batch norm, trained is not in [0,1]; or, when its
            turn comes, a batch holds no pictures in [0,1] that the network can name.
    """
    check_settings(network, trained=trained)

    def begin():
        adapted = mix_statistics(network, trained)

        @torch.no_grad()
        def learn(batch):
            return adapted(batch)

        return adapted, learn

    return answers(network, batches, begin)
