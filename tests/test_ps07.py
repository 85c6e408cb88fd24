"""Problem set 07: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course import runtime
from dil_course.checks import ps07
from dil_course.checks.inputs import shared_noise
from dil_course.fitting import run
from dil_course.from_scratch.self_supervised import blind, noise2noise, noise2self
from dil_course.from_scratch.self_supervised.blind_spot import mirror, neighbour_mean
from dil_course.from_scratch.self_supervised.noise2noise import recorrupt
from dil_course.signals import psnr

BANK = AnswerBank("ps07_self_supervised_denoising")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: the loss that looks at hidden pixels


@right("hidden_loss")
def picked(estimate, y, hidden):
    return (estimate - y)[hidden.expand_as(y)].square().mean()


@right("hidden_loss")
def weighted(estimate, y, hidden):
    estimate -= y  # in place: the check must not mind
    return ((estimate * hidden) ** 2).sum() / (y.shape[1] * hidden.sum())


@right("hidden_loss")
def channel_by_channel_in_32_bits(estimate, y, hidden):
    difference = (estimate - y).float()
    losses = [difference[:, [channel]][hidden].square().mean() for channel in range(y.shape[1])]
    return sum(losses) / len(losses)


right("hidden_loss")(
    lambda f, y, h: torch.nn.functional.mse_loss(f[h.expand_as(f)], y[h.expand_as(y)]).view(1)
)


def summed_in_loops(estimate, y, hidden):
    errors = []
    for row, column in hidden[0, 0].nonzero().tolist():
        errors += ((estimate - y)[0, :, row, column] ** 2).tolist()
    return sum(errors) / len(errors)


@right("hidden_loss")
def towards_the_estimate_where_shown(estimate, y, hidden):
    target = torch.where(hidden, y, estimate)
    return torch.nn.functional.mse_loss(estimate, target, reduction="sum") / hidden.expand_as(y).sum()


@right("hidden_loss")
def by_indices(estimate, y, hidden):
    row, column = hidden[0, 0].nonzero(as_tuple=True)
    return (estimate[..., row, column] - y[..., row, column]).pow(2).mean(2).mean()


WRONG["hidden_loss"] = {
    "your numbers are others than asked for": lambda f, y, h: (
        (f * h - y).square().sum() / (h.sum() * y.shape[1])
    ),
    "1/2 of what is asked for": lambda f, y, h: torch.nn.functional.huber_loss(
        f[h.expand_as(f)], y[h.expand_as(y)]
    ),
    "this judges all pixels": lambda f, y, h: (f - y).square().mean(),
    "this judges the pixels that were shown": lambda f, y, h: picked(f, y, ~h),
    "the squares are added up": lambda f, y, h: (h * (f - y) ** 2).sum(),
    "count as pixels without an error": lambda f, y, h: (h * (f - y) ** 2).mean(),
    "your result is the square root of": lambda f, y, h: picked(f, y, h).sqrt(),
    "this is the mean absolute difference": lambda f, y, h: (f - y)[h.expand_as(y)].abs().mean(),
    "this is the square of the mean difference": lambda f, y, h: (f - y)[h.expand_as(y)].mean() ** 2,
    "forgets that each has several channels": lambda f, y, h: (h * (f - y) ** 2).sum() / h.sum(),
    "this judges the first channel only": lambda f, y, h: (f - y)[:, :1][h].square().mean(),
    "one number is asked for: the mean": lambda f, y, h: (f - y)[h.expand_as(y)] ** 2,
    "your function returns None": lambda f, y, h: None,
    "another gradient than the formula": lambda f, y, h: ((f - y) * (f.detach() - y))[h.expand_as(y)].mean(),
    "a network cannot learn from your loss": summed_in_loops,
}


@pytest.mark.parametrize("answer", [
    lambda f, y, h: picked(f, y, h).detach(),
    lambda f, y, h: torch.tensor(picked(f, y, h).item(), requires_grad=True),
    lambda f, y, h: np.mean((f.numpy() - y.numpy())[np.broadcast_to(h.numpy(), y.shape)] ** 2),
    lambda f, y, h: np.mean((f.detach().numpy() - y.numpy())[np.broadcast_to(h.numpy(), y.shape)] ** 2),
])  # fmt: skip
def test_a_loss_without_a_gradient_is_refused_as_such(answer, capsys):
    assert ps07.hidden_loss(answer) == 0
    assert "a network cannot learn from your loss" in capsys.readouterr().out


def test_gradient_of_a_loss_is_looked_at_where_gradients_are_off():
    with torch.no_grad():
        assert ps07.hidden_loss(picked) == 2 and ps07.hidden_loss(summed_in_loops) == 0


# Task 2: a stranger in each hidden pixel's place


def redrawn(
    y,
    hidden,
    radius,
    generator,
    reach=None,
    back=None,
    every=False,
    fits=lambda down, across: (down, across) != (0, 0),
):
    """A loop that draws again until the place will do, with one place to change for each wrong answer.

    Args:
        back: what to do with a place outside; None draws again.
        every: replace all pixels.
        fits: which offsets will do.
    """
    reach = reach or (-radius, radius + 1)
    result, sides = y.clone(), y.shape[-2:]
    for row, column in (hidden | every)[0, 0].nonzero().tolist():
        while True:
            down, across = torch.randint(*reach, (2,), generator=generator).tolist()
            place = (row + down, column + across)
            if back:
                place = [back(index, side) for index, side in zip(place, sides, strict=True)]
            if fits(down, across) and all(
                0 <= index < side for index, side in zip(place, sides, strict=True)
            ):
                break
        result[..., row, column] = y[..., place[0], place[1]]
    return result


right("disguise")(redrawn)


@right("disguise")
def mirrored(y, hidden, radius, generator):
    height, width = y.shape[-2:]
    side = 2 * radius + 1
    drawn = torch.randint(side**2 - 1, (height, width), generator=generator)
    drawn = drawn + (drawn >= side**2 // 2)
    own_row, own_column = torch.arange(height)[:, None], torch.arange(width)
    row, column = (
        mirror(own_row + drawn // side - radius, height),
        mirror(own_column + drawn % side - radius, width),
    )
    itself = (row == own_row) & (column == own_column)
    return torch.where(hidden, y[..., row, torch.where(itself, mirror(column + 1, width), column)], y)


@right("disguise")
def listed(y, hidden, radius, generator):
    picture, result = y.numpy(), y.numpy().copy()
    height, width = picture.shape[-2:]
    for row, column in zip(*np.nonzero(hidden.numpy()[0, 0]), strict=True):
        rows, columns = (
            range(max(row - radius, 0), min(row + radius + 1, height)),
            range(max(column - radius, 0), min(column + radius + 1, width)),
        )
        others = [(a, b) for a in rows for b in columns if (a, b) != (row, column)]
        a, b = others[torch.randint(len(others), (), generator=generator)]
        result[..., row, column] = picture[..., a, b]
    y.zero_()
    return result.astype(np.float32)


@right("disguise")
def rarely_far(y, hidden, radius, generator):
    """Corners of the window come in one draw of 140."""
    result, sides = y.clone(), torch.tensor(y.shape[-2:])
    for place in hidden[0, 0].nonzero():
        other = place
        while other.equal(place) or (other < 0).any() or (other >= sides).any():
            offset = (0.6 * radius * torch.randn(2, generator=generator)).round().int()
            other = place + offset.clamp(-radius, radius)
        result[..., *place] = y[..., *other]
    return result


@right("disguise")
def by_unfolding_numbered_pixels(y, hidden, radius, generator):
    numbers = torch.arange(1.0, y[0, 0].numel() + 1, dtype=torch.float64).view(1, 1, *y.shape[-2:])
    windows = torch.nn.functional.unfold(numbers, 2 * radius + 1, padding=radius)[0].T.long()
    chances = (windows > 0).double()
    chances[:, windows.shape[1] // 2] = 0
    source = windows.gather(1, torch.multinomial(chances, 1, generator=generator))[:, 0] - 1
    return torch.where(hidden, y.flatten(2)[..., source].view_as(y), y)


@right("disguise")
def clamped_and_drawn_again(y, hidden, radius, generator):
    result, last = y.clone(), torch.tensor(y.shape[-2:]) - 1
    for place in hidden[0, 0].nonzero():
        other = place
        while other.equal(place):
            other = place + torch.randint(-radius, radius + 1, (2,), generator=generator)
            other = other.clamp(min=torch.zeros(2, dtype=torch.long), max=last)
        result[..., place[0], place[1]] = y[..., other[0], other[1]]
    return result


def in_place(y, hidden, radius, generator):
    for row, column in hidden[0, 0].nonzero().tolist():
        alone = torch.zeros_like(hidden)
        alone[..., row, column] = True
        y[..., row, column] = redrawn(y, alone, radius, generator)[..., row, column]
    return y


def row_by_row(y, hidden, radius, generator):
    """All hidden pixels of a row look in the same direction."""
    rows = []
    for row in range(y.shape[-2]):
        lone = torch.zeros_like(hidden)
        lone[..., row, :] = hidden[..., row, :]
        rows.append(one_direction(y, lone, radius, generator)[..., [row], :])
    return torch.cat(rows, -2)


def one_direction(y, hidden, radius, generator):
    down, across = 0, 0
    while (down, across) == (0, 0):
        down, across = torch.randint(-radius, radius + 1, (2,), generator=generator).tolist()
    row, column = (
        mirror(torch.arange(y.shape[-2]) + down, y.shape[-2]),
        mirror(torch.arange(y.shape[-1]) + across, y.shape[-1]),
    )
    itself = (row[:, None] == torch.arange(y.shape[-2])[:, None]) & (column == torch.arange(y.shape[-1]))
    other = torch.where(itself, mirror(column + 1, y.shape[-1]), column)
    return torch.where(hidden, y[..., row[:, None], other], y)


def channel_by_channel(y, hidden, radius, generator):
    # A picture of one channel comes back in an answer of its own, so that the first inputs find this mistake.
    return torch.cat(
        [redrawn(y[:, [channel]], hidden, radius, generator) for channel in range(y.shape[1])], 1
    )


WRONG["disguise"] = {
    "no hidden pixel is replaced": lambda y, hidden, radius, generator: y,
    "pixels that are not hidden have changed": lambda *given: redrawn(*given, every=True),
    "hidden and visible pixels are exchanged": lambda y, hidden, radius, generator: redrawn(
        y, ~hidden, radius, generator
    ),
    "hidden pixels are black here": lambda y, hidden, radius, generator: y * ~hidden,
    "a value that no pixel of y has": lambda y, hidden, radius, generator: torch.where(
        hidden, neighbour_mean(y), y
    ),
    "come from different pixels": channel_by_channel,
    "at the border a hidden pixel sometimes shows itself": lambda *given: redrawn(
        *given, back=lambda index, side: min(max(index, 0), side - 1)
    ),
    "at the border a stranger comes from farther away": lambda *given: redrawn(
        *given, back=lambda index, side: index % side
    ),
    "a stranger comes from 3 pixels away, and the radius is 2": lambda y, h, radius, g: redrawn(
        y, h, radius + 1, g
    ),
    "each call gives the same strangers": lambda y, h, radius, g: redrawn(
        y, h, radius, torch.Generator().manual_seed(0)
    ),
    "all hidden pixels look in the same direction": one_direction,
    "strangers come from the same row or column only": lambda *given: redrawn(
        *given, fits=lambda down, across: (down == 0) != (across == 0)
    ),
    "not all of the window's rim can come": lambda y, h, radius, g: redrawn(
        y, h, radius, g, reach=(-radius, radius)
    ),
    "not all of the window can come": lambda *given: redrawn(
        *given, fits=lambda down, across: down != 0 and across != 0
    ),
    "generators of the same seed give other strangers": lambda y, h, radius, g: redrawn(y, h, radius, None),
    "your result has the shape": lambda y, h, radius, g: redrawn(y, h, radius, g)[0, 0],
    "your function stops with": lambda y, h, radius, g: y[..., y.shape[-1]],
    "a colour that its stranger had taken from elsewhere": in_place,
    "some hidden pixels look in the same direction": row_by_row,
}
WRONG["disguise"]["not yet: a hidden pixel sometimes shows itself"] = lambda *given: redrawn(
    *given, fits=lambda down, across: True
)


# Task 3: does a pixel look at itself


def one_by_one(f, y, places, step, size=None, before=None, begin=None):
    """A loop, with one place to change for each wrong answer."""
    before, found = f(y) if before is None else before, []
    for row, column in places:
        changed = y.clone() if begin is None else begin(y)
        changed[..., row, column] += step
        found.append(((f(changed) - before)[0, 0, row, column] / (step if size is None else size)).item())
    return found


right("self_influence")(one_by_one)


@right("self_influence")
def as_a_list_of_tensors_with_gradients(f, y, places, step):
    y.requires_grad_()
    return [((f(y + step * at(y, place)) - f(y)) * at(y, place)).sum() / step for place in places]


@right("self_influence")
def all_in_one_batch(f, y, places, step):
    rows, columns = zip(*places, strict=True)
    changed = torch.cat([y + step * at(y, place) for place in places] + [y])
    output = f(changed)[:, 0, rows, columns]
    return (output[:-1].diagonal() - output[-1]) / step


@right("self_influence")
def one_after_the_other(f, y, places, step):
    for place in places:
        yield (f(y + step * at(y, place)) - f(y))[..., place[0], place[1]] / step


@right("self_influence")
def by_ones(f, y, places, step):
    result = torch.zeros(len(places), dtype=torch.float32)
    for index, (row, column) in enumerate(places):
        one = torch.zeros_like(y)
        one[0, 0, row, column] = 1
        result[index] = (one * (f(y + step * one) - f(y))).sum() / step
    return result


@right("self_influence")
def changed_and_put_back(f, y, places, step):
    before, found = f(y).numpy().copy(), np.zeros((len(places), 1))
    for number, (row, column) in enumerate(places):
        kept = y[0, 0, row, column].item()
        y[0, 0, row, column] = kept + step
        found[number] = (f(y).numpy() - before)[0, 0, row, column] / step
        y[0, 0, row, column] = kept
    return found


@right("self_influence")
def by_a_table_of_ones(f, y, places, step):
    flat = [row * y.shape[-1] + column for row, column in places]
    ones = torch.eye(y.numel(), dtype=y.dtype)[flat].view(-1, *y.shape[1:])
    return torch.einsum("nchw,nchw->n", f(y + step * ones) - f(y), ones)[:, None] / step


def grown(f, y, places, step, of):
    """What `of` says of the growth of the whole picture."""
    return [of(f(y + step * at(y, place)) - f(y)) / step for place in places]


def at(y, place):
    one = torch.zeros_like(y)
    one[0, 0, place[0], place[1]] = 1
    return one


def piled_up(f, y, places, step):
    before, found = f(y), []
    for row, column in places:
        y[..., row, column] += step
        found.append((f(y) - before)[0, 0, row, column] / step)
    return torch.stack(found)


def set_to_the_step(f, y, places, step):
    return [
        ((f(torch.where(at(y, place) > 0, step, y)) - f(y)) * at(y, place)).sum() / step for place in places
    ]


def differentiated(f, y, places, step):
    y.requires_grad_(True)
    output = f(y)
    return [
        torch.autograd.grad(output[0, 0, row, column], y, retain_graph=True)[0][0, 0, row, column]
        for row, column in places
    ]


WRONG["self_influence"] = {
    "the step has lost its sign": lambda *given: one_by_one(*given, size=abs(given[3])),
    "the step goes to the other side": lambda f, y, places, step: one_by_one(f, y, places, -step),
    "all pixels of `places` are changed at once": lambda f, y, places, step: [
        (f(y + step * sum(at(y, place) for place in places)) - f(y))[0, 0, row, column] / step
        for row, column in places
    ],
    "the pixel is raised by a share of itself": lambda f, y, places, step: [
        ((f(y * (1 + step * at(y, place))) - f(y)) * at(y, place)).sum() / step for place in places
    ],
    "your result is zero everywhere": lambda f, y, places, step: [
        (f(y.add_(step * at(y, place))) - f(y))[0, 0, place[0], place[1]] / step for place in places
    ],
    "your numbers are others than asked for": lambda f, y, places, step: one_by_one(
        f, y, sorted(places), step
    ),
    "the growth is not divided by the step": lambda *given: one_by_one(*given, size=1),
    "the sign is lost": lambda *given: np.abs(one_by_one(*given)),
    "your result has the opposite sign": lambda *given: -np.array(one_by_one(*given)),
    "all pixels of y are changed at once": lambda f, y, places, step: [
        (f(y + step) - f(y))[0, 0, row, column] / step for row, column in places
    ],
    "this adds up the growth of all pixels": lambda *given: grown(*given, of=torch.sum),
    "this is the mean growth of all pixels": lambda *given: grown(*given, of=torch.mean),
    "this is the largest growth of any pixel": lambda *given: np.abs(
        grown(*given, of=lambda growth: growth.abs().max())
    ),
    "f(y) is not taken off": lambda *given: one_by_one(*given, before=0),
    "y is forgotten": lambda *given: one_by_one(
        *given, before=torch.zeros(1, 1, 1, 1).expand(1, 1, 5, 6), begin=torch.zeros_like
    ),
    "the pixel is set to the step": set_to_the_step,
    "stay changed": piled_up,
    "this is the derivative": differentiated,
    "your result has the shape": lambda *given: one_by_one(*given)[:2],
    "your function stops with": lambda f, y, places: 0,
    "y is taken off, not f(y)": lambda f, y, places, step: one_by_one(f, y, places, step, before=y),
    "the step goes to both sides": lambda f, y, places, step: (
        np.add(one_by_one(f, y, places, step), one_by_one(f, y, places, -step)) / 2
    ),
    "the raised pixel is clamped to [0, 1]": lambda f, y, places, step: one_by_one(
        lambda z: f(z.clamp(0, 1)), y, places, step
    ),
}


@pytest.mark.parametrize("wrong", [
    lambda f, y, places, step: 1 / 0,
    lambda f, y, places, step: (1 / 0 for _ in places),
])  # fmt: skip
def test_an_answer_that_stops_is_told_so_whether_it_returns_or_yields(wrong, capsys):
    assert ps07.self_influence(wrong) == 0
    assert "your function stops with ZeroDivisionError" in capsys.readouterr().out


# Task 4: loss and risk


def both(d, w, alike, rho, s, fixed=None, kept=None, own=1.0, factor=2.0, unit=None):
    """The formula, with one place to change for each wrong answer."""
    fixed = (w * d).sum() ** 2 if fixed is None else fixed
    risk = fixed + s**2 * (w @ alike @ w if kept is None else kept)
    return risk + own * s**2 - factor * (s**2 if unit is None else unit) * (w * rho).sum(), risk


right("loss_and_risk")(both)


@right("loss_and_risk")
def as_one_covariance(d, w, alike, rho, s):
    """The target as one more number, with the weight -1."""
    whole = np.block([[alike.numpy(), rho.numpy()[:, None]], [rho.numpy()[None], np.ones((1, 1))]])
    fixed, extended = float(w @ d), np.append(w.numpy(), -1)
    return [
        fixed**2 + s**2 * extended @ whole @ extended,
        fixed**2 + s**2 * extended[:-1] @ whole[:-1, :-1] @ extended[:-1],
    ]


@right("loss_and_risk")
def by_all_pairs(d, w, alike, rho, s):
    risk, common = 0.0, 0.0
    for i in range(len(w)):
        common += w[i] * rho[i] * s * s
        for j in range(len(w)):
            risk += w[i] * w[j] * (d[i] * d[j] + s * s * alike[i, j])
    return torch.tensor([[risk - 2 * common + s * s], [risk]], dtype=torch.float32)


@right("loss_and_risk")
def by_eigenvectors(d, w, alike, rho, s):
    values, vectors = torch.linalg.eigh(alike)
    risk = (w @ d) ** 2 + s**2 * (values * (vectors.T @ w) ** 2).sum()
    yield float(risk + s**2 * (1 - 2 * torch.einsum("i,i", w, rho)))
    yield risk


WRONG["loss_and_risk"] = {
    "your numbers are others than asked for": lambda d, w, alike, rho, s: both(d, w, alike, w * rho, s),
    "each pair of numbers counts once": lambda d, w, alike, *rest: both(d, w, alike.triu(), *rest),
    "the second weight of each pair is missing": lambda d, w, alike, *rest: both(
        d, w, alike, *rest, kept=(w @ alike).sum()
    ),
    "the differences are not weighted": lambda d, *rest: both(d, *rest, fixed=d.sum() ** 2),
    "sigma is not squared": lambda d, w, alike, rho, s: both(d, w, alike, rho, s**0.5),
    "taken for independent of the estimate's": lambda *given: both(*given, factor=0),
    "the sign of what the noises have in common is wrong": lambda *given: both(*given, factor=-2),
    "a 2 is missing before what the noises have in common": lambda *given: both(*given, factor=1),
    "the target's own noise is missing": lambda *given: both(*given, own=0),
    "the loss is given as the risk, too": lambda *given: both(*given)[:1] * 2,
    "the risk is given as the loss, too": lambda *given: both(*given)[1:] * 2,
    "loss and risk are exchanged": lambda *given: both(*given)[::-1],
    "taken for independent of each other": lambda d, w, alike, rho, s: both(
        d, w, alike, rho, s, kept=(w**2).sum()
    ),
    "the fixed part is missing": lambda *given: both(*given, fixed=0),
    "the fixed part is not squared": lambda d, w, *rest: both(d, w, *rest, fixed=(w * d).sum()),
    "differences of opposite sign cannot cancel": lambda d, w, *rest: both(
        d, w, *rest, fixed=(w * d**2).sum()
    ),
    "what the noises have in common lacks sigma^2": lambda *given: both(*given, unit=1),
    "the risk of the loss is added twice": lambda *given: (sum(both(*given)), both(*given)[1]),
    "your result has the shape": lambda *given: both(*given)[0],
    "negative weights count as positive": lambda d, w, *rest: both(d, w.abs(), *rest),
    "negative correlations count as zero": lambda d, w, alike, rho, s: both(
        d, w, alike.clamp(min=0), rho.clamp(min=0), s
    ),
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("cut", [abs, lambda common: max(common, 0)])
def test_what_the_noises_have_in_common_may_be_negative_whatever_the_seed(cut, seed):
    answer = lambda d, w, alike, rho, s: both(d, w, alike, cut(w @ rho), s)  # noqa: E731
    assert ps07.loss_and_risk(answer, seed=seed) == 0


def test_two_vectors_are_no_two_numbers(capsys):
    assert ps07.loss_and_risk(lambda *given: [torch.stack([value, value]) for value in both(*given)]) == 0
    assert "your result has the shape (2, 2), expected (2,)" in capsys.readouterr().out


# Task 5: Recorrupted-to-Recorrupted, told a wrong sigma


def by_hand(sigma, told, alpha, common=None):
    return (
        sigma**2 + alpha**2 * told**2,
        sigma**2 + told**2 / alpha**2,
        sigma**2 - told**2 if common is None else common,
    )


right("recorrupted")(by_hand)


@right("recorrupted")
def by_matrices(sigma, told, alpha):
    mix = np.array([[1, alpha], [1, -1 / alpha]])
    covariance = mix @ np.diag([sigma**2, told**2]) @ mix.T
    return covariance[0, 0], covariance[1, 1], covariance[0, 1]


right("recorrupted")(
    lambda s, t, a: torch.tensor([s * s + (a * t) ** 2, s * s + (t / a) ** 2, (s - t) * (s + t)])
)
right("recorrupted")(lambda s, t, a: (value for value in by_hand(s, t, a)))


@right("recorrupted")
def by_complex_numbers(sigma, told, alpha):
    source, target = sigma + 1j * alpha * told, sigma - 1j * told / alpha
    return [abs(source) ** 2, abs(target) ** 2, (source * target.conjugate()).real]


WRONG["recorrupted"] = {
    "this is the square of a difference": lambda s, t, a: by_hand(s, t, a, (s - t) ** 2),
    "alpha stays below the covariance": lambda s, t, a: by_hand(s, t, a, s**2 - t**2 / a),
    "alpha is forgotten": lambda s, t, a: by_hand(s, t, 1),
    "n and z are taken for dependent": lambda s, t, a: ((s + a * t) ** 2, (s - t / a) ** 2, s**2 - t**2),
    "z has the variance sigma^2": lambda s, t, a: by_hand(s, s, a, s**2 - t**2),
    "the covariance has the wrong sign here": lambda s, t, a: by_hand(s, t, a, t**2 - s**2),
    "the two parts of the covariance add up": lambda s, t, a: by_hand(s, t, a, t**2 + s**2),
    "the covariance is zero here, although": lambda s, t, a: by_hand(s, t, a, 0),
    "the covariance lacks the noise of y itself": lambda s, t, a: by_hand(s, t, a, -(t**2)),
    "the covariance lacks z": lambda s, t, a: by_hand(s, t, a, s**2),
    "alpha stays in the covariance": lambda s, t, a: by_hand(s, t, a, s**2 - (a * t) ** 2),
    "this is the correlation": lambda s, t, a: by_hand(
        s, t, a, (s**2 - t**2) / (by_hand(s, t, a)[0] * by_hand(s, t, a)[1]) ** 0.5
    ),
    "these are standard deviations": lambda s, t, a: (
        by_hand(s, t, a)[0] ** 0.5,
        by_hand(s, t, a)[1] ** 0.5,
        s**2 - t**2,
    ),
    "source and target are exchanged": lambda s, t, a: by_hand(s, t, 1 / a),
    "alpha is not squared": lambda s, t, a: by_hand(s, t, a**0.5),
    "the target's noise falls": lambda s, t, a: (by_hand(s, t, a)[0], s**2 - t**2 / a**2, s**2 - t**2),
    "y's own noise has the variance that the method was told": lambda s, t, a: by_hand(t, t, a, s**2 - t**2),
    "the source lacks the noise of y": lambda s, t, a: by_hand(0, t, a, s**2 - t**2),
    "your result has the shape": lambda s, t, a: s**2 - t**2,
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("cut", [abs, lambda value: max(value, 0), lambda value: min(value, 0)])
def test_a_covariance_of_one_sign_is_refused_whatever_the_seed(cut, seed):
    assert ps07.recorrupted(lambda s, t, a: by_hand(s, t, a, cut(s**2 - t**2)), seed=seed) == 0


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")({letter: BANK.causes[letter] for letter in "DCBA"} | {"E": 3})

BANK.add_wrong_causes("noise")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps07.failing_run(letter) for letter in "ABCD"}


def test_a_good_run_is_good_and_none_of_these_is(runs):
    good = ps07._run("nothing")
    assert psnr(good["estimate"], good["truth"]) > 25.5
    assert max(psnr(run["estimate"], run["truth"]) for run in runs.values()) < 23.5


def test_only_in_run_a_hidden_pixels_show_themselves(runs):
    shown = {
        letter: (run["source"] == run["y"])[run["judged"]].double().mean().item()
        for letter, run in runs.items()
    }
    assert shown == {"A": 1, "B": 0, "C": 0, "D": pytest.approx(0.9, abs=0.03)}


def test_only_run_b_has_noise_that_neighbours_share(runs):
    noise = {letter: run["y"] - run["truth"] for letter, run in runs.items()}
    alike = {
        letter: torch.corrcoef(torch.stack([n[..., 1:].flatten(), n[..., :-1].flatten()]))[0, 1].item()
        for letter, n in noise.items()
    }
    assert alike.pop("B") > 0.6 and max(map(abs, alike.values())) < 0.05
    assert all(
        n.std().item() == pytest.approx(run["sigma"], rel=1e-3)
        for n, run in zip(noise.values(), runs.values(), strict=True)
    )


def test_only_run_c_has_a_target_that_is_not_y_and_it_tells_what_sigma_was_told(runs):
    assert [letter for letter, run in runs.items() if not torch.equal(run["target"], run["y"])] == ["C"]
    added = [(runs["C"][name] - runs["C"]["y"]).std().item() for name in ("source", "target")]
    assert (added[0] * added[1]) ** 0.5 == pytest.approx(runs["C"]["sigma"] / 2, rel=0.05)


def test_loss_looks_at_all_pixels_in_runs_c_and_d_alone(runs):
    assert {letter: round(run["judged"].double().mean().item(), 1) for letter, run in runs.items()} == {
        "A": 0.1,
        "B": 0.1,
        "C": 1,
        "D": 1,
    }


def test_no_target_moved_and_no_run_was_stopped_early(runs):
    for r in runs.values():
        assert psnr(r["target"], r["truth"]) > psnr(r["target"], r["truth"].roll(1, -1)) + 1
        assert (r["estimate"] - r["y"]).std() < 0.7 * r["sigma"]


# Are the numbers of the tasks what their formulas say?


def test_loss_and_risk_are_those_of_simulated_noise():
    """The mean of eight neighbours, in noise that they share, against y and against a second picture."""
    noise, other = (shared_noise((1, 1, 512, 512), torch.Generator().manual_seed(seed)) for seed in (0, 1))
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]
    alike = torch.tensor(
        [[max(3 - abs(a - c), 0) * max(3 - abs(b - d), 0) / 9 for c, d in shifts] for a, b in shifts]
    )
    rho = torch.tensor([(3 - abs(a)) * (3 - abs(b)) / 9 for a, b in shifts])
    estimate = sum(noise.roll(shift, (-2, -1)) for shift in shifts) / 8
    weights, none = torch.full((8,), 1 / 8), torch.zeros(8)
    loss, risk = both(none, weights, alike, rho, 1.0)
    assert (estimate - noise).square().mean().item() == pytest.approx(loss.item(), rel=0.03)
    assert estimate.square().mean().item() == pytest.approx(risk.item(), rel=0.03)
    assert (estimate - other).square().mean().item() == pytest.approx(
        both(none, weights, alike, none, 1.0)[0].item(), rel=0.03
    )


@pytest.mark.parametrize("told", [0.1, 0.2, 0.4])
def test_recorrupted_noises_are_those_of_simulated_pairs(told):
    draw = torch.Generator().manual_seed(0)
    noise, z = 0.2 * torch.randn(400_000, generator=draw), told * torch.randn(400_000, generator=draw)
    covariance = torch.cov(torch.stack(recorrupt(noise, z, 0.5)))
    measured = [covariance[0, 0].item(), covariance[1, 1].item(), covariance[0, 1].item()]
    assert measured == pytest.approx(by_hand(0.2, told, 0.5), rel=0.01, abs=1e-3)


def test_blind_denoiser_has_no_self_influence_and_the_mean_of_nine_has_a_ninth():
    y = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    places = [(0, 0), (3, 5), (8, 8), (15, 2)]

    def mean_of_nine(z):
        return torch.nn.functional.avg_pool2d(
            torch.nn.functional.pad(z, [1] * 4, mode="reflect"), 3, stride=1
        )

    assert one_by_one(mean_of_nine, y, places, 0.1) == pytest.approx([1 / 9] * 4, abs=1e-5)
    assert (
        one_by_one(neighbour_mean, y, places, 0.1)
        == one_by_one(blind(mean_of_nine), y, places, 0.1)
        == [0.0] * 4
    )


# Does the open question's answer hold?


def explained(inputs, target):
    """The share of the target's variance that the best linear guess from the inputs explains."""
    solution = torch.linalg.lstsq(inputs, target[:, None], driver="gelsd").solution
    return 1 - ((target - (inputs @ solution)[:, 0]).square().mean() / target.square().mean()).item()


