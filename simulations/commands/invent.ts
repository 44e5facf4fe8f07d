/** `lab invent`: a purchase log of people who do not exist, to try `lab simulate --data` on. */

import type { Command } from 'commander';
import { writeNew } from '../adapters/report-files.ts';
import { syntheticCustomers } from '../population/synthetic.ts';
import type { LabOutput } from './command.ts';
import { wholeNumber } from './privacy-options.ts';

type Options = { readonly customers: number; readonly seed: number };

export function addInventCommand(lab: Command, output: LabOutput): void {
  lab
    .command('invent')
    .description('Write a purchase log of people who do not exist, with the columns id, date and amount.')
    .argument('<file>', 'a CSV file that is not there yet')
    .option('--customers <count>', 'how many people', wholeNumber, 600)
    .option('--seed <number>', 'the same seed invents the same people', wholeNumber, 1)
    .addHelpText('after', '\nExample: lab invent my.csv')
    .action(async (file: string, { customers, seed }: Options) => {
      const lines = syntheticCustomers({ seed, customers }).flatMap(({ id, events }) =>
        events.map(({ at, name, properties }) => {
          const sign = name === 'Order Refunded' ? -1 : 1;
          return `${id},${new Date(at).toISOString()},${(sign * Number(properties.revenue)).toFixed(2)}`;
        }),
      );
      await writeNew(file, `id,date,amount\n${lines.join('\n')}\n`);
      output.notice(`${file}: ${lines.length} purchases and refunds of ${customers} people; nobody in it exists`);
      output.notice(`npm run lab -- simulate --data ${file} --customer id --time date --value amount`);
    });
}
