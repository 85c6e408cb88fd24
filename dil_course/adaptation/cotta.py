"""CoTTA: learn from a slow teacher, and set a few weights back, so that a long stream does no harm."""

import torch

from dil_course import runtime
from dil_course.adaptation.statistics import mix_statistics
from dil_course.adaptation.stream import answers, check_settings, descend_once
from dil_course.signals.digits import jitter


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
    """A student learns to answer as its teacher, the moving average of its own past.

    Wang, Fink, Van Gool and Dai, "Continual Test-Time Domain Adaptation" (CVPR 2022), section 3. Each batch
    gives one step of Adam. Where the trained network is uncertain, the teacher's answer is the mean over
    moved copies. After each step a few weights, drawn at random, are set back to their trained values.
    Statistics are those of the batch; all weights learn. The answers are the teacher's. It assumes large
    batches of mixed classes. Built in lesson 13.

    Args:
        network: trained classifier with BatchNorm2d.
        batches: iterable of pictures (N,1,H,W) in [0,1].
        learning_rate: of Adam.
        momentum: of the teacher: the share of it that each step keeps.
        restore: probability with which a weight of the student is set back at a step.
        copies: over which an uncertain answer is averaged; the paper takes 32.
        certain: threshold in [0,1] on the mean probability of the class that the trained network chooses.
            From there on the teacher sees the batch itself, below it moved copies.
        reset: True begins anew at each batch; False carries on, which the method is made for.
        seed: of the copies and of the weights that are set back.

    Returns:
        Generator of Answers, one a batch; their logits are logarithms of the teacher's probabilities.

    Raises:
        TypeError, ValueError: network is no classifier with batch norm, a setting is not of this form; or,
            when its turn comes, a batch holds no pictures in [0,1] that the network can name.
    """
    settings = dict(momentum=momentum, restore=restore, copies=copies, certain=certain)
    check_settings(network, learning_rate=learning_rate, reset=reset, seed=seed, **settings)
    generator = runtime.generator(seed, "restored weights and moved copies")

    def begin():
        source = mix_statistics(network, trained=1.0).requires_grad_(False)
        student = mix_statistics(network).requires_grad_()
        teacher = mix_statistics(network).requires_grad_(False)
        optimizer = torch.optim.Adam(student.parameters(), lr=learning_rate)

        def learn(batch):
            sure = source(batch).softmax(-1).amax(-1).mean() >= certain
            target = teacher(batch).log_softmax(-1) if sure else averaged(teacher, batch, copies, generator)
            loss = -(target.exp() * student(batch).log_softmax(-1)).sum(-1).mean()
            descend_once(optimizer, loss)
            follow(teacher, student, momentum)
            set_back(student, source, restore, generator)
            return target

        return teacher, learn

    return answers(network, batches, begin, reset)


def averaged(teacher, batch, copies, generator):
    """Logarithms of the mean probabilities (N,classes) over moved copies of each picture."""
    moved = [teacher(jitter(batch, generator)).softmax(-1) for _ in range(copies)]
    return torch.stack(moved).mean(0).log()


@torch.no_grad()
def follow(teacher, student, momentum):
    """The teacher's weights move towards the student's, by the share 1 - momentum of the way."""
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.lerp_(fast, 1 - momentum)


@torch.no_grad()
def set_back(student, source, restore, generator):
    """Each weight of the student returns to its trained value with probability `restore`."""
    for weights, trained in zip(student.parameters(), source.parameters(), strict=True):
        chosen = torch.rand(weights.shape, generator=generator).to(weights.device) < restore
        weights.copy_(torch.where(chosen, trained, weights))
