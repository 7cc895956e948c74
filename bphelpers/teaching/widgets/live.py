"""Sliders wired to plots.

`live_figure` keeps one figure for its whole life, redraws on it what a move of a slider changes, and swaps
the picture in one ``ipywidgets.Image``: nothing flickers, and it works wherever ipywidgets does.

>>> import bphelpers as bp
>>> def draw(fig, slope):
...     ax = fig.subplots()
...     _ = ax.plot([0, 1], [0, slope])
>>> live = bp.widgets.live_figure(
...     draw, lambda slope: f"The line rises by {slope:.1f}.", slope=("slope", 0.0, 2.0, 0.1, 1.0))
>>> live
The line rises by 1.0.
"""

import itertools
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from bphelpers.teaching.plots import DPI, new_figure
from bphelpers.teaching.widgets import slider
from bphelpers.teaching.widgets.ahead import Ahead, View, spoken
from bphelpers.teaching.widgets.scene import Draw, Scene
from bphelpers.teaching.widgets.turn import Turn

Describe = Callable[..., str]


def live_figure(
    draw: Draw,
    describe: Describe,
    /,
    *,
    size: tuple[float, float] = (7.0, 3.8),
    **sliders: Any,
) -> "LiveFigure":
    """A picture with sliders, a line that says in words what it shows, and a reset button.

    Parameters
    ----------
    draw
        ``draw(fig, **values)``. It gets the one figure, cleared, in the course's style. It draws all, for
        every move. Or it draws what stays, and returns a function ``update(**values)`` that draws what
        moves, which is several times as fast. `update` is called at once and for every move, and what it
        added to the axes the last time is taken away before; so it may be plain plotting code. It may also
        change what `draw` put there, such as a title. Places of the axes, and limits that `update` does
        not set, stay as they are in the first picture.
    describe
        ``describe(**values) -> str``: one or two plain sentences with the numbers of the picture. They
        stand under the picture, stand for it where there is none, and are read out when they change.
    size
        Width and height of the figure in inches.
    **sliders
        One per argument of `draw`, in the order in which they are to stand. Either
        ``(label, low, high, step, start)``, a slider for whole numbers if all four are whole, or a sequence
        of choices ``(label, [choice, ...])``, which starts at the first, or any ipywidgets
        widget with a ``value``.

    Returns
    -------
    LiveFigure
        Show it by making it the last expression of a cell.

    Raises
    ------
    ValueError
        If there is no slider, or a range is empty, not finite, or does not hold its start.
    Exception
        Whatever `draw` or `describe` raises at the start values: no lesson is stored with a broken picture.

    Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> draw = lambda fig, n: fig.text(0.5, 0.5, str(n))
    >>> live = live_figure(draw, lambda n: f"n = {n}", n=("n", 0, 9, 1, 3))
    >>> live.values
    {'n': 3}
    >>> live.sliders["n"].value = 5
    >>> live.text
    'n = 5'
    """
    return LiveFigure(draw, describe, sliders, size=size)


