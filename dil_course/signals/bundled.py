"""Files of data that come with the library, each with a card beside it: read only where they are intact."""

import hashlib
import io
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).with_name("data")


def read_bundled(file, digest):
    """The arrays {name: array} of an npz file whose SHA-256 is `digest`.

    Raises:
        OSError: the file is missing, or is not the one that belongs to the library.
    """
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise OSError(f"{file} is damaged: its SHA-256 is not that of its card; install dil_course again")
    with np.load(io.BytesIO(content)) as data:
        return dict(data)
