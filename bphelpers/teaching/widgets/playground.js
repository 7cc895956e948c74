// The playground: draws what Python has trained, and asks for the next picture. No mathematics happens here.
//
// The page sends {ask: "scene" | "steps" | "set" | "restart" | "place" | "check" | "pause"}. Python answers with a
// scene (settings, points, history), with frames (see _frame in playground.py) and with the result of a check.

const MOST_MOMENTS = 2400; // moments that the curves are drawn from
// Pictures asked for by one message, by the steps of each: while some are painted, the next are trained.
const AT_ONCE = { 1: 4, 5: 4, 20: 2, 100: 1, 500: 1 };
const PATIENCE = 4000; // milliseconds without an answer before the page says that the kernel is busy
const BUSY = "Waiting for the kernel, which is busy.";
const KINDS = ["weight", "gradient", "last update"];
const SMALL = 32; // pixels a side of a neuron's map; the output's has twice as many
const DASHES = [[], [7, 3], [2, 2], [8, 3, 2, 3]];
const CONTROLS = {
  Data: { problem: "Points", noise: "Noise" },
  Network: { activation: "Activation", init: "First weights" },
  Training: { optimizer: "Optimizer", lr: "Learning rate", batch_size: "Batch size", weight_decay: "Weight decay" },
};
const NUMBERS = ["noise", "lr", "batch_size", "weight_decay"];
const FIXED_BY = { activation: "net", init: "net", problem: "data", noise: "data" }; // the reader's own
const COLUMNS = ["layer", "weights", "length with biases", "length of gradient", "length of last update", "update / length"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const SAID = { role: "status", "aria-live": "polite" }; // read aloud when it changes
const FOCUSABLE = ["button", "select", "summary", "pre", "canvas"];

function make(tag, attributes = {}, children = []) {
  const node = document.createElement(tag);
  // JupyterLab's shortcuts keep off a node that says so itself; that a parent says so is not enough.
  if (FOCUSABLE.includes(tag)) node.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const div = (name, ...children) => make("div", { class: name }, children);
const heard = (node, kind, act) => (node.addEventListener(kind, act), node);
const button = (text, title, act, more = {}) => heard(make("button", { type: "button", title, ...more }, [text]), "click", act);
const option = (value, text = String(value)) => make("option", { value }, [text]);
const select = (options, act = () => {}) => heard(make("select", {}, options), "change", act);
const labelled = (name, control) => make("label", {}, [make("span", {}, [name]), control]);
const folded = (title, ...children) => make("details", {}, [make("summary", {}, [title]), ...children]);
const picture = (name, label, more = {}) => make("canvas", { class: name, role: "img", "aria-label": label, ...more });
const setText = (node, text) => node.textContent !== text && (node.textContent = text);

// ---------------------------------------------------------------------------------------- colours

const rgb = (css) => css.match(/[\d.]+/g).slice(0, 3).map(Number);

let themes = 0;

// The theme's colours as the style sheet gives them, and 255 shades from class 0 over paper to class 1.
function readTheme(root) {
  const probe = root.querySelector(".probe");
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ["paper", "ink", "grey", "line", "class0", "class1", "forward", "backward", "update"];
  const theme = Object.fromEntries(names.map((name) => [name, colour(name)]));
  const [low, middle, high] = ["class0", "paper", "class1"].map((name) => rgb(theme[name]));
  theme.shades = new Uint32Array(256);
  for (let value = -127; value <= 127; value++) {
    const end = value < 0 ? low : high;
    const part = 0.85 * Math.abs(value) / 127;
    const [r, g, b] = middle.map((m, k) => Math.round(m + part * (end[k] - m)));
    theme.shades[value & 255] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  theme.kinds = [theme.forward, theme.backward, theme.update];
  theme.number = ++themes;
  return theme;
}

// Square maps, one below the other, on a canvas that is kept from picture to picture.
function shade(canvas, bytes, side, theme) {
  const height = bytes.length / side;
  if (canvas.width !== side || canvas.height !== height) [canvas.width, canvas.height] = [side, height];
  const image = new ImageData(side, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let k = 0; k < pixels.length; k++) pixels[k] = theme.shades[bytes[k] & 255];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// The n-th of the small maps. Half a pixel at its rim is left out, where its neighbour would shine through.
function drawMap(context, small, n, x, y, size) {
  context.drawImage(small, 0.5, SMALL * n + 0.5, SMALL - 1, SMALL - 1, x, y, size, size);
}

// A canvas as sharp as the screen; returns its context in CSS pixels, cleared.
function fresh(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// ---------------------------------------------------------------------------------------- the network

function places({ shown, sizes }, width, height) {
  if (sizes.some((size, c) => size > shown[c])) height -= 14; // for the words below
  const rows = Math.max(...shown);
  const size = Math.max(10, Math.min(40, (height - 16) / rows - 6, width / shown.length - 26));
  return shown.map((count, c) => {
    const x = ((c + 0.5) / shown.length) * width;
    const gap = Math.min(size + 22, (height - size - 16) / Math.max(1, count - 1));
    return Array.from({ length: count }, (_, k) => ({ x, y: height / 2 + (k - (count - 1) / 2) * gap, size }));
  });
}

function split(edges, { shown }) {
  let at = 0;
  const take = (count) => edges.subarray(at, (at += count));
  return KINDS.map(() => shown.slice(1).map((count, l) => ({ W: take(count * shown[l]), b: take(count) })));
}

// A dot at the lower left corner of the neuron: filled where the bias is positive, hollow where negative.
function drawBias(context, x, y, part, theme, kind) {
  const r = Math.min(6, 5 * Math.sqrt(Math.abs(part)));
  if (r < 1) return;
  context.beginPath();
  context.arc(x, y, r, 0, 7);
  context.lineWidth = 1.5;
  context.strokeStyle = theme.kinds[kind];
  context.fillStyle = part > 0 ? theme.kinds[kind] : theme.paper;
  context.fill();
  context.stroke();
}

function drawLine(context, from, to, value, part) {
  const [x1, x2] = [from.x + from.size / 2, to.x - to.size / 2];
  context.globalAlpha = 0.12 + 0.88 * part;
  context.lineWidth = 0.4 + 6 * part;
  context.setLineDash(value < 0 ? [5, 4] : []);
  context.beginPath();
  context.moveTo(x1, from.y);
  context.bezierCurveTo((x1 + x2) / 2, from.y, (x1 + x2) / 2, to.y, x2, to.y);
  context.stroke();
}

// Returns where the neurons stand.
function drawNetwork(canvas, scene, frame, small, kind, picked, theme) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const context = fresh(canvas, width, height);
  const columns = places(scene, width, height);
  const part = (value) => (frame.largest[kind] ? value / frame.largest[kind] : 0);
  context.strokeStyle = theme.kinds[kind];
  frame.kinds[kind].forEach(({ W }, l) => columns[l + 1].forEach((to, j) => columns[l].forEach((from, k) => {
    const value = W[j * columns[l].length + k];
    drawLine(context, from, to, value, Math.abs(part(value)));
  })));
  context.globalAlpha = 1;
  context.setLineDash([]);
  context.textAlign = "center";
  let n = 0;
  columns.forEach((column, c) => {
    column.forEach(({ x, y, size }, k) => {
      const [left, top] = [x - size / 2, y - size / 2];
      drawMap(context, small, n++, left, top, size);
      const chosen = picked[0] === c && picked[1] === k;
      context.lineWidth = chosen ? 3 : 1;
      context.strokeStyle = chosen ? theme.ink : theme.grey;
      context.strokeRect(left, top, size, size);
      if (c) drawBias(context, left, top + size, part(frame.kinds[kind][c - 1].b[k]), theme, kind);
    });
    const hidden = scene.sizes[c] - column.length;
    context.fillStyle = theme.grey;
    if (hidden) context.fillText(`and ${hidden} more`, column[0].x, height - 2);
  });
  return columns;
}

// ---------------------------------------------------------------------------------------- the plane

const place = ({ plane: [cx, cy, half] }, size, [x, y]) => [((x - cx) / half + 1) * size / 2, (1 - (y - cy) / half) * size / 2];

function drawPoints(canvas, scene, size, theme) {
  const context = fresh(canvas, size, size);
  const first = scene.points.length - scene.placed;
  scene.points.forEach(([x, y, label], k) => {
    const [px, py] = place(scene, size, [x, y]);
    const r = k < first ? 2.8 : 4.5; // those that were placed are larger
    context.beginPath();
    if (label) context.rect(px - r, py - r, 2 * r, 2 * r);
    else context.arc(px, py, r + 0.4, 0, 7);
    context.fillStyle = label ? theme.class1 : theme.class0;
    context.strokeStyle = theme.ink;
    context.fill();
    context.stroke();
  });
}

// Where the answer changes its sign, straight between neighbouring places of the map.
function drawBorder(context, bytes, side, size, theme) {
  const at = (k) => (k + 0.5) * size / side;
  const value = (row, column) => (bytes[row * side + column] > 0 ? 1 : -1) * Math.max(0.5, Math.abs(bytes[row * side + column]));
  context.strokeStyle = theme.ink;
  context.lineWidth = 1.5;
  context.beginPath();
  for (let row = 0; row < side - 1; row++) {
    for (let column = 0; column < side - 1; column++) {
      const corners = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column]];
      const crossed = corners.flatMap((a, k) => {
        const b = corners[(k + 1) % 4];
        const [va, vb] = [value(...a), value(...b)];
        if (va > 0 === vb > 0) return [];
        const part = va / (va - vb);
        return [[at(a[1] + part * (b[1] - a[1])), at(a[0] + part * (b[0] - a[0]))]];
      });
      for (let k = 0; k + 1 < crossed.length; k += 2) {
        context.moveTo(...crossed[k]);
        context.lineTo(...crossed[k + 1]);
      }
    }
  }
  context.stroke();
}

function drawCross(context, px, py, theme) {
  context.strokeStyle = theme.ink;
  context.lineWidth = 1.5;
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(px + 4 * dx, py + 4 * dy);
    context.lineTo(px + 13 * dx, py + 13 * dy);
  }
  context.stroke();
}

// ---------------------------------------------------------------------------------------- curves

// Round numbers for a logarithmic axis that holds the values: powers of ten, or 1, 2, 5 between them.
function ticks(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((end) => Math.min(Math.max(end, 1e-36), 1e35));
  const powers = Array.from({ length: 73 }, (_, k) => k - 36);
  const fine = powers.flatMap((power) => [1, 2, 5].map((m) => Number(`${m}e${power}`)));
  const coarse = powers.map((power) => Number(`1e${power}`));
  for (const marks of [fine, ...[1, 3, 6, 12, 24].map((apart) => coarse.filter((_, k) => k % apart === 0))]) {
    const below = marks.filter((mark) => mark <= low).at(-1) ?? marks[0];
    const above = marks.find((mark) => mark >= high) ?? marks.at(-1);
    const found = marks.filter((mark) => mark >= below && mark <= above);
    if (found.length <= 5) return found.length > 1 ? found : [below, marks.find((mark) => mark > below)];
  }
}

// Curves over the steps, on a logarithmic axis, each with its name at its end.
function drawCurves(canvas, steps, curves, theme) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const context = fresh(canvas, width, height);
  const [left, right, top, bottom] = [46, width - 66, 8, height - 20];
  const values = curves.flatMap(({ values }) => values.filter((value) => value > 0));
  const last = steps.at(-1);
  context.font = "11px sans-serif";
  const write = (text, x, y, align, colour = theme.grey) => {
    context.textAlign = align;
    context.fillStyle = colour;
    context.fillText(text, x, y);
  };
  if (!values.length || !last) return write("nothing to draw before the first step", width / 2, height / 2, "center");
  const marks = ticks(values);
  const [low, high] = [Math.log(marks[0]), Math.log(marks.at(-1))];
  const px = (step) => left + (step / last) * (right - left);
  const py = (value) => bottom - ((Math.log(Math.min(Math.max(value, marks[0]), marks.at(-1))) - low) / (high - low)) * (bottom - top);
  const stroke = (points, colour, width, dash = [], alpha = 1) => {
    Object.assign(context, { strokeStyle: colour, lineWidth: width, globalAlpha: alpha });
    context.setLineDash(dash);
    context.beginPath();
    points.forEach((point, k) => point && (points[k - 1] ? context.lineTo(...point) : context.moveTo(...point)));
    context.stroke();
  };
  for (const mark of marks) {
    stroke([[left, py(mark)], [right, py(mark)]], theme.line, 1);
    write(mark >= 1e-4 && mark < 1e4 ? String(mark) : mark.toExponential(), left - 5, py(mark) + 4, "right");
  }
  write("step 0", left, height - 5, "left");
  write(String(last), right, height - 5, "right");
  for (const { values, colour, dash, alpha } of curves) {
    stroke(values.map((value, k) => value > 0 && [px(steps[k]), py(value)]), colour, 1.8, dash, alpha);
  }
  context.globalAlpha = 1;
  const ends = curves.filter(({ values }) => values.at(-1) > 0);
  const heights = apart(ends.map(({ values }) => py(values.at(-1)) + 4), 12, bottom);
  ends.forEach(({ name, colour }, k) => write(name, right + 5, heights[k], "left", colour));
}

