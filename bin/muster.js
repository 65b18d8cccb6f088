#!/usr/bin/env node
// Plain JavaScript that old versions of Node can read, so that they get a clear message instead of a syntax error.
import { chmodSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  process.stderr.write(`muster needs Node 24 or newer; this is ${process.version}.\nIn a checkout, "npm ci" brings one along: start with "npm start" or "npx muster".\n`);
  process.exit(1);
}
// What Node makes of the sources is kept for the next start, which then takes about half the time. It belongs to whoever
// may write this installation; where nobody may, or NODE_COMPILE_CACHE says otherwise, nothing is kept here.
const { enableCompileCache, flushCompileCache, registerHooks } = await import("node:module");
const cache = fileURLToPath(new URL("../node_modules/.cache/muster", import.meta.url));
// It is code: nobody else may write it, whatever the umask is.
const umask = process.umask(0o077);
try {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  chmodSync(cache, 0o700);
  enableCompileCache(cache);
} catch {
  // Not ours to write: then nothing is kept.
} finally {
  process.umask(umask);
}
// What an ES module imports by a relative path is the file of that name, and an ES module itself when its name ends alike or
// in `.ts`. Node would look at each of several hundred files for symbolic links inside a package, which there are none of, and
// for a package.json above it that says what it is: together a quarter of a start.
const formatOf = (specifier, parent) =>
  specifier.endsWith(".ts") ? "module-typescript" : specifier.endsWith(".js") && parent.endsWith(".js") ? "module" : undefined;
const hooks = registerHooks({
  resolve: (specifier, context, next) =>
    specifier.startsWith(".") && context.conditions.includes("import")
      ? { url: new URL(specifier, context.parentURL).href, format: formatOf(specifier, context.parentURL), shortCircuit: true }
      : next(specifier, context),
});
await import("../src/main.ts");
hooks.deregister();
setTimeout(flushCompileCache, 1_000).unref();
