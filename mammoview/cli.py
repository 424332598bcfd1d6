"""The command line: assess, evaluate, familiarity, paper, train, phantom, bench.

What a command needs is imported when it runs, so that `--help` and a refusal come at once. Whatever
goes wrong on purpose is one sentence on standard error and exit status 2; Ctrl-C is status 130.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import mammoview
from mammoview.domain import Film, Given, Laterality, Magnification, Progress, Settings, View
from mammoview.errors import BadSetting, MammoviewError

__all__ = ["folders_for", "main", "settings_from"]

ELSEWHERE: Final = {
    "train": ("train the networks on your own films", "mammoview.training.command"),
    "paper": ("put the figures that were measured beside the paper's", "mammoview.evaluation.paper_command"),
    "familiarity": (
        "count the films that are warned of as unlike the training films",
        "mammoview.evaluation.familiarity_command",
    ),
    "bench": ("measure how fast the engine is on this machine", "mammoview.bench.command"),
    "evaluate": ("measure the networks on annotated films", "mammoview.evaluation.command"),
}
"""Commands that live with what they run: a module with `add_arguments(parser)` and `run(arguments)`."""

SETTINGS: Final[dict[str, tuple[Callable[[str], Any], Callable[[Any], bool], str]]] = {
    "stride": (int, lambda stride: stride in (32, 64), "32 or 64"),
    "magnification": (lambda text: Magnification(float(text)), lambda _: True, "0.5, 0.33 or 0.25"),
    "tissue_threshold": (float, lambda share: 0 <= share <= 1, "a number from 0 to 1"),
    "heat_level": (float, lambda share: 0 <= share <= 1, "a number from 0 to 1"),
    "batch": (int, lambda count: count >= 1, "a whole number from 1 on"),
}
"""How each setting is read, what it may be, and that in words."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 2 for a refusal, 130 after Ctrl-C."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        arguments = _parser(argv).parse_args(argv)
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        _complain("stopped")
        return 130
    except MammoviewError as error:
        _complain(str(error))
    except MemoryError:
        _complain("there is not enough memory for this; close other programs, or assess one scan at a time")
    except OSError as error:
        _complain(f"{error.filename or 'a file'} cannot be used: {error.strerror or error}")
    return 2


def settings_from(pairs: Sequence[str]) -> Settings:
    """Settings from KEY=VALUE words; those not named keep their defaults.

    Raises
    ------
    BadSetting
        If a key is unknown or its value out of range.
    """
    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if key not in SETTINGS:
            raise BadSetting(f"setting {key!r} is unknown: choose among {', '.join(sorted(SETTINGS))}")
        convert, fits, words = SETTINGS[key]
        try:
            values[key] = convert(text)
        except ValueError:
            raise BadSetting(f"setting {key} must be {words}, not {text!r}") from None
        if not (equals and fits(values[key])):
            raise BadSetting(f"setting {key} must be {words}, not {text!r}")
    return Settings(**values)


def folders_for(films: Sequence[Film], out: Path) -> list[Path]:
    """Where each film's files go: `out` itself for one film, else a folder of the film's name in it.

    Of films with the same name (upper and lower case alike, as some file systems do) the second
    gets -2, and so on.
    """
    if len(films) == 1:
        return [out]
    taken: set[str] = set()
    folders = []
    for film in films:
        stem = re.sub(r"[/\\\0]", "_", film.source).strip(". ") or "scan"
        names = (stem if count == 1 else f"{stem}-{count}" for count in range(1, len(films) + 1))
        name = next(name for name in names if name.casefold() not in taken)
        taken.add(name.casefold())
        folders.append(out / name)
    return folders


class _Parser(argparse.ArgumentParser):
    """Refuses as the rest of Mammoview does, instead of printing the usage."""

    def error(self, message: str) -> NoReturn:
        raise BadSetting(f"{message} (see `{self.prog} --help`)")


