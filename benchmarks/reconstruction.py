"""Networks that reconstruct, adapted to one scan: the tables of lesson 17. Prints markdown.

python benchmarks/reconstruction.py shift      trained on phantoms, tested on three other images, three masks
python benchmarks/reconstruction.py same       trained on phantoms, tested on phantoms
python benchmarks/reconstruction.py stopping   where held-out lines stop, with the leak and without it
python benchmarks/reconstruction.py model      phantoms again, by another forward model than in training
python benchmarks/reconstruction.py plug       plug-and-play with the denoiser of photographs, adapted

One Fourier line in four, 96 px, noise 0.01. Adapted networks are stopped by a quarter of the lines, held out,
and then adapted with all lines for as many iterations. Total variation gets the best of three weights by the
truth. PSNR in dB, after a stroke SSIM.
"""

import statistics
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say, start, subcommands

from dil_course import runtime
from dil_course.adaptation import (
    adapt_by_splitting,
    adapt_reconstruction,
    plug_and_play,
    reuse_and_regularize,
)
from dil_course.fitting import run
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import deep_image_prior, tv
from dil_course.networks import conv_decoder, trained
from dil_course.signals import (
    Blur,
    Fourier,
    gaussian_kernel,
    line_mask,
    mr_slice,
    phantoms,
    picture,
    psnr,
    split_lines,
    ssim,
)

SIGMA, SIDE = 0.01, 96
RATES = {adapt_reconstruction: 1e-4, adapt_by_splitting: 3e-4}
METHODS = {"k-space loss": adapt_reconstruction, "splitting": adapt_by_splitting}


def images():
    return {
        "MR slice": mr_slice()[..., 16:112, 16:112],
        "camera": picture("camera", SIDE).mean(1, keepdim=True),
        "chelsea": picture("chelsea", SIDE).mean(1, keepdim=True),
    }


def noisy(x, A, seed):
    noise = torch.randn(A(x).shape, generator=runtime.generator(seed, "noise"))
    return A(x) + SIGMA * (A.mask if isinstance(A, Fourier) else 1) * noise


def measured(x, seed, acceleration=4):
    A = Fourier(line_mask(*x.shape[-2:], acceleration, seed=seed))
    return noisy(x, A, seed), A


@torch.no_grad()
def reconstructed(name, y, A):
    return trained(f"reconstruction_{name}")(y, A)


def stopped(method, y, A, network, options):
    """Adapted until held-out lines are predicted best, then with all lines for as long; and how long."""
    settings = dict(learning_rate=RATES[method])
    fit, held_out = split_lines(A.mask, 0.25)
    rule = HeldOut(y, held_out, patience=options.iterations, A=A)
    run(method(y * fit, Fourier(fit), network, iterations=options.iterations, **settings), stop=rule)
    last = list(method(y, A, network, iterations=rule.iteration, **settings))[-1]
    return last.estimate, rule.iteration


def smooth(y, A, x):
    return max(
        (run(tv(y, A, weight)).estimate for weight in (0.003, 0.01, 0.03)), key=lambda each: psnr(each, x)
    )


def decoder(y, A, seed):
    with runtime.seeded(seed):
        network = conv_decoder(1, 32)
    return run(deep_image_prior(y, A, network, 300, input_noise=0, seed=seed)).estimate


def both(estimate, x):
    return f"{psnr(estimate.clamp(0, 1), x):.2f} / {ssim(estimate.clamp(0, 1), x):.3f}"


def table(images, options):
    kinds = {
        f"{loss}, {name}": (loss, way) for loss in ("supervised", "joint") for name, way in METHODS.items()
    }
    header("image", "mask", "zero-filled", "TV", "ConvDecoder", "supervised", "joint", *kinds)
    gains, filled = {kind: [] for kind in kinds}, dict.fromkeys(kinds, 0)
    for name, x in images.items():
        for mask in range(options.masks):
            y, A = measured(x, mask)
            cells = [A.pinv(y), smooth(y, A, x), decoder(y, A, mask)]
            before = {loss: reconstructed(f"phantoms_{loss}", y, A) for loss in ("supervised", "joint")}
            shown = [both(each, x) for each in (*cells, *before.values())]
            for kind, (loss, way) in kinds.items():
                network = trained(f"reconstruction_phantoms_{loss}")
                estimate, count = stopped(way, y, A, network, options)
                gains[kind].append(psnr(estimate.clamp(0, 1), x) - psnr(before[loss].clamp(0, 1), x))
                filled[kind] += psnr(estimate.clamp(0, 1), x) > psnr(cells[0].clamp(0, 1), x)
                shown.append(f"{both(estimate, x)} ({count})")
            say(name, mask, *shown)
    print()
    for kind, values in gains.items():
        ahead = sum(value > 0 for value in values)
        spread = f"median {statistics.median(values):+.2f} dB ({min(values):+.2f} to {max(values):+.2f})"
        print(
            f"{kind}: {spread}, ahead of the trained network in {ahead} of {len(values)}, "
            f"of zero-filling in {filled[kind]}"
        )


