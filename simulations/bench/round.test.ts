import { nodeCrypto } from '@chorale/shared/adapters/node';
import { type Lab, secaggCrowd, secaggLab } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { crowdParty, playRound, type Recording, realParty, replayCoordinator, replayDevice } from './round.ts';

const provider = nodeCrypto();

/** A round in which the first `real` devices have machines and the last `leaving` drop out. */
async function recordOf(devices: number, { real, leaving }: { real: number; leaving: number }) {
  const lab = await secaggLab({ provider, devices, seed: `bench ${devices} ${real} ${leaving}` });
  const gone = new Set(lab.ids.slice(devices - leaving));
  const machines = lab.ids.slice(0, real);
  const crowd = secaggCrowd({ lab, provider, real: new Set(machines), leaving: gone });
  const parties = [
    ...machines.map((id, i) => realParty(id, lab.clients[i]!, provider)),
    ...crowd.map((member) => crowdParty(member)),
  ];
  const recording = await playRound({ server: lab.server, parties, provider, leaving: gone });
  return { lab, recording, stayed: lab.ids.filter((id) => !gone.has(id)) };
}

function committedSum({ outcome }: Recording): Uint32Array {
  if (outcome.kind !== 'committed') throw new Error(`abandoned: ${outcome.reason} at ${outcome.turn}`);
  return outcome.sum;
}

describe('a round of machines and a crowd', () => {
  it.each([
    [8, { real: 1, leaving: 1 }],
    [8, { real: 0, leaving: 2 }],
    [8, { real: 4, leaving: 2 }],
    [40, { real: 2, leaving: 5 }],
  ] as const)('of %i, %j, gives the exact sum of those who stayed', async (devices, mix) => {
    const { lab, recording, stayed } = await recordOf(devices, mix);
    expect(committedSum(recording)).toEqual(lab.sumOf(stayed));
  });
});

describe('a recorded round', () => {
  const recorded = recordOf(8, { real: 1, leaving: 1 });

  it('comes to the same end when the coordinator hears it again', async () => {
    const { lab, recording } = await recorded;
    expect(await replayCoordinator(lab.server, recording.events, provider)).toEqual(recording.outcome);
  });

  it('is taken by its device again to the end, and by no other', async () => {
    const { lab, recording } = await recorded;
    const replay = (setup: Lab['clients'][number]) => replayDevice(setup, recording.heard, provider);
    expect((await replay(lab.clients[0]!)).phase.at).toBe('ended');
    await expect(replay(lab.clients[1]!)).rejects.toThrow('left out');
  });
});
