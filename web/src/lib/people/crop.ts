/** Cutting a square out of a picture: where the square lies, in the picture's own pixels, and how it moves. */

/** The longest side of what is sent, in px; the server keeps 512 and 160. */
export const MOST_SIDE = 1_024;
/** The largest magnification: at 1 the whole of the shorter side is in the square. */
export const MOST_ZOOM = 5;

/** The picture, in px. */
export interface Picture {
  width: number;
  height: number;
}

/** The square: its centre in the picture, and the magnification from 1 to {@link MOST_ZOOM}. */
export interface View {
  x: number;
  y: number;
  zoom: number;
}

/** A square of a picture, in its pixels. */
export interface Square {
  left: number;
  top: number;
  side: number;
}

/** The largest square, in the middle. */
export function wholeView({ width, height }: Picture): View {
  return { x: width / 2, y: height / 2, zoom: 1 };
}

/** What is in the square. */
export function squareOf(picture: Picture, view: View): Square {
  const side = Math.min(picture.width, picture.height) / view.zoom;
  return { left: view.x - side / 2, top: view.y - side / 2, side };
}

/** How long a side of the result is, in px: never enlarged, and never longer than {@link MOST_SIDE}. */
export function resultSide(picture: Picture, view: View): number {
  return Math.max(1, Math.min(MOST_SIDE, Math.round(squareOf(picture, view).side)));
}

/** The picture drawn along by (dx, dy), in parts of the square's side: a positive dx shows more of the left. */
export function moved(picture: Picture, view: View, dx: number, dy: number): View {
  const { side } = squareOf(picture, view);
  return within(picture, { ...view, x: view.x - dx * side, y: view.y - dy * side });
}

/** Another magnification, with the point (px, py), in parts of the square's side, staying where it is. */
export function zoomed(picture: Picture, view: View, zoom: number, px = 0.5, py = 0.5): View {
  const wanted = { ...view, zoom: Math.min(Math.max(zoom, 1), MOST_ZOOM) };
  const gain = squareOf(picture, view).side - squareOf(picture, wanted).side;
  return within(picture, { ...wanted, x: view.x + gain * (px - 0.5), y: view.y + gain * (py - 0.5) });
}

/** The nearest square that has no edge outside of the picture. */
function within(picture: Picture, view: View): View {
  const half = squareOf(picture, view).side / 2;
  const clamp = (at: number, length: number) => Math.min(Math.max(at, half), length - half);
  return { ...view, x: clamp(view.x, picture.width), y: clamp(view.y, picture.height) };
}
