"""Problem set 17: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course.checks import ps17
from dil_course.networks.trained import trained
from dil_course.signals import Fourier, psnr

BANK = AnswerBank("ps17_reconstruction_networks")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: one unrolled step and its adjoint


def step(x, y, A, length, R, upstream, after=None, back=None, by_x=None, by_length=None):
    """The answer, with a place to change for each wrong one."""
    pull = A.adjoint(A(x) - y)
    z = x - length * pull
    u = upstream + R.adjoint(upstream) if back is None else back
    return (
        z + R(z) if after is None else after,
        u - length * A.adjoint(A(u)) if by_x is None else by_x,
        -(u * pull).sum() if by_length is None else by_length,
    )


right("unrolled_step")(step)


@right("unrolled_step")
def one_by_one(x, y, A, length, R, upstream):
    z = [one[None] - length * A.adjoint(A(one[None]) - part[None]) for one, part in zip(x, y, strict=True)]
    after = torch.cat([one + R(one) for one in z])
    u = torch.cat([v[None] + R.adjoint(v[None]) for v in upstream])
    slope = ((u * (torch.cat(z) - x)).sum() / length).item()
    return [after.numpy(), (u - A.adjoint(length * A(u))).numpy(), slope]


@right("unrolled_step")
def by_inner_products(x, y, A, length, R, upstream):
    def forward(x, length):
        z = x - length * (A.adjoint(A(x)) - A.adjoint(y))
        return z + R(z)

    by_length = (upstream * (forward(x, length + 1) - forward(x, length))).sum()
    u = upstream + R.adjoint(upstream)
    return forward(x, length), u - length * A.adjoint(A(u)), by_length[None]


@right("unrolled_step")
def in_place(x, y, A, length, R, upstream):
    pull = A.adjoint(A(x).sub_(y))
    x -= length * pull
    x += R(x)
    upstream += R.adjoint(upstream)
    by_length = torch.tensordot(upstream, pull, 4).neg_()
    return {"after": x, "by_x": upstream.sub_(length * A.adjoint(A(upstream))), "slope": by_length}.values()


@right("unrolled_step")
def by_matrices(x, y, A, length, R, upstream):
    units = torch.eye(x[0].numel(), dtype=x.dtype)
    a, r = (operator(units.reshape(-1, *x.shape[1:])).flatten(1).T for operator in (A, R))
    S, D = units + r, units - length * a.T @ a
    X, Y, V = (images.flatten(1).T for images in (x, y, upstream))
    yield (S @ (D @ X + length * a.T @ Y)).T.reshape(x.shape)
    yield (D.T @ S.T @ V).T.reshape(x.shape).tolist()
    yield ((S @ a.T @ (Y - a @ X)) * V).sum().reshape(1, 1)


def stepped(**change):
    """A wrong answer: `step` with changes, functions of the inputs by name."""

    def answer(x, y, A, length, R, upstream):
        pull = A.adjoint(A(x) - y)
        names = {"x": x, "y": y, "A": A, "s": length, "R": R, "v": upstream, "p": pull}
        names |= {"z": x - length * pull, "u": upstream + R.adjoint(upstream)}
        given = {
            name: value(*(names[key] for key in value.__code__.co_varnames)) for name, value in change.items()
        }
        return step(x, y, A, length, R, upstream, **given)

    return answer


def from_z(start):
    """A wrong `after`: another z before z + R(z)."""

    def answer(x, y, A, length, R, upstream):
        z = start(x, y, A, length)
        return step(x, y, A, length, R, upstream, after=z + R(z))

    return answer


def corrected_first(x, y, A, length, R, upstream):
    z = x + R(x)
    return step(x, y, A, length, R, upstream, after=z - length * A.adjoint(A(z) - y))


def way_forward(x, y, A, length, R, upstream):
    u = upstream - length * A.adjoint(A(upstream))
    return step(x, y, A, length, R, upstream, by_x=u + R.adjoint(u))


def by_autograd(x, y, A, length, R, upstream):
    x.requires_grad_()
    after = step(x, y, A, length, R, upstream)[0]
    return after, torch.autograd.grad((after * upstream).sum(), x)[0], 0.0


WRONG["unrolled_step"] = {
    "this is z: what R adds is missing": stepped(after=lambda z: z),
    "this is R(z) alone, without z": stepped(after=lambda z, R: R(z)),
    "R gets x, and not what the data step made of it": stepped(after=lambda x, z, R: z + R(x)),
    "R comes first and the data step second": corrected_first,
    "R is taken off, not added": stepped(after=lambda z, R: z - R(z)),
    "your data step climbs": from_z(lambda x, y, A, s: x + s * A.adjoint(A(x) - y)),
    "your data step forgets y": from_z(lambda x, y, A, s: x - s * A.adjoint(A(x))),
    "your data step has no length": from_z(lambda x, y, A, s: x - A.adjoint(A(x) - y)),
    "your data step is twice as long": from_z(lambda x, y, A, s: x - 2 * s * A.adjoint(A(x) - y)),
    "your data step has the pseudo-inverse": from_z(lambda x, y, A, s: x - s * A.pinv(A(x) - y)),
    "the adjoint of R stands where R should": stepped(after=lambda z, R: z + R.adjoint(z)),
    "by_x: R goes back as it came": stepped(back=lambda v, R: v + R(v)),
    "by_x: nothing comes back through R": stepped(back=lambda v: v),
    "by_x: only what comes back through R": stepped(back=lambda v, R: R.adjoint(v)),
    "by_x: you stop at z": stepped(by_x=lambda u: u),
    "by_x: y comes back as well": stepped(by_x=lambda u, y, A, s: u - s * A.adjoint(A(u) - y)),
    "by_x: the order is that of the way forward": way_forward,
    "by_x: the length is missing": stepped(by_x=lambda u, A: u - A.adjoint(A(u))),
    "by_x: the data step comes back with the opposite sign": stepped(
        by_x=lambda u, A, s: u + s * A.adjoint(A(u))
    ),
    "by_x: x comes back only through the misfit": stepped(by_x=lambda u, A, s: -s * A.adjoint(A(u))),
    "by_length: you use the upstream gradient before": stepped(by_length=lambda v, p: -(v * p).sum()),
    "by_length: R goes back as it came": stepped(by_length=lambda v, R, p: -((v + R(v)) * p).sum()),
    "by_length: the sign is missing": stepped(by_length=lambda u, p: (u * p).sum()),
    "by_length: the misfit is that of z": stepped(
        by_length=lambda u, z, y, A: -(u * A.adjoint(A(z) - y)).sum()
    ),
    "by_length: the misfit forgets y": stepped(by_length=lambda u, x, A: -(u * A.adjoint(A(x))).sum()),
    "by_length: a mean in place of a sum": stepped(by_length=lambda u, p: -(u * p).mean()),
    "by_length: the length itself is a factor too many": stepped(
        by_length=lambda u, p, s: -s * (u * p).sum()
    ),
    "expected 3 things, (after, by_x, by_length)": lambda *given: step(*given)[:2],
    "no autograd, please": by_autograd,
}


# Task 2: the loss in k-space


def loss_and_slope(x, y, A):
    r = A(x) - y
    return r.abs().sum() / y.abs().sum(), A.adjoint(r.sign()) / y.abs().sum()


right("k_space_loss")(loss_and_slope)


@right("k_space_loss")
def in_numpy(x, y, A):
    r, size = (A(x) - y).numpy(), np.abs(y.numpy()).sum()
    return np.abs(r).sum() / size, A.adjoint(torch.from_numpy(np.sign(r) / size)).numpy()


@right("k_space_loss")
def by_comparisons(x, y, A):
    r = y - A(x)
    signs = (r < 0).to(r) - (r > 0).to(r)
    return [torch.linalg.vector_norm(r, 1) / torch.linalg.vector_norm(y, 1), A.adjoint(signs / y.abs().sum())]


@right("k_space_loss")
def number_by_number(x, y, A):
    size = sum(map(abs, y.flatten().tolist()))
    y -= A(x)
    slope = [-number / abs(number) / size if number else 0.0 for number in y.flatten().tolist()]
    return y.abs_().sum().float() / size, A.adjoint(x.new_tensor(slope).reshape(y.shape)).tolist()


@right("k_space_loss")
def by_functional(x, y, A):
    size = torch.nn.functional.l1_loss(y, torch.zeros_like(y), reduction="sum")
    r = A(x) - y
    return (r / size).norm(p=1), A.adjoint((r / r.abs()).nan_to_num() / size)


def of_loss(change):
    return lambda x, y, A: (change(A(x) - y, x, y, A), loss_and_slope(x, y, A)[1])


def of_slope(change):
    return lambda x, y, A: (loss_and_slope(x, y, A)[0], change(A(x) - y, y.abs().sum(), A))


WRONG["k_space_loss"] = {
    "loss: this is not divided by |y|": of_loss(lambda r, x, y, A: r.abs().sum()),
    "loss: this is a mean over the measurements": of_loss(lambda r, x, y, A: r.abs().mean()),
    "loss: you divide by the size of A x": of_loss(lambda r, x, y, A: r.abs().sum() / A(x).abs().sum()),
    "loss: these are squares": of_loss(lambda r, x, y, A: r.square().sum() / y.square().sum()),
    "loss: these are Euclidean norms": of_loss(lambda r, x, y, A: r.norm() / y.norm()),
    "loss: the signs cancel": of_loss(lambda r, x, y, A: r.sum() / y.abs().sum()),
    "loss: you divide each number by its own": of_loss(lambda r, x, y, A: (r / y).abs().nansum()),
    "loss: expected one number": of_loss(lambda r, x, y, A: r.abs() / y.abs().sum()),
    "slope: this is the slope of half the squares": of_slope(lambda r, size, A: A.adjoint(r) / size),
    "slope: this is the slope of the squares": of_slope(lambda r, size, A: 2 * A.adjoint(r) / size),
    "slope: this is not divided by |y|": of_slope(lambda r, size, A: A.adjoint(r.sign())),
    "slope: A goes back by its adjoint": of_slope(lambda r, size, A: A.pinv(r.sign()) / size),
    "slope: the sign is taken of the image": of_slope(lambda r, size, A: A.adjoint(r).sign() / size),
    "slope: this climbs": of_slope(lambda r, size, A: -A.adjoint(r.sign()) / size),
    "slope: the absolute value is there": of_slope(lambda r, size, A: A.adjoint(r.abs()) / size),
    "loss: you take the modulus": of_loss(lambda r, x, y, A: r.norm(dim=1).sum() / y.norm(dim=1).sum()),
    "slope: you divide each pair of channels by its modulus": of_slope(
        lambda r, size, A: A.adjoint((r / r.norm(dim=1, keepdim=True)).nan_to_num()) / size
    ),
    "slope: you divide by the size of A x": lambda x, y, A: (
        loss_and_slope(x, y, A)[0],
        A.adjoint((A(x) - y).sign()) / A(x).abs().sum(),
    ),
    "slope: where a misfit is exactly zero, yours is 1": of_slope(
        lambda r, size, A: A.adjoint(torch.where(r < 0, -1 / size, 1 / size))
    ),
    "slope: where a misfit is exactly zero, yours is -1": of_slope(
        lambda r, size, A: A.adjoint(torch.where(r > 0, 1 / size, -1 / size))
    ),
    "expected 2 things, (loss, slope)": lambda x, y, A: loss_and_slope(x, y, A)[0],
    "no autograd, please": lambda x, y, A: (
        0.0,
        torch.autograd.grad((A(x.requires_grad_()) - y).abs().sum(), x)[0],
    ),
}


# Task 3: what no measurement sees


def opposite(mask, axes=(-2, -1)):
    """The mask of the opposite frequencies, one frequency at a time."""
    turned = mask.clone()
    for row, column in np.ndindex(*mask.shape[-2:]):
        there = [row, column]
        for axis in axes:
            side = mask.shape[axis]
            there[axis] = (2 * (side // 2) - there[axis]) % side
        turned[..., row, column] = mask[..., there[0], there[1]]
    return turned


def spectrum(x):
    return torch.fft.fftshift(torch.fft.fft2(x), dim=(-2, -1))


def share(estimate, truth, mask, known=None, transform=spectrum, size=lambda s: s.abs() ** 2):
    known = mask.maximum(opposite(mask)) if known is None else known
    energy = size(transform(estimate - truth))
    return ((1 - known) * energy).sum() / energy.sum()


right("unseen_share")(share)


@right("unseen_share")
def by_pseudo_inverse(estimate, truth, mask):
    A, error = Fourier(mask), estimate - truth
    unseen = error - A.pinv(A(error))
    return float(unseen.square().sum() / error.square().sum())


@right("unseen_share")
def in_the_corner(estimate, truth, mask):
    known = np.fft.ifftshift(mask.numpy()[0, 0])
    known = np.maximum(known, np.roll(known[::-1, ::-1], (1, 1), (0, 1)))
    power = np.abs(np.fft.fft2((estimate - truth).numpy()[0, 0])) ** 2
    return [1 - (known * power).sum() / power.sum()]


@right("unseen_share")
def by_least_squares(estimate, truth, mask):
    error, (height, width) = (estimate - truth).numpy().ravel(), mask.shape[-2:]
    patterns = []
    for row, column in np.argwhere(mask[0, 0].numpy() > 0):
        down = (row - height // 2) * np.arange(height)[:, None] / height
        angle = 2 * np.pi * (down + (column - width // 2) * np.arange(width) / width)
        patterns += [np.cos(angle).ravel(), np.sin(angle).ravel()]
    seen = np.stack(patterns, 1) @ np.linalg.lstsq(np.stack(patterns, 1), error, rcond=None)[0]
    return ((error - seen) ** 2).sum() / (error**2).sum()


@right("unseen_share")
def of_half_the_plane(estimate, truth, mask):
    height, width = mask.shape[-2:]
    mask = torch.fft.ifftshift(mask, dim=(-2, -1)) > 0
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    mask |= mask[..., -rows % height, -columns % width]
    estimate -= truth
    weight = torch.full((width // 2 + 1,), 2.0)
    weight[0] = weight[width // 2 if width % 2 == 0 else 0] = 1
    energy = weight * torch.fft.rfft2(estimate).abs() ** 2
    return energy[~mask[..., : width // 2 + 1]].sum() / energy.sum()


@right("unseen_share")
def by_a_complex_projection(estimate, truth, mask):
    error = torch.fft.fftn(estimate - truth)
    known = {(int(row), int(column)) for row, column in np.argwhere(np.fft.ifftshift(mask[0, 0].numpy()))}
    known |= {(-row % mask.shape[-2], -column % mask.shape[-1]) for row, column in known}
    for row, column in known:
        error[..., row, column] = 0
    unseen = torch.fft.ifftn(error)
    return (unseen * unseen.conj()).sum() / torch.dist(estimate, truth) ** 2


def with_known(change):
    return lambda estimate, truth, mask: share(estimate, truth, mask, known=change(mask))


WRONG["unseen_share"] = {
    "opposite frequencies are not counted as known": with_known(lambda mask: mask),
    "only where the opposite one is measured, too": with_known(lambda mask: mask * opposite(mask)),
    "off by one, where a side is even": with_known(lambda mask: mask.maximum(mask.flip((-2, -1)))),
    "off by one, where a side is odd": with_known(
        lambda mask: mask.maximum(mask.flip((-2, -1)).roll((1, 1), (-2, -1)))
    ),
    "off by two": with_known(
        lambda mask: mask.maximum(
            mask.flip((-2, -1)).roll([side % 2 - 1 for side in mask.shape[-2:]], (-2, -1))
        )
    ),
    "turns the columns only": with_known(lambda mask: mask.maximum(opposite(mask, (-1,)))),
    "turns the rows only": with_known(lambda mask: mask.maximum(opposite(mask, (-2,)))),
    "have their zero frequency at different places": lambda *given: share(*given, transform=torch.fft.fft2),
    "your spectrum is shifted by ifftshift": lambda *given: share(
        *given, transform=lambda e: torch.fft.ifftshift(torch.fft.fft2(e), dim=(-2, -1))
    ),
    "this is the share that is seen": lambda *given: 1 - share(*given),
    "this is the unseen energy": lambda estimate, truth, mask: (
        share(estimate, truth, mask) * (estimate - truth).square().sum()
    ),
    "this is the root of the share": lambda *given: share(*given).sqrt(),
    "these are sums of absolute values": lambda *given: share(*given, size=torch.abs),
    "you split the estimate": lambda estimate, truth, mask: share(estimate, torch.zeros_like(truth), mask),
    "you divide the unseen by the seen energy": lambda *given: share(*given) / (1 - share(*given)),
    "you divide by the energy of the truth": lambda estimate, truth, mask: (
        share(estimate, truth, mask) * ((estimate - truth).norm() / truth.norm()) ** 2
    ),
    "this counts frequencies": lambda e, t, mask: 1 - mask.maximum(opposite(mask)).mean(),
    "the share: expected one number": lambda estimate, truth, mask: (estimate - truth).square(),
    "your function returns None": lambda *given: None,
}


# Task 4: a split that does not leak


def judged(network, y, mask, held_out, given=None, model=None, lines=None, size=None, data=None):
    given = mask * (1 - held_out) * (1 - opposite(held_out, (-1,))) if given is None else given
    x = network(y * (given if data is None else data), Fourier(given) if model is None else model)
    lines = held_out if lines is None else lines
    missed = lines * (Fourier(torch.ones_like(mask))(x) - y)
    error = missed.abs().sum() / (lines * y).abs().sum() if size is None else size(missed, lines * y, y)
    return given, error


right("held_out_error")(judged)


@right("held_out_error")
def column_by_column(network, y, mask, held_out):
    given, width = mask.clone(), mask.shape[-1]
    for column in held_out[0, 0, 0].nonzero()[:, 0].tolist():
        given[..., column] = 0
        given[..., (2 * (width // 2) - column) % width] = 0
    predicted = Fourier(held_out)(network(y * given, Fourier(given)))
    wanted = y[held_out.expand_as(y) > 0]
    return [
        given.bool(),
        ((predicted[held_out.expand_as(y) > 0] - wanted).abs().mean() / wanted.abs().mean()).item(),
    ]


@right("held_out_error")
def by_flip_and_roll(network, y, mask, held_out):
    away = held_out.maximum(held_out.flip(-1).roll(1 - held_out.shape[-1] % 2, -1)) > 0
    given = torch.where(away, 0.0, mask)
    missed = Fourier(held_out)(network(given * y, Fourier(given))) - held_out * y
    return given.numpy(), missed.abs().sum().numpy() / (held_out * y).abs().sum().numpy()


@right("held_out_error")
def in_place_by_frequencies(network, y, mask, held_out):
    width = mask.shape[-1]
    k = np.fft.fftshift(np.fft.fftfreq(width, 1 / width)).round().astype(int) % width
    lines = held_out[0, 0, 0].numpy() > 0
    wanted = y[..., lines].clone()
    mask[..., np.isin(k, [*k[lines], *(-k[lines] % width)])] = 0
    y *= mask
    with torch.no_grad():
        coefficients = torch.fft.fftshift(
            torch.fft.fft2(network(y, Fourier(mask))[:, 0], norm="ortho"), (1, 2)
        )
    missed = torch.view_as_real(coefficients).movedim(-1, 1)[..., lines] - wanted
    return mask.int().tolist(), (missed.abs().mean() / wanted.abs().mean())[None]


@right("held_out_error")
def in_double_precision(network, y, mask, held_out):
    m, h, width = mask.double(), held_out.double(), mask.shape[-1]
    mirrored = h[..., [(2 * (width // 2) - column) % width for column in range(width)]]
    given = m - m * h - m * mirrored + m * h * mirrored
    x = network(y.double() * given, Fourier(given))
    everywhere = Fourier(torch.ones_like(m))
    return given, torch.linalg.vector_norm(h * (everywhere(x) - y), 1) / torch.linalg.vector_norm(h * y, 1)


def giving(lines):
    return lambda network, y, mask, held_out: judged(
        network, y, mask, held_out, lines(mask, held_out, opposite(held_out, (-1,)))
    )


def misjudged(**change):
    """A wrong answer whose lines are right: the changes are functions of the right lines and the mask."""

    def answer(network, y, mask, held_out):
        given = mask * (1 - held_out) * (1 - opposite(held_out, (-1,)))
        changes = {name: value(given, mask, held_out) for name, value in change.items()}
        return given, judged(network, y, mask, held_out, **({"given": given} | changes))[1]

    return answer


def measured(size):
    return lambda *given: judged(*given, size=size)


WRONG["held_out_error"] = {
    "the held-out lines are still in the network's input": giving(lambda m, h, o: m),
    "the mirror images of the held-out lines are still given": giving(lambda m, h, o: m - h),
    "only the mirror images are kept away": giving(lambda m, h, o: m * (1 - o)),
    "these are the lines that are held out": giving(lambda m, h, o: h),
    "lines that were never measured count as given": giving(lambda m, h, o: (1 - h) * (1 - o)),
    "your mask holds -1": lambda network, y, mask, held_out: (
        mask - held_out.maximum(opposite(held_out, (-1,))),
        0.0,
    ),
    "off by one, where a side is even": giving(lambda m, h, o: m * (1 - h) * (1 - h.flip(-1))),
    "off by one, where a side is odd": giving(lambda m, h, o: m * (1 - h) * (1 - h.flip(-1).roll(1, -1))),
    "off by two": giving(lambda m, h, o: m * (1 - h) * (1 - h.flip(-1).roll(h.shape[-1] % 2 - 1, -1))),
    "error: the network's data still hold the held-out lines": misjudged(data=lambda g, m, h: m),
    "error: the network's data still hold the mirror images": misjudged(data=lambda g, m, h: m - h),
    "told that the mirror images are measured as zero": misjudged(model=lambda g, m, h: Fourier(m - h)),
    "error: these are sums of moduli": lambda *given: judged(
        *given, size=lambda r, held, y: r.norm(dim=1).sum() / held.norm(dim=1).sum()
    ),
    "error: this is divided by the size of what the network predicts": lambda *given: judged(
        *given, size=lambda r, held, y: r.abs().sum() / (r + held).abs().sum()
    ),
    "error: the network is told that all lines are measured": misjudged(model=lambda g, m, h: Fourier(m)),
    "error: the network was given all lines": misjudged(given=lambda g, m, h: m),
    "error: the network was given the mirror images": misjudged(given=lambda g, m, h: m - h),
    "error: this is over all measured lines": misjudged(lines=lambda g, m, h: m),
    "error: this is over the given lines": misjudged(lines=lambda g, m, h: g),
    "kept away only for their mirror images' sake": misjudged(lines=lambda g, m, h: m - g),
    "error: this is divided by the size of all measured lines": measured(
        lambda r, held, y: r.abs().sum() / y.abs().sum()
    ),
    "error: this is not divided by the size": measured(lambda r, held, y: r.abs().sum()),
    "error: these are squares": measured(lambda r, held, y: r.square().sum() / held.square().sum()),
    "error: these are Euclidean norms": measured(lambda r, held, y: r.norm() / held.norm()),
    "error: this is a mean of absolute values": measured(lambda r, held, y: r.abs().mean()),
    "error: expected one number": measured(lambda r, held, y: r.abs()),
    "expected 2 things, (given, error)": lambda *given: judged(*given)[1],
}


# Task 5: the gradient at a fixed point


def at_the_fixed_point(parts, gains, A, y, length, x=None, exact=None, free=None):
    """The answer; x, exact and free change it: functions of everything that it computes."""
    W, unity = torch.tensordot(gains, parts, 1), torch.eye(parts.shape[-1], dtype=parts.dtype)
    M = unity - length * A.T @ A
    point = torch.linalg.solve(unity - W @ M, length * W @ A.T @ y)
    names = {"W": W, "M": M, "E": unity, "A": A, "y": y, "s": length, "x": point}
    names |= {"z": point - length * A.T @ (A @ point - y), "p": A.T @ (A @ point - y)}
    names["v"] = torch.linalg.solve((unity - W @ M).T, names["p"])
    names["g"] = gains
    names["G"] = lambda v, z=names["z"]: torch.stack([v @ part @ z for part in parts])

    def value(change, default):
        change = default if change is None else change
        return change(*(names[key] for key in change.__code__.co_varnames))

    return (
        value(x, lambda x: x),
        value(exact, lambda G, v: G(v)),
        value(free, lambda G, p: G(p)),
    )


@right("fixed_point_gradients")
def by_solving(parts, gains, A, y, length):
    return at_the_fixed_point(parts, gains, A, y, length)


@right("fixed_point_gradients")
def by_iteration(parts, gains, A, y, length):
    W = (gains[:, None, None] * parts).sum(0)
    x = torch.zeros(len(W), dtype=W.dtype)
    for _ in range(600):
        z = x - length * A.T @ (A @ x - y)
        x = W @ z
    pull = A.T @ (A @ x - y)
    v = pull.clone()
    for _ in range(600):
        u = W.T @ v
        v = pull + u - length * A.T @ (A @ u)
    return [x.numpy(), [float(v @ part @ z) for part in parts], [float(pull @ part @ z) for part in parts]]


@right("fixed_point_gradients")
def by_the_inverse(parts, gains, A, y, length):
    W, n = torch.einsum("k,kij->ij", gains, parts), parts.shape[-1]
    M = torch.eye(n, dtype=W.dtype) - length * A.T @ A
    inverse = torch.linalg.inv(torch.eye(n, dtype=W.dtype) - W @ M)
    x = inverse @ W @ (length * A.T @ y)
    columns = parts @ (M @ x + length * A.T @ y)
    residual = A @ x - y
    return (
        torch.stack([residual @ A @ inverse @ column for column in columns]).new_tensor(x.tolist()),
        (columns @ inverse.T @ A.T @ residual),
        columns @ A.T @ residual,
    )


@right("fixed_point_gradients")
def by_the_change_of_the_point(parts, gains, A, y, length):
    parts, gains, A, y = (given.numpy() for given in (parts, gains, A, y))
    W = sum(gain * part for gain, part in zip(gains, parts, strict=True))
    system = np.eye(len(W)) - W @ (np.eye(len(W)) - length * A.T @ A)
    x = np.linalg.solve(system, length * W @ A.T @ y)
    misfit = A @ x - y
    changes = [part @ (x - length * A.T @ misfit) for part in parts]
    exact = [misfit @ A @ np.linalg.solve(system, change) for change in changes]
    return {"x": x, "exact": exact, "free": [misfit @ A @ change for change in changes]}.values()


@right("fixed_point_gradients")
def by_complex_eigenvectors(parts, gains, A, y, length):
    W = torch.tensordot(gains, parts, 1)
    values, vectors = torch.linalg.eig(W - length * W @ A.T @ A)
    inverse = vectors @ torch.diag(1 / (1 - values)) @ torch.linalg.inv(vectors)
    x = inverse @ (length * W @ A.T @ y).to(inverse)
    y -= A @ x.real
    z, pull = x.real + length * A.T @ y, -A.T @ y
    columns = torch.stack([part @ z for part in parts], 1)
    return x, (inverse @ columns.to(inverse)).T @ pull.to(inverse), columns.T @ pull


@right("fixed_point_gradients")
def by_differences(parts, gains, A, y, length):
    def point(gains):
        return at_the_fixed_point(parts, gains, A, y, length)[0]

    def loss(x):
        return (A @ x - y).square().sum() / 2

    x, steps = point(gains), 1e-5 * torch.eye(len(gains), dtype=gains.dtype)
    z = x - length * A.T @ (A @ x - y)
    maps = (point, lambda gains: torch.tensordot(gains, parts, 1) @ z)
    return x, *([(loss(to(gains + step)) - loss(to(gains - step))) / 2e-5 for step in steps] for to in maps)


def fixed(**change):
    return lambda *given: at_the_fixed_point(*given, **change)


WRONG["fixed_point_gradients"] = {
    "x: the length is missing in the data step": fixed(
        x=lambda W, E, A, y: torch.linalg.solve(E - W @ (E - A.T @ A), W @ A.T @ y)
    ),
    "x: the length is missing in front of A^T y": fixed(x=lambda x, s: x / s),
    "x: the length is missing in M": fixed(
        x=lambda W, E, A, y, s: torch.linalg.solve(E - W @ (E - A.T @ A), s * W @ A.T @ y)
    ),
    "x: A^T y does not pass through W": fixed(
        x=lambda W, M, E, A, y, s: torch.linalg.solve(E - W @ M, s * A.T @ y)
    ),
    "x: the order of W and M is exchanged": fixed(
        x=lambda W, M, E, A, y, s: torch.linalg.solve(E - M @ W, s * W @ A.T @ y)
    ),
    "x: the misfit of x itself is missing": fixed(
        x=lambda W, E, A, y, s: torch.linalg.solve(E - W, s * W @ A.T @ y)
    ),
    "x: the data step climbs": fixed(
        x=lambda W, E, A, y, s: torch.linalg.solve(E - W @ (E + s * A.T @ A), -s * W @ A.T @ y)
    ),
    "x: this is one application, from zero": fixed(x=lambda W, A, y, s: s * W @ A.T @ y),
    "x: this is what comes into W": fixed(x=lambda z: z),
    "exact: this is the Jacobian-free gradient": fixed(exact=lambda G, p: G(p)),
    "exact: the matrix of your system is not transposed": fixed(
        exact=lambda G, E, W, M, p: G(torch.linalg.solve(E - W @ M, p))
    ),
    "exact: the inverse is that of 1 - W": fixed(
        exact=lambda G, E, W, p: G(torch.linalg.solve((E - W).T, p))
    ),
    "exact: the order of W and M is exchanged": fixed(
        exact=lambda G, E, W, M, p: G(torch.linalg.solve((E - M @ W).T, p))
    ),
    "exact: W is applied to z": fixed(exact=lambda G, v, x: G(v, x)),
    "exact: this is only two applications deep": fixed(exact=lambda G, W, M, p: G(p + (W @ M).T @ p)),
    "exact: a factor 2": fixed(exact=lambda G, v: 2 * G(v)),
    "exact: the opposite sign": fixed(exact=lambda G, v: -G(v)),
    "exact: the parts are transposed": fixed(exact=lambda G, v, z: G(z, v)),
    "exact: the gain itself is a factor too many": fixed(exact=lambda G, v, g: g * G(v)),
    "exact: the length is a factor too many": fixed(exact=lambda G, v, s: s * G(v)),
    "Jacobian-free: the parts are transposed": fixed(free=lambda G, p, z: G(z, p)),
    "Jacobian-free: the gain itself is a factor too many": fixed(free=lambda G, p, g: g * G(p)),
    "Jacobian-free: the length is a factor too many": fixed(free=lambda G, p, s: s * G(p)),
    "Jacobian-free: this is the exact one again": fixed(free=lambda G, v: G(v)),
    "Jacobian-free: W is applied to z": fixed(free=lambda G, p, x: G(p, x)),
    "Jacobian-free: a factor 2": fixed(free=lambda G, p: 2 * G(p)),
    "Jacobian-free: the opposite sign": fixed(free=lambda G, p: -G(p)),
    "Jacobian-free: this is two applications deep": fixed(free=lambda G, W, M, p: G(p + (W @ M).T @ p)),
    "Jacobian-free: the gradient by x has gone through W": fixed(free=lambda G, W, p: G(W.T @ p)),
    "expected 3 things, (x, exact, jacobian_free)": lambda *given: at_the_fixed_point(*given)[0][:2],
    "no autograd, please": lambda parts, gains, A, y, length: (
        y,
        torch.autograd.grad(gains.requires_grad_().square().sum(), gains)[0],
        y,
    ),
}


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")(
    {
        "D": "other units",
        "C": " centre off by one",
        "B": "lines not withheld.",
        "A": "steps too large",
        "E": 3,
    }
)

BANK.add_wrong_causes("bad luck")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps17.failing_run(letter) for letter in "ABCD"} | {"good": ps17._run("nothing")}


def score(run):
    return psnr(run["estimate"].clamp(0, 1), run["truth"])


def exceeding(runs, measure, limit):
    return {letter for letter, run in runs.items() if measure(run) > limit}


def test_a_good_run_gains_what_the_task_says_and_each_fault_costs_most_of_it(runs):
    y, A = ps17.scan(runs["good"]["truth"])
    with torch.no_grad():
        trained_alone = runs["good"]["started"](y, A)
    before = psnr(trained_alone.clamp(0, 1), runs["good"]["truth"])
    assert score(runs["good"]) > before + 3
    assert max(score(runs[letter]) for letter in "ABCD") < before + 2


def test_only_run_a_moved_its_weights_far(runs):
    def moved(r):
        pairs = zip(r["network"].parameters(), r["started"].parameters(), strict=True)
        return max((after - before).abs().max().item() for after, before in pairs)

    assert exceeding(runs, moved, 0.01) == exceeding(runs, moved, 0.02) == {"A"}


def test_only_run_b_was_given_the_lines_that_it_had_to_predict(runs):
    assert exceeding(runs, lambda r: (r["given"][3] * r["wanted"][3]).abs().max(), 0) == {"B"}


def test_only_run_c_has_data_that_are_not_those_of_the_truth(runs):
    assert exceeding(runs, lambda r: (Fourier(r["mask"])(r["truth"]) - r["y"]).abs().max(), 0.1) == {"C"}
    brightest = {letter: int(r["y"].square().sum((0, 1, 2)).argmax()) for letter, r in runs.items()}
    assert brightest == {"A": 48, "B": 48, "C": 49, "D": 48, "good": 48}


def test_only_run_d_was_given_other_numbers_than_were_measured(runs):
    shares = {letter: (r["given"][3].abs().max() / r["y"].abs().max()).item() for letter, r in runs.items()}
    assert {letter for letter, share in shares.items() if abs(share - 1) > 1e-5} == {"D"}


def test_no_run_starts_from_other_weights_or_fits_the_mirror_images_of_its_judge(runs):
    weights = trained("reconstruction_phantoms_joint").state_dict()
    for run in runs.values():
        assert all(torch.equal(run["started"].state_dict()[name], weights[name]) for name in weights)
        assert not (run["fit"] * opposite(run["judge"], (-1,))).any()


# Wrong answers that get no diagnosis of their own.


def one_image_only(x, y, A, length, R, upstream):
    after, by_x, _ = step(x, y, A, length, R, upstream)
    return after, by_x, step(x[:1], y[:1], A, length, R, upstream[:1])[2] * len(x)


def only_of_this_length(x, y, A, length, R, upstream):
    return step(x, y, A, 0.9, R, upstream)


def whole_columns_only(estimate, truth, mask):
    known = mask.maximum(opposite(mask)).amax(-2, keepdim=True).expand_as(mask)
    return share(estimate, truth, mask, known=known)


def by_rote(task, answer):
    """An answer that knows the numbers of the visible check, and gives them whatever it is asked."""
    known = []

    def learn(*given):
        known.append(answer(*given))
        return known[-1]

    assert getattr(ps17, task)(learn) > 0

    def recite(*given):
        recite.count += 1
        return known[recite.count % len(known)]

    recite.count = -1
    return recite


RIGHT_ONE = {
    "unrolled_step": step,
    "k_space_loss": loss_and_slope,
    "unseen_share": share,
    "held_out_error": judged,
    "fixed_point_gradients": by_solving,
}


@pytest.mark.parametrize("task", RIGHT_ONE)
def test_numbers_learned_by_rote_pass_the_visible_check_alone(task):
    answer = by_rote(task, RIGHT_ONE[task])
    assert getattr(ps17, task)(answer) > 0 and getattr(ps17, task)(answer, seed=2357) == 0


ALSO_WRONG = {
    "one length": ("unrolled_step", only_of_this_length),
    "the first image": ("unrolled_step", one_image_only),
    "a clipped slope": ("k_space_loss", of_slope(lambda r, size, A: (A.adjoint(r.sign()) / size).clamp(0))),
    "whole columns": ("unseen_share", whole_columns_only),
    "the real part": (
        "unseen_share",
        lambda *given: share(*given, size=lambda s: s.real**2),
    ),
    "half the plane, unweighted": (
        "unseen_share",
        lambda *given: share(*given, size=lambda s: s.abs() ** 2 * (torch.arange(s.shape[-1]) < 5)),
    ),
    "in the image": (
        "unseen_share",
        lambda e, t, mask: ((1 - mask) * (e - t) ** 2).sum() / ((e - t) ** 2).sum(),
    ),
    "the adjoint for the pseudo-inverse": (
        "unseen_share",
        lambda e, t, mask: (
            ((e - t - Fourier(mask).adjoint(Fourier(mask)(e - t))).norm() / (e - t).norm()) ** 2
        ),
    ),
    "a tenth too much": ("unrolled_step", lambda *given: (*step(*given)[:2], 1.001 * step(*given)[2])),
    "rounded signs": ("k_space_loss", of_slope(lambda r, size, A: A.adjoint(torch.tanh(9 * r)) / size)),
    "line by line": (
        "held_out_error",
        measured(lambda r, held, y: (r.abs().sum((1, 2)) / held.abs().sum((1, 2))).nanmean()),
    ),
    "a few applications": (
        "fixed_point_gradients",
        fixed(
            x=lambda W, M, A, y, s: (
                s * sum(torch.linalg.matrix_power(W @ M, k) @ W @ A.T @ y for k in range(4))
            )
        ),
    ),
    "a constant error": ("held_out_error", lambda *given: (judged(*given)[0], 1.0)),
    "one gain": (
        "fixed_point_gradients",
        lambda *given: tuple(value * (index == 0) for index, value in enumerate(at_the_fixed_point(*given))),
    ),
}


@pytest.mark.parametrize("seed", [0, 1, 5, 77, 2357])
@pytest.mark.parametrize("name", ALSO_WRONG)
def test_wrong_answer_is_refused_with_any_seed(name, seed):
    task, answer = ALSO_WRONG[name]
    assert getattr(ps17, task)(answer, seed=seed) == 0


def test_no_way_of_autograd_passes_where_the_task_is_to_derive(capsys):
    def backward(x, y, A):
        loss = (A(x.requires_grad_()) - y).abs().sum() / y.abs().sum()
        loss.backward()
        return loss.detach(), x.grad

    assert ps17.k_space_loss(backward) == 0
    assert "no autograd, please" in capsys.readouterr().out


def test_an_answer_that_changes_its_inputs_is_judged_by_what_it_returns():
    def answer(network, y, mask, held_out):
        result = judged(network, y, mask, held_out)
        y.zero_(), held_out.zero_()
        return result

    assert ps17.held_out_error(answer) == 3


def test_an_answer_that_changes_its_operator_is_refused_all_the_same():
    def answer(x, y, A):
        A.adjoint = A.pinv = torch.zeros_like
        return (A(x) - y).abs().sum() / y.abs().sum(), torch.zeros_like(x)

    assert ps17.k_space_loss(answer) == 0
