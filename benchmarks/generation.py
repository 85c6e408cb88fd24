"""Images like one image: the tables that lesson 10 quotes. Prints markdown.

python benchmarks/generation.py methods   SinGAN, GPNN, patch diffusion and a shift, by five measures
python benchmarks/generation.py critic    SinGAN's networks, trained without their critic
python benchmarks/generation.py coarsest  GPNN from noise: how much is copied, over the coarsest scale
python benchmarks/generation.py alpha     GPNN from noise: what is left out, over alpha
python benchmarks/generation.py time      seconds of GPNN and patch diffusion at 96 px

Scenes are cut from bundled images and shrunk to `--side` pixels. Median and range over scenes and seeds
0 to 2. Seconds are those of the processor, on one thread. For SinGAN the seed also chooses the weights.
"""

import itertools
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say, spread, start, subcommands

from dil_course import runtime
from dil_course.fitting import run
from dil_course.from_scratch import SinGAN, gpnn, patch_diffusion, singan
from dil_course.from_scratch.internal_pairs import resized
from dil_course.from_scratch.singan import FIELD, NOISE, RECONSTRUCTION, inward, update
from dil_course.signals import (
    coherence,
    completeness,
    copied_share,
    diversity,
    field_complexity,
    patches,
    picture,
    sliced_wasserstein,
)

SCENES = {
    "coins": 300,
    "gravel": 128,
    "coffee": 384,
    "rocket": 400,
}  # pixels a side of the window that is cut
SEEDS = (0, 1, 2)
HELD_OUT = 1000  # seed of the projections: no method has seen them
MEASURES = {
    "coherence": coherence,
    "completeness": completeness,
    "sliced Wasserstein": lambda a, b: sliced_wasserstein(a, b, seed=HELD_OUT),
    "copied share": copied_share,
    "field complexity": field_complexity,
}


def scene(name, side):
    return resized(picture(name, SCENES[name]), (side, side)).clamp(0, 1)


def by_singan(x, seed):
    model = SinGAN(x, seed=seed)
    run(singan(model, seed=seed))
    return model.sample(seed=seed)


def shifted(x, seed):
    """Shifted in a circle, by a third and more of the side."""
    return x.roll((x.shape[-2] // 3 + seed, x.shape[-1] // 2 - seed), (-2, -1))


METHODS = {
    "noise": lambda x, seed: torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)),
    "shift in a circle": shifted,
    "GPNN": lambda x, seed: run(gpnn(x, seed=seed)).estimate,
    "GPNN, alpha 1000": lambda x, seed: run(gpnn(x, alpha=1e3, seed=seed)).estimate,
    "patch diffusion": lambda x, seed: run(patch_diffusion(x, seed=seed)).estimate,
    "SinGAN": by_singan,
}


def without_critic(x, seed, distance=0.0, iterations=400, rate=2e-3):
    """SinGAN's generators, trained as `singan` trains them but for the critic. Returns a sample.

    The loss is that of the reconstruction, plus `distance` times a sliced Wasserstein distance between the
    patches of a sample and of x, of 11x11 pixels as the critic sees them, along directions that are drawn
    anew in each iteration.
    """
    model, drawn = SinGAN(x, seed=seed), runtime.generator(seed, "singan")
    shape = x.shape[-2:]
    for n, source in enumerate(model.sources):
        if n:
            model.generators[n].load_state_dict(model.generators[n - 1].state_dict())
            coarser = resized(inward(model.reconstruction(n - 1)), source.shape[-2:])
            model.noise[n] = NOISE * float((coarser - inward(source)).square().mean().sqrt())
        real, base = inward(source), torch.zeros_like(source)
        with torch.no_grad():
            kept = resized(model.grown(shape, model.fixed, last=n - 1), real.shape[-2:]) if n else base
        optimizer = torch.optim.Adam(model.generators[n].parameters(), rate, (0.5, 0.999))
        for iteration in range(iterations):
            if iteration == iterations * 4 // 5:
                optimizer.param_groups[0]["lr"] /= 10
            error = (model.refined(n, kept, model.fixed(n, real.shape)) - real).square().mean()
            loss = RECONSTRUCTION * error
            if distance:
                with torch.no_grad():
                    if n:
                        base = resized(model.grown(shape, model.drawn(drawn), last=n - 1), real.shape[-2:])
                fake = model.refined(n, base, model.drawn(drawn)(n, real.shape))
                loss = loss + distance * along_lines(fake, real, drawn)
            update(optimizer, loss)
    return model.sample(seed=seed)


