"""Exercises, predictions and pictures of lesson 18."""

from collections.abc import Callable, Sequence

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction
from bphelpers.teaching.plots.labels import spread

Badness = Callable[[Array], float]

# --- The network of the race: 64 inputs, tanh, 10 outputs, all its numbers in one row -----------------------


def start(rng: np.random.Generator, hidden: int = 16) -> Array:
    """Random weights and zero biases, in one row: W1, b1, W2, b2."""
    W1 = rng.normal(size=(hidden, 64)) / 8
    W2 = rng.normal(size=(10, hidden)) / np.sqrt(hidden)
    return np.concatenate([W1.ravel(), np.zeros(hidden), W2.ravel(), np.zeros(10)])


def parts(w: Array) -> tuple[Array, Array, Array, Array]:
    """The row cut into W1, b1, W2 and b2: 64 + 1 + 10 numbers for each hidden unit, and 10 at the end."""
    hidden = (len(w) - 10) // 75
    W1, b1, W2, b2 = np.split(w, [64 * hidden, 65 * hidden, 75 * hidden])
    return W1.reshape(hidden, 64), b1, W2.reshape(10, hidden), b2


# --- Exercise 18.1: a guess from questions ------------------------------------------------------------------


def guess_gradient(loss: Badness, w: Array, directions: Array, h: float) -> Array:
    """The mean of slope times direction, each slope measured by two forward passes."""
    guesses = [(loss(w + h * v) - loss(w - h * v)) / (2 * h) * v for v in directions]
    return np.mean(guesses, axis=0)


def _guess_mistakes(loss: Badness, w: Array, directions: Array, h: float) -> Mistakes:
    right = guess_gradient(loss, w, directions, h)
    slopes = np.array([(loss(w + h * v) - loss(w - h * v)) / (2 * h) for v in directions])
    one_sided = [(loss(w + h * v) - loss(w)) / h * v for v in directions]
    unit_steps = [(loss(w + v) - loss(w - v)) / (2 * h) * v for v in directions]
    return {
        "the loss is measured on one side only: nudge w both ways, by h * v and by -h * v": (
            np.mean(one_sided, axis=0)
        ),
        "the difference is divided by h: from one nudge to the other it is 2 * h": 2 * right,
        "the difference is not divided by 2 * h": 2 * h * right,
        "the guesses are added up: take their mean, so divide by the number of directions": (
            right * len(directions)
        ),
        "the slopes are not multiplied by their directions": np.full_like(w, slopes.mean()),
        "the sum is divided by the number of weights: divide by the number of directions": (
            right * len(directions) / len(w)
        ),
        "the mean is taken over the weights as well: axis=0 keeps one number for each weight": (
            np.full_like(w, right.mean())
        ),
        "the sign is flipped: it should be the loss at w + h * v minus the loss at w - h * v": -right,
        "the nudges are v and not h * v": np.mean(unit_steps, axis=0),
        "only the last direction counts: does the guess of each one overwrite the one before?": (
            slopes[-1] * directions[-1]
        ),
        "only the first direction counts: does the return stand inside the loop?": slopes[0] * directions[0],
        "the slopes and the directions are averaged apart: multiply each slope by its own direction": (
            slopes.mean() * directions.mean(axis=0)
        ),
    }


def _guess_cases() -> list[tuple[Badness, Array, Array, float]]:
    def loss(w: Array) -> float:
        return float(np.sum(w * np.sin(w)) + np.exp(0.3 * w[0]) + w[0] * w[-1])

    rng = np.random.default_rng(18)
    made: list[tuple[Badness, Array, Array, float]] = []
    for weights, questions, h in ((5, 4, 0.3), (2, 3, 0.2), (3, 1, 0.1)):
        directions = rng.choice([-1.0, 1.0], size=(questions, weights))
        directions[-1, 0] = -directions[0, 0]
        directions[1:2] = directions[:1]  # a question that is asked twice counts twice
        made.append((loss, rng.normal(size=weights), directions, h))
    return made


