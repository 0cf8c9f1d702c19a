"""A command that is strict about its options."""

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand


class Command(TyperCommand):
    """Takes an option once, unless it is one for several values, and tells what was given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments of a call; what is not allowed raises click's own errors."""
        given, _, order = self.make_parser(ctx).parse_args(args=list(args))
        if not ctx.resilient_parsing:
            _check_once(ctx, order)
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            value = given.get(error.param.name or "") if error.param is not None else None
            if value is not None:
                values = value if isinstance(value, list) else [value]
                error.message += f" (given: {', '.join(map(repr, values))})"
            raise


def _check_once(ctx: Any, order: list[Any]) -> None:
    """Refuse an option that stands twice, where its last value alone would count."""
    for parameter, times in Counter(order).items():
        same = getattr(parameter, "is_flag", False) and not parameter.secondary_opts
        if times > 1 and not same and not getattr(parameter, "multiple", False):
            names = " and ".join([*parameter.opts[:1], *parameter.secondary_opts])
            ctx.fail(f"{names}: given {times} times, and takes one value: give it once")
