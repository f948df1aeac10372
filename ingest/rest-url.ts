/** A parameter of a request's URL, as it was before it was written into the URL; undefined where it is missing. */
export function parameterOf(url: string, name: string): string | undefined {
  const question = url.indexOf("?");
  return question < 0 ? undefined : (new URLSearchParams(url.slice(question + 1)).get(name) ?? undefined);
}

/** A part of a URL's path or what follows its `#`, likewise; as it stands where it is no UTF-8. */
export function partOfUrl(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
