"""Exercises, predictions and pictures of lesson 20, the published pages, and arguments that tempt."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bphelpers import nn
from bphelpers.numeric import Array
from bphelpers.teaching import plots, trial
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction
from bphelpers.teaching.trial import Page

HALF = 0.0005  # half a unit of the third decimal

# --- Exercise 20.1: nearer, yet charged more ----------------------------------------------------------


def _outputs(page: Page) -> Iterator[tuple[float, ...]]:
    return zip(page.target, page.output, page.new_output, page.error, page.new_error, strict=True)


def nearer_but_worse(page: Page, half: float = 0.0) -> bool:
    """Whether an output comes nearer and is charged more, or goes away and is charged less.

    ``half``: by how much each printed number may be off.
    """
    for target, output, new, error, new_error in _outputs(page):
        farther, dearer = abs(new - target) - abs(output - target), new_error - error
        opposite = farther * dearer < 0 and min(abs(farther), abs(dearer)) > 2 * half
        if (output - target) * (new - target) > 0 and opposite:
            return True
    return False


def _nearer_mistakes(page: Page) -> Mistakes:
    d, new_d = np.abs(page.output - page.target), np.abs(page.new_output - page.target)
    stays = (page.output - page.target) * (page.new_output - page.target) > 0
    e, new_e = page.error, page.new_error
    opposite = (new_d - d) * (new_e - e) < 0
    nearer_dearer, farther_cheaper = (new_d < d) & (new_e > e), (new_d > d) & (new_e < e)
    not_cheaper = ((new_d < d) & (new_e >= e)) | ((new_d > d) & (new_e <= e))
    not_farther = ((new_d <= d) & (new_e > e)) | ((new_d >= d) & (new_e < e))
    squares = np.maximum(abs(d**2 / 2 - e), abs(new_d**2 / 2 - new_e)) > HALF
    wrong = {
        "outputs that jump over their target are judged too: their new side may have other prices": opposite,
        "an error that prints the same counts as one that went the wrong way": stays & not_cheaper,
        "an output that prints the same counts as one that moved": stays & not_farther,
        "what prints the same counts as farther or dearer": stays & ((new_d < d) != (new_e < e)),
        "only outputs that come nearer are looked at: what goes away must not get cheaper": stays
        & nearer_dearer,
        "only outputs that go away are looked at: what comes nearer must not get dearer": stays
        & farther_cheaper,
        "every error that goes up convicts, though its output may have gone away": new_e > e,
        "it convicts outputs that come nearer and get cheaper, which is how it should be": (
            stays & ((new_d - d) * (new_e - e) > 0)
        ),
        "the errors are compared with half squares, but the author may use another loss": squares,
        "an output that prints exactly on its target is judged, but it may lie on either side": (
            ((page.output - page.target) * (page.new_output - page.target) >= 0) & opposite
        ),
        "outputs are compared, and not their distances from the targets": (
            (page.new_output - page.output) * (new_e - e) < 0
        ),
    }
    return {clause: bool(found.any()) for clause, found in wrong.items()} | {
        "it answers after the first output: return False after the loop": bool((stays & opposite)[0]),
        "all outputs have to be wrong before it convicts, but one is enough": bool((stays & opposite).all()),
        "it always convicts": True,
        "it never convicts": False,
    }


def _made(*outputs: tuple[float, ...]) -> Page:
    """A page of ``(target, output, new output, error, new error)``, one for each output."""
    t, o, new, e, new_e = np.array(outputs).T
    return Page(t, o, e, new, new_e)


def _nearer_cases() -> list[tuple[Page]]:
    fine = (0.9, 0.7, 0.75, 0.020, 0.011)  # half squares, nearer and cheaper
    return [
        (trial.published(),),
        (_made(fine, (0.2, 0.4, 0.45, 0.02, 0.031)),),
        (_made((0.5, 0.42, 0.61, 0.305, 0.2), fine),),  # jumps, farther and cheaper
        (_made(fine, (0.3, 0.25, 0.34, 0.1, 0.15), fine, fine),),  # jumps, nearer and dearer
        (_made((0.8, 0.712, 0.716, 0.004, 0.004), fine),),
        (_made((0.8, 0.712, 0.712, 0.034, 0.03), fine),),
        (_made((0.8, 0.712, 0.712, 0.03, 0.034)),),
        (_made(fine, (0.1, 0.4, 0.45, 0.05, 0.04)),),
        (_made(fine, (0.6, 0.9, 0.85, 0.05, 0.06), fine),),
        (_made((0.6, 0.3, 0.35, 0.05, 0.06), fine),),
        (_made((0.6, 0.3, 0.25, 0.06, 0.05), (0.1, 0.4, 0.35, 0.04, 0.05)),),
        (_made((0.6, 0.3, 0.25, 0.045, 0.061)),),
        (_made((0.8, 0.9, 0.8, 0.02, 0.03), fine),),  # prints on its target: either side is possible
        (_made((0.3, 0.25, 0.34, 0.1, 0.15), fine, (0.2, 0.4, 0.45, 0.03, 0.02)),),  # jumps, then a wrong one
    ]


# --- Exercise 20.2: farther, yet it pays less ---------------------------------------------------------


def farther_pays_less(page: Page) -> bool:
    """Whether, of two rows with one target and outputs on one side of it, the farther is charged less."""
    return _rows(page)


def _rows(page: Page, *, target: bool = True, side: bool = True, strict: bool = True) -> bool:
    return any(
        (not target or t == other_t)
        and (not side or (o - t) * (other_o - other_t) > 0)
        and abs(o - t) > abs(other_o - other_t)
        and (e < other_e if strict else e <= other_e)
        for (t, o, e), (other_t, other_o, other_e) in itertools.product(page.rows, repeat=2)
    )


def _rows_mistakes(page: Page) -> Mistakes:
    moments = ((page.output, page.error), (page.new_output, page.new_error))
    apart = [Page(page.target, output, error, output, error) for output, error in moments]
    (t, o, e), pairs = page.rows[0], list(itertools.product(page.rows, repeat=2))
    from_first = any(
        t == target and (o - t) * (output - t) > 0 and abs(o - t) > abs(output - t) and e < error
        for target, output, error in page.rows
    )
    signed = any(
        one[0] == two[0] and one[1] - one[0] > two[1] - two[0] and one[2] < two[2] for one, two in pairs
    )
    return {
        "nothing is repaired yet: rows with different targets are compared": _rows(
            page, target=False, side=False
        ),
        "rows with different targets are still compared": _rows(page, target=False),
        "outputs on different sides of their target are still compared": _rows(page, side=False),
        "two errors that print the same convict": _rows(page, strict=False),
        "`farther` has lost its abs, so only outputs above their targets are farther": signed,
        "an output is compared only with itself, but another may have the same target": nearer_but_worse(
            page
        ),
        "rows before the step are not compared with rows after it": any(map(_rows, apart)),
        "the rows after the step are left out": _rows(apart[0]),
        "it answers after the first row: return False after both loops": from_first,
        "it always convicts": True,
        "it never convicts": False,
    }


def _rows_cases() -> list[tuple[Page]]:
    return [
        (trial.published(),),
        (_made((0.5, 0.467, 0.47, 0.695, 0.694), (0.9, 0.644, 0.659, 0.5, 0.483)),),  # cross-entropy, right
        (_made((0.8, 0.75, 0.76, 0.05, 0.04), (0.1, 0.22, 0.21, 0.03, 0.02)),),
        (_made((0.9, 0.8, 0.82, 0.36, 0.35), (0.9, 0.96, 0.95, 0.45, 0.41)),),  # each side has its prices
        (_made((0.5, 0.4, 0.41, 0.69, 0.69), (0.5, 0.45, 0.46, 0.69, 0.69)),),
        (_made((0.2, 0.5, 0.4, 0.09, 0.04), (0.2, 0.6, 0.45, 0.08, 0.06)),),  # two outputs with one target
        (_made((0.7, 0.9, 0.8, 0.04, 0.01), (0.2, 0.6, 0.5, 0.16, 0.09), (0.2, 0.45, 0.4, 0.2, 0.1)),),
        (_made((0.2, 0.5, 0.4, 0.09, 0.04), (0.9, 0.3, 0.4, 0.36, 0.25), (0.9, 0.5, 0.6, 0.16, 0.3)),),
        (_made((0.9, 0.3, 0.2, 0.36, 0.3), (0.9, 0.5, 0.4, 0.16, 0.25)),),
        (_made((0.9, 0.2, 0.15, 0.5, 0.6), (0.9, 0.6, 0.5, 0.1, 0.2)),),
        (_made((0.4, 0.9, 0.8, 0.25, 0.16), (0.4, 0.7, 0.6, 0.09, 0.3), (0.4, 0.5, 0.45, 0.2, 0.1)),),
        (_made((0.7, 0.9, 0.8, 0.04, 0.01), (0.3, 0.35, 0.5, 0.1, 0.05)),),
    ]


# --- Exercise 20.3: one rate for three numbers --------------------------------------------------------


def rates_allowed(change: float, update: float, half: float = HALF) -> tuple[float, float]:
    """The rates by which an update gives a change, where each printed number may be off by ``half``."""
    if abs(update) <= half:
        return -np.inf, np.inf
    rates = [(change + a) / (update + b) for a in (-2 * half, 2 * half) for b in (-half, half)]
    return min(rates), max(rates)


def one_rate_fits(changes: Array, updates: Array, half: float = HALF) -> bool:
    """Whether there is a rate that takes every update to its change."""
    lows, highs = zip(
        *(rates_allowed(c, u, half) for c, u in zip(changes, updates, strict=True)), strict=True
    )
    return max(lows) <= min(highs)


def one_rate(page: Page, half: float = HALF) -> bool:
    """Whether the changes of some layer fit no column of updates."""
    return any(not any(one_rate_fits(c, u, half) for u in page.updates) for c in page.changes)


def delta_times_output(page: Page, half: float = HALF) -> bool:
    """Whether the last layer's changes are no delta times output, in any of the three layouts."""
    changes, up = page.changes[2], page.target - page.output
    seen = np.where(abs(changes) <= 2 * half - 1e-12, 0, changes)  # what is seen to move has the right sign
    one_output = np.all(seen * up >= 0) or np.all(seen * up <= 0)
    diagonal = np.all(seen * up * page.hidden >= 0)
    return not (one_rate_fits(changes, page.hidden, half) or one_output or diagonal)


