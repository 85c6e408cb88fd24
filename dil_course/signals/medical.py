"""A magnetic resonance image and an electrocardiogram of two people, small, with their cards in `data/`."""

import torch

from dil_course.signals.bundled import FOLDER, read_bundled

MR_FILE, ECG_FILE = FOLDER / "mr_slice.npz", FOLDER / "ecg.npz"
MR_DIGEST = "fa252d7457d4f9d672f4dbeed14055c2145e0198003adab41db093d5d8ce03df"  # SHA-256 of the file
ECG_DIGEST = "9ef7cf5c88c1ee07aeb50bde9b341e590b100f8d03a4dbab497f683c5af44e40"


def mr_slice():
    """A part of an MR image of an abdomen, (1,1,128,128) float32 in [0,1]: liver, kidney, aorta, vertebra.

    A magnitude image: the scanner measured complex Fourier coefficients with several coils, and its software
    combined, normalised and resampled them. So the coefficients of this picture are a simulation, and an easy
    one: scores on it cannot be compared with scores on raw measurements. From the test data of GDCM, as
    pydicom ships it; BSD licence, copyright 1993-2016 Mathieu Malaterre and CREATIS. Its licence and what was
    changed stand in the card, `dil_course/signals/data/mr_slice.md`.

    Raises:
        OSError: the file is missing, or is not the one that belongs to the library.
    """
    pixels = torch.from_numpy(read_bundled(MR_FILE, MR_DIGEST)["pixels"].astype("float32"))
    return (pixels / pixels.max())[None, None]


def ecg():
    """Several heartbeats of an electrocardiogram: a signal (1,1,1,1024) float32, scaled to [0,1].

    A signal is a picture of one row, so that everything that takes (1,C,H,W) takes it. Its sampling rate and
    its unit are not documented. From PyWavelets; MIT licence, copyright 2006-2012 Filip Wasilewski and
    2012- The PyWavelets Developers. Its licence and what was changed stand in the card,
    `dil_course/signals/data/ecg.md`.

    Raises:
        OSError: the file is missing, or is not the one that belongs to the library.
    """
    samples = torch.from_numpy(read_bundled(ECG_FILE, ECG_DIGEST)["samples"].astype("float32"))
    return ((samples - samples.min()) / (samples.max() - samples.min()))[None, None, None]
