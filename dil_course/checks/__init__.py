"""What lessons and problem sets are checked with. Nothing else in the library imports this room."""

import torch

from dil_course.signals.validation import check_number, describe


def compare(name, mine, library, tolerance=1e-5):
    """Print how two tensors agree: exact, approximate, maximum difference. Returns True when approximate.

    Args:
        name: what is compared, printed first.
        mine, library: tensors, arrays or numbers.
        tolerance: largest absolute difference that counts as approximate.

    Raises:
        TypeError, ValueError: one of the two is nothing of the kind, or both hold no value; the tolerance is
            negative or no number.
    """
    check_number(tolerance, "tolerance")
    mine, library = _numbers(mine, "mine"), _numbers(library, "library")
    if mine.shape != library.shape:
        print(f"{name!s:24} shapes differ: {tuple(mine.shape)} and {tuple(library.shape)}")
        return False
    if not mine.numel():
        raise ValueError(f"mine and library: there is nothing to compare, got {describe(mine)}")
    difference = _difference(mine, library)
    approximate = difference <= tolerance
    print(
        f"{name!s:24} exact: {difference == 0!s:5}  approximate: {approximate!s:5}  maximum difference: "
        f"{difference:.1e}"
    )
    return approximate


def note_if_stopped(result):
    """Say in a sentence that a run which somebody stopped need not do what a check asks of a whole one.

    Prints nothing where the run finished, or ended by itself.

    Args:
        result: what `run` or `watch` returned.

    Raises:
        TypeError: result is nothing of the kind.
    """
    if not isinstance(getattr(result, "why", None), str):
        raise TypeError(f"result: expected what run or watch returns, got {describe(result)}")
    if result.why.startswith(("stopped by you", "interrupted")):
        print(f"This run was {result.why}. The lines below are about a whole run and need not hold for it.")


def _numbers(value, name):
    """The value as a tensor that can be computed with."""
    try:
        x = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as problem:
        raise TypeError(
            f"{name}: expected a tensor, an array or a number, got {describe(value)}"
        ) from problem
    if not is_plain(x):
        raise TypeError(f"{name}: expected a tensor, an array or a number, got {describe(value)}")
    return x


def _difference(mine, library):
    """The largest absolute difference."""
    if mine.is_complex() or library.is_complex():
        return (mine.cpu().to(torch.complex128) - library.cpu().to(torch.complex128)).abs().max().item()
    if mine.is_floating_point() or library.is_floating_point():
        return (mine.cpu().double() - library.cpu().double()).abs().max().item()
    # Python's whole numbers neither overflow nor lose digits.
    return max(abs(a - b) for a, b in zip(mine.flatten().tolist(), library.flatten().tolist(), strict=True))


def is_plain(x):
    """Does a tensor hold its values one by one: is it not sparse, not quantized, not the empty shell that
    torch calls meta?
    """
    return x.layout == torch.strided and not x.is_quantized and not x.is_meta
