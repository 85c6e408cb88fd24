"""Choosing without the truth: lesson 18, measured. Prints a markdown table and what follows from it.

python benchmarks/choosing.py [seeds]   a third of the pixels, noise 10/255: five methods on eight images
python benchmarks/choosing.py again     what the held-out quarter would give to a habit, which needs no judge

A fifth of the measured pixels judges. A twentieth chooses the weight of TV and the iteration of the deep
image prior; the other methods leave it out. No weight or iteration is chosen by the truth. PSNR is that
of the pixels that no method saw.
"""

import math
import statistics
import sys
from pathlib import Path

import bm3d
import torch
from skimage.restoration import inpaint_biharmonic

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, machine, say

from dil_course import runtime
from dil_course.adaptation import idbp, tune_on_restored
from dil_course.fitting import run
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import deep_image_prior, tv
from dil_course.networks import trained
from dil_course.signals import Mask, add_gaussian, luma, picture

IMAGES = ["astronaut", "camera", "chelsea", "coffee", "text", "brick", "moon", "shepp_logan_phantom"]
SIDE, SIGMA = 64, 10 / 255
WEIGHTS = (0.005, 0.01, 0.02, 0.04)  # of TV
EDGES = (0.0, 0.25, 0.2667, 0.3333)  # of the chance of a pixel to be fitted, to stop a run, to judge
CLOSE = 0.3  # dB


def split(side, seed):
    """Three masks (1,1,side,side): pixels to fit, to stop by, and to judge by; two thirds are in none."""
    chance = torch.rand(1, 1, side, side, generator=runtime.generator(seed, "split"))
    return [((a <= chance) & (chance < b)).float() for a, b in zip(EDGES, EDGES[1:], strict=False)]


def squares(z, y, pixels):
    return (z - y)[pixels > 0].square()


def decibels(error):
    return -10 * math.log10(max(error, 1e-6))


def filled(y, fit):
    return torch.from_numpy(inpaint_biharmonic(y[0, 0].numpy(), (fit[0, 0] == 0).numpy()))[None, None]


def adapted(y, fit, seed):
    smooth = filled(y, fit).float()
    steps = tune_on_restored(smooth, trained("denoiser_gray"), SIGMA, iterations=40, seed=seed)
    return run(steps).estimate.clamp(0, 1)


def estimates(y, fit, stop, seed):
    """{method: estimate (1,1,H,W)} from the pixels of `fit`, and from those of `stop` for two of them."""
    A, rule = Mask(fit), HeldOut((fit + stop) * y, stop, patience=100)
    y = A(y), y
    matched = torch.from_numpy(bm3d.bm3d(filled(y[0], fit)[0, 0].numpy(), SIGMA))[None, None].float()
    flat = [run(tv(y[0], A, weight)).estimate for weight in WEIGHTS]
    levels = dict(iterations=60, strongest=0.5, weakest=0.01)
    found = {
        "biharmonic, BM3D": matched,
        "TV": min(flat, key=lambda z: squares(z, y[1], stop).mean()),
        "deep image prior": run(deep_image_prior(y[0], A, iterations=300, seed=seed), stop=rule).estimate,
        "IDBP": run(idbp(y[0], A, trained("prior_photographs"), SIGMA, **levels)).estimate,
        "biharmonic, adapted denoiser": adapted(y[0], fit, seed),
    }
    return {name: z.clamp(0, 1) for name, z in found.items()}


def one(name, seed):
    """{method: (true error, squared misfits at the judging pixels)}."""
    x = luma(picture(name, SIDE))
    y, (fit, stop, judge) = add_gaussian(x, SIGMA, seed), split(SIDE, seed)
    unseen = 1 - fit - stop
    found = estimates(y, fit, stop, seed)
    return {k: (squares(z, x, unseen).mean().item(), squares(z, y, judge)) for k, z in found.items()}


def expected(misfits):
    return decibels(misfits.mean().item() - SIGMA**2)


def modest(misfits):
    """The expected PSNR if the error is larger than judged, by one standard error of the judgement."""
    return decibels(misfits.mean().item() - SIGMA**2 + misfits.std().item() / len(misfits) ** 0.5)


def again():
    """The adapted denoiser with all measured pixels, as a habit may have them, against three quarters."""
    print(machine() + "\n", flush=True)
    header("image", "mean gain of all pixels over three quarters, dB", "least", "largest")
    for place, name in enumerate(IMAGES):
        gains = []
        for seed in range(100 * place, 100 * place + 3):
            x = luma(picture(name, SIDE))
            y, (fit, *held) = add_gaussian(x, SIGMA, seed), split(SIDE, seed)
            measured = fit + sum(held)
            part, whole = (
                decibels(squares(adapted(pixels * y, pixels, seed), x, 1 - measured).mean().item())
                for pixels in (fit, measured)
            )
            gains.append(whole - part)
        say(name, statistics.mean(gains), min(gains), max(gains))


def main(seeds):
    print(machine() + "\n", flush=True)
    losses, gaps = (
        {},
        {"all": [], "chosen": [], "chosen, modest": [], "chosen by one half, stated by other": []},
    )
    for place, name in enumerate(IMAGES):
        for seed in range(100 * place, 100 * place + seeds):  # each image has noise and pixels of its own
            scores = one(name, seed)
            true = {k: decibels(error) for k, (error, _) in scores.items()}
            pick = min(scores, key=lambda k: scores[k][1].mean())
            if not losses:
                header("image", "seed", *scores, "chosen", "stated", "modestly")
            values = pick, expected(scores[pick][1]), modest(scores[pick][1])
            say(name, seed, *true.values(), *values)
            for k in [*scores, "chosen"]:
                losses.setdefault(k, []).append(max(true.values()) - true[pick if k == "chosen" else k])
            gaps["all"] += [expected(misfits) - true[k] for k, (_, misfits) in scores.items()]
            gaps["chosen"].append(values[1] - true[pick])
            gaps["chosen, modest"].append(values[2] - true[pick])
            for a, b in ((0, 1), (1, 0)):
                half = min(scores, key=lambda k: scores[k][1][a::2].mean())
                gaps["chosen by one half, stated by other"].append(
                    expected(scores[half][1][b::2]) - true[half]
                )
    print()
    header("always", "mean loss, dB", "largest", "the best", f"within {CLOSE} dB")
    for k, values in losses.items():
        within = (sum(loss == 0 for loss in values), sum(loss <= CLOSE for loss in values))
        say(k, statistics.mean(values), max(values), *within)
    print()
    header("stated", "mean of stated minus true, dB", "median size", "above the truth", "by 1.5 dB or more")
    for k, values in gaps.items():
        sizes = statistics.mean(values), statistics.median(map(abs, values))
        say(k, *sizes, f"{sum(v > 0 for v in values)} of {len(values)}", sum(v >= 1.5 for v in values))


if __name__ == "__main__":
    again() if sys.argv[1:] == ["again"] else main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
