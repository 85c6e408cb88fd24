"""Two steps that nbgrader's autograder lacks: mend what students break by accident, and survive what kills a
kernel.

Both are named in nbgrader_config.py, so that a plain `nbgrader autograde` has them too. What they did to a
notebook they say in the log, in lines that begin with MARK; `teaching/mark.py` collects these for the
lecturer.
"""

from collections import Counter

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.preprocessors.execute import UnresponsiveKernelError

MARK = "marking: "
LARGEST_OUTPUT = 200_000  # characters kept of what one cell prints
LONGEST_NOTEBOOK = 400  # cells


class MendCells(NbGraderPreprocessor):
    """Bring a submission's cells back to the released ones; comes first.

    A missing check cell is put back at the end, where all that the student has defined is known. nbgrader's
    own `add_missing_cells` puts it behind its neighbour, and stops with KeyError where that is missing, too.
    A missing answer cell needs no replacement, unless it is marked by hand.
    """

    def preprocess(self, nb, resources):
        known = resources["nbgrader"]
        with Gradebook(known["db_url"]) as gradebook:
            released = gradebook.find_notebook(known["notebook"], known["assignment"])
            sources = {cell.name: cell for cell in released.source_cells}
            points = {cell.name: cell.max_score for cell in released.grade_cells}
            by_hand = {cell.name for cell in released.solution_cells}
            self._say_what_changed(nb, sources)
            present = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells}
            for name in points:
                if name not in present:
                    self.log.warning(
                        MARK + f"the graded cell {name} was missing and has been put back at the end"
                    )
                    nb.cells.append(released_cell(sources[name], points[name], name in by_hand))
        if len(nb.cells) > LONGEST_NOTEBOOK:
            raise ValueError(f"{len(nb.cells)} cells, at most {LONGEST_NOTEBOOK} are marked")
        return nb, resources

    def _say_what_changed(self, nb, sources):
        count = Counter()
        for cell in reversed(nb.cells):
            # "skip-execution" would skip a check, and what prints no error has full marks.
            cell.metadata.pop("tags", None)
            # Pasting or another tool may leave half of nbgrader's metadata: what has no known name is an
            # ordinary cell.
            given = cell.metadata.get("nbgrader")
            name = given.get("grade_id") if isinstance(given, dict) else None
            if name not in sources:
                cell.metadata.pop("nbgrader", None)
                continue
            count[name] += 1
            if count[name] > 1:
                # nbgrader empties it, and then refuses the notebook for what it emptied.
                cell.metadata.pop("nbgrader")
                continue
            if (
                sources[name].locked
                and cell.source != sources[name].source
                and not is_release_of(cell.source, sources[name].source)
            ):
                self.log.warning(MARK + f"the check cell {name} was edited; the original was run")
        for name, times in count.items():
            if times > 1:
                self.log.warning(MARK + f"the cell {name} is there {times} times; the last one counts")


def is_release_of(released, complete):
    """Is the text what nbgrader's release leaves of a check, its hidden lines taken out?"""
    lines = iter(complete.splitlines())
    visible = []
    for line in lines:
        if line.strip() == "### BEGIN HIDDEN TESTS":
            while next(lines).strip() != "### END HIDDEN TESTS":
                pass
        else:
            visible.append(line)
    return released.strip() == "\n".join(visible).strip()


def released_cell(source, points, by_hand):
    """A cell as it was released, from the gradebook's record of it."""
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}[source.cell_type]
    cell = make(source.source)
    cell.metadata["nbgrader"] = {
        "grade": True,
        "grade_id": source.name,
        "points": points,
        "solution": by_hand,
        "locked": source.locked,
        "task": False,
        "schema_version": 3,
        "checksum": source.checksum,
        "cell_type": source.cell_type,
    }
    return cell


class ExecuteFairly(Execute):
    """Run a submission; a cell that ends the kernel or hangs costs itself, not the whole notebook.

    nbgrader gives up on a notebook whose kernel dies. Here the guilty cell is left out and the notebook runs
    again. nbgrader also gives full marks to a check that says nothing; here a check must return its points.
    """

    def preprocess(self, nb, resources):
        while True:
            self._late = None
            try:
                return super().preprocess(nb, resources)
            except (DeadKernelError, UnresponsiveKernelError, CellTimeoutError) as problem:
                self._leave_out(nb.cells[self._index], problem)

    def preprocess_cell(self, cell, resources, index):
        self._index, self._size = index, 0
        cell, resources = super().preprocess_cell(cell, resources, index)
        if any(output.get("ename") == "CellTimeoutError" for output in cell.get("outputs", [])):
            if self._late == index - 1:
                self._index = self._late
                raise UnresponsiveKernelError("it does not answer to an interrupt")
            self._late = index
            self.log.warning(
                MARK + f"a cell ran for more than {self.timeout} s and was stopped: {label(cell)}"
            )
        if cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell):
            only_the_points(cell, self.log)
        return cell, resources

    def on_cell_executed(self, **what):
        super().on_cell_executed(**what)
        reply = what["execute_reply"]["content"]
        if any(payload.get("source") == "ask_exit" for payload in reply.get("payload", [])):
            # The kernel would end during the next cell, which is not guilty.
            raise DeadKernelError("exit() was called")

    def _leave_out(self, cell, problem):
        if cell.source.startswith("raise RuntimeError"):
            raise problem  # it is not this cell: the machine itself fails
        self.log.warning(MARK + f"a cell ended the kernel and was left out: {label(cell)}")
        cell.source = f"raise RuntimeError('left out by the marking: {type(problem).__name__}')"

    def output(self, outs, msg, display_id, cell_index):
        """Keep the beginning of what a cell prints: a loop that prints forever must not fill the memory."""
        before, self._size = self._size, self._size + len(str(msg["content"]))
        important = msg["msg_type"] in ("error", "execute_result")
        if before <= LARGEST_OUTPUT < self._size:
            self.log.warning(
                MARK + f"a cell printed more than {LARGEST_OUTPUT} characters; the rest was dropped"
            )
        if important or self._size <= LARGEST_OUTPUT:
            return super().output(outs, msg, display_id, cell_index)
        return None


def label(cell):
    """How to call a cell in a message: by nbgrader's name for it, else by its first line."""
    given = cell.metadata.get("nbgrader", {}).get("grade_id")
    return given or next((line.strip() for line in cell.source.splitlines() if line.strip()), "")[:60]


def only_the_points(cell, log):
    """Leave a check's last result, which is its points, and its errors; without either, it earns nothing.

    Neither does it with points outside of its range: nbgrader gives up on more than the maximum, and gives
    full marks for less than nothing.
    """
    results = [output for output in cell.outputs if output.output_type == "execute_result"]
    errors = [output for output in cell.outputs if output.output_type == "error"]
    said = [output for output in cell.outputs if output.output_type == "stream" and output.name == "stdout"]
    full = cell.metadata["nbgrader"]["points"]
    try:
        points = float(results[-1].data["text/plain"])
    except (IndexError, KeyError, ValueError):
        problem = None if errors else "this check returned no points"
    else:
        problem = None if 0 <= points <= full else f"returned {points:g} of {full:g} points"
        if problem:
            log.warning(MARK + f"the check {label(cell)} {problem}; it earns none")
    if problem:
        errors.append(nbformat.v4.new_output("error", ename="NoPoints", evalue=problem, traceback=[]))
    cell.outputs = said + errors + results[-1:]
