"""Pictures that move.

`live_figure` redraws a figure of your own for every move of a slider. `scrubber` takes one training iteration
apart, step by step, or an expression of Values. `playground` trains a small network before your eyes.

>>> import bphelpers as bp
>>> def draw(fig, slope):
...     _ = fig.subplots().plot([0, 1], [0, slope])
>>> bp.widgets.live_figure(
...     draw, lambda slope: f"The line rises by {slope:.1f}.", slope=("slope", 0.0, 2.0, 0.1, 1.0))
The line rises by 1.0.
"""

from bphelpers.teaching.widgets.live import LiveFigure, live_figure
from bphelpers.teaching.widgets.playground import Playground, playground
from bphelpers.teaching.widgets.scrubber import Scrubber, scrubber

__all__ = ["LiveFigure", "Playground", "Scrubber", "live_figure", "playground", "scrubber"]
