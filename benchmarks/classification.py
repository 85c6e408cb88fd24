"""Adapting a classifier to corrupted images: lesson 13, measured. Prints tables of errors in percent.

python benchmarks/classification.py corruptions   severity 5, by corruption; and the mean at every severity
python benchmarks/classification.py single        one image at a time
python benchmarks/classification.py stream        corruptions one after another, again and again
python benchmarks/classification.py shift         classes mixed, and sorted

Each takes --data garments, the default, or --data digits.
"""

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say

from dil_course.adaptation.cotta import cotta
from dil_course.adaptation.memo import memo
from dil_course.adaptation.statistics import batch_statistics
from dil_course.adaptation.tent import tent
from dil_course.adaptation.test_time_training import test_time_training
from dil_course.doctor import machine
from dil_course.networks import trained
from dil_course.signals import digits, garments
from dil_course.signals.corruptions import CORRUPTIONS, corrupt

DATA = {"garments": garments, "digits": digits}
PASSES = 5


def in_passes(rate):
    """TENT, whose answers are those of its last pass over the same batches."""

    def method(network, batches):
        batches = list(batches)
        return list(tent(network, batches * PASSES, learning_rate=rate))[-len(batches) :]

    return method


def train_on(**settings):
    """Test-time training that carries on, one step an image."""
    return lambda *given: test_time_training(*given, iterations=1, copies=16, reset=False, **settings)


# Name: (ending of the network's name, method of network and batches).
METHODS = {
    "source": ("", lambda *given: batch_statistics(*given, trained=1.0)),
    "batch statistics": ("", batch_statistics),
    "TENT, rate 0.001": ("", in_passes(1e-3)),
    "TENT, rate 0.02": ("", in_passes(2e-2)),
    "CoTTA": ("", lambda *given: cotta(*given, copies=2)),
    "mixed statistics": ("", lambda *given: batch_statistics(*given, trained=0.5)),
    "MEMO": ("", lambda *given: memo(*given, copies=16)),
    "two heads: source": ("_rotation", lambda *given: batch_statistics(*given, trained=1.0)),
    "two heads: TTT": ("_rotation", train_on()),
    "two heads: mixed statistics": ("_rotation", lambda *given: batch_statistics(*given, trained=0.5)),
    "two heads: TTT, mixed": ("_rotation", train_on(trained=0.5)),
}
ALONE = [
    name for name in METHODS if name.startswith("two heads") or name in ("source", "mixed statistics", "MEMO")
]


def fast_cotta(**changed):
    """CoTTA at ten times its usual rate."""
    settings = dict(learning_rate=0.01, copies=2) | changed
    return lambda *given: cotta(*given, **settings)


MORE = {
    "TENT, ten times the rate": ("", lambda *given: tent(*given, learning_rate=0.05)),
    "CoTTA, ten times the rate": ("", fast_cotta()),
    "... without slow teacher": ("", fast_cotta(momentum=0.0)),
    "... without copies": ("", fast_cotta(certain=0.0)),
    "... without setting back": ("", fast_cotta(restore=0.0)),
}


def draw(data, count, seed):
    """A random part of the test images, and their labels."""
    pictures, labels = DATA[data]("test")
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:count]
    return pictures[chosen], labels[chosen]


def mistakes(data, method, batches, labels):
    """100 for each picture that a method classifies wrongly, else 0: the mean is the error in percent."""
    ending, adapt = (METHODS | MORE)[method]
    logits = torch.cat([answer.logits for answer in adapt(trained(data + ending), batches)])
    return 100 * (logits.argmax(1) != labels).float()


def wrong(data, method, batches, labels):
    """Error in percent of a method on a stream of batches."""
    return mistakes(data, method, batches, labels).mean().item()


def mean(values):
    return sum(values) / len(values)


def over_seeds(method, name, severity, options, count, size):
    errors = []
    for seed in range(options.seeds):
        pictures, labels = draw(options.data, count, seed)
        batches = corrupt(pictures, name, severity, seed).split(size)
        errors.append(wrong(options.data, method, batches, labels))
    return errors


