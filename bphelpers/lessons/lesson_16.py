"""Exercises, predictions and pictures of lesson 16 and its deeper pages."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bphelpers import functional as F
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction
from bphelpers.teaching.gradcheck import op_mistakes

Given = tuple[Array, ...]
_WEIGHTS = "Wx", "Wh", "b"

# In the first case all lengths differ; in the second they agree, so a wrong transpose runs and can be named.
_SIZES: dict[str, tuple[int, ...]] = {"n": (2, 3), "t": (7, 3), "d": (1, 3), "m": (3, 3)}


def _backward_cases() -> list[Given]:
    """What a backward pass through time is given: dout, x, h0, h, Wx, Wh."""
    made: list[Given] = []
    for dout, x, h0, Wx, Wh in drawn(16, "n t m, n t d, n m, m d, m m", **_SIZES):
        made.append((dout, x, h0, F.rnn(x, h0, Wx, Wh, np.zeros(len(Wh))), Wx, Wh))
    return made


# --- Exercise 16.1: back through the steps ------------------------------------------------------------

_CLAUSES = {
    "later steps forgotten": (
        "no step gets anything from the step after it: what it passed back has to be added to dout[:, t]"
    ),
    "slope missing in the loop": "dz is not multiplied by the slope of tanh, 1 - h[:, t] ** 2",
    "slope of the step before": "the slope is taken at the state before: step t made h[:, t]",
    "recurrent weights transposed on the way back": (
        "the gradient goes back through Wh.T: forward you multiplied by Wh.T, so on the way back it is Wh"
    ),
    "steps in forward order": (
        "the steps are visited from the first to the last: a step needs what the step after it passed back"
    ),
    "state after the step for the one before": (
        "dWh pairs dz with h[:, t]: what Wh multiplied in step t is the state before it"
    ),
    "only one step counted": "only one step counts for the weights: use +=, because = overwrites",
    "first state forgotten": "the first step is left out of dWh: there the state before is h0",
    "averaged over the steps": "the gradients of the weights are averaged over the steps: they add up",
}


def _through_time(dout: Array, x: Array, h0: Array, h: Array, Wx: Array, Wh: Array) -> Mistakes:
    right = _named(F.rnn_backward(dout, x, h0, h, Wx, Wh))
    known = op_mistakes("rnn", dout, x, h0, Wx, Wh, np.zeros(len(Wh)))
    changed = {clause: known[name] for name, clause in _CLAUSES.items()} | {
        "dh0 is left at 0: it is what the first step passes back": {"h0": np.zeros_like(h0)},
        "dWh is transposed: a row of Wh belongs to a receiver, so dz.T comes first": {"Wh": right["Wh"].T},
        "dWx and dWh are swapped": {"Wx": right["Wh"], "Wh": right["Wx"]},
    }
    return {clause: tuple((right | grads).values()) for clause, grads in changed.items()}


def _named(gradients: Sequence[Array]) -> dict[str, Array]:
    return dict(zip(("x", "h0", *_WEIGHTS), gradients, strict=True))


# --- Exercise 16.2: the sums behind the loop ----------------------------------------------------------


def _before(h0: Array, h: Array) -> Array:
    return np.concatenate([h0[:, None], h[:, :-1]], axis=1)


def weight_gradients(dz: Array, x: Array, h0: Array, h: Array) -> Given:
    """dWx, dWh and db, from all steps at once."""
    rows, inputs, states = (
        array.reshape(-1, array.shape[2]) for array in (dz, x, _before(np.asarray(h0), np.asarray(h)))
    )
    return rows.T @ inputs, rows.T @ states, rows.sum(axis=0)


def _weight_mistakes(dz: Array, x: Array, h0: Array, h: Array) -> Mistakes:
    dWx, dWh, db = weight_gradients(dz, x, h0, h)
    steps, mean = dz.shape[1], dz.mean(axis=(0, 1))
    own = np.einsum("ntk,ntj->kj", dz, h)
    return {
        "nothing is repaired yet: there are two faults, one in dWh and one in db": (dWx, own, mean),
        "db is right, but dWh still pairs each dz with the state of its own step": (dWx, own, db),
        "dWh is right, but db is still an average: over steps and examples it has to be a sum": (
            (dWx, dWh, mean)
        ),
        "db is averaged over the steps and added up over the examples: both have to be added up": (
            (dWx, dWh, db / steps)
        ),
        "db is averaged over the examples and added up over the steps: both have to be added up": (
            (dWx, dWh, db / len(dz))
        ),
        "the first state is taken to be 0: it is h0": (
            (dWx, weight_gradients(dz, x, np.zeros_like(h0), h)[1], db)
        ),
        "h0 stands at the end: each step is paired with the state of the step after it": (
            (dWx, np.einsum("ntk,ntj->kj", dz, np.concatenate([h[:, 1:], h0[:, None]], axis=1)), db)
        ),
        "h0 is in front, but you dropped the first step of h instead of the last": (
            (dWx, np.einsum("ntk,ntj->kj", dz, np.concatenate([h0[:, None], h[:, 1:]], axis=1)), db)
        ),
    }


def _weight_cases() -> list[Given]:
    return drawn(162, "n t m, n t d, n m, n t m", **_SIZES)


# --- Exercise 16.3: chunks ----------------------------------------------------------------------------


def in_chunks(
    dout: Array, x: Array, h0: Array, h: Array, Wx: Array, Wh: Array, length: int, fault: str = ""
) -> Given:
    """dWx, dWh and db where no gradient crosses from one chunk into the one before; or with a fault."""
    total, crossing = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(len(Wh))], np.zeros_like(h0)
    steps = h.shape[1]
    for start in reversed(range(0, steps, length)):
        if fault == "short" and start + length > steps:
            continue
        part = slice(start, start + length)
        before = h[:, start - 1] if start else h0
        if fault in ("zeros", "h0", "own"):
            before = {"zeros": np.zeros_like(h0), "h0": h0, "own": h[:, start]}[fault] if start else h0
        arriving = np.array(dout[:, part])
        if fault == "carried":
            arriving[:, -1] += crossing
        _, crossing, *own = F.rnn_backward(arriving, x[:, part], before, h[:, part], Wx, Wh)
        total = own if fault == "first" else [a + b for a, b in zip(total, own, strict=True)]
        if fault == "last":
            break
    return tuple(total)


_CHUNK_FAULTS = {
    "carried": "the gradient crosses the cuts, so these are the gradients of the whole sequence",
    "zeros": "every later chunk begins with a state of 0: carry the state on, and cut only the gradient",
    "h0": "every chunk begins with h0: a later one should begin where the last one ended, h[:, start - 1]",
    "own": "a later chunk begins with its own first state, h[:, start]: it should be the one before",
    "first": "only the first chunk counts: does the return stand inside the loop?",
    "last": "only the last chunk counts: use +=, because = overwrites",
    "short": "the last chunk is left out because it is shorter than the others",
}


def _chunk_mistakes(
    dout: Array, x: Array, h0: Array, h: Array, Wx: Array, Wh: Array, length: int
) -> Mistakes:
    given, chunks = (dout, x, h0, h, Wx, Wh, length), -(-h.shape[1] // length)
    wrong = {clause: in_chunks(*given, fault=fault) for fault, clause in _CHUNK_FAULTS.items()}
    return wrong | {
        "the chunks are averaged: their gradients add up": tuple(g / chunks for g in in_chunks(*given)),
    }


def _chunk_cases() -> list[tuple[Array | int, ...]]:
    return [(*given, length) for given, length in zip(_backward_cases(), (3, 2), strict=True)]


EXERCISES = {
    "16.1": Exercise(F.rnn_backward, _through_time, cases=_backward_cases, gradient=True),
    "16.2": Exercise(weight_gradients, _weight_mistakes, cases=_weight_cases, gradient=True),
    "16.3": Exercise(in_chunks, _chunk_mistakes, cases=_chunk_cases, gradient=True),
}

PREDICTIONS = {
    "16.A": Prediction(
        "Each step back makes the gradient 0.9 times as long. What is left of it after fifty steps?",
        ("about a half", "about a two-hundredth", "nothing that a computer can tell from 0"),
        answer="about a two-hundredth",
        explain="A tenth less sounds harmless, so a half is tempting. But you lose a tenth fifty times over, "
        "and 0.9 ** 50 is 0.005.",
    ),
    "16.B": Prediction(
        "The state is carried on from chunk to chunk, but the gradient stays inside its chunk. What is the "
        "shortest chunk with which the network learns to echo the bit from five steps ago?",
        ("1 step", "5 steps", "6 steps"),
        answer="6 steps",
        explain="1 step is tempting, because the state does carry the bit. But to learn to use it, a "
        "gradient has to get from the answer to the step where the bit came in, and that takes six steps, "
        "counting both ends.",
    ),
}

# --- The pictures -------------------------------------------------------------------------------------

UNROLLED = (
    "Four circles in a row, h0 = 1, h1 = 2, h2 = 4 and h3 = 8, joined by three arrows, each marked times w. "
    "Below h1, h2 and h3 what comes back to them: 4, 2, 1. Below the arrows what each use of w adds to its "
    "derivative, the state that went in times what comes back: 1 · 4 = 4, 2 · 2 = 4, 4 · 1 = 4. Together 12."
)
_ARROW = {"arrowstyle": "-|>", "shrinkA": 22, "shrinkB": 22, "lw": 1.6}


def unrolled() -> Figure:
    """The first screen: one weight, three uses."""
    fig = plots.new_figure(7.0, 2.9)
    ax = plots.blank_axes(fig, (-1.2, 8.6), (-0.2, 3.0))
    states, back = [1, 2, 4, 8], [8, 4, 2, 1]
    for k, (state, slope) in enumerate(zip(states, back, strict=True)):
        x = 1.0 + 2.2 * k
        _circle(ax, x, 2.0, f"$h_{k}$ = {state}")
        if k:
            ax.text(x, 1.28, str(slope), ha="center", color=plots.BACKWARD)
            _arrow(ax, (x - 2.2, 2.0), (x, 2.0), plots.FORWARD)
            ax.text(x - 1.1, 2.2, "· w", ha="center", color=plots.FORWARD)
            use = f"{states[k - 1]} · {slope} = {states[k - 1] * slope}"
            ax.text(x - 1.1, 0.62, use, ha="center", color=plots.BACKWARD, weight="bold")
    for y, name in ((1.28, "comes back"), (0.62, "product")):
        ax.text(-1.1, y, name, color=plots.BACKWARD)
    ax.text(4.3, 0.0, "4 + 4 + 4 = 12", ha="center", color=plots.BACKWARD, weight="bold", fontsize=13)
    plots.titled(fig, "One weight is used three times, and its three gradients add up")
    return fig


STEP = (
    "Three states in a row. Forward, in blue, a state goes through Wh into the z of the next step, where the "
    "input comes in through Wx, and tanh makes the next state out of z. Backward, in orange, two arrows "
    "arrive at the state of step t: dout from above, of its own step, and dz of the next step times Wh."
)


def one_step() -> Figure:
    """What goes in and out of a step, and what comes back."""
    fig = plots.new_figure(7.0, 3.6)
    ax = plots.blank_axes(fig, (-1.9, 9.9), (-0.1, 3.9))
    for k, name in enumerate(("t-1", "t", "t+1")):
        z, h = 3.8 * k - 0.9, 3.8 * k + 0.9
        _circle(ax, z, 2.0, f"$z_{{{name}}}$")
        _circle(ax, h, 2.0, f"$h_{{{name}}}$")
        _arrow(ax, (z, 2.0), (h, 2.0), plots.FORWARD)
        ax.text(3.8 * k, 2.16, "tanh", ha="center", color=plots.FORWARD, fontsize=9)
        _arrow(ax, (h, 3.75), (h, 2.0), plots.BACKWARD)
        ax.text(h + 0.12, 3.0, f"dout$_{{{name}}}$", color=plots.BACKWARD)
        _arrow(ax, (z, 0.0), (z, 2.0), plots.FORWARD)
        ax.text(z, -0.02, f"$x_{{{name}}}$", ha="center", va="center", color=plots.FORWARD)
        ax.text(z + 0.12, 0.85, "$W_x$", color=plots.FORWARD)
        if k:
            _arrow(ax, (h - 3.8, 2.12), (z, 2.12), plots.FORWARD)
            _arrow(ax, (z, 1.88), (h - 3.8, 1.88), plots.BACKWARD)
            ax.text(z - 1.0, 2.3, "$W_h$", ha="center", color=plots.FORWARD)
            ax.text(z - 1.0, 1.4, f"dz$_{{{name}}}$ $W_h$", ha="center", color=plots.BACKWARD)
    plots.titled(fig, "Two gradients come back to a state")
    return fig


def _circle(ax: Axes, x: float, y: float, text: str) -> None:
    ax.plot(x, y, "o", ms=40, mfc=plots.PAPER, mec=plots.FORWARD, mew=1.4)
    ax.text(x, y, text, ha="center", va="center", color=plots.FORWARD)


def _arrow(ax: Axes, begin: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    ax.annotate("", end, begin, arrowprops=_ARROW | {"color": colour})


# --- How long the gradient is, step by step

STEPS, UNITS = 50, 64


def gradient_lengths(radius: float, tanh: bool, inputs: float = 1.0) -> Array:
    """Length of the gradient after 0, 1, ..., 50 steps back, 1 at the start; the same draws every time."""
    rng = np.random.default_rng(16)
    Wh = radius * np.linalg.qr(rng.normal(size=(UNITS, UNITS)))[0]
    x, dh, h = inputs * rng.normal(size=(STEPS, UNITS)), rng.normal(size=UNITS), np.zeros(UNITS)
    slopes = []
    for step in x:
        h = np.tanh(step + Wh @ h)
        slopes.append(1 - h**2 if tanh else 1.0)
    found = [float(np.linalg.norm(dh))]
    for slope in reversed(slopes):
        dh = (dh * slope) @ Wh
        found.append(float(np.linalg.norm(dh)))
    return np.array(found) / found[0]


def draw_lengths(fig: Figure, radius: float, inputs: float) -> None:
    """The gradient's length over the steps back, without and with tanh, on a logarithmic axis."""
    ax = fig.subplots()
    for tanh, style, name in ((False, "-", "without tanh"), (True, "--", "with tanh")):
        found = gradient_lengths(radius, tanh, inputs)
        ax.plot(found, style, color=plots.BACKWARD, lw=2)
        ax.annotate(name, (30, found[30]), (0, 7), textcoords="offset points", color=plots.BACKWARD,
                    annotation_clip=True)  # fmt: skip
    left = _short(gradient_lengths(radius, tanh=False)[-1])
    ax.set(yscale="log", ylim=(1e-25, 1e10), xlim=(0, STEPS), xlabel="steps back",
           ylabel="length of the gradient",
           title=f"Radius {radius:g}, no tanh: {left} left after fifty steps")  # fmt: skip


