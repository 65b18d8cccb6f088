/** Which events an endpoint is sent. Pure. */
import type { Endpoint } from "./types.ts";

interface About {
  readonly type: string;
  readonly subject: { readonly type: string; readonly id: string };
}

const pattern = /^([A-Za-z0-9._-]{1,128})(?:\/([^*]{1,512}\*?|\*))?$/;

/** What is wrong with a subject of a filter, or undefined. */
export function subjectViolation(subject: string): string | undefined {
  return pattern.test(subject) ? undefined : "must be TYPE, TYPE/ID or TYPE/BEGINNING*";
}

export function fits({ types, subjects }: Pick<Endpoint, "types" | "subjects">, { type, subject }: About): boolean {
  if (types.length > 0 && !types.includes(type)) return false;
  return subjects.length === 0 || subjects.some((wanted) => isAbout(wanted, subject));
}

function isAbout(wanted: string, { type, id }: About["subject"]): boolean {
  const [, wantedType, wantedId] = pattern.exec(wanted) ?? [];
  if (wantedType !== type) return false;
  if (wantedId === undefined) return true;
  return wantedId.endsWith("*") ? id.startsWith(wantedId.slice(0, -1)) : id === wantedId;
}
