"""Tomography and magnetic resonance imaging: adjoint and pseudo-inverse by their definitions, numbers by
scikit-image and numpy.
"""

import numpy as np
import pytest
import torch
from skimage.transform import iradon, radon

from dil_course.signals import Fourier, Radon, line_mask, picture, psnr, split_lines
from dil_course.signals.validation import check_observation


def rand(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def mask(height, width, seed=0):
    seen = rand(1, 1, height, width, seed=seed) > 0.6
    seen[..., 0, 0] = True
    return seen


SCANNERS = {
    "Radon": (lambda: Radon(16, range(0, 180, 20)), (1, 2, 16, 16)),
    "Radon, odd side": (lambda: Radon(13, [0, 33.3, -71, 145]), (1, 1, 13, 13)),
    "Fourier": (lambda: Fourier(mask(12, 16)), (1, 3, 12, 16)),
    "Fourier, odd sides": (lambda: Fourier(mask(9, 15, seed=3)), (1, 1, 9, 15)),
    "Fourier, lines": (lambda: Fourier(line_mask(10, 24, 3)), (1, 1, 10, 24)),
}
each_scanner = pytest.mark.parametrize("make, shape", SCANNERS.values(), ids=SCANNERS)


@each_scanner
def test_adjoint_and_gradient(make, shape):
    A, x = make(), rand(*shape) - 0.4
    Ax = A(x)
    y = rand(*Ax.shape, seed=1) - 0.5
    back = A.adjoint(y)
    assert back.shape == shape and back.dtype == Ax.dtype == torch.float32
    assert abs((Ax.double() * y).sum() - (x.double() * back).sum()) <= 1e-5 * Ax.norm() * y.norm()
    (gradient,) = torch.autograd.grad((A(x.requires_grad_()) * y).sum(), x)
    torch.testing.assert_close(gradient, back, atol=2e-5, rtol=1e-5)


@each_scanner
def test_pseudo_inverse_is_the_one_of_the_matrix(make, shape):
    A, sides = make(), shape[-2:]
    columns = [A(unit.reshape(1, 1, *sides)).flatten() for unit in torch.eye(sides[0] * sides[1])]
    matrix = torch.stack(columns, dim=1).double()
    y = rand(*A(torch.zeros(1, 1, *sides)).shape, seed=2)
    expected = (torch.linalg.pinv(matrix, rtol=1e-5) @ y.flatten().double()).reshape(1, 1, *sides)
    torch.testing.assert_close(A.pinv(y).double(), expected, atol=2e-3 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("side", [32, 33])
def test_sinogram_is_scikit_images(side):
    x = picture("camera", side)
    centre = torch.arange(side) - side // 2
    # Scikit-image wants nothing outside the disk.
    x = x * (centre[:, None] ** 2 + centre**2 <= (side // 2) ** 2)
    angles = np.arange(-30, 150, 7.5)
    expected = radon(x[0, 0].double().numpy(), angles, circle=True) / side
    np.testing.assert_allclose(Radon(side, angles)(x)[0, 0], expected, atol=2e-6)


def test_fourier_plane_is_numpys_with_the_constant_wave_in_the_middle():
    x = rand(1, 1, 10, 12)
    y = Fourier(torch.ones(1, 1, 10, 12))(x)
    expected = np.fft.fftshift(np.fft.fft2(x[0, 0].double(), norm="ortho"))
    np.testing.assert_allclose(y[0, 0] + 1j * y[0, 1], expected, atol=1e-5)
    assert y[0, 0].abs().argmax() == 5 * 12 + 6


def test_whole_fourier_plane_gives_the_picture_back():
    x = rand(1, 3, 12, 10)
    A = Fourier(torch.ones(1, 1, 12, 10))
    torch.testing.assert_close(A.adjoint(A(x)), x)
    # Half the plane is enough for a real picture: the other half is its mirror image.
    half = torch.zeros(1, 1, 13, 11)
    half[..., :7, :] = 1
    x = rand(1, 1, 13, 11)
    torch.testing.assert_close(Fourier(half).pinv(Fourier(half)(x)), x)


@pytest.mark.parametrize("acceleration, centre", [(4, 0.08), (2, 0.2), (8, 0), (1, 0)])
def test_line_mask_reads_one_column_in_so_many(acceleration, centre):
    lines = line_mask(6, 96, acceleration, centre, seed=3)
    assert lines.shape == (1, 1, 6, 96) and lines[0, 0].std(dim=0).max() == 0
    read = lines[0, 0, 0]
    assert read.sum() == 96 // acceleration
    inner = round(centre * 96)
    assert read[48 - inner // 2 : 48 - inner // 2 + inner].all()
    assert acceleration == 1 or not torch.equal(lines, line_mask(6, 96, acceleration, centre, seed=4))


def test_large_coefficients_are_no_8_bit_values():
    A = Fourier(torch.ones(1, 1, 64, 64))
    y = A(torch.ones(1, 1, 64, 64))
    assert y.max() > 50
    check_observation(y)
    with pytest.raises(ValueError, match="255"):
        check_observation(255 * picture("hubble_deep_field", 64))  # as dark as pictures get


def test_a_small_integer_of_numpy_is_a_side_like_any_other():
    x = torch.ones(1, 1, 200, 200)
    assert torch.equal(Radon(np.uint8(200), [0])(x), Radon(200, [0])(x))


@pytest.mark.parametrize("angles", [
    np.linspace(0, np.pi, 30), np.linspace(0, np.pi, 7, endpoint=False), [0, np.pi / 2], [np.radians(7)],
    torch.rand(5) * np.pi,
])  # fmt: skip
def test_angles_in_radians_are_refused(angles):
    with pytest.raises(ValueError, match="angles: expected degrees.*math.degrees"):
        Radon(16, angles)


@pytest.mark.parametrize(
    "angles", [[0], [0, 1], range(6), [0.5, 1.5], [0, 0.25, 0.5], np.linspace(0, 180, 7), [3.3]]
)
def test_angles_in_degrees_are_taken(angles):
    assert Radon(16, angles).angles == [float(angle) for angle in angles]


@pytest.mark.parametrize("call, message", [
    (lambda: line_mask(8, 32, 4, centre=8), "write 8 / 100 for 8 percent"),
    (lambda: Radon(16, []), "at least one"),
    (lambda: Radon(16, iter([0])), "at least one"),
    (lambda: Radon(1024, range(180)), "15 GB"),
    (lambda: Radon(1.5, [0]), "whole number"),
    (lambda: Radon(16, [float("nan")]), "angle"),
    (lambda: Radon(16, [0])(rand(1, 1, 16, 12)), "16x16"),
    (lambda: Radon(16, [0]).adjoint(rand(1, 1, 16, 2)), "sinogram"),
    (lambda: Fourier(torch.zeros(1, 1, 4, 4)), "no pixel"),
    (lambda: Fourier(torch.ones(1, 3, 4, 4)), "all channels"),
    (lambda: Fourier(torch.ones(1, 1, 4, 4))(rand(1, 1, 4, 5)), "the mask is"),
    (lambda: Fourier(torch.ones(1, 1, 4, 4)).adjoint(rand(1, 3, 4, 4)), "imaginary"),
    (lambda: line_mask(8, 32, 8, centre=0.5), "the centre takes 16 columns"),
])  # fmt: skip
def test_bad_input_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_filtered_back_projection_is_scikit_images():
    x = picture("camera", 32) * (disk := disk_of(32))
    A = Radon(32, np.arange(0, 180, 4.0))
    y = A(x)
    expected = iradon(32 * y[0, 0].double().numpy(), A.angles, filter_name="ramp", circle=True)
    # Ours smears by the exact transpose, scikit-image's interpolates: they differ by a little grain.
    difference = disk * (A.fbp(y) - torch.from_numpy(expected))
    assert difference.square().mean().sqrt() < 0.04
    assert abs(float(difference.mean())) < 0.01
    assert psnr(disk * A.fbp(y), x) > psnr(disk * torch.from_numpy(expected).float()[None, None], x) - 0.5
    torch.testing.assert_close(A.fbp(2 * y - y.flip(-1)), 2 * A.fbp(y) - A.fbp(y.flip(-1)))


def disk_of(side):
    centre = torch.arange(side) - side // 2
    return (centre[:, None] ** 2 + centre**2 < (side // 2) ** 2).float()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sides", [(16, 64), (15, 63)])
def test_lines_are_split_so_that_what_is_fitted_tells_nothing_of_what_is_held_out(sides, seed):
    mask = line_mask(*sides, 3, seed=seed)
    fit, held_out = split_lines(mask, share=0.2, seed=seed)
    assert torch.equal(fit + held_out, mask)
    x = rand(1, 1, *sides, seed=seed)
    A = Fourier(fit)
    guessed = Fourier(mask)(A.pinv(A(x)))
    assert (held_out * guessed).abs().max() < 1e-5
    columns = held_out[0, 0, 0].nonzero()[:, 0]
    assert (columns - sides[1] // 2).abs().min() > 2
    assert 4 <= len(columns) <= 5  # a fifth of 21, a pair may make it one more


@pytest.mark.parametrize(("share", "least"), [(0.01, 1), (0.25, 2), (0.5, 4)])
def test_the_share_is_of_the_measured_lines_and_at_least_one(share, least):
    _, held_out = split_lines(line_mask(8, 64, 8, centre=0.02), share=share, keep=1)
    assert least <= held_out[0, 0, 0].sum() <= least + 1


def test_another_seed_holds_out_other_lines():
    mask = line_mask(16, 64, 3)
    assert not torch.equal(split_lines(mask)[1], split_lines(mask, seed=1)[1])


def test_a_mask_that_has_no_lines_to_spare_is_refused():
    with pytest.raises(ValueError, match="whole columns"):
        split_lines(mask(8, 8))
    centre = torch.zeros(1, 1, 8, 64)
    centre[..., 31:34] = 1
    with pytest.raises(ValueError, match="none can be held out"):
        split_lines(centre)
