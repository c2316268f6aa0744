"""A finished cell whose files were damaged: it is named with its reason, left out of everything, and nothing else changes."""

import functools
import hashlib
import json
import math
import os
import re
import shutil

import numpy as np
import pytest
import studies
from refusal import refused
from runs import write_recording

from daenr_tf.commands import cell as cell_command
from daenr_tf.experiments import cell_outputs, forecast, grid
from daenr_tf.experiments.cells import SHUFFLED, SIGNIFICANT_CV, Cell, Variant, setting
from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.report import page
from daenr_tf.experiments.study import Study, cell_directory
from daenr_tf.plotting import canvas
from daenr_tf.recordings.load import load_recording

PLAN = plan(("table4",), (3,), (2,), None, 2)
VICTIM = PLAN.cells[1]
STUDY = Study("simulated")
FILES = ("results.json", "history.csv", "neurons.csv", "outputs.npz")


def replaced(name, content):
    """A file has other bytes."""
    return lambda place: (place / name).write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )


def cut(name, share):
    """A file ends early."""
    return lambda place: os.truncate(place / name, int(share * os.path.getsize(place / name)))


def directory_instead(name):
    def damage(place):
        (place / name).unlink()
        (place / name).mkdir()

    return damage


def pipe_instead(name):
    def damage(place):
        (place / name).unlink()
        os.mkfifo(place / name)

    return damage


def dangling(name):
    def damage(place):
        (place / name).unlink()
        (place / name).symlink_to("nowhere")

    return damage


def gone(name):
    return lambda place: (place / name).unlink()


CODE = {
    "size": 100,
    "mse": 0.03,
    "psnr": 21.0,
    "ssim": None,
    "validation": {"mse": 0.02, "psnr": None, "ssim": 0.8},
}  # of what results.json says of a linear code


def entry(value, *keys):
    """An entry of results.json is another; a value "gone" takes it away."""

    def damage(place):
        results = json.loads((place / "results.json").read_text())
        inside = functools.reduce(dict.__getitem__, keys[:-1], results)
        inside[keys[-1]] = value
        if value == "gone":
            del inside[keys[-1]]
        (place / "results.json").write_text(json.dumps(results))

    return damage


def arrays(change):
    """Other arrays in outputs.npz: a function of the dict of those that are there."""

    def damage(place):
        with np.load(place / "outputs.npz") as file:
            found = dict(file)
        np.savez(place / "outputs.npz", **found | change(found))

    return damage


def without(name):
    def damage(place):
        with np.load(place / "outputs.npz") as file:
            found = {key: value for key, value in file.items() if key != name}
        np.savez(place / "outputs.npz", **found)

    return damage


def line(name, number, change):
    """A line of a CSV file is another."""

    def damage(place):
        lines = (place / name).read_text().splitlines()
        lines[number] = change(lines[number])
        (place / name).write_text("\n".join(lines) + "\n")

    return damage


def nan_in(name):
    def change(found):
        array = found[name].copy()
        array.flat[0] = np.nan
        return {name: array}

    return arrays(change)


