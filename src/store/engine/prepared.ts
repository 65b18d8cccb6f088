/**
 * Queries whose text is made once, not each time they run: making it is most of what the query builder costs. They are for
 * statements that many calls make.
 */
import type { Compilable, CompiledQuery } from "kysely";
import type { Session, StoreDialect } from "./dialect.ts";

/** Stands in the compiled query for the value with this name. */
class Place {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * The query that `build` makes, with the given values. `build` runs once for each store, with something that stands for each value:
 * it can pass that on as the value of a column or a condition, and not look at it. So no part of the text can depend on a value,
 * such as the length of a list.
 */
export function prepared<Tables, Values extends object, Row>(
  build: (session: Session<Tables>, values: Values) => Compilable<Row>,
): (session: Session<Tables>, values: Values) => CompiledQuery<Row> {
  const compiled = new WeakMap<StoreDialect, CompiledQuery<Row>>();
  return (session, values) => {
    const known = compiled.get(session.dialect) ?? build(session, placesOf(values)).compile();
    compiled.set(session.dialect, known);
    const given = values as Readonly<Record<string, unknown>>;
    return { ...known, parameters: known.parameters.map((value) => (value instanceof Place ? given[value.name] : value)) };
  };
}

function placesOf<Values extends object>(values: Values): Values {
  return Object.fromEntries(Object.keys(values).map((name) => [name, new Place(name)])) as Values;
}
