// The scrubber: draws frames that Python has computed. No mathematics happens here.
//
// mount(el, data) builds the network once; after that, a move of the slider only changes classes and texts.
// `data` is described in scrubber.py. anywidget calls render(); a saved page calls mount() itself.

const SVG = "http://www.w3.org/2000/svg";
const MATH = "http://www.w3.org/1998/Math/MathML";
const SECONDS_PER_STEP = 1.2;
const PHASES = { forward: "Forward", backward: "Backward", update: "Update" };
const QUIET = { "data-lm-suppress-shortcuts": "true" }; // JupyterLab's own shortcuts keep off such a node

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

// A line with a head at either end; in a graph it may bend on its way, at `via`.
function drawEdge({ x1, y1, x2, y2, via = [] }) {
  const points = [[x1, y1], ...via, [x2, y2]];
  const lines = points.slice(1).map(([x2, y2], k) => svg("line", { x1: points[k][0], y1: points[k][1], x2, y2 }));
  const head = (name, [x, y], [fromX, fromY]) => {
    const turn = (Math.atan2(y - fromY, x - fromX) * 180) / Math.PI;
    return svg("polygon", { class: name, points: "0,0 -12,5 -12,-5", transform: `translate(${x} ${y}) rotate(${turn})` });
  };
  const heads = [head("ahead", points.at(-1), points.at(-2)), head("back", points[0], points[1])];
  return svg("g", { class: "edge" }, [...lines, ...heads]);
}

function drawNeuron({ x, y, r, name, sub }) {
  const below = svg("tspan", { class: "sub", dy: 4 }, [sub]);
  return svg("g", { class: "neuron" }, [
    svg("circle", { cx: x, cy: y, r }),
    svg("text", { x, y: y - r / 4, class: "name" }, [name, below]),
  ]);
}

function button(text, label, act) {
  const node = make("button", { type: "button", "aria-label": label, title: label, ...QUIET }, [text]);
  node.addEventListener("click", act);
  return node;
}

// Each part stands in a <math> of its own, so that a long formula can break between them.
function setFormula(line, parts, lead) {
  line.replaceChildren(
    ...parts.flatMap((part, k) => {
      const math = make("math", { displaystyle: "true" }, [], MATH);
      math.innerHTML = (k === 0 ? lead : "") + part;
      return [math, " "];
    }),
  );
}

function light(nodes, lit, kind, direction) {
  for (const [id, node] of nodes) {
    setClass(node, lit.includes(id) ? `${kind} lit ${direction}` : kind);
    if (lit.includes(id)) node.parentNode.append(node); // in front of the others
  }
}

