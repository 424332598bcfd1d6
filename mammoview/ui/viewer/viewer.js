// The viewer: what the reader chooses, what her hands do, and when to draw.

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

/** The letters of a film's side and view, as far as they are known. */
function hangingOf({ laterality, view }) {
  return [laterality, view].filter(Boolean).join(" ");
}

/** What is asked of a film is asked of `pane`, the one that has the focus. */
class Viewer {
  constructor(root, choices) {
    this.root = root;
    this.peeking = false;
    this.holdingLoupe = false;
    this.frame = 0;
    this.drawn = { frames: 0, milliseconds: 0 };
    this.blink = new Blink(() => this.redraw("layers"));
    this.single = new Pane(this, this.find(".stage"), choices);
    [this.pane, this.panes] = [this.single, [this.single]];
    this.listening = new AbortController();
    this.listen();
    this.marker = new Marker(this);
    this.agreement = new AgreementCard(this);
    this.profiler = new Profiler(this);
    this.stepper = new Stepper(this);
    this.arrangement = new Arrangement(this);
    const hook = {
      scanToPage: (row, column, name) => (this.panes.find((pane) => pane.name === name) ?? this.pane).scanToPage(row, column),
      state: () => this.state(),
    };
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
    [this.single, ...this.panes].forEach((pane) => pane.dispose());
  }

  // ---- of the pane that has the focus ---------------------------------------------------------

  get choices() {
    return this.pane.choices;
  }

  get stage() {
    return this.pane.stage;
  }

  get film() {
    return this.pane.film;
  }

  get evidence() {
    return this.pane.evidence;
  }

  get view() {
    return this.pane.view;
  }

  get ratio() {
    return this.pane.ratio;
  }

  get marks() {
    return this.pane.marks;
  }

  under(event) {
    return this.pane.under(event);
  }

  scanToPage(row, column) {
    return this.pane.scanToPage(row, column);
  }

  // ---- what is shown --------------------------------------------------------------------------

  setFilm(header, arrays) {
    const { single } = this;
    single.setFilm(header, arrays);
    if (single.choices.film !== header.film) {
      // Grey first: another film is seen without its layers, whatever was shown over the last one.
      const unseen = { shown: new Set(), putAside: null, finding: null, compared: null, marks: [] };
      this.blink.stop();
      this.profiler.forget();
      Object.assign(single.choices, { film: header.film, view: null, window: null, level: {}, ...unseen });
    }
    if (!single.choices.window) single.choose(single.firstPreset);
    single.resize();
    this.arrangement.fill();
  }

  setLayers(header, arrays) {
    this.single.setLayers(header, arrays);
    const { choices } = this.single;
    if (header.withheld) Object.assign(choices, { shown: new Set(), putAside: null });
    if (choices.finding >= (header.findings?.length ?? 0)) choices.finding = null;
    for (const row of this.findAll("[data-magnification]")) this.labelError(row, header.errors);
    this.labelDoubts(header.warnings);
    const trained = this.find(".trained");
    trained.hidden = !header.trained_on?.length;
    setText(trained, `Networks trained on ${header.trained_on?.join("; ")}`);
    this.arrangement.fill();
  }

  /** The panel, the footer and the keys are about this pane from now on. */
  focusOn(pane) {
    if (!this.panes.includes(pane)) return;
    this.pane = pane;
    for (const each of this.panes) each.stage.classList.toggle("focused", this.panes.length > 1 && each === pane);
    if (pane.film) {
      this.label(pane.film.header);
      setText(this.find(".spacing"), pane.spacingInWords());
    }
    this.redraw("layers", "marks");
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
    setText(this.find(".name"), [header.source, hangingOf(header)].filter(Boolean).join(" · "));
    this.find(".synthetic").hidden = !header.synthetic;
    this.find(".mirrored").hidden = !header.mirrored;
    for (const each of [this.find(".voi"), this.find('option[value="file"]')]) each.hidden = !header.voi;
    setText(this.find(".voi"), `The file says: ${header.voi}`);
  }

  /** Of every film on the screen. */
  get isWithheld() {
    return this.panes.every((pane) => pane.evidence?.withheld);
  }

  // ---- choices --------------------------------------------------------------------------------

  toggle(name) {
    if (this.isWithheld) return this.speak(this.pane.findingsInWords());
    const { shown, putAside } = this.choices;
    if (putAside) this.choices.putAside = null;
    if (!shown.delete(name)) shown.add(name);
    this.choices.chosen = name;
    this.speak(`${NAMES[name]}: ${this.pane.stateInWords(name)}`);
    this.redraw("layers");
  }

