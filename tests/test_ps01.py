"""Problem set 01's checks: a bank of answers as students write them, right and wrong, and what each wrong one
is told.
"""

import contextlib
import io
import itertools
import math
import re
import warnings

import build
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dil_course.checks import ps01, tasks
from dil_course.signals import Blur

SOURCE = build.convert(build.PROBLEM_SETS / "ps01_inverse_problems.py")
CELLS = {cell.metadata["nbgrader"]["grade_id"]: cell for cell in SOURCE.cells if "nbgrader" in cell.metadata}
CHECKED = [name for name, cell in CELLS.items() if cell.metadata["nbgrader"]["locked"]]
SEEDS = (0, 2357, 1, 11)  # what students see, what marks are given on, and two more
RIGHT, WRONG = [], []  # the bank


def right(task):
    """Enter a right answer."""

    def enter(answer):
        RIGHT.append((task, answer))
        return answer

    return enter


def wrong(task, says):
    """Enter a wrong answer; `says` is a part of what the student must be told."""

    def enter(answer):
        WRONG.append((task, answer, says))
        return answer

    return enter


# Task 1, interlaced_adjoint. `y` is (1,1,H/2,W), the odd rows of a blurred picture.


@right("interlaced_adjoint")
def matrix_of_basis_images(y, kernel):
    shape = (1, 2 * y.shape[-2], y.shape[-1])
    pixels = torch.eye(math.prod(shape)).view(-1, *shape)
    columns = Blur(kernel)(pixels)[..., 1::2, :].flatten(1)
    return torch.einsum("pq,cq->cp", columns, y[0].flatten(1)).view(1, -1, *shape[1:])


@right("interlaced_adjoint")
def row_by_row(measured, k):
    tall = torch.zeros(1, measured.shape[1], measured.shape[2] * 2, measured.shape[3])
    for row in range(measured.shape[2]):
        tall[:, :, 2 * row + 1] = measured[:, :, row]
    return Blur(k).adjoint(tall)


@right("interlaced_adjoint")
def numpy_with_a_warning(y, kernel):
    warnings.warn("my own warning", stacklevel=1)
    print("shape", y.shape)
    up = np.kron(y[0].numpy(), np.array([[0.0], [1.0]]))
    return Blur(kernel).adjoint(torch.from_numpy(up)[None]).numpy()[0]


@right("interlaced_adjoint")
def kernel_turned_by_hand(y, kernel):
    rows, columns = kernel.shape
    # A row or column of zeros in front gives an even kernel a middle: the same blur.
    odd = torch.nn.functional.pad(kernel, (1 - columns % 2, 0, 1 - rows % 2, 0))
    z = torch.zeros(1, y.shape[1], 2 * y.shape[-2], y.shape[-1], dtype=torch.float64)
    z[..., 1::2, :] += y
    return Blur(odd.flip(0, 1))(z)


@right("interlaced_adjoint")
def gradient_by_autograd(y, kernel):
    x = torch.zeros(1, y.shape[1], 2 * y.shape[2], y.shape[3], requires_grad=True)
    (Blur(kernel)(x)[:, :, 1::2] * y).sum().backward()
    return x.grad


