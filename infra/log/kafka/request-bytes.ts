/** What a request names topic by topic. */
export function byTopic<Place extends { readonly topic: string }>(places: readonly Place[]): Map<string, Place[]> {
  const found = new Map<string, Place[]>();
  for (const place of places) {
    const ofTopic = found.get(place.topic);
    if (ofTopic === undefined) found.set(place.topic, [place]);
    else ofTopic.push(place);
  }
  return found;
}

/** Writes a text behind its length of 16 bits. @returns where to go on */
export function writeText(bytes: Buffer, text: string, at: number): number {
  return bytes.write(text, bytes.writeInt16BE(Buffer.byteLength(text), at)) + at + 2;
}
