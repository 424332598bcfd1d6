"""What a card says of the films that a network was trained on: only what these films say themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mammoview.domain import LesionType, ModelCard
from mammoview.evaluation.split import SPLIT_IN_WORDS
from mammoview.evaluation.store import Prepared
from mammoview.readers.annotated import DIGITISED, SYNTHETIC, WITH_SYNTHETIC_LESIONS, AnnotatedFilm
from mammoview.training.manifest import Manifest

__all__ = ["card_of"]

PLURALS: Final = {
    LesionType.MASS: "masses",
    LesionType.CALCIFICATION: "calcifications",
    LesionType.OTHER: "lesions of other types",
}


@dataclass(frozen=True, slots=True)
class _Shown:
    """The films that a network learns from: what their source says, and what was prepared of each."""

    films: tuple[AnnotatedFilm, ...]
    prepared: tuple[Prepared, ...]

    def values(self, fact: str) -> Counter[str]:
        """How many films have each value of a fact; "" where the source does not say."""
        return Counter(film.facts.get(fact, "") for film in self.films)

    @property
    def lesions(self) -> list[LesionType]:
        """The types that were marked."""
        told = {kind for value in self.values("lesions") for kind in value.split(", ") if kind}
        return [kind for kind in LesionType if kind in told]


def card_of(
    manifest: Manifest,
    films: Sequence[AnnotatedFilm],
    prepared: Sequence[Prepared],
    band_limit_mm: float,
    version: str,
) -> ModelCard:
    """The card of any network trained on these films; name, architecture and figures are still open.

    Parameters
    ----------
    manifest : Manifest
    films, prepared : sequences of the same length and order
        Of both sides of the split.
    band_limit_mm : float
    version : str
        Of the network, as whoever trains it names it.
    """
    pairs = [(f, p) for f, p in zip(films, prepared, strict=True) if not p.validation]
    shown = _Shown(tuple(f for f, _ in pairs), tuple(p for _, p in pairs))
    kept = len(films) - len(pairs)
    return ModelCard(
        name="",
        version=version,
        sha256="",
        architecture={},
        inputs={"band_limit_mm": band_limit_mm},
        trained_on=_trained_on(manifest, shown),
        split=(
            f"{SPLIT_IN_WORDS} ({kept} films of {len(manifest.validation)} patients); {manifest.file} names "
            f"the patients of both sides, digest {manifest.digest[:12]}"
        ),
        metrics={},
        operating_point=0.5,
        licence="Apache-2.0",
        intended_use="Research into reading mammograms; not a medical device.",
        limits=" ".join(filter(None, _limits(shown, band_limit_mm))),
    )


def _trained_on(manifest: Manifest, shown: _Shown) -> str:
    count = sum(len(film.boxes) for film in shown.prepared)
    normal = sum(film.normal for film in shown.films)
    how = " and ".join(sorted(filter(None, shown.values("marked by"))))
    said = [
        f"{len(shown.films)} films of {len(manifest.training)} patients of {manifest.dataset}",
        _counted("kind", shown),
        _counted("digitiser", shown),
        f"views {_listed(sorted(v for v in shown.values('view') if v))}" if any(shown.values("view")) else "",
        f"{count} lesions marked by {how} ({_listed(kind.value for kind in shown.lesions)})",
        f"{normal} normal films" if normal else "",
    ]
    return "; ".join(filter(None, said))


def _counted(fact: str, shown: _Shown) -> str:
    """The values of a fact, with counts where there are several, and how many films do not say."""
    counts = shown.values(fact)
    silent = counts.pop("", 0)
    if not counts:
        return ""
    many = len(counts) + bool(silent) > 1
    words = [f"{value} ({n} films)" if many else value for value, n in counts.most_common()]
    if silent:
        words.append(f"{fact} not stated ({silent} films)")
    return f"{fact} {_listed(words)}" if fact == "digitiser" else _listed(words)


def _limits(shown: _Shown, band_limit_mm: float) -> Iterable[str]:
    seen, unseen = shown.lesions, [kind for kind in LesionType if kind not in shown.lesions]
    yield f"Was shown {_listed(PLURALS[kind] for kind in seen)} only." if unseen else ""
    yield f"{_listed(PLURALS[kind] for kind in unseen).capitalize()} were not trained." if unseen else ""
    yield _on_kinds(set(shown.values("kind")))
    views = sorted(filter(None, shown.values("view")))
    yield f"No other views than {_listed(views)} were trained." if views else ""
    yield f"Resolves no detail finer than {band_limit_mm:g} mm."


def _on_kinds(kinds: set[str]) -> str:
    if SYNTHETIC in kinds:
        return "Synthetic films were among those trained on: no figure holds for patients."
    if WITH_SYNTHETIC_LESIONS in kinds:
        return "Its lesions are synthetic: figures measured on such films do not hold for patients."
    if kinds == {DIGITISED}:
        return "Digital mammograms were not trained."
    if DIGITISED in kinds:
        return (
            "Of some films the dataset does not say how they were made; those of which it does are digitised."
        )
    return "The dataset does not say how its films were made."


def _listed(words: Iterable[str]) -> str:
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last
