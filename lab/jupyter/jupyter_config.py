"""Which notebooks are trusted is remembered inside this environment, not in the reader's home.

In a notebook that is not trusted, JupyterLab leaves out scripts, and the lessons' films do not play.
The folder custom/ beside this file holds a few rules of style for JupyterLab's pages.
"""

import pathlib
import sys

c = get_config()  # noqa: F821
c.NotebookNotary.db_file = str(pathlib.Path(sys.prefix, "trusted.db"))
c.NotebookNotary.secret_file = str(pathlib.Path(sys.prefix, "trusted.key"))
c.LabApp.custom_css = True
c.ServerApp.tornado_settings = {
    "static_custom_path": [str(pathlib.Path(__file__).parent / "custom")],
    "websocket_max_message_size": 100 * 2**20,  # bytes: photographs are uploaded in one message
}
