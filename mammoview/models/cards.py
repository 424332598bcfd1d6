"""Cards and tensors: a network arrives verified, complete and frozen, or not at all.

The digest on a card is that of the tensor file, and the file holds the card's architecture and inputs
beside the tensors: neither can be edited alone, not even where the tensors would fit all the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mammoview import WEIGHTS
from mammoview.aside import write_json, written_aside
from mammoview.domain import Magnification, ModelCard
from mammoview.errors import BadSetting, WeightsMismatch, WeightsMissing
from mammoview.familiarity import Familiar, read_familiar
from mammoview.models.heatmap import HeatmapNetwork
from mammoview.models.tissue import TissueClassifier

__all__ = [
    "HEATMAP_REDUCTION",
    "Network",
    "Suite",
    "choose_device",
    "heatmap_name",
    "load_network",
    "load_suite",
    "load_trainable",
    "read_card",
    "replace_tensors",
    "save_network",
    "tissue_name",
    "write_card",
]

HEATMAP_REDUCTION: Final = 8
"""The heatmap network's input is 0.4 mm per pixel: the paper's 2048² frame becomes 256²."""

LARGEST: Final = 50_000_000
"""Weights of a network that a card may ask for."""

STAMP: Final = "card"
"""Under this name a tensor file holds what its card says of architecture and inputs."""

Network = TissueClassifier | HeatmapNetwork


@dataclass(frozen=True, slots=True, eq=False)
class Suite:
    """The networks that assess a scan, frozen, on one device; shared by all readers.

    Attributes
    ----------
    tissue : mapping of Magnification to TissueClassifier
    baseline, heatmap : HeatmapNetwork
        Without and with local results.
    device : torch.device
    tissue_cards : mapping of Magnification to ModelCard
    baseline_card, heatmap_card : ModelCard
    familiar : Familiar or None
        What the training films look like, where it was recorded.
    """

    tissue: Mapping[Magnification, TissueClassifier]
    baseline: HeatmapNetwork
    heatmap: HeatmapNetwork
    device: torch.device
    tissue_cards: Mapping[Magnification, ModelCard]
    baseline_card: ModelCard
    heatmap_card: ModelCard
    familiar: Familiar | None = None

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The cards of all networks: the three tissue classifiers, then the two heatmaps."""
        return (*self.tissue_cards.values(), self.baseline_card, self.heatmap_card)


def tissue_name(magnification: Magnification) -> str:
    """Stem of the files of a tissue classifier."""
    return f"tissue-{magnification.key}"


def heatmap_name(local_results: bool) -> str:
    """Stem of the files of a heatmap network."""
    return "heatmap-local-results" if local_results else "heatmap-baseline"


