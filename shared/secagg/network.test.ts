import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import type { DeviceId } from '../ids.ts';
import { type Lab, rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import { type Fate, type LoopbackReport, type Packet, promptly, runLoopback } from '../testing/secagg-loopback.ts';
import { type SeededRandom, seededRandom } from '../testing/seeded-random.ts';
import { type Turn, turns } from './messages.ts';

const provider = rememberingVerdicts(nodeCrypto());

/** What must hold however the network behaved. */
function checkLaws(lab: Lab, report: LoopbackReport, note: string): void {
  const { outcome } = report;
  if (outcome.kind === 'committed') {
    expect(outcome.sum, note).toEqual(lab.sumOf(outcome.survivors));
  } else {
    expect(outcome.reason, note).toMatch(/^too-few-/);
  }
  expect(outcome.named, note).toEqual([]);
  for (const [id, device] of report.devices) {
    const kinds = device.records.map(({ kind }) => kind);
    expect(new Set(kinds).size, note).toBe(kinds.length);
    const sent = report.packets.filter((packet) => packet.way === 'up' && packet.device === id);
    for (const name of turns) {
      const bodies = new Set(sent.filter((packet) => packet.name === name).map(({ body }) => body.join()));
      expect(bodies.size, `${note}: one ${name} of ${id}`).toBeLessThanOrEqual(1);
    }
    if (device.outcome?.kind === 'completed' && outcome.kind === 'committed') {
      expect(device.outcome.isIncluded, note).toBe(outcome.survivors.includes(id));
      expect(device.outcome.survivors, note).toBe(outcome.survivors.length);
    }
  }
}

describe('devices that leave', () => {
  it.each([
    { devices: 10, rounds: 4, leaving: 3, plan: {} },
    { devices: 32, rounds: 1, leaving: 6, plan: {} },
    { devices: 64, rounds: 1, leaving: 10, plan: {} },
    // Few neighbours, to save time.
    { devices: 100, rounds: 1, leaving: 10, plan: { corruptBasisPoints: 500, dropoutBasisPoints: 2000, sigma: 20 } },
    { devices: 256, rounds: 1, leaving: 15, plan: { corruptBasisPoints: 100, dropoutBasisPoints: 1000, sigma: 8 } },
  ])('do not change the sum of the others: $leaving of $devices', async ({ devices, rounds, plan, leaving }) => {
    const lab = await secaggLab({ provider, devices, seed: `leaving ${devices}`, plan: { dimension: 16, ...plan } });
    for (let seed = 0; seed < rounds; seed++) {
      const random = seededRandom(`${devices} ${seed}`);
      const leavers = new Map(
        random
          .shuffle(lab.ids)
          .slice(0, leaving)
          .map((id): [DeviceId, Turn] => [id, turns[1 + random.below(5)]!]),
      );
      const fateOf = ({ way, device, name }: Packet): Fate =>
        way === 'up' && leavers.get(device) === name ? { do: 'crash' } : promptly;
      const report = await runLoopback({ ...lab, provider, seed, fateOf });
      checkLaws(lab, report, `seed ${seed}`);
      expect(report.outcome.kind, `seed ${seed}`).toBe('committed');
      const early = [...leavers].filter(([, turn]) => turns.indexOf(turn) <= turns.indexOf('masked-input'));
      expect(report.outcome).toMatchObject({ funnel: { masked: devices - early.length } });
    }
  });
});

describe('an unreliable network', () => {
  it('gives the exact sum or a clean abort when messages are late, doubled, reordered or lost', async () => {
    const lab = await secaggLab({ provider, devices: 10, seed: 'unreliable' });
    let committed = 0;
    for (let seed = 0; seed < 24; seed++) {
      const severity = 1 + (seed % 4);
      const report = await runLoopback({ ...lab, provider, seed, fateOf: (_, random) => someFate(random, severity) });
      checkLaws(lab, report, `seed ${seed}`);
      if (report.outcome.kind === 'committed') committed++;
    }
    // Neither all nor none: otherwise half of the law would not have been tried.
    expect(committed).toBeGreaterThan(3);
    expect(committed).toBeLessThan(21);
  });

  it('loses nobody through delays and doubles within the turn', async () => {
    const lab = await secaggLab({ provider, devices: 6, seed: 'doubled' });
    for (let seed = 0; seed < 8; seed++) {
      const fateOf = (_: Packet, random: SeededRandom): Fate => ({
        do: 'deliver',
        afterMs: [random.below(4000), random.below(4000)],
      });
      const report = await runLoopback({ ...lab, provider, seed, fateOf });
      checkLaws(lab, report, `seed ${seed}`);
      expect(report.outcome, `seed ${seed}`).toMatchObject({ kind: 'committed', funnel: { masked: 6, unmasked: 6 } });
    }
  });

  it.each(turns)('keeps a device whose connection breaks as it sends %s and comes back in time', async (turn) => {
    const lab = await secaggLab({ provider, devices: 6, seed: 'resume' });
    const [broken, slow] = lab.ids;
    let breaks = 0;
    const fateOf = ({ way, device, name }: Packet): Fate => {
      if (way === 'up' && name === turn && device === broken && breaks++ === 0) return { do: 'disconnect', forMs: 50 };
      // Somebody else keeps the turn open meanwhile.
      return way === 'up' && device === slow ? { do: 'deliver', afterMs: [500] } : promptly;
    };
    const report = await runLoopback({ ...lab, provider, fateOf });
    checkLaws(lab, report, turn);
    expect(breaks).toBe(2);
    expect(report.outcome).toMatchObject({ kind: 'committed', funnel: { masked: 6, certified: 6, unmasked: 6 } });
  });

  it.each([
    'roster',
    'shares',
    'sharers',
    'survivors',
    'certificate',
    'outcome',
  ] as const)('repeats %s to a device whose connection broke as it was sent', async (missed) => {
    const lab = await secaggLab({ provider, devices: 6, seed: 'missed' });
    const [broken, slow] = lab.ids;
    let breaks = 0;
    const fateOf = ({ way, device, name }: Packet): Fate => {
      if (way === 'down' && name === missed && device === broken && breaks++ === 0)
        return { do: 'disconnect', forMs: 50 };
      return way === 'up' && device === slow ? { do: 'deliver', afterMs: [500] } : promptly;
    };
    const report = await runLoopback({ ...lab, provider, fateOf });
    checkLaws(lab, report, missed);
    expect(report.outcome).toMatchObject({ kind: 'committed', funnel: { masked: 6, certified: 6, unmasked: 6 } });
    expect(report.devices.get(broken!)?.outcome).toMatchObject({ kind: 'completed', isIncluded: true });
  });
});

describe('a person who withdraws', () => {
  it('is left out of the sum when the coordinator hears it before U2 is fixed', async () => {
    const lab = await secaggLab({ provider, devices: 6, seed: 'withdraw' });
    const [leaver, slow] = lab.ids;
    const at = lab.plan.openedAt + 1500;
    const fateOf = ({ way, device }: Packet): Fate =>
      way === 'up' && device === slow ? { do: 'deliver', afterMs: [499] } : promptly;
    const report = await runLoopback({
      ...lab,
      provider,
      fateOf,
      actions: [{ at, device: leaver!, do: 'withdraw' }],
    });
    checkLaws(lab, report, 'withdraw');
    const sent = report.packets.filter((packet) => packet.way === 'up' && packet.device === leaver);
    expect(sent.map(({ name }) => name)).toEqual(['advertise', 'deal', 'acknowledge', 'masked-input', 'withdraw']);
    expect(report.outcome).toMatchObject({ kind: 'committed', funnel: { masked: 5 } });
    expect(report.outcome.kind === 'committed' && report.outcome.survivors).not.toContain(leaver);
  });
});

function someFate(random: SeededRandom, severity: number): Fate {
  const draw = random.below(1000) / severity;
  if (draw < 5) return { do: 'crash' };
  if (draw < 10) return { do: 'deliver', afterMs: [] };
  if (draw < 30) return { do: 'disconnect', forMs: random.below(3000) };
  if (draw < 100) return { do: 'deliver', afterMs: [random.below(200), random.below(20_000)] };
  return { do: 'deliver', afterMs: [random.below(5000)] };
}
