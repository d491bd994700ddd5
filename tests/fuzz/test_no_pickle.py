"""Data are never run: a file whose loading would run something is refused, and nothing runs."""

import ast
import gzip
import io
import os
import pickle
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import targets
from lmc_ot.config import reading
from lmc_ot.errors import UserError
from lmc_ot.reporting import published
from support import REPOSITORY, snakemake


class Trap:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path):
    """What no test may find in the end."""
    path = tmp_path / "executed"
    yield path
    assert not path.exists()


def as_npy(trap) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([trap], object), allow_pickle=True)
    return file.getvalue()


def as_zip(trap) -> bytes:
    """As torch.save writes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(trap, 2))
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def as_npz(trap) -> bytes:
    file = io.BytesIO()
    np.savez(file, image=np.array([trap], object))
    return file.getvalue()


def as_tar(trap) -> bytes:
    """As CIFAR-10's archive, each of its files a pickle."""
    file = io.BytesIO()
    content = pickle.dumps({"data": trap, "labels": trap})
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name in ("batches.meta", "test_batch", *(f"data_batch_{i}" for i in range(1, 6))):
            about = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return file.getvalue()


TRAPS = {
    "pickle 0": lambda trap: pickle.dumps(trap, 0),
    "pickle 5": lambda trap: pickle.dumps(trap, 5),
    "batch": lambda trap: pickle.dumps({"data": trap, "labels": trap}),
    "gz": lambda trap: gzip.compress(pickle.dumps(trap)),
    "npy": as_npy,
    "npz": as_npz,
    "zip": as_zip,
    "tar": as_tar,
}


@pytest.mark.parametrize("trap", TRAPS)
def test_the_traps_are_set(trap, tmp_path):
    """What would be found if the files were loaded as what they are."""
    content = TRAPS[trap](Trap(tmp_path / "executed"))
    if trap == "tar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            content = archive.extractfile("cifar-10-batches-py/test_batch").read()
    elif trap == "zip":
        content = zipfile.ZipFile(io.BytesIO(content)).read("archive/data.pkl")
    elif trap == "gz":
        content = gzip.decompress(content)
    if trap in ("npy", "npz"):
        found = np.load(io.BytesIO(content), allow_pickle=True)
        found = found["image"] if trap == "npz" else found
    else:
        pickle.loads(content)
    assert (tmp_path / "executed").exists()


def keep_torchvision(patch) -> None:
    """Have undone what the small data sets change in torchvision."""
    from torchvision.datasets import CIFAR10, MNIST

    patch.setattr(MNIST, "resources", MNIST.resources)
    for name in ("tgz_md5", "train_list", "test_list", "meta"):
        patch.setattr(CIFAR10, name, getattr(CIFAR10, name))


@pytest.fixture(scope="module", params=targets.TARGETS)
def made(request, tmp_path_factory):
    """Every reader with its files: reader, case, folder, names."""
    target = targets.TARGETS[request.param]
    patch = pytest.MonkeyPatch()
    keep_torchvision(patch)
    patch.setenv("LMC_DATA_DIR", "")
    found = []
    for case in target.cases:
        folder = tmp_path_factory.mktemp(request.param)
        found.append((target, case, folder, target.make(case, 0, folder)))
    yield found
    patch.undo()


def test_a_trap_instead_of_any_file_is_refused(made, marker):
    for target, case, folder, names in made:
        for name in names:
            before = (folder / name).read_bytes()
            for trap, disguise in TRAPS.items():
                (folder / name).write_bytes(disguise(Trap(marker)))
                with pytest.raises(UserError) as error:
                    target.read(case, folder)
                assert len(str(error.value).splitlines()) == 1, (case, name, trap)
                assert not marker.exists(), (case, name, trap)
            (folder / name).write_bytes(before)
        target.read(case, folder)


# -- names that invite to load a file as something else ----------------------------------------


@pytest.mark.parametrize(
    ("name", "trap"),
    [
        ("a.pkl", "pickle 5"),
        ("a.pt", "zip"),
        ("a.npz", "npz"),
        ("a.npy", "npy"),
        ("a.parquet", "pickle 0"),
        ("a.PARQUET", "gz"),
        ("a", "tar"),
    ],
)
def test_a_users_file_is_parquet_whatever_its_name(name, trap, marker, tmp_path, monkeypatch):
    monkeypatch.setenv("LMC_DATA_DIR", str(tmp_path))
    (tmp_path / name).write_bytes(TRAPS[trap](Trap(marker)))
    for options in ({"files": name}, {"train": name, "test": "*"}):
        with pytest.raises(UserError):
            targets.parquet(**options, shape=[2, 2])


@pytest.mark.parametrize("suffix", ["", ".pkl", ".pt"])
def test_files_beside_the_known_ones_are_not_touched(suffix, marker, tmp_path, monkeypatch):
    """Unpacked idx files, batches of other names: a trap each."""
    keep_torchvision(monkeypatch)
    monkeypatch.setenv("LMC_DATA_DIR", str(tmp_path))
    trap = pickle.dumps(Trap(marker))
    mnist, cifar10 = targets.Mnist(), targets.Cifar10()
    for name in mnist.make("", 0, tmp_path):
        beside = name.removesuffix(".gz") + suffix
        (tmp_path / beside).write_bytes(trap)
    processed = tmp_path / "MNIST/processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(trap)
    assert len(mnist.read("", tmp_path).train.labels) == 20
    cifar10.make("folder", 0, tmp_path)
    for name in (f"data_batch_6{suffix}", f"data_batch_1{suffix or '.bak'}", "readme.html"):
        (tmp_path / "cifar-10-batches-py" / name).write_bytes(trap)
    assert len(cifar10.read("folder", tmp_path).train.labels) == 20


