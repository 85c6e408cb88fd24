"""The playground's page: a picture, a damage, up to three methods side by side, and what becomes of it."""

import asyncio

from dil_course import runtime
from dil_course.fitting.live import picture_png
from dil_course.front_end import as_page, has_front_end, keep_keys, picture_widget, quick_png
from dil_course.playground.compare import Comparison
from dil_course.playground.parts import (
    button,
    column,
    file_chooser,
    folded,
    menu,
    note,
    row,
    say,
    show,
    slider,
)
from dil_course.playground.photograph import PART, TAKES, WHOLE, Photograph, taking
from dil_course.playground.problem import pose
from dil_course.playground.recipes import DAMAGES, methods_for
from dil_course.playground.saving import Saving
from dil_course.playground.side_by_side import WIDTH, Lane, race
from dil_course.signals import PICTURES, enlarge, picture, psnr, to_array, uploaded

SIDES = (96, 128, 192, 256, 384)  # pixels; up to 192 most methods end within minutes on a laptop
NOTHING = "(none)"
REFUSED = (TypeError, ValueError, OSError)  # what checks of a choice raise


class Playground:
    """Everything on one page, without a line of code: `Playground().show()`.

    Attributes:
        saving: what Save writes, of the last runs; None where there are none.
    """

    def __init__(self, folder="restored"):
        """folder: where Save makes a folder for each result, numbered."""
        self.folder, self.photograph, self.saving = folder, None, None
        self.lanes, self.busy = [], False
        self.make_widgets()
        self.offer()
        self.preview()
        self.damage.observe(self.offer, "value")
        self.upload.observe(self.take_upload, "value")
        chosen = (self.picture, self.side, self.take, self.down, self.across, self.damage, self.noise)
        for each in chosen:
            each.observe(self.preview, "value")

    def make_widgets(self):
        self.picture = menu("picture", list(PICTURES), "chelsea")
        self.upload = file_chooser("or a photograph of yours")
        self.side = menu("size", [(f"{side} px", side) for side in SIDES], 128)
        self.take = menu("take", TAKES, WHOLE)
        self.down, self.across = (
            slider(f"{way} / %", 50, continuous_update=False) for way in ("down", "across")
        )
        self.damage = menu("damage", list(DAMAGES), "noise")
        words = "standard deviation of the noise that is added"
        self.noise = slider("noise / 255", 25, high=75, continuous_update=False, tooltip=words)
        self.methods = [menu(f"method {number}", [NOTHING], NOTHING) for number in (1, 2, 3)]
        self.start = button("Restore", "play", self.press_start, "Run the chosen methods side by side")
        self.stop = button("Stop all", "stop", self.press_stop, "End all runs and keep their estimates")
        self.save = button(
            "Save", "save", self.press_save, "Write the pictures and a program that makes them"
        )
        self.stop.disabled = self.save.disabled = True
        self.words, self.seen = note(), picture_widget(WIDTH, "The picture as the methods get it")
        self.whole = picture_widget(WIDTH, "The whole photograph; a rectangle marks the part that is taken")
        self.below = column()
        self.box = column(
            row(self.picture, self.upload, self.side),
            row(self.take, self.down, self.across),
            row(self.damage, self.noise),
            row(*self.methods),
            row(self.start, self.stop, self.save),
            self.words,
            row(self.seen, self.whole),
            self.below,
        )

    def show(self):
        """Put the page below the cell."""
        if not has_front_end():
            print("The playground is a page of a notebook. In a terminal: python -m dil_course restore -h")
            return
        from IPython.display import display

        keep_keys()
        display(as_page(self.box, "The playground, which needs its kernel: run this cell."), raw=True)

    # What is chosen

    def offer(self, change=None):
        """The methods that undo the chosen damage, two of them chosen already, and its usual noise."""
        names = methods_for(self.damage.value)
        for each, name in zip(self.methods, (names[0], "deep image prior", NOTHING), strict=True):
            each.options = [NOTHING, *names]
            each.value = name
        chosen = DAMAGES[self.damage.value]
        self.noise.disabled = not chosen.adds_noise
        self.noise.value = round(255 * chosen.noise)

    def take_upload(self, change=None):
        """A photograph that has arrived stands first in the menu of pictures, and is chosen."""
        self.photograph = Photograph(*uploaded(self.upload))
        self.picture.options = [self.photograph.name, *PICTURES]
        self.picture.value = self.photograph.name
        self.preview()  # another file of the same name changes no value

    def source(self):
        """The chosen picture (1,C,H,W), the line that loads it, and its Photograph or None."""
        chosen, side = self.picture.value, self.side.value
        if chosen in PICTURES:
            return picture(chosen, side), f'picture("{chosen}", {side})', None
        taken = taking(self.take.value, side, self.place())
        return self.photograph.load(**taken), self.photograph.line(**taken), self.photograph

    def place(self):
        """Of the part, down and across."""
        return self.down.value / 100, self.across.value / 100

    def pose(self, x):
        """The Problem of restoring x from the chosen damage."""
        return pose(x.to(runtime.device()), self.damage.value, self.noise.value / 255)

    def preview(self, change=None):
        """Show the damaged picture, or say what is wrong with the choice."""
        uploaded = self.picture.value not in PICTURES  # of those, parts are cut anyway
        part = uploaded and self.take.value == PART
        show(uploaded, self.take)
        show(part, self.down, self.across, self.whole)
        try:
            problem = self.pose(self.source()[0])
        except REFUSED as fault:
            self.start.disabled = True
            return say(self.words, f"This does not work: {fault}")
        self.start.disabled = self.busy
        y, truth, level = problem.y, problem.truth, f"{255 * problem.sigma:.1f} / 255"
        self.seen.value = picture_png(to_array(y))
        if part:
            self.whole.value = quick_png(self.photograph.overview(self.side.value, self.place()))
        worth = f", PSNR {psnr(y, truth):.1f} dB" if truth is not None and y.shape == truth.shape else ""
        chosen = DAMAGES[self.damage.value]
        how = "added" if chosen.adds_noise else "typical" if chosen.level else "estimated"
        say(self.words, f"{y.shape[-1]} x {y.shape[-2]} pixels{worth}. Noise level, {how}: {level}.")

    # What is done

    def press_start(self):
        self.task = asyncio.ensure_future(self.restore())  # kept: a task that nobody holds may vanish

    def press_stop(self):
        for lane in self.lanes:
            lane.stop()

    async def restore(self):
        """Run the chosen methods side by side, then compare what they made."""
        names = list(dict.fromkeys(each.value for each in self.methods if each.value != NOTHING))
        if not names:
            return say(self.words, "Choose a method first.")
        self.working(True)
        try:
            x, line, photograph = self.source()
            problem = self.pose(x)
            self.lanes = [
                Lane(name, problem.steps(name), problem.truth, problem.rule(name)) for name in names
            ]
            self.below.children = [row(*(lane.box for lane in self.lanes))]
            await race(self.lanes)
            ended = [lane for lane in self.lanes if lane.result]
            self.saving = Saving(problem, line, photograph, ended) if ended else None
            if ended:
                self.compare(problem)
        except Exception as fault:  # in a task of its own, whose error would be seen by nobody
            say(self.words, f"This went wrong: {type(fault).__name__}: {fault}")
            raise
        finally:
            self.working(False)

    def working(self, now):
        self.busy = self.start.disabled = now
        self.stop.disabled, self.save.disabled = not now, now or self.saving is None

    def compare(self, problem):
        """Below the runs, their estimates against each other, and their program."""
        enlarges = DAMAGES[problem.damage].kind == "enlarge"
        shown = {"what the methods got": enlarge(problem.y, problem.A) if enlarges else problem.y}
        shown |= self.saving.estimates | ({} if problem.truth is None else {"truth": problem.truth})
        listing = folded("The same in Python", self.saving.program)
        self.below.children = [*self.below.children, Comparison(shown).box, listing]

    def press_save(self):
        try:
            folder = self.saving.write(self.folder)
        except OSError as fault:
            return say(self.words, f"This cannot be saved: {fault}")
        say(self.words, f"Saved in {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
