import { expect, it } from 'vitest';
import { fedAvg } from './fed-avg.ts';
import { builtIn, registryOf } from './registry.ts';

it('every built-in algorithm is found under the name that plans use', () => {
  expect([...builtIn.keys()]).toEqual(['moments/1', 'fed-avg/1', 'evaluation/1']);
  for (const [name, algorithm] of builtIn) expect(algorithm.name).toBe(name);
});

it('an app adds its own beside them, and two of one name are refused', () => {
  const mine = { ...fedAvg, name: 'mine/1' };
  expect(registryOf(...builtIn.values(), mine).get('mine/1')?.layout).toBe(fedAvg.layout);
  expect(() => registryOf(...builtIn.values(), fedAvg)).toThrow(/share a name/);
});

it('an algorithm that a device does not have is not there', () => {
  expect(builtIn.get('fed-avg/2')).toBeUndefined();
});
