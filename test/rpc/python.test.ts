import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import { descriptorRoute } from "../../src/rpc/platform/descriptor.ts";
import { generatedFiles } from "../support/rpc-descriptors.ts";
import { describeReal } from "../support/real-servers.ts";
import { startTestServer, type PlatformStub } from "../support/rpc-server.ts";

/** Builds its messages from /descriptor.binpb, rebuilds them from reflection, and prints what it sees of each call. */
const script = `
import json, sys, urllib.request, grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

address = sys.argv[1]
files = descriptor_pb2.FileDescriptorSet.FromString(urllib.request.urlopen(f"http://{address}/descriptor.binpb").read())

def pool_of(protos):
    pool = descriptor_pool.DescriptorPool()
    for proto in protos:
        pool.Add(proto)
    return pool

pool = pool_of(files.file)
message = lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
scope = "ai.pipestream.platform.registration.v1."
service = f"/{scope}PlatformRegistrationService/"
channel = grpc.insecure_channel(address)
ask = message(scope + "GetServiceRequest")
get = channel.unary_unary(service + "GetService", ask.SerializeToString, message(scope + "GetServiceResponse").FromString)
none = channel.unary_unary(service + "Nothing", ask.SerializeToString, ask.FromString)
register = channel.unary_stream(service + "Register", message(scope + "RegisterRequest").SerializeToString, message(scope + "RegisterResponse").FromString)

def status(call):
    try:
        call()
        return ["OK", ""]
    except grpc.RpcError as error:
        return [error.code().name, error.details()]

def reflected(version):
    question = message(f"grpc.reflection.{version}.ServerReflectionRequest")
    answer = message(f"grpc.reflection.{version}.ServerReflectionResponse")
    path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    stream = channel.stream_stream(path, question.SerializeToString, answer.FromString)
    [response] = stream(iter([question(file_containing_symbol=scope + "PlatformRegistrationService")]))
    parts = [descriptor_pb2.FileDescriptorProto.FromString(b) for b in response.file_descriptor_response.file_descriptor_proto]
    built = pool_of(reversed(parts)).FindServiceByName(scope + "PlatformRegistrationService")
    return [method.name for method in built.methods]

print(json.dumps({
    "get": get(ask(service_name="a")).service_name,
    "events": [response.event.message for response in register(message(scope + "RegisterRequest")(name="m"))],
    "missing": status(lambda: get(ask(service_name="none"))),
    "unknown": status(lambda: none(ask()))[0],
    "large": status(lambda: get(ask(service_name="x" * (2 << 20))))[0],
    "headers": status(lambda: get(ask(), metadata=[("x-big", "x" * 17408)]))[0],
    "manyFields": status(lambda: get(ask(service_name="many")))[0],
    "deadline": status(lambda: get(ask(service_name="slow"), timeout=0.3))[0],
    "after": status(lambda: get(ask(service_name="a")))[0],
    "v1": reflected("v1"),
    "v1alpha": reflected("v1alpha"),
}))
`;

const stub: PlatformStub = {
  getService(request) {
    const name = request.lookupKey.value ?? "";
    if (name === "slow") return new Promise(() => undefined);
    if (name === "none") throw new DomainError({ kind: "not_found", reason: "REGISTRATION_NOT_FOUND", message: "no service: 100% of a/b? é" });
    if (name === "many") {
      const fields = Array.from({ length: 500 }, (_, i) => ({ field: `語`.repeat(50) + i, description: "語".repeat(200) }));
      const metadata = Object.fromEntries(fields.map(({ field, description }) => [field, description]));
      throw new DomainError({ kind: "invalid", reason: "INVALID_FIELDS", message: "語".repeat(5_000), fields, metadata });
    }
    return { serviceName: name };
  },
  async *register({ name }) {
    yield { event: { message: `${name} one` } };
    yield { event: { message: `${name} two` } };
  },
};

describeReal("Python's gRPC", ({ bin }) => {
  test("calls, reads errors and rebuilds the contract from reflection", async () => {
    await using server = await startTestServer(stub, { http: [descriptorRoute(generatedFiles)] });
    const { stdout } = await promisify(execFile)(join(bin, "python"), ["-c", script, server.address], {
      env: { ...process.env, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" },
    });
    const methods = Platform.methods.map((method) => method.name);
    expect(JSON.parse(stdout)).toEqual({
      get: "a",
      events: ["m one", "m two"],
      missing: ["NOT_FOUND", "no service: 100% of a/b? é"],
      unknown: "UNIMPLEMENTED",
      large: "RESOURCE_EXHAUSTED",
      headers: "RESOURCE_EXHAUSTED",
      manyFields: "INVALID_ARGUMENT",
      deadline: "DEADLINE_EXCEEDED",
      after: "OK",
      v1: methods,
      v1alpha: methods,
    });
  });
});
