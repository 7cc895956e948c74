"""Pictures drawn ahead of the sliders, and kept in the browser.

A move of a slider that has to ask Python for its picture spends most of its time on messages. So, when
nothing else is to do, Python draws the pictures of the positions that are likely next. The page then has
them when they are asked for, and Python draws the one that it shows again when the hand rests.
"""

import asyncio
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import anywidget
import ipywidgets
import traitlets

from bphelpers.teaching.widgets import slider
from bphelpers.teaching.widgets.turn import Turn

MOST_KEPT = 200
STRAIGHT_ON, EITHER_WAY = (1, 2, -1, 3, 4, 5), (1, -1)
PAUSE = 0.1  # seconds until the hand rests: while a slider is dragged, what comes next cannot be told

Place = tuple[int, ...]


class View(NamedTuple):
    """What stands under the sliders."""

    picture: bytes
    text: str

    @property
    def words(self) -> str:
        """The text as the page has it."""
        return spoken(self.text)


def spoken(text: str, kind: str = "bp-words") -> str:
    """A line that is read out when it changes."""
    return f'<p class="{kind}" role="status" aria-live="polite">{html.escape(text)}</p>'


class Ahead(anywidget.AnyWidget):  # type: ignore[misc]
    """Keeps the views of one live figure, and sees to it that the page shows the right one.

    It is never displayed: its script begins as soon as the page knows of it.

    Parameters
    ----------
    sliders
        Name to slider.
    picture, words
        What all pictures are shown in, and the line below.
    view
        ``view(values)`` draws and describes. It may raise.
    again
        Shows the present view, drawn anew.
    turn
        Where drawing ahead waits for its turn.

    Lesson: 12_playground.
    """

    _esm = files("bphelpers.teaching.widgets").joinpath("ahead.js").read_text(encoding="utf-8")
    sliders: Any = traitlets.List().tag(sync=True, **ipywidgets.widget_serialization)
    picture = traitlets.Any().tag(sync=True, **ipywidgets.widget_serialization)
    words = traitlets.Any().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(
        self,
        sliders: Mapping[str, Any],
        picture: ipywidgets.Image,
        words: ipywidgets.HTML,
        view: Callable[[dict[str, Any]], View],
        again: Callable[[], None],
        turn: Turn,
    ) -> None:
        self._named = dict(sliders)
        self._view = view
        self._again = again
        self._turn = turn
        self._listening = False
        self._views: dict[Place, View] = {}
        self._sent: set[Place] = set()
        self._here: Place | None = None
        self._cells = 0
        self._resting = False
        self._waiting: asyncio.TimerHandle | None = None
        super().__init__(sliders=list(sliders.values()), picture=picture, words=words)
        self.on_msg(lambda *_: turn.take(self._begin))

    def show(self, values: dict[str, Any], *, kept: bool) -> str:
        """Have the page show the view for the values; returns its text.

        ``kept``: a view that was drawn before will do for now; once the hand rests, it is drawn again. What a
        figure shows may depend on more than its sliders.
        """
        before, self._here = self._here, self._place()
        if self._listening:
            self._heed_cells()
        view = self._views.get(self._here) if kept and self._here else None
        if view is None:
            view = self._drawn(self._here, values)
        if self._here is None or self._here not in self._sent:
            self.picture.value = view.picture
        self.words.value = view.words
        if self._listening and not self._resting:
            self._plan(before)
        return view.text

    def _begin(self) -> None:
        """A page has opened: what another one was sent, it does not have."""
        self._listening = True
        self._cells = _cells_run()
        self._forget()
        self._here = self._place()
        self._plan(self._here)

    def _place(self) -> Place | None:
        where = [slider.position_of(one) for one in self._named.values()]
        known = tuple(k for k in where if k is not None)
        return known if len(known) == len(where) else None

    def _drawn(self, place: Place | None, values: dict[str, Any]) -> View:
        view = self._view(values)
        if self._listening and place is not None:
            changed = self._views.get(place, view) != view
            if changed or (place not in self._views and len(self._views) >= MOST_KEPT):
                self._forget()
            self._views[place] = view
        return view

    def _heed_cells(self) -> None:
        """What a cell has changed since may be what the pictures are of."""
        cells = _cells_run()
        if cells != self._cells:
            self._cells = cells
            self._forget()

    def _forget(self) -> None:
        self._views.clear()
        self._sent.clear()
        self.send({"forget": True}, [b""])

    def _plan(self, before: Place | None) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._here is None or before is None:
            return
        jumped = any(abs(a - b) > 1 for a, b in zip(self._here, before, strict=True))
        counts = [len(slider.positions(one)) for one in self._named.values()]
        self._wait(PAUSE if jumped else 0, near(self._here, before, counts))

    def _wait(self, seconds: float, places: Iterator[Place]) -> None:
        self._waiting = self._turn.later(seconds, lambda: self._draw_next(places))

    def _draw_next(self, places: Iterator[Place]) -> None:
        self._waiting = None
        self._heed_cells()
        place = next((one for one in places if one not in self._sent), None)
        if place is None:
            self._waiting = self._turn.later(PAUSE, self._rest)
            return
        try:
            view = self._views.get(place) or self._drawn(place, self._values(place))
        except Exception:  # it is told when it is asked for
            pass
        else:
            self._sent.add(place)
            self.send({"place": place, "words": view.words}, [view.picture])
        self._wait(0, places)

    def _rest(self) -> None:
        """Draw the present view again: if it is another one now, none of those kept can be trusted."""
        self._waiting = None
        kept = self._views.get(self._here) if self._here else None
        self._resting = True
        try:
            self._again()
        finally:
            self._resting = False
        view = self._views.get(self._here) if self._here else None
        if view is not None:
            self.picture.value = view.picture  # for a page that opens later, or does not run our script
            if view != kept:
                self._plan(self._here)

    def _values(self, place: Place) -> dict[str, Any]:
        return {
            name: slider.positions(one)[k] for (name, one), k in zip(self._named.items(), place, strict=True)
        }


def near(here: Place, before: Place, counts: Sequence[int]) -> Iterator[Place]:
    """The present place, and those that are likely to be asked for next, the likeliest first.

    >>> list(near((4, 0), (3, 0), (7, 3)))
    [(4, 0), (5, 0), (6, 0), (3, 0), (4, 1)]
    """
    yield here
    moves = [now - then for now, then in zip(here, before, strict=True)]
    for k in sorted(range(len(here)), key=lambda k: moves[k] == 0):
        way = 1 if moves[k] >= 0 else -1
        for step in STRAIGHT_ON if moves[k] else EITHER_WAY:
            to = here[k] + way * step
            if 0 <= to < counts[k]:
                yield (*here[:k], to, *here[k + 1 :])


def _cells_run() -> int:
    import IPython

    shell = IPython.get_ipython()
    return 0 if shell is None else int(shell.execution_count)
