"""Draw images from a denoiser that knows every noise level, so that they agree with an observation.

All samplers are written in the variance-exploding form: x_t = x + s_t n, for images in [0,1], with n of
standard deviation one. Papers that write x_t = sqrt(a) x + sqrt(1 - a) n for images in [-1,1]
mean the same states times sqrt(a), with s = sqrt((1 - a) / a) / 2.
"""

from dil_course.diffusion.ddnm import ddnm
from dil_course.diffusion.ddpg import ddpg
from dil_course.diffusion.dps import dps
from dil_course.diffusion.neighbours import tune_on_neighbours
from dil_course.diffusion.sampling import noise_levels, sample
from dil_course.diffusion.scd import scd

__all__ = ["ddnm", "ddpg", "dps", "noise_levels", "sample", "scd", "tune_on_neighbours"]
