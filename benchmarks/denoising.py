"""Denoising without a clean picture, side by side. Prints markdown tables.

python benchmarks/denoising.py table     all methods of lessons 06 and 07, non-local means and BM3D, on three
                                         pictures and noise levels
python benchmarks/denoising.py shared    white noise, and noise that neighbours share; three pictures, seeds
python benchmarks/denoising.py sure      a network that is given y: with the squared error to y it collapses,
                                         with SURE it does not; three pictures and seeds

DIL_PROFILE=quick or full chooses the settings of the methods.
"""

import itertools
import sys
import time
from pathlib import Path

import bm3d
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import COLOUR, header, say, start, subcommands, to_array, to_tensor

from dil_course import runtime
from dil_course.batch import add_options, runs
from dil_course.fitting import run
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import (
    blind,
    calibrate,
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
from dil_course.signals import add_correlated, add_gaussian, gaussian_kernel, picture, psnr

# The package bm3d calls it by this name where it is given a spectrum; NumPy 2 has dropped the name.
np.trapz = np.trapezoid


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


def noisy(picture_name, side, sigma, seed):
    """A picture and two noisy ones; sigma in gray values."""
    x = picture(picture_name, side)
    return x, *(add_gaussian(x, sigma / 255, seed=s) for s in (seed, seed + 1000))


def score(method, picture_name, side, sigma, seed):
    """PSNR of a method's result, and its seconds."""
    x, *pair = noisy(picture_name, side, sigma, seed)
    started = time.process_time()
    y, other = (z.to(runtime.device()) for z in pair)
    made = METHODS[method](y, sigma / 255, other, seed)
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
    given = dict(side=options.side, seed=options.seed)
    wanted = [
        dict(method=method, picture_name=name, sigma=sigma, **given)
        for sigma, name, method in itertools.product(options.sigmas, options.pictures, options.methods)
    ]
    done = runs(score, wanted, options.jobs, options.scheduler, options.store)
    for sigma, name in itertools.product(options.sigmas, options.pictures):
        x, y, _ = noisy(name, options.side, sigma, options.seed)
        scores = [result for _, result in itertools.islice(done, len(options.methods))]
        cells = (f"{decibels:.2f} ({seconds:.0f})" for decibels, seconds in scores)
        say(name, sigma, psnr(y.clamp(0, 1), x), *cells)


def calibrated(y):
    """Blind non-local means with the h that predicts y best: no noise level enters."""

    def nlm(y, h):
        return non_local_means(y, 0, h=h)

    h, _ = calibrate(nlm, y, [0.04, 0.06, 0.08, 0.1, 0.13, 0.16])
    return blind(lambda y: nlm(y, h))(y)


def spectrum_of(kernel, y, sigma):
    """Power spectrum (H,W,1) of white noise after a blur by the kernel, in the units of the package bm3d."""
    height, width = y.shape[-2:]
    power = torch.fft.fft2(kernel / kernel.norm(), s=(height, width)).abs().square()
    return (sigma**2 * height * width * power)[..., None].numpy()


# Of y, a second noisy picture, sigma, the kernel of the noise and a seed, with the iterations of lesson 07.
SHORT = {
    "(y + y2)/2": lambda y, y2, sigma, kernel, seed: (y + y2) / 2,
    "N2N": lambda y, y2, sigma, kernel, seed: noise2noise(y, y2, iterations=200, seed=seed),
    "BM3D, spectrum": lambda y, y2, sigma, kernel, seed: block_matching(y, spectrum_of(kernel, y, sigma)),
    "BM3D": lambda y, y2, sigma, kernel, seed: block_matching(y, sigma),
    "NLM": lambda y, y2, sigma, kernel, seed: non_local_means(y, sigma),
    "R2R": lambda y, y2, sigma, kernel, seed: recorrupted2recorrupted(y, sigma, iterations=250, seed=seed),
    "SURE": lambda y, y2, sigma, kernel, seed: dip_sure(y, sigma, iterations=400, seed=seed),
    "NLM, calibrated, blind": lambda y, y2, sigma, kernel, seed: calibrated(y),
    "N2V": lambda y, y2, sigma, kernel, seed: noise2void(y, iterations=300, seed=seed),
    "N2S": lambda y, y2, sigma, kernel, seed: noise2self(y, iterations=200, seed=seed),
    "S2S": lambda y, y2, sigma, kernel, seed: self2self(y, iterations=400, seed=seed),
    "Ne2Ne": lambda y, y2, sigma, kernel, seed: neighbor2neighbor(y, iterations=100, seed=seed),
    "ZS-N2N": lambda y, y2, sigma, kernel, seed: zero_shot_noise2noise(y, iterations=300, seed=seed),
    "N2F": lambda y, y2, sigma, kernel, seed: noise2fast(y, seed=seed),
}


def shared(options):
    kernels = {"white": torch.ones(1, 1), "shared": gaussian_kernel(5, 0.7)}
    sigma, gains, spent = options.sigma / 255, {}, dict.fromkeys(SHORT, 0.0)
    for seed, name, kind in itertools.product(range(options.seeds), options.pictures, kernels):
        x, kernel = picture(name, options.side), kernels[kind]
        y, y2 = (add_correlated(x, sigma, kernel, seed=s) for s in (seed, seed + 1000))
        for method, make in SHORT.items():
            started = time.process_time()
            made = make(y, y2, sigma, kernel, seed)
            estimate = made if hasattr(made, "shape") else run(made).estimate
            spent[method] += time.process_time() - started
            gains.setdefault((method, kind), {})[name, seed] = psnr(estimate, x) - psnr(y, x)
        found = ", ".join(f"{method} {gains[method, kind][name, seed]:.2f}" for method in SHORT)
        print(f"{kind}, {name}, seed {seed}: {found}", file=sys.stderr, flush=True)
    print(
        f"Gain over y in dB, sigma {options.sigma}/255, {options.side} px, {options.seeds} seeds: mean over"
    )
    print("the seeds for each picture; then mean of all and, in brackets, the range. Seconds of one run.\n")
    columns = [f"{kind}, {name}" for kind in kernels for name in (*options.pictures, "all")]
    header("method", *columns, "seconds")
    runs = len(kernels) * len(options.pictures) * options.seeds
    for method in SHORT:
        say(method, *row_of(method, kernels, options, gains), f"{spent[method] / runs:.1f}")


def row_of(method, kernels, options, gains):
    """The cells of one method: a mean for each picture, then the mean and the range of all."""
    for kind in kernels:
        found = gains[method, kind]
        for name in options.pictures:
            yield f"{sum(found[name, seed] for seed in range(options.seeds)) / options.seeds:.1f}"
        values = found.values()
        yield f"{sum(values) / len(values):.1f} ({min(values):.1f} to {max(values):.1f})"


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
    parser, commands = subcommands(__doc__)
    side_by_side = commands.add_parser("table")
    side_by_side.add_argument("--side", type=int, default=256)
    side_by_side.add_argument("--seed", type=int, default=0)
    side_by_side.add_argument("--sigmas", nargs="+", type=int, default=[25, 15, 50])
    side_by_side.add_argument("--pictures", nargs="+", default=COLOUR)
    side_by_side.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    add_options(side_by_side)
    side_by_side.set_defaults(command=table)
    two_noises = commands.add_parser("shared")
    two_noises.add_argument("--side", type=int, default=64)
    two_noises.add_argument("--sigma", type=int, default=25)
    two_noises.add_argument("--seeds", type=int, default=3, help="how many")
    two_noises.add_argument("--pictures", nargs="+", default=COLOUR)
    two_noises.set_defaults(command=shared)
    demonstration = commands.add_parser("sure")
    demonstration.add_argument("--side", type=int, default=128)
    demonstration.add_argument("--sigma", type=int, default=25)
    demonstration.add_argument("--iterations", type=int, default=1000)
    demonstration.add_argument("--seeds", type=int, default=3, help="how many")
    demonstration.add_argument("--pictures", nargs="+", default=COLOUR)
    demonstration.set_defaults(command=sure)
    start(parser)


if __name__ == "__main__":
    main()
