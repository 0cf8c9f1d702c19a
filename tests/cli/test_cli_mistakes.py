"""A person's mistake: one line, exit status 2, no traceback, nothing written."""

import pytest
from command_line import GOOD_ROWS, STUDY, CommandLine, table

DATA = {
    "unparsable SMILES": (table([*GOOD_ROWS[:2], "C1CC,3", *GOOD_ROWS[2:]]), ["row 3", "'C1CC'"]),
    "missing target": (table([*GOOD_ROWS, "CN,"]), [f"row {len(GOOD_ROWS) + 1}", "'y'", "missing"]),
    "non-numeric target": (table(["CN,high", *GOOD_ROWS]), ["row 1", "'high'", "not a number"]),
    "not a number": (table(["CN,nan", *GOOD_ROWS]), ["row 1", "'y'"]),
    "infinite target": (table(["CN,inf", *GOOD_ROWS]), ["row 1", "'inf'", "finite"]),
    "unknown target": (table(GOOD_ROWS, "smiles,yy"), ["'y'", "did you mean 'yy'"]),
    "unknown SMILES column": (table(GOOD_ROWS, "smile,y"), ["'smiles'", "did you mean 'smile'"]),
    "duplicate headers": (table([r + ",1" for r in GOOD_ROWS], "smiles,y,y"), ["'y'"]),
    "empty file": ("", ["tiny.csv", "empty"]),
    "header alone": (table([]), ["tiny.csv"]),
    "wrong encoding": ("smiles,y\nC,1\nCé,2\n".encode("latin-1"), ["tiny.csv", "UTF-8"]),
    "torn UTF-16": (table(GOOD_ROWS).encode("utf-16")[:-1], ["tiny.csv", "utf-16"]),
    "not a table": (bytes(range(256)) * 20, ["tiny.csv"]),
    "too many fields": (table([*GOOD_ROWS, "CN,1,2"]), ["row", "3 fields"]),
    "too few rows": (table(GOOD_ROWS[:4]), ["4 rows are too few"]),
}


@pytest.mark.parametrize("case", DATA)
def test_mistakes_in_data(nearfar: CommandLine, case: str) -> None:
    content, phrases = DATA[case]
    nearfar.write("tiny.csv", content)
    said = nearfar.mistake("run", "tiny.yaml", "--jobs", "1")
    for phrase in phrases:
        assert phrase in said


def test_a_missing_data_file(nearfar: CommandLine) -> None:
    said = nearfar.mistake("run", "tiny.yaml", "--set", "data.path=nowhere.csv")
    assert "nowhere.csv" in said


def test_a_key_is_set_once(nearfar: CommandLine) -> None:
    twice = ("--set", "metric=mae", "--set", "metric=rmse")
    said = nearfar.mistake("run", "tiny.yaml", *twice)
    assert said == "--set metric: is given 2 times; give it once"


