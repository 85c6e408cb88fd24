"""Right and wrong answers to the tasks of a problem set, for the tests that every set has to pass."""

import importlib

from dil_course.checks import tasks


class AnswerBank:
    """The answers of one problem set.

    Attributes:
        name: the name of the set, such as "ps04_dip_for_inverse_problems".
        checks: the module of its checks.
        causes: {letter: cause} of its failing runs.
        right: {task: [answers that earn full points]}.
        wrong: {task: {a phrase of the diagnosis: the answer that must get it}}.
        earned: {phrase: points} where a refused answer earns some. Each other refused answer earns nothing,
            apart from a dictionary of causes with one wrong cause: each right one earns a point.
        wrong_seeds: the seeds with which wrong answers are tried. One where a check takes long.
    """

    def __init__(self, name, wrong_seeds=(0, 1, 2357)):
        self.name, self.wrong_seeds = name, wrong_seeds
        self.checks = importlib.import_module(f"dil_course.checks.{name.split('_')[0]}")
        self.causes = dict(tasks._causes[self.checks.failing_run])
        self.right, self.wrong, self.earned = {}, {}, {}

    def answer(self, task):
        """A decorator that registers a right answer to this task."""

        def register(answer):
            self.right.setdefault(task, []).append(answer)
            return answer

        return register

    def add_wrong_causes(self, nonsense):
        """Register the wrong answers to the diagnosis of failing runs: no dictionary, gaps, a word that is no
        cause, and each wrong cause.
        """
        runs = self.causes
        first, second = list(runs)[:2]
        self.wrong["causes"] = {
            "must be a dictionary": list(runs.values()),
            "there is no answer yet": {first: "...", second: None},
            f"run {first} has no cause yet": {second: runs[second]},
            f"run {second} has no cause yet": {first: runs[first], second: ...},
            f"'{nonsense}' is none of the causes": {first: nonsense},
            f"['{runs[first]}'] is none of the causes": {first: [runs[first]]},
        } | {
            f"run {letter} is not '{cause}'": runs | {letter: cause}
            for letter in runs
            for cause in self.checks.CAUSES
            if cause != runs[letter]
        }
        self.earned |= {f"run {letter} has no cause yet": 1 for letter in (first, second)}

    def points(self, says):
        """What the refused answer with this phrase in its diagnosis earns."""
        one_run_is_wrong = says.startswith("run") and "is not" in says
        return self.earned.get(says, len(self.causes) - 1 if one_run_is_wrong else 0)
