"""The views of the reader's case beside one another, as far as each may be shown."""

from __future__ import annotations

from dataclasses import replace

from mammoview.errors import MammoviewError
from mammoview.ui import case_to_case, reading
from mammoview.ui.session import Session
from mammoview.ui.viewer import Hanging, Hung, Place, hang

__all__ = ["of_case"]


def of_case(reader: Session, film: int) -> Hanging | None:
    """What would hang beside this film, or does; None where a case has one film alone."""
    if len(reader.films) < 2:
        return None
    case = reader.case_number
    places = hang([(each.laterality, each.view) for each in reader.films])
    if reader.hung_over != film:  # another film was chosen: that one is to be seen
        reader.hung_over = None
    films: dict[int, Hung] = {}
    if reader.hung_over is not None:
        places = tuple(_filled(reader, place, films) for place in places)

    def is_open() -> bool:
        return bool(reader.films) and reader.case_number == case

    def turn(on: bool) -> None:
        if is_open():
            reader.hung_over = film if on else None

    def show(number: int) -> None:
        if is_open():
            reader.hung_over = None
            case_to_case.show_view(reader, number)

    return Hanging(places, film, films, reader.hung_over is not None, turn, show, case)


def _filled(reader: Session, place: Place, films: dict[int, Hung]) -> Place:
    """The place as it is with its film read, which joins `films`, or empty where it cannot be."""
    if place.film is None:
        return place
    number = place.film
    try:
        mammogram = reading.film_of(reader, number)
    except MammoviewError as error:
        return replace(place, film=None, words=str(error))
    withheld = reading.seen(reader, number, mammogram)
    assessment = None if withheld else reader.assessment(number)
    films[number] = Hung(mammogram, assessment, reader.state(number), withheld)
    return place
