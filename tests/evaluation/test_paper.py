"""The paper's numbers, our table beside what was wanted, and the command that writes both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from scipy.stats import binomtest

from mammoview.cli import main
from mammoview.domain import Magnification
from mammoview.errors import BadSetting
from mammoview.evaluation import evidence, paper
from mammoview.evaluation.evidence import BEGIN, END, Role, marked, read_summaries, summary, table, with_table
from mammoview.evaluation.paper_figures import Shown, architecture, patches, saliency
from mammoview.evaluation.paper_tables import page
from tests import handmade
from tests.evaluation.made_metrics import TISSUE, figure, metrics
from tests.networks import small_suite

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence"


def cells(text: str, begins: str) -> list[str]:
    """The cells of the row that begins so."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {begins}"))
    return [cell.strip() for cell in row.strip("|").split("|")]


# The paper's own arithmetic


@pytest.mark.parametrize(
    ("percent", "n", "fits"), [(50.0, 2, True), (33.3, 3, True), (33.4, 3, False), (6.3, 256, True)]
)
def test_a_percentage_is_possible_when_a_whole_number_rounds_to_it(percent, n, fits):
    assert paper.possible(percent, n) is fits


def test_possible_agrees_with_trying_every_count():
    for n in (7, 64, 256, 300):
        printed = {round(100 * count / n + shift, 1) for count in range(n + 1) for shift in (-1e-7, 1e-7)}
        for tenth in range(1001):
            assert paper.possible(tenth / 10, n) == (tenth / 10 in printed)


def test_table_2_fits_256_patches_in_all():
    assert paper.denominators(600, 11) == [256, 512]
    assert not paper.denominators(600, 12)
    misfits = [percent for percent in paper.PRINTED if not paper.possible(percent, 256)]
    assert misfits == [46.0]
    for row in paper.TABLE_2.values():
        true_positive, false_positive, true_negative, false_negative = paper.patches_behind(row, 256)
        assert true_positive + false_negative == false_positive + true_negative == 128
        assert paper.possible(row.total_error, 256)
        assert round(row.false_positive + row.false_negative, 1) == row.total_error
    assert round(100 * paper.patches_behind(paper.TABLE_2[Magnification.THIRD], 256)[2] / 256, 1) == 46.1


def test_of_512_patches_every_count_would_be_even():
    fitting = [percent for percent in paper.PRINTED if paper.possible(percent, 512)]
    assert len(fitting) == 11
    for percent in fitting:
        counts = [k for k in range(513) if abs(100 * k / 512 - percent) <= 0.05 + 1e-9]
        assert [k % 2 for k in counts] == [0]


def test_wilson_s_interval_is_scipy_s():
    interval = binomtest(29, 256).proportion_ci(method="wilson")
    assert paper.wilson(29, 256) == pytest.approx((interval.low, interval.high), abs=1e-6)


# The page of the paper


def test_the_page_states_what_the_arithmetic_found():
    text = page({})
    for words in (
        "only 256 and 512 make eleven",
        "128 with findings and 128 without",
        "must be 46.1 (118 of 256)",
        "as printed it adds up to 99.9",
        "11.3 % are 29 of 256 patches: the 95 % interval is 8.0 to 15.8",
        "yet ×0.25 errs on 4 patches fewer than ×0.33",
        "The gain is 6.8 % on 20 films",
        "has 16 × 16 places at a stride of 64",
        "one film more or less is 5 percentage points",
        "sensitivity 0.954 at a false positive rate of 0.180",
    ):
        assert words in text
    assert text.count("not measured") >= 7
    assert "figure-3.svg" not in text
    assert "figure-3.svg" in page(summary(metrics()))


