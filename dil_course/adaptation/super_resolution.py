"""Adapt a trained super-resolution network to the picture at hand, and to the kernel that made it small."""

from dil_course import runtime
from dil_course.adaptation.fallback import first_where_it_fails
from dil_course.adaptation.freedom import free
from dil_course.from_scratch.zero_shot_sr import zero_shot_sr


def adapt_super_resolution(y, A, network, what="all", iterations=None, learning_rate=3e-4, noise=0.0, seed=0):
    """Zero-shot super-resolution that begins at a trained network: learn to undo A on y's smaller version.

    A network that was trained on pictures shrunk in one way fails where another kernel made y. Shocher,
    Cohen and Irani, "Zero-Shot Super-Resolution" (CVPR 2018), give the pairs; to begin at trained weights,
    and stop soon, is the internal adaptation of Tirer and Giryes (IEEE Signal Processing Letters 2019). Built
    in lesson 12.

    Args:
        y: small picture (1,C,h,w), computed on its own device.
        A: what made y smaller, with `scales`, such as `BlurDownsample(kernel, 2)`.
        network: trained, such as `trained("super_resolution")`. It is copied, and never changed.
        what: may change, as in `free`.
        iterations: None takes 150 in the quick profile and 500 in the full one.
        learning_rate, noise, seed: as in `zero_shot_sr`.

    Returns:
        Generator of Steps. The first estimate is the trained network's; where a loss is not finite, so is the
        last one.

    Raises:
        TypeError, ValueError: as `zero_shot_sr` and `free`.
    """
    iterations = runtime.pick(quick=150, full=500) if iterations is None else iterations
    with runtime.seeded(seed):
        adapted = free(network, what)
    settings = dict(iterations=iterations, learning_rate=learning_rate, noise=noise, gradual=1, seed=seed)
    return first_where_it_fails(zero_shot_sr(y, A, network=adapted, trained=True, **settings))
