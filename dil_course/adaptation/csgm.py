"""CSGM: of all pictures that a generator can draw, the one that explains the observation; and PULSE."""

import dataclasses

import torch

from dil_course import runtime
from dil_course.adaptation.freedom import copied
from dil_course.fitting import Step
from dil_course.from_scratch.given import adjoint_of
from dil_course.signals.validation import (
    LARGEST_WIDTH,
    check_integer,
    check_module,
    check_number,
    check_returned,
    check_target,
    tried,
)

RATE = 0.1  # of Adam on latent vectors, at the start


@dataclasses.dataclass(frozen=True)
class Drawing(Step):
    """A Step whose estimate a generator drew.

    Attributes:
        z: latent vectors of all starts (starts,latent); the estimate is drawn from the best one.
        losses: of all starts (starts,), each computed from the observation alone.
    """

    z: torch.Tensor | None = None
    losses: torch.Tensor | None = None


def csgm(y, A, generator, weight=0.1, starts=10, iterations=None, learning_rate=RATE, seed=0):
    """Minimise over z the sum of (A(G(z)) - y)^2, plus weight |z|^2, from many starts at once.

    Bora, Jalal, Price and Dimakis, "Compressed Sensing using Generative Models" (ICML 2017), section 3: the
    start with the smallest loss is kept. The loss knows y only, never the truth. Their code for digits takes
    10 starts, the weight 0.1, and 1000 steps of Adam at 0.01. Here the rate is 0.1, as in the code of
    IAGAN's authors, falls linearly to zero, and the steps are fewer. Built in lesson 15.

    Args:
        y: observation (1,C,h,w), computed on its own device.
        A: forward model. The weight belongs to its scale: to one that keeps the sum of squares on average,
            such as `Gaussian`.
        generator: trained network with attribute `latent`, that maps z (N,latent), standard normal, to
            pictures (N,C,H,W) in [0,1]. It is copied, and never changed.
        weight: of |z|^2: about the mean squared error that is expected of a measurement, noise and what
            the generator cannot draw together.
        starts: how many, drawn from a standard normal distribution.
        iterations: None takes 300 in the quick profile and 1000 in the full one.
        learning_rate: of Adam at the start.
        seed: of the starts.

    Returns:
        Generator of Drawings: the estimate (1,C,H,W) is that of the start whose loss is smallest as it
        stands.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, or the generator's
            pictures do not fit A and y.
    """
    generator, iterations = prepare(y, A, generator, starts, iterations, learning_rate, seed, weight)
    return search_from_starts(y, A, generator, weight, starts, iterations, learning_rate, seed)


def pulse(y, A, generator, starts=10, iterations=None, learning_rate=RATE, seed=0):
    """Minimise over z the sum of (A(G(z)) - y)^2 on the sphere where standard normal z lie, from many starts.

    After Menon and others, "PULSE: Self-Supervised Photo Upsampling via Latent Space Exploration of
    Generative Models" (CVPR 2020): for A that shrinks a picture far, many pictures explain y equally well,
    and each start ends at another one. Theirs has a StyleGAN and a term that holds its many latents together;
    here there is one latent vector, and no such term. Built in lesson 15.

    Args, Returns, Raises: as `csgm`, without a weight: each z has length sqrt(latent) after every step.
    """
    generator, iterations = prepare(y, A, generator, starts, iterations, learning_rate, seed)

    def on_sphere(z):
        return z * (generator.latent**0.5 / z.norm(dim=1, keepdim=True).clamp(min=1e-9))

    def objective(z):
        made = generator(z)
        return misfits(made, y, A), made

    z = on_sphere(first_latents(generator, starts, seed, y.device))
    return search(objective, z, iterations, learning_rate, on_sphere)


def prepare(y, A, generator, starts, iterations, learning_rate, seed, weight=0.0):
    """Check what the methods share. Returns a copy of the generator on y's device, and the iterations."""
    check_target(y)
    check_module(generator, "generator", attributes=("latent",))
    check_number(weight, "weight", high=1e6)
    check_integer(starts, "starts", 1, 1000)
    iterations = runtime.pick(quick=300, full=1000) if iterations is None else iterations
    iterations = check_integer(iterations, "iterations", 1)
    check_number(learning_rate, "learning_rate", low=1e-12, high=1e3)
    check_integer(seed, "seed")
    generator = copied(generator).eval().requires_grad_(False).to(y.device)
    check_drawings(generator, y, A)
    return generator, iterations


def check_drawings(generator, y, A):
    """Refuse a generator that does not take latent vectors, or whose pictures do not fit (ValueError)."""
    z = torch.zeros(1, check_integer(generator.latent, "latent", 1, LARGEST_WIDTH), device=y.device)
    refusal = f"generator: this {type(generator).__name__} does not take z (N,{generator.latent})"
    made = tried(lambda: generator(z), refusal)
    check_returned(made, adjoint_of(y, A), "generator(z)", "A.adjoint(y)")


def first_latents(generator, starts, seed, device):
    """Standard normal latent vectors (starts,latent)."""
    stream = runtime.generator(seed, "latents", device)
    return torch.randn(starts, generator.latent, generator=stream, device=device)


def search_from_starts(y, A, generator, weight, starts, iterations, learning_rate, seed):
    """The Drawings of `csgm`, its arguments checked already."""

    def objective(z):
        made = generator(z)
        return misfits(made, y, A) + weight * z.square().sum(1), made

    return search(objective, first_latents(generator, starts, seed, y.device), iterations, learning_rate)


def misfits(pictures, y, A):
    """The sum of (A(x) - y)^2 for each picture x of a batch: (N,)."""
    return (A(pictures) - y).square().sum((1, 2, 3))


def search(objective, z, iterations, learning_rate, project=None):
    """Drawings of Adam on all latent vectors at once, each on its own loss; `project` sets them back."""
    z = z.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=learning_rate)
    for iteration in range(1, iterations + 1):
        optimizer.param_groups[0]["lr"] = learning_rate * (1 - (iteration - 1) / iterations)
        with torch.enable_grad():
            losses, made = objective(z)
            losses.sum().backward()
        best = losses.detach().argmin()
        yield Drawing(
            iteration,
            iterations,
            losses.detach()[best],
            made.detach()[best : best + 1],
            averaged=True,
            z=z.detach().clone(),
            losses=losses.detach(),
        )
        optimizer.step()
        optimizer.zero_grad()
        if project:
            with torch.no_grad():
                z.copy_(project(z))