FORMS = [
    (f"{name} {what}", damage(name))
    for name in FILES
    for what, damage in (
        ("empty", functools.partial(replaced, content=b"")),
        ("garbage", functools.partial(replaced, content=bytes(range(256)))),
        ("object", functools.partial(replaced, content="{}")),
        ("list", functools.partial(replaced, content="[]")),
        ("control", functools.partial(replaced, content="a,b\n\x1b[2J\x00,\u202e\n")),
        ("half", functools.partial(cut, share=0.5)),
        ("directory", directory_instead),
        ("pipe", pipe_instead),
        ("dangling", dangling),
        *([("gone", gone)] if name != "results.json" else []),
    )
]
RESULTS = [
    (f"results.json {words}", damage)
    for words, damage in (
        ("nested", replaced("results.json", "[" * 100_000)),
        ("nested less", replaced("results.json", '{"cell": ' + "[" * 400 + "]" * 400 + "}")),
        (
            "nan",
            lambda place: (place / "results.json").write_text(
                (place / "results.json").read_text().replace("12.5", "NaN")
            ),
        ),
        ("other cell", entry(10**6, "cell", "seed")),
        ("no cell", entry("gone", "cell")),
        ("cell text", entry("x", "cell")),
        ("other recording", entry("0" * 64, "recording")),
        ("no recording", entry("gone", "recording")),
        ("other part", entry("0" * 64, "dataset", "digest")),
        ("dataset list", entry([], "dataset")),
        ("no dataset", entry("gone", "dataset")),
        ("simulated text", entry("yes", "dataset", "simulated")),
        ("recorded", entry(False, "dataset", "simulated")),
        ("name number", entry(3, "dataset", "name")),
        ("steps text", entry("600", "steps")),
        ("steps true", entry(True, "steps")),
        ("steps float", entry(600.5, "steps")),
        ("steps beside history", entry(650, "steps")),
        ("steps huge", entry(10**400, "steps")),
        ("no steps", entry("gone", "steps")),
        ("best beside history", entry(401, "best_step")),
        ("best late", entry(700, "best_step")),
        ("best null", entry(None, "best_step")),
        ("seconds text", entry("\x1b[2J", "seconds")),
        ("seconds negative", entry(-1, "seconds")),
        ("seconds huge", entry(1e300, "seconds")),
        ("versions list", entry(["numpy"], "versions")),
        ("versions empty", entry({}, "versions")),
        ("versions nested", entry({"numpy": [1]}, "versions")),
        ("notes text", entry("note", "notes")),
        ("notes numbers", entry([1], "notes")),
        ("test list", entry([0.5], "test")),
        ("test text", entry({"mse": "low"}, "test")),
        ("threads number", entry(2, "threads")),
        ("threads text", entry(["2"], "threads")),
        ("threads none", entry([], "threads")),
        ("threads zero", entry([0], "threads")),
        ("codes list", entry([0.5], "linear_codes")),
        ("codes missing", entry({"dct": CODE}, "linear_codes")),
        ("code a number", entry({"dct": CODE, "pca": 3}, "linear_codes")),
        ("code's size", entry({"dct": CODE, "pca": CODE | {"size": 1.5}}, "linear_codes")),
        ("code's figure", entry({"dct": CODE, "pca": CODE | {"mse": "low"}}, "linear_codes")),
        ("code huge", entry({"dct": CODE, "pca": CODE | {"mse": 10**400}}, "linear_codes")),
        ("code held out", entry({"dct": CODE, "pca": CODE | {"validation": 1}}, "linear_codes")),
        ("end unknown", entry("boredom", "stopped_by")),
        ("end a list", entry(["patience"], "stopped_by")),
        ("skipped", entry("no neuron is all", "skipped")),
        ("skipped null", entry(None, "skipped")),
    )
]
HISTORY = [
    (f"history.csv {words}", damage)
    for words, damage in (
        (
            "head only",
            lambda place: (place / "history.csv").write_text(
                (place / "history.csv").read_text().splitlines()[0] + "\n"
            ),
        ),
        (
            "no loss",
            line("history.csv", 0, lambda head: head.replace("val_response", "val_answer")),
        ),
        ("twice", line("history.csv", 0, lambda head: head.replace("train_loss", "val_loss"))),
        ("text", line("history.csv", 3, lambda row: row.replace("150", "many", 1))),
        ("not finite", line("history.csv", 3, lambda row: row.rsplit(",", 1)[0] + ",inf")),
        ("missing", line("history.csv", 3, lambda row: row.rsplit(",", 1)[0] + ",")),
        ("short row", line("history.csv", 3, lambda row: row.rsplit(",", 1)[0])),
        ("long row", line("history.csv", 3, lambda row: row + ",1")),
        ("steps fall", line("history.csv", 3, lambda row: row.replace("150", "90", 1))),
        ("cut at a line", line("history.csv", -1, lambda row: "")),
    )
]
NEURONS = [
    (f"neurons.csv {words}", damage)
    for words, damage in (
        ("fewer", line("neurons.csv", -1, lambda row: "")),
        ("text", line("neurons.csv", 2, lambda row: "1,high" + ",0.01,True,0.8,")),
        ("nan", line("neurons.csv", 2, lambda row: "1,nan,0.01,True,0.8,")),
        ("order", line("neurons.csv", 2, lambda row: "4" + row[1:])),
        ("columns", line("neurons.csv", 0, lambda head: head.replace("pcc", "r", 1))),
    )
]
ARRAYS = [
    (f"outputs.npz {words}", damage)
    for words, damage in (
        ("no response", without("response")),
        ("no neurons", without("neurons")),
        ("another", arrays(lambda found: {"extra": np.zeros(3)})),
        ("flat", arrays(lambda found: {"response": found["response"].ravel()})),
        ("fewer images", arrays(lambda found: {"response": found["response"][1:]})),
        (
            "fewer neurons",
            arrays(
                lambda found: {
                    "response": found["response"][:, 1:],
                    "neurons": found["neurons"][1:],
                    "validation_pcc": found["validation_pcc"][1:],
                }
            ),
        ),
        ("float64", arrays(lambda found: {"response": found["response"].astype(float)})),
        ("whole", arrays(lambda found: {"response": found["response"] > 0})),
        ("nan", nan_in("response")),
        ("validation nan", nan_in("validation_pcc")),
        ("originals nan", nan_in("originals")),
        ("neuron twice", arrays(lambda found: {"neurons": found["neurons"] // 2})),
        ("neurons float", arrays(lambda found: {"neurons": found["neurons"] + 0.5})),
        ("no neuron", arrays(lambda found: {"neurons": found["neurons"][:0]})),
        ("one number", arrays(lambda found: {"neurons": np.asarray(3)})),
        ("small originals", arrays(lambda found: {"originals": found["originals"][:, :16]})),
        ("no validation", arrays(lambda found: {"validation_images": np.asarray(0)})),
        ("objects", arrays(lambda found: {"response": np.array([{}], object)})),
    )
]
DAMAGES = FORMS + RESULTS + HISTORY + NEURONS + ARRAYS


@pytest.fixture(scope="module")
def found():
    return studies.recordings((3,))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, found):
    """A finished study without its report."""
    folder = tmp_path_factory.mktemp("whole")
    studies.finish(str(folder), PLAN, found)
    return folder


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "study")


def looked_at(folder, chosen, found):
    """What the grid makes of the finished cells: (`outputs.Finished`, list of `Outcome`)."""
    finished = studies.finished(folder, STUDY, found)
    kept = [cell for cell in chosen.cells if grid.is_finished(str(folder), cell)]
    return finished, [grid._seen(grid.Outcome(cell, "kept", 0.0), finished.read) for cell in kept]


def written(folder, chosen, found):
    """The report of a study as the command writes it: (page, {name: content's hash} of tables and figures)."""
    finished, outcomes = looked_at(folder, chosen, found)
    page.write_report(finished, chosen, outcomes, "python -m recipes.table4", 1.0)
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for kind in ("tables", "figures")
        for path in (folder / kind).iterdir()
    }
    return (folder / "report.html").read_text("utf-8"), files


