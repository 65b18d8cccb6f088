/** `MUSTER_*` variables as they are given: which are known, which come from files, what is wrong with them. */
import { printable } from "../kernel/log.ts";
import { isPemText, maskedPath } from "../kernel/mask.ts";
import { nearest } from "../kernel/nearest.ts";

/** Variables by name; a value is never undefined. */
export type Settings = Readonly<Record<string, string>>;

export interface VariableRow {
  readonly fallback: string;
  /** It may be given as `<NAME>_FILE`, the path of a file that contains it, and is never shown. */
  readonly secret: boolean;
}

type Rows = Readonly<Record<string, VariableRow>>;

export interface ReadOptions<Wanted extends Rows> {
  /** Every variable that may be set; another one that begins with MUSTER_ is a problem. */
  readonly known: Rows;
  /** The ones that are read: files of others are not opened. */
  readonly wanted: Wanted;
  readonly readFile: (path: string) => string;
}

/** Where a value comes from. */
export type Origin = "default" | "environment" | { readonly file: string };

export interface SettingsRead<Wanted extends Rows> {
  /** The value or its default; a variable with an empty value counts as not set. */
  value(name: keyof Wanted & string): string;
  origin(name: keyof Wanted & string): Origin;
  /** One line per problem, without any secret. */
  readonly problems: readonly string[];
}

/** Reads the given variables and reports all problems. */
export function readSettings<Wanted extends Rows>(settings: Settings, { known, wanted, readFile }: ReadOptions<Wanted>): SettingsRead<Wanted> {
  const problems: string[] = [];
  const values = new Map<string, { readonly value: string; readonly origin: Origin }>();
  for (const [name, value] of Object.entries(settings)) {
    if (!name.startsWith("MUSTER_")) continue;
    const plain = name.replace(/_FILE$/, "");
    const isFile = name !== plain && Object.hasOwn(known, plain) && known[plain]?.secret === true;
    if (!Object.hasOwn(known, name) && !isFile) {
      const near = nearest(name, Object.keys(known));
      problems.push(`${printable(name)} is not known${near ? `; did you mean ${near}?` : ""}`);
      continue;
    }
    if (!Object.hasOwn(wanted, isFile ? plain : name)) continue;
    if (value === "") continue;
    if (!isFile) {
      if (isPemText(value)) problems.push(`${name} has the text of a PEM file; it must be the path of one`);
      values.set(name, { value, origin: "environment" });
      continue;
    }
    if ((settings[plain] ?? "") !== "") problems.push(`${name} and ${plain} are both set`);
    const problem = (what: string): void => void problems.push(`${name}: the file ${printable(maskedPath(value))} ${what}`);
    try {
      const content = readFile(value).trim();
      // Who names a file does not mean the default.
      if (content === "") problem("is empty");
      else values.set(plain, { value: content, origin: { file: value } });
    } catch {
      problem(
        maskedPath(value) === value ? "cannot be read" : "cannot be read; its name is not shown, since it may be the secret itself: a path begins with / or ./",
      );
    }
  }
  return {
    value: (name) => values.get(name)?.value || (wanted[name]?.fallback ?? ""),
    origin: (name) => (values.get(name)?.value ? (values.get(name)?.origin ?? "default") : "default"),
    problems,
  };
}
