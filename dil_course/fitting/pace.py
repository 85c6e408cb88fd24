"""How often something beside the run may be done: drawn, or written to a file."""

import time

SHORTEST_PAUSE = 0.25  # seconds between two drawings: more than four a second looks no livelier
LONGEST_PAUSE = 20.0  # seconds: on a machine that is slow all the time, the view must not seem to hang


class Pace:
    """Says when the next time is due, so that it takes at most `share` of the run's time.

    Of the last two durations the shorter counts: on a busy machine one of them may be ten times too long, and
    pictures would then stand still for many seconds.
    """

    def __init__(self, share, delay=0.0):
        self.share, self.due, self.took = share, time.perf_counter() + delay, 0.0

    def do(self, function):
        """Call the function if it is due, and set when it is due next."""
        started = time.perf_counter()
        if started >= self.due:
            function()
            ended = time.perf_counter()
            before, self.took = self.took, ended - started
            self.due = ended + min(max(SHORTEST_PAUSE, min(before, self.took) / self.share), LONGEST_PAUSE)
