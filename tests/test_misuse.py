"""Misuse: every public function and class gets odd arguments, and either refuses them on purpose or gives a
right result.

"On purpose" is meant literally: the innermost line of a refusal is a `raise` of ValueError or TypeError in
this library, and its text names an argument of the call or says what is wanted. Whatever torch, numpy or
Python itself say when they stumble is a defect.

Where the line is drawn:
- A network's own `forward`, called by hand, may answer with torch's error: it stands inside every loop, and
  checks would cost time at each iteration. The methods that are given a network check what they hand it.
- A function that the caller wrote (a denoiser, a loss, an objective) may raise what it likes, and that
  arrives as it is. What it returns is checked by the methods. A network in its place is tried out first.
- `Step` and `Result` are plain records. `run` and `watch` look at the first Step that they are given.
- An existing file that cannot be read or written is an OSError, as documented.
"""

import asyncio
import collections
import dataclasses
import decimal
import fractions
import importlib
import inspect
import itertools
import linecache
import math
import pathlib
import re
import tempfile
import types
import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from torch import nn

import dil_course
from dil_course import (
    adaptation,
    challenge,
    checks,
    diffusion,
    figures,
    fitting,
    from_scratch,
    networks,
    runtime,
    signals,
)
from dil_course.fitting import risks, stopping
from dil_course.from_scratch import self_supervised
from dil_course.signals import corruptions

DIGITS = importlib.import_module("dil_course.signals.digits")  # the room, not its function
LIBRARY = str(pathlib.Path(dil_course.__file__).parent)
CASES = 10_000  # at least so many in all
COLOUR, GRAY = (1, 3, 16, 16), (1, 1, 16, 16)


# What arguments are made of. A kind has a valid value, made anew each time, and odd ones, made by functions.


@dataclasses.dataclass(frozen=True)
class Kind:
    valid: object
    odd: st.SearchStrategy


def anything():
    """Values that are almost never right, whatever the argument is."""
    values = [
        None, True, "text", "", b"bytes", [], [1, 2], ["a"], (), (2, 2), (2.0, math.nan), {}, {"a": 1}, {1},
        1j, math.nan, math.inf, -math.inf, -1, 0, 1, 10**30, -(10**30), 2**63, 0.5, 3.0, 1e308, 1e-320,
        decimal.Decimal("0.5"), fractions.Fraction(1, 2), slice(None), range(3), object, len, Ellipsis,
        nn.ReLU, math, np.float32(0.5), np.float64("nan"), np.int64(2), np.uint8(3), np.bool_(True),
        np.str_("text"),
    ]  # fmt: skip
    fresh = [
        lambda: np.zeros((4, 4)), lambda: np.zeros((16, 16, 3), "uint8"), lambda: np.zeros(3, "float16"),
        lambda: np.zeros((0, 4)), lambda: np.full((8, 8), np.nan), lambda: np.array(["a"]),
        lambda: np.array([None]), lambda: torch.zeros(()), lambda: torch.tensor(math.nan),
        lambda: torch.tensor(2), lambda: torch.zeros(2, 3), lambda: torch.zeros(0),
        lambda: torch.ones(1, 3, 16, 16), lambda: torch.ones(16, 16, dtype=torch.bool), lambda: iter([1, 2]),
        lambda: object(),
    ]  # fmt: skip
    return st.sampled_from([lambda value=value: value for value in values] + fresh)


SIDES = [
    (), (0,), (16,), (16, 16), (3, 16, 16), (16, 16, 3), (2, 3, 16, 16), (0, 3, 16, 16), (1, 0, 16, 16),
    (1, 3, 0, 16), (1, 2, 16, 16), (1, 4, 16, 16), (1, 5, 16, 16), (1, 3, 1, 1), (1, 3, 16, 1), (1, 3, 3, 3),
    (1, 3, 15, 17), (1, 3, 7, 64), (1, 3, 32, 32), (1, 1, 16, 16), (1, 3, 16, 16, 1),
]  # fmt: skip
HUGE = (1, 3, 16, 2100)  # a side above the library's limit
DTYPES = ["float64", "float16", "bfloat16", "float8_e4m3fn", "uint8", "int64", "int32", "bool", "complex64"]
VALUES = {
    "zeros": lambda x: x * 0, "ones": lambda x: x * 0 + 1,
    "a NaN": lambda x: x.masked_fill(first(x), math.nan),
    "an infinity": lambda x: x.masked_fill(first(x), math.inf), "all NaN": lambda x: x * math.nan,
    "negative": lambda x: -x, "a bit beyond": lambda x: 1.6 * x - 0.3, "8 bits": lambda x: (255 * x).round(),
    "huge": lambda x: 1e30 * x, "tiny": lambda x: 1e-38 * x,
}  # fmt: skip
LAYOUTS = {
    "on another device": lambda x: x.to("meta"), "sparse": lambda x: x.to_sparse(),
    "with a gradient": lambda x: x.requires_grad_(), "in a graph": lambda x: x.requires_grad_() * 1.0,
    "transposed": lambda x: x.mT, "strided": lambda x: x.repeat(2, *[1] * (x.ndim - 1))[::2],
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last), "a parameter": nn.Parameter,
    "an array": lambda x: x.numpy(), "a list": lambda x: x.tolist(),
    "a constant": lambda x: x[..., :1, :1].expand(x.shape),
}  # fmt: skip


def first(x):
    """True at the first of x's values."""
    return (torch.arange(x.numel()) == 0).reshape(x.shape)


def tensor(shape=COLOUR, dtype=None, values=None, layout=None):
    """A picture of reproducible noise in [0,1], or what the odd shape, dtype, values or layout make of it."""
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    x = VALUES[values](x) if values else x
    x = x.to(getattr(torch, dtype)) if dtype else x
    try:
        return LAYOUTS[layout](x) if layout else x
    except (RuntimeError, IndexError, TypeError):  # this layout does not go with this shape or dtype
        return x


def tensors(shape):
    """Tensors with one or two odd traits."""

    def made(shape, dtype, values, layout):
        return lambda: tensor(shape, dtype, values, layout)

    usual, none = st.just(shape), st.none()
    odd = (
        st.sampled_from(SIDES),
        st.sampled_from(DTYPES),
        st.sampled_from(sorted(VALUES)),
        st.sampled_from(sorted(LAYOUTS)),
    )
    one = [
        st.builds(made, *(odd[i] if i == chosen else (usual, none, none, none)[i] for i in range(4)))
        for chosen in range(4)
    ]
    return st.one_of(
        *one, st.builds(made, st.one_of(usual, odd[0]), *(st.one_of(none, trait) for trait in odd[1:]))
    )


def picture(*shape):
    shape = shape or COLOUR
    return Kind(lambda: tensor(shape), st.one_of(tensors(shape), anything()))


def mask(*shape):
    return Kind(
        lambda: (tensor(shape) > 0.5).float(),
        st.one_of(tensors(shape), anything(), st.just(lambda: torch.zeros(shape))),
    )


def value(valid, *odd):
    """A number, a word or a flag, with the odd values that suit the argument."""
    return Kind(
        lambda: valid,
        st.one_of(anything(), st.sampled_from([lambda o=o: o for o in odd]) if odd else anything()),
    )


def number(valid):
    odd = [-1.0, 0.0, 1e-12, 0.999, 1.0, 1.001, 2.0, 10.1, 1e4, math.nan, math.inf, "0.5", np.float16(0.25)]
    return value(valid, *odd)


def whole(valid):
    return value(valid, -1, 0, 1, 2, 3, 5, 7, 8.0, 2.5, 10**7, 2**63, np.int32(2), np.uint8(1), "3")


def flag(valid):
    return value(valid, 0, 1, "False", np.False_)


SEED = value(0, -1, 1, 2**40, 2**63, 2**64, 1.0, np.int64(3), "0")


def made(valid, *odd):
    """Networks, operators, functions: made anew for each case, as they hold a state."""
    return Kind(valid, st.one_of(anything(), st.sampled_from(odd)) if odd else anything())


def changed(make, change):
    def changed_network():
        network = make()
        change(network)
        return network

    return changed_network


