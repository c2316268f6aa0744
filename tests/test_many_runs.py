"""`--dataset` given several times: what a run leaves of the whole and of each recording, and what is refused."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from runs import command, go_here, in_this_process, read_json, write_recording

from daenr_tf import Run, evaluate
from daenr_tf.commands import fit
from daenr_tf.commands.main import main
from daenr_tf.runs import own_files
from daenr_tf.runs.summary import summary

NAMES = ("a", "201025")


def write_several(folder):
    """Two recordings; two test images of the first are images of the second. The options that name them."""
    paths = [write_recording(folder / f"{name}.npz", seed) for seed, name in enumerate(NAMES)]
    first, second = (dict(np.load(path)) for path in paths)
    second["images"][:2] = first["test_images"][:2]
    second["responses"] = second["responses"][:, :3]
    second["test_trials"] = second["test_trials"][..., :3]
    np.savez(paths[1], **second)
    return [option for path in paths for option in ("--dataset", path)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(its directory, options, what it said) of a finished run on two recordings."""
    folder = tmp_path_factory.mktemp("several")
    options = write_several(folder)
    return folder, options, go_here("cae_fr", str(folder), *options)


@pytest.fixture(scope="module")
def run(finished):
    return Run.open(finished[0] / "run")


class TestFiles:
    def test_the_whole_and_each_recording_have_theirs(self, finished):
        folder = finished[0] / "run"
        whole = {"config.json", "results.json", "history.csv", "model.keras"}
        of_each = whole | {"neurons.csv", "figures/pcc.png", "figures/reconstructions.png"}
        assert all((folder / name).is_file() for name in whole | {"figures/learning_curves.png"})
        for name in NAMES:
            assert all((folder / "recordings" / name / file).is_file() for file in of_each)
        assert not (folder / "recordings" / "a" / "figures" / "learning_curves.png").exists()

    def test_results_have_each_recording_and_the_means(self, finished):
        results = read_json(finished[0], "run", "results.json")
        each = results["recordings"]
        assert list(each) == list(NAMES)
        for metric in ("mse", "pcc"):
            mean = np.mean([each[name]["test"][metric] for name in NAMES])
            assert results["test"][metric] == pytest.approx(mean)
        pcc = sum(each[name]["test"]["pcc"] for name in NAMES)
        ceiling = sum(each[name]["noise_ceiling"] for name in NAMES)
        assert results["test"]["pcc_normalized"] == pytest.approx(pcc / ceiling)
        counts = results["dataset"]["counts"]
        assert counts == {"train": 126, "validation": 32, "test": 18, "neurons": 7}
        assert each["201025"]["dataset"]["counts"]["neurons"] == 3
        for name in NAMES:
            own = read_json(finished[0], "run", "recordings", name, "results.json")
            assert own["test"] == each[name]["test"] and own["config"]["recording"] == name

    def test_a_table_and_notices_say_what_became_of_each(self, finished):
        said = finished[2]
        assert "means over 2 recordings" in said.stdout and "paper" in said.stdout
        assert "201025: 2 of 80 training images are identical to test images" in said.stderr
        assert "every recording: images of 10x12 are resized to 8x8" in said.stderr

    def test_neurons_of_each(self, finished):
        for name, count in zip(NAMES, (4, 3), strict=True):
            path = finished[0] / "run" / "recordings" / name / "neurons.csv"
            assert len(path.read_text().splitlines()) == 1 + count


@pytest.fixture(scope="module")
def one_repeats(tmp_path_factory):
    """(its directory, what it said) of a run on two recordings, of which the second has averages only."""
    folder = tmp_path_factory.mktemp("one_repeats")
    options = write_several(folder)
    first, second = (dict(np.load(path)) for path in options[1::2])
    second["test_responses"] = second.pop("test_trials").mean(axis=0)
    np.savez(options[3], **second)
    first["test_trials"] += 3 * first["test_trials"][:1]  # so that there is a ceiling
    np.savez(options[1], **first)
    return folder, go_here("cnn_fr", str(folder), *options)


