"""Our numbers beside published ones, on numbers computed by hand."""

import math
import warnings

import pandas as pd
import pytest

from lmc_ot.reporting import comparison


def result(matcher, rate, midpoint, a=0.1, b=0.3, diverged=False, split="test", experiment="e"):
    return {
        "experiment": experiment,
        "axis": "training.learning_rate",
        "value": rate,
        "matcher": matcher,
        "split": split,
        "diverged": diverged,
        "midpoint_loss": midpoint,
        "endpoint_a_loss": a,
        "endpoint_b_loss": b,
        "endpoint_a_accuracy": 1 - a,
        "endpoint_b_accuracy": 1 - b,
    }


@pytest.fixture
def results():
    return pd.DataFrame(
        [
            result("naive_wm", 0.1, 1.0),
            result("naive_wm", 0.1, 3.0, a=0.2, b=0.4),
            result("identity", 0.1, 9.0),
            result("identity", 0.1, 9.0, a=0.2, b=0.4),
            result("naive_wm", 0.1, math.nan, math.nan, math.nan, diverged=True),
            result("naive_wm", 0.1, 77.0, split="train"),
            result("naive_wm", 0.1, 77.0, experiment="other"),
            result("naive_wm", 0.2, 5.0),
        ]
    )


@pytest.fixture
def dimensions():
    rows = []
    for network, size in enumerate((10.0, 14.0)):
        for layer in (1, 2):
            for centred in (False, True):
                rows.append(
                    {
                        "experiment": "e",
                        "axis": "training.learning_rate",
                        "value": 0.1,
                        "matcher": "am",
                        "network": network,
                        "layer": layer,
                        "centred": centred,
                        "dimension": size * layer + 1000 * centred,
                    }
                )
    return pd.DataFrame(rows)


def published(*rows):
    """As `lmc_ot.reporting.published.read` gives them: None where the file has nothing."""
    absent = {"experiment": "p", "layer": None, "std": None, "n": 4.0, "provenance": "read off"}
    return {"e": [absent | row for row in rows]}


def midpoint(rate, value=4.0, **more):
    return {
        "quantity": "midpoint_test_loss",
        "method": "naive_wm",
        "learning_rate": rate,
        "value": value,
        **more,
    }


def only(frame):
    assert len(frame) == 1
    return frame.iloc[0]


def test_a_midpoint_loss_by_hand(results, dimensions):
    """1 and 3: mean 2, deviation 1 (ddof 0), standard error sqrt(2 / 2) = 1; 2 - 4 = -2."""
    row = only(comparison.compare(results, dimensions, published(midpoint(0.1))))
    assert (row["experiment"], row["quantity"], row["method"]) == (
        "e",
        "midpoint_test_loss",
        "naive_wm",
    )
    assert (row["measured"], row["measured_std"], row["measured_n"]) == (2, 1, 2)
    assert (row["published"], row["published_n"], row["ratio"]) == (4, 4, 0.5)
    assert math.isnan(row["published_std"]) and pd.isna(row["layer"])
    assert row["standard_errors"] == pytest.approx(-2)
    assert row["provenance"] == "read off"


def test_a_published_spread_counts_in_the_standard_error(results, dimensions):
    """sqrt(1 + 3^2 / (4 - 1)) = 2: both deviations are of ddof 0."""
    row = only(comparison.compare(results, dimensions, published(midpoint(0.1, std=3.0))))
    assert row["standard_errors"] == pytest.approx(-1)


def test_endpoints_are_counted_once_a_network(results, dimensions):
    """.1, .3, .2, .4, though two matchers were measured; their variance is .05 / 3 (ddof 1)."""
    loss = {"quantity": "endpoint_test_loss", "method": "model", "learning_rate": 0.1, "value": 0.2}
    accuracy = {**loss, "quantity": "endpoint_test_accuracy", "value": 0.5}
    frame = comparison.compare(results, dimensions, published(loss, accuracy))
    first, second = frame.iloc[0], frame.iloc[1]
    assert first["measured_n"] == second["measured_n"] == 4
    assert first["measured"] == pytest.approx(0.25)
    assert first["measured_std"] == pytest.approx(math.sqrt(0.0125))
    assert first["standard_errors"] == pytest.approx(0.05 / math.sqrt(0.05 / 3 / 4))
    assert second["measured"] == pytest.approx(0.75)
    assert second["ratio"] == pytest.approx(1.5)


