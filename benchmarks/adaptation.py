"""Trained networks adapted to one picture: what it gains and loses. Prints markdown tables.

python benchmarks/adaptation.py denoising      every picture, all settings: PSNR before, and what each gains
python benchmarks/adaptation.py restoration    super-resolution and deblurring by IDBP, with the trained and
                                               with the adapted denoiser
python benchmarks/adaptation.py kernel         a super-resolution network on pictures made with other kernels

DIL_PROFILE=quick or full chooses the iterations.
"""

import statistics
import sys
from pathlib import Path

import torch
from skimage.restoration import denoise_tv_chambolle

sys.path.insert(0, str(Path(__file__).parents[1]))

from denoising import block_matching
from quality import best_tikhonov, header, say, start, subcommands

from dil_course import runtime
from dil_course.adaptation import (
    adapt_super_resolution,
    correction_filter,
    idbp,
    tune_by_masking,
    tune_by_sure,
    tune_on_restored,
)
from dil_course.fitting import run
from dil_course.fitting.stopping import LeastRisk
from dil_course.from_scratch import zero_shot_sr
from dil_course.from_scratch.zero_shot_sr import restore
from dil_course.networks import trained
from dil_course.signals import (
    Blur,
    BlurDownsample,
    Downsample,
    add_gaussian,
    consistent,
    enlarge,
    gaussian_kernel,
    luma,
    picture,
    psnr,
)

FAMILIAR = ["astronaut", "coffee", "chelsea", "camera"]
UNFAMILIAR = [
    "text",
    "page",
    "retina",
    "immunohistochemistry",
    "hubble_deep_field",
    "brick",
    "shepp_logan_phantom",
]
SETTINGS = {
    "restored, all": (tune_on_restored, "all"),
    "restored, low-rank": (tune_on_restored, "low-rank"),
    "restored, norm": (tune_on_restored, "norm"),
    "restored, gain": (tune_on_restored, "gain"),
    "SURE, all": (tune_by_sure, "all"),
    "SURE, gain": (tune_by_sure, "gain"),
    "masking, gain": (tune_by_masking, "gain"),
}
ONE_WEIGHT = 1e-3  # of TV: the best for all pictures of `restoration` together


