"""Lesson 11 and its deeper pages: real digits, honest scores, remedies, wrong labels."""

import numpy as np
import pytest

from bphelpers import data, nn, numeric, optim, training
from bphelpers import functional as F
from bphelpers.lessons import lesson_11
from bphelpers.teaching import check, gradcheck, results
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

X8, y8 = data.digits()
ZEROS = {"W1": np.zeros((10, 64)), "b1": np.zeros(10)}


def answers(params, X):
    return lesson_11.forward(X, params)[-1].argmax(axis=1)


def piles(seed):
    """Training, validation and test images of the small set, as the lesson deals them."""
    rng = np.random.default_rng(seed)
    X, X_test, y, y_test = data.train_test_split(X8, y8, 450, rng)
    X, X_val, y, y_val = data.train_test_split(X, y, 347, rng)
    return (X, y), (X_val, y_val), (X_test, y_test)


def trained(images, sizes, lr, seed=0, params=None, epochs=40):
    (X, y), rng = images, np.random.default_rng(seed)
    params = lesson_11.first_weights(sizes, seed) if params is None else params
    for _ in range(epochs):
        for rows in data.minibatches(len(X), 50, rng):
            params = lesson_11.train_step(X[rows], np.eye(10)[y[rows]], params, lr)
    return params


def nearest(X, y, new):
    """The digit of the most similar training image."""
    squares = np.sum(new**2, axis=1)[:, None] - 2 * new @ X.T + np.sum(X**2, axis=1)
    return y[squares.argmin(axis=1)]


# --- The first screen ---------------------------------------------------------------------------------------


def test_the_first_screen_shows_one_wrong_answer_the_fifth():
    net = lesson_11.reader()
    shown = list(lesson_11.SHOWN)
    said = net.probabilities()[shown].argmax(axis=1)
    assert np.flatnonzero(said != net.labels[shown]).tolist() == [4] and net.labels[shown][4] == 6
    assert ", ".join(map(str, said)) in lesson_11.FIRST


def test_the_network_of_the_first_screen_is_trained_on_the_page(lesson):
    net = lesson_11.reader()
    for name, w in net.params.items():
        np.testing.assert_array_equal(lesson.net[name], w)
    np.testing.assert_array_equal(np.flatnonzero(lesson.wrong), net.misread())
    assert sum(w.size for w in net.params.values()) == 2410 and lesson.wrong.sum() == 12
    meant = net.labels[net.misread()].tolist()
    assert ", ".join(map(str, meant[:-1])) + f" and {meant[-1]}" in lesson_11.MISTAKES


def test_what_it_says_of_your_reading(capsys):
    net = lesson_11.reader()
    meant = "".join(map(str, net.labels[net.misread()]))
    for mine, says in (
        (..., "Put what you read"),
        ("12", "Give me 12 digits"),
        (123456789012, "Give me 12 digits"),
        (meant, "You read 12 of 12"),
        ("9" + meant[1:], "You read 11 of 12"),
    ):
        lesson_11.compare(mine)
        assert says in capsys.readouterr().out


# --- The three piles ----------------------------------------------------------------------------------------


def test_no_image_is_in_two_piles_and_none_occurs_twice():
    rows = [row.tobytes() for pile in piles(0) for row in pile[0]]
    assert [len(pile[0]) for pile in piles(0)] == [1000, 347, 450]
    assert len(set(rows)) == len(rows) == 1797


def test_the_larger_images_are_dealt_without_overlap(lesson):
    piles_of_X = (lesson.big_X_train, lesson.big_X_val, lesson.big_X_test)
    rows = [row.tobytes() for X in piles_of_X for row in X]
    assert [len(X) for X in piles_of_X] == [3000, 1000, 1000]
    assert len(set(rows)) == 5000
    digit_of = {row.tobytes(): digit for row, digit in zip(lesson.big_X, lesson.big_labels, strict=True)}
    test = lesson.big_X_test, lesson.big_labels_test
    for X, labels in (lesson.big_training, lesson.big_validation, test):
        assert [digit_of[row.tobytes()] for row in X] == labels.tolist()
    assert np.array_equal(lesson.big_labels, np.repeat(np.arange(10), 500)), "stored in order"


# --- The step -----------------------------------------------------------------------------------------------


