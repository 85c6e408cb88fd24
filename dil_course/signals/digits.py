"""Small pictures with labels: handwritten digits, split once for all into those to train and to test on."""

import math

import torch
from torch.nn import functional as F

from dil_course import runtime
from dil_course.signals.validation import check_choice, check_generator, check_stack, describe

SIDE = 24  # pixels: three times the 8 of the data set, so that blur and JPEG have something to destroy
TRAINING = 1000  # of the 1797 digits; the others are for tests


def digits(part):
    """Handwritten digits, white on black: pictures (N,1,24,24) in [0,1], and labels (N,) from 0 to 9.

    The data set "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998), as scikit-learn
    bundles it.

    Args:
        part: "training" for 1000 of them, "test" for the other 797, in random order, the same one every time.

    Raises:
        TypeError, ValueError: part is neither.
    """
    check_choice(part, ("training", "test"), "part")
    from sklearn.datasets import load_digits  # here, as it takes a second to import

    data = load_digits()
    small = torch.from_numpy(data.images).float()[:, None] / 16
    pictures = F.interpolate(small, size=(SIDE, SIDE), mode="bicubic", align_corners=False).clamp(0, 1)
    order = torch.randperm(len(pictures), generator=runtime.generator(0, "split of the digits"))
    chosen = order[:TRAINING] if part == "training" else order[TRAINING:]
    return pictures[chosen], torch.from_numpy(data.target).long()[chosen]


def jitter(pictures, generator):
    """Each picture (N,C,H,W) turned, moved and scaled a little at random.

    By up to 15 degrees, a tenth of the side and a tenth of its size, so that a digit keeps its class. Beyond
    the border, the pixels of the border are repeated.

    Raises:
        TypeError, ValueError: no finite float tensor (N,C,H,W), or no generator of random numbers.
    """
    check_stack(pictures)
    check_generator(generator)
    angle, scale, right, down = (2 * torch.rand(4, len(pictures), generator=generator) - 1).to(pictures)
    angle, scale = math.radians(15) * angle, 1 + 0.1 * scale
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    rows = torch.stack(
        [torch.stack([cosine, -sine, 0.2 * right], 1), torch.stack([sine, cosine, 0.2 * down], 1)], 1
    )
    places = F.affine_grid(rows, pictures.shape, align_corners=False)
    # On the CPU: Apple's GPUs cannot repeat the border before torch 2.13.
    moved = F.grid_sample(pictures.cpu(), places.cpu(), padding_mode="border", align_corners=False)
    return moved.to(pictures)


def quarter_turns(pictures, numbers):
    """Each square picture (N,C,S,S) turned by its own number (N,) of quarter turns, anticlockwise.

    Raises:
        TypeError, ValueError: no finite float tensor (N,C,S,S), or not a whole number from 0 to 3 for each
            picture.
    """
    check_stack(pictures)
    if pictures.shape[-2] != pictures.shape[-1]:
        raise ValueError(f"pictures: expected square ones, got {describe(pictures)}")
    if (
        not isinstance(numbers, torch.Tensor)
        or numbers.dtype != torch.int64
        or numbers.layout != torch.strided
        or numbers.is_meta
    ):
        raise TypeError(
            f"numbers: expected a tensor of int64, one number for each picture, got {describe(numbers)}"
        )
    if numbers.shape != pictures.shape[:1] or not ((numbers >= 0) & (numbers < 4)).all():
        raise ValueError(
            f"numbers: expected one from 0 to 3 for each of {len(pictures)} pictures, got {describe(numbers)}"
        )
    turned = pictures.clone()
    for number in range(1, 4):
        turned[numbers == number] = pictures[numbers == number].rot90(number, (-2, -1))
    return turned
