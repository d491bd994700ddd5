"""The schemas of all tables: columns, types, and which columns are nullable."""

from collections.abc import Iterable

import pyarrow as pa

# The setting of an experiment: the swept key, and the number that represents its value.
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


def _listed(kind: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("item", kind, False))


def _struct(*fields, nullable: Iterable[str] = ()) -> pa.DataType:
    return pa.struct(list(_schema(*fields, nullable=nullable)))


# The data of `groups.group`.
_PLACES = ("places", _listed(pa.int32()))
_MEMBER = _struct(
    ("parameter", pa.string()),
    ("axis", pa.int32()),
    _PLACES,
    ("role", pa.string()),
    ("rows", _listed(pa.int32())),
    nullable=("axis", "rows"),
)
_TAP = _struct(("value", pa.string()), ("axis", pa.int32()), _PLACES)
_NORM = _struct(
    ("scale", pa.string()),
    ("variance", pa.string()),
    ("epsilon", pa.float64()),
    nullable=("scale",),
)
_PRODUCER = _struct(
    ("parameter", pa.string()),
    ("axis", pa.int32()),
    ("bias", pa.string()),
    ("output", _TAP),
    ("input", pa.string()),
    ("reads", pa.string()),
    ("consumes", _listed(pa.string())),
    ("norm", _NORM),
    nullable=("bias", "reads", "norm"),
)


# A placeholder: rows of any length fit. Lists of numbers take several times as long to read.
BYTES = pa.binary(1)

SCHEMAS: dict[str, pa.Schema] = {
    # one row per example. An image is its bytes, of the metadata's dtype and shape; a label is a
    # number, or the float32 bytes of a target of the metadata's target_shape
    "dataset": _schema(
        ("split", pa.string()),
        ("image", BYTES),
        ("label", pa.int16()),
    ),
    # one row per network, parameter and unit, which is the index along the parameter's first axis;
    # the values are the unit's part of the parameter, flattened
    "checkpoints": _schema(
        ("network", pa.int32()),
        ("parameter", pa.string()),
        ("unit", pa.int32()),
        ("values", _listed(pa.float32())),
    ),
    # one row per group of a network (`groups.group.Group`), in the order of the network; places are
    # those of its units, unit by unit. What is in no group is in the metadata
    "groups": _schema(
        ("order", pa.int32()),
        ("name", pa.string()),
        ("units", pa.int32()),
        ("heads", pa.int32()),
        ("family", pa.string()),
        ("members", _listed(_MEMBER)),
        ("producers", _listed(_PRODUCER)),
        ("taps", _listed(_TAP)),
        nullable=("family",),
    ),
    # one row per network and epoch. Training measures are means over the epoch; epoch 0 is the
    # initialisation; seconds count from the start of the stack that the network was trained in
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
    # one row per example and position in the image. A column is added for each tap of the network,
    # tap_<name of the value in its graph>: the activations there, at that position if there are
    # any, as the bytes of float32 numbers
    "activations": _schema(("example", pa.int32()), ("y", pa.float64()), ("x", pa.float64())),
    # one row per unit of A in a group, with the unit of B that is moved to its position
    "permutations": _schema(
        *_MATCH,
        ("group", pa.string()),
        ("layer", pa.int32()),
        ("unit", pa.int32()),
        ("permuted_unit", pa.int32()),
    ),
    # one row per group of a matched pair: the similarity after matching and without permutation,
    # and the networks' squared norms in the norm that the matcher minimises (null if it minimises
    # none); the squared distance between A and the permuted B is norm_a + norm_b - 2 objective.
    # spread: of several starts, how far the worst is below the best, over all groups of the pair.
    # The layer of a group, here and in the other tables, is its order in the network
    "objectives": _schema(
        *_MATCH,
        ("group", pa.string()),
        ("layer", pa.int32()),
        ("objective", pa.float64()),
        ("identity_objective", pa.float64()),
        ("norm_a", pa.float64()),
        ("norm_b", pa.float64()),
        ("spread", pa.float64()),
        nullable=("norm_a", "norm_b", "spread"),
    ),
    # one row per group of a network and matcher: the Gram matrix of the units that the matcher
    # uses, described by its participation ratio (the paper's approximate dimension), the
    # exponential of its spectrum's entropy, and the intrinsic dimension of the units as points
    # (null where undefined)
    "dimensions": _schema(
        *_RUN,
        ("matcher", pa.string()),
        ("network", pa.int32()),
        ("group", pa.string()),
        ("layer", pa.int32()),
        ("centred", pa.bool_()),
        ("dimension", pa.float64()),
        ("entropy_rank", pa.float64()),
        ("neighbour_dimension", pa.float64()),
        ("trace", pa.float64()),
        ("largest_eigenvalue", pa.float64()),
        nullable=("neighbour_dimension",),
    ),
    # one row per point of a path; the loss is null if it is not finite, and the accuracy if the
    # loss is not cross entropy. calibrated: the running statistics of batch normalisation were
    # recomputed on training examples at every point
    "path": _schema(
        *_MATCH,
        ("split", pa.string()),
        ("calibrated", pa.bool_()),
        ("t", pa.float64()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
        nullable=("loss", "accuracy"),
    ),
    # one row per written network and split: B with its units permuted, and the midpoint between A
    # and it, read from their files again
    "merged": _schema(
        *_MATCH,
        ("network", pa.string()),
        ("file", pa.string()),
        ("split", pa.string()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
        nullable=("loss", "accuracy"),
    ),
    # one row per measured value of an experiment on a theorem
    "theory": _schema(
        ("theory", pa.string()),
        ("quantity", pa.string()),
        ("series", pa.string()),
        ("size", pa.int64()),
        ("repetition", pa.int32()),
        ("value", pa.float64()),
    ),
    # one row per array of an unfinished training: its raw bytes, which need not be finite numbers
    "snapshot": _schema(
        ("name", pa.string()),
        ("dtype", pa.string()),
        ("shape", _listed(pa.int64())),
        ("content", pa.large_binary()),
    ),
    # one row per pair, matcher and split; measures are null if a network of the pair diverged
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

# Types that columns may have instead: targets that are not classes.
OTHER_TYPES = {("dataset", "label"): BYTES}
