"""How much time the live view costs, measured inside a real Jupyter kernel: python benchmarks/live_view.py

A plain loop, `run` and `await watch` do the same fit in turn. A difference of two runs is as noisy as the
machine, so the time inside the view is also measured directly.
"""

import argparse
import asyncio
import collections
import contextlib
import functools
import json
import statistics
import sys
import time
import types
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))


class Clock:
    """Sums the seconds spent in wrapped functions, by name."""

    def __init__(self):
        self.seconds = collections.Counter()

    @contextlib.contextmanager
    def measure(self, name):
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started

    def wrap(self, owner, attribute, name):
        function = getattr(owner, attribute)

        @functools.wraps(function)
        def timed(*arguments, **keywords):
            with self.measure(name):
                return function(*arguments, **keywords)

        setattr(owner, attribute, timed)


def instrument():
    """Time what `watch` adds to a loop: recorder, drawing, the kernel's turn, the static figure."""
    from dil_course.fitting import live

    clock = Clock()

    async def turn(seconds):
        with clock.measure("kernel's turn"):
            await asyncio.sleep(seconds)

    clock.wrap(live.Recorder, "observe", "recorder")
    clock.wrap(live.WidgetView, "__init__", "making the widgets")
    clock.wrap(live.WidgetView, "_draw_picture", "pictures")
    clock.wrap(live.WidgetView, "_draw_curves", "curves")
    clock.wrap(live.WidgetView, "update", "update")
    clock.wrap(live.WidgetView, "finish", "final figure")
    live.asyncio = types.SimpleNamespace(sleep=turn, CancelledError=asyncio.CancelledError)
    return clock


async def measure(side, iterations, repeats):
    """In the kernel: the seconds of each way, repeat by repeat, and those that the clock saw in `watch`."""
    from dil_course import runtime
    from dil_course.fitting import run, watch
    from dil_course.from_scratch import deep_image_prior
    from dil_course.signals import add_gaussian, picture

    clock = instrument()
    x = picture("coffee", side).to(runtime.device())
    y = add_gaussian(x, 25 / 255)

    async def plain(steps):
        started = time.perf_counter()
        for step in steps:
            loss = step.loss
        float(loss)
        return time.perf_counter() - started

    async def drained(steps):
        return run(steps, truth=x).seconds

    async def watched(steps):
        # Result.seconds ends before the static figure, which the clock measures apart.
        clock.seconds.clear()
        seconds = (await watch(steps, truth=x, observed=y)).seconds
        seen.append(dict(clock.seconds))
        return seconds

    ways, times, seen = {"plain": plain, "run": drained, "watch": watched}, [], []
    await plain(deep_image_prior(y, iterations=10))
    for repeat in range(repeats + 1):
        order = list(ways)[repeat % 3 :] + list(ways)[: repeat % 3]
        times.append({way: await ways[way](deep_image_prior(y, iterations=iterations)) for way in order})
        print({way: round(seconds, 2) for way, seconds in times[-1].items()}, file=sys.stderr, flush=True)
    return {"times": times, "seen": seen}


def in_kernel(code):
    """Run code in a fresh kernel and return what it prints; widgets' messages are sent as to a browser."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    printed = []

    def hook(message):
        content = message["content"]
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            printed.append(content["text"])
        elif message["msg_type"] == "stream":
            print(content["text"], end="", file=sys.stderr, flush=True)
        elif message["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))

    try:
        client.execute_interactive(code, output_hook=hook, timeout=3600)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return "".join(printed)


def row(name, values):
    print(f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} to {max(values):.2f} |")


def report(answer):
    """Print the tables, without the first repeat, which also loads matplotlib and the widgets."""
    times, seen = answer["times"], answer["seen"]
    print(
        f"Median of the plain loop {statistics.median(t['plain'] for t in times[1:]):.2f} s, "
        f"{len(times) - 1} repeats.\n"
    )
    print("| in per cent of the plain loop of the same repeat | median | range |\n| --- | --- | --- |")
    for way, base in (("run", "plain"), ("watch", "plain"), ("watch", "run")):
        row(f"{way} over {base}, interleaved", [100 * (t[way] - t[base]) / t["plain"] for t in times[1:]])
    print("\n| measured inside `watch`, in per cent of its run | median | range |\n| --- | --- | --- |")
    parts = ("recorder", "making the widgets", "pictures", "curves", "kernel's turn")
    shares = [
        {part: 100 * s.get(part, 0) / t["watch"] for part in (*parts, "update")}
        for s, t in zip(seen, times, strict=True)
    ]
    for part in parts:
        row(part, [share[part] for share in shares[1:]])
    live = [share["making the widgets"] + share["update"] + share["kernel's turn"] for share in shares]
    row("**the live view: widgets, drawing, kernel's turn**", live[1:])
    print(f"\nThe same in the first run of a fresh kernel: {live[0]:.2f} %.")
    final = statistics.median(s["final figure"] for s in seen[1:])
    print(
        f"The static figure and slider at the end, once a run, not counted above: {final:.2f} s "
        f"({seen[0]['final figure']:.2f} s the first time)."
    )
    print(f"The live view takes at most 3 % of the run: {statistics.median(live[1:]) <= 3}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3, help="beside a first one, which warms up")
    options = parser.parse_args()
    from dil_course.doctor import machine

    print(
        f"{machine()}\n\nLive view: deep image prior, {options.side} px, {options.iterations} iterations, in "
        "a Jupyter kernel."
    )
    code = f"""
import json, sys
sys.path.insert(0, {str(HERE)!r})
import live_view
print(json.dumps(await live_view.measure({options.side}, {options.iterations}, {options.repeats})))
"""
    report(json.loads(in_kernel(code).splitlines()[-1]))


if __name__ == "__main__":
    main()
