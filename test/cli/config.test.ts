import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { masked } from "../../src/kernel/mask.ts";
import { allVariables } from "../../src/config/config.ts";
import { runCli } from "../support/muster-cli.ts";

describe("what may be shown of a value", () => {
  test.each([
    ["mysql://muster:pw@db:3306/muster?ssl=true", true, "mysql://muster:***@db:3306/muster?ssl=true"],
    ["mysql://muster:p@ss:w/o?rd@db/muster", true, "***"],
    ["mysql://muster:12?rd@db/muster", true, "***"],
    ["mysql://muster:p/w@db/muster", true, "***"],
    ["mysql://muster:pw:2@db/muster", true, "mysql://muster:***@db/muster"],
    ["consul+http//user:pw@consul", false, "***"],
    ["mysql://muster@db/muster", true, "mysql://muster@db/muster"],
    ["mysql://db/muster?password=pw&ssl=true", true, "mysql://db/muster?password=***&ssl=true"],
    ["consul+http://user:pw@consul:8500", false, "consul+http://user:***@consul:8500"],
    ["sqlite:./.muster/muster.db", true, "sqlite:./.muster/muster.db"],
    ["kafka://u:pw@k1:9092", false, "kafka://u:***@k1:9092"],
    ["kafka://u:pw@k1:9092,u:pw@k2:9092", false, "***"],
    ["consul+http://t0ken@consul:8500", false, "consul+http://***@consul:8500"],
    ["consul+http://consul:8500?token=t0ken", false, "consul+http://consul:8500?token=***"],
    ["s3cret", true, "***"],
    ["mysq//u:secret@h/d", true, "***"],
    ["-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----", false, "***"],
    ["127.0.0.1:7430", false, "127.0.0.1:7430"],
    ["", true, ""],
  ])("%j, secret: %s", (value, secret, shown) => {
    expect(masked(value, secret)).toBe(shown);
  });
});

describe("muster config", () => {
  const env = { MUSTER_STORE: "mysql://muster:hunter2@db:3306/muster", MUSTER_CATALOG_TOKEN: "hunter3", MUSTER_LOG_LEVEL: "warn" };

  test("shows every variable, its value, where it comes from, and no secret", async () => {
    const { code, out, err } = await runCli(["config", "-o", "json"], env);
    expect([code, err]).toEqual([0, ""]);
    expect(out).not.toContain("hunter");
    const { variables } = JSON.parse(out) as { variables: { name: string; value: string; from: string }[] };
    expect(variables.map(({ name }) => name)).toEqual(Object.keys(allVariables));
    const find = (name: string) => variables.find((variable) => variable.name === name);
    expect(find("MUSTER_STORE")).toMatchObject({ value: "mysql://muster:***@db:3306/muster", from: "environment" });
    expect(find("MUSTER_CATALOG_TOKEN")).toMatchObject({ value: "***", from: "environment" });
    expect(find("MUSTER_LISTEN")).toMatchObject({ value: "127.0.0.1:7430", from: "default" });
    expect((await runCli(["config"], env)).out).toMatch(/^MUSTER_LOG_LEVEL +warn +environment +server$/m);
  });

  test("says what is wrong with the file of sources, without its secrets", async () => {
    const folder = mkdtempSync(join(tmpdir(), "muster-cli-"));
    const path = join(folder, "inbound.yaml");
    const source = 'poll: {url: "https://core/", key: hunter2}, approve: [x], subject: {approval: /id}, voter: {key: "s|a"}';
    const config = async () => {
      const { code, out } = await runCli(["config", "-o", "json"], { MUSTER_INBOUND: path });
      expect(out).not.toContain("hunter2");
      return [code, (JSON.parse(out) as { problems: string[] }).problems];
    };
    writeFileSync(path, `sources: [{name: a, ${source}}]`);
    expect(await config()).toEqual([0, []]);
    writeFileSync(path, `sources: [{nam: a, ${source}}]`);
    expect(await config()).toEqual([1, [expect.stringMatching(/^MUSTER_INBOUND: the file of sources is not valid: .*\(line 1, column 11\)/)]]);
    rmSync(folder, { recursive: true });
    expect(await config()).toEqual([1, [`MUSTER_INBOUND: the file ${path} cannot be read`]]);
  });

  test("says which file a secret comes from, and does not show it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "muster-cli-"));
    const path = join(folder, "store");
    writeFileSync(path, "mysql://muster:hunter2@db/muster\n");
    const { out } = await runCli(["config", "-o", "yaml"], { MUSTER_STORE_FILE: path });
    rmSync(folder, { recursive: true });
    expect(out).toContain("mysql://muster:***@db/muster");
    expect(out).toContain(`from: file ${path}`);
    expect(out).not.toContain("hunter2");
  });

  test.each([["serve"], ["doctor"], ["config"], ["doctor", "-o", "json"]])("no secret is in what %s says of bad settings", async (...args) => {
    const bad = {
      MUSTER_CATALOG: "http://u:hunter2@consul",
      MUSTER_SCHEMAS: "apicurio://hunter2@registry",
      MUSTER_EVENTS: "kafka://u:hunter2@kafka:9092",
      MUSTER_ADDRESS: "http://u:hunter2@here:1",
    };
    const { code, out, err } = await runCli(args, bad);
    expect(code).toBe(1);
    expect(out + err).toContain("MUSTER_EVENTS");
    expect(out + err).not.toContain("hunter2");
  });

  test("lists all that is wrong, with exit code 1", async () => {
    const { code, out } = await runCli(["config"], { MUSTER_LISTEN: "nowhere", MUSTER_STROE: "x", MUSTER_STORE: "mysq://u:hunter2@h/d" });
    expect(code).toBe(1);
    expect(out).toMatch(/Not valid:[^]*MUSTER_STROE is not known; did you mean MUSTER_STORE\?[^]*MUSTER_LISTEN/);
    expect(out).not.toContain("hunter2");
  });
});
