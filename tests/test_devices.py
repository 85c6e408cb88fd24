"""Everything computes on a GPU as well, Apple's included: tried on a device that is pretended.

Each call is made on the CPU and on the device. Nothing that a GPU refuses may happen there, and the numbers
must agree.
"""

import asyncio
import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils import backend_registration

from dil_course import (
    adaptation,
    checks,
    diffusion,
    figures,
    fitting,
    from_scratch,
    networks,
    runtime,
    signals,
)
from dil_course.adaptation.meta_learning import STARTS, meta_gradient
from dil_course.fitting import risks, stopping
from dil_course.from_scratch import self_supervised
from dil_course.networks.trained import trained
from dil_course.signals import corruptions
from dil_course.signals.digits import jitter, quarter_turns

if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
    pytest.skip("this version of torch cannot pretend a device", allow_module_level=True)
from pretended_device import DEVICE, pretended

X = signals.picture("coffee", 32)
GRAY = X.mean(1, keepdim=True)
KERNEL = signals.gaussian_kernel(3, 0.8)
BATCH = torch.cat([X, X.flip(-1)])
LINES = signals.line_mask(32, 32, 2)
ITERATIONS = 2


def skip_network(inputs=4, outputs=3):
    with runtime.seeded(0):
        return networks.SkipNetwork(outputs, inputs, width=4, scales=2, skip=2)


def made(make, *args, **settings):
    """A network with the same weights each time."""
    with runtime.seeded(0):
        return make(*args, **settings)


def unet():
    return made(networks.DenoisingUNet, 3, (8, 8))


def guided(method, **settings):
    return lambda d: run(method(d(X), signals.Blur(KERNEL), d(unet()), iterations=2, **settings))


def run(steps, **settings):
    result = fitting.run(steps, **settings)
    return [result.estimate, torch.tensor(result.history["loss"])]


def scan(d):
    """A scan of few lines, its forward model, and a network that reconstructs."""
    A = signals.Fourier(d(LINES))
    return A(d(GRAY)), A, d(made(networks.UnrolledNetwork, 2, 4, 3))


def line_error(weights, data):
    x, y = data
    return (weights["w"] * x - y).square().mean()


def meta_tasks(d):
    """Support and query of two tasks, three points each."""
    values = d(torch.arange(24.0).reshape(4, 2, 3) / 24)
    return (values[0], values[1]), (values[2], values[3])


def answers(generator):
    return [answer.logits for answer in generator]


def drawn_digits():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(4, 1, 24, 24, generator=generator)


def operator(make, of=X):
    """The operator in all its ways, with what it was made of on the device too."""

    def call(d):
        A, x = make(d), d(of)
        y = A(x)
        return [y, A.adjoint(y), A.pinv(y), signals.consistent(x, y, A), signals.enlarge(y, A)]

    return call


def prior(method, *args, **settings):
    return lambda d: run(
        method(d(X), *[d(a) for a in args], network=skip_network(), iterations=ITERATIONS, **settings)
    )


def blind(method, *args, **settings):
    return lambda d: run(
        method(d(X), *[d(a) for a in args], network=skip_network(3), iterations=ITERATIONS, **settings)
    )


def tuned(method, **settings):
    def call(d):
        denoiser = made(networks.Denoiser, 3, width=4, depth=3)
        return run(method(d(X), denoiser, 0.1, iterations=ITERATIONS, **settings))

    return call


def searched(method, **settings):
    def call(d):
        y = d(signals.Gaussian(9, (32, 32))(GRAY))
        generator = made(networks.Generator, 3, 2, 1, 32)
        return run(method(y, signals.Gaussian(9, (32, 32)), d(generator), starts=2, **settings))

    return call


def stream(method, **settings):
    def call(d):
        network = d(made(networks.Classifier, 1, 3, 4, turns=True).eval())
        return answers(method(network, [d(drawn_digits())], **settings))

    return call


