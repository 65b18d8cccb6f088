/** THE TABLE of constraints. A keyword is compared because a rule here has it. */
import type { Rule } from "../rule.ts";
import { containsRule, itemsRule, unevaluatedItemsRule, uniqueRule } from "./arrays.ts";
import { anyOfRule, oneOfRule } from "./alternatives.ts";
import { dynamicRules, ifRule, notRule } from "./conditions.ts";
import { countRules } from "./counts.ts";
import { dependencyRules } from "./dependencies.ts";
import { lowerRule, multipleRule, upperRule } from "./numbers.ts";
import { propertiesRule, propertyNamesRule, requiredRule, unevaluatedPropertiesRule } from "./objects.ts";
import { optionalRules, patternRule } from "./texts.ts";
import { listRule, typeRule } from "./values.ts";

const scalars = [typeRule, listRule, lowerRule, upperRule, multipleRule, ...countRules, patternRule, ...optionalRules];
const inObjects = [requiredRule, propertiesRule, propertyNamesRule, ...dependencyRules, unevaluatedPropertiesRule];
const inArrays = [itemsRule, uniqueRule, containsRule, unevaluatedItemsRule];
const combinations = [anyOfRule, oneOfRule, notRule, ifRule, ...dynamicRules];

export const rules: readonly Rule[] = [...scalars, ...inObjects, ...inArrays, ...combinations];
