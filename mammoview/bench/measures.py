"""What is measured, group by group; each gives rows for the table."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from mammoview import WEIGHTS
from mammoview.backend import Assessor, assess
from mammoview.backend.runtime import PLAIN, PyTorch, Runtime, multiplies_bfloat16
from mammoview.backend.saliency import kept_saliency, margin_gradient
from mammoview.backend.scan import scan_tissue
from mammoview.bench import arithmetic, rivals
from mammoview.bench.films import of_area, write_film
from mammoview.bench.stopwatch import Row, median_s, paired
from mammoview.domain import Assessment, Film, Magnification, Mammogram, Settings
from mammoview.models.tissue import TissueClassifier
from mammoview.prepare import magnify, prepare
from mammoview.results import Results, key_of
from mammoview.scorecard import agreements

__all__ = ["GROUPS", "Subject"]

Image = NDArray[np.float32]
STRIDES = (64, 32)
NETWORKS = ("tissue", "heatmap")


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The film, the networks on their device, and what runs them."""

    film: Film
    mammogram: Mammogram
    assessor: Assessor

    @property
    def runtime(self) -> Runtime:
        return self.assessor.runtime

    def classifier(self, magnification: Magnification) -> TissueClassifier:
        return self.assessor.suite.tissue[magnification]

    def image(self, magnification: Magnification) -> Image:
        card = self.assessor.suite.tissue_cards[magnification]
        return magnify(prepare(self.mammogram), magnification.reduction, card.band_limit_mm)[0]


def limits(subject: Subject) -> Iterator[Row]:
    """The two numbers of the device, and how near the scans come to them."""
    device = subject.assessor.suite.device
    half = "bfloat16" in subject.runtime.name
    rate = arithmetic.rate(device, torch.bfloat16 if half else torch.float32)
    band = arithmetic.bandwidth(device)
    yield Row("matrix products", 2 * rate / 1e12, f"TFLOP/s in {'bfloat16' if half else 'float32'}")
    yield Row("memory", band / 1e9, "GB/s, read and written")
    for magnification in Magnification:
        classifier, image = subject.classifier(magnification), subject.image(magnification)
        shape = (image.shape[0] + classifier.patch - 32, image.shape[1] + classifier.patch - 32)
        least = arithmetic.multiply_adds(classifier, shape) / rate
        moved = arithmetic.traffic(classifier, shape, 2 if half else 4) / band
        took = median_s(partial(scan_tissue, classifier, image, STRIDES, runtime=subject.runtime))
        note = f"by arithmetic {1000 * least:.0f} ms, by traffic {1000 * moved:.0f} ms"
        yield Row(f"dense scan {magnification.label}", 1000 * took, "ms", note=note)


def dense(subject: Subject) -> Iterator[Row]:
    """The dense scan against the patch loop on 1024 × 1024 magnified pixels, both in plain PyTorch."""
    for magnification in Magnification:
        classifier = subject.classifier(magnification)
        image = _middle(subject.image(magnification), 1024)
        for stride in STRIDES:
            slow, fast, ratio = paired(
                partial(rivals.patch_loop, classifier, image, stride),
                partial(scan_tissue, classifier, image, (stride,)),
                repeats=1 if stride == 32 else 3,
            )
            apart = np.abs(
                expit(scan_tissue(classifier, image, (stride,))[stride])
                - expit(rivals.patch_loop(classifier, image, stride))
            ).max()
            least = {64: 8, 32: 28}[stride] if classifier.patch == 256 else None
            yield Row(
                f"patch loop against dense scan, patch {classifier.patch}, stride {stride}",
                ratio,
                "times",
                None if least is None else f"≥ {least}, equal within 1e-5",
                None if least is None else bool(ratio >= least and apart < 1e-5),
                f"{1000 * slow:.0f} against {1000 * fast:.0f} ms; probabilities differ by {apart:.0e}",
            )


