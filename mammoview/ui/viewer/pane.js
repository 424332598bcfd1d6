// A pane: one film on one stage, with its layers and marks, and the hand that moves it.

const FILLED = {
  heatmap: heatmapPicture,
  grid: gridPicture,
  saliency: saliencyPicture,
  disagreement: disagreementPicture,
  breast: breastLines,
  frame: frameLines,
};
const LINED = { heatmap: heatmapLines, grid: gridLines };

/** `viewer` is asked for the blinking, the peek and the loupe, and told when there is something to draw. */
class Pane extends Place {
  constructor(viewer, stage, choices) {
    super();
    Object.assign(this, { viewer, stage, choices, film: null, layers: null, cursor: null, drag: null });
    this.marks = new Marks(choices);
    this.pictures = {};
    this.painted = [];
    this.stale = new Set();
    this.contexts = Object.fromEntries(
      ["film", "layers", "marks"].map((name) => [name, this.find(`canvas.${name}`).getContext("2d")]),
    );
    this.loupe = this.find("canvas.loupe").getContext("2d");
    this.listening = new AbortController();
    this.listen();
    this.pairing = new Pairing(this);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(stage);
  }

  find(selector) {
    return this.stage.querySelector(selector);
  }

  dispose() {
    this.listening.abort();
    this.watcher.disconnect();
  }

  get blink() {
    return this.viewer.blink;
  }

  get peeking() {
    return this.viewer.peeking;
  }

  /** While it is not seen it keeps no pictures. */
  rest() {
    for (const { canvas } of Object.values(this.contexts)) [canvas.width, canvas.height] = [0, 0];
    Object.assign(this, { sampled: null, pictures: {}, painted: [], cursor: null, drag: null });
  }

  // ---- what is shown --------------------------------------------------------------------------

  setFilm(header, arrays) {
    if (this.film?.header.film === header.film) this.film = { ...this.film, header };
    else this.film = { header, pyramid: pyramidOf(arrays[header.pixels]), breast: { ...header.breast, array: arrays[header.breast.array] } };
    this.find(".waiting").hidden = true;
    this.label(header);
  }

  setLayers(header, arrays) {
    this.layers = { ...header, pairs: pairsWith(arrays, header.pairs) };
    if (header.withheld) this.choices.compared = null;
    if (header.assessed) {
      const withArray = (layer) => ({ ...layer, array: arrays[layer.array] });
      this.layers.heatmap = withArray(header.heatmap);
      this.layers.grids = header.grids.map(withArray);
      this.layers.saliency = header.saliency.map((layer) => ({ ...layer, tiles: arrays[layer.array], array: null }));
      this.layers.disagreement = header.disagreement && withArray(header.disagreement);
    }
    this.pictures = {};
  }

  label(header) {
    this.stage.setAttribute("aria-label", `Film ${header.source} ${hangingOf(header)}; press ? for the keys`);
    for (const side of ["left", "right", "top", "bottom"]) {
      const target = this.find(`.target.${side}`);
      target.hidden = !header.targets;
      setText(target, header.targets?.[side] ?? "");
    }
  }

  // ---- drawing --------------------------------------------------------------------------------

  redraw(...what) {
    what.forEach((each) => this.stale.add(each));
    this.viewer.drawSoon();
  }

  get isReady() {
    return Boolean(this.film && this.choices.view && this.ratio);
  }

  draw() {
    const { stale } = this;
    this.stale = new Set();
    this.drawFilm(stale);
    this.drawLayers(stale.has("view"));
    if (["view", "film", "marks"].some((each) => stale.has(each))) this.drawMarks();
    this.drawLoupe();
    this.placeTargets();
  }

  drawFilm(stale) {
    const { window: values, inverted } = this.choices;
    if (stale.has("film") || stale.has("view")) {
      this.sampled = this.sample(this.view, this.size.width, this.size.height);
    } else if (!stale.has("greys")) return;
    if (stale.has("greys") || !this.greys) this.greys = greysOf(values, inverted, this.film.header.air);
    paintFilm(this.contexts.film, this.sampled, this.greys);
  }

  /** Views count the scan's own pixels, of which a film may have come as means of `reduction` × `reduction`. */
  sample(view, width, height) {
    const { pyramid, header } = this.film;
    return resampled(pyramid, { ...view, zoom: view.zoom * header.reduction }, width, height);
  }

