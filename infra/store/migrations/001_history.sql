-- History of every stored topic. Rows are identified by their stream (exchange, symbol, epoch, sequence_num), so a
-- repeated insert replaces itself; the views without `_data` read the newest version of each row.
--
-- `stored_at` is what retention goes by: a recording of years ago that is replayed today is kept as long as today's data.
--
-- Decimal(76, 24) keeps 52 digits before and 24 behind the point, and leaves room for a product: price * qty of two
-- Decimal(38, 18) overflows without an error, of two Decimal(76, 24) it has 28 digits before the point. Amounts in the
-- quote currency are products already and keep 36 decimals. What does not fit is refused by the writer, never rounded.

CREATE TABLE IF NOT EXISTS trades_data (
  symbol LowCardinality(String),
  exchange LowCardinality(String),
  trade_id String CODEC(ZSTD(1)),
  price Decimal(76, 24) CODEC(ZSTD(1)),
  qty Decimal(76, 24) CODEC(ZSTD(1)),
  side Enum8('buy' = 1, 'sell' = 2),
  timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  epoch UInt64 CODEC(T64, ZSTD(1)),
  sequence_num UInt64 CODEC(Delta, ZSTD(1)),
  retracts Nullable(String) CODEC(ZSTD(1)),
  stored_at DateTime('UTC') MATERIALIZED now() CODEC(Delta, ZSTD(1)),
  INDEX timestamp_range timestamp TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(timestamp)
ORDER BY (exchange, symbol, epoch, sequence_num)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS tickers_data (
  symbol LowCardinality(String),
  exchange LowCardinality(String),
  bid_price Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  bid_qty Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  ask_price Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  ask_qty Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  last_price Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  volume_24h Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  quote_volume_24h Nullable(Decimal(76, 36)) CODEC(ZSTD(1)),
  open_24h Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  high_24h Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  low_24h Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  weighted_price Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  median_price Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  venues Array(LowCardinality(String)),
  timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  epoch UInt64 CODEC(T64, ZSTD(1)),
  sequence_num UInt64 CODEC(Delta, ZSTD(1)),
  stored_at DateTime('UTC') MATERIALIZED now() CODEC(Delta, ZSTD(1)),
  INDEX timestamp_range timestamp TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(timestamp)
ORDER BY (exchange, symbol, epoch, sequence_num)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS depth_data (
  symbol LowCardinality(String),
  exchange LowCardinality(String),
  bids Array(Tuple(price Decimal(76, 24), qty Decimal(76, 24))) CODEC(ZSTD(1)),
  asks Array(Tuple(price Decimal(76, 24), qty Decimal(76, 24))) CODEC(ZSTD(1)),
  first_update_id Int64 CODEC(Delta, ZSTD(1)),
  update_id Int64 CODEC(Delta, ZSTD(1)),
  is_snapshot Bool,
  status LowCardinality(String),
  reason LowCardinality(Nullable(String)),
  timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  epoch UInt64 CODEC(T64, ZSTD(1)),
  sequence_num UInt64 CODEC(Delta, ZSTD(1)),
  previous_sequence Int64 CODEC(Delta, ZSTD(1)),
  stored_at DateTime('UTC') MATERIALIZED now() CODEC(Delta, ZSTD(1)),
  INDEX timestamp_range timestamp TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(timestamp)
ORDER BY (exchange, symbol, epoch, sequence_num)
SETTINGS ttl_only_drop_parts = 1;

-- A K-line is one row; of its emissions the last counts: of the newest epoch the highest revision.
CREATE TABLE IF NOT EXISTS klines_data (
  symbol LowCardinality(String),
  exchange LowCardinality(String),
  interval LowCardinality(String),
  open_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  close_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  open Decimal(76, 24) CODEC(ZSTD(1)),
  high Decimal(76, 24) CODEC(ZSTD(1)),
  low Decimal(76, 24) CODEC(ZSTD(1)),
  close Decimal(76, 24) CODEC(ZSTD(1)),
  volume Decimal(76, 24) CODEC(ZSTD(1)),
  quote_volume Decimal(76, 36) CODEC(ZSTD(1)),
  trade_count UInt64 CODEC(T64, ZSTD(1)),
  taker_buy_volume Decimal(76, 24) CODEC(ZSTD(1)),
  taker_buy_quote_volume Decimal(76, 36) CODEC(ZSTD(1)),
  is_closed Bool,
  revision UInt64 CODEC(T64, ZSTD(1)),
  flags Array(LowCardinality(String)),
  timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  epoch UInt64 CODEC(T64, ZSTD(1)),
  sequence_num UInt64 CODEC(Delta, ZSTD(1)),
  version UInt128 MATERIALIZED bitShiftLeft(toUInt128(epoch), 64) + revision,
  stored_at DateTime('UTC') MATERIALIZED now() CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(open_time)
ORDER BY (exchange, symbol, interval, open_time)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS index_values_data (
  name LowCardinality(String),
  value Nullable(Decimal(76, 24)) CODEC(ZSTD(1)),
  status LowCardinality(String),
  timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  epoch UInt64 CODEC(T64, ZSTD(1)),
  sequence_num UInt64 CODEC(Delta, ZSTD(1)),
  constituents Array(Tuple(
    exchange LowCardinality(String),
    symbol LowCardinality(String),
    price Nullable(Decimal(76, 24)),
    weight Decimal(76, 24),
    included Bool,
    reason LowCardinality(String)
  )) CODEC(ZSTD(1)),
  stored_at DateTime('UTC') MATERIALIZED now() CODEC(Delta, ZSTD(1)),
  INDEX timestamp_range timestamp TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (name, epoch, sequence_num)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS signals_data (
  signal_id String CODEC(ZSTD(1)),
  strategy LowCardinality(String),
  symbol LowCardinality(String),
  legs Array(Tuple(
    exchange LowCardinality(String),
    side LowCardinality(String),
    price Decimal(76, 24),
    qty Decimal(76, 24)
  )) CODEC(ZSTD(1)),
  expected_profit Decimal(76, 36) CODEC(ZSTD(1)),
  timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  epoch UInt64 CODEC(T64, ZSTD(1)),
  sequence_num UInt64 CODEC(Delta, ZSTD(1)),
  stored_at DateTime('UTC') MATERIALIZED now() CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (strategy, symbol, epoch, sequence_num, signal_id)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS dead_letters_data (
  topic LowCardinality(String),
  partition Int32,
  offset Int64 CODEC(Delta, ZSTD(1)),
  `index` Int32,
  exchange LowCardinality(String),
  symbol LowCardinality(String),
  reason LowCardinality(String),
  detail String CODEC(ZSTD(1)),
  original String CODEC(ZSTD(1)),
  timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  epoch UInt64 CODEC(T64, ZSTD(1)),
  sequence_num UInt64 CODEC(Delta, ZSTD(1)),
  stored_at DateTime('UTC') MATERIALIZED now() CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (topic, partition, exchange, symbol, epoch, sequence_num, offset, `index`, reason)
SETTINGS ttl_only_drop_parts = 1;

-- A row's partition follows from its identity, so versions never lie in two of them.
CREATE OR REPLACE VIEW trades AS
SELECT * FROM trades_data FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;
CREATE OR REPLACE VIEW tickers AS
SELECT * FROM tickers_data FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;
CREATE OR REPLACE VIEW depth AS
SELECT * FROM depth_data FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;
CREATE OR REPLACE VIEW klines AS
SELECT * FROM klines_data FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;
CREATE OR REPLACE VIEW index_values AS
SELECT * FROM index_values_data FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;
CREATE OR REPLACE VIEW signals AS
SELECT * FROM signals_data FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;
CREATE OR REPLACE VIEW dead_letters AS
SELECT * FROM dead_letters_data FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;