def public(subject: Subject) -> Iterator[Row]:
    """A loop over 256-pixel patches every 70, as the best-known public code does, on the whole film."""
    classifier, image = subject.classifier(Magnification.HALF), subject.image(Magnification.HALF)
    for runtime in dict.fromkeys((PLAIN, subject.runtime)):
        slow, fast, ratio = paired(
            lambda: rivals.inner_loop(classifier, image, 70),
            partial(scan_tissue, classifier, image, STRIDES, runtime=runtime),
            repeats=1,
        )
        yield Row(
            f"patch loop 256 every 70 against the dense scan in {runtime.name}, strides 64 and 32",
            ratio,
            "times",
            "≥ 10" if runtime is subject.runtime else None,
            bool(ratio >= 10) if runtime is subject.runtime else None,
            f"{1000 * slow:.0f} against {1000 * fast:.0f} ms",
        )
    if find_spec("monai"):
        part = _middle(image, 1024)
        slow, fast, ratio = paired(
            lambda: rivals.monai_window(classifier, part, 64), lambda: scan_tissue(classifier, part, (64,)), 1
        )
        note = f"{1000 * slow:.0f} against {1000 * fast:.0f} ms, 1024 × 1024"
        yield Row("MONAI's sliding window against the dense scan, stride 64", ratio, "times", note=note)


def saliency(subject: Subject) -> Iterator[Row]:
    """Gradients of patches: how they grow with their number, and captum's loop."""
    classifier, image = (
        subject.classifier(Magnification.HALF),
        _middle(subject.image(Magnification.HALF), 512),
    )
    times = {}
    for count in (4, 16, 64):
        kept = np.zeros((16, 16), bool)
        kept.reshape(-1)[np.linspace(0, 255, count).astype(int)] = True
        terms = np.ones(kept.shape, np.float32)
        times[count] = median_s(partial(kept_saliency, classifier, image, kept, terms, 32), 3)
        yield Row(f"saliency of {count} patches, ×0.5", 1000 * times[count], "ms")
    growth = times[64] / times[16] / 4
    yield Row(
        "64 patches against four times 16", growth, "times", "1 within 25 %", bool(0.75 < growth < 1.25)
    )
    if find_spec("captum"):
        patches = np.random.default_rng(0).random((16, 1, 256, 256), np.float32)

        def ours() -> None:
            for start in range(0, 16, 4):
                margin_gradient(classifier, torch.from_numpy(patches[start : start + 4]))

        slow, fast, ratio = paired(lambda: rivals.captum_loop(classifier, patches[:, 0]), ours)
        note = f"{1000 * slow:.0f} against {1000 * fast:.0f} ms for 16 patches"
        yield Row("captum patch by patch against gradients in batches of 4", ratio, "times", note=note)


def whole(subject: Subject) -> Iterator[Row]:
    """One film, from the file to all layers and the scorecard, stage by stage."""
    decode = median_s(subject.film.read, 3)
    yield Row("decode (DDSM LJPEG, SS 7, 4700 × 3000)", 1000 * decode, "ms")
    runtimes = list(dict.fromkeys((PLAIN, subject.runtime)))
    found: dict[Runtime, list[Assessment]] = {runtime: [] for runtime in runtimes}
    for turn in range(5):
        for runtime in runtimes:  # in turn, so that both see the same machine
            assessment = assess(subject.mammogram, subject.assessor.suite, runtime=runtime)
            if turn:
                found[runtime].append(assessment)
    for runtime, each in found.items():
        stages = {
            stage: statistics.median(one.timings_s[stage] for one in each) for stage in each[0].timings_s
        }
        for stage, seconds in stages.items():
            yield Row(f"{stage}, {runtime.name}", 1000 * seconds, "ms")
        yield from _whole(subject, replace(each[0], timings_s=stages), decode, runtime)
    if subject.runtime is not PLAIN:
        pairs = zip(found[PLAIN], found[subject.runtime], strict=True)
        ratio = statistics.median(_in_networks(plain) / _in_networks(fast) for plain, fast in pairs)
        yield Row(
            f"dense scans and heatmap with their images, PyTorch float32 against {subject.runtime.name}",
            ratio,
            "times",
        )


