"""How good the results are, beside named references. Prints markdown tables.

python benchmarks/quality.py denoise      deep image prior on bundled photographs, against noisy input and
                                          non-local means
python benchmarks/quality.py stopping     windowed variance, beside the oracle peak, on three pictures, seeds
                                          and noise levels
python benchmarks/quality.py records      the published settings, cut down to what a CPU does in an hour,
                                          beside the published values (DIL_DATA)
python benchmarks/quality.py zssr         zero-shot super-resolution on Set5 by the field's protocol, beside
                                          bicubic and the published values (DIL_DATA)
python benchmarks/quality.py kernels      zero-shot super-resolution with the right kernel and with bicubic
                                          in its place, on bundled photographs
python benchmarks/quality.py bicubic      bicubic on Set5 against the field's numbers (reads DIL_DATA, else
                                          fetches)
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
from dil_course.from_scratch import deep_image_prior, zero_shot_sr
from dil_course.networks import SkipNetwork, small_skip_network
from dil_course.signals import (
    BlurDownsample,
    Downsample,
    Identity,
    Mask,
    add_gaussian,
    add_poisson,
    add_salt_and_pepper,
    benchmark,
    crop,
    enlarge,
    gaussian_kernel,
    luma,
    picture,
    psnr,
)

SET5 = ("baby", "bird", "butterfly", "head", "woman")
FIELD = {2: 33.68, 3: 30.40, 4: 28.43}  # dB on Y, bicubic enlarging, as papers on super-resolution print it
NETWORKS = {"small": small_skip_network, "paper": SkipNetwork}


def say(*cells):
    """One row of a table, at once: a benchmark is long and may be stopped."""
    print(
        "| " + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |",
        flush=True,
    )


def header(*cells):
    say(*cells)
    say(*["---"] * len(cells))


def spread(values, digits=2):
    """Median, least and most, for a cell of a table."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def subcommands(description):
    """A benchmark's parser, and where its commands are added; each sets `command`, a function of options."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser, parser.add_subparsers(required=True)


def start(parser):
    """Run the command that was asked for; the machine stands above its tables."""
    options = parser.parse_args()
    print(machine() + "\n", flush=True)
    options.command(options)


def non_local_means(y, sigma):
    """Non-local means with the true sigma: the classical baseline. Clipped, as a picture is."""
    settings = dict(patch_size=5, patch_distance=6, fast_mode=True, channel_axis=-1)
    return to_tensor(denoise_nl_means(to_array(y), h=0.8 * sigma, sigma=sigma, **settings))


def denoise_one(name, seed, options):
    """One run: the row of figures of the table."""
    x = picture(name, options.side)
    sigma = options.sigma / 255
    y = add_gaussian(x, sigma, seed=seed)
    with runtime.seeded(seed):
        network = NETWORKS[options.setting](x.shape[1])
    steps = deep_image_prior(
        y.to(runtime.device()), network=network, iterations=options.iterations, seed=seed
    )
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
    print(
        f"Denoising: sigma {options.sigma:g}/255 (not clipped), {options.side} px windows, {options.setting} "
        "setting. PSNR in dB over all"
    )
    print(
        "channels, no border shaved. Iterations are fixed beforehand; the oracle column looks at the truth, "
        "nothing else does.\n"
    )
    header(
        "picture",
        "seed",
        "noisy",
        "NLM",
        "DIP single",
        "DIP average",
        "oracle peak of average",
        "at",
        "gain",
        "iterations",
        "seconds",
    )
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
    print(
        f"\nThe average gains 6 dB or more on {sum(gain >= 6 for gain in gains)} of {len(rows)}: "
        f"{min(gains):.2f} to {max(gains):.2f} dB."
    )
    print(
        f"It beats NLM with known sigma on {sum(lead > 0 for lead in ahead)} of {len(rows)}: "
        f"{min(ahead):+.2f} to {max(ahead):+.2f} dB."
    )
    print(
        f"Mean of the averages {statistics.mean(row['average'] for row in rows):.2f} dB,",
        "of their oracle peaks",
        end=" ",
    )
    print(f"{statistics.mean(row['peak'] for row in rows):.2f} dB.")


NOISES = {
    f"sigma {sigma}": lambda x, seed, sigma=sigma: add_gaussian(x, sigma / 255, seed=seed)
    for sigma in (15, 25, 50)
}
NOISES |= {
    "Poisson": lambda x, seed: add_poisson(x, 40, seed=seed),
    "salt and pepper": lambda x, seed: add_salt_and_pepper(x, 0.1, seed=seed),
}


def stopping(options):
    print(
        f"Stopping by windowed variance: {options.side} px, small network, window and patience as by "
        f"default, at most {options.iterations} iterations."
    )
    print(
        "PSNR in dB of the average. The peak is that of the same run, continued to the end; "
        "it looks at the truth.\n"
    )
    header(
        "noise",
        "picture",
        "seed",
        "noisy",
        "at the stop",
        "iteration",
        "oracle peak",
        "at",
        "difference",
        "run ended at",
    )
    for noise in options.noises:
        differences = []
        for name, seed in itertools.product(options.pictures, range(options.seeds)):
            x = picture(name, options.side)
            y = NOISES[noise](x, seed)
            rule = WindowedVariance()
            ended = None
            averages = []
            for step, average in averaged(
                deep_image_prior(y.to(runtime.device()), iterations=options.iterations, seed=seed)
            ):
                averages.append(psnr(average.to(x), x))
                if ended is None and rule.observe(step, average):
                    ended = step.iteration
            peak = max(averages)
            at_stop = psnr(rule.estimate.to(x), x)
            differences.append(at_stop - peak)
            say(
                noise,
                name,
                seed,
                psnr(y, x),
                at_stop,
                rule.iteration,
                peak,
                averages.index(peak) + 1,
                at_stop - peak,
                ended or "the end",
            )
        within = sum(difference > -1 for difference in differences)
        print(
            f"\n{noise}: within 1 dB of the peak in {within} of {len(differences)} runs; the worst "
            f"{min(differences):.2f} dB.\n",
            flush=True,
        )


def averaged(steps):
    """Each step with the run's average, as `run` takes it."""
    average = None
    for step in steps:
        average = (
            step.estimate
            if average is None
            else average.lerp(step.estimate, 1 - min(0.99, step.iteration / (step.iteration + 10)))
        )
        yield step, average


