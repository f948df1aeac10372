/**
 * An answer that costs something, made once for all who ask while it is made and for a while after: whoever asks more
 * often causes no more work.
 *
 * @param ms for which an answer counts as new
 */
export function shared<Answer>(ms: number, make: () => Promise<Answer>): () => Promise<Answer> {
  let answer: Promise<Answer> | undefined;
  let madeAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (answer !== undefined && performance.now() - madeAt < ms) return answer;
    const made = make();
    answer = made;
    madeAt = Number.POSITIVE_INFINITY;
    const done = () => {
      if (answer === made) madeAt = performance.now();
    };
    made.then(done, () => {
      if (answer === made) answer = undefined;
    });
    return made;
  };
}
