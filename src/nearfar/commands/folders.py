"""Commands on folders of runs that are there: `nearfar report`, `merge` and `clean`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from nearfar.errors import UserError


def rebuild_report(path: Path) -> None:
    """Rebuild records, summary and page of a run from its stages.

    Of a run with parts of the user's own the page alone is rebuilt, from the records and the
    summary that are there: nothing of theirs is imported.
    """
    from nearfar.execution.results import rebuild_records
    from nearfar.records.run import RunFolder
    from nearfar.report import print_summary, write_report

    folder = RunFolder.open(path)
    if own := folder.read_json("provenance.json").get("modules"):
        print(
            f"{path}: only the page is rebuilt: records and summary need modules of your own"
            f" ({', '.join(own)}), which 'nearfar run' imports"
        )
    else:
        rebuild_records(folder)
    write_report(path)
    print_summary(path, Console())


def merge_runs(out: Path, others: list[Path]) -> int:
    """Take over stages and runs of other folders; return 1 where something did not come."""
    from nearfar.execution.merge import merge
    from nearfar.report import write_report

    merged = merge(out, others)
    for folder in merged.runs:
        write_report(folder.path)
    for line in merged.told:
        print(line)
    runs = ", ".join(folder.path.name for folder in merged.runs) or "none"
    print(
        f"{out}: {merged.stages} stages, {merged.seeds} seeds and the features of"
        f" {merged.features} came; runs written anew: {runs}"
    )
    return int(merged.lacking)


def clean_stages(out: Path) -> None:
    """Remove the stages in OUT that no run's stages.csv names, unless they are at work.

    And all kept features, which are made again when they are wanted.
    """
    from nearfar.records import read_stages
    from nearfar.records.stages import StageStore

    if not out.is_dir():
        raise UserError(f"{out}: no such folder")
    used = {row.hash for table in out.glob("*/stages.csv") for row in read_stages(table)}
    store = StageStore(out / "stages")
    removed, size = store.remove_all_but(used)
    kept, more = store.features.clear()
    print(f"removed {removed} stages and the features of {kept}, {(size + more) / 1e6:.1f} MB")
