import { expect, test } from "vitest";
import { principalOf } from "../../kernel/caller.ts";
import type { RouteRequest } from "../transport/http-route.ts";
import { metricsRoutes } from "./metrics.ts";

test("who asks while a page is made shares the next one, which is of a later moment", async () => {
  const pages: PromiseWithResolvers<void>[] = [];
  const routes = metricsRoutes(async () => {
    const made = Promise.withResolvers<void>();
    const number = pages.push(made);
    await made.promise;
    return { contentType: "text/plain", body: `page ${number}` };
  }, "/root");
  const request: RouteRequest = {
    params: {},
    query: new URLSearchParams(),
    headers: {},
    body: new Uint8Array(),
    caller: principalOf("tokens", "anybody", []),
    peer: undefined,
    signal: new AbortController().signal,
  };
  const ask = async (index: number) => String((await routes[index % 2]?.handle(request))?.body);
  const first = ask(0);
  await expect.poll(() => pages.length).toBe(1);
  const others = Array.from({ length: 100 }, (_, index) => ask(index));
  pages[0]?.resolve();
  expect(await first).toBe("page 1");
  await expect.poll(() => pages.length).toBe(2);
  pages[1]?.resolve();
  expect(new Set(await Promise.all(others))).toEqual(new Set(["page 2"]));
  expect(pages).toHaveLength(2);
});
