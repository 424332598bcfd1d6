"""The report of one film: its numbers are those of assessment.json, and it runs and fetches nothing."""

from __future__ import annotations

import base64
import datetime
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mammoview import overlays
from mammoview.domain import Drawn
from mammoview.export import assessment_json, film_report
from tests import handmade
from tests.handmade import MIRRORED, PLAIN, dark, finding, square

DAY = datetime.date(2026, 2, 3)
LESION = square(200, 120, 40, PLAIN)
HOSTILE = "<script src='http://example.org/x.js'>alert(1)</script><img src=x onerror=alert(2)>"


def assessed(base=PLAIN, scores=(0.83, 0.41), **changes):
    values = dark()
    values[108:112, 68:72] = 2
    found = [finding(square(200 - 60 * i, 120 + 30 * i, 40, base), score) for i, score in enumerate(scores)]
    return replace(handmade.assessment(handmade.saliency(values, base), findings=found, base=base), **changes)


class Page(HTMLParser):
    """Tables by their id, every tag with its attributes, and the words outside of the style."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._table = ""
        self._inside: list[str] = []
        self.feed(content.decode())

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.tags.append((tag, said))
        if tag not in ("meta", "img", "br"):
            self._inside.append(tag)
        if tag == "table":
            self._table = said["id"]
            self.tables[self._table] = []
        if tag == "tr":
            self.tables[self._table].append([])
        if tag in ("td", "th"):
            self.tables[self._table][-1].append("")

    def handle_endtag(self, tag):
        assert self._inside.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if "style" not in self._inside:
            self.words += data
        if self._inside and self._inside[-1] in ("td", "th"):
            self.tables[self._table][-1][-1] += data


def report(assessment=None, mammogram=None) -> Page:
    film = mammogram or handmade.mammogram([LESION])
    return Page(film_report.content(assessment or assessed(), film, DAY))


def test_every_number_is_that_of_assessment_json():
    assessment, film = assessed(), handmade.mammogram([LESION, square(300, 200, 30, PLAIN)])
    page = Page(film_report.content(assessment, film, DAY))
    found = assessment_json.document(assessment, film)
    rows = page.tables["findings"][1:]
    assert len(rows) == len(found["findings"]) == 2
    for number, (row, one) in enumerate(zip(rows, found["findings"], strict=True), 1):
        centre = f"{one['centre'][0]:.0f}, {one['centre'][1]:.0f}"
        assert row == [str(number), f"{one['score']:.2f}", centre, f"{one['area_mm2']:.1f}"]
    rows = page.tables["scorecard"][1:]
    assert len(rows) == len(found["scorecard"]) == 2
    for row, one in zip(rows, found["scorecard"], strict=True):
        assert row[0] == str(one["outline"] + 1)
        assert row[1] == {True: "hit", False: "miss"}[one["pointing_hit"]]
        assert row[2] == f"{one['energy_inside']:.0%}"
        assert row[3:5] == [f"{one['dice']:.2f}", f"{one['iou']:.2f}"]
        assert row[5] == ("–" if one["tightness"] is None else f"{one['tightness']:.2f}")
        assert row[6] == f"{one['centre_distance_mm']:.1f}"
    assert f"score of the film {found['score']:.2f}" in page.words
    assert found["research_use"] in page.words
    for warning in found["warnings"]:
        assert warning in page.words


def test_the_research_use_is_said_before_anything_else_and_the_day_stands_there():
    page = report()
    assert page.words.split("Mammoview: report of one film")[1].strip().startswith(overlays.RESEARCH_USE)
    assert "Report of 2026-02-03" in page.words


def test_networks_say_what_they_were_trained_on_and_how_often_they_err():
    measured = {"low": 0.03, "high": 0.08, "unit": "patches", "n": 446, "patients": 133}
    cards = (
        replace(handmade.card("tissue-0.5"), metrics={"total error, balanced": {"value": 0.056, **measured}}),
        replace(handmade.card("heatmap-baseline"), metrics={}, trained_on="films made by hand; more masses"),
    )
    page = report(assessed(cards=cards))
    first, second = page.tables["networks"][1:]
    assert first == [
        "tissue-0.5 1",
        "total error, balanced 0.056 (95 % interval 0.03 to 0.08; 446 patches of 133 patients)",
    ]
    assert second == ["heatmap-baseline 1", "not measured"]
    assert "Trained on: films made by hand. heatmap-baseline: more masses." in page.words
    assert "Limits: none known." in page.words


def test_whatever_a_file_says_is_shown_and_not_obeyed():
    film = replace(
        handmade.mammogram([LESION]),
        source=HOSTILE,
        facts={HOSTILE: HOSTILE},
        warnings=(HOSTILE,),
    )
    plain = assessed()
    cards = tuple(
        replace(card, trained_on=HOSTILE, limits=HOSTILE, metrics={f"total error {HOSTILE}": {"value": 0.5}})
        for card in plain.cards
    )
    hostile = replace(plain, scan=replace(plain.scan, source=HOSTILE), cards=cards)
    page, harmless = report(hostile, film), report()
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in harmless.tags}
    assert sum(tag == "img" for tag, _ in page.tags) == sum(tag == "img" for tag, _ in harmless.tags)
    assert not any(name.startswith("on") for _, said in page.tags for name in said)
    assert "<script src='http://example.org/x.js'>" in page.words


def test_nothing_is_run_and_nothing_is_fetched():
    page = report()
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "form", "a", "base"}
    addresses = [value for _, said in page.tags for name, value in said.items() if name in ("src", "href")]
    assert addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    text = film_report.content(assessed(), handmade.mammogram([LESION]), DAY).decode()
    assert "://" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_no_path_and_no_name_but_the_films_own_stands_in_it(tmp_path: Path):
    film_report.write(assessed(), handmade.mammogram([LESION]), tmp_path / "DOE_JANE.html")
    text = (tmp_path / "DOE_JANE.html").read_text()
    assert "DOE" not in text
    assert str(tmp_path) not in text
    assert re.search(r"<title>([^<]*)</title>", text)[1] == "Mammoview: report of one film"


def test_the_same_assessment_and_day_make_the_same_bytes():
    film = handmade.mammogram([LESION])
    assert film_report.content(assessed(), film, DAY) == film_report.content(assessed(), film, DAY)


def test_an_empty_film_says_so():
    page = report(assessed(scores=()), handmade.mammogram())
    assert "No region reaches the heat level 0.50." in page.words
    assert "nothing to compare with" in page.words
    assert "findings" not in page.tables
    assert sum(tag == "img" for tag, _ in page.tags) == 3


def test_what_goes_beyond_the_page_is_counted():
    many = report(assessed(scores=tuple(0.9 - 0.1 * i for i in range(9))))
    assert len(many.tables["findings"]) == film_report.MOST_ROWS + 1
    assert f"{9 - film_report.MOST_ROWS} more in assessment.json." in many.words
    assert "the first 3 of 9 findings" in many.words


def test_a_synthetic_film_says_so_and_a_real_one_does_not():
    plain = assessed()
    synthetic = replace(plain, scan=replace(plain.scan, synthetic=True))
    assert "no patient" in report(synthetic).words
    assert "no patient" not in report(plain).words


def test_the_pictures_are_the_film_its_heat_and_its_outlines():
    page = report()
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(said["src"].partition(",")[2]))), np.int16)
        for tag, said in page.tags
        if tag == "img"
    ]
    alone, heated, outlined, *enlarged = pictures
    assert np.ptp(alone, axis=2).max() < 20  # grey
    assert np.ptp(heated, axis=2).max() > 60
    assert np.ptp(outlined, axis=2).max() > 60
    assert alone.shape == heated.shape == outlined.shape
    assert [each.shape for each in enlarged] == [(360, 360, 3)] * 2


@pytest.mark.parametrize("base", [PLAIN, MIRRORED], ids=["plain", "mirrored"])
def test_heat_is_drawn_over_its_cell_and_clear_elsewhere(base):
    """Cell (2, 1) is the only hot one: rows 128 to 191, columns 64 to 127, or 256 to 319 mirrored."""
    assessment = assessed(base)
    alone = overlays.film_alone(handmade.mammogram(), assessment, 512)
    heated = overlays.film_with_heat(handmade.mammogram(), assessment, 512)
    changed = (alone != heated).any(axis=2)
    first = 64 if base is PLAIN else 256
    assert changed[136:184, first + 8 : first + 56].all()
    assert not changed[: 128 - 64].any()
    assert not changed[192 + 64 :].any()
    assert not changed[:, : first - 64].any()
    assert not changed[:, first + 128 :].any()


@pytest.mark.parametrize("base", [PLAIN, MIRRORED], ids=["plain", "mirrored"])
def test_a_finding_is_enlarged_around_its_centre_with_the_saliency_in_place(base):
    """The finding is 2 mm wide, so 20 mm are shown: 400 scan pixels on 400 picture pixels."""
    assessment = assessed(base, scores=(0.8,))
    bare = replace(assessment, saliency={})
    (one,) = assessment.findings
    shown, millimetres = overlays.finding_with_saliency(handmade.mammogram(), assessment, one, 400)
    without, _ = overlays.finding_with_saliency(handmade.mammogram(), bare, one, 400)
    assert millimetres == 20
    rows, columns = np.nonzero((shown != without).any(axis=2))
    # Saliency on rows 216 to 223 and columns 136 to 143 (240 to 247 mirrored) of the scan; the centre of
    # the finding, the edge 220 and 140 (244 mirrored), is the picture's edge 200.
    assert (rows.min() + rows.max() + 1) / 2 == pytest.approx(200, abs=1)
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(200, abs=1)
    assert np.ptp(rows) == pytest.approx(8, abs=3)


def test_a_part_of_the_film_is_as_grey_as_the_whole():
    assessment = assessed(scores=(0.8,))
    whole = overlays.film_alone(handmade.mammogram(), assessment, 512)
    part, _ = overlays.finding_with_saliency(
        handmade.mammogram(), replace(assessment, saliency={}), assessment.findings[0], 400
    )
    assert part[100, 300].tolist() == pytest.approx(whole[120, 240].tolist(), abs=2)


def test_findings_are_drawn_dashed_and_the_readers_line_is_whole():
    assessment, film = assessed(scores=(0.8,)), handmade.mammogram([square(300, 60, 60, PLAIN)])
    drawn = overlays.film_with_outlines(film, assessment, 512)
    alone = overlays.film_alone(film, assessment, 512)
    changed = (drawn != alone).any(axis=2)
    assert film.outlines[0].drawn_by is Drawn.READER
    assert changed[298:303, 62:118].any(axis=0).all()
    along = changed[198:203, 122:158].any(axis=0)
    assert 0.3 < along.mean() < 0.95
