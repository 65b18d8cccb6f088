/** The repository's own files, for tests that read them. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

export const root = new URL("../..", import.meta.url).pathname;

const ignored = new Set(["node_modules", ".git", ".muster", ".venv", "__pycache__", "target"]);

/** Paths, relative to the root, of all files below `directory`; what is installed, made by others or not committed is left out. */
export function filesBelow(directory: string): readonly string[] {
  return readdirSync(join(root, directory), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split("/").some((part) => ignored.has(part)) && !/^(examples\/\w[\w-]*\/gen|test\/conformance\/(gen|proto))\//.test(path))
    .toSorted();
}

export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** TypeScript without its comments; strings stay. Lines keep their numbers. */
export function withoutComments(code: string): string {
  const blank = (text: string) => text.replace(/[^\n]/g, " ");
  const tokens = /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return code.replace(tokens, (match, text: string | undefined) => text ?? blank(match));
}

export interface Import {
  /** As a path relative to the root, or the name of a package or of a Node module. */
  readonly target: string;
  readonly isOurs: boolean;
  readonly isTypeOnly: boolean;
}

/** Everything a file imports or exports from elsewhere, dynamic imports included. */
export function importsOf(path: string): readonly Import[] {
  const code = withoutComments(read(path));
  const found = [...code.matchAll(/\b(import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/g), ...code.matchAll(/\b(import)(\s)?\(\s*"([^"]+)"/g)];
  return found.map(([, , type, specifier = ""]) => {
    const isOurs = specifier.startsWith(".");
    return { target: isOurs ? join(dirname(path), specifier) : specifier, isOurs, isTypeOnly: type?.trim() === "type" };
  });
}

/** The rows of the first Markdown table below a heading, header and rule left out, as trimmed cells. */
export function tableBelow(markdown: string, heading: string): readonly (readonly string[])[] {
  const section = markdown.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0];
  if (section === undefined) throw new Error(`there is no "## ${heading}"`);
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What stands in backquotes. */
export function codeSpans(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}
