import { namesOfFlags } from "../cleaning/trade-flags.js";
import { bytesOf } from "../task/byte-writer.js";
import type { CleanTrade } from "../task/operator.js";
import type { OutputStream } from "../task/output-stream.js";
import { avroTexts, copyText, writeJsonText } from "./json-text.js";
import type { MessageWriter } from "./message-writer.js";

/** Bytes that a trade takes about. */
export const TRADE_ROOM = 512;

/** The fields of a trade. */
export function writeTrade(writer: MessageWriter, stream: OutputStream, sequence: number, trade: CleanTrade): void {
  const { avro, json } = writer;
  const { market, idBytes, idStart, idEnd, retractsStart, retractsEnd, firstId, lastId, flags } = trade;
  avro.avroLong(idEnd - idStart);
  avro.copyRange(idBytes, idStart, idEnd);
  const texts = avro.at;
  avro.avroUnits(trade.price, market.priceScale);
  avro.avroUnits(trade.qty, market.qtyScale);
  avro.byte(trade.buy ? 0 : 2);
  avro.avroLong(trade.exchangeTime);
  writer.avroPosition(stream, sequence);
  if (retractsStart < 0) avro.byte(0);
  else {
    avro.byte(2);
    avro.avroLong(retractsEnd - retractsStart);
    avro.copyRange(idBytes, retractsStart, retractsEnd);
  }
  writer.avroTimes();
  if (firstId < 0) {
    avro.byte(0);
    avro.byte(0);
  } else {
    avro.byte(2);
    avro.avroLong(firstId);
    avro.byte(2);
    avro.avroLong(lastId);
  }
  avro.copy(flagAvro[flags]!);

  json.copy(TRADE_ID);
  writeJsonText(json, idBytes, idStart, idEnd, trade.idNumber >= 0);
  copyText(json, QTY, avro.bytes, copyText(json, PRICE, avro.bytes, texts));
  json.copy(trade.buy ? BUY : SELL);
  writer.jsonPosition(trade.exchangeTime, stream, sequence);
  if (retractsStart < 0) json.copy(flagJson[flags]!);
  else {
    json.copy(RETRACTS);
    writeJsonText(json, idBytes, retractsStart, retractsEnd, false);
    json.copy(flagsAlone[flags]!);
  }
  if (firstId >= 0) {
    json.copy(FIRST_TRADE_ID);
    json.integer(firstId);
    json.copy(LAST_TRADE_ID);
    json.integer(lastId);
  }
  writer.jsonTimes();
}

const TRADE_ID = bytesOf(',"trade_id":');
const PRICE = bytesOf(',"price":"');
const QTY = bytesOf('","qty":"');
const BUY = bytesOf('","side":"buy","timestamp":');
const SELL = bytesOf('","side":"sell","timestamp":');
const RETRACTS = bytesOf(',"retracts":');
const flagsAlone = namesOfFlags.map((names) => bytesOf(`,"flags":${JSON.stringify(names)}`));
const flagJson = namesOfFlags.map((names) => bytesOf(`,"retracts":null,"flags":${JSON.stringify(names)}`));
const flagAvro = namesOfFlags.map(avroTexts);
const FIRST_TRADE_ID = bytesOf(',"first_trade_id":');
const LAST_TRADE_ID = bytesOf(',"last_trade_id":');
