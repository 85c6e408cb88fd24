"""A name that a room offers is the object, never a module of the same name, whatever was imported before."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import importlib, pkgutil, types
import dil_course

rooms = [dil_course] + [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(dil_course.__path__, "dil_course.")
    if found.ispkg
]
listed = [(room, name) for room in rooms for name in getattr(room, "__all__", ())]
public = {(room.__name__, name): getattr(room, name) for room, name in listed}
assert len(public) > 60, len(public)
twins = 0
for found in pkgutil.walk_packages(dil_course.__path__, "dil_course."):
    module = importlib.import_module(found.name)
    room, _, name = found.name.rpartition(".")
    offers = hasattr(importlib.import_module(room), "__all__")  # the package itself offers only modules
    if offers and hasattr(module, name):  # a file that is named after the function in it
        twins += 1
        if getattr(importlib.import_module(room), name) is not getattr(module, name):
            print(f"from {room} import {name}: gives a module")
for (room, name), value in public.items():
    if getattr(importlib.import_module(room), name) is not value or isinstance(value, types.ModuleType):
        print(f"from {room} import {name}: gives another object after all modules were imported")
assert twins >= 15, twins
"""


def test_every_public_name_stays_the_object_after_every_module_was_imported():
    root = str(Path(__file__).parents[1])
    made = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout == ""
