"""The rank that transformations add to a forward model: lesson 11's toy, and what can be counted by hand."""

import pytest
import torch

from dil_course import runtime
from dil_course.signals import Fourier, Identity, Mask, line_mask, stacked_rank

SHIFTS = [lambda x: x.roll(1, -1), lambda x: x.roll(1, -2), lambda x: x.roll((1, 1), (-2, -1))]
TURNS = [lambda x, k=k: torch.rot90(x, k, (-2, -1)) for k in (1, 2, 3)]
MIRROR = [lambda x: x.flip(-1)]


def holes(seed, seen=163):
    mask = torch.zeros(256)
    mask[torch.randperm(256, generator=runtime.generator(seed, "mask"))[:seen]] = 1
    return mask.reshape(1, 1, 16, 16)


def test_three_shifts_fill_most_holes_of_an_inpainting_mask():
    mask = holes(5)
    assert stacked_rank(Mask(mask), [], 16) == 163
    assert stacked_rank(Mask(mask), SHIFTS, 16) == 251
    # By hand: a pixel is seen where the mask or one of the masks shifted back the other way knows it.
    back = [mask.roll(-1, -1), mask.roll(-1, -2), mask.roll((-1, -1), (-2, -1))]
    assert (mask + sum(back) > 0).sum() == 251
    every = [lambda x, i=i: x.roll(i, -1) for i in range(1, 16)]
    assert stacked_rank(Mask(mask), [*SHIFTS, *every], 16) == 256


def test_251_is_what_chance_gives():
    # Of 256 pixels, (93 / 256)**4 are missed by four masks with 93 holes each: 4.5 on average.
    ranks = [stacked_rank(Mask(holes(seed)), SHIFTS, 16) for seed in range(6)]
    assert min(ranks) > 245 and sum(ranks) / len(ranks) == pytest.approx(251.5, abs=2)


def test_shifts_and_mirrors_add_nothing_to_a_fourier_mask_and_turns_do_not_fill_it():
    A = Fourier(line_mask(16, 16, 4))
    # By hand: the four columns and the opposites of three of them, seven columns of 16 real dimensions each.
    assert stacked_rank(A, [], 16) == 7 * 16 == 112
    assert stacked_rank(A, SHIFTS, 16) == 112
    assert stacked_rank(A, MIRROR, 16) == 112
    # Seven columns and seven rows, which cross in 49 places.
    assert stacked_rank(A, TURNS, 16) == 2 * 112 - 49 == 175
    assert stacked_rank(A, [*TURNS, *SHIFTS, *MIRROR], 16) == 175


def test_the_identity_has_full_rank():
    assert stacked_rank(Identity(), [], 8) == 64


@pytest.mark.parametrize(
    ("transforms", "said"),
    [
        (SHIFTS[0], "list of functions"),
        ([3], "expected a function"),
        ([lambda x: x[..., :4]], "must be equal"),
        ([lambda x: None], "transformation"),
    ],
)
def test_transformations_that_are_none_are_refused(transforms, said):
    with pytest.raises((TypeError, ValueError), match=said):
        stacked_rank(Identity(), transforms, 8)
