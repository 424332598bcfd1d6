// The three magnifications side by side: one film, one view, and each magnification's own grid and saliency.

class MagnificationPane extends LinkedPane {
  /** How often it errs, and what is under the cursor of whichever pane has it. */
  writeCaption() {
    const { short, full } = this.evidence?.errors[this.magnification] ?? { short: "", full: "" };
    const caption = this.find(".caption");
    caption.title = full;
    setText(caption.querySelector(".err"), short);
    const told = ["grid", "saliency"].filter((name) => this.isLaidOver(name) && this.pixel);
    const words = told.map((name) => {
      const value = cellUnder(this.layer(name), this.cursor.x, this.cursor.y);
      return value === null ? "" : `${NAMES[name].toLowerCase()} ${this.valueInWords(name, value)}`;
    });
    setText(caption.querySelector(".value"), words.filter(Boolean).join(" · "));
  }
}

class SideBySide extends Several {
  constructor(viewer) {
    super(viewer, "three");
    const { single } = viewer;
    const { view } = single.choices;
    for (const magnification of Object.values(MAGNIFICATION_KEYS)) {
      const own = { magnification, view: view?.fitted ? null : view };
      const pane = new MagnificationPane(this, `×${magnification}`, choicesOf(single.choices, own));
      pane.find(".caption").append(...["err", "value"].map((className) => Object.assign(document.createElement("span"), { className })));
      this.panes.push(pane);
    }
    this.first = this.panes.find((pane) => pane.magnification === single.chosenMagnification);
    this.fill();
  }

  /** The single pane's film and layers, not copies of them. */
  fill() {
    const { film, layers } = this.viewer.single;
    for (const pane of this.panes) {
      if (pane.film?.header.film !== film?.header.film) {
        pane.choices.view = pane.film ? null : pane.choices.view;
        pane.greys = null;
      }
      Object.assign(pane, { film, layers, pictures: {} });
      pane.find(".waiting").hidden = Boolean(film);
      if (film) pane.label(film.header);
      pane.stage.setAttribute("aria-label", `${pane.name}, ${pane.stage.getAttribute("aria-label")}`);
      pane.resize();
    }
  }

  follow({ choices: { view } }) {
    for (const pane of this.panes) {
      if (pane.choices.view === view) continue;
      pane.choices.view = view;
      pane.redraw("view");
    }
  }

  point({ cursor, isPointed }) {
    for (const pane of this.panes) {
      if (!pane.isPointed) pane.cursor = isPointed && cursor && pane.isReady ? pane.over(cursor) : null;
      pane.redraw();
    }
  }

  paneOf(magnification) {
    return this.panes.find((pane) => pane.magnification === magnification);
  }
}
