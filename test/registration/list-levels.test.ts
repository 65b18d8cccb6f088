/** A list never exceeds what a stock client takes: it holds less of each instance, and never fewer instances. */
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import {
  ListDetail,
  PlatformRegistrationService as Platform,
  type GetModuleResponse,
  type GetServiceResponse,
  type ListModulesResponse,
  type ListServicesResponse,
  type WatchServicesResponse,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService, type Instance, type ListInstancesResponse } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { reasonOf } from "../support/rpc-client.ts";
import { eventually } from "../support/rpc-server.ts";
import { foreign, serveDiscovery, values } from "../support/served-discovery.ts";

test("five services with 60 metadata values of 16,000 bytes are all in the list, without those values, and say so", async () => {
  const large = Array.from({ length: 5 }, (_, i) => foreign(`s${i}`, 9_000 + i, { ...values(60, 16_000), short: "kept" }, ["blue", "capability:parse"]));
  await using it = await serveDiscovery([...large, foreign("small", 9_100, { a: "b" })]);
  const seen = await it.client.call(Platform, "ListServices");
  expect(seen.code).toBe(grpc.status.OK);
  const list = seen.messages[0] as ListServicesResponse;
  expect([list.detail, list.totalCount]).toEqual([ListDetail.SHORT_METADATA, 6]);
  expect(list.services.map(({ serviceName, isCut, tags }) => [serviceName, isCut, tags.length])).toEqual([
    ...["s0", "s1", "s2", "s3", "s4"].map((name) => [name, true, 1]),
    ["small", false, 0],
  ]);
  expect(list.services[0]?.metadata).toEqual({ short: "kept", "muster-foreign": "true" });

  const whole = await it.client.call(Platform, "GetService", { lookupKey: { case: "serviceName", value: "s3" } });
  expect(Object.keys((whole.messages[0] as GetServiceResponse).metadata)).toHaveLength(62);
  // The client of this call would refuse the answer, which is what shows that it was sent.
  const raised = await it.client.call(Platform, "ListServices", { maxBytes: 8_000_000 });
  expect(raised).toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED, details: expect.stringContaining("larger than max") });

  const json = await fetch(`${it.server.url}/${Platform.typeName}/ListServices`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ maxBytes: 8_000_000 }),
  });
  const full = (await json.json()) as { readonly detail: string; readonly services: readonly { readonly metadata: object }[] };
  expect([full.detail, Object.keys(full.services[0]!.metadata).length]).toEqual(["LIST_DETAIL_FULL", 62]);
});

test("a watch is sent with as much detail as fits, and with all of it again when there is room", async () => {
  const large = Array.from({ length: 5 }, (_, i) => foreign(`s${i}`, 9_000 + i, values(60, 16_000)));
  await using it = await serveDiscovery([...large]);
  const watch = it.client.start(Platform, "WatchServices");
  const details = () => (watch.messages as readonly WatchServicesResponse[]).map(({ detail, services }) => [detail, services.length]);
  await eventually(() => watch.messages.length === 1);
  it.show(...large.slice(0, 3));
  await eventually(() => watch.messages.length === 2);
  watch.cancel();
  expect(details()).toEqual([
    [ListDetail.SHORT_METADATA, 5],
    [ListDetail.FULL, 3],
  ]);
});

test("the levels go down to addresses, alike for services and modules, and then the call fails and names the one in pages", async () => {
  const service = Array.from({ length: 10 }, (_, i) => foreign(`s${i}`, 9_000 + i, values(20, 100), ["t".repeat(200)]));
  const formats = { input_format: "text/plain", document_types: "d,".repeat(400) };
  const modules = Array.from({ length: 10 }, (_, i) => foreign(`m${i}`, 9_100 + i, { ...values(20, 100), ...formats }, ["module"]));
  await using it = await serveDiscovery([...service, ...modules]);
  const services = async (maxBytes: number) => (await it.client.call(Platform, "ListServices", { maxBytes })).messages[0] as ListServicesResponse;
  expect(await services(0)).toMatchObject({ detail: ListDetail.FULL });
  const none = await services(6_000);
  expect([none.detail, none.services[0]?.metadata, none.services[0]?.tags.length, none.services[0]?.isCut]).toEqual([ListDetail.NO_METADATA, {}, 1, true]);
  const addresses = await services(1_500);
  expect([addresses.detail, addresses.services.length, addresses.services[0]?.tags, addresses.services[0]?.port]).toEqual([
    ListDetail.ADDRESSES,
    10,
    [],
    9_000,
  ]);

  const moduleList = async (maxBytes: number) => (await it.client.call(Platform, "ListModules", { maxBytes })).messages[0] as ListModulesResponse;
  const facts = ({ detail, modules: [first] }: ListModulesResponse) => [
    detail,
    first?.inputFormat,
    first?.documentTypes.length,
    Object.keys(first?.metadata ?? {}).length,
  ];
  expect(facts(await moduleList(0))).toEqual([ListDetail.FULL, "text/plain", 400, 23]);
  expect(facts(await moduleList(30_000))).toEqual([ListDetail.SHORT_METADATA, "text/plain", 0, 22]);
  expect(facts(await moduleList(2_000))).toEqual([ListDetail.NO_METADATA, "text/plain", 0, 0]);
  expect(facts(await moduleList(500))).toEqual([ListDetail.ADDRESSES, "", 0, 0]);

  for (const [method, request] of [
    ["ListServices", { maxBytes: 100 }],
    ["WatchServices", { maxBytes: 100 }],
  ] as const) {
    const refused = await it.client.call(Platform, method, request);
    expect([refused.code, reasonOf(refused)]).toEqual([grpc.status.RESOURCE_EXHAUSTED, "LIST_TOO_LARGE"]);
    expect(refused.details).toContain("ListInstances");
  }
  expect(await it.client.call(Platform, "ListServices", { maxBytes: -1 })).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
});

test("ListInstances returns every instance whole, in pages that stock clients take", async () => {
  const large = Array.from({ length: 7 }, (_, i) => foreign(`s${i}`, 9_000 + i, values(60, 16_000)));
  await using it = await serveDiscovery([...large, foreign("m", 9_100, {}, ["module"]), foreign("z", 9_101, {})]);
  const found: Instance[] = [];
  const pages: number[] = [];
  for (let pageToken = ""; ;) {
    const seen = await it.client.call(RegistrationService, "ListInstances", { pageToken });
    expect(seen.code).toBe(grpc.status.OK);
    const page = seen.messages[0] as ListInstancesResponse;
    found.push(...page.instances);
    pages.push(page.instances.length);
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  expect(pages).toEqual([5, 4]);
  const facts = found.map(({ instance: { case: kind, value } }) => [
    kind,
    value?.serviceId,
    Object.keys((value as GetServiceResponse | GetModuleResponse).metadata).length,
  ]);
  expect(facts).toEqual([["module", "m-10.0.0.1-9100", 1], ...large.map(({ serviceId }) => ["service", serviceId, 61]), ["service", "z-10.0.0.1-9101", 1]]);
  const small = await it.client.call(RegistrationService, "ListInstances", { pageSize: 2 });
  expect((small.messages[0] as ListInstancesResponse).instances).toHaveLength(2);
  for (const bad of [{ pageSize: 501 }, { pageToken: "?" }]) {
    expect(await it.client.call(RegistrationService, "ListInstances", bad)).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
  }
});