def _rate_mistakes(changes: Array, updates: Array) -> Mistakes:
    bounds = [rates_allowed(c, u) for c, u in zip(changes, updates, strict=True)]
    lows, highs = (np.array(ends) for ends in zip(*bounds, strict=True))
    with np.errstate(all="ignore"):
        ratios = changes / updates
    neighbours = itertools.pairwise(bounds)
    return {
        "the ratios have to be the same to the last digit: printed numbers were rounded": bool(
            np.ptp(ratios) < 1e-9
        ),
        "the rate is taken to be 0.5, or -0.5, but the page does not say it": any(
            np.all((lows <= rate) & (rate <= highs)) for rate in (0.5, -0.5)
        ),
        "only positive rates are allowed, but the author may call the gradient an update": bool(
            max(0, lows.max()) <= highs.min()
        ),
        "each number may have a rate of its own: keep the rates that all of them allow": True,
        "only neighbours are compared: the first and the last may have no rate in common": all(
            max(a[0], b[0]) <= min(a[1], b[1]) for a, b in neighbours
        ),
        "only the first and the last are compared": bool(max(lows[0], lows[-1]) <= min(highs[0], highs[-1])),
        "only the signs are compared": bool(np.all(changes * updates >= 0) or np.all(changes * updates <= 0)),
        "max and min are exchanged, so the interval grows in place of shrinking": bool(
            lows.min() <= highs.max() and np.isinf(lows.min())
        ),
        "the answer is turned round: it says True where no rate fits": not one_rate_fits(changes, updates),
        "it answers inside the loop, after the first number or two": bool(max(lows[:2]) <= min(highs[:2])),
    }


