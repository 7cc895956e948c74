"""Exercises, predictions and pictures of lesson 19."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bphelpers.numeric import Array
from bphelpers.teaching import plots, results
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

# --- Exercise 19.1: one mean out of several -----------------------------------------------------------


def combine(means: Array, counts: Array) -> Array:
    """The mean over all examples, out of the workers' means and how many examples each of them had."""
    return np.average(means, axis=0, weights=counts)


def _combine_mistakes(means: Array, counts: Array) -> Mistakes:
    weighted, p = counts[:, None] * means, len(counts)
    return {
        "every worker counts the same, however many examples it has: that is the mean of the means": (
            means.mean(axis=0)
        ),
        "the means are added up and not divided": means.sum(axis=0),
        "each mean is multiplied by its count, but then divided by the number of workers": weighted.sum(0)
        / p,
        "each mean is multiplied by its count, but nothing is divided": weighted.sum(axis=0),
        "you divide by the number of examples, but add up the means instead of the sums": (
            means.sum(axis=0) / counts.sum()
        ),
        "each mean is divided by its count: the worker had divided already": (means / counts[:, None]).sum(0),
        "only the last worker counts: use +=, because = overwrites": weighted[-1] / counts[-1],
        "only the last worker's sum counts, but all the examples": weighted[-1] / counts.sum(),
        "only the first worker counts: does the return stand inside the loop?": means[0],
    }


def _combine_cases() -> list[tuple[Array, ...]]:
    rng = np.random.default_rng(191)
    return [
        (rng.normal(size=(len(counts), d)), np.array(counts)) for counts, d in (([1, 6, 3], 4), ([5, 2], 3))
    ]


# --- Exercise 19.2: one update out of many reports ----------------------------------------------------

Reports = Sequence[tuple[Array, int]]


def update(theta: Array, reports: Reports, lr: float) -> Array:
    """The weights after one step down, out of each chunk's sum of gradients and number of examples."""
    total, count = reports[0]
    for gradient, n in reports[1:]:
        total, count = total + gradient, count + n
    return theta - theta.dtype.type(lr) * (total / theta.dtype.type(count))


def _update_mistakes(theta: Array, reports: Reports, lr: float) -> Mistakes:
    sums, counts = np.array([g for g, _ in reports]), np.array([n for _, n in reports])
    means, total, count = sums / counts[:, None], sums.sum(axis=0), counts.sum()
    running = np.cumsum(sums, axis=0) / np.cumsum(counts)[:, None]
    return {
        "every chunk counts the same: the mean of the chunks' means": theta - lr * means.mean(axis=0),
        "every chunk makes a step of its own: you add up the chunks' means": theta - lr * means.sum(axis=0),
        "you divide by the number of chunks: divide by the number of examples": theta
        - lr * total / len(counts),
        "nothing is divided: the step needs the mean over the examples": theta - lr * total,
        "only the last chunk counts: use +=, because = overwrites": theta - lr * means[-1],
        "only the last chunk's sum counts, but all the examples": theta - lr * sums[-1] / count,
        "all sums are added up, but only the last chunk's examples counted": theta - lr * total / counts[-1],
        "only the first chunk counts: does the return stand inside the loop?": theta - lr * means[0],
        "the update stands inside the loop: first add up all, then make one step": theta
        - lr * running.sum(0),
        "you step uphill: the gradient has to be subtracted": theta + lr * total / count,
        "the mean gradient is returned: make the step with it": total / count,
        "the rate is left out": theta - total / count,
    }


def _update_cases() -> list[tuple[Array, list[tuple[Array, int]], float]]:
    rng = np.random.default_rng(192)
    return [
        (rng.normal(size=d), [(rng.normal(size=d), n) for n in counts], lr)
        for d, counts, lr in ((4, (2, 5, 3), 0.1), (3, (7, 4), 0.5))
    ]


# --- Exercise 19.3: what was not kept, once more ------------------------------------------------------

Kept = dict[int, Array]


def recompute(kept: Kept, Ws: Sequence[Array], start: int, end: int) -> list[Array]:
    """The activations from layer ``start``, which was kept, to layer ``end``."""
    a = [kept[start]]
    for W in Ws[start:end]:
        a.append(np.tanh(a[-1] @ W.T))
    return a


