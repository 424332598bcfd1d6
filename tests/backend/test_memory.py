"""Where memory runs out the work goes on in smaller pieces, or ends with a sentence."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from mammoview.backend import assessor as assessors
from mammoview.backend.assessor import LOST, Assessor
from mammoview.backend.memory import in_pieces, patches_at_once, ran_out
from mammoview.domain import Laterality, Mammogram, View
from mammoview.errors import NotEnoughMemory
from tests.networks import small_suite, tissue_classifier


def work_that_holds(most: int, tried: list[tuple[int, int]]):
    def work(first: int, last: int) -> list[int]:
        tried.append((first, last))
        if last - first > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return list(range(first, last))

    return work


def test_pieces_are_even_and_miss_nothing():
    tried: list[tuple[int, int]] = []
    pieces = [made for _, made in in_pieces(10, 4, work_that_holds(10, tried))]
    assert pieces == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [last for last, _ in in_pieces(9, 4, work_that_holds(9, []))] == [3, 6, 9]
    assert list(in_pieces(0, 4, work_that_holds(9, []))) == []


def test_smaller_pieces_are_tried_until_they_fit_and_nothing_is_done_twice():
    tried: list[tuple[int, int]] = []
    done = [n for _, made in in_pieces(20, 20, work_that_holds(3, tried)) for n in made]
    assert done == list(range(20))
    failed = [piece for piece in tried if piece[1] - piece[0] > 3]
    assert failed == [(0, 20), (0, 10), (0, 5)]


def test_what_fits_not_even_alone_is_told_in_a_sentence():
    with pytest.raises(NotEnoughMemory, match="close other programs"):
        list(in_pieces(8, 8, work_that_holds(0, [])))


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def wrong(first: int, last: int) -> None:
        raise RuntimeError("sizes do not match")

    with pytest.raises(RuntimeError, match="sizes"):
        list(in_pieces(8, 8, wrong))
    assert ran_out(MemoryError())
    assert ran_out(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"))


def test_a_cpu_differentiates_few_patches_at_once():
    assert patches_at_once(tissue_classifier(84, (4, 6, 8))) == 4


STARVED = """
    import resource, sys
    import numpy as np, torch
    torch.set_num_threads(1)
    from mammoview.backend.scan import scan_tissue
    from mammoview.errors import NotEnoughMemory
    from tests.networks import tissue_classifier

    classifier = tissue_classifier(84, (16, 16, 16))
    image = np.random.default_rng(0).random((2400, 800), np.float32)
    plenty = scan_tissue(classifier, image, (32,), piece_bytes=20_000_000)[32]
    held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + {spare}, held + {spare}))
    bands = []
    try:
        starved = scan_tissue(classifier, image, (32,), bands.append, piece_bytes=2_000_000_000)[32]
    except NotEnoughMemory as error:
        sys.exit(f"told: {{error}}")
    print(len(bands), float(np.abs(starved - plenty).max()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's address space so")
def test_a_process_that_really_runs_out_of_memory_goes_on_in_smaller_bands():
    """One band of this film would take some 250 MB twice; the process is given 120 MB."""
    script = textwrap.dedent(STARVED.format(spare=120_000_000))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    bands, difference = done.stdout.split()
    assert int(bands) > 2
    assert float(difference) < 1e-4


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's address space so")
def test_a_process_with_no_memory_left_says_so():
    script = textwrap.dedent(STARVED.format(spare=1_000_000))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "close other programs" in done.stderr


@pytest.fixture
def film() -> Mammogram:
    y, x = np.mgrid[:600, :400]
    tissue = 2000 + 400 * np.sin(x / 40) * np.cos(y / 30)
    pixels = 200 + tissue * (np.hypot((y - 300) / 250, x / 300) < 1)
    return Mammogram(pixels.astype(np.uint16), "film", Laterality.LEFT, View.CC, (0.3, 0.3), "test")


def test_a_lost_gpu_is_replaced_by_the_cpu_and_the_reader_is_told(tmp_path, film, monkeypatch):
    """The networks lie on the CPU here, and the first assessment fails as one on a lost GPU does."""
    small_suite(tmp_path)
    genuine, calls, told = assessors.assess, [], []

    def lost_once(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise torch.AcceleratorError("CUDA error: unspecified launch failure")
        return genuine(*arguments)

    monkeypatch.setattr(assessors, "assess", lost_once)
    assess = Assessor(tmp_path)
    first = assess(film, progress=lambda share, what: told.append(what))
    assert LOST in first.warnings
    assert any("GPU is lost" in what for what in told)
    assert assess.suite.device.type == "cpu"
    assert len(calls) == 2
    assert LOST in assess(film).warnings
    assert len(calls) == 3
