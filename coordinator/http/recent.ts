/** Answers that anybody may ask for, however often, and that cost something. */

const recentMs = 1000;

/** What was read within the last second is given again; what failed is not. */
export function recent<Answer>(now: () => number, read: () => Promise<Answer>): () => Promise<Answer> {
  let last: { readonly at: number; readonly answer: Promise<Answer> } | undefined;
  return () => {
    const at = now();
    // A clock that was set back must not keep an answer for longer.
    if (last !== undefined && Math.abs(at - last.at) < recentMs) return last.answer;
    const made = { at, answer: read() };
    last = made;
    made.answer.catch(() => {
      if (last === made) last = undefined;
    });
    return made.answer;
  };
}
