"""Exercises, predictions and pictures of lesson 07: walks over arrows, and what they cost."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, pairwise, product
from math import prod

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bphelpers import functional as F
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction
from bphelpers.teaching.exercises.differences import Unreadable

# (tail, tip): slope. What leads into a circle stands before what leaves it.
Arrows = dict[tuple[str, str], float]
Walk = dict[str, float]

FIVE: Arrows = {("p", "s"): 1, ("q", "s"): 1, ("p", "t"): 3, ("q", "t"): 2, ("s", "f"): 6, ("t", "f"): 5}
SEVEN: Arrows = {
    ("p", "s"): 1, ("q", "s"): 1, ("p", "t"): 3, ("q", "t"): 2, ("s", "u"): 1, ("t", "u"): 1, ("s", "v"): 6,
    ("t", "v"): 5, ("u", "f"): 30, ("v", "f"): 11,
}  # fmt: skip


def from_the_front(arrows: Arrows, start: str) -> Walk:
    """How fast each circle moves when ``start`` does."""
    rate: Walk = defaultdict(int)
    rate[start] = 1
    for (tail, tip), slope in arrows.items():
        rate[tip] += rate[tail] * slope
    return rate


def from_the_back(arrows: Arrows, end: str) -> Walk:
    """How fast ``end`` moves when each circle does."""
    answer: Walk = defaultdict(int)
    answer[end] = 1
    for (tail, tip), slope in reversed(arrows.items()):
        answer[tail] += answer[tip] * slope
    return answer


def diamonds(number: int) -> Arrows:
    """So many diamonds in a row, from ``start`` to ``end``, with a 1 on each of their arrows."""
    joints = ["start", *(f"joint {k}" for k in range(1, number)), "end"]
    arrows: Arrows = {}
    for k, (left, right) in enumerate(pairwise(joints), start=1):
        corners = [f"{side} {k}" for side in ("upper", "lower")]
        arrows |= {(left, corner): 1 for corner in corners} | {(corner, right): 1 for corner in corners}
    return arrows


def as_arrows(weights: Sequence[Array], biases: Sequence[Array], x: Array, y: Array) -> Arrows:
    """A network of sigmoid layers on one example: its weights w1, w2, ..., biases b1, ..., sums z1, ...,
    outputs a1, ..., and its loss L, half the sum of squares.
    """
    arrows: Arrows = {}
    w, neuron = count(1), count(1)
    senders: list[str] = []  # nobody turns the inputs, so no arrow leaves them
    sent = np.ravel(x)
    for W, b in zip(weights, biases, strict=True):
        a = F.sigmoid(W @ sent + b)
        layer = [next(neuron) for _ in b]
        arrows |= {(f"w{next(w)}", f"z{j}"): value for j, value in product(layer, sent.tolist())}
        arrows |= {(f"b{j}", f"z{j}"): 1.0 for j in layer}
        for j, row in zip(layer, W.tolist(), strict=True):
            arrows |= {(sender, f"z{j}"): value for sender, value in zip(senders, row, strict=False)}
        arrows |= {(f"z{j}", f"a{j}"): slope for j, slope in zip(layer, (a * (1 - a)).tolist(), strict=True)}
        sent, senders = a, [f"a{j}" for j in layer]
    misses = (sent - np.ravel(y)).tolist()
    return arrows | {(sender, "L"): miss for sender, miss in zip(senders, misses, strict=True)}


def crossings(sizes: Sequence[int]) -> dict[str, int]:
    """How many arrows of such a network are crossed: for its loss, and for its gradient in three ways.

    From the front, arrows that carry a 0 are left out.
    """
    front = routes = 0
    arrows = beyond = sizes[-1]  # beyond all neurons of a layer; and beyond one of them:
    beyond_one = 1
    for layer in range(len(sizes) - 1, 0, -1):
        before, here = sizes[layer - 1], sizes[layer]
        parameters = (before + 1) * here
        arrows += parameters + here + (before * here if layer > 1 else 0)
        front += parameters * (2 + beyond_one)
        routes += parameters * prod(sizes[layer + 1 :]) * (2 * (len(sizes) - layer) + 1)
        beyond_one, beyond = 2 * here + beyond, before * here + here + beyond
    return {"the loss": arrows, "from the back": arrows, "from the front": front, "along every route": routes}


# --- Exercise 07.1: seven circles, on paper ---------------------------------------------------------------


def _seven(**slopes: float) -> tuple[float, float]:
    """What p and q answer where some slopes are others: ``sv`` is the one from s to v."""
    changed = {(name[0], name[1]): slope for name, slope in slopes.items()}
    found = from_the_back(SEVEN | changed, "f")
    return found["p"], found["q"]


_SEVEN_MISTAKES = {
    "only the arrows to s are counted: p and q have an arrow to t as well": _seven(pt=0, qt=0),
    "only the arrows to t are counted: p and q have an arrow to s as well": _seven(ps=0, qs=0),
    "v is left out: s and t have an arrow to v as well": _seven(sv=0, tv=0),
    "u is left out: s and t have an arrow to u as well": _seven(su=0, tu=0),
    "u answers 11 and v answers 30: it's the other way round, because f moves v times as fast as u": (
        _seven(uf=11, vf=30)
    ),
    "the slopes towards v are swapped: v moves 6 times as fast as s and 5 times as fast as t": (
        _seven(sv=5, tv=6)
    ),
    "p and q are swapped": _seven()[::-1],
    "you stop too early: these are the answers of s and t": (96, 85),
    "you walk through the first graph again: here f has u and v before it": (21, 16),
    "the slopes along a route are added: they have to be multiplied": (103, 101),
}


# --- Exercise 07.2: from the back -------------------------------------------------------------------------


class Slope(float):
    """A slope that multiplies, and counts down the crossings that its graph allows."""

    allowed: list[int]  # one list for all slopes of a graph

    def __mul__(self, answer: float) -> float:
        self.allowed[0] -= 1
        if self.allowed[0] < 0:
            raise Unreadable(
                "Your function crossed more arrows than there are. Finish a circle's answer before you pass"
                " it on, and cross each arrow once."
            )
        return float(self) * answer

    __rmul__ = __mul__


class Graph(dict[tuple[str, str], float]):
    """Arrows that may be crossed once each, and what ``check`` calls them."""

    def __init__(self, arrows: Arrows, name: str) -> None:
        super().__init__((arrow, Slope(slope)) for arrow, slope in arrows.items())
        self.__name__, allowed = name, [len(arrows)]
        for slope in self.values():
            vars(slope)["allowed"] = allowed


# A shortcut, two arrows into its end, and other names.
_SHORTCUT: Arrows = {("w", "z"): 2, ("b", "z"): 1, ("z", "a"): -3, ("w", "L"): 4, ("a", "L"): 5}


def _walk(
    arrows: Arrows,
    end: str,
    *,
    start: Callable[[list[str]], list[str]] = lambda circles: circles[-1:],
    back: bool = True,
    add: bool = True,
    step: Callable[[float, float], float] = lambda answer, slope: answer * slope,
) -> Walk:
    circles = list(dict.fromkeys([circle for arrow in arrows for circle in arrow if circle != end])) + [end]
    answer = dict.fromkeys(circles, 0.0) | dict.fromkeys(start(circles), 1.0)
    for (tail, tip), slope in reversed(arrows.items()) if back else arrows.items():
        part = step(answer[tip], slope)
        answer[tail] = answer[tail] + part if add else part
    return answer


def _back_mistakes(arrows: Arrows, end: str) -> Mistakes:
    arrows = {arrow: float(slope) for arrow, slope in arrows.items()}  # to be crossed as often as we like
    first = next(iter(arrows))[0]
    along = from_the_front(arrows, first)
    against = from_the_front(dict(reversed(arrows.items())), end)
    return {
        "the arrows are crossed from left to right: a circle then passes on its answer before it has one": (
            _walk(arrows, end, back=False)
        ),
        "the 1 always stands at f: it should stand at the circle called end": (
            _walk(arrows, end, start=lambda _: ["f"])
        ),
        "the last product overwrites the ones before it: where arrows meet, add, with +=": (
            _walk(arrows, end, add=False)
        ),
        "no circle starts with a 1, so there is nothing to pass on": _walk(arrows, end, start=lambda _: []),
        "the first circle starts with the 1: it is the end that moves as fast as itself": (
            _walk(arrows, end, start=lambda circles: circles[:1])
        ),
        "every circle starts with a 1: only the end does": _walk(arrows, end, start=lambda circles: circles),
        "slope and answer are added: along an arrow you multiply": (
            _walk(arrows, end, step=lambda answer, slope: answer + slope)
        ),
        "only the slopes are added up: multiply each by the answer at the arrow's tip": (
            _walk(arrows, end, step=lambda _, slope: slope)
        ),
        "the answers are passed on without their slopes": _walk(arrows, end, step=lambda answer, _: answer),
        "you walk from the front, starting at the first circle": {
            name: along[name] for name in _walk(arrows, end)
        },
        "no answer leaves the end: it should go from an arrow's tip to its tail, and be added, with +=": (
            {name: against[name] for name in _walk(arrows, end)}
        ),
    }


# --- Exercise 07.3: an answer that is remembered ----------------------------------------------------------


class Leaving(Mapping[str, Mapping[str, float]]):
    """Circle: the tips of the arrows that leave it, with their slopes. It loses patience with who asks on."""

    def __init__(self, arrows: Mapping[tuple[str, str], float], name: str) -> None:
        self.tips: dict[str, dict[str, float]] = {}
        for (tail, tip), slope in arrows.items():
            self.tips.setdefault(tail, {})[tip] = slope
        self.__name__, self.asked = name, 0

    def __getitem__(self, circle: str) -> Mapping[str, float]:
        self.asked += 1
        if self.asked > (most := 200 * len(self)):
            raise Unreadable(
                f"Your function looked at {len(self)} circles more than {most:,} times. Each should keep its"
                " answer."
            )
        return self.tips[circle]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tips)

    def __len__(self) -> int:
        return len(self.tips)


def answer_of(start: str, end: str, leaving: Mapping[str, Mapping[str, float]], fault: str = "") -> float:
    """How fast ``end`` moves when ``start`` does, each circle worked out once; or with a fault."""
    answers = {end: 0.0 if fault == "zero" else 1.0}

    def answer(circle: str) -> float:
        if circle in answers:
            return answers[circle]
        total = 0.0
        if fault == "early":
            answers[circle] = total
        for tip, slope in leaving[circle].items():
            part = answer(tip) * (1 if fault == "no slope" else slope)
            total += part
            if fault == "last":
                answers[circle] = part
            if fault == "tips":
                answers[tip] = total
            if fault == "first":
                break
        if fault not in ("early", "last", "tips"):
            answers[tip if fault == "tip" else circle] = 1.0 if fault == "one" else total
        return total

    return answer(start)


_ANSWER_FAULTS = {
    "early": "a circle keeps its total before anything has been added to it: keep it after the loop",
    "last": "a circle keeps the last product: it should keep the total",
    "tip": "the total is kept under the name of the last tip: keep it under the name of the circle",
    "tips": "every tip gets the total so far: keep the total after the loop, under the name of the circle",
    "one": "a circle keeps a 1: it should keep its total",
    "first": "only the first arrow of each circle counts: the lines after the loop stand inside it",
    "zero": "the end starts with a 0: it moves as fast as itself, so its answer is 1",
    "no slope": "the slopes are left out: multiply the answer at the tip by the slope",
}


def _answer_mistakes(start: str, end: str, leaving: Leaving) -> Mistakes:
    return {clause: answer_of(start, end, leaving, fault) for fault, clause in _ANSWER_FAULTS.items()}


def _answer_cases() -> list[tuple[str, str, Leaving]]:
    slanted = {arrow: 1 + k % 3 for k, arrow in enumerate(diamonds(3))}
    return [
        ("p", "f", Leaving(FIVE, "the arrows of the five circles")),
        ("q", "f", Leaving(SEVEN, "the arrows of the seven circles")),
        ("start", "end", Leaving(slanted, "the arrows of three diamonds")),
        ("start", "end", Leaving(diamonds(40), "the arrows of forty diamonds")),
    ]


EXERCISES = {
    "07.1": Exercise(_seven(), _SEVEN_MISTAKES),
    "07.2": Exercise(
        from_the_back,
        _back_mistakes,
        cases=[
            (Graph(FIVE, "the arrows of the five circles"), "f"),
            (Graph(SEVEN, "the arrows of the seven circles"), "f"),
            (Graph(_SHORTCUT, "five arrows with a shortcut"), "L"),
            (Graph(diamonds(2), "the arrows of two diamonds"), "end"),
        ],
    ),
    "07.3": Exercise(answer_of, _answer_mistakes, cases=_answer_cases),
}

PREDICTIONS = {
    "07.A": Prediction(
        "There are 100,000 weights and one loss. How many walks does forward mode need to find the slope of"
        " every weight?",
        ("1 walk", "2 walks", "100,000 walks"),
        answer="100,000 walks",
        explain="'1 walk' is tempting, because a walk leaves a number at every circle. But each of them is"
        " about the weight you turned, and says nothing of the others.",
    ),
    "07.B": Prediction(
        "There are ten diamonds in a row. How many routes lead from start to end?",
        (20, 40, 1024),
        answer=1024,
        explain="Twenty is tempting, because you choose between two ways ten times. But every choice can be"
        " combined with every other, so you multiply twos instead of adding them.",
    ),
    "07.C": Prediction(
        "With backpropagation, training the network takes a minute. How long does it take if you nudge every"
        " weight and bias in every step?",
        ("about an hour", "about a day", "about a month"),
        answer="about a month",
        explain="'About a day' is tempting, because a day has 1,440 minutes and that sounds like plenty. But"
        " a step takes you 109,387 passes instead of three.",
    ),
}

# --- The pictures -----------------------------------------------------------------------------------------

PLACES = {"p": (0.0, 2.0), "q": (0.0, 0.0), "s": (2.4, 2.0), "t": (2.4, 0.0), "f": (4.8, 1.0)}
PLACES_OF_SEVEN = PLACES | {"u": (4.8, 2.0), "v": (4.8, 0.0), "f": (7.2, 1.0)}
VALUES = {"p": "p = 2", "q": "q = 3", "s": "s = 5", "t": "t = 6", "u": "u = 11", "v": "v = 30"}
HOW = {"s": "p + q", "t": "p · q", "u": "s + t", "v": "s · t"}

FIVE_CIRCLES = (
    "Five circles. p = 2 and q = 3 feed s = p + q = 5 and t = p · q = 6, and s and t feed f = s · t = 30."
    " Slopes on the arrows: p to s 1, q to s 1, p to t 3, q to t 2, s to f 6, t to f 5. The two routes from"
    " p to f are thick: 1 · 6 through s and 3 · 5 through t."
)


def five_circles() -> Figure:
    """The first screen: values in the circles, slopes on the arrows, and the two routes from p."""
    fig = plots.new_figure(6.2, 2.6)
    ax = plots.blank_axes(fig, (-0.6, 5.4), (-0.7, 2.75), aspect="equal")
    thick = {("p", "s"), ("p", "t"), ("s", "f"), ("t", "f")}
    _draw(ax, FIVE, PLACES, VALUES | {"f": "f = 30"}, HOW | {"f": "s · t"}, thick=thick)
    plots.titled(fig, "Two routes lead from p to f: 1 · 6 + 3 · 5 = 21")
    return fig


SEVEN_CIRCLES = (
    "Seven circles. p = 2 and q = 3 feed s = 5 and t = 6. Both of these feed u = s + t = 11 and v = s · t ="
    " 30, and u and v feed f = u · v = 330. Slopes: p to s 1, q to s 1, p to t 3, q to t 2, s to u 1, t to u"
    " 1, s to v 6, t to v 5, u to f 30, v to f 11."
)


def seven_circles() -> Figure:
    """The graph of exercise 07.1."""
    fig = plots.new_figure(7.6, 2.8)
    ax = plots.blank_axes(fig, (-0.6, 7.8), (-0.75, 2.75), aspect="equal")
    _draw(ax, SEVEN, PLACES_OF_SEVEN, VALUES | {"f": "f = 330"}, HOW | {"f": "u · v"}, size=46)
    plots.titled(fig, "One more pair of circles, and four routes from p to f instead of two")
    return fig


THREE_WALKS = (
    "The five circles three times, with what a walk leaves at each. From the front, for p: p 1, q 0, s 1, t"
    " 3, f 21. From the front, for q: p 0, q 1, s 1, t 2, f 16. From the back: f 1, s 6, t 5, p 21, q 16."
    " The first two pictures have the four arrows that carry something, and the third has all six, turned"
    " round."
)


def three_walks() -> Figure:
    """What each walk leaves at the circles."""
    fig = plots.new_figure(8.4, 2.5)
    walks = {
        "From the front, for p": from_the_front(FIVE, "p"),
        "From the front, for q": from_the_front(FIVE, "q"),
        "From the back": from_the_back(FIVE, "f"),
    }
    for k, (name, left) in enumerate(walks.items()):
        back = name == "From the back"
        ax = plots.blank_axes(fig, (-0.6, 5.4), (-0.6, 3.2), (k / 3, 0.0, 1 / 3, 0.88), aspect="equal")
        inside = {circle: f"{left[circle]:g}" for circle in PLACES}
        crossed = {arrow: slope for arrow, slope in FIVE.items() if back or left[arrow[0]]}
        _draw(ax, crossed, PLACES, inside, {circle: circle for circle in PLACES}, back=back, size=28,
              sought=("p", "q") if back else ("f",))  # fmt: skip
        ax.text(-0.5, 3.2, name, color=plots.BACKWARD if back else plots.FORWARD, va="top")
    plots.titled(fig, "From the front, a walk for each weight; from the back, one walk for all")
    return fig


def _draw(
    ax: Axes,
    arrows: Arrows,
    places: dict[str, tuple[float, float]],
    inside: dict[str, str],
    above: dict[str, str],
    *,
    back: bool = False,
    size: float = 40,
    thick: set[tuple[str, str]] | None = None,
    all_slopes: bool = True,
    sought: Sequence[str] = (),
) -> None:
    """Circles with words inside and above, arrows with their slopes; thick the circles that are sought.

    Without ``all_slopes``, only thick arrows show theirs.
    """
    colour = plots.BACKWARD if back else plots.FORWARD
    for (tail, tip), slope in arrows.items():
        marked = thick is not None and (tail, tip) in thick
        ink = plots.INK if marked else plots.GREY
        ends = (tip, tail) if back else (tail, tip)
        ax.annotate("", places[ends[1]], places[ends[0]], arrowprops={
            "arrowstyle": "-|>", "shrinkA": size / 2 + 2, "shrinkB": size / 2 + 2,
            "lw": 2.2 if marked else 1.2, "color": colour if back else ink})  # fmt: skip
        if not (marked or all_slopes):
            continue
        share = 0.3 if abs(places[tail][1] - places[tip][1]) > 1 else 0.5  # clear of where two arrows cross
        x, y = (1 - share) * np.array(places[tail]) + share * np.array(places[tip])
        ax.text(x, y, f"{slope:.3g}", ha="center", va="center", fontsize=10, color=ink,
                weight="bold" if marked else "normal",
                bbox={"facecolor": plots.PAPER, "edgecolor": "none", "pad": 1.5})  # fmt: skip
    for circle, (x, y) in places.items():
        found = circle in sought
        ax.plot(x, y, "o", ms=size, mfc=plots.PAPER, mec=colour, mew=2.6 if found else 1.3)
        ax.text(x, y, inside[circle], ha="center", va="center", color=colour,
                weight="bold" if found else "normal")  # fmt: skip
        if circle in above:
            ax.annotate(above[circle], (x, y), (0, size / 2 + 3), textcoords="offset points", ha="center",
                        va="bottom", color=plots.GREY, fontsize=9)  # fmt: skip


TEN_DIAMONDS = (
    "Ten diamonds in a row between two circles, start and end. In each diamond an upper and a lower way lead"
    " from its left corner to its right one, which is the left corner of the next."
)


def ten_diamonds() -> Figure:
    """Forty arrows; how many routes?"""
    fig = plots.new_figure(8.0, 1.5)
    ax = plots.blank_axes(fig, (-0.7, 10.7), (-0.75, 0.75), (0.0, 0.0, 1.0, 0.8), aspect="equal")
    for k in range(10):
        for side in (0.42, -0.42):
            for ends in (((k, 0), (k + 0.5, side)), ((k + 0.5, side), (k + 1, 0))):
                ax.annotate("", ends[1], ends[0], arrowprops={
                    "arrowstyle": "-|>", "shrinkA": 4, "shrinkB": 4, "color": plots.GREY})  # fmt: skip
            ax.plot(k + 0.5, side, "o", ms=6, mfc=plots.PAPER, mec=plots.FORWARD)
    ax.plot(range(11), [0] * 11, "o", ms=7, color=plots.FORWARD)
    for x, name in ((0, "start"), (10, "end")):
        ax.text(x, -0.22, name, ha="center", va="top", fontsize=9)
    plots.titled(fig, "Ten diamonds, two ways through each")
    return fig


PLACES_OF_THE_NETWORK = {
    "w1": (0.0, 5.0), "w2": (0.0, 4.2), "b1": (0.0, 3.4),
    "w3": (0.0, 2.2), "w4": (0.0, 1.4), "b2": (0.0, 0.6),
    "z1": (2.2, 4.2), "z2": (2.2, 1.4), "a1": (4.2, 4.2), "a2": (4.2, 1.4),
    "w5": (5.6, 5.7), "w6": (6.6, 5.7), "b3": (7.6, 5.7),
    "w7": (5.6, -0.1), "w8": (6.6, -0.1), "b4": (7.6, -0.1),
    "z3": (6.6, 4.2), "z4": (6.6, 1.4), "a3": (8.6, 4.2), "a4": (8.6, 1.4), "L": (10.4, 2.8),
}  # fmt: skip

NETWORK = (
    "The network as a graph of 21 circles and 22 arrows. w1, w2 and b1 feed z1; w3, w4 and b2 feed z2; z1"
    " feeds a1, and z2 feeds a2. a1 and a2 both feed z3, with w5, w6 and b3, and z4, with w7, w8 and b4. z3"
    " feeds a3, z4 feeds a4, and both of these feed L. One route from w1 to L is thick: w1 to z1 0.05, z1 to"
    " a1 0.241, a1 to z3 0.4, z3 to a3 0.187, a3 to L 0.741."
)


def network_as_circles(network: Arrows) -> Figure:
    """Lesson 05's network, with the slopes of one route from w1 to L."""
    fig = plots.new_figure(8.0, 4.2)
    ax = plots.blank_axes(fig, (-0.5, 10.9), (-0.6, 6.2), aspect="equal")
    route = ["w1", "z1", "a1", "z3", "a3", "L"]
    _draw(ax, network, PLACES_OF_THE_NETWORK, {circle: circle for circle in PLACES_OF_THE_NETWORK}, {},
          size=22, thick=set(pairwise(route)), all_slopes=False)  # fmt: skip
    plots.titled(fig, "Two routes lead from w1 to L, and this is one of them")
    return fig


