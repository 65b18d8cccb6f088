/** Text forms of services and modules; pure. */
import type { JsonValue } from "@bufbuild/protobuf";
import type { GetModuleResponse, GetServiceResponse, HttpEndpoint } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { printable } from "../../kernel/log.ts";
import { msOf } from "./progress-view.ts";
import type { Style } from "../frame/style.ts";
import { pairs, table, type Cell } from "../frame/table.ts";
import { age } from "../frame/times.ts";

/** The common fields of services and modules, and the optional ones of each. */
export interface Listed {
  readonly instances: readonly Instance[];
  readonly asOfMs: number;
  readonly json: JsonValue;
}

export interface Instance {
  readonly name: string;
  readonly serviceId: string;
  readonly at: string;
  readonly version: string;
  readonly isHealthy: boolean;
  readonly registeredMs: number | undefined;
  readonly checkedMs: number | undefined;
  readonly labels: readonly string[];
  readonly facts: readonly (readonly [string, string])[];
}

export function serviceInstance(service: GetServiceResponse): Instance {
  const { tags, capabilities, httpEndpoints, httpSchemaArtifactId, httpSchemaVersion } = service;
  return {
    ...common(service, service.serviceName),
    labels: [...tags, ...capabilities.map((name) => `capability:${name}`)],
    facts: [
      ["Tags", tags.join(", ")],
      ["Capabilities", capabilities.join(", ")],
      ["HTTP", httpEndpoints.map(urlOf).join(", ")],
      ["OpenAPI", httpSchemaArtifactId === undefined ? "" : `${httpSchemaArtifactId} ${httpSchemaVersion ?? ""}`.trim()],
      ...metadataOf(service.metadata),
    ],
  };
}

export function moduleInstance(module: GetModuleResponse): Instance {
  const { inputFormat, outputFormat, documentTypes } = module;
  return {
    ...common(module, module.moduleName),
    labels: [inputFormat === "" && outputFormat === "" ? "" : `${inputFormat || "?"} → ${outputFormat || "?"}`, ...documentTypes].filter(
      (label) => label !== "",
    ),
    facts: [["Reads", inputFormat], ["Writes", outputFormat], ["Documents", documentTypes.join(", ")], ...metadataOf(module.metadata)],
  };
}

function common(it: GetServiceResponse | GetModuleResponse, name: string) {
  const { serviceId, host, port, version, isHealthy, registeredAt, lastHealthCheck } = it;
  return {
    name,
    serviceId,
    at: address(host, port),
    version,
    isHealthy,
    registeredMs: registeredAt && msOf(registeredAt),
    checkedMs: lastHealthCheck && msOf(lastHealthCheck),
  };
}

function metadataOf(metadata: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(metadata)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, value]) => [`  ${name}`, value]);
}

export function address(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function urlOf({ scheme, host, port, basePath }: HttpEndpoint): string {
  return `${scheme}://${address(host, port)}${basePath}`;
}

export function healthCell(isHealthy: boolean, style: Style): Cell {
  return isHealthy ? { text: "healthy", paint: style.good } : { text: "unhealthy", paint: style.bad };
}

export function instanceTable(instances: readonly Instance[], nowMs: number, style: Style, columns?: number): string {
  const rows = instances.map((it): readonly Cell[] => [
    it.name,
    it.at,
    it.version || "-",
    healthCell(it.isHealthy, style),
    age(it.checkedMs, nowMs),
    age(it.registeredMs, nowMs),
    it.serviceId,
    it.labels.join(","),
  ]);
  return table({
    heads: ["NAME", "ADDRESS", "VERSION", "HEALTH", "CHECKED", "AGE", "ID", "LABELS"],
    rows,
    bold: style.bold,
    narrow: { drop: ["ID", "CHECKED", "AGE", "VERSION"], shorten: "NAME" },
    ...(columns === undefined ? {} : { columns }),
  });
}

/** `3 instances, 1 unhealthy`, with the list's age when it is stale. */
export function instanceSummary(instances: readonly Instance[], asOfMs: number, nowMs: number, style: Style): string {
  const ill = instances.filter(({ isHealthy }) => !isHealthy).length;
  const count = `${instances.length} ${instances.length === 1 ? "instance" : "instances"}`;
  const stale = asOfMs > 0 && nowMs - asOfMs > 10_000 ? style.warn(`, as of ${age(asOfMs, nowMs)} ago`) : "";
  return `${style.dim(count)}${ill > 0 ? style.bad(`, ${ill} unhealthy`) : ""}${stale}\n`;
}

export function instanceDetails(it: Instance, nowMs: number, style: Style): string {
  const at = (ms: number | undefined): string => (ms === undefined ? "" : `${new Date(ms).toISOString()}  (${age(ms, nowMs)} ago)`);
  return pairs(
    [
      ["Name", it.name],
      ["Id", it.serviceId],
      ["Address", it.at],
      ["Version", it.version],
      ["Health", healthCell(it.isHealthy, style)],
      ["Checked", at(it.checkedMs)],
      ["Registered", at(it.registeredMs)],
      ...it.facts,
    ],
    style.dim,
  );
}

/** The changes between two lists, a line each: `+` added, `-` removed, `~` changed. */
export function changesBetween(before: readonly Instance[], after: readonly Instance[], style: Style): readonly string[] {
  const former = new Map(before.map((it) => [it.serviceId, it]));
  const ids = new Set(after.map(({ serviceId }) => serviceId));
  const health = ({ isHealthy }: Instance): string => (isHealthy ? style.good("healthy") : style.bad("unhealthy"));
  const line = (mark: string, it: Instance, text: string): string => `${mark} ${printable(it.serviceId)}  ${printable(it.version) || "-"}  ${text}`;
  const now = after.flatMap((it) => {
    const was = former.get(it.serviceId);
    if (!was) return [line(style.good("+"), it, health(it))];
    if (was.isHealthy !== it.isHealthy) return [line(style.warn("~"), it, `${health(was)} → ${health(it)}`)];
    if (was.version !== it.version) return [line(style.warn("~"), it, `was version ${printable(was.version) || "-"}`)];
    if (was.labels.join() !== it.labels.join()) return [line(style.warn("~"), it, `labels ${printable(it.labels.join(",")) || "-"}`)];
    if (was.registeredMs !== it.registeredMs) return [line(style.warn("~"), it, "registered again")];
    return [];
  });
  return [...now, ...before.filter(({ serviceId }) => !ids.has(serviceId)).map((it) => line(style.bad("-"), it, "gone"))];
}
