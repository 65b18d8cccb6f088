import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { statusName } from "./status-name.ts";

test("every status has the name that stock clients know it by, and a code that gRPC does not have is UNKNOWN", () => {
  const codes = Object.values(status).filter((value) => typeof value === "number");
  expect(codes.map(statusName)).toEqual(codes.map((code) => status[code]));
  expect(codes).toHaveLength(17);
  expect([-1, 17, 1.5].map(statusName)).toEqual(["UNKNOWN", "UNKNOWN", "UNKNOWN"]);
});
