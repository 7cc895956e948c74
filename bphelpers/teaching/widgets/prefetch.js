// The views of a live figure that Python has drawn before they are asked for. The page shows one as soon as the
// sliders stand where it belongs, and asks nobody. Without this script Python sends each picture when asked.

// Which of its positions a slider stands on, counted from 0.
function position(slider) {
  const names = ['index', 'value', 'min', 'max', 'step', 'base'];
  const [index, value, min, max, step, base] = names.map(name => slider.get(name));
  if (index !== undefined) return index;
  const exponent = base === undefined ? value : Math.log(value) / Math.log(base);
  const steps = (exponent - min) / step;
  if (Math.abs(steps - Math.round(steps)) < 1e-6) return Math.round(steps);
  return exponent === max ? Math.ceil(steps) : null; // the last step may be a shorter one; else between two
}

async function initialize({ model }) {
  const follow = reference => model.widget_manager.get_model(reference.slice('IPY_MODEL_'.length));
  const [picture, words, ...sliders] = await Promise.all(model.get('widgets').map(follow));
  const kept = new Map();

  function show() {
    const here = kept.get(JSON.stringify(sliders.map(position)));
    if (here && here.bytes !== picture.get('value')) picture.set('value', here.bytes);
    if (here) words.set('value', here.words);
  }
  model.on('msg:custom', (message, [bytes]) => {
    if (message.forget) return kept.clear();
    kept.set(JSON.stringify(message.place), { bytes, words: message.words });
    show(); // the sliders may have come there while it was on its way
  });
  for (const slider of sliders) slider.on('change:value change:index', show);
  // When Python's answer arrives, the sliders may stand elsewhere. Not at once: ipywidgets redraws nothing when
  // a value is set while it tells of having been set.
  for (const shown of [picture, words]) shown.on('change:value', () => queueMicrotask(show));
  model.send('ready');
}

export default { initialize };
