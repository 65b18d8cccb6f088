/** What a module client makes of each hostile module: the health it reports, and how it refuses the description. */
import type { ErrorKind, Reason } from "../../src/kernel/errors.ts";
import type { HealthVerdict } from "../../src/registration/types.ts";
import type { SocketMischief, StreamMischief } from "../support/hostile-module.ts";

export type Status = HealthVerdict["status"];
export type Refusal = readonly [ErrorKind, Reason];

export const unavailable: Refusal = ["unavailable", "CALLBACK_FAILED"];
export const failed: Refusal = ["wrong_state", "CALLBACK_FAILED"];
export const timedOut: Refusal = ["timeout", "CALLBACK_TIMEOUT"];
export const tooLarge: Refusal = ["wrong_state", "CALLBACK_TOO_LARGE"];

export const socketCases: Readonly<Record<SocketMischief, readonly [Status, Refusal]>> = {
  "accepts and stays silent": ["unreachable", timedOut],
  "closes at once": ["unreachable", unavailable],
  "closes after the first bytes": ["unreachable", unavailable],
  "resets after the first bytes": ["unreachable", unavailable],
  "answers with noise": ["wrong_protocol", failed],
  "sends SETTINGS and nothing more": ["unreachable", timedOut],
  "sends ill-formed headers and GOAWAY": ["wrong_protocol", failed],
  "sends headers without end": ["wrong_protocol", tooLarge],
  "sends PINGs for ever": ["unreachable", timedOut],
};

export const streamCases: Readonly<Record<StreamMischief, readonly [Status, Refusal]>> = {
  "answers one byte at a time": ["unreachable", timedOut],
  "answers 5 MiB": ["wrong_protocol", tooLarge],
  "announces 4 GiB": ["wrong_protocol", tooLarge],
  "answers without end": ["wrong_protocol", failed],
  "answers with bad protobuf": ["wrong_protocol", failed],
  "answers compressed": ["wrong_protocol", failed],
  "answers OK without a message": ["wrong_protocol", failed],
  "answers without a status": ["wrong_protocol", failed],
  "answers with 40 KiB of headers": ["wrong_protocol", tooLarge],
  "answers with 1,000 headers": ["wrong_protocol", tooLarge],
  "resets in the middle of the answer": ["unreachable", unavailable],
  "sends GOAWAY instead of an answer": ["unreachable", unavailable],
  "cuts the connection in the middle of the answer": ["unreachable", unavailable],
  "is a web server on HTTP/2": ["wrong_protocol", failed],
  "is an HTTP/2 server without the path": ["unimplemented", ["wrong_state", "CALLBACK_UNIMPLEMENTED"]],
  "is a proxy without a backend": ["unreachable", unavailable],
  "answers UNAVAILABLE": ["unreachable", unavailable],
  "answers INTERNAL with a long and hostile text": ["not_serving", failed],
  "answers a status that does not exist": ["not_serving", failed],
};
