"""Adapt a copy of a trained network to the one input at hand; the network itself is never changed.

The copy is adapted in evaluation mode, in whichever mode the network was left: dropout is off, and batch norm
keeps the statistics of its training. `batch_statistics`, `tent`, `memo` and `cotta` take those of the batch,
again whatever the mode.
"""

from dil_course.adaptation.correction_filter import correction_filter
from dil_course.adaptation.cotta import cotta
from dil_course.adaptation.csgm import csgm, pulse
from dil_course.adaptation.denoising import tune_by_masking, tune_by_sure, tune_on_restored
from dil_course.adaptation.freedom import free
from dil_course.adaptation.iagan import iagan
from dil_course.adaptation.idbp import idbp
from dil_course.adaptation.memo import memo
from dil_course.adaptation.mzsr import mzsr
from dil_course.adaptation.statistics import batch_statistics
from dil_course.adaptation.super_resolution import adapt_super_resolution
from dil_course.adaptation.tent import tent
from dil_course.adaptation.test_time_training import test_time_training

__all__ = [
    "adapt_super_resolution", "batch_statistics", "correction_filter", "cotta", "csgm", "free", "iagan",
    "idbp", "memo", "mzsr", "pulse", "tent", "test_time_training", "tune_by_masking", "tune_by_sure",
    "tune_on_restored",
]  # fmt: skip
