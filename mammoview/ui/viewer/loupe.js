// The loupe: a circle at the cursor that shows the film and its visible layers larger, by the same rules.

const LOUPE_RADIUS = 120; // CSS pixels
const LOUPE_TIMES = 3;

/** The view of a square canvas that has the scan point (edges) under a device pixel in its middle. */
function loupeView({ zoom, x, y }, { across, down }, radius) {
  const larger = zoom * LOUPE_TIMES;
  return {
    zoom: larger,
    x: Math.round(radius - ((across - x) / zoom) * larger),
    y: Math.round(radius - ((down - y) / zoom) * larger),
  };
}

/** Size and place of the loupe's canvas around a device pixel; gives its radius in device pixels. */
function placeLoupe(canvas, { across, down }, ratio) {
  const radius = Math.round(LOUPE_RADIUS * ratio);
  if (canvas.width !== 2 * radius) [canvas.width, canvas.height] = [2 * radius, 2 * radius];
  const [left, top] = [Math.round(across) - radius, Math.round(down) - radius];
  Object.assign(canvas.style, {
    left: `${left / ratio}px`,
    top: `${top / ratio}px`,
    width: `${(2 * radius) / ratio}px`,
    height: `${(2 * radius) / ratio}px`,
  });
  return radius;
}