def test_our_numbers_stand_beside_the_paper_s():
    text = page(summary(metrics()))
    assert cells(text, "tissue ×0.5")[2:7] == ["47.7", "9.0", "41.0", "2.3", "11.3"]
    lines = text.splitlines()
    ours = lines[next(i for i, line in enumerate(lines) if line.startswith("| tissue ×0.33")) + 1]
    # At the threshold 0.55 of the made-up curve: false positives 0.45⁸, false negatives 0.55⁸.
    outcomes = [100 * (1 - 0.55**8) / 2, 100 * 0.45**8 / 2, 100 * (1 - 0.45**8) / 2, 100 * 0.55**8 / 2]
    expected = " | ".join(f"{share:.1f}" for share in outcomes)
    assert ours == f"| | ours | {expected} | 6.0 (4.0 to 8.0) | 446 patches, 137 patients |"
    assert cells(text, "Validation, 241 films, 137 patients")[2:] == [
        "0.004500 (0.003700 to 0.005300)",
        "0.004400 (0.003600 to 0.005200)",
        "-0.000100 (-0.000150 to -0.000050)",
    ]
    assert "223 / 223 (`tissue-0.5`)" in cells(text, "Testing")[3]


# The table of what was wanted


def test_each_row_finds_its_figure():
    measured = summary(metrics())
    measured["networks"][TISSUE[1]]["tissue AUC, balanced"] = figure(0.99, 0.005, "patches", 436)
    text = table({Role.VALIDATION: measured})
    assert cells(text, "tissue AUC, balanced patches")[3:] == [
        "×0.33: **0.990** (0.985 to 0.995)",
        "436 patches, 137 patients",
    ]
    assert (
        cells(text, "the other two")[3]
        == "×0.5: **0.985** (0.975 to 0.995)<br>×0.25: **0.983** (0.973 to 0.993)"
    )
    # The error is that of the magnification with the best area, though ×0.5 errs less.
    assert cells(text, "total error")[3] == "×0.33: **6.0 %** (4.0 to 8.0)"
    assert cells(text, "heatmap MSE")[3] == "**-0.000100** (-0.000150 to -0.000050)"
    assert cells(text, "FROC")[3] == "**0.810** (0.780 to 0.840)"
    assert cells(text, "pointing game")[3] == "**0.760** (0.730 to 0.790)"
    assert len(cells(text, "calibration error")[3].split("<br>")) == 3
    assert all(cells(text, row)[3:] == ["not measured", "–"] for row in ("genuine DDSM cases", "mini-MIAS"))


def test_the_rows_of_other_films_come_from_their_own_runs():
    cases, mias = summary(metrics()), summary(metrics())
    cases["films_and_saliency"]["pointing game of the saliency, ×0.5"] = figure(0.75, 0.1, "lesions", 16)
    cases["subgroups"] = {
        "lesion type": {"mass": {"pointing game of the saliency, ×0.5": figure(0.8, 0.1, "lesions", 10)}}
    }
    mias["film_scores"] = {
        "best finding": {"film AUC, calcifications against normal films": figure(0.99)},
        "score of the assessment": {"film AUC, calcifications against normal films": figure(0.6)},
    }
    text = table({Role.CASES: cases, Role.MIAS: mias})
    hits = cells(text, "genuine DDSM cases, never trained on: outlines hit")[3].split("<br>")
    assert [hit.partition(":")[0] for hit in hits] == ["all, 12 of 16", "mass, 8 of 10"]
    assert cells(text, "mini-MIAS: film AUC, calcifications")[3] == "**0.600** (0.570 to 0.630)"
    assert cells(text, "tissue AUC, balanced")[3] == "not measured"


def test_a_figure_that_is_not_defined_is_called_so():
    measured = summary(metrics())
    measured["films_and_saliency"]["sensitivity at 0.9 false findings per film"] = figure(None)
    assert cells(table({Role.VALIDATION: measured}), "FROC")[3] == "not defined"


@pytest.mark.parametrize(
    ("facts", "role"),
    [
        ({"which": "validation", "dataset": "cbis-ddsm-mass"}, Role.VALIDATION),
        ({"which": "all", "dataset": "mini-mias"}, Role.MIAS),
        ({"which": "all", "dataset": "cases"}, Role.CASES),
    ],
)
def test_runs_are_told_apart(facts, role):
    assert evidence.role(facts) is role


