"""Samplers against a Gaussian world, where the denoiser and the posterior are known exactly."""

import pytest
import torch
from scipy.ndimage import label

from dil_course.adaptation import idbp
from dil_course.diffusion import ddnm, ddpg, dps, noise_levels, sample
from dil_course.diffusion.ddpg import turned
from dil_course.diffusion.sampling import back_projected, noise_source, squared_norm
from dil_course.networks import DenoisingUNet, trained
from dil_course.signals import (
    Blur,
    Downsample,
    Mask,
    Radon,
    add_gaussian,
    ellipses,
    gaussian_kernel,
    psnr,
    random_ellipses,
)

COPIES = 300  # of the toy, as channels of one image: each draws its own noise
SIDE, SPREAD, SIGMA = 6, 0.1, 0.05


class Gaussian:
    """Images (1,N,6,6) about a mean, of given covariance (36,36), with their optimal denoiser."""

    def __init__(self, mean, covariance):
        self.mean, self.covariance = mean, covariance
        values, self.vectors = torch.linalg.eigh(covariance)
        self.values = values.clamp(min=0)

    def __call__(self, x, sigma):
        shrunk = (x.flatten(2) - self.mean) @ self.vectors * (self.values / (self.values + sigma**2))
        return (self.mean + shrunk @ self.vectors.T).view_as(x)


def world():
    """The prior, a mask of half the pixels, and one image."""
    steps = torch.arange(SIDE)
    places = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2).float()
    near = torch.exp(-torch.cdist(places, places).square() / 2)
    prior = Gaussian(torch.full((SIDE**2,), 0.5), SPREAD**2 * near + 1e-5 * torch.eye(SIDE**2))
    drawn = torch.Generator().manual_seed(0)
    mask = torch.rand(1, 1, SIDE, SIDE, generator=drawn) < 0.5
    x = torch.randn(SIDE**2, generator=drawn) * prior.values.sqrt()
    return prior, mask, (0.5 + x @ prior.vectors.T).view(1, 1, SIDE, SIDE)


def posterior(prior, mask, y, sigma):
    """The exact distribution of the image, given its seen pixels with noise."""
    H = torch.eye(SIDE**2)[mask.flatten()]
    gain = prior.covariance @ H.T
    gain = gain @ torch.linalg.inv(H @ gain + (sigma**2 + 1e-9) * torch.eye(len(H)))
    mean = prior.mean + gain @ (y.flatten()[mask.flatten()] - H @ prior.mean)
    return Gaussian(mean, prior.covariance - gain @ H @ prior.covariance)


def moments(steps, mask):
    """Mean of the draws, and their standard deviation at seen and unseen pixels."""
    draws = list(steps)[-1].estimate[0].flatten(1)
    variance = draws.var(0)
    return draws.mean(0), *(float(variance[w].mean().sqrt()) for w in (mask.flatten(), ~mask.flatten()))


def off(a, b):
    return float((a - b).square().mean().sqrt())


def copies(y):
    return y.expand(1, COPIES, -1, -1).contiguous()


def spread(exact, where):
    return float(exact.covariance.diagonal()[where.flatten()].mean().clamp(min=0).sqrt())


def test_the_posteriors_own_denoiser_draws_from_the_posterior():
    prior, mask, x = world()
    exact = posterior(prior, mask, Mask(mask)(add_gaussian(x, SIGMA)), SIGMA)
    mean, seen, unseen = moments(sample(exact, copies(torch.full_like(x, 0.5))), mask)
    assert off(mean, exact.mean) < 0.006
    assert 0.9 < seen / spread(exact, mask) < 1.05
    assert 0.9 < unseen / spread(exact, ~mask) < 1.05


def test_new_noise_at_each_step_narrows_the_draws_even_of_an_exact_denoiser():
    prior, mask, x = world()
    flat = copies(torch.full_like(x, 0.5))
    widths = [moments(sample(prior, flat, fresh=fresh), mask)[2] for fresh in (0.0, 0.85, 1.0)]
    assert 0.09 < widths[0] < 0.105
    assert widths[0] > 1.05 * widths[1] > 1.15 * widths[2]


def test_ddnm_without_noise_is_consistent_and_near_the_posterior():
    prior, mask, x = world()
    A = Mask(mask)
    y = A(x)
    exact = posterior(prior, mask, y, 0)
    steps = list(ddnm(copies(y), A, prior, fresh=0.5, iterations=100))
    assert off(A(steps[-1].estimate), copies(y)) < 1e-3
    mean, seen, unseen = moments(steps, mask)
    assert off(mean, exact.mean) < 0.01 < off(prior.mean, exact.mean) / 5
    assert seen < 1e-6
    assert 0.9 < unseen / spread(exact, ~mask) < 1.1


