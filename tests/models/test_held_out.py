"""What members said of rows that they were not trained on is read as it was written."""

from pathlib import Path

from nearfar.models.held_out import held_out_rows
from nearfar.records.run import RunFolder
from nearfar.records.stage_files import NUMBERS_HEADER, write_predictions


def test_names_that_a_spreadsheet_would_compute_are_found_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    lines = [("=1+2", "test", "-log k", 1.0, 2.0), ("+b", "train", "-log k", 3.0, 4.0)]
    write_predictions(folder.store.folder("a"), NUMBERS_HEADER, lines)
    found = held_out_rows(folder, ["a"], ["-log k"], "regression")
    assert found is not None
    assert found.ids == ["=1+2"]
    assert found.truth.tolist() == [[1.0]]
    assert found.guess.tolist() == [[[2.0]]]


def test_numbers_far_from_zero_keep_their_errors(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    truth, guess = 1.6e12 + 0.25, 1.6e12 + 0.125
    write_predictions(folder.store.folder("a"), NUMBERS_HEADER, [("1", "test", "t", truth, guess)])
    found = held_out_rows(folder, ["a"], ["t"], "regression")
    assert found is not None
    assert (found.truth - found.guess[0]).tolist() == [[0.125]]