@right("interlaced_adjoint")
def numbers_placed_by_hand(y, kernel):
    half, width = y.shape[-2:]
    back = np.zeros((y.shape[1], 2 * half, width))
    k, y = kernel.numpy(), y.numpy()[0]
    middle = [(side - 1) // 2 for side in k.shape]
    for i, j in np.ndindex(half, width):
        for a, b in np.ndindex(k.shape):
            back[:, (2 * i + 1 - a + middle[0]) % (2 * half), (j - b + middle[1]) % width] += (
                k[a, b] * y[:, i, j]
            )
    return back


def rows_back(y, first=1):
    full = torch.zeros(1, y.shape[1], 2 * y.shape[2], y.shape[3])
    full[:, :, first::2] = y
    return full


@wrong("interlaced_adjoint", "blurs with the kernel as it is")
def kernel_not_turned(y, kernel):
    return Blur(kernel)(rows_back(y))


@wrong("interlaced_adjoint", "the kernel is turned along one axis only, top to bottom")
def turned_top_to_bottom(y, kernel):
    return Blur(torch.flipud(kernel))(rows_back(y))


@wrong("interlaced_adjoint", "the kernel is turned along one axis only, left to right")
def turned_left_to_right(y, kernel):
    return Blur(torch.fliplr(kernel))(rows_back(y))


@wrong("interlaced_adjoint", "the kernel is transposed")
def kernel_transposed(y, kernel):
    return Blur(kernel.T)(rows_back(y))


@wrong("interlaced_adjoint", "an even side has no middle")
def even_kernel_turned(y, kernel):
    return Blur(kernel.flip(0, 1))(rows_back(y))


@wrong("interlaced_adjoint", "right in the first channel only")
def first_channel_only(y, kernel):
    return Blur(kernel).adjoint(rows_back(y[:, :1])).expand(1, y.shape[1], -1, -1)


@wrong("interlaced_adjoint", "the rows are put back at 0, 2, 4")
def even_rows(y, kernel):
    return Blur(kernel).adjoint(rows_back(y, first=0))


@wrong("interlaced_adjoint", "each row is repeated")
def rows_repeated(y, kernel):
    return Blur(kernel).adjoint(torch.nn.functional.interpolate(y, scale_factor=(2, 1)))


@wrong("interlaced_adjoint", "the blur is forgotten")
def blur_forgotten(y, kernel):
    return rows_back(y)


@wrong("interlaced_adjoint", "in the wrong order")
def blur_before_rows(y, kernel):
    return rows_back(Blur(kernel).adjoint(y))


@wrong("interlaced_adjoint", "2 times what is asked for")
def made_up_for_the_zeros(y, kernel):
    return 2 * Blur(kernel).adjoint(rows_back(y))


@wrong("interlaced_adjoint", "an inverse, not an adjoint")
def pseudo_inverse_of_the_blur(y, kernel):
    return Blur(kernel).pinv(rows_back(y))


@wrong("interlaced_adjoint", "right inside and wrong at the border")
def zeros_around_the_picture(y, kernel):
    # conv2d does not turn the kernel: this is the adjoint, but for the borders.
    return torch.nn.functional.conv2d(rows_back(y), kernel[None, None], padding="same")


@wrong("interlaced_adjoint", "shape (1, 1, 8, 12), expected (1, 1, 16, 12)")
def rows_forgotten(y, kernel):
    return Blur(kernel).adjoint(y)


@wrong("interlaced_adjoint", "returns None")
def no_return(y, kernel):
    Blur(kernel).adjoint(rows_back(y))


@wrong("interlaced_adjoint", "stops with IndexError")
def one_row_too_many(y, kernel):
    full = torch.zeros(1, y.shape[1], 2 * y.shape[2], y.shape[3])
    for i in range(y.shape[2] + 1):
        full[0, 0, 2 * i + 1] = y[0, 0, i]
    return Blur(kernel).adjoint(full)


@wrong("interlaced_adjoint", "stops with RuntimeError: The expanded size of the tensor")
def columns_in_place_of_rows(y, kernel):
    full = torch.zeros(1, y.shape[1], 2 * y.shape[2], y.shape[3])
    full[..., 1::2] = y
    return Blur(kernel).adjoint(full)


@wrong("interlaced_adjoint", "got ndarray of float64 (1, 1, 16, 12)")
def numpy_into_the_library(y, kernel):
    return Blur(kernel).adjoint(np.kron(y.numpy(), np.array([[0.0], [1.0]])))


@wrong("interlaced_adjoint", "zero everywhere")
def filled_a_copy(y, kernel):
    full = torch.zeros(1, y.shape[1], 2 * y.shape[2], y.shape[3])
    full[..., 1::2, :].clone().copy_(y)
    return Blur(kernel).adjoint(full)


@wrong("interlaced_adjoint", "others than asked for")
def kernel_of_the_example(y, kernel):
    shaky = torch.tensor([[0.0, 0.1, 0.2], [0.0, 0.4, 0.3]])
    return Blur(shaky).adjoint(rows_back(y))


# Task 2, passes_dot_product_test. `A` and `adjoint` are functions, `shape` that of x.


@right("passes_dot_product_test")
def three_trials(A, adjoint, shape):
    for _ in range(3):
        a = torch.randn(shape, dtype=torch.float32)
        Aa = A(a)
        b = torch.randn_like(Aa)
        left, right = float((Aa * b).sum()), float((a * adjoint(b)).sum())
        if abs(left - right) > 1e-5 * float(Aa.norm() * b.norm()):
            return False
    return True


@right("passes_dot_product_test")
def own_seed_and_a_tensor(F, G, size):
    torch.manual_seed(3)
    u = torch.rand(size) - 0.5
    v = torch.rand(F(u).shape) - 0.5
    one, two = (F(u) * v).double().sum(), (u * G(v)).double().sum()
    return (one - two).abs() / (F(u).norm() * v.norm()) < 1e-4


@right("passes_dot_product_test")
def in_64_bits_with_numpy(A, At, shape):
    random = np.random.default_rng(5)
    x = torch.from_numpy(random.standard_normal(shape))
    y = torch.from_numpy(random.standard_normal(A(x).shape))
    left, right = np.vdot(A(x).numpy(), y.numpy()), np.vdot(x.numpy(), At(y).numpy())
    print(left, right)
    return np.isclose(left, right, rtol=1e-6, atol=0)


@right("passes_dot_product_test")
def wide_but_relative(A, adjoint, shape):
    x = torch.randn(shape)
    y = torch.randn(A(x).shape)
    gap = A(x).flatten() @ y.flatten() - x.flatten() @ adjoint(y).flatten()
    return 1 if abs(gap) <= 1e-3 * torch.linalg.norm(A(x)) * torch.linalg.norm(y) else 0


@right("passes_dot_product_test")
def gradient_compared(A, adjoint, shape):
    x = torch.randn(shape, requires_grad=True)
    y = torch.randn(A(x).shape)
    (gradient,) = torch.autograd.grad(A(x), x, y)
    return bool((gradient - adjoint(y)).norm() < 1e-4 * gradient.norm())


@wrong("passes_dot_product_test", "refuses a right adjoint: identity")
def norms_compared(A, adjoint, shape):
    x = torch.randn(shape)
    y = torch.randn(A(x).shape)
    return bool((A(x).norm() - adjoint(y).norm()).abs() < 1e-4 * y.norm())


@wrong("passes_dot_product_test", "between pictures of two sizes")
def means_compared(A, adjoint, shape):
    x = torch.randn(shape)
    y = torch.randn(A(x).shape)
    left, right = (A(x) * y).mean(), (x * adjoint(y)).mean()
    return bool((left - right).abs() < 1e-3 * left.abs())


def two_sums(A, adjoint, shape):
    x = torch.randn(shape)
    y = torch.randn(A(x).shape)
    return (A(x) * y).sum(), (x * adjoint(y)).sum(), A(x).norm() * y.norm()


@wrong("passes_dot_product_test", "its y is made from its x")
def y_is_the_image_of_x(A, adjoint, shape):
    x = torch.randn(shape)
    y = A(x)
    return bool(((y * y).sum() - (x * adjoint(y)).sum()).abs() < 1e-4 * y.norm() ** 2)


@wrong("passes_dot_product_test", "a part of the picture only")
def one_bright_pixel(A, adjoint, shape):
    x = torch.zeros(shape)
    x[..., 0, 0] = 1
    y = torch.randn(A(x).shape)
    return bool(((A(x) * y).sum() - (x * adjoint(y)).sum()).abs() < 1e-4 * A(x).norm() * y.norm())


@wrong("passes_dot_product_test", "True to every adjoint")
def always_true(A, adjoint, shape):
    return True


@wrong("passes_dot_product_test", "False to every adjoint")
def same_object(A, adjoint, shape):
    return A is adjoint


@wrong("passes_dot_product_test", "says True where it should say False, and False where")
def verdict_turned_round(A, adjoint, shape):
    left, right, size = two_sums(A, adjoint, shape)
    return bool((left - right).abs() > 1e-4 * size)


@wrong("passes_dot_product_test", "it refuses a right adjoint: ")
def exactly_equal(A, adjoint, shape):
    left, right, _ = two_sums(A, adjoint, shape)
    return left.item() == right.item()


@wrong("passes_dot_product_test", "refuses a right adjoint whose numbers are large")
def fixed_tolerance(A, adjoint, shape):
    left, right, _ = two_sums(A, adjoint, shape)
    return bool((left - right).abs() < 1e-4)


@wrong("passes_dot_product_test", "accepts a wrong adjoint whose numbers are small")
def relative_and_a_fixed_tolerance(A, adjoint, shape):
    left, right, _ = two_sums(A, adjoint, shape)
    return torch.allclose(left, right, rtol=1e-3, atol=1e-2)


@wrong("passes_dot_product_test", "depends on the sign of the difference")
def size_of_the_difference_forgotten(A, adjoint, shape):
    left, right, size = two_sums(A, adjoint, shape)
    return bool(left - right < 1e-4 * size)


@wrong("passes_dot_product_test", "accepts an adjoint with the opposite sign")
def sizes_compared(A, adjoint, shape):
    left, right, size = two_sums(A, adjoint, shape)
    return bool((left.abs() - right.abs()).abs() < 1e-4 * size)


@wrong("passes_dot_product_test", "accepts an adjoint that is half a percent too large")
def two_digits_suffice(A, adjoint, shape):
    left, right, size = two_sums(A, adjoint, shape)
    return bool((left - right).abs() < 1e-2 * size)


@wrong("passes_dot_product_test", "does not notice where the weights go")
def pictures_of_ones(A, adjoint, shape):
    x = torch.ones(shape)
    y = torch.ones(A(x).shape)
    left, right = (A(x) * y).sum(), (x * adjoint(y)).sum()
    return bool(abs(left - right) < 1e-4 * abs(left))


@wrong("passes_dot_product_test", "stops with RuntimeError: The size of tensor")
def y_in_the_shape_of_x(A, adjoint, shape):
    x, y = torch.randn(shape), torch.randn(shape)
    return bool(((A(x) * y).sum() - (x * adjoint(y)).sum()).abs() < 1e-4)


@wrong("passes_dot_product_test", "stops with TypeError")
def adjoint_not_called(A, adjoint, shape):
    x = torch.randn(shape)
    y = A(x)
    return bool(((A(x) * y).sum() - (x * adjoint).sum()).abs() < 1e-4)


@wrong("passes_dot_product_test", "stops with AttributeError")
def adjoint_of_the_library(A, adjoint, shape):
    x = torch.randn(shape)
    y = A(x)
    return bool(torch.isclose((A(x) * y).sum(), (x * A.adjoint(y)).sum()))


@wrong("passes_dot_product_test", "returns None")
def printed(A, adjoint, shape):
    left, right, size = two_sums(A, adjoint, shape)
    print(bool((left - right).abs() < 1e-4 * size))


@wrong("passes_dot_product_test", "expected True or False, got float")
def gap_returned(A, adjoint, shape):
    left, right, size = two_sums(A, adjoint, shape)
    return float((left - right).abs() / size)


@wrong("passes_dot_product_test", "expected True or False, got str")
def a_word(A, adjoint, shape):
    left, right, size = two_sums(A, adjoint, shape)
    return "True" if (left - right).abs() < 1e-4 * size else "False"


@wrong("passes_dot_product_test", "expected one True or False, got 3 values")
def sum_without_channels(A, adjoint, shape):
    x = torch.randn(shape)
    y = torch.randn(A(x).shape)
    left, right = (A(x) * y).sum((-2, -1)), (x * adjoint(y)).sum((-2, -1))
    return (left - right).abs() < 1e-4 * A(x).norm() * y.norm()


# Task 3, psnr_of_noise. `sigma` is in gray levels.


@right("psnr_of_noise")
def in_gray_levels(sigma):
    return 20 * math.log10(255 / sigma)


@right("psnr_of_noise")
def numpy_in_place(s):
    s /= 255
    print("mse", s * s)
    return -10 * np.log10(np.array([s * s]))


@right("psnr_of_noise")
def tensor_in_64_bits(sigma):
    mse = torch.full((1, 1), sigma, dtype=torch.float64).div(255).pow(2)
    return -10 * mse.log10()


@right("psnr_of_noise")
def two_digits_after_the_point(sigma):
    return round(-10 * math.log(sigma**2 / 255**2) / math.log(10), 2)


@wrong("psnr_of_noise", "sigma is in gray levels here")
def gray_levels_not_scaled(sigma):
    return 10 * math.log10(1 / sigma**2)


@wrong("psnr_of_noise", "a decibel counts powers")
def square_forgotten(sigma):
    return -10 * math.log10(sigma / 255)


@wrong("psnr_of_noise", "the opposite sign")
def sign_forgotten(sigma):
    return 10 * math.log10((sigma / 255) ** 2)


@wrong("psnr_of_noise", "another base")
def natural_logarithm(sigma):
    return float(-10 * torch.log(torch.tensor(sigma / 255) ** 2))


@wrong("psnr_of_noise", "2 times what is asked for")
def squared_twice(sigma):
    return -20 * math.log10((sigma / 255) ** 2)


@wrong("psnr_of_noise", "a constant that was added")
def range_from_minus_one_to_one(sigma):
    return 20 * math.log10(2 * 255 / sigma)


@wrong("psnr_of_noise", "not yet the PSNR")
def mean_squared_error(sigma):
    return (sigma / 255) ** 2


@wrong("psnr_of_noise", "a range of 256 levels")
def levels_counted(sigma):
    return 20 * np.log10(256 / sigma)


@wrong("psnr_of_noise", "returns None")
def printed_decibels(sigma):
    print(20 * math.log10(255 / sigma))


@wrong("psnr_of_noise", "expected numbers, got str")
def with_its_unit(sigma):
    return f"{20 * math.log10(255 / sigma):.2f} dB"


@wrong("psnr_of_noise", "your numbers are others")
def one_number_for_all(sigma):
    return 20.17


@wrong("psnr_of_noise", "stops with ValueError")
def whole_number_division(sigma):
    return -20 * math.log10(sigma // 255)


@wrong("psnr_of_noise", "nan or infinity")
def clipped_away(sigma):
    return -20 * torch.tensor(sigma / 255).byte().log10()


@wrong("psnr_of_noise", "must be Tensor, not float")
def torch_on_a_number(sigma):
    return -20 * torch.log10(sigma / 255)


WRONG.append(("psnr_of_noise", in_gray_levels(25), "expected a function, got float"))


# Task 4, smooth_deblur: the minimum of |k * x - y|^2 + weight (|D_down x|^2 + |D_right x|^2).


def waves(y, kernel):
    """The kernel's spectrum, and |D_down|^2 and |D_right|^2, from a textbook's formulas."""
    h, w = y.shape[-2:]
    dot = torch.zeros(1, 1, h, w, dtype=torch.float64)
    dot[0, 0, 0, 0] = 1
    fy, fx = torch.meshgrid(torch.fft.fftfreq(h), torch.fft.fftfreq(w), indexing="ij")
    return (
        torch.fft.fft2(Blur(kernel)(dot)),
        4 * torch.sin(torch.pi * fy) ** 2,
        4 * torch.sin(torch.pi * fx) ** 2,
    )


@right("smooth_deblur")
def sines(y, kernel, weight):
    H, down, right = waves(y, kernel)
    return torch.fft.ifft2(H.conj() * torch.fft.fft2(y.double()) / (H * H.conj() + weight * (down + right)))


@right("smooth_deblur")
def numpy_rolled(y, kernel, lam):
    data, k = y[0].numpy(), kernel.numpy()
    place = np.zeros_like(data[0])
    place[: k.shape[0], : k.shape[1]] = k
    place = np.roll(place, (-(k.shape[0] // 2), -(k.shape[1] // 2)), (0, 1))
    K = np.fft.fft2(place)
    d1, d2 = np.zeros_like(place), np.zeros_like(place)
    d1[0, 0], d1[-1, 0], d2[0, 0], d2[0, -1] = -1, 1, -1, 1
    price = abs(np.fft.fft2(d1)) ** 2 + abs(np.fft.fft2(d2)) ** 2
    return np.real(np.fft.ifft2(np.conj(K) * np.fft.fft2(data) / (abs(K) ** 2 + lam * price)))


@right("smooth_deblur")
def half_of_the_waves(y, kernel, weight):
    point = torch.zeros_like(y)
    point[..., 0, 0] = 1
    K, R, C = (
        torch.fft.rfft2(z) for z in (Blur(kernel)(point), point - point.roll(1, 2), point - point.roll(1, 3))
    )
    y.copy_(
        torch.fft.irfft2(
            K.conj() * torch.fft.rfft2(y) / (K.abs() ** 2 + weight * (R.abs() ** 2 + C.abs() ** 2)),
            s=y.shape[-2:],
        )
    )
    return y.squeeze()


@right("smooth_deblur")
def matrices_in_place_of_waves(y, kernel, weight):
    channels, *sides = y.shape[1:]
    pixels = torch.eye(sides[0] * sides[1], dtype=torch.float64).reshape(-1, 1, *sides)
    blur = torch.cat([Blur(kernel)(pixel[None]) for pixel in pixels]).flatten(1).T
    down, right = ((pixels.roll(-1, axis) - pixels).flatten(1).T for axis in (-2, -1))
    normal = blur.T @ blur + weight * (down.T @ down + right.T @ right)
    return torch.linalg.solve(normal, blur.T @ y.double().reshape(channels, -1).T).T.reshape(y.shape)


def divided(y, top, bottom):
    return torch.fft.ifft2(top * torch.fft.fft2(y.double()) / bottom).real


def descent(rate):
    def adam(y, kernel, weight):
        A, x = Blur(kernel), y.clone().requires_grad_()
        optimizer = torch.optim.Adam([x], lr=rate)
        for _ in range(200):
            slopes = sum((x.roll(-1, axis) - x).square().sum() for axis in (-2, -1))
            loss = (A(x) - y).square().sum() + weight * slopes
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return x

    return adam


@pytest.mark.parametrize("seed", [*SEEDS, 5, 77])
@pytest.mark.parametrize("rate", [0.02, 0.05, 0.1])
def test_a_descent_that_is_not_at_its_end_is_refused_with_any_seed(rate, seed):
    assert asked("smooth_deblur", descent(rate), seed)[0] == 0


@wrong("smooth_deblur", "right in the first channel only")
def first_channel_for_all(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return divided(y[:, :1], K.conj(), K.abs() ** 2 + weight * (down + right)).expand_as(y)


@wrong("smooth_deblur", "shape (1, 3, 9, 10), expected (1, 3, 9, 11)")
def even_sides_only(y, kernel, weight):
    K, down, right = waves(y, kernel)
    X = K.conj() * torch.fft.fft2(y.double()) / (K.abs() ** 2 + weight * (down + right))
    return torch.fft.irfft2(X[..., : y.shape[-1] // 2 + 1])


@wrong("smooth_deblur", "is clipped to [0,1]")
def clipped_to_the_range(y, kernel, weight):
    return sines(y, kernel, weight).real.clamp(0, 1)


@wrong("smooth_deblur", "is the same in all channels")
def gray(y, kernel, weight):
    return sines(y.mean(1, keepdim=True), kernel, weight).real.expand_as(y)


@wrong("smooth_deblur", "this is Tikhonov")
def price_on_the_values(y, kernel, weight):
    K, _, _ = waves(y, kernel)
    return divided(y, K.conj(), K.abs() ** 2 + weight)


@wrong("smooth_deblur", "the conjugate in the numerator is missing")
def conjugate_forgotten(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return divided(y, K, K.abs() ** 2 + weight * (down + right))


@wrong("smooth_deblur", "one direction only: downwards")
def downwards_only(y, kernel, weight):
    K, down, _ = waves(y, kernel)
    return divided(y, K.conj(), K.abs() ** 2 + weight * down)


@wrong("smooth_deblur", "one direction only: to the right")
def to_the_right_only(y, kernel, weight):
    K, _, right = waves(y, kernel)
    return divided(y, K.conj(), K.abs() ** 2 + weight * right)


@wrong("smooth_deblur", "the spectrum of D is not squared")
def differences_not_squared(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return divided(y, K.conj(), K.abs() ** 2 + weight * (down**0.5 + right**0.5))


@wrong("smooth_deblur", "added before they are squared")
def sum_squared(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return divided(y, K.conj(), K.abs() ** 2 + weight * (down**0.5 + right**0.5) ** 2)


@wrong("smooth_deblur", "added before their size is taken")
def spectra_added(y, kernel, weight):
    K, _, _ = waves(y, kernel)
    D = torch.zeros_like(y)
    D[..., 0, 0], D[..., -1, 0], D[..., 0, -1] = -2, 1, 1
    return divided(y, K.conj(), K.abs() ** 2 + weight * torch.fft.fft2(D).abs() ** 2)


@wrong("smooth_deblur", "the weight is squared")
def weight_squared(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return divided(y, K.conj(), K.abs() ** 2 + weight**2 * (down + right))


@wrong("smooth_deblur", "the weight is counted twice")
def factor_two_on_one_side(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return divided(y, K.conj(), K.abs() ** 2 + 2 * weight * (down + right))


@wrong("smooth_deblur", "the weight is halved")
def factor_two_on_the_other_side(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return divided(y, 2 * K.conj(), 2 * K.abs() ** 2 + weight * (down + right))


@wrong("smooth_deblur", "this is the inverse filter")
def no_price(y, kernel, weight):
    return divided(y, 1, waves(y, kernel)[0])


@wrong("smooth_deblur", "your result is shifted: by")
def kernel_padded_at_its_corner(y, kernel, weight):
    _, down, right = waves(y, kernel)
    K = torch.fft.fft2(kernel, s=y.shape[-2:])
    return divided(y, K.conj(), K.abs() ** 2 + weight * (down + right))


@wrong("smooth_deblur", "the blur is not undone")
def smoothed_only(y, kernel, weight):
    _, down, right = waves(y, kernel)
    return divided(y, 1, 1 + weight * (down + right))


@wrong("smooth_deblur", "has lost its signs")
def size_in_place_of_real_part(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return divided(y, K.conj(), K.abs() ** 2 + weight * (down + right)).abs()


@wrong("smooth_deblur", "its imaginary part is not just rounding")
def still_in_fourier_space(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return K.conj() * torch.fft.fft2(y) / (K.abs() ** 2 + weight * (down + right))


@wrong("smooth_deblur", "others than asked for")
def rows_transformed_only(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return torch.fft.ifft(K.conj() * torch.fft.fft(y) / (K.abs() ** 2 + weight * (down + right))).real


@wrong("smooth_deblur", "nan or infinity")
def inverted_the_differences(y, kernel, weight):
    K, down, right = waves(y, kernel)
    return divided(y, K.conj(), weight * (down + right))


@wrong("smooth_deblur", "must match the size of tensor b")
def kernel_not_padded(y, kernel, weight):
    K = torch.fft.fft2(kernel)
    return torch.fft.ifft2(K.conj() * torch.fft.fft2(y) / (K.abs() ** 2 + weight)).real


@wrong("smooth_deblur", "shape (1, 1, 12, 9), expected (1, 1, 12, 16)")
def half_of_the_waves_kept(y, kernel, weight):
    K, down, right = (part[..., :9] for part in waves(y, kernel))
    return divided(y[..., :9], K.conj(), K.abs() ** 2 + weight * (down + right))


# Task 5, noise_after_tikhonov: sigma^2 mean(|K|^2 / (|K|^2 + weight)^2).


@right("noise_after_tikhonov")
def filter_times_its_conjugate(K, sigma, weight):
    G = K.conj() / (K * K.conj() + weight)
    return sigma**2 * (G * G.conj()).mean()


@right("noise_after_tikhonov")
def wave_by_wave(K, s, lam):
    total = 0.0
    for k in K.flatten().tolist():
        total += (s * abs(k) / (abs(k) ** 2 + lam)) ** 2
    return total / K.numel()


@right("noise_after_tikhonov")
def from_its_pixels(K, sigma, weight):
    # Parseval: the filter's values in pixels have the energy of its spectrum.
    pixels = np.fft.ifft2((K.conj() / (K.abs() ** 2 + weight)).numpy())
    return np.array([sigma**2 * np.sum(np.abs(pixels) ** 2)], dtype=np.float32)


@right("noise_after_tikhonov")
def every_pixels_noise(K, sigma, weight):
    K /= K.abs() ** 2 + weight
    K *= sigma
    return torch.view_as_real(K).square().sum(-1).mean(dim=(-2, -1))


@wrong("noise_after_tikhonov", "noise adds up by its variance")
def sigma_not_squared(K, sigma, weight):
    return sigma * (K.abs() / (K.abs() ** 2 + weight)).square().mean()


@wrong("noise_after_tikhonov", "the total over all frequencies")
def summed(K, sigma, weight):
    return sum(sigma**2 * abs(k) ** 2 / (abs(k) ** 2 + weight) ** 2 for k in K.flatten().tolist())


@wrong("noise_after_tikhonov", "the filter is not squared")
def filter_not_squared(K, sigma, weight):
    return (sigma**2 * K.abs() / (K.abs() ** 2 + weight)).mean()


@wrong("noise_after_tikhonov", "squared after the mean")
def mean_before_square(K, sigma, weight):
    return (sigma * (K.abs() / (K.abs() ** 2 + weight)).mean()) ** 2


@wrong("noise_after_tikhonov", "a complex number is squared, not its size")
def complex_square(K, sigma, weight):
    return sigma**2 * ((K.conj() / (K.abs() ** 2 + weight)) ** 2).mean().real


@wrong("noise_after_tikhonov", "the numerator is missing")
def one_over_the_denominator(K, sigma, weight):
    return sigma**2 * (K.abs() ** 2 + weight).pow(-2).mean()


@wrong("noise_after_tikhonov", "the plain inverse")
def weight_forgotten(K, sigma, weight):
    return sigma**2 * (1 / K.abs() ** 2).mean()


@wrong("noise_after_tikhonov", "to the picture, not to the noise")
def through_camera_and_filter(K, sigma, weight):
    return sigma**2 * (K.abs() ** 2 / (K.abs() ** 2 + weight)).square().mean()


@wrong("noise_after_tikhonov", "the weight is squared")
def weight_squared_too(K, sigma, weight):
    return sigma**2 * (K.abs() / (K.abs() ** 2 + weight**2)).square().mean()


@wrong("noise_after_tikhonov", "the square root of")
def root_mean_square(K, sigma, weight):
    return sigma * (K.abs() / (K.abs() ** 2 + weight)).square().mean().sqrt()


@wrong("noise_after_tikhonov", "one number is asked for: the mean")
def mean_forgotten(K, sigma, weight):
    return sigma**2 * (K.abs() / (K.abs() ** 2 + weight)).square()


@wrong("noise_after_tikhonov", "your numbers are others")
def real_part_for_the_size(K, sigma, weight):
    return sigma**2 * (K.real / (K.real**2 + weight)).square().mean()


@wrong("noise_after_tikhonov", "imaginary part is not just rounding")
def one_wave_only(K, sigma, weight):
    return (sigma * K / (K**2 + weight))[0, 0, 1, 2]


@wrong("noise_after_tikhonov", "returns None")
def only_printed(K, sigma, weight):
    print(sigma**2 * (K.abs() / (K.abs() ** 2 + weight)).square().mean())


@wrong("noise_after_tikhonov", "missing 1 required positional argument")
def another_argument(K, sigma, weight, x):
    return sigma**2 * (K.abs() / (K.abs() ** 2 + weight)).square().mean()


@wrong("noise_after_tikhonov", "'NoneType' object is not callable")
def own_function_without_return(K, sigma, weight):
    def gain():
        K.abs() / (K.abs() ** 2 + weight)

    return sigma**2 * gain()().mean()


# Task 6, make_consistent: the picture closest to the guess with A(x) = y.


@right("make_consistent")
def in_place(guess, y, A):
    missing = y - A(guess)
    guess += A.pinv(missing)
    return guess


@right("make_consistent")
def seen_and_unseen(g, data, camera):
    unseen = g - camera.pinv(camera(g))
    print("unseen", float(unseen.norm()))
    return (camera.pinv(data) + unseen)[0].numpy()


@right("make_consistent")
def steps_of_gradient_descent(guess, y, A):
    x = guess.double()
    for _ in range(300):
        x = x - 1.9 * A.adjoint(A(x) - y.double())
    return x


@right("make_consistent")
def conjugate_gradients(guess, y, A):
    """Of A A^T z = y - A(guess); the answer is guess + A^T z."""
    z, residual = torch.zeros_like(y), y - A(guess)
    direction = residual
    for _ in range(60):
        if residual.norm() < 1e-5:
            break
        image = A(A.adjoint(direction))
        step = residual.square().sum() / (direction * image).sum()
        z, after = z + step * direction, residual - step * image
        direction, residual = after + after.square().sum() / residual.square().sum() * direction, after
    return guess + A.adjoint(z)


@wrong("make_consistent", "your guess plays no part")
def guess_ignored(guess, y, A):
    return A.pinv(y)


@wrong("make_consistent", "the correction has the wrong sign")
def wrong_sign(guess, y, A):
    residual = A(guess) - y
    return guess + A.pinv(residual)


@wrong("make_consistent", "this is the guess, uncorrected")
def correction_lost(guess, y, A):
    A.pinv(y - A(guess)).add(guess)
    return guess


@wrong("make_consistent", "the guess's own measurement is not taken off")
def measurement_not_taken_off(guess, y, A):
    x = guess.clone()
    x += A.pinv(y)
    return x


@wrong("make_consistent", "goes back by the adjoint")
def one_step_by_the_adjoint(guess, y, A):
    return guess - A.adjoint(A(guess) - y)


@wrong("make_consistent", "without y")
def data_forgotten(guess, y, A):
    return guess - A.pinv(A(guess))


@wrong("make_consistent", "averages the guess with the data")
def halfway(guess, y, A):
    consistent = guess + A.pinv(y - A(guess))
    return (guess + consistent) / 2


@wrong("make_consistent", "this is the correction alone")
def correction_alone(guess, y, A):
    return A.pinv(y - A(guess))


@wrong("make_consistent", "others than asked for")
def clipped(guess, y, A):
    return (guess + A.pinv(y - A(guess))).clamp(0.2, 0.8)


@wrong(
    "make_consistent",
    "stops with RuntimeError: The size of tensor a (8) must match the size of tensor b (4)",
)
def parenthesis_forgotten(guess, y, A):
    return guess + A.pinv(y) - A(guess)


@wrong("make_consistent", "right in the first channel only")
def first_channel_of_the_guess(guess, y, A):
    return (guess + A.pinv(y - A(guess)))[:, :1].expand_as(guess)


@wrong("make_consistent", "the shape (1, 3, 6, 4), expected (1, 3, 12, 8)")
def measured_again(guess, y, A):
    x = guess + A.pinv(y - A(guess))
    return A(x) if y.shape != guess.shape else x


@wrong("make_consistent", "has no attribute 'mask'")
def for_masks_only(guess, y, A):
    return A.mask * y + (1 - A.mask) * guess


@wrong("make_consistent", "returns None")
def in_place_without_return(guess, y, A):
    guess += A.pinv(y - A(guess))


@wrong("make_consistent", "got tuple")
def two_results(guess, y, A):
    x = guess + A.pinv(y - A(guess))
    return x, (A(x) - y).norm()


@wrong("make_consistent", "stops with ZeroDivisionError")
def relative_step(guess, y, A):
    step = 1 / int(A(guess).norm() // 1e9)
    return guess + step * A.pinv(y - A(guess))


# Task 7, causes: a dictionary, and points for each cause that is right.

TRUE = {"A": "step too large", "B": "fits the noise", "C": "wrong kernel", "D": "wrong adjoint"}
RIGHT += [
    ("causes", TRUE),
    ("causes", dict(reversed(TRUE.items()))),
    ("causes", TRUE | {"E": "nothing", "remark": "D was hard"}),
]
OTHERS = {letter: [cause for cause in ps01.CAUSES if cause != TRUE[letter]] for letter in TRUE}
# Every wrong cause of every run alone: what is refused is said, and what speaks against it.
WRONG += [
    ("causes", TRUE | {letter: cause}, f"run {letter} is not '{cause}'")
    for letter in TRUE
    for cause in OTHERS[letter]
]
WRONG += [
    ("causes", {}, "there is no answer yet"),
    ("causes", {"A": "step too large", "C": "wrong kernel", "D": "wrong adjoint"}, "run B has no cause yet"),
    ("causes", TRUE | {"D": ...}, "run D has no cause yet"),
    ("causes", list(TRUE.values()), "must be a dictionary {run: cause}, got list"),
    ("causes", "step too large", "must be a dictionary {run: cause}, got str"),
    ("causes", None, "must be a dictionary {run: cause}, got NoneType"),
    ("causes", TRUE | {"A": "too large step"}, "'too large step' is none of the causes"),
    ("causes", TRUE | {"B": ["fits the noise"]}, "['fits the noise'] is none of the causes"),
    ("causes", TRUE | {"C": 3}, "run C: 3 is none of the causes"),
]


# The tests.


def asked(task, answer, seed=0):
    """What the check of this task gives and prints: (points, text)."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        points = getattr(ps01, task)(answer, seed=seed)
    return points, printed.getvalue()


def diagnosis(text):
    """The line that says which mistake it is, without the points."""
    (line,) = re.findall(r"^not yet(?: \(.*? so far\))?: (.*)$", text, flags=re.MULTILINE)
    return line


def full(task):
    return getattr(ps01, task).points


def label(value):
    return getattr(value, "__name__", None) if callable(value) else re.sub(r"\W+", "_", str(value))[:60]


def entries(bank):
    return [pytest.param(task, answer, *rest, id=f"{task}-{label(answer)}") for task, answer, *rest in bank]


each_right = pytest.mark.parametrize("task, answer", entries(RIGHT))
each_wrong = pytest.mark.parametrize("task, answer, says", entries(WRONG))
each_task = pytest.mark.parametrize("task", CHECKED)
each_function = pytest.mark.parametrize("task", [task for task in CHECKED if task != "causes"])


@pytest.fixture(autouse=True)
def nothing_asked_yet(monkeypatch):
    """Hints begin with the first in every test."""
    monkeypatch.setattr(tasks, "_asked", tasks.Counter())


@each_task
def test_bank_holds_three_right_and_six_wrong_answers(task):
    assert len([entry for entry in RIGHT if entry[0] == task]) >= 3
    assert len([entry for entry in WRONG if entry[0] == task]) >= 6


@each_right
def test_right_answer_earns_all_points_with_any_seed(task, answer):
    for seed in SEEDS:
        points, text = asked(task, answer, seed)
        assert points == full(task), text
        assert text.endswith(f"right: {points} of {points} points\n") and "not yet" not in text


@each_wrong
def test_wrong_answer_is_refused_and_told_its_mistake(task, answer, says):
    earned = (
        0.75 * sum(answer.get(letter) == cause for letter, cause in TRUE.items())
        if task == "causes" and isinstance(answer, dict)
        else 0
    )
    for seed in SEEDS[:2]:
        points, text = asked(task, answer, seed)
        assert points == earned < full(task)
        assert says in diagnosis(text)
        assert "right:" not in text and "hint" in text


def test_what_an_answer_prints_and_warns_stays_out_of_its_verdict(recwarn):
    assert "shape" not in asked("interlaced_adjoint", numpy_with_a_warning)[1]
    assert len(recwarn) == 0


@pytest.mark.parametrize("seed", range(12))
def test_decibels_near_the_right_ones_are_not_taken_for_256_levels(seed):
    """One of the sigmas may agree by chance; a mistake is recognized by all of them."""

    def measured(sigma):
        return -10 * torch.log10((torch.randn(64, 64) * sigma / 255).square().mean())

    points, text = asked("psnr_of_noise", measured, seed)
    assert points == 0 and "your numbers are others" in diagnosis(text)


@each_task
def test_no_two_mistakes_are_told_the_same(task):
    told = {}
    for name, answer, _ in WRONG:
        if name == task:
            told.setdefault(diagnosis(asked(name, answer)[1]), []).append(label(answer))
    assert [answers for answers in told.values() if len(answers) > 1] == []


def solution_lines(task):
    """What the lines of the source's solution compute: behind `return`, behind `x =`, inside `bool(...)`."""
    code = re.search(
        r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", CELLS[f"{task}_answer"].source, flags=re.DOTALL
    )[1]
    values = [
        re.sub(r"^(return|[\w\[\].:, ]+ =) ", "", line.strip()) for line in code.splitlines() if line.strip()
    ]
    return values + [value[5:-1] for value in values if value.startswith("bool(")]


def bare(code):
    """Without what can be written in two ways: spaces, and the signs of products and powers."""
    return re.sub(r"[\s*^`]", "", code)


@each_wrong
def test_hints_come_one_by_one_and_the_last_one_stays_and_none_is_the_answer(task, answer, says):
    texts = [asked(task, answer)[1]]
    count = int(re.search(r"hint 1 of (\d)", texts[0])[1])
    texts += [asked(task, answer)[1] for _ in range(count)]
    shown = [re.findall(r"hint (\d) of (\d), (.*?): (.*)", text)[0] for text in texts]
    assert [(int(step), int(of)) for step, of, *_ in shown] == [
        (min(step, count), count) for step in range(1, count + 2)
    ]
    assert len({text.removesuffix(". Run this cell again for more.") for *_, text in shown}) == count
    assert [name for _, _, name, _ in shown[:count]] == list(tasks.STEPS[:count])
    lines = solution_lines(task)
    assert lines and [line for line in lines if len(line) > 8 and bare(line) in bare("".join(texts))] == []


def names_of_the_exercise():
    names = {}
    exec("import torch\nfrom dil_course.signals import Blur\n", names)
    return names


@each_task
def test_solution_in_the_source_is_right(task):
    names = names_of_the_exercise()
    exec(CELLS[f"{task}_answer"].source, names)
    for seed in SEEDS:
        assert asked(task, names[task], seed)[0] == full(task)


@each_function
def test_untouched_exercise_earns_nothing(task):
    names = names_of_the_exercise()
    exec(
        re.sub(
            r"### BEGIN SOLUTION.*### END SOLUTION",
            "raise NotImplementedError()",
            CELLS[f"{task}_answer"].source,
            flags=re.DOTALL,
        ),
        names,
    )
    points, text = asked(task, names[task])
    assert points == 0
    assert diagnosis(text) == "there is no answer yet"


def fingerprint(value):
    return (
        value.numpy().tobytes()
        if isinstance(value, torch.Tensor)
        else repr(value)
        if isinstance(value, float)
        else None
    )


@each_function
def test_answer_that_only_knows_the_visible_numbers_earns_nothing_when_marked(task):
    names = names_of_the_exercise()
    exec(CELLS[f"{task}_answer"].source, names)
    seen, order = {}, []

    def learn(*inputs):
        order.append(
            names[task](*(value.clone() if isinstance(value, torch.Tensor) else value for value in inputs))
        )
        seen[tuple(map(fingerprint, inputs))] = order[-1]
        return order[-1]

    assert asked(task, learn)[0] == full(task)

    def in_their_order():
        left = iter(order)
        return lambda *inputs: next(left)

    def from_a_table():
        return lambda *inputs: seen[tuple(map(fingerprint, inputs))]

    for by_heart in (in_their_order, from_a_table)[
        : 1 if task == "passes_dot_product_test" else 2
    ]:  # functions are no key to a table
        assert asked(task, by_heart())[0] == full(task), "the visible check asks the same at every run"
        for seed in SEEDS[1:]:
            assert asked(task, by_heart(), seed)[0] == 0


def answer_for(task):
    """The first right answer of the bank."""
    return next(answer for name, answer in RIGHT if name == task)


@each_function
@settings(max_examples=10)
@given(seed=st.integers(0, 2**40))
def test_right_answer_is_right_with_any_seed(task, seed):
    points, text = asked(task, answer_for(task), seed)
    assert points == full(task), text


@each_function
@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**40),
    scale=st.sampled_from([1e-6, 0.01, 1.0, 30.0, 1e6]),
    around=st.sampled_from([0.0, 0.5, 20.0]),
)
def test_random_numbers_of_the_right_shape_are_never_right(task, seed, scale, around):
    random = torch.Generator().manual_seed(seed)

    def guessed(*inputs):
        if task == "passes_dot_product_test":
            return bool(torch.rand((), generator=random) < 0.5)
        shape = torch.as_tensor(answer_for(task)(*inputs)).shape
        return around + scale * torch.randn(shape, generator=random)

    points, text = asked(task, guessed, seed)
    assert points == 0
    assert diagnosis(text)


def test_misfit_of_run_a_grows_without_end():
    run = ps01.failing_run("A")
    assert all(after > before for before, after in itertools.pairwise(run["misfit"]))
    assert run["misfit"][-1] > 1e5 * run["misfit"][0]
    assert three_trials(run["A"], run["adjoint"], run["y"].shape)


def test_misfit_of_run_b_ends_below_the_noise_while_its_picture_gets_worse():
    run = ps01.failing_run("B")
    assert all(after < before for before, after in itertools.pairwise(run["misfit"]))
    assert run["misfit"][-1] < run["sigma"]
    best = max(run["psnr"])
    assert run["psnr"][-1] < best - 2 and run["psnr"].index(best) > 0
    assert three_trials(run["A"], run["adjoint"], run["y"].shape)


def test_misfit_of_run_c_never_comes_down_to_the_noise_though_its_adjoint_is_right():
    run = ps01.failing_run("C")
    assert run["misfit"][-1] < run["misfit"][0]
    assert min(run["misfit"]) > 3 * run["sigma"]
    assert min(ps01.failing_run("C", iterations=600)["misfit"]) > 2 * run["sigma"], "nor does a longer run"
    assert three_trials(run["A"], run["adjoint"], run["y"].shape)


def test_adjoint_of_run_d_fails_the_dot_product_test():
    run = ps01.failing_run("D")
    assert not three_trials(run["A"], run["adjoint"], run["y"].shape)
    assert min(run["misfit"]) > 2 * run["sigma"] and run["misfit"][-1] > 1e3


def test_points_of_each_cell_are_those_of_its_check_and_twenty_in_all():
    points = {
        name: cell.metadata["nbgrader"]["points"]
        for name, cell in CELLS.items()
        if cell.metadata["nbgrader"]["grade"]
    }
    assert {task: points[task] for task in CHECKED} == {task: full(task) for task in CHECKED}
    assert set(points) == {*CHECKED, "open_question"}
    assert sum(points.values()) == 20
