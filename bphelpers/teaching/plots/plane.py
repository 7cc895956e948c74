"""Maps in the plane: what a neuron, or a whole network, answers at each point."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from bphelpers.teaching.plots.style import INK, PAPER, finite, new_figure, styled

#: The two classes, the same in the playground: 0 is drawn with circles, 1 with squares.
CLASS_0, CLASS_1 = "#3A9BD9", "#E69F00"
# A little paler than the points, which have to stand out.
_SHADES = LinearSegmentedColormap.from_list("classes", ["#57A9DE", PAPER, "#E9AD24"])


@styled
def plane_maps(
    maps: ArrayLike,
    plane: tuple[float, float, float],
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    title: str,
    titles: Sequence[str] | None = None,
    columns: int = 4,
    center: float = 0.0,
    reach: float | None = None,
) -> Figure:
    """Maps of the plane in rows: blue below `center`, white at it, orange above. A line marks the border.

    Parameters
    ----------
    maps
        ``(n, size, size)``: n maps, rows from top to bottom, each from left to right, as ``Playground.maps``
        gives them.
    plane
        The part of the plane that is shown: its centre ``x, y``, and half its side, as ``Playground.plane``.
    X, y
        Points ``(k, 2)`` drawn on top of each map, and their classes 0 and 1, ``(k, 1)`` or ``(k,)``.
    title
        The finding.
    titles
        One per map.
    columns
        Maps per row, at least 1.
    center
        What is white: 0 for what a neuron answers, 0.5 for a probability. There is the border.
    reach
        How far from `center` the colour is full, the same for all maps. Default: the farthest of all.

    Raises
    ------
    ValueError
        If `maps` is not three-dimensional or not finite, the number of titles differs, or `X` and `y` do not
        go together.

    Lesson: 12_playground.

    Examples
    --------
    >>> import numpy as np
    >>> slope = np.tile(np.linspace(0, 1, 8), (8, 1))
    >>> fig = plane_maps([slope, slope.T], (0.0, 0.0, 1.0), title="Two slopes", titles=["a", "b"], center=0.5)
    >>> [ax.get_title() for ax in fig.axes]
    ['a', 'b']
    """
    values = finite("maps", maps, ndim=3) - center
    n = len(values)
    if titles is not None and len(titles) != n:
        raise ValueError(f"titles: expected {n}, one per map, got {len(titles)}")
    if columns < 1:
        raise ValueError(f"columns: expected at least 1, got {columns}")
    if not plane[2] > 0 or (reach is not None and not reach > 0):
        raise ValueError(f"plane, reach: expected a positive half side and reach, got {plane} and {reach}")
    points = _points(X, y)
    limit = (float(np.abs(values).max()) or 1.0) if reach is None else reach
    columns, rows = min(columns, n), -(-n // columns)
    side = min((7.4 - 0.6) / columns - 0.2, 3.0)  # inches
    large = side > 1.5  # on smaller ones, numbers along the axes would crowd out the picture
    left, below, between = (0.75, 0.6, 0.2) if large else (0.1, 0.1, 0.12)
    above = 0.27 if titles is not None else 0.0
    width = max(left + columns * (side + between) + 0.1, 4.4)
    height = 0.4 + rows * (above + side + below)
    fig = new_figure(width, height, layout=None)
    fig.text(0.1 / width, 1 - 0.1 / height, title, weight="bold", size=12, va="top")
    for k in range(n):
        row, column = divmod(k, columns)
        x, y_ = left + column * (side + between), height - 0.4 - (row + 1) * (above + side) - row * below
        ax = fig.add_axes((x / width, y_ / height, side / width, side / height))
        _map(ax, values[k], plane, limit)
        for mark, colour, places in zip("os", (CLASS_0, CLASS_1), points, strict=False):
            ax.plot(*places.T, mark, ms=1.8 + 0.9 * side, color=colour, mec=PAPER, mew=0.6)
        if titles is not None:
            ax.set_title(titles[k], size=9.5, weight="normal", loc="center", pad=3)
        if large:
            ax.set(xlabel="$x_1$", ylabel="" if column else "$x_2$")
            ax.tick_params(labelleft=column == 0)
        else:
            ax.set(xticks=[], yticks=[])
    return fig


def _points(X: ArrayLike | None, y: ArrayLike | None) -> list[NDArray[np.float64]]:
    """The points of class 0 and those of class 1; an empty list where none are given."""
    if X is None and y is None:
        return []
    if X is None or y is None:
        raise ValueError("X, y: expected both or neither")
    places, classes = finite("X", X, ndim=2), np.ravel(np.asarray(y))
    if places.shape != (len(classes), 2):
        raise ValueError(f"X: expected shape ({len(classes)}, 2) to go with y, got {places.shape}")
    if not np.isin(classes, (0, 1)).all():
        raise ValueError(f"y: expected classes 0 and 1, got {np.unique(classes)[:5]}")
    return [places[classes == label] for label in (0, 1)]


def _map(ax: Axes, values: NDArray[np.float64], plane: tuple[float, float, float], limit: float) -> None:
    x, y, half = plane
    box = (x - half, x + half, y - half, y + half)
    ax.imshow(values, cmap=_SHADES, vmin=-limit, vmax=limit, extent=box)
    if values.min() < 0 < values.max():
        ax.contour(values, [0.0], extent=box, origin="upper", colors=INK, linewidths=1.2)
    ax.set(xlim=box[:2], ylim=box[2:])
    ax.grid(visible=False)
    ax.spines[:].set(visible=True, color="#D0D0D0", linewidth=0.6)