def test_dimensions_are_those_of_the_layer_uncentred(results, dimensions):
    row = {
        "quantity": "approximate_dimension",
        "method": "am",
        "layer": 2,
        "learning_rate": 0.1,
        "value": 24.0,
    }
    row = only(comparison.compare(results, dimensions, published(row)))
    assert row["layer"] == 2
    assert (row["measured"], row["measured_std"], row["measured_n"]) == (24, 4, 2)
    assert row["standard_errors"] == 0


@pytest.mark.parametrize(("rate", "n"), [(0.1003, 2), (0.0997, 2), (0.101, 0), (0.099, 0)])
def test_rates_match_to_their_printed_digits(results, dimensions, rate, n):
    row = only(comparison.compare(results, dimensions, published(midpoint(rate))))
    assert row["measured_n"] == n


def test_an_experiment_with_another_axis_has_nothing_to_compare(results, dimensions):
    results["axis"] = "training.epochs"
    row = only(comparison.compare(results, dimensions, published(midpoint(0.1))))
    assert row["measured_n"] == 0


@pytest.mark.parametrize("quantity", ["midpoint_test_loss", "endpoint_test_loss"])
def test_what_was_not_measured_is_missing(results, dimensions, quantity):
    missing = {**midpoint(0.5), "quantity": quantity}
    row = only(comparison.compare(results, dimensions, published(missing)))
    assert row["measured_n"] == 0 and row["published"] == 4
    for name in ("measured", "measured_std", "ratio", "standard_errors"):
        assert math.isnan(row[name])


def test_dead_layers_are_in_no_mean_and_equal_values_have_no_standard_error(results, dimensions):
    """As in the figures; and no warning of a division by zero."""
    number = {"quantity": "approximate_dimension", "method": "am", "layer": 1,
              "learning_rate": 0.1, "value": 20.0}  # fmt: skip
    dimensions.loc[dimensions["network"] == 0, "dimension"] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = only(comparison.compare(results, dimensions, published(number)))
        assert (row["measured"], row["measured_n"], row["ratio"]) == (14, 1, 0.7)
        dimensions["dimension"] = 14.0
        row = only(comparison.compare(results, dimensions, published(number)))
        assert row["measured_n"] == 2 and math.isnan(row["standard_errors"])
        dimensions["dimension"] = 0.0
        table = comparison.compare(results, dimensions, published(number))
        assert table["measured_n"].tolist() == [0]
        assert "nan" not in comparison.markdown(table)


def test_a_single_measurement_has_no_standard_error(results, dimensions):
    row = only(comparison.compare(results, dimensions, published(midpoint(0.2))))
    assert (row["measured"], row["measured_n"], row["ratio"]) == (5, 1, 1.25)
    assert math.isnan(row["standard_errors"])


def test_the_page_has_a_row_for_every_number(results, dimensions):
    rows = [
        midpoint(0.1, std=0.25),
        midpoint(0.5),
        {
            "quantity": "approximate_dimension",
            "method": "am",
            "layer": 2,
            "learning_rate": 0.1,
            "value": 20.0,
        },
    ]
    page = comparison.markdown(comparison.compare(results, dimensions, published(*rows)))
    lines = page.splitlines()
    assert "## e: midpoint test loss" in lines and "## e: approximate dimension" in lines
    assert "| naive_wm |  | 0.1 | 4 ± 0.25 | 2 ± 1 | 0.500 | -2.0 |" in lines
    assert "| naive_wm |  | 0.5 | 4 | not measured | | |" in lines
    assert any(line.startswith("| am | 2 | 0.1 | 20 | 24 ± 4 | 1.200 |") for line in lines)
    assert "Published: read off." in lines
    cells = {line.count("|") for line in lines if line.startswith("|")}
    assert cells == {8}


def test_a_single_measurement_leaves_its_cell_of_the_page_empty(results, dimensions):
    page = comparison.markdown(comparison.compare(results, dimensions, published(midpoint(0.2))))
    assert "| naive_wm |  | 0.2 | 4 | 5 ± 0 | 1.250 |  |" in page.splitlines()
