"""The nouns of mammography assessment: frozen values that pass between the parts of Mammoview.

Arrays inside them are read-only. Points are (row, column) at pixel centres in float64 (see `geometry`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoview.geometry import Box, Frame, polygon_area, polygon_centroid

__all__ = [
    "REFERENCE_MM",
    "Agreement",
    "Assessment",
    "BreastMask",
    "Drawn",
    "Field",
    "Film",
    "Finding",
    "Given",
    "Heatmap",
    "Laterality",
    "LesionType",
    "Magnification",
    "Mammogram",
    "ModelCard",
    "Outline",
    "Pathology",
    "Progress",
    "Saliency",
    "ScanFacts",
    "Settings",
    "TissueGrid",
    "View",
]

REFERENCE_MM = 0.05
"""The base of all magnifications: 50 µm per pixel, as DDSM's Lumisys films."""

Progress = Callable[[float, str], None]
"""Called with the share of the work that is done, 0 to 1, and what is being done; it may raise
`Cancelled` to stop the work."""


class Laterality(StrEnum):
    """DICOM Image Laterality (0020,0062) of a single breast."""

    LEFT = "L"
    RIGHT = "R"


class View(StrEnum):
    """DICOM View Position (0018,5101) of a mammogram; networks were trained on CC and MLO."""

    CC = "CC"
    MLO = "MLO"
    ML = "ML"
    LM = "LM"
    LMO = "LMO"
    XCCL = "XCCL"
    XCCM = "XCCM"
    FB = "FB"
    ISO = "ISO"
    SIO = "SIO"

    @property
    def trained(self) -> bool:
        """Whether the shipped networks saw films of this view."""
        return self in (View.CC, View.MLO)


class LesionType(StrEnum):
    """What an annotation says it surrounds."""

    MASS = "mass"
    CALCIFICATION = "calcification"
    OTHER = "other"


class Pathology(StrEnum):
    """Outcome as DDSM and CBIS-DDSM write it."""

    MALIGNANT = "malignant"
    BENIGN = "benign"
    BENIGN_WITHOUT_CALLBACK = "benign without callback"
    UNPROVEN = "unproven"


class Drawn(StrEnum):
    """Whose line it is."""

    READER = "reader"
    MODEL = "model"


class Magnification(Enum):
    """The paper's three magnifications of the 50 µm reference; the value is the paper's number."""

    HALF = 0.5
    THIRD = 0.33
    QUARTER = 0.25

    @property
    def reduction(self) -> int:
        """Reference pixels along the side of one magnified pixel: 2, 3 or 4."""
        return {0.5: 2, 0.33: 3, 0.25: 4}[self.value]

    @property
    def mm(self) -> float:
        """Millimetres per magnified pixel: 0.10, 0.15 or 0.20."""
        return self.reduction * REFERENCE_MM

    @property
    def label(self) -> str:
        """As it is shown: ×0.5, ×0.33 or ×0.25."""
        return f"×{self.value:g}"

    @property
    def key(self) -> str:
        """As it is written in files and on the command line: 0.5, 0.33 or 0.25."""
        return f"{self.value:g}"


