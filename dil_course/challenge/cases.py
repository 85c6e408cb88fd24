"""What is handed over, in a file: y, A and sigma, and nothing else."""

import io
import zipfile

import numpy as np
import torch

from dil_course.signals import Blur, Fourier, Identity, Mask
from dil_course.signals.validation import check_sigma, check_target, describe

KINDS = {
    "Identity": (Identity, None),
    "Mask": (Mask, "mask"),
    "Blur": (Blur, "kernel"),
    "Fourier": (Fourier, "mask"),
}


def write_case(y, A=None, sigma=None):
    """The bytes of an npz file that holds y (1,C,h,w), A and sigma, where the last two may be None.

    Raises:
        TypeError, ValueError: y or sigma is not of this form, or A is none of the four.
    """
    check_target(y)
    if sigma is not None:
        check_sigma(sigma)
    arrays = {"y": y.detach().cpu().numpy()}
    if A is not None:
        check_forward(A)
        arrays["kind"] = np.array(type(A).__name__)
        name = KINDS[type(A).__name__][1]
        if name:
            arrays[name] = getattr(A, name).numpy()
    if sigma is not None:
        arrays["sigma"] = np.float64(sigma)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def check_forward(A):
    """Refuse what is none of the challenge's forward models (TypeError)."""
    if not isinstance(A, Identity | Mask | Blur | Fourier):
        raise TypeError(f"A: expected an Identity, Mask, Blur or Fourier, got {describe(A)}")


def read_case(content):
    """(y, A, sigma) of the bytes that `write_case` made.

    Raises:
        TypeError, ValueError: the bytes are no such file.
    """
    if not isinstance(content, bytes):
        raise TypeError(f"content: expected the bytes that write_case made, got {describe(content)}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        y, A = torch.from_numpy(arrays["y"]), None
        if "kind" in arrays:
            make, name = KINDS[str(arrays["kind"])]
            A = make(torch.from_numpy(arrays[name])) if name else make()
        return y, A, float(arrays["sigma"]) if "sigma" in arrays else None
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as problem:
        raise ValueError(f"content: expected the bytes that write_case made: {problem}") from problem
