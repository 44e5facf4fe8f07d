/** What a device sends in a round stands in its ledger before, and stays there: otherwise it could be given twice. */

import type { Bytes, Packet, TaskId } from '@chorale/shared';
import { chargeOf, type Fraction, isMore, zero } from '@chorale/shared/privacy';
import { assumedCorrupt, decodeHeader, decodePlan, headerBytes, type Plan } from '@chorale/shared/secagg';
import { decodePlanBundle } from '@chorale/shared/wire';
import type { WorldDevice } from '../../world/device.ts';
import type { Ends } from '../../world/seen.ts';
import { recordAt, roundKey } from '../disks.ts';
import { type Evidence, type Law, roundOf } from './law.ts';

const stageBefore: Readonly<Record<string, string>> = {
  advertise: 'claimed',
  'masked-input': 'spent',
  certify: 'signed',
  unmask: 'revealed',
};

type Rho = { readonly numerator: string; readonly denominator: string };
type Entry = { readonly stages: readonly string[]; readonly sentBytes: number; readonly rho?: Rho };
type Given = {
  readonly device: WorldDevice;
  readonly task: TaskId;
  readonly round: bigint;
  readonly stage: string;
  readonly sentBytes: number;
  /** What the round's noise makes of a vector. */
  readonly rho: Fraction;
};

export function ledgerFirst({ world, scene: { vectorBytes } }: Evidence): Law {
  const given: Given[] = [];
  const prices = new Prices();
  return {
    name: 'ledger first',
    judge(seen) {
      if (seen.see === 'pushed') prices.hear(seen.packet, seen.ends);
      if (seen.see !== 'sent') return undefined;
      const stage = stageBefore[seen.packet.name];
      if (stage === undefined) return undefined;
      const { device, ends, packet } = seen;
      const cost =
        stage === 'spent' ? { sentBytes: vectorBytes, rho: prices.of(ends, packet) } : { sentBytes: 0, rho: zero };
      const sent = { device: world.devices[device]!, task: ends.task, round: roundOf(packet), stage, ...cost };
      given.push(sent);
      return debtOf(sent);
    },
    conclude: () => given.map(debtOf).find((debt) => debt !== undefined),
  };
}

function debtOf({ device, task, round, stage, sentBytes, rho }: Given): string | undefined {
  const entry = recordAt<Entry>(device.disk, roundKey('ledger', task, round));
  if (!entry?.stages.includes(stage)) return `device ${device.index} has not written that round ${round} is ${stage}`;
  if (entry.sentBytes >= sentBytes && !isMore(rho, fractionIn(entry))) return undefined;
  return `device ${device.index} has written less than it gave in round ${round}`;
}

function fractionIn({ rho }: Entry): Fraction {
  return rho === undefined ? zero : { numerator: BigInt(rho.numerator), denominator: BigInt(rho.denominator) };
}

/** What its vector costs each device of a round, from the signed bytes of the plan and of its own cohort's roster. */
class Prices {
  readonly #plans = new Map<string, Plan>();
  readonly #prices = new Map<string, Fraction>();

  hear(packet: Packet, { task, device }: Ends): void {
    if (packet.name !== 'plan' && packet.name !== 'roster') return;
    const round = `${task} ${roundOf(packet)}`;
    if (packet.name === 'plan' && !this.#plans.has(round))
      this.#plans.set(round, decodePlan(decodePlanBundle(packet.body!).plan));
    const name = `${round} ${device}`;
    if (packet.name === 'roster' && !this.#prices.has(name))
      this.#prices.set(name, priceOf(this.#plans.get(round)!, packet.body!));
  }

  of({ task, device }: Ends, packet: Packet): Fraction {
    return this.#prices.get(`${task} ${roundOf(packet)} ${device}`)!;
  }
}

function priceOf({ mechanism, sensitivitySquared, corruptBasisPoints }: Plan, roster: Bytes): Fraction {
  if (mechanism !== 'distributed') return zero;
  const { devices, minSurvivors, noiseVariance } = decodeHeader(roster.slice(0, headerBytes));
  const honestSurvivors = minSurvivors - assumedCorrupt(devices, corruptBasisPoints);
  return chargeOf({ sensitivitySquared, honestSurvivors }, noiseVariance);
}
