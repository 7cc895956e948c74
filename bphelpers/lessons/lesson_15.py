"""Exercises, predictions and pictures of lesson 15, and the backward pass that somebody found somewhere."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

# --- Exercise 15.1: each copy goes back to its pixel --------------------------------------------------------


def patches_backward(
    drows: Array, shape: tuple[int, ...], kh: int, kw: int, *, add: bool = True, flip: bool = False
) -> Array:
    """``drows (n, positions, c * kh * kw)``, each number added to the pixel that it was copied from."""
    n, c, h, w = shape
    dx = np.zeros(shape, drows.dtype)
    for p, (i, j) in enumerate(np.ndindex(h - kh + 1, w - kw + 1)):
        window = dx[:, :, i : i + kh, j : j + kw]
        back = drows[:, p].reshape(n, c, kh, kw)
        window[...] = (back[:, :, ::-1, ::-1] if flip else back) + (window if add else 0)
    return dx


def _put_back_mistakes(drows: Array, shape: tuple[int, ...], kh: int, kw: int) -> Mistakes:
    right = patches_backward(drows, shape, kh, kw)
    copies = patches_backward(np.ones_like(drows), shape, kh, kw)
    return {
        "copies of the same pixel overwrite each other: use += and not =": patches_backward(
            drows, shape, kh, kw, add=False
        ),
        "the kernel is flipped: each copy goes back to the pixel that it was copied from": patches_backward(
            drows, shape, kh, kw, flip=True
        ),
        "the copies of a pixel are averaged: they should be added up": right / copies,
        "only the first position is put back: count the positions": patches_backward(
            np.repeat(drows[:, :1], drows.shape[1], axis=1), shape, kh, kw
        ),
        "nothing is put back": np.zeros(shape),
    }


# --- Exercise 15.2: pooling ---------------------------------------------------------------------------------


def max_pool_backward(dout: Array, x: Array) -> Array:
    """The first of the largest numbers of each window of 2 by 2 gets what comes back."""
    return F.max_pool2d_backward(dout, x, 2)


def _enlarged(a: Array) -> Array:
    return a.repeat(2, axis=2).repeat(2, axis=3)


def _pool_mistakes(dout: Array, x: Array) -> Mistakes:
    wins = x == _enlarged(F.max_pool2d(x, 2))
    winners = 4 * _enlarged(sum(wins[:, :, i::2, j::2] for i, j in np.ndindex(2, 2)) / 4)
    last_first = F.max_pool2d_backward(dout[:, :, ::-1, ::-1], x[:, :, ::-1, ::-1], 2)[:, :, ::-1, ::-1]
    return {
        "all four numbers of a window get what comes back: only the largest should": _enlarged(dout),
        "all four numbers of a window share it: only the largest gets it": _enlarged(dout) / 4,
        "where numbers tie, each gets all of it, as in the prediction above: give it to the first alone": (
            _enlarged(dout) * wins
        ),
        "where numbers tie, they share it. That would be right too, but here the first gets all of it": (
            _enlarged(dout) * wins / winners
        ),
        "where numbers tie, the last one gets it: here it is the first": last_first,
        "the largest gets its own value: give it dout": x * wins,
        "the smallest number gets it": _enlarged(dout) * (x == -_enlarged(F.max_pool2d(-x, 2))),
        "the largest gets a 1: multiply that slope by dout": F.max_pool2d_backward(np.ones_like(dout), x, 2),
        "each of the largest gets a 1: the first of them gets dout": wins * 1.0,
    }


# --- Exercise 15.3: the backward pass that was found --------------------------------------------------------


def found_backward(
    dz: Array, x: Array, W: Array, *, add: bool = False, flipped: bool = True
) -> tuple[Array, ...]:
    """What the broken function of exercise 15.3 computes, without its loops over the places."""
    _, dW, db = F.conv2d_backward(dz, x, W, ask_dx=False)
    (n, c, h, w), (kh, kw), (oh, ow) = x.shape, W.shape[2:], dz.shape[2:]
    kernels = (W[:, :, ::-1, ::-1] if flipped else W).reshape(len(W), -1)
    back = kernels.T @ dz.transpose(1, 2, 3, 0).reshape(len(W), -1)
    back, dx = back.reshape(c, kh, kw, oh, ow, n), np.zeros((c, h, w, n), x.dtype)
    for i, j in reversed(list(np.ndindex(kh, kw))):  # where windows overlap, the last one to write wins
        place = (slice(None), slice(i, i + oh), slice(j, j + ow))
        dx[place] = back[:, i, j] + (dx[place] if add else 0)
    return dx.transpose(3, 0, 1, 2), dW, db


class FoundConv2d(nn.Conv2d):
    """The package's layer with that backward pass."""

    def backward(self, dout: Array) -> Array:  # noqa: D102
        if not self.asked:
            return super().backward(dout)
        dx, self.W.grad, db = found_backward(dout, self.remembered()[0], self.W.data)
        if self.b is not None:
            self.b.grad = db
        return dx


