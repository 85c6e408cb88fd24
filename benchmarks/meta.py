"""Learned starts for super-resolution: what a few updates reach from each. Prints markdown.

python benchmarks/meta.py rates      the rate of each start, chosen on photographs that it was trained on
python benchmarks/meta.py curves     PSNR over the number of updates: unseen images and kernels, in the range
python benchmarks/meta.py outside    kernels outside the range, and one that is half a pixel off
python benchmarks/meta.py noise      a noisy y, with clean and with noisy sons
python benchmarks/meta.py sine       the sinusoid: error over the number of updates, four learned starts
python benchmarks/meta.py order A B  two files of weights, such as those learned by first and by second order

Starts: random weights (zero-shot super-resolution), `trained("meta_bicubic")`, `trained("meta_joint")`,
`trained("meta_kernels")` (MZSR) and `trained("meta_pictures")` (MLSR). All take the same updates: the whole
y and its own son, mean squared error, plain descent (SGD) or Adam, each start at its own rate. Three images
x four random kernels x three seeds, which choose the kernels and the random weights. 128 px, gray, twice,
PSNR in dB, 8 pixels shaved.
"""

import copy
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

from denoiser import UNSEEN, photographs
from meta_super_resolution import SETTINGS, random_kernel
from quality import header, say, start, subcommands
from safetensors.torch import load_file

from dil_course import runtime
from dil_course.adaptation.meta_learning import STARTS, inner_steps, learn_start
from dil_course.adaptation.sinusoid import sine_network, sinusoids, squared_error
from dil_course.from_scratch.internal_pairs import pair
from dil_course.from_scratch.zero_shot_sr import back_projected
from dil_course.networks import ResidualNetwork, trained
from dil_course.signals import (
    Blur,
    BlurDownsample,
    Downsample,
    add_gaussian,
    crop,
    enlarge,
    gaussian_kernel,
    luma,
    picture,
    psnr,
)

MARKS = {"random": (0, 1, 2, 5, 10, 20, 50)}  # other starts: up to ten
SEEDS = 0, 1, 2
# From `rates --kernels 3`: optimizer and rate with the best mean PSNR after one update, for random weights
# (`--kernels 1`) after a hundred. What was learned for plain descent keeps it; Adam would give "kernels"
# 0.05 dB more.
RATES = {
    "random": ("Adam", 3e-3),
    "bicubic": ("Adam", 3e-3),
    "joint": ("Adam", 1e-3),
    "kernels": ("SGD", 1.0),
    "pictures": ("SGD", 3.0),
}


def started_from(name, seed=0):
    if name == "random":
        with runtime.seeded(seed):
            return ResidualNetwork(**SETTINGS)
    return trained(f"meta_{name}")


def score(estimate, x):
    """PSNR; of a run that has diverged, that of a gray image."""
    return psnr(estimate.nan_to_num(0.5).clamp(0, 1), x, shave=8)


def updated(network, y, A, optimizer, rate, marks, noise=0.0, seed=0):
    """Yields the estimate after each of `marks` updates."""
    network = copy.deepcopy(network).train()
    (son, father), enlarged = pair(y, A, noise, np.random.default_rng(seed)), enlarge(y, A)
    descent = getattr(torch.optim, optimizer)(network.parameters(), lr=rate)
    for update in range(max(marks) + 1):
        if update in marks:
            with torch.no_grad():
                yield network(enlarged)
        loss = (network(son) - father).square().mean()
        descent.zero_grad()
        loss.backward()
        descent.step()


def moved_back(z, A):
    """z (1,1,H,W) without the shift of A's kernel, by the shift theorem."""
    kernel, (height, width) = A.blur.kernel, z.shape[-2:]
    down, right = [
        (kernel.sum(other) * (torch.arange(side) - (side - 1) / 2)).sum()
        for other, side in ((1, kernel.shape[0]), (0, kernel.shape[1]))
    ]
    turns = torch.fft.fftfreq(height)[:, None] * down + torch.fft.rfftfreq(width) * right
    return torch.fft.irfft2(torch.fft.rfft2(z) * torch.exp(2j * torch.pi * turns), s=(height, width))


def unseen(side):
    """(name, x, A, seed): three images x four kernels x three seeds."""
    for seed in SEEDS:
        draw = np.random.default_rng([seed, 14])
        kernels = [random_kernel(draw) for _ in range(4)]
        for name in UNSEEN:
            for kernel in kernels:
                yield name, luma(picture(name, side)), BlurDownsample(kernel, 2), seed