def test_only_what_is_between_the_marks_is_written():
    text = f"# Mine\n{BEGIN}\nold\n{END}\nmine too\n"
    written = with_table(text, {Role.VALIDATION: summary(metrics())})
    assert written.startswith(f"# Mine\n{BEGIN}")
    assert written.endswith(f"{END}\nmine too\n")
    assert "old" not in marked(written)
    assert with_table(written, {Role.VALIDATION: summary(metrics())}) == written


def test_a_page_without_marks_is_left_alone():
    with pytest.raises(BadSetting, match="marks"):
        with_table("# Mine", {})


def test_a_summary_holds_nothing_of_a_single_film():
    text = json.dumps(summary(metrics()))
    assert "film-0" not in text
    assert "spacing assumed" not in text
    assert summary(summary(metrics())) == summary(metrics())


# Figures and the command


def test_the_layers_are_those_of_the_card():
    svg = architecture({"widths": [5, 6, 7], "context": 8, "dilations": [1, 9], "local_results": True})
    for words in ("5 channels", "7 channels", "8 channels", "dilated up to 9 cells", "local results"):
        assert words in svg
    assert "suspicion" not in architecture(
        {"widths": [5], "context": 8, "dilations": [1], "local_results": False}
    )


def test_a_rightly_positive_patch_and_its_saliency_are_drawn_and_a_missed_one_is_not():
    lit = handmade.dark()
    lit[76:84, 44:52] = 1  # at the hand-made grid's only positive cell
    around = handmade.square(100, 60, 120, handmade.PLAIN)
    beside = handmade.square(400, 250, 60, handmade.PLAIN)
    drawn = {}
    for name, outline in (("around", around), ("beside", beside)):
        shown = Shown(
            handmade.mammogram([outline], synthetic=True), handmade.assessment(handmade.saliency(lit))
        )
        drawn[name] = patches([shown])
    assert "0.75" in drawn["around"]
    assert drawn["around"].count("<image") == 2
    assert "no patch of these films was rightly called positive" in drawn["beside"]
    assert "<image" not in drawn["beside"]


def test_saliency_lies_over_the_film_where_there_is_any():
    lit = handmade.dark()
    lit[76:84, 44:52] = 1
    film = handmade.mammogram([handmade.square(100, 60, 120, handmade.PLAIN)])
    images = [
        saliency([Shown(film, handmade.assessment(handmade.saliency(values)))]).count("<image")
        for values in (handmade.dark(), lit)
    ]
    assert images == [2, 3]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """Everything the command writes, from made-up metrics and untrained networks."""
    folder = tmp_path_factory.mktemp("paper")
    small_suite(folder)
    measured = folder / "metrics.json"
    measured.write_text(json.dumps(metrics()), encoding="utf-8")
    out = folder / "evidence"
    assert main(["paper", "--metrics", str(measured), "--out", str(out), "--weights", str(folder)]) == 0
    return out


