// Tells the viewer what can hang beside the film, and Python whether it shall; a script of its own, like the mark's.

const hangings = (globalThis[Symbol.for("mammoview.hangings")] ??= new Map()); // viewer's key -> {hanging, changed}

export default function mount({ data, setTriggerValue }) {
  if (!hangings.has(data.viewer)) hangings.set(data.viewer, { hanging: null, changed: null });
  const place = hangings.get(data.viewer);
  const give = (hanging) => {
    place.hanging = hanging;
    place.changed?.();
  };
  const hanging = { header: data, tell: (wish) => setTriggerValue("wish", { ...wish, case: data.case }) };
  give(hanging);
  return () => place.hanging === hanging && give(null);
}