SETTINGS = {
    "metrc=mae": ["unknown key 'metrc'", "did you mean 'metric'"],
    "metric=maee": ["metric", "'maee'", "did you mean 'mae'"],
    "margin=-1": ["margin", "-1", "has to be above 0"],
    "baseline=men": ["baseline", "'men'", "did you mean 'mean'"],
    "threads=0": ["threads", "0"],
    "study=A B": ["study: needs small letters, digits, - and _", "'A B'"],
    "split=random": ["split: needs a block of keys and values (given: 'random')"],
    "data=null": ["data: needs a block of keys and values (given: nothing)"],
    "arms=[]": ["arms: needs a block of keys and values"],
    "claims=x": ["claims: needs a list, such as [a, b] (given: 'x')"],
    "title=5": ["title: needs a text, and this is read as a number: put it in quotes (given: 5)"],
    "published=[{arm: gin, provenance: [x]}]": ["provenance: needs a text"],
    "arms.gin.fit.epochs=ten": ["arms.gin.fit.epochs", "'ten'", "whole number"],
    "arms.gin.fit.epochs=0": ["arms.gin.fit.epochs", "0"],
    "arms.gin.fit.batch=0": ["arms.gin.fit.batch"],
    "arms.gin.fit.epoch=3": ["arms.gin.fit", "'epoch'", "did you mean 'epochs'"],
    "arms.gin.fit.encoder=gni": ["arms.gin.fit.encoder", "'gni'", "did you mean 'gin'"],
    "arms.gin.fit.encoder.gin.layer=2": ["arms.gin.fit.encoder", "'layer'", "'layers'"],
    "arms.gin.fit.encoder.gin.layers=two": ["arms.gin.fit.encoder.gin.layers", "'two'"],
    "arms.gin.fit.encoder=mlp": ["mlp", "molecule", "gin"],
    "arms.gin.fit.train=last:0": ["arms.gin.fit.train", "last:0"],
    "arms.gin.fit.loss=l3": ["arms.gin.fit.loss", "'l3'", "l1"],
    "arms.gin.fit.clip=-1": ["arms.gin.fit.clip", "-1"],
    "arms.gin.fit.optimizer={sgd: {lr: 0}}": ["optimizer.sgd.lr", "has to be above 0"],
    "arms.gin.fit.optimizer={sgd: {}, adam: {}}": ["optimizer", "exactly one"],
    "arms.gin.fit.schedule=cosin": ["schedule", "'cosin'", "did you mean 'cosine'"],
    "arms.gin.pretrain=rnc": ["arms.gin", "encoder"],
    "arms.gin.against=gin": ["arms.gin", "against"],
    "arms.gin.group=ours": ["arms.gin.group", "'ours'", "own"],
    "arms.mean.fit.encoder=gin": ["arms.mean", "encoder"],
    "arms.ridge.fit.epochs=3": ["arms.ridge.fit", "'epochs'"],
    "arms.ridge.fit.head=rigde": ["'rigde'", "did you mean 'ridge'"],
    "arms.RnC.pretrain=rcn": ["arms.RnC", "'rcn'", "did you mean 'rnc'"],
    "arms.RnC.pretrain={stage: rnc, epoch: 7}": ["epoch", "7", "keep"],
    "stages.rnc.objective=rcn": ["stages.rnc.objective", "'rcn'", "did you mean 'rnc'"],
    "stages.rnc.objective={rnc: {temperature: 0}}": ["temperature"],
    "stages.rnc.encoder=morgan": ["stages.rnc", "morgan", "pre-train"],
    "stages.rnc.keep=[5]": ["stages.rnc", "5"],
    "axes.seed.role=repet": ["axes.seed.role", "'repet'", "did you mean 'repeat'"],
    "axes.seed.values=[0, 0]": ["axes.seed", "different"],
    "axes.width={role: compare, values: [1, 2]}": ["axes.width", "not used"],
    "arms.gin.fit.epochs=$length": ["$length", "no axis"],
    "split.parts=[0.5, 0.5, 0.5]": ["split", "add up to 1"],
    "split.kind=scafold": ["split.kind", "'scafold'", "did you mean 'scaffold'"],
    "split.kind=group": ["split", "group"],
    "split.kind=predefined": ["split", "part"],
    "data.source=molecule": ["'molecule'", "did you mean 'molecules'"],
    "data.targt=y": ["'targt'", "did you mean 'target'"],
    "data.target=smiles": ["'smiles'"],
    "data.on_bad_rows=ignore": ["data.on_bad_rows", "'ignore'", "drop"],
    "epochs": ["--set epochs", "key=value"],
    "=3": ["--set", "key=value"],
    "arms.gin.fit.epochs=[1": ["--set arms.gin.fit.epochs", "YAML"],
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_mistakes_in_a_study(nearfar: CommandLine, setting: str) -> None:
    said = nearfar.mistake("run", "tiny.yaml", "--jobs", "1", "--set", setting)
    for phrase in SETTINGS[setting]:
        assert phrase in said


@pytest.mark.parametrize("command", ["run", "plan", "show"])
@pytest.mark.parametrize("by", ["file", "profile", "setting"])
def test_a_strangers_modules_are_not_imported(nearfar: CommandLine, command: str, by: str) -> None:
    nearfar.write("evil.py", "open('ran', 'w')")
    text = (nearfar.folder / "tiny.yaml").read_text(encoding="utf-8")
    named = {
        "file": text + "modules: [evil]\n",
        "profile": text.replace("profiles:\n", "profiles:\n  full: {modules: [evil]}\n"),
    }
    nearfar.write("strange.yaml", named.get(by, text))
    more = ["--set", "modules=[evil]"] if by == "setting" else []
    said = nearfar.mistake(command, "strange.yaml", *more, "--no-modules")
    assert "names modules, which are code (evil)" in said
    assert nearfar("show", "tiny.yaml", "--no-modules").status == 0


def test_all_mistakes_are_told_together(nearfar: CommandLine) -> None:
    settings = ["--set", "metric=mea", "--set", "arms.gin.fit.loss=l3", "--set", "tilte=x"]
    said = nearfar.mistake("show", "tiny.yaml", *settings, lines=3).splitlines()
    for phrase in ("metric: unknown", "arms.gin.fit.loss: unknown", "did you mean 'title'"):
        assert sum(phrase in line for line in said) == 1


FILES = {
    "not YAML": ("study: [tiny\n", ["tiny.yaml", "line", "YAML"]),
    "no mapping": ("- tiny\n", ["tiny.yaml", "keys and values"]),
    "empty": ("", ["tiny.yaml"]),
    "not text": (b"\xff\xfe\x00study", ["tiny.yaml", "UTF-8"]),
    "a key twice": (STUDY + "metric: rmse\n", ["tiny.yaml", "'metric'", "twice"]),
    "unknown profile": (
        STUDY.replace("smoke:", "smok:"),
        ["profiles", "'smok'", "did you mean 'smoke'"],
    ),
    "a profile changes the metric": (
        STUDY.replace("smoke: {", "smoke: {metric: rmse, "),
        ["profiles.smoke", "'metric'"],
    ),
    "a profile adds an arm": (
        STUDY.replace("smoke: {", "smoke: {arms: {gni: {fit: {epochs: 1}}}, "),
        ["profiles.smoke", "'gni'", "did you mean 'gin'"],
    ),
    "unknown default": ("defaults: {fits: {}}\n" + STUDY, ["defaults", "fits"]),
    "no arms": (STUDY.split("arms:")[0], ["arms"]),
}


@pytest.mark.parametrize("case", FILES)
def test_mistakes_in_a_study_file(nearfar: CommandLine, case: str) -> None:
    content, phrases = FILES[case]
    nearfar.write("tiny.yaml", content)
    said = nearfar.mistake("run", "tiny.yaml", "--profile", "smoke")
    for phrase in phrases:
        assert phrase in said


ARGUMENTS = {
    ("run", "esl"): ["'esl'", "did you mean 'esol'"],
    ("run", "nowhere.yaml"): ["nowhere.yaml"],
    ("run", "tiny.yaml", "--profile", "quik"): ["'quik'", "did you mean 'quick'"],
    ("run", "tiny.yaml", "--arm", "rigde"): ["'rigde'", "did you mean 'ridge'"],
    ("run", "tiny.yaml", "--seeds", "0"): ["--seeds", "equal to 1"],
    ("run", "tiny.yaml", "--seeds", "three"): ["--seeds", "integer", "(given: 'three')"],
    ("run", "tiny.yaml", "--seeds", "10001"): ["--seeds", "10000", "(given: '10001')"],
    ("run", "tiny.yaml", "--seed", "3000000000"): ["--seed", "2147483647", "'3000000000'"],
    ("run", "tiny.yaml", "--profile", "quick", "--profile", "full"): ["--profile", "2 times"],
    ("init", "tiny.csv", "--group", "a", "--group", "b"): ["--group", "2 times", "give it once"],
    ("init", "tiny.csv", "--pictures", "--no-pictures"): ["--pictures and --no-pictures"],
    ("predict", "runs/x", "tiny.csv", "-o", "a.csv", "--output", "b.csv"): ["--output", "2 times"],
    ("run", "tiny.yaml", "--jobs", "0"): ["--jobs", "equal to 1"],
    ("run", "tiny.yaml", "--device", "gpu"): ["--device", "'gpu'", "cpu"],
    ("run", "tiny.yaml", "--jobs", "1", "--out", "tiny.csv"): ["tiny.csv"],
    ("run", "tiny.yaml", "--sets", "a=b"): ["--sets", "--set"],
    ("run",): ["study"],
    ("rum", "tiny.yaml"): ["'rum'", "run"],
    ("show", "esl"): ["'esl'", "did you mean 'esol'"],
    ("report", "runs/tiny-full"): ["runs/tiny-full", "not a run folder"],
    ("clean", "nowhere"): ["nowhere"],
    ("clean", "."): ["is no folder of runs", "no stages and no run"],
    ("predict", "runs/x", "tiny.csv", "--arm", "ridge", "-o", "p.csv"): ["runs/x", "run folder"],
    ("init", "nowhere.csv", "--target", "y"): ["nowhere.csv"],
    ("init", "tiny.csv", "--target", "yy", "-o", "new.yaml"): ["'yy'", "did you mean 'y'"],
    ("init", "tiny.csv", "--target", "smiles", "-o", "new.yaml"): ["smiles"],
    ("init", "tiny.csv", "--target", "y", "-o", "tiny.yaml"): ["tiny.yaml"],
}


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=" ".join)
def test_mistakes_in_arguments(nearfar: CommandLine, arguments: tuple[str, ...]) -> None:
    said = nearfar.mistake(*arguments)
    for phrase in ARGUMENTS[arguments]:
        assert phrase in said


