"""A formula as a graph: each operation a node, each value a line, forward above it, backward below it.

All coordinates are inches, as in the network diagram.
"""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from bphelpers.arguments import refuse
from bphelpers.teaching.numbers import finite, number
from bphelpers.teaching.plots.labels import Point
from bphelpers.teaching.plots.style import BACKWARD, FORWARD, GREY, INK, LIGHT, PAPER, new_figure, styled

Steps = Mapping[str, tuple[str, Sequence[str]]]
Derivatives = Mapping[
    str | tuple[str, str], float
]  # of a value; of the part that a line from it to its user brings

_COLUMN, _ROW = 1.45, 0.62  # inches between columns and between rows
_HALF = 0.19  # half the height of a node
_LEVEL = 0.98  # inches of a line that are level, so that its numbers can stand on it


@styled
def computation_graph(
    steps: Steps,
    at: Mapping[str, Point],
    *,
    values: Mapping[str, float] | None = None,
    derivatives: Derivatives | None = None,
    now: str | None = None,
    digits: int = 3,
    title: str = "",
    ax: Axes | None = None,
) -> Figure:
    """A formula as a graph: values flow forward along its lines, derivatives of the output flow back. [04]

    ``steps`` gives each computed value, in the order of computation, its operation and what goes in; ``at``
    gives each value, inputs included, the column (from the left) and row (from the top) of its node. Names
    in ``values`` and ``derivatives`` get numbers, with ``digits`` decimals. The line of ``now`` is thick.

    A value that is used once has its numbers on its line. One that several others use has them at its node,
    and each of its lines carries the part that comes back through it: ``derivatives[name, user]``.

    >>> fig = computation_graph({"u": ("×", ("x", "w"))}, {"x": (0, 0), "w": (0, 1), "u": (1, 0.5)},
    ...                         values={"x": 2, "w": 3, "u": 6}, derivatives={"u": 1, "w": 2}, digits=0)
    >>> sorted(text.get_text() for text in fig.axes[0].texts)
    ['du = 1', 'dw = 2', 'u = 6', 'w = 3', 'x = 2', '×']
    """
    values, derivatives = values or {}, derivatives or {}
    users = {name: [user for user, (_, sources) in steps.items() if name in sources] for name in at}
    _refuse(steps, at, users, {*values, *derivatives, *([] if now is None else [now])})
    for what, numbers in (("values", values), ("derivatives", derivatives)):
        if numbers:
            finite(what, list(numbers.values()))
    shared_input = any(len(users[name]) > 1 and name not in steps and at[name][0] < 0.5 for name in at)
    left, top = (0.85 if shared_input else 0.25), 0.35 + (0.4 if title else 0.0)
    width = left + _COLUMN * (max(column for column, _ in at.values()) + 1) + 0.2
    height = top + _ROW * max(row for _, row in at.values()) + 0.45
    if ax is None:
        ax = new_figure(width, height, layout=None).add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal", anchor="NW")
    ax.set_axis_off()
    if title:
        ax.text(0.15, height - 0.1, title, weight="bold", size=12, va="top")
    places = {name: (left + _COLUMN * c, height - top - _ROW * r) for name, (c, r) in at.items()}
    words = {name: steps[name][0] if name in steps else "" for name in at}
    for name, (x, y) in places.items():
        often, back = len(users[name]) > 1, derivatives.get(name)
        upper = f"{name} = {number(values[name], style='label', decimals=digits)}" if name in values else name
        lower = "" if back is None else f"d{name} = {number(back, style='label', decimals=digits)}"
        for user in (*users[name],) or (None,):
            part = derivatives.get((name, user)) if often and user else back
            colour = BACKWARD if part is not None else FORWARD if name in values else LIGHT
            route = _route(places, words, name, user, often)
            path = Path(route if part is None else route[::-1])
            ax.add_artist(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=11, color=colour,
                                         joinstyle="round", lw=3.0 if name == now else 1.2, zorder=1)
            )  # fmt: skip
            if often:
                shown = "" if part is None else number(part, style="label", decimals=digits)
                _write(ax, _middle(*route[1:]), "", shown)
            else:
                _write(ax, _middle(*(route[:2] if user else route[::2])), upper, lower)
        if often and name in steps:
            _write(ax, (x, y), upper, lower, away=_HALF + 0.04)
        elif often:  # out of the way of the lines, which leave to the right
            _write(ax, (x + 0.1, y), upper, lower, away=0.07, align="right")
    for name, place in places.items():
        _node(ax, place, words[name])
    figure = ax.figure
    assert isinstance(figure, Figure)
    return figure


