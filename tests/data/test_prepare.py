"""Columns of any kind become numbers as scikit-learn's own parts make them, from training rows."""

import dataclasses
import json
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from nearfar.data import Columns, Preparation, Vectors
from nearfar.data.inputs.columns import Column, texts
from nearfar.data.prepare.steps import Dates, TargetCodes, Words
from nearfar.errors import UserError

ROWS = 300
TRAIN = np.arange(0, ROWS, 2)
WORDS = tuple("".join(word) for word in np.random.default_rng(1).choice([*"abcdefgh"], (80, 5)))


def mixed(seed: int = 0) -> tuple[Columns, np.ndarray]:
    """A column of every kind, with gaps, and labels that depend on them."""
    rng = np.random.default_rng(seed)
    number = rng.normal(20, 5, ROWS)
    label = number + rng.normal(size=ROWS)
    number[rng.choice(ROWS, 40, replace=False)] = np.nan
    colour = rng.choice(["red", "green", "blue", ""], ROWS)
    colour[:2] = "mauve"
    many = rng.integers(0, 60, ROWS)
    note = [" ".join(rng.choice(WORDS, 3)) for _ in range(ROWS)]
    when = rng.uniform(0, 1.7e9, ROWS).round()
    yes = rng.integers(0, 2, ROWS).astype(float)
    columns = Columns(
        [
            Column("size", "number", number),
            Column("colour", "category", texts(colour.tolist())),
            Column("shop", "category", texts([f"shop {k}" for k in many])),
            Column("note", "text", texts(note)),
            Column("when", "date", when, "iso"),
            Column("open", "boolean", yes),
        ]
    )
    return columns, (label + many)[:, None]


def only(columns: Columns, *names: str) -> Columns:
    return Columns([column for column in columns.columns if column.name in names])


def changed(columns: Columns, name: str, cells: Any) -> Columns:
    return Columns(
        [dataclasses.replace(c, cells=cells) if c.name == name else c for c in columns.columns]
    )


def cells_of(columns: Columns, name: str) -> np.ndarray:
    return next(column.cells for column in columns.columns if column.name == name)


def test_numbers_categories_and_texts_are_what_scikit_learn_makes_of_them() -> None:
    columns, _ = mixed()
    columns = only(columns, "size", "colour", "note")
    found = Preparation.fit(columns, TRAIN).apply(columns).values.numpy()
    table = np.stack([column.cells.astype(object) for column in columns.columns], axis=1)
    table[:, 0] = table[:, 0].astype(float)
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=2,
        max_categories=40,
        sparse_output=False,
    )
    words = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), min_df=2, max_features=3000),
        TruncatedSVD(30, random_state=0),
    )
    theirs = make_pipeline(
        ColumnTransformer(
            [
                ("size", SimpleImputer(strategy="median", add_indicator=True), [0]),
                ("colour", one_hot, [1]),
                ("note", words, 2),
            ]
        ),
        StandardScaler(),
    )
    theirs.fit(table[TRAIN])
    expected = theirs.transform(table)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-3)
    np.testing.assert_allclose(found[:, :7], expected[:, :7], atol=1e-5)


def test_many_categories_become_mean_labels_of_other_rows() -> None:
    columns, labels = mixed()
    shop = only(columns, "shop")
    preparation = Preparation.fit(shop, TRAIN, labels[TRAIN])
    assert preparation.names == ["shop code"]
    cells = cells_of(shop, "shop")[:, None]
    encoder = TargetEncoder(target_type="continuous").fit(cells[TRAIN], labels[TRAIN, 0])
    plain = preparation.apply(shop).values.numpy()[:, 0]
    back = plain * preparation.deviation + preparation.mean
    np.testing.assert_allclose(back, encoder.transform(cells)[:, 0], rtol=1e-5)
    own = preparation.apply_to_own(shop).values.numpy()[:, 0]
    rest = np.setdiff1d(np.arange(ROWS), TRAIN)
    np.testing.assert_array_equal(own[rest], plain[rest])
    assert (own[TRAIN] != plain[TRAIN]).mean() > 0.9


