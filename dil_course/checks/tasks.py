"""The machine behind every problem set: call an answer safely, name its likely mistake, give hints in steps.

A problem set's file (`ps01`, ...) holds one function a task, marked with `@task(points=...)`. Its body looks
at the answer and raises `Wrong` at the first mistake that it recognizes. What a student sees and what
nbgrader marks is the same call: it prints a verdict and returns the points.

What every task has in common is said here once: no `return`, a wrong shape, the opposite sign, a simple
factor, a square or its root, a shift, a mirror, a border. A task's own table holds what is particular to it.
"""

import contextlib
import copy
import functools
import inspect
import io
import linecache
import math
import random
import re
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, ValuesView

import numpy as np
import torch

from dil_course import runtime
from dil_course.checks import compare, is_plain
from dil_course.signals.validation import describe

NO_AUTOGRAD = "no autograd, please: the task is to derive the gradient by hand"
STEPS = ("a nudge", "a pointer", "nearly there")
_asked = Counter()  # how often each task has refused an answer for the same reason: the next hint says more
_worth = {}  # {module: {task: its points}}
_earned = {}  # the same of what the last check of each task gave in this session
_causes = {}  # {failing_run: {letter: cause}}, kept where no press of Tab on a problem set's module shows it
_variant = 0  # of the problem sets: which letter shows which failing run; 0 as published


class Wrong(Exception):
    """An answer is not right.

    Args:
        says: which mistake it looks like, for the student.
        hints: a nudge, a pointer, a near-solution; one more is shown at each call that ends in the same
            mistake.
        earned: points that are earned all the same.
        result: what tells two mistakes apart that look alike; each gets its hints from the first one on.
    """

    def __init__(self, says, *hints, earned=0, result=None):
        super().__init__(says)
        self.says, self.hints, self.earned, self.result = says, hints, earned, result


class Points(float):
    """Points of a task: a number for nbgrader; on a notebook's page, a line with the running total."""

    def __new__(cls, earned, module, name):
        points = super().__new__(cls, earned)
        points.module, points.name = module, name
        return points

    def __repr__(self):
        return f"{self:g}"

    def _repr_html_(self):
        worth, earned = _worth[self.module], _earned.get(self.module, {})
        most = worth[self.name]
        colour, verdict = ("#009E73", "✓ right") if self == most else ("#D55E00", "✗ not yet")
        right = sum(earned.get(name) == points for name, points in worth.items())
        return (
            f'<div style="border-left: 0.4em solid {colour}; padding-left: 0.6em">'
            f"<b>{verdict}: {self:g} of {most} points.</b> So far in this problem set: {right} of "
            f"{len(worth)} tasks, {sum(earned.values()):g} of the {sum(worth.values())} checked points."
            "</div>"
        )


def task(points):
    """Turn `check(answer, seed)`, which raises Wrong to refuse, into one that prints and returns Points.

    What it returns lies between 0 and `points`. The check draws its own inputs from `seed`. Students use the
    default; marking uses another one, so that an answer that only knows the visible inputs earns nothing.
    """

    def decorate(check):
        module, name = check.__module__, check.__name__
        _worth.setdefault(module, {})[name] = points

        def given(earned, seed):
            if seed == 0:  # the student's own call; marking draws other numbers
                _earned.setdefault(module, {})[name] = earned
            return Points(earned, module, name)

        @functools.wraps(check)
        def checked(answer, seed=0):
            with runtime.seeded(seed), _other_generators_seeded(seed):
                try:
                    check(answer, seed)
                except (Exception, SystemExit) as problem:
                    wrong = problem if _is_of_the_check(problem, check) else _stopped("your answer", problem)
                    earned = min(max(wrong.earned, 0), points)
                    _refuse(name, wrong, earned, points)
                    return given(earned, seed)
            print(f"right: {points} of {points} points")
            return given(points, seed)

        checked.points = points
        del checked.__wrapped__  # the bare check is nothing to play with
        return checked

    return decorate


@contextlib.contextmanager
def _other_generators_seeded(seed):
    """Seed numpy and Python as well, so that the same answer gets the same verdict again."""
    numbers, shuffles = np.random.get_state(), random.getstate()
    np.random.seed(seed % 2**32)
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(numbers)
        random.setstate(shuffles)


def _is_of_the_check(problem, check):
    """Did the check raise it, and nothing of the answer's: its body, an `__array__`, a dictionary's `get`?

    An answer can raise Wrong as well, and name its own points.
    """
    ours = (check.__module__.split(".")[0], "dil_course", "torch", "contextlib")
    frames = [frame for frame, _ in traceback.walk_tb(problem.__traceback__)]
    return isinstance(problem, Wrong) and all(
        frame.f_globals.get("__name__", "").split(".")[0] in ours for frame in frames
    )


