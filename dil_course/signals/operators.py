"""Forward models A of y = A(x) + n: `A(x)`, `A.adjoint(y)` = A^T y, `A.pinv(y)` = A^+ y. Built in lesson 01.

All are linear, act on each image of a batch (N,C,H,W) and on each channel alone, and can be differentiated by
autograd.
"""

import math
import warnings

import torch

from dil_course.signals.validation import (
    check_angles,
    check_finite,
    check_integer,
    check_number,
    check_operator,
    check_returned,
    check_same_shape,
    check_stack,
    describe,
    is_float,
    pinv_of,
)


class Identity:
    """A(x) = x: denoising."""

    def __call__(self, x):
        check_stack(x, "x")
        return x

    def adjoint(self, y):
        return self(y)

    def pinv(self, y):
        return self(y)


def check_mask(mask, name="mask", marked="known"):
    """The mask as floats, a copy that nobody else can change.

    Raises:
        TypeError, ValueError: it is no tensor (N,C,H,W) of 0 and 1, or one of its N masks holds no 1.
    """
    if not isinstance(mask, torch.Tensor) or mask.is_complex():
        raise TypeError(f"{name}: expected a tensor (1,C,H,W) of 0 and 1, got {describe(mask)}")
    mask = mask.detach().to(torch.float32, copy=True)
    check_stack(mask, name)
    if not ((mask == 0) | (mask == 1)).all():
        raise ValueError(
            f"{name}: expected 0 and 1 only, got values like {mask.max():.3g}: compare, `mask > 0.5`"
        )
    if not mask.flatten(1).any(1).all():
        raise ValueError(f"{name}: no pixel is {marked} (all zeros); 1 marks those that are")
    return mask


class Mask:
    """A(x) = mask * x: inpainting. Unknown pixels are zero in y.

    Args:
        mask: (1,1,H,W) or (1,C,H,W), boolean or 0/1; 1 where the pixel is seen. With N masks in place of one,
            each image of a batch of N has its own.

    Raises:
        TypeError, ValueError: the mask is no tensor (N,C,H,W), holds something else than 0 and 1, or sees no
            pixel; when used, it does not fit x.
    """

    def __init__(self, mask):
        self.mask = check_mask(mask)

    def __call__(self, x):
        check_mask_fits(self.mask, x, "x")
        return self.mask.to(x) * x

    def adjoint(self, y):
        return self(y)

    def pinv(self, y):
        return self(y)


def check_mask_fits(mask, x, name):
    """Refuse an x (N,C,H,W) that a mask (1 or N, 1 or C, H, W) does not fit (TypeError, ValueError)."""
    check_stack(x, name)
    images, channels, *sides = mask.shape
    if list(x.shape[-2:]) != sides or images not in (1, x.shape[0]) or channels not in (1, x.shape[1]):
        raise ValueError(f"the mask is {tuple(mask.shape)} but {name} is {tuple(x.shape)}")


def check_kernel(kernel):
    """Refuse what is no finite float tensor (height,width), all zero or too large (TypeError, ValueError)."""
    if not is_float(kernel):
        raise TypeError(f"kernel: expected a float tensor (height,width), got {describe(kernel)}")
    if kernel.ndim != 2 or kernel.numel() == 0:
        raise ValueError(f"kernel: expected (height,width), got {describe(kernel)}")
    if not torch.isfinite(kernel).all() or not 1e-9 <= kernel.cpu().double().abs().sum() <= 1e9:
        raise ValueError("kernel: all values must be finite, and not all zero; their sum is usually one")


def check_weights(kernel):
    """Refuse a kernel on the scale 0..255 (ValueError), and warn of a blur that does not keep the mean.

    Weights of a blur are not negative and sum to one. Derivatives and other filters have negative weights,
    and may sum to anything.
    """
    total, size = kernel.sum().item(), kernel.abs().sum().item()
    blur = total == size
    if size > 100 or blur and total < 0.01:
        raise ValueError(
            f"kernel: expected weights that sum to one, got {total:.3g}: write kernel / kernel.sum()"
        )
    if blur and not 0.5 < total < 2:
        text = f"kernel: the weights sum to {total:.3g}, so A(x) has {total:.3g} times the brightness of x"
        warnings.warn(f"{text}: write kernel / kernel.sum() for a blur that keeps it", stacklevel=3)


