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

const QUIET = { "data-lm-suppress-shortcuts": "true" }; // JupyterLab's own shortcuts keep off such a node

function button(text, label, act) {
  const node = make("button", { type: "button", "aria-label": label, title: label, ...QUIET }, [text]);
  node.addEventListener("click", act);
  return node;
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

function light(parts, ids, direction, kind) {
  const lit = new Set(ids);
  for (const [id, node] of parts) {
    setClass(node, lit.has(id) ? `${kind} lit ${direction}` : kind);
    if (lit.has(id)) node.parentNode.append(node); // in front of the others
  }
}

class Page {
  constructor(data) {
    this.data = data;
    this.examples = [data, ...data.others]; // the same steps with other numbers
    this.last = data.steps.length - 1;
    this.given = new Map(data.labels.map(({ id, text }) => [id, [text, ""]]));
    this.at = data.start;
    this.timer = null;
    this.build();
    this.choose(0);
  }

  build() {
    const [drawing, parts] = drawPicture(this.data);
    Object.assign(this, parts);
    const part = (name) => (this[name] = make("span", { class: name }));
    const formula = (name) => (this[name] = make("div", { class: `formula ${name}` }));
    this.sentence = make("p", { class: "sentence", role: "status", "aria-live": "polite" });
    this.list = make("ol");
    this.twin = make("details", {}, [make("summary", {}, ["All steps in words"]), this.list]);
    this.root = make("div", { class: "bp-scrubber", ...QUIET }, [
      make("div", { class: "controls" }, this.buildControls()),
      make("div", { class: "where" }, ["phase", "what", "count"].map(part)),
      drawing, ...["symbols", "numbers"].map(formula), this.sentence, this.twin,
    ]);
  }

  buildControls() {
    this.back = [button("|◀\uFE0E", "To the start", () => this.go(0)), button("◀\uFE0E", "One step back", () => this.go(this.at - 1))];
    this.play = button("Play", "Play", () => this.toggle());
    this.play.className = "play";
    this.forth = [button("▶\uFE0E", "One step forward", () => this.go(this.at + 1)), button("▶\uFE0E|", "To the end", () => this.go(this.last))];
    const range = { type: "range", min: 0, max: this.last, step: 1, value: this.at, "aria-label": "Step of the training iteration" };
    this.slider = make("input", { ...range, ...QUIET });
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.slider.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      this.toggle();
    });
    const options = this.examples.map((one, k) => make("option", { value: k }, [one.note]));
    const choice = make("select", { "aria-label": "Example shown", ...QUIET }, options);
    choice.addEventListener("change", () => this.choose(Number(choice.value)));
    return [...this.back, this.play, ...this.forth, this.slider, ...(options.length > 1 ? [choice] : [])];
  }

  choose(example) {
    Object.assign(this, { steps: this.examples[example].steps, note: this.examples[example].note });
    this.list.replaceChildren(...this.steps.map((step) => make("li", { class: step.direction }, [step.sentence])));
    this.show(this.at);
  }

  go(k) {
    this.pause();
    this.show(k);
  }

  show(k) {
    this.at = k = Math.max(0, Math.min(this.last, k));
    const step = this.steps[k];
    light(this.edges, step.edges, step.direction, "edge");
    light(this.neurons, step.neurons, step.direction, "neuron");
    this.writeLabels(step);
    setFormula(this.symbols, step.symbols, "");
    setFormula(this.numbers, step.numbers, '<mo form="infix">=</mo>');
    this.sentence.textContent = step.sentence;
    const [phase, count] = [PHASES[step.direction], `step ${k + 1} of ${this.last + 1}`];
    this.phase.textContent = phase;
    this.phase.className = `phase ${step.direction}`;
    this.what.textContent = step.what;
    this.count.textContent = this.note ? `${count}, ${this.note}` : count;
    this.slider.value = k;
    this.slider.setAttribute("aria-valuetext", `${phase}, ${step.what}, ${count}`);
    // Not `disabled`: that would take the focus from the button just pressed.
    for (const node of this.back) node.setAttribute("aria-disabled", k === 0);
    for (const node of this.forth) node.setAttribute("aria-disabled", k === this.last);
  }

  // What is known by now: what was given, overwritten by each step up to this one.
  writeLabels(step) {
    const known = new Map(this.given);
    for (const { sets, direction } of this.steps.slice(0, this.at + 1)) {
      for (const [id, text] of sets) known.set(id, [text, direction]);
    }
    const fresh = new Set([...step.sets.map(([id]) => id), ...step.shows]);
    for (const [id, node] of this.labels) {
      const [text, direction] = known.get(id);
      if (node.textContent !== text) node.textContent = text;
      const kind = this.data.kinds[id];
      const hidden = this.data.crowded && kind.startsWith("edge") && !fresh.has(id) ? " hidden" : "";
      setClass(node, `label ${kind} ${direction}${fresh.has(id) ? " fresh" : ""}${hidden}`);
    }
  }

  setPlaying(timer) {
    this.timer = timer;
    const word = timer === null ? "Play" : "Pause";
    this.play.textContent = this.play.title = word;
    this.play.setAttribute("aria-label", word);
    this.sentence.setAttribute("aria-live", timer === null ? "polite" : "off"); // a reader that speaks each step would never finish one
  }

  pause() {
    clearInterval(this.timer);
    this.setPlaying(null);
  }

  toggle() {
    if (this.timer !== null) return this.pause();
    if (this.at === this.last) this.show(0);
    const next = () => (this.at < this.last && this.root.isConnected ? this.show(this.at + 1) : this.pause());
    this.setPlaying(setInterval(next, 1000 * SECONDS_PER_STEP));
  }
}

export function mount(el, data) {
  const page = new Page(data);
  el.replaceChildren(page.root);
  // On paper there is nothing to click: the words of all steps are printed.
  const paper = window.matchMedia("print");
  const print = () => (page.twin.open ||= paper.matches);
  paper.addEventListener("change", print);
  return () => {
    page.pause();
    paper.removeEventListener("change", print);
  };
}

export default { render: ({ model, el }) => mount(el, model.get("data")) };
