"""DIP + TV: the deep image prior with a penalty on the estimate's total variation."""

from dil_course.from_scratch.deep_image_prior import deep_image_prior
from dil_course.signals import Identity
from dil_course.signals.validation import check_number, check_observation, check_side


def total_variation(x):
    """Mean absolute difference of neighbours, down and to the right, of x (1,C,H,W), at least 2x2 pixels."""
    check_observation(x, "x")
    check_side(x.shape, 2, "x")
    down = x[..., 1:, :] - x[..., :-1, :]
    right = x[..., 1:] - x[..., :-1]
    return down.abs().mean() + right.abs().mean()


def dip_tv(y, A=None, weight=0.05, **settings):
    """Minimise over theta the mean of (A(f_theta(z)) - y)^2, plus weight times TV(f_theta(z)).

    Liu, Sun, Xu and Kamilov, "Image Restoration using Total Variation Regularized Deep Image Prior" (ICASSP
    2019). TV is anisotropic and, like the misfit, a mean (see `total_variation`). Noise makes neighbours
    differ everywhere, so the penalty holds it back, and the PSNR falls less after its peak.

    Args:
        y: observation (1,C,h,w).
        A: forward model; None is the identity.
        weight: of the total variation, relative to the misfit.
        settings: of `deep_image_prior`.

    Returns, Raises: as `deep_image_prior`; also where the weight is negative or no number.
    """
    check_number(weight, "weight")
    A = Identity() if A is None else A

    def loss(estimate):
        return (A(estimate) - y).square().mean() + weight * total_variation(estimate)

    return deep_image_prior(y, A, loss=loss, **settings)