# --- The slider

COLOURS = {"the loss": plots.FORWARD, "from the back": plots.BACKWARD, "from the front": plots.GREY,
           "along every route": plots.INK}  # fmt: skip


def _sizes(layers: int, width: int) -> list[int]:
    return [784, *[width] * layers, 10]


def front_over_back(layers: int, width: int) -> float:
    """How many times as many arrows are crossed from the front as from the back."""
    found = crossings(_sizes(layers, width))
    return found["from the front"] / found["from the back"]


def draw_crossings(fig: Figure, layers: int, width: int) -> Callable[..., None]:
    """Arrows crossed for the loss and, in three ways, for the gradient, as bars on a logarithmic axis."""
    ax = fig.add_subplot(xscale="log", xlim=(1e3, 1e20), ylim=(3.6, -0.6), xlabel="arrows crossed")
    ax.set_xticks(10.0 ** np.arange(3, 20, 3))
    ax.set_yticks(range(4), ["the loss", "gradient, from the back", "gradient, from the front",
                             "gradient, every route"])  # fmt: skip
    ax.grid(axis="y", visible=False)

    def update(layers: int, width: int) -> None:
        found = crossings(_sizes(layers, width))
        for row, (name, number) in enumerate(found.items()):
            ax.barh(row, number, color=COLOURS[name], height=0.62)
            ax.text(1.6 * number, row, _in_words(number), va="center")
        times = _in_words(front_over_back(layers, width))
        ax.set_title(f"The front takes {times} times as many crossings as the back")

    return update


