"""Train the denoisers that lesson 12 starts from, on photographs that they are never tested on.

python training/denoiser.py colour
python training/denoiser.py gray

Five photographs would be few for a large network; this one is small, and sees them turned, mirrored and at
three sizes.
"""

import argparse
import time

import numpy as np
import torch
from matplotlib import cbook, image
from ship import ship
from skimage import data
from sklearn.datasets import load_sample_images

from dil_course import runtime
from dil_course.fitting import Engine
from dil_course.from_scratch.internal_pairs import turn
from dil_course.networks import Denoiser
from dil_course.signals import add_gaussian, luma, picture, psnr, to_tensor

STRONGEST = 60 / 255  # of the noise that is trained on: from none to this
UNSEEN = ("astronaut", "coffee", "chelsea")
DATA = (
    "china and flower (scikit-learn), rocket and the left motorcycle (scikit-image), grace_hopper "
    "(matplotlib)"
)
SEEN_AS = "; full size, 3/4 and 1/2; turned, mirrored"


def photographs(gray):
    """The pictures that are trained on: each (1,C,H,W), at full size, three quarters and half."""
    files = [
        *load_sample_images().images,
        data.rocket(),
        data.stereo_motorcycle()[0],
        image.imread(cbook.get_sample_data("grace_hopper.jpg")),
    ]
    pictures = [to_tensor(np.asarray(file)) for file in files]
    if gray:
        pictures = [luma(x) for x in pictures] + [picture("coins")]
    sizes = [
        torch.nn.functional.interpolate(x, scale_factor=scale, mode="bicubic", antialias=True)
        for x in pictures
        for scale in (0.75, 0.5)
    ]
    return pictures + [x.clamp(0, 1) for x in sizes]


def windows(pictures, count, side, draw):
    """(count,C,side,side): random windows, larger pictures more often, turned and mirrored."""
    weights = np.array([x[0, 0].numel() for x in pictures], float)
    for number in draw.choice(len(pictures), count, p=weights / weights.sum()):
        top, left = (draw.integers(size - side + 1) for size in pictures[number].shape[-2:])
        window = pictures[number][0, :, top : top + side, left : left + side]
        yield turn(window, int(draw.integers(4)) + 4 * (draw.random() < 0.5))


def falling(highest, iteration, iterations):
    """The learning rate: up in a hundred iterations, then down to zero along a cosine."""
    return highest * min(1, iteration / 100) * (1 + np.cos(np.pi * iteration / (iterations + 1))) / 2


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("colour", "gray"))
    parser.add_argument(
        "--iterations", type=int, help="4000 for gray, 40000 for colour, which is harder to learn"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    gray, started = options.kind == "gray", time.perf_counter()
    # Colour wants a wider network, and more steps of fewer windows rather than the reverse.
    channels, width, batch, iterations = (1, 64, 16, 4000) if gray else (3, 96, 8, 40_000)
    settings = {"channels": channels, "width": width, "depth": 8}
    iterations = options.iterations or iterations
    pictures, draw = photographs(gray), np.random.default_rng(options.seed)
    noises = runtime.generator(options.seed, "noise")
    with runtime.seeded(options.seed):
        network = Denoiser(**settings).to(memory_format=torch.channels_last)
    engine = Engine(network, learning_rate=0.01)
    for iteration in range(1, iterations + 1):
        engine.learning_rate = falling(0.01, iteration, iterations)
        x = torch.stack(list(windows(pictures, batch, 48, draw)))
        sigma = STRONGEST * torch.rand(len(x), 1, 1, 1, generator=noises)
        y = x + sigma * torch.randn(x.shape, generator=noises)
        # Relative to the noise, so that weak noise counts as well; 8/255 keeps it from counting most.
        loss = ((network(y, sigma) - x).square() / (sigma**2 + (8 / 255) ** 2)).mean()
        engine.update(loss)
        if iteration % 500 == 0:
            print(
                f"iteration {iteration}: {time.perf_counter() - started:.0f} s, {scores(network, gray)}",
                flush=True,
            )
    ship(
        f"denoiser_{options.kind}",
        network.eval(),
        settings,
        started,
        about="A denoiser for white Gaussian noise of any level up to 60/255, for "
        f"{options.kind} photographs.",
        data=DATA + ", coins" * gray + SEEN_AS,
        unseen="every other picture of the course; the score is taken on astronaut, coffee and chelsea, "
        "windows of 256 px",
        command=f"python training/denoiser.py {options.kind}",
        seed=options.seed,
        score=scores(network, gray),
    )


@torch.no_grad()
def scores(network, gray):
    """PSNR at sigma 25 on the unseen photographs, in words."""
    network.eval()
    named = {}
    for name in UNSEEN:
        x = picture(name, 256)
        x = luma(x) if gray else x
        named[name] = psnr(network(add_gaussian(x, 25 / 255), 25 / 255).clamp(0, 1), x)
    network.train()
    return "sigma 25: " + ", ".join(f"{name} {value:.2f}" for name, value in named.items()) + " dB"


if __name__ == "__main__":
    main()
