"""Equivariant imaging: its loss by hand, what turns add to a scanner, and that a run profits from shifts."""

import pytest
import scipy.ndimage
import torch

from dil_course import runtime
from dil_course.fitting import run
from dil_course.from_scratch import deep_image_prior, equivariant_imaging
from dil_course.from_scratch.equivariant_imaging import turned_at_random
from dil_course.networks import small_skip_network
from dil_course.signals import Mask, Radon, picture, psnr, rotated, stacked_rank

SIDE = 32
X = picture("camera", SIDE)
A = Radon(SIDE, range(0, 180, 30))
Y = A(X)


def network():
    with runtime.seeded(0):
        return small_skip_network(1, 1, width=8, skip=2)


def test_the_loss_is_the_papers():
    """Three iterations, written out with the transposition as the only transformation."""
    own = network()
    optimizer = torch.optim.Adam(own.parameters(), lr=0.02)
    settings = dict(
        weight=0.5, learning_rate=0.02, transform=lambda x, generator: x.mT, pinv=A.fbp, network=network()
    )
    for step in equivariant_imaging(Y, A, iterations=3, fast=False, **settings):
        x1 = own(A.fbp(Y))
        x2 = x1.mT
        loss = (A(x1) - Y).square().mean() + 0.5 * (own(A.fbp(A(x2))) - x2).square().mean()
        assert step.loss.item() == pytest.approx(loss.item(), rel=1e-4)
        torch.testing.assert_close(step.estimate, x1.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_the_network_is_given_the_pseudo_inverse_of_the_data():
    estimate = next(equivariant_imaging(Y, A, network=network(), iterations=1, fast=False)).estimate
    torch.testing.assert_close(estimate, network()(A.pinv(Y)))


def test_without_weight_it_is_the_deep_image_prior_of_the_classical_inverse():
    own = dict(iterations=3, fast=False)
    alone = equivariant_imaging(Y, A, weight=0, pinv=A.fbp, network=network(), **own)
    prior = deep_image_prior(Y, A, network(), z=A.fbp(Y), input_noise=0, **own)
    for step, known in zip(alone, prior, strict=True):
        torch.testing.assert_close(step.estimate, known.estimate)
        assert step.loss.item() == pytest.approx(known.loss.item())


def test_a_seed_draws_the_angles():
    def losses(seed):
        settings = dict(pinv=A.fbp, network=network(), iterations=2, fast=False, seed=seed)
        return [step.loss.item() for step in equivariant_imaging(Y, A, **settings)]

    assert losses(0) == losses(0) != losses(1)


def test_shifts_fill_the_holes_that_measurement_consistency_leaves_open():
    """In a periodic image with holes: the second term is what brings the missing pixels."""
    x = 0.5 + 0.4 * torch.sin(torch.arange(SIDE) * torch.pi / 4).expand(1, 1, SIDE, SIDE)
    holes = (torch.rand(x.shape, generator=runtime.generator(0, "mask")) > 0.3).float()

    def shifted(x, generator):
        rows, columns = torch.randint(SIDE, (2,), generator=generator).tolist()
        return x.roll((rows, columns), (-2, -1))

    def error(weight):
        settings = dict(weight=weight, transform=shifted, network=network(), iterations=150)
        estimate = run(equivariant_imaging(Mask(holes)(x), Mask(holes), **settings)).estimate
        return ((1 - holes) * (estimate - x)).square().sum() / (1 - holes).sum()

    assert error(1.0) < 0.5 * error(0.0)


def test_quarter_turns_are_exact_and_a_turn_back_is_the_inverse():
    for number in range(4):
        torch.testing.assert_close(rotated(X, 90 * number), X.rot90(number, (-2, -1)), atol=2e-6, rtol=0)
    middle = (slice(None), slice(None), slice(8, 24), slice(8, 24))
    smooth = torch.nn.functional.avg_pool2d(X, 9, 1, 4)
    there_and_back = rotated(rotated(smooth, 27.0), -27.0)
    assert psnr(there_and_back[middle], smooth[middle]) > 30
    wide = torch.zeros(1, 1, 9, 13)
    wide[..., 4, 10] = 1
    upright = rotated(wide, 90.0)
    assert upright.shape == wide.shape and upright[..., 0, 6] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("degrees", [27.0, -100.0])
@pytest.mark.parametrize("sides", [(20, 20), (15, 24)])
def test_turns_are_scipys_with_black_beyond_the_borders(sides, degrees):
    x = X[..., : sides[0], : sides[1]]
    settings = dict(reshape=False, order=1, mode="grid-constant")
    expected = torch.from_numpy(scipy.ndimage.rotate(x[0, 0].numpy(), degrees, **settings))
    torch.testing.assert_close(rotated(x, degrees)[0, 0], expected, atol=1e-4, rtol=0)


def test_turns_are_drawn_from_the_whole_circle():
    points = torch.zeros(1, 1, 9, 9)
    points[..., 4, 8] = 1
    draw = torch.Generator().manual_seed(0)
    turned = torch.stack([turned_at_random(points, draw)[0, 0] for _ in range(60)]).mean(0)
    assert min(turned[:4, :4].sum(), turned[:4, 5:].sum(), turned[5:, :4].sum(), turned[5:, 5:].sum()) > 0.1


def test_turns_add_to_a_scanner_only_where_they_do_not_map_its_angles_to_each_other():
    def turns(*angles):
        return [lambda x, angle=angle: rotated(x, angle) for angle in angles]

    scanner = Radon(15, [0, 45, 90, 135])  # odd, so that both turn about the same pixel
    own = stacked_rank(scanner, [], 15)
    assert stacked_rank(scanner, turns(90, 180, 270), 15) == own
    assert stacked_rank(scanner, [lambda x: x.flip(-1)], 15) == own
    assert stacked_rank(scanner, turns(22.5), 15) == 2 * own


@pytest.mark.parametrize(("settings", "error", "message"), [
    (dict(weight=-1), ValueError, "weight"),
    (dict(transform=30), TypeError, "transform"),
    (dict(transform=lambda x, generator: x[..., :8]), ValueError, "the result of transform"),
    (dict(pinv=lambda y: y), ValueError, "the result of pinv"),
    (dict(network=small_skip_network(3, 3)), ValueError, "3 to 3 channels"),
])  # fmt: skip
def test_bad_input_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        next(equivariant_imaging(Y, A, **{"pinv": A.fbp, "iterations": 1, **settings}))