# --- Exercise 18.2: through any matrix ----------------------------------------------------------------------


def way_back(X: Array, A: Array, dlogits: Array, B: Array) -> tuple[Array, ...]:
    """dW1, db1, dW2 and db2 of a layer of tanh and a linear one, where B leads back to the hidden layer."""
    dz = (dlogits @ B) * (1 - A**2)
    return dz.T @ X, dz.sum(axis=0), dlogits.T @ A, dlogits.sum(axis=0)


def _way_back_mistakes(X: Array, A: Array, dlogits: Array, B: Array) -> Mistakes:
    dW1, db1, dW2, db2 = way_back(X, A, dlogits, B)
    back = dlogits @ B

    def hidden(dz: Array) -> tuple[Array, ...]:
        return dz.T @ X, dz.sum(axis=0), dW2, db2

    wrong: Mistakes = {
        "the slope of tanh, 1 - A ** 2, is missing": hidden(back),
        "the slope is A * (1 - A), which belongs to the sigmoid: that of tanh is 1 - A ** 2": (
            hidden(back * A * (1 - A))
        ),
        "the slope is 1 - A: the square is missing": hidden(back * (1 - A)),
        "what comes back is multiplied by A and not by the slope of tanh": hidden(back * A),
        "the biases get a mean: the loss has averaged already, so add up": (
            (dW1, db1 / len(X), dW2, db2 / len(X))
        ),
        "all four are divided by the number of examples: the loss has averaged already": (
            tuple(grad / len(X) for grad in (dW1, db1, dW2, db2))
        ),
        "dW1 and dW2 are transposed: a row of W belongs to a receiver, so dz.T comes first": (
            (dW1.T, db1, dW2.T, db2)
        ),
        "dW1 is transposed: a row of W1 belongs to a hidden unit, so dz.T comes first": (
            (dW1.T, db1, dW2, db2)
        ),
        "the layers are swapped: the hidden layer's gradients come first": (dW2, db2, dW1, db1),
        "the sign is flipped: the step subtracts the gradient later": (-dW1, -db1, -dW2, -db2),
    }
    if B.shape[0] == B.shape[1]:
        wrong["B is transposed: forward you multiply by W2.T, so on the way back B takes the place of W2"] = (
            hidden((dlogits @ B.T) * (1 - A**2))
        )
    return wrong


def _way_back_cases() -> list[tuple[Array, ...]]:
    sizes = {"n": (5, 3), "d": (2, 3), "m": (4, 3), "k": (3, 3)}
    return [(X, np.tanh(A), dlogits, B) for X, A, dlogits, B in drawn(18, "n d, n m, n k, k m", **sizes)]


# --- Exercise 18.3: hill climbing ---------------------------------------------------------------------------


def climb(badness: Badness, w: Array, nudges: Array) -> Array:
    """Keep a nudge if it makes things better, and go on from there."""
    best = w
    for nudge in nudges:
        if badness(best + nudge) < badness(best):
            best = best + nudge
    return best


def _climb_mistakes(badness: Badness, w: Array, nudges: Array) -> Mistakes:
    def walk(from_best: bool = True, against_best: bool = True, better: bool = True) -> Array:
        best = w
        for nudge in nudges:
            tried = (best if from_best else w) + nudge
            if (badness(tried) < badness(best if against_best else w)) == better:
                best = tried
        return best

    def level() -> Array:
        best = w
        for nudge in nudges:
            if badness(best + nudge) <= badness(best):
                best = best + nudge
        return best

    firsts = [w + nudge for nudge in nudges if badness(w + nudge) < badness(w)]
    return {
        "nothing is repaired yet: there are two faults": walk(from_best=False, against_best=False),
        "each try still begins at w: go on from the best point so far": walk(from_best=False),
        "each try is still compared with w: compare it with the best point so far": walk(against_best=False),
        "the worse of two points is kept": walk(better=False),
        "a nudge that changes nothing is kept too, but keep only what is better": level(),
        "every try is kept, whether it is better or not": w + nudges.sum(axis=0),
        "the walk stops at the first try that is better: does the return stand inside the loop?": firsts[0],
        "you return the point you started from": w,
    }


