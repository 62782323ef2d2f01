import { signal } from "@preact/signals";
import type { Bin } from "./api_types";
export const otherBins = signal<readonly Bin[] | null>(null);