def gaussian_kernel(size, sigma, angle=0.0, shift=(0.0, 0.0)):
    """Gaussian blur kernel (size,size) that sums to one, centred also for even sizes.

    Args:
        size: side in pixels.
        sigma: standard deviation in pixels; a pair makes it anisotropic, (along, across) the direction of
            `angle`.
        angle: direction in degrees, counter-clockwise from the horizontal.
        shift: of its centre, (down, right), in pixels.

    Raises:
        TypeError, ValueError: size is no whole number from 1 to 1001, a sigma is not above 0, the angle is
            in radians, or shift is no pair of numbers that leaves the centre inside.
    """
    size = check_integer(size, "size", 1, 1001)
    if not isinstance(shift, tuple | list) or len(shift) != 2:
        raise TypeError(f"shift: expected a pair (down, right) in pixels, got {describe(shift)}")
    for value in shift:
        check_number(value, "shift", low=-size / 2, high=size / 2)
    along, across = sigma if isinstance(sigma, tuple | list) and len(sigma) == 2 else (sigma, sigma)
    for value in (along, across):
        check_number(value, "sigma", low=1e-2, high=1e6)
    check_angles([angle], "angle")
    steps = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    up, right = shift[0] - steps[:, None], steps[None, :] - shift[1]
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    distance = ((right * cosine + up * sine) / along) ** 2 + ((up * cosine - right * sine) / across) ** 2
    # The softmax is the exponential divided by its sum, and safe where the exponential alone would underflow.
    return torch.softmax(-distance.flatten() / 2, 0).reshape(size, size).float()


