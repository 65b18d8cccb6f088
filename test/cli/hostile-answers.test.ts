/**
 * A server every text of which would steer a terminal: no command writes one there as it is, by any of its examples, in any form of
 * its answers, also not from an error.
 */
import { once } from "node:events";
import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, ScalarType, type DescEnum, type DescField, type DescMessage, type DescService, type Message } from "@bufbuild/protobuf";
import { timestampNow, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ApprovalService } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { InboundService } from "../../gen/muster/approval/v1/inbound_service_pb.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { WebhookService } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { AuditService } from "../../gen/muster/audit/v1/audit_service_pb.ts";
import { EventService } from "../../gen/muster/event/v1/event_service_pb.ts";
import { NameService } from "../../gen/muster/registration/v1/name_service_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { commands } from "../../src/cli/commands.ts";
import { Interrupted, type Terminal } from "../../src/cli/frame/terminal.ts";
import { run } from "../../src/cli/run.ts";
import { escaped } from "../../src/kernel/log.ts";

const ofMuster = [PlatformRegistrationService, RegistrationService, NameService, AuditService, EventService];
const services: readonly DescService[] = [...ofMuster, ApprovalService, PolicyService, WebhookService, InboundService];
const evil = "\u001b[31mX\u009b2J\u202e\u200b\u0007\r";
/** With what texts in JSON may have as it is. */
const evilJson = '{"a\u202e": "\u009b2J\u200b"}';

/** A message whose every field is set, lists and maps with one item; of choices, and of names, those of this number. */
function filled(desc: DescMessage, number: number, depth = 0): Message {
  if (desc.typeName === TimestampSchema.typeName) return timestampNow();
  const message = create(desc) as Message & Record<string, unknown>;
  const one = (field: DescField): unknown => {
    const { scalar, enum: names, message: inner } = field;
    if (inner) return filled(inner, number, depth + 1);
    return names ? nameOf(names, number) : valueOf(scalar, field.name);
  };
  const whole = (field: DescField): unknown => {
    if (field.fieldKind === "map") return { [evil]: one(field) };
    return field.fieldKind === "list" ? [one(field)] : one(field);
  };
  if (depth > 5) return message;
  for (const member of desc.members) {
    if (member.kind === "field") message[member.localName] = whole(member);
    else {
      const chosen = member.fields[number % member.fields.length];
      message[member.localName] = chosen && { case: chosen.localName, value: whole(chosen) };
    }
  }
  return message;
}

function nameOf({ values }: DescEnum, number: number): number {
  return values[Math.min(values.length - 1, 1 + (number % Math.max(1, values.length - 1)))]?.number ?? 0;
}

function valueOf(scalar: ScalarType | undefined, field: string): unknown {
  switch (scalar) {
    case ScalarType.STRING:
      // Pages without end are another matter.
      return field.endsWith("page_token") ? "" : field.endsWith("json") || field === "document" ? evilJson : evil;
    case ScalarType.BYTES:
      return Buffer.from(evil);
    case ScalarType.BOOL:
      return true;
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return 1n;
    default:
      return 1;
  }
}

interface HostileServer extends Disposable {
  readonly address: string;
  /** Calls so far. */
  readonly asked: number;
}

/** Each answer has the next number; a stream has an answer of each. */
async function startHostileServer(refuses: boolean): Promise<HostileServer> {
  let asked = 0;
  const handlers = ({ methods }: DescService) =>
    Object.fromEntries(
      methods.map(({ localName, methodKind, output }) => {
        const answer = () => {
          asked += 1;
          if (refuses) throw new ConnectError(evil, Code.FailedPrecondition);
          return filled(output, asked);
        };
        const answers = async function* () {
          answer();
          for (let number = 0; number < 24; number++) yield filled(output, number);
        };
        return [localName, methodKind === "server_streaming" ? answers : answer];
      }),
    );
  const server = createServer(
    connectNodeAdapter({
      routes: (router) => services.forEach((service) => router.service(service, handlers(service) as unknown as Partial<ServiceImpl<DescService>>)),
    }),
  );
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    get asked() {
      return asked;
    },
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

/** What it writes, until it has ended, or has asked for a stream again that was over. */
async function written(argv: readonly string[], isInteractive: boolean, server: HostileServer): Promise<string> {
  const ended = new AbortController();
  const before = server.asked;
  let text = "";
  const write = (more: string): void => void (text += more);
  const terminal: Terminal = {
    settings: {},
    version: "0",
    nodeVersion: "24",
    program: "muster",
    out: write,
    err: write,
    flush: async () => undefined,
    isInteractive,
    colour: { out: false, err: false },
    size: () => ({ columns: 300, rows: 50 }),
    clock: {
      ...systemClock,
      async sleep(_ms, signal) {
        await new Promise(setImmediate);
        signal?.throwIfAborted();
        if (server.asked - before > 5) ended.abort(new Interrupted("signal"));
      },
    },
    get signal() {
      return ended.signal;
    },
    readFile: () => "{}",
  };
  await run(argv, terminal);
  return text;
}

/** Words of the examples of all that calls a server, but for the tour, as the program gets them from a shell. */
const examples = commands.flatMap(({ name, options, examples: all }) =>
  name !== "demo" && options.some((option) => option.name === "address") ? all.map((example) => ({ name, words: wordsOf(example.run) })) : [],
);

function wordsOf(example: string): readonly string[] {
  const [command = ""] = /muster [^|<>]*/.exec(example) ?? [];
  return [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? "").slice(1);
}

const forms = [
  { args: ["-o", "table"], isInteractive: true },
  { args: ["-o", "json"], isInteractive: true },
  { args: ["-o", "table"], isInteractive: false },
  { args: ["-o", "yaml"], isInteractive: true },
];
/** What is a document of somebody else's goes into a pipe as it is. */
const documents = /^(schema get|policy show)$/;

test.each(["answers", "refuses"])("a server that %s", { timeout: 120_000 }, async (how) => {
  using server = await startHostileServer(how === "refuses");
  const seen: string[] = [];
  let escapes = 0;
  for (const { name, words } of examples) {
    const others = words.filter((word, i) => word !== "-o" && words[i - 1] !== "-o");
    for (const { args, isInteractive } of how === "refuses" ? forms.slice(0, 2) : forms) {
      if (!isInteractive && documents.test(name)) continue;
      const text = await written([...others, ...args, "--address", server.address], isInteractive, server);
      if (/\\u|\\e/.test(text)) escapes += 1;
      escaped(text.replaceAll("\u001b[H\u001b[2J\u001b[3J", "").replaceAll("\r\u001b[2K", ""), (code) => {
        if (code !== 0x0a) seen.push(`${others.join(" ")} ${args.join(" ")}: U+${code.toString(16)}`);
        return "";
      });
    }
  }
  expect([...new Set(seen)]).toEqual([]);
  // It has been shown them, by nearly every command.
  expect(escapes).toBeGreaterThan(examples.length * (how === "refuses" ? 1.5 : 3));
});
