"""What is kept of the runs: estimates, settings, and the Python program that makes the same again."""

import json
import pathlib

from dil_course import runtime
from dil_course.playground.program import program
from dil_course.signals import save_image


class Saving:
    """The results of runs on one Problem, ready to be written.

    Attributes:
        estimates: {method: picture (1,C,H,W)}.
        program: its text, which names the files that it saves.
    """

    def __init__(self, problem, source, photograph, lanes):
        """
        Args:
            problem: of `pose`.
            source: the line that loads the picture.
            photograph: the Photograph that this line loads, or None for a bundled picture.
            lanes: of the runs, those that have a result.
        """
        results = {lane.name: lane.result for lane in lanes}
        self.photograph = photograph
        self.estimates = {name: result.estimate for name, result in results.items()}
        self.files = {name: f"{name.replace(', ', '_').replace(' ', '_')}.png" for name in results}
        stopped = {lane.name: lane.stopped for lane in lanes if lane.stopped}
        self.program = program(source, problem, self.files, stopped)
        self.settings = {
            "picture": source,
            "damage": problem.damage,
            "noise": problem.noise,
            "sigma": problem.sigma,
            "seed": problem.seed,
            "profile": runtime.profile(),
            "methods": {name: result.why for name, result in results.items()},
        }

    def write(self, place):
        """Write everything into a new folder of `place`, the first free of 1, 2, ...; returns the folder.

        The reader's photograph is among it, so that the program runs there as it is.

        Raises:
            OSError: nothing can be written there.
        """
        number = 1
        while (folder := pathlib.Path(place) / str(number)).exists():
            number += 1
        folder.mkdir(parents=True)
        for name, estimate in self.estimates.items():
            save_image(estimate, folder / self.files[name])
        (folder / "settings.json").write_text(json.dumps(self.settings, indent=2) + "\n", encoding="utf-8")
        (folder / "program.py").write_text(self.program, encoding="utf-8")
        if self.photograph:
            (folder / self.photograph.kept_as).write_bytes(self.photograph.content)
        return folder