def _found_mistakes(dz: Array, x: Array, W: Array) -> Mistakes:
    dx, dW, db = F.conv2d_backward(dz, x, W)
    return {
        "both mistakes are still there": found_backward(dz, x, W),
        "only one mistake is repaired: windows add up, but the kernel is still flipped": (
            found_backward(dz, x, W, add=True)
        ),
        "only one mistake is repaired: nothing is flipped, but overlapping windows overwrite each other": (
            found_backward(dz, x, W, flipped=False)
        ),
        "dW is flipped: leave it as it is": (dx, dW[:, :, ::-1, ::-1], db),
        "db is averaged over the positions: it should be a sum": (dx, dW, db / dz[0, 0].size),
    }


_SIZES = {
    "n": (2, 1, 2), "k": (4, 1, 2), "c": (3, 1, 2), "h": (5, 4, 4), "w": (5, 4, 6),
    "i": (3, 2, 3), "j": (2, 2, 3), "p": (3, 3, 2), "q": (4, 3, 4),
}  # fmt: skip
CONVOLUTIONS = drawn(153, "n k p q, n c h w, k c i j", **_SIZES)
PATCHES = [
    (drows.reshape(len(drows), drows.shape[1] * drows.shape[2], -1), x.shape, *drows.shape[4:])
    for drows, x in drawn(151, "n p q c i j, n c h w", **_SIZES)
]
WINDOWS = drawn(
    152, "n c p q, n c h w", n=(1, 2, 1), c=(1, 3, 2), p=(1, 2, 3), q=(1, 3, 2), h=(2, 4, 6), w=(2, 6, 4)
)
TIES = np.array([[[[1.0, -2.0]]]]), np.array([[[[3.0, 3.0, 0.0, 5.0], [1.0, 0.0, 5.0, 5.0]]]])

EXERCISES = {
    "15.1": Exercise(patches_backward, _put_back_mistakes, cases=PATCHES),
    "15.2": Exercise(max_pool_backward, _pool_mistakes, cases=[*WINDOWS, TIES]),
    "15.3": Exercise(lambda dz, x, W: F.conv2d_backward(dz, x, W), _found_mistakes, cases=CONVOLUTIONS),
}

PREDICTIONS = {
    "15.A": Prediction(
        "A window holds 3 3 / 1 0, and a 1 comes back. Which of these can't be what the four numbers get?",
        ("1 1 / 0 0", "1 0 / 0 0", "½ ½ / 0 0"),
        answer="1 1 / 0 0",
        explain="1 1 / 0 0 looks right because either 3, nudged up alone, raises the maximum. But nudge both "
        "up by h, and the maximum rises by h, not by 2h.",
    ),
    "15.B": Prediction(
        "You train the network with this backward pass. How many of the held-out digits does it read?",
        ("about 10 %", "about 60 %", "more than 90 %"),
        answer="more than 90 %",
        explain="About 10 % is tempting, since nearly every number sent back to the first convolution is "
        "wrong. But the last layer and the second convolution get the right gradients.",
    ),
    "15.C": Prediction(
        "The pixels of all images are shuffled, always in the same order. Which network gets worse?",
        ("the convolutional one", "the dense one", "both"),
        answer="the convolutional one",
        explain="It is tempting to say both, since no human could read such an image. But a dense layer "
        "has a weight for each pixel, and never knew which pixels were neighbours.",
    ),
}

