"""A slider or two over something that answers at once, and small multiples for readers without a kernel."""

import html
import itertools
import math
import numbers

from matplotlib.figure import Figure

from dil_course.figures.images import GAP, PAGE, text_height, wrapped
from dil_course.figures.static import canvas_image, check_alt, check_kind, figure_of, points, show_figure
from dil_course.front_end import as_page, has_front_end, picture_widget, quick_png
from dil_course.signals.validation import describe


def explore(draw, alt, static=None, **choices):
    """Show a figure that follows one or two sliders: `explore(draw, "...", strength=[0.1, 0.2, 0.5])`.

    Below it stands a static figure for a few values, which stays where there is no kernel: in a stored
    notebook, in the web book, in a script.

    Args:
        draw: called as draw(strength=0.1), returns a matplotlib Figure, such as `images_figure`,
            `curves_figure` or `figure_with` make; in less than 0.1 s, or the slider stutters.
        alt: what the figures show, in a sentence.
        static: {name: values} of the static figure; by default the first, middle and last value of the first
            choice. A choice that is not in it has its middle value there.
        choices: one or two names, each with the list of values of its slider, which starts in the middle.

    Raises:
        TypeError, ValueError: no choices or more than two, one without values, `static` has another name, or
            draw returns no Figure.
    """
    check_alt(alt)
    if not callable(draw):
        raise TypeError(f"draw: expected a function that returns a Figure, got {describe(draw)}")
    if len(choices) not in (1, 2):
        raise ValueError(f"choices: expected one or two lists of values, by name, got {len(choices)}")
    choices = {name: values_of(values, name) for name, values in choices.items()}
    shown = static_values(static, choices)
    figure = static_figure(draw, shown)
    if has_front_end():
        Explorer(draw, alt, choices).show()
    show_figure(figure, alt)


def values_of(values, name):
    """A choice's values as a list, not empty (else TypeError, ValueError)."""
    try:
        values = [] if isinstance(values, str) else list(values)
    except TypeError:
        raise TypeError(f"{name}: expected a list of values, got {describe(values)}") from None
    if not values:
        raise ValueError(f"{name}: expected a list of values, got none")
    return values


def static_values(static, choices):
    """{name: values} of the static figure, of every choice."""
    if static is None:
        name, values = next(iter(choices.items()))
        static = {name: [values[i] for i in sorted({0, len(values) // 2, len(values) - 1})]}
    check_kind(static, dict, "static")
    if unknown := sorted(map(str, static.keys() - choices.keys())):
        raise ValueError(f"static: expected the names {', '.join(choices)}, got {', '.join(unknown)}")
    middle = {name: [values[len(values) // 2]] for name, values in choices.items()}
    return middle | {name: values_of(values, f"static, {name}") for name, values in static.items()}


def told(value):
    """A value in a few characters."""
    return f"{value:g}" if isinstance(value, numbers.Real) else str(value)


def drawn(draw, values):
    """What the function draws of these values, refused where it is no Figure (TypeError)."""
    figure = draw(**values)
    if not isinstance(figure, Figure):
        raise TypeError(f"draw: expected that it returns a matplotlib Figure, got {describe(figure)}")
    return figure


def static_figure(draw, values):
    """One Figure of all combinations of these values {name: list}, each with its values as title."""
    combinations = [dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())]
    images = [canvas_image(drawn(draw, each)) for each in combinations]
    width, height = max(image.width for image in images), max(image.height for image in images)
    varied = [name for name in values if len(values[name]) > 1] or list(values)
    titles = [", ".join(f"{name} = {told(each[name])}" for name in varied) for each in combinations]
    titles = [wrapped(title.replace("_", " "), points(11), width) for title in titles]
    top = max(text_height(title, points(11)) for title in titles) + GAP
    columns = min(len(images), max(1, PAGE // width), len(values[varied[-1]]))
    rows = math.ceil(len(images) / columns)
    figure = figure_of(columns * width, rows * (top + height))
    across, down = figure.bbox.width, figure.bbox.height
    for place, (image, title) in enumerate(zip(images, titles, strict=True)):
        left, y = place % columns * width, place // columns * (top + height)
        figure.text((left + GAP) / across, 1 - (y + GAP / 2) / down, title, va="top", size=points(11))
        figure.figimage(image, left, int(down) - y - top - image.height)
    return figure


class Explorer:
    """The sliders, the picture, and a line that says what went wrong in the function that draws."""

    def __init__(self, draw, alt, choices):
        import ipywidgets as widgets

        self.draw, self.places = draw, None
        self.sliders = {}
        for name, values in choices.items():
            options = [(told(value), value) for value in values]
            slider = widgets.SelectionSlider(
                options=options, index=len(values) // 2, description=name.replace("_", " ")
            )
            slider.style.description_width, slider.layout.width = "initial", "420px"
            slider.observe(self._follow, "index")
            self.sliders[name] = slider
        self.picture, self.status = picture_widget(None, alt), widgets.HTML()
        self._follow()

    def show(self):
        import ipywidgets as widgets
        from IPython.display import display

        box = widgets.VBox([*self.sliders.values(), self.status, self.picture])
        display(as_page(box, "An explorer with sliders, which needs its kernel."), raw=True)

    def _follow(self, change=None):
        """Draw what the sliders say. An error is shown on the page: a callback's traceback is not."""
        try:
            figure = drawn(self.draw, {name: slider.value for name, slider in self.sliders.items()})
            image = self._settled(figure)
            # Its own width: a box would stretch it, and a pixel would be no whole number of screen pixels.
            self.picture.layout.width = f"{image.width}px"
            self.picture.value, self.status.value = quick_png(image), ""
        except Exception as problem:
            self.status.value = f"<b>{html.escape(f'{type(problem).__name__}: {problem}')}</b>"

    def _settled(self, figure):
        """The drawn figure, its axes where they were in the first one.

        Fitting them to their labels takes longer than the drawing, and they would jump from value to value.
        """
        size = [len(figure.axes), *figure.get_size_inches()]
        if self.places and self.places[0] == size:
            figure.set_layout_engine("none")
            for axes, place in zip(figure.axes, self.places[1], strict=True):
                axes.set_position(place)
        image = canvas_image(figure)
        self.places = self.places or (size, [axes.get_position() for axes in figure.axes])
        return image