def window(name, side):
    """A window of that side, or the largest of even side that the picture has."""
    return picture(name, min(side, min(picture(name).shape[-2:]) // 2 * 2))


def denoiser_for(x):
    return trained("denoiser_gray" if x.shape[1] == 1 else "denoiser_colour").to(runtime.device())


def denoising(options):
    print(
        f"Adapted denoisers, {runtime.profile()} profile: sigma {options.sigma}, windows of {options.side} "
        f"px, {options.seeds} seeds, PSNR in dB, mean of the seeds."
    )
    print(
        "The trained network, and what adapting adds (least to most of the seeds), stopped by LeastRisk, "
        "which sees no truth.\n"
    )
    header("picture", "noisy", "BM3D", "trained", *options.settings)
    rows = {name: [] for name in options.pictures}
    for name in options.pictures:
        x = window(name, options.side)
        for seed in range(options.seeds):
            y = add_gaussian(x, options.sigma / 255, seed=seed)
            rows[name].append(compare(x, y, options.sigma / 255, seed, options.settings))
        before = [
            statistics.mean(row[column] for row in rows[name]) for column in ("noisy", "BM3D", "trained")
        ]
        say(name, *before, *(spread([row[s] for row in rows[name]]) for s in options.settings))
    print()
    for kind, names in (("familiar", FAMILIAR), ("unfamiliar", UNFAMILIAR)):
        kept = [row for name in names for row in rows.get(name, [])]
        for setting in options.settings if kept else ():
            gains = [row[setting] for row in kept]
            gap = statistics.mean(row["BM3D"] - row["trained"] for row in kept)
            closed = f"{100 * statistics.mean(gains) / gap:.0f} %" if gap > 0.1 else "no gap"
            print(
                f"{kind}, {setting}: {spread(gains)} dB, {len(gains)} runs, "
                f"of the gap to BM3D ({gap:+.2f} dB): {closed}"
            )
    seconds = {s: statistics.mean(row["seconds"][s] for runs in rows.values() for row in runs)
               for s in options.settings}  # fmt: skip
    print("\nSeconds a run: " + ", ".join(f"{s} {value:.0f}" for s, value in seconds.items()))


def spread(values):
    """Mean, least and most of some gains, for a cell of a table."""
    return f"{statistics.mean(values):+.2f} ({min(values):+.2f} to {max(values):+.2f})"


def compare(x, y, sigma, seed, settings):
    """PSNR of y, BM3D and the trained network; for each setting, what it gains over that; seconds."""
    denoiser, matched = denoiser_for(x), block_matching(y, sigma)
    y, truth = y.to(runtime.device()), x.to(runtime.device())
    first = psnr(denoiser(y, sigma).detach().clamp(0, 1), truth)
    row = {"noisy": psnr(y.clamp(0, 1), truth), "BM3D": psnr(matched.clamp(0, 1), x), "trained": first}
    row["seconds"] = {}
    for setting in settings:
        method, what = SETTINGS[setting]
        result = run(method(y, denoiser, sigma, what, seed=seed), stop=LeastRisk(y, sigma))
        row[setting] = psnr(result.estimate.clamp(0, 1), truth) - first
        row["seconds"][setting] = result.seconds
    return row


def restoration(options):
    print(
        f"IDBP with the gray denoiser as trained and adapted, luma, windows of {options.side} px, PSNR in "
        "dB. Super-resolution: A = Downsample(2), no noise, shaved by 2."
    )
    print(
        "Deblurring: Gaussian kernel of 1.6 pixels, noise of sqrt(2)/255; Tikhonov and TV with the best of "
        "their parameters, chosen by the truth for each picture; then TV with the weight that suits the six "
        "best on average.\n"
    )
    header(
        "picture",
        "bicubic",
        "IDBP-CNN",
        "IDBP-CNN-IA",
        "gain",
        "blurred",
        "Tikhonov",
        "TV",
        "TV, one weight",
        "IDBP-CNN",
        "IDBP-CNN-IA",
        "gain",
    )
    denoiser, wins = trained("denoiser_gray").to(runtime.device()), []
    smaller, blur, noise = Downsample(2), Blur(gaussian_kernel(13, 1.6)), 2**0.5 / 255
    for name in options.pictures:
        x = window(name, options.side).to(runtime.device())
        x = luma(x) if x.shape[1] == 3 else x
        small, blurred = smaller(x), add_gaussian(blur(x), noise)
        enlarged = [
            psnr(run(idbp(small, smaller, denoiser, adapt=adapt)).estimate, x, shave=2)
            for adapt in (None, "all")
        ]
        settings = dict(sigma=noise, weakest=6 / 255, pinv=lambda r: blur.pinv(r, epsilon=5e-3))
        sharpened = [
            psnr(run(idbp(blurred, blur, denoiser, adapt=adapt, **settings)).estimate, x)
            for adapt in (None, "all")
        ]
        variation = {
            weight: psnr(total_variation(blurred, blur, weight), x) for weight in (3e-4, ONE_WEIGHT, 3e-3)
        }
        classical = [psnr(best_tikhonov(blurred, blur, x), x), max(variation.values()), variation[ONE_WEIGHT]]
        wins.append((enlarged[1] > enlarged[0], sharpened[1] > sharpened[0]))
        first = [
            psnr(enlarge(small, smaller).clamp(0, 1), x, shave=2),
            *enlarged,
            f"{enlarged[1] - enlarged[0]:+.2f}",
        ]
        say(
            name,
            *first,
            psnr(blurred.clamp(0, 1), x),
            *classical,
            *sharpened,
            f"{sharpened[1] - sharpened[0]:+.2f}",
        )
    print(
        f"\nThe adapted denoiser is ahead on {sum(a for a, _ in wins)} and {sum(b for _, b in wins)} of "
        f"{len(wins)} pictures."
    )


def total_variation(y, A, weight):
    """Least squares plus TV, by proximal gradient steps with scikit-image's TV denoiser."""
    x = y
    for _ in range(60):
        x = x - A.adjoint(A(x) - y)
        x = torch.from_numpy(denoise_tv_chambolle(x[0, 0].cpu().numpy(), weight=weight))[None, None].to(y)
    return x.clamp(0, 1)


def kernel(options):
    print(
        "A super-resolution network trained on bicubic pictures meets other kernels: scale 2, windows of "
        f"{options.side} px, all channels, shaved by 6, PSNR in dB; in brackets once consistent with y.\n"
    )
    ways = ("bicubic", "trained", "back-projected", "corrected input", "adapted", "from scratch")
    header("picture", "kernel", *ways, "seconds, adapted", "seconds, from scratch")
    network = trained("super_resolution").to(runtime.device())
    kernels = {
        "slanted 2.5 x 0.8": gaussian_kernel(15, (2.5, 0.8), angle=45),
        "round 1.6": gaussian_kernel(13, 1.6),
    }
    for name in options.pictures:
        for label, blur in kernels.items():
            x, A = picture(name, options.side).to(runtime.device()), BlurDownsample(blur, 2)
            y = A(x)
            adapted, scratch = (
                run(adapt_super_resolution(y, A, network)),
                run(zero_shot_sr(y, A, iterations=500, gradual=1)),
            )
            with torch.no_grad():
                estimates = [
                    enlarge(y, A),
                    restore(network, y, A, corrected=False),
                    restore(network, y, A),
                    restore(network, correction_filter(y, A), A, corrected=False),
                    adapted.estimate,
                    scratch.estimate,
                ]
            say(
                name,
                label,
                *(f"{score(z, x):.2f} ({score(consistent(z.to(y), y, A), x):.2f})" for z in estimates),
                round(adapted.seconds),
                round(scratch.seconds),
            )


def score(estimate, truth):
    return psnr(estimate.clamp(0, 1), truth, shave=6)


def main():
    parser, commands = subcommands(__doc__)
    side_by_side = commands.add_parser("denoising")
    side_by_side.add_argument("--sigma", type=int, default=25)
    side_by_side.add_argument("--seeds", type=int, default=3, help="how many")
    side_by_side.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    side_by_side.set_defaults(command=denoising, pictures=FAMILIAR + UNFAMILIAR)
    commands.add_parser("restoration").set_defaults(
        command=restoration, pictures=["brick", "text", "page", "shepp_logan_phantom", "camera", "coffee"]
    )
    commands.add_parser("kernel").set_defaults(command=kernel, pictures=["astronaut", "coffee", "chelsea"])
    for part in commands.choices.values():
        part.add_argument("--side", type=int, default=96)
        part.add_argument("--pictures", nargs="+", default=part.get_default("pictures"))
    start(parser)


if __name__ == "__main__":
    main()
