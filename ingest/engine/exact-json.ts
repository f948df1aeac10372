const LONG_NUMBER = /\d[\d.]{15}/;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * JSON whose numbers stay exact: one that a double may not hold (more than 15 digits) becomes its own text.
 *
 * @throws SyntaxError when it is not JSON
 */
export function parseExactJson(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  // what is no JSON must not become JSON by the quotes
  JSON.parse(text);
  return JSON.parse(text.replace(TOKEN, (token) => (token.length > 15 && token[0] !== '"' ? `"${token}"` : token)));
}
