/** The two measured sides: each registers a new module, and removes it again. */

/** A serving module, and its identity. */
export interface ModuleIdentity {
  readonly name: string;
  readonly version: string;
  readonly schema: string;
}

export interface ServingModule extends ModuleIdentity {
  readonly host: string;
  readonly port: number;
}

export interface Sample {
  /** From the request to the proof that the module is registered and healthy. */
  readonly totalMs: number;
  /** The part of it between the catalog accepting the entry and its first passing probe: mostly random. */
  readonly waitMs: number;
}

export interface Side extends AsyncDisposable {
  /** Registers all, `limit` at a time. */
  register(modules: readonly ServingModule[], limit: number): Promise<readonly Sample[]>;
  /** Repeats, sequentially, the registration of an unchanged registered module; milliseconds each. */
  repeat(module: ServingModule, times: number): Promise<readonly number[]>;
  /** Unregisters them; not measured. */
  remove(modules: readonly ServingModule[]): Promise<void>;
}