def _recompute_mistakes(kept: Kept, Ws: Sequence[Array], start: int, end: int) -> Mistakes:
    linear = [kept[start]]
    for W in Ws[start:end]:
        linear.append(linear[-1] @ W.T)
    return {
        "tanh is forgotten": linear,
        "the weights are counted from 0 again: the first of this stretch is Ws[start]": (
            recompute({0: kept[start]}, Ws, 0, end - start)
        ),
        "you start from the input of the network, kept[0]: start from kept[start]": (
            recompute({start: kept[0]}, Ws, start, end)
        ),
        "one layer is missing at the end": recompute(kept, Ws, start, end - 1),
        "kept[start] is left out of the list: the way back needs it too": recompute(kept, Ws, start, end)[1:],
        "you multiply by W instead of W.T": recompute(kept, [W.T for W in Ws], start, end),
        "every layer starts from kept[start]: it should start from the one before, a[-1]": (
            [kept[start], *(np.tanh(kept[start] @ W.T) for W in Ws[start:end])]
        ),
        "every layer uses the weights of the first, Ws[start]": (
            recompute(kept, [Ws[start]] * len(Ws), start, end)
        ),
    }


def _recompute_cases() -> list[tuple[Kept, list[Array], int, int]]:
    rng = np.random.default_rng(193)
    Ws: list[Array] = [rng.normal(size=(3, 3)) for _ in range(7)]
    a = recompute({0: rng.normal(size=(2, 3))}, Ws, 0, 7)
    kept = {layer: a[layer] for layer in (0, 3, 6)}
    return [(kept, Ws, 3, 6), (kept, Ws, 0, 3), (kept, Ws, 6, 7)]


EXERCISES = {
    "19.1": Exercise(combine, _combine_mistakes, cases=_combine_cases),
    "19.2": Exercise(update, _update_mistakes, cases=_update_cases),
    "19.3": Exercise(recompute, _recompute_mistakes, cases=_recompute_cases),
}

PREDICTIONS = {
    "19.A": Prediction(
        "Worker A has the first 100 of 1,000 images sorted by digit, worker B the other 900. How far is the "
        "mean of their means from the gradient?",
        ("by a tenth of its length", "by half its length", "by more than its length"),
        answer="by more than its length",
        explain="A tenth of the images is a small part, so a tenth is tempting. But nearly all of these are "
        "zeros, and they get half the vote.",
    ),
    "19.B": Prediction(
        "The eight sums are added up in reverse order. What do the weights look like after five updates?",
        ("the same to the last bit", "different in their last digits", "different from the second digit on"),
        answer="different in their last digits",
        explain="On paper, a sum doesn't depend on the order. But a computer rounds after each addition, "
        "and a rounded sum does depend on it.",
    ),
    "19.C": Prediction(
        "Two workers share every batch of 64 images. How fast is a step, compared with one process?",
        ("nearly twice as fast", "about as fast", "some fifty times slower"),
        answer="some fifty times slower",
        explain="Half the work each sounds like half the time. But one process needs less than half a "
        "millisecond for 64 images, and a message there and back takes longer than that.",
    ),
}

# --- The first screen ---------------------------------------------------------------------------------

SHARES = (
    "Two boxes. Worker A has one example, with gradient 1. Worker B has three, with gradients 5, 2 and 8. If "
    "they send their means, 1 and 5, you get 3, which is wrong. If they send the sums 1 and 15 and the "
    "counts 1 and 3, you get 16 / 4 = 4, which is right."
)


