/** The rules of fields that several requests have; all violations of a request are reported at once. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type FieldViolation, invalidFields } from "../../kernel/errors.ts";

const printableAscii = /^[\x21-\x7e]+$/;
const maxTextLength = 4_096;
/** Those of google.protobuf.Timestamp. */
const [firstSecond, lastSecond] = [-62_135_596_800n, 253_402_300_799n];

/** Collects the violations of one request. */
export interface Violations {
  add(field: string, description: string): void;
  /** Reports a text that is missing, too long, or has other characters than printable ASCII without spaces. */
  ascii(field: string, value: string, max: number, isRequired: boolean): void;
  /** Reports a text that is too long or has control characters. */
  text(field: string, value: string, max?: number, isRequired?: boolean): void;
  id(field: string, value: string): void;
  /** Reports a time that is none of protobuf's, years 1 to 9999; one that is not there is none. */
  time(field: string, value: Pick<Timestamp, "seconds"> | undefined): void;
  /** Throws INVALID_FIELDS when anything was reported. */
  done(): void;
}

export function violations(): Violations {
  const fields: FieldViolation[] = [];
  const add = (field: string, description: string): void => void fields.push({ field, description });
  return {
    add,
    ascii(field, value, max, isRequired) {
      const isEmpty = value === "";
      if (isEmpty ? isRequired : value.length > max || !printableAscii.test(value))
        add(field, `must be ${isRequired ? 1 : 0} to ${max} printable ASCII characters without spaces`);
    },
    text(field, value, max = maxTextLength, isRequired = false) {
      // oxlint-disable-next-line no-control-regex -- those are what it refuses
      const hasControls = /[\x00-\x08\x0b-\x1f\x7f]/.test(value);
      if (value.length > max || hasControls || (isRequired && value === ""))
        add(field, `must be ${isRequired ? 1 : 0} to ${max} characters without control characters`);
    },
    id(field, value) {
      if (value === "" || value.length > 128 || !printableAscii.test(value)) add(field, "must be 1 to 128 printable ASCII characters without spaces");
    },
    time(field, value) {
      if (value && (value.seconds < firstSecond || value.seconds > lastSecond)) add(field, "must be a time in the years 1 to 9999");
    },
    done() {
      if (fields.length > 0) throw invalidFields(fields);
    },
  };
}
