import type { CoreTx } from "../../kernel/records.ts";
import type { RegistrationTx } from "../../registration/records.ts";
import { sessionOn } from "../engine/dialect.ts";
import type { StorePart } from "../engine/part.ts";
import { attemptRepository } from "./attempts.ts";
import { askRepository } from "./asks.ts";
import { artifactRepository } from "./artifacts.ts";
import { criticalRepository } from "./criticals.ts";
import { gateRepository } from "./gate.ts";
import { instanceRepository } from "./instances.ts";
import { registration } from "./migrations/0001-registration.ts";
import { embedded } from "./migrations/0003-embedded.ts";
import { schemas } from "./migrations/0005-schemas.ts";
import { criticals } from "./migrations/0006-criticals.ts";
import { principalKeys } from "./migrations/0007-principal-keys.ts";
import { desiredTags } from "./migrations/0010-desired-tags.ts";
import { keys } from "./migrations/0011-keys.ts";
import { requestIds } from "./migrations/0012-request-ids.ts";
import { reservedNames } from "./migrations/0013-reserved-names.ts";
import { artifacts } from "./migrations/0014-artifacts.ts";
import { checks } from "./migrations/0015-checks.ts";
import { gate } from "./migrations/0027-gate.ts";
import { nameRepository } from "./names.ts";
import { registrationRepository } from "./registrations.ts";
import { registryVersionRepository } from "./registry-versions.ts";
import { schemaRepository } from "./schemas.ts";
import type { RegistrationTables } from "./tables.ts";

/** What registration keeps, beside what every domain does. */
export const registrationPart: StorePart<Omit<RegistrationTx, keyof CoreTx>> = {
  migrations: [registration, embedded, schemas, criticals, principalKeys, desiredTags, keys, requestIds, reservedNames, artifacts, checks, gate],
  repositories(whole) {
    const session = sessionOn<RegistrationTables>(whole);
    return {
      attempts: attemptRepository(session),
      instances: instanceRepository(session),
      names: nameRepository(session),
      gate: gateRepository(session),
      asks: askRepository(session),
      registrations: registrationRepository(session),
      criticals: criticalRepository(session),
      schemas: schemaRepository(session),
      artifacts: artifactRepository(session),
      registryVersions: registryVersionRepository(session),
    };
  },
};
