/** Asking the server: one place that knows the token, the errors' shape, and what a stranger may have typed. */

/** What the server said was wrong, or that it could not be reached (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null = null,
  ) {
    super(message);
  }
}

type Value = string | number | boolean | null | undefined | readonly (string | number)[];
export type Parameters = Record<string, Value>;

const TOKEN = "powderkeg-token";

/** The token of this browser tab; it is kept nowhere else. */
export function token(): string | null {
  return sessionStorage.getItem(TOKEN);
}

export function setToken(value: string): void {
  sessionStorage.setItem(TOKEN, value);
}

/** The address of an endpoint with its parameters, those without a value left out. */
export function address(path: string, parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value == null || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  const text = query.toString();
  return `v1/${path}${text ? `?${text}` : ""}`;
}

async function answer(path: string, parameters: Parameters, signal?: AbortSignal): Promise<Response> {
  const known = token();
  let response: Response;
  try {
    response = await fetch(address(path, parameters), {
      headers: known ? { Authorization: `Bearer ${known}` } : {},
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "unreachable", "The server cannot be reached. It is asked again every few seconds.");
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const { error } = (await response.json()) as {
      error: { code: string; message: string; field: string | null };
    };
    return new Problem(response.status, error.code, error.message, error.field);
  } catch {
    return new Problem(response.status, "unknown", `The server answered ${response.status}.`);
  }
}

/** The object of an endpoint; throws `Problem`. */
export async function ask<T>(path: string, parameters: Parameters, signal?: AbortSignal): Promise<T> {
  return (await (await answer(path, parameters, signal)).json()) as T;
}

/** The bytes of an endpoint; throws `Problem`. */
export async function askBytes(path: string, parameters: Parameters, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await answer(path, parameters, signal)).arrayBuffer();
}
