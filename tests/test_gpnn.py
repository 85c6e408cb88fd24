"""GPNN and the closed-form patch diffusion: identities, brute force, a Monte-Carlo posterior mean."""

import importlib

import pytest
import torch

from dil_course import runtime
from dil_course.fitting import run
from dil_course.from_scratch import gpnn, optimal_denoiser, patch_diffusion
from dil_course.from_scratch.gpnn import BLOCK, normalised_nearest, overlap_mean, scales
from dil_course.from_scratch.internal_pairs import resized
from dil_course.from_scratch.patch_diffusion import posterior_mean
from dil_course.signals import coherence, completeness, patches, picture

X = resized(picture("coffee", 384), (24, 24)).clamp(0, 1)
SMALL = {"patch": 5, "coarsest": 12, "iterations": 3}
NEIGHBOURS, DIFFUSION = (
    importlib.import_module(f"dil_course.from_scratch.{name}") for name in ("gpnn", "patch_diffusion")
)


def last(steps):
    return [step.estimate for step in steps][-1]


@pytest.mark.parametrize("block", [1, BLOCK])
@pytest.mark.parametrize("alpha", [1e-6, 0.005, 1e6])
def test_neighbours_are_those_of_brute_force(alpha, block, monkeypatch):
    monkeypatch.setattr(NEIGHBOURS, "BLOCK", block)
    draw = torch.Generator().manual_seed(0)
    queries, keys = torch.rand(40, 12, generator=draw), torch.rand(30, 12, generator=draw)
    squared = (queries[:, None] - keys).double().square().mean(-1)
    scores = squared / (alpha + squared.amin(0))
    distances, found = normalised_nearest(queries, keys, alpha)
    assert torch.equal(found, scores.argmin(1))
    torch.testing.assert_close(distances.double(), squared.gather(1, found[:, None])[:, 0], atol=1e-6, rtol=0)


def test_a_large_alpha_gives_plain_nearest_neighbours_and_a_small_one_uses_more_keys():
    draw = torch.Generator().manual_seed(1)
    keys = torch.rand(50, 12, generator=draw)
    queries = 0.5 + 0.05 * torch.randn(50, 12, generator=draw)  # all near the middle: few keys are nearest
    plain = torch.cdist(queries, keys).argmin(1)
    used = {alpha: normalised_nearest(queries, keys, alpha)[1] for alpha in (1e-6, 1e6)}
    assert torch.equal(used[1e6], plain)
    assert len(used[1e-6].unique()) > 1.5 * len(plain.unique())


@pytest.mark.parametrize("name", ["coffee", "gravel"])
@pytest.mark.parametrize("alpha", [1e-6, 0.005])
def test_without_noise_the_source_comes_back(name, alpha):
    x = resized(picture(name, 256), (24, 24)).clamp(0, 1)
    torch.testing.assert_close(last(gpnn(x, noise=0, alpha=alpha, **SMALL)), x, atol=1e-4, rtol=0)


def test_blurred_queries_are_compared_with_keys_that_are_as_blurred():
    steps = list(gpnn(X, noise=0, patch=5, coarsest=12, iterations=1, ratio=0.5))
    assert len(steps) == 2 and steps[-1].loss < 1e-6  # enlarged X among enlarged patches of X


def test_one_step_for_each_scale_and_run_takes_them():
    steps = list(gpnn(X, **SMALL))
    assert [step.iteration for step in steps] == list(range(1, 5)) and {step.total for step in steps} == {4}
    assert all(step.estimate.shape == X.shape for step in steps)
    assert torch.equal(run(gpnn(X, **SMALL)).estimate, steps[-1].estimate)


def test_equal_ratios_reach_the_coarsest_scale_exactly():
    found = scales(torch.zeros(1, 1, 40, 96), 10, 0.75)
    assert found[-1] == 1 and found[0] == pytest.approx(0.25)
    ratios = [low / high for low, high in zip(found, found[1:], strict=False)]
    assert ratios == pytest.approx([ratios[0]] * len(ratios)) and 0.75 <= ratios[0] < 0.81
    assert scales(torch.zeros(1, 1, 10, 10), 10, 0.75) == [1.0]
    assert (
        len(scales(torch.zeros(1, 1, 64, 64), 27, 0.75)) == 4
    )  # 64 (3/4)^3, whatever the logarithms round to


