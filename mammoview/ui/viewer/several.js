// Several panes in the place of the one: what they share, and how they move together.

/** Choices of one pane: `own` are its, all others are the viewer's; what is written goes where it is read. */
function choicesOf(shared, own) {
  const holder = (name) => (name in own ? own : shared);
  return new Proxy(own, {
    get: (_, name) => holder(name)[name],
    set: (_, name, value) => {
      holder(name)[name] = value;
      return true;
    },
  });
}

/** A pane whose group hears of every move, window and cursor. */
class LinkedPane extends Pane {
  constructor(group, name, choices) {
    const stage = group.newStage(name);
    super(group.viewer, stage, choices);
    Object.assign(this, { group, name, isPointed: false, windowBefore: null });
    const { signal } = this.listening;
    stage.addEventListener("focus", () => group.viewer.focusOn(this), { signal });
  }

  goTo(view) {
    super.goTo(view);
    this.group.follow(this);
  }

  onPress(event) {
    for (const pane of this.group.panes) pane.windowBefore = { ...pane.choices.window };
    super.onPress(event);
  }

  /** Each from its own window by the same share: films differ in their values. */
  dragWindow(start, across, down) {
    this.group.panes.filter((pane) => pane.film).forEach((pane) => pane.turnWindow(across, down));
  }

  turnWindow(across, down) {
    super.dragWindow(this.windowBefore, across, down);
  }

  onMove(event) {
    super.onMove(event);
    if (!this.isReady) return;
    this.cursor = this.under(event); // where it is after the film was moved under it
    this.isPointed = true;
    this.group.point(this);
  }

  onLeave() {
    super.onLeave();
    this.isPointed = false;
    this.group.point(this);
  }

  draw() {
    super.draw();
    this.drawCross();
    this.writeCaption();
  }

  drawCross() {
    const cross = this.find(".cross");
    cross.hidden = !this.cursor || this.isPointed;
    if (cross.hidden) return;
    cross.style.setProperty("--across", `${this.cursor.across / this.ratio}px`);
    cross.style.setProperty("--down", `${this.cursor.down / this.ratio}px`);
  }

  writeCaption() {}

  state() {
    const { film, magnification, view, choices, cursor, isPointed } = this;
    return { name: this.name, film: film?.header.film ?? null, magnification, ...view, window: { ...choices.window }, crossed: Boolean(cursor) && !isPointed };
  }
}

/** The base of the arrangements; the single pane rests meanwhile. */
class Several {
  constructor(viewer, arrangement) {
    Object.assign(this, { viewer, panes: [] });
    this.box = viewer.find(".panes");
    this.box.dataset.arrangement = arrangement;
    this.box.hidden = false;
  }

  /** An empty stage like the single one's. */
  newStage(name) {
    const stage = this.viewer.single.stage.cloneNode(true);
    for (const child of [...stage.children]) if (!child.matches("canvas, .target, .waiting")) child.remove();
    Object.assign(stage, { className: "stage", hidden: false });
    stage.querySelector(".waiting").hidden = false;
    stage.dataset.pane = name;
    const cross = Object.assign(document.createElement("i"), { className: "cross", hidden: true });
    const caption = Object.assign(document.createElement("div"), { className: "caption" });
    caption.append(Object.assign(document.createElement("strong"), { textContent: name }));
    stage.append(cross, caption);
    this.box.append(stage);
    return stage;
  }

  /** What is said of all panes together. */
  write() {}

  dispose() {
    this.panes.forEach((pane) => pane.dispose());
    this.panes = [];
    this.box.replaceChildren();
    this.box.hidden = true;
  }
}
