"""Figures of the lessons: static ones with alternative text, and such as a reader moves without a kernel."""

from dil_course.figures.static import (
    COLOURS,
    STYLES,
    draw_boxes,
    draw_curves,
    draw_picture,
    png,
    show_curves,
    show_figure,
    show_images,
)

__all__ = [
    "COLOURS", "STYLES", "draw_boxes", "draw_curves", "draw_picture", "png", "show_curves", "show_figure",
    "show_images",
]  # fmt: skip
