"""What the page of `daenr explore` keeps, lists and draws: plain data, without a model."""

import base64
import io
import json
import threading

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from daenr_tf.explore import charts, listing
from daenr_tf.explore.kept import Kept


def test_a_thing_is_made_once_whichever_threads_ask():
    kept, made, begin = Kept(), [], threading.Barrier(8)

    def make():
        made.append(1)
        return object()

    found = []

    def ask():
        begin.wait()
        found.append(kept.get("key", make))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(set(map(id, found))) == 1


def test_a_failure_is_not_kept_and_the_longest_unused_is_forgotten():
    kept = Kept(2)
    with pytest.raises(ZeroDivisionError):
        kept.get(1, lambda: 1 / 0)
    assert 1 not in kept and kept.get(1, lambda: "one") == "one"
    kept.get(2, str), kept.get(1, str), kept.get(3, str)
    assert [key in kept for key in (1, 2, 3)] == [True, False, True]


def test_neurons_without_a_figure_come_last_in_every_order():
    table = pd.DataFrame(
        {"pcc": [0.2, np.nan, 0.6, 0.5], "noise_ceiling": [0.05, 0.5, 0.8, np.nan]}
    )
    rows = listing.rows_of(table, 4)
    expected = {"neuron": 2, "pcc": 0.6, "ceiling": 0.8, "share": 0.75, "compared": 0.6}
    assert rows[2] == expected
    table["pcc_repeated"] = 0.4  # over the images that the ceiling is of
    assert listing.rows_of(table, 4)[2] == {**expected, "share": 0.5, "compared": 0.4}
    assert rows[0]["share"] is None  # of a ceiling under 0.1

    def order(name):
        return [row["neuron"] for row in listing.ordered(rows, name)]

    assert order("number") == [0, 1, 2, 3]
    assert order("PCC, best first") == [2, 3, 0, 1]
    assert order("ceiling, highest first") == [2, 1, 0, 3]
    assert order("share of the ceiling, best first")[0] == 2
    unknown = listing.rows_of(None, 2)
    assert [row["pcc"] for row in listing.ordered(unknown, "PCC, best first")] == [None, None]


def test_bars_are_the_largest_responses_in_their_order():
    responses = np.random.default_rng(0).uniform(0, 5, 50)
    options = charts.bars(responses)
    (series,) = options["series"]
    best = np.sort(responses)[::-1][: charts.MOST_BARS]
    np.testing.assert_allclose(series["data"], best, atol=1e-4)
    named = [int(name) for name in options["xAxis"]["data"]]
    np.testing.assert_allclose(responses[named], best)
    assert options["xAxis"]["name"] == "neuron" and "per presentation" in options["yAxis"]["name"]
    assert f"neuron {named[0]}: {best[0]:.2f}" in charts.bars_in_words(responses, "title")
    json.dumps(options, allow_nan=False)


def test_a_curve_has_its_unit_and_says_its_peak():
    values, responses = np.array([0.0, 10, 20]), np.array([1.0, 3.0, 2.0])
    options = charts.curve(values, responses, "orientation (degrees)")
    assert options["series"][0]["data"] == [[0, 1], [10, 3], [20, 2]]
    assert options["xAxis"]["name"] == "orientation (degrees)"
    assert "3.00 per presentation at 10" in charts.curve_in_words(values, responses, "a", "b")


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_of_the_page_has_the_pixels_that_the_model_sees(channels):
    image = np.random.default_rng(0).uniform(-1.2, 1.2, (8, 12, channels))
    start, content = charts.picture(image).split(",")
    assert start == "data:image/png;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))), float)
    shown = shown.reshape(8, 12, channels)
    np.testing.assert_allclose(shown / 127.5 - 1, np.clip(image, -1, 1), atol=1 / 255 + 1e-9)