  solo(name) {
    if (this.isWithheld) return this.speak(this.pane.findingsInWords());
    Object.assign(this.choices, { shown: new Set([name]), putAside: null, chosen: name });
    this.speak(`${NAMES[name]} alone: ${this.pane.stateInWords(name)}`);
    this.redraw("layers");
  }

  hideAll() {
    if (this.isWithheld) return this.speak(this.pane.findingsInWords());
    const { shown, putAside } = this.choices;
    Object.assign(this.choices, putAside ? { shown: putAside, putAside: null } : { shown: new Set(), putAside: shown });
    this.speak(putAside ? "Layers back" : "All layers hidden");
    this.redraw("layers");
  }

  nextFinding() {
    const { choices, findings } = this.pane;
    if (!findings.length) return this.speak(this.pane.findingsInWords());
    choices.finding = choices.finding === null ? 0 : (choices.finding + 1) % findings.length;
    if (choices.putAside) Object.assign(choices, { shown: choices.putAside, putAside: null });
    choices.shown.add("outlines");
    this.pane.showBox(findings[choices.finding].box);
    this.speak(this.pane.findingsInWords());
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
    const pane = this.arrangement.paneOf(key);
    if (pane) return pane.stage.focus({ preventScroll: true });
    const before = this.pane.chosenMagnification;
    if (this.blink.what === "magnifications") this.blink.stop();
    if (key === before) return;
    Object.assign(this.choices, { magnificationBefore: before, magnification: key });
    this.speak(`Magnification ×${key}`);
    this.redraw("layers");
  }

  toggleBlink(what) {
    const stopped = this.blink.what === what;
    if (stopped) this.blink.stop();
    const besideEachOther = what === "magnifications" && this.arrangement.isThree ? "The magnifications stand side by side" : null;
    const refusal = stopped ? null : (besideEachOther ?? this.pane.noBlink(what));
    if (!stopped && !refusal) this.blink.start(what);
    this.speak(refusal ?? this.pane.blinkInWords() ?? "Blinking stopped");
    setText(this.find(".still"), refusal ?? "");
  }

  setStride(stride) {
    this.choices.stride = stride;
    this.speak(`Stride ${stride}`);
    this.redraw("layers");
  }

  choose(preset) {
    this.panes.filter((pane) => pane.film).forEach((pane) => pane.choose(preset));
  }

  invert() {
    this.choices.inverted = !this.choices.inverted;
    this.redraw("greys");
  }

  // ---- drawing --------------------------------------------------------------------------------

  redraw(...what) {
    this.panes.forEach((pane) => pane.redraw(...what));
  }

