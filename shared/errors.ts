/** Refused outside input. Expected outcomes are values; broken invariants throw a plain `Error`. */

export const errorCodes = [
  'invalid-input',
  'unauthorized',
  'forbidden',
  'not-found',
  'conflict',
  'rate-limited',
  'payload-too-large',
  'upgrade-required',
  'consent-required',
  'policy-superseded',
  'not-eligible',
  'round-full',
  'round-over',
  'wrong-turn',
  'duplicate',
  'plan-refused',
  'budget-exhausted',
  'too-few-devices',
  'store-unavailable',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export type ChoraleErrorOptions = {
  /** When trying again makes sense, in ms from now. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
};

/** Input from outside that was refused: a stable code and a sentence that says what to do, never private data. */
export class ChoraleError extends Error {
  override readonly name = 'ChoraleError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, detail: string, options: ChoraleErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Throws when something that can only be false through a defect of ours is false. */
export function invariant(claim: unknown, message: string): asserts claim {
  if (!claim) throw new Error(`invariant: ${message}`);
}
