"""The whole method on one scan."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from skimage.measure import points_in_poly

from mammoview.backend import assess
from mammoview.backend.findings import find
from mammoview.backend.runtime import PyTorch
from mammoview.domain import (
    Drawn,
    Finding,
    Heatmap,
    Laterality,
    LesionType,
    Magnification,
    Mammogram,
    Settings,
    View,
)
from mammoview.errors import Cancelled
from mammoview.geometry import Frame
from mammoview.models import load_suite
from mammoview.models.cards import HEATMAP_REDUCTION
from mammoview.models.heatmap import HeatmapNetwork
from mammoview.prepare import breast_cells, magnify, prepare
from mammoview.readers import read
from tests.networks import small_suite


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    return small_suite(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def film() -> Mammogram:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:700, :400]
    inside = np.hypot((y - 350) / 300, x / 300) < 1
    pixels = 200 + inside * (2000 + 400 * np.sin(x / 40) * np.cos(y / 30)) + rng.normal(0, 20, inside.shape)
    return Mammogram(pixels.clip(0).astype(np.uint16), "film", Laterality.LEFT, View.CC, (0.2, 0.2), "test")


LOW = Settings(tissue_threshold=0.0, heat_level=0.0)


def test_every_layer_lies_on_the_breast(suite, film):
    found = assess(film, suite, LOW)
    assert set(found.grids) == {(m, s) for m in Magnification for s in (64, 32)}
    for layer in (*found.grids.values(), found.heatmap, found.baseline):
        centres = layer.centres().reshape(-1, 2)
        assert centres.min() > -130
        assert centres[:, 0].max() < film.pixels.shape[0] + 130
    for saliency in found.saliency.values():
        assert saliency.values.min() >= 0
        assert saliency.values.max() > 0
        assert np.isfinite(saliency.values).all()
    assert 0 <= found.score <= 1
    assert found.findings
    assert {c.name for c in found.cards} == {c.name for c in suite.cards}


def test_the_half_grid_at_stride_32_has_the_cells_of_the_heatmap(suite, film):
    found = assess(film, suite)
    grid = found.grids[Magnification.HALF, 32]
    assert grid.suspicion.shape == found.heatmap.heat.shape
    assert_allclose(grid.centres(), found.heatmap.centres())


def test_a_mirrored_film_gives_the_mirrored_assessment(suite, film):
    mirrored = replace(film, pixels=np.ascontiguousarray(film.pixels[:, ::-1]), laterality=Laterality.RIGHT)
    one, other = assess(film, suite, LOW), assess(mirrored, suite, LOW)
    width = film.pixels.shape[1]
    assert_allclose(one.heatmap.heat, other.heatmap.heat, atol=1e-5)
    for magnification in Magnification:
        centres = [a.grids[magnification, 64].centres() for a in (one, other)]
        assert_allclose(centres[0][..., 1], width - 1 - centres[1][..., 1], atol=1e-6)
        assert_allclose(centres[0][..., 0], centres[1][..., 0], atol=1e-6)
    assert_allclose(one.findings[0].centre[1], width - 1 - other.findings[0].centre[1], atol=1e-3)


def test_a_heatmap_network_sees_no_sharper_a_film_than_its_own_card_says(suite, film):
    """The film has a sample every 0.2 mm; the networks learnt on films with one every 0.6 and 1.0 mm."""
    cards = [
        replace(card, inputs={**card.inputs, "band_limit_mm": limit})
        for card, limit in ((suite.baseline_card, 0.6), (suite.heatmap_card, 1.0))
    ]
    seen = []

    class Watching(PyTorch):
        def features(self, network, images):
            if isinstance(network, HeatmapNetwork):
                seen.append(images[0, 0].numpy() * network.std + network.mean)
            return super().features(network, images)

    assess(film, replace(suite, baseline_card=cards[0], heatmap_card=cards[1]), runtime=Watching())
    as_it_is, *smoothed = (magnify(prepare(film), HEATMAP_REDUCTION, limit)[0] for limit in (0.0, 0.6, 1.0))
    for found, wanted in zip(seen, smoothed, strict=True):
        assert_allclose(found, wanted, atol=1e-6)
        assert np.abs(found - as_it_is).max() > 0.02


def test_nothing_hot_leaves_no_saliency_and_no_finding(suite, film):
    found = assess(film, suite, Settings(heat_level=1.0))
    assert found.findings == ()
    assert all(s.values.max() == 0 and not s.kept.any() for s in found.saliency.values())


def test_saliency_stays_in_the_heat_region(suite, film):
    level = float(np.quantile(assess(film, suite).heatmap.heat, 0.8))
    found = assess(film, suite, Settings(tissue_threshold=0.0, heat_level=level))
    saliency = found.saliency[Magnification.QUARTER]
    points = np.argwhere(saliency.values > 0)
    cells = np.rint(found.heatmap.frame.from_scan(saliency.frame.to_scan(points))).astype(int)
    assert len(points) > 100
    assert (found.heatmap.heat[tuple(cells.T)] >= level).all()


def test_two_readers_at_once_get_what_each_gets_alone(suite, film):
    other = replace(film, pixels=np.ascontiguousarray(film.pixels[::-1]), source="other")
    alone = [assess(m, suite, LOW) for m in (film, other)]
    together: dict[str, object] = {}
    threads = [
        threading.Thread(target=lambda m=m: together.update({m.source: assess(m, suite, LOW)}))
        for m in (film, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for expected in alone:
        found = together[expected.scan.source]
        assert_allclose(found.heatmap.heat, expected.heatmap.heat, atol=1e-6)
        assert_allclose(
            found.saliency[Magnification.HALF].values,
            expected.saliency[Magnification.HALF].values,
            rtol=1e-3,
            atol=1e-6,
        )


def test_a_reader_may_stop_it_at_any_report(suite, film):
    reports = []
    assess(film, suite, LOW, lambda share, what: reports.append(share))
    assert reports == sorted(reports)
    assert reports[-1] == 1.0
    for stop in (0.0, 0.3, 0.66, 0.85):

        def progress(share: float, what: str, stop: float = stop) -> None:
            if share >= stop:
                raise Cancelled("stopped")

        with pytest.raises(Cancelled):
            assess(film, suite, LOW, progress)


def heatmap(heat: np.ndarray, level: float = 0.5) -> Heatmap:
    return Heatmap(heat.astype(np.float32), level, Frame(2000, scale=(1 / 64, 1 / 64)), True)


def test_a_finding_outlines_its_own_hot_region():
    heat = np.zeros((10, 12))
    heat[2:5, 3:6] = 0.8
    heat[3, 4] = 0.9
    heat[7, 9] = 0.6
    found = find(heatmap(heat))
    assert [round(f.score, 3) for f in found] == [0.9, 0.6]
    first = found[0]
    assert_allclose(first.centre, ((3 + 0.5) * 64 - 0.5, (4 + 0.5) * 64 - 0.5), atol=2)
    assert points_in_poly([first.centre], first.outline.vertices)[0]
    assert first.outline.drawn_by is Drawn.MODEL
    assert 4 * 3.2**2 <= first.area_mm2 <= 16 * 3.2**2
    r0, c0, r1, c1 = first.box
    assert r0 < first.centre[0] < r1
    assert c0 < first.centre[1] < c1


def test_two_masses_whose_heat_has_run_together_are_two_findings():
    heat = np.full((9, 16), 0.0)
    heat[3:6, 2:13] = 0.52
    heat[4, 3], heat[4, 11] = 0.9, 0.7
    found = find(heatmap(heat))
    assert [round(f.score, 2) for f in found] == [0.9, 0.7]
    columns = [f.centre[1] / 64 - 0.5 for f in found]
    assert 2 < columns[0] < 5.5
    assert 8.5 < columns[1] < 12


def test_a_low_level_does_not_move_the_centre_of_a_strong_finding():
    heat = np.zeros((9, 20))
    heat[4, 2:18] = 0.1  # a faint band to one side of the mass
    heat[3:6, 3:6] = 0.8
    heat[4, 4] = 0.9
    centres = [find(heatmap(heat, level))[0].centre for level in (0.05, 0.4)]
    assert_allclose(*centres, atol=1)


def test_the_centre_is_weighted_by_heat():
    heat = np.zeros((5, 6))
    heat[2, 1:4] = 0.9, 0.5, 0.6
    column = (1 * 0.9 + 2 * 0.5 + 3 * 0.6) / 2.0
    assert_allclose(find(heatmap(heat))[0].centre, ((2 + 0.5) * 64 - 0.5, (column + 0.5) * 64 - 0.5))


def test_a_plateau_of_heat_is_one_finding():
    heat = np.zeros((8, 12))
    heat[1:7, 1:11] = 0.75
    assert len(find(heatmap(heat))) == 1


def rasterised(found: Finding, shape: tuple[int, int]) -> np.ndarray:
    """The inside of a finding's outline, ten samples along a cell."""
    cells = heatmap(np.zeros(shape)).frame.from_scan(found.outline.vertices)
    fine = np.stack(np.mgrid[: shape[0] * 10, : shape[1] * 10], axis=-1).reshape(-1, 2)
    inside = points_in_poly(
        (fine + np.array([0.503, 0.517])) / 10 - 0.5, cells
    )  # on no line half way between cells
    return inside.reshape(shape[0] * 10, shape[1] * 10)


