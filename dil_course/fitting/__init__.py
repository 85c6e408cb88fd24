"""How we fit: drain a method's steps in a script (`run`) or live in a notebook (`await watch`)."""

from dil_course.fitting.descend import descend
from dil_course.fitting.engine import Engine
from dil_course.fitting.live import watch
from dil_course.fitting.run import Result, Step, run

__all__ = ["Engine", "Result", "Step", "descend", "run", "watch"]
