"""Searches in a storage: the same choices as in memory, whoever reads them, stopped or not."""

import sys
from pathlib import Path
from typing import Any

import pytest
from small_study import Plain, small, write_small

from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.provenance import provenance
from nearfar.execution.run import carry_out, prepare
from nearfar.execution.search_storage import SearchStorage, without_password
from nearfar.plan.search import Choice, Try

optuna = pytest.importorskip("optuna", reason="the extra optuna is not installed")

LR: Plain = {"role": "choose", "from": 1e-3, "to": 1e-1, "log": True, "trials": 11}
SPACE: Plain = {"lr": LR, "kind": {"role": "choose", "values": {"a": 1, "b": 2}}}


def study(folder: Path, **changes: Any) -> str:
    raw = small()
    fit = {"encoder": {"mlp": {"hidden": 4}}, "optimizer": {"adam": {"lr": "$lr"}}, "epochs": 1}
    raw["arms"] = {"ridge": raw["arms"]["ridge"], "plain": {"fit": fit}}
    axes = {"seed": {"role": "repeat", "values": 1}, "lr": LR}
    folder.mkdir(exist_ok=True)
    given = {"arms": raw["arms"], "axes": axes, "stages": {}}
    return str(write_small(folder, **{**given, **changes}))


def kept(journal: Path) -> list[Any]:
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    storage = optuna.storages.JournalStorage(backend)
    names = optuna.get_all_study_names(storage)
    return [optuna.load_study(study_name=name, storage=storage) for name in names]


def tried(label: str, status: str = "done", value: float = 1.0) -> Try:
    each = () if status == "diverged" else (value, value)
    values = {"mae": value} if status in {"done", "pruned"} else {}
    return Try({"lr": label, "kind": "a"}, status, values, 3, 0.5, each)


def choice(*tries: Try, chosen: dict[str, str] | None = None) -> Choice:
    return Choice("plain", "", (0,), "mae", tries, chosen, space=SPACE)


def test_a_stopped_run_ends_with_the_choices_and_points_of_one_in_memory(tmp_path: Path) -> None:
    path, journal = study(tmp_path), tmp_path / "searches.journal"
    carry_out(prepare(Request(path, out=tmp_path / "whole")), 1, lambda event: None)
    request = Request(path, out=tmp_path / "killed", storage=str(journal))
    stages = tmp_path / "killed" / "stages"

    def stop(event: Any) -> None:
        if len(list(stages.glob("*/done"))) > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(prepare(request), 1, stop)
    again = prepare(request)
    assert again.missing
    carry_out(again, 1, lambda event: None)
    whole, other = (tmp_path / out / "small-full" for out in ("whole", "killed"))
    assert (whole / "results.csv").read_bytes() == (other / "results.csv").read_bytes()
    (search,) = kept(journal)
    (made,) = again.plan.choices
    assert len(search.trials) == len(made.tries)
    assert [trial.values[0] for trial in search.trials] == [t.values["mae"] for t in made.tries]
    assert all(list(trial.intermediate_values) == [0] for trial in search.trials)
    assert search.user_attrs["chosen"] == made.chosen
    assert search.best_trial.params["lr"] == float((made.chosen or {})["lr"])
    carry_out(prepare(request), 1, lambda event: None)
    assert len(kept(journal)[0].trials) == len(made.tries)


def test_points_are_kept_in_order_each_once_with_how_they_ended(tmp_path: Path) -> None:
    storage = SearchStorage(str(tmp_path / "j"))
    storage.open()
    ended = [tried("0.01"), tried("0.02", "diverged"), tried("0.03", "pruned", 2.0)]
    storage.keep("small", [choice(ended[0], tried("0.02", "pending"), ended[2])])
    assert [trial.params["lr"] for trial in kept(tmp_path / "j")[0].trials] == [0.01]
    storage.keep("small", [choice(*ended, chosen={"lr": "0.01", "kind": "a"})])
    storage.keep("small", [choice(*ended)])
    (search,) = kept(tmp_path / "j")
    assert [trial.state.name for trial in search.trials] == ["COMPLETE", "FAIL", "PRUNED"]
    assert search.trials[2].intermediate_values == {0: 2.0, 1: 2.0}
    assert search.trials[0].params == {"lr": 0.01, "kind": "a"}
    storage.keep("small", [choice(*ended)], "other rows")
    assert len(kept(tmp_path / "j")) == 2


