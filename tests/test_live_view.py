"""The live view in a real kernel: pictures arrive during the run, and Stop and interrupts end it without a
traceback.
"""

import base64
import collections
import io
import json
import time

import pytest
import torch
from jupyter_client.manager import start_new_kernel
from PIL import Image

from dil_course.figures.static import canvas_image
from dil_course.fitting import Result
from dil_course.fitting.history import summary_figure

SET_UP = """
import json, sys, time, torch
torch.set_num_threads(1)
from dil_course.fitting import run, watch
interrupts = sys.modules["dil_course.fitting.run"]
interrupts.AGAIN = 0  # an interrupt of one test is not the first of the next
from dil_course.from_scratch import deep_image_prior
from dil_course.signals import add_gaussian, picture
truth = picture("camera", 32)
y = add_gaussian(truth, 25 / 255)

started = []
def slowly(steps):
    "Iterations of at least a fifth of a second, so long that the way of a message through the machine does "
    "not count."
    for step in steps:
        started.append(time.time())
        time.sleep(0.2)
        yield step
"""
LONG_RUN = "result = await watch(deep_image_prior(y, iterations=100000), truth=truth, observed=y)"
# What a notebook's next cell sees of the run.
OUTCOME = "print(json.dumps([result.why, result.iteration, tuple(result.estimate.shape)]))"


class Kernel:
    """A running kernel, what it published, and the widgets it opened as a front end would know them."""

    def __init__(self, manager, client):
        self.manager, self.client = manager, client
        self.outputs, self.replies = {}, {}  # by the id of the request
        self.widgets, self.changes = {}, []  # state by the id of the comm; every later change of a state

    def queue(self, code):
        """Send a cell without waiting for it, as Run All does with all cells."""
        request = self.client.execute(code)
        self.outputs[request] = []
        return request

    def wait(self, done, what, seconds=60):
        """Read messages until `done()` holds."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
            for channel, take in (("shell", self._reply), ("iopub", self._published)):
                if getattr(self.client, f"{channel}_channel").msg_ready():
                    take(getattr(self.client, f"get_{channel}_msg")(timeout=1))
            time.sleep(0.002)

    def _reply(self, message):
        self.replies[message["parent_header"]["msg_id"]] = message["content"]

    def _published(self, message):
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open":
            self.widgets[content["comm_id"]] = _state(message)
        elif kind == "comm_msg" and content["data"].get("method") == "update":
            state = _state(message)
            self.widgets[content["comm_id"]].update(state)
            self.changes.append((content["comm_id"], state))
        elif message["parent_header"].get("msg_id") in self.outputs:
            self.outputs[message["parent_header"]["msg_id"]].append((kind, content))

    def finish(self, request):
        """Wait for a cell's end; its outputs as (message type, content)."""
        idle = ("status", {"execution_state": "idle"})
        self.wait(lambda: request in self.replies and idle in self.outputs[request], "the end of a cell")
        return self.outputs[request]

    def succeed(self, request):
        """As `finish`, for a cell that must not fail."""
        outputs = self.finish(request)
        errors = [content for kind, content in outputs if kind == "error"]
        assert self.replies[request]["status"] == "ok" and not errors, errors
        return outputs

    def printed(self, request):
        return "".join(content["text"] for kind, content in self.succeed(request) if kind == "stream")

    def widget(self, model, **traits):
        """Ids of the widgets of a kind, newest last."""
        return [
            name
            for name, state in self.widgets.items()
            if state.get("_model_name") == model and traits.items() <= state.items()
        ]

    def pictures(self, since=0):
        """The changes of pictures, as (id, PNG bytes)."""
        return [
            (name, state["value"])
            for name, state in self.changes[since:]
            if isinstance(state.get("value"), bytes)
        ]

    def send_to_widget(self, name, data):
        """A message as the browser sends it when a widget is used."""
        content = {"comm_id": name, "data": data}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))


def _state(message):
    """The state in a widget's message, its binary parts put back in their places."""
    data = message["content"]["data"]
    state = dict(data.get("state", {}))
    for path, buffer in zip(data.get("buffer_paths", []), message["buffers"], strict=True):
        if len(path) == 1:
            state[path[0]] = bytes(buffer)
    return state


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        kernel = Kernel(manager, client)
        kernel.succeed(kernel.queue(SET_UP))
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def outcome(kernel, request):
    why, iteration, shape = json.loads(kernel.printed(request))
    return why, iteration, shape


def wait_for_pictures(kernel):
    seen = len(kernel.changes)
    kernel.wait(lambda: len(kernel.pictures(seen)) >= 2, "two live pictures")


