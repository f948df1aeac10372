import { printVenueTable, type VenueSubject, venueContract } from "../../conformance/venue-contract.js";
import { bitstampDialect } from "./bitstamp-dialect.js";

const subjects: readonly VenueSubject[] = [
  {
    venue: "binance",
    dialect: "spot",
    gapReason: "sequence_gap",
    without: { V07: "its books have no checksum", V19: "it sends nothing in a quiet market but pings of the protocol" },
  },
  { venue: "okx", dialect: "okx", gapReason: "sequence_gap" },
  {
    venue: "kraken",
    dialect: "kraken",
    // The checksum is of ten levels: beyond them what the simulator spoils would not be seen.
    settings: { bookDepth: 10 },
    gapReason: "checksum_mismatch",
    without: { V13: "it closes without a word" },
  },
  {
    venue: "bitstamp",
    dialect: bitstampDialect,
    kinds: ["trade", "quote", "depth"],
    without: {
      V06: "nothing numbers its updates: a lost one shows nowhere, and is made good by the next snapshot",
      V07: "its books have no checksum",
    },
  },
];

for (const subject of subjects) venueContract(subject);
printVenueTable();
