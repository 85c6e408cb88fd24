"""Diffusion priors adapted to one observation, beside TV and DIP + TV. Prints markdown tables.

python benchmarks/diffusion_adaptation.py scan        tomography, the ellipse prior, frozen and adapted by SCD
python benchmarks/diffusion_adaptation.py classical   TV and DIP + TV on the same scans
python benchmarks/diffusion_adaptation.py parts       eight levels each, without and with total variation
python benchmarks/diffusion_adaptation.py steps       the step toward the data, and no prior at all
python benchmarks/diffusion_adaptation.py updates     how many updates, and what total variation brings
python benchmarks/diffusion_adaptation.py text        the photograph prior on text, tuned on neighbours (ADIR)

Images of 64 px in the disk that `Radon` sees, 20 angles, noise of 0.005. Settings are the same for all images
and seeds, and were chosen with the truth, on the abdomen. PSNR in dB. Cells with a range: the median over the
seeds, and least to most.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say, spread, start, subcommands

from dil_course import runtime
from dil_course.diffusion import ddnm, scd, tune_on_neighbours
from dil_course.diffusion.sampling import back_projected, squared_norm
from dil_course.fitting import run
from dil_course.from_scratch import dip_tv, tv
from dil_course.networks import trained
from dil_course.signals import (
    Downsample,
    Mask,
    Radon,
    add_gaussian,
    mr_slice,
    picture,
    psnr,
    random_ellipses,
)

SIDE = 64
SCANNER = Radon(SIDE, [9 * number for number in range(20)])
SIGMA = 0.005
TV_WEIGHTS, DIP_TV_WEIGHTS = (1e-4, 3e-4, 1e-3), (3e-4, 1e-3)
IMAGES = ["letters", "abdomen", "camera", "phantom", "ellipses 0", "ellipses 1", "ellipses 2"]
STEPS = {"weak": 0.5, "strong": 32.0}  # gamma of `scd`
WAYS = {
    "frozen": dict(updates=0, iterations=30),
    "adapted": dict(updates=12, iterations=8, tv=5e-3, learning_rate=0.01),
}


def disk():
    steps = torch.arange(SIDE) - SIDE // 2
    return (steps[:, None] ** 2 + steps**2 < (SIDE / 2 - 1) ** 2).float()


def scans(names):
    """Name: kind and image, (1,1,64,64)."""
    ellipses = {f"ellipses {seed}": ("in", random_ellipses(1, SIDE, seed=seed)) for seed in range(3)}
    phantom = picture("shepp_logan_phantom")[..., 8:392, 8:392]
    others = {
        "letters": ("out", picture("text", SIDE)),
        "abdomen": ("out", Downsample(2)(mr_slice())),
        "camera": ("out", Downsample(4)(picture("camera", 256))),
        "phantom": ("near", Downsample(6)(phantom)),
    }
    images = others | ellipses
    return {name: (kind, x.clamp(0, 1) * disk()) for name, (kind, x) in images.items() if name in names}


def score(estimate, x):
    return psnr(estimate.clamp(0, 1), x)


def drawn(y, prior, seed, **settings):
    return run(scd(y, SCANNER, prior, seed=seed, **settings), average=0).estimate


def scan(options):
    """Frozen and adapted at a weak and a strong step toward the data."""
    prior, gains = trained("prior_ellipses"), {}
    header("image", "kind", *[f"{way}, {step}" for step in STEPS for way in WAYS])
    for name, (kind, x) in scans(options.images).items():
        scores = {(step, way): [] for step in STEPS for way in WAYS}
        for seed in range(options.seeds):
            y = add_gaussian(SCANNER(x), SIGMA, seed=seed)
            for (step, way), found in scores.items():
                found.append(score(drawn(y, prior, seed, gamma=STEPS[step], **WAYS[way]), x))
        for step in STEPS:
            pairs = zip(scores[step, "frozen"], scores[step, "adapted"], strict=True)
            gains.setdefault((kind, step), []).extend(after - before for before, after in pairs)
        say(name, kind, *map(spread, scores.values()))
    print()
    header("kind", "step toward the data", "adapted less frozen")
    for (kind, step), values in gains.items():
        say(kind, step, spread(values))


def classical(options):
    """TV and DIP + TV, each at the best of a few weights, by the truth on each image."""
    header("image", "TV", "DIP + TV")
    for name, (_kind, x) in scans(options.images).items():
        scores = [], []
        for seed in range(options.seeds):
            y = add_gaussian(SCANNER(x), SIGMA, seed=seed)
            by_tv = [run(tv(y, SCANNER, weight, iterations=800)).estimate for weight in TV_WEIGHTS]
            settings = dict(iterations=900, seed=seed)
            by_dip = [run(dip_tv(y, SCANNER, weight, **settings)).estimate for weight in DIP_TV_WEIGHTS]
            for found, estimates in zip(scores, (by_tv, by_dip), strict=True):
                found.append(max(score(estimate, x) for estimate in estimates))
        say(name, *map(spread, scores))


def parts(options):
    """Frozen and adapted at the same eight levels, without and with total variation in the loss."""
    prior = trained("prior_ellipses")
    ways = {
        "frozen": dict(updates=0, iterations=8),
        "adapted, no TV": WAYS["adapted"] | dict(tv=0.0),
        "adapted": WAYS["adapted"],
    }
    header("image", "step toward the data", *ways)
    for name, (_kind, x) in scans(options.images).items():
        for step, gamma in STEPS.items():
            found = {way: [] for way in ways}
            for seed in range(options.seeds):
                y = add_gaussian(SCANNER(x), SIGMA, seed=seed)
                for way, settings in ways.items():
                    found[way].append(score(drawn(y, prior, seed, gamma=gamma, **settings), x))
            say(name, step, *map(spread, found.values()))


def steps(options):
    """PSNR and misfit in sigmas over gamma, frozen; beside it no prior, and the prior of photographs."""
    ours, other = trained("prior_ellipses"), trained("prior_photographs")
    gammas = (0.5, 2.0, 8.0, 32.0, 128.0)
    header("image", "no prior", "photographs, 32", *[f"ellipses, {gamma:g}" for gamma in gammas])
    for name, (_kind, x) in scans(options.images).items():
        y = add_gaussian(SCANNER(x), SIGMA)
        size = squared_norm(SCANNER, y)
        inverses = [back_projected(y, SCANNER, share * size) for share in (1e-3, 3e-3, 1e-2)]
        estimates = [max(inverses, key=lambda z, x=x: score(z, x))]
        estimates.append(drawn(y, other, 0, gamma=32.0, **WAYS["frozen"]))
        estimates += [drawn(y, ours, 0, gamma=gamma, **WAYS["frozen"]) for gamma in gammas]
        misfits = [float((SCANNER(z) - y).square().mean().sqrt()) / SIGMA for z in estimates]
        say(name, *[f"{score(z, x):.2f} ({m:.1f})" for z, m in zip(estimates, misfits, strict=True)])


def updates(options):
    """Estimates and their misfit for more and more updates, at the weak step."""
    prior, x = trained("prior_ellipses"), scans(["abdomen"])["abdomen"][1]
    header("updates a level", "total variation", "PSNR", "misfit, in sigmas")
    for tv_weight in (0.0, WAYS["adapted"]["tv"]):
        for count in (0, 12, 40):
            found, misfits = [], []
            for seed in range(options.seeds):
                y = add_gaussian(SCANNER(x), SIGMA, seed=seed)
                settings = WAYS["adapted"] | dict(updates=count, tv=tv_weight, gamma=STEPS["weak"])
                estimate = drawn(y, prior, seed, **settings)
                found.append(score(estimate, x))
                misfits.append(float((SCANNER(estimate) - y).square().mean().sqrt()) / SIGMA)
            say(count, tv_weight, spread(found), spread(misfits))


def text(options):
    """DDNM with the photograph prior tuned on good neighbours, on bad ones, and on y itself."""
    prior, x, sheet = trained("prior_photographs"), picture("text", SIDE), picture("text")
    known = torch.rand(x.shape, generator=runtime.generator(0, "mask")) < 0.3
    neighbours = {
        "same sheet": [sheet[..., :180], sheet[..., -180:]],
        "another page": [picture("page", 160)],
        "textures": [picture(name, 160) for name in ("grass", "gravel", "brick")],
    }
    header("task", "prior", "one sample", "mean of the samples")
    for task, A in {"three pixels in ten": Mask(known), "four times larger": Downsample(4)}.items():
        y = A(x)
        for name, images in {"as trained": None, **neighbours, "y itself": [A.pinv(y).clamp(0, 1)]}.items():
            samples = ddnm_with(tuned(prior, images), y, A, options.seeds)
            say(
                task, name, spread([score(z, x) for z in samples]), score(torch.cat(samples).mean(0, True), x)
            )


def tuned(prior, images):
    if images is None:
        return prior
    *_, last = tune_on_neighbours(prior, images, "all", iterations=80, learning_rate=3e-4)
    return last.network


def ddnm_with(prior, y, A, seeds):
    settings = dict(fresh=1.0, iterations=50)
    return [run(ddnm(y, A, prior, seed=seed, **settings), average=0).estimate for seed in range(seeds)]


def main():
    parser, commands = subcommands(__doc__)
    for command in (scan, classical, parts, steps, updates, text):
        added = commands.add_parser(command.__name__)
        added.add_argument("--seeds", type=int, default=3)
        added.add_argument("--images", nargs="+", default=IMAGES)
        added.set_defaults(command=command)
    start(parser)


if __name__ == "__main__":
    main()
