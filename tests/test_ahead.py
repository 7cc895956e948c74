"""Pictures drawn ahead of the sliders: which, when, that they are right, and when they are forgotten.

The page is played here: a list takes what is sent to it. What it makes of that, test_browser.py tries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from bphelpers.teaching.widgets import LiveFigure, ahead, live_figure, slider
from bphelpers.teaching.widgets.ahead import Place, near

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
        live._ahead.send = self.hear

    def hear(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        if message.get("forget"):
            self.views.clear()
        else:
            assert tuple(message["place"]) not in self.views, "sent twice"
            self.views[tuple(message["place"])] = (message["words"], buffers[0])

    async def opens(self) -> None:
        self.live._ahead._handle_custom_msg("ready", [])
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
        while self.live._ahead._waiting is not None:
            await asyncio.sleep(0.01)


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of cells that were run."""
    run = [1]
    monkeypatch.setattr(ahead, "_cells_run", lambda: run[0])
    drawn.clear()
    yield run


def in_a_notebook(play: Callable[[LiveFigure, Page], Any]) -> None:
    async def cell() -> None:
        live = bars()
        await play(live, Page(live))

    asyncio.run(cell())


def fresh(k: int, j: int) -> tuple[str, bytes]:
    """Words and picture of a live figure that was never moved by any other way than asking for these."""
    before = len(drawn)
    live = bars()
    live.sliders["k"].value, live.sliders["j"].value = k, j
    del drawn[before:]
    return live._words.value, live._picture.value


def test_a_page_that_opens_is_sent_the_present_view_and_its_neighbours(cells: list[int]) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        assert list(page.views) == [(4, 1), (5, 1), (3, 1), (4, 2), (4, 0)]
        for (k, j), view in page.views.items():
            assert view == fresh(k + 1, j)

    in_a_notebook(play)


def test_a_step_to_a_view_that_was_sent_draws_only_what_comes_next(cells: list[int]) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        first = live._picture.value
        drawn.clear()
        live._ahead._turn.later = lambda seconds, work: None  # nothing is drawn ahead for a moment
        await page.sends(k=6)
        assert drawn == [] and live._picture.value is first and live.text == "k = 6, j = 1"
        assert "k = 6" in live._words.value
        del live._ahead._turn.later
        await page.moves(k=7)
        assert drawn == [(7, 1), (8, 1), (9, 1), (10, 1), (11, 1), (12, 1), (7, 2), (7, 0), (7, 1)]
        await page.moves(k=8)
        assert drawn[9:] == [(13, 1), (8, 2), (8, 0), (8, 1)]  # the last of each: what is shown, drawn again
        assert live._picture.value == fresh(8, 1)[1]
        for (k, j), view in page.views.items():
            assert view == fresh(k + 1, j)

    in_a_notebook(play)


