/** Receives webhooks of Muster: verifies, remembers what came, and answers. */
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { DatabaseSync } from "node:sqlite";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env["SECRET"] ?? "");
const db = new DatabaseSync(process.env["DB"] ?? "received.db");
db.exec("create table if not exists received (id text primary key)");
const remember = db.prepare("insert or ignore into received values (?)");

createServer(async (request, response) => {
  const body = await text(request);
  try {
    const event = webhook.verify(body, request.headers as Record<string, string>) as { readonly event_type: string };
    const id = String(request.headers["webhook-id"]);
    // What the event is to bring about belongs into one transaction with this.
    const isNew = remember.run(id).changes === 1;
    process.stdout.write(`${id} ${event.event_type} ${isNew ? "new" : "again"}\n`);
    response.writeHead(204).end();
  } catch {
    response.writeHead(401).end();
  }
}).listen(Number(process.env["PORT"] ?? 9900), "127.0.0.1");
