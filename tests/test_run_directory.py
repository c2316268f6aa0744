"""Who may write to a run's directory, and what lies in it that is not ours."""

import fcntl
import os
import subprocess
import sys

import pytest
from refusal import refused

from daenr_tf.config import RunConfig
from daenr_tf.errors import InputError, MachineError
from daenr_tf.run_directory import RunDirectory, check_writable

DIGEST = "0123456789abcdef" * 4


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


@pytest.mark.parametrize("content, named", [(b"process 4711 on mars", "process 4711 on mars"), (b"", "unknown"), (b"\xff\n\x1b[2J", r"\xff\n\x1b[2J")])
def test_the_second_is_told_who_holds_it(content, named, tmp_path):
    with open(tmp_path / "lock", "wb") as lock:
        lock.write(content)
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(MachineError, match="another run is at work here") as caught, held(tmp_path):
            pass
    assert str(caught.value).endswith(f"({named})")
    assert (tmp_path / "lock").read_bytes() == content


def test_the_lock_is_between_processes(tmp_path):
    code = ("import sys\nfrom test_run_directory import held\nfrom daenr_tf.errors import MachineError\n"
            "try:\n    with held(sys.argv[1]): pass\nexcept MachineError as error: print(error)")
    with held(tmp_path):
        said = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=os.path.dirname(__file__), capture_output=True, text=True, timeout=60)
    assert said.stderr == "" and f"process {os.getpid()} on " in said.stdout


@pytest.mark.parametrize("content", [b"", b"\xff", b"/../../climbed", b"0" * 31, b"0" * 33, b"0" * 31 + b"\n"])
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
