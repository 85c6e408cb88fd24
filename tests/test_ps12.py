"""Problem set 12: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import copy
import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank
from torch import nn

from dil_course import runtime
from dil_course.adaptation import free, idbp
from dil_course.adaptation.idbp import levels
from dil_course.checks import ps12
from dil_course.fitting.risks import sure
from dil_course.from_scratch.zero_shot_sr import turn, turn_back
from dil_course.networks import Denoiser
from dil_course.networks.trained import trained
from dil_course.signals import Downsample, psnr

BANK = AnswerBank("ps12_adapting_a_denoiser")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: a gain for each channel


def convolutions(network):
    return [module for module in network if isinstance(module, nn.Conv2d)]


def copied(network):
    return copy.deepcopy(network).eval()


def by_functional_call(
    network,
    gains,
    weighted=lambda w, g: w * g[:, None, None, None],
    bias=lambda b, g: b,
    prepare=copied,
    moment=lambda g: g,
):
    """The answer of the set, with one place to change for each wrong one."""
    twin = prepare(network)

    def f(x):
        changed, waiting = {}, iter(gains)
        for number, module in enumerate(twin):
            if isinstance(module, nn.Conv2d):
                gain = moment(next(waiting))
                changed[f"{number}.weight"] = weighted(module.weight, gain)
                if module.bias is not None:
                    changed[f"{number}.bias"] = bias(module.bias, gain)
        return torch.func.functional_call(twin, changed, (x,))

    return f


right("with_gains")(lambda network, gains: by_functional_call(network, gains))


@right("with_gains")
def layer_by_layer(network, gains):
    """Without a copy: the bias is put aside, so that a gain on the output is a gain on the weights."""

    def f(x):
        left = list(gains)
        for module in network:
            if isinstance(module, nn.Conv2d):
                x = nn.functional.conv2d(x, module.weight.detach(), padding=module.padding) * left.pop(
                    0
                ).view(1, -1, 1, 1)
                x = x if module.bias is None else x + module.bias.view(1, -1, 1, 1)
            elif isinstance(module, nn.BatchNorm2d):
                shift, scale = module.running_mean, module.weight / (module.running_var + module.eps).sqrt()
                x = (x - shift.view(1, -1, 1, 1)) * scale.view(1, -1, 1, 1) + module.bias.view(1, -1, 1, 1)
            else:
                x = x.relu()
        return x

    return f


@right("with_gains")
def by_a_parametrization(network, gains):
    class Times(nn.Module):
        def __init__(self, gain):
            super().__init__()
            self.hold = [gain]

        def forward(self, weight):
            return torch.einsum("o,oikl->oikl", self.hold[0], weight)

    twin = copied(network)
    for module, gain in zip(convolutions(twin), gains, strict=True):
        nn.utils.parametrize.register_parametrization(module, "weight", Times(gain))
    return twin


def multiplied(network, gains):
    """The copy's weights are multiplied once, before there is any picture."""
    twin = copied(network)
    for module, gain in zip(convolutions(twin), gains, strict=True):
        weight = gain[:, None, None, None] * module.weight.detach()
        del module.weight
        module.weight = weight
    return twin


def changing_the_network(network, gains):
    for module, gain in zip(convolutions(network), gains, strict=True):
        module.weight.data *= gain[:, None, None, None].detach()
    return network.eval()


def evaluated(network, gains, frozen=False):
    network.eval()
    return by_functional_call(network.requires_grad_(not frozen), gains, prepare=lambda n: n)


def frozen(network, gains):
    network.requires_grad_(False)
    return by_functional_call(network, gains)


def behind(network, gains):
    def f(x):
        return ps12._gained(network, gains, x, behind=True)

    return f


def as_parameters(network, gains):
    return by_functional_call(network, [nn.Parameter(g) for g in gains])


