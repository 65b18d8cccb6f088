import { toBinary, type DescFile, type DescMessage, type DescService } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { withImports } from "./descriptor.ts";

/** Where every name of a set of files is declared. Names are fully qualified, without a leading dot. */
export interface DescriptorIndex {
  /** The file with this path, such as `google/protobuf/timestamp.proto`. */
  file(path: string): DescFile | undefined;
  /** The file that declares a service, method, message, field, oneof, extension, enum or enum value. */
  fileOfSymbol(name: string): DescFile | undefined;
  fileOfExtension(message: string, number: number): DescFile | undefined;
  /** Numbers of all extensions of a message, ascending; undefined when there is no such message. */
  extensionNumbers(message: string): readonly number[] | undefined;
}

/** The file's FileDescriptorProto, encoded. */
export function fileBytes(file: DescFile): Uint8Array {
  return toBinary(FileDescriptorProtoSchema, file.proto);
}

/** Indexes the files of these services, `more` files, and all they import. */
export function createDescriptorIndex(services: readonly DescService[], more: readonly DescFile[] = []): DescriptorIndex {
  const files = withImports([...services.map((service) => service.file), ...more]);
  const byPath = new Map(files.map((file) => [file.proto.name, file]));
  const bySymbol = new Map<string, DescFile>();
  const messages = new Set<string>();
  const extensions = new Map<string, Map<number, DescFile>>();

  for (const file of files) {
    for (const type of nestedTypes(file)) {
      bySymbol.set(type.typeName, file);
      switch (type.kind) {
        case "service":
          for (const method of type.methods) bySymbol.set(`${type.typeName}.${method.name}`, file);
          break;
        case "message":
          messages.add(type.typeName);
          for (const name of memberNames(type)) bySymbol.set(`${type.typeName}.${name}`, file);
          break;
        case "enum": {
          // Values of an enum are siblings of the enum, not its members.
          const scope = type.typeName.slice(0, -type.name.length);
          for (const value of type.values) bySymbol.set(scope + value.name, file);
          break;
        }
        case "extension": {
          const numbers = extensions.get(type.extendee.typeName) ?? new Map<number, DescFile>();
          extensions.set(type.extendee.typeName, numbers.set(type.number, file));
        }
      }
    }
  }

  return {
    file: (path) => byPath.get(path),
    fileOfSymbol: (name) => bySymbol.get(name),
    fileOfExtension: (message, number) => extensions.get(message)?.get(number),
    extensionNumbers: (message) => (messages.has(message) ? [...(extensions.get(message)?.keys() ?? [])].toSorted((a, b) => a - b) : undefined),
  };
}

function memberNames(message: DescMessage): string[] {
  // The descriptor's own lists: synthetic oneofs and the entry messages of maps are symbols too.
  const { field, oneofDecl, nestedType } = message.proto;
  return [...field, ...oneofDecl, ...nestedType].map((member) => member.name);
}
