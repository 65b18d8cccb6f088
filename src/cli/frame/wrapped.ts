/** Text for a terminal of limited width; pure. */

/** Lines of at most `width` characters, broken between words. A word that is longer has a line of its own. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** What stands beside a heading of `indent` characters: its further lines begin below its first. Not broken without `columns`. */
export function beside(text: string, indent: number, columns?: number): string {
  return columns === undefined ? text : wrapped(text, columns - indent).join(`\n${" ".repeat(indent)}`);
}
