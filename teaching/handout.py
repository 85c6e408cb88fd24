"""What a class gets: the lessons without outputs and the problem sets, as a folder and as one archive.

    python -m teaching.handout      build/handout/ and build/handout.zip

Whoever predicts before a run finds no answer in the outputs. The problem sets are those of exercises/, byte
for byte, so that they are marked as always; nothing of solutions/ is in it.
"""

import argparse
import shutil
from pathlib import Path

import nbformat

from teaching import outline

BUILD = outline.ROOT / "build" / "handout"


def without_outputs(notebook):
    """The notebook as if nobody had run it."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def write(folder):
    """Write the handout into this folder, which is made anew, and into the archive beside it."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "notebooks").mkdir(parents=True)
    for path in sorted(outline.NOTEBOOKS.glob("*.ipynb")):
        text = nbformat.writes(without_outputs(outline.read(path))) + "\n"
        (folder / "notebooks" / path.name).write_text(text, encoding="utf-8")
    for path in sorted((outline.ROOT / "exercises").glob("ps*/*.ipynb")):
        to = folder / "exercises" / path.parent.name / path.name
        to.parent.mkdir(parents=True)
        shutil.copyfile(path, to)
    return Path(shutil.make_archive(str(folder), "zip", folder))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=BUILD, metavar="FOLDER", help="by default build/handout")
    print(f"handout: {write(parser.parse_args(arguments).to)}")


if __name__ == "__main__":
    main()
