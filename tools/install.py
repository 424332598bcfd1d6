"""Bring Mammoview's libraries into .venv, once.

    python3 tools/install.py          what `make run` needs
    python3 tools/install.py --dev    what `make test` and `make check` need besides
    python3 tools/install.py --bench  what `make bench` compares with besides

Without a GPU it also brings what makes the CPU fast; where that cannot be had, the rest does without it.
A stamp in .venv remembers what has been installed, so that a second start takes no time and no network.
Needs nothing but Python's standard library. This file must also be readable by an older Python, which it
sends away in one sentence.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
UV = "uv==0.13.9"
CPU_FAST = "requirements-cpu-fast.txt"
ASKED = {"--dev": ["requirements-dev.txt"], "--bench": ["requirements-dev.txt", "requirements-bench.txt"]}
OLD_PYTHON = (
    "Mammoview needs Python 3.11 to 3.13, and this is {}.{}: install one of them, or name it with "
    "make run PYTHON=/path/to/python3.12."
)
ASK_VERSION = "import sys; print(sys.version)"
ASK_TORCH = "import importlib.metadata; print(importlib.metadata.version('torch').partition('+')[0])"


class Refused(Exception):
    """Its text is one sentence that says what to do."""


def answer(*command: object) -> str:
    """What a command prints, or "" if it fails or is not there."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def works(*command: object, quiet: bool = False) -> bool:
    """Whether a command succeeds; its complaints are shown unless `quiet`."""
    errors = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.call([str(part) for part in command], stderr=errors) == 0
    except OSError:
        return False


def pip(*arguments: object, quiet: bool = False) -> bool:
    """Whether pip installs this; it says nothing but errors."""
    return works(
        PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "-qq", *arguments, quiet=quiet
    )


def make_environment() -> None:
    """.venv with a Python that runs; one whose Python has gone is made anew."""
    if answer(PYTHON, "-c", ASK_VERSION):
        return
    print("Making the environment in .venv …", flush=True)
    if not works(sys.executable, "-m", "venv", "--clear", VENV):
        raise Refused(
            "Python's venv is not complete: install it (on Debian: apt install python3-venv) and try again."
        )


def pinned_torch() -> str:
    """The version that requirements.txt asks for."""
    pin = re.search(r"^torch==([\w.]+)$", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    if pin is None:
        raise Refused("requirements.txt does not pin torch: add a line such as torch==2.13.0.")
    return pin[1]


def has_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None and works("nvidia-smi", "-L", quiet=True)


def install_torch(version: str) -> bool:
    """The build for this machine: CUDA where a GPU answers, else never the gigabytes of CUDA."""
    if sys.platform == "darwin" or has_gpu():
        return pip(f"torch=={version}")
    if pip(f"torch=={version}+cpu", quiet=True):
        return True
    uv = PYTHON.with_name("uv")
    return pip(UV) and works(
        uv, "pip", "install", "--python", PYTHON, "--torch-backend=cpu", f"torch=={version}"
    )


def install(files: list[Path]) -> None:
    """PyTorch first, then the rest, which finds it there."""
    version = pinned_torch()
    if answer(PYTHON, "-c", ASK_TORCH) != version:
        print("The first start downloads about 0.6 GB and takes some minutes; later ones do not.", flush=True)
        print(f"Installing PyTorch {version} …", flush=True)
        if not install_torch(version):
            raise Refused(
                f"PyTorch {version} could not be installed: check the network, or install it into .venv "
                "as pytorch.org says for this machine, and try again."
            )
    print("Installing the other libraries …", flush=True)
    if not pip(*(part for file in files for part in ("-r", file))):
        raise Refused(
            "Some libraries could not be installed: check the network and the free disk space, and try again."
        )


def install_cpu_fast() -> None:
    """OpenVINO alone: of what it asks for besides, numpy is there and its telemetry is not wanted."""
    if not pip("--no-deps", "-r", ROOT / CPU_FAST, quiet=True):
        print(
            "OpenVINO cannot be had here, so PyTorch alone runs the networks: the same, slower.", flush=True
        )


def fingerprint(files: list[Path]) -> str:
    """Changes when a requirement or the environment's Python does."""
    content = [file.read_bytes() for file in files]
    return hashlib.sha256(b"\0".join([*content, answer(PYTHON, "-c", ASK_VERSION).encode()])).hexdigest()


def bring(names: list[str]) -> None:
    """Install what these files ask for, unless the stamp says that it is there."""
    files = [ROOT / name for name in names]
    make_environment()
    stamp, wanted = VENV / f"{files[-1].stem}.stamp", fingerprint([*files, ROOT / CPU_FAST])
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return
    start = time.monotonic()
    install(files)
    if not has_gpu():
        install_cpu_fast()
    stamp.write_text(wanted, "utf-8")
    print(f"Installed in {time.monotonic() - start:.0f} s.", flush=True)


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - the one place that an older Python reaches
        print(OLD_PYTHON.format(*sys.version_info[:2]), file=sys.stderr)
        return 1
    try:
        asked = next((files for flag, files in ASKED.items() if flag in sys.argv[1:]), [])
        bring(["requirements.txt", *asked])
    except Refused as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the next start goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
