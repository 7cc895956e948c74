"""Curves, bars and tables."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from bphelpers.arguments import refuse
from bphelpers.teaching.numbers import finite, number
from bphelpers.teaching.plots.labels import spread
from bphelpers.teaching.plots.style import (
    BACKWARD,
    DASHES,
    GREY,
    GREYS,
    INK,
    MARKERS,
    PAPER,
    UPDATE,
    new_figure,
    styled,
    titled,
)


@styled
def learning_curves(
    curves: Mapping[str, ArrayLike],
    *,
    title: str,
    x: ArrayLike | None = None,
    xlabel: str = "epoch",
    ylabel: str = "loss",
    log_x: bool = False,
    log_y: bool = False,
    accent: str | None = None,
    marks: Mapping[float, str] | None = None,
) -> Figure:
    """Curves over the epochs or updates, each with its name at its end. [05]

    ``x`` is where the values were taken, else 0, 1, 2, ... (1, 2, 3, ... if the axis is logarithmic).
    ``accent`` is the curve that the title is about, else the first: it is in colour, the others are grey.
    ``marks`` are thin vertical lines: a position on the x axis to a word.

    >>> fig = learning_curves({"training": [0.9, 0.4], "held out": [0.9, 0.5]}, title="Both fall")
    >>> [text.get_text() for text in fig.axes[0].texts]
    ['training', 'held out']
    """
    if not curves:
        refuse("curves", "hold at least one curve", curves)
    accent = next(iter(curves)) if accent is None else accent
    if accent and accent not in curves:
        refuse("accent", f"be one of {sorted(curves)}", accent)
    fig = new_figure(7.0, 3.8)
    ax = fig.add_subplot()
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    ax.set_xscale("log" if log_x else "linear")
    ax.set_yscale("log" if log_y else "linear")
    ends = []
    others = [name for name in curves if name != accent]
    for k, (name, values) in enumerate(curves.items()):
        y = finite(f"curves[{name!r}]", values, ndim=1)
        at = np.arange(len(y)) + float(log_x) if x is None else finite("x", x, ndim=1)
        if len(at) != len(y):
            refuse("x", f"hold {len(y)} positions for {name!r}", at)
        if (log_y and y.min() <= 0) or (log_x and at.min() <= 0):
            raise ValueError(f"curves[{name!r}] must be positive along a logarithmic axis")
        colour = UPDATE if name == accent else GREYS[others.index(name) % len(GREYS)]
        marker = MARKERS[k % len(MARKERS)]
        ax.plot(at, y, color=colour, ls=DASHES[k % len(DASHES)], zorder=3 if name == accent else 2)
        ax.plot(at[-1:], y[-1:], color=colour, marker=marker, ms=5, ls="none", zorder=4, clip_on=False)
        ink = GREY if colour == GREYS[-1] else colour  # the palest grey is too pale to be read
        ends.append((name, float(at[-1]), float(y[-1]), ink))
    ax.margins(x=0.02)
    for where, word in (marks or {}).items():
        ax.axvline(where, color=GREY, lw=0.8, ls=(0, (2, 2)), zorder=1)
        ax.annotate(word, (where, 1), xycoords=("data", "axes fraction"), xytext=(4, -2),
                    textcoords="offset points", va="top", size=8.5, color=GREY)  # fmt: skip
    if not log_x and x is None:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _name_ends(fig, ax, ends)
    return fig


def _name_ends(fig: Figure, ax: Axes, ends: list[tuple[str, float, float, str]]) -> None:
    """Write each curve's name right of the axes, at the height of its end, without two touching."""
    fig.canvas.draw()  # the axes' final height is needed to know what touches
    points = ax.get_window_extent().height * 72 / fig.dpi
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = [float(to_axes.transform(end[1:3])[1]) * points for end in ends]
    order = np.argsort(heights, kind="stable")
    for k, y in zip(order, spread([heights[k] for k in order], gap=13.0), strict=True):
        name, _, _, colour = ends[k]
        ax.annotate(name, (1, 0), xycoords="axes fraction", xytext=(10, y), textcoords="offset points",
                    ha="left", va="center", color=colour, size=9.5, annotation_clip=False)  # fmt: skip


