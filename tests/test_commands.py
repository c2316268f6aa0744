"""The command `daenr`: its table of commands, its help, its mistakes, and what all commands
share."""

import importlib
import logging
import os
import re
import resource
import subprocess
import sys

import pytest
from runs import in_this_process, read_json, write_recording

from daenr_tf.commands import catalogue, process
from daenr_tf.commands.catalogue import COMMANDS, Command
from daenr_tf.commands.main import main
from daenr_tf.commands.reproduce import undecided
from daenr_tf.errors import InputError
from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.study import Study
from daenr_tf.machine import messages

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECIPES = os.path.join(ROOT, "recipes")


def daenr(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "daenr_tf", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )


def said_by(call, capsys):
    """(status, standard output, standard error) of a command line in this process."""
    with pytest.raises(SystemExit) as left:
        call()
    return (left.value.code, *capsys.readouterr())


def test_help_lists_every_command_with_its_line():
    helped = daenr("--help")
    assert helped.returncode == 0 and helped.stderr == ""
    words = " ".join(helped.stdout.split())
    for command in COMMANDS.values():
        assert f"{command.name} {command.help}" in words


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_home_a_help_and_a_recipe(name, capsys):
    module, function = COMMANDS[name].home.split(":")
    assert callable(getattr(importlib.import_module(module), function))
    status, out, err = said_by(lambda: main([name, "--help"]), capsys)
    assert not status and err == ""
    assert out.startswith(f"usage: daenr {name} ") and "--quiet" in out
    assert os.path.exists(os.path.join(RECIPES, f"{name}.py"))


def test_nothing_near_is_offered_for_a_word_that_is_like_no_command(capsys):
    status, _, err = said_by(lambda: main(["foo"]), capsys)
    assert status == 2 and err == "daenr: expected a command (see daenr --help), found 'foo'\n"


def test_help_names_a_part_once_beside_its_default(capsys):
    """DAE-NR's core and its decoder have the same option; so a study's help has it of several parts."""
    _, out, _ = said_by(lambda: main(["table4", "--help"]), capsys)
    said = " ".join(out.split())
    defaults = re.findall(r"\(default: ([^()]* for [^()]*)\)", said)
    assert any("for DAE-NR, Klindt" in one for one in defaults)
    for one in defaults:
        for told in one.split("; "):
            titles = told.split(" for ")[1].split(", ")
            assert len(set(titles)) == len(titles), told


ARGUMENT_ERRORS = {
    "no command": (
        [],
        "daenr: expected a command (fit, predict, experiment, fields, compare, check,",
    ),
    "an unknown command": (
        ["comprae"],
        "daenr: expected a command (see daenr --help), found 'comprae'; the nearest is daenr compare",
    ),
    "a model for a command": (["cae_f"], "the nearest is daenr fit cae_fr"),
    "an unknown option": (["--nonsense"], "daenr: --nonsense: expected an option"),
    "an option before the command": (["--quiet", "fit"], "expected the command first"),
    "no recipe": (["fit"], "daenr fit: RECIPE: expected one of cae, vae, vqvae, cnn_fr"),
    "an unknown recipe": (["fit", "cae_fx"], "daenr fit: recipe: expected one of cae, vae"),
    "an option before the recipe": (
        ["fit", "--quick", "cae_fr"],
        "daenr fit: --quick: expected the recipe first",
    ),
    "a bad option of a recipe": (
        ["fit", "cae_fr", "--layer", "9"],
        "daenr fit: --layer: expected one of 1, 2, 3, 4, found 9",
    ),
    "a bad option of an experiment": (
        ["table4", "--seeds", "x"],
        "daenr table4: --seeds: expected a whole number",
    ),
    "no images": (
        ["predict", "run"],
        "daenr predict: IMAGES: expected PNG and JPEG files, directories of them, .npy or .npz files"
        " (their array images, or the only one), found none; --out: expected FILE, where the answers",
    ),
    "no value": (
        ["fit", "cae_fr", "--seed"],
        "daenr fit: --seed: expected a value, found none",
    ),
    "an ending that is none": (
        ["predict", "run", "a.png", "--out", "o.txt"],
        "daenr predict: --out: expected a file that ends in .csv or .npz",
    ),
    "a run that is not there": (
        ["predict", "nowhere", "a.png", "--out", "o.csv"],
        "daenr predict: nowhere: expected a run's directory",
    ),
    "no runs": (["compare"], "daenr compare: RUN: expected run directories, found none"),
    "runs that are none": (
        ["compare", "nowhere"],
        "daenr compare: nowhere: expected a run's directory, found no such directory",
    ),
    "no recording": (["check"], "daenr check: RECORDING: expected a file of your own, antolik or"),
    "a recording that is not there": (["check", "nowhere.npz"], "daenr check: dataset: expected"),
    "a region that is none": (
        ["check", "simulated", "--region", "4"],
        "daenr check: --region: expected one of 1, 2, 3, found 4",
    ),
    "an image size that is none": (
        ["baselines", "--image-size", "33"],
        "daenr baselines: --image-size: expected height and width in pixels, multiples of 4",
    ),
    "nowhere to put a search": (
        ["tune", "cnn_fr"],
        "daenr tune: --out: expected DIR, where trials and results go",
    ),
    "a setting that can't be searched": (
        ["tune", "cnn_fr", "--out", "o", "--search", "task=1:2"],
        "daenr tune: --search: expected a setting among batch_norm_momentum, readout_l1",
    ),
    "nothing to look at": (
        ["explore"],
        "daenr explore: PATH: expected a run's directory, a SavedModel's version",
    ),
    "a port that is none": (
        ["explore", "run", "--port", "x"],
        "daenr explore: --port: expected a whole number",
    ),
    "a model that is none, to be tuned": (
        ["tune", "cae_fx", "--out", "o"],
        "daenr tune: recipe: expected one of cae, vae",
    ),
}


