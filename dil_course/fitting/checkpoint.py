"""A long run that survives a crash: its state lies in one file, and the same call goes on from there."""

import collections
import json
import math
import os
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from dil_course.fitting.pace import Pace
from dil_course.signals.validation import describe

SHARE = 0.02  # of the run's time that may go into writing the file


class Checkpoint:
    """The file of one run: read before its first iteration, written now and then, and at the end.

    It holds numbers only (safetensors), never code. A killed process leaves the last whole state: a new one is written
    beside it, and then takes its place.

    Args:
        path: of the file; its folder must exist.
        steps: the method's steps, a `Descent`.
        recorder: the run's Recorder.

    Raises:
        TypeError: path is no path, or the method cannot tell its state.
        ValueError: there is no such folder, or the file is of another run, or no checkpoint.
    """

    def __init__(self, path, steps, recorder):
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"checkpoint: expected the path of a file, got {describe(path)}")
        if not hasattr(steps, "state_dict"):
            raise TypeError("checkpoint: this method cannot be taken up again; those that return a Descent can, such as deep_image_prior")
        self.path, self.steps, self.recorder = Path(path), steps, recorder
        if not self.path.parent.is_dir() or self.path.is_dir():
            raise ValueError(f"checkpoint: {self.path} is no place for a file: name a file in a folder that exists")
        self.pace, self.problem = Pace(SHARE), None
        if self.path.exists():
            self._resume()

    def _resume(self):
        anew = f"Delete {self.path} to begin anew, or name another file"
        try:
            state = read(self.path)
            method, recorder = state["method"], state["recorder"]
            total, before = recorder["step"]["total"], recorder["own"]["history"]["loss"][0]
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"checkpoint: {self.path} cannot be read ({error}). {anew}") from error
        if total != self.steps.iterations:
            raise ValueError(f"checkpoint: {self.path} is of a run of {total} iterations, not {self.steps.iterations}. {anew}")
        # The first loss tells whether picture, operator, network and seed are the same.
        first = float(self.steps.objective(1)[0].detach())
        if not math.isclose(first, before, rel_tol=1e-4):
            raise ValueError(f"checkpoint: {self.path} is of another run, whose first loss was {before:.6g}, not {first:.6g}. {anew}")
        self.recorder.load_state_dict(recorder)
        self.steps.load_state_dict(method)
        print(f"resumed at iteration {method['iteration']} from {self.path}")

    def write_now_and_then(self):
        """Write the file where that takes no more than a fiftieth of the run's time."""
        self.pace.do(self.write)

    def write(self):
        """Write the file. Where that fails, say so once, and let the run go on without it."""
        if self.problem:
            return
        part = self.path.with_name(self.path.name + ".part")
        try:
            with open(part, "wb") as file:
                file.write(to_bytes({"method": self.steps.state_dict(), "recorder": self.recorder.state_dict()}))
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path)
        except OSError as error:
            self.problem = f"no checkpoint after iteration {self.recorder.step.iteration}: {error.strerror}: {self.path}"
            print(f"{self.problem}. The run goes on without")
            part.unlink(missing_ok=True)


def storable(value):
    """Can `to_bytes` take it?"""
    if isinstance(value, (dict, list, tuple, collections.deque)):
        return all(map(storable, value.values() if isinstance(value, dict) else value))
    return value is None or isinstance(value, (torch.Tensor, np.ndarray, bool, int, float, str))


def to_bytes(state):
    """A state as a safetensors file: its tensors, and a JSON text that says where each belongs.

    Args:
        state: dictionaries with texts as keys, lists, tuples, deques, tensors, NumPy arrays, numbers, texts and None.
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

    return save(tensors, {"state": json.dumps(plain(state))})


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
