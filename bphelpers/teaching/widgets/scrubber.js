// The scrubber: draws frames that Python has computed. No mathematics happens here.
//
// mount(el, data) builds the network once; after that, a move of the slider only changes classes and texts.
// `data` is described in scrubber.py. anywidget calls render(); a saved page calls mount() itself.

const SVG = "http://www.w3.org/2000/svg";
const MATH = "http://www.w3.org/1998/Math/MathML";
const SECONDS_PER_STEP = 1.2;
const PHASES = { forward: "Forward", backward: "Backward", update: "Update" };

function make(tag, attributes = {}, children = [], space = null) {
  const node = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const svg = (tag, attributes, children) => make(tag, attributes, children, SVG);

// Only what changes is touched: a class written anew makes the browser style its node anew.
function setClass(node, name) {
  if (node.getAttribute("class") !== name) node.setAttribute("class", name);
}

// ---------------------------------------------------------------------------------------- the picture

function drawEdge({ x1, y1, x2, y2 }) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  // An arrowhead with its tip at (x, y); `way` is 1 towards the receiver and -1 towards the sender.
  const head = (x, y, way) => {
    const [bx, by] = [x - way * 12 * ux, y - way * 12 * uy];
    return `${x},${y} ${bx - 5 * uy},${by + 5 * ux} ${bx + 5 * uy},${by - 5 * ux}`;
  };
  return svg("g", { class: "edge" }, [
    svg("line", { x1, y1, x2, y2 }),
    svg("polygon", { class: "ahead", points: head(x2, y2, 1) }),
    svg("polygon", { class: "back", points: head(x1, y1, -1) }),
  ]);
}

function drawNeuron({ x, y, r, name, sub }) {
  const below = svg("tspan", { class: "sub", dy: 4 }, [sub]);
  return svg("g", { class: "neuron" }, [
    svg("circle", { cx: x, cy: y, r }),
    svg("text", { x, y: y - r / 4, class: "name" }, [name, below]),
  ]);
}

function drawLabel({ x, y, anchor, kind, text }) {
  return svg("text", { x, y, "text-anchor": anchor, class: `label ${kind}` }, [text]);
}

function drawPicture(data) {
  const index = (items, draw) => new Map(items.map((item) => [item.id, draw(item)]));
  const parts = {
    edges: index(data.edges, drawEdge),
    neurons: index(data.neurons, drawNeuron),
    labels: index(data.labels, drawLabel),
  };
  const headings = data.headings.map(({ x, y, text }) => svg("text", { x, y, class: "heading" }, [text]));
  const picture = svg("svg", { viewBox: `0 0 ${data.width} ${data.height}`, role: "img", "aria-label": data.summary, class: data.crowded ? "crowded" : "" }, [
    svg("g", {}, [...parts.edges.values()]), svg("g", {}, [...parts.neurons.values()]),
    ...headings, ...parts.labels.values(),
  ]);
  picture.style.maxWidth = `${data.width * 1.1}px`;
  return [picture, parts];
}

// ---------------------------------------------------------------------------------------- the page around it

function button(text, label) {
  return make("button", { type: "button", "aria-label": label, title: label, "data-lm-suppress-shortcuts": "true" }, [text]);
}

// Each part stands in a <math> of its own, so that a long formula can break between them.
function setFormula(line, parts, lead) {
  line.replaceChildren(
    ...parts.flatMap((part, k) => {
      const math = document.createElementNS(MATH, "math");
      math.setAttribute("displaystyle", "true");
      math.innerHTML = (k === 0 ? lead : "") + part;
      return [math, " "];
    }),
  );
}