def test_a_point_without_a_value_is_kept_as_one_that_came_to_nothing(tmp_path: Path) -> None:
    storage = SearchStorage(str(tmp_path / "j"))
    storage.open()
    lacking = Try({"lr": "0.01", "kind": "a"}, "done", {"rmse": 1.0}, 3, 0.5)
    storage.keep("small", [choice(lacking)])
    assert kept(tmp_path / "j") == []
    storage.keep("small", [choice(lacking, tried("0.02"))])
    (search,) = kept(tmp_path / "j")
    assert [trial.state.name for trial in search.trials] == ["FAIL", "COMPLETE"]
    assert search.trials[0].user_attrs["metrics"] == {"rmse": 1.0}


def test_other_points_under_the_same_name_are_told_not_mixed(tmp_path: Path) -> None:
    storage = SearchStorage(str(tmp_path / "j"))
    storage.open()
    storage.keep("small", [choice(tried("0.01"))])
    with pytest.raises(UserError, match=r"point 1 of .* is another one there.*another storage"):
        storage.keep("small", [choice(tried("0.05"))])


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("mysql://me:secret@host/db", "mysql://me:…@host/db: a file (Optuna's journal), or"),
        ("postgresql+nodriver://me:secret@host/db", "pip install 'nodriver'"),
        ("nowhere/to/be/found", "a file in a folder that is there"),
        ("", "''"),
        (".", "a file in a folder that is there"),
    ],
)
def test_a_place_that_is_none_is_a_line(place: str, words: str) -> None:
    with pytest.raises(UserError) as raised:
        SearchStorage(place)
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_file_that_is_no_journal_is_a_line_and_stays_as_it_is(tmp_path: Path) -> None:
    path = study(tmp_path)
    text = Path(path).read_bytes()
    with pytest.raises(UserError, match="cannot be used as a file, or as a journal"):
        carry_out(prepare(Request(path, out=tmp_path, storage=path)), 1, lambda event: None)
    assert Path(path).read_bytes() == text


def test_nothing_is_made_before_a_run_and_without_a_search_it_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "j"
    prepare(Request(study(tmp_path), out=tmp_path, storage=str(journal)))
    assert not journal.exists()
    grid = {"seed": {"role": "repeat", "values": 1}, "lr": {"role": "choose", "values": [0.1, 1]}}
    other = study(tmp_path / "grid", axes=grid, search={"epochs": 1})
    with pytest.raises(UserError, match="this study has none: give an axis of role 'choose'"):
        prepare(Request(other, out=tmp_path, storage=str(journal)))


def test_passwords_are_not_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgresql://me:se:c@ret@host:5432/db"
    monkeypatch.setattr(sys, "argv", ["nearfar", "run", "esol", "--storage", address])
    assert provenance("cpu")["command"].endswith("--storage postgresql://me:…@host:5432/db")
    assert without_password("postgresql://host/db a@b") == "postgresql://host/db a@b"
    assert without_password("http://host:80/a@b") == "http://host:80/a@b"


def test_a_storage_that_is_lost_on_the_way_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(Request(study(tmp_path), out=tmp_path, storage=str(tmp_path / "j")))

    def lost(*given: Any, **more: Any) -> None:
        raise OSError("the connection was lost")

    def break_it(event: Any) -> None:
        monkeypatch.setattr(optuna, "create_study", lost)

    carry_out(prepared, 1, break_it)
    assert "the connection was lost" in prepared.not_kept
    assert prepared.plan.choices[0].chosen
