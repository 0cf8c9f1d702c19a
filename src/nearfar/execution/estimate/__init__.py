"""What a study takes on this machine: seconds, memory and disk, told before it is run.

Every distinct stage is rehearsed: carried out by the code that will do it, on few of its rows and
for few rounds, in a folder that is thrown away. What follows for all rows and rounds is in
``growth.py``, who does what when in ``schedule.py``.
"""

from nearfar.execution.estimate.estimate import Estimate, estimate, estimate_each
from nearfar.execution.estimate.room import check_room
from nearfar.execution.estimate.words import about, expected, size

__all__ = ["Estimate", "about", "check_room", "estimate", "estimate_each", "expected", "size"]
