"""What a study file may say under ``data`` and ``split``."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nearfar.data.catalogue import SOURCES
from nearfar.data.table_form import TableForm
from nearfar.data.targets import ALL_TARGETS, Name, Names, Unit
from nearfar.errors import nearest

Parts = tuple[float, float, float]
Task = Literal["classification", "regression", "multilabel", "reconstruction"]
Amount = Annotated[int, Field(ge=2)] | Annotated[float, Field(gt=0, lt=1)]

StandardStep = Literal["normalise", "largest_fragment", "neutral"]

STANDARD_STEPS: tuple[StandardStep, ...] = ("normalise", "largest_fragment", "neutral")
"""What ``standardise: true`` does: together RDKit's charge parent."""

FOLDS = 10
"""Folds of a cross-validation that does not say how many."""


class Limit(BaseModel):
    """How many rows are used: of each predefined part, or of all rows where there are no parts.

    A number of rows, or a fraction. Rows are drawn with a fixed seed; of classes, in proportion,
    and at least one of each where possible.
    """

    model_config = ConfigDict(extra="forbid")

    train: Amount | None = None
    validation: Amount | None = None
    test: Amount | None = None
    rows: Amount | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        given = {key for key in type(self).model_fields if getattr(self, key) is not None}
        if not given:
            raise ValueError("limit needs 'train', 'validation', 'test' or 'rows'")
        if "rows" in given and len(given) > 1:
            raise ValueError("limit takes either 'rows' or numbers for the parts")
        return self


