import { randomUUID } from "node:crypto";
import type { RequestListener } from "node:http";
import { startHttpServer } from "./http-server.ts";
import { createApicurioSchemas } from "../../src/adapters/apicurio/schemas.ts";
import type { OpenRegistry, RegistryUnderTest } from "../contract/schema-registry.ts";

/** The Apicurio Registry at `url` (`http://…/apis/registry/v3`), each time with a new group. */
export function apicurioUnderTest(url: string): RegistryUnderTest {
  return {
    open: async () => openGroup(url),
    broken: {
      "nobody listens": async () => opened("http://127.0.0.1:9/apis/registry/v3"),
      "never answers": () => openBroken(() => {}),
      "answers 503": () => openBroken((_, response) => void response.writeHead(503).end()),
      "answers 429": () => openBroken((_, response) => void response.writeHead(429).end()),
      "answers something else": () => openBroken((_, response) => void response.writeHead(200).end("<html>welcome</html>")),
      "hangs up in the middle of the answer": () =>
        openBroken((_, response) => {
          response.writeHead(200, { "content-length": 100 }).write("{");
          response.socket?.end();
        }),
    },
  };
}

function openGroup(url: string): OpenRegistry {
  const group = `contract.${randomUUID()}`;
  const artifacts = `${url}/groups/${group}/artifacts`;
  async function call(method: string, path: string, body: unknown): Promise<void> {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(artifacts + path, { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`Apicurio answered ${answer.status}: ${await answer.text()}`);
  }
  return {
    ...opened(url, group),
    putForeign: ({ artifactId, version, kind, content }) => {
      const firstVersion = { version, content: { content, contentType: "application/json" } };
      return call("POST", "?ifExists=FAIL", { artifactId, artifactType: kind, firstVersion });
    },
    disableForeign: (artifactId, version) => call("PUT", `/${artifactId}/versions/${version}/state`, { state: "DISABLED" }),
  };
}

function opened(url: string, group?: string): OpenRegistry {
  const registry = createApicurioSchemas({ url, ...(group === undefined ? {} : { group }) });
  return { registry, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
}

async function openBroken(listener: RequestListener) {
  const server = await startHttpServer(listener);
  const { registry } = opened(`${server.url}/apis/registry/v3`);
  return {
    registry,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
