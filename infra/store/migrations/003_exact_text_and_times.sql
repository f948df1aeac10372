-- Prices, quantities and amounts are kept as the decimal text of their message, and views calculate with the nearest
-- Float64 of it. No decimal type of ClickHouse can be calculated with unseen: products and sums beyond the type's digits
-- wrap without an error, `%` of a whole number works on units (60006.06 % 7 is 0.00000003 of Decimal(18, 8)), quotients
-- are cut to the dividend's scale, and a comparison with a literal, which is a Float64, misses by the last bit
-- (Decimal(38, 18) 60006.06 = 60006.06 is false). Text has no such operators; Float64 is right to 15 digits in all of them.
--
-- Old rows are rewritten in the background. Until a part's turn they are converted as they are read.
--
-- log_time: when a message was made, by the log's clock; receive_time: when the newest tick in it was received; sent_at:
-- when it left for the log, by the wall clock. Rows of before have 1970 there, their views NULL. A message that is made
-- again after a crash has another `sent_at`, and is the same row.

ALTER TABLE trades_data
  MODIFY COLUMN price String CODEC(ZSTD(1)),
  MODIFY COLUMN qty String CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS log_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS receive_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS sent_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
SETTINGS alter_sync = 0;

ALTER TABLE tickers_data
  MODIFY COLUMN bid_price Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN bid_qty Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN ask_price Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN ask_qty Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN last_price Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN volume_24h Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN quote_volume_24h Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN open_24h Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN high_24h Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN low_24h Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN weighted_price Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN median_price Nullable(String) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS log_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS receive_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS sent_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
SETTINGS alter_sync = 0;

ALTER TABLE depth_data
  MODIFY COLUMN bids Array(Tuple(price String, qty String)) CODEC(ZSTD(1)),
  MODIFY COLUMN asks Array(Tuple(price String, qty String)) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS log_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS receive_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS sent_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
SETTINGS alter_sync = 0;

ALTER TABLE klines_data
  MODIFY COLUMN open String CODEC(ZSTD(1)),
  MODIFY COLUMN high String CODEC(ZSTD(1)),
  MODIFY COLUMN low String CODEC(ZSTD(1)),
  MODIFY COLUMN close String CODEC(ZSTD(1)),
  MODIFY COLUMN volume String CODEC(ZSTD(1)),
  MODIFY COLUMN quote_volume String CODEC(ZSTD(1)),
  MODIFY COLUMN taker_buy_volume String CODEC(ZSTD(1)),
  MODIFY COLUMN taker_buy_quote_volume String CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS log_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS receive_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS sent_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
SETTINGS alter_sync = 0;

ALTER TABLE index_values_data
  MODIFY COLUMN value Nullable(String) CODEC(ZSTD(1)),
  MODIFY COLUMN constituents Array(Tuple(
    exchange LowCardinality(String),
    symbol LowCardinality(String),
    price Nullable(String),
    weight String,
    included Bool,
    reason LowCardinality(String)
  )) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS log_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS receive_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS sent_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
SETTINGS alter_sync = 0;

ALTER TABLE signals_data
  MODIFY COLUMN legs Array(Tuple(
    exchange LowCardinality(String),
    side LowCardinality(String),
    price String,
    qty String
  )) CODEC(ZSTD(1)),
  MODIFY COLUMN expected_profit String CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS log_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS receive_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS sent_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
SETTINGS alter_sync = 0;

ALTER TABLE dead_letters_data
  ADD COLUMN IF NOT EXISTS log_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS receive_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS sent_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1));

-- Of every value NAME, a Float64, NAME_text is the exact decimal.
CREATE OR REPLACE VIEW trades AS
SELECT symbol, exchange, trade_id, toFloat64(d.price) AS price, toFloat64(d.qty) AS qty, side, timestamp, epoch,
  sequence_num, retracts, d.price AS price_text, d.qty AS qty_text,
  if(d.log_time = 0, NULL, d.log_time) AS log_time, if(d.receive_time = 0, NULL, d.receive_time) AS receive_time,
  if(d.sent_at = 0, NULL, d.sent_at) AS sent_at
