"""Who may write to a run's directory, and what lies in it that is not ours."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys

import pytest
from refusal import refused
from runs import RESULTS

from daenr_tf.config import RunConfig
from daenr_tf.errors import InputError, MachineError
from daenr_tf.runs.directory import RunDirectory, check_writable

DIGEST = RESULTS["dataset"]["digest"]


def held(path, overwrite=False):
    return RunDirectory(str(path), RunConfig(), DIGEST).held(overwrite)


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def test_a_link_to_a_directory_is_as_good_as_the_directory(elsewhere, tmp_path):
    link = tmp_path / "run"
    link.symlink_to(elsewhere)
    check_writable("--run-dir", str(link))
    for overwrite in (False, True):
        with held(link, overwrite):
            assert sorted(os.listdir(elsewhere)) == ["checkpoint", "config.json", "lock"]
    assert link.is_symlink() and sorted(os.listdir(elsewhere)) == ["checkpoint", "config.json"]


@pytest.mark.parametrize(
    "name", ["a\xa0b", "a\u2009b", "a\u2028b", "a\u200bb", "\u202eab", "día", "雪", "🐭"]
)
def test_a_name_in_any_script_will_do(name, tmp_path):
    check_writable("--run-dir", str(tmp_path / name))


@pytest.mark.parametrize(
    "name", ["a\nb", "a\tb", "\x1b[2J", "\x7f", "a\x85b", os.fsdecode(b"caf\xe9")]
)
def test_control_characters_and_what_is_no_utf_8_are_refused_in_a_name(name, tmp_path):
    with refused("--run-dir", "a name in UTF-8 without control characters"):
        check_writable("--run-dir", str(tmp_path / name))


def test_a_link_to_nothing_is_refused(tmp_path):
    link = tmp_path / "run"
    link.symlink_to("nowhere")
    with refused("--run-dir", str(link), "no directory"):
        check_writable("--run-dir", str(link))


def test_starting_afresh_removes_links_and_not_what_they_lead_to(elsewhere, tmp_path):
    with held(tmp_path / "run"):
        pass
    (elsewhere / "thesis.txt").write_text("mine")
    (tmp_path / "run" / "figures").symlink_to(elsewhere)
    (tmp_path / "run" / "history.csv").symlink_to(elsewhere / "thesis.txt")
    with held(tmp_path / "run", overwrite=True):
        assert sorted(os.listdir(tmp_path / "run")) == ["checkpoint", "config.json", "lock"]
    assert (elsewhere / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("content", [b"the key is under the mat", b"\xff\xfe", b"processes"])
def test_a_lock_that_is_none_of_ours_is_refused_and_left_alone(content, link, elsewhere, tmp_path):
    path = elsewhere / "lock"
    if link:
        path.symlink_to(tmp_path / "lock")
        path = tmp_path / "lock"
    path.write_bytes(content)
    with refused("--run-dir", str(elsewhere)), held(elsewhere):
        pass
    assert path.read_bytes() == content and os.listdir(elsewhere) == ["lock"]


@pytest.mark.parametrize("content", ["", "process 4711 on the machine next door"])
def test_a_lock_that_a_dead_process_left_does_not_block(content, tmp_path):
    with held(tmp_path):
        pass
    (tmp_path / "lock").write_text(content)
    with held(tmp_path):
        assert (tmp_path / "lock").read_text().startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / "lock").exists()


@pytest.mark.parametrize(
    "content, named",
    [
        (b"process 4711 on mars", "process 4711 on mars"),
        (b"", "unknown"),
        (b"\xff\n\x1b[2J", r"\xff\n\x1b[2J"),
    ],
)
def test_the_second_is_told_who_holds_it(content, named, tmp_path):
    with open(tmp_path / "lock", "wb") as lock:
        lock.write(content)
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            pytest.raises(MachineError, match="another run is at work here") as caught,
            held(tmp_path),
        ):
            pass
    assert str(caught.value).endswith(f"({named})")
    assert (tmp_path / "lock").read_bytes() == content


def test_the_lock_is_between_processes(tmp_path):
    code = (
        "import sys\nfrom test_run_directory import held\nfrom daenr_tf.errors import MachineError\n"
        "try:\n    with held(sys.argv[1]): pass\nexcept MachineError as error: print(error)"
    )
    with held(tmp_path):
        said = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=os.path.dirname(__file__),
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert said.stderr == "" and f"process {os.getpid()} on " in said.stdout


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"/../../climbed", b"0" * 31, b"0" * 33, b"0" * 31 + b"\n"]
)
def test_a_mark_that_was_damaged_is_made_anew(content, tmp_path):
    """It becomes a part of a directory's name, which is removed before an export."""
    with held(tmp_path) as directory:
        mark = directory.mark()
        assert directory.mark() == mark
        (tmp_path / "checkpoint" / "mark").write_bytes(content)
        anew = directory.mark()
        assert anew != mark and len(anew) == 32 and anew.isalnum() and directory.mark() == anew


