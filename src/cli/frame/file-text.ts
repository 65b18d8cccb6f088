/** Files that a command line names. */
import { UsageError } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/** The text of a file, `-` being stdin; `option` is what names it on the command line. */
export function fileText(option: string, path: string, { readFile }: Pick<Terminal, "readFile">): string {
  try {
    return readFile(path);
  } catch (error) {
    const isNoText = error instanceof TypeError && "code" in error && error.code === "ERR_ENCODING_INVALID_ENCODED_DATA";
    throw new UsageError([`${option}: the file ${path} ${isNoText ? "is no text in UTF-8" : "cannot be read"}`]);
  }
}
