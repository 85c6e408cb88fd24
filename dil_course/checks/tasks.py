"""The machine behind every problem set: call an answer safely, say which mistake it looks like, give hints in
steps.

A problem set's file (`ps01`, ...) holds one function a task, marked with `@task(points=...)`. Its body looks
at the answer and raises `Wrong` at the first mistake that it recognizes. What a student sees and what
nbgrader marks is the same call: it prints a verdict and returns the points.
"""

import contextlib
import functools
import io
import warnings
from collections import Counter

import numpy as np
import torch

from dil_course import runtime
from dil_course.checks import compare, is_plain
from dil_course.signals.validation import describe

STEPS = ("a nudge", "a pointer", "nearly there")
_asked = Counter()  # how often each task has refused an answer for the same reason: the next hint says more


class Wrong(Exception):
    """An answer is not right.

    Args:
        says: which mistake it looks like, for the student.
        hints: a nudge, a pointer, a near-solution; one more is shown at each call that ends in the same
            mistake.
        earned: points that are earned all the same.
    """

    def __init__(self, says, *hints, earned=0):
        super().__init__(says)
        self.says, self.hints, self.earned = says, hints, earned


def task(points):
    """Turn `check(answer, seed)`, which raises Wrong or returns None, into a check that prints and returns
    points.

    The check draws its own inputs from `seed`. Students use the default; marking uses another one, so that an
    answer that only knows the visible inputs earns nothing.
    """

    def decorate(check):
        @functools.wraps(check)
        def checked(answer, seed=0):
            with runtime.seeded(seed):
                try:
                    check(answer, seed)
                except Wrong as wrong:
                    _refuse(check.__name__, wrong, points)
                    return wrong.earned
            print(f"right: {points} of {points} points")
            return points

        checked.points = points
        return checked

    return decorate


def _refuse(name, wrong, points):
    earned = f" ({wrong.earned} of {points} points so far)" if wrong.earned else ""
    print(f"not yet{earned}: {wrong.says}")
    if wrong.hints:
        step = min(_asked[name, wrong.says], len(wrong.hints) - 1)
        _asked[name, wrong.says] += 1
        end = "" if wrong.hints[step].endswith("?") else "."
        more = f"{end} Run this cell again for more." if step + 1 < len(wrong.hints) else ""
        print(
            f"hint {step + 1} of {len(wrong.hints)}, {STEPS[min(step, len(STEPS) - 1)]}: "
            f"{wrong.hints[step]}{more}"
        )


def call(answer, *inputs):
    """Call a student's function on copies of the inputs; its own printing and warnings stay out of the
    verdict.

    Gradients and torch's default dtype are afterwards as before.

    Raises:
        Wrong: it is no function, or it stops with an error.
    """
    if not callable(answer):
        raise Wrong(
            f"expected a function, got {type(answer).__name__}",
            "hand over the function itself, without calling it: no parentheses",
        )
    copies = [value.clone() if isinstance(value, torch.Tensor) else value for value in inputs]
    dtype = torch.get_default_dtype()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        torch.set_grad_enabled(torch.is_grad_enabled()),
    ):
        warnings.simplefilter("ignore")
        try:
            return answer(*copies)
        except NotImplementedError as problem:
            raise Wrong(
                "there is no answer yet",
                "write your lines in place of `raise NotImplementedError()`, and run that cell",
            ) from problem
        except (Exception, SystemExit) as problem:
            stopped = f"your function stops with {type(problem).__name__}: {str(problem)[:200]}"
            raise Wrong(
                stopped,
                "call it yourself in a new cell, on a small input, to see where",
                *_about_errors(problem),
            ) from problem
        finally:
            torch.set_default_dtype(dtype)


def _about_errors(problem):
    text = str(problem)
    if "size of tensor" in text or "shape" in text:
        return ("print the shapes of both sides just before the line that stops",)
    if "expected scalar type" in text or "dtype" in text:
        return (
            "mixing 32-bit and 64-bit numbers: make your new tensors like the input, `torch.zeros_like(y)`",
        )
    return ()


def tensor(given):
    """What a student's function returned, as a float64 tensor on the CPU: tensors, arrays, numbers and lists
    will do.

    Raises:
        Wrong: it is nothing of the kind, or complex with an imaginary part, or not finite.
    """
    if given is None:
        raise Wrong("your function returns None", "is there a `return` at its end?")
    try:
        given = (
            given.detach().cpu()
            if isinstance(given, torch.Tensor)
            else torch.as_tensor(np.array(given, order="C"))
        )
    except (TypeError, ValueError, RuntimeError) as problem:
        raise Wrong(
            f"expected numbers, got {type(given).__name__}",
            "what type does your function return? print(type(...))",
        ) from problem
    if not is_plain(given):
        raise Wrong(
            f"expected plain numbers, got {describe(given)}",
            "a sparse or quantized tensor is no answer: is it needed?",
        )
    if given.is_complex():
        if given.numel() and given.imag.abs().max() > 1e-4 * given.abs().max():
            raise Wrong(
                "your result is complex, and its imaginary part is not just rounding",
                "a real picture has a real answer. Which step made it complex?",
                "in Fourier space, real filters come in pairs: a value and its conjugate. Look for a "
                "conjugate too few or too many",
            )
        given = given.real
    given = given.double()
    if not torch.isfinite(given).all():
        raise Wrong(
            "your result holds nan or infinity",
            "look for a division by zero, or a logarithm of zero or of a negative number",
        )
    return given


