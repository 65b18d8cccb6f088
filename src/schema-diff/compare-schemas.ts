/** The compatibility verdict: whether configurations that are valid by the former version of a schema stay valid by the new one. */
import type { SchemaChange, SchemaComparison, Verdict } from "./comparison.ts";
import { ambiguousKeyword } from "./dialect-change.ts";
import { type SchemaDocument, openDocument } from "./document.ts";
import { undecided } from "./failures.ts";
import { type JsonValue, hasHugeNumber } from "./json.ts";
import { narrowings } from "./prover.ts";
import { reachFrom } from "./reach.ts";
import { annotationNames, rewritesBetween, textWithoutAnnotations } from "./rewrites.ts";
import type { Failure } from "./rule.ts";
import { type SameText, createSameText } from "./same-text.ts";
import { rules } from "./rules/all-rules.ts";
import { wording } from "./wording.ts";

/** Small steps of work for one direction: some tens of milliseconds. */
const work = 20_000;

const mostChanges = 500;

const order: readonly Verdict[] = ["BREAKING", "UNKNOWN", "COMPATIBLE", "NONE"];

/**
 * Compares two versions of a schema, each as text or as parsed JSON, and each accepted by a `SchemaCheck` before. The
 * question is whether every value valid by `former` is valid by `next`; formats count as neither checked nor unchecked.
 * Takes a bounded time for any schemas. Throws what `inspectSchema` throws.
 */
export function compareSchemas(former: string | JsonValue, next: string | JsonValue): SchemaComparison {
  const [before, after] = [openDocument("f", former), openDocument("n", next)];
  const meaningful = changesOfMeaning(before, after);
  const verdict = order.find((kind) => meaningful.some((change) => change.kind === kind)) ?? "NONE";
  const rewrites = rewritesBetween(before.root.value, after.root.value, verdict === "NONE" ? "all" : "annotations");
  const changes = [...meaningful, ...rewrites].toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  return { verdict, changes: changes.slice(0, mostChanges), omitted: Math.max(0, changes.length - mostChanges) };
}

function changesOfMeaning(before: SchemaDocument, after: SchemaDocument): readonly SchemaChange[] {
  const sameText = createSameText();
  if (isSameText(before, after, sameText)) return [];
  const obstacle = obstacleTo(before, after);
  if (obstacle) return [narrowing(obstacle)];
  const means = { rules, sameText, work };
  const narrowed = narrowings(before.root, after.root, means);
  // The reverse: values that the former version refused and the next one may accept.
  const widened = narrowings(after.root, before.root, means);
  const known = new Set(narrowed.map(placeOf));
  return [...narrowed.map(narrowing), ...widened.filter((failure) => !known.has(placeOf(failure))).map(widening)];
}

/** Written alike except annotations, which is sufficient for any keywords. */
function isSameText(before: SchemaDocument, after: SchemaDocument, sameText: SameText): boolean {
  const isMixed = before.mixesDialects || after.mixesDialects;
  if (!isMixed && before.year === after.year && sameText(before.root, after.root)) return true;
  if (after.refs.length === 0 && !isMixed) return false;
  // References that cannot be followed are the same too where all is the same that they could lead to.
  const leadsToAnnotation = after.refs.some((ref) => ["%", ...annotationNames].some((text) => ref.includes(text)));
  return !leadsToAnnotation && textWithoutAnnotations(before.root.value) === textWithoutAnnotations(after.root.value);
}

/** The reason why the two cannot be compared at all. */
function obstacleTo(before: SchemaDocument, after: SchemaDocument): Failure | undefined {
  const [formerReach, nextReach] = [reachFrom(before.root), reachFrom(after.root)];
  if (!formerReach.wellFounded || !nextReach.wellFounded) return undecided(after.root, "", "references form a loop or too long a chain");
  if (hasHugeNumber(before.root.value) || hasHugeNumber(after.root.value)) return undecided(after.root, "", "a number is too large");
  if (before.mixesDialects || after.mixesDialects) return undecided(after.root, "$schema", "a schema in it is of another dialect");
  const ambiguous = ambiguousKeyword([before, after], [...formerReach.schemas, ...nextReach.schemas]);
  return ambiguous === undefined ? undefined : undecided(after.root, "$schema", `what ${ambiguous} means depends on the dialect`);
}

function placeOf({ pointer, keyword }: Failure): string {
  return `${pointer} ${keyword}`;
}

function narrowing({ pointer, keyword, kind, former: before, next: after, topic, because }: Failure): SchemaChange {
  const message = wording({ pointer, keyword, before, after, topic, because, widens: false });
  return { pointer, keyword, kind, ...values(before, after), message };
}

function widening({ pointer, keyword, former: after, next: before, topic, because }: Failure): SchemaChange {
  const reason = topic === "undecided" ? because : undefined;
  const message = wording({ pointer, keyword, before, after, topic, because: reason, widens: true });
  return { pointer, keyword, kind: "COMPATIBLE", ...values(before, after), message };
}

function values(before: JsonValue | undefined, after: JsonValue | undefined): Pick<SchemaChange, "before" | "after"> {
  return { ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
}
