"""Two images of the same scene, divided by a line that the reader moves."""

from dil_course.figures.images import PLACE, show_images
from dil_course.figures.page import jpeg, show_page, small_page
from dil_course.figures.static import check_alt, check_kind
from dil_course.signals import to_array
from dil_course.signals.validation import check_integer, check_same_shape

QUALITIES = (95, 90, 80, 70, 60)  # of JPEG: at 95, few values change by more than 5 of 255
LARGEST = 1.8 * PLACE  # screen pixels that an image takes by default


def swipe(pictures, alt, zoom=None):
    """Show two images side by side, and below them one on the other, divided by a line that the reader moves.

    The line follows a slider and the pointer on the image. Buttons magnify both 2 and 4 times. None of this
    needs a kernel.

    Args:
        pictures: {name: picture (1,C,H,W)}, two of the same shape; values are clipped to [0,1] for showing.
        alt: what is to be seen, in a sentence.
        zoom: screen pixels per pixel before magnification; by default, as many as fit.

    Raises:
        TypeError, ValueError: not two pictures of the same shape; zoom is no whole number; or a page of more
            than 400 kB at the lowest quality of its JPEGs.
    """
    check_alt(alt)
    check_kind(pictures, dict, "pictures")
    if len(pictures) != 2:
        raise ValueError(f"pictures: expected two, to compare them, got {len(pictures)}")
    names, values = [str(name) for name in pictures], list(pictures.values())
    arrays = [to_array(x) for x in values]
    check_same_shape(*values, *(f"pictures, {name!r}" for name in names))
    height, width = arrays[0].shape[:2]
    fits = max(1, int(LARGEST // max(height, width)))
    times = fits if zoom is None else check_integer(zoom, "zoom", 1, 100)

    def data(quality):
        images = [
            {"name": name, "data": jpeg(array, quality)} for name, array in zip(names, arrays, strict=True)
        ]
        return {"images": images, "width": times * width, "height": times * height}

    page = small_page("swipe", data, QUALITIES, alt, "show a part of the images: crop(x, 256)")
    show_images(dict(zip(names, values, strict=True)), alt, columns=2, zoom=zoom)
    show_page(page)
