import type { Catalog } from "../../src/registration/ports.ts";
import type { RequestListener } from "node:http";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { createConsulCatalog } from "../../src/adapters/consul/catalog.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { startHttpServer } from "../support/http-server.ts";
import { manualClock } from "../support/manual-clock.ts";

const check = { address: "127.0.0.1", port: 1, tls: false, serverName: "x" };
const anEntry = { attemptId: "1", name: "echo", type: "SERVICE", version: "1", address: "x", port: 1, tags: [], metadata: {}, check } as const;

async function against(answer: RequestListener, clock: Clock = systemClock): Promise<{ catalog: Catalog } & AsyncDisposable> {
  const server = await startHttpServer(answer);
  const catalog = createConsulCatalog({ url: server.url, token: "s3cret", clock });
  return {
    catalog,
    async [Symbol.asyncDispose]() {
      await catalog[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** One call through each of the two clients, and one through the shared poll. */
const calls: Readonly<Record<string, (catalog: Catalog, signal: AbortSignal) => Promise<unknown>>> = {
  instances: (catalog, signal) => catalog.instances({ serviceId: "echo" }, signal),
  ping: (catalog, signal) => catalog.ping(signal),
  awaitPassing: (catalog, signal) => catalog.awaitPassing("echo", "1", signal),
};

async function failure(call: Promise<unknown>): Promise<DomainError> {
  const error = await call.then(
    () => "no error",
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DomainError)) throw new Error("not a DomainError", { cause: error });
  return error;
}

const soon = () => AbortSignal.timeout(90_000);

describe.concurrent("an agent that answers", { timeout: 120_000 }, () => {
  for (const [name, call] of Object.entries(calls)) {
    for (const [status, kind] of [
      [500, "unavailable"],
      [429, "unavailable"],
      [403, "wrong_state"],
      [400, "wrong_state"],
    ] as const) {
      test(`${status} is ${kind} (${name})`, async () => {
        await using it = await against((_request, response) => {
          response.writeHead(status, { "content-type": "text/plain" }).end("rpc error: s3cret detail");
        });
        const error = await failure(call(it.catalog, soon()));
        expect(error.kind).toBe(kind);
        expect(error.message).not.toContain("s3cret");
      });
    }

    test(`nothing at all is unavailable after a limit of our own (${name})`, async () => {
      await using it = await against(() => {});
      expect((await failure(call(it.catalog, soon()))).kind).toBe("unavailable");
    });

    test(`nothing at all rejects with the caller's reason when he gives up (${name})`, async () => {
      await using it = await against(() => {});
      const abort = new AbortController();
      const result = call(it.catalog, abort.signal);
      abort.abort("enough");
      await expect(result).rejects.toBe("enough");
    });

    test(`half an answer is unavailable (${name})`, async () => {
      await using it = await against((_request, response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
        response.write("{", () => response.destroy());
      });
      expect((await failure(call(it.catalog, soon()))).kind).toBe("unavailable");
    });

    test(`something that is not JSON is unavailable (${name})`, async () => {
      await using it = await against((_request, response) => {
        response.writeHead(200, { "content-type": "application/json" }).end("<html>");
      });
      expect((await failure(call(it.catalog, soon()))).kind).toBe("unavailable");
    });
  }

  test("without a leader fails a ping", async () => {
    await using it = await against((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end('""');
    });
    expect((await failure(it.catalog.ping(soon()))).kind).toBe("unavailable");
  });

  test("more than 32 MiB is refused", async () => {
    await using it = await against((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.on("error", () => {});
      response.end(Buffer.alloc(33 * 1024 * 1024, " "));
    });
    expect((await failure(it.catalog.instances({ name: "echo" }, soon()))).kind).toBe("wrong_state");
  });

  test("404 to a deregistration has done it", async () => {
    const entry = { ID: "echo", Service: "echo", Tags: [], Meta: { "registration-id": "1" }, Address: "", Port: 1 };
    await using it = await against((request, response) => {
      const status = request.method === "PUT" ? 404 : 200;
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ Service: entry, Checks: [] }));
    });
    await it.catalog.deregister("echo", "1", soon());
  });

  test("errors for a moment does not end a wait", async () => {
    let requests = 0;
    await using it = await against((_request, response) => {
      requests += 1;
      const passing = { b: { CheckID: "boot:1:0", ServiceID: "echo", Status: "passing" } };
      response.writeHead(requests < 10 ? 500 : 200, { "content-type": "application/json" }).end(JSON.stringify(passing));
    });
    await it.catalog.awaitPassing("echo", "1", soon());
    expect(requests).toBe(10);
  });

  test("is asked once for any number of waiters, and not at all when nobody waits", async () => {
    let open = 0;
    let most = 0;
    let requests = 0;
    await using it = await against((_request, response) => {
      requests += 1;
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.writeHead(200, { "content-type": "application/json" }).end("{}");
      }, 5);
    });
    const abort = new AbortController();
    const waiters = Array.from({ length: 100 }, (_, index) => it.catalog.awaitPassing(`echo${index}`, "1", abort.signal));
    await expect.poll(() => requests).toBeGreaterThan(5);
    expect(most).toBe(1);
    abort.abort("enough");
    expect((await Promise.allSettled(waiters)).every((result) => result.status === "rejected")).toBe(true);
    const before = requests;
    await systemClock.sleep(300);
    expect(requests - before).toBeLessThanOrEqual(1);
  });

  test("has fewer checks of a trial the more trials wait, but of those that do not pass only their own caller's count", async () => {
    const checks: string[] = [];
    const clock = manualClock();
    await using it = await against(async (request, response) => {
      const body = await text(request);
      if (request.method === "PUT") checks.push((JSON.parse(body) as { Checks: { CheckID: string }[] }).Checks.map(({ CheckID }) => CheckID).join(" "));
      const isRead = (request.url ?? "").includes("/health/service/id/");
      response.writeHead(isRead ? 404 : 200, { "content-type": "application/json" }).end(isRead ? '{"Service":null,"Checks":null}' : "{}");
    }, clock);
    const trialOf = async (share: string): Promise<number> => {
      const entry = { ...anEntry, serviceId: `echo-${checks.length}`, attemptId: `${checks.length}` };
      await it.catalog.register(entry, soon(), share);
      void it.catalog.awaitPassing(entry.serviceId, entry.attemptId, ended.signal, share).catch(() => undefined);
      return checks.at(-1)?.match(/\bboot:/g)?.length ?? 0;
    };
    const ended = new AbortController();
    expect(await trialOf("greedy")).toBe(8);
    for (let made = 1; made < 40; made += 1) await trialOf("greedy");
    expect([await trialOf("greedy"), await trialOf("modest")]).toEqual([1, 1]);
    await clock.pass(2_000);
    expect([await trialOf("greedy"), await trialOf("modest")]).toEqual([1, 8]);
    ended.abort();
  });

  test("gets the trials of callers in turns, however many one has", async () => {
    const written: string[] = [];
    let reads = 0;
    const allRead = Promise.withResolvers<void>();
    await using it = await against(async (request, response) => {
      const body = await text(request);
      if (request.method !== "PUT" && (reads += 1) === 101) allRead.resolve();
      if (request.method === "PUT") {
        written.push((JSON.parse(body) as { ID: string }).ID);
        await allRead.promise;
      }
      response.writeHead(request.method === "PUT" ? 200 : 404, { "content-type": "application/json" }).end('{"Service":null,"Checks":null}');
    });
    const register = (serviceId: string, share: string) => it.catalog.register({ ...anEntry, serviceId }, soon(), share);
    const all = Array.from({ length: 100 }, (_, index) => register(`greedy-${index}`, "greedy"));
    all.push(register("modest", "modest"));
    await Promise.all(all);
    expect(written.indexOf("modest")).toBeLessThan(20);
  });

  test("gets at most four writes at a time", async () => {
    let open = 0;
    let most = 0;
    await using it = await against((request, response) => {
      const write = request.method === "PUT";
      if (write) most = Math.max(most, (open += 1));
      setTimeout(() => {
        if (write) open -= 1;
        response.writeHead(write ? 200 : 404, { "content-type": "application/json" }).end(write ? "" : '{"Service":null,"Checks":null}');
      }, 5);
    });
    await Promise.all(Array.from({ length: 30 }, (_, index) => it.catalog.register({ ...anEntry, serviceId: `echo${index}` }, soon())));
    expect(most).toBe(4);
  });
});
