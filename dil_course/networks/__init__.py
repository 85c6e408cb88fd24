"""What we fit: the networks, one file each."""

from dil_course.networks.classifier import Classifier
from dil_course.networks.coordinates import FourierFeatures, Siren, coordinates
from dil_course.networks.decoder import conv_decoder, deep_decoder
from dil_course.networks.denoiser import Denoiser
from dil_course.networks.denoising_unet import DenoisingUNet
from dil_course.networks.generator import Generator
from dil_course.networks.partial import PartialUNet
from dil_course.networks.residual import ResidualNetwork
from dil_course.networks.skip import SkipNetwork, signal_skip_network, small_skip_network
from dil_course.networks.trained import trained

__all__ = [
    "Classifier",
    "Denoiser",
    "DenoisingUNet",
    "FourierFeatures",
    "Generator",
    "PartialUNet",
    "ResidualNetwork",
    "Siren",
    "SkipNetwork",
    "conv_decoder",
    "coordinates",
    "deep_decoder",
    "signal_skip_network",
    "small_skip_network",
    "trained",
]
