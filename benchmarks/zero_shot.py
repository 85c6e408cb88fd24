"""Zero-shot super-resolution taken apart: the tables that lesson 08 quotes. Prints markdown.

python benchmarks/zero_shot.py tricks      each trick of the training left out, and ways to join eight views
python benchmarks/zero_shot.py rates       three rules for the learning rate, one of them the authors'
python benchmarks/zero_shot.py long        one pair for 5000 iterations: does the quality fall?
python benchmarks/zero_shot.py beforehand  the gain on all 16 bundled images beside what y says beforehand
python benchmarks/zero_shot.py pairs       one pair: windows and turns left out, together and alone
python benchmarks/zero_shot.py wall        the loss on the brick wall over the length of the run
python benchmarks/zero_shot.py noise       a noisy y: what the sons and what back-projection cost
python benchmarks/zero_shot.py alone       back-projection alone, with the right kernel (quality.py kernels)

Means over seeds 0, 1 and 2, which choose the weights and the windows (`--seeds 1`: one run). Twice smaller by
`Downsample(2)`, 32 channels, PSNR in dB over all channels, 2 pixels shaved.
"""

import itertools
import statistics
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say, start, subcommands

from dil_course import runtime
from dil_course.fitting import run
from dil_course.from_scratch import internal_pairs, zero_shot_sr
from dil_course.from_scratch.internal_pairs import pair, some_fathers, turn, turn_back, turns_of
from dil_course.from_scratch.zero_shot_sr import back_projected, reconstruction_error, restore, stalls
from dil_course.networks import ResidualNetwork
from dil_course.signals import (
    BlurDownsample,
    Downsample,
    add_gaussian,
    enlarge,
    gaussian_kernel,
    picture,
    psnr,
)
from dil_course.signals.images import PICTURES

A, SEEDS = Downsample(2), (0, 1, 2)
IMAGES = ("coins", "astronaut", "gravel")
EVERY = 40  # iterations between two looks at the reconstruction error, and between two drawings of fathers


def ours(rate, errors):
    """Divide by 1.5 when the errors stall."""
    return rate / 1.5 if stalls(errors) else rate


class Authors:
    """Divide by 10 when the errors stall, but not within 256 iterations of the last time."""

    def __init__(self):
        self.looks = 0

    def __call__(self, rate, errors):
        self.looks += 1
        if self.looks * EVERY <= 256 or not stalls(errors):
            return rate
        self.looks = 0
        return rate / 10


def constant(rate, errors):
    return rate


