"""The course's colours and style, and `show`: a figure in a notebook with words that replace it."""

import functools
import io
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from bphelpers.arguments import refuse

# Okabe and Ito's colours, which readers with any common kind of colour vision can tell apart.
FORWARD = "#0072B2"
BACKWARD = "#D55E00"
UPDATE = "#009E73"
TARGET = "#CC79A7"
INK = "#222222"
GREY = "#6B6B6B"
LIGHT = "#C4C4C4"
PAPER = "#FFFFFF"

#: Curves beyond the accented one: three greys, then round again; dashes and markers tell them apart.
GREYS = ("#222222", "#6B6B6B", "#9A9A9A")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v")

DPI = 110
MAX_PNG_BYTES = 100 * 1024

#: matplotlib's settings for the whole course. (Any: newer matplotlib types every key, older none.)
STYLE: Any = {
    "figure.facecolor": PAPER,
    "figure.dpi": DPI,
    "figure.figsize": (7.0, 4.0),
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
    "savefig.dpi": DPI,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same picture on every machine
    "font.size": 10.0,
    "axes.titlesize": 12.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.labelsize": 10.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=GREYS) + cycler(linestyle=DASHES[:3]),
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "image.cmap": "Greys",
    "image.interpolation": "nearest",
}

P = ParamSpec("P")
R = TypeVar("R")


def use_style() -> None:
    """Make matplotlib draw in the course's style from now on. ``bp.setup()`` calls it.

    >>> with mpl.rc_context():
    ...     use_style()
    ...     mpl.rcParams["axes.spines.top"]
    False
    """
    mpl.rcParams.update(STYLE)


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """A drawing function that uses the course's style, whether or not a lesson has called ``bp.setup()``."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float, layout: str | None = "constrained") -> Figure:
    """An empty figure, inches; made without pyplot, so that nothing has to be closed afterwards."""
    fig = Figure(figsize=(width, height), layout=layout)  # type: ignore[arg-type]
    FigureCanvasAgg(fig)
    return fig


def blank_axes(
    fig: Figure,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    place: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 0.9),
    **how: Any,
) -> Axes:
    """Axes to draw on, without frame or ticks; ``place`` in parts of the figure leaves room for a title."""
    ax = fig.add_axes(place)
    ax.set(xlim=xlim, ylim=ylim, **how)
    ax.set_axis_off()
    return ax


def titled(fig: Figure, title: str) -> None:
    """The title of a picture without axes of its own, where that of a plot would stand."""
    fig.suptitle(title, x=0.02, ha="left", weight="bold", size=12)


def rendered(fig: Figure) -> Image.Image:
    """The figure as pixels."""
    canvas = FigureCanvasAgg(fig)
    with warnings.catch_warnings():
        # Said of figures that hold only text or hand-placed axes: there is nothing to lay out, and no harm.
        warnings.filterwarnings("ignore", message="There are no gridspecs with layoutgrids")
        canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def png_bytes(fig: Figure) -> bytes:
    """The figure as a small PNG whose bytes are the same on every run: no date, no version, a palette.

    Above 100 kB the palette shrinks; a picture that is larger even with 16 colours stays as it is.

    >>> png_bytes(new_figure(2.0, 1.0))[1:4]
    b'PNG'
    """
    fig.set_dpi(DPI)
    picture = rendered(fig)
    for colours in (256, 64, 16):
        palette = picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        palette.save(buffer, "PNG", optimize=True, dpi=(DPI, DPI))
        if len(buffer.getvalue()) <= MAX_PNG_BYTES:
            break
    return buffer.getvalue()


def show(fig: Figure, alt: str) -> None:
    """Show a figure in a notebook, with a sentence or two for a reader who does not see it, and close it.

    The words are the plain text of the output: a terminal shows them, and nbval compares them. So put the
    computed numbers of the picture into them. [00]

    >>> import bphelpers as bp
    >>> fig = bp.plots.learning_curves({"loss": [2.0, 1.0]}, title="The loss halves")
    >>> bp.plots.show(fig, alt="The loss falls from 2 to 1.")
    The loss falls from 2 to 1.
    """
    from IPython.display import display

    if not isinstance(fig, Figure):
        raise TypeError(f"fig must be a matplotlib Figure, got {type(fig).__name__}")
    if not isinstance(alt, str):
        raise TypeError(f"alt must be a string, got {type(alt).__name__}")
    words = " ".join(alt.split())
    if not words:
        refuse("alt", "say in words what the figure shows", alt)
    png = png_bytes(fig)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close(fig)  # or the notebook shows it a second time
    display(_Shown(png, words))


@dataclass
class _Shown:
    """What `show` hands to IPython: a picture and, in one piece, the words for it."""

    png: bytes
    words: str

    def __repr__(self) -> str:
        return self.words

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"image/png": self.png, "text/plain": self.words}, {"image/png": {"alt": self.words}}
