"""The panels on the claim, on tables whose slopes, dimensions and sizes are known."""

from itertools import combinations

import numpy as np
import pytest

from lmc_ot import tables
from lmc_ot.reporting.panels import REGISTRY

AXIS = "network.hidden_widths"
WIDTHS = [32, 64, 128, 256]
PAIRS = list(combinations(range(4), 2))
# matcher -> exponent of the barrier; of layers 1 and 2: exponents of the distance, dimensions
LAWS = {
    "am": (-0.5, (-0.8, -0.2), (2.0, 8.0)),
    "naive_wm": (-0.1, (-0.02, 0.0), (50.0, 200.0)),
}
CENTRED = 4.0  # times the dimension


def rows_of(experiment, width, matcher):
    return {"experiment": experiment, "axis": AXIS, "value": float(width), "matcher": matcher}


def write(folder, experiment, width, noise=0.0, identity=1.0, stream=None):
    """The tables of one setting: barriers 2 n^s above endpoints of 0.1 per network, and so on."""
    factor = {pair: np.exp(noise * stream.normal()) if noise else 1.0 for pair in PAIRS}
    points, objectives, dimensions = [], [], []
    laws = {"identity": (None, (), ()), **LAWS}
    for matcher, (exponent, distances, sizes) in laws.items():
        keys = rows_of(experiment, width, matcher)
        for number, (a, b) in enumerate(PAIRS):
            pair = {**keys, "pair": number, "network_a": a, "network_b": b}
            law = identity if exponent is None else 2 * width**exponent
            middle = 0.1 * (a + b) / 2 + factor[a, b] * law
            for t, loss in ((0.0, 0.1 * a), (0.5, middle), (1.0, 0.1 * b)):
                common = {"calibrated": False, "accuracy": 0.5, "t": t}
                points += [
                    {**pair, **common, "split": split, "loss": loss} for split in ("test", "train")
                ]
            for layer, s in enumerate(distances or (0.0, 0.0), start=1):
                # share = (norm_a + norm_b - 2 objective) / (norm_a + norm_b)
                share = 0.9 * width**s * factor[a, b]
                norms = (3.0, 5.0) if distances else (None, None)
                row = {"group": f"layers.{layer - 1}", "layer": layer, "spread": None}
                row |= {"objective": 4 * (1 - share), "identity_objective": 0.0}
                objectives.append({**pair, **row, "norm_a": norms[0], "norm_b": norms[1]})
        for network in range(4):
            for layer, d in enumerate(sizes, start=1):
                for centred in (False, True):
                    row = {"network": network, "group": f"layers.{layer - 1}", "layer": layer}
                    row |= {"centred": centred}
                    # The geometric mean of two networks is d, whichever they are.
                    d_of = d * (CENTRED if centred else 1.0)
                    row |= {"dimension": d_of, "entropy_rank": 2 * d_of}
                    row |= {"neighbour_dimension": 3 * d_of, "trace": 1.0}
                    dimensions.append({**keys, **row, "largest_eigenvalue": 0.5})
    run = {"experiment": experiment, "axis": AXIS, "value": float(width), "seed": 0}
    names = ("midpoints", "path", points), ("all_objectives", "objectives", objectives)
    paths = {}
    for source, kind, rows in (*names, ("dimensions", "dimensions", dimensions)):
        paths[source] = str(folder / f"{source}-{experiment}-{width}.parquet")
        tables.write_rows(kind, paths[source], rows, run)
    return paths


@pytest.fixture
def sources(tmp_path, stream):
    def make(experiments=("e",), **options):
        written = [
            write(tmp_path, name, width, stream=stream, **options)
            for name in experiments
            for width in reversed(WIDTHS)
        ]
        return {source: [paths[source] for paths in written] for source in written[0]}

    return make