class Upside(nn.Module):
    """A network without any of the attributes that methods ask for."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)

    def forward(self, x, sigma=None):
        return self.layer(x)


class Changing(nn.Module):
    """A network whose attributes are in order, and which makes something else."""

    input_channels, output_channels, channels, scales, reduction = 3, 3, 3, 1, 1

    def __init__(self, change):
        super().__init__()
        self.layer, self.change = nn.Conv2d(3, 3, 1), change

    def forward(self, x, sigma=None):
        return self.change(self.layer(x))


CHANGES = [
    lambda x: x[:, :1], lambda x: x.mean((2, 3), keepdim=True), lambda x: x[..., 1:-1, 1:-1],
    lambda x: x * 1j, lambda x: (x, x), lambda x: None, lambda x: x.detach().numpy(),
]  # fmt: skip
CHANGED = [lambda change=change: Changing(change) for change in CHANGES]


def network(make, *odd):
    """A network; frozen, on another device, in other precision, in training mode, a class, and strangers."""
    return made(
        make, changed(make, lambda n: n.requires_grad_(False)), changed(make, lambda n: n.to("meta")),
        changed(make, lambda n: n.double()), changed(make, lambda n: n.half()),
        changed(make, lambda n: n.train()), changed(make, lambda n: n.eval()), Upside, nn.Identity,
        lambda: Upside, lambda: nn.Linear(3, 3), lambda: nn.Sequential(), lambda: nn.Conv2d(3, 3, 1),
        lambda: nn.BatchNorm2d(3), *odd,
    )  # fmt: skip


class Model:
    """A forward model with the least it has to have: no pinv. Mostly it makes something else than y."""

    scales = (1, 1)

    def __init__(self, forward, adjoint=lambda y: y):
        self.forward, self.adjoint = forward, adjoint

    def __call__(self, x):
        return self.forward(x)


MODELS = [lambda: Model(lambda x: x), lambda: Model(lambda x: x, adjoint=lambda y: None)]
MODELS += [lambda change=change: Model(change) for change in CHANGES]


def function(valid, *odd):
    """A function of the caller; not one, or one that returns something else."""
    strangers = [
        lambda: None,
        lambda: math.nan,
        lambda: torch.zeros(2, 2),
        lambda: tensor(GRAY),
        lambda: tensor(values="a NaN"),
        lambda: "x",
    ]
    odd = [*odd, *((lambda stranger=stranger: lambda *a, **k: stranger()) for stranger in strangers)]
    return made(lambda: valid, *odd, lambda: lambda *a, **k: tensor(layout="on another device"))


def operator(make, *odd):
    return made(
        make, lambda: signals.Identity, lambda: signals.Identity(),
        lambda: signals.Mask(torch.ones(1, 1, 8, 8)), lambda: signals.Downsample(3),
        lambda: signals.Downsample((2, 1)), lambda: signals.BlurDownsample(KERNEL, 2),
        lambda: signals.Radon(16, [0, 45]), lambda: lambda x: x,
        lambda: signals.Fourier(torch.ones(1, 1, 16, 16)), lambda: signals.Blur(torch.ones(30, 30) / 900),
        lambda: nn.Identity(), lambda: types.SimpleNamespace(scales=(2, 2)), Halving, *odd,
    )  # fmt: skip


class Halving:
    """A forward model with the least that is asked for."""

    def __call__(self, x):
        return 0.5 * x

    adjoint = __call__


KERNEL = signals.gaussian_kernel(3, 0.8)
PICTURE = picture()
OBSERVED = Kind(PICTURE.valid, st.one_of(PICTURE.odd, st.just(lambda: tensor(HUGE))))


# What a right result is.


def sound(result, infinite=False):
    """Assert that all numbers in a result are finite."""
    if isinstance(result, torch.Tensor):
        assert infinite and not result.isnan().any() or torch.isfinite(result).all(), (
            f"not finite: {result.flatten()[:8]}"
        )
    elif isinstance(result, np.ndarray):
        assert np.isfinite(result).all()
    elif isinstance(result, float):
        assert math.isfinite(result) or infinite and result == math.inf, result
    elif isinstance(result, tuple | list):
        for part in result:
            sound(part, infinite)
    return result


def like(x, result):
    """Assert a finite result of the shape and the dtype of x."""
    assert result.shape == x.shape and result.dtype == x.dtype, (
        f"{result.dtype} {result.shape} from {x.dtype} {x.shape}"
    )
    return sound(result)


def drained(steps):
    """Run a method for two steps."""
    return sound(fitting.run(itertools.islice(steps, 2)).estimate)


def method(function, usual=signals.Identity):
    """A method, whose estimate is to be like what A's adjoint makes of y."""

    def call(y, **others):
        estimate = drained(function(y, **others))
        return like((others.get("A") or usual()).adjoint(y), estimate)

    return call


def used(make):
    """An operator: made, then used in all its ways on x."""

    def call(x, **others):
        A = make(**others)
        y = A(x)
        assert A.adjoint(y).shape == x.shape and y.dtype == x.dtype
        return sound([like(x, A.adjoint(y)), like(x, A.pinv(y)), like(y, A(A.pinv(y)))])

    return call


def answered(function):
    def call(**others):
        logits = [answer.logits for answer in itertools.islice(function(**others), 2)]
        assert all(each.ndim == 2 for each in logits), "no logits"
        return sound(logits)

    return call


def forwarded(make, inputs):
    """A network: made, then used on inputs that suit it."""

    def call(**others):
        network = make(**others)
        return sound(network(*inputs(network)))

    return call


def ruled(make):
    """A stopping rule: made, then handed to `run`."""

    def call(**others):
        steps = [fitting.Step(i, 3, torch.tensor(1.0), tensor(), network=small_denoiser()) for i in (1, 2, 3)]
        return sound(fitting.run(steps, stop=make(**others)).estimate)

    return call


def seeded(seed):
    with runtime.seeded(seed):
        return sound(torch.rand(2))


def picked(quick, full):
    assert runtime.pick(quick=quick, full=full) is {"quick": quick, "full": full}[runtime.profile()]


def watched(**others):
    result = asyncio.run(fitting.watch(**others))
    return sound(result.estimate)


def saved(x, path, overwrite):
    assert signals.save_image(x, path, overwrite).stat().st_size


def filmed(name, steps, alt, at, error, **others):
    """A film of one run, shown."""
    film = figures.Film(**others)
    fitting.run(film.record(name, steps))
    film.show(alt, at, error)


def descended(**others):
    return drained(fitting.Descent(**others))


def engine_used(network, learning_rate, fast, training):
    engine = fitting.Engine(network, learning_rate, fast, training)
    engine.update(sum(weights.mean() for weights in network.parameters()))
    engine.load_state_dict(engine.state_dict())
    return sound(list(network.parameters()))


def rate_set(value):
    engine = fitting.Engine(Upside(), 0.01)
    engine.learning_rate = value
    engine.update(engine(tensor()).mean())
    return sound(list(engine.network.parameters()))


def objective(iteration):
    return torch.tensor(1.0, requires_grad=True) ** 2, tensor()


# Small networks: what is tried here is the door, not the house.


def small_skip(inputs=4, outputs=3):
    return networks.SkipNetwork(outputs, inputs, width=4, scales=1, skip=2)


def small_denoiser():
    return networks.Denoiser(3, width=4, depth=2)


def small_singan():
    return from_scratch.SinGAN(tensor(), scales=2, coarsest=11, width=3)


def norm_denoiser():
    return networks.Denoiser(3, width=4, depth=3)


def small_generator():
    return networks.Generator(3, 2, 3, 16)


def small_classifier():
    return networks.Classifier(1, classes=3, width=4, turns=True).eval()


PRIOR = network(
    small_skip,
    lambda: small_skip(3, 3),
    lambda: small_skip(4, 1),
    lambda: networks.PartialUNet(3, 4, 1),
    lambda: None,
    *CHANGED,
)
MAP = network(
    lambda: small_skip(3, 3),
    small_skip,
    lambda: small_skip(1, 1),
    lambda: networks.SkipNetwork(3, 3, 4, 4, 2),
    lambda: None,
    *CHANGED,
)
PARTIAL = network(
    lambda: networks.PartialUNet(3, 4, 1),
    small_skip,
    lambda: networks.PartialUNet(1, 4, 1),
    lambda: small_skip(3, 3),
)
DENOISER = network(
    norm_denoiser, small_denoiser, lambda: networks.Denoiser(1, 4, 2), lambda: small_skip(3, 3)
)
RESIDUAL = network(
    lambda: networks.ResidualNetwork(3, 4, 2),
    lambda: networks.ResidualNetwork(1, 4, 2),
    norm_denoiser,
    *CHANGED,
)
UNROLLED = network(
    lambda: networks.UnrolledNetwork(2, 4, 3), norm_denoiser, lambda: networks.ResidualNetwork(1, 4, 2)
)
SCANNER = lambda: signals.Fourier(signals.line_mask(16, 16, 2))  # noqa: E731
SCAN = {"y": picture(1, 2, 16, 16), "A": operator(SCANNER), "network": UNROLLED, "iterations": whole(2)}
GENERATOR = network(
    small_generator, lambda: networks.Generator(3, 2, 1, 16), lambda: networks.Generator(3, 2, 3, 8),
    changed(small_generator, lambda n: setattr(n, "latent", 0)),
    changed(small_generator, lambda n: setattr(n, "latent", 4)),
    changed(small_generator, lambda n: setattr(n, "latent", "3")),
)  # fmt: skip
CLASSIFIER = network(
    small_classifier, lambda: networks.Classifier(1, 3, 4), lambda: networks.Classifier(3, 3, 4, turns=True),
    norm_denoiser, lambda: nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3)),
    lambda: nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(28 * 28, 3)),
    lambda: nn.Sequential(nn.BatchNorm2d(1, affine=False), nn.Flatten()),
    lambda: nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten()),
    lambda: nn.ModuleDict({"turn_head": nn.Linear(3, 4), "norm": nn.BatchNorm2d(1)}),
    changed(small_classifier, lambda n: nn.utils.weight_norm(n.class_head)),
)  # fmt: skip
ODD_STEPS = list(itertools.product([1, 0, None, "a"], [1, None, 0], [0.5, math.nan, None], [None, 1.0]))
ODD_ESTIMATES = [torch.zeros(3, 3), torch.zeros(1, 2, 16, 16), tensor(values="all NaN")]
ODD_LOSSES = [torch.tensor(1j), torch.zeros((), device="meta")]
STEPS = made(
    lambda: from_scratch.deep_image_prior(tensor(), network=small_skip(), iterations=2), lambda: [tensor()],
    lambda: tensor(), lambda: iter([fitting.Step(1, 2, torch.tensor(1.0), tensor())]),
    lambda: [fitting.Step(1, 1, 1.0, tensor())],
    *((lambda step=step: [fitting.Step(*step)]) for step in ODD_STEPS),
    *((lambda x=x: [fitting.Step(1, 1, 0.5, x)]) for x in ODD_ESTIMATES),
    *((lambda loss=loss: [fitting.Step(1, 1, loss, tensor())]) for loss in ODD_LOSSES),
    lambda: from_scratch.deep_image_prior,
)  # fmt: skip
STOP = made(
    lambda: stopping.WindowedVariance(2, 1), lambda: None, lambda: stopping.WindowedVariance,
    lambda: from_scratch.Posterior(0), lambda: stopping.Discrepancy(tensor(GRAY), signals.Identity(), 0.1),
    lambda: types.SimpleNamespace(observe=len),
    lambda: types.SimpleNamespace(observe=lambda *a: False, iteration=None, estimate=None),  # no `why`
)  # fmt: skip


