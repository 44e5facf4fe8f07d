/** A law judges what is seen and what is on the disks. It knows nothing of the code that it judges but its formats. */

import type { Seen } from '../../world/seen.ts';
import type { World } from '../../world.ts';
import type { People } from '../people.ts';
import type { Scene } from '../scene.ts';

export type Law = {
  readonly name: string;
  /** @returns how the law was broken, in words that hold nothing private */
  judge?(seen: Seen): string | undefined;
  /** Asked once, when nothing happens any more. */
  conclude?(): string | undefined | Promise<string | undefined>;
};

export type Evidence = {
  readonly world: Pick<World, 'coordinator' | 'devices'>;
  readonly people: People;
  readonly scene: Scene;
};

/** The number in the header of a round's packet. */
export function roundOf({ header }: { readonly header: unknown }): bigint {
  return BigInt((header as { round: string }).round);
}
