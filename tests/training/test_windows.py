"""Windows of films, with the heat that they should have, and masses put into other films."""

from __future__ import annotations

import numpy as np
import torch
from numpy.testing import assert_allclose, assert_array_equal

from mammoview.evaluation.heat import heat_target
from mammoview.training.atlas import Placement
from mammoview.training.insertion import Inserter
from mammoview.training.lighting import Lighting, relit
from mammoview.training.windows import WINDOW, WindowSource
from tests.training.films import CELL, MIDDLE, SHAPE, breast

CPU = torch.device("cpu")


def whole(film: int = 0) -> Placement:
    """A straight look at a whole film."""
    return Placement(
        torch.tensor([film]), torch.from_numpy(MIDDLE.astype(np.float32))[None], torch.eye(2)[None]
    )


def inserted(inserter: Inserter, host, seed: int, share: float = 1.0):
    """Image and heat of a whole film before and after, (2, H, W) and (2, I, J)."""
    place = whole()
    points = place.points((SHAPE[0] * 8, SHAPE[1] * 8), 8)
    cells = place.points(SHAPE, CELL)
    image = torch.from_numpy(host.images[8].astype(np.float32) / 255)[None, None]
    heat = torch.from_numpy(heat_target(host.boxes, SHAPE))[None, None]
    rng = np.random.default_rng(seed)
    denser, hotter = inserter.insert(image, points, heat, cells, place, rng, share)
    return torch.cat([image, denser])[:, 0].numpy(), torch.cat([heat, hotter])[:, 0].numpy()


def test_an_inserted_mass_adds_density_where_its_heat_is_and_nowhere_else():
    donor, host = breast(mass=True), breast(mass=False)
    inserter = Inserter([donor], 8, CPU)
    assert inserter.lesions == 1
    seen = 0
    for seed in range(20):
        (before, after), (_, heat) = inserted(inserter, host, seed)
        added = after - before
        if heat.max() < 0.5:  # it reached out of the film, or lies at its edge
            continue
        seen += 1
        row, column = np.unravel_index(added.argmax(), added.shape)
        middle = np.array(np.unravel_index(heat.argmax(), heat.shape))
        assert np.abs((np.array([row, column]) + 0.5) / 8 - middle - 0.5).max() <= 1
        assert 0.15 < added.max() < 0.5
        far = np.kron(heat, np.ones((8, 8))) < 1e-3
        assert_array_equal(added[far], 0)
    assert seen > 10


def test_the_heat_of_a_long_mass_lies_along_it():
    """However it is turned: heat and density stretch in the same direction."""
    inserter = Inserter([breast(mass=True, longer=1.8)], 8, CPU)
    seen = 0
    for seed in range(40):
        (before, after), (_, heat) = inserted(inserter, breast(mass=False), seed)
        added = (after - before).clip(0)
        if heat.max() < 0.5 or added.max() == 0 or max(heat[0].max(), heat[-1].max()) > 0.05:
            continue
        directions = []
        for weight in (added, heat):
            points = np.argwhere(weight > weight.max() / 4)
            values = weight[tuple(points.T)]
            spread = np.cov(points.T, aweights=values)
            lengths, axes = np.linalg.eigh(spread)
            directions.append(axes[:, -1])
        if lengths[-1] > 1.6 * lengths[0]:  # cells are coarse: only where a direction can be told
            assert abs(directions[0] @ directions[1]) > 0.85
            seen += 1
    assert seen > 5


def test_a_mass_that_would_reach_into_the_air_is_not_inserted():
    donor, host = breast(mass=True), breast(mass=False, background=0)
    for seed in range(5):
        (before, after), (cold, heat) = inserted(Inserter([donor], 8, CPU), host, seed)
        assert_array_equal(before, after)
        assert_array_equal(cold, heat)


def test_samples_that_are_to_stay_as_they_were_do():
    (before, after), (cold, heat) = inserted(Inserter([breast(mass=True)], 8, CPU), breast(False), 1, share=0)
    assert_array_equal(before, after)
    assert_array_equal(cold, heat)


def test_without_a_lesion_that_can_be_moved_nothing_is_inserted():
    inserter = Inserter([breast(mass=False)], 8, CPU)
    assert inserter.lesions == 0
    (before, after), _ = inserted(inserter, breast(mass=False), 1)
    assert_array_equal(before, after)


def test_the_heat_of_a_window_lies_on_its_mass():
    source = WindowSource([breast(mass=True)], CPU)
    images, targets = source.draw(np.random.default_rng(0), 24)
    assert images.shape == (24, 1, 8 * WINDOW[0], 8 * WINDOW[1])
    assert targets.shape == (24, 1, *WINDOW)
    brightest = torch.nn.functional.avg_pool2d(images, 8)[:, 0].flatten(1).argmax(dim=1)
    hottest = targets[:, 0].flatten(1).argmax(dim=1)
    away = torch.stack([(brightest // WINDOW[1] - hottest // WINDOW[1]), (brightest - hottest) % WINDOW[1]])
    across = torch.minimum(away[1], WINDOW[1] - away[1])
    near = (away[0].abs() <= 2) & (across <= 2)
    assert near.float().mean() > 0.7  # some have two masses, of which either may be brighter


def test_windows_of_a_film_without_a_lesion_are_cold():
    source = WindowSource([breast(mass=False)], CPU)
    _, targets = source.draw(np.random.default_rng(0), 6)
    assert (targets == 0).all()


def test_light_changes_tissue_but_never_the_air():
    images = torch.zeros(6, 1, 20, 20)
    images[:, :, 5:15, 5:15] = 0.5
    lit = relit(images, Lighting(0.3, 0.2, 0.1, 0.0, 0.0), np.random.default_rng(0))
    assert lit[:, :, :4].max() < 1e-2
    assert len({round(float(v), 3) for v in lit[:, 0, 10, 10]}) == 6
    same = relit(images, Lighting(0, 0, 0, 0, 0), np.random.default_rng(0))
    assert_allclose(same, images, atol=1e-3)


def test_noise_is_repeated_by_its_seed():
    images = torch.full((2, 1, 8, 8), 0.4)
    noisy = [relit(images, Lighting(0, 0, 0, 0.05, 0), np.random.default_rng(s)) for s in (1, 1, 2)]
    assert torch.equal(noisy[0], noisy[1])
    assert not torch.equal(noisy[0], noisy[2])
