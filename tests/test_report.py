import dataclasses
import hashlib
import html.parser
import pathlib
import re

import numpy as np
import pandas as pd
import pytest
import studies
from drawing import texts

from daenr_tf.errors import MachineError
from daenr_tf.experiments.claims import judge
from daenr_tf.experiments.findings import Findings
from daenr_tf.experiments.grid import Outcome
from daenr_tf.experiments.planning import plan
from daenr_tf.experiments.report import entries, page
from daenr_tf.experiments.study import Study
from daenr_tf.plotting import canvas, effects, learning_curves, neurons
from daenr_tf.plotting import images as image_figures

VOID = {"meta", "link", "img", "br"}
HOSTILE = "<script>alert('x')</script> \"&amp; $x^2$ {{ 7 * 7 }} | ‮"
NAMES = (
    "table2",
    "table3",
    "table4",
    "table7",
    "figure2",
    "figure3",
    "figure4",
    "figure5",
    "control",
)
FEW = ("table2", "figure3")


class Page(html.parser.HTMLParser):
    """A page's tags, texts, headings and whatever it loads; fails where tags don't match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.loads, self.headings, self.ids = (
            [],
            [],
            [],
            [],
            [],
            [],
        )
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.loads += [
            attributes[name]
            for name in ("src", "href", "action", "data", "poster", "srcset")
            if name in attributes
        ]
        self.ids += [attributes["id"]] if "id" in attributes else []
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module", autouse=True)
def coarse():
    """Small figures: they are drawn often here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "DPI", 40)
        yield


def writer(tmp_path):
    """What writes the report of a fake study: (page, text for the terminal, directory)."""

    def make(
        names=FEW,
        regions=(3,),
        layers=(2,),
        seeds=2,
        own=False,
        simulated=True,
        budget="paper",
        name=None,
        place="study",
        command="python -m recipes.reproduce",
        fail=(),
        **options,
    ):
        chosen = plan(names, None if own else regions, layers, None, seeds, own)
        found = studies.recordings((None,) if own else regions, simulated, name)
        folder = tmp_path / place
        study = Study(
            "/data/mine.npz" if own else "simulated" if simulated else "antolik", budget=budget
        )
        studies.finish(str(folder), chosen, found, study, missing=fail, **options)
        outcomes = [
            Outcome(cell, "failed", 2.0, f"MemoryError {HOSTILE}")
            if cell.name in fail
            else Outcome(cell, "done", 10.0)
            for cell in chosen.cells
        ]
        text = page.write_report(
            studies.finished(folder, study, found), chosen, outcomes, command, 123.0
        )
        return Page((folder / "report.html").read_text("utf-8")), text, folder

    return make


