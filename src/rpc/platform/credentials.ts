/** The header fields that say whose a call is. */
export const credentialFields = ["authorization", "muster-principal", "muster-groups", "muster-roles"] as const;
type CredentialField = (typeof credentialFields)[number];

/** Values by field; the headers of a call as Node has them are credentials too. Node joins the values of a repeated field with ", ". */
export interface Credentials extends Readonly<Partial<Record<Exclude<CredentialField, "authorization">, string | readonly string[] | undefined>>> {
  readonly authorization?: string | undefined;
}

/** The credentials among the header fields that `get` finds. */
export function credentialsIn(get: (field: CredentialField) => string | null): Credentials {
  return Object.fromEntries(credentialFields.map((field) => [field, get(field) ?? undefined]));
}