INIT = {
    "empty": ("", ["new.csv", "empty"]),
    "neither SMILES nor numbers": ("a,y\nred,1\nblue,2\n", ["new.csv"]),
    "wrong encoding": ("smiles,y\nCé,2\n".encode("latin-1"), ["new.csv", "UTF-8"]),
    "duplicate headers": ("a,a,y\n1,2,3\n", ["new.csv", "'a'"]),
    "text target": (table([f"C{'C' * n},high" for n in range(30)]), ["new.csv", "'y'"]),
}


@pytest.mark.parametrize("case", INIT)
def test_mistakes_in_data_for_init(nearfar: CommandLine, case: str) -> None:
    content, phrases = INIT[case]
    nearfar.write("new.csv", content)
    said = nearfar.mistake("init", "new.csv", "--target", "y")
    for phrase in phrases:
        assert phrase in said


def test_a_study_that_differs_under_a_name_is_refused_with_the_difference(
    ran: CommandLine,
) -> None:
    run = ("run", "tiny.yaml", "--profile", "smoke", "--as", "tiny-smoke")
    said = ran.mistake(*run, "--set", "arms.gin.fit.epochs=3")
    assert "arms.gin.fit.epochs: was 2, now 3" in said
    assert "--as" in said


PREDICT = {
    "unknown arm": (["--arm", "rigde"], table(["CN"], "smiles"), ["'rigde'", "'ridge'"]),
    "unknown seed": (["--arm", "ridge", "--seed", "9"], table(["CN"], "smiles"), ["9", "0, 1"]),
    "no such column": (["--arm", "ridge"], table(["CN"], "smile"), ["'smiles'", "'smile'"]),
    "unparsable": (
        ["--arm", "ridge", "--strict"],
        table(["CN", "C1CC"], "smiles"),
        ["row 2", "'C1CC'"],
    ),
    "empty": (["--arm", "ridge"], "", ["new.csv", "empty"]),
}


@pytest.mark.parametrize("case", PREDICT)
def test_mistakes_in_predict(ran: CommandLine, case: str) -> None:
    options, content, phrases = PREDICT[case]
    new = ran.write("new.csv", content)
    said = ran.mistake("predict", "runs/tiny-smoke", "new.csv", *options, "-o", "made.csv")
    new.unlink()
    for phrase in phrases:
        assert phrase in said


def test_predict_does_not_write_over_a_folder(ran: CommandLine) -> None:
    said = ran.mistake("predict", "runs/tiny-smoke", "tiny.csv", "--arm", "ridge", "-o", "runs")
    assert "runs" in said