// Heights moved until they are `gap` apart, none of them below the floor.
function apart(heights, gap, floor) {
  const order = heights.map((y, k) => ({ y, k })).sort((a, b) => a.y - b.y);
  order.forEach((end, k) => (end.y = k ? Math.max(end.y, order[k - 1].y + gap) : end.y));
  order.reverse().forEach((end, k) => (end.y = Math.min(end.y, floor - gap * k)));
  return heights.map((_, k) => order.find((end) => end.k === k).y);
}

// ---------------------------------------------------------------------------------------- the page around it

class Page {
  constructor(model) {
    this.model = model;
    this.scene = this.frame = this.theme = this.picked = this.cross = null; // picked: column and row of a neuron
    this.moments = [];
    this.columns = [];
    this.queue = []; // frames that have come and are not painted yet
    this.playing = false;
    this.scenes = this.take = this.waiting = this.painting = this.patience = 0; // take: the latest press of Play
    [this.small, this.surface, this.pointLayer] = [make("canvas"), make("canvas"), make("canvas")];
    this.build();
  }

  begin() {
    this.answered = this.answered.bind(this);
    this.repaint = this.repaint.bind(this);
    this.themes = new MutationObserver(this.repaint);
    this.themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"] });
    this.dark = window.matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", this.repaint);
    this.sizes = new ResizeObserver(() => this.schedule());
    this.sizes.observe(this.root);
    this.model.on("msg:custom", this.answered);
    const { scene, frame, buffers } = this.model.get("first");
    if (scene) {
      this.setScene(scene);
      this.answered(frame, buffers);
    }
    this.ask("scene"); // it may have gone on since
  }

