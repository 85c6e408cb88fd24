"""Every method over every bundled image with its default settings: does any run diverge or collapse?

python benchmarks/sweep.py                                  all of it, in the quick profile: hours of CPU time
python benchmarks/sweep.py --plan                           how long that would take, from the runs in --store
python benchmarks/sweep.py --methods self2self --pictures page text --sides 64 --seeds 0 1 2 --jobs 2

Each finished run is a line of --store. The same command goes on where the last one was stopped, so a sweep
may be stopped at any time. Prints markdown tables, and ends with status 1 where a run failed:

diverged    the run said so itself, or its result is not finite
collapsed   the result is constant, or more than --below decibels worse than what it began with: the noisy
            image, the blurred one (bp_dip, bp_tv) or bicubic interpolation (zero_shot_sr)
"""

import argparse
import collections
import itertools
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from quality import header, say

from dil_course import runtime
from dil_course.batch import add_options, key, runs, stored
from dil_course.fitting import run
from dil_course.from_scratch import (
    blind,
    bp_dip,
    bp_tv,
    deep_image_prior,
    deep_red,
    dip_sure,
    dip_tv,
    equivariant_imaging,
    neighbor2neighbor,
    noise2fast,
    noise2noise,
    noise2self,
    noise2void,
    non_local_means,
    recorrupted2recorrupted,
    self2self,
    sgld_dip,
    tv,
    unsure,
    zero_shot_noise2noise,
    zero_shot_sr,
)  # fmt: skip
from dil_course.signals import (
    PICTURES,
    Blur,
    Downsample,
    add_gaussian,
    enlarge,
    gaussian_kernel,
    picture,
    psnr,
)

SIGMA = 25 / 255
BLUR, HALF = Blur(gaussian_kernel(9, 1.0)), Downsample(2)


def nlm(x):
    return non_local_means(x, SIGMA)


# Of the clean image and a seed: what the method is given, and what its result is compared with.
GIVEN = collections.defaultdict(
    lambda: lambda x, seed: (add_gaussian(x, SIGMA, seed=seed),) * 2,
    bp_dip=lambda x, seed: (add_gaussian(BLUR(x), 1 / 255, seed=seed),) * 2,
    bp_tv=lambda x, seed: (add_gaussian(BLUR(x), 1 / 255, seed=seed),) * 2,
    equivariant_imaging=lambda x, seed: (BLUR(x),) * 2,
    zero_shot_sr=lambda x, seed: (HALF(x), enlarge(HALF(x), HALF)),
)
# Of what the method is given, the clean image and a seed: its Steps, or its result.
METHODS = {
    "non_local_means": lambda y, x, seed: nlm(y),
    "blind": lambda y, x, seed: blind(nlm)(y),
    "deep_image_prior": lambda y, x, seed: deep_image_prior(y, seed=seed),
    "bp_dip": lambda y, x, seed: bp_dip(y, BLUR, pinv=lambda r: BLUR.pinv(r, epsilon=1e-3), seed=seed),
    "bp_tv": lambda y, x, seed: bp_tv(y, BLUR, 0.01, lambda r: BLUR.pinv(r, epsilon=1e-3)),
    "tv": lambda y, x, seed: tv(y, None, SIGMA),
    "dip_tv": lambda y, x, seed: dip_tv(y, seed=seed),
    "deep_red": lambda y, x, seed: deep_red(y, nlm, seed=seed),
    "sgld_dip": lambda y, x, seed: sgld_dip(y, seed=seed),
    "dip_sure": lambda y, x, seed: dip_sure(y, SIGMA, seed=seed),
    "unsure": lambda y, x, seed: unsure(y, seed=seed),
    "equivariant_imaging": lambda y, x, seed: equivariant_imaging(y, BLUR, pinv=BLUR.adjoint, seed=seed),
    "noise2noise": lambda y, x, seed: noise2noise(y, add_gaussian(x, SIGMA, seed=seed + 1000), seed=seed),
    "recorrupted2recorrupted": lambda y, x, seed: recorrupted2recorrupted(y, SIGMA, seed=seed),
    "noise2void": lambda y, x, seed: noise2void(y, seed=seed),
    "noise2self": lambda y, x, seed: noise2self(y, seed=seed),
    "self2self": lambda y, x, seed: self2self(y, seed=seed),
    "neighbor2neighbor": lambda y, x, seed: neighbor2neighbor(y, seed=seed),
    "zero_shot_noise2noise": lambda y, x, seed: zero_shot_noise2noise(y, seed=seed),
    "noise2fast": lambda y, x, seed: noise2fast(y, seed=seed),
    "zero_shot_sr": lambda y, x, seed: zero_shot_sr(y, HALF, seed=seed),
}


