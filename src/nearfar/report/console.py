"""A console and tables that suit any terminal."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from nearfar.report.signs import inert, looking_alike


class InertConsole(Console):
    """A console on which no text from data or names is obeyed: it is written out instead.

    Nor is any read as markup or for emoji: what has a style is a ``Text``.
    """

    def __init__(self, **options: Any) -> None:
        """Take the options of a console."""
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Return the segments of what is printed, their texts without orders to the terminal."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else inert(segment.text)
            yield segment if text == segment.text else Segment(text, segment.style)


def suited(renderable: RenderableType, encoding: str) -> RenderableType:
    """A text in characters that the encoding has; one that has no style is not read as markup."""
    if isinstance(renderable, str):
        return Text(looking_alike(renderable, encoding))
    if not isinstance(renderable, Text):
        return renderable
    shown = looking_alike(renderable.plain, encoding)
    return renderable if shown == renderable.plain else Text(shown, style=renderable.style)


def suit_table(table: Table, encoding: str) -> Table:
    """Write a table's title and cells in characters that the encoding has, before it is laid out.

    Look-alikes may be wider than what they stand for.
    """
    for column in table.columns:
        column.header = suited(column.header, encoding)
        column._cells[:] = [suited(cell, encoding) for cell in column.cells]
    if isinstance(table.title, str | Text):
        table.title = Text(looking_alike(str(table.title), encoding), style=table.title_style or "")
    return table
