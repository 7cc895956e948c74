"""Exercises, predictions and pictures of lesson 11 and its deeper pages: reading handwritten digits."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bphelpers import data
from bphelpers import functional as F
from bphelpers.lessons.shared import Arrays, first_weights
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

Labels = NDArray[np.int64]

# --- A network that reads -----------------------------------------------------------------------------------


def forward(X: Array, params: Mapping[str, Array]) -> list[Array]:
    """What comes in, what each layer of sigmoid neurons puts out, and the probabilities of the last one."""
    A, last = [X], len(params) // 2
    for layer in range(1, last + 1):
        Z = A[-1] @ params[f"W{layer}"].T + params[f"b{layer}"]
        A.append(F.softmax.plain(Z) if layer == last else F.sigmoid.plain(Z))
    return A


def train_step(X: Array, Y: Array, params: Mapping[str, Array], lr: float) -> Arrays:
    """The weights and biases after one step down the mean cross-entropy of a mini-batch."""
    A = forward(X, params)
    dZ = (A[-1] - Y) / len(X)
    new: Arrays = {}
    for layer in range(len(A) - 1, 0, -1):
        W, before = params[f"W{layer}"], A[layer - 1]
        new[f"W{layer}"] = W - lr * dZ.T @ before
        new[f"b{layer}"] = params[f"b{layer}"] - lr * dZ.sum(axis=0)
        dZ = dZ @ W * before * (1 - before)
    return new


class Reader(NamedTuple):
    """A trained network, the 450 images that it never saw, and the digits on them."""

    params: Arrays
    images: Array
    labels: Labels

    def probabilities(self, images: Array | None = None) -> Array:
        """What the network says of these images, or of the 450."""
        return forward(self.images if images is None else images, self.params)[-1]

    def misread(self) -> NDArray[np.int64]:
        """The places of the images that it gets wrong."""
        return np.flatnonzero(self.probabilities().argmax(axis=1) != self.labels)


@functools.cache
def reader() -> Reader:
    """The network of section 4, trained as it is there."""
    X, labels = data.digits()
    rng = np.random.default_rng(0)
    X, X_test, labels, labels_test = data.train_test_split(X, labels, 450, rng)
    X, _, labels, _ = data.train_test_split(X, labels, 347, rng)
    params, rng = first_weights((64, 32, 10), seed=0), np.random.default_rng(0)
    for _ in range(40):
        for rows in data.minibatches(len(X), 50, rng):
            params = train_step(X[rows], np.eye(10)[labels[rows]], params, 5.0)
    return Reader(params, X_test, labels_test)


# --- Exercise 11.1: the gradient of two images --------------------------------------------------------------

_P = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
_Y = np.array([[0, 0, 1], [0, 1, 0]])
_PAPER: Mistakes = {
    "the mean over the two images is forgotten: divide by 2": _P - _Y,
    "every sign is turned around: it's the probability minus the target": (_Y - _P) / 2,
    "the targets aren't taken away": _P / 2,
    "it's divided by 3, the number of digits: the mean is over the 2 images": (_P - _Y) / 3,
    "it's divided by all 6 numbers: the mean is over the 2 images": (_P - _Y) / 6,
    "the digits are counted from 1: the first column belongs to the digit 0": (
        (_P - [[0, 1, 0], [1, 0, 0]]) / 2
    ),
    "the two labels are swapped": (_P - _Y[::-1]) / 2,
    "only the right digits get a slope: the others have to go down": (_P - 1) * _Y / 2,
    "the right digits get nothing: their slope is the probability minus 1": _P * (1 - _Y) / 2,
    "it's multiplied by the slope of a sigmoid: with softmax and cross-entropy p minus y is all": (
        (_P - _Y) / 2 * _P * (1 - _P)
    ),
}

# --- Exercise 11.2: a step of training ----------------------------------------------------------------------


def _step_mistakes(X: Array, Y: Array, params: Arrays, lr: float) -> Mistakes:
    right, n = train_step(X, Y, params, lr), len(X)
    grads = {name: params[name] - train_step(X, Y, params, 1.0)[name] for name in params}
    last = len(params) // 2

    def moved(by: Mapping[str, Array]) -> Arrays:
        return {name: params[name] - lr * by[name] for name in params}

    def walked(*, late: bool = False, slope: str = "right", end: str = "right") -> Arrays:
        A = forward(X, params)
        dZ = (A[-1] - Y) / n
        new: Arrays = {}
        if end == "slope":
            dZ = dZ * A[-1] * (1 - A[-1])
        for layer in range(last, 0, -1):
            new[f"W{layer}"] = params[f"W{layer}"] - lr * dZ.T @ A[layer - 1]
            new[f"b{layer}"] = params[f"b{layer}"] - lr * dZ.sum(axis=0)
            back = dZ @ (new if late else params)[f"W{layer}"]
            a = A[layer - 1]
            dZ = back * {"right": a * (1 - a), "none": np.ones_like(a), "half": a, "tanh": 1 - a * a}[slope]
        return new

    only_last = (f"W{last}", f"b{last}")
    return {
        "the way back uses the new W: it needs the one from the forward pass": walked(late=True),
        "the slope of the hidden sigmoids is missing: dZ @ W has to be multiplied by it": walked(
            slope="none"
        ),
        "only A is multiplied in: the slope of a sigmoid is A * (1 - A)": walked(slope="half"),
        "the slope is tanh's: these hidden neurons are sigmoids, with A * (1 - A)": walked(slope="tanh"),
        "dZ of the last layer has the slope of a sigmoid in it: with softmax it's A[-1] minus Y": walked(
            end="slope"
        ),
        "the mean is missing: divide dZ by the number of images, len(X)": moved(
            {name: n * grad for name, grad in grads.items()}
        ),
        "dZ is divided by all its numbers, Y.size: the mean is over the images, len(X)": moved(
            {name: grad / Y.shape[1] for name, grad in grads.items()}
        ),
        "the mean is taken twice: the 1/n is in dZ already": moved(
            {name: grad / n for name, grad in grads.items()}
        ),
        "the biases take the mean over the images: add up, the 1/n is in dZ already": moved(
            {name: grad / n if name[0] == "b" else grad for name, grad in grads.items()}
        ),
        "the step goes uphill: subtract lr times the gradient, and start from A[-1] - Y": moved(
            {name: -grad for name, grad in grads.items()}
        ),
        "the learning rate is missing": {name: params[name] - grads[name] for name in params},
        "these are the gradients: return the new weights and biases": grads,
        "these are the steps: subtract them from the old weights and biases": {
            name: lr * grad for name, grad in grads.items()
        },
        "only the last layer has moved": {
            name: right[name] if name in only_last else params[name] for name in params
        },
        "the biases haven't moved": {
            name: params[name] if name[0] == "b" else right[name] for name in params
        },
        "nothing has moved: the old weights are returned": params,
    }


def _step_cases() -> list[tuple[Any, ...]]:
    rng, cases = np.random.default_rng(11), []
    for sizes, n, lr in (((3, 4, 2), 5, 0.5), ((5, 4, 3, 2), 6, 2.0), ((3, 2), 4, 0.3)):
        params = first_weights(sizes, seed=n)
        params = {name: w + rng.normal(size=w.shape) for name, w in params.items()}
        Y = np.eye(sizes[-1])[rng.integers(sizes[-1], size=n)]
        cases.append((rng.random((n, sizes[0])), Y, params, lr))
    return cases


# --- Exercise 11.3: repair the split ------------------------------------------------------------------------

Split = tuple[Array, Array, Labels, Labels]


def split(X: Array, labels: Labels, order: NDArray[np.int64], n_test: int) -> Split:
    """Training images, test images, and their labels: the first ``n_test`` in this order are the test."""
    X, labels = X[order], labels[order]
    return X[n_test:], X[:n_test], labels[n_test:], labels[:n_test]


def broken_split(X: Array, labels: Labels, order: NDArray[np.int64], n_test: int) -> Split:
    """The function that exercise 11.3 repairs."""
    X = X[order]
    return X, X[:n_test], labels, labels[:n_test]


def _split_mistakes(X: Array, labels: Labels, order: NDArray[np.int64], n_test: int) -> Mistakes:
    train, test, train_labels, test_labels = split(X, labels, order, n_test)
    return {
        "nothing is repaired yet": broken_split(X, labels, order, n_test),
        "the labels stay where they were while the images move: give both the same order": (
            (train, test, labels[n_test:], labels[:n_test])
        ),
        "the test images are among the training images": (X[order], test, labels[order], test_labels),
        "the training images are right, but their labels still belong to all images": (
            (train, test, labels[order], test_labels)
        ),
        "the training labels are right, but the training images are still all images": (
            (X[order], test, train_labels, test_labels)
        ),
        "nothing is shuffled: use order for both": (
            (X[n_test:], X[:n_test], labels[n_test:], labels[:n_test])
        ),
        "training and test are swapped": (test, train, test_labels, train_labels),
        "the last n_test are the test images: it should be the first n_test": (
            (X[order][:-n_test], X[order][-n_test:], labels[order][:-n_test], labels[order][-n_test:])
        ),
        "the order of the results is X_train, X_test, labels_train, labels_test": (
            (train, train_labels, test, test_labels)
        ),
    }


def _split_cases() -> list[tuple[Any, ...]]:
    rng, cases = np.random.default_rng(3), []
    for n, d, n_test in ((7, 3, 2), (9, 4, 4)):
        cases.append((rng.normal(size=(n, d)), np.arange(n) * 10, rng.permutation(n), n_test))
    return cases


EXERCISES = {
    "11.1": Exercise((_P - _Y) / 2, _PAPER, tolerance=1e-3),
    "11.2": Exercise(train_step, _step_mistakes, cases=_step_cases),
    "11.3": Exercise(split, _split_mistakes, cases=_split_cases),
}

PREDICTIONS = {
    "11.A": Prediction(
        "There's a single layer, from 64 pixels straight to ten scores. How many new images in a hundred "
        "will it read correctly?",
        ("about 30", "about 60", "over 90"),
        answer="over 90",
        explain="In lesson 10 you saw what a single layer can't do, so a low number is tempting. But with 64 "
        "inputs there's a lot of room, and straight cuts separate most of the digits.",
    ),
    "11.B": Prediction(
        "Without a hidden layer, about four new images in a hundred are misread. How many of these four "
        "does a hidden layer put right?",
        ("one or two", "three", "all four"),
        answer="one or two",
        explain="Networks are praised for their hidden layers, so a higher number is tempting. But "
        "straight cuts do most of the work here. And this is a good start. Over ten starts the average is "
        "97.1%, and two do worse than the single layer.",
    ),
    "11.C": Prediction(
        "You train for ten epochs more. Which loss goes on falling, the one on the training images or the "
        "one on the validation images?",
        ("both", "only training", "only validation"),
        answer="only training",
        explain='"Both" is tempting, because so far they have fallen together. But each step is made for the '
        "training images, and nothing pulls the other loss down.",
    ),
}

# --- The first screen ---------------------------------------------------------------------------------------

#: Places in the test set. The network misreads one of them.
SHOWN = (26, 32, 23, 15, 152, 39, 33, 38, 24, 9)
FIRST = (
    "Ten handwritten digits of 8 by 8 grey pixels, with what the network says below each: 2, 3, 0, 9, 1, 5, "
    "8, 7, 4, 1."
)


def first_screen() -> Figure:
    """Ten images that the network never saw, and what it says below each."""
    net, fig = reader(), plots.new_figure(7.8, 1.37)
    answers = net.probabilities().argmax(axis=1)
    for ax, k in zip(fig.subplots(1, len(SHOWN)), SHOWN, strict=True):
        _paper(ax, net.images[k])
        ax.set_xlabel(f"“{answers[k]}”", size=14)
    plots.titled(fig, "Ten new images, and what the network says")
    return fig


def _paper(ax: Axes, image: Array) -> None:
    """A square image in grey, without ticks."""
    side = int(np.sqrt(image.size))
    ax.imshow(image.reshape(side, side), cmap="Greys", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set(visible=True, color=plots.LIGHT)


def mistakes() -> Figure:
    """Every test image that the network misreads, by letters."""
    net = reader()
    images = net.images[net.misread()].reshape(-1, 8, 8)
    return plots.image_gallery(images, "abcdefghijkl", columns=6, title="All 12 that it misreads, of 450")


MISTAKES = (
    "Twelve images, a to l, of 8 by 8 grey pixels. Their writers meant 2, 2, 6, 5, 8, 8, 3, 8, 7, 3, 8 and "
    "3, and several are hard to tell."
)


def compare(mine: Any) -> None:
    """Say how many of the misread images you read as their writers meant them."""
    net = reader()
    meant = "".join(map(str, net.labels[net.misread()]))
    if mine is ...:
        print('Put what you read in place of the ..., as "0123...", and run this cell again.')
    elif not (isinstance(mine, str) and mine.isdigit() and len(mine) == len(meant)):
        print(f"Give me {len(meant)} digits in quotation marks, one for each image.")
    else:
        right = sum(a == b for a, b in zip(mine, meant, strict=True))
        said = "".join(map(str, net.probabilities()[net.misread()].argmax(axis=1)))
        print(f"You read {right} of {len(meant)} as their writers meant them.")
        print(f"you          {mine}\nthe network  {said}\nthe writers  {meant}")


def one_image() -> Figure:
    """A digit as an image, and as the whole numbers that are stored."""
    image, fig = reader().images[SHOWN[0]], plots.new_figure(5.6, 2.9)
    left, right = fig.subplots(1, 2)
    for ax in (left, right):
        _paper(ax, image if ax is left else np.zeros(64))
    for (row, column), ink in np.ndenumerate((16 * image).astype(int).reshape(8, 8)):
        right.text(column, row, str(ink), ha="center", va="center", size=10)
    plots.titled(fig, "To the network, a 2 is 64 numbers")
    return fig


ONE_IMAGE = (
    "Left, a handwritten 2 of 8 by 8 grey pixels. Right, the same as a table of 8 by 8 whole numbers, from 0 "
    "where the paper is white to 16 where the ink is darkest."
)

# --- From one digit to another ------------------------------------------------------------------------------

#: One test image for each digit, read correctly and surely.
MODELS = (23, 25, 26, 32, 24, 39, 5, 73, 33, 15)


def _between(first: int, second: int, percent: int) -> tuple[Array, Array]:
    """The blended image, and the network's ten probabilities."""
    net, share = reader(), percent / 100
    image = (1 - share) * net.images[MODELS[first]] + share * net.images[MODELS[second]]
    return image, net.probabilities(image[None])[0]