@pytest.mark.parametrize(
    "damage", [damage for _, damage in DAMAGES], ids=[words for words, _ in DAMAGES]
)
def test_a_damaged_cell_is_refused_in_one_line_that_says_why(damage, copy, found):
    place = copy / "cells" / VICTIM.name
    damage(place)
    _, outcomes = looked_at(copy, PLAN, found)
    assert {outcome.cell: outcome.status for outcome in outcomes} == {
        cell: "damaged" if cell == VICTIM else "kept" for cell in PLAN.cells
    }
    said = next(outcome.message for outcome in outcomes if outcome.cell == VICTIM)
    assert said.isprintable() and len(said) < 1000
    assert re.fullmatch(
        rf"{re.escape(str(place))}/({'|'.join(map(re.escape, FILES))}).*: expected .*, found .*; remove {re.escape(str(place))} .*",
        said,
    ), said


def test_the_report_names_every_damaged_cell_and_nothing_counts_them(found, tmp_path, monkeypatch):
    """Each cell is damaged in a way of its own, apart from those of two seeds: all else is as if the damaged ones weren't there."""
    monkeypatch.setattr(canvas, "DPI", 20)
    chosen = plan(("table4",), (3,), (2,), None, 2 + math.ceil(len(DAMAGES) / 2))
    studies.finish(str(tmp_path / "damaged"), chosen, found)
    victims = [cell for cell in chosen.cells if cell.seed > 1]
    shutil.copytree(tmp_path / "damaged", tmp_path / "without")
    for i, cell in enumerate(victims):
        DAMAGES[i % len(DAMAGES)][1](tmp_path / "damaged" / "cells" / cell.name)
        shutil.rmtree(tmp_path / "without" / "cells" / cell.name)
    page, files = written(tmp_path / "damaged", chosen, found)
    assert all(
        f"<code>{cell.name}</code></th><td>damaged</td><td>{tmp_path}/damaged/cells/{cell.name}/"
        in page
        for cell in victims
    )
    assert f"4 of {len(chosen.cells)} cells finished" in page and f"{len(victims)} damaged" in page
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", page)
    assert files == written(tmp_path / "without", chosen, found)[1]


