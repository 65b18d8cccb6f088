import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Takes minutes, and is short: the runner begins with large files where it does not know how long they took. */
const longest = "/test/real.test.ts";

/** Begins with the file that takes longest, so that the others do not wait for it at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLongest = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith(longest);
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))];
  }
}