# --- The pictures -------------------------------------------------------------------------------------

X, W, Z, DZ = (1, 0, 2, -1, 3), (1, 2, 3), (7, 1, 9), (1, -1, 2)
BLUES = ("#56B4E9", "#0072B2", "#003A5C")  # the weights 1, 2, 3

WIRES = (
    "Five squares, the pixels 1, 0, 2, −1, 3. Above them three circles, the outputs 7, 1, 9, each joined to"
    " three pixels by wires of weight 1, 2, 3. Above the outputs what comes back: 1, −1, 2."
    " Thick wires lead from the outputs to the middle pixel, with the weights 3, 2, 1:"
    " 3·1 + 2·(−1) + 1·2 = 3."
)
BAND = (
    "A matrix of three rows and five columns. Rows: 1 2 3 0 0; 0 1 2 3 0; 0 0 1 2 3. The first row is framed"
    " and reads 1 2 3, the middle column is framed and reads 3 2 1."
)


MAPS = (
    "A handwritten five, and beside it eight pictures in blue, its feature maps. Each shows the"
    " strokes in another way."
)
SCORES = (
    "Share of held-out digits read. The convolutional network reads about 95 % of the images as they are and"
    " about 80 % of the shuffled ones. The dense network reads about 93 % of both."
)


def _signed(number: int) -> str:
    return str(number).replace("-", "−")


def wires() -> Figure:
    """Three weights slide over five pixels; the middle pixel meets all three."""
    fig = plots.new_figure(7.0, 3.3, layout=None)
    ax = plots.blank_axes(fig, (-2.1, 5.6), (-1.0, 2.35), place=(0.0, 0.0, 1.0, 0.88))
    for i in range(3):
        for j, colour in enumerate(BLUES):
            (x0, x1), thick = (i + j, i + 1), i + j == 2
            ax.plot(
                [x0, x1],
                [0, 1.5],
                color=colour if thick else plots.LIGHT,
                lw=3.2 if thick else 1.2,
                ls="-",
                zorder=1,
            )
            at, look = (0.5, {"size": 12, "weight": "bold"}) if thick else (0.3, {"size": 8})
            ax.text(x0 + (x1 - x0) * at, 1.5 * at, str(W[j]), ha="center", va="center", zorder=2, **look,
                    color=colour if thick else plots.GREY,
                    bbox={"facecolor": plots.PAPER, "edgecolor": "none", "pad": 1})  # fmt: skip
    for k, pixel in enumerate(X):
        colour = plots.BACKWARD if k == 2 else plots.FORWARD
        ax.plot(k, 0, "s", ms=27, mfc=plots.PAPER, mec=colour, mew=2.5 if k == 2 else 1.2, zorder=3)
        ax.text(k, 0, _signed(pixel), ha="center", va="center", color=plots.FORWARD, zorder=4)
    for i, (out, back) in enumerate(zip(Z, DZ, strict=True), start=1):
        ax.plot(i, 1.5, "o", ms=29, mfc=plots.PAPER, mec=plots.FORWARD, mew=1.2, zorder=3)
        ax.text(i, 1.5, str(out), ha="center", va="center", color=plots.FORWARD, zorder=4)
        ax.text(i, 2.05, _signed(back), ha="center", color=plots.BACKWARD, weight="bold")
    for y, name, colour in (
        (0, "pixels", plots.FORWARD),
        (1.5, "outputs", plots.FORWARD),
        (2.1, "what comes back", plots.BACKWARD),
    ):
        ax.text(-1.9, y, name, va="center", color=colour)
    ax.text(
        2, -0.75, "3 · 1 + 2 · (−1) + 1 · 2 = 3", ha="center", color=plots.BACKWARD, size=12, weight="bold"
    )
    plots.titled(fig, "The middle pixel meets the weights in the order 3, 2, 1")
    return fig


