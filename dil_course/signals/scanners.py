"""Forward models of scanners: tomography (`Radon`) and magnetic resonance imaging (`Fourier`).

Shown in lesson 04. The same three calls as in `operators`: `A(x)`, `A.adjoint(y)`, `A.pinv(y)`.
"""

import math
from collections.abc import Collection

import torch

from dil_course import runtime
from dil_course.signals.operators import check_mask, check_mask_fits, exact
from dil_course.signals.validation import (
    LARGEST_SIDE,
    check_angles,
    check_integer,
    check_memory,
    check_number,
    check_share,
    check_stack,
    describe,
)


class Radon:
    """A(x), the sinogram: means of x along parallel rays, at several angles. Computed tomography.

    The picture is turned about the pixel (side // 2, side // 2) by bilinear interpolation, then its columns
    are added: the numbers of scikit-image's `radon`, divided by the side. Only the largest inscribed disk is
    seen from every angle.

    Args:
        side: of the square picture, in pixels.
        angles: of the rays, in degrees; a list, a range, an array or a tensor of at least one.

    y is (N,C,side,angles): a column for each angle, a row for each place on the detector.

    Raises:
        TypeError, ValueError: of the side or the angles; when used, a picture or a sinogram of another shape.
    """

    def __init__(self, side, angles):
        side = check_integer(side, "side", 2, 1024)
        angles = angles.tolist() if hasattr(angles, "tolist") else angles
        if not isinstance(angles, Collection) or not len(angles):
            raise ValueError(
                f"angles: a list of at least one is needed, such as range(0, 180, 3), got {describe(angles)}"
            )
        # 20 bytes for each entry of the matrix, of which each pixel has four at an angle.
        check_memory(80 * side**2 * len(angles), "side and angles", "take fewer angles, or a smaller picture")
        self.side, self.angles = side, [float(angle) for angle in check_angles(angles, "angles")]
        self.rays, self.pixels, self.weights = radon_matrix(side, self.angles)

    def _multiply(self, x, taken, given, shape):
        # Not torch's sparse matrices, which take six times as long here.
        taken, given, weights = taken.to(x.device), given.to(x.device), self.weights.to(x)
        summed = x.new_zeros(*x.shape[:2], math.prod(shape)).index_add(
            2, given, x.flatten(2)[..., taken] * weights
        )
        return summed.reshape(*x.shape[:2], *shape)

    def __call__(self, x):
        check_stack(x, "x")
        if x.shape[-2:] != (self.side, self.side):
            raise ValueError(
                f"this scanner takes pictures of {self.side}x{self.side} pixels, got {tuple(x.shape)}"
            )
        return self._multiply(x, self.pixels, self.rays, (self.side, len(self.angles)))

    def adjoint(self, y):
        check_stack(y, "y")
        if y.shape[-2:] != (self.side, len(self.angles)):
            raise ValueError(
                f"expected a sinogram (N,C,{self.side},{len(self.angles)}), got {tuple(y.shape)}"
            )
        return self._multiply(y, self.rays, self.pixels, (self.side, self.side))

    def fbp(self, y):
        """Filtered back-projection (N,C,side,side): the classical inverse, linear in y and cheap.

        Each column's frequencies are multiplied by their size (the ramp), and smeared back along the rays.
        For many angles, evenly spaced over 180 degrees, it comes near the image; for few it has streaks.
        """
        check_stack(y, "y")
        # Twice as long, so that a column's end does not wrap round to its beginning. The ramp is the
        # transform of its samples: |frequency| itself would lose the column's mean.
        places = torch.fft.fftfreq(2 * self.side, 1 / (2 * self.side), device=y.device).round()
        kernel = torch.where(places % 2 == 1, -1 / (math.pi * places) ** 2, 0.25 * (places == 0))
        ramp = torch.fft.rfft(kernel).real[:, None].to(y.dtype)
        frequencies = torch.fft.rfft(exact(y), 2 * self.side, dim=-2) * ramp
        filtered = torch.fft.irfft(frequencies, dim=-2)[..., : self.side, :]
        scale = math.pi * self.side**2 / len(self.angles)
        return scale * self.adjoint(filtered.to(y.dtype))

    def pinv(self, y, iterations=500):
        """The shortest x that comes nearest to A x = y, by conjugate gradients on A^T A x = A^T y."""
        check_integer(iterations, "iterations", 1)
        residual = direction = self.adjoint(y)
        if len(y) > 1:  # each image takes steps of its own length
            return torch.cat([self.pinv(each, iterations) for each in y.split(1)])
        x = torch.zeros_like(residual)
        first = size = residual.square().sum()
        for _ in range(iterations):
            if size <= 1e-12 * first:
                break
            seen = self(direction)
            step = size / seen.square().sum()
            x = x + step * direction
            residual = residual - step * self.adjoint(seen)
            size, before = residual.square().sum(), size
            direction = residual + size / before * direction
        return x