def _refuse(name, wrong, earned, points):
    so_far = f" ({earned} of {points} points so far)" if earned else ""
    print(f"not yet{so_far}: {wrong.says}")
    if wrong.hints:
        reason = (name, wrong.says, wrong.result)
        step = min(_asked[reason], len(wrong.hints) - 1)
        _asked[reason] += 1
        end = "" if wrong.hints[step].endswith("?") else "."
        more = f"{end} Run this cell again for more." if step + 1 < len(wrong.hints) else ""
        print(
            f"hint {step + 1} of {len(wrong.hints)}, {STEPS[min(step, len(STEPS) - 1)]}: "
            f"{wrong.hints[step]}{more}"
        )


def call(answer, *inputs):
    """Call a student's function on copies of the inputs, its own printing and warnings left out.

    Lists and tuples are copied with what they hold, but for parameters.
    What a generator yields, and the values of a dictionary, come as a list.
    Gradients and torch's default dtype are afterwards as before.

    Raises:
        Wrong: it is no function, or it stops with an error.
    """
    if not callable(answer):
        raise Wrong(
            f"expected a function, got {type(answer).__name__}",
            "hand over the function itself, without calling it: no parentheses",
        )
    copies = _copied(inputs)
    dtype = torch.get_default_dtype()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        torch.set_grad_enabled(torch.is_grad_enabled()),
    ):
        warnings.simplefilter("ignore")
        try:
            given = answer(*copies)
            return list(given) if isinstance(given, Iterator | ValuesView) else given
        except NotImplementedError as problem:
            raise Wrong(
                "there is no answer yet",
                "write your lines in place of `raise NotImplementedError()`, and run that cell",
            ) from problem
        except (Exception, SystemExit) as problem:
            raise _stopped("your function", problem) from problem
        finally:
            torch.set_default_dtype(dtype)


def _copied(inputs):
    """The inputs as copies that an answer may change: tensors, and lists and tuples with what they hold.

    A parameter in a list is handed over itself, since an optimizer may hold it.
    """

    def copied(part):
        if type(part) in (list, tuple):
            return type(part)(
                one if isinstance(one, torch.Tensor) and one.requires_grad else copied(one) for one in part
            )
        return part.clone() if isinstance(part, torch.Tensor) else part

    return [copied(value) for value in inputs]


def _stopped(what, problem):
    says = f"{what} stops with {type(problem).__name__}: {str(problem)[:200]}{_line_of(problem)}"
    if str(problem) == NO_AUTOGRAD:  # in a cell of its own it would not stop
        return Wrong(says, "derive it on paper, and write down the formula: a wrong one gets its own hints")
    return Wrong(
        says, "call it yourself in a new cell, on a small input, to see where", *_about_errors(problem)
    )


def _line_of(problem):
    """In words, the last line of the student's own cells that an error passed through."""
    own = [
        (frame.f_code.co_filename, number)
        for frame, number in traceback.walk_tb(problem.__traceback__)
        if frame.f_globals.get("__name__") == "__main__"
    ]
    if not own:
        return ""
    filename, number = own[-1]
    line = linecache.getline(filename, number).strip()
    return f" (in line {number} of its cell: {line})" if line else f" (in line {number})"


def _about_errors(problem):
    text = str(problem)
    if isinstance(problem, NameError):
        return ("is it a slip of the pen? Or run the cell that defines this name, from the top",)
    if "size of tensor" in text or "shape" in text:
        return ("print the shapes of both sides just before the line that stops",)
    if "expected scalar type" in text or "dtype" in text:
        return (
            "mixing 32-bit and 64-bit numbers: make your new tensors like the input, `torch.zeros_like(y)`",
        )
    return ()


@contextlib.contextmanager
def no_autograd():
    """While an answer runs, refuse backward, grad, and what is made of them: all end in one function of
    torch. Forward mode has another.
    """

    def refuse(*given, **named):
        raise RuntimeError(NO_AUTOGRAD)

    places = [(torch.autograd, "_engine_run_backward"), (torch.autograd.forward_ad, "make_dual")]
    before = [getattr(*place) for place in places]
    for place in places:
        setattr(*place, refuse)
    try:
        yield
    finally:
        for place, function in zip(places, before, strict=True):
            setattr(*place, function)


