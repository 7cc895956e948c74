"""Exercises, predictions and the moving picture of lesson 14."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bphelpers.autodiff import Value, topological_order
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

# --- Exercise 14.1: the order. Graphs with one order only: each node uses the one before it, and some others.

Parents = Callable[[int], list[int]]


def _graph(names: list[int], skips: dict[int, list[int]], last_first: bool = False) -> tuple[int, Parents]:
    """Names in their order; ``skips`` says by position which earlier ones are used besides the last."""
    asked = 0

    def parents_of(name: int) -> list[int]:
        nonlocal asked
        asked += 1
        if asked > 100_000:
            raise RuntimeError("the stack never becomes empty: is a node pushed with False again and again?")
        position = names.index(name) if len(names) < 10 else name
        used = [*skips.get(position, []), *([position - 1] if position else [])]
        return [names[k] for k in (reversed(used) if last_first else used)]

    if len(names) < 10:  # what a wrong answer was called with
        shown = ", ".join(f"{name}: {parents_of(name)}" for name in names)
        parents_of.__name__ = f"parents_of, which gives {shown}"
    return names[-1], parents_of


def _first_met(root: int, parents_of: Parents, last_parent_first: bool) -> list[int]:
    met: dict[int, None] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if node not in met:
            met[node] = None
            parents = parents_of(node)
            stack += parents if last_parent_first else parents[::-1]
    return list(met)


def _with_repeats(root: int, parents_of: Parents) -> list[int]:
    order, stack = [], [(root, False)]
    while stack:
        node, parents_are_in = stack.pop()
        if parents_are_in:
            order.append(node)
        else:
            stack += [(node, True), *((parent, False) for parent in parents_of(node))]
    return order


def _seen_when_pushed(root: int, parents_of: Parents, mark: bool = True) -> list[int]:
    order, stack, seen = [], [(root, False)], {root}
    while stack:
        node, parents_are_in = stack.pop()
        if parents_are_in:
            order.append(node)
            seen.add(node)
            continue
        stack.append((node, True))
        for parent in parents_of(node):
            if parent not in seen:
                seen |= {parent} if mark else set()
                stack.append((parent, False))
    return order


def _levels(root: int, parents_of: Parents) -> list[int]:
    queue = [root]
    for node in queue:
        queue += [parent for parent in dict.fromkeys(parents_of(node)) if parent not in queue]
    return queue


def _order_mistakes(root: int, parents_of: Parents) -> Mistakes:
    right = topological_order(root, parents_of)
    met = {last: _first_met(root, parents_of, last) for last in (False, True)}
    wrong = {
        "the list is reversed: the root stands first, where it should stand last": right[::-1],
        "a node goes into the order when it is met, before its parents are in": met[False],
        "a node goes into the order as soon as it comes off the stack, before its parents are in": met[True],
        "a node goes into the order when it is met, and the list is reversed at the end": met[False][::-1],
        "a node goes into the order as soon as it comes off the stack, and the list is reversed at the end": (
            met[True][::-1]
        ),
        "the walk goes level by level, although a node can have a user on a later level": (
            _levels(root, parents_of)
        ),
        "the walk goes level by level, and the list is reversed at the end": _levels(root, parents_of)[::-1],
        "a node with two users stands in the order twice: keep a set of those you have seen": (
            _with_repeats(root, parents_of)
        ),
        "a node is marked as seen when it is pushed, and not when it comes off the stack": (
            _seen_when_pushed(root, parents_of)
        ),
        "a node that was pushed twice gets in twice: ask `seen` when a pair comes off the stack": (
            _seen_when_pushed(root, parents_of, mark=False)
        ),
        "nothing gets in, because a node that waits with True has been seen by then": [],
        "the root is left out": right[:-1],
    }
    return wrong


# --- Exercise 14.2: the way back ----------------------------------------------------------------------------


def _handed_back(
    order: list[Value],
    *,
    add: bool = True,
    zero: str = "all",
    one: str = "before",
    product: bool = True,
    turned: bool = True,
) -> list[float]:
    for node in order[:-1] if one == "old" else order:
        if zero == "all" or (zero == "inner" and node.parents) or (zero == "leaves" and not node.parents):
            node.grad = 0.0
    if one == "before":
        order[-1].grad = 1.0
    for node in reversed(order) if turned else order:
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            part = node.grad * slope if product else slope
            parent.grad = parent.grad + part if add else part
    if one == "after":
        order[-1].grad = 1.0
    return [node.grad for node in order]


def _used_graphs() -> list[tuple[list[Value]]]:
    """Graphs on which a pass has been before, so that old numbers lie about."""
    cases = []
    for a, b in ((1.0, 2.0), (-0.5, 3.0)):
        x, y = Value(a), Value(b)
        u = x + y
        one = Value(1.0)
        v = u + one
        f = u * v
        order = [x, y, u, one, v, f]
        f.backward()
        f.grad = 5.0
        cases.append((order,))
    z = Value(3.0)
    doubled = z + z
    squared = doubled * doubled
    return [*cases, ([z, doubled, squared],)]


def _grads_mistakes(order: list[Value]) -> Mistakes:
    def made(**change: Any) -> Callable[[list[Value]], list[float]]:
        return lambda given: _handed_back(given, **change)

    return {
        "the last report overwrites the ones before it, or clears them: reports have to add up": made(
            add=False
        ),
        "the grads of the pass before are still there, because nothing sets them to 0 first": made(
            zero="none"
        ),
        "only the inner nodes are set to 0, so the others keep their grads from the pass before": (
            made(zero="inner")
        ),
        "only the leaves are set to 0, so the inner nodes keep their grads from the pass before": (
            made(zero="leaves")
        ),
        "the last node keeps the grad that it had: give it the 1 before you go back": made(one="old"),
        "the last node gets its 1 after the walk, when it is too late": made(one="after"),
        "each node passes on only the slope, without multiplying it by its own grad": made(product=False),
        "the nodes are visited in forward order, when the walk should begin at the end": made(turned=False),
        "the 1 at the loss is missing, or grads are set to 0 again before they have been passed on": (
            lambda given: [0.0 for _ in given]
        ),
    }


# --- Exercise 14.3: a note ----------------------------------------------------------------------------------


def _sigmoid_note(z: float) -> tuple[float, float]:
    a = 1 / (1 + math.exp(-z))
    return a, a * (1 - a)


def _sigmoid_mistakes(z: float) -> Mistakes:
    a, slope = _sigmoid_note(z)
    return {
        "the slope is computed from z, as z * (1 - z), and not from the output, as a * (1 - a)": (
            a,
            z * (1 - z),
        ),
        "the slope is that of tanh, 1 - a * a": (a, 1 - a * a),
        "the factor a is missing in the slope": (a, 1 - a),
        "the slope has the wrong sign": (a, -slope),
        "the value and the slope are swapped": (slope, a),
        "the sign of z is wrong in the exponent: it is e to the minus z": (1 - a, slope),
    }


EXERCISES = {
    "14.1": Exercise(
        topological_order,
        _order_mistakes,
        cases=lambda: [
            _graph([7, 2, 5], {2: [0]}),
            _graph([7, 2, 5], {2: [0]}, last_first=True),
            _graph([7, 2, 5], {2: [0, 0]}),
            _graph([7, 2, 5], {2: [0, 0]}, last_first=True),
            _graph([4, 0, 3, 1, 2], {2: [0], 3: [1], 4: [0, 2]}),
            _graph([4, 0, 3, 1, 2], {2: [0], 3: [1], 4: [0, 2]}, last_first=True),
            _graph([9, 6, 8, 1], {3: [1]}),
            _graph(list(range(5000)), {}),
        ],
    ),
    "14.2": Exercise(_handed_back, _grads_mistakes, cases=_used_graphs),
    "14.3": Exercise(_sigmoid_note, _sigmoid_mistakes, cases=[(0.5,), (-1.2,), (2.0,)]),
}

PREDICTIONS = {
    "14.A": Prediction(
        "Twenty times z = z + z. How many visits does it take to follow every path?",
        ("21", "400", "two million"),
        answer="two million",
        explain="21 is tempting, because that's how many nodes there are. But z feeds each sum twice, so"
        " every doubling doubles the number of paths.",
    ),
    "14.B": Prediction(
        "One input, 100 outputs. From which end do you find all 100 rates, and with how many walks?",
        ("from the back, with one walk", "from the back, with 100 walks", "from the front, with one walk"),
        answer="from the front, with one walk",
        explain="One walk from the back is right for one loss, but here it would answer for one output only,"
        " so you would need 100. A walk from the front answers for all outputs at once.",
    ),
}

# --- The pictures -------------------------------------------------------------------------------------

GRAPH = {"x": (), "y": (), "u": ("x", "y"), "v": ("u",), "f": ("u", "v")}
VALUES = {"x": 1, "y": 2, "u": 3, "v": 4, "f": 12}
SLOPES = {("u", "x"): 1, ("u", "y"): 1, ("v", "u"): 1, ("f", "u"): 4, ("f", "v"): 3}
PLACES = {"x": (0.6, 2.3), "y": (0.6, 0.7), "u": (2.6, 1.5), "v": (4.6, 2.5), "f": (6.4, 1.5)}
WALKS = ("waiting for every user", "at once, at every visit", "at once, first visit only", "level by level")


PRODUCTS = "u * v", "v * u"


def visits(walk: str, product: str = "u * v") -> list[str]:
    """Which node reports, one after another."""
    factors = product.split(" * ")
    if walk == WALKS[0]:
        return ["f", "v", "u", "y", "x"]
    if walk == WALKS[3]:
        return ["f", *factors, "x", "y"]

    def met(node: str, seen: set[str] | None) -> Iterator[str]:
        if seen is None or node not in seen:
            if seen is not None:
                seen.add(node)
            yield node
            for parent in factors if node == "f" else GRAPH[node]:
                yield from met(parent, seen)

    return list(met("f", set() if walk == WALKS[2] else None))


def state(walk: str, product: str, step: int) -> tuple[dict[str, int], str | None]:
    """Gradients after so many visits, and who reports next."""
    grads, turn = dict.fromkeys(GRAPH, 0) | {"f": 1}, visits(walk, product)
    for node in turn[:step]:
        for parent in GRAPH[node]:
            grads[parent] += grads[node] * SLOPES[node, parent]
    return grads, turn[step] if step < len(turn) else None


WHOLE_PASS = (
    "Five circles. x = 1 and y = 2 feed u = 3, u feeds v = 4, and u and v feed f = 12. Slopes: x and y to u"
    " 1, u to v 1, u to f 4, v to f 3. Below the circles the gradients: f 1, v 3, u 4 + 3 = 7, x 7, y 7."
)


def whole_pass() -> Figure:
    """The graph with all that comes back."""
    fig = plots.new_figure(7.0, 3.6)
    _draw(
        fig,
        PRODUCTS[0],
        *state(WALKS[0], PRODUCTS[0], 5),
        "u is used twice, so what comes back adds up: 4 + 3 = 7",
    )
    return fig


VISITS = (
    "Nodes visited over the number of doublings, up to 20. Each node once: 1, 2, 3 and so on up to 21."
    " Following every path: 1, 3, 7, 15 and so on up to 2,097,151."
)


def draw_visits(doublings: list[int], once: list[int], along_paths: list[int]) -> Figure:
    """Both counts over the number of doublings, on a logarithmic axis."""
    fig = plots.new_figure(6.0, 3.2)
    ax = fig.subplots()
    for counts, name, style in ((along_paths, "following every path", "s--"), (once, "each node once", "o-")):
        colour = plots.BACKWARD if style == "o-" else plots.GREY
        ax.plot(doublings, counts, style, color=colour, markersize=4)
        ax.annotate(f"{name}: {counts[-1]:,}", (doublings[-1], counts[-1]), (-8, 4), ha="right", va="bottom",
                    textcoords="offset points", color=colour)  # fmt: skip
    ax.set(yscale="log", ylim=(0.5, 3e7), xlabel="doublings", ylabel="nodes visited", xticks=doublings[::5],
           title="Each doubling adds one node and doubles the paths")  # fmt: skip
    return fig


def draw_walk(fig: Figure, walk: str, product: str, step: int) -> None:
    """The graph after ``step`` visits: values in the circles, what has come back so far below them."""
    grads, following = state(walk, product, step)
    _draw(fig, product, grads, following, _title(grads, following))


def _draw(fig: Figure, product: str, grads: dict[str, int], following: str | None, title: str) -> None:
    ax = plots.blank_axes(fig, (0, 7.0), (-0.15, 3.1), aspect="equal")
    for (user, parent), slope in SLOPES.items():
        now = user == following
        ends = (PLACES[user], PLACES[parent]) if now else (PLACES[parent], PLACES[user])
        says = f"{grads[user]} · {slope} = {grads[user] * slope}" if now else f"slope {slope}"
        ax.annotate("", ends[1], ends[0], arrowprops={
            "arrowstyle": "-|>", "shrinkA": 24, "shrinkB": 24, "lw": 2.5 if now else 1.2,
            "color": plots.BACKWARD if now else plots.GREY})  # fmt: skip
        x, y = np.mean(ends, axis=0)
        ax.text(x, y, says, ha="center", va="center", fontsize=9,
                color=plots.BACKWARD if now else plots.GREY,
                bbox={"facecolor": plots.PAPER, "edgecolor": "none", "pad": 1})  # fmt: skip
    for name, (x, y) in PLACES.items():
        now = name == following
        ax.plot(x, y, "o", ms=34, mfc=plots.PAPER, mec=plots.BACKWARD if now else plots.FORWARD,
                mew=2.5 if now else 1.2)  # fmt: skip
        ax.text(x, y, f"{name} = {VALUES[name]}", ha="center", va="center", color=plots.FORWARD, fontsize=9)
        ax.text(x, y - 0.58, str(grads[name]), ha="center", va="center", color=plots.BACKWARD, weight="bold")
    x, y = PLACES["f"]
    ax.text(x, y + 0.6, product, ha="center", va="center", color=plots.FORWARD, fontsize=9)
    plots.titled(fig, title)


def _title(grads: dict[str, int], following: str | None) -> str:
    if following is None:
        verdict = "right" if grads["x"] == 7 else "wrong, it should be 7"
        return f"x has {grads['x']}: {verdict}"
    if following == "v" and grads["x"] > 0:
        return f"v passes 3 to u, but u has passed on its {grads['u']} already"
    if following == "v" and grads["u"] == 4:
        return "u has 4 and has to wait: v still owes it 3"
    if not GRAPH[following]:
        return f"{following} has {grads[following]} and no parents to report to"
    return f"{following} reports, and has {grads[following]}"


def describe_walk(walk: str, product: str, step: int) -> str:
    """The picture in words."""
    grads, following = state(walk, product, step)
    every = len(visits(walk, product))
    have = ", ".join(f"{name} {grads[name]}" for name in ("v", "u", "x", "y"))
    return (
        f"f = {product}, {walk}, after {min(step, every)} of {every} visits. {_title(grads, following)}. "
        f"Gradients so far: {have}."
    )


# --- The pictures of the deeper page: deeper/14_forward_mode_and_arrays.ipynb ---------------------------

SUMS = (
    "A table with the rows 1, 2, 3 and 4, 5, 6: what comes back to a sum of a column and a row. Below it the"
    " sums of its columns, 5, 7 and 9, for the row; beside it those of its rows, 6 and 15, for the column."
)


def draw_sums(arriving: np.ndarray, for_row: np.ndarray, for_column: np.ndarray) -> Figure:
    """What arrives at a broadcast sum, and what is added up for the row and the column that were copied."""
    fig = plots.new_figure(6.0, 2.9)
    ax = fig.subplots()
    height, width = arriving.shape
    ax.set(xlim=(-0.6, width + 2.4), ylim=(height + 0.4, -0.6), title="What was copied is added up")
    ax.set_axis_off()
    centred: dict[str, Any] = {"ha": "center", "va": "center", "color": plots.BACKWARD, "fontsize": 13}
    frame = {"boxstyle": "square,pad=0.7", "facecolor": plots.PAPER, "edgecolor": plots.LIGHT}
    for (y, x), number in np.ndenumerate(arriving):
        ax.text(x, y, f"{number:g}", bbox=frame, **centred)
    for x, number in enumerate(for_row):
        ax.text(x, height, f"{number:g}", weight="bold", **centred)
    for y, number in enumerate(for_column.ravel()):
        ax.text(width, y, f"{number:g}", weight="bold", **centred)
    ax.text(width + 0.4, height, "gradient of the row", va="center", color=plots.GREY)
    ax.text(width + 0.4, (height - 1) / 2, "gradient of\nthe column", va="center", color=plots.GREY)
    return fig


KEPT = (
    "Values kept at once over the spacing of checkpoints, for 100 steps. Spacing 1: 100 values. The curve"
    " falls to 19 at a spacing of 10 and climbs back to 100 at a spacing of 100."
)


def draw_kept(spacings: list[int], most: list[int]) -> Figure:
    """The most values kept at once, over the number of steps from one checkpoint to the next."""
    fig = plots.new_figure(6.0, 3.2)
    ax = fig.subplots()
    ax.plot(spacings, most, "o-", color=plots.BACKWARD)
    k = int(np.argmin(most))
    ax.annotate(f"{most[k]} values", (spacings[k], most[k]), (0, -8), ha="center", va="top",
                textcoords="offset points", color=plots.BACKWARD)  # fmt: skip
    ax.set(xscale="log", ylim=(0, 110), xticks=spacings, xlabel="steps from one checkpoint to the next",
           ylabel="values kept at once", title="A checkpoint every ten steps: 19 values for 100")  # fmt: skip
    ax.set_xticklabels(map(str, spacings))
    ax.minorticks_off()
    return fig
