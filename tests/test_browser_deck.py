"""The deck of claims: by keyboard in JupyterLab in Chromium, and its look in a bare page."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from browser_tools import (
    LabServer,
    Seen,
    lowest_contrast,
    nameless,
    open_lesson,
    put,
    run_all,
)
from playwright.sync_api import Browser, Page

from bphelpers.teaching import claims
from bphelpers.teaching.claims.dealing import Deck

pytestmark = pytest.mark.browser

DECK = "import bphelpers as bp\ndeck = bp.claims.deck()\ndeck"
CELLS = "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells"
TEXTS = "p:not(:empty), span, a, pre, th, td, button:not([aria-disabled=true])"


def said(page: Page, part: str) -> str:
    return page.locator(f".bp-deck .{part}").inner_text()


def until(page: Page, part: str, text: str) -> None:
    page.locator(f".bp-deck .{part}", has_text=text).wait_for(timeout=20_000)


def test_by_keyboard_alone(browser: Browser, server: LabServer) -> None:
    """Answer, run, go on, go back, score and reset; none of the keys reaches the notebook."""
    deck = claims.deck()
    first, second, third = deck._deck[:3]
    with open_lesson(browser, server, put(server, "deck", DECK, "1 + 1")) as (page, seen):
        page.evaluate(
            "() => history.replaceState(null, '', '/lab/tree/deck.ipynb')"
        )  # as `make lab` opens it
        assert run_all(page) == [] and nameless(page) == []
        assert said(page, "claim") == first.claim and first.say in said(page, "told")
        assert said(page, "count") == "1 of 52"
        href = page.locator(".bp-deck .where a").evaluate("a => a.href")
        assert href.endswith(f"/lab/tree/{first.link}")
        page.evaluate("() => history.replaceState(null, '', '/lab')")
        page.locator(".bp-deck").get_by_role("button", name="Run it").focus()
        page.keyboard.press("Enter")
        until(page, "result", "With rate=1 in place of rate=10 it says right")
        page.keyboard.press("Enter")  # once more
        until(page, "result", "so it could have come out otherwise")

        page.keyboard.press("ArrowRight")
        until(page, "claim", second.claim)
        assert said(page, "told") == "" and not page.locator(".bp-deck .cell").is_visible()
        page.locator(".bp-deck").get_by_role("button", name="Next").focus()
        wrong = next(name for name in claims.VERDICTS if name != second.verdict)
        page.keyboard.press(str(1 + list(claims.VERDICTS).index(wrong)))
        until(page, "told", f"You said {wrong}. {second.verdict.capitalize()}. {second.say}")
        page.keyboard.press(str(1 + list(claims.VERDICTS).index(second.verdict)))  # too late
        page.keyboard.press("Enter")  # Next
        until(page, "claim", third.claim)
        page.keyboard.press(str(1 + list(claims.VERDICTS).index(third.verdict)))
        until(page, "told", f"{third.verdict.capitalize()}. {third.say}")
        page.keyboard.press("ArrowLeft")
        until(page, "told", f"You said {wrong}. ")

        page.locator(".bp-deck").get_by_role("button", name="Score").press("Enter")
        until(page, "total", "You judged 1 of 2 claims as the deck does.")
        rows = page.locator(".bp-deck tbody tr").all_inner_texts()
        assert any(
            f"lesson {second.lesson[:2]}" in row for row in rows
        ) and "nothing to go back to" in " ".join(rows)
        page.locator(".bp-deck").get_by_role("button", name="Reset").press("Enter")
        until(page, "count", "1 of 52")
        page.keyboard.press("b")  # in JupyterLab's command mode, this makes a new cell
        cells = page.evaluate(CELLS)
        assert [(cell["cell_type"], cell["source"]) for cell in cells] == [("code", DECK), ("code", "1 + 1")]
        assert page.evaluate("() => document.activeElement.closest('.bp-deck') !== null"), "the focus stays"
        assert seen.errors == [] and seen.outside == []

        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        page.wait_for_timeout(500)
        page.keyboard.press("ArrowRight")  # a kernel that is gone leaves the cards
        page.keyboard.press("1")
        until(page, "told", second.say)


MODEL = """
const state = %s;
const heard = {};
const model = {
  get: (name) => state[name], save_changes: () => {}, send: () => {}, off: () => {},
  set: (name, value) => { state[name] = value; (heard[`change:${name}`] ?? []).forEach((act) => act()); },
  on: (name, act) => (heard[name] ??= []).push(act),
};
window.model = model;
const blob = new Blob([document.querySelector("#module").textContent], { type: "text/javascript" });
const { default: deck } = await import(URL.createObjectURL(blob));
deck.render({ model, el: document.querySelector("main") });
"""


def test_it_fits_and_can_be_read(browser: Browser, tmp_path: Path) -> None:
    deck = claims.deck()
    for _ in range(9):
        deck.next()
        deck.answer("wrong")
    names = ("cards", "verdicts", "at", "view", "first", "answers", "runs", "score", "total")
    state = json.dumps({name: getattr(deck, name) for name in names}).replace("</", "<\\/")
    path = tmp_path / "deck.html"
    path.write_text(
        f"<!doctype html><meta charset=utf-8><style>body {{ margin: 0 }} {Deck._css}</style><main></main>"
        f'<script id="module" type="text/plain">{Deck._esm}</script>'
        f'<script type="module">{MODEL % state}</script>',
        encoding="utf-8",
    )
    context, seen = browser.new_context(offline=True), Seen()
    page = context.new_page()
    seen.watch(context, page)
    page.goto(path.as_uri())
    page.wait_for_selector(".bp-deck")
    for width, theme, (view, at) in product(
        (320, 390, 1180), ("light", "dark"), [("card", k) for k in range(0, 52, 3)] + [("score", 0)]
    ):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        page.evaluate("([view, at]) => { model.set('view', view); model.set('at', at); }", [view, at])
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= width, (width, view, at)
        assert lowest_contrast(page, ".bp-deck", TEXTS) > 4.5, (theme, view, at)
    assert seen.errors == [] and seen.outside == []
    context.close()