def _rate_cases() -> list[tuple[Array, Array]]:
    page = trial.published()
    rounded = np.round(np.array([0.0123, -0.0456, 0.0789, 0.02]), 3)
    return [
        (page.changes[2], page.updates[0]),
        (np.round(-0.37 * np.array([0.0123, -0.0456, 0.0789, 0.02]), 3), rounded),
        (np.round(0.37 * np.array([0.0123, -0.0456, 0.0789, 0.02]), 3), rounded),
        (np.array([0.1, 0.2]), np.array([0.2, 0.4])),
        (np.array([0.1, -0.2]), np.array([-0.2, 0.4])),
        (np.array([-0.03, 0.06, -0.09, 0.12]), np.array([0.1, -0.2, 0.3, -0.4])),
        (np.array([0.010, 0.013, 0.016]), np.array([0.004, 0.004, 0.004])),  # a chain: ends too far apart
        (np.array([0.05, 0.05]), np.array([0.1, -0.1])),
        (np.array([0.03, 0.01, 0.03]), np.array([0.1, 0.1, 0.1])),  # ends agree, the middle does not
        (np.array([0.02, 0.02, 0.05]), np.array([0.05, 0.05, 0.05])),
        (np.array([0.04, 0.07]), np.array([0.0, 0.1])),
        (np.array([0.03, 0.05]), np.array([0.1, 0.1])),
        (np.array([0.01, 0.02, 0.03]), np.array([0.11, 0.12, 0.13])),  # on a line, which misses 0
    ]


