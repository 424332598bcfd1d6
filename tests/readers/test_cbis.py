"""A CBIS-DDSM tree in the odd layout of a download: files joined by UID, mask told from crop by content."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from mammoview.domain import Given, Laterality, LesionType, Pathology, View
from mammoview.errors import UnreadableScan
from mammoview.readers import cbis, open_case, read

FILM, OTHER = "1.3.6.1.100.1", "1.3.6.1.100.2"
FIRST, SECOND, ODD = "1.3.6.1.200.1", "1.3.6.1.200.2", "1.3.6.1.200.3"
SHAPE = (300, 160)

HEADERS = {
    "mass": "patient_id,breast_density,left or right breast,image view,abnormality id,abnormality type,"
    "mass shape,mass margins,assessment,pathology,subtlety,image file path,cropped image file path,"
    "ROI mask file path",
    "calc": "patient_id,breast density,left or right breast,image view,abnormality id,abnormality type,"
    "calc type,calc distribution,assessment,pathology,subtlety,image file path,cropped image file path,"
    "ROI mask file path",
}


def place(folder: str, series: str, file: str) -> str:
    return f"{folder}/1.3.6.1.4.1.9590.0/{series}/{file}"


def row(
    patient: str, side: str, view: str, number: int, kind: str, film: str, drawn: str, *rest: str
) -> list[str]:
    name = f"{'Mass' if kind == 'mass' else 'Calc'}-Training_{patient}_{side}_{view}"
    crop, mask = (place(f"{name}_{number}", drawn, file) for file in ("000000.dcm", "000001.dcm\n"))
    return [patient, "3", side, view, str(number), kind, *rest, place(name, film, "000000.dcm"), crop, mask]


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> NDArray[np.uint8]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.where((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2, 255, 0).astype(
        np.uint8
    )


@pytest.fixture
def breast() -> NDArray[np.uint16]:
    noise = np.random.default_rng(5).integers(0, 30000, SHAPE)
    return (noise + 200 * disc(SHAPE, (150, 60), 20).astype(int) // 2).astype(np.uint16)


@pytest.fixture
def tree(tmp_path: Path, write_dicom: Callable[..., Path], breast: Any) -> Path:
    """Two films; the first with two masses, one mask under the crop's name, one of another size."""
    root = tmp_path / "manifest"
    tables = {
        "mass_case_description_train_set.csv": [
            row(
                "P_00001", "LEFT", "CC", 1, "mass", FILM, FIRST, "OVAL", "ILL_DEFINED", "4", "MALIGNANT", "3"
            ),
            row("P_00001", "LEFT", "CC", 2, "mass", FILM, SECOND, "ROUND", "N/A", "2", "BENIGN", "0"),
        ],
        "calc_case_description_test_set.csv": [
            row(
                "P_00002",
                "RIGHT",
                "MLO",
                1,
                "calcification",
                OTHER,
                ODD,
                "PLEOMORPHIC",
                "CLUSTERED",
                "3",
                "BENIGN_WITHOUT_CALLBACK",
                "4",
            ),
            row(
                "P_09999",
                "LEFT",
                "CC",
                1,
                "calcification",
                "1.3.6.1.9",
                "1.3.6.1.8",
                "PLEOMORPHIC",
                "CLUSTERED",
                "3",
                "BENIGN",
                "4",
            ),
        ],
    }
    root.mkdir()
    for name, rows in tables.items():
        with (root / name).open("w", newline="") as file:
            file.write(HEADERS[name[:4]] + "\n")
            csv.writer(file).writerows(rows)
    films = root / "CBIS-DDSM"
    write_dicom(breast, films / "a/08-07-2016-DDSM-1/1-1.dcm", SeriesInstanceUID=FILM)
    write_dicom(breast[:, ::-1], films / "b/1-1.dcm", SeriesInstanceUID=OTHER)
    # The mask carries the crop's file name here, and the crop the mask's.
    write_dicom(disc(SHAPE, (150, 60), 20), films / "c/x/1-1.dcm", SeriesInstanceUID=FIRST)
    write_dicom(breast[130:170, 40:80], films / "c/x/1-2.dcm", SeriesInstanceUID=FIRST)
    write_dicom(breast[30:70, 90:130], films / "d/1-1.dcm", SeriesInstanceUID=SECOND)
    write_dicom(disc((600, 320), (100, 200), 30), films / "d/1-2.dcm", SeriesInstanceUID=SECOND)
    write_dicom(disc((300, 120), (150, 60), 20), films / "e/1-1.dcm", SeriesInstanceUID=ODD)
    return root


def test_every_film_that_is_there_is_listed_and_none_is_read(tree: Path) -> None:
    assert cbis.recognises(tree)
    films = open_case(tree)
    assert [(film.laterality, film.view) for film in films] == [
        (Laterality.RIGHT, View.MLO),
        (Laterality.LEFT, View.CC),
    ]
    assert [film.source for film in films] == [
        "P_00002_RIGHT_MLO",
        "P_00001_LEFT_CC",
    ]


def test_one_view_among_masses_and_calcifications_is_two_films_whose_names_tell_of_neither(
    tree: Path,
) -> None:
    rows = [row("P_00001", "LEFT", "CC", 1, "calcification", OTHER, ODD, "N/A", "N/A", "3", "BENIGN", "4")]
    with (tree / "calc_case_description_test_set.csv").open("w", newline="") as file:
        file.write(HEADERS["calc"] + "\n")
        csv.writer(file).writerows(rows)
    films = open_case(tree)
    assert [film.source for film in films] == ["P_00001_LEFT_CC", "P_00001_LEFT_CC_2"]
    assert [film.read().source for film in films] == ["P_00001_LEFT_CC", "P_00001_LEFT_CC_2"]
    assert not any(
        kind in said for film in films for said in film.read().warnings for kind in ("Mass", "Calc")
    )


