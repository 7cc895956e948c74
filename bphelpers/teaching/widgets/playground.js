// The playground: draws what Python has trained, and asks for the next picture. No mathematics happens here.
//
// The page sends {ask: "scene" | "steps" | "set" | "restart" | "place" | "check"}. Python answers with a scene
// (settings, points, history), with frames (see _frame in playground.py) and with the result of a check.

const MOST_MOMENTS = 2400; // moments that the curves are drawn from
// Pictures asked for by one message, by the steps of each: while some are painted, the next are trained.
const AT_ONCE = { 1: 4, 5: 4, 20: 2, 100: 1, 500: 1 };
const PATIENCE = 4000; // milliseconds without an answer before the page says that the kernel is busy
const BUSY = "Waiting for the kernel, which is busy.";
const KINDS = ["weight", "gradient", "last update"];
const STEPS = [1, 5, 20, 100, 500];
const SMALL = 32; // pixels a side of a neuron's map; the output's has twice as many
const DASHES = [[], [7, 3], [2, 2], [8, 3, 2, 3]];
const LABELS = {
  problem: "Points", noise: "Noise", activation: "Activation", init: "First weights",
  optimizer: "Optimizer", lr: "Learning rate", batch_size: "Batch size", weight_decay: "Weight decay",
};
const GROUPS = { Data: ["problem", "noise"], Network: ["activation", "init"], Training: ["optimizer", "lr", "batch_size", "weight_decay"] };

const FOCUSABLE = ["button", "select", "summary", "pre", "canvas"];

