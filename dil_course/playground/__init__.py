"""Every method on your own picture: choose a damage and methods, watch them side by side, keep the result."""

from dil_course.playground.pieces import denoised, denoiser_for, stable_pinv, steps_of, tv_weight
from dil_course.playground.recipes import (
    DAMAGES,
    METHODS,
    methods_for,
    noise_of,
    observed,
    prepared,
    script,
)

__all__ = [
    "DAMAGES", "METHODS", "denoised", "denoiser_for", "methods_for", "noise_of", "observed", "prepared",
    "script", "stable_pinv", "steps_of", "tv_weight",
]  # fmt: skip
