"""The playground's page: a picture, a damage, up to three methods side by side, and what becomes of it."""

import asyncio
import html
import json
import pathlib

import ipywidgets as widgets

from dil_course import runtime
from dil_course.front_end import as_page, has_front_end, picture_widget
from dil_course.playground.compare import Comparison
from dil_course.playground.pieces import steps_of
from dil_course.playground.recipes import DAMAGES, METHODS, evaluate, methods_for, noise_of, observed, script
from dil_course.playground.side_by_side import WIDTH, Lane, picture_png, race
from dil_course.signals import PICTURES, enlarge, load_image, picture, psnr, save_image, to_array, uploaded

SIDES = (96, 128, 192, 256, 384)  # pixels; up to 192 most methods end within minutes on a laptop
NOTHING = "(none)"


class Playground:
    """Everything on one page, without a line of code: `Playground().show()`.

    Attributes:
        estimates: {method: picture (1,C,H,W)} of the last run.
    """

    def __init__(self, folder="restored"):
        self.folder, self.estimates, self.task = pathlib.Path(folder), {}, None
        self.lanes = []
        self.bundled = menu("picture", list(PICTURES), "chelsea")
        self.upload = widgets.FileUpload(
            accept="image/*", multiple=False, description="or a photograph of yours", layout={"width": "auto"}
        )
        self.side = menu("size", [(f"{side} px", side) for side in SIDES], 128)
        self.damage = menu("damage", list(DAMAGES), "noise")
        self.noise = widgets.IntSlider(
            25, 0, 75, description="noise", continuous_update=False, tooltip="standard deviation, of 255"
        )
        self.methods = [menu(f"method {number}", [NOTHING], NOTHING) for number in (1, 2, 3)]
        self.start = button("Restore", "play", self.press_start, "Run the chosen methods side by side")
        self.stop = button("Stop all", "stop", self.press_stop, "End all runs and keep their estimates")
        self.save = button("Save", "save", self.press_save, "Write the pictures and a Python program of them")
        self.words, self.seen = widgets.HTML(), picture_widget(None, "The picture as the methods get it")
        self.place = widgets.VBox()
        self.damage.observe(self.offer, "value")
        for each in (self.bundled, self.upload, self.side, self.damage, self.noise):
            each.observe(self.preview, "value")
        self.box = widgets.VBox(
            [
                row(self.bundled, self.upload, self.side),
                row(self.damage, self.noise),
                row(*self.methods),
                row(self.start, self.stop, self.save),
                self.words,
                self.seen,
                self.place,
            ]
        )
        self.running(False)
        self.save.disabled = True
        self.offer()
        self.preview()

    def show(self):
        """Put the page below the cell."""
        from IPython.display import display

        if has_front_end():
            display(as_page(self.box, "The playground, which needs its kernel: run this cell."), raw=True)

    def offer(self, change=None):
        """The methods that undo the chosen damage; the first two are chosen already."""
        names = methods_for(self.damage.value)
        chosen = [names[0], "deep image prior", NOTHING]
        for each, name in zip(self.methods, chosen, strict=True):
            each.options = [NOTHING, *names]
            each.value = name
        self.noise.disabled = (
            not DAMAGES[self.damage.value].observe or "sigma" not in DAMAGES[self.damage.value].observe
        )

    def source(self):
        """The chosen picture (1,C,H,W), and the line that loads it."""
        side = self.side.value
        chosen = uploaded(self.upload)
        if chosen:
            name, content = chosen
            return load_image(content, max_side=side), f"load_image({name!r}, max_side={side})"
        return picture(self.bundled.value, side), f"picture({self.bundled.value!r}, {side})"

    def prepare(self):
        """What the methods get: y, A, the truth or None, the noise level, and the line that loads x."""
        x, line = self.source()
        y, A, truth = observed(x.to(runtime.device()), self.damage.value, self.noise.value / 255)
        return y, A, truth, noise_of(y, self.damage.value, self.noise.value / 255), line

    def preview(self, change=None):
        """Show the damaged picture, or say what is wrong with the choice."""
        try:
            y, A, truth, sigma, _ = self.prepare()
        except (TypeError, ValueError, OSError) as problem:
            self.say(f"This does not work: {problem}")
            self.start.disabled = True
            return
        self.start.disabled = self.task is not None and not self.task.done()
        self.seen.value = picture_png(to_array(y))
        self.seen.layout.width = f"{WIDTH}px"
        how = "was added" if not self.noise.disabled else "is what we estimate from the picture"
        worth = f", PSNR {psnr(y, truth):.1f} dB" if truth is not None and y.shape == truth.shape else ""
        size = f"{y.shape[-1]} x {y.shape[-2]} pixels{worth}"
        self.say(f"{size}. Noise of standard deviation {255 * sigma:.1f} / 255 {how}.")

    def say(self, text):
        self.words.value = html.escape(text)

    def running(self, now):
        self.start.disabled, self.stop.disabled = now, not now

    def press_start(self, pressed):
        self.task = asyncio.ensure_future(self.restore())

    def press_stop(self, pressed):
        for lane in self.lanes:
            lane.stop()

    async def restore(self):
        """Run the chosen methods side by side, then compare what they made."""
        names = list(dict.fromkeys(each.value for each in self.methods if each.value != NOTHING))
        if not names:
            return self.say("Choose a method first.")
        self.running(True)
        self.save.disabled = True
        try:
            await self._restore(names)
        except (TypeError, ValueError, OSError) as problem:
            self.say(f"This does not work: {problem}")
        finally:
            self.running(False)

    async def _restore(self, names):
        y, A, truth, sigma, line = self.prepare()
        self.program = script(line, self.damage.value, names, sigma)
        self.settings = {
            "picture": line,
            "damage": self.damage.value,
            "sigma": sigma,
            "methods": names,
            "profile": runtime.profile(),
        }
        self.lanes = [lane(name, y, A, sigma, truth) for name in names]
        self.place.children = [row(*(each.box for each in self.lanes))]
        await race(self.lanes)
        self.estimates = {each.name: each.result.estimate for each in self.lanes if each.result}
        if not self.estimates:
            return
        self.save.disabled = False
        shown = {"what the methods got": y if y.shape[-2:] == A.adjoint(y).shape[-2:] else enlarge(y, A)}
        shown |= self.estimates | ({} if truth is None else {"truth": truth})
        self.place.children = [*self.place.children, Comparison(shown).box, listing(self.program)]

    def press_save(self, pressed):
        """Write estimates, settings and program; nothing that is there is overwritten."""
        self.folder.mkdir(exist_ok=True)
        paths = [
            save_image(x, self.folder / f"{name.replace(' ', '_')}.png", overwrite=False)
            for name, x in self.estimates.items()
        ]
        stem = paths[0].stem
        (self.folder / f"{stem}.json").write_text(json.dumps(self.settings, indent=2) + "\n")
        (self.folder / f"{stem}.py").write_text(self.program)
        self.say("Saved: " + ", ".join(str(path) for path in paths) + f", with {stem}.json and {stem}.py")


def menu(name, options, value):
    return widgets.Dropdown(options=options, value=value, description=name)


def button(text, icon, press, words):
    made = widgets.Button(description=text, icon=icon, tooltip=words)
    made.on_click(press)
    return made


def row(*children):
    return widgets.HBox(list(children), layout={"flex_flow": "row wrap"})


def listing(program):
    """The program, to be copied."""
    text = html.escape(program)
    made = widgets.HTML(f"<pre>{text}</pre>")
    return widgets.Accordion([made], titles=("These results in Python",), selected_index=None)


def lane(name, y, A, sigma, truth):
    """The run of one method, or its first error in its place."""
    method = METHODS[name]
    stop = evaluate(method.rule) if method.rule else None

    def steps():  # made at the first iteration, so that a slow start does not keep the page waiting
        yield from steps_of(evaluate(method.line, y=y, A=A, sigma=sigma, seed=0))

    return Lane(name, steps(), truth, stop)