def test_a_damaged_cell_is_told_by_a_dry_run_and_not_counted_among_its_times(
    copy, found, monkeypatch
):
    monkeypatch.setattr(
        forecast,
        "_seconds_per_step",
        lambda cells, *_: {cell.setting.system.encoder: 0.01 for cell in cells},
    )
    replaced("results.json", "{}")(copy / "cells" / VICTIM.name)
    shutil.rmtree(cell_directory(copy, PLAN.cells[0]))
    lines = forecast.describe(PLAN, studies.finished(copy, STUDY, found), 1).splitlines()
    assert lines[0] == PLAN.cells[0].name and lines[2:4] == [
        f"{cell.name}  (finished)" for cell in PLAN.cells[2:]
    ]
    assert lines[1].startswith(f"{VICTIM.name}  (damaged: ") and "expected this cell" in lines[1]
    assert lines[4] == "4 cells on SIMULATED data, 2 of them finished, 1 damaged"
    assert lines[-1].startswith("about 1 min with 1 cell at once on this machine")
    one = plan(("table4",), (3,), (2,), ("cnn_fr",), 1)
    lines = forecast.describe(one, studies.finished(copy, STUDY, found), 1).splitlines()
    assert lines[1] == "1 cell on SIMULATED data, 0 of them finished"


def test_texts_out_of_files_are_printable_where_they_are_shown(copy, found, monkeypatch):
    monkeypatch.setattr(canvas, "DPI", 20)
    entry({"numpy": "2\x1b[2J\ud800", "\u202ekeras": None}, "versions")(
        copy / "cells" / VICTIM.name
    )
    page, _ = written(copy, PLAN, found)
    assert "4 of 4 cells finished" in page and "2\\x1b[2J\\ud800" in page and "\\u202ekeras" in page


def test_a_cell_that_ended_well_and_left_files_that_cannot_be_read_is_told(copy, found):
    finished = studies.finished(copy, STUDY, found)
    replaced("outputs.npz", b"")(copy / "cells" / VICTIM.name)
    shutil.rmtree(cell_directory(copy, PLAN.cells[0]))
    outcomes = [grid._seen(grid.Outcome(cell, "done", 1.0), finished.read) for cell in PLAN.cells]
    assert [outcome.status for outcome in outcomes] == ["failed", "damaged", "done", "done"]


@pytest.mark.parametrize("group", [SIGNIFICANT_CV, SHUFFLED])
def test_a_cell_is_held_against_its_own_part_of_the_recording(group, found, tmp_path):
    chosen = plan(("table3" if group == SIGNIFICANT_CV else "control",), (3,), (2,), None, 1)
    studies.finish(str(tmp_path), chosen, found)
    cell = next(cell for cell in chosen.cells if cell.setting.group == group)
    finished = studies.finished(tmp_path, STUDY, found)
    assert len(finished.read(cell).neurons) == (
        studies.CHOSEN if group == SIGNIFICANT_CV else studies.NEURONS
    )
    entry(found[3].digest, "dataset", "digest")(tmp_path / "cells" / cell.name)
    with refused("results.json: dataset: digest: expected", "found another"):
        studies.finished(tmp_path, STUDY, found).read(cell)


