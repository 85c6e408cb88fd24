"""Problem set 09: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answer_bank import AnswerBank

from dil_course.checks import ps09
from dil_course.from_scratch.kernel_gan import centre_of_mass
from dil_course.signals import BlurDownsample, Downsample, psnr

BANK = AnswerBank("ps09_blind_super_resolution")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: many layers, one kernel


def chained(weights, strides, spread=lambda strides, i: math.prod(strides[:i])):
    """The loop with one place to change for each wrong answer."""
    kernel = weights[0]
    for i in range(1, len(weights)):
        kernel = F.conv_transpose2d(weights[i], kernel, stride=spread(strides, i))
    return kernel


right("collapse")(chained)


def through(x, weights, strides):
    for weight, stride in zip(weights, strides, strict=True):
        x = F.conv2d(x, weight, stride=stride)
    return x


def reach(weights, strides):
    """Rows and columns of x that one number of the result depends on."""
    height = width = 1
    for weight, stride in reversed(list(zip(weights, strides, strict=True))):
        height = (height - 1) * stride + weight.shape[2]
        width = (width - 1) * stride + weight.shape[3]
    return height, width


@right("collapse")
def by_what_it_does_to_single_pixels(weights, strides):
    channels, (height, width) = weights[0].shape[1], reach(weights, strides)
    units = torch.eye(channels * height * width, dtype=weights[0].dtype)
    answers = through(units.view(-1, channels, height, width), weights, strides)
    return answers[:, :, 0, 0].T.reshape(-1, channels, height, width)


@right("collapse")
def by_the_gradient_of_each_channel(weights, strides):
    x = torch.zeros(1, weights[0].shape[1], *reach(weights, strides), dtype=weights[0].dtype)
    x.requires_grad_()
    out = through(x, weights, strides)
    return torch.cat([torch.autograd.grad(c.sum(), x, retain_graph=True)[0] for c in out[0]])


@right("collapse")
def by_zeros_between_and_a_full_convolution(weights, strides):
    kernel, apart = weights[0], strides[0]
    for weight, stride in zip(weights[1:], strides[1:], strict=True):
        out, between, height, width = weight.shape
        spread = weight.new_zeros(out, between, (height - 1) * apart + 1, (width - 1) * apart + 1)
        spread[:, :, ::apart, ::apart] = weight
        border = (spread.shape[2] - 1, spread.shape[3] - 1)
        kernel = F.conv2d(kernel.transpose(0, 1), spread.flip(2, 3), padding=border).transpose(0, 1)
        apart *= stride
    return kernel


@right("collapse")
def by_loops_over_all_taps(weights, strides):
    kernel, apart = weights[0].numpy(), strides[0]
    for weight, stride in zip(weights[1:], strides[1:], strict=True):
        weight = weight.numpy()
        height, width = ((weight.shape[i] - 1) * apart + kernel.shape[i] for i in (2, 3))
        result = np.zeros((weight.shape[0], kernel.shape[1], height, width))
        for row in range(weight.shape[2]):
            for column in range(weight.shape[3]):
                part = np.einsum("om,mchw->ochw", weight[:, :, row, column], kernel)
                top, left = row * apart, column * apart
                result[:, :, top : top + part.shape[2], left : left + part.shape[3]] += part
        kernel, apart = result, apart * stride
    return kernel


@right("collapse")
def from_the_last_layer_to_the_first(weights, strides):
    kernel = weights[-1]
    for weight, stride in zip(weights[-2::-1], strides[-2::-1], strict=True):
        kernel = F.conv_transpose2d(kernel, weight, stride=stride)
    return kernel.float()


WRONG["collapse"] = {
    "your kernel is turned by 180 degrees": lambda w, s: chained(w, s).flip(2, 3),
    "your later layers are turned around": lambda w, s: chained([w[0], *[v.flip(2, 3) for v in w[1:]]], s),
    "the channels in and out are exchanged": lambda w, s: chained(w, s).transpose(0, 1),
    "only the first of the channels between": lambda w, s: chained(
        [w[0][:1], *[v[:1, :1] for v in w[1:-1]], w[-1][:, :1]], s
    ),
    "the last layer is missing": lambda w, s: chained(w[:-1], s[:-1]),
    "the strides have no effect": lambda w, s: chained(w, s, lambda *_: 1),
    "by the stride of the layer itself": lambda w, s: chained(w, s, lambda s, i: s[i]),
    "by its own stride as well": lambda w, s: chained(w, s, lambda s, i: math.prod(s[: i + 1])),
    "by the stride of the one before it alone": lambda w, s: chained(w, s, lambda s, i: s[i - 1]),
    "by the stride of the first alone": lambda w, s: chained(w, s, lambda s, i: s[0]),
    "your result is 2 times what is asked for": lambda w, s: 2 * chained(w, s),
    "your result has the shape": lambda w, s: chained(w, s).mean((0, 1)),
    "your function stops with": lambda w, s: chained(w[::-1], s[::-1]),
    "your function returns None": lambda w, s: None,
    "your numbers are others than asked for": lambda w, s: chained([w[0].abs(), *w[1:]], s),
}


# Task 2: what the sum pushes


def sums_of(weights):
    return [weight.sum((2, 3)) for weight in weights]


def product(matrices, size):
    result = torch.eye(size, dtype=torch.float64)
    for matrix in matrices:
        result = matrix @ result
    return result


def pushed(weights, number, sign=lambda s: torch.sign(s - 1), before=True, after=True):
    sums, weight = sums_of(weights), weights[number]
    left = product(sums[number + 1 :], weight.shape[0]) if after else torch.ones(1, len(weight)).double()
    right = product(sums[:number], 1) if before else torch.ones(weight.shape[1], 1).double()
    return (sign(product(sums, 1)) * left.T @ right.T)[..., None, None].expand_as(weight)


right("sum_gradient")(pushed)


@right("sum_gradient")
def by_differences(weights, number):
    def term(weight):
        changed = [*weights[:number], weight, *weights[number + 1 :]]
        return abs(product(sums_of(changed), 1).item() - 1)

    gradient = torch.zeros_like(weights[number])
    for place in np.ndindex(*gradient.shape):
        step = torch.zeros_like(gradient)
        step[place] = 1e-5
        gradient[place] = (term(weights[number] + step) - term(weights[number] - step)) / 2e-5
    return gradient


@right("sum_gradient")
def by_ones_through_the_layers(weights, number):
    """A constant image carries the sums forwards, and a transposed chain carries them back."""
    forward, backward = np.ones(1), np.ones(1)
    for weight in weights[:number]:
        forward = weight.numpy().sum((2, 3)) @ forward
    for weight in weights[:number:-1]:
        backward = backward @ weight.numpy().sum((2, 3))
    s = backward @ weights[number].numpy().sum((2, 3)) @ forward
    pairs = np.outer(backward, forward) * (1 if s > 1 else -1)
    return np.broadcast_to(pairs[:, :, None, None], weights[number].shape)


@right("sum_gradient")
def by_the_collapsed_kernel_of_the_rest(weights, number):
    total = chained(weights, [1] * len(weights)).sum()
    before = chained(weights[:number], [1] * number).sum((1, 2, 3)) if number else torch.ones(1).double()
    rest = weights[number + 1 :]
    after = chained(rest, [1] * len(rest)).sum((0, 2, 3)) if rest else torch.ones(1).double()
    gradient = torch.einsum("o,i->oi", after, before) * ((total > 1).double() * 2 - 1)
    return (gradient[:, :, None, None] * torch.ones_like(weights[number])).tolist()


def by_autograd(weights, number):
    weights[number].requires_grad_()
    (product(sums_of(weights), 1) - 1).abs().sum().backward()
    return weights[number].grad


def in_the_middle(weights, number):
    gradient, only = pushed(weights, number), torch.zeros_like(weights[number])
    row, column = (side // 2 for side in gradient.shape[2:])
    only[..., row, column] = gradient[..., row, column]
    return only


WRONG["sum_gradient"] = {
    "your result has the opposite sign": lambda w, n: -pushed(w, n),
    "this is the gradient of the sum itself": lambda w, n: pushed(w, n, sign=torch.ones_like),
    "you take the sign of the sum, not": lambda w, n: pushed(w, n, sign=torch.sign),
    "this is the gradient of the square": lambda w, n: pushed(w, n, sign=lambda s: 2 * (s - 1)),
    "you share the gradient among the taps": lambda w, n: pushed(w, n) / w[n][0, 0].numel(),
    "only the middle tap has a gradient": in_the_middle,
    "one number for each pair of channels": lambda w, n: pushed(w, n)[..., 0, 0],
    "the layers before this one are missing": lambda w, n: pushed(w, n, before=False),
    "the layers after this one are missing": lambda w, n: pushed(w, n, after=False),
    "your result is 1/2 of what is asked for": lambda w, n: pushed(w, n) / 2,
    "in proportion to s - 1": lambda w, n: pushed(w, n, sign=lambda s: s - 1),
    "the channels in and out are exchanged": lambda w, n: pushed(w, n).transpose(0, 1),
    "the weights themselves stand in your gradient": lambda w, n: pushed(w, n) * w[n],
    "the other layers are missing": lambda w, n: (
        torch.sign(product(sums_of(w), 1) - 1) * torch.ones_like(w[n])
    ),
    "you multiply sums over all channels": lambda w, n: (
        torch.sign(product(sums_of(w), 1) - 1)
        * math.prod(v.sum() for i, v in enumerate(w) if i != n)
        * torch.ones_like(w[n])
    ),
    "no autograd, please": by_autograd,
    "your function returns None": lambda w, n: None,
    "your result is zero everywhere": lambda w, n: torch.zeros_like(w[n]),
}


# Task 3: why the critic's patches are so small


def counted(real, fake, otherwise=0.5):
    p, q = real / real.sum(), fake / fake.sum()
    scores = torch.where(p + q > 0, p / (p + q), torch.tensor(otherwise, dtype=torch.float64))
    return scores, ((p * (scores - 1) ** 2).sum() + (q * scores**2).sum()) / 2


right("best_critic")(counted)


@right("best_critic")
def kind_by_kind(real, fake):
    scores, loss = [], 0.0
    for r, f in zip((real / real.sum()).tolist(), (fake / fake.sum()).tolist(), strict=True):
        scores.append(r / (r + f) if r or f else 0.5)
        loss += r * f / (r + f) / 2 if r or f else 0
    return scores, loss


@right("best_critic")
def by_newton(real, fake):
    p, q = (counts.numpy() / counts.numpy().sum() for counts in (real, fake))
    scores = np.full(len(p), 0.5)
    slope = p * (scores - 1) + q * scores
    scores = scores - np.divide(slope, p + q, out=np.zeros_like(p), where=p + q > 0)
    return {"scores": scores, "loss": np.sum(p * (scores - 1) ** 2 + q * scores**2) / 2}.values()


@right("best_critic")
def by_the_ratio_of_totals(real, fake):
    share = fake * real.sum() / fake.sum()
    scores = (real / (real + share)).nan_to_num(0.5)
    return scores, 0.5 * (real / real.sum() * (1 - scores)).sum()


def with_loss(loss):
    def answer(real, fake):
        return counted(real, fake)[0], loss(real / real.sum(), fake / fake.sum(), counted(real, fake)[0])

    return answer


def with_scores(scores):
    def answer(real, fake):
        return scores(real / real.sum(), fake / fake.sum()), counted(real, fake)[1]

    return answer


def in_counts(real, fake):
    scores = counted(real, fake)[0]
    return (real * (scores - 1) ** 2).sum() + (fake * scores**2).sum()


def logarithms(p, q, d):
    return -(p[p > 0] * d[p > 0].log()).sum() / 2 - (q[q > 0] * (1 - d[q > 0]).log()).sum() / 2


WRONG["best_critic"] = {
    "you take the counts as they are": lambda r, f: (
        torch.where(r + f > 0, r / (r + f), 0.5),
        counted(r, f)[1],
    ),
    "real and fake are exchanged": lambda r, f: counted(f, r),
    "this decides for the more frequent one": with_scores(lambda p, q: (p > q).double()),
    "a kind that nobody has seen gets 0": lambda r, f: counted(r, f, 0.0),
    "a kind that nobody has seen gets 1": lambda r, f: counted(r, f, 1.0),
    "your result holds nan": with_scores(lambda p, q: p / (p + q)),
    "this is the difference of the chances": with_scores(lambda p, q: p - q),
    "this is the share of the real ones": with_scores(lambda p, q: p),
    "one half is missing in your loss": with_loss(lambda p, q, d: (p * (d - 1) ** 2 + q * d**2).sum()),
    "this is the generator's loss": with_loss(lambda p, q, d: (q * (d - 1) ** 2).sum()),
    "your loss has the fakes alone": with_loss(lambda p, q, d: (q * d**2).sum() / 2),
    "your loss has the real patches alone": with_loss(lambda p, q, d: (p * (d - 1) ** 2).sum() / 2),
    "your loss has logarithms": with_loss(logarithms),
    "your loss is a plain mean over the kinds": with_loss(
        lambda p, q, d: ((d * (d - 1) ** 2 + (1 - d) * d**2) / 2).mean()
    ),
    "your loss adds up counts": lambda r, f: (counted(r, f)[0], in_counts(r, f) / 2),
    "a mean over all patches together": lambda r, f: (
        counted(r, f)[0],
        in_counts(r, f) / (r.sum() + f.sum()),
    ),
    "expected 2 things, (scores, loss)": lambda r, f: counted(r, f)[0],
    "your numbers are others than asked for": with_loss(lambda p, q, d: 0.2),
}


# Task 4: the centre of mass


def middle_of(kernel):
    return [(side - 1) / 2 for side in kernel.shape]


def linear(kernel, move, axis):
    whole = math.floor(move)
    part = move - whole
    return (1 - part) * kernel.roll(whole, axis) + part * kernel.roll(whole + 1, axis)


def moved(kernel, down, across):
    return linear(linear(kernel, down, 0), across, 1)


def needed(kernel, middle=middle_of):
    return [m - c for m, c in zip(middle(kernel), centre_of_mass(kernel).tolist(), strict=True)]


@right("centred")
def linearly(kernel):
    return moved(kernel, *needed(kernel))


right("centred")(lambda kernel: ps09._moved(kernel, *needed(kernel)))


@right("centred")
def whole_pixels_first_and_then_the_rest(kernel):
    kernel = kernel.roll([round(step) for step in needed(kernel)], (0, 1))
    return moved(kernel, *needed(kernel)).float()


@right("centred")
def by_scipy(kernel):
    from scipy import ndimage

    return ndimage.shift(kernel.numpy(), needed(kernel), order=3)[None, None]


@right("centred")
def by_grid_sample(kernel):
    down, across = needed(kernel)
    theta = torch.tensor([[1, 0, -2 * across / kernel.shape[1]], [0, 1, -2 * down / kernel.shape[0]]])
    grid = F.affine_grid(theta[None].double(), (1, 1, *kernel.shape), align_corners=False)
    sampled = F.grid_sample(kernel[None, None], grid, mode="bicubic", align_corners=False)[0, 0]
    return sampled / sampled.sum()


@right("centred")
def clipped_and_repeated_as_the_library_does(kernel):
    for _ in range(3):
        kernel = ps09._moved(kernel, *needed(kernel)).clamp(min=0)
        kernel = kernel / kernel.sum()
    return kernel


def in_many_small_steps(kernel):
    for _ in range(6):
        kernel = moved(kernel, *(0.25 * step for step in needed(kernel)))
    return moved(kernel, *needed(kernel))


def peak_in_the_middle(kernel, middle=middle_of):
    peak = divmod(kernel.argmax().item(), kernel.shape[1])
    return moved(kernel, *(m - p for m, p in zip(middle(kernel), peak, strict=True)))


def a_gaussian_instead(kernel):
    rows, columns = (torch.arange(side) - (side - 1) / 2 for side in kernel.shape)
    blob = torch.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2) / 6)
    return blob / blob.sum()


WRONG["centred"] = {
    "the kernel has not moved": lambda k: k,
    "it moved the wrong way": lambda k: moved(k, *(-step for step in needed(k))),
    "only its rows have moved": lambda k: linear(k, needed(k)[0], 0),
    "only its columns have moved": lambda k: linear(k, needed(k)[1], 1),
    "rows and columns are exchanged": lambda k: moved(k, *needed(k)[::-1]),
    "it moved by whole pixels only": lambda k: k.roll([round(step) for step in needed(k)], (0, 1)),
    "the pixel `side // 2` as the middle": lambda k: moved(
        k, *needed(k, lambda k: [side // 2 for side in k.shape])
    ),
    "you take `side / 2` as the middle": lambda k: moved(
        k, *needed(k, lambda k: [side / 2 for side in k.shape])
    ),
    "you take `side // 2 - 1` as the middle": lambda k: moved(
        k, *needed(k, lambda k: [side // 2 - 1 for side in k.shape])
    ),
    "the largest value is in the middle": peak_in_the_middle,
    "you average the kernel with its mirror image": lambda k: (k + k.flip(0, 1)) / 2,
    "your kernel is turned by 180 degrees": lambda k: linearly(k).flip(0, 1),
    "your kernel is upside down": lambda k: linearly(k).flip(0),
    "has lost its form": a_gaussian_instead,
    "your kernel has become wider": in_many_small_steps,
    "your kernel sums to": lambda k: 2 * linearly(k),
    "your result has the shape": lambda k: linearly(k)[1:-1, 1:-1],
    "your function returns None": lambda k: None,
}


# Task 5: which kernel recurs


@right("recurring_covariance")
def by_the_formula(camera, own, scale):
    return (camera + own) * (1 - 1 / scale**2)


@right("recurring_covariance")
def by_one_step_for_each_entry(camera, own, scale):
    total = [[(camera[i, j] + own[i, j]).item() / scale**2 for j in range(2)] for i in range(2)]
    return [[scale**2 * value - value for value in row] for row in total]


@right("recurring_covariance")
def by_search(camera, own, scale):
    """Newton's step on what is left of the equation, from zero."""
    y = (camera + own).numpy() / scale**2
    wanted, slope = np.zeros((2, 2)), 1 / scale**2
    return wanted - ((y + wanted) / scale**2 - y) / slope


