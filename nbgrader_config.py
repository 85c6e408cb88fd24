"""How nbgrader sees this course; see docs/teaching.md."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # for the folder teaching/

c = get_config()  # noqa: F821, nbgrader defines it

c.CourseDirectory.course_id = "deep_internal_learning"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

# How Moodle names what students hand in ("Ada Lovelace_17_assignsubmission_file_/ps01....ipynb", or all in
# one name), and
# Canvas ("lovelaceada_17_4711_ps01....ipynb"): name and number make the student, since names are not unique.
c.FileNameCollectorPlugin.named_regexp = (
    r".*/(?P<student_id>[^/]+?_\d+)_(?:assignsubmission_file_/?|\d+_)(?P<file_id>[^/]+)$"
)

from nbgrader.preprocessors import (  # noqa: E402
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    IgnorePattern,
    LimitOutput,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

from teaching.fairness import ExecuteFairly, MendCells  # noqa: E402

c.Autograde.sanitize_preprocessors = [
    MendCells,
    ClearOutput,
    DeduplicateIds,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    ExecuteFairly,
    IgnorePattern,
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
c.ExecuteFairly.timeout = 90  # seconds a cell; `teaching/mark.py --cell-seconds` overrides it
