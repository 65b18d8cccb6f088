import type { DescFile, DescService } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { file_google_rpc_error_details } from "../../../gen/google/rpc/error_details_pb.ts";
import * as v1 from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import * as v1alpha from "../../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { reflectionAccess } from "./auth.ts";
import { served, type ServedService } from "../transport/served.ts";
import { createDescriptorIndex, fileBytes, type DescriptorIndex } from "./reflection-index.ts";

const access = { access: reflectionAccess, life: "reflection", onDrain: "end" } as const;

/** gRPC server reflection, v1 and v1alpha, of `services`, the files `more`, itself and error details. */
export function reflectionServices(services: readonly DescService[], more: readonly DescFile[] = []): readonly ServedService[] {
  const all = [...services, v1.ServerReflection, v1alpha.ServerReflection];
  // No service mentions them, and clients that print errors look them up by name.
  const index = createDescriptorIndex(all, [file_google_rpc_error_details, ...more]);
  const names = all.map((service) => service.typeName).toSorted();
  async function* answers<R extends v1.ServerReflectionRequest | v1alpha.ServerReflectionRequest>(requests: AsyncIterable<R>) {
    const sent = new Set<string>();
    for await (const request of requests) {
      const messageResponse = answer(index, names, sent, request.messageRequest);
      yield { validHost: request.host, originalRequest: request, messageResponse };
    }
  }
  return [
    served(v1.ServerReflection, { serverReflectionInfo: { ...access, call: answers } }),
    served(v1alpha.ServerReflection, { serverReflectionInfo: { ...access, call: answers } }),
  ];
}

type Question = v1.ServerReflectionRequest["messageRequest"] | v1alpha.ServerReflectionRequest["messageRequest"];

/** `sent` has the paths of the files this stream was given already; imports among them are not sent again. */
function answer(index: DescriptorIndex, names: readonly string[], sent: Set<string>, question: Question) {
  switch (question.case) {
    case "listServices":
      return { case: "listServicesResponse" as const, value: { service: names.map((name) => ({ name })) } };
    case "fileByFilename":
      return files(index.file(question.value), sent, "file");
    case "fileContainingSymbol":
      return files(index.fileOfSymbol(question.value), sent, "symbol");
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      return files(index.fileOfExtension(containingType, extensionNumber), sent, "extension");
    }
    case "allExtensionNumbersOfType": {
      const numbers = index.extensionNumbers(question.value);
      if (!numbers) return failure(Code.NotFound, "no such message");
      const value = { baseTypeName: question.value, extensionNumber: [...numbers] };
      return { case: "allExtensionNumbersResponse" as const, value };
    }
    case undefined:
      return failure(Code.InvalidArgument, "the request is of no kind that this server knows");
  }
}

function files(root: DescFile | undefined, sent: Set<string>, what: string) {
  if (!root) return failure(Code.NotFound, `no such ${what}`);
  const out: Uint8Array[] = [];
  // The requested file is always sent, and first.
  const queue = [root];
  for (const file of queue) {
    if (file !== root && sent.has(file.proto.name)) continue;
    sent.add(file.proto.name);
    out.push(fileBytes(file));
    for (const dependency of file.dependencies) {
      if (!sent.has(dependency.proto.name) && !queue.includes(dependency)) queue.push(dependency);
    }
  }
  return { case: "fileDescriptorResponse" as const, value: { fileDescriptorProto: out } };
}

function failure(code: Code, message: string) {
  return { case: "errorResponse" as const, value: { errorCode: code, errorMessage: message } };
}