def spectrum(kernel, height, width):
    """Fourier transform (height, width//2+1) of the kernel on a circular grid, its centre at the origin.

    The centre is (size - 1) // 2: of an odd size the middle pixel, of an even size the one before the middle.

    Raises:
        ValueError: the kernel is larger than the picture.
    """
    rows, columns = kernel.shape
    if rows > height or columns > width:
        raise ValueError(f"the kernel is {rows}x{columns}, larger than the picture of {height}x{width}")
    padded = torch.zeros(height, width, dtype=torch.float64)
    padded[:rows, :columns] = kernel
    padded = padded.roll((-((rows - 1) // 2), -((columns - 1) // 2)), (0, 1))
    return torch.fft.rfft2(padded)


def invert_spectrum(power, relative_floor=1e-6):
    """1 / power where that stands out of the rounding errors, else 0: the pseudo-inverse of a diagonal."""
    keep = power > relative_floor * power.max()
    return torch.where(keep, 1 / power.where(keep, torch.ones_like(power)), torch.zeros_like(power))


def conjugate_gradients(multiply, x, residual, iterations):
    """Solve M x = b for a symmetric positive definite M, by the method of Hestenes and Stiefel (1952).

    Args:
        multiply: function that multiplies by M.
        x: where to begin.
        residual: b - M x there.
        iterations: at most; fewer where the residual has fallen to a millionth.
    """
    direction, size = residual, residual.square().sum()
    enough = 1e-12 * size
    for _ in range(iterations):
        if size <= enough:
            break
        made = multiply(direction)
        step = size / (direction * made).sum()
        x, residual = x + step * direction, residual - step * made
        size, before = residual.square().sum(), size
        direction = residual + size / before * direction
    return x


def exact(x):
    """x in 32 bits at least: on a CPU, torch has no Fourier transform and no interpolation for fewer."""
    return x if x.dtype == torch.float64 else x.float()


def filter_spectrum(x, factor):
    """Multiply the Fourier transform of x (N,C,H,W) by factor (H,W//2+1)."""
    transformed = torch.fft.rfft2(exact(x))
    filtered = transformed * factor.to(transformed.device, transformed.dtype)
    result = torch.fft.irfft2(filtered, s=x.shape[-2:])
    narrowed = result.to(x.dtype)
    if narrowed is not result:
        check_finite(narrowed, f"the result in {x.dtype}")
    return narrowed


class Blur:
    """A(x) = kernel * x, convolution with circular borders: the picture's edges wrap around.

    Circular borders make A diagonal in the Fourier basis: A^T multiplies by the conjugate of the kernel's
    spectrum K, while A^+ divides by K where |K| is above a thousandth of its largest value, and gives zero
    elsewhere.

    Args:
        kernel: float tensor (height,width) that sums to one; a derivative filter, with negative weights, may
            sum to anything. Its centre is `(size - 1) // 2`.

    Warns where a kernel without negative weights sums to less than 1/2 or more than 2.

    Raises:
        TypeError, ValueError: the kernel is not such a tensor, its values are on the scale 0..255, or, when
            used, it is larger than the picture.
    """

    def __init__(self, kernel):
        check_kernel(kernel)
        check_weights(kernel)
        self.kernel = kernel.detach().cpu().to(torch.float64, copy=True)

    def spectrum(self, x):
        check_stack(x, "x")
        return spectrum(self.kernel, *x.shape[-2:])

    def __call__(self, x):
        return filter_spectrum(x, self.spectrum(x))

    def adjoint(self, y):
        return filter_spectrum(y, self.spectrum(y).conj())

    def pinv(self, y, epsilon=0.0):
        """A^+ y; with epsilon above 0 it is A^T (A A^T + epsilon)^-1 y, which amplifies noise less."""
        check_number(epsilon, "epsilon")
        K = self.spectrum(y)
        return filter_spectrum(y, K.conj() * invert_spectrum(K.abs() ** 2 + epsilon))


def cubic(t):
    """Keys' cubic interpolation kernel with a = -1/2, the "bicubic" of MATLAB and of the field."""
    t = t.abs()
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return torch.where(t <= 1, near, torch.where(t < 2, far, torch.zeros_like(t)))


def bicubic_matrix(size, smaller):
    """The matrix (smaller, size) that shrinks a line of pixels by antialiased bicubic interpolation.

    Each row holds the cubic stretched by the scale size / smaller, about the centre of its output pixel; what
    falls outside is mirrored back in, edge pixels repeated, and each row sums to one. This is what MATLAB's
    imresize computes.
    """
    scale = size / smaller
    reach = math.ceil(2 * scale)
    centres = (torch.arange(smaller, dtype=torch.float64)[:, None] + 0.5) * scale - 0.5
    pixels = torch.arange(-reach, size + reach)
    weights = cubic((centres - pixels) / scale)
    mirrored = pixels.remainder(2 * size)
    mirrored = torch.where(mirrored < size, mirrored, 2 * size - 1 - mirrored)
    matrix = torch.zeros(smaller, size, dtype=torch.float64).index_add_(1, mirrored, weights)
    return matrix / matrix.sum(1, keepdim=True)


class Downsample:
    """A(x): a picture `scale` times smaller by antialiased bicubic interpolation, as MATLAB's imresize.

    The field's standard for super-resolution. It is separable, A x = D_rows x D_columns^T, so the adjoint and
    the pseudo-inverse are those of two small matrices. Where the scale is no whole number, both pictures
    still cover the same field of view, and the sides are rounded: small = round(large / scale) and
    large = round(small * scale).

    Args:
        scale: number of at least 1, or a pair of them, (down, across); see `fitting_sides`.

    Raises:
        TypeError, ValueError: of the scale; when used, the scale does not fit a side.
    """

    def __init__(self, scale):
        self.scale = scale
        scales = scale if isinstance(scale, tuple | list) and len(scale) == 2 else (scale, scale)
        self.scales = tuple(check_number(value, "scale", 1, 64) for value in scales)

    def _multiply(self, x, shape, factor):
        smaller = (round(side / scale) for side, scale in zip(shape, self.scales, strict=True))
        rows, columns = (
            factor(bicubic_matrix(*sides)).to(x.device, x.dtype) for sides in zip(shape, smaller, strict=True)
        )
        return rows @ x @ columns.T

    def __call__(self, x):
        check_divides(self.scales, x)
        return self._multiply(x, x.shape[-2:], lambda D: D)

    def adjoint(self, y):
        return self._multiply(y, enlarged_sides(y, self.scales), lambda D: D.T)

    def pinv(self, y):
        return self._multiply(y, enlarged_sides(y, self.scales), torch.linalg.pinv)


class BlurDownsample:
    """A(x): blur with any kernel and circular borders, then keep every scale-th pixel.

    Each output pixel is centred on the block of scale x scale pixels that it stands for, as with
    `Downsample`, so nothing shifts. Where kernel and scale differ in parity, the kernel's centre would miss
    the block's centre by half a pixel: then the kernel is moved there, as the mean of its two neighbouring
    positions.

    Args:
        kernel: float tensor (height,width), as of `Blur`.
        scale: whole factor of at least 1; it must divide both sides of the picture.

    Raises:
        TypeError, ValueError: of the kernel or the scale; when used, the scale does not divide a side or the
            kernel is larger than the picture.
    """

    def __init__(self, kernel, scale):
        check_kernel(kernel)
        scale = check_integer(scale, "scale", 1, 64)
        kernel = kernel.detach().cpu().double()
        for direction in (0, 1):
            if (kernel.shape[direction] - scale) % 2:
                border = torch.zeros_like(kernel.narrow(direction, 0, 1))
                kernel = (torch.cat([kernel, border], direction) + torch.cat([border, kernel], direction)) / 2
        self.scale, self.scales, self.blur = scale, (scale, scale), Blur(kernel)

    def __call__(self, x):
        check_divides(self.scales, x)
        return self.blur(x)[..., self.scale // 2 :: self.scale, self.scale // 2 :: self.scale]

    def adjoint(self, y):
        height, width = enlarged_sides(y, self.scales)
        zero_filled = y.new_zeros(*y.shape[:2], height, width)
        zero_filled[..., self.scale // 2 :: self.scale, self.scale // 2 :: self.scale] = y
        return self.blur.adjoint(zero_filled)

    def pinv(self, y):
        # A A^T is itself a circular convolution, with the kernel's autocorrelation at every scale-th pixel.
        height, width = enlarged_sides(y, self.scales)
        power = spectrum(self.blur.kernel, height, width).abs() ** 2
        autocorrelation = torch.fft.irfft2(power, s=(height, width))[:: self.scale, :: self.scale]
        inverse = invert_spectrum(torch.fft.rfft2(autocorrelation).real)
        return self.adjoint(filter_spectrum(y, inverse))


def fitting_sides(shape, scales):
    """Height and width of the largest picture within `shape` that can be made `scales` times smaller."""
    smaller = (math.floor((side + 0.5) / scale) for side, scale in zip(shape[-2:], scales, strict=True))
    # Rounding half to even may come out one pixel too large: then the smaller picture gets one pixel less.
    pairs = zip(smaller, scales, shape[-2:], strict=True)
    return tuple(
        round(side * scale) if round(side * scale) <= most else round((side - 1) * scale)
        for side, scale, most in pairs
    )


def check_divides(scales, x):
    """Refuse pictures (N,C,H,W) whose sides are no multiples of the scales (TypeError, ValueError)."""
    check_stack(x, "x")
    height, width = fitting_sides(x.shape, scales)
    if (height, width) != x.shape[-2:]:
        scale = f"{scales[0]:g}" if scales[0] == scales[1] else f"{scales[0]:g}x{scales[1]:g}"
        pixels = f"{x.shape[-2]}x{x.shape[-1]} pixels"
        if 0 in (height, width):
            raise ValueError(f"scale {scale}: {pixels} are too few to be made smaller by that")
        raise ValueError(
            f"scale {scale} does not divide a picture of {pixels}: cut it to {height}x{width} first"
        )


def enlarged_sides(y, scales):
    """Height and width of the picture of which y (N,C,h,w) is the version `scales` times smaller."""
    check_stack(y, "y")
    return tuple(round(side * scale) for side, scale in zip(y.shape[-2:], scales, strict=True))


def enlarge(y, A):
    """y (N,C,h,w) by bicubic interpolation at the size of the picture of which A makes y. Not clipped."""
    check_operator(A)
    larger = A.adjoint(y)
    check_stack(larger, "the result of A.adjoint")
    size = tuple(larger.shape[-2:])
    # When enlarging, antialias=True changes only the cubic: torch then takes a = -1/2, as the field does.
    return torch.nn.functional.interpolate(exact(y), size=size, mode="bicubic", antialias=True).to(y.dtype)


def consistent(x, y, A):
    """The picture nearest to x that explains y exactly: x + A^+ (y - A(x)). Built in lesson 04.

    The component that A sees is taken from y, the rest (the null space of A) from x. For noiseless y only,
    because the noise of y would come back unchanged.

    Args:
        x: estimate (N,C,H,W).
        y: observation of the shape of A(x).
        A: forward model.

    Raises:
        TypeError, ValueError: x or y is in half precision, A has no `pinv`, or they do not fit each other.
    """
    pinv = pinv_of(A)
    for value, name in ((x, "x"), (y, "y")):
        check_stack(value, name)
        if value.dtype not in (torch.float32, torch.float64):
            raise TypeError(
                f"{name}: expected float32, as A.pinv enlarges rounding errors, got {describe(value)}: call "
                f"{name}.float()"
            )
    seen = A(x)
    check_stack(seen, "A(x)")
    check_same_shape(y, seen, "y", "A(x)")
    correction = pinv(y - seen)
    check_returned(correction, x, "the result of A.pinv", "x")
    return x + correction
