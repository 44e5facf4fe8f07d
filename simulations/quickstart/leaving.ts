/**
 * Devices that leave in the middle of a round: at every turn of every training round the first device that wants to
 * answer goes away instead, and once a device stays connected but says nothing.
 */

import type { Packet, Reply, Transport } from '@chorale/shared';
import { roundHeader, turnNames } from '@chorale/shared/wire';

/** One flag per round and turn, shared by all worker threads: whoever raises it first is the one that leaves. */
export type LeavingFlags = Int32Array<SharedArrayBuffer>;

const silent = turnNames.length;
const flagsPerRound = turnNames.length + 1;
const maxRounds = 4096;

export function leavingFlags(): LeavingFlags {
  return new Int32Array(new SharedArrayBuffer(4 * flagsPerRound * maxRounds));
}

export type LeavingOptions = {
  readonly flags: LeavingFlags;
  /** The round, counted within its task, in which one device falls silent at masked input. */
  readonly silentRound: number;
  /** The device is gone as if it had crashed: nothing more may be sent. */
  readonly onLeave: () => void;
};

export function leavingTransport(inner: Transport, { flags, silentRound, onLeave }: LeavingOptions): Transport {
  return {
    ...inner,
    send(packet) {
      const choice = choose(packet, flags, silentRound);
      if (choice === 'answer') return inner.send(packet);
      if (choice === 'leave') {
        // The line is cut before the device can say goodbye.
        inner.close();
        onLeave();
      }
      return new Promise<Reply>(() => {});
    },
  };
}

function choose(packet: Packet, flags: LeavingFlags, silentRound: number): 'answer' | 'leave' | 'keep-silent' {
  const turn = (turnNames as readonly string[]).indexOf(packet.name);
  if (turn < 0) return 'answer';
  const round = Number(BigInt(roundHeader.parse(packet.header).round) & 0xffff_ffffn);
  if (round >= maxRounds) return 'answer';
  const raise = (flag: number) => Atomics.exchange(flags, round * flagsPerRound + flag, 1) === 0;
  if (raise(turn)) return 'leave';
  const isSilentTurn = packet.name === 'masked-input' && round === silentRound;
  return isSilentTurn && raise(silent) ? 'keep-silent' : 'answer';
}
