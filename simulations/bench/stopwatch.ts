/** Time spent: by the clock on the wall, and by the processor for this process with all its threads. */

import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

export type Timed<Result> = {
  readonly result: Result;
  readonly wallMs: number;
  /** User and system time of all threads: garbage collection and workers count, idling and other processes do not. */
  readonly cpuMs: number;
};

export async function timed<Result>(work: () => Result | Promise<Result>): Promise<Timed<Result>> {
  const wall = performance.now();
  const cpu = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  return { result, wallMs: performance.now() - wall, cpuMs: (user + system) / 1000 };
}

/** The least of several runs: noise only ever adds. */
export async function leastOf(
  runs: number,
  work: () => unknown,
): Promise<{ readonly wallMs: number; readonly cpuMs: number }> {
  const least = { wallMs: Number.POSITIVE_INFINITY, cpuMs: Number.POSITIVE_INFINITY };
  for (let run = 0; run < runs; run++) {
    const { wallMs, cpuMs } = await timed(work);
    least.wallMs = Math.min(least.wallMs, wallMs);
    least.cpuMs = Math.min(least.cpuMs, cpuMs);
  }
  return least;
}

/** @returns the longest time for which the work kept the event loop from turning, in ms */
export async function longestBlock(work: () => Promise<unknown>): Promise<number> {
  const resolutionMs = 5;
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  await work();
  delays.disable();
  return Math.max(0, delays.max / 1e6 - resolutionMs);
}
