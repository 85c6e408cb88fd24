"""Test-time training: before it classifies a picture, the network learns how copies of it were turned."""

import torch
from torch.nn import functional as F

from dil_course import runtime
from dil_course.adaptation.statistics import mix_statistics
from dil_course.adaptation.stream import answers, check_settings, descend_once
from dil_course.signals.digits import jitter, quarter_turns


def test_time_training(
    network, batches, iterations=10, copies=32, learning_rate=1e-3, trained=1.0, reset=True, seed=0
):
    """Each picture for itself: a few steps of SGD on turned copies of it, then its name.

    Sun et al., "Test-Time Training with Self-Supervision for Generalization under Distribution Shifts" (ICML
    2020), section 2. All weights of the trunk learn, the heads stay. The paper's network has group norm,
    which knows no batch; here the batch norms keep their trained statistics, or mix them with those of the
    picture's turned copies during a step, and of the picture itself for its answer. It assumes that the task
    of the turn head was trained together with the class head, and that what helps one helps the other. Built
    in lesson 13.

    Args:
        network: trained Classifier with a turn head.
        batches: iterable of square pictures (N,1,S,S) in [0,1]; each picture is treated for itself.
        iterations: steps for each picture.
        copies: of the picture at each step, moved and turned anew, each turn equally often.
        learning_rate: of SGD.
        trained: weight of the trained statistics, in [0,1].
        reset: True begins anew at each picture; False carries on ("online" in the paper, which then assumes
            that pictures in a row are corrupted alike).
        seed: of the copies.

    Returns:
        Generator of Answers, one a batch.

    Raises:
        TypeError, ValueError: network has no turn head, a setting is not of this form; or, when its turn
            comes, a batch holds no pictures in [0,1] that the network can name.
    """
    settings = dict(iterations=iterations, copies=copies, learning_rate=learning_rate, trained=trained)
    check_settings(network, turns=True, fewest=4, reset=reset, seed=seed, **settings)
    generator = runtime.generator(seed, "turned copies")

    def begin():
        adapted = mix_statistics(network, trained).requires_grad_(False)
        optimizer = torch.optim.SGD(adapted.trunk.requires_grad_().parameters(), lr=learning_rate)
        numbers = torch.arange(copies) % 4

        def learn(picture):
            for _ in range(iterations):
                turned = quarter_turns(jitter(picture.expand(copies, -1, -1, -1), generator), numbers)
                loss = F.cross_entropy(adapted.turn_logits(turned), numbers.to(picture.device))
                descend_once(optimizer, loss)
            with torch.no_grad():
                return adapted(picture)

        return adapted, learn

    return answers(network, batches, begin, reset, single=True, square=True)


test_time_training.__test__ = False  # by its name pytest would take it for a test