def band() -> Figure:
    """The same as a matrix: rows read 1 2 3, columns read 3 2 1."""
    fig = plots.new_figure(7.0, 2.5, layout=None)
    ax = plots.blank_axes(fig, (-4.4, 8.8), (-0.75, 3.05), place=(0.0, 0.0, 1.0, 0.86), aspect="equal")
    for i, j in np.ndindex(3, 5):
        weight = j - i + 1
        inside = 1 <= weight <= 3
        ax.add_patch(
            Rectangle((j, 2 - i), 1, 1, fc=BLUES[weight - 1] if inside else plots.PAPER, ec=plots.LIGHT)
        )
        ax.text(j + 0.5, 2.5 - i, str(weight) if inside else "0", ha="center", va="center", size=11,
                color=plots.PAPER if weight in (2, 3) else plots.INK if inside else plots.GREY)  # fmt: skip
    ax.add_patch(Rectangle((0.03, 2.03), 2.94, 0.94, fill=False, ec=plots.UPDATE, lw=3))
    ax.add_patch(Rectangle((2.03, 0.03), 0.94, 2.94, fill=False, ec=plots.BACKWARD, lw=3))
    ax.text(-0.2, 2.5, "an output's row", ha="right", va="center", color=plots.UPDATE)
    ax.text(2.5, -0.4, "a pixel's column", ha="center", va="center", color=plots.BACKWARD)
    plots.titled(fig, "Across a row you read 1 2 3, down a column 3 2 1")
    return fig


SIZE, KERNEL = 5, 3  # of the image and the kernel in the moving picture


def reached(row: int, column: int, stride: int, padding: int) -> dict[tuple[int, int], int]:
    """The outputs that a pixel reaches, and the weight, 1 to 9, through which it does."""
    places = (SIZE + 2 * padding - KERNEL) // stride + 1
    found = {}
    for i, j in np.ndindex(places, places):
        u, v = row + padding - i * stride, column + padding - j * stride
        if 0 <= u < KERNEL and 0 <= v < KERNEL:
            found[i, j] = KERNEL * u + v + 1
    return found


def draw_windows(fig: Figure, row: int, column: int, stride: int, padding: int) -> None:
    """Kernel, image and outputs; each output that saw the pixel carries the weight that lay on it."""
    row, column = row - 1, column - 1
    found = reached(row, column, stride, padding)
    places = (SIZE + 2 * padding - KERNEL) // stride + 1
    panels = [
        plots.blank_axes(fig, (-1.1, 6.1), (6.1, -1.1), (left, 0.02, 0.3, 0.78), aspect="equal")
        for left in (0.01, 0.33, 0.68)
    ]
    _grid(panels[0], KERNEL, {(i, j): KERNEL * i + j + 1 for i, j in np.ndindex(KERNEL, KERNEL)}, 1.0)
    _grid(panels[1], SIZE, {}, 0.0, ring=padding)
    panels[1].add_patch(Rectangle((column, row), 1, 1, fc=plots.BACKWARD, ec=plots.INK))
    _grid(panels[2], places, found, (SIZE - places) / 2)
    names = "the kernel", "the image and your pixel", "the outputs that saw the pixel"
    for ax, name in zip(panels, names, strict=True):
        ax.text(2.5, -1.25, name, ha="center", va="bottom", color=plots.INK)
    plots.titled(fig, _windows_title(found))


def _grid(ax: Axes, size: int, weights: dict[tuple[int, int], int], shift: float, ring: int = 0) -> None:
    for i, j in np.ndindex(size + 2 * ring, size + 2 * ring):
        outside = ring and not (ring <= i < size + ring and ring <= j < size + ring)
        x, y = j - ring + shift, i - ring + shift
        ax.add_patch(Rectangle((x, y), 1, 1, fc="#F2F2F2" if outside else plots.PAPER, ec=plots.LIGHT,
                               ls=":" if outside else "-"))  # fmt: skip
        if outside:
            ax.text(x + 0.5, y + 0.5, "0", ha="center", va="center", color=plots.GREY, size=8)
        elif (i, j) in weights:
            ax.add_patch(Rectangle((x, y), 1, 1, fc="#FBE3D2" if weights else plots.PAPER, ec=plots.GREY))
            ax.text(x + 0.5, y + 0.5, str(weights[i, j]), ha="center", va="center", size=12, weight="bold",
                    color=plots.BACKWARD)  # fmt: skip


