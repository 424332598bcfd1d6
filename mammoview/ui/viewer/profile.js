// The line of a profile: told to Python, which draws what lies along it, whenever it or what is shown is another.

const profiles = (globalThis[Symbol.for("mammoview.profiles")] ??= new Map()); // viewer's key -> {channel, changed}
const PROFILED = ["heatmap", "grid", "saliency"];
const SETTLED_MS = 300; // no change for so long: keys that are held or pressed in a row tell once

class Profiler {
  constructor(viewer) {
    this.viewer = viewer;
    this.place = { channel: null };
    this.told = null; // what Python knows, as JSON; null where it knows of no line
    this.timer = 0;
    viewer.listening.signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  /** Tell by the channel for the viewer of this key, as long as the viewer is there. */
  follow(key) {
    if (!profiles.has(key)) profiles.set(key, { channel: null, changed: null });
    const place = profiles.get(key);
    const changed = () => this.draw();
    [this.place, place.changed] = [place, changed];
    this.viewer.listening.signal.addEventListener("abort", () => place.changed === changed && (place.changed = null));
  }

  /** None while it is for another film. */
  get channel() {
    const { channel } = this.place;
    return channel?.film === this.viewer.film?.header.film ? channel : null;
  }

  /** With the panel and the measurements: whatever a profile rests on may have changed. */
  draw() {
    clearTimeout(this.timer);
    if (this.wanted() !== this.told) this.timer = setTimeout(() => this.tell(), SETTLED_MS);
  }

  /** With another film, Python drops the line by itself. */
  forget() {
    this.told = null;
  }

  wanted() {
    const { pane } = this.viewer;
    const mark = pane.film && pane.choices.marks.findLast(({ tool }) => tool === "profile");
    if (!mark) return null;
    const ends = { from: [mark.from.y - 0.5, mark.from.x - 0.5], to: [mark.to.y - 0.5, mark.to.x - 0.5] };
    const shown = PROFILED.filter((name) => pane.choices.shown.has(name) && pane.layer(name));
    const { chosenMagnification: magnification, stride } = pane;
    return JSON.stringify({ line: ends, shown, magnification, stride, weighting: pane.choices.weighting });
  }

  tell() {
    const { channel, viewer } = this;
    const wanted = this.wanted();
    if (!channel || viewer.marks.drawing || wanted === this.told) return;
    this.told = wanted;
    channel.tell({ film: viewer.film.header.film, ...(wanted === null ? { line: null } : JSON.parse(wanted)) });
  }
}
