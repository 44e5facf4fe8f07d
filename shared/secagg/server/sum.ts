/**
 * After R4: check every share against its dealer's hash, reconstruct the self-masks of survivors and the mask keys of
 * dropouts, check each against what its owner advertised, take the masks off the sum and check its range. Whoever is
 * proved to have lied is named.
 */

import { type Bytes, equal } from '../../bytes.ts';
import type { SharedSecret } from '../../crypto/index.ts';
import { isPlausible } from '../../encoding/index.ts';
import { invariant } from '../../errors.ts';
import { commitment, type HeldShare, maskSalt, type ShareKind, shareKinds, shareTexts } from '../context.ts';
import { unmaskJob } from '../masks.ts';
import { memberAt } from '../roster.ts';
import { dealtHash, revealAt, subjectAt, type Unmasking } from '../up-messages.ts';
import { type Certified, indexIn, type Masking, type Survival } from './knowledge.ts';
import { abandon, accountOf, accuse, compute, end, type Members, type Run, type Step } from './run.ts';

export type Revealed = {
  readonly masking: Masking;
  readonly survival: Survival;
  readonly certified: Certified;
  /** By place of the holder: one entry per masking neighbour, in ascending place. */
  readonly unmaskings: ReadonlyMap<number, Unmasking>;
};

/** What is left to know once all secrets are open: shares need not last as long as the taking off of masks. */
type Opening = Omit<Revealed, 'unmaskings'>;

/** One secret that must be opened, and who could help. */
type Target = {
  readonly dealer: number;
  readonly kind: ShareKind;
  /** Holders whose shares match the dealer's hash: never more than the threshold. */
  readonly good: readonly number[];
  /** Holders whose shares have not been looked at. */
  readonly untried: readonly number[];
};

export function openSum(run: Run, revealed: Revealed): Step {
  const said = whatWasSaid(run.members, revealed);
  const blamed = accuse(run, falseTaggers(run.members, said));
  return checkShares(blamed, revealed, targetsOf(revealed, said));
}

/** By place: who revealed a share of its one secret that is asked for, and how many call its view tag false. */
type Said = { readonly holders: readonly (readonly number[])[]; readonly complaints: readonly number[] };

/** Reads every unmasking once, from front to back. */
function whatWasSaid({ cohort }: Members, { masking, unmaskings }: Revealed): Said {
  const holders = cohort.members.map((): number[] => []);
  const complaints = cohort.members.map(() => 0);
  for (const [holder, unmasking] of unmaskings) {
    masking.neighbourhoods.get(holder)!.forEach((neighbour, index) => {
      const about = subjectAt(unmasking, index);
      // Of the two secrets decoding has taken only the one that was asked for.
      if (about === 'self-mask' || about === 'mask-key') holders[neighbour]!.push(holder);
      else if (about === 'false-tag') complaints[neighbour]! += 1;
    });
  }
  return { holders, complaints };
}

/** Survivors whose view tag more neighbours call false than can be lying. */
function falseTaggers({ parameters }: Members, { complaints }: Said): readonly number[] {
  return [...complaints.keys()].filter((place) => complaints[place]! >= parameters.leastThreshold);
}

function targetsOf(revealed: Revealed, { holders }: Said): readonly Target[] {
  const { masking, survival } = revealed;
  return [...masking.places]
    .map((dealer): Target => {
      const kind = survival.places.has(dealer) ? shareKinds.selfMask : shareKinds.maskKey;
      return { dealer, kind, good: [], untried: holders[dealer]! };
    })
    .filter(({ dealer, kind }) => kind === shareKinds.selfMask || survivingMaskers(revealed, dealer).length > 0);
}

function sharesOf({ masking, unmaskings }: Revealed, dealer: number, holders: readonly number[]): readonly HeldShare[] {
  return holders.map((holder) => {
    const reveal = revealAt(unmaskings.get(holder)!, indexOf(masking, holder, dealer));
    invariant('share' in reveal, 'a holder of nothing');
    return { holder, ...reveal };
  });
}

/** Where an unmasking speaks about a neighbour. */
function indexOf({ neighbourhoods }: Masking, holder: number, neighbour: number): number {
  return indexIn(neighbourhoods.get(holder)!, neighbour);
}

/**
 * How many secrets are taken up in one step. A large cohort has more than a hundred thousand shares, and whoever runs the
 * machine has others to serve between two steps.
 */
const secretsAStep = 64;

/** Checks as many shares as are still needed, until every secret has a threshold of good ones. */
function checkShares(run: Run, revealed: Revealed, targets: readonly Target[]): Step {
  const { threshold } = run.members.cohort.header;
  if (targets.some(({ good, untried }) => good.length + untried.length < threshold)) {
    return abandon(run, 'too-few-shares');
  }
  if (targets.every(({ good }) => good.length === threshold)) return reconstruct(run, revealed, targets, []);
  return checkSome(run, revealed, targets, []);
}