def test_in_noise_ddnm_repeats_the_noise_and_ddpg_does_not():
    prior, mask, x = world()
    A = Mask(mask)
    y = A(add_gaussian(x, SIGMA))
    exact = posterior(prior, mask, y, SIGMA)
    noisy = moments(ddnm(copies(y), A, prior), mask)
    dialled = moments(ddpg(copies(y), A, prior, SIGMA), mask)
    assert noisy[1] < 1e-6 < spread(exact, mask) / 3  # all draws repeat the observed values
    assert off(dialled[0], exact.mean) < 0.95 * off(noisy[0], exact.mean)
    assert dialled[1] > 1e-3  # whereas DDPG's differ


def test_dps_nears_the_posterior_mean_and_its_width_hangs_on_the_step():
    prior, mask, x = world()
    A = Mask(mask)
    y = A(add_gaussian(x, SIGMA))
    exact = posterior(prior, mask, y, SIGMA)
    # The norm is over all copies, so each one's share of a step is smaller by the root of their number.
    short, long = (moments(dps(copies(y), A, prior, step=step * COPIES**0.5), mask) for step in (0.003, 0.03))
    assert off(long[0], exact.mean) < 0.5 * off(short[0], exact.mean)
    assert short[1] > 1.5 * spread(exact, mask)
    assert long[2] < 1.2 * spread(exact, ~mask)


def test_without_injected_noise_and_noise_ddpg_is_idbp():
    prior, mask, x = world()
    A = Mask(mask)
    mine = list(ddpg(A(x), A, prior, 0.0, inject=False, iterations=10, strongest=0.5))
    theirs = list(idbp(A(x), A, prior, iterations=10, strongest=0.5, weakest=0.01))
    assert off(mine[-1].estimate, theirs[-1].estimate) < 1e-3


LEVELS = [0.7, 0.7 * 14 ** (-1 / 3), 0.7 * 14 ** (-2 / 3), 0.05]
SCALE = {"iterations": 4, "strongest": 0.7, "weakest": 0.05, "seed": 3}


class Enlarging:
    """Three times a Radon transform, so that |A|^2 is above one."""

    radon = Radon(8, range(0, 180, 45))

    def __call__(self, x):
        return 3 * self.radon(x)

    def adjoint(self, y):
        return 3 * self.radon.adjoint(y)


class Written:
    """What the samplers are made of, for a forward model that enlarges, by its matrix."""

    A = Enlarging()
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    y = A(x)
    matrix = A(torch.eye(64, dtype=torch.float64).view(64, 1, 8, 8)).flatten(1).T
    norm = float(torch.linalg.matrix_norm(matrix, 2)) ** 2

    @staticmethod
    def prior(x, level):
        return 0.5 + 1.5 * torch.sin(x - 0.5) / (1 + level)

    @classmethod
    def solved(cls, r, epsilon):
        gram = cls.matrix @ cls.matrix.T + epsilon * torch.eye(len(cls.matrix))
        return (cls.matrix.T @ torch.linalg.solve(gram, r.flatten().double())).view(1, 1, 8, 8).float()

    @classmethod
    def compare(cls, steps, next_state, start=None):
        """Step by step: `next_state(x, x0, k, noise)` returns estimate, loss, and the next state."""
        noise = noise_source(3, cls.x)
        x = (cls.solved(cls.y, 0.01 * cls.norm) if start is None else start) + 0.7 * noise()
        clipped = False
        for number, step in enumerate(steps):
            estimate, loss, x = next_state(x, cls.prior(x, LEVELS[number]), number, noise)
            torch.testing.assert_close(step.estimate, estimate.clamp(0, 1), atol=1e-4, rtol=0)
            assert float(step.loss) == pytest.approx(float(loss), rel=1e-4)
            clipped |= bool(estimate.min() < 0 or estimate.max() > 1)
        assert number == 3 and clipped

    @classmethod
    def loss(cls, x0):
        return (cls.A(x0) - cls.y).square().mean()


def following(number):
    return LEVELS[number + 1] if number < 3 else 0.0


def test_sample_written_out():
    def next_state(x, x0, number, noise):
        old = 0.8 * (x - x0) / LEVELS[number]
        return x0, LEVELS[number], x0 + following(number) * (old + 0.6 * noise())

    flat = torch.full_like(Written.x, 0.5)
    Written.compare(sample(Written.prior, flat, fresh=0.6, **SCALE), next_state, flat)


