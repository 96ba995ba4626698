"""Files that ask for far more than they are: one sentence, in bounded memory and time, measured in a child process."""

import json
import os
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from safetensors.numpy import load_file, save_file

from helpers.scripts import call
from libelle.loading import load_folder
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore

#: What a child may take above what it takes with undamaged files.
MEGABYTES, SECONDS = 200, 2.0

CHILD = """
import resource, sys, time
from libelle.errors import UserError
{prepare}
def measured(work):
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        work()
        said = "accepted"
    except UserError as error:
        said = str(error)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(more // 1024, time.process_time() - began, said, sep="|")
{work}
"""

PIPELINE = CHILD.format(
    prepare="from libelle.loading import load_folder\nload_folder(sys.argv[1])",
    work="measured(lambda: load_folder(sys.argv[2]))",
)
FILE = CHILD.format(
    prepare="from libelle.data.file_source import FileSource\nimport pyarrow.parquet, openpyxl",
    work="measured(FileSource(path=sys.argv[1], target='label').read)",
)
TREE = CHILD.format(
    prepare="from pathlib import Path\nimport skops.io, sklearn.tree\nfrom libelle.models.trees import DecisionTree\n"
    "def load():\n    try:\n        DecisionTree().load(Path(sys.argv[1]))\n"
    "    except ValueError as error:\n        raise UserError(str(error))",
    work="measured(load)",
)
STORES = CHILD.format(
    prepare="from libelle.loading import load_published\nfrom libelle.stores.local import LocalStore\n"
    "load_published('forms', LocalStore(root=sys.argv[1]))",
    work="for root in sys.argv[2:]:\n    measured(lambda: load_published('forms', LocalStore(root=root)))",
)


def refusal(program: str, *arguments: Path) -> str:
    """What the child says; it must say it within bounds."""
    (said,) = refusals(program, *arguments)
    return said


