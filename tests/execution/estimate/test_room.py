"""A run that cannot fit is refused before it begins, with the option that helps."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from small_study import write_small

from nearfar.errors import UserError
from nearfar.execution.estimate.room import Room, check_room, needs_of
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import prepare

ENDLESS = Room(math.inf, math.inf, math.inf)


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    write_small(tmp_path)
    return prepare(Request(str(tmp_path / "small.yaml"), out=tmp_path / "runs"))


def test_where_there_is_room_nothing_is_said(prepared: Prepared) -> None:
    assert check_room(prepared, 2, ENDLESS) == ""
    assert check_room(prepared, 2, Room(1e12, 1e12, 1e12)) == ""


def test_a_full_disk_is_told_with_the_option_that_names_another(prepared: Prepared) -> None:
    with pytest.raises(UserError, match=r"5 kB are free on the disk of .*--out"):
        check_room(prepared, 2, replace(ENDLESS, disk=5e3))


def test_too_little_memory_for_many_processes_is_told_with_jobs(prepared: Prepared) -> None:
    needs = needs_of(prepared, 8)
    assert needs.memory > needs.alone
    with pytest.raises(UserError, match=r"in 8 processes .*--jobs 1 needs"):
        check_room(prepared, 8, replace(ENDLESS, memory=needs.alone * 1.01))
    with pytest.raises(UserError, match="smaller batches"):
        check_room(prepared, 1, replace(ENDLESS, memory=needs.alone / 2))


def test_a_tight_fit_is_a_warning(prepared: Prepared) -> None:
    needs = needs_of(prepared, 1)
    assert "memory is tight" in check_room(prepared, 1, replace(ENDLESS, free=needs.memory))
    assert "nearly full" in check_room(prepared, 1, replace(ENDLESS, disk=needs.disk * 1.05))


def test_larger_batches_and_models_need_more(prepared: Prepared, tmp_path: Path) -> None:
    request = Request(str(tmp_path / "small.yaml"), out=tmp_path / "runs")
    wide = ("arms.plain.fit.encoder.mlp.hidden=2048",)
    large = prepare(replace(request, settings=wide))
    assert needs_of(large, 1).alone > needs_of(prepared, 1).alone + 3 * 4 * 2048**2
    assert needs_of(large, 1).disk > needs_of(prepared, 1).disk + 4 * 2048**2


def test_this_machine_has_some_room(tmp_path: Path) -> None:
    room = Room.at(tmp_path / "not" / "there")
    assert room.disk > 0
    assert room.memory >= room.free > 0
