import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { environment: "jsdom", include: ["*.test.js"], testTimeout: 120000 }, // a busy machine is no failure
  server: { fs: { strict: false } },
});
