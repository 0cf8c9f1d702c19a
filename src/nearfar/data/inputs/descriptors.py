"""RDKit's descriptors of many molecules, computed by several processes where these are many.

This module loads no torch, so that such a process begins in a fraction of a second:
``python -m nearfar.data.inputs.descriptors`` takes SMILES as JSON and gives an ``.npy`` file.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from nearfar.data.inputs.smiles import read_smiles
from nearfar.errors import UserError

Rows = npt.NDArray[np.float64]

FEWEST = 100
"""Molecules that are worth a process of their own: one begins in the time of some fifty."""
MOST = 16
_SHARED = frozenset({"MaxAbsEStateIndex", "MinAbsEStateIndex", "MaxEStateIndex", "MinEStateIndex"})
"""Descriptors of what RDKit otherwise computes for each anew: with ``force=0`` it is kept."""


def descriptors(smiles: Sequence[str], processes: int = 1) -> Rows:
    """Return RDKit's descriptors of molecules, float64 (n, d); what it cannot compute is 0.

    Args:
        smiles: as ``read_smiles`` takes them.
        processes: at most so many are used; fewer for few molecules.

    Raises:
        UserError: RDKit cannot read a SMILES, or the molecule is too large; says which.
    """
    count = min(processes, len(smiles) // FEWEST, MOST)
    if count > 1:
        # Whatever became of a process, this one says what is wrong with which molecule.
        with suppress(OSError, ValueError, EOFError):
            return _by_processes(smiles, count)
    return _described(smiles)


def _described(smiles: Sequence[str]) -> Rows:
    from rdkit import rdBase
    from rdkit.Chem.Descriptors import descList

    rows = np.zeros((len(smiles), len(descList)))
    # Of large molecules RDKit's sums overflow, which numpy and RDKit's log would tell the terminal.
    with np.errstate(all="ignore"), rdBase.BlockLogs():
        for row, text in enumerate(smiles):
            try:
                molecule = read_smiles(text)
            except ValueError as error:
                raise UserError(f"molecule {row + 1}: {error}") from error
            for column, (name, compute) in enumerate(descList):
                options = {"force": 0} if name in _SHARED else {}
                with suppress(Exception):
                    rows[row, column] = compute(molecule, **options)
    return rows


def _by_processes(smiles: Sequence[str], count: int) -> Rows:
    """Deal the molecules out in turn, since large ones often stand together.

    Raises:
        OSError: a process could not be started.
        ValueError, EOFError: one ended without a result.
    """
    # -P: nothing is imported from the working folder.
    command = [sys.executable, "-P", "-m", __name__]
    pipe, started = subprocess.PIPE, list[subprocess.Popen[bytes]]()
    with ThreadPoolExecutor(count) as threads:
        try:
            for _ in range(count):
                started.append(
                    subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
                )
            parts = [json.dumps([*smiles[number::count]]).encode() for number in range(count)]
            found = list(threads.map(lambda one, part: one.communicate(part)[0], started, parts))
        finally:
            for process in started:
                process.kill()
    first, *others = [np.load(io.BytesIO(answer), allow_pickle=False) for answer in found]
    rows = np.empty((len(smiles), first.shape[1]))
    for number, part in enumerate([first, *others]):
        rows[number::count] = part
    return rows


def main() -> None:
    """Compute what is asked on standard input."""
    rows = _described(json.load(sys.stdin.buffer))
    answer = io.BytesIO()
    np.save(answer, rows, allow_pickle=False)
    sys.stdout.buffer.write(answer.getvalue())


if __name__ == "__main__":
    main()
