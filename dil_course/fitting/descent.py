"""The loop that most methods are."""

import torch

from dil_course.fitting.engine import Engine
from dil_course.fitting.run import Step
from dil_course.signals.validation import check_function, check_integer, describe


class Descent:
    """Steps of Adam down an objective that is drawn anew at each iteration; can be saved, and taken up again.

    Args:
        engine: whose network is fitted.
        objective: function of the iteration, from 1, that returns the loss and the estimate (1,C,H,W).
        iterations: how many.
        memory: what the objective remembers from one iteration to the next, by name: random streams, and
            dictionaries of tensors that it changes in place. A checkpoint keeps it.

    Attributes:
        after: function of the Step, called when the weights have been updated; None does nothing.

    Raises:
        TypeError, ValueError: an argument is not of this form; on the way, the objective returns something
            else.
    """

    def __init__(self, engine, objective, iterations, memory=None):
        if not isinstance(engine, Engine):
            raise TypeError(
                f"engine: expected an Engine, got {describe(engine)}: write Engine(network, learning_rate)"
            )
        check_function(objective, "objective")
        iterations = check_integer(iterations, "iterations", 1)
        if not isinstance(memory, dict | None):
            raise TypeError(f"memory: expected a dictionary, got {describe(memory)}")
        self.engine, self.objective, self.iterations = engine, objective, iterations
        self.memory, self.after, self.iteration = memory or {}, None, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.iteration == self.iterations:
            raise StopIteration
        self.iteration += 1
        made = self.objective(self.iteration)
        if not isinstance(made, tuple) or len(made) != 2 or not isinstance(made[1], torch.Tensor):
            raise TypeError(
                f"objective: expected it to return the loss and the estimate, got {describe(made)}"
            )
        loss, estimate = made
        self.engine.update(loss)
        step = Step(self.iteration, self.iterations, loss.detach(), estimate.detach())
        if self.after:
            self.after(step)
        return step

    def settings(self):
        """What a checkpoint compares before it goes on."""
        return {
            "iterations": self.iterations,
            "learning_rate": float(self.engine.learning_rate),
            "memory": sorted(self.memory),
        }

    def state_dict(self):
        """Everything that the next iteration depends on, in dictionaries, lists, tensors and numbers."""
        memory = {
            name: kept.get_state() if isinstance(kept, torch.Generator) else kept
            for name, kept in self.memory.items()
        }
        return {"iteration": self.iteration, "engine": self.engine.state_dict(), "memory": memory}

    def load_state_dict(self, state):
        """Go on from a state that `state_dict` gave."""
        self.iteration = state["iteration"]
        self.engine.load_state_dict(state["engine"])
        for name, kept in self.memory.items():
            (kept.set_state if isinstance(kept, torch.Generator) else kept.update)(state["memory"][name])
