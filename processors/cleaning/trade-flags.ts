/** What is odd with a trade that was taken in all the same: bits of `CleanTrade.flags`. */
export const OFF_TICK = 1;
export const OFF_LOT = 2;
/** Too far from the last prices: it stands in its venue's own candles and tape, and in no aggregate or index. */
export const PRICE_BAND = 4;
/** Its id was another trade's before. */
export const ID_AGAIN = 8;

/** With it, or shortly before it, the venue's ids have begun again. */
export const NEW_IDS = 16;

export const IDS_BEGIN_AGAIN = "ids_begin_again";
/** As the flags stand in a message, by bit. */
export const FLAG_NAMES = ["off_tick", "off_lot", "price_band", "id_again", IDS_BEGIN_AGAIN] as const;

/** The names of all combinations of flags, by their bits. */
export const namesOfFlags: readonly (readonly string[])[] = Array.from({ length: 1 << FLAG_NAMES.length }, (_, flags) =>
  FLAG_NAMES.filter((_name, bit) => (flags & (1 << bit)) !== 0),
);
