/** Gives a file to the browser to save. */
export function save(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the content by then; the address only holds it in memory.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
