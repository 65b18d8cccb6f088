/** `npm run asyncapi`: prints the AsyncAPI document of the events, as the MUSTER_EVENTS_* variables of the environment have them. */
import { readFileSync } from "node:fs";
import { parseConfig } from "./config.ts";
import { asyncApi } from "./delivery/asyncapi.ts";
import type { Settings } from "./settings.ts";

const settings = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)) satisfies Settings;
const { eventWire } = parseConfig(settings, (path) => readFileSync(path, "utf8"));
process.stdout.write(`${JSON.stringify(asyncApi(eventWire), null, 2)}\n`);
