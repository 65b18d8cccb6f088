/** Messages as the text of a separate .proto file, for consumers that read their schema from a registry. */
import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";

/**
 * A file that declares exactly `messages`, under the package and the Java options of the file they come from; what else they use is
 * imported. The text depends only on the messages. They must be of one file and have neither maps nor enums.
 */
export function protoText(messages: readonly DescMessage[]): string {
  const file = messages[0]?.file.proto;
  const imports = new Set(messages.flatMap(({ fields }) => fields.flatMap(({ message }) => (message ? [`${message.file.name}.proto`] : []))));
  return [
    'syntax = "proto3";',
    "",
    `package ${file?.package};`,
    "",
    ...[...imports].toSorted().map((name) => statement("import", name)),
    "",
    `option java_multiple_files = ${file?.options?.javaMultipleFiles ?? false};`,
    `option java_package = "${file?.options?.javaPackage ?? file?.package}";`,
    ...messages.flatMap(({ name, fields }) => ["", `message ${name} {`, ...fields.map(fieldText), "}"]),
    "",
  ].join("\n");
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
