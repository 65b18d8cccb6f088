import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, type FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import * as v1 from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import * as v1alpha from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { makeCertificates } from "../support/rpc-certs.ts";
import { describeReal } from "../support/real-servers.ts";
import { startTestServer, type PlatformStub } from "../support/rpc-server.ts";

const run = promisify(execFile);
const stub: PlatformStub = { getService: (request) => ({ serviceName: request.lookupKey.value ?? "", port: 7 }) };
const call = `${Platform.typeName}/GetService`;
const services = [
  Platform.typeName,
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
  "muster.approval.v1.ApprovalService",
  "muster.approval.v1.InboundService",
  "muster.approval.v1.PolicyService",
  "muster.approval.v1.WebhookService",
  "muster.audit.v1.AuditService",
  "muster.event.v1.EventService",
  "muster.registration.v1.NameService",
  "muster.registration.v1.RegistrationService",
];

type Question = v1.ServerReflectionRequest["messageRequest"];

/** Asks these questions on one stream. */
async function ask(url: string, version: "v1" | "v1alpha", questions: readonly Question[]) {
  const transport = createGrpcTransport({ baseUrl: url });
  async function* requests() {
    for (const messageRequest of questions) yield { host: "h", messageRequest };
  }
  const answers =
    version === "v1"
      ? await Array.fromAsync(createClient(v1.ServerReflection, transport).serverReflectionInfo(requests()))
      : await Array.fromAsync(createClient(v1alpha.ServerReflection, transport).serverReflectionInfo(requests() as AsyncIterable<{ host: string }>));
  return answers.map((answer) => answer.messageResponse);
}

function filesOf(answer: Awaited<ReturnType<typeof ask>>[number] | undefined): FileDescriptorProto[] {
  if (answer?.case !== "fileDescriptorResponse") throw new Error(`no files: ${JSON.stringify(answer)}`);
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

const symbol = (value: string): Question => ({ case: "fileContainingSymbol", value });
const registrationFile = "ai/pipestream/platform/registration/v1/platform_registration.proto";
const scope = "ai.pipestream.platform.registration.v1";

describe.each(["v1", "v1alpha"] as const)("reflection %s", (version) => {
  test("lists every service", async () => {
    await using server = await startTestServer(stub);
    const [list] = await ask(server.url, version, [{ case: "listServices", value: "" }]);
    expect(list).toMatchObject({ case: "listServicesResponse", value: { service: services.map((name) => ({ name })) } });
  });

  test("gives a file with all it needs, each once a stream", async () => {
    await using server = await startTestServer(stub);
    const [first, again, other] = await ask(server.url, version, [
      symbol(Platform.typeName),
      symbol(Platform.typeName),
      { case: "fileByFilename", value: "google/protobuf/duration.proto" },
    ]);
    const files = filesOf(first);
    expect(files[0]!.name).toBe(registrationFile);
    expect(new Set(files.map((file) => file.name)).size).toBe(files.length);
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files.toReversed() }));
    expect(registry.getService(Platform.typeName)?.methods.map((method) => method.name)).toEqual(Platform.methods.map((method) => method.name));
    expect(filesOf(again).map((file) => file.name)).toEqual([registrationFile]);
    expect(filesOf(other).map((file) => file.name)).toEqual(["google/protobuf/duration.proto"]);
  });

  test.each([
    ["a service", Platform.typeName],
    ["a method", `${Platform.typeName}.Register`],
    ["a message", `${scope}.RegisterRequest`],
    ["a field", `${scope}.RegisterRequest.name`],
    ["a nested message", `${scope}.RegisterRequest.MetadataEntry`],
    ["a oneof", `${scope}.RegistrationEvent.event_data`],
    ["an enum", `${scope}.ServiceType`],
    ["an enum value", `${scope}.SERVICE_TYPE_MODULE`],
  ])("finds %s", async (_what, name) => {
    await using server = await startTestServer(stub);
    expect(filesOf((await ask(server.url, version, [symbol(name)]))[0])[0]!.name).toBe(registrationFile);
  });

  test("answers what it does not know with NOT_FOUND, and goes on", async () => {
    await using server = await startTestServer(stub);
    const answers = await ask(server.url, version, [
      symbol("no.such.Thing"),
      symbol(`${scope}.ServiceType.SERVICE_TYPE_MODULE`),
      { case: "fileByFilename", value: "no/such.proto" },
      { case: "fileContainingExtension", value: create(v1.ExtensionRequestSchema, { containingType: `${scope}.RegisterRequest`, extensionNumber: 5 }) },
      { case: "allExtensionNumbersOfType", value: "no.such.Message" },
      { case: "allExtensionNumbersOfType", value: `${scope}.RegisterRequest` },
    ]);
    const notFound = { case: "errorResponse", value: { errorCode: 5 } };
    const none = { case: "allExtensionNumbersResponse", value: { baseTypeName: `${scope}.RegisterRequest`, extensionNumber: [] } };
    expect(answers).toMatchObject([notFound, notFound, notFound, notFound, notFound, none]);
  });
});

describe("buf curl", () => {
  const certs = makeCertificates();
  afterAll(() => certs[Symbol.dispose]());
  const curl = async (url: string, ...args: string[]) => {
    const { stdout } = await run(join(process.cwd(), "node_modules/.bin/buf"), ["curl", ...args, `${url}/${call}`, "-d", '{"serviceName":"a"}'], {
      env: { ...process.env, NO_PROXY: "127.0.0.1" },
    });
    return JSON.parse(stdout) as unknown;
  };

  test.each(["grpc-v1", "grpc-v1alpha"])("learns the service by reflection %s and calls it in every protocol", async (reflection) => {
    await using server = await startTestServer(stub);
    for (const protocol of ["grpc", "grpcweb", "connect"]) {
      expect(await curl(server.url, "--protocol", protocol, "--reflect-protocol", reflection, "--http2-prior-knowledge")).toEqual({
        serviceName: "a",
        port: 7,
      });
    }
  });

  test("calls over TLS", async () => {
    await using server = await startTestServer(stub, { tls: certs.server });
    expect(await curl(server.url, "--protocol", "grpc", "--cacert", certs.caFile)).toEqual({ serviceName: "a", port: 7 });
  });
});

describeReal("grpcurl and reflection", ({ bin }) => {
  const grpcurl = join(bin, "grpcurl");

  test("lists, describes and calls", async () => {
    await using server = await startTestServer(stub);
    const { stdout: list } = await run(grpcurl, ["-plaintext", server.address, "list"]);
    expect(list.trim().split("\n")).toEqual(services);
    const { stdout: described } = await run(grpcurl, ["-plaintext", server.address, "describe", `${scope}.RegisterRequest`]);
    expect(described).toContain("map<string, string> metadata = 5;");
    const { stdout: answer } = await run(grpcurl, ["-plaintext", "-d", '{"serviceName":"a"}', server.address, call]);
    expect(JSON.parse(answer)).toEqual({ serviceName: "a", port: 7 });
  });
});
