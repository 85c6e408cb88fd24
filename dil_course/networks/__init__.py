"""What we fit: the networks, one file each."""

from dil_course.networks.skip import SkipNetwork, small_skip_network

__all__ = ["SkipNetwork", "small_skip_network"]