# -- YAML and csv --------------------------------------------------------------------------------

TAGS = [
    "!!python/object/apply:os.mkdir [{marker}]",
    "!!python/object/new:os.mkdir [{marker}]",
    "!!python/object/apply:subprocess.check_call [[mkdir, {marker}]]",
    "!!python/name:os.mkdir",
    "!!python/module:os",
    "!!python/object:os.mkdir {{}}",
]


def with_tag(tag: str, marker: Path) -> str:
    """The config of the rules' tests with a tag instead of its seed."""
    text = (REPOSITORY / "tests/rules/config.yaml").read_text()
    return text.replace("seed: 3", f"seed: {tag.format(marker=marker)}")


@pytest.mark.parametrize("tag", TAGS)
def test_a_config_with_a_tag_of_python_is_refused(tag, marker, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(with_tag(tag, marker))
    with pytest.raises(UserError, match="python/"):
        reading.check_keys(path)


@pytest.mark.slow
def test_a_config_with_a_tag_of_python_starts_nothing(marker, tmp_path):
    (tmp_path / "config.yaml").write_text(with_tag(TAGS[0], marker))
    finished = snakemake(tmp_path, "--dry-run", "--configfile", tmp_path / "config.yaml")
    assert finished.returncode != 0
    assert "not valid JSON or YAML" in finished.stdout and "Traceback" not in finished.stdout


def test_formulas_among_published_numbers_are_text(marker, tmp_path):
    rows = (REPOSITORY / "config/published.csv").read_text().splitlines(keepends=True)[:2]
    formula = f"=cmd|'/c mkdir {marker}'"
    (tmp_path / "a.csv").write_text(rows[0] + rows[1].replace("1.0243", formula))
    with pytest.raises(UserError, match="value is"):
        published.read(tmp_path / "a.csv", "mnist-mlp")


# -- the code ------------------------------------------------------------------------------------

MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "jsonpickle"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
METHODS = {"read_pickle", "unsafe_load", "full_load", "system", "popen"}


def offences(code: str) -> list[str]:
    """The places in code where data may be run, as ``line: what``."""
    tree = ast.parse(code)
    safe = {"SafeLoader", "CSafeLoader"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(_name(base) in safe for base in node.bases):
            safe.add(node.name)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
            found += [f"{node.lineno}: {name}" for name in names if name in MODULES]
        if isinstance(node, ast.ImportFrom):
            imported = {alias.name for alias in node.names}
            if (node.module or "").split(".")[0] in MODULES or (
                node.module in ("torch", "numpy", "yaml", "os") and imported & {"load", *METHODS}
            ):
                found.append(f"{node.lineno}: from {node.module}")
        if isinstance(node, ast.Call) and (said := _offence(node, safe)):
            found.append(f"{node.lineno}: {said}")
    return found


def _offence(call: ast.Call, safe: set[str]) -> str | None:
    function, options = call.func, {option.arg: option.value for option in call.keywords}
    if isinstance(function, ast.Name):
        return function.id if function.id in BUILTINS else None
    if not isinstance(function, ast.Attribute):
        return None
    if function.attr in METHODS:
        return function.attr
    if _is(options.get("shell"), True) or _is(options.get("allow_pickle"), True):
        return "shell or allow_pickle"
    if function.attr == "load":
        if _name(function.value) == "torch" and not _is(options.get("weights_only"), True):
            return "torch.load"
        if _name(function.value) == "yaml":
            loader = options.get("Loader", call.args[1] if len(call.args) > 1 else None)
            return None if _name(loader) in safe else "yaml.load"
    return None


def _is(node, value) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _name(node) -> str | None:
    """The last part of a name: SafeLoader of yaml.SafeLoader."""
    return getattr(node, "attr", getattr(node, "id", None))


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import os, pickle as p",
        "from pickle import loads",
        "import joblib.numpy_pickle",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "from torch import load",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import yaml\nyaml.load(text)",
        "import yaml\nyaml.load(text, Loader=yaml.FullLoader)",
        "import yaml\nyaml.load(text, yaml.Loader)",
        "import yaml\nyaml.unsafe_load(text)",
        "class L(yaml.Loader): pass\nyaml.load(text, Loader=L)",
        "eval(text)",
        "exec(text)",
        "__import__(text)",
        "import pandas as pd\npd.read_pickle(path)",
        "import os\nos.system(text)",
        "import subprocess\nsubprocess.run(text, shell=True)",
    ],
)
def test_the_code_that_would_run_data_is_recognised(code):
    assert offences(code)


@pytest.mark.parametrize(
    "code",
    [
        "network.eval()",
        "re.compile(text)",
        "import torch\ntorch.load(path, weights_only=True)",
        "import numpy as np\nnp.load(path)",
        "import yaml\nyaml.safe_load(text)",
        "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
        "class L(yaml.SafeLoader): pass\nyaml.load(text, Loader=L)",
        "json.load(file)",
    ],
)
def test_other_code_is_not(code):
    assert offences(code) == []


def test_no_module_runs_data():
    paths = sorted((REPOSITORY / "workflow").rglob("*.py"))
    assert len(paths) > 100
    assert {path: found for path in paths if (found := offences(path.read_text()))} == {}


def test_no_rule_runs_data():
    """Snakemake's language is not Python's: a search of its text."""
    for path in [REPOSITORY / "Snakefile", *sorted((REPOSITORY / "rules").rglob("*.smk"))]:
        text = path.read_text()
        assert not re.search(rf"(?<![.\w])({'|'.join(BUILTINS)})\s*\(", text), path
        assert not re.search(rf"\b({'|'.join(MODULES)})\b", text), path
        assert not re.search(r"\b(yaml|torch)\.load\b|allow_pickle|os\.system", text), path
