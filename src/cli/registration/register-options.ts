import type { Option } from "../frame/command.ts";

/** What `register` is told of the instance; `register-request.ts` makes the request of it. */
export const registerOptions: readonly Option[] = [
  { name: "type", short: "t", value: "TYPE", choices: ["service", "module", "connector"], what: "what the instance is" },
  { name: "version", value: "VERSION", what: "version of the software; of a module also that of its schema" },
  { name: "check-at", value: "HOST:PORT", what: "where health checks and the callback go, when elsewhere" },
  { name: "instance-tls", what: "the instance speaks TLS" },
  { name: "metadata", value: "KEY=VALUE", many: true, what: "free data kept with the instance" },
  { name: "tag", value: "TAG", many: true, what: "a label for discovery" },
  { name: "capability", value: "NAME", many: true, what: "what the instance can do" },
  { name: "grpc-service", value: "NAME", many: true, what: "full name of a gRPC service it serves" },
  { name: "http", value: "URL", many: true, what: "an HTTP address it serves beside gRPC" },
  { name: "http-schema", value: "FILE", what: "OpenAPI document of the HTTP addresses" },
  { name: "http-schema-path", value: "PATH", what: "where the first HTTP address serves it instead, such as /q/openapi?format=json" },
  { name: "http-schema-version", value: "VERSION", what: "its version" },
  { name: "http-schema-artifact-id", value: "ID", what: "its id in the schema registry" },
  { name: "health-timeout", value: "DURATION", what: "time to become healthy: 60s when not given, at most 120s" },
  { name: "startup-grace", value: "DURATION", what: "time in which a bad answer is taken for a start-up: 15s when not given" },
  { name: "request-id", value: "KEY", what: "key of this request, so that sending it again joins the same attempt" },
  { name: "wait-for-approval", what: "stay until people have decided, where a policy asks for it" },
  { name: "dry-run", what: "only check the request" },
  { name: "file", short: "f", value: "FILE", what: "a RegisterRequest as JSON or YAML, - for stdin; options come before it" },
];
