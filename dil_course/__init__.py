"""dil_course: the small library behind a course on deep internal learning.

Imports run one way: runtime <- signals <- networks <- fitting <- from_scratch <- adaptation. `figures` draws,
`doctor` checks the machine, and `checks`, which no other room imports, marks the problem sets.
"""

__version__ = "0.1.0"
