"""Settings of all tests."""

import hypothesis
import torch

# The same examples on every run, and no deadline: a busy machine is not a fault of the library.
hypothesis.settings.register_profile(
    "course", derandomize=True, deadline=None, max_examples=40, database=None
)
hypothesis.settings.load_profile("course")

# The tensors of these tests are small: more threads only wait for each other.
torch.set_num_threads(1)
