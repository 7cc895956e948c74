// The playground: draws what Python has trained, and asks for the next picture. No mathematics happens here.
//
// The page sends {ask: "scene" | "steps" | "pause" | "set" | "restart" | "place" | "take_away" | "check"}. Python answers
// with {scene, frame} (see _everything and _frame in playground.py), {check} or {trouble}.

// Pictures asked for by one message, by the steps of each: while some are painted, the next are trained.
const AT_ONCE = { 1: 4, 5: 4, 20: 2, 100: 1, 500: 1 };
const PATIENCE = 4000; // milliseconds without an answer before the page says that the kernel is busy
const BUSY = "Waiting for the kernel, which is busy.";
const KINDS = ["weight", "gradient", "last update"];
const SMALL = 32; // pixels a side of a neuron's map; the output's has twice as many
const DASHES = [[], [7, 3], [2, 2], [8, 3, 2, 3]];
const COLUMNS = ["layer", "weights", "length with biases", "length of gradient", "length of last update", "update / length"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const each = (items, html) => items.map(html).join("");
const options = (values) => each(values, (value) => `<option>${value}</option>`);
const control = ([name, label]) => `<label><span>${label}</span><select name="${name}"></select></label>`;
const group = ([title, controls]) => `<fieldset><legend>${title}</legend>${each(Object.entries(controls), control)}</fieldset>`;
const form = (groups) => `
  <div class="bar">
    <button name="play" title="Train, or stop training">Play</button>
    <button name="step" title="One update of the weights">Step</button>
    <button name="reset" title="Back to the first weights">Reset</button>
    <button name="again">New start</button>
    <label><span>steps per picture</span><select name="speed">${options(Object.keys(AT_ONCE))}</select></label>
    <span class="count"></span>
  </div>
  <div class="stage">
    <div class="settings">
      ${each(Object.entries(groups), group)}
      <p class="legend">Every change but that of the learning rate restarts the run.</p>
    </div>
    <div class="middle">
      <div class="bar">
        <label><span>lines show the</span><select name="kind">${options(KINDS)}</select></label>
        <button name="less" title="One hidden layer fewer" disabled>\u2212 layer</button>
        <button name="deeper" title="One hidden layer more" disabled>+ layer</button>
      </div>
      <div class="heads"></div>
      <canvas class="network" role="img"
        aria-label="The network, with the map of each neuron; the table below has the numbers."></canvas>
      <p class="legend"></p>
    </div>
    <div class="right">
      <div class="bar"><label><span>map of</span><select name="view"></select></label></div>
      <div class="field">
        <canvas class="plane" tabindex="0" role="application" aria-label="The plane with its points. Arrow keys move
          a cross, 0 and 1 place a point of that class there, Delete takes the nearest placed point away."></canvas>
        <span class="cross"></span>
      </div>
      <div class="bar">
        <label><span>a click places</span><select name="label">${options(["class 0 \u25CF", "class 1 \u25A0"])}</select></label>
        <button name="remove" title="Take the point placed last away" disabled>Take one away</button>
      </div>
    </div>
  </div>
  <p class="trouble" role="alert"></p>
  <p class="sentence" role="status"></p>
  <div class="charts">
    <figure><figcaption>Loss</figcaption>
      <canvas class="losses" role="img" aria-label="Loss over the steps; the table below has the numbers."></canvas></figure>
    <figure><figcaption>Length of the gradient, layer by layer</figcaption>
      <canvas class="norms" role="img"
        aria-label="Length of the gradient of each layer over the steps; the table below has the numbers."></canvas></figure>
  </div>
  <div class="bar"><button name="check" title="Compare the gradient with finite differences">Check the gradient</button></div>
  <div class="verdict" role="status"></div>
  <details class="numbers"><summary>Numbers, layer by layer</summary><div class="wide"><table>
    <thead><tr>${each(COLUMNS, (text) => `<th scope="col">${text}</th>`)}</tr></thead><tbody class="rows"></tbody>
  </table></div></details>
  <details class="script"><summary>The same run as code</summary>
    <pre class="code" tabindex="0" aria-label="The run so far as code"></pre>
    <button name="copy" title="Copy the code">Copy</button></details>`;

const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
const setText = (node, text) => node.textContent !== text && (node.textContent = text);

// JupyterLab's shortcuts keep off a node that says so itself; that a parent says so is not enough.
function quiet(root) {
  for (const node of root.querySelectorAll("button, select, summary, pre, canvas")) {
    node.setAttribute("data-lm-suppress-shortcuts", "true");
  }
}

// ---------------------------------------------------------------------------------------- colours

// The theme's colours as the style sheet gives them, and 255 shades from class 0 over paper to class 1.
function readTheme(root) {
  const names = ["paper", "ink", "grey", "line", "class0", "class1", "forward", "backward", "update"];
  const probe = root.appendChild(make("i", { hidden: true })); // on it a colour is one, whatever the theme
  const theme = Object.fromEntries(names.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  }));
  probe.remove();
  const context = make("canvas", { width: 255, height: 1 }).getContext("2d");
  const gradient = context.createLinearGradient(0, 0, 255, 0);
  ["class0", "paper", "class1"].forEach((name, k) => gradient.addColorStop(k / 2, theme[name]));
  for (const [fillStyle, globalAlpha] of [[theme.paper, 1], [gradient, 0.85]]) {
    Object.assign(context, { fillStyle, globalAlpha }).fillRect(0, 0, 255, 1);
  }
  const shades = new Uint32Array(context.getImageData(0, 0, 255, 1).data.buffer);
  return { ...theme, shades, kinds: [theme.forward, theme.backward, theme.update] };
}