def _freeze(value: object, *names: str) -> None:
    for name in names:
        object.__setattr__(value, name, _read_only(np.asarray(getattr(value, name))))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A closed line around a lesion.

    Attributes
    ----------
    vertices : ndarray of shape (N, 2), float64
        (row, column) in scan pixels, in order, the last joined to the first.
    drawn_by : Drawn
        A reader's line is drawn solid, a model's dashed.
    lesion_type : LesionType or None
    description : str
        Shape and margins, or type and distribution, in the annotation's own words.
    birads, subtlety : int or None
        Assessment 0 to 5; subtlety 1 (subtle) to 5 (obvious).
    pathology : Pathology or None
    abnormality : int
        Number of the abnormality on this film, from 1; boundary and cores of one share it.
    core : bool
        Whether it is a core inside the boundary (DDSM), rather than the boundary itself.
    """

    vertices: NDArray[np.float64]
    drawn_by: Drawn = Drawn.READER
    lesion_type: LesionType | None = None
    description: str = ""
    birads: int | None = None
    subtlety: int | None = None
    pathology: Pathology | None = None
    abnormality: int = 1
    core: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", np.array(self.vertices, np.float64).reshape(-1, 2))
        _freeze(self, "vertices")

    def box(self) -> Box:
        """First row, first column, last row, last column, in scan pixels."""
        (r0, c0), (r1, c1) = self.vertices.min(axis=0), self.vertices.max(axis=0)
        return float(r0), float(c0), float(r1), float(c1)

    def centre(self) -> tuple[float, float]:
        """Centre of mass (row, column), in scan pixels."""
        return polygon_centroid(self.vertices)

    def area(self) -> float:
        """In square scan pixels."""
        return polygon_area(self.vertices)

    def lesion(self) -> str:
        """Type, description and outcome, as far as the annotation says them."""
        said = (self.lesion_type, self.description.lower(), self.pathology)
        return ", ".join(str(part) for part in said if part) or "not described"


@dataclass(frozen=True, slots=True, eq=False)
class Mammogram:
    """One film or digital mammogram, as a reader sees it before anything is assessed.

    Attributes
    ----------
    pixels : ndarray of shape (H, W), uint16
        Larger = denser tissue = brighter; MONOCHROME1 and optical density already undone.
    source : str
        A name without patient data: the file's stem, or case and view.
    laterality : Laterality or None
    view : View or None
    spacing_mm : (float, float) or None
        Millimetres per scan pixel down and across; None where nothing says it.
    spacing_source : str
        Where the spacing comes from, in words: "DDSM .ics", "given by the reader", "the sidecar beside the
        film", ….
    sampling_mm : (float, float) or None
        Distance of the samples that the file really holds, where it is coarser than `spacing_mm`
        (a film stored resized and brought back to its true size); None means the same.
    outlines : tuple of Outline
        In pixels of this scan.
    voi : str
        By which of the file's own windows or tables its values became `pixels`, in words: 0 is then black
        and 65535 white as the file says. Empty where the source has none.
    facts : mapping
        What else the source says and a reader may see: density, digitiser, film type ….
    synthetic : bool
        Made by the phantom, not by an X-ray tube.
    warnings : tuple of str
        What had to be put right to read it, each naming the file.
    annotation_warnings : tuple of str
        Those of the warnings that tell of what was annotated on it.
    """

    pixels: NDArray[np.uint16]
    source: str
    laterality: Laterality | None = None
    view: View | None = None
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str = ""
    sampling_mm: tuple[float, float] | None = None
    outlines: tuple[Outline, ...] = ()
    voi: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False
    warnings: tuple[str, ...] = ()
    annotation_warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.uint16:
            raise ValueError(f"pixels must be (H, W) uint16, not {self.pixels.shape} {self.pixels.dtype}")
        _freeze(self, "pixels")


@dataclass(frozen=True, slots=True)
class Film:
    """A film that is known to be there and has not been read yet."""

    source: str
    laterality: Laterality | None
    view: View | None
    read: Callable[[], Mammogram]

    @property
    def label(self) -> str:
        """RCC, LMLO …, as films are labelled; the source where neither side nor view is known."""
        if self.laterality is None and self.view is None:
            return self.source
        return f"{self.laterality or '?'}{self.view or '?'}"


@dataclass(frozen=True, slots=True)
class Given:
    """What the reader says of a file; it wins over the sidecar, and both over the file.

    Attributes
    ----------
    laterality, view : Laterality, View or None
    spacing_mm : float or None
        Millimetres per pixel of the film at its true size.
    as_size : (int, int) or None
        True rows and columns of a film that was stored resized.
    outlines : Path or None
        A DDSM `.OVERLAY` in pixels of the true size.
    partial : bool
        Accept the part of a truncated file that is there.
    standard_ljpeg : bool
        Decode `.LJPEG` by the JPEG standard instead of PVRG's rule for the first row.
    spacing_source : str
        Who gave the spacing, in the words of `Mammogram.spacing_source`.
    """

    laterality: Laterality | None = None
    view: View | None = None
    spacing_mm: float | None = None
    as_size: tuple[int, int] | None = None
    outlines: Path | None = None
    partial: bool = False
    standard_ljpeg: bool = False
    spacing_source: str = "given by the reader"


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """The breast, oriented with the nipple to the right, at the 50 µm reference.

    Attributes
    ----------
    values : ndarray of shape (H, W), float32
        In [0, 1], dense = 1; H and W are multiples of 64.
    mask : ndarray of shape (H, W), bool
        The breast.
    frame : Frame
        Where the field lies on its scan.
    sampling_mm : (float, float)
        Distance of the source's samples down and across.
    warnings : tuple of str
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]
    frame: Frame
    sampling_mm: tuple[float, float]
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _freeze(self, "values", "mask")


