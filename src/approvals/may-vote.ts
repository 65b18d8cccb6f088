/** The one predicate of who may vote: votes, `may_vote`, the inbox, Explain and simulation use it. Pure. */
import { activeStage, isOpen, type Approval, type Party, type Requirement, type Stage, type Vote } from "./request.ts";
import { barredFrom, usedUp } from "./counting.ts";
import { isAny, isKeyOf, isNamed, isSame, memberOf, nameIn, partyOf, standsInFor, type World } from "./people.ts";
import type { Person, PolicyDocument } from "./types.ts";

export const voteRefusals = [
  "REQUEST_CLOSED",
  "SUBJECT_CHANGED",
  "STAGE_NOT_ACTIVE",
  "NOT_IDENTIFIED",
  "PERSON_DISABLED",
  "SOD_REQUESTER",
  "SOD_AUTHOR",
  "SOD_STAND_IN",
  "ALREADY_COUNTED",
  "NOT_ELIGIBLE",
  "REAUTHENTICATION_NEEDED",
  "COMMENT_REQUIRED",
] as const;
export type VoteRefusal = (typeof voteRefusals)[number];

export interface Refusal<R extends string = VoteRefusal> {
  readonly refusal: R;
  /** One sentence, addressed to the person. */
  readonly message: string;
}

export interface MayVote {
  readonly stage: Stage;
  readonly voter: Party;
  /** Ids of the requirements for which the vote counts. */
  readonly requirements: readonly string[];
  /** Keys of those for whom it is cast; empty for a vote in one's own right. */
  readonly standsInFor: readonly string[];
}

function refuse(refusal: VoteRefusal, message: string): Refusal {
  return { refusal, message };
}

/** Key of who calls without naming himself, in open mode. */
const anonymous = "open|anonymous";

/** For which requirements of the active stage this person may vote now, with the credentials of this call, or why for none. */
export function mayVote(approval: Approval, policy: PolicyDocument, person: Person, world: World): MayVote | Refusal {
  const could = couldVote(approval, policy, person, world);
  return "refusal" in could ? could : (loggedInTooLongAgo(policy, person, world) ?? could);
}

/** Between the clocks of an identity provider and of this server. */
const toleranceMs = 30_000;

function loggedInTooLongAgo({ reauthMs }: PolicyDocument, { name, authenticatedAt }: Person, { now }: World): Refusal | undefined {
  const age = authenticatedAt === undefined ? Number.POSITIVE_INFINITY : now - authenticatedAt;
  // A time far ahead, as one in milliseconds is, would be good for ever.
  if (reauthMs === undefined || (age <= reauthMs && age >= -toleranceMs)) return undefined;
  const since = authenticatedAt === undefined ? "is not known" : `was at ${new Date(authenticatedAt).toISOString()}`;
  return refuse(
    "REAUTHENTICATION_NEEDED",
    `the policy wants a login of at most ${Math.floor(reauthMs / 1_000)} s ago, and that of ${name} ${since}: log in again`,
  );
}

/** The same of a person who does not call: whenever that person logged in. */
export function couldVote(approval: Approval, policy: PolicyDocument, person: Person, world: World): MayVote | Refusal {
  const closed = closedAt(approval, world.now);
  if (closed) return closed;
  const stage = activeStage(approval);
  if (!stage) return refuse("STAGE_NOT_ACTIVE", "no stage of the request is active");
  if (person.key === "") return refuse("NOT_IDENTIFIED", "a vote needs an authenticated person");
  const voter = partyOf(person, world.directory);
  if (memberOf(voter.key, world.directory)?.isEnabled === false) return refuse("PERSON_DISABLED", `${voter.name} is disabled in the directory`);
  return separated(approval, voter, world) ?? placeOf(approval, policy, stage, person, voter, world);
}

/** How a request that is decided, or expired, answers whoever still wants to decide on it; undefined while it is open. */
export function closedAt(approval: Approval, now: number): Refusal | undefined {
  const { decision, closing, outcome, expiresAt } = approval;
  if (isOpen(approval)) return now >= expiresAt ? refuse("REQUEST_CLOSED", "the request has expired") : undefined;
  const how = closing ? `${decision} (${closing})` : decision;
  return refuse("REQUEST_CLOSED", `the request is ${how}${outcome ? `, by ${nameIn(approval, outcome.by)}` : ""}`);
}

