/** Where in a round a coordinator may be killed, and what its parent process and it say to each other about that. */

/** In the order in which a round comes by. */
export const killPoints = [
  'number reserved',
  'plan sent',
  'roster sent',
  'shares sent',
  'sharers sent',
  'survivors sent',
  'certificate sent',
  'before the commit',
  'within the commit',
  'after the commit',
] as const;
export type KillPoint = (typeof killPoints)[number];

export type Order =
  | { readonly do: 'start'; readonly store: string; readonly port: number }
  /** Dies the next time that a round comes by this point. */
  | { readonly do: 'die'; readonly at: KillPoint };

export type Facts = {
  readonly url: string;
  readonly publishableKey: string;
  readonly rootKey: string;
  readonly adminKey?: string | undefined;
};

export type Word = { readonly is: 'ready'; readonly facts: Facts } | { readonly is: 'committed' };