def choose_device(wanted: str = "auto") -> torch.device:
    """CUDA where there is one, else the CPU.

    Raises
    ------
    BadSetting
        CUDA was asked for and is not there, or the name is unknown.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise BadSetting(f"device {wanted!r} is unknown: choose auto, cpu or cuda")
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise BadSetting("no CUDA device answers: choose --device cpu, or check the driver with nvidia-smi")
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")


def load_suite(folder: Path | None = None, device: str = "auto") -> Suite:
    """All five networks of a folder of weights (default: the project's own).

    Raises
    ------
    WeightsMissing, WeightsMismatch
    BadSetting
        For the device, see `choose_device`.
    """
    place, folder = choose_device(device), folder or WEIGHTS
    tissue, cards = {}, {}
    for magnification in Magnification:
        network, card = load_network(tissue_name(magnification), folder)
        if not isinstance(network, TissueClassifier):
            raise WeightsMismatch(f"{card.name}: the card does not describe a tissue classifier")
        tissue[magnification], cards[magnification] = network.to(place), card
    heatmaps = []
    for local_results in (False, True):
        network, card = load_network(heatmap_name(local_results), folder)
        if not isinstance(network, HeatmapNetwork) or network.local_results != local_results:
            raise WeightsMismatch(f"{card.name}: the card does not describe this heatmap network")
        heatmaps.append((network.to(place), card))
    (baseline, baseline_card), (heatmap, heatmap_card) = heatmaps
    _share(baseline, heatmap)
    return Suite(tissue, baseline, heatmap, place, cards, baseline_card, heatmap_card, read_familiar(folder))


def _share(baseline: HeatmapNetwork, heatmap: HeatmapNetwork) -> None:
    """Let both have the same layers where they hold the same numbers, so that they run once."""
    ours, theirs = baseline.features.state_dict(), heatmap.features.state_dict()
    if ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours):
        heatmap.features = baseline.features


def load_network(name: str, folder: Path) -> tuple[Network, ModelCard]:
    """A network, verified against its card, batch norm folded, in eval mode and without gradients.

    Raises
    ------
    WeightsMissing, WeightsMismatch
        As `load_trainable`.
    """
    network, card = load_trainable(name, folder)
    return _freeze(network), card


def load_trainable(name: str, folder: Path) -> tuple[Network, ModelCard]:
    """A network, verified against its card, as it was when its training ended, to go on from there.

    Raises
    ------
    WeightsMissing
        There is no such card or tensor file.
    WeightsMismatch
        The file is not the one that the card describes, does not fit its architecture, was written with
        another architecture or other inputs than the card has, or does not say with which.
    """
    card, path = _verified(name, folder)
    stamped = _stamp_in(path)
    if stamped is None:
        raise WeightsMismatch(f"{path.name} does not say what it was trained with: restore it or train again")
    if stamped != _stamp_of(card):
        raise WeightsMismatch(
            f"the card of {name} {card.version} has another architecture or other inputs than {path.name} "
            "was trained with: restore the card or train again"
        )
    return _filled(card, path), card


def _verified(name: str, folder: Path) -> tuple[ModelCard, Path]:
    """A card, and the tensor file that has its digest."""
    card = read_card(name, folder)
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        raise WeightsMissing(
            f"{path.name} is missing: train it with `python -m mammoview train`, or restore it"
        )
    if _digest(path) != card.sha256:
        raise WeightsMismatch(f"{path.name} is not the file that the card of {name} {card.version} describes")
    return card, path


def _filled(card: ModelCard, path: Path) -> Network:
    """The network that a card describes, with the tensors of a file."""
    network = _untrained(card)
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise WeightsMismatch(f"{path.name} does not fit the architecture on its card") from error
    return network


def _stamp_of(card: ModelCard) -> str:
    """What a card says of architecture and inputs, in one spelling."""
    said = asdict(card)
    return json.dumps({part: said[part] for part in ("architecture", "inputs")}, sort_keys=True)


def _stamp_in(path: Path) -> str | None:
    """The same as it was when the tensors were written; None in a file of before it was kept there."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get(STAMP)
    except SafetensorError as error:
        raise WeightsMismatch(f"{path.name} is no file of tensors: restore it or train again") from error


def save_network(network: Network, card: ModelCard, folder: Path) -> ModelCard:
    """Write the tensors and their card, the tensors first; returns the card with its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    return _save(network.state_dict(), card, folder)


def _save(state: Mapping[str, Tensor], card: ModelCard, folder: Path) -> ModelCard:
    path = folder / f"{card.name}.safetensors"
    with written_aside(path) as draft:
        tensors = {k: v.detach().float().contiguous().cpu() for k, v in state.items()}
        save_file(tensors, draft, metadata={STAMP: _stamp_of(card)})
        draft.chmod(0o644)  # the library makes it its owner's alone
        card = replace(card, sha256=_digest(draft))
    write_card(card, folder)
    return card


def replace_tensors(name: str, tensors: Mapping[str, Tensor], folder: Path) -> ModelCard:
    """Put some tensors of a saved network in the place of its own; returns the card with the new digest.

    The card loses its figures: they were another network's.

    Raises
    ------
    WeightsMissing, WeightsMismatch
    """
    _, card = load_network(name, folder)  # verifies it
    path = folder / f"{name}.safetensors"
    return _save({**load_file(path), **tensors}, replace(card, metrics={}), folder)


def read_card(name: str, folder: Path) -> ModelCard:
    """The card of this name.

    Raises
    ------
    WeightsMissing
        There is none, or it cannot be read.
    """
    path = folder / f"{name}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        card = ModelCard(**{f.name: content[f.name] for f in fields(ModelCard)})
        if not (0 <= float(card.operating_point) <= 1 and card.band_limit_mm >= 0):
            raise ValueError("the operating point or the band limit is out of range")
        return card
    except FileNotFoundError as error:
        raise WeightsMissing(
            f"{path.name} is missing: train the networks with `python -m mammoview train all`"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsMissing(f"{path.name} is not a complete card: restore it or train again") from error


def write_card(card: ModelCard, folder: Path) -> None:
    """Write a card aside and move it into place."""
    path = folder / f"{card.name}.json"
    write_json(asdict(card), path)


def _untrained(card: ModelCard) -> Network:
    kinds: dict[str, type[TissueClassifier] | type[HeatmapNetwork]] = {
        "tissue": TissueClassifier,
        "heatmap": HeatmapNetwork,
    }
    try:
        kind = kinds[card.architecture["kind"]]
        with torch.device("meta"):  # its sizes first, before any memory is taken
            sizes = [
                p.numel() for p in kind.from_card(dict(card.architecture), dict(card.inputs)).parameters()
            ]
        if sum(sizes) > LARGEST:
            raise ValueError("too many weights")
        return kind.from_card(dict(card.architecture), dict(card.inputs))
    except (KeyError, ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise WeightsMismatch(
            f"the card of {card.name} does not describe a network that can be built"
        ) from error


def _freeze(network: Network) -> Network:
    network.eval()
    for sequence in (m for m in network.modules() if isinstance(m, nn.Sequential)):
        _fold_batch_norm(sequence)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.requires_grad_(False)


def _fold_batch_norm(sequence: nn.Sequential) -> None:
    for i in range(len(sequence) - 1):
        convolution, norm = sequence[i], sequence[i + 1]
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            sequence[i], sequence[i + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
