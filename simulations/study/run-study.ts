/** Runs methods over seeds, one record each, and skips what is known already. */

import type { Clock } from '@chorale/shared';
import type { RecordsFile } from '../adapters/records-file.ts';
import type { Progress } from '../report/progress.ts';
import type { Ground, Method } from './method.ts';
import { recordOf, type StudyRecord } from './record.ts';

export type Study = {
  /** Names data and settings. */
  readonly id: string;
  readonly ground: Ground;
  readonly methods: readonly Method[];
  /** 1 to this many, for methods that are random. */
  readonly seeds: number;
};

export type StudyShell = {
  readonly records: RecordsFile;
  readonly progress: Progress;
  readonly clock: Clock;
  readonly onRecord?: (record: StudyRecord) => void;
};

/** @returns all records, the known ones first */
export async function runStudy(
  study: Study,
  { records, progress, clock, onRecord }: StudyShell,
): Promise<StudyRecord[]> {
  const isKnown = (method: Method, seed: number) =>
    records.known.some((record) => record.method === method.name && record.seed === seed);
  const runs = study.methods.flatMap((method) =>
    Array.from({ length: method.isRandom ? study.seeds : 1 }, (_, i) => ({ method, seed: i + 1 })),
  );
  const open = runs.filter(({ method, seed }) => !isKnown(method, seed));
  // A run without rounds still counts for something.
  const sizeOf = ({ method }: { method: Method }) => Math.max(1, method.rounds(study.ground));
  progress.begin(
    'study',
    open.reduce((sum, run) => sum + sizeOf(run), 0),
  );
  const all = [...records.known];
  let [before, within] = [0, 0];
  for (const run of open) {
    const { method, seed } = run;
    const note = `${method.name}, seed ${seed}`;
    progress.advance(before, note);
    const startedAt = clock.now();
    const outcome = await method.run(study.ground, seed, () => progress.advance(before + ++within, note));
    const seconds = (clock.now() - startedAt) / 1000;
    const record = recordOf({ study: study.id, seed, seconds }, method, outcome, study.ground.people);
    await records.append(record);
    all.push(record);
    onRecord?.(record);
    before += sizeOf(run);
    within = 0;
  }
  progress.end();
  return all;
}

export type MethodSummary = {
  /** Of the median seed. */
  readonly record: StudyRecord;
  readonly aucs: readonly number[];
  /** Learning curves of the other seeds. */
  readonly others: readonly StudyRecord['learning'][];
};

/** Per method the run whose AUC is the median, best method first. */
export function summarize(records: readonly StudyRecord[]): MethodSummary[] {
  const byMethod = new Map<string, StudyRecord[]>();
  for (const record of records) byMethod.set(record.method, [...(byMethod.get(record.method) ?? []), record]);
  const auc = ({ figures }: StudyRecord) => figures.auc!;
  return [...byMethod.values()]
    .map((own) => {
      const sorted = own.toSorted((a, b) => auc(a) - auc(b));
      const record = sorted[Math.floor((sorted.length - 1) / 2)]!;
      const others = own.filter((one) => one !== record).map(({ learning }) => learning);
      return { record, aucs: sorted.map(auc), others };
    })
    .sort((a, b) => auc(b.record) - auc(a.record));
}
