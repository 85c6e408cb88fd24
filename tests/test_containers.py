"""Where a class runs: the container, Binder, Colab, a JupyterHub.

Without their services: what can be checked on this machine.
"""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
import venv
import zipfile

import build
import pytest
import yaml
from browser import free_port, serving
from packaging.specifiers import SpecifierSet
from test_repository import project

DOCKERFILE = build.ROOT / "docker" / "Dockerfile"
HUB = build.ROOT / "teaching" / "hub" / "try_hub.py"


def instructions(text):
    """The (name, arguments) of a Dockerfile, in order."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


@pytest.fixture
def steps():
    return instructions(DOCKERFILE.read_text(encoding="utf-8"))


# The container


def test_the_image_is_small_pinned_and_of_a_python_that_the_course_supports(steps):
    assert [name for name, _ in steps].count("FROM") == 1
    version = re.fullmatch(r"python:(\d+\.\d+)-slim", steps[0][1])[1]
    assert SpecifierSet(project()["requires-python"]).contains(version)
    (install,) = [arguments for name, arguments in steps if name == "RUN" and "pip install" in arguments]
    words = shlex.split(install)
    assert "--no-cache-dir" in words
    assert words[words.index("--constraint") + 1] == "constraints.txt"
    assert words[words.index("--extra-index-url") + 1].endswith("/whl/cpu"), (
        "without it the image carries CUDA"
    )
    extras = next(arguments.split("=")[1] for name, arguments in steps if name == "ARG")
    assert set(extras.split(",")) <= set(project()["optional-dependencies"])


def test_the_image_runs_as_a_user_without_rights_who_owns_the_notebooks(steps):
    (user,) = [arguments for name, arguments in steps if name == "USER"]
    assert user not in ("root", "0") and any(
        name == "RUN" and "useradd" in arguments and user in arguments for name, arguments in steps
    )
    names = [name for name, _ in steps]
    assert names.index("USER") > max(index for index, name in enumerate(names) if name in ("RUN", "COPY"))
    assert names.index("USER") < names.index("CMD")
    assert f"--chown={user}:{user} . ." in [arguments for name, arguments in steps if name == "COPY"]


def test_everything_that_is_copied_exists_and_the_installation_has_what_it_needs(steps):
    copied = set()
    for name, arguments in steps:
        assert name != "ADD"
        if name == "COPY":
            sources = [word for word in arguments.split() if not word.startswith("--")][:-1]
            for source in sources:
                assert (build.ROOT / source).exists(), source
            copied |= set(sources)
        if name == "RUN" and "pip install" in arguments:
            assert {
                "pyproject.toml",
                "constraints.txt",
                "dil_course",
                project()["readme"],
                *project()["license-files"],
            } <= copied


def test_what_git_ignores_does_not_come_into_the_image():
    def patterns(name):
        lines = (build.ROOT / name).read_text(encoding="utf-8").splitlines()
        return {line.strip("/") for line in lines if line and not line.startswith("#")}

    # Git looks for a name without a slash in every folder, docker only in the first.
    wanted = {line if "/" in line else f"**/{line}" for line in patterns(".gitignore")}
    assert patterns(".dockerignore") == wanted | {".git"}


def test_the_command_of_the_image_starts_jupyterlab(steps, tmp_path):
    ((name, arguments),) = [step for step in steps if step[0] in ("CMD", "ENTRYPOINT")]
    command = json.loads(arguments)
    assert name == "CMD" and command[0] == "jupyter" and "--ip=0.0.0.0" in command
    exposed = next(arguments for name, arguments in steps if name == "EXPOSE")
    assert f"--port={exposed}" in command

    port = free_port()
    here = {"--ip=0.0.0.0": "--ip=127.0.0.1", f"--port={exposed}": f"--port={port}"}
    command = [shutil.which(command[0], path=os.path.dirname(sys.executable)), *command[1:]]
    command = [here.get(word, word) for word in command] + ["--IdentityProvider.token=container"]
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    environment["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), environment["PATH"]])
    address = f"http://127.0.0.1:{port}/?token=container"
    with serving(command, address, tmp_path / "server.log", cwd=build.ROOT, env=environment):
        page = urllib.request.urlopen(address, timeout=10)
        assert page.status == 200
        assert re.search(r"/lab/tree/notebooks/00_start_here\.ipynb", page.url)


# Binder


def test_binder_reads_environment_yml_and_gets_no_cuda():
    # repo2docker takes the first of these that it finds.
    for rival in ("binder", ".binder", "Dockerfile"):
        assert not (build.ROOT / rival).exists(), f"{rival} would take environment.yml's place on Binder"
    lines = yaml.safe_load((build.ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"][-1][
        "pip"
    ]
    assert lines[0] == "--extra-index-url https://download.pytorch.org/whl/cpu"


# Colab


def wheel(folder, name, version, requires=()):
    """A package without contents."""
    about = f"{name.replace('-', '_')}-{version}.dist-info"
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    metadata = [
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        *(f"Requires-Dist: {line}" for line in requires),
    ]
    files = {
        "METADATA": "\n".join(metadata) + "\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(f"{about}/{file}", text)
        archive.writestr(f"{about}/RECORD", "".join(f"{about}/{file},,\n" for file in [*files, "RECORD"]))


@pytest.fixture(scope="module")
def own_wheel(tmp_path_factory):
    """What pip makes of the repository, as `git+https://...` does."""
    folder, sources = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("sources")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "dil_course"], cwd=build.ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in [*filter(None, listed.split("\0")), "pyproject.toml", "README.md", "LICENSE"]:
        if (build.ROOT / name).is_file():
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            (sources / name).write_bytes((build.ROOT / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        sources,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.mark.parametrize("kind", ["safetensors", "npz", "md"])
def test_colab_gets_networks_and_data_with_the_course_and_their_cards(own_wheel, kind):
    files = {
        path.relative_to(build.ROOT).as_posix() for path in (build.ROOT / "dil_course").rglob(f"*.{kind}")
    }
    assert files and files <= set(zipfile.ZipFile(own_wheel).namelist())


@pytest.mark.slow
def test_the_cell_for_colab_adds_what_is_missing_and_exchanges_nothing(own_wheel, tmp_path):
    # Colab's packages, as it brings them: other versions than ours, one of them older than the course asks
    # for.
    colab = {
        "torch": "2.9.0",
        "numpy": "2.0.2",
        "scikit-image": "0.25.2",
        "ipywidgets": "7.7.1",
        "matplotlib": "3.10.0",
    }
    offered = tmp_path / "offered"
    offered.mkdir()
    for name, version in colab.items():
        wheel(offered, name, version)
    for name, version in {
        "torch": "2.13.0",
        "ipywidgets": "8.1.9",
        "jupyterlab": "4.6.6",
        "numpy": "2.4.6",
    }.items():
        wheel(offered, name, version)
    wheel(offered, "bm3d", "4.0.3", requires=["bm4d>=4.2.3", "numpy>=2.4"])
    wheel(offered, "bm4d", "4.2.5", requires=["numpy>=2.4"])

    environment = tmp_path / "environment"
    venv.create(environment)
    offline = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    offline |= {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(offered),
        "PIP_CONFIG_FILE": os.devnull,
        "PYTHONPATH": "",
    }

    def pip(*words):
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", environment, *words],
            env=offline,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def installed():
        return {package["name"]: package["version"] for package in json.loads(pip("list", "--format=json"))}

    pip("install", *(f"{name}=={version}" for name, version in colab.items()))
    before = installed()
    assert colab.items() <= before.items()

    page = (build.ROOT / "docs" / "colab.md").read_text(encoding="utf-8")
    (cell,) = re.findall(r"^%pip (.*)$", page, re.MULTILINE)
    words = shlex.split(cell)
    assert words[-1] == "git+https://github.com/OWNER/NAME"
    pip(*words[:-1], str(own_wheel))

    after = installed()
    assert before.items() <= after.items(), "a package of Colab was exchanged"
    assert set(after) - set(before) == {"dil_course", "bm3d", "bm4d"}


# JupyterHub


def hub_module():
    specification = importlib.util.spec_from_file_location("try_hub", HUB)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_without_a_hub_the_trial_says_what_to_install(tmp_path):
    done = subprocess.run(
        [sys.executable, HUB], env=os.environ | {"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert (
        done.returncode == 1
        and "npm install -g configurable-http-proxy" in done.stderr
        and "Traceback" not in done.stderr
    )


@pytest.mark.parametrize("users", ["0", "-1"])
def test_a_trial_without_users_is_refused(users):
    done = subprocess.run([sys.executable, HUB, f"--users={users}"], capture_output=True, text=True)
    assert done.returncode == 2 and "--users takes 1 or more" in done.stderr


@pytest.mark.slow
def test_two_users_of_a_real_hub_restore_a_picture_at_the_same_time(tmp_path):
    if commands := hub_module().missing():
        pytest.skip("no JupyterHub to try: " + "; ".join(commands))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, HUB, "--users=2", "--iterations=30"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    lines = [
        re.match(r"(student\d) .* (\d+) MB .* (\d+) MB +([\d.]+) -> ([\d.]+) dB", line)
        for line in done.stdout.splitlines()[1:]
    ]
    assert [line[1] for line in lines] == ["student1", "student2"]
    for line in lines:
        assert int(line[2]) > 100 and int(line[3]) > 30 and float(line[5]) > float(line[4]) + 2


def test_the_settings_in_the_page_for_hubs_can_be_read():
    page = (build.ROOT / "docs" / "jupyterhub.md").read_text(encoding="utf-8")
    (chart,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    chart = yaml.safe_load(chart)
    settings = chart["singleuser"]
    home = settings["storage"]["homeMountPath"]
    assert chart["hub"]["config"]["KubeSpawner"] == {"working_dir": home, "notebook_dir": home}, (
        "students would work outside their volume"
    )
    assert chart["scheduling"]["podPriority"]["enabled"], "placeholders would never give way to students"
    assert settings["extraEnv"] == {"OMP_NUM_THREADS": "1", "DIL_PROFILE": "quick"}
    workdir = next(
        arguments
        for name, arguments in instructions(DOCKERFILE.read_text(encoding="utf-8"))
        if name == "WORKDIR"
    )
    assert not workdir.startswith(home), "the volume would hide the course"
    assert f"{workdir}/notebooks" in settings["lifecycleHooks"]["postStart"]["exec"]["command"][-1]
    for code in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        compile(code, "docs/jupyterhub.md", "exec")