def learn(y, seed, iterations, fathers=some_fathers, turned=True, tries=3, warm_up=50, rule=ours, side=32):
    """The loop of `zero_shot_sr` with a switch for each trick. Yields (iteration, network)."""
    with runtime.seeded(seed):
        network = ResidualNetwork(y.shape[1], 32)
    draw, errors, rate = np.random.default_rng([seed, 8]), [], 3e-3
    optimizer = torch.optim.Adam(network.parameters())
    internal_pairs.TRIES = tries
    for iteration in range(1, iterations + 1):
        if iteration % EVERY == 1:
            pairs = [pair(father, A) for father in fathers([y], draw)]
        son, father = internal_pairs.window(pairs, side, turns_of(A) if turned else (0,), draw)
        loss = torch.mean((network(son) - father).abs())
        optimizer.param_groups[0]["lr"] = rate * min(1, iteration / max(warm_up, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration % EVERY == 0:
            errors.append(reconstruction_error(network, y, A))
            rate = rule(rate, errors)
        yield iteration, network
        if rate < 9e-6:
            return


def only_y(fathers, draw):
    return fathers[-1:]


VARIANTS = {
    "all of them": {},
    "one father, y itself": {"fathers": only_y},
    "windows at random": {"tries": 1},
    "nothing turned": {"turned": False},
    "no warm-up": {"warm_up": 0},
}


@torch.no_grad()
def joined(network, y):
    """Ways to make the final image: {name: estimate}."""
    views = [turn_back(network(turn(enlarge(y, A), k)), k) for k in turns_of(A)]
    stack = torch.stack(views)
    corrected = torch.stack([back_projected(view, y, A) for view in views])
    median = (corrected.sort(0).values[3] + corrected.sort(0).values[4]) / 2
    return {
        "bicubic": enlarge(y, A),
        "bicubic, back-projected": back_projected(enlarge(y, A), y, A),
        "one view": views[0],
        "one view, back-projected": corrected[0],
        "mean of eight": stack.mean(0),
        "mean of eight, back-projected": back_projected(stack.mean(0), y, A),
        "median of eight, before and after back-projected": back_projected(median, y, A),
    }


def edge_width(x):
    """Standard deviation in pixels of the blur of an image's edges, were they all Gaussian-blurred steps."""
    slopes = x.diff(dim=-1), x.diff(dim=-2)
    curvature = sum(
        slope.diff(dim=axis).square().mean() for slope, axis in zip(slopes, (-1, -2), strict=True)
    )
    return float((sum(slope.square().mean() for slope in slopes) / (2 * curvature)).sqrt())


def observed(name, side):
    x = picture(name, side)
    return x, A(x)


def score(estimate, x):
    return psnr(estimate.clamp(0, 1), x, shave=2)


def tricks(options):
    networks, table = {}, {}
    for (variant, settings), name, seed in itertools.product(VARIANTS.items(), IMAGES, SEEDS):
        x, y = observed(name, options.side)
        *_, (_, network) = learn(y, seed, options.iterations, **settings)
        networks[variant, name, seed] = network
        table.setdefault(variant, {}).setdefault(name, []).append(
            score(restore(network, y, A, turns_of(A)), x)
        )
    header("training", *IMAGES, "mean, and its distance to the first row")
    first = None
    for variant, scores in table.items():
        cells = [f"{statistics.mean(v):.2f} ({min(v):.2f} to {max(v):.2f})" for v in scores.values()]
        mean = statistics.mean(statistics.mean(v) for v in scores.values())
        first = mean if first is None else first
        say(variant, *cells, f"{mean:.2f} ({mean - first:+.2f})")
    print()
    header("the end", *IMAGES, "mean")
    ends = {}
    for name, seed in itertools.product(IMAGES, SEEDS):
        x, y = observed(name, options.side)
        for way, estimate in joined(networks["all of them", name, seed], y).items():
            ends.setdefault(way, {}).setdefault(name, []).append(score(estimate, x))
    for way, scores in ends.items():
        means = [statistics.mean(values) for values in scores.values()]
        say(way, *means, statistics.mean(means))


RULES = {"constant": lambda: constant, "divided by 1.5": lambda: ours, "divided by 10": Authors}


def rates(options):
    images = ("coins", "gravel")
    header("rule", *images, "mean", "iterations")
    for name_of_rule, rule in RULES.items():
        means, ends = [], []
        for name in images:
            x, y = observed(name, options.side)
            scores = []
            for seed in SEEDS:
                *_, (iteration, network) = learn(y, seed, options.iterations, rule=rule())
                scores.append(score(restore(network, y, A, turns_of(A)), x))
                ends.append(iteration)
            means.append(statistics.mean(scores))
        say(name_of_rule, *means, statistics.mean(means), f"{min(ends)} to {max(ends)}")


MARKS = (200, 400, 800, 1600, 3000, 5000)


def long(options):
    header("image", "training", *MARKS, "error of y from its son, at the end, of 255")
    ways = {"windows, turned": {}, "the whole pair, not turned": {"side": 48, "turned": False}}
    for name, (way, settings) in itertools.product(("coins",), ways.items()):
        x, y = observed(name, options.side)
        rows, left = [], []
        for seed in SEEDS[: options.seeds]:
            looks, plain = [], dict(fathers=only_y, tries=1, rule=constant)
            for iteration, network in learn(y, seed, MARKS[-1], **plain, **settings):
                if any(mark - 100 < iteration <= mark and iteration % 20 == 0 for mark in MARKS):
                    looks.append(score(restore(network, y, A, corrected=False), x))
            rows.append(torch.tensor(looks).reshape(len(MARKS), -1).mean(1))
            left.append(reconstruction_error(network, y, A) ** 0.5 * 255)
        say(name, way, *torch.stack(rows).mean(0).tolist(), statistics.mean(left))


def pairs(options):
    header("windows", "turned", "iterations", "PSNR", "error of y from its son, of 255")
    x, y = observed("coins", options.side)
    for side, turned in itertools.product((32, options.side // 2), (True, False)):
        looks, plain = [], dict(fathers=only_y, tries=1, warm_up=0, rule=constant)
        for iteration, network in learn(y, 0, options.iterations, side=side, turned=turned, **plain):
            if iteration % 20 == 0:
                looks.append(score(restore(network, y, A, corrected=False), x))
            if iteration in (200, 400, 800, options.iterations):
                left = reconstruction_error(network, y, A) ** 0.5 * 255
                say(f"{side} px", "yes" if turned else "no", iteration, statistics.mean(looks[-3:]), left)


def wall(options):
    header("iterations", "zero-shot over back-projection", "with half the residual", "best factor")
    x = picture("brick", options.side).mean(1, keepdim=True)
    y = A(x)
    bicubic = enlarge(y, A)
    base = score(back_projected(bicubic, y, A), x)
    for iteration, network in learn(y, 0, options.iterations, side=48):
        if iteration in (75, 150, 300, 600, 1000):
            added = restore(network, y, A, turns_of(A), corrected=False) - bicubic
            factor = float((added * (x - bicubic)).sum() / added.square().sum())
            gains = [score(back_projected(bicubic + f * added, y, A), x) - base for f in (1, 0.5)]
            say(iteration, *gains, factor)


def noise(options):
    ways = "as it is", "back-projected", "its noise over that of bicubic"
    header("sigma, of 255", "iterations", "sons", *ways)
    x, y = observed("chelsea", options.side)
    for level, iterations, seed in ((8, 200, 0), (8, 200, 1), (8, 800, 0), (16, 200, 0)):
        sigma = level / 255
        noisy = add_gaussian(y, sigma, seed=seed)
        plain = enlarge(noisy, A)
        say(level, "", "bicubic", score(plain, x), score(back_projected(plain, noisy, A), x), 1.0)
        for name, added in {"clean": 0.0, "noisy": sigma}.items():
            with runtime.seeded(seed):
                network = ResidualNetwork(3, 32)
            settings = dict(side=32, gradual=1, noise=added, seed=seed)
            run(zero_shot_sr(noisy, A, network, iterations, **settings))
            made, clean = (restore(network, z, A, turns_of(A), corrected=False) for z in (noisy, y))
            grain = float((made - clean).std() / enlarge(noisy - y, A).std())
            corrected = restore(network, noisy, A, turns_of(A))
            say(level, iterations, name, score(made, x), score(corrected, x), grain)


def beforehand(options):
    gains_of = "back-projection over bicubic", "zero-shot over back-projection"
    widths_of = "edges of y, px", "of A(y), px", "ratio"
    header("image", *gains_of, "best factor of the residual", *widths_of, "rehearsal")
    for name in PICTURES:
        x = picture(name, options.side).mean(1, keepdim=True)
        y = A(x)
        base, gains, factors, rehearsals = back_projected(enlarge(y, A), y, A), [], [], []
        for seed in SEEDS[: options.seeds]:
            with runtime.seeded(seed):
                network = ResidualNetwork(1, 32)
            run(zero_shot_sr(y, A, network, options.iterations, side=32, gradual=1, seed=seed))
            gains.append(score(restore(network, y, A, turns_of(A)), x) - score(base, x))
            added = restore(network, y, A, turns_of(A), corrected=False) - enlarge(y, A)
            factors.append(float((added * (x - enlarge(y, A))).sum() / added.square().sum()))
            small, first = A(y), back_projected(enlarge(A(y), A), A(y), A)
            tried = run(zero_shot_sr(small, A, iterations=options.rehearsal, side=32, gradual=1, seed=seed))
            rehearsals.append(score(tried.estimate, y) - score(first, y))
        widths = edge_width(y), edge_width(A(y))
        gained, rehearsed = (f"{statistics.mean(values):+.2f}" for values in (gains, rehearsals))
        first = score(base, x) - score(enlarge(y, A), x)
        say(name, first, gained, statistics.mean(factors), *widths, widths[0] / widths[1], rehearsed)


def alone(options):
    """The case of `quality.py kernels`, restored without a network: 256 px, 8 pixels shaved."""
    slanted, rounds = BlurDownsample(gaussian_kernel(15, (2.5, 0.8), angle=45), 2), (10, 30, 100)
    header("image", *[f"{n} rounds" for n in rounds])
    for name in ("chelsea", "astronaut", "rocket"):
        x = picture(name, options.side)
        y = slanted(x).clamp(0, 1)
        made = [back_projected(enlarge(y, slanted), y, slanted, n).clamp(0, 1) for n in rounds]
        say(name, *[psnr(estimate, x, shave=8) for estimate in made])


def main():
    parser, commands = subcommands(__doc__)
    for name, command, side, iterations in (
        ("tricks", tricks, 96, 250),
        ("rates", rates, 96, 700),
        ("long", long, 96, MARKS[-1]),
        ("beforehand", beforehand, 128, 300),
        ("pairs", pairs, 144, 1000),
        ("wall", wall, 128, 1000),
        ("noise", noise, 112, 0),
        ("alone", alone, 256, 0),
    ):
        one = commands.add_parser(name)
        one.add_argument("--side", type=int, default=side)
        one.add_argument("--iterations", type=int, default=iterations)
        one.add_argument("--rehearsal", type=int, default=150, help="iterations, for beforehand")
        one.add_argument("--seeds", type=int, default=3, help="how many, for long and beforehand")
        one.set_defaults(command=command)
    start(parser)


if __name__ == "__main__":
    main()
