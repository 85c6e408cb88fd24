"""Every method on your own picture: choose a damage and methods, watch them side by side, keep the result."""

from dil_course.playground.pieces import bm3d, denoised, denoiser_for, stable_pinv, tv_weight
from dil_course.playground.problem import Problem, pose, prepared
from dil_course.playground.program import program
from dil_course.playground.recipes import DAMAGES, METHODS, Damage, Method, methods_for
from dil_course.playground.window import Playground

__all__ = [
    "DAMAGES", "Damage", "METHODS", "Method", "Playground", "Problem", "bm3d", "denoised", "denoiser_for",
    "methods_for", "pose", "prepared", "program", "stable_pinv", "tv_weight",
]  # fmt: skip
