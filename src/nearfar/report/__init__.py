"""A finished run as a table in the terminal and as one HTML page that works offline."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearfar.report.page.page import write_report
    from nearfar.report.terminal import print_summary

__all__ = ["print_summary", "write_report"]


def __getattr__(name: str) -> Any:
    """Import what is asked for on first use, so that the package itself costs nothing."""
    if name == "write_report":
        from nearfar.report.page.page import write_report

        return write_report
    if name == "print_summary":
        from nearfar.report.terminal import print_summary

        return print_summary
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
