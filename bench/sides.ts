/** What is measured side by side: something that brings a new module onto the platform, and takes it off again. */

/** A module that serves already, and who it says it is. */
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
  /** The part of it between the catalog's taking the entry and its first passing probe being seen: chance, mostly. */
  readonly waitMs: number;
}

export interface Side extends AsyncDisposable {
  /** Registers all, `limit` at a time. */
  register(modules: readonly ServingModule[], limit: number): Promise<readonly Sample[]>;
  /** Does again, one after another, what was done for a module that is registered and has not changed; milliseconds each. */
  repeat(module: ServingModule, times: number): Promise<readonly number[]>;
  /** Takes them off the platform; not measured. */
  remove(modules: readonly ServingModule[]): Promise<void>;
}