@pytest.fixture
def written(tmp_path):
    return writer(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A report with every kind of table and figure, on simulated data: (page, text for the terminal, directory)."""
    return writer(tmp_path_factory.mktemp("whole"))(NAMES)


def fingerprint(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for kind in ("tables", "figures")
        for path in (folder / kind).iterdir()
    }


def test_the_page_is_well_formed_and_loads_nothing(whole):
    page, _, folder = whole
    assert all(address.startswith(("data:", "#")) for address in page.loads)
    assert not any(tag in ("script", "iframe", "object") for tag, _ in page.tags)
    assert {address[1:] for address in page.loads if address.startswith("#")} <= set(
        page.ids
    ) and len(set(page.ids)) == len(page.ids)
    assert not re.search(r"url\(|@import|https?:", (folder / "report.html").read_text())


def test_headings_images_and_tables_can_be_read_without_seeing_them(whole):
    page, _, _ = whole
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    assert all(
        attributes.get("scope") in ("col", "row", "colgroup")
        for tag, attributes in page.tags
        if tag == "th"
    )
    assert ("html", {"lang": "en"}) in page.tags
    assert any(
        attributes.get("name") == "viewport" for tag, attributes in page.tags if tag == "meta"
    )


def test_the_verdicts_come_first_and_every_part_has_its_place(whole):
    page, _, _ = whole
    sections = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert sections == ["verdicts", *NAMES, "curves", "happened"]
    for claim in ("Region 3 gains most in reconstruction", "Both improve if and only if"):
        assert claim in page.text


def test_simulated_data_is_marked_in_the_page_and_on_every_table_and_figure(whole):
    page, terminal, folder = whole
    figures = len(list((folder / "figures").iterdir()))
    layouts = len(list((folder / "tables").glob("*.md"))) - 1  # claims.md is shown claim by claim
    assert page.text.count("SIMULATED DATA") >= 1 + figures + layouts
    assert (
        terminal.startswith("SIMULATED DATA")
        and "not comparable: these are simulated data" in page.text
    )
    assert all(
        path.read_text().startswith("**SIMULATED DATA**")
        for path in (folder / "tables").glob("*.md")
    )
    for path in (folder / "tables").glob("*.csv"):
        assert pd.read_csv(path)["simulated"].all()


def test_recorded_data_is_not_marked(written):
    page, terminal, folder = written(simulated=False)
    everything = (
        page.text
        + terminal
        + "".join(path.read_text() for path in (folder / "tables").glob("*.md"))
    )
    assert "simulated" not in everything.lower() and "rehearsal" not in everything.lower()
    assert not pd.read_csv(folder / "tables" / "table2.csv")["simulated"].any()


def test_a_small_budget_is_called_a_rehearsal(written):
    page, terminal, folder = written(("table2",), simulated=False, budget="quick")
    assert "Rehearsal on a small budget: says nothing about the models" in page.text
    assert "rehearsal on a small budget: says nothing about the models" in terminal
    assert "C1 not decidable with this data" in terminal and "supported:" not in terminal
    assert "rehearsal" in (folder / "tables" / "table2.md").read_text()
    for name in ("table2", "claims"):
        assert (pd.read_csv(folder / "tables" / f"{name}.csv")["budget"] == "quick").all()


def test_the_fast_schedule_is_named_wherever_its_figures_are(written):
    page, terminal, folder = written(("table2",), simulated=False, budget="fast")
    assert "Schedule fast: not the paper’s procedure" in page.text
    assert (
        "Every model was trained until a short patience ends, and a fall of the rate" in page.text
    )
    assert "schedule fast: not the paper's procedure" in terminal
    assert "not comparable" in (folder / "tables" / "table2.md").read_text()
    table = pd.read_csv(folder / "tables" / "table2.csv")
    assert (table["budget"] == "fast").all()
    assert table["note"].str.contains("--schedule fast").all()
    for path in (folder / "tables").glob("*.md"):
        assert path.read_text().startswith("**schedule fast: not the paper's procedure**"), path


def first_seed_of_the_joint_ones(setting, seed):
    return "max_steps" if studies.joint(setting) and seed == 0 else "patience"


def test_trainings_that_were_cut_off_are_marked_at_their_figures_and_named(written):
    page, terminal, folder = written(("table2",), stopped_by=first_seed_of_the_joint_ones)
    assert "1 cell cut off at the most steps that they were given" in terminal
    assert "Cells that were cut off 1 of 4 finished cells reached the most steps" in page.text
    assert re.search(r"cae_fr-r3-l2-ir-\S+-s0 : 600 steps", page.text)
    mark = "✂ 1 of 2 cut off at 600 steps"
    assert page.text.count(mark) == 3  # MSE, PSNR, SSIM
    assert (folder / "tables" / "table2.md").read_text().count(mark) == 3
    rows = pd.read_csv(folder / "tables" / "table2.csv").set_index("model")
    assert (rows["note"]["cae_fr"] == mark).all() and not rows["note"]["cae"].notna().any()


@pytest.mark.parametrize("end", ["patience", None])
def test_a_training_that_ended_by_itself_or_is_too_old_to_say_has_no_mark(written, end):
    page, terminal, _ = written(("table2",), stopped_by=lambda setting, seed: end)
    assert "cut off" not in page.text + terminal and "✂" not in page.text
    assert ("of 4 finished cells is not known" in page.text) == (end is None)


def test_a_rehearsal_says_once_that_every_training_is_short(written):
    page, terminal, _ = written(
        ("table2",), budget="quick", stopped_by=lambda setting, seed: "max_steps"
    )
    assert "cut off" not in page.text + terminal


def test_linear_codes_are_in_the_tables_their_captions_and_the_titles_of_figures(
    written, monkeypatch
):
    titles = []
    figure = canvas.figure
    monkeypatch.setattr(
        canvas,
        "figure",
        lambda width, height, title, *given, **options: (
            titles.append(title) or figure(width, height, title, *given, **options)
        ),
    )
    page, _, folder = written(("table2", "table4", "figure2"), linear_codes=studies.codes_of_100)
    assert "DCT and PCA" not in (folder / "tables" / "table4.md").read_text()
    assert "DCT and PCA: what linear codes of as many numbers as the model’s latent" in page.text
    assert page.text.count("DCT of 100: 0.0300, PCA of 100: 0.0210") == 2
    assert "DCT of 100: 21.25" in (folder / "tables" / "table2.md").read_text()
    beside = "linear codes, MSE over all test images: DCT of 100: 0.0300, PCA of 100: 0.0210"
    assert sum(beside in title for title in titles) == 1
    held_out = "linear codes, validation MSE: DCT of 100: 0.0200, PCA of 100: 0.0200"
    assert sum(held_out in title for title in titles) == 1
    titles.clear()
    page, _, _ = written(("table2", "figure2"), place="without")
    assert "linear code" not in page.text + "".join(titles)


def test_the_terminal_gets_a_line_per_claim_that_is_examined_and_the_place_of_the_report(written):
    page, terminal, folder = written(
        ("table2",),
        simulated=False,
        error=lambda setting, seed: 0.03 if studies.joint(setting) else 0.05,
        spread=0.002,
        seeds=3,
    )
    lines = terminal.splitlines()
    assert lines[0].startswith("C1 supported: The joint model reconstructs better")
    assert (
        lines[1]
        == "not examined: C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12 (the report says what they need)"
    )
    assert "needs table2 with cae and cae_fr in regions 1, 2 and 3" in page.text
    assert lines[2:] == [f"report: {folder}/report.html"]


def test_what_several_claims_come_to_is_told_of_several_alone(written):
    page, terminal, _ = written(("table2",))
    assert "1 claims" not in page.text and "Only one claim is examined here" in page.text
    assert "in every region" not in page.text + terminal
    page, terminal, _ = written(("table2", "table4"), place="two", regions=(1, 3))
    assert "Of 2 claims examined here" in page.text and "up to 10 of 100 studies" in page.text
    assert "in every region" in page.text and "in every region" in terminal


def test_written_again_tables_and_figures_are_the_same_byte_for_byte(written):
    names = ("table2", "table4", "figure2", "figure4", "figure5")
    fail = (plan(names, (3,), (2,), None, 2).cells[3].name,)
    first = fingerprint(written(names, fail=fail)[2])
    again = fingerprint(written(names, fail=fail, place="elsewhere", command="another")[2])
    assert (
        first == again and len(first) == 2 * 4 + 3 + 3 + 2
    )  # tables and claims; claims, figures and learning curves as pictures


def test_nothing_but_whole_files_is_left(written):
    _, _, folder = written(("table2", "figure5"))
    names = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if "cells" not in path.parts and path.is_file()
    )
    assert names == [
        "figures/claim_C1.png",
        "figures/figure5.png",
        "figures/learning_curves_ir_region3.png",
        "report.html",
        "tables/claims.csv",
        "tables/claims.md",
        "tables/table2.csv",
        "tables/table2.md",
    ]


def test_a_disk_that_refuses_ends_in_one_line(written, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "tables").write_text("")
    with pytest.raises(MachineError, match="tables: could not be made"):
        written(("table2",))


def test_the_csv_of_the_claims_says_what_was_judged(written):
    chosen, found = plan(("table2", "table4"), (3,), (2,), None, 2), studies.recordings((3,))
    _, _, folder = written(("table2", "table4"))
    claims = judge(Findings(chosen, studies.finished(folder, Study("simulated"), found)))
    rows = pd.read_csv(folder / "tables" / "claims.csv")
    comparisons = [(claim, one) for claim in claims for one in claim.comparisons]
    assert len(rows) == len(comparisons) == 2
    for row, (claim, one) in zip(rows.itertuples(), comparisons, strict=True):
        assert (row.claim, row.role, row.comparison, row.verdict, row.verdict_of_claim) == (
            claim.name,
            one.role,
            one.what,
            one.verdict,
            claim.verdict,
        )
        assert (row.effect, row.low, row.high) == (one.effect.value, one.low, one.high)
        assert (row.standard_error, row.degrees_of_freedom, row.p_value) == (
            one.effect.standard_error,
            one.effect.degrees_of_freedom,
            one.effect.p_value,
        )
        assert (row.least, row.paper) == (one.least, one.published)
        assert (row.p_of_claim, row.p_over_all_claims) == (claim.p_value, claim.p_over_all)


def test_the_page_shows_ours_the_papers_and_the_difference(written):
    page, _, folder = written(("table2",))
    rows = pd.read_csv(folder / "tables" / "table2.csv")
    for row in rows.itertuples():
        digits = entries.DIGITS[row.metric]
        expected = f"{row.ours:.{digits}f} [{row.low:.{digits}f}, {row.high:.{digits}f}] paper {row.paper:.3f} difference"
        assert expected in page.text


def test_hostile_names_are_shown_and_not_obeyed(written):
    fail = (plan(FEW, (3,), (2,), None, 2).cells[0].name,)
    page, _, folder = written(
        (*FEW, "table7", "figure5"),
        name=HOSTILE,
        command=f"python -m recipes.reproduce --dataset '{HOSTILE}'",
        fail=fail,
    )
    raw = (folder / "report.html").read_text("utf-8")
    assert "<script" not in raw
    assert (
        page.text.count("<script>alert('x')</script>") >= 3
    )  # as a text: the recording, the command, the failed cell
    assert "{{ 7 * 7 }}" in page.text
    assert all("<script" not in path.read_text() for path in (folder / "tables").glob("*.md"))


def test_failed_cells_are_told_with_their_message_and_log(written):
    fail = (plan(("table2",), (3,), (2,), None, 2).cells[0].name,)
    page, _, _ = written(("table2",), fail=fail)
    assert f"{fail[0]} failed MemoryError" in page.text and f"logs/{fail[0]}.txt" in page.text
    assert "3 of 4 cells finished" in page.text and "1 of 2 seeds" in page.text


def test_a_study_without_any_finished_cell_still_has_a_report(written):
    names = ("table2", "table4", "figure2", "figure3", "figure5")
    fail = [cell.name for cell in plan(names, (3,), (2,), None, 2).cells]
    page, terminal, _ = written(names, fail=fail)
    assert "not finished" in page.text and "C1 not decidable with this data" in terminal


def test_groups_without_neurons_are_told(written):
    skipped = [
        cell.name
        for cell in plan(("table3",), (3,), (2,), None, 2).cells
        if cell.setting.group == "insignificant"
    ]
    page, _, _ = written(("table3",), skipped=skipped)
    assert "Cells with nothing to train" in page.text and "no neuron in the group" in page.text


def test_a_single_seed_is_called_one_wherever_there_is_an_interval(written):
    page, _, folder = written(("table2", "figure3"), seeds=1)
    assert "] (images only)" in page.text
    assert page.text.count("one seed says nothing of another training") == 2
    assert (
        pd.read_csv(folder / "tables" / "table2.csv")["note"]
        == "one seed: interval over images only"
    ).all()


def test_the_page_says_how_long_it_took_with_what_and_how_to_repeat_it(written):
    page, _, _ = written(("table2",), command="python -m recipes.table2 --seeds 2")
    assert (
        "This call took 2 min 03 s: 4 cells trained (40.0 s one after the other), 0 finished before, 0 failed, 0 stopped."
        in page.text
    )
    assert (
        "CAE-FR 2 1 200 600 25.0 s 12.5 s" in page.text
        and "all 4 2 400 600 50.0 s 12.5 s" in page.text
    )
    assert "4 cells: python 3.11.0, daenr_tf 0.1.0, tensorflow 2.21.0, keras 3.15.0." in page.text
    assert "python -m recipes.table2 --seeds 2" in page.text and "How to repeat it" in page.text


@pytest.mark.parametrize(
    ("threads", "said"),
    [
        (lambda setting, seed: [2], None),
        (lambda setting, seed: None, None),
        (lambda setting, seed: [1 + seed], "(1: 2 cells; 2: 2 cells)"),
        (lambda setting, seed: [2] if seed else None, "(2: 2 cells; ?: 2 cells)"),
        (
            lambda setting, seed: [1, 2] if seed and setting.layer else [2],
            "(1, then 2: 1 cell; 2: 3 cells)",
        ),
    ],
)
def test_the_page_says_where_cells_that_are_compared_had_different_numbers_of_threads(
    written, threads, said
):
    page, _, _ = written(("table2",), threads=threads)
    words = "Cells that are compared here were trained with different numbers of threads"
    assert f"{words} {said}" in page.text if said else "numbers of threads" not in page.text


def test_ones_own_recording_has_no_paper_column_and_no_region(written):
    page, _, folder = written(
        ("table2", "table4", "table7", "figure2", "figure4"), own=True, simulated=False
    )
    assert "The paper’s claims, tested on this recording" in page.text
    assert (
        "paper 0." not in page.text
        and "the paper’s effect" not in page.text
        and "minus the paper’s" not in page.text
    )
    for path in (folder / "tables").glob("*.csv"):
        assert not {"paper", "region", "difference"} & set(pd.read_csv(path).columns)
    heads = [
        next(line for line in path.read_text().splitlines() if line.startswith("|"))
        for path in (folder / "tables").glob("*.md")
    ]
    assert heads and not any("region" in head or "paper" in head for head in heads)


def test_the_page_says_what_becomes_of_ones_own_images(written):
    page, _, _ = written(("table2",), own=True, simulated=False)
    assert "Images of 16x16 are resized to 32x32 (--image-size takes another size)." in page.text
    page, _, _ = written(("table2",), simulated=False, place="published")
    assert "are resized" not in page.text


def test_the_page_says_what_a_fit_warns_of(written, monkeypatch):
    def weak(regions, *options, make=studies.recordings):
        (found,) = make(regions, *options).values()
        return {None: dataclasses.replace(found, responses=found.responses / 1000)}

    monkeypatch.setattr(studies, "recordings", weak)
    page, _, _ = written(("table4",), own=True, simulated=False)
    assert "The mean response is 0.00" in page.text and "rescale the responses" in page.text


def test_repeats_that_vary_are_told_as_a_range(written, monkeypatch):
    def varied(regions, *options, make=studies.recordings):
        found = make(regions, *options)
        trials = np.array(found[None].test_trials)
        trials[2:, :9] = np.nan
        return {None: dataclasses.replace(found[None], test_trials=trials, test_responses=None)}

    monkeypatch.setattr(studies, "recordings", varied)
    page, _, folder = written(("table2", "table7"), own=True, simulated=False)
    assert "(2 to 4 times each)" in page.text
    assert list(pd.read_csv(folder / "tables" / "table7.csv")["repeats of a test image"]) == [
        "2 to 4"
    ]


def test_the_template_is_part_of_the_package():
    setup = (pathlib.Path(__file__).parents[1] / "setup.cfg").read_text()
    assert re.search(
        r"\[options\.package_data\]\s+daenr_tf = py\.typed\s+daenr_tf\.experiments\.report = \*\.j2",
        setup,
    )


# Figures


def comparisons(tmp_path, missing=()):
    chosen, found = plan(("table2",), (3,), None, None, 3), studies.recordings((3,))
    effects = {1: 0.7, 2: 1.3, 3: 1.0, 4: 0.97}
    studies.finish(
        str(tmp_path),
        chosen,
        found,
        spread=0.01,
        missing=missing,
        error=lambda setting, seed: (
            0.05 * effects.get(setting.layer, 1) * (1 + 0.05 * seed * (setting.layer == 4))
        ),
    )
    return judge(Findings(chosen, studies.finished(tmp_path, Study("simulated"), found)))[
        0
    ].comparisons


@pytest.mark.parametrize(
    ("simulated", "rehearsal", "mark"),
    [
        (True, False, "simulated data"),
        (False, False, None),
        (False, True, "rehearsal"),
        (True, True, "simulated data · rehearsal"),
    ],
)
def test_every_chart_of_simulated_data_or_of_a_rehearsal_says_so_on_its_face(
    drawn, tmp_path, simulated, rehearsal, mark
):
    images, marks = np.zeros((3, 16, 16, 1)), {"simulated": simulated, "rehearsal": rehearsal}
    curve = learning_curves.Curve(1, np.arange(3), np.array([3.0, 2.0, 1.0]))
    found = comparisons(tmp_path)
    image_figures.reconstructions_by_model(
        "", images, {"CAE": images, "CAE-FR1": None}, "Title", **marks
    )
    neurons.significance(
        "",
        {
            "data": [
                neurons.Bar("CAE-FR1", None, 10),
                neurons.Bar("CAE-FR2", found[0].effect, 10),
            ]
        },
        "Title",
        **marks,
    )
    image_figures.stimuli(
        "", {"data": (images, (0, 255)), "fewer": (images[:2], (0, 255))}, "Title", **marks
    )
    effects.forest("", found, "Title", **marks)
    learning_curves.of_study("", {"CAE": [curve], "VAE": [curve, curve]}, "loss", "Title", **marks)
    assert len(drawn) == 5
    for figure in drawn:
        found = set(texts(figure))
        assert "Title" in found and found & {
            "simulated data",
            "rehearsal",
            "simulated data · rehearsal",
        } == ({mark} - {None})


def test_a_forest_shows_every_effect_its_interval_the_papers_and_what_is_too_small(drawn, tmp_path):
    found = comparisons(tmp_path)
    effects.forest("", found, "Title", simulated=True)
    axis = drawn[0].axes[0]
    lines = [tuple(np.ravel(line.get_xdata())) for line in axis.lines]
    for one in found:
        assert (
            (one.effect.value,) in lines
            and (one.effect.low, one.effect.high) in lines
            and (one.published,) in lines
        )
    assert [2 * one.least for one in found] == pytest.approx(
        [patch.get_width() for patch in axis.patches]
    )
    assert all(
        effects.effect_text(one) in texts(drawn[0]) and one.what in texts(drawn[0]) for one in found
    )
    styles = {(style["marker"], style["color"]) for style in effects.VERDICT_STYLES.values()}
    assert (
        len({marker for marker, _ in styles}) == len({color for _, color in styles}) == 4
    )  # colour and shape


@pytest.mark.parametrize(
    ("regions", "told"),
    [((3,), "the part’s interval: 95 %"), ((1, 3), "intervals of parts 97.5 % each, so that all")],
)
def test_a_forest_says_what_its_intervals_hold(written, monkeypatch, regions, told):
    titles, draw = [], effects.forest

    def watched(path, comparisons, title, **marks):
        titles.append(title)
        draw(path, comparisons, title, **marks)

    monkeypatch.setattr(effects, "forest", watched)
    page, *_ = written(("table2",), regions, seeds=3)
    assert [told in title for title in titles if title.startswith("C1:")] == [True]
    assert any("cells twice" in text for text in page.texts)


def test_a_forest_names_what_is_not_finished(drawn, tmp_path):
    layer_1 = {
        cell.name
        for cell in plan(("table2",), (3,), None, None, 3).cells
        if cell.setting.layer == 1
    }
    effects.forest("", comparisons(tmp_path, layer_1), "Title", simulated=True)
    assert "not finished" in texts(drawn[0])


def test_bars_stack_significant_neurons_under_the_others(drawn, tmp_path):
    effect = comparisons(tmp_path)[0].effect
    neurons.significance(
        "", {"data": [neurons.Bar("CAE-FR1", effect, 10)]}, "Title", simulated=False
    )
    below, above = drawn[0].axes[0].patches
    assert (
        below.get_height() == effect.value
        and below.get_height() + above.get_height() == pytest.approx(10)
    )
    assert above.get_y() == effect.value


def test_each_comparison_of_a_claim_about_both_tasks_has_its_own_unit(written):
    _, _, folder = written(("table2", "table4", "control", "control_images"))
    lines = (folder / "tables" / "claims.md").read_text().splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| C9 ")]
    assert {row[1] for row in rows} == {"MSE", "PCC"}
    assert not any(row[1] in row[2] for row in rows)
    page = (folder / "report.html").read_text()
    assert re.search(r"against \S+ \(MSE\)", page) and re.search(r"against \S+ \(PCC\)", page)


def test_no_other_part_has_a_table_of_gains(whole):
    _, _, folder = whole
    assert not list((folder / "tables").glob("*gains*"))


def test_no_figure_of_a_claim_outlives_the_report_that_examined_it(written):
    _, _, folder = written(("table2",))
    assert [path.name for path in folder.glob("figures/claim_*")] == ["claim_C1.png"]
    written(("table4",))
    assert [path.name for path in folder.glob("figures/claim_*")] == ["claim_C4.png"]
    assert (folder / "tables" / "table2.csv").exists()
