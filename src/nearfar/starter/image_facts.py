"""What a user should know of images that were read: a line each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nearfar.data.dataset import Dataset
from nearfar.data.inputs.images import Images
from nearfar.data.inputs.joined import without_columns
from nearfar.data.read.columns import number
from nearfar.data.read.images.decode import ON_WHITE, RESIZED
from nearfar.data.read.images.stored import FIRST_PAGE
from nearfar.data.read.images.survey import Survey
from nearfar.data.read.images.trees import strangers_told
from nearfar.starter.counts import class_fact, known_in_training, part_facts

_HINTS = {
    ON_WHITE: " (data: channels: 4 keeps it as a fourth channel)",
    FIRST_PAGE: " (data: pages: channels takes all as channels)",
}


def image_facts(dataset: Dataset, form: Mapping[str, int], seen: Survey) -> list[str]:
    """Return what was found in the images, and what is done to them."""
    facts = [*_class_facts(dataset), *part_facts(dataset), *_form_facts(dataset, form, seen)]
    return [*facts, *_files_left_out(dataset), *_bad_rows(dataset), *_twins(dataset)]


def _form_facts(dataset: Dataset, form: Mapping[str, int], seen: Survey) -> list[str]:
    source = dataset.source
    channels, height, width = source["shape"]
    colour = {1: "grey", 3: "in colour"}.get(channels, f"of {channels} channels")
    facts = [f"images of {width}x{height}, {colour}"]
    done = dict(source.get("images", {}))
    if "size" in form:
        done.pop(RESIZED, None)
        sizes = sorted(seen.sizes, key=lambda size: size[0] * size[1])
        small, large = (f"{width}x{height}" for height, width in (sizes[0], sizes[-1]))
        were = f"{len(sizes)} sizes from {small} to {large}" if len(sizes) > 1 else large
        facts[0] += (
            f", resized from {were} (antialiased, proportions are not kept; data: size: "
            f"{form['size']})"
        )
    facts += [f"{_images(count)}: {what}{_HINTS.get(what, '')}" for what, count in done.items()]
    if "depth" in source and not any("read as" in line for line in source.get("told", [])):
        facts.append(f"more than 8 bits a channel: {source['depth']} (data: range)")
    return facts


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _files_left_out(dataset: Dataset) -> list[str]:
    source = dataset.source
    facts = [*source.get("folders", []), *strangers_told(source)]
    if found := source.get("found_by_name"):
        facts.append(
            f"{_images(found)} found by name, in column '{source['image']}' (--image none takes "
            "the table as it is)"
        )
    return facts


def _bad_rows(dataset: Dataset) -> list[str]:
    source = dataset.source
    if not source["dropped"]:
        return []
    why = ", ".join(f"{count} × {why}" for why, count in source["reasons"].items())
    first = next(iter(source["dropped_rows"].values()))
    return [
        f"bad rows: {source['dropped']} of {source['read']} are left out (on_bad_rows: drop): "
        f"{why}; the first: {first}"
    ]


def _class_facts(dataset: Dataset) -> list[str]:
    facts = class_fact(dataset, "images")
    folders = dataset.source["layout"] == "a folder of class folders"
    if facts and folders and all(number(name) is not None for name in dataset.classes):
        facts.append(
            "the folders are named by number and taken as classes: --task regression predicts the "
            "numbers"
        )
    return facts


def _twins(dataset: Dataset) -> list[str]:
    """Tell of images that are the same in every pixel, which make groups."""
    images = without_columns(dataset.inputs)
    assert isinstance(images, Images)
    keys = [hash(image.numpy().tobytes()) for image in images.pixels]
    _, first, groups = np.unique(keys, return_index=True, return_inverse=True)
    twins = len(dataset) - len(first)
    if not twins:
        return []
    original = dataset.targets[first][groups]
    differ = int((original != dataset.targets).any(axis=1).sum())
    labels = f", {differ} of them with another label" if differ else ""
    facts = [
        f"duplicates: {_images(twins)} {'is a copy' if twins == 1 else 'are copies'} of another, "
        f"pixel by pixel{labels}; copies stay in one part of a split that is drawn"
    ]
    return [*facts, *known_in_training(dataset, groups, "images")]
