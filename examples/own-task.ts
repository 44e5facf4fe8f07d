/**
 * A task of an app's own, with features and a model of its own: who runs again within three days? Those who took it
 * neither too easy nor too hard, so the model has a hidden layer.
 *
 *   npx tsx --conditions=development examples/own-task.ts <host> <publishable key> <root key> <admin key>
 */

import { createClient, type ExampleSource } from '@chorale/client';
import type { ChoraleEvent } from '@chorale/shared/features';

const [host, clientKey, coordinatorKey, adminKey] = process.argv.slice(2);
if (!host || !clientKey || !coordinatorKey || !adminKey) {
  console.error('Usage: own-task.ts <host> <publishable key> <root key> <admin key>');
  process.exit(2);
}
const day = 24 * 60 * 60 * 1000;

const featuresOf = ({ properties: { minutes, effort } }: ChoraleEvent) =>
  Float32Array.of(Number(minutes) / 60, (Number(effort) - 5) / 2);

/** Own features: to learn from, every run whose sequel is known; for a score, the last one. */
const runs: ExampleSource = {
  examples: (events) =>
    events.slice(1).map((next, i) => {
      const run = events[i]!;
      return { features: featuresOf(run), label: next.at - run.at < 3 * day ? 1 : 0 };
    }),
  current: (events) => events.slice(-1).map(featuresOf)[0],
};

/** What the operator says, once: the question, the model, how many together, and the words that people agree to. */
const task = {
  name: 'runs-again',
  purpose: 'training',
  examples: { source: 'runs/1' },
  algorithm: 'fed-avg/1',
  config: {
    spec: { family: 'mlp', inputs: 2, hidden: [8], activation: 'tanh', output: 'sigmoid' },
    client: { epochs: 10, learningRate: 0.5 },
    server: { optimizer: 'sgd', learningRate: 1 },
    clipNorm: 8,
    rounds: 5,
  },
  cohort: { size: 10 },
  privacy: { mechanism: 'none' },
  consentPolicy: { language: 'en', text: 'Your runs stay on your device. We learn from sums over many people’s.' },
};
const response = await fetch(`${host}/api/v1/tasks`, {
  method: 'POST',
  headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
  body: JSON.stringify(task),
});
if (!response.ok) throw new Error(await response.text());
const { id } = (await response.json()) as { id: string };

/** Thirteen devices: here they share a process, and without `storage` they forget everything at its end. */
const devices = Array.from({ length: 13 }, () =>
  createClient({
    ...{ host, clientKey, coordinatorKey },
    defaults: '2026-11-23',
    sources: { 'runs/1': runs },
    training: { autoStart: true },
    floors: { minCohort: 10, minHonest: 5 },
  }),
);
for (const device of devices) {
  device.on('error', ({ message }) => console.error(message));
  for (let i = 0, at = Date.now() - 90 * day; i < 20; i++) {
    const effort = Math.floor(11 * Math.random());
    device.track('Run', { minutes: 20 + 40 * Math.random(), effort }, { at });
    at += (Math.abs(effort - 5) < 3 ? 1.5 : 4.5) * day;
  }
}
devices[0]!.on('model', ({ task, name, version }) => {
  if (task !== id) return; // of an earlier run of this example
  for (const effort of [1, 5, 9]) {
    devices[0]!.track('Run', { minutes: 40, effort });
    console.log(`${name}, model ${version}, after effort ${effort}: ${devices[0]!.score(task).value?.toFixed(2)}`);
  }
  for (const device of devices) void device.close();
});
await Promise.all(devices.map((device) => device.consent.grant(['scoring', 'training'])));
