"""Build the notebooks from their sources: convert, run, tidy, write.

    python sources/build.py            every lesson
    python sources/build.py 01 03      only the lessons whose names start so

A lesson is edited as text in sources/lessons/NN_topic.py; notebooks/NN_topic.ipynb is made from it. What is
written depends on the source alone, apart from the outputs, so that a difference between two commits is one
that somebody made.
"""

import hashlib
import os
import sys
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "sources" / "lessons"
NOTEBOOKS = ROOT / "notebooks"
LARGEST = 1_500_000  # bytes; larger notebooks are slow to open and are not shown on the web
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def convert(source):
    """Read a source as a notebook without outputs, its metadata and cell ids depending on nothing but its text."""
    notebook = jupytext.read(source, fmt="py:percent")
    seen = Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
    notebook.metadata = METADATA
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return nbformat.from_dict(notebook)


def execute(notebook, folder):
    """Run every cell in this environment's kernel, in the quick profile, as a reader in `folder` would."""
    os.environ["DIL_PROFILE"] = "quick"
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=None,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    notebook.metadata = METADATA  # the run adds the exact Python version
    return notebook


def tidy(notebook):
    """Drop live widgets, which are dead without their kernel; the static figures beside them stay."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
    return notebook


def write(notebook, path):
    """Write the notebook, unless it holds an error or is too large."""
    for cell in notebook.cells:
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            raise ValueError(f"{path.name}: a cell ends in an error, so nothing is written:\n{cell.source}")
    text = nbformat.writes(notebook) + "\n"
    size = len(text.encode())
    if size > LARGEST:
        raise ValueError(f"{path.name}: {size / 1e6:.1f} MB, the limit is {LARGEST / 1e6} MB: make its figures smaller")
    path.write_text(text, encoding="utf-8", newline="\n")


def main(names):
    """Build the named lessons, or all."""
    sources = sorted(SOURCES.glob("*.py"))
    for name in names:
        if not any(source.stem.startswith(name) for source in sources):
            raise ValueError(f"no lesson in {SOURCES} starts with {name!r}")
    NOTEBOOKS.mkdir(exist_ok=True)
    for source in sources:
        if not names or source.stem.startswith(tuple(names)):
            target = NOTEBOOKS / f"{source.stem}.ipynb"
            print(f"{source.name} -> {target.name}", flush=True)
            write(tidy(execute(convert(source), NOTEBOOKS)), target)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (ValueError, CellExecutionError) as problem:
        sys.exit(f"build.py: {problem}")
