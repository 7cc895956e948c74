"""Pictures drawn before they are asked for: which, that they are right, and when they are forgotten.

The page is played here: a list takes what is sent to it. What it makes of that, test_browser.py tries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from bphelpers.teaching.widgets import LiveFigure, live_figure, prefetch, slider
from bphelpers.teaching.widgets.prefetch import Place, near

drawn: list[tuple[int, int]] = []


def draw(fig: Figure, k: int, j: int) -> Callable[..., object]:
    ax = fig.subplots()
    ax.set_ylim(0, 40)

    def update(k: int, j: int) -> None:
        drawn.append((k, j))
        if k == 13:
            raise ZeroDivisionError("thirteen")
        ax.bar([0, 1], [k, j])

    return update


def bars() -> LiveFigure:
    return live_figure(
        draw, lambda k, j: f"k = {k}, j = {j}", size=(3, 2), k=("k", 1, 40, 1, 5), j=("j", 0, 3, 1, 1)
    )


class Page:
    """What a page would hold: the views by place, in the order in which they came."""

    def __init__(self, live: LiveFigure) -> None:
        self.live = live
        self.views: dict[Place, tuple[str, bytes]] = {}
        live._prefetcher.send = self.hear

    def hear(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        if message.get("forget"):
            self.views.clear()
        else:
            assert tuple(message["place"]) not in self.views, "sent twice"
            self.views[tuple(message["place"])] = (message["words"], buffers[0])

    async def opens(self) -> None:
        self.live._prefetcher._handle_custom_msg("ready", [])
        await self.is_quiet()

    async def sends(self, **values: int) -> None:
        """A move by the page, whose messages come in another thread."""
        for name, value in values.items():
            await asyncio.to_thread(setattr, self.live.sliders[name], "value", value)
        await asyncio.sleep(0)

    async def moves(self, **values: int) -> None:
        await self.sends(**values)
        await self.is_quiet()

    async def is_quiet(self) -> None:
        await asyncio.sleep(0)
        while self.live._prefetcher._waiting is not None:
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "PAUSE", 0)
    drawn.clear()


def in_a_notebook(play: Callable[[LiveFigure, Page], Any], make: Callable[[], LiveFigure] = bars) -> None:
    async def cell() -> None:
        live = make()
        await play(live, Page(live))

    asyncio.run(cell())


def played(play: Callable[[LiveFigure, Page], Any]) -> Callable[[], None]:
    """A test: what is played in a notebook with the bars."""
    return lambda: in_a_notebook(play)


def fresh(k: int, j: int) -> tuple[str, bytes]:
    """Words and picture of a live figure that was never moved by any other way than asking for these."""
    live = bars()
    live.sliders["k"].value, live.sliders["j"].value = k, j
    return live._words.value, live._picture.value


def all_right(page: Page) -> bool:
    return all(view == fresh(k + 1, j) for (k, j), view in page.views.items())


@played
async def test_a_page_that_opens_is_sent_the_present_view_and_its_neighbours(
    live: LiveFigure, page: Page
) -> None:
    await page.opens()
    assert list(page.views) == [(4, 1), (5, 1), (3, 1), (4, 2), (4, 0)] and all_right(page)
    first = dict(page.views)
    page.views.clear()  # another page, which has nothing
    await page.opens()
    assert page.views == first


@played
async def test_after_a_move_the_slider_that_moved_comes_first(live: LiveFigure, page: Page) -> None:
    await page.opens()
    drawn.clear()
    await page.moves(k=6)
    assert drawn == [(6, 1), (7, 1), (8, 1), (9, 1), (3, 1), (6, 2), (6, 0)], (
        "what is shown, then what is new"
    )
    del drawn[:]
    await page.moves(k=7)
    assert drawn == [(7, 1), (10, 1), (7, 2), (7, 0)]
    assert page.views[6, 1] == fresh(7, 1) and all_right(page)
    await page.opens()
    assert (live._words.value, live._picture.value) == fresh(7, 1), "for a page that opens later"


@played
async def test_a_view_that_the_page_has_is_not_sent_again(live: LiveFigure, page: Page) -> None:
    await page.opens()
    first = live._picture.value
    live._prefetcher._thread.run_later = lambda seconds, work: None
    await page.sends(k=6)
    assert live._picture.value is first and live.text == "k = 6, j = 1" and "k = 6" in live._words.value
    await page.sends(k=30)
    assert live._picture.value == fresh(30, 1)[1]


def test_what_was_planned_before_a_move_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        drawn.clear()
        monkeypatch.setattr(prefetch, "PAUSE", 0.1)
        await page.sends(k=30)
        await page.moves(k=20)
        assert drawn[:3] == [(30, 1), (20, 1), (21, 1)] and not {(29, 1), (31, 1)} & set(drawn)

    in_a_notebook(play)


factor = 1


def scaled() -> LiveFigure:
    def draw(fig: Figure, k: int) -> None:
        fig.text(0.5, 0.5, str(factor * k), size=30)

    return live_figure(draw, lambda k: f"{factor * k}", size=(2, 1), k=("k", 1, 40, 1, 5))


def test_what_something_else_has_changed_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell, or a button's callback. Python draws what it is asked for, and finds that all has changed."""

    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        assert page.views[(5,)][0].endswith(">6</p>")
        monkeypatch.setattr("test_prefetch.factor", 2)
        await page.sends(k=6)
        assert live.text == "12" and ">12<" in live._words.value
        await page.is_quiet()
        assert page.views[(5,)] == (live._words.value, live._picture.value)
        shown = {int(words.split(">")[1].split("<")[0]) for words, _ in page.views.values()}
        assert shown == {6, 8, 10, 12, 14, 16, 18}

    in_a_notebook(play, scaled)


