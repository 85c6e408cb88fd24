"""Small photographs with labels: garments in ten classes, a part of Fashion-MNIST that lies in `data/`."""

import torch

from dil_course.signals.bundled import FOLDER, read_bundled
from dil_course.signals.validation import check_choice

FILE = FOLDER / "garments.npz"
DIGEST = "b541dc431688b320b7aacad0a333e899888087e3a6c24ebaa0651a6ee4287235"  # SHA-256 of the file
GARMENTS = (
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


def garments(part):
    """Garments, bright on black: pictures (N,1,28,28) float32 in [0,1], and labels (N,) int64 from 0 to 9.

    8000 of the 70,000 pictures of Fashion-MNIST: Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image
    Dataset for Benchmarking Machine Learning Algorithms" (2017); MIT licence, copyright 2017 Zalando SE. How
    they were chosen stands in the card, `dil_course/signals/data/garments.md`. Label k means `GARMENTS[k]`.

    Args:
        part: "training" for 6000 pictures of the original training set, "test" for 2000 of the original test
            set. Each class has a tenth of them; they come in random order, the same one every time.

    Raises:
        TypeError, ValueError: part is neither.
        OSError: the file is missing, or is not the one that belongs to the library.
    """
    check_choice(part, ("training", "test"), "part")
    data = read_bundled(FILE, DIGEST)
    pictures, labels = data[f"{part}_pictures"], data[f"{part}_labels"]
    return torch.from_numpy(pictures)[:, None].float() / 255, torch.from_numpy(labels).long()
