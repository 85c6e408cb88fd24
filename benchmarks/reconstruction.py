"""Networks that reconstruct, adapted to one scan: the tables of lesson 17. Prints markdown.

python benchmarks/reconstruction.py baselines  without a trained network: three images, three masks
python benchmarks/reconstruction.py shift      four trained networks on the same nine scans, and adapted
python benchmarks/reconstruction.py same       the four on three phantoms, which are home to two of them
python benchmarks/reconstruction.py stopping   where held-out lines stop, with the leak and without it
python benchmarks/reconstruction.py model      phantoms again, by another forward model than in training
python benchmarks/reconstruction.py plug       plug-and-play with the denoiser of photographs, adapted

One Fourier line in four, 96 px, noise 0.01. Held-out lines are a quarter of them, kept out of the input as
well; a network that was stopped by them is then given all lines. Total variation gets the best of three
weights by the truth. PSNR in dB, after a stroke SSIM.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say, spread, start, subcommands

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
NETWORKS = [f"{seen}_{loss}" for seen in ("phantoms", "photographs") for loss in ("supervised", "joint")]


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


def watched(method, y, A, network, x, options):
    """A run without the held-out lines: their error (share of their sum), and the result with all lines."""
    fit, held_out = split_lines(A.mask, 0.25)
    errors, results, settings = [], [], dict(iterations=options.iterations, learning_rate=RATES[method])
    for step in method(y * fit, Fourier(fit), network, **settings):
        missed = held_out * (A(step.estimate) - y)
        errors.append((missed.abs().sum() / (held_out * y).abs().sum()).item())
        with torch.no_grad():
            results.append(step.network(y, A))
    return errors, results, max(score(each, x) for each in results)


def smooth(y, A, x, iterations=300):
    runs = [run(tv(y, A, weight, iterations)).estimate for weight in (0.003, 0.01, 0.03)]
    return max(runs, key=lambda estimate: score(estimate, x))


def decoder(y, A, seed):
    with runtime.seeded(seed):
        network = conv_decoder(1, 32)
    return run(deep_image_prior(y, A, network, 300, input_noise=0, seed=seed)).estimate


def score(estimate, x):
    return psnr(estimate.clamp(0, 1), x)


def both(estimate, x):
    return f"{score(estimate, x):.2f} / {ssim(estimate.clamp(0, 1), x):.3f}"


def baselines(options):
    header("image", "mask", "zero-filled", "TV", "TV, 4 times the iterations", "ConvDecoder")
    for name, x in images().items():
        for mask in range(options.masks):
            y, A = measured(x, mask)
            longer = "" if mask else score(smooth(y, A, x, 1200), x)
            say(
                name, mask, both(A.pinv(y), x), both(smooth(y, A, x), x), longer, both(decoder(y, A, mask), x)
            )


def table(images, options):
    header("image", "mask", "zero-filled", "network", "trained", "held-out error", "k-space loss, to the end",
           "k-space loss, stopped", "best", "splitting, stopped", "best")  # fmt: skip
    gains = {f"{name}, {way}": [] for name in NETWORKS for way in ("to the end", *METHODS)}
    near = []
    for label, x in images.items():
        for mask in range(options.masks):
            y, A = measured(x, mask)
            for name in NETWORKS:
                network = trained(f"reconstruction_{name}")
                with torch.no_grad():
                    before = network(y, A)
                settings = dict(iterations=options.iterations, learning_rate=RATES[adapt_reconstruction])
                last = list(adapt_reconstruction(y, A, network, **settings))[-1].estimate
                cells, ends = [], {"to the end": last}
                for way, method in METHODS.items():
                    errors, results, best = watched(method, y, A, network, x, options)
                    stop = errors.index(min(errors))
                    ends[way] = results[stop]
                    cells += [f"{both(results[stop], x)} ({stop + 1})", best]
                    near.append(best - score(results[stop], x))
                say(label, mask, score(A.pinv(y), x), name, both(before, x), errors[0], both(last, x), *cells)
                for way, estimate in ends.items():
                    gains[f"{name}, {way}"].append(score(estimate, x) - score(before, x))
    print()
    for kind, values in gains.items():
        ahead = sum(value > 0 for value in values)
        print(f"{kind}: median {spread(values)} dB, ahead of the trained network in {ahead} of {len(values)}")
    print(f"stopped within 0.3 dB of the best of the run: {sum(gap <= 0.3 for gap in near)} of {len(near)}")


def shift(options):
    table(images(), options)


def same(options):
    table({f"phantom {seed}": phantoms(1, SIDE, seed=seed) for seed in range(3)}, options)


def stopping(options):
    """The loss leaves the held-out lines out; with the leak, the network's input still has them."""
    header("network", "image", "mask", "leak", "first error", "stops at", "PSNR there", "best of the run")
    gaps = {False: [], True: []}
    for name in NETWORKS[1::2]:
        for label, x in images().items():
            for mask in range(options.masks):
                for leak in (False, True):
                    errors, curve = judged(*measured(x, mask), name, leak, x, options)
                    stop = errors.index(min(errors))
                    gaps[leak].append(max(curve) - curve[stop])
                    say(name, label, mask, leak, errors[0], stop + 1, curve[stop], max(curve))
    for leak, values in gaps.items():
        near = sum(value <= 0.3 for value in values)
        print(
            f"\nleak {leak}: within 0.3 dB of the best in {near} of {len(values)}, largest {max(values):.2f}"
        )


