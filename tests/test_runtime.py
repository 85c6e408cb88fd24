"""Threads, device, profile and seed."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from dil_course import runtime


@pytest.mark.parametrize(
    ("share", "cores", "asked", "threads"),
    [
        ("200000 100000", 8, "", 2), ("150000 100000", 8, "", 2), ("50000 100000", 8, "3", 1),
        ("max 100000", 8, "", 3),
        ("", 8, "", 3), ("", 3, "", 2), ("", 2, "", 1), ("", 1, "", 1), ("", 2, "3", 3),
    ],
)  # fmt: skip
def test_threads_leave_a_core_and_fit_the_share_of_a_container(
    share, cores, asked, threads, tmp_path, monkeypatch
):
    before = torch.get_num_threads()
    if share:
        (tmp_path / "cpu.max").write_text(share)
    monkeypatch.setattr(runtime, "SHARE", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    try:
        torch.set_num_threads(3)
        runtime._limit_threads()
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


ROOMS = """
import importlib, os, sys, torch
for room in sys.argv[1:]:
    for name in [name for name in sys.modules if name.startswith("dil_course")]:
        del sys.modules[name]
    torch.set_num_threads(os.cpu_count())
    importlib.import_module(f"dil_course.{room}")
    print(room, torch.get_num_threads())
"""


@pytest.mark.skipif(os.cpu_count() < 2, reason="one core cannot be left free")
def test_whatever_a_lesson_imports_limits_the_threads():
    """Some lessons write their own loop: no engine is made, and no device asked for."""
    rooms = ["runtime", "signals", "networks", "fitting", "from_scratch", "adaptation", "diffusion", "checks"]
    rooms.append("figures")
    own = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", ROOMS, *rooms], env=own, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == len(rooms)
    for line in done.stdout.splitlines():
        assert int(line.split()[1]) <= os.cpu_count() - 1, line


def test_device_can_be_chosen(monkeypatch):
    monkeypatch.setenv("DIL_DEVICE", "cpu")
    assert runtime.device() == torch.device("cpu")


def test_device_is_the_best_of_this_machine(monkeypatch):
    monkeypatch.delenv("DIL_DEVICE", raising=False)
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert runtime.device().type == best


def test_unknown_device_is_refused(monkeypatch):
    monkeypatch.setenv("DIL_DEVICE", "abacus")
    with pytest.raises(ValueError, match="this machine has .*cpu"):
        runtime.device()


def test_profile_follows_the_device(monkeypatch):
    monkeypatch.delenv("DIL_PROFILE", raising=False)
    monkeypatch.setenv("DIL_DEVICE", "cpu")
    assert runtime.profile() == "quick"


def test_a_device_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("DIL_DEVICE", "cpu:x")
    with pytest.raises(ValueError, match="DIL_DEVICE=cpu:x"):
        runtime.device()


@pytest.mark.parametrize("seed", [None, 1.0, "0", -1, 2**70, [1]])
def test_what_is_no_seed_is_refused_by_both(seed):
    with pytest.raises((TypeError, ValueError), match="seed: expected a whole number"):
        runtime.generator(seed, "z")
    with pytest.raises((TypeError, ValueError), match="seed: expected a whole number"), runtime.seeded(seed):
        pass


def test_a_seed_of_numpy_is_the_same_as_pythons():
    numpys, pythons = (runtime.generator(seed, "z").initial_seed() for seed in (np.uint8(3), 3))
    assert numpys == pythons == 26501137151991316  # of sha256("z 3")


@pytest.mark.parametrize("profile, value", [("quick", 7), ("full", 18)])
def test_pick_follows_the_profile(monkeypatch, profile, value):
    monkeypatch.setenv("DIL_PROFILE", profile)
    assert runtime.profile() == profile
    assert runtime.pick(quick=7, full=18) == value


def test_unknown_profile_is_refused(monkeypatch):
    monkeypatch.setenv("DIL_PROFILE", "fast")
    with pytest.raises(ValueError, match="expected quick or full"):
        runtime.profile()


def test_seeded_repeats_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    with runtime.seeded(3):
        first = torch.rand(5)
    with runtime.seeded(3):
        again = torch.rand(5)
    with runtime.seeded(4):
        other = torch.rand(5)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_seeded_leaves_the_generators_of_other_devices_alone(monkeypatch):
    seeds = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    monkeypatch.setattr(torch.mps, "manual_seed", seeds.append)
    monkeypatch.setattr(torch.mps, "_is_in_bad_fork", lambda: False)
    with runtime.seeded(3):
        assert torch.initial_seed() == 3
    assert not seeds, "fork_rng restores that of the CPU only"


def test_seeded_restores_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), runtime.seeded(3):
        raise RuntimeError
    assert torch.equal(torch.get_rng_state(), before)


def test_import_pulls_in_neither_jupyter_nor_pyplot():
    # Scripts and servers must start fast and without a screen.
    rooms = ("signals", "fitting", "from_scratch", "checks", "figures")
    rooms = ", ".join(["dil_course", *(f"dil_course.{room}" for room in rooms)])
    heavy = "{'jupyter', 'jupyterlab', 'ipywidgets', 'ipykernel', 'IPython', 'matplotlib.pyplot'}"
    code = f"import sys, {rooms}; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