def test_the_picture_changes_during_the_run_and_an_interrupt_keeps_the_estimate(kernel):
    running, following = kernel.queue(LONG_RUN), kernel.queue(OUTCOME)
    seen = len(kernel.changes)

    def both_changed():
        by_widget = collections.defaultdict(set)
        for name, value in kernel.pictures(seen):
            by_widget[name].add(value)
        return len(by_widget) == 2 and min(map(len, by_widget.values())) >= 2

    kernel.wait(both_changed, "two pictures of the estimate and two of the curves")
    assert running not in kernel.replies
    for _, value in kernel.pictures(seen):
        Image.open(io.BytesIO(value)).verify()
    assert any(
        "iterations/s" in state.get("value", "")
        for state in kernel.widgets.values()
        if state["_model_name"] == "HTMLModel"
    )
    kernel.manager.interrupt_kernel()
    kernel.succeed(running)
    why, iteration, shape = outcome(kernel, following)
    assert why == f"interrupted at iteration {iteration}" and shape == [1, 1, 32, 32]


def test_an_interrupt_of_plain_run_keeps_the_estimate(kernel):
    running = kernel.queue("print('begun')\nresult = run(deep_image_prior(y, iterations=100000))")
    following = kernel.queue(OUTCOME)
    kernel.wait(lambda: any(kind == "stream" for kind, _ in kernel.outputs[running]), "the run's begin")
    time.sleep(1)
    kernel.manager.interrupt_kernel()
    assert kernel.printed(running).splitlines()[-1].startswith("interrupted at iteration ")
    why, iteration, shape = outcome(kernel, following)
    assert why == f"interrupted at iteration {iteration}" and iteration > 1 and shape == [1, 1, 32, 32]


QUEUE = """
def loud(number):
    for step in slowly(deep_image_prior(y, iterations=1000)):
        print(f"run {number}: {step.iteration}.", flush=True)
        yield step
interrupts._last_interrupt, interrupts.AGAIN = -1e9, 60  # a busy machine may take its time between the two
made = []
for number in (1, 2, 3):
    made.append(DRAIN(loud(number)))
"""


@pytest.mark.parametrize("drain", ["run", "await watch"])
def test_a_second_interrupt_ends_the_cell_and_not_only_the_next_run_of_its_queue(kernel, drain):
    running = kernel.queue(QUEUE.replace("DRAIN", drain))

    def has_printed(text):
        return any(text in content.get("text", "") for _, content in kernel.outputs[running])

    kernel.wait(lambda: has_printed("run 1: 3."), "three iterations")
    kernel.manager.interrupt_kernel()
    kernel.wait(lambda: has_printed("run 2: 3."), "the second run")
    assert running not in kernel.replies, "the first interrupt ends one run"
    kernel.manager.interrupt_kernel()
    errors = [content["ename"] for kind, content in kernel.finish(running) if kind == "error"]
    assert kernel.replies[running]["status"] == "error"
    assert errors == ["KeyboardInterrupt" if drain == "run" else "CancelledError"]
    time.sleep(0.5)  # after an error, the kernel refuses what was queued behind it
    assert kernel.printed(kernel.queue("interrupts.AGAIN = 0\nprint(len(made), made[0].why[:11])")) == (
        "1 interrupted\n"
    )


def test_stop_ends_the_run_within_two_iterations_and_run_all_goes_on(kernel):
    running = kernel.queue(
        "started.clear()\nresult = await watch(slowly(deep_image_prior(y, iterations=100000)))"
    )
    following = kernel.queue(OUTCOME)
    wait_for_pictures(kernel)
    clicked = time.time()
    kernel.send_to_widget(
        kernel.widget("ButtonModel", description="Stop")[-1],
        {"method": "custom", "content": {"event": "click"}},
    )
    kernel.succeed(running)
    why, iteration, _ = outcome(kernel, following)
    assert why == f"stopped by you at iteration {iteration}"
    times = json.loads(kernel.printed(kernel.queue("print(json.dumps(started))")))
    assert len(times) == iteration
    later = sum(start > clicked for start in times)
    assert later <= 2, f"{later} iterations began after the click"