def test_ddnm_written_out_with_an_inverse_of_the_callers():
    def next_state(x, x0, number, noise):
        estimate, old = x0 - pinv(Written.A(x0) - Written.y), 0.8 * (x - x0) / LEVELS[number]
        return estimate, Written.loss(x0), estimate + following(number) * (old + 0.6 * noise())

    def pinv(r):
        return Written.solved(r, 0.3)

    Written.compare(ddnm(Written.y, Written.A, Written.prior, 0.6, pinv=pinv, **SCALE), next_state)


def test_dps_written_out():
    def next_state(x, x0, number, noise):
        x = x.clone().requires_grad_()
        length = (Written.A(Written.prior(x, LEVELS[number])) - Written.y).square().sum().sqrt()
        (slope,) = torch.autograd.grad(length, x)
        old = 0.8 * (x.detach() - x0) / LEVELS[number]
        return x0, Written.loss(x0), x0 + following(number) * (old + 0.6 * noise()) - 0.3 * slope

    Written.compare(dps(Written.y, Written.A, Written.prior, 0.3, 0.6, **SCALE), next_state)


@pytest.mark.parametrize("sigma", [0.0, 0.3])
@pytest.mark.parametrize("dial", [None, 0.0, 0.4])
def test_ddpg_written_out(sigma, dial):
    def next_state(x, x0, number, noise):
        d = (0.0 if sigma == 0 else (1 + 4 * following(number) ** 2) ** -2.0) if dial is None else dial
        misfit = Written.A(x0) - Written.y
        corrected = x0 - (1 - d) * Written.solved(misfit, max(1e-4, 5 * sigma**2))
        corrected = corrected - d / Written.norm * Written.A.adjoint(misfit)
        kept = 1.0 if sigma == 0 and dial is None else d
        old = kept * 0.8 * (x - corrected) / LEVELS[number]
        state = corrected + following(number) * (old + 0.6 * noise())
        return x0 if sigma else corrected, Written.loss(x0), state

    steps = ddpg(Written.y, Written.A, Written.prior, sigma, 2.0, 0.6, 5.0, dial, **SCALE)
    Written.compare(steps, next_state)


def test_without_injected_noise_ddpg_begins_at_the_back_projection():
    first = next(ddpg(Written.y, Written.A, Written.prior, 0.1, inject=False, **SCALE))
    start = Written.solved(Written.y, 0.01 * Written.norm)
    assert float(first.loss) == pytest.approx(float(Written.loss(Written.prior(start, 0.7))), rel=1e-4)


@pytest.mark.parametrize("method", [ddnm, dps, lambda y, A, prior, **rest: ddpg(y, A, prior, 0.1, **rest)])
def test_a_model_whose_result_fits_y_by_broadcasting_only_is_refused(method):
    class Column:
        adjoint = pinv = staticmethod(lambda y: y)

        def __call__(self, x):
            return x[..., :1]

    with pytest.raises(ValueError, match="y"):
        method(Written.x, Column(), Written.prior)


def test_the_dial_goes_from_back_projection_to_least_squares():
    prior, _, x = world()
    A = Downsample(2)
    y = add_gaussian(A(x), SIGMA)
    ends = [list(ddpg(y, A, prior, SIGMA, dial=dial, iterations=8)) for dial in (0.0, 1.0)]
    turning = list(ddpg(y, A, prior, SIGMA, iterations=8))
    assert turned(1.0, 8) < 1e-5 and turned(0.0, 8) == 1
    assert turning[0].loss == ends[0][0].loss and off(turning[2].estimate, ends[0][2].estimate) < 0.01
    assert off(turning[-1].estimate, ends[0][-1].estimate) > 0.005
    assert ends[0][4].loss < 0.8 * ends[1][4].loss  # back-projection explains y sooner
    assert off(ends[0][-1].estimate, ends[1][-1].estimate) > 0.01


