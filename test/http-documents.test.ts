/** Where a document may come from: the address that was judged, and no other. */
import { createServer } from "node:https";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createHttpDocuments } from "../src/adapters/http-documents/documents.ts";
import { createHostResolver } from "../src/adapters/system/resolve-host.ts";
import { DomainError } from "../src/kernel/errors.ts";
import { selfSigned } from "./support/certificate.ts";
import { startDocumentServer } from "./support/document-server.ts";

const place = { host: "docs.example", port: 80, tls: false, path: "/openapi" };
const soon = () => AbortSignal.timeout(60_000);

async function failureOf(work: Promise<unknown>): Promise<DomainError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof DomainError) return error;
  throw new Error("it did not fail as it should", { cause: error });
}

test("a name that resolves to a denied address by the time it is fetched is not connected to", async () => {
  await using server = await startDocumentServer({ body: "{}" });
  let lookups = 0;
  const guard = createHostResolver({ allowLoopback: false, allowedRanges: [] });
  const documents = createHttpDocuments({
    resolveHost: (_host, share, signal) => {
      lookups += 1;
      return guard(lookups === 1 ? "127.0.0.1" : "169.254.169.254", share, signal);
    },
  });
  for (let round = 1; round <= 2; round++) {
    expect(await failureOf(documents.fetch({ ...place, port: server.port }, "ci", soon()))).toMatchObject({ kind: "invalid", reason: "HOST_DENIED" });
  }
  expect(server.asked).toEqual([]);
});

test("exactly the judged address is connected to, whatever the name would resolve to later", async () => {
  await using server = await startDocumentServer({ body: "{}" });
  let lookups = 0;
  const documents = createHttpDocuments({
    resolveHost: async () => {
      lookups += 1;
      return { address: "127.0.0.1" };
    },
  });
  // docs.example has no address at all: a lookup by anybody else would fail.
  expect(await documents.fetch({ ...place, port: server.port }, "ci", soon())).toBe("{}");
  expect(lookups).toBe(1);
});

test("a caller that gives up gets its own reason", async () => {
  await using server = await startDocumentServer("hang");
  const documents = createHttpDocuments({ resolveHost: async () => ({ address: "127.0.0.1" }) });
  const given = new AbortController();
  const fetching = documents.fetch({ ...place, port: server.port }, "ci", given.signal);
  await expect.poll(() => server.asked.length).toBe(1);
  const why = new DomainError({ kind: "cancelled", reason: "CANCELLED", message: "enough" });
  given.abort(why);
  expect(await failureOf(fetching)).toBe(why);
});

test("text that is not UTF-8 is refused", async () => {
  await using server = await startDocumentServer({ body: Uint8Array.of(0x7b, 0xff, 0x7d) });
  const documents = createHttpDocuments({ resolveHost: async () => ({ address: "127.0.0.1" }) });
  expect((await failureOf(documents.fetch({ ...place, port: server.port }, "ci", soon()))).message).toMatch(/not UTF-8/);
});

test("with TLS the certificate must be valid for the host, by an authority that is known", async () => {
  const certificate = await selfSigned("docs.example");
  const server = createServer({ cert: certificate.cert, key: certificate.key }, (_request, response) => response.end("{}"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const resolveHost = async () => ({ address: "127.0.0.1" });
    const at = { ...place, tls: true, port };
    const trusting = createHttpDocuments({ resolveHost, ca: certificate.cert });
    expect(await trusting.fetch(at, "ci", soon())).toBe("{}");
    expect(await failureOf(trusting.fetch({ ...at, host: "other.example" }, "ci", soon()))).toMatchObject({
      kind: "wrong_state",
      reason: "OPENAPI_FETCH_FAILED",
    });
    expect((await failureOf(createHttpDocuments({ resolveHost }).fetch(at, "ci", soon()))).message).toMatch(/SELF_SIGNED/);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
