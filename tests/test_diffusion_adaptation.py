"""A diffusion prior adapted to one observation: SCD inside the sampling, ADIR's fine-tuning before it."""

import copy
import math

import numpy as np
import pytest
import torch

from dil_course import runtime
from dil_course.adaptation.freedom import LowRank, free
from dil_course.diffusion import noise_levels, sample, scd, tune_on_neighbours
from dil_course.diffusion.sampling import back_projected, noise_source, renoised, squared_norm
from dil_course.diffusion.scd import toward_data
from dil_course.fitting import run
from dil_course.from_scratch import total_variation
from dil_course.networks import DenoisingUNet
from dil_course.signals import Identity, Mask, Radon, add_gaussian, picture, random_ellipses

X = random_ellipses(1, 16, seed=3)
A = Radon(16, range(0, 180, 30))
Y = add_gaussian(A(X), 0.01)


def small_prior(seed=0):
    """Not trained, but with a last layer that is not zero, so that its estimates depend on its input."""
    with runtime.seeded(seed):
        network = DenoisingUNet(1, (8, 16))
        for weights in network.parameters():
            weights.data += 0.05 * torch.randn(weights.shape)
    return network.eval()


PRIOR = small_prior()


def weights_of(network):
    return copy.deepcopy(network.state_dict())


def by_hand(y, prior, seed, iterations):
    """The frozen sampler, without the library's loop: denoise, step toward the data, add noise."""
    noise, levels = noise_source(seed, X), noise_levels(iterations)
    x = back_projected(y, A, 0.01 * squared_norm(A, y)) + levels[0] * noise()
    for level, following in zip(levels, [*levels[1:], 0], strict=True):
        with torch.no_grad():
            x0 = prior(x, level)
            estimate = toward_data(x0, y, A, 8 / squared_norm(A, y))
        yield estimate
        if following:
            x = estimate + following * ((1 - 0.85**2) ** 0.5 * ((x - x0) / level) + 0.85 * noise())


def test_without_updates_it_is_the_frozen_sampler_exactly():
    steps = list(scd(Y, A, PRIOR, updates=0, iterations=4, seed=2))
    assert len(steps) == 4
    for step, estimate in zip(steps, by_hand(Y, PRIOR, 2, 4), strict=True):
        assert torch.equal(step.estimate, estimate.clamp(0, 1))


