import { exampleModule } from "../support/example-suite.ts";

exampleModule({ folder: "typescript", needs: ["npm"], exitCode: 0 });