// Square maps, one below the other, on a canvas that is kept from picture to picture.
function shade(canvas, bytes, side, { shades }) {
  const image = new ImageData(side, bytes.length / side);
  const pixels = new Uint32Array(image.data.buffer);
  for (let k = 0; k < pixels.length; k++) pixels[k] = shades[bytes[k] + 127];
  Object.assign(canvas, { width: side, height: image.height }).getContext("2d").putImageData(image, 0, 0);
}

// The n-th of the small maps. Half a pixel at its rim is left out, where its neighbour would shine through.
function drawMap(context, small, n, x, y, size) {
  context.drawImage(small, 0.5, SMALL * n + 0.5, SMALL - 1, SMALL - 1, x, y, size, size);
}

// The context of a canvas as sharp as the screen, cleared, and its size in CSS pixels.
function fresh(canvas) {
  const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio || 1];
  Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return [context, width, height];
}

// A path in this style, filled where the style says with what.
function draw(context, style, path) {
  Object.assign(context, style).beginPath();
  path();
  if (style.fillStyle) context.fill();
  context.stroke();
}

// ---------------------------------------------------------------------------------------- the network

// Where the neurons stand, column by column.
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

function drawLine(context, from, to, part) {
  const [x1, x2, size] = [from.x + from.size / 2, to.x - to.size / 2, Math.abs(part)];
  context.setLineDash(part < 0 ? [5, 4] : []);
  draw(context, { globalAlpha: 0.12 + 0.88 * size, lineWidth: 0.4 + 6 * size }, () => {
    context.moveTo(x1, from.y);
    context.bezierCurveTo((x1 + x2) / 2, from.y, (x1 + x2) / 2, to.y, x2, to.y);
  });
}

// A dot at the lower left corner of the neuron: filled where the bias is positive, hollow where negative.
function drawBias(context, { x, y, size }, part, strokeStyle, paper) {
  const r = Math.min(6, 5 * Math.sqrt(Math.abs(part)));
  const style = { lineWidth: 1.5, fillStyle: part > 0 ? strokeStyle : paper, strokeStyle };
  if (r >= 1) draw(context, style, () => context.arc(x - size / 2, y + size / 2, r, 0, 7));
}

// Returns the neurons, each with its place.
function drawNetwork(canvas, scene, frame, small, kind, picked, theme) {
  const [context, width, height] = fresh(canvas);
  const columns = places(scene, width, height);
  const part = (value) => value / (frame.largest[kind] || 1);
  context.strokeStyle = theme.kinds[kind];
  frame.kinds[kind].forEach(({ W }, l) => columns[l + 1].forEach((to, j) => columns[l].forEach((from, k) => {
    drawLine(context, from, to, part(W[j * columns[l].length + k]));
  })));
  context.globalAlpha = 1;
  context.setLineDash([]);
  context.textAlign = "center";
  let n = 0;
  columns.forEach((column, c) => {
    column.forEach((neuron, k) => {
      const { x, y, size } = neuron;
      const chosen = n === picked;
      drawMap(context, small, n++, x - size / 2, y - size / 2, size);
      Object.assign(context, { lineWidth: chosen ? 3 : 1, strokeStyle: chosen ? theme.ink : theme.grey });
      context.strokeRect(x - size / 2, y - size / 2, size, size);
      if (c) drawBias(context, neuron, part(frame.kinds[kind][c - 1].b[k]), theme.kinds[kind], theme.paper);
    });
    const hidden = scene.sizes[c] - column.length;
    context.fillStyle = theme.grey;
    if (hidden) context.fillText(`and ${hidden} more`, column[0].x, height - 2);
  });
  return columns.flat();
}

