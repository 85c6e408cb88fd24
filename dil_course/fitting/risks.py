"""Risk without ground truth: how far an estimate f(y) is from x, computed from y alone. Built in lesson 06.

Each function returns an estimate of a mean squared error, unbiased over the noise (and the probe), as a 0-d
tensor through which gradients flow to the weights of f. It is no squared error of its own: single values may
be negative. N is the number of values in y, n the noise, J the Jacobian of f.
"""

import torch

from dil_course import runtime
from dil_course.signals import Identity
from dil_course.signals.validation import (
    check_batch,
    check_function,
    check_integer,
    check_number,
    check_observation,
    check_returned,
    check_same_shape,
    check_sigma,
    describe,
    is_float,
    pinv_of,
)

EPSILON = 1e-3  # of a probe's step, on [0,1]: small against what f bends, large against float32's rounding


def probe(y, generator=None):
    """A picture of random signs, of y's shape: E b b^T = I, and b.b is exactly the number of pixels."""
    if not is_float(y):
        raise TypeError(f"y: expected a float tensor, got {describe(y)}")
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator: expected a torch.Generator or None, got {describe(generator)}")
    signs = torch.randint(0, 2, y.shape, generator=generator, device=y.device)
    return (2 * signs - 1).to(y)


def divergence(f, y, epsilon=EPSILON, probes=1, seed=0):
    """Divergence of f at y, the sum of d f_i / d y_i, by probes b: the mean of b.(f(y + eps b) - f(y)) / eps.

    Ramani, Blu and Unser, "Monte-Carlo SURE" (IEEE Transactions on Image Processing 2008), equation 14, with
    signs for b.

    Args:
        f: function of a picture (1,C,H,W). It is asked one step beside y too: where y may be 0, also a little
            below.
        y: picture (1,C,H,W).
        epsilon: length of the step, on the scale of y; at least 2e-6 for float32, whose rounding hides
            smaller ones.
        probes: how many to average over, at most 10,000; the spread falls with their root.
        seed: of the probes.

    Returns:
        0-d tensor. Its expectation over the probes is the divergence.

    Raises:
        TypeError, ValueError: y is no finite (1,C,H,W) tensor of float32 or float64, a number is out of
            range, or f changes the shape or gives values that are not finite.
    """
    check_function(f, "f")
    _check_step(y, epsilon)
    check_integer(probes, "probes", 1, 10_000)
    check_integer(seed, "seed")
    generator = runtime.generator(seed, "probe", y.device)
    output, total = f(y), 0.0
    check_returned(output, y, "f(y)", "y")
    for _ in range(probes):
        b = probe(y, generator)
        total = total + torch.sum(b * (_stepped(f, y, epsilon, b) - output)) / epsilon
    return total / probes


def sure(f, y, sigma, b=None, epsilon=EPSILON, output=None):
    """Stein's unbiased risk estimate of the mean of (f(y) - x)^2, for y = x + Gaussian noise.

        mean (f(y) - y)^2 - sigma^2 + 2 sigma^2 div f(y) / N

    Stein, "Estimation of the Mean of a Multivariate Normal Distribution" (Annals of Statistics 1981), theorem
    1, with one probe for the divergence as in `divergence`.

    Args:
        f: function of y that has a derivative almost everywhere, with no jumps: (1,C,H,W) to (1,C,H,W). It is
            asked one step of the probe beside y too, as in `divergence`.
        y: noisy picture (1,C,H,W).
        sigma: standard deviation of the noise, white and Gaussian, on the scale of y.
        b: the probe; None draws one from torch's global generator. For Gaussian noise of covariance
            sigma^2 C with ones on the diagonal of C, hand over a probe b ~ N(0, C): then b.J b estimates
            tr(C J), and the risk is right again.
        epsilon: length of the probe's step, as in `divergence`.
        output: f(y), where the caller has it.

    Returns:
        0-d tensor, in squared units of y.

    Raises:
        TypeError, ValueError: y or b is no finite (1,C,H,W) tensor, y is not of float32 or float64, a number
            is out of range, or f changes the shape or gives values that are not finite.
    """
    return gsure(f, y, Identity(), sigma, b=b, epsilon=epsilon, output=output)


