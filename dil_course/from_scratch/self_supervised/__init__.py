"""Denoising without a clean image: the target is made from the noisy one itself. One file a family."""

from dil_course.from_scratch.self_supervised.blind_spot import (
    blind,
    calibrate,
    held_out,
    noise2self,
    noise2void,
)
from dil_course.from_scratch.self_supervised.noise2noise import noise2noise, recorrupted2recorrupted
from dil_course.from_scratch.self_supervised.self2self import self2self
from dil_course.from_scratch.self_supervised.subsampling import (
    neighbor2neighbor,
    noise2fast,
    zero_shot_noise2noise,
)

__all__ = [
    "blind", "calibrate", "held_out", "neighbor2neighbor", "noise2fast", "noise2noise", "noise2self",
    "noise2void", "recorrupted2recorrupted", "self2self", "zero_shot_noise2noise",
]  # fmt: skip