def rates(options):
    draw, pictures = np.random.default_rng(100), photographs(gray=True)
    cases = [
        (crop(pictures[number], options.side), BlurDownsample(random_kernel(draw), 2))
        for number in (0, 2, 4)
        for _ in range(options.kernels)
    ]
    marks = 1, 3, 10, 100
    header("start", "optimizer", "rate", *[f"after {mark}" for mark in marks])
    for name in options.starts or RATES:
        network = started_from(name)
        for optimizer, tried in (
            ("SGD", (0.3, 1, 3, 10)),
            ("Adam", (3e-4, 1e-3, 3e-3, 1e-2)),
        ):
            for rate in tried:
                used = marks if name == "random" else marks[:-1]
                scores = [
                    [score(z, x) for z in updated(network, A(x), A, optimizer, rate, used)] for x, A in cases
                ]
                say(name, optimizer, f"{rate:g}", *np.mean(scores, 0).tolist())


def curves(options):
    tables, corrected, base = {}, {}, []
    for _, x, A, seed in unseen(options.side):
        y = A(x)
        bicubic = enlarge(y, A)
        joint = started_from("joint")(bicubic).detach()
        found = bicubic, back_projected(bicubic, y, A, 30), moved_back(joint, A)
        base.append([score(z, x) for z in found])
        for name, (optimizer, rate) in RATES.items():
            marks = MARKS.get(name, MARKS["random"][:5])
            estimates = list(updated(started_from(name, seed), y, A, optimizer, rate, marks))
            tables.setdefault(name, []).append([score(z, x) for z in estimates])
            corrected.setdefault(name, []).append([score(back_projected(z, y, A), x) for z in estimates[:2]])
    means = np.mean(base, 0)
    print(
        f"Bicubic {means[0]:.2f}, back-projected 30 times {means[1]:.2f}; joint, no update, the shift undone "
        f"{means[2]:.2f}.\n"
    )
    header("start", *MARKS["random"])
    for name, scores in tables.items():
        say(name, *np.mean(scores, 0).tolist())
    for name, scores in corrected.items():
        say(f"{name}, back-projected", *np.mean(scores, 0).tolist())
    print()
    header("one update from the start of MLSR less", "mean", "least", "largest", "of how many ahead")
    one, marks = np.array(tables["pictures"])[:, 1], MARKS["random"]
    gain = one - np.array(base)[:, 2]
    say("joint, shift undone", gain.mean(), gain.min(), gain.max(), f"{(gain > 0).sum()} of {len(gain)}")
    others = [(name, 1) for name in ("bicubic", "joint", "kernels")] + [("joint", 10)]
    for name, mark in [("pictures", 0), ("joint", 0), *others, *[("random", mark) for mark in marks[6:]]]:
        gain = one - np.array(tables[name])[:, marks.index(mark)]
        ahead = f"{(gain > 0).sum()} of {len(gain)}"
        say(f"{name} after {mark}", gain.mean(), gain.min(), gain.max(), ahead)


class Corner(BlurDownsample):
    """Keeps the upper left pixel of each cell, half a pixel off its centre, as the published files do."""

    def __init__(self, kernel):
        super().__init__(kernel, 2)
        self.blur = Blur(kernel)

    def __call__(self, x):
        return self.blur(x)[..., ::2, ::2]

    def adjoint(self, y):
        zero_filled = y.new_zeros(*y.shape[:2], 2 * y.shape[-2], 2 * y.shape[-1])
        zero_filled[..., ::2, ::2] = y
        return self.blur.adjoint(zero_filled)


OUTSIDE = {
    "inside, variances 4 and 2": lambda: BlurDownsample(gaussian_kernel(16, (2.0, 2**0.5), 30), 2),
    "narrow, variance 0.2": lambda: BlurDownsample(gaussian_kernel(16, 0.2**0.5), 2),
    "wide, variance 9": lambda: BlurDownsample(gaussian_kernel(20, 3.0), 2),
    "a slanted line, variances 9 and 0.2": lambda: BlurDownsample(
        gaussian_kernel(20, (3.0, 0.2**0.5), 30), 2
    ),
    "bicubic": lambda: Downsample(2),
    "two pixels off": lambda: BlurDownsample(gaussian_kernel(18, (2.0, 2**0.5), 30, (2, 0)), 2),
    "inside, half a pixel off": lambda: Corner(gaussian_kernel(15, (2.0, 2**0.5), 30)),
}


