"""Figures of the lessons: static ones with alternative text, and such as a reader moves without a kernel."""

from dil_course.figures.curves import curves_figure, draw_curves, figure_with, show_curves
from dil_course.figures.diagram import Diagram, network_diagram
from dil_course.figures.explore import explore
from dil_course.figures.film import Film
from dil_course.figures.images import error_map_figure, images_figure, show_error_map, show_images
from dil_course.figures.pairs import pairs_figure, show_pairs
from dil_course.figures.static import COLOURS, STYLES, draw_boxes, draw_picture, png, show_figure
from dil_course.figures.swipe import swipe

__all__ = [
    "COLOURS", "Diagram", "Film", "STYLES", "curves_figure", "draw_boxes", "draw_curves", "draw_picture",
    "error_map_figure", "explore", "figure_with", "images_figure", "network_diagram", "pairs_figure", "png",
    "show_curves", "show_error_map", "show_figure", "show_images", "show_pairs", "swipe",
]  # fmt: skip
