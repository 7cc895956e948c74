// What moves on a page without a kernel: all pictures of a live figure lie beside the page, a playground's run is recorded.

// ---------------------------------------------------------------------------------------- live figures

for (const box of document.querySelectorAll(".bp-live")) {
  const [image, line, reset] = ["img", "[role=status]", "button"].map((name) => box.querySelector(name));
  const controls = [...box.querySelectorAll("input, select")];
  const words = JSON.parse(box.querySelector("script").textContent);
  const steps = controls.map(({ dataset }) => JSON.parse(dataset.steps ?? "null"));
  const starts = controls.map(({ value }) => value);
  const address = (key) => `${box.dataset.pictures}/${key}.png`;
  const place = (values) => values.map((value, k) => (steps[k] ? steps[k].places[value] : value)).join("-");

  function show() {
    const values = controls.map(({ value }) => value);
    const key = place(values);
    image.src = address(key);
    image.alt = line.textContent = words[key];
    controls.forEach((control, k) => {
      if (!steps[k]) return;
      const said = steps[k].said[control.value];
      control.setAttribute("aria-valuetext", said);
      control.nextElementSibling.textContent = said;
    });
    fetchAround(values);
  }

  // The next positions of each slider, so that a press of a key finds its picture in the browser's store.
  function fetchAround(values) {
    controls.forEach((control, k) => {
      if (!steps[k]) return;
      for (const step of [1, -1, 2, -2]) {
        const near = values.with(k, Number(values[k]) + step);
        if (near[k] >= 0 && near[k] <= control.max) new Image().src = address(place(near));
      }
    });
  }

  for (const control of controls) {
    control.addEventListener("input", show);
    control.addEventListener("focus", () => fetchAround(controls.map(({ value }) => value)));
  }
  reset.addEventListener("click", () => {
    controls.forEach((control, k) => (control.value = starts[k]));
    show();
  });
}

// ---------------------------------------------------------------------------------------- recorded runs

// The moments of a run, each as Python told it: a message, and its buffers.
async function unpacked(run) {
  const packed = Uint8Array.from(atob(run.bytes), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let at = 0;
  return run.moments.map(({ message, sizes }) => [message, sizes.map((size) => bytes.subarray(at, (at += size)))]);
}

// Mounts the notebook's own playground on a model that answers from the recording.
async function replay(box) {
  const run = window.bpRuns[box.dataset.run];
  const moments = await unpacked(run);
  const { controls } = moments[0][0].scene;
  for (const control of Object.values(controls)) control.values = [control.value]; // shown, not offered
  const last = moments.length - 1;
  let at = 0;
  let hear = () => {};

  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: last, value: 0 });
  slider.setAttribute("aria-label", "Moment of the recorded run");
  const goTo = (k) => {
    at = Math.max(0, Math.min(last, k));
    const [{ frame }, buffers] = moments[at];
    slider.value = at;
    slider.setAttribute("aria-valuetext", `step ${frame.step}`);
    hear({ frame, ...(at === 0 && { scene: moments[0][0].scene }) }, buffers);
  };
  const answers = {
    scene: () => goTo(at),
    steps: ({ pictures }) => setTimeout(() => {
      for (let k = 0; k < pictures; k++) if (at < last) goTo(at + 1);
    }, 120 * pictures),
    restart: () => goTo(0),
    // Later, as from a kernel: the playground says first that it is at work.
    check: () => setTimeout(() => hear({ check: moments[at][0].check }, []), 100),
  };
  const model = {
    get: (name) => (name === "controls" ? run.controls : []),
    on: (_, listener) => (hear = listener),
    off: () => (hear = () => {}),
    send: ({ ask, ...how }) => answers[ask]?.(how),
  };
  const stage = document.createElement("div");
  box.querySelector("p").remove(); // its sentence: the playground has its own
  box.append(stage);
  window.bpPlayground.render({ model, el: stage });
  stage.querySelector(".count").before(slider);
  slider.addEventListener("input", () => {
    const play = stage.querySelector("[name=play]");
    if (play.textContent === "Pause") play.click();
    goTo(Number(slider.value));
  });
}

// A run is fetched when its place comes near: by a script, which a page opened without a server may load as well.
const near = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    const script = document.createElement("script");
    script.onload = () => replay(target);
    script.src = `${target.dataset.run}/run.js`;
    document.head.append(script);
  }
}, { rootMargin: "1500px" });
document.querySelectorAll(".bp-recorded").forEach((box) => near.observe(box));

// ---------------------------------------------------------------------------------------- from a disk

// JupyterLite needs a server: from a page without one, the link leads to the published one.
for (const link of document.querySelectorAll("[data-published]")) {
  if (location.protocol === "file:") link.href = link.dataset.published;
}

// ---------------------------------------------------------------------------------------- the page around it

// The theme's marks that unfold the contents have no words of their own.
for (const summary of document.querySelectorAll(".bd-sidenav summary")) {
  const lesson = summary.closest("li").querySelector("a").textContent.trim();
  summary.setAttribute("aria-label", `deeper pages of ${lesson}`);
}

// On the front page the scrubber opens where there is something to see.
addEventListener("load", () => {
  for (const place of document.querySelectorAll("[data-step]")) {
    const slider = place.querySelector("input");
    slider.value = Number(place.dataset.step) - 1;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  }
});
