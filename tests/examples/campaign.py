"""What all campaigns share: tries by number, their counts, the faults told, the exit status.

A campaign is a module with ``make(folder)``, which gives a function from a number to what came of
that try and what it was about; the same number is the same try. ``python -m campaign MODULE``
carries one out, as ``scripts/`` do.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple


class Came(NamedTuple):
    """What came of a try, in a word or two that are counted; what it was about; how often tried."""

    came: str
    about: str
    tries: int = 1


Try = Callable[[int], Came]


def carry_out(tried: Try, right: Iterable[str], count: int, first: int = 0) -> int:
    """Try until there were ``count`` tries; print faults and counts; 1 where there are faults."""
    counts: Counter[str] = Counter()
    done, number = 0, first
    while done < count:
        came, about, tries = tried(number)
        counts[came] += 1
        done += tries
        if came not in right or os.environ.get("SHOW"):
            print(f"{number}: {came}: {about}", flush=True)
        number += 1
    runs = "" if done == number - first else f" in {number - first} runs"
    print(f"{done} tried{runs}: " + ", ".join(f"{n} {came}" for came, n in counts.most_common()))
    return int(not counts.keys() <= set(right))


def main() -> int:
    """Carry out the campaign that is named: ``MODULE [COUNT] [FIRST]``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("count", type=int)
    parser.add_argument("first", type=int, nargs="?", default=0, help="the seed of the first try")
    asked = parser.parse_args()
    return carry_out_named(asked.module, asked.count, asked.first)


def carry_out_named(module: str, count: int, first: int) -> int:
    """Carry out so many tries of a campaign in a folder of their own; 1 where there are faults."""
    campaign = import_module(module)
    with tempfile.TemporaryDirectory(prefix="nearfar-") as folder:
        os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "cache")
        return carry_out(campaign.make(Path(folder)), campaign.RIGHT, count, first)


if __name__ == "__main__":
    sys.exit(main())