def around(noise):
    columns = torch.nn.functional.unfold(noise, 5)[0].T
    return columns[:, [index for index in range(25) if index != 12]], columns[:, 12]


def test_noise_of_the_open_question_is_as_it_is_called():
    noises = ps07.three_noises(0)
    shares = {name: explained(*around(first)) for name, (first, _) in noises.items()}
    assert shares["white"] < 0.05 and 0.75 < shares["shared"] < 0.99 and shares["stripes"] > 0.99
    for first, second in noises.values():
        assert first.std().item() == pytest.approx(ps07._SIGMA, rel=0.05)
        assert abs(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].item()) < 0.25


def test_blind_spot_gains_in_white_noise_alone_and_a_second_picture_in_all():
    x = ps07._gray("camera")
    for name, (first, second) in ps07.three_noises(0).items():
        y = x + first
        gain = [
            psnr(run(steps).estimate, x) - psnr(y, x)
            for steps in (noise2self(y, iterations=120), noise2noise(y, x + second, iterations=100))
        ]
        assert gain[0] > 3 if name == "white" else gain[0] < 1.5
        assert gain[1] > max(gain[0] + 1, 1.8), (name, gain)
    # The stripes came last: what Noise2Noise gains there is no more than the mean of both pictures; the rows
    # above and below gain something.
    rows = torch.nn.functional.pad(y, (0, 0, 1, 1), mode="reflect")
    assert gain[1] == pytest.approx(psnr(x + (first + second) / 2, x) - psnr(y, x), abs=0.5)
    assert psnr((rows[..., :-2, :] + rows[..., 2:, :]) / 2, x) - psnr(y, x) > 0.5


def test_loss_to_y_prefers_the_wrong_blind_mean_where_neighbours_share_noise():
    apart = [
        (torch.arange(9)[:, None] // 3 - torch.arange(9) // 3).abs(),
        (torch.arange(9)[:, None] % 3 - torch.arange(9) % 3).abs(),
    ]
    eight, corners = torch.tensor([[1, 1, 1, 1, 0, 1, 1, 1, 1], [1, 0, 1, 0, 0, 0, 1, 0, 1.0]])
    for alike, wrong in ((torch.eye(9), False), ((3 - apart[0]) * (3 - apart[1]) / 9, True)):
        a, b = (
            both(torch.zeros(9), weights / weights.sum(), alike, alike[4], 1.0)
            for weights in (eight, corners)
        )
        assert a[0] < b[0] and (a[1] > b[1]) == wrong


def test_noise_that_neighbours_share_has_the_correlation_of_overlapping_squares():
    noise = shared_noise((1, 1, 256, 256), runtime.generator(0, "test"))
    measured = [(noise * noise.roll(shift, -1)).mean().item() for shift in (0, 1, 2, 3)]
    assert measured == pytest.approx([1, 2 / 3, 1 / 3, 0], abs=0.03)
