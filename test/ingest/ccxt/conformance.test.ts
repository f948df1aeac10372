import { printVenueTable, type VenueSubject, venueContract } from "../../conformance/venue-contract.js";
import { simulatedMarkets, throughCcxt } from "./simulated.js";

const silent = "ccxt passes over messages that it does not know without a word; see garbage.test.ts";
const unchecked = "ccxt checks nothing of Kraken's books: its checksum fails at its own numbers";
const ccxts = "ccxt keeps the connections, their age and their pings";

const subjects: readonly VenueSubject[] = [
  {
    venue: "binance",
    name: "ccxt:binance",
    dialect: "spot",
    source: throughCcxt,
    settings: simulatedMarkets("spot"),
    gapReason: "sequence_gap",
    // ccxt subscribes each kind of each symbol by itself, four a second
    many: 20,
    without: {
      V11: silent,
      V07: "its books have no checksum",
      V13: "ccxt does not heed the announcement",
      V14: ccxts,
      V19: ccxts,
    },
  },
  {
    venue: "kraken",
    name: "ccxt:kraken",
    dialect: "kraken",
    source: throughCcxt,
    settings: { ...simulatedMarkets("spot"), bookDepth: 25 },
    gapReason: "sequence_gap",
    // one a second
    many: 5,
    without: {
      V06: unchecked,
      V07: unchecked,
      V09: unchecked,
      V11: silent,
      V13: "it closes without a word",
      V14: ccxts,
      V19: ccxts,
    },
  },
];

for (const subject of subjects) venueContract(subject);
printVenueTable();
