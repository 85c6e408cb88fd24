"""Train the networks of lesson 17, which reconstruct images from a quarter of their Fourier lines.

python training/reconstruction.py phantoms supervised
python training/reconstruction.py phantoms joint
python training/reconstruction.py photographs supervised
python training/reconstruction.py photographs joint

The joint loss adds to the error of the image that of the measurements, which is all that a test scan can
offer: Darestani, Liu and Heckel, "Test-Time Training Can Close the Natural Distribution Shift Performance Gap
in Deep Learning Based Compressed Sensing" (ICML 2022). They train from random weights; here it goes on from
the network that was trained supervised, for a sixth of its iterations.
"""

import argparse
import time

import numpy as np
import torch
from denoiser import DATA, SEEN_AS, falling, photographs
from ship import ship

from dil_course import runtime
from dil_course.fitting import Engine
from dil_course.networks import UnrolledNetwork, trained
from dil_course.signals import Fourier, line_mask, mr_slice, phantoms, picture, psnr

SETTINGS = {"steps": 5, "width": 40, "depth": 5}
HEIGHT, WIDTH, BATCH = 48, 96, 4  # whole columns are measured, so that only the width says how they alias
SIGMA = 0.01  # of the noise on each coefficient's real and imaginary part
TESTED = 10_000  # phantoms and masks below this seed are for testing


def windows(pictures, draw):
    """Windows (BATCH,1,HEIGHT,WIDTH), mirrored at random; larger pictures more often."""
    weights = np.array([x[0, 0].numel() for x in pictures], float)
    cut = []
    for number in draw.choice(len(pictures), BATCH, p=weights / weights.sum()):
        x = pictures[number]
        top, left = (
            draw.integers(size - side + 1) for size, side in zip(x.shape[-2:], (HEIGHT, WIDTH), strict=True)
        )
        window = x[..., top : top + HEIGHT, left : left + WIDTH]
        cut.append(window.flip(-1) if draw.random() < 0.5 else window)
    return torch.cat(cut)


def measured(x, seed):
    """y and A: a quarter of the lines of images (N,1,H,W), each with lines of its own, with noise."""
    A = Fourier(torch.cat([line_mask(*x.shape[-2:], 4, seed=seed + number) for number in range(len(x))]))
    noise = torch.randn(len(x), 2, *x.shape[-2:], generator=runtime.generator(seed, "noise"))
    return A(x) + SIGMA * A.mask * noise, A


def relative(made, wanted):
    """Sum of absolute differences over that of the values, the mean over a batch."""
    return ((made - wanted).abs().sum((1, 2, 3)) / wanted.abs().sum((1, 2, 3))).mean()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", choices=("phantoms", "photographs"))
    parser.add_argument("loss", choices=("supervised", "joint"))
    parser.add_argument("--iterations", type=int, help="1800 from random weights, 300 from trained ones")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="joint from random weights; prints scores only")
    parser.add_argument("--rate", type=float, help="2e-3 from random weights, 5e-4 from trained ones")
    options = parser.parse_args()
    joint, started = options.loss == "joint", time.perf_counter()
    draw = np.random.default_rng(options.seed + joint)
    pictures = photographs(gray=True) if options.images == "photographs" else None
    goes_on = joint and not options.fresh
    iterations = options.iterations or (300 if goes_on else 1800)
    rate = options.rate or (5e-4 if goes_on else 2e-3)
    with runtime.seeded(options.seed):
        network = UnrolledNetwork(**SETTINGS)
    if goes_on:
        network = trained(f"reconstruction_{options.images}_supervised")
    engine = Engine(network.to(memory_format=torch.channels_last), learning_rate=rate)
    for iteration in range(1, iterations + 1):
        engine.learning_rate = falling(rate, iteration, iterations)
        seed = TESTED * (1 + options.seed + 10 * joint) + BATCH * iteration
        x = windows(pictures, draw) if pictures else phantoms(BATCH, HEIGHT, WIDTH, seed=seed)
        y, A = measured(x, seed)
        estimate = network(y, A)
        loss = relative(estimate, x)
        if joint:
            loss = loss + relative(A(estimate), y)
        engine.update(loss)
        if iteration % 100 == 0:
            print(
                f"iteration {iteration}: {time.perf_counter() - started:.0f} s, {scores(network)}", flush=True
            )
    if options.fresh:
        return
    data = "random phantoms (dil_course.signals.phantoms)" if pictures is None else DATA + ", coins" + SEEN_AS
    ship(
        f"reconstruction_{options.images}_{options.loss}",
        network.eval(),
        SETTINGS,
        started,
        about=f"An unrolled network for one Fourier line in four, trained on {options.images}, with the "
        f"{options.loss} loss.",
        data=data,
        unseen="phantoms and masks with seeds below 10000, the MR slice, every other picture of the course",
        command=f"python training/reconstruction.py {options.images} {options.loss}",
        seed=options.seed,
        score=scores(network),
    )


@torch.no_grad()
def scores(network):
    """PSNR on images that are never trained on, the mean of three masks, in words."""
    images = {
        "phantom": phantoms(1, 96),
        "MR slice": mr_slice()[..., 16:112, 16:112],
        "camera": picture("camera", 96),
        "chelsea": picture("chelsea", 96).mean(1, keepdim=True),
    }
    named = {}
    for name, x in images.items():
        y, A = measured(x.expand(3, -1, -1, -1), 0)
        named[name] = (
            psnr(network(y, A).clamp(0, 1), x.expand(3, -1, -1, -1)),
            psnr(A.pinv(y), x.expand(3, -1, -1, -1)),
        )
    return (
        ", ".join(f"{name} {value:.2f} (zero-filled {before:.2f})" for name, (value, before) in named.items())
        + " dB"
    )


if __name__ == "__main__":
    main()
