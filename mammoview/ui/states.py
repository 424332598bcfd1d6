"""What every layer has to say of itself: "no finding" is not "not run"."""

from __future__ import annotations

from mammoview.domain import Assessment, Drawn, Heatmap, Mammogram, Saliency, TissueGrid

__all__ = ["layer_states"]


def layer_states(
    mammogram: Mammogram, assessment: Assessment | None, failure: str | None, running: bool
) -> tuple[tuple[str, str], ...]:
    """Name and state of each layer, in words a reader understands."""
    drawn = sum(line.drawn_by is Drawn.READER and not line.core for line in mammogram.outlines)
    reader = ("Reader's outlines", f"{drawn} drawn" if drawn else "the source has none for this film")
    if assessment is not None:
        return (reader, *_ran(assessment))
    state = "running" if running else "not run" if failure is None else f"failed: {failure}"
    names = ("Heatmap", "Tissue classifications", "Saliency", "Findings")
    return (reader, *((name, state) for name in names))


def _ran(assessment: Assessment) -> tuple[tuple[str, str], ...]:
    stride = assessment.settings.stride
    found = len(assessment.findings)
    return (
        ("Heatmap", _heat(assessment.heatmap)),
        *(
            (f"Tissue classifications {magnification.label}", _tissue(grid))
            for (magnification, each), grid in assessment.grids.items()
            if each == stride
        ),
        *(
            (f"Saliency {magnification.label}", _salient(s))
            for magnification, s in assessment.saliency.items()
        ),
        ("Findings", f"ran: {found} found" if found else "ran: no region is above the level"),
    )


def _heat(heatmap: Heatmap) -> str:
    hot = int((heatmap.heat >= heatmap.level).sum())
    if hot:
        return f"ran: {hot} of {heatmap.heat.size} cells at or above the level {heatmap.level:.2f}"
    return f"ran: nothing at or above the level {heatmap.level:.2f}; the highest is {heatmap.heat.max():.2f}"


def _tissue(grid: TissueGrid) -> str:
    positive = int((grid.suspicion >= grid.threshold).sum())
    what = f"ran, patches of {grid.patch} every {grid.stride} pixels: "
    if positive:
        return f"{what}{positive} of {grid.suspicion.size} at or above the threshold {grid.threshold:.2f}"
    return f"{what}none reaches the threshold {grid.threshold:.2f}; the highest is {grid.suspicion.max():.2f}"


def _salient(saliency: Saliency) -> str:
    kept = int(saliency.kept.sum())
    if kept:
        return f"ran: patches that are both positive and in the heat region: {kept}"
    return "ran: no patch is both positive and in the heat region, so there is none"
