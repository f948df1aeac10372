-- What is odd with a trade: off_tick, off_lot, price_band, id_again. Rows of before have none.

ALTER TABLE trades_data
  ADD COLUMN IF NOT EXISTS flags Array(LowCardinality(String)) CODEC(ZSTD(1))
SETTINGS alter_sync = 0;

CREATE OR REPLACE VIEW trades AS
SELECT symbol, exchange, trade_id, toFloat64(d.price) AS price, toFloat64(d.qty) AS qty, side, timestamp, epoch,
  sequence_num, retracts, d.price AS price_text, d.qty AS qty_text,
  if(d.log_time = 0, NULL, d.log_time) AS log_time, if(d.receive_time = 0, NULL, d.receive_time) AS receive_time,
  if(d.sent_at = 0, NULL, d.sent_at) AS sent_at, first_trade_id, last_trade_id,
  flags
FROM trades_data AS d FINAL SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Its columns are those of `trades` as it was when the view was made.
CREATE OR REPLACE VIEW standing_trades AS
SELECT made.* FROM trades AS made
LEFT JOIN (
  SELECT exchange, symbol, trade_id, max((epoch, sequence_num)) AS last FROM retractions_data
  GROUP BY exchange, symbol, trade_id
) AS taken USING (exchange, symbol, trade_id)
WHERE made.retracts IS NULL AND (made.epoch, made.sequence_num) > taken.last
SETTINGS join_use_nulls = 0;
