/** Metrics of sources that come and go with their file. */
import { expect, test } from "vitest";
import { createMeter } from "../../src/adapters/prometheus/meter.ts";
import { inboundMeasures, inboundMeter } from "../../src/inbound/metrics.ts";
import type { Source } from "../../src/inbound/types.ts";
import { openInboundScene, source } from "../support/inbound-scene.ts";

test("a source has its series as soon as it is configured, and stands at no value when it is not any more", async () => {
  await using scene = await openInboundScene();
  const sources: Source[] = [source];
  const measures = inboundMeasures(scene.store, () => sources);
  const meter = createMeter(() => [measures]);
  const page = async () => (await meter.render()).body;
  expect(await page()).toMatch(/^inbound_events_total\{source="markets",result="failed"\} 0$/m);
  expect(await page()).not.toMatch(/^inbound_polls_total\{/m);
  sources.push({ ...source, name: "core", poll: { url: "https://core/", headers: {}, everyMs: 10_000, cursor: undefined } });
  await scene.store.tx(async (tx) => tx.inboundPolls.save({ ...(await tx.inboundPolls.lock("core", "p")), isStarved: true }));
  await scene.clock.pass(60_000);
  inboundMeter(meter).polled("core", "refused");
  const polled = await page();
  for (const line of [
    'inbound_polls_total{source="core",result="refused"} 1',
    'inbound_polls_total{source="core",result="ok"} 0',
    'inbound_events_total{source="core",result="failed"} 0',
    // It was never read: since it was looked at first.
    'inbound_poll_age_seconds{source="core"} 60',
    'inbound_poll_starved{source="core"} 1',
  ])
    expect(polled.split("\n")).toContain(line);
  sources.pop();
  const gone = (await page()).split("\n");
  for (const line of [
    'inbound_poll_age_seconds{source="core"} 0',
    'inbound_poll_starved{source="core"} 0',
    'inbound_polls_total{source="core",result="refused"} 1',
  ])
    expect(gone).toContain(line);
});