def test_the_table_of_three_digits():
    dz = F.softmax_cross_entropy_backward(np.log([[0.7, 0.2, 0.1]]), np.array([1]))
    np.testing.assert_allclose(dz, [[0.7, -0.8, 0.1]], atol=1e-12)


@pytest.mark.parametrize("sizes", [(64, 10), (64, 7, 10), (64, 6, 5, 10)])
def test_a_step_moves_every_weight_by_its_gradient(lesson, sizes):
    X, y = X8[:6], y8[:6]
    params = lesson_11.first_weights(sizes, 1)
    moved = lesson.step(X, np.eye(10)[y], params, 1.0)
    for name in params:
        slope = numeric.numerical_gradient(
            lambda w, name=name: lesson.loss(params | {name: w}, (X, y)), params[name]
        )
        np.testing.assert_allclose(params[name] - moved[name], slope, rtol=1e-5, atol=1e-8)


def test_the_package_trains_the_same_network(lesson):
    """The loop of the page is `training.fit`."""
    params = lesson_11.first_weights((64, 32, 10), 0)
    net = nn.Sequential(nn.Linear(64, 32, rng=np.random.default_rng(0)), nn.Sigmoid(),
                        nn.Linear(32, 10, rng=np.random.default_rng(0)))  # fmt: skip
    net.load_state_dict(params)
    (images, labels), _, _ = piles(0)
    assert gradcheck.check_network(net, nn.CrossEntropyLoss(), images[:4], labels[:4]).ok
    rng = np.random.default_rng(0)
    training.fit(net, nn.CrossEntropyLoss(), optim.SGD(5.0), (images, labels), 3, 50, rng, progress=False)
    ours = lesson.train(params, (images, labels), epochs=3, lr=5.0)[-1]
    for name, w in net.state_dict().items():
        np.testing.assert_allclose(w, ours[name], rtol=1e-9, atol=1e-12)


# --- Scores -------------------------------------------------------------------------------------------------


def test_the_ladder_of_the_small_images():
    train, (X_val, y_val), (X_test, y_test) = piles(0)
    single, hidden = trained(train, None, 1.0, params=ZEROS), trained(train, (64, 32, 10), 5.0)
    assert np.sum(answers(single, X_val) != y_val) == 12
    assert np.sum(answers(hidden, X_val) != y_val) == 7
    assert np.array_equal(answers(hidden, train[0]), train[1]), "every training image is read"
    assert np.sum(answers(hidden, X_test) != y_test) == 12
    assert np.mean(nearest(*train, X_test) == y_test) > 0.985


def test_the_rates_did_best_on_the_validation_images():
    train, (X_val, y_val), _ = piles(0)
    single = {lr: np.mean(answers(trained(train, None, lr, params=ZEROS), X_val) == y_val)
              for lr in (0.3, 0.5, 1.0, 2.0, 3.0)}  # fmt: skip
    hidden = {lr: np.mean(answers(trained(train, (64, 32, 10), lr), X_val) == y_val)
              for lr in (0.5, 1.0, 2.0, 3.0, 4.0, 5.0)}  # fmt: skip
    assert max(single, key=single.get) == 1.0 and max(hidden, key=hidden.get) == 5.0


@pytest.mark.ten_starts
def test_ten_starts_of_the_network_on_the_page(lesson):
    """The reply to 11.B, and the image that's black all over."""
    _, (X_val, y_val), _ = piles(0)
    starts = [lesson_11.first_weights((64, 32, 10), seed) for seed in range(10)]
    nets = [trained(piles(0)[0], None, 5.0, params=start) for start in starts]
    shares = [np.mean(answers(net, X_val) == y_val) for net in nets]
    assert round(100 * np.mean(shares), 1) == 97.1 and shares[0] > np.mean(shares)
    single = trained(piles(0)[0], None, 1.0, params=ZEROS)
    assert np.sum(np.array(shares) < np.mean(answers(single, X_val) == y_val)) == 2
    assert {2} < {int(answers(net, np.ones((1, 64)))[0]) for net in nets}


