import type avro from "avsc";
import { AvroCursor } from "./avro-cursor.js";
import { asBuffer } from "./wire.js";

/**
 * Walks over a record by its schema before avsc decodes it. avsc believes an array's count: five bytes of garbage would
 * have it fill the memory with items that are not there.
 */
export class RecordScanner extends AvroCursor {
  /** @throws UnreadableRecord TP_RECORD_UNREADABLE when a length or a count runs past the end */
  scan(type: avro.Type, wireValue: Uint8Array, start: number): void {
    this.bytes = asBuffer(wireValue);
    this.at = start;
    this.end = wireValue.length;
    this.walk(type);
  }

  private walk(type: avro.Type): void {
    switch (type.typeName) {
      case "null":
        return;
      case "boolean":
        this.flag();
        return;
      case "int":
      case "long":
        this.number();
        return;
      case "enum":
        this.symbolOf((type as avro.types.EnumType).symbols.length);
        return;
      case "float":
        this.jump(4);
        return;
      case "double":
        this.jump(8);
        return;
      case "fixed":
        this.jump((type as avro.types.FixedType).size);
        return;
      case "string":
      case "bytes":
        this.text();
        return;
      case "array":
        this.walkItems((type as avro.types.ArrayType).itemsType, false);
        return;
      case "map":
        this.walkItems((type as unknown as { valuesType: avro.Type }).valuesType, true);
        return;
      case "record":
        for (const field of (type as avro.types.RecordType).fields) this.walk(field.type);
        return;
      default: {
        // a union, wrapped or not
        const { types } = type as avro.types.UnwrappedUnionType;
        this.walk(types[this.symbolOf(types.length)]!);
      }
    }
  }

  private walkItems(items: avro.Type, named: boolean): void {
    for (let left = this.block(1); left > 0; left = this.block(1)) {
      for (; left > 0; left--) {
        if (named) this.text();
        this.walk(items);
      }
    }
  }

  /** Of up to 64 bits: what a number may be is the decoder's to say. */
  private number(): void {
    for (let bytes = 0; bytes < 10; bytes++) if (this.byte() < 0x80) return;
    throw this.unreadable("an oversized number");
  }

  private jump(bytes: number): void {
    if (this.at + bytes > this.end) throw this.unreadable("its end too early");
    this.at += bytes;
  }
}