// ---------------------------------------------------------------------------------------- the plane

function drawPoints(context, { points, placed }, batch, size, { class0, class1, ink }) {
  for (const [x, y] of batch.map((k) => points[k])) {
    draw(context, { lineWidth: 1.5, strokeStyle: ink }, () => context.arc(x * size, y * size, 8, 0, 7));
  }
  points.forEach(([x, y, label], k) => {
    const r = k < points.length - placed ? 2.8 : 4.5; // those that were placed are larger
    draw(context, { lineWidth: 1, fillStyle: label ? class1 : class0, strokeStyle: ink }, () => {
      if (label) context.rect(x * size - r, y * size - r, 2 * r, 2 * r);
      else context.arc(x * size, y * size, r + 0.4, 0, 7);
    });
  });
}

// Where the answer changes its sign, straight between neighbouring places of the map; 0 counts as negative.
function drawBorder(context, bytes, side, size, { ink }) {
  const at = (k) => ((k + 0.5) * size) / side;
  const crossings = (column, row) => {
    const corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
    const values = corners.map(([x, y]) => bytes[y * side + x] || -0.5);
    return corners.flatMap(([x, y], k) => {
      const [next, value, other] = [corners[(k + 1) % 4], values[k], values[(k + 1) % 4]];
      const part = value / (value - other);
      return value > 0 === other > 0 ? [] : [[at(x + part * (next[0] - x)), at(y + part * (next[1] - y))]];
    });
  };
  draw(context, { lineWidth: 1.5, strokeStyle: ink }, () => {
    for (let row = 0; row < side - 1; row++) {
      for (let column = 0; column < side - 1; column++) {
        crossings(column, row).forEach((point, k) => (k % 2 ? context.lineTo(...point) : context.moveTo(...point)));
      }
    }
  });
}

// ---------------------------------------------------------------------------------------- curves

// Round numbers for a logarithmic axis that holds the values: 1, 2, 5, 10, ..., or powers of ten.
function ticks(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((end) => Math.min(Math.max(end, 1e-36), 1e35));
  const all = Array.from({ length: 219 }, (_, k) => Number(`${[1, 2, 5][k % 3]}e${Math.floor(k / 3) - 36}`));
  for (const every of [1, 3, 9, 18, 36, 72]) {
    const marks = all.filter((_, k) => k % every === 0);
    const [below, above] = [marks.findLastIndex((mark) => mark <= low), marks.findIndex((mark) => mark >= high)];
    if (above - below < 5) return marks.slice(below, Math.max(above, below + 1) + 1);
  }
}

// Heights moved until they are `gap` apart, none of them below the floor.
function apart(heights, gap, floor) {
  const order = heights.map((y, k) => ({ y, k })).sort((a, b) => a.y - b.y);
  order.forEach((end, k) => (end.y = k ? Math.max(end.y, order[k - 1].y + gap) : end.y));
  order.reverse().forEach((end, k) => (end.y = Math.min(end.y, floor - gap * k)));
  return heights.map((_, k) => order.find((end) => end.k === k).y);
}

