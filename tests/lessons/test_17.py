"""Lesson 17: the first screen, the tables, ten starts, the picture, what the exercises break."""

import numpy as np
import pytest

from bphelpers import data, nn, optim
from bphelpers import functional as F
from bphelpers.lessons import lesson_17
from bphelpers.teaching.gradcheck import directional_check, numerical_gradient

STARTS = range(10)


@pytest.fixture(scope="module")
def text():
    alphabet = sorted(set(data.alice().lower()))
    codes = np.array([alphabet.index(character) for character in data.alice().lower()])
    return np.split(codes, [len(codes) * 9 // 10])


def test_the_first_screen():
    v, p = np.array([4.0, 0.0, 8.0]), np.array([0.5, 0.25, 0.25])
    np.testing.assert_allclose(F.softmax(np.array([lesson_17.SCORES]))[0], p)
    assert p @ v == 4 and (p * (v - 4)).tolist() == [0, -1, 1]
    slope = numerical_gradient(lambda s: float(F.softmax(s[None])[0] @ v), np.array(lesson_17.SCORES))
    np.testing.assert_allclose(slope, [0, -1, 1], atol=1e-8)
    assert lesson_17.describe_balance(4.0, lesson_17.SCORES[0]) == (
        "The values are 4 with weight 0.5, blame 0; 0 with weight 0.25, blame -1; 8 with weight 0.25, "
        "blame +1. The average is 4."
    )


def test_the_first_friend_matters_less_when_hardly_anybody_else_is_heard():
    _, p, o, blame = lesson_17._balance(4.0, 3.0)
    assert p[0] > 0.9 and abs(blame).max() < 0.25 and abs(o - 4) < 1e-12
    assert lesson_17._balance(5.0, 0.7)[3][0] > 0.2


def test_blames_of_a_row_add_up_to_0_and_equal_values_have_none():
    rng = np.random.default_rng(0)
    p = F.softmax(rng.normal(size=(3, 5)))
    np.testing.assert_allclose(F.softmax_backward(rng.normal(size=(3, 5)), p).sum(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(F.softmax_backward(np.full((3, 5), 7.0), p), 0, atol=1e-14)


def test_what_is_subtracted_is_dout_times_out():
    """What FlashAttention uses, and the page says under Sources."""
    rng = np.random.default_rng(1)
    q, k, v, dout = (rng.normal(size=(5, 3)) for _ in range(4))
    p = F.softmax(q @ k.T / np.sqrt(3))
    np.testing.assert_allclose((p * (dout @ v.T)).sum(axis=1), (dout * (p @ v)).sum(axis=1), rtol=1e-12)


def test_what_the_page_says_of_the_book(lesson):
    assert len(lesson.text) == 139_394 and len(lesson.alphabet) == 38
    assert round(np.log(38), 1) == 3.6
    rounded = {name: round(loss, 2) for name, loss in lesson.tables.items()}
    assert rounded == {"pairs": 2.32, "triples": 1.82, "fives": 1.44}
    assert round(np.exp(lesson.tables["pairs"])) == 10 and round(np.exp(1.7), 1) == 5.5


def test_counted_tables(text):
    """Without anything unseen to care for, the rule gives what counting gives; fives are the best length."""
    training, held_out = text
    losses = [lesson_17.counted(training, held_out, length) for length in range(1, 8)]
    assert [round(loss, 2) for loss in losses] == [2.98, 2.32, 1.81, 1.51, 1.44, 1.47, 1.55]
    again = np.array([0, 1, 0, 1, 1, 0])
    # Of three followers of 0 all are 1, one kind; a shorter context says (3 + 2/2) / 8 for 1.
    short = (3 + 2 * 0.5) / 8
    assert np.isclose(lesson_17.counted(again, np.array([0, 1]), 2), -np.log((2 + 1 * short) / 3))


def test_the_network_has_32822_numbers_and_the_right_gradient(lesson):
    net = lesson.transformer(3, dtype=np.float64)
    assert net.flat.data.size == 32_822
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 38, size=(4, 16)), rng.integers(0, 38, size=64)
    promised, measured = directional_check(net, nn.CrossEntropyLoss(), x, y, rng)
    assert abs(promised - measured) < 1e-6


def test_losses_by_place(lesson):
    by_place, tables = lesson.costs.mean(axis=0), lesson.tables
    assert abs(by_place[0] - tables["pairs"]) < 0.06
    assert abs(by_place[1] - tables["triples"]) < 0.15
    assert ((by_place[2:] < tables["triples"]) & (by_place[2:] > tables["fives"])).all()
    assert 1.66 < lesson.costs.mean() < 1.74


def test_broken_passes_as_the_page_describes_them(lesson):
    assert lesson.end["correct"] < 1.9 < 2.5 < lesson.end["no average"]
    assert lesson.end["no mask"] < 0.3
    assert lesson.one_back.max() > 0.6


def _trained(lesson, seed, updates=300, gradient=None, lookup=None):
    net = lesson.transformer(seed)
    net[2][1].gradient = gradient or net[2][1].gradient
    net[0].gradient = lookup or net[0].gradient
    return np.mean(lesson.train(net, seed, updates)[-50:])


def _last_visit(dout, x, E):
    dE = np.zeros_like(E)
    dE[x] += dout
    return dE


def test_ten_starts(lesson):
    """After 300 updates the order of the table on the page is there already."""
    for seed in STARTS:
        right = _trained(lesson, seed)
        assert right < 2.2
        assert _trained(lesson, seed, gradient=lesson.without_average) > 2.4
        assert abs(_trained(lesson, seed, lookup=_last_visit) - right) < 0.1


def test_without_attention_it_is_the_table_of_pairs(lesson):
    net = lesson.transformer(0)
    net[2][1].out_proj.W.data = np.zeros((48, 48))
    net[2][1].out_proj.backward = lambda dout: np.zeros_like(dout)
    rule, loss = optim.Adam(lr=0.005), nn.CrossEntropyLoss()
    rng, losses = np.random.default_rng(0), []
    for _ in range(400):
        x, y = lesson.windows(lesson.training, rng.integers(0, len(lesson.training) - 16, size=16))
        losses.append(loss(net(x), y))
        net.backward(loss.backward())
        net[2][1].out_proj.W.grad = np.zeros((48, 48))
        net[2][1].out_proj.b.grad = np.zeros(48)
        rule.step([net.flat])
    assert 2.25 < np.mean(losses[-100:]) < 2.55


@pytest.mark.parametrize("first", [1, 4, 7])
@pytest.mark.parametrize("score", [-2.0, 0.7, 3.0])
def test_the_balance_is_drawn_over_its_whole_range(first, score):
    from bphelpers.teaching import plots

    fig = plots.new_figure(7.0, 3.0)
    lesson_17.draw_balance(fig, first, score)
    said = [words.get_text() for words in fig.axes[0].texts]
    v, p, _, blame = lesson_17._balance(first, score)
    for value, weight, slope in zip(v, p, blame, strict=True):
        assert f"says {lesson_17._short(value)}" in said and lesson_17._short(weight) in said
        assert (lesson_17._short(slope, "+") in said) == (abs(slope) > 0.005)


def test_the_broken_functions_of_the_page_are_wrong_without_a_sound(lesson):
    rng = np.random.default_rng(3)
    q, k, v, dout = (rng.normal(size=(4, 3)) for _ in range(4))
    p = lesson.attention(q, k, v)[1]
    right = lesson_17.attention_backward(dout, q, k, v, p)
    wrongs = lesson_17._attention_mistakes(dout, q, k, v, p)
    both = wrongs["neither ds nor p is transposed: nothing is repaired yet"]
    assert [np.allclose(a, b) for a, b in zip(right, both, strict=True)] == [True, False, False]
    assert [a.shape for a in both] == [a.shape for a in right]
    assert _last_visit(np.array([[1.0], [10.0], [100.0]]), np.array([1, 0, 1]), np.zeros((2, 1)))[1] == 100