def parts(given, names):
    """The parts of what an answer returned, a list: of a tuple or list, or along the first axis of a tensor.

    Args:
        given: what the student's function returned.
        names: of the parts, as they are to be returned: "son, father".

    Raises:
        Wrong: it is nothing of the kind, or another number of parts.
    """
    if given is None:
        raise Wrong("your function returns None", "is there a `return` at its end?", f"return {names}")
    count = len(names.split(", "))
    if isinstance(given, torch.Tensor | np.ndarray):
        given = list(given) if given.ndim else given
    if not isinstance(given, tuple | list) or len(given) != count:
        came = f"{len(given)} things" if isinstance(given, tuple | list) else describe(given)
        raise Wrong(
            f"expected {count} things, ({names}), got {came}",
            f"the last line of your function: `return {names}`",
        )
    return list(given)


def tensor(given):
    """What a student's function returned, as a float64 tensor on the CPU.

    Tensors, arrays, numbers, and lists of them will do.

    Raises:
        Wrong: it is nothing of the kind, or complex with an imaginary part, or not finite.
    """
    if given is None:
        raise Wrong("your function returns None", "is there a `return` at its end?")
    try:
        given = _detached(given)
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
                "a real image has a real answer. Which step made it complex?",
                "in Fourier space, real filters come in pairs: a value and its conjugate. Look for a "
                "missing or a superfluous conjugate",
            )
        given = given.real
    given = given.double()
    if not torch.isfinite(given).all():
        raise Wrong(
            "your result holds nan or infinity",
            "look for a division by zero, or a logarithm of zero or of a negative number",
        )
    return given


