import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import type { DeviceId } from '../ids.ts';
import { rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import { beginLockstep, type Lockstep, playTurn } from '../testing/secagg-lockstep.ts';
import { turns } from './messages.ts';

describe('every dropout pattern at every turn gives the exact sum of the survivors or a clean abort', () => {
  // δ sets how many may be missing: 1 of 4, 2 of 5.
  it.each([
    { devices: 4, dropoutBasisPoints: 3000 },
    { devices: 5, dropoutBasisPoints: 4000 },
  ])('exhaustively for $devices devices', async ({ devices, dropoutBasisPoints }) => {
    const provider = rememberingVerdicts(nodeCrypto());
    const lab = await secaggLab({
      provider,
      devices,
      seed: `dropouts ${devices}`,
      plan: { dropoutBasisPoints, dimension: 3 },
    });
    const advertised = await playTurn(await beginLockstep(provider, lab));
    const endings = { committed: 0, abandoned: 0 };

    const explore = async (lockstep: Lockstep, history: History): Promise<void> => {
      if (lockstep.outcome) {
        endings[lockstep.outcome.kind] += patternsBelow(history, devices);
        checkEnding(lab, lockstep, history);
        return;
      }
      for (const leaving of subsets([...lockstep.devices.keys()])) {
        await explore(await playTurn(lockstep, { leaving: new Set(leaving) }), [...history, leaving]);
      }
    };

    await explore(advertised, []);
    expect(endings.committed + endings.abandoned).toBe(6 ** devices);
    expect(endings.committed).toBeGreaterThan(0);
  });
});

/** Who left before sending, turn by turn from R1a on. */
type History = readonly (readonly DeviceId[])[];

/** How many dropout patterns a run stands for that ended before the last turn. */
function patternsBelow(history: History, devices: number): number {
  const left = history.flat().length;
  return (turns.length - history.length) ** (devices - left);
}

function checkEnding(lab: Awaited<ReturnType<typeof secaggLab>>, { outcome }: Lockstep, history: History): void {
  const missing = (turnCount: number) => new Set(history.slice(0, turnCount).flat());
  const here = (turnCount: number) => lab.ids.filter((id) => !missing(turnCount).has(id));
  const expected = expectedSurvivors(lab, here);
  if (!expected) {
    expect(outcome?.kind).toBe('abandoned');
    return;
  }
  expect(outcome).toMatchObject({ kind: 'committed', named: [] });
  if (outcome?.kind !== 'committed') return;
  expect([...outcome.survivors].sort()).toEqual([...expected].sort());
  expect(outcome.sum).toEqual(lab.sumOf(expected));
}

/** The law: enough survivors at R2, enough signatures at R3, enough shares of every secret at R4. */
function expectedSurvivors(
  { plan, ids }: Awaited<ReturnType<typeof secaggLab>>,
  here: (turnCount: number) => readonly DeviceId[],
): readonly DeviceId[] | undefined {
  const n = ids.length;
  const minSurvivors = n - Math.floor((n * plan.dropoutBasisPoints) / 10_000);
  const threshold = Math.max(2, Math.ceil(minSurvivors / 2));
  const [, , maskers, survivors, signers, revealers] = [0, 1, 2, 3, 4, 5].map(here);
  if (survivors!.length < minSurvivors || signers!.length < Math.floor(n / 2) + 1) return undefined;
  const helpers = (id: DeviceId) => revealers!.filter((other) => other !== id).length;
  return maskers!.every((id) => helpers(id) >= threshold) ? survivors : undefined;
}

function subsets<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  return Array.from({ length: 2 ** items.length }, (_, mask) => items.filter((_, i) => (mask >> i) & 1));
}