def stopped(make):
    def call(d):
        denoiser = made(networks.Denoiser, 3, width=4, depth=3)
        # Sides that are no multiples of those of small copies.
        y = d(signals.picture("coffee", 48)[..., :45, :])
        return run(adaptation.tune_by_sure(y, denoiser, 0.1, iterations=4), stop=make(y))

    return call


def drawn(call):
    """A figure, which is drawn without a screen."""

    def draw(d):
        axes = Figure().subplots()
        call(axes, d)
        return [torch.tensor(len(axes.get_children()))]

    return draw


def taken_up(d):
    """A run that is broken off and taken up again from its file."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        for iterations in (4, 4):
            steps = from_scratch.deep_image_prior(d(X), network=skip_network(), iterations=iterations)
            result = run(steps, checkpoint=Path(folder) / "run", truth=d(X))
    return result


def saved(d):
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        signals.save_image(d(X), file.name)
        return [signals.load_image(file.name)]


def watched(d):
    steps = from_scratch.deep_image_prior(d(X), network=skip_network(), iterations=4)
    return [asyncio.run(fitting.watch(steps, truth=d(X), observed=d(X))).estimate]


def soft(y):
    return 0.9 * y


def named(method, **settings):
    return lambda d: method(d(X), **settings)


CALLS = {
    # signals
    "Identity": operator(lambda d: signals.Identity()),
    "Mask": operator(lambda d: signals.Mask(d((GRAY > 0.4).float()))),
    "Blur": operator(lambda d: signals.Blur(d(KERNEL))),
    "Blur.pinv, tame": lambda d: signals.Blur(KERNEL).pinv(d(X), epsilon=0.01),
    "Downsample": operator(lambda d: signals.Downsample(2)),
    "BlurDownsample": operator(lambda d: signals.BlurDownsample(d(KERNEL), 2)),
    "Fourier": operator(lambda d: signals.Fourier(d(LINES))),
    "Radon": operator(lambda d: signals.Radon(32, range(0, 180, 30)), GRAY),
    "Radon of a tensor": lambda d: signals.Radon(32, d(torch.tensor([0.0, 30.0])))(d(GRAY)),
    "Gaussian": operator(lambda d: signals.Gaussian(9, (32, 32))),
    "add_gaussian": lambda d: signals.add_gaussian(d(BATCH), 0.1),
    "add_correlated": lambda d: signals.add_correlated(d(BATCH), 0.1, d(KERNEL)),
    "add_poisson": lambda d: signals.add_poisson(d(BATCH), 30),
    "add_salt_and_pepper": lambda d: signals.add_salt_and_pepper(d(BATCH), 0.2),
    "estimate_sigma": lambda d: torch.tensor(signals.estimate_sigma(d(BATCH))),
    "compress_jpeg": lambda d: signals.compress_jpeg(d(BATCH), 30),
    "psnr": lambda d: torch.tensor(signals.psnr(d(BATCH) * 0.9, d(BATCH), shave=1)),
    "ssim": lambda d: torch.tensor(signals.ssim(d(BATCH) * 0.9, d(BATCH), shave=1)),
    "luma": lambda d: signals.luma(d(BATCH)),
    "crop": lambda d: signals.crop(d(BATCH), 8),
    "to_array": lambda d: torch.from_numpy(signals.to_array(d(X))),
    "save_image": saved,
    "patches": lambda d: signals.patches(d(X), 5),
    "places": lambda d: signals.places(d(X), 5),
    "centres": lambda d: signals.centres(d(X), 5, 2),
    "nearest": lambda d: list(
        signals.nearest(
            *[signals.patches(d(GRAY), 5)] * 2,
            k=2,
            apart=3,
            query_places=signals.places(d(GRAY), 5),
            database_places=signals.places(d(GRAY), 5),
        )
    ),
    "coherence": lambda d: torch.tensor(signals.coherence(d(GRAY), d(X[:, :1]), 5)),
    "completeness": lambda d: torch.tensor(signals.completeness(d(GRAY), d(X[:, :1]), 5)),
    "copied_share": lambda d: torch.tensor(signals.copied_share(d(GRAY), d(X[:, :1]), 5)),
    "diversity": lambda d: torch.tensor(signals.diversity(d(BATCH), d(BATCH[:1]))),
    "field_complexity": lambda d: torch.tensor(signals.field_complexity(d(GRAY), d(X[:, :1]), 5)),
    "neighbour_field": lambda d: signals.neighbour_field(d(GRAY), d(X[:, :1]), 5),
    "sliced_wasserstein": lambda d: torch.tensor(signals.sliced_wasserstein(d(GRAY), d(X[:, :1]), 5)),
    "corrupt": lambda d: [
        corruptions.corrupt(d(drawn_digits()), name, 3) for name in corruptions.CORRUPTIONS
    ],
    "jitter": lambda d: jitter(d(drawn_digits()), torch.Generator().manual_seed(0)),
    "quarter_turns": lambda d: quarter_turns(d(drawn_digits()), d(torch.arange(4))),
    # fitting
    "run": lambda d: run(from_scratch.deep_image_prior(d(X), iterations=ITERATIONS), truth=d(X)),
    "run with a truth of the CPU": lambda d: run(
        from_scratch.deep_image_prior(d(X), network=skip_network(), iterations=ITERATIONS), truth=X
    ),
    "run with a checkpoint": taken_up,
    "watch": watched,
    "WindowedVariance": stopped(lambda y: stopping.WindowedVariance(2, 1)),
    "Discrepancy": stopped(lambda y: stopping.Discrepancy(y, signals.Identity(), 0.01)),
    "HeldOut": stopped(lambda y: stopping.HeldOut(y, (y[:, :1] > 0.4).float(), 1)),
    "HeldOut of a blur": stopped(
        lambda y: stopping.HeldOut(signals.Blur(KERNEL)(y), (y[:, :1] > 0.4).float(), 1, signals.Blur(KERNEL))
    ),
    "LeastRisk": stopped(lambda y: stopping.LeastRisk(y, 0.1, every=1, patience=1)),
    "probe": lambda d: risks.probe(d(X), runtime.generator(0, "probe", d(X).device)),
    "divergence": lambda d: risks.divergence(soft, d(X), probes=2),
    "sure": lambda d: risks.sure(soft, d(X), 0.1, b=d(torch.ones_like(X))),
    "esure": lambda d: risks.esure(soft, d(X), d(0.1 * X), 0.1, b=d(torch.ones_like(X))),
    "gsure": lambda d: risks.gsure(
        lambda y: 0.9 * signals.Blur(KERNEL).adjoint(y),
        d(X),
        signals.Blur(KERNEL),
        0.1,
        b=d(torch.ones_like(X)),
    ),
    "pure": lambda d: risks.pure(soft, d(X), 30, 0.1, b=d(torch.ones_like(X))),
    # from scratch
    "deep_image_prior": prior(from_scratch.deep_image_prior),
    "deep_image_prior, own z": prior(from_scratch.deep_image_prior, z=torch.rand(1, 4, 32, 32)),
    "bp_dip": prior(from_scratch.bp_dip, A=signals.Blur(KERNEL)),
    "dip_tv": prior(from_scratch.dip_tv),
    "tv": lambda d: run(from_scratch.tv(d(X), signals.Blur(KERNEL), 0.1, iterations=2)),
    "bp_tv": lambda d: run(from_scratch.bp_tv(d(X), signals.Blur(KERNEL), 0.1, iterations=2)),
    "guided_filter": lambda d: from_scratch.guided_filter(d(X), d(X)),
    "kernel_recurrence": lambda d: from_scratch.kernel_recurrence(d(X), count=10),
    "kernel_gan": lambda d: run(from_scratch.kernel_gan(d(X.repeat(1, 1, 2, 2)), width=2, iterations=2)),
    "total_variation": lambda d: from_scratch.total_variation(d(X)),
    "deep_red": prior(from_scratch.deep_red, denoiser=soft, every=1),
    "deep_red with non-local means": prior(
        from_scratch.deep_red, denoiser=lambda x: from_scratch.non_local_means(x, 0.1, 3, 2), every=1
    ),
    "sgld_dip": prior(from_scratch.sgld_dip),
    "Posterior": lambda d: run(
        from_scratch.sgld_dip(d(X), network=skip_network(), iterations=4), stop=from_scratch.Posterior(1, 1)
    ),
    "dip_sure": blind(from_scratch.dip_sure, sigma=0.1, extra_noise=0.01),
    "dip_sure of a blur": blind(from_scratch.dip_sure, sigma=0.1, A=signals.Blur(KERNEL)),
    "unsure": blind(from_scratch.unsure, first_sigma=0.1),
    "equivariant_imaging": blind(from_scratch.equivariant_imaging, A=signals.Blur(KERNEL)),
    "rotated": lambda d: signals.rotated(d(X), 30.0),
    "split_lines": lambda d: signals.split_lines(d(LINES)),
    "non_local_means": lambda d: from_scratch.non_local_means(d(X), 0.1, 3, 2),
    "gpnn": lambda d: run(from_scratch.gpnn(d(X), patch=3, coarsest=16, iterations=2)),
    "patch_diffusion": lambda d: run(from_scratch.patch_diffusion(d(X), patch=3, coarsest=16, iterations=2)),
    "optimal_denoiser": lambda d: from_scratch.optimal_denoiser(d(X), d(X), 0.1, patch=3),
    "SinGAN": lambda d: from_scratch.SinGAN(d(X), scales=2, coarsest=16, width=3).sample(),
    "singan": lambda d: run(
        from_scratch.singan(from_scratch.SinGAN(d(X), scales=2, coarsest=16, width=3), iterations=2)
    ),
    "zero_shot_sr": lambda d: run(
        from_scratch.zero_shot_sr(
            d(X),
            signals.Downsample(2),
            network=made(networks.ResidualNetwork, 3, 4, 2),
            side=12,
            every=1,
            gradual=2,
            noise=0.01,
            iterations=2,
        )
    ),
    "zero_shot_sr of another kernel": lambda d: run(
        from_scratch.zero_shot_sr(
            d(X),
            signals.BlurDownsample(KERNEL, 2),
            network=made(networks.ResidualNetwork, 3, 4, 2),
            side=12,
            iterations=2,
        )
    ),
    "noise2noise": blind(from_scratch.noise2noise, X.flip(-1)),
    "recorrupted2recorrupted": blind(from_scratch.recorrupted2recorrupted, sigma=0.1),
    "noise2void": blind(from_scratch.noise2void),
    "noise2self": blind(from_scratch.noise2self),
    "held_out": lambda d: from_scratch.held_out(d(X)),
    "blind": lambda d: from_scratch.blind(soft)(d(X)),
    "calibrate": lambda d: [torch.tensor(v) for v in np.ravel(calibrated(d))],
    "self2self": lambda d: run(
        from_scratch.self2self(d(X), network=made(networks.PartialUNet, 3, 4, 1), iterations=ITERATIONS)
    ),
    "neighbor2neighbor": blind(from_scratch.neighbor2neighbor),
    "zero_shot_noise2noise": lambda d: run(
        from_scratch.zero_shot_noise2noise(
            d(X), network=made(nn.Conv2d, 3, 3, 3, padding=1), iterations=ITERATIONS
        )
    ),
    "noise2fast": blind(from_scratch.noise2fast),
    # adaptation
    "free": lambda d: [made(adaptation.free, d(made(networks.Denoiser, 3, 4, 3)), "gain")(d(X), 0.1)],
    "tune_by_sure": tuned(adaptation.tune_by_sure),
    "tune_by_sure, low rank": tuned(adaptation.tune_by_sure, what="low-rank"),
    "tune_by_masking": tuned(adaptation.tune_by_masking),
    "tune_on_restored": tuned(adaptation.tune_on_restored),
    "idbp": lambda d: run(
        adaptation.idbp(
            d(X), signals.Blur(KERNEL), d(made(networks.Denoiser, 3, 4, 3)), 0.1, adapt="all", iterations=2
        )
    ),
    "csgm": searched(adaptation.csgm, iterations=ITERATIONS),
    "pulse": searched(adaptation.pulse, iterations=ITERATIONS),
    "iagan": searched(
        adaptation.iagan, search=ITERATIONS, iterations=ITERATIONS, locality=0.1, back_project=True
    ),
    # diffusion
    "sample": lambda d: run(diffusion.sample(d(unet()), d(X), fresh=0.5, iterations=2)),
    "ddnm": guided(diffusion.ddnm),
    "dps": guided(diffusion.dps),
    "ddpg": guided(diffusion.ddpg, sigma=0.1),
    "scd": guided(diffusion.scd, updates=1),
    "tune_on_neighbours": lambda d: run(diffusion.tune_on_neighbours(d(unet()), [d(X)], iterations=2)),
    # adaptation
    "adapt_super_resolution": lambda d: run(
        adaptation.adapt_super_resolution(
            d(X), signals.Downsample(2), d(made(networks.ResidualNetwork, 3, 4, 2)), iterations=2
        )
    ),
    "adapt_reconstruction": lambda d: run(
        adaptation.adapt_reconstruction(*scan(d), iterations=2, anchor=0.1)
    ),
    "adapt_by_splitting": lambda d: run(adaptation.adapt_by_splitting(*scan(d), iterations=2)),
    "reuse_and_regularize": lambda d: run(
        adaptation.reuse_and_regularize(*scan(d), signals.Blur(KERNEL), iterations=2)
    ),
    "plug_and_play": lambda d: run(
        adaptation.plug_and_play(
            *scan(d)[:2], d(made(networks.Denoiser, 1, 4, 3)), adapt="all", iterations=2, inner=2
        )
    ),
    "mzsr": lambda d: run(
        adaptation.mzsr(
            d(X),
            signals.Downsample(2),
            d(made(networks.ResidualNetwork, 3, 4, 2, 2)),
            updates=2,
            noise=0.1,
        )
    ),
    "meta_gradient": lambda d: [
        meta_gradient(method, line_error, {"w": d(torch.ones(1))}, meta_tasks(d), 0.1, 2)[0]["w"]
        for method in STARTS
    ],
    "correction_filter": lambda d: adaptation.correction_filter(
        d(X), signals.BlurDownsample(signals.gaussian_kernel(5, 1.0), 2)
    ),
    "batch_statistics": stream(adaptation.batch_statistics, trained=0.5),
    "tent": stream(adaptation.tent),
    "cotta": stream(adaptation.cotta, copies=2, certain=1.0),
    "memo": stream(adaptation.memo, copies=2),
    "test_time_training": stream(adaptation.test_time_training, copies=4, iterations=1),
    # what shows and compares
    "draw_picture": drawn(lambda axes, d: figures.draw_picture(axes, d(X))),
    "draw_boxes": drawn(lambda axes, d: figures.draw_boxes(axes, d(torch.tensor([[1, 2], [3, 4]])), 5)),
    "draw_curves": drawn(
        lambda axes, d: figures.draw_curves(
            axes, {"a": d(X[0, 0, 0]), "b": (d(X[0, 0, 0]), [d(v) for v in X[0, 0, 1]])}, "x", "y"
        )
    ),
    "compare": lambda d: torch.tensor(checks.compare("x", d(X), X) and checks.compare("x", d(X).real, d(X))),
    "compare complex": lambda d: torch.tensor(checks.compare("x", torch.fft.fft2(d(X)), torch.fft.fft2(X))),
    "trained": lambda d: d(trained("denoiser_colour"))(d(X), 0.1),
}


def calibrated(d):
    found = from_scratch.calibrate(lambda x, s: s * x, d(X), [0.5, 1.0])
    return [
        float(each) for each in (found if isinstance(found, tuple | list) else [found]) if np.ndim(each) == 0
    ]


def leaves(result):
    return [result] if isinstance(result, torch.Tensor) else list(result)


def moved(value):
    return value.to(DEVICE)


@pytest.mark.parametrize("name", CALLS)
def test_nothing_happens_that_a_gpu_refuses(name, monkeypatch):
    pick = runtime.pick
    # Few iterations and small patches, whatever a method's defaults are.
    monkeypatch.setattr(
        runtime,
        "pick",
        lambda quick, full: min(quick, 12) if isinstance(quick, int) else pick(quick=quick, full=full),
    )
    expected = leaves(CALLS[name](lambda value: value))
    with pretended() as faults:
        found = [each.cpu() for each in leaves(CALLS[name](moved))]
    assert not faults, "\n".join(faults)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b.detach(), atol=1e-5, rtol=1e-4, equal_nan=True)


def test_every_public_name_is_tried():
    needless = {"PICTURES", "benchmark", "gaussian_kernel", "line_mask", "load_image", "picture", "to_tensor"}
    needless |= {"noise_levels", "phantoms", "random_ellipses"}
    needless |= {"GARMENTS", "garments", "mr_slice", "ecg", "stacked_rank"}
    needless |= {"digits", "uploaded", "consistent", "enlarge"}  # the last two are tried with each operator
    rooms = (signals, from_scratch, self_supervised, adaptation, diffusion)
    public = {name for room in rooms for name in room.__all__} - needless
    assert public <= set(CALLS)


FAULTS = {
    "double precision": lambda x: x.double().cpu(),
    "double precision, on the way": lambda x: x.to("cpu", torch.float64),
    "complex": lambda x: torch.fft.fft(x.to(torch.complex128)),
    "double sum": lambda x: x.sum(dtype=torch.float64),
    "mixed": lambda x: x + torch.ones(32),
    "mixed the other way": lambda x: torch.ones(32) * x,
    "mixed values": lambda x: x.masked_scatter(x > 0, torch.ones(3 * 32 * 32)),
    "generator": lambda x: torch.rand(3, generator=torch.Generator(), device=x.device),
    "generator of the device": lambda x: torch.rand(3, generator=torch.Generator(x.device)),
    "numpy": lambda x: x.numpy(),
    "asarray": lambda x: np.asarray(x),
    "pool": lambda x: nn.functional.adaptive_avg_pool2d(x, 5),
    "border": lambda x: nn.functional.grid_sample(x, x[:, :2].permute(0, 2, 3, 1), padding_mode="border",
                                                  align_corners=False),
    "poisson": lambda x: torch.poisson(x),
}  # fmt: skip


@pytest.mark.parametrize("wrong", FAULTS.values(), ids=FAULTS)
def test_the_pretended_device_notices(wrong):
    with pretended() as faults:
        wrong(X.to(DEVICE))
    assert faults and "test_devices.py" in faults[0]


RIGHT = {
    "double on the CPU": lambda x: x.cpu().double(),
    "a number of the CPU": lambda x: x * torch.tensor(2.0) + math.pi,
    "an index of the CPU": lambda x: x[..., torch.arange(3)],
    "a copy": lambda x: torch.zeros(3, 32, 32).copy_(x[0]),
    "in place": lambda x: x.clone().mul_(2)[..., 2:4].zero_(),
    "generator": lambda x: torch.rand(3, generator=torch.Generator(x.device), device=x.device),
    "pool": lambda x: nn.functional.adaptive_avg_pool2d(x, 8),
}


@pytest.mark.parametrize("right", RIGHT.values(), ids=RIGHT)
def test_the_pretended_device_leaves_the_rest_alone(right):
    expected = right(X)
    with pretended() as faults:
        found = right(X.to(DEVICE))
    assert not faults
    if "Generator" not in str(right.__code__.co_names):
        torch.testing.assert_close(found.cpu(), expected)
