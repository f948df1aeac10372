import { kafkaContract } from "../infra/kafka-contract.js";

// it is fetched at the first run
kafkaContract("4.4.0");
