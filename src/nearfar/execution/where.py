"""Where a run was asked to be carried out, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from shutil import which

from nearfar.errors import UserError, nearest
from nearfar.execution.processes import cores

LOCAL, RAY, SLURM = "local", "ray", "slurm"
PACKAGES = {RAY: "ray", SLURM: "submitit"}
"""Executor → what has to be installed."""


@dataclass(frozen=True)
class Where:
    """An executor by its name, and the address of the cluster, None for the usual one."""

    executor: str = LOCAL
    address: str | None = None
    devices: int = 1
    """How many devices of a machine train one model together."""
    nodes: int = 1
    """How many machines do, each with so many devices."""
    node: int = 0
    """Which of them this one is; the first, 0, gives the others their work."""

    @property
    def ranks(self) -> int:
        """How many processes train one model, on all machines."""
        return self.devices * self.nodes

    @property
    def elsewhere(self) -> bool:
        """Whether others than processes of this command carry out stages."""
        return self.executor != LOCAL

    def check_devices(self, device: str, jobs: int | None) -> None:
        """See that one training can have so many devices, cpu (its cores) or cuda.

        Raises:
            UserError: there are fewer, or stages are asked to be carried out elsewhere or at once.
        """
        given = f"--devices {self.devices}"
        if self.devices < 1:
            raise UserError(f"{given}: at least 1 is expected")
        if self.nodes > 1:
            given += f" --nodes {self.nodes}"
        if self.ranks == 1:
            return
        if self.elsewhere:
            raise UserError(
                f"{given}: goes with --executor local alone, not {self.executor}: there, every "
                "stage has one device"
            )
        if jobs is not None and jobs > 1:
            raise UserError(
                f"{given}: one training at a time has all of them: leave out --jobs {jobs}"
            )
        there = device_count(device)
        if self.devices > there:
            kind = "GPU" if device == "cuda" else "core"
            raise UserError(
                f"{given}: this machine has {there} {kind}{'' if there == 1 else 's'}; "
                f"allowed: 1 to {there}"
            )

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
        self._check_address()
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

    def _check_address(self) -> None:
        given = self.address
        if self.nodes < 1 or not 0 <= self.node < max(self.nodes, 1):
            raise UserError(
                f"--nodes {self.nodes} --node {self.node}: machines are counted from 0, the first, "
                "to --nodes less one"
            )
        if self.nodes > 1:
            host, _, port = (given or "").rpartition(":")
            instead = "" if given is None else f", not {given!r}"
            if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
                raise UserError(
                    f"--nodes {self.nodes}: needs --address HOST:PORT, the first machine as all "
                    f"reach it and a port that is free there{instead}"
                )
            return
        if given is not None and self.executor != RAY:
            raise UserError(f"--address {given}: goes with --executor ray, or with --nodes")
        if given is not None and not given.strip():
            raise UserError("--address: is empty; HOST:PORT of a Ray cluster, or auto, is expected")


def device_count(device: str) -> int:
    """Return how many devices this machine has: GPUs, or cores."""
    if device != "cuda":
        return cores()
    import torch

    return torch.cuda.device_count()


HERE = Where()
