"""Synthetic lesions in genuine films: seen where the table says, of the kind it says, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mammoview.cli import main
from mammoview.domain import Given, LesionType, Mammogram
from mammoview.errors import BreastNotFound, Cancelled
from mammoview.evaluation.split import in_validation
from mammoview.phantom.dataset import write_dataset
from mammoview.phantom.film import developed_again
from mammoview.phantom.insertion import Room, insert, put_somewhere, random_lesion
from mammoview.phantom.lesions import CircumscribedMass, Cluster, Lesion, SpiculatedMass
from mammoview.prepare import find_breast
from mammoview.readers import raster
from mammoview.readers.annotated import DIGITISED, WITH_SYNTHETIC_LESIONS, AnnotatedFilm
from mammoview.readers.datasets import open_dataset

MM = 0.1
SEEN = 0.03
"""Of optical density: two grey levels of 8 bits."""
KINDS = [
    CircumscribedMass(radius=5),
    SpiculatedMass(radius=5),
    Cluster(radius=5, count=15),
    Cluster(radius=3, count=8, half_mm=(0.08, 0.3), crowding=0.8, grains=4),
]


def film(path: Path, seed: int = 0) -> Path:
    """A breast of 88 × 63 mm at the left edge of a film at 0.1 mm, 8 bits."""
    down, across = np.mgrid[:1200, :900]
    breast = (across / 630) ** 2 + ((down - 600) / 540) ** 2 < 1
    texture = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 20, breast.shape), (0, 0), 5)
    Image.fromarray(np.where(breast, 95 + texture, 12).clip(0, 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for seed, name in enumerate(("A_0001_1.LEFT_CC", "A_0001_1.LEFT_MLO", "A_0002_1.LEFT_CC")):
        film(folder / f"{name}.png", seed)
    return folder


@pytest.fixture(scope="module")
def mammogram(folder: Path) -> Mammogram:
    return raster.read_film(folder / "A_0001_1.LEFT_CC.png", Given(spacing_mm=MM))


@pytest.fixture(scope="module")
def dataset(folder: Path, tmp_path_factory) -> Path:
    return write_dataset(folder, tmp_path_factory.mktemp("out") / "set", MM, copies=10, seed=3)


@pytest.fixture(scope="module")
def copies(dataset: Path) -> tuple[AnnotatedFilm, ...]:
    return open_dataset(dataset)


def even_film(density: float = 2.2) -> NDArray[np.float32]:
    return np.full((600, 500), density, np.float32)


def put(lesion: Lesion, density: float = 2.2):
    """A lesion in the middle of an even film, and by how much it is lighter there."""
    image = even_film(density)
    inserted = insert(image, MM, lesion, (300, 250), np.random.default_rng(1))
    return inserted, density - image


def inside(shape: tuple[int, ...], box) -> NDArray[np.bool_]:
    rows, columns = (np.arange(n) + 0.5 for n in shape)
    down, across = (rows > box[0]) & (rows < box[2]), (columns > box[1]) & (columns < box[3])
    return down[:, None] & across[None, :]


@pytest.mark.parametrize("lesion", KINDS)
def test_a_lesion_is_lighter_than_the_film_was_and_the_rest_stays_as_it_was(lesion: Lesion) -> None:
    inserted, added = put(lesion)
    assert added.max() > 0.1
    assert added.min() > -1e-4
    first, left, last, right = inserted.window
    around = np.ones(added.shape, bool)
    around[first:last, left:right] = False
    assert not added[around].any()


@pytest.mark.parametrize("lesion", KINDS)
def test_the_box_surrounds_what_is_seen_and_little_more(lesion: Lesion) -> None:
    inserted, added = put(lesion)
    box = inside(added.shape, inserted.box)
    spicules = isinstance(lesion, SpiculatedMass)  # readers surround the mass, not all that runs out of it
    seen = added > added.max() / (2 if spicules else 4)
    if isinstance(lesion, Cluster):
        seen = added - cv2.GaussianBlur(added, (0, 0), 1 / MM) > SEEN  # the specks, without the haze
    assert not (seen & ~box).any()
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    margin_mm = np.abs(np.array(inserted.box) - [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]) * MM
    assert margin_mm.max() < (4 if spicules else 2.5)


def test_a_lesion_lies_where_it_was_put() -> None:
    image = even_film()
    inserted = insert(image, 0.042, CircumscribedMass(radius=3), (200, 310), np.random.default_rng(0))
    lighter = (even_film() - image).clip(0)
    middle = [(lighter * place).sum() / lighter.sum() for place in np.mgrid[:600, :500]]
    assert middle == pytest.approx([200, 310], abs=0.6 / 0.042)
    first, left, last, right = inserted.box
    assert [(first + last) / 2 - 0.5, (left + right) / 2 - 0.5] == pytest.approx([200, 310], abs=0.6 / 0.042)


def test_a_mass_is_as_large_in_millimetres_on_a_finer_film() -> None:
    for spacing in (0.042, 0.05, 0.1):
        side = round(80 / spacing)
        image = np.full((side, side), 2.2, np.float32)
        found = insert(
            image, spacing, CircumscribedMass(radius=6), (side / 2, side / 2), np.random.default_rng(1)
        )
        seen = 2.2 - image > (2.2 - image).max() / 2
        across = 2 * np.sqrt(seen.sum() / np.pi) * spacing
        assert across == pytest.approx(10.4, abs=0.4)
        assert np.sqrt((found.box[2] - found.box[0]) * (found.box[3] - found.box[1])) * spacing < 16


def test_specks_fade_where_film_is_nearly_black_or_nearly_clear() -> None:
    middle, *ends = (put(KINDS[2], density)[1].max() for density in (2.0, 3.8, 0.3))
    assert middle > 0.3
    assert max(ends) < middle / 2


def test_film_that_lies_under_no_lesion_is_not_developed_again() -> None:
    density = np.linspace(-0.5, 4.5, 600, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(developed_again(density, np.zeros_like(density)), density)


def test_specks_keep_a_contrast_at_a_tenth_of_a_millimetre_and_have_more_at_half_of_it() -> None:
    image = np.full((1200, 1200), 2.2, np.float32)
    cluster = Cluster(radius=4, count=12, half_mm=(0.1, 0.2), grains=3)
    insert(image, 0.05, cluster, (600, 600), np.random.default_rng(2))
    fine = 2.2 - image
    coarse, coarser = (cv2.resize(fine, None, fx=s, fy=s, interpolation=cv2.INTER_AREA) for s in (0.5, 1 / 6))
    assert fine.max() > coarse.max() > 3 * SEEN
    assert coarser.max() < 0.7 * coarse.max()


def test_lesions_are_of_the_sizes_that_mammograms_show() -> None:
    rng = np.random.default_rng(0)
    drawn = [random_lesion(rng) for _ in range(400)]
    clusters = [one for one in drawn if isinstance(one, Cluster)]
    assert 0.4 < len(clusters) / len(drawn) < 0.6
    assert {type(one) for one in drawn} == {Cluster, CircumscribedMass, SpiculatedMass}
    assert all(5 <= one.count <= 25 and 4 <= 2 * one.radius <= 15 for one in clusters)
    assert all(5 <= 2 * one.radius <= 25 for one in drawn if not isinstance(one, Cluster))


def test_lesions_lie_in_the_breast_and_apart(mammogram: Mammogram) -> None:
    found = find_breast(mammogram)
    breast = cv2.resize(found.mask.astype(np.uint8), mammogram.pixels.shape[::-1]) > 0
    for seed in range(6):
        image = np.full(mammogram.pixels.shape, 2.2, np.float32)
        inserted = put_somewhere(image, Room(mammogram), 3, np.random.default_rng(seed))
        assert inserted
        boxes = [inside(breast.shape, one.box) for one in inserted]
        assert not np.any(np.logical_or.reduce(boxes) & ~breast)
        assert np.sum(boxes, axis=0).max() == 1


def test_a_film_without_a_breast_is_refused() -> None:
    dark = np.random.default_rng(0).integers(5, 9, (600, 500)).astype(np.uint16)
    dark[300:340, 200:240] = 200  # a label
    with pytest.raises(BreastNotFound, match="leave this film out"):
        Room(Mammogram(dark, "dark", spacing_mm=(MM, MM)))


def test_lighter_places_of_a_copy_are_those_of_its_boxes(copies: tuple[AnnotatedFilm, ...]) -> None:
    known = {copy.film.source: copy for copy in copies}
    normal = known["A_0001_1.LEFT_CC-004"].film.read().pixels.astype(int)
    for number in (0, 1, 2, 3):
        copy = known[f"A_0001_1.LEFT_CC-{number:03d}"].film.read()
        added = copy.pixels.astype(int) - normal
        assert added.min() >= 0
        boxes = [inside(added.shape, np.add(one.box(), 0.5)) for one in copy.outlines]
        assert all(added[box].max() >= 4 for box in boxes)
        assert not (added > 8)[~np.logical_or.reduce([grown(box, 6) for box in boxes])].any()


def grown(box: NDArray[np.bool_], mm: float) -> NDArray[np.bool_]:
    side = 2 * round(mm / MM) + 1
    return cv2.dilate(box.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def test_the_dataset_tells_calcifications_from_masses(copies: tuple[AnnotatedFilm, ...]) -> None:
    told = {copy.facts.get("lesions", "") for copy in copies}
    assert {"calcification", "mass"} <= {kind for kinds in told for kind in kinds.split(", ")}
    for copy in copies:
        outlines = copy.film.read().outlines
        assert len(outlines) <= 3
        for outline in outlines:
            calcified = outline.lesion_type is LesionType.CALCIFICATION
            assert ("CLUSTERED" in outline.description) is calcified


def test_every_fifth_copy_is_the_normal_film(copies: tuple[AnnotatedFilm, ...], folder: Path) -> None:
    normal = [copy for copy in copies if copy.normal]
    assert [copy.film.source for copy in normal] == [
        f"{name}-{number:03d}"
        for name in ("A_0001_1.LEFT_CC", "A_0001_1.LEFT_MLO", "A_0002_1.LEFT_CC")
        for number in (4, 9)
    ]
    for copy in normal:
        mammogram = copy.film.read()
        true = np.asarray(Image.open(folder / f"{copy.film.source[:-4]}.png"))
        np.testing.assert_array_equal(mammogram.pixels, true)
        assert not mammogram.outlines
        assert not mammogram.synthetic
        assert copy.facts["kind"] == DIGITISED


def test_what_is_synthetic_says_so(copies: tuple[AnnotatedFilm, ...]) -> None:
    for copy in (copy for copy in copies if not copy.normal):
        mammogram = copy.film.read()
        assert mammogram.synthetic
        assert "synthetic lesions" in mammogram.facts["synthetic"]
        assert "approximate" in mammogram.facts["synthetic"]
        assert copy.facts["kind"] == WITH_SYNTHETIC_LESIONS
        assert "synthetic lesions" in copy.facts["marked by"]


def test_the_card_of_a_network_says_that_its_lesions_are_synthetic(copies: tuple[AnnotatedFilm, ...]) -> None:
    pytest.importorskip("torch")
    from mammoview.evaluation.store import Prepared
    from mammoview.training.describe import card_of
    from mammoview.training.manifest import manifest_of

    boxes, inside = np.zeros((1, 4)), np.ones((1, 1), bool)
    prepared = [Prepared(copy.film.source, copy.patient, False, boxes, inside, {}) for copy in copies]
    card = card_of(manifest_of("set", prepared, 0), copies, prepared, MM, "1")
    assert "synthetic lesions" in card.trained_on
    assert "do not hold for patients" in card.limits
    assert "masses and calcifications" in card.limits


def test_copies_are_coarser_films_of_the_same_size_in_millimetres(folder: Path, tmp_path: Path) -> None:
    written = write_dataset(folder, tmp_path / "set", 0.05, copies=1, film_spacing_mm=0.12)
    mammogram = open_dataset(written)[0].film.read()
    assert mammogram.pixels.shape == (500, 375)
    assert mammogram.spacing_mm == (0.12, 0.12)
    assert mammogram.sampling_mm is None


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_seed_decides_and_neither_the_workers_nor_other_films(folder, dataset, tmp_path) -> None:
    again = write_dataset(folder, tmp_path / "again", MM, copies=10, seed=3, workers=2)
    assert content(again) == content(dataset)
    alone = tmp_path / "films"
    alone.mkdir()
    film(alone / "A_0001_1.LEFT_MLO.png", 1)
    one = content(write_dataset(alone, tmp_path / "one", MM, copies=2, seed=3))
    name = "A_0001_1.LEFT_MLO-001.png"
    assert one[name] == content(dataset)[name]
    other = content(write_dataset(alone, tmp_path / "other", MM, copies=2, seed=4))
    assert other[name] != one[name]


def test_a_patients_films_stay_together_as_in_a_ddsm_tree(copies: tuple[AnnotatedFilm, ...]) -> None:
    assert {(copy.film.source[:8], copy.patient) for copy in copies} == {
        ("A_0001_1", "A_0001_1"),
        ("A_0002_1", "A_0002_1"),
    }


@pytest.mark.films
def test_the_films_of_native_resolution_have_patients_on_both_sides(films: Path) -> None:
    patients = {path.name.split(".")[0] for path in (films / "ddsm" / "normals-native").glob("*.jpg")}
    assert {patient for patient in patients if in_validation(patient)} == {"A_0036_1"}


@pytest.mark.films
def test_a_cluster_stands_out_of_a_genuine_film(films: Path) -> None:
    path = films / "ddsm" / "normals-native" / "A_0018_1.LEFT_CC.jpg"
    mammogram = raster.read_film(path, Given(spacing_mm=0.042))
    density = 4 - mammogram.pixels.astype(np.float32) * np.float32(4 / 255)
    rng = np.random.default_rng(0)
    cluster = Cluster(radius=4, count=15, half_mm=(0.08, 0.3), grains=4)
    centre = Room(mammogram).take(cluster, rng)
    before = density.copy()
    found = insert(density, 0.042, cluster, centre, rng)
    coarse, plain = (
        cv2.resize(one, None, fx=0.42, fy=0.42, interpolation=cv2.INTER_AREA) for one in (density, before)
    )
    box = grown(inside(coarse.shape, np.array(found.box) * 0.42), 0)
    noise = (plain - cv2.GaussianBlur(plain, (0, 0), 5))[box].std()
    specks = cv2.connectedComponents(((plain - coarse > 5 * noise) & box).astype(np.uint8))[0] - 1
    assert specks >= 3


def test_nothing_is_left_behind_when_the_reader_stops(folder: Path, tmp_path: Path) -> None:
    def stop(share: float, what: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        write_dataset(folder, tmp_path / "set", MM, copies=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


def refused(capsys, *words) -> str:
    assert main(["phantom", *(str(word) for word in words)]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    return sentence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs --spacing-mm"),
        (["--spacing-mm", "0.2"], "too coarse to hold a microcalcification"),
        (["--spacing-mm", "42"], "not a spacing"),
        (["--spacing-mm", "0.05", "--film-spacing-mm", "0.04"], "finer than the films"),
        (["--spacing-mm", "0.1", "--copies", "0"], "--copies"),
        (["--spacing-mm", "0.1", "--workers", "-1"], "--workers"),
    ],
)
def test_numbers_that_cannot_be_are_refused(capsys, folder, tmp_path, words, said) -> None:
    assert said in refused(capsys, "--into", folder, "--out", tmp_path / "set", *words)
    assert list(tmp_path.iterdir()) == []


def test_options_for_films_without_films_are_refused(capsys, tmp_path) -> None:
    assert "--into" in refused(capsys, "--out", tmp_path / "case", "--copies", "3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["holiday.png", "A_0003_1.LEFT_CC.png"])
def test_a_film_that_cannot_be_used_stops_it_and_nothing_is_written(capsys, tmp_path, name) -> None:
    films = tmp_path / "films"
    films.mkdir()
    film(films / "A_0001_1.LEFT_CC.png")
    (films / name).write_bytes(b"not a picture")
    assert name in refused(capsys, "--into", films, "--spacing-mm", "0.1", "--out", tmp_path / "set")
    assert list(tmp_path.iterdir()) == [films]


def test_two_pictures_of_one_film_are_refused(capsys, tmp_path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    film(films / "A_0001_1.LEFT_CC.png")
    film(films / "A_0001_1.LEFT_CC.tif")
    assert "two pictures" in refused(
        capsys, "--into", films, "--spacing-mm", "0.1", "--out", tmp_path / "set"
    )


def test_a_folder_without_films_and_an_out_that_holds_something_are_refused(capsys, folder, tmp_path) -> None:
    words = ("--spacing-mm", "0.1", "--out", tmp_path)
    assert "no film in it" in refused(capsys, "--into", tmp_path, *words)
    assert "is no folder" in refused(capsys, "--into", tmp_path / "absent", *words)
    (tmp_path / "mine.txt").write_text("kept")
    assert "already holds something" in refused(capsys, "--into", folder, *words)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["kept"]


def test_the_command_writes_the_dataset(capsys, folder, tmp_path) -> None:
    words = ("--into", folder, "--spacing-mm", "0.1", "--copies", "1", "--out", tmp_path / "set")
    assert main(["phantom", *map(str, words)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "set")
    assert len(open_dataset(tmp_path / "set")) == 3
