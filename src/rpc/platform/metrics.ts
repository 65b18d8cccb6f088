import { send, type HttpRoute } from "../transport/http-route.ts";

/** The metrics page; with `httpRoot` also under `<root>/q/metrics`. */
export function metricsRoutes(render: () => Promise<{ readonly contentType: string; readonly body: string }>, httpRoot?: string): readonly HttpRoute[] {
  const paths = httpRoot === undefined ? ["/metrics"] : ["/metrics", `${httpRoot}/q/metrics`];
  return paths.map((path) => ({
    method: "GET",
    path,
    async handle(request, response) {
      send(request, response, { status: 200, ...(await render()) });
    },
  }));
}
