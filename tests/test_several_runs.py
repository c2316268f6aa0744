"""`--folds K` and `--ensemble N`: several runs in one directory, and what they come to together."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from runs import SMALL, go_here, in_this_process, read_json, write_recording

import daenr_tf
from daenr_tf import Recording, Run, evaluation, metrics, pipeline
from daenr_tf.commands import compare, fit
from daenr_tf.commands.process import Call
from daenr_tf.errors import InputError
from daenr_tf.experiments import cross_validation
from daenr_tf.experiments.ensemble import told
from daenr_tf.models.ensemble import Ensemble
from daenr_tf.recordings.folds import assigned, fold_of, pool
from daenr_tf.recordings.splits import image_groups


@pytest.fixture(scope="module")
def recording_file(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recording") / "mine.npz")


def ensemble(folder, recording_file, *options, status=0):
    given = ("--dataset", recording_file, "--max-steps", "10", "--ensemble", "2", *options)
    return go_here("cae_fr", folder, *given, status=status)


@pytest.fixture(scope="module")
def averaged(recording_file, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("ensemble"))
    return folder, ensemble(folder, recording_file)


def folds(folder, recording_file, *options, status=0):
    """The command of a cross-validation, which takes no --export-dir."""
    arguments = ("--run-dir", os.path.join(folder, "run"), *SMALL, "--max-steps", "10")
    given = ("--dataset", recording_file, "--folds", "2", *options)
    done = in_this_process(fit.main, "cae_fr", [*arguments, *given])
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(scope="module")
def validated(recording_file, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("folds"))
    return folder, folds(folder, recording_file)


class TestFolds:
    def recording(self, copies=5):
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (41, 6, 6), np.uint8)
        images[1 : copies + 1] = images[0]
        return Recording(
            images=images,
            responses=rng.gamma(1.0, 1.0, (41, 3)),
            test_images=rng.integers(0, 256, (9, 6, 6), np.uint8),
            test_trials=rng.gamma(1.0, 1.0, (4, 9, 3)),
        )

    def test_every_image_is_tested_on_once_and_identical_ones_together(self):
        recording = self.recording()
        everything = pool(recording)
        fold = assigned(everything.images, 4)
        assert len(set(fold[:6])) == 1
        sizes = np.bincount(fold)[1:]
        assert sizes.sum() == 50 and sizes.max() - sizes.min() <= 5
        tested = []
        for number in range(1, 5):
            part = fold_of(recording, f"{number}/4")
            groups = image_groups(part.images, part.test_images)
            assert not set(groups[0]) & set(groups[1])
            assert len(part.images) + len(part.test_images) == 50
            assert part.pixel_range == recording.pixel_range
            np.testing.assert_array_equal(part.test_images, everything.images[fold == number])
            tested.append(part.test_responses)
        order = np.argsort(fold, kind="stable")
        expected = np.concatenate([recording.responses, recording.test_responses])[order]
        np.testing.assert_allclose(np.concatenate(tested), expected, rtol=1e-6)

    def test_repeats_stay_trials(self):
        recording = self.recording()
        parts = [fold_of(recording, f"{number}/2") for number in (1, 2)]
        known = sum(int((~np.isnan(part.test_trials)).sum()) for part in parts)
        assert known == recording.responses.size + recording.test_trials.size
        assert parts[0].repeats_range == (1, 4)

    @pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
    def test_a_perfect_model_of_a_fold_reaches_the_ceiling(self, scale):
        """Most images of the fold were shown once, and drive the neurons `scale` times as much as those that were repeated."""
        rng = np.random.default_rng(0)
        rates = rng.gamma(1.5, 2.0, (1200, 20))
        rates[:1000] *= scale
        images = rng.integers(0, 256, (1200, 4, 4), np.uint8)
        recording = Recording(
            images=images[:1000],
            responses=rng.poisson(rates[:1000]),
            test_images=images[1000:],
            test_trials=rng.poisson(rates[1000:], (5, 200, 20)),
            truth={"rates": rates[:1000], "test_rates": rates[1000:]},
        )
        part = fold_of(recording, "1/2")
        examples = pipeline.Examples(part.test_images, part.test_responses)
        outputs = {"response": part.truth["test_rates"]}
        test, ceiling, table = evaluation.measured(outputs, examples, part)
        repeated = (~np.isnan(part.test_trials[..., 0])).sum(axis=0) > 1
        assert repeated.sum() < 120 < 550 < len(repeated)
        truth, average = outputs["response"][repeated], part.test_responses[repeated]
        pcc = metrics.pearson_per_neuron(truth, average)
        np.testing.assert_allclose(table["pcc_repeated"], pcc, atol=1e-6)
        assert (
            test["pcc_normalized"]
            == pytest.approx(test["pcc_repeated"] / ceiling)
            == pytest.approx(1, abs=0.02)
        )
        np.testing.assert_allclose(table["pcc_normalized"], pcc / table["noise_ceiling"], rtol=1e-6)
        assert abs(test["pcc"] - test["pcc_repeated"]) > 0.05

    def test_where_all_images_have_repeats_or_none_has_there_is_one_pcc(self):
        trials = np.random.default_rng(0).gamma(1.0, 1.0, (3, 9, 4))
        whole = evaluation.neuron_figures(trials[0], trials.mean(axis=0), trials)
        assert "pcc_repeated" not in whole and np.isfinite(whole["noise_ceiling"]).all()
        alone = evaluation.neuron_figures(trials[0], trials[1], trials[1:2])
        assert "pcc_repeated" not in alone and np.isnan(alone["pcc_normalized"]).all()

    def test_simulated_rates_go_with_their_images(self):
        recording = daenr_tf.load_recording("simulated", region=3)
        part = fold_of(recording, "2/5")
        rates = np.concatenate([recording.truth["rates"], recording.truth["test_rates"]])
        fold = assigned(pool(recording).images, 5)
        np.testing.assert_array_equal(part.truth["test_rates"], rates[fold == 2])
        assert part.simulated

    @pytest.mark.parametrize("fold", ["0/3", "4/3", "1/1", "x", "1/2/3", 2])
    def test_what_is_no_fold_is_refused(self, fold):
        with pytest.raises(InputError, match="fold: expected k/K"):
            daenr_tf.config.RunConfig(fold=fold)

    def test_too_few_images_are_refused(self):
        with pytest.raises(InputError, match="fold: expected at least 2 distinct images a fold"):
            fold_of(self.recording(), "1/30")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--folds", "1"], "--folds: expected a number of models from 2"),
        (["--ensemble", "1000"], "--ensemble: expected a number of models from 2 to 100"),
        (["--folds", "3", "--ensemble", "3"], "--ensemble: expected none beside --folds"),
        (["--folds", "3", "--fold", "1/3"], "--fold: expected none beside --folds"),
        (["--folds", "3", "--export-dir", "here"], "--export-dir: expected none beside --folds"),
        (["--fold", "5/3"], "--fold: expected k/K"),
    ],
)
def test_options_that_can_not_be_used_are_refused_in_a_line(options, named):
    done = in_this_process(fit.main, "cae_fr", options)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and named in done.stderr


class TestEnsemble:
    @pytest.mark.slow
    def test_members_are_ordinary_runs(self, averaged, recording_file, tmp_path):
        folder, _ = averaged
        go_here(
            "cae_fr", str(tmp_path), "--dataset", recording_file, "--max-steps", "10", "--seed", "1"
        )
        alone = Run.open(tmp_path / "run")
        member = Run.open(os.path.join(folder, "run", "seed-1"))
        assert member.config == alone.config
        for one, other in zip(member.model.get_weights(), alone.model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_its_figures_are_the_means_of_the_models_outputs(self, averaged, recording_file):
        folder, done = averaged
        results = read_json(folder, "run", "results.json")
        recording = daenr_tf.load_recording(recording_file)
        singles = [
            daenr_tf.evaluate(Run.open(os.path.join(folder, "run", name)).model, recording)
            for name in ("seed-0", "seed-1")
        ]
        mean = {
            head: np.mean([one.outputs[head] for one in singles], axis=0)
            for head in ("response", "reconstruction")
        }
        pcc = metrics.pearson_per_neuron(mean["response"], recording.test_responses).mean()
        assert results["test"]["pcc"] == pytest.approx(pcc, abs=1e-5)
        mse = metrics.mse(singles[0].images, mean["reconstruction"]).mean()
        assert results["test"]["mse"] == pytest.approx(mse, rel=1e-5)
        assert mse < np.mean(
            [one.test["mse"] for one in singles]
        )  # Jensen: an average can't be worse
        assert [one["seed"] for one in results["members"]] == [0, 1]
        assert results["members"][1]["test"]["pcc"] == pytest.approx(
            singles[1].test["pcc"], abs=1e-5
        )
        assert results["validation"] == {} and results["paper"] is None
        assert "single models, test mean PCC: mean" in done.stdout

    def test_it_is_held_against_what_was_fitted_beside_its_models(self, averaged):
        folder, _ = averaged
        results = read_json(folder, "run", "results.json")
        for one, ridge in zip(results["members"], (0.1, 0.3), strict=True):
            one["baselines"] = {"gabor": {"title": "ridge", "test": {"pcc": ridge}}}
        for pcc, behind in ((0.25, False), (0.15, True)):
            results["test"]["pcc"] = pcc
            text = told(results, "somewhere")
            assert "test mean PCC: ridge 0.200, the mean over 2 splits" in text
            assert ("does not beat ridge (test mean PCC 0.150 against 0.200)" in text) == behind

    def test_its_export_is_one_model_that_answers_with_the_mean(self, averaged):
        folder, _ = averaged
        assert os.listdir(os.path.join(folder, "export")) == ["1"]
        exported = tf.saved_model.load(os.path.join(folder, "export", "1"))
        members = [
            Run.open(os.path.join(folder, "run", name)).model for name in ("seed-0", "seed-1")
        ]
        images = np.random.default_rng(0).uniform(-1, 1, (5, 8, 8, 1)).astype(np.float32)
        answers = exported.signatures["serving_default"](images=tf.constant(images))
        alone = exported.signatures["respond"](images=tf.constant(images))["response"]
        for head, values in answers.items():
            expected = np.mean([np.asarray(one(images)[head]) for one in members], axis=0)
            np.testing.assert_allclose(values, expected, atol=1e-6)
        np.testing.assert_allclose(alone, answers["response"], atol=1e-6)
        raw = np.random.default_rng(0).uniform(0, 255, (3, 10, 12, 1)).astype(np.float32)
        assert exported.signatures["serve_raw"](images=tf.constant(raw))["response"].shape == (3, 4)

    def test_a_twin_of_it_is_the_twin_of_its_members(self, averaged, tmp_path):
        from daenr_tf.twin.origin import recording_of
        from daenr_tf.twin.twin import Twin

        place = os.path.join(averaged[0], "run")
        members = [os.path.join(place, name) for name in ("seed-0", "seed-1")]
        images = np.random.default_rng(0).uniform(-1, 1, (5, 8, 8, 1)).astype(np.float32)
        expected = Twin.open(members)
        twin = Twin.open(place)
        assert twin.digests == expected.digests and twin.latent_size == expected.latent_size
        np.testing.assert_array_equal(twin.respond(images), expected.respond(images))
        recording = recording_of(place)
        assert recording.digest == twin.dataset["digest"]
        shutil.copytree(place, tmp_path / "run", ignore=shutil.ignore_patterns("seed-*"))
        exported = Twin.open(tmp_path / "run")  # without its runs it is its export
        np.testing.assert_allclose(exported.respond(images), expected.respond(images), atol=1e-6)
        assert recording_of(str(tmp_path / "run")).digest == recording.digest

    def test_its_exports_card_says_what_it_is(self, averaged):
        results = read_json(averaged[0], "run", "results.json")
        card = daenr_tf.load_served(os.path.join(averaged[0], "export")).card
        assert card["simulated"] is False
        for name in ("recipe", "dataset", "config", "test", "noise_ceiling", "notes"):
            assert card[name] == results[name], name
        assert card["model_digest"] == results["model_digest"] and len(card["neurons"]) == 4

    def test_what_drives_its_neurons_is_held_against_its_own_images(self, averaged, tmp_path):
        from daenr_tf.commands.catalogue import COMMANDS

        def main(*words):
            COMMANDS["synthesize"].leave("daenr synthesize", list(words))

        place, out = os.path.join(averaged[0], "run"), str(tmp_path / "mei")
        few = ("--neurons", "1", "--steps", "2", "--starts", "1", "--out", out, "--quiet")
        done = in_this_process(main, place, *few)
        assert done.returncode == 0, done.stderr
        assert len(read_json(out, "config.json")["models"]) == 2

    def test_compare_takes_it_beside_its_members(self, averaged, capsys):
        folder, _ = averaged
        place = os.path.join(folder, "run")
        compare.compare(Call("compare", "daenr compare", [os.path.join(place, "seed-0"), place]))
        out = capsys.readouterr().out
        assert place in out and "ensemble" in out

    def test_a_finished_one_is_only_reported(self, averaged, recording_file):
        folder, first = averaged
        before = os.stat(os.path.join(folder, "run", "results.json")).st_mtime_ns
        again = ensemble(folder, recording_file)
        assert again.stdout == first.stdout
        assert os.stat(os.path.join(folder, "run", "results.json")).st_mtime_ns == before
        assert os.listdir(os.path.join(folder, "export")) == ["1"]

    def test_what_was_killed_before_the_average_goes_on_without_training_anew(
        self, averaged, recording_file
    ):
        folder, first = averaged
        weights = os.path.join(folder, "run", "seed-1", "model.keras")
        before = os.stat(weights).st_mtime_ns
        os.remove(os.path.join(folder, "run", "results.json"))
        again = ensemble(folder, recording_file)
        assert again.stdout == first.stdout and os.stat(weights).st_mtime_ns == before
        assert os.listdir(os.path.join(folder, "export")) == ["1"]

    def test_other_settings_in_its_place_are_refused(self, averaged, recording_file):
        done = ensemble(averaged[0], recording_file, "--readout-l1", "0.5", status=2)
        assert "expected runs with readout_l1 0.5, found" in done.stderr.splitlines()[-1]

    def test_a_place_of_something_else_is_refused(self, recording_file, tmp_path):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "mine.txt").write_text("mine")
        done = ensemble(str(tmp_path), recording_file, status=2)
        assert "without together.json" in done.stderr
        assert os.listdir(tmp_path / "run") == ["mine.txt"]

    def test_models_of_other_images_are_no_members(self, averaged):
        model = Run.open(os.path.join(averaged[0], "run", "seed-0")).model
        config = daenr_tf.ModelConfig("cae_fr", image_size=(12, 12))
        rng = np.random.default_rng(0)
        recording = Recording(
            images=rng.integers(0, 256, (20, 12, 12), np.uint8),
            responses=rng.gamma(1.0, 1.0, (20, 4)),
        )
        with pytest.raises(InputError, match="members: image_shape: expected"):
            Ensemble([model, daenr_tf.build_model(config, recording)])


class TestCrossValidation:
    def test_every_image_is_predicted_by_the_model_that_never_saw_it(
        self, validated, recording_file
    ):
        folder, _ = validated
        with np.load(os.path.join(folder, "run", "predictions.npz")) as found:
            found = dict(found)
        recording = daenr_tf.load_recording(recording_file)
        assert found["response"].shape == found["observed"].shape == (89, 4)
        np.testing.assert_array_equal(found["fold"], assigned(pool(recording).images, 2))
        for number in (1, 2):
            run = Run.open(os.path.join(folder, "run", f"fold-{number}"))
            assert run.config.fold == f"{number}/2"
            evaluation = daenr_tf.evaluate(run.model, run.recording)  # its test set is the fold
            chosen = found["fold"] == number
            np.testing.assert_allclose(
                found["response"][chosen], evaluation.outputs["response"], atol=1e-5
            )
            np.testing.assert_array_equal(found["observed"][chosen], run.recording.test_responses)
            assert run.results["test"]["mse"] == pytest.approx(found["mse"][chosen].mean())

    def test_the_figures_are_those_of_all_images_with_intervals(self, validated):
        folder, done = validated
        results = read_json(folder, "run", "results.json")
        with np.load(os.path.join(folder, "run", "predictions.npz")) as found:
            found = dict(found)
        overall = results["overall"]
        pcc = metrics.pearson_per_neuron(found["response"], found["observed"])
        assert overall["pcc"]["value"] == pytest.approx(pcc.mean())
        assert overall["pcc"]["low"] < overall["pcc"]["value"] < overall["pcc"]["high"]
        assert overall["mse"]["value"] == pytest.approx(found["mse"].mean())
        # The interval of a mean over images is the usual one.
        half = 1.987 * found["mse"].std(ddof=1) / np.sqrt(89)
        assert overall["mse"]["high"] - overall["mse"]["value"] == pytest.approx(half, rel=1e-3)
        assert [one["run"] for one in results["folds"]] == ["fold-1", "fold-2"]
        assert sum(one["images"] for one in results["folds"]) == 89
        assert "all images" in done.stdout and "2 folds of 89 images" in done.stdout
        with open(os.path.join(folder, "run", "neurons.csv"), encoding="utf-8") as file:
            assert len(file.readlines()) == 5

    def test_the_share_of_the_ceiling_is_that_of_the_images_shown_several_times(
        self, validated, recording_file
    ):
        folder, done = validated
        results = read_json(folder, "run", "results.json")
        with np.load(os.path.join(folder, "run", "predictions.npz")) as found:
            found = dict(found)
        trials = pool(daenr_tf.load_recording(recording_file)).trials[:, 80:]  # the test images
        for number, one in enumerate(results["folds"], 1):
            chosen = found["fold"][80:] == number
            predicted, own = found["response"][80:][chosen], trials[:, chosen]
            pcc = metrics.pearson_per_neuron(predicted, own.mean(axis=0))
            ceiling = metrics.noise_ceiling(own)
            assert one["test"]["pcc_repeated"] == pytest.approx(pcc.mean(), abs=1e-5)
            assert one["noise_ceiling"] == pytest.approx(ceiling.mean(), rel=1e-5)
        assert "are of the 9 images that were shown several times" in results["notes"][1]
        assert "mean PCC, repeated images" in done.stdout and "\nnoise ceiling" in done.stdout
        table = pd.read_csv(os.path.join(folder, "run", "neurons.csv"))
        pcc = metrics.pearson_per_neuron(found["response"][80:], trials.mean(axis=0))
        np.testing.assert_allclose(table["pcc_repeated"], pcc, atol=1e-5)
        np.testing.assert_allclose(table["noise_ceiling"], metrics.noise_ceiling(trials), atol=1e-6)

    @pytest.mark.slow
    def test_a_fold_alone_is_the_same_run(self, validated, recording_file, tmp_path):
        """So folds can be trained on machines of their own."""
        given = ("--dataset", recording_file, "--max-steps", "10", "--fold", "2/2")
        go_here("cae_fr", str(tmp_path), *given)
        alone = Run.open(tmp_path / "run")
        member = Run.open(os.path.join(validated[0], "run", "fold-2"))
        assert member.config == alone.config
        assert member.results["model_digest"] == alone.results["model_digest"]

    def test_it_goes_on_where_it_was_stopped(self, recording_file, tmp_path, monkeypatch):
        trained = []

        def stopped(config, *arguments, **options):
            if len(trained) == 1:
                raise KeyboardInterrupt("stopped at step 5, the state is saved")
            trained.append(config.fold)
            return run(config, *arguments, **options)

        run = cross_validation.run
        monkeypatch.setattr(cross_validation, "run", stopped)
        done = folds(str(tmp_path), recording_file, status=130)
        assert "1 of 2 runs are finished, the same command goes on" in done.stderr
        assert not os.path.exists(tmp_path / "run" / "results.json")
        monkeypatch.setattr(cross_validation, "run", run)
        first = tmp_path / "run" / "fold-1" / "model.keras"
        before = os.stat(first).st_mtime_ns
        folds(str(tmp_path), recording_file)
        assert os.stat(first).st_mtime_ns == before
        assert json.loads((tmp_path / "run" / "results.json").read_text())["overall"]
