/** How a source is read: `poll` of the file of sources. */
import { type Field, durationOf, fieldsOf, reported, required, secretTextOf, textOf } from "../../documents/fields.ts";
import type { Report } from "../../documents/problems.ts";
import type { Poll, PollCursor } from "../../inbound/types.ts";
import { pointerOf } from "./pointer.ts";

const defaultEveryMs = 10_000;
const [leastEveryMs, mostEveryMs] = [1_000, 3_600_000];
const defaultHeader = "x-api-key";
/** Those of the request itself. */
const taken = ["accept", "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

export function pollOf(field: Field, report: Report): Poll | undefined {
  const fields = fieldsOf(field, ["url", "key", "header", "every", "cursor"], report);
  const urlField = fields && required(fields, "url", report);
  if (!fields || !urlField) return undefined;
  const url = urlOf(urlField, report);
  const [keyField, headerField, everyField, cursorField] = [fields.at("key"), fields.at("header"), fields.at("every"), fields.at("cursor")];
  const key = keyField && keyOf(keyField, report);
  const header = headerField ? headerOf(headerField, report) : defaultHeader;
  if (headerField && !keyField) report(headerField, "there is no key to be sent in it");
  const every = everyField ? durationOf(everyField, report) : defaultEveryMs;
  if (everyField && every !== undefined && (every < leastEveryMs || every > mostEveryMs)) report(everyField, "it is from 1s to 1h");
  const cursor = cursorField && cursorOf(cursorField, report);
  if (cursor && url?.searchParams.has(cursor.param)) report(urlField, `its query has the parameter of the cursor, ${cursor.param}`);
  if (!url || header === undefined || every === undefined) return undefined;
  return { url: url.href, headers: key === undefined ? {} : { [header]: key }, everyMs: every, cursor };
}

/** Its value is in no problem: the query may have a secret. */
function urlOf(field: Field, report: Report): URL | undefined {
  const text = textOf(field, report, 2_048);
  const url = text === undefined ? undefined : (URL.parse(text) ?? undefined);
  if (text === undefined) return undefined;
  if (!url || !/^https?:$/.test(url.protocol) || !/^[\x21-\x7e]+$/.test(text))
    return reported(report, field, "it is a URL, such as https://host/api/v1/events");
  if (url.username !== "" || url.password !== "" || url.hash !== "")
    return reported(report, field, "it has no user, no password and no fragment: give the key as key");
  const limit = url.searchParams.get("limit");
  if (limit !== null && !/^[1-9]\d{0,3}$/.test(limit)) return reported(report, field, "limit in its query is a number from 1 to 9999");
  return url.protocol === "https:" || loopback.test(url.hostname) ? url : reported(report, field, "it is https; http is for loopback alone");
}

function keyOf(field: Field, report: Report): string | undefined {
  const value = secretTextOf(field, report);
  if (value === undefined || (value.length <= 4_096 && /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value))) return value;
  return reported(report, field, "a key has 1 to 4096 printable ASCII characters");
}

function headerOf(field: Field, report: Report): string | undefined {
  const name = textOf(field, report, 64)?.toLowerCase();
  if (name === undefined || (/^[a-z0-9-]+$/.test(name) && !taken.includes(name))) return name;
  return reported(report, field, "it is the name of a header for the key, such as x-api-key or authorization");
}

function cursorOf(field: Field, report: Report): PollCursor | undefined {
  const fields = fieldsOf(field, ["param", "from"], report);
  const [paramField, fromField] = [fields && required(fields, "param", report), fields && required(fields, "from", report)];
  const param = paramField && textOf(paramField, report, 64);
  const from = fromField && pointerOf(fromField, report);
  if (paramField && param !== undefined && !/^[\w.[\]-]+$/.test(param))
    return reported(report, paramField, "it is the name of a parameter of the query, such as after");
  return param === undefined || from === undefined ? undefined : { param, from };
}
