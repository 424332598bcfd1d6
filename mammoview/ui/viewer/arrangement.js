// What stands on the screen: the one film, its three magnifications side by side, or the views of its case.

const hangings = (globalThis[Symbol.for("mammoview.hangings")] ??= new Map()); // viewer's key -> {hanging, changed}

const OF_THE_FILM_ITSELF = ["rectangle", "ellipse", "profile"]; // tools that read greys, of which a hung film has means

class Arrangement {
  constructor(viewer) {
    this.viewer = viewer;
    this.group = null; // null while one film is shown
    this.hanging = null; // {header: {places, on, current}, tell}, from the channel
    this.hung = new Map(); // what has come of the case's films, by their number
    const { signal } = viewer.listening;
    viewer.find(".three").addEventListener("click", () => this.turnThree(), { signal });
    viewer.find(".four").addEventListener("click", () => this.turnFour(), { signal });
  }

  get isHung() {
    return this.group instanceof Hanging;
  }

  get isThree() {
    return this.group instanceof SideBySide;
  }

  /** The pane of a magnification, where the three stand side by side. */
  paneOf(magnification) {
    return this.isThree ? this.group.paneOf(magnification) : null;
  }

  turnThree() {
    if (this.isThree) return this.leave();
    if (this.isHung) this.leave();
    this.enter(() => new SideBySide(this.viewer));
    this.viewer.speak("×0.5, ×0.33 and ×0.25 side by side");
  }

  turnFour() {
    const on = !this.isHung;
    if (!this.hanging) return this.viewer.speak("This case has no other view");
    if (on) this.hang();
    else this.leave();
    this.hanging.tell({ on });
    this.viewer.speak(on ? "The views of this case" : "One film");
  }

  hang() {
    if (this.group) this.leave();
    this.enter(() => new Hanging(this.viewer, this.hanging.header, this.hanging.tell));
    this.fill();
  }

  enter(make) {
    const { viewer } = this;
    viewer.blink.stop();
    viewer.marks.pending = null;
    viewer.single.stage.hidden = true;
    viewer.single.rest();
    viewer.root.classList.add("several");
    this.group = make();
    if (!this.group.panes.length) return this.leave();
    viewer.panes = this.group.panes;
    viewer.focusOn(this.group.first);
    this.group.first.stage.focus({ preventScroll: true });
    viewer.redraw("film", "view", "greys", "layers", "marks");
  }

  /** Back to the one film, as it was; what the panes held goes with them. */
  leave() {
    const { viewer } = this;
    viewer.blink.stop();
    this.group.dispose();
    this.group = null;
    viewer.root.classList.remove("several");
    viewer.panes = [viewer.single];
    viewer.single.stage.hidden = false;
    viewer.single.resize();
    viewer.focusOn(viewer.single);
    viewer.single.stage.focus({ preventScroll: true });
    viewer.redraw("film", "view", "greys", "layers", "marks");
  }

  /** Films or layers came: the single pane's, or the case's. */
  fill() {
    this.group?.fill(this.hung);
    this.viewer.focusOn(this.viewer.pane);
    this.viewer.redraw("film", "view", "greys", "layers", "marks");
  }

  /** Take what the channel brings for the viewer of this key, as long as the viewer is there. */
  follow(key) {
    if (!hangings.has(key)) hangings.set(key, { hanging: null, changed: null });
    const place = hangings.get(key);
    // Between two runs of the page the channel is empty for a moment.
    const changed = () => setTimeout(() => this.set(place.hanging));
    place.changed = changed;
    this.viewer.listening.signal.addEventListener("abort", () => place.changed === changed && (place.changed = null));
    if (place.hanging) this.set(place.hanging);
  }

  set(hanging) {
    if (this.viewer.listening.signal.aborted) return;
    const before = this.hanging?.header;
    const header = hanging?.header;
    this.hanging = hanging;
    if (!header?.on) {
      if (this.isHung && before?.on !== header?.on) this.leave();
    } else if (!before?.on ? !this.isHung : JSON.stringify(before.places) !== JSON.stringify(header.places)) this.hang();
    this.draw();
  }

  draw() {
    const [three, four] = [".three", ".four"].map((name) => this.viewer.find(name));
    three.setAttribute("aria-pressed", String(this.isThree));
    four.setAttribute("aria-pressed", String(this.isHung));
    four.hidden = !this.hanging;
    this.viewer.find(".arc").hidden = !this.isHung;
    this.group?.write();
    for (const tool of OF_THE_FILM_ITSELF) this.viewer.find(`[data-tool="${tool}"]`).disabled = this.isHung;
  }
}
