"""Blind super-resolution: kernels estimated from one image, scored by what they restore. Prints markdown.

python benchmarks/blind_sr.py table     three images, three anisotropic Gaussian kernels, three seeds
python benchmarks/blind_sr.py shapes    a motion and an L: kernels that are no Gaussians
python benchmarks/blind_sr.py sizes     the same scene in smaller and smaller windows
python benchmarks/blind_sr.py solvers   the same estimates by other weights, and by back-projection
python benchmarks/blind_sr.py zssr      zero-shot super-resolution with each kernel in place of the solver

Photographs at half their size, in gray, because a pixel of them is sharp then. Twice smaller by
`BlurDownsample`. One solver for all kernels: least squares with a small Tikhonov term on the gradient,
by conjugate gradients from bicubic. PSNR in dB, 8 pixels shaved. Cells with a range: the median over the
seeds, and least to most.
"""

import importlib
import statistics
import sys
import time
from pathlib import Path
from unittest import mock

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say, spread, start, subcommands

from dil_course.fitting import run
from dil_course.from_scratch import kernel_gan, kernel_recurrence, zero_shot_sr
from dil_course.from_scratch.zero_shot_sr import back_projected
from dil_course.signals import BlurDownsample, Downsample, crop, enlarge, gaussian_kernel, picture, psnr
from dil_course.signals.operators import conjugate_gradients

SIZE = 14  # pixels a side of all kernels
SPOT = BlurDownsample(gaussian_kernel(SIZE, 1.2), 2)  # the middle of the recurrence's grid
IMAGES = ("astronaut", "camera", "coffee")
GAUSSIANS = {  # standard deviations along and across, in pixels, and the angle in degrees
    "1.8, 0.8 at 20": (1.8, 0.8, 20),
    "2.5, 1.0 at 65": (2.5, 1.0, 65),
    "2.2, 0.6 at 130": (2.2, 0.6, 130),
}