// Curves over the steps, on a logarithmic axis, each with its name at its end.
function drawCurves(canvas, steps, curves, theme) {
  const [context, width, height] = fresh(canvas);
  const [left, right, top, bottom] = [46, width - 66, 8, height - 20];
  const write = (text, x, y, textAlign, fillStyle = theme.grey) => {
    Object.assign(context, { font: "11px sans-serif", textAlign, fillStyle }).fillText(text, x, y);
  };
  const line = (points, strokeStyle, lineWidth, dash = [], globalAlpha = 1) => {
    context.setLineDash(dash);
    draw(context, { strokeStyle, lineWidth, globalAlpha }, () => {
      points.forEach((point, k) => point && (points[k - 1] ? context.lineTo(...point) : context.moveTo(...point)));
    });
    context.globalAlpha = 1;
  };
  const drawn = curves.flatMap(({ values }) => values.filter((value) => value > 0));
  const last = steps.at(-1);
  if (!drawn.length || !last) return write("nothing to draw before the first step", width / 2, height / 2, "center");
  const marks = ticks(drawn);
  const [low, high] = [marks[0], marks.at(-1)];
  const px = (step) => left + (step / last) * (right - left);
  const part = (value) => Math.log(Math.min(Math.max(value, low), high) / low) / Math.log(high / low);
  const py = (value) => bottom - part(value) * (bottom - top);
  for (const mark of marks) {
    line([[left, py(mark)], [right, py(mark)]], theme.line, 1);
    write(mark >= 1e-4 && mark < 1e4 ? String(mark) : mark.toExponential(), left - 5, py(mark) + 4, "right");
  }
  write("step 0", left, height - 5, "left");
  write(String(last), right, height - 5, "right");
  for (const { values, colour, dash, alpha } of curves) {
    line(values.map((value, k) => value > 0 && [px(steps[k]), py(value)]), colour, 1.8, dash, alpha);
  }
  const ends = curves.filter(({ values }) => values.at(-1) > 0);
  const heights = apart(ends.map(({ values }) => py(values.at(-1)) + 4), 12, bottom);
  ends.forEach(({ name, colour }, k) => write(name, right + 5, heights[k], "left", colour));
}

// ---------------------------------------------------------------------------------------- the page around it

