"""Which notebooks are trusted is remembered inside this environment, not in the reader's home.

In a notebook that is not trusted, JupyterLab leaves out scripts, and the lessons' films do not play.
"""

import pathlib
import sys

c = get_config()  # noqa: F821
c.NotebookNotary.db_file = str(pathlib.Path(sys.prefix, "trusted.db"))
c.NotebookNotary.secret_file = str(pathlib.Path(sys.prefix, "trusted.key"))
