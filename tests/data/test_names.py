"""One rule says which column holds parts and which holds paths of images, for readers and init."""

from pathlib import Path

import pytest
from image_examples import load, write_images

from nearfar.data.read.names import PART_COLUMNS, part_called, part_column, part_named, path_column
from nearfar.data.read.tables import Table
from nearfar.starter.detect import detect
from nearfar.starter.detect_images import are_images

NAMES = [f"{name}/{k}.png" for name in ("cat", "dog") for k in range(15)]
PARTS = [("Train ", "dev", "test")[min(k // 5, 2) if k < 15 else 0] for k in range(30)]


def table(**columns: list[str]) -> Table:
    return Table("t.csv", dict(columns), len(next(iter(columns.values()))))


@pytest.mark.parametrize("column", sorted(PART_COLUMNS))
def test_a_column_of_parts_is_found_in_tables_and_beside_images(
    column: str, tmp_path: Path
) -> None:
    write_images(tmp_path, NAMES)
    pictures = [f"{name},{name[:3]},{part}" for name, part in zip(NAMES, PARTS, strict=True)]
    (tmp_path / "pictures.csv").write_text("\n".join([f"file,kind,{column.title()}", *pictures]))
    numbers = [f"{k % 7}.5,{k * k % 11}.25,{part}" for k, part in enumerate(PARTS)]
    (tmp_path / "numbers.csv").write_text("\n".join([f"x,y,{column.title()}", *numbers]))
    for name, target in (("pictures.csv", "kind"), ("numbers.csv", "y")):
        finding = detect(str(tmp_path / name), [target], tmp_path)
        assert finding.data.part == column.title()
        assert finding.split.kind == "predefined"
        assert finding.dataset.parts is not None
        assert sorted(set(finding.dataset.parts)) == ["test", "train", "validation"]


def test_other_columns_are_no_parts() -> None:
    assert part_column(table(fold=["0", "1", "2"]), []) is None
    assert part_column(table(split=["train", "train"]), []) is None
    assert part_column(table(name=["train", "test"]), []) is None
    assert part_column(table(split=["train", "test"]), ["split"]) is None
    assert (part_called(" Val "), part_called("valley")) == ("validation", None)
    assert (part_named("train-00000-of-00001"), part_named("trainer.csv")) == ("train", None)


@pytest.mark.parametrize(("others", "is_path"), [(15, True), (16, False)])
def test_half_of_the_names_make_a_column_of_paths_for_the_reader_and_for_init(
    others: int, is_path: bool, tmp_path: Path
) -> None:
    write_images(tmp_path, NAMES)
    rows = [f" {name},{name[:3]}" for name in NAMES[:15]]
    rows += [f"note {k},{'cat' if k % 2 else 'dog'}" for k in range(others)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["file,kind", *rows]))
    assert are_images(path, None) is is_path
    if is_path:
        dataset = load(path, target="kind", task="classification", on_bad_rows="drop")
        assert len(dataset) == 15
    else:
        with pytest.raises(Exception, match="no column holds paths of images"):
            load(path, target="kind", task="classification", on_bad_rows="drop")


def test_the_first_column_of_paths_is_taken() -> None:
    columns = table(note=["a", "b"], file=["x.PNG", "y.jpeg"], copy=["x.png", "y.png"])
    assert path_column(columns) == "file"
    assert path_column(table(file=["", "NA"])) is None
