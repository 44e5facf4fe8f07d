/** U1: whose vectors are masked together. Any choice among those who dealt and acknowledged is safe; this one is fair. */

import type { GoodDealers } from './knowledge.ts';
import type { Members } from './run.ts';

/**
 * Leaves out dealers that more neighbours refused than can be corrupt, then, until nothing changes, those whose secrets
 * too few of the others could help to open.
 */
export function chooseMaskers(members: Members, dealers: ReadonlySet<number>, good: GoodDealers): ReadonlySet<number> {
  const mostRefusals = members.parameters.leastThreshold - 1;
  const holders = [...good.keys()];
  const [heard, content] = [acknowledgers(members, holders), helpers(members, holders, good)];
  const trusted = holders.filter((place) => dealers.has(place) && heard[place]! - content[place]! <= mostRefusals);
  return stable(members, new Set(trusted), good);
}

function stable(members: Members, maskers: ReadonlySet<number>, good: GoodDealers): ReadonlySet<number> {
  const { windowSurvivors, minSurvivors } = members.cohort.header;
  const least = windowSurvivors === 0 ? minSurvivors - 1 : 2 * windowSurvivors;
  const count = helpers(members, maskers, good);
  const kept = [...maskers].filter((place) => count[place]! >= least);
  return kept.length === maskers.size ? maskers : stable(members, new Set(kept), good);
}

/** By place: how many of its neighbours are among the holders. */
function acknowledgers({ neighbourhoods }: Members, holders: Iterable<number>): Uint32Array {
  const counts = new Uint32Array(neighbourhoods.length);
  for (const holder of holders) for (const dealer of neighbourhoods[holder]!) counts[dealer]! += 1;
  return counts;
}

/** By place: how many of the holders found its share good. */
function helpers({ neighbourhoods }: Members, holders: Iterable<number>, good: GoodDealers): Uint32Array {
  const counts = new Uint32Array(neighbourhoods.length);
  for (const holder of holders) for (const index of good.get(holder)!) counts[neighbourhoods[holder]![index]!]! += 1;
  return counts;
}
