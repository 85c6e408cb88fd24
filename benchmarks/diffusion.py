"""Diffusion priors: the tables of lesson 16. Prints markdown.

python benchmarks/diffusion.py toy       samplers beside the exact posterior of a Gaussian world
python benchmarks/diffusion.py noise     noisy data: DDNM, DPS, DDPG, least squares, IDBP, total variation,
                                         DIP+TV
python benchmarks/diffusion.py pixels    three pixels in ten without noise: DDNM and the mean of ten samples,
                                         IDBP, total variation
python benchmarks/diffusion.py samples   ten samples: one, their mean, their spread and its calibration

Photographs are gray windows of 64 px that the prior was not trained on. Settings of DPS and DDPG were chosen
by the truth on chelsea and astronaut. Total variation, DIP+TV, and the regularised DDNM and IDBP get the best
of two or three weights by the truth for each image. PSNR in dB.
"""

import statistics
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import test_diffusion as world
from quality import header, say, spread, start, subcommands

from dil_course.adaptation import idbp
from dil_course.diffusion import ddnm, ddpg, dps, sample
from dil_course.diffusion.sampling import back_projected
from dil_course.fitting import run
from dil_course.from_scratch import dip_tv, tv
from dil_course.networks import small_skip_network, trained
from dil_course.signals import Blur, Downsample, Mask, add_gaussian, gaussian_kernel, luma, picture, psnr

SIGMA, IMAGES, SEEDS = 0.05, ("chelsea", "coffee", "astronaut"), 3
TASKS = {"half size": Downsample(2), "blur": Blur(gaussian_kernel(9, 1.5))}
WEIGHTS = (0.005, 0.01, 0.02)  # of total variation
EPSILONS = (0.01, 0.05, 0.2)  # of the regularised inverse


def last(steps):
    return list(steps)[-1].estimate


def toy(options):
    prior, mask, x = world.world()
    A = Mask(mask)
    flat = world.copies(torch.full_like(x, 0.5))
    header("sampler", "mean: off by", "width, seen pixels", "exact", "width, unseen", "exact")

    def row(name, steps, exact):
        mean, seen, unseen = world.moments(steps, mask)
        widths = (world.spread(exact, mask), world.spread(exact, ~mask))
        cells = (world.off(mean, exact.mean), seen, widths[0], unseen, widths[1])
        say(name, *(f"{value:.4f}" for value in cells))

    for fresh in (0.0, 0.5, 0.85, 1.0):
        row(f"prior, fresh {fresh}", sample(prior, flat, fresh=fresh), prior)
    y = A(x)
    for fresh in (0.0, 0.5, 0.85, 1.0):
        steps = ddnm(world.copies(y), A, prior, fresh=fresh, iterations=100)
        row(f"no noise: DDNM, fresh {fresh}", steps, world.posterior(prior, mask, y, 0))
    y = A(add_gaussian(x, SIGMA))
    exact, many = world.posterior(prior, mask, y, SIGMA), world.copies(y)
    row("noise: the posterior's own denoiser", sample(exact, flat), exact)
    row("noise: DDNM", ddnm(many, A, prior), exact)
    for step in (0.01, 0.03, 0.1):
        row(f"noise: DPS, step {step}", dps(many, A, prior, step=step * world.COPIES**0.5), exact)
    for dial in (0.0, 1.0, None):
        row(f"noise: DDPG, dial {'turning' if dial is None else dial}",
            ddpg(many, A, prior, SIGMA, dial=dial), exact)  # fmt: skip


