"""Train the starts of lesson 14: gray networks that are to be adapted to one picture and its blur kernel.

python training/meta_super_resolution.py bicubic   on pictures shrunk by the field's bicubic filter
python training/meta_super_resolution.py joint     on all kernels, as they come
python training/meta_super_resolution.py kernels   so that a few steps suffice; a task is a kernel (MZSR)
python training/meta_super_resolution.py pictures  a task is a picture with its kernel (MLSR)

In this order: joint begins where bicubic ended, the last two begin where joint ended. All is computed on one
thread, so that the weights do not depend on how many there are. A run that was stopped goes on from the file
that --state names.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from denoiser import DATA, SEEN_AS, UNSEEN, falling, photographs, windows
from safetensors import safe_open
from safetensors.torch import save_file
from ship import ship
from torch.func import functional_call

from dil_course import runtime
from dil_course.adaptation import mzsr
from dil_course.adaptation.meta_learning import inner_steps
from dil_course.fitting import Engine
from dil_course.networks import ResidualNetwork, trained
from dil_course.signals import BlurDownsample, Downsample, enlarge, gaussian_kernel, luma, picture, psnr

KINDS = {
    "bicubic": (1000, "Enlarges gray photographs twice, where the field's bicubic filter shrank them."),
    "joint": (3000, "Enlarges gray photographs twice, as well as one network can for all kernels at once."),
    "kernels": (
        1500,
        "A start for `mzsr`: one update makes a network for the kernel at hand. Learned from pairs of other "
        "pictures.",
    ),
    "pictures": (1500, "As `meta_kernels`, but learned from y and its son, as at test time."),
}
SETTINGS = {"channels": 1, "width": 32, "depth": 5, "cells": 2}
SIDE, MARGIN = 48, 16  # of a window; and around it, because the operators wrap around at the borders
INNER_RATE = 3.0
VARIANCES = 1.0, 5.0  # of the kernels along their axes, in pixels of the large picture
SHIFT = 1.0  # of the kernels' centres, at most, down and to the right


def random_kernel(draw):
    """Anisotropic Gaussian (18,18), as Soh, Cho and Cho (MZSR, CVPR 2020) draw theirs, but off centre."""
    along = draw.uniform(*VARIANCES)
    across = draw.uniform(VARIANCES[0], along)
    shift = draw.uniform(-SHIFT, SHIFT, 2).tolist()
    return gaussian_kernel(18, (along**0.5, across**0.5), draw.uniform(180, 360), shift)


def pairs(x, A):
    """(sons enlarged, fathers): windows (N,1,H,W), whose margins are cut off."""
    inside = slice(MARGIN, -MARGIN)
    return [z[..., inside, inside] for z in (enlarge(A(x), A), x)]


class Draws:
    """What the networks learn from, at random."""

    def __init__(self, seed):
        self.photographs, self.draw = photographs(gray=True), np.random.default_rng(seed)

    def windows(self, count, side=SIDE + 2 * MARGIN):
        return torch.stack(list(windows(self.photographs, count, side, self.draw)))

    def operator(self):
        return BlurDownsample(random_kernel(self.draw), 2)

    def bicubic(self):
        return pairs(self.windows(8), Downsample(2))

    def joint(self):
        made = [pairs(self.windows(2), self.operator()) for _ in range(4)]
        return [torch.cat(part) for part in zip(*made, strict=True)]

    def kernels(self):
        """(support, query): the same kernel, other windows."""
        A = self.operator()
        return pairs(self.windows(4), A), pairs(self.windows(4), A)

    def pictures(self):
        """(support, query): y and its own son, as at test time; x and y."""
        A, x = self.operator(), self.windows(1, 144)
        return pairs(A(x), A), pairs(x, A)


def squared_error(network, weights, pair):
    """Not absolute, because a step should be long where the network is far off."""
    son, father = pair
    return (functional_call(network, weights, (son,)) - father).square().mean()


def fit(network, batch, iterations, rate):
    """Plain training. Yields the iteration and the loss."""
    engine = Engine(network, rate)
    for iteration in range(1, iterations + 1):
        engine.learning_rate = falling(rate, iteration, iterations)
        son, father = batch()
        loss = (network(son) - father).abs().mean()
        engine.update(loss)
        yield iteration, loss.item()


def meta_fit(network, task, iterations, rate, inner_rate, second_order, state, draws):
    """Meta-training, two tasks an update. Yields the iteration and the loss.

    The loss of a task is that of its query, after one step on its support.
    """
    optimizer = torch.optim.Adam(network.parameters())
    begin = load(state, network, optimizer, draws) if state and state.exists() else 0
    weights = dict(network.named_parameters())
    for iteration in range(begin + 1, iterations + 1):
        # Up in a hundred iterations, constant, and down to zero along a line in the last fifth.
        left = 1 - (iteration - 1) / iterations
        optimizer.param_groups[0]["lr"] = rate * min(1, iteration / 100, 5 * left)
        optimizer.zero_grad()
        losses = []
        for _ in range(2):
            (support, query), error = task(), lambda *given: squared_error(network, *given)
            (adapted,) = inner_steps(error, weights, support, inner_rate, 1, second_order)
            loss = error(adapted, query)
            (loss / 2).backward()  # task by task, because the graph of one is large
            losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if state and iteration % 50 == 0:
            save(state, iteration, network, optimizer, draws)
        yield iteration, np.mean(losses)


def save(path, iteration, network, optimizer, draws):
    """All that the next update depends on."""
    numbers = {
        f"{number} {key}": value
        for number, moments in optimizer.state_dict()["state"].items()
        for key, value in moments.items()
    }
    metadata = {"iteration": str(iteration), "draw": json.dumps(draws.draw.bit_generator.state)}
    written = path.with_suffix(".new")
    save_file(network.state_dict() | numbers, written, metadata)
    written.replace(path)  # a killed run leaves the last whole state


def load(path, network, optimizer, draws):
    """Take up a run where `save` left it. Returns its iteration."""
    with safe_open(path, "pt") as file:
        metadata, values = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    network.load_state_dict({key: values[key] for key in network.state_dict()})
    moments = {}
    for key in values.keys() - network.state_dict().keys():
        number, name = key.split()
        moments.setdefault(int(number), {})[name] = values[key]
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    draws.draw.bit_generator.state = json.loads(metadata["draw"])
    return int(metadata["iteration"])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--first-order", action="store_true", help="without second derivatives")
    parser.add_argument("--inner-rate", type=float, default=INNER_RATE)
    parser.add_argument(
        "--state", type=Path, help="file of a run that can be stopped, and goes on from there"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    started, draws, kind = time.perf_counter(), Draws(options.seed), options.kind
    iterations = options.iterations or KINDS[kind][0]
    if kind == "bicubic":
        with runtime.seeded(options.seed):
            network = ResidualNetwork(**SETTINGS)
    else:
        network = trained("meta_bicubic" if kind == "joint" else "meta_joint").train()
    if kind in ("bicubic", "joint"):
        run = fit(network, getattr(draws, kind), iterations, rate=4e-3 if kind == "bicubic" else 1e-3)
    else:
        second_order, task = not options.first_order, getattr(draws, kind)
        run = meta_fit(
            network, task, iterations, 1e-3, options.inner_rate, second_order, options.state, draws
        )
    losses = []
    for iteration, loss in run:
        losses.append(loss)
        if iteration % 100 == 0:
            print(
                f"{iteration}: {time.perf_counter() - started:.0f} s, loss {np.mean(losses[-100:]):.5f}",
                flush=True,
            )
    name = f"meta_{kind}" + "_first_order" * options.first_order
    ship(
        name,
        network.eval(),
        SETTINGS,
        started,
        about=KINDS[kind][1],
        data=DATA + ", coins" + SEEN_AS,
        unseen="every other picture of the course; the score is taken on astronaut, coffee and chelsea, "
        "windows of 192 px",
        command=f"python training/meta_super_resolution.py {kind}" + " --first-order" * options.first_order,
        seed=options.seed,
        score=scores(network),
    )


@torch.no_grad()
def scores(network):
    """PSNR on the unseen photographs, in words: of the network as it is, and after one update."""
    A, named = BlurDownsample(gaussian_kernel(16, (2.0, 1.2), angle=30), 2), {}
    for name in UNSEEN:
        x = luma(picture(name, 192))
        before, after = mzsr(A(x), A, network, updates=1, learning_rate=INNER_RATE)
        bicubic = enlarge(A(x), A).clamp(0, 1)
        named[name] = [psnr(z, x, shave=8) for z in (before.estimate, after.estimate, bicubic)]
    return (
        "twice, Gaussian of 2.0 and 1.2 px at 30 degrees: "
        + ", ".join(
            "{} {:.2f}, after one update {:.2f} (bicubic {:.2f})".format(n, *v) for n, v in named.items()
        )
        + " dB"
    )


if __name__ == "__main__":
    main()