  drawSoon() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    const began = performance.now();
    const { stale } = this.pane;
    this.panes.filter((pane) => pane.isReady).forEach((pane) => pane.draw());
    this.arrangement.draw();
    if (!this.pane.isReady) return;
    if (stale.has("film") || stale.has("marks")) this.drawMeasurements();
    if (stale.has("layers")) this.drawPanel();
    if (!this.arrangement.group) this.marker.draw();
    this.write();
    this.drawn = { frames: this.drawn.frames + 1, milliseconds: performance.now() - began };
  }

  drawMeasurements() {
    for (const button of this.findAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === this.choices.tool));
    }
    const isAiming = this.choices.tool in TOOLS || this.choices.tool === "arc";
    for (const pane of this.panes) pane.stage.classList.toggle("measuring", isAiming);
    if (!this.marks.drawing) this.listMarks(this.marks.all(...this.pane.measured));
    this.profiler.draw();
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

  drawPanel() {
    for (const name of LAYERS) this.drawRow(this.find(`[data-layer="${name}"]`), name);
    this.agreement.draw();
    this.profiler.draw();
    setText(this.find(".count"), this.pane.findingsInWords());
    const next = this.find(".next");
    next.hidden = !this.pane.findings.length;
    setText(next, this.choices.finding === null || this.pane.findings.length === 1 ? "Show (N)" : "Next (N)");
    for (const button of this.findAll("[data-blink]")) {
      button.setAttribute("aria-pressed", String(button.dataset.blink === this.blink.what));
    }
    for (const button of this.findAll(".toggle, .hide")) button.disabled = Boolean(this.isWithheld);
    this.find(".hide").setAttribute("aria-pressed", String(this.choices.putAside !== null));
    this.find(".weighting").value = this.choices.weighting;
    setText(this.find(".meaning"), this.pane.saliencyMeaning());
    setText(this.find(".laid"), this.pane.layer("frame")?.words ?? "");
    for (const each of this.findAll("[data-when]")) each.hidden = !this.choices.shown.has(each.dataset.when);
    for (const [group, value] of [["magnification", this.pane.magnification], ["stride", String(this.pane.stride)]]) {
      for (const radio of this.findAll(`input[name="${group}"]`)) radio.checked = radio.value === value;
    }
  }

  drawRow(row, name) {
    const shown = this.choices.shown.has(name);
    row.querySelector(".toggle").setAttribute("aria-pressed", String(shown));
    setText(row.querySelector(".state"), this.pane.stateInWords(name));
    const opacity = row.querySelector(".opacity");
    if (opacity) {
      this.setRange(opacity, Math.round(this.choices.opacity[name] * 100), " %");
      opacity.disabled = this.choices.lined.has(name);
    }
    row.querySelector(".line")?.setAttribute("aria-pressed", String(this.choices.lined.has(name)));
    const level = row.querySelector(".level");
    if (level) this.setRange(level, Number(this.pane.level(name).toFixed(2)), "");
    const bar = row.querySelector(".bar");
    if (!bar) return;
    bar.hidden = !shown || !this.pane.layer(name);
    if (!bar.hidden) this.drawBar(bar, name);
  }

  setRange(range, value, unit) {
    range.value = value;
    range.title = `${value}${unit}`;
    range.setAttribute("aria-valuetext", `${value}${unit}`);
  }

  drawBar(bar, name) {
    const level = this.pane.level(name);
    const own = { saliency: saliencyColour, disagreement: disagreementColour }[name];
    const colour = own ?? ((value) => colourOf(MAPS[name], value, level));
    const canvas = bar.querySelector("canvas");
    canvas.hidden = this.choices.lined.has(name);
    paintBar(canvas, colour, this.choices.opacity[name]);
    const parts = this.pane.scaleInWords(name, level);
    const spans = parts.map((text) => Object.assign(document.createElement("span"), { textContent: text }));
    bar.querySelector(".scale").replaceChildren(...spans);
  }

  // ---- words ----------------------------------------------------------------------------------

  write() {
    const { window: values, inverted, view } = this.choices;
    setText(this.find(".blinking"), this.pane.blinkInWords() ?? "");
    setText(this.find(".evidence"), `Magnification ×${this.pane.magnification} · grid stride ${this.pane.stride}${this.pane.saliencyStride()}`);
    const width = values.high - values.low;
    const centre = Math.round((values.low + values.high) / 2);
    setText(this.find(".window"), `Window ${width} · level ${centre}${inverted ? " · inverted" : ""}`);
    const percent = (zoom) => `${Number((zoom * 100).toPrecision(3))} %`;
    const larger = this.pane.isLoupeOn ? ` · loupe ${percent(view.zoom * LOUPE_TIMES)}` : "";
    setText(this.find("footer .zoom"), `Zoom ${percent(view.zoom)}${larger}`);
    this.find(".magnifier").setAttribute("aria-pressed", String(this.choices.loupe));
    const pointed = this.panes.find((pane) => pane.isPointed) ?? this.pane;
    setText(this.find("footer .cursor"), pointed.cursorInWords());
    setText(this.find(".under"), pointed.valuesInWords());
    this.find(".greys select").value = values.preset;
    this.find(".invert").setAttribute("aria-pressed", String(inverted));
  }

  speak(text) {
    setText(this.find(".spoken"), text);
  }

  state() {
    const layers = LAYERS.map((name) => [
      name,
      { shown: this.choices.shown.has(name), visible: this.pane.isVisible(name), lined: this.choices.lined.has(name), opacity: this.choices.opacity[name], state: this.pane.stateInWords(name) },
    ]);
    return {
      film: this.film?.header.film ?? null,
      layers: Object.fromEntries(layers),
      magnification: this.pane.magnification,
      stride: this.pane.stride,
      window: { ...this.choices.window },
      inverted: this.choices.inverted,
      blinking: this.blink.what,
      weighting: this.choices.weighting,
      tool: this.choices.tool,
      compared: this.choices.compared,
      marks: this.film ? this.marks.all(...this.pane.measured) : [],
      ...(this.pane.isReady && this.view),
      fitted: Boolean(this.choices.view?.fitted),
      panes: this.panes.flatMap((pane) => (pane.name && pane.isReady ? [pane.state()] : [])),
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
    click(".fit", () => this.pane.fit());
    click(".one", () => this.pane.zoomTo(1));
    click(".in", () => this.pane.zoomStep(1));
    click(".out", () => this.pane.zoomStep(-1));
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
    if (this.arrangement.isHung && OF_THE_FILM_ITSELF.includes(tool)) return this.speak("Grey values are measured on the film itself: Enter opens it");
    if (!this.arrangement.isHung && tool === "arc") return this.speak("The arc needs the views of a case: H");
    this.choices.tool = this.choices.tool === tool ? null : tool;
    this.marks.pending = null;
    this.speak(this.choices.tool in TOOLS ? `${TOOLS[tool]}: drag over the film, or Enter at both ends` : "");
    this.redraw("marks");
  }

  finishMark() {
    const mark = this.marks.end(this.view.zoom / this.ratio);
    const last = mark && this.marks.all(...this.pane.measured).at(-1);
    if (last) this.speak(`${last.name}: ${last.words.join(", ")}`);
    this.redraw("marks");
  }

  /** Without a mouse: Enter begins a mark in the middle of the stage and ends it there after moving the film. */
  markMiddle() {
    if (this.arrangement.isHung && this.choices.tool === "arc") return this.arrangement.group.beginArc(this.pane, this.pane.middle);
    if (this.arrangement.isHung && !this.choices.tool) return this.arrangement.group.open(this.pane);
    if (!(this.choices.tool in TOOLS)) return;
    if (this.marks.drawing) return this.finishMark();
    this.marks.begin(this.pane.middle);
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
    this.pane.pairing.letGo();
    if (this.choices.tool) this.setTool(this.choices.tool);
    this.arrangement.group?.arc?.clear();
    this.redraw("marks");
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

  actionOf({ key, code, shiftKey, repeat }) {
    const digit = /^Digit([1-7])$/.exec(code)?.[1];
    if (digit) return () => (shiftKey ? this.solo(LAYERS[digit - 1]) : this.toggle(LAYERS[digit - 1]));
    const letter = key.toLowerCase();
    if (letter in STEP_KEYS) return () => this.stepper.press({ letter, shiftKey, repeat });
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
      m: () => this.setTool(shiftKey ? "profile" : "ruler"),
      p: () => this.setTool(shiftKey ? "ellipse" : "rectangle"),
      enter: () => this.markMiddle(),
      delete: () => this.unmark(marks.at(-1)),
      backspace: () => this.unmark(marks.at(-1)),
      g: () => this.arrangement.turnThree(),
      h: () => this.arrangement.turnFour(),
      n: () => this.nextFinding(),
      a: () => (this.arrangement.isHung ? this.setTool("arc") : this.pane.pairing.next()),
      d: () => this.choose(this.pane.firstPreset),
      f: () => this.pane.fit(),
      z: () => this.pane.zoomTo(1),
      "+": () => this.pane.zoomStep(1),
      "=": () => this.pane.zoomStep(1),
      "-": () => this.pane.zoomStep(-1),
      "[": () => this.setOpacity(chosen, opacity[chosen] - 0.05),
      "]": () => this.setOpacity(chosen, opacity[chosen] + 0.05),
      ",": () => this.setLevel(chosen, this.pane.level(chosen) - 0.02),
      ".": () => this.setLevel(chosen, this.pane.level(chosen) + 0.02),
      arrowleft: () => this.pane.pan(step, 0),
      arrowright: () => this.pane.pan(-step, 0),
      arrowup: () => this.pane.pan(0, step),
      arrowdown: () => this.pane.pan(0, -step),
      "?": () => this.toggleHelp(),
      escape: () => this.escape(),
    }[letter];
  }
}

