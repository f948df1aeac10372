/** The least that a sorted side of a book can be: the floor that the plant's own is measured beside. */
export class TypedArraySide {
  private readonly ranks = new Float64Array(65_536);
  private readonly quantities = new Float64Array(65_536);
  private size = 0;

  constructor(private readonly sign: 1 | -1) {}

  set(price: number, qty: number): void {
    const { ranks, quantities, size } = this;
    const rank = price * this.sign;
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranks[middle]! < rank) low = middle + 1;
      else high = middle;
    }
    if (low < size && ranks[low] === rank) {
      if (qty !== 0) {
        quantities[low] = qty;
        return;
      }
      ranks.copyWithin(low, low + 1, size);
      quantities.copyWithin(low, low + 1, size);
      this.size--;
    } else if (qty !== 0) {
      ranks.copyWithin(low + 1, low, size);
      quantities.copyWithin(low + 1, low, size);
      ranks[low] = rank;
      quantities[low] = qty;
      this.size++;
    }
  }
}