def batches(*odd):
    shapes = [(4, 3, 24, 24), (1, 1, 24, 24), (4, 1, 24, 20), (4, 1, 1, 1)]
    shapes += [(4, 24, 24), (0, 1, 24, 24), (4, 1, 0, 24), (4, 2, 24, 24)]
    return made(
        lambda: [tensor((4, 1, 24, 24))], *((lambda s=s: [tensor(s)]) for s in shapes),
        *((lambda v=v: [tensor((4, 1, 24, 24), values=v)]) for v in VALUES),
        *((lambda d=d: [tensor((4, 1, 24, 24), dtype=d)]) for d in DTYPES),
        *((lambda v=v: [tensor((4, 1, 24, 24), layout=v)]) for v in LAYOUTS), lambda: tensor((4, 1, 24, 24)),
        lambda: [None], lambda: [np.zeros((4, 1, 24, 24))], lambda: (b for b in [tensor((2, 1, 24, 24))]),
        *odd,
    )  # fmt: skip


AXES = made(lambda: Figure(figsize=(1, 1)).subplots(), lambda: Figure())
TITLE = value("title", 1)
ALT = value("what it shows", "", 3)
CURVES = made(
    lambda: {"a": [1.0, 2.0]}, lambda: {"a": ([1, 2], [1.0, 2.0]), "b": torch.ones(3)},
    lambda: {"a": ([1], [1.0, 2.0])}, lambda: {"a": 3}, lambda: {"a": None}, lambda: {"a": []},
    lambda: {"a": ["x"]}, lambda: {1: [1.0]}, lambda: {"a": torch.ones(2, 2)}, lambda: {"a": ([1], [2], [3])},
)  # fmt: skip
LOOKS = value({"a": (1, 2)}, {"a": (6, 0)}, {"a": 1}, {"a": (1,)}, {"a": ("x", 1)})
MARKS = value({"peak": (1, 2.0)}, {"peak": 1}, {"peak": (1, 2, 3)}, {"peak": "ab"}, {1: (1, 2)})
ENDS = value((0.5, 2), (2, 1), (0, 1), (1,), (1, math.nan), (1, math.inf), "ab")
AXIS = {"curves": CURVES, "x_label": TITLE, "y_label": TITLE, "title": TITLE, "log_x": flag(False)}
AXIS |= {"log_y": flag(True), "looks": LOOKS, "marks": MARKS, "x_range": ENDS, "y_range": ENDS}
PAIRS = {
    "pairs": value(
        {"a": ("yy ..", "y. yy")}, {}, {"a": ("x", "y")}, {"a": ("y",)}, {1: ("y", "y")}, {"a": (1, "y")}
    ),
    "kinds": value({"y": ("a pixel", 0), ".": ("none", None)}, {}, {"y": 1}, {"y": ("a", 9)}, {1: ("a", 0)}),
    "columns": value(2, 0, -1, 1, 1.5),
}
IMAGES = {
    "pictures": made(
        lambda: {"a": tensor()},
        dict,
        lambda: {1: tensor()},
        lambda: {"a": None},
        lambda: {"a": np.zeros((4, 4))},
        lambda: {"a": tensor((1, 1, 8, 8)), "b": tensor()},
    ),
    "columns": value(2, 0, -1, 1, 1.5),
    "zoom": whole(2),
    "crop": value((2, 3, 4), (1, 1), (9, 9, 9), (0, 0, 0), (0.5, 1, 2), "abc"),
}
ERRORS = {
    "estimates": made(lambda: {"a": 0.5 * tensor()}, dict, lambda: {"a": None}, lambda: {"a": tensor(GRAY)}),
    "truth": PICTURE,
    "columns": value(2, 0, 1.5),
}
TEXT = value("words", 1, "")
PLACE = value((1, 1), (1,), 3, "ab", (math.nan, 1))


def diagrammed(**arguments):
    figures.Diagram(**arguments).show("An empty diagram.")


def boxed(**arguments):
    box = figures.Diagram(4, 3).box(**arguments)
    assert np.isfinite(box).all()


