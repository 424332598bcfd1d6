"""What stands around the viewer: findings, agreement, networks, facts, and how each layer fares."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import streamlit as st

from mammoview.domain import Agreement, Assessment, Magnification, Mammogram, ModelCard, Outline
from mammoview.errors import MammoviewError
from mammoview.prepare import spacing_warnings
from mammoview.scorecard import SALIENT_SHARE
from mammoview.ui.log import place_of
from mammoview.ui.viewer import MeasuredError

__all__ = [
    "banner",
    "classifier_at",
    "doubts",
    "facts",
    "findings",
    "magnification_errors",
    "networks",
    "plain",
    "scorecard",
    "states",
    "table",
    "told",
    "warnings",
]

log = logging.getLogger(__name__)

RESEARCH_USE = (
    "**Research use only.** Mammoview is not a medical device; nothing here may guide care of a patient."
)
NO_VALUE = "–"
MEASURED_WITH = "PyTorch float32"
MEANINGS = {
    "pointing": "Whether the most salient pixel, of those nearest to this outline, lies inside it.",
    "energy inside": "The share of all saliency of the film that lies inside the outline.",
    "Dice": "Overlap with the nearest finding: twice the shared area over the sum of both; 1 is the same.",
    "IoU": "The same overlap as the shared area over the area of both together; 1 is the same.",
    "tightness": "The salient area at the outline over the outline's area; below 1 the saliency is tighter.",
    "distance mm": "From the centre of the outline to the centre of the nearest finding, in millimetres.",
}
"""What each number of the scorecard says, by its column."""
TOTAL_ERROR = "total error"  # the paper's figure for each magnification, as cards name it


def plain(text: str) -> str:
    """Text from a file, so that the page shows its signs instead of following them as Markdown."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&@/])", r"\\\1", text)


@contextmanager
def told() -> Iterator[None]:
    """Show an error as one sentence and go on; the log learns its kind and place, never its words."""
    try:
        yield
    except MammoviewError as error:
        log.info("refused: %s", type(error).__name__)
        st.error(plain(str(error)))
    except OSError as error:
        log.error("system error %s at %s", error.errno, place_of(error))
        st.error(
            plain(f"This machine could not read or keep a file: {error.strerror or type(error).__name__}.")
        )
    except Exception as error:
        log.error("unexpected %s at %s", type(error).__name__, place_of(error))
        st.error(
            f"Something unexpected happened inside Mammoview ({type(error).__name__}); choose another film."
        )


def banner() -> None:
    st.markdown(RESEARCH_USE)


def doubts(mammogram: Mammogram, assessment: Assessment | None) -> tuple[str, ...]:
    """What had to be put right or assumed, or makes the networks' word doubtful, each said once."""
    found = spacing_warnings(mammogram) if assessment is None else assessment.warnings
    return tuple(dict.fromkeys((*mammogram.warnings, *found)))


