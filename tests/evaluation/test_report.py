"""The report as a reader meets it: one whole file that opens anywhere and hides nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from mammoview import WEIGHTS
from mammoview.evaluation import charts
from mammoview.evaluation.charts import Interval
from mammoview.evaluation.report import (
    Picture,
    at_operating_point,
    interval_text,
    number,
    value_text,
    write_report,
)
from mammoview.models.cards import read_card
from mammoview.overlays import RESEARCH_USE
from tests.evaluation.made_metrics import TISSUE, metrics

VOID = {"meta", "img", "br", "link", "hr"}
GREY = np.full((30, 20, 3), 90, np.uint8)


class Page(HTMLParser):
    """Elements with their attributes, all text, and whether every element was closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(folder, measured, pictures=(), cards=()) -> Page:
    return Page(write_report(measured, pictures, folder, cards).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Page, str]:
    """A report with every section, read and as text."""
    folder = tmp_path_factory.mktemp("whole")
    pictures = [Picture(GREY, "Among the best: a", "Because.")]
    found = page(folder, metrics(), pictures, [read_card(TISSUE[0], WEIGHTS)])
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    return found, (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_is_well_formed_and_says_what_it_is_for_first_and_last(whole):
    found, _ = whole
    assert found.open == []
    assert found.elements[0][0] == "html"
    body = found.text[found.text.index(RESEARCH_USE) :]
    assert body.count(RESEARCH_USE) == 2
    assert body.startswith(f"{RESEARCH_USE} Mammoview measured on made-up")
    assert body.endswith(RESEARCH_USE)


def test_nothing_is_fetched(whole):
    found, text = whole
    assert any(tag == "img" for tag, _ in found.elements)
    for tag, attributes in found.elements:
        assert tag not in {"script", "link", "iframe", "object"}
        for key in ("src", "href", "xlink:href"):
            assert (attributes.get(key) or "#").startswith(("#", "data:image/jpeg;base64,"))
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert set(re.findall(r"https?://[^\s\"']+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_no_two_elements_share_an_id_and_every_reference_is_met(whole):
    found, text = whole
    ids = [a["id"] for _, a in found.elements if a.get("id")]
    assert len(ids) == len(set(ids)) > 100
    assert set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", text)) <= set(ids)


def test_what_comes_from_data_is_shown_and_never_run(tmp_path):
    evil = "<script>alert(1)</script>&\"'$x$"
    one = metrics()["films_and_saliency"]["heatmap MSE, baseline"]
    curves = {kind: {evil: next(iter(of.values()))} for kind, of in metrics()["curves"].items()}
    measured = {
        "dataset": evil,
        "which": evil,
        "networks": {evil: {evil: one}},
        "film_scores": {evil: {evil: one}},
        "films_and_saliency": {evil: one},
        "subgroups": {evil: {evil: {evil: one}}},
        "baselines": {evil: {evil: one}},
        "randomised": {evil: one},
        "curves": curves,
        "counts": {evil: {evil: 1}},
        "lesions": [{"film": evil, "pathology": evil}],
        "warnings": {evil: 2},
    }
    found = page(tmp_path, measured, [Picture(GREY, evil, evil)])
    assert found.open == []
    assert "script" not in {tag for tag, _ in found.elements}
    assert found.text.count(evil) > 15
    assert "<script" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_every_figure_stands_there_with_interval_unit_and_patients(whole):
    measured = metrics()
    labelled = [
        *measured["networks"].values(),
        measured["films_and_saliency"],
        *measured["film_scores"].values(),
    ]
    for figures in labelled:
        for label, one in figures.items():
            row = f"{label} {value_text(one)} {interval_text(one)} {one['n']} {one['unit']} {one['patients']}"
            assert row in whole[0].text


def test_the_cards_are_named_with_what_proves_them(whole):
    card = read_card(TISSUE[0], WEIGHTS)
    for words in (card.name, card.version, card.sha256, card.trained_on, card.split, card.limits):
        assert words in whole[0].text
    assert f"{card.name} {card.version} 0.550" in whole[0].text  # as measured, whatever the card says now


@pytest.mark.parametrize(
    "sentence",
    [
        "The cards of the networks were not handed to this report",
        "This run has no ROC curve",
        "This run has no free-response curve.",
        "This run has no reliability curve.",
        "This run has no curve of the error against the threshold.",
        "This run did not compare the saliency with Grad-CAM",
        "This run did not repeat the saliency with randomised weights.",
        "The dataset names no subgroups",
        "There is no table of lesions in this run.",
        "There is no AUC of whole films",
        "No whole film was measured in this run.",
        "No network was measured on patches in this run.",
        "No film was drawn in this run.",
    ],
)
def test_what_is_missing_is_said_and_what_is_there_is_not(tmp_path, whole, sentence):
    bare = {"dataset": "bare", "films": 1, "patients": 1, "which": "all"}
    assert sentence in page(tmp_path, bare).text
    assert sentence not in whole[0].text


def test_without_normal_films_the_report_says_that_there_is_no_film_auc(tmp_path):
    figures = metrics()["films_and_saliency"]
    kept = {label: one for label, one in figures.items() if "film AUC" not in label}
    for measured, said in ((figures, False), (kept, True)):
        text = page(tmp_path, {"dataset": "a", "films_and_saliency": measured}).text
        assert ("There is no AUC of whole films" in text) is said


def test_a_figure_that_is_not_defined_is_called_so(whole):
    assert "not defined · 252 lesions" in whole[0].text


def test_charts_are_the_same_to_the_byte_and_hold_their_words_as_text():
    curves, points = metrics()["curves"], dict.fromkeys(TISSUE, 0.55)
    drawings = [
        lambda: charts.roc(curves["roc"], {}, dict.fromkeys(TISSUE, (0.1, 0.9))),
        lambda: charts.froc(curves["froc"]),
        lambda: charts.reliability(curves["reliability"], {}),
        lambda: charts.error_by_threshold(curves["error_by_threshold"], {}, points),
        lambda: charts.intervals([Interval("a", 0.5, 0.4, 0.6, "said")], "x"),
    ]
    for drawing in drawings:
        once = drawing()
        assert once == drawing()
        assert "<dc:date>" not in once
        assert ElementTree.fromstring(once).tag == "{http://www.w3.org/2000/svg}svg"
        assert "<text" in once


def test_a_curve_is_drawn_where_its_numbers_are():
    """One step from (0, 0.25) to (2, 0.75): in pixels the ratio of heights must be that of the numbers."""
    one = {"false_per_film": [0, 2], "sensitivity": [0.25, 0.75], "low": [0.2, 0.7], "high": [0.3, 0.8]}
    root = ElementTree.fromstring(charts.froc({"lesion films": one}))
    paths = [e.attrib["d"] for e in root.iter("{http://www.w3.org/2000/svg}path") if "clip-path" in e.attrib]
    line = next(d for d in paths if d.count("L") == 2)
    points = np.array(re.findall(r"[ML] ([\d.]+) ([\d.]+)", line), float)
    axis = next(e for e in root.iter() if e.attrib.get("id") == "patch_2")[0].attrib["d"]
    corners = np.array(re.findall(r"[ML] ([\d.]+) ([\d.]+)", axis), float)
    left, right = corners[:, 0].min(), corners[:, 0].max()
    top, bottom = corners[:, 1].min(), corners[:, 1].max()
    rates = (points[:, 0] - left) / (right - left) * 4
    found = (bottom - points[:, 1]) / (bottom - top) * 1.02
    np.testing.assert_allclose(rates, [0, 2, 2], atol=1e-3)
    np.testing.assert_allclose(found, [0.25, 0.25, 0.75], atol=1e-3)


def test_the_operating_point_on_the_roc_is_read_from_the_nearest_threshold():
    curve = {
        "threshold": [0.0, 0.5, 1.0],
        "false_positive_rate": [1.0, 0.2, 0.0],
        "false_negative_rate": [0, 0.1, 1],
    }
    assert at_operating_point(curve, 0.6) == (0.2, 0.9)
    assert at_operating_point(curve | {"false_negative_rate": [0, None, 1]}, 0.6) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.98433, "0.984"),
        (0.0, "0.000"),
        (0.004449, "0.004449"),
        (-1e-06, "-0.000001"),
        (-0.25, "-0.250"),
    ],
)
def test_numbers_keep_the_digits_that_matter(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.98433, 0.97, 0.99204, "0.984 0.970 to 0.992"),
        (0.016, 0.008339, 0.027, "0.016 0.008 to 0.027"),
        (-1e-06, -1.1e-05, 8e-06, "-0.000001 -0.000011 to 0.000008"),
        (0.5, None, None, "0.500 not defined"),
        (None, None, None, "– not defined"),
        (0.0, 0.0, 0.0, "0.000 0.000 to 0.000"),
    ],
)
def test_a_figure_and_its_interval_have_the_same_decimals(value, low, high, said):
    one = {"value": value, "low": low, "high": high}
    assert f"{value_text(one)} {interval_text(one)}" == said