@styled
def bars_compared(names: Sequence[str], first: ArrayLike, second: ArrayLike, *, title: str) -> Figure:
    """Derivatives by hand as bars, by finite differences as rings: where they agree, rings sit on ends. [05]

    >>> fig = bars_compared(["w5", "w6"], [0.0822, -0.02], [0.0822, -0.02], title="Equal")
    >>> [label.get_text() for label in fig.axes[0].get_yticklabels()]
    ['w5', 'w6']
    """
    a, b = finite("first", first, ndim=1), finite("second", second, ndim=1)
    if not len(names) == len(a) == len(b):
        raise ValueError(
            f"names, first, second must have equal lengths, got {len(names)}, {len(a)}, {len(b)}"
        )
    fig = new_figure(7.0, 1.3 + 0.32 * len(a))
    ax = fig.add_subplot()
    rows = np.arange(len(a))
    ax.barh(rows, a, height=0.55, color=BACKWARD, label="by hand")
    ax.plot(b, rows, "o", ms=9, mfc="none", mec=INK, mew=1.6, label="finite difference", clip_on=False)
    ax.axvline(0, color=GREY, lw=0.8)
    low, high = float(min(*a, *b, 0.0)), float(max(*a, *b, 0.0))
    reach = max(-low, high, 1e-300)
    room = 0.27 * max(high - low, reach)  # for the numbers at the tips
    ax.set_xlim(low - (room if low < 0 else 0.02 * reach), high + (room if high > 0 else 0.02 * reach))
    for row, value in enumerate(a):
        tip = max(value, b[row]) if value >= 0 else min(value, b[row])
        side, away = ("left", 9) if value >= 0 else ("right", -9)
        ax.annotate(number(value, style="label", decimals=6), (tip, row), xytext=(away, 0),
                    textcoords="offset points", ha=side, va="center", size=9)  # fmt: skip
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
    ax.set(title=title, xlabel="derivative of the error")
    handles, words = ax.get_legend_handles_labels()
    fig.legend(handles[::-1], words[::-1], loc="outside lower left", ncols=2)
    return fig


@styled
def confusion_matrix(counts: ArrayLike, *, title: str) -> Figure:
    """How often a true class (row) was called which class (column). Mistakes stand out. [11]

    ``counts`` is ``(k, k)``; the classes are called 0, 1, 2, ...

    >>> fig = confusion_matrix([[44, 1], [0, 45]], title="One mistake")
    >>> [text.get_text() for text in fig.axes[0].texts]
    ['44', '1', '45']
    """
    table = finite("counts", counts, ndim=2)
    k = len(table)
    if table.shape != (k, k):
        refuse("counts", "be a square table", table)
    if (table < 0).any() or (table != np.round(table)).any():
        raise ValueError("counts must hold whole numbers that are not negative")
    mistakes = table.copy()
    np.fill_diagonal(mistakes, 0)
    worst = max(float(mistakes.max()), 1.0)

    side = max(0.42 * k + 1.3, 3.2)
    fig = new_figure(side + 0.3, side)
    ax = fig.add_subplot()
    ax.imshow(np.eye(k), cmap=ListedColormap([PAPER, "#EFEFEF"]), vmin=0, vmax=1)
    ax.imshow(np.ma.masked_equal(mistakes, 0), cmap="Oranges", vmin=-0.2 * worst, vmax=1.3 * worst)
    for (row, column), count in np.ndenumerate(table):
        wrong = row != column
        if count or not wrong:
            colour = GREY if not wrong else PAPER if count > 0.75 * worst else INK
            weight = "bold" if wrong else "normal"
            ax.text(column, row, f"{count:.0f}", ha="center", va="center", color=colour, weight=weight)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(range(k))
        axis.set_ticks(np.arange(k + 1) - 0.5, minor=True)
    ax.grid(visible=False)
    ax.grid(which="minor", color="#E6E6E6")
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="the network says", ylabel="the label says")
    titled(fig, title)
    return fig
