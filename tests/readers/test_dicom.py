"""What a DICOM mammogram looks like, checked against the formulae of DICOM PS3.3 C.11 in plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.pixels.encoders import RLELosslessEncoder

from mammoview.domain import Given, Laterality, Mammogram, View
from mammoview.errors import OversizedScan, TruncatedScan, UnreadableScan
from mammoview.readers import dicom_pixels, open_case, read
from mammoview.readers.dicom_pixels import read_header

TOP = 65535


@pytest.fixture
def ramp() -> NDArray[np.uint16]:
    """Every value of 12 bits once."""
    return np.arange(4096, dtype=np.uint16).reshape(64, 64)


@pytest.fixture
def tissue() -> NDArray[np.uint16]:
    """Smooth 12-bit grey with some noise, as a film has."""
    rows, columns = np.mgrid[:96, :80]
    noise = np.random.default_rng(7).normal(0, 20, (96, 80))
    return np.clip(2000 + 900 * np.sin(rows / 17) + 700 * np.cos(columns / 11) + noise, 0, 4095).astype(
        np.uint16
    )


def only(path: Path, given: Given | None = None) -> Mammogram:
    (film,) = read(path, given or Given())
    return film


def code(value: str, scheme: str = "SCT") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "as coded"
    return item


def table(entries: list[int], first: int, depth: int) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, depth]
    item.LUTData = entries
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    return item


def test_without_a_window_the_whole_range_is_shown(write_dicom: Any, ramp: Any) -> None:
    film = only(write_dicom(ramp, bits_stored=12))
    assert_array_equal(film.pixels, np.rint(ramp / 4095 * TOP))


@pytest.mark.parametrize(("centre", "width"), [(2048, 4096), (1500, 600), (100, 1)])
def test_a_linear_window_follows_the_standard(write_dicom: Any, ramp: Any, centre: int, width: int) -> None:
    film = only(write_dicom(ramp, bits_stored=12, WindowCenter=centre, WindowWidth=width))
    x = ramp.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = ((x - (centre - 0.5)) / (width - 1) + 0.5) * TOP
    y = np.where(x <= centre - 0.5 - (width - 1) / 2, 0, np.where(x > centre - 0.5 + (width - 1) / 2, TOP, y))
    assert_allclose(film.pixels, y, atol=0.51)


def test_a_linear_exact_window_follows_the_standard(write_dicom: Any, ramp: Any) -> None:
    film = only(
        write_dicom(ramp, bits_stored=12, WindowCenter=1000, WindowWidth=500, VOILUTFunction="LINEAR_EXACT")
    )
    assert_allclose(film.pixels, np.clip((ramp - 1000.0) / 500 + 0.5, 0, 1) * TOP, atol=0.51)


def test_a_sigmoid_window_follows_the_standard(write_dicom: Any, ramp: Any) -> None:
    film = only(
        write_dicom(ramp, bits_stored=12, WindowCenter=2000, WindowWidth=900, VOILUTFunction="SIGMOID")
    )
    assert_allclose(film.pixels, TOP / (1 + np.exp(-4 * (ramp - 2000.0) / 900)), atol=0.51)


def test_of_several_windows_the_first_is_taken(write_dicom: Any, ramp: Any) -> None:
    several = only(write_dicom(ramp, bits_stored=12, WindowCenter=[1500, 2000], WindowWidth=[600, 4000]))
    first = only(write_dicom(ramp, bits_stored=12, WindowCenter=1500, WindowWidth=600))
    assert_array_equal(several.pixels, first.pixels)


@pytest.mark.parametrize(("slope", "intercept"), [(2.0, -100.0), (-1.0, 4095.0)])
def test_a_window_acts_on_rescaled_values(
    write_dicom: Any, ramp: Any, slope: float, intercept: float
) -> None:
    film = only(
        write_dicom(
            ramp,
            bits_stored=12,
            RescaleSlope=slope,
            RescaleIntercept=intercept,
            WindowCenter=3000,
            WindowWidth=2000,
            VOILUTFunction="LINEAR_EXACT",
        )
    )
    values = ramp * slope + intercept
    assert_allclose(film.pixels, np.clip((values - 3000) / 2000 + 0.5, 0, 1) * TOP, atol=0.51)


def test_signed_pixels_are_signed(write_dicom: Any) -> None:
    pixels = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64)
    film = only(
        write_dicom(pixels, bits_stored=12, WindowCenter=0, WindowWidth=1000, VOILUTFunction="LINEAR_EXACT")
    )
    assert_allclose(film.pixels, np.clip(pixels / 1000 + 0.5, 0, 1) * TOP, atol=0.51)


def test_bits_above_those_stored_are_no_grey(write_dicom: Any, ramp: Any) -> None:
    """Older files keep graphics there."""
    with_graphics = ramp | np.uint16(0x5000)
    clean = only(write_dicom(ramp, bits_stored=12))
    assert_array_equal(only(write_dicom(with_graphics, bits_stored=12)).pixels, clean.pixels)


def test_a_voi_lut_sequence_is_looked_up_and_held_at_its_ends(write_dicom: Any, ramp: Any) -> None:
    entries = [int(1023 * (i / 999) ** 2) for i in range(1000)]
    film = only(write_dicom(ramp, bits_stored=12, VOILUTSequence=[table(entries, 500, 10)]))
    expected = np.asarray(entries)[np.clip(ramp.astype(int) - 500, 0, 999)] / 1023 * TOP
    assert_allclose(film.pixels, expected, atol=0.51)


def test_a_long_lut_of_8_bit_output_does_not_wrap_round(write_dicom: Any, ramp: Any) -> None:
    entries = [i // 16 for i in range(4096)]
    film = only(write_dicom(ramp, bits_stored=12, VOILUTSequence=[table(entries, 0, 8)]))
    assert_array_equal(film.pixels, (ramp // 16).astype(np.uint32) * 257)


def test_a_table_of_more_than_32767_entries_is_whole_though_its_pixels_are_signed(
    write_dicom: Any,
) -> None:
    pixels = np.array([[-20000, 0], [5000, 19999]], np.int16)
    described = table(list(range(40000)), -20000, 16)
    described["LUTDescriptor"].VR = "SS"  # as the pixels are
    described.LUTDescriptor = [40000, -20000, 16]
    film = only(write_dicom(pixels, syntax=uid.ImplicitVRLittleEndian, VOILUTSequence=[described]))
    assert_array_equal(film.pixels, [[0, 20000], [25000, 39999]])


@pytest.mark.parametrize("groups", ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"])
def test_a_window_and_a_rescale_in_the_functional_groups_are_applied(
    write_dicom: Any, ramp: Any, groups: str
) -> None:
    window, rescale, group = Dataset(), Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth = 1000, 400
    rescale.RescaleSlope, rescale.RescaleIntercept = 2, -100
    group.FrameVOILUTSequence, group.PixelValueTransformationSequence = [window], [rescale]
    inside = only(write_dicom(ramp, bits_stored=12, **{groups: [group]}))
    attributes = {"WindowCenter": 1000, "WindowWidth": 400, "RescaleSlope": 2, "RescaleIntercept": -100}
    above = only(write_dicom(ramp, bits_stored=12, **attributes))
    assert_array_equal(inside.pixels, above.pixels)
    assert inside.voi == above.voi == "LINEAR window, centre 1000, width 400"


def test_monochrome1_is_undone_last(write_dicom: Any, ramp: Any) -> None:
    window: dict[str, Any] = {"WindowCenter": 1500, "WindowWidth": 600, "VOILUTFunction": "SIGMOID"}
    bright = only(write_dicom(ramp, bits_stored=12, **window))
    dark = only(write_dicom(ramp, bits_stored=12, PhotometricInterpretation="MONOCHROME1", **window))
    assert_allclose(dark.pixels.astype(int) + bright.pixels, TOP, atol=1)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({}, ""),
        ({"WindowCenter": 10, "WindowWidth": 0}, ""),
        (
            {"WindowCenter": 2000.5, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
            "SIGMOID window, centre 2000.5, width 900",
        ),
        (
            {
                "WindowCenter": [1500, 2000],
                "WindowWidth": [600, 4000],
                "WindowCenterWidthExplanation": ["HARDER", "SOFTER"],
            },
            "LINEAR window, centre 1500, width 600 (“HARDER”); the first of 2 windows",
        ),
        ({"VOILUTSequence": [table([0, 4095], 0, 12)] * 3}, "VOI LUT; the first of 3 tables"),
    ],
)
def test_which_window_of_the_file_was_applied_is_said(
    write_dicom: Any, ramp: Any, header: dict[str, Any], words: str
) -> None:
    assert only(write_dicom(ramp, bits_stored=12, **header)).voi == words


def test_an_impossible_window_is_told_and_not_used(write_dicom: Any, ramp: Any) -> None:
    film = only(write_dicom(ramp, bits_stored=12, WindowCenter=10, WindowWidth=0))
    assert film.pixels[-1, -1] == TOP
    assert any("window" in warning for warning in film.warnings)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_where_fewer_x_rays_arrive_a_raw_image_is_brighter(write_dicom: Any, photometric: str) -> None:
    thickness = np.linspace(0, 6, 4096).reshape(64, 64)
    arriving = np.rint(4000 * np.exp(-thickness)).astype(np.uint16)
    raw = arriving if photometric == "MONOCHROME1" else (4095 - arriving)
    film = only(
        write_dicom(
            raw,
            bits_stored=12,
            PresentationIntentType="FOR PROCESSING",
            PhotometricInterpretation=photometric,
        )
    )
    shares = film.pixels / TOP
    assert_allclose(
        shares.ravel()[:2000], thickness.ravel()[:2000] / np.log(4000 / arriving.min()), atol=0.01
    )
    assert any("For Processing" in warning for warning in film.warnings)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ({}, "digital mammogram"),
        ({"SOPClassUID": uid.SecondaryCaptureImageStorage}, None),
        ({"SOPClassUID": uid.SecondaryCaptureImageStorage, "DetectorType": "STORAGE"}, "digital mammogram"),
        ({"DetectorType": "FILM"}, "digitised film"),
    ],
)
def test_a_digital_mammogram_is_told_from_a_digitised_film(
    write_dicom: Any, ramp: Any, header: dict[str, Any], kind: str | None
) -> None:
    assert only(write_dicom(ramp, bits_stored=12, **header)).facts.get("Kind") == kind


def frames(pixels: NDArray[np.uint16]) -> dict[uid.UID, bytes]:
    j2k = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", reversible=True)
    return {
        uid.JPEGLossless: imagecodecs.ljpeg_encode(pixels, bitspersample=12),
        uid.JPEGLosslessSV1: imagecodecs.ljpeg_encode(pixels, bitspersample=12),
        uid.JPEGLSLossless: imagecodecs.jpegls_encode(pixels),
        uid.JPEG2000Lossless: j2k,
        uid.JPEG2000: j2k,
        uid.HTJ2KLossless: imagecodecs.htj2k_encode(pixels),
        uid.RLELossless: RLELosslessEncoder.encode(
            pixels,
            rows=pixels.shape[0],
            columns=pixels.shape[1],
            samples_per_pixel=1,
            bits_allocated=16,
            bits_stored=12,
            pixel_representation=0,
            photometric_interpretation="MONOCHROME2",
            number_of_frames=1,
        ),
    }


@pytest.mark.parametrize(
    "syntax",
    [
        uid.JPEGLossless,
        uid.JPEGLosslessSV1,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
        uid.JPEG2000,
        uid.HTJ2KLossless,
        uid.RLELossless,
    ],
    ids=lambda syntax: syntax.keyword,
)
def test_a_lossless_compression_changes_nothing(write_dicom: Any, tissue: Any, syntax: uid.UID) -> None:
    compressed = write_dicom(tissue, bits_stored=12, syntax=syntax, frame=frames(tissue)[syntax])
    assert_array_equal(only(compressed).pixels, np.rint(tissue / 4095 * TOP))


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless])
def test_a_lossy_compression_stays_near(write_dicom: Any, tissue: Any, syntax: uid.UID) -> None:
    bits = 8 if syntax == uid.JPEGBaseline8Bit else 12
    pixels = (tissue >> 4).astype(np.uint8) if bits == 8 else tissue
    frame = (
        imagecodecs.jpegls_encode(pixels, level=3)
        if syntax == uid.JPEGLSNearLossless
        else imagecodecs.jpeg8_encode(pixels, level=98, bitspersample=bits)
    )
    film = only(write_dicom(pixels, bits_stored=bits, syntax=syntax, frame=frame))
    assert_allclose(film.pixels / TOP, pixels / (2**bits - 1), atol=0.02)


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_uncompressed_films_of_every_byte_order(write_dicom: Any, ramp: Any, syntax: uid.UID) -> None:
    assert_array_equal(
        only(write_dicom(ramp, bits_stored=12, syntax=syntax)).pixels, np.rint(ramp / 4095 * TOP)
    )


def test_of_several_frames_the_first_is_shown_and_it_is_said(write_dicom: Any, ramp: Any) -> None:
    both = np.stack([ramp, ramp[::-1]])
    film = only(write_dicom(both, bits_stored=12, NumberOfFrames=2))
    assert_array_equal(film.pixels, np.rint(ramp / 4095 * TOP))
    assert any("2 frames" in warning for warning in film.warnings)


@pytest.mark.parametrize(
    ("attributes", "laterality"),
    [
        ({"ImageLaterality": "R", "Laterality": "L"}, Laterality.RIGHT),
        ({"Laterality": "L"}, Laterality.LEFT),
        ({"ImageLaterality": "B"}, None),
    ],
)
def test_side(write_dicom: Any, ramp: Any, attributes: dict[str, str], laterality: Laterality | None) -> None:
    assert only(write_dicom(ramp, **attributes)).laterality is laterality


def test_side_of_a_frame(write_dicom: Any, ramp: Any) -> None:
    anatomy, group = Dataset(), Dataset()
    anatomy.FrameLaterality = "L"
    group.FrameAnatomySequence = [anatomy]
    assert only(write_dicom(ramp, SharedFunctionalGroupsSequence=[group])).laterality is Laterality.LEFT


def test_a_coded_view_is_believed_before_the_written_one(write_dicom: Any, ramp: Any) -> None:
    film = only(write_dicom(ramp, ViewPosition="CC", ViewCodeSequence=[code("399368009")]))
    assert film.view is View.MLO
    assert only(write_dicom(ramp, ViewCodeSequence=[code("R-10242", "SRT")])).view is View.CC
    assert only(write_dicom(ramp, ViewPosition="XCCL")).view is View.XCCL
    assert only(write_dicom(ramp, ViewPosition="AP")).view is None


@pytest.mark.parametrize(
    ("attributes", "spacing", "words"),
    [
        ({"PixelSpacing": [0.25, 0.2], "PixelSpacingCalibrationType": "FIDUCIAL"}, (0.25, 0.2), "fiducial"),
        ({"ImagerPixelSpacing": [0.1, 0.1]}, (0.1, 0.1), "at the detector"),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 1.25},
            (0.08, 0.08),
            "magnification 1.25",
        ),
        ({"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.1, 0.1]}, (0.1, 0.1), "at the detector"),
        ({"PixelSpacing": [0, 0]}, None, ""),
    ],
)
def test_millimetres(write_dicom: Any, ramp: Any, attributes: Any, spacing: Any, words: str) -> None:
    film = only(write_dicom(ramp, **attributes))
    assert film.spacing_mm == (None if spacing is None else pytest.approx(spacing))
    assert words in film.spacing_source
    assert bool(film.spacing_mm) != any("millimetres" in warning for warning in film.warnings)


def test_the_reader_s_word_wins_over_the_file(write_dicom: Any, ramp: Any) -> None:
    path = write_dicom(ramp, ImageLaterality="R", ViewPosition="CC", ImagerPixelSpacing=[0.1, 0.1])
    film = only(path, Given(laterality=Laterality.LEFT, view=View.MLO, spacing_mm=0.07))
    assert (film.laterality, film.view, film.spacing_mm) == (Laterality.LEFT, View.MLO, (0.07, 0.07))


def test_nothing_of_the_film_names_the_patient(write_dicom: Any, ramp: Any, tmp_path: Path) -> None:
    path = write_dicom(
        ramp,
        tmp_path / "Muster_Erika.dcm",
        BurnedInAnnotation="YES",
        InstitutionName="Spital",
        PatientAge="061Y",
    )
    film = only(path)
    said = " ".join([film.source, *film.facts.values()])
    assert not any(word in said for word in ("Muster", "Erika", "4711", "Spital"))
    assert film.source.startswith("DICOM-")
    assert only(path).source == film.source
    assert any("burned" in warning for warning in film.warnings)


def test_a_folder_of_dicom_files_is_a_case_in_hanging_order(
    write_dicom: Any, ramp: Any, tmp_path: Path
) -> None:
    for number, (side, view) in enumerate([("L", "MLO"), ("R", "CC"), ("L", "CC"), ("R", "MLO")]):
        write_dicom(
            ramp, tmp_path / f"case/series{number}/IM{number}", ImageLaterality=side, ViewPosition=view
        )
    (tmp_path / "case/README.txt").write_text("from the archive")
    films = open_case(tmp_path / "case")
    assert [f"{film.laterality}{film.view}" for film in films] == ["RCC", "LCC", "RMLO", "LMLO"]
    assert films[0].read().pixels.shape == (64, 64)


def test_a_folder_of_two_patients_is_no_case(write_dicom: Any, ramp: Any, tmp_path: Path) -> None:
    write_dicom(ramp, tmp_path / "both/1.dcm", PatientID="one")
    write_dicom(ramp, tmp_path / "both/2.dcm", PatientID="two")
    with pytest.raises(UnreadableScan, match="2 patients"):
        open_case(tmp_path / "both")


def test_a_cut_off_film_is_refused_unless_the_part_is_asked_for(write_dicom: Any, ramp: Any) -> None:
    path = write_dicom(ramp, bits_stored=12)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(TruncatedScan):
        read(path)
    film = only(path, Given(partial=True))
    assert_array_equal(film.pixels[:48], np.rint(ramp[:48] / 4095 * TOP))
    assert any("ends early" in warning for warning in film.warnings)


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"Rows": 60000, "Columns": 60000}, OversizedScan),
        ({"Rows": 12000, "Columns": 12000}, OversizedScan),
        ({"Rows": 0}, UnreadableScan),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, UnreadableScan),
        ({"BitsAllocated": 32, "BitsStored": 32}, UnreadableScan),
        ({"BitsStored": 0}, UnreadableScan),
        ({"Modality": "CT"}, UnreadableScan),
        ({"RescaleSlope": "1", "RescaleIntercept": "1", "VOILUTSequence": [Dataset()]}, UnreadableScan),
    ],
)
def test_headers_that_cannot_be_films(write_dicom: Any, ramp: Any, attributes: Any, error: type) -> None:
    with pytest.raises(error) as refused:
        read(write_dicom(ramp, **attributes))
    assert "\n" not in str(refused.value)


def test_an_image_of_another_size_than_its_header(write_dicom: Any, tissue: Any) -> None:
    frame = imagecodecs.jpegls_encode(np.tile(tissue, (2, 2)))
    with pytest.raises(UnreadableScan, match="192 × 160"):
        read(write_dicom(tissue, syntax=uid.JPEGLSLossless, frame=frame))


def test_a_codestream_that_claims_to_be_enormous_is_not_decoded(write_dicom: Any, tissue: Any) -> None:
    frame = bytearray(imagecodecs.ljpeg_encode(tissue, bitspersample=12))
    at = frame.index(b"\xff\xc3") + 5
    frame[at : at + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(OversizedScan):
        read(write_dicom(tissue, syntax=uid.JPEGLosslessSV1, frame=bytes(frame)))


@pytest.mark.parametrize(
    "syntax",
    [uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.HTJ2KLossless, uid.JPEGExtended12Bit],
)
def test_a_compressed_film_that_ends_early_is_never_filled_in(
    write_dicom: Any, tissue: Any, syntax: uid.UID
) -> None:
    whole = {**frames(tissue), uid.JPEGExtended12Bit: imagecodecs.jpeg8_encode(tissue, bitspersample=12)}[
        syntax
    ]
    with pytest.raises(UnreadableScan):
        read(write_dicom(tissue, bits_stored=12, syntax=syntax, frame=whole[: len(whole) * 4 // 5]))


def test_a_wholly_deflated_file_is_refused(write_dicom: Any, ramp: Any) -> None:
    with pytest.raises(UnreadableScan, match="deflated"):
        read(write_dicom(ramp, syntax=uid.DeflatedExplicitVRLittleEndian))


@pytest.mark.films
def test_the_published_test_pattern_says_its_calibrated_millimetres(films: Path) -> None:
    film = only(films / "dicom" / "MG_pixel_spacing_test_pattern.dcm")
    assert film.spacing_mm == (0.25, 0.25)
    assert "fiducial" in film.spacing_source
    assert (film.laterality, film.view) == (Laterality.RIGHT, View.CC)
    assert film.warnings == ()


@pytest.mark.parametrize("mm", ["0", "-0.1", "nan", "inf", "10", "100", "1e-5"])
@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagerPixelSpacing"])
def test_a_spacing_that_no_mammogram_has_is_not_used(
    write_dicom: Any, ramp: Any, keyword: str, mm: str
) -> None:
    film = only(write_dicom(ramp, **{keyword: [0.125, 0.25]}))
    assert film.spacing_mm == (0.125, 0.25)
    path = write_dicom(ramp, **{keyword: [0.125, 0.25]})
    stated, wanted = b"0.125\\0.25", f"0.1\\{mm}".encode()
    path.write_bytes(path.read_bytes().replace(stated, wanted.ljust(len(stated))))
    film = only(path)
    assert film.spacing_mm is None
    assert any("give its millimetres" in warning for warning in film.warnings)


def test_warnings_do_not_tell_the_name_of_the_file(write_dicom: Any, ramp: Any, tmp_path: Path) -> None:
    film = only(write_dicom(ramp, tmp_path / "DOE_JANE_1954.dcm", BurnedInAnnotation="YES"))
    assert len(film.warnings) >= 2
    assert all(warning.startswith(film.source) and "DOE" not in warning for warning in film.warnings)


def test_a_header_longer_than_any_films_is_refused_before_it_is_parsed_to_its_end(
    tmp_path: Path, write_dicom: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.arange(400, dtype=np.uint16).reshape(20, 20)
    path = write_dicom(grey, tmp_path / "film.dcm", ImageComments="x" * 9000)
    assert read_header(path).ImageComments == "x" * 9000
    monkeypatch.setattr(dicom_pixels, "_LARGEST_HEADER", 8000)
    with pytest.raises(UnreadableScan, match="longer than any film's"):
        read_header(path)


def test_a_large_element_of_a_header_is_there_when_it_is_asked_for(
    tmp_path: Path, write_dicom: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dicom_pixels, "_LARGEST_ELEMENT", 1000)
    grey = np.arange(400, dtype=np.uint16).reshape(20, 20)
    path = write_dicom(grey, tmp_path / "film.dcm", ImageComments="x" * 9000)
    assert read_header(path).ImageComments == "x" * 9000
