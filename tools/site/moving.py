"""Runs in a lesson's kernel while the site is built: draws ahead what moves, so that a page needs no kernel.

A live figure is drawn at each of its positions, or, where there are over `MOST`, at evenly chosen ones. A
playground's run is recorded: what Python answers to the page's own questions. `static/course.js` shows both.
"""

from __future__ import annotations

import base64
import copy
import html
import io
import itertools
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bphelpers.teaching.widgets import LiveFigure, Playground, slider

MOST = 420  # pictures of one live figure
COLOURS = 64
# Updates at which a recorded run is looked at: closely at first, where most happens.
MOMENTS = (0, 1, 2, 5, 10, *range(20, 1001, 20), *range(1050, 2001, 50))
END = "The recording ends here. In the notebook, the run goes on for as long as you like."


def install(folder: str, address: str) -> None:
    """From now on, live figures and playgrounds show themselves as a part of a page.

    Pictures go to the folder, which pages know by the address.
    """
    number = itertools.count(1)

    def shown(widget: Any, **_: Any) -> dict[str, str]:
        name = f"{next(number)}"
        room = Path(folder, name)
        room.mkdir(parents=True)
        draw = live_figure if isinstance(widget, LiveFigure) else playground
        return {"text/plain": repr(widget), "text/html": draw(widget, room, f"{address}/{name}")}

    for kind in (LiveFigure, Playground):
        kind._repr_mimebundle_ = shown  # type: ignore[method-assign, assignment]


# ---------------------------------------------------------------------------------------------- live figures


def live_figure(live: Any, room: Path, address: str) -> str:
    """All pictures of a live figure into a folder, and the piece of a page that shows them."""
    moved = {name: one for name, one in live.sliders.items() if len(slider.positions(one)) > 1}
    positions = {name: slider.positions(one) for name, one in moved.items()}
    starts = {name: slider.position_of(one) for name, one in moved.items()}
    kept = thinned([len(each) for each in positions.values()], list(starts.values()))
    words = {}
    for place in itertools.product(*kept):
        at = {name: positions[name][k] for name, k in zip(moved, place, strict=True)}
        view = live.view(live.defaults | at)
        words[key(place)] = view.text
        picture = Image.open(io.BytesIO(view.picture)).convert("RGB")
        picture = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        picture.save(room / f"{key(place)}.png", "PNG", optimize=True)
    controls = "".join(
        control(one, places, starts[name]) for (name, one), places in zip(moved.items(), kept, strict=True)
    )
    start, text = key(starts.values()), html.escape(str(live))
    width, height = picture.size
    return (
        f'<div class="bp-live" data-pictures="{address}">\n'
        f'<div class="bp-live-controls">{controls}<button type="button">Reset</button></div>\n'
        f'<img src="{address}/{start}.png" alt="{text}" width="{width}" height="{height}">\n'
        f'<p role="status" aria-live="polite">{text}</p>\n'
        f'<script type="application/json">{for_script(words)}</script>\n</div>'
    )


def thinned(counts: Sequence[int], starts: Sequence[int]) -> list[list[int]]:
    """Positions of each slider that are drawn: all, or evenly chosen ones with both ends and the start.

    >>> thinned([3, 2], [0, 1])
    [[0, 1, 2], [0, 1]]
    >>> [len(each) for each in thinned([99, 50], [8, 0])]
    [21, 20]
    """

    def at_most(most: int) -> list[list[int]]:
        return [
            sorted({*np.linspace(0, n - 1, min(n, most)).round().astype(int).tolist(), start})
            for n, start in zip(counts, starts, strict=True)
        ]

    choices = (at_most(most) for most in range(max(counts), 1, -1))
    return next(each for each in choices if math.prod(map(len, each)) <= MOST)


def key(place: Any) -> str:
    return "-".join(map(str, place))


def for_script(content: Any) -> str:
    """As JSON that may stand in a page's script."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def control(one: Any, places: Sequence[int], start: int) -> str:
    """A range for a slider, a menu for a menu. Its value is the number of a picture's position."""
    label, said = html.escape(one.description), spelled(one)
    if hasattr(one, "options") and not hasattr(one, "continuous_update"):
        options = (
            f'<option value="{k}"{" selected" * (k == start)}>{html.escape(said[k])}</option>' for k in places
        )
        return f"<label><span>{label}</span><select>{''.join(options)}</select></label>"
    data = html.escape(for_script({"places": places, "said": [said[k] for k in places]}))
    now = html.escape(said[start])
    return (
        f'<label><span>{label}</span><input type="range" min="0" max="{len(places) - 1}" '
        f'value="{places.index(start)}" aria-valuetext="{now}" data-steps="{data}">'
        f'<span class="value" aria-hidden="true">{now}</span></label>'
    )


def spelled(one: Any) -> list[str]:
    """Each position of a slider as the slider itself writes it."""
    if hasattr(one, "options"):
        return [str(option[0] if isinstance(option, tuple) else option) for option in one.options]
    return [format(value, one.readout_format) for value in slider.positions(one)]


# ---------------------------------------------------------------------------------------------- playgrounds


def playground(play: Any, room: Path, address: str) -> str:
    """A recorded run into a file, and the piece of a page that replays it."""
    moments = list(recorded(play))
    packed = base64.b64encode(
        zlib.compress(b"".join(b"".join(buffers) for _, buffers in moments), 9)
    ).decode()
    told = [{"message": message, "sizes": list(map(len, buffers))} for message, buffers in moments]
    run = {"controls": play.controls, "moments": told, "bytes": packed}
    script = f"(window.bpRuns ??= {{}})[{json.dumps(address)}] = {json.dumps(run, ensure_ascii=False)};\n"
    (room / "run.js").write_text(script, encoding="utf-8")
    return (
        f'<div class="bp-recorded" data-run="{address}">\n<p>{html.escape(repr(play))}</p>\n'
        "<p><em>This is a recorded run: Play, Step and the slider move through it. The real playground, "
        "which trains and changes at your wish, runs in the notebook.</em></p>\n</div>"
    )


def recorded(play: Any) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
    """What a page is told at each moment of a run: a scene at first, a frame, and the check of the gradient.

    The run is that of a twin, driven as the page drives it, so that later cells find theirs as it was.
    """
    net, data = copy.deepcopy(play.own_net), play.own_points
    if net is not None:
        net.load_state_dict(play.start)
    twin = Playground(play.settings, net, data)
    heard: list[tuple[dict[str, Any], list[bytes]]] = []
    twin.send = lambda message, buffers=(): heard.append((message, list(buffers)))

    def asked(what: str, **how: Any) -> tuple[dict[str, Any], list[bytes]]:
        heard.clear()
        twin._answer({"ask": what, **how})
        return heard[0]

    for before, now in itertools.pairwise((0, *MOMENTS)):
        more = {"count": now - before, "pictures": 1, "take": 1} if now else {}
        message, buffers = asked("steps" if now else "scene", **more)
        if now == MOMENTS[-1] and not twin.stopped:
            message["frame"]["stopped"] = END
        yield message | asked("check")[0], buffers
        if twin.stopped:
            return
