import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataDirectory } from '../config.ts';
import { locateDataset } from '../datasets/locate.ts';
import { snapshotsOf, tasks } from '../datasets/tasks.ts';
import { reportScores } from '../metrics/score-report.ts';
import { baseRateOf, centralScores, centralStandardization, localOnlyScores, rowsOf } from './index.ts';

const directory = dataDirectory();
const isThere = directory !== undefined && existsSync(join(directory, 'online-retail.csv.gz'));
const isRequired = process.env.CI === 'true' && directory !== undefined;
if (!isThere) console.warn('baselines on Online Retail: skipped, CHORALE_DATA_DIR has no online-retail.csv.gz');

describe.skipIf(!isThere && !isRequired)('on Online Retail', () => {
  it('central and local models reach what is known of them', async () => {
    const dataset = await locateDataset('online-retail', { directory, isOffline: true });
    expect(dataset.name).toBe('online-retail');
    expect(dataset.customers).toHaveLength(4372);
    const { train, test } = tasks['online-retail']['purchase-7d'];
    const [trainRows, testRows] = [train, test].map((query) => rowsOf(snapshotsOf(dataset, query), 27)) as [Rows, Rows];
    expect(trainRows.rowCount).toBe(102_118);
    expect(testRows.rowCount).toBe(16_635);
    expect(1 - baseRateOf(testRows)).toBeCloseTo(0.8901, 4);
    const central = reportScores(centralScores(trainRows, testRows, 27), testRows.labels);
    expect(central.auc).toBeGreaterThan(0.733);
    expect(central.auc).toBeLessThan(0.737);
    expect(central.logLoss).toBeLessThan(0.32);
    const standardization = centralStandardization(trainRows, 27);
    const local = reportScores(localOnlyScores(trainRows, testRows, 27, standardization), testRows.labels);
    expect(local.auc).toBeGreaterThan(0.72);
    expect(local.auc).toBeLessThan(0.735);
  });
});

type Rows = ReturnType<typeof rowsOf>;
