"""ADIR: a diffusion prior is fine-tuned on images that resemble the observation, before it samples."""

import torch

from dil_course import runtime
from dil_course.adaptation.freedom import free
from dil_course.diffusion.sampling import STRONGEST
from dil_course.fitting import Engine, Step
from dil_course.from_scratch.internal_pairs import random_window
from dil_course.networks.denoising_unet import TYPICAL
from dil_course.signals.validation import (
    check_image,
    check_integer,
    check_maps,
    check_number,
    check_same_shape,
    check_side,
    describe,
)

SIDE = 48  # of the windows that the prior is tuned on, in pixels
BATCH = 6  # windows at a time
LEAST = 0.005  # of the noise levels that it is tuned at
SHOWN = 0.3  # noise level of the window that the Steps show


def tune_on_neighbours(prior, neighbours, what="low-rank", iterations=100, learning_rate=1e-3, seed=0):
    """Fine-tune a copy of a diffusion prior on a few images that resemble the one to be restored.

    The first half of Abu-Hussein, Tirer and Giryes, "ADIR: Adaptive Diffusion for Image Reconstruction"
    (arXiv 2212.03221): the prior's training goes on, with clean windows x and their noisy versions,

        minimise the mean of (D(x + s n; s) - x)^2 (1 / s^2 + 1 / 0.25^2),   s log-uniform from 0.005 to 1;

    then any sampler draws with the prior that has been tuned. The authors retrieve the neighbours of y from a
    large data set by a vision-language model, and tune a low-rank update; here the caller gives the images.
    Windows are turned and mirrored at random. `neighbours=[A.pinv(y)]` is their other strategy, y alone.
    Built in lesson 16.

    Args:
        prior: trained network, called with images and noise levels. It is copied, and never changed.
        neighbours: list of images (1,C,H,W) in [0,1], of one number of channels.
        what: may change: "all", "norm", "gain" or "low-rank" (see `free`).
        iterations: of six windows of 48 px each, or of the smallest neighbour's side.
        learning_rate: of Adam.
        seed: of windows, levels and noise, and of a low-rank update's first values.

    Returns:
        Generator of Steps. `step.network` is the copy as it stands; the estimate (1,C,S,S) is what it makes
        of a window of the first neighbour with noise of level 0.3, the same in each Step; the loss is the one
        above, before the update.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form.
    """
    iterations = check_integer(iterations, "iterations", 1)
    check_number(learning_rate, "learning_rate", low=1e-12, high=1e3)
    generator = runtime.generator(seed, "neighbours")
    side = check_neighbours(neighbours)
    with runtime.seeded(seed):
        network = free(prior, what).to(neighbours[0].device)
    check_maps(network, (neighbours[0].clone(), STRONGEST), "prior")
    return _tune(Engine(network, learning_rate, training=False), neighbours, side, iterations, generator)


def check_neighbours(neighbours):
    """The side of the windows; refuses what is no list of images of one kind (TypeError, ValueError)."""
    if not isinstance(neighbours, list | tuple) or not neighbours:
        raise TypeError(f"neighbours: expected a list of images (1,C,H,W), got {describe(neighbours)}")
    for x in neighbours:
        check_image(x, "neighbours")
        check_side(x.shape, 16, "neighbours")
        check_same_shape(x[0, :, 0, 0], neighbours[0][0, :, 0, 0], "a neighbour's pixel", "the first one's")
    return min(SIDE, *(side for x in neighbours for side in x.shape[-2:]))


def _tune(engine, neighbours, side, iterations, generator):
    def noisy(x, level):
        return x + level * torch.randn(x.shape, generator=generator).to(x)

    shown = noisy(random_window(neighbours[:1], side, generator), SHOWN)
    for iteration in range(1, iterations + 1):
        x = torch.cat([random_window(neighbours, side, generator) for _ in range(BATCH)])
        level = (LEAST ** torch.rand(len(x), 1, 1, 1, generator=generator)).to(x)
        error = (engine.network(noisy(x, level), level) - x).square()
        loss = (error * (1 / level**2 + 1 / TYPICAL**2)).mean()
        with torch.no_grad():
            estimate = engine.network(shown, SHOWN).clamp(0, 1)
        yield Step(iteration, iterations, loss.detach(), estimate, averaged=True, network=engine.network)
        engine.update(loss)