def radon_matrix(side, angles):
    """The nonzero entries of `Radon`'s matrix: the numbers of their rays and pixels, and their weights."""
    entries = []
    centre, steps = side // 2, torch.arange(side, dtype=torch.float64)
    along, across = torch.meshgrid(steps - centre, steps - centre, indexing="ij")
    for index, angle in enumerate(angles):
        cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        down, right = cosine * along - sine * across + centre, sine * along + cosine * across + centre
        ray = (across + centre) * len(angles) + index
        # Each point of a ray takes its four neighbours, the nearer the more.
        for row in (down.floor(), down.floor() + 1):
            for column in (right.floor(), right.floor() + 1):
                weight = (1 - (down - row).abs()) * (1 - (right - column).abs()) / side
                inside = (row >= 0) & (row < side) & (column >= 0) & (column < side)
                entries.append(torch.stack([ray, row * side + column, weight])[:, inside])
    rays, pixels, weights = torch.cat(entries, dim=1)
    indices = torch.stack([rays, pixels]).long()
    matrix = torch.sparse_coo_tensor(
        indices, weights, (side * len(angles), side * side), check_invariants=True
    )
    matrix = matrix.coalesce()  # adds up what a ray takes from one pixel at several of its points
    return *matrix.indices(), matrix.values().float()


class Fourier:
    """A(x): some of the picture's Fourier coefficients: magnetic resonance imaging with one coil.

    y (N,2C,H,W) holds the real parts, then the imaginary parts, zero where nothing is measured. The zero
    frequency stands in the middle, at (H // 2, W // 2), as textbooks draw it. The transform is unitary, so
    that A A^T y = mask * y would hold for complex pictures; ours are real, which makes the coefficients of
    opposite frequencies conjugate.

    Args:
        mask: (1,1,H,W), boolean or 0/1; 1 where a coefficient is measured. With N masks in place of one, each
            image of a batch of N has its own.

    Raises:
        TypeError, ValueError: as `Mask`.
    """

    def __init__(self, mask):
        self.mask = check_mask(mask)
        if self.mask.shape[1] != 1:
            raise ValueError(
                f"mask: expected (1,1,H,W), the same for all channels, got {tuple(self.mask.shape)}"
            )

    def __call__(self, x):
        check_mask_fits(self.mask, x, "x")
        coefficients = torch.fft.fftshift(torch.fft.fft2(exact(x), norm="ortho"), dim=(-2, -1))
        return self.mask.to(x) * torch.cat([coefficients.real, coefficients.imag], dim=1).to(x.dtype)

    def adjoint(self, y):
        check_mask_fits(self.mask, y, "y")
        if y.shape[1] % 2:
            raise ValueError(f"expected real and imaginary parts (N,2C,H,W), got {tuple(y.shape)}")
        return self._back(self.mask.to(y) * exact(y)).to(y.dtype)

    def _back(self, y):
        coefficients = torch.complex(*y.chunk(2, dim=1))
        return torch.fft.ifft2(torch.fft.ifftshift(coefficients, dim=(-2, -1)), norm="ortho").real

    def pinv(self, y):
        # Of a real picture, coefficients of opposite frequencies are conjugate. A^T A multiplies the two by 1
        # where both are measured and by 1/2 where one is: divide by that.
        x = self.adjoint(exact(y))
        centred = torch.fft.ifftshift(self.mask, dim=(-2, -1))
        opposite = centred.flip((-2, -1)).roll((1, 1), (-2, -1))
        weight = torch.fft.fftshift(2 / (centred + opposite).clamp(min=1), dim=(-2, -1)).to(x)
        coefficients = torch.fft.fftshift(torch.fft.fft2(x, norm="ortho"), dim=(-2, -1)) * weight
        return self._back(torch.cat([coefficients.real, coefficients.imag], dim=1)).to(y.dtype)