def warnings(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        st.warning(plain(sentence))


def states(rows: Iterable[tuple[str, str]]) -> None:
    st.subheader("Layers")
    table([{"layer": name, "state": state} for name, state in rows])


def findings(assessment: Assessment) -> None:
    """Every finding in numbers: the text of what is drawn."""
    st.subheader("Findings")
    st.markdown(f"Score of the film: **{assessment.score:.2f}** (0 to 1)")
    for trained_on in dict.fromkeys(card.trained_on for card in assessment.cards):
        st.caption(plain(f"The networks were trained on {trained_on}."))
    for limit in dict.fromkeys(card.limits for card in assessment.cards[-1:]):
        st.caption(plain(limit))
    if not assessment.findings:
        st.markdown(f"No region reaches the heat level {assessment.heatmap.level:.2f}.")
        return
    table(
        {
            "finding": number,
            "score": f"{finding.score:.2f}",
            "centre (row, column)": "{:.0f}, {:.0f}".format(*finding.centre),
            "area mm²": f"{finding.area_mm2:.1f}",
        }
        for number, finding in enumerate(assessment.findings, 1)
    )


def scorecard(outlines: Sequence[Outline], rows: Mapping[Magnification, tuple[Agreement, ...]]) -> None:
    """How well saliency and findings agree with each outline, at each magnification."""
    st.subheader("Agreement with the reader's outlines")
    if not outlines:
        st.markdown("The source has no outline for this film, so there is nothing to compare with.")
        return
    table(
        _agreement(row, each, outlines)
        for of_one_outline in zip(*rows.values(), strict=True)
        for each, row in zip(rows, of_one_outline, strict=True)
    )
    st.caption(
        f"Dice, IoU and distance: the finding nearest to the outline. Tightness: area of the pixels with at "
        f"least {SALIENT_SHARE:.0%} of the highest saliency around the outline, over the outline's area. "
        f"{NO_VALUE}: not defined, because nothing was salient or nothing was found."
    )
    for of_one_outline in zip(*rows.values(), strict=True):
        _explained(dict(zip(rows, of_one_outline, strict=True)), outlines)


def _explained(rows: Mapping[Magnification, Agreement], outlines: Sequence[Outline]) -> None:
    """The numbers of one outline, each with what it says, and what cannot be compared."""
    number = next(iter(rows.values())).outline
    with st.expander(plain(f"Outline {number + 1} in words: {outlines[number].lesion()}")):
        numbers = {each: _agreement(row, each, outlines) for each, row in rows.items()}
        table(
            {
                "measure": name,
                **{f"at {each.label}": row[name] for each, row in numbers.items()},
                "what it says": words,
            }
            for name, words in MEANINGS.items()
        )
        for sentence in incomparable(rows):
            st.caption(plain(sentence))


def incomparable(rows: Mapping[Magnification, Agreement]) -> Iterator[str]:
    """What cannot be compared with an outline, and why, in one sentence each."""
    dark = [each.label for each, row in rows.items() if row.energy_inside is None]
    if dark:
        yield (
            f"No saliency was kept at {', '.join(dark)}, as no patch there was both positive and in the heat "
            "region: pointing, energy inside and tightness are not comparable."
        )
    elsewhere = [
        each.label for each, row in rows.items() if row.energy_inside is not None and row.tightness is None
    ]
    if elsewhere:
        yield f"At {', '.join(elsewhere)} the saliency misses this outline, so it has no tightness there."
    if all(row.centre_distance_mm is None for row in rows.values()):
        yield "Nothing was found on this film: Dice and IoU are 0, and there is no distance."


def networks(cards: Iterable[ModelCard], engine: str) -> None:
    """What each network was trained on, how often it errs, where it must not be trusted, and what ran it."""
    cards = tuple(cards)
    st.subheader("Networks")
    st.caption(plain(_ran(engine)))
    table(
        {"network": f"{card.name} {card.version}", "measured": name, **_measured(metric)}
        for card in cards
        for name, metric in card.metrics.items()
    )
    for card in cards:
        with st.expander(plain(f"{card.name} {card.version}")):
            table({"": name, "in words": text} for name, text in _words(card).items())


def _ran(engine: str) -> str:
    if engine == MEASURED_WITH:
        return f"Run by {engine}, as their figures were measured."
    return (
        f"Run by {engine}; their figures were measured with {MEASURED_WITH}, from which a suspicion may "
        "differ by up to 0.01."
    )


def facts(mammogram: Mammogram) -> None:
    """What the source says of the film."""
    st.subheader("Film")
    rows, columns = mammogram.pixels.shape
    said = {
        "source": mammogram.source + (" (synthetic, no patient)" if mammogram.synthetic else ""),
        "laterality": str(mammogram.laterality or "not stated"),
        "view": str(mammogram.view or "not stated"),
        "size": f"{rows} × {columns} pixels",
        "spacing": _spacing(mammogram),
        **mammogram.facts,
    }
    table({"": name, "what is known": text} for name, text in said.items())


def magnification_errors(cards: Iterable[ModelCard]) -> dict[Magnification, MeasuredError]:
    """The total error (paper §4.1) on the card of the tissue classifier at each magnification."""
    return {
        magnification: _error(*metric)
        for card in cards
        for magnification in Magnification
        if _classifies_at(card, magnification)
        for metric in _total_error(card)
    }


def classifier_at(cards: Iterable[ModelCard], magnification: Magnification) -> ModelCard | None:
    """The card of the tissue classifier at a magnification; None where there is none."""
    return next((card for card in cards if _classifies_at(card, magnification)), None)


def _total_error(card: ModelCard) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, metric) for name, metric in card.metrics.items() if name.startswith(TOTAL_ERROR)][:1]


