"""A long run that survives a crash: its state lies in one file, and the same call goes on from there."""

import collections
import contextlib
import json
import math
import os
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save

from dil_course.fitting.pace import Pace
from dil_course.signals.validation import describe

SHARE = 0.02  # of the run's time that may go into writing the file


class Checkpoint:
    """The file of one run: read before its first iteration, written now and then, and at the end.

    It holds numbers only (safetensors), never code. A killed process leaves the last whole state: a new one
    is written beside it, and then takes its place. Another run is known by its settings and its first loss,
    which tells whether picture, operator, network and seed are the same; what works only later, such as
    `weight_noise` of `sgld_dip`, is not seen, nor are a stopping rule's operators.

    Args:
        path: of the file; its folder must exist.
        steps: the method's steps, a `Descent`.
        recorder: the run's Recorder.

    Raises:
        TypeError: path is no path, or the method or the stopping rule cannot tell its state.
        ValueError: there can be no such file, or it is of another run, or no checkpoint.
    """

    def __init__(self, path, steps, recorder):
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"checkpoint: expected the path of a file, got {describe(path)}")
        if not hasattr(steps, "settings"):
            raise TypeError(
                "checkpoint: this method cannot be taken up again; those that return a Descent can, such as "
                "deep_image_prior"
            )
        self.path, self.steps, self.recorder = Path(path), steps, recorder
        self.part, self.settings = beside(self.path), frozen(steps.settings() | recorder.settings())
        self.pace, self.problem = Pace(SHARE), None
        if self.path.exists():
            self._resume()

    def _resume(self):
        anew = f"Delete {self.path} to begin anew, or name another file"
        with self._readable(anew):
            state = read(self.path)
            changed = difference(state["settings"], self.settings)
            before = float(state["recorder"]["own"]["history"]["loss"][0])
        if changed:
            raise ValueError(f"checkpoint: {self.path} is of another run, whose {changed}. {anew}")
        first = float(self.steps.objective(1)[0].detach())
        if not math.isclose(first, before, rel_tol=1e-4):
            raise ValueError(
                f"checkpoint: {self.path} is of another run, whose first loss was {before:.6g}, not "
                f"{first:.6g}. {anew}"
            )
        with self._readable(anew):
            self.recorder.load_state_dict(state["recorder"])
            self.steps.load_state_dict(state["method"])
        print(f"resumed at iteration {self.steps.iteration} from {self.path}")

    @contextlib.contextmanager
    def _readable(self, anew):
        try:
            yield
        except Exception as error:  # whatever torch, json and safetensors say of a damaged file
            raise ValueError(f"checkpoint: {self.path} cannot be read ({error}). {anew}") from error

    def write_now_and_then(self):
        """Write the file where that takes no more than a fiftieth of the run's time."""
        self.pace.do(self.write)

    def write(self):
        """Write the file. Where that fails, say so once, and let the run go on without it."""
        if self.problem:
            return
        try:
            with open(self.part, "wb") as file:
                file.write(
                    to_bytes(
                        {
                            "settings": self.settings,
                            "method": self.steps.state_dict(),
                            "recorder": self.recorder.state_dict(),
                        }
                    )
                )
                file.flush()
                os.fsync(file.fileno())
            os.replace(self.part, self.path)
        except OSError as error:
            self.problem = (
                f"no checkpoint after iteration {self.recorder.step.iteration}: {error.strerror}: {self.path}"
            )
            print(f"{self.problem}. The run goes on without")
            with contextlib.suppress(OSError):
                self.part.unlink()


def beside(path):
    """The file that is written first, and then takes this one's place; refused if it cannot be a file."""
    if os.path.isdir(path) or not os.path.isdir(path.parent):
        raise ValueError(f"checkpoint: {path} is no place for a file: name a file in a folder that exists")
    part = path.with_name(path.name + ".part")
    try:
        os.lstat(part)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # too long a name, or characters that none may have
        raise ValueError(
            f"checkpoint: expected the name of a file, got {str(path)!r:.60} ({error})"
        ) from error
    return part


def frozen(settings):
    """Each setting in words, and taken apart: as it is now, whatever the run makes of it."""
    return {name: [describe(value), *taken_apart(value)] for name, value in settings.items()}


def difference(before, now):
    """The first of two runs' frozen settings in which they differ, in words; None where there is none."""
    for name in before | now:
        (was, *one), (wanted, *other) = (
            settings.get(name, ["nothing", "", {}]) for settings in (before, now)
        )
        if not alike(one, other):
            return f"{name} had other values" if was == wanted else f"{name} was {was}, not {wanted}"
    return None


def alike(one, other):
    """Are two states, taken apart, the same, up to what another machine may round differently in tensors?"""
    (text, tensors), (other_text, others) = one, other
    return text == other_text and all(
        tensor.shape == others[name].shape
        and torch.allclose(tensor.double(), others[name].double(), rtol=1e-4, atol=1e-5, equal_nan=True)
        for name, tensor in tensors.items()
    )


def storable(value):
    """Can `to_bytes` take it?"""
    if isinstance(value, (dict, list, tuple, collections.deque)):
        return all(map(storable, value.values() if isinstance(value, dict) else value))
    return value is None or isinstance(value, (torch.Tensor, np.ndarray, bool, int, float, str))


def taken_apart(state):
    """A state as a JSON text, and the tensors that this names, ready for a file.

    Args:
        state: dictionaries with texts as keys, lists, tuples, deques, tensors, NumPy arrays, numbers, texts
            and None.
    """
    tensors = {}

    def plain(value):
        if isinstance(value, np.ndarray):
            return {"array": plain(torch.from_numpy(value))}
        if isinstance(value, torch.Tensor):
            name = str(len(tensors))
            # Weights may share memory, or lie in another order of the axes; the file takes neither.
            tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
            return {"tensor": name, "device": str(value.device)}
        if isinstance(value, dict):
            return {"dict": {name: plain(part) for name, part in value.items()}}
        if isinstance(value, collections.deque):
            return {"deque": [plain(part) for part in value], "longest": value.maxlen}
        if isinstance(value, (list, tuple)):
            return {type(value).__name__: [plain(part) for part in value]}
        return value

    return json.dumps(plain(state)), tensors


def to_bytes(state):
    """A state as a safetensors file."""
    text, tensors = taken_apart(state)
    return save(tensors, {"state": text})


def read(path):
    """The state in a file that holds what `to_bytes` made."""
    with safe_open(path, "pt") as file:
        kinds = {
            "array": lambda value: full(value["array"]).numpy(),
            "tensor": lambda value: file.get_tensor(value["tensor"]).to(value["device"]),
            "dict": lambda value: {name: full(part) for name, part in value["dict"].items()},
            "deque": lambda value: collections.deque(map(full, value["deque"]), value["longest"]),
            "list": lambda value: list(map(full, value["list"])),
            "tuple": lambda value: tuple(map(full, value["tuple"])),
        }

        def full(value):
            return kinds[next(iter(value))](value) if isinstance(value, dict) else value

        return full(json.loads((file.metadata() or {})["state"]))
