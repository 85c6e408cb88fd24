"""Settings of all tests: what `make check` leaves out, and in which order modules run."""

import hypothesis
import pytest
import torch

# The same examples on every run, and no deadline: a busy machine is not a fault of the library.
hypothesis.settings.register_profile(
    "course", derandomize=True, deadline=None, max_examples=40, database=None
)
hypothesis.settings.load_profile("course")

# The tensors of these tests are small: more threads only wait for each other.
torch.set_num_threads(1)

# What `make check` leaves out: these modules, longest first, and each test marked slow or browser. The
# notebooks run after them, and last the library's tests, which are short, so that both workers of `make test`
# end together.
SLOW = [
    "test_marking.py",
    "test_answers.py",
    "test_browser_lessons.py",
    "test_book.py",
    "test_containers.py",
    "test_browser.py",
    "test_make.py",
    "test_live_view.py",
    "test_eyes_and_hands.py",
    "test_problem_sets.py",
    "test_class_of_thirty.py",
]
COLLECTED = pytest.StashKey()


def place(item):
    name = item.path.name
    return SLOW.index(name) if name in SLOW else len(SLOW) + (item.path.suffix != ".ipynb")


@pytest.hookimpl(tryfirst=True)  # before -m and -k take their choice
def pytest_collection_modifyitems(config, items):
    config.stash[COLLECTED] = {(item.path, getattr(item, "originalname", item.name)) for item in items}
    for item in items:
        if item.path.name in SLOW or item.get_closest_marker("browser"):
            item.add_marker("slow")
    items.sort(key=place)
