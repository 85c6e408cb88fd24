"""Adapt a trained network to the one input at hand. It is always copied, never changed."""

from dil_course.adaptation.denoising import tune_by_masking, tune_by_sure, tune_on_restored
from dil_course.adaptation.freedom import free
from dil_course.adaptation.idbp import idbp
from dil_course.adaptation.super_resolution import adapt_super_resolution

__all__ = ["adapt_super_resolution", "free", "idbp", "tune_by_masking", "tune_by_sure", "tune_on_restored"]
