"""No test of data reads or writes the user's own folders."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder and no folder of data."""
    home = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.delenv("NEARFAR_DATA", raising=False)
    return home / "nearfar"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of data."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("NEARFAR_DATA", str(folder))
    return folder
