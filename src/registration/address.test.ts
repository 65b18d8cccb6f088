import { describe, expect, test } from "vitest";
import { cidrViolation, hostViolation, judgeAddress } from "./address.ts";

const production = { allowLoopback: false, allowedRanges: [] };
const development = { allowLoopback: true, allowedRanges: [] };

describe("hosts as text", () => {
  test.each(["echo", "echo.example.com", "10.0.0.7", "::1", "2001:db8::7", "my_service", "a-b.c-d", "xn--bcher-kva.example"])("%s is a host", (host) => {
    expect(hostViolation(host)).toBeUndefined();
  });

  test.each([
    "",
    "http://echo",
    "echo:80",
    "echo/path",
    "user@echo",
    "echo.",
    ".echo",
    "-echo",
    "a..b",
    "[::1]",
    "fe80::1%eth0",
    "0x7f000001",
    "2130706433",
    "127.1",
    "127.0.0.0x1",
    "010.0.0.1",
    "::ffff:127.0.0.01",
    "::ffff:0177.0.0.1",
    "::ffff:0x7f.0.0.1",
    "64:ff9b::010.1.1.1",
    "unix:/tmp/x",
    "ipv4:1.2.3.4,5.6.7.8",
    "bücher.example",
    "echo example",
    "echo\n",
    `${"a".repeat(64)}.example`,
    "a.".repeat(130) + "a",
  ])("%j is not", (host) => {
    expect(hostViolation(host)).toBeDefined();
  });
});

describe("ranges", () => {
  test.each(["10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "fd00::/8", "::/0"])("%s is one", (cidr) => {
    expect(cidrViolation(cidr)).toBeUndefined();
  });

  test.each(["10.0.0.0", "10.0.0.0/33", "10/8", "010.0.0.0/8", "0x0a.0.0.0/8", "10.0.0.0/8 ", "fd00::%eth0/8", "::ffff:10.0.0.0/104", "everything", ""])(
    "%j is not",
    (cidr) => {
      expect(cidrViolation(cidr)).toBeDefined();
    },
  );
});

describe("addresses", () => {
  const alwaysDenied = [
    "169.254.169.254",
    "169.254.1.1",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "239.1.2.3",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "::169.254.169.254",
    "::ffff:0:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b:1::a00:1",
    "2001::7f00:1",
    "2001:0:a00:1::1",
    "2001:2::1",
    "2001:20::1",
    "2001:db8::1",
    "fec0::1",
    "feff::1",
    "100::1",
    "5f00::1",
    "4000::1",
    "::2:3:4:5",
  ];

  test.each(alwaysDenied)("%s is denied, in development too", (address) => {
    expect(judgeAddress(address, production)).toBeDefined();
    expect(judgeAddress(address, development)).toBeDefined();
  });

  test.each(alwaysDenied)("%s is denied even when a range allows it", (address) => {
    expect(judgeAddress(address, { allowLoopback: true, allowedRanges: ["0.0.0.0/0", "::/0"] })).toBeDefined();
  });

  test.each(["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])("%s is for development", (address) => {
    expect(judgeAddress(address, production)).toBeDefined();
    expect(judgeAddress(address, development)).toBeUndefined();
  });

  test.each(["10.1.2.3", "192.168.0.9", "172.16.5.4", "8.8.8.8", "2001:4860::1", "fd12::7"])("%s is allowed", (address) => {
    expect(judgeAddress(address, production)).toBeUndefined();
  });

  test("ranges narrow what is allowed, loopback included", () => {
    const policy = { allowLoopback: false, allowedRanges: ["10.0.0.0/8", "127.0.0.1/32"] };
    expect(judgeAddress("10.9.9.9", policy)).toBeUndefined();
    expect(judgeAddress("127.0.0.1", policy)).toBeUndefined();
    expect(judgeAddress("127.0.0.2", policy)).toBeDefined();
    expect(judgeAddress("192.168.1.1", policy)).toBeDefined();
  });
});
