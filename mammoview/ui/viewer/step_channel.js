// Carries steps to the next or previous view or case to Python, and back where the film stands. It is a
// script of its own for the reason that mark_channel.js is.

const steps = (globalThis[Symbol.for("mammoview.steps")] ??= new Map()); // viewer's key -> {channel, changed}

export default function mount({ data, setTriggerValue }) {
  if (!steps.has(data.viewer)) steps.set(data.viewer, { channel: null, changed: null });
  const place = steps.get(data.viewer);
  const channel = { header: data, tell: (count) => setTriggerValue("step", count) };
  place.channel = channel;
  place.changed?.();
  return () => place.channel === channel && (place.channel = null);
}
