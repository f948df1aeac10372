import { printVenueTable, type VenueSubject, venueContract } from "../../conformance/venue-contract.js";

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
    settings: { bookDepth: 25 },
    gapReason: "checksum_mismatch",
    without: { V13: "it closes without a word" },
  },
];

for (const subject of subjects) venueContract(subject);
printVenueTable();