def test_back_projection_by_conjugate_gradients():
    r = torch.randn(1, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    A = Blur(gaussian_kernel(5, 1.0))
    exact = A.pinv(r, epsilon=0.01)
    assert off(back_projected(r, A, 0.01), exact) < 1e-3 * off(exact, 0)
    assert squared_norm(A, r) == pytest.approx(1, abs=1e-3)
    assert squared_norm(Written.A, Written.y) == pytest.approx(Written.norm, rel=1e-3)
    mask = Mask(r > 0)
    assert off(back_projected(mask(r), mask, 1e-6), mask(r)) < 1e-4


def test_samplers_repeat_themselves_and_change_no_network():
    network = trained("prior_ellipses")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = random_ellipses(1, 16, seed=3)
    A = Downsample(2)
    for method in (
        lambda seed: ddnm(A(x), A, network, iterations=2, seed=seed),
        lambda seed: dps(A(x), A, network, iterations=2, seed=seed),
        lambda seed: ddpg(A(x), A, network, 0.1, iterations=2, seed=seed),
        lambda seed: sample(network, x, iterations=2, seed=seed),
    ):
        first, again, other = (list(method(seed))[-1].estimate for seed in (0, 0, 1))
        assert torch.equal(first, again) and not torch.equal(first, other)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(weights.requires_grad for weights in network.parameters())


def test_noise_levels():
    levels = noise_levels(5, 1.0, 0.01)
    assert levels == pytest.approx([1, 10**-0.5, 0.1, 10**-1.5, 0.01])
    with pytest.raises(ValueError, match="weakest"):
        noise_levels(5, 0.1, 0.2)


def test_random_ellipses_lie_in_the_disk_and_repeat():
    x = random_ellipses(40, 32, seed=1)
    assert x.shape == (40, 1, 32, 32) and x.min() == 0 and x.max() < 1  # painted over, not added
    assert torch.equal(x, random_ellipses(40, 32, seed=1))
    place = (torch.arange(32) + 0.5) / 16 - 1
    assert not x[:, 0][:, (place[:, None].square() + place.square()) > 1.2].any()
    assert 0.05 < x.mean() < 0.3 and (x > 0).float().mean() < 0.7


def test_an_image_has_three_to_twelve_ellipses(monkeypatch):
    for name in ("SMALLEST", "LARGEST"):
        monkeypatch.setattr(ellipses, name, 0.03)  # so small that few of them overlap
    found = [label(x[0] > 0)[1] for x in random_ellipses(80, 64, seed=1).numpy()]
    assert min(found) == 3 and max(found) == 12


def test_ellipses_of_one_size_have_its_area_and_lie_anywhere_in_the_disk(monkeypatch):
    for name, value in {"FEWEST": 1, "MOST": 1, "SMALLEST": 0.2, "LARGEST": 0.2}.items():
        monkeypatch.setattr(ellipses, name, value)
    x = random_ellipses(400, 32)[:, 0]
    x = x / x.amax((1, 2), keepdim=True)
    area = x.sum((1, 2))
    assert (area / (torch.pi * (0.2 * 16) ** 2) - 1).abs().max() < 0.05  # smooth edges keep it
    place = (torch.arange(32) + 0.5) / 16 - 1
    away = ((x.sum(1) @ place) / area) ** 2 + ((x.sum(2) @ place) / area) ** 2
    assert away.mean() == pytest.approx(0.75**2 / 2, rel=0.1)  # uniform in a disk
    assert away.max() < 0.75**2 + 0.01


@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_the_unet_is_scaled_as_in_its_formula(bias):
    network, y = DenoisingUNet(1, (8,)), torch.rand(2, 1, 8, 8)
    torch.nn.init.constant_(network.leave[-1].bias, bias)  # of weights zero, so that F is the bias
    for s in (0.01, 0.25, 1.0):
        expected = 0.5 + (y - 0.5) * 0.0625 / (s**2 + 0.0625) + bias * s * 0.25 / (s**2 + 0.0625) ** 0.5
        torch.testing.assert_close(network(y, s), expected)


@pytest.mark.parametrize("side", [(16, 16), (15, 22)])
def test_the_unet_takes_any_size_and_level(side):
    network = DenoisingUNet(2, (8, 16))
    y = torch.rand(3, 2, *side)
    assert torch.allclose(network(y, 0.0), y, atol=1e-6)
    one_each = network(y, torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1))
    assert torch.allclose(one_each[1], network(y[1:2], 0.5)[0], atol=1e-5)
    with torch.no_grad():
        for weights in network.parameters():
            weights += 0.1 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(0))
    # Its sides are filled up to multiples of 4 at the right and below, by the last pixel again.
    whole = torch.nn.functional.pad(y, (0, -side[1] % 4, 0, -side[0] % 4), mode="replicate")
    torch.testing.assert_close(network(y, 0.5), network(whole, 0.5)[..., : side[0], : side[1]])
    with pytest.raises(ValueError, match="sigma"):
        network(y, torch.tensor([-0.1, 0.5, 1.0]).view(3, 1, 1, 1))
    with pytest.raises(ValueError, match="write 25 / 255"):
        network(y, 25)
    with pytest.raises(ValueError, match="multiples"):
        DenoisingUNet(1, (12,))


def test_the_shipped_prior_denoises_at_every_level():
    network, x = trained("prior_ellipses"), random_ellipses(1, 64, seed=7)
    with torch.no_grad():
        for sigma, gain in ((0.02, 5.5), (0.1, 9), (0.5, 14)):
            y = add_gaussian(x, sigma)
            assert psnr(network(y, sigma).clamp(0, 1), x) > psnr(y.clamp(0, 1), x) + gain
