// Carries the reader's mark to Python and back. It is a script of its own, because a component's script
// travels again with each change of its data; marks are found by what both scripts know of the page.

const marks = (globalThis[Symbol.for("mammoview.marks")] ??= new Map()); // viewer's key -> {marking, changed}

export default function mount({ data, setTriggerValue }) {
  if (!marks.has(data.viewer)) marks.set(data.viewer, { marking: null, changed: null });
  const place = marks.get(data.viewer);
  const give = (marking) => {
    place.marking = marking;
    place.changed?.();
  };
  const marking = { header: data, tell: (mark) => setTriggerValue("mark", mark) };
  give(marking);
  return () => place.marking === marking && give(null);
}
