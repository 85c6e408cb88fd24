"""Total variation on the pixels: the classical baseline of most linear inverse problems. No network.

Both methods are convex, so that their result depends on neither a seed nor a start; only the weight is to be
chosen.
"""

import torch

from dil_course.fitting import Step
from dil_course.from_scratch.given import prepare_pixels
from dil_course.signals import Identity
from dil_course.signals.validation import check_returned, pinv_of

TIP = 1e-3  # differences well below this are taken for none: the square root has no slope at zero


def variation(x):
    """Sum over all pixels of the length of x's gradient, all channels together, rounded off below `TIP`.

    Args:
        x: image (1,C,H,W). Its gradient at a pixel has 2 C entries, the differences to the next pixel down
            and to the right; at the last row or column they are zero.
    """
    down = torch.diff(x, dim=-2, append=x[..., -1:, :])
    right = torch.diff(x, dim=-1, append=x[..., -1:])
    return torch.sqrt((down**2 + right**2).sum(1) + TIP**2).sum()


def tv(y, A, weight, iterations=300, learning_rate=0.05):
    """Minimise over the pixels of x half the sum of (A x - y)^2, plus weight times the total variation of x.

    Rudin, Osher and Fatemi, "Nonlinear total variation based noise removal algorithms" (Physica D 1992), for
    any forward model. The channels are coupled, as in Bresson and Chan, "Fast dual minimization of the
    vectorial total variation norm" (Inverse Problems and Imaging 2008): an edge in all channels costs less
    than one edge in each. The papers solve for the exact minimiser; here TV is smoothed, and Adam steps with
    a learning rate that falls linearly to zero, as lesson 01 built it. The pixels are not held in [0,1].

    Args:
        y: observation (1,C,h,w), computed on y's own device.
        A: forward model; None is the identity, denoising.
        weight: of the total variation. About sigma for denoising at noise level sigma, a tenth of that or
            less where A weakens the image, 1e-3 for data without noise; best a few values around these.
        iterations: the smaller the weight and the worse A is conditioned, the more it takes: 300 come within
            0.1 dB of the minimiser for the blur of lesson 04 at a weight of 3e-4.
        learning_rate: of Adam at the start, in units of the image's range.

    Returns:
        Generator of Steps: the loss before the iteration's update and the estimate (1,C,H,W) after it.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form or A does not fit y.
    """
    A = Identity() if A is None else A
    x, iterations = prepare_pixels(y, A, weight, iterations, learning_rate)

    def objective(x):
        return (A(x) - y).square().sum() / 2 + weight * variation(x)

    return descend(objective, x, iterations, learning_rate)


def bp_tv(y, A, weight, pinv=None, iterations=300, learning_rate=0.05):
    """Minimise over the pixels of x half the sum of (A^+ (A x - y))^2, plus weight times TV(x).

    Tirer and Giryes, "Back-projection based fidelity term for ill-posed linear inverse problems" (IEEE
    Transactions on Image Processing 2020): `bp_dip`'s loss with total variation in the network's place. The
    paper takes exact TV and proximal steps, here it is that of `tv`. The survey names BP-TV among the losses
    of an untrained network, too; there the same sum is minimised over the network's weights.

    Args:
        y, A, weight, iterations, learning_rate: as `tv`; A must be given, and the weight is some hundred
            times that of `tv` for the same blur, because the noise is amplified.
        pinv: stands in for A.pinv where that amplifies noise too much: `lambda r: A.pinv(r, epsilon=1e-3)`
            for a blur.

    Returns, Raises: as `tv`.
    """
    pinv = pinv_of(A, pinv)
    x, iterations = prepare_pixels(y, A, weight, iterations, learning_rate)

    def objective(x):
        misfit = pinv(A(x) - y)
        check_returned(misfit, x, "the result of pinv", "the estimate")
        return misfit.square().sum() / 2 + weight * variation(x)

    return descend(objective, x, iterations, learning_rate)


def descend(objective, x, iterations, learning_rate):
    """Steps of Adam on the pixels x (1,C,H,W), each shorter than the one before."""
    x = x.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=learning_rate)
    for iteration in range(1, iterations + 1):
        optimizer.param_groups[0]["lr"] = learning_rate * (1 - (iteration - 1) / iterations)
        with torch.enable_grad():
            loss = objective(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # A convex problem converges, so there is nothing that an average over iterations would improve.
        yield Step(iteration, iterations, loss.detach(), x.detach().clone(), averaged=True)