def _error(name: str, metric: Mapping[str, Any]) -> MeasuredError:
    share, low, high = metric["value"], metric.get("low"), metric.get("high")
    short, full = f"{100 * share:.1f} % err", f"{name}: {100 * share:.1f} %"
    if low is not None and high is not None:
        short += f" ({100 * low:.1f}–{100 * high:.1f})"
        full += f" (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"
    if metric.get("n") is not None:
        full += f", {metric['n']} {metric.get('unit', '')}".rstrip()
    if metric.get("patients") is not None:
        full += f" of {metric['patients']} patients"
    return MeasuredError(short, full)


def _classifies_at(card: ModelCard, magnification: Magnification) -> bool:
    if card.architecture.get("kind") != "tissue":
        return False
    return abs(float(card.inputs["mm_per_pixel"]) - magnification.mm) < 1e-6


def _measured(metric: Mapping[str, object]) -> dict[str, str]:
    low, high = metric.get("low"), metric.get("high")
    return {
        "value": _number(metric.get("value")),
        "95 % interval": NO_VALUE if low is None or high is None else f"{_number(low)} to {_number(high)}",
        "measured on": f"{metric.get('n', NO_VALUE)} {metric.get('unit', '')}".strip(),
    }


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else NO_VALUE


def _words(card: ModelCard) -> dict[str, str]:
    return {
        "trained on": card.trained_on,
        "split": card.split,
        "limits": card.limits,
        "intended use": card.intended_use,
        "operating point": f"{card.operating_point:.3g}",
        "resolves": f"{card.band_limit_mm:g} mm; sharper films are smoothed to it",
        "licence": card.licence,
        "sha256": card.sha256,
    }


def _agreement(row: Agreement, magnification: Magnification, outlines: Sequence[Outline]) -> dict[str, str]:
    outline = outlines[row.outline]
    return {
        "outline": str(row.outline + 1),
        "lesion": outline.lesion(),
        "saliency at": magnification.label,
        "pointing": {True: "hit", False: "miss", None: NO_VALUE}[row.pointing_hit],
        "energy inside": NO_VALUE if row.energy_inside is None else f"{row.energy_inside:.0%}",
        "Dice": f"{row.dice:.2f}",
        "IoU": f"{row.iou:.2f}",
        "tightness": NO_VALUE if row.tightness is None else f"{row.tightness:.2f}",
        "distance mm": NO_VALUE if row.centre_distance_mm is None else f"{row.centre_distance_mm:.1f}",
    }


def _spacing(mammogram: Mammogram) -> str:
    if mammogram.spacing_mm is None:
        return "unknown; 0.05 mm is assumed for an assessment"
    text = "{:.4g} × {:.4g} mm".format(*mammogram.spacing_mm)
    if mammogram.sampling_mm is not None:
        text += ", sampled every {:.3g} × {:.3g} mm".format(*mammogram.sampling_mm)
    return f"{text} ({mammogram.spacing_source})" if mammogram.spacing_source else text


def table(rows: Iterable[Mapping[str, object]]) -> None:
    """Rows of a table, whose words are shown as they are; nothing where there is none."""
    shown = [{name: plain(str(value)) for name, value in row.items()} for row in rows]
    if shown:
        st.table(shown, hide_index=True)
