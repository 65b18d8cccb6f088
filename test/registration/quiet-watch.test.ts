/** A watch in which nothing changes is not taken for dead: the list comes again, unless that costs too much. */
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import {
  PlatformRegistrationService as Platform,
  type WatchModulesResponse,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { InstanceKind, RegistrationService, type WatchInstancesResponse } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { manualClock } from "../support/manual-clock.ts";
import { eventually } from "../support/rpc-server.ts";
import { foreign, serveDiscovery, values } from "../support/served-discovery.ts";

test("the list comes again after 20 s without a change, with the time for which it is true", async () => {
  const clock = manualClock(1_000_000_000);
  await using it = await serveDiscovery([foreign("m", 9_000, {}, ["module"])], clock);
  for (const method of ["WatchModules", "WatchServices"]) {
    const watch = it.client.start(Platform, method);
    await eventually(() => watch.messages.length === 1);
    await clock.pass(19_000);
    await clock.pass(1_000);
    await eventually(() => watch.messages.length === 2);
    await clock.pass(20_000);
    await eventually(() => watch.messages.length === 3);
    const [first, , third] = watch.messages as readonly WatchModulesResponse[];
    expect(Number(third!.asOf!.seconds - first!.asOf!.seconds)).toBe(40);
    watch.cancel();
  }
});

test("it does not while all watchers together would take more than 32 MiB for it", async () => {
  const clock = manualClock(1_000_000_000);
  const large = Array.from({ length: 5 }, (_, i) => foreign(`s${i}`, 9_000 + i, values(50, 16_000)));
  await using it = await serveDiscovery(large, clock);
  // Nine lists of 4 MB.
  const watches = Array.from({ length: 9 }, () => it.client.start(Platform, "WatchServices"));
  await eventually(() => watches.every(({ messages }) => messages.length === 1));
  await clock.pass(20_000);
  const [gone, ...others] = watches;
  gone!.cancel();
  await eventually(() => it.server.ends.length === 1);
  await clock.pass(20_000);
  await eventually(() => others.every(({ messages }) => messages.length >= 2));
  expect(watches.map(({ messages }) => messages.length)).toEqual([1, ...others.map(() => 2)]);
});

test("WatchInstances sends everything in messages that stock clients take, then only what changes, and heartbeats", async () => {
  const clock = manualClock(1_000_000_000);
  const large = Array.from({ length: 7 }, (_, i) => foreign(`s${i}`, 9_000 + i, values(60, 16_000)));
  await using it = await serveDiscovery([...large, foreign("m", 9_100, {}, ["module"])], clock);
  const watch = it.client.start(RegistrationService, "WatchInstances", { kind: InstanceKind.SERVICE });
  const seen = () =>
    (watch.messages as readonly WatchInstancesResponse[]).map(({ changed, gone, isComplete }) => [
      changed.map(({ instance }) => instance.value?.serviceId.slice(0, 2)),
      gone,
      isComplete,
    ]);
  await eventually(() => watch.messages.length === 2);
  it.show(...large.slice(1, 6), { ...large[6]!, status: "critical" }, foreign("new", 9_200, {}));
  await clock.pass(1_000);
  await eventually(() => watch.messages.length === 3);
  await clock.pass(20_000);
  await eventually(() => watch.messages.length === 4);
  watch.cancel();
  expect(seen()).toEqual([
    [["s0", "s1", "s2", "s3"], [], false],
    [["s4", "s5", "s6"], [], true],
    [["ne", "s6"], ["s0-10.0.0.1-9000"], true],
    [[], [], true],
  ]);
  expect(await it.client.call(RegistrationService, "WatchInstances")).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
});