function make(tag, attributes = {}, children = []) {
  const node = document.createElement(tag);
  // JupyterLab's shortcuts keep off a node that says so itself; that a parent says so is not enough.
  if (FOCUSABLE.includes(tag)) node.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const button = (text, title, classes = "") => make("button", { type: "button", title, class: classes }, [text]);
const signButton = (sign, label) => make("button", { type: "button", title: label, "aria-label": label }, [sign]);
const options = (values) => values.map((value) => make("option", { value }, [String(value)]));
const setText = (node, text) => node.textContent !== text && (node.textContent = text);

function labelled(name, control) {
  return make("label", {}, [make("span", {}, [name]), control]);
}

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

function drawNetwork(canvas, scene, frame, small, kind, picked, theme) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const context = fresh(canvas, width, height);
  const columns = places(scene, width, height);
  const layers = frame.kinds[kind];
  const largest = frame.largest[kind];
  context.strokeStyle = theme.kinds[kind];
  layers.forEach(({ W }, l) => {
    columns[l + 1].forEach((to, j) => {
      columns[l].forEach((from, k) => {
        const value = W[j * columns[l].length + k];
        const part = largest ? Math.abs(value) / largest : 0;
        const [x1, x2] = [from.x + from.size / 2, to.x - to.size / 2];
        context.globalAlpha = 0.12 + 0.88 * part;
        context.lineWidth = 0.4 + 6 * part;
        context.setLineDash(value < 0 ? [5, 4] : []);
        context.beginPath();
        context.moveTo(x1, from.y);
        context.bezierCurveTo((x1 + x2) / 2, from.y, (x1 + x2) / 2, to.y, x2, to.y);
        context.stroke();
      });
    });
  });
  context.globalAlpha = 1;
  context.setLineDash([]);
  let n = 0;
  columns.forEach((column, c) => {
    column.forEach(({ x, y, size }, k) => {
      drawMap(context, small, n++, x - size / 2, y - size / 2, size);
      const chosen = picked[0] === c && picked[1] === k;
      context.lineWidth = chosen ? 3 : 1;
      context.strokeStyle = chosen ? theme.ink : theme.grey;
      context.strokeRect(x - size / 2, y - size / 2, size, size);
      if (c) drawBias(context, x - size / 2, y + size / 2, largest ? layers[c - 1].b[k] / largest : 0, theme, kind);
    });
    const hidden = scene.sizes[c] - column.length;
    if (hidden) {
      context.fillStyle = theme.grey;
      context.textAlign = "center";
      context.fillText(`and ${hidden} more`, column[0].x, height - 2);
    }
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
  context.font = "11px sans-serif";
  context.fillStyle = theme.grey;
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.textAlign = "center";
  const last = steps.at(-1);
  if (!values.length || !last) {
    context.fillText("nothing to draw before the first step", width / 2, height / 2);
    return;
  }
  const marks = ticks(values);
  const [low, high] = [Math.log(marks[0]), Math.log(marks.at(-1))];
  const px = (step) => left + (step / last) * (right - left);
  const py = (value) => bottom - ((Math.log(Math.min(Math.max(value, marks[0]), marks.at(-1))) - low) / (high - low)) * (bottom - top);
  context.textAlign = "right";
  for (const mark of marks) {
    context.beginPath();
    context.moveTo(left, py(mark));
    context.lineTo(right, py(mark));
    context.stroke();
    context.fillText(mark >= 1e-4 && mark < 1e4 ? String(mark) : mark.toExponential(), left - 5, py(mark) + 4);
  }
  context.textAlign = "left";
  context.fillText("step 0", left, height - 5);
  context.textAlign = "right";
  context.fillText(String(last), right, height - 5);
  context.textAlign = "left";
  const ends = [];
  for (const { values, name, colour, dash, alpha = 1 } of curves) {
    context.globalAlpha = alpha;
    context.strokeStyle = colour;
    context.setLineDash(dash);
    context.lineWidth = 1.8;
    context.beginPath();
    let pen = false;
    values.forEach((value, k) => {
      if (!(value > 0)) return (pen = false);
      pen ? context.lineTo(px(steps[k]), py(value)) : context.moveTo(px(steps[k]), py(value));
      pen = true;
    });
    context.stroke();
    if (values.at(-1) > 0) ends.push({ name, colour, y: py(values.at(-1)) + 4 });
  }
  context.globalAlpha = 1;
  context.setLineDash([]);
  ends.sort((a, b) => a.y - b.y);
  ends.forEach((end, k) => (end.y = k ? Math.max(end.y, ends[k - 1].y + 12) : end.y));
  for (let k = ends.length - 1, floor = bottom; k >= 0; k--, floor -= 12) ends[k].y = Math.min(ends[k].y, floor);
  for (const { name, colour, y } of ends) {
    context.fillStyle = colour;
    context.fillText(name, right + 5, y);
  }
}

// ---------------------------------------------------------------------------------------- the page around it

export function mount(el, model) {
  let scene = null;
  let frame = null;
  let moments = [];
  let theme = null;
  let columns = [];
  let picked = null; // column and row of the neuron whose map fills the plane
  let cross = null;
  let scenes = 0;
  let playing = false;
  let take = 0; // number of the latest press of Play
  let waiting = 0; // answers to come
  const queue = []; // frames that have come and are not painted yet
  let painting = 0;
  const small = make("canvas"); // the maps of all neurons, one below the other
  const surface = make("canvas");
  const pointLayer = make("canvas");
  let pointed = ""; // what the layer of points shows
  let patience = 0;

  const play = button("Play", "Train, or stop training", "play");
  const step = button("Step", "One update of the weights");
  const reset = button("Reset", "Back to the first weights");
  const again = button("New start", "Other points and other first weights");
  const speed = make("select", {}, options(STEPS));
  speed.value = "5";
  const count = make("span", { class: "count" });
  const status = make("p", { class: "sentence", role: "status", "aria-live": "polite" });
  const trouble = make("p", { class: "trouble", role: "alert" });

  const controls = Object.fromEntries(Object.keys(LABELS).map((name) => [name, make("select", { name })]));
  const groups = Object.entries(GROUPS).map(([title, names]) =>
    make("fieldset", {}, [make("legend", {}, [title]), ...names.map((name) => labelled(LABELS[name], controls[name]))]));

  const kind = make("select", {}, KINDS.map((name, k) => make("option", { value: k }, [name])));
  const less = button("\u2212 layer", "One hidden layer fewer");
  const more = button("+ layer", "One hidden layer more");
  const heads = make("div", { class: "heads" });
  const network = make("canvas", { class: "network", role: "img", "aria-label": "The network, with the map of each neuron; the table below has the numbers." });
  const legend = make("p", { class: "legend" });

  const view = make("select", {});
  const plane = make("canvas", {
    class: "plane", tabindex: "0", role: "application",
    "aria-label": "The plane with its points. Arrow keys move a cross, 0 and 1 place a point of that class there, Delete takes the nearest placed point away.",
  });
  const label = make("select", {}, [make("option", { value: 0 }, ["class 0 \u25CF"]), make("option", { value: 1 }, ["class 1 \u25A0"])]);
  const remove = button("Take one away", "Take the point placed last away");
  const losses = make("canvas", { class: "curves", role: "img", "aria-label": "Loss over the steps; the table below has the numbers." });
  const norms = make("canvas", { class: "curves", role: "img", "aria-label": "Length of the gradient of each layer over the steps; the table below has the numbers." });
  const check = button("Check the gradient", "Compare the gradient with finite differences");
  const verdict = make("div", { class: "verdict", role: "status", "aria-live": "polite" });
  const body = make("tbody");
  const head = ["layer", "weights", "length with biases", "length of gradient", "length of last update", "update / length"];
  const table = make("table", {}, [make("thead", {}, [make("tr", {}, head.map((text) => make("th", { scope: "col" }, [text])))]), body]);
  const tableBox = make("details", {}, [make("summary", {}, ["Numbers, layer by layer"]), make("div", { class: "wide" }, [table])]);
  const code = make("pre", { tabindex: "0", "aria-label": "The run so far as code" });
  const copy = button("Copy", "Copy the code");
  const codeBox = make("details", {}, [make("summary", {}, ["The same run as code"]), code, copy]);

  const root = make("div", { class: "bp-playground" }, [
    make("span", { class: "probe" }),
    make("div", { class: "bar" }, [play, step, reset, again, labelled("steps per picture", speed), count]),
    make("div", { class: "stage" }, [
      make("div", { class: "settings" }, [...groups, make("p", { class: "legend" }, ["Every change but that of the learning rate begins the run anew."])]),
      make("div", { class: "middle" }, [
        make("div", { class: "bar" }, [labelled("lines show the", kind), less, more]),
        heads, network, legend,
      ]),
      make("div", { class: "right" }, [
        make("div", { class: "bar" }, [labelled("map of", view)]), plane,
        make("div", { class: "bar" }, [labelled("a click places", label), remove]),
      ]),
    ]),
    trouble, status,
    make("div", { class: "charts" }, [
      make("figure", {}, [make("figcaption", {}, ["Loss"]), losses]),
      make("figure", {}, [make("figcaption", {}, ["Length of the gradient, layer by layer"]), norms]),
    ]),
    make("div", { class: "bar" }, [check]), verdict,
    tableBox, codeBox,
  ]);

  // ---- asking and answering

  function ask(what, more = {}, answers = 1) {
    try {
      model.send({ ask: what, ...more });
    } catch {
      pause();
      return say("The kernel does not answer. Run this cell again.");
    }
    waiting += answers;
    clearTimeout(patience);
    patience = setTimeout(() => waiting && say(BUSY), PATIENCE);
  }

  const say = (text) => setText(trouble, text);
  const atOnce = () => AT_ONCE[speed.value];
  const askSteps = () => ask("steps", { count: Number(speed.value), pictures: atOnce(), take }, atOnce());
  const tooFew = () => playing && waiting + queue.length <= atOnce();

  function answered(content, buffers) {
    if (content.type === "scene") return setScene(content);
    waiting = Math.max(0, waiting - 1);
    if (!waiting) clearTimeout(patience);
    if (trouble.textContent === BUSY) say("");
    if (content.type === "check") return showCheck(content);
    if (content.type === "trouble") {
      waiting = 0;
      verdict.replaceChildren();
      pause();
      return say(content.text);
    }
    queue.push({ ...content, buffers });
    if (queue.length > 8) moments.push(queue.shift().moment); // out of sight, nothing is painted
    if (content.stopped) pause();
    schedule();
  }

  function setScene(content) {
    if (picked && scene && picked[0] === output()[0]) picked = null; // the output stays the output
    scene = { ...content, number: ++scenes };
    frame = null; // it belonged to the scene before, as all in the queue; the next one is on its way
    queue.length = 0;
    moments = content.moments;
    for (const [name, select] of Object.entries(controls)) {
      select.disabled = content.fixed[{ activation: "net", init: "net", problem: "data", noise: "data" }[name]] ?? false;
      select.replaceChildren(...options(select.disabled ? ["yours"] : content.choices[name]));
      if (!select.disabled) select.value = String(content.settings[name]);
    }
    again.title = content.fixed.net ? "Other points and batches; your network keeps its first weights" : "Other points and other first weights";
    if (!picked || picked[0] >= scene.shown.length || picked[1] >= scene.shown[picked[0]]) picked = output();
    fillViews();
    fillHeads();
    remove.disabled = !scene.placed;
    if (scene.settings.problem === "own points" && !cross) cross = scene.plane.slice(0, 2);
    verdict.replaceChildren();
  }

  const output = () => [scene.shown.length - 1, 0];

  function fillViews() {
    const names = scene.shown.flatMap((count, c) => Array.from({ length: count }, (_, k) => {
      const name = c === 0 ? `input ${k + 1}` : c === scene.shown.length - 1 ? "output" : `layer ${c}, neuron ${k + 1}`;
      return make("option", { value: `${c} ${k}` }, [name]);
    }));
    view.replaceChildren(...names.reverse());
    view.value = picked.join(" ");
  }

  function fillHeads() {
    const hidden = scene.sizes.slice(1, -1);
    const resize = (k, change) => {
      const sizes = hidden.map((size, l) => (l === k ? size + change : size));
      return () => set({ hidden: sizes });
    };
    const cells = hidden.map((size, k) => {
      const [minus, plus] = [signButton("\u2212", `One neuron fewer in layer ${k + 1}`), signButton("+", `One neuron more in layer ${k + 1}`)];
      minus.disabled = scene.fixed.net || size <= 1;
      plus.disabled = scene.fixed.net || size >= scene.most.neurons;
      minus.addEventListener("click", resize(k, -1));
      plus.addEventListener("click", resize(k, 1));
      return make("div", {}, [minus, make("span", {}, [String(size)]), plus]);
    });
    const focused = [...heads.querySelectorAll("button")].indexOf(document.activeElement);
    heads.replaceChildren(make("div", {}, ["inputs"]), ...cells, make("div", {}, ["output"]));
    if (focused >= 0) heads.querySelectorAll("button")[focused]?.focus();
    less.disabled = scene.fixed.net || !hidden.length;
    more.disabled = scene.fixed.net || hidden.length >= scene.most.layers;
  }

  function showCheck({ ok, title, text }) {
    verdict.className = `verdict ${ok ? "right-gradient" : "wrong-gradient"}`;
    verdict.replaceChildren(make("strong", {}, [title]), make("pre", { tabindex: "0" }, [text]));
  }

  function set(settings) {
    say("");
    ask("set", { settings });
  }

  // ---- painting

  function schedule() {
    if (!painting) painting = requestAnimationFrame(paint);
  }

  function paint() {
    painting = 0;
    if (!scene || !plane.clientWidth) return; // out of sight: goes on when it is back, by the observer of sizes
    takeFrame();
    if (!frame) return;
    theme ??= readTheme(root);
    if (frame.buffers) unpack();
    columns = drawNetwork(network, scene, frame, small, Number(kind.value), picked, theme);
    paintPlane();
    const steps = moments.map(({ step }) => step);
    const lines = [{ name: "training", values: moments.map(({ loss }) => loss), colour: theme.ink, dash: [] }];
    if (frame.moment.new_loss !== null) {
      lines.push({ name: "new points", values: moments.map(({ new_loss }) => new_loss), colour: theme.grey, dash: [5, 3] });
    }
    drawCurves(losses, steps, lines, theme);
    drawCurves(norms, steps, frame.moment.norms.map((_, l) => ({
      name: `layer ${l + 1}`, values: moments.map((moment) => moment.norms[l] ?? 0), colour: theme.backward,
      dash: DASHES[l % DASHES.length], alpha: 1 - 0.6 * l / frame.moment.norms.length,
    })), theme);
    write();
    root.dataset.painted = Number(root.dataset.painted ?? 0) + 1;
    if (tooFew()) askSteps();
    if (queue.length) schedule();
  }

  // The next frame while it plays; otherwise the latest, which shows where the network stands.
  function takeFrame() {
    for (const next of queue.splice(0, playing ? 1 : queue.length)) {
      frame = next;
      if (next.moment.step > (moments.at(-1)?.step ?? -1)) moments.push(next.moment);
    }
    if (moments.length > MOST_MOMENTS) moments = moments.filter((_, k) => k % 2 === 0 || k === moments.length - 1);
  }

  function paintPlane() {
    const size = plane.clientWidth;
    const key = `${scene.number} ${theme.number} ${size} ${window.devicePixelRatio}`;
    if (key !== pointed) drawPoints(pointLayer, scene, size, theme);
    pointed = key;
    const context = fresh(plane, size, size);
    const [c, k] = picked;
    const n = scene.shown.slice(0, c).reduce((sum, count) => sum + count, 0) + k;
    const [maps, output] = frame.maps;
    if (c === scene.shown.length - 1) {
      context.drawImage(surface, 0, 0, size, size);
      drawBorder(context, output, 2 * SMALL, size, theme);
    } else {
      drawMap(context, small, n, 0, 0, size);
      drawBorder(context, maps.subarray(n * SMALL * SMALL, (n + 1) * SMALL * SMALL), SMALL, size, theme);
    }
    context.drawImage(pointLayer, 0, 0, size, size);
    if (cross && document.activeElement === plane) drawCross(context, ...place(scene, size, cross), theme);
  }

  function unpack() {
    const [maps, output, edges] = frame.buffers;
    frame.maps = [maps, output].map((view) => new Int8Array(view.buffer, view.byteOffset, view.byteLength));
    shade(small, frame.maps[0], SMALL, theme);
    shade(surface, frame.maps[1], 2 * SMALL, theme);
    const copied = edges.buffer.slice(edges.byteOffset, edges.byteOffset + edges.byteLength); // aligned
    frame.kinds = split(new Float32Array(copied), scene);
    frame.unpacked = frame.buffers;
    frame.buffers = null;
  }

  function write() {
    const { moment } = frame;
    setText(count, `step ${moment.step}, epoch ${moment.epoch}`);
    if (frame.stopped) say(frame.stopped);
    setText(legend, legendOf(Number(kind.value)));
    if (!playing) setText(status, frame.sentence); // read aloud when it changes: not twenty times a second
    if (!playing || tableBox.open) {
      body.replaceChildren(...frame.rows.map((row) => make("tr", {}, row.map((text) => make("td", {}, [text])))));
    }
    if (!playing || codeBox.open) setText(code, frame.code);
  }

  function legendOf(which) {
    const maps = "Each small map has its own scale of colours; a click shows it large.";
    if (which && !frame.moment.step) return `No ${KINDS[which]} yet: press Step. ${maps}`;
    return `The thicker a line, the larger the ${KINDS[which]}; dashed: negative. A dot: the same for a bias, hollow if negative. The largest is ${frame.thickest[which]}. ${maps}`;
  }

  function repaint() {
    theme = null;
    if (frame) frame.buffers ??= frame.unpacked;
    schedule();
  }

  // ---- playing

  function pause() {
    playing = false;
    play.textContent = "Play";
    root.classList.remove("playing");
    schedule();
  }

  function toggle() {
    if (playing) {
      ask("pause", { take }, 0); // what was asked for and not begun is let go
      waiting = 0;
      return pause();
    }
    playing = true;
    take++;
    say("");
    play.textContent = "Pause";
    root.classList.add("playing");
    askSteps();
  }

  play.addEventListener("click", toggle);
  step.addEventListener("click", () => {
    if (playing) toggle();
    ask("steps", { count: 1, pictures: 1, take: ++take });
  });
  reset.addEventListener("click", () => {
    if (playing) toggle();
    ask("restart");
  });
  again.addEventListener("click", () => scene && set({ seed: scene.settings.seed + 1 }));
  check.addEventListener("click", () => {
    verdict.className = "verdict";
    verdict.replaceChildren("Turning every weight a little, up and down\u2026");
    ask("check");
  });
  for (const [name, select] of Object.entries(controls)) {
    const isWord = ["problem", "activation", "init", "optimizer"].includes(name);
    select.addEventListener("change", () => set({ [name]: isWord ? select.value : Number(select.value) }));
  }
  for (const one of [less, more, remove]) one.disabled = true; // until there is a scene
  less.addEventListener("click", () => set({ hidden: scene.sizes.slice(1, -2) }));
  more.addEventListener("click", () => {
    const hidden = scene.sizes.slice(1, -1);
    set({ hidden: [...hidden, hidden.at(-1) ?? 4] });
  });
  kind.addEventListener("change", schedule);
  view.addEventListener("change", () => pick(view.value.split(" ").map(Number)));
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    } catch {
      getSelection().selectAllChildren(code); // the browser does not allow it: the reader's own copy does
    }
  });
  for (const box of [tableBox, codeBox]) box.addEventListener("toggle", schedule);

  function pick(where) {
    picked = where;
    view.value = picked.join(" ");
    schedule();
  }

  network.addEventListener("click", ({ offsetX, offsetY }) => {
    columns.forEach((column, c) => column.forEach(({ x, y, size }, k) => {
      if (Math.abs(offsetX - x) <= size / 2 && Math.abs(offsetY - y) <= size / 2) pick([c, k]);
    }));
  });

  // ---- placing points

  function putDown([x, y], choice) {
    say("");
    ask("place", { x, y, label: choice });
  }

  plane.addEventListener("click", ({ offsetX, offsetY }) => {
    if (!scene) return;
    const [cx, cy, half] = scene.plane;
    const size = plane.clientWidth;
    cross = [cx + (2 * offsetX / size - 1) * half, cy + (1 - 2 * offsetY / size) * half];
    putDown(cross, Number(label.value));
  });
  plane.addEventListener("keydown", (event) => {
    if (!scene) return;
    const [cx, cy, half] = scene.plane;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const inside = (value, middle) => Math.max(middle - half, Math.min(middle + half, value));
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (move) {
      const far = half / (event.shiftKey ? 5 : 25);
      cross ??= [cx, cy];
      cross = [inside(cross[0] + far * move[0], cx), inside(cross[1] + far * move[1], cy)];
      schedule();
    } else if (event.key === "0" || event.key === "1") putDown(cross ?? [cx, cy], Number(event.key));
    else if (event.key === "Enter" || event.key === " ") putDown(cross ?? [cx, cy], Number(label.value));
    else if (event.key === "Delete" || event.key === "Backspace") putDown(cross ?? [cx, cy], null);
    else return;
    event.preventDefault();
  });
  plane.addEventListener("focus", () => {
    cross ??= scene?.plane.slice(0, 2) ?? null;
    schedule();
  });
  plane.addEventListener("blur", schedule);
  remove.addEventListener("click", () => putDown(scene.points.at(-1).slice(0, 2), null));

  // ---- life

  const observer = new MutationObserver(repaint);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"] });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", repaint);
  const sizes = new ResizeObserver(schedule);
  sizes.observe(root);
  model.on("msg:custom", answered);
  el.replaceChildren(root);
  const { scene: scenery, frame: picture, buffers } = model.get("first");
  if (scenery) {
    setScene(scenery);
    answered(picture, buffers);
  }
  ask("scene"); // it may have gone on since
  return () => {
    playing = false;
    model.off("msg:custom", answered);
    observer.disconnect();
    sizes.disconnect();
    dark.removeEventListener("change", repaint);
    clearTimeout(patience);
  };
}

export default { render: ({ model, el }) => mount(el, model) };
