"""The sweep over all methods and images leaves none out, tells failures, and goes on where it was ended."""

import json
import sys

import build
import pytest

sys.path.insert(0, str(build.ROOT / "benchmarks"))

import sweep

from dil_course import from_scratch


def test_every_method_is_swept():
    helpers = {"Posterior", "calibrate", "guided_filter", "held_out", "total_variation"}
    kernels = {"kernel_gan", "kernel_recurrence"}  # what they make is no image
    generators = {"SinGAN", "gpnn", "optimal_denoiser", "patch_diffusion", "singan"}  # there is no truth
    assert set(sweep.METHODS) == set(from_scratch.__all__) - helpers - kernels - generators


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"why": "finished 9 iterations", "psnr": 25.0, "gain": -2.0, "spread": 0.2}, "ok"),
        ({"why": "finished 9 iterations", "psnr": 15.0, "gain": -4.0, "spread": 0.2}, "collapsed"),
        ({"why": "finished 9 iterations", "psnr": 25.0, "gain": 5.0, "spread": 0.0}, "collapsed"),
        ({"why": "diverged: at iteration 3", "psnr": 25.0, "gain": 5.0, "spread": 0.2}, "diverged"),
        ({"why": "", "psnr": -999, "gain": -1019.0, "spread": float("nan")}, "diverged"),
    ],
)
def test_failures_are_told(row, expected):
    assert sweep.verdict(row, below=3.0) == expected


def test_runs_are_kept_and_a_line_that_was_cut_off_is_not(tmp_path):
    row = sweep.one("non_local_means", "page", 32, 0)
    assert row["gain"] > 0 and sweep.verdict(row, 3.0) == "ok"
    file = tmp_path / "sweep.jsonl"
    assert sweep.read(file) == {}
    file.write_text(json.dumps(row) + "\n" + json.dumps(row | {"seed": 1})[:40])
    assert list(sweep.read(file)) == [("non_local_means", "page", 32, 0, "quick")]
