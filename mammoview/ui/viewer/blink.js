// Blinking by itself: two pictures in turn until the reader, her system or another film stops it.

const BLINK_MS = 250; // each picture stays so long: there and back twice a second, where three times is the most allowed

/** `what` is blinking ("layers" or "magnifications", null for nothing); `turned` while the second picture is due. */
class Blink {
  constructor(redraw) {
    this.redraw = redraw;
    [this.what, this.turned, this.timer] = [null, false, 0];
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.becomeCalm = () => this.calm.matches && this.stop();
    this.calm.addEventListener("change", this.becomeCalm);
  }

  /** Whether the reader's system asks for less motion: then nothing blinks by itself. */
  get isForbidden() {
    return this.calm.matches;
  }

  start(what) {
    this.stop();
    this.what = what;
    this.wait();
  }

  stop() {
    clearTimeout(this.timer);
    if (this.what === null) return;
    [this.what, this.turned] = [null, false];
    this.redraw();
  }

  /** Counted from the frame that was drawn, so that a slow frame is never followed by a quick one. */
  wait() {
    this.redraw();
    const { what } = this;
    requestAnimationFrame(() => {
      if (this.what !== what || what === null) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.turn(), BLINK_MS);
    });
  }

  turn() {
    this.turned = !this.turned;
    this.wait();
  }

  isTurned(what) {
    return this.what === what && this.turned;
  }

  dispose() {
    clearTimeout(this.timer);
    this.what = null;
    this.calm.removeEventListener("change", this.becomeCalm);
  }
}
