"""The time left for all networks, from the pace of those that have begun."""

from __future__ import annotations

import pytest

from mammoview.training.outlook import Outlook, in_words


def test_networks_that_have_not_begun_last_as_long_as_the_others_on_the_average() -> None:
    outlook = Outlook(["a", "b", "c"])
    assert outlook.begin("a") == "network 1 of 3: a"
    outlook.begin_part()
    assert outlook.left(30, 60) == 30 + 2 * 60
    outlook.begin_part()
    assert outlook.left(40, 40) == 40 + 2 * (60 + 40)
    assert outlook.begin("b") == "network 2 of 3: b"
    outlook.begin_part()
    assert outlook.left(200, 200) == 200 + 150
    outlook.begin("c")
    outlook.begin_part()
    assert outlook.left(7, 900) == 7
    assert outlook.says(7, 900) == "about 7 s left for all 3 networks"


def test_one_network_says_no_more_than_its_own_progress() -> None:
    outlook = Outlook(["a"])
    outlook.begin_part()
    assert outlook.says(30, 100) == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(40, "40 s"), (89.6, "90 s"), (840, "14 min"), (7500, "2 h 05 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