def test_swapped_mask_and_crop_are_told_by_their_content(tree: Path) -> None:
    film = open_case(tree)[1].read()
    first, second = film.outlines
    assert_allclose(first.centre(), (150, 60), atol=0.1)
    assert first.area() == pytest.approx(np.pi * 20**2, rel=0.03)
    assert (first.abnormality, second.abnormality) == (1, 2)
    assert not any("mask" in warning for warning in film.warnings)


def test_a_mask_of_another_size_but_the_same_aspect_is_scaled(tree: Path) -> None:
    (_, second) = open_case(tree)[1].read().outlines
    assert_allclose(second.centre(), (49.75, 99.75), atol=0.1)  # edges on edges: (100.5 / 2) - 0.5
    assert second.area() == pytest.approx(np.pi * 15**2, rel=0.03)


def test_what_the_csv_says_of_a_lesion(tree: Path) -> None:
    first, second = open_case(tree)[1].read().outlines
    assert (first.lesion_type, first.description) == (LesionType.MASS, "oval, ill defined")
    assert (first.birads, first.subtlety, first.pathology) == (4, 3, Pathology.MALIGNANT)
    assert (second.description, second.subtlety) == ("round", None)


def test_a_mask_that_does_not_fit_its_film_is_not_drawn_and_it_is_said(tree: Path) -> None:
    film = open_case(tree)[0].read()
    assert film.outlines == ()
    assert any("does not fit" in warning for warning in film.warnings)
    assert film.facts["Breast density"] == "3"


def test_one_film_of_a_tree_opens_with_its_outlines(tree: Path) -> None:
    (film,) = read(tree / "CBIS-DDSM/a/08-07-2016-DDSM-1/1-1.dcm")
    assert (film.source, len(film.outlines)) == ("P_00001_LEFT_CC", 2)


def test_a_mask_of_a_tree_opens_as_a_plain_picture(tree: Path) -> None:
    (film,) = read(tree / "CBIS-DDSM/c/x/1-1.dcm")
    assert film.source.startswith("DICOM-")


def test_the_reader_wins_over_the_csv(tree: Path) -> None:
    films = open_case(tree, Given(laterality=Laterality.RIGHT, spacing_mm=0.0435))
    film = films[1].read()
    assert (films[1].laterality, film.laterality, film.spacing_mm) == ("R", "R", (0.0435, 0.0435))


def test_a_missing_mask_leaves_the_film_readable(tree: Path) -> None:
    (tree / "CBIS-DDSM/d/1-2.dcm").unlink()
    film = open_case(tree)[1].read()
    assert len(film.outlines) == 1
    (said,) = [warning for warning in film.warnings if "abnormality 2" in warning]
    assert film.annotation_warnings == (said,)


def test_headers_match_without_case_blank_and_underscore(tree: Path) -> None:
    table = tree / "mass_case_description_train_set.csv"
    header, rest = table.read_text().split("\n", 1)
    table.write_text(header.replace(" ", "_").upper() + "\n" + rest)
    assert len(open_case(tree)[1].read().outlines) == 2


def test_a_tree_without_its_films_is_refused(tree: Path) -> None:
    for path in (tree / "CBIS-DDSM").rglob("*.dcm"):
        path.unlink()
    with pytest.raises(UnreadableScan, match="none of the films"):
        open_case(tree)


def test_a_region_at_the_edge_of_the_film_is_closed() -> None:
    mask = np.zeros((40, 30), bool)
    mask[:10, :12] = True
    (line,) = cbis.outlines_of_mask(mask, (40, 30))
    assert_allclose([line.min(axis=0), line.max(axis=0)], [(0, 0), (9.5, 11.5)])


def test_each_region_of_a_mask_has_its_outline_and_holes_have_none() -> None:
    mask = disc((100, 100), (30, 30), 15) + disc((100, 100), (70, 70), 10) > 0
    mask[28:32, 28:32] = False
    mask[95, 5] = True  # a stray dot
    lines = cbis.outlines_of_mask(mask, (100, 100))
    assert [np.rint(line.mean(axis=0)).tolist() for line in lines] == [[30, 30], [70, 70]]


def test_nothing_above_the_folder_that_may_be_read_is_searched(tree: Path) -> None:
    """A film's series is named by a csv file outside the folder, and that film has another file there."""
    allowed = tree / "allowed"
    allowed.mkdir()
    original = next(path for path in sorted(tree.rglob("*.dcm")) if cbis.recognises(path))
    copy = allowed / "copy.dcm"
    copy.write_bytes(original.read_bytes())
    assert cbis.recognises(copy)
    assert not cbis.recognises(copy, allowed)
    (film,) = open_case(copy, Given(), allowed)
    assert film.source.startswith("DICOM-")


def test_a_link_out_of_the_folder_that_may_be_read_is_refused(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(HEADERS["mass"])
    assert open_case(tree, Given(), tree)
    (tree / "mass_linked.csv").symlink_to(outside)
    with pytest.raises(UnreadableScan, match="leads out of the folder"):
        open_case(tree, Given(), tree)
    assert open_case(tree)