EXERCISES = {
    "20.1": Exercise(nearer_but_worse, _nearer_mistakes, cases=_nearer_cases),
    "20.2": Exercise(farther_pays_less, _rows_mistakes, cases=_rows_cases),
    "20.3": Exercise(one_rate_fits, _rate_mistakes, cases=_rate_cases),
}

PREDICTIONS = {
    "20.A": Prediction(
        "Whatever loss charges an output for missing its target, which outputs have impossible errors?",
        ("output 3 alone", "outputs 2 and 3", "all three"),
        answer="outputs 2 and 3",
        explain="'All three' is tempting, because outputs 1 and 3 miss by the same amount and output 1 is "
        "charged twelve times as much. But their targets differ, and a loss may charge more for one of them.",
    ),
    "20.B": Prediction(
        "Which right pages does this argument convict?",
        ("none", "some with a large rate", "some with a large rate, and some with another loss"),
        answer="some with a large rate, and some with another loss",
        explain="'None' is tempting, because a small step downhill lowers the loss. But a long one can pass "
        "over the valley. And the author's loss need not be the squared error, so that one may rise.",
    ),
    "20.C": Prediction(
        "How many of these 21 numbers are wrong?",
        ("none", "one", "five"),
        answer="one",
        explain="'None' is tempting, because so many people have worked through that page.",
    ),
}

# --- Arguments that tempt -----------------------------------------------------------------------------


def _distances(page: Page) -> tuple[Array, Array]:
    return np.abs(page.output - page.target), np.abs(page.new_output - page.target)


def _same_distance(page: Page) -> bool:
    rows = itertools.combinations(zip(_distances(page)[0], page.error, strict=True), 2)
    return any(abs(d - other_d) < 1e-9 and abs(e - other_e) > 0.002 for (d, e), (other_d, other_e) in rows)


def _not_squares(page: Page) -> bool:
    squares = (page.output - page.target) ** 2
    return bool((np.minimum(abs(squares - page.error), abs(squares / 2 - page.error)) > 3 * HALF).any())


#: Each convicts the published page, and right ones too.
TEMPTING: dict[str, Callable[[Page], bool]] = {
    "an output at the same distance is charged more": _same_distance,
    "nearer and charged more, side ignored": lambda page: _nearer(page, side=False),
    "the squared error rises": lambda page: bool(np.greater(*(d @ d for d in _distances(page)[::-1]))),
    "the farthest output is not charged most": lambda page: bool(
        page.error[_distances(page)[0].argmax()] < page.error.max()
    ),
    "nearer and not charged less": lambda page: _nearer(page, strict=False),
    "an error rises": lambda page: bool((page.new_error > page.error).any()),
    "the weights of a column move both ways": lambda page: any(
        np.ptp(np.sign(c[c != 0])) > 0 for c in page.changes if c.any()
    ),
    "an error is no square and no half square": _not_squares,
    "a rate of 0.5 doesn't give the new weights": lambda page: (
        not any((abs(page.changes[2] + 0.5 * u) < 0.002).all() for u in page.updates)
    ),
}