WRONG["with_gains"] = {
    "the gains are not used": lambda network, gains: copied(network),
    "batch norm takes the statistics of this one picture": lambda n, g: by_functional_call(
        n, g, prepare=copy.deepcopy
    ),
    "the statistics in the batch norm of the given network have moved": lambda n, g: by_functional_call(
        n, g, prepare=lambda n: n
    ),
    "the biases are multiplied, too": lambda n, g: by_functional_call(n, g, bias=lambda b, g: b * g),
    "behind the batch norm or the ReLU": behind,
    "the gains are added": lambda n, g: by_functional_call(
        n, g, weighted=lambda w, g: w + g[:, None, None, None]
    ),
    "the gains are used twice": lambda n, g: by_functional_call(n, g, moment=lambda g: g * g),
    "the gains are used upside down": lambda n, g: by_functional_call(
        n, g, weighted=lambda w, g: w / g[:, None, None, None]
    ),
    "only the first convolution gets its gains": lambda n, g: by_functional_call(
        n, [g[0], *(torch.ones_like(one) for one in g[1:])]
    ),
    "the last convolution is left as it is": lambda n, g: by_functional_call(
        n, [*g[:-1], torch.ones_like(g[-1])]
    ),
    "the network that was given has changed": changing_the_network,
    "the network that was given is in another mode now": evaluated,
    "other weights of the given network may learn now": frozen,
    "no gradient reaches the gains of convolution 1": lambda n, g: by_functional_call(
        n, [g[0], g[1].detach(), *g[2:]]
    ),
    "does not follow its gains": multiplied,
    "expected a function of a picture": lambda n, g: by_functional_call(n, g)(
        torch.rand(1, convolutions(n)[0].in_channels, 9, 8).double()
    ),
    "your function returns None": lambda n, g: None,
    "your function stops with": lambda n, g: by_functional_call(n, g, weighted=lambda w, g: w * g),
}


def test_gains_that_are_copies_learn_nothing(capsys):
    for answer in (as_parameters, lambda n, g: by_functional_call(n, g, moment=torch.detach)):
        assert ps12.with_gains(answer) == 0
        assert "no gradient reaches the gains\n" in capsys.readouterr().out


def test_gains_of_inputs_and_exchanged_gains_are_known_where_they_fit(capsys):
    """The first network of the check has as many outputs as inputs nowhere, so the second one tells these
    two.
    """

    def only_the_second(answer):
        return lambda network, gains: (
            answer(network, gains) if len(gains) == 2 else by_functional_call(network, gains)
        )

    for says, answer in {
        "the gains are given to the input channels": lambda n, g: by_functional_call(
            n, g, weighted=lambda w, g: w * g[:, None, None]
        ),
        "the convolutions get one another's gains": lambda n, g: by_functional_call(n, g[::-1]),
    }.items():
        assert ps12.with_gains(only_the_second(answer)) == 0
        assert says in capsys.readouterr().out


# Task 2: the best gains, without a run


@right("best_gains")
def by_the_equations(parts, divergences, sigma):
    rows = parts.flatten(1)
    return torch.linalg.solve(rows @ rows.T, sigma**2 * divergences)


@right("best_gains")
def by_means(parts, divergences, sigma):
    n = parts[0].numel()
    inner = np.einsum("kchw,lchw->kl", parts.numpy(), parts.numpy()) / n
    return list(np.linalg.inv(inner) @ (sigma**2 * divergences.numpy() / n))


@right("best_gains")
def by_descent(parts, divergences, sigma):
    """Newton's method on SURE itself needs no equations of one's own."""

    def risk(g):
        combined = torch.tensordot(g, parts, 1)
        return combined.square().mean() + sigma**2 - 2 * sigma**2 * (g @ divergences) / combined.numel()

    g = torch.zeros(len(parts), dtype=parts.dtype)
    slope, bend = torch.autograd.functional.jacobian(risk, g), torch.autograd.functional.hessian(risk, g)
    return g - torch.linalg.solve(bend, slope)


def inner(parts):
    return parts.flatten(1) @ parts.flatten(1).T


WRONG["best_gains"] = {
    "each part is treated as if it were alone": lambda r, d, s: s**2 * d / inner(r).diagonal(),
    "sigma is not squared": lambda r, d, s: by_the_equations(r, d, s) / s,
    "sigma is missing": lambda r, d, s: by_the_equations(r, d, 1),
    "the opposite sign": lambda r, d, s: -by_the_equations(r, d, s),
    "2 times what is asked for": lambda r, d, s: 2 * by_the_equations(r, d, s),
    "1/2 of what is asked for": lambda r, d, s: by_the_equations(r, d, s) / 2,
    "this divides the divergences by n": lambda r, d, s: by_the_equations(r, d / r[0].numel(), s),
    "this averages the squares": lambda r, d, s: by_the_equations(r, d, s) * r[0].numel(),
    "this takes the divergences for those of f": lambda r, d, s: by_the_equations(r, r[0].numel() - d, s),
    "the price of letting noise through is missing": lambda r, d, s: torch.zeros(len(r)),
    "the equations are multiplied, not solved": lambda r, d, s: inner(r) @ (s**2 * d),
    "each entry of the matrix is inverted by itself": lambda r, d, s: (1 / inner(r)) @ (s**2 * d),
    "the gains are made to add up to one": lambda r, d, s: (
        by_the_equations(r, d, s) / by_the_equations(r, d, s).sum()
    ),
    "your result has the shape": lambda r, d, s: by_the_equations(r, d, s)[:1],
    "your function stops with": lambda r, d, s: torch.linalg.solve(r, d),
}