@pytest.mark.parametrize("case", ARGUMENT_ERRORS)
def test_a_mistake_is_told_in_one_line_with_status_2(case, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, words = ARGUMENT_ERRORS[case]
    status, out, err = said_by(lambda: main(arguments), capsys)
    assert status == 2 and out == "" and words in err and err.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_help_versions_and_mistakes_import_nothing_heavy_and_answer_at_once(run_python):
    said = run_python(
        "import contextlib, io, sys, time\n"
        "from daenr_tf.commands.main import main\n"
        f"for arguments in"
        f" {[['--help'], ['--version'], *(arguments for arguments, _ in ARGUMENT_ERRORS.values())]!r}:\n"
        "    with contextlib.redirect_stderr(io.StringIO()),"
        " contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "        main(arguments)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} &"
        " {'tensorflow', 'keras', 'matplotlib', 'scipy', 'pandas', 'PIL', 'distributed'}))"
    )
    assert said == "[]\n"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["fit", "cae_fr", "--layer", "9"], ["check", "simulated", "--region", "4"]],
)
def test_an_answer_takes_under_half_a_second_of_the_processor(arguments):
    """The processor's time and not the clock's, which other processes on the machine draw out."""

    def taken():
        started = resource.getrusage(resource.RUSAGE_CHILDREN)
        daenr(*arguments)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime - started.ru_utime + ended.ru_stime - started.ru_stime

    assert min(taken() for _ in range(5)) < 0.5  # the contract; 0.08 to 0.25 are usual


def test_version_says_ours_and_those_that_figures_depend_on():
    said = daenr("--version")
    assert said.returncode == 0 and said.stderr == ""
    lines = dict(line.split(" ") for line in said.stdout.splitlines())
    assert next(iter(lines)) == "daenr_tf"
    assert lines["python"] == sys.version.split()[0]
    for name in ("tensorflow", "keras", "numpy"):
        assert lines[name] == importlib.metadata.version(name)


