"""How often something beside the run may be done: drawn, or written to a file."""

import time

SHORTEST_PAUSE = 0.25  # seconds between two drawings: more than four a second looks no livelier
LONGEST_PAUSE = 20.0  # seconds: after one slow drawing, on a busy machine, the view must not seem to hang


class Pace:
    """Says when the next time is due, so that it takes at most `share` of the run's time."""

    def __init__(self, share, delay=0.0):
        self.share, self.due = share, time.perf_counter() + delay

    def do(self, function):
        started = time.perf_counter()
        if started >= self.due:
            function()
            ended = time.perf_counter()
            self.due = ended + min(max(SHORTEST_PAUSE, (ended - started) / self.share), LONGEST_PAUSE)
