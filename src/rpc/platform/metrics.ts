import { publicGet, type HttpRoute } from "../transport/http-route.ts";

/** The metrics page; with `httpRoot` also under `<root>/q/metrics`. */
export function metricsRoutes(render: () => Promise<{ readonly contentType: string; readonly body: string }>, httpRoot?: string): readonly HttpRoute[] {
  const paths = httpRoot === undefined ? ["/metrics"] : ["/metrics", `${httpRoot}/q/metrics`];
  return paths.map((path) => publicGet(path, async () => ({ status: 200, ...(await render()) })));
}