@pytest.mark.parametrize("method", [gpnn, patch_diffusion])
def test_samples_are_new_seeded_and_made_of_the_source(method):
    settings = SMALL | {"iterations": 6}
    one, again, other = (last(method(X, seed=seed, **settings)) for seed in (0, 0, 1))
    noise = torch.rand(X.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert (one - X).abs().mean() > 0.05
    assert coherence(one, X, size=5) < 0.25 * coherence(noise, X, size=5)


@pytest.mark.parametrize("method", [gpnn, patch_diffusion])
def test_another_aspect_ratio(method):
    settings = {"noise": 0} if method is gpnn else {}
    wide = last(method(X, shape=(24, 36), **settings, **SMALL))
    assert wide.shape == (1, 3, 24, 36) and wide.min() >= 0 and wide.max() <= 1
    stretched = torch.nn.functional.interpolate(X, (24, 36), mode="bicubic", antialias=True)
    noise = torch.rand(wide.shape, generator=torch.Generator().manual_seed(0))
    assert coherence(wide, X, size=5) < 0.25 * coherence(noise, X, size=5)
    if method is gpnn:
        assert coherence(wide, X, size=5) < coherence(stretched, X, size=5)


@pytest.mark.parametrize("method", [gpnn, patch_diffusion])
def test_enlarged_edges_do_not_leave_the_range(method):
    edge = torch.zeros(1, 1, 24, 24)
    edge[..., 12:] = 1
    for step in method(edge, **SMALL):
        assert step.estimate.min() >= 0 and step.estimate.max() <= 1


def test_a_small_alpha_leaves_less_of_the_source_out():
    # Made smaller, the image has no room for all its patches.
    missing = [
        completeness(last(gpnn(X, shape=(24, 16), noise=0, alpha=alpha, **SMALL)), X, 5)
        for alpha in (1e-3, 1e3)
    ]
    assert missing[0] < missing[1]


def test_another_start_is_followed():
    start = X.roll((7, 9), (-2, -1))
    result = last(gpnn(X, start=start, noise=0, patch=5, coarsest=18, iterations=3))
    assert (result - start).square().mean() < 0.5 * (result - X).square().mean()


def test_patches_put_together_are_the_image():
    torch.testing.assert_close(overlap_mean(patches(X, 5), (24, 24), 5), X)


def test_two_scales_written_out():
    def replaced(queries, keys, values):
        _, found = normalised_nearest(patches(queries, 5), patches(keys, 5), 0.01)
        return overlap_mean(patches(values, 5)[found], queries.shape[-2:], 5)

    coarse = resized(X, (12, 12))
    z = coarse + 1.5 * torch.randn(coarse.shape, generator=runtime.generator(3, "gpnn"))
    coarse = coarse.clamp(0, 1)
    expected = []
    for sharp, first_keys in ((coarse, coarse), (X, resized(coarse, (24, 24)))):
        z = replaced(resized(z, sharp.shape[-2:]), first_keys, sharp)
        z = replaced(z, sharp, sharp)
        expected.append(resized(z, (24, 24)).clamp(0, 1))
    steps = gpnn(X, noise=1.5, alpha=0.01, patch=5, coarsest=12, ratio=0.5, iterations=2, seed=3)
    for step, known in zip(steps, expected, strict=True):
        torch.testing.assert_close(step.estimate, known)


def test_the_result_has_the_shape_of_another_start():
    assert last(gpnn(X, start=picture("coffee", 30), **SMALL)).shape == (1, 3, 30, 30)


# Patch diffusion


def test_two_scales_of_the_diffusion_written_out():
    draw = runtime.generator(3, "patch diffusion")
    coarse = resized(X, (12, 12)).clamp(0, 1)
    enlarged = resized(coarse, (24, 24))
    denoised, expected = X.mean((2, 3), keepdim=True).expand_as(X), []
    for source, sigma in ((coarse, 3.0), (X, float((enlarged - X).square().mean().sqrt()))):
        z = resized(denoised, source.shape[-2:])
        z = z + sigma * torch.randn(z.shape, generator=draw)
        for level, following in ((sigma, (0.01 * sigma) ** 0.5), ((0.01 * sigma) ** 0.5, 0.01), (0.01, 0)):
            denoised = optimal_denoiser(z, source, level, patch=5)
            expected.append((float((z - denoised).square().mean()), resized(denoised, (24, 24)).clamp(0, 1)))
            z = denoised + following / level * (z - denoised)
    steps = patch_diffusion(X, patch=5, coarsest=12, ratio=0.5, iterations=3, seed=3)
    for step, (loss, estimate) in zip(steps, expected, strict=True):
        assert float(step.loss) == pytest.approx(loss, rel=1e-4)
        torch.testing.assert_close(step.estimate, estimate, atol=1e-4, rtol=0)


def test_posterior_mean_agrees_with_monte_carlo():
    draw = torch.Generator().manual_seed(0)
    database = torch.tensor([[0.1, 0.2], [0.4, 0.9], [0.8, 0.3], [0.5, 0.5]])
    sigma, count = 0.2, 2_000_000
    clean = database[torch.randint(0, 4, (count,), generator=draw)]
    noisy = clean + sigma * torch.randn(count, 2, generator=draw)
    queries = torch.tensor([[0.3, 0.4], [0.6, 0.6], [0.7, 0.2]])
    for query, mean in zip(queries, posterior_mean(queries, database, sigma), strict=True):
        near = (noisy - query).abs().amax(1) < 0.02
        assert near.sum() > 500
        torch.testing.assert_close(clean[near].mean(0), mean, atol=0.02, rtol=0)


@pytest.mark.parametrize("sigma", [0.1, 0.3])
def test_posterior_mean_of_patches_has_the_least_error(sigma):
    database = patches(X, 3)
    draw = torch.Generator().manual_seed(0)
    clean = database[torch.randint(0, len(database), (20_000,), generator=draw)]
    noisy = clean + sigma * torch.randn(clean.shape, generator=draw)

    def error(estimate):
        return float((estimate - clean).square().mean())

    mean = posterior_mean(noisy, database, sigma)
    # What is left is orthogonal to every function of the observation.
    for function in (mean, noisy, noisy.square()):
        products = ((clean - mean) * function).mean(1)
        assert abs(products.mean()) < 4 * products.std() / len(products) ** 0.5
    for wrong in (0.7 * sigma, 1.4 * sigma):
        assert error(mean) < error(posterior_mean(noisy, database, wrong))


def test_the_limits_are_the_mean_and_the_nearest_neighbour():
    database = patches(X, 5)
    queries = database[::7] + 0.05 * torch.randn(
        len(database[::7]), 75, generator=torch.Generator().manual_seed(0)
    )
    nearest = normalised_nearest(queries, database, 1e6)[1]
    torch.testing.assert_close(posterior_mean(queries, database, 1e-3), database[nearest], atol=1e-3, rtol=0)
    mean = database.mean(0).expand(len(queries), -1)
    torch.testing.assert_close(posterior_mean(queries, database, 1e3), mean, atol=1e-4, rtol=0)


def test_a_little_noise_is_removed():
    noisy = X + 0.05 * torch.randn(X.shape, generator=torch.Generator().manual_seed(0))
    assert (optimal_denoiser(noisy, X, 0.05, patch=5) - X).square().mean() < 0.1 * 0.05**2


def test_blocks_change_nothing(monkeypatch):
    database = patches(X, 5)
    whole = posterior_mean(database, database, 0.1)
    monkeypatch.setattr(DIFFUSION, "BLOCK", 1000)
    torch.testing.assert_close(posterior_mean(database, database, 0.1), whole)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (TypeError, "float tensor", lambda: gpnn(X.numpy())),
        (ValueError, "divide 8-bit", lambda: gpnn(255 * X)),
        (ValueError, "in \\[0,1\\]", lambda: patch_diffusion(X - 0.5)),
        (ValueError, "patch", lambda: gpnn(X, patch=0)),
        (ValueError, "coarsest", lambda: gpnn(X, patch=7, coarsest=5)),
        (ValueError, "coarsest", lambda: patch_diffusion(X, coarsest=25)),
        (ValueError, "larger coarsest", lambda: gpnn(X, shape=(24, 8), **SMALL)),
        (TypeError, "shape", lambda: gpnn(X, shape=24)),
        (ValueError, "ratio", lambda: gpnn(X, ratio=1)),
        (ValueError, "alpha", lambda: gpnn(X, alpha=0)),
        (ValueError, "channels", lambda: gpnn(X, start=X[:, :1])),
        (ValueError, "in \\[0,1\\]", lambda: gpnn(X, start=X - 0.5)),
        (ValueError, "iterations", lambda: patch_diffusion(X, iterations=1)),
        (ValueError, "sigma", lambda: optimal_denoiser(X, X, 0)),
        (ValueError, "must be equal", lambda: optimal_denoiser(X, X[:, :1], 0.1)),
    ],
)
def test_wrong_inputs_are_refused_before_any_compute(error, match, call):
    with pytest.raises(error, match=match):
        call()
