"""Samples of films: the right film, the right place, the right way round."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mammoview.evaluation.patches import cut
from mammoview.training.atlas import Atlas, Breasts, Placement, drawn_linear
from tests.training.films import CELL, SHAPE, breast

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 30), (25, 50), (7, 9))]


def placement(film: int, centre: tuple[float, float], linear: object = None) -> Placement:
    matrix = torch.eye(2) if linear is None else torch.as_tensor(np.asarray(linear), dtype=torch.float32)
    return Placement(torch.tensor([film]), torch.tensor([centre], dtype=torch.float32), matrix[None])


@given(
    film=st.integers(0, 2), row=st.integers(-10, 50), column=st.integers(-10, 60), reduction=st.integers(1, 8)
)
def test_a_straight_sample_is_what_a_reader_would_cut_out(film, row, column, reduction):
    """Air beyond the film, and never a pixel of its neighbour in memory."""
    atlas = Atlas(IMAGES, reduction, CPU)
    place = placement(film, (row * reduction, column * reduction))
    found = atlas.at(place.film, place.points((8, 8), reduction))[0, 0].numpy()
    assert_allclose(found, cut(IMAGES[film], (row, column), 8) / 255, atol=1e-4)


def test_between_pixels_lies_their_mean():
    atlas = Atlas([np.array([[0, 100], [200, 40]], np.uint8)], 4, CPU)
    middle = torch.tensor([[[[4.0, 4.0]]]])
    assert_allclose(atlas.at(torch.tensor([0]), middle).item() * 255, 85, atol=1e-3)


def test_images_of_fractions_are_taken_as_they_are():
    atlas = Atlas([np.full((3, 3), 0.25, np.float32)], 1, CPU)
    assert atlas.at(torch.tensor([0]), torch.tensor([[[[1.5, 1.5]]]])).item() == 0.25


def test_a_reflection_puts_top_and_bottom_in_each_others_place():
    atlas = Atlas(IMAGES, 1, CPU)
    straight, turned = placement(0, (20, 15)), placement(0, (20, 15), np.diag([-1.0, 1.0]))
    first, second = (atlas.at(p.film, p.points((10, 10), 1))[0, 0] for p in (straight, turned))
    assert_allclose(second, first.flip(0), atol=1e-6)


@given(seed=st.integers(0, 1000))
def test_a_place_is_found_again_from_where_it_was_seen(seed):
    rng = np.random.default_rng(seed)
    linear = torch.from_numpy(drawn_linear(rng, 1, True, 0.3, 0.2).astype(np.float32))
    seen = Placement(torch.tensor([0]), torch.tensor([[300.0, 200.0]]), linear)
    steps = seen.seen_from(seen.centre, seen.linear, seen.points((5, 4), 10))
    straight = placement(0, (0, 0)).points((5, 4), 10)
    assert_allclose(steps, straight, atol=1e-2)


def test_only_tissue_that_may_lie_in_any_direction_is_laid_on_its_side():
    rng = np.random.default_rng(1)
    upright = drawn_linear(rng, 500, quarter_turns=False, angle=0.2, stretch=0.1)
    assert (upright[:, 1, 1] > 0.8).all()  # the chest wall stays on its side
    assert 0.4 < (upright[:, 0, 0] < 0).mean() < 0.6  # top and bottom change places half of the time
    turned = drawn_linear(rng, 500, quarter_turns=True, angle=0.2, stretch=0.1)
    assert 0.4 < (np.abs(turned[:, 0, 0]) < 0.5).mean() < 0.6


def test_places_lie_inside_the_breast():
    film = breast(mass=False)
    film.inside[:] = False
    film.inside[3:5, 7] = True
    breasts, rng = Breasts([film, breast(mass=False)]), np.random.default_rng(0)
    places = breasts.place(rng, np.zeros(200, np.int64)) / CELL
    assert ((places >= (3, 7)) & (places < (5, 8))).all()
    drawn = breasts.film(rng, 4000)  # by the area of the breast, in which a lesion may be
    assert abs((drawn == 0).mean() - 2 / (2 + SHAPE[0] * SHAPE[1])) < 0.01
    assert (breasts.anywhere(rng, drawn) < np.array(SHAPE) * CELL).all()
