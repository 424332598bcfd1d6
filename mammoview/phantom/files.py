"""A phantom case on disk: `.ics`, `.OVERLAY` and `.LJPEG`, named as DDSM names its own."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoview.domain import Laterality, Progress, View
from mammoview.errors import BadSetting
from mammoview.phantom.anatomy import GRID_MM, Body, Point, breast
from mammoview.phantom.film import SCAN_MM, developed, grey_levels, labelled, log_exposure
from mammoview.phantom.lesions import CircumscribedMass, Cluster, Lesion, Placed, SpiculatedMass, find_place
from mammoview.readers import ljpeg

__all__ = ["chain_codes", "write_case"]

BITS = 12
PREDICTOR = 7  # the selection value of the genuine DDSM films
STEPS = {(-1, 0): 0, (-1, 1): 1, (0, 1): 2, (1, 1): 3, (1, 0): 4, (1, -1): 5, (0, -1): 6, (-1, -1): 7}
FILMS = tuple((side, view) for side in Laterality for view in (View.CC, View.MLO))


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A lesion and the reader's line around it on one film: (N, 2) int, each point beside the last."""

    lesion: Lesion
    boundary: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PhantomFilm:
    """Grey levels (H, W) uint16 as digitised, and what is drawn on the film."""

    levels: NDArray[np.uint16]
    drawn: tuple[Drawn, ...]


def write_case(folder: Path, seed: int, progress: Progress = lambda share, what: None) -> Path:
    """Write a synthetic DDSM case of four views into `folder`.

    The left breast has a spiculated mass and a cluster of microcalcifications, the right one a circumscribed
    mass; each is seen in CC and MLO at about the same distance from the nipple. Its `.ics` says SYNTHETIC.

    Parameters
    ----------
    folder : Path
        Where the case's own folder is made, `phantom_0007` for seed 7; the same seed gives the same bytes.
    seed : int
        At least 0.
    progress : Progress
        May raise `Cancelled`; then nothing is left behind.

    Returns
    -------
    Path
        The case's folder, complete.

    Raises
    ------
    BadSetting
        The seed is negative, or `folder` is a file.
    """
    if seed < 0:
        raise BadSetting(f"seed {seed} is negative; give a whole number from 0 on")
    if folder.exists() and not folder.is_dir():
        raise BadSetting(f"{folder.name} is a file; name a folder for the phantom")
    folder.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".phantom_", dir=folder))
    try:
        _write_films(aside, seed, progress)
        return _move(aside, folder / f"phantom_{seed:04d}")
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _move(aside: Path, place: Path) -> Path:
    """Put a complete case in place; over an earlier one, film by film and the `.ics` last."""
    aside.chmod(0o755)
    if not place.exists():
        return aside.rename(place)
    for file in sorted(aside.iterdir(), key=lambda file: file.suffix == ".ics"):
        file.replace(place / file.name)
    return place


def _write_films(folder: Path, seed: int, progress: Progress) -> None:
    lines = ["ics_version 1.0", f"filename P-{seed:04d}-1", f"SYNTHETIC Mammoview phantom seed {seed}"]
    lines += ["FILM", "FILM_TYPE REGULAR", "DENSITY 2", "DIGITIZER LUMISYS LASER", "SEQUENCE"]
    for number, (side, view) in enumerate(FILMS):
        name = f"{side.name}_{view.value}"
        progress(number / len(FILMS), f"phantom {name}")
        film = make_film(seed, side, view)
        stem = f"P_{seed:04d}_1.{name}"
        (folder / f"{stem}.LJPEG").write_bytes(ljpeg.encode(film.levels, BITS, PREDICTOR))
        (folder / f"{stem}.OVERLAY").write_text(overlay(film.drawn), "ascii")
        rows, columns = film.levels.shape
        lines.append(
            f"{name} LINES {rows} PIXELS_PER_LINE {columns} BITS_PER_PIXEL {BITS} "
            f"RESOLUTION {1000 * SCAN_MM:.0f} OVERLAY"
        )
    (folder / f"P-{seed:04d}-1.ics").write_text("\n".join(lines) + "\n", "ascii")
    progress(1.0, "phantom")


