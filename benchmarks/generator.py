"""A generator meets a garment: lesson 15, measured. Prints tables of PSNR in dB, clipped to [0,1].

python benchmarks/generator.py measurements   from 3 to 75 % of Gaussian measurements, without noise
python benchmarks/generator.py noise          half of them, with noise
python benchmarks/generator.py bags           a class that the generator has never seen

The weights of TV and of the wavelet Lasso are the best of a few by the truth, and DIP stops at its peak, by
the truth. Everything else is fixed beforehand.
"""

import functools
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality import header, say, spread, start, subcommands

from dil_course import runtime
from dil_course.adaptation import csgm, iagan
from dil_course.diffusion.sampling import squared_norm
from dil_course.fitting import run
from dil_course.from_scratch import deep_image_prior, tv
from dil_course.networks import Generator, conv_decoder, trained
from dil_course.signals import GARMENTS, Gaussian, Identity, consistent, garments, psnr

BAG = GARMENTS.index("bag")
SHARES = (0.03, 0.06, 0.13, 0.25, 0.5, 0.75)
SEARCH = dict(starts=5, iterations=150)
ERROR = 0.1  # of a drawing in each pixel, about that of the training pictures
WEIGHTS = (3e-3, 3e-2, 1e-1, 3e-1)  # that TV and the Lasso choose from


@functools.cache
def training():
    """The pictures that the generator was trained on."""
    pictures, labels = garments("training")
    return pictures[labels != BAG]


def best(estimates, x):
    return max(estimates, key=lambda estimate: psnr(estimate.clamp(0, 1), x))


def total_variation(y, A, sigma, seed, x):
    return best([run(tv(y, A, w, 300, learning_rate=1.0)).estimate for w in WEIGHTS], x)


