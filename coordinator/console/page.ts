/** The status page: rendered here, and fetched anew by a few lines of script. No part of it comes from elsewhere. */

import { turnNames } from '@chorale/shared/wire';
import type { Status, TaskStatus } from './status.ts';

export function renderPage(status: Status): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Chorale</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/console.css">
<script src="/console.js" defer></script>
<header>
  <h1>Chorale</h1>
  <p>Many devices, one model, no voice heard alone.</p>
  <span class="pulse" title="refreshes by itself"></span>
</header>
<main>
  <p class="lead"><b>${status.connected}</b> ${status.connected === 1 ? 'connection' : 'connections'}, one for each device and task</p>
  ${status.tasks.map(renderTask).join('\n') || '<p class="quiet">No task yet. Create one with <code>POST /api/v1/tasks</code>.</p>'}
  <footer>as of ${escaped(status.at.slice(0, 19).replace('T', ' '))} UTC</footer>
</main>
</html>
`;
}

function renderTask(task: TaskStatus): string {
  return `<section>
    <h2>${escaped(task.name)} <span class="state ${escaped(task.state)}">${escaped(task.state)}</span></h2>
    <p class="quiet">${escaped(task.purpose)} · ${escaped(task.algorithm)} · cohorts of ${task.cohort} · noise: ${escaped(task.mechanism)}</p>
    <dl>
      ${figure('connected', task.connected)}${figure('waiting', task.waiting)}${figure('rounds committed', task.roundsCommitted)}
      ${figure('abandoned', task.roundsAbandoned)}${task.modelVersion > 0 ? figure('model version', task.modelVersion) : ''}
      ${task.epsilon === undefined ? '' : figure('ε spent', `${task.epsilon.toFixed(3)} of ${task.epsilonLimit}`)}
      ${Object.entries(task.summary).map(renderSummary).join('')}
    </dl>
    ${task.lastRound === undefined ? '' : renderRound(task.lastRound)}
  </section>`;
}

function renderSummary([name, value]: readonly [string, unknown]): string {
  if (typeof value !== 'number') return '';
  return figure(name.replaceAll(/([A-Z])/g, ' $1').toLowerCase(), Number.isInteger(value) ? value : value.toFixed(4));
}

function renderRound(round: NonNullable<TaskStatus['lastRound']>): string {
  const { invited, answered } = round.funnel;
  const steps = [['invited', invited] as const, ...turnNames.map((turn) => [turn, answered[turn]] as const)];
  const bars = steps.map(
    ([name, count]) =>
      `<li><span>${name}</span><meter max="${Math.max(1, invited)}" value="${count}">${count}</meter><b>${count}</b></li>`,
  );
  const took = round.durationMs === undefined ? '' : ` in ${(round.durationMs / 1000).toFixed(1)} s`;
  const why = round.reason === undefined ? '' : `: ${round.reason}`;
  return `<h3>Round ${escaped(round.number)} ${escaped(round.state)}${took}${escaped(why)}</h3>
    ${round.state === 'open' ? '' : `<ol>${bars.join('')}</ol>`}`;
}

function figure(name: string, value: string | number): string {
  return `<div><dt>${escaped(name)}</dt><dd>${escaped(String(value))}</dd></div>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

/** The dot's slow pulse is the clock: it stands still, and so does the page, while nobody looks. */
export const pageScript = `document.addEventListener('animationiteration', async () => {
  const response = await fetch('/').catch(() => undefined);
  document.body.classList.toggle('lost', !response?.ok);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  document.querySelector('main').replaceWith(page.querySelector('main'));
});
`;

export const pageStyle = `:root {
  color-scheme: light dark;
  --ink: light-dark(#1d2430, #e8eaee); --quiet: light-dark(#667085, #98a2b3); --line: light-dark(#e4e7ec, #2b3240);
  --paper: light-dark(#fbfbfa, #12151b); --card: light-dark(#fff, #1a1f28); --accent: light-dark(#2f6f5e, #6fc3ab);
}
* { box-sizing: border-box; margin: 0 }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.5rem }
header { display: flex; align-items: baseline; gap: 1rem; padding-bottom: 1.5rem }
h1 { font-size: 1.5rem; font-weight: 650; letter-spacing: -.01em } header p, .quiet, footer, dt { color: var(--quiet) }
.pulse { margin-left: auto; width: .6rem; height: .6rem; border-radius: 50%; background: var(--accent); animation: pulse 2s ease-in-out infinite }
.lost .pulse { background: #c4554d } @keyframes pulse { 50% { opacity: .25 } }
.lead { padding-bottom: 1rem }
section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem 1.5rem; margin-bottom: 1rem }
h2 { font-size: 1.1rem; font-weight: 600 } h3 { font-size: .95rem; font-weight: 600; margin-top: 1rem }
.state { font-size: .75rem; font-weight: 500; border: 1px solid var(--line); border-radius: 1rem; padding: .1rem .6rem; margin-left: .4rem; color: var(--quiet) }
.state.running { color: var(--accent); border-color: var(--accent) } .state.failed { color: #c4554d }
dl { display: flex; flex-wrap: wrap; gap: .75rem 2rem; margin-top: 1rem } dt { font-size: .8rem } dd { font-size: 1.25rem; font-variant-numeric: tabular-nums }
ol { list-style: none; padding: .5rem 0 0 } li { display: grid; grid-template-columns: 8rem 1fr 3rem; gap: 1rem; align-items: center; font-size: .85rem }
li span { color: var(--quiet) } li b { font-weight: 500; text-align: right; font-variant-numeric: tabular-nums }
meter { width: 100%; height: .6rem } code { font-size: .85em } footer { font-size: .8rem; padding-top: .5rem }
`;