def _parser(argv: Sequence[str]) -> _Parser:
    """The parser of all commands; of those that live elsewhere only the wanted one is filled in."""
    wanted = next((word for word in argv if not word.startswith("-")), None)
    parser = _Parser(
        prog="mammoview",
        description="Mammography assessment with multi-scale deep classifiers. Research use only.",
    )
    parser.add_argument("--version", action="version", version=f"mammoview {mammoview.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_assess(commands)
    _add_phantom(commands)
    for name, (purpose, module) in ELSEWHERE.items():
        command = commands.add_parser(name, help=purpose, description=f"{purpose.capitalize()}.")
        if name == wanted:
            home = import_module(module)
            home.add_arguments(command)
            command.set_defaults(run=home.run)
    return parser


def _add_assess(commands: Any) -> None:
    purpose = "assess mammograms; write assessment.json, layers.npz, overlay.png and report.html"
    command = commands.add_parser("assess", help=purpose, description=f"{purpose.capitalize()}.")
    command.set_defaults(run=_assess)
    add = command.add_argument
    add(
        "scans",
        nargs="+",
        type=Path,
        metavar="SCAN",
        help="a film, a DICOM file, or a DDSM case folder or .ics",
    )
    add("--out", required=True, type=Path, metavar="DIR", help="several films get one folder each in it")
    add("--laterality", type=_one_of(Laterality), metavar="L|R", help="for files that do not say")
    add("--view", type=_one_of(View), metavar="CC|MLO", help="for files that do not say")
    add("--spacing-mm", type=_spacing, metavar="X", help="millimetres per pixel of the film at its true size")
    add("--as-size", type=_size, metavar="ROWSxCOLUMNS", help="true size of a film that was stored resized")
    add("--outlines", type=Path, metavar="FILE", help="a DDSM .OVERLAY in pixels of the true size")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: cuda where there is one")
    add(
        "--engine",
        choices=("auto", "plain", "bfloat16", "openvino"),
        default="auto",
        help="what runs the networks; plain is PyTorch in float32 (default: the fastest that is there)",
    )
    add(
        "--settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"of {', '.join(sorted(SETTINGS))}",
    )
    add("--weights", type=Path, metavar="DIR", help="other networks than those that come along")
    add("--partial", action="store_true", help="accept what there is of a truncated file")
    add("--standard-ljpeg", action="store_true", help="read .LJPEG by the JPEG standard, not by PVRG's rule")


def _add_phantom(commands: Any) -> None:
    purpose = "make a synthetic DDSM case with known lesions, or put such lesions into films"
    command = commands.add_parser("phantom", help=purpose, description=f"{purpose}.".replace("make", "Make"))
    command.set_defaults(run=_phantom)
    add = command.add_argument
    add(
        "--out", required=True, type=Path, metavar="DIR", help="the case gets a folder in it; a dataset is it"
    )
    add("--seed", type=_seed, metavar="N", help="another number, other lesions (default: the demo's)")
    add(
        "--into",
        type=Path,
        metavar="FILMS",
        help="a folder of normal films, named as DDSM does (A_0018_1.LEFT_CC.jpg): write a dataset of copies "
        "with synthetic lesions in them, to train on",
    )
    add("--spacing-mm", type=_spacing, metavar="X", help="of the FILMS: millimetres per pixel, at most 0.1")
    add("--copies", type=_count, metavar="N", help="of each film; every fifth has no lesion (default: 10)")
    add("--film-spacing-mm", type=_spacing, metavar="X", help="of the copies (default: 0.1)")
    add("--workers", type=_count, metavar="N", help="processes that make the copies (default: 1)")


def _one_of(kind: type[Laterality] | type[View]) -> Callable[[str], Laterality | View]:
    def convert(text: str) -> Laterality | View:
        try:
            return kind(text.upper())
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(kind)}") from None

    return convert


def _spacing(text: str) -> float:
    from mammoview.readers.limits import COARSEST_MM, FINEST_MM, plausible_spacing

    try:
        spacing = float(text)
    except ValueError:
        spacing = 0.0
    if not plausible_spacing(spacing):
        raise argparse.ArgumentTypeError(f"{text!r} is not a spacing of {FINEST_MM:g} to {COARSEST_MM:g} mm")
    return spacing


