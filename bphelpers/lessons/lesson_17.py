"""Exercises, predictions and pictures of lesson 17."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bphelpers import functional as F
from bphelpers.functional.attention import attention_weights
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

# --- Exercise 17.1: who lies how far from the average -------------------------------------------------------


def _blame_mistakes(dp: Array, p: Array) -> Mistakes:
    weighted = (p * dp).sum(axis=-1, keepdims=True)
    return {
        "the average is not subtracted": p * dp,
        "you subtract the plain mean of dp instead of the average weighted by p": (
            p * (dp - dp.mean(axis=-1, keepdims=True))
        ),
        "the average is taken over all rows at once: each row has its own, axis=-1": p
        * (dp - (p * dp).sum()),
        "the average runs down the columns: a row holds the weights of one answer, axis=-1": (
            p * (dp - (p * dp).sum(axis=-2, keepdims=True))
        ),
        "the distance from the average is not multiplied by the weight p": dp - weighted,
        "you treat each weight as if it depended on its own score alone, p * (1 - p)": p * (1 - p) * dp,
        "the sign is flipped: it should be dp minus the average": p * (weighted - dp),
        "dp is passed on unchanged": dp,
    }


def _blame_cases() -> list[tuple[Array, Array]]:
    rng = np.random.default_rng(17)
    shapes = (1, 3), (4, 3), (2, 3, 5, 5)
    cases = [(rng.normal(size=shape), F.softmax(rng.normal(size=shape))) for shape in shapes]
    return [(np.array([[4.0, 0.0, 8.0]]), np.array([[0.5, 0.25, 0.25]])), *cases]


# --- Exercise 17.2: attention, backwards --------------------------------------------------------------------


def attention_backward(dout: Array, q: Array, k: Array, v: Array, p: Array) -> tuple[Array, Array, Array]:
    """The backward of attention, as the lesson writes it."""
    return F.scaled_dot_product_attention_backward(dout, q, k, v, p=p)


def _turned(array: Array) -> Array:
    return array.swapaxes(-1, -2)


def _attention_mistakes(dout: Array, q: Array, k: Array, v: Array, p: Array) -> Mistakes:
    dq, dk, dv = attention_backward(dout, q, k, v, p)
    scale = np.sqrt(q.shape[-1])
    ds = F.softmax_backward(dout @ _turned(v), p) / scale
    return {
        "neither ds nor p is transposed: nothing is repaired yet": (dq, ds @ q, p @ dout),
        "ds is not transposed in dk: a key adds up over the queries that looked at it": (dq, ds @ q, dv),
        "p is not transposed in dv: a value adds up over the queries that listened to it": (dq, dk, p @ dout),
        "q and k are swapped: dq needs the keys, and dk needs the queries": (ds @ q, _turned(ds) @ k, dv),
        "ds is transposed in dq as well": (_turned(ds) @ k, dk, dv),
        "the division by sqrt(d) is missing from the backward pass": (scale * dq, scale * dk, dv),
        "dv is computed from ds instead of p": (dq, dk, _turned(ds) @ dout),
    }


def _attention_cases() -> list[tuple[Array, ...]]:
    rng = np.random.default_rng(18)
    cases: list[tuple[Array, ...]] = []
    for lead, t, d, is_causal in (((), 4, 3, True), ((2, 2), 5, 3, True), ((2,), 4, 2, False)):
        q, k, v, dout = (rng.normal(size=(*lead, t, d)) for _ in range(4))
        cases.append((dout, q, k, v, attention_weights(q, k, is_causal=is_causal)))
    return cases


# --- Exercise 17.3: a row that is looked up twice -----------------------------------------------------------


def _lookup_mistakes(dout: Array, x: Any, E: Array) -> Mistakes:
    right = F.embedding_backward(dout, x, E)
    lost, overwritten = np.zeros_like(E), np.zeros_like(E)
    lost[x] += dout
    overwritten[x] = dout
    counts = np.bincount(x.ravel(), minlength=len(E))[:, None]
    return {
        "a row keeps only its last visit: dE[x] += dout adds once, however often x names the row": lost,
        "a row's visits are averaged instead of added up": right / np.maximum(counts, 1),
        "you start adding from E: a gradient starts from 0": E + right,
        "every visit to a row counts as much as its last one": counts * lost,
    }


def _lookup_cases() -> list[tuple[Array, Any, Array]]:
    rng = np.random.default_rng(19)
    shapes = (3,), (2, 6)
    cases = [
        (rng.normal(size=(*shape, 3)), rng.integers(0, 4, size=shape), rng.normal(size=(5, 3)))
        for shape in shapes
    ]
    return [(np.array([[1.0], [10.0], [100.0]]), np.array([1, 0, 1]), np.zeros((2, 1))), *cases]


EXERCISES = {
    "17.1": Exercise(F.softmax_backward, _blame_mistakes, cases=_blame_cases),
    "17.2": Exercise(attention_backward, _attention_mistakes, cases=_attention_cases),
    "17.3": Exercise(F.embedding_backward, _lookup_mistakes, cases=_lookup_cases),
}

PREDICTIONS = {
    "17.A": Prediction(
        "In the backward pass, you write p * dp instead of p * (dp - average). How well does it learn then?",
        ("a little slower", "as badly as without attention", "worse than without attention"),
        answer="worse than without attention",
        explain="A factor would cost some speed. But on the first screen this gives 2, 0, 2 in place of "
        "0, -1, 1. It raises the first score, though nothing is gained by that, and attention that does harm "
        "is worse than none.",
    ),
    "17.B": Prediction(
        "You leave out the causal mask. How does the loss on the training text compare with the correct one?",
        ("higher", "about the same", "far lower"),
        answer="far lower",
        explain="Each place may now look one character ahead, and there it finds the answer.",
    ),
    "17.C": Prediction(
        "Silence one of the four heads at a time. One of them looks one character back. Which costs most?",
        ("the one looking back", "another one", "none, because the others take over"),
        answer="the one looking back",
        explain="Another one is possible, since three heads of the four look elsewhere. But the character "
        "before is what a table of triples needs, and no other head of a trained network can stand in.",
    ),
}

# --- The balance --------------------------------------------------------------------------------------------

SAID, SCORES = (4.0, 0.0, 8.0), (float(np.log(2.0)), 0.0, 0.0)


def _balance(first: float, score: float) -> tuple[Array, Array, float, Array]:
    v, s = np.array([first, *SAID[1:]]), np.array([score, *SCORES[1:]])
    p = F.softmax(s[None])[0]
    o = float(p @ v)
    return v, p, o, p * (v - o)


def _short(number: float, sign: str = "-") -> str:
    """Two decimals, without the zeros at their end."""
    return f"{round(float(number), 2) + 0.0:{sign}.4g}"


BALANCE = (
    "A line with three circles, as large as their weights: 0.25 at 0, 0.5 at 4, 0.25 at 8. It balances at 4. "
    "Above the circle at 0 an arrow of length 1 points to the left, above the circle at 8 one of length 1 to "
    "the right. The circle at 4 has no arrow."
)


def balance() -> Figure:
    """The first screen."""
    fig = plots.new_figure(7.0, 3.0)
    draw_balance(fig, SAID[0], SCORES[0])
    return fig


def draw_balance(fig: Figure, first: float, score: float) -> None:
    """Three values with their weights, the average, and an arrow for the blame of each score."""
    v, p, o, blame = _balance(first, score)
    ax = plots.blank_axes(fig, (-2.4, 10.4), (-2.0, 2.3), place=(0.02, 0.0, 0.96, 0.9))
    ax.plot([-0.6, 8.6], [0, 0], color=plots.GREY, lw=2, zorder=1)
    ax.plot(o, -0.42, "^", ms=16, color=plots.UPDATE, zorder=2)
    ax.text(o, -1.3, f"average {_short(o)}", ha="center", va="top", color=plots.UPDATE)
    for k, (value, weight, slope) in enumerate(zip(v, p, blame, strict=True)):
        level = 1.45 if k == 0 else 0.85  # neighbours may stand close
        if abs(slope) > 0.005:
            arrow = {"arrowstyle": "-|>", "lw": 3, "color": plots.BACKWARD, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (value + slope, level), (value, level), arrowprops=arrow, zorder=2)
            ax.plot([value, value], [0, level], ":", color=plots.BACKWARD, lw=1, zorder=1)
            ax.text(value + slope / 2, level + 0.12, _short(slope, "+"), color=plots.BACKWARD, weight="bold",
                    ha="center", va="bottom")  # fmt: skip
        ax.plot(value, 0, "o", ms=52 * np.sqrt(weight), mfc=plots.PAPER, mec=plots.FORWARD, mew=1.6, zorder=3)
        ax.text(value, 0, _short(weight), ha="center", va="center", color=plots.FORWARD, fontsize=9,
                zorder=4)  # fmt: skip
        ax.text(value, -0.72, f"says {_short(value)}", ha="center", va="top",
                color=plots.FORWARD, fontsize=9)  # fmt: skip
    plots.titled(fig, "A pull is the weight times the distance from the average")


def describe_balance(first: float, score: float) -> str:
    """The picture in words."""
    v, p, o, blame = _balance(first, score)
    each = "; ".join(
        f"{_short(a)} with weight {_short(b)}, blame {_short(c, '+') if round(float(c), 2) else 0}"
        for a, b, c in zip(v, p, blame, strict=True)
    )
    return f"The values are {each}. The average is {_short(o)}."


# --- The block ----------------------------------------------------------------------------------------------

BLOCK = (
    "From left to right: characters, then a table of characters plus a table of places, layer norm and "
    "attention, a plus, layer norm and a small network for each place, a plus, layer norm and a linear "
    "layer, which gives scores for the next character. One arrow leads around attention to the first plus, "
    "another around the small network to the second. Only attention looks at other places."
)


def draw_block() -> Figure:
    """What a transformer with one block is made of, with the two ways around."""
    fig = plots.new_figure(7.4, 2.3)
    ax = plots.blank_axes(fig, (0, 16.4), (-0.9, 2.5), place=(0.0, 0.0, 1.0, 0.88))
    straight = {"arrowstyle": "-|>", "lw": 1.4, "color": plots.FORWARD, "shrinkA": 0, "shrinkB": 0}
    boxes = (
        (1.5, "table of\ncharacters\n+ table of\nplaces"),
        (4.9, "norm,\nattention"),
        (9.1, "norm, linear,\nReLU, linear"),
        (13.1, "norm,\nlinear"),
    )
    for x, words in boxes:
        mixes = "attention" in words
        ax.text(x, 0.5, words, ha="center", va="center", fontsize=9, color=plots.INK, zorder=3,
                bbox={"boxstyle": "round,pad=0.5", "fc": plots.PAPER,
                      "ec": plots.TARGET if mixes else plots.FORWARD, "lw": 2 if mixes else 1.2})  # fmt: skip
    for begin, end in ((2.65, 4.0), (5.85, 6.65), (7.0, 7.85), (10.4, 11.15), (11.5, 12.4), (13.8, 14.6)):
        ax.annotate("", (end, 0.5), (begin, 0.5), arrowprops=straight)
    circle = {"boxstyle": "circle,pad=0.15", "fc": plots.PAPER, "ec": plots.INK, "lw": 1}
    for leave, plus in ((3.2, 6.82), (7.3, 11.32)):
        ax.plot([leave, leave, plus, plus], [0.5, 1.75, 1.75, 0.72], "-", color=plots.FORWARD, lw=1.4)
        ax.annotate("", (plus, 0.68), (plus, 0.9), arrowprops=straight)
        ax.text(plus, 0.5, "+", ha="center", va="center", fontsize=11, color=plots.INK, bbox=circle, zorder=4)
        ax.text((leave + plus) / 2, 1.82, "residual connection", ha="center", fontsize=8, color=plots.FORWARD)
    ax.text(1.5, -0.85, "16 characters", ha="center", fontsize=8, color=plots.GREY)
    ax.text(14.7, 0.5, "scores for\nthe next\ncharacter", va="center", fontsize=9, color=plots.INK)
    plots.titled(fig, "In a transformer, only attention looks at other places")
    return fig


# --- Counted tables, and what we measured -------------------------------------------------------------------

# Mean loss of updates 901 to 1,000 on the training text, smallest and largest of ten starts.
TEN_STARTS = {
    "correct": (1.77, 1.84),
    "a row of E keeps only its last visit (exercise 17.3)": (1.78, 1.84),
    "ds and p not transposed (exercise 17.2)": (2.21, 2.27),
    "no attention": (2.34, 2.36),
    "average not subtracted": (2.62, 2.77),
}


# Updates; loss on the training text, on the held-out text, and there from the ninth place on. One start.
LONGER_RUN = (
    (1000, 1.53, 1.60, 1.56),
    (2000, 1.35, 1.52, 1.46),
    (3000, 1.25, 1.48, 1.43),
    (4000, 1.18, 1.46, 1.41),
    (6000, 1.09, 1.46, 1.41),
)


def longer_run() -> str:
    """The table of a longer run: width 64, windows of 32, two blocks, batches of 32, Adam 0.003."""
    head = "updates  training  held out  from the ninth place on"
    rows = (f"{n:>7,}  {train:8.2f}  {held:8.2f}  {late:23.2f}" for n, train, held, late in LONGER_RUN)
    return "\n".join((head, *rows))


def ten_starts() -> str:
    """The table of what ten starts gave."""
    width = max(map(len, TEN_STARTS))
    return "\n".join(f"{name:<{width}}  {low:.2f} to {high:.2f}" for name, (low, high) in TEN_STARTS.items())


def counted(training: Array, held_out: Array, length: int) -> float:
    """Loss on held-out text of a table of so many characters in a row, with a rule for what is new.

    Of the places where a context was seen, a part as large as its number of different followers goes to the
    next shorter context. Source: I. Witten and T. Bell, The zero-frequency problem, 1991.
    """
    text, kinds = training.tolist(), int(training.max()) + 1
    tables: list[dict[tuple[int, ...], dict[int, int]]] = [{} for _ in range(length)]
    for i, character in enumerate(text):
        for k in range(min(i, length - 1) + 1):
            followers = tables[k].setdefault(tuple(text[i - k : i]), {})
            followers[character] = followers.get(character, 0) + 1
    text, total = held_out.tolist(), 0.0
    for i in range(length - 1, len(text)):
        p = 1 / kinds
        for k in range(length):
            if followers := tables[k].get(tuple(text[i - k : i]), {}):
                n, different = sum(followers.values()), len(followers)
                p = (followers.get(text[i], 0) + different * p) / (n + different)
        total -= float(np.log(p))
    return total / (len(text) - length + 1)


# --- What training shows ------------------------------------------------------------------------------------


def draw_reading(losses: Sequence[float], by_place: Array, tables: dict[str, float]) -> Figure:
    """The loss while it trains, and held-out loss by place in the window, over what counted tables reach."""
    fig = plots.new_figure(7.4, 3.4)
    left, right = fig.subplots(1, 2, sharey=True)
    window = 40
    smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
    left.plot(np.arange(window, len(losses) + 1), smooth, color=plots.FORWARD)
    left.set(
        xlabel="update",
        ylabel="nats per character",
        title="The network overtakes pairs, then triples",
        ylim=(1.2, 3.4),
    )
    right.plot(np.arange(1, len(by_place) + 1), by_place, "o-", color=plots.FORWARD, ms=4)
    right.set(
        xlabel="place in the window",
        title="On new text, it beats triples from place 3",
        xticks=[1, 4, 8, 12, 16],
    )
    for ax in (left, right):
        for name, value in tables.items():
            ax.axhline(value, color=plots.GREY, lw=1, ls="--")
            ax.text(ax.get_xlim()[1], value + 0.02, name, ha="right", fontsize=8, color=plots.GREY)
    return fig


READING = (
    "Two curves over dashed lines for counted tables. Left, the loss falls past the table of pairs and then "
    "that of triples. Right, at the first place of a window it lies at the table of pairs, at the second "
    "near that of triples, and from the third on between the tables of triples and of fives."
)


def draw_texts(texts: dict[str, str]) -> Figure:
    """What the network writes, in lines."""
    fig = plots.new_figure(7.4, 0.5 + 0.95 * len(texts))
    ax = plots.blank_axes(fig, (0, 1), (0, len(texts)), place=(0.02, 0.0, 0.96, 1.0))
    for row, (name, text) in enumerate(texts.items()):
        top = len(texts) - row - 0.08
        ax.text(0, top, name, va="top", color=plots.GREY, fontsize=9)
        lines = [text.replace("\n", " ")[k : k + 80] for k in range(0, min(len(text), 160), 80)]
        ax.text(0, top - 0.25, "\n".join(lines), va="top", family="monospace", fontsize=9)
    return fig


TEXTS = (
    "What the network writes after the word alice. Before training, letters at random. After 100 updates, "
    "clumps as long as words. After 2,000, words, most of them English, that make no sense together."
)


def draw_broken(curves: dict[str, Sequence[float]], pairs: float) -> Figure:
    """Training losses of several backward passes."""
    fig = plots.new_figure(6.4, 3.4)
    ax = fig.subplots()
    window, looks = 40, zip((plots.FORWARD, plots.BACKWARD, plots.TARGET), ("-", "--", ":"), strict=True)
    for (name, losses), (colour, style) in zip(curves.items(), looks, strict=False):
        smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
        ax.plot(np.arange(window, len(losses) + 1), smooth, style, color=colour)
        ax.annotate(name, (len(losses), smooth[-1]), (4, 0), textcoords="offset points", va="center",
                    color=colour, annotation_clip=False)  # fmt: skip
    ax.axhline(pairs, color=plots.GREY, lw=1)
    ax.text(0, pairs - 0.04, "table of pairs", fontsize=8, va="top", color=plots.GREY)
    ax.set(
        xlabel="update",
        ylabel="nats per character",
        ylim=(0, 3.4),
        title="Leave out the average, and counting pairs does better",
    )
    ax.set_xlim(0, 1.3 * max(len(losses) for losses in curves.values()))
    return fig


BROKEN = (
    "Three training losses. The right one falls to about 1.8. Without the average it ends above 2.5, and so "
    "above the table of pairs. Without the mask it falls below 0.2."
)


def draw_heads(weights: Array, text: str, titles: Sequence[str]) -> Figure:
    """What each head looks at: a row for each place, dark where it listens."""
    fig = plots.new_figure(7.2, 7.0)
    letters = ["↵" if c == "\n" else "␣" if c == " " else c for c in text]
    for ax, head, title in zip(fig.subplots(2, 2).ravel(), weights, titles, strict=True):
        _pattern(ax, head, letters)
        ax.set_title(title, fontsize=10)
    return fig


def _pattern(ax: Axes, head: Array, letters: list[str]) -> None:
    t = len(letters)
    ax.imshow(head, cmap="Oranges", vmin=0, vmax=1)
    ax.set_xticks(range(t), letters, fontsize=8, family="monospace")
    ax.set_yticks(range(t), letters, fontsize=8, family="monospace")
    ax.set(xlabel="listens to", ylabel="place")
    ax.tick_params(length=0)
    ax.grid(visible=False)


HEADS = (
    "Four triangles, one for each head: a row for each character, darker where it listens more. In one of "
    "them the dark squares form a line just below the diagonal: each character listens to the one before it."
)


# For each of ten starts, its four heads: the weight on the character before, and how much the held-out loss
# rises when the head is silenced.
SILENCED = (
    ((0.92, 0.45), (0.30, 0.07), (0.47, 0.10), (0.13, 0.15)),
    ((0.28, 0.06), (0.80, 0.44), (0.35, 0.10), (0.42, 0.24)),
    ((0.51, 0.11), (0.17, 0.09), (0.92, 0.54), (0.23, 0.20)),
    ((0.84, 0.33), (0.17, 0.11), (0.21, 0.09), (0.69, 0.16)),
    ((0.33, 0.16), (0.48, 0.09), (0.87, 0.42), (0.25, 0.08)),
    ((0.68, 0.09), (0.06, 0.26), (0.20, 0.05), (0.93, 0.50)),
    ((0.84, 0.31), (0.32, 0.08), (0.51, 0.18), (0.31, 0.12)),
    ((0.19, 0.12), (0.32, 0.10), (0.88, 0.58), (0.50, 0.12)),
    ((0.94, 0.51), (0.07, 0.18), (0.56, 0.09), (0.26, 0.12)),
    ((0.45, 0.16), (0.15, 0.07), (0.15, 0.11), (0.93, 0.62)),
)


def draw_silenced(one_back: Array, lost: Sequence[float]) -> Figure:
    """What each head of this network is worth, over the heads of ten starts."""
    fig = plots.new_figure(6.4, 3.4)
    ax = fig.subplots()
    others = np.reshape(SILENCED, (-1, 2)).T
    ax.plot(*others, "o", color=plots.GREY, ms=5, alpha=0.5, mew=0, label="the heads of ten starts")
    ax.plot(one_back, lost, "o", color=plots.BACKWARD, ms=8, label="this network")
    for head, place in enumerate(zip(one_back, lost, strict=True)):
        ax.annotate(f"head {head + 1}", place, (0, -16), textcoords="offset points", ha="center",
                    color=plots.BACKWARD, fontsize=9,
                    bbox={"fc": plots.PAPER, "ec": "none", "alpha": 0.5, "pad": 0.5})  # fmt: skip
    ax.set(
        xlabel="weight on the character before",
        ylabel="rise in held-out loss (nats)",
        title="The head that looks one back is missed most",
        xlim=(0, 1),
        ylim=(-0.04, 0.7),
    )
    ax.legend(loc="upper left", fontsize=9)
    return fig


SILENCED_HEADS = (
    "Dots for 40 heads of ten starts, and larger ones for the four of this network. Heads with at most 0.7 "
    "of their weight on the character before cost up to 0.3 nats when they are silenced. Ten heads, one of "
    "each start, lie at 0.8 or more, and cost 0.3 to 0.6."
)


def draw_tables(losses: Sequence[float]) -> Figure:
    """Held-out loss over the length of the pieces that are counted."""
    fig = plots.new_figure(5.6, 3.2)
    ax = fig.subplots()
    lengths = np.arange(1, len(losses) + 1)
    ax.plot(lengths, losses, "o-", color=plots.FORWARD)
    ax.set(
        xlabel="characters in a row",
        ylabel="nats per character",
        title="Five is the best length",
        ylim=(1.2, 3.2),
    )
    for length, loss in zip(lengths, losses, strict=True):
        ax.annotate(
            f"{loss:.2f}", (length, loss), (0, 7), textcoords="offset points", ha="center", fontsize=9
        )
    return fig


TABLES = (
    "Held-out loss over the length of counted pieces: 2.98 for one character, then 2.32, 1.81, 1.51, the "
    "smallest at five, 1.44, and up again to 1.47 and 1.55."
)

# --- Two families that have the same shape (deeper page) ----------------------------------------------------

# Husband, wife and, where they have children, son and daughter. The same place in both lists is the same
# place in both trees. Source: G. Hinton, Learning distributed representations of concepts, 1986.
FAMILIES = (
    (
        ("Christopher", "Penelope", "Arthur", "Victoria"),
        ("Andrew", "Christine", "James", "Jennifer"),
        ("Arthur", "Margaret"),
        ("James", "Victoria", "Colin", "Charlotte"),
        ("Charles", "Jennifer"),
    ),
    (
        ("Roberto", "Maria", "Emilio", "Lucia"),
        ("Pierro", "Francesca", "Marco", "Angela"),
        ("Emilio", "Gina"),
        ("Marco", "Lucia", "Alfonso", "Sophia"),
        ("Tomaso", "Angela"),
    ),
)
RELATIONS = (
    *("husband", "wife", "father", "mother", "son", "daughter"),
    *("brother", "sister", "uncle", "aunt", "nephew", "niece"),
)
Facts = dict[tuple[str, str], list[str]]


def family_facts(couples: Sequence[tuple[str, ...]]) -> Facts:
    """All that follows from who married whom and who are their children: (person, relation) to answers."""
    facts: Facts = {}
    men = {couple[0] for couple in couples} | {couple[2] for couple in couples if len(couple) > 2}
    for husband, wife, *children in couples:
        facts[wife, "husband"], facts[husband, "wife"] = [husband], [wife]
        if children:
            son, daughter = children
            facts[daughter, "brother"], facts[son, "sister"] = [son], [daughter]
        for child in children:
            facts[child, "father"], facts[child, "mother"] = [husband], [wife]
            for parent in (husband, wife):
                facts[parent, "son" if child in men else "daughter"] = [child]

    def ask(person: str, *relations: str) -> list[str]:
        return [other for relation in relations for other in facts.get((person, relation), [])]

    for child in sorted({child for child, relation in facts if relation == "father"}):
        for parent in ask(child, "father", "mother"):
            for sibling in ask(parent, "brother", "sister"):
                for other in (sibling, *ask(sibling, "husband", "wife")):
                    facts.setdefault((child, "uncle" if other in men else "aunt"), []).append(other)
                    facts.setdefault((other, "nephew" if child in men else "niece"), []).append(child)
    return facts


def families() -> tuple[list[str], Facts]:
    """The 24 names, twelve of each family in the same order, and the 104 facts of both."""
    people = [list(dict.fromkeys(name for couple in couples for name in couple)) for couples in FAMILIES]
    return people[0] + people[1], family_facts(FAMILIES[0]) | family_facts(FAMILIES[1])


# Where each name of the first family stands in the tree: generation from the top, column from the left.
PLACES = {
    "Christopher": (1, 0.5), "Penelope": (1, 1.5), "Andrew": (1, 3.5), "Christine": (1, 4.5),
    "Margaret": (2, 0), "Arthur": (2, 1), "Victoria": (2, 2), "James": (2, 3), "Jennifer": (2, 4),
    "Charles": (2, 5), "Colin": (3, 2), "Charlotte": (3, 3),
}  # fmt: skip


def traits() -> dict[str, Array]:
    """What is true of the 24 people, a number for each; only marriages and children stand in the facts."""
    people, facts = families()
    generation, column = np.array([PLACES[name] for name in people[:12]] * 2, dtype=float).T
    women = {name for (_, what), names in facts.items() if what in ("wife", "daughter") for name in names}
    side = column - 2.5  # Victoria, James and their children belong to both branches
    return {
        "nationality": np.repeat([-1.0, 1.0], 12),
        "generation": generation,
        "branch": np.sign(side) * (abs(side) >= 1),
        "sex": np.array([1.0 if name in women else -1.0 for name in people]),
    }


def readable(codes: Array, trait: Array) -> tuple[float, float]:
    """How well a trait can be read off the best unit (a correlation), and off all units (R squared)."""
    one = max(abs(np.corrcoef(unit, trait)[0, 1]) for unit in codes.T)
    X = np.column_stack([codes, np.ones(len(codes))])
    missed = trait - X @ np.linalg.lstsq(X, trait, rcond=None)[0]
    return float(one), float(1 - missed @ missed / ((trait - trait.mean()) ** 2).sum())


def draw_families() -> Figure:
    """One tree with two names at each place."""
    fig = plots.new_figure(7.4, 3.3)
    ax = plots.blank_axes(fig, (-0.6, 5.6), (-3.45, -0.6))
    people = families()[0]
    for english, italian in zip(people[:12], people[12:], strict=True):
        row, column = PLACES[english]
        ax.text(column, -row, english, ha="center", va="bottom", color=plots.FORWARD, fontsize=10)
        ax.text(column, -row, italian, ha="center", va="top", color=plots.BACKWARD, fontsize=10)
    for husband, wife, *children in FAMILIES[0]:
        row, middle = PLACES[husband][0], (PLACES[husband][1] + PLACES[wife][1]) / 2
        ax.text(middle, -row, "=", ha="center", va="center", color=plots.GREY, fontsize=13)
        if children:
            ends = [PLACES[child][1] for child in children]
            ax.plot([middle, middle], [-row - 0.15, -row - 0.5], "-", color=plots.GREY, lw=1)
            ax.plot([ends[0], *ends, ends[1]], [-row - 0.72, -row - 0.5, -row - 0.5, -row - 0.72],
                    "-", color=plots.GREY, lw=1)  # fmt: skip
    plots.titled(fig, "Two families, one tree")
    return fig


FAMILY_TREE = (
    "A family tree with two names at each place, English and Italian. Christopher and Penelope have Arthur "
    "and Victoria, Andrew and Christine have James and Jennifer. Arthur is married to Margaret, Jennifer to "
    "Charles, and Victoria to James; their children are Colin and Charlotte. The Italian names are, in the "
    "same order, Roberto and Maria, Emilio and Lucia, Pierro and Francesca, Marco and Angela, Gina, Tomaso, "
    "Alfonso and Sophia."
)


def draw_codes(codes: Array) -> Figure:
    """Six units, and for each two rows of twelve: what a unit is for each person, English above Italian."""
    fig = plots.new_figure(7.4, 5.0)
    people = families()[0]
    order = sorted(range(12), key=lambda k: PLACES[people[k]])
    limit = float(abs(codes).max())
    for unit, ax in enumerate(fig.subplots(3, 2, sharex=True).ravel()):
        rows = codes[:, unit].reshape(2, 12)[:, order]
        ax.imshow(rows, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        ax.set_title(f"unit {unit + 1}", fontsize=10)
        ax.set_yticks([0, 1], ["English", "Italian"], fontsize=8)
        ax.set_xticks(range(12), [people[k] for k in order], fontsize=8, rotation=90)
        ax.tick_params(length=0)
        ax.grid(visible=False)
        for border in (3.5, 9.5):
            ax.axvline(border, color=plots.PAPER, lw=3)
    plots.titled(fig, "Unit 3 knows the nationality, unit 6 something of the generation")
    return fig


CODES = (
    "Six panels of two rows and twelve columns, coloured from red to blue. In unit 3 the English row is red "
    "and the Italian row blue. In unit 6 the first generation is red and the third blue. In most panels the "
    "columns of the grandparents in a couple, and of Colin and Charlotte, have nearly the same colour."
)
