"""A table of annotated films is read whole, or refused in a sentence that names its row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mammoview.domain import Laterality, LesionType
from mammoview.errors import UnusableDataset
from mammoview.readers.annotated import DIGITISED, WITH_SYNTHETIC_LESIONS
from mammoview.readers.lesions_csv import open_dataset

CBIS = {
    "image": "a.jpg",
    "patient_id": "P_1",
    "laterality": "LEFT",
    "view": "CC",
    "x": "70",
    "y": "402",
    "width": "105",
    "height": "81",
    "pathology": "MALIGNANT",
    "birads": "4",
    "subtlety": "4",
    "density": "3",
    "mass_shape": "OVAL",
    "mass_margins": "SPICULATED",
    "rows": "4808",
    "columns": "3024",
    "um_per_pixel": "50.0",
    "digitizer": "LUMISYS LASER",
}
MIAS = {
    "image": "mdb001.png",
    "patient_id": "mias_001",
    "tissue": "G",
    "abnormality": "CIRC",
    "severity": "B",
    "column": "535",
    "row": "599",
    "radius": "197",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    return tmp_path


def written(folder: Path, *rows: dict[str, str]) -> Path:
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (folder / "lesions.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_lesions_of_one_film_come_together(folder: Path) -> None:
    (film,) = open_dataset(written(folder, CBIS, CBIS))
    assert film.film.laterality is Laterality.LEFT
    assert film.patient == "P_1"
    assert not film.normal


@pytest.mark.parametrize("usual", [CBIS, MIAS])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e300", "", "four"])
def test_a_place_or_extent_off_every_film_is_refused(folder: Path, usual: dict[str, str], value: str) -> None:
    for column in {"x", "y", "width", "height", "row", "column"} & set(usual):
        with pytest.raises(UnusableDataset, match=r"lesions\.csv, row 3: "):
            open_dataset(written(folder, usual, {**usual, column: value}))


@pytest.mark.parametrize(
    ("column", "value"),
    [("um_per_pixel", value) for value in ("0", "-50", "nan", "inf", "1e-3", "5000", "")]
    + [("rows", value) for value in ("0", "-4808", "1000000000", "9" * 5000, "4808.5")]
    + [("laterality", ""), ("laterality", "X"), ("view", "")],
)
def test_what_no_film_can_have_is_refused(folder: Path, column: str, value: str) -> None:
    with pytest.raises(UnusableDataset, match=r"lesions\.csv, row 3: "):
        open_dataset(written(folder, CBIS, {**CBIS, column: value}))


@pytest.mark.parametrize(
    "name", ["../outside.png", "{outside}", "deep/../../outside.png", "link.png", "a\0b.png"]
)
@pytest.mark.parametrize("usual", [CBIS, MIAS])
def test_a_picture_outside_images_is_refused(folder: Path, usual: dict[str, str], name: str) -> None:
    outside = folder / "outside.png"
    outside.write_bytes(b"of somebody else")
    (folder / "images" / "deep").mkdir()
    (folder / "images" / "link.png").symlink_to(outside)
    row = {**usual, "image": name.format(outside=outside)}
    with pytest.raises(UnusableDataset, match=r"row 3: .*leads out of images/") as raised:
        open_dataset(written(folder, usual, row))
    assert "\n" not in str(raised.value)


def test_pictures_may_lie_in_folders_of_images_and_images_may_be_a_link(folder: Path) -> None:
    (folder / "images").rmdir()
    (folder / "kept" / "deep").mkdir(parents=True)
    (folder / "images").symlink_to(folder / "kept")
    (folder / "kept" / "b.png").symlink_to(folder / "kept" / "deep" / "a.png")
    rows = [{**MIAS, "image": name} for name in ("deep/a.png", "b.png")]
    assert [film.film.source for film in open_dataset(written(folder, *rows))] == ["b", "a"]


@pytest.mark.parametrize("usual", [CBIS, MIAS])
@pytest.mark.parametrize("again", ["{image}", "./{image}", "link.png"])
def test_a_picture_of_two_patients_is_refused(folder: Path, usual: dict[str, str], again: str) -> None:
    (folder / "images" / "link.png").symlink_to(folder / "images" / usual["image"])
    row = {**usual, "patient_id": "somebody else", "image": again.format(image=usual["image"])}
    with pytest.raises(UnusableDataset, match=r"row 4: ") as raised:
        open_dataset(written(folder, usual, usual, row))
    for words in (Path(row["image"]).name, repr(usual["patient_id"]), "'somebody else'"):
        assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_short_row_is_refused(folder: Path) -> None:
    written(folder, CBIS)
    with (folder / "lesions.csv").open("a") as table:
        table.write("b.jpg,P_2\n")
    with pytest.raises(UnusableDataset, match="row 3: it has not as many fields"):
        open_dataset(folder)


@pytest.mark.parametrize(
    "more",
    ["Müller\n".encode("latin-1"), bytes(range(128, 256)) * 40, b"x" * 200_000],
    ids=["latin-1", "binary", "field"],
)
def test_a_file_that_is_no_csv_in_utf8_is_refused(folder: Path, more: bytes) -> None:
    written(folder, CBIS)
    with (folder / "lesions.csv").open("ab") as table:
        table.write(more)
    with pytest.raises(UnusableDataset, match=r"lesions\.csv: after row \d+ it cannot be read"):
        open_dataset(folder)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"image,patient_id\n"])
def test_a_table_without_films_is_refused(folder: Path, content: bytes) -> None:
    (folder / "lesions.csv").write_bytes(content)
    with pytest.raises(UnusableDataset, match="names no film"):
        open_dataset(folder)


def test_a_missing_column_is_named(folder: Path) -> None:
    with pytest.raises(UnusableDataset, match="row 2: the column 'digitizer' is missing"):
        open_dataset(written(folder, {name: text for name, text in CBIS.items() if name != "digitizer"}))


MORE = {"abnormality_type": "mass", "calc_type": "", "calc_distribution": "", "synthetic": ""}
CALCIFICATION = CBIS | {
    "mass_shape": "",
    "mass_margins": "",
    "abnormality_type": "calcification",
    "calc_type": "PLEOMORPHIC",
    "calc_distribution": "CLUSTERED",
    "synthetic": "",
}
NORMAL = dict.fromkeys({**CBIS, **MORE}, "") | {
    "image": "n.png",
    "patient_id": "P_2",
    "laterality": "RIGHT",
    "view": "MLO",
    "rows": "300",
    "columns": "200",
    "um_per_pixel": "100",
    "abnormality_type": "none",
}


def drawn_film(folder: Path, name: str) -> None:
    Image.fromarray(np.arange(60_000, dtype=np.uint32).reshape(300, 200).astype(np.uint8)).save(
        folder / "images" / name
    )


def test_a_calcification_is_told_from_a_mass(folder: Path) -> None:
    drawn_film(folder, "a.jpg")
    (film,) = open_dataset(written(folder, CBIS | MORE, CALCIFICATION))
    assert film.facts["lesions"] == "calcification, mass"
    assert film.facts["marked by"] == "boxes"
    mass, cluster = film.film.read().outlines
    assert (mass.lesion_type, mass.description) == (LesionType.MASS, "OVAL SPICULATED")
    assert (cluster.lesion_type, cluster.description) == (LesionType.CALCIFICATION, "PLEOMORPHIC CLUSTERED")


def test_a_table_that_does_not_tell_the_type_holds_masses(folder: Path) -> None:
    (film,) = open_dataset(written(folder, CBIS))
    assert film.facts["lesions"] == "mass"


def test_a_film_stated_to_have_no_lesion_is_normal(folder: Path) -> None:
    drawn_film(folder, "n.png")
    _, film = open_dataset(written(folder, CBIS | MORE, NORMAL))
    assert film.normal
    assert film.facts["kind"] == DIGITISED
    assert "lesions" not in film.facts
    assert "marked by" not in film.facts
    assert not film.film.read().outlines
    with pytest.raises(UnusableDataset, match="row 3"):
        open_dataset(written(folder, CBIS | MORE, NORMAL | {"abnormality_type": ""}))


def test_a_type_that_is_not_known_is_refused(folder: Path) -> None:
    with pytest.raises(UnusableDataset, match=r"row 3: .*cyst"):
        open_dataset(written(folder, CBIS | MORE, CBIS | MORE | {"abnormality_type": "cyst"}))


def test_a_film_with_synthetic_lesions_says_so(folder: Path) -> None:
    drawn_film(folder, "a.jpg")
    (film,) = open_dataset(written(folder, CBIS | MORE | {"synthetic": "synthetic lesions put into it"}))
    assert film.facts["kind"] == WITH_SYNTHETIC_LESIONS
    assert film.facts["marked by"] == "boxes of synthetic lesions"
    assert film.film.read().synthetic
    assert film.film.read().facts["synthetic"] == "synthetic lesions put into it"