def test_results_that_are_no_file_are_refused(tmp_path):
    with held(tmp_path):
        pass
    (tmp_path / "results.json").mkdir()
    with pytest.raises(InputError, match="expected a run's results"), held(tmp_path):
        pass


def content(folder):
    """Every path under a folder with its bytes (None: a directory)."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


def lay(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "named, names",
    {
        "checkpoint/w.bin": ["checkpoint/w.bin"],
        "checkpoint/state.npz/w.bin": ["checkpoint/recording", "checkpoint/state.npz/w.bin"],
        "checkpoint": ["checkpoint"],
        "figures": ["figures/learning_curves.png", "results.json"],
        "results.json": ["results.json"],
        "history.csv": ["checkpoint/state.npz", "history.csv"],
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_directory_without_a_runs_settings_is_refused_before_anything_is_touched(
    named, names, overwrite, tmp_path
):
    lay(tmp_path, *names)
    before = content(tmp_path)
    with (
        refused(
            "--run-dir: expected an empty directory or a run's",
            f"with {named.removesuffix('/w.bin') if 'npz' in named else named}",
        ),
        held(tmp_path, overwrite),
    ):
        pass
    assert content(tmp_path) == before


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        "",
        "rubbish",
        "{}",
        "[]",
        '{"name": "another program\'s"}',
        '{"recipe": "cae_fr"}',
        '{"seed": -1, "recipe": "cae_fr", "dataset": "x"}',
    ],
)
def test_another_programs_config_is_refused_before_anything_is_touched(
    settings, overwrite, tmp_path
):
    lay(tmp_path, "figures/learning_curves.png", "results.json", "thesis.txt")
    (tmp_path / "config.json").write_text(settings)
    before = content(tmp_path)
    with refused("config.json"), held(tmp_path, overwrite):
        pass
    assert content(tmp_path) == before


OWN = (
    "results.json",
    "history.csv",
    "neurons.csv",
    "model.keras",
    "figures/masks.png",
    "figures/pcc.png.12.part",
    ".34.model.keras",
    "tensorboard/events.out.tfevents.1.host.2.3.v2",
    "tensorboard/train/events.out.tfevents.1.host.2.3.v2",
    "checkpoint/state.npz",
    "checkpoint/state-previous.npz",
    "checkpoint/state.npz.new",
    "checkpoint/state.npz.new.56.part",
    "checkpoint/mark",
)
FOREIGN = (
    "thesis.txt",
    "figures/drawn_by_hand.png",
    "tensorboard/notes.md",
    "tensorboard/eval/events.out.tfevents.1",
    "checkpoint/w.bin",
    "history.csv.part",
    "model.keras.old",
    "masks.png",
)


def test_starting_afresh_removes_a_runs_own_files_and_no_other(tmp_path):
    with held(tmp_path):
        pass
    lay(tmp_path, *OWN, *FOREIGN)
    with held(tmp_path, overwrite=True):
        left = {name for name, data in content(tmp_path).items() if data is not None}
        assert left == {*FOREIGN, "config.json", "checkpoint/recording", "lock"}


def test_starting_afresh_that_is_killed_leaves_a_run_to_start_afresh(tmp_path, monkeypatch):
    """`results.json` goes first, so no finished run has lost a file; `config.json` last, so what is left is known for a run's."""
    with held(tmp_path):
        pass
    lay(tmp_path, *OWN)
    removed = []
    monkeypatch.setattr(
        os,
        "remove",
        lambda path, remove=os.remove: (
            removed.append(os.path.relpath(path, tmp_path)),
            remove(path),
        ),
    )
    with held(tmp_path, overwrite=True):
        pass
    removed = [name for name in removed if not name.endswith(("part", ".34.model.keras", "lock"))]
    assert (
        removed[0] == "results.json"
        and removed[-1] == "config.json"
        and len(removed) == len(OWN) - 3 + 2
    )


