-- Which trades were taken back, and by which message of the trades' stream: few rows, so that a query of trades can look
-- there instead of through all of them.
CREATE TABLE IF NOT EXISTS retractions_data (
  exchange LowCardinality(String),
  symbol LowCardinality(String),
  trade_id String CODEC(ZSTD(1)),
  timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  epoch UInt64 CODEC(T64, ZSTD(1)),
  sequence_num UInt64 CODEC(Delta, ZSTD(1)),
  stored_at DateTime('UTC') MATERIALIZED now() CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (exchange, symbol, trade_id, epoch, sequence_num)
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS retractions_of_trades TO retractions_data AS
SELECT exchange, symbol, assumeNotNull(retracts) AS trade_id, timestamp, epoch, sequence_num
FROM trades_data WHERE retracts IS NOT NULL;

-- `trades` is the stream as it was: trades, and the corrections that take trades back. `standing_trades` is what is
-- left: a trade that was taken back and came again later stands.
CREATE OR REPLACE VIEW standing_trades AS
SELECT made.* FROM trades AS made
LEFT JOIN (
  SELECT exchange, symbol, trade_id, max((epoch, sequence_num)) AS last FROM retractions_data
  GROUP BY exchange, symbol, trade_id
) AS taken USING (exchange, symbol, trade_id)
WHERE made.retracts IS NULL AND (made.epoch, made.sequence_num) > taken.last;
