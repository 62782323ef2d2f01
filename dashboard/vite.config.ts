import { defineConfig } from "vitest/config";

const server = process.env.POWDERKEG_URL ?? "http://127.0.0.1:8321";

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../src/powderkeg/server/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "es2022",
    sourcemap: false,
  },
  server: {
    // A page of the development server asks a real one: as if it came from there.
    proxy: { "/v1": { target: server, changeOrigin: true, ws: true, headers: { origin: server } } },
  },
  test: { include: ["tests/**/*.test.ts"] },
});