def _nearer(page: Page, *, side: bool = True, strict: bool = True) -> bool:
    d, new_d = _distances(page)
    stays = (page.output - page.target) * (page.new_output - page.target) > 0
    worse = page.new_error > page.error if strict else page.new_error >= page.error
    return bool(((new_d < d) & worse & (stays | (not side))).any())


# --- Published pages, as they are printed ------------------------------------------------------------------

MAZUR: dict[str, Any] = {
    "x": ["0.05", "0.10"],
    "target": ["0.01", "0.99"],
    "W": [[["0.15", "0.20"], ["0.25", "0.30"]], [["0.40", "0.45"], ["0.50", "0.55"]]],
    "b": [["0.35", "0.35"], ["0.60", "0.60"]],
    "lr": 0.5,
}
MAZUR_PRINTED: dict[str, Any] = {
    "z1": ["0.3775", None],
    "a1": ["0.593269992", "0.596884378"],
    "z2": ["1.105905967", None],
    "a2": ["0.75136507", "0.772928465"],
    "errors": ["0.274811083", "0.023560026"],
    "loss": "0.298371109",
    "dz2": ["0.138498562", None],
    "dW2": [["0.082167041", None], [None, None]],
    "dW1": [["0.000438568", None], [None, None]],
    "W2 new": [["0.35891648", "0.408666186"], ["0.511301270", "0.561370121"]],
    "W1 new": [["0.149780716", "0.19956143"], ["0.24975114", "0.29950229"]],
    "loss after": "0.291027924",
}
XOR: dict[str, Any] = {
    "x": ["0", "1", "1"],
    "W": [
        [["0.351", "1.076", "1.116"], ["-0.097", "-0.165", "0.542"], ["0.457", "-0.165", "-0.331"]],
        [["0.383", "-0.327", "-0.329"]],
    ],
}
XOR_PRINTED: dict[str, Any] = {"a1": ["0.899", "0.593", "0.378"], "a2": ["0.506"]}

# --- The pictures -------------------------------------------------------------------------------------

OUTPUTS = (
    "Three number lines from 0 to 1 with target, output and the way it goes in the step. Output 1, target"
    " 0.9: goes from 0.800 to 0.804, error 0.428 to 0.313. Output 2, target 0.1: goes from 0.650 to 0.658,"
    " error 0.029 to 0.027. Output 3, target 0.8: goes from 0.900 to 0.894, in thousandths from 900 to 894,"
    " error 0.034 to 0.084."
)

CONVICTED = (
    "Bars: how many of 200 right pages nine arguments convict. An output at the same distance is charged"
    " more: 4. Nearer and charged more, side ignored: 4. The squared error rises: 5. The farthest output is"
    " not charged most: 16. Nearer and not charged less: 27. An error rises: 38. The weights of a column move"
    " both ways: 87. An error is no square and no half square: 103. A rate of 0.5 doesn't give the new"
    " weights: 164."
)
RIGHT = (
    "Three number lines of a right page. Output 1, target 0.9: goes from 0.612 to 0.622, error 0.041 to"
    " 0.039. Output 2, target 0.1: goes from 0.584 to 0.565, error 0.117 to 0.108. Output 3, target 0.8: goes"
    " from 0.394 to 0.409, error 0.083 to 0.076."
)


def draw_outputs(page: Page, title: str) -> Figure:
    """A number line for each output: target, output, the way it goes (ten times as long), both errors."""
    fig = plots.new_figure(7.4, 3.4)
    axes = fig.subplots(len(page.target), 1, sharex=True)
    for k, (ax, (target, output, new, error, new_error)) in enumerate(zip(axes, _outputs(page), strict=True)):
        ax.axhline(0, color=plots.LIGHT, lw=1)
        ax.plot(target, 0, "D", color=plots.TARGET, ms=9)
        ax.plot(output, 0, "o", color=plots.FORWARD, ms=8)
        ax.annotate("", (output + 10 * (new - output), 0), (output, 0),
                    arrowprops={"arrowstyle": "-|>", "color": plots.FORWARD, "lw": 2})  # fmt: skip
        ax.text(target, 0.4, "target", color=plots.TARGET, ha="center", fontsize=9)
        ax.text(output, -0.95, f"output {k + 1}", color=plots.FORWARD, ha="center", fontsize=9)
        ax.text(
            1.03, 0, f"output {output:.3f} to {new:.3f}\nerror  {error:.3f} to {new_error:.3f}", va="center"
        )
        ax.set(xlim=(0, 1), ylim=(-1.2, 1.2), yticks=[])
        ax.grid(False)
        ax.spines["left"].set_visible(False)
        if k < len(axes) - 1:
            ax.spines["bottom"].set_visible(False)
            ax.tick_params(bottom=False)
    plots.titled(fig, title)
    return fig


