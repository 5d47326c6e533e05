// A page in the browser and nothing on the server: everything shown belongs to the member who is signed in.
export const ssr = false;
export const prerender = false;
