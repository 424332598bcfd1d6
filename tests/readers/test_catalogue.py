"""What the list says of a case is what its reader finds in it, and no pixel is decoded for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mammoview.domain import Given, LesionType, Pathology
from mammoview.errors import UnreadableScan
from mammoview.phantom import write_case
from mammoview.readers import dicom, dicom_pixels
from mammoview.readers.catalogue import CaseFacts, worst
from mammoview.ui.library import Library

STUDY, OTHER_STUDY = "1.2.3.4.1", "1.2.3.4.2"
ICS = """ics_version 1.0
filename A-0001-1
DENSITY 2
DIGITIZER LUMISYS LASER
LEFT_CC LINES 600 PIXELS_PER_LINE 400 BITS_PER_PIXEL 12 RESOLUTION 50 OVERLAY
RIGHT_CC LINES 600 PIXELS_PER_LINE 400 BITS_PER_PIXEL 12 RESOLUTION 50 NON_OVERLAY
"""
OVERLAY = """TOTAL_ABNORMALITIES 1
ABNORMALITY 1
LESION_TYPE CALCIFICATION TYPE PLEOMORPHIC DISTRIBUTION CLUSTERED
ASSESSMENT 4
SUBTLETY 3
PATHOLOGY MALIGNANT
TOTAL_OUTLINES 1
BOUNDARY
100 100 2 2 2 4 4 4 6 6 6 0 0 0 #
"""


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:60, :40]
    Image.fromarray((np.hypot(rows - 30, columns) < 25).astype(np.uint8) * 150).save(path)
    return path


def sidecar(film: Path, **said: object) -> None:
    film.with_suffix(".json").write_text(json.dumps(said))


def ddsm_folder(folder: Path) -> Path:
    """Two views as pictures, one with a calcification that was called suspicious."""
    for view in ("LEFT_CC", "RIGHT_CC"):
        picture(folder / f"A_0001_1.{view}.png")
    (folder / "A-0001-1.ics").write_text(ICS)
    (folder / "A_0001_1.LEFT_CC.OVERLAY").write_text(OVERLAY)
    return folder


def found(root: Path) -> dict[str, CaseFacts]:
    return {case.name: case.facts() for case in Library(root).cases()}


def opened(root: Path, name: str) -> list[str]:
    case = next(case for case in Library(root).cases() if case.name == name)
    return [film.label for film in case.films(Given())]


@pytest.mark.parametrize(
    ("assessments", "expected"),
    [((2, 4, 3), 4), ((0, 3), 0), ((0, 4), 4), ((1,), 1), ((), None), ((9,), None)],
)
def test_a_call_for_more_pictures_is_worse_than_probably_benign(
    assessments: tuple[int, ...], expected: int | None
) -> None:
    assert worst(assessments) == expected


def test_a_ddsm_case_is_told_by_its_ics_and_overlays_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ddsm_folder(tmp_path / "vol" / "case0001")
    monkeypatch.setattr(Image, "open", None)  # nobody may decode a picture
    assert found(tmp_path) == {
        "vol/case0001": CaseFacts(("RCC", "LCC"), (LesionType.CALCIFICATION,), 4, "2", (Pathology.MALIGNANT,))
    }


def test_the_list_says_of_the_phantom_what_its_films_say_when_they_are_read(tmp_path: Path) -> None:
    write_case(tmp_path / "case", seed=7)
    (case,) = Library(tmp_path).cases()
    facts, films = case.facts(), [film.read() for film in case.films(Given())]
    lines = [line for film in films for line in film.outlines]
    assert facts.views == tuple(f"{film.laterality}{film.view}" for film in films)
    assert set(facts.lesions) == {line.lesion_type for line in lines}
    assert set(facts.pathologies) == {line.pathology for line in lines if line.pathology}
    assert facts.density == films[0].facts["Density"]
    assert facts.doubt == ""


def test_a_damaged_overlay_costs_the_lesions_and_says_so(tmp_path: Path) -> None:
    folder = ddsm_folder(tmp_path / "case")
    (folder / "A_0001_1.LEFT_CC.OVERLAY").write_bytes(b"\xff" * 400)
    (facts,) = found(tmp_path).values()
    assert facts.lesions == ()
    assert facts.views == ("RCC", "LCC")
    assert "A_0001_1.LEFT_CC.OVERLAY" in facts.doubt


def test_an_overlay_that_is_a_link_out_of_the_root_is_not_read(tmp_path: Path) -> None:
    folder = ddsm_folder(tmp_path / "root" / "case")
    overlay = folder / "A_0001_1.LEFT_CC.OVERLAY"
    overlay.rename(tmp_path / "outside.OVERLAY")
    overlay.symlink_to(tmp_path / "outside.OVERLAY")
    (case,) = Library(tmp_path / "root").cases()
    for attempt in (case.facts, lambda: case.films(Given())):
        with pytest.raises(UnreadableScan, match="leads out"):
            attempt()


def test_films_whose_names_differ_in_side_and_view_only_open_together(tmp_path: Path) -> None:
    for name in ("smith_RCC.png", "smith_L-MLO.png", "jones_LEFT_CC.png", "loose.png"):
        picture(tmp_path / name)
    assert {name: facts.views for name, facts in found(tmp_path).items()} == {
        "jones_LEFT_CC.png": ("LCC",),
        "loose.png": ("?",),
        "smith": ("RCC", "LMLO"),
    }
    assert opened(tmp_path, "smith") == ["RCC", "LMLO"]


def test_sidecars_that_give_each_film_of_a_folder_another_view_make_it_a_case(tmp_path: Path) -> None:
    for name, side, view in (("1", "L", "CC"), ("2", "R", "CC"), ("3", "L", "MLO")):
        sidecar(picture(tmp_path / "woman" / f"{name}.png"), laterality=side, view=view)
    assert {name: facts.views for name, facts in found(tmp_path).items()} == {"woman": ("RCC", "LCC", "LMLO")}
    assert opened(tmp_path, "woman") == ["RCC", "LCC", "LMLO"]


def test_two_films_of_one_view_are_no_case(tmp_path: Path) -> None:
    for name in ("1", "2"):
        sidecar(picture(tmp_path / "women" / f"{name}.png"), laterality="L", view="CC")
    assert list(found(tmp_path)) == ["women/1.png", "women/2.png"]


def test_a_sidecars_outlines_are_told(tmp_path: Path) -> None:
    film = picture(tmp_path / "film.png")
    (tmp_path / "film.OVERLAY").write_text(OVERLAY)
    sidecar(film, laterality="L", view="CC", outlines="film.OVERLAY")
    (facts,) = found(tmp_path).values()
    assert facts.lesions == (LesionType.CALCIFICATION,)


def test_dicom_files_of_one_study_open_together_wherever_they_lie(
    tmp_path: Path, write_dicom: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.arange(64, dtype=np.uint16).reshape(8, 8)
    for number, (study, side) in enumerate([(STUDY, "L"), (STUDY, "R"), (OTHER_STUDY, "L")]):
        write_dicom(
            grey,
            tmp_path / f"archive/{study}/series{number}/1.dcm",
            StudyInstanceUID=study,
            ImageLaterality=side,
            ViewPosition="CC",
        )
    monkeypatch.setattr(dicom_pixels, "read_stored", None)  # nobody may decode a picture
    assert {name: facts.views for name, facts in found(tmp_path).items()} == {
        f"archive/{STUDY}": ("RCC", "LCC"),
        f"archive/{OTHER_STUDY}/series2/1.dcm": ("LCC",),
    }
    assert opened(tmp_path, f"archive/{STUDY}") == ["RCC", "LCC"]


def test_a_header_is_read_again_only_where_its_file_changed(
    tmp_path: Path, write_dicom: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.arange(64, dtype=np.uint16).reshape(8, 8)
    for number in range(2):
        write_dicom(grey, tmp_path / f"{number}.dcm", StudyInstanceUID=STUDY, SOPInstanceUID=f"1.2.{number}")
    (tmp_path / "damaged.dcm").write_bytes(bytes(128) + b"DICM" + b"\xff" * 50)
    read: list[str] = []
    with_study = dicom.with_study

    def noted(path: Path, given: Given) -> object:
        read.append(path.name)
        return with_study(path, given)

    monkeypatch.setattr(dicom, "with_study", noted)
    here = Library(tmp_path)
    first = [case.name for case in here.cases()]
    assert sorted(read) == ["0.dcm", "1.dcm", "damaged.dcm"]
    read.clear()
    assert [case.name for case in here.cases()] == first
    assert read == []
    write_dicom(grey, tmp_path / "1.dcm", StudyInstanceUID=OTHER_STUDY, SOPInstanceUID="1.2.11")
    assert [case.name for case in here.cases()] == ["0.dcm", "1.dcm", "damaged.dcm"]
    assert read == ["1.dcm"]


def test_two_patients_never_share_a_case_though_their_study_has_one_number(
    tmp_path: Path, write_dicom: Callable[..., Path]
) -> None:
    grey = np.arange(64, dtype=np.uint16).reshape(8, 8)
    for number, patient in enumerate(("PAT-1", "PAT-2")):
        write_dicom(grey, tmp_path / f"{number}.dcm", StudyInstanceUID=STUDY, PatientID=patient)
    assert list(found(tmp_path)) == ["0.dcm", "1.dcm"]


def test_neither_name_nor_number_of_a_dicom_patient_is_told(
    tmp_path: Path, write_dicom: Callable[..., Path]
) -> None:
    grey = np.arange(64, dtype=np.uint16).reshape(8, 8)
    for number, side in enumerate("LR"):
        write_dicom(grey, tmp_path / f"{number}.dcm", StudyInstanceUID=STUDY, ImageLaterality=side)
    said = repr(found(tmp_path))
    assert "Muster" not in said
    assert "4711" not in said


def test_a_dicom_file_of_any_name_opens(tmp_path: Path, write_dicom: Callable[..., Path]) -> None:
    grey = np.arange(400, dtype=np.uint16).reshape(20, 20)
    write_dicom(grey, tmp_path / "plain.dcm", SOPInstanceUID="")
    (tmp_path / "plain.dcm").rename(tmp_path / os.fsdecode(b"\xff.dcm"))
    (case,) = Library(tmp_path).cases()
    assert case.facts().doubt == ""
    (film,) = case.films(Given())
    assert film.read().source.startswith("DICOM-")


def test_a_table_of_lesions_gives_one_case_for_each_patient(tmp_path: Path) -> None:
    header = (
        "image,patient_id,laterality,view,x,y,width,height,pathology,birads,subtlety,density,mass_shape,"
        "mass_margins,rows,columns,um_per_pixel,digitizer"
    )
    rows = [
        "a.png,P_1,LEFT,CC,70,40,10,8,MALIGNANT,5,4,3,OVAL,SPICULATED,4808,3024,50.0,LUMISYS LASER",
        "b.png,P_1,RIGHT,CC,70,40,10,8,BENIGN,2,4,3,OVAL,SPICULATED,4808,3024,50.0,LUMISYS LASER",
        "c.png,P_2,LEFT,MLO,70,40,10,8,BENIGN,3,4,1,OVAL,SPICULATED,4808,3024,50.0,LUMISYS LASER",
    ]
    for name in ("a.png", "b.png", "c.png", "not_in_the_table.png"):
        picture(tmp_path / "set" / "images" / name)
    (tmp_path / "set" / "lesions.csv").write_text("\n".join([header, *rows]) + "\n")
    facts = found(tmp_path)
    assert facts["set/P_1"] == CaseFacts(
        ("RCC", "LCC"), (LesionType.MASS,), 5, "3", (Pathology.BENIGN, Pathology.MALIGNANT)
    )
    assert list(facts) == ["set/images/not_in_the_table.png", "set/P_1", "set/P_2"]
    assert opened(tmp_path, "set/P_1") == ["RCC", "LCC"]


def test_a_table_that_cannot_be_used_leaves_its_films_and_says_why(tmp_path: Path) -> None:
    picture(tmp_path / "set" / "images" / "a_LCC.png")
    (tmp_path / "set" / "lesions.csv").write_text("image,patient_id\na_LCC.png,P_1\n")
    facts = found(tmp_path)
    assert list(facts) == ["set/images/a_LCC.png"]
    assert facts["set/images/a_LCC.png"].doubt.startswith("lesions.csv, row 2")
    assert str(tmp_path) not in facts["set/images/a_LCC.png"].doubt


def test_a_table_that_is_a_link_out_of_the_root_is_not_read(tmp_path: Path) -> None:
    picture(tmp_path / "root" / "images" / "a.png")
    (tmp_path / "outside.csv").write_text("image,patient_id\na.png,P_1\n")
    (tmp_path / "root" / "lesions.csv").symlink_to(tmp_path / "outside.csv")
    assert list(found(tmp_path / "root")) == ["images/a.png"]


def test_pictures_of_a_table_that_lie_behind_a_link_out_of_the_root_are_not_listed(tmp_path: Path) -> None:
    picture(tmp_path / "outside" / "mdb001.png")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "images").symlink_to(tmp_path / "outside", target_is_directory=True)
    table = "image,patient_id,tissue,abnormality,severity,column,row,radius\nmdb001.png,m_1,G,NORM,,,,\n"
    (tmp_path / "root" / "lesions.csv").write_text(table)
    assert found(tmp_path / "root") == {}


@pytest.mark.films
def test_the_list_says_of_genuine_cases_what_their_films_say_when_they_are_read(films: Path) -> None:
    cases = Library(films / "ddsm" / "cases").cases()
    assert len(cases) == 7
    for case in (case for case in cases if case.name in ("C_0029", "C_0236", "case4000")):
        facts = case.facts()
        lines = [line for film in case.films(Given()) for line in film.read().outlines]
        assert len(facts.views) == 4
        assert set(facts.lesions) == {line.lesion_type for line in lines}, case.name
        assert set(facts.pathologies) == {line.pathology for line in lines if line.pathology}, case.name
        assert facts.birads == worst(line.birads for line in lines if line.birads is not None), case.name


@pytest.mark.films
def test_a_patient_of_a_genuine_table_opens_with_her_films_and_boxes(films: Path) -> None:
    (case,) = (case for case in Library(films / "cbis-ddsm-mass").cases() if case.name == "P_00021")
    assert case.facts().views == ("RCC", "LCC", "RMLO", "LMLO")
    read = [film.read() for film in case.films(Given())]
    assert all(film.outlines for film in read)
    assert {line.lesion_type for film in read for line in film.outlines} == set(case.facts().lesions)
