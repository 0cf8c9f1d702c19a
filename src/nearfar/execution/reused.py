"""Which stages of a run are there already, said in a line."""

from nearfar.execution.prepared import Prepared

_NAMED = 6
"""Arms, or stages, that the line names; more are counted."""


def reused_stages(prepared: Prepared) -> str:
    """Return what of a plan is there already, empty where that is nothing or all.

    Arms of which everything is there come first, then stages that other arms go on from.
    """
    plan, missing = prepared.plan, prepared.missing
    if not missing or len(missing) == len(plan.steps):
        return ""
    lacking = {cell.arm for cell in plan.cells if missing.keys() & set(cell.chain)}
    whole = dict.fromkeys(cell.arm for cell in plan.cells if cell.arm not in lacking)
    there = {
        plan.steps[one].name
        for cell in plan.cells
        for one in cell.chain[:-1]
        if cell.arm in lacking and one not in missing
    }
    parts = [f"all of {_listed([*whole])}"] if whole else []
    if there:
        parts.append(f"{_listed(sorted(there))} that other arms go on from")
    some = {cell.arm for cell in plan.cells if cell.chain[-1] not in missing} & lacking
    if some:
        parts.append(f"some seeds of {_listed(sorted(some))}")
    return "; ".join(parts)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
