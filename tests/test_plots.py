"""Figures: over ranges without exception or warning, nothing clipped or overlapping, the same bytes."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from PIL import Image

import bphelpers as bp
from bphelpers.teaching import plots
from bphelpers.teaching.plots.labels import spread
from bphelpers.teaching.plots.style import MAX_PNG_BYTES

rng = np.random.default_rng(20)

NEURON = {"u": ("×", ("x", "w")), "z": ("+", ("u", "b")), "p": ("σ", ("z",)), "E": ("½(p−t)²", ("p",))}
NEURON_AT = {"x": (0, 0), "w": (0, 1), "b": (1, 1.5), "u": (1, 0.5), "z": (2, 1), "p": (3, 1), "E": (4, 1)}
TWICE = {"q": ("+", ("x", "y")), "L": ("×", ("q", "y"))}
TWICE_AT = {"x": (0, 0), "y": (0, 1.6), "q": (1, 0.3), "L": (2, 1)}


@pytest.fixture(autouse=True)
def same_numbers_whatever_ran_before() -> None:
    global rng
    rng = np.random.default_rng(20)


def weights(*sizes: int) -> list[np.ndarray]:
    return [rng.normal(size=(b, a)) for a, b in pairwise(sizes)]


def full_network(*sizes: int, direction: str = "forward", **more) -> Figure:
    W = weights(*sizes)
    return plots.network_diagram(
        W,
        values=[rng.normal(size=n) for n in sizes],
        biases=[rng.normal(size=n) for n in sizes[1:]],
        gradients=[rng.normal(size=w.shape) for w in W] if direction == "backward" else None,
        deltas=[None, *(rng.normal(size=n) for n in sizes[1:])] if direction == "backward" else None,
        targets=rng.normal(size=sizes[-1]),
        direction=direction,
        title="What is found",
        **more,
    )


def graph_of_a_neuron(sign: float = 1.0, **more) -> Figure:
    numbers = dict(zip(NEURON_AT, sign * rng.normal(size=7), strict=True))
    return plots.computation_graph(NEURON, NEURON_AT, values=numbers, derivatives=numbers, **more)


def used_twice(sign: float = 1.0) -> Figure:
    numbers = dict.fromkeys(TWICE_AT, sign * 1.25)
    parts = {("y", "q"): sign * 0.5, ("y", "L"): sign * 0.75}
    return plots.computation_graph(
        TWICE, TWICE_AT, values=numbers, derivatives=numbers | parts, title="Twice"
    )


PLANE = (0.5, 0.25, 1.8)


def plane_of(n: int, **more) -> Figure:
    across, down = np.meshgrid(np.linspace(-1, 1, 32), np.linspace(1, -1, 32))
    maps = [np.sin((k + 1) * across) + down for k in range(n)]
    return plots.plane_maps(maps, PLANE, title="A border", **more)


def net(*sizes: int, **more: object) -> Callable[[], Figure]:
    return lambda: plots.network_diagram([np.ones((b, a)) for a, b in pairwise(sizes)], **more)


def graph(at: dict | None = None, steps: dict = TWICE, **more: object) -> Callable[[], Figure]:
    return lambda: plots.computation_graph(steps, TWICE_AT | (at or {}), **more)


def curve(*values: float, **more: object) -> Callable[[], Figure]:
    return lambda: plots.learning_curves({"E": values}, title="", **more)


def maps(*shape: int, fill: float = 0.0, **more: object) -> Callable[[], Figure]:
    return lambda: plots.plane_maps(np.full(shape, fill), PLANE, title="", **more)


def bars(first: np.ndarray, second: np.ndarray) -> Figure:
    return plots.bars_compared([f"w{k}" for k in range(len(first))], first, second, title="Equal")


FALLING = {
    name: np.exp(-np.arange(30) / k) + 0.01 for k, name in enumerate(["a", "bee", "sea", "d"], start=3)
}
CLASSES = np.arange(9) % 2
EXAMPLES = {
    "network 2-2-2 forward": lambda: full_network(2, 2, 2),
    "network 2-2-2 backward": lambda: full_network(2, 2, 2, direction="backward", digits=4),
    "network 4-2-2-1": lambda: full_network(4, 2, 2, 1),
    "network 4-2-2-1 backward": lambda: full_network(4, 2, 2, 1, direction="backward"),
    "network 1-1": lambda: full_network(1, 1),
    "network 3-1": lambda: full_network(3, 1),
    "network with one weight lit": net(2, 2, 2, highlight="w1", title="One weight"),
    "graph": lambda: graph_of_a_neuron(title="Forward and back"),
    "graph of negative numbers": lambda: graph_of_a_neuron(sign=-1.0, now="z"),
    "graph without numbers": lambda: plots.computation_graph(NEURON, NEURON_AT, title="Not yet"),
    "graph used twice": used_twice,
    "graph used twice, negative": lambda: used_twice(-1.0),
    "curves": lambda: plots.learning_curves(FALLING, title="All fall", log_y=True, marks={12: "here"}),
    "curve of one point": curve(1.0),
    "curve log log": curve(*(1 / np.arange(1, 500)), log_x=True, log_y=True),
    "bars": lambda: bars(rng.normal(size=8), rng.normal(size=8)),
    "bars of nothing": lambda: bars(np.zeros(2), np.zeros(2)),
    "confusion": lambda: plots.confusion_matrix(rng.integers(0, 50, (10, 10)), title="Many mistakes"),
    "confusion without mistakes": lambda: plots.confusion_matrix(np.eye(3, dtype=int) * 7, title="None"),
    "gallery": lambda: plots.image_gallery(rng.random((23, 28, 28)), ["7 for 8"] * 23, title="Mistakes"),
    "gallery of one blank": lambda: plots.image_gallery(np.zeros((1, 8, 8))),
    "weights": lambda: plots.weight_images(rng.normal(size=(10, 64)), (8, 8), titles=["7"] * 10, title="Ten"),
    "weights 28x28": lambda: plots.weight_images(rng.normal(size=(40, 784)), (28, 28), title="Many"),
    "weights all zero": lambda: plots.weight_images(np.zeros((3, 4)), (2, 2)),
    "plane": lambda: plane_of(
        2, X=rng.normal(size=(9, 2)), y=CLASSES, titles=["before", "after"], columns=2, center=0.5
    ),
    "plane of sixteen": lambda: plane_of(16, columns=8),
    "plane of seven in rows": lambda: plane_of(7, columns=3, titles=list("abcdefg")),
    "plane of one": lambda: plane_of(1),
    "plane all equal": maps(2, 8, 8),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_figure_is_small_sharp_and_unclipped(name: str) -> None:
    fig = EXAMPLES[name]()
    png = plots.png_bytes(fig)
    assert len(png) <= MAX_PNG_BYTES
    picture = Image.open(io.BytesIO(png))
    assert picture.width <= 8.0 * plots.DPI + 1
    assert picture.info.keys() <= {"dpi"}, "no date, no program name"
    edge = np.asarray(picture.convert("RGB"))
    sides = {"top": edge[0], "bottom": edge[-1], "left": edge[:, 0], "right": edge[:, -1]}
    for side, pixels in sides.items():
        assert (pixels == 255).all(), f"something touches the {side} edge"


def overlapping(fig: Figure) -> list[tuple[str, str]]:
    fig.canvas.draw()
    texts = [text for text in fig.findobj(mpl.text.Text) if text.get_visible() and text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent().padded(-1)) for text in texts]
    return [(a, b) for (a, box_a), (b, box_b) in combinations(boxes, 2) if box_a.overlaps(box_b)]


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.startswith(("network", "graph"))])
def test_no_two_words_of_a_network_overlap(name: str) -> None:
    assert not overlapping(EXAMPLES[name]())


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("sizes", [(2, 2, 2), (2, 3, 1), (3, 2, 2), (4, 2, 2, 1), (2, 1), (1, 3)])
def test_labels_keep_clear_of_each_other_in_small_networks(sizes: tuple[int, ...], direction: str) -> None:
    for _ in range(3):  # minus signs make labels wider, and move their neighbours
        assert not overlapping(full_network(*sizes, direction=direction))


def test_a_graph_says_what_it_was_given_and_no_more() -> None:
    fig = plots.computation_graph(
        TWICE, TWICE_AT, values={"x": -1, "y": 4, "q": 3}, derivatives={("y", "L"): 3}, digits=0
    )
    words = {text.get_text() for text in fig.axes[0].texts} - {"", "+", "×"}
    assert words == {"x = −1", "y = 4", "q = 3", "L", "3"}


def graph_lines(fig: Figure) -> list[FancyArrowPatch]:
    return [patch for patch in fig.axes[0].patches if isinstance(patch, FancyArrowPatch)]


def points_left(line: FancyArrowPatch) -> bool:
    vertices = line.get_path().vertices  # the line, and after it the head of the arrow
    return bool(vertices[-2][0] < vertices[0][0])


def test_values_go_forward_in_blue_above_and_derivatives_back_in_orange_below() -> None:
    numbers = dict(zip(NEURON_AT, (0.1, 0.5, 1.8, 0.05, 1.85, 0.86, 0.3), strict=True))
    forward = plots.computation_graph(NEURON, NEURON_AT, values=numbers)
    returned = {"E": 1.0, "p": 0.8, "z": 0.1}
    back = plots.computation_graph(NEURON, NEURON_AT, values=numbers, derivatives=returned)
    for there, again, name in zip(graph_lines(forward), graph_lines(back), NEURON_AT, strict=True):
        assert there.get_edgecolor() == to_rgba(plots.FORWARD)
        assert again.get_edgecolor() == to_rgba(plots.BACKWARD if name in returned else plots.FORWARD)
        assert not points_left(there) and points_left(again) == (name in returned)
    texts = {text.get_text(): text for text in back.axes[0].texts}
    for name, derivative in returned.items():
        upper, lower = texts[f"{name} = {numbers[name]:.3f}"], texts[f"d{name} = {derivative:.3f}"]
        assert (upper.get_color(), lower.get_color()) == (plots.FORWARD, plots.BACKWARD)
        assert upper.get_position()[1] > lower.get_position()[1]
        assert (upper.get_va(), lower.get_va()) == ("bottom", "top")


def test_rows_are_counted_from_the_top() -> None:
    fig = plots.computation_graph(NEURON, NEURON_AT)
    height = {text.get_text(): text.get_position()[1] for text in fig.axes[0].texts}
    assert height["x"] > height["w"] > height["b"]


def test_each_line_of_a_value_used_twice_carries_its_own_part() -> None:
    fig = plots.computation_graph(TWICE, TWICE_AT, derivatives={("y", "L"): 3.0}, values={"y": 4.0})
    drawn = [line.get_edgecolor() for line in graph_lines(fig)]  # x to q, y to q, y to L, q to L, L
    assert drawn.count(to_rgba(plots.BACKWARD)) == 1 and drawn[2] == to_rgba(plots.BACKWARD)
    assert drawn.count(to_rgba(plots.FORWARD)) == 1 and drawn.count(to_rgba(plots.LIGHT)) == 3


@pytest.mark.parametrize("now", [None, *NEURON_AT])
def test_the_line_of_the_present_step_is_thick(now: str | None) -> None:
    widths = [line.get_linewidth() for line in graph_lines(graph_of_a_neuron(now=now))]
    assert [width > 2 for width in widths] == [name == now for name in NEURON_AT]


def test_no_graph_shows_minus_zero() -> None:
    fig = plots.computation_graph(TWICE, TWICE_AT, values={"x": -0.0004, "y": -0.0006, "q": -0.0})
    words = {text.get_text() for text in fig.axes[0].texts}
    assert {"x = 0.000", "y = −0.001", "q = 0.000"} <= words


def test_a_graph_is_drawn_into_axes_that_are_there() -> None:
    fig = plots.new_figure(6, 3, layout=None)
    ax = fig.add_axes((0, 0, 1, 1))
    assert plots.computation_graph(TWICE, TWICE_AT, ax=ax) is fig and len(fig.axes) == 1 and ax.texts


def test_curve_names_do_not_overlap_when_the_ends_meet() -> None:
    fig = plots.learning_curves({f"curve {k}": [1.0, 0.5 + k * 1e-4] for k in range(6)}, title="They meet")
    assert [text.get_text() for text in fig.axes[0].texts] and not overlapping(fig)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8), st.floats(1, 50))
def test_spread_keeps_order_and_distance(heights: list[float], gap: float) -> None:
    placed = spread(sorted(heights), gap)
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(placed))
    if all(b - a >= gap for a, b in pairwise(sorted(heights))):
        assert placed == pytest.approx(sorted(heights))


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_networks_of_any_size_are_drawn(sizes: list[int]) -> None:
    assume(sum(a * b for a, b in pairwise(sizes)) <= 24)
    plots.rendered(net(*sizes)())


def test_a_figure_has_the_same_bytes_twice_and_after_setup() -> None:
    def draw() -> bytes:
        return plots.png_bytes(plots.learning_curves({"a": [3.0, 2.0, 1.0]}, title="Falls", log_y=True))

    first = draw()
    with mpl.rc_context():
        bp.setup()
        assert draw() == first
    with mpl.rc_context({"font.size": 30, "axes.grid": False}):
        assert draw() == first


def test_a_figure_has_the_same_bytes_in_another_process() -> None:
    program = (
        "import hashlib, bphelpers as bp; f = bp.plots.network_diagram([[[1.0, 2.0]]], title='t');"
        "print(hashlib.sha256(bp.plots.png_bytes(f)).hexdigest())"
    )
    runs = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in "ab"
    }
    assert len(runs) == 1


def test_a_noisy_picture_is_made_to_fit() -> None:
    fig = plots.new_figure(4, 3)
    fig.add_axes((0, 0, 1, 1)).imshow(rng.random((330, 440, 3)))
    png = plots.png_bytes(fig)
    assert len(png) <= MAX_PNG_BYTES and len(Image.open(io.BytesIO(png)).getcolors()) < 256


# ------------------------------------------------------------------------------------- show


def shown(monkeypatch: pytest.MonkeyPatch, fig: Figure, alt: str) -> list[tuple[dict, dict]]:
    displays: list[tuple[dict, dict]] = []
    monkeypatch.setattr("IPython.display.display", lambda it: displays.append(it._repr_mimebundle_()))
    plots.show(fig, alt)
    return displays


def test_show_emits_one_picture_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    displays = shown(monkeypatch, EXAMPLES["curves"](), "Four curves\n   fall.")
    ((data, metadata),) = displays
    assert data["text/plain"] == "Four curves fall."
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata == {"image/png": {"alt": "Four curves fall."}}


@pytest.mark.parametrize(
    ("fig", "alt", "error", "words"),
    [
        (plots.new_figure(1, 1), "", ValueError, "alt must say in words"),
        (plots.new_figure(1, 1), "  \n", ValueError, "alt must say in words"),
        (plots.new_figure(1, 1), None, TypeError, "alt must be a string, got NoneType"),
        ("figure", "words", TypeError, "fig must be a matplotlib Figure, got str"),
    ],
)
def test_show_wants_a_figure_and_words(fig: object, alt: object, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        plots.show(fig, alt)


def test_show_closes_a_figure_of_pyplot(monkeypatch: pytest.MonkeyPatch) -> None:
    with mpl.rc_context({"backend": "agg"}):
        import matplotlib.pyplot as plt

        fig = plt.figure()
        shown(monkeypatch, fig, "Nothing.")
        assert not plt.fignum_exists(fig.number)


# ------------------------------------------------------------------------------------- bad input

NAN = np.array([[1.0, np.nan], [0.0, 1.0]])
BACK_AND_FORTH = {"a": ("+", ("b",)), "b": ("+", ("a",))}
BAD = {
    "nan weight": (lambda: plots.network_diagram([NAN]), r"weights\[0\] must be finite"),
    "nan value": (net(1, 1, values=[[np.inf], None]), r"values\[0\] must be finite"),
    "no weights": (net(), "weights must hold at least one matrix"),
    "weights that do not fit": (
        lambda: plots.network_diagram([np.ones((2, 2)), np.ones((1, 3))]),
        r"weights\[1\] must have 2 columns",
    ),
    "wide network": (net(7, 1), r"layers of at most 6, .* got layers of \[7, 1\]"),
    "many weights": (net(5, 5), r"weights must be at most 24, .* got layers of \[5, 5\]"),
    "too many values": (net(1, 1, values=[[1], [1, 2]]), r"values\[1\] must have shape \(1,\), .*\(2,\)"),
    "missing layer": (net(1, 1, values=[[1]]), "values must have 2 entries, got 1"),
    "gradient shape": (net(2, 1, gradients=[np.ones((2, 1))]), r"gradients\[0\] must have shape \(1, 2\)"),
    "targets": (net(2, 1, targets=[1, 2]), r"targets\[0\] must have shape \(1,\)"),
    "unknown weight": (net(2, 1, highlight=["w9"]), r"highlight must name some .*'w2'\], got \['w9'\]"),
    "direction": (net(2, 1, direction="up"), "direction must be 'forward' or 'backward', got 'up'"),
    "names": (net(2, 1, weight_names=[[["a"]]]), "weight_names must be tables of shapes"),
    "empty graph": (graph(steps={}), "steps must hold at least one"),
    "place too many": (graph({"z": (0, 0)}), "at must have a place for each"),
    "place missing": (lambda: plots.computation_graph(TWICE, {"x": (0, 0)}), "at must have a place for each"),
    "place outside": (graph({"x": (0, -1)}), "at must count columns and rows from 0 on"),
    "place nowhere": (graph({"x": (np.nan, 0)}), "at must be finite"),
    "used before": (graph(steps=BACK_AND_FORTH), "a uses b first"),
    "stranger": (graph(values={"w": 1}), "which has no 'w'"),
    "stranger line": (graph(derivatives={("x", "L"): 1}), r"which has no \('x', 'L'\)"),
    "part of a value used once": (graph(derivatives={("x", "q"): 1}), r"'x' is used once.* \('x', 'q'\)"),
    "one value twice": (graph(steps={"b": ("+", ("a", "a"))}), "steps must use a value once, but b does not"),
    "nan in graph": (graph(values={"x": np.nan}), "values must be finite"),
    "stranger now": (graph(now="w"), "which has no 'w'"),
    "nan curve": (curve(1, np.nan), r"curves\['E'\] must be finite, got NaN or infinity in 1 of 2 places"),
    "empty curve": (curve(), "at least one value"),
    "no curve": (lambda: plots.learning_curves({}, title="x"), "curves must hold at least one curve"),
    "log of zero": (curve(1, 0, log_y=True), "positive"),
    "wrong x": (curve(1, 2, x=[1]), "x must hold 2 positions for 'E'"),
    "accent": (curve(1, 2, accent="F"), r"accent must be one of \['E'\], got 'F'"),
    "bars": (lambda: plots.bars_compared(["a"], [1, 2], [1, 2], title="x"), "equal lengths"),
    "not square": (lambda: plots.confusion_matrix(np.ones((2, 3)), title="x"), "counts must be a square"),
    "not counts": (lambda: plots.confusion_matrix([[0.5]], title="x"), "whole numbers"),
    "flat images": (lambda: plots.image_gallery(np.ones((3, 64))), "images must have 3 dimension"),
    "titles": (lambda: plots.image_gallery(np.ones((3, 2, 2)), ["a"]), "titles must hold 3"),
    "columns": (lambda: plots.image_gallery(np.ones((3, 2, 2)), columns=0), "at least 1, got 0"),
    "weight shape": (lambda: plots.weight_images(np.ones((3, 5)), (2, 2)), "W must have 4 columns"),
    "nan weights": (lambda: plots.weight_images(np.full((1, 4), np.nan), (2, 2)), "W must be finite"),
    "one flat map": (maps(8, 8), "maps must have 3 dimension"),
    "nan map": (maps(1, 8, 8, fill=np.nan), "maps must be finite"),
    "titles of maps": (maps(1, 8, 8, titles=["a", "b"]), "titles must hold 1, one for each picture, got 2"),
    "columns of maps": (maps(1, 8, 8, columns=0), "columns must be a whole number, at least 1, got 0"),
    "points without classes": (maps(1, 8, 8, X=np.zeros((3, 2))), "X, y must both be given"),
    "points and classes": (
        maps(1, 8, 8, X=np.zeros((3, 2)), y=np.zeros(4)),
        r"X must have shape \(4, 2\) to go with y, got \(3, 2\)",
    ),
    "a third class": (maps(1, 8, 8, X=np.zeros((1, 2)), y=[2]), "y must hold classes 0 and 1"),
    "no plane": (maps(1, 8, 8, reach=0.0), "must hold a positive half side and reach"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_a_clear_error(name: str) -> None:
    draw, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        draw()


def test_colours_are_the_course_s() -> None:
    colours = (plots.FORWARD, plots.BACKWARD, plots.UPDATE, plots.TARGET)
    assert colours == ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def test_drawing_leaves_matplotlib_s_settings_alone() -> None:
    before = dict(mpl.rcParams)
    for draw in EXAMPLES.values():
        draw()
    assert dict(mpl.rcParams) == before


def test_a_map_lies_where_its_points_lie_and_its_border_where_it_is_zero() -> None:
    _, up = np.meshgrid(np.linspace(-0.95, 0.95, 20), np.linspace(0.95, -0.95, 20))
    X, y = np.array([[0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]]), np.array([[0.0], [1.0], [1.0]])
    fig = plots.plane_maps([up - 0.5], (1.0, 2.0, 1.0), X + [1.0, 2.0], y, title="Half way up", reach=2.0)
    (ax,) = fig.axes
    assert ax.images[0].get_extent() == [0.0, 2.0, 1.0, 3.0] and ax.images[0].get_clim() == (-2.0, 2.0)
    np.testing.assert_allclose(ax.collections[0].get_paths()[0].vertices[:, 1], 2.5)
    zero, one = ax.lines
    assert (zero.get_marker(), to_rgba(zero.get_color())) == ("o", to_rgba(plots.CLASS_0))
    assert (one.get_marker(), to_rgba(one.get_color())) == ("s", to_rgba(plots.CLASS_1))
    assert zero.get_xydata().tolist() == [[1.5, 1.5]] and len(one.get_xydata()) == 2
    assert ax.images[0].cmap(1.0)[0] > ax.images[0].cmap(1.0)[2], "orange above zero"


def test_a_map_of_probabilities_has_its_border_at_one_half() -> None:
    across, _ = np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21))
    (ax,) = plots.plane_maps([across], (0.0, 0.0, 1.0), title="Half", center=0.5).axes
    np.testing.assert_allclose(ax.collections[0].get_paths()[0].vertices[:, 0], 0.0, atol=1e-12)
    assert ax.images[0].get_clim() == (-0.5, 0.5)
