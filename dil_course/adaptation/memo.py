"""MEMO: the answers to many copies of one picture should agree and be certain."""

import torch

from dil_course import runtime
from dil_course.adaptation.statistics import mix_statistics
from dil_course.adaptation.stream import answers, check_settings, descend_once
from dil_course.signals.digits import jitter


def marginal_entropy(logits):
    """Entropy in nats of the mean probabilities: small where all logits (N,classes) agree and are certain."""
    mean = logits.log_softmax(-1).logsumexp(0) - torch.tensor(len(logits)).log()
    return -(mean.exp() * mean).sum()


def memo(network, batches, iterations=1, copies=32, learning_rate=1e-2, trained=0.5, reset=True, seed=0):
    """Each picture for itself: a step of SGD down the marginal entropy of its moved copies, then its name.

    Zhang, Levine and Finn, "MEMO: Test Time Robustness via Adaptation and Augmentation" (NeurIPS 2022),
    section 3. All weights learn. The batch norms mix their trained statistics with those of the picture's
    copies during a step, and of the picture itself for its answer. The paper weighs them 16 to 1, after
    Schneider et al.; for our small networks 1 to 1 is better, and brings most of the gain
    (benchmarks/RESULTS.md). It assumes that a copy shows what its original shows. Built in lesson 13.

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
    settings = dict(iterations=iterations, copies=copies, learning_rate=learning_rate, trained=trained)
    check_settings(network, fewest=2, reset=reset, seed=seed, **settings)
    generator = runtime.generator(seed, "moved copies")

    def begin():
        adapted = mix_statistics(network, trained).requires_grad_()
        optimizer = torch.optim.SGD(adapted.parameters(), lr=learning_rate)

        def learn(picture):
            for _ in range(iterations):
                moved = jitter(picture.expand(copies, -1, -1, -1), generator)
                descend_once(optimizer, marginal_entropy(adapted(moved)))
            with torch.no_grad():
                return adapted(picture)

        return adapted, learn

    return answers(network, batches, begin, reset, single=True)
