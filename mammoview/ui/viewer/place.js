// Where the film lies on the stage: fitted, enlarged, moved, and from the screen to the scan and back.

const [MOST_ENLARGED, LEAST_OF_FIT] = [32, 0.5];
const AROUND_FINDING = 3; // the view is so many times as wide as the finding
const DRAG_DOUBLES_WINDOW = 150; // CSS pixels across

class Place extends Reading {
  resize() {
    if (!this.film || !this.stage.clientWidth) return;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.floor(this.stage.clientWidth * ratio);
    const height = Math.floor(this.stage.clientHeight * ratio);
    const { canvas } = this.contexts.film;
    if (canvas.width !== width || canvas.height !== height || this.ratio !== ratio) {
      this.ratio = ratio;
      for (const context of Object.values(this.contexts)) {
        Object.assign(context.canvas, { width, height });
        Object.assign(context.canvas.style, { width: `${width / ratio}px`, height: `${height / ratio}px` });
      }
      this.redraw("view");
    }
    if (!this.choices.view || this.choices.view.fitted) this.fit();
  }

  get size() {
    return this.contexts.film.canvas;
  }

  /** Device pixels per scan pixel, and where the scan's first corner lies on the canvas. */
  get view() {
    const { zoom, row, column } = this.choices.view;
    const { width, height } = this.size;
    return { zoom, x: Math.round(width / 2 - column * zoom), y: Math.round(height / 2 - row * zoom) };
  }

  get zoomToFit() {
    const { rows, columns } = this.film.header;
    return Math.min(this.size.width / columns, this.size.height / rows);
  }

  /** Every move ends here. */
  goTo(view) {
    this.choices.view = view;
    this.redraw("view");
  }

  fit() {
    const { rows, columns } = this.film.header;
    this.goTo({ zoom: this.zoomToFit, row: rows / 2, column: columns / 2, fitted: true });
  }

  /** A box of the scan (first row, first column, last row, last column) in the middle of the stage. */
  showBox([top, left, bottom, right]) {
    const { width, height } = this.size;
    const zoom = Math.min(width / (right - left + 1), height / (bottom - top + 1)) / AROUND_FINDING;
    this.goTo({
      zoom: limited(zoom, this.zoomToFit, MOST_ENLARGED),
      row: (top + bottom + 1) / 2,
      column: (left + right + 1) / 2,
    });
  }

  /** Zoom so that the scan point under a device pixel stays there. */
  zoomTo(zoom, x = this.size.width / 2, y = this.size.height / 2) {
    const { view } = this;
    const next = limited(zoom, Math.min(this.zoomToFit * LEAST_OF_FIT, 1), MOST_ENLARGED);
    const [column, row] = [(x - view.x) / view.zoom, (y - view.y) / view.zoom];
    const { width, height } = this.size;
    this.goTo({ zoom: next, column: column + (width / 2 - x) / next, row: row + (height / 2 - y) / next });
  }

  /** To the next of 50, 71, 100, 141, 200 % …, where whole numbers of pixels come by. */
  zoomStep(direction) {
    const steps = 2 * Math.log2(this.view.zoom);
    const next = direction > 0 ? Math.floor(steps + 1e-6) + 1 : Math.ceil(steps - 1e-6) - 1;
    this.zoomTo(2 ** (next / 2));
  }

  pan(across, down) {
    const { zoom, row, column } = this.choices.view;
    const { rows, columns } = this.film.header;
    this.goTo({
      zoom,
      row: limited(row - (down * this.ratio) / zoom, 0, rows),
      column: limited(column - (across * this.ratio) / zoom, 0, columns),
    });
    if (!this.drag) this.marks.moveTo(this.middle);
  }

  /** The scan point (edges) in the middle of the stage. */
  get middle() {
    const { view, size } = this;
    return { x: (size.width / 2 - view.x) / view.zoom, y: (size.height / 2 - view.y) / view.zoom };
  }

  /** A film that has no window of that name is shown by its first: not every file brings one of its own. */
  choose(name) {
    const { windows } = this.film.header;
    const preset = name in windows ? name : this.firstPreset;
    const [low, high] = windows[preset];
    this.choices.window = { preset, low, high };
    this.redraw("greys");
  }

  /** Drag across for contrast (width), down for brightness (level). */
  dragWindow(start, across, down) {
    const width = (start.high - start.low) * 2 ** (across / DRAG_DOUBLES_WINDOW);
    const centre = (start.low + start.high) / 2 + (down / 400) * (start.high - start.low);
    const half = limited(width, 2, 131072) / 2;
    this.choices.window = { preset: "own", low: Math.round(centre - half), high: Math.round(centre + half) };
    this.redraw("greys");
  }

  /** Client coordinates of the centre of a scan pixel. */
  scanToPage(row, column) {
    const { left, top } = this.size.getBoundingClientRect();
    const { zoom, x, y } = this.view;
    return { x: left + (x + (column + 0.5) * zoom) / this.ratio, y: top + (y + (row + 0.5) * zoom) / this.ratio };
  }

  /** Scan point (edges) and device pixel under a pointer. */
  under(event) {
    const { left, top } = this.size.getBoundingClientRect();
    const { zoom, x, y } = this.view;
    const [across, down] = [(event.clientX - left) * this.ratio, (event.clientY - top) * this.ratio];
    return { across, down, x: (across - x) / zoom, y: (down - y) / zoom };
  }

  /** The same of a scan point (edges). */
  over({ x, y }) {
    const { view } = this;
    return { across: view.x + x * view.zoom, down: view.y + y * view.zoom, x, y };
  }

  /** Each letter at the middle of the visible part of its film edge. */
  placeTargets() {
    const { rows, columns, targets } = this.film.header;
    if (!targets) return;
    const { zoom, x, y } = this.view;
    const [width, height] = [this.size.width, this.size.height].map((length) => length / this.ratio);
    const inset = 16;
    const [left, right] = [x, x + columns * zoom].map((at) => limited(at / this.ratio, 0, width));
    const [top, bottom] = [y, y + rows * zoom].map((at) => limited(at / this.ratio, 0, height));
    const middle = { x: (left + right) / 2, y: (top + bottom) / 2 };
    const places = {
      left: { ...middle, x: left + inset },
      right: { ...middle, x: right - inset },
      top: { ...middle, y: top + inset },
      bottom: { ...middle, y: bottom - inset },
    };
    for (const [side, place] of Object.entries(places)) {
      Object.assign(this.find(`.target.${side}`).style, { left: `${place.x}px`, top: `${place.y}px` });
    }
  }
}