def _short(number: float) -> str:
    if 1e-4 <= number < 1e6:
        return f"{float(f'{number:.2g}'):,g}"
    return f"{number:.0e}".replace("e-0", "e-").replace("e+0", "e")


def describe_lengths(radius: float, inputs: float) -> str:
    """The picture in words."""
    without, with_tanh = (_short(gradient_lengths(radius, tanh, inputs)[-1]) for tanh in (False, True))
    return (
        f"Wh is an orthogonal matrix times {radius:g}, so its spectral radius is {radius:g}. The inputs have "
        f"size {inputs:g}. After fifty steps back, a gradient of length 1 has length {without} without tanh "
        f"and {with_tanh} with it."
    )


# --- What the two networks learned

CHUNKS = (
    "Share of right echoes over the steps in a chunk. Chunks of 1 to 5 steps stay near a half, which is "
    "guessing. Chunks of 6, 7 and 8 steps are right nearly always."
)
FORECASTS = (
    "Sunspots from 1921 to 1979, and two forecasts of them. The one of one year ahead follows every wave. "
    "The one made in 1920 has waves of its own, which are too low and soon come at the wrong time."
)


def draw_chunks(lengths: Sequence[int], shares: Sequence[float]) -> Figure:
    """Share of right echoes over the length of a chunk."""
    fig = plots.new_figure(6.4, 3.2)
    ax = fig.subplots()
    ax.axhline(0.5, color=plots.INK, lw=1, ls="--")
    ax.text(lengths[-1] + 0.5, 0.51, "guessing", color=plots.INK, va="bottom")
    ax.bar(lengths, shares, color=[plots.FORWARD if share > 0.97 else plots.BACKWARD for share in shares])
    ax.set_xticks(list(lengths))
    ax.set(ylim=(0, 1.05), xlim=(0.4, lengths[-1] + 1.6), xlabel="steps in a chunk",
           ylabel="share of right echoes", title="Five steps are too few, and six are enough")  # fmt: skip
    return fig


