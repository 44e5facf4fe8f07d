import type { Packet, Transport } from '@chorale/shared';
import { nodeCrypto } from '@chorale/shared/adapters/node';
import { seededRandom, virtualClock } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import type { StopReason } from './outcome.ts';
import { SessionRunner } from './runner.ts';

const never = () => Promise.reject(new Error('not in this test'));

/** A session whose coordinator challenges it, takes everything and never opens a round. */
function waitingSession(isGranted: () => boolean) {
  const clock = virtualClock();
  const sent: string[] = [];
  const stops: StopReason[] = [];
  let tell: (packet: Packet) => void = () => {};
  const transport: Transport = {
    connect: async () => tell({ name: 'challenge', header: { nonce: 'A'.repeat(43) } }),
    async send({ name }) {
      sent.push(name);
      return { ok: true };
    },
    onPacket(listener) {
      tell = listener;
      return () => {};
    },
    onClose: () => () => {},
    close: () => {},
  };
  const runner = new SessionRunner(undefined, {
    ...{ clock, random: seededRandom('runner'), crypto: nodeCrypto(), isGranted },
    transport: () => transport,
    prove: async () => new Uint8Array(64),
    ...{ prepare: never, persist: never },
    onRound: () => {},
    onStop: (reason) => void stops.push(reason),
    onError: (error) => {
      throw error;
    },
  });
  runner.start();
  return { clock, sent, stops };
}

const longWaitMs = 600_000;

it('whoever still agrees checks in again after a long wait', async () => {
  const { clock, sent, stops } = waitingSession(() => true);
  await clock.advance(longWaitMs);
  expect(sent).toEqual(['check-in', 'check-in']);
  expect(stops).toEqual([]);
});

it('whoever agrees no more by the next check-in leaves instead', async () => {
  let isGranted = true;
  const { clock, sent, stops } = waitingSession(() => isGranted);
  await clock.advance(1000);
  expect(sent).toEqual(['check-in']);
  isGranted = false;
  await clock.advance(longWaitMs);
  expect(sent).toEqual(['check-in', 'withdraw']);
  expect(stops).toEqual(['left']);
});