def outside(options):
    marks = 0, 1, 10, 100
    header("kernel", "start", *marks)
    for kernel, make in OUTSIDE.items():
        A = make()
        images = [luma(picture(name, options.side)) for name in UNSEEN]
        bicubic = [enlarge(A(x), A) for x in images]
        corrected = [score(back_projected(z, A(x), A, 30), x) for z, x in zip(bicubic, images, strict=True)]
        plain = statistics.mean(score(z, x) for z, x in zip(bicubic, images, strict=True))
        say(kernel, f"bicubic, and back-projected {statistics.mean(corrected):.2f}", plain, *[""] * 3)
        for name, (optimizer, rate) in RATES.items():
            scores = [
                [score(z, x) for z in updated(started_from(name, seed), A(x), A, optimizer, rate, marks)]
                for x in images
                for seed in (SEEDS if name == "random" else (0,))
            ]
            say(kernel, name, *np.mean(scores, 0).tolist())


def noise(options):
    A, marks = OUTSIDE["inside, variances 4 and 2"](), (0, 1, 10, 100)
    header("sigma, of 255", "sons", "start", *marks)
    for level in (2, 5, 10):
        for sons in ("clean", "noisy"):
            for name, (optimizer, rate) in RATES.items():
                scores = []
                for image in UNSEEN:
                    x = luma(picture(image, options.side))
                    for seed in SEEDS:
                        y = add_gaussian(A(x), level / 255, seed=seed)
                        added = level / 255 if sons == "noisy" else 0.0
                        steps = updated(started_from(name, seed), y, A, optimizer, rate, marks, added, seed)
                        scores.append([score(z, x) for z in steps])
                say(level, sons, name, *np.mean(scores, 0).tolist())


def order(options):
    marks, learned = (0, 1, 3, 10), {}
    for path in options.weights:
        network = ResidualNetwork(**SETTINGS)
        weights = load_file(path)
        network.load_state_dict({key: weights[key] for key in network.state_dict()})
        learned[path] = [
            [score(z, x) for z in updated(network, A(x), A, "SGD", RATES["kernels"][1], marks)]
            for _, x, A, _ in unseen(options.side)
        ]
    header("weights", *marks)
    for path, scores in learned.items():
        say(path, *np.mean(scores, 0).tolist())
    first, *others = [np.array(scores) for scores in learned.values()]
    for scores in others:
        gains = first - scores
        spread = [f"{a:+.2f} ({s:.2f})" for a, s in zip(gains.mean(0), gains.std(0), strict=True)]
        say("first file less this one, mean (standard deviation)", *spread)


SINE_STEPS, SINE_RATE = {"maml": 1, "first-order": 1, "reptile": 5, "joint": 1}, 0.01  # of the inner loop


def sine(options):
    marks = 0, 1, 2, 5, 10
    header("start", "seed", "seconds", *marks)
    for method in STARTS:
        for seed in SEEDS:
            began = time.process_time()
            weights = learned_sine(method, seed, options.iterations)
            seconds = time.process_time() - began
            tasks = sinusoids(500, runtime.generator(9, "unseen"))
            mean = torch.func.vmap(sine_errors, (None, 0, 0))(weights, *tasks).mean(0)
            say(method, seed, seconds, *mean[list(marks)].tolist())


def learned_sine(method, seed, iterations):
    draw, first = runtime.generator(seed, "tasks"), sine_network(seed)
    settings = dict(iterations=iterations, rate=SINE_RATE, steps=SINE_STEPS[method], meta_rate=5e-3)
    *_, (weights, _) = learn_start(method, squared_error, first, lambda: sinusoids(25, draw), **settings)
    return weights


def sine_errors(weights, support, query):
    """The query error after 0, 1, ..., 10 updates."""
    descent = inner_steps(squared_error, weights, support, SINE_RATE, 10)
    return torch.stack([squared_error(adapted, query) for adapted in (weights, *descent)])


def main():
    parser, commands = subcommands(__doc__)
    for command in (rates, curves, outside, noise, order, sine):
        one = commands.add_parser(command.__name__)
        one.add_argument("--side", type=int, default=128)
        one.set_defaults(command=command)
        if command is rates:
            one.add_argument("--kernels", type=int, default=2, help="for each of three photographs")
            one.add_argument("--starts", nargs="*", choices=tuple(RATES))
        if command is order:
            one.add_argument("weights", nargs="+")
        if command is sine:
            one.add_argument("--iterations", type=int, default=1000)
    torch.set_num_threads(1)
    start(parser)


if __name__ == "__main__":
    main()
