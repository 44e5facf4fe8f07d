import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { base64url } from '../bytes.ts';
import { type CryptoProvider, portableCrypto } from '../crypto/index.ts';
import { rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import { beginLockstep, type Lockstep, playTurn, type TurnOptions } from '../testing/secagg-lockstep.ts';
import { turns } from './messages.ts';

/** A round of a few devices: one leaves before it sends its masked input. */
async function transcribe(base: CryptoProvider, devices = 5, cohorts = 1): Promise<string> {
  const provider = rememberingVerdicts(base);
  const lab = await secaggLab({ provider, devices, cohorts, seed: 'golden', plan: { dimension: 4 } });
  const messages: object[] = [];
  const note = (lockstep: Lockstep, leaving: TurnOptions['leaving']) => {
    for (const [id, { sent }] of lockstep.devices) {
      if (leaving?.has(id)) continue;
      for (const { name, body } of sent) messages.push({ from: lab.ids.indexOf(id), name, body: base64url(body) });
    }
  };
  let lockstep = await beginLockstep(provider, lab);
  for (const turn of turns) {
    const leaving = new Set(turn === 'masked-input' ? [lab.ids[3]!] : []);
    note(lockstep, leaving);
    lockstep = await playTurn(lockstep, { leaving });
    for (const [id, sent] of lockstep.sentDown) {
      for (const { name, body } of sent) messages.push({ to: lab.ids.indexOf(id), name, body: base64url(body) });
    }
  }
  const outcomes = lockstep.ending?.kind === 'formed' ? lockstep.ending.cohorts : [];
  const sums = outcomes.map((outcome) => {
    if (outcome.kind !== 'committed') throw new Error('the golden round must commit');
    expect(outcome.sum).toEqual(lab.sumOf(outcome.survivors));
    return {
      survivors: outcome.survivors.map((id) => lab.ids.indexOf(id)),
      sum: Array.from(outcome.sum, (word) => word | 0),
    };
  });
  expect(sums).toHaveLength(cohorts);
  const transcript = {
    plan: base64url(lab.planBytes),
    vectors: lab.ids.map((id) => Array.from(lab.vectorOf(id), (word) => word | 0)),
    messages,
    ...(cohorts === 1 ? sums[0] : { sums }),
  };
  return `${JSON.stringify(transcript, null, 1)}\n`;
}

describe('the transcript of a round from a fixed seed', () => {
  // A change here is a change of the protocol: devices of two versions would no longer understand each other.
  it('never changes a byte', async () => {
    await expect(await transcribe(nodeCrypto())).toMatchFileSnapshot('transcripts/five-devices.json');
  });

  it('never changes a byte where there are two cohorts', async () => {
    await expect(await transcribe(nodeCrypto(), 9, 2)).toMatchFileSnapshot('transcripts/two-cohorts.json');
  });

  it('is the same whatever provides the ciphers', async () => {
    expect(await transcribe(portableCrypto())).toBe(await transcribe(nodeCrypto()));
  });
});
