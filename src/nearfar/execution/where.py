"""Where a run was asked to be carried out, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from shutil import which

from nearfar.errors import UserError, nearest

LOCAL, RAY, SLURM = "local", "ray", "slurm"
PACKAGES = {RAY: "ray", SLURM: "submitit"}
"""Executor → what has to be installed."""


@dataclass(frozen=True)
class Where:
    """An executor by its name, and the address of the cluster, None for the usual one."""

    executor: str = LOCAL
    address: str | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether others than processes of this command carry out stages."""
        return self.executor != LOCAL

    def check(self) -> None:
        """See that there is such an executor here.

        Raises:
            UserError: it is unknown, its package is not installed, or it has no address.
        """
        names = [LOCAL, *PACKAGES]
        if self.executor not in names:
            raise UserError(
                f"--executor: unknown value {self.executor!r}; {nearest(self.executor, names)}"
            )
        if self.address is not None and self.executor != RAY:
            raise UserError(f"--address {self.address}: goes with --executor ray alone")
        if self.address is not None and not self.address.strip():
            raise UserError("--address: is empty; HOST:PORT of a Ray cluster, or auto, is expected")
        package = PACKAGES.get(self.executor)
        if package is not None and find_spec(package) is None:
            raise UserError(
                f"--executor {self.executor}: needs {package}, which is not installed: "
                f"pip install 'nearfar[{self.executor}]'"
            )
        if self.executor == SLURM and which("sbatch") is None:
            raise UserError(
                "--executor slurm: there is no sbatch here: give the command on a machine of the "
                "SLURM cluster"
            )


HERE = Where()