  end() {
    this.playing = false;
    this.model.off("msg:custom", this.answered);
    this.themes.disconnect();
    this.sizes.disconnect();
    this.dark.removeEventListener("change", this.repaint);
    clearTimeout(this.patience);
  }

  // ---- what stands where

  build() {
    this.play = button("Play", "Train, or stop training", () => this.toggle(), { class: "play" });
    this.again = button("New start", "Other points and other first weights", () => this.scene && this.set({ seed: this.scene.settings.seed + 1 }));
    this.speed = select(Object.keys(AT_ONCE).map((steps) => option(steps)));
    this.speed.value = "5";
    this.count = make("span", { class: "count" });
    this.trouble = make("p", { class: "trouble", role: "alert" });
    this.status = make("p", { class: "sentence", ...SAID });
    this.root = div("bp-playground",
      make("span", { class: "probe" }),
      div("bar", this.play,
        button("Step", "One update of the weights", () => this.paused(() => this.ask("steps", { count: 1, pictures: 1, take: ++this.take }))),
        button("Reset", "Back to the first weights", () => this.paused(() => this.ask("restart"))),
        this.again, labelled("steps per picture", this.speed), this.count),
      div("stage", this.buildSettings(), this.buildNetwork(), this.buildPlane()),
      this.trouble, this.status, this.buildCurves(), ...this.buildFolds());
  }

