"""Train the super-resolution network of lesson 12, on photographs shrunk by the field's bicubic filter.

python training/super_resolution.py
"""

import argparse
import time

import numpy as np
import torch
from denoiser import DATA, SEEN_AS, UNSEEN, falling, photographs, windows
from ship import ship

from dil_course import runtime
from dil_course.fitting import Engine
from dil_course.networks import ResidualNetwork
from dil_course.signals import Downsample, enlarge, picture, psnr

A = Downsample(2)
SETTINGS = {"channels": 3, "width": 32, "depth": 8}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--iterations", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started, draw = time.perf_counter(), np.random.default_rng(options.seed)
    fathers = [x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2] for x in photographs(gray=False)]
    # Both in one tensor, so that they are cut and turned together.
    pairs = [torch.cat([enlarge(A(x), A), x], 1) for x in fathers]
    with runtime.seeded(options.seed):
        network = ResidualNetwork(**SETTINGS)
    engine = Engine(network, learning_rate=2e-3)
    for iteration in range(1, options.iterations + 1):
        engine.learning_rate = falling(2e-3, iteration, options.iterations)
        son, father = torch.stack(list(windows(pairs, 8, 48, draw))).chunk(2, dim=1)
        engine.update((network(son) - father).abs().mean())
        if iteration % 500 == 0:
            print(
                f"iteration {iteration}: {time.perf_counter() - started:.0f} s, {scores(network)}", flush=True
            )
    ship(
        "super_resolution",
        network.eval(),
        SETTINGS,
        started,
        about="Enlarges colour photographs twice, where the field's bicubic filter shrank them.",
        data=DATA + SEEN_AS,
        unseen="every other picture of the course; the score is taken on astronaut, coffee and chelsea, "
        "windows of 256 px, all channels",
        command="python training/super_resolution.py",
        seed=options.seed,
        score=scores(network),
    )


@torch.no_grad()
def scores(network):
    """PSNR of the enlarged pictures, and of bicubic interpolation, in words."""
    named = {}
    for name in UNSEEN:
        x = picture(name, 256)
        bicubic = enlarge(A(x), A)
        named[name] = psnr(network(bicubic).clamp(0, 1), x, shave=2), psnr(bicubic.clamp(0, 1), x, shave=2)
    return (
        "twice: "
        + ", ".join(f"{name} {value:.2f} (bicubic {before:.2f})" for name, (value, before) in named.items())
        + " dB"
    )


if __name__ == "__main__":
    main()
