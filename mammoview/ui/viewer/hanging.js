// The views of a case hung as at the viewbox: chest walls together, one scale in millimetres, moved in mirror image.

const ASSUMED_MM = 0.05; // of a pixel whose size is not known, as the networks assume

class HungPane extends LinkedPane {
  constructor(group, place, choices) {
    super(group, place.name, choices);
    this.place = place;
    this.index = place.film;
    this.heldNipple = false;
    this.stage.classList.add(place.side);
    setText(this.find(".waiting"), `${place.name}: waiting for the film …`);
    const badges = ["mirrored", "again", "scale", "told"].map((className) => Object.assign(document.createElement("span"), { className }));
    this.find(".caption").append(...badges);
    this.stage.addEventListener("dblclick", () => this.choices.tool || group.open(this), { signal: this.listening.signal });
  }

  /** Millimetres along a pixel; where the two sides differ, their mean. */
  get mm() {
    const spacing = this.film.header.spacing_mm;
    return spacing ? (spacing[0] + spacing[1]) / 2 : ASSUMED_MM;
  }

  /** 1 where columns count towards the chest wall as it is on the film, −1 where away from it. */
  get towardsChestWall() {
    const { chest_wall_left: left } = this.film.header;
    if (left === null) return this.place.side === "left" ? 1 : -1;
    return left ? -1 : 1;
  }

  /** {x, y} on the scan (edges): where the reader put it, or as estimated; null where it could not be. */
  get nipple() {
    const { film, nipple } = this.film?.header ?? {};
    return this.choices.nipples[film] ?? (nipple ? { x: nipple[1] + 0.5, y: nipple[0] + 0.5 } : null);
  }

  get isNippleCorrected() {
    return this.film.header.film in this.choices.nipples;
  }

  get zoomToFit() {
    return this.group.scaleToFit * this.mm;
  }

  fit() {
    this.group.fit();
  }

  writeCaption() {
    const caption = this.find(".caption");
    const { mirrored, spacing_mm: spacing } = this.film.header;
    setText(caption.querySelector(".mirrored"), mirrored ? "MIRRORED as stored, or mislabelled" : "");
    setText(caption.querySelector(".again"), this.place.words);
    setText(caption.querySelector(".scale"), spacing ? "" : "size of a pixel not known: scale assumed");
    setText(caption.querySelector(".told"), this.evidence?.assessed ? "" : `networks: ${this.evidence?.state ?? "not run"}`);
  }

  drawMarks() {
    super.drawMarks();
    const context = this.contexts.marks;
    const { arc } = this.group;
    const used = arc.paint(this, context) || arc.from === this || this.choices.tool === "arc";
    if (used && this.nipple) paintNipple(context, this.view, this.nipple, this.isNippleCorrected, this.ratio);
    this.isNippleShown = Boolean(used && this.nipple);
  }

  onPress(event) {
    if (!this.isReady) return;
    const at = this.under(event);
    if (event.button === 0 && this.isOverNipple(at)) {
      this.stage.setPointerCapture(event.pointerId);
      this.heldNipple = true;
    } else if (event.button === 0 && !event.shiftKey && this.choices.tool === "arc") this.group.beginArc(this, at);
    else super.onPress(event);
  }

  isOverNipple({ across, down }) {
    if (!this.isNippleShown) return false;
    const nipple = this.over(this.nipple);
    return Math.hypot(across - nipple.across, down - nipple.down) <= NIPPLE_REACH * this.ratio;
  }

  onMove(event) {
    super.onMove(event);
    if (this.heldNipple) this.putNipple(this.cursor);
  }

  onRelease() {
    super.onRelease();
    this.heldNipple = false;
  }

  putNipple({ x, y }) {
    const { film, rows, columns } = this.film.header;
    this.choices.nipples[film] = { x: limited(x, 0, columns), y: limited(y, 0, rows) };
    this.group.redrawMarks();
  }

  state() {
    const { arc } = this.group;
    const { nipple } = this;
    return { ...super.state(), side: this.place.side, nipple, mm: this.film && this.mm, arc: arc.others.includes(this) && noArc(arc.from, this) === null ? arc.distance : null };
  }
}

/** `header` says what hangs where; `tell` reaches Python. */
class Hanging extends Several {
  constructor(viewer, header, tell) {
    super(viewer, "hung");
    Object.assign(this, { header, tell, along: 0, down: 0, scale: null, isFitted: true });
    this.arc = new Arc(this);
    // Grey first: most of these films have not been seen before.
    const own = { shown: new Set(), putAside: null, level: {}, tool: null, loupe: false };
    const together = choicesOf(viewer.single.choices, own);
    this.box.style.setProperty("--columns", Math.max(...header.places.map(({ column }) => column)) + 1);
    for (const place of header.places) this.hang(place, together);
    this.words = Object.assign(document.createElement("p"), { className: "arranged" });
    this.box.append(this.words);
    this.first = this.panes.find(({ index }) => index === header.current) ?? this.panes[0];
  }

