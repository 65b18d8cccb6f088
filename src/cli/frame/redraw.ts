import type { Terminal } from "./terminal.ts";

/** Replaces the screen's content with a text; lines that do not fit are counted on the last one. */
export function redraw(terminal: Terminal, text: string): void {
  const { rows } = terminal.size();
  const lines = text.trimEnd().split("\n");
  const fitting = lines.length < rows ? lines : [...lines.slice(0, rows - 2), `… and ${lines.length - rows + 2} more lines`];
  terminal.out(`\u001b[H\u001b[2J\u001b[3J${fitting.join("\n")}\n`);
}
