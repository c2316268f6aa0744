"""`daenr compare`: what may be held against each other stands together, and what can't be read is
named."""

import copy
import csv
import json
import os

import pytest
from runs import RESULTS

from daenr_tf.commands.main import main

DIGEST = RESULTS["dataset"]["digest"]


def run(name, digest=None, drop=(), test=None, **settings):
    """A run's directory of this name, with results as above but for these."""
    results = copy.deepcopy(RESULTS)
    results["config"].update(settings)
    results["dataset"]["digest"] = digest or results["dataset"]["digest"]
    results["test"] = results["test"] if test is None else test
    for key in drop:
        del results[key]
    os.makedirs(name)
    for file, content in (("results.json", results), ("config.json", results["config"])):
        with open(os.path.join(name, file), "w", encoding="utf-8") as stream:
            json.dump(content, stream)
    return name


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def compare(capsys, *arguments, status=0):
    with pytest.raises(SystemExit) as left:
        main(["compare", *arguments])
    out, err = capsys.readouterr()
    assert left.value.code == status, err
    return out, err


def table(block):
    """The rows of a block of text: dicts by column."""
    lines = [line for line in block.splitlines() if line.startswith(("run ", "r_"))]
    starts = [
        i
        for i in range(len(lines[0]))
        if i == 0 or (lines[0][i - 2 : i] == "  " and lines[0][i] != " ")
    ]
    cells = [
        [line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
        for line in lines
    ]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]


def test_a_run_from_before_a_setting_existed_has_its_default(capsys):
    old = run("r_old")
    new = run("r_new", schedule="two-stage")
    config = copy.deepcopy(RESULTS["config"])
    assert "schedule" not in config
    out, _ = compare(capsys, old, new)
    assert "schedule" not in out and "two-stage" not in out


def test_runs_stand_in_one_table_with_the_settings_that_differ(capsys):
    out, err = compare(
        capsys,
        run("r_a"),
        run("r_b", layer=3, image_size=[32, 48], dataset="elsewhere", test={"pcc": None}),
    )
    assert (
        err == ""
        and "SIMULATED data" in out
        and "1440 training, 360 validation, 50 test images, 102 neurons" in out
        and "block" not in out
    )
    first, second = table(out)
    assert list(first) == [
        "run",
        "layer",
        "image_size",
        "validation mean PCC",
        "validation MSE",
        "validation monitored loss",
        "test MSE",
        "test PSNR (dB)",
        "test SSIM",
        "test mean PCC",
        "ceiling",
        "steps",
        "best_step",
        "seconds",
    ]
    assert (
        first["run"] == "r_a"
        and first["layer"] == "2"
        and second["layer"] == "3"
        and second["image_size"] == "32x48"
    )
    assert (
        first["validation mean PCC"] == "0.410"
        and first["test mean PCC"] == "0.500"
        and first["seconds"] == "61"
    )
    assert second["test mean PCC"] == second["test MSE"] == "–"


@pytest.mark.parametrize("other", [{"digest": "b" * 64}, {"seed": 1}])
def test_other_recordings_and_other_splits_stand_apart_and_are_told(other, capsys):
    out, _ = compare(capsys, run("r_a"), run("r_b", **other), run("r_c", layer=1))
    blocks = out.split("\n\n")
    assert [[row["run"] for row in table(block)] for block in blocks] == [["r_a", "r_c"], ["r_b"]]
    assert [block.split(": ")[0] for block in blocks] == ["block 1 of 2", "block 2 of 2"]
    wanted = other.get("digest", DIGEST)[:12], f"split of seed {other.get('seed', 0)}"
    assert all(words in blocks[1].splitlines()[0] for words in wanted)


def test_what_may_be_held_against_each_other_across_blocks_is_said(capsys):
    """The test images never depend on the seed."""
    made = run("r_a"), run("r_b", seed=1), run("r_c", seed=2), run("r_d", digest="b" * 64)
    blocks = [block.splitlines() for block in compare(capsys, *made)[0].split("\n\n")]
    assert blocks[0][1] == (
        "test figures may be compared, and averaged over seeds, with those of blocks 2, 3: the test"
        " images are the same; validation figures may not: the split is another"
    )
    assert "with those of blocks 1, 3:" in blocks[1][1]
    assert [block[2] for block in blocks[:3]] == [
        "not comparable with block 4: another recording or test set"
    ] * 3
    assert blocks[3][1] == "not comparable with blocks 1, 2, 3: another recording or test set"
    assert blocks[3][2].startswith("run ")
    assert "comparable" not in compare(capsys, "r_a")[0]


