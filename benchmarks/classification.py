"""Adapting a classifier to corrupted digits: lesson 13, measured. Prints tables of errors in percent.

python benchmarks/classification.py corruptions   severity 5, by corruption; and the mean at every severity
python benchmarks/classification.py single        one picture at a time
python benchmarks/classification.py stream        seven corruptions one after another, again and again
python benchmarks/classification.py shift         classes mixed, and sorted
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
from dil_course.signals.corruptions import CORRUPTIONS, corrupt
from dil_course.signals.digits import digits

# Name: (network, method of network and batches).
METHODS = {
    "source": ("digits", lambda *given: batch_statistics(*given, trained=1.0)),
    "batch statistics": ("digits", batch_statistics),
    "TENT": ("digits", tent),
    "CoTTA": ("digits", cotta),
    "mixed statistics": ("digits", lambda *given: batch_statistics(*given, trained=0.5)),
    "MEMO": ("digits", memo),
    "source, two heads": ("digits_rotation", lambda *given: batch_statistics(*given, trained=1.0)),
    "TTT, reset": ("digits_rotation", test_time_training),
    "TTT, carries on": (
        "digits_rotation",
        lambda *given: test_time_training(*given, iterations=1, reset=False),
    ),
}
SLOW = ("MEMO", "TTT, reset", "TTT, carries on")
MORE = {
    "TENT, 20 times the rate": ("digits", lambda *given: tent(*given, learning_rate=0.1)),
    "CoTTA, 20 times the rate": ("digits", lambda *given: cotta(*given, learning_rate=0.02, copies=2)),
    "CoTTA, 20 times the rate, restore 0.1": (
        "digits",
        lambda *given: cotta(*given, learning_rate=0.02, copies=2, restore=0.1),
    ),
}


def draw(count, seed):
    """A random part of the test digits, and their labels."""
    pictures, labels = digits("test")
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:count]
    return pictures[chosen], labels[chosen]


def mistakes(method, batches, labels):
    """100 for each picture that a method classifies wrongly, else 0: the mean is the error in percent."""
    name, adapt = (METHODS | MORE)[method]
    logits = torch.cat([answer.logits for answer in adapt(trained(name), batches)])
    return 100 * (logits.argmax(1) != labels).float()


def wrong(method, batches, labels):
    """Error in percent of a method on a stream of batches."""
    return mistakes(method, batches, labels).mean().item()


def mean(values):
    return sum(values) / len(values)


def over_seeds(method, name, severity, options, size):
    errors = []
    for seed in range(options.seeds):
        pictures, labels = draw(options.few if method in SLOW else options.count, seed)
        errors.append(wrong(method, corrupt(pictures, name, severity, seed).split(size), labels))
    return errors


def by_seed(rows):
    """Mean over the corruptions for each seed, as one range."""
    means = [mean(values) for values in zip(*rows, strict=True)]
    return f"{mean(means):.1f} ({min(means):.1f} to {max(means):.1f})"


def corruptions(options):
    print(
        f"Severity 5, batches of {options.size}, {options.count} digits a seed ({options.few} for "
        f"{', '.join(SLOW)}), mean of {options.seeds} seeds.",
    )
    print("Last column: mean over the corruptions, and the range of the seeds.\n")
    header("method", *CORRUPTIONS, "mean")
    for method in options.methods:
        rows = [over_seeds(method, name, 5, options, options.size) for name in CORRUPTIONS]
        say(method, *(f"{mean(row):.1f}" for row in rows), by_seed(rows))
    print("\nMean over the corruptions, at each severity.\n")
    header("method", *range(1, 6))
    for method in [method for method in options.methods if method not in SLOW]:
        errors = [
            mean([mean(over_seeds(method, name, severity, options, options.size)) for name in CORRUPTIONS])
            for severity in range(1, 6)
        ]
        say(method, *(f"{error:.1f}" for error in errors))


def single(options):
    print(f"Severity 5, one picture at a time, {options.few} digits a seed, {options.seeds} seeds.\n")
    header("method", *CORRUPTIONS, "mean")
    options.count = options.few
    for method in options.methods:
        rows = [over_seeds(method, name, 5, options, 1) for name in CORRUPTIONS]
        say(method, *(f"{mean(row):.1f}" for row in rows), by_seed(rows))


def stream(options):
    print(
        f"Severity 5, all corruptions one after another, {options.passes} passes of 7 x 128 digits, batches "
        f"of 16, mean of {options.seeds} seeds.\n",
    )
    header("method", *(f"pass {number}" for number in range(1, options.passes + 1)))
    for method in ("batch statistics", "TENT", "CoTTA", *MORE):
        rows = []
        for seed in range(options.seeds):
            batches, truths = [], []
            for number in range(options.passes * len(CORRUPTIONS)):
                pictures, labels = draw(128, 1000 * seed + number)
                batches += corrupt(
                    pictures, list(CORRUPTIONS)[number % len(CORRUPTIONS)], 5, 1000 * seed + number
                ).split(16)
                truths.append(labels)
            rows.append(mistakes(method, batches, torch.cat(truths)).view(options.passes, -1).mean(1))
        say(method, *(f"{value:.1f}" for value in torch.stack(rows).mean(0).tolist()))


def shift(options):
    print(f"Severity 5, batches of 32, mean over the corruptions and {options.seeds} seeds.\n")
    header("method", "classes mixed", "sorted by class")
    for method in ("source", "batch statistics", "mixed statistics", "TENT", "CoTTA"):
        found = {False: [], True: []}
        for seed in range(options.seeds):
            pictures, labels = draw(options.count, seed)
            for name in CORRUPTIONS:
                bad = corrupt(pictures, name, 5, seed)
                for in_order, errors in found.items():
                    order = labels.argsort() if in_order else torch.arange(len(labels))
                    errors.append(wrong(method, bad[order].split(32), labels[order]))
        say(method, *(f"{mean(errors):.1f}" for errors in found.values()))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("corruptions", "single", "stream", "shift"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=int, default=64, help="of a batch")
    parser.add_argument("--count", type=int, default=797, help="digits a seed")
    parser.add_argument(
        "--few", type=int, default=100, help="digits a seed, for methods that treat each picture for itself"
    )
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    options = parser.parse_args()
    print(machine() + "\n", flush=True)
    {"corruptions": corruptions, "single": single, "stream": stream, "shift": shift}[options.command](options)


if __name__ == "__main__":
    main()