def with_range(errors):
    return f"{mean(errors):.1f} ({min(errors):.1f} to {max(errors):.1f})"


def table(options, methods, count, size):
    """Print a row for each method: its error for each corruption, mean and range of the seeds."""
    header("method", *CORRUPTIONS, "mean")
    for method in methods:
        rows = [over_seeds(method, name, 5, options, count, size) for name in CORRUPTIONS]
        means = [mean(values) for values in zip(*rows, strict=True)]
        say(method, *map(with_range, rows), with_range(means))


def corruptions(options):
    print(
        f"{options.data}, severity 5, batches of {options.size}, {options.count} images a seed, "
        f"{options.seeds} seeds: mean, and the range of the seeds. TENT: its answers in pass {PASSES}.\n"
    )
    methods = [name for name in options.methods or METHODS if name not in ALONE or name == "source"]
    table(options, methods, options.count, options.size)
    print("\nMean over the corruptions, at each severity, first seed.\n")
    header("method", *range(1, 6))
    options.seeds = 1
    for method in ("source", "batch statistics"):
        errors = [
            mean(
                [
                    over_seeds(method, name, severity, options, options.count, options.size)[0]
                    for name in CORRUPTIONS
                ]
            )
            for severity in range(1, 6)
        ]
        say(method, *(f"{error:.1f}" for error in errors))


def single(options):
    print(
        f"{options.data}, severity 5, one image at a time, {options.few} images a seed, "
        f"{options.seeds} seeds: mean and range.\n"
    )
    table(options, options.methods or ALONE, options.few, 1)


def stream(options):
    print(
        f"{options.data}, severity 5, all corruptions one after another, {options.passes} passes of 7 x 64 "
        f"images, batches of 32, {options.seeds} seeds: mean and range.\n",
    )
    header("method", *(f"pass {number}" for number in range(1, options.passes + 1)))
    for method in options.methods or ("batch statistics", "CoTTA", *MORE):
        rows = []
        for seed in range(options.seeds):
            batches, truths = [], []
            for number in range(options.passes * len(CORRUPTIONS)):
                pictures, labels = draw(options.data, 64, 1000 * seed + number)
                name = list(CORRUPTIONS)[number % len(CORRUPTIONS)]
                batches += corrupt(pictures, name, 5, 1000 * seed + number).split(32)
                truths.append(labels)
            wrongs = mistakes(options.data, method, batches, torch.cat(truths))
            rows.append(wrongs.view(options.passes, -1).mean(1).tolist())
        say(method, *(with_range(column) for column in zip(*rows, strict=True)))


def shift(options):
    print(
        f"{options.data}, severity 5, batches of 32, mean over the corruptions and {options.seeds} seeds.\n"
    )
    header("method", "classes mixed", "sorted by class")
    for method in options.methods or ("source", "batch statistics", "mixed statistics", "CoTTA"):
        found = {False: [], True: []}
        for seed in range(options.seeds):
            pictures, labels = draw(options.data, options.count, seed)
            for name in CORRUPTIONS:
                bad = corrupt(pictures, name, 5, seed)
                for in_order, errors in found.items():
                    order = labels.argsort() if in_order else torch.arange(len(labels))
                    errors.append(wrong(options.data, method, bad[order].split(32), labels[order]))
        say(method, *(f"{mean(errors):.1f}" for errors in found.values()))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("corruptions", "single", "stream", "shift"))
    parser.add_argument("--data", choices=DATA, default="garments")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=int, default=64, help="of a batch")
    parser.add_argument("--count", type=int, default=500, help="images a seed")
    parser.add_argument("--few", type=int, default=100, help="images a seed where each comes alone")
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--methods", nargs="+", choices=METHODS | MORE)
    options = parser.parse_args()
    print(machine() + "\n", flush=True)
    {"corruptions": corruptions, "single": single, "stream": stream, "shift": shift}[options.command](options)


if __name__ == "__main__":
    main()
