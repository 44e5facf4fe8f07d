import { describe } from 'vitest';
import { stormsKeepLaws } from './seeds-suite.ts';

describe('more storms of faults', () => {
  stormsKeepLaws(101, 200);
});
