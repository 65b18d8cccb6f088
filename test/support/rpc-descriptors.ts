import { globSync } from "node:fs";
import type { DescFile, DescService } from "@bufbuild/protobuf";
import { PipeStepProcessorService } from "../../gen/ai/pipestream/data/module/v1/module_service_pb.ts";

const root = new URL("../../", import.meta.url);
const paths = globSync("gen/**/*_pb.ts", { cwd: root.pathname }).toSorted();
const modules: readonly object[] = await Promise.all(paths.map((path) => import(new URL(path, root).pathname)));

function isFile(value: unknown): value is DescFile {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "file";
}

/** Every generated file's descriptor. */
export const generatedFiles: readonly DescFile[] = modules.flatMap((module) => Object.values(module).filter(isFile));

/** Every service there is, but the one that modules implement and we only call. */
export const servedServices: readonly DescService[] = generatedFiles
  .flatMap((file) => file.services)
  .filter((service) => service.typeName !== PipeStepProcessorService.typeName);
