"""Part I of the field: learn from one input. One file a method."""

from dil_course.from_scratch.deep_image_prior import deep_image_prior

__all__ = ["deep_image_prior"]
