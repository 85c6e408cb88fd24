"""Networks that were trained beforehand, on other pictures: weights in `weights/`, each with its card."""

import json
from pathlib import Path

from safetensors import safe_open

from dil_course.networks.classifier import Classifier
from dil_course.networks.denoiser import Denoiser
from dil_course.networks.denoising_unet import DenoisingUNet
from dil_course.networks.generator import Generator
from dil_course.networks.residual import ResidualNetwork
from dil_course.signals.validation import check_choice

WEIGHTS = Path(__file__).with_name("weights")
TRAINED = {
    "denoiser_gray": Denoiser,
    "denoiser_colour": Denoiser,
    "prior_photographs": DenoisingUNet,
    "prior_ellipses": DenoisingUNet,
    "super_resolution": ResidualNetwork,
    "meta_bicubic": ResidualNetwork,
    "meta_joint": ResidualNetwork,
    "meta_kernels": ResidualNetwork,
    "meta_pictures": ResidualNetwork,
    "digits": Classifier,
    "digits_rotation": Classifier,
    "garments": Classifier,
    "garments_rotation": Classifier,
    "generator": Generator,
}


def trained(name):
    """A trained network, on the CPU, in evaluation mode. Each call gives a fresh copy.

    Data, command, seed and score of each stand in its card, `dil_course/networks/weights/<name>.md`.

    Args:
        name: one of `TRAINED`.

    Raises:
        TypeError, ValueError: there is no network of that name.
    """
    check_choice(name, TRAINED, "trained network")
    with safe_open(WEIGHTS / f"{name}.safetensors", "pt") as file:
        network = TRAINED[name](**json.loads(file.metadata()["settings"]))
        network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    return network.eval()