def test_csv_has_every_run_with_its_block_in_full_precision(capsys):
    compare(capsys, run("r_a"), run("r_b", seed=1, layer=4), "--out", "table.csv")
    with open("table.csv", encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["block"], first["run"], first["recipe"], first["seed"], first["layer"]) == (
        "1",
        "r_a",
        "cae_fr",
        "0",
        "2",
    )
    assert (second["block"], second["seed"], second["layer"], second["digest"]) == (
        "2",
        "1",
        "4",
        DIGEST,
    )
    assert (
        first["seconds"] == "61.4"
        and first["validation_pcc"] == "0.41"
        and first["test_psnr"] == "20.0"
        and first["parameters"] == "1000"
    )


def with_codes(name):
    """A run whose results have linear codes, one of which has no SSIM."""
    run(name)
    held_out = {"mse": 0.02, "psnr": 23.0, "ssim": 0.8}
    code = {"size": 100, "mse": 0.03, "psnr": 21.25, "ssim": 0.7, "validation": held_out}
    codes = {"dct": code, "pca": {**code, "mse": 0.0214, "ssim": None}}
    with open(os.path.join(name, "results.json"), "w", encoding="utf-8") as file:
        json.dump({**RESULTS, "linear_codes": codes}, file)
    return name


def test_linear_codes_stand_beside_the_figures_of_reconstructions(capsys):
    out, _ = compare(capsys, with_codes("r_a"), run("r_b"), "--out", "table.csv")
    first, second = table(out)
    assert first["DCT/PCA MSE"] == "0.030/0.021" and first["DCT/PCA PSNR (dB)"] == "21.250/21.250"
    assert first["DCT/PCA SSIM"] == "0.700/–" and second["DCT/PCA MSE"] == "–/–"
    with open("table.csv", encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["dct_size"], first["pca_mse"], first["pca_ssim"]) == ("100", "0.0214", "")
    assert second["dct_mse"] == ""


def test_a_run_without_validation_figures_is_compared_by_what_it_has(capsys):
    out, _ = compare(capsys, run("r_a", drop=["validation"]))
    assert "no run here has validation figures" in out and table(out)[0]["test MSE"] == "0.040"


def test_a_run_named_twice_stands_there_once(capsys):
    assert len(table(compare(capsys, run("r_a"), "r_a", "./r_a/")[0])) == 1


def damaged(name):
    run(name)
    with open(os.path.join(name, "results.json"), "r+", encoding="utf-8") as file:
        file.truncate(100)
    return name


def unfinished(name):
    run(name)
    os.remove(os.path.join(name, "results.json"))
    return name