class DataOptions(BaseModel):
    """Where the rows come from and which columns mean what.

    An option that means nothing to the chosen source is refused, and so left ``None``.
    Defaults that do apply are filled in, so a dump of this model spells them out.
    """

    model_config = ConfigDict(extra="forbid")

    source: str = Field(description="name of a registered source: molecules, table, images")
    path: str | None = Field(
        default=None,
        min_length=1,
        description="file or folder; relative to the study file, $NEARFAR_DATA, or the shipped "
        "samples",
    )
    hub: str | None = Field(
        default=None,
        min_length=1,
        description="name of a data set on the Hugging Face hub, owner/name",
    )
    subset: str | None = Field(
        default=None,
        min_length=1,
        description="which of several: configuration of a hub data set, set of IDX files",
    )
    separator: str | None = Field(
        default=None, min_length=1, max_length=1, description="between the fields of a CSV file (,)"
    )
    decimal: Literal[".", ","] | None = Field(
        default=None,
        description="decimal sign of numbers; the other one, a space or ' may separate thousands",
    )
    encoding: str | None = Field(
        default=None, min_length=1, description="of a text file that is not UTF-8: cp1252, latin-1"
    )
    sheet: str | None = Field(
        default=None, min_length=1, description="of a workbook (.xlsx); by default the first"
    )
    missing: list[str | float] | None = Field(
        default=None,
        description="texts, as they are written, and numbers that stand for a missing value",
    )
    smiles: Name | None = Field(default=None, description="column of SMILES strings (smiles)")
    standardise: bool | list[StandardStep] | None = Field(
        default=None,
        description="molecules are brought to one form by RDKit's MolStandardize: steps of it, in "
        "this order, or true for all (normalise, largest_fragment, neutral)",
    )
    features: list[Name] | None = Field(
        default=None,
        min_length=1,
        description="feature columns of any kind: of a table all others that do not name rows, "
        "unless given; beside molecules or images those named, joined to what an encoder makes",
    )
    image: Name | None = Field(default=None, description="column of images or of their paths")
    size: int | None = Field(
        default=None, ge=1, le=4096, description="images are resized to size x size"
    )
    channels: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="images are converted to grey (1) or colour (3), with transparency (2, 4), or "
        "have so many channels",
    )
    channel_axis: Literal["first", "last"] | None = Field(
        default=None, description="where arrays of single images have their channels"
    )
    pages: Literal["first", "channels"] | None = Field(
        default=None,
        description="of images of several pages: the first (unless given), or all as channels",
    )
    range: tuple[float, float] | None = Field(
        default=None,
        description="of images of more than 8 bits: the values that become 0 and 255; by default "
        "found for all of them together",
    )
    root: str | None = Field(
        default=None, min_length=1, description="folder that paths in a table of images begin at"
    )
    pictures: bool | None = Field(
        default=None, description="whether pages and run folders show images (true)"
    )
    transposed: bool | None = Field(
        default=None, description="IDX files hold each image with its axes swapped, as EMNIST does"
    )
    mapping: str | None = Field(
        default=None, min_length=1, description="file with the name of every class number"
    )
    target: Names | None = Field(default=None, description="column or columns to predict")
    positive: Name | None = Field(
        default=None,
        min_length=1,
        description="of two classes the one that average precision and F1 are of (the second)",
    )
    label_separator: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="between the labels in a cell of the target, for `task: multilabel`",
    )
    name: Name | None = Field(default=None, description="column of display names")
    id: Name | None = Field(default=None, description="column of ids, as files of embeddings have")
    group: Name | None = Field(default=None, description="column: equal values stay in one part")
    part: Name | None = Field(
        default=None,
        description="column of train, validation and test, or of times, for `split: predefined`",
    )
    task: Task | None = Field(
        default=None,
        description="what is predicted: a class, a number (regression), several labels a row "
        "(multilabel), or the image itself (reconstruction; its classes are read all the same, for "
        "objectives that want them)",
    )
    limit: Limit | None = Field(default=None, description="how many rows are used")
    half: Literal["first", "second"] | None = Field(
        default=None,
        description="half of the rows, with whole groups and scaffolds: unlike the other half, for "
        "studies of transfer",
    )
    unit: Unit | None = Field(default=None, description="unit of the target, for tables and axes")
    on_bad_rows: Literal["error", "drop"] | None = Field(
        default=None,
        description="what a row that cannot be used does: stop (error), or be left out",
    )

    @model_validator(mode="after")
    def _fits_source(self) -> Self:
        if self.source not in SOURCES:
            raise ValueError(
                f"unknown data source '{self.source}'; {nearest(self.source, SOURCES.names())}"
            )
        source = SOURCES[self.source]
        given = {key for key in type(self).model_fields if getattr(self, key) is not None} - {
            "source"
        }
        if stray := sorted(given - source.takes):
            raise ValueError(
                f"data source '{self.source}' has no option '{stray[0]}'; "
                f"{nearest(stray[0], source.takes)}"
            )
        if source.reads_files and (self.path is None) == (self.hub is None):
            raise ValueError(f"data source '{self.source}' needs either 'path' or 'hub'")
        if self.subset is not None and self.hub is None and source.kind != "image":
            raise ValueError("data option 'subset' goes with 'hub'")
        if source.needs_target and self.target is None:
            raise ValueError(f"data source '{self.source}' needs 'target', the column to predict")
        self._settle_task(source.tasks)
        if "smiles" in source.takes and self.smiles is None:
            self.smiles = "smiles"
        if self.range is not None and not self.range[0] < self.range[1]:
            ends = " and ".join(f"{value:g}" for value in self.range)
            raise ValueError(f"data option 'range' needs a lower and a higher number, not {ends}")
        if "on_bad_rows" in source.takes and self.on_bad_rows is None:
            self.on_bad_rows = "error"
        self.standardise = self.standard_steps or None
        self._check_columns()
        return self

    def _settle_task(self, tasks: tuple[str, ...]) -> None:
        if self.task is None:
            self.task = "classification" if tasks[0] == "classification" else "regression"
        if self.task not in tasks:
            raise ValueError(f"data source '{self.source}' is for {tasks[0]}, not {self.task}")
        if self.label_task == "classification" and len(self.target_columns) > 1:
            raise ValueError(
                "a classification has one 'target', the column of the classes; several columns of "
                "0 and 1 are labels: task: multilabel"
            )
        if ALL_TARGETS in self.target_columns:
            raise ValueError(f"target '{ALL_TARGETS}' is what a mean over several is called")
        if self.features and self.task == "reconstruction":
            raise ValueError("data option 'features' goes with a prediction: set another task")
        if self.label_task != "regression" and self.unit is not None:
            raise ValueError("data option 'unit' goes with regression: classes have none")
        if self.positive is not None and self.label_task != "classification":
            raise ValueError("data option 'positive' goes with classification into two classes")
        if self.label_separator is not None and self.task != "multilabel":
            raise ValueError("data option 'label_separator' goes with task: multilabel")
        if self.label_separator is not None and len(self.target_columns) > 1:
            raise ValueError("data option 'label_separator' is for labels in one 'target' column")

    def _check_columns(self) -> None:
        """Refuse a column that is named for two purposes.

        A target among the features would give the answer away.
        """
        named = [
            ("smiles", self.smiles),
            ("image", self.image),
            *(("target", column) for column in self.target_columns),
            *(("features", column) for column in self.features or [] if column != self.part),
            ("group", self.group),
            ("part", self.part),
        ]
        uses: dict[str, str] = {}
        for use, column in named:
            if column is None:
                continue
            if column in uses:
                both = " and ".join(sorted({f"'{uses[column]}'", f"'{use}'"}))
                raise ValueError(f"column '{column}' is named twice in data: under {both}")
            uses[column] = use
        if self.target is not None and not self.target_columns:
            raise ValueError("data option 'target' names no column")

    @property
    def label_task(self) -> str:
        """What the labels mean: ``classification``, ``regression`` or ``multilabel``."""
        task = str(self.task)
        return task if task in {"regression", "multilabel"} else "classification"

    @property
    def standard_steps(self) -> list[StandardStep]:
        """Steps of ``standardise``; none unless they are asked for."""
        if self.standardise is True:
            return [*STANDARD_STEPS]
        return [*self.standardise] if self.standardise else []

    @property
    def target_columns(self) -> list[str]:
        """The target columns as a list."""
        if self.target is None:
            return []
        return [self.target] if isinstance(self.target, str) else list(self.target)

    @property
    def form(self) -> TableForm:
        """How a table is to be read."""
        missing = None if self.missing is None else tuple(self.missing)
        return TableForm(self.separator, self.decimal, self.encoding, self.sheet, missing)

    @property
    def kind(self) -> str:
        """Kind of input that the source gives: ``molecule``, ``vector`` or ``image``."""
        return SOURCES[self.source].kind


