"""Train the generator of lesson 15: the decoder of a variational autoencoder of garments other than bags.

python training/generator.py

The autoencoder is that of Kingma and Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), with a Gaussian
decoder of fixed standard deviation. Only the decoder is shipped.
"""

import argparse
import math
import time

import torch
from ship import ship
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.fitting import Engine
from dil_course.networks.generator import SLOPE, Generator
from dil_course.signals import GARMENTS, garments

HELD_OUT = GARMENTS.index("bag")
# Of the decoder's Gaussian. It is larger than the decoder's errors, because with 0.1 pictures are drawn more
# exactly, but most standard normal z become no garment at all.
DEVIATION = 0.2
SETTINGS = {"latent": 24, "width": 32}


class Autoencoder(nn.Module):
    """A picture (N,1,28,28) to a Gaussian over its latent numbers, and a sample of that to a picture."""

    def __init__(self, latent, width):
        super().__init__()
        self.generator = Generator(latent, width)
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 3, 2, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, 2 * width, 3, 2, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * width, 2 * width, 3, 1, 1),
            nn.LeakyReLU(SLOPE),
            nn.Flatten(),
            nn.Linear(2 * width * 49, 2 * latent),
        )

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, 1)
        z = mean + (log_variance / 2).exp() * torch.randn(mean.shape)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        misfit = (self.generator(z) - x).square().sum((1, 2, 3)) / (2 * DEVIATION**2)
        return misfit + divergence


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--iterations", type=int, default=3500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started, highest = time.perf_counter(), 2e-3
    pictures, labels = garments("training")
    pictures = pictures[labels != HELD_OUT]
    with runtime.seeded(options.seed):
        network = Autoencoder(**SETTINGS)
        engine = Engine(network, highest)
        for iteration in range(options.iterations):
            engine.learning_rate = highest * (1 + math.cos(math.pi * iteration / options.iterations)) / 2
            x = moved(pictures[torch.randint(len(pictures), (64,))])
            engine.update(network(x).mean())
            if (iteration + 1) % 1000 == 0:
                seconds = time.perf_counter() - started
                print(f"iteration {iteration + 1}: {seconds:.0f} s, {score(network)}", flush=True)
    ship(
        "generator",
        network.generator,
        SETTINGS,
        started,
        about="A generator of garments: 24 latent numbers, standard normal, to a picture of 28 x 28 pixels. "
        "It has never seen a bag.",
        data='`garments("training")` without bags, 5400 pictures of Fashion-MNIST; moved by up to a pixel',
        unseen='bags, of either part; `garments("test")`',
        command="python training/generator.py",
        seed=options.seed,
        score=score(network),
    )


def moved(pictures):
    """All pictures of the batch moved by up to one pixel, the same way; borders repeated."""
    right, down = torch.randint(3, (2,)).tolist()
    height, width = pictures.shape[-2:]
    return F.pad(pictures, [1] * 4, mode="replicate")[..., down : down + height, right : right + width]


@torch.no_grad()
def score(network):
    """Mean PSNR of what is decoded from the encoder's mean, on test pictures, in words."""
    pictures, labels = garments("test")
    made = network.generator(network.encoder(pictures).chunk(2, 1)[0])
    decibels = -10 * (made - pictures).square().mean((1, 2, 3)).log10()
    seen, bags = decibels[labels != HELD_OUT].mean(), decibels[labels == HELD_OUT].mean()
    return f"encoded and decoded test pictures: {seen:.2f} dB, bags {bags:.2f} dB"


if __name__ == "__main__":
    main()
