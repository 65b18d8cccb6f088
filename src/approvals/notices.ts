/** The events of a request as others are told of them: each as it is published, with the request after it. */
import type { EventPayload } from "../kernel/records.ts";
import { evolve } from "./evolve.ts";
import type { ApprovalTx } from "./records.ts";
import { isOpen, type Approval, type ApprovalEvent } from "./request.ts";
import { newsOf, type RequestNews } from "./request-news.ts";

export interface RequestNotice {
  readonly sequence: number;
  readonly type: string;
  readonly at: number;
  readonly actor: string;
  /** It decides the request. */
  readonly isFinal: boolean;
  readonly decision: string;
  readonly subject: Approval["subject"];
  /** The place of its stage, from 1. */
  readonly stageOrder: number | undefined;
  /** Why; empty where nobody said. */
  readonly reason: string;
  readonly comment: string;
  /** As it was inserted into the outbox. */
  readonly news: RequestNews;
}

/** The published events of a request after one sequence up to another, in order; none when there is no such request. */
export async function readNotices(tx: ApprovalTx, id: string, after: number, upTo: number): Promise<readonly RequestNotice[]> {
  let state: Approval | undefined;
  return (await tx.approvals.events(id, 0)).flatMap((event) => {
    const wasOpen = state === undefined || isOpen(state);
    state = evolve(state, event);
    const news = event.sequence > after && event.sequence <= upTo ? newsOf(event, state) : undefined;
    return news ? [noticeOf(event, state, news, wasOpen && !isOpen(state))] : [];
  });
}

function noticeOf(event: ApprovalEvent, { decision, subject, stages }: Approval, news: RequestNews, isFinal: boolean): RequestNotice {
  const { sequence, type, at, actor } = event;
  const place = "stage" in event ? stages.findIndex(({ id }) => id === event.stage) : -1;
  const reason = "reason" in event ? event.reason : "detail" in event ? event.detail : "";
  const comment = "comment" in event ? event.comment : "";
  return { sequence, type, at, actor, isFinal, decision, subject, stageOrder: place < 0 ? undefined : place + 1, reason, comment, news };
}

/** An event of the log as it was inserted, by its JSON; undefined when it is no event of a request. */
export function newsIn(payload: string): RequestNews | undefined {
  const value = JSON.parse(payload) as EventPayload & Partial<RequestNews>;
  return value.approval && value.event ? (value as RequestNews) : undefined;
}
