"""Train the two classifiers of lesson 13 on clean digits: one with, one without a second head for turns.

python training/classifier.py            both, in about two minutes on one core

They are trained on the 1000 digits of `digits("training")`, moved a little, and never see a corrupted one.
"""

import argparse
import math
import time

import torch
from ship import ship
from torch.nn import functional as F

from dil_course import runtime
from dil_course.fitting import Engine
from dil_course.networks.classifier import Classifier
from dil_course.signals.digits import digits, jitter, quarter_turns

BATCH = 100


def train(turns, epochs, seed):
    """A classifier that names clean digits; with `turns` also how they were turned, both losses added."""
    pictures, labels = digits("training")
    with runtime.seeded(seed):
        network = Classifier(turns=turns)
    engine, generator = Engine(network, learning_rate=3e-3), runtime.generator(seed, "batches")
    for epoch in range(epochs):
        engine.learning_rate = 3e-3 * (1 + math.cos(math.pi * epoch / epochs)) / 2
        for chosen in torch.randperm(len(pictures), generator=generator).split(BATCH):
            x = jitter(pictures[chosen], generator)
            loss = F.cross_entropy(engine(x), labels[chosen])
            if turns:
                numbers = torch.randint(4, (len(x),), generator=generator)
                loss = loss + F.cross_entropy(network.turn_logits(quarter_turns(x, numbers)), numbers)
            engine.update(loss)
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1}: {score(network)}", flush=True)
    return network.eval()


@torch.no_grad()
def score(network):
    """Errors on the clean test digits, in words."""
    network.eval()
    pictures, labels = digits("test")
    words = f"clean test error {100 * (network(pictures).argmax(1) != labels).float().mean():.1f} %"
    if network.turn_head is not None:
        turned = [
            (network.turn_logits(pictures.rot90(k, (-2, -1))).argmax(1) != k).float().mean() for k in range(4)
        ]
        words += f", error in naming the turn {100 * sum(turned) / 4:.1f} %"
    network.train()
    return words


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name, turns in (("digits", False), ("digits_rotation", True)):
        started = time.perf_counter()
        network = train(turns, options.epochs, options.seed)
        ship(
            name,
            network.eval(),
            {"turns": turns},
            started,
            about="A classifier for digits"
            + (", with a second head that tells how a picture was turned." if turns else "."),
            data="1000 of scikit-learn's 1797 handwritten digits, enlarged to 24 px; moved, turned by up to "
            "15 degrees, scaled; never corrupted",
            unseen='the other 797, `digits("test")`; no corruption of any kind',
            command="python training/classifier.py",
            seed=options.seed,
            score=score(network),
        )


if __name__ == "__main__":
    main()
