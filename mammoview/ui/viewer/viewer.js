// The viewer: what the reader chooses, what her hands do, and when to draw.

const FILLED = {
  heatmap: heatmapPicture,
  grid: gridPicture,
  saliency: saliencyPicture,
  disagreement: disagreementPicture,
  breast: breastLines,
};
const LINED = { heatmap: heatmapLines, grid: gridLines };
const NATIVE_KEYS = {
  select: /./,
  button: /^(Enter| )$/,
  'input[type="radio"]': /^(Arrow.*| )$/,
  'input[type="range"]': /^(Arrow.*|Home|End|Page.*)$/,
};
const KEY_PAN = 60; // CSS pixels

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

class Viewer extends Place {
  constructor(root, choices) {
    super();
    this.root = root;
    this.choices = choices;
    this.film = null;
    this.layers = null;
    this.pictures = {};
    this.painted = [];
    this.stale = new Set();
    this.cursor = null;
    this.marks = new Marks(choices);
    this.peeking = false;
    this.holdingLoupe = false;
    this.frame = 0;
    this.drawn = { frames: 0, milliseconds: 0 };
    this.stage = this.find(".stage");
    this.contexts = Object.fromEntries(
      ["film", "layers", "marks"].map((name) => [name, this.find(`canvas.${name}`).getContext("2d")]),
    );
    this.blink = new Blink(() => this.redraw("layers"));
    this.loupe = this.find("canvas.loupe").getContext("2d");
    this.listening = new AbortController();
    this.listen();
    this.marker = new Marker(this);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.stage);
    const hook = { scanToPage: (row, column) => this.scanToPage(row, column), state: () => this.state() };
    Object.defineProperty(root, "mammoview", { value: Object.freeze(hook), configurable: true });
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  findAll(selector) {
    return [...this.root.querySelectorAll(selector)];
  }

  dispose() {
    cancelAnimationFrame(this.frame);
    this.blink.dispose();
    this.listening.abort();
    this.watcher.disconnect();
  }

  // ---- what is shown --------------------------------------------------------------------------

  setFilm(header, arrays) {
    const known = this.film?.header;
    const same = known?.film === header.film;
    this.film = same
      ? { ...this.film, header }
      : { pyramid: pyramidOf(arrays[header.pixels]), breast: { ...header.breast, array: arrays[header.breast.array] } };
    this.film.header = header;
    if (this.choices.film !== header.film) {
      // Grey first: another film is seen without its layers, whatever was shown over the last one.
      const unseen = { shown: new Set(), putAside: null, finding: null, marks: [] };
      this.blink.stop();
      Object.assign(this.choices, { film: header.film, view: null, window: null, level: {}, ...unseen });
    }
    if (!this.choices.window) this.choose(this.firstPreset);
    this.find(".waiting").hidden = true;
    this.label(header);
    setText(this.find(".spacing"), this.spacingInWords());
    this.resize();
    this.redraw("film", "greys", "layers");
  }

  setLayers(header, arrays) {
    this.layers = { ...header };
    if (header.assessed) {
      const withArray = (layer) => ({ ...layer, array: arrays[layer.array] });
      this.layers.heatmap = withArray(header.heatmap);
      this.layers.grids = header.grids.map(withArray);
      this.layers.saliency = header.saliency.map((layer) => ({ ...layer, tiles: arrays[layer.array], array: null }));
      this.layers.disagreement = header.disagreement && withArray(header.disagreement);
    }
    this.pictures = {};
    if (header.withheld) Object.assign(this.choices, { shown: new Set(), putAside: null });
    for (const button of this.findAll(".toggle, .hide")) button.disabled = header.withheld;
    if (this.choices.finding >= (header.findings?.length ?? 0)) this.choices.finding = null;
    for (const row of this.findAll("[data-magnification]")) this.labelError(row, header.errors);
    this.labelDoubts(header.warnings);
    const trained = this.find(".trained");
    trained.hidden = !header.trained_on?.length;
    setText(trained, `Networks trained on ${header.trained_on?.join("; ")}`);
    this.redraw("layers");
  }

