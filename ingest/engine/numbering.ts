/**
 * Ticks of a topic's partition carry numbers that follow from their place in it, under a session of the partition's own.
 * Whoever reads `market.raw` drops what it has seen of a session, so a record that is read again after a crash, by this
 * process or another, doubles nothing.
 */
const PLACES = 4_096;
/** The first half of an offset's numbers is for what goes before its ticks: marks that the topic lost records. */
const FIRST_TICK = PLACES / 2;

/** Ticks of one record at most. */
export const MOST_TICKS = PLACES - FIRST_TICK;
/** Offsets up to 2^41 stay safe integers. */
export const tickNumber = (offset: number, index: number): number => offset * PLACES + FIRST_TICK + index;
/** Of what is said before the record's ticks. */
export const markNumber = (offset: number, index: number): number => offset * PLACES + Math.min(index, FIRST_TICK - 1);

export const engineSession = (exchange: string, generation: number, topic: string, partition: number): string =>
  `engine ${exchange} ${generation} ${topic}/${partition}`;
