"""CoTTA: learn from a slow teacher, and return a few weights to where they came from, so that a long stream
does no harm.
"""

import torch

from dil_course import runtime
from dil_course.adaptation.statistics import mix_statistics
from dil_course.adaptation.stream import answers, check_network, check_rate, descend_once
from dil_course.signals.digits import jitter
from dil_course.signals.validation import check_flag, check_integer, check_number


def cotta(
    network,
    batches,
    learning_rate=1e-3,
    momentum=0.999,
    restore=0.01,
    copies=8,
    certain=0.92,
    reset=False,
    seed=0,
):
    """A student learns to answer as its teacher, the moving average of its own past: one step of Adam for
    each batch.

    Wang, Fink, Van Gool and Dai, "Continual Test-Time Domain Adaptation" (CVPR 2022), section 3. Where the
    trained network is unsure, the teacher's answer is the mean over moved copies. After each step a few
    weights, drawn at random, are set back to their trained values. Statistics are those of the batch; all
    weights learn. The answers are the teacher's. It assumes large batches of mixed classes. Built in lesson
    13.

    Args:
        network: trained classifier with BatchNorm2d.
        batches: iterable of pictures (N,1,H,W) in [0,1].
        learning_rate: of Adam.
        momentum: of the teacher: the share of it that each step keeps.
        restore: probability with which a weight of the student is set back at a step.
        copies: over which an unsure answer is averaged; the paper takes 32.
        certain: mean probability of the trained network's own choice, from which on the teacher looks at the
            batch itself.
        reset: True begins anew at each batch; False carries on, which the method is made for.
        seed: of the copies and of the weights that are set back.

    Returns:
        Generator of Answers, one a batch; their logits are logarithms of the teacher's probabilities.

    Raises:
        TypeError, ValueError: network is no classifier with batch norm, a setting is not of this form; or,
            when its turn comes, a batch holds no pictures in [0,1] that the network can name.
    """
    check_network(network)
    check_rate(learning_rate)
    for value, name in ((momentum, "momentum"), (restore, "restore"), (certain, "certain")):
        check_number(value, name, high=1)
    check_integer(copies, "copies", 1, 4096)
    check_flag(reset, "reset")
    check_integer(seed, "seed")
    generator = runtime.generator(seed, "restored weights and moved copies")
    return answers(
        network,
        batches,
        lambda: Cotta(network, learning_rate, momentum, restore, copies, certain, generator),
        reset,
    )


class Cotta:
    def __init__(self, network, learning_rate, momentum, restore, copies, certain, generator):
        self.source = mix_statistics(network, trained=1.0).requires_grad_(False)
        self.student = mix_statistics(network).requires_grad_()
        self.network = mix_statistics(network).requires_grad_(False)  # the teacher
        self.optimizer = torch.optim.Adam(self.student.parameters(), lr=learning_rate)
        self.momentum, self.restore, self.copies, self.certain, self.generator = (
            momentum,
            restore,
            copies,
            certain,
            generator,
        )

    def __call__(self, pictures):
        target = self.teach(pictures)
        loss = -(target.exp() * self.student(pictures).log_softmax(-1)).sum(-1).mean()
        descend_once(self.optimizer, loss)
        self.follow()
        self.set_back()
        return target

    @torch.no_grad()
    def teach(self, pictures):
        """Logarithms of the teacher's probabilities (N,classes)."""
        if self.source(pictures).softmax(-1).amax(-1).mean() >= self.certain:
            return self.network(pictures).log_softmax(-1)
        moved = [self.network(jitter(pictures, self.generator)).softmax(-1) for _ in range(self.copies)]
        return torch.stack(moved).mean(0).log()

    @torch.no_grad()
    def follow(self):
        """The teacher moves a little towards the student."""
        for teacher, student in zip(self.network.parameters(), self.student.parameters(), strict=True):
            teacher.lerp_(student, 1 - self.momentum)

    @torch.no_grad()
    def set_back(self):
        """Each weight of the student returns to its trained value with probability `restore`."""
        for weights, trained in zip(self.student.parameters(), self.source.parameters(), strict=True):
            chosen = torch.rand(weights.shape, generator=self.generator).to(weights.device) < self.restore
            weights.copy_(torch.where(chosen, trained, weights))
