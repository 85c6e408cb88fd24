"""CSGM, PULSE and IAGAN on a tiny generator: against their formulas, and what they must never look at."""

import copy

import pytest
import torch

from dil_course import runtime
from dil_course.adaptation import csgm, iagan, pulse
from dil_course.adaptation.csgm import first_latents
from dil_course.fitting import run
from dil_course.networks import Generator
from dil_course.signals import Downsample, Gaussian, Mask, psnr


def tiny(seed=0):
    """A generator of 8 x 8 pixels whose pictures differ visibly."""
    with runtime.seeded(seed):
        generator = Generator(latent=3, width=4, side=8)
    with torch.no_grad():
        for weights in generator.parameters():
            weights.mul_(2)
    return generator.eval()


def drawn(generator, seed=5):
    with torch.no_grad():
        return generator(torch.randn(1, 3, generator=torch.Generator().manual_seed(seed)))


GENERATOR = tiny()
A = Gaussian(20, (8, 8))
X = drawn(GENERATOR)
Y = A(X)


def test_the_generator_is_its_two_parts_and_each_picture_depends_on_its_own_z_only():
    z = torch.randn(3, 3)
    pictures = GENERATOR(z)
    assert pictures.shape == (3, 1, 8, 8) and pictures.min() >= 0 and pictures.max() <= 1
    torch.testing.assert_close(GENERATOR.rest(GENERATOR.first(z)), pictures)
    torch.testing.assert_close(GENERATOR(z[:1]), pictures[:1])


def test_the_generator_is_the_one_of_its_docstring():
    F, z = torch.nn.functional, torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    weights = list(GENERATOR.parameters())
    x = F.leaky_relu((z @ weights[0].T + weights[1]).view(2, 8, 2, 2), 0.2)
    for place in (2, 6):
        x = F.leaky_relu(F.conv2d(x, *weights[place : place + 2], padding=1), 0.2)
        x = x.repeat_interleave(2, -2).repeat_interleave(2, -1)
        x = F.leaky_relu(F.conv2d(x, *weights[place + 2 : place + 4], padding=1), 0.2)
    torch.testing.assert_close(GENERATOR(z), F.conv2d(x, *weights[10:], padding=1).sigmoid())


@pytest.mark.parametrize("change", [{"side": 9}, {"width": 3}, {"latent": 0}, {"channels": 2.0}])
def test_the_generator_refuses_sizes_that_it_cannot_draw(change):
    with pytest.raises((TypeError, ValueError), match=next(iter(change))):
        Generator(**change)


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_csgm_descends_its_formula_from_every_start(weight):
    z = first_latents(GENERATOR, 4, 0, "cpu").requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.1)
    for iteration, step in enumerate(list(csgm(Y, A, GENERATOR, weight, 4, iterations=5)), 1):
        losses = torch.stack(
            [(A(GENERATOR(each[None])) - Y).square().sum() + weight * each.square().sum() for each in z]
        )
        torch.testing.assert_close(step.losses, losses.detach())
        torch.testing.assert_close(step.z, z.detach())
        best = losses.argmin()
        torch.testing.assert_close(step.estimate, GENERATOR(z[best][None]).detach())
        assert step.loss == step.losses.min() and (step.iteration, step.total) == (iteration, 5)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] -= 0.1 / 5


