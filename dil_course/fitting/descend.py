"""The loop that most methods are."""

from dil_course.fitting.run import Step


def descend(engine, objective, iterations):
    """Steps of Adam down an objective that is drawn anew at each iteration.

    Args:
        engine: whose network is fitted.
        objective: function of the iteration, from 1, that returns the loss and the estimate (1,C,H,W).
        iterations: how many.
    """
    for iteration in range(1, iterations + 1):
        loss, estimate = objective(iteration)
        engine.update(loss)
        yield Step(iteration, iterations, loss.detach(), estimate.detach())