def test_a_static_figure_and_a_slider_remain(kernel):
    request = kernel.queue(
        "result = await watch(deep_image_prior(y, iterations=30), truth=truth, observed=y)"
    )
    figures = [
        content
        for kind, content in kernel.succeed(request)
        if kind == "display_data" and "image/png" in content["data"]
    ]
    assert len(figures) == 1
    Image.open(io.BytesIO(base64.b64decode(figures[0]["data"]["image/png"]))).verify()
    # IPython writes the alternative text either at the top or under the type.
    metadata = figures[0]["metadata"]
    alt = metadata.get("alt") or metadata["image/png"]["alt"]
    psnr = kernel.printed(
        kernel.queue("from dil_course.signals import psnr\nprint(f'{psnr(result.estimate, truth):.2f}')")
    )
    assert (
        f"estimate, {psnr.strip()} dB; truth" in alt
        and "at iteration 30" in alt
        and "finished 30 iterations" in alt
    )

    slider = kernel.widget("SelectionSliderModel")[-1]
    state = kernel.widgets[slider]
    assert len(state["_options_labels"]) > 2 and state["index"] == len(state["_options_labels"]) - 1
    assert kernel.widget("ButtonModel")[-1] not in _children(kernel), "Stop is still on the page"
    shown = []
    for index in (0, 1):
        seen = len(kernel.changes)
        kernel.send_to_widget(slider, {"method": "update", "state": {"index": index}, "buffer_paths": []})
        kernel.wait(lambda seen=seen: kernel.pictures(seen), "the picture of the slider's iteration")
        shown.append(kernel.pictures(seen)[0])
    (name, first), (same, second) = shown
    assert name == same and first != second


def test_an_error_in_the_run_takes_stop_away_and_is_told(kernel):
    broken = (
        "def broken():\n    yield from deep_image_prior(y, iterations=3)\n    raise OSError('out of paper')\n"
    )
    request = kernel.queue(broken + "await watch(broken())")
    errors = [content for kind, content in kernel.finish(request) if kind == "error"]
    assert [error["evalue"] for error in errors] == ["out of paper"]
    assert kernel.widget("ButtonModel")[-1] not in _children(kernel), "Stop is still on the page"
    assert kernel.widgets[kernel.widget("HTMLModel")[-1]]["value"] == "ended by an error"


def test_the_live_view_says_in_words_that_it_needs_its_kernel(kernel):
    shown = kernel.succeed(kernel.queue("await watch(deep_image_prior(y, iterations=3))"))
    views = [
        content["data"]
        for _, content in shown
        if "application/vnd.jupyter.widget-view+json" in content.get("data", {})
    ]
    assert [view["text/plain"] for view in views] == ["A live view, which needs its kernel."]


def test_curves_keep_their_size_with_and_without_a_truth(kernel):
    widths = []
    for words in ("", ", truth=truth"):
        kernel.succeed(kernel.queue(f"await watch(deep_image_prior(y, iterations=3){words})"))
        curves = kernel.widgets[kernel.widget("ImageModel")[-1]]
        widths.append(kernel.widgets[curves["layout"].removeprefix("IPY_MODEL_")]["width"])
    assert widths == ["240px", "480px"]


def test_long_reasons_are_wrapped_in_the_static_figure_and_nothing_is_cut_off():
    reason = (
        "diverged: at iteration 6 the loss is 0.179. "
        + "The learning rate may be too large for this network. " * 3
    )
    reason += "The estimate is the last good one, of iteration 4"
    x, history = torch.full((1, 1, 16, 16), 0.5), {"iteration": [1, 6], "loss": [0.01, 0.179]}
    figure, alt = summary_figure(Result(x, 4, history, [], reason, 1.0), None, x)
    assert reason in alt and "the loss, from 0.01 to 0.18." in alt
    [title] = figure.texts
    canvas_image(figure)
    box = title.get_window_extent()
    assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    assert not any(box.overlaps(axes.get_tightbbox()) for axes in figure.axes)


def _children(kernel):
    """Ids of the widgets that hang in the newest box."""
    pending, found = [kernel.widget("VBoxModel")[-1]], set()
    while pending:
        children = kernel.widgets[pending.pop()].get("children", [])
        names = [child.removeprefix("IPY_MODEL_") for child in children]
        found.update(names)
        pending += names
    return found


@pytest.mark.parametrize(
    "cell", ["result = await watch(deep_image_prior({}))", "result = run(deep_image_prior({}))"]
)
@pytest.mark.parametrize(("bad", "problem"), [("y[0]", "(1,C,H,W)"), ("y * torch.nan", "NaN")])
def test_bad_input_is_told_in_the_cell(kernel, cell, bad, problem):
    request = kernel.queue(cell.format(bad))
    errors = [content for kind, content in kernel.finish(request) if kind == "error"]
    assert kernel.replies[request]["status"] == "error"
    assert errors[0]["ename"] in ("ValueError", "NotFiniteError") and problem in errors[0]["evalue"]
