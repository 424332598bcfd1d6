"""A DDSM case opens as a radiologist hangs it, its outlines on the lesions, whatever its files lack."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given as every
from hypothesis import settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mammoview.domain import Given, Laterality, LesionType, Pathology, View
from mammoview.errors import TruncatedScan, UnreadableOutlines, UnreadableScan
from mammoview.readers import ddsm, ddsm_sheet
from mammoview.readers.ddsm_ics import read_ics
from mammoview.readers.ljpeg import FirstRow, encode
from mammoview.readers.optical_density import digitiser_of, to_pixels
from mammoview.readers.overlay import read_annotation, read_overlay

ROWS, COLUMNS = 120, 80
VIEWS = ("LEFT_CC", "LEFT_MLO", "RIGHT_CC", "RIGHT_MLO")
ICS = """
ics_version 1.0
filename C-0001-1
DATE_OF_STUDY 2 3 1993
PATIENT_AGE 66
FILM
FILM_TYPE REGULAR
DENSITY 3
DATE_DIGITIZED 9 10 1997
DIGITIZER LUMISYS LASER
SEQUENCE
LEFT_CC LINES 120 PIXELS_PER_LINE 80 BITS_PER_PIXEL 12 RESOLUTION 50 OVERLAY
LEFT_MLO LINES 120 PIXELS_PER_LINE 80 BITS_PER_PIXEL 12 RESOLUTION 50 NON_OVERLAY
RIGHT_CC LINES 120 PIXELS_PER_LINE 80 BITS_PER_PIXEL 12 RESOLUTION 50 NON_OVERLAY
RIGHT_MLO LINES 120 PIXELS_PER_LINE 80 BITS_PER_PIXEL 12 RESOLUTION 50 NON_OVERLAY
"""
# From column 20, row 40: ten steps east, eight south, ten west, eight north.
RECTANGLE = f"20 40 {'2 ' * 10}{'4 ' * 8}{'6 ' * 10}{'0 ' * 8}#"
CORNERS = [(40, 20), (40, 30), (48, 30), (48, 20)]
OVERLAY = f"""TOTAL_ABNORMALITIES 1
ABNORMALITY 1
LESION_TYPE MASS SHAPE OVAL MARGINS ILL_DEFINED
ASSESSMENT 4
SUBTLETY 3
PATHOLOGY MALIGNANT
TOTAL_OUTLINES 1
BOUNDARY
{RECTANGLE}
"""


def grey_levels(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (np.linspace(3000, 300, COLUMNS) + rng.normal(0, 5, (ROWS, COLUMNS))).astype(np.uint16)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    folder = tmp_path / "case0001"
    folder.mkdir()
    (folder / "C-0001-1.ics").write_text(ICS)
    (folder / "C_0001_1.LEFT_CC.OVERLAY").write_text(OVERLAY)
    for number, view in enumerate(VIEWS):
        (folder / f"C_0001_1.{view}.LJPEG").write_bytes(encode(grey_levels(number), 12, 7))
    return folder


def left_cc(case: Path) -> Path:
    return case / "C_0001_1.LEFT_CC.LJPEG"


def read_one(path: Path, given: Given = Given()):  # noqa: B008
    (film,) = ddsm.open_case(path, given)
    return film.read()


def rewrite_ics(case: Path, old: str, new: str) -> None:
    assert old in ICS
    (case / "C-0001-1.ics").write_text(ICS.replace(old, new))


# --- optical density ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "letter", "level", "density"),
    [
        ("LUMISYS LASER", "C", 3088, 1.0),
        ("LUMISYS", "B", 61, 4.0),
        ("HOWTEK 43.5", "A", 0, 3.789),
        ("HOWTEK 43.5", "D", 0, 3.966),
        ("DBA 21", "A", 64064, 0.0),
        ("DBA 21", "A", 1, 3.909),
        ("LUMISYS LASER", "C", 4095, 0.002),
    ],
)
def test_grey_levels_become_the_density_that_the_scanner_was_calibrated_to(name, letter, level, density):
    pixels = to_pixels(np.array([[level]], np.uint16), digitiser_of(name, letter, 12))
    assert_allclose(4 - pixels / 16_000, density, atol=1e-3)


@pytest.mark.parametrize("name", ["DBA 21", "HOWTEK 43.5", "LUMISYS LASER_DENSOTOMETER"])
def test_denser_tissue_is_never_darker(name):
    pixels = to_pixels(np.arange(1 << 16, dtype=np.uint16)[None], digitiser_of(name, "A", 16))
    assert (np.diff(pixels[0].astype(int)) >= 0).all()


def test_the_two_scanners_of_one_hospital_are_told_apart_by_their_bits():
    assert digitiser_of("", "A", 16).microns == 42
    assert digitiser_of("", "A", 12).microns == 43.5


# --- the case ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [".", "C-0001-1.ics"])
def test_a_case_opens_with_its_four_views_in_hanging_order(case, path):
    assert ddsm.recognises(case / path)
    films = ddsm.open_case(case / path)
    assert [(film.laterality, film.view) for film in films] == [
        ("R", "CC"),
        ("L", "CC"),
        ("R", "MLO"),
        ("L", "MLO"),
    ]
    assert [film.source for film in films][1] == "C_0001_1.LEFT_CC"


def test_a_film_carries_density_spacing_outline_and_facts_but_no_dates(case):
    mammogram = read_one(left_cc(case))
    expected = np.rint((4 - ((grey_levels(0) - 4096.99) / -1009.01).clip(0, 4)) * 16_000)
    assert_array_equal(mammogram.pixels, expected)
    assert mammogram.spacing_mm == (0.05, 0.05)
    assert mammogram.facts == {
        "Density": "3",
        "Digitiser": "LUMISYS LASER",
        "Film type": "REGULAR",
        "Age": "66",
    }
    assert mammogram.warnings == ()
    assert not mammogram.synthetic
    (outline,) = mammogram.outlines
    assert_array_equal(outline.vertices, CORNERS)
    assert (outline.lesion_type, outline.description) == (LesionType.MASS, "oval, ill defined")
    assert (outline.birads, outline.subtlety, outline.pathology) == (4, 3, Pathology.MALIGNANT)


def test_nothing_is_decoded_before_a_film_is_read(case):
    left_cc(case).write_bytes(b"nothing of a film")
    (film,) = ddsm.open_case(left_cc(case))
    with pytest.raises(UnreadableScan):
        film.read()


def test_an_age_above_89_is_not_told(case):
    rewrite_ics(case, "PATIENT_AGE 66", "PATIENT_AGE 93")
    assert read_one(left_cc(case)).facts["Age"] == "90 or over"


def test_a_synthetic_case_says_so(case):
    rewrite_ics(case, "SEQUENCE", "SYNTHETIC Mammoview phantom, seed 7\nSEQUENCE")
    assert all(film.read().synthetic for film in ddsm.open_case(case))


def test_a_side_and_view_choose_among_the_films_of_a_case(case):
    (film,) = ddsm.open_case(case, Given(laterality=Laterality.RIGHT, view=View.MLO))
    assert film.source == "C_0001_1.RIGHT_MLO"


def test_an_overlay_opens_the_film_it_was_drawn_on(case):
    assert read_one(case / "C_0001_1.LEFT_CC.OVERLAY").source == "C_0001_1.LEFT_CC"


def test_views_are_found_wherever_they_stand_and_however_they_are_written(tmp_path):
    ics = tmp_path / "B-3000-1.ics"
    ics.write_text(
        "  digitizer lumisys\r\nright_mlo LINES  10 PIXELS_PER_LINE 20\r\n\r\nselected Left_CC lines 30\r\n"
        " pixels_per_line 40 bits_per_pixel 12 resolution 43.5 overlay LEFT_MLO LINES PIXELS_PER_LINE 7"
        " RESOLUTION 0\r\n"
    )
    films = read_ics(ics).films
    assert films[Laterality.RIGHT, View.MLO].size == (10, 20)
    assert films[Laterality.RIGHT, View.MLO].overlay is None
    assert films[Laterality.LEFT, View.CC].size == (30, 40)
    assert (films[Laterality.LEFT, View.CC].microns, films[Laterality.LEFT, View.CC].overlay) == (43.5, True)
    assert films[Laterality.LEFT, View.MLO].size is None
    assert films[Laterality.LEFT, View.MLO].microns is None


def test_a_calendar_is_not_a_case(tmp_path):
    calendar = tmp_path / "meeting.ics"
    calendar.write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    with pytest.raises(UnreadableScan, match=r"meeting\.ics"):
        ddsm.open_case(calendar)


# --- films that are not as the case describes them ------------------------------------------------


def test_a_header_with_its_sides_exchanged_is_read_as_the_ics_has_it(case):
    left_cc(case).write_bytes(encode(grey_levels(0).reshape(COLUMNS, ROWS), 12, 7))
    mammogram = read_one(left_cc(case))
    assert mammogram.pixels.shape == (ROWS, COLUMNS)
    assert (np.diff(mammogram.pixels.mean(axis=0))[:50] < 0).all()
    (warning,) = mammogram.warnings
    assert "C_0001_1.LEFT_CC.LJPEG" in warning


def test_a_film_of_another_size_than_the_case_says_is_refused(case):
    left_cc(case).write_bytes(encode(grey_levels(0)[1:], 12, 7))
    with pytest.raises(UnreadableScan, match=r"C_0001_1\.LEFT_CC\.LJPEG.*119 × 80"):
        read_one(left_cc(case))


def test_a_truncated_film_is_refused_and_its_part_is_shown_on_request(case):
    left_cc(case).write_bytes(left_cc(case).read_bytes()[:-4000])
    with pytest.raises(TruncatedScan, match="cut off after"):
        read_one(left_cc(case))
    part = read_one(left_cc(case), Given(partial=True))
    assert part.pixels.shape == (ROWS, COLUMNS)
    assert not part.pixels[-10:].any()
    assert "the rest is shown as air" in part.warnings[0]


def test_a_film_by_the_jpeg_standard_opens_when_the_reader_says_so(case):
    expected = read_one(left_cc(case)).pixels
    left_cc(case).write_bytes(encode(grey_levels(0), 12, 7, FirstRow.STANDARD))
    assert any("not smooth" in warning for warning in read_one(left_cc(case)).warnings)
    assert_array_equal(read_one(left_cc(case), Given(standard_ljpeg=True)).pixels, expected)


def test_a_gzipped_film_opens_as_it_is(case):
    expected = read_one(left_cc(case)).pixels
    packed = case / "C_0001_1.LEFT_CC.LJPEG.gz"
    packed.write_bytes(gzip.compress(left_cc(case).read_bytes()))
    left_cc(case).unlink()
    assert ddsm.recognises(packed)
    assert_array_equal(ddsm.open_case(case)[1].read().pixels, expected)


def test_a_film_without_its_ics_is_read_by_its_name_and_says_what_was_taken(case):
    (case / "C-0001-1.ics").unlink()
    expected = np.rint((4 - ((grey_levels(0) - 4096.99) / -1009.01).clip(0, 4)) * 16_000)
    mammogram = read_one(left_cc(case))
    assert_array_equal(mammogram.pixels, expected)
    assert mammogram.spacing_mm == (0.05, 0.05)
    assert len(mammogram.outlines) == 1
    assert len([warning for warning in mammogram.warnings if "LUMISYS" in warning]) == 2
    assert len(ddsm.open_case(case)) == 4


@pytest.mark.parametrize(("bits", "microns"), [(12, 43.5), (16, 42)])
def test_density_and_spacing_of_a_lone_film_are_those_of_one_scanner(tmp_path, bits, microns):
    film = tmp_path / "A_0002_1.RIGHT_CC.LJPEG"
    film.write_bytes(encode(grey_levels(0), bits, 7))
    mammogram = read_one(film)
    assert_allclose(mammogram.spacing_mm, (microns / 1000, microns / 1000))
    expected = to_pixels(grey_levels(0), digitiser_of("", "A", bits))
    assert_array_equal(mammogram.pixels, expected)


def test_a_missing_resolution_is_taken_from_the_other_films_with_a_warning(case):
    rewrite_ics(case, "RESOLUTION 50 OVERLAY", "RESOLUTION OVERLAY")
    mammogram = read_one(left_cc(case))
    assert mammogram.spacing_mm == (0.05, 0.05)
    assert "C-0001-1.ics" in mammogram.warnings[0]


def test_the_readers_spacing_wins(case):
    assert read_one(left_cc(case), Given(spacing_mm=0.07)).spacing_mm == (0.07, 0.07)


def test_a_case_without_films_says_what_to_do(case):
    for film in case.glob("*.LJPEG"):
        film.unlink()
    with pytest.raises(UnreadableScan, match="put the films"):
        ddsm.open_case(case)


def test_a_folder_of_several_cases_asks_for_one(case):
    (case / "C-0002-1.ics").write_text(ICS.replace("0001", "0002"))
    with pytest.raises(UnreadableScan, match="2 cases"):
        ddsm.open_case(case)
    assert len(ddsm.open_case(case / "C-0001-1.ics")) == 4


# --- conversions ---------------------------------------------------------------------------------


@pytest.fixture
def half_size(case: Path) -> Path:
    for number, view in enumerate(VIEWS):
        (case / f"C_0001_1.{view}.LJPEG").unlink()
        picture = (grey_levels(number) >> 4).astype(np.uint8)
        cv2.imwrite(str(case / f"C_0001_1.{view}.png"), cv2.resize(picture, (COLUMNS // 2, ROWS // 2)))
    return case


def test_a_conversion_at_half_size_keeps_its_values_and_brings_outline_and_spacing_along(half_size):
    mammogram = ddsm.open_case(half_size)[1].read()
    assert_array_equal(
        mammogram.pixels, cv2.imread(str(half_size / "C_0001_1.LEFT_CC.png"), cv2.IMREAD_UNCHANGED)
    )
    assert mammogram.spacing_mm == (0.1, 0.1)
    assert_allclose(mammogram.outlines[0].vertices, (np.array(CORNERS) + 0.5) / 2 - 0.5)
    assert_allclose(mammogram.outlines[0].area(), 8 * 10 / 4)
    assert mammogram.warnings == ()


def test_each_axis_of_a_squashed_conversion_is_scaled_on_its_own(half_size):
    picture = (grey_levels(0) >> 4).astype(np.uint8)
    cv2.imwrite(str(half_size / "C_0001_1.LEFT_CC.png"), cv2.resize(picture, (40, 40)))
    mammogram = read_one(half_size / "C_0001_1.LEFT_CC.png")
    assert_allclose(mammogram.spacing_mm, (0.15, 0.1))
    assert_allclose(mammogram.outlines[0].vertices, (np.array(CORNERS) + 0.5) / (3, 2) - 0.5)
    assert "not in proportion" in mammogram.warnings[0]


def test_a_conversion_given_its_true_size_is_brought_to_it(half_size):
    mammogram = read_one(half_size / "C_0001_1.LEFT_CC.png", Given(as_size=(ROWS, COLUMNS)))
    assert mammogram.pixels.shape == (ROWS, COLUMNS)
    assert (mammogram.spacing_mm, mammogram.sampling_mm) == ((0.05, 0.05), (0.1, 0.1))
    assert_array_equal(mammogram.outlines[0].vertices, CORNERS)


def test_rows_and_columns_exchanged_in_the_ics_are_told_by_the_picture(half_size):
    rewrite_ics(
        half_size,
        "LEFT_CC LINES 120 PIXELS_PER_LINE 80",
        "LEFT_CC LINES 80 PIXELS_PER_LINE 120",
    )
    mammogram = read_one(half_size / "C_0001_1.LEFT_CC.png")
    assert mammogram.spacing_mm == (0.1, 0.1)
    assert "exchanged" in mammogram.warnings[0]


def test_an_original_goes_before_its_conversion_unless_that_is_opened_itself(case):
    cv2.imwrite(str(case / "C_0001_1.LEFT_CC.png"), (grey_levels(0) >> 4).astype(np.uint8))
    assert ddsm.open_case(case)[1].read().pixels.max() > 255
    assert read_one(case / "C_0001_1.LEFT_CC.png").pixels.max() <= 255


def test_pictures_of_other_names_are_not_films_of_the_case(half_size):
    for name in ("CBIS_P_00687_LEFT_CC.jpg", "C_0001_1.LEFT_CC_mask.png"):
        cv2.imwrite(str(half_size / name), np.eye(50, dtype=np.uint8) * 255)
        assert not ddsm.recognises(half_size / name)
    assert [film.read().pixels.shape for film in ddsm.open_case(half_size)] == [(60, 40)] * 4


def test_a_picture_without_an_ics_beside_it_is_left_to_others(tmp_path):
    assert not ddsm.recognises(tmp_path / "A_0018_1.LEFT_CC.jpg")


# --- outlines ------------------------------------------------------------------------------------


def overlay_text(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "C_0001_1.LEFT_CC.OVERLAY"
    path.write_text(text)
    return path


@every(st.lists(st.integers(0, 7), min_size=3, max_size=60), st.integers(0, 5000), st.integers(0, 5000))
@settings(deadline=None)
def test_an_outline_passes_through_the_pixels_of_its_chain(tmp_path_factory, codes, column, row):
    steps = {0: (-1, 0), 1: (-1, 1), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (1, -1), 6: (0, -1), 7: (-1, -1)}
    points = [(row, column)]
    for code in codes:
        points.append((points[-1][0] + steps[code][0], points[-1][1] + steps[code][1]))
    path = overlay_text(
        tmp_path_factory.mktemp("overlay"),
        f"ABNORMALITY 1\nBOUNDARY\n{column} {row} {' '.join(map(str, codes))} #",
    )
    try:
        (outline,) = ddsm.read_overlay(path)
    except UnreadableOutlines:
        assert (
            len({tuple(np.subtract(b, a)) for a, b in zip(points, points[1:] + points[:1], strict=True)}) < 4
        )
        return
    assert outline.box() == (*np.min(points, axis=0), *np.max(points, axis=0))
    assert {tuple(vertex) for vertex in outline.vertices.tolist()} <= set(points)


def test_cores_and_two_lesion_types_are_told_apart(tmp_path):
    path = overlay_text(
        tmp_path,
        "TOTAL_ABNORMALITIES 1\nABNORMALITY 1\n"
        "LESION_TYPE CALCIFICATION TYPE PLEOMORPHIC DISTRIBUTION CLUSTERED\n"
        "LESION_TYPE MASS SHAPE IRREGULAR MARGINS ILL_DEFINED\nASSESSMENT \nSUBTLETY 9\n"
        "PATHOLOGY BENIGN_WITHOUT_CALLBACK\nTOTAL_OUTLINES 2\n"
        f"BOUNDARY\n{RECTANGLE}\n\tCORE\n 22 42 2 2 4 4 6 6 0 0 #\n",
    )
    boundary, core = ddsm.read_overlay(path)
    assert (boundary.core, core.core) == (False, True)
    assert core.box() == (42, 22, 44, 24)
    assert boundary.lesion_type is LesionType.CALCIFICATION
    assert boundary.description == "pleomorphic, clustered; mass irregular, ill defined"
    assert (boundary.birads, boundary.subtlety) == (None, None)
    assert boundary.pathology is Pathology.BENIGN_WITHOUT_CALLBACK


def test_more_outlines_promised_than_drawn_are_warned_of(case):
    overlay_text(case, OVERLAY.replace("TOTAL_OUTLINES 1", "TOTAL_OUTLINES 3"))
    mammogram = read_one(left_cc(case))
    assert len(mammogram.outlines) == 1
    assert mammogram.warnings == ("C_0001_1.LEFT_CC.OVERLAY: abnormality 1 promises 3 outlines and has 1",)


def test_an_outline_that_leaves_the_film_is_cut_at_its_edge(case):
    overlay_text(case, OVERLAY.replace("20 40 ", "73 40 "))
    mammogram = read_one(left_cc(case))
    assert mammogram.outlines[0].box() == (40, 73, 48, 79)
    assert "leaves the film by 4 pixels" in mammogram.warnings[0]


def test_an_outline_beside_the_film_is_left_out(case):
    overlay_text(case, OVERLAY.replace("20 40 ", "900 40 "))
    mammogram = read_one(left_cc(case))
    assert mammogram.outlines == ()
    assert "lies off the film" in mammogram.warnings[0]


def test_a_damaged_overlay_costs_the_outlines_and_not_the_film(case):
    overlay_text(case, "TOTAL_ABNORMALITIES 1\nABNORMALITY 1\nBOUNDARY\n20 40 2 2 9 9 #")
    mammogram = read_one(left_cc(case))
    assert mammogram.outlines == ()
    assert "C_0001_1.LEFT_CC.OVERLAY" in mammogram.warnings[0]


def test_an_overlay_that_strayed_into_the_folder_is_not_shown(case):
    (case / "C_0001_1.LEFT_CC.OVERLAY").rename(case / "C_0099_1.LEFT_CC.OVERLAY")
    mammogram = read_one(left_cc(case))
    assert mammogram.outlines == ()
    assert "C_0099_1.LEFT_CC.OVERLAY belongs to another case" in mammogram.warnings[0]
    assert "promises an annotation" in mammogram.warnings[1]


def test_an_overlay_that_the_ics_does_not_know_is_shown_with_a_warning(case):
    (case / "C_0001_1.LEFT_CC.OVERLAY").rename(case / "C_0001_1.RIGHT_CC.OVERLAY")
    mammogram = ddsm.open_case(case)[0].read()
    assert len(mammogram.outlines) == 1
    assert "does not know of it" in mammogram.warnings[0]


def test_given_outlines_replace_those_of_the_case_and_belong_to_one_film(case, tmp_path):
    given = Given(outlines=overlay_text(tmp_path, OVERLAY.replace("20 40 ", "10 60 ")))
    assert read_one(left_cc(case), given).outlines[0].box() == (60, 10, 68, 20)
    with pytest.raises(UnreadableOutlines, match="name the film"):
        ddsm.open_case(case, given)


@pytest.mark.parametrize("microns", ["0", "1", "9.9", "1001", "100000"])
def test_a_resolution_that_no_film_has_is_not_used_and_said(case, microns):
    rewrite_ics(case, "RESOLUTION 50", f"RESOLUTION {microns}")
    film = read_one(left_cc(case))
    assert film.spacing_source.startswith("resolution of LUMISYS")
    assert any("are not a film's resolution" in warning for warning in film.warnings)


@pytest.mark.parametrize("lines", ["0", "1", "999999999"])
def test_a_size_that_no_film_has_is_not_used_and_said(case, lines):
    rewrite_ics(case, "LEFT_CC LINES 120", f"LEFT_CC LINES {lines}")
    film = read_one(left_cc(case))
    assert film.pixels.shape == (ROWS, COLUMNS)
    assert any("are not a film's size" in warning for warning in film.warnings)


def test_a_conversion_far_from_its_true_size_has_no_spacing(half_size):
    rewrite_ics(half_size, "LEFT_CC LINES 120 PIXELS_PER_LINE 80", "LEFT_CC LINES 12000 PIXELS_PER_LINE 8000")
    film = read_one(half_size / "C_0001_1.LEFT_CC.png")
    assert film.spacing_mm is None
    assert any("no mammogram's spacing" in warning for warning in film.warnings)


@pytest.mark.parametrize("filler", ["\n", " ", "\t", "\r\n", " \n"])
def test_blanks_without_end_cost_nothing(tmp_path, filler):
    many = filler * (2_000_000 // len(filler))
    assert read_overlay(overlay_text(tmp_path, OVERLAY + many))
    assert read_overlay(overlay_text(tmp_path, many + "\n" + OVERLAY))
    described = tmp_path / "C-0001-1.ics"
    described.write_text("DENSITY 3" + filler * 30_000 + "x\n" + ICS.replace("DENSITY 3\n", ""))
    assert read_ics(described).digitiser == "LUMISYS LASER"


def chained(outlines: int) -> str:
    return OVERLAY.replace(
        f"TOTAL_OUTLINES 1\nBOUNDARY\n{RECTANGLE}\n",
        f"TOTAL_OUTLINES {outlines}\n" + f"BOUNDARY\n{RECTANGLE}\n" * outlines,
    )


def test_more_outlines_than_a_film_has_are_refused_and_the_film_is_shown(case):
    overlay = case / "C_0001_1.LEFT_CC.OVERLAY"
    overlay.write_text(chained(200))
    assert len(read_one(left_cc(case)).outlines) == 200
    overlay.write_text(chained(201))
    film = read_one(left_cc(case))
    assert not film.outlines
    assert any("more than the 200" in warning for warning in film.warnings)


def test_more_abnormalities_than_a_film_has_are_refused(tmp_path):
    with pytest.raises(UnreadableOutlines, match="more than the 200"):
        read_annotation(overlay_text(tmp_path, OVERLAY + "ABNORMALITY 2\n" * 200))


def test_an_enormous_overlay_is_refused_rather_than_read_in_part(tmp_path):
    with pytest.raises(UnreadableOutlines, match="larger than the outlines of any film"):
        read_annotation(overlay_text(tmp_path, OVERLAY + "\n" * (8 * 1024 * 1024)))


def test_an_outline_that_may_be_cut_short_is_warned_of(tmp_path):
    (warning,) = read_annotation(overlay_text(tmp_path, OVERLAY.replace("#", ""))).warnings
    assert "lacks its closing #" in warning
    assert ".OVERLAY" in warning


def test_fewer_abnormalities_than_promised_are_warned_of(tmp_path):
    text = OVERLAY.replace("TOTAL_ABNORMALITIES 1", "TOTAL_ABNORMALITIES 3")
    (warning,) = read_annotation(overlay_text(tmp_path, text)).warnings
    assert "promises 3 abnormalities and has 1" in warning
    assert ".OVERLAY" in warning


@pytest.mark.parametrize("content", [b"", b"\0\xff" * 500, b"TOTAL_ABNORMALITIES 0\n"])
def test_a_file_without_outlines_is_refused_as_one(tmp_path, content):
    path = tmp_path / "drawn.OVERLAY"
    path.write_bytes(content)
    with pytest.raises(UnreadableOutlines, match=r"drawn\.OVERLAY"):
        read_annotation(path)


# --- the composite sheet ---------------------------------------------------------------------------


def sheet_ics(sizes: dict[str, tuple[int, int]]) -> str:
    lines = (
        f"{view} LINES {rows} PIXELS_PER_LINE {columns} RESOLUTION 50"
        for view, (rows, columns) in sizes.items()
    )
    return "filename C-0001-1\nDIGITIZER LUMISYS LASER\n" + "\n".join(lines)


def write_sheet(case: Path) -> None:
    """Four views of their own grey, 20 × 30 and less, with ten pixels between them."""
    sizes = {"RIGHT_MLO": (300, 441), "LEFT_MLO": (270, 420), "RIGHT_CC": (240, 390), "LEFT_CC": (255, 405)}
    (case / "C-0001-1.ics").write_text(sheet_ics(sizes))
    sheet = np.full((20 + 10 + 17, 30 + 10 + 28), 65535, ">u2")
    sheet[20:30], sheet[:20, 30:40], sheet[30:, 26:36] = 0, 0, 0
    corners = {"RIGHT_MLO": (0, 0), "LEFT_MLO": (0, 40), "RIGHT_CC": (30, 0), "LEFT_CC": (30, 36)}
    for number, (view, (row, column)) in enumerate(corners.items()):
        rows, columns = (-(-side // 15) for side in sizes[view])
        sheet[row : row + rows, column : column + columns] = 1000 * number + np.arange(columns)
    header = f"P5\n{sheet.shape[1]} {sheet.shape[0]}\n65535\n\n".encode()
    (case / "TAPE_C_0001_1.COMB.16_PGM").write_bytes(header + sheet.tobytes())


def test_films_that_are_not_there_open_from_the_sheet_in_register_with_their_outlines(case):
    for film in case.glob("*.LJPEG"):
        film.unlink()
    write_sheet(case)
    right_cc, cc, right_mlo, mlo = (
        film.read() for film in ddsm.open_case(case / "TAPE_C_0001_1.COMB.16_PGM")
    )
    shapes = [mammogram.pixels.shape for mammogram in (right_cc, cc, right_mlo, mlo)]
    assert shapes == [(16, 26), (17, 27), (20, 30), (18, 28)]
    assert right_mlo.pixels.max() < mlo.pixels.min() < right_cc.pixels.min() < cc.pixels.min()
    assert_allclose(cc.spacing_mm, (0.75, 0.75))
    assert_allclose(cc.outlines[0].vertices, (np.array(CORNERS) + 0.5) / 15 - 0.5)
    assert "TAPE_C_0001_1.COMB.16_PGM" in cc.warnings[0]


def test_a_sheet_of_another_case_is_refused(case):
    write_sheet(case)
    with pytest.raises(UnreadableScan, match="are not the four views"):
        ddsm_sheet.places(read_ics(case / "C-0001-1.ics"), (300, 300), "TAPE.COMB.16_PGM")


def test_a_sheet_cut_short_is_refused(case):
    write_sheet(case)
    sheet = case / "TAPE_C_0001_1.COMB.16_PGM"
    sheet.write_bytes(sheet.read_bytes()[:-3])
    with pytest.raises(TruncatedScan):
        ddsm_sheet.read_sheet(sheet)


# --- the real films ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def cases(films: Path) -> Path:
    return films / "ddsm" / "cases"


@pytest.mark.films
@pytest.mark.parametrize(
    ("name", "outlines"),
    [
        ("C_0029", 2),
        ("C_0033", 2),
        ("C_0217", 2),
        ("C_0234", 2),
        ("C_0236", 6),
        ("C_0238", 2),
        ("case4000", 2),
    ],
)
def test_every_outline_of_the_real_cases_lies_on_the_breast(cases, name, outlines):
    mammograms = [film.read() for film in ddsm.open_case(cases / name)]
    assert len(mammograms) == 4
    drawn = [(mammogram, outline) for mammogram in mammograms for outline in mammogram.outlines]
    assert len(drawn) == outlines
    for mammogram, outline in drawn:
        inside = np.zeros(mammogram.pixels.shape, np.uint8)
        cv2.fillPoly(inside, [np.rint(outline.vertices[:, ::-1]).astype(np.int32)], 1)
        air = np.percentile(mammogram.pixels, 20)
        assert (mammogram.pixels[inside == 1] > air + 0.05 * np.ptp(mammogram.pixels)).mean() > 0.8


@pytest.mark.films
def test_the_half_size_films_are_at_a_tenth_of_a_millimetre(cases):
    mammogram = read_one(cases / "C_0029" / "C_0029_1.LEFT_CC.jpg")
    assert (mammogram.pixels.shape, mammogram.spacing_mm) == ((2324, 1336), (0.1, 0.1))
    assert mammogram.warnings == ()


@pytest.mark.films
def test_the_case_on_a_sheet_begins_where_its_makers_put_it(cases):
    described = read_ics(cases / "case4000" / "D-4000-1.ics")
    places = ddsm_sheet.places(described, (724, 374), "sheet")
    mlo, cc = places[Laterality.LEFT, View.MLO], places[Laterality.LEFT, View.CC]
    assert [(rows.start, columns.start) for rows, columns in (mlo, cc)] == [(0, 184), (370, 172)]


@pytest.mark.films
def test_a_cbis_copy_beside_a_case_is_not_its_film(cases):
    assert not ddsm.recognises(cases / "case4000" / "CBIS_P_00687_LEFT_CC.jpg")


@pytest.mark.films
def test_the_whole_of_ddsm_s_digitisers_is_known(films):
    header = films / "ddsm" / "headers" / "all_normal_cases_data.csv"
    with header.open(newline="") as file:
        for row in csv.DictReader(file):
            assert digitiser_of(row["DIGITIZER"], row["filename"][0], 12) is not None
