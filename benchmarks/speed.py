"""How fast we are, beside the textbook's loop, in one run. Prints markdown tables; the plot goes beside them.

python benchmarks/speed.py iterations    seconds an iteration of the same architecture, textbook against ours,
                                         and the share of the measured peak arithmetic
python benchmarks/speed.py picture       time until the picture is restored, three pictures x three seeds
python benchmarks/speed.py zssr          time that zero-shot super-resolution takes, the paper's settings
                                         against the quick ones (DIL_DATA)
python benchmarks/speed.py growth        seconds an iteration and memory, from 64 to 512 pixels a side; draws
                                         speed.png

The time that the live view takes: python benchmarks/live_view.py
"""

import argparse
import concurrent.futures
import itertools
import multiprocessing
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from dil_course import runtime
from dil_course.doctor import machine
from dil_course.fitting import Step
from dil_course.from_scratch import deep_image_prior, zero_shot_sr
from dil_course.from_scratch.internal_pairs import pair, turn
from dil_course.from_scratch.zero_shot_sr import reconstruction_error, restore, stalls
from dil_course.networks import ResidualNetwork, SkipNetwork, small_skip_network
from dil_course.signals import Downsample, add_gaussian, benchmark, luma, picture, psnr

PICTURES = ("astronaut", "coffee", "chelsea")
SIGMA = 25 / 255
SIDES = (64, 128, 256, 512)
MARGIN = 0.3  # dB below the textbook's own peak: there, the picture counts as reached
NETWORKS = {"paper's, 5 scales of 128": SkipNetwork, "small, 4 scales of 24": small_skip_network}


