/** To be preloaded into a process (`node --import`): it tells each file that it loads, one line each on stderr. */
import { registerHooks } from "node:module";

registerHooks({
  load(url, context, next) {
    process.stderr.write(`loaded ${url}\n`);
    return next(url, context);
  },
});
