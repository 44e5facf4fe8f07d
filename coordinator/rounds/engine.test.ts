import type { Clock, DeviceId } from '@chorale/shared';
import { nodeCrypto } from '@chorale/shared/adapters/node';
import { secaggLab, startDevice } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { RoundEngine } from './engine.ts';

const provider = nodeCrypto();

/** A clock that moves by so much whenever it is read, and whose wakes come when the test says so. */
function readClock(stepMs: number) {
  let now = 0;
  const wakes: { readonly at: number; readonly callback: () => void }[] = [];
  const clock: Clock = {
    now: () => {
      now += stepMs;
      return now;
    },
    wakeAt(at, callback) {
      const wake = { at, callback };
      wakes.push(wake);
      return () => void wakes.splice(wakes.indexOf(wake), 1);
    },
  };
  /** Wakes whose time has come by now. */
  const due = () => wakes.filter(({ at }) => at <= now);
  const wakeNext = () => {
    const [next] = due();
    if (next === undefined) return false;
    wakes.splice(wakes.indexOf(next), 1);
    next.callback();
    return true;
  };
  return { clock, wakeNext, isDue: () => due().length > 0 };
}

/** Ten devices advertise; what they are sent then, in pieces between which the event loop could turn. */
async function rosterPieces(stepMs: number) {
  const lab = await secaggLab({ provider, devices: 10, seed: 'engine' });
  const { clock, wakeNext, isDue } = readClock(stepMs);
  const sent: DeviceId[] = [];
  const engine = new RoundEngine({
    setup: lab.server,
    ports: { clock, crypto: provider },
    push: (device, { name }) => {
      if (name === 'roster') sent.push(device);
    },
  });
  for (const [i, id] of lab.ids.entries()) {
    const device = await startDevice(provider, lab.clients[i]!, 0);
    expect(await engine.receive(id, device.sent[0]!)).toEqual({ ok: true });
  }
  await expect.poll(() => sent.length > 0 || isDue()).toBe(true);
  const pieces = [sent.length];
  while (wakeNext()) pieces.push(sent.length - pieces.reduce((total, piece) => total + piece, 0));
  const outcome = engine.outcome;
  engine.stop();
  await outcome;
  return { lab, sent, pieces };
}

describe('what a round sends', () => {
  it('goes out at once while that takes no time', async () => {
    const { lab, sent, pieces } = await rosterPieces(0);
    expect(pieces).toEqual([10]);
    expect(new Set(sent)).toEqual(new Set(lab.ids));
  });

  it('goes out in pieces where it takes long, to everybody once and in the same order', async () => {
    const { sent, pieces } = await rosterPieces(3);
    expect(pieces.length).toBeGreaterThan(2);
    expect(Math.max(...pieces)).toBeLessThan(5);
    expect(sent).toEqual((await rosterPieces(0)).sent);
  });
});
