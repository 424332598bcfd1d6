// What `tools/bench_page.py` puts beside the viewer: it times frames, and gives it what hands would.
(viewer) => {
  const stage = viewer.querySelector(".stage");
  const state = () => viewer.mammoview.state();
  const bench = { keys: [], error: null };
  window.bench = bench;

  // From the key's own time stamp to the frame after the one that was drawn for it: then that one is painted.
  window.addEventListener(
    "keydown",
    (event) => {
      const before = state().drawn.frames;
      requestAnimationFrame(() =>
        requestAnimationFrame(() => {
          const { drawn } = state();
          bench.keys.push({ ms: performance.now() - event.timeStamp, draw: drawn.milliseconds, drew: drawn.frames > before });
        }),
      );
    },
    true,
  );

  /** Resolves when all that was to be done in this frame, painting too, has been done on this thread. */
  const painted = () =>
    new Promise((done) => {
      requestAnimationFrame((frame) => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => done({ frame, end: performance.now() });
        channel.port2.postMessage(null);
      });
    });

  const centre = () => {
    const { left, top, width, height } = stage.getBoundingClientRect();
    return { clientX: left + width / 2, clientY: top + height / 2 };
  };
  const move = (across, down) => {
    const { clientX, clientY } = centre();
    const places = { clientX: clientX + across, clientY: clientY + down };
    stage.dispatchEvent(new PointerEvent("pointermove", { ...places, pointerId: 1, bubbles: true, composed: true }));
  };
  const slide = (name, share) => {
    const range = viewer.querySelector(`[data-layer="heatmap"] .${name}`);
    range.value = Number(range.min) + share * (range.max - range.min);
    range.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const wave = (k) => Math.sin(k / 6);
  const acts = {
    window: (k) => move(60 * wave(k), 40 * wave(k + 3)),
    pan: (k) => move(150 * wave(k), 110 * wave(k + 2)),
    zoom: (k) => {
      const deltaY = 60 * Math.sign(Math.cos(k / 16));
      stage.dispatchEvent(new WheelEvent("wheel", { ...centre(), deltaY, bubbles: true, composed: true, cancelable: true }));
    },
    opacity: (k) => slide("opacity", 0.5 + 0.4 * wave(k)),
    level: (k) => slide("level", 0.5 + 0.4 * wave(k)),
  };

  /** Something to draw in each of `count` frames: the time from frame to frame, and how much of it is work. */
  bench.drag = async (name, count) => {
    const [intervals, work, missed] = [[], [], []];
    let last = (await painted()).frame;
    for (let k = 0; k < count; k++) {
      const before = state().drawn.frames;
      let begin = 0;
      requestAnimationFrame(() => (begin = performance.now())); // first in its frame: the drawing was not asked for yet
      const handed = performance.now();
      acts[name](k);
      const handling = performance.now() - handed;
      const { frame, end } = await painted();
      intervals.push(frame - last);
      work.push(handling + end - begin);
      if (state().drawn.frames === before) missed.push(k);
      last = frame;
    }
    return { intervals, work, missed: missed.length };
  };

  /** From a click to the painted frame of another film. */
  bench.opening = () => {
    const { film } = state();
    bench.opened = new Promise((done) => {
      window.addEventListener("click", (event) => {
        const look = () => {
          const now = viewer.isConnected && state();
          if (now && now.film !== film && now.idle) {
            requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - event.timeStamp)));
          } else setTimeout(look, 10);
        };
        look();
      }, { capture: true, once: true });
    });
  };
}