def _whole(subject: Subject, found: Assessment, decode: float, runtime: Runtime) -> Iterator[Row]:
    kept = sum(int(each.kept.sum()) for each in found.saliency.values())
    card = median_s(lambda: [agreements(found, subject.mammogram.outlines, m) for m in Magnification], 3)
    yield Row(f"scorecard, {runtime.name}", 1000 * card, "ms")
    total = decode + sum(found.timings_s.values()) + card
    networks = sum(s for stage, s in found.timings_s.items() if stage.startswith((*NETWORKS, "saliency")))
    yield Row(
        f"film to layers, {runtime.name}",
        total,
        "s",
        "≤ 4",
        bool(total <= 4),
        f"{kept} patches differentiated",
    )
    outside = 1 - networks / total
    yield Row(f"outside the networks, {runtime.name}", 100 * outside, "%", "≤ 25", bool(outside <= 0.25))


def _in_networks(found: Assessment) -> float:
    return sum(seconds for stage, seconds in found.timings_s.items() if stage.startswith(NETWORKS))


def growth(subject: Subject) -> Iterator[Row]:
    """Time of the networks' scans with the size of the film, without saliency, and memory with all of it."""
    settings = Settings(heat_level=1.0)
    films = {times: of_area(subject.mammogram, times) for times in (0.5, 1.0, 2.0, 4.0)}
    areas = {times: prepare(film).values.size for times, film in films.items()}

    def scans(times: float) -> Callable[[], object]:
        return partial(assess, films[times], subject.assessor.suite, settings, runtime=subject.runtime)

    for times in films:
        _, seconds, inverse = paired(scans(1.0), scans(times), repeats=5)
        per_area = 1 / inverse / (areas[times] / areas[1.0])
        yield Row(
            f"time per area, film of {times:g} times the area",
            per_area,
            "times",
            "1 within 10 %",
            bool(0.9 < per_area < 1.1),
            f"{1000 * seconds:.0f} ms for {areas[times] / 1e6:.1f} million reference pixels",
        )
    for times in films:
        peak = _peak(times)
        if peak is not None:
            yield Row(
                f"peak memory above the film and the networks, {times:g} times the area",
                peak / 1e9,
                "GB",
                "≤ 1.5",
                bool(peak <= 1.5e9),
            )


def _peak(times: float) -> int | None:
    """Of a process that assesses one film of so many times the area, once."""
    script = (
        "import sys; from pathlib import Path; from mammoview.readers import open_case;"
        "from mammoview.bench.films import of_area; from mammoview.bench.stopwatch import peak_bytes;"
        "from mammoview.backend import Assessor; assess = Assessor();"
        "film = of_area(open_case(Path(sys.argv[1]))[0].read(), float(sys.argv[2]));"
        "print(peak_bytes(lambda: assess(film)))"
    )
    said = _in_a_process(script, str(times))
    return None if said == ["None"] else int(said[0])


def _in_a_process(script: str, *arguments: str) -> list[str]:
    """What a fresh Python prints, given a folder with the film and these arguments."""
    with tempfile.TemporaryDirectory() as folder:
        write_film(Path(folder))
        done = subprocess.run(
            [sys.executable, "-c", script, folder, *arguments], capture_output=True, text=True, check=True
        )
    return done.stdout.split()


def again(subject: Subject) -> Iterator[Row]:
    """The second opening: from the decoded film to its layers in hand."""
    found = assess(subject.mammogram, subject.assessor.suite, runtime=subject.runtime)
    cards = sorted(WEIGHTS.glob("*.json"))
    with tempfile.TemporaryDirectory() as folder:
        results = Results(Path(folder) / "results")
        put = median_s(lambda: results.put(key_of(subject.mammogram, cards, Settings()), found), 3)
        size = next((Path(folder) / "results").iterdir()).stat().st_size
        got = median_s(lambda: results.get(key_of(subject.mammogram, cards, Settings())), 7)
    yield Row("keep a result", 1000 * put, "ms", note=f"{size / 1e6:.1f} MB")
    yield Row("open a film again", 1000 * got, "ms", "≤ 150", bool(got <= 0.15))