def draw_between(fig: Figure, first: int, second: int, percent: int) -> None:
    """An image on its way from one digit to another, and the network's ten probabilities."""
    image, p = _between(first, second, percent)
    left, right = fig.subplots(1, 2, width_ratios=(1, 1.7))
    _paper(left, image)
    left.set_title(f"{100 - percent}% a {first}, {percent}% a {second}", size=11, weight="normal")
    right.bar(
        range(10), p, color=[plots.FORWARD if k in (first, second) else plots.BACKWARD for k in range(10)]
    )
    for k, value in enumerate(p):
        if value >= 0.005:
            right.text(k, value + 0.02, f"{value:.0%}", ha="center", size=9)
    right.set(xticks=range(10), ylim=(0, 1.12), yticks=[0, 0.5, 1], xlabel="digit", ylabel="probability")
    right.grid(visible=False)
    right.set_title(f"The network says {p.argmax()}")


def describe_between(first: int, second: int, percent: int) -> str:
    """The picture in words."""
    _, p = _between(first, second, percent)
    best, runner = np.argsort(-p)[:2]
    return (
        f"An image that is {100 - percent}% a {first} and {percent}% a {second}. The network says {best}, "
        f"with a probability of {p[best]:.0%}. The next is {runner}, with {p[runner]:.0%}."
    )