export function mount(el, model) {
  const root = make("div", { className: "bp-playground", innerHTML: form(model.get("controls")) });
  const named = [...root.querySelectorAll("[name], [class]")].map((node) => [node.name || node.className, node]);
  const parts = Object.fromEntries(named); // of the two legends, the one below the network
  const { plane, view, verdict } = parts;
  const [small, surface] = [make("canvas"), make("canvas")];
  let scene = null;
  let frame = null; // the one that is painted
  let queue = []; // frames that have come and are not painted yet
  let theme = null;
  let neurons = []; // where they stand
  let cross = [0.5, 0.5]; // part of the way from the upper left corner of the plane
  let playing = false;
  let take = 0; // the latest press of Play
  let waiting = 0; // answers that were asked for and have not come
  let patience = 0;
  let painting = 0;

  // ---- asking and answering

  const say = (text) => setText(parts.trouble, text);

  function ask(what, more = {}, answers = 1) {
    say("");
    try {
      model.send({ ask: what, ...more });
    } catch {
      setPlaying(false);
      return say("The kernel does not answer. Run this cell again.");
    }
    waiting += answers;
    clearTimeout(patience);
    patience = setTimeout(() => waiting && say(BUSY), PATIENCE);
  }

  const set = (changed) => ask("set", changed);
  const atOnce = () => AT_ONCE[parts.speed.value];
  const askSteps = () => ask("steps", { count: Number(parts.speed.value), pictures: atOnce(), take }, atOnce());

  function answered(content, buffers) {
    const { check, trouble } = content;
    waiting = trouble ? 0 : Math.max(0, waiting - 1);
    if (!waiting) clearTimeout(patience);
    if (parts.trouble.textContent === BUSY) say("");
    if (content.scene) setScene(content.scene);
    if (content.scene || trouble) verdict.textContent = "";
    if (check) {
      verdict.classList.toggle("wrong-gradient", !check.ok);
      const found = make("pre", { tabIndex: 0, textContent: check.text });
      verdict.replaceChildren(make("strong", { textContent: check.title }), found);
      quiet(verdict);
    }
    if (content.frame && scene) queue.push(unpacked(content.frame, buffers));
    if (queue.length > 8) queue.shift(); // out of sight, nothing is painted
    if (trouble || content.frame?.stopped) setPlaying(false);
    if (trouble) say(trouble);
    schedule();
  }

  function unpacked(content, [maps, answer, ...rest]) {
    const bytes = (view) => new Int8Array(view.buffer, view.byteOffset, view.byteLength);
    const [edges, curves] = rest.map((view) => [...new Float32Array(bytes(view).slice().buffer)]); // copied: aligned
    const next = (count) => edges.splice(0, count);
    const layers = scene.shown.slice(1);
    const kinds = KINDS.map(() => layers.map((count, l) => ({ W: next(count * scene.shown[l]), b: next(count) })));
    const moments = curves.length / (3 + layers.length); // steps, loss, loss on new points, and each layer's gradient
    const rows = Array.from({ length: 3 + layers.length }, () => curves.splice(0, moments));
    return { ...content, maps: bytes(maps), surface: bytes(answer), kinds, curves: rows };
  }

  // ---- a new scene

  const hidden = () => scene.sizes.slice(1, -1);
  const resized = (k, change) => set({ hidden: hidden().map((size, l) => size + (l === Number(k) ? change : 0)) });

  function setScene(content) {
    const chosen = view.value;
    scene = content;
    frame = null; // it belonged to the scene before, as all in the queue
    queue = [];
    for (const [name, { values, value }] of Object.entries(scene.controls)) {
      Object.assign(parts[name], { innerHTML: options(values), value, disabled: values.length === 1 });
    }
    Object.assign(view, { innerHTML: options([...scene.names].reverse()), value: chosen });
    if (view.selectedIndex < 0) view.value = "output";
    fillHeads();
    const start = scene.fixed ? "batches; your network keeps its first weights" : "other first weights";
    parts.again.title = `Other points and ${start}`;
    parts.less.disabled = scene.fixed || !hidden().length;
    parts.deeper.disabled = scene.fixed || hidden().length >= scene.most.layers;
    parts.remove.disabled = !scene.placed;
    quiet(root);
  }

  function fillHeads() {
    const button = (name, text, k, disabled) => {
      const label = `One neuron ${name} in layer ${k + 1}`;
      return `<button name="${name}" value="${k}" title="${label}" aria-label="${label}"
        ${scene.fixed || disabled ? "disabled" : ""}>${text}</button>`;
    };
    const head = (size, k) => `<div>${button("fewer", "\u2212", k, size <= 1)}<span>${size}</span>${
      button("more", "+", k, size >= scene.most.neurons)}</div>`;
    const focused = [...parts.heads.querySelectorAll("button")].indexOf(document.activeElement);
    parts.heads.innerHTML = `<div>inputs</div>${each(hidden(), head)}<div>output</div>`;
    parts.heads.querySelectorAll("button")[focused]?.focus();
  }

  // ---- painting

  const schedule = () => (painting ||= requestAnimationFrame(paint));

  function paint() {
    painting = 0;
    if (!scene || !plane.clientWidth) return; // out of sight: goes on when it is back, by the observer of sizes
    // The next frame while it plays; otherwise the latest, which shows where the network stands.
    frame = queue.splice(0, playing ? 1 : queue.length).at(-1) ?? frame;
    if (!frame) return;
    theme ??= readTheme(root);
    shade(small, frame.maps, SMALL, theme);
    shade(surface, frame.surface, 2 * SMALL, theme);
    const picked = scene.names.indexOf(view.value);
    neurons = drawNetwork(parts.network, scene, frame, small, parts.kind.selectedIndex, picked, theme);
    paintPlane(picked);
    paintCurves(frame.curves);
    write();
    root.dataset.painted = Number(root.dataset.painted ?? 0) + 1;
    if (playing && waiting + queue.length <= atOnce()) askSteps();
    if (queue.length) schedule();
  }

  function paintPlane(picked) {
    const [context, size] = fresh(plane);
    if (view.value === "output") {
      context.drawImage(surface, 0, 0, size, size);
      drawBorder(context, frame.surface, 2 * SMALL, size, theme);
    } else {
      const area = SMALL * SMALL;
      drawMap(context, small, picked, 0, 0, size);
      drawBorder(context, frame.maps.subarray(picked * area, (picked + 1) * area), SMALL, size, theme);
    }
    drawPoints(context, scene, frame.batch, size, theme);
  }

  function paintCurves([steps, loss, newLoss, ...norms]) {
    drawCurves(parts.losses, steps, [
      { name: "training", values: loss, colour: theme.ink },
      { name: "new points", values: newLoss, colour: theme.grey, dash: [5, 3] },
    ], theme);
    const alpha = (l) => 1 - 0.6 * l / norms.length;
    drawCurves(parts.norms, steps, norms.map((values, l) => (
      { name: `layer ${l + 1}`, values, colour: theme.backward, dash: DASHES[l % DASHES.length], alpha: alpha(l) }
    )), theme);
  }

  function write() {
    setText(parts.count, `step ${frame.step}, epoch ${frame.epoch}`);
    if (frame.stopped) say(frame.stopped);
    setText(parts.legend, legendOf(parts.kind.selectedIndex));
    if (!playing) setText(parts.sentence, frame.sentence); // read aloud when it changes: not twenty times a second
    if (!playing || parts.numbers.open) {
      parts.rows.innerHTML = each(frame.rows, (row) => `<tr>${each(row, (text) => `<td>${text}</td>`)}</tr>`);
    }
    if (!playing || parts.script.open) setText(parts.code, frame.code);
  }

  function legendOf(kind) {
    const maps = "Each small map has its own scale of colours; a click shows it large.";
    if (kind && !frame.step) return `No ${KINDS[kind]} yet: press Step. ${maps}`;
    return `The thicker a line, the larger the ${KINDS[kind]}; dashed: negative. A dot: the same for a bias, hollow if `
      + `negative. The largest is ${frame.thickest[kind]}. ${maps}${frame.batch.length ? " Rings: the last batch." : ""}`;
  }

  // ---- what the reader does

  function setPlaying(value) {
    playing = value;
    parts.play.textContent = playing ? "Pause" : "Play";
    schedule();
  }

  function toggle() {
    setPlaying(!playing);
    if (playing) {
      take++;
      return askSteps();
    }
    ask("pause", { take }, 0); // what was asked for and not begun is let go
    waiting = 0;
  }

  const paused = (act) => {
    if (playing) toggle();
    act();
  };

  async function copy() {
    try {
      await navigator.clipboard.writeText(parts.code.textContent);
      parts.copy.textContent = "Copied";
      setTimeout(() => (parts.copy.textContent = "Copy"), 1500);
    } catch {
      getSelection().selectAllChildren(parts.code); // the browser does not allow it: the reader's own copy does
    }
  }

  const buttons = {
    play: toggle,
    step: () => paused(() => ask("steps", { count: 1, pictures: 1, take: ++take })),
    reset: () => paused(() => ask("restart")),
    again: () => set({ seed: scene.seed + 1 }),
    less: () => set({ hidden: hidden().slice(0, -1) }),
    deeper: () => set({ hidden: [...hidden(), hidden().at(-1) ?? 4] }),
    fewer: ({ value }) => resized(value, -1),
    more: ({ value }) => resized(value, 1),
    remove: () => ask("take_away"),
    copy,
    check: () => {
      ask("check");
      verdict.textContent = "Turning every weight a little, up and down\u2026";
    },
  };
  root.addEventListener("click", ({ target }) => scene && buttons[target.name]?.(target));
  root.addEventListener("change", ({ target }) => {
    const control = scene?.controls[target.name];
    if (control) set({ [target.name]: control.values[target.selectedIndex] });
    else schedule();
  });
  root.addEventListener("toggle", schedule, true);

  // ---- the pictures

  const putDown = (label) => ask("place", { at: cross, label });
  const moveCross = (x, y) => {
    cross = [x, y].map((at) => Math.max(0, Math.min(1, at)));
    const [left, top] = cross.map((at) => `${100 * at}%`);
    Object.assign(parts.cross.style, { left, top });
  };

  parts.network.addEventListener("click", ({ offsetX, offsetY }) => {
    const hit = ({ x, y, size }) => Math.abs(offsetX - x) <= size / 2 && Math.abs(offsetY - y) <= size / 2;
    view.value = scene?.names[neurons.findIndex(hit)] ?? view.value;
    schedule();
  });
  plane.addEventListener("click", ({ offsetX, offsetY }) => {
    moveCross(offsetX / plane.clientWidth, offsetY / plane.clientHeight);
    putDown(parts.label.selectedIndex);
  });
  plane.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const own = parts.label.selectedIndex;
    const labels = { 0: 0, 1: 1, Enter: own, " ": own };
    const step = event.shiftKey ? 0.1 : 0.02;
    if (event.key in ARROWS) moveCross(...ARROWS[event.key].map((way, k) => cross[k] + step * way));
    else if (event.key in labels) putDown(labels[event.key]);
    else if (event.key === "Delete" || event.key === "Backspace") ask("take_away", { at: cross });
    else return;
    event.preventDefault();
  });

  // ---- beginning and end

  const refresh = () => {
    theme = null;
    schedule();
  };
  root.addEventListener("transitionend", refresh); // the colours have changed: another theme
  const sizes = new ResizeObserver(refresh);
  parts.speed.value = "5";
  el.replaceChildren(root);
  sizes.observe(root);
  model.on("msg:custom", answered);
  const [content, buffers] = model.get("first");
  if (content) answered(content, buffers);
  ask("scene"); // it may have gone on since
  return () => {
    playing = false;
    model.off("msg:custom", answered);
    sizes.disconnect();
    clearTimeout(patience);
  };
}

export default { render: ({ model, el }) => mount(el, model) };
