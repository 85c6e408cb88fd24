"""A device that is pretended: it computes on the CPU, and notes what a GPU, Apple's above all, would refuse.

Its tensors are real to PyTorch, of a device type of their own, with autograd. So a mistake shows here without
a GPU: double precision, which Apple's GPUs do not have; tensors of the CPU among those of the device; random
numbers from a generator of the CPU; conversion to numpy without `cpu()`; and the few operations that Apple's
GPUs lack.
"""

import contextlib
import traceback

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

NAME = "pretended"
aten = torch.ops.aten
faults = []  # what a real device would refuse, each with its place


class Backend(backend_registration._DummyBackendModule):
    def get_amp_supported_dtype(self):
        return [torch.float16, torch.bfloat16]


backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=Backend())
DEVICE = torch.device(NAME, 0)


class Generator(torch.Generator):
    """Random numbers for this device, the same as those of the CPU."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls, "cpu" if is_here(device) else device)
        made.here = is_here(device)
        return made

    @property
    def device(self):
        return DEVICE if self.here else torch.device("cpu")


class Tensor(torch.Tensor):
    """A tensor on the device: a shell around one on the CPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner):
        options = dict(dtype=inner.dtype, layout=inner.layout, device=DEVICE)
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(), **options
        )

    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"{self.inner!r} on the pretended device"

    def __format__(self, form):
        return self.inner.__format__(form)

    def numpy(self, **options):
        note("numpy() without cpu()")
        return self.inner.detach().numpy()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return compute(function, args, kwargs or {})


class Mode(TorchDispatchMode):
    """Sees what is made without a tensor of the device at hand, such as `torch.zeros(3, device=DEVICE)`."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return compute(function, args, kwargs or {})


class Calls(TorchFunctionMode):
    """Sees calls as they are written, with what the mode below does not get to see."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if isinstance(kwargs.get("generator"), Generator):
            here = any(isinstance(each, Tensor) for each in args) or is_here(kwargs.get("device"))
            if kwargs["generator"].here != here:
                note("a generator of another device")
        if function is torch.Tensor.tolist and isinstance(args[0], Tensor):
            return args[0].inner.tolist()
        if function in (torch.tensor, torch.as_tensor) and is_here(kwargs.get("device")):
            device = kwargs.pop("device")
            return function(*args, **kwargs).to(device)
        return function(*args, **kwargs)


@contextlib.contextmanager
def pretended():
    """Inside, DEVICE can be used; gives the list of faults, which grows."""
    faults.clear()
    before, torch.Generator = torch.Generator, Generator
    try:
        with Mode(), Calls():
            yield faults
    finally:
        torch.Generator = before


def is_here(device):
    return device is not None and torch.device(device).type == NAME


def note(what):
    """Write down a fault with its place: the innermost line that is neither of torch's nor of this file."""
    frames = [
        f for f in traceback.extract_stack() if f.filename != __file__ and "site-packages" not in f.filename
    ]
    frames = [f for f in frames if "/lib/python" not in f.filename] or frames
    fault = f"{frames[-1].filename}:{frames[-1].lineno}: {what}: {frames[-1].line}"
    if fault not in faults:
        faults.append(fault)


def compute(function, args, kwargs):
    """Compute on the CPU, and wrap the result where it belongs on the device."""
    given = tree_leaves((args, kwargs))
    tensors = [each for each in given if isinstance(each, torch.Tensor)]
    shells = [each for each in tensors if isinstance(each, Tensor)]
    here = is_here(kwargs["device"]) if kwargs.get("device") is not None else bool(shells)
    moved = function in (aten._to_copy.default, aten.copy_.default)
    if shells and not moved:
        look(function, args, kwargs, tensors)
    options = {**kwargs, "device": torch.device("cpu")} if kwargs.get("device") is not None else kwargs
    bare = tree_map(lambda each: each.inner if isinstance(each, Tensor) else each, (args, options))
    made = function(*bare[0], **bare[1])
    if (here or shells) and any(is_double(each) for each in tree_leaves(made)) and not (moved and not shells):
        note("double precision")
    if moved and function is aten.copy_.default:
        here = isinstance(args[0], Tensor)
    known = {id(each.inner): each for each in shells}  # what works in place returns what it was given
    return (
        tree_map_only(torch.Tensor, lambda x: known[id(x)] if id(x) in known else Tensor(x), made)
        if here
        else made
    )


def is_double(x):
    return isinstance(x, torch.Tensor) and x.dtype in (torch.float64, torch.complex128)


def look(function, args, kwargs, tensors):
    """Note what a GPU does not do."""
    indexed = function in (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)
    judged = tensors if not indexed else [args[0], *(args[2:3] if len(args) > 2 else [])]
    if any(x.ndim and not isinstance(x, Tensor) for x in judged if isinstance(x, torch.Tensor)):
        note(f"tensors of the CPU and of the device in one {function}")
    missing = function in (aten.poisson.default, aten.grid_sampler_2d.default) and (
        function is aten.poisson.default or args[3] == 1
    )
    if function in (aten._adaptive_avg_pool2d.default, aten.adaptive_avg_pool2d.default):
        sides, wanted = args[0].shape[-2:], args[1]
        missing = any(side % other for side, other in zip(sides, wanted, strict=True))
    if missing:
        note(f"{function} is missing on Apple's GPUs")