def textbook(y, network, iterations, seed):
    """The textbook's loop: float32, contiguous memory, torch's defaults, the loss read at each iteration."""
    generator = runtime.generator(seed, "z", y.device)
    z = 0.1 * torch.rand(1, network.input_channels, *y.shape[-2:], generator=generator, device=y.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for iteration in range(1, iterations + 1):
        optimizer.zero_grad()
        estimate = network(z + torch.randn(z.shape, generator=generator, device=y.device) / 30)
        loss = torch.mean((estimate - y) ** 2)
        loss.backward()
        optimizer.step()
        yield Step(iteration, iterations, loss.item(), estimate.detach())


def make(network, seed):
    with runtime.seeded(seed):
        return network(3).to(runtime.device())


def ours(y, network, iterations, seed):
    return deep_image_prior(y, network=network, iterations=iterations, seed=seed)


WAYS = {"textbook": textbook, "ours": ours}


def wait():
    """A GPU works on while Python goes ahead; the clock must not."""
    if runtime.device().type == "cuda":
        torch.cuda.synchronize()


def durations(steps, count):
    """Seconds of the next `count` iterations."""
    times = []
    for _ in range(count):
        wait()
        started = time.perf_counter()
        next(steps)
        wait()
        times.append(time.perf_counter() - started)
    return times


def say(*cells):
    print(
        "| " + " | ".join(f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in cells) + " |",
        flush=True,
    )


def header(*cells):
    say(*cells)
    say(*["---"] * len(cells))


def observed(name, side, seed=0):
    x = picture(name, side).to(runtime.device())
    return x, add_gaussian(x, SIGMA, seed=seed)


def peak_arithmetic():
    """GFLOP/s of a large matrix product and of a large convolution: what this machine can do at best."""
    device = runtime.device()
    matrix, image = torch.rand(1536, 1536, device=device), torch.rand(1, 128, 128, 128, device=device)
    kernel = torch.rand(128, 128, 3, 3, device=device)
    peaks = {}
    for name, work, operations in (
        ("matrix product", lambda: matrix @ matrix, 2 * 1536**3),
        (
            "convolution 3x3, 128 channels",
            lambda: torch.nn.functional.conv2d(image, kernel, padding=1),
            2 * 128**2 * 9 * 128**2,
        ),
    ):
        times = []
        for _ in range(12):
            wait()
            started = time.perf_counter()
            work()
            wait()
            times.append(time.perf_counter() - started)
        peaks[name] = operations / statistics.median(times[2:]) / 1e9
    return peaks


def operations(network, y):
    """Floating-point operations of one iteration, as torch counts them: convolutions, both ways."""
    counter = FlopCounterMode(display=False)
    z = torch.rand(1, network.input_channels, *y.shape[-2:], device=y.device)
    with counter:
        network(z).sum().backward()
    return counter.get_total_flops()


def apart(function, *arguments):
    """Call a function in a process of its own: ours changes how a process keeps its memory (`Engine`)."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def one_loop(name, way, side, count):
    """Median seconds of `count` iterations after three to warm up, and the process's peak memory in MiB."""
    _, y = observed("astronaut", side)
    steps = WAYS[way](y, make(NETWORKS[name], 0), 10**6, 0)
    durations(steps, 3)
    seconds = statistics.median(durations(steps, count))
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def iterations(options):
    peaks = apart(peak_arithmetic)
    print(
        "Measured peak: " + ", ".join(f"{name} {value:.0f} GFLOP/s" for name, value in peaks.items()) + ".\n"
    )
    _, y = observed("coffee", options.side)
    header(
        "network",
        "loop",
        "seconds an iteration",
        "range",
        "textbook / this",
        "GFLOP an iteration",
        "per cent of peak",
    )
    for name, network in NETWORKS.items():
        times = {way: [] for way in WAYS}
        for _, way in itertools.product(range(options.turns), WAYS):
            times[way].append(apart(one_loop, name, way, options.side, 8)[0])
        work = operations(make(network, 0), y) / 1e9
        for way, values in times.items():
            seconds = statistics.median(values)
            ratio = statistics.median(t / v for t, v in zip(times["textbook"], values, strict=True))
            say(
                name,
                way,
                seconds,
                f"{min(values):.3g} to {max(values):.3g}",
                ratio,
                work,
                100 * work / seconds / max(peaks.values()),
            )


def follow(way, network, name, seed, side, iterations, patience=60):
    """PSNR by iteration until the average has not improved for `patience`, and median seconds of one."""
    x, y = observed(name, side, seed)
    steps = WAYS[way](y, make(network, seed), iterations, seed)
    average, curve, times = None, [], []
    for iteration in range(1, iterations + 1):
        wait()
        started = time.perf_counter()
        step = next(steps)
        wait()
        times.append(time.perf_counter() - started)
        average = (
            step.estimate
            if average is None
            else average.lerp(step.estimate, 1 - min(0.99, iteration / (iteration + 10)))
        )
        curve.append(psnr(average, x))
        if len(curve) - curve.index(max(curve)) > patience:
            break
    return curve, statistics.median(times)


def first(curve, threshold):
    """The first iteration at which the curve is there, else None."""
    return next((iteration for iteration, value in enumerate(curve, 1) if value >= threshold), None)


def time_to_picture(options):
    print(
        f"{options.side} px, sigma 25/255, at most {options.iterations} iterations; aim: the textbook's peak "
        f"minus {MARGIN} dB.\n"
    )
    header(
        "picture",
        "seed",
        "textbook's peak",
        "its",
        "s/it",
        "seconds",
        "our peak",
        "our its",
        "our s/it",
        "our seconds",
        "times sooner",
    )
    ratios = []
    for name, seed in itertools.product(PICTURES, range(3)):
        case = (name, seed, options.side, options.iterations)
        theirs, slow = apart(follow, "textbook", SkipNetwork, *case)
        curve, quick = apart(follow, "ours", small_skip_network, *case)
        aim = max(theirs) - MARGIN
        long, short = first(theirs, aim), first(curve, aim)
        ratios.append(long * slow / (short * quick) if short else 0.0)
        reached = (short, quick, short * quick) if short else ("never", quick, "never")
        say(
            name,
            seed,
            f"{max(theirs):.2f}",
            long,
            slow,
            long * slow,
            f"{max(curve):.2f}",
            *reached,
            ratios[-1],
        )
    print(f"\nTimes sooner: median {statistics.median(ratios):.1f}, {min(ratios):.1f} to {max(ratios):.1f}.")


def textbook_zssr(y, A, iterations, seed):
    """The paper's settings in a plain loop: 64 channels, windows of 128, a fresh pair at each iteration."""
    draw = np.random.default_rng(seed)
    with runtime.seeded(seed):
        network = ResidualNetwork(y.shape[1], 64).to(y.device)
    optimizer, errors = torch.optim.Adam(network.parameters(), lr=1e-3), []
    for iteration in range(1, iterations + 1):
        shrink = 1 if draw.random() < 0.5 else draw.uniform(0.5, 1)
        father = torch.nn.functional.interpolate(y, scale_factor=shrink, mode="bicubic", antialias=True)
        (son, father), number = pair(father, A), draw.integers(8)
        top, left = (draw.integers(max(size - 128, 0) + 1) for size in father.shape[-2:])
        a, b = (turn(x[..., top : top + 128, left : left + 128], number) for x in (son, father))
        loss = torch.mean((network(a) - b).abs())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration % 50 == 0:
            errors.append(reconstruction_error(network, y, A))
            if stalls(errors):
                optimizer.param_groups[0]["lr"] /= 1.5
        yield iteration, network


def our_zssr(y, A, iterations, seed):
    with runtime.seeded(seed):
        network = ResidualNetwork(y.shape[1], 32).to(y.device)
    for step in zero_shot_sr(y, A, network=network, iterations=iterations, gradual=1, seed=seed):
        yield step.iteration, network


def follow_zssr(way, name, seed, iterations, every):
    """(seconds, PSNR) every so many iterations, both ways scored alike, by one view, back-projected.

    The seconds do not include the scoring.
    """
    x = benchmark(f"set5/{name}.png")
    x = x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2].to(runtime.device())
    A, clock, curve = Downsample(2), 0.0, []
    y = A(x).clamp(0, 1)
    steps = {"textbook": textbook_zssr, "ours": our_zssr}[way](y, A, iterations, seed)
    while True:
        wait()
        started = time.perf_counter()
        iteration, network = next(steps, (None, None))
        wait()
        clock += time.perf_counter() - started
        if iteration is None:
            return curve
        if iteration % every == 0:
            curve.append((clock, psnr(luma(restore(network, y, A).clamp(0, 1)), luma(x), shave=2)))