  labelError(row, errors) {
    const { short, full } = errors[row.dataset.magnification] ?? { short: "", full: "" };
    setText(row.querySelector(".error"), short);
    setText(row.querySelector("[hidden]"), full);
    row.title = full;
  }

  labelDoubts(warnings) {
    const badge = this.find(".doubts");
    badge.hidden = warnings.length === 0;
    badge.title = warnings.join("\n");
    setText(badge, warnings.length === 1 ? "1 warning, below" : `${warnings.length} warnings, below`);
  }

  label(header) {
    const hanging = [header.laterality, header.view].filter(Boolean).join(" ");
    setText(this.find(".name"), [header.source, hanging].filter(Boolean).join(" · "));
    this.find(".synthetic").hidden = !header.synthetic;
    this.find(".mirrored").hidden = !header.mirrored;
    for (const each of [this.find(".voi"), this.find('option[value="file"]')]) each.hidden = !header.voi;
    setText(this.find(".voi"), `The file says: ${header.voi}`);
    this.stage.setAttribute("aria-label", `Film ${header.source} ${hanging}; press ? for the keys`);
    for (const side of ["left", "right", "top", "bottom"]) {
      const target = this.find(`.target.${side}`);
      target.hidden = !header.targets;
      setText(target, header.targets?.[side] ?? "");
    }
  }

  // ---- choices --------------------------------------------------------------------------------

  toggle(name) {
    if (this.evidence?.withheld) return this.speak(this.findingsInWords());
    const { shown, putAside } = this.choices;
    if (putAside) this.choices.putAside = null;
    if (!shown.delete(name)) shown.add(name);
    this.choices.chosen = name;
    this.speak(`${NAMES[name]}: ${this.stateInWords(name)}`);
    this.redraw("layers");
  }

  solo(name) {
    if (this.evidence?.withheld) return this.speak(this.findingsInWords());
    Object.assign(this.choices, { shown: new Set([name]), putAside: null, chosen: name });
    this.speak(`${NAMES[name]} alone: ${this.stateInWords(name)}`);
    this.redraw("layers");
  }

  hideAll() {
    if (this.evidence?.withheld) return this.speak(this.findingsInWords());
    const { shown, putAside } = this.choices;
    Object.assign(this.choices, putAside ? { shown: putAside, putAside: null } : { shown: new Set(), putAside: shown });
    this.speak(putAside ? "Layers back" : "All layers hidden");
    this.redraw("layers");
  }

  nextFinding() {
    const { findings, choices } = this;
    if (!findings.length) return this.speak(this.findingsInWords());
    choices.finding = choices.finding === null ? 0 : (choices.finding + 1) % findings.length;
    if (choices.putAside) Object.assign(choices, { shown: choices.putAside, putAside: null });
    choices.shown.add("outlines");
    this.showBox(findings[choices.finding].box);
    this.speak(this.findingsInWords());
    this.redraw("layers");
  }

  peek(held) {
    if (this.peeking === held) return;
    this.peeking = held;
    this.redraw("layers", "marks");
  }

  holdLoupe(held) {
    this.holdingLoupe = held;
    this.redraw();
  }

  toggleLoupe() {
    this.choices.loupe = !this.choices.loupe;
    this.redraw();
  }

  setOpacity(name, opacity) {
    this.choices.opacity[name] = limited(opacity, 0.05, 1);
    this.redraw("layers");
  }

  setLevel(name, level) {
    if (!(name in MAPS)) return;
    this.choices.level[name] = limited(level, 0.02, 1);
    this.redraw("layers");
  }

  /** A line at the level hides less tissue than a filled layer. */
  toggleLine(name) {
    if (!(name in LINED)) return;
    const { lined } = this.choices;
    if (!lined.delete(name)) lined.add(name);
    this.choices.chosen = name;
    this.speak(`${NAMES[name]} ${lined.has(name) ? "as a line at its level" : "filled"}`);
    this.redraw("layers");
  }

