"""What solved heads import by themselves, before the seconds of a training are counted."""

import subprocess
import sys

PROGRAM = """
import sys
from importlib import import_module
import numpy as np
from nearfar.heads import EXACT

draw = np.random.default_rng(0)
x = draw.normal(size=(60, 3)).astype(np.float32)
numbers, classes = x[:, :1] + draw.normal(size=(60, 1)), np.eye(2)[(x[:, 0] > 0).astype(int)]
options = {"sklearn": {"class_": "linear_model.Lasso", "options": {"alpha": 0.1}}}
kept = []
for name in ("ridge", "forest", "svr", "svc", "logistic", "sklearn"):
    head = EXACT[name](**options.get(name, {}))
    for module in head.imports:
        import_module(module)
    before = set(sys.modules)
    loaded = {module.split(".")[0] for module in before}
    head.fit(x, numbers if "regression" in head.tasks else classes, 0)
    head.arrays()
    packages = {module.split(".")[0] for module in set(sys.modules) - before}
    kept += [f"{name}: {one}" for one in packages - sys.stdlib_module_names - loaded]
print(kept)
"""


def test_modules_that_heads_name_are_all_that_fitting_and_keeping_import() -> None:
    command = [sys.executable, "-c", PROGRAM]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert found.stdout.strip() == "[]", found.stderr
