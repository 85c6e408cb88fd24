"""Build the notebooks from their sources: convert, run, tidy, write.

    python sources/build.py                      every lesson and every problem set
    python sources/build.py 01 ps03              only those whose names start so
    python sources/build.py --from-notebooks 01  first put what was edited in the notebooks into the sources

A lesson is edited as text in sources/lessons/NN_topic.py; notebooks/NN_topic.ipynb is made from it.
A problem set is edited in sources/problem_sets/psNN_topic.py, with its solutions; solutions/ is made from it,
and exercises/ from solutions/ by nbgrader, which takes the solutions out. What is written depends on the
source alone, apart from the outputs, so that a difference between two commits is one that somebody made.
Nothing that somebody typed into a notebook is overwritten: the build refuses and names the cells (edits.py).
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import edits
import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "sources" / "lessons"
PROBLEM_SETS = ROOT / "sources" / "problem_sets"
NOTEBOOKS = ROOT / "notebooks"
SOLUTIONS = ROOT / "solutions"
EXERCISES = ROOT / "exercises"
LARGEST = 1_500_000  # bytes; larger notebooks are slow to open, and much larger ones are not shown on the web
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    # What the kernel says where lab/ is installed: anything else, and JupyterLab would change and save it.
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": "3",
    },
}


def convert(source):
    """A source as a notebook without outputs, whose metadata and cell ids depend on its text alone."""
    notebook = jupytext.read(source, fmt="py:percent")
    for cell, name in zip(notebook.cells, edits.ids(notebook.cells), strict=True):
        cell.id = name
        kept = {key: cell.metadata[key] for key in ("tags", "nbgrader") if cell.metadata.get(key)}
        if "nbgrader" in kept:
            kept["nbgrader"] = role(kept["nbgrader"])
        cell.metadata = kept
    notebook.metadata = METADATA
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return nbformat.from_dict(notebook)


def role(given):
    """nbgrader's metadata in full: a source says whether a cell is a solution or graded, and its points."""
    graded, solution = given.get("grade", False), given.get("solution", False)
    return given | {
        "grade": graded,
        "solution": solution,
        "locked": graded and not solution,
        "task": False,
        "schema_version": 3,
    }


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
    """Write the notebook, unless it holds an error, is too large, or would overwrite what somebody typed."""
    for cell in notebook.cells:
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            raise ValueError(f"{path.name}: a cell ends in an error, so nothing is written:\n{cell.source}")
    text = nbformat.writes(notebook) + "\n"
    size = len(text.encode())
    if size > LARGEST:
        raise ValueError(
            f"{path.name}: {size / 1e6:.1f} MB, the limit is {LARGEST / 1e6} MB: make its figures smaller"
        )
    edits.protect(path, notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def generate(name, course, release):
    """Let nbgrader make the exercise of a problem set from its solution: release/NAME/NAME.ipynb.

    Args:
        name: of the problem set.
        course: folder that holds solutions/NAME/NAME.ipynb.
        release: folder to write to.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "nbgrader", "generate_assignment", name, "--force", "--no-db"]
        command += [f"--course-dir={course}", f"--CourseDirectory.release_directory={scratch}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"nbgrader could not make {name}:\n{done.stderr}")
        notebook = nbformat.read(Path(scratch) / name / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.source.endswith("\nraise NotImplementedError()"):  # not indented: it stops the cell itself
            cell.metadata.tags = ["raises-exception"]  # on which Run All goes on
    notebook.metadata = METADATA
    write(notebook, Path(release) / name / f"{name}.ipynb")


def targets(source):
    """The notebooks that are made from this source; the first is the one that holds all its text."""
    if source.parent == SOURCES:
        return [NOTEBOOKS / f"{source.stem}.ipynb"]
    return [folder / source.stem / f"{source.stem}.ipynb" for folder in (SOLUTIONS, EXERCISES)]


def build(source):
    """Build what is made from this source."""
    first, *exercise = targets(source)
    first.parent.mkdir(parents=True, exist_ok=True)
    write(tidy(execute(convert(source), first.parent)), first)
    if exercise:
        generate(source.stem, ROOT, EXERCISES)


def took_edits(source):
    """Put the edits of a source's notebook into the source, and say whether there were any."""
    before = source.read_text(encoding="utf-8")
    edits.carry(source, targets(source)[0])
    taken = before != source.read_text(encoding="utf-8")
    print(f"{source.relative_to(ROOT)}: {'took the edits of its notebook' if taken else 'nothing to take'}")
    return taken


def main(names, from_notebooks=False):
    """Build what is named, or all.

    With `from_notebooks`, first put the edits of the notebooks into their sources, and build only those.
    """
    sources = [*sorted(SOURCES.glob("*.py")), *sorted(PROBLEM_SETS.glob("ps*.py"))]
    for name in names:
        if not any(source.stem.startswith(name) for source in sources):
            raise ValueError(f"no lesson and no problem set starts with {name!r}")
    wanted = [source for source in sources if not names or source.stem.startswith(tuple(names))]
    if from_notebooks:
        wanted = [source for source in wanted if took_edits(source)]
    for source in wanted:  # before anything is run
        for path in targets(source):
            edits.protect(path, convert(source))
    for source in wanted:
        print(source.relative_to(ROOT), flush=True)
        build(source)


if __name__ == "__main__":
    given = sys.argv[1:]
    try:
        main([name for name in given if name != "--from-notebooks"], "--from-notebooks" in given)
    except (ValueError, CellExecutionError) as problem:
        sys.exit(f"build.py: {problem}")
