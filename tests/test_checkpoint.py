"""A run that dies goes on from its checkpoint with the same numbers, or says in plain words why it cannot."""

import errno
import os
import re
import subprocess
import sys

import build
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dil_course import runtime
from dil_course.fitting import Engine, checkpoint, run
from dil_course.fitting.stopping import Discrepancy, HeldOut, WindowedVariance
from dil_course.from_scratch import (
    deep_image_prior,
    deep_red,
    dip_sure,
    equivariant_imaging,
    held_out,
    neighbor2neighbor,
    noise2fast,
    noise2noise,
    noise2self,
    noise2void,
    non_local_means,
    recorrupted2recorrupted,
    self2self,
    sgld_dip,
    unsure,
    zero_shot_noise2noise,
    zero_shot_sr,
)  # fmt: skip
from dil_course.from_scratch.sgld_dip import Posterior
from dil_course.signals import Identity, add_gaussian, picture

TRUTH = picture("camera", 32)
SIGMA = 25 / 255
Y, OTHER = (add_gaussian(TRUTH, SIGMA, seed=seed) for seed in (0, 1))
LARGER = add_gaussian(picture("camera", 64), SIGMA)  # for methods that take pictures apart
TOTAL = 24
METHODS = {
    "deep_image_prior": lambda **settings: deep_image_prior(Y, **settings),
    "deep_red": lambda **settings: deep_red(Y, lambda x: non_local_means(x, SIGMA), every=5, **settings),
    "sgld_dip": lambda **settings: sgld_dip(Y, **settings),
    "dip_sure": lambda **settings: dip_sure(Y, SIGMA, **settings),
    "unsure": lambda **settings: unsure(Y, **settings),
    "equivariant_imaging": lambda **settings: equivariant_imaging(Y, Identity(), **settings),
    "noise2noise": lambda **settings: noise2noise(Y, OTHER, **settings),
    "recorrupted2recorrupted": lambda **settings: recorrupted2recorrupted(Y, SIGMA, **settings),
    "noise2void": lambda **settings: noise2void(Y, **settings),
    "noise2self": lambda **settings: noise2self(Y, **settings),
    "self2self": lambda **settings: self2self(Y, **settings),
    "neighbor2neighbor": lambda **settings: neighbor2neighbor(LARGER, **settings),
    "zero_shot_noise2noise": lambda **settings: zero_shot_noise2noise(Y, **settings),
}
RULES = {
    "none": lambda: None,
    "windowed variance": lambda: WindowedVariance(window=4, patience=100),
    "discrepancy": lambda: Discrepancy(Y, Identity(), 1e-9),
    "held out": lambda: HeldOut(Y, held_out(Y)),
    "posterior": lambda: Posterior(burn_in=3),
}


class Killed(Exception):
    """The process is gone: nothing after the last write counts."""


def dying_at(steps, iteration):
    """Make the method raise when the random numbers of an iteration are drawn, and no weight is updated."""
    update = steps.engine.update

    def last(loss):
        if steps.iteration == iteration:
            raise Killed
        update(loss)

    steps.engine.update = last
    return steps


def same(a, b):
    assert torch.equal(a.estimate, b.estimate) and a.iteration == b.iteration
    assert a.history == b.history and a.why == b.why
    assert [iteration for iteration, _ in a.snapshots] == [iteration for iteration, _ in b.snapshots]
    assert all((one == other).all() for (_, one), (_, other) in zip(a.snapshots, b.snapshots, strict=True))


@pytest.fixture(autouse=True)
def write_always(monkeypatch):
    """Small runs are over before the first pause is: write after each iteration."""
    monkeypatch.setattr(checkpoint.Checkpoint, "write_now_and_then", checkpoint.Checkpoint.write)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_died_twice_ends_with_the_same_numbers(method, tmp_path, capsys):
    file = tmp_path / "run.safetensors"
    for iteration in (9, 17):
        with pytest.raises(Killed):
            run(dying_at(METHODS[method](iterations=TOTAL), iteration), checkpoint=file)
    resumed = run(METHODS[method](iterations=TOTAL), checkpoint=file)
    assert capsys.readouterr().out.count("resumed at iteration") == 2, "at 8, and at 16"
    same(resumed, run(METHODS[method](iterations=TOTAL)))


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_goes_on_too(rule, tmp_path):
    def result(**options):
        return run(deep_image_prior(Y, iterations=TOTAL), truth=TRUTH, stop=RULES[rule](), **options)

    file = tmp_path / "run.safetensors"
    with pytest.raises(Killed):
        run(
            dying_at(deep_image_prior(Y, iterations=TOTAL), 12),
            truth=TRUTH,
            stop=RULES[rule](),
            checkpoint=file,
        )
    same(result(checkpoint=file), result())
    same(result(checkpoint=file), result())  # the finished run, read again