def noise(options):
    prior = trained("prior_photographs")
    methods = {
        "A^+ y, regularised": lambda y, A, seed: back_projected(y, A, 3 * SIGMA**2).clamp(0, 1),
        "DDNM": lambda y, A, seed: last(ddnm(y, A, prior, fresh=1.0, iterations=30, seed=seed)),
        "DPS": lambda y, A, seed: last(dps(y, A, prior, seed=seed)),
        "DDPG, 30": lambda y, A, seed: last(ddpg(y, A, prior, SIGMA, iterations=30, seed=seed)),
        "least squares, 30": lambda y, A, seed: last(
            ddpg(y, A, prior, SIGMA, dial=1.0, iterations=30, seed=seed)
        ),
        "DDPG, 8": lambda y, A, seed: last(ddpg(y, A, prior, SIGMA, iterations=8, seed=seed)),
        "least squares, 8": lambda y, A, seed: last(
            ddpg(y, A, prior, SIGMA, dial=1.0, iterations=8, seed=seed)
        ),
    }  # fmt: skip
    regularised = {
        "DDNM, regularised": lambda y, A, pinv, seed: last(
            ddnm(y, A, prior, fresh=1.0, iterations=30, pinv=pinv, seed=seed)
        ),
        "IDBP, regularised": lambda y, A, pinv, seed: last(
            idbp(y, A, prior, SIGMA, strongest=0.5, weakest=0.01, pinv=pinv)
        ),
    }
    header("task", "image", *methods, *regularised, "total variation", "DIP+TV")
    for task, A in TASKS.items():
        for name in IMAGES:
            x = luma(picture(name, 64))
            found = {}
            for seed in range(SEEDS):
                y = add_gaussian(A(x), SIGMA, seed=seed)
                for method, restore in methods.items():
                    found.setdefault(method, []).append(psnr(restore(y, A, seed), x))
                for method, restore in regularised.items():
                    inverses = [lambda r, e=e, A=A: back_projected(r, A, e) for e in EPSILONS]
                    best = max(psnr(restore(y, A, pinv, seed), x) for pinv in inverses)
                    found.setdefault(method, []).append(best)
                best = max(psnr(last(tv(y, A, weight)), x) for weight in WEIGHTS)
                found.setdefault("total variation", []).append(best)
                if options.dip:
                    found.setdefault("DIP+TV", []).append(max(deep(y, A, x, seed, w) for w in (0.01, 0.03)))
            say(task, name, *map(spread, found.values()))


def deep(y, A, x, seed, weight):
    """DIP+TV: the average after 600 iterations, no stop needed."""
    network = small_skip_network(1)
    return psnr(run(dip_tv(y, A, weight=weight, network=network, iterations=600, seed=seed)).estimate, x)


def pixels(options):
    prior = trained("prior_photographs")
    header("image", "one sample of DDNM", "mean of ten", "within 2, unmeasured", "IDBP", "total variation")
    for name in IMAGES:
        x, rows = luma(picture(name, 64)), []
        for seed in range(SEEDS):
            drawn = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(seed))
            A = Mask(drawn < 0.3)
            y = A(x)
            ten = torch.cat([last(ddnm(y, A, prior, iterations=100, seed=k)) for k in range(10)])
            mean, deviation = ten.mean(0, keepdim=True), ten.std(0, keepdim=True)
            within = ((mean - x).abs() < 2 * deviation)[A.mask == 0].float().mean().item()
            bridged = last(idbp(y, A, prior, iterations=100, strongest=0.5, weakest=0.01))
            smooth = max(psnr(last(tv(y, A, weight)), x) for weight in (3e-4, 1e-3, 3e-3))
            scores = [psnr(one, x) for one in ten.split(1)]
            rows.append([statistics.median(scores), psnr(mean, x), 100 * within, psnr(bridged, x), smooth])
        say(name, *map(spread, zip(*rows, strict=True)))


def samples(options):
    prior, A = trained("prior_photographs"), Downsample(2)
    header(
        "image",
        "method",
        "one sample",
        "mean of ten",
        "best of ten",
        "spread",
        "error of the mean",
        "within 2",
    )
    for name in IMAGES:
        x = luma(picture(name, 64))
        y = add_gaussian(A(x), SIGMA)
        methods = {
            f"DDNM, no noise, fresh {f}": (
                lambda seed, x=x, f=f: ddnm(A(x), A, prior, fresh=f, iterations=30, seed=seed)
            )
            for f in (0.5, 0.85, 1.0)
        }
        methods["DPS"] = lambda seed, y=y: dps(y, A, prior, seed=seed)
        methods["DDPG"] = lambda seed, y=y: ddpg(y, A, prior, SIGMA, iterations=30, seed=seed)
        for method, steps in methods.items():
            ten = torch.cat([last(steps(seed)) for seed in range(10)])
            mean, deviation = ten.mean(0, keepdim=True), ten.std(0, keepdim=True)
            scores = [psnr(one, x) for one in ten.split(1)]
            error = (mean - x).abs()
            inside = 100 * (error < 2 * deviation).float().mean().item()
            say(name, method, statistics.median(scores), psnr(mean, x), max(scores),
                f"{deviation.square().mean().sqrt():.3f}", f"{error.square().mean().sqrt():.3f}",
                f"{inside:.0f} %")  # fmt: skip


def main():
    parser, commands = subcommands(__doc__)
    commands.add_parser("toy").set_defaults(command=toy)
    noisy = commands.add_parser("noise")
    noisy.add_argument("--dip", action="store_true", help="with DIP+TV, which takes most of the time")
    noisy.set_defaults(command=noise)
    commands.add_parser("pixels").set_defaults(command=pixels)
    commands.add_parser("samples").set_defaults(command=samples)
    start(parser)


if __name__ == "__main__":
    main()
