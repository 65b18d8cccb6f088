import { exampleModule } from "../support/example-suite.ts";

exampleModule({ folder: "go", needs: ["go"], exitCode: 0 });