WRONG["recurring_covariance"] = {
    "you divide by the scale, not by its square": lambda c, o, s: (c + o) * (1 - 1 / s),
    "counted in the pixels of x": lambda c, o, s: (c + o) * (s**2 - 1),
    "all the blur of y once more": lambda c, o, s: c + o,
    "this is the blur of y": lambda c, o, s: (c + o) / s**2,
    "the camera, as if y had no blur": lambda c, o, s: c,
    "you take away too much": lambda c, o, s: (c + o) / (1 - 1 / s**2),
    "the blur of the scene itself is missing": lambda c, o, s: c * (1 - 1 / s**2),
    "only the camera's blur is made smaller": lambda c, o, s: c * (1 - 1 / s**2) + o,
    "the sign of 1 / scale^2 is wrong": lambda c, o, s: (c + o) * (1 + 1 / s**2),
    "your equation is solved upside down": lambda c, o, s: (c + o) / (s**2 - 1),
    "the blur of the scene is not made smaller": lambda c, o, s: (c / s**2 + o) * (s**2 - 1),
    "the blur of the scene is taken away": lambda c, o, s: (c - o) * (1 - 1 / s**2),
    "your result has the opposite sign": lambda c, o, s: -by_the_formula(c, o, s),
    "your numbers are others than asked for": lambda c, o, s: by_the_formula(c, o, s) + 0.05 * torch.eye(2),
    "your result has the shape": lambda c, o, s: by_the_formula(c, o, s).trace(),
    "your function returns None": lambda c, o, s: None,
}


