/** Something that is asked of the server again whenever what it depends on changes. */

import { effect, signal, untracked, type Signal } from "@preact/signals";

import { Problem } from "./api";

export interface Resource<T> {
  /** The last answer; it stays while the next is awaited, and when that fails. */
  value: Signal<T | null>;
  problem: Signal<Problem | null>;
  loading: Signal<boolean>;
  /** Ask again. */
  refresh: () => void;
}

const RETRY = 4_000;

/**
 * A resource of what `load` returns. `load` reads the signals that it depends on before it awaits anything; null says
 * that nothing is wanted now. An answer that was overtaken is dropped; a server that is away is asked again.
 */
export function resource<T>(load: (signal: AbortSignal) => Promise<T> | null): Resource<T> {
  const value = signal<T | null>(null);
  const problem = signal<Problem | null>(null);
  const loading = signal(false);
  const asked = signal(0);
  effect(() => {
    asked.value; // a dependency
    const abort = new AbortController();
    let retry = 0;
    const promise = load(abort.signal);
    if (promise === null) {
      value.value = null;
      problem.value = null;
      loading.value = false;
      return;
    }
    loading.value = true;
    promise
      .then((found) => {
        if (abort.signal.aborted) return;
        value.value = found;
        problem.value = null;
        loading.value = false;
      })
      .catch((error: unknown) => {
        if (abort.signal.aborted) return;
        const told = error instanceof Problem ? error : new Problem(0, "unreadable", String(error));
        problem.value = told;
        loading.value = false;
        // A question that was wrong stays wrong: nothing that was answered before is shown for it.
        if (told.status >= 400 && told.status < 500 && told.status !== 429) value.value = null;
        else retry = window.setTimeout(() => asked.value++, RETRY);
      });
    return () => {
      abort.abort();
      clearTimeout(retry);
    };
  });
  return { value, problem, loading, refresh: () => untracked(() => asked.value++) };
}
