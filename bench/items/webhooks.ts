/** From the answer to a vote until a local receiver has the approval: one at a time, and sixteen. */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebhookService } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { ask, decide, person, usePolicy } from "../../test/support/approvals.ts";
import { createDatabase, startMuster } from "../../test/support/muster.ts";
import { inFlight } from "../../test/support/in-flight.ts";
import { timesRow, type Row } from "../report.ts";

const policy = "{key: hooked, subject: document, ttl: 7d, stages: [{id: one, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]}";

export async function webhooks(mysql: string, directory: string, times: number): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const store of ["MySQL", "SQLite"] as const) {
    await using stack = new AsyncDisposableStack();
    const database = store === "MySQL" ? await createDatabase(mysql) : undefined;
    if (database) stack.defer(() => database.drop());
    const muster = stack.use(await startMuster({ MUSTER_STORE: database?.url ?? `sqlite:${directory}/webhooks-${randomUUID()}.db` }));
    const receiver = await openReceiver(stack);
    const [admin, amy, bob] = [person(muster.address, "root"), person(muster.address, "amy"), person(muster.address, "bob")];
    for (const client of [admin, amy, bob]) stack.use(client);
    await usePolicy(admin, policy);
    await admin.unary(WebhookService.method.createWebhookEndpoint, { url: receiver.url, types: ["request_approved"] });
    const one = async (): Promise<number> => {
      const opened = await ask(amy, { policyKey: "hooked", subject: { type: "document", id: randomUUID(), digest: "d" } });
      await decide(bob, opened);
      const votedAt = performance.now();
      return (await receiver.arrival(opened.id)) - votedAt;
    };
    await inFlight(
      Array.from({ length: 20 }, () => one),
      4,
      (work) => work(),
    );
    for (const width of [1, 16]) {
      const took: number[] = [];
      await inFlight(
        Array.from({ length: times }, () => one),
        width,
        async (work) => void took.push(await work()),
      );
      rows.push(timesRow(`${store}, vote → local receiver, ${width} at a time`, took, width === 1 ? { p50Ms: 50 } : {}));
    }
  }
  return rows;
}

async function openReceiver(stack: AsyncDisposableStack) {
  const arrivals = new Map<string, PromiseWithResolvers<number>>();
  const arrivalOf = (id: string): PromiseWithResolvers<number> => {
    const there = arrivals.get(id) ?? Promise.withResolvers<number>();
    arrivals.set(id, there);
    return there;
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { request_id: id } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly request_id: string };
      arrivalOf(id).resolve(performance.now());
      response.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, arrival: (id: string) => arrivalOf(id).promise };
}