def _refuse(
    steps: Steps,
    at: Mapping[str, Point],
    users: Mapping[str, Sequence[str]],
    asked: set[str | tuple[str, str]],
) -> None:
    if not steps:
        refuse("steps", "hold at least one", steps)
    known = {name for _, sources in steps.values() for name in sources} - set(steps)
    for name, (_, sources) in steps.items():
        for source in sources:
            if source not in known:
                raise ValueError(f"steps must stand in the order of computation: {name} uses {source} first")
        if len(set(sources)) < len(sources):
            refuse("steps", f"use a value once, but {name} does not", sources)
        known.add(name)
    if set(at) != known:
        refuse("at", f"have a place for each of {sorted(known)}", sorted(at))
    if finite("at", list(at.values())).min() < 0:
        refuse("at", "count columns and rows from 0 on", dict(at))
    lines = {(name, user) for name in at for user in users[name]}
    if strangers := asked - known - lines:
        raise ValueError(f"values, derivatives, now must be of the graph, which has no {strangers.pop()!r}")
    for line in asked & lines:
        if len(users[line[0]]) == 1:
            raise ValueError(f"derivatives must be whole: {line[0]!r} is used once, it has no part {line!r}")


def _half_width(word: str) -> float:
    return max(_HALF, 0.045 * len(word) + 0.06) if word else 0.04


def _route(
    places: Mapping[str, Point], words: Mapping[str, str], name: str, user: str | None, often: bool
) -> tuple[Point, Point, Point]:
    """Begin, bend and end of a line: level where its numbers stand, near its source or, if that has several
    lines, near its user. The line of the output leads out to the right.
    """
    x, y = places[name]
    x += _half_width(words[name])
    if user is None:
        end = (places[name][0] + 0.88 * _COLUMN, y)
        return (x, y), _middle((x, y), end), end
    x_user, y_user = places[user]
    x_user -= _half_width(words[user]) + 0.02
    y_user += max(-1.0, min(1.0, 1.5 * (y - y_user))) * 0.7 * _HALF  # lines from above arrive above
    bend = (x_user - 0.6, y_user) if often else (min(x + _LEVEL, x_user - 0.1), y)
    return (x, y), bend, (x_user, y_user)


def _middle(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _write(
    ax: Axes, place: Point, upper: str, lower: str, *, away: float = 0.03, align: str = "center"
) -> None:
    x, y = place
    if upper:
        colour = FORWARD if "=" in upper else GREY
        ax.text(x, y + away, upper, ha=align, va="bottom", size=9, color=colour, zorder=3)
    if lower:
        ax.text(x, y - away, lower, ha=align, va="top", size=9, color=BACKWARD, zorder=3)


def _node(ax: Axes, place: Point, word: str) -> None:
    x, y = place
    half = _half_width(word)
    tall = _HALF if word else half
    ax.add_artist(
        FancyBboxPatch((x - half, y - tall), 2 * half, 2 * tall, zorder=4, lw=1.3, edgecolor=GREY,
                       boxstyle=f"round,pad=0,rounding_size={tall}", facecolor=PAPER if word else GREY)
    )  # fmt: skip
    if word:
        ax.text(x, y, word, ha="center", va="center_baseline", size=11, color=INK, zorder=5)
