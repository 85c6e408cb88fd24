"""Forward models: adjoint, pseudo-inverse and geometry, against their definitions and against other
libraries.
"""

import math
import os
import statistics
import warnings

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dil_course.signals import (
    Blur,
    BlurDownsample,
    Downsample,
    Fourier,
    Gaussian,
    Identity,
    Mask,
    Radon,
    benchmark,
    consistent,
    enlarge,
    gaussian_kernel,
    line_mask,
    luma,
    picture,
    psnr,
)
from dil_course.signals.operators import fitting_sides

SCALED, KINDS = ("Downsample", "BlurDownsample"), ("Identity", "Mask", "Blur", "Downsample", "BlurDownsample")


def rand(*shape, seed=0, dtype=torch.float32):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@st.composite
def problems(draw, kind, well_posed=False):
    """An operator and the shape of its picture: odd and even, not square, 1 to 3 channels, any kernel."""
    scale = draw(st.integers(1, 4)) if kind in SCALED else 1
    scale = draw(st.sampled_from([scale, 1.5, 2.7, (1, 3)])) if kind == "Downsample" else scale
    scales = scale if isinstance(scale, tuple) else (scale, scale)
    height, width = (
        round(side * draw(st.integers(math.ceil(6 / side), int(20 / side) + 2))) for side in scales
    )
    channels, seed = draw(st.integers(1, 3)), draw(st.integers(0, 10**6))
    kernel = rand(draw(st.integers(1, 5)), draw(st.integers(1, 5)), seed=seed) - 0.2
    if well_posed:
        # A blur that keeps more of each pixel than it mixes has no zero in its spectrum.
        kernel = 0.4 * kernel.abs() / kernel.abs().sum()
        kernel[(kernel.shape[0] - 1) // 2, (kernel.shape[1] - 1) // 2] += 0.6
        kernel = gaussian_kernel(draw(st.integers(1, 3)), 0.5) if kind == "BlurDownsample" else kernel
    mask = rand(1, draw(st.sampled_from([1, channels])), height, width, seed=seed) > 0.5
    mask[..., 0, 0] = True
    make = {
        "Identity": Identity,
        "Mask": lambda: Mask(mask),
        "Blur": lambda: Blur(kernel),
        "Downsample": lambda: Downsample(scale),
        "BlurDownsample": lambda: BlurDownsample(kernel, scale),
    }
    return make[kind](), (1, channels, height, width)


def inner(a, b):
    return (a.double() * b.double()).sum()


def relative(a, b):
    return (a - b).norm() / b.norm()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_adjoint_linearity_and_gradient(kind, data):
    A, shape = data.draw(problems(kind))
    x, other = rand(*shape) - 0.5, rand(*shape, seed=1)
    Ax = A(x)
    y = rand(*Ax.shape, seed=2) - 0.5
    back = A.adjoint(y)
    assert back.shape == shape and Ax.dtype == back.dtype == torch.float32
    # The dot-product test <A x, y> = <x, A^T y>, relative to the sizes of both.
    assert (inner(Ax, y) - inner(x, back)).abs() <= 1e-5 * max(Ax.norm() * y.norm(), x.norm() * back.norm())
    torch.testing.assert_close(A(2 * x - 3 * other), 2 * Ax - 3 * A(other), atol=2e-5, rtol=1e-5)
    # The gradient of <A x, y> is A^T y: autograd knows the adjoint from A alone.
    (gradient,) = torch.autograd.grad(inner(A(x.requires_grad_()), y), x)
    torch.testing.assert_close(gradient, back, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["Identity", "Blur", "Downsample", "BlurDownsample"])
@given(data=st.data())
def test_pinv_inverts_where_the_rows_are_independent(kind, data):
    A, shape = data.draw(problems(kind, well_posed=True))
    y = A(rand(*shape)) + rand(*A(rand(*shape)).shape, seed=1)
    assert relative(A(A.pinv(y)), y) < 1e-4
    # Of all pictures with A x = y the pseudo-inverse takes the shortest: it has no part that A cannot see.
    x = A.pinv(y)
    assert relative(A.pinv(A(x)), x) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_pinv_of_any_operator(kind, data):
    A, shape = data.draw(problems(kind))
    Ax = A(rand(*shape))
    # A A^+ A = A up to the frequencies that are dropped, those weaker than a thousandth of the strongest.
    assert relative(A(A.pinv(Ax)), Ax) < 3e-3
    u, v = rand(*Ax.shape, seed=1), rand(*Ax.shape, seed=2)
    assert (inner(A(A.pinv(u)), v) - inner(u, A(A.pinv(v)))).abs() < 1e-3 * u.norm() * v.norm(), (
        "A A^+ is symmetric"
    )


@pytest.mark.parametrize("kind", ["Mask", "Downsample", "BlurDownsample"])
@given(data=st.data())
def test_consistent_explains_the_data_and_moves_no_more_than_it_must(kind, data):
    A, shape = data.draw(problems(kind, well_posed=True))
    truth, estimate = rand(*shape), rand(*shape, seed=1)
    projected = consistent(estimate, A(truth), A)
    assert relative(A(projected), A(truth)) < 1e-3
    # The way there is at right angles to all that A cannot see; so no other picture that explains y is
    # nearer.
    unseen = (other := rand(*shape, seed=2)) - A.pinv(A(other))
    assert abs(inner(projected - estimate, unseen)) < 1e-3 * estimate.norm() * other.norm()
    assert (projected - truth).norm() <= (estimate - truth).norm() * 1.001


def holes(*shape, seed=0):
    seen = rand(*shape, seed=seed) > 0.4
    seen[..., 0, 0] = True
    return seen


# Each operator with the shape of the batch that it is tried on, odd and even sides.
BATCHED = {
    "Identity": (Identity(), (3, 2, 5, 4)),
    "Mask, one for all": (Mask(holes(1, 1, 5, 6)), (3, 2, 5, 6)),
    "Mask, one for all, by channel": (Mask(holes(1, 2, 5, 6)), (3, 2, 5, 6)),
    "Mask, one for each": (Mask(holes(3, 1, 5, 6)), (3, 2, 5, 6)),
    "Blur": (Blur(gaussian_kernel(3, 0.8)), (3, 2, 5, 6)),
    "Blur, a derivative": (Blur(torch.tensor([[1.0, -1.0]])), (3, 2, 5, 6)),
    "Downsample": (Downsample((2, 3)), (3, 2, 8, 9)),
    "Downsample, 1.5": (Downsample(1.5), (3, 1, 9, 6)),
    "BlurDownsample": (BlurDownsample(gaussian_kernel(3, 0.8), 2), (3, 2, 6, 8)),
    "Fourier, one for all": (Fourier(line_mask(5, 6, 2)), (3, 2, 5, 6)),
    "Fourier, one for each": (Fourier(holes(3, 1, 5, 6)), (3, 2, 5, 6)),
    "Radon": (Radon(8, [0, 33, -71]), (3, 2, 8, 8)),
    "Gaussian": (Gaussian(7, (5, 6)), (3, 2, 5, 6)),
}
each_batched = pytest.mark.parametrize("A, shape", BATCHED.values(), ids=BATCHED)


def own(A, number):
    """The operator of one image of a batch: only a mask of its own makes it another one."""
    masks = getattr(A, "mask", torch.zeros(1))
    return type(A)(masks[number : number + 1]) if len(masks) > 1 else A


@each_batched
def test_a_batch_gives_what_its_images_give(A, shape):
    x, other = rand(*shape), rand(*shape, seed=1)
    y = A(other) + 0.1
    for call in (
        lambda A, x, y: A(x),
        lambda A, x, y: A.adjoint(y),
        lambda A, x, y: A.pinv(y),
        lambda A, x, y: consistent(x, y, A),
        lambda A, x, y: enlarge(y, A),
    ):
        one_by_one = [call(own(A, i), x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
        torch.testing.assert_close(call(A, x, y), torch.cat(one_by_one), atol=1e-5, rtol=1e-5)


@each_batched
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_batch_passes_the_dot_product_test(A, shape, seed):
    x = rand(*shape, seed=seed) - 0.5
    y = rand(*A(x).shape, seed=seed + 10) - 0.5
    assert (inner(A(x), y) - inner(x, A.adjoint(y))).abs() <= 1e-5 * A(x).norm() * y.norm()


@each_batched
def test_the_matrix_from_a_stack_of_basis_images(A, shape):
    A, sides = own(A, 1), shape[1:]
    units = torch.eye(math.prod(sides)).reshape(-1, *sides)
    matrix = A(units).flatten(1).T  # column i is what A makes of the image that is one at pixel i
    x = rand(1, *sides)
    torch.testing.assert_close(matrix @ x.flatten(), A(x).flatten(), atol=1e-5, rtol=1e-5)
    y_sides = A(x).shape[1:]
    transposed = A.adjoint(torch.eye(math.prod(y_sides)).reshape(-1, *y_sides)).flatten(1)
    torch.testing.assert_close(transposed, matrix, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("masked", [Mask, Fourier])
def test_masks_that_do_not_fit_a_batch_are_refused(masked):
    A = masked(holes(3, 1, 5, 6))
    for images in (1, 2, 4):
        with pytest.raises(ValueError, match="the mask is .3, 1, 5, 6. but x is"):
            A(rand(images, 2, 5, 6))
    empty = holes(3, 1, 5, 6).float()
    empty[1] = 0
    with pytest.raises(ValueError, match="no pixel is known"):
        masked(empty)


@pytest.mark.parametrize("rows, columns", [(3, 3), (5, 1), (4, 4), (2, 3), (1, 6)])
def test_blur_is_convolution(rows, columns):
    x, kernel = rand(1, 2, 13, 10, dtype=torch.float64), rand(rows, columns, seed=1, dtype=torch.float64)
    kernel = kernel / kernel.sum()
    wanted = [scipy.ndimage.convolve(channel, kernel.numpy(), mode="wrap") for channel in x[0].numpy()]
    # scipy centres an even kernel on the pixel after its middle, the library on the one before: a shift by
    # one.
    wanted = np.roll(wanted, [1 - rows % 2, 1 - columns % 2], (1, 2))
    torch.testing.assert_close(Blur(kernel)(x)[0], torch.from_numpy(wanted))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["astronaut", "camera"])
def test_downsample_is_the_fields_bicubic(name, scale):
    x = picture(name, 12 * 11)
    # Pillow does not mirror at the borders, so it gets a picture that is mirrored already, and its rim is cut
    # off.
    padded = np.pad(x[0].numpy(), [(0, 0), (2 * scale,) * 2, (2 * scale,) * 2], mode="symmetric")
    size = (padded.shape[2] // scale, padded.shape[1] // scale)
    shrunk = np.stack(
        [np.asarray(Image.fromarray(channel).resize(size, Image.BICUBIC)) for channel in padded]
    )
    y = Downsample(scale)(x)
    torch.testing.assert_close(y[0], torch.from_numpy(shrunk[:, 2:-2, 2:-2]), atol=1e-5, rtol=0)
    other = torch.nn.functional.interpolate(x, size=y.shape[-2:], mode="bicubic", antialias=True)
    torch.testing.assert_close(y[..., 2:-2, 2:-2], other[..., 2:-2, 2:-2], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "scale, shape", [(1.5, (60, 45)), (2.7, (81, 54)), ((2, 3), (48, 60)), (1.01, (101, 101))]
)
def test_downsample_by_any_scale_covers_the_same_field(scale, shape):
    x, A = picture("coffee", 128)[..., : shape[0], : shape[1]], Downsample(scale)
    y = A(x)
    other = torch.nn.functional.interpolate(x, size=y.shape[-2:], mode="bicubic", antialias=True)
    torch.testing.assert_close(y[..., 4:-4, 4:-4], other[..., 4:-4, 4:-4], atol=1e-5, rtol=0)


@given(st.floats(1, 9), st.integers(1, 200))
def test_every_smaller_picture_has_a_larger_one_that_fits(scale, side):
    y = torch.zeros(1, 1, side, 1)
    larger = Downsample((scale, 1)).adjoint(y)
    assert Downsample((scale, 1))(larger).shape == y.shape
    longer = torch.zeros(1, 1, side + 20, 1)
    height = fitting_sides(longer.shape, (scale, 1))[0]
    assert 0 <= longer.shape[-2] - height <= scale + 1, "the largest that fits"
    assert Downsample((scale, 1))(longer[..., :height, :]).shape[-2] >= 1


def test_enlarge_keeps_what_is_smooth():
    x = 0.5 + 0.3 * torch.sin(torch.arange(60) / 9)[:, None] * torch.cos(torch.arange(48) / 8)
    for A in (Downsample(2), Downsample(1.5), Downsample((3, 2)), BlurDownsample(gaussian_kernel(3, 0.5), 2)):
        large = enlarge(A(x[None, None]), A)
        assert large.shape == (1, 1, 60, 48)
        torch.testing.assert_close(large[0, 0, 6:-6, 6:-6], x[6:-6, 6:-6], atol=0.01, rtol=0)


def shrinkers(scale):
    kernels = [gaussian_kernel(size, 1.0) for size in (1, 2, 3, 4, 7, 8)] + [torch.full((4, 5), 1 / 20)]
    return [Downsample(scale)] + [BlurDownsample(kernel, scale) for kernel in kernels]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_nothing_shifts(scale):
    # A ramp becomes the ramp of the blocks' centres. Half a pixel here costs decibels in super-resolution.
    pixels = torch.arange(12.0 * scale, dtype=torch.float64)
    ramp = pixels[:, None] + 100 * pixels[None, :]
    centres = pixels.reshape(12, scale).mean(1)
    wanted = centres[:, None] + 100 * centres[None, :]
    for A in shrinkers(scale):
        inside = slice(5, -5)
        torch.testing.assert_close(A(ramp[None, None])[0, 0, inside, inside], wanted[inside, inside])
        # A dot in the middle of a block stays in the middle of its pixel.
        dot = torch.zeros(1, 1, 12 * scale, 12 * scale, dtype=torch.float64)
        dot[..., 5 * scale : 6 * scale, 6 * scale : 7 * scale] = 1
        y = A(dot)[0, 0]
        middle = [float((y.sum(1 - side) * torch.arange(12)).sum() / y.sum()) for side in (0, 1)]
        assert middle == pytest.approx([5, 6]), A


def test_gaussian_kernel():
    for size in (1, 4, 9):
        kernel = gaussian_kernel(size, 1.3)
        assert kernel.shape == (size, size) and kernel.sum().item() == pytest.approx(1)
        torch.testing.assert_close(kernel, kernel.flip(0, 1))
    wide, tall = gaussian_kernel(15, (3, 1)), gaussian_kernel(15, (3, 1), angle=90)
    assert wide[7, 11] > wide[11, 7], "angle 0 lies along the rows"
    torch.testing.assert_close(tall, wide.T)
    slanted = gaussian_kernel(15, (3, 1), angle=45)
    assert slanted[3, 11] > slanted[11, 11], "angles turn counter-clockwise"
    torch.testing.assert_close(
        gaussian_kernel(15, 1.0, shift=(1, -2)), gaussian_kernel(15, 1.0).roll((1, -2), (0, 1))
    )
    with pytest.raises(TypeError, match="down, right"):
        gaussian_kernel(15, 1.0, shift=1.0)


@pytest.mark.parametrize("weak, kept", [(0.9e-3, False), (1.1e-3, True), (0.1, True), (1e-5, False)])
def test_the_floor_of_the_pinv_of_a_blur_is_a_thousandth_of_the_strongest_frequency(weak, kept):
    # The kernel a + b at its centre and b / 2 at both sides has the spectrum a + b + b cos(frequency): of a
    # constant it is a + 2 b = 1, of the alternating image a, which is set to `weak`.
    b = (1 - weak) / 2
    A = Blur(torch.tensor([[b / 2, weak + b, b / 2]], dtype=torch.float64))
    alternating = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(4).expand(1, 1, 3, 8).clone()
    torch.testing.assert_close(A(alternating), weak * alternating)
    wanted = alternating / weak if kept else torch.zeros_like(alternating)
    torch.testing.assert_close(A.pinv(alternating), wanted, rtol=1e-6, atol=1e-6)
    constant = torch.ones(1, 1, 3, 8, dtype=torch.float64)
    torch.testing.assert_close(A.pinv(constant), constant)


@pytest.mark.parametrize("weak, kept", [(0.9e-3, False), (1.1e-3, True)])
def test_the_floor_of_the_pinv_of_blur_and_downsample(weak, kept):
    # At scale 1 it is the blur's own.
    b = (1 - weak) / 2
    A = BlurDownsample(torch.tensor([[b / 2, weak + b, b / 2]], dtype=torch.float64), 1)
    alternating = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(4).expand(1, 1, 3, 8).clone()
    wanted = alternating / weak if kept else torch.zeros_like(alternating)
    torch.testing.assert_close(A.pinv(alternating), wanted, rtol=1e-6, atol=1e-6)


def test_the_tame_pinv_of_a_blur_is_its_formula():
    kernel, y = gaussian_kernel(3, 1.0).double(), rand(1, 1, 8, 9, dtype=torch.float64)
    A, epsilon = Blur(kernel), 0.05
    units = torch.eye(72, dtype=torch.float64).reshape(-1, 1, 8, 9)
    matrix = A(units).flatten(1).T
    inverse = torch.linalg.inv(matrix @ matrix.T + epsilon * torch.eye(72, dtype=torch.float64))
    wanted = matrix.T @ inverse @ y.flatten()
    torch.testing.assert_close(A.pinv(y, epsilon).flatten(), wanted)


@pytest.mark.parametrize("make", [Blur, lambda kernel: BlurDownsample(kernel, 2)])
def test_kernels_on_another_scale(make):
    kernel = gaussian_kernel(5, 1.0)
    for scaled in (
        255 * kernel,
        (255 * kernel / kernel.max()).round(),
        kernel / 255,
        255 * (kernel - 1 / 25),
    ):
        with pytest.raises(ValueError, match="sum to one.*kernel / kernel.sum"):
            make(scaled)
    with pytest.warns(UserWarning, match="sum to 25, so A.x. has 25 times the brightness"):
        make(torch.ones(5, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for usual in (
            kernel,
            torch.tensor([[1.0, -1.0]]),
            torch.tensor([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
        ):
            make(usual)


@pytest.mark.parametrize(
    "angle", [math.pi / 4, -math.pi / 2, math.radians(30), float(np.float32(math.pi / 3))]
)
def test_an_angle_in_radians_is_refused(angle):
    with pytest.raises(ValueError, match="expected degrees.*math.degrees"):
        gaussian_kernel(5, (2, 1), angle)


@pytest.mark.parametrize("angle", [0, 1, 0.5, 3, 5.7, 45, 90.0, 137.3, -360])
def test_an_angle_in_degrees_is_taken(angle):
    gaussian_kernel(5, (2, 1), angle)


X = torch.rand(1, 1, 8, 8)


@pytest.mark.parametrize("make", [Mask, Fourier, lambda m: Blur(m[0, 0].double() / 64)])
def test_an_operator_keeps_its_own_copy_outside_of_any_graph(make):
    given = torch.ones(1, 1, 8, 8, requires_grad=True)
    A = make(given * 1.0)
    assert not A(X).requires_grad
    given = torch.ones(1, 1, 8, 8)
    A = make(given)
    before = A(X)
    given[...] = 7
    assert torch.equal(A(X), before)


def test_a_kernel_in_double_precision_is_copied_too():
    kernel = torch.full((3, 3), 1 / 9, dtype=torch.float64)
    A = Blur(kernel)
    kernel[...] = 7
    assert torch.equal(A.kernel, torch.full((3, 3), 1 / 9, dtype=torch.float64))


@pytest.mark.parametrize(
    "make",
    [
        Downsample,
        lambda scale: Downsample((scale, scale)),
        lambda scale: BlurDownsample(gaussian_kernel(3, 1), scale),
    ],
)
def test_a_small_integer_of_numpy_is_a_scale_like_any_other(make):
    large = torch.zeros(1, 1, 300, 300)
    assert make(np.uint8(2))(large).shape == (1, 1, 150, 150)
    assert make(np.uint8(2)).adjoint(large).shape == (1, 1, 600, 600)


def test_a_picture_smaller_than_the_scale_is_not_to_be_cut_to_nothing():
    with pytest.raises(ValueError, match="scale 64: 8x8 pixels are too few"):
        Downsample(64)(X)


class Own:
    """An operator of the caller's: A is the identity, the others return what they are told to."""

    def __init__(self, **returned):
        for name, value in returned.items():
            setattr(self, name, lambda y, value=value: value)

    def __call__(self, x):
        return x

    def adjoint(self, y):
        return y


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: consistent(X, X, Own()), TypeError, "this Own has no pinv"),
        (lambda: consistent(X, X, Own(pinv=X * math.nan)), ValueError, "A.pinv.*NaN"),
        (lambda: consistent(X, X, Own(pinv=X[..., :1])), ValueError, "A.pinv.*must be equal"),
        (lambda: consistent(X.half(), X, Own(pinv=X)), TypeError, "x: expected float32"),
        (lambda: consistent(X, X.bfloat16(), Own(pinv=X)), TypeError, "y: expected float32"),
        (lambda: enlarge(X, Own(adjoint=None)), TypeError, "A.adjoint"),
        (lambda: enlarge(X, Own(adjoint=X * math.nan)), ValueError, "A.adjoint.*NaN"),
    ],
)
def test_what_an_own_operator_lacks_or_returns_is_checked(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: Downsample(3)(X), ValueError),
        (lambda: BlurDownsample(gaussian_kernel(3, 1), 3)(X), ValueError),
        (lambda: Downsample(0), ValueError),
        (lambda: Downsample("2"), TypeError),
        (lambda: Downsample((2, 3, 2)), TypeError),
        (lambda: Downsample(3.5)(X), ValueError),
        (lambda: Mask(X[0, 0] > 2), ValueError),
        (lambda: Mask(torch.ones(1, 1, 8, 7))(X), ValueError),
        (lambda: Mask(torch.ones(1, 3, 8, 8))(X), ValueError),
        (lambda: Mask(X), ValueError),
        (lambda: Mask(0 * X), ValueError),
        (lambda: Mask(np.ones((8, 8))), TypeError),
        (lambda: Blur(torch.full((9, 1), 1 / 9))(X), ValueError),
        (lambda: Blur(X), ValueError),
        (lambda: Blur([[1.0]]), TypeError),
        (lambda: Blur(torch.full((3, 3), torch.nan)), ValueError),
        (lambda: Blur(torch.zeros(3, 3)), ValueError),
        (lambda: gaussian_kernel(5, -1), ValueError),
        (lambda: gaussian_kernel(5, float("nan")), ValueError),
        (lambda: gaussian_kernel(0, 1), ValueError),
        (lambda: gaussian_kernel(5, "1"), TypeError),
        (lambda: Identity()(X[0]), ValueError),
        (lambda: Identity()((255 * X).byte()), TypeError),
        (lambda: Downsample(2).adjoint(X / 0), ValueError),
        (lambda: Blur(torch.ones(1, 1)).pinv(X.numpy()), TypeError),
    ],
)
def test_bad_arguments_are_refused(call, error):
    with pytest.raises(error):
        call()


@pytest.mark.skipif("DIL_DATA" not in os.environ, reason="Set5 is not bundled: name its folder in DIL_DATA")
@pytest.mark.parametrize("scale, decibels", [(2, 33.68), (3, 30.40), (4, 28.43)])
def test_bicubic_on_set5_gives_the_fields_numbers(scale, decibels):
    scores = []
    for name in ("baby", "bird", "butterfly", "head", "woman"):
        x = luma(benchmark(f"set5/{name}.png"))
        x = x[..., : x.shape[-2] // scale * scale, : x.shape[-1] // scale * scale]
        y = (255 * Downsample(scale)(x)).round().clamp(0, 255) / 255
        scores.append(psnr((255 * enlarge(y, Downsample(scale))).round() / 255, x, shave=scale))
    assert statistics.mean(scores) == pytest.approx(decibels, abs=0.03)


@pytest.mark.parametrize("measurements", [1, 7, 29, 30])
def test_the_pseudo_inverse_of_gaussian_measurements_is_exact(measurements):
    A, x = Gaussian(measurements, (5, 6)), rand(1, 2, 5, 6, dtype=torch.float64)
    y = A(rand(1, 2, 5, 6, seed=1, dtype=torch.float64))
    # The definition: of all pictures that explain y, the one without any part that A does not see.
    assert relative(A(A.pinv(y)), y) < 1e-9
    seen = A.pinv(A(x))
    assert relative(A.pinv(A(seen)), seen) < 1e-9
    assert abs(inner(x - seen, seen)) < 1e-9 * x.norm() ** 2
    wanted = np.linalg.lstsq(A.matrix.numpy(), y.flatten(2)[0].T.numpy(), rcond=None)[0].T
    torch.testing.assert_close(A.pinv(y)[0].flatten(1), torch.from_numpy(wanted))


def test_gaussian_measurements_keep_the_sum_of_squares_on_average_and_obey_their_seed():
    x = rand(1, 1, 12, 12)
    sizes = torch.tensor([Gaussian(20, (12, 12), seed)(x).square().sum() for seed in range(100)])
    assert abs(sizes.mean() / x.square().sum() - 1) < 0.1
    assert Gaussian(9, (12, 12))(x.half()).dtype == torch.float16
    assert torch.equal(Gaussian(9, (12, 12), 3)(x), Gaussian(9, (12, 12), 3)(x))
    assert not torch.equal(Gaussian(9, (12, 12), 3)(x), Gaussian(9, (12, 12), 4)(x))


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: Gaussian(65, (8, 8)), ValueError),
        (lambda: Gaussian(0, (8, 8)), ValueError),
        (lambda: Gaussian(2.0, (8, 8)), TypeError),
        (lambda: Gaussian(9, 8), TypeError),
        (lambda: Gaussian(9, (8, 8))(rand(1, 1, 8, 9)), ValueError),
        (lambda: Gaussian(9, (8, 8)).pinv(rand(1, 1, 1, 8)), ValueError),
        (lambda: Gaussian(9, (8, 8)).adjoint(rand(1, 9)), ValueError),
    ],
)
def test_gaussian_measurements_refuse_what_does_not_fit(call, error):
    with pytest.raises(error, match="expected"):
        call()
