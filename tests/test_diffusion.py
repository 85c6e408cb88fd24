"""Samplers against a Gaussian world, where the denoiser and the posterior are known exactly."""

import pytest
import torch

from dil_course.adaptation import idbp
from dil_course.diffusion import ddnm, ddpg, dps, noise_levels, sample
from dil_course.diffusion.ddpg import turned
from dil_course.diffusion.sampling import back_projected, squared_norm
from dil_course.networks import DenoisingUNet, trained
from dil_course.signals import Blur, Downsample, Mask, add_gaussian, gaussian_kernel, psnr, random_ellipses

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
    assert x.shape == (40, 1, 32, 32) and x.min() == 0 and x.max() <= 1
    assert torch.equal(x, random_ellipses(40, 32, seed=1))
    place = (torch.arange(32) + 0.5) / 16 - 1
    assert not x[:, 0][:, (place[:, None].square() + place.square()) > 1.2].any()
    assert 0.05 < x.mean() < 0.3 and (x > 0).float().mean() < 0.7


@pytest.mark.parametrize("side", [(16, 16), (15, 22)])
def test_the_unet_takes_any_size_and_level(side):
    network = DenoisingUNet(2, (8, 16))
    y = torch.rand(3, 2, *side)
    assert torch.allclose(network(y, 0.0), y, atol=1e-6)
    one_each = network(y, torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1))
    assert torch.allclose(one_each[1], network(y[1:2], 0.5)[0], atol=1e-5)
    with pytest.raises(ValueError, match="write 25 / 255"):
        network(y, 25)
    with pytest.raises(ValueError, match="multiples"):
        DenoisingUNet(1, (12,))


def test_the_shipped_prior_denoises_at_every_level():
    network, x = trained("prior_ellipses"), random_ellipses(1, 64, seed=7)
    with torch.no_grad():
        for sigma, gain in ((0.02, 1), (0.1, 4), (0.5, 9)):
            y = add_gaussian(x, sigma)
            assert psnr(network(y, sigma).clamp(0, 1), x) > psnr(y.clamp(0, 1), x) + gain
