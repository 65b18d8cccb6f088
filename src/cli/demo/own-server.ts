import { createApp } from "../../app.ts";
import { parseConfig } from "../../config/config.ts";

/** A server with everything embedded and its state in `folder`, on a free port of this machine. */
export async function startOwnServer(folder: string): Promise<{ readonly address: string } & AsyncDisposable> {
  const settings = { MUSTER_LISTEN: "127.0.0.1:0", MUSTER_STORE: `sqlite:${folder}/muster.db`, MUSTER_SELF_REGISTER: "off" };
  const app = await createApp(
    parseConfig(settings, () => ""),
    { log: () => undefined },
  );
  return { address: `127.0.0.1:${app.address.port}`, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}