export function mount(el, data) {
  const [picture, { edges, neurons, labels }] = drawPicture(data);
  const examples = [data, ...data.others]; // the same steps with other numbers
  let { steps, note } = data;
  const last = steps.length - 1;
  const given = new Map(data.labels.map(({ id, text }) => [id, [text, ""]]));

  const slider = make("input", {
    type: "range", min: 0, max: last, step: 1, value: data.start,
    "aria-label": "Step of the training iteration", "data-lm-suppress-shortcuts": "true",
  });
  const [toStart, back, play, forward, toEnd] = [
    button("|◀\uFE0E", "To the start"), button("◀\uFE0E", "One step back"), button("Play", "Play"),
    button("▶\uFE0E", "One step forward"), button("▶\uFE0E|", "To the end"),
  ];
  play.className = "play";
  const phase = make("span", { class: "phase" });
  const count = make("span", { class: "count" });
  const what = make("span", { class: "what" });
  const symbols = make("div", { class: "formula symbols" });
  const numbers = make("div", { class: "formula numbers" });
  const sentence = make("p", { class: "sentence", role: "status", "aria-live": "polite" });
  const list = make("ol");
  const choice = make(
    "select", { "aria-label": "Example shown", "data-lm-suppress-shortcuts": "true" },
    examples.map((one, k) => make("option", { value: k }, [one.note])),
  );
  const twin = make("details", {}, [make("summary", {}, ["All steps in words"]), list]);
  const root = make("div", { class: "bp-scrubber", "data-lm-suppress-shortcuts": "true" }, [
    make("div", { class: "controls" }, [toStart, back, play, forward, toEnd, slider, ...(examples.length > 1 ? [choice] : [])]),
    make("div", { class: "where" }, [phase, what, count]),
    picture, symbols, numbers, sentence, twin,
  ]);

  let at = data.start;
  let timer = null;

  function light(parts, ids, direction, kind) {
    const lit = new Set(ids);
    for (const [id, node] of parts) {
      setClass(node, lit.has(id) ? `${kind} lit ${direction}` : kind);
      if (lit.has(id)) node.parentNode.append(node); // in front of the others
    }
  }

  function show(k) {
    k = Math.max(0, Math.min(last, k));
    at = k;
    const step = steps[k];
    light(edges, step.edges, step.direction, "edge");
    light(neurons, step.neurons, step.direction, "neuron");

    // What is known by now: what was given, overwritten by each step up to this one.
    const known = new Map(given);
    for (const { sets, direction } of steps.slice(0, k + 1)) {
      for (const [id, text] of sets) known.set(id, [text, direction]);
    }
    const fresh = new Set([...step.sets.map(([id]) => id), ...step.shows]);
    for (const [id, node] of labels) {
      const [text, direction] = known.get(id);
      if (node.textContent !== text) node.textContent = text;
      const kind = data.kinds[id];
      const hidden = data.crowded && kind.startsWith("edge") && !fresh.has(id) ? " hidden" : "";
      setClass(node, `label ${kind} ${direction}${fresh.has(id) ? " fresh" : ""}${hidden}`);
    }

    setFormula(symbols, step.symbols, "");
    setFormula(numbers, step.numbers, '<mo form="infix">=</mo>');
    sentence.textContent = step.sentence;
    phase.textContent = PHASES[step.direction];
    phase.className = `phase ${step.direction}`;
    what.textContent = step.what;
    count.textContent = `step ${k + 1} of ${last + 1}${note ? ", " + note : ""}`;
    slider.value = k;
    slider.setAttribute("aria-valuetext", `${PHASES[step.direction]}, ${step.what}, step ${k + 1} of ${last + 1}`);
    // Not `disabled`: that would take the focus from the button just pressed.
    for (const node of [back, toStart]) node.setAttribute("aria-disabled", k === 0);
    for (const node of [forward, toEnd]) node.setAttribute("aria-disabled", k === last);
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-label", "Play");
    play.title = "Play";
    sentence.setAttribute("aria-live", "polite");
  }

  function toggle() {
    if (timer !== null) return pause();
    if (at === last) show(0);
    play.textContent = "Pause";
    play.setAttribute("aria-label", "Pause");
    play.title = "Pause";
    sentence.setAttribute("aria-live", "off"); // a reader that speaks each step would never finish one
    timer = setInterval(() => (at < last && root.isConnected ? show(at + 1) : pause()), 1000 * SECONDS_PER_STEP);
  }

  function choose(example) {
    ({ steps, note } = examples[example]);
    list.replaceChildren(...steps.map((step) => make("li", { class: step.direction }, [step.sentence])));
    show(at);
  }

  function go(k) {
    pause();
    show(k);
  }

  slider.addEventListener("input", () => go(Number(slider.value)));
  slider.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
  choice.addEventListener("change", () => choose(Number(choice.value)));
  toStart.addEventListener("click", () => go(0));
  back.addEventListener("click", () => go(at - 1));
  play.addEventListener("click", toggle);
  forward.addEventListener("click", () => go(at + 1));
  toEnd.addEventListener("click", () => go(last));

  // On paper there is nothing to click: the words of all steps are printed.
  const paper = window.matchMedia("print");
  const print = () => (twin.open = paper.matches || twin.open);
  paper.addEventListener("change", print);

  el.replaceChildren(root);
  choose(0);
  return () => {
    pause();
    paper.removeEventListener("change", print);
  };
}

export default { render: ({ model, el }) => mount(el, model.get("data")) };