def esure(f, y, w, sigma, b=None, epsilon=EPSILON):
    """SURE for an estimator that is given y with extra noise w: unbiased for the mean of (f(y + w) - x)^2.

        mean (f(y + w) - y)^2 - sigma^2 + 2 sigma^2 div f(y + w) / N

    Zhussip, Soltanayev and Chun, "Extending Stein's unbiased risk estimator to train deep denoisers with
    correlated pairs of noisy images" (NeurIPS 2019), theorem 1. It is SURE of the function y -> f(y + w).

    Args:
        f, y, sigma, b, epsilon: as in `sure`; sigma is that of y alone.
        w: extra noise, of y's shape, independent of y.
    """
    check_function(f, "f")
    check_observation(w, "w")
    check_same_shape(w, y, "w", "y")
    return sure(lambda y: f(y + w), y, sigma, b, epsilon)


def gsure(f, y, A, sigma, pinv=None, b=None, epsilon=EPSILON, output=None):
    """Generalized SURE of what A sees of the error, the mean of (P f(y) - P x)^2, for y = A(x) + noise.

        mean |A^+ (A f(y) - y)|^2 + 2 sigma^2 <A^+ b, P J b> / N - sigma^2 |A^+ b|^2 / N ,   P = A^+ A ,

    J b = (f(y + eps b) - f(y)) / eps with one probe b for both the derivative and the noise that A^+ lets
    through. Eldar, "Generalized SURE for Exponential Families" (IEEE Transactions on Signal Processing 2009),
    section V. What A does not see, the null space of A, is not judged at all.

    Args:
        f: function of y: (1,C,h,w) to a picture (1,C,H,W).
        y: observation (1,C,h,w).
        A: forward model.
        sigma: standard deviation of the noise on y.
        pinv: in place of A.pinv, another linear function W of an observation: the error is then the mean of
            (W A (f(y) - x))^2. A Tikhonov inverse lets less noise through than A^+.
        b, epsilon, output: as in `sure`; b has the shape of y.

    Returns:
        0-d tensor.

    Raises:
        TypeError, ValueError: as `sure`; A(f(y)) is not of y's shape.
    """
    pinv = pinv_of(A, pinv)
    b, output = _probed(f, y, sigma, b, epsilon, output)
    seen = A(output)
    check_same_shape(seen, y, "A(f(y))", "y")
    change = (A(f(y + epsilon * b)) - seen) / epsilon
    misfit, noise = pinv(seen - y), pinv(b)
    check_batch(misfit, "the result of pinv")
    return (
        misfit.square().mean()
        + 2 * sigma**2 * (noise * pinv(change)).mean()
        - sigma**2 * noise.square().mean()
    )


def pure(f, y, peak, sigma=0.0, b=None, epsilon=EPSILON, output=None):
    """Unbiased risk estimate for photon counts: y = Poisson(peak x) / peak, perhaps plus Gaussian noise.

        mean (f(y) - y)^2 - mean v + 2 <v b, J b> / N ,   v = y / peak + sigma^2 ,

    v estimates the variance of each pixel. Luisier, Blu and Unser, "Image Denoising in Mixed Poisson-Gaussian
    Noise" (IEEE Transactions on Image Processing 2011), theorem 1, to first order in 1 / peak; for a probe
    see Le Montagner, Angelini and Olivo-Marin, "An Unbiased Risk Estimator for Image Denoising in the
    Presence of Mixed Poisson-Gaussian Noise" (same journal 2014).

    Args:
        f, y, b, epsilon, output: as in `sure`.
        peak: mean number of photons at a white pixel, as in `add_poisson`.
        sigma: of the Gaussian noise on top.
    """
    check_number(peak, "peak", low=0.01)
    b, output = _probed(f, y, sigma, b, epsilon, output)
    check_returned(output, y, "f(y)", "y")
    variance = y / peak + sigma**2
    change = (_stepped(f, y, epsilon, b) - output) / epsilon
    return (output - y).square().mean() - variance.mean() + 2 * (variance * b * change).mean()


def _probed(f, y, sigma, b, epsilon, output):
    """The probe and f(y), made here where the caller has none, after the checks that all risks share."""
    check_function(f, "f")
    _check_step(y, epsilon)
    check_sigma(sigma)
    b = probe(y) if b is None else b
    check_returned(b, y, "b", "y")
    return b, f(y) if output is None else output


def _check_step(y, epsilon):
    """Refuse an image, or a step from it, whose rounding would drown what f changes."""
    check_observation(y)
    if y.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            "y: expected float32 or float64, as smaller numbers round a probe's step away, got "
            f"{describe(y)}: call y.float()"
        )
    check_number(epsilon, "epsilon", low=max(1e-12, 16 * torch.finfo(y.dtype).eps))


def _stepped(f, y, epsilon, b):
    """f one step of the probe away from y; refused where it is not finite, as a root below zero is."""
    output = f(y + epsilon * b)
    check_returned(output, y, "f(y + epsilon b)", "y")
    return output
