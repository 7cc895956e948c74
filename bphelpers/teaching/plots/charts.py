"""Curves, bars, tables and pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from bphelpers.teaching.plots.style import (
    BACKWARD,
    DASHES,
    GREY,
    GREYS,
    INK,
    MARKERS,
    PAPER,
    UPDATE,
    finite,
    new_figure,
    styled,
)


@styled
def learning_curves(
    curves: Mapping[str, ArrayLike],
    *,
    title: str,
    x: ArrayLike | Mapping[str, ArrayLike] | None = None,
    xlabel: str = "epoch",
    ylabel: str = "loss",
    log_x: bool = False,
    log_y: bool = False,
    accent: str | None = None,
    colors: Mapping[str, str] | None = None,
    marks: Mapping[float, str] | None = None,
    size: tuple[float, float] = (7.0, 3.8),
) -> Figure:
    """Curves over the epochs or updates, each with its name at its end.

    Parameters
    ----------
    curves
        Name to values, each ``(n,)``; lengths may differ.
    title
        The finding.
    x
        Where the values were taken: one array for all curves, or one per name. Default: 0, 1, 2, ...
        (1, 2, 3, ... if the axis is logarithmic).
    xlabel, ylabel
        Names of the axes.
    log_x, log_y
        Logarithmic axes; then all numbers along it must be positive.
    accent
        The curve that the title is about, in colour; the others are grey. Default: the first.
    colors
        Name to colour, where a curve has a colour of its own in the course.
    marks
        Position on the x axis to a word: thin vertical lines.
    size
        Width and height in inches.

    Raises
    ------
    ValueError
        If a curve is empty, not finite, of another length than its x, or not positive on a logarithmic axis.

    Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> fig = learning_curves({"training": [0.9, 0.4], "held out": [0.9, 0.5]}, title="Both fall")
    >>> [text.get_text() for text in fig.axes[0].texts]
    ['training', 'held out']
    """
    if not curves:
        raise ValueError("curves: expected at least one curve, got none")
    accent = next(iter(curves)) if accent is None else accent
    if accent and accent not in curves:
        raise ValueError(f"accent: no curve is called {accent!r}; there are {sorted(curves)}")
    fig = new_figure(*size)
    ax = fig.add_subplot()
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    ax.set_xscale("log" if log_x else "linear")
    ax.set_yscale("log" if log_y else "linear")
    ends = []
    greys = 0
    for k, (name, values) in enumerate(curves.items()):
        y = finite(f"curves[{name!r}]", values, ndim=1)
        at = _positions(name, x, len(y), log_x)
        if (log_y and y.min() <= 0) or (log_x and at.min() <= 0):
            raise ValueError(f"curves[{name!r}]: a logarithmic axis needs positive numbers")
        colour = (colors or {}).get(name) or (UPDATE if name == accent else GREYS[greys % len(GREYS)])
        greys += name != accent
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


def _positions(name: str, x: Any, n: int, log_x: bool) -> NDArray[np.float64]:
    at = x.get(name) if isinstance(x, Mapping) else x
    if at is None:
        return np.arange(n, dtype=np.float64) + (1 if log_x else 0)
    found = finite(f"x for {name!r}", at, ndim=1)
    if len(found) != n:
        raise ValueError(f"x for {name!r}: expected {n} positions, got {len(found)}")
    return found


def _name_ends(fig: Figure, ax: Axes, ends: list[tuple[str, float, float, str]]) -> None:
    """Write each curve's name right of the axes, at the height of its end, without two touching."""
    fig.canvas.draw()  # the axes' final height is needed to know what touches
    height = ax.get_window_extent().height * 72 / fig.dpi  # points
    line = 13.0  # points: one line of text
    heights = [ax.transAxes.inverted().transform(ax.transData.transform((px, py)))[1] * height
               for _, px, py, _ in ends]  # fmt: skip
    order = np.argsort(heights, kind="stable")
    placed = spread([heights[k] for k in order], line)
    for k, y in zip(order, placed, strict=True):
        name, _, _, colour = ends[k]
        ax.annotate(name, (1, 0), xycoords="axes fraction", xytext=(10, y), textcoords="offset points",
                    ha="left", va="center", color=colour, size=9.5, annotation_clip=False)  # fmt: skip


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights in rising order, moved as little as needed so that neighbours are at least `gap` apart.

    Touching labels are merged to a group, and the group centred on the mean of where its members belong.

    Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> spread([0.0, 1.0, 50.0], gap=10.0)
    [-4.5, 5.5, 50.0]
    """
    groups: list[list[float]] = []  # each: heights that its members wish for
    for wish in heights:
        groups.append([float(wish)])
        while len(groups) > 1 and _low(groups[-1], gap) - _high(groups[-2], gap) < gap - 1e-9:
            last = groups.pop()
            groups[-1] += last
    return [_low(group, gap) + gap * k for group in groups for k in range(len(group))]


def _low(group: list[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _high(group: list[float], gap: float) -> float:
    return sum(group) / len(group) + gap * (len(group) - 1) / 2


@styled
def bars_compared(
    names: Sequence[str],
    first: ArrayLike,
    second: ArrayLike,
    *,
    title: str,
    labels: tuple[str, str] = ("by hand", "finite difference"),
    xlabel: str = "derivative of the error",
    digits: int = 6,
    color: str = BACKWARD,
) -> Figure:
    """One bar per name for the first series, a ring for the second: where they agree, rings sit on ends.

    Parameters
    ----------
    names
        One per pair, top to bottom.
    first, second
        ``(n,)`` each.
    title
        The finding.
    labels
        What the two series are.
    xlabel
        Name of the axis.
    digits
        Decimals of the numbers at the bars (the first series).
    color
        Colour of the bars.

    Raises
    ------
    ValueError
        If lengths differ or a number is not finite.

    Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> fig = bars_compared(["w5", "w6"], [0.0822, -0.02], [0.0822, -0.02], title="Equal")
    >>> [label.get_text() for label in fig.axes[0].get_yticklabels()]
    ['w5', 'w6']
    """
    a, b = finite("first", first, ndim=1), finite("second", second, ndim=1)
    if not len(names) == len(a) == len(b):
        raise ValueError(
            f"names, first, second: expected equal lengths, got {len(names)}, {len(a)}, {len(b)}"
        )
    fig = new_figure(7.0, 1.3 + 0.32 * len(a))
    ax = fig.add_subplot()
    rows = np.arange(len(a))
    ax.barh(rows, a, height=0.55, color=color, label=labels[0])
    ax.plot(b, rows, "o", ms=9, mfc="none", mec=INK, mew=1.6, ls="none", label=labels[1], clip_on=False)
    ax.axvline(0, color=GREY, lw=0.8)
    reach = max(float(np.abs([a, b]).max()), 1e-300)
    low, high = min(float(a.min()), float(b.min()), 0.0), max(float(a.max()), float(b.max()), 0.0)
    room = 0.27 * max(high - low, reach)  # for the numbers at the tips
    ax.set_xlim(low - (room if low < 0 else 0.02 * reach), high + (room if high > 0 else 0.02 * reach))
    for row, value in enumerate(a):
        text = f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")
        tip = max(value, b[row]) if value >= 0 else min(value, b[row])
        ax.annotate(text, (tip, row), xytext=(9 if value >= 0 else -9, 0), textcoords="offset points",
                    ha="left" if value >= 0 else "right", va="center", size=9)  # fmt: skip
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
    ax.set(title=title, xlabel=xlabel)
    handles, words = ax.get_legend_handles_labels()
    fig.legend(handles[::-1], words[::-1], loc="outside lower left", ncols=2)
    return fig


@styled
def confusion_matrix(
    counts: ArrayLike,
    *,
    title: str,
    names: Sequence[str] | None = None,
    xlabel: str = "the network says",
    ylabel: str = "the label says",
) -> Figure:
    """How often a true class (row) was called which class (column). Mistakes stand out.

    Parameters
    ----------
    counts
        ``(k, k)`` non-negative whole numbers; row: true class, column: predicted class.
    title
        The finding.
    names
        Names of the classes. Default: 0, 1, 2, ...
    xlabel, ylabel
        Names of the axes.

    Raises
    ------
    ValueError
        If `counts` is not square, or holds something that is not a count.

    Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> fig = confusion_matrix([[44, 1], [0, 45]], title="One mistake")
    >>> [text.get_text() for text in fig.axes[0].texts]
    ['44', '1', '45']
    """
    table = finite("counts", counts, ndim=2)
    k = len(table)
    if table.shape != (k, k):
        raise ValueError(f"counts: expected a square table, got shape {table.shape}")
    if (table < 0).any() or (table != np.round(table)).any():
        raise ValueError("counts: expected whole numbers that are not negative")
    classes = [str(i) for i in range(k)] if names is None else list(names)
    mistakes = table.copy()
    np.fill_diagonal(mistakes, 0)
    worst = max(float(mistakes.max()), 1.0)

    side = max(0.42 * k + 1.3, 3.2)
    fig = new_figure(side + 0.3, side)
    ax = fig.add_subplot()
    shade = ListedColormap([PAPER, "#EFEFEF"])
    ax.imshow(np.eye(k), cmap=shade, vmin=0, vmax=1)
    ax.imshow(np.ma.masked_equal(mistakes, 0), cmap="Oranges", vmin=-0.2 * worst, vmax=1.3 * worst)
    for (row, column), count in np.ndenumerate(table):
        if count or row == column:
            wrong = row != column
            dark = wrong and count > 0.75 * worst
            colour = PAPER if dark else INK if wrong else GREY
            weight = "bold" if wrong else "normal"
            ax.text(column, row, f"{count:.0f}", ha="center", va="center", color=colour, weight=weight)
    ax.set_xticks(range(k), classes)
    ax.set_yticks(range(k), classes)
    ax.set_xticks(np.arange(k + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(k + 1) - 0.5, minor=True)
    ax.grid(visible=False)
    ax.grid(which="minor", color="#E6E6E6")
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    fig.suptitle(title, x=0.02, ha="left", weight="bold", size=12)
    return fig


@styled
def image_gallery(
    images: ArrayLike,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    title: str = "",
    vmin: float | None = None,
    vmax: float | None = None,
) -> Figure:
    """Small grey pictures in rows, dark ink on white, each with a word above it.

    Parameters
    ----------
    images
        ``(n, height, width)``; 0 is paper, the largest number ink.
    titles
        One per picture, for example ``"7, not 1"``.
    columns
        Pictures per row, at least 1.
    title
        The finding.
    vmin, vmax
        What is white and what is black. Default: 0 and the largest number of all pictures.

    Raises
    ------
    ValueError
        If `images` is not three-dimensional or not finite, or the number of titles differs.

    Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> import numpy as np
    >>> fig = image_gallery(np.zeros((5, 8, 8)), ["a", "b", "c", "d", "e"], columns=3)
    >>> [ax.get_title() for ax in fig.axes]
    ['a', 'b', 'c', 'd', 'e']
    """
    pictures = finite("images", images, ndim=3)
    n = len(pictures)
    if titles is not None and len(titles) != n:
        raise ValueError(f"titles: expected {n}, one per picture, got {len(titles)}")
    if columns < 1:
        raise ValueError(f"columns: expected at least 1, got {columns}")
    low = 0.0 if vmin is None else vmin
    high = max(float(pictures.max()), low + 1e-12) if vmax is None else vmax
    fig, axes = _tiles(n, columns, words=titles is not None, title=title)
    for k, ax in enumerate(axes):
        ax.imshow(pictures[k], cmap="Greys", vmin=low, vmax=high)
        if titles is not None:
            ax.set_title(titles[k], size=9.5, weight="normal", loc="center", pad=3)
    return fig


def _tiles(n: int, columns: int, *, words: bool, title: str, bar: float = 0.0) -> tuple[Figure, list[Axes]]:
    """A figure with n square axes without ticks; inches are fixed so that pictures stay square and sharp."""
    columns = min(columns, n)
    rows = -(-n // columns)
    tile = min(1.0, (7.6 - bar) / columns - 0.1)
    dx, dy = tile + 0.1, tile + (0.3 if words else 0.1)
    width = max(columns * dx + 0.1 + bar, min(7.6, 0.13 * len(title)) if title else 0.0, 2.0)
    top = (0.32 if words else 0.42) if title else 0.05
    height = top + rows * dy + 0.08
    fig = new_figure(width, height, layout=None)
    if title:
        fig.text(0.1 / width, 1 - 0.1 / height, title, weight="bold", size=12, va="top")
    axes = []
    for k in range(n):
        row, column = divmod(k, columns)
        x, y = 0.1 + column * dx, height - top - (row + 1) * dy + 0.05
        ax = fig.add_axes((x / width, y / height, tile / width, tile / height))
        ax.set_xticks([])
        ax.set_yticks([])
        ax.grid(visible=False)
        ax.spines[:].set(visible=True, color="#D0D0D0", linewidth=0.6)
        axes.append(ax)
    return fig, axes


@styled
def weight_images(
    W: ArrayLike,
    shape: tuple[int, int],
    *,
    titles: Sequence[str] | None = None,
    columns: int = 5,
    title: str = "",
    limit: float | None = None,
) -> Figure:
    """The weights of each neuron as a picture: red pulls its z up where there is ink, blue pulls it down.

    One colour scale, centred on zero, for all.

    Parameters
    ----------
    W
        ``(d_out, d_in)``, row = receiving neuron.
    shape
        Height and width of the input picture; their product is d_in.
    titles
        One per neuron.
    columns
        Pictures per row.
    title
        The finding.
    limit
        The weight with the fullest colour. Default: the largest magnitude in `W`.

    Raises
    ------
    ValueError
        If `W` does not fit `shape` or is not finite.

    Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> import numpy as np
    >>> fig = weight_images(np.eye(4), (2, 2), columns=2)
    >>> fig.axes[0].images[0].get_clim()
    (-1.0, 1.0)
    """
    weights = finite("W", W, ndim=2)
    if weights.shape[1] != shape[0] * shape[1]:
        raise ValueError(
            f"W: expected {shape[0] * shape[1]} columns for pictures of {shape}, got {weights.shape}"
        )
    if titles is not None and len(titles) != len(weights):
        raise ValueError(f"titles: expected {len(weights)}, one per neuron, got {len(titles)}")
    reach = float(np.abs(weights).max()) or 1.0
    reach = reach if limit is None else limit
    fig, axes = _tiles(len(weights), columns, words=titles is not None, title=title, bar=0.95)
    for k, ax in enumerate(axes):
        picture = ax.imshow(weights[k].reshape(shape), cmap="RdBu_r", vmin=-reach, vmax=reach)
        if titles is not None:
            ax.set_title(titles[k], size=9.5, weight="normal", loc="center", pad=3)
    first, last = axes[0].get_position(), axes[-1].get_position()
    width, height = fig.get_size_inches()
    right = max(ax.get_position().x1 for ax in axes)
    tall = min(first.y1 - last.y0, 2.4 / height) - 0.22 / height  # below its title
    bar = fig.add_axes((right + 0.15 / width, first.y1 - tall - 0.22 / height, 0.13 / width, tall))
    fig.colorbar(picture, cax=bar, ticks=[-reach, 0, reach], format="%.2g")
    bar.tick_params(length=0, labelsize=9)
    bar.set_title("weight", size=9, weight="normal", loc="left", pad=8)
    return fig
