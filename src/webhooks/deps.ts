/** What the use cases of webhooks stand on. */
import type { Log } from "../kernel/log.ts";
import type { Clock, Ids } from "../kernel/ports.ts";
import type { WebhookMeter } from "./metrics.ts";
import type { Places } from "./places.ts";
import type { Hosts, NoticeSource, WebhookClient } from "./ports.ts";
import type { WebhookStore } from "./records.ts";

export interface WebhookDeps {
  readonly store: WebhookStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly meter: WebhookMeter;
  readonly client: WebhookClient;
  readonly hosts: Hosts;
  readonly source: NoticeSource;
  readonly places: Places;
  /** Has a task run now; true when it was done within some seconds. */
  readonly runTask: (taskId: string) => Promise<boolean>;
}
