import { exampleModule } from "../support/example-suite.ts";

// 128 + 15: Java's own answer to SIGTERM, after its shutdown hooks.
exampleModule({ folder: "java", needs: ["java", "mvn"], exitCode: 143 });