  setWeighting(weighting) {
    this.choices.weighting = weighting;
    this.speak(`Saliency ${WEIGHTINGS[weighting].join(": ")}`);
    this.redraw("layers");
  }

  nextWeighting() {
    const names = Object.keys(WEIGHTINGS);
    this.setWeighting(names[(names.indexOf(this.choices.weighting) + 1) % names.length]);
  }

  setMagnification(key) {
    const before = this.chosenMagnification;
    if (this.blink.what === "magnifications") this.blink.stop();
    if (key === before) return;
    Object.assign(this.choices, { magnificationBefore: before, magnification: key });
    this.speak(`Magnification ×${key}`);
    this.redraw("layers");
  }

  toggleBlink(what) {
    const stopped = this.blink.what === what;
    if (stopped) this.blink.stop();
    const refusal = stopped ? null : this.noBlink(what);
    if (!stopped && !refusal) this.blink.start(what);
    this.speak(refusal ?? this.blinkInWords() ?? "Blinking stopped");
    setText(this.find(".still"), refusal ?? "");
  }

  setStride(stride) {
    this.choices.stride = stride;
    this.speak(`Stride ${stride}`);
    this.redraw("layers");
  }

  choose(preset) {
    const [low, high] = this.film.header.windows[preset];
    this.choices.window = { preset, low, high };
    this.redraw("greys");
  }

  invert() {
    this.choices.inverted = !this.choices.inverted;
    this.redraw("greys");
  }

  // ---- drawing --------------------------------------------------------------------------------

  redraw(...what) {
    what.forEach((each) => this.stale.add(each));
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    if (!this.film || !this.choices.view) return;
    const began = performance.now();
    const stale = this.stale;
    this.stale = new Set();
    this.drawFilm(stale);
    this.drawLayers(stale.has("view"));
    if (["view", "film", "marks"].some((each) => stale.has(each))) this.drawMarks();
    if (stale.has("film") || stale.has("marks")) this.drawMeasurements();
    if (stale.has("layers")) this.drawPanel();
    this.drawLoupe();
    this.placeTargets();
    this.marker.draw();
    this.write();
    this.drawn = { frames: this.drawn.frames + 1, milliseconds: performance.now() - began };
  }

  drawFilm(stale) {
    const { window: values, inverted } = this.choices;
    if (stale.has("film") || stale.has("view")) {
      this.sampled = resampled(this.film.pyramid, this.view, this.size.width, this.size.height);
    } else if (!stale.has("greys")) return;
    if (stale.has("greys") || !this.greys) this.greys = greysOf(values, inverted, this.film.header.air);
    paintFilm(this.contexts.film, this.sampled, this.greys);
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
    if (name === "outlines") picture.forEach((outline) => paintOutline(context, view, outline, this.ratio));
    else if (picture.pieces) paintLines(context, view, picture, this.ratio);
    else paintPicture(context, view, picture);
  }

  /** At the cursor, or in the middle of the stage for whoever has none. */
  drawLoupe() {
    const { loupe, size } = this;
    loupe.canvas.hidden = !this.isLoupeOn;
    if (loupe.canvas.hidden) return;
    const place = this.cursor ?? { across: size.width / 2, down: size.height / 2 };
    const radius = placeLoupe(loupe.canvas, place, this.ratio);
    const view = loupeView(this.view, place, radius);
    paintFilm(loupe, resampled(this.film.pyramid, view, 2 * radius, 2 * radius), this.greys);
    this.paintLayers(loupe, view, FROM_BELOW.filter((name) => this.isVisible(name)));
  }

  get isLoupeOn() {
    return this.choices.loupe || this.holdingLoupe;
  }

  /** What marks are measured on: the film's values, and its spacing where it is known. */
  get measured() {
    return [this.film.pyramid[0], this.film.header.spacing_mm];
  }

  drawMarks() {
    this.contexts.marks.canvas.hidden = this.peeking;
    this.marks.paint(this.contexts.marks, this.view, this.ratio, ...this.measured);
  }

