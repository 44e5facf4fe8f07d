/** Every attack against every rule, by how many poisoners there are. */

import type { MergeRule } from '@chorale/shared/encoding';
import { medianBy } from '../../scenarios/median.ts';
import type { AttackName } from './poisoners.ts';
import { type Ground, type Trial, type TrialResult, trainUnderAttack } from './training.ts';

export type Study = {
  readonly ground: Ground;
  readonly attacks: readonly AttackName[];
  /** Shares of all devices, above 0; that without poisoners is always there. */
  readonly shares: readonly number[];
  readonly merges: readonly MergeRule[];
  /** Whether devices add noise: without it, with it, or first one and then the other. */
  readonly noises: readonly boolean[];
  /** 1 to this many. */
  readonly seeds: number;
  /** After each model. */
  readonly onTrial?: (done: number, trial: Trial) => void;
};

/** What a rule made of an attack: medians over the seeds, each figure for itself. */
export type Finding = Omit<Trial, 'seed' | 'attack'> &
  TrialResult & {
    /** Null where nobody attacks. */
    readonly attack: AttackName | null;
    readonly perSeed: readonly TrialResult[];
  };

type Setting = Omit<Trial, 'seed'>;

export async function studyPoisoning(study: Study): Promise<Finding[]> {
  const { ground, seeds, onTrial = () => {} } = study;
  const findings: Finding[] = [];
  let done = 0;
  for (const setting of settingsOf(study)) {
    const perSeed: TrialResult[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const trial = { ...setting, seed };
      perSeed.push(await trainUnderAttack(ground, trial));
      onTrial(++done, trial);
    }
    findings.push(findingOf(setting, perSeed));
  }
  return findings;
}

/** Models that a study trains. */
export function trialsOf(study: Pick<Study, 'attacks' | 'shares' | 'merges' | 'noises' | 'seeds'>): number {
  return settingsOf(study).length * study.seeds;
}

function settingsOf({ attacks, shares, merges, noises }: Omit<Study, 'ground' | 'seeds' | 'onTrial'>): Setting[] {
  const attacked = attacks.flatMap((attack) => shares.map((share) => ({ attack, share })));
  const all = [{ attack: undefined, share: 0 }, ...attacked];
  return noises.flatMap((isNoisy) => all.flatMap((one) => merges.map((merge) => ({ ...one, merge, isNoisy }))));
}

function findingOf({ attack, ...setting }: Setting, perSeed: readonly TrialResult[]): Finding {
  const median = (of: (result: TrialResult) => number) => of(medianBy(perSeed, of));
  return {
    ...{ attack: attack ?? null, ...setting, perSeed },
    auc: median(({ auc }) => auc),
    attackSuccess: median(({ attackSuccess }) => attackSuccess),
    committed: median(({ committed }) => committed),
    poisonedCohorts: median(({ poisonedCohorts }) => poisonedCohorts),
  };
}