@pytest.mark.ten_starts
def test_the_gains_of_ten_splits():
    """The table's words on the deeper page."""
    gains = []
    for seed in range(10):
        train, _, (X_test, y_test) = piles(seed)
        plain = np.mean(answers(trained(train, None, 1.0, seed, ZEROS), X_test) == y_test)
        gains.append([100 * (np.mean(answers(trained(train, sizes, 5.0, seed), X_test) == y_test) - plain)
                      for sizes in ((64, 10, 10), (64, 32, 10))])  # fmt: skip
    np.testing.assert_allclose(np.mean(gains, axis=0), [0.27, 0.82], atol=0.15)
    np.testing.assert_allclose(np.min(gains, axis=0), [-0.7, -0.7], atol=0.3)
    np.testing.assert_allclose(np.max(gains, axis=0), [1.6, 2.0], atol=0.3)
    error = np.std(gains, axis=0, ddof=1) / np.sqrt(10)
    assert (error > 0.15).all() and (error < 0.35).all()


@pytest.mark.ten_starts
def test_another_start_changes_the_score_by_a_point_or_so():
    train, _, (X_test, y_test) = piles(0)
    shares = [
        np.mean(answers(trained(train, (64, 32, 10), 5.0, seed), X_test) == y_test) for seed in range(10)
    ]
    assert 0.003 < np.std(shares) < 0.015


def test_an_image_that_is_black_all_over_is_a_2():
    p = lesson_11.reader().probabilities(np.ones((1, 64)))[0]
    assert p.argmax() == 2 and round(p[2], 2) == 0.99


def test_halfway_between_a_1_and_a_6_is_an_8(lesson):
    assert "The network says 8, with a probability of 9" in str(lesson.between)
    net = lesson_11.reader()
    models = list(lesson_11.MODELS)
    assert net.labels[models].tolist() == list(range(10))
    assert net.probabilities()[models].argmax(axis=1).tolist() == list(range(10))
    for first, second in ((1, 6), (3, 3), (0, 9)):
        for percent, digit in ((0, first), (100, second)):
            assert f"The network says {digit}," in lesson_11.describe_between(first, second, percent)


# --- Larger images ------------------------------------------------------------------------------------------


def test_the_larger_images_gain_more_from_a_hidden_layer(lesson):
    X_val, y_val = lesson.big_validation
    single, hidden = (np.mean(answers(params, X_val) == y_val)
                      for params in (lesson.big_single, lesson.after[9]))  # fmt: skip
    assert 0.015 < hidden - single < 0.04
    by_lookup = np.mean(nearest(*lesson.big_training, lesson.big_X_test) == lesson.big_labels_test)
    assert 0.93 < by_lookup < 0.945 and np.mean(lesson.answers == lesson.big_labels_test) < by_lookup


@pytest.mark.parametrize(("lr_single", "lr_hidden"), [(0.2, 2.0), (1.0, 5.0), (2.0, 5.0)])
def test_shrunk_to_7_by_7_pixels_they_gain_at_least_as_much(lesson, lr_single, lr_hidden):
    def shrunk(X):
        return X.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)

    def right(sizes, lr, start=None):
        net = trained((shrunk(X), y), sizes, lr, params=start, epochs=10)
        return np.sum(answers(net, shrunk(X_val)) == y_val)

    (X, y), (X_val, y_val) = lesson.big_training, lesson.big_validation
    zeros = {"W1": np.zeros((10, 49)), "b1": np.zeros(10)}
    gain = right((49, 32, 10), lr_hidden) - right(None, lr_single, zeros)
    single, hidden = (np.sum(answers(net, X_val) == y_val) for net in (lesson.big_single, lesson.after[9]))
    assert gain >= hidden - single > 0


def test_the_middle_of_a_0_is_cold_and_a_1_is_a_stroke(lesson):
    pictures = lesson.big_single["W1"].reshape(10, 28, 28)
    assert pictures[0, 12:16, 12:16].mean() < -0.2 < 0.2 < pictures[1, 12:16, 13:15].mean()


def test_the_validation_loss_turns_and_the_training_loss_does_not(lesson):
    on_training, on_validation = np.transpose(lesson.losses)
    assert lesson.best < 14 and on_validation[-1] > on_validation[lesson.best] + 0.01
    assert on_training[-1] < 0.3 * on_training[lesson.best]
    assert np.all(np.diff(on_training[:10]) < 0) and np.sum(np.diff(on_validation[:10]) > 0) <= 3
    at_best, at_end = (np.mean(answers(p, lesson.big_X_val) == lesson.big_labels_val)
                       for p in (lesson.after[lesson.best], lesson.after[-1]))  # fmt: skip
    assert abs(at_best - at_end) < 0.01, "the share of right answers stays"


