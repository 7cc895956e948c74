"""Figures as pure functions of arrays, in one style, each shown with words that replace it.

Every function takes arrays and returns a matplotlib ``Figure``; nothing is computed here that a lesson has
not computed before. Forward is always one colour and backward always the other, everywhere in the course.
Line styles and markers differ as well, so that a figure survives a black-and-white printer.

>>> import bphelpers as bp
>>> fig = bp.plots.learning_curves({"training": [1.0, 0.5, 0.3]}, title="The loss falls")
>>> type(fig).__name__
'Figure'
"""

from bphelpers.teaching.plots.charts import bars_compared, confusion_matrix, learning_curves
from bphelpers.teaching.plots.diagram import network_diagram
from bphelpers.teaching.plots.graph import computation_graph
from bphelpers.teaching.plots.style import (
    BACKWARD,
    DPI,
    FORWARD,
    GREY,
    INK,
    LIGHT,
    PAPER,
    STYLE,
    TARGET,
    UPDATE,
    blank_axes,
    new_figure,
    png_bytes,
    rendered,
    show,
    titled,
    use_style,
)
from bphelpers.teaching.plots.tiles import CLASS_0, CLASS_1, image_gallery, plane_maps, weight_images

__all__ = [
    "BACKWARD", "CLASS_0", "CLASS_1", "DPI", "FORWARD", "GREY", "INK", "LIGHT", "PAPER", "STYLE", "TARGET",
    "UPDATE", "bars_compared", "blank_axes", "computation_graph", "confusion_matrix", "image_gallery",
    "learning_curves", "network_diagram", "new_figure", "plane_maps", "png_bytes", "rendered", "show",
    "titled", "use_style", "weight_images",
]  # fmt: skip
