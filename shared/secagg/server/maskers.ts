/** U1: whose vectors are masked together. Any choice among those who dealt and acknowledged is safe; this one is fair. */

import type { GoodDealers } from './knowledge.ts';
import type { Members } from './run.ts';

/**
 * Leaves out dealers that more neighbours refused than can be corrupt, then, until nothing changes, those whose secrets
 * too few of the others could help to open.
 */
export function chooseMaskers(members: Members, dealers: ReadonlySet<number>, good: GoodDealers): ReadonlySet<number> {
  const mostRefusals = members.parameters.leastThreshold - 1;
  const refusals = tally(members, good.keys(), (holder, index) => !good.get(holder)!.has(index));
  const trusted = [...good.keys()].filter((place) => dealers.has(place) && refusals[place]! <= mostRefusals);
  return stable(members, new Set(trusted), good);
}

function stable(members: Members, maskers: ReadonlySet<number>, good: GoodDealers): ReadonlySet<number> {
  const { windowSurvivors, minSurvivors } = members.cohort.header;
  const least = windowSurvivors === 0 ? minSurvivors - 1 : 2 * windowSurvivors;
  const helpers = tally(members, maskers, (holder, index) => good.get(holder)!.has(index));
  const kept = [...maskers].filter((place) => helpers[place]! >= least);
  return kept.length === maskers.size ? maskers : stable(members, new Set(kept), good);
}

/** How many of the holders say so about each place: a claim is about a neighbour index of the holder. */
function tally(
  { neighbourhoods }: Members,
  holders: Iterable<number>,
  claims: (holder: number, index: number) => boolean,
): readonly number[] {
  const counts = neighbourhoods.map(() => 0);
  for (const holder of holders) {
    neighbourhoods[holder]!.forEach((dealer, index) => {
      if (claims(holder, index)) counts[dealer]! += 1;
    });
  }
  return counts;
}
