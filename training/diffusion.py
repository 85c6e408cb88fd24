"""Train the priors of lesson 16: networks that denoise at every level up to 1, for photographs and ellipses.

python training/diffusion.py photographs
python training/diffusion.py ellipses
"""

import argparse
import math
import time

import numpy as np
import torch
from denoiser import DATA, SEEN_AS, UNSEEN, falling, photographs, windows
from ship import ship

from dil_course import runtime
from dil_course.fitting import Engine
from dil_course.networks import DenoisingUNet
from dil_course.networks.denoising_unet import TYPICAL
from dil_course.signals import add_gaussian, luma, picture, psnr, random_ellipses

SIDE = 64
WEAKEST = 0.005  # of the levels that are trained on; they are log-uniform from here to 1
BATCH = 8
HIGHEST_RATE = 2e-3
FIRST_SEED = 1_000_000  # of the ellipses that are trained on, one seed an iteration


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("photographs", "ellipses"))
    parser.add_argument("--iterations", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    drawn, noises = np.random.default_rng(options.seed), runtime.generator(options.seed, "noise")
    pictures = photographs(gray=True) if options.kind == "photographs" else None
    with runtime.seeded(options.seed):
        network = DenoisingUNet().to(memory_format=torch.channels_last)
    engine = Engine(network, learning_rate=HIGHEST_RATE)
    for iteration in range(1, options.iterations + 1):
        engine.learning_rate = falling(HIGHEST_RATE, iteration, options.iterations)
        if pictures:
            x = torch.stack(list(windows(pictures, BATCH, SIDE, drawn)))
        else:
            x = random_ellipses(BATCH, SIDE, seed=FIRST_SEED + iteration)
        sigma = WEAKEST ** torch.rand(len(x), 1, 1, 1, generator=noises)
        y = x + sigma * torch.randn(x.shape, generator=noises)
        # Divided by the square of c_out, so that the layers' errors count the same at each level.
        loss = ((network(y, sigma) - x).square() * (1 / sigma**2 + 1 / TYPICAL**2)).mean()
        engine.update(loss)
        if iteration % 250 == 0:
            seconds = time.perf_counter() - started
            print(f"iteration {iteration}: {seconds:.0f} s, {scores(network, options.kind)}", flush=True)
    ship(
        f"prior_{options.kind}",
        network.eval(),
        {"channels": 1, "widths": [32, 64, 96]},
        started,
        about=f"A diffusion prior for {options.kind}, gray: a denoiser for white Gaussian noise of any level "
        "up to 1.",
        data=DATA + ", coins" + SEEN_AS
        if pictures
        else f"`random_ellipses`, {BATCH} new ones an iteration, of the seeds from {FIRST_SEED} on",
        unseen="every other picture of the course; the score is taken on windows of 128 px"
        if pictures
        else "any other seed; the score is taken on seed 0",
        command=f"python training/diffusion.py {options.kind}",
        seed=options.seed,
        score=scores(network, options.kind),
    )


@torch.no_grad()
def scores(network, kind):
    """Mean PSNR at three levels, of images that were not trained on, in words."""
    network.eval()
    if kind == "photographs":
        images = [luma(picture(name, 128)) for name in UNSEEN]
    else:
        images = random_ellipses(16, SIDE, seed=0).split(1)
    means = []
    for sigma in (0.05, 0.2, 0.8):
        made = [network(add_gaussian(x, sigma), sigma).clamp(0, 1) for x in images]
        means.append(np.mean([psnr(z, x) for z, x in zip(made, images, strict=True)]))
    network.train()
    assert all(math.isfinite(value) for value in means)
    return "sigma 0.05, 0.2, 0.8: " + ", ".join(f"{value:.2f}" for value in means) + " dB"


if __name__ == "__main__":
    main()