# --- Larger images ------------------------------------------------------------------------------------------


TEMPLATES = (
    "Ten pictures of 28 by 28 weights, one for each digit, red where ink speaks for the digit and blue "
    "where it speaks against it. The picture for 0 is blue in the middle with a red ring, and the one for 1 "
    "is a red stroke with blue on both sides."
)


def draw_losses(losses: Sequence[Sequence[float]]) -> Figure:
    """The two losses after each epoch, and where the second is lowest."""
    on_training, on_validation = zip(*losses, strict=True)
    lowest = int(np.argmin(on_validation)) + 1
    fig = plots.learning_curves(
        {"training": on_training, "validation": on_validation}, x=range(1, len(losses) + 1),
        accent="validation", title=f"After epoch {lowest}, only the training loss goes on falling",
        marks={lowest: "lowest"},
    )  # fmt: skip
    fig.axes[0].set_xticks([1, *range(5, len(losses) + 1, 5)])
    return fig


def losses_in_words(losses: Sequence[Sequence[float]]) -> str:
    """The same in words."""
    on_training, on_validation = zip(*losses, strict=True)
    lowest = int(np.argmin(on_validation)) + 1
    return (
        f"Two losses over {len(losses)} epochs. The one on the training images falls to "
        f"{on_training[-1]:.2f}. The one on the validation images falls to {min(on_validation):.2f} in epoch "
        f"{lowest}, and then rises to {on_validation[-1]:.2f}."
    )