def _climb_cases() -> list[tuple[Badness, Array, Array]]:
    def badness(w: Array) -> float:
        return float(np.sum((w - np.arange(1.0, len(w) + 1)) ** 2))

    rng = np.random.default_rng(183)
    smooth = [(badness, rng.normal(size=n), rng.normal(size=(tries, n))) for n, tries in ((2, 9), (3, 14))]
    return [*smooth, (lambda w: float(badness(w) // 4), rng.normal(size=2), 0.5 * rng.normal(size=(20, 2)))]


EXERCISES = {
    "18.1": Exercise(guess_gradient, _guess_mistakes, cases=_guess_cases),
    "18.2": Exercise(way_back, _way_back_mistakes, cases=_way_back_cases, gradient=True),
    "18.3": Exercise(climb, _climb_mistakes, cases=_climb_cases),
}

PREDICTIONS = {
    "18.A": Prediction(
        "You ask one question of a network with 1,210 weights. By what angle does the guess miss?",
        ("about 20 degrees", "about 60 degrees", "about 88 degrees"),
        answer="about 88 degrees",
        explain="Random sounds like something halfway, so 60 is tempting. But nearly all of the guess is "
        "noise, and noise points almost at right angles to the gradient.",
    ),
    "18.B": Prediction(
        "4,810 weights, one question a step. How many times as many forward passes does asking need to get "
        "the loss below 0.5?",
        ("about 25 times", "about 5,000 times", "it never gets there"),
        answer="about 25 times",
        explain="Thousands are tempting, because a good direction would take thousands of questions. But "
        "a step need not be good. On average it is the gradient, and the noise mostly moves the weights "
        "where the loss hardly changes.",
    ),
    "18.C": Prediction(
        "On the way back, a fixed random matrix B stands where W2 should be. What does the hidden layer "
        "learn?",
        ("nothing, as if it were frozen", "a little, then it stops", "nearly as much as with W2"),
        answer="nearly as much as with W2",
        explain="'Nothing' is tempting, because at the start the hidden layer's signal has nothing to do "
        "with the gradient. But W2 learns too, and it turns until B is a good way back.",
    ),
}

# --- What was measured from thirty starts -------------------------------------------------------------------

# Starts 1 to 30. Loss after the budget, lowest and highest; how many of ten read 95 %, in three sets.
THIRTY_STARTS: dict[str, tuple[float, float, tuple[int, int, int]]] = {
    "backpropagation": (0.009, 0.011, (10, 10, 10)),
    "fixed B on the way back": (0.018, 0.028, (10, 10, 10)),
    "hidden layer frozen": (0.30, 0.56, (3, 2, 5)),
    "another B at every step": (0.26, 1.47, (3, 1, 0)),
    "asking, one question a step": (0.42, 0.63, (2, 1, 0)),
    "hill climbing": (0.38, 0.61, (2, 1, 0)),
    "genetic algorithm": (1.36, 1.81, (0, 0, 0)),
}


def thirty_starts() -> str:
    """The table of what thirty starts gave."""
    width = max(map(len, THIRTY_STARTS))
    head = f"{'':<{width}}  {'loss':<14}  95 % right, of 10"
    rows = (f"{name:<{width}}  {f'{low:.2g} to {high:.2g}':<14}  {'  '.join(f'{n:>2}' for n in sets)}"
            for name, (low, high, sets) in THIRTY_STARTS.items())  # fmt: skip
    return "\n".join((head, *rows))


# --- The pictures -------------------------------------------------------------------------------------------

QUESTIONS = (
    "Three arrows from the origin of a plane whose axes are the two weights. The first guess goes to (7, 7), "
    "the second to (-1, 1). The gradient goes to (3, 4), which lies halfway between their tips."
)


def two_questions() -> Figure:
    """The first screen: two guesses, and the gradient halfway between their tips."""
    fig = plots.new_figure(6.4, 4.2)
    ax = fig.subplots()
    ax.plot([7, -1], [7, 1], ":", color=plots.GREY, lw=1.4)
    _arrow(ax, (7, 7), plots.FORWARD)
    _arrow(ax, (-1, 1), plots.FORWARD)
    _arrow(ax, (3, 4), plots.BACKWARD)
    ax.text(6.6, 7.35, "first guess (7, 7)", color=plots.FORWARD, ha="center")
    ax.text(-1.3, 1.0, "second guess (-1, 1)", color=plots.FORWARD, ha="right")
    ax.text(2.6, 4.45, "their mean (3, 4),\nthe gradient", color=plots.BACKWARD, ha="right", weight="bold")
    ax.set(xlim=(-6, 9), ylim=(-0.6, 8.2), aspect="equal", xlabel="first weight", ylabel="second weight",
           title="Both guesses miss, and their mean is right")  # fmt: skip
    return fig


TRIANGLE = (
    "A right triangle. The gradient lies flat. From its tip the noise of one question stands up, the root of "
    "P - 1 times as long, so twice as long when P is 5. The guess is the long side."
)


def draw_triangle() -> Figure:
    """The gradient, the noise of one question with five weights, and the guess."""
    fig = plots.new_figure(5.0, 2.9)
    ax = fig.subplots()
    ax.plot([0.9, 0.9, 1], [0, 0.1, 0.1], color=plots.GREY, lw=1)
    _arrow(ax, (1, 0), plots.BACKWARD)
    _arrow(ax, (1, 2), plots.FORWARD)
    ax.annotate("", (1, 2), (1, 0), arrowprops={"arrowstyle": "-|>", "lw": 2.2, "color": plots.GREY,
                                                "shrinkA": 0, "shrinkB": 0})  # fmt: skip
    ax.text(0.5, -0.22, "gradient", color=plots.BACKWARD, ha="center")
    ax.text(1.06, 1.0, r"noise, $\sqrt{P - 1}$ times as long", color=plots.GREY, va="center")
    ax.text(0.4, 1.05, "guess", color=plots.FORWARD, ha="right")
    ax.set(xlim=(-0.4, 3.0), ylim=(-0.4, 2.1), aspect="equal", title="One question about five weights")
    ax.set_axis_off()
    return fig


def _arrow(ax: Axes, end: tuple[float, float], colour: str, width: float = 2.2) -> None:
    ax.annotate("", end, (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": width,
                                             "shrinkA": 0, "shrinkB": 0})  # fmt: skip


SIZES = (9, 85, 1210, 7510)
ASKED = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def sliders() -> dict[str, ipywidgets.SelectionSlider]:
    """How many weights, and how many questions; the first picture has 1,210 and 10."""
    choices = {"weights": (SIZES, 1210), "questions": (ASKED, 10)}
    return {name: ipywidgets.SelectionSlider(options=[(f"{n:,}", n) for n in numbers], value=start,
                                             description=name, tooltip=name)
            for name, (numbers, start) in choices.items()}  # fmt: skip


def expected_cosine(questions: Array | int, weights: int) -> Array:
    """What so many questions reach in a network of so many weights, by the law of the lesson."""
    return np.sqrt(questions / (questions + weights - 1))


def draw_questions(fig: Figure, weights: int, questions: int) -> None:
    """The mean guess beside the gradient, both drawn equally long, and the cosine over the questions."""
    left, right = fig.subplots(1, 2, width_ratios=[1, 1.5])
    cosine = float(expected_cosine(questions, weights))
    angle = np.arccos(cosine)
    _arrow(left, (1, 0), plots.BACKWARD)
    _arrow(left, (cosine, np.sin(angle)), plots.FORWARD)
    turn = np.linspace(0, angle)
    left.plot(0.35 * np.cos(turn), 0.35 * np.sin(turn), color=plots.GREY, lw=1.2)
    left.text(0.42 * np.cos(angle / 2), 0.42 * np.sin(angle / 2), f"{np.degrees(angle):.0f}°",
              color=plots.INK)  # fmt: skip
    left.text(1, -0.12, "gradient", color=plots.BACKWARD, ha="right")
    left.text(cosine + 0.04, np.sin(angle) + 0.04, "guess", color=plots.FORWARD)
    left.set(xlim=(-0.1, 1.3), ylim=(-0.25, 1.25), aspect="equal", title="Where the guess points")
    left.set_axis_off()
    asked = np.logspace(0, 4, 60)
    for size in SIZES:
        chosen = size == weights
        colour = plots.FORWARD if chosen else plots.GREY
        right.plot(asked, expected_cosine(asked, size), "-", color=colour, lw=2.4 if chosen else 1.2)
        half = np.argmin(abs(expected_cosine(asked, size) - 0.45))
        right.text(asked[half], 0.45, f"{size:,} ", ha="right", va="bottom", color=colour, fontsize=8)
    right.plot(questions, cosine, "o", color=plots.FORWARD, ms=8)
    right.plot(1.5, 1, "*", color=plots.BACKWARD, ms=14)
    right.text(2.1, 1.04, "backpropagation", color=plots.BACKWARD, va="center", fontsize=9)
    right.set(xscale="log", ylim=(0, 1.12), xlabel="questions", ylabel="cosine",
              title=f"{weights:,} weights, {questions:,} question{'s' * (questions > 1)}")  # fmt: skip


def describe_questions(weights: int, questions: int) -> str:
    """The picture in words."""
    cosine = float(expected_cosine(questions, weights))
    return (
        f"With {weights:,} weights, {questions:,} question{'s' * (questions > 1)} and {2 * questions:,} "
        f"forward passes, the guess stands at {np.degrees(np.arccos(cosine)):.0f} degrees to the gradient, "
        f"and the cosine is {cosine:.2f}. Backpropagation has cosine 1 for about 3 forward passes."
    )


# Colour and line of each way to learn: orange goes back, blue asks, grey is there to compare with.
_LOOKS = {
    "backpropagation": (plots.BACKWARD, "-"),
    "fixed B": (plots.BACKWARD, "--"),
    "frozen": (plots.GREY, "-"),
    "another B": (plots.GREY, ":"),
    "asking": (plots.FORWARD, "-"),
}


def draw_race(curves: dict[str, tuple[int, Sequence[float]]], title: str) -> Figure:
    """Loss over forward passes: what one step costs, and the loss after 0, 1, 2, ... steps."""
    fig = plots.new_figure(7.2, 3.8)
    ax = fig.subplots()
    by_end = sorted(curves, key=lambda name: curves[name][1][-1])
    heights = spread([np.log10(curves[name][1][-1]) for name in by_end], gap=0.17)
    for name, height in zip(by_end, heights, strict=True):
        passes, losses = curves[name]
        colour, style = _LOOKS[name]
        ax.plot(passes * np.arange(len(losses)), losses, color=colour, ls=style)
        ax.text(910, 10**height, name, color=colour, va="center")
    ax.set(yscale="log", xlim=(0, 1130), ylim=(0.007, 4), xlabel="forward passes spent", ylabel="loss",
           title=title, xticks=range(0, 901, 300))  # fmt: skip
    return fig


def draw_stairs(values: Array, smooth: Sequence[float], counts: Sequence[int]) -> Figure:
    """A loss with slopes and a count without, over the same weight."""
    fig = plots.new_figure(7.0, 3.2)
    left, right = fig.subplots(1, 2)
    left.plot(values, smooth, color=plots.FORWARD)
    left.set(xlabel="change of one bias", ylabel="loss, sigmoids", title="A slope everywhere")
    right.plot(values, counts, color=plots.FORWARD, drawstyle="steps-mid")
    right.set(xlabel="change of the same bias", ylabel="wrong answers, thresholds", yticks=range(5),
              ylim=(-0.2, 4.2), title="Slope 0, except at the jumps")  # fmt: skip
    return fig


RACE = (
    "Loss over forward passes on a logarithmic axis, up to 900. Both curves start between 2 and 3. "
    "Backpropagation falls to 0.01, asking to about a half."
)
WRONG_WAYS = (
    "Loss over 900 forward passes, on a logarithmic axis. Backpropagation ends at 0.01 and a fixed B between "
    "0.02 and 0.03. Three curves stay far above: asking, another B at every step, and lowest of them the "
    "frozen hidden layer."
)
STAIRS = (
    "Two curves over the same bias. Left, with sigmoids, the loss bends smoothly. Right, with thresholds, "
    "the number of wrong answers is a staircase: 1, then 0, then 1, then 2, and flat in between."
)


# --- The deeper pages ---------------------------------------------------------------------------------------

LENGTHS = (
    "Length of the weights over 500 inputs, on a logarithmic axis. Hebb's weights grow without end, to far "
    "more than a million. Oja's stay at 1."
)


def draw_lengths(lengths: Array) -> Figure:
    """How long the weights are after each input, by Hebb's rule and by Oja's."""
    fig = plots.new_figure(6.0, 3.0)
    ax = fig.subplots()
    for column, name, colour, style in ((0, "Hebb", plots.GREY, "--"), (1, "Oja", plots.UPDATE, "-")):
        ax.plot(lengths[:, column], style, color=colour)
        ax.annotate(name, (len(lengths) - 1, lengths[-1, column]), (6, 0), textcoords="offset points",
                    color=colour, va="center", annotation_clip=False)  # fmt: skip
    ax.set(yscale="log", xlim=(0, 570), xlabel="inputs seen", ylabel="length of the weights",
           title="Hebb's weights explode, Oja's don't")  # fmt: skip
    return fig


# Share of new images read right, lowest and highest of ten starts, with 1, 2, 4 and 8 hidden layers of 32.
DEEP = {
    "backprop": ((0.93, 0.94), (0.93, 0.95), (0.93, 0.94), (0.91, 0.93)),
    "direct": ((0.92, 0.94), (0.92, 0.94), (0.91, 0.93), (0.89, 0.92)),
    "fixed": ((0.93, 0.94), (0.92, 0.93), (0.89, 0.92), (0.79, 0.88)),
    "frozen": ((0.83, 0.89), (0.75, 0.85), (0.68, 0.75), (0.54, 0.65)),
}


def deep_table() -> str:
    """The table of depths."""
    head = f"{'hidden layers':<13}" + "".join(f"{depth:>14}" for depth in (1, 2, 4, 8))
    rows = (f"{way:<13}" + "".join(f"{f'{low:.2f} to {high:.2f}':>14}" for low, high in row)
            for way, row in DEEP.items())  # fmt: skip
    return "\n".join((head, *rows))


ERRORS = (
    "Three errors of four models. The training error is smallest for the network without decay, close to 0. "
    "Leave-one-out and new runs put it far to the right, and the quadratic first."
)


def draw_errors(errors: dict[str, tuple[float, float, float]]) -> Figure:
    """Training error, leave-one-out and error on new runs, a row for each model."""
    fig = plots.new_figure(6.4, 2.8)
    ax = fig.subplots()
    looks = (
        ("training", "o", plots.GREY),
        ("leave-one-out", "s", plots.FORWARD),
        ("new runs", "D", plots.TARGET),
    )
    for column, (name, marker, colour) in enumerate(looks):
        found = [three[column] for three in errors.values()]
        ax.plot(found, range(len(errors)), marker, color=colour, ls="", label=name, ms=8)
    ax.set_yticks(range(len(errors)), list(errors))
    ax.invert_yaxis()
    ax.set(xlim=(-0.05, None), xlabel="error", title="The training error flatters")
    fig.legend(loc="outside lower center", ncols=3)
    return fig
