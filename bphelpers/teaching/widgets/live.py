"""Sliders wired to plots.

`live_figure` keeps one figure for its whole life, redraws on it what a move of a slider changes, and swaps
the picture in one ``ipywidgets.Image``: nothing flickers, and it works wherever ipywidgets does.
"""

import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ipywidgets
from matplotlib.figure import Figure
from PIL import Image

from bphelpers.teaching.plots import DPI, new_figure
from bphelpers.teaching.widgets import slider
from bphelpers.teaching.widgets.blitting import BlittedFigure, Draw
from bphelpers.teaching.widgets.cell_thread import CellThread
from bphelpers.teaching.widgets.prefetch import Prefetcher, View, spoken

Describe = Callable[..., str]


def live_figure(
    draw: Draw, describe: Describe, /, *, size: tuple[float, float] = (7.0, 3.8), **sliders: Any
) -> "LiveFigure":
    """A picture with sliders, a line that says in words what it shows, and a reset button [05].

    ``draw(fig, **values)`` gets the one figure, cleared, in the course's style, and draws all, for every
    move. Or it draws what stays, and returns a function ``update(**values)`` that draws what moves, which is
    several times as fast. `update` is called at once and for every move, and what it added to the axes the
    last time is taken away before; it may also change what `draw` put there, such as a title. Places of the
    axes, and limits that `update` does not set, stay as they are in the first picture.

    ``describe(**values)`` is one or two plain sentences with the numbers of the picture. They stand under it,
    and for it where there is none. ``size`` is in inches. A slider is ``(label, low, high, step, start)``,
    for whole numbers if all four are whole, or ``(label, [choice, ...])``, or any ipywidgets widget with a
    ``value``.

    What `draw` or `describe` raises at the start is raised here: no lesson is stored with a broken picture.

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
    """What `live_figure` returns: sliders above a picture in Jupyter, a sentence where it is printed [05].

    ``sliders`` by name; ``text``, the sentence that now stands under the picture; ``error``, what `draw` or
    `describe` raised at the present values, or None.
    """

    def __init__(
        self, draw: Draw, describe: Describe, sliders: Mapping[str, Any], *, size: tuple[float, float]
    ) -> None:
        if not sliders:
            raise ValueError("sliders must be at least one, got none")
        self._draw, self._describe, self._size = draw, describe, size
        self._figure: BlittedFigure | None = None
        self.sliders = {name: slider.make(name, spec) for name, spec in sliders.items()}
        self.defaults = self.values
        self.error: Exception | None = None
        self._quiet = False
        thread = CellThread()

        # As wide as it was drawn, and not wider: a stretched picture is a blurred one.
        fits = {"max_width": "100%", "object_fit": "contain", "align_self": "flex-start"}
        self._picture = ipywidgets.Image(format="png", width=str(round(size[0] * DPI)), layout=fits)
        self._words = ipywidgets.HTML(layout={"margin": "0 0 0 4px"})
        self._prefetcher = Prefetcher(self.sliders, self._picture, self._words, self.view, thread)
        self._reset = ipywidgets.Button(
            description="Reset", tooltip="Put every slider back to its start", layout={"width": "auto"}
        )
        self._reset.on_click(lambda _: thread.run(self.reset))
        for one in self.sliders.values():
            one.observe(lambda _: thread.run(self._changed), names="value")

        self._drawn = self.defaults
        self._show(self.view(self.defaults))
        self._default_text = self.text
        controls = ipywidgets.HBox(
            [*self.sliders.values(), self._reset], layout={"flex_flow": "row wrap", "align_items": "center"}
        )
        super().__init__([controls, self._picture, self._words])
        self.add_class("bp-live-figure")  # by which a style sheet, or the browser test, finds it

    # What GitHub, a terminal and the comparison of stored outputs see: no address, no bytes.
    def __repr__(self) -> str:
        return self._default_text

    _ipython_display_ = None  # ipywidgets 7 shows itself by this instead of what follows

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        # The text is whole: ipywidgets cuts it after 110 characters.
        return {"text/plain": repr(self), "application/vnd.jupyter.widget-view+json": view}

    @property
    def values(self) -> dict[str, Any]:
        """Name to present value of each slider."""
        return {name: slider.value_of(one) for name, one in self.sliders.items()}

    def reset(self) -> None:
        """Put every slider back to its start, and draw once."""
        self._move(self.defaults)

    def _move(self, values: Mapping[str, Any]) -> None:
        self._quiet = True
        try:
            for name, value in values.items():
                self.sliders[name].value = value
        finally:
            self._quiet = False
        self._refresh()

    def static(self) -> Figure:
        """The picture at the start values as a figure of its own: the twin for readers without a kernel.

        Made by the same `draw`, so that the two cannot drift apart. Show it with
        ``bp.plots.show(live.static(), alt=str(live))``, or with a longer text.
        """
        return BlittedFigure(self._draw, new_figure(*self._size), self.defaults).fig

    def frames(self, most: int | None = None) -> Iterator[dict[str, Any]]:
        """Every position worth testing: each slider over its whole range, then all corners.

        Yields the values. The widget is moved there before, and put back to the start at the end. ``most`` is
        how many positions of a slider to take, evenly spread, its ends among them.
        """
        ranges = {name: _spread(slider.positions(one), most) for name, one in self.sliders.items()}
        path = [self.defaults | {name: value} for name, values in ranges.items() for value in values]
        ends = [dict.fromkeys((values[0], values[-1])) for values in ranges.values()]
        path += [dict(zip(ranges, corner, strict=True)) for corner in itertools.product(*ends)]
        try:
            for position in path:
                self._move(position)
                yield self.values
        finally:
            self.reset()

    def _changed(self) -> None:
        # Moves made during a drawing are dropped, save the last: the first of them to have its turn draws the
        # values of that moment, the others find nothing to do. Where the message itself is handled in the
        # thread of the cells, ipywidgets' browser side does the same: it keeps one message on its way.
        if not self._quiet and self.values != self._drawn:
            self._refresh()

    def _refresh(self) -> None:
        values = self._drawn = self.values
        try:
            self._show(self.view(values))
        except Exception as error:  # a learner's own draw may fail anywhere: the widget must outlive it
            spelled = (f"{name} = {value:.6g}" if isinstance(value, float) else f"{name} = {value}"
                       for name, value in values.items())  # fmt: skip
            self.text = f"No picture for {', '.join(spelled)} ({type(error).__name__}: {error})."
            self.error = error
            self._words.value = spoken(self.text, "bp-words bp-failed")

    def _show(self, view: View) -> None:
        self._prefetcher.show(view)
        self.text, self.error = view.text, None

    def view(self, values: dict[str, Any]) -> View:
        """The picture at these values and its sentence; the sliders stay where they are."""
        # Until all is done, what is on the figure is anybody's guess: after a failure, a new one is begun.
        figure, self._figure = self._figure, None
        if figure is None:
            figure = BlittedFigure(self._draw, new_figure(*self._size), values)
        else:
            figure.move(values)
        png = io.BytesIO()
        Image.fromarray(figure.pixels()).convert("RGB").save(png, "PNG", compress_level=1)
        view = View(png.getvalue(), str(self._describe(**values)))
        self._figure = figure
        return view


def _spread(values: Sequence[Any], most: int | None) -> Sequence[Any]:
    if most is None or len(values) <= most:
        return values
    return [values[round(k * (len(values) - 1) / (most - 1))] for k in range(most)]