def _size(text: str) -> tuple[int, int]:
    from mammoview.readers.limits import LONGEST_EDGE, MOST_PIXELS

    found = re.fullmatch(r"([0-9]{1,6})[x×X]([0-9]{1,6})", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROWSxCOLUMNS, such as 5296x2566")
    rows, columns = int(found[1]), int(found[2])
    if min(rows, columns) < 64 or max(rows, columns) > LONGEST_EDGE or rows * columns > MOST_PIXELS:
        raise argparse.ArgumentTypeError(f"{text} is not the size of a film in pixels")
    return rows, columns


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,4}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _assess(arguments: argparse.Namespace) -> int:
    settings, given = settings_from(arguments.settings), _given(arguments)
    _check_destination(arguments.out)

    from mammoview.readers import open_case

    opened = [film for scan in arguments.scans for film in open_case(scan, given)]
    films, folders = _all_readable(opened), folders_for(opened, arguments.out)

    from mammoview import export
    from mammoview.backend import Assessor

    assess = Assessor(arguments.weights, arguments.device, arguments.engine)
    for film, folder in zip(films, folders, strict=True):
        mammogram = film.read()
        with _progress_of(film.source) as progress:
            assessment = assess(mammogram, settings, progress)
        export.write(assessment, mammogram, folder)
        for warning in dict.fromkeys((*mammogram.warnings, *assessment.warnings)):
            _complain(f"warning: {warning}")
        sys.stdout.write(
            f"{film.source}: score {assessment.score:.2f}, findings {len(assessment.findings)}, in {folder}\n"
        )
    return 0


def _given(arguments: argparse.Namespace) -> Given:
    if arguments.outlines is not None and len(arguments.scans) > 1:
        raise BadSetting("--outlines belongs to one film: give one SCAN with it")
    return Given(
        laterality=arguments.laterality,
        view=arguments.view,
        spacing_mm=arguments.spacing_mm,
        as_size=arguments.as_size,
        outlines=arguments.outlines,
        partial=arguments.partial,
        standard_ljpeg=arguments.standard_ljpeg,
    )


def _check_destination(out: Path) -> None:
    nearest = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise BadSetting(f"--out {out} cannot be a folder, since {nearest} is a file: name another one")


def _all_readable(films: Sequence[Film]) -> list[Film]:
    """The same films after each was read once, so that a bad one stops the work before it begins."""
    if len(films) == 1:
        mammogram = films[0].read()
        return [replace(films[0], read=lambda: mammogram)]
    for film in films:
        film.read()
    return list(films)


@contextmanager
def _progress_of(name: str) -> Iterator[Progress]:
    """A bar on standard error, where that is a terminal."""
    from tqdm import tqdm

    layout = "{desc} {percentage:3.0f}%|{bar:30}| {elapsed} {postfix}"
    silent = not sys.stderr.isatty()
    with tqdm(total=1.0, desc=name, bar_format=layout, disable=silent, leave=False) as bar:

        def report(share: float, what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update(share - bar.n)

        yield report


def _phantom(arguments: argparse.Namespace) -> int:
    from mammoview.phantom import DEMO_SEED, write_case

    names = ("spacing_mm", "copies", "film_spacing_mm", "workers")
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    _check_destination(arguments.out)
    seed = DEMO_SEED if arguments.seed is None else arguments.seed
    if arguments.into is not None:
        return _phantom_into(arguments.into, arguments.out, seed, given)
    if given:
        option = f"--{next(iter(given)).replace('_', '-')}"
        raise BadSetting(f"{option} is for lesions in films: give --into FILMS with it, or leave it out")
    sys.stdout.write(f"{write_case(arguments.out, seed)}\n")
    return 0


def _phantom_into(films: Path, out: Path, seed: int, given: dict[str, Any]) -> int:
    from mammoview.phantom.dataset import write_dataset

    if "spacing_mm" not in given:
        raise BadSetting("--into needs --spacing-mm, the millimetres per pixel of the films: give it as well")
    with _progress_of(out.name) as progress:
        written = write_dataset(films, out, seed=seed, progress=progress, **given)
    sys.stdout.write(f"{written}\n")
    return 0


def _complain(sentence: str) -> None:
    sys.stderr.write(f"mammoview: {' '.join(sentence.split())}\n")