def judged(y, A, name, leak, x, options):
    """Errors of the held-out lines (share of their energy) and PSNR along a run."""
    network, (fit, held_out) = trained(f"reconstruction_{name}"), split_lines(A.mask, 0.25)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATES[adapt_reconstruction])
    given, B = (y, A) if leak else (y * fit, Fourier(fit))
    errors, curve = [], []
    for _ in range(options.iterations):
        estimate = network(given, B)
        missed = held_out * (A(estimate.detach()) - y)
        errors.append((missed.square().sum() / (held_out * y).square().sum()).item())
        curve.append(score(estimate.detach(), x))
        loss = (fit * (A(estimate) - y)).abs().sum() / (fit * y).abs().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return errors, curve


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
            say(label, number, *(score(each, x) for each in estimates))


def plug(options):
    header("image", "mask", "zero-filled", "fixed point", "adapted, held-out stop", "stops at", "to the end")
    denoiser = trained("denoiser_gray")
    settings = dict(adapt="all", learning_rate=1e-5, iterations=20)
    for name, x in images().items():
        for mask in range(options.masks):
            y, A = measured(x, mask, options.acceleration)
            fit, held_out = split_lines(A.mask, 0.25)
            fixed = list(plug_and_play(y, A, denoiser, iterations=20))[-1].estimate
            rule = HeldOut(y, held_out, patience=20, A=A)
            run(plug_and_play(y * fit, Fourier(fit), denoiser, **settings), stop=rule)
            adapted = [step.estimate for step in plug_and_play(y, A, denoiser, **settings)]
            shown = (each for each in (A.pinv(y), fixed, adapted[rule.iteration - 1]))
            say(name, mask, *(score(each, x) for each in shown), rule.iteration, score(adapted[-1], x))


def main():
    parser, commands = subcommands(__doc__)
    for command in (baselines, shift, same, stopping, model, plug):
        one = commands.add_parser(command.__name__)
        one.add_argument("--masks", type=int, default=3, help="how many")
        one.add_argument("--iterations", type=int, default=40, help="of adapting")
        one.add_argument(
            "--anchor", type=float, default=1e-3, help="of the weights, when adapted to another model"
        )
        one.add_argument("--weight", type=float, default=0.1, help="of the network as a denoiser")
        one.add_argument("--acceleration", type=float, default=4)
        one.set_defaults(command=command)
    start(parser)


if __name__ == "__main__":
    main()