# Task 6: four searches that fail


right("causes")(dict(BANK.causes))
right("causes")(
    {
        "D": "patches too large.",
        "C": " not made smaller",
        "B": "kernel not centred",
        "A": "flat patches",
        "E": 3,
    }
)

BANK.add_wrong_causes("noise")


# Wrong answers that know one size, one scale or one sign.
ALSO_WRONG = {
    "all strides are two": ("collapse", lambda w, s: chained(w, s, lambda *_: 2)),
    "two layers only": ("collapse", lambda w, s: chained(w[:2], s[:2])),
    "three layers at most": ("collapse", lambda w, s: chained(w[:3], s[:3])),
    "one channel out": ("collapse", lambda w, s: chained(w, s).sum(0, keepdim=True)),
    "sums below one": ("sum_gradient", lambda w, n: pushed(w, n, sign=lambda s: -torch.ones_like(s))),
    "the layer in the middle": ("sum_gradient", lambda w, n: pushed(w, 1)),
    "equal counts": ("best_critic", lambda r, f: (r / (r + f), counted(r, f)[1])),
    "quarter": ("best_critic", lambda r, f: (counted(r, f)[0], 0.25)),
    "even sides": ("centred", lambda k: linearly(k) if k.shape[0] % 2 == 0 else k),
    "scale 2": ("recurring_covariance", lambda c, o, s: 0.75 * (c + o)),
    "round blurs": ("recurring_covariance", lambda c, o, s: by_the_formula(c, o, s) * torch.eye(2)),
}


