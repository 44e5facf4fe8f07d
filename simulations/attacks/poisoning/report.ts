/** What a study of poisoning found, for people. */

import { cutOf } from '@chorale/shared/encoding';
import { mergingFactor } from '@chorale/shared/privacy';
import type { Finding, Study } from './study.ts';
import { honestIn, multiplierOf } from './training.ts';

export type PoisoningReport = ReturnType<typeof factsOf> & {
  readonly dataset: string;
  readonly findings: readonly Finding[];
};

/** Sizes, and what the rules cost in noise whoever attacks. */
export function factsOf({ ground, merges, seeds }: Pick<Study, 'ground' | 'merges' | 'seeds'>) {
  const { devices, cohort, cohorts, rounds, participations, epsilon } = ground;
  const { numerator, denominator } = multiplierOf(ground);
  return {
    ...{ devices: devices.length, cohort, cohorts, rounds, participations, epsilon, delta: 1e-5, seeds },
    noiseMultiplier: numerator / denominator,
    honestSurvivors: honestIn(cohort),
    rules: merges.map((merge) => ({
      ...{ rule: merge.rule, cutAtEachEnd: cutOf(merge, cohorts) },
      /** Noise in the merged mean ÷ noise in the mean of one cohort of all these devices. */
      noiseFactor: mergingFactor(cohorts, cutOf(merge, cohorts)),
    })),
  };
}

export function textOf(report: PoisoningReport): string {
  const { devices, cohort, cohorts, rounds, seeds, epsilon, participations, rules, findings } = report;
  const costs = rules.map(({ rule, noiseFactor }) => `${noiseFactor.toFixed(2)} (${rule})`);
  return [
    `${devices} devices, ${cohorts} cohorts of ${cohort}, ${rounds} rounds; medians of ${seeds} seeds each`,
    `noise for epsilon ${epsilon} over ${participations} participations, in the mean ${costs.join(', ')} times that of one cohort`,
    ...groupsBy(findings, ({ isNoisy }) => Number(isNoisy)).flatMap((table) => ['', ...tableOf(table)]),
    '',
    'hit: cohorts with a poisoner in them. By rule: AUC, how often the backdoor opens, and the share of rounds that',
    'committed where not all did.',
  ].join('\n');
}

/** @param findings all with noise, or all without */
function tableOf(findings: readonly Finding[]): string[] {
  // Findings that differ by the rule alone stand in one row.
  const groups = groupsBy(findings, ({ attack, share }) => `${attack} ${share}`);
  const rules = groups[0]!.map(({ merge }) => merge.rule);
  const head = [findings[0]!.isNoisy ? 'with noise' : 'without noise', 'poisoners', 'hit', ...rules];
  const rows = groups.map((group) => {
    const { share, poisonedCohorts } = group[0]!;
    return [attackOf(group[0]!), percent(share), percent(poisonedCohorts), ...group.map(cellOf)];
  });
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

/** One line of the results file for each attack, with noise and without. */
export function rowsOf({ dataset, findings }: PoisoningReport): string[] {
  const kindOf = (finding: Finding) => `${attackOf(finding)}, ${finding.isNoisy ? 'with' : 'without'} noise`;
  return groupsBy(findings, kindOf).map((own) => {
    const kind = kindOf(own[0]!);
    const groups = groupsBy(own, ({ share }) => share);
    const rules = groups[0]!.map(({ merge }) => merge.rule);
    const figures = groups.map((group) => `${percent(group[0]!.share)}: ${group.map(cellOf).join(', ')}`);
    return `poisoning of ${dataset}, ${kind}: AUC and backdoor by ${rules.join(', ')} at ${figures.join('; ')}`;
  });
}

function groupsBy(findings: readonly Finding[], of: (finding: Finding) => string | number): Finding[][] {
  const groups = new Map<string | number, Finding[]>();
  for (const finding of findings) groups.set(of(finding), [...(groups.get(of(finding)) ?? []), finding]);
  return [...groups.values()];
}

function attackOf({ attack }: Finding): string {
  return attack ?? 'nobody attacks';
}

function cellOf({ auc, attackSuccess, committed }: Finding): string {
  const rounds = committed < 1 ? ` (${percent(committed)})` : '';
  return `${auc.toFixed(3)} ${percent(attackSuccess)}${rounds}`;
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(share < 0.01 ? 1 : 0))} %`;
}
