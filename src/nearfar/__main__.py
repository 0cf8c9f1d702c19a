"""``python -m nearfar``."""

import os
import sys
from contextlib import suppress

if __name__ == "__main__":
    # Python puts the working folder first, where a file called random.py or torch.py may lie.
    with suppress(FileNotFoundError):  # it may be gone
        here, own = map(os.path.realpath, (os.getcwd(), f"{__file__}/../.."))  # noqa: PTH109
        if not sys.flags.safe_path and os.path.realpath(sys.path[0]) == here != own:
            del sys.path[0]

    from nearfar.cli import main

    main()
