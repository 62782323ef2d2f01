/** Small parts that panels share. */

import type { ComponentChildren } from "preact";

import type { Problem } from "../data/api";
import type { Band } from "../data/api_types";
import type { Resource } from "../data/resource";
import { usd } from "../format";

/** What a problem means for a person. */
function sentence(problem: Problem): string {
  if (problem.status === 429) return "Asked too often; trying again in a moment.";
  if (problem.status === 503) return "The server is busy; trying again in a moment.";
  return problem.message;
}

/** What of a resource is shown: the answer, or why there is none. What stays from before is said to be old. */
export function Loaded<T>({ of, children }: { of: Resource<T>; children: (value: T) => ComponentChildren }) {
  const value = of.value.value;
  const problem = of.problem.value;
  return (
    <>
      {problem && (
        <p class="problem" role="status">
          {sentence(problem)}
          {value !== null && " What is shown was answered before."}
        </p>
      )}
      {value !== null ? children(value) : !problem && <p class="waiting">Asking the server…</p>}
    </>
  );
}

/** "90 %: $1.2M – $3.4M", or nothing where there is no band. */
export function BandText({ band }: { band: Band | null | undefined }) {
  if (!band) return null;
  return (
    <span class="band" title="90 % band">
      {usd(band.low_90)} – {usd(band.high_90)}
    </span>
  );
}

/** The side whose positions are force-closed, told by a word, a shape and a colour. */
export function Side({ side }: { side: "long" | "short" }) {
  return <span class={`side ${side}`}>{side === "long" ? "▼ long" : "▲ short"}</span>;
}

/** A row of a table that does something when it is clicked, or when Enter is pressed on it. */
export function PickRow({ pick, title, children }: { pick: () => void; title?: string | undefined; children: ComponentChildren }) {
  return (
    <tr
      class="clickable"
      tabIndex={0}
      title={title}
      onClick={pick}
      onKeyDown={(event) => event.key === "Enter" && pick()}
    >
      {children}
    </tr>
  );
}

/** Choices of which one holds. */
export function Choice<T extends string>({
  label,
  options,
  value,
  choose,
}: {
  label: string;
  options: readonly (readonly [T, string, string?])[];
  value: T;
  choose: (value: T) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([name, text, title]) => (
        <button key={name} type="button" title={title} aria-pressed={name === value} onClick={() => choose(name)}>
          {text}
        </button>
      ))}
    </div>
  );
}