/** @param unchecked by this round of checks */
function checkSome(run: Run, revealed: Revealed, unchecked: readonly Target[], checked: readonly Target[]): Step {
  if (unchecked.length === 0) return checkShares(run, revealed, checked);
  const { ctx, header } = run.members.cohort;
  const targets = unchecked.slice(0, secretsAStep);
  const tried = targets.map(({ good, untried }) => untried.slice(0, header.threshold - good.length));
  const texts = targets.flatMap((target, i) => shareTexts(ctx, target, sharesOf(revealed, target.dealer, tried[i]!)));
  return compute(run, { do: 'hashMany', texts }, (later, { hashes }) => {
    const remaining = hashes.values();
    const liars = new Set<number>();
    const next = targets.map((target, i): Target => {
      const good = tried[i]!.filter((holder) => {
        const isGood = equal(remaining.next().value!, hashOf(later.members, revealed, target, holder));
        if (!isGood) liars.add(holder);
        return isGood;
      });
      return { ...target, good: [...target.good, ...good], untried: target.untried.slice(tried[i]!.length) };
    });
    return checkSome(accuse(later, liars), revealed, unchecked.slice(secretsAStep), [...checked, ...next]);
  });
}

function hashOf({ neighbourhoods }: Members, { masking }: Revealed, { dealer, kind }: Target, holder: number) {
  const shareHashes = masking.shareHashes.get(dealer)!;
  return dealtHash({ shareHashes }, indexIn(neighbourhoods[dealer]!, holder), kind);
}

type Opened = { readonly place: number; readonly kind: ShareKind; readonly secret: Bytes | undefined };

function reconstruct(run: Run, revealed: Revealed, targets: readonly Target[], opened: readonly Opened[]): Step {
  if (opened.length === targets.length) return sortSecrets(run, revealed, opened);
  const { threshold } = run.members.cohort.header;
  const next = targets.slice(opened.length, opened.length + secretsAStep);
  const secrets = next.map(
    ({ dealer, good }): SharedSecret => ({
      threshold,
      shares: sharesOf(revealed, dealer, good).map(({ holder, share }) => ({ point: holder + 1, share })),
    }),
  );
  return compute(run, { do: 'reconstruct', secrets }, (later, result) => {
    const more = next.map(({ dealer, kind }, i): Opened => ({ place: dealer, kind, secret: result.secrets[i] }));
    return reconstruct(later, revealed, targets, [...opened, ...more]);
  });
}

type Secret = { readonly place: number; readonly secret: Bytes };

function sortSecrets(run: Run, { masking, survival, certified }: Revealed, opened: readonly Opened[]): Step {
  const missing = opened.filter(({ secret }) => !secret).map(({ place }) => place);
  if (missing.length > 0) return abandon(accuse(run, missing), 'bad-dealer');
  const of = (wanted: ShareKind) =>
    opened.filter(({ kind }) => kind === wanted).map(({ place, secret }): Secret => ({ place, secret: secret! }));
  return checkSecrets(run, { masking, survival, certified }, of(shareKinds.selfMask), of(shareKinds.maskKey));
}

/** Shares that their dealer signed and that do not give what it advertised prove that the dealer lied. */
function checkSecrets(run: Run, opening: Opening, selfMasks: readonly Secret[], maskKeys: readonly Secret[]): Step {
  const { cohort } = run.members;
  const agreement = maskKeys.map(({ secret }) => secret);
  return compute(run, { do: 'publicKeys', agreement, signing: [] }, (later, keys) => {
    const liars = [
      ...selfMasks.filter(({ place, secret }) => !equal(commitment(secret), memberAt(cohort, place).commitment)),
      ...maskKeys.filter(({ place }, i) => !equal(keys.agreement[i]!, memberAt(cohort, place).maskKey)),
    ];
    if (liars.length > 0) {
      return abandon(
        accuse(
          later,
          liars.map(({ place }) => place),
        ),
        'bad-dealer',
      );
    }
    return unmask(later, opening, selfMasks, maskKeys);
  });
}

function unmask(run: Run, opening: Opening, selfMasks: readonly Secret[], maskKeys: readonly Secret[]): Step {
  const { cohort } = run.members;
  const job = unmaskJob({
    sum: opening.survival.sum,
    salt: maskSalt(cohort.ctx, opening.masking.h1),
    selfMasks: selfMasks.map(({ place, secret }) => ({ place, seed: secret })),
    dropouts: maskKeys.map(({ place, secret }) => ({
      place,
      maskSecret: secret,
      maskers: survivingMaskers(opening, place).map((other) => ({
        place: other,
        maskKey: memberAt(cohort, other).maskKey,
      })),
    })),
  });
  return compute(run, job, (later, { vector }) =>
    isInRange(later, opening, vector) ? commit(later, opening, vector) : abandon(later, 'sum-out-of-range'),
  );
}

function survivingMaskers({ masking, survival }: Opening, place: number): readonly number[] {
  return masking.neighbourhoods.get(place)!.filter((other) => survival.places.has(other));
}

function isInRange(run: Run, { survival }: Opening, sum: Uint32Array): boolean {
  const { noiseVariance } = run.members.cohort.header;
  return isPlausible(sum, run.setup, { contributors: survival.places.size, noiseVariance });
}

function commit(run: Run, { masking, survival, certified }: Opening, sum: Uint32Array<ArrayBuffer>): Step {
  const { cohort, ids, parameters, header, headerSignature } = run.members;
  return end(run, {
    kind: 'committed',
    sum,
    survivors: [...survival.places].map((place) => ids[place]!),
    parameters,
    transcript: {
      planHash: run.planHash,
      header,
      headerSignature,
      rosterRoot: cohort.header.rosterRoot,
      maskers: masking.bitmap,
      survivors: certified.bitmap,
      committeeSignatures: certified.signatures,
    },
    ...accountOf(run),
  });
}
