import type { RegistrationStore } from "../../registration/records.ts";
import type { Runner } from "../../registration/attempts/runner.ts";
import type { DiscoveryView } from "../../registration/discovery/view.ts";
import type { Progress } from "../../registration/attempts/progress.ts";
import type { RegisterDeps } from "../../registration/register.ts";
import type { UnregisterDeps } from "../../registration/unregister.ts";
import type { UpdateTagsDeps } from "../../registration/update-tags.ts";
import type { Clock } from "../../kernel/ports.ts";

/** What the registration handlers work with. */
export interface RegistrationHandlerDeps {
  readonly store: RegistrationStore;
  readonly clock: Clock;
  readonly runner: Runner;
  readonly progress: Progress;
  readonly discovery: DiscoveryView;
  readonly register: RegisterDeps;
  readonly unregister: UnregisterDeps;
  readonly updateTags: UpdateTagsDeps;
}