def line_mask(height, width, acceleration, centre=0.08, seed=0):
    """Mask (1,1,height,width) of whole columns, as a scanner reads the Fourier plane line by line.

    Args:
        acceleration: one column in so many is read.
        centre: share of all columns that is read around the zero frequency, where pictures have most of
            their energy; the other columns are drawn at random.
        seed: of the draw.

    Raises:
        TypeError, ValueError: a number out of range, or the centre alone takes more columns than there are to
            read.
    """
    height = check_integer(height, "height", 2, LARGEST_SIDE)
    width = check_integer(width, "width", 2, LARGEST_SIDE)
    check_number(acceleration, "acceleration", low=1, high=width)
    acceleration, centre = float(acceleration), float(check_share(centre, "centre"))
    wanted, inner = round(width / acceleration), round(centre * width)
    if inner > wanted:
        raise ValueError(
            f"the centre takes {inner} columns, but an acceleration of {acceleration:g} reads only {wanted}"
        )
    mask = torch.zeros(width)
    mask[width // 2 - inner // 2 : width // 2 - inner // 2 + inner] = 1
    rest = (mask == 0).nonzero()[:, 0]
    drawn = torch.randperm(len(rest), generator=runtime.generator(seed, "line mask"))[: wanted - inner]
    mask[rest[drawn]] = 1
    return mask.expand(1, 1, height, width).clone()


def split_lines(mask, share=0.25, keep=2, seed=0):
    """Two masks (1,1,height,width) of the measured columns: those to fit, those to hold out for `HeldOut`.

    The image is real, so that a column tells what its mirror image on the other side of the zero frequency
    holds: where both are measured, both go the same way. Holding out a part of the measurements to see when
    to stop is what Yaman, Hosseini and Akcakaya do, "Zero-Shot Self-Supervised Learning for MRI
    Reconstruction" (ICLR 2022), with single coefficients of complex images from several coils.

    Args:
        mask: (1,1,height,width) of whole columns, as `line_mask` draws it.
        share: of the measured columns to hold out; a pair may make it one more, and at least one is held out.
        keep: columns at most so far from the zero frequency are never held out.
        seed: of the draw.

    Raises:
        TypeError, ValueError: no mask of whole columns, a number out of range, or nothing left to hold out.
    """
    mask = check_mask(mask)
    if mask.shape[:2] != (1, 1) or not torch.equal(mask, mask[..., :1, :].expand_as(mask)):
        raise ValueError(f"mask: expected whole columns, as line_mask draws them, got {tuple(mask.shape)}")
    share, keep = check_share(share, "share"), check_integer(keep, "keep", 0)
    columns = mask[0, 0, 0].cpu()
    distance = (torch.arange(len(columns)) - len(columns) // 2).abs()
    distances = distance[(columns > 0) & (distance > keep)].unique()
    if not len(distances):
        raise ValueError("keep: no measured column lies farther out, so that none can be held out")
    held_out = torch.zeros_like(columns)
    for index in torch.randperm(len(distances), generator=runtime.generator(seed, "split")).tolist():
        if held_out.sum() < max(1, round(share * float(columns.sum()))):
            held_out[(distance == distances[index]) & (columns > 0)] = 1
    held_out = held_out.to(mask).expand_as(mask).clone()
    return mask - held_out, held_out
