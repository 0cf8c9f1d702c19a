"""What the commands do, between the command line and the parts that stand below it.

Importing this is cheap, and listing studies and rebuilding a page load no torch.
"""

from nearfar.commands.folders import (
    check_folder,
    clean_stages,
    merge_runs,
    rebuild_report,
    write_document,
    write_splits,
)
from nearfar.commands.listing import list_studies, show_study
from nearfar.commands.running import expected_times, plan_study, run_study

__all__ = [
    "check_folder",
    "clean_stages",
    "expected_times",
    "list_studies",
    "merge_runs",
    "plan_study",
    "rebuild_report",
    "run_study",
    "show_study",
    "write_document",
    "write_splits",
]