  buildSettings() {
    this.controls = {};
    const control = (name, label) => {
      const made = (this.controls[name] = select([], () => this.set({ [name]: NUMBERS.includes(name) ? Number(made.value) : made.value })));
      return labelled(label, made);
    };
    const groups = Object.entries(CONTROLS).map(([title, names]) =>
      make("fieldset", {}, [make("legend", {}, [title]), ...Object.entries(names).map((one) => control(...one))]));
    return div("settings", ...groups, make("p", { class: "legend" }, ["Every change but that of the learning rate begins the run anew."]));
  }

  buildNetwork() {
    const hidden = () => this.scene.sizes.slice(1, -1);
    this.kind = select(KINDS.map((name, k) => option(k, name)), () => this.schedule());
    this.less = button("\u2212 layer", "One hidden layer fewer", () => this.set({ hidden: hidden().slice(0, -1) }));
    this.more = button("+ layer", "One hidden layer more", () => this.set({ hidden: [...hidden(), hidden().at(-1) ?? 4] }));
    this.heads = div("heads");
    this.network = picture("network", "The network, with the map of each neuron; the table below has the numbers.");
    this.network.addEventListener("click", ({ offsetX, offsetY }) => {
      this.columns.forEach((column, c) => column.forEach(({ x, y, size }, k) => {
        if (Math.abs(offsetX - x) <= size / 2 && Math.abs(offsetY - y) <= size / 2) this.pick([c, k]);
      }));
    });
    this.legend = make("p", { class: "legend" });
    return div("middle", div("bar", labelled("lines show the", this.kind), this.less, this.more), this.heads, this.network, this.legend);
  }

