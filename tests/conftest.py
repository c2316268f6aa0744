"""What several test files share: small recordings, and a process of one's own."""

import gc
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from daenr_tf.recordings.recording import Recording

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Started in the background or by nohup, these are ignored, and so they would be in every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def make_recording():
    """Recordings of noise images and of neurons that see a random pattern in them; a pure function of its arguments."""

    def make(
        seed=0,
        images=60,
        height=10,
        width=12,
        channels=1,
        neurons=5,
        test_images=8,
        repeats=3,
        **fields,
    ):
        generator = np.random.default_rng(seed)
        stimuli = generator.integers(
            0, 256, (images + test_images, height, width, channels), np.uint8
        )
        patterns = generator.normal(0, 1, (height * width * channels, neurons)) / np.sqrt(
            height * width * channels
        )
        rates = np.logaddexp(0, (stimuli.reshape(len(stimuli), -1) / 127.5 - 1) @ patterns)
        return Recording(
            images=stimuli[:images],
            test_images=stimuli[images:],
            responses=generator.gamma(2.0, rates[:images] / 2.0),
            test_trials=generator.gamma(2.0, rates[images:] / 2.0, (repeats, test_images, neurons)),
            **fields,
        )

    return make


@pytest.fixture(scope="session")
def recording(make_recording):
    """60 grey images of 10x12 pixels, 5 neurons, 8 test images shown 3 times."""
    return make_recording()


@pytest.fixture(scope="session")
def run_python(tmp_path_factory):
    """Run a snippet in a fresh process, in an empty directory and a bare environment; what it prints."""

    def run(code, *arguments, **environment):
        place = tmp_path_factory.mktemp("process")
        bare = {
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **environment,
        }
        process = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=place,
            env=bare,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn, instead of files."""
    from daenr_tf.plotting import canvas

    kept = []
    monkeypatch.setattr(canvas, "write", lambda path, figure: kept.append(figure))
    return kept


@pytest.fixture(scope="module", autouse=True)
def graphs_that_stay():
    """TensorFlow keeps every graph that it traced; the garbage collector needn't look through those of earlier files again and again."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def signals_stay():
    """A command that was stopped leaves signals ignored, as its process ends then; run within a test it would hand that on to every process
    that is started later."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
