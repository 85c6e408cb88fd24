"""The challenge's ladder, its baseline, expectations without the truth, and the score, worked out by hand."""

import io

import numpy as np
import pytest
import torch

from dil_course.challenge import (
    RUNGS,
    Answer,
    capacity,
    classical,
    expected_psnr,
    gaussian_width,
    honesty,
    ladder,
    passes,
    points,
    pose,
    read_case,
    rung_score,
    sanity_image,
    write_case,
)
from dil_course.signals import Identity, Mask, picture, psnr

X = picture("coins", 48)


@pytest.mark.parametrize("rung", RUNGS)
def test_a_case_hands_over_what_its_rung_says_and_is_the_same_again(rung):
    posed, again, other = (pose(rung, X, seed) for seed in (3, 3, 4))
    assert posed.y.equal(again.y) and not posed.y.equal(other.y) and posed.truth.equal(X)
    assert (posed.A is None) == (rung == "kernel") and (posed.sigma is None) == (rung == "noise")
    noise = posed.y - posed.forward(X)
    seen = posed.forward.mask.expand_as(noise) > 0 if hasattr(posed.forward, "mask") else noise == noise
    assert noise[seen].std().item() == pytest.approx(posed.level, rel=0.5 if rung == "nobody" else 0.1)
    assert not noise[~seen].any()
    if rung not in ("noise", "kernel"):  # another mask
        assert not posed.forward.mask.equal(other.forward.mask)


def test_what_is_unknown_differs_from_seed_to_seed_and_the_baseline_does_not_know_it(monkeypatch):
    noise, kernel = ([pose(rung, X, seed) for seed in range(5)] for rung in ("noise", "kernel"))
    levels = [posed.level for posed in noise]
    assert len(set(levels)) == 5 and min(levels) >= 15 / 255 and max(levels) <= 50 / 255
    widths = [posed.forward.kernel.max().item() for posed in kernel]  # 1 / (2 pi w^2) with w from 1 to 2
    assert len(set(widths)) == 5 and 0.039 < min(widths) < max(widths) < 0.163
    monkeypatch.setattr(ladder, "classical", lambda *given: given)
    for posed in (noise[0], kernel[0]):
        assert all(a is b for a, b in zip(posed.baseline, (posed.y, posed.A, posed.sigma), strict=True))