def test_a_rows_own_code_does_not_depend_on_its_label() -> None:
    columns, labels = mixed()
    shop, other = only(columns, "shop"), labels[TRAIN].copy()
    other[7] += 1000.0
    codes = [
        (p.crossed[:, 0], p)
        for p in (Preparation.fit(shop, TRAIN, y) for y in (labels[TRAIN], other))
    ]
    assert codes[0][0][7] == codes[1][0][7]
    assert (codes[0][0] != codes[1][0]).any()


def test_rows_of_a_group_are_left_out_together() -> None:
    columns, labels = mixed()
    shop = only(columns, "shop")
    groups = np.unique(cells_of(shop, "shop")[TRAIN].astype(str), return_inverse=True)[1]
    preparation = Preparation.fit(shop, TRAIN, labels[TRAIN], groups)
    assert len(np.unique(preparation.crossed)) == 5, "no shop is known when it is left out"


def test_labels_that_may_not_be_seen_are_not() -> None:
    columns, _ = mixed()
    shop = only(columns, "shop")
    preparation = Preparation.fit(shop, TRAIN, None)
    assert not any(isinstance(part.step, TargetCodes) for part in preparation.parts)
    assert preparation.names[-1] == "shop other"
    assert len(preparation.names) == 40


def test_labels_with_gaps_are_used_where_they_are() -> None:
    columns, labels = mixed()
    two = np.concatenate([labels, labels * 2], axis=1)[TRAIN]
    two[:100, 1] = np.nan
    preparation = Preparation.fit(only(columns, "shop"), TRAIN, two)
    assert preparation.names == ["shop code 1", "shop code 2"]
    assert np.isfinite(preparation.crossed).all()


def test_dates_become_their_parts() -> None:
    when = np.array(["2024-02-29T13:00:01", "1969-12-31T23:59:59"], "datetime64[s]")
    found = Dates(0.0, flags=False).apply(when.astype(np.int64).astype(float))
    assert found[0].tolist() == [19782 + 46801 / 86400, 2024, 2, 29, 3, 46801]
    assert found[1].tolist() == [-1 / 86400, 1969, 12, 31, 2, 86399]


def test_what_does_not_vary_in_training_rows_is_left_out() -> None:
    columns = Columns(
        [
            Column("a", "number", np.array([1.0, 2.0, 3.0, 4.0])),
            Column("same", "number", np.array([5.0, 5.0, 5.0, 9.0])),
            Column("gone", "number", np.array([np.nan, np.nan, np.nan, 9.0])),
            Column("one", "category", texts(["x", "x", "x", "y"])),
            Column("blank", "text", texts(["", "", "", "words here"])),
        ]
    )
    train = np.arange(3)
    preparation = Preparation.fit(columns, train)
    assert preparation.names == ["a"]
    with pytest.raises(UserError, match="none of the 1 feature columns varies over the 3 training"):
        Preparation.fit(only(columns, "same"), train)


def test_other_rows_teach_nothing() -> None:
    """New categories, huge values and other texts outside the training rows change none of them."""
    columns, labels = mixed()
    rest = np.setdiff1d(np.arange(ROWS), TRAIN)
    cells = {column.name: column.cells.copy() for column in columns.columns}
    cells["size"][rest] = 1e30
    cells["colour"][rest] = "ultraviolet"
    cells["shop"][rest] = "new shop"
    cells["note"][rest] = "zebra xylophone"
    cells["when"][rest] = 9e9
    cells["open"][rest] = np.nan
    other = Columns([dataclasses.replace(c, cells=cells[c.name]) for c in columns.columns])
    worse = labels.copy()
    worse[rest] = 1e9
    one = Preparation.fit(columns, TRAIN, labels[TRAIN])
    two = Preparation.fit(other, TRAIN, worse[TRAIN])
    assert one.key == two.key
    first, second = one.apply_to_own(columns).values, two.apply_to_own(other).values
    assert first[TRAIN].numpy().tobytes() == second[TRAIN].numpy().tobytes()
    assert (first[rest] != second[rest]).any()