LEFT_OUT = {
    "unfinished": (unfinished, "bad: expected a finished run, found one without results.json"),
    "cut off": (
        damaged,
        "bad/results.json: expected a run's results, found no JSON text (Expecting",
    ),
    "skipped": (
        lambda name: run(name, drop=["test", "steps"]),
        "bad/results.json: expected a run's results, found no 'test'",
    ),
    "no run": (
        lambda name: os.makedirs(name) or name,
        "bad: expected a run's directory, found none",
    ),
    "nothing": (lambda name: name, "bad: expected a run's directory, found no such directory"),
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_a_run_that_can_not_be_read_is_named_and_left_out(kind, capsys):
    make, words = LEFT_OUT[kind]
    out, err = compare(capsys, make("bad"), run("r_a"))
    assert (
        err.startswith(f"left out: {words}")
        and err.count("\n") == 1
        and [row["run"] for row in table(out)] == ["r_a"]
    )
    out, err = compare(capsys, "bad", "--out", "table.csv", status=2)
    assert (
        out == ""
        and err.startswith(f"daenr compare: {words}")
        and err.count("\n") == 1
        and not os.path.exists("table.csv")
    )


HOSTILE = {
    "a time beyond all floats": (("seconds",), 10**400),
    "a setting beyond all floats": (("config", "beta"), 10**400),
    "steps without end": (("steps",), float("inf")),
    "a number that is text": (("parameters",), "many"),
    "a figure that is text": (("validation", "pcc"), "high"),
    "a seed that is a list": (("config", "seed"), [1]),
    "a recipe that is a number": (("config", "recipe"), 5),
    "counts that are a number": (("dataset", "counts"), 3),
    "a name that is a number": (("dataset", "name"), 7),
    "no test figures by name": (("test",), [0.5]),
    "linear codes that are a list": (("linear_codes",), ["dct"]),
    "a linear code without figures": (("linear_codes",), {"pca": {"size": 100}}),
    "a linear code of no size": (
        ("linear_codes",),
        {"dct": {"size": "a", "mse": 1, "psnr": 1, "ssim": 1}},
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_no_run_writes_is_refused_in_one_line(case, capsys):
    (*outer, last), value = HOSTILE[case]
    results = json.loads(json.dumps(RESULTS))
    part = results[outer[0]] if outer else results
    part[last] = value
    run("r_a")
    with open("r_a/results.json", "w", encoding="utf-8") as file:
        json.dump(results, file)
    out, err = compare(capsys, "r_a", "--out", "table.csv", status=2)
    assert out == "" and err.count("\n") == 1 and not os.path.exists("table.csv")
    assert err.startswith("daenr compare: r_a/results.json: expected a run's results, found ")
    assert len(err) < 300


def test_names_that_no_file_can_hold_are_shown_escaped(capsys):
    compare(
        capsys, run("r_a", **{"\ud800": "\ud801"}), run("r_b", recipe="\ud802"), "--out", "t.csv"
    )
    with open("t.csv", encoding="utf-8") as file:
        text = file.read()
    assert all(name in text for name in (r"\ud800", r"\ud801", r"\ud802"))


@pytest.mark.parametrize("out", ["table.txt", "nowhere/table.csv", "r_a"])
def test_a_place_for_the_table_that_can_not_be_is_refused(out, capsys):
    _, err = compare(capsys, run("r_a"), "--out", out, status=2)
    assert f"--out: expected a .csv file in a directory that is there, found {out}" in err


# Without a network


def baselines(digest=DIGEST, seed=0, gabor=0.45, **changes):
    """A baselines.json of a recording and a split."""
    figures = {
        "mean": {"title": "mean rate", "validation": {"pcc": 0.0}, "test": {"pcc": 0.0}},
        "gabor": {"title": "Gabors", "validation": {"pcc": gabor}, "test": {"pcc": 0.3}},
    }
    found = {"dataset": {"digest": digest}, "config": {"seed": seed}, "baselines": figures}
    with open("baselines.json", "w", encoding="utf-8") as stream:
        json.dump({**found, **changes}, stream)
    return "baselines.json"


def test_a_run_that_does_not_beat_the_best_baseline_is_told_so_in_its_block(capsys):
    runs = run("r_a"), run("r_b", seed=1)
    out, err = compare(capsys, *runs, "--baselines", baselines())
    first, second = out.split("\n\n")
    assert "validation and test mean PCC: mean rate 0.000, 0.000; Gabors 0.450, 0.300" in first
    assert "r_a does not beat Gabors (validation mean PCC 0.410 against 0.450; test 0.500" in first
    assert "Gabors" not in second and err == ""
    out, _ = compare(capsys, *runs, "--baselines", baselines(gabor=0.4))
    assert "Gabors 0.400" in out and "does not beat" not in out


def test_baselines_of_no_runs_recording_are_not_told(capsys):
    for other in ({"digest": "f" * 64}, {"seed": 5}):
        out, err = compare(capsys, run(f"r_{len(os.listdir())}"), "--baselines", baselines(**other))
        assert "Gabors" not in out and "baselines.json: of another recording, or another" in err


@pytest.mark.parametrize(
    "changes", [{"baselines": {}}, {"baselines": {"a": {"title": "a"}}}, {"dataset": 3}]
)
def test_a_file_that_is_no_baselines_is_refused(changes, capsys):
    _, err = compare(capsys, run("r_a"), "--baselines", baselines(**changes), status=2)
    assert "baselines.json: expected what daenr baselines --out writes" in err
    assert err.count("\n") == 1


def test_a_quick_run_is_called_one(capsys):
    out, _ = compare(capsys, run("r_a", quick=True), run("r_b", quick=False))
    assert "r_a (quick run)" in out and "r_b (quick run)" not in out
