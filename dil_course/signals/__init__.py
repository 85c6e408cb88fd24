"""What we observe: pictures, forward models and noise; and the metrics of an estimate."""

from dil_course.signals.digits import digits
from dil_course.signals.ellipses import random_ellipses
from dil_course.signals.garments import GARMENTS, garments
from dil_course.signals.images import (
    PICTURES,
    benchmark,
    crop,
    load_image,
    picture,
    save_image,
    to_array,
    to_tensor,
    uploaded,
)
from dil_course.signals.invariance import rotated, stacked_rank
from dil_course.signals.likeness import (
    coherence,
    completeness,
    copied_share,
    diversity,
    field_complexity,
    neighbour_field,
    sliced_wasserstein,
)
from dil_course.signals.measurements import Gaussian
from dil_course.signals.medical import ecg, mr_slice
from dil_course.signals.metrics import luma, psnr, ssim
from dil_course.signals.noise import (
    add_correlated,
    add_gaussian,
    add_poisson,
    add_salt_and_pepper,
    compress_jpeg,
    estimate_sigma,
)
from dil_course.signals.operators import (
    Blur,
    BlurDownsample,
    Downsample,
    Identity,
    Mask,
    consistent,
    enlarge,
    gaussian_kernel,
)
from dil_course.signals.recurrence import centres, nearest, patches, places
from dil_course.signals.scanners import Fourier, Radon, line_mask, split_lines

__all__ = [
    "Blur", "BlurDownsample", "Downsample", "Fourier", "GARMENTS", "Gaussian", "Identity", "Mask",
    "PICTURES", "Radon", "add_correlated", "add_gaussian", "add_poisson", "add_salt_and_pepper", "benchmark",
    "centres", "coherence", "completeness", "compress_jpeg", "consistent", "copied_share", "crop", "digits",
    "diversity", "ecg", "enlarge", "estimate_sigma", "field_complexity", "garments", "gaussian_kernel",
    "line_mask", "load_image", "luma", "mr_slice", "nearest", "neighbour_field", "patches", "picture",
    "places", "psnr", "random_ellipses", "rotated", "save_image", "sliced_wasserstein", "split_lines", "ssim",
    "stacked_rank", "to_array", "to_tensor", "uploaded",
]  # fmt: skip