def test_training_rows_have_mean_0_and_deviation_1() -> None:
    columns, labels = mixed()
    values = Preparation.fit(columns, TRAIN, labels[TRAIN]).apply_to_own(columns).values[TRAIN]
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(0, correction=0), 1, atol=1e-4)


def test_it_is_made_again_from_plain_values_and_arrays() -> None:
    columns, labels = mixed()
    one = Preparation.fit(columns, TRAIN, labels[TRAIN])
    assert {type(part.step) for part in one.parts} >= {TargetCodes, Words, Dates}
    plain, arrays = one.to_plain()
    two = Preparation.from_plain(json.loads(json.dumps(plain)), arrays)
    assert (two.key, two.names) == (one.key, one.names)
    assert two.apply(columns).values.equal(one.apply(columns).values)


def test_columns_are_found_by_name_and_kind() -> None:
    columns, labels = mixed()
    preparation = Preparation.fit(columns, TRAIN, labels[TRAIN])
    turned = Columns(columns.columns[::-1])
    assert preparation.apply(turned).values.equal(preparation.apply(columns).values)
    with pytest.raises(UserError, match="no column 'shop', which the model was trained on"):
        preparation.apply(only(columns, "size", "colour"))
    wrong = Columns([Column("colour", "number", np.zeros(1))])
    colour = Preparation.fit(only(columns, "colour"), TRAIN)
    with pytest.raises(UserError, match="column 'colour' is of kind number, and the model was"):
        colour.apply(wrong)


def test_prepared_vectors_stay_and_plain_ones_are_prepared() -> None:
    columns, _ = mixed()
    size = only(columns, "size")
    preparation = Preparation.fit(size, TRAIN)
    made = preparation.apply(size)
    assert preparation.apply(made) is made
    plain = Vectors(np.array([[20.0], [30.0]]), ["size"])
    expected = preparation.apply(Columns([Column("size", "number", np.array([20.0, 30.0]))]))
    assert preparation.apply(plain).values.equal(expected.values)


CELLS = {
    "number": st.one_of(st.floats(-1e30, 1e30), st.just(np.nan)),
    "boolean": st.sampled_from([0.0, 1.0, np.nan]),
    "date": st.one_of(st.floats(-6e10, 2e11), st.just(np.nan)),
    "category": st.sampled_from(["", "a", "b", "ß", "long name"]),
    "text": st.text(max_size=20),
}


SURE = {"boolean", "category"}
"""Kinds of which any variation is used."""


def varies(cells: np.ndarray) -> bool:
    return (
        len({str(cell) for cell in cells}) > 1 and Counter(map(str, cells)).most_common(2)[1][1] > 1
    )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_cells_give_finite_numbers_or_one_line(data: st.DataObject) -> None:
    rows = data.draw(st.integers(4, 12))
    kinds = data.draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=3))
    columns = []
    for place, kind in enumerate(kinds):
        cells = data.draw(st.lists(CELLS[kind], min_size=rows, max_size=rows))
        made = texts(cells) if kind in {"category", "text"} else np.array(cells)
        columns.append(Column(str(place), kind, made))  # type: ignore[arg-type]
    inputs, train = Columns(columns), np.arange(rows - 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            preparation = Preparation.fit(inputs, train, np.arange(rows - 2.0)[:, None])
        except UserError:
            assert not any(varies(column.cells[train]) for column in columns if column.kind in SURE)
            return
        values = preparation.apply_to_own(inputs).values
    assert values.shape == (rows, len(preparation.names))
