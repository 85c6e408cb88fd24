"""What the playground offers: each damage and each method is the line of Python that it runs and shows.

So what a reader copies from the playground is what was computed, not a description of it.
"""

import dataclasses
import importlib

from dil_course.signals.validation import check_choice

# The names that lines use and where they live, in the order in which a program imports them.
NAMES = {
    "torch": None,
    "itertools": ("islice",),
    "dil_course.adaptation": ("idbp", "tune_by_sure"),
    "dil_course.fitting": ("run",),
    "dil_course.fitting.stopping": ("WindowedVariance",),
    "dil_course.from_scratch": (
        "bp_dip", "deep_image_prior", "neighbor2neighbor", "noise2self", "non_local_means", "self2self",
        "tv", "unsure", "zero_shot_noise2noise", "zero_shot_sr",
    ),
    "dil_course.networks": ("trained",),
    "dil_course.playground": ("bm3d", "denoised", "denoiser_for", "prepared", "stable_pinv", "tv_weight"),
    "dil_course.runtime": ("device",),
    "dil_course.signals": (
        "Blur", "Downsample", "Identity", "Mask", "add_gaussian", "compress_jpeg", "enlarge",
        "gaussian_kernel", "load_image", "picture", "save_image",
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Damage:
    """What has happened to the picture.

    Attributes:
        kind: of the inverse problem that restoring it is: "denoise", "fill", "sharpen" or "enlarge".
        operator: the line that makes A, from the clean picture x (1,C,H,W) and seed.
        observe: the line that makes y from x, A, sigma and seed; None where the picture at hand is y.
        noise: standard deviation in [0,1] of the noise that is added unless the reader chooses another one.
        level: of the error that it leaves, where this is neither noise that was added nor white noise, which
            could be estimated; None elsewhere.
    """

    kind: str
    operator: str
    observe: str | None = "add_gaussian(A(x), sigma, seed)"
    noise: float = 0.0
    level: float | None = None

    @property
    def adds_noise(self):
        return self.observe is not None and "sigma" in self.observe


HOLES = "Mask((torch.rand(1, 1, *x.shape[-2:], generator=torch.Generator().manual_seed(seed)) < 0.5).float())"
DAMAGES = {
    "none, it is noisy already": Damage("denoise", "Identity()", None),
    "none, it is too small": Damage("enlarge", "Downsample(2)", None),
    "noise": Damage("denoise", "Identity()", noise=25 / 255),
    "half of the pixels missing": Damage("fill", HOLES),
    "out of focus": Damage("sharpen", "Blur(gaussian_kernel(15, 1.6))", noise=2 / 255),
    "half the size": Damage("enlarge", "Downsample(2)"),
    # The error of lesson 04's face at this quality, 26.8 dB.
    "JPEG of quality 10": Damage("denoise", "Identity()", "compress_jpeg(x, 10)", level=12 / 255),
}


@dataclasses.dataclass(frozen=True)
class Method:
    """How the picture can be restored.

    Attributes:
        kinds: of problems that it solves.
        line: makes Steps from y, A, sigma and seed; or the estimate, where it works at once.
        rule: the line that makes the stopping rule of its run, or None where it stops by itself.
        at_once: no run, the line gives the estimate.
    """

    kinds: tuple
    line: str
    rule: str | None = None
    at_once: bool = False


DENOISE, LINEAR = ("denoise",), ("fill", "sharpen", "enlarge")
DENOISER = "trained(denoiser_for(y))"
STOP = "WindowedVariance()"
METHODS = {
    "total variation": Method(DENOISE + LINEAR, "tv(y, A, tv_weight(A, sigma))"),
    "bicubic": Method(("enlarge",), "enlarge(y, A)", at_once=True),
    "non-local means": Method(DENOISE, "non_local_means(y, sigma)", at_once=True),
    "BM3D": Method(DENOISE, "bm3d(y, sigma)", at_once=True),
    "deep image prior": Method(DENOISE + LINEAR, "deep_image_prior(y, A, seed=seed)", STOP),
    "deep image prior, back-projection loss": Method(
        LINEAR, "bp_dip(y, A, stable_pinv(A, sigma), seed=seed)", STOP
    ),
    "zero-shot super-resolution": Method(("enlarge",), "zero_shot_sr(y, A, noise=sigma, seed=seed)"),
    "UNSURE": Method(DENOISE, "unsure(y, seed=seed)"),
    "Noise2Self": Method(DENOISE, "noise2self(y, seed=seed)"),
    "Neighbor2Neighbor": Method(DENOISE, "neighbor2neighbor(y, seed=seed)"),
    "Zero-Shot Noise2Noise": Method(DENOISE, "zero_shot_noise2noise(y, seed=seed)"),
    "Self2Self": Method(DENOISE, "self2self(y, seed=seed)"),
    "trained denoiser": Method(DENOISE, f"denoised(y, {DENOISER}, sigma)", at_once=True),
    "trained denoiser, adapted by SURE": Method(DENOISE, f"tune_by_sure(y, {DENOISER}, sigma, seed=seed)"),
    "IDBP with a trained denoiser": Method(
        LINEAR, f"idbp(y, A, {DENOISER}, sigma, pinv=stable_pinv(A, sigma), seed=seed)"
    ),
}


def methods_for(damage):
    """Names of the methods that can undo this damage, classical ones first."""
    check_choice(damage, DAMAGES, "damage")
    return [name for name, method in METHODS.items() if DAMAGES[damage].kind in method.kinds]


def evaluate(line, **values):
    """What a line gives, with these values for x, A, y, sigma and seed."""
    room = {}
    for module, names in NAMES.items():
        made = importlib.import_module(module)
        room |= {"torch": made} if names is None else {name: getattr(made, name) for name in names}
    return eval(line, room | values)