def along_lines(fake, real, drawn):
    """Sliced Wasserstein distance of two images' patches along 64 random directions, with a gradient."""
    rows, database = patches(fake, FIELD), patches(real, FIELD)
    directions = torch.randn(rows.shape[1], 64, generator=drawn)
    directions = directions / directions.norm(dim=0)
    return (rows.matmul(directions).sort(0).values - database.matmul(directions).sort(0).values).abs().mean()


WITHOUT_CRITIC = {
    "reconstruction alone": without_critic,
    "and sliced Wasserstein": lambda x, seed: without_critic(x, seed, distance=10.0),
}


def methods(options):
    contest(options, METHODS)


def critic(options):
    contest(options, WITHOUT_CRITIC)


def contest(options, contestants):
    header("image", "method", *MEASURES, "diversity", "seconds")
    every = {}
    for name, (method, make) in itertools.product(SCENES, contestants.items()):
        x, samples, seconds = scene(name, options.side), [], []
        for seed in SEEDS:
            started = time.process_time()
            samples.append(make(x, seed))
            seconds.append(time.process_time() - started)
        found = {title: [measure(s, x) for s in samples] for title, measure in MEASURES.items()}
        found["diversity"], found["seconds"] = [diversity(torch.cat(samples), x)], seconds
        say(name, method, *(f"{statistics.median(values):.3f}" for values in found.values()))
        for title, values in found.items():
            every.setdefault(method, {}).setdefault(title, []).extend(values)
    print()
    header("method, all images", *MEASURES, "diversity", "seconds")
    for method, found in every.items():
        say(method, *(spread(values, 3) for values in found.values()))


def coarsest(options):
    sizes = (8, 10, 12, 14, 18, 24)
    header("image", "noise", *(f"{size} px" for size in sizes))
    for name, noise in itertools.product(SCENES, (2.0, 0.75, 0.25)):
        x = scene(name, options.side)
        shares = [
            [copied_share(run(gpnn(x, coarsest=size, noise=noise, seed=seed)).estimate, x) for seed in SEEDS]
            for size in sizes
        ]
        say(name, noise, *(spread(values, 3) for values in shares))


def alpha(options):
    alphas = (1e-3, 5e-3, 5e-2, 1e3)
    header("image", *(f"alpha {value:g}" for value in alphas))
    for name in SCENES:
        x, cells = scene(name, options.side), []
        for value in alphas:
            samples = [run(gpnn(x, alpha=value, coarsest=16, seed=seed)).estimate for seed in SEEDS]
            cells.append(spread([completeness(sample, x) for sample in samples], 3))
        say(name, *cells)


def seconds(options):
    header("image", "GPNN", "patch diffusion")
    for name in SCENES:
        x, spent = scene(name, options.side), []
        for method in ("GPNN", "patch diffusion"):
            values = []
            for seed in SEEDS:
                started = time.process_time()
                METHODS[method](x, seed)
                values.append(time.process_time() - started)
            spent.append(spread(values, 1))
        say(name, *spent)


def main():
    parser, commands = subcommands(__doc__)
    for name, command, side in (
        ("methods", methods, 48),
        ("critic", critic, 48),
        ("coarsest", coarsest, 48),
        ("alpha", alpha, 48),
        ("time", seconds, 96),
    ):
        one = commands.add_parser(name)
        one.add_argument("--side", type=int, default=side)
        one.set_defaults(command=command)
    start(parser)


if __name__ == "__main__":
    main()