/** Segregation of duties: those who asked for the request, and their stand-ins, do not decide on it. */
function separated(approval: Approval, voter: Party, { standIns, directory }: World): Refusal | undefined {
  if (approval.requesterMayVote) return undefined;
  const is = (party: Party | undefined) => party !== undefined && isAny(voter.identities, party.identities);
  const hint = voter.key === anonymous ? "; name yourself in the metadata muster-principal" : "";
  if (approval.requesters.some(is) || is(approval.onBehalfOf))
    return refuse("SOD_REQUESTER", `${voter.name} asked for this request, and may not decide on it${hint}`);
  if (is(approval.author)) return refuse("SOD_AUTHOR", `${voter.name} wrote the current revision, and may not decide on it${hint}`);
  const barred = barredFrom(approval);
  const principal = standsInFor(voter.identities, standIns, directory).find(({ from }) => isAny(partyOf(from, directory).identities, barred));
  return principal && refuse("SOD_STAND_IN", `${voter.name} stands in for ${principal.from.name}, who asked for this request`);
}

function placeOf(approval: Approval, policy: PolicyDocument, stage: Stage, person: Person, voter: Party, world: World): MayVote | Refusal {
  const used = usedUp(approval, stage.id, policy);
  const once = "and counts once in the whole request";
  if (isAny(voter.identities, used)) {
    const isOwn = approval.votes.some((vote) => vote.stage !== stage.id && vote.verdict === "approve" && isSame(vote.voter, voter));
    return refuse("ALREADY_COUNTED", `${voter.name}${isOwn ? "" : ", by a stand-in,"} approved an earlier stage, ${once}`);
  }
  const inOwnRight = stage.requirements.filter(({ who, replaced }) => isNamed(who, voter.identities, person) && !isAny(voter.identities, replaced));
  if (inOwnRight.length > 0) return { stage, voter, requirements: inOwnRight.map(({ id }) => id), standsInFor: [] };

  const absent = world.standIns.filter(({ to }) => voter.identities.includes(to)).flatMap(({ from }) => absentOf(from, world));
  const placed = absent
    .map(({ party, person: held }) => ({ party, places: placesOf(stage.requirements, party, held) }))
    .filter(({ places }) => places.length > 0);
  if (placed.length === 0) return refuse("NOT_ELIGIBLE", `${voter.name} is none of those who decide on stage ${stage.id}: ${namesOf(stage)}`);
  const free = placed.filter(({ party }) => !isAny(party.identities, used) && !isTaken(approval, stage, party, voter));
  if (free.length === 0) {
    const names = placed.map(({ party }) => party.name).join(" and ");
    const why = placed.every(({ party }) => isAny(party.identities, used)) ? `approved an earlier stage, ${once}` : "voted already";
    return refuse("ALREADY_COUNTED", `${names}, for whom ${voter.name} stands in, ${why}`);
  }
  return { stage, voter, requirements: [...new Set(free.flatMap(({ places }) => places))], standsInFor: free.map(({ party }) => party.key) };
}

/** Somebody who is absent: as the directory says now, else as the credentials were when the stand-in was named. */
function absentOf(from: Person, { directory }: World): { readonly party: Party; readonly person: Person }[] {
  const member = memberOf(from.key, directory);
  const isListed = directory !== undefined && directory !== "unknown";
  if (isListed && member?.isEnabled !== true) return [];
  return [{ party: partyOf(from, directory), person: member ?? from }];
}

function placesOf(requirements: readonly Requirement[], party: Party, person: Person): readonly string[] {
  return requirements.filter(({ who, replaced }) => isNamed(who, party.identities, person) && !isAny(party.identities, replaced)).map(({ id }) => id);
}

/** True when this place has a vote already, by the person, named by a login alone or not, or by a stand-in; that of `voter` is none. */
export function isTaken({ votes }: Pick<Approval, "votes">, stage: Stage, of: Party, voter?: Party): boolean {
  const isOf = (vote: Vote) => isSame(vote.voter, of) || [...vote.voter.identities, ...vote.standsInFor].some((name) => isKeyOf(name, of.key));
  return votes.some((vote) => vote.stage === stage.id && !(voter && isSame(vote.voter, voter)) && isOf(vote));
}

/** The people of a stage in words. */
export function namesOf({ requirements }: Stage): string {
  return requirements.map(({ id, who }) => `${id} (${whoText(who)})`).join(", ");
}

export function whoText({ users, groups, roles }: Requirement["who"]): string {
  const parts = [...users, ...groups.map((group) => `group ${group}`), ...roles.map((role) => `role ${role}`)];
  return parts.length === 0 ? "nobody" : namesText(parts);
}

/** So many names are in a sentence, beside the number of the others. */
const mostNames = 20;

export function namesText(names: readonly string[]): string {
  const rest = names.length > mostNames ? ` and ${names.length - mostNames} more` : "";
  return `${names.slice(0, mostNames).join(", ")}${rest}`;
}