# Task 3: pairs


def windows_of(x, windows, side, turning=turn):
    return torch.cat(
        [turning(x[..., top : top + side, left : left + side], number) for top, left, number in windows]
    )


def noise_like(z, generator):
    return torch.randn(z.shape, generator=generator)


@right("adaptation_pairs")
def all_windows_at_once(x, sigma, windows, side, generator):
    targets = windows_of(x, windows, side)
    return targets + sigma * noise_like(targets, generator), targets


@right("adaptation_pairs")
def one_batch_after_the_other(x, sigma, windows, side, generator):
    targets = windows_of(x, windows, side)
    yield np.stack([*(targets + torch.empty_like(targets).normal_(0, sigma, generator=generator))])
    yield targets


@right("adaptation_pairs")
def window_after_window(x, sigma, windows, side, generator):
    """Noise before the turn is as good as noise after it."""
    sources, targets = [], []
    for top, left, number in windows:
        window = x[..., top : top + side, left : left + side]
        sources.append(turn(window + sigma * noise_like(window, generator), number))
        targets.append(turn(window, number))
    x += 0.1  # the check must not mind
    return sources, targets


@right("adaptation_pairs")
def by_numpy(x, sigma, windows, side, generator):
    targets = windows_of(x, windows, side).double()
    noise = np.random.default_rng(int(torch.randint(2**31, (), generator=generator))).normal(
        0, sigma, targets.shape
    )
    return torch.stack([targets + torch.from_numpy(noise), targets])


def with_noise(make):
    """A wrong answer whose fault lies in the noise: make(targets, sigma, generator)."""

    def answer(x, sigma, windows, side, generator):
        targets = windows_of(x, windows, side)
        return targets + make(targets, sigma, generator), targets

    return answer


def noise_before_the_cut(x, sigma, windows, side, generator):
    return windows_of(x + sigma * noise_like(x, generator), windows, side), windows_of(x, windows, side)


def noisy_targets(x, sigma, windows, side, generator):
    targets = windows_of(x, windows, side)
    targets = targets + sigma * noise_like(targets, generator)
    return targets + sigma * noise_like(targets, generator), targets


def unturned(turn_sources=turn, turn_targets=turn):
    def answer(x, sigma, windows, side, generator):
        sources = windows_of(x, windows, side, turn_sources)
        return sources + sigma * noise_like(sources, generator), windows_of(x, windows, side, turn_targets)

    return answer


def still(z, number):
    return z