TEMPORARY = tempfile.TemporaryDirectory()  # removed when the tests end
FOLDER = pathlib.Path(TEMPORARY.name)
(FOLDER / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
(FOLDER / "empty.png").write_bytes(b"")
(FOLDER / "text.png").write_text("no picture")
SOURCE = value(
    np.zeros((8, 8, 3), "uint8"), FOLDER, str(FOLDER / "damaged.png"), FOLDER / "empty.png",
    FOLDER / "text.png", FOLDER / "missing.png", (FOLDER / "damaged.png").read_bytes(), bytearray(3),
    memoryview(b"abc"), np.zeros((8, 8, 5)), np.zeros((8, 8), "int16"), np.zeros((8, 8), "uint16"),
    np.full((8, 8), 300.0), np.zeros((8, 8), complex), np.zeros((8, 8), object), np.zeros((8, 8, 2), bool),
)  # fmt: skip
PATH = value(
    FOLDER / "saved.png",
    FOLDER / "saved.xyz",
    FOLDER / "saved",
    str(FOLDER / "saved.jpg"),
    FOLDER,
    FOLDER / "none" / "saved.png",
)
CHECKPOINT = value(
    None,
    FOLDER,
    FOLDER / "none" / "checkpoint",
    FOLDER / "text.png",
    str(FOLDER / "empty.png"),
    "a\0b",
    "a\ud800",
    252 * "a",
    300 * "a",
)
PLACES = made(
    lambda: signals.places(tensor(), 5)[:7], lambda: torch.zeros(7, 2), lambda: torch.zeros(7, 3),
    lambda: torch.full((7, 2), math.nan), lambda: torch.zeros(7, 2, device="meta"),
    lambda: torch.zeros(7, 2, dtype=torch.complex64),
)  # fmt: skip


# The table: name, the call, and the kind of each of its arguments.

FIT = {"iterations": whole(2), "learning_rate": number(0.01), "seed": SEED, "fast": flag(True)}
BLIND = {"y": OBSERVED, "network": MAP} | FIT
PIXEL_FIT = {
    "y": OBSERVED,
    "weight": number(0.1),
    "iterations": whole(2),
    "learning_rate": number(0.01),
}
TUNE = {
    "y": OBSERVED,
    "denoiser": DENOISER,
    "sigma": number(0.1),
    "what": value("gain", "all", "norm", "low-rank", "none"),
}
TUNE |= {"iterations": whole(2), "learning_rate": number(0.001), "seed": SEED}
PRIOR_FIT = {"y": OBSERVED, "network": PRIOR, "input_noise": number(0.03)} | FIT
STREAM = {"network": CLASSIFIER, "batches": batches(), "learning_rate": number(0.001), "reset": flag(False)}
PROBE = made(lambda: None, lambda: tensor(), lambda: tensor(GRAY), lambda: tensor(values="a NaN"))
RISK = {"f": function(lambda y: 0.9 * y, lambda: torch.sqrt), "y": PICTURE, "sigma": number(0.1), "b": PROBE}
RISK |= {"epsilon": number(0.001)}
LIKENESS = {"sample": PICTURE, "source": PICTURE, "size": whole(5)}
GENERATED = {
    "x": PICTURE,
    "shape": value((16, 20), (16,), (0, 5), (5.0, 5), (4, 4), (16, 10**6)),
    "patch": whole(3),
    "coarsest": whole(8),
    "ratio": number(0.75),
    "iterations": whole(2),
    "seed": SEED,
}
NUMBER_OF = {"output_channels": whole(3), "width": whole(4), "scales": whole(1)}
COORDINATE_NETWORK = {
    "output_channels": whole(3),
    "input_channels": whole(2),
    "width": whole(4),
    "depth": whole(2),
}
SEARCH = {
    "y": PICTURE,
    "A": operator(signals.Identity, *MODELS),
    "generator": GENERATOR,
    "starts": whole(2),
    "iterations": whole(2),
    "learning_rate": number(0.1),
    "seed": SEED,
}
SMALLER = operator(lambda: signals.Downsample(2), lambda: None)
SAME = operator(lambda: signals.Blur(KERNEL), lambda: None, *MODELS)
INVERSE = function(lambda r: r, lambda: None)


LEVELS = {"fresh": number(0.5), "iterations": whole(2), "strongest": number(0.2), "weakest": number(0.1)}
LEVELS |= {"seed": SEED}
FEW = operator(
    lambda: signals.Mask(torch.arange(32 * 32).reshape(1, 1, 32, 32) % 3 == 0),
    lambda: signals.Mask(torch.arange(32 * 32).reshape(1, 1, 32, 32) == 0),
    lambda: None,
)
ANSWER = made(
    lambda: challenge.Answer("estimate", 21.0, 20.0, 20.5),
    lambda: challenge.Answer("refused"),
    lambda: challenge.Answer("failed"),
)
GUIDED = LEVELS | {"y": PICTURE, "A": operator(lambda: signals.Blur(KERNEL)), "prior": DENOISER}


RECIPES = {
    # signals
    "signals.Identity": (used(signals.Identity), {"x": PICTURE}),
    "signals.Mask": (used(signals.Mask), {"x": PICTURE, "mask": mask(1, 1, 16, 16)}),
    "signals.Blur": (used(signals.Blur), {"x": PICTURE, "kernel": picture(3, 3)}),
    "signals.Downsample": (
        used(signals.Downsample),
        {"x": PICTURE, "scale": value(2, 1.5, (2, 1), (2, 0), (1, 2, 3), [2, 2], 64, 65, 4)},
    ),
    "signals.BlurDownsample": (
        used(signals.BlurDownsample),
        {"x": PICTURE, "kernel": picture(3, 3), "scale": whole(2)},
    ),
    "signals.Radon": (
        used(signals.Radon),
        {
            "x": PICTURE,
            "side": value(16, 1, 2, 15, 10**6),
            "angles": value([0, 60], range(2), [400], [math.nan], ["a"], [None], 30),
        },
    ),
    "signals.Gaussian": (
        used(signals.Gaussian),
        {
            "x": PICTURE,
            "measurements": whole(5),
            "sides": value((16, 16), (16,), (0, 16), (16.0, 16), (8, 8), (16, 10**6), [16, 16]),
            "seed": SEED,
        },
    ),
    "signals.Fourier": (used(signals.Fourier), {"x": PICTURE, "mask": mask(1, 1, 16, 16)}),
    "signals.Blur.pinv": (
        lambda y, epsilon: like(y, signals.Blur(KERNEL).pinv(y, epsilon)),
        {"y": PICTURE, "epsilon": number(0.01)},
    ),
    "signals.Radon.pinv": (
        lambda y, iterations: sound(signals.Radon(16, [0, 60]).pinv(y, iterations)),
        {"y": picture(1, 3, 16, 2), "iterations": whole(3)},
    ),
    "signals.Radon.fbp": (
        lambda y: sound(signals.Radon(16, [0, 60]).fbp(y)),
        {"y": picture(1, 3, 16, 2)},
    ),
    "signals.split_lines": (
        signals.split_lines,
        {
            "mask": made(lambda: signals.line_mask(16, 16, 2), lambda: torch.eye(16)[None, None], lambda: 3),
            "share": number(0.2),
            "keep": whole(1),
            "seed": SEED,
        },
    ),
    "signals.line_mask": (
        signals.line_mask,
        {
            "height": whole(16),
            "width": whole(16),
            "acceleration": number(2.0),
            "centre": number(0.1),
            "seed": SEED,
        },
    ),
    "signals.gaussian_kernel": (
        signals.gaussian_kernel,
        {
            "size": whole(3),
            "sigma": value(1.0, (1.0, 2.0), [1.0, 0.0], (1, 2, 3), 0, 1e-9, 1e7),
            "angle": number(30.0),
            "shift": value((0.5, -0.5), (0, 0), [1.0, math.nan], (1, 2, 3), (1e9, 0), 0.5, "00"),
        },
    ),
    "signals.consistent": (
        signals.consistent,
        {"x": PICTURE, "y": picture(1, 3, 8, 8), "A": operator(lambda: signals.Downsample(2))},
    ),
    "signals.enlarge": (signals.enlarge, {"y": PICTURE, "A": SMALLER}),
    "signals.patches": (signals.patches, {"x": PICTURE, "size": whole(5)}),
    "signals.places": (signals.places, {"x": PICTURE, "size": whole(5)}),
    "signals.centres": (signals.centres, {"x": PICTURE, "size": whole(5), "scale": number(2.0)}),
    "signals.coherence": (signals.coherence, LIKENESS),
    "signals.completeness": (signals.completeness, LIKENESS),
    "signals.copied_share": (signals.copied_share, LIKENESS),
    "signals.neighbour_field": (signals.neighbour_field, LIKENESS),
    "signals.field_complexity": (signals.field_complexity, LIKENESS),
    "signals.sliced_wasserstein": (
        signals.sliced_wasserstein,
        LIKENESS | {"projections": whole(4), "seed": SEED},
    ),
    "signals.diversity": (signals.diversity, {"samples": picture(2, 3, 16, 16), "source": PICTURE}),
    "signals.nearest": (
        signals.nearest,
        {
            "queries": picture(7, 9),
            "database": picture(7, 9),
            "k": whole(2),
            "apart": number(1),
            "query_places": PLACES,
            "database_places": PLACES,
        },
    ),
    "signals.add_gaussian": (
        lambda x, **a: like(x, signals.add_gaussian(x, **a)),
        {"x": PICTURE, "sigma": number(0.1), "seed": SEED},
    ),
    "signals.add_correlated": (
        lambda x, **a: like(x, signals.add_correlated(x, **a)),
        {"x": PICTURE, "sigma": number(0.1), "kernel": picture(3, 3), "seed": SEED},
    ),
    "signals.add_poisson": (
        lambda x, **a: like(x, signals.add_poisson(x, **a)),
        {"x": PICTURE, "peak": number(30), "seed": SEED},
    ),
    "signals.add_salt_and_pepper": (
        lambda x, **a: like(x, signals.add_salt_and_pepper(x, **a)),
        {"x": PICTURE, "share": number(0.1), "seed": SEED},
    ),
    "signals.compress_jpeg": (
        lambda x, **a: like(x, signals.compress_jpeg(x, **a)),
        {"x": PICTURE, "quality": value(50, 0, 1, 95, 96, 50.0)},
    ),
    "signals.estimate_sigma": (signals.estimate_sigma, {"y": PICTURE}),
    "signals.psnr": (signals.psnr, {"estimate": PICTURE, "truth": PICTURE, "shave": whole(1)}),
    "signals.ssim": (signals.ssim, {"estimate": PICTURE, "truth": PICTURE, "shave": whole(1)}),
    "signals.luma": (signals.luma, {"x": PICTURE}),
    "signals.crop": (
        signals.crop,
        {
            "x": PICTURE,
            "side": whole(4),
            "centre": value((3, 3), (-5, 99), (1.5, 2), (1,), [1, 2, 3], ("a", "b"), (math.nan, 1)),
        },
    ),
    "signals.picture": (
        signals.picture,
        {"name": value("text", "Text", "lena", "camera"), "side": whole(16)},
    ),
    "signals.load_image": (
        signals.load_image,
        {
            "source": SOURCE,
            "max_side": value(None, 4, 0, 1, 2.0, 10**9),
            "window": value(None, 4, 0, 1, 2.0, 10**9),
            "place": value((0.5, 0.5), (0, 1), (50, 50), (0.5,), 0.5, None, ("a", "b"), (math.nan, 0)),
        },
    ),
    "signals.uploaded": (
        lambda upload: signals.uploaded(upload),
        {
            "upload": made(
                lambda: types.SimpleNamespace(value=()),
                *(
                    lambda v=v: types.SimpleNamespace(value=v)
                    for v in (
                        {},
                        {"a.png": {"content": b"a"}},
                        ({"name": "a.png", "content": memoryview(b"a")},),
                        None,
                        (1,),
                        {"a": 1},
                        [{}],
                    )
                ),
            )
        },
    ),
    "signals.save_image": (saved, {"x": PICTURE, "path": PATH, "overwrite": flag(True)}),
    "signals.to_array": (signals.to_array, {"x": PICTURE}),
    "signals.to_tensor": (signals.to_tensor, {"array": SOURCE}),
    "signals.benchmark": (signals.benchmark, {"name": value("none", "set5/none.png", "../x", "set5")}),
    "corruptions.corrupt": (
        lambda pictures, **a: like(pictures, corruptions.corrupt(pictures, **a)),
        {
            "pictures": picture(2, 1, 24, 24),
            "name": value("blur", *corruptions.CORRUPTIONS, "fog"),
            "severity": whole(1),
            "seed": SEED,
        },
    ),
    "signals.digits": (signals.digits, {"part": value("test", "Test", "all")}),
    "signals.garments": (signals.garments, {"part": value("test", "Test", "all")}),
    "signals.mr_slice": (signals.mr_slice, {}),
    "signals.phantoms": (
        signals.phantoms,
        {
            "count": value(1, 0, 2, 1.0, 10**7),
            "height": value(16, 0, 7, 8, 1e3, 10**5),
            "width": value(24, None, 0, 10**5),
            "seed": SEED,
        },
    ),
    "signals.random_ellipses": (
        lambda **a: sound(signals.random_ellipses(**a)),
        {"count": whole(2), "side": whole(16), "seed": SEED},
    ),
    "signals.ecg": (signals.ecg, {}),
    "signals.rotated": (
        lambda x, **a: like(x, signals.rotated(x, **a)),
        {"x": PICTURE, "degrees": number(30.0)},
    ),
    "signals.stacked_rank": (
        signals.stacked_rank,
        {
            "A": made(signals.Identity, *MODELS),
            "transforms": made(
                lambda: [lambda x: x.flip(-1)], lambda: [torch.relu, 3], lambda: (), lambda: len
            ),
            "side": whole(4),
        },
    ),
    "digits.jitter": (
        lambda pictures, generator: like(pictures, DIGITS.jitter(pictures, generator)),
        {"pictures": picture(2, 1, 24, 24), "generator": made(torch.Generator, lambda: None)},
    ),
    "digits.quarter_turns": (
        lambda pictures, numbers: like(pictures, DIGITS.quarter_turns(pictures, numbers)),
        {
            "pictures": picture(2, 1, 24, 24),
            "numbers": made(
                lambda: torch.tensor([1, 3]),
                *(
                    lambda n=n: torch.tensor(n)
                    for n in ([0], [0, 4], [-1, 0], [1.0, 2.0], [True, False], [[1, 2]], [1j, 1])
                ),
            ),
        },
    ),
    # networks: made, then used on a picture of the right form
    "networks.SkipNetwork": (
        forwarded(
            networks.SkipNetwork, lambda n: [tensor((1, n.input_channels, *[2 ** (n.scales + 1)] * 2))]
        ),
        NUMBER_OF
        | {
            "input_channels": whole(3),
            "skip": whole(2),
            "upsampling": value("nearest", "bilinear", "bicubic"),
            "padding": value("zeros", "reflect", "circular"),
            "norm_of_joined": flag(True),
            "one_row": flag(False),
        },
    ),
    "networks.small_skip_network": (
        forwarded(networks.small_skip_network, lambda n: [tensor((1, n.input_channels, 32, 32))]),
        {"output_channels": whole(3), "input_channels": whole(3), "width": whole(4), "skip": whole(2)},
    ),
    "networks.signal_skip_network": (
        forwarded(networks.signal_skip_network, lambda n: [tensor((1, n.input_channels, 1, 32))]),
        {"output_channels": whole(3), "input_channels": whole(3), "width": whole(4), "skip": whole(2)},
    ),
    "networks.coordinates": (networks.coordinates, {"height": whole(2), "width": whole(3)}),
    "networks.Siren": (
        forwarded(networks.Siren, lambda n: [tensor((1, n.input_channels, 4, 4))]),
        COORDINATE_NETWORK | {"frequency": number(30)},
    ),
    "networks.FourierFeatures": (
        forwarded(networks.FourierFeatures, lambda n: [tensor((1, n.input_channels, 4, 4))]),
        COORDINATE_NETWORK | {"features": whole(8), "scale": number(10)},
    ),
    "networks.deep_decoder": (
        forwarded(networks.deep_decoder, lambda n: [tensor((1, n.input_channels, 4, 4))]),
        NUMBER_OF,
    ),
    "networks.conv_decoder": (
        forwarded(networks.conv_decoder, lambda n: [tensor((1, n.input_channels, 4, 4))]),
        NUMBER_OF,
    ),
    "networks.Denoiser": (
        forwarded(networks.Denoiser, lambda n: [tensor((1, n.channels, 8, 8)), 0.1]),
        {"channels": whole(3), "width": whole(4), "depth": whole(2)},
    ),
    "networks.DenoisingUNet": (
        forwarded(networks.DenoisingUNet, lambda n: [tensor((1, n.channels, 8, 8)), 0.1]),
        {"channels": whole(3), "widths": value((8, 16), (8,), (), 8, (12,), (8, 2.5), (0,), "88", [8])},
    ),
    "networks.ResidualNetwork": (
        forwarded(networks.ResidualNetwork, lambda n: [tensor((1, n.channels, 40, 40))]),
        {"channels": whole(3), "width": whole(4), "depth": whole(2), "cells": whole(2)},
    ),
    "networks.UnrolledNetwork": (
        forwarded(networks.UnrolledNetwork, lambda n: [tensor((1, 2, 16, 16)), SCANNER()]),
        {"steps": whole(2), "width": whole(4), "depth": whole(3)},
    ),
    "networks.PartialUNet": (
        forwarded(
            networks.PartialUNet, lambda n: [tensor((1, n.input_channels, 16, 16)), torch.ones(1, 1, 16, 16)]
        ),
        {
            "channels": whole(3),
            "width": whole(4),
            "scales": whole(1),
            "dropout": number(0.3),
            "partial": flag(True),
        },
    ),
    "networks.Classifier": (
        lambda channels, **a: sound(networks.Classifier(channels, **a)(tensor((2, channels, 24, 24)))),
        {
            "channels": whole(1),
            "classes": whole(3),
            "width": whole(4),
            "turns": flag(True),
            "places": whole(2),
        },
    ),
    "networks.Classifier.turn_logits": (
        lambda turns: like(
            torch.zeros(2, 4), networks.Classifier(1, 3, 4, turns).turn_logits(tensor((2, 1, 24, 24)))
        ),
        {"turns": flag(True)},
    ),
    "networks.Generator": (
        lambda latent, **a: sound(networks.Generator(latent, **a)(torch.zeros(2, latent))),
        {"latent": whole(3), "width": value(2, 0, 3, 4.0, 2048), "channels": whole(1), "side": whole(8)},
    ),
    "networks.trained": (networks.trained, {"name": value("digits", "digit", "Digits", "../digits")}),
    # fitting
    "fitting.Engine": (
        engine_used,
        {
            "network": network(Upside),
            "learning_rate": number(0.01),
            "fast": flag(True),
            "training": flag(True),
        },
    ),
    "fitting.Engine.learning_rate": (rate_set, {"value": number(0.01)}),
    "fitting.Engine.update": (
        lambda loss: fitting.Engine(Upside(), 0.01).update(loss),
        {
            "loss": Kind(
                lambda: torch.ones((), requires_grad=True) ** 2,
                st.one_of(tensors(()), tensors((1,)), anything()),
            )
        },
    ),
    "fitting.Descent": (
        descended,
        {
            "engine": made(lambda: fitting.Engine(Upside(), 0.01), Upside),
            "objective": function(objective),
            "iterations": whole(2),
            "memory": value(None, {}),
        },
    ),
    "fitting.run": (
        lambda **a: sound(fitting.run(**a).estimate),
        {"steps": STEPS, "truth": PICTURE, "average": number(0.9), "stop": STOP, "checkpoint": CHECKPOINT},
    ),
    "fitting.watch": (
        watched,
        {
            "steps": STEPS,
            "truth": PICTURE,
            "observed": PICTURE,
            "average": number(0.9),
            "stop": STOP,
            "checkpoint": CHECKPOINT,
        },
    ),
    "fitting.stop_by_eye": (
        lambda **a: sound(asyncio.run(fitting.stop_by_eye(**a)).estimate),
        {
            "steps": STEPS,
            "truth": PICTURE,
            "rules": made(
                lambda: {"a rule": stopping.WindowedVariance(2, 1)},
                dict,
                lambda: {"you": stopping.WindowedVariance()},
                lambda: {1: stopping.WindowedVariance()},
                lambda: {"a": stopping.WindowedVariance},
                lambda: {"a": None},
            ),
        },
    ),
    "stopping.WindowedVariance": (
        ruled(stopping.WindowedVariance),
        {"window": whole(2), "patience": whole(1)},
    ),
    "stopping.Discrepancy": (
        ruled(stopping.Discrepancy),
        {"y": PICTURE, "A": operator(signals.Identity), "sigma": number(0.1)},
    ),
    "stopping.HeldOut": (
        ruled(stopping.HeldOut),
        {"y": PICTURE, "held_out": mask(1, 1, 16, 16), "patience": whole(2)}
        | {"A": operator(signals.Identity)},
    ),
    "stopping.LeastRisk": (
        ruled(stopping.LeastRisk),
        {"y": PICTURE, "sigma": number(0.1), "every": whole(1), "patience": whole(2), "seed": SEED},
    ),
    "risks.probe": (
        lambda y, generator: like(y, risks.probe(y, generator)),
        {"y": PICTURE, "generator": made(lambda: None, torch.Generator)},
    ),
    "risks.divergence": (
        risks.divergence,
        {"f": RISK["f"], "y": PICTURE, "epsilon": number(0.001), "probes": whole(2), "seed": SEED},
    ),
    "risks.sure": (risks.sure, RISK | {"output": made(lambda: None, lambda: tensor(), lambda: tensor(GRAY))}),
    "risks.esure": (risks.esure, RISK | {"w": PICTURE}),
    "risks.gsure": (
        risks.gsure,
        RISK
        | {
            "A": operator(signals.Identity),
            "pinv": INVERSE,
            "output": made(lambda: None, lambda: tensor(), lambda: tensor(GRAY)),
        },
    ),
    "risks.pure": (
        risks.pure,
        RISK | {"peak": number(30.0), "output": made(lambda: None, lambda: tensor(), lambda: tensor(GRAY))},
    ),
    # from scratch
    "from_scratch.deep_image_prior": (
        method(from_scratch.deep_image_prior),
        PRIOR_FIT
        | {
            "A": SAME,
            "z": made(lambda: None, lambda: tensor((1, 4, 16, 16)), lambda: tensor(GRAY)),
            "loss": function(lambda x: (x**2).mean(), lambda: None),
        },
    ),
    "from_scratch.bp_dip": (
        method(from_scratch.bp_dip),
        PRIOR_FIT | {"A": operator(lambda: signals.Blur(KERNEL), *MODELS), "pinv": INVERSE},
    ),
    "from_scratch.dip_tv": (method(from_scratch.dip_tv), PRIOR_FIT | {"A": SAME, "weight": number(0.1)}),
    "from_scratch.total_variation": (from_scratch.total_variation, {"x": PICTURE}),
    "from_scratch.tv": (method(from_scratch.tv), PIXEL_FIT | {"A": SAME}),
    "from_scratch.bp_tv": (
        method(from_scratch.bp_tv),
        PIXEL_FIT | {"A": operator(lambda: signals.Blur(KERNEL), *MODELS), "pinv": INVERSE},
    ),
    "from_scratch.gpnn": (
        lambda x, **a: drained(from_scratch.gpnn(x, **a)),
        GENERATED | {"start": PICTURE, "noise": number(2.0), "alpha": number(0.005)},
    ),
    "from_scratch.patch_diffusion": (
        lambda x, **a: drained(from_scratch.patch_diffusion(x, **a)),
        GENERATED,
    ),
    "from_scratch.optimal_denoiser": (
        from_scratch.optimal_denoiser,
        {"z": PICTURE, "source": PICTURE, "sigma": number(0.1), "patch": whole(3)},
    ),
    "from_scratch.SinGAN": (
        lambda x, **a: like(x, from_scratch.SinGAN(x, **a).sample(first=1)),
        {"x": PICTURE, "scales": whole(2), "coarsest": whole(11), "width": whole(3), "seed": SEED},
    ),
    "from_scratch.singan": (
        lambda **a: drained(from_scratch.singan(**a)),
        {"model": made(small_singan, small_denoiser), "iterations": whole(2)}
        | {"learning_rate": number(1e-3), "seed": SEED},
    ),
    "from_scratch.guided_filter": (
        lambda y, **a: like(y, from_scratch.guided_filter(y, **a)),
        {"y": PICTURE, "guide": PICTURE, "radius": whole(2), "epsilon": number(1e-3)},
    ),
    "from_scratch.kernel_recurrence": (
        lambda **a: sound(from_scratch.kernel_recurrence(**a)),
        {"y": picture(1, 3, 32, 32), "patch": whole(3), "count": whole(10), "seed": SEED},
    ),
    "from_scratch.kernel_gan": (
        lambda **a: drained(from_scratch.kernel_gan(**a)),
        {"y": picture(1, 3, 48, 48), "iterations": whole(2), "learning_rate": number(5e-4)}
        | {"side": whole(40), "width": whole(4), "batch": whole(2), "seed": SEED, "gaussian": flag(False)},
    ),
    "from_scratch.deep_red": (
        method(from_scratch.deep_red),
        PRIOR_FIT
        | {
            "A": SAME,
            "denoiser": function(lambda x: 0.9 * x),
            "mu": number(0.5),
            "beta": number(0.5),
            "every": whole(1),
        },
    ),
    "from_scratch.sgld_dip": (
        method(from_scratch.sgld_dip),
        PRIOR_FIT | {"A": SAME, "weight_noise": number(1.0)},
    ),
    "from_scratch.dip_sure": (
        method(from_scratch.dip_sure),
        BLIND
        | {
            "sigma": number(0.1),
            "A": SAME,
            "pinv": INVERSE,
            "extra_noise": number(0.0),
            "risk": function(lambda f, y, b, output: output.mean(), lambda: None),
        },
    ),
    "from_scratch.unsure": (
        method(from_scratch.unsure),
        BLIND | {"ascent": number(3e-4), "first_sigma": number(0.1)},
    ),
    "from_scratch.equivariant_imaging": (
        method(from_scratch.equivariant_imaging, usual=signals.Identity),
        BLIND
        | {"A": operator(signals.Identity), "weight": number(1.0), "pinv": INVERSE}
        | {"transform": made(lambda: lambda x, generator: x.flip(-1), lambda: lambda x: x, lambda: len)},
    ),
    "from_scratch.Posterior": (ruled(from_scratch.Posterior), {"burn_in": whole(0), "every": whole(1)}),
    "from_scratch.non_local_means": (
        lambda y, **a: like(y, from_scratch.non_local_means(y, **a)),
        {"y": PICTURE, "sigma": number(0.1), "patch": whole(3), "reach": whole(2), "strength": number(0.8)}
        | {"h": number(0.1)},
    ),
    "from_scratch.zero_shot_sr": (
        method(from_scratch.zero_shot_sr, usual=lambda: signals.Downsample(2)),
        {
            "y": picture(1, 3, 18, 18),
            "A": operator(lambda: signals.Downsample(2), lambda: None, *MODELS),
            "network": RESIDUAL,
            "side": whole(12),
            "every": whole(1),
            "noise": number(0.0),
            "gradual": whole(1),
            "trained": flag(False),
        }
        | FIT,
    ),
    "from_scratch.noise2noise": (method(from_scratch.noise2noise), BLIND | {"other": PICTURE}),
    "from_scratch.recorrupted2recorrupted": (
        method(from_scratch.recorrupted2recorrupted),
        BLIND | {"sigma": number(0.1), "alpha": number(0.5)},
    ),
    "from_scratch.noise2void": (method(from_scratch.noise2void), BLIND | {"share": number(0.1)}),
    "from_scratch.noise2self": (method(from_scratch.noise2self), BLIND),
    "from_scratch.held_out": (from_scratch.held_out, {"y": PICTURE}),
    "from_scratch.blind": (
        lambda denoiser, y: like(y, from_scratch.blind(denoiser)(y)),
        {"denoiser": function(lambda x: 0.9 * x), "y": PICTURE},
    ),
    "from_scratch.calibrate": (
        from_scratch.calibrate,
        {
            "denoiser": function(lambda x, s: s * x),
            "y": PICTURE,
            "values": value([0.5, 1.0], (1,), [math.nan], 3),
        },
    ),
    "from_scratch.self2self": (
        method(from_scratch.self2self),
        BLIND | {"keep": number(0.7), "network": PARTIAL},
    ),
    "from_scratch.neighbor2neighbor": (
        method(from_scratch.neighbor2neighbor),
        BLIND | {"gamma": number(2.0)},
    ),
    "from_scratch.zero_shot_noise2noise": (
        method(from_scratch.zero_shot_noise2noise),
        BLIND
        | {"network": network(lambda: nn.Conv2d(3, 3, 3, padding=1), lambda: nn.Conv2d(1, 1, 1), *CHANGED)},
    ),
    "from_scratch.noise2fast": (method(from_scratch.noise2fast), BLIND),
    # adaptation
    "adaptation.free": (adaptation.free, {"network": DENOISER, "what": TUNE["what"]}),
    "adaptation.tune_by_sure": (method(adaptation.tune_by_sure), TUNE),
    "adaptation.tune_by_masking": (method(adaptation.tune_by_masking), TUNE),
    "adaptation.tune_on_restored": (method(adaptation.tune_on_restored), TUNE),
    "adaptation.idbp": (
        method(adaptation.idbp),
        {
            "y": PICTURE,
            "A": operator(lambda: signals.Blur(KERNEL)),
            "denoiser": DENOISER,
            "sigma": number(0.1),
            "adapt": value(None, "all", "none"),
            "iterations": whole(2),
            "strongest": number(0.2),
            "weakest": number(0.1),
            "pinv": INVERSE,
            "seed": SEED,
        },
    ),
    "adaptation.csgm": (method(adaptation.csgm), SEARCH | {"weight": number(0.1)}),
    "adaptation.pulse": (method(adaptation.pulse), SEARCH),
    "adaptation.iagan": (
        method(adaptation.iagan),
        SEARCH
        | {
            "weight": number(0.1),
            "search": value(2, None, 0, -1, 1.0),
            "latent_rate": number(0.001),
            "locality": number(0.0),
            "back_project": flag(False),
        },
    ),
    # diffusion
    "diffusion.noise_levels": (
        diffusion.noise_levels,
        {name: LEVELS[name] for name in ("iterations", "strongest", "weakest")},
    ),
    "diffusion.sample": (
        lambda start, **a: like(start, drained(diffusion.sample(start=start, **a))),
        LEVELS | {"prior": DENOISER, "start": PICTURE},
    ),
    "diffusion.ddnm": (method(diffusion.ddnm), GUIDED | {"pinv": INVERSE}),
    "diffusion.dps": (method(diffusion.dps), GUIDED | {"step": number(0.5)}),
    "diffusion.ddpg": (
        method(diffusion.ddpg),
        GUIDED
        | {
            "sigma": number(0.1),
            "gamma": number(8.0),
            "regularisation": number(1.0),
            "dial": value(None, 0, 0.5, 1.0, 1.5, -1),
            "inject": flag(True),
        },
    ),
    "diffusion.scd": (
        method(diffusion.scd),
        GUIDED
        | {
            "updates": whole(1),
            "tv": number(0.01),
            "gamma": number(1.0),
            "learning_rate": number(0.001),
        },
    ),
    "diffusion.tune_on_neighbours": (
        lambda **a: drained(diffusion.tune_on_neighbours(**a)),
        {
            "prior": DENOISER,
            "neighbours": made(lambda: [tensor()], list, lambda: tensor(), lambda: [tensor(GRAY)]),
            "what": TUNE["what"],
            "iterations": whole(2),
            "learning_rate": number(0.001),
            "seed": SEED,
        },
    ),
    # adaptation
    "adaptation.adapt_super_resolution": (
        method(adaptation.adapt_super_resolution, usual=lambda: signals.Downsample(2)),
        {
            "y": picture(1, 3, 18, 18),
            "A": operator(lambda: signals.Downsample(2)),
            "network": RESIDUAL,
            "what": value("all", "gain", "norm", "low-rank"),
            "iterations": whole(2),
            "learning_rate": number(0.001),
            "noise": number(0.0),
            "seed": SEED,
        },
    ),
    "adaptation.adapt_reconstruction": (
        method(adaptation.adapt_reconstruction, usual=SCANNER),
        SCAN
        | {
            "what": value("all", "gain", "norm", "low-rank"),
            "learning_rate": number(0.001),
            "anchor": number(0.0),
            "seed": SEED,
        },
    ),
    "adaptation.adapt_by_splitting": (
        method(adaptation.adapt_by_splitting, usual=SCANNER),
        SCAN
        | {
            "share": number(0.4),
            "what": value("all", "gain", "norm", "low-rank"),
            "learning_rate": number(0.001),
            "seed": SEED,
        },
    ),
    "adaptation.reuse_and_regularize": (
        method(adaptation.reuse_and_regularize, usual=SCANNER),
        SCAN | {"trained_for": operator(SCANNER), "weight": number(0.1)},
    ),
    "adaptation.plug_and_play": (
        method(adaptation.plug_and_play),
        {
            "y": PICTURE,
            "A": operator(signals.Identity),
            "denoiser": DENOISER,
            "sigma": number(0.1),
            "adapt": value(None, "all", "none"),
            "iterations": whole(2),
            "inner": value(2, 0, -1, 1, 2.0),
            "length": number(1.0),
            "learning_rate": number(0.001),
        },
    ),
    "adaptation.mzsr": (
        method(adaptation.mzsr),
        {
            "y": picture(1, 3, 18, 18),
            "A": operator(lambda: signals.Downsample(2)),
            "network": RESIDUAL,
            "updates": whole(2),
            "learning_rate": number(0.001),
            "noise": number(0.0),
            "seed": SEED,
        },
    ),
    "adaptation.correction_filter": (
        adaptation.correction_filter,
        {
            "y": PICTURE,
            "A": operator(lambda: signals.BlurDownsample(KERNEL, 2)),
            "epsilon": number(1e-6),
        },
    ),
    "adaptation.batch_statistics": (
        answered(adaptation.batch_statistics),
        {"network": CLASSIFIER, "batches": batches(), "trained": number(0.5)},
    ),
    "adaptation.tent": (answered(adaptation.tent), STREAM),
    "adaptation.cotta": (
        answered(adaptation.cotta),
        STREAM
        | {
            "momentum": number(0.9),
            "restore": number(0.1),
            "copies": value(2, 0, -1, 2.0, 10**9),
            "certain": number(0.9),
            "seed": SEED,
        },
    ),
    "adaptation.memo": (
        answered(adaptation.memo),
        STREAM
        | {
            "iterations": value(1, 0, -1, 2.0, 2),
            "copies": value(2, 1, 0, 2.0, 10**9),
            "trained": number(0.5),
            "seed": SEED,
        },
    ),
    "adaptation.test_time_training": (
        answered(adaptation.test_time_training),
        STREAM
        | {
            "iterations": value(1, 0, -1, 2.0, 2),
            "copies": value(4, 3, 5, 0, 4.0, 10**9),
            "trained": number(0.5),
            "seed": SEED,
        },
    ),
    # figures
    "figures.png": (figures.png, {"figure": made(lambda: Figure(figsize=(1, 1))), "dpi": number(40)}),
    "figures.show_figure": (
        figures.show_figure,
        {"figure": made(lambda: Figure(figsize=(1, 1))), "alt": ALT},
    ),
    "figures.draw_picture": (figures.draw_picture, {"axes": AXES, "x": PICTURE, "title": TITLE}),
    "figures.draw_boxes": (
        figures.draw_boxes,
        {
            "axes": AXES,
            "corners": value([(1, 2)], [1], [("a", "b")], [(math.nan, 0)], [(1, 2, 3)]),
            "size": number(5),
            "index": whole(0),
            "width": number(1.0),
        },
    ),
    "figures.draw_curves": (
        figures.draw_curves,
        {"axes": AXES, "curves": CURVES, "x_label": TITLE, "y_label": TITLE, "looks": LOOKS, "marks": MARKS},
    ),
    "figures.images_figure": (figures.images_figure, IMAGES),
    "figures.show_images": (figures.show_images, IMAGES | {"alt": ALT}),
    "figures.error_map_figure": (figures.error_map_figure, ERRORS),
    "figures.show_error_map": (figures.show_error_map, ERRORS | {"alt": ALT}),
    "figures.pairs_figure": (figures.pairs_figure, PAIRS),
    "figures.show_pairs": (figures.show_pairs, PAIRS | {"alt": ALT}),
    "figures.curves_figure": (figures.curves_figure, AXIS),
    "figures.show_curves": (figures.show_curves, AXIS | {"alt": ALT}),
    "figures.figure_with": (figures.figure_with, IMAGES | AXIS),
    "figures.explore": (
        figures.explore,
        {
            "draw": made(lambda: lambda strength: Figure(figsize=(1, 1)), lambda: lambda strength: strength),
            "alt": ALT,
            "static": value({"strength": [0.5]}, {"width": [1]}, {"strength": []}, {"strength": 3}),
            "strength": value([0.5, 1.0], [], "ab"),
        },
    ),
    "figures.Diagram": (diagrammed, {"width": number(4), "height": number(3)}),
    "figures.Diagram.box": (
        boxed,
        {name: number(1) for name in "xywh"} | {"text": TEXT, "colour": whole(1)},
    ),
    "figures.Diagram.arrow": (
        lambda **a: figures.Diagram(4, 3).arrow(**a),
        {"start": PLACE, "end": value((2, 1), (1, 1)), "text": TEXT},
    ),
    "figures.Diagram.text": (
        lambda **a: figures.Diagram(4, 3).text(**a),
        {"x": number(1), "y": number(2), "text": TEXT},
    ),
    "figures.network_diagram": (
        figures.network_diagram,
        {"scales": whole(2), "width": whole(16), "skip": whole(4), "alt": ALT},
    ),
    "figures.Film": (
        filmed,
        {
            "truth": PICTURE,
            "crop": value((1, 2, 8), (1, 2), (1, 2, 99), (-1, 2, 3), (1, 2, 0), (1.5, 2, 3), "all"),
            "zoom": whole(2),
            "name": TITLE,
            "steps": STEPS,
            "alt": ALT,
            "at": value((1, 2), (), (0,), 5, (1.5,), "first", range(40), [99]),
            "error": flag(True),
        },
    ),
    "figures.swipe": (
        figures.swipe,
        {
            "pictures": made(
                lambda: {"a": tensor(), "b": tensor()},
                dict,
                lambda: {"a": tensor()},
                lambda: {"a": tensor(), "b": None},
                lambda: {"a": tensor(), 1: tensor(GRAY)},
                lambda: {"a": tensor(), "b": tensor(values="all NaN")},
            ),
            "alt": ALT,
            "zoom": whole(2),
        },
    ),
    # challenge
    "challenge.pose": (
        lambda **a: sound(challenge.pose(**a).y),
        {"rung": value("known", *challenge.RUNGS, "one"), "x": picture(1, 1, 32, 32), "seed": SEED},
    ),
    "challenge.sanity_image": (challenge.sanity_image, {"side": whole(32), "seed": SEED}),
    "challenge.classical": (
        challenge.classical,
        {"y": picture(1, 1, 32, 32), "A": FEW, "sigma": number(0.1)},
    ),
    "challenge.gaussian_width": (
        challenge.gaussian_width,
        {"y": picture(1, 1, 32, 32), "sigma": number(0.1)},
    ),
    "challenge.capacity": (
        challenge.capacity,
        {"y": picture(1, 1, 32, 32), "A": FEW, "sigma": number(0.1)},
    ),
    "challenge.expected_psnr": (
        challenge.expected_psnr,
        {
            "method": function(lambda y, A, sigma: A.adjoint(y)),
            "y": picture(1, 1, 32, 32),
            "A": FEW,
            "sigma": number(0.1),
            "optimism": number(0.0),
            "estimate": made(lambda: None, lambda: tensor(GRAY), lambda: tensor((1, 1, 32, 32))),
            "seed": SEED,
        },
    ),
    "challenge.write_case": (
        lambda **a: len(challenge.write_case(**a)),
        {"y": picture(1, 1, 32, 32), "A": FEW, "sigma": number(0.1)},
    ),
    "challenge.read_case": (
        lambda content: sound(challenge.read_case(content)[0]),
        {"content": value(challenge.write_case(torch.zeros(1, 1, 8, 8)), b"PK\x03\x04", b"")},
    ),
    "challenge.honesty": (challenge.honesty, {"expected": number(30.0), "true": number(30.0)}),
    "challenge.points": (challenge.points, {"rung": value("known", "nobody", "one"), "answer": ANSWER}),
    "challenge.passes": (challenge.passes, {"sanity": ANSWER}),
    "challenge.rung_score": (
        lambda answers, **a: challenge.rung_score(answers=[answers], **a),
        {"rung": value("known", "nobody", "one"), "answers": ANSWER, "sanity": ANSWER},
    ),
    # checks
    "checks.compare": (
        checks.compare,
        {"name": TITLE, "mine": PICTURE, "library": PICTURE, "tolerance": number(1e-5)},
    ),
    "checks.note_if_stopped": (
        checks.note_if_stopped,
        {"result": value(types.SimpleNamespace(why="finished"))},
    ),
    # runtime
    "runtime.device": (runtime.device, {}),
    "runtime.profile": (runtime.profile, {}),
    "runtime.pick": (picked, {"quick": value(1), "full": value(2)}),
    "runtime.seeded": (seeded, {"seed": SEED}),
    "runtime.generator": (
        lambda **a: sound(torch.rand(2, generator=runtime.generator(**a))),
        {
            "seed": SEED,
            "purpose": value("z"),
            "device": value("cpu", "gpu", "cuda:99", "cpu:0", "meta", torch.device("cpu")),
        },
    ),
}
RECORDS = {"challenge.Answer", "challenge.Posed", "challenge.RUNGS"}
RECORDS |= {
    "fitting.Step",
    "fitting.Result",
    "fitting.Choice",
    "signals.PICTURES",
}  # hold what they are given


# The judge.


@st.composite
def cases(draw, arguments):
    """Functions that make the arguments of a call, one or two of them odd."""
    some = st.lists(st.sampled_from(sorted(arguments)), min_size=1, max_size=2, unique=True)
    odd = draw(some) if arguments else []
    return {name: draw(kind.odd) if name in odd else kind.valid for name, kind in arguments.items()}


def told(value):
    """A value in a few words."""
    if isinstance(value, torch.Tensor):
        return f"{value.dtype} {tuple(value.shape)} on {value.device}, {value.layout}"
    return f"{type(value).__name__} {value!r:.80}"


WANTED = ["expected", "got", "need", "must", "there are", "larger than", "but", "is (?:no|a|empty)"]
WANTED += ["NaN or infinite", "does not divide", "are too", "made no step", "has no"]


def complaint(problem, arguments, files):
    """What is wrong with a refusal, or None."""
    if isinstance(problem, OSError) and files:
        return None
    if not isinstance(problem, ValueError | TypeError):
        return "is no ValueError and no TypeError"
    *_, innermost = iterate(problem.__traceback__)
    file, line = innermost.tb_frame.f_code.co_filename, innermost.tb_lineno
    if file == __file__:  # a function of the caller
        return None
    if not file.startswith(LIBRARY) or not linecache.getline(file, line).strip().startswith("raise "):
        return f"was not raised on purpose, but by {linecache.getline(file, line).strip()!r} in {file}:{line}"
    if not re.search("|".join([rf"\b{name}\b" for name in arguments] + WANTED), str(problem)):
        return "neither names an argument nor says what is wanted"
    return None


def iterate(traceback):
    while traceback:
        yield traceback
        traceback = traceback.tb_next


def judge(name, makers):
    """Make the call, and assert that it is refused on purpose or gives a right result."""
    call, _ = RECIPES[name]
    arguments = {argument: make() for argument, make in makers.items()}
    shown = ", ".join(f"{argument}: {told(value)}" for argument, value in arguments.items())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sound(call(**arguments), infinite=name in INFINITE)
    except AssertionError as wrong:
        raise AssertionError(f"{name} gives a wrong result: {wrong}\nfor {shown}") from wrong
    except Exception as problem:
        fault = complaint(problem, arguments, files=name in FILES)
        assert not fault, f"{name}: {type(problem).__name__}: {problem}\n{fault}\nfor {shown}"


FILES = {"signals.load_image", "signals.save_image"}  # may answer with an OSError
INFINITE = {"signals.psnr", "signals.nearest"}  # documented: equal pictures, and rows that `apart` leaves out


def bright_kernel():
    return tensor((3, 3), values="8 bits")


# The tests.

ROOMS = [signals, networks, fitting, stopping, risks, from_scratch, self_supervised, corruptions]
ROOMS += [DIGITS, adaptation, diffusion, challenge, figures, checks, runtime]
# Not the playground: its menus offer what can be done, and `test_playground` tries wrong choices.
MODULES = {module.__name__.rpartition(".")[2]: module for module in ROOMS}
EACH = 112  # cases of each recipe; where fewer can be told apart, hypothesis makes fewer
# matplotlib takes its time
FEWER = {"figures.show_curves": 30, "figures.show_images": 60, "figures.draw_picture": 60}
FEWER |= {"figures.images_figure": 60, "figures.error_map_figure": 60, "figures.show_error_map": 30}
FEWER |= {
    "figures.pairs_figure": 30,
    "figures.show_pairs": 30,
    "figures.curves_figure": 60,
    "figures.figure_with": 60,
    "figures.explore": 60,
    "challenge.classical": 30,
}
counted = collections.Counter()  # cases of each recipe


def public():
    """Every public function and class by its name, as far as its room lists it, or it was written there."""
    found = {}
    for room, module in MODULES.items():
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
        for name in names:
            if callable(getattr(module, name)) and getattr(module, name) not in found.values():
                found[f"{room}.{name}"] = getattr(module, name)
    return found


def test_every_public_name_has_a_recipe():
    # Not called by readers
    helpers = {"checks.is_plain"}
    # `corrupt` calls these
    helpers |= {f"corruptions.{function.__name__}" for function, _ in corruptions.CORRUPTIONS.values()}
    assert set(public()) - set(RECIPES) - RECORDS == helpers


@pytest.mark.parametrize("name", [name for name in RECIPES if name in public()])
def test_every_argument_is_tried(name):
    parameters = inspect.signature(public()[name]).parameters.values()
    named = {parameter.name for parameter in parameters if parameter.kind != parameter.VAR_KEYWORD}
    assert named <= set(RECIPES[name][1])


@pytest.mark.parametrize("name", RECIPES)
def test_odd_arguments_are_refused_on_purpose_or_give_a_right_result(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # "text" is a fine name for a checkpoint

    quick = {"suppress_health_check": list(HealthCheck), "phases": [Phase.generate]}

    @settings(max_examples=FEWER.get(name, EACH), **quick)
    @given(cases(RECIPES[name][1]))
    def tried(makers):
        counted[name] += 1
        judge(name, makers)

    tried()


@pytest.mark.parametrize(
    "name, odd",
    [
        ("from_scratch.calibrate", {"values": lambda: torch.zeros(())}),
        ("from_scratch.calibrate", {"values": lambda: torch.zeros(2, 3)}),
        ("adaptation.idbp", {"pinv": lambda: lambda r: tensor(GRAY)}),
        ("adaptation.idbp", {"denoiser": norm_denoiser, "pinv": lambda: lambda r: tensor(GRAY)}),
        ("signals.BlurDownsample", {"x": lambda: tensor(dtype="float16"), "kernel": bright_kernel}),
    ],
)
def test_cases_of_other_random_numbers_stay_mended(name, odd):
    judge(name, {argument: kind.valid for argument, kind in RECIPES[name][1].items()} | odd)


# The valid call of `benchmark` needs a connection
@pytest.mark.parametrize("name", [name for name in RECIPES if name != "signals.benchmark"])
def test_the_recipe_itself_is_right(name):
    call, arguments = RECIPES[name]
    sound(call(**{argument: kind.valid() for argument, kind in arguments.items()}), infinite=name in INFINITE)


def test_there_were_enough_cases():
    if len(counted) < len(RECIPES):
        pytest.skip("only some of the recipes were tried in this process: run this whole file")
    assert sum(counted.values()) >= CASES