def haar(side):
    """The orthonormal matrix of a Haar transform along a line, on two scales."""
    matrix = torch.eye(side)
    for length in (side, side // 2):
        step, i = torch.eye(side), torch.arange(length // 2)
        step[:length, :length] = 0
        step[i, 2 * i] = step[i, 2 * i + 1] = step[i + length // 2, 2 * i] = 0.5**0.5
        step[i + length // 2, 2 * i + 1] = -(0.5**0.5)
        matrix = step @ matrix
    return matrix


def lasso(y, A, sigma, seed, x):
    """The Lasso on the coefficients of a Haar transform, by FISTA (Beck and Teboulle, 2009)."""
    H, size = haar(28), squared_norm(A, y, iterations=30)
    found = []
    for weight in WEIGHTS:
        c = before = torch.zeros_like(x)
        t = 1.0
        for _ in range(150):
            step = c - H @ A.adjoint(A(H.T @ c @ H) - y) @ H.T / size
            now = step.sign() * (step.abs() - weight / size).clamp(min=0)
            t, last = (1 + (1 + 4 * t**2) ** 0.5) / 2, t
            c, before = now + (last - 1) / t * (now - before), now
        found.append(H.T @ before @ H)
    return best(found, x)


def nearest(y, A, sigma, seed, x):
    pictures = training()
    return pictures[(A(pictures) - y).square().sum((1, 2, 3)).argmin()][None]


@functools.cache
def moments():
    """Mean and covariance of the training pictures, in double precision."""
    flat = training().flatten(1).double()
    return flat.mean(0), torch.cov(flat.T)


def linear(y, A, sigma, seed, x):
    """The linear estimate of least mean squared error, with mean and covariance of the training pictures."""
    mean, C = moments()
    M = A(torch.eye(784).reshape(784, 1, 28, 28)).flatten(1).T.double()
    S = M @ C @ M.T + max(sigma, 1e-3) ** 2 * torch.eye(len(M))
    estimate = mean + C @ M.T @ torch.linalg.solve(S, y.flatten().double() - M @ mean)
    return estimate.reshape(x.shape).float()


def prior(y, A, sigma, seed, x):
    """DIP by a decoder of a quarter of the generator's weights, at its peak."""
    with runtime.seeded(seed):
        network = conv_decoder(1, 32, 2)
    tops = [(-1.0, None)]
    for step in deep_image_prior(y, A, network, iterations=300, seed=seed):
        if step.iteration % 10 == 0:
            tops.append((psnr(step.estimate, x), step.estimate))
    return max(tops, key=lambda pair: pair[0])[1]


def random_decoder(y, A, sigma, seed, x):
    """The generator before its training, fitted as IAGAN fits it."""
    with runtime.seeded(seed):
        network = Generator(24, 32)
    return run(iagan(y, A, network, search=0, iterations=300, seed=seed)).estimate


def found_and_adapted(y, A, weight, seed):
    """What CSGM finds, and what IAGAN makes of it."""
    search = SEARCH["iterations"]
    steps = iagan(y, A, trained("generator"), weight, SEARCH["starts"], search, seed=seed)
    return [step.estimate for step in steps if step.iteration == search or step.iteration == step.total]


def balance(y, sigma):
    """CSGM's weight: the expected squared error of a measurement, by noise and by what cannot be drawn."""
    return sigma**2 + ERROR**2 * 784 / y.numel()


def problem(x, share, sigma, seed):
    """Gaussian measurements of x, with noise."""
    A = Gaussian(round(share * 784), (28, 28), seed)
    y = A(x)
    return A, y + sigma * torch.randn(y.shape, generator=runtime.generator(seed, "noise"))


def pictures(bags=False):
    """Ten test pictures: a first one of each class but bags, and a second sneaker. Or ten bags."""
    images, labels = garments("test")
    if bags:
        return list(images[labels == BAG][:10].split(1))
    others = [images[labels == k][:1] for k in range(10) if k != BAG]
    return [*others, images[labels == GARMENTS.index("sneaker")][1:2]]


OPPONENTS = {
    "nearest training picture": nearest, "linear estimate": linear, "TV": total_variation,
    "wavelet Lasso": lasso, "DIP": prior, "random generator": random_decoder,
}  # fmt: skip


def rows(problems, methods):
    """{method: (PSNR of each problem, seconds for one)}; a problem is (x, A, y, sigma, seed)."""
    found = {}
    for name in methods:
        started, scores = time.process_time(), []
        for x, A, y, sigma, seed in problems:
            if name == "generator":
                drawn, adapted = found_and_adapted(y, A, balance(y, sigma), seed)
                both = consistent(adapted, y, A)
                scores.append([psnr(e.clamp(0, 1), x) for e in (drawn, adapted, both)])
            else:
                scores.append([psnr(OPPONENTS[name](y, A, sigma, seed, x).clamp(0, 1), x)])
        seconds = (time.process_time() - started) / len(problems)
        names = ("CSGM", "IAGAN", "IAGAN, back-projected") if name == "generator" else (name,)
        for kind, column in zip(names, zip(*scores, strict=True), strict=True):
            found[kind] = (list(column), seconds)
    return found


def table(columns, methods):
    """Print a row for each method, a column for each list of problems."""
    results = {column: rows(problems, methods) for column, problems in columns.items()}
    header("method", *columns, "seconds")
    for name in next(iter(results.values())):
        seconds = statistics.mean(result[name][1] for result in results.values())
        say(name, *(spread(result[name][0]) for result in results.values()), f"{seconds:.1f}")
    if "generator" in methods:
        for column, result in results.items():
            drawn, adapted = result["CSGM"][0], result["IAGAN"][0]
            gains = [b - a for a, b in zip(drawn, adapted, strict=True)]
            print(f"IAGAN above CSGM, {column}: {spread(gains)} dB")
    return results


def problems(images, share, sigma, seeds):
    return [
        (x, *problem(x, share, sigma, seed + 100 * number), sigma, seed)
        for number, x in enumerate(images)
        for seed in range(seeds)
    ]


def floor(images):
    scores = [
        psnr(run(csgm(x, Identity(), trained("generator"), weight=0.01, **SEARCH)).estimate, x)
        for x in images
    ]
    print(f"\nThe nearest picture that the generator can draw: {spread(scores)} dB")


def tables(images, columns, options):
    print(f"{len(images)} images, {options.seeds} seeds: median and range.\n", flush=True)
    table(columns, options.methods)
    if "generator" in options.methods:
        floor(images)


def measurements(options):
    images = pictures()
    columns = {f"{share:.0%}": problems(images, share, 0, options.seeds) for share in options.shares}
    tables(images, columns, options)


def noise(options):
    images = pictures()
    columns = {
        f"50 %, sigma {sigma:g}": problems(images, 0.5, sigma, options.seeds)
        for sigma in (0.02, options.sigma)
    }
    tables(images, columns, options)


def bags(options):
    images = pictures(bags=True)
    columns = {f"{share:.0%}": problems(images, share, 0, options.seeds) for share in (0.06, 0.25)}
    tables(images, columns, options)


def main():
    parser, commands = subcommands(__doc__)
    for command in (measurements, noise, bags):
        one = commands.add_parser(command.__name__)
        one.add_argument("--seeds", type=int, default=3)
        one.add_argument("--methods", nargs="+", default=["generator", *OPPONENTS])
        one.set_defaults(command=command)
    commands.choices["measurements"].add_argument("--shares", type=float, nargs="+", default=SHARES)
    commands.choices["noise"].add_argument("--sigma", type=float, default=0.2, help="of the noise")
    start(parser)


if __name__ == "__main__":
    main()
