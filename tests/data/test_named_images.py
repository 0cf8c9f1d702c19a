"""``cifar10`` and ``emnist``: looked for, downloaded, checked; or a line that says what to do."""

import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_examples import encoded, idx, labels_of, pixels_of, some_pixels, write_idx

from nearfar.data import DataOptions, Dataset, load_dataset
from nearfar.data.sources import cifar10_emnist as named
from nearfar.errors import UserError


def read(source: str, **more: str) -> Dataset:
    return load_dataset(DataOptions.model_validate({"source": source, **more}), Path("nowhere"))


def emnist_files(subset: str, labels: list[int]) -> tuple[np.ndarray, dict[str, bytes]]:
    pixels = some_pixels(2 * len(labels), 1, 6)[:, 0]
    files = {}
    for part, rows in (("train", slice(0, len(labels))), ("test", slice(len(labels), None))):
        files[f"emnist-{subset}-{part}-images-idx3-ubyte"] = idx(pixels[rows])
        files[f"emnist-{subset}-{part}-labels-idx1-ubyte"] = idx(np.array(labels))
    files[f"emnist-{subset}-mapping.txt"] = b"0 48\n1 65\n"
    return pixels, files


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A web server in the place of the official ones, on a folder with both archives."""
    folder = tmp_path / "server"
    folder.mkdir()
    with zipfile.ZipFile(folder / "gzip.zip", "w") as archive:
        for name, content in emnist_files("balanced", [0, 1, 0, 1])[1].items():
            archive.writestr(f"gzip/{name}", content)
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as tar:
        for name in ("data_batch_1.bin", "test_batch.bin"):
            content = bytes([3, *[7] * 3072, 5, *[9] * 3072])
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    def handler(*args: object) -> Quiet:
        return Quiet(*args, directory=str(folder))  # type: ignore[arg-type]

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for key, name in (("CIFAR10", "cifar-10-binary.tar.gz"), ("EMNIST", "gzip.zip")):
        md5 = hashlib.md5((folder / name).read_bytes()).hexdigest()
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        monkeypatch.setattr(named, key, named.Official(url, md5, 1))
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("source", ["cifar10", "emnist"])
def test_download_is_checked_kept_and_used_again(
    source: str, home: Path, official: Path, own_cache: Path
) -> None:
    first = read(source)
    assert "official" in first.source["copy"]
    assert [path.name for path in (own_cache / source).glob(".part*")] == []
    for path in official.iterdir():
        path.unlink()
    assert read(source).digest == first.digest
    assert len(first) == (4 if source == "cifar10" else 8)


def test_downloaded_cifar10(home: Path, official: Path) -> None:
    dataset = read("cifar10")
    assert labels_of(dataset) == ["cat", "dog"] * 2
    assert (pixels_of(dataset)[0] == 7).all()
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["train"] * 2 + ["test"] * 2


@pytest.mark.parametrize("source", ["cifar10", "emnist"])
def test_wrong_checksum_leaves_nothing_behind(
    source: str, home: Path, official: Path, own_cache: Path
) -> None:
    for path in official.iterdir():
        path.write_bytes(b"another file")
    with pytest.raises(UserError) as caught:
        read(source)
    said = str(caught.value)
    assert "its MD5 checksum is " in said
    assert f"into {home / source}" in said
    assert "\n" not in said
    assert list((own_cache / source).iterdir()) == []


def test_longer_download_than_announced_is_refused(home: Path, official: Path) -> None:
    (official / "gzip.zip").write_bytes(bytes(2**21))
    with pytest.raises(UserError, match="longer, or slower, than it should be"):
        read("emnist")


def test_line_that_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = named.Official("http://127.0.0.1:9/cifar-10-binary.tar.gz", "0", 162)
    monkeypatch.setattr(named, "CIFAR10", nowhere)
    with pytest.raises(UserError) as caught:
        read("cifar10")
    assert str(caught.value).startswith(
        f"data source 'cifar10' is not in {home} and cannot be downloaded from "
        "http://127.0.0.1:9/cifar-10-binary.tar.gz (<urlopen error"
    )
    assert str(caught.value).endswith(
        f"put cifar-10-binary.tar.gz (162 MB) into {home / 'cifar10'}"
    )


def test_jpeg_copy_is_said_to_be_one(home: Path) -> None:
    noted = {
        "img": {"_type": "Image"},
        "label": {"names": list(named.CIFAR10_CLASSES), "_type": "ClassLabel"},
    }
    for part in ("train", "test"):
        cells = [{"bytes": encoded(x, "JPEG"), "path": ""} for x in some_pixels(4, side=32)]
        table = pa.table({"img": cells, "label": [0, 3, 9, 3]})
        (home / "cifar10").mkdir(exist_ok=True)
        metadata = {"huggingface": json.dumps({"info": {"features": noted}})}
        pq.write_table(
            table.replace_schema_metadata(metadata), home / "cifar10" / f"{part}-0.parquet"
        )
    dataset = read("cifar10")
    assert dataset.source["copy"] == "JPEG re-encode: not the official pixels"
    assert labels_of(dataset)[:3] == ["airplane", "cat", "truck"]


def test_emnist_is_upright_and_prefers_the_official_set(home: Path) -> None:
    folder = home / "emnist"
    pixels, files = emnist_files("bymerge47", [0, 1, 0, 1])
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    dataset = read("emnist")
    assert np.array_equal(pixels_of(dataset)[:, 0], pixels.transpose(0, 2, 1))
    assert dataset.classes == ("0", "A")
    assert dataset.source["copy"] == "bymerge47: a rebuilt subset, not the official split"
    for part in ("train", "test"):
        write_idx(folder, f"emnist-balanced-{part}", pixels[:4] // 2, [0, 1, 0, 1], True)
    assert read("emnist").source["copy"] == "balanced: official"
    assert read("emnist", subset="bymerge47").digest == dataset.digest


def test_emnist_letters_count_from_1(home: Path) -> None:
    for part in ("train", "test"):
        write_idx(
            home / "emnist", f"emnist-letters-{part}", some_pixels(4, 1)[:, 0], [1, 26, 1, 26], True
        )
    dataset = read("emnist", subset="letters")
    assert labels_of(dataset)[:2] == ["A", "Z"]


def test_unknown_sets_and_empty_places(home: Path) -> None:
    with pytest.raises(UserError, match="no set 'ballanced'; did you mean 'balanced'"):
        read("emnist", subset="ballanced")
    with pytest.raises(UserError, match="'bymerge47' is not published"):
        read("emnist", subset="bymerge47")
    (home / "x").mkdir()
    with pytest.raises(UserError, match="holds no CIFAR-10"):
        read("cifar10", path="x")
    with pytest.raises(UserError, match="holds no IDX files of EMNIST balanced or bymerge47"):
        read("emnist", path="x")
