/** The theme: the system's, unless the member chose one. `static/theme.js` applies it before the first paint. */

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'roomtone.theme';

class ThemeChoice {
  /** What was chosen on this device. */
  value = $state<Theme>(stored());

  /** Chooses a theme, now and for later visits. */
  set(theme: Theme): void {
    this.value = theme;
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === 'system') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // Storage can be refused; the choice then lasts until the page is closed.
    }
  }
}

export const theme = new ThemeChoice();

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}