def test_outlines_of_touching_findings_meet_half_way_and_do_not_overlap():
    heat = np.zeros((9, 13))
    heat[3:6, 2:11] = 0.8, 0.9, 0.8, 0.7, 0.6, 0.65, 0.75, 0.85, 0.8
    right, left = sorted(find(heatmap(heat)), key=lambda f: -f.centre[1])
    assert not (rasterised(left, heat.shape) & rasterised(right, heat.shape)).any()
    edges = 64 * np.array([6, 7]) - 0.5  # of the coolest column, which is of the one or of the other
    meet = left.outline.vertices[:, 1].max()
    assert np.isclose(edges, meet).any()
    assert_allclose(right.outline.vertices[:, 1].min(), meet)


def test_findings_of_unequal_height_share_the_way_between_them_evenly():
    """Each reaches down to half its own height, so that one ends sooner than the other."""
    heat = np.zeros((7, 12))
    heat[3, 2:9] = 0.9, 0.7, 0.5, 0.46, 0.5, 0.6, 0.5
    strong, faint = find(heatmap(heat, 0.2))
    assert (strong.score, faint.score) == pytest.approx((0.9, 0.6))
    assert not (rasterised(strong, heat.shape) & rasterised(faint, heat.shape)).any()
    assert_allclose(strong.outline.vertices[:, 1].max(), faint.outline.vertices[:, 1].min())


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1, 14), st.integers(1, 14), st.floats(0.3, 1), st.floats(1, 3)),
        min_size=2,
        max_size=5,
    ),
    st.floats(0.05, 0.5),
)
def test_no_outline_overlaps_another_and_each_holds_its_own_peak(bumps, level):
    y, x = np.mgrid[:16, :16]
    heat = np.max([p * np.exp(-(np.hypot(y - r, x - c) ** 2) / (2 * s**2)) for r, c, p, s in bumps], axis=0)
    laid = heatmap(heat, level)
    found = find(laid)
    insides = [rasterised(f, heat.shape) for f in found]
    assert np.sum(insides, axis=0, dtype=int).max(initial=0) <= 1
    for one in found:
        peaks = laid.frame.to_scan(np.argwhere(laid.heat == np.float32(one.score)))
        assert points_in_poly(peaks, one.outline.vertices).any()


