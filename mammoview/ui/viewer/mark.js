// The reader's mark: with the tool on, a click puts it on the film and tells Python the pixel.

const HAND_MOVES = 4; // CSS pixels between press and release that still are a click

const marks = (globalThis[Symbol.for("mammoview.marks")] ??= new Map()); // viewer's key -> {marking, changed}

class Marker {
  constructor(viewer) {
    this.viewer = viewer;
    this.marking = null; // {header: {film, mark, kept}, tell}, from the channel
    this.on = false;
    this.pressed = null;
    this.tool = document.createElement("section");
    this.tool.className = "marking";
    this.tool.setAttribute("aria-label", "Your mark");
    this.button = Object.assign(document.createElement("button"), { type: "button", textContent: "Mark" });
    this.words = document.createElement("span");
    this.tool.append(this.button, this.words);
    viewer.find("aside").prepend(this.tool);
    this.rings = document.createElement("div");
    viewer.stage.insertBefore(this.rings, viewer.find(".target"));
    this.tool.hidden = true;
    this.listen(viewer.listening.signal);
  }

  /** Take what the channel brings for the viewer of this key, as long as the viewer is there. */
  follow(key) {
    if (!marks.has(key)) marks.set(key, { marking: null, changed: null });
    const place = marks.get(key);
    const changed = () => this.set(place.marking);
    place.changed = changed;
    this.viewer.listening.signal.addEventListener("abort", () => place.changed === changed && (place.changed = null));
    changed();
  }

  listen(signal) {
    const { stage } = this.viewer;
    this.button.addEventListener("click", () => this.toggle(), { signal });
    stage.addEventListener("pointerdown", (event) => (this.pressed = event), { signal });
    stage.addEventListener("pointerup", (event) => this.onRelease(event), { signal });
    stage.addEventListener("keydown", (event) => this.onKey(event), { signal });
  }

  /** Another mark, film or channel to Python; null where nothing is to be marked. */
  set(marking) {
    this.marking = marking;
    this.tool.hidden = marking === null;
    if (marking === null) this.on = false;
    this.viewer.redraw();
  }

  get header() {
    const header = this.marking?.header;
    return header && header.film === this.viewer.film?.header.film ? header : null;
  }

  toggle() {
    this.on = !this.on;
    this.viewer.redraw();
  }

  onRelease(event) {
    const { pressed } = this;
    this.pressed = null;
    if (!this.on || !pressed || pressed.button !== 0 || event.target.closest(".help")) return;
    const moved = Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY);
    if (moved > HAND_MOVES) return;
    const { x, y } = this.viewer.under(event);
    this.put(Math.floor(y), Math.floor(x));
  }

  /** Without a mouse: Enter marks the middle of the view. */
  onKey(event) {
    if (!this.on || event.key !== "Enter" || event.target !== this.viewer.stage) return;
    const { row, column } = this.viewer.choices.view;
    this.put(Math.floor(row), Math.floor(column));
  }

  put(row, column) {
    const { header } = this;
    const { rows, columns } = this.viewer.film.header;
    if (!header || row < 0 || column < 0 || row >= rows || column >= columns) return;
    this.marking = { ...this.marking, header: { ...header, mark: [row, column] } };
    this.on = false;
    this.viewer.speak(`Mark at row ${row}, column ${column}`);
    this.viewer.redraw();
    this.marking.tell({ film: header.film, mark: [row, column] });
  }

  /** Called for each frame, after the film. */
  draw() {
    const { header } = this;
    this.button.setAttribute("aria-pressed", String(this.on));
    this.viewer.stage.classList.toggle("marks", this.on);
    setText(this.words, this.inWords(header?.mark));
    const kept = (header?.kept ?? []).map((pixel, number) => this.ring(pixel, number + 1, "mark kept"));
    const next = header?.mark ? [this.ring(header.mark, kept.length + 1, "mark")] : [];
    this.rings.replaceChildren(...kept, ...next);
  }

  inWords(mark) {
    if (this.on) return "click on the film, or Enter for its middle";
    return mark ? `row ${mark[0]}, column ${mark[1]}` : "none; then click on the film";
  }

  ring([row, column], number, className) {
    const { zoom, x, y } = this.viewer.view;
    const { ratio } = this.viewer;
    const ring = Object.assign(document.createElement("span"), { className });
    ring.dataset.number = number;
    ring.style.left = `${(x + (column + 0.5) * zoom) / ratio}px`;
    ring.style.top = `${(y + (row + 0.5) * zoom) / ratio}px`;
    return ring;
  }
}
