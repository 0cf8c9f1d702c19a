"""Files fetched once from their official place, and checked."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

_TIMEOUT = 30.0
_CHUNK = 2**20
_LONGEST = 3600.0


def download(url: str, target: Path, md5: str, megabytes: int) -> Path:
    """Fetch a file, beside its final place until it is whole and its checksum is right.

    Args:
        url: where it is published.
        target: where it shall be; one that is there already is taken as it is.
        md5: the checksum that its authors publish.
        megabytes: its size; one that is a fifth longer is refused.

    Raises:
        OSError: if it cannot be reached within 30 s, breaks off, or is another file.
    """
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    print(f"downloading {url} ({megabytes} MB) into {target.parent}", file=sys.stderr)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    beside = Path(name)
    try:
        digest = hashlib.md5(usedforsecurity=False)
        size, begun = 0, time.monotonic()
        with os.fdopen(handle, "wb") as file, urlopen(url, timeout=_TIMEOUT) as answer:
            while chunk := answer.read(_CHUNK):
                size += len(chunk)
                if size > 1.2 * megabytes * 2**20 or time.monotonic() - begun > _LONGEST:
                    raise OSError("longer, or slower, than it should be")
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != md5:
            raise OSError(f"its MD5 checksum is {digest.hexdigest()}, not {md5}")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target
