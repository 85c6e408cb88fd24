"""What the playground can do: each damage and each method is the line of Python that it shows and runs.

So what a reader copies from the playground is what was computed, not a description of it.
"""

import dataclasses
import importlib
import re

import torch

from dil_course.signals import estimate_sigma
from dil_course.signals.validation import (
    check_choice,
    check_image,
    check_integer,
    check_side,
    check_sigma,
)

# Where the names of recipes live, in the order in which a script imports them.
MODULES = ("adaptation", "fitting", "fitting.stopping", "from_scratch", "networks", "playground", "signals")
SMALLEST = 32  # pixels a side: below, the networks of some methods have nothing left to look at


@dataclasses.dataclass(frozen=True)
class Damage:
    """What has happened to the image.

    Attributes:
        kind: of the inverse problem that restoring it is: "denoise", "fill", "sharpen" or "enlarge".
        operator: the line that makes A, from `shape`, the shape (1,C,H,W) of the clean image.
        observe: the line that makes y from x, A, sigma and seed; None where the image at hand is y.
    """

    kind: str
    operator: str
    observe: str | None = "add_gaussian(A(x), sigma, seed)"


HOLES = "Mask((torch.rand(1, 1, *shape[-2:], generator=torch.Generator().manual_seed(seed)) < 0.5).float())"
DAMAGES = {
    "none, it is noisy already": Damage("denoise", "Identity()", None),
    "none, it is too small": Damage("enlarge", "Downsample(2)", None),
    "noise": Damage("denoise", "Identity()"),
    "half of the pixels missing": Damage("fill", HOLES),
    "out of focus": Damage("sharpen", "Blur(gaussian_kernel(15, 1.6))"),
    "half the size": Damage("enlarge", "Downsample(2)"),
    "JPEG of quality 10": Damage("denoise", "Identity()", "compress_jpeg(x, 10)"),
}


@dataclasses.dataclass(frozen=True)
class Method:
    """How it can be restored.

    Attributes:
        kinds: of problems that it solves.
        line: makes Steps, or the estimate at once, from y, A, sigma and seed.
        rule: the stopping rule of its run, or None where it stops by itself.
    """

    kinds: tuple
    line: str
    rule: str | None = None


ALL = ("denoise", "fill", "sharpen", "enlarge")
DENOISER = "trained(denoiser_for(y))"
STOP = "WindowedVariance()"
METHODS = {
    "total variation": Method(ALL, "tv(y, A, tv_weight(A, sigma))"),
    "non-local means": Method(("denoise",), "non_local_means(y, sigma)"),
    "bicubic": Method(("enlarge",), "enlarge(y, A)"),
    "deep image prior": Method(ALL, "deep_image_prior(y, A, seed=seed)", STOP),
    "deep image prior, back-projection loss": Method(
        ("fill", "sharpen", "enlarge"), "bp_dip(y, A, stable_pinv(A, sigma), seed=seed)", STOP
    ),
    "zero-shot super-resolution": Method(("enlarge",), "zero_shot_sr(y, A, noise=sigma, seed=seed)"),
    "Noise2Self": Method(("denoise",), "noise2self(y, seed=seed)"),
    "Neighbor2Neighbor": Method(("denoise",), "neighbor2neighbor(y, seed=seed)"),
    "Zero-Shot Noise2Noise": Method(("denoise",), "zero_shot_noise2noise(y, seed=seed)"),
    "Self2Self": Method(("denoise",), "self2self(y, seed=seed)"),
    "trained denoiser": Method(("denoise",), f"denoised(y, {DENOISER}, sigma)"),
    "trained denoiser, adapted by SURE": Method(
        ("denoise",), f"tune_by_sure(y, {DENOISER}, sigma, seed=seed)"
    ),
    "IDBP with a trained denoiser": Method(
        ("fill", "sharpen", "enlarge"),
        f"idbp(y, A, {DENOISER}, sigma, pinv=stable_pinv(A, sigma), seed=seed)",
    ),
}


