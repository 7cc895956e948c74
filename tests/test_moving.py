"""What moves on a page of the site: each position a picture with its words, a run as the page is told it."""

from __future__ import annotations

import html
import json
import re
import zlib
from base64 import b64decode
from pathlib import Path

from PIL import Image

import bphelpers as bp
from tools.site import moving


def test_each_position_has_its_picture_and_words(tmp_path: Path) -> None:
    live = bp.widgets.live_figure(
        lambda fig, n, kind: fig.text(0.2 * n, 0.5, kind),
        lambda n, kind: f"{n} of <{kind}>",
        size=(2.0, 1.0),
        n=("n", 0, 3, 1, 2),
        kind=("kind", ["a", "b"]),
    )
    piece = moving.live_figure(live, tmp_path, "there")
    words = json.loads(re.search(r'json">(.*?)</script>', piece)[1])
    assert words == {f"{n}-{k}": f"{n} of <{kind}>" for n in range(4) for k, kind in enumerate("ab")}
    pictures = {path.stem: Image.open(path).convert("RGB").tobytes() for path in tmp_path.glob("*.png")}
    assert pictures.keys() == words.keys() and len(set(pictures.values())) == 8
    with Image.open(tmp_path / "2-0.png") as picture:
        width, height = picture.size
    assert f'src="there/2-0.png" alt="2 of &lt;a&gt;" width="{width}" height="{height}"' in piece
    assert width == 2 * height >= 200
    steps = [json.loads(html.unescape(found)) for found in re.findall('data-steps="(.*?)"', piece)]
    assert steps == [
        {"places": [0, 1, 2, 3], "said": ["0", "1", "2", "3"]},
        {"places": [0, 1], "said": ["a", "b"]},
    ]
    assert live.values == {"n": 2, "kind": "a"}


def test_many_positions_are_thinned_and_keep_start_and_ends() -> None:
    kept = moving.thinned([101, 101], [50, 33])
    assert all({0, 100, start} <= set(each) for each, start in zip(kept, (50, 33), strict=True))
    assert 350 < len(kept[0]) * len(kept[1]) <= moving.MOST


def test_a_recorded_run_is_the_run_and_leaves_it_alone(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(moving, "MOMENTS", (0, 1, 5))
    play = bp.widgets.playground(problem="circles", hidden=(3,), seed=1)
    moving.playground(play, tmp_path, "there")
    run = json.loads((tmp_path / "run.js").read_text("utf-8").split("=", 2)[2].removesuffix(";\n"))
    assert play.steps == 0
    play.run(1), play.run(4)
    told, (message, buffers) = run["moments"][-1], play._frame()
    assert told["message"]["frame"]["sentence"] == repr(play) == message["frame"]["sentence"]
    assert "scene" in run["moments"][0]["message"] and told["message"]["check"]["ok"]
    assert told["message"]["frame"]["stopped"] == moving.END
    data = zlib.decompress(b64decode(run["bytes"]))
    assert data.endswith(b"".join(buffers)) and len(data) == sum(sum(m["sizes"]) for m in run["moments"])
