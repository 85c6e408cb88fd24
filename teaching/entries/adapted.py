"""Reference entry: a trained denoiser, adapted to the image, alone or inside IDBP."""

from dil_course.adaptation import idbp, tune_by_sure
from dil_course.challenge import capacity, expected_psnr, gaussian_width
from dil_course.fitting import run
from dil_course.networks import trained
from dil_course.signals import Blur, Identity, estimate_sigma, gaussian_kernel

OPTIMISM = 2.0  # dB, of the simulation of a blur; measured on practice images


def restore(y, A, sigma, seconds):
    sigma = estimate_sigma(y) if sigma is None else sigma
    known = Blur(gaussian_kernel(15, gaussian_width(y, sigma))) if A is None else A
    if capacity(y, known, sigma) < 0.1:
        return None
    denoiser = trained("denoiser_gray")

    def method(y, A, sigma):
        if isinstance(A, Identity):
            steps = tune_by_sure(y, denoiser, sigma, iterations=40)
        else:
            pinv = (lambda r: A.pinv(r, epsilon=0.01)) if isinstance(A, Blur) else None
            steps = idbp(y, A, denoiser, sigma, adapt="gain", pinv=pinv)
        return run(steps).estimate.clamp(0, 1)

    return method(y, known, sigma), expected_psnr(method, y, known, sigma, OPTIMISM)