def shift(options):
    table(images(), options)


def same(options):
    table({f"phantom {seed}": phantoms(1, SIDE, seed=seed) for seed in range(3)}, options)


def stopping(options):
    """The loss leaves the held-out lines out; with the leak, the network's input still has them."""
    header("image", "mask", "leak", "stops at", "PSNR there", "best of the run", "below the best")
    gaps = {False: [], True: []}
    for name, x in images().items():
        for mask in range(options.masks):
            y, A = measured(x, mask)
            fit, held_out = split_lines(A.mask, 0.25)
            for leak in (False, True):
                errors, curve = [], []
                for estimate in watched(y, A, fit, leak, options):
                    errors.append((held_out * (A(estimate) - y)).square().sum().item())
                    curve.append(psnr(estimate, x))
                best = errors.index(min(errors))
                gaps[leak].append(max(curve) - curve[best])
                say(name, mask, leak, best + 1, curve[best], max(curve), gaps[leak][-1])
    for leak, values in gaps.items():
        near = sum(value <= 0.3 for value in values)
        print(
            f"\nleak {leak}: within 0.3 dB of the best in {near} of {len(values)}, largest {max(values):.2f}"
        )


def watched(y, A, fit, leak, options):
    network = trained(f"reconstruction_phantoms_{options.loss}")
    optimizer = torch.optim.Adam(network.parameters(), lr=RATES[adapt_reconstruction])
    given, B = (y, A) if leak else (y * fit, Fourier(fit))
    for _ in range(options.iterations):
        estimate = network(given, B)
        yield estimate.detach()
        loss = (fit * (A(estimate) - y)).abs().sum() / (fit * y).abs().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def model(options):
    models = {
        "one line in two": lambda seed: Fourier(line_mask(SIDE, SIDE, 2, seed=seed)),
        "one line in six": lambda seed: Fourier(line_mask(SIDE, SIDE, 6, seed=seed)),
        "blur": lambda seed: Blur(gaussian_kernel(9, 1.5)),
    }
    names = "A^T y", "TV", "new A in the network", "adapted with an anchor"
    names += "denoiser, 3 rounds", "20 rounds"
    header("forward model", "phantom", *names)
    network = trained("reconstruction_phantoms_supervised")
    for label, make in models.items():
        for number in range(options.masks):
            x = phantoms(1, SIDE, seed=number)
            A, A_0 = make(number), Fourier(line_mask(SIDE, SIDE, 4, seed=number))
            y = noisy(x, A, number)
            anchored = adapt_reconstruction(
                y, A, network, iterations=options.iterations, anchor=options.anchor
            )
            rounds = list(reuse_and_regularize(y, A, network, A_0, options.weight, iterations=20))
            with torch.no_grad():
                swapped = network(y, A)
            estimates = [A.adjoint(y), smooth(y, A, x), swapped, list(anchored)[-1].estimate]
            estimates += [rounds[2].estimate, rounds[-1].estimate]
            say(label, number, *(psnr(each.clamp(0, 1), x) for each in estimates))


def plug(options):
    header(
        "image", "mask", "zero-filled", "fixed point", "adapted, held-out stop", "stops at", "best of the run"
    )
    denoiser = trained("denoiser_gray")
    for name, x in images().items():
        for mask in range(options.masks):
            y, A = measured(x, mask, options.acceleration)
            fit, held_out = split_lines(A.mask, 0.25)
            fixed = list(plug_and_play(y, A, denoiser, iterations=20))[-1].estimate
            rule = HeldOut(y, held_out, patience=options.iterations, A=A)
            settings = dict(adapt="all", learning_rate=1e-5, iterations=options.iterations)
            run(plug_and_play(y * fit, Fourier(fit), denoiser, **settings), stop=rule)
            steps = plug_and_play(y, A, denoiser, **settings)
            curve = [psnr(step.estimate.clamp(0, 1), x) for step in steps]
            there = curve[rule.iteration - 1]
            say(name, mask, psnr(A.pinv(y), x), psnr(fixed.clamp(0, 1), x), there, rule.iteration, max(curve))


def main():
    parser, commands = subcommands(__doc__)
    for command in (shift, same, stopping, model, plug):
        one = commands.add_parser(command.__name__)
        one.add_argument("--masks", type=int, default=3, help="how many")
        one.add_argument("--iterations", type=int, default=60)
        one.add_argument("--loss", default="joint", choices=("supervised", "joint"))
        one.add_argument(
            "--anchor", type=float, default=1e-3, help="of the weights, when adapted to another model"
        )
        one.add_argument("--weight", type=float, default=0.1, help="of the network as a denoiser")
        one.add_argument("--acceleration", type=float, default=4)
        one.set_defaults(command=command)
    start(parser)


if __name__ == "__main__":
    main()
