"""Pictures drawn before they are asked for, and kept in the page: a press of a key need not wait for Python.

A move of a slider that asks Python for its picture spends most of its time on messages. So, when nothing else
is to do, Python draws the positions next to the present one and sends them. The page shows them when the
sliders come there; Python, which draws each position that it hears of, has the last word.
"""

import asyncio
import contextlib
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import anywidget
import ipywidgets
import traitlets

from bphelpers.teaching.widgets import slider
from bphelpers.teaching.widgets.cell_thread import CellThread

MOST_KEPT = 200
PAUSE = 0.02  # seconds until the hand rests: while a slider is dragged, what comes next cannot be told

Place = tuple[int, ...]  # the number of each slider's position


class View(NamedTuple):
    """What stands under the sliders."""

    picture: bytes
    text: str


def spoken(text: str, kind: str = "bp-words") -> str:
    """A line that is read out when it changes."""
    return f'<p class="{kind}" role="status" aria-live="polite">{html.escape(text)}</p>'


class Prefetcher(anywidget.AnyWidget):  # type: ignore[misc]
    """Fills the page's store of views of one live figure [12].

    It is never displayed: its script begins as soon as the page knows of it. ``draw(values)`` gives a view of
    a position, and may raise.
    """

    _esm = files("bphelpers.teaching.widgets").joinpath("prefetch.js").read_text(encoding="utf-8")
    widgets: Any = traitlets.List().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(
        self,
        sliders: Mapping[str, Any],
        picture: ipywidgets.Image,
        words: ipywidgets.HTML,
        draw: Callable[[dict[str, Any]], View],
        thread: CellThread,
    ) -> None:
        self._sliders, self._picture, self._words = sliders, picture, words
        self._draw, self._thread = draw, thread
        self._kept: dict[Place, View] = {}  # as in the page
        self._here: Place = ()
        self._shown: View
        self._listening = False
        self._waiting: asyncio.TimerHandle | None = None
        super().__init__(widgets=[picture, words, *sliders.values()])
        self.on_msg(lambda *_: thread.run(self._page_opened))

    def show(self, view: View) -> None:
        """Show what has been drawn for where the sliders stand, and fetch what may be asked for next."""
        before, self._shown = self._here, view
        self._here = tuple(slider.position_of(one) for one in self._sliders.values())
        kept = self._kept.get(self._here)
        if kept not in (None, view):
            self._forget()  # what is drawn depends on more than the sliders, and that has changed
        if kept != view:
            self._picture.value = view.picture
        self._words.value = spoken(view.text)
        self._plan(before)

    def _page_opened(self) -> None:
        self._listening = True
        self._forget()  # what another page was sent, this one does not have
        self._picture.value = self._shown.picture
        self._plan(self._here)

    def _forget(self) -> None:
        self._kept.clear()
        self.send({"forget": True}, [b""])

    def _plan(self, before: Place) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._listening and -1 not in self._here:
            counts = [len(slider.positions(one)) for one in self._sliders.values()]
            places = near(self._here, before or self._here, counts)
            self._waiting = self._thread.run_later(PAUSE, lambda: self._fetch(places))

    def _fetch(self, places: Iterator[Place]) -> None:
        """Draw and send the next view that the page does not have, and go on with the others in a moment."""
        self._waiting = None
        place = next((one for one in places if one not in self._kept), None)
        if place is None:
            return
        if len(self._kept) >= MOST_KEPT:
            self._forget()
        at = zip(self._sliders.items(), place, strict=True)
        values = {name: slider.positions(one)[k] for (name, one), k in at}
        with contextlib.suppress(Exception):  # what cannot be drawn is told when it is asked for
            view = self._shown if place == self._here else self._draw(values)
            self._kept[place] = view
            self.send({"place": place, "words": spoken(view.text)}, [view.picture])
        self._waiting = self._thread.run_later(0, lambda: self._fetch(places))


def near(here: Place, before: Place, counts: Sequence[int]) -> Iterator[Place]:
    """The present place, and those that are likely to be asked for next, the likeliest first.

    >>> list(near((4, 0), (3, 0), (7, 3)))
    [(4, 0), (5, 0), (3, 0), (6, 0), (2, 0), (1, 0), (4, 1)]
    """
    yield here
    for k in sorted(range(len(here)), key=lambda k: here[k] == before[k]):
        for step in (1, -1) if here[k] == before[k] else (1, -1, 2, -2, 3, -3):
            if 0 <= here[k] + step < counts[k]:
                yield (*here[:k], here[k] + step, *here[k + 1 :])
