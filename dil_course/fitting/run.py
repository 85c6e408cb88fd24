"""Drain a method's steps: average the estimates, keep a history, notice divergence, survive an interrupt."""

import dataclasses
import math
import time
from collections.abc import Iterable

import torch

from dil_course.fitting.checkpoint import Checkpoint, storable
from dil_course.signals import psnr, to_array
from dil_course.signals.validation import (
    NotFiniteError,
    check_image,
    check_integer,
    check_number,
    check_same_shape,
    describe,
    is_finite,
    is_float,
)

RECORDS = 200  # of a run's history, evenly spaced; the first iterations are recorded more densely
SNAPSHOTS = 24  # kept at most; beyond that every second one is dropped
AGAIN = 2.0  # seconds after an interrupt in which another one is meant for the whole cell
_last_interrupt = -math.inf  # when a run was interrupted last, by the clock of time.perf_counter


@dataclasses.dataclass(frozen=True)
class Step:
    """What a method yields after each iteration.

    Attributes:
        iteration: from 1 to total.
        total: how many iterations the method will make.
        loss: 0-d tensor or float; read only when it is recorded, because reading makes a GPU wait.
        estimate: picture (1,C,H,W), detached.
        averaged: the estimate is a mean already, or is made anew only now and then: `run` takes it as it is.
        network: as it stood when it made the estimate; of methods that adapt a trained one. For rules that
            ask it more.
    """

    iteration: int
    total: int
    loss: torch.Tensor
    estimate: torch.Tensor
    averaged: bool = False
    network: torch.nn.Module | None = None


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run leaves.

    Attributes:
        estimate: what the stopping rule chose, (1,C,H,W); without a rule, the exponential moving average of
            the run's estimates; after a divergence, the last good one.
        iteration: the iteration that `estimate` belongs to.
        history: lists "iteration" and "loss"; with a truth also "psnr" of the single estimates and
            "psnr_average", in dB. A few hundred entries: every iteration at first, then evenly spaced.
        snapshots: list of (iteration, 8-bit array) of the average, at most 25; the last one is `estimate`.
        why: why the run ended, in plain words.
        seconds: how long it took.
    """

    estimate: torch.Tensor
    iteration: int
    history: dict
    snapshots: list
    why: str
    seconds: float


def check_step(step):
    """Refuse what is no Step, or holds no image and no loss (TypeError, ValueError).

    Asked of a run's first one: a method makes them all alike.
    """
    if not isinstance(step, Step):
        raise TypeError(f"steps: expected Steps, as deep_image_prior(y) makes them, got {describe(step)}")
    check_integer(step.iteration, "iteration", 1)
    check_integer(step.total, "total", 1)
    if not is_float(step.estimate) or step.estimate.ndim != 4 or step.estimate.shape[0] != 1:
        raise TypeError(f"estimate: expected a float tensor (1,C,H,W), got {describe(step.estimate)}")
    if not isinstance(step.loss, float | int) and not (is_float(step.loss) and step.loss.numel() == 1):
        raise TypeError(f"loss: expected a number or a 0-d float tensor, got {describe(step.loss)}")


def check_rule(rule, name="stop"):
    """Refuse what is no stopping rule (TypeError), and one that has watched another run (ValueError)."""
    # dir, as a rule that has seen nothing yet may be unable to say `why`.
    if isinstance(rule, type) or not {"observe", "iteration", "estimate", "why"} <= set(dir(rule)):
        raise TypeError(
            f"{name}: expected a rule with observe, iteration, estimate and why, such as "
            f"WindowedVariance(), got {describe(rule)}"
        )
    if rule.iteration is not None:
        raise ValueError(
            f"{name}: this {type(rule).__name__} has watched a run already: make a new one for each run"
        )


class Recorder:
    """What `run` and `watch` share: takes each Step, says when the run has diverged, and makes the Result.

    The truth only draws curves: it chooses nothing.
    """

    def __init__(self, truth=None, average=0.99, stop=None):
        check_number(average, "average", high=1 - 1e-9)
        if stop is not None:
            check_rule(stop)
        if truth is not None:
            check_image(truth, "truth")
        self.truth, self.weight, self.stop = truth, float(average), stop
        self.average = self.step = self.good = None
        self.history = {"iteration": [], "loss": []} | (
            {} if truth is None else {"psnr": [], "psnr_average": []}
        )
        self.snapshots, self.snapshot_every = [], 1
        self.alarms, self.why, self.started = 0, None, time.perf_counter()

    def observe(self, step):
        """Take one step. True when the run has to end: it diverged, or the stopping rule has seen enough."""
        if self.step is None:
            check_step(step)
            if self.truth is not None:
                check_same_shape(step.estimate, self.truth, "the estimate", "the truth")
        self.step = step
        if self.average is None:
            self.average = step.estimate.clone()
        # The past weighs less at first, or the gray start would be seen for hundreds of iterations.
        weight = 0 if step.averaged else min(self.weight, step.iteration / (step.iteration + 10))
        self.average = self.average.lerp(step.estimate, 1 - weight)
        # Early iterations are recorded more densely, so that the curves of a long run show something soon.
        every = max(1, min(step.total // RECORDS, step.iteration // 20))
        enough = self.stop is not None and self.stop.observe(step, self.average)
        if step.iteration % every and step.iteration < step.total and not enough:
            return False
        return self._record() or enough

    def _record(self):
        loss = float(self.step.loss)
        finite = is_finite(self.average) and loss - loss == 0
        if finite:
            self._write(loss)
        if finite and not self._suspicious(loss):
            self.alarms, self.good = 0, (self.step.iteration, self.average)
        else:
            self.alarms += 1
        # One wild record can be a spike that the optimiser recovers from; five in a row are not.
        diverged = not finite or self.alarms == 5
        if diverged:
            where = f"at iteration {self.step.iteration} the loss is {loss:.3g}"
            self.why = f"diverged: {where}. A smaller learning rate may help"
        return diverged

    def _suspicious(self, loss):
        """Far worse than at the start, or every pixel pushed into black or white, where gradients vanish."""
        saturated = ((self.step.estimate < 1e-6) | (self.step.estimate > 1 - 1e-6)).float().mean() > 0.99
        return loss > 10 * self.history["loss"][0] or bool(saturated)

    def _write(self, loss):
        entry = {"iteration": self.step.iteration, "loss": loss}
        if self.truth is not None:
            truth = self.truth.to(self.average)
            entry |= {"psnr": psnr(self.step.estimate, truth), "psnr_average": psnr(self.average, truth)}
        # All computing is done before the first list grows, so that an interrupt leaves them of one length.
        for name, value in entry.items():
            self.history[name].append(value)
        if (len(self.history["loss"]) - 1) % self.snapshot_every == 0:
            self.snapshots.append((self.step.iteration, to_array(self.average)))
            if len(self.snapshots) > SNAPSHOTS:
                self.snapshots, self.snapshot_every = self.snapshots[::2], 2 * self.snapshot_every

    def settings(self):
        """What a checkpoint compares before it goes on; asked when the rule has seen nothing yet."""
        rule = {f"stop.{name}": value for name, value in self._remembered().items()}
        return {
            "average": self.weight,
            "truth": self.truth,
            "stop": None if self.stop is None else type(self.stop).__qualname__,
        } | rule

    def _remembered(self):
        """Of the stopping rule its numbers, tensors and texts, not its operators."""
        if self.stop is None:
            return {}
        if not hasattr(self.stop, "__dict__"):
            raise TypeError(
                f"stop: a checkpoint cannot keep what this {type(self.stop).__name__} remembers: take "
                "__slots__ out of its class"
            )
        return {name: value for name, value in vars(self.stop).items() if storable(value)}

    def state_dict(self):
        """What `load_state_dict` needs to go on."""
        own = {
            name: getattr(self, name)
            for name in ("average", "good", "history", "snapshots", "snapshot_every", "alarms")
        }
        step = {
            "iteration": self.step.iteration,
            "total": self.step.total,
            "loss": float(self.step.loss),
            "estimate": self.step.estimate,
        }
        return {
            "own": own,
            "step": step,
            "rule": self._remembered(),
            "seconds": time.perf_counter() - self.started,
        }

    def load_state_dict(self, state):
        """Go on from a state that `state_dict` gave."""
        vars(self).update(state["own"])
        self.step, self.started = Step(**state["step"]), time.perf_counter() - state["seconds"]
        if self.stop is not None:
            vars(self.stop).update(state["rule"])

    def result(self, why=None):
        """The Result so far. `why` tells a reason that the recorder cannot know, such as a Stop button.

        Raises:
            ValueError: no step was made, or not one of them was finite.
        """
        if self.step is None:
            raise ValueError("the method made no step: was its generator used before?")
        seconds = time.perf_counter() - self.started
        whole = self.why is None and is_finite(self.average)
        if not whole and self.good is None:
            raise ValueError(
                "the first step already gave NaN or infinite values: look at the input and the learning rate"
            )
        iteration, estimate = (self.step.iteration, self.average) if whole else self.good
        if whole and self.stop is not None and self.stop.estimate is not None:
            iteration, estimate = self.stop.iteration, self.stop.estimate
            last = self.step.iteration
            ended = f"finished {last} iterations" if last == self.step.total else f"ended at iteration {last}"
            why = f"{why or ended}: {self.stop.why}"
        snapshots = [snapshot for snapshot in self.snapshots if snapshot[0] < iteration] + [
            (iteration, to_array(estimate))
        ]
        why = self.why or why or f"finished {self.step.iteration} iterations"
        if not whole:
            why += f"; the estimate is the last good one, of iteration {iteration}"
        return Result(estimate, iteration, self.history, snapshots, why, seconds)


def recorded(steps, recorder, checkpoint=None):
    """The steps, each taken by the recorder first, until the run has to end. What `run` and `watch` share."""
    file = None if checkpoint is None else Checkpoint(checkpoint, steps, recorder)
    if not isinstance(steps, Iterable) or isinstance(steps, torch.Tensor):
        raise TypeError(
            f"steps: expected what a method returns, such as deep_image_prior(y), got {describe(steps)}"
        )
    try:
        for step in steps:
            ended = recorder.observe(step)
            if file and recorder.why is None:
                file.write() if ended or step.iteration == step.total else file.write_now_and_then()
            if ended:
                return
            yield step
    except NotFiniteError as error:
        if recorder.step is None:
            raise
        recorder.why = (
            f"diverged: after iteration {recorder.step.iteration}: {error}. A smaller learning rate may help"
        )


def interrupted_again():
    """Note an interrupt. True where it is the second within AGAIN seconds.

    The first ends one run. A cell that queues several would otherwise go on with the next.
    """
    global _last_interrupt
    before, _last_interrupt = _last_interrupt, time.perf_counter()
    return _last_interrupt - before < AGAIN


def run(steps, truth=None, average=0.99, stop=None, checkpoint=None):
    """Drain a method's generator and return its Result, for scripts, tests and lessons.

    Ctrl-C or a kernel interrupt ends the run and keeps its estimate; a second one within two seconds is
    raised, and ends the whole cell. A diverging run ends with its last good estimate.

    Args:
        steps: generator of Steps, such as `deep_image_prior(y)`.
        truth: clean picture (1,C,H,W) in [0,1] for the PSNR curves; it chooses nothing.
        average: weight of the past in the moving average, at iteration i at most i / (i + 10); 0 takes each
            single estimate.
        stop: a fresh stopping rule of `fitting.stopping`, or any object with `observe(step, average)`,
            `iteration`, `estimate` and `why` like them; it ends the run and chooses its estimate.
        checkpoint: path of a file, written now and then. When the process dies, the same call goes on from
            there, with the same numbers in the end; when the run has finished, it gives its Result again.
            Settings of a method that change nothing in its first loss, such as `weight_noise`, are not
            compared: take another file for them. Where the file cannot be written, the run says so and goes
            on without. For methods that return a `Descent`: most, and all long ones.

    Raises:
        TypeError, ValueError: of the method's own checks; truth is no picture or has another shape; stop is
            no rule, or one that has watched another run; checkpoint is a file of another run, in no folder,
            or the method cannot be taken up again.
    """
    recorder = Recorder(truth, average, stop)
    why = None
    try:
        for _ in recorded(steps, recorder, checkpoint):
            pass
    except KeyboardInterrupt:
        if recorder.good is None or interrupted_again():
            raise
        why = f"interrupted at iteration {recorder.step.iteration}"
    result = recorder.result(why)
    if not result.why.startswith("finished"):
        print(result.why)
    return result