@pytest.mark.parametrize("seed", [0, 1, 5, 77, 2357])
@pytest.mark.parametrize("name", ALSO_WRONG)
def test_wrong_answer_is_refused_with_any_seed(name, seed):
    task, answer = ALSO_WRONG[name]
    assert getattr(ps09, task)(answer, seed=seed) == 0


@pytest.mark.parametrize("seed", range(20))
def test_right_answers_pass_with_any_seed(seed):
    for task in ("collapse", "sum_gradient", "best_critic", "centred", "recurring_covariance"):
        for answer in BANK.right[task][:2]:
            assert getattr(ps09, task)(answer, seed=seed) == getattr(ps09, task).points


@pytest.mark.parametrize("whole", [math.floor, math.ceil, int, round])
def test_a_kernel_moved_by_whole_pixels_is_said_so(whole, capsys):
    answer = lambda k: k.roll([whole(step) for step in needed(k)], (0, 1))  # noqa: E731
    assert ps09.centred(answer) == 0
    assert "it moved by whole pixels only" in capsys.readouterr().out


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps09.failing_run(letter) for letter in "ABCD"}


def gain(run):
    return psnr(run["estimate"], run["truth"], shave=8) - psnr(run["with bicubic"], run["truth"], shave=8)


def test_a_good_search_gains_and_each_of_these_loses(runs):
    assert gain(ps09._run("nothing")) > 2
    assert max(gain(run) for run in runs.values()) < -0.1