def built(name, sources, experiments=("e",), **options):
    several = name not in ("barrier", "matched_distance")
    shown = {"experiments": list(experiments)} if several else {"experiment": experiments[0]}
    return REGISTRY.build({"name": name, **shown, "resamples": 200, **options}, sources, None)


def test_slopes_and_predictions_are_those_of_the_laws(sources):
    table = built("slopes", sources()).set_index(["matcher", "centred"])
    # sqrt(2 * 8) = 4 and sqrt(50 * 200) = 100.
    for key, slope, d in (
        (("am", False), -0.5, 4.0),
        (("am", True), -0.5, 16.0),
        (("naive_wm", False), -0.1, 100.0),
        (("naive_wm", True), -0.1, 400.0),
    ):
        row = table.loc[key]
        assert row[["slope", "low", "high"]].tolist() == pytest.approx([slope] * 3)
        assert row[["dimension", "dimension_low", "dimension_high"]].tolist() == pytest.approx(
            [d] * 3
        )
        assert row["predicted"] == pytest.approx(-1 / d)
        assert (row["layer"], row["sizes"], row["axis"]) == (0, 4, AXIS)


def test_slopes_of_the_distance_are_by_layer_and_predicted_by_two_over_d(sources):
    table = built("slopes", sources(), quantity="matched_distance")
    table = table[~table["centred"]].set_index(["matcher", "layer"])
    for matcher, (_, exponents, sizes) in LAWS.items():
        for layer, (exponent, d) in enumerate(zip(exponents, sizes, strict=True), start=1):
            row = table.loc[(matcher, layer)]
            assert row["slope"] == pytest.approx(exponent, abs=1e-9)
            assert row["predicted"] == pytest.approx(-2 / d)


def test_intervals_are_wider_for_pairs_that_differ_more(sources, tmp_path):
    quiet, loud = (
        built("slopes", sources(noise=noise)).query("matcher == 'am' and not centred").iloc[0]
        for noise in (0.01, 0.3)
    )
    assert quiet["low"] < quiet["slope"] < quiet["high"]
    assert 5 * (quiet["high"] - quiet["low"]) < loud["high"] - loud["low"]


def test_readings_are_scored_by_hand(sources):
    """Over am (-0.5; d = 4, entropy rank 8) and naive_wm (-0.1; d = 100, entropy rank 200)."""
    table = built("readings", sources())
    score = table.set_index(["dimension", "numerator", "largest", "least"])["error"]

    def error(*predicted):
        return pytest.approx(np.sqrt(np.mean((np.array(predicted) - [-0.5, -0.1]) ** 2)))

    assert score["dimension", 1, False, 0.0] == error(-1 / 4, -1 / 100)
    assert score["dimension", 2, False, 0.0] == error(-2 / 4, -2 / 100)
    assert score["centred_dimension", 2, False, 0.0] == error(-2 / 16, -2 / 400)
    assert score["entropy_rank", 1, False, 0.0] == error(-1 / 8, -1 / 200)
    assert score["centred_neighbour_dimension", 1, False, 0.0] == error(-1 / 48, -1 / 1200)
    assert score["dimension", 2, True, 0.0] == error(-2 / 8, -2 / 200)
    assert score["dimension", 1, False, 4.0] == error(-1 / 4, -1 / 100)
    assert score["none", 1, False, 4.0] == error(-1 / 4, -1 / 4)
    assert (np.diff(table["error"]) >= 0).all()
    # The order of the predicted slopes is that of the measured ones, if there is any.
    assert set(table["correlation"].dropna()) == {1.0}
    assert table[table["dimension"] == "none"]["correlation"].isna().all()
    assert table["best"].iloc[0] == 1.0 and (table["points"] == 2).all()


def test_the_largest_layer_is_no_reading_of_a_layers_distance(sources):
    table = built("readings", sources(("e", "f")), ("e", "f"), quantity="matched_distance")
    assert not table["largest"].any()
    assert (table["points"] == 2 * 2 * 2).all()