def test_a_new_command_is_a_function_and_a_row(monkeypatch, capsys):
    module = type(sys)("toy_command")

    def greet(call):
        parser = process.Parser(prog=call.typed, description="Greets.")
        parser.add_argument("whom")
        whom = parser.read(call.arguments).whom
        if whom == "nobody":
            raise InputError("whom: expected somebody, found nobody")
        print(f"hello {whom}")

    module.greet = greet
    monkeypatch.setitem(sys.modules, "toy_command", module)
    monkeypatch.setitem(
        catalogue.COMMANDS, "greet", Command("greet", "say hello", "toy_command:greet")
    )
    assert said_by(lambda: main(["greet", "world"]), capsys) == (0, "hello world\n", "")
    assert said_by(lambda: main(["greet", "nobody"]), capsys) == (
        2,
        "",
        "daenr greet: whom: expected somebody, found nobody\n",
    )
    assert "say hello" in said_by(lambda: main(["--help"]), capsys)[1]
    assert "usage: daenr greet" in said_by(lambda: main(["greet", "--help"]), capsys)[1]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The same run by either door, the second one quietly: two of (process, folder)."""
    folder = tmp_path_factory.mktemp("fitted")
    options = [
        "--dataset",
        write_recording(folder / "mine.npz"),
        "--image-size",
        "8",
        "--max-steps",
        "10",
        "--validate-every",
        "5",
    ]

    def places(name):
        return ["--run-dir", str(folder / name), "--export-dir", str(folder / f"{name}-export")]

    recipe = subprocess.run(
        [sys.executable, "-m", "recipes.cnn_fr", *places("recipe"), *options],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
    )
    same = in_this_process(main, ["fit", "cnn_fr", "--quiet", *places("daenr"), *options])
    assert recipe.returncode == same.returncode == 0, recipe.stderr + same.stderr
    return (recipe, folder / "recipe"), (same, folder / "daenr")


def test_fit_by_daenr_is_the_recipe(fitted):
    (_, recipe), (_, same) = fitted
    assert (recipe / "history.csv").read_bytes() == (same / "history.csv").read_bytes()
    assert read_json(recipe, "config.json") == read_json(same, "config.json")


def test_quiet_leaves_the_result_and_nothing_on_standard_error(fitted):
    (loud, _), (quiet, _) = fitted
    assert "trained 10 steps" in loud.stderr and "are resized to" in loud.stderr
    assert quiet.stderr == "" and "mean PCC" in quiet.stdout


def test_quiet_still_tells_errors(capsys):
    assert said_by(lambda: main(["check", "nowhere.npz", "--quiet"]), capsys)[2].startswith(
        "daenr check: dataset: expected"
    )


def test_in_python_no_handler_is_installed_and_a_command_leaves_none(capsys):
    said_by(lambda: main(["check", "nowhere.npz", "--quiet"]), capsys)
    assert (
        messages.LOGGER.handlers == []
        and messages.LOGGER.level == logging.NOTSET
        and messages.LOGGER.propagate
    )


def test_messages_are_plain_lines_on_standard_error_within_a_command(capsys):
    with messages.on_standard_error():
        messages.LOGGER.info("100 % done")
        messages.LOGGER.warning("a note")
    assert capsys.readouterr() == ("", "100 % done\na note\n")


def completions(line):
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
    }
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m daenr_tf 8>&1 9>/dev/null'],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    "line, words",
    [
        ("daenr comp", ["compare"]),
        ("daenr fit cae_f", ["cae_fr", "cae_fc", "cae_fm"]),
        ("daenr fit cae_fr --max", ["--max-steps"]),
        ("daenr table4 --budget ", ["paper", "fast", "quick"]),
    ],
)
def test_the_shell_completes_commands_recipes_and_options(line, words):
    pytest.importorskip("argcomplete")
    assert completions(line) == words


def test_commands_work_without_argcomplete(run_python):
    said = run_python(
        "import contextlib, io, sys\nsys.modules['argcomplete'] = None\nfrom"
        " daenr_tf.commands.main import main\n"
        "with contextlib.suppress(SystemExit):\n    main(['--help'])",
        _ARGCOMPLETE="1",
        COMP_LINE="daenr ",
        COMP_POINT="6",
    )
    assert said.startswith("usage: daenr")


def help_of(*arguments):
    return " ".join(daenr(*arguments, "--help").stdout.split())


def test_the_help_of_a_study_has_its_own_defaults():
    said = help_of("reproduce")
    assert "(default: all but tradeoff and region3)" in said
    assert "hidden layers (default: all, 2 with tradeoff)" in said
    assert "40000 with --budget paper, 10000 with --budget fast, 200 with --budget quick" in said
    assert "--schedule fast)" not in said
    own = help_of("tradeoff")
    assert "hidden layers (default: 2)" in own and "( of the paper)" not in own


@pytest.mark.parametrize(
    ("seeds", "budget", "line"),
    [
        (2, "paper", "--seeds: C1 can't be decided with 2 seeds: 3 are needed"),
        (3, "paper", None),
        (
            3,
            "quick",
            "--budget quick: C1 can't be decided by a rehearsal, with any number of seeds",
        ),
    ],
)
def test_what_can_not_be_decided_is_said_beforehand(seeds, budget, line):
    chosen = plan(("table2",), regions=(3,), layers=(2,), seeds=seeds)
    assert undecided(chosen, Study("simulated", budget=budget)) == [line] * (line is not None)