def one_number_for_four_pixels(z, sigma, generator):
    noise = torch.randn(*z.shape[:2], z.shape[2] // 2, z.shape[3] // 2, generator=generator)
    return sigma * noise.repeat_interleave(2, -1).repeat_interleave(2, -2)


def mirrored_noise(z, sigma, generator):
    half = noise_like(z, generator)[..., : z.shape[-1] // 2]
    return sigma * torch.cat([half, half.flip(-1)], -1)


def laplacian(z, sigma, generator):
    share = torch.rand(z.shape, generator=generator) - 0.5
    return -sigma / math.sqrt(2) * share.sign() * torch.log1p(-2 * share.abs() + 1e-7)


def partly_of_all_windows(z, sigma, generator):
    return sigma * (0.8 * noise_like(z, generator) + 0.6 * noise_like(z[0], generator))


def partly_of_all_channels(z, sigma, generator):
    if z.shape[1] == 1:
        return sigma * noise_like(z, generator)
    return sigma * (0.8 * noise_like(z, generator) + 0.6 * noise_like(z[:, :1], generator))


def brighter_is_louder(z, sigma, generator):
    return sigma * noise_like(z, generator) * (0.45 + z)


WRONG["adaptation_pairs"] = {
    "the noise of neighbours is alike": with_noise(one_number_for_four_pixels),
    "it repeats mirrored or turned": with_noise(mirrored_noise),
    "two windows have noise that is alike": with_noise(partly_of_all_windows),
    "the noise of the channels is alike": with_noise(partly_of_all_channels),
    "it depends on the picture": with_noise(brighter_is_louder),
    "your sources are turned twice": unturned(lambda z, n: turn(turn(z, n), n)),
    "sources and targets are exchanged": lambda *given: all_windows_at_once(*given)[::-1],
    "your targets are your sources": lambda *given: [all_windows_at_once(*given)[0]] * 2,
    "your targets are noisy, too": noisy_targets,
    "your targets are not turned": unturned(still, still),
    "your targets are turned in the other direction": unturned(turn_back, turn_back),
    "your targets are turned, your sources are not": unturned(still, turn),
    "sources and targets are turned in different directions": unturned(turn_back, turn),
    "rows and columns of your windows are exchanged": lambda x, s, w, side, g: all_windows_at_once(
        x, s, [(b, a, n) for a, b, n in w], side, g
    ),
    "all your windows are the first one": lambda x, s, w, side, g: all_windows_at_once(
        x, s, w[:1] * len(w), side, g
    ),
    "your sources have no noise": with_noise(lambda z, s, g: 0 * z),
    "sigma is squared in your noise": with_noise(lambda z, s, g: s**2 * noise_like(z, g)),
    "your noise is 255 times too weak": with_noise(lambda z, s, g: s / 255 * noise_like(z, g)),
    "your noise has the standard deviation 1": with_noise(lambda z, s, g: noise_like(z, g)),
    "the noise is added twice": with_noise(lambda z, s, g: 2 * s * noise_like(z, g)),
    "the noise is the root of sigma": with_noise(lambda z, s, g: s**0.5 * noise_like(z, g)),
    "times as strong as asked for": with_noise(lambda z, s, g: 1.3 * s * noise_like(z, g)),
    "your noise is not zero in the mean": with_noise(lambda z, s, g: s * torch.rand(z.shape, generator=g)),
    "your noise is not Gaussian": with_noise(
        lambda z, s, g: s * 12**0.5 * (torch.rand(z.shape, generator=g) - 0.5)
    ),
    "your sources are clipped to [0,1]": lambda *given: [
        part.clamp(0, 1) for part in all_windows_at_once(*given)
    ],
    "all windows of a call have the same noise": with_noise(lambda z, s, g: s * noise_like(z[:1], g)),
    "windows of the same place have the same noise": noise_before_the_cut,
    "all channels have the same noise": lambda x, s, w, side, g: with_noise(
        lambda z, s, g: s * noise_like(z[:, :1], g)
    )(x, s, w, side, g),
    "the next call gives the same noise": with_noise(
        lambda z, s, g: s * noise_like(z, torch.Generator().manual_seed(5))
    ),
    "generators of the same seed give other noise": with_noise(lambda z, s, g: s * torch.randn(z.shape)),
    "expected 2 things, (sources, targets)": lambda x, s, w, side, g: windows_of(x, w, side),
    "your batches have the shapes": lambda x, s, w, side, g: [
        part[:3] for part in all_windows_at_once(x, s, w, side, g)
    ],
    "your function returns None": lambda x, s, w, side, g: None,
    "your function stops with": lambda x, s, w, side, g: all_windows_at_once(x, s, w, side),
}


# Task 4: a round


def told_by(x, y, A, denoiser, told):
    estimate = denoiser(x, told)
    return estimate, estimate + A.pinv(y - A(estimate))


def after(change, told=math.hypot):
    """A wrong answer whose second picture is change(x, y, A, estimate)."""

    def answer(x, y, A, denoiser, level, sigma):
        estimate = denoiser(x, told(level, sigma))
        return estimate, change(x, y, A, estimate)

    return answer


@right("idbp_round")
def the_round(x, y, A, denoiser, level, sigma):
    return told_by(x, y, A, denoiser, math.sqrt(level**2 + sigma**2))


@right("idbp_round")
def part_seen_and_part_unseen(x, y, A, denoiser, level, sigma):
    """A^+ y is what y sees, and the rest is the denoiser's."""
    estimate = denoiser(x, torch.tensor([level, sigma], dtype=torch.float64).norm())
    return torch.cat([estimate, A.pinv(y) + (estimate - A.pinv(A(estimate)))]).numpy()


def first_projected(x, y, A, denoiser, level, sigma):
    projected = x + A.pinv(y - A(x))
    return denoiser(projected, math.hypot(level, sigma)), projected


WRONG["idbp_round"] = {
    "the denoiser is told the level alone": lambda x, y, A, D, level, sigma: told_by(x, y, A, D, level),
    "the denoiser is told sigma alone": lambda x, y, A, D, level, sigma: told_by(x, y, A, D, sigma),
    "the two standard deviations are added up": lambda x, y, A, D, level, sigma: told_by(
        x, y, A, D, level + sigma
    ),
    "the denoiser is told the variance": lambda x, y, A, D, level, sigma: told_by(
        x, y, A, D, level**2 + sigma**2
    ),
    "this goes back by the adjoint": after(lambda x, y, A, z: z + A.adjoint(y - A(z))),
    "this goes away from y": after(lambda x, y, A, z: z + A.pinv(A(z) - y)),
    "this adds the misfit of the picture before it was denoised": after(
        lambda x, y, A, z: z + A.pinv(y - A(x))
    ),
    "this adds the correction to the picture before it was denoised": after(
        lambda x, y, A, z: x + A.pinv(y - A(z))
    ),
    "the denoised picture is lost": after(lambda x, y, A, z: A.pinv(y)),
    "the correction alone is returned": after(lambda x, y, A, z: A.pinv(y - A(z))),
    "the second picture is not back-projected": after(lambda x, y, A, z: z),
    "the two pictures are exchanged": lambda *given: the_round(*given)[::-1],
    "this projects first, and denoises then": first_projected,
    "the back-projected picture is clipped": lambda *given: (
        the_round(*given)[0],
        the_round(*given)[1].clamp(0, 1),
    ),
    "(estimate, projected), got 1 things": lambda *given: the_round(*given)[1],
    "(estimate, projected), got 3 things": lambda *given: [*the_round(*given), 0],
    "your pictures have the shapes": lambda x, y, A, D, level, sigma: (D(x, level), A(D(x, level))),
    "your function returns None": lambda *given: None,
    "your function stops with": lambda x, y, A, D, level, sigma: D(x, level) + (y - A(D(x, level))),
}


# Task 5: worth it, or chance?


def choose(differences, errors):
    clear = [k for k in range(len(differences)) if differences[k] < -2 * errors[k]]
    return min(clear, key=lambda k: differences[k]) if clear else 0


@right("worth_it")
def by_the_table_of_risks(networks, y, sigma, probes, epsilon):
    return ps12._judged(ps12._risks_of(networks, y, sigma, probes, epsilon))


@right("worth_it")
def probe_after_probe(networks, y, sigma, probes, epsilon):
    """The constant cancels in a difference, and may be left out."""
    rows = []
    for b in probes:
        risks = [
            ((f(y) - y) ** 2).sum() + 2 * sigma**2 * (b * (f(y + epsilon * b) - f(y))).sum() / epsilon
            for f in networks
        ]
        rows.append([(risk - risks[0]).item() / y.numel() for risk in risks])
    rows = np.array(rows)
    differences, errors = rows.mean(0), rows.std(0, ddof=1) / len(probes) ** 0.5
    return differences, errors, choose(differences, errors)


def judge(
    change=lambda differences, errors, chosen: (differences, errors, chosen),
    shown=lambda probes: probes,
    **settings,
):
    """A wrong answer: SURE with other settings, or something done to the right verdict."""

    def answer(networks, y, sigma, probes, epsilon):
        return change(*ps12._judged(ps12._risks_of(networks, y, sigma, shown(probes), epsilon, **settings)))

    return answer


def errors_by(make):
    """A wrong answer whose errors are make(risks, differences of each probe)."""

    def answer(networks, y, sigma, probes, epsilon):
        risks = ps12._risks_of(networks, y, sigma, probes, epsilon)
        differences, _, chosen = ps12._judged(risks)
        return differences, make(risks, risks - risks[0]), chosen

    return answer


def choosing(rule):
    return judge(lambda differences, errors, chosen: (differences, errors, rule(differences, errors)))


def independent(risks, each):
    return ((risks.var(1) + risks[0].var()) / risks.shape[1]).sqrt()


WRONG["worth_it"] = {
    "these are the risks, not their differences": lambda f, y, s, b, e: (
        ps12._risks_of(f, y, s, b, e).mean(1),
        torch.zeros(4),
        0,
    ),
    "the opposite sign": judge(lambda d, e, c: (-d, e, c)),
    "the difference of networks[0] to itself is left out": judge(lambda d, e, c: (d[1:], e[1:], c)),
    "this is the distance to y alone": judge(price=0.0),
    "lacks its factor 2": judge(price=1.0),
    "the price has the wrong sign": judge(price=-2.0),
    "sigma is not squared": judge(power=1),
    "the divergence is not divided by the number of pixels": judge(price=2.0 * 49),
    "the step's length is not divided out": judge(price=2e-3),
    "this uses the first probe only": lambda f, y, s, b, e: (
        ps12._judged(ps12._risks_of(f, y, s, b[:1].expand_as(b), e))[0],
        torch.zeros(4),
        0,
    ),
    "the probes are averaged before the networks see them": judge(
        shown=lambda b: b.mean(0, keepdim=True).expand_as(b)
    ),
    "49 times what is asked for": judge(lambda d, e, c: (49 * d, 49 * e, c)),
    "these add the spreads of both risks": errors_by(
        lambda risks, each: torch.where(each.abs().sum(1) > 0, independent(risks, each), 0.0)
    ),
    "even of a network and itself": errors_by(independent),
    "these are the errors of the risks, not of the differences": errors_by(
        lambda risks, each: risks.std(1) / len(risks[0]) ** 0.5
    ),
    "this is the spread of one probe": errors_by(lambda risks, each: each.std(1)),
    "the spread is divided by the number of probes": errors_by(
        lambda risks, each: each.std(1) / len(each[0])
    ),
    "the square of what is asked for": errors_by(lambda risks, each: each.var(1) / len(each[0])),
    "the spread is taken with B in place of B - 1": errors_by(
        lambda risks, each: each.std(1, correction=0) / len(each[0]) ** 0.5
    ),
    "this may be chance": choosing(lambda d, e: int(d.argmin())),
    "this is the worst one": choosing(lambda d, e: int(d.argmax())),
    "the trained network is kept": choosing(lambda d, e: 0),
    "this is the first that is clear": choosing(lambda d, e: int((d < -2 * e).int().argmax())),
    "this is the surest one": choosing(
        lambda d, e: int(torch.where(d < -2 * e, d / e.clamp(min=1e-12), 0.0).argmin())
    ),
    "the choice is one number": judge(lambda d, e, c: (d, e, [0, 1])),
    "expected 3 things, (differences, errors, chosen)": judge(lambda d, e, c: (d, e)),
    "your function returns None": lambda *given: None,
    "your function stops with": lambda networks, y, sigma, probes, epsilon: networks(y),
}


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")({**dict(reversed(BANK.causes.items())), "E": None})

BANK.add_wrong_causes("sigma")


# Do the checks compute what the library computes?


def small_denoiser():
    with runtime.seeded(0):
        network = Denoiser(1, width=6, depth=4)
        network(torch.rand(4, 1, 16, 16), 0.1)  # the batch norms get statistics of their own
    return network.eval()


def test_gains_are_those_of_the_library():
    tuned, z = free(small_denoiser(), "gain"), torch.rand(1, 5, 8, 9)
    gains = [torch.rand(conv.out_channels) + 0.5 for conv in convolutions(tuned.body)]
    for conv, gain in zip(convolutions(tuned.body), gains, strict=True):
        conv.parametrizations.weight[0].gain.data[:] = gain[:, None, None, None]
    assert torch.allclose(tuned.body(z), ps12._gained(small_denoiser().body, gains, z), atol=1e-6)


def test_rounds_are_those_of_the_library():
    A, denoiser, sigma = Downsample(2), small_denoiser(), 0.05
    y = torch.rand(1, 1, 12, 12)
    x = A.pinv(y)
    with torch.no_grad():
        for level, step in zip(
            levels(0.2, 0.01, 4),
            idbp(y, A, denoiser, sigma, iterations=4, strongest=0.2, weakest=0.01),
            strict=True,
        ):
            estimate, x = the_round(x, y, A, denoiser, level, sigma)
            assert torch.allclose(step.estimate, estimate.clamp(0, 1), atol=1e-5)


def test_risks_are_those_of_the_library():
    networks, y, sigma, probes, epsilon = ps12._candidates("clear", 0)
    risks = ps12._risks_of(networks, y, sigma, probes, epsilon)
    for f, row in zip(networks, risks, strict=True):
        for b, risk in zip(probes.split(1), row, strict=True):
            assert sure(f, y, sigma, b, epsilon).item() == pytest.approx(risk.item(), rel=1e-6)


@pytest.mark.parametrize("seed", (0, 1, 2, 2357))
def test_best_gains_of_linear_guesses_have_the_least_sure(seed):
    """SURE and the divergence as the library measures them, by many probes."""
    mix = torch.randn(
        2, 30, 30, generator=runtime.generator(seed, "mix"), dtype=torch.float64
    ) / 20 + 0.3 * torch.eye(30, dtype=torch.float64)
    y = torch.rand(1, 1, 5, 6, generator=runtime.generator(seed, "y"), dtype=torch.float64)
    parts = torch.stack([(matrix @ y.flatten()).view(1, 5, 6) for matrix in mix])
    best = by_the_equations(parts, mix.diagonal(dim1=1, dim2=2).sum(1), 0.4)

    def risk(gains):
        def f(z):
            return z - torch.einsum("k,kij,j->i", gains, mix, z.flatten()).view(z.shape)

        # Unit steps in all 30 directions in place of random probes: the exact divergence.
        units = torch.eye(30, dtype=torch.float64).view(30, 1, 1, 5, 6) * 30**0.5
        return torch.stack([sure(f, y, 0.4, b) for b in units]).mean().item()

    others = [
        best + 0.05 * torch.tensor(step, dtype=torch.float64) for step in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    assert risk(best) < min(map(risk, others))


@pytest.mark.parametrize("seed", (*range(10), 2357))
def test_candidates_are_as_their_kind_says(seed):
    for kind in ("clear", "a surer one is worse", "a less clear one looks better", "chance"):
        networks, y, sigma, probes, epsilon = ps12._candidates(kind, seed)
        differences, errors, chosen = ps12._judged(ps12._risks_of(networks, y, sigma, probes, epsilon))
        least, surest = int(differences.argmin()), int((differences / errors.clamp(min=1e-12)).argmin())
        assert (chosen == least) == (kind in ("clear", "a surer one is worse"))
        assert (chosen == 0) == (kind == "chance")
        assert kind != "a surer one is worse" or surest != chosen
        assert least != 0


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps12.failing_run(letter) for letter in "ABCD"}


def gain(run):
    with torch.no_grad():
        before = trained("denoiser_gray")(run["y"], ps12._SIGMA)
    return psnr(run["estimate"], run["truth"]) - psnr(before, run["truth"])


def moved(a, b):
    pairs = list(zip(a.parameters(), b.parameters(), strict=True))
    return (
        (sum((p - q).square().sum() for p, q in pairs) / sum(q.square().sum() for _, q in pairs))
        .sqrt()
        .item()
    )


def statistics(network):
    return torch.cat([values for name, values in network.state_dict().items() if "running" in name])


def test_a_good_run_loses_nothing_and_each_of_these_a_decibel(runs):
    assert abs(gain(ps12._run("nothing"))) < 0.15
    assert max(gain(run) for run in runs.values()) < -1


def test_only_run_b_was_told_a_wrong_sigma_and_all_noise_is_white(runs):
    for letter, run in runs.items():
        noise = run["y"] - run["truth"]
        assert noise.std().item() == pytest.approx(ps12._SIGMA, rel=0.05)
        assert (
            abs(torch.corrcoef(torch.stack([noise[..., 1:].flatten(), noise[..., :-1].flatten()]))[0, 1])
            < 0.06
        )
        assert (run["told"] == ps12._SIGMA) == (letter != "B")


def test_only_run_a_was_given_another_network(runs):
    apart = {letter: moved(run["given"], trained("denoiser_gray")) for letter, run in runs.items()}
    assert apart.pop("A") > 0.03 and set(apart.values()) == {0}


def test_only_the_weights_of_run_c_moved_far(runs):
    apart = {letter: moved(run["adapted"], run["given"]) for letter, run in runs.items()}
    assert apart.pop("C") > 3 * max(apart.values()) and min(apart.values()) > 0


def test_only_run_d_took_statistics_from_the_picture(runs):
    assert [run["adapted"].training for run in runs.values()] == [False, False, False, True]
    kept = {
        letter: torch.equal(statistics(run["adapted"]), statistics(run["given"]))
        for letter, run in runs.items()
    }
    assert kept == {"A": True, "B": True, "C": True, "D": False}


def test_who_changes_a_run_gets_it_whole_again(runs):
    with torch.no_grad():
        for weights in ps12.failing_run("D")["given"].parameters():
            weights.zero_()
    assert moved(ps12.failing_run("D")["given"], runs["D"]["given"]) == 0


def test_failing_runs_leave_the_trained_network_as_it_is():
    ps12.failing_run("A")
    assert moved(ps12.failing_run("B")["given"], trained("denoiser_gray")) == 0


@right("idbp_round")
def named_as_in_the_library(x, y, A, denoiser, level, sigma):
    yield (estimate := denoiser(x, sigma=math.hypot(level, sigma)))
    yield estimate + A.pinv(y) - A.pinv(A(estimate))


def judged_by(slope, number=lambda probes: len(probes), limit=2):
    def answer(networks, y, sigma, probes, epsilon):
        risks = torch.stack(
            [
                (f(y) - y).square().mean()
                - sigma**2
                + 2 * sigma**2 * torch.stack([slope(f, y, b[None], epsilon) for b in probes])
                for f in networks
            ]
        )
        each = risks - risks[0]
        differences, errors = each.mean(1), each.std(1) / math.sqrt(number(probes))
        return differences, errors, int(torch.where(differences < -limit * errors, differences, 0).argmin())

    return answer


def forward(f, y, b, epsilon):
    return (b * (f(y + epsilon * b) - f(y))).mean() / epsilon


def solved(parts, divergences, sigma):
    rows = parts.flatten(1)
    return torch.linalg.solve(rows @ rows.T, sigma**2 * divergences)


def padded_by_one(network, gains):
    def f(x):
        rest = iter(gains)
        for module in network:
            if isinstance(module, nn.Conv2d):
                weight = module.weight * next(rest)[:, None, None, None]
                x = nn.functional.conv2d(x, weight, module.bias, padding=1)
            elif isinstance(module, nn.BatchNorm2d):
                x = nn.functional.batch_norm(
                    x, module.running_mean, module.running_var, module.weight, module.bias
                )
            else:
                x = module(x)
        return x

    return f


right("worth_it")(judged_by(lambda f, y, b, e: (b * (f(y + e * b) - f(y - e * b))).mean() / (2 * e)))


def gains_changed(network, gains):
    with torch.no_grad():
        for gain in gains:
            gain.clamp_(max=1)
    return padded_by_one(network, gains)


def lost_at_the_first_call(network, gains):
    twin, rest = copied(network), iter(gains)

    def f(x):
        weights = {
            f"{number}.weight": module.weight * next(rest)[:, None, None, None]
            for number, module in enumerate(twin)
            if isinstance(module, nn.Conv2d)
        }
        return torch.func.functional_call(twin, weights, (x,))

    return f


def clipped(network, gains):
    f = by_functional_call(network, gains)
    return lambda x: f(x).clamp(0, 1)


WRONG["with_gains"] |= {
    "the gains that were given have changed": gains_changed,
    "at its second call your function stops with": lost_at_the_first_call,
    "is clipped to [0,1]": clipped,
}
WRONG["with_gains"]["not yet: your function stops with"] = WRONG["with_gains"].pop("your function stops with")


@right("adaptation_pairs")
def windows_without_their_first_axis(x, sigma, windows, side, generator):
    targets = [*windows_of(x, windows, side)]
    return [torch.normal(window, sigma, generator=generator) for window in targets], targets


def tiled(z, sigma, generator):
    half = [side // 2 for side in z.shape[-2:]]
    return sigma * torch.randn(*z.shape[:2], *half, generator=generator).repeat(1, 1, 2, 2)


def symmetric(z, sigma, generator):
    noise = noise_like(z, generator)
    return sigma * (noise + noise.mT) / math.sqrt(2)


def of_three_uniforms(z, sigma, generator):
    return 2 * sigma * (torch.rand(3, *z.shape, generator=generator).sum(0) - 1.5)


def pixels_known(f, y, b, epsilon, seen=[]):  # noqa: B006
    """As many pixels as at the first call of all."""
    seen.append(y.numel())
    return forward(f, y, b, epsilon) * y.numel() / seen[0]


# Wrong answers that get no diagnosis of their own, or one that another has as well.
ALSO_WRONG = {
    "divergences above zero": ("best_gains", lambda r, d, s: solved(r, d.abs(), s)),
    "noise in tiles": ("adaptation_pairs", with_noise(tiled)),
    "noise with a diagonal": ("adaptation_pairs", with_noise(symmetric)),
    "nearly Gaussian": ("adaptation_pairs", with_noise(of_three_uniforms)),
    "noise cut at two sigma": (
        "adaptation_pairs",
        with_noise(lambda z, s, g: s * noise_like(z, g).clamp(-2, 2)),
    ),
    "noise with a small mean": (
        "adaptation_pairs",
        with_noise(lambda z, s, g: s * (noise_like(z, g) + 0.1)),
    ),
    "as many pixels as in the example": ("worth_it", judged_by(pixels_known)),
    "the least upper bound": ("worth_it", choosing(lambda d, e: int((d + 2 * e).argmin()))),
    "clear on either side": (
        "worth_it",
        choosing(lambda d, e: int(torch.where(d.abs() > 2 * e, d, torch.inf).argmin())),
    ),
    "padding of one everywhere": ("with_gains", padded_by_one),
    "gains not below zero": ("best_gains", lambda *given: solved(*given).clamp(min=0)),
    "gains not above one": ("best_gains", lambda *given: solved(*given).clamp(max=1)),
    "Laplacian noise": ("adaptation_pairs", with_noise(laplacian)),
    "a step of its own": ("worth_it", judged_by(lambda f, y, b, e: forward(f, y, b, 1e-3))),
    "five probes": ("worth_it", judged_by(forward, number=lambda probes: 5)),
    "one error": ("worth_it", judged_by(forward, limit=1)),
    "three errors": ("worth_it", judged_by(forward, limit=3)),
}


@pytest.mark.parametrize("seed", [0, 1, 5, 77, 2357])
@pytest.mark.parametrize("name", ALSO_WRONG)
def test_wrong_answer_is_refused_with_any_seed(name, seed):
    task, answer = ALSO_WRONG[name]
    assert getattr(ps12, task)(answer, seed=seed) == 0


def test_sources_that_show_something_else_are_not_told_to_be_loud(capsys):
    def shifted(x, sigma, windows, side, generator):
        sources, targets = all_windows_at_once(x, sigma, windows, side, generator)
        return sources.roll(1, 0), targets

    assert ps12.adaptation_pairs(shifted) == 0
    assert "show something else than your targets" in capsys.readouterr().out
