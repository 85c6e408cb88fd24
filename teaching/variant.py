"""Write a variant of the problem sets, for a class that could find the published solutions.

    python teaching/variant.py 7 --to term            all sets
    python teaching/variant.py 7 --to term ps03 ps05  some

The folder gets solutions/ and exercises/, as the course has them. In the task that asks for causes, each
failing run has another letter than the published one; and the hidden tests draw other numbers. All other
tasks ask for functions, whose checks draw their inputs anyway, so a published function is right. Mark
with `python teaching/mark.py NAME --course term`, where term/submitted/ holds what was handed in.
"""

import argparse
import ast
import importlib
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "sources"))

import build

from dil_course.checks import tasks

HIDDEN_SEED = 2357  # of the published sets


def vary(notebook, name, number):
    """Turn the solved problem set `name`, such as "ps03", into a variant: in place, and without outputs."""
    call = f"from dil_course.checks import tasks\n\ntasks.variant({number})\n"
    tasks.variant(number)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs, cell.execution_count = [], None
        cell.source = cell.source.replace(f"seed={HIDDEN_SEED})", f"seed={HIDDEN_SEED + number})")
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "causes":
            cell.source = f"{call}\n{cell.source}"  # this cell is put back when marked
        elif "### BEGIN SOLUTION\ncauses = {" in cell.source:
            letters = tasks.letters_of(importlib.import_module(f"dil_course.checks.{name}").failing_run)
            cell.source = with_letters(cell.source, letters)
    code[0].source = f"{call}\n{code[0].source}"


def with_letters(source, letters):
    """The solution's dictionary of causes under the letters of the variant."""
    start = source.index("causes = {", source.index("### BEGIN SOLUTION"))
    end = source.index("}", start) + 1
    published = ast.literal_eval(source[start:end].removeprefix("causes = "))
    lines = "".join(f'    "{letter}": "{published[old]}",\n' for letter, old in letters.items())
    return f"{source[:start]}causes = {{\n{lines}}}{source[end:]}"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("number", type=int, help="of the variant, from 1 on")
    parser.add_argument("names", nargs="*", default=["ps"], help="beginnings of names, such as ps03")
    parser.add_argument("--to", type=Path, required=True, help="folder for solutions/ and exercises/")
    options = parser.parse_intermixed_args(arguments)
    if options.number < 1:
        parser.error("variants are numbered from 1 on; 0 would be the published sets")
    for path in sorted((ROOT / "solutions").glob("ps*/ps*.ipynb")):
        if path.stem.startswith(tuple(options.names)):
            notebook = nbformat.read(path, as_version=4)
            vary(notebook, path.stem[:4], options.number)
            target = options.to / "solutions" / path.stem / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, target)
            build.generate(path.stem, options.to.resolve(), (options.to / "exercises").resolve())
            print(f"{path.stem}: variant {options.number}")


if __name__ == "__main__":
    main()