def static_errors(numbers: Array, learned: int, end: int, windows: Sequence[int]) -> list[float]:
    """How far one-layer networks miss that see the last so many numbers, fitted to the first ``learned``.

    Fitted by least squares [03], tested on what follows up to ``end``; 0 numbers: next year is like this.
    """
    errors = []
    for window in windows:
        if window:
            rows = np.lib.stride_tricks.sliding_window_view(numbers, window)[:-1]
            rows = np.hstack([rows, np.ones((len(rows), 1))])
            fitted = learned - window
            w = np.linalg.lstsq(rows[:fitted], numbers[window:learned], rcond=None)[0]
            guesses = (rows @ w)[fitted : end - window]
        else:
            guesses = numbers[learned - 1 : end - 1]
        errors.append(float(np.sqrt(np.mean((guesses - numbers[learned:end]) ** 2))))
    return errors


def draw_forecasts(years: Array, numbers: Array, each_year: Array, once: Array) -> Figure:
    """What happened, and two forecasts of it: corrected every year, and made once."""
    fig = plots.new_figure(7.0, 3.4)
    ax = fig.subplots()
    ax.plot(years, numbers, "-", color=plots.TARGET, lw=3, alpha=0.5)
    ax.plot(years, each_year, "-", color=plots.FORWARD, lw=1.4)
    ax.plot(years, once, "--", color=plots.BACKWARD, lw=1.4)
    peak = int(np.argmax(numbers))
    ax.annotate("what happened", (years[peak], numbers[peak]), (6, -2), textcoords="offset points",
                color=plots.TARGET)  # fmt: skip
    ax.text(0.01, 0.97, "blue: one year ahead, told the truth every year\ndashed: made once, in 1920",
            transform=ax.transAxes, va="top", fontsize=9, color=plots.INK)  # fmt: skip
    ax.set(xlim=(years[0], years[-1]), ylim=(-10, 240), xlabel="year", ylabel="sunspot number",
           title="A forecast made only once loses the beat")  # fmt: skip
    return fig


