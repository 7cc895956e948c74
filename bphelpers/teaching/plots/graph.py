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
Line = tuple[str, str] | tuple[str, str, int]  # from, to; and which one, where several lead there
Derivatives = Mapping[str | Line, float]

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

    A value that is used once has its numbers on its line. One that is used several times has them at its
    node, and each of its lines carries the part that comes back through it: ``derivatives[name, user]``, or
    ``[name, user, 0]`` and ``[name, user, 1]`` where one user uses it twice, as ``a + a`` does.

    >>> fig = computation_graph({"u": ("×", ("x", "w"))}, {"x": (0, 0), "w": (0, 1), "u": (1, 0.5)},
    ...                         values={"x": 2, "w": 3, "u": 6}, derivatives={"u": 1, "w": 2}, digits=0)
    >>> sorted(text.get_text() for text in fig.axes[0].texts)
    ['du = 1', 'dw = 2', 'u = 6', 'w = 3', 'x = 2', '×']
    """
    values, derivatives = values or {}, derivatives or {}
    _refuse(steps, at, values, derivatives, now)
    uses = {name: _lines_from(name, steps) for name in at}
    shared_input = any(len(uses[name]) > 1 and name not in steps and at[name][0] < 0.5 for name in at)
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
    for name, lines in uses.items():
        often = len(lines) > 1
        labels = _labels(name, values, derivatives, digits)
        for line in (*lines,) or (None,):
            back = derivatives.get(line if often and line else name)
            colour = BACKWARD if back is not None else FORWARD if name in values else LIGHT
            route = _route(places, steps, name, line, often)
            _line(ax, route, colour, back is not None, 3.0 if name == now else 1.2)
            if often:
                bend, end = route[1:]
                spot = _middle(bend, end) if len(line or ()) < 3 else (bend[0] + 0.22, bend[1])
                part = "" if back is None else number(back, style="label", decimals=digits)
                _write(ax, spot, ("", part))
            else:
                level = route[:2] if line else route[::2]
                _write(ax, _middle(*level), labels)
        if often and name in steps:
            _write(ax, places[name], labels, away=_HALF + 0.04)
        elif often:  # out of the way of the lines, which leave to the right
            _write(ax, (places[name][0] + 0.1, places[name][1]), labels, away=0.07, align="right")
    for name, place in places.items():
        _node(ax, place, steps[name][0] if name in steps else "")
    figure = ax.figure
    assert isinstance(figure, Figure)
    return figure


def _lines_from(name: str, steps: Steps) -> list[Line]:
    """The lines that leave a value, one for each use, as the keys of the parts that come back."""
    lines: list[Line] = []
    for user, (_, sources) in steps.items():
        times = sources.count(name)
        lines += [(name, user)] if times == 1 else [(name, user, k) for k in range(times)]
    return lines


def _refuse(
    steps: Steps,
    at: Mapping[str, Point],
    values: Mapping[str, float],
    derivatives: Derivatives,
    now: str | None,
) -> None:
    if not steps:
        refuse("steps", "hold at least one", steps)
    known = {name for _, sources in steps.values() for name in sources} - set(steps)
    for name, (_, sources) in steps.items():
        for source in sources:
            if source not in known:
                raise ValueError(f"steps must stand in the order of computation: {name} uses {source} first")
        known.add(name)
    if set(at) != known:
        refuse("at", f"have a place for each of {sorted(known)}", sorted(at))
    if finite("at", list(at.values())).min() < 0:
        refuse("at", "count columns and rows from 0 on", dict(at))
    lines = {name: _lines_from(name, steps) for name in at}
    places = {*known, *(line for leaving in lines.values() for line in leaving)}
    for key in (*values, *derivatives, *([] if now is None else [now])):
        if key not in places:
            raise ValueError(f"values, derivatives, now must be of the graph, which has no {key!r}")
    for name, leaving in lines.items():
        if len(leaving) == 1 and leaving[0] in derivatives:
            raise ValueError(
                f"derivatives must be whole: {name!r} is used once, it has no part {leaving[0]!r}"
            )
    for what, numbers in (("values", values), ("derivatives", derivatives)):
        if numbers:
            finite(what, list(numbers.values()))


def _labels(name: str, values: Mapping[str, float], derivatives: Derivatives, digits: int) -> tuple[str, str]:
    """What stands above the line of a value, and what below it."""
    upper = f"{name} = {number(values[name], style='label', decimals=digits)}" if name in values else name
    back = derivatives.get(name)
    return upper, "" if back is None else f"d{name} = {number(back, style='label', decimals=digits)}"


def _half_width(word: str) -> float:
    return max(_HALF, 0.045 * len(word) + 0.06) if word else 0.04


def _route(
    places: Mapping[str, Point], steps: Steps, name: str, line: Line | None, often: bool
) -> tuple[Point, Point, Point]:
    """Begin, bend and end of a line: level where its numbers stand, near its source or, if that has several
    lines, near its user. The line of the output leads out to the right.
    """
    x, y = places[name]
    x += _half_width(steps[name][0] if name in steps else "")
    if line is None:
        end = (places[name][0] + 0.88 * _COLUMN, y)
        return (x, y), _middle((x, y), end), end
    user = line[1]
    x_user, y_user = places[user]
    x_user -= _half_width(steps[user][0]) + 0.02
    if len(line) == 3:  # one use above the other, level far enough from the node's own numbers
        y_user += 0.7 * _HALF * (1 - 2 * line[2] / (steps[user][1].count(name) - 1))
        return (x, y), (x_user - 0.75, y_user), (x_user, y_user)
    y_user += max(-1.0, min(1.0, 1.5 * (y - y_user))) * 0.7 * _HALF  # lines from above arrive above
    bend = (x_user - 0.6, y_user) if often else (min(x + _LEVEL, x_user - 0.1), y)
    return (x, y), bend, (x_user, y_user)


def _middle(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _line(ax: Axes, route: Sequence[Point], colour: str, backward: bool, width: float) -> None:
    path = Path(route[::-1] if backward else route)
    ax.add_artist(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=11, lw=width, color=colour,
                                 joinstyle="round", zorder=1))  # fmt: skip


def _write(
    ax: Axes, place: Point, labels: tuple[str, str], *, away: float = 0.03, align: str = "center"
) -> None:
    (x, y), (upper, lower) = place, labels
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