  drawMeasurements() {
    for (const button of this.findAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === this.choices.tool));
    }
    this.stage.classList.toggle("measuring", this.choices.tool in TOOLS);
    if (!this.marks.drawing) this.listMarks(this.marks.all(...this.measured));
  }

  listMarks(marks) {
    const items = marks.map(({ mark, name, words }) => {
      const item = document.createElement("li");
      const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
      remove.setAttribute("aria-label", `Remove ${name}`);
      remove.addEventListener("click", () => this.unmark(mark));
      item.append(Object.assign(document.createElement("span"), { textContent: `${name}: ${words.join(" · ")}` }), remove);
      return item;
    });
    this.find(".marks-list").replaceChildren(...items);
    this.find(".unmark").hidden = marks.length < 2;
  }

  picture(name) {
    if (name === "outlines") return this.layer(name);
    const [level, lined] = [this.level(name), this.choices.lined.has(name)];
    const key = `${name} ${this.magnification} ${this.stride} ${this.choices.weighting} ${lined}`;
    const layer = this.layer(name);
    if (this.pictures[key]?.level !== level || this.pictures[key].layer !== layer) {
      const make = (lined ? LINED : FILLED)[name];
      this.pictures[key] = { level, layer, ...make(layer, level) };
    }
    return this.pictures[key];
  }

  drawPanel() {
    for (const name of LAYERS) this.drawRow(this.find(`[data-layer="${name}"]`), name);
    setText(this.find(".count"), this.findingsInWords());
    const next = this.find(".next");
    next.hidden = !this.findings.length;
    setText(next, this.choices.finding === null || this.findings.length === 1 ? "Show (N)" : "Next (N)");
    for (const button of this.findAll("[data-blink]")) {
      button.setAttribute("aria-pressed", String(button.dataset.blink === this.blink.what));
    }
    this.find(".hide").setAttribute("aria-pressed", String(this.choices.putAside !== null));
    this.find(".weighting").value = this.choices.weighting;
    setText(this.find(".meaning"), this.saliencyMeaning());
    for (const each of this.findAll("[data-when]")) each.hidden = !this.choices.shown.has(each.dataset.when);
    for (const [group, value] of [["magnification", this.magnification], ["stride", String(this.stride)]]) {
      for (const radio of this.findAll(`input[name="${group}"]`)) radio.checked = radio.value === value;
    }
  }

  drawRow(row, name) {
    const shown = this.choices.shown.has(name);
    row.querySelector(".toggle").setAttribute("aria-pressed", String(shown));
    setText(row.querySelector(".state"), this.stateInWords(name));
    const opacity = row.querySelector(".opacity");
    if (opacity) {
      this.setRange(opacity, Math.round(this.choices.opacity[name] * 100), " %");
      opacity.disabled = this.choices.lined.has(name);
    }
    row.querySelector(".line")?.setAttribute("aria-pressed", String(this.choices.lined.has(name)));
    const level = row.querySelector(".level");
    if (level) this.setRange(level, Number(this.level(name).toFixed(2)), "");
    const bar = row.querySelector(".bar");
    if (!bar) return;
    bar.hidden = !shown || !this.layer(name);
    if (!bar.hidden) this.drawBar(bar, name);
  }

  setRange(range, value, unit) {
    range.value = value;
    range.title = `${value}${unit}`;
    range.setAttribute("aria-valuetext", `${value}${unit}`);
  }

  drawBar(bar, name) {
    const level = this.level(name);
    const own = { saliency: saliencyColour, disagreement: disagreementColour }[name];
    const colour = own ?? ((value) => colourOf(MAPS[name], value, level));
    const canvas = bar.querySelector("canvas");
    canvas.hidden = this.choices.lined.has(name);
    paintBar(canvas, colour, this.choices.opacity[name]);
    const parts = this.scaleInWords(name, level);
    const spans = parts.map((text) => Object.assign(document.createElement("span"), { textContent: text }));
    bar.querySelector(".scale").replaceChildren(...spans);
  }

  // ---- words ----------------------------------------------------------------------------------

  write() {
    const { window: values, inverted, view } = this.choices;
    setText(this.find(".blinking"), this.blinkInWords() ?? "");
    setText(this.find(".evidence"), `Magnification ×${this.magnification} · grid stride ${this.stride}${this.saliencyStride()}`);
    const width = values.high - values.low;
    const centre = Math.round((values.low + values.high) / 2);
    setText(this.find(".window"), `Window ${width} · level ${centre}${inverted ? " · inverted" : ""}`);
    const percent = (zoom) => `${Number((zoom * 100).toPrecision(3))} %`;
    const larger = this.isLoupeOn ? ` · loupe ${percent(view.zoom * LOUPE_TIMES)}` : "";
    setText(this.find("footer .zoom"), `Zoom ${percent(view.zoom)}${larger}`);
    this.find(".magnifier").setAttribute("aria-pressed", String(this.choices.loupe));
    setText(this.find("footer .cursor"), this.cursorInWords());
    setText(this.find(".under"), this.valuesInWords());
    this.find(".greys select").value = values.preset;
    this.find(".invert").setAttribute("aria-pressed", String(inverted));
  }

  speak(text) {
    setText(this.find(".spoken"), text);
  }

  state() {
    const layers = LAYERS.map((name) => [
      name,
      { shown: this.choices.shown.has(name), visible: this.isVisible(name), lined: this.choices.lined.has(name), opacity: this.choices.opacity[name], state: this.stateInWords(name) },
    ]);
    return {
      film: this.film?.header.film ?? null,
      layers: Object.fromEntries(layers),
      magnification: this.magnification,
      stride: this.stride,
      window: { ...this.choices.window },
      inverted: this.choices.inverted,
      blinking: this.blink.what,
      weighting: this.choices.weighting,
      tool: this.choices.tool,
      marks: this.marks.all(...this.measured),
      ...this.view,
      fitted: Boolean(this.choices.view.fitted),
      idle: !this.frame,
      drawn: { ...this.drawn },
    };
  }

  // ---- hands ----------------------------------------------------------------------------------

  listen() {
    const { signal } = this.listening;
    const on = (element, type, act, options) => element.addEventListener(type, act, { signal, ...options });
    const click = (selector, act) => on(this.find(selector), "click", act);
    for (const name of LAYERS) this.listenToRow(this.find(`[data-layer="${name}"]`), name, on);
    for (const radio of this.findAll('input[name="magnification"]')) {
      on(radio, "change", () => this.setMagnification(radio.value));
    }
    for (const radio of this.findAll('input[name="stride"]')) {
      on(radio, "change", () => this.setStride(Number(radio.value)));
    }
    on(this.find(".greys select"), "change", (event) => this.choose(event.target.value));
    this.find(".weighting").replaceChildren(...Object.entries(WEIGHTINGS).map(([key, [name]]) => new Option(name, key)));
    on(this.find(".weighting"), "change", (event) => this.setWeighting(event.target.value));
    click(".hide", () => this.hideAll());
    click(".next", () => this.nextFinding());
    click(".invert", () => this.invert());
    click(".fit", () => this.fit());
    click(".one", () => this.zoomTo(1));
    click(".in", () => this.zoomStep(1));
    click(".out", () => this.zoomStep(-1));
    for (const button of this.findAll("[data-tool]")) on(button, "click", () => this.setTool(button.dataset.tool));
    click(".unmark", () => this.unmarkAll());
    for (const button of this.findAll("[data-blink]")) on(button, "click", () => this.toggleBlink(button.dataset.blink));
    click(".magnifier", () => this.toggleLoupe());
    click(".full", () => this.toggleFullScreen());
    click(".keys", () => this.toggleHelp());
    click(".help .close", () => this.toggleHelp());
    on(this.root, "click", (event) => this.backToFilm(event));
    for (const type of ["keydown", "keyup", "keypress"]) on(this.root, type, (event) => this.onKey(event));
    on(this.root, "focusout", () => this.letGo());
    on(this.stage, "contextmenu", (event) => event.preventDefault());
    on(this.stage, "wheel", (event) => this.onWheel(event), { passive: false });
    on(this.stage, "pointerdown", (event) => this.onPress(event));
    on(this.stage, "pointermove", (event) => this.onMove(event));
    on(this.stage, "pointerup", () => this.onRelease());
    on(this.stage, "pointercancel", () => this.onRelease());
    on(this.stage, "pointerleave", () => this.onLeave());
  }

  listenToRow(row, name, on) {
    on(row.querySelector(".toggle"), "click", () => this.toggle(name));
    const [opacity, line, level] = [".opacity", ".line", ".level"].map((each) => row.querySelector(each));
    if (opacity) on(opacity, "input", (event) => this.setOpacity(name, event.target.value / 100));
    if (line) on(line, "click", () => this.toggleLine(name));
    if (level) on(level, "input", (event) => this.setLevel(name, Number(event.target.value)));
  }

  /** Chosen again, a tool is put away and a drag moves the film as before. */
  setTool(tool) {
    this.choices.tool = this.choices.tool === tool ? null : tool;
    this.marks.pending = null;
    this.speak(this.choices.tool in TOOLS ? `${TOOLS[tool]}: drag over the film, or Enter at both ends` : "");
    this.redraw("marks");
  }

  finishMark() {
    const mark = this.marks.end(this.view.zoom / this.ratio);
    const last = mark && this.marks.all(...this.measured).at(-1);
    if (last) this.speak(`${last.name}: ${last.words.join(", ")}`);
    this.redraw("marks");
  }

  /** Without a mouse: Enter begins a mark in the middle of the stage and ends it there after moving the film. */
  markMiddle() {
    if (!(this.choices.tool in TOOLS)) return;
    if (this.marks.drawing) return this.finishMark();
    this.marks.begin(this.middle);
    this.speak("Begun in the middle; move the film with the arrows (Shift: a pixel), then Enter");
    this.redraw("marks");
  }

  unmark(mark) {
    if (!mark) return;
    this.marks.remove(mark);
    this.speak("Removed");
    this.stage.focus({ preventScroll: true });
    this.redraw("marks");
  }

  unmarkAll() {
    this.choices.marks = [];
    this.speak("All measurements removed");
    this.redraw("marks");
  }

  /** Away with whatever lies over the film or waits for a drag. */
  escape() {
    this.find(".help").hidden = true;
    this.blink.stop();
    if (this.choices.tool) this.setTool(this.choices.tool);
  }

  toggleHelp() {
    const help = this.find(".help");
    help.hidden = !help.hidden;
  }

  toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen();
  }

  /** After a click with the mouse the keys belong to the film again; Tab and Enter keep their place. */
  backToFilm(event) {
    if (event.detail > 0 && event.target.closest('button, label, input[type="radio"]')) {
      this.stage.focus({ preventScroll: true });
    }
  }

  onWheel(event) {
    if (!this.film || event.target.closest(".help")) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const { across, down } = this.under(event);
    this.zoomTo(this.view.zoom * Math.exp(-limited(event.deltaY * lines, -300, 300) * 0.0015), across, down);
  }

  onPress(event) {
    if (!this.film || event.target.closest(".help")) return;
    this.stage.setPointerCapture(event.pointerId);
    const { tool } = this.choices;
    const windowing = event.button === 2 || event.shiftKey || (event.button === 0 && tool === "window");
    const measuring = !windowing && event.button === 0 && tool in TOOLS;
    if (measuring) this.marks.begin(this.under(event));
    else this.stage.classList.add(windowing ? "windowing" : "dragging");
    this.drag = { windowing, measuring, x: event.clientX, y: event.clientY, start: { ...this.choices.window } };
  }

  onMove(event) {
    if (!this.film) return;
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
    if (this.drag?.measuring) this.finishMark();
    this.drag = null;
    this.stage.classList.remove("windowing", "dragging");
  }

  onLeave() {
    this.cursor = null;
    this.redraw();
  }

  /** Keys stay in the viewer: outside it, some of them rerun or clear the page. */
  onKey(event) {
    event.stopPropagation();
    if (!this.film || event.ctrlKey || event.metaKey || event.altKey || event.type === "keypress") return;
    const native = Object.entries(NATIVE_KEYS).find(([selector]) => event.target.matches(selector));
    if (native?.[1].test(event.key)) return;
    const hold = { " ": (held) => this.peek(held), l: (held) => this.holdLoupe(held) }[event.key.toLowerCase()];
    const act = hold ? () => hold(event.type === "keydown") : this.actionOf(event);
    if (!act) return;
    event.preventDefault();
    if (event.type === "keydown" || hold) act();
  }

  /** No key is held any more that this viewer will hear of. */
  letGo() {
    this.peek(false);
    if (this.holdingLoupe) this.holdLoupe(false);
  }

  actionOf({ key, code, shiftKey }) {
    const digit = /^Digit([1-6])$/.exec(code)?.[1];
    if (digit) return () => (shiftKey ? this.solo(LAYERS[digit - 1]) : this.toggle(LAYERS[digit - 1]));
    const letter = key.toLowerCase();
    if (letter in MAGNIFICATION_KEYS) return () => this.setMagnification(MAGNIFICATION_KEYS[letter]);
    const { chosen, opacity, magnificationBefore, marks } = this.choices;
    const step = shiftKey ? 1 / this.ratio : KEY_PAN;
    return {
      0: () => this.hideAll(),
      b: () => magnificationBefore && this.setMagnification(magnificationBefore),
      s: () => this.nextWeighting(),
      t: () => this.toggleBlink(shiftKey ? "magnifications" : "layers"),
      i: () => this.invert(),
      o: () => this.toggleLine(chosen),
      m: () => this.setTool("ruler"),
      p: () => this.setTool(shiftKey ? "ellipse" : "rectangle"),
      enter: () => this.markMiddle(),
      delete: () => this.unmark(marks.at(-1)),
      backspace: () => this.unmark(marks.at(-1)),
      n: () => this.nextFinding(),
      d: () => this.choose(this.firstPreset),
      f: () => this.fit(),
      z: () => this.zoomTo(1),
      "+": () => this.zoomStep(1),
      "=": () => this.zoomStep(1),
      "-": () => this.zoomStep(-1),
      "[": () => this.setOpacity(chosen, opacity[chosen] - 0.05),
      "]": () => this.setOpacity(chosen, opacity[chosen] + 0.05),
      ",": () => this.setLevel(chosen, this.level(chosen) - 0.02),
      ".": () => this.setLevel(chosen, this.level(chosen) + 0.02),
      arrowleft: () => this.pan(step, 0),
      arrowright: () => this.pan(-step, 0),
      arrowup: () => this.pan(0, step),
      arrowdown: () => this.pan(0, -step),
      "?": () => this.toggleHelp(),
      escape: () => this.escape(),
    }[letter];
  }
}

