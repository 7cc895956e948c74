"""Pages on trial: the innocent ones are right, the planted faults are faults, the verdict counts."""

import numpy as np
import pytest
from oracles import refuses

from bphelpers.teaching import trial


def test_the_pile_is_the_same_every_time_and_has_all_kinds():
    pile = trial.innocents()
    assert [str(page) for page in pile[:20]] == [str(page) for page in trial.innocents(20)]
    chosen_from = {"activation": trial.ACTIVATIONS, "loss": trial.LOSSES, "biases": ("yes", "no"),
                   "printed update": trial.UPDATES, "weights shown": trial.LAYOUTS}  # fmt: skip
    for name, values in chosen_from.items():
        found = [page.about[name] for page in pile]
        assert set(found) == set(values) and min(map(found.count, values)) > 35
    rates = [float(page.about["rate"]) for page in pile]
    assert min(rates) < 0.1 and max(rates) > 4


@pytest.mark.parametrize("shown", [*trial.LAYOUTS, "any three", "updates of others"])
@pytest.mark.parametrize("loss", trial.LOSSES)
def test_a_worked_page_is_right(loss, shown):
    """The loss falls with a small rate, errors are the loss's, and changes are minus rate times gradient."""
    rng, target = np.random.default_rng(1), np.array([0.9, 0.1, 0.8])
    page = trial.worked(rng.random(5), target, rng, loss=loss, rate=0.2, shown=shown)
    assert page.new_error.sum() < page.error.sum()
    price, slope = trial.LOSSES[loss]
    np.testing.assert_allclose(price(page.output, target), page.error, atol=3e-3)
    off = 1e-6
    measured = (price(page.output + off, target) - price(page.output - off, target)) / (2 * off)
    np.testing.assert_allclose(slope(page.output, target), measured, rtol=1e-6)
    if shown != "updates of others":
        np.testing.assert_allclose(page.changes, -0.2 * page.updates, atol=1.2e-3)
    steps = page.rows[3:]
    assert [row[1] for row in steps] == page.new_output.tolist() and len(page.rows) == 6


@pytest.mark.parametrize(
    ("update", "factor"), [("gradient", -0.5), ("minus gradient", 0.5), ("rate times gradient", -1)]
)
def test_what_an_update_may_be(update, factor):
    rng = np.random.default_rng(2)
    page = trial.worked(rng.random(5), np.array([0.2, 0.5, 0.8]), rng, update=update)
    np.testing.assert_allclose(page.changes, factor * page.updates, atol=1.3e-3)


def test_weights_shown_are_a_row_a_column_or_the_diagonal():
    """In a row one delta is shared, so updates go like the senders' outputs; in a column, the sender's."""
    found = {}
    for shown in trial.LAYOUTS:
        rng = np.random.default_rng(3)
        page = found[shown] = trial.worked(np.ones(5), np.array([0.1, 0.5, 0.9]), rng, shown=shown)
        slope = page.output * (1 - page.output)
        delta = (page.output - page.target) * slope
        deltas = delta[0] if shown == trial.LAYOUTS[0] else delta
        senders = page.hidden[0] if shown == trial.LAYOUTS[1] else page.hidden
        np.testing.assert_allclose(page.updates[2], deltas * senders, atol=1.5e-3)
    into, out, diagonal = (page.weights for page in found.values())
    assert (into[:, 0] == out[:, 0]).all() and (into[:, 0] == diagonal[:, 0]).all()
    assert len({tuple(weights[2]) for weights in (into, out, diagonal)}) == 3


@pytest.mark.parametrize("fault", trial.FAULTS)
def test_a_planted_fault_changes_what_it_says(fault):
    rng = np.random.default_rng(0)
    changes = {"swapped errors": {"error", "new_error"}, "weights sent the wrong way": {"new_weights"},
               "shuffled updates": {"updates"}}  # fmt: skip
    seen = set()
    for page in trial.innocents(30):
        wrong = trial.planted(page, fault, rng)
        seen |= {
            name
            for name in vars(page)
            if name != "about" and (getattr(page, name) != getattr(wrong, name)).any()
        }
    assert seen == changes[fault]
    page = trial.innocents(1)[0]
    wrong = trial.planted(page, "weights sent the wrong way", rng)
    moved = wrong.new_weights != page.new_weights
    np.testing.assert_allclose(wrong.changes[moved], -page.changes[moved], atol=1e-9)
    assert trial.published().weights.tolist() == [[0.2, 0.7, 0.1], [0.9, 0.3, 0.6], [0.5, 0.8, 0.4]]


def test_the_published_page_is_cut_into_threes():
    page = trial.published()
    assert page.updates.shape == (14, 3) and page.updates[-1].tolist() == [0.046, 0.039, 0.052]
    np.testing.assert_allclose(page.changes[2], [-0.006, -0.003, -0.004])


def test_a_verdict_counts_and_hands_out_the_innocent():
    found = trial.verdict(lambda page: page.about.get("loss") != "squares")
    squares = sum(page.about["loss"] == "squares" for page in trial.innocents())
    assert found.page and len(found.innocents) == found.tried - squares
    assert "squares" not in {page.about["loss"] for page in found.innocents}
    assert str(trial.verdict(lambda page: np.False_)).splitlines()[:2] == [
        "convicts the page: no",
        "convicts right pages: 0 of 200",
    ]


def test_what_is_no_answer_is_refused():
    refuses(
        lambda: trial.verdict(lambda page: None), "argument must return True or False, got None (NoneType)"
    )
    rng = np.random.default_rng(0)
    refuses(lambda: trial.planted(trial.published(), "typo", rng), "fault must be one of swapped errors")