class SplitOptions(BaseModel):
    """How rows are divided into training, validation and test part.

    ``parts`` are fractions of all rows. ``resplit`` draws a new split for every seed; without it
    one split, drawn from ``split_seed``, serves all seeds. ``predefined`` takes the parts from the
    data; where these lack a validation part, the fraction ``validation`` of the training rows
    becomes it, the same for all seeds.

    A fixed ``scaffold`` split fills the parts from the largest scaffold to the smallest, equal ones
    as they come in the data, each into the first part with room. That is not DeepChem's split,
    whose parts ``order: deepchem`` gives.

    ``folds`` is cross-validation: every row is tested once in ``folds`` trainings, and the fraction
    ``validation`` of the other rows becomes the validation part. What stays together is said by
    ``by``: groups alone (``rows``), those of a named column (``group``), or scaffolds too. A study
    may say with ``repeats`` how often all of it is done; this becomes the number of its seeds, so
    that a resolved study has none.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["random", "scaffold", "predefined", "group", "folds"] = "random"
    parts: Parts | None = None
    resplit: bool | None = None
    split_seed: int | None = Field(default=None, ge=0)
    validation: float | None = Field(default=None, gt=0, lt=1)
    folds: int | None = Field(default=None, ge=2, strict=True)
    repeats: int | None = Field(default=None, ge=1, strict=True)
    by: Literal["rows", "group", "scaffold"] | None = None
    order: Literal["deepchem"] | None = None

    @property
    def varies(self) -> bool:
        """Whether the split differs from training to training."""
        return self.kind == "folds" or bool(self.resplit)

    @model_validator(mode="after")
    def _fits_kind(self) -> Self:
        if self.order is not None:
            self._settle_order()
        if self.kind == "folds":
            self._settle_folds()
            return self
        for key in ("folds", "repeats", "by"):
            if getattr(self, key) is not None:
                raise ValueError(
                    f"split option '{key}' goes with kind 'folds', not '{self.kind}': leave it out"
                )
        if self.kind == "predefined":
            self._settle_predefined()
        else:
            self._settle_drawn()
        return self

    def _settle_order(self) -> None:
        if self.kind != "scaffold":
            raise ValueError(
                f"split option 'order' goes with kind 'scaffold', not '{self.kind}': leave it out"
            )
        if self.resplit:
            raise ValueError(
                f"split order '{self.order}' is the same for every seed: leave out 'resplit'"
            )
        self.resplit = False

    def _settle_folds(self) -> None:
        if self.parts is not None:
            raise ValueError(
                "split 'folds' has parts as large as its folds: leave out 'parts', and say 'folds' "
                "and 'validation'"
            )
        if self.resplit is not None:
            raise ValueError("split 'folds' is another for every seed: leave out 'resplit'")
        if self.split_seed is not None:
            raise ValueError(
                "split option 'split_seed' is not used: folds are drawn anew for every repeat; "
                "other seeds of the axis 'seed' give other folds"
            )
        self.folds = FOLDS if self.folds is None else self.folds
        self.by = self.by or "rows"
        self.validation = 0.1 if self.validation is None else self.validation

    def _settle_predefined(self) -> None:
        if self.parts is not None:
            raise ValueError("split 'predefined' takes its parts from the data: leave out 'parts'")
        if self.resplit:
            raise ValueError("split 'predefined' is the same for every seed: leave out 'resplit'")
        self.resplit = False
        self.validation = 0.1 if self.validation is None else self.validation
        self.split_seed = self.split_seed or 0

    def _settle_drawn(self) -> None:
        if self.validation is not None:
            raise ValueError(
                f"split option 'validation' goes with 'predefined' or 'folds', not '{self.kind}': "
                "use 'parts'"
            )
        self.parts = (0.8, 0.1, 0.1) if self.parts is None else self.parts
        if not all(part > 0 for part in self.parts):
            raise ValueError(f"split parts must all be above 0, given {list(self.parts)}")
        if abs(sum(self.parts) - 1) > 1e-6:
            raise ValueError(
                f"split parts must add up to 1, given {list(self.parts)} = {sum(self.parts):g}"
            )
        self.resplit = True if self.resplit is None else self.resplit
        if self.split_seed is not None and (self.resplit or self.kind == "scaffold"):
            why = (
                "resplit draws from each seed" if self.resplit else "a fixed scaffold split has no"
            )
            raise ValueError(f"split option 'split_seed' is not used: {why} seed of its own")
        if not self.resplit and self.kind != "scaffold":
            self.split_seed = self.split_seed or 0