  buildPlane() {
    this.view = select([], () => this.pick(this.view.value.split(" ").map(Number)));
    this.plane = picture("plane", "The plane with its points. Arrow keys move a cross, 0 and 1 place a point of that class there, Delete takes the nearest placed point away.", { tabindex: "0", role: "application" });
    this.plane.addEventListener("click", (event) => this.clicked(event));
    this.plane.addEventListener("keydown", (event) => this.pressed(event));
    this.plane.addEventListener("focus", () => this.schedule());
    this.plane.addEventListener("blur", () => this.schedule());
    this.label = select([option(0, "class 0 \u25CF"), option(1, "class 1 \u25A0")]);
    this.remove = button("Take one away", "Take the point placed last away", () => this.putDown(this.scene.points.at(-1).slice(0, 2), null));
    for (const one of [this.less, this.more, this.remove]) one.disabled = true; // until there is a scene
    return div("right", div("bar", labelled("map of", this.view)), this.plane, div("bar", labelled("a click places", this.label), this.remove));
  }

  buildCurves() {
    const figure = (caption, canvas) => make("figure", {}, [make("figcaption", {}, [caption]), canvas]);
    this.losses = picture("curves", "Loss over the steps; the table below has the numbers.");
    this.norms = picture("curves", "Length of the gradient of each layer over the steps; the table below has the numbers.");
    return div("charts", figure("Loss", this.losses), figure("Length of the gradient, layer by layer", this.norms));
  }

  buildFolds() {
    const check = button("Check the gradient", "Compare the gradient with finite differences", () => {
      this.verdict.className = "verdict";
      this.verdict.replaceChildren("Turning every weight a little, up and down\u2026");
      this.ask("check");
    });
    this.verdict = make("div", { class: "verdict", ...SAID });
    this.body = make("tbody");
    const head = make("tr", {}, COLUMNS.map((text) => make("th", { scope: "col" }, [text])));
    this.code = make("pre", { tabindex: "0", "aria-label": "The run so far as code" });
    this.copy = button("Copy", "Copy the code", () => this.copyCode());
    this.tableBox = folded("Numbers, layer by layer", div("wide", make("table", {}, [make("thead", {}, [head]), this.body])));
    this.codeBox = folded("The same run as code", this.code, this.copy);
    for (const box of [this.tableBox, this.codeBox]) box.addEventListener("toggle", () => this.schedule());
    return [div("bar", check), this.verdict, this.tableBox, this.codeBox];
  }

