"""Every known layout opens as annotated films; what contradicts itself is told when it is read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose

from mammoview.domain import LesionType, Pathology
from mammoview.errors import MammoviewError, UnreadableOutlines, UnusableDataset
from mammoview.readers.datasets import open_dataset
from tests.readers.test_cbis import FILM, HEADERS, breast, row, tree

__all__ = ["breast", "tree"]  # fixtures

ICS = """ics_version 1.0
filename {case}
DENSITY {density}
DIGITIZER LUMISYS LASER
SEQUENCE
LEFT_CC LINES 400 PIXELS_PER_LINE 240 BITS_PER_PIXEL 12 RESOLUTION 50 {left}
RIGHT_CC LINES 400 PIXELS_PER_LINE 240 BITS_PER_PIXEL 12 RESOLUTION 50 NON_OVERLAY
"""
OVERLAY = """TOTAL_ABNORMALITIES 1
ABNORMALITY 1
LESION_TYPE CALCIFICATION TYPE PLEOMORPHIC DISTRIBUTION CLUSTERED
ASSESSMENT 4
SUBTLETY 3
PATHOLOGY MALIGNANT
TOTAL_OUTLINES 1
BOUNDARY
100 200 2 2 2 2 2 2 2 2 4 4 4 4 4 4 4 4 6 6 6 6 6 6 6 6 0 0 0 0 0 0 0 0 #
"""


def case(folder: Path, name: str, lesion: bool) -> Path:
    """Two films of a case, the left one with a lesion or not, as DDSM names them."""
    folder.mkdir(parents=True)
    dashed = name.replace("_", "-")
    overlay = "OVERLAY" if lesion else "NON_OVERLAY"
    (folder / f"{dashed}.ics").write_text(ICS.format(case=dashed, density=2, left=overlay))
    for side in ("LEFT", "RIGHT"):
        noise = np.random.default_rng(1).integers(0, 255, (200, 120), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{name}.{side}_CC.png"), noise)
    if lesion:
        (folder / f"{name}.LEFT_CC.OVERLAY").write_text(OVERLAY)
    return folder


@pytest.fixture
def ddsm(tmp_path: Path) -> Path:
    case(tmp_path / "ddsm/cancers/cancer_01/case0001", "A_0001_1", lesion=True)
    case(tmp_path / "ddsm/normals/case0002", "B_0002_1", lesion=False)
    return tmp_path / "ddsm"


def test_a_ddsm_tree_opens_by_cases_at_any_depth(ddsm: Path) -> None:
    films = {f.film.source: f for f in open_dataset(ddsm)}
    assert list(films) == ["A_0001_1.RIGHT_CC", "A_0001_1.LEFT_CC", "B_0002_1.RIGHT_CC", "B_0002_1.LEFT_CC"]
    assert {f.patient for f in films.values()} == {"A_0001_1", "B_0002_1"}
    # The healthy side of a case with a lesion is no normal film, and has no lesion.
    assert [f.normal for f in films.values()] == [False, False, True, True]
    assert [f.facts.get("lesions") for f in films.values()] == [None, "calcification", None, None]
    facts = films["A_0001_1.LEFT_CC"].facts
    assert facts["kind"] == "digitised film"
    assert (facts["digitiser"], facts["density"], facts["view"]) == ("LUMISYS LASER", "2", "CC")


def test_a_film_of_a_ddsm_tree_carries_its_outlines(ddsm: Path) -> None:
    (outline,) = open_dataset(ddsm)[1].film.read().outlines
    assert (outline.lesion_type, outline.pathology) == (LesionType.CALCIFICATION, Pathology.MALIGNANT)
    assert (outline.subtlety, outline.birads) == (3, 4)
    assert_allclose(outline.box(), (99.75, 49.75, 103.75, 53.75))  # halves of (200, 100) to (208, 108)
    assert open_dataset(ddsm)[0].film.read().outlines == ()


def test_one_case_folder_is_a_dataset_too(ddsm: Path) -> None:
    assert len(open_dataset(ddsm / "normals/case0002")) == 2


def test_a_promised_overlay_that_is_not_there_is_told_when_the_film_is_read(ddsm: Path) -> None:
    next(ddsm.rglob("*.OVERLAY")).unlink()
    left = open_dataset(ddsm)[1]
    assert not left.normal
    with pytest.raises(UnreadableOutlines, match=r"promises of A_0001_1\.LEFT_CC"):
        left.film.read()


def test_a_case_without_its_films_does_not_end_the_opening(ddsm: Path) -> None:
    for film in (ddsm / "normals").rglob("*.png"):
        film.unlink()
    films = open_dataset(ddsm)
    assert [f.film.source for f in films[:2]] == ["A_0001_1.RIGHT_CC", "A_0001_1.LEFT_CC"]
    with pytest.raises(MammoviewError, match="put the films of the case into its folder"):
        films[2].film.read()


def test_the_same_case_in_two_folders_is_refused(ddsm: Path) -> None:
    shutil.copytree(ddsm / "normals/case0002", ddsm / "copies/case0002")
    with pytest.raises(UnusableDataset, match=r"two films are called B_0002_1\.RIGHT_CC; keep one"):
        open_dataset(ddsm)


def test_a_redrawn_outline_has_another_digest(ddsm: Path) -> None:
    before = [f.digest for f in open_dataset(ddsm)]
    overlay = next(ddsm.rglob("*.OVERLAY"))
    overlay.write_text(overlay.read_text().replace("100 200", "110 200"))
    after = [f.digest for f in open_dataset(ddsm)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True, True]


def test_the_films_of_a_cbis_tree(tree: Path) -> None:
    calcification, mass = open_dataset(tree)
    assert (calcification.patient, mass.patient) == ("P_00002", "P_00001")
    assert (mass.facts["lesions"], mass.facts["density"], mass.facts["view"]) == ("mass", "3", "CC")
    assert [o.pathology for o in mass.film.read().outlines] == [Pathology.MALIGNANT, Pathology.BENIGN]
    with pytest.raises(UnreadableOutlines, match="mask of abnormality 1"):
        calcification.film.read()  # its mask does not fit: other tissue cannot be taken for free


def test_a_film_among_masses_and_calcifications_comes_once_with_both(
    tree: Path, write_dicom: Callable[..., Path]
) -> None:
    series, mask = "1.3.6.1.300.1", "1.3.6.1.300.2"
    said = row(
        "P_00001", "LEFT", "CC", 1, "calcification", series, mask, "N/A", "CLUSTERED", "4", "BENIGN", "2"
    )
    header = HEADERS["calc"]
    lines = ",".join(word.strip() for word in said)
    (tree / "calc_case_description_train_set.csv").write_text(f"{header}\n{lines}\n")
    pixels = np.random.default_rng(5).integers(0, 30000, (300, 160)).astype(np.uint16)
    write_dicom(pixels, tree / "CBIS-DDSM/f/1-1.dcm", SeriesInstanceUID=series)
    drawn = np.zeros((300, 160), np.uint8)
    drawn[200:220, 60:80] = 255
    write_dicom(drawn, tree / "CBIS-DDSM/f/1-2.dcm", SeriesInstanceUID=mask)
    films = [f for f in open_dataset(tree) if f.patient == "P_00001"]
    assert [f.facts["lesions"] for f in films] == ["calcification, mass"]
    kinds = [o.lesion_type for o in films[0].film.read().outlines]
    assert sorted(kinds) == [LesionType.CALCIFICATION, LesionType.MASS, LesionType.MASS]
    assert FILM in (tree / "mass_case_description_train_set.csv").read_text()


def test_an_asymmetry_of_mini_mias_is_no_mass(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "lesions.csv").write_text(
        "image,patient_id,tissue,abnormality,severity,column,row,radius\n"
        "mdb001.png,mias_001,D,ASYM,B,100,100,20\n"
        "mdb002.png,mias_001,D,NORM,,,,\n"
        "mdb003.png,mias_002,F,CALC,B,,,\n"
    )
    asymmetry, normal, unplaced = open_dataset(tmp_path)
    assert [f.facts.get("lesions") for f in (asymmetry, normal, unplaced)] == ["other", None, "calcification"]
    assert [f.normal for f in (asymmetry, normal, unplaced)] == [False, True, False]
    assert asymmetry.facts["density"] == "dense-glandular"
    assert "marked by" not in unplaced.facts


@pytest.mark.parametrize("layout", ["empty", "missing", "pictures"])
def test_another_layout_is_refused_in_one_sentence(tmp_path: Path, layout: str) -> None:
    folder = tmp_path / layout
    if layout != "missing":
        folder.mkdir()
    if layout == "pictures":
        cv2.imwrite(str(folder / "a.png"), np.zeros((9, 9), np.uint8))
    with pytest.raises(UnusableDataset, match=r"lesions\.csv, DDSM case folders .* CBIS-DDSM"):
        open_dataset(folder)


def test_films_of_one_name_in_a_table_are_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "lesions.csv").write_text(
        "image,patient_id,tissue,abnormality,severity,column,row,radius\n"
        "mdb001.png,mias_001,D,NORM,,,,\nMDB001.jpg,mias_001,D,NORM,,,,\n"
    )
    with pytest.raises(UnusableDataset, match="differ by case only"):
        open_dataset(tmp_path)


@pytest.mark.films
def test_the_real_cases_open_once_each(films: Path) -> None:
    opened = open_dataset(films / "ddsm/cases")
    assert len(opened) == 28  # seven cases of four films; the squashed copies of case4000 are none of them
    assert len({f.patient for f in opened}) == 7
    assert sum(bool(f.facts.get("lesions")) for f in opened) == 14
    assert not any(f.normal for f in opened)
