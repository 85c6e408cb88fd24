"""Part I of the field: learn from one input. One file a method."""

from dil_course.from_scratch.bp_dip import bp_dip
from dil_course.from_scratch.deep_image_prior import deep_image_prior
from dil_course.from_scratch.deep_red import deep_red
from dil_course.from_scratch.dip_sure import dip_sure
from dil_course.from_scratch.dip_tv import dip_tv, total_variation
from dil_course.from_scratch.equivariant_imaging import equivariant_imaging
from dil_course.from_scratch.gpnn import gpnn
from dil_course.from_scratch.guided_filter import guided_filter
from dil_course.from_scratch.kernel_gan import kernel_gan
from dil_course.from_scratch.kernel_recurrence import kernel_recurrence
from dil_course.from_scratch.non_local_means import non_local_means
from dil_course.from_scratch.patch_diffusion import optimal_denoiser, patch_diffusion
from dil_course.from_scratch.self_supervised import (
    blind,
    calibrate,
    held_out,
    neighbor2neighbor,
    noise2fast,
    noise2noise,
    noise2self,
    noise2void,
    recorrupted2recorrupted,
    self2self,
    zero_shot_noise2noise,
)
from dil_course.from_scratch.sgld_dip import Posterior, sgld_dip
from dil_course.from_scratch.singan import SinGAN, singan
from dil_course.from_scratch.unsure import unsure
from dil_course.from_scratch.variational import bp_tv, tv
from dil_course.from_scratch.zero_shot_sr import zero_shot_sr

__all__ = [
    "Posterior", "SinGAN", "blind", "bp_dip", "bp_tv", "calibrate", "deep_image_prior", "deep_red",
    "dip_sure", "dip_tv", "equivariant_imaging", "gpnn", "guided_filter", "held_out", "kernel_gan",
    "kernel_recurrence", "neighbor2neighbor", "noise2fast", "noise2noise", "noise2self", "noise2void",
    "non_local_means", "optimal_denoiser", "patch_diffusion", "recorrupted2recorrupted", "self2self",
    "sgld_dip", "singan", "total_variation", "tv", "unsure", "zero_shot_noise2noise", "zero_shot_sr",
]  # fmt: skip
