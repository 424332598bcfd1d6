"""How long a training of several networks still takes."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Outlook", "in_words"]


class Outlook:
    """Counts networks and guesses the time left for all of them.

    A network that has not begun is taken to last as long as those that have, on the average.

    Parameters
    ----------
    names : sequence of str
        Of all networks, in the order of their training.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._current = 0
        self._parts: dict[int, list[float]] = {}

    def begin(self, name: str) -> str:
        """Which of how many this network is, in words."""
        self._current = self.names.index(name)
        return f"network {self._current + 1} of {len(self.names)}: {name}"

    def begin_part(self) -> None:
        """A network may be trained in several parts, one after the other."""
        self._parts.setdefault(self._current, []).append(0.0)

    def left(self, here_s: float, whole_s: float) -> float:
        """Seconds left for all networks.

        Parameters
        ----------
        here_s, whole_s : float
            Seconds that the present part still takes, and takes in all, at its present pace.
        """
        self._parts[self._current][-1] = whole_s
        usual = sum(map(sum, self._parts.values())) / len(self._parts)
        return here_s + usual * (len(self.names) - self._current - 1)

    def says(self, here_s: float, whole_s: float) -> str:
        """`left` in words; for one network, nothing that its own progress does not say."""
        left = in_words(self.left(here_s, whole_s))
        return f"about {left} left for all {len(self.names)} networks" if len(self.names) > 1 else ""


def in_words(seconds: float) -> str:
    """Such as "2 h 05 min", "14 min" or "40 s"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