  // ---- asking and answering

  ask(what, more = {}, answers = 1) {
    try {
      this.model.send({ ask: what, ...more });
    } catch {
      this.pause();
      return this.say("The kernel does not answer. Run this cell again.");
    }
    this.waiting += answers;
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.waiting && this.say(BUSY), PATIENCE);
  }

  say(text) {
    setText(this.trouble, text);
  }

  set(settings) {
    this.say("");
    this.ask("set", { settings });
  }

  get atOnce() {
    return AT_ONCE[this.speed.value];
  }

  askSteps() {
    this.ask("steps", { count: Number(this.speed.value), pictures: this.atOnce, take: this.take }, this.atOnce);
  }

  answered(content, buffers) {
    if (content.type === "scene") return this.setScene(content);
    this.waiting = Math.max(0, this.waiting - 1);
    if (!this.waiting) clearTimeout(this.patience);
    if (this.trouble.textContent === BUSY) this.say("");
    if (content.type === "check") return this.showCheck(content);
    if (content.type === "trouble") {
      this.waiting = 0;
      this.verdict.replaceChildren();
      this.pause();
      return this.say(content.text);
    }
    this.queue.push({ ...content, buffers });
    if (this.queue.length > 8) this.moments.push(this.queue.shift().moment); // out of sight, nothing is painted
    if (content.stopped) this.pause();
    this.schedule();
  }

  showCheck({ ok, title, text }) {
    this.verdict.className = `verdict ${ok ? "right-gradient" : "wrong-gradient"}`;
    this.verdict.replaceChildren(make("strong", {}, [title]), make("pre", { tabindex: "0" }, [text]));
  }

  // ---- a new scene

  get output() {
    return [this.scene.shown.length - 1, 0];
  }

  setScene(content) {
    if (this.picked && this.scene && this.picked[0] === this.output[0]) this.picked = null; // the output stays the output
    const scene = (this.scene = { ...content, number: ++this.scenes });
    this.frame = null; // it belonged to the scene before, as all in the queue; the next one is on its way
    this.queue.length = 0;
    this.moments = scene.moments;
    for (const [name, control] of Object.entries(this.controls)) {
      control.disabled = scene.fixed[FIXED_BY[name]] ?? false;
      control.replaceChildren(...(control.disabled ? ["yours"] : scene.choices[name]).map((value) => option(value)));
      if (!control.disabled) control.value = String(scene.settings[name]);
    }
    this.again.title = scene.fixed.net ? "Other points and batches; your network keeps its first weights" : "Other points and other first weights";
    if (!this.picked || !(this.picked[1] < scene.shown[this.picked[0]])) this.picked = this.output;
    this.fillViews();
    this.fillHeads();
    this.remove.disabled = !scene.placed;
    this.cross ??= scene.plane.slice(0, 2);
    this.verdict.replaceChildren();
  }

  fillViews() {
    const { shown } = this.scene;
    const name = (c, k) => (c === 0 ? `input ${k + 1}` : c === shown.length - 1 ? "output" : `layer ${c}, neuron ${k + 1}`);
    const views = shown.flatMap((count, c) => Array.from({ length: count }, (_, k) => option(`${c} ${k}`, name(c, k))));
    this.view.replaceChildren(...views.reverse());
    this.view.value = this.picked.join(" ");
  }

  fillHeads() {
    const { sizes, fixed, most } = this.scene;
    const hidden = sizes.slice(1, -1);
    const resized = (k, change, sign, word, disabled) => {
      const label = `One neuron ${word} in layer ${k + 1}`;
      const sizes = hidden.map((size, l) => (l === k ? size + change : size));
      const made = button(sign, label, () => this.set({ hidden: sizes }), { "aria-label": label });
      made.disabled = fixed.net || disabled;
      return made;
    };
    const cells = hidden.map((size, k) => div("", resized(k, -1, "\u2212", "fewer", size <= 1),
      make("span", {}, [String(size)]), resized(k, 1, "+", "more", size >= most.neurons)));
    const focused = [...this.heads.querySelectorAll("button")].indexOf(document.activeElement);
    this.heads.replaceChildren(div("", "inputs"), ...cells, div("", "output"));
    if (focused >= 0) this.heads.querySelectorAll("button")[focused]?.focus();
    this.less.disabled = fixed.net || !hidden.length;
    this.more.disabled = fixed.net || hidden.length >= most.layers;
  }

  // ---- painting

  schedule() {
    this.painting ||= requestAnimationFrame(() => this.paint());
  }

  repaint() {
    this.theme = null;
    if (this.frame) this.frame.buffers ??= this.frame.unpacked;
    this.schedule();
  }

  paint() {
    this.painting = 0;
    if (!this.scene || !this.plane.clientWidth) return; // out of sight: goes on when it is back, by the observer of sizes
    this.takeFrame();
    if (!this.frame) return;
    this.theme ??= readTheme(this.root);
    if (this.frame.buffers) this.unpack();
    this.columns = drawNetwork(this.network, this.scene, this.frame, this.small, Number(this.kind.value), this.picked, this.theme);
    this.paintPlane();
    this.paintCurves();
    this.write();
    this.root.dataset.painted = Number(this.root.dataset.painted ?? 0) + 1;
    if (this.playing && this.waiting + this.queue.length <= this.atOnce) this.askSteps();
    if (this.queue.length) this.schedule();
  }

  // The next frame while it plays; otherwise the latest, which shows where the network stands.
  takeFrame() {
    for (const next of this.queue.splice(0, this.playing ? 1 : this.queue.length)) {
      this.frame = next;
      if (next.moment.step > (this.moments.at(-1)?.step ?? -1)) this.moments.push(next.moment);
    }
    const last = this.moments.length - 1;
    if (last >= MOST_MOMENTS) this.moments = this.moments.filter((_, k) => k % 2 === 0 || k === last);
  }

  unpack() {
    const { frame, theme } = this;
    const [maps, output, edges] = frame.buffers;
    frame.maps = [maps, output].map((view) => new Int8Array(view.buffer, view.byteOffset, view.byteLength));
    shade(this.small, frame.maps[0], SMALL, theme);
    shade(this.surface, frame.maps[1], 2 * SMALL, theme);
    const copied = edges.buffer.slice(edges.byteOffset, edges.byteOffset + edges.byteLength); // aligned
    frame.kinds = split(new Float32Array(copied), this.scene);
    frame.unpacked = frame.buffers;
    frame.buffers = null;
  }

  paintPlane() {
    const { plane, scene, theme, frame, picked: [c, k] } = this;
    const size = plane.clientWidth;
    const key = `${scene.number} ${theme.number} ${size} ${window.devicePixelRatio}`;
    if (key !== this.pointed) drawPoints(this.pointLayer, scene, size, theme);
    this.pointed = key;
    const context = fresh(plane, size, size);
    const n = scene.shown.slice(0, c).reduce((sum, count) => sum + count, 0) + k;
    const [maps, output] = frame.maps;
    if (c === this.output[0]) {
      context.drawImage(this.surface, 0, 0, size, size);
      drawBorder(context, output, 2 * SMALL, size, theme);
    } else {
      drawMap(context, this.small, n, 0, 0, size);
      drawBorder(context, maps.subarray(n * SMALL * SMALL, (n + 1) * SMALL * SMALL), SMALL, size, theme);
    }
    context.drawImage(this.pointLayer, 0, 0, size, size);
    if (this.cross && document.activeElement === plane) drawCross(context, ...place(scene, size, this.cross), theme);
  }

  paintCurves() {
    const { moments, theme, frame: { moment } } = this;
    const steps = moments.map(({ step }) => step);
    const curve = (name, value, colour, dash, alpha = 1) => ({ name, values: moments.map(value), colour, dash, alpha });
    const losses = [curve("training", ({ loss }) => loss, theme.ink, [])];
    if (moment.new_loss !== null) losses.push(curve("new points", ({ new_loss }) => new_loss, theme.grey, [5, 3]));
    const norms = moment.norms.map((_, l) => curve(`layer ${l + 1}`, ({ norms }) => norms[l] ?? 0, theme.backward,
      DASHES[l % DASHES.length], 1 - 0.6 * l / moment.norms.length));
    drawCurves(this.losses, steps, losses, theme);
    drawCurves(this.norms, steps, norms, theme);
  }

  write() {
    const { frame, playing } = this;
    setText(this.count, `step ${frame.moment.step}, epoch ${frame.moment.epoch}`);
    if (frame.stopped) this.say(frame.stopped);
    setText(this.legend, this.legendOf(Number(this.kind.value)));
    if (!playing) setText(this.status, frame.sentence); // read aloud when it changes: not twenty times a second
    if (!playing || this.tableBox.open) {
      this.body.replaceChildren(...frame.rows.map((row) => make("tr", {}, row.map((text) => make("td", {}, [text])))));
    }
    if (!playing || this.codeBox.open) setText(this.code, frame.code);
  }

  legendOf(kind) {
    const maps = "Each small map has its own scale of colours; a click shows it large.";
    if (kind && !this.frame.moment.step) return `No ${KINDS[kind]} yet: press Step. ${maps}`;
    return `The thicker a line, the larger the ${KINDS[kind]}; dashed: negative. A dot: the same for a bias, hollow if negative. The largest is ${this.frame.thickest[kind]}. ${maps}`;
  }

  // ---- what the reader does

  setPlaying(playing) {
    this.playing = playing;
    this.play.textContent = playing ? "Pause" : "Play";
    this.root.classList.toggle("playing", playing);
  }

  pause() {
    this.setPlaying(false);
    this.schedule();
  }

  toggle() {
    if (this.playing) {
      this.ask("pause", { take: this.take }, 0); // what was asked for and not begun is let go
      this.waiting = 0;
      return this.pause();
    }
    this.setPlaying(true);
    this.take++;
    this.say("");
    this.askSteps();
  }

  paused(act) {
    if (this.playing) this.toggle();
    act();
  }

  pick(where) {
    this.picked = where;
    this.view.value = where.join(" ");
    this.schedule();
  }

  async copyCode() {
    try {
      await navigator.clipboard.writeText(this.code.textContent);
      this.copy.textContent = "Copied";
      setTimeout(() => (this.copy.textContent = "Copy"), 1500);
    } catch {
      getSelection().selectAllChildren(this.code); // the browser does not allow it: the reader's own copy does
    }
  }

  // ---- placing points

  putDown([x, y], label) {
    this.say("");
    this.ask("place", { x, y, label });
  }

  clicked({ offsetX, offsetY }) {
    if (!this.scene) return;
    const [cx, cy, half] = this.scene.plane;
    const size = this.plane.clientWidth;
    this.cross = [cx + (2 * offsetX / size - 1) * half, cy + (1 - 2 * offsetY / size) * half];
    this.putDown(this.cross, Number(this.label.value));
  }

  pressed(event) {
    if (!this.scene || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) this.moveCross(ARROWS[event.key], event.shiftKey);
    else if (event.key === "0" || event.key === "1") this.putDown(this.cross, Number(event.key));
    else if (event.key === "Enter" || event.key === " ") this.putDown(this.cross, Number(this.label.value));
    else if (event.key === "Delete" || event.key === "Backspace") this.putDown(this.cross, null);
    else return;
    event.preventDefault();
  }

  moveCross([right, up], far) {
    const [cx, cy, half] = this.scene.plane;
    const inside = (value, middle) => Math.max(middle - half, Math.min(middle + half, value));
    const step = half / (far ? 5 : 25);
    this.cross = [inside(this.cross[0] + step * right, cx), inside(this.cross[1] + step * up, cy)];
    this.schedule();
  }
}

export function mount(el, model) {
  const page = new Page(model);
  el.replaceChildren(page.root);
  page.begin();
  return () => page.end();
}

export default { render: ({ model, el }) => mount(el, model) };
