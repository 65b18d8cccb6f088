/** Where the demo is seen: command lines are shown as a person would type them, and run. */
import type { Command } from "../frame/command.ts";
import { findCommand, parseInput } from "../frame/parse.ts";
import { styleFor } from "../frame/style.ts";
import type { Terminal } from "../frame/terminal.ts";
import { wrapped } from "../frame/wrapped.ts";

export interface Played {
  readonly code: number;
  readonly out: string;
}

export interface Stage {
  /** A heading: what comes next, and a few sentences about it. */
  scene(title: string, text: string): Promise<void>;
  say(text: string): void;
  /** The command line as a person types it. */
  typed(words: readonly string[]): string;
  /** Shows a command line, and its output as it comes. `onOut` sees the output so far. */
  play(words: readonly string[], onOut?: (out: string) => void): Promise<Played>;
  /** Runs a command line that nobody sees, also when the demo is being ended. Rejects as the command does. */
  quietly(words: readonly string[]): Promise<Played>;
}

const pauseMs = 1_500;
const width = 78;

/** `settings`: the environment of the commands; `options`: what they all are given besides. */
export function openStage(commands: readonly Command[], terminal: Terminal, settings: Terminal["settings"], options: readonly string[]): Stage {
  const style = styleFor(terminal.colour.out);
  let scenes = 0;

  async function run(words: readonly string[], given: Partial<Terminal>, onOut?: (out: string) => void): Promise<Played> {
    const { command, argv } = findCommand(commands, [...words, ...options]);
    if (command.load === "serve") throw new Error("serve is the process itself");
    let out = "";
    const write = (text: string): void => {
      out += text;
      (given.out ?? terminal.out)(text);
      onOut?.(out);
    };
    const carryOut = await command.load();
    const code = await carryOut(parseInput(command, argv), { ...terminal, settings, ...given, out: write });
    return { code, out };
  }

  return {
    async scene(title, text) {
      scenes += 1;
      terminal.out(`\n${style.bold(`${scenes}. ${title}`)}\n${wrapped(text, width).join("\n")}\n\n`);
      // Time to read, for those who watch.
      if (terminal.isInteractive) await terminal.clock.sleep(pauseMs, terminal.signal);
      terminal.signal.throwIfAborted();
    },
    say: (text) => terminal.out(`${text}\n`),
    typed,
    play(words, onOut) {
      terminal.out(`$ ${typed(words)}\n`);
      return run(words, {}, onOut);
    },
    quietly: (words) => run(words, { out: () => undefined, err: () => undefined, isInteractive: false, signal: new AbortController().signal }),
  };

  function typed(words: readonly string[]): string {
    const all = [...words, ...options].map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`));
    return `${terminal.program} ${all.join(" ")}`;
  }
}