def test_a_jump_is_drawn_at_once_and_its_neighbours_when_the_hand_rests(
    cells: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        drawn.clear()
        monkeypatch.setattr(ahead, "PAUSE", 3600)
        await page.sends(k=30)
        assert drawn == [(30, 1)] and live._picture.value == fresh(30, 1)[1]
        await asyncio.sleep(0.2)
        monkeypatch.setattr(ahead, "PAUSE", 0.01)
        await page.sends(k=20)
        assert drawn[:2] == [(30, 1), (20, 1)]
        await page.is_quiet()
        # Downwards, as the last move was; of the one before, nothing.
        ahead_of = [(19, 1), (18, 1), (21, 1), (17, 1), (16, 1), (15, 1), (20, 2), (20, 0)]
        assert drawn[2:] == [*ahead_of, (20, 1)]
        assert (19, 1) in page.views and page.views[19, 1] == fresh(20, 1)

    in_a_notebook(play)


factor = 1


def scaled() -> LiveFigure:
    def draw(fig: Figure, k: int) -> None:
        fig.text(0.5, 0.5, str(factor * k), size=30)

    return live_figure(draw, lambda k: f"{factor * k}", size=(2, 1), k=("k", 1, 40, 1, 5))


@pytest.mark.parametrize("by", ["page", "code"])
def test_what_something_else_has_changed_is_seen(
    cells: list[int], by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A button's callback, say: no cell is run. The page's move is put right when the hand rests."""

    async def cell() -> None:
        live = scaled()
        page = Page(live)
        await page.opens()
        assert page.views[(5,)][0].endswith(">6</p>")
        monkeypatch.setattr("test_ahead.factor", 2)
        if by == "code":
            live.sliders["k"].value = 6
            assert live.text == "12"
        await page.moves(k=6)
        assert live.text == "12" and ">12<" in live._words.value
        assert page.views[(5,)] == (live._words.value, live._picture.value)
        assert {int(words.split(">")[1].split("<")[0]) for words, _ in page.views.values()} >= {12, 14, 10}
        await page.moves(k=7)
        assert live.text == "14"

    asyncio.run(cell())


def test_for_a_page_that_opens_later_the_picture_is_the_present_one(cells: list[int]) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        await page.moves(k=6)
        assert (live._words.value, live._picture.value) == fresh(6, 1)

    in_a_notebook(play)


def test_closed_with_its_figure(cells: list[int]) -> None:
    live = bars()
    closed = []
    live._ahead.close = lambda: closed.append(0)
    live.close()
    assert closed == [0]


def test_without_a_page_nothing_is_drawn_ahead_and_nothing_kept(cells: list[int]) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.is_quiet()
        drawn.clear()
        await page.moves(k=6)
        await page.moves(k=5)
        await page.moves(k=6)
        assert drawn == [(6, 1), (5, 1), (6, 1)] and page.views == {}

    in_a_notebook(play)


def test_without_a_notebook_it_draws_when_asked(cells: list[int]) -> None:
    live = bars()
    page = Page(live)
    live._ahead._handle_custom_msg("ready", [])
    live.sliders["k"].value = 6
    assert live.text == "k = 6, j = 1" and live._picture.value == fresh(6, 1)[1] and page.views == {}


def test_what_a_cell_may_have_changed_is_forgotten(cells: list[int]) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        cells[0] += 1
        drawn.clear()
        live._ahead._turn.later = lambda seconds, work: None  # nothing is drawn ahead for a moment
        await page.sends(k=6)
        assert drawn == [(6, 1)] and page.views == {} and live._picture.value == fresh(6, 1)[1]
        del live._ahead._turn.later
        await page.moves(k=7)
        assert (6, 1) in page.views and (7, 1) in page.views
        cells[0] += 1  # while it is drawing ahead
        await page.moves(j=2)
        assert all(view == fresh(k + 1, j) for (k, j), view in page.views.items())

    in_a_notebook(play)


def test_what_cannot_be_drawn_is_told_when_it_is_asked_for(cells: list[int]) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        await page.moves(k=10)
        await page.moves(k=11)
        await page.moves(k=12)
        assert live.error is None and live.text == "k = 12, j = 1"
        assert (12, 1) not in page.views and (13, 1) in page.views  # 13 itself is left out, 14 is there
        await page.moves(k=13)
        assert isinstance(live.error, ZeroDivisionError) and "bp-failed" in live._words.value
        await page.moves(k=14)
        assert live.error is None and live._words.value == fresh(14, 1)[0]
        assert all(view == fresh(k + 1, j) for (k, j), view in page.views.items())

    in_a_notebook(play)


def test_a_second_page_is_sent_everything_again(cells: list[int]) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        first = dict(page.views)
        page.views.clear()  # another page, which has nothing
        await page.opens()
        assert page.views == first

    in_a_notebook(play)


def test_a_cell_that_is_run_while_it_draws_ahead(cells: list[int]) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        live._ahead._handle_custom_msg("ready", [])
        while len(page.views) < 2:
            await asyncio.sleep(0)
        cells[0] += 1
        await page.is_quiet()
        assert set(page.views) == {(4, 1), (5, 1), (3, 1), (4, 2), (4, 0)}

    in_a_notebook(play)


def test_what_was_planned_before_a_jump_is_dropped(cells: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        drawn.clear()
        monkeypatch.setattr(ahead, "PAUSE", 0.1)
        await page.sends(k=30)
        await page.sends(k=20)
        await page.is_quiet()
        await asyncio.sleep(0.3)
        assert not {(29, 1), (31, 1)} & set(drawn)

    in_a_notebook(play)


def test_after_a_single_step_it_draws_without_a_pause(
    cells: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        monkeypatch.setattr(ahead, "PAUSE", 3600)
        await page.sends(k=6)
        await asyncio.sleep(0.3)
        assert (7, 1) in page.views

    in_a_notebook(play)


def test_after_an_interrupted_rest_it_draws_on(cells: list[int]) -> None:
    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()

        def stopped() -> None:
            raise KeyboardInterrupt

        live._ahead._again, again = stopped, live._ahead._again  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            live._ahead._rest()
        live._ahead._again = again  # type: ignore[method-assign]
        await page.moves(k=6)
        assert (8, 1) in page.views

    in_a_notebook(play)


def test_the_slider_that_moved_comes_first() -> None:
    assert list(near((4, 1), (4, 0), (7, 3))) == [(4, 1), (4, 2), (4, 0), (5, 1), (3, 1)]


def test_beside_a_text_field_nothing_is_drawn_ahead(cells: list[int]) -> None:
    async def cell() -> None:
        live = live_figure(
            lambda fig, k, t: fig.text(0.5, 0.5, f"{k} {t}"),
            lambda k, t: f"{k} {t}",
            size=(2, 1),
            k=("k", 1, 9, 1, 5),
            t=ipywidgets.Text(value="word"),
        )
        page = Page(live)
        await page.opens()
        for word in ("one", "two", "three"):
            await page.sends(t=word)
            assert live.text == f"5 {word}"
        await page.is_quiet()
        assert page.views == {}

    asyncio.run(cell())


def test_what_is_kept_is_bounded(cells: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "MOST_KEPT", 12)

    async def play(live: LiveFigure, page: Page) -> None:
        await page.opens()
        for k in range(14, 40):
            await asyncio.sleep(0.01)
            await page.sends(k=k)
            assert len(page.views) <= 12 and len(live._ahead._views) <= 12
        await page.is_quiet()
        assert page.views and set(page.views) <= set(live._ahead._views)

    in_a_notebook(play)


@given(st.data())
def test_the_likely_places_are_places_near_and_none_twice(data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    here, before = (tuple(data.draw(st.integers(0, n - 1)) for n in counts) for _ in range(2))
    places = list(near(here, before, counts))
    assert places[0] == here and len(set(places)) == len(places)
    for place in places[1:]:
        moved = [abs(a - b) for a, b in zip(place, here, strict=True)]
        assert sorted(moved)[:-1] == [0] * (len(moved) - 1) and 0 < max(moved) <= 5
        assert all(0 <= k < n for k, n in zip(place, counts, strict=True))


KINDS = {
    "whole": (("n", 1, 10, 1, 3), 10, 2),
    "real": (("w", -3.0, 3.0, 0.1, -0.3), 61, 27),
    "last step shorter": (("w", 0.0, 1.0, 0.3, 1.0), 5, 4),
    "choice": (("layer", ["first", "second"]), 2, 0),
    "powers": (ipywidgets.FloatLogSlider(value=1e-14, min=-16, max=0, step=0.5), 33, 4),
    "yes or no": (ipywidgets.Checkbox(value=True), 2, 1),
    "text": (ipywidgets.Text(value="word"), 1, None),
    "a number without ends": (ipywidgets.FloatText(value=2.5), 1, None),
    "a whole number without ends": (ipywidgets.IntText(value=2), 1, None),
    "a number without steps": (ipywidgets.BoundedFloatText(value=2.5, min=0, max=5), 1, None),
    "a slider without steps": (ipywidgets.FloatSlider(value=2.5, step=None), 1, None),
    "typed, in steps": (ipywidgets.BoundedIntText(value=10, min=0, max=50, step=5), 11, 2),
    "text with proposals": (ipywidgets.Combobox(value="b", options=["a", "b"]), 2, None),
    "from one to another": (ipywidgets.SelectionRangeSlider(options=["a", "b", "c"], index=(0, 1)), 3, None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_positions_are_counted(kind: str) -> None:
    spec, count, at = KINDS[kind]
    one = slider.make("one", spec)
    values = slider.positions(one)
    assert len(values) == count and slider.position_of(one) == at
    if at is not None:
        for k, value in enumerate(values):
            one.value = value
            assert slider.position_of(one) == k
            exact = slider.value_of(one)
            assert exact == value or np.isclose(exact, value, rtol=1e-12, atol=0)


def test_a_value_between_the_positions_is_drawn_and_not_kept(cells: list[int]) -> None:
    async def cell() -> None:
        own = ipywidgets.Text(value="word")
        live = live_figure(lambda fig, t: fig.text(0.5, 0.5, t), lambda t: t, size=(2, 1), t=own)
        page = Page(live)
        await page.opens()
        first = live._picture.value
        own.value = "another"
        await page.is_quiet()
        assert live.text == "another" and live._picture.value != first and page.views == {}

    asyncio.run(cell())


def told(own: Any) -> LiveFigure:
    return live_figure(lambda fig, it: fig.text(0.5, 0.5, str(it)), lambda it: str(it), size=(2, 1), it=own)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_on_a_page(cells: list[int], kind: str) -> None:
    async def cell() -> None:
        live = live_figure(
            lambda fig, it: fig.text(0.5, 0.5, str(it)), lambda it: str(it), size=(2, 1), it=KINDS[kind][0]
        )
        page = Page(live)
        await page.opens()
        live._refresh(kept=True)
        await page.is_quiet()
        assert live.error is None and bool(page.views) == (KINDS[kind][2] is not None)

    asyncio.run(cell())


def test_a_typed_number_between_the_steps_is_drawn(cells: list[int]) -> None:
    async def cell() -> None:
        own = ipywidgets.BoundedIntText(value=10, min=0, max=50, step=5)
        live = live_figure(
            lambda fig, it: fig.text(0.5, 0.5, str(it)), lambda it: str(it), size=(2, 1), it=own
        )
        page = Page(live)
        await page.opens()
        await page.sends()
        own.value = 13
        assert live.text == "13" and ">13<" in live._words.value

    asyncio.run(cell())
