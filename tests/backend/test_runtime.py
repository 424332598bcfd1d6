"""Whatever runs the networks says what plain float32 PyTorch says, patch by patch.

Tolerances are those of decision 0056: float32 is held to 1e-5 of a probability, bfloat16 to 0.01.
"""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mammoview import WEIGHTS
from mammoview.backend import ENGINES, assess, choose_runtime
from mammoview.backend.runtime import PLAIN, PyTorch, Runtime, halves, in_halves, multiplies_bfloat16
from mammoview.backend.scan import scan_tissue
from mammoview.domain import Magnification
from mammoview.errors import BadSetting
from mammoview.models import load_suite
from mammoview.models.cards import load_network, tissue_name
from mammoview.phantom import DEMO_SEED, write_case
from mammoview.readers import read
from tests.backend.test_scan import loop
from tests.networks import small_suite, tissue_classifier

CPU = torch.device("cpu")


def openvino(half: bool) -> Runtime:
    pytest.importorskip("openvino", reason="openvino is not installed: make test brings it on a CPU")
    from mammoview.backend.compiled import OpenVino

    return OpenVino(half)


def runtimes() -> list[tuple[Runtime, float]]:
    """Every fast way that this machine has, and how far a probability may lie from the plain one's."""
    found = [(PyTorch(half=True), 0.01), (openvino(half=False), 1e-5)]
    return [*found, (openvino(half=True), 0.01)] if multiplies_bfloat16() else found


def tissue(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Smooth greys with edges in them, from 0 to 1."""
    rough = np.random.default_rng(seed).random(shape, np.float32)
    return np.clip(np.cumsum(rough - 0.5, axis=0) / 8 + 0.5, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder = write_case(tmp_path_factory.mktemp("case"), DEMO_SEED)
    return next(m for m in read(next(folder.glob("*.ics"))) if m.outlines)


@pytest.mark.parametrize("magnification", list(Magnification))
def test_every_engine_equals_the_patch_loop_with_the_shipped_weights(magnification):
    classifier, _ = load_network(tissue_name(magnification), WEIGHTS)
    image = tissue((330, 270), 5)
    expected = loop(classifier, image, 32)
    for runtime, tolerance in runtimes():
        found = scan_tissue(classifier, image, (64, 32), runtime=runtime)[32].astype(np.float64)
        assert_allclose(1 / (1 + np.exp(-found)), expected, atol=tolerance, err_msg=runtime.name)


def test_every_engine_finds_the_same_on_a_film(film):
    """Heat and suspicion within the tolerance; a cell is kept by one and not the other only at the level."""
    suite = load_suite(device="cpu")
    plain = assess(film, suite)
    assert plain.findings
    for runtime, tolerance in runtimes():
        found = assess(film, suite, runtime=runtime)
        assert found.engine == runtime.name != plain.engine
        assert len(found.findings) == len(plain.findings)
        assert_allclose(found.heatmap.heat, plain.heatmap.heat, atol=tolerance, err_msg=runtime.name)
        for key, grid in plain.grids.items():
            assert_allclose(found.grids[key].suspicion, grid.suspicion, atol=tolerance, err_msg=runtime.name)
        for magnification, saliency in plain.saliency.items():
            grid = plain.grids[magnification, 32]
            differ = found.saliency[magnification].kept != saliency.kept
            near = np.abs(grid.suspicion - grid.threshold) < tolerance
            hot = np.abs(plain.heatmap.at(grid.centres()) - plain.heatmap.level) < tolerance
            assert not (differ & ~near & ~hot).any()


def test_an_edge_of_low_contrast_survives_half_precision_in_the_first_layer():
    """A step of one grey in a hundred on bright tissue: the difference of two nearly equal sums."""
    torch.manual_seed(3)
    layers = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3, bias=False)).requires_grad_(False)
    layers[0].weight -= layers[0].weight.mean(dim=(2, 3), keepdim=True)  # edge filters
    image = torch.full((1, 1, 20, 20), 0.8) + 0.008 * (torch.arange(20) >= 10)
    exact = layers(image)
    split = in_halves(layers)(halves(image))
    rounded = layers.bfloat16()(image.bfloat16()).float()
    contrast = exact.abs().max()
    assert (split - exact).abs().max() < 0.02 * contrast
    assert (rounded - exact).abs().max() > 0.2 * contrast


def test_many_widths_and_two_readers_at_once_give_what_each_gives_alone(tmp_path):
    runtime = openvino(half=False)
    classifier = small_suite(tmp_path).tissue[Magnification.QUARTER]
    images = [tissue((100, 60 + 32 * n), n) for n in range(12)]  # more than are kept compiled
    alone = [scan_tissue(classifier, image, (32,))[32] for image in images]
    together: dict[int, np.ndarray] = {}

    def reader(order: list[int]) -> None:
        for n in order:
            together[n] = scan_tissue(classifier, images[n], (32,), runtime=runtime)[32]

    orders = [*range(12)], [*range(11, -1, -1)]
    threads = [threading.Thread(target=reader, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, expected in enumerate(alone):
        assert_allclose(together[n], expected, atol=1e-4)


def test_bands_of_any_height_give_the_same():
    classifier = tissue_classifier(84, (4, 6, 8))
    image = tissue((700, 150), 4)
    whole = scan_tissue(classifier, image, (64, 32))
    for piece_bytes in (1, 2_000_000, 4_000_000):
        banded = scan_tissue(classifier, image, (64, 32), piece_bytes=piece_bytes)
        for stride in (64, 32):
            assert_allclose(banded[stride], whole[stride], atol=1e-5)


def test_the_fastest_that_is_there_is_chosen_and_the_plain_one_where_it_is_asked_for(monkeypatch):
    assert choose_runtime(CPU, "plain") is PLAIN
    assert choose_runtime(CPU, "bfloat16").name == "PyTorch bfloat16"
    monkeypatch.setitem(sys.modules, "openvino", None)
    expected = "PyTorch bfloat16" if multiplies_bfloat16() else "PyTorch float32"
    assert choose_runtime(CPU, "auto").name == expected
    with pytest.raises(BadSetting, match="requirements-cpu-fast"):
        choose_runtime(CPU, "openvino")


def test_a_gpu_is_not_given_what_runs_on_a_cpu_only():
    assert choose_runtime(torch.device("cuda"), "auto") is PLAIN
    with pytest.raises(BadSetting, match="CPU"):
        choose_runtime(torch.device("cuda"), "openvino")
    with pytest.raises(BadSetting, match=", ".join(ENGINES)):
        choose_runtime(CPU, "warp")