// ---- mounting: called again at every rerun, and once more for the layers ------------------------

const places = new Map(); // viewer's key -> {choices, viewer, layers, hung}

function placeOf(key) {
  if (!places.has(key)) places.set(key, { choices: firstChoices(), viewer: null, layers: null, hung: new Map() });
  return places.get(key);
}

function mountFilm(place, header, arrays, root) {
  if (place.viewer?.root !== root) {
    place.viewer?.dispose();
    place.viewer = new Viewer(root, place.choices);
    place.viewer.marker.follow(header.viewer);
    place.viewer.profiler.follow(header.viewer);
    place.viewer.stepper.follow(header.viewer);
    place.viewer.arrangement.hung = place.hung;
  }
  const { viewer } = place;
  viewer.setFilm(header, arrays);
  viewer.arrangement.follow(header.viewer);
  if (place.layers && viewer.single.layers === null) viewer.setLayers(...place.layers);
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

/** A film of the case, or its layers, to hang beside the others. */
function mountHung({ hung, viewer }, header, arrays) {
  const of = hung.get(header.hung) ?? {};
  hung.set(header.hung, Object.assign(of, { [header.kind]: [header, arrays] }));
  viewer?.arrangement.fill();
  return () => {
    if (of[header.kind]?.[0] === header) delete of[header.kind];
    if (!of.film && !of.layers && hung.get(header.hung) === of) hung.delete(header.hung);
  };
}

export default function mount({ data, parentElement }) {
  const { header, arrays } = unpack(data);
  const place = placeOf(header.viewer);
  if (header.hung !== null) return mountHung(place, header, arrays);
  if (header.kind === "layers") return mountLayers(place, header, arrays);
  return mountFilm(place, header, arrays, parentElement.querySelector(".mammoview"));
}
