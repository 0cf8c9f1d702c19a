"""``nearfar init`` of damaged data: for the tests and ``scripts/damage-doors``."""

import random
import traceback
from pathlib import Path

from doors import DAMAGE, DOORS, damage

from nearfar.errors import UserError
from nearfar.starter.write import write_study


def outcome(number: int, folder: Path) -> tuple[str, str]:
    """Damage the data of a door, call init, and say what came of it, and about what.

    ``read`` and ``told`` are right; the others are faults: ``raised`` anything but a ``UserError``,
    ``several lines``, ``no name`` of a file.
    """
    folder.mkdir(parents=True)
    draw = random.Random(number)
    doors, ways = sorted(DOORS), sorted(DAMAGE)
    door, how = doors[number % len(doors)], ways[number // len(doors) % len(ways)]
    made = DOORS[door](folder, draw)
    hurt = damage(made, how, draw)
    about = f"{number}: {door}, {how} {', '.join(path.name for path in hurt)}"
    try:
        write_study(made.path, made.targets, folder / "study.yaml")
    except UserError as error:
        said = str(error)
        names = {made.path.name, *(path.name for path in hurt)}
        if "\n" in said:
            return "several lines", f"{about}: {said}"
        if not any(name in said for name in names):
            return "no name", f"{about}: {said}"
        return "told", f"{about}: {said}"
    except Exception as error:
        where = traceback.format_exc().splitlines()[-6:]
        return "raised", f"{about}: {type(error).__name__}: {error}\n" + "\n".join(where)
    return "read", about
