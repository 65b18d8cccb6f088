import { exampleModule } from "../support/example-suite.ts";

exampleModule({ folder: "python", needs: ["python3"], exitCode: 0 });