def test_what_adam_remembers_lies_in_memory_as_the_weights_do_after_it_was_read(tmp_path):
    def made():
        with runtime.seeded(0):
            network = torch.nn.Sequential(
                torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Conv2d(4, 1, 3, padding=1)
            )
        return Engine(network.to(memory_format=torch.channels_last), 0.01)

    def update(engine):
        engine.update((engine(Y) - OTHER).square().mean())

    whole, resumed = made(), made()
    for _ in range(3):
        update(whole)
    file = tmp_path / "engine.safetensors"
    file.write_bytes(checkpoint.to_bytes(whole.state_dict()))
    resumed.load_state_dict(checkpoint.read(file))
    for weight in resumed.network.parameters():
        moments = resumed.optimizer.state[weight]
        assert moments["exp_avg"].stride() == moments["exp_avg_sq"].stride() == weight.stride()
    update(whole)
    update(resumed)
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("rule", [None, lambda: WindowedVariance(window=3, patience=4)], ids=["all", "rule"])
def test_the_last_state_is_written_however_the_run_ends(rule, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(checkpoint.Checkpoint, "write_now_and_then", lambda self: None)
    file, seen, observe = tmp_path / "run.safetensors", [], WindowedVariance.observe

    def watched(self, step, average):
        seen.append(step.iteration)
        return observe(self, step, average)

    monkeypatch.setattr(WindowedVariance, "observe", watched)
    result = run(deep_image_prior(Y, iterations=60), stop=rule and rule(), checkpoint=file)
    last = seen[-1] if rule else 60
    assert (last < 60) == bool(rule)
    again = run(deep_image_prior(Y, iterations=60), stop=rule and rule(), checkpoint=file)
    assert f"resumed at iteration {last} " in capsys.readouterr().out
    assert torch.equal(again.estimate, result.estimate) and again.iteration == result.iteration


def test_a_wrong_call_is_refused_and_the_file_stays(tmp_path):
    file = tmp_path / "run.safetensors"
    run(deep_image_prior(Y, iterations=5), checkpoint=file)
    content = file.read_bytes()
    wrong = {
        "iterations was int 5, not int 6": lambda: run(deep_image_prior(Y, iterations=6), checkpoint=file),
        "another run": lambda: run(deep_image_prior(OTHER, iterations=5), checkpoint=file),
        "another run,": lambda: run(deep_image_prior(Y, iterations=5, seed=1), checkpoint=file),
        "learning_rate was float 0.01, not float 1.0": lambda: run(
            deep_image_prior(Y, iterations=5, learning_rate=1.0), checkpoint=file
        ),
        "average was float 0.99, not float 0.5": lambda: run(
            deep_image_prior(Y, iterations=5), average=0.5, checkpoint=file
        ),
        "truth was NoneType None, not Tensor": lambda: run(
            deep_image_prior(Y, iterations=5), truth=TRUTH, checkpoint=file
        ),
        "stop was NoneType None, not str 'HeldOut'": lambda: run(
            deep_image_prior(Y, iterations=5), stop=RULES["held out"](), checkpoint=file
        ),
        "memory was": lambda: run(sgld_dip(Y, iterations=5), checkpoint=file),
        "memory was .*split": lambda: run(
            METHODS["deep_red"](iterations=5, learning_rate=0.01), checkpoint=file
        ),
    }
    for words, call in wrong.items():
        with pytest.raises(ValueError, match=words):
            call()
    assert file.read_bytes() == content


def other_rules():
    """Pairs of rules that are not the same, and what is said."""
    pixels = held_out(Y)
    return {
        "stop.sigma was float 0.001, not float 0.5": (
            Discrepancy(Y, Identity(), 1e-3),
            Discrepancy(Y, Identity(), 0.5),
        ),
        "stop.y had other values": (Discrepancy(Y, Identity(), 1e-3), Discrepancy(OTHER, Identity(), 1e-3)),
        "stop.held_out had other values": (HeldOut(Y, pixels), HeldOut(Y, ~pixels)),
        "stop.patience was int 100, not int 9": (WindowedVariance(4, 100), WindowedVariance(4, 9)),
        "stop.copies was": (WindowedVariance(4, 100), WindowedVariance(5, 100)),
        "stop was str 'WindowedVariance', not str 'HeldOut'": (WindowedVariance(4), HeldOut(Y, pixels)),
        "stop was str 'WindowedVariance', not str 'Posterior'": (WindowedVariance(4), Posterior(1)),
    }


@pytest.mark.parametrize("words", other_rules())
def test_another_rule_is_another_run(words, tmp_path):
    file, (one, other) = tmp_path / "run.safetensors", other_rules()[words]
    run(deep_image_prior(Y, iterations=5), stop=one, checkpoint=file)
    with pytest.raises(ValueError, match=f"another run, whose {re.escape(words)}"):
        run(deep_image_prior(Y, iterations=5), stop=other, checkpoint=file)


def test_another_truth_is_another_run_and_one_of_another_rounding_is_not(tmp_path):
    file = tmp_path / "run.safetensors"
    result = run(deep_image_prior(Y, iterations=5), truth=TRUTH, checkpoint=file)
    with pytest.raises(ValueError, match="whose truth had other values"):
        run(deep_image_prior(Y, iterations=5), truth=1 - TRUTH, checkpoint=file)
    with pytest.raises(ValueError, match="whose truth had other values"):
        run(deep_image_prior(Y, iterations=5), truth=0.99 * TRUTH, checkpoint=file)
    same(run(deep_image_prior(Y, iterations=5), truth=TRUTH * (1 - 1e-7), checkpoint=file), result)


def test_a_whole_number_of_numpy_is_one(tmp_path):
    file = tmp_path / "run.safetensors"
    run(deep_image_prior(Y, iterations=np.int64(3)), average=np.float32(0.5), checkpoint=file)
    assert run(deep_image_prior(Y, iterations=3), average=0.5, checkpoint=file).iteration == 3


def test_a_rule_whose_memory_cannot_be_seen_is_refused_before_compute(tmp_path):
    class Hidden:
        __slots__ = ("estimate", "iteration", "why")

        def __init__(self):
            self.iteration = self.estimate = None

        def observe(self, step, average):
            return False

    with pytest.raises(TypeError, match="__slots__"):
        run(deep_image_prior(Y, iterations=2), stop=Hidden(), checkpoint=tmp_path / "run.safetensors")
    assert run(deep_image_prior(Y, iterations=2), stop=Hidden()).iteration == 2


@pytest.mark.parametrize("damage", [
    lambda state: state["method"]["engine"]["network"].popitem(),
    lambda state: state["recorder"]["own"]["history"]["loss"].clear(),
    lambda state: state["settings"].clear(), lambda state: state.update(settings=3),
    lambda state: state["method"]["engine"]["network"].update(strange=torch.zeros(1)),
])  # fmt: skip
def test_a_damaged_state_is_refused(damage, tmp_path):
    file = tmp_path / "run.safetensors"
    run(deep_image_prior(Y, iterations=2), checkpoint=file)
    state = checkpoint.read(file)
    damage(state)
    file.write_bytes(checkpoint.to_bytes(state))
    with pytest.raises(ValueError, match="(?s)checkpoint: .* Delete"):
        run(deep_image_prior(Y, iterations=2), checkpoint=file)


def test_a_damaged_name_of_a_device_is_refused(tmp_path):
    file = tmp_path / "run.safetensors"
    run(deep_image_prior(Y, iterations=2), checkpoint=file)
    file.write_bytes(file.read_bytes().replace(b"cpu", b"cqu"))
    with pytest.raises(ValueError, match="cannot be read .* Delete"):
        run(deep_image_prior(Y, iterations=2), checkpoint=file)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", "weights"])
def test_a_file_that_is_no_checkpoint_is_refused(content, tmp_path):
    file = tmp_path / "run.safetensors"
    save_file({"a": torch.zeros(1)}, file) if content == "weights" else file.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read .* Delete"):
        run(deep_image_prior(Y, iterations=2), checkpoint=file)


@pytest.mark.parametrize(
    "steps", [lambda: noise2fast(LARGER), lambda: zero_shot_sr(Y, iterations=2), lambda: iter([])]
)
def test_methods_that_cannot_be_taken_up_again_say_so_before_compute(steps, tmp_path):
    with pytest.raises(TypeError, match="cannot be taken up again"):
        run(steps(), checkpoint=tmp_path / "run.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path, error", [
    (3, TypeError), ("no/such/folder/file", ValueError), (".", ValueError), ("a\0b", ValueError),
    ("a\ud800", ValueError),
    (252 * "a", ValueError), (300 * "a", ValueError),
])  # fmt: skip
def test_a_path_that_is_none_is_refused_before_compute(path, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps = deep_image_prior(Y, iterations=2)
    with pytest.raises(error, match="checkpoint: "):
        run(steps, checkpoint=path)
    assert steps.iteration == 0


def test_a_folder_in_the_way_costs_the_file_and_not_the_run(tmp_path, capsys):
    (tmp_path / "run.safetensors.part").mkdir()
    assert run(deep_image_prior(Y, iterations=3), checkpoint=tmp_path / "run.safetensors").iteration == 3
    assert "no checkpoint after iteration 1" in capsys.readouterr().out


@pytest.mark.parametrize("problem", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_is_full_or_read_only_costs_the_file_and_not_the_run(
    problem, tmp_path, monkeypatch, capsys
):
    def refuse(*arguments):
        raise OSError(problem, os.strerror(problem))

    monkeypatch.setattr(checkpoint.os, "replace", refuse)
    file = tmp_path / "run.safetensors"
    result = run(deep_image_prior(Y, iterations=5), checkpoint=file)
    same(result, run(deep_image_prior(Y, iterations=5)))
    said = capsys.readouterr().out
    assert (
        said.count("no checkpoint") == said.count("after iteration 1: ") == 1
        and os.strerror(problem) in said
        and str(file) in said
    )
    assert not list(tmp_path.iterdir()), "half a file was left"


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="only Linux has /dev/full, a file on a disk that is full"
)
def test_a_disk_that_is_really_full(tmp_path, capsys):
    (tmp_path / "run.safetensors.part").symlink_to("/dev/full")
    assert run(deep_image_prior(Y, iterations=5), checkpoint=tmp_path / "run.safetensors").iteration == 5
    assert "No space left on device" in capsys.readouterr().out


def test_a_run_that_diverges_leaves_the_last_good_state(tmp_path):
    file = tmp_path / "run.safetensors"
    steps = deep_image_prior(Y, iterations=TOTAL)

    def poison(step):
        if step.iteration == 10:
            with torch.no_grad():
                next(steps.engine.network.parameters()).fill_(torch.nan)

    steps.after = poison
    result = run(steps, checkpoint=file)
    assert "diverged" in result.why and result.iteration == 10 and torch.isfinite(result.estimate).all()
    # The weights of iteration 10 are lost in it already; what is read again says so, and keeps the estimate.
    again = run(deep_image_prior(Y, iterations=TOTAL), checkpoint=file)
    assert "diverged" in again.why and torch.equal(again.estimate, result.estimate)


def test_a_process_that_is_killed_goes_on():
    """SIGKILL at random moments of one run, a new process each time. For more: python benchmarks/kills.py."""
    command = [
        sys.executable,
        build.ROOT / "benchmarks" / "kills.py",
        "--kills=3",
        "--iterations=200",
        "--longest=0.3",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^\| [23] \| [\d.]+ \| \d+ \|$", done.stdout, re.MULTILINE)) == 2, (
        "the second and third process went on"
    )
    assert "The same final numbers as an unbroken run: True" in done.stdout
