/**
 * Makes accesses to strings fast again in this thread. A class that extends String, of which ioredis 6 has one, leaves
 * String.prototype in V8's form for tables of names; optimised code then looks `charCodeAt` up anew for each character,
 * which takes five times as long. V8 gives an object its fast form back when one that inherits from it is written to.
 */
export function makeStringsFast(): void {
  const heir = Object.create(String.prototype) as { written?: boolean };
  heir.written = true;
}
