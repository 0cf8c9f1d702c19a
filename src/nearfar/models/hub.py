"""Models to and from the Hugging Face hub, by its own client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nearfar.errors import UserError, first_line
from nearfar.models.export import CARD
from nearfar.models.folder import CONFIG, read_config


def pulled(name: Path | str, revision: str | None = None) -> Path:
    """Return the folder of a model, fetched from the hub unless ``name`` is a folder.

    Raises:
        UserError: it cannot be fetched.
    """
    if Path(name).is_dir():
        return Path(name)
    hub = _client(str(name))
    try:
        return Path(hub.snapshot_download(str(name), revision=revision))
    except Exception as error:
        raise UserError(
            f"{name}: is no folder here, and the hub does not give it: {first_line(error)}"
        ) from error


def pushed(folder: Path, name: str, *, private: bool) -> str:
    """Upload a model, its card and nothing else of its folder; return its address.

    Raises:
        UserError: there is no model, or the hub refuses.
    """
    known = [CONFIG, CARD, *read_config(folder)["files"]]
    hub = _client(name)
    try:
        api = hub.HfApi(library_name="nearfar")
        api.create_repo(name, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=name, folder_path=folder, allow_patterns=known))
    except Exception as error:
        raise UserError(f"{name}: the hub refuses it: {first_line(error)}") from error


def _client(name: str) -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise UserError(
            f"{name}: the hub needs the package huggingface_hub, which is not installed: "
            "pip install 'nearfar[hub]'"
        ) from None
    return huggingface_hub
