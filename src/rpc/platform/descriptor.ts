import { create, toBinary, type DescFile } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { HttpRoute } from "../transport/http-route.ts";
import { reflectionAccess } from "./auth.ts";

/** `/descriptor.binpb`: these files and all they import as a FileDescriptorSet, the same bytes every time, for those who may use reflection. Encoded on first use. */
export function descriptorRoute(files: readonly DescFile[]): HttpRoute {
  let body: Uint8Array | undefined;
  const encode = () => toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: withImports(files).map((desc) => desc.proto) }));
  return {
    method: "GET",
    path: "/descriptor.binpb",
    access: reflectionAccess,
    handle: () => ({ status: 200, contentType: "application/octet-stream", body: (body ??= encode()) }),
  };
}

/** The files that these need, themselves included; a file comes after those it imports, the order is always the same. */
export function withImports(files: readonly DescFile[]): readonly DescFile[] {
  const out = new Map<string, DescFile>();
  const visit = (file: DescFile) => {
    if (out.has(file.proto.name)) return;
    file.dependencies.forEach(visit);
    out.set(file.proto.name, file);
  };
  files.toSorted((a, b) => (a.proto.name < b.proto.name ? -1 : 1)).forEach(visit);
  return [...out.values()];
}
