"""The challenge at the end of the course: five rungs of rising difficulty, their baseline, and the score.

`pose` makes a case of an image. What a method is handed is y, A and sigma; the truth is kept apart. The rules
stand in docs/challenge.md, the runner is teaching/challenge.py.
"""

from dil_course.challenge.cases import read_case, write_case
from dil_course.challenge.classical import classical, gaussian_width
from dil_course.challenge.expectation import capacity, expected_psnr
from dil_course.challenge.ladder import RUNGS, Posed, pose, sanity_image
from dil_course.challenge.score import Answer, honesty, passes, points, rung_score

__all__ = [
    "Answer", "Posed", "RUNGS", "capacity", "classical", "expected_psnr", "gaussian_width", "honesty",
    "passes", "points", "pose", "read_case", "rung_score", "sanity_image", "write_case",
]  # fmt: skip