def refusals(program: str, *arguments: Path) -> list[str]:
    """What the child says, a line for each thing that it tries."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (120, 120))

    command = [sys.executable, "-c", program, *map(str, arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit, timeout=300)
    assert answer.returncode == 0, answer.stderr
    lines = [line.split("|", 2) for line in answer.stdout.splitlines()]
    for megabytes, seconds, said in lines:
        assert said != "accepted"
        assert int(megabytes) < MEGABYTES, said
        assert float(seconds) < SECONDS, said
    return [said for *_, said in lines]


@pytest.fixture
def folder(trained: tuple[LocalStore, str], tmp_path: Path) -> Path:
    store, run_id = trained
    source = next(Path(store.root).rglob(f"{run_id}.pipeline"))
    shutil.copytree(source, tmp_path / "forms")
    shutil.copytree(source, tmp_path / "whole")
    return tmp_path / "forms"


def many_classes(folder: Path) -> None:
    path = folder / "model" / "network.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "classes": 2147483648}))


def long_json(folder: Path) -> None:
    (folder / "pipeline.json").write_bytes(b"[" + b"[]," * 40_000_000 + b"[]]")


def deep_json(folder: Path) -> None:
    (folder / "golden.json").write_bytes(b"[" * 1_000_000)


def inflated_weights(folder: Path) -> None:
    path = folder / "model" / "weights.safetensors"
    weights = load_file(path)
    weights["wide.weight.shape"] = np.array([1 << 32, 2])
    save_file(weights, path)


def lying_header(folder: Path) -> None:
    header = b'{"x":{"dtype":"F32","shape":[4000000000],"data_offsets":[0,16000000000]}}'
    (folder / "model" / "weights.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


def fifo(folder: Path) -> None:
    (folder / "golden.json").unlink()
    os.mkfifo(folder / "golden.json")


def device(folder: Path) -> None:
    (folder / "golden.json").unlink()
    (folder / "golden.json").symlink_to("/dev/zero")


def directory(folder: Path) -> None:
    (folder / "golden.json").unlink()
    (folder / "golden.json").mkdir()


@pytest.mark.parametrize(
    "damage",
    [many_classes, long_json, deep_json, inflated_weights, lying_header, fifo, device, directory],
    ids=lambda damage: damage.__name__,
)
def test_a_folder_that_lies_is_refused_within_bounds(folder: Path, damage: Callable[[Path], None]) -> None:
    load_folder(folder)
    damage(folder)
    assert "holds a damaged pipeline" in refusal(PIPELINE, folder.parent / "whole", folder)


def many_rows(path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000_000, np.int32)), ["x"])
    table = pa.table({"job": texts, "label": texts})
    parquet.write_table(table, path, compression="zstd", row_group_size=len(table), data_page_size=1 << 30)


def long_texts(path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), ["x" * 100_000])
    table = pa.table({"job": texts, "label": texts})
    parquet.write_table(table, path, compression="zstd")


def cut_parquet(path: Path) -> None:
    parquet.write_table(pa.table({"job": ["a"] * 1000, "label": ["b"] * 1000}), path)
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(40) + data[44:])


def lying_pages(path: Path) -> None:
    """A page of some bytes that says that it unpacks to two gigabytes, the most that one can say."""
    table = pa.table({name: [name * 20] * 40 for name in ("job", "label")})
    parquet.write_table(table, path, compression="snappy", use_dictionary=False)
    data = path.read_bytes()
    begin = data.index(b"\x15\x00\x15") + 3  # the first page, and its size, of which each byte but the last goes on
    end = next(place for place in range(begin, begin + 6) if data[place] < 128) + 1
    longest = b"\xfe\xff\xff\xff\x0f"
    rest = data[end:]
    path.write_bytes(data[:begin] + longest + rest[:140] + rest[140 + len(longest) - (end - begin) :])


def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("forms.csv", b"job,label\n" + b"x" * 300_000_000)


def excel_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 300_000_000)


def zstd_bomb(path: Path) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(b"job,label\n")
        for _ in range(300):
            stream.write(b"x" * 1_000_000)


@pytest.mark.parametrize(
    "bomb",
    [many_rows, long_texts, cut_parquet, lying_pages, zip_bomb, excel_bomb, zstd_bomb],
    ids=lambda bomb: bomb.__name__,
)
def test_a_file_that_lies_is_refused_within_bounds(tmp_path: Path, bomb: Callable[[Path], None]) -> None:
    path = tmp_path / "forms"
    bomb(path)
    assert str(path) in refusal(FILE, path)


def yaml_bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", yaml_bomb()),
        ("config.yaml", b"a: &a {b: *a}"),
        ("config.yaml", b"[" * 50_000),
        ("config.yaml", b"x: '"),
        ("metrics.json", b"{"),
        ("metrics.json", b"[" * 200_000),
    ],
)
def test_a_damaged_file_of_a_run_is_one_sentence_though_its_manifest_fits(
    trained: tuple[LocalStore, str], tmp_path: Path, name: str, content: bytes
) -> None:
    shutil.copytree(trained[0].root, tmp_path / "store")
    run = Run.open(LocalStore(root=str(tmp_path / "store")), RunId.parse(trained[1]))
    run.put(name, content)
    run.put_manifest()
    answer = call("runs.py", "diff", str(run.id), str(run.id), cwd=tmp_path)
    assert answer.returncode == 2
    assert f"{name} in" in answer.stderr
    assert "is damaged" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_tree_that_unpacks_to_far_more_is_refused_within_bounds(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text('{"classes": 2, "seen": [0, 1]}')
    with zipfile.ZipFile(tmp_path / "tree.skops", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("schema.json", b"[" + b" " * 300_000_000 + b"]")
    assert "tree.skops would unpack to 300,000,002 bytes" in refusal(TREE, tmp_path)


def test_a_store_whose_objects_are_no_files_or_endless_is_refused_within_bounds(
    trained: tuple[LocalStore, str], tmp_path: Path
) -> None:
    shutil.copytree(trained[0].root, tmp_path / "whole")
    store = LocalStore(root=str(tmp_path / "whole"))
    publish(store, Run.open(store, RunId.parse(trained[1])), "forms", threshold=0.5)
    (tmp_path / "secret").write_text("secret")
    roots = []
    for name in ("1/model/weights.safetensors", "1/manifest.json", "current.json"):
        for kind in ("sparse", "fifo", "device", "link"):
            root = Path(shutil.copytree(tmp_path / "whole", tmp_path / f"{len(roots)}"))
            spoil(root / "published" / "forms" / name, kind, tmp_path / "secret")
            roots.append(root)
    said = refusals(STORES, tmp_path / "whole", *roots)
    assert len(said) == len(roots)
    assert all("published/forms/" in sentence for sentence in said)


def spoil(path: Path, kind: str, secret: Path) -> None:
    if kind == "sparse":
        os.truncate(path, 3 << 30)
        return
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else secret)
