import { kafkaContract } from "./kafka-contract.js";

// what the plant is promised to run on: the last of the old line and one of the new; torture/kafka-releases has the newest
for (const version of ["3.9.1", "4.3.1"]) kafkaContract(version);
