"""The problem that a choice of picture and damage poses, and the runs of methods on it."""

import dataclasses
from typing import Any

import torch

from dil_course.fitting import Step
from dil_course.playground.recipes import DAMAGES, METHODS, evaluate
from dil_course.signals import estimate_sigma
from dil_course.signals.validation import (
    check_choice,
    check_image,
    check_integer,
    check_side,
    check_sigma,
)

SMALLEST = 32  # pixels a side: below, the networks of some methods have nothing left to look at
LEAST_NOISE = 1 / 255  # a step of 8-bit files; methods that need a level cannot work with none


@dataclasses.dataclass(frozen=True)
class Problem:
    """What methods get.

    Attributes:
        damage: one of `DAMAGES`.
        y: observation (1,C,h,w), and A, the forward model.
        truth: the clean picture (1,C,H,W), or None where the picture at hand is y.
        noise: standard deviation of the noise that was added, 0 where none was.
        sigma: the noise level that methods are given.
        seed: of everything that is drawn.
    """

    damage: str
    y: torch.Tensor
    A: Any
    truth: torch.Tensor | None
    noise: float
    sigma: float
    seed: int

    def steps(self, method):
        """The Steps of a method's run. The method itself is made with the first one."""
        made = evaluate(METHODS[method].line, y=self.y, A=self.A, sigma=self.sigma, seed=self.seed)
        if METHODS[method].at_once:
            yield Step(1, 1, 0.0, made, averaged=True)
        else:
            yield from made

    def rule(self, method):
        """A fresh stopping rule for a method's run, or None."""
        line = METHODS[method].rule
        return None if line is None else evaluate(line)


def prepared(x, damage):
    """x (1,C,H,W) cut to sides that the damage can take: even ones where it halves them.

    Raises:
        TypeError, ValueError: no such damage, or x is no picture in [0,1] or too small for the methods.
    """
    check_choice(damage, DAMAGES, "damage")
    check_image(x, "the picture")
    chosen = DAMAGES[damage]
    if chosen.kind == "enlarge" and chosen.observe is not None:
        check_side(x.shape, 2 * SMALLEST, "a picture to be halved")
        return x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]
    check_side(x.shape, SMALLEST, "the picture")
    return x


def pose(x, damage, noise=None, sigma=None, seed=0):
    """The Problem of restoring a picture from this damage.

    Args:
        x: picture (1,C,H,W) in [0,1], computed on its own device.
        damage: one of `DAMAGES`.
        noise: standard deviation in [0,1] of the noise that is added; None takes the damage's own. Where the
            damage adds none, it is not looked at.
        sigma: the level that methods are given; None takes that of the added noise, and estimates it where
            none was added.
        seed: of the noise, of the missing pixels and of the methods.

    Raises:
        TypeError, ValueError: an argument is not of this form, or there would be nothing to denoise.
    """
    x = prepared(x, damage)
    chosen = DAMAGES[damage]
    check_integer(seed, "seed")
    noise = chosen.noise if noise is None else noise
    if chosen.adds_noise:
        check_sigma(noise, "noise", low=LEAST_NOISE if chosen.kind == "denoise" else 0.0)
    else:
        noise = 0.0
    if sigma is not None:
        check_sigma(sigma, low=LEAST_NOISE)
    A = evaluate(chosen.operator, x=x, seed=seed)
    if chosen.observe is None:
        y, truth = x, None
    else:
        y, truth = evaluate(chosen.observe, x=x, A=A, sigma=noise, seed=seed), x
    if sigma is None:
        sigma = noise if chosen.adds_noise else chosen.level or estimated(y)
    return Problem(damage, y, A, truth, noise, sigma, seed)


def estimated(y):
    """The noise level of y, between one step of 8-bit files and 1."""
    return min(max(estimate_sigma(y), LEAST_NOISE), 1.0)