  hang(place, together) {
    const at = { gridRow: place.row + 1, gridColumn: place.column + 1 };
    if (place.film === null) {
      const empty = Object.assign(document.createElement("p"), { className: "empty", textContent: `${place.name}: ${place.words}` });
      Object.assign(empty.style, at);
      this.box.append(empty);
      return;
    }
    const pane = new HungPane(this, place, choicesOf(together, { film: null, view: null, window: null, finding: null, marks: [] }));
    Object.assign(pane.stage.style, at);
    this.panes.push(pane);
  }

  /** Take what has come: `hung` is {film, layers} by the film's number in the case. */
  fill(hung) {
    for (const pane of this.panes) {
      const { film, layers } = hung.get(pane.index) ?? {};
      if (film && pane.film?.header !== film[0]) this.take(pane, film);
      if (layers && pane.layers?.header !== layers[0]) {
        pane.setLayers(...layers);
        pane.layers.header = layers[0];
      }
    }
    this.panes.forEach((pane) => pane.film && pane.resize());
    this.fitAgain();
  }

  take(pane, [header, arrays]) {
    const isAnother = pane.film?.header.film !== header.film;
    pane.setFilm(header, arrays);
    pane.stage.setAttribute("aria-label", `${pane.name}: ${pane.stage.getAttribute("aria-label")}`);
    if (!isAnother) return;
    Object.assign(pane.choices, { film: header.film, finding: null, marks: [] });
    pane.marks = new Marks(pane.choices);
    pane.greys = null;
    pane.choose(pane.firstPreset);
  }

  // ---- one scale, mirrored ------------------------------------------------------------------------

  get filled() {
    return this.panes.filter(({ film, stage }) => film && stage.clientWidth);
  }

  /** Device pixels per millimetre at which each film is wholly in its pane. */
  get scaleToFit() {
    const ratio = window.devicePixelRatio || 1;
    const scales = this.filled.map(({ film: { header }, stage, mm }) =>
      Math.min((stage.clientWidth * ratio) / (header.columns * mm), (stage.clientHeight * ratio) / (header.rows * mm)),
    );
    return Math.min(...scales);
  }

  fit() {
    if (!this.filled.length) return;
    Object.assign(this, { along: 0, down: 0, scale: this.scaleToFit, isFitted: true });
    this.placeAll();
  }

  /** A pane or a film came, or a size changed. */
  fitAgain() {
    if (this.isFitted || this.scale === null) this.fit();
    else this.placeAll();
  }

  /** The scan point in the middle of a pane that has not been moved: inner film edges meet in the middle. */
  homeOf({ film: { header }, stage, place, mm }, scale) {
    const half = (stage.clientWidth * (window.devicePixelRatio || 1)) / 2 / (scale * mm);
    const column = { left: header.columns - half, right: half, beside: header.columns / 2 }[place.side];
    return { row: header.rows / 2, column };
  }

  placeAll(except = null) {
    for (const pane of this.filled) {
      if (pane === except) continue;
      const home = this.homeOf(pane, this.scaleToFit);
      const { mm } = pane;
      pane.choices.view = {
        zoom: this.scale * mm,
        row: home.row + this.down / mm,
        column: home.column + (pane.towardsChestWall * this.along) / mm,
        fitted: this.isFitted,
      };
      pane.redraw("view");
    }
  }

  /** As far towards the chest wall, as far down, as large. */
  follow(pane) {
    const { view } = pane.choices;
    const home = this.homeOf(pane, this.scaleToFit);
    Object.assign(this, {
      scale: view.zoom / pane.mm,
      along: (view.column - home.column) * pane.mm * pane.towardsChestWall,
      down: (view.row - home.row) * pane.mm,
      isFitted: false,
    });
    this.placeAll(pane);
  }

  /** A place on one film is no place on another: there is no cross. */
  point(pane) {
    pane.redraw();
  }

  // ---- the arc ------------------------------------------------------------------------------------

  beginArc(pane, { x, y }) {
    this.arc.begin(pane, { x, y });
    this.viewer.speak(this.arc.inWords());
    this.redrawMarks();
  }

  redrawMarks() {
    this.panes.forEach((pane) => pane.redraw("marks"));
  }

  write() {
    const { arc, panes } = this;
    const words = [];
    if (arc.from || panes.some(({ choices }) => choices.tool === "arc")) words.push(arc.inWords(), "nipple as estimated from the outline; drag to correct");
    if (panes.some(({ film }) => film?.header.reduction > 1)) words.push("at half size, means of 2 × 2 pixels: Enter or a double click opens the film itself");
    setText(this.words, words.join(" · "));
  }

  open(pane) {
    this.tell({ open: pane.index });
  }
}
