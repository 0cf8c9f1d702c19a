"""Where and with what a run was made."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from nearfar.execution.git_state import git_state
from nearfar.execution.search_storage import without_password
from nearfar.version import __version__

PACKAGES = ("torch", "lightning-fabric", "numpy", "scipy", "scikit-learn", "rdkit")


def provenance(device: str) -> dict[str, Any]:
    """Return versions, hardware, the commit of the working folder, command and time."""
    return {
        "nearfar": __version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "device": device,
        "git": git_state(Path.cwd()),
        "command": without_password(" ".join(["nearfar", *sys.argv[1:]])),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def processor() -> str:
    """Return what the processor is called."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
