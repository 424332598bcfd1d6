// Carries the line of a profile to Python; a script of its own, as the mark's channel is.

const profiles = (globalThis[Symbol.for("mammoview.profiles")] ??= new Map()); // viewer's key -> {channel, changed}

export default function mount({ data, setTriggerValue }) {
  if (!profiles.has(data.viewer)) profiles.set(data.viewer, { channel: null, changed: null });
  const place = profiles.get(data.viewer);
  const channel = { film: data.film, tell: (line) => setTriggerValue("line", line) };
  place.channel = channel;
  place.changed?.();
  return () => {
    if (place.channel === channel) place.channel = null;
  };
}
