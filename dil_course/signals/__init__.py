"""What we observe: pictures, forward models and noise; and the metrics of an estimate."""

from dil_course.signals.digits import digits
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
from dil_course.signals.likeness import (
    coherence,
    completeness,
    copied_share,
    diversity,
    field_complexity,
    neighbour_field,
    sliced_wasserstein,
)
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
from dil_course.signals.scanners import Fourier, Radon, line_mask

__all__ = [
    "Blur", "BlurDownsample", "Downsample", "Fourier", "GARMENTS", "Identity", "Mask", "PICTURES",
    "Radon", "add_correlated", "add_gaussian", "add_poisson", "add_salt_and_pepper", "benchmark",
    "centres", "coherence", "completeness", "compress_jpeg", "consistent", "copied_share", "crop", "digits",
    "diversity", "enlarge", "estimate_sigma", "field_complexity", "garments", "gaussian_kernel",
    "line_mask", "load_image", "luma", "nearest", "neighbour_field", "patches", "picture", "places",
    "psnr", "save_image", "sliced_wasserstein", "ssim", "to_array", "to_tensor", "uploaded",
]  # fmt: skip