@pytest.mark.ten_starts
def test_it_overfits_from_ten_starts(lesson):
    for seed in range(10):
        start = lesson_11.first_weights((784, 32, 10), seed)
        after = lesson.train(start, lesson.big_training, epochs=20, lr=2.0)
        on_training = [lesson.loss(params, lesson.big_training) for params in after]
        on_validation = [lesson.loss(params, lesson.big_validation) for params in after]
        best = int(np.argmin(on_validation))
        assert 5 < best < 15 and on_validation[-1] > on_validation[best] and on_training[-1] < 0.03


# --- The exercises ------------------------------------------------------------------------------------------


def in_place(X, Y, params, lr):
    new = lesson_11.train_step(X, Y, params, lr)
    for name, w in params.items():
        w -= w - new[name]
    return params


def rebinding(X, Y, params, lr):
    params.update(lesson_11.train_step(X, Y, params, lr))
    return params


def slope_of_the_layer_itself(X, Y, params, lr):
    A = lesson_11.forward(X, params)
    return {"W1": (A[-1] - Y) @ params["W2"] * A[2] * (1 - A[2])}


@pytest.mark.parametrize(
    ("key", "wrong", "says"),
    [
        ("11.1", [[0.5, 0.3, -0.8], [0.1, -0.2, 0.1]], "divide by 2"),
        ("11.2", in_place, "changed its argument params: leave it as it was, and write into a new"),
        ("11.2", rebinding, "changed its argument params: leave it as it was, and write into a new"),
        ("11.2", lambda X, Y, params, lr: {"W1": 0, "b1": 0}, ""),
        ("11.2", slope_of_the_layer_itself, "(5,2) (two arrays that meet in `*`, `+` or `-` need the same"),
        ("11.3", lesson_11.broken_split, "nothing is repaired yet"),
        ("11.3", lambda X, labels, order, n: (X[order], X[order][:n], labels[order], labels[order][:n]),
         "the test images are among the training images"),
    ],
)  # fmt: skip
def test_what_a_wrong_answer_hears(key, wrong, says, capsys):
    check(key, wrong)
    said = " ".join(capsys.readouterr().out.split())
    assert "right:" not in said and says in said


def test_a_right_answer_may_be_written_otherwise(capsys):
    def by_slices(X, labels, order, n_test):
        return X[order[n_test:]], X[order[:n_test]], labels[order[n_test:]], labels[order[:n_test]]

    def backwards(X, Y, params, lr):
        return dict(reversed(lesson_11.train_step(X, Y, params, lr).items()))

    check("11.3", by_slices)
    check("11.2", backwards)
    assert capsys.readouterr().out.count("right:") == 2


def test_the_broken_split_on_the_page_is_the_one_that_is_listed():
    lines = (NOTEBOOKS / "11_handwritten_digits.ipynb").read_text(encoding="utf-8")
    assert "X_train, labels_train = X, labels" in lines and "labels = labels[order]\\n" not in lines


# --- How far can you trust a score? -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trust():
    return solved(NOTEBOOKS / "deeper" / "11_how_far_to_trust_a_score.ipynb").variables


def test_the_longest_gradient_comes_from_a_batch_of_three(trust):
    (longest, _, images), (second, *_), *_ = trust.later
    assert images == 3 and longest > 4 * second
    assert trust.highest(33, 0) < 0.4 < 1 < trust.highest(32, 0)


def test_the_last_images_of_the_file_are_harder_and_neighbours_are_alike(trust):
    head, tail = (X8[:-450], y8[:-450]), (X8[-450:], y8[-450:])
    assert np.mean(answers(trained(head, (64, 32, 10), 5.0), tail[0]) == tail[1]) < 0.945
    assert 0.955 < np.mean(nearest(*head, tail[0]) == tail[1]) < 0.97
    assert np.mean(trust.far) > 1.2 * np.mean(trust.near)


def test_the_standard_error_is_what_draws_scatter_by(trust):
    assert trust.drawn.mean(axis=1).std() == pytest.approx(np.sqrt(0.97 * 0.03 / 450), rel=0.03)


# --- Which remedy helps? ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def remedy():
    return solved(NOTEBOOKS / "deeper" / "11_which_remedy_helps.ipynb").variables


