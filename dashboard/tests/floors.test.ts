import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const SOURCES = join(import.meta.dirname, "..", "src");

/** Files of a folder, and of those below it. */
function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

/** What may not be imported from where: an import goes down, from the page to panels and chart, and from both to data. */
const UP: Record<string, RegExp> = {
  data: /from "\.\.\/(chart|panels|app|top_bar|colour_bar|dialogs|keyboard|sharing|probe|main)/,
  chart: /from "\.\.\/(panels|app|top_bar|colour_bar|dialogs|keyboard|sharing|probe|main)/,
  panels: /from "\.\.\/(app|top_bar|colour_bar|dialogs|keyboard|sharing|probe|main)/,
};

describe("floors", () => {
  it.each(Object.keys(UP))("nothing in %s imports upwards", (room) => {
    const found = files(join(SOURCES, room));
    expect(found.length).toBeGreaterThan(1);
    for (const file of found) expect(readFileSync(file, "utf8"), file).not.toMatch(UP[room]!);
  });

  it("what is tested as pure knows no signal, page or network", () => {
    for (const name of ["heatmap_data", "colours", "time_axis", "standing_levels", "envelope", "reweighing"]) {
      const text = readFileSync(join(SOURCES, "data", `${name}.ts`), "utf8");
      expect(text, name).not.toMatch(/@preact\/signals|document\.|window\.|fetch\(/);
    }
  });

  it("files stay small", () => {
    for (const file of files(SOURCES).filter((name) => /\.tsx?$/.test(name))) {
      expect(readFileSync(file, "utf8").split("\n").length, file).toBeLessThan(400);
    }
  });
});
