/** HTTP routes by path: exact ones, then templates. An invalid table throws when it is created. */
import type { Target } from "../platform/auth.ts";
import type { HttpRoute } from "./http-route.ts";

export interface ServedRoute {
  readonly route: HttpRoute;
  readonly target: Target;
}

/** The routes of one path or template, one a method. */
export interface FoundRoutes {
  readonly routes: readonly ServedRoute[];
  readonly params: Readonly<Record<string, string>>;
}

/** `path`: as it came, without the query. `malformed`: a parameter has an escape that cannot be decoded. */
export type FindRoutes = (path: string) => FoundRoutes | "malformed" | undefined;

interface Template {
  readonly segments: readonly string[];
  readonly routes: readonly ServedRoute[];
}

const parameter = /^\{(\w+)\}$/;

/** Throws a TypeError when a path is no template, or when two routes would take the same requests. */
export function createRouteTable(routes: readonly HttpRoute[]): FindRoutes {
  const exact = new Map<string, FoundRoutes>();
  const templates: Template[] = [];
  const shapes = new Set<string>();
  const served = routes.map((route): ServedRoute => ({ route, target: targetOf(route) }));
  for (const [path, there] of Map.groupBy(served, ({ route }) => route.path)) {
    const segments = segmentsOf(path);
    const shape = segments.map((segment) => (parameter.test(segment) ? "{}" : segment)).join("/");
    if (shapes.has(shape)) throw new TypeError(`the route ${path} has the shape of another one`);
    if (new Set(there.map(({ route }) => route.method)).size < there.length) throw new TypeError(`the route ${path} has a method twice`);
    shapes.add(shape);
    if (shape.includes("{}")) templates.push({ segments, routes: there });
    else exact.set(path, { routes: there, params: {} });
  }
  templates.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));

  return (path) => {
    const there = exact.get(path);
    if (there || templates.length === 0) return there;
    const given = path.split("/").slice(1);
    const template = templates.find(({ segments }) => segments.length === given.length && segments.every((segment, i) => takes(segment, given[i]!)));
    return template && withParams(template, given);
  };
}

function targetOf({ method, path, access, limits }: HttpRoute): Target {
  return { kind: "route", name: `${method} ${path}`, access, evenWhenFull: limits?.evenWhenFull ?? false };
}

function segmentsOf(path: string): readonly string[] {
  const segments = path.split("/").slice(1);
  const names = segments.flatMap((segment) => parameter.exec(segment)?.[1] ?? []);
  const isOdd = !path.startsWith("/") || segments.some((segment) => /[{}]/.test(segment) && !parameter.test(segment));
  if (isOdd || new Set(names).size < names.length) throw new TypeError(`the route ${path} is no path template`);
  return segments;
}

/** A parameter takes what is encoded as well; the rest of a path is compared as it came. */
function takes(segment: string, given: string): boolean {
  return parameter.test(segment) ? given !== "" : segment === given;
}

/** Smaller for a template that is exact earlier. */
function rank({ segments }: Template): string {
  return segments.map((segment) => (parameter.test(segment) ? "1" : "0")).join("");
}

function withParams({ segments, routes }: Template, given: readonly string[]): FoundRoutes | "malformed" {
  try {
    const params = segments.flatMap((segment, i) => {
      const name = parameter.exec(segment)?.[1];
      return name === undefined ? [] : [[name, decodeURIComponent(given[i]!)] as const];
    });
    return { routes, params: Object.fromEntries(params) };
  } catch {
    return "malformed";
  }
}
