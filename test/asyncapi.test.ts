/** The AsyncAPI document: valid, up to date, and true of what is encoded. */
import specs from "@asyncapi/specs";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../src/config/config.ts";
import { asyncApi } from "../src/delivery/asyncapi.ts";
import { maxRecordBytes, sizeOf } from "../src/adapters/cloud-event.ts";
import { contentTypes } from "../src/delivery/event-wire.ts";
import { createEventCodec } from "../src/delivery/event-codec.ts";
import { eventFormats, type EventWire } from "../src/delivery/event-wire.ts";
import { events } from "../src/events.ts";
import { sampleNews } from "./support/sample-news.ts";
import { sampleEvents } from "./support/sample-events.ts";
import { read } from "./support/source-tree.ts";

type Json = Readonly<Record<string, unknown>>;

const { eventWire: standard } = parseConfig({}, read);
const spread = { ...standard.topics, ServiceRegistered: "a", ModuleRegistered: "b.c", ServiceUnregistered: "a", ModuleUnregistered: "d_e" };
const wires: readonly EventWire[] = eventFormats.flatMap((format) => [
  { ...standard, format },
  { format, topics: spread },
]);

test("there is a sample of every type", () => {
  const types = [...Object.values(sampleEvents), ...sampleNews].map(({ type }) => type);
  expect(types.toSorted()).toEqual(events.map(({ type }) => type).toSorted());
});

test("docs/asyncapi.json is what `npm run gen` makes", () => {
  expect(read("docs/asyncapi.json")).toBe(`${JSON.stringify(asyncApi(events, standard), null, 2)}\n`);
});

describe.each(wires)("of $format on $topics.ModuleRegistered", (wire) => {
  const document = JSON.parse(JSON.stringify(asyncApi(events, wire))) as Json;

  test("is valid by AsyncAPI's own schema", () => {
    // It brings its own copy of the schema of JSON Schema.
    const ajv = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false });
    const validate = ajv.compile(specs.schemas["3.0.0"] as Json);
    expect(validate(document) ? [] : validate.errors).toEqual([]);
    expect(validate({ ...document, channels: { a: { address: 1 } } })).toBe(false);
  });

  test("every reference leads somewhere", () => {
    const targets = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = ""]) => path);
    const dead = targets.filter((path) => path.split("/").reduce<unknown>((at, name) => (at as Json | undefined)?.[name], document) === undefined);
    expect(targets.length).toBeGreaterThan(16);
    expect(dead).toEqual([]);
  });

  test.each([...Object.values(sampleEvents), ...sampleNews])("$type goes where it says, as what it says", (payload) => {
    const { type } = payload;
    const record = createEventCodec(events, wire).encode({ id: "1", key: "s", subject: { kind: "instance", id: "s" }, payload, at: 1, traceparent: undefined });
    expect(document).toMatchObject({
      channels: { [record.topic]: { address: record.topic, messages: { [type]: {} } } },
      components: { messages: { [type]: { name: record.type, contentType: contentTypes[wire.format] } } },
    });
    // The frame, and its content type, are the sink's.
    if (wire.format === "confluent") return;
    expect(record.contentType).toBe(contentTypes[wire.format]);
    if (wire.format !== "json") return;
    const { messages } = document["components"] as { readonly messages: Readonly<Record<string, { readonly payload: Json }>> };
    const schema = messages[type]?.payload ?? {};
    const validate = new Ajv({ validateFormats: false }).compile(schema);
    const value = JSON.parse(Buffer.from(record.data).toString()) as Json;
    expect(validate(value) ? [] : validate.errors).toEqual([]);
    expect(Object.keys(schema["properties"] ?? {})).toEqual(Object.keys(value));
  });
});

test("who can decide is told in a record that brokers take, however many they are: a thousand, and how many more", () => {
  const candidates = Array.from({ length: 20_000 }, (_, n) => ({ key: `${"k".repeat(240)}${n}`, name: "", standsInFor: [] }));
  const sample = sampleNews.find(({ type }) => type === "ApprovalApproversResolved");
  const payload = {
    ...sample,
    event: { ...((sample as Json)["event"] as Json), candidates: { r: candidates, q: candidates.slice(1) } },
  } as unknown as NonNullable<typeof sample>;
  const row = { id: "1", key: "s", subject: { kind: "approval", id: "s" }, payload, at: 1, traceparent: undefined };
  const records = eventFormats.map((format) => createEventCodec(events, { ...standard, format }).encode(row));
  for (const record of records) expect(sizeOf(record)).toBeLessThan(maxRecordBytes);
  const value = JSON.parse(Buffer.from(records[eventFormats.indexOf("json")]?.data ?? []).toString()) as Json;
  expect(value).toMatchObject({ candidates: candidates.slice(0, 1_000).map(({ key }) => key), more: 19_000 });
});
