/** Keeping the keyboard where the talk is. */

import { tick } from 'svelte';

/** For `{@attach}`: takes the focus when it appears, and gives it back to what had it when it goes. */
export function takesFocus(node: HTMLElement): () => void {
  const before = document.activeElement;
  node.focus();
  if (node instanceof HTMLInputElement) node.select();
  return () => {
    // What opened this may have been hidden by it, and can have the focus once it is shown again.
    void tick().then(() => {
      const lost = document.activeElement === null || document.activeElement === document.body;
      if (lost && before instanceof HTMLElement && before.isConnected) before.focus();
    });
  };
}
