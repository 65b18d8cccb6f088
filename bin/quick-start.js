// How programs of this project load quickly; also for "node --import", by which tests start programs of their own.
import { chmodSync, mkdirSync } from "node:fs";
import { enableCompileCache, flushCompileCache, registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

// What Node makes of the sources is kept for the next start, which then takes about half the time. It belongs to whoever
// may write this installation; where nobody may, or NODE_COMPILE_CACHE says otherwise, nothing is kept here.
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

/** To be called when the program is loaded. */
export function ready() {
  hooks.deregister();
}
// The cache is written when the process ends, and before: it may be killed.
setTimeout(flushCompileCache, 2_000).unref();