def shares() -> Figure:
    """Four gradients on two workers, and two things that may be sent."""
    fig = plots.new_figure(7.0, 2.9)
    ax = plots.blank_axes(fig, (0, 10), (0, 4.2))
    for x, width, name, slopes in ((0.2, 1.5, "worker A", [1]), (0.2, 3.5, "worker B", [5, 2, 8])):
        y = 2.5 if len(slopes) == 1 else 0.7
        ax.add_patch(Rectangle((x, y), width, 1.3, fill=False, ec=plots.GREY))
        ax.text(x + 0.1, y + 1.05, name, va="center", color=plots.INK, fontsize=9)
        for k, slope in enumerate(slopes):
            ax.text(x + 0.65 + 1.1 * k, y + 0.45, str(slope), ha="center", va="center", fontsize=15,
                    color=plots.BACKWARD)  # fmt: skip
    for x, title, a, b, verdict, colour in (
        (5.0, "means", "1", "5", "(1 + 5) / 2 = 3", plots.GREY),
        (
            8.1,
            "sums and counts",
            "sum 1, count 1",
            "sum 15, count 3",
            "(1 + 15) / (1 + 3) = 4",
            plots.BACKWARD,
        ),
    ):
        ax.text(x, 4.0, title, ha="center", va="center", color=plots.INK)
        ax.text(x, 3.0, a, ha="center", va="center", color=colour, fontsize=13)
        ax.text(x, 1.3, b, ha="center", va="center", color=colour, fontsize=13)
        ax.text(x, 0.2, verdict, ha="center", va="center", color=colour, weight="bold")
    plots.titled(fig, "The mean of 1, 5, 2 and 8 is 4. What should the workers send?")
    return fig


# --- What goes out and what comes back ----------------------------------------------------------------

ROUND_TRIP = (
    "On the left your notebook, which holds theta. On the right two workers, with four chunks of the images "
    "each. Blue arrows carry theta to the workers, orange arrows carry sums and counts back, and it adds "
    "them up in the order of the chunks."
)


def round_trip() -> Figure:
    """One update with two workers."""
    fig = plots.new_figure(7.0, 2.9)
    ax = plots.blank_axes(fig, (0, 10), (0, 4.2))
    ax.add_patch(Rectangle((0.2, 0.2), 2.5, 3.8, fill=False, ec=plots.GREY))
    for y, words, colour in ((3.4, "your notebook", plots.INK), (2.6, "holds theta", plots.FORWARD),
                             (1.3, "adds up\nin the order\nof the chunks", plots.BACKWARD)):  # fmt: skip
        ax.text(1.45, y, words, ha="center", va="center", color=colour)
    for y, name, chunks in ((2.4, "worker", "0  2  4  6"), (0.2, "another worker", "1  3  5  7")):
        ax.add_patch(Rectangle((6.6, y), 3.2, 1.6, fill=False, ec=plots.GREY))
        ax.text(8.2, y + 1.15, name, ha="center", va="center", color=plots.INK)
        ax.text(8.2, y + 0.5, f"chunks {chunks}", ha="center", va="center", color=plots.INK)
        for begin, end, height, words, colour in (
            (2.7, 6.6, y + 1.1, "theta", plots.FORWARD),
            (6.6, 2.7, y + 0.4, "sums and counts", plots.BACKWARD),
        ):
            arrow = {"arrowstyle": "-|>", "lw": 1.6, "color": colour}
            ax.annotate("", (end, height), (begin, height), arrowprops=arrow)
            ax.text(4.65, height + 0.2, words, ha="center", va="center", color=colour, fontsize=9)
    plots.titled(fig, "The weights go out, sums come back, and the images stay put")
    return fig


# --- What it costs ------------------------------------------------------------------------------------

_CURVES = (
    ("one process", "one process", "o-", plots.FORWARD),
    ("two workers", "two workers,\nboth cores free", "s-", plots.BACKWARD),
    ("two workers, one core busy", "two workers,\none core busy", "^:", plots.GREY),
)
TIMES = (
    "Milliseconds a step over the number of images in a batch, both on logarithmic axes. One process needs "
    "0.3 for 64 images and about 300 for 60,000. Two workers need about 18 up to 1,024 images. With both "
    "cores free they are ahead from about 16,000 images on, and at 60,000 need about 190. With one core busy "
    "they never are."
)


def step_times() -> dict[str, tuple[Array, Array, Array]]:
    """By name: numbers of images in a batch, and the lowest and highest milliseconds that a step took."""
    rows = results.scaling()["milliseconds"]
    return {
        name: (np.array([int(batch) for batch in row]), *np.array(list(row.values()), float).T)
        for name, row in rows.items()
    }


