"""Two pictures of one scene, divided by a line that a slider moves, enlarged around a point."""

import torch
from PIL import Image

from dil_course.front_end import picture_widget, quick_png
from dil_course.playground.parts import column, menu, row, slider
from dil_course.signals import to_array

SIDE = 512  # CSS pixels of the comparison
ZOOMS = (1, 2, 4, 8)


class Comparison:
    """Choose two of several pictures, a line between them, and a window. All of it works by keyboard."""

    def __init__(self, pictures):
        """pictures: {name: (1,C,H,W)}, two or more, all of one size."""
        self.pictures = pictures
        names = list(pictures)
        self.left, self.right = menu("left", names, names[0]), menu("right", names, names[1])
        self.zoom = menu("zoom", ZOOMS, 1)
        self.line, self.down, self.across = (
            slider(name, 50, readout=False) for name in ("line", "down", "across")
        )
        self.picture = picture_widget(None, "Two of the pictures, divided by a line")
        for each in (self.left, self.right, self.line, self.zoom, self.down, self.across):
            each.observe(self.draw, "value")
        chosen = row(self.left, self.line, self.right)
        self.box = column(chosen, row(self.zoom, self.down, self.across), self.picture)
        self.draw()

    def draw(self, change=None):
        first, second = (self.pictures[chosen.value] for chosen in (self.left, self.right))
        shown = self.window(divided(first, second, self.line.value / 100))
        image = enlarged(Image.fromarray(to_array(shown)))
        self.picture.value, self.picture.layout.width = quick_png(image), f"{image.width}px"

    def window(self, x):
        """The part of a picture that the sliders choose."""
        height, width = (max(1, side // self.zoom.value) for side in x.shape[-2:])
        top = round((x.shape[-2] - height) * self.down.value / 100)
        left = round((x.shape[-1] - width) * self.across.value / 100)
        return x[..., top : top + height, left : left + width]


def divided(first, second, share):
    """The left `share` of one picture and the rest of another, of the same shape."""
    place = round(share * first.shape[-1])
    return torch.cat([first[..., :place], second[..., place:]], dim=-1)


def enlarged(image):
    """By whole pixels, to SIDE or a little less."""
    times = max(1, SIDE // max(image.size))
    return image.resize((times * image.width, times * image.height), Image.NEAREST)
