"""Every Python tells JupyterLab the same version, so that a notebook that was only opened stays as it is.

JupyterLab writes what the kernel says into the notebook's metadata: "3.12.4" in place of
"3.11.7" would be a change, to be saved. sources/build.py stores the same.
"""

from ipykernel.ipkernel import IPythonKernel

IPythonKernel.language_info = IPythonKernel.language_info | {"version": "3"}
