"""Commands on folders of runs that are there: `nearfar report`, `merge` and `clean`."""

from __future__ import annotations

from pathlib import Path

from nearfar.errors import UserError
from nearfar.numbers import counted
from nearfar.report.console import InertConsole as Console


def rebuild_report(path: Path) -> int:
    """Rebuild records, summary and page of a run from its stages; return 1 where one is damaged.

    Of a run with parts of the user's own the page alone is rebuilt, from the records and the
    summary that are there: nothing of theirs is imported.
    """
    from nearfar.execution.results import rebuild_records
    from nearfar.records.places import expanded, folder_to_write
    from nearfar.records.run import MADE_BY_REPORT, RunFolder
    from nearfar.report import print_summary, write_report

    folder = RunFolder.open(expanded(path))
    path = folder_to_write(folder.path, "run")
    own = folder.read_json("provenance.json").get("modules")
    with folder.store.referring():
        damaged = folder.store.discard_damaged(sorted(folder.hashes()))
        folder.mend(frozenset({"report.html", "embeddings.npz"}) if own else MADE_BY_REPORT)
        with folder.writing():
            if own:
                print(
                    f"{path}: only the page is rebuilt: records and summary need modules of your"
                    f" own ({', '.join(own)}), which 'nearfar run' imports"
                )
            else:
                rebuild_records(folder)
            write_report(path)
    print_summary(path, Console())
    return int(bool(damaged))


def check_folder(path: Path) -> int:
    """Compare every file of a run, or of a folder of runs, with its digest.

    Return 1 if one differs; nothing is changed.
    """
    from nearfar.execution.check import check
    from nearfar.records.places import expanded

    found = check(expanded(path))
    for line in found.damaged:
        print(line)
    print(found.sentence)
    return int(bool(found.damaged))


def write_document(path: Path, to: str, output: Path, *, force: bool) -> None:
    """Write a run's table in Markdown or LaTeX to a file, or print it."""
    from nearfar.errors import nearest
    from nearfar.execution.kept_files import kept_files
    from nearfar.records.files import write_atomically
    from nearfar.records.outputs import STANDARD, check_place
    from nearfar.report.documents import FORMATS

    if to not in FORMATS:
        raise UserError(f"--to: unknown value {to!r}; {nearest(to, FORMATS)}")
    if output == STANDARD:
        print(FORMATS[to](path), end="")
        return
    write_atomically(check_place(output, kept_files(path), force=force), FORMATS[to](path))


def write_splits(path: Path, output: Path, *, force: bool) -> str:
    """Write which rows each training learnt from and tested; return what was done."""
    from nearfar.execution.kept_files import kept_files
    from nearfar.records.outputs import STANDARD, check_output, write_columns
    from nearfar.records.splits import read_splits

    output = check_output(output, kept_files(path), force=force)
    place = "standard output" if output == STANDARD else output
    columns = read_splits(path)
    write_columns(output, columns)
    trainings = len(set(columns["seed"]))
    rows = counted(len(columns["id"]), "row")
    return f"wrote {rows}, {counted(trainings, 'training')}, to {place}"


def merge_runs(out: Path, others: list[Path]) -> int:
    """Take over stages and runs of other folders; return 1 where something did not come."""
    from nearfar.execution.merge import merge
    from nearfar.records.places import expanded
    from nearfar.report import write_report

    out = expanded(out)
    merged = merge(out, others)
    for folder in merged.runs:
        with folder.writing():
            write_report(folder.path)
    for line in merged.told:
        print(line)
    runs = ", ".join(folder.path.name for folder in merged.runs) or "none"
    came = f"{counted(merged.stages, 'stage')}, {counted(merged.seeds, 'seed')}"
    print(f"{out}: {came} and the features of {merged.features} came; runs written anew: {runs}")
    return int(merged.lacking)


def clean_stages(out: Path) -> None:
    """Remove the stages in OUT that no run refers to, unless they are at work.

    And all kept features, which are made again when they are wanted, and what killed processes
    were writing.

    Raises:
        UserError: there is no such folder of runs, or a run does not say what it refers to.
    """
    from nearfar.records.files import remove_left
    from nearfar.records.places import expanded
    from nearfar.records.run import RunFolder, check_holds_runs, folder_for_runs
    from nearfar.records.stages import StageStore

    out = expanded(out)
    if not out.is_dir():
        raise UserError(f"{out}: no such folder")
    folder_for_runs(out, "OUT")
    check_holds_runs(out)
    store = StageStore(out / "stages")
    with store.referring(alone=True):
        runs = {
            path.parent for name in ("stages.csv", "plan.json") for path in out.glob(f"*/{name}")
        }
        used = {stage_hash for run in sorted(runs) for stage_hash in RunFolder(run).hashes()}
        removed, size = store.remove_all_but(used)
        kept, more = store.features.clear()
        for folder in (out, *runs):
            remove_left(folder)
    stages = counted(removed, "stage")
    print(f"removed {stages} and the features of {kept}, {(size + more) / 1e6:.1f} MB")
