/**
 * Every committed round is the sum of what its survivors gave, computed anew without any protocol, and the task has learned
 * from those sums and nothing else. Devices are told no outcome but the one on the disk.
 */

import type { Task } from '@chorale/coordinator';
import { type Bytes, type DeviceId, fromBase64url, hex, readU32, type TaskId, wordsToBytes } from '@chorale/shared';
import { type AnyAlgorithm, builtIn, toJson } from '@chorale/shared/algorithms';
import { sha256 } from '@chorale/shared/crypto';
import { assumedCorrupt, decodeHeader, toleratedDropouts } from '@chorale/shared/secagg';
import { type Noise, runFast } from '../../fast.ts';
import { recordAt, recordsUnder, roundKey } from '../disks.ts';
import { plainTrainer } from '../scene.ts';
import { type Evidence, type Law, roundOf } from './law.ts';

type RoundRecord = { readonly id: string; readonly task: TaskId; readonly number: string; readonly state: string };
type Cohort = { readonly survivors: readonly DeviceId[]; readonly sumSha256: string; readonly header: string };
type Transcript = { readonly cohorts: readonly Cohort[] };

export function trueSums({ world, scene }: Evidence): Law {
  const { disk } = world.coordinator;
  const transcriptOf = ({ id }: RoundRecord) => recordAt<Transcript>(disk, `transcript/${id}`)!;
  return {
    name: 'true sums',

    judge(seen) {
      if (seen.see !== 'pushed' || seen.packet.name !== 'outcome') return undefined;
      const { packet, ends } = seen;
      const record = recordAt<RoundRecord>(disk, roundKey('round', ends.task, roundOf(packet)));
      const told = readOutcome(packet.body!);
      const committed = record?.state === 'committed' ? transcriptOf(record).cohorts : [];
      const isDivided = scene.task.cohort.count > 1;
      // Where a round is divided, nothing may have come of a device's own cohort, or it may have had none.
      if (!told.isCommitted && isDivided)
        return committed.some(({ survivors }) => survivors.includes(ends.device))
          ? 'devices are told that they gave for nothing'
          : undefined;
      if (told.isCommitted !== committed.length > 0) return 'devices are told another outcome than is written';
      const isTold = ({ survivors }: Cohort) =>
        told.survivors === survivors.length && told.isIncluded === survivors.includes(ends.device);
      const isTrue = !told.isCommitted || committed.some(isTold);
      return isTrue ? undefined : 'devices are told of other survivors than are written';
    },

    async conclude() {
      for (const { id } of recordsUnder<{ id: TaskId }>(disk, 'task').filter(({ id }) => id !== undefined)) {
        const rounds = recordsUnder<RoundRecord>(disk, `round/${id}`).filter(({ state }) => state === 'committed');
        const complaint = await compare(id, rounds);
        if (complaint !== undefined) return complaint;
      }
      return undefined;
    },
  };

  async function compare(task: TaskId, rounds: readonly RoundRecord[]): Promise<string | undefined> {
    const givers = rounds.map((round) =>
      transcriptOf(round).cohorts.map(({ survivors }) =>
        survivors.map((id) => giverOf(id, task, BigInt(round.number))),
      ),
    );
    const nobody = givers.flat(2).find(({ seed }) => seed === undefined);
    if (nobody) return 'somebody is in a sum who has given nothing';
    const algorithm = builtIn.get(scene.task.algorithm) as AnyAlgorithm;
    const replay = runFast({
      ...{ algorithm, config: scene.task.config, devices: scene.people, cohort: scene.cohort },
      ...{ trainer: plainTrainer, seed: 'unused', ...noiseOf(task, rounds) },
      cohorts: (round) => givers[round]?.map((cohort) => cohort.map(({ device }) => device)) ?? [],
      roundSeed: (round, device) => givers[round]!.flat().find((giver) => giver.device === device)!.seed!,
    });
    let learned: unknown;
    for (const round of rounds) {
      const { value } = await replay.next();
      const hashes = transcriptOf(round).cohorts.map(({ sumSha256 }) => sumSha256);
      if (value!.cohorts.some(({ sum }, cohort) => hex(sha256(wordsToBytes(sum))) !== hashes[cohort]))
        return `the sum of round ${round.number} is wrong`;
      learned = toJson(algorithm.state, value!.state);
    }
    if (rounds.length === 0) return undefined;
    const written = recordAt(disk, `task/${task}/state`);
    return JSON.stringify(written) === JSON.stringify(learned) ? undefined : 'the task has learned something else';
  }

  /** Every device adds its part of the noise, and draws it from its own seed: it belongs to the sum. */
  function noiseOf(id: TaskId, rounds: readonly RoundRecord[]): { readonly noise?: Noise } {
    const { privacy, noiseMultiplier: multiplier, cohort } = recordAt<Task>(disk, `task/${id}`)!;
    if (privacy.mechanism !== 'distributed') return {};
    const honest = (devices: number) =>
      devices -
      assumedCorrupt(devices, basisPoints(cohort.corrupt)) -
      toleratedDropouts(devices, basisPoints(cohort.dropout));
    const sizes = rounds.map((round) =>
      transcriptOf(round).cohorts.map(({ header }) => decodeHeader(fromBase64url(header)).devices),
    );
    return {
      noise: {
        ...{ multiplier, honestSurvivors: honest(cohort.size) },
        honestIn: (round, cohort) => honest(sizes[round]![cohort]!),
      },
    };
  }

  function giverOf(id: DeviceId, task: TaskId, round: bigint): { device: number; seed: Bytes | undefined } {
    const device = world.devices.find((one) => one.idIn(task) === id);
    return { device: device?.index ?? -1, seed: device?.seedOf(task, round) };
  }
}

function readOutcome(body: Bytes) {
  return { isCommitted: body[0] === 1, survivors: readU32(body, 1), isIncluded: body[5] === 1 };
}

function basisPoints(share: number): number {
  return Math.round(share * 10_000);
}
