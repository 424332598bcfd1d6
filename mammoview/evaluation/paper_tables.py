"""The paper's Tables 1 to 3 with our numbers beside them, and what in the paper does not add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from mammoview.domain import Magnification
from mammoview.evaluation import paper
from mammoview.evaluation.evidence import label_of, tissue
from mammoview.evaluation.report import at_operating_point, interval_text, percent_interval_text, value_text
from mammoview.models.cards import tissue_name

__all__ = ["page"]

Summary = Mapping[str, Any]

NOT_MEASURED: Final = "not measured"


def page(found: Summary) -> str:
    """The page in Markdown, from the summary of the validation run; {} where there was none.

    The pictures it points to are drawn by `paper_figures`.
    """
    environment = Environment(
        loader=PackageLoader("mammoview.evaluation", "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown
        keep_trailing_newline=True,
    )
    tables = {"table_1": _table_1(found), "table_2": _table_2(found), "table_3": _table_3(found)}
    has_roc = bool((found.get("curves") or {}).get("roc"))
    return environment.get_template("paper.md").render(**_arithmetic(), **tables, has_roc=has_roc)


def _arithmetic() -> dict[str, Any]:
    """What the remarks count with, from the paper's own numbers."""
    half, third = paper.TABLE_2[Magnification.HALF], paper.TABLE_2[Magnification.THIRD]
    true_positive, false_positive, _, false_negative = paper.patches_behind(half, 256)
    wrong = false_positive + false_negative
    fewer = (third.total_error - paper.TABLE_2[Magnification.QUARTER].total_error) * 256 / 100
    return {
        "validation": paper.TABLE_1["Validation"],
        "fitting": paper.denominators(600, 11),
        "all_twelve": paper.denominators(1000, 12)[0],
        "positives": true_positive + false_negative,
        "half": half,
        "third": third,
        "third_negatives": paper.patches_behind(third, 256)[2],
        "wrong": wrong,
        "wrong_interval": [100 * end for end in paper.wilson(wrong, 256)],
        "fewer": round(fewer),
        "mse": paper.TABLE_3["Validation"],
        "training_mse": paper.TABLE_3["Training"],
        "field_side": paper.FIELD_SIDE,
        "heat_side": paper.HEAT_SIDE,
        "stride": paper.STRIDE,
        "places": paper.FIELD_SIDE // Magnification.HALF.reduction // paper.STRIDE,
    }


def _table_1(found: Summary) -> str:
    rows = ["| stage | paper: patches | paper: CC films | ours |", "| --- | --- | --- | --- |"]
    ours = {"Training": _trained_on(found), "Validation": _chosen_on(found), "Testing": _tested_on(found)}
    for stage, split in paper.TABLE_1.items():
        patches, films = (f"{positive} / {negative}" for positive, negative in (split.patches, split.films))
        rows.append(f"| {stage} | {patches} | {films} | {ours[stage] or NOT_MEASURED} |")
    return "\n".join(rows) + "\n"


def _trained_on(found: Summary) -> str:
    said: dict[str, list[str]] = {}
    for name, card in (found.get("cards") or {}).items():
        said.setdefault(card["trained_on"], []).append(f"`{name}`")
    if len(said) == 1:
        return next(iter(said))
    return "<br>".join(f"{', '.join(names)}: {words}" for words, names in said.items())


def _chosen_on(found: Summary) -> str:
    """Whom the operating points were chosen on."""
    if not found:
        return ""
    return "the patients below: errors are measured on each half of them with thresholds of the other half"


def _tested_on(found: Summary) -> str:
    if not found:
        return ""
    patches = (found.get("counts") or {}).get("patches") or {}
    drawn = ", ".join(f"{n // 2} / {n - n // 2} (`{name}`)" for name, n in patches.items())
    films = (
        f"{found['films']} films of {found['patients']} patients of `{found['dataset']}`, split by patient"
    )
    return films + (f"; patches {drawn}" if drawn else "")


def _table_2(found: Summary) -> str:
    rows = [
        "| model | whose | TP | FP | TN | FN | total error | of |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for magnification, errors in paper.TABLE_2.items():
        cells = " | ".join(f"{percent:.1f}" for percent in (*errors.outcomes, errors.total_error))
        rows.append(f"| tissue {magnification.label} | paper | {cells} | “256 reserved samples” |")
        rows.append(f"| | ours | {_outcomes(found, magnification)} | {_total_error(found, magnification)} |")
    return "\n".join(rows) + "\n"


def _outcomes(found: Summary, magnification: Magnification) -> str:
    """TP, FP, TN and FN in per cent of a balanced draw at the card's operating point."""
    name = tissue_name(magnification)
    curve = ((found.get("curves") or {}).get("error_by_threshold") or {}).get(name)
    point = (found.get("operating_points") or {}).get(name)
    place = at_operating_point(curve, point) if curve and point is not None else None
    if place is None:
        return " | ".join("–" * 4)
    false, sensitivity = place
    shares = (sensitivity / 2, false / 2, (1 - false) / 2, (1 - sensitivity) / 2)
    return " | ".join(f"{100 * share:.1f}" for share in shares)


def _total_error(found: Summary, magnification: Magnification) -> str:
    """With its interval, and what was counted."""
    error = dict(tissue(found, "total error, balanced")).get(magnification)
    if error is None:
        return f"{NOT_MEASURED} | –"
    counted = f"{error['n']} patches, {error['patients']} patients"
    return f"{100 * error['value']:.1f} ({percent_interval_text(error)}) | {counted}"


def _table_3(found: Summary) -> str:
    rows = ["| stage | whose | baseline | + local results | difference |", "| --- | --- | --- | --- | --- |"]
    for stage, (baseline, local) in paper.TABLE_3.items():
        rows.append(f"| {stage} | paper | {baseline} | {local} | {local - baseline:+.2f} |")
    labels = ("baseline", "with local results", "local results minus baseline")
    figures = [figure for label in labels for _, figure in label_of(found, f"heatmap MSE, {label}")]
    if len(figures) < len(labels):
        return "\n".join([*rows, f"| Validation | ours | {' | '.join([NOT_MEASURED] * 3)} |"]) + "\n"
    cells = " | ".join(f"{value_text(figure)} ({interval_text(figure)})" for figure in figures)
    counted = f"{figures[0]['n']} films, {figures[0]['patients']} patients"
    return "\n".join([*rows, f"| Validation, {counted} | ours | {cells} |"]) + "\n"