def draw_convicted(counts: dict[str, int], of: int, title: str) -> Figure:
    """How many right pages each argument convicts."""
    fig = plots.new_figure(7.4, 0.7 + 0.3 * len(counts))
    ax = fig.subplots()
    for k, count in enumerate(reversed(counts.values())):
        ax.barh(k, count, color=plots.BACKWARD)
        ax.text(count + 2, k, str(count), va="center", color=plots.BACKWARD)
    ax.set(yticks=range(len(counts)), xlim=(0, of), xlabel=f"convicted, of {of} right pages")
    plots.titled(fig, title)
    ax.set_yticklabels(list(counts)[::-1])
    ax.grid(False)
    return fig


# --- The widget: which rates three numbers allow


def _allowed(column: int, half: float) -> tuple[Array, Array, list[tuple[float, float]]]:
    page = trial.published()
    changes, updates = page.changes[2], page.updates[column - 1]
    return changes, updates, [rates_allowed(c, u, half) for c, u in zip(changes, updates, strict=True)]


def _common(bounds: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    return (low, high) if low <= high else None


def draw_rates(fig: Figure, half: float, column: int) -> None:
    """The rates that each pair of a change and an update allows, one bar a pair."""
    changes, updates, bounds = _allowed(column, half)
    ax, common = fig.subplots(), _common(bounds)
    reach = 1.15 * max([abs(end) for pair in bounds for end in pair if np.isfinite(end)] or [1.0])
    for k, (low, high) in enumerate(bounds):
        low, high = max(low, -reach), min(high, reach)
        ax.barh(2 - k, high - low, left=low, height=0.5, color=plots.UPDATE, alpha=0.75)
    if common is not None:
        ax.axvspan(*common, color=plots.FORWARD, alpha=0.25, lw=0)
    ax.axvline(0, color=plots.GREY, lw=0.8)
    labels = [f"change {c:+.3f}, update {u:.3f}" for c, u in zip(changes, updates, strict=True)]
    ax.set(yticks=[2, 1, 0], yticklabels=labels, xlim=(-reach, reach), ylim=(-0.6, 2.6), xlabel="rate")
    ax.set_title(
        "No rate is in all three bars" if common is None else "The shaded rates are in all three bars"
    )


def describe_rates(half: float, column: int) -> str:
    """The picture in words."""
    changes, updates, bounds = _allowed(column, half)
    each = "; ".join(
        f"change {c:+.3f} and update {u:.3f} allow {_range(*pair)}"
        for c, u, pair in zip(changes, updates, bounds, strict=True)
    )
    common = _common(bounds)
    end = "No rate is allowed by all three." if common is None else f"All three allow {_range(*common)}."
    return f"Each printed number may be off by {half:g}: {each}. {end}"


def _range(low: float, high: float) -> str:
    return f"rates from {low:.2f} to {high:.2f}" if np.isfinite(low) else "every rate"


# --- How much doubt the arguments bear

ARGUMENTS: dict[str, Callable[[Page, float], bool]] = {
    "nearer, yet charged more": nearer_but_worse,
    "one step, one rate": one_rate,
    "delta times output": delta_times_output,
}


def bears(argument: Callable[[Page, float], bool]) -> float:
    """How far off each printed number may be, in steps of 0.0001, with the argument still convicting."""
    page, steps = trial.published(), np.arange(1, 50) / 10_000
    return float(next(half for half in steps if not argument(page, half + 1.0001e-4)))


# --- The deeper page on arguments with an if

LAYOUTS = {"as the page hints": trial.LAYOUTS, "any three weights": ("any three",),
           "updates of other weights": ("updates of others",)}  # fmt: skip
SPREAD = (
    "Two rows of ten dots, the test accuracy after one and after two passes over the digits. After one they"
    " lie between 0.78 and 0.88, after two between 0.88 and 0.94. A line marks the printed 0.92."
)


def draw_accuracies(accuracies: dict[int, Sequence[float]], printed: float) -> Figure:
    """The accuracies of all starts after each number of passes, and the printed one."""
    fig = plots.new_figure(6.4, 2.2)
    ax = fig.subplots()
    for row, values in enumerate(accuracies.values()):
        ax.plot(values, [-row] * len(values), "o", color=plots.FORWARD, alpha=0.6)
    ax.axvline(printed, color=plots.BACKWARD, ls="--", lw=1.2)
    ax.text(printed, 0.45, f" printed: {printed:g}", color=plots.BACKWARD)
    ax.set(
        yticks=[-row for row in range(len(accuracies))],
        ylim=(-1.4, 0.8),
        xlabel="test accuracy of ten starts",
    )
    ax.set_yticklabels([f"after {passes} pass{'es' * (passes > 1)}" for passes in accuracies])
    ax.grid(False)
    plots.titled(fig, "No start reaches the printed accuracy in one pass")
    return fig


# --- For the deeper page on the audit: right examples, and one error at a time


def as_texts(values: Any, decimals: int) -> Any:
    """Numbers as they are printed, in lists of the same shape."""
    return np.vectorize(lambda value: f"{value:.{decimals}f}", otypes=[object])(values).tolist()


def right_example(
    rng: np.random.Generator,
    activation: str = "sigmoid",
    loss: str = "half squares",
    lr: float = 0.5,
    biases_move: bool = False,
) -> tuple[dict[str, Any], dict[str, Array]]:
    """What a right 2-3-2 example gives, as texts, and by the course's layers all numbers of an iteration."""
    x, target = rng.random(2).round(2), rng.random(2).round(2)
    weights = [rng.normal(size=shape).round(2) for shape in ((3, 2), (2, 3))]
    biases = [rng.normal(size=length).round(2) for length in (3, 2)]
    W, b = ([as_texts(values, 2) for values in arrays] for arrays in (weights, biases))
    given = {"x": as_texts(x, 2), "target": as_texts(target, 2), "W": W, "b": b, "loss": loss, "lr": lr,
             "activation": [activation, "sigmoid"], "biases_move": biases_move}  # fmt: skip
    layers = [nn.Linear(2, 3, rng=rng), nn.Linear(3, 2, rng=rng)]
    net = nn.Sequential(layers[0], trial.ACTIVATIONS[activation](), layers[1], nn.Sigmoid())
    for p, values in zip(net.parameters(), (weights[0], biases[0], weights[1], biases[1]), strict=True):
        p.data = values
    price, slope = trial.LOSSES[loss]

    found: dict[str, Any] = {}
    a: Array = x[None]
    for name, layer in zip(("z1", "a1", "z2", "a2"), net.layers, strict=True):
        a = layer(a)
        found[name] = a[0]
    found["errors"] = price(a[0], target)
    found["loss"] = found["errors"].sum()
    back = slope(a, target)
    for name, layer in zip(("dz2", "dW2", "dz1", "dW1"), net.layers[::-1], strict=True):
        back = layer.backward(back)
        found[name] = layer.W.grad.copy() if isinstance(layer, nn.Linear) else back[0]
    for p in net.parameters():
        if p.name.startswith("W") or biases_move:
            p.data = p.data - lr * p.grad
    found |= {"W2 new": layers[1].W.data, "W1 new": layers[0].W.data, "output after": net(x[None])[0]}
    found["loss after"] = price(found["output after"], target).sum()
    return given, found


def with_an_error(
    numbers: dict[str, Array], decimals: int, rng: np.random.Generator
) -> tuple[dict[str, Any], str]:
    """One of the numbers off by 3 in some decimal, as a text, and how the audit calls it."""
    name = str(rng.choice(list(numbers)))
    values = np.array(numbers[name])
    at = tuple(int(rng.integers(length)) for length in values.shape)
    values[at] += rng.choice([-1, 1]) * 3 * 10.0 ** -int(rng.integers(1, decimals + 1))
    head, space, rest = name.partition(" ")
    place = "_" * bool(at) + "".join(str(i + 1) for i in at)
    return {name: as_texts(values, decimals)}, head + place + space + rest
