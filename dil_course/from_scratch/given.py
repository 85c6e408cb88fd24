"""What a method may be given besides y: a forward model, and a network of the caller's. Looked at before any
compute.
"""

from dil_course.signals.validation import (
    check_batch,
    check_integer,
    check_module,
    check_operator,
    check_returned,
)


def adjoint_of(y, A):
    """A.adjoint(y), a picture of the form of the one to restore, where A is a forward model that fits y.

    Raises:
        TypeError, ValueError: A is none, or A(x) is no picture of the shape of y: the misfit A(x) - y would
            be of another one.
    """
    check_operator(A)
    x = A.adjoint(y)
    check_batch(x, "A.adjoint(y)")
    check_returned(A(x), y, "A(x)", "y")
    return x


def check_sizes(network, *names):
    """Refuse what is no torch module that tells its sizes, whole numbers, by these names (TypeError,
    ValueError).
    """
    check_module(network, attributes=names)
    for name in names:
        check_integer(getattr(network, name), f"network.{name}", low=0 if name == "scales" else 1)
