"""A JupyterHub for try_hub.py: everybody may enter, and all servers run as you.

Never open such a hub to a network.
"""

import os
import sys

c = get_config()  # noqa: F821

# The hub asks for no password and gives no user an account on the machine.
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = os.path.join(os.getcwd(), "homes", "{username}")
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"] if os.geteuid() == 0 else []
c.Spawner.start_timeout = c.Spawner.http_timeout = 180

# A class shares the cores, so each kernel takes one thread, and the small real runs of the quick profile.
c.Spawner.environment = {"OMP_NUM_THREADS": "1", "DIL_PROFILE": "quick"}
c.Spawner.env_keep = ["PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "ONEDNN_MAX_CPU_ISA"]

# try_hub.py speaks to the hub as a service.
c.JupyterHub.services = [{"name": "try-hub", "api_token": os.environ["TRY_HUB_TOKEN"]}]
c.JupyterHub.load_roles = [
    {
        "name": "try-hub",
        "scopes": ["admin:users", "admin:servers", "admin:server_state", "access:servers"],
        "services": ["try-hub"],
    }
]
