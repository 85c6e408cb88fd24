"""TENT: make the answers more certain, by the scale and shift of each batch norm alone."""

import torch

from dil_course.adaptation.statistics import MixedNorm, mix_statistics
from dil_course.adaptation.stream import answers, check_settings, descend_once


def entropy(logits):
    """Shannon's entropy (N,) in nats, of class probabilities given by their logits (N,classes)."""
    log_probabilities = logits.log_softmax(-1)
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def tent(network, batches, learning_rate=5e-3, reset=False):
    """Entropy minimisation: one step of Adam for each batch, down the mean entropy of its answers.

    Wang et al., "Tent: Fully Test-Time Adaptation by Entropy Minimization" (ICLR 2021), section 3. Statistics
    are those of the batch; only scale and shift of the batch norms are learned. The answers to a batch come
    from the forward pass before its own step, as in the paper. It assumes large batches of mixed classes, and
    answers that are mostly right already. Built in lesson 13.

    Args:
        network: trained classifier with BatchNorm2d.
        batches: iterable of pictures (N,C,H,W) in [0,1].
        learning_rate: of Adam. The paper takes 1e-3, for batches of 200 and streams of 10,000; ours are much
            shorter.
        reset: True begins anew at each batch, so that only the batch statistics have an effect, since a step
            changes the answers to later batches only; False carries on.

    Returns:
        Generator of Answers, one a batch.

    Raises:
        TypeError, ValueError: network is no classifier with batch norm, the learning rate is negative, reset
            is no bool; or, when its turn comes, a batch holds no pictures in [0,1] that the network can name.
    """
    check_settings(network, learning_rate=learning_rate, reset=reset)

    def begin():
        adapted = mix_statistics(network).requires_grad_(False)
        norms = [part for part in adapted.modules() if isinstance(part, MixedNorm)]
        weights = [w.requires_grad_() for norm in norms for w in (norm.weight, norm.bias)]
        optimizer = torch.optim.Adam(weights, lr=learning_rate)

        def learn(batch):
            logits = adapted(batch)
            descend_once(optimizer, entropy(logits).mean())
            return logits

        return adapted, learn

    return answers(network, batches, begin, reset)
