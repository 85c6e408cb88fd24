"""Where the time of one iteration goes: the tables of docs/why_it_is_fast.md.

OMP_NUM_THREADS=1 python benchmarks/bricks.py

Seconds and arithmetic of an iteration, seconds of each kind of layer at full resolution, page faults with and
without kept memory, and the seconds of whole runs. On a CPU, seconds are those of the processor, which other
programs disturb less than those of the clock.
"""

import resource
import time
from itertools import pairwise
from statistics import median

import torch
from speed import NETWORKS, apart, header, observed, operations, say, wait
from torch import nn

from dil_course import runtime
from dil_course.doctor import machine
from dil_course.fitting import run
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import SkipNetwork

SIDE, CHANNELS = 128, 32
NETWORKS |= {"lesson 03's, 4 scales of 32": lambda channels=3: SkipNetwork(channels, width=32, scales=4)}
LAYERS = {
    "convolution 3x3": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
    "convolution 1x1": lambda: nn.Conv2d(CHANNELS, CHANNELS, 1),
    "batch norm": lambda: nn.BatchNorm2d(CHANNELS),
    "LeakyReLU": lambda: nn.LeakyReLU(0.2),
    "padding by reflection": lambda: nn.ReflectionPad2d(1),
    "upsampling, bilinear": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    "upsampling, nearest": lambda: nn.Upsample(scale_factor=2, mode="nearest"),
}


def seconds(work, times):
    """Median of what one call takes, after three to warm up."""
    clock = time.process_time if runtime.device().type == "cpu" else time.perf_counter
    marks = []
    for _ in range(times + 4):
        wait()
        marks.append(clock())
        work()
    return median(after - before for before, after in pairwise(marks[3:]))


def peak():
    """GFLOP/s of a large matrix product and of a large convolution, whichever is more."""
    matrix = torch.rand(1536, 1536, device=runtime.device())
    image = torch.rand(1, 128, 128, 128, device=runtime.device())
    kernel = torch.rand(128, 128, 3, 3, device=runtime.device())
    product = 2 * 1536**3 / seconds(lambda: matrix @ matrix, 10)
    convolution = (
        2 * 128**2 * 9 * 128**2 / seconds(lambda: nn.functional.conv2d(image, kernel, padding=1), 10)
    )
    return max(product, convolution) / 1e9


def steps_of(name, iterations=10**6, fast=False):
    with runtime.seeded(0):
        network = NETWORKS[name]().to(runtime.device())
    return deep_image_prior(observed("coffee", SIDE)[1], network=network, iterations=iterations, fast=fast)


def seconds_of_an_iteration(name):
    steps = steps_of(name)
    return seconds(lambda: next(steps), 12)


def seconds_of_a_layer(name):
    """Forward and backward, on features at full resolution; what is enlarged comes from half of it."""
    side = SIDE // 2 if name.startswith("upsampling") else SIDE
    layer = LAYERS[name]().to(runtime.device())
    features = torch.rand(1, CHANNELS, side, side, device=runtime.device(), requires_grad=True)
    gradient = torch.ones_like(layer(features))
    return seconds(lambda: layer(features).backward(gradient), 40)


def page_faults(fast):
    """Page faults of an iteration."""
    steps = steps_of("lesson 03's, 4 scales of 32", fast=fast)
    faults = []
    for _ in range(30):
        next(steps)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    return (faults[-1] - faults[9]) // 20


def whole_run(name, iterations):
    """Seconds of the processor and PSNR in dB of the average."""
    x, _ = observed("coffee", SIDE)
    started = time.process_time()
    result = run(steps_of(name, iterations, fast=True), truth=x)
    return time.process_time() - started, result.history["psnr_average"][-1]


def main():
    print(f"{machine()}; {torch.get_num_threads()} thread(s) asked for, {SIDE} px\n")
    most = apart(peak)
    print(f"Largest arithmetic measured: {most:.0f} GFLOP/s.\n")
    header("network", "weights", "ms an iteration", "GFLOP an iteration", "per cent of the peak")
    for name, make in NETWORKS.items():
        taken, work = apart(seconds_of_an_iteration, name), operations(make(), observed("coffee", SIDE)[1])
        weights = sum(p.numel() for p in make().parameters())
        share = 100 * work / 1e9 / taken / most
        say(name, f"{weights:,}", f"{1000 * taken:.0f}", work / 1e9, f"{share:.0f}")
    print()
    header("layer, forward and backward", "ms", "of a 3x3 convolution")
    times = {name: apart(seconds_of_a_layer, name) for name in LAYERS}
    for name, taken in times.items():
        say(name, f"{1000 * taken:.2f}", f"{taken / times['convolution 3x3']:.0%}")
    print()
    header("memory", "page faults an iteration")
    for name, fast in {"given back to Linux": False, "kept": True}.items():
        say(name, apart(page_faults, fast))
    print()
    header("network", "iterations", "seconds", "PSNR of the average, dB")
    for name, iterations in {"lesson 03's, 4 scales of 32": 600, "small, 4 scales of 24": 350}.items():
        taken, decibels = apart(whole_run, name, iterations)
        say(name, iterations, f"{taken:.0f}", f"{decibels:.2f}")


if __name__ == "__main__":
    main()