def test_the_seed_decides_where_the_search_starts_and_the_profile_how_long_it_is():
    first, again, other = (first_latents(GENERATOR, 4, seed, "cpu") for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    length = runtime.pick(quick=300, full=1000)
    assert next(csgm(Y, A, GENERATOR)).total == next(pulse(Y, A, GENERATOR)).total == length
    assert next(iagan(Y, A, GENERATOR, iterations=7)).total == length + 7


@pytest.mark.parametrize("method", [csgm, pulse, iagan])
def test_drawings_are_made_in_evaluation_mode_and_where_gradients_are_off(method):
    generator = tiny().train()
    generator.rest.append(torch.nn.Dropout(0.5))
    with torch.no_grad():
        steps = list(method(Y, A, generator, iterations=2, **({"search": 2} if method is iagan else {})))
        for step in steps[:3]:  # the third of IAGAN is its first with the weights free
            best = step.z[step.losses.argmin()][None]
            torch.testing.assert_close(step.estimate, generator.eval()(best))
    assert method is not iagan or all(step.network is steps[-1].network for step in steps)


def test_csgm_finds_what_the_generator_drew():
    assert psnr(run(csgm(Y, A, GENERATOR, weight=0.0, iterations=200)).estimate, X) > 35


@pytest.mark.parametrize("method", [csgm, pulse, iagan])
def test_the_best_start_is_chosen_without_the_truth(method):
    """A wrong truth changes nothing, not even one that a start other than the best is nearest to."""
    y, settings = (
        Y + 0.3 * torch.randn(Y.shape, generator=torch.Generator().manual_seed(1)),
        {"seed": 2, "iterations": 15},
    )
    settings |= {"search": 15} if method is iagan else {}
    plain = run(method(y, A, GENERATOR, starts=4, **settings)).estimate
    *_, last = method(y, A, GENERATOR, starts=4, **settings)
    for wrong in (1 - X, *GENERATOR(last.z).detach().split(1)):
        assert torch.equal(run(method(y, A, GENERATOR, starts=4, **settings), truth=wrong).estimate, plain)
    if method is not iagan:
        assert len(last.losses) == 4 and last.loss == last.losses.min()


def test_pulse_stays_on_the_sphere_and_its_drawings_shrink_to_the_same_picture():
    A = Downsample(4)
    y = A(X)
    steps = list(pulse(y, A, GENERATOR, starts=6, iterations=150))
    last = steps[-1]
    for step in (steps[0], steps[1], last):
        torch.testing.assert_close(step.z.norm(dim=1), torch.full((6,), 3**0.5))
    assert (last.losses / y.numel()).median() < 1e-3


@pytest.mark.parametrize("method", [csgm, pulse, iagan])
def test_the_callers_generator_is_never_changed(method):
    generator = tiny().train()
    before = copy.deepcopy(generator.state_dict())
    run(method(Y, A, generator, iterations=5, **({"search": 5} if method is iagan else {})))
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())
    assert generator.training and all(weights.requires_grad for weights in generator.parameters())


def test_iagan_begins_at_what_csgm_found_and_explains_more():
    unseen = drawn(tiny(seed=7))
    found = run(csgm(A(unseen), A, GENERATOR, iterations=60))
    steps = list(iagan(A(unseen), A, GENERATOR, search=60, iterations=100))
    assert [step.iteration for step in steps] == list(range(1, 161)) and {s.total for s in steps} == {160}
    assert torch.equal(steps[59].estimate, found.estimate)
    # The found z, whose picture was the last of the search, is where the adaptation begins.
    torch.testing.assert_close(steps[60].estimate, found.estimate)
    assert steps[-1].loss < 0.2 * steps[60].loss
    assert steps[-1].network is not GENERATOR
    torch.testing.assert_close(steps[-1].network(steps[-1].z).detach(), steps[-1].estimate, atol=0.05, rtol=0)


def test_iagan_written_out():
    unseen, settings = A(drawn(tiny(seed=7))), {"weight": 0.3, "starts": 3, "seed": 1}
    steps = list(iagan(unseen, A, GENERATOR, search=4, iterations=3, locality=0.5, **settings))
    *_, found = csgm(unseen, A, GENERATOR, iterations=4, **settings)
    assert found.losses.argmin() != 0
    z, adapted = found.z[found.losses.argmin()][None].clone().requires_grad_(), copy.deepcopy(GENERATOR)
    weights = torch.optim.Adam(adapted.parameters(), lr=1e-3)
    latent = torch.optim.Adam([z], lr=1e-4)
    stream = runtime.generator(1, "other drawings")
    for step in steps[4:]:
        made, others = adapted(z), torch.randn(16, 3, generator=stream)
        misfit = (A(made) - unseen).square().sum()
        torch.testing.assert_close(step.z, z.detach())
        torch.testing.assert_close(step.estimate, made.detach())
        torch.testing.assert_close(step.loss, misfit.detach())
        weights.zero_grad()
        latent.zero_grad()
        change = (adapted(others) - GENERATOR(others)).square().flatten(1).sum(1).mean()
        (misfit + 0.5 * change).backward()
        weights.step()
        latent.step()


