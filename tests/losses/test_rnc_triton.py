"""The kernel for GPUs: its numbers by Triton's interpreter, its machine code without a GPU."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import nearfar.losses.rnc as package
import nearfar.losses.rnc.walk as walk
from nearfar.losses import RnCLoss

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed"
)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
MOST_SHARED_BYTES = 1 << 16
"""What a multiprocessor gives one program on the smallest of today's GPUs."""


@needs_triton
def test_interpreted_kernel_gives_what_sorted_rows_give() -> None:
    script = Path(__file__).with_name("rnc_interpreted.py")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-3000:]


@needs_triton
@pytest.mark.parametrize("weight", ["*fp32", "*fp64"])
@pytest.mark.parametrize("samples", [64, 8192])
def test_kernel_compiles_for_a_gpu_and_fits_on_it(
    samples: int, weight: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from nearfar.losses.rnc import kernel_triton

    settings = kernel_triton.settings(samples, tolerance=1e-12)
    options = {"num_warps": settings.pop("num_warps")}
    given = {"weight": weight, "lattice": "*i64", "own": "*i64", "logs": "*fp64", "firsts": "*fp64"}
    given |= dict.fromkeys(("samples", "views", "groups"), "i32")
    source = ASTSource(
        kernel_triton.rows, given | dict.fromkeys(settings, "constexpr"), constexprs=settings
    )
    made = triton.compile(source, target=GPUTarget("cuda", 80, 32), options=options)
    assert made.asm["cubin"]
    assert made.metadata.shared <= MOST_SHARED_BYTES
    assert "0d3D719799812DEA11" in made.asm["ptx"], "1e-12 was rounded to float32"


@needs_gpu
@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("n", [33, 512, 3000])
def test_gpu_gives_what_the_processor_gives(n: int, views: int) -> None:
    generator = torch.Generator().manual_seed(n)
    features = torch.randn(n, views, 16, generator=generator)
    labels = torch.randint(0, n // 4, (n,), generator=generator)
    assert walk.kernel_for(torch.device("cuda"), n) is not None
    found = []
    for device in ("cpu", "cuda"):
        some = features.to(device, copy=True).requires_grad_()
        loss = RnCLoss()(some, labels.to(device))
        loss.backward()
        found.append((loss.detach().cpu(), some.grad.cpu()))
    torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-6, atol=0)
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-4, atol=1e-5 / n)


def right(device: torch.device) -> bool:
    return True


def wrong(device: torch.device) -> bool:
    return False


def without_compiler(device: torch.device) -> bool:
    raise RuntimeError("Failed to find C compiler.\nSet CC.")


def on_gpu_with(is_right: object, monkeypatch: pytest.MonkeyPatch) -> object:
    fake = SimpleNamespace(is_right=is_right, MOST_SAMPLES=100)
    monkeypatch.setitem(sys.modules, f"{package.__name__}.kernel_triton", fake)
    monkeypatch.setattr(package, "kernel_triton", fake, raising=False)
    return fake


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """No other test finds what a fake GPU had."""
    walk._on_gpu.cache_clear()
    yield
    walk._on_gpu.cache_clear()


def test_gpu_has_a_kernel_for_as_many_samples_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = on_gpu_with(right, monkeypatch)
    gpu = torch.device("cuda")
    assert walk.kernel_for(gpu, 100) is kernel
    assert walk.kernel_for(gpu, 101) is None
    assert walk.kernel_for(torch.device("mps"), 10) is None


@pytest.mark.parametrize(
    ("is_right", "said"),
    [(wrong, r"\(wrong numbers\)"), (without_compiler, r"\(RuntimeError: .* C compiler\.\)$")],
)
def test_kernel_that_fails_its_trial_is_said_and_not_used(
    is_right: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpu_with(is_right, monkeypatch)
    with pytest.warns(UserWarning, match=said):
        assert walk.kernel_for(torch.device("cuda"), 10) is None


def test_without_triton_a_gpu_sorts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(package, "kernel_triton", raising=False)
    monkeypatch.setitem(sys.modules, f"{package.__name__}.kernel_triton", None)
    assert walk.kernel_for(torch.device("cuda"), 10) is None
