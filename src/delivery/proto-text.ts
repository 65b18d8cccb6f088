/** Messages as the text of a separate .proto file, for consumers that read their schema from a registry. */
import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";

/**
 * A file that declares `messages` and what else of their package they use, under the package and the Java options of the file that the first
 * comes from; what they use of other packages is imported. The text depends only on the messages. They must be of one package and
 * have neither maps nor enums.
 */
export function protoText(messages: readonly DescMessage[]): string {
  const file = messages[0]?.file.proto;
  const declared = withOwn(messages);
  const used = declared.flatMap(({ fields }) => fields.flatMap(({ message }) => message ?? []));
  const imports = new Set(used.filter((message) => !declared.includes(message)).map((message) => `${message.file.name}.proto`));
  return [
    'syntax = "proto3";',
    "",
    `package ${file?.package};`,
    "",
    ...[...imports].toSorted().map((name) => statement("import", name)),
    "",
    `option java_multiple_files = ${file?.options?.javaMultipleFiles ?? false};`,
    `option java_package = "${file?.options?.javaPackage ?? file?.package}";`,
    ...declared.flatMap(({ name, fields }) => ["", `message ${name} {`, ...fields.map(fieldText), "}"]),
    "",
  ].join("\n");
}

/** These messages, then those of their package that they use. */
function withOwn(messages: readonly DescMessage[]): readonly DescMessage[] {
  const all = new Set(messages);
  for (const { fields, file } of all) {
    for (const { message } of fields) if (message?.file.proto.package === file.proto.package) all.add(message);
  }
  return [...all];
}

function statement(keyword: string, text: string): string {
  return `${keyword} "${text}";`;
}

function fieldText(field: DescField): string {
  const isList = field.fieldKind === "list";
  const type = field.message ? field.message.typeName : field.scalar === undefined ? undefined : ScalarType[field.scalar].toLowerCase();
  if (type === undefined || field.fieldKind === "map") throw new Error(`${field.parent.typeName}.${field.name} is of a kind that cannot be written`);
  return `  ${isList ? "repeated " : ""}${type} ${field.name} = ${field.number};`;
}
