"""`python -m dil_course doctor` and `python -m dil_course restore photo.jpg`."""

import sys

from dil_course import doctor

USAGE = """usage: python -m dil_course doctor         what this machine has, and how to fix what is missing
       python -m dil_course restore PHOTO  restore a photograph; -h after it says how"""


def main(arguments):
    """Run the command and return its exit code."""
    if arguments == ["doctor"]:
        return doctor.main()
    if arguments[:1] == ["restore"]:
        from dil_course.playground import terminal  # Here: the doctor must run where a package is missing.

        return terminal.main(arguments[1:])
    asked = arguments in (["-h"], ["--help"])
    print(USAGE, file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