def test_iagan_moves_latent_vector_and_weights_at_their_own_rates():
    def moved(**rates):
        first, second = list(iagan(Y, A, GENERATOR, search=5, iterations=2, **rates))[-2:]
        weights = zip(GENERATOR.parameters(), second.network.parameters(), strict=True)
        return (second.z - first.z).abs().max(), max((a - b).abs().max() for a, b in weights)

    # Adam's first step is as long as its rate, so two are at most twice as long.
    latent, weights = moved(learning_rate=1e-3, latent_rate=1e-4)
    assert latent == pytest.approx(1e-4, rel=0.05) and 0.9e-3 < weights <= 2.1e-3
    assert moved(latent_rate=0)[0] == 0 and moved(latent_rate=0)[1] > 0


def test_without_a_search_a_random_generator_is_fitted_from_one_random_latent_vector():
    steps = list(iagan(Y, A, tiny(3), search=0, iterations=3, seed=4))
    assert len(steps) == 3
    torch.testing.assert_close(steps[0].z, first_latents(GENERATOR, 1, 4, "cpu"))


def test_back_projection_explains_y_exactly_and_only_in_the_last_step():
    unseen = drawn(tiny(seed=7))
    plain = list(iagan(A(unseen), A, GENERATOR, search=10, iterations=5))
    projected = list(iagan(A(unseen), A, GENERATOR, search=10, iterations=5, back_project=True))
    assert (A(projected[-1].estimate) - A(unseen)).norm() < 1e-5 * A(unseen).norm()
    assert (A(plain[-1].estimate) - A(unseen)).norm() > 1e-3 * A(unseen).norm()
    assert all(torch.equal(a.estimate, b.estimate) for a, b in zip(plain[:-1], projected, strict=False))
    assert (projected[-1].estimate - unseen).norm() < (plain[-1].estimate - unseen).norm()
    *_, beyond = iagan(2 * Y, A, GENERATOR, search=2, iterations=2, back_project=True)
    assert beyond.estimate.max() > 1  # what is clipped explains y no longer
    torch.testing.assert_close(A(beyond.estimate), 2 * Y)


def test_locality_keeps_the_other_drawings():
    unseen, others = drawn(tiny(seed=7)), torch.randn(20, 3, generator=torch.Generator().manual_seed(8))

    def change(locality):
        *_, last = iagan(A(unseen), A, GENERATOR, search=20, iterations=60, locality=locality)
        return (last.network(others) - GENERATOR(others)).square().mean().sqrt()

    assert change(10.0) < 0.5 * change(0.0)


@pytest.mark.parametrize("method", [csgm, pulse, iagan])
def test_a_batch_of_channels_or_another_model_is_refused_before_any_compute(method):
    with pytest.raises(ValueError, match="expected .N,C,1,20."):
        method(torch.rand(1, 1, 1, 19), A, GENERATOR)
    with pytest.raises(TypeError, match="latent"):
        method(Y, A, torch.nn.Linear(3, 3))
    for change in ({"starts": 0}, {"iterations": 0}, {"learning_rate": 0}, {"seed": -1}):
        with pytest.raises(ValueError, match=next(iter(change))):
            method(Y, A, GENERATOR, **change)


def test_iagan_refuses_what_it_cannot_do():
    class Bare:
        adjoint = A.adjoint

        def __call__(self, x):
            return A(x)

    with pytest.raises(TypeError, match="pinv"):
        iagan(Y, Bare(), GENERATOR, back_project=True)
    for change in ({"search": -1}, {"latent_rate": -1}, {"locality": -1}):
        with pytest.raises(ValueError, match=next(iter(change))):
            iagan(Y, A, GENERATOR, **change)
    for method in (csgm, iagan):
        with pytest.raises(ValueError, match="weight"):
            method(Y, A, GENERATOR, weight=-1)
    with pytest.raises(TypeError, match="back_project"):
        iagan(Y, A, GENERATOR, back_project=1)


def test_half_a_picture_is_a_problem_too():
    mask = torch.ones(1, 1, 8, 8)
    mask[..., 4:] = 0
    assert run(csgm(Mask(mask)(X), Mask(mask), GENERATOR, iterations=20)).estimate.shape == X.shape
