/** What a browser tells about the device and its person. Each part is missing somewhere, so each is asked for gently. */

import type { Situation } from '../training/eligibility.ts';

type Battery = { readonly charging: boolean };
type PartialNavigator = {
  readonly connection?: { readonly saveData?: boolean };
  readonly getBattery?: () => Promise<Battery>;
  readonly globalPrivacyControl?: boolean;
};

export async function browserSituation(): Promise<Situation> {
  return {
    isSavingData: here().connection?.saveData,
    isCharging: await isCharging(),
    isIdle: typeof document === 'undefined' ? undefined : document.visibilityState === 'hidden' || undefined,
  };
}

export function hasGlobalPrivacyControl(): boolean {
  return here().globalPrivacyControl === true;
}

/** Whether this is a page and not a server that draws one. */
export function isBrowser(): boolean {
  return typeof document !== 'undefined' && typeof indexedDB !== 'undefined';
}

/** The parts that not every browser has, and TypeScript's library does not know. */
function here(): PartialNavigator {
  return (globalThis.navigator ?? {}) as PartialNavigator;
}

async function isCharging(): Promise<boolean | undefined> {
  try {
    return (await here().getBattery?.())?.charging;
  } catch {
    return undefined;
  }
}