def test_the_width_that_is_needed_by_hand(sources):
    """am: 2 n^-0.5 = 0.01 identity at n = (200 / identity)^2; and from 2 / 16 at 256 by -1/4."""
    table = built("size_needed", sources(), share=0.01).set_index("matcher")
    row = table.loc["am"]
    assert row["log10_size"] == pytest.approx(np.log10(200**2))
    assert bool(row["extrapolated"]) and row["reached"] == pytest.approx(0.125)
    assert row["exponent"] == pytest.approx(-0.25)
    assert row["log10_predicted"] == pytest.approx(np.log10(256 * 12.5**4))
    assert table.loc["naive_wm", "log10_size"] == pytest.approx(np.log10(200) / 0.1)
    within = built("size_needed", sources(), share=0.2).set_index("matcher").loc["am"]
    assert not within["extrapolated"]
    assert within["log10_size"] == pytest.approx(np.log10(100))


def test_there_is_no_width_needed_without_the_baseline(sources, tmp_path):
    made = sources()
    for path in made["midpoints"]:
        rows = tables.read("path", path).to_pandas()
        about = tables.metadata("path", path)
        run = {k: about[k] for k in ("experiment", "axis", "value", "seed")}
        rows = rows[rows["matcher"] != "identity"].to_dict("records")
        tables.write_rows("path", path, rows, run)
    assert built("size_needed", made).empty


def test_distances_are_shares_of_the_norms(sources):
    table = built("matched_distance", sources())
    assert sorted(table["value"].unique()) == WIDTHS
    for row in table.itertuples():
        exponent = LAWS[row.matcher][1][row.layer - 1]
        assert row.mean == pytest.approx(0.9 * row.value**exponent)
        assert row.low == pytest.approx(row.mean) and row.high == pytest.approx(row.mean)


def test_barriers_are_what_is_above_the_endpoints(sources):
    table = built("barrier", sources()).set_index(["matcher", "value"])
    assert "endpoints" not in table.index.get_level_values("matcher")
    for width in WIDTHS:
        assert table.loc[("am", width), "mean"] == pytest.approx(2 * width**-0.5)
        assert table.loc[("identity", width), "mean"] == pytest.approx(1.0)


def test_pairs_that_diverged_at_one_size_are_left_out_at_all(sources):
    made = sources()
    path = made["midpoints"][0]
    rows = tables.read("path", path).to_pandas()
    about = tables.metadata("path", path)
    run = {k: about[k] for k in ("experiment", "axis", "value", "seed")}
    kept = rows[(rows["network_a"] != 0)].to_dict("records")
    tables.write_rows("path", path, kept, run)
    table = built("slopes", made).query("matcher == 'am' and not centred")
    assert table["slope"].tolist() == pytest.approx([-0.5])
    few = rows[(rows["network_a"] == 2)].to_dict("records")
    tables.write_rows("path", path, few, run)
    for name in ("slopes", "readings", "size_needed", "matched_distance"):
        empty = built(name, made)
        assert empty.empty and len(empty.columns) > 5


def test_a_dead_layer_has_no_prediction(sources):
    made = sources()
    for path in made["dimensions"]:
        rows = tables.read("dimensions", path).to_pandas()
        about = tables.metadata("dimensions", path)
        run = {k: about[k] for k in ("experiment", "axis", "value", "seed")}
        rows.loc[(rows["matcher"] == "am") & (rows["layer"] == 1), "dimension"] = 0.0
        rows = rows.replace({"neighbour_dimension": {np.nan: None}})
        tables.write_rows("dimensions", path, rows.to_dict("records"), run)
    table = built("slopes", made).query("matcher == 'am' and not centred")
    assert table["slope"].tolist() == pytest.approx([-0.5])
    assert table["predicted"].isna().all() and table["low"].notna().all()
    assert (built("readings", made)["points"] == 1).all()