def only(runs, is_so):
    return [letter for letter, run in runs.items() if is_so(run)]


def test_each_fault_is_seen_in_one_search_alone(runs):
    spread = {letter: 255 * run["patches"].std((2, 3)).mean() for letter, run in runs.items()}
    assert spread["A"] < 2 and min(spread[letter] for letter in "BCD") > 20
    away = {letter: (centre_of_mass(run["kernel"]) - 6.5).abs().max() for letter, run in runs.items()}
    assert away["B"] > 0.9 and max(away[letter] for letter in "ACD") < 0.05
    assert only(runs, lambda run: run["smaller"].shape == run["y"].shape) == ["C"]
    assert only(runs, lambda run: run["patches"].shape[2:] != (5, 5)) == ["D"]


def test_no_search_has_noise_or_missed_its_least_error(runs):
    for run in runs.values():
        assert torch.equal(BlurDownsample(run["camera"], 2)(run["truth"]), run["y"])
        assert min(run["errors"], key=run["errors"].get) == run["found"]


def test_the_two_worlds_make_the_same_picture():
    for seed in range(3):
        y, worlds = ps09.two_worlds(seed)
        for truth, kernel in worlds.values():
            assert (BlurDownsample(kernel, 2)(truth) - y).abs().max() < 1e-5
            assert kernel.sum().item() == pytest.approx(1, abs=1e-5)


def test_the_bicubic_kernel_does_what_bicubic_downsampling_does():
    x = ps09.photograph("coffee", 64)
    apart = BlurDownsample(ps09._bicubic_kernel(), 2)(x) - Downsample(2)(x)
    assert apart[..., 4:-4, 4:-4].abs().max() < 1e-5


def test_restored_solves_its_equation():
    x = ps09.photograph("coffee", 64)
    kernel = ps09.two_worlds()[1]["soft scene, narrow kernel"][1]
    A = BlurDownsample(kernel, 2)
    z = ps09.restored(A(x).double(), kernel, rounds=300)
    start = ps09.enlarge(A(x), A).double()
    left = A.adjoint(A(z)) + 1e-3 * (z - start) - A.adjoint(A(x).double())
    assert left.abs().max() < 1e-5
