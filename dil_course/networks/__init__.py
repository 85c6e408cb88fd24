"""What we fit: the networks, one file each."""

from dil_course.networks.classifier import Classifier
from dil_course.networks.decoder import conv_decoder, deep_decoder
from dil_course.networks.denoiser import Denoiser
from dil_course.networks.partial import PartialUNet
from dil_course.networks.residual import ResidualNetwork
from dil_course.networks.skip import SkipNetwork, small_skip_network
from dil_course.networks.trained import trained

__all__ = [
    "Classifier",
    "Denoiser",
    "PartialUNet",
    "ResidualNetwork",
    "SkipNetwork",
    "conv_decoder",
    "deep_decoder",
    "small_skip_network",
    "trained",
]