def _confused(labels: Labels, answers: Labels) -> tuple[NDArray[np.int64], int, float]:
    """The counts, a row for each true digit; the digit that is read worst, and its share read correctly."""
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (labels, answers), 1)
    share = np.diag(counts) / counts.sum(axis=1)
    return counts, int(share.argmin()), float(share.min())


def draw_confusion(labels: Labels, answers: Labels) -> Figure:
    """How often each digit is read as which, a row for each true digit."""
    counts, worst, _ = _confused(labels, answers)
    fig = plots.confusion_matrix(counts, title=f"On these images, the {worst} is the hardest to read")
    fig.axes[0].set_ylabel("the writer meant")
    return fig


def confusion_in_words(labels: Labels, answers: Labels) -> str:
    """The same in words."""
    counts, worst, share = _confused(labels, answers)
    return (
        f"A table with a row for each true digit and a column for each answer. {counts.trace()} of "
        f"{counts.sum()} images lie on the diagonal. The {worst} is the hardest, with {share:.0%} of its "
        "images read correctly."
    )


# --- The deeper pages ---------------------------------------------------------------------------------------

REMEDIES = (
    "Gains over the plain network in points of a hundred, with standard errors. Shifts 1.8, dropout 0.2, "
    "weight decay 0.2, 3,500 images -0.4, early stopping -1.2, 784-10 -3.9."
)


