"""A figure that is changed again and again: what stays is painted once, what moves is painted on top of it.

matplotlib calls that blitting. The picture is, pixel by pixel, the one that drawing everything anew would
give; a redraw of the course's figures takes a third to a twentieth of the time.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bphelpers.teaching.plots import STYLE

Draw = Callable[..., object]


class BlittedFigure:
    """One figure, drawn by ``draw(fig, **values)`` and then changed by the function that it returns [05].

    If it returns none, it is called again for each move. What moves is found out, not declared: it is what
    `update` added, and what it changed, which matplotlib marks as stale. Places and limits are those of the
    first picture, unless `update` sets limits.
    """

    def __init__(self, draw: Draw, fig: Figure, values: Mapping[str, Any]) -> None:
        self.fig, self._draw, self._canvas = fig, draw, FigureCanvasAgg(fig)
        self._begin(values)

    def _begin(self, values: Mapping[str, Any]) -> None:
        with mpl.rc_context(STYLE):
            update = self._draw(self.fig, **values)
        self._update = update if callable(update) else None
        self._still = {part: _pieces(part) for holder in self._holders() for part in holder.get_children()}
        self._touched: set[Artist] = set()  # of what stays, what `update` has changed
        self._background: Any = None
        self._scene: Any = None  # what the background leaves out, and the geometry for which it holds
        self.settled = False
        if self._update is not None:
            self.move(values)

    def move(self, values: Mapping[str, Any]) -> None:
        """Change the figure to show other values."""
        if self._update is None:
            self.fig.clear()
            return self._begin(values)
        for holder in self._holders():
            for part in holder.get_children():
                if part not in self._still:
                    part.remove()
        # Before 3.11 matplotlib remembers a title that was removed, and writes the next one into it, unseen.
        for name in ("_suptitle", "_supxlabel", "_supylabel"):
            if getattr(self.fig, name, None) not in self.fig.texts:
                setattr(self.fig, name, None)
        for pieces in self._still.values():
            for piece in pieces:
                piece.stale = False
        with mpl.rc_context(STYLE):
            for ax in self.fig.axes:
                ax.set_prop_cycle(None)  # else the colour of a new curve would depend on how many were before
            self._update(**values)
        self._touched |= {
            part for part, pieces in self._still.items() if any(piece.stale for piece in pieces)
        }

    def pixels(self) -> NDArray[np.uint8]:
        """The figure as it is now, (height, width, 4)."""
        with mpl.rc_context(STYLE), warnings.catch_warnings():
            # Said of figures without a grid of axes: there is nothing to lay out, and no harm.
            warnings.filterwarnings("ignore", message="There are no gridspecs with layoutgrids")
            if self.settled and self._in_layers():
                self._paint()
            else:
                self._canvas.draw()
                if self._update is not None:  # what is drawn from now on leaves places and limits
                    self.settled = True
                    self.fig.set_layout_engine("none")
                    for ax in self.fig.axes:
                        ax.autoscale(False)
        return np.asarray(self._canvas.buffer_rgba())

    def _paint(self) -> None:
        upper = self._upper()
        scene = self._still.keys() & upper, [_geometry(ax) for ax in self.fig.axes]
        if scene != self._scene:
            for part in upper:
                part.set_animated(True)  # which means: not drawn with the rest
            self._canvas.draw()
            for part in upper:
                part.set_animated(False)
            self._background, self._scene = self._canvas.copy_from_bbox(self.fig.bbox), scene
        self._canvas.restore_region(self._background)
        for part in upper:
            part.draw(self._canvas.get_renderer())

    def _holders(self) -> list[Figure | Axes]:
        return [*self.fig.axes, self.fig]

    def _upper(self) -> list[Artist]:
        """For each axes, then the figure itself: the lowest part that moves and all above it, in order."""
        upper = []
        for holder in self._holders():
            order = sorted(_drawn(holder), key=lambda part: part.zorder)
            moving = (k for k, part in enumerate(order) if part in self._touched or part not in self._still)
            upper += order[next(moving, len(order)) :]
        return upper

    def _in_layers(self) -> bool:
        """Whether the axes are apart from each other and backgrounds stay: else all is drawn at each move."""
        boxes = [ax.bbox for ax in self.fig.axes]
        apart = not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
        return apart and not any(holder.patch in self._touched for holder in self._holders())


def _geometry(ax: Axes) -> tuple[float, ...]:
    return (*ax.viewLim.bounds, *ax.bbox.bounds, *(ax.get_proj().flat if hasattr(ax, "get_proj") else ()))


def _pieces(part: Artist) -> tuple[Artist, ...]:
    """What tells whether a part was changed. An axis leaves out its label, and an axes is its parts."""
    if isinstance(part, Axes):
        return ()
    return (part, part.label) if isinstance(part, Axis) else (part,)


def _drawn(holder: Figure | Axes) -> list[Artist]:
    """What `holder.draw` draws after its own background: the children less those that are switched off."""
    hidden: set[Artist] = {holder.patch}
    if isinstance(holder, Figure):
        hidden |= {*holder.axes}
    elif not (holder.axison and holder.get_frame_on()):
        hidden |= {*holder.spines.values()}
    if isinstance(holder, Axes) and not holder.axison:
        hidden |= {part for part in holder.get_children() if isinstance(part, Axis)}
    return [part for part in holder.get_children() if part not in hidden]