def test_a_group_without_neurons_is_read_as_such(found, tmp_path):
    chosen = plan(("table3",), (3,), (2,), None, 1)
    cell = next(cell for cell in chosen.cells if cell.setting.group == SIGNIFICANT_CV)
    studies.finish(str(tmp_path), chosen, found, skipped=[cell.name])
    assert (
        studies.finished(tmp_path, STUDY, found).read(cell).skipped == "no neuron is significant-cv"
    )
    entry("0" * 64, "recording")(tmp_path / "cells" / cell.name)
    with refused("results.json: recording: expected the recording with digest"):
        studies.finished(tmp_path, STUDY, found).read(cell)


# The recording, replaced while a study runs


@pytest.fixture
def replaced_recording(tmp_path):
    """A study that began with one recording, whose file has another by now: (study, directory, the digests)."""
    path = write_recording(tmp_path / "mine.npz")
    first = load_recording(path).digest
    study = Study(path, None, "quick", digests={"None": first})
    assert study.recording(None).digest == first
    write_recording(path, seed=1)
    return study, tmp_path / "study", (first, load_recording(path).digest)


def test_a_cell_is_not_trained_on_another_recording_than_the_studys(replaced_recording):
    study, folder, (first, other) = replaced_recording
    cell = Cell(setting("cnn_fr", None, 1, "nrs", 4, weights_region=3), 0)
    study = Study(**json.loads(json.dumps(study.to_dict())))  # as a cell's process gets it
    with refused("mine.npz: expected the recording with digest", first[:12], "found", other[:12]):
        cell_command.run_cell(cell, study, str(folder))
    assert not folder.exists()


def test_the_base_of_a_group_must_be_of_the_studys_recording(found, tmp_path, monkeypatch):
    chosen = plan(("table3",), (3,), (2,), None, 1)
    studies.finish(str(tmp_path), chosen, found)
    cell = next(cell for cell in chosen.cells if cell.setting.group == SIGNIFICANT_CV)
    shutil.rmtree(cell_directory(tmp_path, cell))
    entry("0" * 64, "recording")(tmp_path / "cells" / cell.base.name)
    monkeypatch.setattr(Study, "recording", lambda self, region: found[region])
    with refused(f"{cell.base.name}/results.json: recording: expected the recording with digest"):
        cell_command.run_cell(cell, STUDY, str(tmp_path))
    shutil.rmtree(cell_directory(tmp_path, cell.base))
    with refused(f"{cell.base.name}: expected to be finished"):
        cell_command.run_cell(cell, STUDY, str(tmp_path))
    assert not os.path.exists(cell_directory(tmp_path, cell))


def test_a_share_of_the_images_is_a_part_of_every_larger_share_and_the_test_images_are_all_there():
    recording = studies.recordings((3,))[3]
    parts = {}
    for share in (0.25, 0.5, 1.0):
        cell = Cell(setting("cnn_fr", 3, 2, "nrs", 4, variant=Variant(share=share)), 1)
        parts[share] = cell_outputs.part_of(recording, cell, np.arange(recording.neurons))
        assert len(parts[share].images) == len(parts[share].responses) == round(share * 40)
        np.testing.assert_array_equal(parts[share].test_images, recording.test_images)
    rows = {share: {one.tobytes() for one in part.images} for share, part in parts.items()}
    assert rows[0.25] < rows[0.5] < rows[1.0]
    by_image = {
        one.tobytes(): responses.tobytes()
        for one, responses in zip(recording.images, recording.responses, strict=True)
    }
    for one, responses in zip(parts[0.25].images, parts[0.25].responses, strict=True):
        assert by_image[one.tobytes()] == responses.tobytes()
    assert len({part.digest for part in parts.values()}) == 3