def test_without_a_page_or_a_notebook_it_draws_when_asked() -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.is_quiet()
        await page.moves(k=6)
        assert drawn == [(5, 1), (6, 1)] and page.views == {}

    in_a_notebook(play)
    live = bars()
    page = Page(live)
    live._prefetcher._handle_custom_msg("ready", [])
    live.sliders["k"].value = 6
    assert live.text == "k = 6, j = 1" and live._picture.value == fresh(6, 1)[1] and page.views == {}


@played
async def test_what_cannot_be_drawn_is_told_when_it_is_asked_for(live: LiveFigure, page: Page) -> None:
    await page.opens()
    await page.moves(k=12)
    assert live.error is None and live.text == "k = 12, j = 1"
    assert (12, 1) not in page.views and (13, 1) in page.views  # 13 itself is left out, 14 is there
    await page.moves(k=13)
    assert isinstance(live.error, ZeroDivisionError) and "bp-failed" in live._words.value
    await page.moves(k=14)
    assert live.error is None and live._words.value == fresh(14, 1)[0] and all_right(page)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "MOST_KEPT", 12)

    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        for k in range(14, 24):
            await page.moves(k=k)
            assert len(page.views) <= 12 and set(page.views) == set(live._prefetcher._kept)
        assert page.views

    in_a_notebook(play)


@given(st.data())
def test_the_likely_places_are_places_near_and_none_twice(data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    here, before = (tuple(data.draw(st.integers(0, n - 1)) for n in counts) for _ in range(2))
    places = list(near(here, before, counts))
    assert places[0] == here and len(set(places)) == len(places)
    for place in places[1:]:
        moved = [abs(a - b) for a, b in zip(place, here, strict=True)]
        assert sorted(moved)[:-1] == [0] * (len(moved) - 1) and 0 < max(moved) <= 3
        assert all(0 <= k < n for k, n in zip(place, counts, strict=True))


KINDS = {
    "whole": (("n", 1, 10, 1, 3), 10, 2),
    "real": (("w", -3.0, 3.0, 0.1, -0.3), 61, 27),
    "last step shorter": (("w", 0.0, 1.0, 0.3, 1.0), 5, 4),
    "choice": (("layer", ["first", "second"]), 2, 0),
    "powers": (ipywidgets.FloatLogSlider(value=1e-14, min=-16, max=0, step=0.5), 33, 4),
    "text": (ipywidgets.Text(value="word"), 1, -1),
    "a slider without steps": (ipywidgets.FloatSlider(value=2.5, step=None), 1, -1),
    "typed": (ipywidgets.BoundedIntText(value=10, min=0, max=50, step=5), 1, -1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_positions_are_counted(kind: str) -> None:
    spec, count, at = KINDS[kind]
    one = slider.make("one", spec)
    values = slider.positions(one)
    assert len(values) == count and slider.position_of(one) == at
    if at >= 0:
        for k, value in enumerate(values):
            one.value = value
            assert slider.position_of(one) == k
            exact = slider.value_of(one)
            assert exact == value or np.isclose(exact, value, rtol=1e-12, atol=0)


def shown_as_text(own: Any) -> Callable[[], LiveFigure]:
    return lambda: live_figure(
        lambda fig, it: fig.text(0.5, 0.5, str(it)), lambda it: str(it), size=(2, 1), it=own
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_on_a_page(kind: str) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        live._refresh()
        await page.is_quiet()
        assert live.error is None and bool(page.views) == (KINDS[kind][2] >= 0)

    in_a_notebook(play, shown_as_text(KINDS[kind][0]))


@pytest.mark.parametrize(("kind", "value"), [("text", "another"), ("typed", 13), ("powers", 3e-14)])
def test_a_value_between_the_positions_is_drawn_and_not_kept(kind: str, value: Any) -> None:
    own = KINDS[kind][0]

    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        before, first = dict(page.views), live._picture.value
        own.value = value
        await page.is_quiet()
        assert live.text == str(value) and f">{value}<" in live._words.value
        assert live._picture.value != first and page.views == before

    in_a_notebook(play, shown_as_text(own))
