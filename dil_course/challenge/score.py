"""The score of an entry: gain over the baseline, a sanity image, and how well its expectation fits.

All in dB, for an image with gain = PSNR(estimate) - PSNR(baseline) and error = expected - true PSNR:

    points(known, noise, kernel, scan) = clip(gain, -1, 3) + honesty
    honesty = max(0, 1 - |error| / 3) where the expectation is modest (error <= 0),
              max(0, 1 - 2 |error| / 3) where it is over-confident
    refused or failed: 0

    points(nobody) = 2 where it is refused, 0 where it failed,
                     -clip(error, 0, 4) / 2 where it is answered

    rung = median over the images of clip(gain, -1, 3)  +  mean over the images of honesty,
           with 0 for each where an image was refused or failed; at most 0 where the sanity image was failed
    rung(nobody) = mean over the images of its points
    total = sum over the rungs

The sanity image is failed where it is refused, fails, or is restored more than 6 dB below the baseline. The
most is 4 on each of the first four rungs and 2 on the last. An image that is more than 0.6 dB worse than the
baseline and promised to reach it scores less than none. The best expectation to state is about the one that
the truth exceeds in two cases of three: honesty falls with the slopes 1/3 and 2/3.
"""

import dataclasses
import math
import statistics

from dil_course.challenge.ladder import RUNGS
from dil_course.signals.validation import check_choice, check_number, describe

WORST, BEST = -1.0, 3.0  # dB of gain on one image
MODEST, CONFIDENT = 3.0, 1.5  # dB of error at which nothing is left of the point for honesty
BAR = 6.0  # dB that the sanity image may be below the baseline
REFUSED = 2.0  # points on the last rung
LIMIT = 4.0  # dB of over-confidence beyond which the last rung costs no more


@dataclasses.dataclass(frozen=True)
class Answer:
    """What an entry made of one image.

    Attributes:
        status: "estimate", "refused" or "failed".
        psnr: of the estimate against the truth, in dB; None without an estimate, like the next two.
        baseline: PSNR of the baseline's estimate, in dB.
        expected: the PSNR that the entry expects, in dB.
    """

    status: str
    psnr: float | None = None
    baseline: float | None = None
    expected: float | None = None

    def __post_init__(self):
        check_choice(self.status, ("estimate", "refused", "failed"), "status")
        given = (self.psnr, self.baseline, self.expected)
        if self.status == "estimate" and not all(
            isinstance(value, float | int) and math.isfinite(value) for value in given
        ):
            raise ValueError(f"an estimate has a psnr, a baseline and an expected in dB, got {given}")

    @property
    def gain(self):
        """PSNR above the baseline in dB, clipped to [-1,3]; 0 without an estimate."""
        return clip(self.psnr - self.baseline, WORST, BEST) if self.status == "estimate" else 0.0


def clip(value, low, high):
    return min(max(value, low), high)


def honesty(expected, true):
    """From 1, where the expected PSNR is the true one, to 0; over-confidence costs twice what modesty costs.

    Args:
        expected, true: in dB, finite.

    Raises:
        TypeError, ValueError: a value is no finite number.
    """
    for value, name in ((expected, "expected"), (true, "true")):
        check_number(value, name, low=-1e18)
    error = expected - true
    return max(0.0, 1 - abs(error) / (MODEST if error <= 0 else CONFIDENT))


def check_answer(answer, name="answer"):
    """Refuse what is no `Answer` (TypeError)."""
    if not isinstance(answer, Answer):
        raise TypeError(f"{name}: expected an Answer, got {type(answer).__name__}")


def points(rung, answer):
    """Points of one `Answer` on a rung; see the top of this file.

    Raises:
        TypeError, ValueError: another rung, or no `Answer`.
    """
    check_choice(rung, RUNGS, "rung")
    check_answer(answer)
    if rung == "nobody" and answer.status == "estimate":
        return -clip(answer.expected - answer.psnr, 0, LIMIT) / 2
    if answer.status != "estimate":
        return REFUSED if rung == "nobody" and answer.status == "refused" else 0.0
    return answer.gain + honesty(answer.expected, answer.psnr)


def passes(sanity):
    """Is the sanity image restored, at most 6 dB below the baseline? Not where it is refused or failed.

    Raises:
        TypeError: no `Answer`.
    """
    check_answer(sanity, "sanity")
    return sanity.status == "estimate" and sanity.psnr >= sanity.baseline - BAR


def rung_score(rung, answers, sanity=None):
    """Score of a rung.

    Args:
        rung: one of `RUNGS`.
        answers: list of at least one `Answer`, one for each image.
        sanity: `Answer` to the sanity image; None on the rung "nobody", which has none.

    Returns:
        float, from -1 to 4; on the rung "nobody" from -2 to 2.

    Raises:
        TypeError, ValueError: no answers, or the sanity image is missing.
    """
    if not isinstance(answers, list | tuple) or not answers:
        raise ValueError(f"answers: expected a list of at least one Answer, got {describe(answers)}")
    each = [points(rung, answer) for answer in answers]
    if rung == "nobody":
        return statistics.fmean(each)
    if sanity is None:
        raise ValueError(f"sanity: the rung {rung} has a sanity image")
    gains = [answer.gain for answer in answers]
    honest = [value - gain for value, gain in zip(each, gains, strict=True)]
    score = statistics.median(gains) + statistics.fmean(honest)
    return score if passes(sanity) else min(score, 0.0)
