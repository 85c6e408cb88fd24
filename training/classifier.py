"""Train the classifiers of lesson 13: on digits and on garments, with and without a second head for turns.

python training/classifier.py                          all four
python training/classifier.py garments_rotation        one of them

They are trained on the training part of their data, moved a little, and never see a corrupted picture.
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
from dil_course.signals import digits, garments
from dil_course.signals.digits import jitter, quarter_turns


def shift_and_flip(pictures, generator):
    """Each picture moved by up to one pixel, borders repeated, and half of them seen in a mirror.

    They are not turned, as a garment has an upper end.
    """
    count, _, height, width = pictures.shape
    right, down = torch.randint(3, (2, count), generator=generator)
    windows = F.pad(pictures, [1] * 4, mode="replicate").unfold(2, height, 1).unfold(3, width, 1)
    moved = windows[torch.arange(count), :, down, right]
    mirrored = torch.rand(count, generator=generator) < 0.5
    return torch.where(mirrored[:, None, None, None], moved.flip(-1), moved)


# Name: (pictures, how they are moved for the class head, settings of the network, pictures a batch, epochs,
# what it was trained on, what it never saw).
DATA = {
    "digits": (
        digits,
        jitter,
        {},
        100,
        40,
        "1000 of scikit-learn's 1797 handwritten digits, enlarged to 24 px; moved, turned by up to 15 "
        "degrees, scaled; never corrupted",
        'the other 797, `digits("test")`; no corruption of any kind',
    ),
    "garments": (
        garments,
        shift_and_flip,
        {"places": 5},
        50,
        30,
        '`garments("training")`, 6000 pictures of Fashion-MNIST; moved by up to a pixel and mirrored (a turn '
        "head: moved, scaled and turned by up to 15 degrees before each quarter turn); never corrupted",
        '`garments("test")`, of the original test set; no corruption of any kind',
    ),
}


def train(data, turns, seed):
    """A classifier of clean pictures; with `turns` it also names how they were turned, both losses added."""
    load, move, settings, batch, epochs, *_ = DATA[data]
    pictures, labels = load("training")
    with runtime.seeded(seed):
        network = Classifier(turns=turns, **settings)
    engine, generator = Engine(network, learning_rate=3e-3), runtime.generator(seed, "batches")
    for epoch in range(epochs):
        engine.learning_rate = 3e-3 * (1 + math.cos(math.pi * epoch / epochs)) / 2
        for chosen in torch.randperm(len(pictures), generator=generator).split(batch):
            x = move(pictures[chosen], generator)
            loss = F.cross_entropy(engine(x), labels[chosen])
            if turns:
                # Moved as test-time training moves its copies.
                x = x if move is jitter else jitter(pictures[chosen], generator)
                numbers = torch.randint(4, (len(x),), generator=generator)
                loss = loss + F.cross_entropy(network.turn_logits(quarter_turns(x, numbers)), numbers)
            engine.update(loss)
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1}: {score(network, load)}", flush=True)
    return network.eval()


@torch.no_grad()
def score(network, load):
    """Errors on the clean test pictures, in words."""
    network.eval()
    pictures, labels = load("test")
    words = f"clean test error {100 * (network(pictures).argmax(1) != labels).float().mean():.1f} %"
    if network.turn_head is not None:
        turned = [
            (network.turn_logits(pictures.rot90(k, (-2, -1))).argmax(1) != k).float().mean() for k in range(4)
        ]
        words += f", error in naming the turn {100 * sum(turned) / 4:.1f} %"
    network.train()
    return words


def main():
    names = [name + head for name in DATA for head in ("", "_rotation")]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names) + "; default: all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not set(options.names) <= set(names):
        parser.error(f"names: expected some of {', '.join(names)}")
    for name in options.names or names:
        data, _, turns = name.partition("_")
        load, _, settings, _, _, trained_on, unseen = DATA[data]
        started = time.perf_counter()
        network = train(data, bool(turns), options.seed)
        ship(
            name,
            network.eval(),
            {"turns": bool(turns), **settings},
            started,
            about=f"A classifier for {data}"
            + (", with a second head that tells how a picture was turned." if turns else "."),
            data=trained_on,
            unseen=unseen,
            command=f"python training/classifier.py {name}",
            seed=options.seed,
            score=score(network, load),
        )


if __name__ == "__main__":
    main()
