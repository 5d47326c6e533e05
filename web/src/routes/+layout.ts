import { language } from '$lib/text';

// A page in the browser and nothing on the server: everything shown belongs to the member who is signed in.
export const ssr = false;
export const prerender = false;

/** The words come before the first page, so that nobody sees it change its language. */
export const load = () => language.start();
