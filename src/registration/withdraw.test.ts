import { expect, test } from "vitest";
import { withdrawalOf } from "./withdraw.ts";

const ended = (id: string, registeredAt: number, version?: string) => ({
  id,
  serviceId: "s",
  registeredAt,
  schema: version === undefined ? undefined : { artifactId: "config", version },
});

test("a withdrawal names the registration that served and one of each schema version, however many there were", () => {
  const former = Array.from({ length: 1_000 }, (_, at) => ended(`former ${at}`, at, `${at % 3}`));
  const { registrationIds } = withdrawalOf([ended("served", 5_000, "2"), ...former]);
  expect(registrationIds[0]).toBe("served");
  expect(registrationIds.length).toBeLessThanOrEqual(4);
  expect(new Set(registrationIds.map((id) => (id === "served" ? 2 : Number(id.slice(7)) % 3)))).toEqual(new Set([0, 1, 2]));
});

test("a withdrawal of one without a schema is that one", () => {
  expect(withdrawalOf([ended("only", 1)])).toEqual({ registrationIds: ["only"] });
});