def test_cells_that_meet_at_a_corner_only_are_not_one_finding():
    heat = np.zeros((8, 8))
    heat[2, 2] = 0.9
    heat[3:6, 3:6] = 0.6
    strongest = find(heatmap(heat))[0]
    assert strongest.area_mm2 == pytest.approx(3.2**2)
    assert points_in_poly([strongest.centre], strongest.outline.vertices)[0]


def test_regions_that_touch_the_border_of_the_field_are_closed():
    heat = np.zeros((4, 4))
    heat[0, 0] = heat[3, 3] = 0.9
    assert [len(f.outline.vertices) >= 4 for f in find(heatmap(heat))] == [True, True]


def test_the_score_is_suspicion_in_its_context(suite, film):
    found = assess(film, suite)
    grid = found.grids[Magnification.HALF, 32]
    assert_allclose(found.score, (grid.suspicion * found.heatmap.heat).max(), rtol=1e-6)


def test_what_joins_at_training_is_what_joins_at_assessment(suite, film, tmp_path):
    """The store of prepared films and the engine bring the same local results to the same cells."""
    from mammoview.evaluation.heat import heat_logits, local_logits
    from mammoview.evaluation.store import Prepared

    field = prepare(film)
    band_limit = suite.heatmap_card.band_limit_mm
    images = {r: np.round(magnify(field, r, band_limit)[0] * 255).astype(np.uint8) for r in (2, 3, 4, 8)}
    stored = Prepared("film", "patient", True, np.empty((0, 4)), breast_cells(field).inside, images)
    network = suite.heatmap
    with torch.no_grad():
        network.join.weight[0, 1:] = 1.0
    heat, local = (
        torch.from_numpy(a["film"])
        for a in (heat_logits(suite.baseline, [stored]), local_logits(suite.tissue, [stored]))
    )
    joined = network.joined(heat[None, None], local[None]).sigmoid()[0, 0].numpy()
    found = assess(film, suite, LOW)
    assert np.abs(found.heatmap.heat - found.baseline.heat).max() > 0.02
    assert_allclose(joined, found.heatmap.heat, atol=0.01)
    with torch.no_grad():
        network.join.weight.zero_()


def test_an_untrained_view_is_said_aloud(suite, film):
    found = assess(replace(film, view=View.ML), suite)
    assert any("CC and MLO films only" in w for w in found.warnings)


def test_the_film_is_left_as_it_was(suite, film):
    before = film.pixels.copy()
    assess(film, suite, LOW)
    assert_array_equal(film.pixels, before)


def test_the_shipped_networks_find_the_masses_of_the_phantom(phantom_case):
    suite = load_suite(device="cpu")
    found, masses = 0, 0
    for mammogram in read(phantom_case):
        assessment = assess(mammogram, suite)
        for outline in mammogram.outlines:
            if outline.lesion_type is LesionType.MASS and not outline.core:
                masses += 1
                found += any(points_in_poly([f.centre], outline.vertices)[0] for f in assessment.findings[:3])
    assert masses == 4
    assert found >= 3
