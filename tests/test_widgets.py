"""Live figures: every slider over its range, ends and corners, reset, failures, the last value wins."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from bphelpers.teaching import plots
from bphelpers.teaching.claims.dealing import Deck
from bphelpers.teaching.widgets import LiveFigure, Playground, Scrubber, live_figure
from tools.course.solved import redrawn


def draw_line(fig: Figure, slope: float, points: int) -> None:
    ax = fig.subplots()
    x = np.linspace(0, 1, points)
    ax.plot(x, slope * x)
    ax.set(title="A line", xlabel="x", ylabel="y", ylim=(-3, 3))


def say_line(slope: float, points: int) -> str:
    return f"A line of {points} points that rises by {slope:.1f}."


def line(draw: Any = draw_line) -> LiveFigure:
    return live_figure(draw, say_line, slope=("slope", -2.0, 2.0, 0.5, 1.0), points=("points", 2, 6, 2, 4))


def pixels(live: LiveFigure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(live.children[1].value)))


def test_every_position_is_drawn_without_exception_or_warning() -> None:
    live = line()
    same = live._figure.fig, live.children[1]
    positions = []
    for values in live.frames():
        positions.append(tuple(values.values()))
        assert live.error is None
        assert live.text == say_line(**values) and f">{live.text}<" in live.children[2].value
        assert (live._figure.fig, live.children[1]) == same, "for ever"
    slopes = [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0]
    assert positions[:9] == [(slope, 4) for slope in slopes]
    assert positions[9:12] == [(1.0, points) for points in (2, 4, 6)]
    assert positions[12:] == [(a, b) for a in (-2.0, 2.0) for b in (2, 6)]
    assert live.values == {"slope": 1.0, "points": 4}, "frames() leaves the widget at its start"


def test_frames_can_be_thinned_and_keep_the_ends() -> None:
    visited = [tuple(values.values()) for values in line().frames(most=3)]
    assert visited[:6] == [(-2.0, 4), (0.0, 4), (2.0, 4), (1.0, 2), (1.0, 4), (1.0, 6)]
    assert visited[6:] == [(a, b) for a in (-2.0, 2.0) for b in (2, 6)]


def test_frames_put_the_widget_back_even_if_the_loop_is_left() -> None:
    live = line()
    for _ in live.frames():
        break
    live.sliders["slope"].value = 2.0
    live.reset()
    assert live.values == live.defaults
    assert live.text == str(live)


def test_reset_draws_once_and_restores_the_very_picture() -> None:
    drawn = []
    live = line(draw=lambda fig, **values: drawn.append(values) or draw_line(fig, **values))
    start = live.children[1].value
    live.sliders["slope"].value = -2.0
    live.sliders["points"].value = 6
    live._reset.click()
    assert drawn[3:] == [live.defaults]
    assert bytes(live.children[1].value) == bytes(start)


def test_the_twin_is_the_widget_s_picture() -> None:
    live = line()
    assert (np.asarray(plots.rendered(live.static())) == pixels(live)).all()
    live.sliders["slope"].value = -2.0
    first = plots.png_bytes(live.static())
    assert first == plots.png_bytes(line().static()), "the twin shows the start, wherever the sliders are"


def test_the_stored_text_is_the_sentence_whole_and_stable() -> None:
    long = "word " * 60
    live = live_figure(lambda fig, k: None, lambda k: f"{long}{k}", k=("k", 0, 3, 1, 1))
    live.sliders["k"].value = 3
    assert repr(live) == f"{long}1"
    bundle = live._repr_mimebundle_()
    assert bundle["text/plain"] == f"{long}1"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_ipywidgets_7_shows_what_the_newer_one_shows() -> None:
    """There a widget that has `_ipython_display_` is never asked for its `_repr_mimebundle_`."""
    ours = (LiveFigure, Scrubber, Playground, Deck)
    assert [cls for cls in ours if cls._ipython_display_ is not None] == []
    made = set(find_own(ipywidgets.Widget))
    assert {cls for cls in made if "_repr_mimebundle_" in vars(cls)} == set(ours)


def find_own(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        if child.__module__.startswith("bphelpers."):
            yield child
        yield from find_own(child)


def test_words_are_escaped_and_announced() -> None:
    live = live_figure(lambda fig, k: None, lambda k: f"<b>{k}</b> & so on", k=("k", 0, 3, 1, 1))
    html = live.children[2].value
    assert "&lt;b&gt;1&lt;/b&gt; &amp; so on" in html
    assert 'role="status"' in html and 'aria-live="polite"' in html


def test_sliders_are_labelled_live_and_reachable() -> None:
    live = line()
    for slider in live.sliders.values():
        assert slider.description and slider.continuous_update and not slider.disabled
        assert slider.tabbable is not False
    assert live._reset.description == "Reset"


# ------------------------------------------------------------------------------------- failures


def fragile() -> LiveFigure:
    def draw(fig: Figure, k: int) -> None:
        fig.subplots().plot([0, 1 / (3 - k)])

    return live_figure(draw, lambda k: f"k is {k}", k=("k", 0, 5, 1, 1))


def test_an_exception_becomes_one_calm_line_and_the_widget_lives_on() -> None:
    live = fragile()
    assert [values["k"] for values in live.frames() if live.error is not None] == [3], "frames show it"
    picture = bytes(live.children[1].value)
    live.sliders["k"].value = 3
    assert isinstance(live.error, ZeroDivisionError)
    assert live.text == "No picture for k = 3 (ZeroDivisionError: division by zero)."
    assert "bp-failed" in live.children[2].value
    assert "\n" not in live.text
    assert bytes(live.children[1].value) == picture, "the last good picture stays"
    live.sliders["k"].value = 4
    assert live.error is None and live.text == "k is 4"
    assert "bp-failed" not in live.children[2].value
    live.sliders["k"].value = 3
    live.reset()
    assert live.text == "k is 1" and bytes(live.children[1].value) == picture


def test_an_exception_in_the_words_is_caught_as_well() -> None:
    live = live_figure(lambda fig, k: None, lambda k: f"{1 / (3 - k):.1f}", k=("k", 0, 5, 1, 1))
    live.sliders["k"].value = 3
    assert "ZeroDivisionError" in live.text


def test_an_exception_at_the_start_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        live_figure(lambda fig, k: 1 / k, lambda k: "", k=("k", 0, 5, 1, 0))


# ------------------------------------------------------------------------------------- speed


def test_update_is_called_at_once_and_for_every_move_and_draw_only_after_a_failure() -> None:
    calls = []

    def draw(fig: Figure, k: int):
        calls.append(("draw", k))
        (curve,) = fig.subplots().plot([0, 1], [0, k])

        def update(k: int) -> None:
            calls.append(("update", k))
            if k == 5:
                raise RuntimeError("not five")
            curve.set_ydata([0, k])

        return update

    live = live_figure(draw, lambda k: str(k), k=("k", 0, 9, 1, 1))
    for k in (2, 5, 6, 7):
        live.sliders["k"].value = k
    assert calls == [("draw", 1), ("update", 1), ("update", 2), ("update", 5),
                     ("draw", 6), ("update", 6), ("update", 7)]  # fmt: skip


def one_axes(fig: Figure, k: int):
    ax = fig.subplots(subplot_kw={"xlim": (0, 2), "ylim": (-1, 9)})
    ax.plot([0, 1, 2], [0, 5, 3])
    ax.annotate("on top", (1, 5), (5, 5), textcoords="offset points")
    return lambda k: (ax.plot([0, 2], [k, k]), ax.set_title(f"{k} is $2^{k}$"))  # a colour of the cycle


def two_axes(fig: Figure, k: int):
    left, right = fig.subplots(1, 2)
    right.set(xlim=(-1, 10), ylim=(0, 10), xlabel="what stays")
    right.plot([5, 5], [0, 9], lw=9, zorder=1)

    def update(k: int) -> None:
        left.imshow(np.arange(9).reshape(3, 3) % (k + 1), vmin=0, vmax=8)
        right.bar(range(k), range(k), zorder=0.2)  # below the grid
        left.set_xlabel(f"{k} in the middle")

    return update


def sometimes_more(fig: Figure, k: int):
    ax = fig.subplots()
    curves = [ax.plot([0, 1], [0, n], label=f"curve {n}")[0] for n in range(3)]
    ax.set_ylim(0, 9)

    def update(k: int) -> None:
        for n, curve in enumerate(curves):
            curve.set_linewidth(k * (n == k % 3))
        if k > 4:
            ax.axhline(k)
            ax.legend(loc="upper right")
            fig.text(0.5, 0.5, f"{k}", rotation=10 * k)

    return update


def moving_limits(fig: Figure, k: int):
    ax = fig.add_axes((0.1, 0.1, 0.8, 0.8))
    ax.plot([0, 1, 2], [0, 5, 3])
    return lambda k: (ax.set_ylim(-k - 1, 9), ax.set_facecolor(str(0.5 + k / 20)))


def one_in_another(fig: Figure, k: int):
    outer, inner = (fig.add_axes(place, **LIMITS) for place in ((0.1, 0.1, 0.8, 0.8), (0.3, 0.3, 0.3, 0.3)))
    return lambda k: (outer.plot([0, 9], [0, k], lw=5), inner.plot([0, 9], [k, 0]))


def in_space(fig: Figure, k: int):
    ax = fig.add_subplot(projection="3d")
    side = np.linspace(-1, 1, 7)
    ax.plot_surface(*np.meshgrid(side, side), np.outer(side, side), alpha=0.7)
    ax.set(zlim=(-1, 1))

    def update(k: int) -> None:
        ax.plot(side, side * 0, side * k / 9, lw=4, zorder=9)
        ax.view_init(elev=30 if k < 7 else 10 * k)

    return update


def only_the_paper(fig: Figure, k: int):
    ax = fig.subplots(subplot_kw=LIMITS)
    return lambda k: ax.set_facecolor(str(0.5 + k / 20))


def only_a_label(fig: Figure, k: int):
    ax = fig.subplots(subplot_kw=LIMITS)
    return lambda k: ax.xaxis.label.set_text(f"k = {k}")  # of which the axis is not told


def axes_off(fig: Figure, k: int):
    ax = fig.add_axes((0, 0, 1, 0.9), **LIMITS)
    ax.set_axis_off()
    ax.plot([0, 9], [0, 9], lw=3)
    return lambda k: (ax.text(k, 5, "here", zorder=0.5), fig.suptitle(f"k = {k}"))


def all_anew(fig: Figure, k: int) -> None:
    fig.subplots().plot([0, 1], [0, k])


LIMITS = {"xlim": (0, 9), "ylim": (0, 9)}
DRAWS = [one_axes, two_axes, sometimes_more, moving_limits, one_in_another, in_space,
         only_the_paper, only_a_label, axes_off, all_anew]  # fmt: skip


@pytest.mark.parametrize("draw", DRAWS)
def test_every_move_gives_the_picture_of_a_fresh_drawing(draw: Any) -> None:
    live = live_figure(draw, lambda k: str(k), size=(4.0, 2.5), k=("k", 0, 9, 1, 3))
    for value in (4, 9, 0, 6, 6, 8, 2):
        live.sliders["k"].value = value
        assert live.error is None
        assert (pixels(live) == redrawn(live)).all(), f"k = {value}"


def test_a_picture_that_is_not_the_fresh_one_is_seen() -> None:
    """`xy` is an attribute, and matplotlib does not hear of its change: the one above would notice."""

    def draw(fig: Figure, k: int):
        mark = fig.add_axes((0, 0, 1, 1), **LIMITS).annotate("here", (k, 5))
        return lambda k: setattr(mark, "xy", (k, 5))

    live = live_figure(draw, lambda k: str(k), k=("k", 0, 9, 1, 3))
    for k in (6, 7):
        live.sliders["k"].value = k
    assert (pixels(live) != redrawn(live)).any()


@pytest.mark.parametrize(
    ("draw", "whole"), [(one_axes, 0), (two_axes, 0), (in_space, 0), (one_in_another, 5)]
)
def test_what_stays_is_not_drawn_again(draw: Any, whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    live = live_figure(draw, lambda k: str(k), k=("k", 0, 9, 1, 3))
    live.sliders["k"].value = 4
    draws, fig = [], live._figure.fig
    monkeypatch.setattr(fig, "draw", lambda renderer: draws.append(Figure.draw(fig, renderer)))
    for value in (5, 6, 5, 4, 3):
        live.sliders["k"].value = value
    assert len(draws) == whole and live.error is None


def test_places_and_limits_are_settled_by_the_first_picture_unless_update_sets_them() -> None:
    def draw(fig: Figure, k: int):
        ax = fig.subplots()
        ax.set_xlim(0, 1)
        return lambda k: (ax.plot([0, 1], [0, k]), ax.set_xlim(0, k + 1), ax.set_ylabel("\n" * k + "deep"))

    live = live_figure(draw, lambda k: str(k), k=("k", 0, 9, 1, 3))
    ax = live._figure.fig.axes[0]
    limits, place = ax.get_ylim(), ax.get_position().bounds
    live.sliders["k"].value = 9
    assert (ax.get_ylim(), ax.get_position().bounds) == (limits, place) and ax.get_xlim() == (0, 10)


def test_a_move_is_drawn_before_the_kernel_answers_and_the_last_of_many_wins() -> None:
    """The browser sends the next move once the kernel is idle, so drawing must be over by then."""
    live = line()
    for value in (-1.5, 0.5, 2.0):
        comm_message = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        live.sliders["slope"]._handle_msg({"content": {"data": comm_message}, "buffers": []})
        assert live.text == say_line(value, 4)


def test_a_picture_is_small_enough_to_send_at_every_move() -> None:
    assert len(line().children[1].value) < 200 * 1024


# ------------------------------------------------------------------------------------- what a slider can be


def test_kinds_of_slider() -> None:
    seen = []
    live = live_figure(
        lambda fig, **values: seen.append(values),
        lambda **values: "words",
        whole=("n", 1, 10, 1, 3),
        real=("lr", 0.0, 1.0, 0.05, 0.5),
        choice=("layer", ["first", "second"]),
        own=ipywidgets.Checkbox(value=True, description="bias"),
        fine=("fine", 0.0, 0.01, 0.001, 0.005),
    )
    assert live.values == {"whole": 3, "real": 0.5, "choice": "first", "own": True, "fine": 0.005}
    assert isinstance(live.sliders["whole"], ipywidgets.IntSlider)
    assert live.sliders["real"].readout_format == ".2f"
    assert live.sliders["fine"].readout_format == ".3f"
    live.sliders["own"].value = False
    assert seen[-1] == live.values and not live.values["own"]


POWERS = ipywidgets.FloatLogSlider(value=0.1, min=-3, max=0, step=1, description="learning rate")


@pytest.mark.parametrize(
    ("spec", "positions"),
    [
        (("n", 1, 10, 1, 3), list(range(1, 11))),
        (("layer", ["first", "second"]), ["first", "second"]),
        (("not divided by its step", 0.0, 1.0, 0.3, 0.0), [0.0, 0.3, 0.6, 0.9, 1.0]),
        (POWERS, [0.001, 0.01, 0.1, 1.0]),
        (ipywidgets.Text(value="word"), ["word"]),
    ],
)
def test_a_slider_runs_over_its_positions_from_end_to_end(spec: Any, positions: Any) -> None:
    live = live_figure(lambda fig, it: None, lambda it: f"{it}", it=spec)
    ends = positions[:1] + positions[1:][-1:]
    assert [values["it"] for values in live.frames()] == pytest.approx([*positions, *ends])
    assert live.values == live.defaults


BAD = {
    "too short": ("a", 1, 2, 3),
    "start outside": ("a", 0, 1, 1, 5),
    "empty range": ("a", 1, 1, 1, 1),
    "no step": ("a", 0, 1, 0, 0),
    "nan": ("a", 0.0, float("nan"), 0.1, 0.0),
    "infinite": ("a", 0.0, float("inf"), 0.1, 0.0),
    "widget without value": ipywidgets.VBox(),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_slider_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="speed"):
        live_figure(lambda fig, speed: None, lambda speed: "", speed=BAD[name])


def test_no_slider_no_live_figure() -> None:
    with pytest.raises(ValueError, match="at least one"):
        live_figure(lambda fig: None, lambda: "")


def test_a_value_between_two_steps_is_put_on_a_step() -> None:
    drawn = []
    live = live_figure(lambda fig, w: drawn.append(w), lambda w: f"w = {w!r}", w=("w", -3.0, 3.0, 0.1, 2.0))
    live.sliders["w"].value = 2.000000000000001  # what the browser answers to 2
    assert live.values == {"w": 2.0} and live.text == "w = 2.0" and drawn == [2.0]
    live.sliders["w"].value = 0.30000000000000027
    assert live.text == "w = 0.3" and drawn == [2.0, 0.3]
