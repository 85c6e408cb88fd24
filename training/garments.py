"""Choose the garments that the library bundles from the four files of Fashion-MNIST, and write their card.

python training/garments.py FOLDER       FOLDER holds train-images-idx3-ubyte.gz and the three others

The files are those of https://github.com/zalandoresearch/fashion-mnist, and of Debian's package
dataset-fashion-mnist, which puts them into /usr/share/datasets/fashion-mnist.
"""

import argparse
import gzip
import hashlib
from pathlib import Path

import numpy as np
import torch

from dil_course import runtime
from dil_course.signals.garments import FILE, GARMENTS

# Part: (beginning of its files' names, pictures of each class).
PARTS = {"training": ("train", 600), "test": ("t10k", 200)}
SEED = 0
LICENCE = """The MIT License (MIT)

Copyright (c) 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
Software, and to permit persons to whom the Software is furnished to do so, subject to the following
conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions
of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED
TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL
THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF
CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
DEALINGS IN THE SOFTWARE."""
CARD = """# garments

Part of Fashion-MNIST: article images of Zalando, 28 x 28 pixels, gray, in ten classes.

| | |
| --- | --- |
| source | https://github.com/zalandoresearch/fashion-mnist |
| paper | Xiao, Rasul and Vollgraf, 2017, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747) |
| copyright | 2017 Zalando SE |
| licence | MIT, its text below |
| training | {training} pictures, {each_training} a class, drawn from the 60,000 to train on |
| test | {test} pictures, {each_test} a class, drawn from the 10,000 to test on |
| command | `python training/garments.py /usr/share/datasets/fashion-mnist` |
| seed | {seed} |
| classes | {classes} |
| changed | nothing but the choice and the order; pixels as they came, whole numbers from 0 to 255 |
| format | compressed npz of uint8: `training_pictures`, `training_labels`, `test_pictures`, `test_labels` |
| size | {size:,} bytes |
| SHA-256 | {digest} |

Load it with `dil_course.signals.garments("training")` or `garments("test")`.

## Licence

{licence}
"""


def read_idx(path):
    """The array of unsigned bytes in a gzipped file of the IDX format."""
    content = gzip.decompress(path.read_bytes())
    sides = np.frombuffer(content, ">i4", count=content[3], offset=4)  # the fourth byte: how many axes
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sides)


def choose(labels, each, generator):
    """Indices of `each` pictures of each class, in random order."""
    order = torch.randperm(len(labels), generator=generator).numpy()
    kept = np.sort(np.concatenate([np.flatnonzero(labels[order] == k)[:each] for k in range(len(GARMENTS))]))
    return order[kept]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    arrays = {}
    for part, (beginning, each) in PARTS.items():
        pictures = read_idx(folder / f"{beginning}-images-idx3-ubyte.gz")
        labels = read_idx(folder / f"{beginning}-labels-idx1-ubyte.gz")
        chosen = choose(labels, each, runtime.generator(SEED, f"garments, {part}"))
        arrays |= {f"{part}_pictures": pictures[chosen], f"{part}_labels": labels[chosen]}
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **arrays)
    counts = {part: len(arrays[f"{part}_labels"]) for part in PARTS}
    card = CARD.format(
        **counts,
        **{f"each_{part}": each for part, (_, each) in PARTS.items()},
        seed=SEED,
        classes=", ".join(f"{k} {name}" for k, name in enumerate(GARMENTS)),
        size=FILE.stat().st_size,
        digest=hashlib.sha256(FILE.read_bytes()).hexdigest(),
        licence=LICENCE,
    )
    FILE.with_suffix(".md").write_text(card)
    print(card.partition("## Licence")[0])
    print("If the SHA-256 is a new one, write it into dil_course/signals/garments.py, too.")


if __name__ == "__main__":
    main()
