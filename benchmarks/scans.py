"""Scans restored from themselves: the tables of lesson 11. Prints markdown.

python benchmarks/scans.py stopping   MRI: where held-out lines stop, three masks and two seeds
python benchmarks/scans.py settings   MRI: ConvDecoder beside zero-filling and total variation, three settings
python benchmarks/scans.py weights    equivariant imaging: its weight, on a photograph and not on the slice
python benchmarks/scans.py views      sparse-view CT: equivariant imaging beside consistency alone and others

The MR slice that the course bundles plays the body, in tomography too. Its measurements are computed from
magnitudes that were resampled before: an inverse crime, so that no figure here compares with real scans.
Total variation gets the best of its weights by the truth. PSNR in dB.
"""

import argparse
import statistics
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say

from dil_course import runtime
from dil_course.doctor import machine
from dil_course.fitting import run
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import deep_image_prior, equivariant_imaging, tv
from dil_course.networks import conv_decoder, small_skip_network
from dil_course.signals import Downsample, Fourier, Radon, line_mask, mr_slice, picture, psnr, split_lines

DECODER = dict(iterations=400, learning_rate=0.01, input_noise=0)
SETTINGS = {"two, 0.05": (2, 0.05), "four, 0.02": (4, 0.02), "four, 0.05": (4, 0.05)}
SHARE = 0.1  # of the lines, held out


def measured(x, acceleration, sigma, seed):
    """Some lines of the Fourier plane of x with noise of this standard deviation: y, A."""
    A = Fourier(line_mask(*x.shape[-2:], acceleration, seed=seed))
    noise = torch.randn(1, 2, *x.shape[-2:], generator=runtime.generator(seed, "noise"))
    return A(x) + A.mask * sigma * noise, A


def decoder(seed, width):
    with runtime.seeded(seed):
        return conv_decoder(1, width)


def stopped(y, A, x, seed, width, network=None):
    """A run on nine tenths of the lines, which the others stop, and the best PSNR of its average."""
    fit, held_out = split_lines(A.mask, SHARE, seed=seed)
    rule = HeldOut(y, held_out, patience=DECODER["iterations"], A=A)
    steps = deep_image_prior(y * fit, Fourier(fit), network or decoder(seed, width), seed=seed, **DECODER)
    result = run(steps, truth=x, stop=rule)
    return result, max(result.history["psnr_average"])


def stopping(options):
    x, gaps = mr_slice(), []
    header("mask", "seed", "stops at", "PSNR there", "best of the run", "last", "below the best")
    for mask in range(3):
        y, A = measured(x, 4, options.sigma, mask)
        for seed in range(2):
            result, best = stopped(y, A, x, seed, options.width)
            chosen = psnr(result.estimate, x)
            gaps.append(best - chosen)
            say(mask, seed, result.iteration, chosen, best, result.history["psnr_average"][-1], gaps[-1])
    print(f"\nlargest gap {max(gaps):.2f} dB, median {statistics.median(gaps):.2f} dB")


def settings(options):
    x = mr_slice()
    header(
        "lines: one in, noise", "mask", "zero-filled", "TV", "ConvDecoder, stopped", "refitted to all lines"
    )
    for name, (acceleration, sigma) in SETTINGS.items():
        for seed in range(options.seeds):
            y, A = measured(x, acceleration, sigma, seed)
            smooth = max(psnr(run(tv(y, A, w)).estimate, x) for w in (0.003, 0.01, 0.02, 0.04, 0.08))
            result, _ = stopped(y, A, x, seed, options.width)
            again = DECODER | dict(iterations=result.iteration)
            whole = run(deep_image_prior(y, A, decoder(seed, options.width), seed=seed, **again)).estimate
            zero = psnr(A.pinv(y).clamp(0, 1), x)
            say(name, seed, zero, smooth, psnr(result.estimate, x), psnr(whole, x))


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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for command in (stopping, settings, weights, views):
        one = commands.add_parser(command.__name__)
        one.add_argument("--width", type=int, default=32, help="channels of the ConvDecoder")
        one.add_argument("--sigma", type=float, default=0.05, help="of the noise, for stopping")
        one.add_argument("--seeds", type=int, default=3)
        one.add_argument("--angles", type=int, default=12)
        one.add_argument("--weight", type=float, default=0.01, help="of equivariant imaging")
        one.add_argument("--iterations", type=int, default=300, help="of equivariant imaging")
        one.set_defaults(command=command)
    options = parser.parse_args()
    print(machine() + "\n", flush=True)
    options.command(options)


if __name__ == "__main__":
    main()
