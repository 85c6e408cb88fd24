"""Denoising without a clean picture, side by side. Prints markdown tables.

python benchmarks/denoising.py table     all methods of lessons 06 and 07, non-local means and BM3D, on three
                                         pictures and noise levels
python benchmarks/denoising.py sure      a network that is given y: with the squared error to y it collapses,
                                         with SURE it does not; three pictures and seeds

DIL_PROFILE=quick or full chooses the settings of the methods.
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

import bm3d

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import COLOUR, header, say, to_array, to_tensor

from dil_course import runtime
from dil_course.doctor import machine
from dil_course.fitting import run
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import (
    deep_image_prior,
    dip_sure,
    held_out,
    neighbor2neighbor,
    noise2fast,
    noise2noise,
    noise2self,
    noise2void,
    non_local_means,
    recorrupted2recorrupted,
    self2self,
    zero_shot_noise2noise,
)
from dil_course.signals import add_gaussian, picture, psnr


def block_matching(y, sigma):
    array = to_array(y.cpu())
    return to_tensor(
        bm3d.bm3d_rgb(array, sigma) if array.shape[2] == 3 else bm3d.bm3d(array[..., 0], sigma)[..., None]
    )


# Of y, sigma, a second noisy picture and a seed: the steps of a method, or a picture.
METHODS = {
    "NLM": lambda y, sigma, other, seed: non_local_means(y, sigma),
    "BM3D": lambda y, sigma, other, seed: block_matching(y, sigma),
    "DIP": lambda y, sigma, other, seed: deep_image_prior(y, seed=seed),
    "SURE": lambda y, sigma, other, seed: dip_sure(y, sigma, seed=seed),
    "N2N": lambda y, sigma, other, seed: noise2noise(y, other, seed=seed),
    "R2R": lambda y, sigma, other, seed: recorrupted2recorrupted(y, sigma, seed=seed),
    "N2V": lambda y, sigma, other, seed: noise2void(y, seed=seed),
    "N2S": lambda y, sigma, other, seed: noise2self(y, seed=seed),
    "S2S": lambda y, sigma, other, seed: self2self(y, seed=seed),
    "Ne2Ne": lambda y, sigma, other, seed: neighbor2neighbor(y, seed=seed),
    "ZS-N2N": lambda y, sigma, other, seed: zero_shot_noise2noise(y, seed=seed),
    "N2F": lambda y, sigma, other, seed: noise2fast(y, seed=seed),
}


def score(method, y, x, sigma, other, seed):
    """PSNR of a method's result, and its seconds."""
    started = time.process_time()
    y, other = y.to(runtime.device()), other.to(runtime.device())
    made = METHODS[method](y, sigma, other, seed)
    stop = HeldOut(y, held_out(y)) if method == "N2S" else None
    estimate = made if hasattr(made, "shape") else run(made, stop=stop).estimate
    return psnr(estimate.to(x).clamp(0, 1), x), time.process_time() - started


def table(options):
    print(
        f"Denoising, {runtime.profile()} profile: white Gaussian noise, not clipped, {options.side} px "
        f"windows, seed {options.seed}, PSNR in dB over all channels"
    )
    print(
        "of the clipped result; seconds in brackets. The iterations are fixed beforehand, but for N2S (stops "
        "by held-out pixels) and N2F (by its own rule).\n"
    )
    header("picture", "sigma", "noisy", *options.methods)
    for sigma, name in itertools.product(options.sigmas, options.pictures):
        x = picture(name, options.side)
        y, other = (add_gaussian(x, sigma / 255, seed=seed) for seed in (options.seed, options.seed + 1000))
        scores = [score(method, y, x, sigma / 255, other, options.seed) for method in options.methods]
        say(
            name,
            sigma,
            psnr(y.clamp(0, 1), x),
            *(f"{decibels:.2f} ({seconds:.0f})" for decibels, seconds in scores),
        )


def sure(options):
    print(
        f"A network fed y: sigma {options.sigma}/255, {options.side} px, {options.iterations} iterations. "
        "PSNR in dB of the run's average; for plain"
    )
    print("squared error of single outputs. The peaks look at the truth.\n")
    header(
        "picture",
        "seed",
        "noisy",
        "plain peak",
        "at",
        "plain end",
        "fall",
        "SURE peak",
        "at",
        "SURE end",
        "below its peak",
    )
    sigma, falls, gaps = options.sigma / 255, [], []
    for name, seed in itertools.product(options.pictures, range(options.seeds)):
        x = picture(name, options.side)
        y = add_gaussian(x, sigma, seed=seed).to(runtime.device())
        settings = dict(iterations=options.iterations, seed=seed)
        plain = run(
            dip_sure(y, sigma, risk=lambda f, y, b, output: (output - y).square().mean(), **settings),
            truth=x.to(y),
        ).history
        stein = run(dip_sure(y, sigma, **settings), truth=x.to(y)).history
        curves = [(h["iteration"], h[kind]) for h, kind in ((plain, "psnr"), (stein, "psnr_average"))]
        (plain_peak, plain_at), (peak, at) = (
            (max(values), iterations[values.index(max(values))]) for iterations, values in curves
        )
        falls.append(plain_peak - plain["psnr"][-1])
        gaps.append(peak - stein["psnr_average"][-1])
        say(
            name,
            seed,
            psnr(y.to(x), x),
            plain_peak,
            plain_at,
            plain["psnr"][-1],
            falls[-1],
            peak,
            at,
            stein["psnr_average"][-1],
            gaps[-1],
        )
    print(
        f"\nSURE ends at most {max(gaps):.2f} dB below its own peak; plain squared error falls by "
        f"{min(falls):.2f} to {max(falls):.2f} dB,"
    )
    print(f"at least 4 dB in {sum(fall >= 4 for fall in falls)} of {len(falls)} runs.")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    side_by_side = commands.add_parser("table")
    side_by_side.add_argument("--side", type=int, default=256)
    side_by_side.add_argument("--seed", type=int, default=0)
    side_by_side.add_argument("--sigmas", nargs="+", type=int, default=[25, 15, 50])
    side_by_side.add_argument("--pictures", nargs="+", default=COLOUR)
    side_by_side.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    side_by_side.set_defaults(command=table)
    demonstration = commands.add_parser("sure")
    demonstration.add_argument("--side", type=int, default=128)
    demonstration.add_argument("--sigma", type=int, default=25)
    demonstration.add_argument("--iterations", type=int, default=1000)
    demonstration.add_argument("--seeds", type=int, default=3, help="how many")
    demonstration.add_argument("--pictures", nargs="+", default=COLOUR)
    demonstration.set_defaults(command=sure)
    options = parser.parse_args()
    print(machine() + "\n", flush=True)
    options.command(options)


if __name__ == "__main__":
    main()
