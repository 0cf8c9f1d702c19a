"""The command line: ``arguments`` has the commands, ``ending`` how they end."""

from nearfar.cli.arguments import app, init
from nearfar.cli.ending import main

__all__ = ["app", "init", "main"]