def test_the_first_start_agrees_with_the_benchmark(remedy):
    stored = results.remedies()["right"]
    assert abs(remedy.reads(remedy.X, remedy.y, 10) - stored["plain"][0]) <= 1
    net = remedy.build(np.random.default_rng(0))
    assert sum(p.data.size for p in net.parameters()) == 109_386
    assert remedy.pairs[0] < 0 < remedy.pairs[1:].min()


def test_the_step_with_weight_decay():
    w = nn.Parameter(np.array([0.8]), "w")
    w.grad = np.array([0.1])
    optim.SGD(0.5, weight_decay=0.01).step([w])
    assert w.data[0] == pytest.approx(0.746)


def test_dropout_keeps_the_mean(remedy):
    rng = np.random.default_rng(3)
    assert np.mean([remedy.dropout(np.ones((2, 5)), 0.4, rng)[0] for _ in range(2000)]) == pytest.approx(
        1, abs=0.02
    )


@pytest.mark.ten_starts
def test_five_networks_together_read_more_than_one_on_average():
    gains = []
    for seed in range(10):
        train, _, (X_test, y_test) = piles(seed)
        p = [
            lesson_11.forward(X_test, trained(train, (64, 32, 10), 5.0, 10 * seed + k))[-1] for k in range(5)
        ]
        alone = np.mean([np.mean(one.argmax(axis=1) == y_test) for one in p])
        gains.append(np.mean(np.mean(p, axis=0).argmax(axis=1) == y_test) - alone)
    assert np.mean(gains) > 0.001 and sum(gain > 0 for gain in gains) >= 8


def test_a_fold_tells_less_than_five(remedy):
    means = [remedy.fold_scores(lr) for lr in (3.0, 30.0)]
    assert abs(means[0].mean() - means[1].mean()) < 0.01 and min(np.ptp(found) for found in means) > 0.02


# --- Wrong labels -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    return solved(NOTEBOOKS / "deeper" / "11_wrong_labels.ipynb").variables


def test_wrong_labels_are_wrong_and_the_others_are_not(page):
    given, wrong = page.with_wrong_labels(0.3, np.random.default_rng(7))
    assert np.array_equal(given != page.y, wrong) and 0.25 < wrong.mean() < 0.35
    assert set(given) == set(range(10))


def test_the_gradient_of_a_wrong_label_of_a_network_that_reads_well():
    scores = np.array([[9.0, 0.0, 0.0]])
    right, wrong = (F.softmax_cross_entropy_backward(scores, np.array([label])) for label in (0, 1))
    assert np.abs(right).max() < 0.001
    np.testing.assert_allclose(wrong, [[1, -1, 0]], atol=0.001)


def test_the_curve_without_wrong_labels_rises_and_the_others_fall(page):
    for share, (*_, right) in page.runs.items():
        assert (right[1000] > right[100]) == (share == 0)


RANGES = {0.0: (0.92, 0.94, 0.94, 0.95), 0.1: (0.90, 0.93, 0.80, 0.87),
          0.3: (0.83, 0.91, 0.73, 0.79), 0.5: (0.77, 0.85, 0.58, 0.69)}  # fmt: skip


@pytest.mark.ten_starts
@pytest.mark.parametrize("share", RANGES)
def test_the_table_of_wrong_labels_from_ten_starts(page, share):
    found = np.array([list(page.trained(share, (100, 1000), seed)[3].values()) for seed in range(10)])
    lowest_and_highest = np.stack([found.min(axis=0), found.max(axis=0)], axis=1).ravel()
    np.testing.assert_allclose(lowest_and_highest, RANGES[share], atol=0.01)


@pytest.mark.ten_starts
def test_suspicious_labels_are_wrong_from_ten_starts(page):
    found, shares = [], []
    for updates in (100, 1000):
        for seed in range(10):
            net, given, wrong, _ = page.trained(0.1, [updates], seed)
            found.append(wrong[page.most_suspicious(net, given, wrong.sum())].mean())
            pull = np.abs(F.softmax(net(page.X)) - np.eye(10)[given]).sum(axis=1)
            shares.append(pull[wrong].sum() / pull.sum())
    early, late = np.reshape(found, (2, 10))
    assert early.min() > 0.9 and (late < early).all()
    early, late = np.reshape(shares, (2, 10))
    assert early.min() > 0.3 and early.max() < 0.4 and 0.45 < np.median(late) < 0.55
