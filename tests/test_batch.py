"""Independent runs: the same results here, in processes and on Dask; what dies or fails costs only itself."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from dil_course import runtime
from dil_course.batch import elsewhere, key, place, runs

SEEDS = [{"seed": seed} for seed in range(4)]


def draw(seed):
    """A number whose last digit would show another order of sums."""
    generator = torch.Generator().manual_seed(seed)
    return {"sum": torch.randn(10_000, generator=generator).exp().sum().item(), "process": os.getpid()}


def dies_once(seed, folder):
    """As `draw`, but the first process that tries seed 1 is killed."""
    mark = Path(folder) / str(seed)
    with mark.open("a") as file:
        file.write("begun\n")
    if seed == 1 and len(mark.read_text().splitlines()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    return draw(seed)["sum"]


def dies(seed):
    if seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return seed


def fails(seed):
    if seed == 1:
        raise ValueError("no such image")
    return seed


def sums(done):
    return [(one["seed"], result["sum"] if isinstance(result, dict) else result) for one, result in done]


def test_processes_give_the_same_in_the_same_order():
    here, there = list(runs(draw, SEEDS)), list(runs(draw, SEEDS, jobs=2))
    assert [one for one, _ in there] == SEEDS and sums(here) == sums(there)
    assert {result["process"] for _, result in here} == {os.getpid()}
    assert os.getpid() not in {result["process"] for _, result in there}


def test_a_killed_process_costs_only_its_run(tmp_path):
    done = list(runs(dies_once, [one | {"folder": str(tmp_path)} for one in SEEDS], jobs=2))
    assert sums(done) == sums(runs(draw, SEEDS))
    begun = [len((tmp_path / str(seed)).read_text().splitlines()) for seed in range(4)]
    assert begun == [1, 2, 1, 1]


@pytest.mark.parametrize(
    "work, jobs, words", [(fails, 0, "no such image"), (fails, 2, "no such image"), (dies, 2, "died 2 times")]
)
def test_a_run_that_fails_is_named_after_the_others_are_done(work, jobs, words, tmp_path):
    store, done = tmp_path / "runs.jsonl", []
    with pytest.raises(RuntimeError, match=words) as failed:
        done.extend(one for one in runs(work, SEEDS, jobs=jobs, store=store))
    assert '"seed": 1' in str(failed.value) and '"seed": 2' not in str(failed.value)
    assert len(store.read_text().splitlines()) == 3


def test_only_what_is_missing_is_computed(tmp_path):
    store = tmp_path / "runs.jsonl"
    first = list(runs(draw, SEEDS[:2], store=store))
    with store.open("a") as file:
        file.write('{"run": "[\\"tests')  # a process that was killed while it wrote
    again = list(runs(draw, SEEDS, jobs=1, store=store))
    assert again[:2] == first and [one["process"] for _, one in again[2:]] != [os.getpid()] * 2
    assert [json.loads(line)["result"] for line in store.read_text().splitlines()] == [r for _, r in again]
    assert list(runs(draw, SEEDS[::-1], store=store)) == again[::-1]
    assert sums(runs(fails, [{"seed": 0}], store=store)) == [(0, 0)]  # another function's run is another run


def test_results_come_as_soon_as_they_are_there():
    started = time.perf_counter()
    first = next(runs(time_of, [{"seconds": 0.0}, {"seconds": 5.0}]))
    assert first[1] == 0 and time.perf_counter() - started < 4


def time_of(seconds):
    time.sleep(seconds)
    return seconds


def profile_in_force():
    return runtime.profile()


def test_the_profile_goes_along_and_is_a_part_of_a_runs_name(monkeypatch):
    monkeypatch.setenv("DIL_PROFILE", "full")
    where, name = place(profile_in_force), key(profile_in_force, {})
    monkeypatch.setenv("DIL_PROFILE", "quick")
    assert key(profile_in_force, {}) != name
    assert elsewhere(where, {}) == ("full", None)


def test_two_dask_workers_give_the_same_and_one_may_be_killed(tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask's distributed is not installed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        done = list(
            runs(
                dies_once,
                [one | {"folder": str(tmp_path)} for one in SEEDS],
                scheduler=cluster.scheduler_address,
            )
        )
    assert sums(done) == sums(runs(draw, SEEDS))
