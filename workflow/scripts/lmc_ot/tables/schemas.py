"""The schemas of all tables: columns, types, and which of them may be missing."""

from collections.abc import Iterable

import pyarrow as pa

# The setting of an experiment: the key that it sweeps over, and the number of its value there.
_RUN = [("experiment", pa.string()), ("axis", pa.string()), ("value", pa.float64())]
_MATCH = [
    *_RUN,
    ("matcher", pa.string()),
    ("pair", pa.int32()),
    ("network_a", pa.int32()),
    ("network_b", pa.int32()),
]
_ENDPOINTS_AND_MEASURES = [
    f"{measure}_{metric}"
    for metric in ("loss", "accuracy")
    for measure in ("endpoint_a", "endpoint_b", "midpoint", "midpoint_barrier", "barrier", "area")
]


def _schema(*fields, nullable: Iterable[str] = ()) -> pa.Schema:
    return pa.schema([pa.field(name, kind, name in nullable) for name, kind in fields])


# The schema's fixed-size lists stand for lists of any one size: that of the data set's images.
ANY_WIDTH = pa.list_(pa.uint8(), 1)

SCHEMAS: dict[str, pa.Schema] = {
    # an example
    "dataset": _schema(
        ("split", pa.string()),
        ("image", ANY_WIDTH),
        ("label", pa.int16()),
    ),
    # a neuron: one row of a layer's weight matrix (and its bias)
    "checkpoints": _schema(
        ("network", pa.int32()),
        ("layer", pa.int32()),
        ("parameter", pa.string()),
        ("unit", pa.int32()),
        ("values", pa.list_(pa.field("item", pa.float32(), False))),
    ),
    # a network after an epoch, the training measures being means over it; epoch 0 is the
    # initialisation; seconds since the start of the networks that were trained as one stack
    "history": _schema(
        *_RUN,
        ("network", pa.int32()),
        ("epoch", pa.int32()),
        ("step_learning_rate", pa.float64()),
        ("train_loss", pa.float64()),
        ("train_accuracy", pa.float64()),
        ("test_loss", pa.float64()),
        ("test_accuracy", pa.float64()),
        ("seconds", pa.float64()),
        ("diverged", pa.bool_()),
        nullable=("train_loss", "train_accuracy", "test_loss", "test_accuracy"),
    ),
    # an example at a place in the image; a column layer_1, layer_2, ... for every hidden layer is
    # added: its units' activations, at that place if the layer has positions
    "activations": _schema(("example", pa.int32()), ("y", pa.float64()), ("x", pa.float64())),
    # a hidden unit of A, and the unit of B that is moved to its place
    "permutations": _schema(
        *_MATCH,
        ("layer", pa.int32()),
        ("unit", pa.int32()),
        ("permuted_unit", pa.int32()),
    ),
    # a layer of a pair: the similarity reached, that of no permutation, and each network's squared
    # norm in the norm that the matcher minimises, null if it has none; the squared distance between
    # A and the permuted B is norm_a + norm_b - 2 objective
    "objectives": _schema(
        *_MATCH,
        ("layer", pa.int32()),
        ("objective", pa.float64()),
        ("identity_objective", pa.float64()),
        ("norm_a", pa.float64()),
        ("norm_b", pa.float64()),
        nullable=("norm_a", "norm_b"),
    ),
    # a layer of a network: the Gram matrix of its units that the matcher sees, described by its
    # participation ratio (the paper's approximate dimension), the exponential of its spectrum's
    # entropy, and the intrinsic dimension of the units as points, null where it is not defined
    "dimensions": _schema(
        *_RUN,
        ("matcher", pa.string()),
        ("network", pa.int32()),
        ("layer", pa.int32()),
        ("centred", pa.bool_()),
        ("dimension", pa.float64()),
        ("entropy_rank", pa.float64()),
        ("neighbour_dimension", pa.float64()),
        ("trace", pa.float64()),
        ("largest_eigenvalue", pa.float64()),
        nullable=("neighbour_dimension",),
    ),
    # a point of a path, its loss null if it is not finite; calibrated: the running statistics of
    # batch normalisation were recomputed on training examples for every network of the path
    "path": _schema(
        *_MATCH,
        ("split", pa.string()),
        ("calibrated", pa.bool_()),
        ("t", pa.float64()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
        nullable=("loss",),
    ),
    # a measured value of an experiment on a theorem
    "theory": _schema(
        ("theory", pa.string()),
        ("quantity", pa.string()),
        ("series", pa.string()),
        ("size", pa.int64()),
        ("repetition", pa.int32()),
        ("value", pa.float64()),
    ),
    # an array of an unfinished training: its bytes, which need not be finite numbers
    "snapshot": _schema(
        ("name", pa.string()),
        ("dtype", pa.string()),
        ("shape", pa.list_(pa.field("item", pa.int64(), False))),
        ("content", pa.large_binary()),
    ),
    # a pair and a matcher, on a split; measures are null where a network diverged
    "results": _schema(
        *_MATCH,
        ("split", pa.string()),
        ("diverged", pa.bool_()),
        ("calibrated", pa.bool_()),
        *((measure, pa.float64()) for measure in _ENDPOINTS_AND_MEASURES),
        ("objective", pa.list_(pa.float64())),
        ("identity_objective", pa.list_(pa.float64())),
        ("dimension", pa.list_(pa.float64())),
        ("centred_dimension", pa.list_(pa.float64())),
        nullable=(
            *_ENDPOINTS_AND_MEASURES,
            "objective",
            "identity_objective",
            "dimension",
            "centred_dimension",
        ),
    ),
}
