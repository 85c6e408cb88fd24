"""MEMO: the answers to many copies of one picture should agree, and be certain."""

import torch

from dil_course import runtime
from dil_course.adaptation.statistics import mix_statistics
from dil_course.adaptation.stream import answers, check_network, check_rate, descend_once
from dil_course.signals.digits import jitter
from dil_course.signals.validation import check_flag, check_integer, check_number


def marginal_entropy(logits):
    """Entropy in nats of the mean of the probabilities, of logits (N,classes): small where all answers agree
    and are certain.
    """
    mean = logits.log_softmax(-1).logsumexp(0) - torch.tensor(len(logits)).log()
    return -(mean.exp() * mean).sum()


def memo(network, batches, iterations=1, copies=32, learning_rate=1e-2, trained=0.5, reset=True, seed=0):
    """Each picture for itself: a step of SGD down the marginal entropy of its moved copies, then its name.

    Zhang, Levine and Finn, "MEMO: Test Time Robustness via Adaptation and Augmentation" (NeurIPS 2022),
    section 3. All weights learn. The statistics of the batch norms are mixed of the trained ones and those of
    the picture's copies, or of the picture, where it is answered. The paper weighs them 16 to 1, after
    Schneider et al.; for our small networks 1 to 1 is better, and most of the gain (benchmarks/RESULTS.md).
    It assumes that a copy shows what its original shows. Built in lesson 13.

    Args:
        network: trained classifier with BatchNorm2d.
        batches: iterable of pictures (N,1,H,W) in [0,1]; each picture is treated for itself.
        iterations: steps for each picture.
        copies: of the picture at each step, moved, turned and scaled a little.
        learning_rate: of SGD.
        trained: weight of the trained statistics, in [0,1].
        reset: True begins anew at each picture; False carries on.
        seed: of the copies.

    Returns:
        Generator of Answers, one a batch.

    Raises:
        TypeError, ValueError: as `test_time_training`; no turn head is needed.
    """
    check_network(network)
    check_integer(iterations, "iterations", 1)
    check_integer(copies, "copies", 2, 4096)
    check_rate(learning_rate)
    check_number(trained, "trained", high=1)
    check_flag(reset, "reset")
    check_integer(seed, "seed")
    generator = runtime.generator(seed, "moved copies")
    return answers(
        network,
        batches,
        lambda: Memo(network, iterations, copies, learning_rate, trained, generator),
        reset,
        single=True,
    )


class Memo:
    def __init__(self, network, iterations, copies, learning_rate, trained, generator):
        self.network = mix_statistics(network, trained).requires_grad_()
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=learning_rate)
        self.iterations, self.copies, self.generator = iterations, copies, generator

    def __call__(self, picture):
        for _ in range(self.iterations):
            moved = jitter(picture.expand(self.copies, -1, -1, -1), self.generator)
            descend_once(self.optimizer, marginal_entropy(self.network(moved)))
        with torch.no_grad():
            return self.network(picture)
