"""How good the results are, beside named references. Prints markdown tables.

python benchmarks/quality.py denoise     deep image prior on bundled photographs, against noisy input and non-local means
python benchmarks/quality.py stopping    windowed variance, beside the oracle peak, on three pictures, seeds and noise levels
python benchmarks/quality.py bicubic     bicubic on Set5 against the field's numbers (reads DIL_DATA, else fetches)
"""

import argparse
import itertools
import statistics
import sys
from pathlib import Path

import torch
from skimage.restoration import denoise_nl_means

sys.path.insert(0, str(Path(__file__).parents[1]))

from dil_course import runtime
from dil_course.doctor import machine
from dil_course.fitting import run
from dil_course.fitting.stopping import WindowedVariance
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import SkipNetwork, small_skip_network
from dil_course.signals import Downsample, add_gaussian, add_poisson, add_salt_and_pepper, benchmark, luma, picture, psnr

SET5 = ("baby", "bird", "butterfly", "head", "woman")
FIELD = {2: 33.68, 3: 30.40, 4: 28.43}  # dB on Y, bicubic enlarging, as papers on super-resolution print it
NETWORKS = {"small": small_skip_network, "paper": SkipNetwork}


def say(*cells):
    """One row of a table, at once: a benchmark is long and may be stopped."""
    print("| " + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |", flush=True)


def header(*cells):
    say(*cells)
    say(*["---"] * len(cells))


def non_local_means(y, sigma):
    """Non-local means with the true sigma: the classical baseline. Clipped, as a picture is."""
    array = y[0].permute(1, 2, 0).numpy()
    settings = dict(patch_size=5, patch_distance=6, fast_mode=True, channel_axis=-1)
    array = denoise_nl_means(array, h=0.8 * sigma, sigma=sigma, **settings)
    return torch.from_numpy(array).permute(2, 0, 1)[None].float().clamp(0, 1)


def denoise_one(name, seed, options):
    """One run: the row of figures of the table."""
    x = picture(name, options.side)
    sigma = options.sigma / 255
    y = add_gaussian(x, sigma, seed=seed)
    with runtime.seeded(seed):
        network = NETWORKS[options.setting](x.shape[1])
    steps = deep_image_prior(y.to(runtime.device()), network=network, iterations=options.iterations, seed=seed)
    result = run(steps, truth=x)
    averages = result.history["psnr_average"]
    peak = max(averages)
    return {
        "noisy": psnr(y, x),
        "NLM": psnr(non_local_means(y, sigma), x),
        "single": result.history["psnr"][-1],
        "average": psnr(result.estimate.to(x), x),
        "peak": peak,
        "at": result.history["iteration"][averages.index(peak)],
        "iterations": result.iteration,
        "seconds": result.seconds,
    }


def denoise(options):
    print(f"Denoising: sigma {options.sigma:g}/255 (not clipped), {options.side} px windows, {options.setting} setting. PSNR in dB over all")
    print("channels, no border shaved. Iterations are fixed beforehand; the oracle column looks at the truth, nothing else does.\n")
    header("picture", "seed", "noisy", "NLM", "DIP single", "DIP average", "oracle peak of average", "at", "gain", "iterations", "seconds")
    rows = []
    for name in options.pictures:
        for seed in range(options.seeds):
            row = denoise_one(name, seed, options)
            rows.append(row)
            gain = row["average"] - row["noisy"]
            at_end = [row[key] for key in ("noisy", "NLM", "single", "average", "peak", "at")]
            say(name, seed, *at_end, gain, row["iterations"], round(row["seconds"]))
    gains = [row["average"] - row["noisy"] for row in rows]
    ahead = [row["average"] - row["NLM"] for row in rows]
    print(f"\nThe average gains 6 dB or more on {sum(gain >= 6 for gain in gains)} of {len(rows)}: {min(gains):.2f} to {max(gains):.2f} dB.")
    print(f"It beats NLM with known sigma on {sum(lead > 0 for lead in ahead)} of {len(rows)}: {min(ahead):+.2f} to {max(ahead):+.2f} dB.")
    print(f"Mean of the averages {statistics.mean(row['average'] for row in rows):.2f} dB, of their oracle peaks", end=" ")
    print(f"{statistics.mean(row['peak'] for row in rows):.2f} dB.")


NOISES = {f"sigma {sigma}": lambda x, seed, sigma=sigma: add_gaussian(x, sigma / 255, seed=seed) for sigma in (15, 25, 50)}
NOISES |= {"Poisson": lambda x, seed: add_poisson(x, 40, seed=seed), "salt and pepper": lambda x, seed: add_salt_and_pepper(x, 0.1, seed=seed)}


def stopping(options):
    print(f"Stopping by windowed variance: {options.side} px, small network, window and patience as by default, at most {options.iterations} iterations.")
    print("PSNR in dB of the average. The peak is that of the same run, continued to the end; it looks at the truth.\n")
    header("noise", "picture", "seed", "noisy", "at the stop", "iteration", "oracle peak", "at", "difference", "run ended at")
    for noise in options.noises:
        differences = []
        for name, seed in itertools.product(options.pictures, range(options.seeds)):
            x = picture(name, options.side)
            y = NOISES[noise](x, seed)
            rule = WindowedVariance()
            ended = None
            averages = []
            for step, average in averaged(deep_image_prior(y.to(runtime.device()), iterations=options.iterations, seed=seed)):
                averages.append(psnr(average.to(x), x))
                if ended is None and rule.observe(step, average):
                    ended = step.iteration
            peak = max(averages)
            at_stop = psnr(rule.estimate.to(x), x)
            differences.append(at_stop - peak)
            say(noise, name, seed, psnr(y, x), at_stop, rule.iteration, peak, averages.index(peak) + 1, at_stop - peak, ended or "the end")
        within = sum(difference > -1 for difference in differences)
        print(f"\n{noise}: within 1 dB of the peak in {within} of {len(differences)} runs; the worst {min(differences):.2f} dB.\n", flush=True)


def averaged(steps):
    """Each step with the run's average, as `run` takes it."""
    average = None
    for step in steps:
        average = step.estimate if average is None else average.lerp(step.estimate, 1 - min(0.99, step.iteration / (step.iteration + 10)))
        yield step, average


def bicubic_score(name, scale):
    """PSNR on Y of one picture: shrunk, rounded to 8 bits, enlarged, rounded; `scale` pixels of border shaved."""
    x = luma(benchmark(f"set5/{name}.png"))
    x = x[..., : x.shape[-2] // scale * scale, : x.shape[-1] // scale * scale]
    small = (255 * Downsample(scale)(x)).round().clamp(0, 255) / 255
    # For enlarging, antialiasing changes nothing but the cubic: with it torch takes a = -1/2, as the field does.
    large = torch.nn.functional.interpolate(small, size=x.shape[-2:], mode="bicubic", antialias=True)
    return psnr((255 * large.clamp(0, 1)).round() / 255, x, shave=scale)


def bicubic(options):
    print("Bicubic on Set5: PSNR in dB on Y, luma rounded to 8 bits before and after, `scale` pixels of border shaved.\n")
    header("scale", *SET5, "mean", "the field's", "difference")
    for scale, field in FIELD.items():
        scores = [bicubic_score(name, scale) for name in SET5]
        mean = statistics.mean(scores)
        say(f"x{scale}", *scores, mean, field, f"{mean - field:+.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    denoising = commands.add_parser("denoise")
    denoising.add_argument("--sigma", type=float, default=25, help="of 255")
    denoising.add_argument("--side", type=int, default=128)
    denoising.add_argument("--seeds", type=int, default=3, help="how many")
    denoising.add_argument("--iterations", type=int, help="default: that of the profile")
    denoising.add_argument("--setting", choices=NETWORKS, default="small")
    denoising.add_argument("--pictures", nargs="+", default=["astronaut", "coffee", "chelsea"])
    denoising.set_defaults(command=denoise)
    stops = commands.add_parser("stopping")
    stops.add_argument("--side", type=int, default=128)
    stops.add_argument("--seeds", type=int, default=3, help="how many")
    stops.add_argument("--iterations", type=int, default=600)
    stops.add_argument("--pictures", nargs="+", default=["astronaut", "coffee", "chelsea"])
    stops.add_argument("--noises", nargs="+", choices=NOISES, default=list(NOISES))
    stops.set_defaults(command=stopping)
    commands.add_parser("bicubic").set_defaults(command=bicubic)
    options = parser.parse_args()
    print(machine() + "\n", flush=True)
    options.command(options)


if __name__ == "__main__":
    main()
