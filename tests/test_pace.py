"""How often pictures are drawn, told by a clock of the test's own."""

import pytest

from dil_course.fitting import pace


class Clock:
    """Seconds that pass only when somebody lets them."""

    now = 100.0

    def perf_counter(self):
        return self.now

    def spend(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def pauses(clock, costs, share=0.01, delay=0.0):
    """Seconds between the end of a drawing and the start of the next; each takes as long as `costs` says."""
    drawn, ended, found = pace.Pace(share, delay), clock.now, []
    for cost in costs:
        began = []

        def draw(began=began, cost=cost):
            began.append(clock.now)
            clock.spend(cost)

        while not began:
            clock.spend(0.01)
            drawn.do(draw)
        found.append(began[0] - ended)
        ended = clock.now
    return found


def test_drawing_takes_no_more_than_its_share(clock):
    assert pauses(clock, [0.02] * 5)[2:] == pytest.approx([2.0] * 3, abs=0.02)


def test_quick_drawings_come_four_times_a_second(clock):
    assert pauses(clock, [0.0001] * 5)[1:] == pytest.approx([0.25] * 4, abs=0.02)


@pytest.mark.parametrize("held_up", [0, 2])
def test_one_drawing_that_is_held_up_does_not_hold_up_the_next(clock, held_up):
    costs = [0.003] * 5
    costs[held_up] = 0.2
    assert max(pauses(clock, costs)) < 0.35


def test_a_slow_machine_still_draws_and_a_delay_is_kept(clock):
    assert pauses(clock, [5.0] * 4, delay=3.0) == pytest.approx([3.0, 0.25, 20.0, 20.0], abs=0.02)