def queue(subject: Subject) -> Iterator[Row]:
    """Films a minute when 1, 2 and 4 readers ask at once, in the page's own line."""
    from mammoview.ui.work import Line, Work

    for readers in (1, 2, 4):
        line, each = Line(), 2
        works: list[Work[Assessment]] = []

        def ask(line: Line = line, works: list[Work[Assessment]] = works, each: int = each) -> None:
            for _ in range(each):
                work: Work[Assessment] = Work(lambda p: subject.assessor(subject.mammogram, progress=p))
                works.append(work)
                line.add(work)
                while not work.finished:
                    time.sleep(0.005)

        threads = [threading.Thread(target=ask) for _ in range(readers)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - start
        yield Row(f"films a minute, {readers} readers", 60 * each * readers / took, "films")


def start(subject: Subject) -> Iterator[Row]:
    """From the start of a process to the first film's layers, networks and their graphs unprepared."""
    del subject
    script = (
        "import sys, time; start = time.perf_counter(); from pathlib import Path;"
        "from mammoview.readers import open_case; film = open_case(Path(sys.argv[1]))[0].read();"
        "read = time.perf_counter(); from mammoview.backend import Assessor; assess = Assessor();"
        "loaded = time.perf_counter(); assess(film); first = time.perf_counter(); assess(film);"
        "print(read - start, loaded - read, first - loaded, time.perf_counter() - first)"
    )
    names = ("film read (imports, decode)", "networks loaded (torch imported)", "first film", "second film")
    for name, seconds in zip(names, _in_a_process(script), strict=True):
        yield Row(f"cold start: {name}", 1000 * float(seconds), "ms")


def engines(subject: Subject) -> Iterator[Row]:
    """How far every engine's suspicion lies from the plain one's, over all cells of the film."""
    device = subject.assessor.suite.device
    runtimes: list[Runtime] = [PyTorch(half=True)]
    if device.type == "cpu" and find_spec("openvino"):
        from mammoview.backend.compiled import OpenVino

        runtimes += [OpenVino(half=False), OpenVino(half=True)]
    for magnification in Magnification:
        classifier, image = subject.classifier(magnification), subject.image(magnification)
        plain = expit(scan_tissue(classifier, image, (32,))[32])
        for runtime in runtimes:
            slow, fast, ratio = paired(
                partial(scan_tissue, classifier, image, STRIDES),
                partial(scan_tissue, classifier, image, STRIDES, runtime=runtime),
            )
            apart = np.abs(expit(scan_tissue(classifier, image, (32,), runtime=runtime)[32]) - plain).max()
            bound = 0.01 if "bfloat16" in runtime.name else 1e-5
            least = 4 if runtime.name == "OpenVINO bfloat16" and multiplies_bfloat16() else None
            yield Row(
                f"{runtime.name} against PyTorch float32, {magnification.label}",
                ratio,
                "times",
                f"equal within {bound:g}" if least is None else f"≥ {least}, equal within {bound:g}",
                bool(apart <= bound and ratio >= (least or 0)),
                f"{1000 * slow:.0f} against {1000 * fast:.0f} ms; probabilities differ by {apart:.1e}",
            )


def _middle(image: Image, side: int) -> Image:
    top, left = (max(0, (n - side) // 2) for n in image.shape)
    return np.ascontiguousarray(image[top : top + side, left : left + side])


GROUPS: dict[str, Callable[[Subject], Iterator[Row]]] = {
    "limits": limits,
    "dense": dense,
    "public": public,
    "engines": engines,
    "saliency": saliency,
    "whole": whole,
    "growth": growth,
    "again": again,
    "queue": queue,
    "start": start,
}