def _detached(given):
    if isinstance(given, torch.Tensor):
        return given.detach().cpu()
    if isinstance(given, tuple | list) and any(
        isinstance(part, torch.Tensor | tuple | list) for part in given
    ):
        given = [_detached(part).resolve_conj().resolve_neg().numpy() for part in given]
    return torch.as_tensor(np.array(given, order="C"))


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
        mistakes: {what it looks like: (result of that mistake, hint, hint, hint)}, for what is particular to
            the task; what is alike everywhere is recognized without it.
        hints: what to say when nothing is recognized.
        tolerance: largest difference, as a share of the largest value of `right`.

    Raises:
        Wrong: they differ.
    """
    given, right = tensor(given), torch.as_tensor(right).detach().double().cpu()
    if given.numel() == right.numel() and given.squeeze().shape == right.squeeze().shape:
        given = given.reshape(right.shape)  # a missing axis of length one is no mistake worth a point
    if close(given, right, tolerance):
        compare(name, given, right, tolerance * max(right.abs().max().item(), 1e-12))
        return
    for says, (result, *own_hints) in mistakes.items():
        if close(given, tensor(result), tolerance):
            raise Wrong(says, *own_hints)
    result = given.numpy().tobytes()
    if given.shape != right.shape:
        says, *own_hints = _other_shape(given, right, tolerance)
        raise Wrong(says, *own_hints, *hints[len(own_hints) :], result=result)
    compare(name, given, right, 0)
    says, *own_hints = _resemblance(given, right, tolerance) or ["your numbers are others than asked for"]
    raise Wrong(says, *own_hints, *hints[len(own_hints) :], result=result)


def _other_shape(given, right, tolerance):
    """In words, what is wrong with a result of another shape; and a hint, where there is one."""
    if right.numel() == 1 and given.numel() > 1:
        for name, number in {"mean": given.mean(), "sum": given.sum()}.items():
            if close(number.reshape(right.shape), right, tolerance):
                return (
                    f"one number is asked for: the {name} of the {given.numel()} that you return",
                    f"`.{name}()`",
                )
    says = f"your result has the shape {tuple(given.shape)}, expected {tuple(right.shape)}"
    if given.numel() == right.numel() and close(given.flatten(), right.flatten(), tolerance):
        return f"{says}: the numbers are right, one by one", "bring them into the shape that the task names"
    return (says,)


def _resemblance(given, right, tolerance):
    """In words, how a wrong result relates to the right one, where that is simple and beyond doubt.

    A factor, a power, a constant, and of images a shift, a mirror, a border. With a hint; None where nothing
    is recognized.
    """
    if not given.any():
        return "your result is zero everywhere", "print what each line computes: which one loses everything?"
    factor = _factor(given, right, tolerance)
    if factor is not None:
        return factor
    for says, power in {"the square of": right.square(), "the square root of": right.abs().sqrt()}.items():
        if close(given, power, tolerance):
            return f"your result is {says} what is asked for", "a square too many, or one too few?"
    if right.numel() < 4 or close(right, right.mean().expand_as(right), 1e-3):
        return None  # so few numbers, or all alike, resemble too much
    constant = (given - right).mean()
    if close(given, right + constant, tolerance) and constant.abs() > 10 * tolerance * right.abs().max():
        says = "your result is right up to a constant that was added to all values"
        return says, "which term of the formula is the same for all of them?"
    cut = {
        "is clipped to [0,1]": right.clamp(0, 1),
        "has lost what is below zero": right.clamp(min=0),
        "has lost its signs": right.abs(),
    }
    for says, values in cut.items():
        if close(given, values, tolerance):
            return (
                f"your result {says}",
                "may the result leave [0,1], or fall below zero? Which step forbids it?",
            )
    return _resemblance_of_images(given, right, tolerance) if _is_image(right) else None


SIMPLE_FACTORS = (2, 3, 4, 5, 8, 10, 16, 20, 100, 255, 255**2)


def _factor(given, right, tolerance):
    """What to say where one factor makes the whole difference, and the factor tells something."""
    factor = ((given * right).sum() / right.square().sum()).item() if right.any() else 0
    if not factor or not close(given, factor * right, tolerance):
        return None
    if abs(factor + 1) <= tolerance:
        return (
            "your result has the opposite sign",
            "which sign has each term? which way round is a difference?",
        )
    for simple in SIMPLE_FACTORS:
        for of, share in ((f"{simple} times", simple), (f"1/{simple} of", 1 / simple)):
            if abs(factor / share - 1) <= tolerance:
                return (
                    f"your result is {of} what is asked for",
                    "count the factors of the formula, one by one",
                )
    for base, logarithm in {2: math.log(2), 10: math.log(10)}.items():
        for share in (logarithm, 1 / logarithm):
            if abs(factor / share - 1) <= tolerance:
                return (
                    "your logarithm has another base",
                    f"log, log2, log10: which one is asked for, base {base} or e?",
                )
    if right.numel() < 4 or abs(factor - 1) < 0.01:
        return None  # any number is some multiple of any other, and 1.0001 times tells nothing
    says = f"your result is {factor:.4g} times what is asked for, in all its numbers"
    return says, "which factor is the same for all of them? a mean in place of a sum, a norm, a sigma?"


def _is_image(x):
    """Are there enough pixels, and enough different values, for a pattern to be no coincidence?"""
    return x.ndim >= 2 and min(x.shape[-2:]) >= 4 and 2 * x.unique().numel() > x.numel()


def _resemblance_of_images(given, right, tolerance):
    if right.ndim == 4 and right.shape[1] > 1:
        channels = "an image has C channels, each on its own"
        if close(given[:, :1], right[:, :1], tolerance):
            says = "your result is right in the first channel only"
            return says, f"{channels}: look for a 0 or 1 that should be `:`"
        if close(given, given[:, :1].expand_as(given), tolerance):
            return "your result is the same in all channels", f"{channels}: which step mixes them?"
    shift = _shift(given, right)
    if close(given, right.roll(shift, (-2, -1)), tolerance):
        says = f"your result is shifted: by {shift[0]} down and {shift[1]} to the right"
        return says, "where does the centre of your kernel or window sit?"
    mirrors = {"upside down": (-2,), "mirrored left to right": (-1,), "turned by 180 degrees": (-2, -1)}
    for says, axes in mirrors.items():
        if close(given, right.flip(axes), tolerance):
            return f"your result is {says}", "which of your steps flips, and along which axis?"
    if right.shape[-1] == right.shape[-2] and close(given, right.mT, tolerance):
        return "your result has rows and columns exchanged", "rows come first: x[..., row, column]"
    for rim in (1, 2, 3):
        for inside in ((..., slice(rim, -rim)), (..., slice(rim, -rim), slice(rim, -rim))):
            agrees = right[inside]
            large = 2 * agrees.numel() >= right.numel() and _is_image(agrees)
            if large and close(given[inside], agrees, tolerance):
                says = "your result is right inside and wrong at the border"
                return says, "what lies beyond the border: the other side, zeros, or a mirror?"
    return None


def _shift(given, right):
    """(down, across): the circular shift with which `right` resembles `given` most."""
    spectra = torch.fft.fft2(given) * torch.fft.fft2(right).conj()
    agreement = torch.fft.ifft2(spectra).real.reshape(-1, *right.shape[-2:]).sum(0)
    place = divmod(agreement.argmax().item(), right.shape[-1])
    sides = right.shape[-2:]
    return tuple((one + side // 2) % side - side // 2 for one, side in zip(place, sides, strict=True))


def _say_what_is_missing(shell, kind, problem, trace, tb_offset=None):
    """A NameError as it is, and in words what to do where a check came before its task."""
    cells = [frame for frame, _ in traceback.walk_tb(trace) if frame.f_globals.get("__name__") == "__main__"]
    if len(cells) == 1 and problem.name:
        print(
            f"`{problem.name}` does not exist yet: is it misspelt, or was the cell that makes it not run? "
            "The menu Run has: Run All Above Selected Cell."
        )
    shell.showtraceback((kind, problem, trace), tb_offset=tb_offset)


def _in_a_notebook():
    """Python evaluates `check(answer)` from inside: where `answer` is missing, no check is ever called."""
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()):
        shell.set_custom_exc((NameError,), _say_what_is_missing)


_in_a_notebook()


def variant(number):
    """Show the failing runs of every problem set under other letters, so that published answers are wrong.

    A notebook that `teaching/variant.py` made calls it.

    Args:
        number: of the variant, a whole number from 0 on; 0 is the published order.

    Raises:
        ValueError: the number is none of these.
    """
    global _variant
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"expected a whole number from 0 on, got {describe(number)}")
    _variant = number


def letters_of(failing_run):
    """{letter: the letter that shows the same run as published}, in the variant at hand."""
    letters = list(_causes[failing_run])
    order, draw = letters.copy(), random.Random(f"{_variant} {failing_run.__module__}")
    while _variant and any(map(str.__eq__, order, letters)):  # no letter stays where it was
        draw.shuffle(order)
    return dict(zip(letters, order, strict=True))


def failing(run, **causes):
    """A decorator for `failing_run(letter, ...)`, which then returns `run(cause, ...)` of the letter's cause.

    Which letter has which cause, only it and `choose` know. The run is a copy: a student may change it.
    """

    def decorate(described):
        @functools.wraps(described)
        def failing_run(*given, **named):
            bound = inspect.signature(described).bind(*given, **named)
            bound.apply_defaults()
            letter, *settings = bound.args
            if letter not in tuple(causes):
                raise ValueError(f"expected one of the letters {', '.join(causes)}, got {describe(letter)}")
            return copy.deepcopy(run(causes[letters_of(failing_run)[letter]], *settings))

        _causes[failing_run] = causes
        return failing_run

    return decorate


def choose(given, failing_run, options, refutations, points):
    """Mark a diagnosis: {letter: cause}. Each right cause earns `points`.

    Args:
        given: the student's dictionary.
        failing_run: the function that shows the runs, decorated with `failing`.
        options: {cause: what it means}, all that can be chosen.
        refutations: {(letter, cause): what speaks against it}; or {cause: ...} for all letters.

    Raises:
        Wrong: it is no such dictionary, or a cause is not right; what is right is earned.
    """
    published = letters_of(failing_run)
    right = {letter: _causes[failing_run][published[letter]] for letter in published}
    if not isinstance(given, dict):
        raise Wrong(
            f"causes must be a dictionary {{run: cause}}, got {type(given).__name__}",
            f"it begins like {{{next(iter(right))!r}: ...}}",
        )
    chosen = {letter: _plain_cause(dict.get(given, letter)) for letter in right}
    if set(chosen.values()) == {None}:
        raise Wrong(
            "there is no answer yet",
            "write a cause for each run, and run that cell",
            f"choose from: {', '.join(options)}",
        )
    earned = points * sum(chosen[letter] == cause for letter, cause in right.items())
    shown = {old: new for new, old in published.items()}
    for letter, cause in right.items():
        if chosen[letter] is None:
            raise Wrong(
                f"run {letter} has no cause yet",
                "what does this run show that a good one would not? Look at all that it returns",
                f"choose from: {', '.join(options)}",
                earned=earned,
            )
        if chosen[letter] not in options:
            raise Wrong(
                f"run {letter}: {given[letter]!r} is none of the causes",
                f"choose from: {', '.join(options)}",
                earned=earned,
            )
        if chosen[letter] != cause:
            says = refutations.get((published[letter], chosen[letter])) or refutations[chosen[letter]]
            says = [re.sub(r"\brun ([A-D])\b", lambda run: f"run {shown[run[1]]}", text) for text in says]
            raise Wrong(f"run {letter} is not '{chosen[letter]}': {says[0]}", *says[1:], earned=earned)


def _plain_cause(chosen):
    """A cause as plain text, None where there is none yet, and "" where it is no text at all."""
    if chosen is None or chosen is Ellipsis:
        return None
    if not isinstance(chosen, str):
        return ""
    return str.__str__(chosen).strip(" .") or None
