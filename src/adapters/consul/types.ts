/** The parts of Consul's JSON that are read and written here. Written keys are all known to the strict parser of 1.8. */

export interface ConsulService {
  readonly ID: string;
  readonly Service: string;
  readonly Tags: readonly string[] | null;
  readonly Meta: Readonly<Record<string, string>> | null;
  readonly Address: string;
  readonly Port: number;
}

export interface ConsulCheck {
  readonly Node: string;
  readonly CheckID: string;
  readonly Status: string;
  readonly Output: string;
  /** Empty on a check of the whole node. */
  readonly ServiceID: string;
}

export interface ConsulNode {
  readonly Node: string;
  readonly Address: string;
}

/** One service instance with its own and its node's checks. */
export interface ConsulEntry {
  readonly service: ConsulService;
  readonly checks: readonly ConsulCheck[];
}

export interface CheckDefinition {
  readonly CheckID: string;
  readonly Name: string;
  readonly Status: "passing" | "critical";
  readonly DeregisterCriticalServiceAfter: string;
  readonly GRPC?: string;
  readonly GRPCUseTLS?: boolean;
  readonly TLSSkipVerify?: boolean;
  readonly Interval?: string;
  readonly Timeout?: string;
  readonly TTL?: string;
}

export interface ServiceDefinition {
  readonly ID: string;
  readonly Name: string;
  readonly Address: string;
  readonly Port: number;
  readonly TaggedAddresses?: Readonly<Record<"lan" | "wan", { readonly Address: string; readonly Port: number }>>;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
  readonly Checks: readonly CheckDefinition[];
}
