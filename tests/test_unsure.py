"""UNSURE: a network fitted without the noise level; divergence goes to zero, the multiplier finds sigma."""

import math

import pytest
import torch

from dil_course import runtime
from dil_course.fitting import run
from dil_course.fitting.risks import divergence, probe
from dil_course.from_scratch import dip_sure, unsure
from dil_course.networks import small_skip_network
from dil_course.signals import add_gaussian, picture, psnr

X = picture("coffee", 32)
Y = add_gaussian(X, 25 / 255)


def network():
    with runtime.seeded(0):
        return small_skip_network(3, 3, width=12, skip=2)


def multiplier(steps):
    return steps.memory["multiplier"]["eta"].item()


def test_the_network_descends_and_the_multiplier_climbs_on_the_same_divergence():
    own, eta, ascent = network(), 0.05**2, 1e-3
    optimizer, generator = torch.optim.Adam(own.parameters(), lr=0.01), runtime.generator(0, "probe")
    steps = unsure(Y, ascent=ascent, first_sigma=0.05, iterations=3, fast=False)
    for step in steps:
        b, output = probe(Y, generator), own(Y)
        share = (b * (own(Y + 1e-3 * b) - output)).mean() / 1e-3
        loss = (output - Y).square().mean() + 2 * eta * share
        assert step.loss.item() == pytest.approx(loss.item(), rel=1e-4)
        torch.testing.assert_close(step.estimate, output.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        eta += ascent * 2 * share.item()
        assert multiplier(steps) == pytest.approx(eta, rel=1e-4)
    assert eta != 0.05**2


def test_a_multiplier_that_stands_is_sure_with_that_sigma():
    """Without ascent the loss is SURE of the first sigma but for a constant."""
    frozen = unsure(Y, ascent=0, first_sigma=0.1, iterations=3, fast=False)
    for step, known in zip(frozen, dip_sure(Y, 0.1, iterations=3, fast=False), strict=True):
        assert step.loss.item() == pytest.approx(known.loss.item() + 0.1**2, rel=1e-4)
        torch.testing.assert_close(step.estimate, known.estimate)
    assert multiplier(frozen) == pytest.approx(0.1**2)


def test_a_seed_makes_the_network_and_the_probes():
    estimates, losses = [], []
    for seed, own in ((0, None), (1, None), (0, network()), (1, network())):
        step = next(unsure(Y, first_sigma=0.1, network=own, iterations=1, seed=seed, fast=False))
        estimates.append(step.estimate)
        losses.append(step.loss)
    assert not torch.allclose(estimates[0], estimates[1])
    assert torch.equal(estimates[2], estimates[3]) and losses[2] != losses[3]


@pytest.mark.slow
@pytest.mark.parametrize(("level", "first"), [(25, 0), (25, 50), (50, 0)])
def test_it_finds_sigma_and_holds_the_divergence_at_zero(level, first):
    x = picture("coffee", 64)
    y, f = add_gaussian(x, level / 255), network()
    steps = unsure(y, first_sigma=first / 255, network=f, iterations=300)
    result = run(steps, truth=x)
    assert 255 * math.sqrt(multiplier(steps)) == pytest.approx(level, rel=0.3)
    with torch.no_grad():
        assert abs(divergence(f, y, probes=5).item()) / y.numel() < 0.15
    assert psnr(result.estimate, x) > psnr(y, x) + 6


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: unsure(Y, ascent=-1), ValueError, "ascent"),
    (lambda: unsure(Y, ascent="fast"), TypeError, "ascent"),
    (lambda: unsure(Y, first_sigma=25), ValueError, "write 25 / 255"),
    (lambda: unsure(Y[0]), ValueError, "y: expected one picture"),
    (lambda: unsure(Y, network=small_skip_network(1, 1)), ValueError, "1 to 1 channels"),
    (lambda: unsure(Y[..., :8]), ValueError, "too few"),
])  # fmt: skip
def test_bad_input_is_refused_before_any_compute(call, error, message):
    with pytest.raises(error, match=message):
        call()
