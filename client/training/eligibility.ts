/** Whether this is a good moment to train: a person's device is theirs first. */

/** What the device knows of its own situation; undefined where it cannot tell. */
export type Situation = {
  /** The person asked for less data: `navigator.connection.saveData`. */
  readonly isSavingData: boolean | undefined;
  readonly isCharging: boolean | undefined;
  /** Nobody looks at the page, or nobody has touched it for a while. */
  readonly isIdle: boolean | undefined;
};

export type EligibilityPolicy = {
  readonly whenIdle: boolean;
  readonly whenCharging: boolean;
};

export type Ineligible = 'saving-data' | 'not-charging' | 'in-use';

/** @returns why not now; undefined when the device may train. What a device cannot tell does not hold it back */
export function whyNotNow(situation: Situation, policy: EligibilityPolicy): Ineligible | undefined {
  if (situation.isSavingData === true) return 'saving-data';
  if (policy.whenCharging && situation.isCharging === false) return 'not-charging';
  if (policy.whenIdle && situation.isIdle === false) return 'in-use';
  return undefined;
}
