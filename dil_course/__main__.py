"""`python -m dil_course doctor`: what this machine has, and how to fix what is missing."""

import sys

from dil_course import doctor

USAGE = "usage: python -m dil_course doctor    say what this machine has, and how to fix what is missing"


def main(arguments):
    """Run the command and return its exit code."""
    if arguments == ["doctor"]:
        return doctor.main()
    asked = arguments in (["-h"], ["--help"])
    print(USAGE, file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
