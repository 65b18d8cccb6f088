import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Take minutes, and are short: the runner begins with large files where it does not know how long they took. */
const longest = ["/test/fault/approval-races.test.ts", "/test/real.test.ts"];

/** Begins with the files that take longest, so that the others do not wait for them at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLongest = ({ moduleId }: TestSpecification): boolean => longest.some((path) => moduleId.endsWith(path));
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))];
  }
}
