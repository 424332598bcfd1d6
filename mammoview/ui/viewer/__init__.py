"""The viewer in the browser: a film and its layers on canvases, without a round trip to Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import streamlit as st

from mammoview.domain import Assessment, Magnification, Mammogram
from mammoview.ui.viewer.hanging import Hanging, Hung, Place, hang, hanging_data, take_wish
from mammoview.ui.viewer.marking import Marking, mark_data, take_mark
from mammoview.ui.viewer.payload import MeasuredError, film_id, film_payload, layers_payload
from mammoview.ui.viewer.profiling import Profiled, Profiling, take_line
from mammoview.ui.viewer.stepping import Stepping, Taken, step_data, steps_asked

__all__ = [
    "Hanging",
    "Hung",
    "Marking",
    "MeasuredError",
    "Place",
    "Profiled",
    "Stepping",
    "Taken",
    "hang",
    "viewer",
]

Made = TypeVar("Made")
_HERE = Path(__file__).parent


def _text(*names: str) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


# Both carry the same script, which the browser loads once: what the second one is given reaches the
# first there. So new layers do not send the film again.
_DRAWING = ("film.js", "layers.js", "contours.js", "tools.js", "loupe.js", "blink.js", "mark.js", "step.js")
_COMPARING = ("pairing.js", "agreement.js", "profile.js")
_PANES = ("reading.js", "place.js", "pane.js", "several.js", "side_by_side.js", "arc.js", "hanging.js")
_SCRIPT = _text(*_DRAWING, *_COMPARING, *_PANES, "arrangement.js", "viewer.js")
_film = st.components.v2.component(
    "mammoview.viewer", html=_text("viewer.html"), css=_text("viewer.css"), js=_SCRIPT
)
_layers = st.components.v2.component("mammoview.viewer.layers", js=_SCRIPT)
_step = st.components.v2.component("mammoview.viewer.step", js=_text("step_channel.js"))
_hanging = st.components.v2.component("mammoview.viewer.hanging", js=_text("hanging_channel.js"))
_mark = st.components.v2.component("mammoview.viewer.mark", js=_text("mark_channel.js"))
_profile = st.components.v2.component("mammoview.viewer.profile", js=_text("profile_channel.js"))


def viewer(
    mammogram: Mammogram,
    assessment: Assessment | None,
    *,
    key: str,
    magnification_errors: Mapping[Magnification, MeasuredError] | None,
    state: str = "not run",
    warnings: Sequence[str] = (),
    withheld: bool = False,
    marking: Marking | None = None,
    profiling: Profiling | None = None,
    stepping: Stepping | None = None,
    hanging: Hanging | None = None,
) -> None:
    """Show a film with the evidence over it; every reading control works in the browser alone.

    Parameters
    ----------
    mammogram : Mammogram
        Shown as stored, never flipped. Another film resets zoom and window and is seen without layers;
        their opacities and the magnification stay.
    assessment : Assessment or None
        None shows the film with the reader's outlines; the other layers say `state`.
    key : str
        Names the viewer on its page; keep it from film to film.
    magnification_errors : mapping of Magnification to MeasuredError, or None
        Shown beside the choice of each magnification.
    state : str
        Why there is no assessment: "not run", "running" or "failed".
    warnings : sequence of str
        Counted above the film, since the page has them in full below it.
    withheld : bool
        The browser is sent nothing that networks or readers said of the film, and its layers are disabled.
    marking : Marking or None
        Lets the reader mark a pixel; None takes the tool and the marks away.
    profiling : callable or None
        Told of the line of which she wants a profile; with None, nothing is told.
    stepping : Stepping or None
        Lets the keys go to the next view or case; without it they do nothing.
    hanging : Hanging or None
        Lets the reader hang the views of the case; None where there is but one film.
    """
    film = _kept(f"{key}.film", (mammogram,), lambda: film_payload(mammogram, key))
    layers = _kept(
        f"{key}.layers",
        (mammogram, assessment, dict(magnification_errors or {}), state, tuple(warnings), withheld),
        lambda: layers_payload(mammogram, assessment, magnification_errors, key, state, warnings, withheld),
    )
    with st.container(gap=None):
        _film(key=f"{key}.film", data=film)
        _layers(key=f"{key}.layers", data=layers)
        film_of = _kept(f"{key}.id", (mammogram,), lambda: film_id(mammogram))
        if profiling is not None:
            name = f"{key}.profile"
            took_line = partial(_lined, name, film_of, mammogram.pixels.shape, profiling)
            _profile(key=name, data={"viewer": key, "film": film_of}, on_line_change=took_line)
        if stepping is not None:
            name = f"{key}.step"
            _step(key=name, data=step_data(key, stepping), on_step_change=partial(_stepped, name, stepping))
        if marking is not None:
            name = f"{key}.mark"
            took = partial(_marked, name, film_of, mammogram.pixels.shape, marking)
            _mark(key=name, data=mark_data(key, film_of, marking), on_mark_change=took)
        _hang(key, hanging)


def _hang(key: str, hanging: Hanging | None) -> None:
    """The channel of the hanging, and what hangs; nothing of it is kept once it does not."""
    films = {} if hanging is None else hanging.films
    for number, hung in films.items():
        slot, shown = f"{key}.hung.{number}", hung.mammogram
        film = _kept(f"{slot}.film", (shown,), partial(film_payload, shown, key, number))
        made_from = (shown, hung.assessment, hung.state, hung.withheld)
        layers = _kept(f"{slot}.layers", made_from, partial(_hung_layers, key, number, hung))
        _layers(key=f"{slot}.film", data=film)
        _layers(key=f"{slot}.layers", data=layers)
    slots = tuple(f"_packed.{key}.hung.{number}." for number in films)
    for name in [str(each) for each in st.session_state if str(each).startswith(f"_packed.{key}.hung.")]:
        if not name.startswith(slots):
            del st.session_state[name]
    if hanging is not None:
        name = f"{key}.hanging"
        _hanging(key=name, data=hanging_data(key, hanging), on_wish_change=partial(_wished, name, hanging))


def _hung_layers(key: str, number: int, hung: Hung) -> bytes:
    return layers_payload(
        hung.mammogram, hung.assessment, None, key, hung.state, withheld=hung.withheld, hung=number
    )


def _wished(name: str, hanging: Hanging) -> None:
    take_wish(st.session_state[name].get("wish"), hanging)


def _marked(name: str, film: str, shape: tuple[int, int], marking: Marking) -> None:
    take_mark(st.session_state[name].get("mark"), film, shape, marking)


def _lined(name: str, film: str, shape: tuple[int, int], profiling: Profiling) -> None:
    take_line(st.session_state[name].get("line"), film, shape, profiling)


def _stepped(name: str, stepping: Stepping) -> None:
    cases, views, taken = steps_asked(st.session_state[name].get("step"), stepping.taken())
    if cases or views:
        stepping.go(cases, views, taken)


def _kept(slot: str, made_from: tuple[object, ...], make: Callable[[], Made]) -> Made:
    """Made again only when what it is made from is another (values compare by identity)."""
    name = f"_packed.{slot}"
    kept: tuple[tuple[object, ...], Made] | None = st.session_state.get(name)
    if kept is None or kept[0] != made_from:
        kept = (made_from, make())
        st.session_state[name] = kept
    return kept[1]