class TestOneHasRepeats:
    def test_the_share_of_the_ceiling_is_of_what_stands_beside_it(self, one_repeats):
        results = read_json(one_repeats[0], "run", "results.json")
        own = results["recordings"]["a"]
        assert results["recordings"]["201025"]["noise_ceiling"] is None
        assert results["noise_ceiling"] == own["noise_ceiling"] > 0.5
        test = results["test"]
        assert test["pcc_repeated"] == own["test"]["pcc"] != test["pcc"]
        assert test["pcc_normalized"] == pytest.approx(test["pcc_repeated"] / own["noise_ceiling"])

    def test_the_table_says_of_how_many_recordings_a_figure_is(self, one_repeats):
        results = read_json(one_repeats[0], "run", "results.json")
        rows = {line.split("  ")[0]: line for line in one_repeats[1].stdout.split("\n")}
        some = " (1 of 2 recordings)"
        assert f"{results['noise_ceiling']:.3f}" in rows[f"mean PCC, repeated images{some}"]
        assert {f"PCC / ceiling{some}", f"FEVE{some}", "mean PCC"} <= set(rows)
        assert f"{results['noise_ceiling']:.3f}" not in rows["mean PCC"]
        assert any("as many as is said beside a figure" in row for row in rows)

    def test_so_it_does_of_a_run_before_there_was_the_row(self, one_repeats):
        results = read_json(one_repeats[0], "run", "results.json")
        del results["test"]["pcc_repeated"]
        rows = {line.split("  ")[0]: line for line in summary(results, "run").split("\n")}
        ceiling = f"{results['noise_ceiling']:.3f} (1 of 2 recordings)"
        assert rows["mean PCC"].endswith(ceiling)


class TestOpened:
    def test_each_recording_is_a_run_with_its_model_and_recording(self, run):
        assert list(run.recordings) == list(NAMES) and run.recording.neurons == 7
        for name, one in run.recordings.items():
            assert one.recording.name == name and one.recordings == {}
            found = evaluate(one.model, one.recording)
            assert found.test["pcc"] == pytest.approx(one.results["test"]["pcc"], abs=1e-5)
            validated = one.results["validation"]["pcc"]
            assert found.validation["pcc"] == pytest.approx(validated, abs=1e-5)
            assert len(one.history) == len(run.history) == 4

    def test_the_parts_are_shared(self, run):
        models = [run.model, *(one.model for one in run.recordings.values())]
        for part in ("encoder", "bottleneck", "decoder"):
            first, *others = (getattr(model, part).get_weights() for model in models)
            for other in others:
                assert all(np.array_equal(*pair) for pair in zip(first, other, strict=True))

    def test_of_one_recording_the_way_it_was(self, tmp_path):
        path = write_recording(tmp_path / "a.npz")
        go_here("cae_fr", str(tmp_path), "--dataset", path)
        config = read_json(tmp_path, "run", "config.json")
        assert config["dataset"] == path and "recording" not in config
        assert not (tmp_path / "run" / "recordings").exists()
        assert "recordings" not in read_json(tmp_path, "run", "results.json")


class TestExports:
    def test_the_whole_answers_by_name_and_each_for_itself(self, finished, run):
        whole = tf.saved_model.load(str(finished[0] / "export" / "1"))
        images = tf.constant(run.recording["a"].test_images, tf.float32)
        answers = whole.signatures["serve_raw"](images=images)
        for name in NAMES:
            path = finished[0] / "export" / "recordings" / name / "1"
            one = tf.saved_model.load(str(path)).signatures["serve_raw"](images=images)
            np.testing.assert_allclose(answers[f"response_{name}"], one["response"], rtol=1e-4)
            assert run.recordings[name].results["saved_model"] == str(path)

    def test_predict_takes_the_directory_of_a_recording(self, finished, tmp_path):
        out, run_dir = tmp_path / "answers.csv", finished[0] / "run"
        images = tmp_path / "images.npy"
        np.save(images, np.load(finished[0] / "a.npz")["test_images"])
        for place, count in ((run_dir / "recordings" / "201025", 3), (run_dir, 7)):
            done = in_this_process(main, ["predict", str(place), str(images), "--out", str(out)])
            assert done.returncode == 0, done.stderr
            assert len(out.read_text().splitlines()[0].split(",")) == 1 + count


