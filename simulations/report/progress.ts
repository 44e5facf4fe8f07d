/** Progress of long work, on stderr: a bar with the time left on a terminal, plain lines elsewhere. */

import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  /** Begins a stretch of `total` equal parts; ends the one before it. */
  begin(label: string, total: number): void;
  advance(done: number, note?: string): void;
  /** A line above the bar. */
  say(line: string): void;
  end(): void;
}

type Terminal = { readonly isTTY?: boolean; write(text: string): unknown };

export function createProgress(stream: Terminal): Progress {
  return stream.isTTY === true ? barProgress(stream) : lineProgress(stream);
}

function barProgress(stream: Terminal): Progress {
  let bar: SingleBar | undefined;
  const end = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    begin(label, total) {
      end();
      bar = new SingleBar(
        {
          format: `  ${label.padEnd(12)} {bar} {value}/{total}{eta_formatted}{note}`,
          formatTime: timeLeft,
          stream: stream as NodeJS.WritableStream,
          hideCursor: true,
          gracefulExit: false,
          barsize: 24,
        },
        Presets.shades_grey,
      );
      bar.start(total, 0, { note: '' });
    },
    advance: (done, note = '') => bar?.update(done, { note: note === '' ? '' : ` · ${note}` }),
    say(line) {
      // Clears what the bar drew on its line; the bar redraws itself below.
      stream.write(`\r\u001b[K${line}\n`);
      bar?.updateETA();
    },
    end,
  };
}

/** @param seconds the words NULL or INF, too, while nobody can know: then nothing is said, and nothing at the end */
function timeLeft(seconds: number): string {
  if (!(seconds > 0)) return '';
  const rounded = Math.max(5, 5 * Math.round(seconds / 5));
  const minutes = Math.floor(rounded / 60);
  return ` · ${minutes > 0 ? `${minutes} min ` : ''}${rounded % 60} s left`;
}

function lineProgress(stream: Terminal): Progress {
  let label = '';
  let total = 0;
  let last = -1;
  return {
    begin(nextLabel, nextTotal) {
      [label, total, last] = [nextLabel, nextTotal, -1];
    },
    advance(done, note = '') {
      // At most about twenty lines a stretch: a log is read afterwards.
      const isWorthALine = done === total || done - last >= Math.max(1, total / 20);
      if (!isWorthALine || done === last) return;
      last = done;
      stream.write(`${label} ${done}/${total}${note === '' ? '' : ` · ${note}`}\n`);
    },
    say: (line) => {
      stream.write(`${line}\n`);
    },
    end: () => {},
  };
}
