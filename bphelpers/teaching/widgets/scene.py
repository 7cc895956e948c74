"""A figure that is changed again and again: what stays is drawn once, what moves is drawn on top of it.

`live_figure` uses it. The picture is, pixel by pixel, the one that drawing everything anew would give.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bphelpers.teaching.plots import STYLE

Draw = Callable[..., object]


class Scene:
    """One figure, drawn by `draw` and from then on changed by the function that `draw` returns.

    Three things make a move cheap. Axes, ticks and whatever else `draw` itself put there are not made
    again. The layout is worked out once. And matplotlib paints anew only what moves, and what lies above
    it, over a copy of the rest. What moves is found out, not declared: it is what `update` added, and what
    it changed (matplotlib marks that as stale).

    Parameters
    ----------
    draw
        ``draw(fig, **values)``. If it returns nothing that can be called, it is called at each move.
    fig
        The figure, empty.
    values
        The first arguments of `draw`.

    Lesson: 05_backprop_by_hand.
    """

    def __init__(self, draw: Draw, fig: Figure, values: Mapping[str, Any]) -> None:
        self.fig = fig
        self._draw = draw
        self._canvas = _Canvas(fig)
        self._begin(values)

    def _begin(self, values: Mapping[str, Any]) -> None:
        with mpl.rc_context(STYLE):
            update = self._draw(self.fig, **values)
        self._update = update if callable(update) else None
        self._still = {part for holder in self._holders() for part in holder.get_children()}
        self._touched: set[Artist] = set()  # of what stays, what was changed since it was last painted
        self._above: set[Artist] = set()  # of what stays, what is not in the background
        self._background: Any = None
        self._seen: Any = None  # the geometry for which the background holds
        self.settled = False
        if self._update is not None:
            self._change(self._update, values)

    def move(self, values: Mapping[str, Any]) -> None:
        """Change the figure to show other values."""
        if self._update is None:
            self.fig.clear()
            self._begin(values)
        else:
            self._change(self._update, values)

    def _change(self, update: Callable[..., object], values: Mapping[str, Any]) -> None:
        for holder in self._holders():
            for part in holder.get_children():
                if part not in self._still:
                    part.remove()
        for part in self._still:
            for piece in _pieces(part):
                piece.stale = False
        with mpl.rc_context(STYLE):
            for ax in self.fig.axes:
                ax.set_prop_cycle(None)  # else the colour of a new curve would depend on how many were before
            update(**values)
        self._touched |= {part for part in self._still if any(piece.stale for piece in _pieces(part))}

    def pixels(self) -> NDArray[np.uint8]:
        """The figure as it is now, (height, width, 4)."""
        with mpl.rc_context(STYLE), warnings.catch_warnings():
            # Said of figures without a grid of axes: there is nothing to lay out, and no harm.
            warnings.filterwarnings("ignore", message="There are no gridspecs with layoutgrids")
            if self.settled and self._in_layers():
                self._paint()
            else:
                self._canvas.draw()
                if self._update is not None:
                    self._settle()
        return np.asarray(self._canvas.buffer_rgba())

    def _settle(self) -> None:
        self.settled = True
        self.fig.set_layout_engine("none")  # places are settled by the first picture,
        for ax in self.fig.axes:
            ax.autoscale(False)  # and so are limits, unless `update` sets them

    def _paint(self) -> None:
        upper, geometry = self._upper(), self._geometry()
        above = self._still.intersection(upper)
        if geometry != self._seen or not above <= self._above:
            for part in upper:
                part.set_animated(True)  # which means: not drawn with the rest
            self._canvas.draw()
            for part in upper:
                part.set_animated(False)
            self._background = self._canvas.copy_from_bbox(self.fig.bbox)
            self._seen, self._above = geometry, above
        self._canvas.restore_region(self._background)
        for part in upper:
            part.draw(self._canvas.get_renderer())
        self._touched.clear()

    def _holders(self) -> list[Figure | Axes]:
        return [*self.fig.axes, self.fig]

    def _upper(self) -> list[Artist]:
        """For each axes, then the figure itself: the lowest part that moves and all above it, in order."""
        upper = []
        for holder in self._holders():
            order = sorted(_drawn(holder), key=lambda part: part.zorder)
            lowest = next((k for k, part in enumerate(order) if self._moves(part)), len(order))
            upper += order[lowest:]
        return upper

    def _moves(self, part: Artist) -> bool:
        return part in self._touched or part in self._above or part not in self._still

    def _in_layers(self) -> bool:
        """Whether the axes are apart from each other and backgrounds stay: else all is drawn at each move."""
        boxes = [ax.bbox for ax in self.fig.axes]
        apart = not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
        return apart and not any(holder.patch in self._touched for holder in self._holders())

    def _geometry(self) -> list[Any]:
        return [
            (*ax.viewLim.bounds, *ax.bbox.bounds, *(ax.get_proj().flat if hasattr(ax, "get_proj") else ()))
            for ax in self.fig.axes
        ]


def _pieces(part: Artist) -> tuple[Artist, ...]:
    """What tells whether a part was changed. An axis leaves out its label, and an axes is its parts."""
    if isinstance(part, Axes):
        return ()
    return (part, part.label) if isinstance(part, Axis) else (part,)


def _drawn(holder: Figure | Axes) -> list[Artist]:
    """What `holder.draw` draws after its own background: the children less those that are switched off."""
    if isinstance(holder, Figure):
        return [part for part in holder.get_children() if part not in (holder.patch, *holder.axes)]
    hidden: set[Artist] = {holder.patch}
    if not holder.axison:
        hidden |= {*holder._axis_map.values()}
    if not (holder.axison and holder.get_frame_on()):
        hidden |= {*holder.spines.values()}
    return [part for part in holder.get_children() if part not in hidden]


# --------------------------------------------------------------------------------------------------
# Text that stays where it is
# --------------------------------------------------------------------------------------------------


class _Canvas(FigureCanvasAgg):
    def get_renderer(self) -> "_Renderer":
        plain = super().get_renderer()
        if not isinstance(plain, _Renderer):
            self.renderer = plain = _Renderer(plain.width, plain.height, plain.dpi)
        return plain


class _Renderer(RendererAgg):
    """matplotlib's own, but a text drawn again at the same place is not set in type again.

    Setting it takes most of the time of a picture with many words; its glyphs are kept, its colour is not.
    """

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__(width, height, dpi)
        self._set: dict[Any, list[Any]] = {}

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False,
        mtext: Any = None,
    ) -> None:  # fmt: skip
        key = (x, y, s, hash(prop), angle, ismath, gc.get_antialiased())
        if key in self._set:
            for image, *place in self._set[key]:
                self._renderer.draw_text_image(image, *place, gc)
            return
        agg = self._renderer
        self._renderer = seen = _Seen(agg)
        try:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
        finally:
            self._renderer = agg
        if seen.only_glyphs:
            if len(self._set) > 1000:
                self._set.clear()
            self._set[key] = seen.glyphs


class _Seen:
    """Stands before matplotlib's C++ renderer and notes which glyphs a text consists of."""

    def __init__(self, agg: Any) -> None:
        self._agg = agg
        self.glyphs: list[Any] = []
        self.only_glyphs = True

    def draw_text_image(self, image: Any, x: float, y: float, angle: float, gc: Any) -> None:
        self._agg.draw_text_image(image, x, y, angle, gc)
        self.only_glyphs &= isinstance(image, np.ndarray)  # before matplotlib 3.11 it may be a font, reused
        self.glyphs.append((np.array(image) if self.only_glyphs else None, x, y, angle))

    def __getattr__(self, name: str) -> Any:
        self.only_glyphs = False  # the bar of a fraction, say
        return getattr(self._agg, name)