def _body(seed: int) -> Body:
    rng = np.random.default_rng([seed, 0])
    return Body(
        depth=rng.uniform(80, 90),
        half_width=rng.uniform(72, 80),
        thickness=rng.uniform(42, 50),
        gland=rng.uniform(15, 19),
    )


def _lesions(seed: int, side: Laterality) -> tuple[Lesion, ...]:
    rng = np.random.default_rng([seed, 1])
    masses, cluster = rng.uniform(5.5, 8.0, 2), rng.uniform(3.5, 5.0)
    far, near = rng.uniform(46, 58, 2), rng.uniform(32, 44)
    if side is Laterality.LEFT:
        return SpiculatedMass(masses[0], far[0]), Cluster(cluster, near)
    return (CircumscribedMass(masses[1], far[1]),)


def make_film(seed: int, side: Laterality, view: View) -> PhantomFilm:
    """One film of the case; the chest wall lies on the left of a left breast's film, as in DDSM."""
    rng = np.random.default_rng([seed, 2 + FILMS.index((side, view))])
    shape = (int(2200 + 4 * rng.integers(-14, 15)), int(1300 + 4 * rng.integers(-14, 15)))
    tissue = breast(shape, view, _body(seed), rng)
    lesions = _lesions(seed, side)
    placed: list[Placed] = []
    taken: list[tuple[Point, float]] = []
    for lesion in lesions:
        centre = find_place(tissue, lesion, taken, rng)
        taken.append((centre, lesion.reach))
        placed.append(lesion.place(shape, centre, rng))
    dense = tissue.dense + np.sum([one.dense for one in placed], axis=0)
    density = developed(log_exposure(tissue, dense, np.concatenate([one.specks for one in placed])), rng)
    left = side is Laterality.LEFT
    density = labelled(density if left else np.fliplr(density), f"{side.value} {view.value}", left, rng)
    extents = [one.extent if left else np.fliplr(one.extent) for one in placed]
    drawn = tuple(Drawn(lesion, boundary(extent)) for lesion, extent in zip(lesions, extents, strict=True))
    return PhantomFilm(grey_levels(density), drawn)


def boundary(extent: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The outer pixels of a region on the grid as points (row, column) of the scan, in order, (N, 2)."""
    side = round(GRID_MM / SCAN_MM)
    pixels = cv2.resize(extent.astype(np.uint8), None, fx=side, fy=side, interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(max(lines, key=len)[:, 0, ::-1], np.int64)


def chain_codes(points: NDArray[np.int64]) -> list[int]:
    """DDSM's codes (0 north, then clockwise to 7 north-west) from point to point, back to the first."""
    steps = np.diff(np.vstack([points, points[:1]]), axis=0)
    return [STEPS[int(down), int(across)] for down, across in steps]


def overlay(drawn: tuple[Drawn, ...]) -> str:
    """The text of a `.OVERLAY`."""
    lines = [f"TOTAL_ABNORMALITIES {len(drawn)}"]
    for number, one in enumerate(drawn, start=1):
        lesion, (row, column) = one.lesion, one.boundary[0]
        lines += [f"ABNORMALITY {number}", f"LESION_TYPE {lesion.lesion_type.name} {lesion.description}"]
        lines += [f"ASSESSMENT {lesion.birads}", f"SUBTLETY {lesion.subtlety}"]
        lines += [f"PATHOLOGY {lesion.pathology.name}", "TOTAL_OUTLINES 1", "BOUNDARY"]
        lines.append(" ".join(map(str, [column, row, *chain_codes(one.boundary), "#"])))
    return "\n".join(lines) + "\n"
