"""A photograph of the reader's: the whole of it, shrunk, or a part of it at full size, where its noise is."""

import dataclasses
import functools
import io
import json

from PIL import Image, ImageDraw

from dil_course.signals import load_image, to_array

WHOLE, PART = TAKES = ("whole, shrunk", "a part at full size")
OVERVIEW = 240  # pixels a side of the whole picture that shows where the part lies


@dataclasses.dataclass(frozen=True)
class Photograph:
    """The name and the content (bytes) of an uploaded file."""

    name: str
    content: bytes

    @property
    def kept_as(self):
        """The name of its copy beside the results, which is no method's file."""
        return f"input_{self.name}"

    def load(self, **taken):
        """(1,C,H,W); what is taken: see `taking`."""
        return load_image(self.content, **taken)

    def line(self, **taken):
        """The line that loads the same from its copy."""
        options = "".join(f", {name}={value}" for name, value in taken.items())
        return f"load_image({json.dumps(self.kept_as, ensure_ascii=False)}{options})"

    @functools.cached_property
    def small(self):
        """An image of the whole, and how many times larger its sides are in the file."""
        with Image.open(io.BytesIO(self.content)) as opened:
            times = max(1, max(opened.size) / OVERVIEW)
        return Image.fromarray(to_array(self.load(max_side=OVERVIEW))).convert("RGB"), times

    def overview(self, window, place):
        """A small image of the whole, on which a rectangle marks the part."""
        image, times = self.small
        image, corners = image.copy(), []
        for share, length in zip(place, (image.height, image.width), strict=True):
            side = min(window / times, length) - 1
            corners += [(share * (length - 1 - side), share * (length - 1 - side) + side)]
        (top, bottom), (left, right) = corners
        for colour, gap in (("black", 2), ("white", 1)):
            outline = (left - gap, top - gap, right + gap, bottom + gap)
            ImageDraw.Draw(image).rectangle(outline, outline=colour)
        return image


def taking(choice, side, place):
    """The options of `load_image` for one of `TAKES`; place: (down, across), shares of the picture."""
    return {"max_side": side} if choice == WHOLE else {"window": side, "place": place}
