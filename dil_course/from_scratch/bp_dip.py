"""BP-DIP: the deep image prior with the back-projection loss."""

from dil_course.from_scratch.deep_image_prior import deep_image_prior
from dil_course.signals.validation import check_returned, pinv_of


def bp_dip(y, A, pinv=None, **settings):
    """Minimise over theta the mean of (A^+ (A(f_theta(z)) - y))^2, the misfit as it looks in the image.

    Zukerman, Tirer and Giryes, "BP-DIP: A backprojection based deep image prior" (EUSIPCO 2020). Where A
    weakens some components of the picture, such as high frequencies, least squares hardly sees an error in
    them and learns them late. A^+ brings them back to full strength, and the noise with them, so this is
    faster than least squares at low noise and worse at high noise. Shown in lesson 04.

    Args:
        y: observation (1,C,h,w).
        A: forward model.
        pinv: stands in for A.pinv where that amplifies noise too much: `lambda r: A.pinv(r, epsilon=1e-3)`
            for a blur.
        settings: of `deep_image_prior`.

    Returns, Raises: as `deep_image_prior`.
    """
    pinv = pinv_of(A, pinv)

    def loss(estimate):
        misfit = pinv(A(estimate) - y)
        check_returned(misfit, estimate, "the result of pinv", "the estimate")
        return misfit.square().mean()

    return deep_image_prior(y, A, loss=loss, **settings)
