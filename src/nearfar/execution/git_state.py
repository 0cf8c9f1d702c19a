"""Which commit a folder is at, read from git's files.

The program git is not called: what stands in ``.git/config`` of a folder makes it run commands, and
the folder may be a stranger's. Whether files differ from the commit is therefore not said.
"""

import re
from pathlib import Path

NONE = "not in a git repository"
_MOST = 2**24
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REFERENCE = re.compile(r"refs/[\w./+@#=,-]+")


def git_state(folder: Path) -> str:
    """Return the commit, and the branch if there is one, that a folder's repository is at."""
    try:
        place = _git_folder(folder.resolve())
        return NONE if place is None else _head(place)
    except (OSError, ValueError, RuntimeError):
        return NONE


def _git_folder(folder: Path) -> Path | None:
    """Return the folder with HEAD: ``.git``, or where a file of that name says it is."""
    for above in (folder, *folder.parents):
        git = above / ".git"
        if git.is_dir():
            return git
        if git.is_file():
            said = _text(git)
            if said.startswith("gitdir:"):
                return (above / said.removeprefix("gitdir:").strip()).resolve()
    return None


def _head(place: Path) -> str:
    head = _text(place / "HEAD")
    if _COMMIT.fullmatch(head):
        return head[:12]
    name = head.removeprefix("ref:").strip()
    if not head.startswith("ref:") or not _REFERENCE.fullmatch(name) or ".." in name:
        return NONE
    common = place
    if (place / "commondir").is_file():  # of a worktree
        common = (place / _text(place / "commondir")).resolve()
    branch = name.removeprefix("refs/heads/")
    commit = _commit(place / name) or _commit(common / name) or _packed(common, name)
    if not commit:
        return f"no commit known ({branch})"
    return f"{commit[:12]} ({branch})"


def _commit(path: Path) -> str:
    """Return the commit that a file of a reference holds, empty where there is none."""
    if not path.is_file():
        return ""
    text = _text(path)
    return text if _COMMIT.fullmatch(text) else ""


def _packed(common: Path, name: str) -> str:
    path = common / "packed-refs"
    for line in _text(path).splitlines() if path.is_file() else ():
        commit, _, reference = line.partition(" ")
        if reference.strip() == name and _COMMIT.fullmatch(commit):
            return commit
    return ""


def _text(path: Path) -> str:
    """Return what a plain file holds; a pipe or a device would be waited for.

    Raises:
        OSError: it is none, or is too large.
    """
    if not path.is_file() or path.stat().st_size > _MOST:
        raise OSError(f"{path}: no file of git's")
    return path.read_text(encoding="utf-8", errors="replace").strip()
