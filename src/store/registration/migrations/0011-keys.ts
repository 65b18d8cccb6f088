import { idKeyOf, nameKeyOf } from "../../../registration/keys.ts";
import type { Migration, MigrationTarget } from "../../engine/migrate.ts";

type Query = MigrationTarget["query"];

const batch = 200;

/**
 * Keys that all spellings of an instance and of a name share. Of rows that clash already one gets the key: one that is
 * registered before one that is not, then the one whose first registration is earlier. Ids of registrations follow their time.
 */
export const keys: Migration = {
  name: "0011-keys",
  statements: (ddl) => [
    ...ddl.addColumns("instances", { id_key: ddl.key(512) }),
    ...ddl.addColumns("service_names", { name_key: ddl.key(255) }),
    ...ddl.addIndexes("instances", { instances_by_key: "id_key" }, "unique"),
    ...ddl.addIndexes("service_names", { service_names_by_key: "name_key" }, "unique"),
  ],
  async fill(query) {
    await fillKeys(query, { table: "instances", column: "service_id", key: "id_key", of: idKeyOf, registeredAs: "service_id" });
    await fillKeys(query, { table: "service_names", column: "name", key: "name_key", of: nameKeyOf, registeredAs: "name" });
  },
};

interface Keyed {
  readonly table: string;
  readonly column: string;
  readonly key: string;
  readonly of: (spelling: string) => string;
  /** The column of `registrations` that says whose they are. */
  readonly registeredAs: string;
}

async function fillKeys(query: Query, { table, column, key, of, registeredAs }: Keyed): Promise<void> {
  const registered = `select ${registeredAs} as spelling, min(id) as first_id, count(active_key) as active from registrations group by ${registeredAs}`;
  const rows = await query(
    `select t.${column} as spelling, t.${key} as held from ${table} t left join (${registered}) r on r.spelling = t.${column}
     order by case when r.active > 0 then 0 when r.first_id is not null then 1 else 2 end, r.first_id, t.${column}`,
  );
  const taken = new Set(rows.flatMap(({ held }) => (held === null ? [] : [String(held)])));
  const given: [string, string][] = [];
  for (const row of rows) {
    const spelling = String(row["spelling"]);
    const wanted = of(spelling);
    if (row["held"] !== null || taken.has(wanted)) continue;
    taken.add(wanted);
    given.push([spelling, wanted]);
  }
  for (let from = 0; from < given.length; from += batch) {
    const some = given.slice(from, from + batch);
    const cases = some.map(() => "when ? then ?").join(" ");
    const places = some.map(() => "?").join(", ");
    await query(`update ${table} set ${key} = case ${column} ${cases} end where ${column} in (${places})`, [
      ...some.flat(),
      ...some.map(([spelling]) => spelling),
    ]);
  }
}
