// Sets the chosen theme before the first paint. The rest of the theme code is src/lib/look/theme.svelte.ts.
try {
  const theme = localStorage.getItem('roomtone.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is refused in some private windows: the system's theme is used.
}
