"""SCD: a diffusion prior goes on learning, from the one observation, while it samples."""

import torch

from dil_course import runtime
from dil_course.adaptation.freedom import free, parts_of
from dil_course.diffusion.sampling import STRONGEST, WEAKEST, guided, renoised, squared_norm
from dil_course.fitting import Engine, Step
from dil_course.signals.operators import conjugate_gradients
from dil_course.signals.validation import check_integer, check_number, check_share

CONJUGATE = 4  # steps of conjugate gradients


def scd(
    y,
    A,
    prior,
    updates=20,
    tv=5e-3,
    gamma=8.0,
    learning_rate=0.01,
    fresh=0.85,
    iterations=8,
    strongest=STRONGEST,
    weakest=WEAKEST,
    seed=0,
):
    """Sample an image; at each noise level, a low-rank update of the prior is first fitted to y.

    Barbano, Denker, Chung, Roh, Arridge, Maass, Jin and Ye, "Steerable Conditional Diffusion for
    Out-of-Distribution Adaptation in Medical Image Reconstruction" (IEEE Transactions on Medical Imaging
    2025). With D the prior as trained, D' its adapted copy and x the state at noise level s,

        x0 = D'(x; s),   x0' = the least |z - x0|^2 + gamma |A z - y|^2 / |A|^2 over z, nearly,
        D' <- a step of Adam down mean (A x0' - y)^2 + tv TV(x0'),   `updates` times,
        x <- x0' + s' (noise, whose old part is (x - D(x; s)) / s),   of the prior as trained.

    The update starts at zero for each observation, and is carried from one level to the next. With
    `updates` 0 nothing is adapted: the sampler DDS of Chung, Lee and Ye (ICLR 2024). For their walnut the
    authors make 16 updates at a few of the levels, of rank 8 and with a rate of 1e-4; here 20 updates at each
    of 8 levels, of rank 4 and with a rate of 0.01. Chung and Ye, "Deep Diffusion Image Prior for Efficient
    OOD Adaptation in 3D Inverse Problems" (ECCV 2024), take the noise's direction from D', leave out the
    total variation, and begin with a new Adam at each level. Built in lesson 16.

    Args:
        y: observation (1,C,h,w), computed on its own device.
        A: linear forward model.
        prior: trained network with convolutions, called with an image and a noise level. It is copied, and
            never changed.
        updates: steps of Adam at each noise level. Too many fit the noise of y, as in `deep_image_prior`.
        tv: weight of the total variation (see `total_variation`); 0 leaves it out.
        gamma: weight of y in the step toward the data, above 0.
        learning_rate: of Adam.
        fresh: share in [0,1] of new noise in each step of the sampler.
        iterations: how many noise levels, at least 2.
        strongest, weakest: first and last level, in [1e-4,1].
        seed: of all noise, and of the low-rank update's first values.

    Returns:
        Generator of Steps, `updates` + 1 for each noise level: before each update, and after the last one.
        The estimate is x0', (1,C,H,W), clipped to [0,1]; the loss is the one above; `step.network` is D'.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form, or the prior has no
            convolution.
    """
    parts_of(prior, "low-rank")
    updates = check_integer(updates, "updates", 0, 10**6)
    tv = check_number(tv, "tv", high=1e6)
    gamma = check_number(gamma, "gamma", low=1e-9, high=1e9)
    check_number(learning_rate, "learning_rate", low=1e-12, high=1e3)
    check_share(fresh, "fresh")
    frozen, start, levels, noise = guided(y, A, prior, iterations, strongest, weakest, seed)
    with runtime.seeded(seed):
        engine = Engine(free(prior, "low-rank").to(y.device), learning_rate, training=False)
    return _scd(y, A, frozen, engine, updates, tv, gamma / squared_norm(A, y), fresh, levels, start, noise)


def _scd(y, A, frozen, engine, updates, tv, weight, fresh, levels, start, noise):
    x = start + levels[0] * noise()
    for number, level in enumerate(levels):
        with torch.no_grad():
            direction = (x - frozen(x, level)) / level
        for update in range(updates + 1):
            with torch.set_grad_enabled(update < updates):
                x0 = toward_data(engine.network(x, level), y, A, weight)
                loss = (A(x0) - y).square().mean() + tv * roughness(x0)
            iteration = number * (updates + 1) + update + 1
            total = len(levels) * (updates + 1)
            estimate = x0.detach().clamp(0, 1)
            yield Step(iteration, total, loss.detach(), estimate, averaged=True, network=engine.network)
            if update < updates:
                engine.update(loss)
        if number + 1 < len(levels):
            x = renoised(x0, direction, levels[number + 1], fresh, noise())


def roughness(x):
    """`total_variation`, without its checks: in a run that diverges x may have any values."""
    return x.diff(dim=-2).abs().mean() + x.diff(dim=-1).abs().mean()


def toward_data(x0, y, A, weight):
    """Nearly the least |z - x0|^2 + weight |A z - y|^2 over z, by a few conjugate gradients from z = x0."""

    def multiply(direction):
        return direction + weight * A.adjoint(A(direction))

    return conjugate_gradients(multiply, x0, weight * A.adjoint(y - A(x0)), CONJUGATE)
