/** The context of a call on the fast lane, for its handler. Expensive parts are created on first use. */
import type { IncomingHttpHeaders } from "node:http2";
import { createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { principalKey } from "../platform/auth.ts";
import { callKey, type Call } from "./call.ts";
import type { Principal } from "../../kernel/caller.ts";
import { urlHost } from "./wire.ts";

/** What it needs of the call. */
export interface LaneCaller {
  readonly headers: IncomingHttpHeaders;
  readonly method: DescMethod;
  readonly call: Call;
  readonly principal: Principal;
  readonly signal: AbortSignal;
  /** Milliseconds to the deadline. */
  leftMs(): number;
}

export class LaneContext implements HandlerContext {
  readonly requestMethod = "POST";
  readonly protocolName = "grpc";
  readonly #caller: LaneCaller;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: HandlerContext["values"] | undefined;

  constructor(caller: LaneCaller) {
    this.#caller = caller;
  }

  get method(): DescMethod {
    return this.#caller.method;
  }

  get service(): DescService {
    return this.#caller.method.parent;
  }

  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  readonly timeoutMs = (): number => this.#caller.leftMs();

  get url(): string {
    const { headers } = this.#caller;
    return `${headers[":scheme"]}://${urlHost(headers[":authority"] ?? headers.host)}${headers[":path"]}`;
  }

  get requestHeader(): Headers {
    return (this.#requestHeader ??= headersOf(this.#caller.headers));
  }

  get responseHeader(): Headers {
    return (this.#responseHeader ??= new Headers());
  }

  get responseTrailer(): Headers {
    return (this.#responseTrailer ??= new Headers());
  }

  get values(): HandlerContext["values"] {
    const { call, principal } = this.#caller;
    return (this.#values ??= createContextValues().set(callKey, call).set(principalKey, principal));
  }

  get hasAddedHeader(): boolean {
    return this.#responseHeader !== undefined && !this.#responseHeader.keys().next().done;
  }

  /** Header fields that the handler has set. */
  get addedHeader(): Readonly<Record<string, string>> | undefined {
    return this.#responseHeader && Object.fromEntries(this.#responseHeader);
  }

  get addedTrailer(): Readonly<Record<string, string>> | undefined {
    return this.#responseTrailer && Object.fromEntries(this.#responseTrailer);
  }
}

function headersOf(incoming: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  return headers;
}