export function mount(el, data) {
  const steps = data.steps;
  const last = steps.length - 1;
  let at = 0;
  let timer = null;

  // ------------------------------------------------------------------------------------ the page

  const [edges, neurons, labels] = [[data.edges, drawEdge], [data.neurons, drawNeuron], [data.labels, ({ x, y }) => svg("text", { x, y })]]
    .map(([items, draw]) => new Map(items.map((item) => [item.id, draw(item)])));
  const kind = data.crowded ? "crowded" : "";
  const groups = [edges, neurons, labels].map((nodes) => svg("g", {}, nodes.values()));
  const box = `0 0 ${data.width} ${data.height}`;
  const picture = svg("svg", { viewBox: box, role: "img", "aria-label": data.summary, class: kind }, groups);
  picture.style.maxWidth = `${data.width * 1.1}px`;
  picture.style.minWidth = `${data.least ?? 0}px`; // a long graph is not shrunk further: it scrolls
  const stage = make("div", { class: "stage" }, [picture]);

  const clamp = (k) => Math.max(0, Math.min(last, k));
  const jumps = [
    ["|◀\uFE0E", "To the start", () => 0],
    ["◀\uFE0E", "One step back", () => at - 1],
    ["▶\uFE0E", "One step forward", () => at + 1],
    ["▶\uFE0E|", "To the end", () => last],
  ].map(([text, label, where]) => [button(text, label, () => go(where())), where]);
  const buttons = jumps.map(([node]) => node);
  const play = button("Play", "Play", toggle);
  play.className = "play";
  buttons.splice(2, 0, play);

  const range = { type: "range", max: last, "aria-label": "Step" };
  const slider = make("input", { ...range, ...QUIET });
  slider.addEventListener("input", () => go(Number(slider.value)));
  slider.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    toggle();
  });

  const [phase, what, count] = ["phase", "what", "count"].map((name) => make("span", { class: name }));
  const [symbols, numbers] = ["symbols", "numbers"].map((name) => make("div", { class: `formula ${name}` }));
  const sentence = make("p", { class: "sentence", role: "status", "aria-live": "polite" });
  const words = steps.map((step) => make("li", { class: step.direction }, [step.sentence]));
  const root = make("div", { class: "bp-scrubber", ...QUIET }, [
    make("div", { class: "controls" }, [...buttons, slider]),
    make("div", { class: "where" }, [phase, what, count]),
    stage, symbols, numbers, sentence,
    make("details", {}, [make("summary", {}, ["All steps in words"]), make("ol", {}, words)]),
  ]);

  // ------------------------------------------------------------------------------------ what happens on it

  function go(k) {
    pause();
    show(k);
  }

  function show(k) {
    at = clamp(k);
    const step = steps[at];
    light(edges, step.edges, "edge", step.direction);
    light(neurons, step.neurons, "neuron", step.direction);
    if (data.least) bringIntoView(data.neurons.find(({ id }) => id === step.neurons[0]));
    writeLabels(step);
    setFormula(symbols, step.symbols, "");
    setFormula(numbers, step.numbers, '<mo form="infix">=</mo>');
    sentence.textContent = step.sentence;
    const where = `step ${at + 1} of ${last + 1}`;
    phase.textContent = PHASES[step.direction];
    phase.className = `phase ${step.direction}`;
    what.textContent = step.what;
    count.textContent = where;
    slider.value = at;
    slider.setAttribute("aria-valuetext", `${PHASES[step.direction]}, ${step.what}, ${where}`);
    // Not `disabled`: that would take the focus from the button just pressed.
    for (const [node, to] of jumps) node.setAttribute("aria-disabled", clamp(to()) === at);
  }

  function bringIntoView({ x }) {
    stage.scrollLeft = (x / data.width) * stage.scrollWidth - stage.clientWidth / 2;
  }

  // What is known by now: what was given, overwritten by each step up to this one.
  function writeLabels(step) {
    const known = new Map(data.labels.map(({ id, text }) => [id, [text, ""]]));
    for (const { sets, direction } of steps.slice(0, at + 1)) {
      for (const [id, text] of sets) known.set(id, [text, direction]);
    }
    const fresh = [...step.sets.map(([id]) => id), ...step.edges];
    for (const { id, kind } of data.labels) {
      const [text, direction] = known.get(id);
      const node = labels.get(id);
      if (node.textContent !== text) node.textContent = text;
      setClass(node, `label ${kind} ${direction}${fresh.includes(id) ? " fresh" : ""}`);
    }
  }

  function setPlaying(begun) {
    clearInterval(timer);
    timer = begun;
    play.textContent = play.title = play.ariaLabel = begun === null ? "Play" : "Pause";
    sentence.ariaLive = begun === null ? "polite" : "off"; // a reader that speaks each step would never finish one
  }

  function pause() {
    setPlaying(null);
  }

  function toggle() {
    if (timer !== null) return pause();
    if (at === last) show(0);
    const next = () => (at < last && root.isConnected ? show(at + 1) : pause());
    setPlaying(setInterval(next, 1000 * SECONDS_PER_STEP));
  }

  show(0);
  el.replaceChildren(root);
  return pause;
}

export default { render: ({ model, el }) => mount(el, model.get("data")) };
