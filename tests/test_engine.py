"""The engine: as fast as it may be, the same fit as the textbook's loop."""

import math
import os
import statistics
import subprocess
import sys

import pytest
import torch

from dil_course.fitting import Engine, engine, run
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import SkipNetwork, conv_decoder, small_skip_network
from dil_course.signals import add_gaussian, picture, psnr

CLEAN = picture("coffee", 48)


def noisy(seed):
    return add_gaussian(CLEAN, 25 / 255, seed=seed)


def fitted(fast, seed, iterations=120, average=0.99):
    return run(
        deep_image_prior(noisy(seed), iterations=iterations, seed=seed, fast=fast), average=average
    ).estimate


def test_first_iterations_agree_with_the_textbook_to_rounding():
    # Later, roundings grow into other runs: no two summation orders agree for long.
    for step, plain in zip(
        *(deep_image_prior(noisy(0), iterations=4, fast=fast) for fast in (True, False)), strict=True
    ):
        torch.testing.assert_close(step.estimate, plain.estimate, atol=2e-3, rtol=0)
        torch.testing.assert_close(step.loss, plain.loss, atol=1e-4, rtol=0)


def test_quality_is_the_textbooks():
    differences = [psnr(fitted(True, seed), CLEAN) - psnr(fitted(False, seed), CLEAN) for seed in range(5)]
    assert abs(statistics.mean(differences)) < 0.3, differences


@pytest.mark.parametrize("fast", [True, False])
def test_same_seed_same_numbers_twice(fast):
    assert torch.equal(fitted(fast, 3, iterations=25), fitted(fast, 3, iterations=25))


@pytest.fixture
def in_bfloat16(monkeypatch):
    """As on a processor that computes in bfloat16; others do it too, slowly."""
    monkeypatch.setattr(engine, "has_bfloat16", lambda device: True)


def test_bfloat16_keeps_picture_loss_weights_and_norms_in_float32(in_bfloat16):
    network = small_skip_network()
    kinds = {}
    network.body.up[0][0].register_forward_hook(
        lambda layer, given, made: kinds.update(convolution=made.dtype)
    )
    step = next(deep_image_prior(noisy(0), network=network, iterations=1))
    assert kinds["convolution"] == torch.bfloat16
    assert step.estimate.dtype == step.loss.dtype == torch.float32
    assert {value.dtype for value in network.state_dict().values()} <= {torch.float32, torch.int64}
    # A picture computed in bfloat16 would take at most 256 values between 1/2 and 1, and fewer elsewhere.
    assert step.estimate.unique().numel() > 1000


def test_bfloat16_fits_as_well(in_bfloat16):
    best = psnr(fitted(True, 0), CLEAN)
    assert best > psnr(noisy(0), CLEAN) + 6
    assert abs(best - psnr(fitted(False, 0), CLEAN)) < 0.7


def test_textbook_path_never_leaves_float32(in_bfloat16):
    assert not Engine(small_skip_network(), 0.01, fast=False).bfloat16


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="page faults are counted and mended on Linux only"
)
def test_memory_is_kept_from_iteration_to_iteration():
    script = """
import resource
from itertools import pairwise
from statistics import median
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import SkipNetwork
from dil_course.signals import picture
faults = [resource.getrusage(resource.RUSAGE_SELF).ru_minflt
          for step in deep_image_prior(picture("coffee", 128), network=SkipNetwork(width=32, scales=4), iterations=12, fast=FAST)]
print(int(median(after - before for before, after in pairwise(faults[3:]))))  # a busy system may take pages away now and then
"""
    counts = {}
    for fast in (True, False):
        command = [sys.executable, "-c", script.replace("FAST", str(fast))]
        counts[fast] = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if counts[False] < 200:
        pytest.skip("this C library keeps memory by itself")
    assert counts[True] < counts[False] / 5, counts


def test_a_float64_network_stays_one():
    network = SkipNetwork(width=4, scales=1, input_channels=2).double()
    assert Engine(network, 0.01)(torch.rand(1, 2, 8, 8, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize(
    ("share", "cores", "asked", "threads"),
    [
        ("200000 100000", 8, "", 2), ("150000 100000", 8, "", 2), ("50000 100000", 8, "3", 1), ("max 100000", 8, "", 3),
        ("", 8, "", 3), ("", 3, "", 2), ("", 2, "", 1), ("", 1, "", 1), ("", 2, "3", 3),
    ],
)  # fmt: skip
def test_threads_leave_a_core_and_fit_the_share_of_a_container(
    share, cores, asked, threads, tmp_path, monkeypatch
):
    before = torch.get_num_threads()
    if share:
        (tmp_path / "cpu.max").write_text(share)
    monkeypatch.setattr(engine, "SHARE", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    try:
        torch.set_num_threads(3)
        engine.limit_threads.__wrapped__()
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_picture_of_any_network_comes_back_in_float32(in_bfloat16):
    network = torch.nn.Conv2d(2, 1, 3)  # nothing in it leaves autocast
    assert Engine(network, 0.01)(torch.rand(1, 2, 8, 8)).dtype == torch.float32


class Returns(torch.nn.Module):
    """A skip network of which the caller makes something else in the end."""

    input_channels, output_channels, scales, reduction = 3, 3, 1, 1

    def __init__(self, change):
        super().__init__()
        self.network, self.change = SkipNetwork(3, 3, width=4, scales=1, skip=2), change

    def forward(self, x):
        return self.change(self.network(x))


@pytest.mark.parametrize("change, error, words", [
    (lambda x: x[:, :1], ValueError, r"makes \(1, 1, 16, 16\)"), (lambda x: x.mean((2, 3), keepdim=True), ValueError, r"makes \(1, 3, 1, 1\)"),
    (lambda x: x[..., 1:-1, 1:-1], ValueError, r"must be \(1, 3, 16, 16\)"), (lambda x: x[0], ValueError, r"makes \(3, 16, 16\)"),
    (lambda x: x * 1j, TypeError, "complex64"), (lambda x: (x, x), TypeError, "tuple"), (lambda x: None, TypeError, "None"),
    (lambda x: x.detach().numpy(), TypeError, "ndarray"),
])  # fmt: skip
def test_a_network_that_makes_something_else_is_refused(change, error, words):
    # (1,1,H,W) or (1,3,1,1) would be stretched over a target of three channels without a word.
    with pytest.raises(error, match=words):
        Engine(Returns(change), 0.01)(torch.rand(1, 3, 16, 16))


def test_a_decoder_may_make_larger_pictures():
    assert Engine(conv_decoder(3, 4, 2), 0.01)(torch.rand(1, 4, 8, 8)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    "rate, error", [(math.nan, ValueError), (-1, ValueError), ("x", TypeError), (None, TypeError)]
)
def test_learning_rate_is_looked_at_whenever_it_is_set(rate, error):
    fitting = Engine(SkipNetwork(width=4, scales=1), 0.01)
    with pytest.raises(error, match="learning_rate"):
        fitting.learning_rate = rate
    assert fitting.learning_rate == 0.01


def test_a_complex_loss_is_refused():
    with pytest.raises(TypeError, match="real 0-d tensor .* complex64"):
        next(deep_image_prior(noisy(0), iterations=1, loss=lambda estimate: estimate.sum() * 1j))


def test_a_network_that_works_in_place_leaves_its_input_alone():
    z = -torch.rand(1, 3, 8, 8)
    before = z.clone()
    Engine(torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.Conv2d(3, 3, 1)), 0.01)(z)
    assert torch.equal(z, before)
