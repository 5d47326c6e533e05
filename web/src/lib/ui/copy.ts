/** Putting a text into the clipboard, with a note that it is there. */

import { notes } from '$lib/notes.svelte';
import { text } from '$lib/text';

/** Without TLS browsers have no clipboard: then the text itself is shown, for copying by hand. */
export async function copy(what: string, done: string = text.copied): Promise<void> {
  const there = await navigator.clipboard?.writeText(what).then(
    () => true,
    () => false,
  );
  notes.tell(there ? done : what);
}