def test_three_levels_with_updates_written_out():
    with runtime.seeded(1):
        adapted = free(PRIOR, "low-rank")
    optimizer = torch.optim.Adam([w for w in adapted.parameters() if w.requires_grad], lr=0.01)
    noise, weight = noise_source(1, X), 8 / squared_norm(A, Y)
    x = back_projected(Y, A, 0.01 * squared_norm(A, Y)) + noise()
    levels = noise_levels(3)
    for level, following in zip(levels, [*levels[1:], 0.0], strict=True):
        with torch.no_grad():
            direction = (x - PRIOR(x, level)) / level  # of the prior as trained, not of the adapted one
        for _ in range(2):
            x0 = toward_data(adapted(x, level), Y, A, weight)
            loss = (A(x0) - Y).square().mean() + 0.1 * total_variation(x0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            x0 = toward_data(adapted(x, level), Y, A, weight)
        x = renoised(x0, direction, following, 0.6, noise())
    *_, last = scd(Y, A, PRIOR, updates=2, tv=0.1, fresh=0.6, iterations=3, seed=1)
    assert torch.allclose(last.estimate, x0.clamp(0, 1), atol=1e-5)


def test_the_updates_are_steps_of_adam_down_the_loss_that_is_shown():
    steps = scd(Y, A, PRIOR, updates=2, tv=0.1, iterations=2, learning_rate=0.05)
    first = next(steps)
    start = [weights for weights in first.network.parameters() if weights.requires_grad]
    before = [weights.detach().clone() for weights in start]
    second = next(steps)
    # B begins at zero and A has no gradient there; Adam's first step is as long as the learning rate.
    moved = [(now - then).abs().max().item() for now, then in zip(start, before, strict=True)]
    assert sum(length == pytest.approx(0.05, rel=1e-2) for length in moved) == len(moved) // 2
    assert not torch.equal(first.estimate, second.estimate)
    assert float(second.loss) != float(first.loss)


def test_each_loss_is_the_misfit_and_the_variation_of_its_estimate():
    for step in scd(Y, A, PRIOR, updates=1, tv=0.1, iterations=2):
        x = step.estimate
        if x.min() > 0 and x.max() < 1:  # nothing was clipped
            expected = (A(x) - Y).square().mean() + 0.1 * total_variation(x)
            assert float(step.loss) == pytest.approx(float(expected), rel=1e-4)


def test_updates_lower_the_loss_within_a_level():
    losses = [float(step.loss) for step in scd(Y, A, PRIOR, updates=30, iterations=2)]
    assert losses[30] < 0.9 * losses[0]
    assert losses[61] <= losses[31]


@pytest.mark.parametrize("method", ["scd", "neighbours"])
def test_the_prior_is_never_changed_and_each_run_begins_at_it(method):
    def steps(y):
        if method == "scd":
            return scd(y, A, PRIOR, updates=3, iterations=2)
        return tune_on_neighbours(PRIOR, [y], iterations=3)

    first, other = (Y, A(X.flip(-1))) if method == "scd" else (X, X.flip(-1))
    before = weights_of(PRIOR)
    alone = run(steps(first)).estimate
    run(steps(other))
    assert torch.equal(run(steps(first)).estimate, alone)  # nothing was left over by the other image
    after = weights_of(PRIOR)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not PRIOR.training


def test_only_the_low_rank_update_changes():
    *_, last = scd(Y, A, PRIOR, updates=3, iterations=2)
    moved = dict(last.network.named_parameters())
    free = {name for name, weights in moved.items() if weights.requires_grad}
    assert free == {
        f"{name}.{part}"
        for name, module in last.network.named_modules()
        if isinstance(module, LowRank)
        for part in ("A", "B")
    }
    for name, weights in PRIOR.named_parameters():
        kept = moved.get(name)
        if kept is None:  # of a convolution: behind its parametrization
            room, _, last = name.rpartition(".")
            kept = moved[f"{room}.parametrizations.{last}.original"]
        assert torch.equal(kept, weights), name


def test_the_update_is_carried_from_level_to_level():
    steps = list(scd(Y, A, PRIOR, updates=1, iterations=3))
    assert len(steps) == 6
    assert len({id(step.network) for step in steps}) == 1


def test_the_step_toward_the_data_is_the_least_squares_solution():
    x0, weight = torch.rand(1, 1, 16, 16, generator=runtime.generator(0, "x0")), 3.0
    toward = toward_data(x0, Y, A, weight)
    columns = torch.eye(256).reshape(256, 1, 16, 16)
    matrix = A(columns).flatten(1).T
    exact = torch.linalg.solve(
        torch.eye(256) + weight * matrix.T @ matrix, x0.flatten() + weight * matrix.T @ Y.flatten()
    )
    before = (x0.flatten() - exact).norm()
    assert (toward.flatten() - exact).norm() < 0.02 * before


def test_the_step_toward_the_data_stays_where_the_data_are_met():
    assert torch.equal(toward_data(X, A(X), A, 5.0), X)
    assert torch.allclose(toward_data(X, X + 0.1, Identity(), 1.0), X + 0.05, atol=1e-6)


def test_the_seed_decides():
    a, b, c = (
        run(scd(Y, A, PRIOR, updates=1, iterations=2, seed=seed), average=0).estimate for seed in (0, 0, 1)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_other_forward_models_and_colour():
    with runtime.seeded(0):
        prior = DenoisingUNet(3, (8,)).eval()
    x = picture("astronaut", 16)
    mask = Mask(torch.rand(1, 1, 16, 16, generator=runtime.generator(0, "mask")) < 0.5)
    assert run(scd(mask(x), mask, prior, updates=1, iterations=2)).estimate.shape == x.shape


def test_tuning_lowers_the_loss_on_the_neighbours():
    x = picture("page", 32)
    losses = [
        float(step.loss) for step in tune_on_neighbours(PRIOR, [x], "all", iterations=40, learning_rate=3e-3)
    ]
    assert sum(losses[-10:]) < 0.93 * sum(losses[:10])


@pytest.mark.parametrize("what", ["low-rank", "all"])
def test_tuning_written_out(what):
    neighbours = [picture("page", 20)[..., :18, :], X]
    prior = copy.deepcopy(PRIOR)
    prior.leave[-1].bias.data += 2.0  # so that what is shown has to be clipped
    steps = list(tune_on_neighbours(prior, neighbours, what, 3, learning_rate=0.01, seed=4))
    drawn = runtime.generator(4, "neighbours")
    with runtime.seeded(4):
        adapted = free(prior, what)
    optimizer = torch.optim.Adam([w for w in adapted.parameters() if w.requires_grad], lr=0.01)

    def draw(end):
        return int(torch.randint(end, (), generator=drawn))

    def cut(images):
        x = images[draw(len(images))]
        top, left = draw(x.shape[-2] - 15), draw(x.shape[-1] - 15)
        x = x[..., top : top + 16, left : left + 16]
        x = torch.from_numpy(np.rot90(x.numpy(), draw(4), (2, 3)).copy())
        return x.flip(-1) if draw(2) else x

    shown = cut(neighbours[:1])
    shown = shown + 0.3 * torch.randn(shown.shape, generator=drawn)
    for step in steps:
        with torch.no_grad():
            assert torch.allclose(step.estimate, adapted(shown, 0.3).clamp(0, 1), atol=1e-5)
        x = torch.cat([cut(neighbours) for _ in range(6)])
        s = torch.exp(math.log(0.005) * torch.rand(6, 1, 1, 1, generator=drawn))
        noisy = x + s * torch.randn(x.shape, generator=drawn)
        loss = ((adapted(noisy, s) - x) ** 2 * (s**-2 + 16)).mean()
        assert float(step.loss) == pytest.approx(loss.item(), rel=1e-4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert steps[0].estimate.max() == 1


def test_a_prior_that_is_still_in_training_computes_in_evaluation_mode():
    prior = copy.deepcopy(PRIOR)
    prior.leave.append(torch.nn.Dropout(0.5))

    def estimates():
        for steps in (
            scd(Y, A, prior, updates=1, iterations=2),
            tune_on_neighbours(prior, [X], iterations=2),
            sample(prior, X, iterations=2),
        ):
            yield list(steps)[-1].estimate

    quiet = list(estimates())
    prior.train()
    assert all(map(torch.equal, quiet, estimates()))
    assert prior.training


def test_the_first_step_shows_the_prior_as_it_came():
    steps = tune_on_neighbours(PRIOR, [X], iterations=2)
    first, second = next(steps).estimate, next(steps).estimate
    assert not torch.equal(first, second)
    again = next(tune_on_neighbours(PRIOR, [X], "all", iterations=1)).estimate
    assert torch.allclose(first, again, atol=1e-6)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (TypeError, "network", lambda: scd(Y, A, lambda x, level: x)),
        (TypeError, "updates", lambda: scd(Y, A, PRIOR, updates=0.5)),
        (ValueError, "gamma", lambda: scd(Y, A, PRIOR, gamma=0)),
        (ValueError, "tv", lambda: scd(Y, A, PRIOR, tv=-1)),
        (ValueError, "write 25 / 255", lambda: scd(Y, A, PRIOR, strongest=25)),
        (ValueError, "iterations", lambda: scd(Y, A, PRIOR, iterations=1)),
        (TypeError, "neighbours", lambda: tune_on_neighbours(PRIOR, X)),
        (TypeError, "neighbours", lambda: tune_on_neighbours(PRIOR, [])),
        (ValueError, "pixel", lambda: tune_on_neighbours(PRIOR, [X, X.repeat(1, 3, 1, 1)])),
        (ValueError, "neighbours", lambda: tune_on_neighbours(PRIOR, [X - 0.5])),
        (ValueError, "16x16", lambda: tune_on_neighbours(PRIOR, [X[..., :8]])),
    ],
)
def test_wrong_arguments_are_refused_before_any_compute(error, message, call):
    with pytest.raises(error, match=message):
        call()