@pytest.mark.parametrize("rung", RUNGS)
def test_a_file_holds_what_is_handed_over_and_nothing_else(rung):
    posed = pose(rung, X, 3)
    content = write_case(posed.y, posed.A, posed.sigma)
    y, A, sigma = read_case(content)
    assert y.equal(posed.y) and sigma == posed.sigma and type(A) is type(posed.A)
    assert A is None or A(X).equal(posed.A(X))
    names = set(np.load(io.BytesIO(content)))
    assert names <= {"y", "kind", "mask", "sigma"}
    pickled = io.BytesIO()
    np.savez(pickled, y=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_case(pickled.getvalue())


def test_the_baseline_is_no_straw_man_and_says_what_it_was_not_told():
    for rung, least in (("noise", 4.0), ("kernel", 0.3)):
        posed = pose(rung, picture("coffee", 48), 3)
        seen = posed.y if rung != "scan" else posed.A.adjoint(posed.y)
        assert psnr(posed.baseline, posed.truth) > psnr(seen, posed.truth) + least, rung
    posed = pose("kernel", picture("coffee", 64), 3)
    steps = torch.arange(15) - 7
    true = (posed.forward.kernel.sum(0) * steps**2).sum().item() ** 0.5
    assert abs(gaussian_width(posed.y, posed.sigma) - true) < 0.7
    posed = pose("nobody", X, 3)
    mean = posed.y.sum() / posed.A.mask.sum()
    assert psnr(posed.baseline, X) > psnr(torch.full_like(X, mean.item()), X) - 0.5
    with pytest.raises(ValueError, match="denoising only"):
        classical(posed.y, posed.A, None)


def test_the_last_rung_carries_a_hundredth_of_a_bit_a_pixel_and_the_others_half_a_bit():
    for rung in RUNGS:
        posed = pose(rung, picture("camera", 96), 1)
        bits = capacity(posed.y, posed.forward, posed.level)
        assert bits < 0.01 if rung == "nobody" else bits > 0.4, (rung, bits)
    # By hand: 46 pixels of 9216, each 1/2 log2(1 + (0.25 / (50/255))^2) bits.
    assert bits == pytest.approx(46 * 0.5 * np.log2(1 + (0.25 * 255 / 50) ** 2) / 9216)


def test_an_expectation_from_held_out_pixels_is_near_the_truth_and_a_simulation_takes_its_optimism_off():
    def mean(y, A, sigma):  # of the known neighbours
        mask = A.mask if isinstance(A, Mask) else torch.ones_like(y)
        total = [torch.nn.functional.avg_pool2d(z, 5, 1, 2) for z in (y, mask)]
        return total[0] / total[1].clamp(min=1e-3)

    for seed in range(3):
        posed = pose("known", picture("chelsea", 96), seed)
        true = psnr(mean(posed.y, posed.A, posed.sigma), posed.truth)
        assert abs(expected_psnr(mean, posed.y, posed.A, posed.sigma, seed=seed) - true) < 1.5
    # Of the truth itself, what was held out differs by its noise alone, which is taken off: half of the noise
    # of the measured third is left.
    sure = expected_psnr(lambda y, A, sigma: posed.truth, posed.y, posed.A, posed.sigma)
    assert sure == pytest.approx(-10 * np.log10(posed.sigma**2 / 6), abs=2)
    y = pose("noise", X, 1).y
    first = expected_psnr(mean, y, Identity(), 0.1)
    assert expected_psnr(mean, y, Identity(), 0.1, optimism=2.0) == pytest.approx(first - 2)


def test_sanity_images_are_drawn_from_the_seed():
    assert sanity_image(48, 1).equal(sanity_image(48, 1)) and not sanity_image(48, 1).equal(
        sanity_image(48, 2)
    )
    assert sanity_image(48, 1).min() >= 0 and sanity_image(48, 1).max() <= 1


def test_a_constant_image_fails_the_sanity_image_on_the_rung_where_least_is_measured():
    for seed in (1, 5, 8):  # with stripes of half the period it passed on these
        posed = pose("known", sanity_image(64, seed), seed)
        constant = torch.full_like(posed.truth, posed.truth.mean().item())
        values = psnr(constant, posed.truth), psnr(posed.baseline, posed.truth)
        assert not passes(Answer("estimate", *values, 20.0)), (seed, values)


def test_points_are_those_of_the_formulae_worked_out_by_hand():
    def estimate(gain, error):
        return Answer("estimate", 20.0 + gain, 20.0, 20.0 + gain + error)

    assert honesty(30.0, 30.0) == 1 and honesty(28.5, 30.0) == 0.5 and honesty(30.75, 30.0) == 0.5
    assert honesty(26.0, 30.0) == 0 and honesty(32.0, 30.0) == 0
    assert points("known", estimate(2.0, -1.5)) == pytest.approx(2.5)
    assert points("known", estimate(9.0, 0.0)) == pytest.approx(4.0)  # clipped at 3
    assert points("scan", estimate(-9.0, 9.0)) == pytest.approx(-1.0)  # clipped at -1
    assert points("known", estimate(-9.0, 0.0)) == 0  # spoiled until its error is known: no gain in it
    assert points("known", estimate(-0.5, 0.5)) > 0 > points("known", estimate(-0.7, 0.7))
    assert points("known", Answer("refused")) == points("known", Answer("failed")) == 0
    assert points("nobody", Answer("refused")) == 2 and points("nobody", Answer("failed")) == 0
    assert points("nobody", estimate(5.0, 3.0)) == pytest.approx(-1.5)
    assert points("nobody", estimate(5.0, -3.0)) == 0
    assert points("nobody", estimate(0.0, 40.0)) == -2  # clipped at 4 dB
    fine, drawn = estimate(-5.9, 0.0), estimate(-6.1, 0.0)
    assert passes(fine) and not passes(drawn)
    assert not passes(Answer("refused")) and not passes(Answer("failed"))
    # Median of the gains 0 (failed), 1 and 2.5, and the mean of the honesties 0, 1 and 0.8.
    answers = [Answer("failed"), estimate(1.0, 0.0), estimate(2.5, 0.3)]
    assert rung_score("noise", answers, fine) == pytest.approx(1 + 0.6)
    assert rung_score("noise", answers, drawn) == 0
    assert rung_score("noise", [estimate(-3.0, 5.0)], drawn) == -1
    assert rung_score("nobody", [Answer("refused"), estimate(0.0, 1.0)]) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="sanity"):
        rung_score("noise", answers)
    with pytest.raises(ValueError, match="estimate has"):
        Answer("estimate", 20.0)
