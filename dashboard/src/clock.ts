/** What time it is, to the second, for ages. */

import { signal } from "@preact/signals";

export const now = signal(Date.now());

/** Let the clock go. */
export function keepClock(): void {
  setInterval(() => (now.value = Date.now()), 1_000);
}
