"""How nbgrader sees this course; see docs/teaching.md."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # for the folder teaching/

c = get_config()  # noqa: F821, nbgrader defines it

c.CourseDirectory.course_id = "deep_internal_learning"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

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

c.Autograde.sanitize_preprocessors = [MendCells, ClearOutput, DeduplicateIds, OverwriteKernelspec, OverwriteCells, CheckCellMetadata]
c.Autograde.autograde_preprocessors = [ExecuteFairly, IgnorePattern, LimitOutput, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata]
c.ExecuteFairly.timeout = 90  # seconds a cell; `teaching/mark.py --cell-seconds` overrides it