def to_tensor(array):
    return torch.from_numpy(array).permute(2, 0, 1)[None].float().clamp(0, 1)


def to_array(x):
    return x[0].permute(1, 2, 0).double().numpy()


def scan(name, side):
    """A picture for a scanner: gray, and nothing outside the disk that is seen from every angle."""
    if name == "phantom":
        return Downsample(3)(picture("shepp_logan_phantom", 3 * side)).clamp(0, 1)
    steps = torch.arange(side) - side // 2
    return picture(name, side) * (steps[:, None] ** 2 + steps**2 <= (side // 2) ** 2)


def best_tikhonov(y, A, truth):
    """Tikhonov's filter with the weight of the highest PSNR to the truth: the best that it can do."""
    restored = [A.pinv(y, epsilon=epsilon).clamp(0, 1) for epsilon in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)]
    return max(restored, key=lambda x: psnr(x, truth))


COLOUR, SCANS = ("astronaut", "coffee", "chelsea"), ("phantom", "camera", "coins")


def shrunk(x, side):
    return torch.nn.functional.interpolate(x, size=(side, side), mode="bicubic", antialias=True).clamp(0, 1)


def record_runs(setting):
    """For each published figure: name, picture, observation, operator, settings, score, and published dB."""
    paper = setting == "paper"
    barbara = benchmark("dip/barbara.png")
    barbara = barbara if paper else crop(barbara, 256)
    kept = Mask(torch.rand(barbara.shape, generator=runtime.generator(0, "mask")) < 0.5)
    yield (
        "Barbara, 50 % of the pixels",
        barbara,
        kept(barbara),
        kept,
        dict(iterations=11000, learning_rate=1e-3) if paper else dict(iterations=3000, learning_rate=3e-3),
        psnr,
        32.22,
    )
    plane = benchmark("dip/F16_GT.png")
    plane = plane if paper else shrunk(plane, 256)
    noisy = add_gaussian(plane, 25 / 255).clamp(0, 1)
    yield (
        "F16, sigma 25, clipped",
        plane,
        noisy,
        Identity(),
        dict(iterations=1800 if paper else 500),
        psnr,
        None,
    )
    for name in SET5:
        x = benchmark(f"set5/{name}.png")
        x = x[..., : x.shape[-2] // 4 * 4, : x.shape[-1] // 4 * 4]
        yield (
            f"{name}, x4",
            x,
            Downsample(4)(x),
            Downsample(4),
            dict(iterations=2000 if paper else 1000),
            on_luma,
            None,
        )
    zebra = benchmark("dip/zebra_GT.png")
    yield (
        "zebra, x4",
        zebra,
        Downsample(4)(zebra),
        Downsample(4),
        dict(iterations=2000 if paper else 1000),
        on_luma,
        None,
    )


def on_luma(estimate, x):
    """PSNR as the field scores super-resolution: luma, 4 pixels of border shaved."""
    return psnr(luma(estimate.clamp(0, 1)), luma(x), shave=4)


def records(options):
    cut = (
        ""
        if options.setting == "paper"
        else ", cut down: Barbara is a window of 256 px, F16 is halved, iterations are fewer"
    )
    print(
        f"Published cases, {options.setting} network{cut}. PSNR in dB of the average, on luma for x4. The "
        "paper shrinks by Lanczos, we by the field's bicubic.\n"
    )
    header("case", "size", "ours", "published", "oracle peak", "iterations", "seconds")
    enlarged = []
    for name, x, y, A, settings, score, published in record_runs(options.setting):
        if options.only and not any(part in name for part in options.only):
            continue
        with runtime.seeded(0):
            network = NETWORKS[options.setting](x.shape[1])
        result = run(deep_image_prior(y.to(runtime.device()), A, network=network, **settings), truth=x)
        ours = score(result.estimate.to(x), x)
        enlarged += [ours] if name.removesuffix(", x4") in SET5 else []
        size = f"{x.shape[-2]}x{x.shape[-1]}"
        say(
            name,
            size,
            ours,
            published or "",
            max(result.history["psnr_average"]),
            result.iteration,
            round(result.seconds),
        )
    if len(enlarged) == len(SET5):
        print(f"\nSet5 x4, mean on luma: {statistics.mean(enlarged):.2f} dB; published 29.90.")


def rounded(x):
    """As an 8-bit file holds it: papers score what they saved."""
    return (255 * x.clamp(0, 1)).round() / 255


def set5(name, scale):
    """A picture of Set5, cut to a multiple of the scale, and the operator."""
    x = benchmark(f"set5/{name}.png")
    return x[..., : x.shape[-2] // scale * scale, : x.shape[-1] // scale * scale], Downsample(scale)


def field_psnr(estimate, x, scale):
    """The field's PSNR: luma, rounded, `scale` pixels of border shaved."""
    return psnr(rounded(luma(rounded(estimate))), luma(x), shave=scale)


def bicubic_score(name, scale):
    """PSNR in dB on the luma of one picture: shrunk, rounded to 8 bits, enlarged, rounded, border shaved."""
    x, A = set5(name, scale)
    return psnr(rounded(enlarge(rounded(A(luma(x))), A)), luma(x), shave=scale)


PUBLISHED_ZSSR = {2: 37.37, 3: 33.42, 4: 31.13}


def zssr(options):
    print(
        f"Zero-shot super-resolution, {runtime.profile()} profile, seed {options.seed}. PSNR in dB on Y; "
        "colour input, 8 bits, shrunk by the field's bicubic.\n"
    )
    header("scale", "picture", "bicubic", "ours", "gain", "iterations", "seconds")
    for scale in options.scales:
        scores = []
        for name in options.pictures:
            x, A = set5(name, scale)
            y = rounded(A(x)).to(runtime.device())
            result = run(zero_shot_sr(y, A, seed=options.seed, gradual=options.gradual))
            scores.append(
                (field_psnr(enlarge(y, A).to(x), x, scale), field_psnr(result.estimate.to(x), x, scale))
            )
            say(
                f"x{scale}",
                name,
                *scores[-1],
                scores[-1][1] - scores[-1][0],
                result.iteration,
                round(result.seconds),
            )
        means = [statistics.mean(column) for column in zip(*scores, strict=True)]
        say(f"x{scale}", f"mean; published {PUBLISHED_ZSSR[scale]}", *means, means[1] - means[0], "", "")


def kernels(options):
    print(
        "Zero-shot super-resolution x2 of pictures that were blurred by an anisotropic Gaussian kernel, "
        "standard deviations 2.5 and 0.8 at 45 degrees,"
    )
    print(
        f"and then sampled: {options.side} px, {runtime.profile()} profile. PSNR in dB over all channels, 8 "
        "pixels shaved. The misfit is the root mean"
    )
    print("square of A(estimate) - y for the true A, times 255.\n")
    header(
        "picture",
        "bicubic",
        "told bicubic",
        "told the kernel",
        "difference",
        "misfit, told bicubic",
        "misfit, told the kernel",
        "seconds",
    )
    A = BlurDownsample(gaussian_kernel(15, (2.5, 0.8), angle=45), 2)
    for name in options.pictures:
        x = picture(name, options.side)
        y = A(x).clamp(0, 1)
        results = [
            run(zero_shot_sr(y.to(runtime.device()), told, seed=options.seed)) for told in (Downsample(2), A)
        ]
        assumed, right = (psnr(result.estimate.to(x), x, shave=8) for result in results)
        misfits = [255 * float((A(result.estimate.to(x)) - y).square().mean().sqrt()) for result in results]
        say(
            name,
            psnr(enlarge(y, A).clamp(0, 1), x, shave=8),
            assumed,
            right,
            right - assumed,
            *misfits,
            round(results[1].seconds),
        )


def bicubic_on_set5(options):
    print(
        "Bicubic on Set5: PSNR in dB on Y, luma rounded to 8 bits before and after, "
        "`scale` pixels of border shaved.\n"
    )
    header("scale", *SET5, "mean", "the field's", "difference")
    for scale, field in FIELD.items():
        scores = [bicubic_score(name, scale) for name in SET5]
        mean = statistics.mean(scores)
        say(f"x{scale}", *scores, mean, field, f"{mean - field:+.3f}")


def main():
    parser, commands = subcommands(__doc__)
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
    published = commands.add_parser("records")
    published.add_argument(
        "--setting", choices=NETWORKS, default="small", help="small also cuts sizes and iterations"
    )
    published.add_argument("--only", nargs="+", help="parts of the names of the cases")
    published.set_defaults(command=records)
    enlarging = commands.add_parser("zssr")
    enlarging.add_argument("--scales", nargs="+", type=int, choices=FIELD, default=list(FIELD))
    enlarging.add_argument("--pictures", nargs="+", choices=SET5, default=SET5)
    enlarging.add_argument("--gradual", type=int, help="steps of the scale; default: that of the profile")
    enlarging.add_argument("--seed", type=int, default=0)
    enlarging.set_defaults(command=zssr)
    told = commands.add_parser("kernels")
    told.add_argument("--side", type=int, default=256)
    told.add_argument("--seed", type=int, default=0)
    told.add_argument("--pictures", nargs="+", default=["chelsea", "astronaut", "rocket"])
    told.set_defaults(command=kernels)
    commands.add_parser("bicubic").set_defaults(command=bicubic_on_set5)
    start(parser)


if __name__ == "__main__":
    main()
