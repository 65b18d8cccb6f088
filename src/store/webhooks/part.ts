import type { CoreTx } from "../../kernel/records.ts";
import type { WebhookTx } from "../../webhooks/records.ts";
import { sessionOn } from "../engine/dialect.ts";
import type { StorePart } from "../engine/part.ts";
import { cursorRepository } from "./cursors.ts";
import { deliveryRepository } from "./deliveries.ts";
import { endpointRepository } from "./endpoints.ts";
import { webhooks } from "./migrations/0026-webhooks.ts";
import { secretRepository } from "./secrets.ts";
import type { WebhookTables } from "./tables.ts";

/** What webhooks keep, beside what every domain does. */
export const webhooksPart: StorePart<Omit<WebhookTx, keyof CoreTx>> = {
  migrations: [webhooks],
  repositories(whole) {
    const session = sessionOn<WebhookTables>(whole);
    return {
      webhookEndpoints: endpointRepository(session),
      webhookSecrets: secretRepository(session),
      webhookCursors: cursorRepository(session),
      webhookDeliveries: deliveryRepository(session),
      webhookClock: {
        async now() {
          const { db, dialect } = session;
          return Number((await db.selectNoFrom(dialect.now().as("now")).executeTakeFirstOrThrow()).now);
        },
      },
    };
  },
};