def time_to_large_picture(options):
    print(
        f"Set5 x2, luma, the textbook {options.iterations} iterations; aim: so many dB below the textbook's "
        "best value, for both.\n"
    )
    header(
        "picture",
        "seed",
        "textbook's best",
        "its whole run, s",
        "our best",
        "our whole run, s",
        "aim",
        "textbook, s",
        "ours, s",
        "times sooner",
    )
    ratios = {MARGIN: [], MARGIN / 3: []}
    for name, seed in itertools.product(options.names, range(options.seeds)):
        theirs = apart(follow_zssr, "textbook", name, seed, options.iterations, 25)
        mine = apart(follow_zssr, "ours", name, seed, 2000, 25)
        best, our_best = (max(value for _, value in curve) for curve in (theirs, mine))
        for margin, found in ratios.items():
            long, short = (
                next((clock for clock, value in curve if value >= best - margin), None)
                for curve in (theirs, mine)
            )
            found.append(long / short if short else 0.0)
            say(
                name,
                seed,
                f"{best:.2f}",
                theirs[-1][0],
                f"{our_best:.2f}",
                mine[-1][0],
                f"-{margin:.1f}",
                long,
                short or "never",
                found[-1],
            )
    for margin, found in ratios.items():
        print(
            f"\nTimes sooner to the textbook's best less {margin:.1f} dB: median "
            f"{statistics.median(found):.1f}, {min(found):.1f} to {max(found):.1f}."
        )


def growth(options):
    from matplotlib.figure import Figure

    from dil_course.figures import draw_curves, png

    curves = {}
    header("network", "loop", "side", "seconds an iteration", "largest memory of the process, MiB")
    paper, small = NETWORKS
    for name, way in ((paper, "textbook"), (small, "textbook"), (small, "ours")):
        for side in SIDES:
            if name == paper and side > options.largest:
                continue
            seconds, memory = apart(one_loop, name, way, side, 5)
            sides, values = curves.setdefault(f"{name}, {way}", ([], []))
            sides.append(side)
            values.append(seconds)
            say(name, way, side, seconds, f"{memory:.0f}")
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    draw_curves(axes, curves, "side of the picture (pixels)", "seconds an iteration")
    axes.set_xscale("log", base=2)
    axes.set_xticks(SIDES, SIDES)
    axes.set_yscale("log")
    (HERE / "speed.png").write_bytes(png(figure))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = {
        "iterations": iterations,
        "picture": time_to_picture,
        "zssr": time_to_large_picture,
        "growth": growth,
    }
    parser.add_argument("part", choices=parts)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=800)
    parser.add_argument("--turns", type=int, default=5, help="how often each loop gets its turn")
    parser.add_argument(
        "--largest", type=int, default=256, help="side up to which the paper's network is timed"
    )
    parser.add_argument(
        "--names", nargs="+", default=["butterfly", "bird", "head"], help="pictures of Set5, for zssr"
    )
    parser.add_argument("--seeds", type=int, default=1, help="how many, for zssr")
    options = parser.parse_args()
    print(f"{machine()}\n")
    parts[options.part](options)


if __name__ == "__main__":
    main()
