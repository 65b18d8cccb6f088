import type { SchemaDocument, SchemaRegistry } from "../../src/registration/ports.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

export interface OpenRegistry extends AsyncDisposable {
  /** Nobody else writes to what it shows. */
  readonly registry: SchemaRegistry;
  /**
   * Makes a version as somebody else would, past Muster. Absent where nobody else can write: the embedded registry is a part
   * of our own store.
   */
  readonly putForeign?: (document: SchemaDocument) => Promise<void>;
  /** Disables a version as somebody else would. Absent like `putForeign`. */
  readonly disableForeign?: (artifactId: string, version: string) => Promise<void>;
}

export interface RegistryUnderTest {
  open(): Promise<OpenRegistry>;
  /**
   * Registries that do not work, by what is wrong with them. Absent where the registry cannot fail apart from the store, whose
   * own contract has it.
   */
  readonly broken?: Readonly<Record<string, () => Promise<AsyncDisposable & { readonly registry: SchemaRegistry }>>>;
}

const first = '{ "type": "object",\n  "title": "first" }';
const second = '{ "type": "object",\n  "title": "second" }';

/** `SchemaRegistry` as its port describes it. */
export function schemaRegistryContract(name: string, { open, broken = {} }: RegistryUnderTest): void {
  const never = new AbortController().signal;

  describe(`schema registry: ${name}`, () => {
    let opened: OpenRegistry;
    let registry: SchemaRegistry;
    beforeEach(async () => {
      opened = await open();
      registry = opened.registry;
    });
    afterEach(() => opened[Symbol.asyncDispose]());

    const put = (content: string, version = "1.0.0", attemptId = "attempt-1", artifactId = "parser-config") =>
      registry.put({ artifactId, version, kind: "JSON", content }, attemptId, never);
    const get = (version = "1.0.0") => registry.get("parser-config", version, never);
    const versions = () => registry.versions("parser-config", never);
    const disable = (version = "1.0.0") => registry.disable("parser-config", version, never);
    const conflict = { kind: "wrong_state", reason: "SCHEMA_VERSION_CONFLICT" };

    test("what was never put is not there", async () => {
      expect(await get()).toBeUndefined();
      expect(await versions()).toEqual([]);
      expect(await disable()).toBe(false);
    });

    test("a new version is served", async () => {
      expect(await put(first)).toEqual({ created: true });
      expect(await get()).toBe(first);
      expect(await versions()).toEqual(["1.0.0"]);
      expect(await get("1.0.1")).toBeUndefined();
    });

    test("putting the same again changes nothing", async () => {
      await put(first);
      expect(await put(first)).toEqual({ created: false });
      expect(await put(first, "1.0.0", "attempt-2")).toEqual({ created: false });
      expect(await versions()).toEqual(["1.0.0"]);
    });

    test("the same content under a second version gives that second version", async () => {
      await put(first);
      expect(await put(first, "1.0.1", "attempt-2")).toEqual({ created: true });
      expect(await versions()).toEqual(["1.0.0", "1.0.1"]);
      expect(await get("1.0.1")).toBe(first);
      await disable("1.0.1");
      expect(await versions()).toEqual(["1.0.0"]);
    });

    test("another content under the same version is a conflict, and the old one stays", async () => {
      await put(first);
      await put(second, "1.0.1");
      await expect(put(second, "1.0.0", "attempt-2")).rejects.toMatchObject(conflict);
      expect(await get()).toBe(first);
      await disable();
      await expect(put(second, "1.0.0", "attempt-2")).rejects.toMatchObject(conflict);
      expect(await get()).toBeUndefined();
    });

    test("a difference in white space is another content", async () => {
      await put('{"a":1}');
      await expect(put('{"a": 1}')).rejects.toMatchObject(conflict);
    });

    test("a disabled version is out of sight until it is put again", async () => {
      await put(first);
      await put(second, "1.1.0");
      expect(await disable()).toBe(true);
      expect(await disable()).toBe(true);
      expect(await get()).toBeUndefined();
      expect(await versions()).toEqual(["1.1.0"]);
      expect(await put(first, "1.0.0", "attempt-2")).toEqual({ created: true });
      expect(await get()).toBe(first);
      expect(await versions()).toEqual(["1.0.0", "1.1.0"]);
      expect(await disable()).toBe(true);
      expect(await get()).toBeUndefined();
    });

    test("versions come in the order they were made, not by name", async () => {
      const names = ["2.0.0", "10.0.0", "1.0.0", "1.0.0-rc.1+build.7", "a_b", "0"];
      for (const version of names) await put(first, version);
      expect(await versions()).toEqual(names);
    });

    test("eight equal puts at once make one version", async () => {
      const results = await Promise.all(Array.from({ length: 8 }, (_, n) => put(first, "1.0.0", `attempt-${n}`)));
      expect(results.filter(({ created }) => created)).toHaveLength(1);
      expect(await versions()).toEqual(["1.0.0"]);
      expect(await get()).toBe(first);
    });

    test("four versions at once are four versions", async () => {
      const names = ["1", "2", "3", "4"];
      const results = await Promise.all(names.map((version) => put(`{"v":${version}}`, version)));
      expect(results).toEqual(names.map(() => ({ created: true })));
      expect([...(await versions())].sort()).toEqual(names);
      expect(await Promise.all(names.map(get))).toEqual(names.map((version) => `{"v":${version}}`));
    });

    test("of two contents at once for one version one wins and the other is refused", async () => {
      const results = await Promise.allSettled([put(first), put(second)]);
      expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: conflict });
      expect(await get()).toBe(results[0].status === "fulfilled" ? first : second);
    });

    test.each([
      ["white space, order of keys, keys said twice", '\n\t{ "b":1,\r\n  "a" : 2 , "a":3}  \n'],
      ["numbers as written", '{"x":1.0,"y":1e2,"z":12345678901234567890}'],
      ["characters of every length and escapes", '{"é":"ß→😀\u{1F469}\u200D\u{1F4BB}","e":"\\u00e9\\n\\\\"}'],
      ["a byte order mark", "\uFEFF{}"],
      ["256 KiB", JSON.stringify({ description: "ü".repeat(128 * 1024 - 12) })],
    ])("content is kept byte for byte: %s", async (_, content) => {
      await put(content);
      expect(await get()).toBe(content);
      expect(await put(content)).toEqual({ created: false });
    });

    test("OpenAPI documents are kept as they are, JSON or YAML", async () => {
      const yaml = "openapi: 3.1.0\ninfo: { title: Parser, version: '1' }\npaths: {}\n";
      const json = '{"openapi":"3.1.0","info":{"title":"Parser","version":"1"},"paths":{}}';
      for (const [version, content] of [
        ["1-yaml", yaml],
        ["1-json", json],
      ] as const) {
        const document = { artifactId: "parser-http-config", version, kind: "OPENAPI", content } as const;
        expect(await registry.put(document, "attempt-1", never)).toEqual({ created: true });
        expect(await registry.get("parser-http-config", version, never)).toBe(content);
      }
    });

    test.each(["a", "Dots.and-dashes_and.9-config", `${"n".repeat(121)}-config`])("artifact id %s", async (artifactId) => {
      await put(first, "1.0.0+a-b", "attempt-1", artifactId);
      await put(second, `9${"-".repeat(254)}9`, "attempt-1", artifactId);
      expect(await registry.get(artifactId, "1.0.0+a-b", never)).toBe(first);
      expect(await registry.get(artifactId, "1.0.0 a-b", never)).toBeUndefined();
      expect(await registry.versions(artifactId, never)).toEqual(["1.0.0+a-b", `9${"-".repeat(254)}9`]);
      expect(await registry.disable(artifactId, "1.0.0+a-b", never)).toBe(true);
      expect(await registry.versions(artifactId, never)).toEqual([`9${"-".repeat(254)}9`]);
    });

    test("artifacts are apart", async () => {
      await put(first, "1.0.0", "attempt-1", "one-config");
      await put(second, "1.0.0", "attempt-1", "two-config");
      await registry.disable("one-config", "1.0.0", never);
      expect(await registry.get("two-config", "1.0.0", never)).toBe(second);
      expect(await registry.versions("one-config", never)).toEqual([]);
    });

    test.each([
      ["a version name with a space", "parser-config", "1 0", first],
      ["a version name of dots only", "parser-config", "..", first],
      ["an artifact id with a percent sign", "parser%config", "1.0.0", first],
      ["no content", "parser-config", "1.0.0", ""],
    ])("refused for good: %s", async (_, artifactId, version, content) => {
      const refusal = { kind: "wrong_state", reason: "DEPENDENCY_REFUSED", metadata: { dependency: "schema registry" } };
      await expect(put(content, version, "attempt-1", artifactId)).rejects.toMatchObject(refusal);
    });

    test("an aborted signal ends every call with its own reason", async () => {
      await put(first);
      const reason = new Error("stopped");
      const signal = AbortSignal.abort(reason);
      const document = { artifactId: "parser-config", version: "2", kind: "JSON", content: first } as const;
      await expect(registry.put(document, "attempt-1", signal)).rejects.toBe(reason);
      await expect(registry.get("parser-config", "1.0.0", signal)).rejects.toBe(reason);
      await expect(registry.versions("parser-config", signal)).rejects.toBe(reason);
      await expect(registry.disable("parser-config", "1.0.0", signal)).rejects.toBe(reason);
      expect(await versions()).toEqual(["1.0.0"]);
    });

    test("answers a ping", async () => {
      await registry.ping(never);
    });

    test("a version that somebody else made is not disabled", async (context) => {
      if (!opened.putForeign) return context.skip("nobody else can write to it");
      await opened.putForeign({ artifactId: "parser-config", version: "1.0.0", kind: "JSON", content: first });
      expect(await disable()).toBe(false);
      expect(await get()).toBe(first);
      expect(await put(first)).toEqual({ created: false });
      await expect(put(second)).rejects.toMatchObject(conflict);
      expect(await disable()).toBe(false);
      expect(await put(second, "1.0.1")).toEqual({ created: true });
      expect(await versions()).toEqual(["1.0.0", "1.0.1"]);
    });

    test("a version that somebody else disabled is enabled by a put, and can then be disabled again", async (context) => {
      if (!opened.putForeign || !opened.disableForeign) return context.skip("nobody else can write to it");
      await opened.putForeign({ artifactId: "parser-config", version: "1.0.0", kind: "JSON", content: first });
      await opened.disableForeign("parser-config", "1.0.0");
      expect(await get()).toBeUndefined();
      expect(await put(first)).toEqual({ created: true });
      expect(await get()).toBe(first);
      expect(await disable()).toBe(true);
      expect(await get()).toBeUndefined();
    });
  });

  describe.each(Object.entries(broken))(`schema registry: ${name}, %s`, (_, openBroken) => {
    test("every call says that it is unavailable", { timeout: 60_000 }, async () => {
      await using opened = await openBroken();
      const { registry } = opened;
      const document = { artifactId: "parser-config", version: "1.0.0", kind: "JSON", content: first } as const;
      const calls = [
        registry.put(document, "attempt-1", never),
        registry.get("parser-config", "1.0.0", never),
        registry.versions("parser-config", never),
        registry.disable("parser-config", "1.0.0", never),
        registry.ping(never),
      ];
      const outcomes = await Promise.allSettled(calls);
      const reason = { kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE", metadata: { dependency: "schema registry" } };
      for (const outcome of outcomes) expect(outcome).toMatchObject({ status: "rejected", reason });
    });

    test("a call that is aborted meanwhile ends at once", async () => {
      await using opened = await openBroken();
      const controller = new AbortController();
      const reason = new Error("stopped");
      const call = opened.registry.versions("parser-config", controller.signal);
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
    });
  });
}
