"""A user's own images that are not what they should be: one line each, and nothing is trained."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from support import snakemake
from workflow.test_bad_input import fails_with_one_line

SHAPE = (8, 8, 3)


def encoded(image: np.ndarray, kind: str = "PNG", mode: str | None = None) -> bytes:
    file = io.BytesIO()
    made = Image.fromarray(image)
    (made.convert(mode) if mode else made).save(file, kind)
    return file.getvalue()


def write(path: Path, images: list, labels: list | None = None) -> str:
    """A parquet file of PNGs, or of the bytes that are given, and labels 0, 1, 0, ..."""
    images = [image if isinstance(image, bytes) else encoded(image) for image in images]
    labels = [i % 2 for i in range(len(images))] if labels is None else labels
    table = pa.table(
        {"image": pa.array(images, pa.binary()), "label": pa.array(labels, pa.int64())}
    )
    pq.write_table(table, path)
    return path.name


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


GOOD = [pixels(*SHAPE)] * 5
SIXTEEN_BITS = encoded(pixels(8, 8).astype(np.uint16) * 257)
# The test file's images and labels, the data set's options, and what the line says beside the file.
BAD = {
    "label": ([*GOOD], [0, 1, 0, 2, 1], {"classes": 2}, ["row 3", "label is 2", "0 .. 1"]),
    "negative": ([*GOOD], [0, 1, -1, 1, 1], {}, ["row 2", "label is -1"]),
    "cmyk": (
        [*GOOD[:3], encoded(GOOD[0], "JPEG", "CMYK")],
        None,
        {},
        ["row 3", "JPEG of mode CMYK", "convert it to an 8-bit RGB PNG"],
    ),
    "deep": ([GOOD[0], SIXTEEN_BITS], None, {}, ["row 1", "16-bit PNG of mode I;16", "8-bit"]),
    "empty": ([], None, {}, ["the test split is empty"]),
    "size": (
        [*GOOD, pixels(8, 16, 3)],
        None,
        {},
        ["row 5", "is 8 x 16 x 3", "expected 8 x 8 x 3"],
    ),
    "grey": ([pixels(8, 8)] * 2, None, {}, ["row 0", "is 8 x 8:", "expected 8 x 8 x 3"]),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """All bad data sets in one run, one experiment each, which continues after an error; and VGG16
    on the digits, of 8 x 8 pixels."""
    folder = tmp_path_factory.mktemp("bad-images")
    experiments = {}
    for name, (images, labels, options, _) in BAD.items():
        experiments[name] = {
            "dataset": {
                "name": "parquet",
                "train": write(folder / f"{name}-train.parquet", GOOD),
                "test": write(folder / f"{name}-test.parquet", images, labels),
                **options,
            },
            "network": {"name": "convnet", "groups": [[2]], "head": [2]},
        }
    experiments["vgg16"] = {
        "dataset": {"name": "digits"},
        "network": {"name": "vgg16", "width": 2},
    }
    for block in experiments.values():
        block |= {
            "training": {"batch_size": 2, "epochs": 1},
            "sweep": {"training.learning_rate": [0.1]},
            "networks": 2,
            "activations": {"streamed": True},
        }
    config = {"name": "bad", "experiments": experiments, "data_dir": str(folder)}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    finished = snakemake(
        folder, "--keep-going", "--configfile", folder / "config.yaml", LMC_DATA_DIR=str(folder)
    )
    return folder, finished


@pytest.mark.parametrize("name", BAD)
def test_an_image_or_label_is_named_with_its_file_and_row(name, run):
    folder, finished = run
    fails_with_one_line(
        finished, "prepare_dataset: ", str(folder / f"{name}-test.parquet"), *BAD[name][-1],
        "(log: ",
    )  # fmt: skip


def test_images_that_the_network_cannot_halve_are_refused_when_it_is_trained(run):
    fails_with_one_line(
        run[1], "train: network: images of 8 x 8 pixels cannot be halved 5 times", "multiples of 32"
    )


def test_every_error_is_said_once_in_one_line(run):
    lines = [line for line in run[1].stdout.splitlines() if "(log: " in line]
    # A network that cannot be built is refused by train and by derive_groups.
    assert len(lines) == len(BAD) + 2, "\n".join(lines)


def test_nothing_is_left_of_them(run):
    folder, _ = run
    left = [path.name for path in (folder / "results").rglob("*") if path.is_file()]
    assert left == ["digits.parquet"]
