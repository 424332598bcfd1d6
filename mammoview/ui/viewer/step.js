// Next and previous: V through the views of the case, PageDown and PageUp (J, K) through the list of cases.

const STEP_KEYS = { v: ["views", 1], pagedown: ["cases", 1], j: ["cases", 1], pageup: ["cases", -1], k: ["cases", -1] };

const steps = (globalThis[Symbol.for("mammoview.steps")] ??= new Map()); // viewer's key -> {channel, changed}

class Stepper {
  constructor(viewer) {
    this.viewer = viewer;
    this.place = { channel: null };
    this.count = { by: `${Date.now()}.${Math.random()}`.slice(0, 40), cases: 0, views: 0 };
    this.asked = false;
  }

  /** Use the channel of the viewer of this key, as long as the viewer is there. */
  follow(key) {
    if (!steps.has(key)) steps.set(key, { channel: null, changed: null });
    const place = (this.place = steps.get(key));
    const changed = () => this.arrive();
    place.changed = changed;
    this.viewer.listening.signal.addEventListener("abort", () => place.changed === changed && (place.changed = null));
  }

  /** A key that is held steps once: each step may bring another film. */
  press({ letter, shiftKey, repeat }) {
    const { channel } = this.place;
    if (!channel || repeat) return;
    const [what, forward] = STEP_KEYS[letter];
    const by = what === "views" && shiftKey ? -forward : forward;
    const nowhere = this.nowhere(channel.header, what, by);
    if (nowhere) return this.viewer.speak(nowhere);
    this.count[what] += by;
    this.asked = true;
    channel.tell({ ...this.count });
  }

  /** Why there is no step that way; the empty string where there is one. */
  nowhere({ views, cases, ends }, what, by) {
    if (what === "views") return views.length > 1 ? "" : "This case has one view.";
    if (!cases) return "There is no list of cases here.";
    return ends[by > 0 ? 1 : 0] ? `This is the ${by > 0 ? "last" : "first"} case of the list.` : "";
  }

  /** The film that was asked for is there: say where it stands. */
  arrive() {
    if (!this.asked || !this.place.channel) return;
    this.asked = false;
    const { views, view, case: number, cases } = this.place.channel.header;
    const where = number ? `case ${number} of ${cases}, ` : "";
    this.viewer.speak(`${where}${views[view]}, ${view + 1} of ${views.length}`);
  }
}
