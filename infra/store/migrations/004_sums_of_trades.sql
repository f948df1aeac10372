-- A trade that sums several names the first and the last of them; of any other both are NULL.
ALTER TABLE trades_data
  ADD COLUMN IF NOT EXISTS first_trade_id Nullable(UInt64) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS last_trade_id Nullable(UInt64) CODEC(ZSTD(1));

CREATE OR REPLACE VIEW trades AS
SELECT symbol, exchange, trade_id, toFloat64(d.price) AS price, toFloat64(d.qty) AS qty, side, timestamp, epoch,
  sequence_num, retracts, d.price AS price_text, d.qty AS qty_text,
  if(d.log_time = 0, NULL, d.log_time) AS log_time, if(d.receive_time = 0, NULL, d.receive_time) AS receive_time,
  if(d.sent_at = 0, NULL, d.sent_at) AS sent_at, first_trade_id, last_trade_id
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
