"""How we fit: drain a method's steps in a script (`run`) or live in a notebook (`await watch`)."""

from dil_course.fitting.descent import Descent
from dil_course.fitting.engine import Engine
from dil_course.fitting.live import watch
from dil_course.fitting.run import Result, Step, run
from dil_course.fitting.stop_by_eye import Choice, stop_by_eye

__all__ = ["Choice", "Descent", "Engine", "Result", "Step", "run", "stop_by_eye", "watch"]
