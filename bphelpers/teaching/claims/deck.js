// The deck: shows the cards that Python sends. Its state is in the traits `at`, `answers`, `view`; Python counts the
// score and runs the cells: the page sends {ask: "run", number}, and the answer arrives in `runs`.

const QUIET = { "data-lm-suppress-shortcuts": "true" }; // JupyterLab's own shortcuts keep off such a node

function make(tag, attributes = {}, children = []) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function button(text, attributes, press) {
  const node = make("button", { type: "button", ...attributes, ...QUIET }, [text]);
  node.addEventListener("click", () => node.ariaDisabled !== "true" && press());
  return node;
}

// What a screen reader announces is only touched if it changes.
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// A notebook beside this one can be opened where the address of the page says where this one lies.
function linked(text, href) {
  if (!window.location.pathname.includes("/tree/")) return make("span", {}, [text]);
  return make("a", { href, target: "_blank", rel: "noopener", ...QUIET }, [text]);
}

function scoreTable(score) {
  const rows = score.map(({ topic, right, of, back }) => {
    const lessons = back.flatMap(([text, href], k) => [k ? ", " : "", linked(text, href)]);
    return make("tr", {}, [
      make("th", { scope: "row" }, [topic]),
      make("td", {}, [`${right} of ${of}`]),
      make("td", {}, lessons.length ? lessons : ["nothing to go back to"]),
    ]);
  });
  const heads = ["topic", "as the deck", "go back to"].map((text) => make("th", { scope: "col" }, [text]));
  return make("table", {}, [make("thead", {}, [make("tr", {}, heads)]), make("tbody", {}, rows)]);
}

function render({ model, el }) {
  const cards = model.get("cards");
  const verdicts = Object.entries(model.get("verdicts"));
  const last = cards.length - 1;
  const asked = new Set(); // numbers of the cards whose cells were sent to run

  const set = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
  const card = () => cards[model.get("at")];
  const said = () => model.get("answers")[card().number];

  function answer(choice) {
    if (model.get("view") === "card" && !said()) set({ answers: { ...model.get("answers"), [card().number]: choice } });
  }

  // Beyond the last card comes the score.
  function go(step) {
    const beyond = model.get("view") === "score";
    if (step < 0 && beyond) set({ view: "card" });
    else if (step > 0 && model.get("at") === last) set({ view: "score" });
    else if (!beyond) set({ at: Math.max(0, model.get("at") + step) });
  }

  function run() {
    const { number } = card();
    const { [number]: _, ...others } = model.get("runs");
    asked.add(number);
    set({ runs: others });
    model.send({ ask: "run", number });
    show();
  }

  const [topic, count] = ["topic", "count"].map((name) => make("span", { class: name }));
  const claim = make("p", { class: "claim" });
  const choices = verdicts.map(([name, meaning], k) =>
    button(`${k + 1} ${name}`, { title: `${name}: ${meaning}` }, () => answer(name)));
  const told = make("p", { class: "told", role: "status" });
  const where = make("p", { class: "where" });
  const code = make("pre", { tabindex: 0, "aria-label": "The cell that decides", ...QUIET });
  const runner = button("Run it", { title: "Run the cell, and run it again in a turned world" }, run);
  const result = make("p", { class: "result", role: "status" });
  const cell = make("div", { class: "cell" }, [code, runner, result]);
  const page = make("div", { class: "card" }, [
    make("p", { class: "bar" }, [topic, count]),
    claim,
    make("div", { class: "bar", role: "group", "aria-label": "Is it so?" }, choices),
    told, where, cell,
  ]);
  const total = make("p", { class: "total", role: "status" });
  const table = make("div", { class: "wide" });
  const score = make("div", { class: "score" }, [total, table]);
  const back = button("Back", { title: "The card before" }, () => go(-1));
  const next = button("Next", { title: "The next card" }, () => go(1));
  const counted = button("Score", { title: "How you did so far, topic by topic" }, () =>
    set({ view: model.get("view") === "score" ? "card" : "score" }));
  const reset = button("Reset", { title: "Take all answers back" }, () =>
    set({ at: 0, view: "card", answers: model.get("first") }));
  const root = make("div", { class: "bp-deck", role: "group", "aria-label": "Deck of claims", ...QUIET }, [
    page, score,
    make("div", { class: "bar" }, [back, next, counted, reset]),
    make("p", { class: "keys" }, ["Keys: 1 to 4 answer, the arrows go to the next card and back."]),
  ]);

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const choice = verdicts[Number(event.key) - 1];
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!choice && !step) return;
    if (step && event.target === code) return; // there the arrows scroll
    event.preventDefault();
    if (choice) answer(choice[0]);
    else go(step);
  });

  function show() {
    const [now, done, scores] = [card(), said(), model.get("view") === "score"];
    page.hidden = scores;
    score.hidden = !scores;
    write(topic, now.topic);
    write(count, `${model.get("at") + 1} of ${cards.length}`);
    write(claim, now.claim);
    for (const [k, node] of choices.entries()) {
      const name = verdicts[k][0];
      node.ariaPressed = String(name === done);
      node.ariaDisabled = String(Boolean(done)); // not `disabled`: that would take the focus from it
      node.className = !done ? "" : name === now.verdict ? "holds" : name === done ? "missed" : "";
    }
    const heading = `${now.verdict[0].toUpperCase()}${now.verdict.slice(1)}. `;
    write(told, !done ? "" : (done === now.verdict ? heading : `You said ${done}. ${heading}`) + now.say);
    where.replaceChildren(...(done ? [now.source, " ", linked(now.lesson, now.link)] : []));
    cell.hidden = !done || !now.code;
    write(code, now.code);
    write(result, model.get("runs")[now.number] ?? (asked.has(now.number) ? "Waiting for the kernel to run it." : ""));
    write(total, model.get("total"));
    table.replaceChildren(...(model.get("score").length ? [scoreTable(model.get("score"))] : []));
    back.ariaDisabled = String(!scores && model.get("at") === 0);
    next.ariaDisabled = String(scores);
    counted.ariaPressed = String(scores);
  }

  const changes = ["at", "answers", "view", "runs", "score", "total"].map((name) => `change:${name}`);
  for (const change of changes) model.on(change, show);
  show();
  el.replaceChildren(root);
  return () => changes.forEach((change) => model.off(change, show));
}

export default { render };
