"""Scans restored from themselves: the tables of lesson 11. Prints markdown.

python benchmarks/scans.py stopping   MRI: where held-out lines stop, three masks and two seeds
python benchmarks/scans.py settings   MRI: ConvDecoder beside zero-filling and total variation, three settings
python benchmarks/scans.py weights    equivariant imaging: its weight, on a photograph and not on the slice
python benchmarks/scans.py views      sparse-view CT: equivariant imaging beside consistency alone and others

The MR slice that the course bundles plays the body, in tomography too. Its measurements are computed from
magnitudes that were resampled before: an inverse crime, so that no figure here compares with real scans.
Total variation gets the best of its weights by the truth. PSNR in dB.
"""

import dataclasses
import statistics
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say, start, subcommands

from dil_course import runtime
from dil_course.fitting import run
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import deep_image_prior, equivariant_imaging, tv
from dil_course.networks import conv_decoder, small_skip_network
from dil_course.signals import (
    Downsample,
    Fourier,
    Radon,
    consistent,
    line_mask,
    mr_slice,
    picture,
    psnr,
    split_lines,
)

DECODER = dict(learning_rate=0.01, input_noise=0)
SETTINGS = {"four, 0.01": (4, 0.01), "eight, 0.02": (8, 0.02), "two, 0.05": (2, 0.05)}


def measured(x, acceleration, sigma, seed):
    """Some lines of the Fourier plane of x with noise of this standard deviation: y, A."""
    A = Fourier(line_mask(*x.shape[-2:], acceleration, seed=seed))
    noise = torch.randn(1, 2, *x.shape[-2:], generator=runtime.generator(seed, "noise"))
    return A(x) + A.mask * sigma * noise, A


def decoder(seed, width):
    with runtime.seeded(seed):
        return conv_decoder(1, width)


def made_consistent(steps, y, A):
    """The same steps, with estimates that explain y: what is judged is what the network adds to the data."""
    for step in steps:
        yield dataclasses.replace(step, estimate=consistent(step.estimate, y, A))


def stopping(options):
    x, gaps = mr_slice(), []
    header(
        "mask", "seed", "zero-filled", "stops at", "PSNR there", "best of the run", "last", "below the best"
    )
    for mask in range(3):
        y, A = measured(x, 4, 0.01, mask)
        for seed in range(2):
            fit, held_out = split_lines(A.mask, options.share, seed=seed)
            part, B = y * fit, Fourier(fit)
            steps = deep_image_prior(
                part, B, decoder(seed, options.width), options.iterations, seed=seed, **DECODER
            )
            rule = HeldOut(y, held_out, patience=options.iterations, A=A)
            result = run(made_consistent(steps, part, B), truth=x, stop=rule)
            chosen, curve = psnr(result.estimate, x), result.history["psnr_average"]
            gaps.append(max(curve) - chosen)
            say(mask, seed, psnr(B.pinv(part), x), result.iteration, chosen, max(curve), curve[-1], gaps[-1])
    print(f"\nlargest gap {max(gaps):.2f} dB, median {statistics.median(gaps):.2f} dB")


def settings(options):
    x = mr_slice()
    names = "TV", "ConvDecoder", "TV, consistent", "ConvDecoder, consistent"
    header("one line in, noise", "mask", "zero-filled", *names)
    for name, (acceleration, sigma) in SETTINGS.items():
        for seed in range(options.seeds):
            y, A = measured(x, acceleration, sigma, seed)
            smooth = [run(tv(y, A, weight)).estimate for weight in (0.003, 0.01, 0.03)]
            steps = deep_image_prior(
                y, A, decoder(seed, options.width), options.iterations, seed=seed, **DECODER
            )
            whole = run(steps).estimate
            zero = psnr(A.pinv(y).clamp(0, 1), x)
            fitted = [consistent(estimate, y, A) for estimate in smooth]
            best, best_fitted = (max(psnr(estimate, x) for estimate in some) for some in (smooth, fitted))
            say(name, seed, zero, best, psnr(whole, x), best_fitted, psnr(consistent(whole, y, A), x))


SIDE = 64
CENTRE = torch.arange(SIDE) - SIDE // 2
DISK = (CENTRE[:, None] ** 2 + CENTRE**2 < (SIDE // 2) ** 2).float()  # what all angles see


def body():
    return Downsample(2)(mr_slice()).clamp(0, 1) * DISK


def scanner(angles):
    return Radon(SIDE, [180 * k / angles for k in range(angles)])


def equivariant(x, A, weight, seed, iterations):
    with runtime.seeded(seed):
        network = small_skip_network(1, 1)
    steps = equivariant_imaging(
        A(x), A, weight, pinv=A.fbp, network=network, iterations=iterations, seed=seed
    )
    return psnr(run(steps).estimate * DISK, x)


def weights(options):
    x, A = picture("camera", SIDE).mean(1, keepdim=True) * DISK, scanner(options.angles)
    header("weight", *[f"seed {seed}" for seed in range(options.seeds)])
    for weight in (0.0, 0.01, 0.1):
        say(weight, *[equivariant(x, A, weight, s, options.iterations) for s in range(options.seeds)])


def views(options):
    x, A = body(), scanner(options.angles)
    y = A(x)
    smooth = max(psnr(run(tv(y, A, w, 500, 0.1)).estimate * DISK, x) for w in (1e-5, 3e-5, 1e-4, 3e-4))
    print(f"FBP {psnr((A.fbp(y) * DISK).clamp(0, 1), x):.2f}, pseudo-inverse", end=" ")
    print(f"{psnr((A.pinv(y, 50) * DISK).clamp(0, 1), x):.2f}, TV {smooth:.2f}\n")
    header("seed", "deep image prior", "consistency alone", "equivariant imaging", "gain")
    for seed in range(options.seeds):
        prior = run(deep_image_prior(y, A, iterations=options.iterations, seed=seed, input_noise=0.01))
        alone, both = (equivariant(x, A, w, seed, options.iterations) for w in (0, options.weight))
        say(seed, psnr(prior.estimate * DISK, x), alone, both, both - alone)


def main():
    parser, commands = subcommands(__doc__)
    for command, iterations in ((stopping, 200), (settings, 400), (weights, 300), (views, 300)):
        one = commands.add_parser(command.__name__)
        one.add_argument("--width", type=int, default=32, help="channels of the ConvDecoder")
        one.add_argument("--share", type=float, default=0.25, help="of the lines, held out")
        one.add_argument("--seeds", type=int, default=1 if command is weights else 3)
        one.add_argument("--angles", type=int, default=12)
        one.add_argument("--weight", type=float, default=0.01, help="of equivariant imaging")
        one.add_argument("--iterations", type=int, default=iterations)
        one.set_defaults(command=command)
    start(parser)


if __name__ == "__main__":
    main()
