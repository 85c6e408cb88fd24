"""SGLD-DIP: the deep image prior with noise on its weights, whose estimates spread where it is uncertain."""

import torch

from dil_course import runtime
from dil_course.from_scratch.deep_image_prior import deep_image_prior
from dil_course.signals.validation import check_integer, check_number


def sgld_dip(y, A=None, network=None, weight_noise=2.0, learning_rate=0.01, seed=0, **settings):
    """After each update, add noise to the convolutions' weights: weight_noise * learning_rate * N(0, 1).

    Cheng, Gadelha, Maji and Sheldon, "A Bayesian Perspective on the Deep Image Prior" (CVPR 2019), section 4,
    as in their code, without its weight decay of 5e-8. The noise keeps the run from converging to the noisy
    picture. Noise after Adam is not Langevin dynamics proper, so the spread of the pictures is no calibrated
    posterior.

    Args:
        y: observation (1,C,h,w).
        A: forward model; None is the identity.
        network, learning_rate, seed, settings: of `deep_image_prior`.
        weight_noise: in units of the learning rate.

    Returns, Raises: as `deep_image_prior`; also where weight_noise is negative or no number.
    """
    check_number(weight_noise, "weight_noise")

    steps = deep_image_prior(y, A, network=network, learning_rate=learning_rate, seed=seed, **settings)
    generator = runtime.generator(seed, "weights", y.device)
    # Detached, they share their memory with the network's own: adding to them moves the network.
    weights = [weight.detach() for weight in steps.engine.network.parameters() if weight.ndim == 4]

    def walk(step):
        for weight in weights:
            noise = torch.randn(weight.shape, generator=generator, device=weight.device)
            weight += weight_noise * learning_rate * noise

    steps.memory["weights"], steps.after = generator, walk
    return steps


class Posterior:
    """Mean and spread of a run's single estimates after a burn-in: hand it to `run` or `watch` as `stop`.

    Args:
        burn_in: iterations that are left out at the start.
        every: iterations between two pictures that are taken.

    Attributes:
        estimate: mean (1,C,H,W); None during the burn-in.
        spread: standard deviation of each number (1,C,H,W); None before the second picture.
        pictures: how many were taken.
    """

    def __init__(self, burn_in, every=1):
        self.burn_in, self.every = check_integer(burn_in, "burn_in"), check_integer(every, "every", 1)
        self.pictures, self.iteration, self.estimate, self.squares = 0, None, None, None

    def observe(self, step, average):
        """Take one Step. Never ends the run."""
        if step.iteration > self.burn_in and (step.iteration - self.burn_in - 1) % self.every == 0:
            self.pictures, self.iteration = self.pictures + 1, step.iteration
            before = torch.zeros_like(step.estimate) if self.estimate is None else self.estimate
            # Welford: sums of squares about a mean that moves, without keeping the pictures.
            self.estimate = before + (step.estimate - before) / self.pictures
            gain = (step.estimate - before) * (step.estimate - self.estimate)
            self.squares = gain if self.squares is None else self.squares + gain
        return False

    @property
    def spread(self):
        """Standard deviation of each number over the pictures (1,C,H,W), or None."""
        return None if self.pictures < 2 else (self.squares / (self.pictures - 1)).sqrt()

    @property
    def why(self):
        return f"the mean of {self.pictures} pictures after iteration {self.burn_in}"
