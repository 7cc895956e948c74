"""The sliders of a live figure: how they are made, which values they take, and on which one they stand."""

import math
from typing import Any

import ipywidgets

from bphelpers.arguments import number, refuse


def make(name: str, spec: Any) -> Any:
    """The widget for what `live_figure` was given under that name."""
    if isinstance(spec, ipywidgets.Widget):
        if not hasattr(spec, "value"):
            refuse(name, "be a widget with a value", type(spec).__name__)
        return spec
    look = {"style": {"description_width": "initial"}, "layout": {"width": "min(100%, 420px)"}}
    if isinstance(spec, tuple) and len(spec) == 2:
        label, choices = spec
        return ipywidgets.SelectionSlider(
            options=list(choices), description=label, tooltip=label, continuous_update=True, **look
        )
    if not (isinstance(spec, tuple) and len(spec) == 5):
        refuse(name, "be (label, low, high, step, start) or (label, choices)", spec)
    label, *numbers = spec
    low, high, step, start = (number(name, one) for one in numbers)
    if not low < high or not step > 0:
        raise ValueError(f"{name} must have low < high and a positive step, got {spec[1:]}")
    if not low <= start <= high:
        raise ValueError(f"{name} must have a start within {low} to {high}, got {start}")
    ends = dict(zip(("min", "max", "step", "value"), numbers, strict=True))
    ends |= {"description": label, "tooltip": label, "continuous_update": True}
    if all(isinstance(one, int) for one in numbers):
        return ipywidgets.IntSlider(**ends, **look)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return ipywidgets.FloatSlider(**ends, **look, readout_format=f".{decimals}f")


def positions(slider: Any) -> list[Any]:
    """Every value that a slider can take, in order."""
    if hasattr(slider, "options"):
        return [option[1] if isinstance(option, tuple) else option for option in slider.options]
    if isinstance(slider.value, bool):
        return [False, True]
    if not _has_steps(slider):
        return [slider.value]  # a text field, say: only its start is known to make sense
    steps = round((slider.max - slider.min) / slider.step)
    values = [slider.min + k * slider.step for k in range(steps + 1)]
    values = [*(value for value in values if value < slider.max), slider.max]
    if isinstance(slider, ipywidgets.FloatLogSlider):  # its ends and its step are exponents
        return [slider.base**value for value in values]
    if isinstance(slider, ipywidgets.FloatSlider):
        return [*(round(value, 12) for value in values[:-1]), values[-1]]
    return values


def position_of(slider: Any) -> int | None:
    """The number of the position that the slider stands on, from 0; None if it stands on none of them."""
    if hasattr(slider, "options"):
        index = getattr(slider, "index", None)
        return index if isinstance(index, int) else None
    if not isinstance(slider.value, bool) and not _has_steps(slider):
        return None
    value = value_of(slider)
    return next((k for k, one in enumerate(positions(slider)) if math.isclose(one, value)), None)


def _has_steps(slider: Any) -> bool:
    numbers = (getattr(slider, name, None) for name in ("value", "min", "max", "step"))
    return all(isinstance(one, int | float) for one in numbers) and slider.step > 0


def value_of(slider: Any) -> Any:
    """The slider's value, on one of its steps exactly: the browser sends 2.000000000000001 for 2."""
    if not isinstance(slider, ipywidgets.FloatSlider) or not slider.step:
        return slider.value
    if math.isclose(slider.value, slider.max, rel_tol=1e-12):
        return slider.max  # which need not be on a step
    steps = round((slider.value - slider.min) / slider.step)
    return round(slider.min + steps * slider.step, 12)
