"""The sliders of a live figure: how they are made, which values they take, and on which one they stand."""

import math
from typing import Any

import ipywidgets

from bphelpers.arguments import number, refuse

RANGES = (ipywidgets.IntSlider, ipywidgets.FloatSlider, ipywidgets.FloatLogSlider)
CHOICES = (ipywidgets.SelectionSlider, ipywidgets.Dropdown)


def make(name: str, spec: Any) -> Any:
    """The widget for what `live_figure` was given under that name."""
    if isinstance(spec, ipywidgets.Widget):
        if not hasattr(spec, "value"):
            refuse(name, "be a widget with a value", type(spec).__name__)
        return spec
    if not (isinstance(spec, tuple) and len(spec) in (2, 5)):
        refuse(name, "be (label, low, high, step, start) or (label, choices)", spec)
    label, *numbers = spec
    look = {"description": label, "tooltip": label, "continuous_update": True}
    look |= {"style": {"description_width": "initial"}, "layout": {"width": "min(100%, 420px)"}}
    if len(spec) == 2:
        return ipywidgets.SelectionSlider(options=list(spec[1]), **look)
    low, high, step, start = (number(name, one) for one in numbers)
    if not low < high or not step > 0:
        raise ValueError(f"{name} must have low < high and a positive step, got {spec[1:]}")
    if not low <= start <= high:
        raise ValueError(f"{name} must have a start within {low} to {high}, got {start}")
    ends = dict(zip(("min", "max", "step", "value"), numbers, strict=True))
    if all(isinstance(one, int) for one in numbers):
        return ipywidgets.IntSlider(**ends, **look)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return ipywidgets.FloatSlider(**ends, **look, readout_format=f".{decimals}f")


def positions(slider: Any) -> list[Any]:
    """Every value that a slider can take, in order; of another widget, the present one."""
    if isinstance(slider, CHOICES):
        return [option[1] if isinstance(option, tuple) else option for option in slider.options]
    if not isinstance(slider, RANGES) or not slider.step:
        return [slider.value]
    steps = round((slider.max - slider.min) / slider.step)
    values = [round(slider.min + k * slider.step, 12) for k in range(steps + 1)]
    values = [*(value for value in values if value < slider.max), slider.max]
    if isinstance(slider, ipywidgets.FloatLogSlider):  # its ends and its step are exponents
        return [slider.base**value for value in values]
    return values


def position_of(slider: Any) -> int:
    """The number of the position that the slider stands on, from 0; -1 if it stands on none of them."""
    if isinstance(slider, CHOICES):
        return int(slider.index)
    if not isinstance(slider, RANGES) or not slider.step:
        return -1
    value = value_of(slider)
    return next((k for k, one in enumerate(positions(slider)) if math.isclose(one, value)), -1)


def value_of(slider: Any) -> Any:
    """The slider's value, on one of its steps exactly: the browser sends 2.000000000000001 for 2."""
    if not isinstance(slider, ipywidgets.FloatSlider) or not slider.step:
        return slider.value
    if math.isclose(slider.value, slider.max, rel_tol=1e-12):
        return slider.max  # which need not be on a step
    steps = round((slider.value - slider.min) / slider.step)
    return round(slider.min + steps * slider.step, 12)
