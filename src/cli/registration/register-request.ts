/** The RegisterRequest of a command line, of a file, or of both. */
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  ConnectivitySchema,
  HttpEndpointSchema,
  RegisterRequestSchema,
  ServiceType,
  type HttpEndpoint,
  type RegisterRequest,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { UsageError, type Input } from "../frame/command.ts";
import { fileText } from "../frame/file-text.ts";
import { hostPort } from "../frame/host-port.ts";
import type { Terminal } from "../frame/terminal.ts";
import { durationMs } from "../frame/times.ts";

const types: Readonly<Record<string, ServiceType>> = { service: ServiceType.SERVICE, module: ServiceType.MODULE, connector: ServiceType.CONNECTOR };

/** Checks errors that only a command line can have; the server has the rules of the fields. Throws UsageError. */
export async function registerRequest(input: Input, terminal: Terminal): Promise<RegisterRequest> {
  const file = input.text("file");
  const request = file === undefined ? create(RegisterRequestSchema) : await fromFile(file, terminal);
  const [name, at] = input.args;
  const problems: string[] = [];
  if (name !== undefined) request.name = name;
  if (file === undefined && name === undefined) problems.push("NAME is missing: name of the service or module");
  if (file === undefined && at === undefined) problems.push("HOST:PORT is missing: the instance's advertised host and port");
  const type = types[input.text("type") ?? ""];
  if (type !== undefined) request.type = type;
  else if (file === undefined) problems.push("--type is missing: service, module or connector");
  const metadata = input.texts("metadata").map((pair) => /^([^=]+)=(.*)$/s.exec(pair) ?? pair);
  for (const pair of metadata) if (typeof pair === "string") problems.push(`--metadata: "${pair}" must be KEY=VALUE`);
  if (problems.length > 0) throw new UsageError(problems);

  applyWhere(request, input, at);
  for (const pair of metadata) if (typeof pair !== "string") request.metadata[pair[1] ?? ""] = pair[2] ?? "";
  request.tags.push(...input.texts("tag"));
  request.capabilities.push(...input.texts("capability"));
  request.grpcServices.push(...input.texts("grpc-service"));
  request.httpEndpoints.push(...input.texts("http").map(httpEndpoint));
  request.version = input.text("version") ?? request.version;
  applyOptional(request, input, terminal);
  request.validateOnly ||= input.on("dry-run");
  request.waitForApproval ||= input.on("wait-for-approval");
  return request;
}

function applyWhere(request: RegisterRequest, input: Input, at: string | undefined): void {
  const where = (request.connectivity ??= create(ConnectivitySchema));
  if (at !== undefined) {
    const { host, port } = hostPort("HOST:PORT", at);
    where.advertisedHost = host;
    where.advertisedPort = port;
  }
  const checkAt = input.text("check-at");
  if (checkAt !== undefined) {
    const { host, port } = hostPort("--check-at", checkAt);
    where.internalHost = host;
    where.internalPort = port;
  }
  where.tlsEnabled ||= input.on("instance-tls");
}

function applyOptional(request: RegisterRequest, input: Input, terminal: Terminal): void {
  const set = (option: string, use: (text: string) => void): void => {
    const text = input.text(option);
    if (text !== undefined) use(text);
  };
  set("http-schema", (path) => (request.httpSchema = fileText("--http-schema", path, terminal)));
  set("http-schema-path", (text) => (request.httpSchemaPath = text));
  set("http-schema-version", (text) => (request.httpSchemaVersion = text));
  set("http-schema-artifact-id", (text) => (request.httpSchemaArtifactId = text));
  set("request-id", (text) => (request.requestId = text));
  set("health-timeout", (text) => (request.healthTimeout = durationFromMs(durationMs("health-timeout", text))));
  set("startup-grace", (text) => (request.startupGrace = durationFromMs(durationMs("startup-grace", text))));
}

function httpEndpoint(text: string): HttpEndpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new UsageError([`--http: "${text}" must be a URL such as http://10.0.0.7:8080/api`]);
  const tls = url.protocol === "https:";
  return create(HttpEndpointSchema, {
    scheme: url.protocol.slice(0, -1),
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (tls ? 443 : 80) : Number(url.port),
    basePath: url.pathname === "/" ? "" : url.pathname,
    tlsEnabled: tls,
  });
}

async function fromFile(path: string, terminal: Terminal): Promise<RegisterRequest> {
  const { parse } = await import("yaml");
  const text = fileText("--file", path, terminal);
  try {
    // JSON is YAML too.
    return fromJson(RegisterRequestSchema, parse(text) as JsonValue);
  } catch (error) {
    throw new UsageError([`--file: ${path} is not a RegisterRequest: ${error instanceof Error ? error.message.split("\n")[0] : "it cannot be read"}`]);
  }
}
