"""dil_course: the small library behind a course on deep internal learning.

Rooms, in the order in which they import each other:
runtime -> signals -> networks -> fitting -> from_scratch; `figures` draws, `doctor` checks the machine.
"""

__version__ = "0.1.0"
