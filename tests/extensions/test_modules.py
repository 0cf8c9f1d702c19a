"""Modules that a study names: files beside it, loaded by their path, in workers too."""

import shutil
import sys
from pathlib import Path

import pytest
from own_parts import DICTIONARIES, PARTS, study, with_module, write_study
from small_study import DIGEST, HERE, resolved, small, write_small

from nearfar.commands import clean_stages, rebuild_report
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import carry_out, prepare
from nearfar.extensions import use_modules
from nearfar.plain_yaml import from_yaml, to_yaml
from nearfar.plan.plan import Plan, make_plan
from nearfar.plan.specs import spec_of
from nearfar.records import read_stages
from nearfar.records.run import RunFolder
from nearfar.records.seals import seal
from nearfar.study.load import load_study


@pytest.fixture(autouse=True)
def _no_modules() -> None:
    use_modules([], Path())


def run(path: Path, out: Path, jobs: int) -> Prepared:
    prepared = prepare(Request(str(path), out=out))
    carry_out(prepared, jobs, lambda event: None)
    assert not prepared.failures, prepared.failures
    return prepared


def plan_of(path: Path) -> Plan:
    return make_plan(load_study(str(path)), DIGEST, HERE)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the study, carried out by this process."""
    folder = tmp_path_factory.mktemp("own")
    path = with_module(folder)
    return run(path, folder / "runs", 1).folder.path


def test_workers_find_the_parts_and_give_the_same_numbers(done: Path) -> None:
    two = run(done.parents[1] / "own.yaml", done.parents[1] / "two", 2).folder.path
    results = (done / "results.csv").read_text()
    assert (two / "results.csv").read_text() == results
    assert ",worst," in results
    for arm in ("mean", "median", "own"):
        assert f"{arm},0,,test,y,worst," in results


def test_the_run_folder_says_what_it_was_made_with(done: Path) -> None:
    text = from_yaml((done / "study.yaml").read_text())
    assert text["modules"] == ["../../mine.py"]
    folder = RunFolder.open(done)
    specs = [spec_of(row.hash, folder.store) for row in read_stages(done / "stages.csv")]
    versions = [dict(spec.modules) for spec in specs]
    assert all(set(names) == {"mine"} for names in versions)
    assert all(len(names["mine"]) == 16 for names in versions)
    assert folder.read_json("provenance.json")["modules"] == versions[0]


def test_the_hash_changes_with_the_file_and_only_of_stages_that_use_it(tmp_path: Path) -> None:
    changes = {"data": small()["data"], "metric": "mae"}
    text = {**study(modules=["mine"]), **changes}
    (tmp_path / "mine.py").write_text(PARTS + DICTIONARIES, encoding="utf-8")
    path = write_study(tmp_path, text)
    before = plan_of(path)
    (tmp_path / "mine.py").write_text(PARTS + DICTIONARIES + "# changed\n", encoding="utf-8")
    after = plan_of(path)
    kept = set(before.steps) & set(after.steps)
    arms = {cell.arm for cell in before.cells if set(cell.chain) <= kept}
    assert arms == {"mean"}
    assert not any(before.steps[stage_hash].spec.modules for stage_hash in kept)


def test_built_in_parts_keep_their_hashes_beside_a_module(tmp_path: Path) -> None:
    plain = plan_of(write_small(tmp_path))
    (tmp_path / "mine.py").write_text(PARTS + DICTIONARIES, encoding="utf-8")
    assert set(plan_of(write_small(tmp_path, modules=["mine"])).steps) == set(plain.steps)


def test_predict_imports_modules_only_when_asked(done: Path, tmp_path: Path) -> None:
    rows, output = done.parents[1] / "small.csv", tmp_path / "out.csv"
    loaded = {name for name in sys.modules if name.startswith("nearfar_module_mine")}
    for name in loaded:
        del sys.modules[name]
    with pytest.raises(UserError, match=r"names modules.*mine.*--modules"):
        predict_file(done, "own", rows, output, None)
    assert not any(name.startswith("nearfar_module_mine") for name in sys.modules)
    said = predict_file(done, "own", rows, output, None, modules=True)
    assert said.startswith("wrote 60 predictions by own")


@pytest.fixture
def smuggled(done: Path, tmp_path: Path) -> Path:
    """A run folder whose study comes to its modules by a profile alone, and these leave a mark."""
    shutil.copytree(done.parents[1], tmp_path / "got")
    folder = tmp_path / "got" / "runs" / done.name
    text = from_yaml((folder / "study.yaml").read_text())
    evil = tmp_path / "evil.py"
    mark = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    evil.write_text(f"{mark}{PARTS}{DICTIONARIES}", encoding="utf-8")
    text |= {"modules": None, "profiles": {"full": {"modules": [str(evil)]}}}
    (folder / "study.yaml").write_text(to_yaml(text), encoding="utf-8")
    seal(folder, copied=["study.yaml"])
    return folder


def test_a_profile_in_a_run_folder_brings_no_module(smuggled: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'doubled' is not known here"):
        predict_file(smuggled, "own", tmp_path / "got" / "small.csv", tmp_path / "o.csv", None)
    prepared = prepare(Request(str(tmp_path / "got" / "own.yaml"), out=smuggled.parent))
    assert prepared.folder.path == smuggled.with_name(f"{smuggled.name}-2")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_part_that_exits_fails_its_stage_alone(jobs: int, tmp_path: Path) -> None:
    path = with_module(tmp_path, axes={})
    text = (tmp_path / "mine.py").read_text()
    leaves = text.replace(
        "def forward(self, batch):\n", "def forward(self, batch):\n        sys.exit()\n"
    )
    assert leaves != text
    (tmp_path / "mine.py").write_text(f"import sys\n{leaves}", encoding="utf-8")
    prepared = prepare(Request(str(path), out=tmp_path / "runs"))
    carry_out(prepared, jobs, lambda event: None)
    reasons = [reason for reason, _ in prepared.failures.values()]
    # A tracker that was tried in this process leaves a sys.exit of its own, which says 0.
    assert any(reason.startswith("SystemExit: ") for reason in reasons), reasons
    states = {row.arm: row.status for row in read_stages(prepared.folder.path / "stages.csv")}
    assert (states["mean"], states["own"]) == ("done", "failed")


def test_two_modules_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("p", "q"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(PARTS + DICTIONARIES, encoding="utf-8")
    path = write_small(tmp_path, modules=["p/mine.py", "q/mine.py"])
    with pytest.raises(UserError, match=r"a module called 'mine' is named already"):
        load_study(str(path))


def test_a_name_too_long_for_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file beside the study"):
        load_study(str(write_small(tmp_path, modules=["a" * 300])))


def test_predict_refuses_a_module_that_changed(tmp_path: Path) -> None:
    path = with_module(tmp_path, axes={})
    folder = run(path, tmp_path / "runs", 1).folder.path
    with (tmp_path / "mine.py").open("a") as file:
        file.write("# changed\n")
    with pytest.raises(UserError, match="module mine changed since the run was made"):
        predict_file(folder, "own", tmp_path / "small.csv", tmp_path / "o.csv", None, modules=True)


def test_report_and_clean_import_nothing(
    done: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(names: list[str], folder: Path) -> None:
        assert not names, "a module was imported"

    with monkeypatch.context() as patched:
        for place in ("study.load", "execution.worker"):
            patched.setattr(f"nearfar.{place}.use_modules", refuse)
        before = (done / "summary.json").read_text()
        rebuild_report(done)
        clean_stages(done.parent)
    assert (done / "summary.json").read_text() == before
    assert "only the page is rebuilt" in capsys.readouterr().out


def test_a_changed_module_stops_stages_that_were_planned_before(tmp_path: Path) -> None:
    prepared = prepare(Request(str(with_module(tmp_path, axes={})), out=tmp_path / "runs"))
    with (tmp_path / "mine.py").open("a") as file:
        file.write("# changed\n")
    use_modules(["mine"], tmp_path)
    carry_out(prepared, 1, lambda event: None)
    errors = {error for error, _ in prepared.failures.values()}
    assert "module mine changed since the run began: start the run again" in errors


def test_a_file_beside_the_study_hides_no_module_and_leaves_the_path_alone(tmp_path: Path) -> None:
    path = list(sys.path)
    (tmp_path / "json.py").write_text(PARTS + 'ENCODERS = {"mine": Doubled}\n', encoding="utf-8")
    arms = {"plain": {"fit": {"encoder": "mine", "epochs": 1}}}
    load_study(str(write_small(tmp_path, modules=["json"], stages={}, arms=arms)))
    assert sys.path == path
    assert hasattr(sys.modules["json"], "dumps")


def test_an_installed_module_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far_parts.py").write_text(PARTS + DICTIONARIES, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    plan = plan_of(write_study(tmp_path, study(modules=["far_parts"])))
    assert all(set(dict(step.spec.modules)) == {"far_parts"} for step in plan.steps.values())


def test_without_its_module_a_study_does_not_know_its_parts(tmp_path: Path) -> None:
    load_study(str(with_module(tmp_path)))
    with pytest.raises(UserError, match="unknown data source 'like_a_table'"):
        resolved(study())


MISTAKES = {
    "ENCODERS = {'gin': Doubled}": "mine.py: encoder 'gin' is built in: give yours another name",
    "ENCODER = {'a': Doubled}": "mine.py: has no part; allowed: ENCODERS, HEADS, METRICS",
    "ENCODERS = Doubled": "mine.py: ENCODERS is not a dictionary name → part",
    "ENCODERS = {'a': nn.Module}": "encoder 'a' is not a subclass of nearfar.encoders.Encoder",
    "class A(Encoder): accepts = {'image'}\nENCODERS = {'a': A}": "'a' has no layer_groups()",
    "del Doubled.accepts\nENCODERS = {'a': Doubled}": "encoder 'a' lacks accepts",
    "Doubled.accepts = {'sound'}\nENCODERS = {'a': Doubled}": "accepts ['sound']; allowed: image",
    "def f(self, inputs, width=3): ...\nDoubled.__init__ = f\nENCODERS = {'a': Doubled}": (
        "encoder 'a' must be made by __init__(self, inputs, *, options)"
    ),
    "def f(self, inputs, *, width): ...\nDoubled.__init__ = f\nENCODERS = {'a': Doubled}": (
        "encoder 'a' has an option 'width' without annotation or default"
    ),
    "del Median.predict\ndel Median.draws\nHEADS = {'a': Median}": "head 'a' lacks draws, predict",
    "Median.tasks = {'guessing'}\nHEADS = {'a': Median}": "head 'a' has tasks ['guessing']",
    "del Still.loss\nOBJECTIVES = {'a': Still}": "objective 'a' lacks loss",
    "OBJECTIVES = {'a': Median}": "objective 'a' is not a subclass of torch.nn.Module",
    "METRICS = {'a': worst}": "metric 'a' is not a nearfar.metrics.Metric",
    "METRICS = {'a': Metric('a', '', 'up', 'none', worst)}": "better='up'; allowed: higher, lower",
    "SOURCES = {'a': load}": "data source 'a' is not a nearfar.data.catalogue.Source",
    "import numpy as np\nENCODERS = np.array([1, 2])": "ENCODERS is not a dictionary name → part",
    "Doubled.accepts = 3\nENCODERS = {'a': Doubled}": "encoder 'a' cannot be checked: TypeError",
    "raise SystemExit(0)": "cannot be imported: SystemExit: 0",
    "import nothing_like_it": "cannot be imported: ModuleNotFoundError: No module named",
    "1 +": "cannot be imported: SyntaxError",
}


@pytest.mark.parametrize("tail", MISTAKES)
def test_what_a_module_lacks_is_told_in_one_line(tail: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PARTS + tail + "\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_study(str(write_small(tmp_path, modules=["mine"])))
    assert MISTAKES[tail] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_modules_with_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("mine", "yours"):
        (tmp_path / f"{name}.py").write_text(PARTS + DICTIONARIES, encoding="utf-8")
    with pytest.raises(UserError, match=r"yours\.py: encoders 'doubled' stands in mine already"):
        load_study(str(write_small(tmp_path, modules=["mine", "yours"])))


def test_a_module_that_is_nowhere_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = with_module(tmp_path)
    path.write_text(path.read_text().replace("- mine", "- mien"), encoding="utf-8")
    with pytest.raises(UserError, match=r"modules: mien: no such file.*did you mean 'mine'\?"):
        load_study(str(path))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"metric": "worse"}, "metric: unknown value 'worse'; did you mean 'worst'? allowed:"),
        ({"arms": {"mean": {"fit": {"head": "medain"}}}}, "did you mean 'median'? allowed:"),
        (
            {"arms": {"mean": {"fit": {"head": {"median": {"shfit": 1}}}}}},
            "fit.head.median: unknown key 'shfit'; did you mean 'shift'? allowed: shift",
        ),
        (
            {"arms": {"mean": {"fit": {"encoder": {"doubled": {"width": 0}}}}}},
            "fit.encoder.doubled.width: has to be at least 1 (given: 0)",
        ),
        ({"arms": {"mean": {"fit": {"encoder": "double"}}}}, "did you mean 'doubled'? allowed:"),
        ({"data": {"source": "like_table"}}, "did you mean 'like_a_table'? allowed:"),
    ],
)
def test_mistakes_know_the_names_of_plug_ins(
    change: dict[str, object], line: str, tmp_path: Path
) -> None:
    with_module(tmp_path)
    text = {**study(modules=["mine"]), **change}
    with pytest.raises(UserError) as caught:
        load_study(str(write_study(tmp_path, text)))
    assert line in str(caught.value)
