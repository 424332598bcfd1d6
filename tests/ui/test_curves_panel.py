"""The panel of suspicions and measured curves: what is counted, what is drawn, and when it says why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mammoview.curves import Curves, write_curves
from mammoview.domain import Magnification
from mammoview.ui.curves import OPENED, histogram, reliability_chart, roc_chart, why_no_curves
from tests import handmade

CURVES = handmade.CURVES


def grid(suspicion: np.ndarray, threshold: float = 0.4463):
    known = handmade.assessment().grids[Magnification.HALF, 64]
    return replace(known, suspicion=suspicion.astype(np.float32), threshold=threshold)


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.334, 0.4463, 1.0])
def test_every_cell_is_counted_once_and_on_its_side_of_the_operating_point(threshold: float) -> None:
    suspicion = np.random.default_rng(3).random((37, 21))
    suspicion[0, :4] = 0, 1, threshold, np.nextafter(np.float32(threshold), np.float32(0))
    cells = grid(suspicion, threshold)
    bars = histogram(cells)
    assert bars.counts.sum() == cells.suspicion.size
    assert bars.counts[bars.positive].sum() == np.count_nonzero(cells.suspicion >= threshold)
    assert (np.diff(bars.edges) > 0).all()
    assert sum(count for _, count in bars.named()) == cells.suspicion.size


def test_a_bar_says_from_where_to_where() -> None:
    bars = histogram(grid(np.array([[0.0, 0.02, 0.44], [0.45, 0.99, 1.0]])))
    assert bars.named() == [
        ("0 to 0.05", 2),
        ("0.4 to 0.4463", 1),
        ("0.45 to 0.5", 1),
        ("0.95 to 1", 2),
    ]


def test_curves_belong_to_the_network_whose_digest_they_have() -> None:
    card = replace(handmade.card("tissue-0.5"), version="2")
    assert why_no_curves(card, {"tissue-0.5": CURVES}) is None
    missing = why_no_curves(card, {})
    assert missing is not None
    assert missing.startswith("No curves were measured for tissue-0.5 2")
    foreign = why_no_curves(card, {"tissue-0.5": replace(CURVES, sha256="1" * 64)})
    assert foreign is not None
    assert "another network than tissue-0.5 2" in foreign


def test_the_operating_point_is_marked_with_its_measured_intervals() -> None:
    chart = roc_chart(CURVES)
    curve, point = chart.data[1], chart.data[2]
    assert (list(curve.x), list(curve.y)) == ([0.0, 0.1, 1.0], [0.0, 0.9, 1.0])
    assert (list(point.x), list(point.y)) == ([0.1], [0.9])
    ends = [point.x[0] - point.error_x.arrayminus[0], point.x[0] + point.error_x.array[0]]
    assert ends == pytest.approx([0.04, 0.2])
    ends = [point.y[0] - point.error_y.arrayminus[0], point.y[0] + point.error_y.array[0]]
    assert ends == pytest.approx([0.8, 0.97])
    assert "sensitivity" in chart.layout.yaxis.title.text


def test_a_bin_whose_interval_was_not_measured_has_no_bar() -> None:
    measured = reliability_chart(CURVES).data[1]
    assert list(measured.error_y.array) == pytest.approx([0.15, 0])
    assert list(measured.error_y.arrayminus) == pytest.approx([0.15, 0])
    assert list(measured.customdata) == [20, 20]


def page(folder: str) -> None:
    from dataclasses import replace
    from pathlib import Path

    from mammoview.domain import Magnification
    from mammoview.ui import curves
    from tests import handmade

    tissue = replace(handmade.card("tissue-0.5"), inputs={"mm_per_pixel": Magnification.HALF.mm})
    curves.panel(replace(handmade.assessment(), cards=(tissue,)), Path(folder))


def opened(folder: Path) -> AppTest:
    app = AppTest.from_function(page, args=(str(folder),), default_timeout=60)
    app.session_state[OPENED] = True
    app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    each = [*app.caption, *app.info, *app.error, *app.markdown]
    return "\n".join(one.value.replace("\\", "") for one in each)


def test_nothing_is_read_before_the_panel_is_opened(tmp_path: Path) -> None:
    (tmp_path / "curves.json").write_text("broken")
    app = AppTest.from_function(page, args=(str(tmp_path),), default_timeout=60).run()
    assert not app.exception
    assert not app.error
    assert not app.table


def test_the_open_panel_says_in_numbers_what_it_draws(tmp_path: Path) -> None:
    write_curves({"tissue-0.5": CURVES}, tmp_path)
    app = opened(tmp_path)
    words = said(app)
    assert "12 cells of this film's tissue grid at ×0.5" in words
    assert "1 of them reach the operating point 0.5" in words
    assert "sensitivity 0.900 (95 % interval 0.800 to 0.970)" in words
    assert "40 patches of 12 patients of films made by hand, 20 of them with a finding" in words
    cells, there, roc, reliability = (table.value for table in app.table)
    assert [int(count) for count in cells["cells"]] == [11, 1]
    assert len(there) == 2
    assert [float(share.replace("\\", "")) for share in roc["sensitivity"]] == [0, 0.9, 1]
    assert list(reliability["patches"]) == ["20", "20"]


@pytest.mark.parametrize(
    ("curves", "sentence"),
    [
        ({}, "No curves were measured for tissue-0.5 1"),
        ({"tissue-0.5": replace(CURVES, sha256="1" * 64)}, "another network than tissue-0.5 1"),
    ],
)
def test_without_curves_of_this_network_the_film_is_shown_and_a_sentence(
    tmp_path: Path, curves: dict[str, Curves], sentence: str
) -> None:
    write_curves(curves, tmp_path)
    app = opened(tmp_path)
    words = said(app)
    assert sentence in words
    assert "12 cells of this film's tissue grid" in words
    assert "0.970" not in words
    assert len(app.table) == 1


def test_a_broken_record_is_told_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "curves.json").write_text('{"tissue-0.5": 3}')
    assert "curves.json is not a complete record" in said(opened(tmp_path))


def test_a_magnification_that_was_not_assessed_says_so() -> None:
    def page() -> None:
        from dataclasses import replace

        from mammoview.ui import curves
        from tests import handmade

        curves.panel(replace(handmade.assessment(), cards=()))

    app = AppTest.from_function(page, default_timeout=60)
    app.session_state[OPENED] = True
    assert "The film was not assessed at ×0.5." in said(app.run())