def _in_words(number: float) -> str:
    for size, name in ((1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{float(f'{number / size:.3g}'):g} {name}"
    return f"{number:,.0f}"


def describe_crossings(layers: int, width: int) -> str:
    """The picture in words."""
    sizes = _sizes(layers, width)
    found = crossings(sizes)
    parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
    return (
        f"{'-'.join(map(str, sizes))}, {parameters:,} weights and biases. To find the loss you cross"
        f" {_in_words(found['the loss'])} arrows. To find the gradient you cross as many from the back,"
        f" {_in_words(found['from the front'])} from the front, and {_in_words(found['along every route'])}"
        " along every route."
    )


# --- The pictures of deeper/07_counting.ipynb and deeper/07_where_the_time_goes.ipynb ---------------------

Uses = dict[tuple[int, int, int], int]  # layer, receiver, sender: how often the weight is a factor


def draw_uses(sizes: Sequence[int], on_routes: Uses, handed_back: Uses) -> Figure:
    """A network twice, each line as thick as its weight is often used."""
    fig = plots.new_figure(8.0, 3.4)
    at = {(layer, k): (layer, (size - 1) / 2 - k) for layer, size in enumerate(sizes) for k in range(size)}
    for ax, (counts, colour, title) in zip(
        fig.subplots(1, 2),
        (
            (on_routes, plots.GREY, "Routes: the later, the more often"),
            (handed_back, plots.BACKWARD, "Back: at most once"),
        ),
        strict=True,
    ):
        for (layer, there, here), n in counts.items():
            ends = zip(at[layer - 1, here], at[layer, there], strict=True)
            ax.plot(*ends, "-", color=colour if n else plots.LIGHT, lw=0.8 + 0.4 * n, zorder=1)
            if there == here == 0:
                ax.text(layer - 0.5, -1.75, {0: "never", 1: "once"}.get(n, f"{n} times"), ha="center")
        for place in at.values():
            ax.plot(*place, "o", ms=17, mfc=plots.PAPER, mec=plots.INK, zorder=2)
        ax.set(title=title, xlim=(-0.25, len(sizes) - 0.75), ylim=(-2, 1.4))
        ax.set_axis_off()
    return fig


def draw_ratios(
    along: dict[str, Sequence[int]],
    measured: dict[tuple[str, int, int], float],
    counted: dict[str, list[float]],
) -> Figure:
    """The time of a way back over that of a way forward, for three batches, beside the count."""
    fig = plots.new_figure(8.0, 3.8)
    styles = {1: ("o", plots.INK), 8: ("s", plots.GREY), 64: ("^", plots.LIGHT)}
    for ax, (kind, ks) in zip(fig.subplots(1, 2, sharey=True), along.items(), strict=True):
        for n, (marker, colour) in styles.items():
            ax.plot(ks, [measured[kind, k, n] for k in ks], "-", marker=marker, color=colour,
                    label=f"time, batch of {n}")  # fmt: skip
        ax.plot(ks, counted[kind], "--", color=plots.BACKWARD, label="multiplications")
        ax.set(xscale="log", xticks=ks, xticklabels=ks, ylim=(0, 1.1 * max(2.5, *measured.values())),
               xlabel="width of each of 2 layers" if kind == "width" else "layers of width 64")  # fmt: skip
        ax.minorticks_off()
    fig.axes[0].set_ylabel("back / forward")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    plots.titled(fig, "Batches stay near the count. A single example in wide layers doesn't.")
    return fig


def draw_times(widths: Sequence[int], whole: Array, products: Array) -> Figure:
    """Time of a pass forward and back, and of its matrix products alone, over the width of the layers."""
    fig = plots.new_figure(6.5, 3.6)
    ax = fig.subplots()
    ax.plot(widths, whole, "o-", color=plots.BACKWARD)
    ax.plot(widths, products, "^:", color=plots.GREY)
    ax.set(xscale="log", yscale="log", xticks=widths, xticklabels=widths,
           xlabel="width of each of 3 layers", ylabel="microseconds",
           title="Narrow layers pay for calls, wide ones for products")  # fmt: skip
    ax.minorticks_off()
    ax.legend(["forward and back", "products alone"])
    return fig