# --- The deeper page

SETTLING = (
    "Two curves over ten rounds. The state h goes 0, 3, 4.5, 5.25 and settles at 6. On the way back e goes "
    "1, 1.5, 1.75 and settles at 2."
)


def draw_settling(there: Sequence[float], back: Sequence[float]) -> Figure:
    """The state and the gradient, round by round."""
    fig = plots.new_figure(6.0, 3.0)
    ax = fig.subplots()
    for values, name, style, colour in (
        (there, "h, on the way there", "o-", plots.FORWARD),
        (back, "e, on the way back", "s--", plots.BACKWARD),
    ):
        ax.plot(values, style, color=colour)
        ax.annotate(name, (len(values) - 1, values[-1]), (0, -14), ha="right", textcoords="offset points",
                    color=colour)  # fmt: skip
    ax.set(ylim=(0, 7), xlabel="rounds", title="The state settles at 6, and the gradient at 2")
    return fig


def draw_ahead(x: Array, once: Array, each_hour: Array) -> Figure:
    """The last hours of a series of 1,200, a forecast made once and one that is told the truth every hour."""
    fig = plots.new_figure(7.4, 3.2)
    hours = np.arange(800, 1200)
    rows = {"told every hour": each_hour, "made once": once}
    for ax, (title, guesses) in zip(fig.subplots(2, 1, sharex=True, sharey=True), rows.items(), strict=True):
        ax.plot(hours, x[800:], "-", color=plots.LIGHT, lw=3)
        ax.plot(hours, guesses, "-", color=plots.FORWARD, lw=1.2)
        ax.set_title(title, fontsize=10)
    ax.set(xlabel="hour")
    plots.titled(fig, "The same neuron, told the truth every hour or only once")
    return fig


AHEAD = (
    "Two panels over hours 800 to 1,200, with what happened in grey. Told every hour, the forecast covers "
    "the grey curve. Made once, it keeps the rhythm of a day for some days, but its waves fade to 0."
)
