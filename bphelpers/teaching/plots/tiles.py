"""Small pictures in rows: images, the weights of neurons, maps of the plane."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from bphelpers.arguments import refuse, whole
from bphelpers.teaching.numbers import finite
from bphelpers.teaching.plots.style import INK, PAPER, new_figure, styled

#: The two classes, the same in the playground: 0 is drawn with circles, 1 with squares.
CLASS_0, CLASS_1 = "#3A9BD9", "#E69F00"
# A little paler than the points, which have to stand out.
_SHADES = LinearSegmentedColormap.from_list("classes", ["#57A9DE", PAPER, "#E9AD24"])


@styled
def image_gallery(
    images: ArrayLike, titles: Sequence[str] | None = None, *, columns: int = 8, title: str = ""
) -> Figure:
    """Grey pictures ``(n, height, width)`` in rows: 0 is paper, the largest number of all is ink. [11]

    ``titles`` are words above the pictures, for example ``"7, not 1"``.

    >>> fig = image_gallery(np.zeros((5, 8, 8)), ["a", "b", "c", "d", "e"], columns=3)
    >>> [ax.get_title() for ax in fig.axes]
    ['a', 'b', 'c', 'd', 'e']
    """
    pictures = finite("images", images, ndim=3)
    fig, axes = _squares(len(pictures), columns, titles, title)
    for ax, picture in zip(axes, pictures, strict=True):
        ax.imshow(picture, cmap="Greys", vmin=0.0, vmax=max(float(pictures.max()), 1e-12))
    return fig


@styled
def weight_images(
    W: ArrayLike, shape: tuple[int, int], *, titles: Sequence[str] | None = None, title: str = ""
) -> Figure:
    """Each neuron's weights as a picture: red pulls its z up where there is ink, blue pulls it down. [11]

    ``W`` is ``(d_out, d_in)``, ``shape`` height and width of the input picture. One colour scale, centred on
    zero, for all.

    >>> fig = weight_images(np.eye(4), (2, 2))
    >>> fig.axes[0].images[0].get_clim()
    (-1.0, 1.0)
    """
    weights = finite("W", W, ndim=2)
    if weights.shape[1] != shape[0] * shape[1]:
        refuse("W", f"have {shape[0] * shape[1]} columns for pictures of {shape}", weights)
    reach = float(np.abs(weights).max()) or 1.0
    fig, axes = _squares(len(weights), 5, titles, title, bar=0.95)
    for ax, row in zip(axes, weights, strict=True):
        picture = ax.imshow(row.reshape(shape), cmap="RdBu_r", vmin=-reach, vmax=reach)
    first, last = axes[0].get_position(), axes[-1].get_position()
    width, height = fig.get_size_inches()
    right = max(ax.get_position().x1 for ax in axes)
    tall = min(first.y1 - last.y0, 2.4 / height) - 0.22 / height  # below its title
    bar = fig.add_axes((right + 0.15 / width, first.y1 - tall - 0.22 / height, 0.13 / width, tall))
    fig.colorbar(picture, cax=bar, ticks=[-reach, 0, reach], format="%.2g")
    bar.tick_params(length=0, labelsize=9)
    bar.set_title("weight", size=9, weight="normal", loc="left", pad=8)
    return fig


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
    """Maps of the plane in rows: blue below `center`, orange above, and a line at the border. [12]

    ``maps`` is ``(n, size, size)``, rows from top to bottom; ``plane`` its centre x and y, and half its side,
    both as the playground gives them. ``X``, ``y`` are points ``(k, 2)`` and their classes 0 and 1. The
    ``center`` of probabilities is 0.5; at ``reach`` from it, by default the farthest of all, colour is full.

    >>> slope = np.tile(np.linspace(0, 1, 8), (8, 1))
    >>> fig = plane_maps([slope, slope.T], (0.0, 0.0, 1.0), title="Two slopes", titles=["a", "b"], center=0.5)
    >>> [ax.get_title() for ax in fig.axes]
    ['a', 'b']
    """
    values = finite("maps", maps, ndim=3) - center
    n = len(values)
    if not plane[2] > 0 or (reach is not None and not reach > 0):
        raise ValueError(f"plane, reach must hold a positive half side and reach, got {plane} and {reach}")
    points = _points(X, y)
    limit = (float(np.abs(values).max()) or 1.0) if reach is None else reach
    columns = min(whole("columns", columns, least=1), n)
    rows = -(-n // columns)
    side = min((7.4 - 0.6) / columns - 0.2, 3.0)  # inches
    large = side > 1.5  # on smaller ones, numbers along the axes would crowd out the picture
    left, below, between = (0.75, 0.6, 0.2) if large else (0.1, 0.1, 0.12)
    above = 0.27 if titles is not None else 0.0
    step = (side + between, above + side + below)
    size = (max(left + columns * step[0] + 0.1, 4.4), 0.4 + rows * step[1])
    fig, axes = _tiles(n, columns, titles, title, side, step, (left, 0.4 + above), size)
    for k, ax in enumerate(axes):
        _map(ax, values[k], plane, limit)
        for mark, colour, places in zip("os", (CLASS_0, CLASS_1), points, strict=False):
            ax.plot(*places.T, mark, ms=1.8 + 0.9 * side, color=colour, mec=PAPER, mew=0.6)
        if large:
            first = k % columns == 0
            ax.set(xlabel="$x_1$", ylabel="$x_2$" if first else "")
            ax.tick_params(labelleft=first)
        else:
            ax.set(xticks=[], yticks=[])
    return fig


def _points(X: ArrayLike | None, y: ArrayLike | None) -> list[NDArray[np.float64]]:
    """The points of class 0 and those of class 1; an empty list where none are given."""
    if X is None and y is None:
        return []
    if X is None or y is None:
        raise ValueError("X, y must both be given, or neither")
    places, classes = finite("X", X, ndim=2), np.ravel(np.asarray(y))
    if places.shape != (len(classes), 2):
        raise ValueError(f"X must have shape ({len(classes)}, 2) to go with y, got {places.shape}")
    if not np.isin(classes, (0, 1)).all():
        raise ValueError(f"y must hold classes 0 and 1, got {np.unique(classes)[:5]}")
    return [places[classes == label] for label in (0, 1)]


def _map(ax: Axes, values: NDArray[np.float64], plane: tuple[float, float, float], limit: float) -> None:
    x, y, half = plane
    box = (x - half, x + half, y - half, y + half)
    ax.imshow(values, cmap=_SHADES, vmin=-limit, vmax=limit, extent=box)
    if values.min() < 0 < values.max():
        ax.contour(values, [0.0], extent=box, origin="upper", colors=INK, linewidths=1.2)
    ax.set(xlim=box[:2], ylim=box[2:])


def _squares(
    n: int, columns: int, titles: Sequence[str] | None, title: str, bar: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Tiles without ticks, on a figure as narrow as they allow; ``bar`` inches are left free at the right."""
    columns = min(whole("columns", columns, least=1), n)
    side = min(1.0, (7.6 - bar) / columns - 0.1)
    step = (side + 0.1, side + (0.1 if titles is None else 0.3))
    width = max(columns * step[0] + 0.1 + bar, min(7.6, 0.13 * len(title)) if title else 0.0, 2.0)
    top = (0.42 if titles is None else 0.32) if title else 0.05
    size = (width, top + -(-n // columns) * step[1] + 0.08)
    fig, axes = _tiles(n, columns, titles, title, side, step, (0.1, top + step[1] - side - 0.05), size)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
    return fig, axes


def _tiles(
    n: int,
    columns: int,
    titles: Sequence[str] | None,
    title: str,
    side: float,
    step: tuple[float, float],
    corner: tuple[float, float],
    size: tuple[float, float],
) -> tuple[Figure, list[Axes]]:
    """A figure with n square axes; inches are fixed, so that pictures stay square and sharp.

    ``step`` leads from one tile to the next, across and down; ``corner`` is the upper left one of the first.
    """
    if titles is not None and len(titles) != n:
        raise ValueError(f"titles must hold {n}, one for each picture, got {len(titles)}")
    width, height = size
    fig = new_figure(width, height, layout=None)
    if title:
        fig.text(0.1 / width, 1 - 0.1 / height, title, weight="bold", size=12, va="top")
    axes = []
    for k in range(n):
        row, column = divmod(k, columns)
        x, y = corner[0] + column * step[0], height - corner[1] - row * step[1] - side
        ax = fig.add_axes((x / width, y / height, side / width, side / height))
        ax.grid(visible=False)
        ax.spines[:].set(visible=True, color="#D0D0D0", linewidth=0.6)
        if titles is not None:
            ax.set_title(titles[k], size=9.5, weight="normal", loc="center", pad=3)
        axes.append(ax)
    return fig, axes