def methods_for(damage):
    """Names of the methods that can undo this damage, cheap ones first."""
    check_choice(damage, DAMAGES, "damage")
    return [name for name, method in METHODS.items() if DAMAGES[damage].kind in method.kinds]


def room():
    """{name: object} of all that a recipe's line may use."""
    found = {"torch": torch}
    for module in MODULES:
        made = importlib.import_module(f"dil_course.{module}")
        found |= {name: getattr(made, name) for name in public(made)}
    return found


def public(module):
    """The names that a module offers: those it lists, or the classes of `stopping`, which lists none."""
    return getattr(module, "__all__", [name for name in vars(module) if name[:1].isupper()])


def evaluate(line, **values):
    """What a recipe's line gives."""
    return eval(line, room() | values)


def prepared(x, damage):
    """x (1,C,H,W) cut to sides that the damage's operator takes: even ones where it halves them.

    Raises:
        TypeError, ValueError: x is no picture in [0,1], or has fewer than SMALLEST pixels a side.
    """
    check_image(x, "the picture")
    check_side(x.shape, SMALLEST, "the picture")
    whole = DAMAGES[damage]
    if whole.kind == "enlarge" and whole.observe is not None:
        x = x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]
        check_side(x.shape, 2 * SMALLEST, "a picture to be halved")
    return x


def observed(x, damage, sigma, seed=0):
    """The observation y and the forward model A of a picture, and its truth, or None where x is y itself.

    Args:
        x: picture (1,C,H,W) in [0,1], as `prepared` gives it.
        damage: one of `DAMAGES`.
        sigma: standard deviation of the noise that is added, in [0,1]; JPEG and an image that is damaged
            already take none.
        seed: of the noise and of the missing pixels.

    Raises:
        TypeError, ValueError: one of them is not of this form.
    """
    check_choice(damage, DAMAGES, "damage")
    check_sigma(sigma)
    check_integer(seed, "seed")
    x = prepared(x, damage)
    chosen = DAMAGES[damage]
    if chosen.observe is None:
        return x, evaluate(chosen.operator, shape=x.shape, seed=seed), None
    A = evaluate(chosen.operator, shape=x.shape, seed=seed)
    return evaluate(chosen.observe, x=x, A=A, sigma=sigma, seed=seed), A, x


def noise_of(y, damage, sigma):
    """The level that methods are given: the true one where noise was added, else estimated from y."""
    added = DAMAGES[damage].observe == "add_gaussian(A(x), sigma, seed)"
    return sigma if added else min(estimate_sigma(y), 1.0)


def script(source, damage, methods, sigma, seed=0, max_side=None):
    """A Python program that does without the playground what it did, and saves the same pictures.

    Args:
        source: the line that loads the picture, such as `load_image("photo.jpg", max_side=256)`.
        damage, methods, sigma, seed: as chosen; sigma is the level of `noise_of`.
    """
    chosen = DAMAGES[damage]
    lines = [f"seed, sigma = {seed}, {sigma:.6g}", f"x = prepared({source}, {damage!r})"]
    lines += ["shape = x.shape", f"A = {chosen.operator}", f"y = {chosen.observe or 'x'}"]
    for number, name in enumerate(methods, 1):
        method = METHODS[name]
        stop = f", stop={method.rule}" if method.rule else ""
        lines += ["", f"# {name}", f"result = run(steps_of({method.line}){stop})"]
        lines += [f'save_image(result.estimate, "restored_{number}.png", overwrite=False)']
    return "\n".join([*imports(lines), "", *lines, ""])


def imports(lines):
    """The lines that import what the lines use."""
    text = "\n".join(lines)
    found = ["import torch", ""] if "torch." in text else []
    for module in MODULES:
        names = public(importlib.import_module(f"dil_course.{module}"))
        used = sorted(name for name in names if re.search(rf"(?<![\w.]){name}\(", text))
        found += [f"from dil_course.{module} import {', '.join(used)}"] if used else []
    return found
