"""A DICOM file's own window or table, from the file to the screen, against numpy's reading of PS3.3 C.11."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect
from pydicom import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from test_page import sent, upload
from test_viewer import on_picture, picture, settle, state

from tests.readers.conftest import mammogram_dataset
from tests.readers.test_dicom import table

APP = Path(__file__).parents[2] / "app.py"
RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)
"""Every value of 12 bits once."""

Values = NDArray[np.float64]


def linear(values: Values, centre: float, width: float) -> Values:
    """PS3.3 C.11.2.1.2.1, as shares of white."""
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def linear_exact(values: Values, centre: float, width: float) -> Values:
    """PS3.3 C.11.2.1.3.2."""
    return np.clip((values - centre) / width + 0.5, 0, 1)


def sigmoid(values: Values, centre: float, width: float) -> Values:
    """PS3.3 C.11.2.1.3.1."""
    return 1 / (1 + np.exp(-4 * (values - centre) / width))


@dataclass(frozen=True)
class Said:
    """What a file says of its greys, and the shares of white that numpy makes of it."""

    header: Mapping[str, Any]
    words: str
    shares: Values
    stored: NDArray[Any] | None = None  # RAMP, if nothing else


STEEP = [int(1023 * (i / 999) ** 2) for i in range(1000)]
X = RAMP.astype(float)
SIGNED = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64)
FILES = {
    "LINEAR, rescaled, the first of several": Said(
        {
            "RescaleSlope": 2.0,
            "RescaleIntercept": -100.0,
            "WindowCenter": [3000, 2000],
            "WindowWidth": [2000, 100],
            "WindowCenterWidthExplanation": ["NORMAL", "HARDER"],
        },
        "LINEAR window, centre 3000, width 2000 (“NORMAL”); the first of 2 windows",
        linear(2 * X - 100, 3000, 2000),
    ),
    "256 values by LINEAR_EXACT": Said(
        {"WindowCenter": 2048, "WindowWidth": 256, "VOILUTFunction": "LINEAR_EXACT"},
        "LINEAR_EXACT window, centre 2048, width 256",
        linear_exact(X, 2048, 256),
    ),
    "SIGMOID": Said(
        {"WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
        "SIGMOID window, centre 2000, width 900",
        sigmoid(X, 2000, 900),
    ),
    "LUT": Said(
        {"VOILUTSequence": [table(STEEP, 500, 10)]},
        "VOI LUT",
        np.asarray(STEEP)[np.clip(RAMP.astype(int) - 500, 0, 999)] / 1023,
    ),
    "MONOCHROME1, undone last": Said(
        {
            "PhotometricInterpretation": "MONOCHROME1",
            "WindowCenter": 1500,
            "WindowWidth": 700,
            "VOILUTFunction": "SIGMOID",
        },
        "SIGMOID window, centre 1500, width 700",
        1 - sigmoid(X, 1500, 700),
    ),
    "signed": Said(
        {"WindowCenter": 0, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"},
        "LINEAR_EXACT window, centre 0, width 1000",
        linear_exact(SIGNED.astype(float), 0, 1000),
        SIGNED,
    ),
    "12 bits in 16, with graphics above": Said(
        {"WindowCenter": 2048, "WindowWidth": 4096},
        "LINEAR window, centre 2048, width 4096",
        linear(X, 2048, 4096),
        RAMP | np.uint16(0x5000),
    ),
}


def dicom(said: Said) -> bytes:
    pixels = RAMP if said.stored is None else said.stored
    ds = mammogram_dataset(pixels, 12)
    for keyword, value in said.header.items():
        setattr(ds, keyword, value)
    ds.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    ds["PixelData"].VR = "OW"
    return written(ds)


def written(ds: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    content = io.BytesIO()
    FileDataset(content, ds, file_meta=meta, preamble=b"\0" * 128).save_as(content, enforce_file_format=True)
    return content.getvalue()


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], demo: Path) -> str:
    return serve(APP, {"MAMMOVIEW_DEMO": str(demo)})


def test_the_greys_on_the_screen_are_those_that_the_file_means(page: Page, address: str) -> None:
    page.goto(address)
    for number, (name, said) in enumerate(FILES.items()):
        film = sent(f"{number}.dcm", dicom(said))
        if number == 0:
            upload(page, film)
        else:
            page.get_by_role("button", name="Remove").first.click()
            expect(page.get_by_text("Choose a case on the left")).to_be_visible(timeout=30_000)
            page.locator("input[type=file]").set_input_files([film])
        viewer = page.locator(".mammoview").first
        expect(viewer.locator(".voi")).to_have_text(f"The file says: {said.words}", timeout=30_000)
        settle(viewer)
        assert state(viewer)["window"]["preset"] == "file", "a film that says it is first seen so"
        viewer.locator(".stage").focus()
        page.keyboard.press("z")
        settle(viewer)
        top, left = (on_picture(viewer, np.array([[0, 0]]))[0] - 0.5).round().astype(int)
        seen = picture(viewer)[top : top + 64, left : left + 64]
        assert np.ptp(seen, axis=2).max() == 0, "grey and nothing else"
        np.testing.assert_allclose(seen[..., 0], said.shares * 255, atol=0.51, err_msg=name)
        if name.startswith("256"):
            assert len(np.unique(seen)) >= 250
        viewer.get_by_label("Window preset").select_option("breast")
        viewer.locator(".stage").focus()
        page.keyboard.press("d")
        settle(viewer)
        assert state(viewer)["window"] == {"preset": "file", "low": 0, "high": 65535}
