/** Joins requests for approval with the domains whose subjects they are about. */
import type { Connection } from "./frame/connect.ts";
import type { SubjectQuestion, SubjectView } from "./frame/subject-view.ts";

/** Undefined of subjects of which only their owners know what they are. */
export async function subjectView(question: SubjectQuestion, connection: Connection): Promise<SubjectView | undefined> {
  if (question.type !== "registration") return undefined;
  return (await import("./registration/subject-view.ts")).registrationView(question, connection);
}
