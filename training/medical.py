"""Cut the MR slice and the ECG that the library bundles out of two packages, and write their cards.

python training/medical.py PYDICOM.whl PYWAVELETS.whl

The packages are those of `pip download --no-deps pydicom==3.0.2 pywavelets==1.9.0`; they need not be
installed. Only pixels and samples are kept, nothing of the image's header.
"""

import argparse
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from dil_course.signals.medical import ECG_FILE, MR_FILE

ROWS, COLUMNS = 300, 484  # of the whole MR image
TOP, LEFT, SIDE = 110, 130, 128  # of its part that is kept
MR_CARD = """# mr_slice

Part of a magnetic resonance image of an abdomen, with contrast agent: liver with a lesion, kidney, aorta,
vertebra.

| | |
| --- | --- |
| source | `examples_overlay.dcm` of pydicom 3.0.2, https://github.com/pydicom/pydicom |
| origin | `MR-SIEMENS-DICOM-WithOverlays.dcm` of GDCM, https://github.com/malaterre/GDCM |
| copyright | 2006-2016 Mathieu Malaterre, 1993-2005 CREATIS |
| licence | BSD with three clauses, its text below; pydicom's file `test_files/README.txt` names it |
| image | T1-weighted gradient echo with suppressed fat, 1.5 tesla, one pixel 0.72 mm |
| not raw | magnitudes, normalised and resampled by the scanner's software, as the image's header says |
| part | rows {top} to {bottom} and columns {left} to {right} of 300 x 484, counted from 0 |
| command | `python training/medical.py PYDICOM.whl PYWAVELETS.whl` |
| changed | nothing but the choice of pixels; the header, with all that it says of the person, is left out |
| format | compressed npz of uint16: `pixels`, {low} to {high} |
| size | {size:,} bytes |
| SHA-256 | {digest} |

Load it with `dil_course.signals.mr_slice()`, which divides by the largest value.

## Licence

{licence}
"""
ECG_CARD = """# ecg

Several heartbeats of an electrocardiogram.

| | |
| --- | --- |
| source | `pywt/data/ecg.npz` of PyWavelets 1.9.0, https://github.com/PyWavelets/pywt |
| origin | not documented there, nor are sampling rate, unit and lead |
| copyright | 2006-2012 Filip Wasilewski, 2012- The PyWavelets Developers |
| licence | MIT, its text below |
| command | `python training/medical.py PYDICOM.whl PYWAVELETS.whl` |
| changed | nothing but the type of the numbers |
| format | compressed npz of int16: `samples`, {count} from {low} to {high} |
| size | {size:,} bytes |
| SHA-256 | {digest} |

Load it with `dil_course.signals.ecg()`, which scales it to [0,1].

## Licence

{licence}
"""


def write(file, card, licence, name, values, **others):
    """The array as npz, and its card."""
    file.parent.mkdir(exist_ok=True)
    np.savez_compressed(file, **{name: values})
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    facts = dict(low=values.min(), high=values.max(), count=values.size, size=file.stat().st_size)
    text = card.format(digest=digest, licence=licence.strip(), **facts, **others)
    file.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text.partition("## Licence")[0])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pydicom", type=Path)
    parser.add_argument("pywavelets", type=Path)
    packages = parser.parse_args()
    with zipfile.ZipFile(packages.pydicom) as package:
        content = package.read("pydicom/data/test_files/examples_overlay.dcm")
        readme = package.read("pydicom/data/test_files/README.txt").decode()
    # The pixels are the file's last element, uncompressed.
    pixels = np.frombuffer(content[-2 * ROWS * COLUMNS :], "<u2").reshape(ROWS, COLUMNS)
    pixels = pixels[TOP : TOP + SIDE, LEFT : LEFT + SIDE].copy()
    licence = readme[readme.index("Copyright (c) 2006-2016 Mathieu Malaterre") :].replace("\r", "")
    edges = dict(top=TOP, bottom=TOP + SIDE - 1, left=LEFT, right=LEFT + SIDE - 1)
    write(MR_FILE, MR_CARD, licence, "pixels", pixels, **edges)
    with zipfile.ZipFile(packages.pywavelets) as package:
        with np.load(io.BytesIO(package.read("pywt/data/ecg.npz"))) as data:
            samples = data["data"].astype(np.int16)
        licence = package.read("pywavelets-1.9.0.dist-info/licenses/LICENSE").decode().replace("\r", "")
    write(ECG_FILE, ECG_CARD, licence, "samples", samples)
    print("If a SHA-256 is a new one, write it into dil_course/signals/medical.py, too.")


if __name__ == "__main__":
    main()