def one(method, picture_name, side, seed):
    """One run, as a dictionary of its figures."""
    x = picture(picture_name, side)
    y, before = GIVEN[method](x, seed)
    started, why = time.perf_counter(), ""
    made = METHODS[method](y.to(runtime.device()), x, seed)
    if not isinstance(made, torch.Tensor):
        try:
            result = run(made)
            made, why = result.estimate, result.why
        except ValueError as problem:  # not one of its steps was finite
            made, why = torch.full_like(x, torch.nan), f"diverged: {problem}"
    estimate = made.to(x)
    reached, began = (psnr(z.clamp(0, 1), x) if z.isfinite().all() else -999.0 for z in (estimate, before))
    return {
        "method": method, "picture": picture_name, "side": side, "seed": seed, "psnr": reached,
        "gain": reached - began, "spread": estimate.std().item(), "why": why,
        "seconds": time.perf_counter() - started,
    }  # fmt: skip


def verdict(row, below):
    if row["why"].startswith("diverged") or row["psnr"] == -999:
        return "diverged"
    return "collapsed" if row["spread"] < 1e-3 or row["gain"] < -below else "ok"


def seconds_of(rows, methods):
    """Median seconds a pixel by method; one that was never run is taken to be like the others."""
    each = [(row["method"], row["seconds"] / row["side"] ** 2) for row in rows]
    others = [seconds for _, seconds in each] or [0.002]
    return {
        method: statistics.median([seconds for name, seconds in each if name == method] or others)
        for method in methods
    }


def plan(missing, rows, options):
    """Print how long the missing runs would take."""
    typical, total = seconds_of(rows, options.methods), 0.0
    header("method", *(f"{side} px, s a run" for side in options.sides), "runs to do", "hours")
    for method in options.methods:
        mine = [run["side"] for run in missing if run["method"] == method]
        hours = sum(typical[method] * side**2 for side in mine) / 3600
        say(method, *(round(typical[method] * side**2) for side in options.sides), len(mine), hours)
        total += hours
    print(f"\n{len(missing)} runs, {total:.1f} hours, divided by the number of processes")


def summary(rows, options):
    """Gains of each method over all its runs. Returns how many runs failed."""
    failed = 0
    print()
    header("method", "runs", "least gain, dB", "median gain, dB", "diverged", "collapsed")
    for method in options.methods:
        mine = [row for row in rows if row["method"] == method]
        if mine:
            gains, verdicts = [row["gain"] for row in mine], [verdict(row, options.below) for row in mine]
            bad = [verdicts.count(name) for name in ("diverged", "collapsed")]
            say(method, len(mine), min(gains), statistics.median(gains), *bad)
            failed += sum(bad)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="NAME")
    parser.add_argument("--pictures", nargs="+", choices=PICTURES, default=list(PICTURES), metavar="NAME")
    parser.add_argument("--sides", nargs="+", type=int, default=[64, 96])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--below", type=float, default=3.0, help="decibels that a run may lose")
    parser.add_argument("--plan", action="store_true", help="print how long it would take, and end")
    add_options(parser)
    parser.set_defaults(store=Path("build/sweep.jsonl"))
    options = parser.parse_args()

    wanted = [
        dict(zip(("method", "picture_name", "side", "seed"), run, strict=True))
        for run in itertools.product(options.methods, options.pictures, options.sides, options.seeds)
    ]
    if options.plan:
        done = stored(options.store)
        return plan([run for run in wanted if key(one, run) not in done], done.values(), options)
    options.store.parent.mkdir(parents=True, exist_ok=True)
    header("method", "picture", "side", "seed", "PSNR, dB", "gain, dB", "seconds", "verdict")
    rows = []
    for _, row in runs(one, wanted, options.jobs, options.scheduler, options.store):
        cells = (row[name] for name in ("method", "picture", "side", "seed", "psnr", "gain"))
        say(*cells, round(row["seconds"]), verdict(row, options.below))
        rows.append(row)
    return 1 if summary(rows, options) else 0


if __name__ == "__main__":
    sys.exit(main())
