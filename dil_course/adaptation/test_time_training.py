"""Test-time training: before it names a picture, the network practises to tell how copies of this picture
were turned.
"""

import copy

import torch
from torch.nn import functional as F

from dil_course import runtime
from dil_course.adaptation.stream import answers, check_network, check_rate, descend_once
from dil_course.signals.digits import jitter, quarter_turns
from dil_course.signals.validation import check_flag, check_integer


def test_time_training(network, batches, iterations=10, copies=32, learning_rate=1e-3, reset=True, seed=0):
    """Each picture for itself: a few steps of SGD on turned copies of it, then its name.

    Sun et al., "Test-Time Training with Self-Supervision for Generalization under Distribution Shifts" (ICML
    2020), section 2. The trunk learns, the heads stay. The batch norms keep their trained statistics, as the
    paper's group norm knows no batch either. It assumes that the task of the turn head was trained together
    with the class head, and that what helps one helps the other. Built in lesson 13.

    Args:
        network: trained Classifier with a turn head.
        batches: iterable of square pictures (N,1,S,S) in [0,1]; each picture is treated for itself.
        iterations: steps for each picture.
        copies: of the picture at each step, moved and turned anew, each turn equally often.
        learning_rate: of SGD.
        reset: True begins anew at each picture; False carries on ("online" in the paper, which then assumes
            that pictures in a row are corrupted alike).
        seed: of the copies.

    Returns:
        Generator of Answers, one a batch.

    Raises:
        TypeError, ValueError: network has no turn head, a setting is not of this form; or, when its turn
            comes, a batch holds no pictures in [0,1] that the network can name.
    """
    check_network(network, turns=True)
    check_integer(iterations, "iterations", 1)
    check_integer(copies, "copies", 4, 4096)
    check_rate(learning_rate)
    check_flag(reset, "reset")
    check_integer(seed, "seed")
    generator = runtime.generator(seed, "turned copies")
    return answers(
        network,
        batches,
        lambda: Practice(network, iterations, copies, learning_rate, generator),
        reset,
        single=True,
        square=True,
    )


test_time_training.__test__ = False  # by its name pytest would take it for a test


class Practice:
    def __init__(self, network, iterations, copies, learning_rate, generator):
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        trunk = self.network.trunk.requires_grad_().parameters()
        self.optimizer = torch.optim.SGD(trunk, lr=learning_rate)
        self.iterations, self.generator = iterations, generator
        self.numbers = torch.arange(copies) % 4

    def __call__(self, picture):
        for _ in range(self.iterations):
            turned = quarter_turns(
                jitter(picture.expand(len(self.numbers), -1, -1, -1), self.generator), self.numbers
            )
            descend_once(
                self.optimizer,
                F.cross_entropy(self.network.turn_logits(turned), self.numbers.to(picture.device)),
            )
        with torch.no_grad():
            return self.network(picture)