def _windows_title(found: dict[tuple[int, int], int]) -> str:
    if len(found) == KERNEL**2:
        return "Nine outputs saw the pixel, through the flipped kernel"
    count = "One output" if len(found) == 1 else f"{len(found)} outputs"
    which = "weight" if len(found) == 1 else "weights"
    return f"{count} saw the pixel, through {which} {', '.join(map(str, found.values()))}"


def describe_windows(row: int, column: int, stride: int, padding: int) -> str:
    """The picture in words."""
    found = reached(row - 1, column - 1, stride, padding)
    places = (SIZE + 2 * padding - KERNEL) // stride + 1
    through = ", ".join(f"({i + 1}, {j + 1}) through weight {weight}" for (i, j), weight in found.items())
    return (f"Pixel in row {row}, column {column}, stride {stride}, padding {padding}: {places} by {places} "
            f"outputs. {_windows_title(found)}{': ' if through else ''}{through}.")  # fmt: skip


def feature_maps(image: Array, maps: Array) -> Figure:
    """An image and what the first layer makes of it, one picture a kernel."""
    fig = plots.new_figure(7.0, 1.45, layout=None)
    plots.titled(fig, "One five, and the eight feature maps of the first layer")
    for k, picture in enumerate([image, *maps]):
        ax = fig.add_axes((0.01 + 0.108 * k + 0.02 * (k > 0), 0.03, 0.1, 0.6))
        ax.imshow(picture, cmap="Greys" if k == 0 else "Blues", vmin=0 if k else None)
        ax.set_axis_off()
        ax.set_title("image" if k == 0 else str(k), size=9, weight="normal", loc="center", pad=3)
    return fig


def draw_scores(scores: dict[str, tuple[float, float]]) -> Figure:
    """Share of digits read by each network, on images as they are and on shuffled ones."""
    fig = plots.new_figure(7.0, 2.4)
    ax = fig.add_subplot()
    for k, (name, marker, colour, fill) in enumerate(
        (
            ("images as they are", "o", plots.FORWARD, plots.FORWARD),
            ("pixels shuffled", "s", plots.BACKWARD, plots.PAPER),
        )
    ):
        shares, rows = [pair[k] for pair in scores.values()], np.arange(len(scores)) + 0.16 * (2 * k - 1)
        ax.plot(shares, rows, marker, ms=8, mfc=fill, color=colour, label=name)
        for share, row in zip(shares, rows, strict=True):
            ax.annotate(
                f"{share:.2f}", (share, row), (9, 0), textcoords="offset points", va="center", color=colour
            )
    ax.set_yticks(range(len(scores)), list(scores))
    ax.set(ylim=(len(scores) - 0.4, -0.6), xlim=(0.78, 1.0), xlabel="share of held-out digits read")
    fig.legend(loc="outside lower left", ncols=2)
    plots.titled(fig, "Shuffling the pixels hurts only the convolutional network")
    return fig


# --- The deeper page

MOVED = (
    "Share of held-out digits read, over how many pixels they were moved. Convolutional: 0.95, 0.91, 0.77, "
    "0.53, 0.32 for 0 to 4 pixels. Dense: 0.94, 0.88, 0.63, 0.38, 0.20."
)


def draw_moved(conv: list[float], dense: list[float]) -> Figure:
    """Share of digits read by both networks, over how far the digits were moved."""
    fig = plots.new_figure(6.4, 3.2)
    ax = fig.add_subplot()
    for shares, name, style, colour, side in (
        (conv, "convolutional", "o-", plots.FORWARD, 8),
        (dense, "dense", "s--", plots.GREY, -16),
    ):
        ax.plot(shares, style, color=colour)
        ax.annotate(name, (2, shares[2]), (6, side), textcoords="offset points", color=colour,
                    ha="left" if side > 0 else "right")  # fmt: skip
    ax.set(ylim=(0, 1.02), xticks=range(len(conv)), xlabel="pixels that the digits were moved",
           ylabel="share of digits read", title="Moved by two pixels, fewer digits are read")  # fmt: skip
    return fig