  /** All on one canvas: each canvas that changes costs 2 to 3 ms of a frame, whatever is drawn on it. */
  drawLayers(moved) {
    const context = this.contexts.layers;
    const { canvas } = context;
    const seen = FROM_BELOW.filter((name) => this.isVisible(name));
    canvas.hidden = seen.length === 0;
    const looks = seen.flatMap((name) => [this.picture(name), this.opacity(name)]);
    const same = looks.length === this.painted.length && looks.every((look, k) => look === this.painted[k]);
    if (same && !moved) return;
    this.painted = looks;
    context.clearRect(0, 0, canvas.width, canvas.height);
    this.paintLayers(context, this.view, seen);
  }

  paintLayers(context, view, names) {
    for (const name of names) {
      context.globalAlpha = this.opacity(name);
      this.paintLayer(context, view, name);
    }
    context.globalAlpha = 1;
  }

  paintLayer(context, view, name) {
    const picture = this.picture(name);
    if (name === "outlines") paintOutlines(context, view, picture, this.ratio);
    else if (picture.pieces) paintLines(context, view, picture, this.ratio);
    else paintPicture(context, view, picture);
  }

  picture(name) {
    if (name === "outlines") return this.pairing.picture(this.layer(name));
    const [level, lined] = [this.level(name), this.choices.lined.has(name)];
    const key = `${name} ${this.magnification} ${this.stride} ${this.choices.weighting} ${lined}`;
    const layer = this.layer(name);
    if (this.pictures[key]?.level !== level || this.pictures[key].layer !== layer) {
      const make = (lined ? LINED : FILLED)[name];
      this.pictures[key] = { level, layer, ...make(layer, level) };
    }
    return this.pictures[key];
  }

  /** At the cursor, or in the middle of the stage for whoever has none. */
  drawLoupe() {
    const { loupe, size } = this;
    loupe.canvas.hidden = !this.isLoupeOn;
    if (loupe.canvas.hidden) return;
    const place = this.cursor ?? { across: size.width / 2, down: size.height / 2 };
    const radius = placeLoupe(loupe.canvas, place, this.ratio);
    const view = loupeView(this.view, place, radius);
    paintFilm(loupe, this.sample(view, 2 * radius, 2 * radius), this.greys);
    this.paintLayers(loupe, view, FROM_BELOW.filter((name) => this.isVisible(name)));
  }

  get isLoupeOn() {
    return this.choices.loupe || this.viewer.holdingLoupe;
  }

  /** What marks are measured on: the film's values, and its spacing where it is known. */
  get measured() {
    return [this.film.pyramid[0], this.film.header.spacing_mm];
  }

  drawMarks() {
    this.contexts.marks.canvas.hidden = this.peeking;
    this.marks.paint(this.contexts.marks, this.view, this.ratio, ...this.measured);
  }

  // ---- hands ----------------------------------------------------------------------------------

  listen() {
    const { signal } = this.listening;
    const on = (type, act, options) => this.stage.addEventListener(type, act, { signal, ...options });
    on("contextmenu", (event) => event.preventDefault());
    on("wheel", (event) => this.onWheel(event), { passive: false });
    on("pointerdown", (event) => this.onPress(event));
    on("pointermove", (event) => this.onMove(event));
    on("pointerup", () => this.onRelease());
    on("pointercancel", () => this.onRelease());
    on("pointerleave", () => this.onLeave());
  }

  onWheel(event) {
    if (!this.isReady) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const { across, down } = this.under(event);
    this.zoomTo(this.view.zoom * Math.exp(-limited(event.deltaY * lines, -300, 300) * 0.0015), across, down);
  }

  onPress(event) {
    if (!this.isReady) return;
    this.stage.setPointerCapture(event.pointerId);
    const { tool } = this.choices;
    const windowing = event.button === 2 || event.shiftKey || (event.button === 0 && tool === "window");
    const measuring = !windowing && event.button === 0 && tool in TOOLS;
    if (measuring) this.marks.begin(this.under(event));
    else this.stage.classList.add(windowing ? "windowing" : "dragging");
    this.drag = { windowing, measuring, x: event.clientX, y: event.clientY, start: { ...this.choices.window } };
  }

  onMove(event) {
    if (!this.isReady) return;
    this.cursor = this.under(event);
    const { drag } = this;
    if (drag?.measuring) {
      this.marks.moveTo(this.cursor);
      this.redraw("marks");
    } else if (drag?.windowing) this.dragWindow(drag.start, event.clientX - drag.x, event.clientY - drag.y);
    else if (drag) {
      this.pan(event.clientX - drag.x, event.clientY - drag.y);
      Object.assign(drag, { x: event.clientX, y: event.clientY });
    }
    this.redraw();
  }

  onRelease() {
    if (this.drag?.measuring) this.viewer.finishMark();
    this.drag = null;
    this.stage.classList.remove("windowing", "dragging");
  }

  onLeave() {
    this.cursor = null;
    this.redraw();
  }
}
