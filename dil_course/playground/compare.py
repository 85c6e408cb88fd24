"""Two pictures of one scene, divided by a line that a slider moves, enlarged around a point."""

import ipywidgets as widgets
import torch
from PIL import Image

from dil_course.front_end import picture_widget, quick_png
from dil_course.signals import to_array

SIDE = 512  # CSS pixels of the comparison
ZOOMS = (1, 2, 4, 8)


class Comparison:
    """Choose two of several pictures, a line between them, and a window. All of it works by keyboard."""

    def __init__(self, pictures):
        """pictures: {name: (1,C,H,W)}, all of one size."""
        self.pictures = pictures
        names = list(pictures)
        self.left = widgets.Dropdown(options=names, value=names[0], description="left")
        self.right = widgets.Dropdown(options=names, value=names[-1], description="right")
        self.line = slider("line", 50)
        self.zoom = widgets.Dropdown(options=ZOOMS, value=1, description="zoom")
        self.down, self.across = slider("down", 50), slider("across", 50)
        self.picture = picture_widget(None, "Two of the pictures, divided by a line")
        for each in (self.left, self.right, self.line, self.zoom, self.down, self.across):
            each.observe(self.draw, "value")
        places = widgets.HBox([self.zoom, self.down, self.across], layout={"flex_flow": "row wrap"})
        chosen = widgets.HBox([self.left, self.line, self.right], layout={"flex_flow": "row wrap"})
        self.box = widgets.VBox([chosen, places, self.picture])
        self.draw()

    def draw(self, change=None):
        first, second = (self.pictures[name.value] for name in (self.left, self.right))
        shown = divided(first, second, self.line.value / 100)
        self.picture.value = quick_png(self.window(shown))

    def window(self, x):
        """The chosen window of a picture, enlarged by whole pixels."""
        height, width = (max(1, side // self.zoom.value) for side in x.shape[-2:])
        top = round((x.shape[-2] - height) * self.down.value / 100)
        left = round((x.shape[-1] - width) * self.across.value / 100)
        image = Image.fromarray(to_array(x[..., top : top + height, left : left + width]))
        times = max(1, SIDE // max(height, width))
        return image.resize((times * width, times * height), Image.NEAREST)


def slider(name, value):
    return widgets.IntSlider(value, 0, 100, description=name, readout=False)


def divided(first, second, share):
    """The left `share` of one picture and the rest of another, of the same shape."""
    column = round(share * first.shape[-1])
    return torch.cat([first[..., :column], second[..., column:]], dim=-1)
