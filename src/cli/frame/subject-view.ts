/** What a request for approval says of a subject that the platform itself asks about. */
import type { Style } from "./style.ts";

export interface SubjectQuestion {
  readonly type: string;
  readonly contextJson: string;
  readonly approvalId: string;
  /** Nobody has decided yet. */
  readonly isOpen: boolean;
  readonly style: Style;
  /** The width of the terminal. */
  readonly columns: number | undefined;
}

export interface SubjectView {
  readonly facts: readonly (readonly [string, string])[];
  /** Further lines; may be empty. */
  readonly below: string;
}
