/** The events of requests for approval, as webhooks send them: what the two domains have of each other. */
import { toJson } from "@bufbuild/protobuf";
import { newsIn, readNotices } from "./approvals/notices.ts";
import { isOpen } from "./approvals/request.ts";
import { publishedTypes } from "./approvals/request-news.ts";
import type { EventCodec } from "./delivery/event-codec.ts";
import type { MusterTx } from "./store/parts.ts";
import type { NoticeSource } from "./webhooks/ports.ts";

export function noticeSource({ message: messageOf }: Pick<EventCodec, "message">): NoticeSource {
  return {
    types: publishedTypes,
    async read(tx, approvalId, after, upTo) {
      // A transaction of one domain has the repositories of all.
      const notices = await readNotices(tx as MusterTx, approvalId, after, upTo);
      return notices.map(({ news, ...notice }) => {
        const { schema, message } = messageOf({ payload: news, at: notice.at });
        return { ...notice, message: toJson(schema, message, { useProtoFieldName: true }) as object };
      });
    },
    async traceOf(tx, approvalId, sequence) {
      const traced = await tx.eventLog.traced({ kind: "approval", id: approvalId });
      return traced.find(({ payload }) => newsIn(payload)?.event.sequence === sequence)?.traceparent;
    },
    async undecided(tx, tenant, approvalIds) {
      return (await (tx as MusterTx).approvals.findAll(tenant, approvalIds)).filter(isOpen).map(({ id }) => id);
    },
    ofLog: newsIn,
  };
}