def close(given, right, tolerance=1e-4):
    """Do the two agree in shape, and in values up to `tolerance` times the largest value of `right`?"""
    if given.shape != right.shape or not right.numel():
        return given.shape == right.shape
    return bool((given - right).abs().max() <= tolerance * max(right.abs().max().item(), 1e-12))


def match(name, given, right, mistakes, hints, tolerance=1e-4):
    """Compare what came with what is right; where they differ, find the mistake that gives the same numbers.

    Args:
        name: printed in front of the comparison.
        given: what the student's function returned.
        right: tensor; what it should be.
        mistakes: {what it looks like: (result of that mistake, hint, hint, hint)}.
        hints: what to say when nothing is recognized.
        tolerance: largest difference, as a share of the largest value of `right`.

    Raises:
        Wrong: they differ.
    """
    given, right = tensor(given), right.detach().double().cpu()
    if given.numel() == right.numel() and given.squeeze().shape == right.squeeze().shape:
        given = given.reshape(right.shape)  # a missing axis of length one is no mistake worth a point
    if close(given, right, tolerance):
        compare(name, given, right, tolerance * max(right.abs().max().item(), 1e-12))
        return
    for says, (result, *own_hints) in mistakes.items():
        if close(given, tensor(result), tolerance):
            raise Wrong(says, *own_hints)
    if given.shape != right.shape:
        raise Wrong(f"your result has the shape {tuple(given.shape)}, expected {tuple(right.shape)}", *hints)
    compare(name, given, right, 0)
    raise Wrong(_resemblance(given, right, tolerance) or "your numbers are others than asked for", *hints)


def _resemblance(given, right, tolerance):
    """In words, how a wrong result relates to the right one, where that is simple: a factor, a shift, a
    mirror.
    """
    if right.numel() == 1:
        return (
            f"your number is {given.item() / right.item():.5g} times what is asked for"
            if right.item()
            else None
        )
    if not given.any():
        return "your result is zero everywhere"
    factor = (torch.sum(given * right) / torch.sum(right * right)).item()
    if close(given, factor * right, tolerance):
        return (
            "your result has the opposite sign"
            if abs(factor + 1) < 1e-3
            else f"your result is {factor:.5g} times what is asked for"
        )
    if close(given - given.mean(), right - right.mean(), tolerance):
        return "your result is right up to a constant that was added to all values"
    if right.ndim >= 2:
        for down in (-2, -1, 0, 1, 2):
            for across in (-2, -1, 0, 1, 2):
                if close(given, right.roll((down, across), (-2, -1)), tolerance):
                    return f"your result is shifted: by {down} down and {across} to the right"
        for says, axes in {
            "upside down": (-2,),
            "mirrored left to right": (-1,),
            "turned by 180 degrees": (-2, -1),
        }.items():
            if close(given, right.flip(axes), tolerance):
                return f"your result is {says}"
        if right.shape[-1] == right.shape[-2] and close(given, right.mT, tolerance):
            return "your result has rows and columns exchanged"
    for rim in (1, 2, 3):
        inside = tuple(slice(rim, -rim) for _ in right.shape[-2:])
        for part in ((..., inside[-1]), (..., *inside)):
            if right[part].numel() and close(given[part], right[part], tolerance):
                return "your result is right inside and wrong at the border"
    return None


def choose(name, given, right, options, refutations, points):
    """Mark a diagnosis: {case: cause}. Each right cause earns `points`.

    Args:
        name: of the task, for messages.
        given: the student's dictionary.
        right: dictionary {case: cause}.
        options: {cause: what it means}, all that can be chosen.
        refutations: {(case, cause): what speaks against it}; or {cause: ...} for all cases.

    Raises:
        Wrong: it is no such dictionary, or a cause is not right; what is right is earned.
    """
    if not isinstance(given, dict):
        raise Wrong(
            f"{name} must be a dictionary {{run: cause}}, got {type(given).__name__}",
            f"it begins like {{{next(iter(right))!r}: ...}}",
        )
    earned = points * sum(
        isinstance(given.get(case), str) and given[case] == cause for case, cause in right.items()
    )
    for case, cause in right.items():
        chosen = given.get(case)
        if chosen is None or chosen is Ellipsis or (isinstance(chosen, str) and not chosen.strip(" .")):
            raise Wrong(
                f"run {case} has no cause yet",
                "look at its curve first: does the misfit fall, stall or grow?",
                earned=earned,
            )
        if not isinstance(chosen, str) or chosen not in options:
            raise Wrong(
                f"run {case}: {chosen!r} is none of the causes",
                f"choose one of: {', '.join(options)}",
                earned=earned,
            )
        if chosen != cause:
            says = refutations.get((case, chosen)) or refutations[chosen]
            raise Wrong(f"run {case} is not '{chosen}': {says[0]}", *says[1:], earned=earned)
