"""When to stop, without seeing the truth: a rule watches a run, keeps the best estimate, and says why.

Hand one to `run` or `watch`: `run(deep_image_prior(y), stop=WindowedVariance())`. Taken apart in lesson 05.
"""

from collections import deque

import torch
from torch.nn.functional import adaptive_avg_pool2d

from dil_course import runtime
from dil_course.fitting.risks import probe, sure
from dil_course.signals.operators import Identity, check_mask
from dil_course.signals.validation import (
    check_integer,
    check_observation,
    check_operator,
    check_same_shape,
    check_sigma,
    check_target,
)

SIDE = 32  # pixels a side of the small copies whose variance is taken: averaging keeps drift, removes jitter
PROBES = 8  # of `LeastRisk`: two judge networks that differ by tenths of a decibel too roughly


class WindowedVariance:
    """Stop where the outputs of the last iterations differ least from one another.

    While the network fits the picture, its outputs change from one iteration to the next, and when it fits
    the noise, they change again. In between they change least. Wang et al., "Early Stopping for Deep Image
    Prior" (arXiv 2112.06074), algorithm 1.

    Args:
        window: iterations over which the variance is taken.
        patience: iterations without a smaller variance after which the run ends.
    """

    def __init__(self, window=40, patience=150):
        self.copies, self.least = deque(maxlen=check_integer(window, "window", 2)), None
        self.patience = check_integer(patience, "patience", 1)
        self.iteration = self.estimate = None

    def observe(self, step, average):
        """Take one Step and the run's average (1,C,H,W). True when the run may end."""
        if self.iteration is None:
            # Also before the window is full: `run` refuses a rule that has watched another run.
            self.iteration = step.iteration
        height, width = step.estimate.shape[-2:]
        # On the CPU: Apple's GPUs take the means only where the sides are multiples of those of the copy.
        self.copies.append(adaptive_avg_pool2d(step.estimate.cpu(), (min(SIDE, height), min(SIDE, width))))
        if len(self.copies) == self.copies.maxlen:
            variance = torch.cat(tuple(self.copies)).var(dim=0, correction=0).mean().item()
            if self.least is None or variance < self.least:
                self.least, self.iteration, self.estimate = variance, step.iteration, average
        return self.least is not None and step.iteration - self.iteration >= self.patience

    @property
    def why(self):
        return (
            f"the outputs differ least at iteration {self.iteration}, by a variance of {self.least:.2g} over "
            f"{len(self.copies)} iterations"
        )


class Discrepancy:
    """Stop where the noise alone explains the misfit: mean (A(average) - y)^2 <= sigma^2.

    Morozov's discrepancy principle (lesson 01), applied to the run's average. It needs the noise level.

    Args:
        y: observation (1,C,h,w).
        A: forward model.
        sigma: standard deviation of the noise on [0,1].
    """

    def __init__(self, y, A, sigma):
        check_observation(y)
        check_operator(A)
        check_sigma(sigma, low=1e-12)
        self.y, self.A, self.sigma = y, A, sigma
        self.misfit = self.iteration = self.estimate = None

    def observe(self, step, average):
        """Take one Step and the run's average (1,C,H,W). True when the run may end."""
        seen = self.A(average)
        check_same_shape(seen, self.y, "A(average)", "y")
        self.misfit = (seen - self.y).square().mean().sqrt().item()
        self.iteration, self.estimate = step.iteration, average
        return self.misfit <= self.sigma

    @property
    def why(self):
        return (
            f"the misfit at iteration {self.iteration} is {self.misfit:.3g}, the noise level {self.sigma:.3g}"
        )


class HeldOut:
    """Stop where measurements that took no part in the fit are predicted best.

    Args:
        y: observation (1,C,H,W), all pixels; with A, whatever A measures.
        held_out: mask (1,1,H,W), 1 where a pixel is kept from the fit: fit the others, A = Mask(1 -
            held_out).
        patience: iterations without a better prediction after which the run ends.
        A: forward model of all of y, where its values are no pixels of the image, such as `Fourier(mask)`.
    """

    def __init__(self, y, held_out, patience=200, A=None):
        check_observation(y)
        A = Identity() if A is None else A
        check_operator(A)
        patience = check_integer(patience, "patience", 1)
        held_out = check_mask(held_out, "held_out", "held out")
        check_same_shape(held_out, y[:, :1], "held_out", "one channel of y")
        self.y, self.held_out, self.patience, self.A = y, held_out, patience, A
        self.least = self.iteration = self.estimate = None

    def observe(self, step, average):
        """Take one Step and the run's average (1,C,H,W). True when the run may end."""
        seen = self.A(average)
        check_same_shape(seen, self.y, "the average", "y")
        error = (self.held_out * (seen - self.y)).square().sum().item()
        if self.least is None or error < self.least:
            self.least, self.iteration, self.estimate = error, step.iteration, average
        return step.iteration - self.iteration >= self.patience

    @property
    def why(self):
        share = self.least / (self.held_out.sum().item() * self.y.shape[1])
        return (
            f"held-out values are predicted best at iteration {self.iteration}, with a mean squared error of "
            f"{share:.3g}"
        )


class LeastRisk:
    """Stop where Stein's estimate of the error is least, for networks that are adapted by another loss.

    It asks `step.network`, and refuses Steps that never had one (TypeError). All networks are judged with the
    same probes, so that they are compared on one footing. The trained one is judged first: where adapting
    only does harm, its own result is chosen. A network that was adapted by SURE itself cannot be judged by
    it: SURE is too low there, because the network was fitted to the noise of this y. Shown in lesson 12.

    Args:
        y: noisy picture (1,C,H,W).
        sigma: standard deviation of the noise.
        every: iterations between two looks.
        patience: iterations without a smaller risk after which the run ends.
        seed: of the probes.
    """

    def __init__(self, y, sigma, every=5, patience=50, seed=0):
        check_target(y)
        check_sigma(sigma)
        every, patience = check_integer(every, "every", 1), check_integer(patience, "patience", 1)
        check_integer(seed, "seed")
        self.y, self.sigma, self.every, self.patience = y, sigma, every, patience
        generator = runtime.generator(seed, "judge", y.device)
        self.probes = [probe(y, generator) for _ in range(PROBES)]
        self.least = self.first = self.iteration = self.estimate = None

    @torch.no_grad()
    def observe(self, step, average):
        """Take one Step, and the run's average, which is not looked at. True when the run may end."""
        if step.network is None and self.least is None:
            raise TypeError(
                "stop: LeastRisk judges the network of each Step, and these have none: take "
                "WindowedVariance() or HeldOut(y, held_out)"
            )
        if step.network is None or step.iteration % self.every and step.iteration > 1:
            return False

        def f(y):
            return step.network(y, self.sigma)

        risks = [sure(f, self.y, self.sigma, b, output=step.estimate) for b in self.probes]
        risk = torch.stack(risks).mean().item()
        self.first = risk if self.first is None else self.first
        if self.least is None or risk < self.least:
            self.least, self.iteration, self.estimate = risk, step.iteration, step.estimate
        return step.iteration - self.iteration >= self.patience

    @property
    def why(self):
        return (
            f"the estimated risk is least at iteration {self.iteration}: {self.least:.3g}, where it was "
            f"{self.first:.3g} before"
        )
