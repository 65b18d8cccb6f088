/**
 * A file whose content is read again when it changes: in place, by another file under its name, or behind a symbolic link.
 *
 * Guarantees: content that cannot be used, is not there, or is just being written never replaces content that could be
 * used. A change is taken when two looks in a row have found the same, because half of a file may read as a whole one. It
 * does not rely on notifications, which do not come for every file system.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Log } from "../../kernel/log.ts";
import type { Clock } from "../../kernel/ports.ts";

/** Content of the file that could be used. */
export interface Content<T> {
  readonly value: T;
  /** Epoch milliseconds: since when it is known to be what the file has. When the process began to read it: when the file was written. */
  readonly asOf: number;
}

export interface FollowedFile<T> {
  /** The last content that could be used; undefined while there was none. */
  current(): Content<T> | undefined;
  /** Looks at the file. Does not reject. */
  look(): Promise<void>;
}

export interface FollowOptions<T> {
  /** Begins the events in the log: `<name>.read`, `<name>.read-failed`. */
  readonly name: string;
  readonly path: string;
  /** Throws an error whose text may be logged. */
  readonly parse: (text: string) => T;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  /** Called for every look at a file that cannot be used. */
  readonly onFailure: () => void;
  /** Rejects with the error when the first look finds nothing that can be used. */
  readonly isRequired: boolean;
}

interface Reading {
  /** Differs when the file does. */
  readonly mark: string;
  readonly text?: string;
  readonly writtenAt?: number;
}

const maxBytes = 16 * 1_048_576;

/** Follows a file; has looked once when it resolves. */
export async function followFile<T>(options: FollowOptions<T>): Promise<FollowedFile<T>> {
  const { name, path, parse, clock, log, onFailure, isRequired } = options;
  let content: Content<T> | undefined;
  /** Of the reading that was last taken, for good or bad. */
  let taken: string | undefined;
  /** Of a reading that was seen once. */
  let seen: string | undefined;
  let isFailing = false;

  function take({ mark, text, writtenAt = 0 }: Reading): void {
    const isFirst = taken === undefined;
    taken = mark;
    try {
      if (text === undefined) throw new Error(`the file ${path} cannot be read (${mark})`);
      content = { value: parse(text), asOf: isFirst ? writtenAt : clock.now() };
      isFailing = false;
      if (!isFirst) log("info", `${name}.read`, { path });
    } catch (error) {
      if (isFirst && isRequired) throw error;
      isFailing = true;
      log("error", `${name}.read-failed`, { path, error, in_force: content === undefined ? "nothing" : "what it had before" });
    }
  }

  async function look(): Promise<void> {
    const reading = await read(path);
    if (reading.mark !== taken) {
      if (taken === undefined || reading.mark === seen) take(reading);
      seen = reading.mark;
    }
    if (isFailing) onFailure();
  }

  await look();
  return { current: () => content, look };
}

async function read(path: string): Promise<Reading> {
  try {
    // Without it, opening a pipe waits for whoever writes to it.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) return { mark: "it is not a file" };
    if (stat.size > maxBytes) return { mark: `it has more than ${maxBytes} bytes` };
    const text = await file.readFile("utf8");
    return { mark: `${stat.mtimeMs} ${text}`, text, writtenAt: stat.mtimeMs };
  } catch (error) {
    return { mark: error instanceof Error && "code" in error ? String(error.code) : String(error) };
  }
}