class TestAgain:
    @pytest.fixture
    def copy(self, finished, tmp_path):
        """Of the finished run: (its directory, options)."""
        shutil.copytree(finished[0], tmp_path / "copy")
        return tmp_path / "copy", finished[1]

    def test_a_finished_run_is_reported_and_its_config_makes_it_again(self, copy):
        folder, options = copy
        before = read_json(folder, "run", "results.json")
        for again in (options, ("--config", str(folder / "run" / "config.json"))):
            assert "this run is finished" in go_here("cae_fr", str(folder), *again).stderr
        after = read_json(folder, "run", "results.json")
        assert after["test"] == before["test"] and after["model_digest"] == before["model_digest"]

    def test_a_finished_run_is_exported_to_another_place_with_every_recording(self, copy):
        folder, options = copy
        go_here("cae_fr", str(folder), *options)  # the copy's export directory is another one
        results = read_json(folder, "run", "results.json")
        places = {"": results["saved_model"]} | {
            name: one["saved_model"] for name, one in results["recordings"].items()
        }
        assert list(places) == ["", *NAMES]
        for place in places.values():
            assert place.startswith(str(folder / "export")) and os.path.isdir(place)

    def test_other_recordings_or_another_order_are_refused(self, copy):
        folder, options = copy
        other = write_recording(folder / "other.npz", 5)
        swapped = [*options[2:], *options[:2]]
        for datasets in (swapped, [*options, "--dataset", other], options[:2]):
            said = go_here("cae_fr", str(folder), *datasets, status=2).stderr
            assert "--run-dir" in said and "digest" in said and len(said.splitlines()) == 1

    def test_overwrite_removes_what_is_its_own_and_nothing_else(self, copy):
        folder = copy[0] / "run"
        (folder / "recordings" / "a" / "mine.txt").write_text("kept")
        own_files.remove_own(str(folder))
        left = [name for _, _, names in os.walk(folder) for name in names]
        assert sorted(left) == ["lock", "mine.txt"] or left == ["mine.txt"]

    @pytest.mark.slow
    def test_a_longer_run_comes_to_the_bits_of_one_that_was_longer_from_the_start(
        self, copy, tmp_path
    ):
        folder, options = copy
        longer = [*options, "--max-steps", "30"]
        go_here("cae_fr", str(folder), *longer)
        go_here("cae_fr", str(tmp_path / "fresh"), *longer)
        for name in ("history.csv", "recordings/a/neurons.csv"):
            path = os.path.join("run", name)
            assert (folder / path).read_bytes() == (tmp_path / "fresh" / path).read_bytes()


def broken(folder):
    path = folder / "broken.npz"
    path.write_bytes(b"no recording")
    return str(path)


BAD = {
    "the same file twice": (lambda f, a, b: ["--dataset", a, "--dataset", a], ["twice"]),
    "one broken": (lambda f, a, b: ["--dataset", a, "--dataset", broken(f)], ["broken.npz"]),
    "one that is not there": (lambda f, a, b: ["--dataset", a, "--dataset", "no.npz"], ["no.npz"]),
    "a source among them": (
        lambda f, a, b: ["--dataset", a, "--dataset", "simulated"],
        ["--dataset", "simulated"],
    ),
    "folds": (lambda f, a, b: ["--dataset", a, "--dataset", b, "--folds", "3"], ["--folds"]),
    "an ensemble": (
        lambda f, a, b: ["--dataset", a, "--dataset", b, "--ensemble", "3"],
        ["--ensemble"],
    ),
    "a fold": (lambda f, a, b: ["--dataset", a, "--dataset", b, "--fold", "1/3"], ["--fold"]),
    "colour of a grey one": (
        lambda f, a, b: ["--dataset", a, "--dataset", b, "--color", "rgb"],
        ["--color", "a.npz"],
    ),
}


@pytest.mark.parametrize(("arguments", "words"), BAD.values(), ids=BAD)
def test_what_can_not_be_used_is_refused_in_one_line(arguments, words, tmp_path):
    a, b = write_recording(tmp_path / "a.npz"), write_recording(tmp_path / "b.npz", 1)
    done = in_this_process(
        fit.main, "cae_fr", command("cae_fr", str(tmp_path), *arguments(tmp_path, a, b))[3:]
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert not (tmp_path / "run").exists()


def test_the_settings_of_one_of_the_recordings_make_no_run(finished, tmp_path):
    config = finished[0] / "run" / "recordings" / "a" / "config.json"
    said = go_here("cae_fr", str(tmp_path), "--config", str(config), status=2).stderr
    assert "two directories above" in said and len(said.splitlines()) == 1