def draw_remedies(right: Mapping[str, NDArray[np.int64]], plain: NDArray[np.int64]) -> Figure:
    """What each remedy gains on the plain network, with the standard error over the starts."""
    gains = {name: (counts - plain) / 10 for name, counts in right.items()}
    names = sorted(gains, key=lambda name: gains[name].mean())
    means = [gains[name].mean() for name in names]
    errors = [gains[name].std(ddof=1) / np.sqrt(len(plain)) for name in names]
    fig = plots.new_figure(7.0, 2.9)
    ax = fig.subplots()
    ax.errorbar(means, names, xerr=errors, fmt="o", color=plots.FORWARD, capsize=4)
    ax.axvline(0, color=plots.GREY, lw=1)
    ax.set(xlabel="gain over the plain network, in points",
           title="What says something true about digits helps most")  # fmt: skip
    return fig


def draw_wrong_labels(right: dict[float, dict[int, float]]) -> Figure:
    """For each share of wrong labels, the share of new images read right over the updates."""
    fig = plots.new_figure(6.4, 3.4)
    ax = fig.add_subplot()
    for marker, (share, curve) in zip("osD^", right.items(), strict=True):
        colour = plots.BACKWARD if share else plots.FORWARD
        ax.plot([*curve], [*curve.values()], f"{marker}-", color=colour, ms=4)
        ax.annotate(f"{share:.0%} wrong", (max(curve), curve[max(curve)]), (8, 0), color=colour,
                    textcoords="offset points", va="center", annotation_clip=False)  # fmt: skip
    ax.set(xscale="log", xlabel="updates", ylabel="new images read right", ylim=(0.4, 1))
    ax.set_title("A network that trains too long learns the mistakes as well")
    return fig


WRONG_LABELS = (
    "Four curves of new images read right, over 10 to 1,000 updates on a logarithmic axis. Without wrong "
    "labels the curve rises to 0.9 and stays. With 10, 30 and 50 percent wrong it rises first and then "
    "falls, the further the more labels are wrong."
)