def test_one_command_writes_page_table_and_six_figures(written):
    assert sorted(path.name for path in (written / "figures").iterdir()) == [
        f"figure-{n}.svg" for n in range(1, 7)
    ]
    for path in (written / "figures").iterdir():
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
        assert path.stat().st_size < 400_000
        assert "http" not in re.sub(r"http://www\.w3\.org/\S+", "", path.read_text(encoding="utf-8"))
    assert "synthetic" in (written / "figures" / "figure-6.svg").read_text(encoding="utf-8")
    for name in ("README.md", "paper.md"):
        text = (written / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            assert (written / target).exists(), target
    assert "## What was tried and did not help" in (written / "README.md").read_text(encoding="utf-8")


def test_figures_and_tables_agree(written):
    text = (written / "README.md").read_text(encoding="utf-8")
    assert table(read_summaries(written / "metrics")) in marked(text)
    assert "the paper's Table 2" in (written / "figures" / "figure-3.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "content",
    [b"{}", b"not json", b"[1]", b"", b"[" * 100_000, b"\xff\xfe", json.dumps(metrics()).encode()[:-100]],
    ids=["no section", "no json", "a list", "empty", "nested", "no text", "cut"],
)
def test_what_is_no_metrics_json_is_refused(tmp_path, capsys, content):
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    assert main(["paper", "--metrics", str(path), "--out", str(tmp_path / "out")]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert f"{path} is no metrics.json" in sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("dataset", 7),
        ("films", "many"),
        ("networks", []),
        ("networks.tissue-0.5", "good"),
        ("networks.tissue-0.5.tissue AUC, balanced", 0.98),
        ("networks.tissue-0.5.tissue AUC, balanced.value", "0.98"),
        ("networks.tissue-0.5.tissue AUC, balanced.low", float("nan")),
        ("networks.tissue-0.5.tissue AUC, balanced.n", None),
        ("films_and_saliency", "none"),
        ("film_scores.best finding", [1]),
        ("subgroups.view.CC", 1),
        ("cards", {"tissue-0.5": {"version": "1"}}),
        ("operating_points.tissue-0.5", None),
        ("counts.patches.tissue-0.5", "446"),
        ("curves", [1]),
        ("curves.roc.tissue-0.5", {"false_positive_rate": [0, 1]}),
        ("curves.roc.tissue-0.5.sensitivity", [0, 1]),
        ("curves.error_by_threshold.tissue-0.5.threshold", ["low"]),
        ("lesions", {}),
        ("lesions.3", "film"),
    ],
)
def test_metrics_of_another_shape_are_refused_with_the_place(tmp_path, capsys, place, value):
    content = metrics()
    at, names = content, re.findall(r"tissue-0\.5|[^.]+", place)
    for name in names[:-1]:
        at = at[name]
    at[int(names[-1]) if isinstance(at, list) else names[-1]] = value
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert main(["paper", "--metrics", str(path), "--out", str(tmp_path / "out")]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert f"{path} is no metrics.json of this version: {names[0]}" in sentence
    assert not (tmp_path / "out").exists()


def test_a_broken_summary_of_another_run_is_named_before_anything_is_written(tmp_path, capsys):
    path, kept = tmp_path / "metrics.json", tmp_path / "out" / "metrics"
    path.write_text(json.dumps(metrics()), encoding="utf-8")
    kept.mkdir(parents=True)
    (kept / f"{Role.MIAS}.json").write_text("{", encoding="utf-8")
    assert main(["paper", "--metrics", str(path), "--out", str(tmp_path / "out")]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert str(kept / f"{Role.MIAS}.json") in sentence
    assert [each.name for each in kept.iterdir()] == [f"{Role.MIAS}.json"]
    # One that this run writes anew does not matter.
    (kept / f"{Role.MIAS}.json").rename(kept / f"{Role.VALIDATION}.json")
    assert list(read_summaries(kept, without=[Role.VALIDATION])) == []


def test_a_share_without_an_interval_is_shown_without_one():
    measured = summary(metrics())
    figures = measured["networks"][TISSUE[0]]
    figures["total error, balanced"] |= {"low": None, "high": None}
    assert cells(table({Role.VALIDATION: measured}), "total error")[3] == "×0.5: **5.0 %** (not defined)"
    assert "5.0 (not defined)" in page(measured)


def test_two_runs_of_one_kind_and_half_a_request_for_pictures_are_refused(tmp_path, capsys):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(metrics()), encoding="utf-8")
    out = ["--out", str(tmp_path / "out")]
    assert main(["paper", "--metrics", str(path), str(path), *out]) == 2
    assert "another run of the kind validation" in capsys.readouterr().err
    assert main(["paper", "--metrics", str(path), *out, "--pictures", str(tmp_path / "p")]) == 2
    assert "belong together" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# What is committed


@pytest.mark.skipif(not (EVIDENCE / "metrics").is_dir(), reason="no evidence was committed yet")
def test_the_committed_pages_are_those_of_the_committed_metrics():
    summaries = read_summaries(EVIDENCE / "metrics")
    readme = (EVIDENCE / "README.md").read_text(encoding="utf-8")
    assert with_table(readme, summaries) == readme
    assert (EVIDENCE / "paper.md").read_text(encoding="utf-8") == page(summaries.get(Role.VALIDATION, {}))
    for found in summaries.values():
        assert not set(evidence.LEFT_OUT) & found.keys()
