// JupyterLab 4 draws a picture output without an alt attribute, and ipywidgets draws pictures and sliders without
// a name for assistive technology. This extension adds them. It imports nothing, so it needs no build.

// A picture's words: what its metadata say, or else the plain text that came with it.
function words(model, type) {
  return model.metadata[type]?.alt ?? model.metadata.alt ?? model.data['text/plain'] ?? '';
}

function withAlt(factory) {
  return {
    ...factory,
    createRenderer(options) {
      const renderer = factory.createRenderer(options);
      const renderModel = renderer.renderModel.bind(renderer);
      renderer.renderModel = async model => {
        await renderModel(model);
        renderer.node.querySelector('img')?.setAttribute('alt', String(words(model, options.mimeType)));
      };
      return renderer;
    }
  };
}

// A live figure's picture stands for the sentence below it; a slider is called what stands beside it.
function nameWidgets(node) {
  for (const live of node.querySelectorAll('.bp-live-figure')) {
    const sentence = live.querySelector('[role=status]')?.textContent ?? '';
    const picture = live.querySelector('img');
    if (picture && picture.alt !== sentence) picture.alt = sentence;
  }
  for (const handle of node.querySelectorAll('.widget-slider [role=slider]:not([aria-label])')) {
    const label = handle.closest('.widget-slider').querySelector('.widget-label');
    if (label) handle.setAttribute('aria-label', label.textContent);
  }
}

const plugin = {
  id: 'alternative-text:plugin',
  autoStart: true,
  activate(app) {
    app.docRegistry.addWidgetExtension('Notebook', {
      createNew(panel) {
        const rendermime = panel.content.rendermime;
        const factory = rendermime.getFactory('image/png'); // one for all kinds of picture but SVG
        if (factory) rendermime.addFactory(withAlt(factory), rendermime.getRank('image/png'));
        const observer = new MutationObserver(() => nameWidgets(panel.node));
        observer.observe(panel.node, { childList: true, subtree: true });
        return { isDisposed: false, dispose() { observer.disconnect(); this.isDisposed = true; } };
      }
    });
  }
};

window._JUPYTERLAB = window._JUPYTERLAB || {};
window._JUPYTERLAB['alternative-text'] = {
  init() {},
  get: () => Promise.resolve(() => ({ __esModule: true, default: plugin }))
};