class LiveFigure(ipywidgets.VBox):  # type: ignore[misc]
    """What `live_figure` returns. Shown by Jupyter as sliders above a picture; printed as a sentence.

    Attributes
    ----------
    sliders : dict
        Name to ipywidgets slider.
    text : str
        The sentence that now stands under the picture.
    error : Exception or None
        What `draw` or `describe` raised at the present values, if it did.

    Lesson: 05_backprop_by_hand.
    """

    _ahead: Ahead | None = None  # also where a bad argument has stopped the beginning

    def __init__(
        self, draw: Draw, describe: Describe, sliders: Mapping[str, Any], *, size: tuple[float, float]
    ) -> None:
        if not sliders:
            raise ValueError("sliders: expected at least one, got none")
        self._draw = draw
        self._describe = describe
        self._size = size
        self._scene: Scene | None = None
        self.sliders = {name: slider.make(name, spec) for name, spec in sliders.items()}
        self.defaults = self.values
        self.error: Exception | None = None
        self.redraws = 0
        self._quiet = False
        turn = Turn()

        # As wide as it was drawn, and not wider: a stretched picture is a blurred one.
        self._picture = ipywidgets.Image(
            format="png",
            width=str(round(size[0] * DPI)),
            layout={"max_width": "100%", "object_fit": "contain", "align_self": "flex-start"},
        )
        self._words = ipywidgets.HTML(layout={"margin": "0 0 0 4px"})
        self._ahead = Ahead(self.sliders, self._picture, self._words, self._view, self._refresh, turn)
        self._reset = ipywidgets.Button(
            description="Reset", tooltip="Put every slider back to its start", layout={"width": "auto"}
        )
        self._reset.on_click(lambda _: turn.take(self.reset))
        for one in self.sliders.values():
            one.observe(lambda _: self._heard(turn), names="value")

        self._drawn: dict[str, Any] | None = None
        self._refresh()
        if self.error is not None:
            raise self.error
        self._default_text = self.text
        controls = ipywidgets.HBox(
            [*self.sliders.values(), self._reset], layout={"flex_flow": "row wrap", "align_items": "center"}
        )
        super().__init__([controls, self._picture, self._words])
        self.add_class("bp-live-figure")  # by which a style sheet, or the browser test, finds it

    # What GitHub, a terminal and the comparison of stored outputs see: no address, no bytes.
    def __repr__(self) -> str:
        return self._default_text

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**options)
        return bundle | {"text/plain": repr(self)}  # whole: ipywidgets cuts it after 110 characters

    @property
    def values(self) -> dict[str, Any]:
        """Name to present value of each slider."""
        return {name: slider.value_of(one) for name, one in self.sliders.items()}

    def reset(self) -> None:
        """Put every slider back to its start, and draw once."""
        self._quiet = True
        try:
            for name, value in self.defaults.items():
                self.sliders[name].value = value
        finally:
            self._quiet = False
        self._refresh()

    def close(self) -> None:
        """Take it off every page."""
        if self._ahead is not None:
            self._ahead.close()
        super().close()

    def static(self) -> Figure:
        """The picture at the start values as a figure of its own: the twin for readers without a kernel.

        Made by the same `draw`, so that the two cannot drift apart. Show it with
        ``bp.plots.show(live.static(), alt=str(live))``, or with a longer text.
        """
        return Scene(self._draw, new_figure(*self._size), self.defaults).fig

    def frames(self) -> Iterator[dict[str, Any]]:
        """Every position worth testing: each slider over its whole range, then all corners.

        Yields the values. The widget is moved there before, and put back to the start at the end.
        """
        ranges = {name: slider.positions(one) for name, one in self.sliders.items()}
        path = [self.defaults | {name: value} for name, values in ranges.items() for value in values]
        ends = [dict.fromkeys((values[0], values[-1])) for values in ranges.values()]
        path += [dict(zip(ranges, corner, strict=True)) for corner in itertools.product(*ends)]
        try:
            for position in path:
                self._quiet = True
                for name, value in position.items():
                    self.sliders[name].value = value
                self._quiet = False
                self._refresh()
                yield self.values
        finally:
            self._quiet = False
            self.reset()

    def _heard(self, turn: Turn) -> None:
        by_page = not turn.is_here()  # else by code, which may have changed what is drawn as well
        turn.take(lambda: self._changed(by_page))

    def _changed(self, by_page: bool) -> None:
        # Moves made during a drawing are dropped, save the last: the first of them to have its turn draws the
        # values of that moment, the others find nothing to do. Where the message itself is handled in the
        # thread of the cells, ipywidgets' browser side does the same: it keeps one message on its way.
        if not self._quiet and self.values != self._drawn:
            self._refresh(kept=by_page)

    def _refresh(self, kept: bool = False) -> None:
        values = self._drawn = self.values
        self.redraws += 1
        try:
            assert self._ahead is not None
            self.text = self._ahead.show(values, kept=kept)
            self.error = None
        except Exception as error:  # a learner's own draw may fail anywhere: the widget must outlive it
            self.text = f"No picture for {_spelled(values)} ({type(error).__name__}: {error})."
            self.error = error
            self._words.value = spoken(self.text, "bp-words bp-failed")

    def _view(self, values: dict[str, Any]) -> View:
        try:
            if self._scene is None:
                self._scene = Scene(self._draw, new_figure(*self._size), values)
            else:
                self._scene.move(values)
            return View(_png(self._scene), str(self._describe(**values)))
        except BaseException:
            self._scene = None  # what is on the figure now is anybody's guess: start again
            raise


def _spelled(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value:.6g}" if isinstance(value, float) else f"{name} = {value}"
                     for name, value in values.items())  # fmt: skip


def _png(scene: Scene) -> bytes:
    """The picture as PNG, made for speed: it lives only on the screen.

    Pillow tries five filters on every row, which takes longer than the rest and gains nothing on line art.
    """
    rows = scene.pixels()[..., :3]
    height, width, _ = rows.shape
    raw = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # a row starts with its filter, 0: none
    raw[:, 1:] = rows.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits each of red, green and blue
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(raw, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
