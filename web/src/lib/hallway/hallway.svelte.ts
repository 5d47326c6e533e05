/** What the pages share of the hallway beside the rooms themselves, which are in `$lib/live`. */

class Hallway {
  /** Whether the sheet for starting a room is open. */
  starting = $state(false);
}

export const hallway = new Hallway();