def test_a_finished_run_keeps_what_lies_in_its_checkpoint_and_is_not_its_own(tmp_path):
    with held(tmp_path) as directory:
        lay(tmp_path, "checkpoint/state.npz", "checkpoint/w.bin")
        directory.clear_checkpoint()
        assert os.listdir(tmp_path / "checkpoint") == ["w.bin"]
        (tmp_path / "checkpoint" / "w.bin").unlink()
        directory.clear_checkpoint()
        assert not (tmp_path / "checkpoint").exists()


def test_what_a_kill_within_a_save_left_is_removed(tmp_path):
    lay(tmp_path, ".7.model.keras", "config.json.8.part")
    with held(tmp_path):
        lay(
            tmp_path,
            "history.csv.9.part",
            "checkpoint/state.npz.new.10.part",
            "figures/pcc.png.11.part",
            "mine.12.part",
        )
    with held(tmp_path):
        assert {name for name, data in content(tmp_path).items() if data == b"mine"} == {
            "mine.12.part"
        }


def test_results_of_another_configuration_are_refused(tmp_path):
    """As two runs leave them where one took the other's directory."""
    with held(tmp_path) as directory:
        directory.write_results(results_of(RunConfig().to_dict()))
    with held(tmp_path) as directory:
        assert directory.results()["steps"] == 900
        directory.write_results(results_of({**RunConfig().to_dict(), "seed": 1}))
    with refused("expected a run with seed 0", "with seed 1 in results.json"), held(tmp_path):
        pass


def test_a_run_of_another_loss_scale_is_refused_and_one_of_before_there_was_any_is_the_usual_one(
    tmp_path,
):
    with held(tmp_path):
        pass
    settings = RunConfig().to_dict()
    del settings["loss_scale"]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with held(tmp_path):
        pass
    (tmp_path / "config.json").write_text(json.dumps({**settings, "loss_scale": "sum"}))
    with (
        refused("a run with loss_scale mean, found", "with loss_scale sum in config.json"),
        held(tmp_path),
    ):
        pass


def results_of(settings, recipe="cae_fr"):
    return {**RESULTS, "recipe": recipe, "config": settings}


def test_a_foreign_results_file_writes_nothing_to_the_terminal_but_text(tmp_path):
    from daenr_tf.runs.summary import summary

    said = summary(results_of(RunConfig().to_dict(), recipe="\x1b]0;owned\x07\x1b[2J"), "run")
    assert r"\x1b]0;owned\x07" in said and all(line.isprintable() for line in said.splitlines())


def test_who_lost_the_directory_writes_nothing_and_removes_nothing_there(tmp_path):
    place = tmp_path / "run"
    with (
        pytest.raises(MachineError, match="was removed or taken by another process"),
        held(place) as first,
    ):
        first.check_held()
        shutil.rmtree(place)
        with pytest.raises(MachineError, match=str(place)):
            first.check_held()
        with held(place) as second:
            second.check_held()
            with pytest.raises(MachineError):
                first.clear_checkpoint()
            assert sorted(os.listdir(place)) == ["checkpoint", "config.json", "lock"]
            first.check_held()


def test_the_lock_of_who_took_the_directory_stays(tmp_path):
    place = tmp_path / "run"
    first, second = held(place), held(place)
    first.__enter__()
    shutil.rmtree(place)
    with second:
        first.__exit__(None, None, None)
        assert (place / "lock").exists()
    assert not (place / "lock").exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_file_system_without_locks_is_refused_by_that_name_and_left_as_it_was(
    there, tmp_path, monkeypatch
):
    if there:
        (tmp_path / "lock").write_text("process 4711 on mars")
    before = content(tmp_path)

    def flock(*arguments):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        refused(
            "--run-dir: expected a directory on a file system that can lock files",
            str(tmp_path),
            "Function not implemented",
        ),
        held(tmp_path),
    ):
        pass
    assert content(tmp_path) == before


def test_a_name_that_no_file_system_takes_is_refused_before_anything_is_done(tmp_path):
    with refused("--export-dir: expected names of at most 255 bytes", "of 300"):
        check_writable("--export-dir", str(tmp_path / ("n" * 300) / "model"))
    check_writable("--export-dir", str(tmp_path / ("n" * 255) / "model"))


@pytest.mark.parametrize("name", ["config.json", "results.json"])
def test_a_fifo_in_place_of_a_file_is_refused_and_not_waited_for(name, tmp_path):
    with held(tmp_path):
        pass
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    with refused(name, "something that is no regular file"), held(tmp_path):
        pass
