// Hands the reader a file that came over her own connection: there is no address to ask for it at.

const KEEP_MS = 60_000; // a browser may still be reading it

/** `data` is a line of JSON (name, type, which) and the file's bytes. */
export default function save({ data, parentElement }) {
  const end = data.indexOf(10);
  const { name, type, which } = JSON.parse(new TextDecoder().decode(data.subarray(0, end)));
  const link = parentElement.querySelector("a");
  if (link.dataset.which === which) return undefined;
  const address = URL.createObjectURL(new Blob([data.subarray(end + 1)], { type }));
  link.dataset.which = which;
  link.href = address;
  link.download = name;
  link.textContent = `Save ${name} again`;
  link.click();
  return () => setTimeout(() => URL.revokeObjectURL(address), KEEP_MS);
}