def draw_times() -> Figure:
    """The stored times of a step, from the lowest to the highest that was measured."""
    fig = plots.new_figure(7.0, 3.8)
    ax = fig.subplots()
    times = step_times()
    for name, words, style, colour in _CURVES:
        batch, low, high = times[name]
        ax.fill_between(batch, low, high, color=colour, alpha=0.2, lw=0)
        ax.plot(batch, np.sqrt(low * high), style, color=colour, lw=1.6)
        at = {"one process": (1, (6, -12)), "two workers": (0, (0, -30))}.get(name, (2, (-60, 22)))
        ax.annotate(words, (batch[at[0]], np.sqrt(low * high)[at[0]]), at[1], textcoords="offset points",
                    color=colour, fontsize=9)  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="images in a batch", ylabel="milliseconds a step",
           title="Two workers win on large batches, if nothing else is running")  # fmt: skip
    ax.set_xticks([64, 256, 1024, 4096, 16384, 60000], ["64", "256", "1,024", "4,096", "16,384", "60,000"])
    ax.set_yticks([1, 10, 100], ["1", "10", "100"])
    ax.minorticks_off()
    return fig


# --- What is kept -------------------------------------------------------------------------------------

LAYERS = 64


def held(every: int, layers: int = LAYERS) -> int:
    """How many activations are in memory at once, at most, if each ``every``-th is kept."""
    starts = range(0, layers, every)
    most, end = 0, layers
    for number, start in reversed(list(enumerate(starts, start=1))):
        most, end = max(most, number + end - start), start
    return most


def draw_kept(fig: Figure, every: int) -> None:
    """Which of 64 layers are in memory when the way back begins, and how many for each spacing."""
    strip, curve = fig.subplots(2, 1, height_ratios=(1, 3))
    last = LAYERS - 1 - (LAYERS - 1) % every
    for layer in range(LAYERS + 1):  # the last is the output
        colour = plots.BACKWARD if layer > last else plots.LIGHT
        colour = plots.FORWARD if layer % every == 0 and layer < LAYERS else colour
        strip.add_patch(Rectangle((layer + 0.08, 0), 0.84, 1, color=colour, lw=0))
    strip.set(xlim=(0, LAYERS + 1), ylim=(-0.1, 1.6))
    strip.set_axis_off()
    strip.set_title(f"Keep one in {every}: at most {held(every)} of 65 are in memory" if every > 1
                    else "Keep all: 65 are in memory")  # fmt: skip
    for x, words, colour in ((0, "kept", plots.FORWARD), (7, "computed again", plots.BACKWARD),
                             (23, "not in memory", plots.GREY)):  # fmt: skip
        strip.text(x, 1.2, words, color=colour, fontsize=9)
    spacings = range(1, LAYERS + 1)
    curve.plot(spacings, [held(k) for k in spacings], color=plots.INK, lw=1.4)
    curve.plot(every, held(every), "o", ms=9, color=plots.BACKWARD)
    curve.set(xlim=(0, LAYERS + 1), ylim=(0, 70), xlabel="keep every k-th activation",
              ylabel="in memory at once")  # fmt: skip


def describe_kept(every: int) -> str:
    """The picture in words."""
    if every == 1:
        return "All 64 inputs of layers are kept, and with the last output that makes 65 in memory at once."
    kept = len(range(0, LAYERS, every))
    return (
        f"Of 64 layers' inputs, {kept} {'is' if kept == 1 else 'are'} kept, one in {every}. The way back "
        f"computes the others again, stretch by stretch, and at most {held(every)} are in memory at once."
    )


# --- The deeper page ----------------------------------------------------------------------------------


def ring_times(p: int, numbers: float, latency: float, bytes_a_second: float) -> dict[str, float]:
    """Seconds until ``p`` workers all have the sum of their float32 vectors, by three ways to send them."""
    size, rounds = 4 * numbers, int(np.ceil(np.log2(p)))
    return {
        "star": 2 * latency + 2 * (p - 1) * size / bytes_a_second,
        "tree": 2 * rounds * (latency + size / bytes_a_second),
        "ring": 2 * (p - 1) * latency + 2 * (p - 1) / p * size / bytes_a_second,
    }