// ---- mounting: called again at every rerun, and once more for the layers ------------------------

const places = new Map(); // viewer's key -> {choices, viewer, layers}

function placeOf(key) {
  if (!places.has(key)) places.set(key, { choices: firstChoices(), viewer: null, layers: null });
  return places.get(key);
}

function mountFilm(place, header, arrays, root) {
  if (place.viewer?.root !== root) {
    place.viewer?.dispose();
    place.viewer = new Viewer(root, place.choices);
    place.viewer.marker.follow(header.viewer);
  }
  const { viewer } = place;
  viewer.setFilm(header, arrays);
  if (place.layers && viewer.layers === null) viewer.setLayers(...place.layers);
  return () => {
    viewer.dispose();
    if (place.viewer === viewer) place.viewer = null;
  };
}

function mountLayers(place, header, arrays) {
  place.layers = [header, arrays];
  place.viewer?.setLayers(header, arrays);
  return () => {
    if (place.layers?.[0] === header) place.layers = null;
  };
}

export default function mount({ data, parentElement }) {
  const { header, arrays } = unpack(data);
  const place = placeOf(header.viewer);
  if (header.kind === "layers") return mountLayers(place, header, arrays);
  return mountFilm(place, header, arrays, parentElement.querySelector(".mammoview"));
}
