"""A study carried out whole, in this process, as ``nearfar run`` does it."""

from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import carry_out, prepare


def run_whole(request: Request, jobs: int = 1) -> Prepared:
    """Carry out all stages; none of them fails."""
    prepared = prepare(request)
    carry_out(prepared, jobs, lambda event: None)
    assert not prepared.failures, prepared.failures
    return prepared
