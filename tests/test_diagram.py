"""Diagrams: readable on a white page and on a dark one, words inside their boxes, the network as it is."""

import io
import itertools

import IPython.display
import matplotlib.colors
import matplotlib.text
import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image

from dil_course.figures import COLOURS, Diagram, network_diagram
from dil_course.figures.diagram import network_ladder
from dil_course.figures.static import canvas_image
from dil_course.networks import SkipNetwork

WHITE, DARK = "#ffffff", "#111111"
LADDERS = [(1, 16, 4), (4, 24, 8), (5, 128, 4), (5, 128, 0)]


def brightness(colour):
    c = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrast(a, b):
    """Ratio of luminances, 1 to 21, by the Web Content Accessibility Guidelines 2.1."""
    dark, bright = sorted([brightness(a), brightness(b)])
    return (bright + 0.05) / (dark + 0.05)


def every_kind():
    diagram = Diagram(6, 4)
    boxes = [diagram.box(0.2, 0.1 + 0.6 * i, 1.5, 0.5, f"box {i}", i) for i in range(6)]
    diagram.arrow(boxes[0].right, (4, 1), "words")
    diagram.arrow((3, 2), (3, 3), "upwards")
    diagram.text(4, 3.5, "more words")
    return diagram


def parts(diagram, kind):
    return [part for part in diagram.axes.findobj(kind) if part is not diagram.axes.patch]


@pytest.mark.parametrize("page", [WHITE, DARK])
@pytest.mark.parametrize("make", [every_kind, lambda: network_ladder(5, 128, 4)])
def test_lines_and_words_stand_out_from_a_white_page_and_from_a_dark_one(make, page):
    diagram = make()
    boxes = parts(diagram, Rectangle)
    lines = [box.get_edgecolor() for box in boxes]
    lines += [arrow.get_edgecolor() for arrow in parts(diagram, FancyArrowPatch)]
    assert min(contrast(line, page) for line in lines) >= 3
    texts = [text for text in parts(diagram, matplotlib.text.Text) if text.get_text()]
    assert len(texts) >= 7
    for text in texts:
        inside = [
            box for box in boxes if box.contains_point(text.get_transform().transform(text.get_position()))
        ]
        ground, least = (inside[0].get_facecolor(), 4.5) if inside else (page, 3)
        assert contrast(text.get_color(), ground) >= least, f"{text.get_text()!r} on {ground}"


def test_the_ground_is_transparent_and_boxes_are_not():
    image = Image.open(io.BytesIO(every_kind().png()))
    assert image.mode == "RGBA" and image.size == (540, 360)
    assert image.getpixel((500, 300))[3] == 0
    colours = {matplotlib.colors.to_hex(np.array(image.getpixel((25, 340 - 54 * i))) / 255) for i in range(6)}
    assert {colour.lower() for colour in COLOURS} == colours


@pytest.mark.parametrize("talk", ["0", "1"])
@pytest.mark.parametrize("scales, width, skip", LADDERS)
def test_words_of_the_network_lie_in_their_boxes_and_nothing_is_cut(scales, width, skip, talk, monkeypatch):
    monkeypatch.setenv("DIL_TALK", talk)
    diagram = network_ladder(scales, width, skip)
    canvas_image(diagram.figure)
    boxes = [box.get_window_extent() for box in parts(diagram, Rectangle)]
    texts = {
        text: text.get_window_extent() for text in parts(diagram, matplotlib.text.Text) if text.get_text()
    }
    for text, extent in texts.items():
        assert diagram.figure.bbox.x0 <= extent.x0 and extent.x1 <= diagram.figure.bbox.x1
        touched = [box for box in boxes if box.overlaps(extent)]
        assert all(
            box.x0 < extent.x0 and extent.x1 < box.x1 and box.y0 < extent.y0 and extent.y1 < box.y1
            for box in touched
        ), f"{text.get_text()!r} sticks out of its box"
    assert not any(a.overlaps(b) for a, b in itertools.combinations(texts.values(), 2))
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("scales, width, skip", LADDERS)
def test_the_diagram_shows_the_network_of_the_library(scales, width, skip):
    words = [text.get_text() for text in parts(network_ladder(scales, width, skip), matplotlib.text.Text)]
    network, found = SkipNetwork(scales=scales, width=width, skip=skip).body, 0
    while hasattr(network, "coarser"):
        found += 1
        assert words.count(f"3×3 ↓2, 3×3: {width}\nH/{2**found} × W/{2**found}") == 1
        network = network.coarser
    assert found == scales
    assert sum(word.startswith("join, 3×3, 1×1") for word in words) == scales
    assert words.count(f"skip, 1×1: {skip}") == (scales if skip else 0)
    assert words.count("enlarge ×2") == scales


def test_it_is_displayed_with_alternative_text(monkeypatch):
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    network_diagram(2, 16, 4, "A ladder.")
    data, metadata = shown[0]._repr_mimebundle_()
    assert metadata.get("image/png", metadata)["alt"] == "A ladder." and data["image/png"]


def test_what_is_no_place_and_no_number_is_refused():
    diagram = Diagram(4, 3)
    with pytest.raises(TypeError, match="end: expected a place"):
        diagram.arrow((1, 1), 3)
    with pytest.raises(TypeError, match="text: expected a str"):
        diagram.box(0, 0, 1, 1, 5)
    with pytest.raises(ValueError, match="colour"):
        diagram.box(0, 0, 1, 1, "x", 6)
    with pytest.raises(ValueError, match="width"):
        Diagram(-1, 3)