FROM trades_data AS d FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW tickers AS
SELECT symbol, exchange, toFloat64(d.bid_price) AS bid_price, toFloat64(d.bid_qty) AS bid_qty,
  toFloat64(d.ask_price) AS ask_price, toFloat64(d.ask_qty) AS ask_qty, toFloat64(d.last_price) AS last_price,
  toFloat64(d.volume_24h) AS volume_24h, toFloat64(d.quote_volume_24h) AS quote_volume_24h,
  toFloat64(d.open_24h) AS open_24h, toFloat64(d.high_24h) AS high_24h, toFloat64(d.low_24h) AS low_24h,
  toFloat64(d.weighted_price) AS weighted_price, toFloat64(d.median_price) AS median_price, venues, timestamp, epoch,
  sequence_num, d.bid_price AS bid_price_text, d.bid_qty AS bid_qty_text, d.ask_price AS ask_price_text,
  d.ask_qty AS ask_qty_text, d.last_price AS last_price_text, d.volume_24h AS volume_24h_text,
  d.quote_volume_24h AS quote_volume_24h_text, d.open_24h AS open_24h_text, d.high_24h AS high_24h_text,
  d.low_24h AS low_24h_text, d.weighted_price AS weighted_price_text, d.median_price AS median_price_text,
  if(d.log_time = 0, NULL, d.log_time) AS log_time, if(d.receive_time = 0, NULL, d.receive_time) AS receive_time,
  if(d.sent_at = 0, NULL, d.sent_at) AS sent_at
FROM tickers_data AS d FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW depth AS
SELECT symbol, exchange, CAST(d.bids, 'Array(Tuple(price Float64, qty Float64))') AS bids,
  CAST(d.asks, 'Array(Tuple(price Float64, qty Float64))') AS asks, first_update_id, update_id, is_snapshot, status,
  reason, timestamp, epoch, sequence_num, previous_sequence, d.bids AS bids_text, d.asks AS asks_text,
  if(d.log_time = 0, NULL, d.log_time) AS log_time, if(d.receive_time = 0, NULL, d.receive_time) AS receive_time,
  if(d.sent_at = 0, NULL, d.sent_at) AS sent_at
FROM depth_data AS d FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW klines AS
SELECT symbol, exchange, interval, open_time, close_time, toFloat64(d.open) AS open, toFloat64(d.high) AS high,
  toFloat64(d.low) AS low, toFloat64(d.close) AS close, toFloat64(d.volume) AS volume,
  toFloat64(d.quote_volume) AS quote_volume, trade_count, toFloat64(d.taker_buy_volume) AS taker_buy_volume,
  toFloat64(d.taker_buy_quote_volume) AS taker_buy_quote_volume, is_closed, revision, flags, timestamp, epoch,
  sequence_num, d.open AS open_text, d.high AS high_text, d.low AS low_text, d.close AS close_text,
  d.volume AS volume_text, d.quote_volume AS quote_volume_text, d.taker_buy_volume AS taker_buy_volume_text,
  d.taker_buy_quote_volume AS taker_buy_quote_volume_text,
  if(d.log_time = 0, NULL, d.log_time) AS log_time, if(d.receive_time = 0, NULL, d.receive_time) AS receive_time,
  if(d.sent_at = 0, NULL, d.sent_at) AS sent_at
FROM klines_data AS d FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW index_values AS
SELECT name, toFloat64(d.value) AS value, status, timestamp, epoch, sequence_num,
  CAST(d.constituents, 'Array(Tuple(exchange String, symbol String, price Nullable(Float64), weight Float64, included Bool, reason String))') AS constituents,
  d.value AS value_text, d.constituents AS constituents_text,
  if(d.log_time = 0, NULL, d.log_time) AS log_time, if(d.receive_time = 0, NULL, d.receive_time) AS receive_time,
  if(d.sent_at = 0, NULL, d.sent_at) AS sent_at
FROM index_values_data AS d FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW signals AS
SELECT signal_id, strategy, symbol,
  CAST(d.legs, 'Array(Tuple(exchange String, side String, price Float64, qty Float64))') AS legs,
  toFloat64(d.expected_profit) AS expected_profit, timestamp, epoch, sequence_num, d.legs AS legs_text,
  d.expected_profit AS expected_profit_text,
  if(d.log_time = 0, NULL, d.log_time) AS log_time, if(d.receive_time = 0, NULL, d.receive_time) AS receive_time,
  if(d.sent_at = 0, NULL, d.sent_at) AS sent_at
FROM signals_data AS d FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW dead_letters AS
SELECT topic, partition, offset, `index`, exchange, symbol, reason, detail, original, timestamp, epoch, sequence_num,
  if(d.log_time = 0, NULL, d.log_time) AS log_time, if(d.receive_time = 0, NULL, d.receive_time) AS receive_time,
  if(d.sent_at = 0, NULL, d.sent_at) AS sent_at
FROM dead_letters_data AS d FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Trades that were never taken back have no match: a default, whatever a user's `join_use_nulls` says.
CREATE OR REPLACE VIEW standing_trades AS
SELECT made.* FROM trades AS made
LEFT JOIN (
  SELECT exchange, symbol, trade_id, max((epoch, sequence_num)) AS last FROM retractions_data
  GROUP BY exchange, symbol, trade_id
) AS taken USING (exchange, symbol, trade_id)
WHERE made.retracts IS NULL AND (made.epoch, made.sequence_num) > taken.last
SETTINGS join_use_nulls = 0;
