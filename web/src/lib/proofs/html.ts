/** The link that is to be put on a page, as HTML. */
export function relMe(href: string): string {
  const quoted = href.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  return `<link rel="me" href="${quoted}">`;
}