def image(name, side=256):
    x = Downsample(2)(picture(name)).mean(1, keepdim=True).clamp(0, 1)
    return crop(x, min(side, *x.shape[-2:]) // 2 * 2)


def gaussian(along, across, angle):
    return gaussian_kernel(SIZE, (along, across), angle)


def motion():
    """A straight movement of 7 pixels, slightly blurred."""
    kernel = torch.zeros(SIZE, SIZE)
    for step in torch.linspace(-3, 3, 61):
        kernel += gaussian_at(0.4 * step, step)
    return kernel / kernel.sum()


def corner():
    """The letter L, whose strokes are 6 pixels long, with its centre of mass in the middle."""
    kernel = torch.zeros(SIZE, SIZE)
    for step in torch.linspace(0, 6, 61):
        kernel += gaussian_at(step - 4.5, -1.5) + gaussian_at(1.5, step - 1.5)
    return kernel / kernel.sum()


def gaussian_at(row, column, sigma=0.5):
    steps = torch.arange(SIZE) - (SIZE - 1) / 2
    return torch.exp(-((steps[:, None] - row) ** 2 + (steps[None, :] - column) ** 2) / (2 * sigma**2))


def solved(y, A, weight=1e-3, iterations=30):
    """The least |A x - y|^2 + weight |gradient of x|^2, by conjugate gradients from bicubic interpolation."""

    def normal(x):
        return A.adjoint(A(x)) + weight * minus_laplacian(x)

    x = enlarge(y, A)
    return conjugate_gradients(normal, x, A.adjoint(y) - normal(x), iterations)


def minus_laplacian(x):
    return 4 * x - sum(x.roll(step, axis) for step in (-1, 1) for axis in (-2, -1))


def by_rounds(y, A, rounds=10):
    return back_projected(enlarge(y, A), y, A, rounds)


def score(estimate, x):
    return psnr(estimate.clamp(0, 1), x, shave=8)


def by_game(y, seed, **options):
    return run(kernel_gan(y, seed=seed, **options)).estimate[0, 0]


def by_half_a_game(y, seed):
    """The same game, but the critic keeps its first weights: what initialisation and regularisers bring."""
    module = importlib.import_module("dil_course.from_scratch.kernel_gan")  # not the function
    update = module._update

    def generator_only(optimizer, network, loss):
        if not isinstance(network, module.PatchCritic):
            update(optimizer, network, loss)

    with mock.patch.object(module, "_update", generator_only):
        return by_game(y, seed)


ESTIMATES = {
    "critic frozen": by_half_a_game,
    "KernelGAN": by_game,
    "game, Gaussian": lambda y, seed: by_game(y, seed, gaussian=True),
    "recurrence": lambda y, seed: kernel_recurrence(y, seed=seed),
}


def restored(x, kernel, options):
    """PSNR with bicubic assumed, with a spot that has not seen y, with the true kernel, with each estimate
    over the seeds; and seconds."""
    y = BlurDownsample(kernel, 2)(x).clamp(0, 1)
    known = [score(solved(y, A), x) for A in (Downsample(2), SPOT, BlurDownsample(kernel, 2))]
    scores, seconds = ({name: [] for name in options.estimates} for _ in range(2))
    for name in options.estimates:
        for seed in range(options.seeds):
            start = time.process_time()
            found = ESTIMATES[name](y, seed)
            seconds[name].append(time.process_time() - start)
            scores[name].append(score(solved(y, BlurDownsample(found, 2)), x))
    return *known, scores, seconds


def solvers(options):
    weights, rounds = (3e-4, 1e-3, 3e-3, 1e-2), (10, 30)
    header(
        "image", "kernel", "assumed", *[f"weight {w:g}" for w in weights], *[f"{n} rounds" for n in rounds]
    )
    for name, (title, parameters) in zip(IMAGES, GAUSSIANS.items(), strict=True):
        x, true = image(name), BlurDownsample(gaussian(*parameters), 2)
        y = true(x).clamp(0, 1)
        found = {n: BlurDownsample(ESTIMATES[n](y, 0), 2) for n in options.estimates}
        for assumed, A in {"bicubic": Downsample(2), **found, "true": true}.items():
            made = [solved(y, A, weight) for weight in weights] + [by_rounds(y, A, n) for n in rounds]
            say(name, title, assumed, *[score(estimate, x) for estimate in made])


def compared(cases, options):
    """A row for each case (name, x, kernel's name, kernel); then how often each estimate is ahead."""
    header("image", "kernel", "bicubic assumed", "fixed spot", *options.estimates, "true kernel")
    gains, short, spent = ({name: [] for name in options.estimates} for _ in range(3))
    for name, x, title, kernel in cases:
        bicubic, spot, true, scores, seconds = restored(x, kernel, options)
        say(name, title, bicubic, spot, *map(spread, scores.values()), true)
        for estimate, values in scores.items():
            gains[estimate].append(statistics.median(values) - bicubic)
            short[estimate].append(true - statistics.median(values))
            spent[estimate] += seconds[estimate]
    print()
    header("estimate", "0.5 dB ahead of bicubic", "gain", "below the true kernel", "CPU seconds")
    for name, values in gains.items():
        ahead = f"{sum(value >= 0.5 for value in values)} of {len(values)}"
        say(name, ahead, spread(values), spread(short[name]), spread(spent[name]))


def table(options):
    compared([(n, image(n), t, gaussian(*k)) for n in IMAGES for t, k in GAUSSIANS.items()], options)


def shapes(options):
    kernels = {"motion": motion(), "L": corner()}
    compared([(n, image(n), t, k) for n in IMAGES for t, k in kernels.items()], options)


def sizes(options):
    title, kernel = "2.5, 1.0 at 65", gaussian(2.5, 1.0, 65)
    sides = (100, 128, 192, 256)
    compared(
        [(f"{n}, y {s // 2} px", image(n, s), title, kernel) for n in IMAGES[:2] for s in sides], options
    )


def zssr(options):
    header("image", "kernel", "bicubic assumed", *options.estimates, "true kernel")
    for name, (title, parameters) in zip(IMAGES, GAUSSIANS.items(), strict=True):
        x, true = image(name), BlurDownsample(gaussian(*parameters), 2)
        y = true(x).clamp(0, 1)
        found = [BlurDownsample(ESTIMATES[estimate](y, 0), 2) for estimate in options.estimates]
        made = [run(zero_shot_sr(y, A, iterations=400, side=32)) for A in (Downsample(2), *found, true)]
        say(name, title, *[score(result.estimate, x) for result in made])


def main():
    parser, commands = subcommands(__doc__)
    for command in (table, shapes, sizes, solvers, zssr):
        one = commands.add_parser(command.__name__)
        one.add_argument("--seeds", type=int, default=3)
        one.add_argument("--estimates", nargs="+", choices=ESTIMATES, default=list(ESTIMATES))
        one.set_defaults(command=command)
    start(parser)


if __name__ == "__main__":
    main()
