#!/usr/bin/env node
// Plain JavaScript that old versions of Node can read, so that they get a clear message instead of a syntax error.
const major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  process.stderr.write(`muster needs Node 24 or newer; this is ${process.version}.\nIn a checkout, "npm ci" brings one along: start with "npm start" or "npx muster".\n`);
  process.exit(1);
}
const { ready } = await import("./quick-start.js");
await import("../src/main.ts");
ready();
