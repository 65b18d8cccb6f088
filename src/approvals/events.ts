/** What approvals publish: the events of requests and of policies, by which they are put on the wire. */
import { policyEvents, type PolicyNews } from "./policy/policy-news.ts";
import { requestEvents, type RequestNews } from "./request-news.ts";

export type ApprovalNews = RequestNews | PolicyNews;

export const approvalEvents = [...policyEvents, ...requestEvents] as const;

type WithoutRow = Exclude<ApprovalNews["type"], (typeof approvalEvents)[number]["type"]>;

// An event without a row does not compile.
true satisfies [WithoutRow] extends [never] ? true : WithoutRow;