@dataclass(frozen=True, slots=True, eq=False)
class BreastMask:
    """The breast in cells of 64 reference pixels (3.2 mm): (I, J) bool, and where they lie."""

    inside: NDArray[np.bool_]
    frame: Frame

    def __post_init__(self) -> None:
        _freeze(self, "inside")


@dataclass(frozen=True, slots=True, eq=False)
class TissueGrid:
    """Strided tissue classifications at one magnification.

    Attributes
    ----------
    magnification : Magnification
    patch, stride : int
        Side of the classified patch and distance between patches, in magnified pixels.
    suspicion : ndarray of shape (I, J), float32
        Probability in [0, 1] that the tissue at the cell's centre holds a finding.
    threshold : float
        A cell is positive from here on; from the card.
    frame : Frame
        One grid cell is one pixel of this frame; each cell has its patch centred on it.
    """

    magnification: Magnification
    patch: int
    stride: int
    suspicion: NDArray[np.float32]
    threshold: float
    frame: Frame

    def __post_init__(self) -> None:
        _freeze(self, "suspicion")

    def centres(self) -> NDArray[np.float64]:
        """Centre of each cell on the scan, (I, J, 2), (row, column)."""
        shape = self.suspicion.shape
        return self.frame.centres((shape[0], shape[1]))


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Heat of the whole breast, one cell per 64 reference pixels (3.2 mm).

    Attributes
    ----------
    heat : ndarray of shape (I, J), float32
        In [0, 1].
    level : float
        A cell is hot from here on; from the card.
    frame : Frame
        One cell is one pixel of this frame.
    local_results : bool
        Whether the tissue grids were joined in (the paper's second variant).
    """

    heat: NDArray[np.float32]
    level: float
    frame: Frame
    local_results: bool

    def __post_init__(self) -> None:
        _freeze(self, "heat")

    def centres(self) -> NDArray[np.float64]:
        """Centre of each cell on the scan, (I, J, 2), (row, column)."""
        shape = self.heat.shape
        return self.frame.centres((shape[0], shape[1]))

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """Heat of the cells that hold these scan points, (..., 2) to (...); 0 beyond the field."""
        cells = np.rint(self.frame.from_scan(points.reshape(-1, 2))).astype(int)
        rows, columns = cells.T
        inside = ((cells >= 0) & (cells < self.heat.shape)).all(axis=1)
        heat = np.where(inside, self.heat[np.where(inside, rows, 0), np.where(inside, columns, 0)], 0)
        return np.asarray(heat.reshape(points.shape[:-1]), np.float32)


class Weighting(Enum):
    """How much each kept patch adds to the saliency; with two classes all scalars share one gradient.

    Every scalar of two logits that differ by d has the gradient f'(d) ∂d/∂x: entropy, log-probability
    and class score draw the same map of a patch and differ only in the patch's weight.
    """

    CONTEXT = "context"
    """Each patch sums to its suspicion times the heat at its centre: its term of the paper's equation 1."""
    NORMALISED = "normalised"
    """Each patch sums to 1."""
    ENTROPY = "entropy"
    """|∂H/∂x| as it is (paper §3); a patch of which the network is sure adds next to nothing."""
    LOG_PROBABILITY = "log-probability"
    """|∂(-log p)/∂x| of the predicted class."""


@dataclass(frozen=True, slots=True, eq=False)
class Saliency:
    """Pixel saliency of the kept patches, added at their places, at one magnification.

    Attributes
    ----------
    maps : mapping of Weighting to ndarray of shape (H, W), float32
        At least 0, at the full resolution of the magnification; 0 outside the heat region.
    magnification : Magnification
    kept : ndarray of shape (I, J), bool
        Which cells of the tissue grid were positive and centred in the heat region.
    frame : Frame
        Where the pixels of the maps lie on the scan.
    """

    maps: Mapping[Weighting, NDArray[np.float32]]
    magnification: Magnification
    kept: NDArray[np.bool_]
    frame: Frame

    def __post_init__(self) -> None:
        _freeze(self, "kept")
        object.__setattr__(self, "maps", {w: _read_only(values) for w, values in self.maps.items()})

    @property
    def values(self) -> NDArray[np.float32]:
        """The map that is shown first, compared with outlines and exported: weighted by context."""
        return self.maps[Weighting.CONTEXT]


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """The surroundings of one peak of heat; outline, centre and box in scan pixels."""

    outline: Outline
    centre: tuple[float, float]
    box: Box
    score: float
    area_mm2: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well the saliency and the findings agree with one reader's outline.

    A value is None where it is not defined (nothing was salient, nothing was found).

    Attributes
    ----------
    outline : int
        Index into the scan's outlines.
    pointing_hit : bool or None
        Whether the most salient point lies inside.
    energy_inside : float or None
        Share of all saliency that lies inside, 0 to 1.
    dice, iou : float
        Overlap of the nearest finding's region with the outline, 0 to 1.
    tightness : float or None
        Salient area within the outline's reach over the outline's area; below 1 is tighter.
    centre_distance_mm : float or None
        From the outline's centre to the nearest finding's.
    """

    outline: int
    pointing_hit: bool | None
    energy_inside: float | None
    dice: float
    iou: float
    tightness: float | None
    centre_distance_mm: float | None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a network is, what it takes, what it was trained on and how well it does.

    Attributes
    ----------
    name, version, sha256 : str
        `name` is the stem of the card and of its tensor file; sha256 is that file's.
    architecture : mapping
        What rebuilds the network: "kind" ("tissue" or "heatmap") and its sizes.
    inputs : mapping
        The contract: "mm_per_pixel", "patch" (tissue), "mean", "std", "band_limit_mm".
    trained_on, split, intended_use, licence, limits : str
        In words, shown on the page and written into every export.
    metrics : mapping
        Name to {"value", "low", "high", "unit", "n", "patients"}: figures on validation patients with
        95 % intervals by patient; `n` counts units ("patches", "films", "lesions").
    operating_point : float
        Tissue: positive from this suspicion. Heatmap: hot from this heat.
    """

    name: str
    version: str
    sha256: str
    architecture: Mapping[str, Any]
    inputs: Mapping[str, Any]
    trained_on: str
    split: str
    metrics: Mapping[str, Any]
    operating_point: float
    licence: str
    intended_use: str
    limits: str

    @property
    def band_limit_mm(self) -> float:
        """Sampling distance that the training films resolve; sharper scans are smoothed to it."""
        return float(self.inputs["band_limit_mm"])


@dataclass(frozen=True, slots=True)
class Settings:
    """How a scan is assessed; sections are the paper's.

    Attributes
    ----------
    stride : int
        Magnified pixels between patches: 64 (§3, "Aggregated Local Results"), or 32, which at ×0.5 is a
        cell of the heatmap.
    magnification : Magnification
        The one whose saliency is reported (×0.5 did best in the paper, §4.1).
    tissue_threshold, heat_level : float or None
        None takes the operating point of the network's card.
    batch : int or None
        Patches per saliency batch; None takes what suits the device.
    """

    stride: int = 32
    magnification: Magnification = Magnification.HALF
    tissue_threshold: float | None = None
    heat_level: float | None = None
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What an assessment remembers of its scan; spacing in mm down and across."""

    source: str
    rows: int
    columns: int
    laterality: Laterality | None
    view: View | None
    spacing_mm: tuple[float, float]
    spacing_source: str
    synthetic: bool


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """Everything that was found on one scan, and with what.

    Attributes
    ----------
    scan : ScanFacts
    cards : tuple of ModelCard
        Of every network that was used.
    settings : Settings
    score : float
        Of the film, in [0, 1].
    findings : tuple of Finding
        Highest score first.
    grids : mapping of (Magnification, stride) to TissueGrid
        Strides 64 and 32 at every magnification.
    heatmap, baseline : Heatmap
        With and without local results.
    saliency : mapping of Magnification to Saliency
    breast : BreastMask
    timings_s : mapping of stage to seconds
    warnings : tuple of str
    engine : str
        What ran the networks, and in which precision.
    """

    scan: ScanFacts
    cards: tuple[ModelCard, ...]
    settings: Settings
    score: float
    findings: tuple[Finding, ...]
    grids: Mapping[tuple[Magnification, int], TissueGrid]
    heatmap: Heatmap
    baseline: Heatmap
    saliency: Mapping[Magnification, Saliency]
    breast: BreastMask
    timings_s: Mapping[str, float]
    warnings: tuple[str, ...]
    engine: str = "PyTorch float32"
